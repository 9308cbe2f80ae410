/* live_internal.h — subscriptions, peers and the routing index as the files of this folder share
 * them. Private to live/.
 *
 * Lock order: live->mutex (routing index, all peers) → subscription.mutex (state, held changes) →
 * peer.mutex (queue, id map). The matcher holds live->mutex to look up who is concerned, not to
 * match.
 *
 *   COMPILING ──► HOLDING ──────────────► LIVE ──► CLOSED
 *      worker      registered; snapshot     matcher sends changes directly
 *                  batches go out; changes
 *                  are held (or, after an
 *                  overflow, counted as lost
 *                  and caught up by a net diff)
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIVE_LIVE_INTERNAL_H
#define LIVE_LIVE_INTERNAL_H

#include "base/map.h"
#include "live/live.h"
#include "store/cold.h"
#include "store/feed.h"

#include <pthread.h>

/* What a message holds beside its rows, at most. */
enum { MESSAGE_ENVELOPE_BYTES = 4096 };

struct bucket;
struct matcher_job;
struct resume_scan;
struct route;
struct snapshot;
struct touched;

enum subscription_state {
    SUBSCRIPTION_COMPILING,
    SUBSCRIPTION_HOLDING,
    SUBSCRIPTION_LIVE,
    SUBSCRIPTION_CLOSED,
};

/* A change that came while the snapshot was loading. */
struct held_change {
    struct held_change *next;
    int64_t seq; /* highest in the message */
    uint32_t rows;
    struct wire_message *message;
};

/* A place in a route (router.c). */
struct route_slot {
    struct route *route;
    size_t index;
};

/* What a subscription needs until it is live, and no longer. Owned by the subscription, or by the
 * task while that runs; whoever of the two ends last frees it. Under the subscription's mutex, but
 * for what only the task touches. */
struct loading {
    struct task task; /* worker: compile and first batch, then one batch per request */
    struct subscription *subscription;
    struct loading *next, **prev; /* live->mutex: those that load */
    /* live->mutex: where its task waits, NULL = with the threads of snapshots, or ended */
    struct loading_queue *queue;
    struct loading *queue_next, *queue_former;
    uint64_t turn;     /* among the waiting tasks of its user */
    bool task_running; /* or waiting to */
    bool held_overflow;
    unsigned batches_asked;
    int64_t waiting_since_ms; /* the client owes a next_batch since; 0 = it does not */
    int64_t begun_ms;
    struct held_change *held, **held_tail;
    size_t held_bytes, held_count;
    /* the task's */
    int64_t deadline_ms; /* of what it does now; 0 = none */
    bool opened;         /* compiled, or tried */
    bool has_options, has_from;
    int64_t batch_size, last_rows; /* last_rows -1 = all */
    int64_t from;                  /* has_from: the client knows everything up to here */
    struct snapshot *snapshot;
    size_t snapshot_bytes; /* that it keeps */
    struct str sql;        /* behind the struct, the texts of the parameters too */
    struct value *params;
    size_t param_count;
};

/* A hundred thousand of them may wait for changes: about 250 bytes, in one block with its texts. */
struct subscription {
    atomic_uint refs; /* id map of the peer, routing index, running task */
    uint32_t magic;
    struct live_peer *peer; /* referenced */
    struct str id;          /* behind the struct, as are the options */
    uint32_t options_size;

    /* live->mutex */
    uint32_t route_column; /* id of the column it is routed by; 0 = everything */
    struct bucket *bucket;
    struct route_slot *slots; /* where it stands in the bucket's routes: `slot` if that is enough */
    struct route_slot slot;
    uint32_t bucket_index, slot_count;
    struct matcher_job *job; /* jobs.c alone: of the bucket at hand */

    pthread_mutex_t mutex;
    enum subscription_state state;
    bool uses_query_id;
    bool behind; /* a change could not be sent: none after it may be */
    atomic_bool cancelled;
    /* Exchanged by schema.c, under live->mutex too: whoever holds either may read them. */
    struct live_plan *plan;
    uint64_t plan_hash, fingerprint; /* of the plan; of plan and id: equal messages */
    size_t plan_bytes;               /* of the user's */
    struct loading *loading;         /* NULL once it is live */
    int64_t live_after; /* the snapshot holds everything up to here: the matcher may be behind it */

    atomic_uint queued; /* change messages sent but not written */
    atomic_int_fast64_t changes, last_update, last_seq_sent;
    int64_t created_at;
};

/* Tasks that wait, in order. */
struct loading_queue {
    struct loading *first, *last;
};

/* user.c */
struct live_user {
    struct str name;                        /* in live->users */
    unsigned peers;                         /* the last one frees it */
    atomic_uint subscriptions;              /* that count */
    unsigned running;                       /* tasks with the threads of snapshots … */
    unsigned beginning;                     /* … those that begin one */
    struct loading_queue openings, batches; /* tasks that wait: to begin a snapshot, or to go on */
    uint64_t turns;                         /* given to them */
    atomic_size_t snapshot_bytes;           /* that its snapshots keep */
    atomic_size_t plan_bytes; /* of compiled live queries, beyond what each has for nothing */
};

struct live_peer {
    atomic_uint refs;
    uint32_t magic;
    struct live *live;
    struct live_user *user;
    struct live_peer_options options; /* strings in arena */
    struct arena arena;
    struct live_peer *next, **prev; /* live->mutex */
    atomic_size_t queued_bytes, queued_messages;
    atomic_size_t held_bytes; /* of changes, by subscriptions that load */
    atomic_int_fast64_t last_ping_at;
    pthread_mutex_t mutex;
    bool closed;
    struct map subscriptions; /* id → struct subscription */
    /* Whose messages wait in the host's queue, in order; NULL = control message. */
    struct subscription **fifo;
    size_t fifo_head, fifo_count, fifo_capacity;
};

struct live {
    struct live_options options;
    pthread_mutex_t mutex;
    struct map buckets; /* table id + user → struct bucket */
    struct map users;   /* name → struct live_user, of those who are connected */
    struct live_peer *peers;
    struct loading *loading;
    struct sql_live_fence *fences; /* ALTERs and DROPs between check and end */
    struct loading_queue fenced;   /* tasks that wait for their end */
    pthread_mutex_t scans_mutex;   /* a leaf */
    struct resume_scan *scans;     /* resume_scan.c */
    pthread_t matcher;
    struct feed_cursor *cursor;
    atomic_bool stopping;
    atomic_int_fast64_t matched_position;
    atomic_uint_fast64_t subscriptions, peer_count, changes_delivered, slow_consumers;
    atomic_uint_fast64_t tasks_waiting; /* in queues of ours, not in that of the threads */
};

/* ---- router.c: live->mutex held
 * ------------------------------------------------------------------ */

/* Subscriptions that may match the same changes: those whose filter asks for one value of one
 * column, or those that have to look at everything. */
struct route {
    struct str key; /* of the map; empty: the route of everything */
    struct route_entry {
        struct subscription *subscription;
        size_t slot; /* subscription->slots[slot] names this entry */
    } * entries;
    size_t count, capacity;
};
/* A column that some filter of the bucket asks for. */
struct route_column {
    uint32_t id;
    uint32_t schema_version; /* where `position` is from; 0 = not looked for yet */
    int position;            /* in rows of that; -1 = there is none */
    size_t uses;
};

/* All subscriptions on one instance (USER) or one table (SHARED). */
struct bucket {
    struct str key; /* of the map */
    struct subscription **subscriptions;
    size_t count, capacity;
    struct map routes; /* column id + value hash → struct route */
    struct route everything;
    struct route_column *columns;
    size_t column_count;
    struct touched *touched; /* jobs.c, while it sorts a group */
};
void router_add(struct live *live, struct subscription *subscription);    /* takes a reference */
void router_remove(struct live *live, struct subscription *subscription); /* drops it */
struct bucket *router_find(struct live *live, struct table_id table, struct str user);
/* Those that ask for this value of this column; NULL if there is none. */
const struct route *router_find_route(const struct bucket *bucket, uint32_t column, uint64_t hash);

/* ---- subscription.c
 * ------------------------------------------------------------------------------ */

struct subscription *subscription_new(struct live_peer *peer,
                                      const struct wire_subscription *request);
/* Frees what is not needed any more; NULL is fine. Not under any lock. */
void loading_free(struct loading *loading);
/* live->mutex held: from here on the matcher looks after it. */
void loading_list(struct live *live, struct loading *loading);
/* What system.live_queries shows. */
struct str subscription_options(const struct subscription *subscription);
bool subscription_has_live_id(const struct subscription *subscription, struct str live_id);
/* With equal plans, do both get the same messages? */
bool subscription_is_alike(const struct subscription *a, const struct subscription *b);
/* Its task, marked as running by the caller, runs when its turn comes; or it is closed, and what it
 * needed to load is freed. The reference moves to the task. Not under any lock. */
void subscription_post(struct subscription *subscription, struct loading *loading);
/* Its mutex held, and live->mutex unless it is not in the index: takes over the reference. */
void subscription_set_plan(struct subscription *subscription, struct live_plan *plan);
struct subscription *subscription_ref(struct subscription *subscription);
void subscription_unref(struct subscription *subscription);
/* Takes it off index and peer, cancels its snapshot; `code` NULL = no error message. Not under any
 * lock. */
void subscription_close(struct subscription *subscription, const char *code, const char *message);
/* The wire code of docs/protocol.md for a failure. */
const char *subscription_error_code(enum status status);
/* A control message, unless the subscription is closed: its id may belong to another one by now. */
void subscription_tell(struct subscription *subscription,
                       const struct wire_server_message *message);
/* Mutex held, state LIVE or HOLDING: sends or holds; false when the consumer is too slow. */
bool subscription_deliver(struct subscription *subscription, struct wire_message *message,
                          int64_t seq, uint32_t rows);
/* Mutex held: a change it should have is not made for it, as that would take too long. True when it
 * loads: it will catch up. */
bool subscription_skip(struct subscription *subscription);
/* Mutex held, any state but CLOSED: sends past what is held; false when the consumer is too slow.
 */
bool subscription_send(struct subscription *subscription, struct wire_message *message, int64_t seq,
                       uint32_t rows);
/* By its task: makes the forms that the connection gets of what is held above `position`, which may
 * take long, before the mutex is held to send them. */
void subscription_form_held(struct subscription *subscription, int64_t position);
/* Mutex held: releases what was held above `position` and goes live; false when too slow. */
bool subscription_go_live(struct subscription *subscription, int64_t position);

/* ---- peer.c
 * -------------------------------------------------------------------------------------- */

struct live_peer *peer_ref(struct live_peer *peer);
void peer_unref(struct live_peer *peer);
/* Makes the form that the connection gets, compressed or not: before a lock is held for which
 * others wait. */
void peer_make_form(struct live_peer *peer, struct wire_message *message);
/* Hands one reference of the message to the host. `subscription` NULL = control message. */
void peer_send(struct live_peer *peer, struct subscription *subscription,
               struct wire_message *message);
/* Takes it out of the id map and gives its place back, if it is still the one there; true if so.
 * Tells the client `why`, NULL = nothing, before anybody can use its id again. */
bool peer_forget(struct live_peer *peer, struct subscription *subscription,
                 struct wire_message *why);
/* Would one more change message of this size pass the limits? */
bool peer_has_room(struct live_peer *peer, struct subscription *subscription, size_t bytes);
void peer_encode_and_send(struct live_peer *peer, struct subscription *subscription,
                          const struct wire_server_message *message);

/* ---- user.c
 * -------------------------------------------------------------------------------------- */

struct live_user *user_open(struct live *live, struct str name); /* one more connection of it */
void user_close(struct live *live, struct live_user *user);
/* A place for one more subscription; false when all are taken. */
bool user_take_place(const struct live *live, struct live_user *user);
void user_give_place(struct live_user *user);
/* The task of a subscription (with a reference to it) runs as soon as its user's turn comes. False
 * when that is closed, here and below: nobody would take the task back, it stays the caller's. */
bool user_post(struct live *live, struct loading *loading) MUST_CHECK;
void user_task_ended(struct live *live, struct live_user *user);
/* A task has begun its snapshot, or failed: its thread goes on with it. */
void user_has_begun(struct live *live, struct live_user *user);
/* One of its snapshots is gone: there may be room for another one. */
void user_snapshot_gone(struct live *live, struct live_user *user);
/* What counts of a plan, and is there room for so much more? */
size_t user_plan_bytes(const struct live_plan *plan);
bool user_has_room(const struct live *live, const struct live_user *user, size_t plan_bytes);
/* Called by the task, which ends with it: it is run again after what waits of its user. */
bool user_post_last(struct live *live, struct loading *loading) MUST_CHECK;
/* Likewise, once no ALTER or DROP is under way. */
bool user_post_after_fences(struct live *live, struct loading *loading) MUST_CHECK;
/* live->mutex held: tasks that waited for a fence run again; they may wait for another one. */
void user_fence_gone(struct live *live);
/* live->mutex held: the task will not run; false when it does, or has ended. */
bool user_take_back(struct loading *loading);

/* ---- budget.c: the matcher's
 * ------------------------------------------------------------------------- */

/* What is left of the second, by user; only of those for whom something was done. */
struct budgets {
    struct map left;
    uint64_t work_max; /* live.filter_work; 0 = no limit */
    int64_t since_ms;
};
void budgets_init(struct budgets *budgets, uint64_t work_max);
void budgets_clear(struct budgets *budgets);
/* Until budgets_renew; NULL = no limit. */
uint64_t *budgets_of(struct budgets *budgets, struct str user);
/* Between two groups: everybody has all of it again if a second is over. */
void budgets_renew(struct budgets *budgets);
/* For something that is done already: down to nothing. `budget` NULL = no limit. */
void budget_spend(uint64_t *budget, uint64_t work);
bool budget_is_spent(const uint64_t *budget);
/* What it takes to make a message, and to make the form of it that a connection gets. */
uint64_t budget_frame_work(const struct wire_message *message);
uint64_t budget_form_work(const struct wire_message *message, struct wire_protocol protocol);

/* ---- snapshot.c
 * ---------------------------------------------------------------------------------- */

/* Worker: compile, register, read the snapshot, acknowledge, first batch. */
void snapshot_task(struct task *task);
void snapshot_free(struct snapshot *snapshot); /* NULL is fine */

/* ---- schema.c
 * ------------------------------------------------------------------------------------ */

/* live->mutex held: does an ALTER or DROP stand in the way of a plan? */
bool schema_is_fenced(const struct live *live, const struct live_plan *plan);
/* No lock held: binds `plan` to another state of its table and puts that in its place, if it is
 * still the plan. `out` gets it with a reference; may be NULL. */
enum status schema_bind_anew(struct subscription *subscription, const struct live_plan *plan,
                             const struct table *table, struct live_plan **out,
                             struct error *err) MUST_CHECK;
/* No lock held: goes on with the table's schema if that is newer than the plan's, unless somebody
 * else exchanges the plan at the same time. */
enum status schema_follow(struct subscription *subscription, const struct table *table,
                          struct error *err) MUST_CHECK;

/* ---- live.c
 * -------------------------------------------------------------------------------------- */

/* An arena for what filters and encoding make of one row, with the limit of live.filter_memory. */
void live_row_arena_init(const struct live *live, struct arena *arena);
/* Before the next row; false when what little the last one took stays, and with it its block. */
bool live_row_arena_reset(struct arena *arena);
/* Between two rows of its task: CANCELLED when the subscription is closed, QUERY_TIMEOUT when the
 * task has run for too long, RESULT_TOO_LARGE when its snapshot keeps too much. */
enum status live_check_task(const struct subscription *subscription, struct error *err) MUST_CHECK;

/* subscription.mutex held; the plan is set. */
void live_entry_fill(struct subscription *subscription, struct arena *arena,
                     struct sql_live_entry *entry);

/* ---- encode.c
 * ------------------------------------------------------------------------------------ */

/* How rows of each schema version that was met are read as rows of one state of a table. */
struct row_views {
    const struct table *table; /* NULL = none yet */
    struct row_projections known;
    struct arena arena;
};
void row_views_init(struct row_views *views);
void row_views_clear(struct row_views *views); /* before that table may be freed */
/* A struct row over raw bytes; false for a version that the table does not know. With a table that
 * is not the last one it begins anew: rows it gave before are void. */
bool row_views_get(struct row_views *views, const struct table *table, struct str key,
                   struct str bytes, struct row *out);
/* Appends the row as JSON object of the plan's columns. */
void encode_row(const struct live_plan *plan, const struct row *row, struct arena *arena,
                struct buf *out);
/* Appends changed columns, key and old _seq. */
void encode_old_changed(const struct live_plan *plan, const struct row *old_row,
                        const struct row *new_row, struct arena *arena, struct buf *out);
/* Appends the last matching row with the _seq of the deletion and whether it was deleted. */
struct encode_delete {
    int64_t seq;
    bool deleted;
    bool key_only; /* nothing but the key is known */
};
void encode_deleted(const struct live_plan *plan, const struct row *old_row,
                    const struct encode_delete *how, struct arena *arena, struct buf *out);

/* ---- transition.c
 * -------------------------------------------------------------------------------- */

/* Consecutive changes of one kind: a message but for the id. */
struct change_run {
    struct buf rows, old_values;
    enum wire_change_type kind;
    uint32_t count;
    int64_t seq; /* of the last change */
};
/* The framed message for a subscription. */
struct wire_message *change_run_message(const struct change_run *run,
                                        const struct subscription *subscription);

/* The change of one key between two versions as a subscription sees it, appended to a message under
 * construction. */
struct change_writer {
    const struct live_plan *plan;
    struct row_views *views;
    struct arena *arena;
    uint64_t *budget; /* budget.c; NULL = no limit but a row's */
    struct change_run run;
    int64_t former_seq; /* of the change before the last one */
    /* Called with each finished run; may take its buffers, and leaves others. */
    void (*emit)(struct change_writer *writer, void *context);
    void *context;
};
void change_writer_init(struct change_writer *writer, const struct live_plan *plan,
                        struct row_views *views, struct arena *arena);
void change_writer_clear(struct change_writer *writer);
/* Old or new bytes may be empty. `seq` is the change's. WOULD_BLOCK: the budget is used up, nothing
 * is added. */
enum status change_writer_add(struct change_writer *writer, struct str key, struct str old_bytes,
                              struct str new_bytes, int64_t seq, struct error *err) MUST_CHECK;
void change_writer_flush(struct change_writer *writer);

/* ---- snapshot_events.c
 * --------------------------------------------------------------------------- */

/* Streams and system tables: what is deleted is gone without a trace. */
bool snapshot_leaves_no_tombstones(const struct table *table);
/* Of such a table: adds a delete for every row that was deleted between two views. */
enum status snapshot_events_deleted(struct subscription *subscription, struct view *from,
                                    struct view *to, struct change_writer *writer,
                                    struct error *err) MUST_CHECK;

/* ---- matcher.c
 * ----------------------------------------------------------------------------------- */

void *matcher_main(void *live);

#endif
