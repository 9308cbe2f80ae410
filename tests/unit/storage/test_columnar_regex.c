/* test_columnar_regex.c — what patterns can cost: places, choices, reach.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "storage/columnar_regex.h"

#include <stdlib.h>
#include <string.h>

static struct regex read_pattern(const char *pattern)
{
    return regex_read(str_from_c(pattern), false);
}

static void expect_places(const char *pattern, uint64_t places)
{
    struct regex regex = read_pattern(pattern);

    if (regex.places != places)
        print_error("%s: %llu places\n", pattern, (unsigned long long)regex.places);
    assert_int_equal(regex.places, places);
}

/* One more than the pattern's own: a start in the middle. */
static void test_columnar_regex__counts_places(void **state)
{
    expect_places("", 1);
    expect_places("abc", 4);
    expect_places("a*b+c?", 4);
    expect_places("äß", 3);
    expect_places("[a-c].\\d\\.", 5);
    expect_places("a|b|c", 6);
    expect_places("(a)(?:b)", 5);
    expect_places("a{5}", 6);
    expect_places("a{5,}", 6);
    expect_places("a{2,5}", 6);
    expect_places("a{0}", 2);
    expect_places("a{,5}", 6); /* literal */
    expect_places("a{", 3);
    expect_places("a{x}", 5);
    expect_places("(a?){900}b", 1802);
    expect_places("((a{10}){10}b){3}", 3 * ((10 + 1) * 10 + 1 + 1) + 1);
    expect_places("\\x{10ffff}\\xff\\123\\\\", 5);
    expect_places("\\Qa+b\\E", 4);
    expect_places("\\Qa|b)\\E{5}", 9);
    expect_places("a\\Q\\E{5}", 6);
    expect_places("\\Qab\\E(?i){5}\\Q", 7);
    expect_places("(a?b?)(?i)(?-s){450}", 1351);
    expect_places("(?i)\\Q\\Ea{5}", 6);
    expect_places("(?i:a){5}", 11);
    expect_places("[]a]", 2);
    expect_places("[^]a]x", 3);
    expect_places("[[:alpha:]]", 3);
    expect_places("[[:]x{5}", 7); /* no name: a bracket and a colon */
    expect_places("[+-[:]x{5}[:]", 8);
    expect_places("[[:]x", 3);
    expect_places("[]-a]x{5}", 7);
    expect_places("[a-]x{5}", 7);
    expect_places("(?i)ab", 3);
    expect_places("(?P<name>a)(?<other>b)", 5);
    expect_places("\\pL\\p{Greek}", 7);
    (void)state;
}

static void test_columnar_regex__saturates(void **state)
{
    struct regex regex =
        read_pattern("((((((((a{1000}){1000}){1000}){1000}){1000}){1000}){1000}){1000})"
                     "{1000}");

    assert_int_equal(regex.places, UINT64_MAX);
    assert_true(regex.compile_ns <= 1000000000); /* RE2 gives up long before */
    (void)state;
}

/* Chains of characters leave no choice, however long. */
static void test_columnar_regex__counts_choices(void **state)
{
    assert_int_equal(read_pattern("<script type=\"text/javascript\">").choices, 0);
    assert_int_equal(read_pattern("a.c").choices, 1);
    assert_int_equal(read_pattern("[a-z]+@[a-z]*").choices, 2);
    assert_int_equal(read_pattern("(a|b)*").choices, 1);
    assert_int_equal(read_pattern("(?:aa|ab|ba|bb){10}").choices, 30);
    assert_int_equal(read_pattern("(a?b?){450}").choices, 900);
    assert_int_equal(read_pattern("[ab]{20}").choices, 20);
    assert_true(regex_read(STR_LIT("a|b*{9}"), true).choices == 0);
    assert_int_equal(regex_read(STR_LIT("a|b*{9}"), true).places, 8);
    (void)state;
}

static void expect_reach(const char *pattern, bool near)
{
    struct regex regex = read_pattern(pattern);

    if ((regex.reach < UINT64_MAX) != near)
        print_error("%s\n", pattern);
    assert_int_equal(regex.reach < UINT64_MAX, near);
}

/* How far behind a match a search may have to read. */
static void test_columnar_regex__knows_the_near_ones(void **state)
{
    static const char *const near[] = {"abc",
                                       "a|bc|[d-f]{3,9}",
                                       "\\s+",
                                       "[^a-z]+",
                                       "foo\\d*",
                                       "\\d+(\\.\\d+)?",
                                       "^\\s+|\\s+",
                                       "<[^>]*>",
                                       "a.*b",
                                       "a.*?b",
                                       "(\\w+)@(\\w+)\\.com",
                                       "\\b\\w+\\b",
                                       "\\s*,\\s*",
                                       "a{3,}b",
                                       "(a+b){2}",
                                       "([a-z]+)(, [a-z]+)*",
                                       "(ab)+",
                                       "(x|y)*z",
                                       "\\s+$",
                                       "https?://[^ ]+",
                                       "(a*)(b*)"};
    static const char *const far[] = {"x*y|x",
                                      "(a*b)*",
                                      "a?b*c",
                                      "(ab)*c",
                                      "\\w+\\b|x",
                                      "(a+b)?c",
                                      "^\\s+|\\s+$",
                                      "(a*|b)c",
                                      "(?:ab|c)*d",
                                      "[[:]?x*y|x[]]?",
                                      "[+-[:]?x*y|x[:]?]?",
                                      "(?i)x*(?i)y|x"};

    for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++)
        expect_reach(near[i], true);
    for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++)
        expect_reach(far[i], false);
    assert_true(read_pattern("\\w*\\b\\w").asserts && read_pattern("a|^b").asserts);
    assert_false(read_pattern("a[$^]\\$\\^b").asserts);
    assert_int_equal(read_pattern("ab?c{2}").bytes_min, 3);
    assert_int_equal(read_pattern("abc|de").bytes_min, 2);
    assert_int_equal(read_pattern("abc").reach, 12); /* bytes that three characters may have */
    (void)state;
}

/* What is not understood makes no promise; nothing is read beyond the end. */
static void test_columnar_regex__strange(void **state)
{
    static const char *const strange[] = {"(a",    "a)",    "[a",     "(?",
                                          "(?P<a", "(?x)a", "(?P=a)", "[[:alpha:"};
    char text[4096];

    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        expect_reach(strange[i], false);
        assert_int_equal(read_pattern(strange[i]).choices, UINT64_MAX);
        assert_int_equal(read_pattern(strange[i]).places, UINT64_MAX);
        assert_int_equal(read_pattern(strange[i]).compile_ns, 1000000000);
    }
    memset(text, '(', sizeof(text));
    assert_int_equal(regex_read(str_from(text, sizeof(text)), false).reach, UINT64_MAX);
    for (const char *all = "([{\\Qp{x{[:?P<a|*+{1,2}^$.\\"; *all != 0; all++) {
        char *copy = strdup(all);
        for (size_t size = 0; size <= strlen(all); size++)
            (void)regex_read(str_from(copy, size), false);
        free(copy);
    }
    (void)state;
}

static void test_columnar_regex__knows_what_compiles_long(void **state)
{
    assert_true(read_pattern("\\pL").compile_ns > 1000000);
    assert_true(read_pattern("[\\pL\\pN]").compile_ns > 1000000);
    assert_true(read_pattern("(?i:\\pL){333}z").compile_ns > 600000000); /* 0.3 s in DuckDB */
    assert_true(read_pattern("[à-ÿ]{300}").compile_ns < 100000000);
    assert_true(read_pattern("[a-z]").compile_ns < 20000);
    assert_true(read_pattern("abcdefghij").compile_ns < 30000);
    assert_in_range(read_pattern("(a?){1000}z").compile_ns, 42000000, 90000000);     /* 21 ms */
    assert_in_range(read_pattern("(?i:\\W){1000}z").compile_ns, 33000000, 90000000); /* 16 ms */
    assert_true(read_pattern("(\\d+)-(\\w+)").compile_ns < 100000);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columnar_regex__counts_places),
        cmocka_unit_test(test_columnar_regex__saturates),
        cmocka_unit_test(test_columnar_regex__counts_choices),
        cmocka_unit_test(test_columnar_regex__knows_the_near_ones),
        cmocka_unit_test(test_columnar_regex__strange),
        cmocka_unit_test(test_columnar_regex__knows_what_compiles_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
