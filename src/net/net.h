/* net.h — the server's network side: HTTP routes and WebSocket connections (docs/protocol.md).
 *
 * net_open binds the port and starts one loop thread per core; until net_serve every route answers
 * 503. Main thread, except where said.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NET_NET_H
#define NET_NET_H

#include "base/buf.h"
#include "base/error.h"
#include "base/metric.h"
#include "live/live.h"
#include "session/session.h"

struct net;

struct net_options { /* strings and lists live as long as the net */
    struct str host;
    uint16_t port; /* 0 = any free one */
    unsigned loops;
    unsigned connections_max; /* over all loops */
    size_t body_bytes_max, message_bytes_max;
    uint32_t request_timeout_s, keepalive_timeout_s;
    unsigned stalled_answers_max; /* workers that may wait for slow readers */
    uint32_t stalled_answer_s;    /* how long at most for each part of an answer */
    uint32_t ws_auth_timeout_s, ws_ping_interval_s, ws_client_timeout_s;
    uint32_t messages_per_second_max; /* of one WebSocket; 0 = off */
    struct str api_version, node;
    uint32_t node_id;
    const struct str *cors_origins; /* "*" = every one */
    size_t cors_origin_count;
    const struct str *trusted_proxies; /* addresses and ranges, see address.h */
    size_t trusted_proxy_count;
    bool public_health, allow_token_in_url;
    /* Files of TLS; both empty = plain text. */
    const char *tls_cert, *tls_key;
    uint32_t tls_handshake_timeout_s;
    const char *console_dir; /* files of /ui; NULL = none, and then /ui answers 404 with this: */
    const char *console_missing; /* a line of text */
    struct str version, git_branch, git_commit, build_date;
    /* Figures of what lies below net. Any thread; may be NULL. */
    void (*metrics)(void *context, metric_visit visit, void *visit_context);
    /* False when the data store cannot be used any more; loop threads, while serving. May be NULL.
     */
    bool (*is_usable)(void *context);
    void *context;
};

/* CONFLICT if the port is in use; INVALID_INPUT if certificate and key, or a range of
 * addresses, cannot be used. */
enum status net_open(const struct net_options *options, struct net **out,
                     struct error *err) MUST_CHECK;
uint16_t net_port(const struct net *net);
/* From now on requests are answered. Both outlive net_drain. */
void net_serve(struct net *net, struct session_service *session, struct live *live);
/* Health says 503, nobody new is accepted, requests in flight are finished (after `timeout_ms` they
 * are cancelled), WebSockets are closed with 1001; waits, within the same time, until all that is
 * sent. False if something did not come to an end. */
bool net_drain(struct net *net, int timeout_ms);
void net_close(struct net *net); /* NULL is fine */

/* Reads certificate and key again; connections made from now on use them. On failure the old ones
 * stay. Nothing to do without TLS. Any thread, between net_open and net_close. */
enum status net_reload_tls(struct net *net, struct error *err) MUST_CHECK;

/* The row of this user has changed: sockets whose identity is not good any more are closed at once.
 * Any thread, between net_serve and net_close. */
void net_user_changed(struct net *net, struct str user);

struct net_stats {
    uint64_t connections, websockets, requests;
    uint64_t accepted, refused, bytes_in, bytes_out, handshakes, handshake_failures;
};
void net_stats(struct net *net, struct net_stats *out); /* any thread */
/* All figures of the server, its own and those of options.metrics. Any thread, after net_serve. */
void net_metrics(struct net *net, metric_visit visit, void *context);

#endif
