/* test_dml.c — writes under concurrency: atomic read-modify-write, one winner per key, a flush in
 * between, statements that DuckDB evaluates and that lose a race.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_fixture.h"

struct writer {
    struct sql_fixture *fixture;
    const char *sql;
    int times, changed, failed;
    pthread_t thread;
};

static void *writer_main(void *argument)
{
    struct writer *writer = argument;

    for (int i = 0; i < writer->times; i++) {
        struct fixture_call call = {.caller = fixture_caller("root", ROLE_SYSTEM),
                                    .text = str_from_c(writer->sql)};
        struct fixture_result result;
        fixture_run(writer->fixture, &call, &result);
        if (result.code == STATUS_OK)
            writer->changed += (int)result.outcome.row_count;
        else
            writer->failed++;
        buf_clear(&result.text);
    }
    return NULL;
}

static void writers_run(struct sql_fixture *f, struct writer *writers, size_t count,
                        const char *meanwhile)
{
    for (size_t i = 0; i < count; i++) {
        writers[i].fixture = f;
        assert_int_equal(pthread_create(&writers[i].thread, NULL, writer_main, &writers[i]), 0);
    }
    if (meanwhile != NULL)
        for (int i = 0; i < 3; i++)
            fixture_sql(f, meanwhile);
    for (size_t i = 0; i < count; i++)
        pthread_join(writers[i].thread, NULL);
}

/* n concurrent c = c + 1 add n, whatever moves the row to and from cold files meanwhile. */
static void test_dml__increments_are_atomic(void **state)
{
    struct sql_fixture f = {0};
    struct writer writers[4];
    (void)state;

    fixture_open(&f, true);
    fixture_sql(&f, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, c INT)");
    fixture_sql(&f, "INSERT INTO t VALUES (1, 0), (2, 0)");
    fixture_sql(&f, "STORAGE FLUSH TABLE t");
    for (size_t i = 0; i < ARRAY_COUNT(writers); i++)
        writers[i] = (struct writer){.times = 20,
                                     .sql = i % 2 == 0 ? "UPDATE t SET c = c + 1 WHERE id = 1"
                                                       : "UPDATE t SET c = c + 1 WHERE c >= 0"};
    writers_run(&f, writers, ARRAY_COUNT(writers), "STORAGE FLUSH TABLE t");
    for (size_t i = 0; i < ARRAY_COUNT(writers); i++)
        assert_true(writers[i].failed == 0 && writers[i].changed == (i % 2 == 0 ? 20 : 40));
    assert_non_null(strstr(fixture_sql(&f, "SELECT id, c FROM t"), "1 | 80\n2 | 40\n"));
    fixture_close(&f);
}

/* Of concurrent inserts of one key exactly one wins (trap 16), hot and over a deleted cold row. */
static void test_dml__one_insert_of_a_key_wins(void **state)
{
    struct sql_fixture f = {0};
    struct writer writers[6];
    (void)state;

    fixture_open(&f, true);
    fixture_sql(&f, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, c INT)");
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < ARRAY_COUNT(writers); i++)
            writers[i] = (struct writer){.times = 1, .sql = "INSERT INTO t VALUES (1, 1)"};
        writers_run(&f, writers, ARRAY_COUNT(writers), NULL);
        int won = 0;
        for (size_t i = 0; i < ARRAY_COUNT(writers); i++)
            won += writers[i].changed;
        assert_int_equal(won, 1);
        fixture_sql(&f, "STORAGE FLUSH TABLE t");
        fixture_fails(&f, "root", ROLE_SYSTEM, "INSERT INTO t VALUES (1, 1)",
                      STATUS_CONSTRAINT_VIOLATION, "duplicate key value violates primary key");
        assert_string_equal(fixture_sql(&f, "DELETE FROM t"), "Deleted 1 row(s)");
    }
    fixture_close(&f);
}

/* A statement with a subquery takes a row only as it saw it; it tries again when that changed. */
static void test_dml__duckdb_values_are_checked_by_seq(void **state)
{
    struct sql_fixture f = {0};
    struct writer writers[2];
    (void)state;

    fixture_open(&f, true);
    fixture_sql(&f, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, c INT)");
    fixture_sql(&f, "INSERT INTO t VALUES (1, 0)");
    writers[0] =
        (struct writer){.times = 15, .sql = "UPDATE t SET c = c + (SELECT 1) WHERE id = 1"};
    writers[1] = (struct writer){.times = 15, .sql = "UPDATE t SET c = c + 1 WHERE id = 1"};
    writers_run(&f, writers, 2, NULL);
    char expected[64];
    (void)snprintf(expected, sizeof(expected), "c INT\n%d\n",
                   writers[0].changed + writers[1].changed);
    assert_int_equal(writers[1].changed, 15);
    assert_int_equal(writers[0].changed + writers[0].failed, 15);
    assert_string_equal(fixture_sql(&f, "SELECT c FROM t"), expected);
    fixture_close(&f);
}

static void test_dml__generated_values_differ_per_row(void **state)
{
    struct sql_fixture f = {0};
    (void)state;

    fixture_open(&f, true);
    fixture_sql(
        &f, "CREATE USER TABLE t (id BIGINT PRIMARY KEY, u UUID DEFAULT UUID_V7(), l TEXT DEFAULT "
            "ULID(), made TIMESTAMP NOT NULL DEFAULT NOW(), who TEXT DEFAULT CURRENT_USER())");
    fixture_sql(&f, "INSERT INTO t (who) VALUES (DEFAULT), (DEFAULT), (CURRENT_USER())");
    assert_non_null(
        strstr(fixture_sql(&f, "SELECT count(DISTINCT id), count(DISTINCT u), count(DISTINCT "
                               "l), count(DISTINCT made), max(who) FROM t"),
               "\n3 | 3 | 3 | 1 | root\n"));
    fixture_sql(&f, "CREATE SHARED TABLE k (id TEXT PRIMARY KEY, v INT)");
    fixture_sql(&f, "INSERT INTO k (v) VALUES (1), (2)");
    assert_non_null(
        strstr(fixture_sql(&f, "SELECT count(DISTINCT id) FROM k WHERE length(id) = 36"), "\n2\n"));
    fixture_sql(&f, "CREATE SHARED TABLE n (id INT PRIMARY KEY, v INT)");
    fixture_fails(&f, "root", ROLE_SYSTEM, "INSERT INTO n (v) VALUES (1)",
                  STATUS_CONSTRAINT_VIOLATION,
                  "null value in column \"id\" violates not-null constraint");
    fixture_close(&f);
}

static void test_dml__strict_mode_makes_no_keys(void **state)
{
    struct sql_fixture f = {.options = {.plans_max = 10,
                                        .params_max = 5,
                                        .timeout_seconds = 30,
                                        .statement_memory_bytes = 1 << 20,
                                        .strict_primary_key = true}};
    (void)state;

    fixture_open(&f, false);
    fixture_fails(&f, "root", ROLE_SYSTEM, "CREATE SHARED TABLE t (v INT)", STATUS_INVALID_SQL,
                  "a PRIMARY KEY is required");
    fixture_sql(&f, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, v INT)");
    fixture_fails(&f, "root", ROLE_SYSTEM, "INSERT INTO t (v) VALUES (1)",
                  STATUS_CONSTRAINT_VIOLATION,
                  "null value in column \"id\" violates not-null constraint");
    fixture_close(&f);
}

/* A failed statement leaves nothing behind, wherever it fails. */
static void test_dml__fails_as_a_whole(void **state)
{
    static const char *const failing[] = {
        "INSERT INTO t VALUES (10, 1), (11, 'x')", "INSERT INTO t VALUES (10, 1), (1, 1)",
        "INSERT INTO t VALUES (10, 1), (10, 2)",   "UPDATE t SET n = 10 / (n - 2)",
        "UPDATE t SET n = NULL WHERE id > 0",
    };
    struct sql_fixture f = {0};
    (void)state;

    fixture_open(&f, false);
    fixture_sql(&f, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, n INT NOT NULL)");
    fixture_sql(&f, "INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)");
    for (size_t i = 0; i < ARRAY_COUNT(failing); i++) {
        struct fixture_call call = {.caller = fixture_caller("root", ROLE_SYSTEM),
                                    .text = str_from_c(failing[i])};
        struct fixture_result result;
        fixture_run(&f, &call, &result);
        assert_int_not_equal(result.code, STATUS_OK);
        buf_clear(&result.text);
        assert_non_null(
            strstr(fixture_sql(&f, "SELECT id, n FROM t"), "nn\n1 | 1\n2 | 2\n3 | 3\n"));
    }
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dml__increments_are_atomic),
        cmocka_unit_test(test_dml__one_insert_of_a_key_wins),
        cmocka_unit_test(test_dml__duckdb_values_are_checked_by_seq),
        cmocka_unit_test(test_dml__generated_values_differ_per_row),
        cmocka_unit_test(test_dml__strict_mode_makes_no_keys),
        cmocka_unit_test(test_dml__fails_as_a_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
