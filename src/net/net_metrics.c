/* net_metrics.c — GET /metrics: figures of the network side and, through a visitor, of all others.
 * Loop threads; counters of other loops are read while they move.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/metric.h"
#include "net/net_internal.h"
#include "value/text.h"

#include <string.h>

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
                .kind = METRIC_COUNTER,
                .value = (double)http_metrics_sum(net, route, group),
                .labels = {{"route", net_route_labels[route]}, {"status", groups[group]}},
                .help = "HTTP requests by route and class of status."};
            if (metric.value > 0)
                visit(context, &metric);
        }
    histogram_visit(&net->sql_seconds, "http_sql_seconds",
                    "Duration of SQL requests, from their last byte to the end of the answer.",
                    NULL, NULL, visit, context);
}

void net_count_error(struct net *net, enum status code)
{
    CHECK(code > STATUS_OK && code < STATUS_COUNT);
    atomic_fetch_add_explicit(&net->errors[code], 1, memory_order_relaxed);
}

static void net_metrics_errors(struct net *net, metric_visit visit, void *context)
{
    CHECK(visit != NULL);
    for (int code = STATUS_OK + 1; code < STATUS_COUNT; code++) {
        uint64_t count = atomic_load_explicit(&net->errors[code], memory_order_relaxed);
        struct metric metric = {.name = "errors_total",
                                .kind = METRIC_COUNTER,
                                .value = (double)count,
                                .labels = {{"code", status_name((enum status)code)}},
                                .help = "Requests that ended with an error, by code."};
        if (count > 0)
            visit(context, &metric);
    }
}

/* Messages of WebSockets by direction. */
static void net_metrics_messages(struct net *net, metric_visit visit, void *context)
{
    struct metric metric = {.name = "websocket_messages_total",
                            .kind = METRIC_COUNTER,
                            .labels = {{"direction", "in"}},
                            .help = "WebSocket messages by direction."};
    uint64_t received = 0, sent = 0;

    CHECK(visit != NULL);
    for (unsigned i = 0; i < net->shard_count; i++) {
        received += atomic_load_explicit(&net->shards[i].ws_received, memory_order_relaxed);
        sent += atomic_load_explicit(&net->shards[i].ws_sent, memory_order_relaxed);
    }
    metric.value = (double)received;
    visit(context, &metric);
    metric.labels[0].value = "out";
    metric.value = (double)sent;
    visit(context, &metric);
}

void net_metrics(struct net *net, metric_visit visit, void *context)
{
    struct net_stats stats;
    struct live_stats live = {0};
    double uptime = (double)(clock_now_us() - net->started_us) / 1e6;
    double in_flight = (double)atomic_load_explicit(&net->in_flight, memory_order_relaxed);

    CHECK(net->live != NULL && visit != NULL);
    net_stats(net, &stats);
    live_stats(net->live, &live);
    const struct {
        const char *name, *help;
        enum metric_kind kind;
        double value;
    } figures[] = {
        {"uptime_seconds", "Time since the start.", METRIC_GAUGE, uptime},
        {"start_time_seconds", "Start, in seconds since 1970.", METRIC_GAUGE,
         (double)net->started_us / 1e6},
        {"http_requests_in_flight", "Requests that wait for their answer.", METRIC_GAUGE,
         in_flight},
        {"connections", "Open connections.", METRIC_GAUGE, (double)stats.connections},
        {"connections_accepted_total", "Connections accepted.", METRIC_COUNTER,
         (double)stats.accepted},
        {"connections_refused_total", "Connections refused by performance.max_connections.",
         METRIC_COUNTER, (double)stats.refused},
        {"received_bytes_total", "Bytes received, without what TLS adds.", METRIC_COUNTER,
         (double)stats.bytes_in},
        {"sent_bytes_total", "Bytes sent, without what TLS adds.", METRIC_COUNTER,
         (double)stats.bytes_out},
        {"tls_handshakes_total", "TLS handshakes that succeeded.", METRIC_COUNTER,
         (double)stats.handshakes},
        {"tls_handshake_failures_total", "TLS handshakes that failed or took too long.",
         METRIC_COUNTER, (double)stats.handshake_failures},
        {"websockets", "Open WebSockets.", METRIC_GAUGE, (double)stats.websockets},
        {"live_connections", "Authenticated WebSockets.", METRIC_GAUGE, (double)live.peers},
        {"subscriptions", "Live queries.", METRIC_GAUGE, (double)live.subscriptions},
        {"changes_delivered_total", "Changed rows delivered to live queries.", METRIC_COUNTER,
         (double)live.changes_delivered},
        {"slow_consumers_total", "Live queries that ended with SLOW_CONSUMER.", METRIC_COUNTER,
         (double)live.slow_consumers},
        {"live_matched_position", "Newest _seq that live queries have seen.", METRIC_GAUGE,
         (double)live.matched_position},
    };
    for (size_t i = 0; i < ARRAY_COUNT(figures); i++) {
        struct metric metric = {.name = figures[i].name,
                                .kind = figures[i].kind,
                                .value = figures[i].value,
                                .help = figures[i].help};
        visit(context, &metric);
    }
    http_metrics_requests(net, visit, context);
    net_metrics_errors(net, visit, context);
    net_metrics_messages(net, visit, context);
    if (net->options.metrics != NULL)
        net->options.metrics(net->options.context, visit, context);
}

/* Prometheus text of one figure; help and type before the first of a name. */
struct http_metrics_text {
    struct buf *out;
    const char *last;
};

static void http_metrics_append(void *context, const struct metric *metric)
{
    static const char *const kinds[] = {
        [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};
    struct http_metrics_text *text = context;
    struct buf *out = text->out;
    char number[32];
    const char *family = metric->family != NULL ? metric->family : metric->name;

    CHECK(metric->name != NULL && metric->help != NULL);
    if (text->last == NULL || strcmp(text->last, family) != 0)
        buf_printf(out, "# HELP kalamdb_%s %s\n# TYPE kalamdb_%s %s\n", family, metric->help,
                   family, kinds[metric->kind]);
    text->last = family;
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
