/* net.c — start, phases and end of the network side.
 *
 *   net_open ─► STARTING ─ net_serve ─► SERVING ─ net_drain ─► DRAINING ─ net_close ─► gone
 *
 * The phase is the only thing loops read that another thread writes; it is published after the
 * services it promises.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "net/net.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/listen.h"
#include "net/net_internal.h"
#include "net/static_files.h"
#include "net/tls.h"
#include "net/ws_conn.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
    NET_DRAIN_POLL_NS = 2 * 1000 * 1000,
    NET_CANCEL_WAIT_MS = 10 * 1000,
    NET_LAST_WORDS_MS = 1000, /* for answers after the time limit, and for the last ones */
};

static const char net_busy_answer[] =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 117\r\n"
    "Retry-After: 1\r\nConnection: close\r\n\r\n"
    "{\"results\":[],\"status\":\"error\",\"took\":0,\"error\":{\"code\":\"RATE_LIMIT_EXCEEDED\","
    "\"message\":\"too many connections here\"}}";

static void net_accepted(void *context, struct sock *sock)
{
    CHECK(context != NULL);
    http_conn_new(context, sock);
}

static enum status net_start_shard(struct net *net, unsigned index, int listener, struct error *err)
{
    struct net_shard *shard = &net->shards[index];
    char name[16];
    unsigned share = net->options.connections_max / net->options.loops;

    CHECK(index < net->options.loops);
    shard->net = net;
    (void)snprintf(name, sizeof(name), "loop-%u", index);
    struct loop_options options = {
        .name = name,
        .listener = listener,
        .socks_max = share > 0 ? share : 1,
        .send_buffer_bytes = NET_SEND_BUFFER_BYTES,
        .busy_answer = {net_busy_answer, sizeof(net_busy_answer) - 1},
        .tls = net->tls,
        .handshake_timeout_ms = net->options.tls_handshake_timeout_s * 1000,
        .accepted = net_accepted,
        .context = shard,
    };
    enum status status = loop_start(&options, &shard->loop, err);
    if (status == STATUS_OK)
        net->shard_count++;
    return status;
}

static enum status net_open_tls(struct net *net, struct error *err)
{
    const struct net_options *options = &net->options;

    if (options->tls_cert == NULL || options->tls_cert[0] == 0)
        return STATUS_OK;
    CHECK(options->tls_key != NULL && options->tls_handshake_timeout_s > 0);
    return tls_open(options->tls_cert, options->tls_key, &net->tls, err);
}

static enum status net_parse_proxies(struct net *net, struct error *err)
{
    const struct net_options *options = &net->options;

    CHECK(net->trusted == NULL);
    net->trusted = mem_calloc(options->trusted_proxy_count + 1, sizeof(net->trusted[0]));
    for (size_t i = 0; i < options->trusted_proxy_count; i++)
        if (!address_range_parse(options->trusted_proxies[i], &net->trusted[i]))
            return error_set(err, STATUS_INVALID_INPUT,
                             "\"%.*s\" is not an address or a range such as 10.0.0.0/8",
                             STR_ARG(options->trusted_proxies[i]));
    return STATUS_OK;
}

enum status net_reload_tls(struct net *net, struct error *err)
{
    CHECK(net != NULL);
    return net->tls != NULL ? tls_reload(net->tls, err) : STATUS_OK;
}

/* A console that cannot be read is no reason not to serve. */
static void net_open_console(struct net *net)
{
    struct error err;

    CHECK(net->console == NULL);
    error_clear(&err);
    if (net->options.console_dir != NULL &&
        static_files_open(net->options.console_dir, &net->console, &err) != STATUS_OK)
        log_warn("no web console: %s", err.message);
}

enum status net_open(const struct net_options *options, struct net **out, struct error *err)
{
    struct net *net = mem_zalloc(sizeof(*net));
    struct listen_result listening = {.sockets = mem_calloc(options->loops, sizeof(int))};
    enum status status;

    CHECK(options->loops > 0 && options->api_version.size > 0);
    net->options = *options;
    net->lock = -1;
    net->started_us = clock_now_us();
    net->limits = (struct http_limits){.head_bytes = HTTP_HEAD_BYTES,
                                       .target_bytes = HTTP_TARGET_BYTES,
                                       .header_count = HTTP_HEADERS_MAX,
                                       .body_bytes = options->body_bytes_max};
    atomic_init(&net->phase, NET_STARTING);
    net->shards = mem_calloc(options->loops, sizeof(net->shards[0]));
    status = net_parse_proxies(net, err);
    if (status == STATUS_OK)
        status = net_open_tls(net, err);
    if (status != STATUS_OK)
        goto out;
    net_open_console(net);
    status = listen_open(options->host, options->port, options->loops, &listening, err);
    if (status != STATUS_OK)
        goto out;
    net->port = listening.port;
    net->lock = listening.lock;
    for (unsigned i = 0; i < options->loops && status == STATUS_OK; i++)
        status = net_start_shard(net, i, listening.sockets[i], err);
    /* Listeners without a loop; the others belong to theirs. */
    for (unsigned i = net->shard_count; i < options->loops; i++)
        close(listening.sockets[i]);
    if (status != STATUS_OK)
        goto out;
    *out = net;
    net = NULL;
out:
    mem_free(listening.sockets);
    net_close(net);
    return status;
}

uint16_t net_port(const struct net *net)
{
    CHECK(net->port > 0);
    return net->port;
}

void net_serve(struct net *net, struct session_service *session, struct live *live)
{
    CHECK(atomic_load(&net->phase) == NET_STARTING);
    net->session = session;
    net->live = live;
    atomic_store_explicit(&net->phase, NET_SERVING, memory_order_release);
}

/* ---- a user has changed ---------------------------------------------------------------------- */

struct net_user_task {
    struct task task;
    struct net_shard *shard;
    char user[80];
};

static void net_user_sock(void *context, struct sock *sock)
{
    const struct net_user_task *change = context;

    CHECK(change->user[0] != 0);
    if (sock_is_open(sock) && !http_conn_is(sock))
        ws_conn_user_changed(sock_context(sock), change->user);
}

static void net_user_run(struct task *task)
{
    struct net_user_task *change = CONTAINER_OF(task, struct net_user_task, task);

    CHECK(change->shard->loop != NULL);
    loop_each(change->shard->loop, net_user_sock, change);
    mem_free(change);
}

void net_user_changed(struct net *net, struct str user)
{
    CHECK(net != NULL);
    if (user.size == 0 || user.size >= sizeof(((struct net_user_task *)0)->user))
        return; /* nobody's: identities are shorter */
    for (unsigned i = 0; i < net->shard_count; i++) {
        struct net_user_task *change = mem_zalloc(sizeof(*change));
        change->task.run = net_user_run;
        change->shard = &net->shards[i];
        memcpy(change->user, user.data, user.size);
        loop_post(change->shard->loop, &change->task);
    }
}

/* ---- draining -------------------------------------------------------------------------------- */

enum net_visit_kind { NET_VISIT_DRAIN, NET_VISIT_CANCEL, NET_VISIT_FINISH };

struct net_visit {
    struct task task;
    struct net_shard *shard;
    enum net_visit_kind kind;
    atomic_bool *done;
};

static void net_visit_sock(void *context, struct sock *sock)
{
    const struct net_visit *visit = context;

    CHECK(visit->shard != NULL);
    if (!http_conn_is(sock))
        ws_conn_shut_down(sock_context(sock));
    else if (visit->kind == NET_VISIT_CANCEL)
        http_conn_cancel(sock_context(sock));
    else if (visit->kind == NET_VISIT_FINISH)
        http_conn_close_idle(sock_context(sock));
}

static void net_visit_run(struct task *task)
{
    struct net_visit *visit = CONTAINER_OF(task, struct net_visit, task);

    CHECK(visit->shard->loop != NULL);
    loop_stop_accepting(visit->shard->loop);
    loop_each(visit->shard->loop, net_visit_sock, visit);
    atomic_store_explicit(visit->done, true, memory_order_release);
}

static void net_nap(void)
{
    struct timespec pause = {.tv_nsec = NET_DRAIN_POLL_NS};

    CHECK(nanosleep(&pause, NULL) == 0 || true); /* a signal only shortens it */
}

/* Visits the sockets of every loop, each on its own thread, and waits for that. */
static void net_visit_loops(struct net *net, enum net_visit_kind kind)
{
    CHECK(net->shard_count <= net->options.loops);
    for (unsigned i = 0; i < net->shard_count; i++) {
        atomic_bool done = false;
        struct net_visit visit = {
            .task = {.run = net_visit_run}, .shard = &net->shards[i], .kind = kind, .done = &done};
        loop_post(net->shards[i].loop, &visit.task);
        while (!atomic_load_explicit(&done, memory_order_acquire))
            net_nap();
    }
}

static bool net_is_idle(struct net *net)
{
    struct net_stats stats;

    CHECK(net->shard_count > 0);
    net_stats(net, &stats);
    return atomic_load(&net->in_flight) == 0 && stats.websockets == 0;
}

/* The kernel has taken all that was queued. */
static bool net_is_sent(struct net *net)
{
    unsigned count = 0;

    CHECK(net->shards != NULL || net->shard_count == 0);
    for (unsigned i = 0; i < net->shard_count; i++)
        count += loop_unsent_count(net->shards[i].loop);
    return count == 0;
}

static bool net_wait(struct net *net, bool (*condition)(struct net *net), int64_t end_ms)
{
    CHECK(condition != NULL);
    while (!condition(net)) {
        if (clock_monotonic_ms() > end_ms)
            return false;
        net_nap();
    }
    return true;
}

bool net_drain(struct net *net, int timeout_ms)
{
    int64_t end_ms = clock_monotonic_ms() + timeout_ms;

    CHECK(atomic_load(&net->phase) != NET_DRAINING && timeout_ms >= 0);
    atomic_store(&net->phase, NET_DRAINING);
    net_visit_loops(net, NET_VISIT_DRAIN);
    if (!net_wait(net, net_is_idle, end_ms)) {
        log_warn("cancelling %u requests that did not finish in time",
                 atomic_load(&net->in_flight));
        net_visit_loops(net, NET_VISIT_CANCEL);
        if (!net_wait(net, net_is_idle, clock_monotonic_ms() + NET_CANCEL_WAIT_MS))
            return false;
        end_ms = clock_monotonic_ms() + NET_LAST_WORDS_MS;
    }
    if (!net_wait(net, net_is_sent, end_ms))
        log_warn("some clients did not take their answers in time");
    return true;
}

void net_close(struct net *net)
{
    if (net == NULL)
        return;
    CHECK(atomic_load(&net->in_flight) == 0);
    net_visit_loops(net, NET_VISIT_FINISH);
    (void)net_wait(net, net_is_sent, clock_monotonic_ms() + NET_LAST_WORDS_MS);
    for (unsigned i = 0; i < net->shard_count; i++) {
        loop_stop(net->shards[i].loop);
        buf_clear(&net->shards[i].head);
    }
    if (net->lock >= 0)
        close(net->lock);
    tls_close(net->tls);
    mem_free(net->trusted);
    static_files_close(net->console);
    mem_free(net->shards);
    mem_free(net);
}
