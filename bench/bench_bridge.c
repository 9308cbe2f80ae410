/* bench_bridge.c — what one builds without us: PostgreSQL, a trigger that calls pg_notify, and a
 * bridge that forwards every notification to WebSockets.
 *
 * bench_bridge PG_PORT COUNT SOCKETS SQL
 * The bridge is a process of its own: one connection that LISTENs on `bench`, one gathered turn
 * of writes per notification, frames as a server sends them, no handshake. The client sends SQL
 * over a second connection ({i} is a fresh number) and waits until each of SOCKETS has its frame.
 * Reported as in bench_fanout. The cluster trusts local connections (database and user postgres).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ws.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum { MESSAGE_MAX = 1 << 16 };

struct postgres {
    int fd;
    size_t got;
    char data[MESSAGE_MAX];
};

static int *sockets, socket_count, epoll_fd;
static struct postgres listening;

/* ---- PostgreSQL's protocol, as much as a simple query needs ------------------------------------
 */

static uint32_t pg_number(const char *at)
{
    uint32_t number;
    memcpy(&number, at, 4);
    return ntohl(number);
}

/* Reads one message; its payload lies at `payload` until the next call. */
static char pg_next(struct postgres *pg, char *payload, size_t *size)
{
    for (;;) {
        if (pg->got >= 5 && pg->got >= 1 + pg_number(pg->data + 1)) {
            size_t whole = 1 + pg_number(pg->data + 1);
            char type = pg->data[0];
            *size = whole - 5;
            memcpy(payload, pg->data + 5, *size);
            payload[*size] = 0;
            pg->got -= whole;
            memmove(pg->data, pg->data + whole, pg->got);
            if (type == 'E')
                bench_die("PostgreSQL", payload + 1);
            return type;
        }
        ssize_t n = read(pg->fd, pg->data + pg->got, sizeof pg->data - pg->got);
        if (n <= 0)
            bench_die("PostgreSQL", n ? strerror(errno) : "closed");
        pg->got += (size_t)n;
    }
}

static void pg_wait(struct postgres *pg, char type)
{
    static _Thread_local char payload[MESSAGE_MAX + 1];
    size_t size;
    while (pg_next(pg, payload, &size) != type)
        ;
}

static void pg_query(struct postgres *pg, const char *sql)
{
    char message[4096];
    uint32_t size = htonl((uint32_t)strlen(sql) + 5);
    message[0] = 'Q';
    memcpy(message + 1, &size, 4);
    memcpy(message + 5, sql, strlen(sql) + 1);
    ws_write(pg->fd, message, strlen(sql) + 6);
    pg_wait(pg, 'Z');
}

static void pg_open(struct postgres *pg, int port)
{
    static const char start[] = "\0\0\0\0\0\3\0\0user\0postgres\0database\0postgres\0";
    char message[sizeof start];
    uint32_t size = htonl(sizeof message);
    memcpy(message, start, sizeof start);
    memcpy(message, &size, 4);
    pg->fd = ws_open(port);
    ws_write(pg->fd, message, sizeof message);
    pg_wait(pg, 'Z');
}

/* ---- the bridge --------------------------------------------------------------------------------
 */

/* The other process: takes the sockets, says so, forwards until it is killed. */
static void bridge(int listener, int port, int ready)
{
    static char payload[MESSAGE_MAX + 1], frame[MESSAGE_MAX + 8];
    sockets = calloc((size_t)socket_count, sizeof *sockets);
    for (int i = 0; i < socket_count; i++) {
        sockets[i] = accept(listener, NULL, NULL);
        if (sockets[i] < 0)
            bench_die("accept", strerror(errno));
        setsockopt(sockets[i], IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    }
    pg_open(&listening, port);
    pg_query(&listening, "LISTEN bench");
    ws_write(ready, "", 1);
    for (;;) {
        size_t size, head = 2;
        if (pg_next(&listening, payload, &size) != 'A')
            continue;
        const char *text = payload + 4 + strlen(payload + 4) + 1; /* process, channel, text */
        size_t length = strlen(text);
        frame[0] = (char)0x81;
        frame[1] = (char)(length < 126 ? length : 126);
        if (length >= 126) {
            frame[2] = (char)(length >> 8);
            frame[3] = (char)length;
            head = 4;
        }
        memcpy(frame + head, text, length);
        for (int i = 0; i < socket_count; i++)
            ws_write(sockets[i], frame, head + length);
    }
}

static pid_t start_bridge(int port)
{
    struct sockaddr_in address = ws_address(0);
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), ready[2];
    char byte;
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024) ||
        getsockname(listener, (struct sockaddr *)&address, &size) || pipe(ready))
        bench_die("listen", strerror(errno));
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        bridge(listener, port, ready[1]);
    }
    close(listener);
    for (int i = 0; i < socket_count; i++) {
        struct epoll_event event = {.events = EPOLLIN};
        event.data.fd = ws_open(ntohs(address.sin_port));
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event.data.fd, &event);
    }
    if (child < 0 || read(ready[0], &byte, 1) != 1)
        bench_die("bridge", strerror(errno));
    return child;
}

static void wait_all(void)
{
    static char data[MESSAGE_MAX];
    struct epoll_event events[256];
    for (int left = socket_count; left > 0;) {
        int n = epoll_wait(epoll_fd, events, 256, 60000);
        if (n == 0)
            bench_die("wait", "nothing comes");
        for (int i = 0; i < n; i++)
            if (read(events[i].data.fd, data, sizeof data) <= 0)
                bench_die("read", strerror(errno));
        left -= n; /* a frame is small: it comes in one piece */
    }
}

int main(int argc, char **argv)
{
    static struct postgres writer;
    struct rlimit limit = {65536, 65536};
    struct samples samples = {0};
    char sql[4096];
    if (argc != 5)
        bench_die("usage", "bench_bridge PG_PORT COUNT SOCKETS SQL");
    int port = (int)strtol(argv[1], NULL, 10), count = (int)strtol(argv[2], NULL, 10);
    socket_count = (int)strtol(argv[3], NULL, 10);
    setrlimit(RLIMIT_NOFILE, &limit);
    epoll_fd = epoll_create1(0);
    pid_t child = start_bridge(port);
    pg_open(&writer, port);
    int64_t start = bench_now_ns(), base = bench_fresh();
    for (int i = 0; i < count; i++) {
        char *mark = strstr(argv[4], "{i}");
        snprintf(sql, sizeof sql, "%.*s%ld%s", mark ? (int)(mark - argv[4]) : 0, argv[4],
                 (long)(base + i), mark ? mark + 3 : argv[4]);
        int64_t sent = bench_now_ns();
        pg_query(&writer, sql);
        wait_all();
        samples_add(&samples, bench_now_ns() - sent);
    }
    samples_report(&samples, (double)(bench_now_ns() - start) / 1e9, socket_count, 0);
    kill(child, SIGKILL);
    return 0;
}
