/* test_net.c — the whole network side over real sockets, with fakes in place of session/ and live/:
 * routes, phases, pipelining, streaming with back-pressure, clients that leave, WebSockets.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "net/net.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- fakes: the body of a request says what happens ------------------------------------------ */

struct session_request {
    struct task task;
    struct session_request_options options;
    atomic_bool cancelled;
    enum status result;
};

static struct worker_pool *workers;
static atomic_int waiting_count, cancelled_count, part_failures;
static _Atomic(struct live_peer_options *) last_peer;
static atomic_int closed_peers, subscriptions, written_messages;

static void finish(struct session_request *request, enum status status, const char *text)
{
    struct buf response = {0};

    buf_append_str(&response, str_from_c(text));
    request->options.done(request->options.context, status, &response);
    buf_clear(&response);
}

static void finish_on_loop(struct task *task)
{
    struct session_request *request = CONTAINER_OF(task, struct session_request, task);

    finish(request, request->result, request->result == STATUS_OK ? "later" : "gone");
    mem_free(request);
}

/* Streams 64 parts of 256 KiB. */
static void stream_on_worker(struct task *task)
{
    struct session_request *request = CONTAINER_OF(task, struct session_request, task);
    enum status status = STATUS_OK;

    for (int i = 0; i < 64 && status == STATUS_OK; i++) {
        struct buf part = {0};
        memset(buf_reserve(&part, 256 * 1024), 'a' + i % 26, 256 * 1024);
        part.size = 256 * 1024;
        status = request->options.send_part(request->options.context, &part);
        buf_clear(&part);
    }
    if (status != STATUS_OK)
        atomic_fetch_add(&part_failures, 1);
    request->result = status;
    request->task.run = finish_on_loop;
    request->options.post(request->options.context, &request->task);
}

/* Until it is cancelled. */
static void wait_on_worker(struct task *task)
{
    struct session_request *request = CONTAINER_OF(task, struct session_request, task);

    atomic_fetch_add(&waiting_count, 1);
    while (!atomic_load(&request->cancelled))
        usleep(1000);
    atomic_fetch_add(&cancelled_count, 1);
    request->result = STATUS_CANCELLED;
    request->task.run = finish_on_loop;
    request->options.post(request->options.context, &request->task);
}

static void answer_on_worker(struct task *task)
{
    struct session_request *request = CONTAINER_OF(task, struct session_request, task);

    request->task.run = finish_on_loop;
    request->options.post(request->options.context, &request->task);
}

struct session_request *session_request_start(struct session_service *service,
                                              const struct session_request_options *options)
{
    struct session_request *request = mem_zalloc(sizeof(*request));

    request->options = *options;
    if (str_equal(options->body, STR_LIT("stream")))
        request->task.run = stream_on_worker;
    else if (str_equal(options->body, STR_LIT("wait")))
        request->task.run = wait_on_worker;
    else if (str_equal(options->body, STR_LIT("later")))
        request->task.run = answer_on_worker;
    if (request->task.run != NULL) {
        worker_pool_post(workers, &request->task);
        return request;
    }
    finish(request, str_equal(options->body, STR_LIT("fail")) ? STATUS_TABLE_NOT_FOUND : STATUS_OK,
           "now");
    mem_free(request);
    return NULL;
}

void session_request_cancel(struct session_request *request)
{
    atomic_store(&request->cancelled, true);
}

enum status session_authenticate(struct session_service *service,
                                 const struct session_credentials *credentials,
                                 struct session_identity *out, struct error *err)
{
    *out = (struct session_identity){.user = "lena", .actor = "lena", .role = ROLE_USER};
    if (str_equal(credentials->authorization, STR_LIT("Bearer bad")))
        return error_set(err, STATUS_INVALID_CREDENTIALS, "bad token");
    return STATUS_OK;
}

enum status session_authenticate_token(struct session_service *service, struct str token,
                                       bool local, struct session_identity *out, struct error *err)
{
    struct session_credentials credentials = {.authorization = STR_LIT("Bearer bad")};

    if (str_equal(token, STR_LIT("good")))
        credentials.authorization = STR_LIT("Bearer good");
    return session_authenticate(service, &credentials, out, err);
}

enum status session_identity_check(struct session_service *service,
                                   const struct session_identity *identity, struct error *err)
{
    return STATUS_OK;
}

bool session_loopback_allows(struct session_service *service,
                             const struct session_credentials *credentials, bool *mode)
{
    *mode = false;
    return false;
}

static void auth_done(struct task *task)
{
    struct session_request *request = CONTAINER_OF(task, struct session_request, task);
    struct session_auth_options *options = request->options.context;
    struct buf response = {0}, cookies = {0};

    buf_append_str(&response, STR_LIT("{}"));
    buf_append_str(&cookies, STR_LIT("Set-Cookie: a=b\r\n"));
    options->done(options->context, 200, &response, &cookies);
    buf_clear(&response);
    buf_clear(&cookies);
    mem_free(options);
    mem_free(request);
}

void session_auth_start(struct session_service *service, const struct session_auth_options *options)
{
    struct session_auth_options *copy = mem_alloc(sizeof(*copy));
    struct session_request *request = mem_zalloc(sizeof(*request));

    *copy = *options;
    request->options.context = copy;
    request->task.run = auth_done;
    options->post(options->context, &request->task);
}

struct live_peer *live_peer_new(struct live *live, const struct live_peer_options *options)
{
    struct live_peer_options *peer = mem_alloc(sizeof(*peer));

    *peer = *options;
    atomic_store(&last_peer, peer);
    return (struct live_peer *)peer;
}

void live_peer_end(struct live_peer *peer, const char *code, const char *message)
{
}

void live_peer_close(struct live_peer *peer)
{
    atomic_fetch_add(&closed_peers, 1);
    mem_free(peer);
}

void live_peer_written(struct live_peer *peer, size_t messages, size_t bytes)
{
    atomic_fetch_add(&written_messages, (int)messages);
}

void live_peer_touched(struct live_peer *peer)
{
}

unsigned live_subscriptions_max(const struct live *live)
{
    return 100;
}

void live_peer_subscribe(struct live_peer *peer, const struct wire_subscription *request)
{
    struct live_peer_options *options = (struct live_peer_options *)peer;

    atomic_fetch_add(&subscriptions, 1);
    options->send(options->context, wire_message_new_text(request->sql));
}

void live_peer_next_batch(struct live_peer *peer, struct str id)
{
}

void live_peer_unsubscribe(struct live_peer *peer, struct str id)
{
}

void live_stats(struct live *live, struct live_stats *out)
{
    *out = (struct live_stats){.subscriptions = 7};
}

/* ---- client ---------------------------------------------------------------------------------- */

static struct net *net;
static int dummy;
static const struct str origins[] = {{"http://good.example", 19}};
static const struct net_options standard = {
    .host = {"127.0.0.1", 9},
    .loops = 2,
    .connections_max = 100,
    .stalled_answers_max = 2,
    .stalled_answer_s = 60,
    .body_bytes_max = 1000,
    .message_bytes_max = 1000,
    .request_timeout_s = 1,
    .keepalive_timeout_s = 60,
    .ws_auth_timeout_s = 1,
    .ws_ping_interval_s = 5,
    .ws_client_timeout_s = 10,
    .messages_per_second_max = 20,
    .api_version = {"v1", 2},
    .node = {"n", 1},
    .cors_origins = origins,
    .cors_origin_count = 1,
    .version = {"1", 1},
    .build_date = {"today", 5},
};

static int setup(void **state)
{
    struct error err;

    workers = worker_pool_start("fake", 2, 0, 0);
    error_clear(&err);
    assert_int_equal(net_open(&standard, &net, &err), STATUS_OK);
    net_serve(net, NULL, (struct live *)&dummy);
    return 0;
}

static int teardown(void **state)
{
    assert_true(net_drain(net, 5000));
    net_close(net);
    worker_pool_stop(workers);
    return 0;
}

static int dial(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(net_port(net)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = 10};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    return fd;
}

static void put(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Reads until `wanted` has come `times` times or the end. NUL-terminated. */
static char *get(int fd, const char *wanted, int times)
{
    struct buf text = {0};

    for (;;) {
        *buf_reserve(&text, 65537) = 0;
        int found = 0;
        for (const char *at = text.data; (at = strstr(at, wanted)) != NULL; at++)
            found++;
        if (found >= times)
            break;
        ssize_t size = recv(fd, text.data + text.size, 65536, 0);
        if (size <= 0)
            break;
        text.size += (size_t)size;
        text.data[text.size] = 0;
    }
    size_t size;
    return buf_take(&text, &size);
}

static bool at_end(int fd)
{
    char byte;

    return recv(fd, &byte, 1, 0) == 0;
}

#define SQL_HEAD "POST /v1/api/sql HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"

/* Sends one request on its own connection, reads until `part` has come. */
static void expect(const char *text, const char *start, const char *part)
{
    int fd = dial();

    put(fd, text);
    char *answer = get(fd, part, 1);
    if (strncmp(answer, start, strlen(start)) != 0 || strstr(answer, part) == NULL)
        fail_msg("<%s> gave <%s>", text, answer);
    mem_free(answer);
    close(fd);
}

static void test_net__routes(void **state)
{
    expect(SQL_HEAD "Content-Length: 1\r\n\r\nx", "HTTP/1.1 200 OK\r\n", "\r\n\r\nnow");
    expect(SQL_HEAD "Content-Length: 4\r\n\r\nfail", "HTTP/1.1 400 ", "\r\n\r\nnow");
    expect(SQL_HEAD "Authorization: Bearer bad\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 401 ",
           "\"code\":\"INVALID_CREDENTIALS\"");
    expect("POST /api/sql HTTP/1.1\r\nHost: h\r\nContent-Type: application/json; "
           "charset=utf-8\r\nContent-Length: 1\r\n\r\nx",
           "HTTP/1.1 200 ", "now");
    expect("POST /v2/api/sql HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 404 ",
           "\"code\":\"NOT_FOUND\"");
    expect("GET /v1/api/sql HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 405 ", "METHOD_NOT_ALLOWED");
    expect("HEAD /health HTTP/1.1\r\nHost: h\r\n\r\nGET /health HTTP/1.1\r\nHost: h\r\n\r\n",
           "HTTP/1.1 405 ", "\r\n\r\nHTTP/1.1 200 "); /* no body between the two answers */
    expect("POST /v1/api/sql HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nContent-Length: "
           "1\r\n\r\nx",
           "HTTP/1.1 415 ", "UNSUPPORTED_MEDIA_TYPE");
    expect("POST /v1/api/sql HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 415 ",
           "UNSUPPORTED_MEDIA_TYPE");
    expect(SQL_HEAD "Content-Length: 1001\r\n\r\nx", "HTTP/1.1 413 ", "PAYLOAD_TOO_LARGE");
    expect("GET /v1/api/topics/x HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 501 ", "NOT_SUPPORTED");
    expect("DELETE /v1/files/a HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 501 ", "NOT_SUPPORTED");
    expect("GET /v1/filesystem HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 404 ", "NOT_FOUND");
    expect("GET /v1/api/cluster/health HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 ",
           "\"is_cluster_mode\":false");
    expect("GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 ", "kalamdb_subscriptions 7");
    expect("GET /v1/ws HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 426 ", "WebSocket");
    expect("POST /v1/api/auth/login HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
           "HTTP/1.1 200 ", "Set-Cookie: a=b\r\n");
}

static void test_net__health_and_loopback(void **state)
{
    expect("GET /health HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 ", "\"status\":\"healthy\"");
    expect("GET /v1/api/healthcheck HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 ", "api_version");
    expect("GET /health HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 8.8.8.8\r\n\r\n", "HTTP/1.1 403 ",
           "{\"error\":\"Access denied. Health endpoint is localhost-only.\"}");
}

static void test_net__cors(void **state)
{
    expect("OPTIONS /v1/api/sql HTTP/1.1\r\nHost: h\r\nOrigin: http://good.example\r\n\r\n",
           "HTTP/1.1 204 ", "Access-Control-Allow-Origin: http://good.example\r\n");
    int fd = dial();
    put(fd, "OPTIONS /v1/api/sql HTTP/1.1\r\nHost: h\r\nOrigin: http://evil.example\r\n\r\n");
    char *answer = get(fd, "\r\n\r\n", 1);
    assert_null(strstr(answer, "Access-Control-Allow-Origin"));
    mem_free(answer);
    close(fd);
}

static void test_net__pipelined_and_slow_ones_keep_order(void **state)
{
    int fd = dial();

    for (int i = 0; i < 10; i++)
        put(fd, SQL_HEAD "Content-Length: 5\r\n\r\nlater" SQL_HEAD "Content-Length: 1\r\n\r\nx");
    char *answer = get(fd, "\r\n\r\nnow", 10);
    const char *at = answer;
    for (int i = 0; i < 10; i++) {
        at = strstr(at, "\r\n\r\nlater");
        assert_non_null(at);
        at = strstr(at, "\r\n\r\nnow");
        assert_non_null(at);
    }
    mem_free(answer);
    close(fd);
}

static void test_net__close_and_old_version(void **state)
{
    int fd = dial();

    put(fd, SQL_HEAD "Connection: close\r\nContent-Length: 1\r\n\r\nx");
    char *answer = get(fd, "now", 1);
    assert_non_null(strstr(answer, "Connection: close\r\n"));
    assert_true(at_end(fd));
    mem_free(answer);
    close(fd);
    fd = dial();
    put(fd, "POST /v1/api/sql HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: "
            "1\r\n\r\nx");
    mem_free(get(fd, "now", 1));
    assert_true(at_end(fd));
    close(fd);
}

static void test_net__expect_continue(void **state)
{
    int fd = dial();

    put(fd, SQL_HEAD "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n");
    mem_free(get(fd, "HTTP/1.1 100 Continue\r\n\r\n", 1));
    put(fd, "x");
    char *answer = get(fd, "now", 1);
    assert_non_null(strstr(answer, "200 OK"));
    mem_free(answer);
    close(fd);
}

static void test_net__streams_with_back_pressure(void **state)
{
    size_t total = 0;
    char piece[65536];
    int fd = dial();

    put(fd, SQL_HEAD "Content-Length: 6\r\n\r\nstream");
    mem_free(get(fd, "Transfer-Encoding: chunked\r\n", 1));
    /* Nothing is read now: the worker must stop after what the queue and the kernel take. Reading
     * on must bring all of it. */
    for (;;) {
        ssize_t size = recv(fd, piece, sizeof(piece), 0);
        assert_true(size > 0);
        total += (size_t)size;
        if (size >= 7 && memcmp(piece + size - 7, "\r\n0\r\n\r\n", 7) == 0)
            break;
    }
    assert_true(total >= 64 * 256 * 1024 - 70000);
    put(fd, SQL_HEAD "Content-Length: 1\r\n\r\nx");
    mem_free(get(fd, "now", 1));
    close(fd);
}

static void wait_for(atomic_int *counter, int wanted)
{
    for (int i = 0; i < 10000 && atomic_load(counter) < wanted; i++)
        usleep(1000);
    assert_true(atomic_load(counter) >= wanted);
}

enum { MANY_REQUESTS = 1200 }; /* more than HTTP_PENDING_BYTES, and little enough for the kernel */

static void put_many(int fd, int count)
{
    struct buf text = {0};

    for (int i = 0; i < count; i++)
        buf_append_str(&text, STR_LIT(SQL_HEAD "Content-Length: 1\r\n\r\nx"));
    buf_append_byte(&text, 0);
    put(fd, text.data);
    buf_clear(&text);
}

static void test_net__client_gone(void **state)
{
    int before = atomic_load(&cancelled_count), failed = atomic_load(&part_failures);
    int fd = dial();

    put(fd, SQL_HEAD "Content-Length: 4\r\n\r\nwait");
    close(fd);
    wait_for(&cancelled_count, before + 1);
    fd = dial(); /* with more behind it than is read ahead */
    put(fd, SQL_HEAD "Content-Length: 4\r\n\r\nwait");
    put_many(fd, MANY_REQUESTS);
    close(fd);
    wait_for(&cancelled_count, before + 2);
    fd = dial();
    put(fd, SQL_HEAD "Content-Length: 6\r\n\r\nstream");
    mem_free(get(fd, "Transfer-Encoding", 1));
    close(fd);
    wait_for(&part_failures, failed + 1);
}

/* Its requests are whole: all of them are answered, in parts too. */
static void test_net__client_ends_its_side(void **state)
{
    static const char *const bodies[] = {"Content-Length: 5\r\n\r\nlater",
                                         "Content-Length: 6\r\n\r\nstream"};
    for (int i = 0; i < 2; i++) {
        int fd = dial();
        put(fd, SQL_HEAD);
        put(fd, bodies[i]);
        put(fd, SQL_HEAD "Content-Length: 5\r\n\r\nlater" SQL_HEAD "Content-Length: 1\r\n\r\nx");
        shutdown(fd, SHUT_WR);
        char *answer = get(fd, "\r\n\r\nnow", 1);
        const char *last = strstr(answer, "\r\n\r\nnow");
        assert_non_null(last);
        const char *before = strstr(answer, "\r\n\r\nlater");
        assert_true(before != NULL && before < last);
        assert_true(i == 0 || strstr(answer, "\r\n0\r\n\r\n") < before);
        assert_true(at_end(fd));
        mem_free(answer);
        close(fd);
    }
}

/* More than is kept of what waits: the rest lies in the kernel when the end comes. */
static void test_net__client_ends_its_side_while_paused(void **state)
{
    int fd = dial();

    put(fd, SQL_HEAD "Content-Length: 6\r\n\r\nstream");
    put_many(fd, MANY_REQUESTS);
    shutdown(fd, SHUT_WR);
    usleep(100000); /* the end gets there while nothing is read */
    char *answers = get(fd, "\r\n\r\nnow", MANY_REQUESTS);
    int found = 0;
    for (const char *at = answers; (at = strstr(at, "\r\n\r\nnow")) != NULL; at++)
        found++;
    assert_int_equal(found, MANY_REQUESTS);
    assert_true(at_end(fd));
    mem_free(answers);
    close(fd);
}

static void test_net__late_request(void **state)
{
    int fd = dial();

    put(fd, "GET /health HTTP/1.1\r\nHo");
    char *answer = get(fd, "\x01never", 1);
    assert_int_equal(strncmp(answer, "HTTP/1.1 408 ", 13), 0);
    mem_free(answer);
    close(fd);
}

/* ---- WebSocket ------------------------------------------------------------------------------- */

#define WS_HEAD \
    "GET /v1/ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

/* A masked text frame with a mask of zeros. */
static void put_text(int fd, const char *text)
{
    char frame[200] = {(char)0x81, (char)(0x80 | strlen(text))};

    memcpy(frame + 6, text, strlen(text));
    assert_int_equal(send(fd, frame, 6 + strlen(text), MSG_NOSIGNAL), 6 + strlen(text));
}

static void test_net__websocket_with_header(void **state)
{
    int before = atomic_load(&closed_peers), written = atomic_load(&written_messages);
    int fd = dial();

    put(fd, WS_HEAD "Authorization: Bearer good\r\nSec-WebSocket-Protocol: kalamdb.v1\r\n\r\n");
    char *answer = get(fd, "auth_success", 1);
    assert_non_null(strstr(answer, "101 Switching Protocols"));
    assert_non_null(strstr(answer, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert_non_null(strstr(answer, "Sec-WebSocket-Protocol: kalamdb.v1\r\n"));
    mem_free(answer);
    put_text(fd, "{\"type\":\"subscribe\",\"subscription\":{\"id\":\"s\",\"sql\":\"echo me\"}}");
    mem_free(get(fd, "echo me", 1));
    wait_for(&written_messages, written + 1);
    put_text(fd, "{\"type\":\"nonsense\"}");
    mem_free(get(fd, "PROTOCOL", 1));
    put_text(fd, "{");
    answer = get(fd, "malformed JSON", 1);
    assert_true(at_end(fd));
    mem_free(answer);
    close(fd);
    wait_for(&closed_peers, before + 1);
}

static void test_net__websocket_tokens(void **state)
{
    int fd = dial();

    put(fd, WS_HEAD "Sec-WebSocket-Protocol: kalamdb.jwt.good\r\n\r\n");
    char *answer = get(fd, "auth_success", 1);
    assert_non_null(strstr(answer, "Sec-WebSocket-Protocol: kalamdb.jwt.good\r\n"));
    mem_free(answer);
    close(fd);
    fd = dial();
    put(fd, WS_HEAD "\r\n");
    mem_free(get(fd, "101 Switching Protocols", 1));
    put_text(fd, "{\"type\":\"authenticate\",\"method\":\"jwt\",\"token\":\"good\"}");
    mem_free(get(fd, "auth_success", 1));
    close(fd);
    fd = dial();
    put(fd, WS_HEAD "Authorization: Bearer bad\r\n\r\n");
    answer = get(fd, "authentication failed", 1);
    assert_non_null(strstr(answer, "auth_error"));
    mem_free(answer);
    close(fd);
    expect(
        "GET /v1/ws?token=good HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        "HTTP/1.1 401 ", "INVALID_CREDENTIALS");
    expect(WS_HEAD "Origin: http://evil.example\r\n\r\n", "HTTP/1.1 403 ", "PERMISSION_DENIED");
}

static void test_net__websocket_silence_and_msgpack(void **state)
{
    int fd = dial();

    put(fd, WS_HEAD "\r\n"); /* says nothing for longer than ws_auth_timeout_s */
    char *answer = get(fd, "authentication failed", 1);
    assert_non_null(strstr(answer, "authentication timeout"));
    mem_free(answer);
    close(fd);
    fd = dial();
    put(fd, WS_HEAD "\r\n");
    put_text(fd, "{\"type\":\"authenticate\",\"method\":\"jwt\",\"token\":\"good\","
                 "\"protocol\":{\"serialization\":\"msgpack\"}}");
    mem_free(get(fd, "msgpack is not supported", 1));
    close(fd);
    fd = dial();
    put(fd, WS_HEAD "\r\n");
    put_text(fd, "{\"type\":\"ping\"}");
    put_text(fd, "{\"type\":\"unsubscribe\",\"subscription_id\":\"x\"}");
    mem_free(get(fd, "AUTH_REQUIRED", 1));
    close(fd);
}

static void test_net__websocket_rate(void **state)
{
    int fd = dial();

    put(fd, WS_HEAD "Authorization: Bearer good\r\n\r\n");
    mem_free(get(fd, "auth_success", 1));
    for (int i = 0; i < 45; i++) /* two seconds may share them: one has more than 20 */
        put_text(fd, "{\"type\":\"ping\"}");
    char *answer = get(fd, "RATE_LIMIT_EXCEEDED", 1);
    assert_non_null(strstr(answer, "\"rate_limit\""));
    mem_free(answer);
    close(fd);
}

static void test_net__port_in_use(void **state)
{
    struct net_options options = standard;
    struct net *second = NULL;
    struct error err;

    options.port = net_port(net);
    error_clear(&err);
    assert_int_equal(net_open(&options, &second, &err), STATUS_CONFLICT);
    assert_null(second);
    char wanted[40];
    snprintf(wanted, sizeof(wanted), "port %u", net_port(net));
    assert_non_null(strstr(err.message, wanted));
}

static void test_net__phases(void **state)
{
    int waiting = atomic_load(&waiting_count);
    struct net *first = net, *own = NULL;
    struct error err;

    error_clear(&err);
    assert_int_equal(net_open(&standard, &own, &err), STATUS_OK);
    net = own;
    expect("GET /health HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 503 ", "\"status\":\"starting\"");
    expect(SQL_HEAD "Content-Length: 1\r\n\r\nx", "HTTP/1.1 503 ", "is starting");
    net_serve(own, NULL, (struct live *)&dummy);
    expect(SQL_HEAD "Content-Length: 1\r\n\r\nx", "HTTP/1.1 200 ", "now");
    int busy = dial(), idle = dial(), socket = dial();
    put(idle, SQL_HEAD "Content-Length: 1\r\n\r\nx");
    mem_free(get(idle, "now", 1));
    put(socket, WS_HEAD "Authorization: Bearer good\r\n\r\n");
    mem_free(get(socket, "auth_success", 1));
    put(busy, SQL_HEAD "Content-Length: 4\r\n\r\nwait");
    wait_for(&waiting_count, waiting + 1);
    assert_true(net_drain(own, 100)); /* cancels what does not end */
    char *answer = get(busy, "gone", 1);
    assert_int_equal(strncmp(answer, "HTTP/1.1 5", 10), 0);
    mem_free(answer);
    answer = get(socket, "shutting down", 1);
    assert_true(at_end(socket));
    mem_free(answer);
    put(idle, "GET /health HTTP/1.1\r\nHost: h\r\n\r\n");
    mem_free(get(idle, "shutting_down", 1));
    close(busy);
    close(idle);
    close(socket);
    net_close(own);
    net = first;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_net__routes),
        cmocka_unit_test(test_net__health_and_loopback),
        cmocka_unit_test(test_net__cors),
        cmocka_unit_test(test_net__pipelined_and_slow_ones_keep_order),
        cmocka_unit_test(test_net__close_and_old_version),
        cmocka_unit_test(test_net__expect_continue),
        cmocka_unit_test(test_net__streams_with_back_pressure),
        cmocka_unit_test(test_net__client_gone),
        cmocka_unit_test(test_net__client_ends_its_side),
        cmocka_unit_test(test_net__client_ends_its_side_while_paused),
        cmocka_unit_test(test_net__late_request),
        cmocka_unit_test(test_net__websocket_with_header),
        cmocka_unit_test(test_net__websocket_tokens),
        cmocka_unit_test(test_net__websocket_silence_and_msgpack),
        cmocka_unit_test(test_net__websocket_rate),
        cmocka_unit_test(test_net__port_in_use),
        cmocka_unit_test(test_net__phases),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
