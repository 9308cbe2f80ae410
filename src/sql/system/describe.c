/* describe.c — the object `table` beside the rows of DESCRIBE (docs/sql.md): the row of
 * system.tables, the newest versions, and how to ask for all of them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/system/describe.h"

#include "base/buf.h"
#include "base/check.h"
#include "catalog/system_tables.h"
#include "sql/exec/run.h"
#include "value/text.h"

enum { DESCRIBE_VERSIONS = 20 };

/* Column of system.tables → member. */
static const char *const describe_members[][2] = {
    {"namespace_id", "namespace"},
    {"table_name", "table_name"},
    {"table_type", "table_type"},
    {"current_schema_version", "current_schema_version"},
    {"primary_key", "primary_key"},
    {"storage_id", "storage"},
    {"storage_location", "location"},
    {"use_user_storage", "use_user_storage"},
    {"flush_policy", "flush_policy"},
    {"deleted_retention", "deleted_retention"},
    {"access", "access"},
    {"stream_config", "stream_config"},
    {"comment", "comment"},
    {"created_at", "created_at"},
    {"updated_at", "updated_at"},
    {"last_flushed_at", "last_flushed_at"},
};

static void describe_value(const struct value *value, struct buf *out)
{
    CHECK(value->type < VALUE_TYPE_COUNT);
    if (value->is_null)
        buf_append_str(out, STR_LIT("null"));
    else if (value->type == VALUE_TEXT)
        run_append_json_text(out, value->text);
    else if (value->type == VALUE_TIMESTAMP) /* µs since 1970, as everywhere on the wire */
        buf_printf(out, "%lld", (long long)value->integer);
    else
        value_format(value, out); /* JSON, numbers, booleans */
}

static void describe_history(const struct table *table, struct buf *out)
{
    uint32_t shown =
        table->schema_count < DESCRIBE_VERSIONS ? table->schema_count : DESCRIBE_VERSIONS;

    CHECK(table->schema_count > 0);
    buf_append_str(out, STR_LIT(",\"history\":["));
    for (uint32_t i = 0; i < shown; i++) {
        const struct table_schema *schema = table->schemas[table->schema_count - 1 - i];
        buf_printf(out, "%s{\"version\":%u,\"created_at\":%lld,\"changes\":", i > 0 ? "," : "",
                   schema->version, (long long)schema->created_at);
        run_append_json_text(out, schema->changes);
        buf_append_byte(out, '}');
    }
    buf_append_byte(out, ']');
}

struct str describe_table(const struct catalog *catalog, const struct table *table,
                          struct arena *arena)
{
    const struct table *tables = system_table(catalog, SYSTEM_TABLE_TABLES);
    struct value *values = arena_array(arena, SYSTEM_TABLE_COLUMNS_MAX, sizeof(*values));
    struct buf out, query;

    buf_init(&out);
    buf_init(&query);
    system_row_table(table, arena, values);
    for (size_t i = 0; i < ARRAY_COUNT(describe_members); i++) {
        int column = table_find_column(tables, str_from_c(describe_members[i][0]));
        CHECK(column >= 0);
        buf_printf(&out, "%c\"%s\":", i == 0 ? '{' : ',', describe_members[i][1]);
        describe_value(&values[column], &out);
    }
    describe_history(table, &out);
    buf_printf(&query,
               "SELECT version, created_at, changes FROM system.table_schemas WHERE table_id = "
               "'%.*s:%.*s' AND NOT dropped ORDER BY version DESC",
               STR_ARG(table->space), STR_ARG(table->name)); /* names hold no quote */
    buf_append_str(&out, STR_LIT(",\"history_query\":"));
    run_append_json_text(&out, buf_str(&query));
    buf_append_byte(&out, '}');
    struct str text = arena_copy(arena, buf_str(&out));
    buf_clear(&query);
    buf_clear(&out);
    return text;
}
