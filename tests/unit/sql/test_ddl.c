/* test_ddl.c — rights around the catalogue that depend on configuration, refusals of DROP, names
 * that are used again.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_fixture.h"

static const struct sql_engine_options options_base = {
    .plans_max = 10, .params_max = 5, .timeout_seconds = 30, .statement_memory_bytes = 1 << 20};

static void test_ddl__rights_follow_configuration(void **state)
{
    struct sql_fixture f = {.options = options_base};
    (void)state;

    f.options.enforce_roles = true; /* users_may_create_tables is off */
    fixture_open(&f, false);
    fixture_fails(&f, "ann", ROLE_USER, "CREATE USER TABLE t (id INT PRIMARY KEY)",
                  STATUS_PERMISSION_DENIED, "requires the role service");
    fixture_fails(&f, "srv", ROLE_SERVICE, "CREATE NAMESPACE n", STATUS_PERMISSION_DENIED,
                  "requires the role dba");
    fixture_close(&f);
    f = (struct sql_fixture){.options = options_base}; /* roles are not enforced */
    fixture_open(&f, false);
    struct fixture_call call = {
        .caller = fixture_caller("ann", ROLE_USER),
        .text = STR_LIT("CREATE SHARED TABLE t (id INT PRIMARY KEY) ACCESS PRIVATE")};
    struct fixture_result result;
    fixture_run(&f, &call, &result);
    assert_int_equal(result.code, STATUS_OK);
    buf_clear(&result.text);
    call.text = STR_LIT("INSERT INTO t VALUES (1)");
    fixture_run(&f, &call, &result);
    assert_int_equal(result.code, STATUS_OK);
    buf_clear(&result.text);
    fixture_sql(&f, "CREATE USER TABLE mine (id INT PRIMARY KEY)");
    fixture_fails(&f, "ann", ROLE_USER, "SELECT * FROM \"default\".bob.mine",
                  STATUS_PERMISSION_DENIED,
                  "another user"); /* isolation is not a matter of roles */
    fixture_close(&f);
}

static void test_ddl__drop_waits_for_subscriptions(void **state)
{
    struct sql_fixture f = {0};
    (void)state;

    fixture_open(&f, false);
    fixture_sql(&f, "CREATE NAMESPACE n");
    fixture_sql(&f, "CREATE SHARED TABLE n.a (id INT PRIMARY KEY)");
    f.live_count = 2;
    fixture_fails(&f, "root", ROLE_SYSTEM, "DROP TABLE n.a", STATUS_CONFLICT,
                  "2 active subscription(s)");
    fixture_fails(&f, "root", ROLE_SYSTEM, "DROP NAMESPACE n CASCADE", STATUS_CONFLICT,
                  "connection_id c1");
    fixture_sql(&f, "SELECT * FROM n.a");
    f.live_count = 0;
    fixture_sql(&f, "DROP NAMESPACE n CASCADE");
    fixture_fails(&f, "root", ROLE_SYSTEM, "SELECT * FROM n.a", STATUS_TABLE_NOT_FOUND,
                  "relation \"n.a\" does not exist");
    fixture_close(&f);
}

/* Trap 8: nothing of a dropped table comes back under its name, hot or cold. */
static void test_ddl__a_name_starts_empty_again(void **state)
{
    struct sql_fixture f = {0};
    (void)state;

    fixture_open(&f, true);
    for (int round = 0; round < 3; round++) {
        fixture_sql(&f, "CREATE SHARED TABLE t (id INT PRIMARY KEY, v TEXT)");
        assert_string_equal(fixture_sql(&f, "SELECT v FROM t"), "v TEXT\n");
        fixture_sql(&f, "INSERT INTO t VALUES (1, 'old')");
        if (round == 1)
            fixture_sql(&f, "STORAGE FLUSH TABLE t");
        fixture_sql(&f, "DROP TABLE t");
    }
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ddl__rights_follow_configuration),
        cmocka_unit_test(test_ddl__drop_waits_for_subscriptions),
        cmocka_unit_test(test_ddl__a_name_starts_empty_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
