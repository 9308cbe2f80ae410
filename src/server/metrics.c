/* metrics.c — figures of what lies below net/: statements, commits, caches, memory; and all figures
 * together for system.metrics.
 * Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "server/server_internal.h"
#include "storage/files_s3.h"

#include <stdio.h>
#include <unistd.h>

struct metrics_out {
    metric_visit visit;
    void *context;
};

static void metrics_add(const struct metrics_out *out, enum metric_kind kind, const char *name,
                        uint64_t value)
{
    struct metric metric = {.name = name, .kind = kind, .value = (double)value};

    CHECK(name != NULL);
    out->visit(out->context, &metric);
}

static void metrics_sql(struct server *server, const struct metrics_out *out)
{
    struct sql_engine_stats stats;

    CHECK(server->engine != NULL);
    sql_engine_stats(server->engine, &stats);
    metrics_add(out, METRIC_COUNTER, "statements_total", stats.statements);
    metrics_add(out, METRIC_COUNTER, "plan_cache_hits_total", stats.plan_hits);
    metrics_add(out, METRIC_COUNTER, "plan_cache_misses_total", stats.plan_misses);
    metrics_add(out, METRIC_GAUGE, "plan_cache_plans", stats.plans);
}

static void metrics_s3(struct server *server, const struct metrics_out *out)
{
    struct files_cache_stats cache;
    struct files_s3_stats requests;

    CHECK(server->s3_cache != NULL);
    files_s3_stats(&requests);
    files_cache_stats(server->s3_cache, &cache);
    metrics_add(out, METRIC_COUNTER, "s3_requests_total", requests.requests);
    metrics_add(out, METRIC_COUNTER, "s3_retries_total", requests.retries);
    metrics_add(out, METRIC_COUNTER, "s3_errors_total", requests.errors);
    metrics_add(out, METRIC_COUNTER, "s3_sent_bytes_total", requests.bytes_sent);
    metrics_add(out, METRIC_COUNTER, "s3_received_bytes_total", requests.bytes_received);
    metrics_add(out, METRIC_GAUGE, "s3_cache_bytes", cache.bytes);
    metrics_add(out, METRIC_GAUGE, "s3_cache_files", cache.files);
    metrics_add(out, METRIC_GAUGE, "s3_cache_pinned", cache.pinned);
    metrics_add(out, METRIC_COUNTER, "s3_cache_hits_total", cache.hits);
    metrics_add(out, METRIC_COUNTER, "s3_cache_misses_total", cache.misses);
    metrics_add(out, METRIC_COUNTER, "s3_cache_evicted_total", cache.evicted);
}

static void metrics_store(struct server *server, const struct metrics_out *out)
{
    struct store_stats stats;
    struct kv_stats kv;

    CHECK(server->store != NULL);
    store_stats(server->store, &stats);
    metrics_add(out, METRIC_COUNTER, "commits_total", stats.commits);
    metrics_add(out, METRIC_COUNTER, "commit_groups_total", stats.groups);
    metrics_add(out, METRIC_GAUGE, "commit_group_size_max", stats.group_size_max);
    metrics_add(out, METRIC_COUNTER, "rows_written_total", stats.rows_written);
    metrics_add(out, METRIC_COUNTER, "fsync_microseconds_total", stats.fsync_us_total);
    metrics_add(out, METRIC_GAUGE, "row_cache_bytes", stats.row_cache_bytes);
    metrics_add(out, METRIC_COUNTER, "row_cache_hits_total", stats.row_cache_hits);
    metrics_add(out, METRIC_COUNTER, "row_cache_misses_total", stats.row_cache_misses);
    metrics_add(out, METRIC_GAUGE, "feed_bytes", stats.feed_bytes);
    kv_stats(server->kv, &kv);
    metrics_add(out, METRIC_GAUGE, "hot_memtable_bytes", kv.memtable_bytes);
    metrics_add(out, METRIC_GAUGE, "hot_block_cache_bytes", kv.block_cache_bytes);
    metrics_add(out, METRIC_GAUGE, "hot_file_bytes", kv.sst_bytes);
    metrics_add(out, METRIC_GAUGE, "hot_log_bytes", kv.wal_bytes);
}

static void metrics_memory(const struct metrics_out *out)
{
    unsigned long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");

    CHECK(out != NULL);
    if (file == NULL)
        return;
    if (fscanf(file, "%lu %lu", &total, &resident) == 2)
        metrics_add(out, METRIC_GAUGE, "memory_resident_bytes",
                    (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE));
    (void)fclose(file);
}

void server_metrics(void *context, metric_visit visit, void *visit_context)
{
    struct server *server = context;
    struct metrics_out out = {visit, visit_context};

    CHECK(server != NULL && visit != NULL);
    metrics_sql(server, &out);
    metrics_store(server, &out);
    metrics_s3(server, &out);
    metrics_memory(&out);
}
