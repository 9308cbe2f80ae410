/* subscription.c — one subscription: its life, what it may send, what it must hold.
 *
 * Exactly once: a change is either in the snapshot (its _seq ≤ the view's position) or delivered
 * after it. While the snapshot loads, changes are held; when more than the limit gathers they are
 * dropped and `held_overflow` makes snapshot.c send the net difference per key instead.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "live/live_internal.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum { SUBSCRIPTION_MAGIC = 0x5b5c21be };

static void subscription_copy_params(struct subscription *subscription,
                                     const struct wire_subscription *request)
{
    struct value *params =
        arena_array(&subscription->arena, request->param_count + 1, sizeof *params);

    CHECK(request->param_count == 0 || request->params);
    for (size_t i = 0; i < request->param_count; i++) {
        params[i] = request->params[i];
        if (!params[i].is_null && value_type_is_text(params[i].type))
            params[i].text = arena_copy(&subscription->arena, params[i].text);
    }
    subscription->params = params;
    subscription->param_count = request->param_count;
}

/* The options as system.live_queries shows them: JSON of what was received. */
static struct str subscription_options_text(struct subscription *subscription,
                                            const struct wire_subscription *request)
{
    struct buf text;
    struct str copy;

    CHECK(subscription && request);
    if (!request->has_options)
        return STR_EMPTY;
    buf_init(&text);
    buf_append_byte(&text, '{');
    if (request->has_last_rows)
        buf_printf(&text, "\"last_rows\":%lld", (long long)request->last_rows);
    if (request->has_batch_size)
        buf_printf(&text, "%s\"batch_size\":%lld", text.size > 1 ? "," : "",
                   (long long)request->batch_size);
    if (request->has_from)
        buf_printf(&text, "%s\"from\":%lld", text.size > 1 ? "," : "", (long long)request->from);
    buf_append_byte(&text, '}');
    copy = arena_copy(&subscription->arena, buf_str(&text));
    buf_clear(&text);
    return copy;
}

struct subscription *subscription_new(struct live_peer *peer,
                                      const struct wire_subscription *request)
{
    struct subscription *subscription = mem_zalloc(sizeof *subscription);

    CHECK(peer && request);
    subscription->magic = SUBSCRIPTION_MAGIC;
    atomic_init(&subscription->refs, 1);
    arena_init(&subscription->arena, 0);
    pthread_mutex_init(&subscription->mutex, NULL);
    subscription->peer = peer_ref(peer);
    subscription->live = peer->live;
    subscription->id = arena_copy(&subscription->arena, request->id);
    subscription->live_id =
        arena_printf(&subscription->arena, "%.*s-%.*s", STR_ARG(peer->options.connection_id),
                     STR_ARG(request->id));
    subscription->sql = arena_copy(&subscription->arena, request->sql);
    subscription->options_text = subscription_options_text(subscription, request);
    subscription->uses_query_id = request->uses_query_id;
    subscription->has_options = request->has_options;
    subscription->batch_size = request->has_batch_size ? request->batch_size : 1000;
    subscription->last_rows = request->has_last_rows ? request->last_rows : -1;
    subscription->has_from = request->has_from;
    subscription->from = request->from;
    subscription_copy_params(subscription, request);
    subscription->created_at = clock_now_us();
    subscription->held_tail = &subscription->held;
    atomic_init(&subscription->last_update, subscription->created_at);
    atomic_fetch_add(&peer->live->subscriptions, 1);
    return subscription;
}

struct subscription *subscription_ref(struct subscription *subscription)
{
    CHECK(subscription->magic == SUBSCRIPTION_MAGIC);
    atomic_fetch_add(&subscription->refs, 1);
    return subscription;
}

void subscription_unref(struct subscription *subscription)
{
    if (!subscription)
        return;
    CHECK(subscription->magic == SUBSCRIPTION_MAGIC);
    if (atomic_fetch_sub(&subscription->refs, 1) != 1)
        return;
    CHECK(!subscription->bucket && !subscription->loading_prev && !subscription->slots);
    mem_free(subscription->hits);
    subscription_drop_held(subscription);
    snapshot_free(subscription->snapshot);
    live_plan_unref(subscription->plan);
    atomic_fetch_sub(&subscription->live->subscriptions, 1);
    peer_unref(subscription->peer);
    pthread_mutex_destroy(&subscription->mutex);
    arena_clear(&subscription->arena);
    subscription->magic = 0;
    mem_free(subscription);
}

void subscription_drop_held(struct subscription *subscription)
{
    struct held_change *next;

    CHECK(!subscription->held == (subscription->held_count == 0));
    for (struct held_change *held = subscription->held; held; held = next) {
        next = held->next;
        wire_message_unref(held->message);
        mem_free(held);
    }
    subscription->held = NULL;
    subscription->held_tail = &subscription->held;
    subscription->held_bytes = subscription->held_count = 0;
}

const char *subscription_error_code(enum status status)
{
    CHECK(status != STATUS_OK);
    switch (status) {
    case STATUS_PERMISSION_DENIED:
    case STATUS_INSUFFICIENT_PERMISSIONS:
        return "UNAUTHORIZED";
    case STATUS_TABLE_NOT_FOUND:
    case STATUS_NAMESPACE_NOT_FOUND:
        return "NOT_FOUND";
    case STATUS_NOT_SUPPORTED:
    case STATUS_INVALID_OPERATION:
        return "UNSUPPORTED";
    case STATUS_RESULT_TOO_LARGE:
        return "MESSAGE_TOO_LARGE";
    case STATUS_INVALID_SQL:
    case STATUS_COLUMN_NOT_FOUND:
    case STATUS_TYPE_MISMATCH:
    case STATUS_INVALID_PARAMETER:
    case STATUS_EMPTY_SQL:
    case STATUS_PARAMS_WITH_BATCH:
    case STATUS_BATCH_PARSE_ERROR:
    case STATUS_CONSTRAINT_VIOLATION:
        return "INVALID_SQL";
    default:
        return "SUBSCRIPTION_FAILED";
    }
}

void subscription_send_error(struct subscription *subscription, const char *code,
                             const char *message)
{
    int64_t last = atomic_load(&subscription->last_seq_sent);
    struct wire_server_message error = {
        .type = WIRE_ERROR,
        .subscription_id = subscription->id,
        .with_query_id = subscription->uses_query_id,
        .code = str_from_c(code),
        .message = str_from_c(message),
        .has_last_seq = last > 0,
        .last_seq = last,
    };

    CHECK(code && message);
    peer_encode_and_send(subscription->peer, NULL, &error);
}

void subscription_tell(struct subscription *subscription, const struct wire_server_message *message)
{
    struct wire_message *framed;
    struct buf text;

    buf_init(&text);
    wire_server_message_encode(message, &text);
    CHECK(text.size > 0);
    framed = wire_message_new_text(buf_str(&text));
    buf_clear(&text);
    pthread_mutex_lock(&subscription->mutex);
    if (subscription->state != SUBSCRIPTION_CLOSED)
        peer_send(subscription->peer, NULL, framed);
    pthread_mutex_unlock(&subscription->mutex);
    wire_message_unref(framed);
}

void subscription_close(struct subscription *subscription, const char *code, const char *message)
{
    struct live *live = subscription->live;
    bool open;

    CHECK(subscription->magic == SUBSCRIPTION_MAGIC);
    CHECK(!code == !message);
    subscription_ref(subscription);
    atomic_store(&subscription->cancelled, true);
    pthread_mutex_lock(&subscription->mutex);
    open = subscription->state != SUBSCRIPTION_CLOSED;
    /* Before anybody can see it closed: its id may belong to another one right after. */
    if (open && code)
        subscription_send_error(subscription, code, message);
    subscription->state = SUBSCRIPTION_CLOSED;
    subscription_drop_held(subscription);
    if (!subscription->task_running) {
        snapshot_free(subscription->snapshot);
        subscription->snapshot = NULL;
    }
    pthread_mutex_unlock(&subscription->mutex);
    if (open)
        log_debug("live query %.*s ends%s%s", STR_ARG(subscription->live_id),
                  code != NULL ? ": " : "", code != NULL ? code : "");
    pthread_mutex_lock(&live->mutex);
    router_remove(live, subscription);
    router_loading_remove(subscription);
    pthread_mutex_unlock(&live->mutex);
    if (peer_forget(subscription->peer, subscription))
        subscription_unref(subscription);
    subscription_unref(subscription);
}

static void subscription_hold(struct subscription *subscription, struct wire_message *message,
                              int64_t seq, uint32_t rows)
{
    const struct live_options *options = &subscription->live->options;
    struct held_change *held;

    CHECK(!subscription->held == (subscription->held_count == 0));
    CHECK(subscription->held_tail && !*subscription->held_tail);
    if (subscription->held_overflow)
        return;
    if (subscription->held_bytes + wire_message_bytes(message) > options->queue_bytes_max ||
        subscription->held_count >= options->queue_events_max) {
        subscription->held_overflow = true;
        subscription_drop_held(subscription);
        return;
    }
    held = mem_alloc(sizeof *held);
    *held = (struct held_change){.seq = seq, .rows = rows, .message = wire_message_ref(message)};
    *subscription->held_tail = held;
    subscription->held_tail = &held->next;
    subscription->held_bytes += wire_message_bytes(message);
    subscription->held_count++;
}

bool subscription_send(struct subscription *subscription, struct wire_message *message, int64_t seq,
                       uint32_t rows)
{
    CHECK(subscription->state != SUBSCRIPTION_CLOSED);
    CHECK(message != NULL);
    if (!peer_has_room(subscription->peer, subscription, wire_message_bytes(message)))
        subscription->behind = true;
    if (subscription->behind) /* a later change, if there is room again, would hide the gap */
        return false;
    atomic_fetch_add(&subscription->changes, rows);
    atomic_store(&subscription->last_update, clock_now_us());
    atomic_store(&subscription->last_seq_sent, seq);
    atomic_fetch_add(&subscription->live->changes_delivered, rows);
    peer_send(subscription->peer, subscription, message);
    return true;
}

bool subscription_deliver(struct subscription *subscription, struct wire_message *message,
                          int64_t seq, uint32_t rows)
{
    CHECK(rows > 0);
    switch (subscription->state) {
    case SUBSCRIPTION_LIVE:
        /* A view is published before its group reaches the matcher, and ends at a group: what the
         * snapshot already showed may still come by here. */
        if (seq <= subscription->live_after)
            return true;
        return subscription_send(subscription, message, seq, rows);
    case SUBSCRIPTION_HOLDING:
        subscription_hold(subscription, message, seq, rows);
        return true;
    case SUBSCRIPTION_COMPILING:
    case SUBSCRIPTION_CLOSED:
        return true;
    }
    UNREACHABLE("state of a subscription");
}

bool subscription_go_live(struct subscription *subscription, int64_t position)
{
    CHECK(subscription->state == SUBSCRIPTION_HOLDING && !subscription->held_overflow);
    subscription->state = SUBSCRIPTION_LIVE;
    subscription->live_after = position;
    for (struct held_change *held = subscription->held; held; held = held->next) {
        if (held->seq > position &&
            !subscription_send(subscription, held->message, held->seq, held->rows)) {
            return false;
        }
    }
    subscription_drop_held(subscription);
    return true;
}
