/* test_jobs_fault.c — jobs over a store that takes no writes any more: none begins, and none is
 * made anew for ever.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/store/cold_fixture.h"

#include "base/clock.h"
#include "base/log.h"
#include "jobs/jobs.h"

#include <sched.h>

/* Storage and namespace, root, table, the rows: the row of the job is the next. */
enum { FAULT_ROWS = 5, FAULT_WRITES_BEFORE = 3 + FAULT_ROWS, FAULT_LINES_MAX = 20 };

static struct jobs *fault_jobs;

static void fault_flush_due(void *context, struct table_id table, struct str user)
{
    (void)context;
    jobs_flush_post(fault_jobs, table, user);
}

static void test_jobs_fault__a_job_without_a_row_is_not_repeated(void **state)
{
    struct cold_fixture f = {.options = {.flush_due = fault_flush_due}};
    struct error err;

    cold_open(&f);
    struct jobs_options options = {
        .store = f.base.store, .flush_threads = 2, .node = STR_LIT("node1")};
    assert_int_equal(jobs_start(&options, &fault_jobs, &err), STATUS_OK);
    struct table *table = fixture_table(TABLE_KIND_USER, "t");
    table->flush_rows = FAULT_ROWS;
    struct table_id id = fixture_create(&f.base, table);
    uint64_t before = log_count(LOG_WARN);
    for (int64_t i = 0; i < FAULT_ROWS; i++)
        fixture_insert(&f.base, id, "ann", i, i);
#ifdef KALAM_FAULTS
    int64_t until = clock_monotonic_ms() + 20000;
    while (log_count(LOG_WARN) == before && clock_monotonic_ms() < until)
        (void)sched_yield();
    assert_true(log_count(LOG_WARN) > before); /* it could not start */
    until = clock_monotonic_ms() + 200;
    while (log_count(LOG_WARN) - before < FAULT_LINES_MAX && clock_monotonic_ms() < until)
        (void)sched_yield();
    assert_true(log_count(LOG_WARN) - before < FAULT_LINES_MAX);
    assert_int_equal(fixture_counters(&f.base, id, "ann").buffered_rows, FAULT_ROWS);
#endif
    jobs_stop(fault_jobs);
    cold_close(&f);
}

int main(void)
{
    char fault[64];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jobs_fault__a_job_without_a_row_is_not_repeated),
    };

    (void)snprintf(fault, sizeof(fault), "commit_before_write:error:%d", FAULT_WRITES_BEFORE + 1);
    (void)setenv("KALAM_FAULT", fault, 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
