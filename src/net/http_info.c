/* http_info.c — health and the one-node cluster answer (docs/protocol.md).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "net/net_internal.h"
#include "wire/json_writer.h"

#include <time.h>

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
