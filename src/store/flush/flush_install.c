/* flush_install.c — the moment a segment becomes visible: one batch on the commit thread.
 *
 * The rows of the file are removed from hot with one DeleteRange from the lowest to the highest of
 * them, and what must stay in that range is put back behind it in the same batch. What must stay is
 * found by walking the range as it is now (only the commit thread changes it, so nothing moves
 * meanwhile) beside the file's list of {key hash, _seq}, both from the lowest key up:
 *
 *   same key, same _seq       in the file: gone from hot
 *   same key, other _seq      written after the flush's view: stays and becomes a shadow, since
 *                             it hides a cold row now
 *   key not in the list       new, or held back by the flush: stays as it is
 *
 * A key of the list is always still hot: only a flush removes hot rows, and a table has one at a
 * time (FLUSH_ALONE). One that the walk does not meet means that the walk has lost rows, which
 * would be removed and not put back: the install fails. The walk is bounded by the rows per
 * segment. Hashes carry a random seed, so nobody can prepare keys that collide.
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
#include "base/hash.h"
#include "catalog/storage.h"
#include "store/flush/flush_internal.h"

struct flush_walk {
    struct store *store;
    struct flush_install *install;
    const struct table *table;
    struct kv_batch *batch;
    struct buf lower, upper, row;
    const struct flush_entry *entries; /* keys descending; the walk goes up, which is faster */
    size_t left;
    size_t prefix_size;
};

static void flush_walk_key(const struct table *table, struct str user, struct str key,
                           struct buf *out)
{
    CHECK(key.size > 0);
    if (table->kind == TABLE_KIND_USER) {
        buf_append_str(out, user);
        buf_append_byte(out, ':');
    }
    buf_append_str(out, key);
}

/* Decides about one row that is hot now. */
static void flush_walk_row(struct flush_walk *walk, struct str key, struct str bytes)
{
    struct str row_id = str_from(key.data + walk->prefix_size, key.size - walk->prefix_size);
    const struct flush_entry *entry = walk->left > 0 ? &walk->entries[walk->left - 1] : NULL;
    bool in_file =
        entry != NULL && entry->hash == hash_bytes_seeded(row_id, walk->install->file->seed);

    CHECK(key.size > walk->prefix_size);
    if (!in_file) {
        kv_batch_put(walk->batch, walk->table->rows, key, bytes);
        return;
    }
    walk->left--;
    if (row_seq(bytes) == entry->seq) {
        walk->install->dropped++;
        return;
    }
    struct row_header header = row_header_get(bytes);
    CHECK(header.seq > entry->seq); /* SEQ_ORDER */
    header.flags |= ROW_SHADOW;
    buf_reset(&walk->row);
    buf_append_str(&walk->row, bytes);
    row_header_set(walk->row.data, &header);
    kv_batch_put(walk->batch, walk->table->rows, key, buf_str(&walk->row));
}

static enum status flush_walk_range(struct flush_walk *walk, struct error *err)
{
    struct kv_iterator_options options = {
        .lower = buf_str(&walk->lower),
        .upper = buf_str(&walk->upper),
        .prefix_same = walk->table->kind == TABLE_KIND_USER,
        .fill_cache = true,
    };
    struct store *store = walk->store;
    enum status status = STATUS_OK;

    kv_batch_delete_range(walk->batch, walk->table->rows, options.lower, options.upper);
    struct kv_iterator *iterator = kv_iterator_open(store->kv, walk->table->rows, &options);
    for (kv_iterator_seek_first(iterator); kv_iterator_is_valid(iterator);
         kv_iterator_next(iterator)) {
        struct str bytes = kv_iterator_value(iterator);
        if (bytes.size < ROW_HEADER_BYTES) {
            status = error_set(err, STATUS_CORRUPT, "row is shorter than its header");
            break;
        }
        flush_walk_row(walk, kv_iterator_key(iterator), bytes);
    }
    if (status == STATUS_OK)
        status = kv_iterator_status(iterator, err);
    kv_iterator_close(iterator);
    CHECK(walk->left <= walk->install->file->entry_count);
    if (status == STATUS_OK && walk->left > 0)
        status = error_set(err, STATUS_IO_FAILED, "%zu hot rows were not met again", walk->left);
    return status;
}

static enum status flush_install_rows(struct store *store, struct flush_install *install,
                                      const struct table *table, struct kv_batch *batch,
                                      struct error *err)
{
    struct flush_file *file = install->file;
    struct flush_walk walk = {
        .store = store,
        .install = install,
        .table = table,
        .batch = batch,
        .entries = (const struct flush_entry *)(const void *)file->entries.data,
        .left = file->entry_count,
        .prefix_size = table->kind == TABLE_KIND_USER ? install->user.size + 1 : 0,
    };

    if (file->entry_count == 0)
        return STATUS_OK;
    CHECK(file->hot_min.size > 0 && file->hot_max.size > 0);
    buf_init(&walk.lower);
    buf_init(&walk.upper);
    buf_init(&walk.row);
    flush_walk_key(table, install->user, buf_str(&file->hot_min), &walk.lower);
    flush_walk_key(table, install->user, buf_str(&file->hot_max), &walk.upper);
    buf_append_byte(&walk.upper, 0); /* the bound is exclusive */
    enum status status = flush_walk_range(&walk, err);
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

static void flush_install_counters(const struct flush_install *install,
                                   struct instance_record *instance)
{
    int64_t since = instance->rows_since_flush - install->dropped;

    CHECK(instance->buffered_rows >= install->dropped);
    if (install->last) /* hot rows that were not there when the flush began */
        since = instance->buffered_rows + install->dropped_before - install->buffered_at_view;
    instance->rows_since_flush = since > 0 ? since : 0;
    instance->buffered_rows -= install->dropped;
    if (!install->compacts)
        instance->last_flush_us = clock_now_us();
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
