/* system_tables.h — definitions of the system tables of docs/sql.md and the records they hold.
 *
 * Each system table is one entry of SYSTEM_TABLE_LIST and one column list in system_tables.c.
 * Stored ones have a kv space; virtual ones are computed when read (sql/system/scan.c). Alias
 * columns resolve in queries but are not in SELECT *.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CATALOG_SYSTEM_TABLES_H
#define CATALOG_SYSTEM_TABLES_H

#include "base/arena.h"
#include "base/buf.h"
#include "catalog/catalog.h"
#include "catalog/storage.h"

/* X(NAME, schema, name, space of its rows or "" when virtual) */
#define SYSTEM_TABLE_LIST(X) \
    X(USERS, "system", "users", "system_users") \
    X(NAMESPACES, "system", "namespaces", "system_namespaces") \
    X(TABLES, "system", "tables", "system_tables") \
    X(TABLE_SCHEMAS, "system", "table_schemas", "system_table_schemas") \
    X(STORAGES, "system", "storages", "system_storages") \
    X(JOBS, "system", "jobs", "system_jobs") \
    X(LIVE_QUERIES, "system", "live_queries", "") \
    X(USER_TABLE_COUNTERS, "system", "user_table_counters", "") \
    X(SEGMENTS, "system", "segments", "") \
    X(SETTINGS, "system", "settings", "") \
    X(SCHEMATA, "information_schema", "schemata", "") \
    X(SCHEMA_TABLES, "information_schema", "tables", "") \
    X(SCHEMA_COLUMNS, "information_schema", "columns", "") \
    X(TABLE_OPTIONS, "system", "table_options", "") \
    X(STORAGE_LOCATIONS, "system", "storage_locations", "") \
    X(LOGS, "system", "logs", "") \
    X(METRICS, "system", "metrics", "")

enum system_table {
#define SYSTEM_TABLE_ENUM(name, schema, table, space) SYSTEM_TABLE_##name,
    SYSTEM_TABLE_LIST(SYSTEM_TABLE_ENUM)
#undef SYSTEM_TABLE_ENUM
        SYSTEM_TABLE_COUNT
};

/* The definition, in every catalogue version (id = enum + 1). Process-wide, immutable. */
const struct table *system_table(const struct catalog *catalog, enum system_table which);
/* v1 alias of a column: `alias` → index of the real column, or -1. */
int system_table_find_alias(const struct table *table, struct str alias);
/* Aliases that are no plain column: their value as an SQL expression over the real columns
 * (`memory_used_mb` → "memory_used / 1048576"), empty if `alias` is none. */
struct str system_table_alias_expression(const struct table *table, struct str alias);
/* How many of its columns `SELECT *` and DESCRIBE show; hidden ones, found by name, come behind. */
uint32_t system_table_shown(const struct table *table);
/* May INSERT and UPDATE give this column? All others are set by the server. */
bool system_table_is_settable(const struct table *table, uint32_t column);
/* A literal beside an enumerated column (table_type, status, role …) in the case of what is stored;
 * information_schema's 'SYSTEM' means 'SYSTEM TABLE'. False if the column is not enumerated. */
bool system_table_fold(const struct table *table, uint32_t column, struct str text,
                       struct arena *arena, struct str *out);
/* The system table of a table of kind SYSTEM. */
enum system_table system_table_of(const struct table *table);

/* ---- stored records: catalogue objects ↔ rows of system tables
 * ----------------------------------- */

/* Opens the spaces of all stored system tables, loads namespaces, tables (with all schema versions,
 * their kv spaces opened), users, storages; the first version of the catalogue. CORRUPT names the
 * record. Figures that are not catalogue (job rows) stay rows. */
enum status catalog_load(struct kv *kv, struct catalog **out, struct error *err) MUST_CHECK;

/* Encoders: values of one row in column order of the system table (arena), ready for row_encode. */
void system_row_namespace(const struct catalog_namespace *space, struct arena *arena,
                          struct value *values);
void system_row_user(const struct user *user, struct arena *arena, struct value *values);
/* Credentials sealed, as stored; usage_count is 0. */
void system_row_storage(const struct storage *storage, struct value *values);
void system_row_table(const struct table *table, struct arena *arena, struct value *values);
void system_row_table_schema(const struct table *table, const struct table_schema *schema,
                             bool dropped, struct arena *arena, struct value *values);
/* Gives the row of a dropped table's schema version a schema_id of its own, so that a table of the
 * same name can take the former. */
void system_row_set_schema_aside(struct value *values, struct arena *arena);
/* schema_id as it is shown, `ns:t:7`, and as it is stored and ordered, see schema_id.c. In the
 * arena, or the text itself when it is no schema_id. */
struct str schema_id_show(struct str stored, struct arena *arena);
struct str schema_id_stored(struct str shown, struct arena *arena);
/* `values` must have room for this many entries. */
enum { SYSTEM_TABLE_COLUMNS_MAX = 32 };

/* Name of the kv space that holds a table's rows: `user_table:{ns}:{table}:{id}`. The id keeps a
 * table that is created anew away from what is left of a dropped one. */
struct str table_space_name(const struct table *table, struct arena *arena);
unsigned table_space_flags(const struct table *table); /* enum kv_space_flag */
/* True when `name` is a table_space_name; gives the id in it. */
bool table_space_parse(struct str name, struct table_id *id);

/* ---- JSON text of options
 * ------------------------------------------------------------------------- */

/* Merges the members of the object `patch` into the object `base` (empty = {}); a null removes its
 * key. INVALID_SQL unless both are objects of strings, numbers, booleans, nulls. The text lies in
 * `arena`. */
enum status options_json_merge(struct str base, struct str patch, struct arena *arena,
                               struct str *out, struct error *err) MUST_CHECK;

#endif
