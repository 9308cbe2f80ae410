/* sock_uv.c — one client socket on libuv: its queue of bytes out, its states, its deadline.
 *
 *            sock_finish                 queue empty and peer closed, or time is up
 *   OPEN ─────────────────► FINISHING ──────────────────────────────────────────► CLOSED ─► freed
 *     └───────── sock_close, error, ─────────────────────────────────────────────────┘
 *
 * Time is up when the peer takes nothing of the queue for a while, or needs too long for all of it.
 *
 * Queue nodes hold copied bytes (small puts join), memory that was handed over, or a reference to a
 * shared message. Only what the kernel took leaves the queue, and only then is it counted as
 * written. With TLS the queue holds plain bytes; sock_tls.c turns them into records.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/loop_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static void sock_ready(uv_poll_t *handle, int status, int events);

/* ---- dirty lists ----------------------------------------------------------------------------- */

void sock_mark_dirty(struct sock *sock)
{
    struct sock_list *list = &sock->loop->dirty[sock->urgent ? 0 : 1];

    if (sock->dirty || sock->blocked)
        return;
    CHECK(sock->state != SOCK_CLOSED);
    sock->dirty = true;
    sock->dirty_urgent = sock->urgent;
    sock->dirty_next = NULL;
    sock->dirty_previous = list->last;
    if (list->last != NULL)
        list->last->dirty_next = sock;
    else
        list->first = sock;
    list->last = sock;
}

static void sock_mark_clean(struct sock *sock)
{
    struct sock_list *list = &sock->loop->dirty[sock->dirty_urgent ? 0 : 1];

    if (!sock->dirty)
        return;
    CHECK(list->first != NULL);
    sock->dirty = false;
    if (sock->dirty_previous != NULL)
        sock->dirty_previous->dirty_next = sock->dirty_next;
    else
        list->first = sock->dirty_next;
    if (sock->dirty_next != NULL)
        sock->dirty_next->dirty_previous = sock->dirty_previous;
    else
        list->last = sock->dirty_previous;
}

/* ---- queue ----------------------------------------------------------------------------------- */

static void sock_append(struct sock *sock, struct sock_node *node)
{
    CHECK(node->size > 0);
    if (sock->head == NULL)
        atomic_fetch_add(&sock->loop->unsent_count, 1);
    node->next = NULL;
    *sock->tail = node;
    sock->tail = &node->next;
    sock->queued_bytes += node->size;
    sock_mark_dirty(sock);
}

static void sock_node_free(struct sock_node *node)
{
    CHECK(node != NULL);
    wire_message_unref(node->message);
    mem_free(node->owned);
    mem_free(node);
}

static struct sock_node *sock_last_node(struct sock *sock)
{
    CHECK(sock->tail != NULL);
    return sock->head == NULL ? NULL : CONTAINER_OF(sock->tail, struct sock_node, next);
}

void sock_put(struct sock *sock, struct str bytes)
{
    CHECK(sock->head != NULL || sock->tail == &sock->head);
    if (sock->state != SOCK_OPEN || bytes.size == 0)
        return;
    struct sock_node *last = sock_last_node(sock);
    if (last != NULL && last->capacity - last->size >= bytes.size && last->capacity > 0) {
        memcpy((char *)(last + 1) + last->size, bytes.data, bytes.size);
        last->size += bytes.size;
        sock->queued_bytes += bytes.size;
        return;
    }
    size_t capacity = bytes.size < SOCK_NODE_BYTES ? SOCK_NODE_BYTES : bytes.size;
    struct sock_node *node = mem_alloc(sizeof(*node) + capacity);
    *node =
        (struct sock_node){.data = (char *)(node + 1), .size = bytes.size, .capacity = capacity};
    memcpy(node + 1, bytes.data, bytes.size);
    sock_append(sock, node);
}

void sock_put_owned(struct sock *sock, char *data, size_t size)
{
    CHECK(data != NULL || size == 0);
    if (sock->state != SOCK_OPEN || size == 0) {
        mem_free(data);
        return;
    }
    struct sock_node *node = mem_alloc(sizeof(*node));
    *node = (struct sock_node){.owned = data, .data = data, .size = size};
    sock_append(sock, node);
}

void sock_put_message(struct sock *sock, struct wire_message *message)
{
    CHECK(message != NULL);
    if (sock->state != SOCK_OPEN) {
        wire_message_unref(message);
        return;
    }
    struct str frame = wire_message_frame(message);
    struct sock_node *node = mem_alloc(sizeof(*node));
    *node = (struct sock_node){.message = message, .data = frame.data, .size = frame.size};
    sock_append(sock, node);
}

size_t sock_queued_bytes(const struct sock *sock)
{
    CHECK(sock->queued_bytes >= sock->head_offset);
    return sock->queued_bytes - sock->head_offset;
}

/* ---- writing --------------------------------------------------------------------------------- */

void sock_update_events(struct sock *sock)
{
    bool reads = !sock->paused || sock_is_shaking(sock);
    int events = (reads ? UV_READABLE : 0) | (sock->blocked ? UV_WRITABLE : 0);

    CHECK(sock->state != SOCK_CLOSED);
    /* Nothing comes but the news that the peer is gone, which needs something to be asked for. */
    if (sock->ended || (sock->end_waits && !reads))
        events = (events & UV_WRITABLE) | UV_PRIORITIZED;
    else if (!sock->end_waits)
        events |= UV_DISCONNECT;
    if (events == sock->events)
        return;
    sock->events = events;
    CHECK(uv_poll_start(&sock->poll, events, sock_ready) == 0);
}

/* FINISHING: as long as the peer takes what is left it has time for more. */
static void sock_linger(struct sock *sock)
{
    int64_t end = sock->loop->now_ms + (sock->head != NULL ? SOCK_TAKE_MS : SOCK_LINGER_MS);

    CHECK(sock->state == SOCK_FINISHING);
    timer_set(&sock->loop->wheel, &sock->timer,
              end < sock->finish_by_ms ? end : sock->finish_by_ms);
}

/* Takes `written` bytes off the queue. */
void sock_consume(struct sock *sock, size_t written)
{
    size_t messages = 0, bytes = 0;

    loop_count(&sock->loop->counts.bytes_out, written);
    sock->head_offset += written;
    while (sock->head != NULL && sock->head_offset >= sock->head->size) {
        struct sock_node *node = sock->head;
        sock->head = node->next;
        sock->head_offset -= node->size;
        sock->queued_bytes -= node->size;
        if (node->message != NULL) {
            messages++;
            bytes += node->size;
        }
        sock_node_free(node);
    }
    if (sock->head == NULL) {
        CHECK(sock->head_offset == 0 && sock->queued_bytes == 0);
        sock->tail = &sock->head;
        CHECK(atomic_fetch_sub(&sock->loop->unsent_count, 1) > 0);
    }
    if (sock->state == SOCK_FINISHING && written > 0)
        sock_linger(sock);
    if (sock->handlers->written != NULL && sock->state == SOCK_OPEN)
        sock->handlers->written(sock->context, messages, bytes);
}

/* One writev; false when the kernel takes nothing more now. */
static bool sock_write_some(struct sock *sock)
{
    struct iovec vectors[SOCK_IOVECS];
    size_t total = 0;
    int count = 0;

    CHECK(sock->head != NULL);
    if (sock->tls != NULL)
        return sock_tls_write_some(sock);
    for (struct sock_node *node = sock->head; node != NULL && count < SOCK_IOVECS;
         node = node->next) {
        size_t skip = count == 0 ? sock->head_offset : 0;
        char *start;
        memcpy(&start, &node->data, sizeof(start)); /* iovec has no const */
        vectors[count].iov_base = start + skip;
        vectors[count].iov_len = node->size - skip;
        total += vectors[count++].iov_len;
    }
    struct msghdr header = {.msg_iov = vectors, .msg_iovlen = (size_t)count};
    ssize_t written = sendmsg(sock->fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (written < 0 && (errno == EAGAIN || errno == EINTR)) {
        sock->blocked = true;
        return false;
    }
    if (written < 0) {
        sock_close(sock);
        return false;
    }
    sock->blocked = (size_t)written < total;
    sock_consume(sock, (size_t)written);
    return !sock->blocked;
}

/* Everything is written: tell the peer, and be gone once it has closed its side too. */
static void sock_flush_end(struct sock *sock)
{
    CHECK(sock->state == SOCK_FINISHING);
    if (sock->ended) {
        sock_close(sock);
        return;
    }
    if (!sock->sent_end && sock->tls != NULL)
        tls_finish(sock->tls);
    if (!sock->sent_end && shutdown(sock->fd, SHUT_WR) != 0) {
        sock_close(sock);
        return;
    }
    sock->sent_end = true;
}

void sock_flush(struct sock *sock)
{
    sock_mark_clean(sock);
    CHECK(sock->state != SOCK_CLOSED);
    if (sock_is_shaking(sock))
        return; /* comes again at its end */
    while (sock->state != SOCK_CLOSED && sock->head != NULL && sock_write_some(sock))
        ;
    if (sock->state == SOCK_CLOSED)
        return;
    if (sock->head == NULL && sock->state == SOCK_FINISHING)
        sock_flush_end(sock);
    if (sock->state != SOCK_CLOSED)
        sock_update_events(sock);
}

/* ---- reading --------------------------------------------------------------------------------- */

void sock_end(struct sock *sock)
{
    CHECK(sock->state != SOCK_CLOSED);
    if (sock->ended)
        return;
    sock->ended = true;
    if (sock->state == SOCK_OPEN)
        sock->handlers->ended(sock->context);
    else if (sock->head == NULL)
        sock_close(sock);
    if (sock->state != SOCK_CLOSED)
        sock_update_events(sock);
}

static void sock_receive(struct sock *sock)
{
    if (sock->tls != NULL && sock->state == SOCK_OPEN) {
        sock_tls_receive(sock);
        return;
    }
    ssize_t size = recv(sock->fd, sock->loop->read_buffer, LOOP_READ_BYTES, MSG_DONTWAIT);

    CHECK(sock->state != SOCK_CLOSED);
    if (size < 0) {
        if (errno != EAGAIN && errno != EINTR)
            sock_close(sock);
        return;
    }
    if (size == 0) {
        sock_end(sock);
    } else if (sock->state == SOCK_OPEN) {
        loop_count(&sock->loop->counts.bytes_in, (uint64_t)size);
        sock->handlers->read(sock->context, str_from(sock->loop->read_buffer, (size_t)size));
    } else {
        sock->drained_bytes += (size_t)size;
        if (sock->drained_bytes > SOCK_LINGER_BYTES)
            sock_close(sock);
    }
}

/* The peer has ended its side; behind what it sent before, if that is still to be read. */
static void sock_disconnected(struct sock *sock)
{
    CHECK(!sock->ended);
    if (!sock->paused) {
        sock_end(sock);
        return;
    }
    sock->end_waits = true;
    sock_update_events(sock);
    if (sock->state == SOCK_OPEN && sock->handlers->ends != NULL)
        sock->handlers->ends(sock->context);
}

static void sock_ready(uv_poll_t *handle, int status, int events)
{
    struct sock *sock = handle->data;

    CHECK(sock != NULL);
    if (sock->state == SOCK_CLOSED)
        return;
    if (status < 0 || (events & UV_PRIORITIZED) != 0) {
        sock_close(sock);
        return;
    }
    if (sock_is_shaking(sock)) {
        sock_tls_shake(sock);
        return;
    }
    if ((events & UV_WRITABLE) != 0) {
        sock->blocked = false;
        sock_flush(sock);
    }
    if ((events & UV_READABLE) != 0 && sock->state != SOCK_CLOSED && !sock->paused)
        sock_receive(sock);
    else if ((events & UV_DISCONNECT) != 0 && sock->state != SOCK_CLOSED)
        sock_disconnected(sock);
}

void sock_pause(struct sock *sock)
{
    CHECK(sock->loop != NULL);
    if (sock->paused || sock->state != SOCK_OPEN)
        return;
    sock->paused = true;
    sock_update_events(sock);
}

void sock_resume(struct sock *sock)
{
    CHECK(sock->loop != NULL);
    if (!sock->paused || sock->state != SOCK_OPEN)
        return;
    sock->paused = false;
    sock_update_events(sock);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void sock_set_peer(struct sock *sock, const struct sockaddr *address)
{
    CHECK(address != NULL);
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)address;
        (void)inet_ntop(AF_INET6, &six->sin6_addr, sock->peer, sizeof(sock->peer));
        sock->loopback =
            IN6_IS_ADDR_LOOPBACK(&six->sin6_addr) ||
            (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr) && six->sin6_addr.s6_addr[12] == 127);
    } else if (address->sa_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)address;
        (void)inet_ntop(AF_INET, &four->sin_addr, sock->peer, sizeof(sock->peer));
        sock->loopback = (ntohl(four->sin_addr.s_addr) >> 24) == 127;
    }
}

struct sock *sock_new(struct loop *loop, int fd, const struct sockaddr *address)
{
    struct sock *sock = mem_zalloc(sizeof(*sock));
    int one = 1;

    CHECK(fd >= 0);
    sock->loop = loop;
    sock->fd = fd;
    if (!sock_tls_start(sock) || uv_poll_init(&loop->uv, &sock->poll, fd) != 0) {
        tls_session_free(sock->tls);
        timer_remove(&sock->timer);
        mem_free(sock);
        return NULL;
    }
    sock->poll.data = sock;
    sock->tail = &sock->head;
    sock->urgent = true;
    sock_set_peer(sock, address);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (loop->options.send_buffer_bytes > 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &loop->options.send_buffer_bytes,
                         sizeof(loop->options.send_buffer_bytes));
    sock->next = loop->socks;
    if (loop->socks != NULL)
        loop->socks->previous = sock;
    loop->socks = sock;
    atomic_fetch_add(&loop->sock_count, 1);
    sock_update_events(sock);
    return sock;
}

static void sock_closed(uv_handle_t *handle)
{
    struct sock *sock = handle->data;

    CHECK(sock->state == SOCK_CLOSED && !sock->dirty);
    if (sock->handlers != NULL)
        sock->handlers->closed(sock->context);
    while (sock->head != NULL) {
        struct sock_node *node = sock->head;
        sock->head = node->next;
        sock_node_free(node);
    }
    tls_session_free(sock->tls);
    mem_free(sock);
}

void sock_close(struct sock *sock)
{
    struct loop *loop = sock->loop;

    if (sock->state == SOCK_CLOSED)
        return;
    sock_mark_clean(sock);
    sock->state = SOCK_CLOSED;
    timer_remove(&sock->timer);
    if (sock->previous != NULL)
        sock->previous->next = sock->next;
    else
        loop->socks = sock->next;
    if (sock->next != NULL)
        sock->next->previous = sock->previous;
    CHECK(atomic_fetch_sub(&loop->sock_count, 1) > 0);
    if (sock->head != NULL)
        CHECK(atomic_fetch_sub(&loop->unsent_count, 1) > 0);
    uv_close((uv_handle_t *)&sock->poll, sock_closed);
    close(sock->fd);
}

void sock_finish(struct sock *sock)
{
    CHECK(sock->loop != NULL);
    if (sock->state != SOCK_OPEN)
        return;
    if (sock_is_shaking(sock)) {
        sock_close(sock);
        return;
    }
    sock->state = SOCK_FINISHING;
    sock->paused = false;
    sock->finish_by_ms = sock->loop->now_ms + SOCK_FINISH_MS;
    sock_linger(sock);
    sock_update_events(sock);
    sock_mark_dirty(sock);
}

void sock_timer(struct sock *sock, int64_t in_ms)
{
    CHECK(in_ms >= 0);
    if (sock->state != SOCK_OPEN)
        return;
    if (sock_is_shaking(sock))
        sock->timer_after_shake_ms = in_ms;
    else if (in_ms == 0)
        timer_unset(&sock->timer);
    else
        timer_set(&sock->loop->wheel, &sock->timer, sock->loop->now_ms + in_ms);
}

void sock_timer_expired(struct timer_entry *entry)
{
    struct sock *sock = CONTAINER_OF(entry, struct sock, timer);

    CHECK(sock->state != SOCK_CLOSED);
    if (sock_is_shaking(sock))
        loop_count(&sock->loop->counts.handshake_failures, 1);
    if (sock->state == SOCK_OPEN && !sock_is_shaking(sock))
        sock->handlers->expired(sock->context);
    else
        sock_close(sock);
}

void sock_attach(struct sock *sock, const struct sock_handlers *handlers, void *context)
{
    CHECK(handlers->read != NULL && handlers->ended != NULL && handlers->expired != NULL &&
          handlers->closed != NULL);
    sock->handlers = handlers;
    sock->context = context;
}

void *sock_context(const struct sock *sock)
{
    CHECK(sock->handlers != NULL);
    return sock->context;
}

const struct sock_handlers *sock_handlers(const struct sock *sock)
{
    CHECK(sock->handlers != NULL);
    return sock->handlers;
}

const char *sock_peer(const struct sock *sock)
{
    CHECK(sock != NULL);
    return sock->peer;
}

bool sock_peer_is_loopback(const struct sock *sock)
{
    CHECK(sock != NULL);
    return sock->loopback;
}

void sock_urgent(struct sock *sock, bool urgent)
{
    CHECK(sock != NULL);
    sock->urgent = urgent;
}

bool sock_is_open(const struct sock *sock)
{
    CHECK(sock != NULL);
    return sock->state == SOCK_OPEN;
}
