/* snapshot.c — the hand-over from a snapshot to the stream (live/README.md), on workers.
 *
 * Order: compile → register (the matcher holds changes from its position m) → ephemeral streams:
 * wait until no statement is left that was decided without us → take a view with position p ≥ m →
 * read the rows of that view → acknowledge → batch 0, then one batch per next_batch → release what
 * was held above p. If the hold overflowed meanwhile: hold anew, take a second view p2, send the
 * net difference per key between the two views, and go on with p = p2; so each commit is in the
 * snapshot, in the difference or in the stream, exactly once (EXACTLY_ONCE).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "live/snapshot.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "store/stream.h"

enum { SNAPSHOT_QUEUES_MAX = 4 }; /* unread batches may be so many times live.queue_bytes */

void snapshot_free(struct snapshot *snapshot)
{
    if (!snapshot)
        return;
    snapshot_rows_clear(&snapshot->rows);
    snapshot_rows_clear(&snapshot->gone);
    if (snapshot->view)
        view_release(snapshot->view);
    live_plan_unref(snapshot->plan);
    mem_free(snapshot);
}

static void snapshot_fail(struct subscription *subscription, enum status status,
                          const struct error *err)
{
    if (status == STATUS_CANCELLED)
        subscription_close(subscription, NULL, NULL);
    else
        subscription_close(subscription, subscription_error_code(status), err->message);
}

static enum status snapshot_compile(struct subscription *subscription, struct live_plan **plan,
                                    struct error *err)
{
    CHECK(subscription->loading && subscription->peer);

    struct live *live = subscription->peer->live;
    const struct loading *loading = subscription->loading;
    const struct live_peer_options *peer = &subscription->peer->options;
    struct sql_caller caller = {
        .user = peer->user, .actor = peer->actor, .role = peer->role, .space = peer->space};
    struct view *view = view_acquire(live->options.store);
    enum status status;

    status = sql_live_compile(live->options.engine, &caller, view, loading->sql, loading->params,
                              loading->param_count, plan, err);
    view_release(view);
    if (status != STATUS_OK)
        return status;
    if ((*plan)->table->kind == TABLE_KIND_SHARED && !live->options.allow_shared) {
        live_plan_unref(*plan);
        return error_set(err, STATUS_NOT_SUPPORTED,
                         "Live query subscriptions not supported on shared tables");
    }
    return STATUS_OK;
}

/* Options written in the SUBSCRIBE text count where the message itself gives none. */
static void snapshot_text_options(struct loading *loading, const struct live_shape *shape)
{
    CHECK(loading->last_rows >= -1);
    if (loading->has_options)
        return;
    loading->has_options =
        shape->asks_for_rows || shape->last_rows >= 0 || shape->batch_size > 0 || shape->from >= 0;
    if (shape->last_rows >= 0)
        loading->last_rows = shape->last_rows;
    if (shape->batch_size > 0)
        loading->batch_size = shape->batch_size;
    if (shape->from >= 0)
        loading->from = shape->from;
    loading->has_from = shape->from >= 0;
}

/* Is the plan of the table as it is now? What its changes are found by is read off the plan. */
static bool snapshot_plan_is_newest(const struct live *live, const struct live_plan *plan)
{
    struct view *view = view_acquire(live->options.store);
    bool newest = catalog_find_table_id(view_catalog(view), plan->table->id) == plan->table;

    CHECK(plan->table != NULL);
    view_release(view);
    return newest;
}

/* live->mutex held. */
static enum status snapshot_check_register(const struct subscription *subscription,
                                           const struct live_plan *plan, struct error *err)
{
    const struct live *live = subscription->peer->live;

    CHECK(plan->table != NULL);
    if (!user_has_room(live, subscription->peer->user, user_plan_bytes(plan)))
        return error_set(err, STATUS_RATE_LIMIT_EXCEEDED,
                         "the live queries of this user, each counted for itself, take more than "
                         "live.filter_memory");
    if (schema_is_fenced(live, plan))
        return error_set(err, STATUS_WOULD_BLOCK, "the table is being altered or dropped");
    if (!snapshot_plan_is_newest(live, plan))
        return error_set(err, STATUS_STALE, "the table was altered while subscribing");
    return STATUS_OK;
}

/* From here on the matcher holds its changes. CANCELLED when it was closed meanwhile; STALE when
 * the table was altered since: compile anew; WOULD_BLOCK when an ALTER of its columns or a DROP is
 * under way; RATE_LIMIT_EXCEEDED when its user has compiled too much. The plan moves. */
static enum status snapshot_register(struct subscription *subscription, struct live_plan *plan,
                                     struct error *err)
{
    struct live *live = subscription->peer->live;
    bool open;

    pthread_mutex_lock(&live->mutex);
    enum status status = snapshot_check_register(subscription, plan, err);
    if (status != STATUS_OK) {
        pthread_mutex_unlock(&live->mutex);
        live_plan_unref(plan);
        return status;
    }
    pthread_mutex_lock(&subscription->mutex);
    CHECK(!subscription->plan);
    subscription_set_plan(subscription, plan);
    open = subscription->state == SUBSCRIPTION_COMPILING;
    if (open)
        subscription->state = SUBSCRIPTION_HOLDING;
    pthread_mutex_unlock(&subscription->mutex);
    if (open) {
        router_add(live, subscription);
        if (subscription->loading->has_options)
            loading_list(live, subscription->loading);
    }
    pthread_mutex_unlock(&live->mutex);
    return open ? STATUS_OK : error_set(err, STATUS_CANCELLED, "closed while subscribing");
}

static void snapshot_send_ack(struct subscription *subscription, const struct live_plan *plan,
                              uint64_t total_rows, int64_t position)
{
    const struct live_shape *shape = plan->shape;
    struct wire_column *columns = mem_calloc(shape->column_count, sizeof *columns);
    struct wire_server_message ack = {
        .type = WIRE_SUBSCRIPTION_ACK,
        .subscription_id = subscription->id,
        .with_query_id = subscription->uses_query_id,
        .total_rows = total_rows,
        .batch = {.has_more = subscription->loading->has_options,
                  .status =
                      subscription->loading->has_options ? WIRE_BATCH_LOADING : WIRE_BATCH_READY,
                  .has_last_seq =
                      !subscription->loading->has_options, /* a resume point is after ready */
                  .last_seq = position},
        .columns = columns,
        .column_count = shape->column_count,
    };

    CHECK(shape->column_count > 0);
    for (uint32_t i = 0; i < shape->column_count; i++) {
        const struct sql_column *from = &shape->column_specs[i];
        columns[i] = (struct wire_column){.name = from->name,
                                          .type = from->type,
                                          .primary_key = from->primary_key,
                                          .not_null = from->not_null,
                                          .unique = from->unique};
    }
    subscription_tell(subscription, &ack);
    mem_free(columns);
}

/* ---- the end of loading
 * --------------------------------------------------------------------------- */

struct snapshot_sender {
    struct subscription *subscription;
    bool keeps_up;
};

static void snapshot_emit(struct change_writer *writer, void *context)
{
    struct snapshot_sender *sender = context;
    struct subscription *subscription = sender->subscription;
    struct wire_message *message = change_run_message(&writer->run, subscription);

    CHECK(writer->run.count > 0);
    peer_make_form(subscription->peer, message);
    pthread_mutex_lock(&subscription->mutex);
    if (subscription->state != SUBSCRIPTION_CLOSED && sender->keeps_up)
        sender->keeps_up =
            subscription_send(subscription, message, writer->run.seq, writer->run.count);
    pthread_mutex_unlock(&subscription->mutex);
    wire_message_unref(message);
}

static enum status snapshot_difference_row(struct subscription *subscription, struct view *from,
                                           struct view *to, struct str key,
                                           struct change_writer *writer, struct error *err)
{
    const struct live_plan *plan = writer->plan;
    struct row before = {0}, after = {0};
    struct row_pin before_pin = {0}, after_pin = {0};
    struct store *store = subscription->peer->live->options.store;
    enum status status;

    CHECK(key.size > 0);
    status =
        snapshot_row_get(subscription, plan, from, key, writer->arena, &before, &before_pin, err);
    if (status != STATUS_OK && status != STATUS_ABSENT)
        goto out;
    status = snapshot_row_get(subscription, plan, to, key, writer->arena, &after, &after_pin, err);
    if (status != STATUS_OK)
        goto out;
    status = change_writer_add(writer, key, before.bytes, after.bytes, row_seq(after.bytes), err);
out:
    row_pin_release(store, &before_pin);
    row_pin_release(store, &after_pin);
    return status == STATUS_ABSENT ? STATUS_OK : status;
}

/* Binds the snapshot's plan to the state of the table at a view, if it has another one. */
static enum status snapshot_follow(struct subscription *subscription, struct snapshot *snapshot,
                                   const struct view *view, struct error *err)
{
    struct live_plan *plan = snapshot->plan;
    const struct table *table = catalog_find_table_id(view_catalog(view), plan->table->id);

    CHECK(plan->table != NULL);
    if (!table)
        return error_set(err, STATUS_TABLE_NOT_FOUND,
                         "table not found: it was dropped while subscribing");
    if (table == plan->table)
        return STATUS_OK;
    enum status status = schema_bind_anew(subscription, plan, table, &snapshot->plan, err);
    if (status == STATUS_OK)
        live_plan_unref(plan);
    return status;
}

/* What is gone without a trace. Who resumed from this very view would take the deletes, which are
 * told at its position, for known ones: he comes back. */
static enum status snapshot_tell_deleted(struct subscription *subscription,
                                         const struct snapshot *snapshot, struct view *now,
                                         struct change_writer *writer, struct error *err)
{
    const struct loading *loading = subscription->loading;

    CHECK(writer->plan == snapshot->plan);
    if (!snapshot_leaves_no_tombstones(snapshot->plan->table))
        return STATUS_OK;
    if (loading->has_from && loading->from >= view_position(snapshot->view))
        return error_set(err, STATUS_WOULD_BLOCK, "what was held did not fit");
    return snapshot_events_deleted(subscription, snapshot->view, now, writer, err);
}

/* Sends what changed between the snapshot's view and a new one, which takes its place. */
static enum status snapshot_catch_up(struct subscription *subscription, struct snapshot *snapshot,
                                     struct error *err)
{
    CHECK(snapshot->view != NULL && snapshot->plan);

    struct snapshot_sender sender = {.subscription = subscription, .keeps_up = true};
    struct view *now = view_acquire(subscription->peer->live->options.store);
    struct snapshot_rows changed;
    struct change_writer writer;
    struct row_views views;
    struct arena arena;
    enum status status = snapshot_follow(subscription, snapshot, now, err);

    live_row_arena_init(subscription->peer->live, &arena);
    snapshot_rows_init(&changed, subscription->loading, -1);
    row_views_init(&views);
    change_writer_init(&writer, snapshot->plan, &views, &arena);
    writer.emit = snapshot_emit;
    writer.context = &sender;
    if (status == STATUS_OK)
        status = snapshot_rows_changed(subscription, snapshot->plan, now,
                                       view_position(snapshot->view), &changed, err);
    if (status == STATUS_OK)
        status = snapshot_tell_deleted(subscription, snapshot, now, &writer, err);
    for (size_t i = 0; status == STATUS_OK && sender.keeps_up && i < changed.count; i++) {
        struct str key = snapshot_row_key(&changed, &changed.rows[i]);
        status = snapshot_difference_row(subscription, snapshot->view, now, key, &writer, err);
        live_row_arena_reset(&arena);
        if (status == STATUS_OK)
            status = live_check_task(subscription, err);
    }
    if (status == STATUS_OK)
        change_writer_flush(&writer);
    change_writer_clear(&writer);
    row_views_clear(&views);
    snapshot_rows_clear(&changed);
    arena_clear(&arena);
    view_release(snapshot->view);
    snapshot->view = now;
    if (status == STATUS_OK && !sender.keeps_up)
        status =
            error_set(err, STATUS_WOULD_BLOCK, "the connection does not take changes fast enough");
    return status;
}

/* Releases what was held; after an overflow catches up first, as often as needed. */
static void snapshot_finish(struct subscription *subscription, struct snapshot *snapshot)
{
    struct error error;
    enum status status = STATUS_OK;
    bool keeps_up = true, caught_up = false;
    struct loading *loading = subscription->loading;

    CHECK(loading && !snapshot->finished && snapshot->view);
    error_clear(&error);
    snapshot->finished = true;
    /* `ready` is sent: who falls behind from now on can resume after the snapshot, at least */
    atomic_store(&subscription->last_seq_sent, view_position(snapshot->view));
    while (status == STATUS_OK && !caught_up) {
        subscription_form_held(subscription, view_position(snapshot->view));
        pthread_mutex_lock(&subscription->mutex);
        caught_up = !loading->held_overflow || subscription->state == SUBSCRIPTION_CLOSED;
        if (caught_up && subscription->state == SUBSCRIPTION_HOLDING)
            keeps_up = subscription_go_live(subscription, view_position(snapshot->view));
        loading->held_overflow = false;
        pthread_mutex_unlock(&subscription->mutex);
        if (!caught_up)
            status = snapshot_catch_up(subscription, snapshot, &error);
    }
    if (!keeps_up || status == STATUS_WOULD_BLOCK) {
        (void)FAULT(live_before_slow_end);
        atomic_fetch_add(&subscription->peer->live->slow_consumers, 1);
        subscription_close(subscription, "SLOW_CONSUMER",
                           "the connection does not take changes fast enough");
    } else if (status != STATUS_OK) {
        snapshot_fail(subscription, status, &error);
    }
}

/* ---- the task
 * -------------------------------------------------------------------------------------- */

/* Compiles and registers; `out` gets a reference of its own. */
static enum status snapshot_begin(struct subscription *subscription, struct live_plan **out,
                                  struct error *err)
{
    struct live_plan *plan = NULL;
    enum status status;

    do {
        status = snapshot_compile(subscription, &plan, err);
        if (status != STATUS_OK)
            return status;
        snapshot_text_options(subscription->loading, plan->shape);
        (void)FAULT(live_before_register);
        *out = live_plan_ref(plan);
        status = snapshot_register(subscription, plan, err);
        if (status != STATUS_OK)
            live_plan_unref(*out);
    } while (status == STATUS_STALE);
    CHECK(status != STATUS_OK || *out == plan);
    return status;
}

/* The rows it begins with. CANCELLED when it cannot be resumed, which the client has been told. */
static enum status snapshot_fill(struct subscription *subscription, struct snapshot *snapshot,
                                 struct error *err)
{
    const struct live_plan *plan = snapshot->plan;
    struct loading *loading = subscription->loading;
    const char *problem = NULL;
    int64_t limit = loading->last_rows;
    bool ordered = live_plan_is_ordered(plan);
    enum status status;

    CHECK(snapshot->rows.count == 0 && snapshot->view);
    snapshot_rows_init(&snapshot->gone, loading, -1);
    if (loading->has_from) {
        snapshot_rows_init(&snapshot->rows, loading, -1);
        status = resume_problem(subscription, snapshot, &problem, err);
        if (status != STATUS_OK || !problem)
            return status == STATUS_OK ? resume_read(subscription, snapshot, err) : status;
        subscription_close(subscription, "RESUME_FAILED", problem);
        return error_set(err, STATUS_CANCELLED, "%s", problem);
    }
    if (!ordered && plan->snapshot_limit >= 0 && (limit < 0 || plan->snapshot_limit < limit))
        limit = plan->snapshot_limit;
    snapshot_rows_init(&snapshot->rows, loading, loading->has_options ? limit : 0);
    if (ordered)
        return snapshot_order_read(subscription, plan, snapshot->view, &snapshot->rows, err);
    return snapshot_rows_read(subscription, plan, snapshot->view, &snapshot->rows, err);
}

/* Leaves the snapshot ready for batch 0. */
static enum status snapshot_open(struct subscription *subscription, struct error *err)
{
    struct snapshot *snapshot = NULL;
    struct live_plan *plan = NULL;
    enum status status = live_check_task(subscription, err);

    CHECK(!subscription->loading->snapshot);
    if (status == STATUS_OK)
        status = snapshot_begin(subscription, &plan, err);
    if (status != STATUS_OK)
        return status;
    snapshot = mem_zalloc(sizeof *snapshot);
    snapshot->plan = plan;
    if (plan->table->kind == TABLE_KIND_STREAM && plan->table->ephemeral)
        status = stream_settle(subscription->peer->live->options.store, err);
    if (status != STATUS_OK) {
        snapshot_free(snapshot);
        return status;
    }
    snapshot->view = view_acquire(subscription->peer->live->options.store);
    status = snapshot_follow(subscription, snapshot, snapshot->view, err);
    if (status == STATUS_OK)
        status = snapshot_fill(subscription, snapshot, err);
    if (status != STATUS_OK) {
        snapshot_free(snapshot);
        return status;
    }
    snapshot_send_ack(subscription, snapshot->plan, snapshot->rows.count,
                      view_position(snapshot->view));
    pthread_mutex_lock(&subscription->mutex);
    subscription->loading->snapshot = snapshot;
    subscription->loading->batches_asked++;
    pthread_mutex_unlock(&subscription->mutex);
    return STATUS_OK;
}

/* Who asks for batches without reading them shall not fill our memory. */
static bool snapshot_is_read(const struct subscription *subscription)
{
    size_t messages, bytes;

    CHECK(subscription->peer->live->options.queue_bytes_max > 0);
    live_peer_queued(subscription->peer, &messages, &bytes);
    return bytes / SNAPSHOT_QUEUES_MAX <= subscription->peer->live->options.queue_bytes_max;
}

/* One batch is asked for; the last one ends loading. */
static void snapshot_step(struct subscription *subscription)
{
    struct snapshot *snapshot = subscription->loading->snapshot;
    struct error error;
    enum status status = STATUS_OK;

    CHECK(snapshot);
    pthread_mutex_lock(&subscription->mutex);
    subscription->loading->batches_asked--;
    pthread_mutex_unlock(&subscription->mutex);
    if (snapshot->finished)
        return;
    error_clear(&error);
    if (subscription->loading->has_options && !snapshot_is_read(subscription)) {
        atomic_fetch_add(&subscription->peer->live->slow_consumers, 1);
        subscription_close(subscription, "SLOW_CONSUMER",
                           "the connection does not take its batches fast enough");
        return;
    }
    if (subscription->loading->has_options)
        status = batch_send(subscription, snapshot, &error);
    if (status != STATUS_OK)
        snapshot_fail(subscription, status, &error);
    else if (batch_is_last(snapshot))
        snapshot_finish(subscription, snapshot);
}

/* Is there another batch to send? Otherwise the task ends; `over`: nothing is left to load, the
 * view goes, and all else. */
static bool snapshot_task_continues(struct subscription *subscription, struct loading *loading,
                                    bool *over)
{
    const struct snapshot *snapshot = loading->snapshot;

    pthread_mutex_lock(&subscription->mutex);
    CHECK(loading->task_running && subscription->loading == loading);
    bool closed = subscription->state == SUBSCRIPTION_CLOSED;
    bool continues = !closed && loading->batches_asked > 0;
    *over = !continues && (closed || (snapshot && snapshot->finished));
    loading->task_running = continues;
    if (*over)
        subscription->loading = NULL;
    else if (!continues)
        loading->waiting_since_ms = clock_monotonic_ms();
    pthread_mutex_unlock(&subscription->mutex);
    return continues;
}

void snapshot_task(struct task *task)
{
    struct loading *loading = CONTAINER_OF(task, struct loading, task);
    struct subscription *subscription = loading->subscription;
    struct live *live = subscription->peer->live;
    struct error error;
    bool served = false, over = false;

    CHECK(subscription != NULL);
    error_clear(&error);
    if (live->options.task_ms_max > 0)
        loading->deadline_ms = clock_monotonic_ms() + live->options.task_ms_max;
    if (!loading->opened) {
        enum status status = snapshot_open(subscription, &error);
        user_has_begun(live, subscription->peer->user);
        if (status == STATUS_WOULD_BLOCK && !subscription->plan && /* not registered yet */
            user_post_after_fences(live, loading))
            return; /* the reference moves */
        loading->opened = true;
        if (status != STATUS_OK)
            snapshot_fail(subscription, status, &error);
    }
    for (; snapshot_task_continues(subscription, loading, &over); served = true) {
        if (served && user_post_last(live, loading))
            return; /* the reference moves; one batch per task: it has its own time and turn */
        snapshot_step(subscription);
    }
    if (over)
        loading_free(loading);
    user_task_ended(live, subscription->peer->user);
    subscription_unref(subscription);
}
