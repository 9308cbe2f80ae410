/* columnar.h — DuckDB behind our own words: write Parquet from a row source, read Parquet, run one
 * checked SELECT over our scans. duckdb.h is included only in columnar*.c.
 *
 * Two instances: `small` (threads=1, run from our workers) and `large` (query.parallelism threads,
 * own memory limit). Both are locked down: external access off but for the storage
 * folders, configuration locked, no extensions. An instance that DuckDB declares invalid is
 * reopened; the caller sees STALE once and repeats the statement. Blocking: workers and job threads
 * only.
 *
 * storage/ knows no value.h; cells travel as `struct column_cell`, whose kinds mirror the fourteen
 * types.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORAGE_COLUMNAR_H
#define STORAGE_COLUMNAR_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/macros.h"
#include "base/str.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct columnar;
struct columnar_cast;
struct columnar_function;
struct columnar_guard;

struct columnar_options {
    uint64_t memory_bytes;        /* per instance, query.memory_limit */
    unsigned parallelism;         /* threads of the large instance */
    const char *temporary_folder; /* spill files, a folder per instance; must exist */
    uint64_t spill_bytes_max;     /* per instance; 0 = what DuckDB finds free */
    const char *const *folders;   /* local folders DuckDB may read and write */
    size_t folder_count;
    const char *const
        *setup; /* statements run in each new instance before it is locked; may be NULL */
    size_t setup_count;
    const struct columnar_cast *casts; /* may be NULL; live as long as the instances */
    size_t cast_count;
    const struct columnar_function *functions; /* likewise */
    size_t function_count;
};

enum status columnar_open(const struct columnar_options *options, struct columnar **out,
                          struct error *err) MUST_CHECK;
void columnar_close(struct columnar *columnar);
/* Lets DuckDB reach one more folder from the next statement on (a new storage): the locked
 * databases are replaced, which costs one opening. Nothing happens if the folder is reachable
 * already. */
void columnar_allow_folder(struct columnar *columnar, const char *folder);
const char *columnar_version(void);
uint64_t columnar_memory_bytes(const struct columnar *columnar); /* of each instance */

/* Order and meaning as enum value_type of value/value.h (a static assertion in store/ proves it).
 */
enum column_kind {
    COLUMN_NULL,
    COLUMN_BOOLEAN,
    COLUMN_SMALLINT,
    COLUMN_INT,
    COLUMN_BIGINT,
    COLUMN_FLOAT,
    COLUMN_DOUBLE,
    COLUMN_DECIMAL,
    COLUMN_TEXT,
    COLUMN_UUID,
    COLUMN_JSON,
    COLUMN_BYTES,
    COLUMN_DATE,
    COLUMN_TIME,
    COLUMN_TIMESTAMP,
};

struct column_type {
    enum column_kind kind;
    uint8_t precision, scale;
};

struct column_spec {
    struct str name;
    struct column_type type;
    uint32_t field_id; /* Parquet field id */
    bool required;     /* never NULL */
};

/* One cell. Integers, dates and times in `integer` (units as value.h), text and bytes borrowed. */
struct column_cell {
    bool is_null;
    union {
        bool boolean;
        int64_t integer;
        double real;
        __int128 decimal;
        struct str text;
        uint8_t uuid[16];
    };
};

/* Makes a TEXT, FLOAT, DOUBLE or DECIMAL a value of another type (no JSON; a DECIMAL a FLOAT or
 * DOUBLE, where DuckDB's own might not be the nearest) wherever DuckDB would: in casts,
 * beside columns, in arguments and parameters. What the cell points to may lie in `arena`.
 * TYPE_MISMATCH or CONSTRAINT_VIOLATION for a value that is none. Called from DuckDB's threads. */
struct columnar_cast {
    enum column_kind from, to; /* DECIMAL: of all precisions and scales */
    enum status (*convert)(const struct column_cell *value, struct column_type from,
                           struct column_type to, struct arena *arena, struct column_cell *cell,
                           struct error *err);
};

/* A function of one to three texts that says yes or no; NULL for a NULL. `work` grows by what each
 * row took, in steps of about a nanosecond: now and then it is asked whether the statement has to
 * stop. Called from DuckDB's threads. Or a guard (below), which has a name only. */
struct columnar_function {
    const char *name;
    unsigned argument_count;
    bool only_constant; /* no, without a call, unless the first argument is a constant */
    enum status (*run)(const struct str *args, uint64_t *work, bool *out, struct error *err);
    const struct columnar_guard *guard; /* NULL: none */
    const char *shown;                  /* what errors call it; NULL: the name, or the guard's */
};

/* What a function of DuckDB takes at worst for a text of n bytes, in nanoseconds:
 * row + n × byte + (n / match_bytes + 1) × (match + again × bytes read again, at most `reach`). */
struct columnar_cost {
    uint64_t row, byte;
    uint64_t match, match_bytes; /* match_bytes 0: looked for once, the rest does not count */
    uint64_t again, reach;       /* reach UINT64_MAX: to the end of the text */
    uint64_t compile;            /* of a constant pattern, once */
    uint64_t memory;             /* bytes of one, all the time, that DuckDB does not count */
};

/* A function of two to four texts that gives back the first: the text that a function of DuckDB is
 * to be run on with the others, the second of which is its pattern. DuckDB cannot be stopped while
 * it runs that on the rows of one vector. So what could take long at worst is tried out first, in
 * small pieces between which the statement can be stopped, and refused if it does. */
struct columnar_guard {
    const char *of; /* the function's name, for errors */
    void (*cost)(const struct str *args, bool is_constant, struct columnar_cost *out);
    /* Appends the call on the columns s and, unless its pattern is a constant, p. */
    void (*write)(const struct str *args, bool is_constant, struct buf *out);
};

/* ---- rows into DuckDB: table functions and COPY sources ----------------------------------------
 */

struct column_chunk; /* up to COLUMN_CHUNK_ROWS rows to be filled */
enum { COLUMN_CHUNK_ROWS = 2048 };
/* Sets row `row` of wanted column `column` (index into the projection). Text must live until the
 * statement ends (arena) or, with `copy`, only during the call. */
void column_chunk_set(struct column_chunk *chunk, size_t column, size_t row,
                      const struct column_cell *cell, bool copy);

/* The same for a cell that is not NULL and lies somewhere as the C type of its kind: bool, intN_t,
 * float, double, and int32_t or int64_t for dates and times. Not for DECIMAL, UUID and texts. */
void column_chunk_set_plain(struct column_chunk *chunk, size_t column, size_t row,
                            const void *place);

/* A source of rows. `open` may be called several times for one statement (once per reference and
 * execution), from DuckDB's threads; each opened cursor is used by one thread at a time. */
struct column_source {
    const struct column_spec *columns;
    size_t column_count;
    uint64_t rows_estimate;
    void *context;
    /* `wanted[i]` = index into columns; what the statement needs. */
    enum status (*open)(void *context, const uint32_t *wanted, size_t wanted_count, void **cursor,
                        struct error *err);
    /* Fills up to COLUMN_CHUNK_ROWS rows; *rows 0 = end. */
    enum status (*fill)(void *cursor, struct column_chunk *chunk, size_t *rows, struct error *err);
    void (*close)(void *cursor);
};

/* ---- Parquet ------------------------------------------------------------------------------------
 */

struct parquet_options {
    const char *compression; /* zstd, snappy, lz4, none */
    uint32_t row_group_rows; /* multiple of 2048; 1: each chunk of the source is one */
    const struct parquet_meta {
        struct str key, value;
    } * meta; /* file key-value metadata */
    size_t meta_count;
};
/* Writes all rows of `source` in their order to the local `path` (not fsynced, see files_publish).
 */
enum status columnar_write_parquet(struct columnar *columnar, const char *path,
                                   const struct column_source *source,
                                   const struct parquet_options *options, uint64_t *rows,
                                   struct error *err) MUST_CHECK;

/* Reads columns of one local Parquet file, in file order. A wanted column is found by field id; one
 * the file does not have comes as NULL cells and `present[i]` false; the file's own type is told in
 * `types[i]`. */
struct parquet_reader;
struct parquet_read_options {
    const char *path;
    const uint32_t *field_ids;
    size_t field_count;
    uint64_t row_first,
        row_count; /* rows by position in the file; row groups outside are not read */
    const atomic_bool *cancelled; /* may be NULL */
};
enum status parquet_reader_open(struct columnar *columnar,
                                const struct parquet_read_options *options,
                                struct parquet_reader **out, struct error *err) MUST_CHECK;
const struct column_type *parquet_reader_types(const struct parquet_reader *reader);
const bool *parquet_reader_present(const struct parquet_reader *reader);
/* Next block of rows: cells[column][row], valid until the next call. END after the last. */
enum status parquet_reader_next(struct parquet_reader *reader,
                                const struct column_cell *const **cells, size_t *rows,
                                struct error *err) MUST_CHECK;
void parquet_reader_close(struct parquet_reader *reader);

/* ---- one SELECT ---------------------------------------------------------------------------------
 */

struct columnar_parameter {
    struct column_type type;
    struct column_cell cell;
};

struct columnar_query_options {
    struct str sql;                      /* may call hot_scan(n): n-th of sources */
    const struct column_source *sources; /* live until columnar_query_close */
    size_t source_count;
    const struct columnar_parameter *parameters; /* $1 … */
    size_t parameter_count;
    bool large;                   /* instance with several threads */
    bool whole;                   /* the result is small: made before columnar_query_open returns,
                                     which plans once and not twice; only without parameters */
    int64_t deadline_ns;          /* clock_monotonic_ns; 0 = none → QUERY_TIMEOUT */
    const atomic_bool *cancelled; /* watched; → CANCELLED */
};

struct columnar_result_column {
    struct str name;
    struct column_type
        type; /* after mapping: HUGEINT → DECIMAL(38,0), nested → JSON, others → TEXT */
};

struct columnar_query;
/* Runs and streams: the first rows come before the last are computed. Errors of the user's SQL:
 * SQL_EXECUTION_ERROR, TYPE_MISMATCH, INVALID_SQL with DuckDB's message shortened to its first
 * line, without paths; RESULT_TOO_LARGE for the memory limit; STALE when the instance had to be
 * reopened. */
enum status columnar_query_open(struct columnar *columnar,
                                const struct columnar_query_options *options,
                                struct columnar_query **out, struct error *err) MUST_CHECK;
const struct columnar_result_column *columnar_query_columns(const struct columnar_query *query,
                                                            size_t *count);
/* Next block: cells[column][row], valid until the next call. END after the last. */
enum status columnar_query_next(struct columnar_query *query,
                                const struct column_cell *const **cells, size_t *rows,
                                struct error *err) MUST_CHECK;
void columnar_query_close(struct columnar_query *query); /* NULL is fine */

/* The serialized syntax tree (JSON) of one SELECT statement: DuckDB's json_serialize_sql. Syntax
 * errors: INVALID_SQL with position. The text lies in `arena`. */
enum status columnar_parse(struct columnar *columnar, struct str sql, struct arena *arena,
                           struct str *json, struct error *err) MUST_CHECK;

#endif
