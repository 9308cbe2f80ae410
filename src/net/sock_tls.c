/* sock_tls.c — TLS on a client socket: the handshake, then records instead of plain reads and
 * writes.
 *
 *              handshake done
 *   SHAKING ───────────────────► as sock_uv.c says
 *      └── failed, or loop_options.handshake_timeout_ms passed ──► CLOSED, nothing was answered
 *
 * The session works on the descriptor itself, which libuv polls for us: no copy of what goes in and
 * out, no second queue. The queue of the socket keeps plain bytes; small nodes are joined to one
 * record, so that a burst costs one encryption and one system call. A write that the kernel did not
 * take is repeated with the same front: the queue only grows behind it.
 *
 * A read takes one whole record: nothing decrypted waits where poll does not see it, so pausing
 * needs no care.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/log.h"
#include "net/loop_internal.h"

#include <string.h>

bool sock_is_shaking(const struct sock *sock)
{
    CHECK(sock->tls != NULL || !sock->shaken);
    return sock->tls != NULL && !sock->shaken;
}

bool sock_tls_start(struct sock *sock)
{
    struct loop *loop = sock->loop;

    CHECK(sock->tls == NULL);
    if (loop->options.tls == NULL)
        return true;
    sock->tls = tls_session_new(loop->options.tls, sock->fd);
    if (sock->tls == NULL)
        return false;
    CHECK(loop->options.handshake_timeout_ms > 0);
    timer_set(&loop->wheel, &sock->timer, loop->now_ms + loop->options.handshake_timeout_ms);
    return true;
}

static void sock_tls_shaken(struct sock *sock)
{
    CHECK(!sock->shaken && sock->state == SOCK_OPEN);
    sock->shaken = true;
    sock->blocked = false;
    loop_count(&sock->loop->counts.handshakes, 1);
    sock_timer(sock, sock->timer_after_shake_ms);
    if (sock->head != NULL)
        sock_mark_dirty(sock);
    sock_update_events(sock);
}

void sock_tls_shake(struct sock *sock)
{
    enum tls_result result = tls_handshake(sock->tls);

    CHECK(sock_is_shaking(sock));
    switch (result) {
    case TLS_DONE:
        sock_tls_shaken(sock);
        return;
    case TLS_WANTS_READ:
    case TLS_WANTS_WRITE:
        sock->blocked = result == TLS_WANTS_WRITE;
        sock_update_events(sock);
        return;
    case TLS_ENDED:
    case TLS_FAILED:
        break;
    }
    loop_count(&sock->loop->counts.handshake_failures, 1);
    log_debug("TLS handshake with %s failed: %s", sock->peer, tls_problem(sock->tls));
    sock_close(sock);
}

/* The front of the queue: of a large node as it lies there, of small ones joined. */
static struct str sock_tls_front(struct sock *sock)
{
    struct sock_node *node = sock->head;
    char *record = sock->loop->record;
    size_t skip = sock->head_offset, size = 0;

    CHECK(node->size > skip);
    if (node->next == NULL || node->size - skip >= SOCK_RECORD_BYTES)
        return str_from(node->data + skip, node->size - skip);
    for (; node != NULL && size < SOCK_RECORD_BYTES; node = node->next, skip = 0) {
        size_t part = node->size - skip;
        if (part > SOCK_RECORD_BYTES - size)
            part = SOCK_RECORD_BYTES - size;
        memcpy(record + size, node->data + skip, part);
        size += part;
    }
    return str_from(record, size);
}

bool sock_tls_write_some(struct sock *sock)
{
    struct str front = sock_tls_front(sock);
    size_t written = 0;

    CHECK(sock->shaken);
    switch (tls_write(sock->tls, front.data, front.size, &written)) {
    case TLS_DONE:
        sock_consume(sock, written);
        return true;
    case TLS_WANTS_WRITE:
        sock->blocked = true;
        return false;
    case TLS_WANTS_READ:
        return false; /* sock_tls_receive takes it up */
    case TLS_ENDED:
    case TLS_FAILED:
        break;
    }
    sock_close(sock);
    return false;
}

void sock_tls_receive(struct sock *sock)
{
    struct loop *loop = sock->loop;
    size_t size = 0;

    CHECK(sock->state == SOCK_OPEN && sock->shaken);
    switch (tls_read(sock->tls, loop->read_buffer, LOOP_READ_BYTES, &size)) {
    case TLS_DONE:
        loop_count(&loop->counts.bytes_in, size);
        sock->handlers->read(sock->context, str_from(loop->read_buffer, size));
        break;
    case TLS_WANTS_READ:
        break;
    case TLS_WANTS_WRITE:
        sock->blocked = true;
        sock_update_events(sock);
        break;
    case TLS_ENDED:
        sock_end(sock);
        return;
    case TLS_FAILED:
        log_debug("TLS with %s failed: %s", sock->peer, tls_problem(sock->tls));
        sock_close(sock);
        return;
    }
    if (sock->state != SOCK_CLOSED && sock->head != NULL)
        sock_mark_dirty(sock);
}
