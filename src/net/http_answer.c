/* http_answer.c — heads of answers, the error envelope, the map from codes to HTTP numbers, CORS.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "net/net_internal.h"
#include "wire/response.h"

#include <stdio.h>
#include <time.h>

int http_status_of(enum status status)
{
    CHECK(status < STATUS_COUNT);
    switch (status) {
    case STATUS_OK:
        return 200;
    case STATUS_EMPTY_SQL:
    case STATUS_INVALID_INPUT:
    case STATUS_INVALID_PARAMETER:
    case STATUS_PARAMS_WITH_BATCH:
    case STATUS_BATCH_PARSE_ERROR:
    case STATUS_INVALID_SQL:
    case STATUS_NOT_SUPPORTED:
    case STATUS_TABLE_NOT_FOUND:
    case STATUS_COLUMN_NOT_FOUND:
    case STATUS_NAMESPACE_NOT_FOUND:
    case STATUS_STORAGE_NOT_FOUND:
    case STATUS_USER_NOT_FOUND:
    case STATUS_JOB_NOT_FOUND:
    case STATUS_LIVE_QUERY_NOT_FOUND:
    case STATUS_ALREADY_EXISTS:
    case STATUS_CONFLICT:
    case STATUS_CONSTRAINT_VIOLATION:
    case STATUS_INVALID_OPERATION:
    case STATUS_INVALID_SCHEMA_EVOLUTION:
    case STATUS_TYPE_MISMATCH:
    case STATUS_RESULT_TOO_LARGE:
    case STATUS_QUERY_TIMEOUT:
    case STATUS_SQL_EXECUTION_ERROR:
        return 400;
    case STATUS_MISSING_AUTHORIZATION:
    case STATUS_INVALID_CREDENTIALS:
    case STATUS_TOKEN_EXPIRED:
    case STATUS_ACCOUNT_LOCKED:
    case STATUS_SETUP_REQUIRED:
        return 401;
    case STATUS_PERMISSION_DENIED:
    case STATUS_REMOTE_ACCESS_DENIED:
    case STATUS_INSUFFICIENT_PERMISSIONS:
        return 403;
    case STATUS_NOT_FOUND:
        return 404;
    case STATUS_METHOD_NOT_ALLOWED:
        return 405;
    case STATUS_TRANSACTION_CONFLICT:
        return 409;
    case STATUS_PAYLOAD_TOO_LARGE:
        return 413;
    case STATUS_UNSUPPORTED_MEDIA_TYPE:
        return 415;
    case STATUS_RATE_LIMIT_EXCEEDED:
        return 429;
    case STATUS_STORAGE_UNAVAILABLE:
    case STATUS_SHUTTING_DOWN:
        return 503;
    case STATUS_INTERNAL_ERROR:
    case STATUS_END:
    case STATUS_ABSENT:
    case STATUS_WOULD_BLOCK:
    case STATUS_STALE:
    case STATUS_CANCELLED:
    case STATUS_IO_FAILED:
    case STATUS_CORRUPT:
    case STATUS_COUNT:
        break;
    }
    return 500;
}

static const char *http_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {204, "No Content"},
        {304, "Not Modified"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };

    CHECK(status >= 100 && status < 600);
    for (size_t i = 0; i < ARRAY_COUNT(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Status";
}

/* ---- CORS ------------------------------------------------------------------------------------ */

bool http_origin_is_allowed(const struct net *net, struct str origin, bool *by_star)
{
    CHECK(by_star != NULL);
    *by_star = false;
    for (size_t i = 0; i < net->options.cors_origin_count; i++) {
        struct str allowed = net->options.cors_origins[i];
        if (str_equal(allowed, STR_LIT("*"))) {
            *by_star = true;
            return true;
        }
        if (str_equal_nocase(allowed, origin))
            return true;
    }
    return false;
}

bool http_origin_is_same(struct str origin, struct str host)
{
    size_t scheme = str_find(origin, STR_LIT("://"));

    CHECK(host.size == 0 || host.data != NULL);
    if (scheme == SIZE_MAX || host.size == 0)
        return false;
    return str_equal_nocase(str_from(origin.data + scheme + 3, origin.size - scheme - 3), host);
}

static void http_append_cors(const struct http_conn *conn, struct str origin, struct buf *head)
{
    bool by_star;

    CHECK(origin.size > 0);
    if (!http_origin_is_allowed(conn->shard->net, origin, &by_star))
        return;
    if (by_star) {
        buf_append_str(head, STR_LIT("Access-Control-Allow-Origin: *\r\n"));
        return;
    }
    buf_append_str(head, STR_LIT("Access-Control-Allow-Origin: "));
    buf_append_str(head, origin);
    buf_append_str(head, STR_LIT("\r\nAccess-Control-Allow-Credentials: true\r\nVary: Origin\r\n"));
}

/* ---- heads ----------------------------------------------------------------------------------- */

static struct str http_date(struct net_shard *shard)
{
    int64_t now_s = clock_now_us() / 1000000;

    if (now_s != shard->date_s) {
        struct tm parts;
        time_t seconds = (time_t)now_s;
        CHECK(gmtime_r(&seconds, &parts) != NULL);
        (void)strftime(shard->date, sizeof(shard->date), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n",
                       &parts);
        shard->date_s = now_s;
    }
    return str_from_c(shard->date);
}

static void http_append_unsigned(struct buf *out, uint64_t number)
{
    char digits[20];
    size_t count = 0;

    do {
        digits[sizeof(digits) - ++count] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    CHECK(count <= sizeof(digits));
    buf_append(out, digits + sizeof(digits) - count, count);
}

/* Everything of the head but its length and the empty line. */
static struct buf *http_head(struct http_conn *conn, const struct http_reply *reply,
                             const struct http_request *request)
{
    struct buf *head = &conn->shard->head;

    buf_reset(head);
    if (reply->status == 200) {
        buf_append_str(head, STR_LIT("HTTP/1.1 200 OK\r\n"));
    } else {
        buf_append_str(head, STR_LIT("HTTP/1.1 "));
        http_append_unsigned(head, (uint64_t)reply->status);
        buf_append_byte(head, ' ');
        buf_append_str(head, str_from_c(http_reason(reply->status)));
        buf_append_str(head, STR_LIT("\r\n"));
    }
    buf_append_str(head, http_date(conn->shard));
    if (reply->content_type != NULL) {
        buf_append_str(head, STR_LIT("Content-Type: "));
        buf_append_str(head, str_from_c(reply->content_type));
        buf_append_str(head, STR_LIT("\r\n"));
    }
    if (conn->ended)
        buf_append_str(head, STR_LIT("Connection: close\r\n"));
    else if (request != NULL && request->old_version)
        buf_append_str(head, STR_LIT("Connection: keep-alive\r\n"));
    if (request != NULL && request->headers[HTTP_HEADER_ORIGIN].size > 0)
        http_append_cors(conn, request->headers[HTTP_HEADER_ORIGIN], head);
    buf_append_str(head, reply->headers);
    CHECK(head->size > 0);
    return head;
}

/* What the answer belongs to; NULL when there is no whole request (it was refused). */
static const struct http_request *http_request_of(const struct http_conn *conn)
{
    CHECK(conn->sock != NULL);
    return conn->busy ? http_parser_request(conn->parser) : NULL;
}

static void http_count(struct http_conn *conn, int status)
{
    int group = status / 100 < 6 ? status / 100 : 5;

    CHECK(conn->route < NET_ROUTE_COUNT);
    atomic_fetch_add_explicit(&conn->shard->requests[conn->route][group], 1, memory_order_relaxed);
}

static void http_put_head(struct http_conn *conn, const struct http_reply *reply, size_t body_size)
{
    const struct http_request *request = http_request_of(conn);

    CHECK(reply->status >= 200);
    conn->ended =
        conn->ended || reply->close || request == NULL || !request->keep_alive ||
        atomic_load_explicit(&conn->shard->net->phase, memory_order_relaxed) == NET_DRAINING;
    struct buf *head = http_head(conn, reply, request);
    if (reply->status != 204 && reply->status != 304) {
        buf_append_str(head, STR_LIT("Content-Length: "));
        http_append_unsigned(head, body_size);
        buf_append_str(head, STR_LIT("\r\n"));
    }
    buf_append_str(head, STR_LIT("\r\n"));
    http_count(conn, reply->status);
    sock_put(conn->sock, buf_str(head));
}

void http_answer(struct http_conn *conn, const struct http_reply *reply, struct str body)
{
    CHECK(body.size == 0 || reply->status != 204);
    if (conn->sock != NULL) {
        const struct http_request *request = http_request_of(conn);
        http_put_head(conn, reply, body.size);
        if (request == NULL || !request->without_answer_body)
            sock_put(conn->sock, body); /* else it would be taken for the next answer */
    }
    http_conn_answered(conn);
}

void http_answer_buf(struct http_conn *conn, const struct http_reply *reply, struct buf *body)
{
    CHECK(reply->status != 204);
    if (conn->sock != NULL && body->size > HTTP_COPY_BYTES) {
        size_t size = 0;
        http_put_head(conn, reply, body->size);
        char *data = buf_take(body, &size);
        sock_put_owned(conn->sock, data, size);
        http_conn_answered(conn);
        return;
    }
    http_answer(conn, reply, buf_str(body));
}

void http_answer_error(struct http_conn *conn, int status, const char *code, const char *message)
{
    struct wire_response_error error = {.code = str_from_c(code), .message = str_from_c(message)};
    struct buf body;

    CHECK(status >= 400);
    buf_init(&body);
    double took = (double)(clock_monotonic_ns() - conn->started_ns) / 1e6;
    wire_response_only_error(&body, &error, took);
    http_answer(conn, &(struct http_reply){.status = status, .content_type = "application/json"},
                buf_str(&body));
    buf_clear(&body);
}

void http_answer_status(struct http_conn *conn, const struct error *err)
{
    CHECK(err->code != STATUS_OK);
    net_count_error(conn->shard->net, err->code);
    http_answer_error(conn, http_status_of(err->code), status_name(err->code), err->message);
}

void http_answer_begin(struct http_conn *conn)
{
    const struct http_request *request = http_request_of(conn);
    struct http_reply reply = {.status = 200, .content_type = "application/json"};

    CHECK(request != NULL);
    conn->ended = conn->ended || !request->keep_alive || request->old_version;
    struct buf *head = http_head(conn, &reply, request);
    if (!request->old_version)
        buf_append_str(head, STR_LIT("Transfer-Encoding: chunked\r\n"));
    buf_append_str(head, STR_LIT("\r\n"));
    http_count(conn, reply.status);
    sock_put(conn->sock, buf_str(head));
}
