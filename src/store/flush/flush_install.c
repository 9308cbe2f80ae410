/* flush_install.c — the moment a segment becomes visible: one batch on the commit thread.
 *
 * The rows of the file are removed from hot, if they are still what the file holds. That is found
 * by walking what is hot now (only the commit thread changes it, so nothing moves meanwhile) beside
 * the file's list of {key, _seq}, both from the lowest key up:
 *
 *   same key, same _seq       in the file: gone from hot
 *   same key, other _seq      written after the flush's view: stays and becomes a shadow, since
 *                             it hides a cold row now
 *   key not in the list       new, or held back by the flush: stays as it is
 *
 * Rows to remove that lie side by side go by range, a few of them or single ones by key, so that
 * what stays is never written again. Where many rows that stay lie in between (keys that do not
 * rise, and a flush of shadows), the walk jumps over them: its cost follows from the list, however
 * many rows are hot.
 *
 * A key of the list is always still hot: only a flush removes hot rows, and a table has one at a
 * time (FLUSH_ALONE). One that the walk does not meet means that the walk has lost rows, and that
 * some that it should have met were perhaps removed with a range: the install fails.
 *
 * Many small instances share one batch and so one fsync; each of them stands in it once, because
 * the walk sees the store as it was before the batch. How much one batch may hold, and so how long
 * writers can wait for it, is the caller's business (flush_batch.c).
 *
 * Thread: commit thread inside `extra`.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "catalog/storage.h"
#include "store/flush/flush_internal.h"

enum {
    FLUSH_RANGE_ROWS = 16, /* fewer side by side are removed one by one */
    FLUSH_WALK_STEPS = 8,  /* rows that stay before the walk jumps to the next of the list */
};

struct flush_walk {
    struct flush_install *install;
    const struct table *table;
    struct kv_batch *batch;
    struct kv_iterator *iterator;
    struct buf lower, upper, row;
    size_t left;        /* of the list: its keys descend, the walk goes up, which is faster */
    size_t run;         /* entries [left, run) lie side by side in hot and are to go */
    size_t prefix_size; /* `{user}:` */
};

static const struct flush_entry *flush_walk_entry(const struct flush_walk *walk, size_t index)
{
    CHECK(index < walk->install->file->entry_count);
    return (const struct flush_entry *)(const void *)walk->install->file->entries.data + index;
}

static struct str flush_walk_row_id(const struct flush_walk *walk, size_t index)
{
    size_t start = index == 0 ? 0 : flush_walk_entry(walk, index - 1)->key_end;
    size_t end = flush_walk_entry(walk, index)->key_end;

    CHECK(end > start);
    return str_from(walk->install->file->entry_keys.data + start, end - start);
}

/* The key of an entry as it is in hot. */
static void flush_walk_key(const struct flush_walk *walk, size_t index, struct buf *out)
{
    buf_reset(out);
    if (walk->table->kind == TABLE_KIND_USER) {
        buf_append_str(out, walk->install->user);
        buf_append_byte(out, ':');
    }
    CHECK(out->size == walk->prefix_size);
    buf_append_str(out, flush_walk_row_id(walk, index));
}

/* Removes the rows of the run. */
static void flush_walk_end_run(struct flush_walk *walk)
{
    struct kv_space *rows = walk->table->rows;

    CHECK(walk->run >= walk->left);
    if (walk->run - walk->left >= FLUSH_RANGE_ROWS) {
        flush_walk_key(walk, walk->run - 1, &walk->lower);
        flush_walk_key(walk, walk->left, &walk->upper);
        buf_append_byte(&walk->upper, 0); /* the bound is exclusive */
        kv_batch_delete_range(walk->batch, rows, buf_str(&walk->lower), buf_str(&walk->upper));
        walk->install->ranges++;
        walk->run = walk->left;
    }
    for (; walk->run > walk->left; walk->run--) {
        flush_walk_key(walk, walk->run - 1, &walk->lower);
        kv_batch_delete(walk->batch, rows, buf_str(&walk->lower));
    }
}

/* Stands on the hot row of the next entry: ABSENT when there is none. */
static enum status flush_walk_reach(struct flush_walk *walk, struct error *err)
{
    struct str wanted = flush_walk_row_id(walk, walk->left - 1);
    unsigned steps = 0;

    while (kv_iterator_is_valid(walk->iterator)) {
        struct str key = kv_iterator_key(walk->iterator);
        CHECK(key.size > walk->prefix_size);
        int order = str_compare(
            str_from(key.data + walk->prefix_size, key.size - walk->prefix_size), wanted);
        if (order >= 0)
            return order == 0 ? STATUS_OK : STATUS_ABSENT;
        flush_walk_end_run(walk);
        if (++steps <= FLUSH_WALK_STEPS) {
            kv_iterator_next(walk->iterator);
            continue;
        }
        flush_walk_key(walk, walk->left - 1, &walk->lower);
        kv_iterator_seek(walk->iterator, buf_str(&walk->lower));
    }
    enum status status = kv_iterator_status(walk->iterator, err);
    return status == STATUS_OK ? STATUS_ABSENT : status;
}

/* Decides about the row the walk stands on, which is that of the next entry. */
static void flush_walk_row(struct flush_walk *walk, struct str bytes)
{
    const struct flush_entry *entry = flush_walk_entry(walk, walk->left - 1);

    if (row_seq(bytes) == entry->seq) {
        walk->install->dropped++;
        walk->left--;
        return;
    }
    struct row_header header = row_header_get(bytes);
    CHECK(header.seq > entry->seq); /* SEQ_ORDER */
    header.flags |= ROW_SHADOW;
    flush_walk_end_run(walk);
    buf_reset(&walk->row);
    buf_append_str(&walk->row, bytes);
    row_header_set(walk->row.data, &header);
    kv_batch_put(walk->batch, walk->table->rows, kv_iterator_key(walk->iterator),
                 buf_str(&walk->row));
    walk->left--;
    walk->run = walk->left;
}

static enum status flush_walk_rows(struct flush_walk *walk, struct error *err)
{
    enum status status = STATUS_OK;

    for (kv_iterator_seek_first(walk->iterator); walk->left > 0; kv_iterator_next(walk->iterator)) {
        status = flush_walk_reach(walk, err);
        if (status == STATUS_ABSENT)
            status =
                error_set(err, STATUS_IO_FAILED, "%zu hot rows were not met again", walk->left);
        if (status != STATUS_OK)
            return status;
        struct str bytes = kv_iterator_value(walk->iterator);
        if (bytes.size < ROW_HEADER_BYTES)
            return error_set(err, STATUS_CORRUPT, "row is shorter than its header");
        flush_walk_row(walk, bytes);
    }
    flush_walk_end_run(walk);
    CHECK(walk->run == 0);
    return kv_iterator_status(walk->iterator, err);
}

static enum status flush_install_rows(struct store *store, struct flush_install *install,
                                      const struct table *table, struct kv_batch *batch,
                                      struct error *err)
{
    bool prefixed = table->kind == TABLE_KIND_USER;
    struct flush_walk walk = {
        .install = install,
        .table = table,
        .batch = batch,
        .left = install->file->entry_count,
        .run = install->file->entry_count,
        .prefix_size = prefixed ? install->user.size + 1 : 0,
    };

    if (walk.left == 0)
        return STATUS_OK;
    CHECK(install->file->entry_keys.size > 0);
    buf_init(&walk.lower);
    buf_init(&walk.upper);
    buf_init(&walk.row);
    flush_walk_key(&walk, walk.left - 1, &walk.lower);
    flush_walk_key(&walk, 0, &walk.upper);
    buf_append_byte(&walk.upper, 0); /* the bound is exclusive */
    struct kv_iterator_options options = {
        .lower = buf_str(&walk.lower),
        .upper = buf_str(&walk.upper),
        .prefix_same = prefixed,
        .fill_cache = true,
    };
    walk.iterator = kv_iterator_open(store->kv, table->rows, &options);
    enum status status = flush_walk_rows(&walk, err);
    kv_iterator_close(walk.iterator);
    buf_clear(&walk.lower);
    buf_clear(&walk.upper);
    buf_clear(&walk.row);
    return status;
}

static void flush_install_replaced(struct store *store, const struct flush_install *install,
                                   struct kv_batch *batch, struct instance_record *instance)
{
    struct buf key;

    buf_init(&key);
    for (size_t i = 0; i < install->replaced_count; i++) {
        const struct segment *replaced = install->replaced[i];
        CHECK(instance->segments > 1 && instance->cold_rows >= replaced->rows);
        buf_reset(&key);
        segment_key(replaced, &key);
        kv_batch_delete(batch, store->spaces.segments, buf_str(&key));
        pending_put(batch, store, replaced->path, PENDING_DELETE, replaced->table);
        instance->segments--;
        instance->cold_rows -= replaced->rows;
        instance->cold_bytes -= replaced->bytes;
    }
    buf_clear(&key);
}

static void flush_install_segment(struct store *store, const struct flush_install *install,
                                  int64_t position, struct kv_batch *batch,
                                  struct instance_record *instance)
{
    const struct segment *made = install->file->segment;
    struct buf key, value;

    CHECK(made->rows > 0);
    buf_init(&key);
    buf_init(&value);
    segment_key(made, &key);
    segment_encode(made, &value);
    kv_batch_put(batch, store->spaces.segments, buf_str(&key), buf_str(&value));
    pending_remove(batch, store, made->path);
    instance->segments++;
    instance->cold_rows += made->rows;
    instance->cold_bytes += made->bytes;
    flush_install_replaced(store, install, batch, instance);
    instance->segments_version = (uint64_t)position;
    buf_clear(&key);
    buf_clear(&value);
}

static void flush_install_counters(struct flush_install *install, struct instance_record *instance)
{
    int64_t since = instance->rows_since_flush;

    CHECK(instance->buffered_rows >= install->dropped);
    if (install->last) /* hot rows that were not there when the flush began */
        since = instance->buffered_rows + install->dropped_before - install->buffered_at_view;
    else if (install->replaced_count == 0) /* shadows are not counted any more when they go */
        since -= install->dropped;
    instance->buffered_rows -= install->dropped;
    since = since < instance->buffered_rows ? since : instance->buffered_rows;
    instance->rows_since_flush = since > 0 ? since : 0;
    if (!install->compacts)
        instance->last_flush_us = install->flushed_us = clock_now_us();
}

struct flush_installs {
    struct flush_install *const *installs;
    size_t count;
    int64_t position;
};

static enum status flush_install_one(struct commit_request *request, struct flush_install *install,
                                     const struct table *table, int64_t position,
                                     struct kv_batch *batch, struct error *err)
{
    struct store *store = request->store;
    bool has_file = install->file != NULL && !install->drop_pending;
    enum status status = STATUS_OK;

    CHECK(install->table.value == table->id.value);
    install->dropped = 0;
    install->ranges = 0;
    if (has_file &&
        catalog_find_storage(commit_catalog(request), install->file->segment->storage_id) == NULL)
        return error_set(err, STATUS_STORAGE_NOT_FOUND, "the storage was dropped meanwhile");
    if (has_file)
        status = flush_install_rows(store, install, table, batch, err);
    if (status != STATUS_OK)
        return hot_translate(status, table, err);
    struct instance_record *instance = commit_instance(request, table->id, install->user, err);
    if (instance == NULL)
        return err->code;
    if (has_file)
        flush_install_segment(store, install, position, batch, instance);
    else if (install->file != NULL)
        pending_remove(batch, store, str_from_c(install->file->path));
    flush_install_counters(install, instance);
    if (has_file)
        segment_cache_invalidate(store->segment_cache, table->id, install->user, position);
    return STATUS_OK;
}

static enum status flush_install_extra(struct commit_request *request, struct kv_batch *batch,
                                       struct catalog **next_catalog, struct error *err)
{
    struct flush_installs *group = request->extra_context;
    const struct table *table =
        catalog_find_table_id(commit_catalog(request), group->installs[0]->table);
    enum status status = STATUS_OK;

    (void)next_catalog;
    if (table == NULL)
        return error_set(err, STATUS_TABLE_NOT_FOUND, "the table was dropped during its flush");
    bool fault = group->installs[0]->compacts && FAULT(compact_before_commit);
    fault = fault || (!group->installs[0]->compacts && FAULT(flush_before_commit));
    if (fault)
        return error_set(err, STATUS_IO_FAILED, "fault before the commit");
    int64_t position = commit_take_position(request);
    for (size_t i = 0; status == STATUS_OK && i < group->count; i++)
        status = flush_install_one(request, group->installs[i], table, position, batch, err);
    CHECK(position > 0);
    group->position = status == STATUS_OK ? position : 0;
    return status;
}

enum status flush_install(struct store *store, struct flush_install *const *installs, size_t count,
                          int64_t *position, struct error *err)
{
    struct flush_installs group = {.installs = installs, .count = count};
    struct commit_request request = {
        .extra = flush_install_extra,
        .extra_context = &group,
    };
    struct arena arena;

    CHECK(count > 0);
    arena_init(&arena, 0);
    request.arena = &arena;
    request.view = view_acquire(store);
    enum status status = commit_submit_wait(store, &request, err);
    view_release(request.view);
    arena_clear(&arena);
    *position = group.position;
    if (status != STATUS_OK)
        return status;
    bool fault = installs[0]->compacts && FAULT(compact_after_commit);
    fault = fault || (!installs[0]->compacts && FAULT(flush_after_commit));
    return fault ? error_set(err, STATUS_IO_FAILED, "fault after the commit") : STATUS_OK;
}
