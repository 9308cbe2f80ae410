/* test_file.c — many files made durable together, with threads and without.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage_fixture.h"

#include "base/mem.h"
#include "storage/files_internal.h"

#include <errno.h>

enum { FILES = 40 };

static void test_file__sync_many_needs_no_threads(void **state)
{
    char names[FILES][32];
    const char *paths[FILES];
    int errors[FILES];

    (void)state;
    for (int i = 0; i < FILES; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "%s",
                       i % 10 == 9 ? "/tmp/nowhere/at-all" : "/tmp");
        paths[i] = names[i];
    }
    for (unsigned fail_at = 0; fail_at <= 9;
         fail_at++) { /* the first thread cannot be had, or a later one */
        memset(errors, -1, sizeof(errors));
        (void)mem_try_fail_at(fail_at, true);
        file_sync_many(paths, FILES, errors);
        bool reached = mem_try_fail_at(0, false);
        for (int i = 0; i < FILES; i++)
            assert_int_equal(errors[i], i % 10 == 9 ? ENOENT : 0);
#ifdef KALAM_FAULTS
        assert_int_equal(reached, fail_at >= 1 && fail_at <= 8);
#else
        (void)reached;
#endif
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file__sync_many_needs_no_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
