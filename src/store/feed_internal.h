/* feed_internal.h — the writing side of the feed: commit.c and store.c. Private to store/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_FEED_INTERNAL_H
#define STORE_FEED_INTERNAL_H

#include "store/feed.h"

/* `position`: nothing at or before it will ever be in the feed. */
struct feed *feed_new(size_t bytes_max, int64_t position);
void feed_free(struct feed *feed); /* NULL is fine; nobody follows any more */
/* One piece of memory that holds copies of all bytes. Commit thread. */
struct change_group *change_group_new(struct feed *feed, const struct change *changes, size_t count,
                                      int64_t first, int64_t last);
void feed_append(struct feed *feed, struct change_group *group); /* takes the reference */
/* Everything up to `position` is visible; what came after the last group changed no row. */
void feed_pass(struct feed *feed, int64_t position);
/* Readers get END after what is left. */
void feed_stop(struct feed *feed);
size_t feed_bytes(struct feed *feed);

#endif
