/* test_file.c — many files made durable together, with threads and without; where a path leads.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage_fixture.h"

#include "base/mem.h"
#include "storage/files_internal.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

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

static void check_resolved(const char *path, const char *expected)
{
    struct buf out;

    buf_init(&out);
    file_resolve(path, &out);
    buf_append_byte(&out, 0);
    assert_string_equal(out.data, expected);
    buf_clear(&out);
}

static void test_file__resolve_follows_links(void **state)
{
    char root[PATH_MAX], here[PATH_MAX], expected[3 * PATH_MAX];

    (void)state;
    assert_non_null(realpath(fixture_folder, root));
    assert_non_null(realpath(".", here));
    assert_int_equal(symlink(root, fixture_path("link")), 0);
    check_resolved(fixture_path("link"), root);
    check_resolved(fixture_path("link/"), root);
    (void)snprintf(expected, sizeof(expected), "%s/a/b", root);
    check_resolved(fixture_path("link/a/b"), expected);
    check_resolved(fixture_path("a/b"), expected);
    check_resolved("/", "/");
    check_resolved("/nowhere/at all", "/nowhere/at all");
    check_resolved(".", here);
    (void)snprintf(expected, sizeof(expected), "%s/nowhere", here);
    check_resolved("nowhere", expected);
    (void)snprintf(expected, sizeof(expected), "%s/x/y", here);
    check_resolved("x/y", expected);
}

static void test_file__is_below(void **state)
{
    (void)state;
    assert_true(file_is_below(STR_LIT("/a/b"), STR_LIT("/a/b")));
    assert_true(file_is_below(STR_LIT("/a/b/c"), STR_LIT("/a/b")));
    assert_true(file_is_below(STR_LIT("/a"), STR_LIT("/")));
    assert_false(file_is_below(STR_LIT("/a/bc"), STR_LIT("/a/b")));
    assert_false(file_is_below(STR_LIT("/a"), STR_LIT("/a/b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file__sync_many_needs_no_threads),
        cmocka_unit_test(test_file__resolve_follows_links),
        cmocka_unit_test(test_file__is_below),
    };

    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
