/* backup.c — BACKUP DATABASE: one view, all tables of a namespace.
 *
 * Everything is read at the same view, so the backup is one moment, whatever is written, flushed or
 * merged meanwhile: the view keeps replaced files. Files are checked against their records as they
 * are copied. The manifest comes last; a folder without one is no backup.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/backup/backup_internal.h"

/* The copies are in the target: remembered, so that they can go again. */
static enum status backup_published(void *context, struct error *err)
{
    struct backup *backup = context;
    const struct backup_copies *copies = &backup->copies;

    for (size_t i = 0; i < copies->count; i++) {
        if (backup->written_count == backup->written_capacity) {
            backup->written_capacity = 2 * backup->written_capacity + 64;
            backup->written =
                mem_realloc(backup->written, backup->written_capacity * sizeof(*backup->written));
        }
        struct str path = str_from(copies->paths[i], strlen(copies->paths[i]) + 1);
        backup->written[backup->written_count++] = arena_copy(&backup->arena, path).data;
    }
    CHECK(backup->written_count <= backup->written_capacity);
    if (backup->options->progress != NULL)
        backup->options->progress(backup->options->progress_context, backup->manifest.files,
                                  backup->manifest.rows, backup->manifest.bytes);
    if (FAULT(backup_after_copies))
        return error_set(err, STATUS_IO_FAILED, "fault backup_after_copies");
    return backup_is_cancelled(backup->options) ? error_set(err, STATUS_CANCELLED, "cancelled")
                                                : STATUS_OK;
}

/* ---- one instance
 * --------------------------------------------------------------------------------- */

static enum status backup_segment(struct backup *backup, struct manifest_table *entry,
                                  struct manifest_instance *instance, const struct table *table,
                                  const struct segment *segment, uint32_t number, struct error *err)
{
    char *source = mem_strdup(segment->path);
    struct manifest_file file = {.kind = MANIFEST_SEGMENT,
                                 .rows = segment->rows,
                                 .bytes = segment->bytes,
                                 .checksum = segment->checksum};
    struct buf path, record;

    CHECK(source[0] != '\0');
    buf_init(&path);
    buf_init(&record);
    backup_path(table, instance->user, "", number, &path);
    file.path = buf_str(&path);
    enum status status =
        backup_copy_file(&backup->copies, backup->store->files, source, path.data, &file, err);
    if (status == STATUS_OK) {
        segment_encode(segment, &record);
        file.record = buf_str(&record);
        manifest_add_file(&backup->manifest, entry, instance, &file);
    }
    buf_clear(&record);
    buf_clear(&path);
    mem_free(source);
    return status;
}

static enum status backup_instance(struct backup *backup, struct manifest_table *entry,
                                   const struct table *table, struct str user, bool buffered,
                                   struct error *err)
{
    struct manifest_instance *instance = manifest_add_instance(&backup->manifest, entry, user);
    struct segment_list *list = NULL;
    uint32_t number = 0;

    CHECK((user.size > 0) == (table->kind == TABLE_KIND_USER));
    enum status status = hot_translate(
        segment_list_load(backup->store, backup->view, table->id, user, 0, &list, err), table, err);
    for (uint32_t i = 0; status == STATUS_OK && i < list->count; i++)
        status = backup_segment(backup, entry, instance, table, list->segments[i], number++, err);
    segment_list_unref(list);
    if (status == STATUS_OK && buffered)
        status = backup_hot_rows(backup, entry, table, instance, &number, err);
    if (status == STATUS_OK && backup_is_cancelled(backup->options))
        status = error_set(err, STATUS_CANCELLED, "cancelled");
    return status;
}

/* ---- tables
 * --------------------------------------------------------------------------------------- */

struct backup_walk {
    struct backup *backup;
    struct manifest_table *entry;
    const struct table *table;
    enum status status;
    struct error *err;
};

/* False ends the walk. */
static bool backup_visit(void *context, struct str user, const struct instance_counters *counters)
{
    struct backup_walk *walk = context;

    CHECK(walk->status == STATUS_OK);
    if (counters->buffered_rows == 0 && counters->segments == 0)
        return true;
    walk->status = backup_instance(walk->backup, walk->entry, walk->table, user,
                                   counters->buffered_rows > 0, walk->err);
    return walk->status == STATUS_OK;
}

static enum status backup_table(struct backup *backup, const struct table *table, struct error *err)
{
    struct backup_walk walk = {.backup = backup,
                               .entry = manifest_add_table(&backup->manifest, table),
                               .table = table,
                               .err = err};
    enum status status = STATUS_OK;

    CHECK(table->kind != TABLE_KIND_SYSTEM);
    backup->result->tables++;
    if (table->kind != TABLE_KIND_STREAM) /* of a stream only the definition */
        status = instance_each(backup->store, backup->view, table, backup_visit, &walk, err);
    return walk.status != STATUS_OK ? walk.status : status;
}

static enum status backup_space(struct backup *backup, struct error *err)
{
    const struct catalog *catalog = view_catalog(backup->view);
    const struct catalog_namespace *space = catalog_find_namespace(catalog, backup->options->space);
    struct manifest *manifest = &backup->manifest;
    const struct table *table;
    enum status status = STATUS_OK;

    if (space == NULL)
        return error_set(err, STATUS_NAMESPACE_NOT_FOUND,
                         "Namespace not found: Namespace '%.*s' does not exist",
                         STR_ARG(backup->options->space));
    manifest->server_version = arena_copy(&manifest->arena, backup->options->version);
    manifest->space = arena_copy(&manifest->arena, space->name);
    manifest->options = arena_copy(&manifest->arena, space->options);
    manifest->created_at = clock_now_us();
    manifest->as_of_seq = view_position(backup->view);
    for (size_t i = 0; status == STATUS_OK && (table = catalog_table_at(catalog, i)) != NULL; i++)
        if (str_equal(table->space, space->name))
            status = backup_table(backup, table, err);
    if (status == STATUS_OK)
        status = backup_copy_finish(&backup->copies, err);
    CHECK(status != STATUS_END);
    return status;
}

/* ---- the manifest, undoing
 * ------------------------------------------------------------------------ */

static enum status backup_finish(struct backup *backup, struct error *err)
{
    struct buf text;
    char *staged = NULL;

    buf_init(&text);
    manifest_write(&backup->manifest, &text);
    enum status status = STATUS_OK;
    if (FAULT(backup_before_manifest))
        status = error_set(err, STATUS_IO_FAILED, "fault backup_before_manifest");
    if (status == STATUS_OK)
        status = files_stage(backup->target, BACKUP_MANIFEST, &staged, err);
    if (status == STATUS_OK)
        status = file_put(staged, buf_str(&text), BACKUP_MANIFEST, err);
    if (status == STATUS_OK)
        status = files_publish(backup->target, BACKUP_MANIFEST, err);
    if (status != STATUS_OK) {
        struct error local;
        log_warn("manifest of a backup: %s", err->message);
        files_abandon(backup->target, BACKUP_MANIFEST);
        if (files_delete(backup->target, BACKUP_MANIFEST, &local) != STATUS_OK)
            log_warn("a manifest that was not finished stays: %s", local.message);
        status = error_set(err, STATUS_STORAGE_UNAVAILABLE, "the manifest cannot be written");
    }
    CHECK(text.size > 0);
    backup->result->bytes = backup->manifest.bytes + text.size;
    if (text.capacity > backup->result->memory_bytes)
        backup->result->memory_bytes = text.capacity;
    mem_free(staged);
    buf_clear(&text);
    return status;
}

static void backup_undo(struct backup *backup)
{
    enum status statuses[BACKUP_BATCH_FILES];
    struct error err;

    for (size_t at = 0; at < backup->written_count; at += BACKUP_BATCH_FILES) {
        size_t count = backup->written_count - at;
        count = count < BACKUP_BATCH_FILES ? count : BACKUP_BATCH_FILES;
        if (files_delete_many(backup->target, backup->written + at, count, statuses, &err) !=
            STATUS_OK)
            log_warn("files of a backup that failed cannot be deleted: %s", err.message);
    }
    CHECK(backup->target != NULL);
}

static enum status backup_target_is_free(struct backup *backup, struct error *err)
{
    uint64_t size;
    enum status status = files_size(backup->target, BACKUP_MANIFEST, &size, err);

    CHECK(status != STATUS_END);
    if (status == STATUS_OK)
        return error_set(err, STATUS_ALREADY_EXISTS, "\"%.*s\" holds a backup already",
                         STR_ARG(backup->options->target));
    return status == STATUS_ABSENT ? STATUS_OK
                                   : error_set(err, STATUS_INVALID_INPUT, "\"%.*s\" cannot be used",
                                               STR_ARG(backup->options->target));
}

enum status backup_run(struct store *store, const struct backup_options *options,
                       struct backup_result *result, struct error *err)
{
    struct backup backup = {.store = store, .options = options, .result = result};

    memset(result, 0, sizeof(*result));
    CHECK(options->space.size > 0);
    enum status status = backup_open(store, options->target, true, &backup.place, err);
    if (status != STATUS_OK)
        return status;
    backup.target = backup.place.files;
    manifest_init(&backup.manifest);
    arena_init(&backup.arena, 0);
    backup.view = view_acquire(store);
    backup.scratch = (struct backup_scratch){
        .store = store,
        .folder = arena_printf(&backup.arena, ".backup/%.*s", STR_ARG(options->job_id)),
        .table = {1},
    };
    backup.copies = (struct backup_copies){
        .to = backup.target, .published = backup_published, .context = &backup};
    status = backup_target_is_free(&backup, err);
    if (status == STATUS_OK) {
        status = backup_space(&backup, err);
        if (status == STATUS_OK)
            status = backup_finish(&backup, err);
        backup_undo_begin(options);
        backup_copies_clear(&backup.copies);
        backup_scratch_clear(&backup.scratch);
        if (status != STATUS_OK)
            backup_undo(&backup);
        backup_undo_end();
    }
    result->files = backup.manifest.files;
    result->rows = backup.manifest.rows;
    result->as_of_seq = backup.manifest.as_of_seq;
    if (backup.copies.memory_bytes > result->memory_bytes)
        result->memory_bytes = backup.copies.memory_bytes;
    view_release(backup.view);
    mem_free(backup.written);
    arena_clear(&backup.arena);
    manifest_clear(&backup.manifest);
    backup_close(&backup.place);
    return backup_end(options, status, STATUS_STORAGE_UNAVAILABLE, err);
}
