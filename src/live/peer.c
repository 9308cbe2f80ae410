/* peer.c — one connection's subscriptions and its queue.
 *
 * The host (net/) owns the socket and the queue of framed messages; the peer counts what waits
 * there, so that a consumer that is too slow is noticed before memory grows: bytes per connection,
 * change messages per subscription. A FIFO remembers whose message is next to be written.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "live/live_internal.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"

enum { PEER_MAGIC = 0x9ee21127 };

struct live_peer *live_peer_new(struct live *live, const struct live_peer_options *options)
{
    struct live_peer *peer = mem_zalloc(sizeof *peer);

    CHECK(live && options && options->send);
    peer->magic = PEER_MAGIC;
    atomic_init(&peer->refs, 1);
    arena_init(&peer->arena, 0);
    pthread_mutex_init(&peer->mutex, NULL);
    map_init(&peer->subscriptions);
    peer->live = live;
    peer->options = *options;
    peer->options.connection_id = arena_copy(&peer->arena, options->connection_id);
    peer->options.user = arena_copy(&peer->arena, options->user);
    peer->options.actor = arena_copy(&peer->arena, options->actor);
    peer->options.space = arena_copy(&peer->arena, options->space);
    peer->user = user_open(live, peer->options.user);
    atomic_init(&peer->last_ping_at, clock_now_us());
    pthread_mutex_lock(&live->mutex);
    peer->next = live->peers;
    peer->prev = &live->peers;
    if (live->peers)
        live->peers->prev = &peer->next;
    live->peers = peer;
    pthread_mutex_unlock(&live->mutex);
    atomic_fetch_add(&live->peer_count, 1);
    return peer;
}

struct live_peer *peer_ref(struct live_peer *peer)
{
    CHECK(peer->magic == PEER_MAGIC);
    atomic_fetch_add(&peer->refs, 1);
    return peer;
}

void peer_unref(struct live_peer *peer)
{
    CHECK(peer->magic == PEER_MAGIC);
    if (atomic_fetch_sub(&peer->refs, 1) != 1)
        return;
    CHECK(peer->closed && peer->subscriptions.count == 0 && peer->fifo_count == 0);
    CHECK(atomic_load(&peer->held_bytes) == 0);
    user_close(peer->live, peer->user);
    map_clear(&peer->subscriptions);
    mem_free(peer->fifo);
    pthread_mutex_destroy(&peer->mutex);
    arena_clear(&peer->arena);
    atomic_fetch_sub(&peer->live->peer_count, 1);
    peer->magic = 0;
    mem_free(peer);
}

/* ---- the queue
 * ----------------------------------------------------------------------------------- */

bool peer_has_room(struct live_peer *peer, struct subscription *subscription, size_t bytes)
{
    const struct live_options *options = &peer->live->options;

    CHECK(subscription);
    return atomic_load(&peer->queued_bytes) + bytes <= options->queue_bytes_max &&
           atomic_load(&subscription->queued) < options->queue_events_max;
}

static void peer_fifo_push(struct live_peer *peer, struct subscription *subscription)
{
    CHECK(peer->fifo_count <= peer->fifo_capacity);
    CHECK(peer->fifo_capacity == 0 || peer->fifo_head < peer->fifo_capacity);
    if (peer->fifo_count == peer->fifo_capacity) {
        size_t capacity = peer->fifo_capacity ? peer->fifo_capacity * 2 : 8;
        struct subscription **grown = mem_calloc(capacity, sizeof *grown);
        for (size_t i = 0; i < peer->fifo_count; i++)
            grown[i] = peer->fifo[(peer->fifo_head + i) % peer->fifo_capacity];
        mem_free(peer->fifo);
        peer->fifo = grown;
        peer->fifo_capacity = capacity;
        peer->fifo_head = 0;
    }
    peer->fifo[(peer->fifo_head + peer->fifo_count++) % peer->fifo_capacity] = subscription;
}

static struct subscription *peer_fifo_pop(struct live_peer *peer)
{
    struct subscription *subscription = peer->fifo[peer->fifo_head];

    CHECK(peer->fifo_count > 0);
    peer->fifo_head = (peer->fifo_head + 1) % peer->fifo_capacity;
    peer->fifo_count--;
    return subscription;
}

void peer_make_form(struct live_peer *peer, struct wire_message *message)
{
    CHECK(peer->magic == PEER_MAGIC && message);
    wire_message_unref(wire_message_form(message, peer->options.protocol)); /* it keeps it */
}

/* Mutex held. `form` is that of the connection. */
static void peer_put(struct live_peer *peer, struct subscription *subscription,
                     struct wire_message *form)
{
    CHECK(form);
    if (peer->closed)
        return;
    if (subscription) {
        subscription_ref(subscription);
        atomic_fetch_add(&subscription->queued, 1);
    }
    peer_fifo_push(peer, subscription);
    atomic_fetch_add(&peer->queued_messages, 1);
    atomic_fetch_add(&peer->queued_bytes, wire_message_frame(form).size);
    peer->options.send(peer->options.context, wire_message_ref(form));
}

void peer_send(struct live_peer *peer, struct subscription *subscription,
               struct wire_message *message)
{
    CHECK(message);
    struct wire_message *form = wire_message_form(message, peer->options.protocol);
    pthread_mutex_lock(&peer->mutex);
    peer_put(peer, subscription, form);
    pthread_mutex_unlock(&peer->mutex);
    wire_message_unref(form);
}

void peer_encode_and_send(struct live_peer *peer, struct subscription *subscription,
                          const struct wire_server_message *message)
{
    struct wire_message *framed = wire_server_message_new(message);

    CHECK(framed != NULL);
    peer_send(peer, subscription, framed);
    wire_message_unref(framed);
}

void live_peer_written(struct live_peer *peer, size_t messages, size_t bytes)
{
    CHECK(peer->magic == PEER_MAGIC);
    atomic_fetch_sub(&peer->queued_bytes, bytes);
    atomic_fetch_sub(&peer->queued_messages, messages);
    for (size_t i = 0; i < messages; i++) {
        struct subscription *subscription = NULL;
        pthread_mutex_lock(&peer->mutex);
        if (peer->fifo_count > 0)
            subscription = peer_fifo_pop(peer);
        pthread_mutex_unlock(&peer->mutex);
        if (subscription) {
            atomic_fetch_sub(&subscription->queued, 1);
            subscription_unref(subscription);
        }
    }
}

void live_peer_queued(const struct live_peer *peer, size_t *messages, size_t *bytes)
{
    CHECK(messages && bytes);
    *messages = atomic_load(&peer->queued_messages);
    *bytes = atomic_load(&peer->queued_bytes);
}

void live_peer_touched(struct live_peer *peer)
{
    CHECK(peer->magic == PEER_MAGIC);
    atomic_store(&peer->last_ping_at, clock_now_us());
}

/* ---- subscriptions by id
 * ------------------------------------------------------------------------- */

static void peer_reject(struct live_peer *peer, const struct wire_subscription *request,
                        const char *code, struct str text)
{
    struct wire_server_message error = {
        .type = WIRE_ERROR,
        .subscription_id =
            str_is_empty(request->id) ? STR_LIT("invalid_subscription") : request->id,
        .with_query_id = request->uses_query_id,
        .code = str_from_c(code),
        .message = text,
    };

    CHECK(code);
    peer_encode_and_send(peer, NULL, &error);
}

/* What can be judged without compiling; true when the request goes on. */
static bool peer_check_request(struct live_peer *peer, const struct wire_subscription *request)
{
    CHECK(request);
    if (str_is_empty(request->id) || utf8_length(request->id) > LIMIT_SUBSCRIPTION_ID_CHARACTERS) {
        struct wire_subscription anonymous = {.uses_query_id = request->uses_query_id};
        peer_reject(peer, &anonymous, "INVALID_SUBSCRIPTION_ID",
                    STR_LIT("a subscription id has 1 to 128 characters"));
        return false;
    }
    if (request->problem != STATUS_OK) {
        peer_reject(peer, request, subscription_error_code(request->problem),
                    request->problem_message);
        return false;
    }
    return true;
}

static struct subscription *peer_find(struct live_peer *peer, struct str id)
{
    struct subscription *found;

    CHECK(peer->magic == PEER_MAGIC);
    pthread_mutex_lock(&peer->mutex);
    found = map_get(&peer->subscriptions, id);
    if (found)
        subscription_ref(found);
    pthread_mutex_unlock(&peer->mutex);
    return found;
}

bool peer_forget(struct live_peer *peer, struct subscription *subscription,
                 struct wire_message *why)
{
    struct wire_message *form = why ? wire_message_form(why, peer->options.protocol) : NULL;
    bool known;

    CHECK(peer->magic == PEER_MAGIC);
    CHECK(subscription->peer == peer);
    pthread_mutex_lock(&peer->mutex);
    known = map_get(&peer->subscriptions, subscription->id) == subscription;
    if (known) {
        map_remove(&peer->subscriptions, subscription->id);
        user_give_place(peer->user);
    }
    if (form)
        peer_put(peer, NULL, form);
    pthread_mutex_unlock(&peer->mutex);
    wire_message_unref(form);
    return known;
}

void live_peer_subscribe(struct live_peer *peer, const struct wire_subscription *request)
{
    struct live *live = peer->live;
    struct subscription *subscription, *former;

    CHECK(peer->magic == PEER_MAGIC && !peer->closed);
    if (!peer_check_request(peer, request))
        return;
    former = peer_find(peer, request->id);
    if (former) { /* v1: using an id again replaces its subscription */
        subscription_close(former, NULL, NULL);
        subscription_unref(former);
    }
    pthread_mutex_lock(&peer->mutex);
    size_t known = peer->subscriptions.count;
    pthread_mutex_unlock(&peer->mutex);
    if (known >= live->options.subscriptions_per_connection_max ||
        !user_take_place(live, peer->user)) {
        peer_reject(peer, request, "SUBSCRIPTION_LIMIT_EXCEEDED",
                    STR_LIT("too many subscriptions on this connection or of this user"));
        return;
    }
    subscription = subscription_new(peer, request);
    struct loading *loading = subscription->loading;
    loading->task_running = true;
    loading->task.run = snapshot_task;
    pthread_mutex_lock(&peer->mutex);
    map_put(&peer->subscriptions, subscription->id, subscription_ref(subscription));
    pthread_mutex_unlock(&peer->mutex);
    log_debug("live query %.*s-%.*s of %.*s begins", STR_ARG(peer->options.connection_id),
              STR_ARG(subscription->id), STR_ARG(peer->options.user));
    subscription_post(subscription, loading); /* the first reference moves */
}

static void peer_unknown(struct live_peer *peer, struct str id)
{
    struct wire_server_message error = {
        .type = WIRE_ERROR,
        .subscription_id = id,
        .code = STR_LIT("INVALID_SUBSCRIPTION_ID"),
        .message = STR_LIT("no subscription of this id"),
    };

    CHECK(peer);
    peer_encode_and_send(peer, NULL, &error);
}

void live_peer_next_batch(struct live_peer *peer, struct str id)
{
    struct subscription *subscription = peer_find(peer, id);
    struct loading *loading = NULL;

    CHECK(!subscription || subscription->peer == peer);
    if (!subscription) {
        peer_unknown(peer, id);
        return;
    }
    pthread_mutex_lock(&subscription->mutex);
    if (subscription->state == SUBSCRIPTION_HOLDING ||
        subscription->state == SUBSCRIPTION_COMPILING) {
        CHECK(subscription->loading);
        subscription->loading->batches_asked++;
        subscription->loading->waiting_since_ms = 0;
        if (!subscription->loading->task_running)
            loading = subscription->loading;
        subscription->loading->task_running = true;
    }
    pthread_mutex_unlock(&subscription->mutex);
    if (loading)
        subscription_post(subscription, loading); /* the reference moves */
    else
        subscription_unref(subscription);
}

void live_peer_unsubscribe(struct live_peer *peer, struct str id)
{
    struct subscription *subscription = peer_find(peer, id);

    CHECK(!subscription || subscription->peer == peer);
    if (!subscription) {
        peer_unknown(peer, id);
        return;
    }
    subscription_close(subscription, NULL, NULL);
    struct wire_server_message answer = {
        .type = WIRE_UNSUBSCRIBED,
        .subscription_id = subscription->id,
        .with_query_id = subscription->uses_query_id,
    };
    peer_encode_and_send(peer, NULL, &answer);
    subscription_unref(subscription);
}

/* Mutex held; let go of meanwhile. */
static void peer_close_all(struct live_peer *peer, const char *code, const char *message)
{
    size_t cursor = 0;
    void *value;

    CHECK(!code == !message);
    while (map_next(&peer->subscriptions, &cursor, NULL, &value)) {
        struct subscription *subscription = subscription_ref(value);
        pthread_mutex_unlock(&peer->mutex);
        subscription_close(subscription, code, message);
        subscription_unref(subscription);
        pthread_mutex_lock(&peer->mutex);
    }
}

void live_peer_end(struct live_peer *peer, const char *code, const char *message)
{
    CHECK(peer->magic == PEER_MAGIC && code != NULL);
    pthread_mutex_lock(&peer->mutex);
    peer_close_all(peer, code, message);
    pthread_mutex_unlock(&peer->mutex);
}

void live_peer_close(struct live_peer *peer)
{
    struct live *live = peer->live;

    CHECK(peer->magic == PEER_MAGIC && !peer->closed);
    pthread_mutex_lock(&live->mutex);
    *peer->prev = peer->next;
    if (peer->next)
        peer->next->prev = peer->prev;
    pthread_mutex_unlock(&live->mutex);
    pthread_mutex_lock(&peer->mutex);
    peer->closed = true; /* from here on nothing is sent */
    peer_close_all(peer, NULL, NULL);
    while (peer->fifo_count > 0) {
        struct subscription *waiting = peer_fifo_pop(peer);
        pthread_mutex_unlock(&peer->mutex);
        subscription_unref(waiting);
        pthread_mutex_lock(&peer->mutex);
    }
    pthread_mutex_unlock(&peer->mutex);
    peer_unref(peer);
}
