/* ws_conn.h — one WebSocket connection between its upgrade and its close. Loop thread. Private to
 * net/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NET_WS_CONN_H
#define NET_WS_CONN_H

#include "net/net_internal.h"

struct ws_conn;

struct ws_conn_options {
    struct net_shard *shard;
    struct sock *sock;
    /* Who it is; NULL: the first message must say so. */
    const struct session_identity *identity;
    struct wire_protocol protocol; /* from the query string; counts if identity is there */
    bool no_gzip;                  /* `compress=false`: whatever authenticate asks for */
    bool local;                    /* the peer is on this machine, nothing forwarded */
    /* Not empty: refused; sent as auth_error, then closed. */
    struct str refusal;
};
/* The 101 has been put on the socket already; takes the socket over. */
void ws_conn_new(const struct ws_conn_options *options);
void ws_conn_shut_down(struct ws_conn *ws); /* close 1001 */
/* A user's row has changed: closes the socket if its identity is not good any more. */
void ws_conn_user_changed(struct ws_conn *ws, const char *user);

#endif
