/* bench_sockets.c — the limit that the machine's sockets set: servers that do nothing.
 *
 * bench_sockets http ANSWER_BYTES
 *   answers every HTTP request with a body of so many bytes; a thread with a listener of its own
 * per core, epoll. Prints {"port":N} and serves until standard input ends. bench_load is its
 * client. bench_sockets fanout SOCKETS ROUNDS BYTES a message to the server makes it send a frame
 * of BYTES to each of SOCKETS; time from sending to the last one, reported as bench_fanout and
 * bench_bridge do. Nothing is stored.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ws.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum { REQUEST_MAX = 1 << 16, FRAME_MAX = 1 << 14 };

struct client {
    int fd;
    size_t got;
    char request[REQUEST_MAX + 1];
};

static char *answer;
static size_t answer_size;
static int port; /* of the listeners; 0 until the first has one */

/* A listener on this machine; the port of the first one is everybody's. */
static int listen_shared(void)
{
    struct sockaddr_in address = ws_address(port);
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int));
    if (bind(fd, (struct sockaddr *)&address, size) || listen(fd, 4096) ||
        getsockname(fd, (struct sockaddr *)&address, &size))
        bench_die("listen", strerror(errno));
    port = ntohs(address.sin_port);
    return fd;
}

/* ---- HTTP ------------------------------------------------------------------------------------ */

/* True when head and body are there. */
static bool request_whole(struct client *client)
{
    client->request[client->got] = 0;
    char *end = strstr(client->request, "\r\n\r\n");
    if (!end)
        return false;
    char *length = strcasestr(client->request, "content-length:");
    size_t body = length && length < end ? strtoul(length + 15, NULL, 10) : 0;
    return client->got >= (size_t)(end + 4 - client->request) + body;
}

static void serve(struct client *client)
{
    ssize_t n = read(client->fd, client->request + client->got, REQUEST_MAX - client->got);
    if (n <= 0) {
        close(client->fd);
        free(client);
        return;
    }
    client->got += (size_t)n;
    if (!request_whole(client))
        return;
    client->got = 0;
    ws_write(client->fd, answer, answer_size);
}

static void *loop(void *argument)
{
    int listener = (int)(intptr_t)argument, epoll_fd = epoll_create1(0);
    struct epoll_event events[256], event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int n = epoll_wait(epoll_fd, events, 256, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr) {
                serve(events[i].data.ptr);
                continue;
            }
            struct client *client = malloc(sizeof *client);
            client->fd = accept(listener, NULL, NULL);
            client->got = 0;
            setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
            event.data.ptr = client;
            epoll_ctl(epoll_fd, EPOLL_CTL_ADD, client->fd, &event);
        }
    }
    return NULL;
}

static void run_http(size_t body_size)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    answer = malloc(body_size + 256);
    answer_size = (size_t)sprintf(answer,
                                  "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                  "Content-Length: %zu\r\n\r\n",
                                  body_size);
    memset(answer + answer_size, 'x', body_size);
    answer_size += body_size;
    signal(SIGPIPE, SIG_IGN);
    for (long i = 0; i < cores; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, loop, (void *)(intptr_t)listen_shared());
    }
    printf("{\"port\":%d}\n", port);
    fflush(stdout);
    while (getchar() != EOF)
        ;
}

/* ---- fan-out --------------------------------------------------------------------------------- */

/* The other process: whatever comes from the first connection is answered to all others. */
static void fan(int listener, int count, const char *frame, size_t frame_size)
{
    static char data[REQUEST_MAX];
    int control = accept(listener, NULL, NULL), *sockets = calloc((size_t)count, sizeof *sockets);
    for (int i = 0; i < count; i++) {
        sockets[i] = accept(listener, NULL, NULL);
        setsockopt(sockets[i], IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    }
    ws_write(control, "r", 1);
    while (read(control, data, sizeof data) > 0)
        for (int i = 0; i < count; i++)
            ws_write(sockets[i], frame, frame_size);
    _exit(0);
}

static void run_fanout(int count, int rounds, size_t frame_size)
{
    static char frame[FRAME_MAX], data[REQUEST_MAX], byte;
    struct rlimit limit = {65536, 65536};
    struct samples samples = {0};
    struct epoll_event events[256], event = {.events = EPOLLIN};
    setrlimit(RLIMIT_NOFILE, &limit);
    memset(frame, 'x', sizeof frame);
    frame_size = frame_size > FRAME_MAX ? FRAME_MAX : frame_size;
    int listener = listen_shared(), epoll_fd = epoll_create1(0);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        fan(listener, count, frame, frame_size);
    }
    int control = ws_open(port);
    for (int i = 0; i < count; i++) {
        event.data.fd = ws_open(port);
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event.data.fd, &event);
    }
    if (read(control, &byte, 1) != 1)
        bench_die("fanout", "the server is gone");
    int64_t start = bench_now_ns();
    for (int i = 0; i < rounds; i++) {
        int64_t sent = bench_now_ns();
        ws_write(control, frame, frame_size);
        for (int left = count; left > 0;) {
            int n = epoll_wait(epoll_fd, events, 256, 60000);
            if (n <= 0)
                bench_die("fanout", "nothing comes");
            for (int k = 0; k < n; k++)
                if (read(events[k].data.fd, data, sizeof data) <= 0)
                    bench_die("read", strerror(errno));
            left -= n; /* a frame is small: it comes in one piece */
        }
        samples_add(&samples, bench_now_ns() - sent);
    }
    samples_report(&samples, (double)(bench_now_ns() - start) / 1e9, count, 0);
    kill(child, SIGKILL);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "http") == 0)
        run_http(strtoul(argv[2], NULL, 10));
    else if (argc == 5 && strcmp(argv[1], "fanout") == 0)
        run_fanout((int)strtol(argv[2], NULL, 10), (int)strtol(argv[3], NULL, 10),
                   strtoul(argv[4], NULL, 10));
    else
        bench_die("usage", "bench_sockets http ANSWER_BYTES | fanout SOCKETS ROUNDS BYTES");
    return 0;
}
