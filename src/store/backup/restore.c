/* restore.c — RESTORE DATABASE: a backup becomes a namespace of the running server.
 *
 *   manifest ─► every file checked ─► ids and key spaces ─► data aside ─► one commit shows it all
 *
 * Until that commit nothing of it is in the catalogue, so that a failure, a cancel or a crash takes
 * it out without a trace. Rows keep their _seq; the commit lifts the node's counter above the
 * highest. Tables get ids of their own, so a namespace may be restored beside the one it came from.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/backup/restore_internal.h"
#include "store/ddl/ddl_internal.h"

/* ---- what the backup says
 * ------------------------------------------------------------------------- */

static enum status restore_read(struct files *source, struct str target, struct manifest *out,
                                struct error *err)
{
    struct buf text;

    CHECK(source != NULL);
    buf_init(&text);
    enum status status = backup_read_file(source, BACKUP_MANIFEST, &text, err);
    if (status != STATUS_OK) {
        log_warn("manifest of a backup: %s", err->message);
        status = error_set(err, STATUS_INVALID_INPUT, "\"%.*s\" holds no readable backup",
                           STR_ARG(target));
    } else {
        status = manifest_read(buf_str(&text), out, err);
    }
    buf_clear(&text);
    return status;
}

enum status backup_read_manifest(struct store *store, struct str target, struct manifest *out,
                                 struct error *err)
{
    struct backup_place place;
    enum status status = backup_open(store, target, false, &place, err);

    manifest_init(out);
    CHECK(out->tables == NULL);
    if (status == STATUS_OK)
        status = restore_read(place.files, target, out, err);
    backup_close(&place);
    return backup_translate(status, STATUS_INVALID_INPUT, err);
}

static enum status restore_verify(struct restore *restore, struct error *err)
{
    enum status status = STATUS_OK;

    CHECK(restore->source != NULL);
    for (const struct manifest_table *table = restore->manifest.tables; table != NULL;
         table = table->next)
        for (const struct manifest_instance *instance = table->instances; instance != NULL;
             instance = instance->next)
            for (const struct manifest_file *file = instance->files; file != NULL;
                 file = file->next) {
                if (backup_is_cancelled(restore->options))
                    return error_set(err, STATUS_CANCELLED, "cancelled");
                status = backup_verify(restore->source, file, err);
                if (status != STATUS_OK)
                    return status;
            }
    return STATUS_OK;
}

static enum status restore_check_space(const struct restore *restore, const struct catalog *catalog,
                                       struct error *err)
{
    CHECK(restore->space.size > 0);
    if (catalog_find_namespace(catalog, restore->space) == NULL)
        return STATUS_OK;
    return error_set(err, STATUS_ALREADY_EXISTS, "namespace \"%.*s\" already exists",
                     STR_ARG(restore->space));
}

/* ---- tables
 * --------------------------------------------------------------------------------------- */

/* The manifest's table as one of ours. */
static enum status restore_table(struct restore *restore, struct ddl *ddl, struct table *table,
                                 struct table_id id, struct error *err)
{
    enum status status;

    CHECK(table->schema_count > 0 && table->rows == NULL);
    table->id = id;
    table->created_at = table->updated_at = ddl->now;
    table->last_flushed_at = 0;
    status = ddl_table_resolve_storage(ddl, table, err);
    if (status != STATUS_OK)
        return status;
    table_finish(table);
    return kv_space_open(restore->store->kv, table_space_name(table, &restore->arena),
                         table_space_flags(table), &table->rows, err);
}

/* Takes ids for all tables, for good, and makes their key spaces. */
static enum status restore_tables(struct restore *restore, struct error *err)
{
    struct manifest_table *entry = restore->manifest.tables;
    struct table_id first;
    enum status status = STATUS_OK;
    struct ddl ddl;
    size_t count = 0;

    for (; entry != NULL && status == STATUS_OK; entry = entry->next, count++) {
        entry->table->space = arena_copy(entry->table->arena, restore->space);
        status = ddl_table_ask_storage(restore->store, entry->table, err);
    }
    if (status != STATUS_OK)
        return status;
    restore->tables = arena_array(&restore->arena, count + 1, sizeof(struct table *));
    ddl_begin(&ddl, restore->store);
    status = restore_check_space(restore, ddl.catalog, err);
    if (status == STATUS_OK)
        status = ddl_take_table_ids(&ddl, count, &first, err);
    entry = restore->manifest.tables;
    for (size_t i = 0; status == STATUS_OK && i < count; i++, entry = entry->next) {
        restore->tables[restore->table_count++] = entry->table;
        status =
            restore_table(restore, &ddl, entry->table, (struct table_id){first.value + i}, err);
    }
    CHECK(restore->table_count <= count);
    ddl_end(&ddl);
    restore->result->tables = restore->table_count;
    return status;
}

/* ---- the commit
 * ----------------------------------------------------------------------------------- */

static enum status restore_extra(struct ddl *ddl, struct kv_batch *batch, struct error *err)
{
    struct restore *restore = ddl->context;

    (void)batch;
    if (FAULT(restore_before_commit))
        return error_set(err, STATUS_IO_FAILED, "fault restore_before_commit");
    CHECK(restore->seq_max >= 0);
    commit_raise_position(&ddl->request, restore->seq_max);
    return STATUS_OK;
}

/* Its tables were in no catalogue: a storage may have been dropped meanwhile. */
static enum status restore_check_storages(const struct restore *restore,
                                          const struct catalog *catalog, struct error *err)
{
    size_t cursor = 0;
    struct str id;
    void *unused;

    CHECK(catalog != NULL);
    for (size_t i = 0; i < restore->table_count; i++)
        if (restore->tables[i]->kind != TABLE_KIND_STREAM &&
            catalog_find_storage(catalog, restore->tables[i]->storage_id) == NULL)
            return ddl_storage_missing(restore->tables[i]->storage_id, err);
    while (map_next(&restore->storages, &cursor, &id, &unused))
        if (catalog_find_storage(catalog, id) == NULL)
            return ddl_storage_missing(id, err);
    return STATUS_OK;
}

static enum status restore_commit(struct restore *restore, struct error *err)
{
    struct ddl ddl;

    ddl_begin(&ddl, restore->store);
    enum status status = restore_check_space(restore, ddl.catalog, err);
    if (status == STATUS_OK)
        status = restore_check_storages(restore, ddl.catalog, err);
    if (status == STATUS_OK)
        status = ddl_add_namespace(&ddl, restore->space, restore->manifest.options, err);
    for (size_t i = 0; status == STATUS_OK && i < restore->table_count; i++) {
        const struct table *table = restore->tables[i];
        ddl_put_table(&ddl, table);
        status = ddl_schemas_set_aside(&ddl, table, err);
        for (uint32_t v = 0; v < table->schema_count; v++)
            ddl_put_schema(&ddl, table, table->schemas[v], false);
        catalog_builder_put_table(ddl.builder, table_ref(table));
    }
    CHECK(restore->table_count == 0 || restore->tables != NULL);
    ddl.extra = restore_extra;
    ddl.context = restore;
    if (status == STATUS_OK)
        status = ddl_commit(&ddl, err);
    ddl_end(&ddl);
    if (status == STATUS_OK && FAULT(restore_after_commit))
        return error_set(err, STATUS_IO_FAILED, "fault restore_after_commit");
    return status;
}

/* Did the commit happen, whatever it answered? */
static bool restore_is_visible(const struct restore *restore)
{
    struct view *view = view_acquire(restore->store);
    bool visible = false;

    CHECK(restore->store != NULL);
    for (size_t i = 0; i < restore->table_count; i++)
        visible =
            visible || catalog_find_table_id(view_catalog(view), restore->tables[i]->id) != NULL;
    view_release(view);
    return visible;
}

/* ---- all of it
 * ------------------------------------------------------------------------------------ */

static enum status restore_steps(struct restore *restore, struct error *err)
{
    struct view *view = view_acquire(restore->store);
    enum status status = restore_check_space(restore, view_catalog(view), err);

    restore->position = view_position(view);
    view_release(view);
    if (status == STATUS_OK)
        status = restore_verify(restore, err);
    if (status == STATUS_OK)
        status = restore_tables(restore, err);
    if (status == STATUS_OK)
        status = restore_data(restore, err);
    if (status == STATUS_OK)
        status = restore_commit(restore, err);
    CHECK(status != STATUS_END);
    return status;
}

enum status restore_run(struct store *store, const struct backup_options *options,
                        struct backup_result *result, struct error *err)
{
    struct restore *restore = mem_zalloc(sizeof(*restore));

    memset(result, 0, sizeof(*result));
    restore->store = store;
    restore->options = options;
    restore->result = result;
    restore->records = kv_batch_new(store->kv);
    manifest_init(&restore->manifest);
    arena_init(&restore->arena, 0);
    map_init(&restore->storages);
    enum status status = backup_open(store, options->target, false, &restore->place, err);
    restore->source = restore->place.files;
    if (status == STATUS_OK)
        status = restore_read(restore->source, options->target, &restore->manifest, err);
    if (status != STATUS_OK)
        goto out;
    restore->space = options->space.size > 0 ? options->space : restore->manifest.space;
    restore->copies.to = store->files;
    restore->scratch = (struct backup_scratch){
        .store = store,
        .folder = arena_printf(&restore->arena, ".restore/%.*s", STR_ARG(options->job_id)),
        .table = {1},
    };
    status = restore_steps(restore, err);
    result->as_of_seq = restore->manifest.as_of_seq;
    if (restore->copies.memory_bytes > result->memory_bytes)
        result->memory_bytes = restore->copies.memory_bytes;
    backup_undo_begin(options);
    if (status != STATUS_OK && !restore_is_visible(restore))
        restore_undo(restore);
    backup_copies_clear(&restore->copies);
    backup_scratch_clear(&restore->scratch);
    backup_undo_end();
    CHECK(restore->move_count == 0);
out:
    kv_batch_free(restore->records);
    arena_clear(&restore->arena);
    map_clear(&restore->storages);
    manifest_clear(&restore->manifest);
    backup_close(&restore->place);
    mem_free(restore);
    return backup_end(options, status, STATUS_INVALID_INPUT, err);
}
