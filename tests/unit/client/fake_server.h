/* fake_server.h — a server on a free port that plays a script, for the tests of libkalam.
 *
 * One thread per connection reads requests and hands each to the test's handler, which answers,
 * drops the connection, or upgrades to WebSocket and goes on there.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_UNIT_CLIENT_FAKE_SERVER_H
#define TESTS_UNIT_CLIENT_FAKE_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

struct fake;

struct fake_request {
    struct fake *fake;
    int fd, connection, number; /* counted from 1 over all connections */
    char head[8192];
    char body[8192];
    bool drop; /* close behind the answer, or instead of one */
};

struct fake {
    int listener, port;
    char url[64];
    pthread_t thread;
    pthread_t workers[64];
    int fds[64];
    int connections;
    pthread_mutex_t mutex;
    atomic_int requests;
    atomic_int flag, flag2; /* free for the test's handler */
    atomic_int pings;       /* frames of the protocol */
    atomic_bool deaf;       /* they get no answer */
    atomic_bool stopping;
    void (*handle)(struct fake_request *request);
};

/* cmocka's assertions belong to the main thread; a handler uses this one. */
static void fake_require(bool condition, const char *what, const char *text)
{
    if (condition)
        return;
    fprintf(stderr, "fake server: %s: %s\n", what, text);
    abort();
}

static void fake_write(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t wrote = send(fd, data, size, MSG_NOSIGNAL);
        if (wrote <= 0)
            return;
        data += wrote;
        size -= (size_t)wrote;
    }
}

static void __attribute__((unused))
fake_answer(struct fake_request *request, int status, const char *body)
{
    char head[256];
    int size = snprintf(head, sizeof head,
                        "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                        "Location: /elsewhere\r\n\r\n",
                        status, strlen(body));
    fake_write(request->fd, head, (size_t)size);
    fake_write(request->fd, body, strlen(body));
}

static bool fake_read_exactly(int fd, void *out, size_t size)
{
    char *at = out;
    while (size > 0) {
        ssize_t got = recv(fd, at, size, 0);
        if (got <= 0)
            return false;
        at += got;
        size -= (size_t)got;
    }
    return true;
}

static bool fake_read_request(struct fake_request *request)
{
    size_t size = 0;
    const char *length;

    while (size < 4 || memcmp(request->head + size - 4, "\r\n\r\n", 4) != 0) {
        if (size + 1 >= sizeof request->head ||
            !fake_read_exactly(request->fd, request->head + size, 1))
            return false;
        size++;
    }
    request->head[size] = 0;
    length = strcasestr(request->head, "content-length:");
    size_t body = length ? strtoul(length + 15, NULL, 10) : 0;
    if (body >= sizeof request->body || !fake_read_exactly(request->fd, request->body, body))
        return false;
    request->body[body] = 0;
    return true;
}

struct fake_connection {
    struct fake *fake;
    int fd, number;
};

static void *fake_serve(void *argument)
{
    struct fake_connection connection = *(struct fake_connection *)argument;
    struct fake_request *request = calloc(1, sizeof *request);

    free(argument);
    request->fake = connection.fake;
    request->fd = connection.fd;
    request->connection = connection.number;
    while (!request->drop && fake_read_request(request)) {
        request->number = atomic_fetch_add(&connection.fake->requests, 1) + 1;
        connection.fake->handle(request);
    }
    shutdown(connection.fd, SHUT_RDWR);
    free(request);
    return NULL;
}

static void *fake_accept(void *argument)
{
    struct fake *fake = argument;

    for (;;) {
        int fd = accept(fake->listener, NULL, NULL);
        if (fd < 0 || atomic_load(&fake->stopping)) {
            if (fd >= 0)
                close(fd);
            return NULL;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        pthread_mutex_lock(&fake->mutex);
        fake_require(fake->connections < 64, "connections", "too many");
        struct fake_connection *connection = calloc(1, sizeof *connection);
        *connection = (struct fake_connection){fake, fd, fake->connections + 1};
        fake->fds[fake->connections] = fd;
        pthread_create(&fake->workers[fake->connections++], NULL, fake_serve, connection);
        pthread_mutex_unlock(&fake->mutex);
    }
}

static struct fake *fake_start(void (*handle)(struct fake_request *request))
{
    struct fake *fake = calloc(1, sizeof *fake);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;

    fake->handle = handle;
    pthread_mutex_init(&fake->mutex, NULL);
    fake->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fake->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fake->listener, 16), 0);
    assert_int_equal(getsockname(fake->listener, (struct sockaddr *)&address, &size), 0);
    fake->port = ntohs(address.sin_port);
    snprintf(fake->url, sizeof fake->url, "http://127.0.0.1:%d", fake->port);
    pthread_create(&fake->thread, NULL, fake_accept, fake);
    return fake;
}

static void fake_stop(struct fake *fake)
{
    atomic_store(&fake->stopping, true);
    shutdown(fake->listener, SHUT_RDWR);
    pthread_join(fake->thread, NULL);
    close(fake->listener);
    for (int i = 0; i < fake->connections; i++) {
        shutdown(fake->fds[i], SHUT_RDWR);
        pthread_join(fake->workers[i], NULL);
        close(fake->fds[i]);
    }
    pthread_mutex_destroy(&fake->mutex);
    free(fake);
}

/* ---- WebSocket ---- */

static void fake_ws_send(struct fake_request *request, const char *format, ...)
    __attribute__((unused, format(printf, 2, 3)));
static void fake_ws_send(struct fake_request *request, const char *format, ...)
{
    char text[4096];
    unsigned char head[4] = {0x81};
    va_list args;

    va_start(args, format);
    size_t size = (size_t)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fake_require(size < sizeof text, "send", format);
    head[1] = size < 126 ? (unsigned char)size : 126;
    head[2] = (unsigned char)(size >> 8);
    head[3] = (unsigned char)size;
    fake_write(request->fd, (const char *)head, size < 126 ? 2 : 4);
    fake_write(request->fd, text, size);
}

/* The next text message of the client; false at the end. Pings are answered or skipped. */
static bool __attribute__((unused))
fake_ws_receive(struct fake_request *request, char *out, size_t room)
{
    for (;;) {
        unsigned char head[2], extended[8], mask[4];
        if (!fake_read_exactly(request->fd, head, 2))
            return false;
        size_t size = head[1] & 127;
        if (size == 126) {
            if (!fake_read_exactly(request->fd, extended, 2))
                return false;
            size = (size_t)extended[0] << 8 | extended[1];
        }
        fake_require(head[1] & 128, "receive", "clients mask");
        fake_require(size < room, "receive", "too long");
        if (!fake_read_exactly(request->fd, mask, 4) || !fake_read_exactly(request->fd, out, size))
            return false;
        for (size_t i = 0; i < size; i++)
            out[i] = (char)(out[i] ^ mask[i % 4]);
        out[size] = 0;
        if ((head[0] & 15) == 8)
            return false;
        if ((head[0] & 15) == 9) {
            atomic_fetch_add(&request->fake->pings, 1);
            if (!atomic_load(&request->fake->deaf))
                fake_write(request->fd, "\x8a\0", 2);
        }
        if ((head[0] & 15) == 1 && !strstr(out, "\"ping\""))
            return true;
    }
}

/* Answers the upgrade. */
static void __attribute__((unused)) fake_ws_accept(struct fake_request *request)
{
    char key[128] = "", text[256];
    unsigned char digest[SHA_DIGEST_LENGTH];
    char accept[64];

    fake_require(sscanf(strcasestr(request->head, "sec-websocket-key:"), "%*s %100s", key) == 1,
                 "upgrade", request->head);
    snprintf(text, sizeof text, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    SHA1((unsigned char *)text, strlen(text), digest);
    EVP_EncodeBlock((unsigned char *)accept, digest, sizeof digest);
    int size = snprintf(text, sizeof text,
                        "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Accept: %s\r\n\r\n",
                        accept);
    fake_write(request->fd, text, (size_t)size);
}

/* Answers the upgrade and says auth_success. */
static void __attribute__((unused)) fake_ws_upgrade(struct fake_request *request)
{
    fake_ws_accept(request);
    fake_ws_send(request, "{\"type\":\"auth_success\",\"user\":\"lena\",\"role\":\"user\","
                          "\"protocol\":{\"serialization\":\"json\",\"compression\":\"none\"}}");
}

#define FAKE_OK \
    "{\"status\":\"success\",\"results\":[{\"row_count\":1,\"message\":\"Inserted 1 row(s)\"," \
    "\"as_user\":\"lena\"}],\"took\":1.274}"
#define FAKE_ROWS \
    "{\"status\":\"success\",\"results\":[{\"schema\":[{\"name\":\"id\",\"data_type\":\"BigInt\"," \
    "\"index\":0,\"flags\":[\"pk\",\"nn\",\"uq\"]},{\"name\":\"title\",\"data_type\":\"Text\"," \
    "\"index\":1},{\"name\":\"at\",\"data_type\":\"Timestamp\",\"index\":2},{\"name\":\"b\"," \
    "\"data_type\":\"Bytes\",\"index\":3},{\"name\":\"r\",\"data_type\":\"Double\",\"index\":4}]," \
    "\"rows\":[[\"9007199254740993\",\"Tea, " \
    "\\\"green\\\"\",0,[0,255],1.5],[\"8124\",null,null,null,null]]," \
    "\"row_count\":2,\"as_user\":\"lena\"}],\"took\":1.274}"

#endif
