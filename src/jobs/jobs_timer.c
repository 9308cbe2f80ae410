/* jobs_timer.c — flushes by time (spec §4.4) and the daily clean-up, on one thread that mostly
 * sleeps.
 *
 * Twice a second it compares the tables of the newest catalogue with when their interval ends. Due
 * times advance by whole intervals, so nothing drifts. A table seen for the first time (start,
 * CREATE, ALTER) counts from its last flush, or its creation: what is overdue at start runs at
 * once. A flush of a shared table by its row policy starts the interval anew.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "jobs/jobs_internal.h"

#include <errno.h>
#include <time.h>

enum { JOBS_TICK_MS = 500 };

struct jobs_table_timer {
    uint32_t interval_seconds;
    int64_t started_ms; /* clock_monotonic_ms when the running interval began */
    uint64_t seen;      /* tick */
};

struct jobs_table_figures {
    bool buffered;
    int64_t last_flush_us;
};

static bool jobs_timer_visit(void *context, struct str user,
                             const struct instance_counters *counters)
{
    struct jobs_table_figures *figures = context;

    (void)user;
    CHECK(counters->buffered_rows >= 0);
    if (counters->buffered_rows > 0)
        figures->buffered = true;
    if (counters->last_flush_us > figures->last_flush_us)
        figures->last_flush_us = counters->last_flush_us;
    return true;
}

static bool jobs_timer_figures(struct jobs *jobs, const struct view *view,
                               const struct table *table, struct jobs_table_figures *figures)
{
    struct error err;

    *figures = (struct jobs_table_figures){.buffered = false};
    enum status status = instance_each(jobs->store, view, table, jobs_timer_visit, figures, &err);
    CHECK(table->flush_interval_seconds > 0);
    if (status != STATUS_OK)
        log_warn("interval flush of %.*s.%.*s: %s", STR_ARG(table->space), STR_ARG(table->name),
                 err.message);
    return status == STATUS_OK;
}

static struct jobs_table_timer *jobs_timer_of(struct jobs *jobs, const struct view *view,
                                              const struct table *table)
{
    struct str key = str_from((const char *)&table->id.value, sizeof(table->id.value));
    struct jobs_table_timer *timer = map_get(&jobs->timers, key);
    struct jobs_table_figures figures;

    if (timer == NULL) {
        if (!jobs_timer_figures(jobs, view, table, &figures))
            return NULL;
        timer = mem_zalloc(sizeof(*timer));
        int64_t last_us = figures.last_flush_us > 0 ? figures.last_flush_us : table->created_at;
        int64_t age_ms = (clock_now_us() - last_us) / 1000;
        timer->started_ms = clock_monotonic_ms() - (age_ms > 0 ? age_ms : 0);
        void *former = map_put(&jobs->timers, key, timer);
        CHECK(former == NULL);
    }
    timer->interval_seconds = table->flush_interval_seconds;
    return timer;
}

static void jobs_timer_table(struct jobs *jobs, const struct view *view, const struct table *table,
                             uint64_t tick)
{
    struct jobs_table_timer *timer = jobs_timer_of(jobs, view, table);
    int64_t now_ms = clock_monotonic_ms();
    struct jobs_table_figures figures;

    if (timer == NULL)
        return;
    timer->seen = tick;
    int64_t interval_ms = (int64_t)timer->interval_seconds * 1000;
    CHECK(interval_ms > 0);
    if (now_ms < timer->started_ms + interval_ms)
        return;
    timer->started_ms += (now_ms - timer->started_ms) / interval_ms * interval_ms;
    if (!jobs_timer_figures(jobs, view, table, &figures) || !figures.buffered)
        return;
    /* Somebody else flushed the table meanwhile: the interval counts from then. */
    int64_t since_ms = figures.last_flush_us > 0 && !table_has_user_instances(table)
                           ? (clock_now_us() - figures.last_flush_us) / 1000
                           : interval_ms;
    if (since_ms >= 0 && since_ms < interval_ms) {
        timer->started_ms = now_ms - since_ms;
        return;
    }
    struct job *job = job_new(jobs, JOB_FLUSH, table->id, table->space, table->name);
    job->all_users = table_has_user_instances(table);
    jobs_enqueue(jobs, job);
}

static void jobs_timer_tables(struct jobs *jobs, uint64_t tick)
{
    struct view *view = view_acquire(jobs->store);
    const struct table *table;
    size_t cursor = 0;
    struct str key;
    void *value;

    for (size_t i = 0; (table = catalog_table_at(view_catalog(view), i)) != NULL; i++) {
        bool has_cold = table->kind == TABLE_KIND_USER || table->kind == TABLE_KIND_SHARED;
        if (has_cold && table->flush_interval_seconds > 0)
            jobs_timer_table(jobs, view, table, tick);
    }
    view_release(view);
    while (map_next(&jobs->timers, &cursor, &key, &value)) {
        struct jobs_table_timer *timer = value;
        CHECK(timer->seen <= tick);
        if (timer->seen != tick) { /* dropped, or no interval any more */
            (void)map_remove(&jobs->timers, key);
            mem_free(timer);
        }
    }
}

/* Once per day (UTC), at the first tick of it. */
static void jobs_timer_day(struct jobs *jobs, int64_t *day)
{
    int64_t today = clock_now_us() / INT64_C(86400000000);

    CHECK(day != NULL);
    if (today == *day || jobs->retention_days == 0)
        return;
    bool first = *day == 0;
    *day = today;
    if (!first)
        jobs_enqueue(jobs, job_new(jobs, JOB_CLEANUP, (struct table_id){0}, STR_EMPTY, STR_EMPTY));
}

/* False when the jobs stop. */
static bool jobs_timer_sleep(struct jobs *jobs)
{
    struct timespec until = clock_deadline(JOBS_TICK_MS);

    pthread_mutex_lock(&jobs->mutex);
    int waited = 0;
    while (!jobs->stopping && waited == 0)
        waited = pthread_cond_timedwait(&jobs->changed, &jobs->mutex, &until);
    bool go_on = !jobs->stopping;
    pthread_mutex_unlock(&jobs->mutex);
    CHECK(waited == 0 || waited == ETIMEDOUT);
    return go_on;
}

void *jobs_timer_main(void *argument)
{
    struct jobs *jobs = argument;
    int64_t day = 0;
    uint64_t tick = 0;

    CHECK(jobs->store != NULL);
    do {
        jobs_timer_tables(jobs, ++tick);
        jobs_stream_tables(jobs, tick);
        jobs_timer_day(jobs, &day);
    } while (jobs_timer_sleep(jobs));
    return NULL;
}

void jobs_timer_clear(struct jobs *jobs)
{
    size_t cursor = 0;
    struct str key;
    void *value;

    CHECK(jobs->first == NULL);
    while (map_next(&jobs->timers, &cursor, &key, &value))
        mem_free(value);
    map_clear(&jobs->timers);
    jobs_stream_clear(jobs);
}
