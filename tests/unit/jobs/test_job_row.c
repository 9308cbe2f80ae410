/* test_job_row.c — old rows of system.jobs go in groups, and not after the job was cancelled.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/jobs/jobs_fixture.h"

#include "jobs/jobs_internal.h"

enum { OLD_ROWS = 600 };

static void put_old_rows(struct jobs_fixture *f)
{
    struct job *jobs[OLD_ROWS + 1];
    struct error err;

    for (int i = 0; i <= OLD_ROWS; i++) {
        jobs[i] = job_new(f->jobs, JOB_CLEANUP, (struct table_id){0}, STR_EMPTY, STR_EMPTY);
        jobs[i]->completed_at = i < OLD_ROWS ? 1000 + i : 1000000; /* the last one is young */
    }
    assert_int_equal(job_row_save_all(f->jobs, jobs, OLD_ROWS + 1, "completed", &err), STATUS_OK);
    for (int i = 0; i <= OLD_ROWS; i++)
        job_free(jobs[i]);
}

static void test_job_row__cleanup_looks_at_a_kill(void **state)
{
    struct jobs_fixture f;
    struct error err;
    uint64_t rows;
    char last[96];

    open_all(&f);
    put_old_rows(&f);
    struct job *job = job_new(f.jobs, JOB_CLEANUP, (struct table_id){0}, STR_EMPTY, STR_EMPTY);
    atomic_store(&job->cancelled, true);
    assert_int_equal(job_row_cleanup(job, 1000000, &rows, &err), STATUS_CANCELLED);
    assert_int_equal(count_jobs(&f, "completed", last), OLD_ROWS + 1 - rows);
    assert_true(rows < OLD_ROWS);
    atomic_store(&job->cancelled, false);
    uint64_t before = rows;
    assert_int_equal(job_row_cleanup(job, 1000000, &rows, &err), STATUS_OK);
    assert_int_equal(before + rows, OLD_ROWS);
    assert_int_equal(count_jobs(&f, "completed", last), 1);
    job_free(job);
    close_all(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_job_row__cleanup_looks_at_a_kill)};

    log_threshold = LOG_WARN;
    return cmocka_run_group_tests_name("jobs/job_row", tests, NULL, NULL);
}
