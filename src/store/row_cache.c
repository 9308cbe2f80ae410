/* row_cache.c — blocks of cold rows in memory, least recently used out first (see row_cache.h).
 *
 * An entry without a block is being loaded by the thread that made it; others wait for it on one
 * condition, so that a row group is read once however many ask. When loading fails the entry goes,
 * and who waited for that attempt fails with it: a bucket that does not answer costs each caller
 * one attempt, not one after the other. Who comes later tries anew. The mutex
 * is held for look-ups only. The limit counts blocks in the cache; those that readers still hold
 * after they were evicted are bounded by the number of open scans.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/row_cache.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/store_internal.h"

enum { ROW_CACHE_WAIT_MS = 100 }; /* how soon a cancel is seen */

struct row_cache_key {
    uint64_t segment_id;
    uint64_t group;
};

/* One reading of a block; freed by the last who waits for it. */
struct row_cache_load {
    unsigned waiting;
    bool is_done;
    enum status status;
    struct error error;
};

struct row_cache_entry {
    struct row_cache_entry *newer, *older; /* by last use; only entries with a block */
    struct row_cache_key key;
    struct row_block *block;     /* NULL while it is loaded */
    struct row_cache_load *load; /* NULL when it is not */
};

struct row_cache {
    pthread_mutex_t mutex;
    pthread_cond_t loaded;
    struct map entries;
    struct row_cache_entry *newest, *oldest;
    size_t bytes, bytes_max;
    uint64_t hits, misses, waiting;
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

/* With the mutex held: waits for another's reading. OK when it is worth looking again. */
static enum status row_cache_wait(struct row_cache *cache, struct row_cache_load *load,
                                  const atomic_bool *cancelled, struct error *err)
{
    enum status status = STATUS_OK;

    CHECK(!load->is_done);
    load->waiting++;
    cache->waiting++;
    while (status == STATUS_OK && !load->is_done) {
        struct timespec until = clock_deadline(ROW_CACHE_WAIT_MS);
        (void)pthread_cond_timedwait(&cache->loaded, &cache->mutex, &until);
        if (cancelled != NULL && atomic_load_explicit(cancelled, memory_order_relaxed))
            status = error_set(err, STATUS_CANCELLED, "cancelled");
    }
    if (status == STATUS_OK && load->status != STATUS_OK) {
        status = load->status;
        if (err != NULL)
            *err = load->error;
    }
    cache->waiting--;
    load->waiting--;
    if (load->is_done && load->waiting == 0)
        mem_free(load);
    return status;
}

/* With the mutex held: OK with the cached block and a reference, or with an entry of our own to
 * load. */
static enum status row_cache_find(struct row_cache *cache, const struct row_cache_want *want,
                                  struct row_block **out, struct row_cache_entry **load,
                                  struct error *err)
{
    struct row_cache_key key = {.segment_id = want->segment->id, .group = want->group};
    struct row_cache_entry *entry;

    CHECK(*load == NULL);
    while ((entry = map_get(&cache->entries, row_cache_key_str(&key))) != NULL) {
        if (entry->block != NULL) {
            cache->hits++;
            row_cache_unlink(cache, entry);
            row_cache_link(cache, entry);
            *out = row_block_ref(entry->block);
            return STATUS_OK;
        }
        if (want->cached_only)
            break;
        enum status status = row_cache_wait(cache, entry->load, want->cancelled, err);
        if (status != STATUS_OK)
            return status;
    }
    if (entry == NULL)
        cache->misses++;
    if (want->cached_only)
        return error_set(err, STATUS_WOULD_BLOCK, "cold rows are not in memory");
    *load = row_cache_enter(cache, key);
    (*load)->load = mem_zalloc(sizeof(struct row_cache_load));
    return STATUS_OK;
}

/* With the mutex held: the reading of an entry is over. */
static void row_cache_loaded(struct row_cache *cache, struct row_cache_entry *entry,
                             enum status status, struct row_block *block, const struct error *err)
{
    struct row_cache_load *load = entry->load;
    bool is_of_file =
        status == STATUS_IO_FAILED || status == STATUS_ABSENT || status == STATUS_CORRUPT;

    CHECK(entry->block == NULL && !load->is_done);
    entry->load = NULL;
    load->is_done = true;
    load->status = is_of_file ? status : STATUS_OK; /* another failure is the caller's own */
    load->error = *err;
    if (load->waiting == 0)
        mem_free(load);
    if (status == STATUS_OK) {
        entry->block = row_block_ref(block);
        row_cache_link(cache, entry);
        row_cache_shrink(cache);
    } else {
        row_cache_remove(cache, entry);
    }
    pthread_cond_broadcast(&cache->loaded);
}

enum status row_cache_get(struct store *store, const struct row_cache_want *want,
                          struct row_block **out, struct error *err)
{
    struct row_cache *cache = store->row_cache;
    struct row_cache_entry *load = NULL;
    struct error local;

    CHECK(cache != NULL && want->group < want->segment->group_count);
    *out = NULL;
    pthread_mutex_lock(&cache->mutex);
    enum status status = row_cache_find(cache, want, out, &load, err);
    pthread_mutex_unlock(&cache->mutex);
    if (load == NULL)
        return status;
    error_clear(&local);
    status = row_block_load(store, want->table, want->segment, want->group, out, &local);
    pthread_mutex_lock(&cache->mutex);
    row_cache_loaded(cache, load, status, *out, &local);
    pthread_mutex_unlock(&cache->mutex);
    if (status != STATUS_OK && err != NULL)
        *err = local;
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
    *out = (struct row_cache_stats){cache->bytes, cache->hits, cache->misses, cache->waiting};
    pthread_mutex_unlock(&cache->mutex);
    CHECK(out->bytes <= cache->bytes_max);
}
