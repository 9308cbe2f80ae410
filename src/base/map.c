/* map.c — linear probing over a power of two, at most three quarters filled. A removed entry leaves
 * a tombstone (key NULL, value = the entry itself) that growing sweeps away, so that probing
 * sequences stay whole and an iteration survives the removal of the entry it just returned.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/map.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/mem.h"

enum { MAP_CAPACITY_MIN = 16 };

struct map_entry {
    char *key; /* NULL: never used or tombstone */
    size_t key_size;
    uint64_t hash;
    void *value; /* NULL: never used */
};

void map_init(struct map *map)
{
    CHECK(map != NULL);
    *map = (struct map){0};
}

void map_clear(struct map *map)
{
    CHECK(map->count <= map->filled);
    for (size_t i = 0; i < map->capacity; i++)
        mem_free(map->entries[i].key);
    mem_free(map->entries);
    *map = (struct map){0};
}

static struct map_entry *map_find(const struct map *map, struct str key, uint64_t hash)
{
    if (map->count == 0)
        return NULL;
    CHECK(map->filled < map->capacity); /* an empty slot ends every search */
    for (size_t i = hash & (map->capacity - 1);; i = (i + 1) & (map->capacity - 1)) {
        struct map_entry *entry = &map->entries[i];
        if (entry->value == NULL)
            return NULL;
        if (entry->key != NULL && entry->hash == hash &&
            str_equal(str_from(entry->key, entry->key_size), key))
            return entry;
    }
}

void *map_get(const struct map *map, struct str key)
{
    CHECK(map->filled < map->capacity || map->capacity == 0);
    struct map_entry *entry = map_find(map, key, hash_bytes(key));
    return entry != NULL ? entry->value : NULL;
}

/* First never used slot for a key that is not in the map. */
static struct map_entry *map_free_slot(struct map_entry *entries, size_t capacity, uint64_t hash)
{
    size_t i = hash & (capacity - 1);

    CHECK((capacity & (capacity - 1)) == 0);
    while (entries[i].value != NULL)
        i = (i + 1) & (capacity - 1);
    return &entries[i];
}

static void map_grow(struct map *map)
{
    size_t capacity = MAP_CAPACITY_MIN;

    while (capacity < map->count * 2 + 2)
        capacity *= 2;
    struct map_entry *entries = mem_calloc(capacity, sizeof(*entries));
    for (size_t i = 0; i < map->capacity; i++) {
        struct map_entry *old = &map->entries[i];
        if (old->key != NULL)
            *map_free_slot(entries, capacity, old->hash) = *old;
    }
    CHECK(map->count < capacity);
    mem_free(map->entries);
    map->entries = entries;
    map->capacity = capacity;
    map->filled = map->count;
}

void *map_put(struct map *map, struct str key, void *value)
{
    uint64_t hash = hash_bytes(key);
    struct map_entry *entry = map_find(map, key, hash);

    CHECK(value != NULL);
    if (entry != NULL) {
        void *former = entry->value;
        entry->value = value;
        return former;
    }
    if ((map->filled + 1) * 4 > map->capacity * 3)
        map_grow(map);
    entry = map_free_slot(map->entries, map->capacity, hash);
    *entry = (struct map_entry){mem_strdup(key), key.size, hash, value};
    map->count++;
    map->filled++;
    return NULL;
}

void *map_remove(struct map *map, struct str key)
{
    struct map_entry *entry = map_find(map, key, hash_bytes(key));

    if (entry == NULL)
        return NULL;
    CHECK(map->count > 0);
    void *value = entry->value;
    mem_free(entry->key);
    *entry = (struct map_entry){.value = entry};
    map->count--;
    return value;
}

bool map_next(const struct map *map, size_t *cursor, struct str *key, void **value)
{
    CHECK(cursor != NULL && value != NULL);
    while (*cursor < map->capacity) {
        struct map_entry *entry = &map->entries[(*cursor)++];
        if (entry->key == NULL)
            continue;
        if (key != NULL)
            *key = str_from(entry->key, entry->key_size);
        *value = entry->value;
        return true;
    }
    return false;
}

void map_clear_values(struct map *map)
{
    size_t cursor = 0;
    void *value;

    CHECK(map->count <= map->filled);
    while (map_next(map, &cursor, NULL, &value))
        mem_free(value);
    map_clear(map);
}
