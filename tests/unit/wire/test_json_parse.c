/* test_json_parse.c — reading JSON: strictness, exact numbers, the tree, damaged input.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/wire/support.h"

static void test_json_parse__tree(void **state)
{
    struct arena arena;
    struct str text;
    int64_t integer;
    double real;
    bool boolean;

    arena_init(&arena, 0);
    const struct json *json = json_of(" {\"s\":\"x\\n\\u00e4\\ud83d\\ude00\",\"i\":-7,\"r\":1.50,"
                                      "\"a\":[true,null,{}],\"d\":1,\"d\":2,\"n\":null}\n",
                                      &arena);
    assert_true(json_is(json, JSON_OBJECT));
    assert_true(json_string(json_get(json, "s"), &text));
    assert_str(text, "x\nä😀");
    assert_true(json_integer(json_get(json, "i"), &integer) && integer == -7);
    assert_true(json_real(json_get(json, "i"), &real) && real == -7);
    assert_true(json_real(json_get(json, "r"), &real) && real == 1.5);
    assert_str(json_get(json, "r")->text, "1.50");
    assert_int_equal(json_get(json, "a")->count, 3);
    assert_true(json_boolean(&json_get(json, "a")->items[0], &boolean) && boolean);
    assert_true(json_integer(json_get(json, "d"), &integer) && integer == 2); /* last wins */
    assert_true(json_is(json_get(json, "n"), JSON_NULL));
    assert_null(json_get_present(json, "n"));
    assert_null(json_get(json, "absent"));
    assert_null(json_get(NULL, "x"));
    assert_false(json_string(json_get(json, "i"), &text));
    assert_false(json_integer(json_get(json, "r"), &integer));
    arena_clear(&arena);
}

static void test_json_parse__integers_are_exact(void **state)
{
    struct arena arena;
    int64_t integer;

    arena_init(&arena, 0);
    assert_true(json_of("9223372036854775807", &arena)->integer == INT64_MAX);
    assert_true(json_of("-9223372036854775808", &arena)->integer == INT64_MIN);
    const struct json *large = json_of("[9223372036854775808,184467440737095516160]", &arena);
    assert_int_equal(large->items[0].kind, JSON_NUMBER);
    assert_str(large->items[0].text, "9223372036854775808");
    assert_str(large->items[1].text, "184467440737095516160"); /* not clamped */
    assert_true(json_integer_any(json_of("\"9007199254740993\"", &arena), &integer));
    assert_true(integer == INT64_C(9007199254740993));
    assert_false(json_integer_any(json_of("\"7x\"", &arena), &integer));
    arena_clear(&arena);
}

static void test_json_parse__refuses(void **state)
{
    static const char *const invalid[] = {
        "",
        " ",
        "{",
        "[",
        "]",
        "[1,]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "'x'",
        "01",
        "1.",
        ".5",
        "+1",
        "-",
        "1e",
        "NaN",
        "Infinity",
        "nul",
        "truex",
        "[1 2]",
        "1 2",
        "\"abc",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\ud800\"",
        "\"\\udc00x\"",
        "\"\\ud800\\u0041\"",
        "\"\x01\"",
        "1e999",
        "/*c*/1",
        "\"\xff\"",
        "\"\xc0\x80\"",
        "{1:2}",
        "[1}",
        "\"\\",
    };
    struct arena arena;
    struct error err;
    const struct json *json;

    arena_init(&arena, 0);
    for (size_t i = 0; i < ARRAY_COUNT(invalid); i++) {
        struct str text = exact_copy(&arena, str_from_c(invalid[i]));
        if (json_parse(text, &arena, &json, &err) != STATUS_INVALID_INPUT)
            fail_msg("accepted: %s", invalid[i]);
        assert_non_null(strstr(err.message, "malformed JSON"));
    }
    arena_clear(&arena);
}

static void test_json_parse__key_with_nul_is_another_key(void **state)
{
    struct arena arena;

    arena_init(&arena, 0);
    assert_null(json_get(json_of("{\"sql\\u0000x\":1}", &arena), "sql"));
    arena_clear(&arena);
}

static void test_json_parse__depth_is_bounded(void **state)
{
    char deep[2 * JSON_DEPTH_MAX + 2];
    struct arena arena;
    struct error err;
    const struct json *json;

    arena_init(&arena, 0);
    memset(deep, '[', JSON_DEPTH_MAX + 1);
    memset(deep + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    assert_int_equal(json_parse(str_from(deep, sizeof(deep)), &arena, &json, &err),
                     STATUS_INVALID_INPUT);
    assert_int_equal(json_parse(str_from(deep + 1, sizeof(deep) - 2), &arena, &json, &err),
                     STATUS_OK);
    arena_clear(&arena);
}

static void test_json_parse__memory_limit_is_an_error(void **state)
{
    struct buf text = {0};
    struct arena arena;
    struct error err;
    const struct json *json;

    json_array_begin(&text);
    for (int i = 0; i < 10000; i++)
        json_write_string(&text, STR_LIT("some text"));
    json_array_end(&text);
    arena_init(&arena, 10000);
    assert_int_equal(json_parse(buf_str(&text), &arena, &json, &err), STATUS_PAYLOAD_TOO_LARGE);
    arena_clear(&arena);
    buf_clear(&text);
}

/* What json_is_valid says of a mutated text is what the parser says, apart from depth and UTF-8. */
static void test_json_parse__agrees_with_json_is_valid(void **state)
{
    static const char seed_text[] =
        "{\"a\":[1,-2.5e+3,\"x\\u0041\\n\",true,false,null],\"b\":{\"c\":[[],{}]}}";
    static const char alphabet[] = "{}[],:\"\\u0aeE+-.1tfn ";
    struct arena arena;
    const struct json *json;

    arena_init(&arena, 0);
    random_seed();
    for (int i = 0; i < 30000; i++) {
        char text[sizeof(seed_text)];
        size_t size = random_below(4) ? sizeof(text) - 1 : random_below(sizeof(text));
        memcpy(text, seed_text, sizeof(text));
        for (uint64_t k = random_below(4); k > 0; k--)
            text[random_below(sizeof(text) - 1)] = alphabet[random_below(sizeof(alphabet) - 1)];
        struct str copy = exact_copy(&arena, str_from(text, size));
        enum status status = json_parse(copy, &arena, &json, NULL);
        bool valid = json_is_valid(copy);
        if (valid != (status == STATUS_OK) && memmem(text, size, "e", 1) == NULL)
            fail_msg("differ on %.*s", (int)size, text); /* exponents may be out of range */
        arena_clear(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_parse__tree),
        cmocka_unit_test(test_json_parse__integers_are_exact),
        cmocka_unit_test(test_json_parse__refuses),
        cmocka_unit_test(test_json_parse__key_with_nul_is_another_key),
        cmocka_unit_test(test_json_parse__depth_is_bounded),
        cmocka_unit_test(test_json_parse__memory_limit_is_an_error),
        cmocka_unit_test(test_json_parse__agrees_with_json_is_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
