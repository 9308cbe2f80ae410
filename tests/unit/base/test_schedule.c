/* test_schedule.c — crontab fields: what parses, and which minutes fit.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include "base/schedule.h"

enum { DAY = 86400 };

static bool fits(const char *text, int64_t after_s, int64_t until_s)
{
    struct schedule schedule;

    assert_true(schedule_parse(str_from_c(text), &schedule));
    return schedule_fits(&schedule, after_s, until_s);
}

static void test_schedule__daily(void **state)
{
    int64_t midnight = 20000 * (int64_t)DAY;

    (void)state;
    assert_true(fits("0 0 * * *", midnight - 1, midnight));
    assert_false(fits("0 0 * * *", midnight, midnight + 1));
    assert_false(fits("0 0 * * *", midnight, midnight + DAY - 1));
    assert_true(fits("0 0 * * *", midnight, midnight + DAY));
    assert_true(fits("0 0 * * *", midnight, midnight + 100 * DAY)); /* the clock jumped */
    assert_true(fits("30 4 * * *", midnight, midnight + 5 * 3600));
    assert_false(fits("30 4 * * *", midnight, midnight + 4 * 3600 + 29 * 60 + 59));
}

static void test_schedule__fields(void **state)
{
    int64_t monday = 1760918400; /* 2025-10-20T00:00:00Z */

    (void)state;
    assert_true(fits("*/15 * * * *", monday + 60, monday + 15 * 60));
    assert_false(fits("*/15 * * * *", monday, monday + 14 * 60));
    assert_true(fits("5,10-12 0-3/2 * * *", monday + 2 * 3600, monday + 2 * 3600 + 300));
    assert_false(fits("5,10-12 0-3/2 * * *", monday + 3600, monday + 2 * 3600));
    assert_true(fits("0 0 * * 1", monday - 1, monday));
    assert_false(fits("0 0 * * 2", monday - 1, monday));
    assert_true(fits("0 0 * * 7", monday + 6 * DAY - 1, monday + 6 * DAY));
    assert_true(fits("0 0 * * 0", monday + 6 * DAY - 1, monday + 6 * DAY));
    assert_true(fits("0 0 20 10 *", monday - 1, monday));
    assert_false(fits("0 0 20 11 *", monday - 1, monday));
    assert_true(fits("0 0 20 * 3", monday - 1, monday)); /* both restricted: one is enough */
    assert_true(fits("0 0 21 * 1", monday - 1, monday));
    assert_false(fits("0 0 21 * 3", monday - 1, monday));
}

static void test_schedule__nonsense(void **state)
{
    static const char *const bad[] = {"",
                                      "0",
                                      "0 0 * *",
                                      "0 0 * * * *",
                                      "60 0 * * *",
                                      "0 24 * * *",
                                      "0 0 0 * *",
                                      "0 0 32 * *",
                                      "0 0 * 13 *",
                                      "0 0 * * 8",
                                      "a 0 * * *",
                                      "1- 0 * * *",
                                      "5-1 0 * * *",
                                      "*/0 0 * * *",
                                      "1,, 0 * * *",
                                      "100 0 * * *",
                                      "-1 0 * * *",
                                      "daily"};
    struct schedule schedule;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(schedule_parse(str_from_c(bad[i]), &schedule));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schedule__daily),
        cmocka_unit_test(test_schedule__fields),
        cmocka_unit_test(test_schedule__nonsense),
    };
    return cmocka_run_group_tests_name("base/schedule", tests, NULL, NULL);
}
