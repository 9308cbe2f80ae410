/* test_file_retry.c — which errors of a disk are tried again, how often, with which pauses.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage_fixture.h"

#include "base/clock.h"
#include "storage/files_internal.h"

#include <errno.h>

static void test_file_retry__pauses_double_with_jitter(void **state)
{
    for (unsigned attempt = 2; attempt <= FILES_ATTEMPTS; attempt++) {
        unsigned full = 100u << (attempt - 2);
        for (uint32_t random = 0; random < 5000; random += 7) {
            unsigned pause = files_pause_ms(attempt, random * 2654435761u);
            assert_in_range(pause, full / 2, full + full / 2);
        }
        assert_int_not_equal(files_pause_ms(attempt, 1), files_pause_ms(attempt, 2));
    }
}

static void test_file_retry__a_signal_costs_no_attempt(void **state)
{
    unsigned attempt = 1;

    for (int i = 0; i < 1000; i++)
        assert_true(file_again(EINTR, &attempt));
    assert_int_equal(attempt, 1);
    assert_int_equal(errno, EINTR);
}

static void test_file_retry__lasting_errors_are_told_at_once(void **state)
{
    static const int numbers[] = {EIO, EACCES, EROFS, ENOENT, EEXIST, EMFILE, EDQUOT};
    unsigned attempt = 1;

    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
        assert_false(file_again(numbers[i], &attempt));
        assert_int_equal(errno, numbers[i]);
    }
    assert_int_equal(attempt, 1);
}

/* Five attempts; the next one that fails soon after gets no second. The last of this file's tests:
 * the disk counts as out for five seconds. */
static void test_file_retry__a_full_disk_is_waited_for_once(void **state)
{
    int64_t start = clock_monotonic_ms();
    unsigned attempt = 1, times = 0, second = 1;

    while (file_again(ENOSPC, &attempt))
        times++;
    assert_int_equal(times, FILES_ATTEMPTS - 1);
    assert_in_range(clock_monotonic_ms() - start, 750, 10000);
    assert_false(file_again(ENOSPC, &second));
    assert_false(file_again(EAGAIN, &second));
    assert_int_equal(second, 1);
    assert_true(file_again(EINTR, &second));
}

static void test_file_retry__knows_what_may_pass_by_its_error(void **state)
{
    unsigned attempt = 1;
    struct error err;

    (void)file_error(ENOSPC, "write", "t/x.parquet", &err);
    assert_true(files_again(&err, &attempt));
    assert_int_equal(attempt, 2);
    (void)file_error(EIO, "write", "t/x.parquet", &err);
    assert_false(files_again(&err, &attempt));
    (void)error_set(&err, STATUS_CORRUPT, "No space left on device");
    assert_false(files_again(&err, &attempt));
    (void)file_error(EINTR, "write", "t/x.parquet", &err);
    assert_true(files_again(&err, &attempt)); /* not for ever: its work is done anew each time */
    assert_true(files_again(&err, &attempt));
    assert_true(files_again(&err, &attempt));
    assert_false(files_again(&err, &attempt));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_retry__pauses_double_with_jitter),
        cmocka_unit_test(test_file_retry__a_signal_costs_no_attempt),
        cmocka_unit_test(test_file_retry__lasting_errors_are_told_at_once),
        cmocka_unit_test(test_file_retry__knows_what_may_pass_by_its_error),
        cmocka_unit_test(test_file_retry__a_full_disk_is_waited_for_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
