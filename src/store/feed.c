/* feed.c — the ring of change groups, see feed.h.
 *
 * Groups have ever-growing numbers; the ring keeps [first_number, next_number) in an array that is
 * a power of two. A cursor is just the number of its next group, so readers cost the writer nothing
 * and a reader that was overtaken sees it by comparing numbers.
 *
 * Groups come and go in the same order, but live long beside much that lives short: each on its own
 * in the heap they would hold pages that are half empty. So they are cut from chunks, one after the
 * other; a chunk is counted by its groups and goes with the last of them. A reader that keeps a
 * group keeps its chunk.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/feed.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/feed_internal.h"
#include "store/store_internal.h"

#include <errno.h>

enum {
    FEED_SLOTS_MIN = 64,
    FEED_CHUNK_BYTES = 64 << 10,             /* its header too */
    FEED_CHUNKED_MAX = FEED_CHUNK_BYTES / 8, /* larger groups have memory of their own */
    FEED_GROUP_ALIGN = 16,
};

struct feed_chunk {
    atomic_uint refs; /* groups, and the feed while it fills it */
    _Alignas(FEED_GROUP_ALIGN) char bytes[];
};

struct feed {
    pthread_mutex_t mutex; /* guards the members down to `stopped` */
    pthread_cond_t changed;
    struct change_group **slots;
    size_t slot_count; /* power of two */
    uint64_t first_number, next_number;
    size_t bytes, bytes_max;
    int64_t oldest; /* nothing after this position is missing */
    int64_t newest; /* everything up to here was appended, or had no changes */
    uint64_t wakes; /* calls of feed_wake */
    size_t awake;   /* cursors that are not paused: appending wakes them */
    bool stopped;
    /* the commit thread's */
    struct feed_chunk *filling; /* NULL at first */
    size_t filled;              /* bytes of it */
};

struct feed_cursor {
    struct feed *feed;
    uint64_t number; /* of the next group */
    uint64_t wakes;  /* seen so far */
    bool lost;       /* the position asked for was gone already */
    bool paused;
};

/* ---- groups -----------------------------------------------------------------------------------
 */

static size_t change_group_texts(const struct change *change)
{
    return change->user.size + change->key.size + change->old_bytes.size + change->new_bytes.size;
}

static struct str change_group_copy(char **at, struct str bytes)
{
    struct str copy = str_from(*at, bytes.size);

    CHECK(bytes.data != NULL || bytes.size == 0);
    if (bytes.size > 0)
        memcpy(*at, bytes.data, bytes.size);
    *at += bytes.size;
    return copy;
}

static void feed_chunk_unref(struct feed_chunk *chunk)
{
    if (chunk == NULL)
        return;
    unsigned before = atomic_fetch_sub_explicit(&chunk->refs, 1, memory_order_acq_rel);
    CHECK(before > 0);
    if (before == 1)
        mem_free(chunk);
}

/* Memory for a group; `*chunk` is the one it lies in, with a reference, or NULL. */
static void *feed_group_alloc(struct feed *feed, size_t bytes, struct feed_chunk **chunk)
{
    size_t room = (bytes + FEED_GROUP_ALIGN - 1) & ~(size_t)(FEED_GROUP_ALIGN - 1);

    *chunk = NULL;
    if (bytes > FEED_CHUNKED_MAX)
        return mem_alloc(bytes);
    if (feed->filling == NULL || feed->filled + room > FEED_CHUNK_BYTES) {
        feed_chunk_unref(feed->filling);
        feed->filling = mem_alloc(FEED_CHUNK_BYTES);
        atomic_init(&feed->filling->refs, 1);
        feed->filled = offsetof(struct feed_chunk, bytes);
    }
    void *at = (char *)feed->filling + feed->filled;
    feed->filled += room;
    CHECK(feed->filled <= FEED_CHUNK_BYTES);
    atomic_fetch_add_explicit(&feed->filling->refs, 1, memory_order_relaxed);
    *chunk = feed->filling;
    return at;
}

struct change_group *change_group_new(struct feed *feed, const struct change *changes, size_t count,
                                      int64_t first, int64_t last)
{
    size_t bytes = sizeof(struct change_group) + count * sizeof(struct change);
    struct feed_chunk *chunk;

    CHECK(count > 0 && first <= last);
    for (size_t i = 0; i < count; i++)
        bytes += change_group_texts(&changes[i]);
    struct change_group *group = feed_group_alloc(feed, bytes, &chunk);
    group->chunk = chunk;
    atomic_init(&group->refs, 1);
    group->first = first;
    group->last = last;
    group->changes = (struct change *)(void *)(group + 1);
    group->count = count;
    group->bytes = bytes;
    char *at = (char *)(group->changes + count);
    for (size_t i = 0; i < count; i++) {
        struct change *change = &group->changes[i];
        *change = changes[i];
        change->user = change_group_copy(&at, changes[i].user);
        change->key = change_group_copy(&at, changes[i].key);
        change->old_bytes = change_group_copy(&at, changes[i].old_bytes);
        change->new_bytes = change_group_copy(&at, changes[i].new_bytes);
        /* One reference per run of changes of one table. */
        if (i == 0 || changes[i - 1].table != changes[i].table)
            change->table = table_ref(changes[i].table);
    }
    return group;
}

struct change_group *change_group_ref(struct change_group *group)
{
    unsigned before = atomic_fetch_add_explicit(&group->refs, 1, memory_order_relaxed);

    CHECK(before > 0);
    return group;
}

void change_group_unref(struct change_group *group)
{
    if (group == NULL)
        return;
    unsigned before = atomic_fetch_sub_explicit(&group->refs, 1, memory_order_acq_rel);
    CHECK(before > 0);
    if (before > 1)
        return;
    for (size_t i = 0; i < group->count; i++) {
        const struct table *table = group->changes[i].table;
        if (i + 1 == group->count || group->changes[i + 1].table != table)
            table_unref((struct table *)(uintptr_t)table);
    }
    if (group->chunk != NULL)
        feed_chunk_unref(group->chunk);
    else
        mem_free(group);
}

/* ---- the ring ---------------------------------------------------------------------------------
 */

struct feed *feed_new(size_t bytes_max, int64_t position)
{
    struct feed *feed = mem_zalloc(sizeof(*feed));

    CHECK(pthread_mutex_init(&feed->mutex, NULL) == 0);
    clock_cond_init(&feed->changed);
    feed->slots = mem_calloc(FEED_SLOTS_MIN, sizeof(struct change_group *));
    feed->slot_count = FEED_SLOTS_MIN;
    feed->bytes_max = bytes_max;
    feed->oldest = feed->newest = position;
    return feed;
}

static struct change_group **feed_slot(struct feed *feed, uint64_t number)
{
    CHECK(number >= feed->first_number && number <= feed->next_number);
    return &feed->slots[number & (feed->slot_count - 1)];
}

static void feed_drop_first(struct feed *feed)
{
    struct change_group *group = *feed_slot(feed, feed->first_number);

    CHECK(feed->first_number < feed->next_number && feed->bytes >= group->bytes);
    feed->first_number++;
    feed->bytes -= group->bytes;
    feed->oldest = group->last;
    change_group_unref(group);
}

void feed_free(struct feed *feed)
{
    if (feed == NULL)
        return;
    while (feed->first_number < feed->next_number)
        feed_drop_first(feed);
    CHECK(feed->bytes == 0);
    (void)pthread_cond_destroy(&feed->changed);
    (void)pthread_mutex_destroy(&feed->mutex);
    feed_chunk_unref(feed->filling);
    mem_free(feed->slots);
    mem_free(feed);
}

static void feed_grow(struct feed *feed)
{
    struct change_group **slots = mem_calloc(feed->slot_count * 2, sizeof(struct change_group *));

    CHECK(feed->next_number - feed->first_number == feed->slot_count);
    for (uint64_t i = feed->first_number; i < feed->next_number; i++)
        slots[i & (feed->slot_count * 2 - 1)] = *feed_slot(feed, i);
    mem_free(feed->slots);
    feed->slots = slots;
    feed->slot_count *= 2;
}

void feed_append(struct feed *feed, struct change_group *group)
{
    pthread_mutex_lock(&feed->mutex);
    CHECK(!feed->stopped && group->last > feed->newest);
    feed->newest = group->last;
    if (feed->next_number - feed->first_number == feed->slot_count)
        feed_grow(feed);
    feed->next_number++;
    *feed_slot(feed, feed->next_number - 1) = group;
    feed->bytes += group->bytes;
    /* Who follows gets the newest group even when it alone is larger than the ring. */
    bool wakes = feed->awake > 0;
    while (feed->bytes > feed->bytes_max &&
           feed->next_number - feed->first_number > (wakes ? 1 : 0))
        feed_drop_first(feed);
    pthread_mutex_unlock(&feed->mutex);
    if (wakes)
        pthread_cond_broadcast(&feed->changed); /* unlocked: who wakes does not wait again */
}

void feed_pass(struct feed *feed, int64_t position)
{
    pthread_mutex_lock(&feed->mutex);
    CHECK(position >= feed->newest);
    feed->newest = position;
    bool wakes = feed->awake > 0;
    pthread_mutex_unlock(&feed->mutex);
    if (wakes)
        pthread_cond_broadcast(&feed->changed);
}

void feed_stop(struct feed *feed)
{
    pthread_mutex_lock(&feed->mutex);
    CHECK(!feed->stopped);
    feed->stopped = true;
    pthread_cond_broadcast(&feed->changed);
    pthread_mutex_unlock(&feed->mutex);
}

size_t feed_bytes(struct feed *feed)
{
    pthread_mutex_lock(&feed->mutex);
    size_t bytes = feed->bytes;
    CHECK((bytes == 0) == (feed->first_number == feed->next_number));
    pthread_mutex_unlock(&feed->mutex);
    return bytes;
}

struct feed *store_feed(struct store *store)
{
    CHECK(store->feed != NULL);
    return store->feed;
}

/* ---- readers ----------------------------------------------------------------------------------
 */

/* Number of the first group with last > position. */
static uint64_t feed_seek(struct feed *feed, int64_t position)
{
    uint64_t low = feed->first_number, high = feed->next_number;

    CHECK(low <= high);
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if ((*feed_slot(feed, middle))->last > position)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

struct feed_cursor *feed_follow(struct feed *feed, int64_t position)
{
    struct feed_cursor *cursor = mem_zalloc(sizeof(*cursor));

    CHECK(feed != NULL);
    cursor->feed = feed;
    pthread_mutex_lock(&feed->mutex);
    cursor->number = feed_seek(feed, position);
    cursor->lost = position < feed->oldest;
    cursor->wakes = feed->wakes;
    feed->awake++;
    pthread_mutex_unlock(&feed->mutex);
    return cursor;
}

void feed_pause(struct feed_cursor *cursor)
{
    struct feed *feed = cursor->feed;

    pthread_mutex_lock(&feed->mutex);
    CHECK(!cursor->paused && feed->awake > 0);
    cursor->paused = true;
    feed->awake--;
    pthread_mutex_unlock(&feed->mutex);
}

void feed_resume(struct feed_cursor *cursor)
{
    struct feed *feed = cursor->feed;

    pthread_mutex_lock(&feed->mutex);
    CHECK(cursor->paused);
    cursor->paused = false;
    cursor->lost = false;
    cursor->number = feed->next_number;
    feed->awake++;
    pthread_cond_broadcast(&feed->changed);
    pthread_mutex_unlock(&feed->mutex);
}

void feed_unfollow(struct feed_cursor *cursor)
{
    if (cursor == NULL)
        return;
    if (!cursor->paused)
        feed_pause(cursor);
    CHECK(cursor->feed != NULL);
    mem_free(cursor);
}

static void feed_wait(struct feed_cursor *cursor, int timeout_ms)
{
    struct feed *feed = cursor->feed;
    struct timespec until = clock_deadline(timeout_ms);
    int waited = 0;

    CHECK(timeout_ms >= 0);
    while ((cursor->paused || cursor->number == feed->next_number) &&
           cursor->wakes == feed->wakes && !feed->stopped && waited != ETIMEDOUT)
        waited = pthread_cond_timedwait(&feed->changed, &feed->mutex, &until);
}

enum status feed_next(struct feed_cursor *cursor, int timeout_ms, struct change_group **out)
{
    struct feed *feed = cursor->feed;
    enum status status;

    CHECK(out != NULL);
    pthread_mutex_lock(&feed->mutex);
    bool is_behind = cursor->lost || cursor->number < feed->first_number;
    if (timeout_ms > 0 && (cursor->paused || !is_behind))
        feed_wait(cursor, timeout_ms);
    cursor->wakes = feed->wakes;
    if (cursor->paused) {
        status = feed->stopped ? STATUS_END : STATUS_WOULD_BLOCK;
    } else if (cursor->lost || cursor->number < feed->first_number) { /* or overtaken meanwhile */
        cursor->lost = false;
        if (cursor->number < feed->first_number)
            cursor->number = feed->first_number;
        status = STATUS_STALE;
    } else if (cursor->number < feed->next_number) {
        *out = change_group_ref(*feed_slot(feed, cursor->number++));
        status = STATUS_OK;
    } else {
        status = feed->stopped ? STATUS_END : STATUS_WOULD_BLOCK;
    }
    pthread_mutex_unlock(&feed->mutex);
    return status;
}

void feed_wake(struct feed *feed)
{
    CHECK(feed != NULL);
    pthread_mutex_lock(&feed->mutex);
    feed->wakes++;
    pthread_cond_broadcast(&feed->changed);
    pthread_mutex_unlock(&feed->mutex);
}

int64_t feed_oldest(struct feed *feed)
{
    pthread_mutex_lock(&feed->mutex);
    int64_t oldest = feed->oldest;
    CHECK(oldest >= 0);
    pthread_mutex_unlock(&feed->mutex);
    return oldest;
}

enum status feed_range(struct feed *feed, int64_t from, int64_t to, struct change_group ***out,
                       size_t *count)
{
    struct change_group **groups = NULL;
    size_t used = 0;

    CHECK(from <= to && out != NULL);
    pthread_mutex_lock(&feed->mutex);
    feed->awake++; /* appending wakes this thread meanwhile */
    while (feed->newest < to && !feed->stopped)
        pthread_cond_wait(&feed->changed, &feed->mutex);
    feed->awake--;
    enum status status = feed->newest < to     ? STATUS_END
                         : from < feed->oldest ? STATUS_ABSENT
                                               : STATUS_OK;
    uint64_t number = feed_seek(feed, from);
    if (status == STATUS_OK && number < feed->next_number)
        groups = mem_calloc(feed->next_number - number, sizeof(struct change_group *));
    for (; status == STATUS_OK && number < feed->next_number; number++) {
        struct change_group *group = *feed_slot(feed, number);
        if (group->first > to)
            break;
        CHECK(group->last <= to); /* views end at groups */
        groups[used++] = change_group_ref(group);
    }
    pthread_mutex_unlock(&feed->mutex);
    *out = groups;
    *count = used;
    return status;
}
