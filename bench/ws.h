/* ws.h — sockets of the bench programs: blocking connections on this machine, HTTP requests and
 * WebSocket frames as a client sends them.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_WS_H
#define BENCH_WS_H

#include "common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static inline struct sockaddr_in ws_address(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static inline int ws_open(int port)
{
    struct sockaddr_in address = ws_address(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address))
        bench_die("connect", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}

static inline void ws_write(int fd, const void *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t n = write(fd, (const char *)data + at, size - at);
        if (n <= 0)
            bench_die("write", strerror(errno));
        at += (size_t)n;
    }
}

/* Asks for the upgrade, as `user` if that is not NULL. */
static inline void ws_upgrade(int fd, const char *user)
{
    char request[512];
    int size = snprintf(request, sizeof request,
                        "GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                        "Sec-WebSocket-Version: 13\r\n%s%s%s\r\n",
                        user ? "X-User-Id: " : "", user ? user : "", user ? "\r\n" : "");
    ws_write(fd, request, (size_t)size);
}

static inline void ws_send(int fd, int opcode, const char *text)
{
    unsigned char frame[8192];
    size_t size = strlen(text), head = size < 126 ? 2 : 4;
    if (size > sizeof frame - 8)
        bench_die("frame", "too long");
    frame[0] = (unsigned char)(0x80 | opcode);
    frame[1] = (unsigned char)(0x80 | (size < 126 ? size : 126));
    if (size >= 126) {
        frame[2] = (unsigned char)(size >> 8);
        frame[3] = (unsigned char)size;
    }
    memset(frame + head, 0, 4); /* mask of zeros */
    memcpy(frame + head + 4, text, size);
    ws_write(fd, frame, head + 4 + size);
}

/* Reads until `needle` shows up in what arrives. */
static inline void ws_read_until(int fd, const char *needle)
{
    static char data[1 << 16];
    size_t got = 0;
    for (;;) {
        ssize_t n = read(fd, data + got, sizeof data - 1 - got);
        if (n <= 0)
            bench_die("read", n ? strerror(errno) : "closed");
        got += (size_t)n;
        if (memmem(data, got, needle, strlen(needle)))
            return;
        if (got > sizeof data / 2)
            got = 0;
    }
}

/* One request with a JSON body; the answer is not read. */
static inline void ws_post(int http, const char *body, size_t size)
{
    if (dprintf(http,
                "POST /v1/api/sql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                "Content-Length: %zu\r\n\r\n%s",
                size, body) < 0)
        bench_die("write", strerror(errno));
}

#endif
