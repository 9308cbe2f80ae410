/* commit_stream.c — events of stream tables: stored under `{ms, 13 digits}:{row_id}`, deleted for
 * good, oldest first when there are more than max_buffer.
 *
 * Event rows live in a volatile space (no log, empty after a restart) and are counted in memory
 * only. Eviction is a write of its own after the group's and before its view: the new event is
 * never visible beside more than max_buffer - 1 others.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "store/commit/commit_internal.h"
#include "value/row.h"

/* Above it one range deletion is cheaper to read over than single ones. */
enum { STREAM_RANGE_MIN = 1000 };

static enum status commit_stream_insert(struct commit_pipeline *pipeline, struct commit_row *row,
                                        struct error *err)
{
    struct commit_instance_entry *entry;

    CHECK(row->op->values != NULL);
    buf_printf(&pipeline->key, "%013lld:", (long long)(pipeline->updated / 1000));
    buf_append_str(&pipeline->key, row->op->key);
    row->key = arena_copy(&pipeline->arena, buf_str(&pipeline->key));
    enum status status = commit_row_load(pipeline, row, err);
    if (status == STATUS_OK)
        status = commit_instance_get(pipeline, row->table, STR_EMPTY, &entry, err);
    if (status != STATUS_OK)
        return status;
    if (!row->current.is_hot) {
        commit_instance_touch(pipeline, entry);
        entry->record.buffered_rows++;
    }
    /* An event of the same millisecond is replaced, but for subscribers both are inserts. */
    row->current = (struct commit_current){0};
    row->verdict = ROW_PUT;
    struct str bytes = commit_row_encode(pipeline, row, 0, row->op->values);
    return commit_row_put(pipeline, row, bytes, true, err);
}

static enum status commit_stream_delete(struct commit_pipeline *pipeline, struct commit_row *row,
                                        struct error *err)
{
    struct commit_instance_entry *entry;

    CHECK(row->op->values == NULL && row->op->logic != NULL);
    buf_append_str(&pipeline->key, row->op->key);
    enum status status = commit_row_load(pipeline, row, err);
    if (status != STATUS_OK || !row->current.is_live)
        return status;
    status = commit_row_resolve(&pipeline->decider, row, err);
    if (status != STATUS_OK || row->verdict == ROW_KEEP)
        return status;
    if (row->verdict != ROW_DELETE)
        return error_set(err, STATUS_INVALID_OPERATION,
                         "events of stream tables cannot be changed");
    status = commit_instance_get(pipeline, row->table, STR_EMPTY, &entry, err);
    if (status != STATUS_OK)
        return status;
    commit_instance_touch(pipeline, entry);
    if (entry->record.buffered_rows > 0)
        entry->record.buffered_rows--;
    return commit_row_put(pipeline, row, commit_row_bury(pipeline, row, 0), false, err);
}

enum status commit_stream_apply(struct commit_pipeline *pipeline, struct commit_row *row,
                                struct error *err)
{
    CHECK(row->table->kind == TABLE_KIND_STREAM && row->op->user.size == 0);
    row->verdict = ROW_KEEP;
    if (row->op->kind == ROW_OP_INSERT)
        return commit_stream_insert(pipeline, row, err);
    return commit_stream_delete(pipeline, row, err);
}

/* ---- max_buffer -------------------------------------------------------------------------------
 */

/* Deletes the oldest `excess` events, entry->low moves behind them. */
static enum status commit_stream_evict_one(struct commit_pipeline *pipeline,
                                           struct commit_instance_entry *entry,
                                           struct kv_space *space, int64_t excess,
                                           struct error *err)
{
    struct kv_iterator_options options = {.lower = buf_str(&entry->low), .fill_cache = true};
    struct kv_iterator *iterator = kv_iterator_open(pipeline->store->kv, space, &options);
    struct buf first;
    int64_t removed = 0;

    CHECK(excess > 0);
    buf_init(&first);
    kv_iterator_seek_first(iterator);
    if (kv_iterator_is_valid(iterator))
        buf_append_str(&first, kv_iterator_key(iterator));
    for (; removed < excess && kv_iterator_is_valid(iterator); kv_iterator_next(iterator)) {
        struct str key = kv_iterator_key(iterator);
        if (excess < STREAM_RANGE_MIN)
            kv_batch_delete(pipeline->batch, space, key);
        buf_reset(&entry->low);
        buf_append_str(&entry->low, key);
        removed++;
    }
    if (removed > 0)
        buf_append_byte(&entry->low, 0); /* just behind the last one removed */
    if (removed > 0 && excess >= STREAM_RANGE_MIN)
        kv_batch_delete_range(pipeline->batch, space, buf_str(&first), buf_str(&entry->low));
    enum status status = kv_iterator_status(iterator, err);
    kv_iterator_close(iterator);
    buf_clear(&first);
    entry->record.buffered_rows = removed < excess ? entry->record.buffered_rows - removed
                                                   : entry->record.buffered_rows - excess;
    return status;
}

enum status commit_stream_evict(struct commit_pipeline *pipeline, struct error *err)
{
    enum status status = STATUS_OK;
    bool any = false;

    CHECK(pipeline->batch != NULL);
    for (size_t i = 0; status == STATUS_OK && i < pipeline->dirty_count; i++) {
        struct commit_instance_entry *entry = pipeline->dirty[i];
        if (!entry->in_memory_only)
            continue;
        const struct table *table = catalog_find_table_id(pipeline->catalog, entry->table);
        if (table == NULL || table->max_buffer == 0 ||
            entry->record.buffered_rows <= (int64_t)table->max_buffer)
            continue;
        if (!any)
            kv_batch_reset(pipeline->batch);
        any = true;
        status =
            commit_stream_evict_one(pipeline, entry, table->rows,
                                    entry->record.buffered_rows - (int64_t)table->max_buffer, err);
    }
    if (status == STATUS_OK && any)
        status = kv_write(pipeline->store->kv, pipeline->batch, KV_MEMORY, err);
    return status;
}
