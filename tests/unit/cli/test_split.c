/* test_split.c — cutting SQL into requests.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli/split.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void expect_units(const char *text, const char *const *units, enum split last)
{
    size_t offset = 0;
    struct str unit;
    enum split found;

    for (; *units; units++) {
        found = split_next(str_from_c(text), &offset, &unit);
        if (found == SPLIT_END || !str_equal(unit, str_from_c(*units)))
            fail_msg("%s: got %d %.*s, wanted %s", text, found, STR_ARG(unit), *units);
        if (!units[1] && last != SPLIT_END) {
            assert_int_equal(found, last);
            return;
        }
        assert_int_equal(found, SPLIT_UNIT);
    }
    assert_int_equal(split_next(str_from_c(text), &offset, &unit), SPLIT_END);
}

#define UNITS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_semicolons(void **state)
{
    expect_units("select 1; select 2 ;", UNITS("select 1", "select 2"), SPLIT_END);
    expect_units(" ;; select 1;; -- end\n /* x */ ", UNITS("select 1"), SPLIT_END);
    expect_units("select 1; select 2", UNITS("select 1", "select 2"), SPLIT_REST);
    expect_units("", (const char *const[]){NULL}, SPLIT_END);
}

static void test_quotes_hide_semicolons(void **state)
{
    expect_units("select ';''; ' ; x", UNITS("select ';''; '", "x"), SPLIT_REST);
    expect_units("select \"a;\"\"b\";", UNITS("select \"a;\"\"b\""), SPLIT_END);
    expect_units("select `it's;`` `; x", UNITS("select `it's;`` `", "x"), SPLIT_REST);
    expect_units("select E'\\';' ;", UNITS("select E'\\';'"), SPLIT_END);
    expect_units("select 'a\\'; x;", UNITS("select 'a\\'", "x"), SPLIT_END);
    expect_units("select $$;$$; select $a$ $$; $a$;", UNITS("select $$;$$", "select $a$ $$; $a$"),
                 SPLIT_END);
    expect_units("select $1; select a$b$;", UNITS("select $1", "select a$b$"), SPLIT_END);
    expect_units("select 1 -- ; no\n; x", UNITS("select 1 -- ; no", "x"), SPLIT_REST);
    expect_units("select /* ; /* ; */ ; */ 1;", UNITS("select /* ; /* ; */ ; */ 1"), SPLIT_END);
}

static void test_open_ends(void **state)
{
    expect_units("select 'a; b", UNITS("select 'a; b"), SPLIT_OPEN);
    expect_units("select $x$ ;", UNITS("select $x$ ;"), SPLIT_OPEN);
    expect_units("select /* ;", UNITS("select /* ;"), SPLIT_OPEN);
    expect_units("/* ;", UNITS("/* ;"), SPLIT_OPEN);
    expect_units("select \"a", UNITS("select \"a"), SPLIT_OPEN);
    expect_units("select `a", UNITS("select `a"), SPLIT_OPEN);
}

static void test_transactions_stay_together(void **state)
{
    expect_units("begin; insert 1; commit; select 1;", UNITS("begin; insert 1; commit", "select 1"),
                 SPLIT_END);
    expect_units("START TRANSACTION; x; ROLLBACK", UNITS("START TRANSACTION; x; ROLLBACK"),
                 SPLIT_REST);
    expect_units("begin; insert 1;", UNITS("begin; insert 1;"), SPLIT_REST);
    expect_units("begin; insert 'x;", UNITS("begin; insert 'x;"), SPLIT_OPEN);
}

static void test_first_word(void **state)
{
    assert_true(str_equal(split_first_word(STR_LIT(" -- x\n /*y*/ select 1")), STR_LIT("select")));
    assert_true(str_is_empty(split_first_word(STR_LIT("  "))));
    assert_true(str_is_empty(split_first_word(STR_LIT("(select 1)"))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_semicolons), cmocka_unit_test(test_quotes_hide_semicolons),
        cmocka_unit_test(test_open_ends),  cmocka_unit_test(test_transactions_stay_together),
        cmocka_unit_test(test_first_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
