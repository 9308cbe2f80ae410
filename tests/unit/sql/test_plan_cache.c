/* test_plan_cache.c — hits by shape and type, never across namespaces, DDL invalidates, bounded.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_fixture.h"

static bool hit(struct sql_fixture *f, const char *user, const char *space, const char *sql)
{
    struct fixture_call call = {.caller = fixture_caller(user, ROLE_SYSTEM),
                                .text = str_from_c(sql)};
    struct fixture_result result;

    call.caller.space = str_from_c(space);
    fixture_run(f, &call, &result);
    if (result.code != STATUS_OK)
        fail_msg("%s: %s", sql, result.error.message);
    buf_clear(&result.text);
    return result.outcome.plan_cache_hit;
}

static void test_plan_cache__hits_by_shape(void **state)
{
    struct sql_fixture f = {0};
    struct sql_engine_stats stats;
    (void)state;

    fixture_open(&f, false);
    fixture_sql(&f, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, v TEXT)");
    assert_false(hit(&f, "root", "default", "SELECT v FROM t WHERE id = 5"));
    assert_true(hit(&f, "root", "default", "select  v from T where id = 7 -- again"));
    assert_true(hit(&f, "ann", "default", "SELECT v FROM t WHERE id = 9"));
    assert_false(hit(&f, "root", "default", "SELECT v FROM t WHERE id = '9'"));
    assert_false(hit(&f, "root", "default", "SELECT v FROM t WHERE id = 9000000000"));
    assert_false(hit(&f, "root", "default", "INSERT INTO t VALUES (1, 'a')"));
    assert_true(hit(&f, "root", "default", "INSERT INTO t VALUES (2, 'b')"));
    sql_engine_stats(f.engine, &stats);
    assert_true(stats.plan_hits == 3 && stats.plans == 4 && stats.statements == 8);
    assert_int_equal(sql_engine_clear_cache(f.engine), 4);
    assert_false(hit(&f, "root", "default", "SELECT v FROM t WHERE id = 5"));
    fixture_close(&f);
}

static void test_plan_cache__namespaces_do_not_mix(void **state)
{
    struct sql_fixture f = {0};
    (void)state;

    fixture_open(&f, false);
    fixture_sql(&f, "CREATE NAMESPACE other");
    fixture_sql(&f, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY)");
    fixture_sql(&f, "CREATE SHARED TABLE other.t (id BIGINT PRIMARY KEY, w INT)");
    assert_false(hit(&f, "root", "default", "SELECT * FROM t"));
    assert_false(hit(&f, "root", "other", "SELECT * FROM t"));
    assert_true(hit(&f, "root", "other", "SELECT * FROM t"));
    fixture_close(&f);
}

static void test_plan_cache__ddl_invalidates_its_table_only(void **state)
{
    struct sql_fixture f = {0};
    (void)state;

    fixture_open(&f, false);
    fixture_sql(&f, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY)");
    assert_false(hit(&f, "root", "default", "SELECT * FROM t"));
    fixture_sql(&f, "CREATE SHARED TABLE u (id BIGINT PRIMARY KEY)");
    assert_true(hit(&f, "root", "default", "SELECT * FROM t"));
    fixture_sql(&f, "DROP TABLE t");
    fixture_sql(&f, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY, later TEXT)");
    assert_false(hit(&f, "root", "default", "SELECT * FROM t"));
    assert_non_null(strstr(fixture_sql(&f, "SELECT * FROM t"), "later"));
    fixture_close(&f);
}

static void test_plan_cache__is_bounded(void **state)
{
    struct sql_fixture f = {.options = {.plans_max = 4,
                                        .params_max = 50,
                                        .timeout_seconds = 30,
                                        .statement_memory_bytes = 1 << 20}};
    struct sql_engine_stats stats;
    char sql[64];
    (void)state;

    fixture_open(&f, false);
    fixture_sql(&f, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY)");
    assert_false(hit(&f, "root", "default", "SELECT id FROM t"));
    for (int i = 0; i < 20; i++) {
        (void)snprintf(sql, sizeof(sql), "SELECT id AS c%d FROM t", i);
        assert_false(hit(&f, "root", "default", sql));
        (void)hit(&f, "root", "default", "SELECT id FROM t");
    }
    assert_true(hit(&f, "root", "default", "SELECT id FROM t")); /* used ones stay */
    sql_engine_stats(f.engine, &stats);
    assert_int_equal(stats.plans, 4);
    fixture_close(&f);
}

static void test_plan_cache__is_bounded_in_bytes(void **state)
{
    enum { BYTES = 256 << 10 };
    struct sql_fixture f = {.options = {.plans_max = 1000,
                                        .plan_bytes_max = BYTES,
                                        .params_max = 50,
                                        .timeout_seconds = 30,
                                        .statement_memory_bytes = 1 << 20}};
    struct sql_engine_stats stats;
    char sql[4096];
    (void)state;

    fixture_open(&f, false);
    fixture_sql(&f, "CREATE SHARED TABLE t (id BIGINT PRIMARY KEY)");
    for (int rows = 1; rows <= 400; rows++) { /* a plan for each number of rows */
        size_t size = (size_t)snprintf(sql, sizeof(sql), "INSERT INTO t VALUES (%d)", 1000 * rows);
        for (int i = 1; i < rows; i++)
            size += (size_t)snprintf(sql + size, sizeof(sql) - size, ",(%d)", 1000 * rows + i);
        if (size >= sizeof(sql))
            break;
        (void)fixture_sql(&f, sql);
        sql_engine_stats(f.engine, &stats);
        assert_true(stats.plan_bytes <= BYTES);
    }
    assert_true(stats.plans > 4 && stats.plan_bytes > BYTES / 2);
    assert_false(hit(&f, "root", "default", "SELECT id FROM t"));
    assert_true(hit(&f, "root", "default", "SELECT id FROM t"));
    fixture_close(&f);
}

/* Trap 3: the plan of one user's statement must not carry his rows or rights to the next. */
static void test_plan_cache__carries_no_user_and_no_rights(void **state)
{
    struct sql_fixture f = {0};
    (void)state;

    fixture_open(&f, false);
    fixture_sql(&f, "CREATE USER TABLE mine (id BIGINT PRIMARY KEY, v TEXT)");
    fixture_sql(&f, "CREATE SHARED TABLE secret (id BIGINT PRIMARY KEY) ACCESS RESTRICTED");
    fixture_sql(&f, "INSERT INTO mine VALUES (1, 'of root')");
    assert_non_null(strstr(fixture_sql(&f, "SELECT v FROM mine WHERE id = 1"), "of root"));
    fixture_sql(&f, "SELECT id FROM secret WHERE id = 1");
    struct fixture_call call = {.caller = fixture_caller("ann", ROLE_USER),
                                .text = STR_LIT("SELECT v FROM mine WHERE id = 1")};
    struct fixture_result result;
    fixture_run(&f, &call, &result);
    assert_true(result.outcome.plan_cache_hit);
    assert_null(strstr(result.text.data, "of root"));
    buf_clear(&result.text);
    fixture_fails(&f, "ann", ROLE_USER, "SELECT id FROM secret WHERE id = 1",
                  STATUS_PERMISSION_DENIED, "may not read");
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan_cache__hits_by_shape),
        cmocka_unit_test(test_plan_cache__namespaces_do_not_mix),
        cmocka_unit_test(test_plan_cache__ddl_invalidates_its_table_only),
        cmocka_unit_test(test_plan_cache__is_bounded),
        cmocka_unit_test(test_plan_cache__is_bounded_in_bytes),
        cmocka_unit_test(test_plan_cache__carries_no_user_and_no_rights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
