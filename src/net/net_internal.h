/* net_internal.h — what the files of net/ share: the net, its shards (one per loop), HTTP
 * connections. Private to net/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NET_NET_INTERNAL_H
#define NET_NET_INTERNAL_H

#include "net/address.h"
#include "net/http_parser.h"
#include "net/loop.h"
#include "net/net.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    HTTP_HEAD_BYTES = 64 * 1024,
    HTTP_TARGET_BYTES = 8 * 1024,
    HTTP_HEADERS_MAX = 100,
    HTTP_PENDING_BYTES = 64 * 1024, /* pipelined input kept while a request is in flight */
    HTTP_QUEUE_BYTES = 1 << 20,     /* unsent answers above which no further request is looked at */
    HTTP_COPY_BYTES = 16 * 1024,    /* larger bodies are handed over instead of copied */
    HTTP_STREAM_BYTES = 2 << 20,    /* unsent parts above which the worker waits */
    HTTP_CROWD_MS = 1000,           /* patience with a slow reader when too many workers wait */
    HTTP_STALL_MS = 30 * 1000,      /* a client that takes nothing for so long is gone */
    NET_SEND_BUFFER_BYTES = 256 * 1024,
};

enum net_phase { NET_STARTING, NET_SERVING, NET_DRAINING };

/* X(NAME, label in metrics) */
#define NET_ROUTE_LIST(X) \
    X(SQL, "sql") \
    X(WS, "ws") \
    X(LOGIN, "auth_login") \
    X(REFRESH, "auth_refresh") \
    X(LOGOUT, "auth_logout") \
    X(ME, "auth_me") \
    X(STATUS, "auth_status") \
    X(SETUP, "auth_setup") \
    X(HEALTH, "health") \
    X(METRICS, "metrics") \
    X(CLUSTER, "cluster_health") \
    X(CONSOLE, "ui") \
    X(RESERVED, "reserved") \
    X(NONE, "unknown")

enum net_route {
#define NET_ROUTE_ENUM(name, label) NET_ROUTE_##name,
    NET_ROUTE_LIST(NET_ROUTE_ENUM)
#undef NET_ROUTE_ENUM
        NET_ROUTE_COUNT
};

struct net;

/* One loop and what its connections share; touched by the loop's thread only, counters excepted. */
struct net_shard {
    struct net *net;
    struct loop *loop;
    struct buf head;                                   /* scratch of http_answer */
    int64_t date_s;                                    /* second that `date` shows */
    char date[40];                                     /* "Date: …\r\n" */
    atomic_uint_fast64_t requests[NET_ROUTE_COUNT][6]; /* by first digit of the status */
    atomic_uint_fast64_t websockets;
    atomic_uint_fast64_t ws_received, ws_sent; /* messages */
};

struct net {
    struct net_options options;
    struct http_limits limits;
    struct net_shard *shards;
    unsigned shard_count;
    uint16_t port;
    int lock;
    struct tls *tls;               /* NULL = plain text */
    struct address_range *trusted; /* options.trusted_proxy_count */
    int64_t started_us;
    struct histogram sql_seconds; /* of SQL requests */
    atomic_uint_fast64_t errors[STATUS_COUNT];
    _Atomic enum net_phase phase;
    atomic_uint in_flight; /* requests that wait for session/ */
    atomic_uint stalled;   /* workers that wait for slow readers */
    /* Valid from NET_SERVING on. */
    struct session_service *session;
    struct live *live;
    struct static_files *console; /* NULL when there is none */
};

/* A part of an answer that a worker hands over waits for the client by these. */
struct http_stream {
    pthread_mutex_t mutex; /* guards outstanding, gone */
    pthread_cond_t room;
    size_t outstanding; /* accepted from the worker, not yet written */
    bool gone;
    bool begun;    /* loop: the head is sent */
    size_t queued; /* loop: bytes of the socket's queue when last looked at */
};

struct http_conn {
    struct net_shard *shard;
    struct sock *sock; /* NULL when the client is gone */
    struct http_parser *parser;
    struct buf pending; /* input behind the request in flight */
    enum net_route route;
    bool busy;       /* a request is in flight: the parser rests */
    bool processing; /* http_process is on the stack */
    bool stalled;    /* too many unsent answers */
    bool ended;      /* answered with Connection: close */
    bool peer_ended; /* no further request will come */
    int64_t started_ns;
    struct session_request *sql;
    char client[ADDRESS_TEXT_BYTES]; /* its address, while session/ works on a request of it */
    struct buf form;                 /* body that came as multipart, as JSON */
    struct http_stream stream;
};

/* http_conn.c */
void http_conn_new(struct net_shard *shard, struct sock *sock);
/* The request in flight was answered: goes on with pipelined input, or frees a connection whose
 * client is gone. */
void http_conn_answered(struct http_conn *conn);
bool http_conn_is(const struct sock *sock);
void http_conn_cancel(struct http_conn *conn); /* the statement in flight */
void http_conn_close_idle(struct http_conn *conn);

/* http_answer.c */
struct http_reply {
    int status;
    const char *content_type; /* NULL = no body */
    struct str headers;       /* whole lines */
    bool close;
};
void http_answer(struct http_conn *conn, const struct http_reply *reply, struct str body);
void http_answer_buf(struct http_conn *conn, const struct http_reply *reply, struct buf *body);
/* The error envelope of docs/protocol.md. */
void http_answer_error(struct http_conn *conn, int status, const char *code, const char *message);
void http_answer_status(struct http_conn *conn, const struct error *err);
/* Head of an answer of unknown length: chunked. */
void http_answer_begin(struct http_conn *conn);
int http_status_of(enum status status);
bool http_origin_is_allowed(const struct net *net, struct str origin, bool *by_star);
bool http_origin_is_same(struct str origin, struct str host);

/* http_routes.c */
void http_dispatch(struct http_conn *conn, const struct http_request *request);
void http_credentials(const struct http_conn *conn, const struct http_request *request,
                      struct session_credentials *out);
/* Loopback on the socket and not forwarded. */
bool http_is_local(const struct http_conn *conn, const struct http_request *request);
/* Address of the client, be it behind trusted proxies: for limits and the log. */
void http_client_address(const struct http_conn *conn, const struct http_request *request,
                         char out[ADDRESS_TEXT_BYTES]);

/* http_sql.c, http_auth.c, http_info.c, net_metrics.c */
void http_sql(struct http_conn *conn, const struct http_request *request);
void http_sql_written(struct http_conn *conn);
void http_auth(struct http_conn *conn, const struct http_request *request);
void http_health(struct http_conn *conn, const struct http_request *request);
void http_metrics(struct http_conn *conn, const struct http_request *request);
void http_cluster_health(struct http_conn *conn, const struct http_request *request);

/* net_metrics.c */
void net_count_error(struct net *net, enum status code);
/* http_console.c */
void http_console(struct http_conn *conn, const struct http_request *request);
bool http_accepts_gzip(struct str accepted); /* of a header's value */

/* ws_upgrade.c: takes the socket over when it answers with 101. */
void ws_upgrade(struct http_conn *conn, const struct http_request *request);

#endif
