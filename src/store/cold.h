/* cold.h — one row or a run of rows from the cold segments of one instance. Private to store/.
 *
 * COLD_UNIQUE makes this simple: a key lies in at most one segment, so a look-up ends with the
 * first hit and cursors of different segments never meet on a key. The caller holds the view that
 * the segment list belongs to, which keeps the files. Any thread; blocking unless cached_only.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_COLD_H
#define STORE_COLD_H

#include "store/row_cache.h"
#include "store/segment.h"
#include "store/store.h"

/* Look-ups of keys, one after the other. The row group that the last one read stays until another
 * is read: keys in order read each group of a segment once, however small the row cache is. */
struct cold_lookup {
    const struct table *table;
    struct segment_list *list; /* borrowed */
    bool cached_only;
    const atomic_bool *cancelled; /* may be NULL */
    struct row_block *held;       /* referenced; NULL at first */
};
/* The cold version of a key, deleted or not: OK (held by pin->cold), ABSENT, WOULD_BLOCK
 * (cached_only), STORAGE_UNAVAILABLE, CANCELLED. row->projection stays NULL; row_project gives it.
 */
enum status cold_lookup_get(struct store *store, struct cold_lookup *lookup, struct str key,
                            struct row *row, struct row_pin *pin, struct error *err) MUST_CHECK;
void cold_lookup_clear(struct cold_lookup *lookup);

struct cold_cursor_options {
    const struct table *table;
    struct key_range range;
    bool descending;
    bool cached_only;
    const atomic_bool *cancelled; /* may be NULL */
    int64_t seq_after; /* row groups without a greater _seq are skipped; rows are not filtered */
};
/* Stands on one row of one segment, or at the end. */
struct cold_cursor {
    struct segment *segment; /* borrowed from the list */
    struct row_block *block; /* NULL = end */
    uint32_t group, row;
    struct str key, bytes; /* of the row it stands on */
};
/* Puts the cursor on the first row of the range. */
enum status cold_cursor_open(struct store *store, const struct cold_cursor_options *options,
                             struct segment *segment, struct cold_cursor *out,
                             struct error *err) MUST_CHECK;
enum status cold_cursor_next(struct store *store, const struct cold_cursor_options *options,
                             struct cold_cursor *cursor, struct error *err) MUST_CHECK;
void cold_cursor_close(struct cold_cursor *cursor);
static inline bool cold_cursor_is_valid(const struct cold_cursor *cursor)
{
    return cursor->block != NULL;
}
/* True when the segment may hold a row of the range with a _seq above `seq_after`. */
bool cold_may_contribute(const struct segment *segment, const struct key_range *range,
                         int64_t seq_after);

/* row_read.c: checks hot row bytes at the border and finds their projection. `cache` remembers the
 * versions met; memory of the arena. Failures in words for clients. */
struct row_projections {
    const struct row_projection *newest; /* last used */
    const struct row_projection **all;   /* by version, from the second version met on */
};
enum status row_accept(const struct table *table, struct row_projections *cache,
                       struct arena *arena, struct row *row, struct error *err) MUST_CHECK;
/* A failure of the kv store in words for clients: INTERNAL_ERROR, cause to the log. */
enum status hot_translate(enum status status, const struct table *table, struct error *err);
/* row_read.c: the projection for bytes of `version`; memory of the arena. NULL for an unknown
 * version. */
const struct row_projection *row_project(const struct table *table, uint32_t version,
                                         struct arena *arena);
/* The same, made once for each version. */
const struct row_projection *row_project_cached(const struct table *table, uint32_t version,
                                                struct row_projections *cache, struct arena *arena);

#endif
