/* test_jobs_due.c — flushes by the row policy: due users share a job, which a flush of the table
 * takes over, and none is forgotten.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/jobs/jobs_fixture.h"

#include "jobs/jobs_internal.h"

enum { DUE_ROWS = 5, DUE_USERS = 12 };

/* With 0 jobs only gather. */
static void due_threads(struct jobs_fixture *f, unsigned threads)
{
    pthread_mutex_lock(&f->jobs->mutex);
    f->jobs->threads = threads;
    pthread_mutex_unlock(&f->jobs->mutex);
    jobs_retry(f->jobs);
}

static int due_waiting(struct jobs_fixture *f)
{
    int count = 0;

    pthread_mutex_lock(&f->jobs->mutex);
    for (const struct job *job = f->jobs->first; job != NULL; job = job->next)
        count++;
    pthread_mutex_unlock(&f->jobs->mutex);
    return count;
}

static struct table_id due_table(struct jobs_fixture *f)
{
    struct table *table = fixture_table(TABLE_KIND_USER, "t");

    table->flush_rows = DUE_ROWS;
    return fixture_create(&f->cold.base, table);
}

static void due_write(struct jobs_fixture *f, struct table_id table, int user, int rows)
{
    char name[16];

    (void)snprintf(name, sizeof(name), "u%d", user);
    for (int64_t i = 0; i < rows; i++)
        (void)cold_write(&f->cold, table, name, i, i);
}

static int64_t due_buffered(struct jobs_fixture *f, struct table_id table, const char *user)
{
    return fixture_counters(&f->cold.base, table, user).buffered_rows;
}

static void test_jobs_due__users_share_a_job(void **state)
{
    struct jobs_fixture f;
    char id[96], text[256];

    open_all(&f);
    struct table_id table = due_table(&f);
    due_threads(&f, 0);
    for (int user = 0; user < DUE_USERS; user++)
        due_write(&f, table, user, user == 3 ? DUE_ROWS - 1 : DUE_ROWS + 1);
    assert_int_equal(due_waiting(&f), 1);
    due_threads(&f, 2);
    wait_completed(&f, 1, id);
    job_column(&f, id, "result", text);
    assert_int_equal(strncmp(text, "66 rows, 11 users, 11 files, ", 29), 0);
    assert_non_null(strstr(text, ", location "));
    job_column(&f, id, "progress", text);
    assert_int_equal(strncmp(text, "66 rows, 11 users, ", 19), 0);
    job_column(&f, id, "user_id", text);
    assert_string_equal(text, "");
    job_column(&f, id, "parameters", text);
    assert_non_null(strstr(text, "\"due_users\""));
    assert_int_equal(due_buffered(&f, table, "u3"), DUE_ROWS - 1); /* not due */
    assert_int_equal(due_buffered(&f, table, "u11"), 0);
    close_all(&f);
}

/* Those whose rows were flushed while their job waited are left in peace. */
static void test_jobs_due__who_is_not_due_any_more_stays_hot(void **state)
{
    struct jobs_fixture f;
    char id[96], text[256];

    open_all(&f);
    struct table_id table = due_table(&f);
    due_threads(&f, 0);
    due_write(&f, table, 1, DUE_ROWS);
    due_write(&f, table, 2, DUE_ROWS);
    (void)cold_flush(&f.cold, table, true);
    (void)cold_write(&f.cold, table, "u1", 100, 1);
    due_threads(&f, 2);
    wait_completed(&f, 1, id);
    job_column(&f, id, "result", text);
    assert_int_equal(strncmp(text, "0 rows, 0 users", 15), 0);
    assert_int_equal(due_buffered(&f, table, "u1"), 1);
    close_all(&f);
}

static void test_jobs_due__a_flush_of_the_table_takes_them_along(void **state)
{
    struct jobs_fixture f;
    struct job_id id;
    struct error err;
    char last[96];
    bool existing;

    open_all(&f);
    struct table_id table = due_table(&f);
    due_threads(&f, 0);
    due_write(&f, table, 1, DUE_ROWS);
    due_write(&f, table, 2, 1);
    assert_int_equal(jobs_flush(f.jobs, table, STR_EMPTY, true, true, &id, &existing, &err),
                     STATUS_OK);
    assert_false(existing);
    due_write(&f, table, 3, DUE_ROWS);
    assert_int_equal(due_waiting(&f), 1);
    due_threads(&f, 2);
    wait_status(&f, id.text, "completed");
    assert_int_equal(count_jobs(&f, "", last), 1);
    assert_int_equal(due_buffered(&f, table, "u2") + due_buffered(&f, table, "u3"), 0);
    close_all(&f);
}

static void due_enqueue(struct jobs_fixture *f, struct table_id table)
{
    struct job *job = job_new(f->jobs, JOB_FLUSH, table, STR_LIT("default"), STR_LIT("t"));

    job->all_users = true;
    jobs_enqueue(f->jobs, job);
}

/* What the timer asks for while such a flush waits or runs is no further job. */
static void test_jobs_due__intervals_do_not_pile_up(void **state)
{
    struct jobs_fixture f;
    char id[96];

    open_all(&f);
    struct table_id table = due_table(&f);
    due_write(&f, table, 1, 1);
    due_threads(&f, 0);
    due_enqueue(&f, table);
    due_enqueue(&f, table);
    assert_int_equal(due_waiting(&f), 1);
    f.jobs->first->state = JOB_RUNNING;
    due_enqueue(&f, table);
    assert_int_equal(due_waiting(&f), 1);
    f.jobs->first->state = JOB_PENDING;
    due_threads(&f, 2);
    wait_completed(&f, 1, id);
    close_all(&f);
}

/* Due when the server died, and nothing is written any more. */
static void test_jobs_due__who_was_due_before_the_start(void **state)
{
    struct jobs_fixture f;
    char id[96], text[256];

    open_all(&f);
    struct table_id table = due_table(&f);
    jobs_stop(f.jobs);
    f.jobs = NULL;
    due_write(&f, table, 1, DUE_ROWS);
    due_write(&f, table, 2, DUE_ROWS - 1);
    jobs_begin(&f);
    wait_completed(&f, 1, id);
    job_column(&f, id, "user_id", text);
    assert_string_equal(text, "u1");
    assert_int_equal(due_buffered(&f, table, "u2"), DUE_ROWS - 1);
    close_all(&f);
}

/* The row names no users: the job finds again who is due. */
static void test_jobs_due__a_job_of_several_users_goes_on_after_a_restart(void **state)
{
    struct jobs_fixture f;
    struct error err;
    char id[96], last[96], text[256];

    open_all(&f);
    struct table_id table = due_table(&f);
    due_threads(&f, 0);
    due_write(&f, table, 1, DUE_ROWS);
    due_write(&f, table, 2, DUE_ROWS);
    due_write(&f, table, 3, DUE_ROWS - 1);
    assert_int_equal(job_row_save(f.jobs->first, "running", &err), STATUS_OK);
    (void)snprintf(id, sizeof(id), "%s", f.jobs->first->id.text);
    jobs_stop(f.jobs);
    jobs_begin(&f);
    wait_status(&f, id, "completed");
    job_column(&f, id, "result", text);
    assert_int_equal(strncmp(text, "10 rows, 2 users, 2 files, ", 27), 0);
    assert_int_equal(due_buffered(&f, table, "u3"), DUE_ROWS - 1);
    assert_int_equal(count_jobs(&f, "", last), 1);
    close_all(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jobs_due__users_share_a_job),
        cmocka_unit_test(test_jobs_due__who_is_not_due_any_more_stays_hot),
        cmocka_unit_test(test_jobs_due__a_flush_of_the_table_takes_them_along),
        cmocka_unit_test(test_jobs_due__intervals_do_not_pile_up),
        cmocka_unit_test(test_jobs_due__who_was_due_before_the_start),
        cmocka_unit_test(test_jobs_due__a_job_of_several_users_goes_on_after_a_restart),
    };
    log_threshold = LOG_WARN;
    return cmocka_run_group_tests_name("jobs/jobs_due", tests, NULL, NULL);
}
