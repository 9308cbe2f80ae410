/* transport_ws.c — one WebSocket over a plain socket: upgrade by hand (RFC 6455 §4), frames by
 * wslay.
 *
 * Over https:// the bytes go through transport_tls.c. One thread polls; any thread may send: texts
 * go to an outbox under a mutex and the poller is woken through an eventfd.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "client/client_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wslay/wslay.h>

enum {
    HEAD_MAX = 16384,
    MESSAGE_MAX = 16 << 20,
    POLL_BYTES_MAX = 256 << 10,
    SLICE_MS = 100,
    PACE_MS = 1000,
};

struct outgoing {
    struct outgoing *next;
    struct str text;
};

struct websocket {
    int fd, wake;
    struct tls *tls; /* NULL over http:// */
    bool broken;
    wslay_event_context_ptr context;
    struct buf early; /* bytes that came behind the upgrade answer */
    size_t early_taken;
    size_t budget; /* bytes that this poll may still read: a busy server must not starve sending */
    int silence_ms, silent_ms;           /* the limit, and how long polls have waited for a byte */
    bool probed;                         /* a ping asks whether anybody is there */
    int64_t sent_ms[WEBSOCKET_PACE_MAX]; /* when the latest texts went out: a ring of `pace` */
    unsigned pace, next_sent;
    void (*message)(void *context, struct str text);
    void *message_context;
    pthread_mutex_t mutex; /* of the outbox */
    struct outgoing *outbox, **outbox_tail;
};

/* ---- connecting
 * ------------------------------------------------------------------------------------ */

/* In short slices, so that giving up is noticed. */
int websocket_await(int fd, short events, int64_t end, const atomic_bool *cancelled)
{
    CHECK(fd >= 0 && events != 0);
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = events};
        int64_t left = end - clock_monotonic_ms();
        if (cancelled && atomic_load(cancelled))
            return ECANCELED;
        if (left <= 0)
            return ETIMEDOUT;
        int ready = poll(&wait, 1, left < SLICE_MS ? (int)left : SLICE_MS);
        if (ready > 0)
            return 0;
        if (ready < 0 && errno != EINTR)
            return errno;
    }
}

/* One address; 0 or an errno. */
static int websocket_connect_one(const struct addrinfo *at, const struct websocket_options *options,
                                 int *out)
{
    int fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, at->ai_protocol);
    int failure = 0;
    socklen_t size = sizeof failure;

    CHECK(out);
    if (fd < 0)
        return errno;
    if (connect(fd, at->ai_addr, at->ai_addrlen) != 0)
        failure = errno == EINPROGRESS
                      ? websocket_await(fd, POLLOUT, options->end_ms, options->cancelled)
                      : errno;
    if (failure == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size) != 0)
        failure = errno;
    if (failure != 0)
        close(fd);
    else
        *out = fd;
    return failure;
}

static int websocket_connect(const char *host, const char *port,
                             const struct websocket_options *options, kalam_error *error)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    int fd = -1, failure = getaddrinfo(host, port, &hints, &list), reason = 0;

    CHECK(host);
    if (failure) {
        client_fail(error, KALAM_CONNECTION, "cannot resolve %s: %s", host, gai_strerror(failure));
        return -1;
    }
    for (struct addrinfo *at = list; at && fd < 0; at = at->ai_next)
        reason = websocket_connect_one(at, options, &fd);
    freeaddrinfo(list);
    if (fd < 0)
        client_fail(error, KALAM_CONNECTION, "cannot reach %s:%s: %s", host, port,
                    strerror(reason));
    else
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}

/* host and port of http(s)://host[:port]; false if it is no such URL. */
static bool websocket_address(const char *url, char host[256], char port[8], bool *secure)
{
    const char *start, *end, *colon;

    CHECK(url);
    *secure = strncmp(url, "https://", 8) == 0;
    if (!*secure && strncmp(url, "http://", 7) != 0)
        return false;
    start = url + (*secure ? 8 : 7);
    end = start + strcspn(start, "/");
    if (*start == '[') {
        const char *bracket = memchr(start, ']', (size_t)(end - start));
        if (!bracket)
            return false;
        colon = bracket + 1 < end && bracket[1] == ':' ? bracket + 1 : NULL;
        snprintf(host, 256, "%.*s", (int)(bracket - start - 1), start + 1);
    } else {
        colon = memchr(start, ':', (size_t)(end - start));
        snprintf(host, 256, "%.*s", (int)((colon ? colon : end) - start), start);
    }
    if (colon)
        snprintf(port, 8, "%.*s", (int)(end - colon - 1), colon + 1);
    else
        snprintf(port, 8, "%s", *secure ? "443" : "80");
    return *host && *port;
}

static ssize_t websocket_get(struct websocket *socket, void *out, size_t size)
{
    CHECK(socket->fd >= 0);
    return socket->tls ? tls_read(socket->tls, out, size)
                       : recv(socket->fd, out, size, MSG_DONTWAIT);
}

static ssize_t websocket_put(struct websocket *socket, const void *data, size_t size)
{
    CHECK(socket->fd >= 0);
    return socket->tls ? tls_write(socket->tls, data, size)
                       : send(socket->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static bool websocket_write_all(struct websocket *socket, struct str bytes,
                                const struct websocket_options *options)
{
    CHECK(bytes.size == 0 || bytes.data);
    while (bytes.size > 0) {
        ssize_t wrote = websocket_put(socket, bytes.data, bytes.size);
        if (wrote < 0 && errno == EAGAIN &&
            websocket_await(socket->fd, POLLOUT, options->end_ms, options->cancelled) != 0)
            return false;
        if (wrote < 0 && errno != EINTR && errno != EAGAIN)
            return false;
        if (wrote > 0)
            bytes = str_from(bytes.data + wrote, bytes.size - (size_t)wrote);
    }
    return true;
}

/* Reads the head of the answer; what follows it stays in `early`. False when the connection ended.
 */
static bool websocket_read_head(struct websocket *socket, const struct websocket_options *options,
                                struct buf *head)
{
    CHECK(socket);
    while (head->size < HEAD_MAX) {
        if (!tls_has_bytes(socket->tls) &&
            websocket_await(socket->fd, POLLIN, options->end_ms, options->cancelled) != 0)
            return false;
        char *room = buf_reserve(head, 4096);
        if (!room)
            return false;
        ssize_t got = websocket_get(socket, room, 4096);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (got <= 0)
            return false;
        head->size += (size_t)got;
        size_t at = str_find(buf_str(head), STR_LIT("\r\n\r\n"));
        if (at != SIZE_MAX) {
            buf_append(&socket->early, head->data + at + 4, head->size - at - 4);
            head->size = at;
            return !socket->early.failed;
        }
    }
    return false;
}

/* The Sec-WebSocket-Accept value for a key, RFC 6455 §4.2.2. */
static void websocket_accept_for(const char *key, char out[32])
{
    char text[128];
    unsigned char digest[SHA_DIGEST_LENGTH];
    int size = snprintf(text, sizeof text, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);

    CHECK(size > 0 && (size_t)size < sizeof text);
    SHA1((const unsigned char *)text, (size_t)size, digest);
    EVP_EncodeBlock((unsigned char *)out, digest, sizeof digest);
}

static kalam_status websocket_upgrade(struct websocket *socket,
                                      const struct websocket_options *options, const char *host,
                                      const char *port, kalam_error *error)
{
    struct buf request, head;
    unsigned char random[16];
    char key[32], accept[32];
    int code = 0;
    kalam_status status = KALAM_OK;

    CHECK(socket);
    buf_init_secret(&request);
    buf_init_fallible(&head);
    id_random(random, sizeof random);
    EVP_EncodeBlock((unsigned char *)key, random, sizeof random);
    websocket_accept_for(key, accept);
    buf_printf(
        &request,
        "GET /v1/ws HTTP/1.1\r\nHost: %s%s%s:%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n",
        strchr(host, ':') ? "[" : "", host, strchr(host, ':') ? "]" : "", port, key);
    for (const char *line = options->headers; line && *line;) {
        size_t size = strcspn(line, "\n");
        buf_printf(&request, "%.*s\r\n", (int)size, line);
        line += size + (line[size] == '\n');
    }
    buf_append_str(&request, STR_LIT("\r\n"));
    if (request.failed) {
        status = client_no_memory(error);
    } else if (!websocket_write_all(socket, buf_str(&request), options) ||
               !websocket_read_head(socket, options, &head)) {
        status = head.failed || socket->early.failed
                     ? client_no_memory(error)
                     : client_fail(error, KALAM_CONNECTION,
                                   "the server closed the connection during the upgrade");
    } else {
        buf_append_byte(&head, 0);
        if (head.failed)
            status = client_no_memory(error);
        else if (sscanf(head.data, "HTTP/1.1 %d", &code) != 1 || code != 101)
            status = client_fail(
                error, code == 401 || code == 403 ? KALAM_AUTHENTICATION : KALAM_WEBSOCKET,
                "the server refused the WebSocket (HTTP %d)", code);
        else if (str_find(buf_str(&head), str_from_c(accept)) == SIZE_MAX)
            status = client_fail(error, KALAM_WEBSOCKET, "the upgrade answer does not fit its key");
    }
    buf_clear(&request);
    buf_clear(&head);
    return status;
}

/* ---- frames
 * ---------------------------------------------------------------------------------------- */

static ssize_t websocket_recv(wslay_event_context_ptr context, uint8_t *data, size_t size,
                              int flags, void *user)
{
    struct websocket *socket = user;
    size_t early = socket->early.size - socket->early_taken;
    ssize_t got;

    CHECK(user);
    (void)flags;
    if (early > 0) {
        size_t take = early < size ? early : size;
        memcpy(data, socket->early.data + socket->early_taken, take);
        socket->early_taken += take;
        return (ssize_t)take;
    }
    if (socket->budget == 0) { /* the rest in the next poll */
        wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    got = websocket_get(socket, data, size < socket->budget ? size : socket->budget);
    if (got > 0) {
        socket->budget -= (size_t)got;
        socket->silent_ms = 0;
        socket->probed = false;
        return got;
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
    } else {
        socket->broken = true;
        wslay_event_set_error(context, WSLAY_ERR_CALLBACK_FAILURE);
    }
    return -1;
}

static ssize_t websocket_write(wslay_event_context_ptr context, const uint8_t *data, size_t size,
                               int flags, void *user)
{
    struct websocket *socket = user;
    ssize_t wrote = websocket_put(socket, data, size);

    CHECK(user);
    (void)flags;
    if (wrote >= 0)
        return wrote;
    if (errno == EAGAIN || errno == EINTR) {
        wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
    } else {
        socket->broken = true;
        wslay_event_set_error(context, WSLAY_ERR_CALLBACK_FAILURE);
    }
    return -1;
}

static int websocket_mask(wslay_event_context_ptr context, uint8_t *data, size_t size, void *user)
{
    CHECK(user);
    (void)context, (void)user;
    id_random(data, size);
    return 0;
}

static void websocket_message(wslay_event_context_ptr context,
                              const struct wslay_event_on_msg_recv_arg *message, void *user)
{
    struct websocket *socket = user;

    CHECK(socket && message);
    (void)context;
    if (message->opcode == WSLAY_TEXT_FRAME && socket->message)
        socket->message(socket->message_context,
                        str_from((const char *)message->msg, message->msg_length));
}

static const struct wslay_event_callbacks websocket_callbacks = {
    .recv_callback = websocket_recv,
    .send_callback = websocket_write,
    .genmask_callback = websocket_mask,
    .on_msg_recv_callback = websocket_message,
};

/* Why there is no connection: one that was given up says so. */
static kalam_status websocket_given_up(const struct websocket_options *options, kalam_status status,
                                       kalam_error *error)
{
    CHECK(status != KALAM_OK);
    if (status != KALAM_CONNECTION)
        return status;
    if (options->cancelled && atomic_load(options->cancelled))
        return client_fail(error, KALAM_TIMEOUT, "cancelled");
    if (clock_monotonic_ms() >= options->end_ms)
        return client_fail(error, KALAM_TIMEOUT, "the server did not answer in time");
    return status;
}

kalam_status websocket_open(const struct websocket_options *options, struct websocket **out,
                            kalam_error *error)
{
    char host[256], port[8];
    struct websocket *socket;
    kalam_status status;
    bool secure;

    CHECK(options->messages_per_second > 0 && options->messages_per_second <= WEBSOCKET_PACE_MAX);
    if (!websocket_address(options->url, host, port, &secure))
        return client_fail(error, KALAM_INVALID_URL, "a WebSocket needs an http(s):// URL: %s",
                           options->url);
    socket = mem_try_alloc(sizeof *socket);
    if (!socket)
        return client_no_memory(error);
    *socket = (struct websocket){.fd = -1,
                                 .wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
                                 .silence_ms = options->silence_ms,
                                 .pace = options->messages_per_second};
    for (unsigned i = 0; i < socket->pace; i++)
        socket->sent_ms[i] = -PACE_MS;
    buf_init_fallible(&socket->early);
    pthread_mutex_init(&socket->mutex, NULL);
    socket->outbox_tail = &socket->outbox;
    socket->fd = websocket_connect(host, port, options, error);
    status = socket->fd < 0 ? KALAM_CONNECTION : KALAM_OK;
    if (status == KALAM_OK && secure)
        status = tls_open(socket->fd, host, options, &socket->tls, error);
    if (status == KALAM_OK)
        status = websocket_upgrade(socket, options, host, port, error);
    if (status == KALAM_OK &&
        wslay_event_context_client_init(&socket->context, &websocket_callbacks, socket) != 0)
        status = client_no_memory(error);
    if (status != KALAM_OK) {
        websocket_close(socket);
        return websocket_given_up(options, status, error);
    }
    wslay_event_config_set_max_recv_msg_length(socket->context, MESSAGE_MAX);
    *out = socket;
    return KALAM_OK;
}

void websocket_close(struct websocket *socket)
{
    if (!socket)
        return;
    CHECK(socket->outbox_tail != NULL);
    if (socket->context) {
        if (!socket->broken) {
            wslay_event_queue_close(socket->context, 1000, NULL, 0);
            (void)wslay_event_send(socket->context);
        }
        wslay_event_context_free(socket->context);
    }
    while (socket->outbox) {
        struct outgoing *next = socket->outbox->next;
        mem_free(socket->outbox);
        socket->outbox = next;
    }
    tls_close(socket->tls);
    if (socket->fd >= 0)
        close(socket->fd);
    if (socket->wake >= 0)
        close(socket->wake);
    buf_clear(&socket->early);
    pthread_mutex_destroy(&socket->mutex);
    mem_free(socket);
}

unsigned websocket_close_code(const struct websocket *socket)
{
    CHECK(socket->context != NULL);
    return wslay_event_get_close_received(socket->context)
               ? wslay_event_get_status_code_received(socket->context)
               : 0;
}

void websocket_wake(struct websocket *socket)
{
    uint64_t one = 1;

    CHECK(socket);
    while (write(socket->wake, &one, sizeof one) < 0 && errno == EINTR)
        continue;
}

bool websocket_send(struct websocket *socket, struct str text)
{
    struct outgoing *outgoing = mem_try_alloc(sizeof *outgoing + text.size);

    CHECK(socket);
    if (!outgoing)
        return false;
    memcpy(outgoing + 1, text.data, text.size);
    *outgoing = (struct outgoing){.text = str_from((const char *)(outgoing + 1), text.size)};
    pthread_mutex_lock(&socket->mutex);
    *socket->outbox_tail = outgoing;
    socket->outbox_tail = &outgoing->next;
    pthread_mutex_unlock(&socket->mutex);
    websocket_wake(socket);
    return true;
}

/* ms until the next text may go out: the server drops what is beyond its messages per second. */
static int websocket_pace_ms(const struct websocket *socket)
{
    int64_t left = socket->sent_ms[socket->next_sent] + PACE_MS - clock_monotonic_ms();

    CHECK(socket->next_sent < socket->pace);
    return left > 0 ? (int)left : 0;
}

/* The first of the outbox, or NULL. */
static struct outgoing *websocket_take_one(struct websocket *socket)
{
    struct outgoing *first;

    pthread_mutex_lock(&socket->mutex);
    first = socket->outbox;
    CHECK(socket->outbox_tail != NULL);
    if (first) {
        socket->outbox = first->next;
        if (!socket->outbox)
            socket->outbox_tail = &socket->outbox;
    }
    pthread_mutex_unlock(&socket->mutex);
    return first;
}

/* Hands over what may go out now. How long a poll may take, `timeout_ms` at most, for the rest. */
static int websocket_take_outbox(struct websocket *socket, int timeout_ms)
{
    bool waiting;

    CHECK(socket->pace > 0);
    while (websocket_pace_ms(socket) == 0) {
        struct outgoing *outgoing = websocket_take_one(socket);
        if (!outgoing)
            return timeout_ms;
        struct wslay_event_msg message = {.opcode = WSLAY_TEXT_FRAME,
                                          .msg = (const uint8_t *)outgoing->text.data,
                                          .msg_length = outgoing->text.size};
        if (wslay_event_queue_msg(socket->context, &message) != 0)
            socket->broken = true;
        mem_free(outgoing);
        socket->sent_ms[socket->next_sent] = clock_monotonic_ms();
        socket->next_sent = (socket->next_sent + 1) % socket->pace;
    }
    pthread_mutex_lock(&socket->mutex);
    waiting = socket->outbox != NULL;
    pthread_mutex_unlock(&socket->mutex);
    int pace_ms = websocket_pace_ms(socket);
    return waiting && pace_ms < timeout_ms ? pace_ms : timeout_ms;
}

/* Half of the limit without a byte asks, all of it gives up. */
static void websocket_check_silence(struct websocket *socket)
{
    struct wslay_event_msg ping = {.opcode = WSLAY_PING};

    CHECK(socket->silent_ms >= 0);
    if (socket->silence_ms == 0 || socket->silent_ms < socket->silence_ms / 2)
        return;
    if (socket->probed && socket->silent_ms >= socket->silence_ms) {
        socket->broken = true;
    } else if (!socket->probed) {
        socket->probed = true;
        socket->silent_ms = socket->silence_ms / 2;
        if (wslay_event_queue_msg(socket->context, &ping) != 0)
            socket->broken = true;
    }
}

kalam_status websocket_poll(struct websocket *socket, int timeout_ms,
                            void (*message)(void *context, struct str text), void *context)
{
    struct pollfd wait[2] = {{.fd = socket->fd, .events = POLLIN},
                             {.fd = socket->wake, .events = POLLIN}};
    uint64_t count;
    int64_t start = clock_monotonic_ms(), waited_ms;

    CHECK(socket);
    socket->message = message;
    socket->message_context = context;
    timeout_ms = websocket_take_outbox(socket, timeout_ms);
    if (wslay_event_want_write(socket->context))
        wait[0].events |= POLLOUT;
    if (socket->early.size > socket->early_taken || tls_has_bytes(socket->tls))
        timeout_ms = 0;
    if (poll(wait, 2, timeout_ms) < 0 && errno != EINTR)
        socket->broken = true;
    if (wait[1].revents & POLLIN && read(socket->wake, &count, sizeof count) < 0 && errno != EAGAIN)
        socket->broken = true;
    (void)websocket_take_outbox(socket, 0);
    waited_ms = clock_monotonic_ms() - start; /* longer than asked: the process was stopped */
    socket->silent_ms += waited_ms < timeout_ms ? (int)waited_ms : timeout_ms;
    socket->budget = POLL_BYTES_MAX;
    if (!socket->broken && wslay_event_recv(socket->context) != 0)
        socket->broken = true;
    websocket_check_silence(socket);
    if (!socket->broken && wslay_event_want_write(socket->context) &&
        wslay_event_send(socket->context) != 0) {
        (void)wslay_event_recv(socket->context); /* it may have said why it takes no more */
        socket->broken = true;
    }
    if (wslay_event_get_close_received(socket->context))
        socket->broken = true;
    return socket->broken ? KALAM_WEBSOCKET : KALAM_OK;
}
