/* jobs_stream.c — what left stream tables, as rows of system.jobs (docs/sql.md): the commit thread
 * removes events as part of its work; this sums up, per table, at most once a minute.
 *
 * The first removal is told at once, what follows gathers for the rest of the minute. All rows that
 * are due at one tick are one commit, so that a thousand streams cost what one does. Runs on the
 * timer's thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "jobs/jobs_internal.h"
#include "store/stream.h"

#include <stdio.h>

enum { JOBS_STREAM_EVERY_MS = 60 * 1000, JOBS_STREAM_ROWS_MAX = 64 };

struct jobs_stream {
    uint64_t expired, displaced; /* told so far */
    int64_t since_us;            /* first removal that is not told; 0 = none */
    int64_t next_ms;             /* not before: monotonic */
    uint64_t seen;               /* tick */
};

static struct jobs_stream *jobs_stream_of(struct jobs *jobs, struct table_id table, uint64_t tick)
{
    struct str key = str_from((const char *)&table.value, sizeof(table.value));
    struct jobs_stream *stream = map_get(&jobs->streams, key);

    if (stream == NULL) {
        stream = mem_zalloc(sizeof(*stream));
        CHECK(map_put(&jobs->streams, key, stream) == NULL);
    }
    stream->seen = tick;
    return stream;
}

/* The row that is due, or NULL. */
static struct job *jobs_stream_table(struct jobs *jobs, const struct table *table, uint64_t tick)
{
    struct jobs_stream *stream = jobs_stream_of(jobs, table->id, tick);
    int64_t now_ms = clock_monotonic_ms();
    struct stream_figures figures;

    stream_figures(jobs->store, table->id, &figures);
    if (figures.expired < stream->expired || figures.displaced < stream->displaced)
        stream->expired = stream->displaced = 0; /* dropped, or the store takes no writes */
    uint64_t expired = figures.expired - stream->expired;
    uint64_t displaced = figures.displaced - stream->displaced;
    if (expired + displaced == 0)
        return NULL;
    if (stream->since_us == 0)
        stream->since_us = clock_now_us();
    if (now_ms < stream->next_ms)
        return NULL;
    struct job *job = job_new(jobs, JOB_STREAM_EVICTION, table->id, table->space, table->name);
    job->created_at = job->started_at = stream->since_us;
    job->completed_at = clock_now_us();
    (void)snprintf(job->result, sizeof(job->result), "%llu events expired, %llu above max_buffer",
                   (unsigned long long)expired, (unsigned long long)displaced);
    log_debug("stream %.*s.%.*s: %s", STR_ARG(table->space), STR_ARG(table->name), job->result);
    (void)snprintf(job->trace, sizeof(job->trace), "%s:commit", jobs->node);
    *stream = (struct jobs_stream){.expired = figures.expired,
                                   .displaced = figures.displaced,
                                   .next_ms = now_ms + JOBS_STREAM_EVERY_MS,
                                   .seen = tick};
    return job;
}

static void jobs_stream_save(struct jobs *jobs, struct job *const *rows, size_t count)
{
    struct error err;

    if (count > 0 && job_row_save_all(jobs, rows, count, "completed", &err) != STATUS_OK)
        log_warn("rows about evicted events: %s", err.message);
    atomic_fetch_add(&jobs->counts.completed[JOB_STREAM_EVICTION], count);
    for (size_t i = 0; i < count; i++) {
        CHECK(rows[i]->type == JOB_STREAM_EVICTION);
        mem_free(rows[i]);
    }
}

static void jobs_stream_forget(struct jobs *jobs, uint64_t tick)
{
    size_t cursor = 0;
    struct str key;
    void *value;

    CHECK(tick > 0);
    while (map_next(&jobs->streams, &cursor, &key, &value)) {
        struct jobs_stream *stream = value;
        if (stream->seen == tick)
            continue;
        (void)map_remove(&jobs->streams, key);
        mem_free(stream);
    }
}

void jobs_stream_tables(struct jobs *jobs, uint64_t tick)
{
    struct view *view = view_acquire(jobs->store);
    struct job *rows[JOBS_STREAM_ROWS_MAX];
    const struct table *table;
    size_t count = 0;

    CHECK(jobs->store != NULL);
    for (size_t i = 0; (table = catalog_table_at(view_catalog(view), i)) != NULL; i++) {
        if (table->kind != TABLE_KIND_STREAM)
            continue;
        struct job *row = jobs_stream_table(jobs, table, tick);
        if (row != NULL)
            rows[count++] = row;
        if (count == JOBS_STREAM_ROWS_MAX) {
            jobs_stream_save(jobs, rows, count);
            count = 0;
        }
    }
    jobs_stream_save(jobs, rows, count);
    view_release(view);
    jobs_stream_forget(jobs, tick);
}

void jobs_stream_clear(struct jobs *jobs)
{
    CHECK(jobs->first == NULL);
    map_clear_values(&jobs->streams);
}
