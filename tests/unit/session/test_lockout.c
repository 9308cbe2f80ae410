/* test_lockout.c — names are locked after the last failure that is allowed, and freed by time or by
 * success; rates start anew each second; both stay bounded.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "session/lockout.h"

#include <stdio.h>

#define SECOND INT64_C(1000000)
#define T0 (1000 * SECOND)

static int64_t fail_once(struct lockout *lockout, const char *name, int64_t now)
{
    uint32_t failures;
    int64_t until;

    bool locked = lockout_failed(lockout, str_from_c(name), now, 0);
    lockout_look(lockout, str_from_c(name), now, 0, &failures, &until);
    assert_true(locked == (until > now));
    return until;
}

static void test_lockout__fifth_failure_locks(void **state)
{
    struct lockout *lockout = lockout_new(5, 15);

    for (int i = 0; i < 4; i++)
        assert_int_equal(fail_once(lockout, "lena", T0 + i), 0);
    assert_false(lockout_is_locked(lockout, STR_LIT("lena"), T0 + 5, 0));
    assert_int_equal(fail_once(lockout, "lena", T0 + 5), T0 + 5 + 900 * SECOND);
    assert_true(lockout_is_locked(lockout, STR_LIT("lena"), T0 + 6, 0));
    assert_false(lockout_is_locked(lockout, STR_LIT("lenb"), T0 + 6, 0));
    assert_true(lockout_is_locked(lockout, STR_LIT("lena"), T0 + 899 * SECOND, 0));
    assert_false(lockout_is_locked(lockout, STR_LIT("lena"), T0 + 5 + 900 * SECOND, 0));
    lockout_free(lockout);
}

static void test_lockout__success_and_time_forgive(void **state)
{
    struct lockout *lockout = lockout_new(2, 1);

    assert_int_equal(fail_once(lockout, "a", T0), 0);
    lockout_succeeded(lockout, STR_LIT("a"));
    assert_int_equal(fail_once(lockout, "a", T0 + 1), 0);
    assert_int_equal(fail_once(lockout, "a", T0 + 1 + 60 * SECOND), 0);
    assert_true(fail_once(lockout, "a", T0 + 2 + 60 * SECOND) > 0);
    lockout_free(lockout);
}

static void test_lockout__new_password_forgives(void **state)
{
    struct lockout *lockout = lockout_new(1, 15);

    assert_true(fail_once(lockout, "a", T0) > 0);
    assert_true(lockout_is_locked(lockout, STR_LIT("a"), T0 + 2, T0 - 1));
    assert_false(lockout_is_locked(lockout, STR_LIT("a"), T0 + 2, T0 + 1));
    assert_true(lockout_failed(lockout, STR_LIT("a"), T0 + 3, T0 + 1));
    assert_true(lockout_is_locked(lockout, STR_LIT("a"), T0 + 4, T0 + 1));
    lockout_free(lockout);
}

static void test_lockout__locked_names_survive_a_flood(void **state)
{
    struct lockout *lockout = lockout_new(1, 15);
    struct lockout *loose = lockout_new(5, 15);
    char name[32];

    assert_true(fail_once(lockout, "victim", T0) > 0);
    for (int i = 0; i < 30000; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        fail_once(loose, name, T0);
    }
    for (int i = 0; i < 4; i++)
        fail_once(loose, "late", T0);
    assert_true(fail_once(loose, "late", T0) > 0);
    assert_true(lockout_is_locked(lockout, STR_LIT("victim"), T0 + 1, 0));
    lockout_free(lockout);
    lockout_free(loose);
}

static void test_lockout__what_is_locked_is_kept(void **state)
{
    struct lockout *before = lockout_new(2, 15), *after = lockout_new(2, 1), *other;
    struct buf saved;

    buf_init(&saved);
    fail_once(before, "free", T0);
    for (int i = 0; i < 2; i++) {
        fail_once(before, "over", T0 - 899 * SECOND);
        fail_once(before, "locked", T0);
        fail_once(before, "also \n", T0 + 1);
    }
    lockout_save(before, T0 + 2, &saved);
    assert_true(lockout_restore(after, T0 + 2 * SECOND, buf_str(&saved)));
    assert_true(lockout_is_locked(after, STR_LIT("locked"), T0 + 3 * SECOND, 0));
    assert_true(lockout_is_locked(after, STR_LIT("also \n"), T0 + 3 * SECOND, 0));
    assert_false(
        lockout_is_locked(after, STR_LIT("locked"), T0 + 3 * SECOND, T0 + 1)); /* forgiven */
    assert_false(lockout_is_locked(after, STR_LIT("free"), T0 + 3 * SECOND, 0));
    assert_false(lockout_is_locked(after, STR_LIT("over"), T0 + 3 * SECOND, 0));
    assert_false(lockout_is_locked(after, STR_LIT("locked"), T0 + 63 * SECOND, 0));
    for (size_t size = 0; size < saved.size; size++) {
        other = lockout_new(2, 15);
        (void)lockout_restore(other, T0, str_from(saved.data, size));
        lockout_free(other);
    }
    assert_false(lockout_restore(after, T0, str_from(saved.data, saved.size - 1)));
    buf_clear(&saved);
    lockout_free(before);
    lockout_free(after);
}

static void test_rate_limit__per_key_and_second(void **state)
{
    struct rate_limit *limit = rate_limit_new(3);
    struct rate_limit *off = rate_limit_new(0);

    for (int i = 0; i < 3; i++)
        assert_true(rate_limit_passes(limit, STR_LIT("a"), T0 + i));
    assert_false(rate_limit_passes(limit, STR_LIT("a"), T0 + 4));
    assert_true(rate_limit_passes(limit, STR_LIT("b"), T0 + 4));
    assert_true(rate_limit_passes(limit, STR_LIT("a"), T0 + SECOND));
    for (int i = 0; i < 100; i++)
        assert_true(rate_limit_passes(off, STR_LIT("a"), T0));
    rate_limit_free(limit);
    rate_limit_free(off);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lockout__fifth_failure_locks),
        cmocka_unit_test(test_lockout__success_and_time_forgive),
        cmocka_unit_test(test_lockout__new_password_forgives),
        cmocka_unit_test(test_lockout__locked_names_survive_a_flood),
        cmocka_unit_test(test_lockout__what_is_locked_is_kept),
        cmocka_unit_test(test_rate_limit__per_key_and_second),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
