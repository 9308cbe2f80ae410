/* restore_files.c — the data of a restore: cold files under new names with their records, hot rows
 * back into their key space.
 *
 * The tables are in no catalogue yet, so nobody reads or writes what is made here and the commit
 * thread need not know. Files go in batches: names made durable as pending records, copied and
 * checked, synced together, then their segment records. Hot rows are read back from their Parquet
 * files, which lie under scratch names meanwhile. When all is there, restore_check.c looks whether
 * the rows of an instance fit together. A crash leaves records of tables that no
 * catalogue names; start-up removes them with their files (store_orphans.c).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/fault.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/backup/restore_internal.h"

enum { RESTORE_ROWS_BYTES = 4 << 20 }; /* of one write of hot rows */

/* What has gathered, synced: what lies in the log unsynced must never be more than one write, or
 * start-up takes a loss of power for damage (kv_rocksdb_log.c). */
static enum status restore_write(struct restore *restore, struct kv_batch *batch, struct error *err)
{
    CHECK(batch != NULL);
    return kv_write(restore->store->kv, batch, restore->store->options.durability, err);
}

/* ---- applying what has been copied
 * ---------------------------------------------------------------- */

static void restore_put_segment(struct restore *restore, const struct restore_move *move,
                                struct kv_batch *batch)
{
    struct buf key, value;

    CHECK(move->file->kind == MANIFEST_SEGMENT);
    buf_init(&key);
    buf_init(&value);
    segment_key(move->segment, &key);
    segment_encode(move->segment, &value);
    kv_batch_put(batch, restore->store->spaces.segments, buf_str(&key), buf_str(&value));
    pending_remove(batch, restore->store, move->segment->path);
    buf_clear(&key);
    buf_clear(&value);
}

static void restore_put_row(const struct restore_move *move, struct str row_id, struct str bytes,
                            struct kv_batch *batch, struct buf *scratch)
{
    struct row_header header = row_header_get(bytes);
    size_t prefix;

    CHECK(bytes.size >= ROW_HEADER_BYTES);
    buf_reset(scratch);
    if (move->table->kind == TABLE_KIND_USER) {
        buf_append_str(scratch, move->segment->user);
        buf_append_byte(scratch, ':');
    }
    buf_append_str(scratch, row_id);
    prefix = scratch->size;
    buf_append_str(scratch, bytes);
    header.flags &= ROW_DELETED;
    if (move->file->kind == MANIFEST_SHADOW)
        header.flags |= ROW_SHADOW;
    row_header_set(scratch->data + prefix, &header);
    kv_batch_put(batch, move->table->rows, str_from(scratch->data, prefix),
                 str_from(scratch->data + prefix, scratch->size - prefix));
}

/* Its checksum is right, so that whoever wrote the backup has written it like this. */
static enum status restore_blame(enum status status, const struct manifest_file *file,
                                 struct error *err)
{
    CHECK(file->path.size > 0);
    if (status != STATUS_CORRUPT && status != STATUS_SQL_EXECUTION_ERROR)
        return status;
    log_warn("file %.*s of a backup: %s", STR_ARG(file->path), err->message);
    return error_set(err, STATUS_CORRUPT, "corrupt backup: file \"%.*s\" does not fit the manifest",
                     STR_ARG(file->path));
}

static enum status restore_put_group(struct restore *restore, const struct restore_move *move,
                                     uint32_t group, struct kv_batch *batch, struct error *err)
{
    struct row_block *block = NULL;
    struct buf scratch;
    enum status status =
        row_block_load(restore->store, move->table, move->segment, group, &block, err);

    if (status != STATUS_OK)
        return restore_blame(status, move->file, err);
    CHECK(block != NULL);
    buf_init(&scratch);
    for (uint32_t i = 0; status == STATUS_OK && i < block->rows; i++) {
        restore_put_row(move, row_block_key(block, i), row_block_bytes(block, i), batch, &scratch);
        if (kv_batch_bytes(batch) < RESTORE_ROWS_BYTES)
            continue;
        status = restore_write(restore, batch, err);
        kv_batch_reset(batch);
    }
    if (block->bytes > restore->result->memory_bytes)
        restore->result->memory_bytes = block->bytes;
    buf_clear(&scratch);
    row_block_unref(block);
    return status;
}

static enum status restore_apply(struct restore *restore, struct error *err)
{
    struct kv_batch *batch = restore->records;
    enum status status = STATUS_OK;

    for (size_t i = 0; status == STATUS_OK && i < restore->move_count; i++) {
        const struct restore_move *move = &restore->moves[i];
        CHECK(move->path != NULL);
        if (move->file->kind == MANIFEST_SEGMENT) {
            restore_put_segment(restore, move, batch);
            continue;
        }
        for (uint32_t g = 0; status == STATUS_OK && g < move->segment->group_count; g++)
            status = restore_put_group(restore, move, g, batch, err);
        if (status == STATUS_OK)
            status = files_delete(restore->store->files, move->path, err);
    }
    if (status == STATUS_OK && FAULT(restore_after_rows))
        status = error_set(err, STATUS_IO_FAILED, "fault restore_after_rows");
    if (status == STATUS_OK)
        status = restore_write(restore, batch, err);
    kv_batch_reset(batch);
    return status;
}

/* ---- batches of files
 * ----------------------------------------------------------------------------- */

static void restore_moves_reset(struct restore *restore)
{
    for (size_t i = 0; i < restore->move_count; i++) {
        segment_unref(restore->moves[i].segment);
        mem_free(restore->moves[i].path);
    }
    CHECK(restore->move_count <= BACKUP_BATCH_FILES);
    restore->move_count = 0;
}

/* The pending records of all cold files of the batch, durable. */
static enum status restore_pend(struct restore *restore, struct error *err)
{
    struct store *store = restore->store;
    struct kv_batch *batch = kv_batch_new(store->kv);

    CHECK(restore->move_count > 0);
    for (size_t i = 0; i < restore->move_count; i++)
        if (restore->moves[i].file->kind == MANIFEST_SEGMENT)
            pending_put(batch, store, restore->moves[i].segment->path, PENDING_WRITE,
                        restore->moves[i].table->id);
    enum status status = kv_write(
        store->kv, batch, store->options.durability == KV_MEMORY ? KV_MEMORY : KV_SYNC, err);
    kv_batch_free(batch);
    return status;
}

static enum status restore_batch(struct restore *restore, struct error *err)
{
    enum status status = STATUS_OK;

    if (restore->move_count == 0)
        return STATUS_OK;
    status = restore_pend(restore, err);
    for (size_t i = 0; status == STATUS_OK && i < restore->move_count; i++) {
        struct restore_move *move = &restore->moves[i];
        struct manifest_file file = *move->file;
        char *from = mem_strdup(file.path);
        CHECK(move->segment->bytes == file.bytes);
        status = backup_copy_file(&restore->copies, restore->source, from, move->path, &file, err);
        mem_free(from);
        restore->result->files++;
        restore->result->rows += file.rows;
        restore->result->bytes += file.bytes;
    }
    if (status == STATUS_OK)
        status = backup_copy_finish(&restore->copies, err);
    if (status == STATUS_OK && FAULT(restore_after_copies))
        status = error_set(err, STATUS_IO_FAILED, "fault restore_after_copies");
    if (status == STATUS_OK)
        status = restore_apply(restore, err);
    if (status != STATUS_OK)
        return status; /* restore_undo needs the moves */
    restore_moves_reset(restore);
    if (restore->options->progress != NULL)
        restore->options->progress(restore->options->progress_context, restore->result->files,
                                   restore->result->rows, restore->result->bytes);
    return backup_is_cancelled(restore->options) ? error_set(err, STATUS_CANCELLED, "cancelled")
                                                 : STATUS_OK;
}

/* ---- files of an instance
 * ------------------------------------------------------------------------- */

static enum status restore_never(void *context, struct row *row, bool *from_hot, struct error *err)
{
    (void)context;
    (void)row;
    (void)from_hot;
    CHECK(err != NULL);
    return error_set(err, STATUS_INTERNAL_ERROR, "a restore writes no rows");
}

/* A name as a flush would give it. */
static enum status restore_name(struct restore *restore, struct restore_move *move,
                                struct error *err)
{
    struct view *view = view_acquire(restore->store);
    struct flush_file named = {
        .store = restore->store,
        .view = view,
        .table = move->table,
        .place = move->table,
        .user = move->segment->user,
        .next = restore_never,
        .rows_max = 1,
        .bytes_max = 1,
    };

    CHECK(move->file->kind == MANIFEST_SEGMENT);
    flush_file_begin(&named);
    enum status status = flush_file_name(&named, err);
    if (status == STATUS_OK) {
        move->path = mem_strdup(str_from_c(named.path));
        move->segment->id = named.segment->id;
        move->segment->storage_id = arena_copy(move->segment->arena, named.segment->storage_id);
    }
    flush_file_clear(&named);
    view_release(view);
    return status;
}

static enum status restore_record(const struct restore *restore, struct restore_move *move,
                                  struct str user, struct error *err)
{
    const struct manifest_file *file = move->file;
    enum status status = segment_decode(file->record, &move->segment, err);

    if (status != STATUS_OK || !str_equal(move->segment->user, user) ||
        move->segment->rows != file->rows || move->segment->bytes != file->bytes ||
        move->segment->checksum != file->checksum || move->segment->seq_min < 0 ||
        move->segment->seq_max > restore->manifest.as_of_seq ||
        table_schema_version(move->table, move->segment->schema_version) == NULL)
        return error_set(err, STATUS_CORRUPT, "corrupt manifest: the record of \"%.*s\" is wrong",
                         STR_ARG(file->path));
    CHECK(move->segment->group_count > 0);
    move->segment->table = move->table->id;
    return STATUS_OK;
}

static enum status restore_add(struct restore *restore, const struct table *table, struct str user,
                               const struct manifest_file *file, struct error *err)
{
    struct restore_move *move = &restore->moves[restore->move_count];
    struct buf path;

    CHECK(restore->move_count < BACKUP_BATCH_FILES);
    *move = (struct restore_move){.file = file, .table = table};
    restore->move_count++;
    enum status status = restore_record(restore, move, user, err);
    if (status == STATUS_OK && file->kind == MANIFEST_SEGMENT) {
        status = restore_name(restore, move, err);
    } else if (status == STATUS_OK) {
        buf_init(&path);
        status = backup_scratch_name(&restore->scratch, &path, err);
        move->path = mem_strdup(buf_str(&path));
        buf_clear(&path);
    }
    if (status != STATUS_OK)
        return status;
    move->segment->path = arena_copy(move->segment->arena, str_from_c(move->path));
    if (file->kind == MANIFEST_SEGMENT)
        (void)map_put(&restore->storages, move->segment->storage_id, restore);
    if (move->segment->seq_max > restore->seq_max)
        restore->seq_max = move->segment->seq_max;
    return restore->move_count == BACKUP_BATCH_FILES ? restore_batch(restore, err) : STATUS_OK;
}

/* Its record in user_table_counters, for the next write, and which files it has, newest first. */
static void restore_counters(struct restore *restore, const struct table *table,
                             const struct manifest_instance *instance,
                             const struct manifest_file **files)
{
    struct instance_record record = {.segments = 0};
    struct buf key, value;
    size_t count = 0;

    CHECK(table->id.value > 0);
    for (const struct manifest_file *file = instance->files; file != NULL; file = file->next) {
        files[count++] = file;
        if (file->kind == MANIFEST_SEGMENT) {
            record.segments++;
            record.cold_rows += file->rows;
            record.cold_bytes += file->bytes;
        } else {
            record.buffered_rows += (int64_t)file->rows;
        }
    }
    record.rows_since_flush = record.buffered_rows;
    record.segments_version = record.segments > 0 ? (uint64_t)restore->position : 0;
    buf_init(&key);
    buf_init(&value);
    instance_key(table->id, instance->user, &key);
    instance_encode(&record, &value);
    kv_batch_put(restore->records, restore->store->spaces.instances, buf_str(&key),
                 buf_str(&value));
    buf_clear(&key);
    buf_clear(&value);
}

static enum status restore_instance(struct restore *restore, const struct table *table,
                                    const struct manifest_instance *instance, struct error *err)
{
    const struct manifest_file **files;
    size_t count = 0;

    for (const struct manifest_file *file = instance->files; file != NULL; file = file->next)
        count++;
    files = mem_calloc(count + 1, sizeof(struct manifest_file *));
    restore_counters(restore, table, instance, files);
    enum status status = STATUS_OK;
    /* The oldest first: ids rise, and the newest segment has the greatest. */
    for (size_t i = count; status == STATUS_OK && i > 0; i--)
        status = restore_add(restore, table, instance->user, files[i - 1], err);
    CHECK(status != STATUS_END);
    mem_free(files);
    return status;
}

typedef enum status restore_one(struct restore *restore, const struct table *table,
                                const struct manifest_instance *instance, struct error *err);

static enum status restore_each(struct restore *restore, restore_one *one, struct error *err)
{
    const struct manifest_table *entry = restore->manifest.tables;
    enum status status = STATUS_OK;

    for (size_t i = 0; status == STATUS_OK && i < restore->table_count; i++, entry = entry->next) {
        const struct manifest_instance *instance = entry->instances;
        CHECK(restore->tables[i]->rows != NULL);
        for (; status == STATUS_OK && instance != NULL; instance = instance->next)
            status = one(restore, restore->tables[i], instance, err);
    }
    return status;
}

enum status restore_data(struct restore *restore, struct error *err)
{
    enum status status = restore_each(restore, restore_instance, err);

    CHECK(status != STATUS_END);
    if (status == STATUS_OK)
        status = restore_batch(restore, err);
    if (status == STATUS_OK && kv_batch_bytes(restore->records) > 0)
        status = restore_write(restore, restore->records, err);
    if (status == STATUS_OK)
        status = restore_each(restore, restore_check_instance, err);
    return status;
}

/* ---- undoing
 * -------------------------------------------------------------------------------------- */

struct restore_paths {
    struct arena arena;
    const char **paths;
    size_t count, capacity;
};

static void restore_paths_add(struct restore_paths *list, struct str path)
{
    if (list->count == list->capacity) {
        list->capacity = 2 * list->capacity + 64;
        list->paths = mem_realloc(list->paths, list->capacity * sizeof(*list->paths));
    }
    CHECK(path.size > 0);
    list->paths[list->count++] = arena_copy(&list->arena, path).data;
}

struct restore_undo {
    struct restore *restore;
    struct restore_paths *list;
    struct kv_batch *batch;
    struct table_id table;
};

static void restore_undo_file(void *context, const struct segment *segment)
{
    struct restore_undo *undo = context;

    CHECK(undo->table.value > 0);
    restore_paths_add(undo->list, segment->path);
    pending_put(undo->batch, undo->restore->store, segment->path, PENDING_DELETE, undo->table);
}

/* Records of a table; its files become pending deletions. */
static enum status restore_undo_table(struct restore *restore, const struct table *table,
                                      struct restore_paths *list, struct kv_batch *batch,
                                      struct error *err)
{
    struct restore_undo undo = {restore, list, batch, table->id};
    struct store *store = restore->store;
    struct buf lower, upper;

    instance_key_range(table->id, &lower, &upper);
    struct key_range range = {buf_str(&lower), buf_str(&upper)};
    enum status status = segment_visit(store, &range, restore_undo_file, &undo, err);
    CHECK(range.lower.size == range.upper.size);
    kv_batch_delete_range(batch, store->spaces.segments, range.lower, range.upper);
    kv_batch_delete_range(batch, store->spaces.instances, range.lower, range.upper);
    buf_clear(&lower);
    buf_clear(&upper);
    return status;
}

static enum status restore_undo_files(struct restore *restore, const struct restore_paths *list,
                                      struct error *err)
{
    struct store *store = restore->store;
    struct kv_batch *batch = kv_batch_new(store->kv);
    enum status statuses[BACKUP_BATCH_FILES];

    for (size_t at = 0; at < list->count; at += BACKUP_BATCH_FILES) {
        size_t count = list->count - at;
        count = count < BACKUP_BATCH_FILES ? count : BACKUP_BATCH_FILES;
        for (size_t i = 0; i < count; i++)
            files_abandon(store->files, list->paths[at + i]);
        if (files_delete_many(store->files, list->paths + at, count, statuses, err) != STATUS_OK)
            log_warn("files of a restore that failed stay until the next start: %s", err->message);
        for (size_t i = 0; i < count; i++)
            if (statuses[i] == STATUS_OK)
                pending_remove(batch, store, str_from_c(list->paths[at + i]));
    }
    CHECK(batch != NULL);
    enum status status = restore_write(restore, batch, err);
    kv_batch_free(batch);
    return status;
}

void restore_undo(struct restore *restore)
{
    struct store *store = restore->store;
    struct kv_batch *batch = kv_batch_new(store->kv);
    struct restore_paths list = {.count = 0};
    enum status status = STATUS_OK;
    struct error err;

    arena_init(&list.arena, 0);
    backup_copies_clear(&restore->copies);
    for (size_t i = 0; i < restore->move_count; i++)
        if (restore->moves[i].path != NULL && restore->moves[i].file->kind == MANIFEST_SEGMENT) {
            struct str path = str_from_c(restore->moves[i].path);
            restore_paths_add(&list, path);
            pending_put(batch, store, path, PENDING_WRITE, restore->moves[i].table->id);
        }
    for (size_t i = 0; status == STATUS_OK && i < restore->table_count; i++)
        if (restore->tables[i]->rows != NULL)
            status = restore_undo_table(restore, restore->tables[i], &list, batch, &err);
    /* Durable before the first file goes. When the store takes no writes, the next start does it.
     */
    if (status == STATUS_OK)
        status = kv_write(store->kv, batch,
                          store->options.durability == KV_MEMORY ? KV_MEMORY : KV_SYNC, &err);
    if (status == STATUS_OK)
        status = restore_undo_files(restore, &list, &err);
    for (size_t i = 0; status == STATUS_OK && i < restore->table_count; i++)
        if (restore->tables[i]->rows != NULL)
            status = kv_space_drop(store->kv, restore->tables[i]->rows, &err);
    if (status != STATUS_OK)
        log_warn("what a restore left goes with the next start: %s", err.message);
    CHECK(batch != NULL);
    restore_moves_reset(restore);
    mem_free(list.paths);
    arena_clear(&list.arena);
    kv_batch_free(batch);
}
