/* metrics.c — figures of what lies below net/: statements, commits, tables, jobs, caches, process.
 *
 * Nearly all are counters that somebody keeps anyway. Rows and files of tables are counted by a
 * walk over all instances, and what the hot tier and the disk hold is asked of them, which may wait
 * for the disk: a worker does that, at most every five seconds and only while somebody asks; who
 * asks gets what was counted last. Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/server_internal.h"
#include "storage/files_s3.h"

#include <build_info.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { METRICS_TOTALS_MS = 5 * 1000 }; /* age at which totals are counted anew */

struct metrics_out {
    metric_visit visit;
    void *context;
};

static void metrics_add(const struct metrics_out *out, enum metric_kind kind, const char *name,
                        const char *help, uint64_t value)
{
    struct metric metric = {.name = name, .kind = kind, .value = (double)value, .help = help};

    CHECK(name != NULL);
    out->visit(out->context, &metric);
}

/* In the queue of the threads, and in those of live/ before it. */
static uint64_t metrics_snapshots_waiting(struct server *server)
{
    struct live *live = atomic_load(&server->live);
    struct live_stats stats = {.tasks_waiting = 0};

    CHECK(server->snapshots != NULL);
    if (live != NULL)
        live_stats(live, &stats);
    return worker_pool_depth(server->snapshots) + stats.tasks_waiting;
}

static void metrics_sql(struct server *server, const struct metrics_out *out)
{
    struct sql_engine_stats stats;

    CHECK(server->engine != NULL);
    sql_engine_stats(server->engine, &stats);
    metrics_add(out, METRIC_COUNTER, "statements_total", "Statements begun.", stats.statements);
    metrics_add(out, METRIC_COUNTER, "plan_cache_hits_total",
                "Statements whose plan was in the cache.", stats.plan_hits);
    metrics_add(out, METRIC_COUNTER, "plan_cache_misses_total",
                "Statements whose plan had to be built.", stats.plan_misses);
    metrics_add(out, METRIC_GAUGE, "plan_cache_plans", "Cached plans.", stats.plans);
    metrics_add(out, METRIC_GAUGE, "plan_cache_bytes", "Memory of cached plans.", stats.plan_bytes);
    metrics_add(out, METRIC_GAUGE, "worker_tasks_waiting",
                "Statements that wait for a worker thread.", worker_pool_depth(server->workers));
    metrics_add(out, METRIC_GAUGE, "snapshot_tasks_waiting",
                "Live queries whose first rows wait for a thread.",
                metrics_snapshots_waiting(server));
}

static void metrics_s3(struct server *server, const struct metrics_out *out)
{
    struct files_cache_stats cache;
    struct files_s3_stats requests;

    CHECK(server->s3_cache != NULL);
    files_s3_stats(&requests);
    files_cache_stats(server->s3_cache, &cache);
    metrics_add(out, METRIC_COUNTER, "s3_requests_total", "Requests to S3 storages.",
                requests.requests);
    metrics_add(out, METRIC_COUNTER, "s3_retries_total",
                "Requests to S3 storages that were repeated.", requests.retries);
    metrics_add(out, METRIC_COUNTER, "s3_errors_total",
                "Requests to S3 storages that failed for good.", requests.errors);
    metrics_add(out, METRIC_COUNTER, "s3_sent_bytes_total", "Bytes sent to S3 storages.",
                requests.bytes_sent);
    metrics_add(out, METRIC_COUNTER, "s3_received_bytes_total", "Bytes received from S3 storages.",
                requests.bytes_received);
    metrics_add(out, METRIC_GAUGE, "s3_cache_bytes", "Bytes of local copies of S3 files.",
                cache.bytes);
    metrics_add(out, METRIC_GAUGE, "s3_cache_files", "Local copies of S3 files.", cache.files);
    metrics_add(out, METRIC_GAUGE, "s3_cache_pinned", "Local copies in use.", cache.pinned);
    metrics_add(out, METRIC_COUNTER, "s3_cache_hits_total",
                "Reads of S3 files that had a local copy.", cache.hits);
    metrics_add(out, METRIC_COUNTER, "s3_cache_misses_total",
                "Reads of S3 files that had to fetch one.", cache.misses);
    metrics_add(out, METRIC_COUNTER, "s3_cache_evicted_total",
                "Local copies removed for storage.s3_cache_bytes.", cache.evicted);
}

static void metrics_store(struct server *server, const struct metrics_out *out)
{
    struct store_stats stats;

    CHECK(server->store != NULL);
    store_stats(server->store, &stats);
    metrics_add(out, METRIC_COUNTER, "commits_total", "Commits.", stats.commits);
    metrics_add(out, METRIC_COUNTER, "commit_groups_total", "Groups of commits written together.",
                stats.groups);
    metrics_add(out, METRIC_GAUGE, "commit_group_size_max", "Most commits in one group.",
                stats.group_size_max);
    metrics_add(out, METRIC_COUNTER, "rows_written_total", "Row versions written.",
                stats.rows_written);
    metrics_add(out, METRIC_COUNTER, "fsync_microseconds_total",
                "Time spent writing groups, in microseconds.", stats.fsync_us_total);
    metrics_add(out, METRIC_GAUGE, "row_cache_bytes", "Bytes of decoded cold rows in memory.",
                stats.row_cache_bytes);
    metrics_add(out, METRIC_GAUGE, "segment_cache_bytes",
                "Bytes of records of cold files in memory.", stats.segment_cache_bytes);
    metrics_add(out, METRIC_COUNTER, "row_cache_hits_total", "Row groups found in memory.",
                stats.row_cache_hits);
    metrics_add(out, METRIC_COUNTER, "row_cache_misses_total", "Row groups read from cold files.",
                stats.row_cache_misses);
    metrics_add(out, METRIC_GAUGE, "feed_bytes", "Bytes of recent changes in memory.",
                stats.feed_bytes);
}

/* jemalloc's, which sanitizer builds do not have. */
extern int mallctl(const char *name, void *old, size_t *old_size, void *new, size_t new_size)
    __attribute__((weak));

static uint64_t metrics_malloc(const char *name)
{
    size_t bytes = 0, size = sizeof(bytes);

    CHECK(name != NULL);
    return mallctl != NULL && mallctl(name, &bytes, &size, NULL, 0) == 0 ? bytes : 0;
}

static void metrics_memory(const struct metrics_out *out)
{
    uint64_t epoch = 1;

    CHECK(out != NULL);
    if (mallctl != NULL) /* the figures are those of the newest epoch */
        (void)mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch));
    metrics_add(out, METRIC_GAUGE, "memory_allocated_bytes",
                "Memory in use by the server's allocator (without DuckDB's buffers); 0 = unknown.",
                metrics_malloc("stats.allocated"));
    metrics_add(out, METRIC_GAUGE, "memory_held_bytes",
                "The most that the server's allocator keeps resident; 0 = unknown.",
                metrics_malloc("stats.resident"));
    metrics_add(out, METRIC_GAUGE, "password_hashes_running",
                "Passwords that are hashed at this moment; each takes auth.password_memory_kib.",
                session_hashes_running());
}

static void metrics_process(const struct metrics_out *out)
{
    unsigned long total = 0, resident = 0, page = (unsigned long)sysconf(_SC_PAGESIZE);
    FILE *file = fopen("/proc/self/statm", "re");
    struct rusage usage;
    struct rlimit limit;

    CHECK(getrusage(RUSAGE_SELF, &usage) == 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0);
    if (file != NULL && fscanf(file, "%lu %lu", &total, &resident) != 2)
        total = resident = 0;
    if (file != NULL)
        (void)fclose(file);
    metrics_add(out, METRIC_GAUGE, "memory_resident_bytes", "Resident memory of the process.",
                resident * page);
    metrics_add(out, METRIC_GAUGE, "memory_virtual_bytes", "Address space of the process.",
                total * page);
    metrics_add(out, METRIC_COUNTER, "cpu_microseconds_total",
                "Processor time of the process, in microseconds.",
                (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
                    (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec));
    metrics_add(out, METRIC_COUNTER, "major_page_faults_total",
                "Page faults that had to read the disk.", (uint64_t)usage.ru_majflt);
    metrics_add(out, METRIC_GAUGE, "descriptors_max", "Limit of open files of the process.",
                limit.rlim_cur == RLIM_INFINITY ? 0 : limit.rlim_cur);
}

static void metrics_log(const struct metrics_out *out)
{
    CHECK(out != NULL);
    for (int level = LOG_ERROR; level <= LOG_TRACE; level++) {
        struct metric metric = {.name = "log_lines_total",
                                .kind = METRIC_COUNTER,
                                .value = (double)log_count((enum log_level)level),
                                .labels = {{"level", log_level_name((enum log_level)level)}},
                                .help = "Log lines by level."};
        out->visit(out->context, &metric);
    }
}

static void metrics_build(const struct metrics_out *out)
{
    struct metric metric = {.name = "build_info",
                            .kind = METRIC_GAUGE,
                            .value = 1,
                            .labels = {{"version", BUILD_VERSION}, {"commit", BUILD_GIT_COMMIT}},
                            .help = "Always 1; the labels tell the version."};

    CHECK(out != NULL);
    out->visit(out->context, &metric);
}

/* ---- what must be counted by walking, or asked of the disk ----------------------------------- */

static void totals_measure(struct server *server, struct server_totals *totals)
{
    struct statvfs disk;

    CHECK(server->kv != NULL);
    kv_stats(server->kv, &totals->hot);
    if (statvfs(config_text(server->config, CONFIG_SERVER_DATA_DIR), &disk) != 0)
        memset(&disk, 0, sizeof(disk));
    totals->disk_bytes = (uint64_t)disk.f_blocks * disk.f_frsize;
    totals->disk_free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
}

void server_log_figures(struct server *server)
{
    struct server_totals totals = {0};

    CHECK(server != NULL);
    totals_measure(server, &totals);
    log_info("hot tier: %.1f MiB in files, %.1f MiB of log", (double)totals.hot.sst_bytes / 1048576,
             (double)totals.hot.wal_bytes / 1048576);
    pthread_mutex_lock(&server->told_mutex);
    server->totals.hot = totals.hot;
    server->totals.disk_bytes = totals.disk_bytes;
    server->totals.disk_free_bytes = totals.disk_free_bytes;
    pthread_mutex_unlock(&server->told_mutex);
}

static bool totals_visit(void *context, struct str user, const struct instance_counters *counters)
{
    struct server_totals *totals = context;

    CHECK(user.size == 0 || user.data != NULL);
    totals->instances++;
    totals->hot_rows += (uint64_t)counters->buffered_rows;
    totals->cold_rows += counters->cold_rows;
    totals->cold_bytes += counters->cold_bytes;
    totals->segments += counters->segments;
    return true;
}

static enum status totals_count(struct store *store, struct server_totals *totals,
                                struct error *err)
{
    struct view *view = view_acquire(store);
    const struct catalog *catalog = view_catalog(view);
    enum status status = STATUS_OK;
    const struct table *table;

    CHECK(totals->instances == 0);
    while (catalog_namespace_at(catalog, totals->namespaces) != NULL)
        totals->namespaces++;
    while (catalog_user_at(catalog, totals->users) != NULL)
        totals->users++;
    for (size_t i = 0; status == STATUS_OK && (table = catalog_table_at(catalog, i)) != NULL; i++) {
        totals->tables[table->kind]++;
        if (table->kind == TABLE_KIND_USER || table->kind == TABLE_KIND_SHARED)
            status = instance_each(store, view, table, totals_visit, totals, err);
    }
    view_release(view);
    return status;
}

static void totals_run(struct task *task)
{
    struct server *server = CONTAINER_OF(task, struct server, totals_task);
    struct server_totals totals = {0};
    struct error err;

    CHECK(server->store != NULL);
    error_clear(&err);
    if (totals_count(server->store, &totals, &err) != STATUS_OK)
        log_warn("figures of tables: %s", err.message);
    totals_measure(server, &totals);
    pthread_mutex_lock(&server->told_mutex);
    server->totals = totals;
    server->totals_at_ms = clock_monotonic_ms();
    server->totals_busy = false;
    pthread_mutex_unlock(&server->told_mutex);
}

/* What was counted last; has it counted anew by a worker when that is some time ago. */
static struct server_totals metrics_take_totals(struct server *server)
{
    pthread_mutex_lock(&server->told_mutex);
    struct server_totals totals = server->totals;
    bool old = clock_monotonic_ms() - server->totals_at_ms > METRICS_TOTALS_MS;
    bool start = old && !server->totals_busy && server->told != NULL;
    if (start) {
        server->totals_busy = true;
        server->totals_task.run = totals_run;
        worker_pool_post_long(server->workers, &server->totals_task);
    }
    CHECK(!start || server->store != NULL);
    pthread_mutex_unlock(&server->told_mutex);
    return totals;
}

static void metrics_hot(const struct server_totals *totals, const struct metrics_out *out)
{
    const struct kv_stats *hot = &totals->hot;

    CHECK(out != NULL);
    metrics_add(out, METRIC_GAUGE, "hot_memtable_bytes", "Hot tier: bytes in write buffers.",
                hot->memtable_bytes);
    metrics_add(out, METRIC_GAUGE, "hot_block_cache_bytes", "Hot tier: bytes of cached blocks.",
                hot->block_cache_bytes);
    metrics_add(out, METRIC_GAUGE, "hot_file_bytes", "Hot tier: bytes of files.", hot->sst_bytes);
    metrics_add(out, METRIC_GAUGE, "hot_log_bytes", "Hot tier: bytes of the write-ahead log.",
                hot->wal_bytes);
    metrics_add(out, METRIC_GAUGE, "disk_total_bytes", "Size of the disk of the data folder.",
                totals->disk_bytes);
    metrics_add(out, METRIC_GAUGE, "disk_free_bytes",
                "Free bytes of the disk of the data folder, for unprivileged processes.",
                totals->disk_free_bytes);
}

static void metrics_totals(struct server *server, const struct metrics_out *out)
{
    static const char *const kinds[] = {
        [TABLE_KIND_USER] = "user", [TABLE_KIND_SHARED] = "shared", [TABLE_KIND_STREAM] = "stream"};
    struct server_totals totals = metrics_take_totals(server);

    CHECK(out != NULL);
    metrics_hot(&totals, out);
    metrics_add(out, METRIC_GAUGE, "namespaces", "Namespaces.", totals.namespaces);
    metrics_add(out, METRIC_GAUGE, "users", "Users, deleted ones included.", totals.users);
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        struct metric metric = {.name = "tables",
                                .kind = METRIC_GAUGE,
                                .value = (double)totals.tables[i],
                                .labels = {{"type", kinds[i]}},
                                .help = "Tables by type."};
        if (kinds[i] != NULL)
            out->visit(out->context, &metric);
    }
    metrics_add(out, METRIC_GAUGE, "table_instances", "Instances of user and shared tables.",
                totals.instances);
    metrics_add(out, METRIC_GAUGE, "hot_rows", "Rows that are not flushed yet.", totals.hot_rows);
    metrics_add(out, METRIC_GAUGE, "cold_rows", "Rows in cold files.", totals.cold_rows);
    metrics_add(out, METRIC_GAUGE, "cold_bytes", "Bytes of cold files.", totals.cold_bytes);
    metrics_add(out, METRIC_GAUGE, "cold_files", "Cold files.", totals.segments);
}

void server_metrics(void *context, metric_visit visit, void *visit_context)
{
    struct server *server = context;
    struct metrics_out out = {visit, visit_context};
    struct jobs *jobs = atomic_load(&server->jobs);

    CHECK(server != NULL && visit != NULL);
    metrics_build(&out);
    metrics_sql(server, &out);
    sql_engine_metrics(server->engine, visit, visit_context);
    metrics_store(server, &out);
    store_metrics(server->store, visit, visit_context);
    metrics_totals(server, &out);
    if (jobs != NULL)
        jobs_metrics(jobs, visit, visit_context);
    metrics_s3(server, &out);
    metrics_process(&out);
    metrics_memory(&out);
    metrics_log(&out);
}
