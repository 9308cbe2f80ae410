/* test_fault.c — fault points; each case in a child of its own, because the environment is read
 * once.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/base/support.h"

#include "base/clock.h"
#include "base/fault.h"

#ifdef KALAM_FAULTS

static const char *specification;

/* Exit code: bit i is set if pass i of flush_after_rename failed. */
static void pass_four_times(void)
{
    int bits = 0;

    setenv("KALAM_FAULT", specification, 1);
    for (int i = 0; i < 4; i++)
        bits |= FAULT(flush_after_rename) ? 1 << i : 0;
    if (FAULT(flush_after_write))
        bits |= 16;
    _exit(bits);
}

static int run_with(const char *text)
{
    specification = text;
    return run_in_child(pass_four_times);
}

static void test_fault__actions(void **state)
{
    assert_int_equal(WEXITSTATUS(run_with("")), 0);
    assert_int_equal(WEXITSTATUS(run_with("flush_after_rename:error")), 1);
    assert_int_equal(WEXITSTATUS(run_with("flush_after_rename:error:3")), 4);
    assert_int_equal(WEXITSTATUS(run_with("flush_after_rename:error+:2")), 14);
    assert_int_equal(WEXITSTATUS(run_with("flush_after_write:error,flush_after_rename:error:2")),
                     18);
    int status = run_with("flush_after_rename:kill:4");
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void test_fault__delay(void **state)
{
    int64_t start = clock_monotonic_ms();

    assert_int_equal(WEXITSTATUS(run_with("flush_after_rename:delay=30")), 0);
    assert_true(clock_monotonic_ms() - start >= 30);
}

static void test_fault__nonsense_stops_the_process(void **state)
{
    static const char *const wrong[] = {"flush_after_renam:kill", "flush_after_rename",
                                        "flush_after_rename:explode", "flush_after_rename:kill:0",
                                        "flush_after_rename:delay=x"};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        int status = run_with(wrong[i]);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
}

#else

static void test_fault__is_compiled_out(void **state)
{
    setenv("KALAM_FAULT", "flush_after_rename:error+", 1);
    assert_false(FAULT(flush_after_rename));
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef KALAM_FAULTS
        cmocka_unit_test(test_fault__actions),
        cmocka_unit_test(test_fault__delay),
        cmocka_unit_test(test_fault__nonsense_stops_the_process),
#else
        cmocka_unit_test(test_fault__is_compiled_out),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
