/* bench_stream.c — events per second through a stream table, and how late they arrive: one
 * WebSocket subscriber, N HTTP writers that together send at a given rate.
 *
 * bench_stream PORT TABLE RATE SECONDS CONNECTIONS
 * TABLE has the columns (id BIGINT PRIMARY KEY, body TEXT). RATE 0 = as fast as answers come. The
 * id of an event is the time it was sent, so the subscriber knows how old it is. Reported are the
 * events that were delivered; `errors` are those that were sent and never came.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ws.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { CONNECTIONS_MAX = 256, ANSWER_MAX = 1 << 16, INBOX_MAX = 1 << 20, LATE_NS = 2000000000 };

struct writer {
    int fd;
    size_t got;
    char answer[ANSWER_MAX + 1];
};

static struct writer writers[CONNECTIONS_MAX];
static struct samples samples;
static atomic_long sent, received;
static atomic_bool finished;

/* ---- the subscriber -------------------------------------------------------------------------- */

/* Takes the ids out of what came; returns how much is to be kept for later. */
static size_t take_ids(char *data, size_t size)
{
    static const char mark[] = "\"id\":\"";
    int64_t now = bench_now_ns();
    char *at = data, *end = data + size;
    for (;;) {
        char *found = memmem(at, (size_t)(end - at), mark, sizeof mark - 1);
        if (!found ||
            !memchr(found + sizeof mark - 1, '"', (size_t)(end - found) - sizeof mark + 1))
            break;
        samples_add(&samples, now - strtoll(found + sizeof mark - 1, &at, 10));
        atomic_fetch_add(&received, 1);
    }
    size_t kept = (size_t)(end - at) < 64 ? (size_t)(end - at) : 64;
    memmove(data, end - kept, kept);
    return kept;
}

static void *subscriber(void *argument)
{
    static char data[INBOX_MAX];
    int fd = *(int *)argument;
    int64_t pinged = bench_now_ns();
    size_t size = 0;
    while (!atomic_load(&finished)) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (poll(&wait, 1, 100) > 0) {
            ssize_t n = read(fd, data + size, sizeof data - size);
            if (n <= 0)
                bench_die("subscriber", n ? strerror(errno) : "closed");
            size = take_ids(data, size + (size_t)n);
        }
        if (bench_now_ns() - pinged > 1000000000) {
            ws_send(fd, 1, "{\"type\":\"ping\"}");
            pinged = bench_now_ns();
        }
    }
    return NULL;
}

/* ---- the writers ----------------------------------------------------------------------------- */

static void send_event(struct writer *writer, const char *table)
{
    static int64_t last;
    char body[512];
    int64_t now = bench_now_ns();
    last = now > last ? now : last + 1;
    int size = snprintf(body, sizeof body,
                        "{\"sql\":\"INSERT INTO %s (id, body) VALUES ($1, 'somebody is typing')\","
                        "\"params\":[%ld]}",
                        table, (long)last);
    writer->got = 0;
    ws_post(writer->fd, body, (size_t)size);
    atomic_fetch_add(&sent, 1);
}

/* True when the answer is whole. */
static bool read_answer(struct writer *writer)
{
    ssize_t n = read(writer->fd, writer->answer + writer->got, ANSWER_MAX - writer->got);
    if (n <= 0)
        bench_die("read", n ? strerror(errno) : "closed");
    writer->got += (size_t)n;
    writer->answer[writer->got] = 0;
    char *end = strstr(writer->answer, "\r\n\r\n"),
         *length = strcasestr(writer->answer, "content-length:");
    if (!end || !length ||
        writer->got < (size_t)(end + 4 - writer->answer) + strtoul(length + 15, NULL, 10))
        return false;
    if (!strstr(end, "\"success\""))
        bench_die("answer", end + 4);
    return true;
}

static void write_events(const char *table, double rate, double seconds, int count)
{
    struct pollfd waits[CONNECTIONS_MAX];
    int64_t start = bench_now_ns(), end = start + (int64_t)(seconds * 1e9);
    int idle[CONNECTIONS_MAX], idle_count = count;
    for (int i = 0; i < count; i++) {
        idle[i] = i;
        waits[i] = (struct pollfd){.fd = writers[i].fd, .events = POLLIN};
    }
    while (bench_now_ns() < end || idle_count < count) {
        int64_t now = bench_now_ns();
        long due =
            rate > 0 ? (long)((double)(now - start) / 1e9 * rate) : atomic_load(&sent) + count;
        while (now < end && idle_count > 0 && atomic_load(&sent) < due)
            send_event(&writers[idle[--idle_count]], table);
        struct timespec pause = {.tv_nsec = 100000};
        if (ppoll(waits, (nfds_t)count, &pause, NULL) <= 0)
            continue;
        for (int i = 0; i < count; i++)
            if ((waits[i].revents & POLLIN) && read_answer(&writers[i]))
                idle[idle_count++] = i;
    }
}

int main(int argc, char **argv)
{
    if (argc != 6)
        bench_die("usage", "bench_stream PORT TABLE RATE SECONDS CONNECTIONS");
    int port = (int)strtol(argv[1], NULL, 10), count = (int)strtol(argv[5], NULL, 10);
    double rate = strtod(argv[3], NULL), seconds = strtod(argv[4], NULL);
    char text[512];
    pthread_t thread;
    int ws = ws_open(port);
    if (count < 1 || count > CONNECTIONS_MAX)
        bench_die("usage", "1 to 256 connections");
    ws_upgrade(ws, NULL);
    ws_read_until(ws, "auth_success");
    snprintf(
        text, sizeof text,
        "{\"type\":\"subscribe\",\"subscription\":{\"id\":\"b\",\"sql\":\"SELECT id FROM %s\"}}",
        argv[2]);
    ws_send(ws, 1, text);
    ws_read_until(ws, "subscription_ack");
    pthread_create(&thread, NULL, subscriber, &ws);
    for (int i = 0; i < count; i++)
        writers[i].fd = ws_open(port);
    int64_t start = bench_now_ns();
    write_events(argv[2], rate, seconds, count);
    int64_t end = bench_now_ns();
    while (atomic_load(&received) < atomic_load(&sent) && bench_now_ns() - end < LATE_NS)
        usleep(1000);
    atomic_store(&finished, true);
    pthread_join(thread, NULL);
    samples_report(&samples, (double)(end - start) / 1e9, 1,
                   atomic_load(&sent) - atomic_load(&received));
    return 0;
}
