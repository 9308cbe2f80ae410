/* test_subscribe_text.c — SUBSCRIBE texts become a SELECT with options.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "client/subscribe_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct arena arena;

static struct wire_subscription expect_sql(const char *sql, const char *space, const char *expected)
{
    struct wire_subscription request = {0};

    subscribe_text_take(sql, space, &arena, &request);
    if (!str_equal(request.sql, str_from_c(expected)))
        fail_msg("%s became %.*s", sql, STR_ARG(request.sql));
    return request;
}

static void test_namespace_is_put_before_a_bare_table(void **state)
{
    expect_sql("SUBSCRIBE TO t", NULL, "SUBSCRIBE TO t");
    expect_sql("SUBSCRIBE TO t WHERE a > 1", "shop", "SUBSCRIBE TO \"shop\".t WHERE a > 1");
    expect_sql("subscribe to \"T\"", "shop", "subscribe to \"shop\".\"T\"");
    expect_sql("SUBSCRIBE TO app.t", "shop", "SUBSCRIBE TO app.t");
    expect_sql("SUBSCRIBE TO app . t", "shop", "SUBSCRIBE TO app . t");
    expect_sql("SELECT 'from x', \"from\", (a) FROM t", "shop",
               "SELECT 'from x', \"from\", (a) FROM \"shop\".t");
    expect_sql("SELECT EXTRACT(year FROM at) FROM t", "s",
               "SELECT EXTRACT(year FROM at) FROM \"s\".t");
    expect_sql("SELECT 1 -- FROM x\n/* FROM y */ FROM t", "s",
               "SELECT 1 -- FROM x\n/* FROM y */ FROM \"s\".t");
    expect_sql("SELECT 1 FROM (SELECT 2)", "s", "SELECT 1 FROM (SELECT 2)");
    expect_sql("SELECT 1", "s", "SELECT 1");
    expect_sql("", "s", "");
    expect_sql("SELECT E'\\' FROM x', a FROM t", "s", "SELECT E'\\' FROM x', a FROM \"s\".t");
    expect_sql("SELECT * FROM", "s", "SELECT * FROM");
    expect_sql("SELECT 'open FROM t", "s", "SELECT 'open FROM t");
    expect_sql("SUBSCRIBE TO `t`", "s", "SUBSCRIBE TO \"s\".`t`");
    expect_sql("SUBSCRIBE TO `a` . `t`", "s", "SUBSCRIBE TO `a` . `t`");
    expect_sql("SUBSCRIBE TO \"a\"\"b\".t", "s", "SUBSCRIBE TO \"a\"\"b\".t");
    expect_sql("SUBSCRIBE TO /* a /* b */ c */ t", "s", "SUBSCRIBE TO /* a /* b */ c */ \"s\".t");
    expect_sql("SELECT $$ from x $$, a FROM t", "s", "SELECT $$ from x $$, a FROM \"s\".t");
    expect_sql("SELECT * FROM t", "S\"p", "SELECT * FROM \"S\"\"p\".t");
}

static void test_options_at_the_end_move(void **state)
{
    struct wire_subscription r = expect_sql("SUBSCRIBE TO t LAST 5;", NULL, "SUBSCRIBE TO t");

    assert_true(r.has_options && r.has_last_rows && r.last_rows == 5 && !r.has_batch_size);
    r = expect_sql("SUBSCRIBE TO t WHERE a = 1 OPTIONS (last_rows = 3, batch_size=2)", "s",
                   "SUBSCRIBE TO \"s\".t WHERE a = 1");
    assert_true(r.last_rows == 3 && r.batch_size == 2 && r.has_batch_size && !r.has_from);
    r = expect_sql("SUBSCRIBE TO t LAST 4 OPTIONS (from = 9);", NULL, "SUBSCRIBE TO t");
    assert_true(r.last_rows == 4 && r.has_from && r.from == 9);
    r = expect_sql("SUBSCRIBE TO t", NULL, "SUBSCRIBE TO t");
    assert_false(r.has_options);
}

static void test_what_is_no_option_stays(void **state)
{
    static const char *const texts[] = {
        "SUBSCRIBE TO t WHERE last = 5",
        "SUBSCRIBE TO t WHERE a = 'LAST 5'",
        "SUBSCRIBE TO t WHERE a = $$ LAST 5$$",
        "SUBSCRIBE TO t WHERE a = ` LAST 5`",
        "SUBSCRIBE TO t WHERE (a = LAST 5)",
        "SUBSCRIBE TO t OPTIONS (bogus = 1)",
        "SUBSCRIBE TO t OPTIONS (last_rows)",
        "SUBSCRIBE TO t OPTIONS (last_rows = -1)",
        "SUBSCRIBE TO t OPTIONS",
        "SUBSCRIBE TO t OPTIONS (",
        "SUBSCRIBE TO t LAST x",
        "SUBSCRIBE TO t LAST 5 AND a = 1",
        "SELECT * FROM t LAST 5",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(expect_sql(texts[i], NULL, texts[i]).has_options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_namespace_is_put_before_a_bare_table),
        cmocka_unit_test(test_options_at_the_end_move),
        cmocka_unit_test(test_what_is_no_option_stays),
    };
    arena_init(&arena, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_clear(&arena);
    return failed;
}
