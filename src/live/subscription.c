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
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"

enum { SUBSCRIPTION_MAGIC = 0x5b5c21be };

/* ---- birth --------------------------------------------------------------------------------------
 */

/* The options as system.live_queries shows them: JSON of what was received. */
static void subscription_write_options(const struct wire_subscription *request, struct buf *out)
{
    CHECK(request && out);
    if (!request->has_options)
        return;
    buf_append_byte(out, '{');
    if (request->has_last_rows)
        buf_printf(out, "\"last_rows\":%lld", (long long)request->last_rows);
    if (request->has_batch_size)
        buf_printf(out, "%s\"batch_size\":%lld", out->size > 1 ? "," : "",
                   (long long)request->batch_size);
    if (request->has_from)
        buf_printf(out, "%s\"from\":%lld", out->size > 1 ? "," : "", (long long)request->from);
    buf_append_byte(out, '}');
}

static bool loading_has_text(const struct value *param)
{
    return !param->is_null && value_type_is_text(param->type);
}

/* One block with the text and the parameters. */
static struct loading *loading_new(struct subscription *subscription,
                                   const struct wire_subscription *request)
{
    size_t params = request->param_count * sizeof(struct value), size = request->sql.size;

    CHECK(request->param_count == 0 || request->params);
    for (size_t i = 0; i < request->param_count; i++)
        size += loading_has_text(&request->params[i]) ? request->params[i].text.size : 0;
    char *block = mem_zalloc(params + sizeof(struct loading) + size);
    struct loading *loading = (struct loading *)(void *)(block + params);
    char *text = (char *)(loading + 1);
    loading->params = (struct value *)(void *)block; /* first: it has the largest alignment */
    loading->param_count = request->param_count;
    loading->sql = str_from(text, request->sql.size);
    if (request->sql.size > 0)
        memcpy(text, request->sql.data, request->sql.size);
    text += request->sql.size;
    for (size_t i = 0; i < request->param_count; i++) {
        struct value *param = &loading->params[i];
        *param = request->params[i];
        if (!loading_has_text(param))
            continue;
        if (param->text.size > 0)
            memcpy(text, param->text.data, param->text.size);
        param->text.data = text;
        text += param->text.size;
    }
    loading->subscription = subscription;
    loading->has_options = request->has_options;
    loading->batch_size = request->has_batch_size ? request->batch_size : 1000;
    loading->last_rows = request->has_last_rows ? request->last_rows : -1;
    loading->has_from = request->has_from;
    loading->from = request->from;
    loading->held_tail = &loading->held;
    loading->begun_ms = clock_monotonic_ms();
    return loading;
}

static void loading_drop_held(struct loading *loading)
{
    struct live_peer *peer = loading->subscription->peer;
    struct held_change *next;

    CHECK(!loading->held == (loading->held_count == 0));
    for (struct held_change *held = loading->held; held; held = next) {
        next = held->next;
        wire_message_unref(held->message);
        mem_free(held);
    }
    loading->held = NULL;
    loading->held_tail = &loading->held;
    CHECK(atomic_load(&peer->held_bytes) >= loading->held_bytes);
    atomic_fetch_sub(&peer->held_bytes, loading->held_bytes);
    loading->held_bytes = loading->held_count = 0;
}

void loading_list(struct live *live, struct loading *loading)
{
    CHECK(!loading->prev);
    loading->next = live->loading;
    loading->prev = &live->loading;
    if (live->loading)
        live->loading->prev = &loading->next;
    live->loading = loading;
}

void loading_free(struct loading *loading)
{
    if (!loading)
        return;
    struct live *live = loading->subscription->peer->live;
    struct live_user *user = loading->subscription->peer->user;
    CHECK(!loading->task_running); /* nobody else knows of it but the list */
    pthread_mutex_lock(&live->mutex);
    if (loading->prev) {
        CHECK(*loading->prev == loading);
        *loading->prev = loading->next;
        if (loading->next)
            loading->next->prev = loading->prev;
    }
    pthread_mutex_unlock(&live->mutex);
    loading_drop_held(loading);
    if (loading->snapshot) {
        snapshot_free(loading->snapshot);
        user_snapshot_gone(live, user);
    }
    mem_free(loading->params); /* where the block begins */
}

struct subscription *subscription_new(struct live_peer *peer,
                                      const struct wire_subscription *request)
{
    struct subscription *subscription;
    struct buf options;

    CHECK(peer && request);
    buf_init(&options);
    subscription_write_options(request, &options);
    subscription = mem_zalloc(sizeof *subscription + request->id.size + options.size);
    char *text = (char *)(subscription + 1);
    memcpy(text, request->id.data, request->id.size);
    if (options.size > 0)
        memcpy(text + request->id.size, options.data, options.size);
    subscription->magic = SUBSCRIPTION_MAGIC;
    atomic_init(&subscription->refs, 1);
    pthread_mutex_init(&subscription->mutex, NULL);
    subscription->peer = peer_ref(peer);
    subscription->id = str_from(text, request->id.size);
    subscription->options_size = (uint32_t)options.size;
    subscription->uses_query_id = request->uses_query_id;
    subscription->created_at = clock_now_us();
    subscription->loading = loading_new(subscription, request);
    atomic_init(&subscription->last_update, subscription->created_at);
    atomic_fetch_add(&peer->live->subscriptions, 1);
    buf_clear(&options);
    return subscription;
}

struct str subscription_options(const struct subscription *subscription)
{
    CHECK(subscription->magic == SUBSCRIPTION_MAGIC);
    return str_from(subscription->id.data + subscription->id.size, subscription->options_size);
}

/* connection_id-id */
bool subscription_has_live_id(const struct subscription *subscription, struct str live_id)
{
    struct str connection = subscription->peer->options.connection_id, id = subscription->id;

    CHECK(subscription->magic == SUBSCRIPTION_MAGIC);
    return live_id.size == connection.size + 1 + id.size && live_id.data[connection.size] == '-' &&
           str_equal(str_from(live_id.data, connection.size), connection) &&
           str_equal(str_from(live_id.data + connection.size + 1, id.size), id);
}

bool subscription_is_alike(const struct subscription *a, const struct subscription *b)
{
    CHECK(a->magic == SUBSCRIPTION_MAGIC && b->magic == SUBSCRIPTION_MAGIC);
    return a == b || (a->uses_query_id == b->uses_query_id && str_equal(a->id, b->id));
}

void subscription_set_plan(struct subscription *subscription, struct live_plan *plan)
{
    CHECK(plan != NULL && subscription->magic == SUBSCRIPTION_MAGIC);
    size_t bytes = user_plan_bytes(plan), former = subscription->plan_bytes;
    atomic_fetch_add(&subscription->peer->user->plan_bytes, bytes - former); /* wraps when less */
    subscription->plan_bytes = bytes;
    subscription->plan = plan;
    subscription->plan_hash = live_plan_hash(plan);
    subscription->fingerprint = hash_mix(subscription->plan_hash, hash_bytes(subscription->id)) +
                                subscription->uses_query_id;
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
    CHECK(!subscription->bucket && !subscription->slots && !subscription->loading);
    live_plan_unref(subscription->plan);
    atomic_fetch_sub(&subscription->peer->user->plan_bytes, subscription->plan_bytes);
    atomic_fetch_sub(&subscription->peer->live->subscriptions, 1);
    peer_unref(subscription->peer);
    pthread_mutex_destroy(&subscription->mutex);
    subscription->magic = 0;
    mem_free(subscription);
}

/* ---- messages -----------------------------------------------------------------------------------
 */

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
    case STATUS_RATE_LIMIT_EXCEEDED:
        return "SUBSCRIPTION_LIMIT_EXCEEDED";
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

/* NULL without a code. */
static struct wire_message *subscription_error(const struct subscription *subscription,
                                               const char *code, const char *message)
{
    CHECK(!code == !message);
    if (!code)
        return NULL;
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

    return wire_server_message_new(&error);
}

void subscription_tell(struct subscription *subscription, const struct wire_server_message *message)
{
    struct wire_message *framed = wire_server_message_new(message);

    CHECK(framed != NULL);
    peer_make_form(subscription->peer, framed);
    pthread_mutex_lock(&subscription->mutex);
    if (subscription->state != SUBSCRIPTION_CLOSED)
        peer_send(subscription->peer, NULL, framed);
    pthread_mutex_unlock(&subscription->mutex);
    wire_message_unref(framed);
}

/* ---- end ----------------------------------------------------------------------------------------
 */

/* live->mutex held, closed: what it needed to load, if its task has not begun. */
static struct loading *subscription_take_back(struct subscription *subscription)
{
    struct loading *taken = NULL;

    pthread_mutex_lock(&subscription->mutex);
    CHECK(subscription->state == SUBSCRIPTION_CLOSED);
    if (subscription->loading && user_take_back(subscription->loading)) {
        taken = subscription->loading;
        taken->task_running = false;
        subscription->loading = NULL;
    }
    pthread_mutex_unlock(&subscription->mutex);
    return taken;
}

void subscription_close(struct subscription *subscription, const char *code, const char *message)
{
    struct live *live = subscription->peer->live;
    struct wire_message *why = NULL;
    struct loading *loading;
    bool was_known = false;

    CHECK(subscription->magic == SUBSCRIPTION_MAGIC);
    subscription_ref(subscription);
    atomic_store(&subscription->cancelled, true);
    pthread_mutex_lock(&subscription->mutex);
    bool was_open = subscription->state != SUBSCRIPTION_CLOSED;
    /* Before anybody can see it closed its place is free, and its id, which may belong to another
     * one right after. */
    if (was_open) {
        why = subscription_error(subscription, code, message);
        was_known = peer_forget(subscription->peer, subscription, why);
    }
    subscription->state = SUBSCRIPTION_CLOSED;
    loading = subscription->loading;
    if (loading)
        loading_drop_held(loading);
    if (loading && loading->task_running)
        loading = NULL; /* its task sees that it is closed, and frees it, or is taken back */
    else
        subscription->loading = NULL;
    pthread_mutex_unlock(&subscription->mutex);
    if (was_open)
        log_debug("live query %.*s-%.*s ends%s%s",
                  STR_ARG(subscription->peer->options.connection_id), STR_ARG(subscription->id),
                  code != NULL ? ": " : "", code != NULL ? code : "");
    pthread_mutex_lock(&live->mutex);
    router_remove(live, subscription);
    struct loading *taken_back = subscription_take_back(subscription);
    pthread_mutex_unlock(&live->mutex);
    if (taken_back)
        subscription_unref(subscription); /* the task's reference */
    loading_free(taken_back ? taken_back : loading);
    wire_message_unref(why);
    if (was_known)
        subscription_unref(subscription); /* the id map's */
    subscription_unref(subscription);
}

void subscription_post(struct subscription *subscription, struct loading *loading)
{
    CHECK(loading->subscription == subscription);
    if (user_post(subscription->peer->live, loading))
        return;
    pthread_mutex_lock(&subscription->mutex);
    loading->task_running = false;
    subscription->loading = NULL;
    pthread_mutex_unlock(&subscription->mutex);
    loading_free(loading);
    subscription_unref(subscription);
}

/* ---- changes ------------------------------------------------------------------------------------
 */

bool subscription_skip(struct subscription *subscription)
{
    struct loading *loading = subscription->loading;

    if (subscription->state != SUBSCRIPTION_HOLDING)
        return false;
    CHECK(loading != NULL);
    loading->held_overflow = true;
    loading_drop_held(loading);
    return true;
}

static void subscription_hold(struct subscription *subscription, struct wire_message *message,
                              int64_t seq, uint32_t rows)
{
    struct live_peer *peer = subscription->peer;
    const struct live_options *options = &peer->live->options;
    struct loading *loading = subscription->loading;
    size_t bytes = wire_message_bytes(message);
    struct held_change *held;

    CHECK(loading && !loading->held == (loading->held_count == 0));
    CHECK(loading->held_tail && !*loading->held_tail);
    if (loading->held_overflow)
        return;
    if (atomic_load(&peer->held_bytes) + bytes > options->queue_bytes_max ||
        loading->held_count >= options->queue_events_max) {
        (void)subscription_skip(subscription);
        return;
    }
    held = mem_alloc(sizeof *held);
    *held = (struct held_change){.seq = seq, .rows = rows, .message = wire_message_ref(message)};
    *loading->held_tail = held;
    loading->held_tail = &held->next;
    loading->held_bytes += bytes;
    atomic_fetch_add(&peer->held_bytes, bytes);
    loading->held_count++;
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
    atomic_fetch_add(&subscription->peer->live->changes_delivered, rows);
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

void subscription_form_held(struct subscription *subscription, int64_t position)
{
    size_t count = 0;

    pthread_mutex_lock(&subscription->mutex);
    const struct loading *loading = subscription->loading;
    struct wire_message **messages = mem_calloc(loading->held_count + 1, sizeof *messages);
    for (const struct held_change *held = loading->held; held; held = held->next)
        if (held->seq > position)
            messages[count++] = wire_message_ref(held->message);
    CHECK(count <= loading->held_count);
    pthread_mutex_unlock(&subscription->mutex);
    for (size_t i = 0; i < count; i++) {
        peer_make_form(subscription->peer, messages[i]);
        wire_message_unref(messages[i]);
    }
    mem_free(messages);
}

bool subscription_go_live(struct subscription *subscription, int64_t position)
{
    struct loading *loading = subscription->loading;

    CHECK(subscription->state == SUBSCRIPTION_HOLDING && loading && !loading->held_overflow);
    subscription->state = SUBSCRIPTION_LIVE;
    subscription->live_after = position;
    for (struct held_change *held = loading->held; held; held = held->next) {
        if (held->seq > position &&
            !subscription_send(subscription, held->message, held->seq, held->rows)) {
            return false;
        }
    }
    loading_drop_held(loading);
    return true;
}
