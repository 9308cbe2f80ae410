/* hot.h — the hot rows of one instance in key order, either way. Private to store/.
 *
 * One thread at a time.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_HOT_H
#define STORE_HOT_H

#include "base/buf.h"
#include "store/store.h"

struct hot_cursor_options {
    const struct table *table;
    const struct kv_snapshot *snapshot;
    struct str lower, upper; /* full keys as in the kv store; live as long as the cursor */
    size_t prefix_size;      /* `{user}:` */
    bool descending, cached_only, fill_cache;
    bool whole;   /* descending: all rows will be read, so do not begin step by step */
    int64_t rows; /* hot rows of the instance at the snapshot, -1 = unknown */
    bool all;     /* the bounds hold the whole instance */
    const atomic_bool *cancelled; /* may be NULL */
};

struct hot_cursor {
    struct hot_cursor_options options;
    struct kv *kv;
    struct kv_iterator *iterator; /* NULL = closed */
    int64_t seen;
    bool started, ended;
    bool chunked;                 /* descending: rows are read forward in chunks, see hot.c */
    struct buf marks, mark_keys;  /* first key of each chunk */
    size_t mark_count;            /* chunks not given out yet */
    struct buf chunk, chunk_rows; /* rows of the chunk, ascending */
    size_t chunk_left;
};
void hot_cursor_open(struct store *store, const struct hot_cursor_options *options,
                     struct hot_cursor *out);
void hot_cursor_close(struct hot_cursor *cursor); /* fine after a zeroed struct */
/* The next row: its row_id and bytes, valid until the next call; an empty key at the end. Failures
 * as the kv store names them, CANCELLED. COUNTED: when all rows of an instance were walked and
 * fewer came than it has, IO_FAILED (cached_only: WOULD_BLOCK). */
enum status hot_cursor_next(struct hot_cursor *cursor, struct str *key, struct str *bytes,
                            struct error *err) MUST_CHECK;

#endif
