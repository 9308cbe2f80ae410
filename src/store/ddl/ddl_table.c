/* ddl_table.c — CREATE and DROP of tables, the time of a flush; ALTER is in ddl_alter.c.
 *
 * A table's key space is made before the batch that names the table and carries the table's id in
 * its name; the id is taken for good in that batch. A crash in between leaves an empty space that
 * nobody refers to, removed at the next start.
 *
 * DROP hides everything in one batch: the catalogue row, counters, segment records; every file gets
 * a pending deletion. The space itself goes when no view can read it any more (ddl_files.c).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store/ddl/ddl_internal.h"
#include "store/segment.h"
#include "store/storages.h"
#include "value/key.h"
#include "value/row.h"

enum { DDL_FIRST_TABLE = 100 };

/* ---- create -----------------------------------------------------------------------------------
 */

static enum status ddl_table_next_id(struct ddl *ddl, struct table_id *id, struct error *err)
{
    struct store *store = ddl->store;
    struct kv_value value;
    enum status status =
        kv_get(store->kv, store->spaces.meta, NULL, STR_LIT(META_NEXT_TABLE), 0, &value, err);

    id->value = DDL_FIRST_TABLE;
    if (status == STATUS_ABSENT)
        return STATUS_OK;
    if (status != STATUS_OK)
        return status;
    if (value.bytes.size == sizeof(id->value))
        memcpy(&id->value, value.bytes.data, sizeof(id->value));
    kv_value_release(store->kv, &value);
    CHECK(id->value >= DDL_FIRST_TABLE);
    return STATUS_OK;
}

static enum status ddl_create_extra(struct ddl *ddl, struct kv_batch *batch, struct error *err)
{
    uint64_t next = ddl->table->id.value + 1;

    (void)err;
    CHECK(next > DDL_FIRST_TABLE);
    kv_batch_put(batch, ddl->store->spaces.meta, STR_LIT(META_NEXT_TABLE),
                 str_from((const char *)&next, sizeof(next)));
    return STATUS_OK;
}

struct ddl_ids {
    struct store *store;
    uint64_t next;
};

static enum status ddl_ids_extra(struct commit_request *request, struct kv_batch *batch,
                                 struct catalog **next_catalog, struct error *err)
{
    const struct ddl_ids *ids = request->extra_context;

    (void)next_catalog;
    (void)err;
    CHECK(ids->next > DDL_FIRST_TABLE);
    kv_batch_put(batch, ids->store->spaces.meta, STR_LIT(META_NEXT_TABLE),
                 str_from((const char *)&ids->next, sizeof(ids->next)));
    return STATUS_OK;
}

enum status ddl_take_table_ids(struct ddl *ddl, size_t count, struct table_id *first,
                               struct error *err)
{
    struct ddl_ids ids = {.store = ddl->store};
    struct commit_request request = {
        .extra = ddl_ids_extra, .extra_context = &ids, .arena = &ddl->arena, .view = ddl->view};
    enum status status = ddl_table_next_id(ddl, first, err);

    CHECK(first != NULL);
    if (status != STATUS_OK || count == 0)
        return status;
    ids.next = first->value + count;
    return commit_submit_wait(ddl->store, &request, err);
}

/* Version 1, column ids, key space. */
static enum status ddl_table_complete(struct ddl *ddl, struct table *table, struct error *err)
{
    struct table_schema *schema = table->schemas[0];
    enum status status = ddl_table_next_id(ddl, &table->id, err);

    CHECK(table->schema_count == 1 && schema->column_count > 0);
    if (status != STATUS_OK)
        return status;
    schema->changes = STR_LIT("Initial schema");
    schema->created_at = table->created_at = table->updated_at = ddl->now;
    for (uint32_t i = 0; i < schema->column_count; i++)
        schema->columns[i].id = i + 1;
    table_finish(table);
    return kv_space_open(ddl->store->kv, table_space_name(table, &ddl->arena),
                         table_space_flags(table), &table->rows, err);
}

static enum status ddl_table_make_folder(struct ddl *ddl, const struct table *table,
                                         struct error *err)
{
    struct str storage_id;
    struct buf path;

    buf_init(&path);
    enum status status =
        place_of_instance(ddl->store, ddl->catalog, table, STR_EMPTY, &path, &storage_id, err);
    CHECK(table->kind == TABLE_KIND_SHARED);
    buf_append_byte(&path, 0);
    if (status == STATUS_OK)
        status = files_make_folder(ddl->store->files, path.data, err);
    buf_clear(&path);
    return status == STATUS_IO_FAILED
               ? error_set(err, STATUS_STORAGE_UNAVAILABLE, "storage '%.*s' cannot be written",
                           STR_ARG(table->storage_id))
               : status;
}

static enum status ddl_table_check_new(const struct ddl *ddl, const struct table *table,
                                       struct error *err)
{
    CHECK(table->name.size > 0);
    if (str_equal(table->space, STR_LIT("system")) ||
        str_equal(table->space, STR_LIT("information_schema")))
        return error_set(err, STATUS_PERMISSION_DENIED,
                         "tables cannot be created in namespace \"%.*s\"", STR_ARG(table->space));
    if (catalog_find_namespace(ddl->catalog, table->space) == NULL)
        return error_set(err, STATUS_NAMESPACE_NOT_FOUND,
                         "Namespace not found: Namespace '%.*s' does not exist. Create it first "
                         "with CREATE NAMESPACE.",
                         STR_ARG(table->space));
    if (catalog_find_table(ddl->catalog, table->space, table->name) != NULL)
        return error_set(err, STATUS_ALREADY_EXISTS, "relation \"%.*s.%.*s\" already exists",
                         STR_ARG(table->space), STR_ARG(table->name));
    if (map_get(&ddl->store->closed, table->space) != NULL)
        return error_set(err, STATUS_CONFLICT, "namespace \"%.*s\" is being dropped",
                         STR_ARG(table->space));
    return STATUS_OK;
}

void ddl_put_table(struct ddl *ddl, const struct table *table)
{
    struct value *values = ddl_values(ddl);

    CHECK(table->schema != NULL);
    system_row_table(table, &ddl->arena, values);
    ddl_put(ddl, SYSTEM_TABLE_TABLES, values);
}

enum status ddl_create_table(struct store *store, struct ddl_create *create, struct error *err)
{
    struct table *table = create->table;
    struct ddl ddl;
    enum status status = ddl_table_ask_storage(store, table, err);

    CHECK(table->kind != TABLE_KIND_SYSTEM);
    create->table = NULL;
    create->created = false;
    if (status != STATUS_OK) {
        table_unref(table);
        return status;
    }
    ddl_begin_statement(&ddl, store, create->sql, create->now_us);
    status = ddl_table_check_new(&ddl, table, err);
    if (status == STATUS_ALREADY_EXISTS && create->if_not_exists) {
        error_clear(err);
        status = STATUS_OK;
        goto out;
    }
    if (status == STATUS_OK)
        status = ddl_table_resolve_storage(&ddl, table, err);
    if (status == STATUS_OK && table->kind == TABLE_KIND_SHARED && store->files != NULL)
        status = ddl_table_make_folder(&ddl, table, err);
    if (status == STATUS_OK)
        status = ddl_table_complete(&ddl, table, err);
    if (status == STATUS_OK)
        status = ddl_schemas_set_aside(&ddl, table, err);
    if (status != STATUS_OK)
        goto out;
    ddl_put_table(&ddl, table);
    ddl_put_schema(&ddl, table, table->schema, false);
    ddl.table = table;
    ddl.extra = ddl_create_extra;
    catalog_builder_put_table(ddl.builder, table_ref(table));
    status = ddl_commit(&ddl, err);
    create->created = status == STATUS_OK;
    if (status == STATUS_OK)
        segment_cache_created(store->segment_cache, table->id, ddl.request.position);
    /* A space left over by a failure is empty; its name comes again with the next attempt. */
out:
    table_unref(table);
    ddl_end(&ddl);
    return status;
}

/* ---- drop -------------------------------------------------------------------------------------
 */

/* Callers have resolved the name; whoever comes here lost a race against another DROP. */
enum status ddl_table_gone(const struct table *table, struct error *err)
{
    CHECK(table == NULL || table->kind == TABLE_KIND_SYSTEM);
    if (table != NULL)
        return error_set(err, STATUS_INVALID_OPERATION,
                         "system tables cannot be altered or dropped");
    return error_set(err, STATUS_TABLE_NOT_FOUND,
                     "table not found: the relation does not exist any more");
}

static enum status ddl_drop_extra(struct ddl *ddl, struct kv_batch *batch, struct error *err)
{
    struct store *store = ddl->store;
    struct buf lower, upper;

    instance_key_range(ddl->table->id, &lower, &upper);
    struct key_range range = {buf_str(&lower), buf_str(&upper)};
    enum status status = pending_put_files(batch, store, &range, ddl->table->id, err);
    CHECK(lower.size == upper.size);
    kv_batch_delete_range(batch, store->spaces.segments, buf_str(&lower), buf_str(&upper));
    kv_batch_delete_range(batch, store->spaces.instances, buf_str(&lower), buf_str(&upper));
    buf_clear(&lower);
    buf_clear(&upper);
    return status;
}

static void ddl_drop_published(struct ddl *ddl)
{
    CHECK(ddl->table != NULL);
    commit_forget_table(&ddl->request, ddl->table->id);
}

enum status ddl_drop_table(struct store *store, struct table_id id, struct str sql,
                           struct error *err)
{
    struct ddl ddl;
    enum status status;

    ddl_begin_statement(&ddl, store, sql, 0);
    const struct table *table = catalog_find_table_id(ddl.catalog, id);
    if (table == NULL || table->kind == TABLE_KIND_SYSTEM) {
        status = ddl_table_gone(table, err);
        goto out;
    }
    struct value *values = ddl_values(&ddl);
    system_row_table(table, &ddl.arena, values);
    ddl_delete(&ddl, SYSTEM_TABLE_TABLES, values);
    for (uint32_t i = 0; i < table->schema_count; i++)
        ddl_put_schema(&ddl, table, table->schemas[i], true);
    ddl.table = table;
    ddl.extra = ddl_drop_extra;
    ddl.published = ddl_drop_published;
    catalog_builder_remove_table(ddl.builder, id);
    status = ddl_commit(&ddl, err);
    CHECK(status != STATUS_STALE);
    if (status == STATUS_OK)
        ddl_dropping_add(&ddl, table, ddl.request.position);
    if (status == STATUS_OK && FAULT(drop_after_commit))
        status = error_set(err, STATUS_INTERNAL_ERROR, "fault injected after the drop");
out:
    ddl_end(&ddl);
    return status;
}

enum status ddl_table_flushed(struct store *store, struct table_id id, int64_t flushed_us,
                              struct error *err)
{
    enum status status = STATUS_OK;
    struct ddl ddl;

    ddl_begin(&ddl, store);
    const struct table *table = catalog_find_table_id(ddl.catalog, id);
    if (table == NULL) /* dropped meanwhile */
        goto out;
    const struct table *tables = system_table(ddl.catalog, SYSTEM_TABLE_TABLES);
    int column = table_find_column(tables, STR_LIT("last_flushed_at"));
    struct value *values = ddl_values(&ddl);
    CHECK(column >= 0 && flushed_us > 0);
    system_row_table(table, &ddl.arena, values);
    values[column] = value_integer(VALUE_TIMESTAMP, flushed_us);
    ddl_put(&ddl, SYSTEM_TABLE_TABLES, values);
    /* The row alone: the catalogue keeps its version and its table. */
    status = commit_submit_wait(store, &ddl.request, err);
    if (status != STATUS_OK)
        goto out;
    table_set_last_flushed(table, flushed_us);
    ddl_event_send(&ddl);
out:
    ddl_end(&ddl);
    return status;
}

enum status ddl_created_position(struct store *store, const struct view *view,
                                 const struct table *table, int64_t *out, struct error *err)
{
    const struct table *schemas = system_table(view_catalog(view), SYSTEM_TABLE_TABLE_SCHEMAS);
    struct value values[SYSTEM_TABLE_COLUMNS_MAX];
    struct row_pin pin = {0};
    struct row row;
    struct arena arena;
    struct buf key;
    enum status status;

    *out = 0;
    if (table->kind == TABLE_KIND_SYSTEM)
        return STATUS_OK;
    CHECK(table->schema_count > 0);
    arena_init(&arena, 0);
    buf_init(&key);
    /* The row of the first schema version is written once, by CREATE TABLE. */
    system_row_table_schema(table, table->schemas[0], false, &arena, values);
    struct scan_options options = {.view = view, .table = schemas, .arena = &arena};
    status = key_encode(values, 1, &key, err);
    if (status == STATUS_OK)
        status = row_get_by_key(store, &options, buf_str(&key), &row, &pin, err);
    if (status == STATUS_OK)
        *out = row_seq(row.bytes);
    row_pin_release(store, &pin);
    buf_clear(&key);
    arena_clear(&arena);
    return status == STATUS_ABSENT
               ? error_set(err, STATUS_INTERNAL_ERROR, "the first schema of a table is missing")
               : status;
}
