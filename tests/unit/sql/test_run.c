/* test_run.c — the state machine of a statement: where steps run, commits, parameters, limits,
 * errors.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_fixture.h"

static void run_as_root(struct sql_fixture *f, const char *sql, struct fixture_result *result)
{
    struct fixture_call call = {.caller = fixture_caller("root", ROLE_SYSTEM),
                                .text = str_from_c(sql)};

    fixture_run(f, &call, result);
    buf_clear(&result->text);
}

static void test_run__point_work_stays_on_the_loop(void **state)
{
    static const char *const quick[] = {
        "INSERT INTO t VALUES (7, 'a', 1)",
        "SELECT * FROM t WHERE id = 7",
        "SELECT v FROM t WHERE id IN (7, 8)",
        "SELECT v FROM t ORDER BY id DESC LIMIT 50",
        "UPDATE t SET n = n + 1 WHERE id = 7",
        "DELETE FROM t WHERE id IN (7, 9)",
        "SELECT 1 + 1",
        "USE default",
    };
    static const char *const slow[] = {
        "SELECT * FROM t",
        "SELECT v FROM t ORDER BY v LIMIT 1",
        "SELECT count(*) FROM t",
        "UPDATE t SET n = 1",
        "DELETE FROM t WHERE n > 5",
        "SHOW TABLES",
        "CREATE NAMESPACE elsewhere",
        "SELECT * FROM system.tables",
    };
    struct sql_fixture f = {0};
    struct fixture_result result;
    (void)state;

    fixture_open(&f, false);
    fixture_sql(&f, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, v TEXT, n INT)");
    for (size_t i = 0; i < ARRAY_COUNT(quick); i++) {
        run_as_root(&f, quick[i], &result);
        if (result.code != STATUS_OK || result.worker_steps != 0)
            fail_msg("%s: %u worker steps, %s", quick[i], result.worker_steps,
                     result.error.message);
    }
    for (size_t i = 0; i < ARRAY_COUNT(slow); i++) {
        run_as_root(&f, slow[i], &result);
        if (result.code != STATUS_OK || result.worker_steps != 1)
            fail_msg("%s: %u worker steps, %s", slow[i], result.worker_steps, result.error.message);
    }
    fixture_close(&f);
}

static void test_run__only_writes_commit(void **state)
{
    struct sql_fixture f = {0};
    struct fixture_result result;
    (void)state;

    fixture_open(&f, false);
    fixture_sql(&f, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY)");
    run_as_root(&f, "INSERT INTO t VALUES (1)", &result);
    assert_true(result.committed && result.outcome.row_count == 1 && !result.outcome.has_columns);
    assert_string_equal(result.outcome.kind, "INSERT");
    run_as_root(&f, "SELECT * FROM t", &result);
    assert_true(!result.committed && result.outcome.row_count == 1 && result.outcome.has_columns);
    run_as_root(&f, "DELETE FROM t WHERE id > 100", &result);
    assert_true(!result.committed && result.outcome.row_count == 0);
    assert_string_equal(result.outcome.message, "Deleted 0 row(s)");
    fixture_close(&f);
}

static void test_run__bounded_read_of_many_rows_leaves_the_loop(void **state)
{
    struct sql_fixture f = {0};
    struct fixture_result result;
    struct buf sql;
    (void)state;

    fixture_open(&f, false);
    fixture_sql(&f, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, n INT)");
    buf_init(&sql);
    for (int start = 0; start < 6000; start += 1000) {
        buf_reset(&sql);
        buf_append_str(&sql, STR_LIT("INSERT INTO t VALUES "));
        for (int i = start; i < start + 1000; i++)
            buf_printf(&sql, "%s(%d, %d)", i > start ? "," : "", i, i);
        buf_append_byte(&sql, 0);
        run_as_root(&f, sql.data, &result);
        assert_int_equal(result.code, STATUS_OK);
        assert_int_equal(result.outcome.row_count, 1000);
    }
    buf_clear(&sql);
    run_as_root(&f, "SELECT id FROM t WHERE n = 5 LIMIT 1", &result);
    assert_int_equal(result.worker_steps, 0);
    run_as_root(&f, "SELECT id FROM t WHERE n = 5999 LIMIT 1", &result);
    assert_true(result.worker_steps == 1 && result.outcome.row_count == 1);
    run_as_root(&f, "SELECT id FROM t LIMIT 5000", &result);
    assert_true(result.worker_steps == 1 && result.outcome.row_count == 5000);
    fixture_close(&f);
}

static void test_run__parameters_are_bounded(void **state)
{
    struct sql_fixture f = {0};
    struct fixture_result result;
    struct value params[60];
    (void)state;

    fixture_open(&f, false);
    for (size_t i = 0; i < ARRAY_COUNT(params); i++)
        params[i] = value_integer(VALUE_BIGINT, 1);
    struct fixture_call call = {.caller = fixture_caller("root", ROLE_SYSTEM),
                                .text = STR_LIT("SELECT $1"),
                                .params = params,
                                .param_count = 60};
    fixture_run(&f, &call, &result);
    assert_int_equal(result.code, STATUS_INVALID_PARAMETER);
    buf_clear(&result.text);
    char *large = mem_alloc(LIMIT_PARAM_BYTES + 1);
    memset(large, 'x', LIMIT_PARAM_BYTES + 1);
    params[0] = value_text(VALUE_TEXT, str_from(large, LIMIT_PARAM_BYTES + 1));
    call.param_count = 1;
    fixture_run(&f, &call, &result);
    assert_int_equal(result.code, STATUS_INVALID_PARAMETER);
    buf_clear(&result.text);
    call.text = STR_LIT("SHOW TABLES");
    params[0] = value_integer(VALUE_BIGINT, 1);
    fixture_run(&f, &call, &result);
    assert_int_equal(result.code, STATUS_INVALID_PARAMETER);
    buf_clear(&result.text);
    mem_free(large);
    fixture_close(&f);
}

static void test_run__errors_point_into_the_users_text(void **state)
{
    struct sql_fixture f = {0};
    struct fixture_result result;
    (void)state;

    fixture_open(&f, false);
    fixture_sql(&f, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY)");
    run_as_root(&f, "SELECT   'a long literal', nope FROM t WHERE id = 1234567", &result);
    assert_int_equal(result.code, STATUS_COLUMN_NOT_FOUND);
    assert_int_equal(result.error.position, 27);
    run_as_root(&f, "SELECT 1 FROM  nope", &result);
    assert_int_equal(result.code, STATUS_TABLE_NOT_FOUND);
    assert_int_equal(result.error.position, 15);
    fixture_close(&f);
}

static void test_run__row_limit_is_an_error(void **state)
{
    struct sql_fixture f = {.options = {.plans_max = 10,
                                        .params_max = 5,
                                        .timeout_seconds = 30,
                                        .statement_memory_bytes = 1 << 20,
                                        .result_rows_max = 2}};
    (void)state;

    fixture_open(&f, false);
    fixture_sql(&f, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY)");
    fixture_sql(&f, "INSERT INTO t VALUES (1), (2)");
    fixture_sql(&f, "SELECT * FROM t");
    fixture_sql(&f, "INSERT INTO t VALUES (3)");
    fixture_fails(&f, "root", ROLE_SYSTEM, "SELECT * FROM t", STATUS_RESULT_TOO_LARGE,
                  "limits.max_result_rows");
    fixture_fails(&f, "root", ROLE_SYSTEM, "SELECT * FROM t LIMIT 3", STATUS_RESULT_TOO_LARGE,
                  "limits.max_result_rows");
    fixture_close(&f);
}

static void test_run__cancel_ends_a_scan(void **state)
{
    struct sql_fixture f = {0};
    sem_t resumed;
    (void)state;

    fixture_open(&f, false);
    fixture_sql(&f, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY)");
    for (int i = 0; i < 600; i++) {
        char sql[64];
        (void)snprintf(sql, sizeof(sql), "INSERT INTO t VALUES (%d)", i);
        fixture_sql(&f, sql);
    }
    struct sql_run_options options = {.caller = fixture_caller("root", ROLE_SYSTEM),
                                      .text = STR_LIT("SELECT * FROM t"),
                                      .resume = fixture_resume,
                                      .resume_context = &resumed};
    struct sql_run *run = sql_run_new(f.engine, &options);
    assert_int_equal(sql_run_step(run, false), SQL_STEP_WORKER);
    sql_run_cancel(run);
    assert_int_equal(sql_run_step(run, true), SQL_STEP_FAILED);
    assert_int_equal(sql_run_error(run)->code, STATUS_SQL_EXECUTION_ERROR);
    sql_run_free(run);
    fixture_close(&f);
}

/* What a loop thread may do is for all rows of a statement together, none of them is too dear. */
static void test_run__rows_that_are_dear_together_leave_the_loop(void **state)
{
    static const char filter[] =
        "(repeat('a', 1900) || id) LIKE '%' || repeat('a', 100) || 'b' LIMIT 5";
    struct sql_fixture f = {.options = {.plans_max = 10,
                                        .params_max = 5,
                                        .timeout_seconds = 30,
                                        .statement_memory_bytes = 64 << 20,
                                        .row_work_bytes = 1 << 30}};
    struct fixture_result result;
    char sql[300];
    (void)state;

    fixture_open(&f, false);
    fixture_sql(&f, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, v TEXT)");
    for (int i = 0; i < 100; i++) {
        (void)snprintf(sql, sizeof(sql), "INSERT INTO t VALUES (%d, 'a')", i);
        fixture_sql(&f, sql);
    }
    (void)snprintf(sql, sizeof(sql), "SELECT id FROM t WHERE id = 7 AND %s", filter);
    run_as_root(&f, sql, &result);
    assert_true(result.code == STATUS_OK && result.worker_steps == 0);
    (void)snprintf(sql, sizeof(sql), "SELECT id FROM t WHERE %s", filter);
    run_as_root(&f, sql, &result);
    assert_true(result.code == STATUS_OK && result.worker_steps == 1);
    fixture_close(&f);
}

/* Few rows, each of which takes long. */
static void test_run__cancel_ends_dear_rows(void **state)
{
    struct sql_fixture f = {0};
    sem_t resumed;
    (void)state;

    fixture_open(&f, false);
    fixture_sql(&f, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, v TEXT)");
    fixture_sql(&f, "INSERT INTO t VALUES (1, repeat('a', 16000)), (2, repeat('a', 16000))");
    struct sql_run_options options = {
        .caller = fixture_caller("root", ROLE_SYSTEM),
        .text = STR_LIT("SELECT id FROM t WHERE v LIKE '%' || repeat('a', 200) || 'b'"),
        .resume = fixture_resume,
        .resume_context = &resumed};
    struct sql_run *run = sql_run_new(f.engine, &options);
    assert_int_equal(sql_run_step(run, false), SQL_STEP_WORKER);
    sql_run_cancel(run);
    assert_int_equal(sql_run_step(run, true), SQL_STEP_FAILED);
    assert_non_null(strstr(sql_run_error(run)->message, "cancelled"));
    sql_run_free(run);
    fixture_close(&f);
}

static void test_run__statement_memory_is_an_error(void **state)
{
    struct sql_fixture f = {.options = {.plans_max = 10,
                                        .params_max = 5,
                                        .timeout_seconds = 30,
                                        .statement_memory_bytes = 256 << 10}};
    struct buf sql;
    (void)state;

    fixture_open(&f, false);
    fixture_sql(&f, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, v TEXT)");
    buf_init(&sql);
    for (int i = 0; i < 40; i++) {
        buf_reset(&sql);
        buf_printf(&sql, "INSERT INTO t VALUES (%d, '%0*d')", i, 20000, 7);
        buf_append_byte(&sql, 0);
        fixture_sql(&f, sql.data);
    }
    buf_clear(&sql);
    fixture_fails(&f, "root", ROLE_SYSTEM, "SELECT v FROM t ORDER BY v", STATUS_RESULT_TOO_LARGE,
                  "memory limit");
    assert_non_null(strstr(fixture_sql(&f, "SELECT count(v) FROM t"), "40"));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run__point_work_stays_on_the_loop),
        cmocka_unit_test(test_run__only_writes_commit),
        cmocka_unit_test(test_run__bounded_read_of_many_rows_leaves_the_loop),
        cmocka_unit_test(test_run__parameters_are_bounded),
        cmocka_unit_test(test_run__errors_point_into_the_users_text),
        cmocka_unit_test(test_run__row_limit_is_an_error),
        cmocka_unit_test(test_run__cancel_ends_a_scan),
        cmocka_unit_test(test_run__rows_that_are_dear_together_leave_the_loop),
        cmocka_unit_test(test_run__cancel_ends_dear_rows),
        cmocka_unit_test(test_run__statement_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
