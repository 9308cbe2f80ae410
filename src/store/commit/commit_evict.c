/* commit_evict.c — events that leave a stream: by age (TTL) and by number (max_buffer).
 *
 * By number: a write of its own after the group's and before its view, so that a new event is never
 * visible beside more than max_buffer - 1 others. The oldest go first, which is the order of keys
 * from one millisecond to the next and the order of _seq within one. So the events of the oldest
 * millisecond are read and sorted once, and taken from that list until it is used up.
 *
 * By age: a pass over all streams every eviction_interval_ms. It is cut into pieces
 * (COMMIT_EVICT_STEPS), between which the thread serves what is queued. Readers skip expired events
 * anyway; the pass gives the memory back, and publishes a view so that no snapshot holds it.
 *
 * Subscribers are not told of either. Thread: the commit thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/commit/commit_internal.h"
#include "store/stream.h"
#include "value/row.h"

#include <stdlib.h>

enum {
    COMMIT_EVICT_RANGE_MIN = 1000, /* from here one range is cheaper than single keys */
    COMMIT_EVICT_STEPS = 4096,     /* events of one piece of a pass: about 2 ms */
    COMMIT_EVICT_STEPS_TABLE = 16, /* what looking at a table costs */
};

/* ---- the oldest millisecond -------------------------------------------------------------------
 */

struct evict_event {
    int64_t seq;
    struct str key; /* in the arena of its list */
};

/* Events of one millisecond, oldest first. */
struct evict_list {
    int64_t ms;
    struct evict_event *events;
    size_t count, next, capacity;
    struct arena arena;
};

static void evict_list_free(struct commit_instance_entry *entry)
{
    if (entry->evict == NULL)
        return;
    CHECK(entry->evict->next <= entry->evict->count);
    arena_clear(&entry->evict->arena);
    mem_free(entry->evict->events);
    mem_free(entry->evict);
    entry->evict = NULL;
}

static int evict_compare(const void *a, const void *b)
{
    const struct evict_event *left = a, *right = b;

    CHECK(left != NULL && right != NULL);
    return left->seq < right->seq ? -1 : left->seq > right->seq;
}

static void evict_list_add(struct evict_list *list, struct str key, struct str bytes)
{
    CHECK(bytes.size >= ROW_HEADER_BYTES);
    if (list->count == list->capacity) {
        list->capacity = list->capacity * 2 + 16;
        list->events = mem_realloc(list->events, list->capacity * sizeof(*list->events));
    }
    list->events[list->count++] =
        (struct evict_event){.seq = row_seq(bytes), .key = arena_copy(&list->arena, key)};
}

/* Reads the oldest millisecond; entry->evict stays NULL when there is no event. */
static enum status evict_list_load(struct commit_pipeline *pipeline,
                                   struct commit_instance_entry *entry, struct kv_space *space,
                                   struct error *err)
{
    struct kv_iterator_options options = {.lower = buf_str(&entry->low), .fill_cache = true};
    struct kv_iterator *iterator = kv_iterator_open(pipeline->store->kv, space, &options);
    struct evict_list *list = mem_zalloc(sizeof(*list));
    struct str prefix = STR_EMPTY;

    CHECK(entry->evict == NULL);
    arena_init(&list->arena, 0);
    entry->evict = list;
    for (kv_iterator_seek_first(iterator); kv_iterator_is_valid(iterator);
         kv_iterator_next(iterator)) {
        struct str key = kv_iterator_key(iterator);
        if (prefix.size > 0 && !str_starts_with(key, prefix))
            break;
        evict_list_add(list, key, kv_iterator_value(iterator));
        prefix = str_from(list->events[0].key.data, STREAM_PREFIX_BYTES);
    }
    enum status status = kv_iterator_status(iterator, err);
    kv_iterator_close(iterator);
    if (status == STATUS_OK && list->count > 0) {
        list->ms = stream_key_ms(list->events[0].key);
        qsort(list->events, list->count, sizeof(*list->events), evict_compare);
        return STATUS_OK;
    }
    evict_list_free(entry);
    return status;
}

/* Puts the removal of the next `count` events of the list into the batch. */
static void evict_list_take(struct commit_pipeline *pipeline, struct commit_instance_entry *entry,
                            struct kv_space *space, size_t count)
{
    struct evict_list *list = entry->evict;
    bool whole = list->next == 0 && count == list->count && count >= COMMIT_EVICT_RANGE_MIN;
    struct buf end;

    CHECK(count > 0 && list->next + count <= list->count);
    buf_init(&end);
    stream_key_prefix(list->ms + 1, &end);
    if (whole)
        kv_batch_delete_range(pipeline->batch, space,
                              str_from(list->events[0].key.data, STREAM_PREFIX_BYTES),
                              buf_str(&end));
    for (size_t i = 0; i < count && !whole; i++)
        kv_batch_delete(pipeline->batch, space, list->events[list->next + i].key);
    list->next += count;
    /* Another event of this very millisecond may still come. */
    if (list->next == list->count && list->ms < pipeline->updated / 1000) {
        buf_reset(&entry->low);
        buf_append_str(&entry->low, buf_str(&end));
        entry->oldest_ms = list->ms + 1;
    }
    if (list->next == list->count)
        evict_list_free(entry);
    buf_clear(&end);
}

/* ---- by number --------------------------------------------------------------------------------
 */

static enum status commit_evict_oldest(struct commit_pipeline *pipeline,
                                       struct commit_instance_entry *entry, struct kv_space *space,
                                       int64_t excess, struct error *err)
{
    CHECK(excess > 0);
    while (excess > 0) {
        enum status status =
            entry->evict == NULL ? evict_list_load(pipeline, entry, space, err) : STATUS_OK;
        if (status != STATUS_OK)
            return status;
        if (entry->evict == NULL)
            return error_set(err, STATUS_CORRUPT, "a stream holds fewer events than it counts");
        size_t left = entry->evict->count - entry->evict->next;
        size_t count = left < (size_t)excess ? left : (size_t)excess;
        evict_list_take(pipeline, entry, space, count);
        excess -= (int64_t)count;
        entry->record.buffered_rows -= (int64_t)count;
        atomic_fetch_add(&entry->stream->displaced, count);
    }
    return STATUS_OK;
}

enum status commit_evict_excess(struct commit_pipeline *pipeline, struct error *err)
{
    enum status status = STATUS_OK;
    bool any = false;

    CHECK(pipeline->batch != NULL);
    for (size_t i = 0; status == STATUS_OK && i < pipeline->dirty_count; i++) {
        struct commit_instance_entry *entry = pipeline->dirty[i];
        if (entry->stream == NULL)
            continue;
        const struct table *table = catalog_find_table_id(pipeline->catalog, entry->table);
        if (table == NULL || table->max_buffer == 0 ||
            entry->record.buffered_rows <= (int64_t)table->max_buffer)
            continue;
        if (!any)
            kv_batch_reset(pipeline->batch);
        any = true;
        status = commit_evict_oldest(pipeline, entry, table->rows,
                                     entry->record.buffered_rows - (int64_t)table->max_buffer, err);
    }
    if (status == STATUS_OK && any)
        status = kv_write(pipeline->store->kv, pipeline->batch, KV_MEMORY, err);
    return status;
}

void commit_evict_settle(struct commit_pipeline *pipeline, struct commit_instance_entry *entry)
{
    /* A pass by age takes no number: views before and after it have the same position. */
    struct stream_mark mark = {pipeline->position + 1, entry->oldest_ms};

    CHECK(entry->stream != NULL);
    atomic_store(&entry->stream->buffered, entry->record.buffered_rows);
    stream_mark(pipeline->store, entry->stream, &mark, pipeline->updated / 1000);
}

/* ---- by age -----------------------------------------------------------------------------------
 */

/* Puts the removal of at most `most` expired events into the batch; how many. */
static enum status commit_evict_expired(struct commit_pipeline *pipeline,
                                        struct commit_instance_entry *entry, struct kv_space *space,
                                        int64_t cutoff_ms, size_t most, size_t *count,
                                        struct error *err)
{
    struct kv_iterator_options options = {.lower = buf_str(&entry->low), .fill_cache = true};
    struct kv_iterator *iterator = kv_iterator_open(pipeline->store->kv, space, &options);
    struct buf first, end;

    CHECK(most > 0 && entry->oldest_ms < cutoff_ms);
    buf_init(&first);
    buf_init(&end);
    *count = 0;
    kv_iterator_seek_first(iterator);
    if (kv_iterator_is_valid(iterator))
        buf_append_str(&first, kv_iterator_key(iterator));
    entry->oldest_ms = cutoff_ms;
    for (; kv_iterator_is_valid(iterator); kv_iterator_next(iterator)) {
        struct str key = kv_iterator_key(iterator);
        entry->oldest_ms = stream_key_ms(key);
        if (entry->oldest_ms >= cutoff_ms || *count == most)
            break;
        buf_reset(&end);
        buf_append_str(&end, key);
        (*count)++;
    }
    enum status status = kv_iterator_status(iterator, err);
    kv_iterator_close(iterator);
    if (status == STATUS_OK && *count > 0) {
        buf_append_byte(&end, 0); /* just behind the last one */
        kv_batch_delete_range(pipeline->batch, space, buf_str(&first), buf_str(&end));
        buf_reset(&entry->low);
        buf_append_str(&entry->low, buf_str(&end));
        evict_list_free(entry);
    }
    buf_clear(&first);
    buf_clear(&end);
    return status;
}

/* One stream of the pass; adds to the steps taken. False when it was not finished. */
static bool commit_evict_stream(struct commit_pipeline *pipeline,
                                struct commit_instance_entry *entry, int64_t now_ms, size_t *steps,
                                struct error *err)
{
    const struct table *table = catalog_find_table_id(pipeline->catalog, entry->table);
    size_t most = COMMIT_EVICT_STEPS - *steps, count = 0;

    CHECK(*steps < COMMIT_EVICT_STEPS);
    if (table == NULL || table->ttl_seconds == 0 || entry->record.buffered_rows == 0)
        return true;
    pipeline->evict.expires = true;
    int64_t cutoff_ms = now_ms - (int64_t)table->ttl_seconds * 1000;
    if (entry->oldest_ms >= cutoff_ms)
        return true;
    if (commit_evict_expired(pipeline, entry, table->rows, cutoff_ms, most, &count, err) !=
        STATUS_OK)
        return true; /* the write of the pass tells */
    entry->record.buffered_rows -= (int64_t)count;
    CHECK(entry->record.buffered_rows >= 0);
    atomic_fetch_add(&entry->stream->expired, count);
    commit_evict_settle(pipeline, entry);
    *steps += count + COMMIT_EVICT_STEPS_TABLE;
    return count < most;
}

/* One piece of a pass; true when the pass is over. */
static bool commit_evict_piece(struct commit_pipeline *pipeline)
{
    struct commit_evict *evict = &pipeline->evict;
    int64_t now_ms = clock_now_us() / 1000;
    struct error err;
    size_t steps = 0;

    CHECK(pipeline->dirty_count == 0);
    error_clear(&err);
    kv_batch_reset(pipeline->batch);
    if (evict->next == 0)
        evict->expires = false;
    while (evict->next < evict->count && steps < COMMIT_EVICT_STEPS)
        if (commit_evict_stream(pipeline, evict->streams[evict->next], now_ms, &steps, &err))
            evict->next++;
    if (steps > 0) {
        if (kv_write(pipeline->store->kv, pipeline->batch, KV_MEMORY, &err) == STATUS_OK)
            view_publish(pipeline->store, pipeline->position, catalog_ref(pipeline->catalog));
        else
            commit_break(pipeline, &err);
    }
    return evict->next >= evict->count;
}

void commit_evict_due(struct commit_pipeline *pipeline)
{
    struct commit_evict *evict = &pipeline->evict;
    int64_t now_ms = clock_monotonic_ms();

    CHECK(evict->next <= evict->count);
    if (!evict->expires || pipeline->broken || now_ms < evict->due_ms)
        return;
    if (!commit_evict_piece(pipeline))
        return;
    evict->next = 0;
    evict->due_ms = now_ms + pipeline->store->options.stream_eviction_interval_ms;
}

/* ---- what others tell -------------------------------------------------------------------------
 */

void commit_evict_inserted(struct commit_pipeline *pipeline, struct commit_instance_entry *entry,
                           int64_t now_ms)
{
    struct commit_evict *evict = &pipeline->evict;

    CHECK(entry->stream != NULL);
    if (entry->record.buffered_rows == 0)
        entry->oldest_ms = now_ms;
    if (entry->evict != NULL && entry->evict->ms == now_ms)
        evict_list_free(entry);
    if (evict->expires)
        return;
    evict->expires = true;
    evict->due_ms = clock_monotonic_ms() + pipeline->store->options.stream_eviction_interval_ms;
}

void commit_evict_deleted(struct commit_instance_entry *entry)
{
    CHECK(entry->stream != NULL);
    evict_list_free(entry);
}

void commit_evict_enter(struct commit_pipeline *pipeline, struct commit_instance_entry *entry)
{
    struct commit_evict *evict = &pipeline->evict;

    CHECK(entry->stream == NULL);
    entry->stream = stream_attach(pipeline->store, entry->table);
    buf_init(&entry->low);
    if (evict->count == evict->capacity) {
        evict->capacity = evict->capacity * 2 + 16;
        evict->streams =
            mem_realloc(evict->streams, evict->capacity * sizeof(struct commit_instance_entry *));
    }
    evict->streams[evict->count++] = entry;
}

void commit_evict_leave(struct commit_pipeline *pipeline, struct commit_instance_entry *entry)
{
    struct commit_evict *evict = &pipeline->evict;
    size_t at = 0;

    if (entry->stream == NULL)
        return;
    while (evict->streams[at] != entry) {
        at++;
        CHECK(at < evict->count);
    }
    evict->streams[at] = evict->streams[--evict->count];
    evict->next = 0; /* a pass under way begins again: what it did is done */
    evict_list_free(entry);
    buf_clear(&entry->low);
    stream_detach(pipeline->store, entry->table);
    entry->stream = NULL;
}

void commit_evict_clear(struct commit_pipeline *pipeline)
{
    CHECK(pipeline->evict.count == 0);
    mem_free(pipeline->evict.streams);
    pipeline->evict = (struct commit_evict){.streams = NULL};
}
