/* test_path.c — folders from templates and file names from the clock (docs/sql.md).
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/path.h"

static enum status folder(enum table_kind kind, const char *template, const char *user,
                          struct buf *out, struct error *err)
{
    struct table table = {
        .kind = kind,
        .space = STR_LIT("app"),
        .name = STR_LIT("messages"),
    };
    struct path_template path = {.text = str_from_c(template), .shard = STR_EMPTY};

    buf_reset(out);
    return path_folder(&table, &path, str_from_c(user), out, err);
}

static void check_folder(enum table_kind kind, const char *template, const char *user,
                         const char *expected)
{
    struct error err;
    struct buf out;

    buf_init(&out);
    assert_int_equal(folder(kind, template, user, &out, &err), STATUS_OK);
    buf_append_byte(&out, 0);
    assert_string_equal(out.data, expected);
    buf_clear(&out);
}

static void test_path__defaults(void **state)
{
    check_folder(TABLE_KIND_USER, "", "alice", "app/users/messages/alice");
    check_folder(TABLE_KIND_SHARED, "", "", "app/shared/messages");
}

static void test_path__templates(void **state)
{
    check_folder(TABLE_KIND_USER, "{namespace}/users/{tableName}/{shard}/{userId}", "alice",
                 "app/users/messages/alice");
    check_folder(TABLE_KIND_USER, "/data/${user_id}/${table_name}/", "u-1", "data/u-1/messages");
    check_folder(TABLE_KIND_USER, "x//y{userId}z/${namespace}", "u", "x/yuz/app");
    check_folder(TABLE_KIND_SHARED, "a/{tableName}$", "", "a/messages$");
}

/* Trap 10: the value of a variable is never a template again. */
static void test_path__values_are_not_substituted_again(void **state)
{
    check_folder(TABLE_KIND_USER, "d/{userId}", "{tableName}", "d/{tableName}");
}

static void check_refused(enum table_kind kind, const char *template, const char *user,
                          const char *part)
{
    struct error err;
    struct buf out;

    buf_init(&out);
    assert_int_equal(folder(kind, template, user, &out, &err), STATUS_INVALID_OPERATION);
    assert_non_null(strstr(err.message, part));
    buf_clear(&out);
}

static void test_path__refuses_what_leaves_the_root(void **state)
{
    check_refused(TABLE_KIND_USER, "a/{userId}", "../../etc", "userId");
    check_refused(TABLE_KIND_USER, "a/{userId}", "..", "userId");
    check_refused(TABLE_KIND_USER, "a/{userId}", "", "userId");
    check_refused(TABLE_KIND_USER, "../{userId}", "u", "..");
    check_refused(TABLE_KIND_USER, "a/.{userId}", ".", "userId");
    check_refused(TABLE_KIND_SHARED, "a/./b", "", "\".\"");
    check_refused(TABLE_KIND_SHARED, "//", "", "empty");
}

static void test_path__refuses_bad_templates(void **state)
{
    check_refused(TABLE_KIND_USER, "a/{usr}", "u", "usr");
    check_refused(TABLE_KIND_USER, "a/{userId", "u", "brace");
    check_refused(TABLE_KIND_USER, "a/userId}", "u", "brace");
    check_refused(TABLE_KIND_SHARED, "a/{userId}", "", "userId");
}

static void test_path__file_names(void **state)
{
    struct buf out;

    buf_init(&out);
    path_file_name(INT64_C(1760460534208123), 0, &out);
    assert_true(str_equal(buf_str(&out), STR_LIT("2025-10-14T16-48-54.parquet")));
    buf_reset(&out);
    path_file_name(INT64_C(1760460534208123), 1, &out);
    assert_true(str_equal(buf_str(&out), STR_LIT("2025-10-14T16-48-54-001.parquet")));
    buf_reset(&out);
    path_file_name(INT64_C(1760460534208123), 1234, &out);
    assert_true(str_equal(buf_str(&out), STR_LIT("2025-10-14T16-48-54-1234.parquet")));
    buf_clear(&out);
}

/* Also when another flush has begun the next second before the owner of the name wrote it down. */
static void test_path__a_name_is_claimed_once(void **state)
{
    struct path_names *names = path_names_new();

    assert_true(path_names_claim(names, 1000000, STR_LIT("a/1.parquet")));
    assert_false(path_names_claim(names, 1999999, STR_LIT("a/1.parquet")));
    assert_true(path_names_claim(names, 1999999, STR_LIT("b/1.parquet")));
    assert_true(path_names_claim(names, 2000000, STR_LIT("a/2.parquet")));
    assert_false(path_names_claim(names, 1999999, STR_LIT("a/1.parquet")));
    assert_true(path_names_claim(names, 12000000, STR_LIT("a/12.parquet")));
    assert_false(path_names_claim(names, 1999999, STR_LIT("b/1.parquet")));
    for (int64_t second = 30; second < 90; second += 30) /* kept for a while only */
        assert_true(path_names_claim(names, second * 1000000, STR_LIT("c/x.parquet")) ==
                    (second == 30));
    assert_true(path_names_claim(names, 120000000, STR_LIT("c/x.parquet")));
    path_names_free(names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path__defaults),
        cmocka_unit_test(test_path__templates),
        cmocka_unit_test(test_path__values_are_not_substituted_again),
        cmocka_unit_test(test_path__refuses_what_leaves_the_root),
        cmocka_unit_test(test_path__refuses_bad_templates),
        cmocka_unit_test(test_path__file_names),
        cmocka_unit_test(test_path__a_name_is_claimed_once),
    };
    return cmocka_run_group_tests_name("store/path", tests, NULL, NULL);
}
