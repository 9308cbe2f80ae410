/* feed.h — what changed, in commit order: a ring of groups in memory that readers follow at their
 * own pace. The commit thread appends and never waits; a reader that falls out of the ring
 * (feed_bytes) gets STALE and must start anew. A group that alone is larger than the ring stays
 * until the next one, and only if somebody follows.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_FEED_H
#define STORE_FEED_H

#include "store/store.h"

struct change {
    const struct table *table; /* referenced by the group */
    struct str user;           /* USER tables */
    struct str key;            /* row_id */
    int64_t seq;
    struct str old_bytes; /* version before, with ROW_DELETED if it was deleted; empty = none */
    struct str new_bytes; /* version after; with ROW_DELETED for deletes */
};

/* The changes of one group commit; immutable, counted. */
struct change_group {
    atomic_uint refs;
    struct feed_chunk *chunk; /* whose memory it is; NULL = its own */
    int64_t first, last;      /* _seq range */
    struct change *changes;
    size_t count;
    size_t bytes;
};
struct change_group *change_group_ref(struct change_group *group);
void change_group_unref(struct change_group *group);

struct feed;
struct feed *store_feed(struct store *store);
/* Follows from the first group with last > position. */
struct feed_cursor;
struct feed_cursor *feed_follow(struct feed *feed, int64_t position);
void feed_unfollow(struct feed_cursor *cursor);
/* Next group (with a reference) or, after `timeout_ms` without one, WOULD_BLOCK; END when the store
 * stops; STALE when groups were lost: the cursor then stands at the oldest group that is left. */
enum status feed_next(struct feed_cursor *cursor, int timeout_ms,
                      struct change_group **out) MUST_CHECK;
/* Wakes feed_next early (any thread). */
void feed_wake(struct feed *feed);
/* For a reader that has nothing to look for now: while paused, feed_next gives nothing, and
 * appending wakes nobody. Resumed, it goes on with the first group that is appended from now on;
 * whoever takes a view after that finds everything older in it. Any thread; in turn. */
void feed_pause(struct feed_cursor *cursor);
void feed_resume(struct feed_cursor *cursor);
int64_t feed_oldest(struct feed *feed); /* smallest position from which nothing is missing */
/* For a reader that wants the past once: the groups with changes in (from, to], in order, each with
 * a reference, in an array that the caller frees (NULL if there is none). `to` is the position of a
 * view; waits the moment until the groups it shows are in the ring. ABSENT when the ring does not
 * reach back to `from`, END when the store stops. Any thread. */
enum status feed_range(struct feed *feed, int64_t from, int64_t to, struct change_group ***out,
                       size_t *count) MUST_CHECK;

#endif
