/* segment_list.c — which cold segments an instance has at a view, and the cache of the answers.
 *
 * Nearly every read asks this, and for most instances the answer is "none", so both the newest list
 * of an instance and the fact that a whole table has never been flushed are cached. Correctness
 * rests on positions alone:
 *
 *   use    a cached list belongs to view p if its version ≤ p: nothing newer was installed, because
 *          an install takes the entry out before its own view is published
 *   enter  a reader at view p enters what it read only if no install happened after p. Installs
 *          leave their position in `installs`, a small table by hash; two instances that share a
 *          slot only keep each other out of the cache for a moment
 *
 * An older reader, or one that may not enter, works with its own list. Lists are immutable and
 * counted. One mutex: held for a look-up, never across kv calls. Least recently used lists go first
 * when the bytes of all records pass the limit.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store/inspect.h"
#include "store/segment.h"
#include "store/store_internal.h"
#include "value/key.h"

#include <endian.h>

enum {
    SEGMENT_INSTALL_SLOTS = 4096,
    SEGMENT_CACHE_KEY_BYTES = 8 + 2 * LIMIT_USER_ID_BYTES,
    SEGMENT_ENTRY_OVERHEAD = 256, /* entry, list, map key */
};

/* What is known of a table as a whole. */
enum segment_table_state { SEGMENT_TABLE_UNKNOWN, SEGMENT_TABLE_EMPTY, SEGMENT_TABLE_FLUSHED };

struct segment_entry {
    struct segment_entry *newer, *older; /* by last use */
    struct segment_list *list;
    size_t bytes;
    size_t key_size;
    char key[SEGMENT_CACHE_KEY_BYTES];
};

struct segment_cache {
    pthread_mutex_t mutex;
    struct map instances; /* table id + user → segment_entry */
    struct map tables;    /* table id → segment_cache.states + state */
    char states[SEGMENT_TABLE_FLUSHED + 1];
    struct segment_entry *newest, *oldest;
    size_t bytes, bytes_max;
    int64_t installs[SEGMENT_INSTALL_SLOTS];
    struct segment_list *empty; /* of instances that were never flushed */
};

/* ---- lists
 * ---------------------------------------------------------------------------------------- */

static struct segment_list *segment_list_new(uint64_t version, uint32_t capacity)
{
    struct segment_list *list = mem_zalloc(sizeof(*list));

    CHECK(version <= INT64_MAX);
    atomic_init(&list->refs, 1);
    list->version = version;
    list->segments = mem_calloc(capacity, sizeof(struct segment *));
    return list;
}

struct segment_list *segment_list_ref(struct segment_list *list)
{
    unsigned before = atomic_fetch_add_explicit(&list->refs, 1, memory_order_relaxed);
    CHECK(before > 0);
    return list;
}

void segment_list_unref(struct segment_list *list)
{
    if (list == NULL)
        return;
    unsigned before = atomic_fetch_sub_explicit(&list->refs, 1, memory_order_acq_rel);
    CHECK(before > 0);
    if (before > 1)
        return;
    for (uint32_t i = 0; i < list->count; i++)
        segment_unref(list->segments[i]);
    mem_free(list->segments);
    mem_free(list);
}

/* ---- the cache
 * ------------------------------------------------------------------------------------ */

struct segment_cache *segment_cache_new(size_t bytes_max)
{
    struct segment_cache *cache = mem_zalloc(sizeof(*cache));

    CHECK(pthread_mutex_init(&cache->mutex, NULL) == 0);
    map_init(&cache->instances);
    map_init(&cache->tables);
    cache->bytes_max = bytes_max;
    cache->empty = segment_list_new(0, 0);
    return cache;
}

static void segment_entry_unlink(struct segment_cache *cache, struct segment_entry *entry)
{
    CHECK((entry->newer == NULL) == (cache->newest == entry));
    *(entry->newer != NULL ? &entry->newer->older : &cache->newest) = entry->older;
    *(entry->older != NULL ? &entry->older->newer : &cache->oldest) = entry->newer;
    entry->newer = entry->older = NULL;
}

static void segment_entry_link(struct segment_cache *cache, struct segment_entry *entry)
{
    CHECK(entry->newer == NULL && entry->older == NULL);
    entry->older = cache->newest;
    *(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = entry;
    cache->newest = entry;
}

static void segment_entry_remove(struct segment_cache *cache, struct segment_entry *entry)
{
    struct segment_entry *removed =
        map_remove(&cache->instances, str_from(entry->key, entry->key_size));

    CHECK(removed == entry && cache->bytes >= entry->bytes);
    segment_entry_unlink(cache, entry);
    cache->bytes -= entry->bytes;
    segment_list_unref(entry->list);
    mem_free(entry);
}

void segment_cache_free(struct segment_cache *cache)
{
    if (cache == NULL)
        return;
    while (cache->oldest != NULL)
        segment_entry_remove(cache, cache->oldest);
    CHECK(cache->instances.count == 0 && cache->bytes == 0);
    map_clear(&cache->instances);
    map_clear(&cache->tables);
    segment_list_unref(cache->empty);
    (void)pthread_mutex_destroy(&cache->mutex);
    mem_free(cache);
}

size_t segment_cache_bytes(struct segment_cache *cache)
{
    CHECK(cache != NULL);
    pthread_mutex_lock(&cache->mutex);
    size_t bytes = cache->bytes;
    pthread_mutex_unlock(&cache->mutex);
    return bytes;
}

/* Writes table id + user; the first 8 bytes alone name the table. */
static struct str segment_cache_key(struct table_id table, struct str user,
                                    char out[SEGMENT_CACHE_KEY_BYTES])
{
    uint64_t big = htobe64(table.value);

    CHECK(user.size <= SEGMENT_CACHE_KEY_BYTES - sizeof(big));
    memcpy(out, &big, sizeof(big));
    if (user.size > 0)
        memcpy(out + sizeof(big), user.data, user.size);
    return str_from(out, sizeof(big) + user.size);
}

static struct str segment_cache_table_key(struct str key)
{
    CHECK(key.size >= 8);
    return str_from(key.data, 8);
}

static int64_t *segment_cache_slot(struct segment_cache *cache, struct str key)
{
    CHECK(key.size >= 8);
    return &cache->installs[hash_bytes(key) % SEGMENT_INSTALL_SLOTS];
}

static void segment_cache_set_table(struct segment_cache *cache, struct str table_key,
                                    enum segment_table_state state)
{
    CHECK(state != SEGMENT_TABLE_UNKNOWN);
    (void)map_put(&cache->tables, table_key, &cache->states[state]);
}

void segment_cache_invalidate(struct segment_cache *cache, struct table_id table, struct str user,
                              int64_t position)
{
    char buffer[SEGMENT_CACHE_KEY_BYTES];
    struct str key = segment_cache_key(table, user, buffer);

    pthread_mutex_lock(&cache->mutex);
    int64_t *slot = segment_cache_slot(cache, key);
    int64_t *table_slot = segment_cache_slot(cache, segment_cache_table_key(key));
    CHECK(position > 0 && position >= *slot && position >= *table_slot);
    *slot = *table_slot = position;
    struct segment_entry *entry = map_get(&cache->instances, key);
    if (entry != NULL)
        segment_entry_remove(cache, entry);
    segment_cache_set_table(cache, segment_cache_table_key(key), SEGMENT_TABLE_FLUSHED);
    pthread_mutex_unlock(&cache->mutex);
}

void segment_cache_forget(struct segment_cache *cache, struct table_id table)
{
    char buffer[SEGMENT_CACHE_KEY_BYTES];
    struct str key = segment_cache_key(table, STR_EMPTY, buffer);

    CHECK(table.value > 0);
    pthread_mutex_lock(&cache->mutex);
    for (struct segment_entry *entry = cache->oldest, *newer; entry != NULL; entry = newer) {
        newer = entry->newer;
        if (memcmp(entry->key, key.data, key.size) == 0)
            segment_entry_remove(cache, entry);
    }
    (void)map_remove(&cache->tables, key);
    pthread_mutex_unlock(&cache->mutex);
}

/* The cached list for a view at `position`, or NULL; tells what is known of the table. */
static struct segment_list *segment_cache_find(struct segment_cache *cache, struct str key,
                                               int64_t position, enum segment_table_state *state)
{
    struct segment_list *list = NULL;

    pthread_mutex_lock(&cache->mutex);
    const char *known = map_get(&cache->tables, segment_cache_table_key(key));
    *state =
        known != NULL ? (enum segment_table_state)(known - cache->states) : SEGMENT_TABLE_UNKNOWN;
    if (*state == SEGMENT_TABLE_EMPTY) {
        list = cache->empty;
    } else {
        struct segment_entry *entry = map_get(&cache->instances, key);
        if (entry != NULL && (int64_t)entry->list->version <= position) {
            CHECK(entry->key_size == key.size);
            segment_entry_unlink(cache, entry);
            segment_entry_link(cache, entry);
            list = entry->list;
        }
    }
    if (list != NULL)
        (void)segment_list_ref(list);
    pthread_mutex_unlock(&cache->mutex);
    return list;
}

static size_t segment_list_bytes(const struct segment_list *list)
{
    size_t bytes = SEGMENT_ENTRY_OVERHEAD;

    for (uint32_t i = 0; i < list->count; i++) {
        CHECK(list->segments[i] != NULL);
        bytes += list->segments[i]->arena->used_bytes;
    }
    return bytes;
}

/* Enters what a reader at `position` found, unless something was installed since or somebody was
 * quicker. */
static void segment_cache_enter(struct segment_cache *cache, struct str key, int64_t position,
                                struct segment_list *list)
{
    pthread_mutex_lock(&cache->mutex);
    if (*segment_cache_slot(cache, key) <= position && map_get(&cache->instances, key) == NULL) {
        struct segment_entry *entry = mem_zalloc(sizeof(*entry));
        CHECK((int64_t)list->version <= position && key.size <= sizeof(entry->key));
        memcpy(entry->key, key.data, key.size);
        entry->key_size = key.size;
        entry->list = segment_list_ref(list);
        entry->bytes = segment_list_bytes(list);
        (void)map_put(&cache->instances, key, entry);
        segment_entry_link(cache, entry);
        cache->bytes += entry->bytes;
        while (cache->bytes > cache->bytes_max && cache->oldest != cache->newest)
            segment_entry_remove(cache, cache->oldest);
    }
    pthread_mutex_unlock(&cache->mutex);
}

static void segment_cache_enter_table(struct segment_cache *cache, struct str key, int64_t position,
                                      enum segment_table_state state)
{
    struct str table_key = segment_cache_table_key(key);

    CHECK(state != SEGMENT_TABLE_UNKNOWN);
    pthread_mutex_lock(&cache->mutex);
    if (state == SEGMENT_TABLE_FLUSHED || *segment_cache_slot(cache, table_key) <= position)
        segment_cache_set_table(cache, table_key, state);
    pthread_mutex_unlock(&cache->mutex);
}

void segment_cache_created(struct segment_cache *cache, struct table_id table, int64_t position)
{
    char buffer[SEGMENT_CACHE_KEY_BYTES];

    CHECK(table.value > 0 && position > 0);
    segment_cache_enter_table(cache, segment_cache_key(table, STR_EMPTY, buffer), position,
                              SEGMENT_TABLE_EMPTY);
}

/* ---- reading records
 * ------------------------------------------------------------------------------ */

static struct kv_iterator *segment_list_iterator(struct store *store, const struct view *view,
                                                 struct str prefix, unsigned flags)
{
    struct buf upper;

    buf_init(&upper);
    buf_append_str(&upper, prefix);
    CHECK(key_successor(&upper)); /* a prefix starts with a small table id */
    struct kv_iterator_options options = {
        .snapshot = view->snapshot,
        .lower = prefix,
        .upper = buf_str(&upper),
        .flags = flags,
        .fill_cache = true,
    };
    struct kv_iterator *iterator = kv_iterator_open(store->kv, store->spaces.segments, &options);
    buf_clear(&upper);
    kv_iterator_seek_first(iterator);
    return iterator;
}

/* Whether the table has any segment at the view. That there is none hides all of them from then on,
 * so it is for a read that may touch the disk to say, once; CREATE TABLE knows it. */
static enum status segment_list_ask_table(struct store *store, const struct view *view,
                                          struct table_id table, unsigned flags,
                                          enum segment_table_state *state, struct error *err)
{
    struct buf prefix;

    buf_init(&prefix);
    segment_key_prefix(table, NULL, &prefix);
    struct kv_iterator *iterator = segment_list_iterator(store, view, buf_str(&prefix), flags);
    CHECK(iterator != NULL);
    *state = kv_iterator_is_valid(iterator) ? SEGMENT_TABLE_FLUSHED : SEGMENT_TABLE_EMPTY;
    enum status status = kv_iterator_status(iterator, err);
    if (status == STATUS_OK && *state == SEGMENT_TABLE_EMPTY && (flags & KV_READ_CACHED) != 0)
        status = STATUS_WOULD_BLOCK;
    kv_iterator_close(iterator);
    buf_clear(&prefix);
    return status;
}

static enum status segment_list_read(struct store *store, const struct view *view,
                                     struct table_id table, struct str user, unsigned flags,
                                     struct segment_list *list, struct error *err)
{
    struct buf prefix;
    enum status status = STATUS_OK;
    uint32_t capacity = 0;

    buf_init(&prefix);
    segment_key_prefix(table, &user, &prefix);
    struct kv_iterator *iterator = segment_list_iterator(store, view, buf_str(&prefix), flags);
    while (status == STATUS_OK && kv_iterator_is_valid(iterator)) {
        if (list->count == capacity) {
            capacity = capacity == 0 ? 8 : 2 * capacity;
            list->segments = mem_realloc(list->segments, capacity * sizeof(struct segment *));
        }
        status = segment_decode(kv_iterator_value(iterator), &list->segments[list->count], err);
        if (status != STATUS_OK)
            break;
        const struct segment *segment = list->segments[list->count++];
        if (segment->table.value != table.value || !str_equal(segment->user, user)) {
            status =
                error_set(err, STATUS_CORRUPT, "record of a cold segment lies under a wrong key");
            break;
        }
        CHECK(list->count == 1 || segment->id != list->segments[list->count - 2]->id);
        list->rows += segment->rows;
        list->bytes += segment->bytes;
        kv_iterator_next(iterator);
    }
    if (status == STATUS_OK)
        status = kv_iterator_status(iterator, err);
    kv_iterator_close(iterator);
    buf_clear(&prefix);
    return status;
}

/* Every reader of the instance will go by the list, so it must be what the instance's record
 * counts. A deleted record in place of the one that followed it has other rows or bytes. */
static enum status segment_list_verify(const struct segment_list *list,
                                       const struct instance_record *instance, struct error *err)
{
    CHECK(list->version == instance->segments_version);
    if (list->count == instance->segments && list->rows == instance->cold_rows &&
        list->bytes == instance->cold_bytes)
        return STATUS_OK;
    return error_set(
        err, STATUS_CORRUPT,
        "cold segments: %u records of %llu rows and %llu bytes, counted are %u of %llu "
        "and %llu",
        list->count, (unsigned long long)list->rows, (unsigned long long)list->bytes,
        instance->segments, (unsigned long long)instance->cold_rows,
        (unsigned long long)instance->cold_bytes);
}

enum status segment_list_load(struct store *store, const struct view *view, struct table_id table,
                              struct str user, unsigned flags, struct segment_list **out,
                              struct error *err)
{
    char buffer[SEGMENT_CACHE_KEY_BYTES];
    struct str key = segment_cache_key(table, user, buffer);
    struct segment_cache *cache = store->segment_cache;
    struct instance_record instance;
    enum segment_table_state state;
    enum status status = STATUS_OK;

    CHECK(cache != NULL);
    *out = segment_cache_find(cache, key, view->position, &state);
    if (*out != NULL)
        return STATUS_OK;
    if (state == SEGMENT_TABLE_UNKNOWN) {
        status = segment_list_ask_table(store, view, table, flags, &state, err);
        if (status != STATUS_OK)
            return status;
        segment_cache_enter_table(cache, key, view->position, state);
        if (state == SEGMENT_TABLE_EMPTY) {
            *out = segment_list_ref(cache->empty);
            return STATUS_OK;
        }
    }
    status = instance_load(store, view->snapshot, table, user, flags, &instance, err);
    if (status != STATUS_OK)
        return status;
    struct segment_list *list = segment_list_new(instance.segments_version, 0);
    if (instance.segments > 0)
        status = segment_list_read(store, view, table, user, flags, list, err);
    if (status == STATUS_OK)
        status = segment_list_verify(list, &instance, err);
    if (status == STATUS_CORRUPT && (flags & KV_READ_CACHED) != 0)
        status = STATUS_WOULD_BLOCK; /* a worker says what is there (decision 15) */
    if (status != STATUS_OK) {
        segment_list_unref(list);
        return status;
    }
    segment_cache_enter(cache, key, view->position, list);
    *out = list;
    return STATUS_OK;
}

static enum status segment_visit_all(struct kv_iterator *iterator,
                                     void (*visit)(void *context, const struct segment *segment),
                                     void *context, struct error *err)
{
    enum status status = STATUS_OK;

    CHECK(visit != NULL);
    for (; status == STATUS_OK && kv_iterator_is_valid(iterator); kv_iterator_next(iterator)) {
        struct segment *segment = NULL;
        status = segment_decode(kv_iterator_value(iterator), &segment, err);
        if (status == STATUS_OK)
            visit(context, segment);
        segment_unref(segment);
    }
    if (status == STATUS_OK)
        status = kv_iterator_status(iterator, err);
    kv_iterator_close(iterator);
    return status;
}

enum status segment_visit(struct store *store, const struct key_range *range,
                          void (*visit)(void *context, const struct segment *segment),
                          void *context, struct error *err)
{
    struct kv_iterator_options options = {.lower = range->lower, .upper = range->upper};
    struct kv_iterator *iterator = kv_iterator_open(store->kv, store->spaces.segments, &options);

    CHECK(store->spaces.segments != NULL);
    kv_iterator_seek_first(iterator);
    return segment_visit_all(iterator, visit, context, err);
}

/* ---- for people -------------------------------------------------------------------------------
 */

struct segment_shown {
    void (*visit)(void *context, const struct segment_info *segment);
    void *context;
};

static void segment_show(void *context, const struct segment *segment)
{
    const struct segment_shown *shown = context;
    struct segment_info info = {
        .user = segment->user,
        .path = segment->path,
        .storage_id = segment->storage_id,
        .rows = segment->rows,
        .bytes = segment->bytes,
        .key_min = segment->key_min,
        .key_max = segment->key_max,
        .seq_min = segment->seq_min,
        .seq_max = segment->seq_max,
        .schema_version = segment->schema_version,
        .created_at = segment->created_at,
    };

    CHECK(shown->visit != NULL);
    shown->visit(shown->context, &info);
}

enum status segment_each(struct store *store, const struct view *view, const struct table *table,
                         void (*visit)(void *context, const struct segment_info *segment),
                         void *context, struct error *err)
{
    struct segment_shown shown = {visit, context};
    struct buf prefix;

    CHECK(visit != NULL);
    buf_init(&prefix);
    segment_key_prefix(table->id, NULL, &prefix);
    enum status status = segment_visit_all(segment_list_iterator(store, view, buf_str(&prefix), 0),
                                           segment_show, &shown, err);
    buf_clear(&prefix);
    return status;
}
