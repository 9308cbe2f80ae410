/* rows.c — information_schema and table_options, computed from the catalogue.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/system/scan.h"

#include "base/check.h"
#include "value/text.h"

static struct value system_rows_text(const char *text)
{
    CHECK(text != NULL);
    return value_text(VALUE_TEXT, str_from_c(text));
}

static struct value system_rows_int(int64_t integer)
{
    CHECK(integer >= INT32_MIN && integer <= INT32_MAX);
    return value_integer(VALUE_INT, integer);
}

/* A text as a literal of SQL. */
static struct str system_rows_quoted(struct str text, struct arena *arena)
{
    struct buf out;

    CHECK(text.data != NULL || text.size == 0);
    buf_init(&out);
    buf_append_byte(&out, '\'');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\'')
            buf_append_byte(&out, '\'');
        buf_append_byte(&out, (uint8_t)text.data[i]);
    }
    buf_append_byte(&out, '\'');
    struct str copy = arena_copy(arena, buf_str(&out));
    buf_clear(&out);
    return copy;
}

struct value system_default_text(const struct table_column *column, struct arena *arena)
{
    struct buf text;

    CHECK(column != NULL && arena != NULL);
    switch (column->default_kind) {
    case DEFAULT_NONE:
        return value_null(VALUE_TEXT);
    case DEFAULT_NOW:
        return system_rows_text("NOW()");
    case DEFAULT_SNOWFLAKE:
        return system_rows_text("SNOWFLAKE_ID()");
    case DEFAULT_UUID_V7:
        return system_rows_text("UUID_V7()");
    case DEFAULT_ULID:
        return system_rows_text("ULID()");
    case DEFAULT_CURRENT_USER:
        return system_rows_text("CURRENT_USER()");
    case DEFAULT_LITERAL:
        break;
    }
    const struct value *value = &column->default_value;
    if (value->is_null)
        return system_rows_text("NULL");
    bool quoted = !value_type_is_number(value->type) && value->type != VALUE_BOOLEAN;
    buf_init(&text);
    value_format(value, &text);
    struct value out = value_text(VALUE_TEXT, quoted ? system_rows_quoted(buf_str(&text), arena)
                                                     : arena_copy(arena, buf_str(&text)));
    buf_clear(&text);
    return out;
}

static void system_rows_schema(struct system_scan *scan, struct str name)
{
    struct value *values = system_scan_add(scan);

    CHECK(name.size > 0);
    values[0] = system_rows_text("kalamdb");
    values[1] = value_text(VALUE_TEXT, name);
}

static void system_rows_schemata(struct system_scan *scan, const struct catalog *catalog)
{
    static const char *const fixed[] = {"information_schema", "system"};
    const struct catalog_namespace *space;
    struct value name;

    CHECK(catalog != NULL);
    for (size_t i = 0; i < scan->point_count; i++)
        if (system_scan_point(scan, i, &name) &&
            (space = catalog_find_namespace(catalog, name.text)) != NULL)
            system_rows_schema(scan, space->name);
    for (size_t i = 0; !scan->by_points && (space = catalog_namespace_at(catalog, i)) != NULL; i++)
        system_rows_schema(scan, space->name);
    for (size_t i = 0; i < ARRAY_COUNT(fixed); i++) /* the filter decides */
        system_rows_schema(scan, str_from_c(fixed[i]));
}

static void system_rows_tables(struct system_scan *scan, const struct catalog *catalog)
{
    const struct table *table;

    for (size_t at = 0; (table = system_scan_next_table(scan, catalog, &at)) != NULL;) {
        bool system = table->kind == TABLE_KIND_SYSTEM;
        bool flushes = table->kind == TABLE_KIND_USER || table->kind == TABLE_KIND_SHARED;
        struct value *v = system_scan_add(scan);
        CHECK(table->schema != NULL);
        v[0] = system_rows_text("kalamdb");
        v[1] = value_text(VALUE_TEXT, table->space);
        v[2] = value_text(VALUE_TEXT, table->name);
        v[3] = system_rows_text(system ? "SYSTEM TABLE" : "BASE TABLE");
        v[4] = system_rows_text(table_kind_name(table->kind));
        if (!str_is_empty(table->storage_id))
            v[5] = value_text(VALUE_TEXT, table->storage_id);
        if (table->kind == TABLE_KIND_USER)
            v[6] = value_boolean(table->use_user_storage);
        if (flushes && table->flush_rows > 0)
            v[7] = system_rows_int(table->flush_rows);
        if (flushes && table->flush_interval_seconds > 0)
            v[8] = system_rows_int(table->flush_interval_seconds);
        if (table->kind == TABLE_KIND_STREAM)
            v[9] = system_rows_int(table->ttl_seconds);
        v[10] = system_rows_int(table->schema->version);
        if (!system) {
            v[11] = value_integer(VALUE_TIMESTAMP, table->created_at);
            v[12] = value_integer(VALUE_TIMESTAMP, table->updated_at);
        }
        if (!str_is_empty(table->location))
            v[13] = value_text(VALUE_TEXT, table->location);
    }
}

/* As PostgreSQL: binary digits of integers and floating-point numbers, decimal ones of DECIMAL. */
static void system_rows_numeric(const struct data_type *type, struct value *precision,
                                struct value *scale)
{
    static const uint8_t bits[VALUE_TYPE_COUNT] = {[VALUE_SMALLINT] = 16,
                                                   [VALUE_INT] = 32,
                                                   [VALUE_BIGINT] = 64,
                                                   [VALUE_FLOAT] = 24,
                                                   [VALUE_DOUBLE] = 53};

    CHECK(type->kind < VALUE_TYPE_COUNT);
    if (bits[type->kind] > 0)
        *precision = system_rows_int(bits[type->kind]);
    if (value_type_is_integer(type->kind))
        *scale = system_rows_int(0);
    if (type->kind != VALUE_DECIMAL)
        return;
    *precision = system_rows_int(type->precision);
    *scale = system_rows_int(type->scale);
}

static void system_rows_column(struct system_scan *scan, const struct table *table, uint32_t index)
{
    struct data_type type = table_column_type(table, index);
    bool system = index >= table->schema->column_count;
    const struct table_column *column = system ? NULL : &table->schema->columns[index];
    struct value *v = system_scan_add(scan);
    struct buf text;

    CHECK(index < table_column_total(table));
    buf_init(&text);
    data_type_format(&type, &text);
    v[0] = system_rows_text("kalamdb");
    v[1] = value_text(VALUE_TEXT, table->space);
    v[2] = value_text(VALUE_TEXT, table->name);
    v[3] = value_text(VALUE_TEXT, table_column_name(table, index));
    v[4] = system_rows_int((int64_t)index + 1);
    v[5] = value_text(VALUE_TEXT, arena_copy(&scan->arena, buf_str(&text)));
    v[6] = system_rows_text(system || column->not_null || column->key_position >= 0 ? "NO" : "YES");
    if (!system)
        v[7] = system_default_text(column, &scan->arena);
    v[8] = value_boolean(!system && column->key_position >= 0);
    v[9] = value_boolean(system);
    if (type.kind == VALUE_TEXT && type.length_max > 0)
        v[10] = system_rows_int(type.length_max);
    system_rows_numeric(&type, &v[11], &v[12]);
    buf_clear(&text);
}

static enum status system_rows_columns(struct system_scan *scan, const struct catalog *catalog,
                                       struct error *err)
{
    const struct table *table;

    CHECK(catalog != NULL);
    for (size_t at = 0; (table = system_scan_next_table(scan, catalog, &at)) != NULL;) {
        uint32_t total = table->kind == TABLE_KIND_SYSTEM ? system_table_shown(table)
                                                          : table_column_total(table);
        for (uint32_t column = 0; column < total; column++)
            system_rows_column(scan, table, column);
        enum status status = arena_check(&scan->arena, err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* ---- system.table_options -------------------------------------------------------------------- */

struct system_option {
    const char *key, *type, *description;
    struct str value;
};

static void system_rows_option(struct system_scan *scan, const struct table *table,
                               const struct system_option *option)
{
    struct value *values = system_scan_add(scan);

    CHECK(option->key != NULL);
    values[0] = value_text(VALUE_TEXT, table->space);
    values[1] = value_text(VALUE_TEXT, table->name);
    values[2] = system_rows_text(option->key);
    values[3] = value_text(VALUE_TEXT, option->value);
    values[4] = system_rows_text(option->type);
    values[5] = system_rows_text(option->description);
}

static void system_rows_number(struct system_scan *scan, const struct table *table, const char *key,
                               int64_t number, const char *description)
{
    struct system_option option = {.key = key, .type = "integer", .description = description};

    CHECK(number >= 0);
    option.value = arena_printf(&scan->arena, "%lld", (long long)number);
    system_rows_option(scan, table, &option);
}

static void system_rows_text_option(struct system_scan *scan, const struct table *table,
                                    const char *key, const char *type, struct str text,
                                    const char *description)
{
    struct system_option option = {
        .key = key, .type = type, .description = description, .value = text};

    CHECK(type != NULL);
    if (!str_is_empty(text))
        system_rows_option(scan, table, &option);
}

static void system_rows_options(struct system_scan *scan, const struct table *table)
{
    static const char *const access[] = {[TABLE_ACCESS_UNSET] = "",
                                         [TABLE_ACCESS_PUBLIC] = "PUBLIC",
                                         [TABLE_ACCESS_PRIVATE] = "PRIVATE",
                                         [TABLE_ACCESS_RESTRICTED] = "RESTRICTED"};
    const struct str no = STR_LIT("false"), yes = STR_LIT("true");

    CHECK(table->access <= TABLE_ACCESS_RESTRICTED);
    if (table->kind == TABLE_KIND_STREAM) {
        system_rows_number(scan, table, "ttl_seconds", table->ttl_seconds, "how long events live");
        system_rows_number(scan, table, "max_buffer", table->max_buffer, "most events kept");
        system_rows_text_option(scan, table, "ephemeral", "boolean", table->ephemeral ? yes : no,
                                "events without subscriber are dropped");
        return;
    }
    system_rows_text_option(scan, table, "storage", "string", table->storage_id,
                            "where cold files lie");
    system_rows_text_option(scan, table, "location", "string", table->location, "path template");
    if (table->kind == TABLE_KIND_USER)
        system_rows_text_option(scan, table, "use_user_storage", "boolean",
                                table->use_user_storage ? yes : no,
                                "files follow the user's storage");
    if (table->flush_rows > 0)
        system_rows_number(scan, table, "flush_rows", table->flush_rows, "rows that start a flush");
    if (table->flush_interval_seconds > 0)
        system_rows_number(scan, table, "flush_interval", table->flush_interval_seconds,
                           "seconds between flushes");
    if (table->deleted_retention_hours >= 0)
        system_rows_number(scan, table, "deleted_retention_hours", table->deleted_retention_hours,
                           "how long deleted rows are kept");
    system_rows_text_option(scan, table, "access", "string", str_from_c(access[table->access]),
                            "who may read and write");
}

enum status system_rows_fill(struct system_scan *scan, enum system_table which, struct error *err)
{
    const struct catalog *catalog = view_catalog(scan->scan->view);
    const struct table *table;
    size_t at = 0;

    CHECK(catalog != NULL);
    switch (which) {
    case SYSTEM_TABLE_SCHEMATA:
        system_rows_schemata(scan, catalog);
        return STATUS_OK;
    case SYSTEM_TABLE_SCHEMA_TABLES:
        system_rows_tables(scan, catalog);
        return STATUS_OK;
    case SYSTEM_TABLE_SCHEMA_COLUMNS:
        return system_rows_columns(scan, catalog, err);
    case SYSTEM_TABLE_TABLE_OPTIONS:
        while ((table = system_scan_next_table(scan, catalog, &at)) != NULL)
            if (table->kind != TABLE_KIND_SYSTEM)
                system_rows_options(scan, table);
        return STATUS_OK;
    default:
        return system_figures_fill(scan, which, err);
    }
}
