/* catalog_load.c — the first catalogue version, from the rows of the system tables.
 *
 * Tables come in two steps: system.tables gives names, ids and options, system.table_schemas the
 * schema versions. Versions of dropped tables stay as history; they carry the id of the table they
 * belonged to, so that a table created anew under the name takes only its own.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/map.h"
#include "base/mem.h"
#include "catalog/catalog_internal.h"
#include "catalog/system_tables.h"
#include "value/row.h"

/* A table that waits for its schema versions. */
struct load_table {
    struct load_table *next;
    struct table *table;
};

struct load {
    struct kv *kv;
    struct catalog_builder *builder;
    struct table *system[SYSTEM_TABLE_COUNT]; /* borrowed from the builder */
    struct load_table *tables;
    struct map by_name; /* `{ns}:{table}` → load_table */
    struct arena arena; /* of one row */
};

typedef enum status load_visit(struct load *load, const struct value *values, struct error *err);

static enum status load_row(struct load *load, const struct table *table, struct str bytes,
                            load_visit *visit, struct error *err)
{
    struct value values[SYSTEM_TABLE_COLUMNS_MAX];
    const struct row_layout *layout = &table->schema->layout;

    CHECK(layout->column_count <= SYSTEM_TABLE_COLUMNS_MAX);
    enum status status = row_check(layout, bytes, err);
    if (status != STATUS_OK)
        return status;
    for (uint32_t i = 0; i < layout->column_count; i++)
        row_get(layout, bytes, i, &values[i]);
    arena_clear(&load->arena);
    return visit(load, values, err);
}

static enum status load_each(struct load *load, enum system_table which, load_visit *visit,
                             struct error *err)
{
    const struct table *table = load->system[which];
    struct kv_iterator_options options = {.fill_cache = false};
    struct kv_iterator *iterator = kv_iterator_open(load->kv, table->rows, &options);
    enum status status = STATUS_OK;

    CHECK(table->rows != NULL);
    kv_iterator_seek_first(iterator);
    while (status == STATUS_OK && kv_iterator_is_valid(iterator)) {
        status = load_row(load, table, kv_iterator_value(iterator), visit, err);
        if (status != STATUS_OK) {
            struct str key = kv_iterator_key(iterator);
            error_prefix(err, "system.%.*s, record %.*s", STR_ARG(table->name), STR_ARG(key));
        }
        kv_iterator_next(iterator);
    }
    if (status == STATUS_OK)
        status = kv_iterator_status(iterator, err);
    kv_iterator_close(iterator);
    return status;
}

static enum status load_namespace(struct load *load, const struct value *values, struct error *err)
{
    struct catalog_namespace space;

    (void)err;
    CHECK(load->builder != NULL);
    system_row_read_namespace(values, &space);
    catalog_builder_put_namespace(load->builder, &space);
    return STATUS_OK;
}

static enum status load_user(struct load *load, const struct value *values, struct error *err)
{
    (void)err;
    CHECK(load->builder != NULL);
    catalog_builder_put_user(load->builder, system_row_read_user(values));
    return STATUS_OK;
}

static enum status load_storage(struct load *load, const struct value *values, struct error *err)
{
    (void)err;
    CHECK(load->builder != NULL);
    catalog_builder_put_storage(load->builder, system_row_read_storage(values));
    return STATUS_OK;
}

static enum status load_table(struct load *load, const struct value *values, struct error *err)
{
    struct load_table *loaded = mem_zalloc(sizeof(*loaded));

    CHECK(!values[TABLES_TABLE_ID].is_null);
    loaded->table = table_new();
    loaded->next = load->tables;
    load->tables = loaded;
    (void)map_put(&load->by_name, values[TABLES_TABLE_ID].text, loaded);
    return system_row_read_table(values, loaded->table, err);
}

static enum status load_schema(struct load *load, const struct value *values, struct error *err)
{
    struct load_table *target = map_get(&load->by_name, values[SCHEMAS_TABLE_ID].text);
    struct table_schema *schema = NULL;

    CHECK(!values[SCHEMAS_ARROW_SCHEMA].is_null);
    if (target == NULL || values[SCHEMAS_DROPPED].boolean)
        return STATUS_OK;
    enum status status =
        schema_json_read(values[SCHEMAS_ARROW_SCHEMA].text, target->table, &schema, err);
    if (status != STATUS_OK || schema == NULL) /* NULL: of an older table of the same name */
        return status;
    schema->version = (uint32_t)values[SCHEMAS_VERSION].integer;
    schema->created_at = values[SCHEMAS_CREATED_AT].integer;
    if (!values[SCHEMAS_CHANGES].is_null)
        schema->changes = arena_copy(schema->arena, values[SCHEMAS_CHANGES].text);
    return STATUS_OK;
}

/* Opens the table's space and hands the table to the builder. */
static enum status load_finish_table(struct load *load, struct load_table *loaded,
                                     struct error *err)
{
    struct table *table = loaded->table;
    uint32_t newest = table->schema_count;

    CHECK(table->id.value > SYSTEM_TABLE_COUNT);
    if (newest == 0 || table->schemas[newest - 1]->column_count == 0)
        return error_set(err, STATUS_CORRUPT, "table %.*s.%.*s has no schema version",
                         STR_ARG(table->space), STR_ARG(table->name));
    arena_clear(&load->arena);
    struct str name = table_space_name(table, &load->arena);
    enum status status = kv_space_open(load->kv, name, table_space_flags(table), &table->rows, err);
    if (status != STATUS_OK)
        return status;
    table_finish(table);
    catalog_builder_put_table(load->builder, table);
    loaded->table = NULL;
    return STATUS_OK;
}

static enum status load_system_tables(struct load *load, struct error *err)
{
    for (int i = 0; i < SYSTEM_TABLE_COUNT; i++) {
        struct table *table = system_table_define((enum system_table)i);
        struct str space = system_table_space_name((enum system_table)i);

        CHECK(table->id.value == (uint64_t)i + 1);
        catalog_builder_put_table(load->builder, table);
        load->system[i] = table;
        if (str_is_empty(space))
            continue;
        enum status status = kv_space_open(load->kv, space, KV_SPACE_SMALL, &table->rows, err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status load_tables(struct load *load, struct error *err)
{
    enum status status = load_each(load, SYSTEM_TABLE_TABLES, load_table, err);

    CHECK(load->builder != NULL);
    if (status == STATUS_OK)
        status = load_each(load, SYSTEM_TABLE_TABLE_SCHEMAS, load_schema, err);
    struct load_table *loaded = load->tables;
    for (; status == STATUS_OK && loaded != NULL; loaded = loaded->next)
        status = load_finish_table(load, loaded, err);
    return status;
}

static void load_clear(struct load *load)
{
    CHECK(load->kv != NULL);
    while (load->tables != NULL) {
        struct load_table *loaded = load->tables;
        load->tables = loaded->next;
        table_unref(loaded->table);
        mem_free(loaded);
    }
    map_clear(&load->by_name);
    arena_clear(&load->arena);
}

enum status catalog_load(struct kv *kv, struct catalog **out, struct error *err)
{
    struct catalog *empty = catalog_new_empty();
    struct load load = {.kv = kv, .builder = catalog_builder_new(empty)};
    enum status status;

    CHECK(kv != NULL && out != NULL);
    arena_init(&load.arena, 0);
    map_init(&load.by_name);
    status = load_system_tables(&load, err);
    if (status == STATUS_OK)
        status = load_each(&load, SYSTEM_TABLE_NAMESPACES, load_namespace, err);
    if (status == STATUS_OK)
        status = load_each(&load, SYSTEM_TABLE_USERS, load_user, err);
    if (status == STATUS_OK)
        status = load_each(&load, SYSTEM_TABLE_STORAGES, load_storage, err);
    if (status == STATUS_OK)
        status = load_tables(&load, err);
    load_clear(&load);
    if (status == STATUS_OK)
        *out = catalog_builder_finish(load.builder);
    else
        catalog_builder_free(load.builder);
    catalog_unref(empty);
    return status;
}
