/* test_multipart.c — forms as requests: what is accepted, each way to be malformed, nothing read
 * outside.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/wire/support.h"

#include "base/arena.h"
#include "wire/multipart.h"

#define TYPE "multipart/form-data; boundary=xx"
#define PART(name) "--xx\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n"

static enum status convert(const char *type, const char *body, struct buf *out, struct error *err)
{
    struct arena arena;

    arena_init(&arena, 0);
    error_clear(err);
    enum status status = multipart_to_json(exact_copy(&arena, str_from_c(type)),
                                           exact_copy(&arena, str_from_c(body)), out, err);
    arena_clear(&arena);
    return status;
}

static void test_multipart__forms(void **state)
{
    static const struct {
        const char *type, *body, *json;
    } cases[] = {
        {TYPE, PART("sql") "SELECT 1\r\n--xx--\r\n", "{\"sql\":\"SELECT 1\"}"},
        {TYPE,
         PART("sql") "SELECT \"a\"\r\nFROM t\r\n" PART("params") "[1,\"x\"]\r\n" PART(
             "namespace_id") "app\r\n--xx--",
         "{\"sql\":\"SELECT \\\"a\\\"\\r\\nFROM "
         "t\",\"params\":[1,\"x\"],\"namespace_id\":\"app\"}"},
        {"Multipart/Form-Data; charset=utf-8; Boundary=\"a b\"",
         "preamble\r\n--a b  \r\nContent-Type: text/plain\r\ncontent-disposition: form-data; "
         "name=sql\r\n\r\n\r\n--a b--epilogue",
         "{\"sql\":\"\"}"},
        {TYPE, PART("params") "\r\n" PART("sql") "x\r\n--xx--", "{\"sql\":\"x\"}"},
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out = {0};
        struct error err;
        if (convert(cases[i].type, cases[i].body, &out, &err) != STATUS_OK)
            fail_msg("case %zu: %s", i, err.message);
        assert_buf(&out, cases[i].json);
        buf_clear(&out);
    }
}

static void test_multipart__refused(void **state)
{
    static const struct {
        const char *type, *body, *message;
    } cases[] = {
        {"multipart/form-data", "", "no boundary"},
        {"multipart/form-data; boundary=\"xx", "", "no boundary"},
        {"multipart/form-data; boundary="
         "1234567890123456789012345678901234567890123456789012345678901234567890x",
         "", "no boundary"},
        {TYPE, "", "does not occur"},
        {TYPE, "--x", "does not occur"},
        {TYPE, "--xx", "characters behind"},
        {TYPE, "--xxx\r\n", "characters behind"},
        {TYPE, "--xx\r\n", "without content"},
        {TYPE, "--xx\r\n\r\nx\r\n--xx--", "without a name"},
        {TYPE, PART("sql") "SELECT 1", "last boundary"},
        {TYPE, PART("sql") "a\r\n" PART("sql") "b\r\n--xx--", "twice"},
        {TYPE, PART("sqlx") "a\r\n--xx--", "only sql"},
        {TYPE, PART("params") "[]\r\n--xx--", "sql is missing"},
        {TYPE, PART("sql") "\xff\r\n--xx--", "UTF-8"},
        {TYPE, PART("sql") "a\r\n" PART("params") "[1],\"sql\":\"b\"\r\n--xx--", "not JSON"},
        {TYPE, PART("file:logo") "a\r\n--xx--", "files"},
        {TYPE, "--xx\r\nContent-Disposition: form-data; name=\"sql\"; filename=\"a\"\r\n\r\n",
         "files"},
        {TYPE,
         "--xx\r\na: 1\r\nb: 1\r\nc: 1\r\nd: 1\r\ne: 1\r\nf: 1\r\ng: 1\r\nh: 1\r\ni: 1\r\n\r\n",
         "too many headers"},
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out = {0};
        struct error err;
        if (convert(cases[i].type, cases[i].body, &out, &err) == STATUS_OK)
            fail_msg("case %zu is accepted", i);
        if (strstr(err.message, cases[i].message) == NULL)
            fail_msg("case %zu: %s", i, err.message);
        assert_int_equal(out.size, 0);
        buf_clear(&out);
    }
}

static void test_multipart__type(void **state)
{
    assert_true(multipart_is(STR_LIT("multipart/form-data; boundary=x")));
    assert_true(multipart_is(STR_LIT("MULTIPART/form-data")));
    assert_false(multipart_is(STR_LIT("multipart/form-datax")));
    assert_false(multipart_is(STR_LIT("application/json")));
    assert_false(multipart_is(STR_EMPTY));
}

/* Every prefix of a good body, and every byte of it changed. */
static void test_multipart__damaged(void **state)
{
    static const char whole[] =
        "--xx\r\nContent-Disposition: form-data; name=\"sql\"\r\n\r\nSELECT 1\r\n--xx--\r\n";
    struct error err;

    for (size_t i = 0; i < sizeof(whole) - 1; i++) {
        char copy[sizeof(whole)];
        struct buf out = {0};
        memcpy(copy, whole, sizeof(whole));
        copy[i] = 0;
        bool ends = i >= sizeof(whole) - 3; /* only the last line end is missing */
        assert_int_equal(convert(TYPE, copy, &out, &err) == STATUS_OK, ends);
        for (int byte = 1; byte < 256; byte += 7) {
            memcpy(copy, whole, sizeof(whole));
            copy[i] = (char)byte;
            (void)convert(TYPE, copy, &out, &err);
            buf_clear(&out);
        }
        buf_clear(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_multipart__forms),
        cmocka_unit_test(test_multipart__refused),
        cmocka_unit_test(test_multipart__type),
        cmocka_unit_test(test_multipart__damaged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
