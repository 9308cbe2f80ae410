/* plan_cache.h — plans by key, bounded in number and bytes, least recently used out (by a clock
 * hand). Any thread. Private to sql/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_PLAN_CACHE_H
#define SQL_PLAN_CACHE_H

#include "sql/exec/plan.h"

enum {
    PLAN_CACHE_KEY_MAX = 16384, /* longer texts are not cached, */
    PLAN_CACHE_SHARE_MAX = 16,  /* nor what takes more than this part of all bytes */
};

struct plan_cache;
/* 0 bytes = no limit. */
struct plan_cache *plan_cache_new(size_t plans_max, size_t bytes_max);
void plan_cache_free(struct plan_cache *cache);
/* With a reference, or NULL. */
struct plan *plan_cache_get(struct plan_cache *cache, struct str key);
/* Takes a reference of its own; replaces what has the same key. */
void plan_cache_put(struct plan_cache *cache, struct str key, struct plan *plan);
size_t plan_cache_clear(struct plan_cache *cache); /* number dropped */
size_t plan_cache_count(struct plan_cache *cache, size_t *bytes);

#endif
