/* http_info.c — health, metrics, the one-node cluster answer (spec §3.12).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "net/net_internal.h"
#include "value/text.h"
#include "wire/json_writer.h"

#include <string.h>
#include <time.h>

static const char *const net_route_labels[NET_ROUTE_COUNT] = {
#define NET_ROUTE_LABEL(name, label) [NET_ROUTE_##name] = (label),
    NET_ROUTE_LIST(NET_ROUTE_LABEL)
#undef NET_ROUTE_LABEL
};

void net_stats(struct net *net, struct net_stats *out)
{
    CHECK(out != NULL);
    *out = (struct net_stats){0};
    for (unsigned i = 0; i < net->shard_count; i++) {
        struct net_shard *shard = &net->shards[i];
        struct loop_stats sockets;
        loop_stats(shard->loop, &sockets);
        out->accepted += sockets.accepted;
        out->refused += sockets.refused;
        out->bytes_in += sockets.bytes_in;
        out->bytes_out += sockets.bytes_out;
        out->handshakes += sockets.handshakes;
        out->handshake_failures += sockets.handshake_failures;
        out->connections += loop_sock_count(shard->loop);
        out->websockets += atomic_load_explicit(&shard->websockets, memory_order_relaxed);
        for (int route = 0; route < NET_ROUTE_COUNT; route++)
            for (int group = 0; group < 6; group++)
                out->requests +=
                    atomic_load_explicit(&shard->requests[route][group], memory_order_relaxed);
    }
}

static void http_refuse_remote(struct http_conn *conn)
{
    CHECK(conn->busy);
    http_answer(conn, &(struct http_reply){.status = 403, .content_type = "application/json"},
                STR_LIT("{\"error\":\"Access denied. Health endpoint is localhost-only.\"}"));
}

static void http_member_text(struct buf *out, const char *key, struct str text)
{
    CHECK(key != NULL);
    if (text.size > 0)
        json_member_string(out, str_from_c(key), text);
}

static void http_member_time(struct buf *out, const char *key, int64_t time_us)
{
    char text[40];
    struct tm parts;
    time_t seconds = (time_t)(time_us / 1000000);

    CHECK(gmtime_r(&seconds, &parts) != NULL);
    (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
    json_member_string(out, str_from_c(key), str_from_c(text));
}

static void http_health_metrics(struct net *net, struct buf *out)
{
    struct net_stats stats;
    struct live_stats live = {0};
    int64_t uptime_s = (clock_now_us() - net->started_us) / 1000000;

    CHECK(net->live != NULL);
    net_stats(net, &stats);
    live_stats(net->live, &live);
    json_key(out, STR_LIT("metrics"));
    json_object_begin(out);
    json_member_integer(out, STR_LIT("active_connections"), (int64_t)stats.connections);
    json_member_integer(out, STR_LIT("active_subscriptions"), (int64_t)live.subscriptions);
    json_key(out, STR_LIT("queries_per_second"));
    json_write_real(out, (double)stats.requests / (double)(uptime_s > 0 ? uptime_s : 1), false);
    json_object_end(out);
}

void http_health(struct http_conn *conn, const struct http_request *request)
{
    struct net *net = conn->shard->net;
    enum net_phase phase = atomic_load_explicit(&net->phase, memory_order_acquire);
    const char *status = phase == NET_DRAINING ? "shutting_down" : "starting";
    struct buf out;

    CHECK(conn->busy);
    if (!net->options.public_health && !http_is_local(conn, request)) {
        http_refuse_remote(conn);
        return;
    }
    if (phase == NET_SERVING) {
        bool usable =
            net->options.is_usable == NULL || net->options.is_usable(net->options.context);
        status = usable ? "healthy" : "unhealthy";
    }
    buf_init(&out);
    json_object_begin(&out);
    json_member_string(&out, STR_LIT("status"), str_from_c(status));
    json_member_string(&out, STR_LIT("version"), net->options.version);
    json_member_string(&out, STR_LIT("api_version"), net->options.api_version);
    json_member_string(&out, STR_LIT("build_date"), net->options.build_date);
    http_member_text(&out, "git_branch", net->options.git_branch);
    http_member_text(&out, "git_commit", net->options.git_commit);
    json_member_integer(&out, STR_LIT("uptime_seconds"),
                        (clock_now_us() - net->started_us) / 1000000);
    http_member_time(&out, "timestamp", clock_now_us());
    if (phase == NET_SERVING)
        http_health_metrics(net, &out);
    json_object_end(&out);
    int code = str_equal(str_from_c(status), STR_LIT("healthy")) ? 200 : 503;
    http_answer(conn, &(struct http_reply){.status = code, .content_type = "application/json"},
                buf_str(&out));
    buf_clear(&out);
}

void http_cluster_health(struct http_conn *conn, const struct http_request *request)
{
    struct net *net = conn->shard->net;
    struct buf out;

    CHECK(conn->busy);
    if (!http_is_local(conn, request)) {
        http_refuse_remote(conn);
        return;
    }
    buf_init(&out);
    json_object_begin(&out);
    json_member_string(&out, STR_LIT("status"), STR_LIT("healthy"));
    json_member_string(&out, STR_LIT("version"), net->options.version);
    json_member_boolean(&out, STR_LIT("is_cluster_mode"), false);
    json_member_integer(&out, STR_LIT("node_id"), net->options.node_id);
    json_member_string(&out, STR_LIT("node"), net->options.node);
    json_member_boolean(&out, STR_LIT("is_leader"), true);
    json_key(&out, STR_LIT("nodes"));
    json_array_begin(&out);
    json_object_begin(&out);
    json_member_integer(&out, STR_LIT("node_id"), net->options.node_id);
    json_member_string(&out, STR_LIT("role"), STR_LIT("leader"));
    json_member_string(&out, STR_LIT("status"), STR_LIT("active"));
    json_member_boolean(&out, STR_LIT("is_self"), true);
    json_member_boolean(&out, STR_LIT("is_leader"), true);
    json_object_end(&out);
    json_array_end(&out);
    json_object_end(&out);
    http_answer(conn, &(struct http_reply){.status = 200, .content_type = "application/json"},
                buf_str(&out));
    buf_clear(&out);
}

/* ---- metrics --------------------------------------------------------------------------------- */

static uint64_t http_metrics_sum(struct net *net, int route, int group)
{
    uint64_t sum = 0;

    CHECK(route < NET_ROUTE_COUNT && group < 6);
    for (unsigned i = 0; i < net->shard_count; i++)
        sum += atomic_load_explicit(&net->shards[i].requests[route][group], memory_order_relaxed);
    return sum;
}

static void http_metrics_requests(struct net *net, metric_visit visit, void *context)
{
    static const char *const groups[] = {"", "1xx", "2xx", "3xx", "4xx", "5xx"};

    CHECK(net->shard_count > 0);
    for (int route = 0; route < NET_ROUTE_COUNT; route++)
        for (int group = 1; group < 6; group++) {
            struct metric metric = {
                .name = "http_requests_total",
                .value = (double)http_metrics_sum(net, route, group),
                .labels = {{"route", net_route_labels[route]}, {"status", groups[group]}}};
            if (metric.value > 0)
                visit(context, &metric);
        }
}

void net_metrics(struct net *net, metric_visit visit, void *context)
{
    struct net_stats stats;
    struct live_stats live = {0};

    CHECK(net->live != NULL && visit != NULL);
    net_stats(net, &stats);
    live_stats(net->live, &live);
    const struct metric metrics[] = {
        {"uptime_seconds", METRIC_GAUGE, (double)(clock_now_us() - net->started_us) / 1e6, {{0}}},
        {"connections", METRIC_GAUGE, (double)stats.connections, {{0}}},
        {"tls_handshakes_total", METRIC_COUNTER, (double)stats.handshakes, {{0}}},
        {"tls_handshake_failures_total", METRIC_COUNTER, (double)stats.handshake_failures, {{0}}},
        {"websockets", METRIC_GAUGE, (double)stats.websockets, {{0}}},
        {"subscriptions", METRIC_GAUGE, (double)live.subscriptions, {{0}}},
        {"changes_delivered_total", METRIC_COUNTER, (double)live.changes_delivered, {{0}}},
        {"slow_consumers_total", METRIC_COUNTER, (double)live.slow_consumers, {{0}}},
    };
    http_metrics_requests(net, visit, context);
    for (size_t i = 0; i < ARRAY_COUNT(metrics); i++)
        visit(context, &metrics[i]);
    if (net->options.metrics != NULL)
        net->options.metrics(net->options.context, visit, context);
}

/* Prometheus text of one figure; its type before the first of a name. */
struct http_metrics_text {
    struct buf *out;
    const char *last;
};

static void http_metrics_append(void *context, const struct metric *metric)
{
    struct http_metrics_text *text = context;
    struct buf *out = text->out;
    char number[32];

    CHECK(metric->name != NULL);
    if (text->last == NULL || strcmp(text->last, metric->name) != 0)
        buf_printf(out, "# TYPE kalamdb_%s %s\n", metric->name,
                   metric->kind == METRIC_COUNTER ? "counter" : "gauge");
    text->last = metric->name;
    buf_printf(out, "kalamdb_%s", metric->name);
    for (size_t i = 0; i < METRIC_LABELS_MAX && metric->labels[i].name != NULL; i++)
        buf_printf(out, "%c%s=\"%s\"", i == 0 ? '{' : ',', metric->labels[i].name,
                   metric->labels[i].value);
    buf_append_str(out, metric->labels[0].name != NULL ? STR_LIT("} ") : STR_LIT(" "));
    buf_append(out, number, value_format_real(metric->value, false, number));
    buf_append_byte(out, '\n');
}

/* As health, or whoever is dba or system. */
static bool http_metrics_allowed(struct http_conn *conn, const struct http_request *request,
                                 struct error *err)
{
    struct session_credentials credentials;
    struct session_identity identity;

    CHECK(conn->busy);
    if (conn->shard->net->options.public_health || http_is_local(conn, request))
        return true;
    http_credentials(conn, request, &credentials);
    if (session_authenticate(conn->shard->net->session, &credentials, &identity, err) != STATUS_OK)
        return false;
    if (identity.role == ROLE_DBA || identity.role == ROLE_SYSTEM)
        return true;
    (void)error_set(err, STATUS_PERMISSION_DENIED, "metrics are for dba and system");
    return false;
}

void http_metrics(struct http_conn *conn, const struct http_request *request)
{
    struct buf out;
    struct error err;

    CHECK(conn->busy);
    error_clear(&err);
    if (!http_metrics_allowed(conn, request, &err)) {
        http_answer_status(conn, &err);
        return;
    }
    buf_init(&out);
    struct http_metrics_text text = {.out = &out};
    net_metrics(conn->shard->net, http_metrics_append, &text);
    http_answer(conn,
                &(struct http_reply){.status = 200, .content_type = "text/plain; version=0.0.4"},
                buf_str(&out));
    buf_clear(&out);
}
