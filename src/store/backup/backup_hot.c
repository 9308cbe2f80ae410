/* backup_hot.c — hot rows of an instance as Parquet files of a backup.
 *
 * They are written with the writer of flushes: all rows that hide no cold one, then those that do
 * (a restore must know them apart). Each of the two walks must meet as many rows as the counter of
 * the instance says (COUNTED): an iterator that loses rows tells nobody. The files are staged in
 * our own storage, under scratch names, because that is where DuckDB may write, and never published
 * there.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/mem.h"
#include "store/backup/backup_internal.h"

struct backup_source {
    struct scan *scan;
    bool shadows;      /* which of the two */
    int64_t seen, hot; /* rows met; that the instance has */
};

/* The end of the walk, if it was whole. */
static enum status backup_source_end(const struct backup_source *source, struct error *err)
{
    CHECK(source->hot > 0);
    if (source->seen == source->hot)
        return STATUS_END;
    return error_set(err, STATUS_IO_FAILED, "%lld hot rows were found where %lld are counted",
                     (long long)source->seen, (long long)source->hot);
}

static enum status backup_source_next(void *context, struct row *row, bool *from_hot,
                                      struct error *err)
{
    struct backup_source *source = context;

    CHECK(source->scan != NULL);
    *from_hot = false; /* nothing of it is installed */
    for (;;) {
        enum status status = scan_next(source->scan, row, err);
        if (status == STATUS_END)
            return backup_source_end(source, err);
        if (status != STATUS_OK)
            return status;
        source->seen++;
        if (((row_header_get(row->bytes).flags & ROW_SHADOW) != 0) == source->shadows)
            return STATUS_OK;
    }
}

/* From our storage to the target and into the manifest. */
static enum status backup_hot_copy(struct backup *backup, struct manifest_table *entry,
                                   struct manifest_instance *instance, struct flush_file *file,
                                   enum manifest_kind kind, uint32_t *number, struct error *err)
{
    struct manifest_file made = {.kind = kind, .rows = file->segment->rows};
    struct buf path, record;
    char *staged = NULL;

    CHECK(kind != MANIFEST_SEGMENT);
    buf_init(&path);
    buf_init(&record);
    backup_path(file->table, instance->user, kind == MANIFEST_HOT ? "hot-" : "shadow-", (*number)++,
                &path);
    made.path = buf_str(&path);
    enum status status = files_staged_path(backup->store->files, file->path, &staged, err);
    if (status == STATUS_OK)
        status = backup_copy(&backup->copies, staged, path.data, &made, err);
    if (status == STATUS_OK) {
        file->segment->bytes = made.bytes;
        file->segment->checksum = made.checksum;
        segment_encode(file->segment, &record);
        made.record = buf_str(&record);
        manifest_add_file(&backup->manifest, entry, instance, &made);
    }
    mem_free(staged);
    buf_clear(&record);
    buf_clear(&path);
    return status;
}

/* One scratch file, staged only. */
static enum status backup_hot_file(struct backup *backup, struct flush_file *file, bool *made,
                                   struct error *err)
{
    struct buf path;

    buf_init(&path);
    flush_file_begin(file);
    enum status status = backup_scratch_name(&backup->scratch, &path, err);
    file->segment->path = arena_copy(file->segment->arena, buf_str(&path));
    file->path = mem_strdup(buf_str(&path));
    buf_clear(&path);
    if (status == STATUS_OK)
        status = flush_file_fill(file, made, err);
    if (file->memory_bytes > backup->result->memory_bytes)
        backup->result->memory_bytes = file->memory_bytes;
    CHECK(status != STATUS_END);
    return status;
}

static enum status backup_hot_kind(struct backup *backup, struct manifest_table *entry,
                                   struct manifest_instance *instance, struct flush_file *file,
                                   enum manifest_kind kind, uint32_t *number, struct error *err)
{
    enum status status = STATUS_OK;
    bool made = true, ended = false;

    CHECK(file->next != NULL);
    while (status == STATUS_OK && made && !ended) {
        struct flush_file one = *file;
        made = false;
        status = backup_hot_file(backup, &one, &made, err);
        ended = one.ended;
        if (status == STATUS_OK && made)
            status = backup_hot_copy(backup, entry, instance, &one, kind, number, err);
        files_abandon(backup->store->files, one.path);
        flush_file_clear(&one);
    }
    return status;
}

enum status backup_hot_rows(struct backup *backup, struct manifest_table *entry,
                            const struct table *table, struct manifest_instance *instance,
                            uint32_t *number, struct error *err)
{
    struct instance_counters counters = {.buffered_rows = 0};
    enum status status =
        instance_counters(backup->store, backup->view, table, instance->user, &counters, err);

    CHECK(table->kind == TABLE_KIND_USER || table->kind == TABLE_KIND_SHARED);
    for (int shadows = 0; status == STATUS_OK && shadows < 2; shadows++) {
        struct backup_source source = {.shadows = shadows == 1, .hot = counters.buffered_rows};
        struct arena arena;
        arena_init(&arena, 0);
        struct scan_options scan = {
            .view = backup->view,
            .table = table,
            .user = instance->user,
            .descending = true,
            .with_deleted = true,
            .hot_only = true,
            .whole = true,
            .seq_after = -1,
            .cancelled = backup->options->cancelled,
            .arena = &arena,
        };
        struct flush_file file = {
            .store = backup->store,
            .view = backup->view,
            .table = table,
            .place = table,
            .user = instance->user,
            .job_id = backup->options->job_id,
            .next = backup_source_next,
            .context = &source,
            .rows_max = FLUSH_SEGMENT_ROWS_MAX,
            .bytes_max = FLUSH_GROUP_BYTES,
            .group_rows = 4 * FLUSH_ROW_GROUP_STEP,
        };
        status = scan_open(backup->store, &scan, &source.scan, err);
        if (status == STATUS_OK)
            status = backup_hot_kind(backup, entry, instance, &file,
                                     shadows == 1 ? MANIFEST_SHADOW : MANIFEST_HOT, number, err);
        scan_close(source.scan);
        arena_clear(&arena);
    }
    return status;
}
