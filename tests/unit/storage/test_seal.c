/* test_seal.c — secrets at rest: round trip, tampering, keys.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage_fixture.h"

#include "storage/files.h"
#include "storage/seal.h"

#define CHECKED(call) fixture_check(call, &err, __FILE__, __LINE__)

static void test_seal__round_trip(void **state)
{
    const struct str texts[] = {STR_EMPTY, STR_LIT("x"), STR_LIT("{\"secret\":\"s3cr3t\"}")};
    struct seal *seal, *again;
    struct error err;
    struct stat info;
    struct buf sealed, other, plain;

    buf_init(&sealed);
    buf_init(&other);
    buf_init(&plain);
    CHECKED(seal_open(fixture_path("key"), &seal, &err));
    assert_int_equal(stat(fixture_path("key"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    CHECKED(seal_open(fixture_path("key"), &again, &err));
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        buf_reset(&sealed);
        buf_reset(&other);
        buf_reset(&plain);
        seal_text(seal, STR_LIT("a"), texts[i], &sealed);
        seal_text(seal, STR_LIT("a"), texts[i], &other);
        assert_false(str_equal(buf_str(&sealed), buf_str(&other))); /* a fresh nonce */
        assert_true(str_find(buf_str(&sealed), STR_LIT("s3cr3t")) == SIZE_MAX);
        CHECKED(seal_reveal(again, STR_LIT("a"), buf_str(&sealed), &plain, &err));
        assert_true(str_equal(buf_str(&plain), texts[i]));
    }
    seal_close(seal);
    seal_close(again);
    buf_clear(&sealed);
    buf_clear(&other);
    buf_clear(&plain);
}

static void test_seal__refuses_what_was_touched(void **state)
{
    struct seal *seal, *other;
    struct error err;
    struct buf sealed, plain;

    buf_init(&sealed);
    buf_init(&plain);
    CHECKED(seal_open(fixture_path("key"), &seal, &err));
    CHECKED(seal_open(fixture_path("other"), &other, &err));
    seal_text(seal, STR_LIT("a"), STR_LIT("secret"), &sealed);
    struct str text = buf_str(&sealed);
    assert_int_equal(seal_reveal(seal, STR_LIT("b"), text, &plain, &err), STATUS_CORRUPT);
    assert_int_equal(seal_reveal(other, STR_LIT("a"), text, &plain, &err), STATUS_CORRUPT);
    for (size_t i = 0; i < text.size; i++) {
        char kept = sealed.data[i];
        sealed.data[i] = kept == '0' ? '1' : '0';
        assert_int_equal(seal_reveal(seal, STR_LIT("a"), text, &plain, &err), STATUS_CORRUPT);
        sealed.data[i] = kept;
        assert_int_equal(seal_reveal(seal, STR_LIT("a"), str_from(text.data, i), &plain, &err),
                         STATUS_CORRUPT);
    }
    assert_int_equal(plain.size, 0);
    assert_null(strstr(err.message, "secret"));
    seal_close(seal);
    seal_close(other);
    buf_clear(&sealed);
    buf_clear(&plain);
}

static void test_seal__refuses_a_damaged_key(void **state)
{
    const char *const keys[] = {"", "abc", "zz", "0123456789abcdef0123456789abcdef"};
    struct seal *seal;
    struct error err;

    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        CHECKED(file_write_all(fixture_path("key"), str_from_c(keys[i]), 0600, &err));
        assert_int_equal(seal_open(fixture_path("key"), &seal, &err), STATUS_CORRUPT);
        assert_null(seal);
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_seal__round_trip),
        CASE(test_seal__refuses_what_was_touched),
        CASE(test_seal__refuses_a_damaged_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
