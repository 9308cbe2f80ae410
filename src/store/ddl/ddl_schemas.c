/* ddl_schemas.c — rows of system.table_schemas: the schema versions of tables that are there and of
 * tables that are gone.
 *
 * The key of a version names its table by name, so a table that is created under the name of a
 * dropped one needs the keys of that one. In the batch that creates it the history moves aside:
 * each version goes on under a key of its own (catalog/schema_id.c). What the plain key names is
 * always the newest table of the name.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "store/ddl/ddl_internal.h"
#include "value/key.h"
#include "value/row.h"

void ddl_put_schema(struct ddl *ddl, const struct table *table, const struct table_schema *schema,
                    bool dropped)
{
    struct value *values = ddl_values(ddl);

    CHECK(schema->version > 0);
    system_row_table_schema(table, schema, dropped, &ddl->arena, values);
    ddl_put(ddl, SYSTEM_TABLE_TABLE_SCHEMAS, values);
}

static const struct value *ddl_schemas_column(const struct ddl *ddl, const struct value *values,
                                              const char *name)
{
    int index =
        table_find_column(system_table(ddl->catalog, SYSTEM_TABLE_TABLE_SCHEMAS), str_from_c(name));

    CHECK(index >= 0);
    return &values[index];
}

/* A stored row as values in ddl->arena. */
static enum status ddl_schemas_read(struct ddl *ddl, struct str bytes, struct value *values,
                                    struct error *err)
{
    const struct table *schemas = system_table(ddl->catalog, SYSTEM_TABLE_TABLE_SCHEMAS);
    const struct row_layout *layout = &schemas->schema->layout;
    enum status status = row_check(layout, bytes, err);

    CHECK(layout->column_count <= SYSTEM_TABLE_COLUMNS_MAX);
    for (uint32_t i = 0; status == STATUS_OK && i < layout->column_count; i++) {
        row_get(layout, bytes, i, &values[i]);
        if (!values[i].is_null && value_type_is_text(values[i].type))
            values[i].text = arena_copy(&ddl->arena, values[i].text);
    }
    return status;
}

/* `old` is a version of a dropped table, which the catalogue does not know any more. */
static void ddl_schemas_move(struct ddl *ddl, const struct value *old)
{
    struct value *aside = ddl_values(ddl);

    CHECK(ddl_schemas_column(ddl, old, "dropped")->boolean);
    memcpy(aside, old, SYSTEM_TABLE_COLUMNS_MAX * sizeof(*aside));
    system_row_set_schema_aside(aside, &ddl->arena);
    ddl_delete(ddl, SYSTEM_TABLE_TABLE_SCHEMAS, old);
    ddl->old_values[ddl->request.op_count - 1] = old;
    ddl_put(ddl, SYSTEM_TABLE_TABLE_SCHEMAS, aside);
}

enum status ddl_schemas_set_aside(struct ddl *ddl, const struct table *table, struct error *err)
{
    const struct table *schemas = system_table(ddl->catalog, SYSTEM_TABLE_TABLE_SCHEMAS);
    struct kv_iterator_options options = {.fill_cache = false};
    enum status status = STATUS_OK;
    struct kv_iterator *iterator;
    struct buf upper;

    CHECK(catalog_find_table(ddl->catalog, table->space, table->name) == NULL);
    buf_init(&upper);
    options.lower = arena_printf(&ddl->arena, "%.*s:%.*s:", STR_ARG(table->space),
                                 STR_ARG(table->name)); /* the key is the text, and more */
    buf_append_str(&upper, options.lower);
    if (key_successor(&upper))
        options.upper = buf_str(&upper);
    iterator = kv_iterator_open(ddl->store->kv, schemas->rows, &options);
    kv_iterator_seek_first(iterator);
    for (; status == STATUS_OK && kv_iterator_is_valid(iterator); kv_iterator_next(iterator)) {
        struct value *values = ddl_values(ddl);
        status = ddl_schemas_read(ddl, kv_iterator_value(iterator), values, err);
        if (status == STATUS_OK && ddl_schemas_column(ddl, values, "dropped")->boolean &&
            str_find(values[0].text, STR_LIT("@")) == SIZE_MAX)
            ddl_schemas_move(ddl, values);
    }
    if (status == STATUS_OK)
        status = kv_iterator_status(iterator, err);
    kv_iterator_close(iterator);
    buf_clear(&upper);
    return status;
}
