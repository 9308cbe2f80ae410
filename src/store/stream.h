/* stream.h — what threads share about a stream table: how many subscriptions listen, how many
 * events wait, how many went.
 *
 * Events of an EPHEMERAL table are discarded while nobody listens. The commit thread decides once
 * per statement; live/ tells it of every subscription:
 *
 *   stream_subscribe (with the entry in its routing index) → stream_settle → view, acknowledgement
 *
 * stream_settle waits until all statements that may have been decided without the subscription are
 * answered. So an INSERT that is acknowledged after the subscription was is never discarded
 * (HEARD).
 *
 * Thread: any, unless said otherwise.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_STREAM_H
#define STORE_STREAM_H

#include "base/buf.h"
#include "store/store.h"

#include <stdatomic.h>

/* Each subscribe has its unsubscribe; the table may be gone by then. Never block on I/O. */
void stream_subscribe(struct store *store, struct table_id table);
void stream_unsubscribe(struct store *store, struct table_id table);
/* SHUTTING_DOWN when the store closes. Workers only. */
enum status stream_settle(struct store *store, struct error *err) MUST_CHECK;

struct stream_figures {
    int64_t buffered_rows;
    uint64_t expired;   /* events gone by TTL since the start */
    uint64_t displaced; /* by max_buffer */
    uint32_t subscribers;
};
void stream_figures(struct store *store, struct table_id table, struct stream_figures *out);

/* No event of a view lies before this time: what was removed there need not be read over. */
int64_t stream_low_ms(struct store *store, struct table_id table, const struct view *view);

/* ---- keys: `{ms, 13 digits}:{row_id}`
 * ----------------------------------------------------------- */

enum { STREAM_PREFIX_BYTES = 14 };
/* Appends `{ms, 13 digits}:`. */
void stream_key_prefix(int64_t ms, struct buf *out);
int64_t stream_key_ms(struct str key);
/* Smallest key of a table that has not expired, into `out`; size 0 when everything counts (tables
 * of other kinds, no TTL). */
size_t stream_expiry_key(const struct table *table, int64_t now_us,
                         char out[STREAM_PREFIX_BYTES + 1]);

/* ---- the commit thread's
 * -------------------------------------------------------------------------- */

/* Views from `position` on hold no event before `low_ms`. */
struct stream_mark {
    int64_t position, low_ms;
};

struct stream {
    atomic_uint subscribers;
    atomic_int_fast64_t buffered;
    atomic_uint_fast64_t expired, displaced;
    /* The registry's mutex guards these. */
    bool attached;               /* the commit thread holds it */
    struct stream_mark marks[2]; /* the older one for readers whose view is not the newest */
    /* The commit thread's. */
    int64_t marked_ms;
};

/* The pointer is good until stream_detach. */
struct stream *stream_attach(struct store *store, struct table_id table);
void stream_detach(struct store *store, struct table_id table);
/* Now and then: where events begin in views from `position` on. */
void stream_mark(struct store *store, struct stream *stream, const struct stream_mark *mark,
                 int64_t now_ms);

/* store.c */
struct streams;
struct streams *streams_new(void);
void streams_free(struct streams *streams); /* NULL is fine */

#endif
