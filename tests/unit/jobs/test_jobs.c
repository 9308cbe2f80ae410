/* test_jobs.c — jobs over a real store: rows of system.jobs, one flush per table, kill, restart,
 * timers.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/jobs/jobs_fixture.h"

#include "value/text.h"

static void test_jobs__a_flush_leaves_a_complete_row(void **state)
{
    struct jobs_fixture f;
    struct job_id id;
    struct error err;
    char text[256];
    bool existing;

    open_all(&f);
    struct table_id table = cold_table(&f.cold, TABLE_KIND_USER, "messages", VALUE_BIGINT);
    for (int64_t i = 0; i < 20; i++)
        (void)cold_write(&f.cold, table, i % 2 == 0 ? "ann" : "bob", i, i);
    assert_int_equal(jobs_flush(f.jobs, table, STR_EMPTY, true, true, &id, &existing, &err),
                     STATUS_OK);
    assert_false(existing);
    assert_int_equal(strncmp(id.text, "flush-messages-", 15), 0);
    job_column(&f, id.text, "job_type", text); /* durable when jobs_flush returns */
    assert_string_equal(text, "flush");
    wait_status(&f, id.text, "completed");
    job_column(&f, id.text, "result", text);
    assert_int_equal(strncmp(text, "20 rows, 2 users, 2 files, ", 27), 0);
    job_column(&f, id.text, "namespace_id", text);
    assert_string_equal(text, "default");
    job_column(&f, id.text, "table_name", text);
    assert_string_equal(text, "messages");
    job_column(&f, id.text, "user_id", text);
    assert_string_equal(text, "");
    job_column(&f, id.text, "parameters", text);
    assert_non_null(strstr(text, "[\"default.messages\",\"table_id:"));
    assert_non_null(strstr(text, "\"all_users\""));
    assert_true(json_is_valid(str_from_c(text)));
    job_column(&f, id.text, "trace", text);
    assert_int_equal(strncmp(text, "node1:job-", 10), 0);
    job_column(&f, id.text, "node", text);
    assert_string_equal(text, "node1");
    job_column(&f, id.text, "cpu_used", text);
    assert_true(atoll(text) > 0);
    job_column(&f, id.text, "memory_used", text);
    assert_true(atoll(text) > 0);
    job_column(&f, id.text, "started_at", text);
    assert_true(atoll(text) > 0);
    job_column(&f, id.text, "completed_at", text);
    assert_true(atoll(text) > 0);
    job_column(&f, id.text, "error_message", text);
    assert_string_equal(text, "");
    assert_int_equal(fixture_counters(&f.cold.base, table, "ann").buffered_rows, 0);
    close_all(&f);
}

static void test_jobs__nothing_buffered_completes_with_zero(void **state)
{
    struct jobs_fixture f;
    struct job_id id;
    struct error err;
    char text[256];
    bool existing;

    open_all(&f);
    struct table_id table = cold_table(&f.cold, TABLE_KIND_SHARED, "s", VALUE_BIGINT);
    assert_int_equal(jobs_flush(f.jobs, table, STR_EMPTY, true, true, &id, &existing, &err),
                     STATUS_OK);
    wait_status(&f, id.text, "completed");
    job_column(&f, id.text, "result", text);
    assert_int_equal(strncmp(text, "0 rows, 0 users", 15), 0);
    struct table_id stream = cold_table(&f.cold, TABLE_KIND_STREAM, "e", VALUE_BIGINT);
    assert_int_equal(jobs_flush(f.jobs, stream, STR_EMPTY, true, true, &id, &existing, &err),
                     STATUS_INVALID_OPERATION);
    assert_int_equal(
        jobs_flush(f.jobs, (struct table_id){9999}, STR_EMPTY, true, true, &id, &existing, &err),
        STATUS_TABLE_NOT_FOUND);
    close_all(&f);
}

static void test_jobs__one_flush_per_table(void **state)
{
    struct jobs_fixture f;
    struct job_id first, second;
    struct error err;
    bool existing;
    int same = 0;

    open_all(&f);
    struct table_id table = cold_table(&f.cold, TABLE_KIND_USER, "t", VALUE_BIGINT);
    for (int64_t i = 0; i < 50; i++) {
        char user[16];
        (void)snprintf(user, sizeof(user), "u%lld", (long long)i);
        (void)cold_write(&f.cold, table, user, i, i);
    }
    assert_int_equal(jobs_flush(f.jobs, table, STR_EMPTY, true, true, &first, &existing, &err),
                     STATUS_OK);
    assert_int_equal(jobs_flush(f.jobs, table, STR_EMPTY, true, true, &second, &existing, &err),
                     STATUS_OK);
    same = strcmp(first.text, second.text) == 0;
    assert_int_equal(existing, same);
    assert_true(same); /* 50 files take longer than two calls */
    wait_status(&f, first.text, "completed");
    close_all(&f);
}

/* The row policy: starts by itself, for that user only, with nothing to wait for. */
static void test_jobs__row_policy_flushes_one_user(void **state)
{
    struct jobs_fixture f;
    char id[96] = "", text[256];

    open_all(&f);
    struct table *made = fixture_table(TABLE_KIND_USER, "t");
    made->flush_rows = 10;
    struct table_id table = fixture_create(&f.cold.base, made);
    for (int64_t i = 0; i < 9; i++)
        (void)cold_write(&f.cold, table, "bob", i, i);
    for (int64_t i = 0; i < 10; i++)
        (void)cold_write(&f.cold, table, "ann", i, i);
    int64_t until = clock_monotonic_ms() + 20000;
    while (count_jobs(&f, "completed", id) == 0 && clock_monotonic_ms() < until)
        (void)sched_yield();
    assert_int_equal(count_jobs(&f, "completed", id), 1);
    job_column(&f, id, "user_id", text);
    assert_string_equal(text, "ann");
    assert_int_equal(fixture_counters(&f.cold.base, table, "ann").buffered_rows, 0);
    assert_int_equal(fixture_counters(&f.cold.base, table, "bob").buffered_rows, 9);
    close_all(&f);
}

static int64_t job_time(struct jobs_fixture *f, const char *id, const char *column)
{
    char text[256];

    job_column(f, id, column, text);
    assert_true(atoll(text) > 0);
    return atoll(text);
}

enum { CLOCKS_DIFFER_US = 5000 }; /* the timer's, in ms, and that of the rows */

static void test_jobs__interval_flushes_what_is_overdue(void **state)
{
    struct jobs_fixture f;
    struct table_id table[2];
    char id[96] = "";

    open_all(&f);
    for (int i = 0; i < 2; i++) {
        int64_t before_us = clock_now_us();
        struct table *made = fixture_table(TABLE_KIND_USER, i == 0 ? "t" : "u");
        made->flush_interval_seconds = 1;
        table[i] = fixture_create(&f.cold.base, made);
        (void)cold_write(&f.cold, table[i], "ann", 1, 1);
        wait_completed(&f, i + 1, id);
        assert_true(job_time(&f, id, "created_at") >= before_us + 1000000 - CLOCKS_DIFFER_US);
        assert_int_equal(fixture_counters(&f.cold.base, table[i], "ann").buffered_rows, 0);
    }
    /* The interval of the first table was over once more: nothing was buffered, so no job. */
    assert_int_equal(count_jobs(&f, "", id), 2);
    close_all(&f);
}

static void test_jobs__kill(void **state)
{
    struct jobs_fixture f;
    struct job_id id;
    struct error err;
    bool existing;

    open_all(&f);
    assert_int_equal(jobs_kill(f.jobs, STR_LIT("flush-none-1-2"), &err), STATUS_JOB_NOT_FOUND);
    struct table_id table = cold_table(&f.cold, TABLE_KIND_USER, "t", VALUE_BIGINT);
    for (int64_t i = 0; i < 200; i++) {
        char user[16];
        (void)snprintf(user, sizeof(user), "u%lld", (long long)i);
        (void)cold_write(&f.cold, table, user, i, i);
    }
    assert_int_equal(jobs_flush(f.jobs, table, STR_EMPTY, true, true, &id, &existing, &err),
                     STATUS_OK);
    assert_int_equal(jobs_kill(f.jobs, str_from_c(id.text), &err), STATUS_OK);
    wait_status(&f, id.text, "cancelled");
    char text[256];
    job_column(&f, id.text, "completed_at", text);
    assert_true(atoll(text) > 0);
    int64_t until = clock_monotonic_ms() + 20000;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && clock_monotonic_ms() < until)
        status = jobs_kill(f.jobs, str_from_c(id.text), &err);
    assert_int_equal(status, STATUS_INVALID_OPERATION);
    assert_non_null(strstr(err.message, "cancelled"));
    close_all(&f);
}

/* A row left `running` by a crash: the same id goes on and says so. */
static void test_jobs__goes_on_after_a_restart(void **state)
{
    struct jobs_fixture f;
    struct error err;
    char text[256];

    open_all(&f);
    struct table_id table = cold_table(&f.cold, TABLE_KIND_USER, "t", VALUE_BIGINT);
    for (int64_t i = 0; i < 10; i++)
        (void)cold_write(&f.cold, table, "ann", i, i);
    jobs_stop(f.jobs);
    f.jobs = NULL;

    struct view *view = view_acquire(f.cold.base.store);
    const struct table *system = system_table(view_catalog(view), SYSTEM_TABLE_JOBS);
    struct arena arena;
    arena_init(&arena, 0);
    const char *const types[] = {"flush", "backup", "compact"};
    const char *const ids[] = {"flush-t-1-aaaaaaaa", "backup-t-1-aaaaaaaa", "compact-t-1-aaaaaaaa"};
    for (int i = 0; i < 3; i++) {
        struct value values[SYSTEM_TABLE_COLUMNS_MAX];
        struct row_op op = {.kind = ROW_OP_INSERT};
        struct commit_request request = {.ops = &op, .op_count = 1, .arena = &arena, .view = view};
        for (uint32_t c = 0; c < system->schema->column_count; c++)
            values[c] = value_null(system->schema->columns[c].type.kind);
        values[0] = value_text(VALUE_TEXT, str_from_c(ids[i]));
        values[1] = value_text(VALUE_TEXT, str_from_c(types[i]));
        values[2] = value_text(VALUE_TEXT, STR_LIT("running"));
        values[3] = value_text(VALUE_TEXT, STR_LIT("default"));
        values[4] = value_text(VALUE_TEXT, STR_LIT("t"));
        values[6] = value_text(
            VALUE_JSON, arena_printf(&arena, "[\"default.t\",\"table_id:%llu\",\"all_users\"]",
                                     (unsigned long long)table.value));
        values[8] = value_text(VALUE_TEXT, STR_LIT("node1:job-0:1"));
        values[11] = value_text(VALUE_TEXT, STR_LIT("node1"));
        values[14] = value_integer(VALUE_INT, i == 0 ? 2 : 3);
        values[15] = value_integer(VALUE_INT, 3);
        values[16] = value_integer(VALUE_TIMESTAMP, 1000);
        commit_put_system(&request, &op, system, values);
        assert_int_equal(commit_submit_wait(f.cold.base.store, &request, &err), STATUS_OK);
    }
    arena_clear(&arena);
    view_release(view);
    cold_reopen(&f.cold);
    jobs_begin(&f);
    wait_status(&f, "flush-t-1-aaaaaaaa", "completed");
    job_column(&f, "flush-t-1-aaaaaaaa", "trace", text);
    assert_non_null(strstr(text, "node1:job-0:1; resumed after a restart as node1:job-"));
    job_column(&f, "flush-t-1-aaaaaaaa", "result", text);
    assert_int_equal(strncmp(text, "10 rows, 1 users", 16), 0);
    job_column(&f, "flush-t-1-aaaaaaaa", "created_at", text);
    assert_string_equal(text, "1000");
    wait_status(&f, "backup-t-1-aaaaaaaa", "failed");
    job_column(&f, "backup-t-1-aaaaaaaa", "error_message", text);
    assert_string_equal(text, "server restarted");
    wait_status(&f, "compact-t-1-aaaaaaaa", "failed");
    job_column(&f, "compact-t-1-aaaaaaaa", "error_message", text);
    assert_string_equal(text, "the server ended 4 times while this job ran");
    close_all(&f);
}

static void test_jobs__shutdown_flushes_everything(void **state)
{
    struct jobs_fixture f;
    struct error err;

    open_all(&f);
    struct table_id user = cold_table(&f.cold, TABLE_KIND_USER, "t", VALUE_BIGINT);
    struct table_id shared = cold_table(&f.cold, TABLE_KIND_SHARED, "s", VALUE_TEXT);
    (void)cold_write(&f.cold, user, "ann", 1, 1);
    (void)cold_write(&f.cold, shared, "", 1, 1);
    assert_int_equal(jobs_flush_all(f.jobs, 20000, &err), STATUS_OK);
    assert_int_equal(fixture_counters(&f.cold.base, user, "ann").buffered_rows, 0);
    assert_int_equal(fixture_counters(&f.cold.base, shared, "").buffered_rows, 0);
    close_all(&f);
}

static void test_jobs__dropped_table_loses_its_files(void **state)
{
    struct jobs_fixture f;
    struct job_id id;
    struct error err;
    unsigned long long bytes;
    char text[256], expected[64];
    bool existing;

    open_all(&f);
    struct table_id table = cold_table(&f.cold, TABLE_KIND_USER, "t", VALUE_BIGINT);
    (void)cold_write(&f.cold, table, "ann", 1, 1);
    (void)cold_write(&f.cold, table, "bob", 1, 1);
    assert_int_equal(jobs_flush(f.jobs, table, STR_EMPTY, true, true, &id, &existing, &err),
                     STATUS_OK);
    wait_status(&f, id.text, "completed");
    assert_int_equal(cold_file_count(&f.cold), 2);
    job_column(&f, id.text, "result", text);
    assert_int_equal(sscanf(text, "2 rows, 2 users, 2 files, %llu bytes", &bytes), 1);
    assert_int_equal(jobs_cancel_table(f.jobs, table, NULL, NULL, &err), STATUS_OK);
    assert_int_equal(ddl_drop_table(f.cold.base.store, table, STR_EMPTY, &err), STATUS_OK);
    assert_int_equal(jobs_drop_table(f.jobs, table, STR_LIT("default"), STR_LIT("t"), &id, &err),
                     STATUS_OK);
    wait_status(&f, id.text, "completed");
    assert_int_equal(cold_file_count(&f.cold), 0);
    job_column(&f, id.text, "result", text);
    (void)snprintf(expected, sizeof(expected), "2 files, %llu bytes deleted", bytes);
    assert_string_equal(text, expected);
    close_all(&f);
}

static void drop_flushed_table(struct jobs_fixture *f, const char *name, struct job_id *id)
{
    struct table_id table = cold_table(&f->cold, TABLE_KIND_SHARED, name, VALUE_BIGINT);
    struct error err;

    (void)cold_write(&f->cold, table, "", 1, 1);
    (void)cold_flush(&f->cold, table, true);
    assert_int_equal(ddl_drop_table(f->cold.base.store, table, STR_EMPTY, &err), STATUS_OK);
    assert_int_equal(
        jobs_drop_table(f->jobs, table, STR_LIT("default"), str_from_c(name), id, &err), STATUS_OK);
}

/* More dropped tables with readers than threads: flushes go on; one of the jobs is killed, one
 * outlives a stop, one ends with its last reader. */
static void test_jobs__readers_of_dropped_tables_hold_no_thread(void **state)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    enum { DROPPED = 4 };
    struct jobs_fixture f;
    struct job_id dropped[DROPPED], id;
    struct error err;
    bool existing;

    open_all(&f);
    struct table_id table = cold_table(&f.cold, TABLE_KIND_SHARED, "t", VALUE_BIGINT);
    struct view *reader = view_acquire(f.cold.base.store);
    for (int i = 0; i < DROPPED; i++)
        drop_flushed_table(&f, names[i], &dropped[i]);
    for (int i = 0; i < DROPPED; i++)
        wait_status(&f, dropped[i].text, "running");
    (void)cold_write(&f.cold, table, "", 1, 1);
    assert_int_equal(jobs_flush(f.jobs, table, STR_EMPTY, true, true, &id, &existing, &err),
                     STATUS_OK);
    wait_status(&f, id.text, "completed");
    assert_int_equal(cold_file_count(&f.cold), DROPPED + 1);
    assert_int_equal(jobs_kill(f.jobs, str_from_c(dropped[0].text), &err), STATUS_OK);
    wait_status(&f, dropped[0].text, "cancelled");
    jobs_stop(f.jobs);
    jobs_begin(&f);
    view_release(reader);
    for (int i = 1; i < DROPPED; i++)
        wait_status(&f, dropped[i].text, "completed");
    assert_int_equal(cold_file_count(&f.cold), 2);
    close_all(&f);
}

/* Who has seen the end of a flush and asks for another gets one, not the id of the first. */
static void test_jobs__a_flush_after_a_flush_is_a_new_one(void **state)
{
    struct jobs_fixture f;
    struct job_id id, before = {0};
    struct error err;
    bool existing;

    open_all(&f);
    struct table_id table = cold_table(&f.cold, TABLE_KIND_USER, "t", VALUE_BIGINT);
    for (int64_t i = 0; i < 30; i++) {
        (void)cold_write(&f.cold, table, "ann", i, i);
        assert_int_equal(jobs_flush(f.jobs, table, STR_EMPTY, true, true, &id, &existing, &err),
                         STATUS_OK);
        assert_string_not_equal(id.text, before.text);
        wait_status(&f, id.text, "completed");
        assert_int_equal(fixture_counters(&f.cold.base, table, "ann").buffered_rows, 0);
        before = id;
    }
    close_all(&f);
}

/* Flushes until the files of an instance are merged by a job of their own. */
static void test_jobs__many_files_are_merged(void **state)
{
    struct jobs_fixture f;
    struct job_id id;
    struct error err;
    char text[256];
    bool existing;

    open_all(&f);
    struct table_id table = cold_table(&f.cold, TABLE_KIND_USER, "t", VALUE_BIGINT);
    for (int64_t i = 0; i < COMPACT_SEGMENTS; i++) {
        (void)cold_write(&f.cold, table, "ann", i, i);
        assert_int_equal(jobs_flush(f.jobs, table, STR_EMPTY, true, true, &id, &existing, &err),
                         STATUS_OK);
        wait_status(&f, id.text, "completed");
    }
    int64_t until = clock_monotonic_ms() + 20000;
    while (fixture_counters(&f.cold.base, table, "ann").segments != 1 &&
           clock_monotonic_ms() < until)
        (void)sched_yield();
    assert_int_equal(fixture_counters(&f.cold.base, table, "ann").segments, 1);
    char last[96];
    assert_true(find_job(&f, "compact", last));
    wait_status(&f, last, "completed");
    job_column(&f, last, "result", text);
    assert_int_equal(strncmp(text, "6 rows, 1 users, 6 files merged into 1, ", 40), 0);
    job_column(&f, last, "parameters", text);
    assert_non_null(strstr(text, "default.t"));
    close_all(&f);
}

/* A row of system.jobs as an earlier run has left it. */
static void put_job(struct jobs_fixture *f, const char *id, const char *type, int64_t created_at)
{
    struct view *view = view_acquire(f->cold.base.store);
    const struct table *system = system_table(view_catalog(view), SYSTEM_TABLE_JOBS);
    struct value values[SYSTEM_TABLE_COLUMNS_MAX];
    struct row_op op = {.kind = ROW_OP_INSERT};
    struct arena arena;
    struct error err;

    arena_init(&arena, 0);
    struct commit_request request = {.ops = &op, .op_count = 1, .arena = &arena, .view = view};
    for (uint32_t c = 0; c < system->schema->column_count; c++)
        values[c] = value_null(system->schema->columns[c].type.kind);
    values[0] = value_text(VALUE_TEXT, str_from_c(id));
    values[1] = value_text(VALUE_TEXT, str_from_c(type));
    values[2] = value_text(VALUE_TEXT, STR_LIT("completed"));
    values[11] = value_text(VALUE_TEXT, STR_LIT("node1"));
    values[14] = value_integer(VALUE_INT, 0);
    values[15] = value_integer(VALUE_INT, 0);
    values[16] = value_integer(VALUE_TIMESTAMP, created_at);
    commit_put_system(&request, &op, system, values);
    assert_int_equal(commit_submit_wait(f->cold.base.store, &request, &err), STATUS_OK);
    arena_clear(&arena);
    view_release(view);
}

/* Stops the jobs, leaves the row, starts anew with a daily schedule; the number of clean-ups that
 * have run by then. */
static int clean_ups_after_restart(struct jobs_fixture *f, const char *id, const char *type,
                                   int64_t created_at, int wanted)
{
    char last[96];

    jobs_stop(f->jobs);
    f->jobs = NULL;
    put_job(f, id, type, created_at);
    cold_reopen(&f->cold);
    f->schedule = STR_LIT("0 0 * * *");
    jobs_begin(f);
    int64_t until = clock_monotonic_ms() + (wanted > 0 ? 20000 : 1500);
    while (count_jobs_of(f, "user_cleanup", "completed", last) < wanted + (wanted == 0) &&
           clock_monotonic_ms() < until)
        usleep(10000);
    return count_jobs_of(f, "user_cleanup", "completed", last);
}

/* A server that is never up at midnight cleans too, once per start at most. */
static void test_jobs__a_missed_clean_up_is_made_up(void **state)
{
    const int64_t day_us = INT64_C(86400000000);
    struct jobs_fixture f;

    open_all(&f);
    assert_int_equal(
        clean_ups_after_restart(&f, "job_cleanup-1", "job_cleanup", clock_now_us() - 2 * day_us, 1),
        1);
    close_all(&f);
    open_all(&f); /* it never ran: since the first job */
    assert_int_equal(
        clean_ups_after_restart(&f, "backup-t-1", "backup", clock_now_us() - 40 * day_us, 1), 1);
    close_all(&f);
    open_all(&f); /* nothing was missed */
    assert_int_equal(clean_ups_after_restart(&f, "job_cleanup-1", "job_cleanup", clock_now_us(), 0),
                     0);
    close_all(&f);
}

static enum status delete_user(void *context, struct user *user, struct error *err)
{
    user->deleted_at = *(const int64_t *)context;
    return STATUS_OK;
}

static void add_user(struct jobs_fixture *f, const char *name, int64_t deleted_at)
{
    struct user *user = user_new();
    struct error err;

    user->id = user->username = arena_copy(user->arena, str_from_c(name));
    user->created_at = user->updated_at = 1;
    assert_int_equal(ddl_put_user(f->cold.base.store, user, true, &err), STATUS_OK);
    assert_int_equal(
        ddl_change_user(f->cold.base.store, str_from_c(name), delete_user, &deleted_at, &err),
        STATUS_OK);
}

/* The daily jobs: rows of old jobs go, and users whose grace period is over with all they own. */
static void test_jobs__daily_cleaning(void **state)
{
    const int64_t day_us = INT64_C(86400000000);
    struct jobs_fixture f;
    struct job_id old;
    struct error err;
    char text[256], last[96];
    bool existing;

    open_all(&f);
    struct table_id a = cold_table(&f.cold, TABLE_KIND_USER, "a", VALUE_BIGINT);
    struct table_id b = cold_table(&f.cold, TABLE_KIND_USER, "b", VALUE_BIGINT);
    add_user(&f, "gone", clock_now_us() - 31 * day_us);
    add_user(&f, "recent", clock_now_us() - 29 * day_us);
    add_user(&f, "there", 0);
    static const char *const users[] = {"gone", "recent", "there"};
    for (int i = 0; i < 3; i++) {
        (void)cold_write(&f.cold, a, users[i], 1, 1);
        (void)cold_write(&f.cold, b, users[i], 1, 1);
    }
    assert_int_equal(jobs_flush(f.jobs, a, STR_EMPTY, true, true, &old, &existing, &err),
                     STATUS_OK);
    wait_status(&f, old.text, "completed");
    assert_int_equal(cold_file_count(&f.cold), 3);
    jobs_clean(f.jobs);
    int64_t until = clock_monotonic_ms() + 20000;
    while (!find_job(&f, "user_cleanup", last) && clock_monotonic_ms() < until)
        (void)sched_yield();
    wait_status(&f, last, "completed");
    job_column(&f, last, "result", text);
    assert_int_equal(strncmp(text, "1 users, 2 rows, 1 files, ", 26), 0);
    struct view *view = view_acquire(f.cold.base.store);
    assert_null(catalog_find_user(view_catalog(view), STR_LIT("gone")));
    assert_non_null(catalog_find_user(view_catalog(view), STR_LIT("recent")));
    view_release(view);
    assert_int_equal(fixture_counters(&f.cold.base, b, "gone").buffered_rows, 0);
    assert_int_equal(fixture_counters(&f.cold.base, b, "recent").buffered_rows, 1);
    assert_int_equal(fixture_counters(&f.cold.base, a, "there").segments, 1);
    while (!find_job(&f, "job_cleanup", last) && clock_monotonic_ms() < until)
        (void)sched_yield();
    wait_status(&f, last, "completed");
    job_column(&f, last, "result", text);
    assert_string_equal(text, "0 job rows deleted");
    job_column(&f, old.text, "status", text);
    assert_string_equal(text, "completed");
    close_all(&f);
}

/* A flush of the whole table starts its interval anew, one of a single user does not. */
static void test_jobs__a_flush_restarts_the_interval(void **state)
{
    struct jobs_fixture f;
    struct job_id id;
    struct error err;
    char last[96];
    bool existing;

    open_all(&f);
    struct table *made = fixture_table(TABLE_KIND_USER, "t");
    made->flush_interval_seconds = 3;
    struct table_id table = fixture_create(&f.cold.base, made);
    usleep(500000); /* of the interval */
    (void)cold_write(&f.cold, table, "ann", 1, 1);
    assert_int_equal(jobs_flush(f.jobs, table, STR_EMPTY, true, true, &id, &existing, &err),
                     STATUS_OK);
    wait_status(&f, id.text, "completed");
    (void)cold_write(&f.cold, table, "ann", 2, 2);
    wait_completed(&f, 2, last);
    assert_true(job_time(&f, last, "created_at") >=
                job_time(&f, id.text, "created_at") + 3000000 - CLOCKS_DIFFER_US);
    close_all(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jobs__a_flush_leaves_a_complete_row),
        cmocka_unit_test(test_jobs__nothing_buffered_completes_with_zero),
        cmocka_unit_test(test_jobs__one_flush_per_table),
        cmocka_unit_test(test_jobs__row_policy_flushes_one_user),
        cmocka_unit_test(test_jobs__interval_flushes_what_is_overdue),
        cmocka_unit_test(test_jobs__a_flush_restarts_the_interval),
        cmocka_unit_test(test_jobs__a_flush_after_a_flush_is_a_new_one),
        cmocka_unit_test(test_jobs__many_files_are_merged),
        cmocka_unit_test(test_jobs__daily_cleaning),
        cmocka_unit_test(test_jobs__a_missed_clean_up_is_made_up),
        cmocka_unit_test(test_jobs__kill),
        cmocka_unit_test(test_jobs__goes_on_after_a_restart),
        cmocka_unit_test(test_jobs__shutdown_flushes_everything),
        cmocka_unit_test(test_jobs__dropped_table_loses_its_files),
        cmocka_unit_test(test_jobs__readers_of_dropped_tables_hold_no_thread),
    };
    log_threshold = LOG_WARN;
    return cmocka_run_group_tests_name("jobs/jobs", tests, NULL, NULL);
}
