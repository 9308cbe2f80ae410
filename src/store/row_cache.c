/* row_cache.c — blocks of cold rows in memory, least recently used out first (see row_cache.h).
 *
 * An entry without a block is being loaded by the thread that made it; others wait for it on one
 * condition, so that a row group is read once however many ask. When loading fails the entry goes
 * and the next waiter tries itself: its own error, not a stale one, reaches its caller. The mutex
 * is held for look-ups only. The limit counts blocks in the cache; those that readers still hold
 * after they were evicted are bounded by the number of open scans.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/row_cache.h"

#include "base/check.h"
#include "base/mem.h"
#include "store/store_internal.h"

struct row_cache_key {
    uint64_t segment_id;
    uint64_t group;
};

struct row_cache_entry {
    struct row_cache_entry *newer, *older; /* by last use; only entries with a block */
    struct row_cache_key key;
    struct row_block *block; /* NULL while it is loaded */
};

struct row_cache {
    pthread_mutex_t mutex;
    pthread_cond_t loaded;
    struct map entries;
    struct row_cache_entry *newest, *oldest;
    size_t bytes, bytes_max;
    uint64_t hits, misses;
};

struct row_cache *row_cache_new(size_t bytes_max)
{
    struct row_cache *cache = mem_zalloc(sizeof(*cache));

    CHECK(pthread_mutex_init(&cache->mutex, NULL) == 0);
    CHECK(pthread_cond_init(&cache->loaded, NULL) == 0);
    map_init(&cache->entries);
    cache->bytes_max = bytes_max;
    return cache;
}

static struct str row_cache_key_str(const struct row_cache_key *key)
{
    CHECK(key->segment_id > 0);
    return str_from((const char *)key, sizeof(*key));
}

static void row_cache_unlink(struct row_cache *cache, struct row_cache_entry *entry)
{
    CHECK(entry->block != NULL && cache->bytes >= entry->block->bytes);
    *(entry->newer != NULL ? &entry->newer->older : &cache->newest) = entry->older;
    *(entry->older != NULL ? &entry->older->newer : &cache->oldest) = entry->newer;
    entry->newer = entry->older = NULL;
    cache->bytes -= entry->block->bytes;
}

static void row_cache_link(struct row_cache *cache, struct row_cache_entry *entry)
{
    CHECK(entry->block != NULL && entry->newer == NULL && entry->older == NULL);
    entry->older = cache->newest;
    *(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = entry;
    cache->newest = entry;
    cache->bytes += entry->block->bytes;
}

static void row_cache_remove(struct row_cache *cache, struct row_cache_entry *entry)
{
    struct row_cache_entry *removed = map_remove(&cache->entries, row_cache_key_str(&entry->key));

    CHECK(removed == entry);
    if (entry->block != NULL) {
        row_cache_unlink(cache, entry);
        row_block_unref(entry->block);
    }
    mem_free(entry);
}

/* Evicts until the limit holds; a block larger than the whole limit goes at once. */
static void row_cache_shrink(struct row_cache *cache)
{
    while (cache->bytes > cache->bytes_max) {
        CHECK(cache->oldest != NULL);
        row_cache_remove(cache, cache->oldest);
    }
}

void row_cache_free(struct row_cache *cache)
{
    if (cache == NULL)
        return;
    while (cache->oldest != NULL)
        row_cache_remove(cache, cache->oldest);
    CHECK(cache->entries.count == 0 && cache->bytes == 0);
    map_clear(&cache->entries);
    (void)pthread_cond_destroy(&cache->loaded);
    (void)pthread_mutex_destroy(&cache->mutex);
    mem_free(cache);
}

static struct row_cache_entry *row_cache_enter(struct row_cache *cache, struct row_cache_key key)
{
    struct row_cache_entry *entry = mem_zalloc(sizeof(*entry));

    entry->key = key;
    void *former = map_put(&cache->entries, row_cache_key_str(&key), entry);
    CHECK(former == NULL);
    return entry;
}

/* With the mutex held: the cached block with a reference, or NULL with an entry of our own to load.
 */
static struct row_block *row_cache_find(struct row_cache *cache, struct row_cache_key key,
                                        bool cached_only, struct row_cache_entry **load)
{
    struct row_cache_entry *entry;

    CHECK(*load == NULL);
    while ((entry = map_get(&cache->entries, row_cache_key_str(&key))) != NULL) {
        if (entry->block != NULL) {
            cache->hits++;
            row_cache_unlink(cache, entry);
            row_cache_link(cache, entry);
            return row_block_ref(entry->block);
        }
        if (cached_only)
            return NULL;
        pthread_cond_wait(&cache->loaded, &cache->mutex);
    }
    cache->misses++;
    if (!cached_only)
        *load = row_cache_enter(cache, key);
    return NULL;
}

enum status row_cache_get(struct store *store, const struct table *table,
                          const struct segment *segment, uint32_t group, bool cached_only,
                          struct row_block **out, struct error *err)
{
    struct row_cache *cache = store->row_cache;
    struct row_cache_key key = {.segment_id = segment->id, .group = group};
    struct row_cache_entry *load = NULL;

    CHECK(cache != NULL && group < segment->group_count);
    pthread_mutex_lock(&cache->mutex);
    *out = row_cache_find(cache, key, cached_only, &load);
    pthread_mutex_unlock(&cache->mutex);
    if (*out != NULL)
        return STATUS_OK;
    if (load == NULL)
        return error_set(err, STATUS_WOULD_BLOCK, "cold rows are not in memory");
    enum status status = row_block_load(store, table, segment, group, out, err);
    pthread_mutex_lock(&cache->mutex);
    if (status == STATUS_OK) {
        load->block = row_block_ref(*out);
        row_cache_link(cache, load);
        row_cache_shrink(cache);
    } else {
        row_cache_remove(cache, load);
    }
    pthread_cond_broadcast(&cache->loaded);
    pthread_mutex_unlock(&cache->mutex);
    return status;
}

void row_cache_put(struct row_cache *cache, struct row_block *block)
{
    struct row_cache_key key = {.segment_id = block->segment_id, .group = block->group};

    pthread_mutex_lock(&cache->mutex);
    if (map_get(&cache->entries, row_cache_key_str(&key)) == NULL) {
        struct row_cache_entry *entry = row_cache_enter(cache, key);
        entry->block = row_block_ref(block);
        row_cache_link(cache, entry);
        row_cache_shrink(cache);
    }
    CHECK(cache->bytes <= cache->bytes_max);
    pthread_mutex_unlock(&cache->mutex);
    row_block_unref(block);
}

void row_cache_stats(struct row_cache *cache, struct row_cache_stats *out)
{
    pthread_mutex_lock(&cache->mutex);
    *out = (struct row_cache_stats){cache->bytes, cache->hits, cache->misses};
    pthread_mutex_unlock(&cache->mutex);
    CHECK(out->bytes <= cache->bytes_max);
}
