/* commit_stream.c — events of stream tables: stored under `{ms, 13 digits}:{row_id}`, deleted for
 * good, discarded when the table is EPHEMERAL and nobody listens.
 *
 * Event rows live in a volatile space (no log, empty after a restart) and are counted in memory
 * only. A group that has nothing but events is written without the log and without fsync; numbers
 * stay unique because they are reserved ahead. What goes by age or number is commit_evict.c's.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "store/commit/commit_internal.h"
#include "store/stream.h"
#include "value/row.h"

/* Does anybody hear the events of this statement? One answer for all its rows. */
static bool commit_stream_is_heard(struct commit_pipeline *pipeline,
                                   struct commit_instance_entry *entry, const struct table *table)
{
    CHECK(entry->stream != NULL);
    if (!table->ephemeral)
        return true;
    if (entry->heard_serial != pipeline->serial) {
        entry->heard_serial = pipeline->serial;
        entry->heard = atomic_load(&entry->stream->subscribers) > 0;
    }
    return entry->heard;
}

static enum status commit_stream_insert(struct commit_pipeline *pipeline, struct commit_row *row,
                                        struct error *err)
{
    struct commit_instance_entry *entry;
    int64_t now_ms = pipeline->updated / 1000;
    enum status status = commit_instance_get(pipeline, row->table, STR_EMPTY, &entry, err);

    CHECK(row->op->values != NULL);
    if (status != STATUS_OK)
        return status;
    row->verdict = ROW_PUT;
    if (!commit_stream_is_heard(pipeline, entry, row->table))
        return commit_row_report(pipeline, row,
                                 commit_row_encode(pipeline, row, 0, row->op->values), err);
    stream_key_prefix(now_ms, &pipeline->key);
    buf_append_str(&pipeline->key, row->op->key);
    row->key = arena_copy(&pipeline->arena, buf_str(&pipeline->key));
    status = commit_row_load(pipeline, row, err);
    if (status != STATUS_OK)
        return status;
    commit_instance_touch(pipeline, entry);
    commit_evict_inserted(pipeline, entry, now_ms);
    if (!row->current.is_hot)
        entry->record.buffered_rows++;
    /* An event of the same millisecond is replaced, but for subscribers both are inserts. */
    row->current = (struct commit_current){0};
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
    commit_evict_deleted(entry);
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
