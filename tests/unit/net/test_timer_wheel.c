/* test_timer_wheel.c — deadlines are never early, late by at most two ticks, movable from anywhere.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/timer_wheel.h"

#include <string.h>

enum { COUNT = 200 };

static struct timer_wheel wheel;
static struct timer_entry entries[COUNT];
static int64_t fired_at[COUNT], now;

static void expired(struct timer_entry *entry)
{
    fired_at[entry - entries] = now;
}

static void run_until(int64_t end)
{
    while (now < end)
        timer_wheel_advance(&wheel, now += 100, expired);
}

static int setup(void **state)
{
    memset(entries, 0, sizeof(entries));
    memset(fired_at, 0, sizeof(fired_at));
    now = 1000000;
    timer_wheel_init(&wheel, now);
    return 0;
}

static void test_timer_wheel__fires_on_time(void **state)
{
    for (int i = 0; i < COUNT; i++)
        timer_set(&wheel, &entries[i], 1000000 + 1 + i * 997); /* up to three rounds ahead */
    run_until(1000000 + COUNT * 997 + 1000);
    for (int i = 0; i < COUNT; i++) {
        int64_t deadline = 1000000 + 1 + i * 997;
        assert_true(fired_at[i] >= deadline && fired_at[i] <= deadline + 2 * TIMER_TICK_MS + 100);
    }
}

static void test_timer_wheel__moves_both_ways(void **state)
{
    timer_set(&wheel, &entries[0], now + 1000);
    timer_set(&wheel, &entries[0], now + 5000);
    timer_set(&wheel, &entries[1], now + 50000);
    timer_set(&wheel, &entries[1], now + 2000);
    run_until(1000000 + 4000);
    assert_int_equal(fired_at[0], 0);
    assert_true(fired_at[1] >= 1002000 && fired_at[1] <= 1002000 + 600);
    run_until(1000000 + 6000);
    assert_true(fired_at[0] >= 1005000 && fired_at[0] <= 1005000 + 600);
}

static void test_timer_wheel__unset_and_remove(void **state)
{
    for (int i = 0; i < 3; i++)
        timer_set(&wheel, &entries[i], now + 1000);
    timer_unset(&entries[0]);
    timer_remove(&entries[1]);
    run_until(1000000 + 90000);
    assert_int_equal(fired_at[0], 0);
    assert_int_equal(fired_at[1], 0);
    assert_true(fired_at[2] > 0);
    timer_set(&wheel, &entries[0], now + 1000);
    run_until(now + 3000);
    assert_true(fired_at[0] > 0);
}

static void test_timer_wheel__after_a_long_stop(void **state)
{
    timer_set(&wheel, &entries[0], now + 1000);
    timer_set(&wheel, &entries[1], now + 10000000);
    now += 5000000;
    timer_wheel_advance(&wheel, now, expired);
    assert_int_equal(fired_at[0], now);
    assert_int_equal(fired_at[1], 0);
    timer_remove(&entries[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_timer_wheel__fires_on_time, setup),
        cmocka_unit_test_setup(test_timer_wheel__moves_both_ways, setup),
        cmocka_unit_test_setup(test_timer_wheel__unset_and_remove, setup),
        cmocka_unit_test_setup(test_timer_wheel__after_a_long_stop, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
