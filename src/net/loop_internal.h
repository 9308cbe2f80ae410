/* loop_internal.h — what loop_uv.c and sock_uv.c share. Private to net/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NET_LOOP_INTERNAL_H
#define NET_LOOP_INTERNAL_H

#include "net/loop.h"
#include "net/timer_wheel.h"
#include "net/tls.h"

#include <netinet/in.h>
#include <stdatomic.h>
#include <uv.h>

enum {
    LOOP_READ_BYTES = 64 * 1024,
    LOOP_FAN_OUT_SLICE = 64, /* sockets flushed before urgent ones are looked at again */
    LOOP_ACCEPTS_PER_TURN = 64,
    LOOP_PAUSE_MS = 200,      /* until the next accept when descriptors are short */
    LOOP_WARN_MS = 10 * 1000, /* between two lines of log about that */
    SOCK_IOVECS = 64,
    SOCK_NODE_BYTES = 512,       /* least room of a copying node, so that small puts join */
    SOCK_LINGER_MS = 5000,       /* FINISHING: for the peer to close its side */
    SOCK_TAKE_MS = 30 * 1000,    /* FINISHING: for the peer to take more of the queue */
    SOCK_FINISH_MS = 300 * 1000, /* FINISHING: for all of it */
    SOCK_LINGER_BYTES = 64 << 20,
    SOCK_RECORD_BYTES = 16 * 1024, /* of TLS: what small nodes are joined to */
};

struct sock_node {
    struct sock_node *next;
    struct wire_message *message; /* or */
    char *owned;                  /* or the bytes behind this struct */
    const char *data;
    size_t size, capacity; /* capacity of the bytes behind */
};

enum sock_state {
    SOCK_OPEN,
    SOCK_FINISHING, /* close when the queue is empty and the peer has closed */
    SOCK_CLOSED,    /* waits for the loop to let go of the handle */
};

struct sock_list {
    struct sock *first, *last;
};

struct sock {
    uv_poll_t poll;
    struct loop *loop;
    const struct sock_handlers *handlers;
    void *context;
    struct sock *next, *previous;             /* all open ones */
    struct sock *dirty_next, *dirty_previous; /* in loop->dirty[…] */
    struct sock_node *head, **tail;
    size_t queued_bytes;
    size_t head_offset;   /* bytes of the first node that are written */
    size_t drained_bytes; /* thrown away while FINISHING */
    int64_t finish_by_ms; /* FINISHING: closed then at the latest */
    struct timer_entry timer;
    int fd;
    int events; /* asked of uv_poll */
    enum sock_state state;
    bool urgent, dirty, dirty_urgent, paused, blocked, sent_end, ended;
    bool end_waits; /* the peer's end was seen, but what it sent before is still to be read */
    char peer[INET6_ADDRSTRLEN];
    bool loopback;
    bool shaken;                  /* hands, of TLS; nothing is read or written before */
    struct tls_session *tls;      /* NULL = plain text */
    int64_t timer_after_shake_ms; /* asked for meanwhile; 0 = none */
};

struct loop {
    uv_loop_t uv;
    uv_poll_t wake, listener;
    uv_check_t check;
    uv_prepare_t prepare;
    uv_idle_t idle; /* runs while a slice is left: the next poll must not sleep */
    uv_timer_t ticker;
    struct task_queue inbox;
    struct timer_wheel wheel;
    struct loop_options options;
    struct sock *socks;
    atomic_uint sock_count, unsent_count; /* unsent: those whose queue is not empty */
    struct sock_list dirty[2];            /* urgent, others */
    int wake_fd;
    bool accepting, idling, stopping;
    int64_t now_ms;
    int64_t paused_ms, warned_ms; /* accepting: paused since (0 = not), last warning */
    pthread_t thread;
    struct { /* written by the loop's thread only */
        atomic_uint_fast64_t accepted, refused, bytes_in, bytes_out, handshakes, handshake_failures;
    } counts;
    char read_buffer[LOOP_READ_BYTES];
    char record[SOCK_RECORD_BYTES];
};

struct sock *sock_new(struct loop *loop, int fd, const struct sockaddr *address);
/* One gathered write; false if more is left to do this turn. */
void sock_flush(struct sock *sock);
void sock_timer_expired(struct timer_entry *entry);
void loop_count(atomic_uint_fast64_t *counter, uint64_t by);

/* sock_uv.c, for sock_tls.c */
void sock_mark_dirty(struct sock *sock);
void sock_update_events(struct sock *sock);
void sock_consume(struct sock *sock, size_t written);
void sock_end(struct sock *sock);

/* sock_tls.c: what sock_uv.c does otherwise when there is TLS */
bool sock_tls_start(struct sock *sock); /* false: no memory */
bool sock_is_shaking(const struct sock *sock);
void sock_tls_shake(struct sock *sock);
bool sock_tls_write_some(struct sock *sock); /* like sock_write_some */
void sock_tls_receive(struct sock *sock);

#endif
