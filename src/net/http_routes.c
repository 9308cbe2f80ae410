/* http_routes.c — which path is what (docs/protocol.md), and what every route has in common:
 * method, phase of the server, CORS preflight, who is local.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "net/net_internal.h"

enum { ROUTE_PLAIN = 1, ROUTE_VERSIONED = 2, ROUTE_BOTH = 3 };

static const struct {
    struct str path; /* behind the version prefix, if there is one */
    unsigned where;
    bool is_prefix;
    enum http_method method;
    enum net_route route;
} http_routes[] = {
    {{"/api/sql", sizeof("/api/sql") - 1}, ROUTE_BOTH, false, HTTP_POST_METHOD, NET_ROUTE_SQL},
    {{"/ws", sizeof("/ws") - 1}, ROUTE_BOTH, false, HTTP_GET_METHOD, NET_ROUTE_WS},
    {{"/api/auth/login", sizeof("/api/auth/login") - 1},
     ROUTE_VERSIONED,
     false,
     HTTP_POST_METHOD,
     NET_ROUTE_LOGIN},
    {{"/api/auth/refresh", sizeof("/api/auth/refresh") - 1},
     ROUTE_VERSIONED,
     false,
     HTTP_POST_METHOD,
     NET_ROUTE_REFRESH},
    {{"/api/auth/logout", sizeof("/api/auth/logout") - 1},
     ROUTE_VERSIONED,
     false,
     HTTP_POST_METHOD,
     NET_ROUTE_LOGOUT},
    {{"/api/auth/setup", sizeof("/api/auth/setup") - 1},
     ROUTE_VERSIONED,
     false,
     HTTP_POST_METHOD,
     NET_ROUTE_SETUP},
    {{"/api/auth/me", sizeof("/api/auth/me") - 1},
     ROUTE_VERSIONED,
     false,
     HTTP_GET_METHOD,
     NET_ROUTE_ME},
    {{"/api/auth/status", sizeof("/api/auth/status") - 1},
     ROUTE_VERSIONED,
     false,
     HTTP_GET_METHOD,
     NET_ROUTE_STATUS},
    {{"/health", sizeof("/health") - 1}, ROUTE_BOTH, false, HTTP_GET_METHOD, NET_ROUTE_HEALTH},
    {{"/api/healthcheck", sizeof("/api/healthcheck") - 1},
     ROUTE_VERSIONED,
     false,
     HTTP_GET_METHOD,
     NET_ROUTE_HEALTH},
    {{"/api/cluster/health", sizeof("/api/cluster/health") - 1},
     ROUTE_VERSIONED,
     false,
     HTTP_GET_METHOD,
     NET_ROUTE_CLUSTER},
    {{"/metrics", sizeof("/metrics") - 1}, ROUTE_PLAIN, false, HTTP_GET_METHOD, NET_ROUTE_METRICS},
    {{"/ui", sizeof("/ui") - 1}, ROUTE_PLAIN, true, HTTP_GET_METHOD, NET_ROUTE_CONSOLE},
    {{"/api/topics", sizeof("/api/topics") - 1},
     ROUTE_VERSIONED,
     true,
     HTTP_OTHER_METHOD,
     NET_ROUTE_RESERVED},
    {{"/files", sizeof("/files") - 1},
     ROUTE_VERSIONED,
     true,
     HTTP_OTHER_METHOD,
     NET_ROUTE_RESERVED},
    {{"/exports", sizeof("/exports") - 1},
     ROUTE_VERSIONED,
     true,
     HTTP_OTHER_METHOD,
     NET_ROUTE_RESERVED},
};

/* `/v1/api/sql` → `/api/sql`; false if the path does not begin with the version. */
static bool http_strip_version(struct str version, struct str *path)
{
    CHECK(version.size > 0);
    if (path->size < version.size + 2 || path->data[0] != '/' ||
        memcmp(path->data + 1, version.data, version.size) != 0 ||
        path->data[version.size + 1] != '/')
        return false;
    path->data += version.size + 1;
    path->size -= version.size + 1;
    return true;
}

static bool http_path_matches(size_t index, struct str path)
{
    struct str wanted = http_routes[index].path;

    CHECK(index < ARRAY_COUNT(http_routes));
    if (!http_routes[index].is_prefix)
        return str_equal(path, wanted);
    return str_starts_with(path, wanted) &&
           (path.size == wanted.size || path.data[wanted.size] == '/');
}

/* Index into http_routes or -1. */
static int http_find_route(const struct net *net, struct str path)
{
    unsigned where =
        http_strip_version(net->options.api_version, &path) ? ROUTE_VERSIONED : ROUTE_PLAIN;

    CHECK(path.size > 0);
    for (size_t i = 0; i < ARRAY_COUNT(http_routes); i++)
        if ((http_routes[i].where & where) != 0 && http_path_matches(i, path))
            return (int)i;
    return -1;
}

bool http_is_local(const struct http_conn *conn, const struct http_request *request)
{
    CHECK(conn->sock != NULL);
    return sock_peer_is_loopback(conn->sock) && !request->forwarded;
}

void http_client_address(const struct http_conn *conn, const struct http_request *request,
                         char out[ADDRESS_TEXT_BYTES])
{
    const struct net *net = conn->shard->net;

    CHECK(conn->sock != NULL);
    address_of_client(sock_peer(conn->sock), request->headers[HTTP_HEADER_FORWARDED_FOR],
                      net->trusted, net->options.trusted_proxy_count, out);
}

void http_credentials(const struct http_conn *conn, const struct http_request *request,
                      struct session_credentials *out)
{
    CHECK(conn->sock != NULL);
    *out = (struct session_credentials){
        .authorization = request->headers[HTTP_HEADER_AUTHORIZATION],
        .api_key = request->headers[HTTP_HEADER_API_KEY],
        .user_header = request->headers[HTTP_HEADER_USER_ID],
        .host = request->headers[HTTP_HEADER_HOST],
        .origin = request->headers[HTTP_HEADER_ORIGIN],
        .peer_is_loopback = sock_peer_is_loopback(conn->sock),
        .forwarded = request->forwarded,
    };
}

static void http_preflight(struct http_conn *conn)
{
    struct http_reply reply = {
        .status = 204,
        .headers = STR_LIT("Access-Control-Allow-Methods: GET, POST, OPTIONS\r\n"
                           "Access-Control-Allow-Headers: Content-Type, Authorization, X-API-Key, "
                           "X-User-Id\r\n"
                           "Access-Control-Max-Age: 3600\r\n"),
    };

    CHECK(conn->busy);
    http_answer(conn, &reply, STR_EMPTY);
}

/* True if the request was answered because of the server's phase. Health knows the phases itself.
 */
static bool http_refused_by_phase(struct http_conn *conn)
{
    enum net_phase phase = atomic_load_explicit(&conn->shard->net->phase, memory_order_acquire);

    CHECK(conn->busy);
    if (phase == NET_SERVING || conn->route == NET_ROUTE_HEALTH)
        return false;
    if (phase == NET_STARTING)
        http_answer_error(conn, 503, "SHUTTING_DOWN", "the server is starting");
    else
        http_answer_error(conn, 503, "SHUTTING_DOWN", "the server is shutting down");
    return true;
}

static void http_run_route(struct http_conn *conn, const struct http_request *request)
{
    switch (conn->route) {
    case NET_ROUTE_SQL:
        http_sql(conn, request);
        return;
    case NET_ROUTE_WS:
        ws_upgrade(conn, request);
        return;
    case NET_ROUTE_LOGIN:
    case NET_ROUTE_REFRESH:
    case NET_ROUTE_LOGOUT:
    case NET_ROUTE_ME:
    case NET_ROUTE_STATUS:
    case NET_ROUTE_SETUP:
        http_auth(conn, request);
        return;
    case NET_ROUTE_HEALTH:
        http_health(conn, request);
        return;
    case NET_ROUTE_METRICS:
        http_metrics(conn, request);
        return;
    case NET_ROUTE_CLUSTER:
        http_cluster_health(conn, request);
        return;
    case NET_ROUTE_RESERVED:
        http_answer_error(conn, 501, "NOT_SUPPORTED",
                          "this route is not supported in this version");
        return;
    case NET_ROUTE_CONSOLE:
        http_console(conn, request);
        return;
    case NET_ROUTE_NONE:
        http_answer_error(conn, 404, "NOT_FOUND", "no such route");
        return;
    case NET_ROUTE_COUNT:
        break;
    }
    UNREACHABLE("every route has a handler");
}

void http_dispatch(struct http_conn *conn, const struct http_request *request)
{
    int index = http_find_route(conn->shard->net, request->path);

    CHECK(conn->busy);
    conn->route = index >= 0 ? http_routes[index].route : NET_ROUTE_NONE;
    if (request->method == HTTP_OPTIONS_METHOD) {
        http_preflight(conn);
        return;
    }
    if (http_refused_by_phase(conn))
        return;
    if (index >= 0 && http_routes[index].method != HTTP_OTHER_METHOD &&
        http_routes[index].method != request->method) {
        http_answer_error(conn, 405, "METHOD_NOT_ALLOWED", "the route has no such method");
        return;
    }
    http_run_route(conn, request);
}
