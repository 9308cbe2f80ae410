/* live.h — subscriptions: a SELECT registered on a connection, the newest rows first, then every
 * change that matters to it, exactly once and in commit order (docs/protocol.md).
 *
 * One matcher thread follows the feed, finds candidates through the routing index, runs their
 * filters against the old and the new row, encodes each row once per projection and posts shared,
 * already framed messages to the peers. Snapshots are read on threads of their own. A peer is one
 * WebSocket connection; net/ owns the socket, live/ owns its subscriptions.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIVE_LIVE_H
#define LIVE_LIVE_H

#include "base/thread.h"
#include "sql/live_plan.h"
#include "wire/messages.h"
#include "wire/ws_frame.h"

struct live;
struct live_peer;

struct live_options {
    struct store *store;
    struct sql_engine *engine;
    struct worker_pool *workers; /* snapshots, compiling */
    size_t queue_events_max;     /* live.queue_events per subscription, 1024 */
    size_t queue_bytes_max;      /* live.queue_bytes per connection, 8 MiB */
    unsigned subscriptions_per_connection_max, subscriptions_per_user_max; /* 100, 100 */
    uint64_t
        filter_work_max; /* live.filter_work: per user and second, on the matcher; 0 = no limit */
    bool allow_shared;   /* live.allow_shared_subscriptions */
    int64_t snapshot_ms_max; /* live.snapshot_seconds: to fetch a whole snapshot; 0 = no limit */
    int64_t task_ms_max;     /* query.timeout_seconds: to read or catch up once; 0 = no limit */
    unsigned snapshot_tasks_per_user_max; /* on `workers` at a time; 0 = no limit */
    /* query.memory_limit: a snapshot may keep so much; no other is begun while all of a user keep
     * more. 0 = no limit */
    size_t snapshot_bytes_max;
    const char *node;
};

/* Starts the matcher thread. */
enum status live_start(const struct live_options *options, struct live **out,
                       struct error *err) MUST_CHECK;
void live_stop(struct live *live); /* all peers closed before */

/* ---- one connection: called on its loop thread unless said otherwise
 * ----------------------------- */

struct live_peer_options {
    struct str connection_id; /* copied */
    struct str user, actor;   /* copied */
    enum role role;
    struct str space;              /* default namespace, copied */
    struct wire_protocol protocol; /* of the messages handed to `send` */
    /* Any thread, in order per peer. Takes one reference of each message; the host queues them for
     * its loop with one wake-up and calls live_peer_written when bytes left the queue. Must not
     * block. After live_peer_close it is not called again. */
    void (*send)(void *context, struct wire_message *message);
    void *context;
};
struct live_peer *live_peer_new(struct live *live, const struct live_peer_options *options);
/* Drops all subscriptions; snapshots being read are cancelled. The peer is freed when its last user
 * is gone. */
void live_peer_close(struct live_peer *peer);
/* The socket took `bytes` of `messages`: opens room for more. Any thread. */
void live_peer_written(struct live_peer *peer, size_t messages, size_t bytes);
void live_peer_touched(struct live_peer *peer); /* a frame came in: last_ping_at */

/* Handle one decoded client message; answers (ack, batches, error) come through `send`. Strings are
 * copied. */
/* rate_limit.max_subscriptions_per_connection. Any thread. */
unsigned live_subscriptions_max(const struct live *live);
void live_peer_subscribe(struct live_peer *peer, const struct wire_subscription *request);
void live_peer_next_batch(struct live_peer *peer, struct str id);
void live_peer_unsubscribe(struct live_peer *peer, struct str id);
/* Ends every subscription with an `error` of this code. */
void live_peer_end(struct live_peer *peer, const char *code, const char *message);
/* Messages and bytes sent but not yet written. Any thread. */
void live_peer_queued(const struct live_peer *peer, size_t *messages, size_t *bytes);

/* ---- introspection: any thread
 * -------------------------------------------------------------------- */

/* Entries of sql_services.live_entries. */
void live_entries(struct live *live, struct table_id table, struct str live_id, struct arena *arena,
                  struct sql_live_entry **entries, size_t *count);
/* sql_services.live_fence_begin, live_fence_end, table_changed. */
void live_fence_begin(struct live *live, struct sql_live_fence *fence);
void live_fence_end(struct live *live, struct sql_live_fence *fence);
void live_table_changed(struct live *live, struct table_id table);
/* LIVE_QUERY_NOT_FOUND, PERMISSION_DENIED. */
enum status live_kill(struct live *live, struct str live_id, struct str actor, enum role role,
                      struct error *err) MUST_CHECK;
struct live_stats {
    uint64_t subscriptions, peers, changes_delivered, slow_consumers, matched_position;
    uint64_t tasks_waiting; /* of snapshots, for their user's turn or the end of an ALTER or DROP */
};
void live_stats(struct live *live, struct live_stats *out);

#endif
