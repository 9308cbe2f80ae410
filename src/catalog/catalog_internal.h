/* catalog_internal.h — what only the files of catalog/ share: the empty catalogue, the JSON text of
 * a schema version, the definitions of system tables.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CATALOG_CATALOG_INTERNAL_H
#define CATALOG_CATALOG_INTERNAL_H

#include "base/buf.h"
#include "catalog/catalog.h"
#include "catalog/storage.h"
#include "catalog/system_tables.h"

struct catalog *catalog_new_empty(void); /* version 0, without system tables */

/* ---- schema_json.c: one schema version as JSON text (column arrow_schema)
 * ------------------------- */

void schema_json_write(const struct table *table, const struct table_schema *schema,
                       struct buf *out);
/* Appends a schema version with the columns of the text; NULL if it belongs to another table of the
 * same name. CORRUPT. */
enum status schema_json_read(struct str json, struct table *table, struct table_schema **schema,
                             struct error *err) MUST_CHECK;
/* A text as a JSON string with quotes. */
void json_write_text(struct str text, struct buf *out);

/* ---- schema_id.c: key of a schema version, as stored
 * ----------------------------------------------- */

struct str schema_id_of(const struct table *table, uint32_t version, struct arena *arena);

/* ---- options_json.c: options of a table
 * ----------------------------------------------------------- */

/* An integer or boolean member of an object text; `fallback` when it is absent or of another type.
 */
int64_t options_json_integer(struct str json, const char *name, int64_t fallback);
bool options_json_boolean(struct str json, const char *name, bool fallback);
/* A text member in the arena; empty when it is absent or of another type. */
struct str options_json_text(struct str json, const char *name, struct arena *arena);
/* The whole text as one JSON object of json-c, to be put; NULL if it is none. */
struct json_object;
struct json_object *options_json_parse(struct str json);

/* ---- system_tables.c
 * ------------------------------------------------------------------------------- */

/* A new definition with one reference; `rows` is set by the caller for stored ones. */
struct table *system_table_define(enum system_table which);
struct str system_table_space_name(enum system_table which); /* empty when virtual */

/* ---- system_rows.c / system_rows_read.c: records
 * ---------------------------------------------------- */

struct user *system_row_read_user(const struct value *values);
struct storage *system_row_read_storage(const struct value *values);
void system_row_read_namespace(const struct value *values, struct catalog_namespace *space);
/* Options, names, times and id; the schema versions follow. CORRUPT. */
enum status system_row_read_table(const struct value *values, struct table *table,
                                  struct error *err) MUST_CHECK;

/* Column positions of the stored system tables, in the order of docs/sql.md. */
enum {
    USERS_USER_ID,
    USERS_USERNAME,
    USERS_ROLE,
    USERS_EMAIL,
    USERS_METADATA,
    USERS_STORAGE_MODE,
    USERS_STORAGE_ID,
    USERS_AUTH_TYPE,
    USERS_PASSWORD_HASH,
    USERS_API_KEY,
    USERS_FAILED_ATTEMPTS,
    USERS_LOCKED_UNTIL,
    USERS_LAST_LOGIN_AT,
    USERS_LAST_SEEN,
    USERS_CREATED_AT,
    USERS_UPDATED_AT,
    USERS_DELETED_AT,
    USERS_COLUMNS
};
enum {
    NAMESPACES_ID,
    NAMESPACES_OPTIONS,
    NAMESPACES_TABLE_COUNT,
    NAMESPACES_CREATED_AT,
    NAMESPACES_UPDATED_AT,
    NAMESPACES_COLUMNS
};
enum {
    STORAGES_ID,
    STORAGES_NAME,
    STORAGES_TYPE,
    STORAGES_DESCRIPTION,
    STORAGES_URI,
    STORAGES_CREDENTIALS,
    STORAGES_CONFIG_JSON,
    STORAGES_SHARED_TEMPLATE,
    STORAGES_USER_TEMPLATE,
    STORAGES_USAGE_COUNT,
    STORAGES_CREATED_AT,
    STORAGES_UPDATED_AT,
    STORAGES_COLUMNS
};
enum {
    TABLES_TABLE_ID,
    TABLES_NAMESPACE_ID,
    TABLES_TABLE_NAME,
    TABLES_TABLE_TYPE,
    TABLES_SCHEMA_VERSION,
    TABLES_PRIMARY_KEY,
    TABLES_STORAGE_ID,
    TABLES_STORAGE_LOCATION,
    TABLES_USE_USER_STORAGE,
    TABLES_FLUSH_POLICY,
    TABLES_DELETED_RETENTION,
    TABLES_STREAM_CONFIG,
    TABLES_ACCESS,
    TABLES_OPTIONS,
    TABLES_COMMENT,
    TABLES_CREATED_AT,
    TABLES_UPDATED_AT,
    TABLES_LAST_FLUSHED_AT,
    TABLES_COLUMNS
};
enum {
    SCHEMAS_SCHEMA_ID,
    SCHEMAS_TABLE_ID,
    SCHEMAS_NAMESPACE_ID,
    SCHEMAS_TABLE_NAME,
    SCHEMAS_VERSION,
    SCHEMAS_ARROW_SCHEMA,
    SCHEMAS_CHANGES,
    SCHEMAS_DROPPED,
    SCHEMAS_CREATED_AT,
    SCHEMAS_COLUMNS
};

#endif
