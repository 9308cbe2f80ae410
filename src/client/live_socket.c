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

enum {
    POLL_MS = 1000,
    LOG_IN_STEP_MS = 100,   /* how soon it is noticed that nobody wants it any more */
    CONNECT_MAX_MS = 10000, /* statements may take longer, by the client's own limit */
    PING_MS = 5000,
    SILENCE_MS = 30000,
    BACKOFF_MIN_MS = 1000,
    BACKOFF_MAX_MS = 30000,
    SETTLED_MS = 5000, /* lost sooner than this, a connection has been another failure */
    READER_STACK = 1 << 20,
    CLOSE_TOO_BIG = 1009, /* RFC 6455, 7.4.1 */
};

struct live_socket {
    kalam_client *client;
    pthread_t thread;
    atomic_bool stopping;
    const atomic_bool *cancelled; /* ends connecting: the caller's, then `stopping` of the reader */
    pthread_mutex_t mutex;        /* below */
    pthread_cond_t changed;
    struct websocket *websocket; /* NULL while disconnected */
    struct kalam_subscription *subscriptions;
    bool authenticated, refused;  /* while connecting */
    bool expired;                 /* the token has; reader only */
    bool starved;                 /* a message could not be read: no memory; reader only */
    bool dropped;                 /* the server has dropped one of our messages; reader only */
    unsigned messages_per_second; /* slower after each such drop; reader only */
    int64_t backoff_ms;           /* the next pause before connecting; reader only */
    int64_t online_since_ms;      /* monotonic; reader only */
    char refusal[512];
};

/* ---- talking
 * ----------------------------------------------------------------------------------------- */

/* socket->mutex held. False when memory is short; without a connection nothing is sent: a new one
 * subscribes anew. */
static bool live_socket_send(struct live_socket *socket, const struct wire_client_message *message)
{
    struct buf text;
    bool sent;

    buf_init_fallible(&text);
    wire_client_message_encode(message, &text);
    CHECK(text.size > 0 || text.failed);
    sent =
        !text.failed && (!socket->websocket || websocket_send(socket->websocket, buf_str(&text)));
    buf_clear(&text);
    return sent;
}

static bool live_socket_send_subscribe(struct live_socket *socket,
                                       struct kalam_subscription *subscription)
{
    struct wire_subscription request = subscription_request(subscription);
    struct wire_client_message message = {
        .type = WIRE_SUBSCRIBE, .subscriptions = &request, .subscription_count = 1};

    CHECK(socket);
    return live_socket_send(socket, &message);
}

static bool live_socket_send_id(struct live_socket *socket, enum wire_type type, const char *id)
{
    struct str text = str_from_c(id);
    struct wire_client_message message = {.type = type, .ids = &text, .id_count = 1};

    CHECK(socket);
    return live_socket_send(socket, &message);
}

bool live_socket_is_reader(const struct live_socket *socket)
{
    CHECK(socket);
    return pthread_equal(pthread_self(), socket->thread) != 0;
}

/* socket->mutex held. The reader is done with it for now; frees what its callback has closed. */
static void live_socket_let_go(struct live_socket *socket, struct kalam_subscription *subscription)
{
    CHECK(subscription->busy > 0);
    subscription->busy--;
    pthread_cond_broadcast(&socket->changed);
    if (subscription->busy > 0 || !subscription->abandoned)
        return;
    for (struct kalam_subscription **at = &socket->subscriptions; *at; at = &(*at)->next) {
        if (*at == subscription) {
            *at = subscription->next;
            break;
        }
    }
    subscription_free(subscription);
}

/* Nobody waits for an acknowledgement that does not come. socket->mutex held. */
static void live_socket_release(struct live_socket *socket)
{
    CHECK(socket);
    for (struct kalam_subscription *at = socket->subscriptions; at; at = at->next) {
        pthread_mutex_lock(&at->mutex);
        at->unsubscribed = at->unsubscribed || !at->active;
        pthread_cond_broadcast(&at->arrived);
        pthread_mutex_unlock(&at->mutex);
    }
}

/* Ends one; socket->mutex held, and let go meanwhile: a callback may run. */
static void live_socket_end(struct live_socket *socket, struct kalam_subscription *subscription,
                            const kalam_error *error)
{
    CHECK(error->status != KALAM_OK);
    subscription->busy++;
    pthread_mutex_unlock(&socket->mutex);
    subscription_end(subscription, error);
    pthread_mutex_lock(&socket->mutex);
    live_socket_let_go(socket, subscription);
}

/* Every subscription ends with the error. Not under socket->mutex. */
static void live_socket_give_up(struct live_socket *socket, const kalam_error *error)
{
    struct kalam_subscription *at;

    CHECK(socket && error->status != KALAM_OK);
    pthread_mutex_lock(&socket->mutex);
    do {
        for (at = socket->subscriptions; at && !kalam_sub_is_active(at);)
            at = at->next;
        if (!at)
            break;
        live_socket_end(socket, at, error);
    } while (true);
    live_socket_release(socket);
    pthread_mutex_unlock(&socket->mutex);
}

/* The server takes no message of such a size. It does not say which one that was, so the largest
 * ends: subscribed again it would only close the connection again. Not under socket->mutex. */
static void live_socket_end_largest(struct live_socket *socket)
{
    struct kalam_subscription *largest = NULL;
    kalam_error error;

    CHECK(socket);
    client_fail(&error, KALAM_SUBSCRIPTION,
                "the server takes no message of this size (limits.max_message_size)");
    snprintf(error.code, sizeof error.code, "MESSAGE_TOO_LARGE");
    pthread_mutex_lock(&socket->mutex);
    for (struct kalam_subscription *at = socket->subscriptions; at; at = at->next) {
        if (kalam_sub_is_active(at) && (!largest || at->request_bytes > largest->request_bytes))
            largest = at;
    }
    if (largest)
        live_socket_end(socket, largest, &error);
    pthread_mutex_unlock(&socket->mutex);
}

static void live_socket_out_of_memory(struct live_socket *socket)
{
    kalam_error error;

    CHECK(socket);
    socket->starved = true;
    (void)client_no_memory(&error);
    live_socket_give_up(socket, &error);
}

/* socket->mutex held. */
static struct kalam_subscription *live_socket_find(struct live_socket *socket, struct str id)
{
    CHECK(socket);
    for (struct kalam_subscription *at = socket->subscriptions; at; at = at->next) {
        if (str_equal(str_from_c(at->wire_id), id))
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
    enum subscription_need need;
    kalam_error error;
    bool sent = true;

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
    need = subscription_take(subscription, item, message);
    pthread_mutex_lock(&socket->mutex);
    if (!kalam_sub_is_active(subscription))
        need = SUBSCRIPTION_NOTHING; /* closed meanwhile */
    if (need == SUBSCRIPTION_NEXT_BATCH)
        sent = live_socket_send_id(socket, WIRE_NEXT_BATCH, subscription->wire_id);
    if (need == SUBSCRIPTION_REPLACE)
        sent = live_socket_send_id(socket, WIRE_UNSUBSCRIBE, subscription->wire_id);
    if (sent && (need == SUBSCRIPTION_SUBSCRIBE || need == SUBSCRIPTION_REPLACE))
        sent = live_socket_send_subscribe(socket, subscription);
    pthread_mutex_unlock(&socket->mutex);
    if (!sent) {
        (void)client_no_memory(&error);
        subscription_end(subscription, &error);
    }
    pthread_mutex_lock(&socket->mutex);
    live_socket_let_go(socket, subscription);
    pthread_mutex_unlock(&socket->mutex);
}

/* The server did not read one of our messages: nobody knows which. */
static bool live_socket_is_drop(const struct wire_server_message *message)
{
    return message->type == WIRE_ERROR &&
           str_equal(message->subscription_id, STR_LIT("rate_limit"));
}

static void live_socket_message(void *context, struct str text)
{
    struct live_socket *socket = context;
    struct event_item *item = event_item_new(NULL, KALAM_EVENT_ROWS);
    struct wire_server_message message;
    struct error error;

    CHECK(context);
    if (!item) {
        live_socket_out_of_memory(socket);
    } else if (wire_server_message_decode(text, &item->arena, &message, &error) != STATUS_OK) {
        bool short_of_memory = item->arena.failed;
        event_item_free(item); /* an unknown message of a newer server is skipped */
        if (short_of_memory)
            live_socket_out_of_memory(socket);
    } else if (message.type == WIRE_AUTH_SUCCESS) {
        socket->authenticated = true;
        event_item_free(item);
    } else if (message.type == WIRE_AUTH_ERROR) {
        socket->refused = true;
        snprintf(socket->refusal, sizeof socket->refusal, "%.*s", STR_ARG(message.message));
        event_item_free(item);
    } else if (live_socket_is_drop(&message)) {
        socket->dropped = true;
        event_item_free(item);
    } else {
        socket->expired |=
            message.type == WIRE_ERROR && str_equal(message.code, STR_LIT("TOKEN_EXPIRED"));
        live_socket_route(socket, item, &message);
    }
}

/* ---- connecting
 * ---------------------------------------------------------------------------------------- */

/* client->mutex held. What has cancelled a former call does not concern the next request; who sets
 * socket->cancelled sets the client's behind it, so that it is not lost here. */
static bool live_socket_may_ask(struct live_socket *socket)
{
    CHECK(socket->cancelled);
    atomic_store(&socket->client->cancelled, false);
    return !atomic_load(socket->cancelled);
}

/* The connection, not logged in yet; `end` is when it is given up. */
static kalam_status live_socket_open_websocket(struct live_socket *socket, struct websocket **out,
                                               int64_t *end, kalam_error *error)
{
    kalam_client *client = socket->client;
    struct buf headers;
    kalam_status status;

    CHECK(out && end);
    buf_init_secret(&headers);
    pthread_mutex_lock(&client->mutex);
    status = live_socket_may_ask(socket) ? client_auth_headers(client, &headers, error)
                                         : client_fail(error, KALAM_TIMEOUT, "cancelled");
    pthread_mutex_unlock(&client->mutex);
    buf_append_byte(&headers, 0);
    if (status == KALAM_OK && headers.failed)
        status = client_no_memory(error);
    *end = clock_monotonic_ms() +
           (client->timeout_ms < CONNECT_MAX_MS ? client->timeout_ms : CONNECT_MAX_MS);
    struct websocket_options options = {.url = client->url,
                                        .headers = headers.data,
                                        .ca_file = client->ca_file,
                                        .end_ms = *end,
                                        .cancelled = socket->cancelled,
                                        .silence_ms = SILENCE_MS,
                                        .messages_per_second = socket->messages_per_second};
    if (status == KALAM_OK)
        status = websocket_open(&options, out, error);
    buf_clear(&headers);
    return status;
}

/* Waits for auth_success. */
static kalam_status live_socket_await_log_in(struct live_socket *socket,
                                             struct websocket *websocket, int64_t end,
                                             kalam_error *error)
{
    kalam_status status = KALAM_OK;

    CHECK(websocket != NULL);
    socket->authenticated = socket->refused = socket->starved = false;
    while (status == KALAM_OK && !socket->authenticated && !socket->refused && !socket->starved &&
           clock_monotonic_ms() < end && !atomic_load(socket->cancelled))
        status = websocket_poll(websocket, LOG_IN_STEP_MS, live_socket_message, socket);
    if (socket->authenticated)
        return KALAM_OK;
    if (socket->starved)
        return client_no_memory(error);
    if (socket->refused)
        return client_fail(error, KALAM_AUTHENTICATION, "%s", socket->refusal);
    if (atomic_load(socket->cancelled))
        return client_fail(error, KALAM_TIMEOUT, "cancelled");
    if (status == KALAM_OK)
        return client_fail(error, KALAM_TIMEOUT, "the server did not answer in time");
    return client_fail(error, KALAM_WEBSOCKET, "the server did not accept the WebSocket");
}

/* Opens the WebSocket, logs in and subscribes. Not under socket->mutex. */
static kalam_status live_socket_connect(struct live_socket *socket, kalam_error *error)
{
    struct websocket *websocket = NULL;
    int64_t end = 0;
    kalam_status status = live_socket_open_websocket(socket, &websocket, &end, error);
    bool sent = true;

    CHECK(socket);
    if (status == KALAM_OK)
        status = live_socket_await_log_in(socket, websocket, end, error);
    if (status != KALAM_OK) {
        websocket_close(websocket);
        return status;
    }
    socket->online_since_ms = clock_monotonic_ms();
    pthread_mutex_lock(&socket->mutex);
    socket->websocket = websocket;
    for (struct kalam_subscription *at = socket->subscriptions; at && sent; at = at->next) {
        if (kalam_sub_is_active(at))
            sent = live_socket_send_subscribe(socket, at);
    }
    pthread_mutex_unlock(&socket->mutex);
    if (!sent)
        return client_no_memory(error); /* the next attempt disconnects first */
    return KALAM_OK;
}

static void live_socket_disconnected(struct live_socket *socket)
{
    struct websocket *websocket;

    CHECK(socket);
    pthread_mutex_lock(&socket->mutex);
    websocket = socket->websocket;
    socket->websocket = NULL;
    live_socket_release(socket);
    pthread_mutex_unlock(&socket->mutex);
    websocket_close(websocket);
}

/* Waits the next pause or until the socket stops; the one behind it is twice as long. */
static void live_socket_pause(struct live_socket *socket)
{
    int64_t ms = socket->backoff_ms;
    struct timespec until;
    uint8_t jitter;

    CHECK(ms >= BACKOFF_MIN_MS && ms <= BACKOFF_MAX_MS);
    socket->backoff_ms = ms * 2 < BACKOFF_MAX_MS ? ms * 2 : BACKOFF_MAX_MS;
    id_random(&jitter, sizeof jitter);
    ms += ms * jitter / 512; /* not all clients of a restarted server come in one moment */
    until = clock_deadline(ms);
    pthread_mutex_lock(&socket->mutex);
    while (!atomic_load(&socket->stopping) &&
           pthread_cond_timedwait(&socket->changed, &socket->mutex, &until) == 0)
        continue;
    pthread_mutex_unlock(&socket->mutex);
}

/* Nobody is subscribed: no connection is needed, and no log-in that may be refused is repeated. */
static void live_socket_await_need(struct live_socket *socket)
{
    CHECK(socket);
    pthread_mutex_lock(&socket->mutex);
    while (!atomic_load(&socket->stopping)) {
        struct kalam_subscription *at = socket->subscriptions;
        while (at && !kalam_sub_is_active(at))
            at = at->next;
        if (at)
            break;
        pthread_cond_wait(&socket->changed, &socket->mutex);
    }
    pthread_mutex_unlock(&socket->mutex);
}

static kalam_status live_socket_renew(struct live_socket *socket)
{
    kalam_status status;

    CHECK(socket);
    pthread_mutex_lock(&socket->client->mutex);
    status = live_socket_may_ask(socket) ? client_renew(socket->client, NULL) : KALAM_TIMEOUT;
    pthread_mutex_unlock(&socket->client->mutex);
    return status;
}

static void live_socket_reconnect(struct live_socket *socket)
{
    kalam_error error;
    kalam_status status = KALAM_CONNECTION;

    CHECK(socket);
    live_socket_disconnected(socket);
    bool settled = clock_monotonic_ms() - socket->online_since_ms >= SETTLED_MS;
    if (settled)
        socket->backoff_ms = BACKOFF_MIN_MS;
    bool at_once = socket->expired && live_socket_renew(socket) == KALAM_OK && settled;
    socket->expired = false;
    if (socket->dropped && socket->messages_per_second > 1)
        socket->messages_per_second /= 2;
    socket->dropped = false;
    while (status != KALAM_OK && !atomic_load(&socket->stopping)) {
        live_socket_disconnected(socket);
        if (!at_once)
            live_socket_pause(socket);
        at_once = false;
        live_socket_await_need(socket);
        if (atomic_load(&socket->stopping))
            break;
        status = live_socket_connect(socket, &error);
        if (status == KALAM_AUTHENTICATION && live_socket_renew(socket) == KALAM_AUTHENTICATION)
            live_socket_give_up(socket, &error); /* refused for good */
    }
}

/* Those that were refused for the moment. Without memory the next turn tries again. */
static void live_socket_subscribe_again(struct live_socket *socket)
{
    int64_t now = clock_monotonic_ms();

    CHECK(socket);
    pthread_mutex_lock(&socket->mutex);
    for (struct kalam_subscription *at = socket->subscriptions; at; at = at->next) {
        if (at->again_at_ms > 0 && at->again_at_ms <= now && kalam_sub_is_active(at) &&
            !live_socket_send_subscribe(socket, at))
            at->again_at_ms = now;
    }
    pthread_mutex_unlock(&socket->mutex);
}

static void *live_socket_main(void *argument)
{
    struct live_socket *socket = argument;
    int64_t next_ping = clock_monotonic_ms() + PING_MS;

    CHECK(argument);
    while (!atomic_load(&socket->stopping)) {
        if (!socket->websocket ||
            websocket_poll(socket->websocket, POLL_MS, live_socket_message, socket) != KALAM_OK ||
            socket->dropped) {
            if (socket->websocket && websocket_close_code(socket->websocket) == CLOSE_TOO_BIG)
                live_socket_end_largest(socket);
            live_socket_reconnect(socket);
            continue;
        }
        live_socket_subscribe_again(socket);
        if (clock_monotonic_ms() >= next_ping) {
            struct wire_client_message ping = {.type = WIRE_PING};
            pthread_mutex_lock(&socket->mutex);
            (void)live_socket_send(socket, &ping); /* the next one comes soon */
            pthread_mutex_unlock(&socket->mutex);
            next_ping = clock_monotonic_ms() + PING_MS;
        }
    }
    return NULL;
}

/* Connects and starts the reader. */
static kalam_status live_socket_open(struct live_socket *socket, kalam_error *error)
{
    kalam_client *client = socket->client;
    kalam_status status;

    CHECK(client);
    atomic_store(&client->connecting_cancelled, false); /* a former call's */
    socket->cancelled = &client->connecting_cancelled;
    status = live_socket_connect(socket, error);
    if (status == KALAM_AUTHENTICATION && live_socket_renew(socket) == KALAM_OK)
        status = live_socket_connect(socket, error);
    socket->cancelled = &socket->stopping;
    if (status == KALAM_OK &&
        !thread_try_start(&socket->thread, "kalam-live", READER_STACK, live_socket_main, socket))
        status = client_no_memory(error);
    return status;
}

kalam_status live_socket_get(kalam_client *client, struct live_socket **out, kalam_error *error)
{
    struct live_socket *socket = client->live;
    kalam_status status;

    CHECK(client);
    if (!socket) {
        socket = mem_try_zalloc(sizeof *socket);
        if (!socket)
            return client_no_memory(error);
        socket->client = client;
        socket->messages_per_second = WEBSOCKET_PACE_MAX;
        socket->backoff_ms = BACKOFF_MIN_MS;
        pthread_mutex_init(&socket->mutex, NULL);
        clock_cond_init(&socket->changed);
        status = live_socket_open(socket, error);
        if (status != KALAM_OK) {
            websocket_close(socket->websocket);
            pthread_mutex_destroy(&socket->mutex);
            pthread_cond_destroy(&socket->changed);
            mem_free(socket);
            return status;
        }
        client->live = socket;
    }
    *out = socket;
    return KALAM_OK;
}

/* A subscription that its callback has not closed, and will not: it is the caller's to close. */
static struct kalam_subscription *live_socket_any(struct live_socket *socket)
{
    struct kalam_subscription *at;

    CHECK(socket);
    pthread_mutex_lock(&socket->mutex);
    for (at = socket->subscriptions; at && at->abandoned;)
        at = at->next;
    if (at)
        at->claimed = true;
    pthread_mutex_unlock(&socket->mutex);
    return at;
}

bool kalam_is_online(kalam_client *client)
{
    bool online = false;

    if (!client)
        return false;
    CHECK(client->http && client->url);
    pthread_mutex_lock(&client->live_mutex);
    if (client->live) {
        pthread_mutex_lock(&client->live->mutex);
        online = client->live->websocket != NULL;
        pthread_mutex_unlock(&client->live->mutex);
    }
    pthread_mutex_unlock(&client->live_mutex);
    return online;
}

void live_socket_free(struct live_socket *socket)
{
    if (!socket)
        return;
    /* Only the caller adds and removes, and he has let go of them; but the reader frees what its
     * callbacks have closed. */
    for (struct kalam_subscription *at; (at = live_socket_any(socket));)
        kalam_sub_close(at);
    atomic_store(&socket->stopping, true);
    atomic_store(&socket->client->cancelled, true);
    pthread_mutex_lock(&socket->mutex);
    if (socket->websocket)
        websocket_wake(socket->websocket);
    pthread_cond_broadcast(&socket->changed);
    pthread_mutex_unlock(&socket->mutex);
    pthread_join(socket->thread, NULL);
    live_socket_disconnected(socket);
    while (socket->subscriptions) {
        struct kalam_subscription *next = socket->subscriptions->next;
        CHECK(socket->subscriptions->abandoned);
        subscription_free(socket->subscriptions);
        socket->subscriptions = next;
    }
    pthread_mutex_destroy(&socket->mutex);
    pthread_cond_destroy(&socket->changed);
    mem_free(socket);
}

/* ---- subscriptions
 * ------------------------------------------------------------------------------------- */

kalam_status live_socket_add(struct live_socket *socket, struct kalam_subscription *subscription)
{
    bool sent;

    CHECK(socket);
    pthread_mutex_lock(&socket->mutex);
    subscription->socket = socket;
    sent = live_socket_send_subscribe(socket, subscription);
    if (sent) {
        subscription->next = socket->subscriptions;
        socket->subscriptions = subscription;
        pthread_cond_broadcast(&socket->changed);
    }
    pthread_mutex_unlock(&socket->mutex);
    return sent ? KALAM_OK : KALAM_NO_MEMORY;
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

void live_socket_abandon(struct live_socket *socket, struct kalam_subscription *subscription)
{
    bool was_active;

    CHECK(live_socket_is_reader(socket));
    pthread_mutex_lock(&socket->mutex);
    if (subscription->claimed) {
        pthread_mutex_unlock(&socket->mutex);
        return;
    }
    pthread_mutex_lock(&subscription->mutex);
    was_active = subscription->active;
    subscription->active = false;
    pthread_mutex_unlock(&subscription->mutex);
    if (was_active) /* without memory the server sends on, to nobody */
        (void)live_socket_send_id(socket, WIRE_UNSUBSCRIBE, subscription->wire_id);
    subscription->abandoned = true;
    pthread_mutex_unlock(&socket->mutex);
}

void live_socket_unsubscribe(struct live_socket *socket, struct kalam_subscription *subscription,
                             int timeout_ms)
{
    struct timespec until;
    bool connected, was_active;

    CHECK(socket);
    until = clock_deadline(timeout_ms < 0 ? 0 : timeout_ms);
    /* First of all let the reader go: it may wait for room while it holds socket->mutex. */
    pthread_mutex_lock(&subscription->mutex);
    was_active = subscription->active;
    subscription->active = false;
    pthread_cond_broadcast(&subscription->taken);
    pthread_mutex_unlock(&subscription->mutex);
    pthread_mutex_lock(&socket->mutex);
    connected = socket->websocket != NULL && was_active;
    if (connected) /* without memory there is nothing to wait for */
        connected = live_socket_send_id(socket, WIRE_UNSUBSCRIBE, subscription->wire_id);
    pthread_mutex_unlock(&socket->mutex);
    pthread_mutex_lock(&subscription->mutex);
    while (connected && !subscription->unsubscribed &&
           pthread_cond_timedwait(&subscription->arrived, &subscription->mutex, &until) == 0)
        continue;
    pthread_mutex_unlock(&subscription->mutex);
}
