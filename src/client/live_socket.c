/* live_socket.c — see live_socket.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "client/live_socket.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/thread.h"

#include <stdio.h>
#include <time.h>

enum { POLL_MS = 1000, PING_MS = 5000, BACKOFF_MAX_MS = 30000, READER_STACK = 1 << 20 };

struct live_socket {
    kalam_client *client;
    pthread_t thread;
    atomic_bool stopping;
    pthread_mutex_t mutex; /* below */
    pthread_cond_t changed;
    struct websocket *websocket; /* NULL while disconnected */
    struct kalam_subscription *subscriptions;
    bool authenticated, refused; /* while connecting */
    char refusal[512];
};

/* ---- talking
 * ----------------------------------------------------------------------------------------- */

static void live_socket_send(struct live_socket *socket, const struct wire_client_message *message)
{
    struct buf text;

    buf_init(&text);
    wire_client_message_encode(message, &text);
    CHECK(text.size > 0);
    if (socket->websocket)
        (void)websocket_send(socket->websocket,
                             buf_str(&text)); /* a lost connection subscribes anew */
    buf_clear(&text);
}

static void live_socket_send_subscribe(struct live_socket *socket,
                                       struct kalam_subscription *subscription)
{
    struct wire_client_message message = {
        .type = WIRE_SUBSCRIBE, .subscriptions = &subscription->request, .subscription_count = 1};

    CHECK(socket);
    live_socket_send(socket, &message);
}

static void live_socket_send_id(struct live_socket *socket, enum wire_type type, const char *id)
{
    struct str text = str_from_c(id);
    struct wire_client_message message = {.type = type, .ids = &text, .id_count = 1};

    CHECK(socket);
    live_socket_send(socket, &message);
}

/* socket->mutex held. */
static struct kalam_subscription *live_socket_find(struct live_socket *socket, struct str id)
{
    CHECK(socket);
    for (struct kalam_subscription *at = socket->subscriptions; at; at = at->next) {
        if (str_equal(str_from_c(at->id), id))
            return at;
    }
    return NULL;
}

/* Not under socket->mutex: it may wait for room in the subscription's queue, and others must be
 * able to subscribe and to close meanwhile. `busy` keeps the subscription. */
static void live_socket_route(struct live_socket *socket, struct event_item *item,
                              const struct wire_server_message *message)
{
    struct kalam_subscription *subscription;
    bool more;

    pthread_mutex_lock(&socket->mutex);
    subscription = live_socket_find(socket, message->subscription_id);
    if (subscription)
        subscription->busy++;
    pthread_mutex_unlock(&socket->mutex);
    if (!subscription) {
        event_item_free(item);
        return;
    }
    item->subscription = subscription;
    more = subscription_take(subscription, item, message);
    pthread_mutex_lock(&socket->mutex);
    if (more)
        live_socket_send_id(socket, WIRE_NEXT_BATCH, subscription->id);
    CHECK(subscription->busy > 0);
    subscription->busy--;
    pthread_cond_broadcast(&socket->changed);
    pthread_mutex_unlock(&socket->mutex);
}

static void live_socket_message(void *context, struct str text)
{
    struct live_socket *socket = context;
    struct event_item *item = event_item_new(NULL, KALAM_EVENT_ROWS);
    struct wire_server_message message;
    struct error error;

    CHECK(context);
    if (wire_server_message_decode(text, &item->arena, &message, &error) != STATUS_OK) {
        event_item_free(item); /* an unknown message of a newer server */
    } else if (message.type == WIRE_AUTH_SUCCESS) {
        socket->authenticated = true;
        event_item_free(item);
    } else if (message.type == WIRE_AUTH_ERROR) {
        socket->refused = true;
        snprintf(socket->refusal, sizeof socket->refusal, "%.*s", STR_ARG(message.message));
        event_item_free(item);
    } else {
        live_socket_route(socket, item, &message);
    }
}

/* ---- connecting
 * ---------------------------------------------------------------------------------------- */

/* Opens the WebSocket and waits for auth_success. Not under socket->mutex. */
static kalam_status live_socket_connect(struct live_socket *socket, kalam_error *error)
{
    kalam_client *client = socket->client;
    struct websocket *websocket = NULL;
    struct buf headers;
    kalam_status status;

    CHECK(socket);
    buf_init(&headers);
    pthread_mutex_lock(&client->mutex);
    atomic_store(&client->cancelled, false); /* a former call's */
    status = client_auth_headers(client, &headers, error);
    pthread_mutex_unlock(&client->mutex);
    buf_append_byte(&headers, 0);
    struct websocket_options options = {.url = client->url,
                                        .headers = headers.data,
                                        .timeout_ms = client->timeout_ms,
                                        .cancelled = &socket->stopping};
    if (status == KALAM_OK)
        status = websocket_open(&options, &websocket, error);
    buf_clear(&headers);
    if (status != KALAM_OK)
        return status;
    socket->authenticated = socket->refused = false;
    int64_t end = clock_monotonic_ms() + client->timeout_ms;
    while (status == KALAM_OK && !socket->authenticated && !socket->refused &&
           clock_monotonic_ms() < end && !atomic_load(&socket->stopping))
        status = websocket_poll(websocket, POLL_MS, live_socket_message, socket);
    if (!socket->authenticated) {
        websocket_close(websocket);
        return client_fail(error, socket->refused ? KALAM_AUTHENTICATION : KALAM_WEBSOCKET, "%s",
                           socket->refused ? socket->refusal
                                           : "the server did not accept the WebSocket");
    }
    pthread_mutex_lock(&socket->mutex);
    socket->websocket = websocket;
    for (struct kalam_subscription *at = socket->subscriptions; at; at = at->next) {
        if (kalam_sub_is_active(at))
            live_socket_send_subscribe(socket, at);
    }
    pthread_mutex_unlock(&socket->mutex);
    return KALAM_OK;
}

static void live_socket_disconnected(struct live_socket *socket)
{
    struct websocket *websocket;

    CHECK(socket);
    pthread_mutex_lock(&socket->mutex);
    websocket = socket->websocket;
    socket->websocket = NULL;
    for (struct kalam_subscription *at = socket->subscriptions; at; at = at->next) {
        pthread_mutex_lock(&at->mutex);
        at->unsubscribed = at->unsubscribed || !at->active;
        pthread_cond_broadcast(&at->arrived);
        pthread_mutex_unlock(&at->mutex);
    }
    pthread_mutex_unlock(&socket->mutex);
    websocket_close(websocket);
}

/* Waits `ms` or until the socket stops. */
static void live_socket_pause(struct live_socket *socket, int64_t ms)
{
    struct timespec until;
    uint8_t jitter;

    CHECK(ms >= 0 && ms <= BACKOFF_MAX_MS);
    id_random(&jitter, sizeof jitter);
    ms += ms * jitter / 1024;
    until = clock_deadline(ms);
    pthread_mutex_lock(&socket->mutex);
    while (!atomic_load(&socket->stopping) &&
           pthread_cond_timedwait(&socket->changed, &socket->mutex, &until) == 0)
        continue;
    pthread_mutex_unlock(&socket->mutex);
}

/* The credentials are refused for good: every subscription learns it instead of waiting. */
static void live_socket_give_up(struct live_socket *socket, const kalam_error *error)
{
    CHECK(socket);
    pthread_mutex_lock(&socket->mutex);
    for (struct kalam_subscription *at = socket->subscriptions; at; at = at->next) {
        struct event_item *item = event_item_new(at, KALAM_EVENT_ERROR);
        item->event.error = *error;
        subscription_end(at, item);
    }
    pthread_mutex_unlock(&socket->mutex);
}

static void live_socket_reconnect(struct live_socket *socket)
{
    int64_t backoff = 1000;
    kalam_error error;
    kalam_status status = KALAM_CONNECTION;

    CHECK(socket);
    live_socket_disconnected(socket);
    while (status != KALAM_OK && !atomic_load(&socket->stopping)) {
        live_socket_pause(socket, backoff);
        backoff = backoff * 2 < BACKOFF_MAX_MS ? backoff * 2 : BACKOFF_MAX_MS;
        if (atomic_load(&socket->stopping))
            break;
        status = live_socket_connect(socket, &error);
        if (status != KALAM_AUTHENTICATION)
            continue;
        pthread_mutex_lock(&socket->client->mutex);
        kalam_status renewed = client_renew(socket->client, NULL);
        pthread_mutex_unlock(&socket->client->mutex);
        if (renewed == KALAM_AUTHENTICATION)
            live_socket_give_up(socket, &error);
    }
}

static void *live_socket_main(void *argument)
{
    struct live_socket *socket = argument;
    int64_t next_ping = clock_monotonic_ms() + PING_MS;

    CHECK(argument);
    while (!atomic_load(&socket->stopping)) {
        if (websocket_poll(socket->websocket, POLL_MS, live_socket_message, socket) != KALAM_OK) {
            live_socket_reconnect(socket);
            continue;
        }
        if (clock_monotonic_ms() >= next_ping) {
            struct wire_client_message ping = {.type = WIRE_PING};
            pthread_mutex_lock(&socket->mutex);
            live_socket_send(socket, &ping);
            pthread_mutex_unlock(&socket->mutex);
            next_ping = clock_monotonic_ms() + PING_MS;
        }
    }
    return NULL;
}

kalam_status live_socket_get(kalam_client *client, struct live_socket **out, kalam_error *error)
{
    struct live_socket *socket = client->live;
    kalam_status status;

    CHECK(client);
    if (!socket) {
        socket = mem_zalloc(sizeof *socket);
        socket->client = client;
        pthread_mutex_init(&socket->mutex, NULL);
        clock_cond_init(&socket->changed);
        status = live_socket_connect(socket, error);
        if (status == KALAM_AUTHENTICATION) {
            pthread_mutex_lock(&client->mutex);
            kalam_status renewed = client_renew(client, NULL);
            pthread_mutex_unlock(&client->mutex);
            if (renewed == KALAM_OK)
                status = live_socket_connect(socket, error);
        }
        if (status != KALAM_OK) {
            pthread_mutex_destroy(&socket->mutex);
            pthread_cond_destroy(&socket->changed);
            mem_free(socket);
            return status;
        }
        thread_start(&socket->thread, "kalam-live", READER_STACK, live_socket_main, socket);
        client->live = socket;
    }
    *out = socket;
    return KALAM_OK;
}

void live_socket_free(struct live_socket *socket)
{
    if (!socket)
        return;
    while (socket->subscriptions) /* only the caller adds and removes, and he has let go of them */
        kalam_sub_close(socket->subscriptions);
    atomic_store(&socket->stopping, true);
    pthread_mutex_lock(&socket->mutex);
    if (socket->websocket)
        websocket_wake(socket->websocket);
    pthread_cond_broadcast(&socket->changed);
    pthread_mutex_unlock(&socket->mutex);
    pthread_join(socket->thread, NULL);
    live_socket_disconnected(socket);
    CHECK(!socket->subscriptions);
    pthread_mutex_destroy(&socket->mutex);
    pthread_cond_destroy(&socket->changed);
    mem_free(socket);
}

/* ---- subscriptions
 * ------------------------------------------------------------------------------------- */

void live_socket_add(struct live_socket *socket, struct kalam_subscription *subscription)
{
    CHECK(socket);
    pthread_mutex_lock(&socket->mutex);
    subscription->socket = socket;
    subscription->next = socket->subscriptions;
    socket->subscriptions = subscription;
    live_socket_send_subscribe(socket, subscription);
    pthread_mutex_unlock(&socket->mutex);
}

void live_socket_remove(struct live_socket *socket, struct kalam_subscription *subscription)
{
    CHECK(socket);
    pthread_mutex_lock(&socket->mutex);
    for (struct kalam_subscription **at = &socket->subscriptions; *at; at = &(*at)->next) {
        if (*at == subscription) {
            *at = subscription->next;
            break;
        }
    }
    while (subscription->busy > 0)
        pthread_cond_wait(&socket->changed, &socket->mutex);
    pthread_mutex_unlock(&socket->mutex);
}

void live_socket_unsubscribe(struct live_socket *socket, struct kalam_subscription *subscription,
                             int timeout_ms)
{
    struct timespec until;
    bool connected, was_active;

    CHECK(socket);
    until = clock_deadline((timeout_ms < 0 ? 0 : (int64_t)timeout_ms) + 1000);
    /* First of all let the reader go: it may wait for room while it holds socket->mutex. */
    pthread_mutex_lock(&subscription->mutex);
    was_active = subscription->active;
    subscription->active = false;
    pthread_cond_broadcast(&subscription->taken);
    pthread_mutex_unlock(&subscription->mutex);
    pthread_mutex_lock(&socket->mutex);
    connected = socket->websocket != NULL && was_active;
    if (connected)
        live_socket_send_id(socket, WIRE_UNSUBSCRIBE, subscription->id);
    pthread_mutex_unlock(&socket->mutex);
    pthread_mutex_lock(&subscription->mutex);
    while (connected && !subscription->unsubscribed &&
           pthread_cond_timedwait(&subscription->arrived, &subscription->mutex, &until) == 0)
        continue;
    pthread_mutex_unlock(&subscription->mutex);
}
