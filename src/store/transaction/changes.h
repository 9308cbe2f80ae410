/* changes.h — what an open transaction has written, by key: found by hash, walked in key order.
 * Belongs to the transaction's view, so that every reader of that view sees it. Private to store/.
 *
 * Written by one thread between statements; while a statement reads, any number of threads may.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_CHANGES_H
#define STORE_CHANGES_H

#include "store/commit/overlay.h"
#include "store/store.h"

#include <pthread.h>

/* Beside each entry of the overlay, in the same order. */
struct changed_row {
    const struct table *table; /* of the view's catalogue */
    struct str user, row_id;   /* parts of the entry's key */
    int64_t base_seq;          /* of the version at the view, cold, deleted or not; 0 = none */
};

struct changed_key {
    const struct kv_space *space;
    struct str key;
    size_t index; /* of the overlay's entry */
};

struct changes {
    struct arena arena;     /* keys and bytes */
    struct overlay overlay; /* newest bytes; tombstones are bytes, too */
    struct changed_row *rows;
    size_t row_capacity;
    pthread_mutex_t mutex; /* guards `sorted` */
    struct changed_key *sorted;
    size_t sorted_count, sorted_capacity; /* entries behind sorted_count are not in it yet */
};

struct changes *changes_new(void);
void changes_free(struct changes *changes); /* NULL is fine */

/* The version the transaction gave this key (`{user}:{row_id}`), or NULL. */
const struct overlay_entry *changes_find(const struct changes *changes,
                                         const struct kv_space *space, struct str key);
/* `bytes` lie in the arena. `row` counts when the key is new; its strings are made here. */
void changes_put(struct changes *changes, const struct changed_row *row, struct str key,
                 struct str bytes);

struct changes_cursor {
    const struct changes *changes;
    size_t first, end; /* what is left, in `sorted` */
    bool descending;
};
/* Over the rows of one instance in the range of row_ids. */
void changes_cursor_open(struct changes *changes, const struct scan_options *options,
                         const struct key_range *range, struct changes_cursor *out);
/* The next row; false at the end. Keys and bytes are valid until the transaction writes again. */
bool changes_cursor_next(struct changes_cursor *cursor, struct str *row_id, struct str *bytes);

#endif
