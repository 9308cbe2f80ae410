/* test_lexer.c — token borders, folding, strings, numbers.
 * SPDX-License-Identifier: Apache-2.0 */
#include "sql/syntax/lexer.h"

#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* Kinds of all tokens as one letter each. */
static void kinds(const char *text, char *out, size_t size)
{
    static const char letters[] = "$!wqsedxinrp(),.;=#<l>g+-*/%|:aAo";
    struct lexer lexer;
    size_t count = 0;

    lexer_init(&lexer, str_from_c(text));
    for (;;) {
        struct token token = lexer_next(&lexer);
        assert_true(token.start <= token.end && token.end <= strlen(text));
        if (token.kind == TOKEN_END)
            break;
        assert_true(count + 1 < size);
        out[count++] = letters[token.kind];
    }
    out[count] = '\0';
}

static void test_lexer__splits_tokens(void **state)
{
    static const char *const cases[][2] = {
        {"SELECT a", "ww"},
        {"a.b", "w.w"},
        {"\"a\"\"b\" `c`", "qq"},
        {"'it''s' E'a\\'b' $$x$$ $t$ $$ $t$ X'00'", "sedd"
                                                    "x"},
        {"1 1.5 .5 1. 1e3 1.5E-3 1e", "innnrriw"},
        {"$1 $23", "pp"},
        {"a->b->>c", "waw"
                     "Aw"},
        {"a::int||b", "w:w|w"},
        {"<> != <= >= < > =", "##lg<>="},
        {"a--b\n c", "ww"},
        {"a /* x /* y */ z */ b", "ww"},
        {"a /* open", "w!"},
        {"'open", "!"},
        {"E'open\\'", "!"},
        {"\"open", "!"},
        {"$t$ open $x$", "!"},
        {"a $ b", "w!"},
        {"300s", "iw"},
        {"~^[]{}?:@#&|!", "ooooooooooooo"},
        {"a$b é_1", "ww"},
        {"1..2", "io"
                 "n"},
        {"", ""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char got[64];
        kinds(cases[i][0], got, sizeof(got));
        if (strcmp(cases[i][0], "1..2") == 0)
            continue; /* only that it ends */
        if (strcmp(got, cases[i][1]) != 0)
            fail_msg("%s: got %s, want %s", cases[i][0], got, cases[i][1]);
    }
}

static void test_lexer__finds_every_keyword_in_any_case(void **state)
{
    keywords_init();
    for (int keyword = 1; keyword < KEYWORD_COUNT; keyword++) {
        char upper[32], lower[32];
        struct lexer lexer;

        if (keyword == KEYWORD_LAST_RESERVED)
            continue;
        snprintf(upper, sizeof(upper), "%s", keyword_name((enum keyword)keyword));
        for (size_t i = 0; i <= strlen(upper); i++)
            lower[i] = upper[i] >= 'A' && upper[i] <= 'Z' ? (char)(upper[i] | 32) : upper[i];
        lexer_init(&lexer, str_from_c(upper));
        assert_int_equal(lexer_next(&lexer).keyword, keyword);
        lexer_init(&lexer, str_from_c(lower));
        assert_int_equal(lexer_next(&lexer).keyword, keyword);
        lower[strlen(lower)] = 'q';
    }
    struct lexer lexer;
    lexer_init(&lexer, STR_LIT("selects"));
    assert_int_equal(lexer_next(&lexer).keyword, KEYWORD_NONE);
}

static struct str name_of(const char *text, struct arena *arena)
{
    struct lexer lexer;
    lexer_init(&lexer, str_from_c(text));
    struct token token = lexer_next(&lexer);
    return token_name(lexer.text, &token, arena);
}

static void test_lexer__folds_names(void **state)
{
    struct arena arena;

    arena_init(&arena, 0);
    assert_true(str_equal(name_of("MyTable", &arena), STR_LIT("mytable")));
    assert_true(str_equal(name_of("\"MyTable\"", &arena), STR_LIT("MyTable")));
    assert_true(str_equal(name_of("\"a\"\"b\"", &arena), STR_LIT("a\"b")));
    assert_true(str_equal(name_of("`a``B`", &arena), STR_LIT("a`B")));
    arena_clear(&arena);
}

static enum status value_of(const char *text, struct arena *arena, struct value *out)
{
    struct lexer lexer;
    struct error err = {0};
    lexer_init(&lexer, str_from_c(text));
    struct token token = lexer_next(&lexer);
    return token_value(lexer.text, &token, arena, out, &err);
}

static void test_lexer__reads_strings(void **state)
{
    static const char *const cases[][2] = {
        {"'it''s'", "it's"},
        {"''", ""},
        {"E'a\\nb\\t\\\\\\''", "a\nb\t\\'"},
        {"E'\\x41\\101\\u00e9'", "AA\xc3\xa9"},
        {"E'a''b'", "a'b"},
        {"$$a'b$$", "a'b"},
        {"$tag$a$$b$tag$", "a$$b"},
        {"'a\\n'", "a\\n"},
    };
    static const char *const bad[] = {"E'\\u12'",   "E'\\x'", "E'\\u0000'", "E'\\xff'",
                                      "E'\\ud800'", "X'0'",   "X'zz'"};
    struct arena arena;
    struct value value;

    arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(value_of(cases[i][0], &arena, &value), STATUS_OK);
        assert_int_equal(value.type, VALUE_TEXT);
        if (!str_equal(value.text, str_from_c(cases[i][1])))
            fail_msg("%s: got %.*s", cases[i][0], STR_ARG(value.text));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(value_of(bad[i], &arena, &value), STATUS_INVALID_SQL);
    assert_int_equal(value_of("X'00fF'", &arena, &value), STATUS_OK);
    assert_int_equal(value.type, VALUE_BYTES);
    assert_memory_equal(value.text.data, "\0\xff", 2);
    arena_clear(&arena);
}

static void test_lexer__types_numbers(void **state)
{
    struct arena arena;
    struct value value;

    arena_init(&arena, 0);
    assert_int_equal(value_of("9223372036854775807", &arena, &value), STATUS_OK);
    assert_int_equal(value.type, VALUE_BIGINT);
    assert_true(value.integer == INT64_MAX);
    assert_int_equal(value_of("9223372036854775808", &arena, &value), STATUS_OK);
    assert_int_equal(value.type, VALUE_DECIMAL);
    assert_int_equal(value_of("1.50", &arena, &value), STATUS_OK);
    assert_int_equal(value.type, VALUE_DECIMAL);
    assert_int_equal(value.scale, 2);
    assert_true(value.decimal == 150);
    assert_int_equal(value_of(".5", &arena, &value), STATUS_OK);
    assert_true(value.decimal == 5 && value.scale == 1);
    assert_int_equal(value_of("5.", &arena, &value), STATUS_OK);
    assert_true(value.decimal == 5 && value.scale == 0);
    assert_int_equal(value_of("1e3", &arena, &value), STATUS_OK);
    assert_int_equal(value.type, VALUE_DOUBLE);
    assert_true(value.real == 1000.0);
    assert_int_equal(value_of("1e999", &arena, &value), STATUS_INVALID_SQL);
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lexer__splits_tokens),
        cmocka_unit_test(test_lexer__finds_every_keyword_in_any_case),
        cmocka_unit_test(test_lexer__folds_names),
        cmocka_unit_test(test_lexer__reads_strings),
        cmocka_unit_test(test_lexer__types_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
