/* loop.h — one event loop on one thread and its sockets: listen, put, close, post, timer.
 *
 * The rest of net/ sees sockets only through this header, so that TLS or another event library can
 * come behind it. Everything put on a socket is queued; after each turn of the loop every socket
 * with something queued gets one gathered write. Answers of sockets marked urgent (HTTP) go first,
 * the others (fan-outs) in slices, so that no answer waits behind ten thousand messages.
 *
 * Thread: the loop's own, except where said. Callbacks run on it; a socket may be closed inside any
 * of them.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "base/error.h"
#include "base/thread.h"
#include "wire/ws_frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct sock;
struct tls;

struct sock_handlers {
    /* Bytes came; borrowed during the call. Not called while reading is paused. */
    void (*read)(void *context, struct str bytes);
    /* The peer has ended its side, but what it sent before is not read yet: reading is paused. May
     * be NULL. */
    void (*ends)(void *context);
    /* Nothing more will come. When the peer is gone and that shows, the socket is closed. */
    void (*ended)(void *context);
    /* Some bytes left the queue, among them `messages` whole shared messages with frames of `bytes`
     * together. May be NULL. */
    void (*written)(void *context, size_t messages, size_t bytes);
    void (*expired)(void *context); /* the deadline of sock_timer passed */
    /* Last call: the context may be freed. */
    void (*closed)(void *context);
};

struct loop_options {
    const char *name; /* of the thread */
    int listener;     /* listening socket; the loop owns it */
    unsigned socks_max;
    int send_buffer_bytes;         /* SO_SNDBUF, 0 = leave */
    struct str busy_answer;        /* sent to a client that comes when socks_max are open; static */
    struct tls *tls;               /* borrowed; NULL = plain text. With it nothing else is spoken */
    uint32_t handshake_timeout_ms; /* of TLS; a socket's own timer counts from its end on */
    /* A client came: call sock_attach. */
    void (*accepted)(void *context, struct sock *sock);
    void *context;
};

enum status loop_start(const struct loop_options *options, struct loop **out,
                       struct error *err) MUST_CHECK;
/* Closes all sockets, ends the thread. Not from the loop's own thread. Nothing may be posted after
 * it; what was posted before runs. */
void loop_stop(struct loop *loop);
void loop_post(struct loop *loop, struct task *task); /* any thread */
void loop_stop_accepting(struct loop *loop);
int64_t loop_now_ms(const struct loop *loop);      /* monotonic, at the start of this turn */
unsigned loop_sock_count(const struct loop *loop); /* any thread */
/* Sockets with something queued that the kernel has not taken; any thread. */
unsigned loop_unsent_count(const struct loop *loop);
struct loop_stats {
    uint64_t accepted, refused;   /* connections; refused: socks_max were open */
    uint64_t bytes_in, bytes_out; /* of the application: without what TLS adds */
    uint64_t handshakes, handshake_failures;
};
void loop_stats(const struct loop *loop, struct loop_stats *out); /* any thread */
/* Visits all open sockets; `visit` may close the one it is given. */
void loop_each(struct loop *loop, void (*visit)(void *context, struct sock *sock), void *context);

void sock_attach(struct sock *sock, const struct sock_handlers *handlers, void *context);
void *sock_context(const struct sock *sock);
const struct sock_handlers *sock_handlers(const struct sock *sock);
/* Numeric address of the peer. */
const char *sock_peer(const struct sock *sock);
bool sock_peer_is_loopback(const struct sock *sock);
void sock_urgent(struct sock *sock, bool urgent); /* at first true */

void sock_put(struct sock *sock, struct str bytes);              /* copied */
void sock_put_owned(struct sock *sock, char *data, size_t size); /* memory of base/mem.h, taken */
void sock_put_message(struct sock *sock, struct wire_message *message); /* takes the reference */
size_t sock_queued_bytes(const struct sock *sock);

void sock_pause(struct sock *sock);
void sock_resume(struct sock *sock);
void sock_timer(struct sock *sock, int64_t in_ms); /* replaces the former one; 0 = none */
/* Sends what is queued and the end of the stream, throws away what still comes in until the peer
 * closes too or some seconds pass. Handlers but `closed` are not called any more. */
void sock_finish(struct sock *sock);
void sock_close(struct sock *sock);         /* at once; `closed` is called later */
bool sock_is_open(const struct sock *sock); /* neither finished nor closed */

#endif
