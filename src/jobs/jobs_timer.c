/* jobs_timer.c — flushes by time (docs/sql.md) and the daily jobs, on one thread that mostly
 * sleeps.
 *
 * Twice a second it compares the tables of the newest catalogue with when their interval ends. Due
 * times advance by whole intervals, so nothing drifts. A flush of the whole table starts the
 * interval anew; one of a single user does not, because the others still wait for theirs. A table
 * seen for the first time (start, CREATE, ALTER) counts from the last flush of the instance that
 * has waited longest: what is overdue at start runs at once, and so do daily jobs that were missed.
 * While a flush of the table waits or runs no other is made. Jobs that wait for readers of a
 * dropped table try again at each tick.
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
static const int64_t JOBS_DAY_S = 86400, JOBS_MISSED_DAYS = 31;

struct jobs_table_timer {
    uint32_t interval_seconds;
    int64_t started_ms; /* clock_monotonic_ms when the running interval began */
    uint64_t seen;      /* tick */
};

struct jobs_table_figures {
    bool buffered;
    int64_t waits_since_us; /* of the instance with rows that was flushed longest ago */
    int64_t created_us;
};

static bool jobs_timer_visit(void *context, struct str user,
                             const struct instance_counters *counters)
{
    struct jobs_table_figures *figures = context;

    (void)user;
    CHECK(counters->buffered_rows >= 0);
    if (counters->buffered_rows == 0)
        return true;
    int64_t since = counters->last_flush_us > 0 ? counters->last_flush_us : figures->created_us;
    if (!figures->buffered || since < figures->waits_since_us)
        figures->waits_since_us = since;
    figures->buffered = true;
    return true;
}

static bool jobs_timer_figures(struct jobs *jobs, const struct view *view,
                               const struct table *table, struct jobs_table_figures *figures)
{
    struct error err;

    *figures = (struct jobs_table_figures){.created_us = table->created_at};
    enum status status = instance_each(jobs->store, view, table, jobs_timer_visit, figures, &err);
    CHECK(table->flush_interval_seconds > 0);
    if (status != STATUS_OK)
        log_warn("interval flush of %.*s.%.*s: %s", STR_ARG(table->space), STR_ARG(table->name),
                 err.message);
    return status == STATUS_OK;
}

static struct str jobs_timer_key(const struct table_id *id)
{
    CHECK(id->value > 0);
    return str_from((const char *)&id->value, sizeof(id->value));
}

void jobs_timer_reset(struct jobs *jobs, struct table_id table)
{
    struct jobs_table_timer *timer;

    pthread_mutex_lock(&jobs->timer_mutex);
    timer = map_get(&jobs->timers, jobs_timer_key(&table));
    CHECK(timer == NULL || timer->interval_seconds > 0);
    if (timer != NULL)
        timer->started_ms = clock_monotonic_ms();
    pthread_mutex_unlock(&jobs->timer_mutex);
}

/* When the interval of a table that is seen for the first time began. */
static bool jobs_timer_first(struct jobs *jobs, const struct view *view, const struct table *table,
                             int64_t *started_ms)
{
    struct jobs_table_figures figures;

    if (!jobs_timer_figures(jobs, view, table, &figures))
        return false;
    int64_t since_us = figures.buffered ? figures.waits_since_us : clock_now_us();
    int64_t age_ms = (clock_now_us() - since_us) / 1000;
    *started_ms = clock_monotonic_ms() - (age_ms > 0 ? age_ms : 0);
    CHECK(*started_ms <= clock_monotonic_ms());
    return true;
}

/* Is the interval of the table over? Then the next one begins. */
static bool jobs_timer_is_due(struct jobs *jobs, const struct view *view, const struct table *table,
                              uint64_t tick)
{
    struct str key = jobs_timer_key(&table->id);
    int64_t now_ms = clock_monotonic_ms(), first_ms = 0;
    int64_t interval_ms = (int64_t)table->flush_interval_seconds * 1000;
    struct jobs_table_timer *timer = map_get(&jobs->timers, key); /* only this thread enters */

    if (timer == NULL && !jobs_timer_first(jobs, view, table, &first_ms))
        return false;
    pthread_mutex_lock(&jobs->timer_mutex);
    if (timer == NULL) {
        timer = mem_zalloc(sizeof(*timer));
        timer->started_ms = first_ms;
        (void)map_put(&jobs->timers, key, timer);
    }
    timer->interval_seconds = table->flush_interval_seconds;
    timer->seen = tick;
    bool due = now_ms >= timer->started_ms + interval_ms;
    if (due)
        timer->started_ms += (now_ms - timer->started_ms) / interval_ms * interval_ms;
    pthread_mutex_unlock(&jobs->timer_mutex);
    CHECK(interval_ms > 0);
    return due;
}

static void jobs_timer_table(struct jobs *jobs, const struct view *view, const struct table *table,
                             uint64_t tick)
{
    struct jobs_table_figures figures;

    if (jobs_due_is_given_up(jobs, table->id, JOB_FLUSH) ||
        !jobs_timer_is_due(jobs, view, table, tick) ||
        !jobs_timer_figures(jobs, view, table, &figures) || !figures.buffered)
        return;
    struct job *job = job_new(jobs, JOB_FLUSH, table->id, table->space, table->name);
    CHECK(job->state == JOB_PREPARING);
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
    pthread_mutex_lock(&jobs->timer_mutex);
    while (map_next(&jobs->timers, &cursor, &key, &value)) {
        struct jobs_table_timer *timer = value;
        CHECK(timer->seen <= tick);
        if (timer->seen != tick) { /* dropped, or no interval any more */
            (void)map_remove(&jobs->timers, key);
            mem_free(timer);
        }
    }
    pthread_mutex_unlock(&jobs->timer_mutex);
}

/* Since when the schedule is looked at: a run that was missed while the server was down is made up
 * at once. */
static int64_t jobs_timer_cleaned_s(struct jobs *jobs)
{
    int64_t now_us = clock_now_us(), at_us = 0;
    struct error err;

    if (job_row_last_cleanup(jobs, &at_us, &err) != STATUS_OK)
        log_warn("last clean-up: %s", err.message);
    if (at_us <= 0 || at_us > now_us)
        at_us = now_us;
    if (at_us < now_us - JOBS_MISSED_DAYS * JOBS_DAY_S * 1000000)
        at_us = now_us - JOBS_MISSED_DAYS * JOBS_DAY_S * 1000000;
    CHECK(at_us > 0);
    return at_us / 1000000;
}

static bool jobs_timer_fits(const struct jobs *jobs, int64_t after_s, int64_t until_s)
{
    CHECK(after_s < until_s);
    for (; until_s - after_s > JOBS_DAY_S; after_s += JOBS_DAY_S)
        if (schedule_fits(&jobs->cleanup_schedule, after_s, after_s + JOBS_DAY_S))
            return true;
    return schedule_fits(&jobs->cleanup_schedule, after_s, until_s);
}

/* When the schedule fits a minute since the last look. */
static void jobs_timer_clean(struct jobs *jobs, int64_t *looked_s)
{
    int64_t now_s = clock_now_us() / 1000000;

    CHECK(looked_s != NULL);
    if (now_s > *looked_s && jobs_timer_fits(jobs, *looked_s, now_s))
        jobs_clean(jobs);
    *looked_s = now_s;
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
    int64_t looked_s = jobs_timer_cleaned_s(jobs);
    uint64_t tick = 0;

    CHECK(jobs->store != NULL);
    do {
        jobs_timer_tables(jobs, ++tick);
        jobs_due_tick(jobs);
        jobs_stream_tables(jobs, tick);
        jobs_timer_clean(jobs, &looked_s);
        jobs_retry(jobs);
    } while (jobs_timer_sleep(jobs));
    return NULL;
}

void jobs_timer_clear(struct jobs *jobs)
{
    CHECK(jobs->first == NULL);
    map_clear_values(&jobs->timers);
    jobs_stream_clear(jobs);
}
