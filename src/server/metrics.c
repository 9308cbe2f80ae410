/* metrics.c — Prometheus text of what lies below net/: statements, commits, caches, memory.
 * Loop threads.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "server/server_internal.h"

#include <stdio.h>
#include <unistd.h>

static void metrics_add(struct buf *out, const char *type, const char *name, uint64_t value)
{
    CHECK(name != NULL);
    buf_printf(out, "# TYPE kalamdb_%s %s\nkalamdb_%s %llu\n", name, type, name,
               (unsigned long long)value);
}

static void metrics_sql(struct server *server, struct buf *out)
{
    struct sql_engine_stats stats;

    CHECK(server->engine != NULL);
    sql_engine_stats(server->engine, &stats);
    metrics_add(out, "counter", "statements_total", stats.statements);
    metrics_add(out, "counter", "plan_cache_hits_total", stats.plan_hits);
    metrics_add(out, "counter", "plan_cache_misses_total", stats.plan_misses);
    metrics_add(out, "gauge", "plan_cache_plans", stats.plans);
}

static void metrics_store(struct server *server, struct buf *out)
{
    struct store_stats stats;
    struct kv_stats kv;

    CHECK(server->store != NULL);
    store_stats(server->store, &stats);
    metrics_add(out, "counter", "commits_total", stats.commits);
    metrics_add(out, "counter", "commit_groups_total", stats.groups);
    metrics_add(out, "gauge", "commit_group_size_max", stats.group_size_max);
    metrics_add(out, "counter", "rows_written_total", stats.rows_written);
    metrics_add(out, "counter", "fsync_microseconds_total", stats.fsync_us_total);
    metrics_add(out, "gauge", "row_cache_bytes", stats.row_cache_bytes);
    metrics_add(out, "counter", "row_cache_hits_total", stats.row_cache_hits);
    metrics_add(out, "counter", "row_cache_misses_total", stats.row_cache_misses);
    metrics_add(out, "gauge", "feed_bytes", stats.feed_bytes);
    kv_stats(server->kv, &kv);
    metrics_add(out, "gauge", "hot_memtable_bytes", kv.memtable_bytes);
    metrics_add(out, "gauge", "hot_block_cache_bytes", kv.block_cache_bytes);
    metrics_add(out, "gauge", "hot_file_bytes", kv.sst_bytes);
    metrics_add(out, "gauge", "hot_log_bytes", kv.wal_bytes);
}

static void metrics_memory(struct buf *out)
{
    unsigned long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");

    CHECK(out != NULL);
    if (file == NULL)
        return;
    if (fscanf(file, "%lu %lu", &total, &resident) == 2)
        metrics_add(out, "gauge", "memory_resident_bytes",
                    (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE));
    (void)fclose(file);
}

void server_metrics(void *context, struct buf *out)
{
    struct server *server = context;

    CHECK(server != NULL);
    metrics_sql(server, out);
    metrics_store(server, out);
    metrics_add(out, "gauge", "workers_waiting", worker_pool_depth(server->workers));
    metrics_memory(out);
}
