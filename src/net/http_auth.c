/* http_auth.c — /api/auth/…: hands the request to session/, which answers from its own threads.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "net/net_internal.h"

enum { HTTP_AUTH_BODY_BYTES = 16 * 1024 };

static void http_auth_post(void *context, struct task *task)
{
    struct http_conn *conn = context;

    CHECK(conn->busy);
    loop_post(conn->shard->loop, task);
}

static void http_auth_done(void *context, int http_status, struct buf *response,
                           struct buf *cookies)
{
    struct http_conn *conn = context;
    struct net *net = conn->shard->net;
    struct http_reply reply = {.status = http_status, .content_type = "application/json"};
    struct buf headers;

    CHECK(conn->busy);
    buf_init(&headers);
    buf_append_str(&headers, STR_LIT("Cache-Control: no-store\r\n"));
    if (http_status == 429)
        buf_append_str(&headers, STR_LIT("Retry-After: 1\r\n"));
    buf_append_str(&headers, buf_str(cookies));
    reply.headers = buf_str(&headers);
    http_answer(conn, &reply, buf_str(response));
    CHECK(atomic_fetch_sub(&net->in_flight, 1) > 0); /* after the answer, see http_sql_done */
    buf_clear(&headers);
}

static enum session_auth_route http_auth_route(enum net_route route)
{
    CHECK(route >= NET_ROUTE_LOGIN && route <= NET_ROUTE_SETUP);
    switch (route) {
    case NET_ROUTE_LOGIN:
        return SESSION_AUTH_LOGIN;
    case NET_ROUTE_REFRESH:
        return SESSION_AUTH_REFRESH;
    case NET_ROUTE_LOGOUT:
        return SESSION_AUTH_LOGOUT;
    case NET_ROUTE_ME:
        return SESSION_AUTH_ME;
    case NET_ROUTE_SETUP:
        return SESSION_AUTH_SETUP;
    default:
        return SESSION_AUTH_STATUS;
    }
}

void http_auth(struct http_conn *conn, const struct http_request *request)
{
    struct session_auth_options options = {.route = http_auth_route(conn->route),
                                           .cookie = request->headers[HTTP_HEADER_COOKIE],
                                           .body = request->body,
                                           .content_type =
                                               request->headers[HTTP_HEADER_CONTENT_TYPE],
                                           .post = http_auth_post,
                                           .done = http_auth_done,
                                           .context = conn};

    CHECK(conn->busy);
    if (request->body.size > HTTP_AUTH_BODY_BYTES) {
        http_answer_error(conn, 413, "PAYLOAD_TOO_LARGE", "the request body is too large");
        return;
    }
    http_client_address(conn, request, conn->client);
    options.peer_address = str_from_c(conn->client);
    http_credentials(conn, request, &options.credentials);
    atomic_fetch_add(&conn->shard->net->in_flight, 1);
    sock_timer(conn->sock, 0);
    session_auth_start(conn->shard->net->session, &options);
}
