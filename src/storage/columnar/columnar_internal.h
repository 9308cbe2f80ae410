/* columnar_internal.h — what the columnar*.c files share; the only header that shows DuckDB.
 *
 * Lifetimes: an `instance` (one DuckDB database) lives while it is current or a statement uses it;
 * a `columnar_session` is one connection with the sources of one statement, idle before and after
 * if the statement ended by itself; the watchdog holds a session's connection only between
 * watch_begin and watch_end.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORAGE_COLUMNAR_INTERNAL_H
#define STORAGE_COLUMNAR_INTERNAL_H

#include "base/buf.h"
#include "base/map.h"
#include "storage/columnar.h"

#include <duckdb.h>
#include <pthread.h>

struct instance;

/* ---- columnar_watch.c: interrupts statements that must stop
 * ----------------------------------------- */

struct watch {
    struct watch *previous, *next;
    duckdb_connection connection;
    int64_t deadline_ns;          /* 0 = none */
    const atomic_bool *cancelled; /* may be NULL */
    atomic_int fired;             /* STATUS_OK, QUERY_TIMEOUT or CANCELLED */
};

struct watchdog {
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    pthread_t thread;
    struct watch *first;
    int64_t wake_at_ns; /* when the thread looks again; INT64_MAX = when told */
    bool is_stopping;
};

void watchdog_start(struct watchdog *watchdog);
void watchdog_stop(struct watchdog *watchdog); /* nothing may be watched */
void watch_begin(struct watchdog *watchdog, struct watch *watch);
/* Afterwards the connection is not touched any more. */
void watch_end(struct watchdog *watchdog, struct watch *watch);

/* ---- columnar_instance.c: databases, lock-down, connections
 * ------------------------------------------ */

struct columnar_parser { /* a connection ready to parse */
    struct columnar_parser *next;
    duckdb_connection connection;
    duckdb_prepared_statement parse;
};

struct columnar_idle { /* a connection between two statements */
    struct columnar_idle *next;
    duckdb_connection connection;
    idx_t connection_id;
};

struct instance {
    duckdb_database database;
    struct columnar *columnar;
    uint64_t number;                   /* of the folder it spills into */
    bool is_large, is_dead;            /* dead: replaced, closed with its last user */
    unsigned users;                    /* under columnar->mutex */
    struct columnar_session *sessions; /* running statements; under columnar->mutex */
    struct columnar_parser *parsers;   /* idle ones; under columnar->mutex */
    struct columnar_idle *idle;        /* under columnar->mutex */
    unsigned idle_count;
    struct map files; /* paths seen, see columnar_files.c; under columnar->mutex */
};

struct columnar {
    struct columnar_options options; /* strings owned */
    char *temporary_folder;
    char **folders; /* each ends with '/' */
    size_t folder_count;
    char **setup;
    pthread_mutex_t mutex;
    struct instance *instances[2]; /* small, large; NULL after a failed reopening */
    uint64_t opened;               /* instances so far; under mutex */
    struct map schemas;            /* file → struct parquet_schema, see columnar_read.c */
    struct watchdog watchdog;
};

/* One connection that runs one statement. hot_scan finds `sources` through the connection's id. */
struct columnar_session {
    struct columnar_session *next;
    struct columnar *columnar;
    struct instance *instance;
    duckdb_connection connection;
    idx_t connection_id;
    const struct column_source *sources;
    size_t source_count;
    const atomic_int *stopped; /* of the statement's watch; NULL: none yet */
    uint64_t compile_ns;       /* of its patterns, at worst; under columnar->mutex */
    uint64_t pattern_bytes;    /* of them, likewise */
    bool prepares;             /* DuckDB binds its statement and folds constants */
    bool is_finished; /* the statement ran to its end: the connection may be used again … */
    atomic_uint cursors_open;  /* … once DuckDB has let go of every source */
    pthread_mutex_t mutex;     /* of the two below: sources run on several threads */
    struct error source_error; /* the first error a source reported … */
    enum status source_status; /* … and its code */
};

enum status instance_open(struct columnar *columnar, bool is_large, struct instance **out,
                          struct error *err) MUST_CHECK;
enum status instance_acquire(struct columnar *columnar, bool is_large, struct instance **out,
                             struct error *err) MUST_CHECK;
void instance_release(struct instance *instance);
/* DuckDB declared the database invalid, or it has seen enough: a new one takes its place. */
void instance_replace(struct instance *instance);
/* The first of the two, with a line in the log that says no more than `why`. STALE. */
enum status instance_failed(struct instance *instance, const char *why,
                            struct error *err) MUST_CHECK;

/* ---- columnar_files.c
 * ---------------------------------------------------------------------------------------------- */

enum { INSTANCE_FILES_MAX = 512 };

/* Of a statement that is about to run on the instance; the caller uses it. */
void instance_note_files(struct instance *instance, struct str sql);

enum status session_open(struct columnar *columnar, bool is_large,
                         const struct column_source *sources, size_t source_count,
                         struct columnar_session *session, struct error *err) MUST_CHECK;
void session_close(struct columnar_session *session);
/* Keeps a source's first error; called from DuckDB's threads. */
void session_source_failed(struct columnar_session *session, enum status status,
                           const struct error *source_error);
/* Status and text for an error of DuckDB on this session: a source's error wins; an invalid
 * database is replaced and gives STALE. */
enum status session_error(struct columnar_session *session, const char *message, struct error *err);
/* Whose connection has this id; NULL: none of ours. columnar->mutex is held. */
struct columnar_session *session_of_connection(const struct instance *instance, idx_t id);
/* Appends 'text' as SQL literal or "name" as SQL identifier. */
void sql_append_literal(struct buf *out, struct str text);
void sql_append_name(struct buf *out, struct str name);

/* ---- columnar_scan.c: hot_scan(n)
 * -------------------------------------------------------------------- */

enum status scan_register(struct instance *instance, duckdb_connection connection,
                          struct error *err) MUST_CHECK;

/* ---- columnar_cast.c: values converted by columnar_options.casts
 * -------------------------------------------------------------------- */

/* For all connections of the database; `cast` lives as long as it. */
enum status cast_register(duckdb_connection connection, const struct columnar_cast *cast,
                          struct error *err) MUST_CHECK;

/* ---- columnar_function.c: columnar_options.functions
 * -------------------------------------------------------------------- */

/* For all connections of the database; `of` lives as long as it. */
enum status function_register(struct instance *instance, duckdb_connection connection,
                              const struct columnar_function *of, struct error *err) MUST_CHECK;

/* ---- columnar_size.c: size_in_characters, size_in_bytes
 * -------------------------------------------------------------------- */

/* For all connections of the database. */
enum status size_register(duckdb_connection connection, struct error *err) MUST_CHECK;

struct call_use { /* a function in one database */
    const struct columnar_function *function;
    struct instance *instance; /* NULL: nothing to be stopped, or tried out */
};

struct call_bind { /* one call in a statement */
    idx_t connection_id;
    bool constant; /* that argument */
};

/* For the callback that binds a call; the call owns it. */
struct call_bind *call_bind_new(duckdb_bind_info info, idx_t constant);

enum { CALL_HIDDEN_MAX = 64 };

/* The arguments of one statement with a subquery in them: DuckDB shows none of these to a function
 * that is being bound, and who asks for one makes the whole statement fail. So the statement is
 * bound again, and whoever asked finds out without asking. The order of asking is that of before.
 */
struct call_hidden {
    uint32_t asked;                          /* since call_hidden_begin */
    uint32_t count, places[CALL_HIDDEN_MAX]; /* of `asked` */
    bool grew;                               /* … since then: to be bound again */
};

/* Before DuckDB binds the statement, on this thread; returns what was there, for _end. */
struct call_hidden *call_hidden_begin(struct call_hidden *hidden);
void call_hidden_end(struct call_hidden *before);
/* For a callback that binds; NULL if there is a subquery in the argument. Destroyed by the caller.
 */
duckdb_expression call_argument(duckdb_bind_info info, idx_t index);
/* The statement is found through its connection; there may be none while DuckDB folds a constant.
 */
bool call_must_stop(const struct call_use *use, const struct call_bind *bind);
/* Adds to the memory that the statement's patterns need; false if it is more than it may have. */
bool call_add_memory(const struct call_use *use, const struct call_bind *bind, uint64_t bytes);
/* Adds to what the statement's patterns take to compile, and tells the sum. */
uint64_t call_add_compile(const struct call_use *use, const struct call_bind *bind, uint64_t ns);
/* … where a pattern is part of a constant, which DuckDB computes anew for every call around it.
 * Adds nothing once the statement runs. */
uint64_t call_add_folded(const struct call_use *use, const struct call_bind *bind, uint64_t ns);

/* ---- columnar_guard.c
 * -------------------------------------------------------------------- */

/* Of a function with a guard, before it is registered. */
void guard_prepare(duckdb_scalar_function function);

struct column_chunk_vector {
    duckdb_vector vector;
    void *data;
    uint64_t *validity; /* NULL until the first NULL */
    struct column_type type;
};

enum { STRING_INLINE_BYTES = 12 }; /* of duckdb_string_t */
uint64_t column_uuid_word(const uint8_t *bytes);
void column_vector_set(struct column_chunk_vector *vector, size_t row,
                       const struct column_cell *cell, bool copy);

__int128 column_read_huge(const void *data, size_t row);
__int128 column_read_decimal(uint8_t precision, const void *data, size_t row);

struct column_chunk {
    size_t count;
    struct column_chunk_vector *vectors; /* of the wanted columns */
};

/* ---- columnar_value.c: cells ↔ vectors
 * --------------------------------------------------------------- */

duckdb_logical_type column_logical_type(struct column_type type);

/* How a result column is read. `needs_cast` names the SQL type its statement must cast it to first.
 */
struct column_decoder {
    duckdb_type physical;    /* type of the vector */
    struct column_type type; /* what it becomes */
    const char *needs_cast;  /* "JSON", "VARCHAR" or NULL */
};

void column_decoder_init(struct column_decoder *decoder, duckdb_logical_type type);
enum status column_decode(const struct column_decoder *decoder, duckdb_vector vector, size_t rows,
                          struct column_cell *cells, struct error *err) MUST_CHECK;
enum status column_bind(duckdb_prepared_statement statement, idx_t index,
                        const struct columnar_parameter *parameter, struct error *err) MUST_CHECK;

/* ---- columnar_row.c
 * ------------------------------------------------------------------------------------ */

/* The SQL text of a type with its nameless fields named f1, f2 …: mem_free. NULL if all have names.
 */
char *column_row_type(duckdb_logical_type type);

/* ---- columnar_error.c
 * ---------------------------------------------------------------------------------- */

/* The kind of a message after which a database refuses everything; NULL for any other. Only its
 * beginning is DuckDB's own: what follows quotes texts of users. */
const char *columnar_error_fatal_kind(const char *message);
/* True if the system refused memory; DuckDB's own limit is another matter. */
bool columnar_error_is_shortage(struct str message);
/* Maps DuckDB's message; `folders` never show in it. */
enum status columnar_error(struct columnar *columnar, const char *message, struct error *err);

/* ---- columnar_read.c
 * ----------------------------------------------------------------------------------- */

void parquet_schemas_clear(struct columnar *columnar);

#endif
