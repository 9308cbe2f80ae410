/* inspect.h — what the store holds, for people who look after it: cold segments one by one.
 * Workers: reads records from the kv store.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_INSPECT_H
#define STORE_INSPECT_H

#include "store/store.h"

/* A cold segment; everything is borrowed during the call. Keys are row_ids. */
struct segment_info {
    struct str user, path, storage_id;
    uint64_t rows, bytes;
    struct str key_min, key_max;
    int64_t seq_min, seq_max;
    uint32_t schema_version;
    int64_t created_at; /* µs */
};
/* Every cold segment of a table at a view, by user and newest first. */
enum status segment_each(struct store *store, const struct view *view, const struct table *table,
                         void (*visit)(void *context, const struct segment_info *segment),
                         void *context, struct error *err) MUST_CHECK;

#endif
