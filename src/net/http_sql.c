/* http_sql.c — POST /api/sql: hands the body to session/ and sends what comes back.
 *
 * A small answer comes at once or through the loop's inbox as one buffer. A large one comes in
 * parts from a worker: each part is posted to the loop and goes out as a chunk; the worker waits
 * while more than HTTP_STREAM_BYTES of them are unsent, and learns there that the client is gone.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/net_internal.h"
#include "wire/multipart.h"

#include <stdio.h>

struct http_part {
    struct task task;
    struct http_conn *conn;
    char *data;
    size_t size;
};

static void http_sql_post(void *context, struct task *task)
{
    struct http_conn *conn = context;

    CHECK(conn->busy);
    loop_post(conn->shard->loop, task);
}

/* ---- parts ----------------------------------------------------------------------------------- */

static void http_put_chunk(struct http_conn *conn, char *data, size_t size)
{
    char head[24];
    bool chunked = !http_parser_request(conn->parser)->old_version;

    CHECK(size > 0);
    if (chunked) {
        int length = snprintf(head, sizeof(head), "%zx\r\n", size);
        sock_put(conn->sock, str_from(head, (size_t)length));
    }
    sock_put_owned(conn->sock, data, size);
    if (chunked)
        sock_put(conn->sock, STR_LIT("\r\n"));
    conn->stream.queued = sock_queued_bytes(conn->sock);
}

static void http_part_run(struct task *task)
{
    struct http_part *part = CONTAINER_OF(task, struct http_part, task);
    struct http_conn *conn = part->conn;

    CHECK(conn->busy);
    if (conn->sock == NULL || !sock_is_open(conn->sock)) {
        mem_free(part->data);
    } else {
        if (!conn->stream.begun)
            http_answer_begin(conn);
        conn->stream.begun = true;
        http_put_chunk(conn, part->data, part->size);
        sock_timer(conn->sock, HTTP_STALL_MS);
    }
    mem_free(part);
}

static bool http_stream_is_full(const struct http_stream *stream)
{
    CHECK(stream != NULL);
    return stream->outstanding > HTTP_STREAM_BYTES && !stream->gone;
}

/* Worker thread, holding the mutex: waits until the client has taken enough. Not for ever, since a
 * client that takes a byte now and then would hold the worker and the statement's view; and when
 * too many workers wait like this, for a moment only. */
static void http_stream_wait(struct net *net, struct http_stream *stream)
{
    bool crowded = atomic_fetch_add(&net->stalled, 1) >= net->options.stalled_answers_max;
    int64_t limit_ms = crowded ? HTTP_CROWD_MS : (int64_t)net->options.stalled_answer_s * 1000;
    struct timespec end = clock_deadline(limit_ms);
    int result = 0;

    CHECK(limit_ms >= 0);
    while (http_stream_is_full(stream) && result == 0)
        result = pthread_cond_timedwait(&stream->room, &stream->mutex, &end);
    atomic_fetch_sub(&net->stalled, 1);
}

/* Worker thread. */
static enum status http_sql_part(void *context, struct buf *buf)
{
    struct http_conn *conn = context;
    struct http_stream *stream = &conn->stream;
    size_t size = 0;

    CHECK(buf->size > 0);
    pthread_mutex_lock(&stream->mutex);
    if (http_stream_is_full(stream))
        http_stream_wait(conn->shard->net, stream);
    bool gone = stream->gone, full = http_stream_is_full(stream);
    if (!gone && !full)
        stream->outstanding += buf->size;
    pthread_mutex_unlock(&stream->mutex);
    if (gone)
        return STATUS_CANCELLED;
    if (full)
        return STATUS_RATE_LIMIT_EXCEEDED;
    struct http_part *part = mem_alloc(sizeof(*part));
    *part = (struct http_part){.task = {.run = http_part_run}, .conn = conn};
    part->data = buf_take(buf, &size);
    part->size = size;
    loop_post(conn->shard->loop, &part->task);
    return STATUS_OK;
}

void http_sql_written(struct http_conn *conn)
{
    struct http_stream *stream = &conn->stream;
    size_t queued = sock_queued_bytes(conn->sock);

    CHECK(conn->busy);
    if (!stream->begun)
        return;
    sock_timer(conn->sock, HTTP_STALL_MS);
    size_t written = stream->queued > queued ? stream->queued - queued : 0;
    stream->queued = queued;
    pthread_mutex_lock(&stream->mutex);
    stream->outstanding -= written < stream->outstanding ? written : stream->outstanding;
    if (queued == 0 || stream->outstanding < HTTP_STREAM_BYTES / 2)
        pthread_cond_signal(&stream->room);
    pthread_mutex_unlock(&stream->mutex);
}

/* ---- the request ----------------------------------------------------------------------------- */

static void http_sql_end_stream(struct http_conn *conn, struct buf *rest)
{
    size_t size = 0;

    CHECK(conn->stream.begun);
    if (conn->sock != NULL && sock_is_open(conn->sock)) {
        if (rest->size > 0) {
            char *data = buf_take(rest, &size);
            http_put_chunk(conn, data, size);
        }
        if (!http_parser_request(conn->parser)->old_version)
            sock_put(conn->sock, STR_LIT("0\r\n\r\n"));
    }
    conn->stream.outstanding = 0; /* the worker is done */
    conn->stream.queued = 0;
    http_conn_answered(conn);
}

static void http_sql_done(void *context, enum status status, struct buf *response)
{
    struct http_conn *conn = context;
    struct net *net = conn->shard->net;
    struct http_reply reply = {.status = http_status_of(status),
                               .content_type = "application/json"};

    CHECK(conn->busy && response != NULL);
    histogram_add(&net->sql_seconds, clock_monotonic_ns() - conn->started_ns);
    if (status != STATUS_OK)
        net_count_error(net, status);
    if (status == STATUS_RATE_LIMIT_EXCEEDED)
        reply.headers = STR_LIT("Retry-After: 1\r\n");
    if (conn->stream.begun)
        http_sql_end_stream(conn, response);
    else
        http_answer_buf(conn, &reply, response);
    /* Last, so that net_drain finds the answer queued when nothing is in flight. */
    CHECK(atomic_fetch_sub(&net->in_flight, 1) > 0);
}

static bool http_is_json(struct str content_type)
{
    struct str json = STR_LIT("application/json");

    CHECK(content_type.size == 0 || content_type.data != NULL);
    if (content_type.size < json.size ||
        !str_equal_nocase(str_from(content_type.data, json.size), json))
        return false;
    struct str rest =
        str_trim(str_from(content_type.data + json.size, content_type.size - json.size));
    return rest.size == 0 || rest.data[0] == ';';
}

/* The body as JSON: as it came, or made of a form. False if the request was answered. */
static bool http_sql_body(struct http_conn *conn, const struct http_request *request,
                          struct str *body)
{
    struct str content_type = request->headers[HTTP_HEADER_CONTENT_TYPE];
    struct error err;

    CHECK(conn->form.size == 0);
    *body = request->body;
    if (http_is_json(content_type))
        return true;
    if (!multipart_is(content_type)) {
        http_answer_error(conn, 415, "UNSUPPORTED_MEDIA_TYPE",
                          "the body must be application/json or multipart/form-data");
        return false;
    }
    error_clear(&err);
    if (multipart_to_json(content_type, request->body, &conn->form, &err) != STATUS_OK) {
        http_answer_status(conn, &err);
        return false;
    }
    *body = buf_str(&conn->form);
    return true;
}

void http_sql(struct http_conn *conn, const struct http_request *request)
{
    static struct log_quota refused = {.what = "requests without valid credentials"};
    struct net *net = conn->shard->net;
    struct session_credentials credentials;
    struct session_request_options options = {
        .post = http_sql_post, .send_part = http_sql_part, .done = http_sql_done, .context = conn};
    struct error err;

    CHECK(conn->busy && conn->sql == NULL);
    error_clear(&err);
    http_client_address(conn, request, conn->client);
    options.peer = conn->client;
    http_credentials(conn, request, &credentials);
    if (session_authenticate(net->session, &credentials, &options.identity, &err) != STATUS_OK) {
        enum log_level level = log_quota_take(&refused);
        LOG_AT(level, "request of %s refused: %s", conn->client, status_name(err.code));
        http_answer_status(conn, &err);
        return;
    }
    if (!http_sql_body(conn, request, &options.body))
        return;
    atomic_fetch_add(&net->in_flight, 1);
    sock_timer(conn->sock, 0);
    struct session_request *started = session_request_start(net->session, &options);
    if (started != NULL)
        conn->sql = started;
}
