/* ws_conn.c — a WebSocket connection: who it is, its messages, its heart-beat, its way out.
 *
 *                      identity known, or `authenticate` accepted
 *   WAITING ───────────────────────────────────────────────────► SERVED
 *      │ 3 s over, refused, other message                          │ close, error, silence, expiry,
 *      ▼                                                           ▼ shutdown
 *   CLOSING (auth_error, 1008) ─────────────► gone ◄─────────── CLOSING (close frame, peer closed)
 *
 * Authentication is JSON text; everything after auth_success has the form that it states: JSON or
 * MessagePack, compressed or not.
 *
 * SERVED is `peer != NULL`. Messages of live/ come from any thread: they go into a small outbox
 * under its mutex, and the connection's one task is posted to the loop when the outbox was empty. A
 * connection whose task is posted is freed by the task.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "net/ws_conn.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/ws_codec.h"
#include "wire/gzip.h"
#include "wire/msgpack.h"

enum {
    WS_OUTBOX_KEEP = 16,       /* larger outboxes are freed when empty */
    WS_STALL_MS = 30 * 1000,   /* the socket takes nothing for so long: closed */
    WS_QUEUE_BYTES = 64 << 20, /* control frames included; live/ keeps its own, lower limit */
    WS_UNREAD_MAX = 20000,     /* answers asked for since the queue was last empty */
    WS_CLOSE_TOKEN_EXPIRED = 4401,
};

struct ws_conn {
    struct net_shard *shard;
    struct sock *sock;
    struct live_peer *peer; /* NULL until authenticated and from closing on */
    struct session_identity identity;
    struct ws_codec codec;
    int64_t last_frame_ms, last_progress_ms;
    int64_t window_s; /* second that window_count belongs to */
    uint32_t window_count;
    uint64_t unread; /* answers asked for since the queue was last empty, about */
    struct wire_protocol protocol;
    bool no_gzip, local;
    bool closing, known, counted;
    struct task task;
    pthread_mutex_t mutex; /* guards the rest */
    struct wire_message **outbox;
    uint32_t outbox_count, outbox_capacity;
    bool posted, closed;
};

/* ---- out ------------------------------------------------------------------------------------- */

static void ws_free(struct ws_conn *ws)
{
    CHECK(ws->peer == NULL && ws->outbox_count == 0);
    ws_codec_clear(&ws->codec);
    mem_free(ws->outbox);
    (void)pthread_mutex_destroy(&ws->mutex);
    mem_free(ws);
}

static void ws_send_run(struct task *task)
{
    struct ws_conn *ws = CONTAINER_OF(task, struct ws_conn, task);

    pthread_mutex_lock(&ws->mutex);
    CHECK(ws->posted);
    struct wire_message **messages = ws->outbox;
    uint32_t count = ws->outbox_count, capacity = ws->outbox_capacity;
    ws->outbox = NULL;
    ws->outbox_count = ws->outbox_capacity = 0;
    ws->posted = false;
    bool closed = ws->closed;
    pthread_mutex_unlock(&ws->mutex);
    for (uint32_t i = 0; i < count; i++) {
        if (closed)
            wire_message_unref(messages[i]);
        else
            sock_put_message(ws->sock, messages[i]);
    }
    if (closed) {
        mem_free(messages);
        ws_free(ws);
        return;
    }
    pthread_mutex_lock(&ws->mutex);
    if (ws->outbox == NULL && capacity <= WS_OUTBOX_KEEP) {
        ws->outbox = messages;
        ws->outbox_capacity = capacity;
        messages = NULL;
    }
    pthread_mutex_unlock(&ws->mutex);
    mem_free(messages);
}

/* What live/ has handed over so far goes to the socket before a last word. Loop thread. */
static void ws_drain(struct ws_conn *ws)
{
    pthread_mutex_lock(&ws->mutex);
    struct wire_message **messages = ws->outbox;
    uint32_t count = ws->outbox_count;
    ws->outbox = NULL;
    ws->outbox_count = ws->outbox_capacity = 0;
    pthread_mutex_unlock(&ws->mutex);
    CHECK(!ws->closing);
    for (uint32_t i = 0; i < count; i++)
        sock_put_message(ws->sock, messages[i]);
    mem_free(messages);
}

/* Any thread. */
static void ws_send(void *context, struct wire_message *message)
{
    struct ws_conn *ws = context;

    pthread_mutex_lock(&ws->mutex);
    CHECK(!ws->closed);
    if (ws->outbox_count == ws->outbox_capacity) {
        ws->outbox_capacity = ws->outbox_capacity > 0 ? ws->outbox_capacity * 2 : 4;
        ws->outbox = mem_realloc(ws->outbox, ws->outbox_capacity * sizeof(ws->outbox[0]));
    }
    ws->outbox[ws->outbox_count++] = message;
    bool wake = !ws->posted;
    ws->posted = true;
    pthread_mutex_unlock(&ws->mutex);
    if (wake)
        loop_post(ws->shard->loop, &ws->task);
}

/* From the loop thread, in front of what live/ is still handing over. */
static void ws_put(struct ws_conn *ws, const struct wire_server_message *message)
{
    CHECK(!ws->closing);
    bool is_auth = message->type == WIRE_AUTH_SUCCESS || message->type == WIRE_AUTH_ERROR;
    struct wire_protocol plain = {.gzip = false};
    struct wire_message *framed = wire_server_message_new(message);
    struct wire_message *form = wire_message_form(framed, is_auth ? plain : ws->protocol);
    sock_put(ws->sock, wire_message_frame(form)); /* not counted as written: it is not live/'s */
    atomic_fetch_add_explicit(&ws->shard->ws_sent, 1, memory_order_relaxed);
    ws->unread++;
    wire_message_unref(form);
    wire_message_unref(framed);
}

static void ws_put_error(struct ws_conn *ws, const char *id, const char *code, const char *message)
{
    struct wire_server_message error = {.type = WIRE_ERROR,
                                        .subscription_id = str_from_c(id),
                                        .code = str_from_c(code),
                                        .message = str_from_c(message)};

    CHECK(id != NULL && code != NULL);
    ws_put(ws, &error);
}

/* Neither served nor counted from here on: what is left is to send the queue and close. */
static void ws_leave_live(struct ws_conn *ws)
{
    struct live_peer *peer = ws->peer;

    CHECK(ws->closing || !sock_is_open(ws->sock));
    ws->peer = NULL;
    if (peer != NULL)
        live_peer_close(peer);
    if (ws->counted)
        atomic_fetch_sub_explicit(&ws->shard->websockets, 1, memory_order_relaxed);
    ws->counted = false;
}

static void ws_close(struct ws_conn *ws, uint16_t code, const char *reason)
{
    struct buf frame;

    CHECK(code >= 1000);
    if (ws->closing)
        return;
    ws->closing = true;
    ws->codec.stopped = true;
    buf_init(&frame);
    ws_frame_append_close(&frame, code, str_from_c(reason));
    sock_put(ws->sock, buf_str(&frame));
    buf_clear(&frame);
    ws_leave_live(ws);
    sock_finish(ws->sock);
}

void ws_conn_shut_down(struct ws_conn *ws)
{
    CHECK(ws != NULL);
    ws_close(ws, 1001, "server is shutting down");
}

/* ---- authentication -------------------------------------------------------------------------- */

static void ws_refuse(struct ws_conn *ws, struct str why)
{
    struct wire_server_message message = {.type = WIRE_AUTH_ERROR, .message = why};

    CHECK(why.size > 0);
    if (ws->closing)
        return;
    ws_put(ws, &message);
    ws_close(ws, 1008, "authentication failed");
}

static void ws_put_auth_success(struct ws_conn *ws)
{
    struct wire_server_message message = {.type = WIRE_AUTH_SUCCESS,
                                          .user = str_from_c(ws->identity.user),
                                          .role = str_from_c(role_name(ws->identity.role)),
                                          .protocol = ws->protocol};

    CHECK(ws->known);
    ws_put(ws, &message);
}

static void ws_arm_heartbeat(struct ws_conn *ws, int64_t now_ms)
{
    const struct net_options *options = &ws->shard->net->options;
    int64_t ping_ms = (int64_t)options->ws_ping_interval_s * 1000;
    int64_t silence_ms = now_ms - ws->last_frame_ms;
    int64_t next = silence_ms < ping_ms ? ping_ms - silence_ms
                                        : (int64_t)options->ws_client_timeout_s * 1000 - silence_ms;

    CHECK(silence_ms >= 0);
    if (next > ping_ms)
        next = ping_ms;
    int64_t now_us = clock_now_us(), expires_at = ws->identity.expires_at;
    if (expires_at > 0 && expires_at < (now_us + next * 1000) / 1000000) /* it may be any number */
        next = (expires_at + 1) * 1000 - now_us / 1000;
    sock_timer(ws->sock, next > 0 ? next : 1);
}

static void ws_admit(struct ws_conn *ws, const struct session_identity *identity)
{
    char id[ID_ULID_SIZE];

    CHECK(ws->peer == NULL && !ws->closing);
    ws->identity = *identity;
    ws->known = true;
    ws_put_auth_success(ws);
    id_ulid(id);
    struct live_peer_options options = {.connection_id = {id, sizeof(id)},
                                        .user = str_from_c(identity->user),
                                        .actor = str_from_c(identity->actor),
                                        .role = identity->role,
                                        .space = STR_LIT("default"),
                                        .protocol = ws->protocol,
                                        .send = ws_send,
                                        .context = ws};
    ws->peer = live_peer_new(ws->shard->net->live, &options);
    ws_arm_heartbeat(ws, loop_now_ms(ws->shard->loop));
    log_debug("websocket of %s is %s", sock_peer(ws->sock), identity->user);
}

/* Whether a token renews the connection's: the same user, and the same one who acts for him. A
 * change of the latter's rights is what ends the connection. */
static bool ws_is_same(const struct session_identity *a, const struct session_identity *b)
{
    CHECK(a->user[0] != '\0' && b->user[0] != '\0');
    return strcmp(a->user, b->user) == 0 && strcmp(a->actor, b->actor) == 0 && a->role == b->role;
}

/* Also on a connection that is known already: the token of the same user is renewed, what was
 * negotiated stays. */
static void ws_authenticate(struct ws_conn *ws, const struct wire_client_message *message)
{
    static struct log_quota refused = {.what = "WebSockets without valid credentials"};
    struct session_identity identity;
    struct error err;

    CHECK(message->type == WIRE_AUTHENTICATE);
    error_clear(&err);
    if (!str_equal(message->method, STR_LIT("jwt"))) {
        ws_refuse(ws, STR_LIT("the only method is jwt"));
        return;
    }
    if (session_authenticate_token(ws->shard->net->session, message->token, ws->local, &identity,
                                   &err) != STATUS_OK) {
        enum log_level level = log_quota_take(&refused);
        LOG_AT(level, "websocket of %s refused: %s", sock_peer(ws->sock), status_name(err.code));
        ws_refuse(ws, str_from_c(err.message));
        return;
    }
    if (!ws->known) {
        ws->protocol = message->protocol;
        ws->protocol.gzip = ws->protocol.gzip && !ws->no_gzip;
        ws_admit(ws, &identity);
        return;
    }
    if (!ws_is_same(&identity, &ws->identity)) {
        ws_refuse(ws, STR_LIT("the connection belongs to another user"));
        return;
    }
    ws->identity = identity;
    ws_put_auth_success(ws);
    ws_arm_heartbeat(ws, loop_now_ms(ws->shard->loop)); /* it expires later now */
}

/* ---- messages -------------------------------------------------------------------------------- */

/* Each entry gets an answer of its own: a message names no more than a connection may have. */
static bool ws_list_fits(struct ws_conn *ws, const struct wire_client_message *message)
{
    size_t count = message->subscription_count + message->id_count;

    CHECK(ws->peer != NULL);
    if (count > live_subscriptions_max(ws->shard->net->live)) {
        ws_put_error(ws, message->type == WIRE_SUBSCRIBE ? "subscribe" : "protocol",
                     "SUBSCRIPTION_LIMIT_EXCEEDED",
                     "a message names more subscriptions than a connection may have");
        return false;
    }
    ws->unread += count;
    return true;
}

static void ws_handle(struct ws_conn *ws, const struct wire_client_message *message)
{
    CHECK(message->type <= WIRE_PING);
    if (message->type == WIRE_AUTHENTICATE) {
        ws_authenticate(ws, message);
        return;
    }
    if (message->type == WIRE_PING)
        return;
    if (ws->peer == NULL) {
        ws_put_error(ws, "protocol", "AUTH_REQUIRED", "the first message must be authenticate");
        ws_close(ws, 1008, "authentication required");
        return;
    }
    if (!ws_list_fits(ws, message))
        return;
    for (size_t i = 0; i < message->subscription_count && message->type == WIRE_SUBSCRIBE; i++)
        live_peer_subscribe(ws->peer, &message->subscriptions[i]);
    for (size_t i = 0; i < message->id_count && message->type == WIRE_UNSUBSCRIBE; i++)
        live_peer_unsubscribe(ws->peer, message->ids[i]);
    if (message->type == WIRE_NEXT_BATCH) {
        CHECK(message->id_count == 1);
        live_peer_next_batch(ws->peer, message->ids[0]);
    }
}

static bool ws_within_rate(struct ws_conn *ws)
{
    uint32_t rate = ws->shard->net->options.messages_per_second_max;
    int64_t second = loop_now_ms(ws->shard->loop) / 1000;

    CHECK(second > 0);
    if (second != ws->window_s) {
        ws->window_s = second;
        ws->window_count = 0;
    }
    ws->window_count++;
    atomic_fetch_add_explicit(&ws->shard->ws_received, 1, memory_order_relaxed);
    return rate == 0 || ws->window_count <= rate;
}

/* A whole JSON text, or MessagePack. */
static enum status ws_read_message(struct str payload, bool msgpack, struct arena *arena,
                                   struct wire_client_message *out, struct error *err)
{
    const struct json *tree;

    CHECK(out != NULL);
    if (!msgpack)
        return wire_client_message_decode(payload, arena, out, err);
    enum status status = msgpack_parse(payload, arena, &tree, err);
    return status == STATUS_OK ? wire_client_message_read(tree, arena, out, err) : status;
}

static void ws_decode(struct ws_conn *ws, struct str payload, bool msgpack)
{
    struct wire_client_message message = {0};
    struct arena arena;
    struct error err;

    CHECK(!ws->closing);
    error_clear(&err);
    arena_init(&arena, json_memory_max(payload.size));
    enum status status = ws_read_message(payload, msgpack, &arena, &message, &err);
    if (status == STATUS_OK)
        ws_handle(ws, &message);
    else if (status == STATUS_CORRUPT)
        ws_close(ws, 1011, msgpack ? "malformed MessagePack" : "malformed JSON");
    else if (status == STATUS_PAYLOAD_TOO_LARGE)
        ws_close(ws, 1009, "too many values");
    else
        ws_put_error(ws, message.type == WIRE_SUBSCRIBE ? "subscribe" : "protocol", "PROTOCOL",
                     err.message);
    arena_clear(&arena);
}

/* gzip of JSON; in a MessagePack connection of that as well, told apart by the first byte: a
 * message is a map, which never begins with a brace. */
static void ws_unzip(struct ws_conn *ws, struct str payload)
{
    struct buf text;
    struct error err;

    CHECK(payload.size >= 2);
    buf_init(&text);
    error_clear(&err);
    if (gzip_decompress(payload, ws->shard->net->options.message_bytes_max, &text, &err) ==
        STATUS_OK)
        ws_decode(ws, buf_str(&text), ws->protocol.msgpack && text.size > 0 && text.data[0] != '{');
    else
        ws_close(ws, err.code == STATUS_PAYLOAD_TOO_LARGE ? 1009 : 1011, "bad gzip data");
    buf_clear(&text);
}

static void ws_message(void *context, bool binary, struct str payload)
{
    struct ws_conn *ws = context;

    if (ws->closing)
        return;
    CHECK(ws->shard != NULL);
    if (!ws_within_rate(ws))
        ws_put_error(ws, "rate_limit", "RATE_LIMIT_EXCEEDED", "too many messages per second");
    else if (!binary)
        ws_decode(ws, payload, false);
    else if (gzip_is(payload))
        ws_unzip(ws, payload);
    else if (ws->protocol.msgpack)
        ws_decode(ws, payload, true);
    else
        ws_put_error(ws, "protocol", "UNSUPPORTED_DATA", "binary frames must be gzip of JSON");
}

static void ws_reply(void *context, struct str frame)
{
    struct ws_conn *ws = context;

    CHECK(frame.size > 0);
    ws_drain(ws); /* it may be a close frame: what was answered before goes first */
    ws->unread++;
    sock_put(ws->sock, frame);
}

static const struct ws_codec_events ws_events = {.message = ws_message, .reply = ws_reply};

/* ---- socket ---------------------------------------------------------------------------------- */

static void ws_read(void *context, struct str bytes)
{
    struct ws_conn *ws = context;

    CHECK(!ws->closing);
    ws->last_frame_ms = loop_now_ms(ws->shard->loop);
    if (ws->peer != NULL)
        live_peer_touched(ws->peer);
    if (!ws_codec_feed(&ws->codec, bytes) && !ws->closing) {
        ws->closing = true; /* the codec has sent the close frame */
        ws_leave_live(ws);
        sock_finish(ws->sock);
        return;
    }
    if (sock_queued_bytes(ws->sock) == 0)
        ws->unread = 0; /* what came without an answer */
    if (sock_queued_bytes(ws->sock) > WS_QUEUE_BYTES)
        sock_close(ws->sock);
    else if (ws->unread > WS_UNREAD_MAX)
        ws_close(ws, 1013, "answers are not read");
}

static void ws_ended(void *context)
{
    struct ws_conn *ws = context;

    CHECK(!ws->closing);
    sock_close(ws->sock);
}

static void ws_written(void *context, size_t messages, size_t bytes)
{
    struct ws_conn *ws = context;

    CHECK(messages > 0 || bytes == 0);
    if (messages > 0)
        atomic_fetch_add_explicit(&ws->shard->ws_sent, messages, memory_order_relaxed);
    ws->last_progress_ms = loop_now_ms(ws->shard->loop);
    if (sock_queued_bytes(ws->sock) == 0)
        ws->unread = 0;
    if (messages > 0 && ws->peer != NULL)
        live_peer_written(ws->peer, messages, bytes);
}

/* False if the connection has ended because of it. */
static bool ws_check_identity(struct ws_conn *ws)
{
    struct error err;

    CHECK(ws->known);
    error_clear(&err);
    if (session_identity_check(ws->shard->net->session, &ws->identity, &err) == STATUS_OK)
        return true;
    if (err.code == STATUS_TOKEN_EXPIRED) {
        ws_put_error(ws, "protocol", "TOKEN_EXPIRED", "the access token has expired");
        ws_close(ws, WS_CLOSE_TOKEN_EXPIRED, "token expired");
    } else {
        if (ws->peer != NULL)
            live_peer_end(ws->peer, "UNAUTHORIZED", err.message);
        ws_drain(ws);
        ws_put_error(ws, "protocol", "UNAUTHORIZED", err.message);
        ws_close(ws, 1008, "credentials are not valid any more");
    }
    return false;
}

void ws_conn_user_changed(struct ws_conn *ws, const char *user)
{
    CHECK(user != NULL);
    if (ws->known && !ws->closing && strcmp(ws->identity.actor, user) == 0)
        (void)ws_check_identity(ws);
}

static void ws_expired(void *context)
{
    struct ws_conn *ws = context;
    const struct net_options *options = &ws->shard->net->options;
    int64_t now_ms = loop_now_ms(ws->shard->loop);
    int64_t silence_ms = now_ms - ws->last_frame_ms;

    CHECK(!ws->closing);
    if (!ws->known) {
        ws_refuse(ws, STR_LIT("authentication timeout"));
        return;
    }
    if (sock_queued_bytes(ws->sock) == 0)
        ws->last_progress_ms = now_ms;
    if (now_ms - ws->last_progress_ms >= WS_STALL_MS) {
        log_info("websocket of %s takes nothing: closed", sock_peer(ws->sock));
        ws_close(ws, 1013, "the connection takes nothing"); /* seen by who comes back in time */
        return;
    }
    if (silence_ms >= (int64_t)options->ws_client_timeout_s * 1000) {
        ws_close(ws, 1000, "Heartbeat timeout");
        return;
    }
    if (!ws_check_identity(ws))
        return;
    if (silence_ms >= (int64_t)options->ws_ping_interval_s * 1000) {
        uint8_t ping[WS_FRAME_HEADER_MAX];
        size_t size = ws_frame_header(WS_PING, 0, ping);
        sock_put(ws->sock, str_from((const char *)ping, size));
    }
    ws_arm_heartbeat(ws, now_ms);
}

static void ws_closed(void *context)
{
    struct ws_conn *ws = context;

    ws_leave_live(ws); /* after it nobody calls ws_send */
    pthread_mutex_lock(&ws->mutex);
    CHECK(!ws->closed);
    ws->closed = true;
    bool posted = ws->posted;
    pthread_mutex_unlock(&ws->mutex);
    if (!posted)
        ws_free(ws);
}

static const struct sock_handlers ws_handlers = {
    .read = ws_read,
    .ended = ws_ended,
    .written = ws_written,
    .expired = ws_expired,
    .closed = ws_closed,
};

void ws_conn_new(const struct ws_conn_options *options)
{
    struct ws_conn *ws = mem_zalloc(sizeof(*ws));
    struct net_shard *shard = options->shard;

    CHECK(options->identity == NULL || options->refusal.size == 0);
    ws->shard = shard;
    ws->sock = options->sock;
    ws->no_gzip = options->no_gzip;
    ws->local = options->local;
    if (options->identity != NULL)
        ws->protocol = options->protocol;
    ws->task.run = ws_send_run;
    ws->last_frame_ms = ws->last_progress_ms = loop_now_ms(shard->loop);
    CHECK(pthread_mutex_init(&ws->mutex, NULL) == 0);
    ws_codec_init(&ws->codec, shard->net->options.message_bytes_max, &ws_events, ws);
    ws->counted = true;
    atomic_fetch_add_explicit(&shard->websockets, 1, memory_order_relaxed);
    sock_attach(ws->sock, &ws_handlers, ws);
    sock_urgent(ws->sock, false);
    if (options->refusal.size > 0)
        ws_refuse(ws, options->refusal);
    else if (options->identity != NULL)
        ws_admit(ws, options->identity);
    else
        sock_timer(ws->sock, (int64_t)shard->net->options.ws_auth_timeout_s * 1000);
}
