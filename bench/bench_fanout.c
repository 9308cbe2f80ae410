/* bench_fanout.c — many WebSockets with live queries.
 *
 * bench_fanout PORT MODE SOCKETS SUBSCRIPTIONS ROUNDS USER SQL [INSERT]
 *   change    each round sends INSERT over HTTP and waits until every socket has its change:
 *             p50 … of the time from sending to the last one
 *   setup     subscribes, waits for a line on standard input, sends one INSERT and waits until
 * every subscription has its change: how long either takes storm     loads, closes every socket,
 * sends ROUNDS × INSERT; then all come back at once and resume: time from the first connect until
 * each is `ready` resume    the same from a known position, given in place of INSERT hold
 * subscribes, prints one line, keeps the sockets alive until standard input ends snapshot  one
 * socket subscribes ROUNDS times with {} options: time until `ready` In USER and SQL {c} is the
 * number of the socket, {s} of the subscription on it; in INSERT {i} is a fresh number.
 * SUBSCRIPTIONS 0 = sockets that only authenticate.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ws.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/resource.h>

enum { READ_BYTES = 1 << 16, TAIL = 32 };

struct client {
    int fd, state;   /* state: of the storm */
    char tail[TAIL]; /* the end of what came last: a needle may lie across two reads */
    int tail_size;
};

static struct client *clients;
static int client_count, epoll_fd, port;

/* Copies a template with {c}, {s} and {i} replaced. */
static void fill(char *out, size_t size, const char *template, long c, long s, long i)
{
    size_t at = 0;
    for (const char *p = template; *p && at + 24 < size; p++) {
        long number = p[0] == '{' && p[1] == 'c' ? c : p[0] == '{' && p[1] == 's' ? s : i;
        if (p[0] == '{' && p[1] && strchr("csi", p[1]) && p[2] == '}') {
            at += (size_t)snprintf(out + at, size - at, "%ld", number);
            p += 2;
        } else {
            out[at++] = *p;
        }
    }
    out[at] = 0;
}

/* How often the needle came in one read. Pings (0x89 0x00) are answered by any frame. */
static int take(struct client *client, const char *needle)
{
    static char data[TAIL + READ_BYTES];
    size_t length = strlen(needle);
    memcpy(data, client->tail, (size_t)client->tail_size);
    ssize_t n = read(client->fd, data + client->tail_size, READ_BYTES);
    if (n <= 0)
        bench_die("read", n ? strerror(errno) : "closed");
    size_t size = (size_t)client->tail_size + (size_t)n;
    int found = 0;
    if (memmem(data, size, "\x89\x00", 2))
        ws_send(client->fd, 10, "");
    if (memmem(data, size, "\"type\":\"error\"", 14))
        bench_die("server", data + client->tail_size);
    char *at = data;
    while ((at = memmem(at, size - (size_t)(at - data), needle, length)) != NULL) {
        found++;
        at += length;
    }
    size_t keep = length - 1 < size ? length - 1 : size;
    client->tail_size = (int)(keep < TAIL ? keep : TAIL);
    memcpy(client->tail, data + size - client->tail_size, (size_t)client->tail_size);
    return found;
}

/* Until the needle came so often in all. */
static void wait_all(const char *needle, long count)
{
    struct epoll_event events[256];
    while (count > 0) {
        int n = epoll_wait(epoll_fd, events, 256, 60000);
        if (n == 0)
            bench_die("wait", "nothing comes");
        for (int i = 0; i < n; i++)
            count -= take(events[i].data.ptr, needle);
    }
}

static void connect_all(const char *user)
{
    char name[128];
    struct rlimit limit = {65536, 65536};
    setrlimit(RLIMIT_NOFILE, &limit);
    clients = calloc((size_t)client_count, sizeof *clients);
    for (int i = 0; i < client_count; i++) {
        fill(name, sizeof name, user, i, 0, 0);
        clients[i].fd = ws_open(port);
        ws_upgrade(clients[i].fd, name);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &clients[i]};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, clients[i].fd, &event);
        if (i % 200 == 199)
            wait_all("auth_success", 200);
    }
    wait_all("auth_success", client_count % 200);
}

static void subscribe_all(int subscriptions, const char *sql)
{
    char text[4096], message[4200];
    long pending = 0;
    for (int s = 0; s < subscriptions; s++) {
        for (int i = 0; i < client_count; i++) {
            fill(text, sizeof text, sql, i, s, 0);
            snprintf(message, sizeof message,
                     "{\"type\":\"subscribe\",\"subscription\":{\"id\":\"s%d\",\"sql\":\"%s\"}}", s,
                     text);
            ws_send(clients[i].fd, 1, message);
            if (++pending == 200) {
                wait_all("subscription_ack", pending);
                pending = 0;
            }
        }
    }
    wait_all("subscription_ack", pending);
}

static void insert(int http, const char *template, long number)
{
    char sql[4096], data[4096], body[4400];
    fill(sql, sizeof sql, template, 0, 0, number);
    int size = snprintf(body, sizeof body, "{\"sql\":\"%s\"}", sql);
    ws_post(http, body, (size_t)size);
    ssize_t n = read(http, data, sizeof data - 1);
    if (n <= 0 || !memmem(data, (size_t)n, "\"success\"", 9))
        bench_die("insert", n > 0 ? data : "closed");
}

static void run_change(int rounds, int subscriptions, const char *template)
{
    struct samples samples = {0};
    int http = ws_open(port);
    int64_t start = bench_now_ns(), base = bench_fresh();
    for (int i = 0; i < rounds; i++) {
        int64_t sent = bench_now_ns();
        insert(http, template, (long)(base + i));
        wait_all("\"change_type\"", (long)client_count * subscriptions);
        samples_add(&samples, bench_now_ns() - sent);
    }
    samples_report(&samples, (double)(bench_now_ns() - start) / 1e9,
                   (double)client_count * subscriptions, 0);
}

static void run_setup(int subscriptions, const char *sql, const char *template,
                      int64_t connected_ns)
{
    int64_t start = bench_now_ns();
    subscribe_all(subscriptions, sql);
    printf("{\"connect_seconds\":%.3f,\"subscribe_seconds\":%.3f}\n", (double)connected_ns / 1e9,
           (double)(bench_now_ns() - start) / 1e9);
    fflush(stdout);
    (void)getchar(); /* whoever measures our server says when */
    int64_t subscribed = bench_now_ns();
    int http = ws_open(port);
    insert(http, template, bench_fresh());
    wait_all("\"change_type\"", (long)client_count * subscriptions);
    printf("{\"change_seconds\":%.3f}\n", (double)(bench_now_ns() - subscribed) / 1e9);
}

/* ---- the storm ------------------------------------------------------------------------------- */

static const char *const storm_needles[] = {"auth_success", "\"status\":\"ready\""};

/* Asks for a snapshot and reads the position of its end. */
static long storm_position(const char *sql)
{
    static const char ready[] = "\"status\":\"ready\",\"last_seq_id\":";
    static char data[1 << 20];
    size_t got = 0;
    char message[4200], *found;
    snprintf(message, sizeof message,
             "{\"type\":\"subscribe\",\"subscription\":{\"id\":\"s\",\"sql\":\"%s\","
             "\"options\":{\"last_rows\":1}}}",
             sql);
    ws_send(clients[0].fd, 1, message);
    for (;;) {
        ssize_t n = read(clients[0].fd, data + got, sizeof data - 1 - got);
        if (n <= 0)
            bench_die("read", n ? strerror(errno) : "closed");
        data[got += (size_t)n] = 0;
        if ((found = memmem(data, got, ready, strlen(ready))) != NULL)
            return strtol(found + strlen(ready), NULL, 10);
    }
}

static void storm_connect(struct client *client)
{
    struct sockaddr_in address = ws_address(port);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    client->state = client->tail_size = 0;
    if (client->fd < 0 ||
        (connect(client->fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS))
        bench_die("connect", strerror(errno));
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = client};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, client->fd, &event);
}

static void storm_connected(struct client *client, const char *user)
{
    char name[128];
    fill(name, sizeof name, user, client - clients, 0, 0);
    fcntl(client->fd, F_SETFL, 0);
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, client->fd, &event);
    ws_upgrade(client->fd, name);
}

static void run_storm(int rounds, const char *user, const char *sql, const char *template)
{
    struct samples samples = {0};
    struct epoll_event events[256];
    char text[4096], message[4200];
    char *end;
    long position = strtol(template, &end, 10), base = bench_fresh();
    bool known = end != template;
    if (!known)
        position = storm_position(sql);
    int http = ws_open(port);
    for (int i = 0; i < client_count; i++)
        close(clients[i].fd);
    for (int i = 0; i < rounds && !known; i++)
        insert(http, template, base + i);
    int64_t start = bench_now_ns();
    for (int i = 0; i < client_count; i++)
        storm_connect(&clients[i]);
    for (int left = client_count; left > 0;) {
        int n = epoll_wait(epoll_fd, events, 256, 60000);
        if (n == 0)
            bench_die("storm", "nothing comes");
        for (int i = 0; i < n; i++) {
            struct client *client = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) {
                storm_connected(client, user);
            } else if (take(client, storm_needles[client->state]) > 0 && client->state++ == 0) {
                fill(text, sizeof text, sql, client - clients, 0, 0);
                snprintf(message, sizeof message,
                         "{\"type\":\"subscribe\",\"subscription\":{\"id\":\"s\",\"sql\":\"%s\","
                         "\"options\":{\"from\":%ld}}}",
                         text, position);
                ws_send(client->fd, 1, message);
            } else if (client->state == 2) {
                samples_add(&samples, bench_now_ns() - start);
                epoll_ctl(epoll_fd, EPOLL_CTL_DEL, client->fd, NULL);
                left--;
            }
        }
    }
    samples_report(&samples, (double)(bench_now_ns() - start) / 1e9, 1, 0);
}

static void run_hold(void)
{
    struct epoll_event events[256], input = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &input);
    printf("{\"ready\":%d}\n", client_count);
    fflush(stdout);
    for (;;) {
        int n = epoll_wait(epoll_fd, events, 256, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == NULL)
                return;
            take(events[i].data.ptr, "\"change_type\"");
        }
    }
}

static void run_snapshot(int rounds, const char *sql)
{
    struct samples samples = {0};
    char message[4200];
    int64_t start = bench_now_ns();
    for (int i = 0; i < rounds; i++) {
        snprintf(message, sizeof message,
                 "{\"type\":\"subscribe\",\"subscription\":{\"id\":\"s\",\"sql\":\"%s\","
                 "\"options\":{}}}",
                 sql);
        int64_t sent = bench_now_ns();
        ws_send(clients[0].fd, 1, message);
        wait_all("\"status\":\"ready\"", 1);
        samples_add(&samples, bench_now_ns() - sent);
    }
    samples_report(&samples, (double)(bench_now_ns() - start) / 1e9, 1, 0);
}

int main(int argc, char **argv)
{
    if (argc < 8)
        bench_die("usage", "bench_fanout PORT MODE SOCKETS SUBSCRIPTIONS ROUNDS USER SQL [INSERT]");
    port = (int)strtol(argv[1], NULL, 10);
    client_count = (int)strtol(argv[3], NULL, 10);
    int subscriptions = (int)strtol(argv[4], NULL, 10), rounds = (int)strtol(argv[5], NULL, 10);
    epoll_fd = epoll_create1(0);
    int64_t start = bench_now_ns();
    connect_all(argv[6]);
    if (strcmp(argv[2], "setup") == 0) {
        run_setup(subscriptions, argv[7], argc > 8 ? argv[8] : "", bench_now_ns() - start);
        return 0;
    }
    if (strcmp(argv[2], "storm") == 0 || strcmp(argv[2], "resume") == 0) {
        run_storm(rounds, argv[6], argv[7], argc > 8 ? argv[8] : "");
        return 0;
    }
    if (strcmp(argv[2], "snapshot") == 0) {
        run_snapshot(rounds, argv[7]);
        return 0;
    }
    subscribe_all(subscriptions, argv[7]);
    if (strcmp(argv[2], "change") == 0)
        run_change(rounds, subscriptions, argc > 8 ? argv[8] : "");
    else
        run_hold();
    return 0;
}
