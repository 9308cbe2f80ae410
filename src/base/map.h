/* map.h — hash map from byte strings to pointers, open addressing, grows. Keys are copied into the
 * map; values are the caller's. Not thread-safe.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct map_entry;

struct map {
    struct map_entry *entries;
    size_t capacity, count, filled; /* filled counts tombstones too */
};

void map_init(struct map *map);
void map_clear(struct map *map);                      /* frees keys and table, not the values */
void map_clear_values(struct map *map);               /* and the values, which mem_alloc made */
void *map_get(const struct map *map, struct str key); /* NULL if absent */
/* Sets and returns the former value or NULL. `value` is not NULL. */
void *map_put(struct map *map, struct str key, void *value);
void *map_remove(struct map *map, struct str key); /* the value or NULL */
/* Iteration in no order: start with *cursor = 0; false at the end. The map must not change, except
 * that the entry just returned may be removed. `key` may be NULL; it lives as long as the entry. */
bool map_next(const struct map *map, size_t *cursor, struct str *key, void **value);

#endif
