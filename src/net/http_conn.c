/* http_conn.c — one HTTP connection: bytes in, one request at a time, pipelined input waits.
 *
 *            first byte            request complete            answered
 *   IDLE ───────────────► READING ──────────────────► BUSY ───────────────► IDLE | ended
 *    │ keep-alive passed     │ request_timeout: 408      │ client gone: cancel, wait for session/
 *    ▼                       ▼                           ▼
 *   finish                  finish                      freed when session/ answered
 *
 * A client that only ends its side gets what its whole requests ask for, then the connection ends.
 *
 * Which of them it is follows from `busy` and the parser. Most requests are answered inside
 * http_process, without leaving the stack.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "net/net_internal.h"

static void http_process(struct http_conn *conn, struct str bytes);

static void http_conn_free(struct http_conn *conn)
{
    CHECK(conn->sock == NULL && !conn->busy && !conn->processing);
    http_parser_free(conn->parser);
    buf_clear(&conn->pending);
    buf_clear(&conn->form);
    (void)pthread_mutex_destroy(&conn->stream.mutex);
    (void)pthread_cond_destroy(&conn->stream.room);
    mem_free(conn);
}

static void http_arm_idle_timer(struct http_conn *conn)
{
    CHECK(conn->sock != NULL);
    sock_timer(conn->sock, (int64_t)conn->shard->net->options.keepalive_timeout_s * 1000);
}

/* ---- requests -------------------------------------------------------------------------------- */

void http_conn_answered(struct http_conn *conn)
{
    bool was_busy = conn->busy;

    conn->busy = false;
    conn->sql = NULL;
    conn->stream.begun = false;
    buf_clear(&conn->form);
    if (conn->sock == NULL) {
        if (!conn->processing)
            http_conn_free(conn);
        return;
    }
    if (conn->ended) {
        sock_finish(conn->sock);
        return;
    }
    CHECK(was_busy); /* a refused request always ends the connection */
    http_parser_next(conn->parser);
    http_arm_idle_timer(conn);
    if (!conn->processing && sock_is_open(conn->sock)) {
        sock_resume(conn->sock);
        http_process(conn, STR_EMPTY);
    }
}

static void http_refused(struct http_conn *conn, const struct http_refusal *refusal)
{
    CHECK(!conn->busy);
    conn->route = NET_ROUTE_NONE;
    conn->started_ns = clock_monotonic_ns();
    conn->ended = true;
    http_answer_error(conn, refusal->http_status, refusal->code, refusal->message);
}

/* One step of parsing; false if there is nothing more to do with `bytes` now. */
static bool http_process_step(struct http_conn *conn, struct str *bytes)
{
    struct http_refusal refusal = {0};
    bool was_idle = http_parser_is_idle(conn->parser);

    CHECK(!conn->busy);
    switch (http_parser_feed(conn->parser, bytes, &refusal)) {
    case HTTP_EVENT_MORE:
        if (was_idle && !http_parser_is_idle(conn->parser))
            sock_timer(conn->sock, (int64_t)conn->shard->net->options.request_timeout_s * 1000);
        return false;
    case HTTP_EVENT_CONTINUE:
        sock_put(conn->sock, STR_LIT("HTTP/1.1 100 Continue\r\n\r\n"));
        return true;
    case HTTP_EVENT_REFUSED:
        http_refused(conn, &refusal);
        return false;
    case HTTP_EVENT_REQUEST:
        conn->busy = true;
        conn->started_ns = clock_monotonic_ns();
        http_dispatch(conn, http_parser_request(conn->parser));
        return true;
    }
    return false;
}

static bool http_may_process(const struct http_conn *conn)
{
    CHECK(conn->processing);
    return !conn->busy && conn->sock != NULL && http_conn_is(conn->sock) &&
           sock_is_open(conn->sock) && sock_queued_bytes(conn->sock) < HTTP_QUEUE_BYTES;
}

/* Keeps what cannot be looked at yet. `from_pending`: `bytes` lies in the buffer itself. */
static void http_keep_rest(struct http_conn *conn, struct str bytes)
{
    CHECK(conn->sock != NULL);
    if (bytes.size == 0)
        return;
    buf_append_str(&conn->pending, bytes);
    if (conn->pending.size >= HTTP_PENDING_BYTES)
        sock_pause(conn->sock);
    if (!conn->busy && sock_is_open(conn->sock)) {
        conn->stalled = true;
        sock_pause(conn->sock);
    }
}

/* Works on `bytes`, or on the pending ones if it is empty. */
static void http_process(struct http_conn *conn, struct str bytes)
{
    struct buf taken;

    CHECK(!conn->processing);
    buf_init(&taken);
    if (conn->pending.size > 0) {
        buf_append_str(&conn->pending, bytes);
        taken = conn->pending;
        buf_init(&conn->pending);
        bytes = buf_str(&taken);
    }
    struct sock *sock = conn->sock;
    conn->processing = true;
    while (bytes.size > 0 && http_may_process(conn) && http_process_step(conn, &bytes))
        ;
    conn->processing = false;
    if (conn->sock != NULL && http_conn_is(sock)) {
        http_keep_rest(conn, bytes);
        if (conn->peer_ended && !conn->busy && !conn->stalled)
            sock_finish(conn->sock);
    } else if (!conn->busy) { /* the socket has become a WebSocket's */
        conn->sock = NULL;
        if (bytes.size > 0 && sock_is_open(sock))
            sock_handlers(sock)->read(sock_context(sock), bytes);
        http_conn_free(conn);
    }
    buf_clear(&taken);
}

/* ---- socket ---------------------------------------------------------------------------------- */

static void http_read(void *context, struct str bytes)
{
    struct http_conn *conn = context;

    CHECK(bytes.size > 0);
    if (!conn->busy && !conn->stalled) {
        http_process(conn, bytes);
        return;
    }
    http_keep_rest(conn, bytes);
}

/* The client has ended its side: it waits for its answer, or it is gone. Then its system refuses
 * what comes, which ends the socket. Clients skip an interim answer they did not ask for. */
static void http_probe(void *context)
{
    struct http_conn *conn = context;

    CHECK(conn->sock != NULL);
    if (conn->busy && !conn->stream.begun && !http_parser_request(conn->parser)->old_version)
        sock_put(conn->sock, STR_LIT("HTTP/1.1 100 Continue\r\n\r\n"));
}

static void http_ended(void *context)
{
    struct http_conn *conn = context;

    CHECK(conn->sock != NULL);
    conn->peer_ended = true;
    http_probe(conn);
    if (!conn->busy && !conn->stalled)
        sock_finish(conn->sock);
}

static void http_written(void *context, size_t messages, size_t bytes)
{
    struct http_conn *conn = context;

    CHECK(messages == 0 && bytes == 0);
    if (conn->busy) {
        http_sql_written(conn);
        return;
    }
    if (http_parser_is_idle(conn->parser))
        http_arm_idle_timer(conn);
    if (conn->stalled && sock_queued_bytes(conn->sock) < HTTP_QUEUE_BYTES / 2) {
        conn->stalled = false;
        sock_resume(conn->sock);
        http_process(conn, STR_EMPTY);
    }
}

static void http_expired(void *context)
{
    struct http_conn *conn = context;

    CHECK(conn->sock != NULL);
    if (conn->busy) {
        if (conn->stream.begun)
            sock_close(conn->sock); /* takes nothing of a streamed answer */
        return;
    }
    if (http_parser_is_idle(conn->parser)) {
        sock_finish(conn->sock);
        return;
    }
    http_refused(
        conn, &(struct http_refusal){408, "INVALID_INPUT", "the request did not arrive in time"});
}

/* A worker that waits for the client waits no longer. */
static void http_stream_end(struct http_stream *stream)
{
    CHECK(pthread_mutex_lock(&stream->mutex) == 0);
    stream->gone = true;
    pthread_cond_broadcast(&stream->room);
    CHECK(pthread_mutex_unlock(&stream->mutex) == 0);
}

static void http_closed(void *context)
{
    struct http_conn *conn = context;

    conn->sock = NULL;
    http_stream_end(&conn->stream);
    if (!conn->busy)
        http_conn_free(conn);
    else if (conn->sql != NULL)
        session_request_cancel(conn->sql);
}

static const struct sock_handlers http_handlers = {
    .read = http_read,
    .ends = http_probe,
    .ended = http_ended,
    .written = http_written,
    .expired = http_expired,
    .closed = http_closed,
};

bool http_conn_is(const struct sock *sock)
{
    CHECK(sock != NULL);
    return sock_handlers(sock) == &http_handlers;
}

void http_conn_cancel(struct http_conn *conn)
{
    CHECK(conn != NULL);
    if (!conn->busy || conn->sql == NULL)
        return;
    if (conn->stream.begun && conn->sock != NULL)
        sock_close(conn->sock); /* half an answer can only be cut off */
    http_stream_end(&conn->stream);
    session_request_cancel(conn->sql);
}

void http_conn_close_idle(struct http_conn *conn)
{
    CHECK(conn->sock != NULL);
    if (!conn->busy)
        sock_finish(conn->sock);
}

void http_conn_new(struct net_shard *shard, struct sock *sock)
{
    struct http_conn *conn = mem_zalloc(sizeof(*conn));

    CHECK(shard->net != NULL);
    conn->shard = shard;
    conn->sock = sock;
    conn->route = NET_ROUTE_NONE;
    conn->parser = http_parser_new(&shard->net->limits);
    CHECK(pthread_mutex_init(&conn->stream.mutex, NULL) == 0);
    clock_cond_init(&conn->stream.room);
    sock_attach(sock, &http_handlers, conn);
    sock_timer(sock, (int64_t)shard->net->options.request_timeout_s * 1000);
}
