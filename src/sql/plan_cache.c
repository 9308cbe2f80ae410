/* plan_cache.c — a map from key to slot, slots in a ring with one "used" mark each.
 *
 * A hit only sets the mark, so that no list is re-linked under the lock. The hand that looks for
 * room clears marks until it meets a slot without one: second chance, close to least recently used.
 * One lock; it is held for one hash look-up (about 50 ns).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/plan_cache.h"

#include "base/check.h"
#include "base/map.h"
#include "base/mem.h"

#include <pthread.h>

struct plan_slot {
    struct plan *plan; /* NULL = free */
    struct str key;    /* owned */
    size_t bytes;
    bool used;
};

struct plan_cache {
    pthread_mutex_t mutex;
    struct map slots_by_key; /* → struct plan_slot */
    struct plan_slot *slots;
    size_t slot_count, hand;
    size_t bytes, bytes_max;
};

enum { PLAN_PROGRAM_BYTES = 256 /* about, of each program of a plan */ };

struct plan_cache *plan_cache_new(size_t plans_max, size_t bytes_max)
{
    struct plan_cache *cache = mem_zalloc(sizeof(*cache));

    CHECK(cache->slot_count == 0);
    cache->slot_count = plans_max > 0 ? plans_max : 1;
    cache->slots = mem_calloc(cache->slot_count, sizeof(*cache->slots));
    cache->bytes_max = bytes_max > 0 ? bytes_max : SIZE_MAX;
    map_init(&cache->slots_by_key);
    pthread_mutex_init(&cache->mutex, NULL);
    return cache;
}

void plan_cache_free(struct plan_cache *cache)
{
    if (cache == NULL)
        return;
    (void)plan_cache_clear(cache);
    map_clear(&cache->slots_by_key);
    pthread_mutex_destroy(&cache->mutex);
    mem_free(cache->slots);
    mem_free(cache);
}

struct plan *plan_cache_get(struct plan_cache *cache, struct str key)
{
    struct plan *plan = NULL;

    CHECK(cache != NULL);
    pthread_mutex_lock(&cache->mutex);
    struct plan_slot *slot = map_get(&cache->slots_by_key, key);
    if (slot != NULL) {
        slot->used = true;
        plan = plan_ref(slot->plan);
    }
    pthread_mutex_unlock(&cache->mutex);
    return plan;
}

/* The slot is in the map; gives its plan with the cache's reference. */
static struct plan *plan_cache_empty_slot(struct plan_cache *cache, struct plan_slot *slot)
{
    struct plan *plan = slot->plan;

    CHECK(plan != NULL && cache->bytes >= slot->bytes);
    cache->bytes -= slot->bytes;
    void *found = map_remove(&cache->slots_by_key, slot->key);
    CHECK(found == slot);
    mem_free((void *)(uintptr_t)slot->key.data);
    *slot = (struct plan_slot){0};
    return plan;
}

static struct plan_slot *plan_cache_find_room(struct plan_cache *cache)
{
    for (size_t step = 0; step <= 2 * cache->slot_count; step++) {
        struct plan_slot *slot = &cache->slots[cache->hand];
        cache->hand = (cache->hand + 1) % cache->slot_count;
        if (slot->plan == NULL || !slot->used)
            return slot;
        slot->used = false;
    }
    UNREACHABLE("the second round meets a cleared mark");
}

static size_t plan_cache_bytes(const struct plan *plan, struct str key)
{
    CHECK(plan->program_count <= plan->program_capacity);
    return plan->arena.used_bytes + plan->program_count * PLAN_PROGRAM_BYTES + 2 * key.size;
}

void plan_cache_put(struct plan_cache *cache, struct str key, struct plan *plan)
{
    size_t bytes = plan_cache_bytes(plan, key);

    CHECK(cache != NULL);
    if (key.size > PLAN_CACHE_KEY_MAX || bytes > cache->bytes_max / PLAN_CACHE_SHARE_MAX)
        return;
    pthread_mutex_lock(&cache->mutex);
    struct plan_slot *slot = map_get(&cache->slots_by_key, key);
    if (slot == NULL)
        slot = plan_cache_find_room(cache);
    if (slot->plan != NULL)
        plan_unref(plan_cache_empty_slot(cache, slot));
    while (cache->bytes + bytes > cache->bytes_max) {
        struct plan_slot *victim = plan_cache_find_room(cache);
        if (victim->plan != NULL)
            plan_unref(plan_cache_empty_slot(cache, victim));
    }
    slot->plan = plan_ref(plan);
    slot->key = str_from(mem_strdup(key), key.size);
    slot->bytes = bytes;
    cache->bytes += bytes;
    (void)map_put(&cache->slots_by_key, key, slot);
    pthread_mutex_unlock(&cache->mutex);
}

size_t plan_cache_clear(struct plan_cache *cache)
{
    size_t count = 0;

    CHECK(cache != NULL);
    pthread_mutex_lock(&cache->mutex);
    for (size_t i = 0; i < cache->slot_count; i++) {
        if (cache->slots[i].plan == NULL)
            continue;
        plan_unref(plan_cache_empty_slot(cache, &cache->slots[i]));
        count++;
    }
    CHECK(cache->slots_by_key.count == 0);
    pthread_mutex_unlock(&cache->mutex);
    return count;
}

size_t plan_cache_count(struct plan_cache *cache, size_t *bytes)
{
    CHECK(cache != NULL);
    pthread_mutex_lock(&cache->mutex);
    size_t count = cache->slots_by_key.count;
    *bytes = cache->bytes;
    pthread_mutex_unlock(&cache->mutex);
    return count;
}
