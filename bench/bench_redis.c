/* bench_redis.c — the same work on Redis, so that it stands beside ours: closed-loop load like
 * bench_load's, and a change that reaches many waiting readers like bench_fanout's.
 *
 * bench_redis PORT fill ROWS                      hashes row:0 …, id and body, as bench/run's b.hot
 * bench_redis PORT xadd CONNECTIONS SECONDS       XADD of one row of about 100 bytes
 * bench_redis PORT hmget CONNECTIONS SECONDS ROWS both fields of a random row
 * bench_redis PORT change SOCKETS ROUNDS          XADD, until each of SOCKETS blocked in XREAD has
 * it One thread, epoll, plain sockets, RESP2 written by hand. Answers are read to their end.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ws.h"

#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/resource.h>

enum { ANSWER_MAX = 1 << 14, COMMAND_MAX = 1 << 12 };

struct connection {
    int fd;
    int64_t sent_at;
    size_t got;
    char answer[ANSWER_MAX];
};

static const char row_body[] =
    "message body number with some text, about one hundred bytes long in all ........";
static uint64_t random_state = 88172645463325252u;
static struct connection *connections;
static int connection_count, epoll_fd, port;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* ---- RESP ------------------------------------------------------------------------------------ */

/* A command of so many words; returns its size. */
static size_t command(char *out, int count, const char *const *words)
{
    size_t size = (size_t)sprintf(out, "*%d\r\n", count);
    for (int i = 0; i < count; i++)
        size += (size_t)sprintf(out + size, "$%zu\r\n%s\r\n", strlen(words[i]), words[i]);
    return size;
}

/* The end of the reply that begins at `at`, or NULL while it is not whole. */
static const char *reply_end(const char *at, const char *end)
{
    long left = 1; /* replies that are still to come: an array adds its elements */
    while (left > 0) {
        const char *line = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        if (!line)
            return NULL;
        long number = strtol(at + 1, NULL, 10);
        char type = *at;
        at = line + 1;
        left--;
        if (type == '-')
            bench_die("Redis", "an error was answered");
        if (type == '*' && number > 0)
            left += number;
        else if (type == '$' && number >= 0)
            at += number + 2;
        if (at > end)
            return NULL;
    }
    return at;
}

/* Reads what is there; true when the reply is whole. */
static bool receive(struct connection *connection)
{
    ssize_t n =
        read(connection->fd, connection->answer + connection->got, ANSWER_MAX - connection->got);
    if (n <= 0)
        bench_die("read", n ? strerror(errno) : "closed");
    connection->got += (size_t)n;
    return reply_end(connection->answer, connection->answer + connection->got) != NULL;
}

static void connect_all(int count)
{
    struct rlimit limit = {65536, 65536};
    setrlimit(RLIMIT_NOFILE, &limit);
    connections = calloc((size_t)count, sizeof *connections);
    connection_count = count;
    epoll_fd = epoll_create1(0);
    for (int i = 0; i < count; i++) {
        connections[i].fd = ws_open(port);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connections[i]};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, connections[i].fd, &event);
    }
}

/* ---- closed-loop load ------------------------------------------------------------------------ */

static uint64_t row_count, next_id = 1;

static void send_one(struct connection *connection, bool write)
{
    char out[COMMAND_MAX], id[32], key[32];
    const char *const add[] = {"XADD", "bench", "*", "id", id, "body", row_body};
    const char *const get[] = {"HMGET", key, "id", "body"};
    snprintf(id, sizeof id, "%lu", (unsigned long)next_id++);
    snprintf(key, sizeof key, "row:%lu",
             (unsigned long)(row_count ? next_random() % row_count : 0));
    size_t size = write ? command(out, 7, add) : command(out, 4, get);
    connection->got = 0;
    connection->sent_at = bench_now_ns();
    ws_write(connection->fd, out, size);
}

static void run_load(bool write, double seconds)
{
    struct samples samples = {0};
    struct epoll_event events[256];
    int64_t start = bench_now_ns(), end = start + (int64_t)(seconds * 1e9);
    int waiting = connection_count;
    for (int i = 0; i < connection_count; i++)
        send_one(&connections[i], write);
    while (waiting > 0) {
        int n = epoll_wait(epoll_fd, events, 256, 10000);
        if (n <= 0)
            bench_die("no answer for 10 s", NULL);
        for (int i = 0; i < n; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!receive(connection))
                continue;
            int64_t now = bench_now_ns();
            samples_add(&samples, now - connection->sent_at);
            if (now < end)
                send_one(connection, write);
            else
                waiting--;
        }
    }
    samples_report(&samples, (double)(bench_now_ns() - start) / 1e9, 1, 0);
}

static void run_fill(void)
{
    char out[COMMAND_MAX], key[32], id[32], body[64];
    const char *const set[] = {"HSET", key, "id", id, "body", body};
    for (uint64_t i = 0; i < row_count; i++) {
        snprintf(key, sizeof key, "row:%lu", (unsigned long)i);
        snprintf(id, sizeof id, "%lu", (unsigned long)i);
        snprintf(body, sizeof body, "message body number %lu with some text", (unsigned long)i);
        connections[0].got = 0;
        ws_write(connections[0].fd, out, command(out, 6, set));
        while (!receive(&connections[0]))
            ;
    }
}

/* ---- one change to many readers -------------------------------------------------------------- */

static void run_change(int rounds)
{
    static const char *const wait[] = {"XREAD", "BLOCK", "0", "STREAMS", "live", "$"};
    struct samples samples = {0};
    struct epoll_event events[256];
    static struct connection writer;
    char ask[COMMAND_MAX];
    size_t ask_size = command(ask, 6, wait);
    int64_t start = bench_now_ns();
    writer.fd = ws_open(port);
    for (int round = 0; round < rounds; round++) {
        char out[COMMAND_MAX], id[32];
        const char *const add[] = {
            "XADD", "live", "*", "id", id, "room", "1", "body", "a message of some words"};
        static const char *const ping[] = {"PING"};
        for (int i = 0; i < connection_count; i++) {
            connections[i].got = 0;
            ws_write(connections[i].fd, ask, ask_size);
        }
        /* Redis takes requests in the order they came in: once it answers, all readers wait. If one
         * did not, its message would never come and the run would end with an error. */
        for (int turn = 0; turn < 3; turn++) {
            writer.got = 0;
            ws_write(writer.fd, out, command(out, 1, ping));
            while (!receive(&writer))
                ;
        }
        snprintf(id, sizeof id, "%d", round);
        writer.got = 0;
        int64_t sent = bench_now_ns();
        ws_write(writer.fd, out, command(out, 9, add));
        for (int left = connection_count; left > 0;) {
            int n = epoll_wait(epoll_fd, events, 256, 10000);
            if (n <= 0)
                bench_die("change", "nothing comes");
            for (int i = 0; i < n; i++)
                left -= receive(events[i].data.ptr);
        }
        samples_add(&samples, bench_now_ns() - sent);
        while (!receive(&writer))
            ;
    }
    samples_report(&samples, (double)(bench_now_ns() - start) / 1e9, connection_count, 0);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        bench_die("usage", "bench_redis PORT fill ROWS | xadd CONNECTIONS SECONDS | "
                           "hmget CONNECTIONS SECONDS ROWS | change SOCKETS ROUNDS");
    port = (int)strtol(argv[1], NULL, 10);
    const char *mode = argv[2];
    long count = strtol(argv[3], NULL, 10);
    if (strcmp(mode, "fill") == 0) {
        row_count = (uint64_t)count;
        connect_all(1);
        run_fill();
        return 0;
    }
    connect_all((int)count);
    row_count = argc > 5 ? strtoull(argv[5], NULL, 10) : 0;
    if (strcmp(mode, "change") == 0)
        run_change(argc > 4 ? (int)strtol(argv[4], NULL, 10) : 100);
    else
        run_load(strcmp(mode, "xadd") == 0, argc > 4 ? strtod(argv[4], NULL) : 1);
    return 0;
}
