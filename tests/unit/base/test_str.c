/* test_str.c — strings, UTF-8 and hashes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/base/support.h"

#include "base/hash.h"
#include "base/str.h"
#include "base/utf8.h"

static void test_str__order_and_equality(void **state)
{
    assert_true(str_compare(STR_LIT("a"), STR_LIT("b")) < 0);
    assert_true(str_compare(STR_LIT("ab"), STR_LIT("a")) > 0);
    assert_true(str_compare(STR_LIT("a\0"), STR_LIT("a")) > 0);
    assert_true(str_compare(STR_LIT("\xff"), STR_LIT("a")) > 0); /* bytes are unsigned */
    assert_int_equal(str_compare(STR_EMPTY, STR_EMPTY), 0);
    assert_true(str_equal(STR_EMPTY, STR_LIT("")));
    assert_false(str_equal(STR_LIT("a"), STR_LIT("A")));
    assert_true(str_equal_nocase(STR_LIT("aZ[9"), STR_LIT("Az[9")));
    assert_false(str_equal_nocase(STR_LIT("["), STR_LIT("{"))); /* differ by the case bit only */
    static const char *const words[] = {"one", "Two"};
    assert_true(str_is_one_of_nocase(STR_LIT("TWO"), words, 2));
    assert_false(str_is_one_of_nocase(STR_LIT("TWO"), words, 1));
    assert_false(str_is_one_of_nocase(STR_LIT("on"), words, 2));
}

static void test_str__search(void **state)
{
    struct str text = STR_LIT("namespace.table");

    assert_true(str_starts_with(text, STR_LIT("name")));
    assert_false(str_starts_with(STR_LIT("na"), STR_LIT("name")));
    assert_true(str_ends_with(text, STR_LIT(".table")));
    assert_false(str_ends_with(text, STR_LIT("space")));
    assert_true(str_ends_with(text, STR_EMPTY));
    assert_int_equal(str_find(text, STR_LIT(".")), 9);
    assert_true(str_find(text, STR_LIT("x")) == SIZE_MAX);
    assert_true(str_find(STR_EMPTY, STR_LIT("x")) == SIZE_MAX);
    assert_true(str_equal(str_trim(STR_LIT(" \t\nab c\r ")), STR_LIT("ab c")));
    assert_int_equal(str_trim(STR_LIT("  ")).size, 0);
    assert_int_equal(str_from_c(NULL).size, 0);
}

static void test_str__integers(void **state)
{
    static const char *const wrong[] = {"",
                                        "-",
                                        "+",
                                        "1 ",
                                        " 1",
                                        "1x",
                                        "0x1",
                                        "-+1",
                                        "+-1",
                                        "9223372036854775808",
                                        "-9223372036854775809",
                                        "99999999999999999999999"};
    int64_t integer;
    uint64_t number;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(str_to_int64(str_from_c(wrong[i]), &integer));
    assert_true(str_to_int64(STR_LIT("9223372036854775807"), &integer) && integer == INT64_MAX);
    assert_true(str_to_int64(STR_LIT("-9223372036854775808"), &integer) && integer == INT64_MIN);
    assert_true(str_to_int64(STR_LIT("+007"), &integer) && integer == 7);
    assert_true(str_to_uint64(STR_LIT("18446744073709551615"), &number) && number == UINT64_MAX);
    assert_false(str_to_uint64(STR_LIT("18446744073709551616"), &number));
    assert_false(str_to_uint64(STR_LIT("-1"), &number));
}

static void test_str__utf8_accepts_only_rfc_3629(void **state)
{
    static const struct str wrong[] = {
        {"\x80", 1},
        {"\xc0\x80", 2},
        {"\xc1\xbf", 2},
        {"\xe0\x80\x80", 3},
        {"\xed\xa0\x80", 3},
        {"\xf0\x80\x80\x80", 4},
        {"\xf4\x90\x80\x80", 4},
        {"\xf5\x80\x80\x80", 4},
        {"\xff", 1},
        {"\xe2\x82", 2},
        {"a\xe2\x82", 3},
        {"\xc3(", 2},
        {"12345678\xff", 9},
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(utf8_is_valid(wrong[i]));
    assert_true(utf8_is_valid(STR_LIT("abcdefgh ä € 😀 \0 \x7f")));
    assert_true(utf8_is_valid(STR_EMPTY));
    assert_int_equal(utf8_length(STR_LIT("aä€😀")), 4);
}

static void test_str__utf8_every_codepoint_survives(void **state)
{
    for (uint32_t codepoint = 0; codepoint <= 0x10ffff; codepoint++) {
        char bytes[4];
        uint32_t back;
        size_t size = utf8_encode(codepoint, bytes);
        bool surrogate = codepoint >= 0xd800 && codepoint <= 0xdfff;
        assert_int_equal(utf8_decode(str_from(bytes, size), &back), surrogate ? 0 : size);
        assert_true(surrogate || back == codepoint);
    }
}

static void test_str__utf8_cut_keeps_characters_whole(void **state)
{
    struct str text = STR_LIT("aä€😀z"); /* 1 + 2 + 3 + 4 + 1 bytes */
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};

    for (size_t size = 0; size < sizeof(expected) / sizeof(expected[0]); size++)
        assert_int_equal(utf8_cut(text, size).size, expected[size]);
}

static void test_str__hash_is_stable(void **state)
{
    /* Numbers of XXH3: stored hashes must mean the same on every machine. */
    assert_true(hash_bytes(STR_EMPTY) == UINT64_C(0x2d06800538d394c2));
    assert_true(hash_bytes(STR_LIT("a")) != hash_bytes(STR_LIT("b")));
    assert_true(hash_bytes_seeded(STR_LIT("a"), 1) != hash_bytes(STR_LIT("a")));
    assert_true(hash_mix(1, 2) != hash_mix(2, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_str__order_and_equality),
        cmocka_unit_test(test_str__search),
        cmocka_unit_test(test_str__integers),
        cmocka_unit_test(test_str__utf8_accepts_only_rfc_3629),
        cmocka_unit_test(test_str__utf8_every_codepoint_survives),
        cmocka_unit_test(test_str__utf8_cut_keeps_characters_whole),
        cmocka_unit_test(test_str__hash_is_stable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
