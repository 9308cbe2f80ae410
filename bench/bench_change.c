/* bench_change.c — INSERT sent → change received: one WebSocket subscriber, one HTTP writer,
 * alternating.
 *
 * bench_change PORT TABLE COUNT   (TABLE: a user table with columns (id BIGINT PRIMARY KEY, body
 * TEXT))
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static int open_socket(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address))
        bench_die("connect", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}

/* Reads until `needle` shows up in what arrives. */
static void read_until(int fd, const char *needle)
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

static void send_frame(int fd, const char *text)
{
    unsigned char frame[4096];
    size_t size = strlen(text), head = 2;
    frame[0] = 0x81;
    if (size < 126) {
        frame[1] = 0x80 | (unsigned char)size;
    } else {
        frame[1] = 0x80 | 126;
        frame[2] = (unsigned char)(size >> 8);
        frame[3] = (unsigned char)size;
        head = 4;
    }
    memset(frame + head, 0, 4); /* mask of zeros */
    memcpy(frame + head + 4, text, size);
    if (write(fd, frame, head + 4 + size) < 0)
        bench_die("write", strerror(errno));
}

int main(int argc, char **argv)
{
    if (argc != 4)
        bench_die("usage", "bench_change PORT TABLE COUNT");
    int port = (int)strtol(argv[1], NULL, 10), count = (int)strtol(argv[3], NULL, 10);
    int http = open_socket(port), ws = open_socket(port);
    char text[4096], body[1024], id[64];
    dprintf(
        ws,
        "GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    read_until(ws, "auth_success");
    snprintf(
        text, sizeof text,
        "{\"type\":\"subscribe\",\"subscription\":{\"id\":\"b\",\"sql\":\"SELECT * FROM %s\"}}",
        argv[2]);
    send_frame(ws, text);
    read_until(ws, "subscription_ack");
    struct samples samples = {0};
    int64_t start = bench_now_ns(), base = start / 1000;
    for (int i = 0; i < count; i++) {
        snprintf(id, sizeof id, "\"%ld\"", (long)(base + i));
        int size = snprintf(
            body, sizeof body,
            "{\"sql\":\"INSERT INTO %s (id, body) VALUES ($1, 'a message of some words')\","
            "\"params\":[%ld]}",
            argv[2], (long)(base + i));
        int64_t sent = bench_now_ns();
        dprintf(http,
                "POST /v1/api/sql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                "Content-Length: %d\r\n\r\n%s",
                size, body);
        read_until(ws, id);
        samples_add(&samples, bench_now_ns() - sent);
        read_until(http, "\"took\"");
        if (i % 20 == 19)
            send_frame(ws, "{\"type\":\"ping\"}");
    }
    samples_report(&samples, (double)(bench_now_ns() - start) / 1e9, 1, 0);
    return 0;
}
