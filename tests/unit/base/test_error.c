/* test_error.c — error values: codes, one line, cuts at characters.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/base/support.h"

#include "base/error.h"
#include "base/utf8.h"

static void test_error__names(void **state)
{
    assert_string_equal(status_name(STATUS_TABLE_NOT_FOUND), "TABLE_NOT_FOUND");
    assert_string_equal(status_name(STATUS_OK), "OK");
    for (int status = STATUS_OK; status < STATUS_COUNT; status++)
        assert_true(strlen(status_meaning((enum status)status)) > 0);
}

static void test_error__set_hint_prefix(void **state)
{
    struct error err;

    error_clear(&err);
    assert_int_equal(err.code, STATUS_OK);
    assert_int_equal(error_set(&err, STATUS_COLUMN_NOT_FOUND, "column \"%s\" does not exist", "x"),
                     STATUS_COLUMN_NOT_FOUND);
    assert_int_equal(err.code, STATUS_COLUMN_NOT_FOUND);
    assert_int_equal(err.position, -1);
    error_hint(&err, "use %s", "y");
    assert_string_equal(err.hint, "use y");
    error_prefix(&err, "Statement %d failed", 2);
    assert_string_equal(err.message, "Statement 2 failed: column \"x\" does not exist");
    assert_string_equal(err.hint, "use y");
    assert_int_equal(error_set_at(&err, STATUS_INVALID_SQL, 17, "syntax error"),
                     STATUS_INVALID_SQL);
    assert_int_equal(err.position, 17);
    assert_string_equal(err.hint, "");
    assert_int_equal(error_set(NULL, STATUS_CONFLICT, "ignored"), STATUS_CONFLICT);
    error_hint(NULL, "ignored");
    error_prefix(NULL, "ignored");
}

static void test_error__stays_one_line_of_utf8(void **state)
{
    char text[3000];
    struct error err;

    error_set(&err, STATUS_INVALID_SQL, "a\nb\tc\x01");
    assert_string_equal(err.message, "a b c ");
    error_set(&err, STATUS_INVALID_SQL, "%s", "no text: \xff\xc3 \xc3\xbc");
    assert_string_equal(err.message, "no text: ?? \xc3\xbc");
    for (size_t start = 0; start < 4; start++) {
        memset(text, 'x', sizeof(text));
        for (size_t i = start; i + 4 < sizeof(text) - 1; i += 4)
            memcpy(text + i, "\xf0\x9f\x98\x80", 4);
        text[sizeof(text) - 1] = '\0';
        error_set(&err, STATUS_INVALID_SQL, "%s", text);
        assert_true(strlen(err.message) > ERROR_MESSAGE_MAX - 6);
        assert_true(utf8_is_valid(str_from_c(err.message)));
        error_hint(&err, "%s", text);
        assert_true(utf8_is_valid(str_from_c(err.hint)));
        error_prefix(&err, "%s", "prefix");
        assert_true(utf8_is_valid(str_from_c(err.message)));
        assert_true(strncmp(err.message, "prefix: ", 8) == 0);
        error_prefix(&err, "%s", text);
        assert_true(utf8_is_valid(str_from_c(err.message)));
        assert_true(strlen(err.message) < ERROR_MESSAGE_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error__names),
        cmocka_unit_test(test_error__set_hint_prefix),
        cmocka_unit_test(test_error__stays_one_line_of_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
