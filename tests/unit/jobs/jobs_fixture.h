/* jobs_fixture.h — jobs over a real store, and their rows in system.jobs.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_JOBS_FIXTURE_H
#define TESTS_JOBS_FIXTURE_H

#include "unit/store/cold_fixture.h"

#include "base/clock.h"
#include "base/log.h"
#include "jobs/jobs.h"

#include <sched.h>

struct jobs_fixture {
    struct cold_fixture cold;
    struct jobs *jobs;
    struct str schedule;
};

static inline void jobs_flush_due(void *context, struct table_id table, struct str user)
{
    struct jobs_fixture *f = context;

    if (f->jobs != NULL)
        jobs_flush_post(f->jobs, table, user);
}

static inline void jobs_begin(struct jobs_fixture *f)
{
    struct jobs_options options = {.store = f->cold.base.store,
                                   .flush_threads = 2,
                                   .node = STR_LIT("node1"),
                                   .retention_days = 30,
                                   .user_grace_days = 30,
                                   .cleanup_schedule = f->schedule};
    struct error err;

    if (jobs_start(&options, &f->jobs, &err) != STATUS_OK)
        fail_msg("jobs: %s", err.message);
}

static inline void open_all(struct jobs_fixture *f)
{
    memset(f, 0, sizeof(*f));
    f->cold.options.flush_due = jobs_flush_due;
    f->cold.options.flush_due_context = f;
    cold_open(&f->cold);
    jobs_begin(f);
}

static inline void close_all(struct jobs_fixture *f)
{
    jobs_stop(f->jobs);
    f->jobs = NULL;
    cold_close(&f->cold);
}

/* Text of a column of a job's row; empty if NULL or if there is no such row. */
static inline void job_column(struct jobs_fixture *f, const char *id, const char *column,
                              char out[256])
{
    struct view *view = view_acquire(f->cold.base.store);
    const struct table *table = system_table(view_catalog(view), SYSTEM_TABLE_JOBS);
    struct value key = value_text(VALUE_TEXT, str_from_c(id)), value;
    struct row_pin pin;
    struct arena arena;
    struct buf bytes;
    struct error err;
    struct row row;

    arena_init(&arena, 0);
    buf_init(&bytes);
    assert_int_equal(key_encode(&key, 1, &bytes, &err), STATUS_OK);
    struct scan_options options = {.view = view, .table = table, .seq_after = -1, .arena = &arena};
    out[0] = '\0';
    if (row_get_by_key(f->cold.base.store, &options, buf_str(&bytes), &row, &pin, &err) ==
        STATUS_OK) {
        row_column(&row, (uint32_t)table_find_column(table, str_from_c(column)), &arena, &value);
        if (!value.is_null && value_type_is_text(value.type))
            (void)snprintf(out, 256, "%.*s", STR_ARG(value.text));
        else if (!value.is_null)
            (void)snprintf(out, 256, "%lld", (long long)value.integer);
        row_pin_release(f->cold.base.store, &pin);
    }
    buf_clear(&bytes);
    arena_clear(&arena);
    view_release(view);
}

static inline void wait_status(struct jobs_fixture *f, const char *id, const char *wanted)
{
    int64_t until = clock_monotonic_ms() + 20000;
    char status[256] = "";

    while (clock_monotonic_ms() < until) {
        job_column(f, id, "status", status);
        if (strcmp(status, wanted) == 0)
            return;
        (void)sched_yield();
    }
    fail_msg("job %s is %s, not %s", id, status, wanted);
}

/* Number of job rows of a type and status (empty: any); the id of one of them. */
static inline int count_jobs_of(struct jobs_fixture *f, const char *type, const char *status,
                                char id[96])
{
    struct view *view = view_acquire(f->cold.base.store);
    const struct table *table = system_table(view_catalog(view), SYSTEM_TABLE_JOBS);
    struct scan *scan = NULL;
    struct arena arena;
    struct value value;
    struct error err;
    struct row row;
    int count = 0;

    arena_init(&arena, 0);
    struct scan_options options = {.view = view, .table = table, .seq_after = -1, .arena = &arena};
    assert_int_equal(scan_open(f->cold.base.store, &options, &scan, &err), STATUS_OK);
    enum status scanned;
    while ((scanned = scan_next(scan, &row, &err)) == STATUS_OK) {
        row_column(&row, 2, &arena, &value);
        if (status[0] != '\0' && !str_equal(value.text, str_from_c(status)))
            continue;
        row_column(&row, 1, &arena, &value);
        if (type[0] != '\0' && !str_equal(value.text, str_from_c(type)))
            continue;
        count++;
        row_column(&row, 0, &arena, &value);
        (void)snprintf(id, 96, "%.*s", STR_ARG(value.text));
    }
    if (scanned != STATUS_END)
        fail_msg("scan of system.jobs: %s", err.message);
    scan_close(scan);
    arena_clear(&arena);
    view_release(view);
    return count;
}

static inline int count_jobs(struct jobs_fixture *f, const char *status, char id[96])
{
    return count_jobs_of(f, "", status, id);
}

/* The id of a job of a type; the job may be at work. */
static inline bool find_job(struct jobs_fixture *f, const char *type, char id[96])
{
    static const char *const states[] = {"pending", "running", "completed", "failed", "cancelled"};

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (count_jobs_of(f, type, states[i], id) > 0)
            return true;
    return false;
}

/* Until there are so many finished jobs. */
static inline void wait_completed(struct jobs_fixture *f, int count, char id[96])
{
    int64_t until = clock_monotonic_ms() + 20000;

    while (count_jobs(f, "completed", id) < count && clock_monotonic_ms() < until)
        usleep(5000);
    assert_int_equal(count_jobs(f, "completed", id), count);
}

#endif
