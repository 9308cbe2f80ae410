/* jobs.c — the queue: who waits, who runs, who is asked to stop.
 *
 * Jobs are kept in one list in order of arrival. A pending one starts as soon as a worker is free
 * and no other job of its table runs; backups run one by one. A flush that is asked for while one
 * that covers it is pending or running is not made anew: the asker gets the existing id. A pending
 * one that nobody knows yet, because it has no row, goes when a flush that covers it comes. So the
 * list stays short: what waits for each table is bounded, whatever asks (jobs_due.c gathers users).
 *
 * One mutex guards the list; rows of system.jobs are written without it. A job in PREPARING is in
 * the list, so that nobody starts a second one, but cannot start before its row is durable.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "jobs/jobs.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "jobs/jobs_internal.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

enum { JOBS_NICE = 10, JOBS_TIMER_STACK_BYTES = 1 << 20, JOBS_CHECK_MS = 200 };

/* ---- the list; the mutex is held
 * ------------------------------------------------------------------ */

static bool jobs_table_runs(const struct jobs *jobs, struct table_id table)
{
    for (const struct job *job = jobs->first; job != NULL; job = job->next) {
        CHECK(job->jobs == jobs);
        if (job->state == JOB_RUNNING && table.value != 0 &&
            (job->table.value == table.value || job->held.value == table.value))
            return true;
    }
    return false;
}

/* Backups run one by one: two into one folder would both find it free. */
static bool jobs_backup_runs(const struct jobs *jobs)
{
    for (const struct job *job = jobs->first; job != NULL; job = job->next) {
        CHECK(job->jobs == jobs);
        if (job->state == JOB_RUNNING && job->type == JOB_BACKUP)
            return true;
    }
    return false;
}

static void jobs_run_task(struct task *task);

static void jobs_dispatch(struct jobs *jobs)
{
    for (struct job *job = jobs->first; job != NULL && !jobs->stopping; job = job->next) {
        if (jobs->running >= jobs->threads)
            return;
        if (job->state != JOB_PENDING || job->postponed || jobs_table_runs(jobs, job->table) ||
            (job->type == JOB_BACKUP && jobs_backup_runs(jobs)))
            continue;
        CHECK(jobs->pool != NULL);
        job->state = JOB_RUNNING;
        jobs->running++;
        job->task.run = jobs_run_task;
        worker_pool_post(jobs->pool, &job->task);
    }
}

static void jobs_link(struct jobs *jobs, struct job *job)
{
    struct job **link = &jobs->first;

    CHECK(job->next == NULL);
    while (*link != NULL)
        link = &(*link)->next;
    *link = job;
}

static void jobs_remove(struct jobs *jobs, struct job *job)
{
    struct job **link = &jobs->first;

    while (*link != job) {
        CHECK(*link != NULL);
        link = &(*link)->next;
    }
    *link = job->next;
    job->next = NULL;
    pthread_cond_broadcast(&jobs->changed);
}

void jobs_retry(struct jobs *jobs)
{
    pthread_mutex_lock(&jobs->mutex);
    for (struct job *job = jobs->first; job != NULL; job = job->next) {
        CHECK(!job->postponed || job->state == JOB_PENDING);
        job->postponed = false;
    }
    jobs_dispatch(jobs);
    pthread_mutex_unlock(&jobs->mutex);
}

/* Does the flush do all that another one is asked for? */
static bool jobs_covers(const struct job *job, const struct job *wanted)
{
    CHECK(wanted->type == JOB_FLUSH);
    if (job->type != JOB_FLUSH || job->table.value != wanted->table.value)
        return false;
    if (!job->all_users && (wanted->all_users || wanted->due_users ||
                            !job_flushes_user(job, str_from_c(wanted->user))))
        return false;
    return job->with_shadows || !wanted->with_shadows;
}

/* A flush that will do, or does, all that is asked for. */
static struct job *jobs_find_flush(struct jobs *jobs, const struct job *wanted)
{
    for (struct job *job = jobs->first; job != NULL; job = job->next) {
        CHECK(job->type < JOB_OTHER);
        if (!atomic_load(&job->cancelled) && !atomic_load(&job->worked) && jobs_covers(job, wanted))
            return job;
    }
    return NULL;
}

/* Lets the job start. Flushes that wait without a row, so that nobody can have asked for them, go
 * when it does their work too. */
static void jobs_enter(struct jobs *jobs, struct job *job)
{
    struct job **link = &jobs->first;

    CHECK(job->state == JOB_PREPARING);
    job->state = JOB_PENDING;
    while (job->type == JOB_FLUSH && *link != NULL) {
        struct job *other = *link;
        if (other == job || other->type != JOB_FLUSH || other->state != JOB_PENDING ||
            other->row_written || !jobs_covers(job, other)) {
            link = &other->next;
            continue;
        }
        *link = other->next;
        job_free(other);
    }
    jobs_dispatch(jobs);
}

void jobs_append(struct jobs *jobs, struct job *job)
{
    CHECK(job->jobs == jobs && !jobs->stopping);
    jobs_link(jobs, job);
    jobs_enter(jobs, job);
}

/* Background work of the same kind that has not begun will do the same; of flushes (the timer's) a
 * running one too: what it has passed already waits for the next interval. */
static bool jobs_waits(struct jobs *jobs, const struct job *wanted)
{
    CHECK(wanted->jobs == jobs);
    if (wanted->resumed)
        return false;
    if (wanted->type == JOB_FLUSH)
        return jobs_find_flush(jobs, wanted) != NULL;
    for (const struct job *job = jobs->first; job != NULL; job = job->next)
        if (job->type == wanted->type && job->table.value == wanted->table.value &&
            job->state != JOB_RUNNING)
            return true;
    return false;
}

static struct job *jobs_find(struct jobs *jobs, struct str id)
{
    struct job *job = jobs->first;

    CHECK(jobs->store != NULL);
    while (job != NULL && !str_equal(str_from_c(job->id.text), id))
        job = job->next;
    return job;
}

enum status jobs_hold_table(struct job *job, struct table_id table, struct error *err)
{
    struct jobs *jobs = job->jobs;

    CHECK(job->state == JOB_RUNNING && job->held.value == 0 && job->table.value == 0);
    pthread_mutex_lock(&jobs->mutex);
    while (jobs_table_runs(jobs, table) && !atomic_load(&job->cancelled))
        pthread_cond_wait(&jobs->changed, &jobs->mutex);
    bool cancelled = atomic_load(&job->cancelled);
    if (!cancelled)
        job->held = table;
    pthread_mutex_unlock(&jobs->mutex);
    return cancelled ? error_set(err, STATUS_CANCELLED, "cancelled") : STATUS_OK;
}

void jobs_release_table(struct job *job)
{
    struct jobs *jobs = job->jobs;

    pthread_mutex_lock(&jobs->mutex);
    CHECK(job->held.value != 0);
    job->held.value = 0;
    pthread_cond_broadcast(&jobs->changed);
    jobs_dispatch(jobs);
    pthread_mutex_unlock(&jobs->mutex);
}

/* ---- running
 * -------------------------------------------------------------------------------------- */

static void jobs_after_flush(struct job *job)
{
    struct view *view = view_acquire(job->jobs->store);
    const struct table *table = catalog_find_table_id(view_catalog(view), job->table);

    CHECK(job->type == JOB_FLUSH);
    if (table != NULL && (job->all_users || !table_has_user_instances(table)))
        jobs_timer_reset(job->jobs, job->table);
    view_release(view);
    jobs_due_again(job);
}

/* Many files have gathered: merges them, behind the flushes that wait already. */
static void jobs_compact(struct job *job)
{
    struct jobs *jobs = job->jobs;
    struct str user = job->all_users ? STR_EMPTY : str_from_c(job->user);
    struct error err;
    bool due = false;

    if (!job->compaction_due || atomic_load(&jobs->closing) ||
        jobs_due_is_given_up(jobs, job->table, JOB_COMPACT))
        return;
    CHECK(job->type == JOB_FLUSH || job->type == JOB_COMPACT);
    enum status status = compact_is_due(jobs->store, job->table, user, &due, &err);
    if (status != STATUS_OK)
        log_warn("segments after job %s: %s", job->id.text, err.message);
    if (!due)
        return;
    struct job *next =
        job_new(jobs, JOB_COMPACT, job->table, str_from_c(job->space), str_from_c(job->name));
    next->all_users = true;
    jobs_enqueue(jobs, next);
}

/* Tells whoever waits for the job. The mutex is held; jobs_remove wakes them. */
static void jobs_answer(struct job *job)
{
    struct job_waiter *waiter = job->waiter;

    if (waiter == NULL)
        return;
    CHECK(!waiter->done);
    waiter->done = true;
    waiter->status = job->status;
    waiter->err = job->err;
    waiter->figures = job->figures;
    job->waiter = NULL;
}

/* Does the server begin such jobs of a table by itself, for as long as they end well? */
static bool jobs_is_by_policy(const struct job *job)
{
    CHECK(job->type <= JOB_OTHER);
    return job->type == JOB_FLUSH || job->type == JOB_COMPACT;
}

static void jobs_after(struct job *job)
{
    bool well =
        !atomic_load(&job->cancelled) && job->status == STATUS_OK && job->error_message[0] == '\0';

    CHECK(job->jobs != NULL);
    if (!well && job->type == JOB_FLUSH) {
        pthread_mutex_lock(&job->jobs->mutex);
        jobs_due_failed(job);
        pthread_mutex_unlock(&job->jobs->mutex);
    }
    if (well && jobs_is_by_policy(job))
        jobs_due_give_up(job->jobs, job->table, job->type, false);
    if (well && job->type == JOB_FLUSH)
        jobs_after_flush(job);
    if (well)
        jobs_compact(job);
}

static void jobs_run_task(struct task *task)
{
    struct job *job = CONTAINER_OF(task, struct job, task);
    struct jobs *jobs = job->jobs;

    CHECK(job->state == JOB_RUNNING);
    job_run(job);
    pthread_mutex_lock(&jobs->mutex);
    bool postponed = job->status == STATUS_WOULD_BLOCK && !jobs->stopping;
    if (postponed) {
        job->state = JOB_PENDING;
        job->postponed = true;
    } else {
        jobs_answer(job);
        jobs_remove(jobs, job);
    }
    jobs->running--;
    jobs_dispatch(jobs);
    pthread_mutex_unlock(&jobs->mutex);
    if (postponed)
        return;
    jobs_after(job);
    job_free(job);
}

void jobs_enqueue(struct jobs *jobs, struct job *job)
{
    CHECK(job->jobs == jobs && job->state == JOB_PREPARING);
    pthread_mutex_lock(&jobs->mutex);
    bool drop = jobs->stopping || jobs_waits(jobs, job);
    if (!drop)
        jobs_append(jobs, job);
    pthread_mutex_unlock(&jobs->mutex);
    if (drop)
        job_free(job);
}

void jobs_clean(struct jobs *jobs)
{
    static const enum job_type daily[] = {JOB_CLEANUP, JOB_USER_CLEANUP};

    CHECK(jobs->store != NULL);
    for (size_t i = 0; i < ARRAY_COUNT(daily); i++)
        jobs_enqueue(jobs, job_new(jobs, daily[i], (struct table_id){0}, STR_EMPTY, STR_EMPTY));
}

enum status jobs_submit(struct jobs *jobs, struct job *job, struct job_id *id, bool *existing,
                        struct error *err)
{
    CHECK(job->state == JOB_PREPARING && !job->row_written);
    *existing = false;
    pthread_mutex_lock(&jobs->mutex);
    struct job *other = job->type == JOB_FLUSH ? jobs_find_flush(jobs, job) : NULL;
    *existing = other != NULL;
    *id = other != NULL ? other->id : job->id;
    bool stopping = jobs->stopping;
    if (other == NULL && !stopping)
        jobs_link(jobs, job);
    pthread_mutex_unlock(&jobs->mutex);
    if (other != NULL || stopping) {
        job_free(job);
        return stopping ? error_set(err, STATUS_SHUTTING_DOWN, "the server is stopping")
                        : STATUS_OK;
    }
    enum status status = job_row_save(job, "pending", err);
    pthread_mutex_lock(&jobs->mutex);
    if (status == STATUS_OK) {
        job->row_written = true;
        jobs_enter(jobs, job);
    } else {
        jobs_due_failed(job);
        jobs_remove(jobs, job);
    }
    pthread_mutex_unlock(&jobs->mutex);
    if (status != STATUS_OK)
        job_free(job);
    return status;
}

/* ---- asking for jobs
 * ------------------------------------------------------------------------------ */

enum status jobs_flush(struct jobs *jobs, struct table_id table_id, struct str user, bool all_users,
                       bool with_shadows, struct job_id *id, bool *existing, struct error *err)
{
    struct view *view = view_acquire(jobs->store);
    const struct table *table = catalog_find_table_id(view_catalog(view), table_id);
    struct job *job = NULL;
    enum status status = STATUS_OK;

    CHECK(id != NULL && existing != NULL);
    if (table == NULL)
        status = error_set(err, STATUS_TABLE_NOT_FOUND, "no such table");
    else if (table->kind != TABLE_KIND_USER && table->kind != TABLE_KIND_SHARED)
        status =
            error_set(err, STATUS_INVALID_OPERATION,
                      "cannot flush \"%.*s.%.*s\": %s tables have no cold storage",
                      STR_ARG(table->space), STR_ARG(table->name), table_kind_name(table->kind));
    else if (user.size >= JOB_USER_BYTES)
        status = error_set(err, STATUS_INVALID_OPERATION, "user id is too long");
    if (status == STATUS_OK) {
        job = job_new(jobs, JOB_FLUSH, table_id, table->space, table->name);
        job->all_users = all_users && table_has_user_instances(table);
        job->with_shadows = with_shadows;
        if (user.size > 0 && !job->all_users)
            memcpy(job->user, user.data, user.size);
    }
    view_release(view);
    return status != STATUS_OK ? status : jobs_submit(jobs, job, id, existing, err);
}

enum status jobs_drop_table(struct jobs *jobs, struct table_id table, struct str space,
                            struct str name, struct job_id *id, struct error *err)
{
    struct job *job = job_new(jobs, JOB_TABLE_DELETION, table, space, name);
    bool existing;

    CHECK(table.value > 0);
    return jobs_submit(jobs, job, id, &existing, err);
}

/* ---- stopping some of them
 * ------------------------------------------------------------------------ */

/* The outcome of a job that will not run. Whoever waits for it is told before the mutex is let go:
 * from then on nobody waits, whatever becomes of the asker. */
static void jobs_cancel_answer(struct job *job)
{
    CHECK(job->state == JOB_PENDING);
    job->completed_at = clock_now_us();
    (void)snprintf(job->error_message, sizeof(job->error_message), "cancelled");
    job->status = error_set(&job->err, STATUS_CANCELLED, "the job was cancelled");
    jobs_due_failed(job);
    jobs_answer(job);
}

/* Takes the pending jobs of a table (all with id 0) out of the list; running ones are told. The
 * mutex is held. */
static struct job *jobs_cancel_locked(struct jobs *jobs, struct table_id table, bool flush_only)
{
    struct job *pending = NULL, **link = &jobs->first;

    while (*link != NULL) {
        struct job *job = *link;
        bool meant = (table.value == 0 || job->table.value == table.value) &&
                     (!flush_only || job->type == JOB_FLUSH || job->type == JOB_COMPACT);
        CHECK(job->jobs == jobs);
        if (meant)
            atomic_store(&job->cancelled, true);
        if (!meant || job->state != JOB_PENDING) {
            link = &job->next;
            continue;
        }
        *link = job->next;
        job->next = pending;
        pending = job;
        jobs_cancel_answer(job);
    }
    pthread_cond_broadcast(&jobs->changed);
    return pending;
}

static void jobs_cancel_finish(struct job *pending, bool save)
{
    struct error err;

    while (pending != NULL) {
        struct job *job = pending;
        pending = job->next;
        CHECK(job->state == JOB_PENDING && job->waiter == NULL);
        if (save && job->row_written && job_row_save(job, "cancelled", &err) != STATUS_OK)
            log_warn("outcome of job %s: %s", job->id.text, err.message);
        job_free(job);
    }
}

/* Does a job work on the table as long as it is there? The one that deletes the files of a dropped
 * table is none: it begins when nobody looks at the table any more, and who waits here may. */
static bool jobs_table_is_used(const struct jobs *jobs, struct table_id table)
{
    for (const struct job *job = jobs->first; job != NULL; job = job->next) {
        CHECK(job->jobs == jobs);
        if (job->state == JOB_RUNNING && job->type != JOB_TABLE_DELETION &&
            (job->table.value == table.value || job->held.value == table.value))
            return true;
    }
    return false;
}

enum status jobs_cancel_table(struct jobs *jobs, struct table_id table,
                              enum status (*check)(void *context, struct error *err), void *context,
                              struct error *err)
{
    enum status status = STATUS_OK;

    CHECK(table.value > 0);
    pthread_mutex_lock(&jobs->mutex);
    struct job *pending = jobs_cancel_locked(jobs, table, true);
    while (status == STATUS_OK && jobs_table_is_used(jobs, table)) {
        struct timespec until = clock_deadline(JOBS_CHECK_MS);
        (void)pthread_cond_timedwait(&jobs->changed, &jobs->mutex, &until);
        if (check != NULL)
            status = check(context, err);
    }
    pthread_mutex_unlock(&jobs->mutex);
    jobs_cancel_finish(pending, true);
    return status;
}

enum status jobs_kill(struct jobs *jobs, struct str id, struct error *err)
{
    struct job *pending = NULL;
    char status_text[16];

    pthread_mutex_lock(&jobs->mutex);
    struct job *job = jobs_find(jobs, id);
    if (job != NULL) {
        job->killed = true;
        atomic_store(&job->cancelled, true);
        pthread_cond_broadcast(&jobs->changed); /* it may wait for a table */
        if (job->state == JOB_PENDING) {
            jobs_cancel_answer(job);
            jobs_remove(jobs, job);
            pending = job;
        }
    }
    pthread_mutex_unlock(&jobs->mutex);
    if (job != NULL) {
        jobs_cancel_finish(pending, true);
        return STATUS_OK;
    }
    enum status status = job_row_status(jobs, id, status_text, err);
    CHECK(status != STATUS_END);
    if (status == STATUS_ABSENT)
        return error_set(err, STATUS_JOB_NOT_FOUND, "job not found: job \"%.*s\" does not exist",
                         STR_ARG(id));
    if (status != STATUS_OK)
        return status;
    return error_set(err, STATUS_INVALID_OPERATION, "job \"%.*s\" is already %s", STR_ARG(id),
                     status_text);
}

/* ---- start and stop
 * ------------------------------------------------------------------------------- */

static bool jobs_can_go_on(const struct job *job)
{
    bool of_table =
        job->type == JOB_FLUSH || job->type == JOB_TABLE_DELETION || job->type == JOB_COMPACT;

    CHECK(job->resumed);
    return (of_table && job->table.value > 0 && job->name[0] != '\0') || job->type == JOB_CLEANUP ||
           job->type == JOB_USER_CLEANUP;
}

/* What the last run left behind goes on under its id, but for backups and restores: those fail. So
 * does a job that ran whenever the server died: it may be why, and the server must be able to start
 * without it. */
static void jobs_resume(struct job *job)
{
    bool can_go_on = jobs_can_go_on(job);
    bool too_often = can_go_on && job->retries > JOB_RETRIES_MAX;
    struct error err;

    if (can_go_on && !too_often) {
        jobs_enqueue(job->jobs, job);
        return;
    }
    job->completed_at = clock_now_us();
    (void)snprintf(job->error_message, sizeof(job->error_message),
                   too_often ? "the server ended %d times while this job ran" : "server restarted",
                   job->retries);
    CHECK(job->completed_at > 0);
    if (too_often)
        log_error("job %s is given up: the server ended %d times while it ran", job->id.text,
                  job->retries);
    if (too_often && jobs_is_by_policy(job))
        jobs_due_give_up(job->jobs, job->table, job->type, true);
    if (job_row_save(job, "failed", &err) != STATUS_OK)
        log_warn("outcome of job %s: %s", job->id.text, err.message);
    job_free(job);
}

enum status jobs_start(const struct jobs_options *options, struct jobs **out, struct error *err)
{
    struct jobs *jobs = mem_zalloc(sizeof(*jobs));

    CHECK(options->store != NULL);
    jobs->store = options->store;
    jobs->threads = options->flush_threads > 0 ? options->flush_threads : 1;
    jobs->retention_days = options->retention_days;
    jobs->user_grace_days = options->user_grace_days;
    if (options->cleanup_schedule.size > 0 &&
        !schedule_parse(options->cleanup_schedule, &jobs->cleanup_schedule)) {
        mem_free(jobs);
        return error_set(err, STATUS_INVALID_INPUT, "jobs.cleanup_schedule makes no sense");
    }
    CHECK(pthread_mutex_init(&jobs->timer_mutex, NULL) == 0);
    (void)snprintf(jobs->node, sizeof(jobs->node), "%.*s", STR_ARG(options->node));
    (void)snprintf(jobs->version, sizeof(jobs->version), "%.*s", STR_ARG(options->version));
    CHECK(pthread_mutex_init(&jobs->mutex, NULL) == 0);
    clock_cond_init(&jobs->changed);
    map_init(&jobs->timers);
    map_init(&jobs->streams);
    map_init(&jobs->due_tables);
    map_init(&jobs->due_limits);
    map_init(&jobs->due_given_up);
    jobs->pool = worker_pool_start("job", jobs->threads, LIMIT_WORKER_STACK_BYTES, JOBS_NICE);
    enum status status = job_row_each_unfinished(jobs, jobs_resume, err);
    thread_start(&jobs->timer, "job-timer", JOBS_TIMER_STACK_BYTES, jobs_timer_main, jobs);
    if (status != STATUS_OK) {
        jobs_stop(jobs);
        return status;
    }
    *out = jobs;
    return STATUS_OK;
}

void jobs_stop(struct jobs *jobs)
{
    if (jobs == NULL)
        return;
    pthread_mutex_lock(&jobs->mutex);
    CHECK(!jobs->stopping);
    jobs->stopping = true;
    struct job *pending = jobs_cancel_locked(jobs, (struct table_id){0}, false);
    pthread_mutex_unlock(&jobs->mutex);
    CHECK(pthread_join(jobs->timer, NULL) == 0);
    worker_pool_stop(jobs->pool);
    /* Their rows stay `pending`: the next start takes them up. */
    jobs_cancel_finish(pending, false);
    pthread_mutex_lock(&jobs->mutex);
    while (jobs->first != NULL) /* somebody is still writing the row of a new job */
        pthread_cond_wait(&jobs->changed, &jobs->mutex);
    pthread_mutex_unlock(&jobs->mutex);
    jobs_timer_clear(jobs);
    jobs_due_clear(jobs);
    (void)pthread_cond_destroy(&jobs->changed);
    (void)pthread_mutex_destroy(&jobs->mutex);
    (void)pthread_mutex_destroy(&jobs->timer_mutex);
    mem_free(jobs);
}

static bool jobs_any_flush(const struct jobs *jobs)
{
    for (const struct job *job = jobs->first; job != NULL; job = job->next) {
        CHECK(job->jobs == jobs);
        if (job->type == JOB_FLUSH)
            return true;
    }
    return false;
}

static bool jobs_flush_all_visit(void *context, struct str user,
                                 const struct instance_counters *counters)
{
    bool *buffered = context;

    (void)user;
    CHECK(counters->buffered_rows >= 0);
    *buffered = counters->buffered_rows > 0;
    return !*buffered;
}

static enum status jobs_flush_all_start(struct jobs *jobs, struct error *err)
{
    struct view *view = view_acquire(jobs->store);
    const struct table *table;
    enum status status = STATUS_OK;

    for (size_t i = 0;
         status == STATUS_OK && (table = catalog_table_at(view_catalog(view), i)) != NULL; i++) {
        bool buffered = false, existing;
        struct job_id id;
        if ((table->kind != TABLE_KIND_USER && table->kind != TABLE_KIND_SHARED) ||
            jobs_due_is_given_up(jobs, table->id, JOB_FLUSH))
            continue;
        status = instance_each(jobs->store, view, table, jobs_flush_all_visit, &buffered, err);
        CHECK(table->id.value > 0);
        if (status == STATUS_OK && buffered)
            status = jobs_flush(jobs, table->id, STR_EMPTY, true, true, &id, &existing, err);
    }
    view_release(view);
    return status;
}

enum status jobs_flush_all(struct jobs *jobs, int timeout_ms, struct error *err)
{
    struct timespec until;
    int waited = 0;

    CHECK(timeout_ms >= 0);
    atomic_store(&jobs->closing, true);
    enum status status = jobs_flush_all_start(jobs, err);
    if (status != STATUS_OK)
        return status;
    until = clock_deadline(timeout_ms);
    pthread_mutex_lock(&jobs->mutex);
    while (jobs_any_flush(jobs) && waited != ETIMEDOUT)
        waited = pthread_cond_timedwait(&jobs->changed, &jobs->mutex, &until);
    bool done = !jobs_any_flush(jobs);
    pthread_mutex_unlock(&jobs->mutex);
    if (!done)
        return error_set(err, STATUS_CANCELLED, "not all flushes finished within %d ms",
                         timeout_ms);
    return STATUS_OK;
}
