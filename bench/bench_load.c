/* bench_load.c — closed-loop HTTP load: N connections, each sends the next request when its answer
 * is there.
 *
 * bench_load PORT CONNECTIONS SECONDS BODY [USER]
 * BODY is the JSON body, or @FILE that holds it, with {i} = counter unique over the whole run
 * (starts at BENCH_START), {rN} = random below N, {c} = number of the connection, {i*K+J} = counter
 * times K plus J (for multi-row statements). USER may hold {c}, {i} and {rN}. BENCH_TLS=1: over
 * TLS, certificates are not checked. BENCH_HEADER: one more header line, such as credentials.
 * BENCH_COUNT: ends after so many requests, however long they take. One thread, epoll, plain
 * sockets: the client must not be the limit. Beside the times it reports the mean bytes of a
 * request's and of an answer's body.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_MAX = 1 << 20, ANSWER_MAX = 1 << 22 };

struct connection {
    int fd, number;
    SSL *ssl; /* NULL = plain */
    int64_t sent_at;
    char *answer;
    size_t got, expected, head; /* expected 0 = length not known; head: bytes before the body */
};

static uint64_t counter, random_state = 88172645463325252u;
static uint64_t sent_bytes, answer_bytes; /* of bodies */
static char *request, *body;
static const char *body_template, *user_template, *header; /* header: BENCH_HEADER or NULL */
static SSL_CTX *tls;                                       /* NULL = plain */

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Fills placeholders; returns the size. */
static size_t expand(const char *from, char *out, size_t size_max, uint64_t number, int connection)
{
    size_t size = 0;
    while (*from && size < size_max - 32) {
        unsigned long below, times, plus;
        int used = 0;
        if (*from == '{' && sscanf(from, "{i*%lu+%lu}%n", &times, &plus, &used) == 2 && used) {
            size += (size_t)sprintf(out + size, "%lu", number * times + plus);
        } else if (strncmp(from, "{i}", 3) == 0) {
            size += (size_t)sprintf(out + size, "%lu", (unsigned long)number);
            used = 3;
        } else if (strncmp(from, "{c}", 3) == 0) {
            size += (size_t)sprintf(out + size, "%d", connection);
            used = 3;
        } else if (*from == '{' && sscanf(from, "{r%lu}%n", &below, &used) == 1 && used) {
            size += (size_t)sprintf(out + size, "%lu", next_random() % below);
        } else {
            out[size++] = *from;
            used = 1;
        }
        from += used;
    }
    out[size] = 0;
    return size;
}

/* The text of an argument: itself, or the content of @FILE. */
static const char *argument_text(const char *argument)
{
    if (*argument != '@')
        return argument;
    FILE *file = fopen(argument + 1, "r");
    char *text = calloc(1, REQUEST_MAX);
    if (!file || !text || fread(text, 1, REQUEST_MAX - 1, file) == 0)
        bench_die(argument + 1, "cannot be read");
    fclose(file);
    return text;
}

static void send_request(struct connection *connection)
{
    char user[128] = "";
    size_t body_size = expand(body_template, body, REQUEST_MAX, counter++, connection->number);
    if (user_template)
        expand(user_template, user, sizeof user, counter - 1, connection->number);
    sent_bytes += body_size;
    size_t size = (size_t)sprintf(
        request,
        "POST /v1/api/sql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "%s%s%s%s%sContent-Length: %zu\r\n\r\n",
        *user ? "X-User-Id: " : "", user, *user ? "\r\n" : "", header ? header : "",
        header ? "\r\n" : "", body_size);
    memcpy(request + size, body, body_size);
    size += body_size;
    connection->sent_at = bench_now_ns();
    connection->got = connection->expected = 0;
    for (size_t done = 0; done < size;) {
        ssize_t wrote = connection->ssl
                            ? SSL_write(connection->ssl, request + done, (int)(size - done))
                            : write(connection->fd, request + done, size - done);
        if (wrote < 0 &&
            (connection->ssl ? SSL_get_error(connection->ssl, (int)wrote) != SSL_ERROR_WANT_WRITE
                             : errno != EAGAIN))
            bench_die("write", strerror(errno));
        if (wrote > 0)
            done += (size_t)wrote;
    }
}

/* True when the whole answer is there. Chunked answers end with the last chunk. */
static bool answer_complete(struct connection *connection)
{
    connection->answer[connection->got] = 0;
    char *end = strstr(connection->answer, "\r\n\r\n");
    if (!end)
        return false;
    connection->head = (size_t)(end + 4 - connection->answer);
    if (!connection->expected) {
        char *length = strcasestr(connection->answer, "content-length:");
        if (length && length < end)
            connection->expected = connection->head + strtoul(length + 15, NULL, 10);
    }
    if (connection->expected)
        return connection->got >= connection->expected;
    return connection->got >= 5 &&
           memcmp(connection->answer + connection->got - 5, "0\r\n\r\n", 5) == 0;
}

static void open_connection(struct connection *connection, int number, int port, int epoll)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    connection->number = number;
    connection->fd = socket(AF_INET, SOCK_STREAM, 0);
    connection->answer = malloc(ANSWER_MAX + 1);
    if (connect(connection->fd, (struct sockaddr *)&address, sizeof address))
        bench_die("connect", strerror(errno));
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (tls) {
        connection->ssl = SSL_new(tls);
        SSL_set_fd(connection->ssl, connection->fd);
        if (SSL_connect(connection->ssl) != 1)
            bench_die("TLS handshake", NULL);
    }
    fcntl(connection->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event);
}

/* Bytes of the answer; 0 = none yet. */
static ssize_t receive(struct connection *connection)
{
    char *to = connection->answer + connection->got;
    size_t room = ANSWER_MAX - connection->got;
    if (!connection->ssl) {
        ssize_t got = read(connection->fd, to, room);
        return got == 0 ? -1 : got;
    }
    int got = SSL_read(connection->ssl, to, (int)room);
    if (got <= 0 && SSL_get_error(connection->ssl, got) == SSL_ERROR_WANT_READ)
        return 0; /* a ticket, or half a record */
    return got > 0 ? got : -1;
}

int main(int argc, char **argv)
{
    if (argc < 5)
        bench_die("usage", "bench_load PORT CONNECTIONS SECONDS BODY [USER]");
    int port = (int)strtol(argv[1], NULL, 10), count = (int)strtol(argv[2], NULL, 10);
    double seconds = strtod(argv[3], NULL);
    body_template = argument_text(argv[4]);
    user_template = argc > 5 ? argv[5] : NULL;
    header = getenv("BENCH_HEADER");
    counter = getenv("BENCH_START") ? strtoull(getenv("BENCH_START"), NULL, 10) : 1;
    if (getenv("BENCH_TLS")) {
        tls = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_mode(tls, SSL_MODE_AUTO_RETRY | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    }
    request = malloc(REQUEST_MAX + 4096);
    body = malloc(REQUEST_MAX);
    struct connection *connections = calloc((size_t)count, sizeof *connections);
    struct samples samples = {0};
    long errors = 0;
    int epoll = epoll_create1(0);
    for (int i = 0; i < count; i++)
        open_connection(&connections[i], i, port, epoll);
    uint64_t last = getenv("BENCH_COUNT") ? counter + strtoull(getenv("BENCH_COUNT"), NULL, 10) : 0;
    int64_t start = bench_now_ns(), end = last ? INT64_MAX : start + (int64_t)(seconds * 1e9);
    for (int i = 0; i < count; i++)
        send_request(&connections[i]);
    int waiting = count;
    while (waiting > 0) {
        struct epoll_event events[256];
        int n = epoll_wait(epoll, events, 256, 10000);
        if (n <= 0)
            bench_die("no answer for 10 s", NULL);
        for (int i = 0; i < n; i++) {
            struct connection *connection = events[i].data.ptr;
            ssize_t got = receive(connection);
            if (got == 0)
                continue;
            if (got < 0)
                bench_die("read", strerror(errno));
            connection->got += (size_t)got;
            if (!answer_complete(connection))
                continue;
            int64_t now = bench_now_ns();
            samples_add(&samples, now - connection->sent_at);
            if (memcmp(connection->answer + 9, "200", 3) != 0 && errors++ == 0)
                fprintf(stderr, "first error: %.*s\n", 600, connection->answer);
            answer_bytes += connection->got - connection->head;
            if (now < end && (!last || counter < last))
                send_request(connection);
            else
                waiting--;
        }
    }
    char more[96];
    snprintf(more, sizeof more, ",\"request_bytes\":%.0f,\"answer_bytes\":%.0f",
             (double)sent_bytes / (double)samples.count,
             (double)answer_bytes / (double)samples.count);
    samples_report_with(&samples, (double)(bench_now_ns() - start) / 1e9, 1, errors, more);
    return 0;
}
