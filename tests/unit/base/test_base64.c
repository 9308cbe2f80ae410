/* test_base64.c — both alphabets there and back, and every text that is not the only one.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base64.h"

#include <string.h>

static void check(const char *bytes, const char *padded, const char *url)
{
    const char *texts[] = {padded, url};

    for (int i = 0; i < 2; i++) {
        struct buf text = {0};
        char back[64];
        size_t size = 0;
        base64_append((enum base64_alphabet)i, str_from_c(bytes), &text);
        assert_true(str_equal(buf_str(&text), str_from_c(texts[i])));
        assert_true(base64_decode((enum base64_alphabet)i, buf_str(&text), back, &size));
        assert_true(str_equal(str_from(back, size), str_from_c(bytes)));
        buf_clear(&text);
    }
}

static void test_base64__vectors_of_the_rfc(void **state)
{
    check("", "", "");
    check("f", "Zg==", "Zg");
    check("fo", "Zm8=", "Zm8");
    check("foo", "Zm9v", "Zm9v");
    check("foob", "Zm9vYg==", "Zm9vYg");
    check("fooba", "Zm9vYmE=", "Zm9vYmE");
    check("foobar", "Zm9vYmFy", "Zm9vYmFy");
    check("\xfb\xff\xbf", "+/+/", "-_-_");
}

static void test_base64__one_text_per_value(void **state)
{
    static const char *const padded[] = {"Zg",   "Zg=",  "Zg===", "Zh==", "Zm9=", "Zm8 ",    "====",
                                         "Z===", "Zm8-", "Zm\n9", "=",    "A",    "Zg==Zg=="};
    static const char *const url[] = {"Zg==", "Zh",   "Zm9",  "A",    "Zm8+",
                                      "Zm/8", "Zm8=", "Zm 8", "AAAAA"};
    char out[64];
    size_t size;

    for (size_t i = 0; i < sizeof(padded) / sizeof(padded[0]); i++)
        assert_false(base64_decode(BASE64_PADDED, str_from_c(padded[i]), out, &size));
    for (size_t i = 0; i < sizeof(url) / sizeof(url[0]); i++)
        assert_false(base64_decode(BASE64_URL, str_from_c(url[i]), out, &size));
    assert_false(base64_decode(BASE64_URL, str_from("Zm\0v", 4), out, &size));
}

static void test_base64__every_length(void **state)
{
    char bytes[64], back[BASE64_BYTES_MAX(88)];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 37 + 200);
    for (size_t size = 0; size <= sizeof(bytes); size++) {
        for (int i = 0; i < 2; i++) {
            struct buf text = {0};
            size_t read = 0;
            base64_append((enum base64_alphabet)i, str_from(bytes, size), &text);
            assert_true(base64_decode((enum base64_alphabet)i, buf_str(&text), back, &read));
            assert_int_equal(read, size);
            assert_memory_equal(back, bytes, size);
            buf_clear(&text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64__vectors_of_the_rfc),
        cmocka_unit_test(test_base64__one_text_per_value),
        cmocka_unit_test(test_base64__every_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
