/* system_tables.c — the definitions of all system tables: columns in the order of `SELECT *`,
 * types, keys and v1 aliases, as docs/sql.md lists them.
 *
 * Stored tables are written by one server version and read by the next: append columns at the end
 * and give the table's definition a new version before that changes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "catalog/system_tables.h"

#include "base/check.h"
#include "catalog/catalog_internal.h"

enum system_column_flag {
    KEY = 1,
    NOT_NULL = 2,
    LOWER = 4, /* enumerated, stored in lower case: literals beside it ignore case */
    UPPER = 8,
    SET = 32,    /* INSERT and UPDATE may give it */
    HIDDEN = 16, /* an alias without a column to stand for; behind the shown columns */
};

struct system_column_def {
    const char *name;
    enum value_type type;
    unsigned flags; /* KEY implies NOT_NULL; key columns in key order */
};

struct system_alias {
    enum system_table table;
    const char *alias;
    const char *column;     /* or */
    const char *expression; /* over real columns */
};

static const struct system_column_def users_columns[] = {
    {"user_id", VALUE_TEXT, KEY | SET},
    {"username", VALUE_TEXT, NOT_NULL | SET},
    {"role", VALUE_TEXT, NOT_NULL | LOWER | SET},
    {"email", VALUE_TEXT, SET},
    {"metadata", VALUE_JSON, SET},
    {"storage_mode", VALUE_TEXT, NOT_NULL | LOWER | SET},
    {"storage_id", VALUE_TEXT, SET},
    {"auth_type", VALUE_TEXT, NOT_NULL | LOWER},
    {"password_hash", VALUE_TEXT, 0},
    {"api_key", VALUE_TEXT, 0},
    {"failed_login_attempts", VALUE_INT, NOT_NULL},
    {"locked_until", VALUE_TIMESTAMP, 0},
    {"last_login_at", VALUE_TIMESTAMP, 0},
    {"last_seen", VALUE_TIMESTAMP, 0},
    {"created_at", VALUE_TIMESTAMP, NOT_NULL},
    {"updated_at", VALUE_TIMESTAMP, NOT_NULL},
    {"deleted_at", VALUE_TIMESTAMP, SET},
};

static const struct system_column_def namespaces_columns[] = {
    {"namespace_id", VALUE_TEXT, KEY | SET},   {"options", VALUE_JSON, SET},
    {"table_count", VALUE_INT, NOT_NULL},      {"created_at", VALUE_TIMESTAMP, NOT_NULL},
    {"updated_at", VALUE_TIMESTAMP, NOT_NULL},
};

static const struct system_column_def tables_columns[] = {
    {"table_id", VALUE_TEXT, KEY},
    {"namespace_id", VALUE_TEXT, NOT_NULL},
    {"table_name", VALUE_TEXT, NOT_NULL},
    {"table_type", VALUE_TEXT, NOT_NULL | UPPER},
    {"current_schema_version", VALUE_INT, NOT_NULL},
    {"primary_key", VALUE_TEXT, NOT_NULL},
    {"storage_id", VALUE_TEXT, 0},
    {"storage_location", VALUE_TEXT, 0},
    {"use_user_storage", VALUE_BOOLEAN, NOT_NULL},
    {"flush_policy", VALUE_JSON, 0},
    {"deleted_retention", VALUE_TEXT, 0},
    {"stream_config", VALUE_JSON, 0},
    {"access", VALUE_TEXT, UPPER},
    {"options", VALUE_JSON, NOT_NULL},
    {"comment", VALUE_TEXT, 0},
    {"created_at", VALUE_TIMESTAMP, NOT_NULL},
    {"updated_at", VALUE_TIMESTAMP, NOT_NULL},
    {"last_flushed_at", VALUE_TIMESTAMP, 0},
};

static const struct system_column_def table_schemas_columns[] = {
    {"schema_id", VALUE_TEXT, KEY},
    {"table_id", VALUE_TEXT, NOT_NULL},
    {"namespace_id", VALUE_TEXT, NOT_NULL},
    {"table_name", VALUE_TEXT, NOT_NULL},
    {"version", VALUE_INT, NOT_NULL},
    {"arrow_schema", VALUE_JSON, NOT_NULL},
    {"changes", VALUE_TEXT, 0},
    {"dropped", VALUE_BOOLEAN, NOT_NULL},
    {"created_at", VALUE_TIMESTAMP, NOT_NULL},
};

static const struct system_column_def storages_columns[] = {
    {"storage_id", VALUE_TEXT, KEY | SET},
    {"storage_name", VALUE_TEXT, NOT_NULL | SET},
    {"storage_type", VALUE_TEXT, NOT_NULL | LOWER | SET},
    {"description", VALUE_TEXT, SET},
    {"uri", VALUE_TEXT, NOT_NULL | SET},
    {"credentials", VALUE_TEXT, SET},
    {"config_json", VALUE_JSON, SET},
    {"shared_tables_template", VALUE_TEXT, NOT_NULL | SET},
    {"user_tables_template", VALUE_TEXT, NOT_NULL | SET},
    {"usage_count", VALUE_BIGINT, NOT_NULL},
    {"created_at", VALUE_TIMESTAMP, NOT_NULL},
    {"updated_at", VALUE_TIMESTAMP, NOT_NULL},
};

static const struct system_column_def storage_locations_columns[] = {
    {"location_name", VALUE_TEXT, KEY | SET},
    {"location_type", VALUE_TEXT, NOT_NULL | LOWER | SET},
    {"path", VALUE_TEXT, NOT_NULL | SET},
    {"credentials_ref", VALUE_TEXT, SET},
    {"usage_count", VALUE_BIGINT, NOT_NULL},
    {"created_at", VALUE_TIMESTAMP, NOT_NULL},
    {"updated_at", VALUE_TIMESTAMP, NOT_NULL},
};

static const struct system_column_def live_queries_columns[] = {
    {"live_id", VALUE_TEXT, KEY},
    {"connection_id", VALUE_TEXT, 0},
    {"query_id", VALUE_TEXT, 0},
    {"namespace_id", VALUE_TEXT, 0},
    {"table_name", VALUE_TEXT, 0},
    {"user_id", VALUE_TEXT, 0},
    {"query", VALUE_TEXT, 0},
    {"options", VALUE_JSON, 0},
    {"status", VALUE_TEXT, LOWER},
    {"changes", VALUE_BIGINT, 0},
    {"node", VALUE_TEXT, 0},
    {"created_at", VALUE_TIMESTAMP, 0},
    {"last_update", VALUE_TIMESTAMP, 0},
    {"last_ping_at", VALUE_TIMESTAMP, 0},
    {"lag", VALUE_BIGINT, HIDDEN},
};

static const struct system_column_def jobs_columns[] = {
    {"job_id", VALUE_TEXT, KEY},
    {"job_type", VALUE_TEXT, NOT_NULL | LOWER},
    {"status", VALUE_TEXT, NOT_NULL | LOWER},
    {"namespace_id", VALUE_TEXT, 0},
    {"table_name", VALUE_TEXT, 0},
    {"user_id", VALUE_TEXT, 0},
    {"parameters", VALUE_JSON, 0},
    {"result", VALUE_TEXT, 0},
    {"trace", VALUE_TEXT, 0},
    {"memory_used", VALUE_BIGINT, 0},
    {"cpu_used", VALUE_BIGINT, 0},
    {"node", VALUE_TEXT, NOT_NULL},
    {"progress", VALUE_TEXT, 0},
    {"idempotency_key", VALUE_TEXT, 0},
    {"retry_count", VALUE_INT, NOT_NULL},
    {"max_retries", VALUE_INT, NOT_NULL},
    {"created_at", VALUE_TIMESTAMP, NOT_NULL},
    {"started_at", VALUE_TIMESTAMP, 0},
    {"completed_at", VALUE_TIMESTAMP, 0},
    {"error_message", VALUE_TEXT, 0},
};

static const struct system_column_def table_options_columns[] = {
    {"namespace_id", VALUE_TEXT, KEY}, {"table_name", VALUE_TEXT, KEY},
    {"option_key", VALUE_TEXT, KEY},   {"option_value", VALUE_TEXT, 0},
    {"value_type", VALUE_TEXT, LOWER}, {"description", VALUE_TEXT, 0},
};

static const struct system_column_def user_table_counters_columns[] = {
    {"user_id", VALUE_TEXT, KEY},
    {"namespace_id", VALUE_TEXT, KEY},
    {"table_name", VALUE_TEXT, KEY},
    {"buffered_rows", VALUE_BIGINT, NOT_NULL},
};

static const struct system_column_def segments_columns[] = {
    {"namespace_id", VALUE_TEXT, NOT_NULL},
    {"table_name", VALUE_TEXT, NOT_NULL},
    {"user_id", VALUE_TEXT, NOT_NULL},
    {"path", VALUE_TEXT, KEY},
    {"storage_id", VALUE_TEXT, NOT_NULL},
    {"rows", VALUE_BIGINT, NOT_NULL},
    {"bytes", VALUE_BIGINT, NOT_NULL},
    {"min_key", VALUE_TEXT, 0},
    {"max_key", VALUE_TEXT, 0},
    {"min_seq", VALUE_BIGINT, NOT_NULL},
    {"max_seq", VALUE_BIGINT, NOT_NULL},
    {"schema_version", VALUE_INT, NOT_NULL},
    {"created_at", VALUE_TIMESTAMP, NOT_NULL},
};

static const struct system_column_def settings_columns[] = {
    {"name", VALUE_TEXT, KEY}, {"value", VALUE_TEXT, 0},       {"default_value", VALUE_TEXT, 0},
    {"source", VALUE_TEXT, 0}, {"description", VALUE_TEXT, 0},
};

static const struct system_column_def logs_columns[] = {
    {"timestamp", VALUE_TIMESTAMP, NOT_NULL},
    {"level", VALUE_TEXT, LOWER},
    {"thread", VALUE_TEXT, 0},
    {"target", VALUE_TEXT, 0},
    {"line", VALUE_INT, 0},
    {"message", VALUE_TEXT, 0},
};

static const struct system_column_def metrics_columns[] = {
    {"metric_name", VALUE_TEXT, NOT_NULL},
    {"labels", VALUE_JSON, NOT_NULL},
    {"metric_value", VALUE_DOUBLE, NOT_NULL},
};

static const struct system_column_def schemata_columns[] = {
    {"catalog_name", VALUE_TEXT, NOT_NULL},
    {"schema_name", VALUE_TEXT, KEY},
};

static const struct system_column_def schema_tables_columns[] = {
    {"table_catalog", VALUE_TEXT, NOT_NULL},
    {"table_schema", VALUE_TEXT, KEY},
    {"table_name", VALUE_TEXT, KEY},
    {"table_type", VALUE_TEXT, NOT_NULL | UPPER},
    {"kalamdb_table_type", VALUE_TEXT, NOT_NULL | UPPER},
    {"storage_id", VALUE_TEXT, 0},
    {"use_user_storage", VALUE_BOOLEAN, 0},
    {"flush_row_threshold", VALUE_INT, 0},
    {"flush_interval_seconds", VALUE_INT, 0},
    {"ttl_seconds", VALUE_INT, 0},
    {"schema_version", VALUE_INT, NOT_NULL},
    {"created_at", VALUE_TIMESTAMP, 0},
    {"updated_at", VALUE_TIMESTAMP, 0},
    {"storage_location", VALUE_TEXT, HIDDEN},
};

static const struct system_column_def schema_columns_columns[] = {
    {"table_catalog", VALUE_TEXT, NOT_NULL},
    {"table_schema", VALUE_TEXT, KEY},
    {"table_name", VALUE_TEXT, KEY},
    {"column_name", VALUE_TEXT, KEY},
    {"ordinal_position", VALUE_INT, NOT_NULL},
    {"data_type", VALUE_TEXT, NOT_NULL},
    {"is_nullable", VALUE_TEXT, NOT_NULL | UPPER},
    {"column_default", VALUE_TEXT, 0},
    {"is_primary_key", VALUE_BOOLEAN, NOT_NULL},
    {"is_system", VALUE_BOOLEAN, NOT_NULL},
    {"character_maximum_length", VALUE_INT, 0},
    {"numeric_precision", VALUE_INT, 0},
    {"numeric_scale", VALUE_INT, 0},
};

#define SYSTEM_COLUMNS(list) list, (uint32_t)ARRAY_COUNT(list)
static const struct {
    const struct system_column_def *columns;
    uint32_t count;
} system_table_columns[SYSTEM_TABLE_COUNT] = {
    [SYSTEM_TABLE_USERS] = {SYSTEM_COLUMNS(users_columns)},
    [SYSTEM_TABLE_NAMESPACES] = {SYSTEM_COLUMNS(namespaces_columns)},
    [SYSTEM_TABLE_TABLES] = {SYSTEM_COLUMNS(tables_columns)},
    [SYSTEM_TABLE_TABLE_SCHEMAS] = {SYSTEM_COLUMNS(table_schemas_columns)},
    [SYSTEM_TABLE_STORAGES] = {SYSTEM_COLUMNS(storages_columns)},
    [SYSTEM_TABLE_JOBS] = {SYSTEM_COLUMNS(jobs_columns)},
    [SYSTEM_TABLE_LIVE_QUERIES] = {SYSTEM_COLUMNS(live_queries_columns)},
    [SYSTEM_TABLE_USER_TABLE_COUNTERS] = {SYSTEM_COLUMNS(user_table_counters_columns)},
    [SYSTEM_TABLE_SEGMENTS] = {SYSTEM_COLUMNS(segments_columns)},
    [SYSTEM_TABLE_SETTINGS] = {SYSTEM_COLUMNS(settings_columns)},
    [SYSTEM_TABLE_SCHEMATA] = {SYSTEM_COLUMNS(schemata_columns)},
    [SYSTEM_TABLE_SCHEMA_TABLES] = {SYSTEM_COLUMNS(schema_tables_columns)},
    [SYSTEM_TABLE_SCHEMA_COLUMNS] = {SYSTEM_COLUMNS(schema_columns_columns)},
    [SYSTEM_TABLE_TABLE_OPTIONS] = {SYSTEM_COLUMNS(table_options_columns)},
    [SYSTEM_TABLE_STORAGE_LOCATIONS] = {SYSTEM_COLUMNS(storage_locations_columns)},
    [SYSTEM_TABLE_LOGS] = {SYSTEM_COLUMNS(logs_columns)},
    [SYSTEM_TABLE_METRICS] = {SYSTEM_COLUMNS(metrics_columns)},
};
#undef SYSTEM_COLUMNS

static const struct {
    const char *schema, *name, *space;
} system_table_names[SYSTEM_TABLE_COUNT] = {
#define SYSTEM_TABLE_NAMES(which, schema, table, space) \
    [SYSTEM_TABLE_##which] = {schema, table, space},
    SYSTEM_TABLE_LIST(SYSTEM_TABLE_NAMES)
#undef SYSTEM_TABLE_NAMES
};

_Static_assert(ARRAY_COUNT(users_columns) == USERS_COLUMNS, "positions of system.users");
_Static_assert(ARRAY_COUNT(namespaces_columns) == NAMESPACES_COLUMNS, "system.namespaces");
_Static_assert(ARRAY_COUNT(tables_columns) == TABLES_COLUMNS, "positions of system.tables");
_Static_assert(ARRAY_COUNT(table_schemas_columns) == SCHEMAS_COLUMNS, "system.table_schemas");
_Static_assert(ARRAY_COUNT(storages_columns) == STORAGES_COLUMNS, "system.storages");
_Static_assert(ARRAY_COUNT(jobs_columns) <= SYSTEM_TABLE_COLUMNS_MAX, "room for values");

static const struct system_alias system_aliases[] = {
    {SYSTEM_TABLE_USERS, "auth_data", NULL, "CAST(NULL AS TEXT)"},
    {SYSTEM_TABLE_USERS, "apikey", "api_key", NULL},
    {SYSTEM_TABLE_NAMESPACES, "name", "namespace_id", NULL},
    {SYSTEM_TABLE_NAMESPACES, "metadata", "options", NULL},
    {SYSTEM_TABLE_TABLES, "namespace", "namespace_id", NULL},
    {SYSTEM_TABLE_TABLES, "schema_version", "current_schema_version", NULL},
    {SYSTEM_TABLE_TABLES, "version", "current_schema_version", NULL},
    {SYSTEM_TABLE_TABLES, "flush_row_limit", NULL, "CAST(flush_policy->>'rows' AS INT)"},
    {SYSTEM_TABLE_TABLES, "flush_interval_seconds", NULL,
     "CAST(flush_policy->>'interval_seconds' AS INT)"},
    {SYSTEM_TABLE_TABLES, "deleted_retention_hours", NULL,
     "CAST(options->>'deleted_retention_hours' AS INT)"},
    {SYSTEM_TABLE_TABLES, "ttl_seconds", NULL, "CAST(stream_config->>'retention_seconds' AS INT)"},
    {SYSTEM_TABLE_TABLES, "access_level", "access", NULL},
    {SYSTEM_TABLE_TABLE_SCHEMAS, "schema_version", "version", NULL},
    {SYSTEM_TABLE_TABLE_SCHEMAS, "schema_json", "arrow_schema", NULL},
    {SYSTEM_TABLE_STORAGES, "base_directory", "uri", NULL},
    {SYSTEM_TABLE_STORAGES, "path", "uri", NULL},
    {SYSTEM_TABLE_STORAGES, "table_count", "usage_count", NULL},
    {SYSTEM_TABLE_LIVE_QUERIES, "subscription_id", "query_id", NULL},
    {SYSTEM_TABLE_LIVE_QUERIES, "table_id", NULL, "namespace_id || ':' || table_name"},
    {SYSTEM_TABLE_LIVE_QUERIES, "node_id", "node", NULL},
    {SYSTEM_TABLE_LIVE_QUERIES, "updated_at", "last_update", NULL},
    {SYSTEM_TABLE_JOBS, "queue", "job_type", NULL},
    {SYSTEM_TABLE_JOBS, "namespace", "namespace_id", NULL},
    {SYSTEM_TABLE_JOBS, "message", NULL,
     "CASE WHEN status = 'failed' THEN error_message ELSE result END"},
    {SYSTEM_TABLE_JOBS, "exception_trace", "trace", NULL},
    {SYSTEM_TABLE_JOBS, "memory_used_mb", NULL, "memory_used / 1048576"},
    {SYSTEM_TABLE_JOBS, "node_id", "node", NULL},
    {SYSTEM_TABLE_JOBS, "leader_node_id", NULL, "CAST(NULL AS TEXT)"},
    {SYSTEM_TABLE_JOBS, "leader_status", NULL, "CAST(NULL AS TEXT)"},
    {SYSTEM_TABLE_JOBS, "priority", NULL, "0 + 0"}, /* no bare number: ORDER BY 0 is a place */
    {SYSTEM_TABLE_JOBS, "start_time", "started_at", NULL},
    {SYSTEM_TABLE_JOBS, "finished_at", "completed_at", NULL},
    {SYSTEM_TABLE_JOBS, "end_time", "completed_at", NULL},
    {SYSTEM_TABLE_JOBS, "updated_at", NULL, "COALESCE(completed_at, started_at, created_at)"},
    {SYSTEM_TABLE_JOBS, "error", "error_message", NULL},
    {SYSTEM_TABLE_SCHEMA_TABLES, "namespace_id", "table_schema", NULL},
    {SYSTEM_TABLE_SCHEMA_TABLES, "table_id", NULL, "table_schema || ':' || table_name"},
};

/* ---- definitions ------------------------------------------------------------------------------
 */

static void system_table_define_columns(enum system_table which, struct table_schema *schema)
{
    uint32_t count = system_table_columns[which].count;
    int key_position = 0;

    CHECK(count > 0 && count <= SYSTEM_TABLE_COLUMNS_MAX);
    schema->columns = arena_array(schema->arena, count, sizeof(struct table_column));
    schema->column_count = count;
    for (uint32_t i = 0; i < count; i++) {
        const struct system_column_def *def = &system_table_columns[which].columns[i];
        schema->columns[i] = (struct table_column){
            .id = i + 1,
            .name = str_from_c(def->name),
            .type = {.kind = def->type},
            .not_null = (def->flags & (KEY | NOT_NULL)) != 0,
            .key_position = (def->flags & KEY) != 0 ? key_position++ : -1,
        };
    }
}

struct table *system_table_define(enum system_table which)
{
    struct table *table = table_new();
    struct table_schema *schema = table_add_schema(table);

    CHECK(which < SYSTEM_TABLE_COUNT);
    table->id.value = (uint64_t)which + 1;
    table->kind = TABLE_KIND_SYSTEM;
    table->space = str_from_c(system_table_names[which].schema);
    table->name = str_from_c(system_table_names[which].name);
    schema->changes = STR_LIT("Initial schema");
    system_table_define_columns(which, schema);
    table_finish(table);
    return table;
}

struct str system_table_space_name(enum system_table which)
{
    CHECK(which < SYSTEM_TABLE_COUNT);
    return str_from_c(system_table_names[which].space);
}

const struct table *system_table(const struct catalog *catalog, enum system_table which)
{
    const struct table *table =
        catalog_find_table_id(catalog, (struct table_id){(uint64_t)which + 1});

    CHECK(table != NULL && table->kind == TABLE_KIND_SYSTEM);
    return table;
}

enum system_table system_table_of(const struct table *table)
{
    CHECK(table->kind == TABLE_KIND_SYSTEM && table->id.value > 0);
    CHECK(table->id.value <= SYSTEM_TABLE_COUNT);
    return (enum system_table)(table->id.value - 1);
}

uint32_t system_table_shown(const struct table *table)
{
    enum system_table which = system_table_of(table);
    uint32_t count = system_table_columns[which].count;

    while (count > 0 && (system_table_columns[which].columns[count - 1].flags & HIDDEN) != 0)
        count--;
    CHECK(count > 0);
    return count;
}

bool system_table_is_settable(const struct table *table, uint32_t column)
{
    enum system_table which = system_table_of(table);

    CHECK(column < system_table_columns[which].count);
    return (system_table_columns[which].columns[column].flags & SET) != 0;
}

bool system_table_fold(const struct table *table, uint32_t column, struct str text,
                       struct arena *arena, struct str *out)
{
    enum system_table which = system_table_of(table);

    CHECK(column < system_table_columns[which].count);
    unsigned flags = system_table_columns[which].columns[column].flags;
    if ((flags & (LOWER | UPPER)) == 0)
        return false;
    char *bytes = arena_alloc(arena, text.size + 1);
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if ((flags & LOWER) != 0 && c >= 'A' && c <= 'Z')
            c = (char)(c + ('a' - 'A'));
        if ((flags & UPPER) != 0 && c >= 'a' && c <= 'z')
            c = (char)(c - ('a' - 'A'));
        bytes[i] = c;
    }
    *out = str_from(bytes, text.size);
    if (which == SYSTEM_TABLE_SCHEMA_TABLES && str_equal(*out, STR_LIT("SYSTEM")) &&
        str_equal(table_column_name(table, column), STR_LIT("table_type")))
        *out = STR_LIT("SYSTEM TABLE");
    return true;
}

/* ---- aliases ----------------------------------------------------------------------------------
 */

static const struct system_alias *system_table_alias(const struct table *table, struct str alias)
{
    if (table->kind != TABLE_KIND_SYSTEM)
        return NULL;
    enum system_table which = system_table_of(table);
    for (size_t i = 0; i < ARRAY_COUNT(system_aliases); i++) {
        CHECK((system_aliases[i].column == NULL) != (system_aliases[i].expression == NULL));
        if (system_aliases[i].table == which &&
            str_equal(alias, str_from_c(system_aliases[i].alias)))
            return &system_aliases[i];
    }
    return NULL;
}

int system_table_find_alias(const struct table *table, struct str alias)
{
    const struct system_alias *found = system_table_alias(table, alias);

    if (found == NULL || found->column == NULL)
        return -1;
    int index = table_find_column(table, str_from_c(found->column));
    CHECK(index >= 0);
    return index;
}

struct str system_table_alias_expression(const struct table *table, struct str alias)
{
    const struct system_alias *found = system_table_alias(table, alias);

    CHECK(table != NULL);
    return found != NULL ? str_from_c(found->expression) : STR_EMPTY;
}
