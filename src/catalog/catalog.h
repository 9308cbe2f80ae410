/* catalog.h — names and shapes: namespaces, tables, schema versions, users, storages.
 *
 * The catalogue is a chain of immutable versions. Readers hold one version by reference for the
 * length of a statement (through their view); a change builds the next version from the newest
 * under the catalogue lock of store/ddl.h, is made durable as system rows in one batch on the
 * commit thread, and is published together with the data it belongs to. Tables and users are shared
 * between versions by reference count.
 *
 * System tables are ordinary tables of kind SYSTEM with fixed definitions (system_tables.h); their
 * rows use the common row format in their own spaces. Any thread; published objects are immutable.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CATALOG_CATALOG_H
#define CATALOG_CATALOG_H

#include "base/error.h"
#include "base/str.h"
#include "storage/kv.h"
#include "value/row.h"
#include "value/value.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct table_id {
    uint64_t value; /* never reused; 1–99 are system tables */
};

enum table_kind { TABLE_KIND_USER, TABLE_KIND_SHARED, TABLE_KIND_STREAM, TABLE_KIND_SYSTEM };
enum table_access {
    TABLE_ACCESS_UNSET,
    TABLE_ACCESS_PUBLIC,
    TABLE_ACCESS_PRIVATE,
    TABLE_ACCESS_RESTRICTED
};

enum default_kind {
    DEFAULT_NONE,
    DEFAULT_LITERAL,
    DEFAULT_NOW,
    DEFAULT_SNOWFLAKE,
    DEFAULT_UUID_V7,
    DEFAULT_ULID,
    DEFAULT_CURRENT_USER,
};

struct table_column {
    uint32_t id; /* > 0, stable, never reused within the table */
    struct str name;
    struct data_type type;
    bool not_null;
    bool auto_increment;
    enum default_kind default_kind;
    struct value default_value; /* DEFAULT_LITERAL: of the column's type */
    int key_position;           /* index in the primary key, -1 = not a key column */
    /* What rows written before this column was added show: its DEFAULT at that time, frozen. NULL
     * pointer = NULL, also for columns of version 1. */
    const struct value *missing;
};

/* System columns follow the user columns: _seq, then (not on streams) _updated, _deleted. Their
 * column indices are column_count + these. SYSTEM tables have none that SELECT * shows. */
enum system_column {
    SYSTEM_COLUMN_SEQ,
    SYSTEM_COLUMN_UPDATED,
    SYSTEM_COLUMN_DELETED,
    SYSTEM_COLUMN_COUNT
};
enum { /* field ids of the system columns in Parquet and in column ids */
       COLUMN_ID_SEQ = 0x7fff0001,
       COLUMN_ID_UPDATED = 0x7fff0002,
       COLUMN_ID_DELETED = 0x7fff0003,
};

/* One schema version of a table. Versions do not change once the table is finished; they are
 * counted and shared by all later states of the table, so that an ALTER costs the same for the
 * second version as for the thousandth. */
struct table_schema {
    atomic_uint refs;
    struct arena *arena; /* owns all memory of the version */
    uint32_t version;
    struct table_column *columns; /* user columns in order */
    uint32_t column_count;
    struct row_layout layout; /* same columns */
    struct str changes;       /* "Initial schema" */
    int64_t created_at;
};

struct table {
    atomic_uint refs;
    /* µs of the last flush that wrote a file, 0 = never. With refs the only member that changes
     * after publication: a flush alters nothing that a plan knows of the table. */
    _Atomic int64_t last_flushed_at;
    struct table_id id;
    enum table_kind kind;
    struct str space; /* namespace */
    struct str name;
    struct str comment;                  /* empty = NULL */
    struct table_schema *const *schemas; /* all versions, ascending by version */
    uint32_t schema_count, schema_capacity;
    const struct table_schema *schema; /* newest = schemas[schema_count - 1] */
    uint32_t *key_columns;             /* indices into schema->columns, in key order */
    uint32_t key_count;
    struct kv_space *rows; /* NULL for virtual system tables */
    /* options */
    struct str storage_id;  /* "local"; empty for streams */
    struct str storage_uri; /* of the storage when the table was made; empty = default folder */
    struct str location;    /* template below it: LOCATION, or the storage's at that time */
    bool has_location;      /* LOCATION was given */
    bool use_user_storage;
    uint32_t flush_rows;             /* 0 = no row policy */
    uint32_t flush_interval_seconds; /* 0 = no interval policy */
    int64_t deleted_retention_hours; /* -1 = off */
    enum table_access access;
    uint32_t ttl_seconds, max_buffer; /* STREAM */
    bool ephemeral;                   /* STREAM */
    int64_t created_at, updated_at;   /* µs */
    struct arena *arena;              /* owns all memory but the schema versions */
};

enum role { ROLE_USER, ROLE_SERVICE, ROLE_DBA, ROLE_SYSTEM };

struct user {
    atomic_uint refs;
    struct str id, username, email, metadata; /* empty email/metadata = NULL */
    enum role role;
    struct str password_hash; /* encoded argon2id; empty = no password log-in */
    struct str api_key_hash;  /* hex SHA-256; empty = none */
    /* µs; older tokens are refused. Kept with the credentials; a user without any gets updated_at
     * back after a restart. */
    int64_t credentials_changed;
    struct str storage_mode,
        storage_id; /* "table" (set by user_new) or "region"; empty id = NULL */
    int64_t failed_login_attempts;
    int64_t locked_until, last_login_at, last_seen; /* µs, 0 = NULL */
    int64_t created_at, updated_at, deleted_at;     /* deleted_at 0 = not */
    struct arena *arena;
};

struct catalog_namespace {
    struct str name;
    struct str options; /* JSON object text, empty = NULL */
    int64_t created_at, updated_at;
};

/* Of a new namespace, table or column: a letter, then letters, digits and `_`; 1 to
 * LIMIT_IDENTIFIER_BYTES. */
bool catalog_name_is_valid(struct str name);
/* 1 to LIMIT_USER_ID_BYTES of letters, digits and `_ . @ + -`, without `..` and not `.`: an id is
 * part of keys and a folder's name. Asked before either is built. */
bool user_id_is_valid(struct str id);

/* One immutable state of the catalogue. */
struct catalog;

struct catalog *catalog_ref(struct catalog *catalog);
void catalog_unref(struct catalog *catalog);
uint64_t catalog_version(const struct catalog *catalog); /* grows with every change */

/* Look-ups return borrowed objects that live as long as the catalogue version; NULL if absent. A
 * system table is found by its v1 alias too (system.live, system.schemas). */
const struct catalog_namespace *catalog_find_namespace(const struct catalog *catalog,
                                                       struct str name);
const struct table *catalog_find_table(const struct catalog *catalog, struct str space,
                                       struct str name);
const struct table *catalog_find_table_id(const struct catalog *catalog, struct table_id id);
const struct user *catalog_find_user(const struct catalog *catalog, struct str id);
const struct user *catalog_find_api_key(const struct catalog *catalog, struct str sha256_hex);
/* Iteration sorted by name (tables: by namespace, name). index 0…; NULL at the end. */
const struct catalog_namespace *catalog_namespace_at(const struct catalog *catalog, size_t index);
const struct table *catalog_table_at(const struct catalog *catalog, size_t index);
const struct user *catalog_user_at(const struct catalog *catalog, size_t index);

struct table *table_ref(const struct table *table);
void table_unref(struct table *table);
/* Under the catalogue lock of store/ddl.h. */
void table_set_last_flushed(const struct table *table, int64_t flushed_us);
/* Index of a user or system column by name (exact, already folded), or -1. */
int table_find_column(const struct table *table, struct str name);
/* Name and type of column `index`, system columns included. */
struct str table_column_name(const struct table *table, uint32_t index);
struct data_type table_column_type(const struct table *table, uint32_t index);
uint32_t table_column_total(const struct table *table); /* user + system columns of its kind */
const struct table_schema *table_schema_version(const struct table *table,
                                                uint32_t version); /* NULL */
bool table_has_user_instances(const struct table *table);          /* kind USER */
/* Whether rows lie under their key alone: it is unique then, and rows come in its order. Events of
 * a STREAM lie under time and key. */
bool table_is_keyed(const struct table *table);

const char *table_kind_name(enum table_kind kind); /* "USER" */
const char *role_name(enum role role);             /* "user" */
bool role_parse(struct str text, enum role *role); /* with the synonyms of docs/sql.md */

/* ---- building the next version (under the catalogue lock)
 * ---------------------------------------- */

/* A copy of `base` that may be changed until it is published. */
struct catalog_builder;
struct catalog_builder *catalog_builder_new(struct catalog *base);
void catalog_builder_free(struct catalog_builder *builder); /* drops what was not published */
void catalog_builder_put_namespace(struct catalog_builder *builder,
                                   const struct catalog_namespace *space);
void catalog_builder_remove_namespace(struct catalog_builder *builder, struct str name);
void catalog_builder_put_table(struct catalog_builder *builder,
                               struct table *table); /* takes the reference */
void catalog_builder_remove_table(struct catalog_builder *builder, struct table_id id);
void catalog_builder_put_user(struct catalog_builder *builder,
                              struct user *user); /* takes the reference */
void catalog_builder_remove_user(struct catalog_builder *builder, struct str id);
/* The finished version with one reference for the caller; the builder is gone. */
struct catalog *catalog_builder_finish(struct catalog_builder *builder);

/* New objects with one reference and their own arena; members are filled by the caller.
 * table_finish derives layouts, key columns and checks invariants. */
struct table *table_new(void);
/* Appends a schema version: one more than the last, without columns, to be filled by the caller
 * with memory of the version's own arena. */
struct table_schema *table_add_schema(struct table *table);
void table_finish(struct table *table);
/* For ALTER: a copy that shares the schema versions and `rows`. With `next_version` it ends with a
 * new version (version + 1, same columns, room for one more, `changes` empty) that the caller
 * edits; table_finish then. */
struct table *table_copy(const struct table *table, bool next_version);
/* The smallest column id that no version of the table has used. */
uint32_t table_next_column_id(const struct table *table);
struct user *user_new(void);
struct user *user_copy(const struct user *user); /* deep, one reference, to be edited and put */
struct user *user_ref(const struct user *user);
void user_unref(struct user *user);

#endif
