/* transport.h — bytes to and from the server: HTTP requests (libcurl) and one WebSocket (plain
 * socket and wslay). Nothing here knows what the bytes mean. Private to client/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLIENT_TRANSPORT_H
#define CLIENT_TRANSPORT_H

#include "base/buf.h"
#include "kalam/kalam.h"

#include <stdatomic.h>
#include <sys/types.h>

struct http;
struct http *http_new(void); /* NULL when libcurl cannot start */
void http_free(struct http *http);

struct http_request {
    const char *method, *url;
    const char *headers; /* lines separated by \n */
    struct str body;
    const char *ca_file; /* certificate authorities; NULL = the system's */
    int timeout_ms;
    bool once; /* repeating it changes something: never sent a second time, not even by libcurl */
    const atomic_bool *cancelled;
    /* Takes the body of an answer with status 200 instead of `answer`; false ends the exchange with
     * KALAM_CLOSED. */
    bool (*sink)(void *context, struct str bytes);
    void *sink_context;
};
/* KALAM_OK with any HTTP status; KALAM_CONNECTION, KALAM_TIMEOUT, KALAM_NO_MEMORY. Redirects are
 * not followed. `sent` tells whether the request may have reached the server. */
kalam_status http_perform(struct http *http, const struct http_request *request, int *http_status,
                          struct buf *answer, bool *sent, kalam_error *error);
/* The last exchange has given bytes to the sink. */
bool http_has_delivered(const struct http *http);

struct websocket;
struct websocket_options {
    const char *url;              /* http(s)://host:port of the server */
    const char *headers;          /* further header lines separated by \n */
    const char *ca_file;          /* certificate authorities; NULL = the system's */
    int64_t end_ms;               /* of connecting (clock_monotonic_ms) */
    const atomic_bool *cancelled; /* given up when it becomes true */
    /* A connection on which nothing comes for so long, not even an answer to a ping, is gone;
     * 0 = TCP decides. Only time in websocket_poll counts. */
    int silence_ms;
    unsigned messages_per_second; /* sent at most, the rest later; 1 .. WEBSOCKET_PACE_MAX */
};
enum { WEBSOCKET_PACE_MAX = 40 };
/* Connects and upgrades. Blocking; KALAM_TIMEOUT at its end or when cancelled. */
kalam_status websocket_open(const struct websocket_options *options, struct websocket **out,
                            kalam_error *error);
void websocket_close(struct websocket *socket);
/* Queues a text message; any thread. False when memory is short. */
bool websocket_send(struct websocket *socket, struct str text);
/* Waits at most timeout_ms for traffic; calls `message` for each whole text message. KALAM_OK, or
 * KALAM_WEBSOCKET when the connection is gone. One thread. */
kalam_status websocket_poll(struct websocket *socket, int timeout_ms,
                            void (*message)(void *context, struct str text), void *context);
/* Why the server has closed the connection (RFC 6455, 7.4); 0: it did not say. */
unsigned websocket_close_code(const struct websocket *socket);
/* Makes websocket_poll return early; any thread. */
void websocket_wake(struct websocket *socket);

/* Waits for poll's `events` until `end` (clock_monotonic_ms). 0 or an errno. */
int websocket_await(int fd, short events, int64_t end, const atomic_bool *cancelled);

/* ---- transport_tls.c: as recv, send and close on a connected socket, which stays the caller's
 * ---- */

struct tls;
/* Shakes hands. KALAM_CONNECTION (also for a certificate that is not trusted), KALAM_NO_MEMORY. */
kalam_status tls_open(int fd, const char *host, const struct websocket_options *options,
                      struct tls **out, kalam_error *error);
void tls_close(struct tls *tls); /* NULL is fine */
/* -1 with errno; EAGAIN: wait for the socket. 0: the other side has ended it. */
ssize_t tls_read(struct tls *tls, void *out, size_t size);
ssize_t tls_write(struct tls *tls, const void *data, size_t size);
bool tls_has_bytes(const struct tls *tls); /* read from the socket, not taken yet; false for NULL */

#endif
