/* test_expr_text.c — LIKE against a naive matcher, text functions, numbers, case mapping.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/sql/expr_fixture.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "sql/expr/expr_internal.h"

#include <stdlib.h>
#include <time.h>

static void check_all(const char *const cases[][2], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fixture f;
        fixture_init(&f);
        fixture_check(&f, cases[i][0], cases[i][1]);
        fixture_clear(&f);
    }
}
#define CHECK_ALL(cases) check_all(cases, sizeof(cases) / sizeof((cases)[0]))

static void test_expr_text__matches_like(void **state)
{
    static const char *const cases[][2] = {
        {"t like 'Hello'", "true"},
        {"t like 'hello'", "false"},
        {"t ilike 'hELLO'", "true"},
        {"t like 'H%'", "true"},
        {"t like '%o'", "true"},
        {"t like '%ll%'", "true"},
        {"t like 'H_llo'", "true"},
        {"t like '_____'", "true"},
        {"t like '____'", "false"},
        {"t like '%'", "true"},
        {"'' like '%'", "true"},
        {"'' like ''", "true"},
        {"'' like '_'", "false"},
        {"t like ''", "false"},
        {"t not like 'x%'", "true"},
        {"'a%b' like 'a\\%b'", "true"},
        {"'axb' like 'a\\%b'", "false"},
        {"'a%b' like 'a!%b' escape '!'", "true"},
        {"'a\\b' like 'a\\b' escape ''", "true"},
        {"'ab' like 'a\\'", "?SQL_EXECUTION_ERROR"},
        {"t like 'a' escape 'xy'", "?SQL_EXECUTION_ERROR"},
        {"'\xc3\xa9' like '_'", "true"},
        {"'\xc3\xa9x' like '_x'", "true"},
        {"'\xf0\x9f\x98\x80' like '__'", "false"},
        {"'\xc3\x89' ilike '\xc3\xa9'", "true"},
        {"'\xc3\x89' like '\xc3\xa9'", "false"},
        {"'aaa' like '%a%a%a%'", "true"},
        {"'aa' like '%a%a%a%'", "false"},
        {"'xayaz' like '%a_'", "true"},
        {"i like '5'", "!TYPE_MISMATCH"},
        {"j like 'x'", "!TYPE_MISMATCH"},
        {"u::text like '0190%'", "true"},
        {"u like '0190%'", "!TYPE_MISMATCH"},
        {"upper(u)", "!TYPE_MISMATCH"},
    };
    CHECK_ALL(cases);
}

/* By definition, with recursion. */
static bool naive(const char *t, const char *p)
{
    if (*p == '\0')
        return *t == '\0';
    if (*p == '%') {
        for (const char *rest = t;; rest++) {
            if (naive(rest, p + 1))
                return true;
            if (*rest == '\0')
                return false;
        }
    }
    if (*p == '!' && p[1] != '\0')
        return *t == p[1] && naive(t + 1, p + 2);
    return *t != '\0' && (*p == '_' || *p == *t) && naive(t + 1, p + 1);
}

static void test_expr_text__agrees_with_a_naive_matcher(void **state)
{
    uint64_t steps;
    unsigned seed = (unsigned)time(NULL) ^ 0x11fe;

    print_message("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 200000; round++) {
        char text[12], pattern[10];
        size_t text_size = (size_t)rand() % 11, pattern_size = (size_t)rand() % 9;
        bool got;
        struct error err;

        for (size_t i = 0; i < text_size; i++)
            text[i] = "ab%!"[rand() % 4];
        for (size_t i = 0; i < pattern_size; i++)
            pattern[i] = "ab%_!"[rand() % 5];
        text[text_size] = pattern[pattern_size] = '\0';
        bool ends_in_escape = false;
        for (size_t i = 0; i < pattern_size; i++) {
            if (pattern[i] == '!')
                ends_in_escape = ++i == pattern_size;
        }
        if (ends_in_escape)
            continue;
        assert_int_equal(expr_like(str_from(text, text_size), str_from(pattern, pattern_size),
                                   STR_LIT("!"), true, false, &steps, &got, &err),
                         STATUS_OK);
        if (got != naive(text, pattern))
            fail_msg("'%s' LIKE '%s': got %d", text, pattern, got);
    }
}

static void test_expr_text__has_no_exponential_pattern(void **state)
{
    uint64_t steps;
    char text[5001], pattern[401];
    bool got;
    struct error err;

    memset(text, 'a', 5000);
    for (int i = 0; i < 400; i += 2) {
        pattern[i] = '%';
        pattern[i + 1] = 'a';
    }
    pattern[399] = 'b';
    assert_int_equal(expr_like(str_from(text, 5000), str_from(pattern, 400), STR_EMPTY, false,
                               false, &steps, &got, &err),
                     STATUS_OK);
    assert_false(got);
}

/* A pattern that begins again at each character of a long text. */
static void test_expr_text__like_ends(void **state)
{
    enum { TEXT = 1 << 20, PATTERN = 100000 };
    char *text = mem_alloc(TEXT), *pattern = mem_alloc(PATTERN);
    struct error err;
    uint64_t steps;
    bool got;

    memset(text, 'a', TEXT);
    memset(pattern, 'a', PATTERN);
    pattern[0] = '%';
    pattern[PATTERN - 1] = 'b';
    for (int nocase = 0; nocase < 2; nocase++)
        assert_int_equal(expr_like(str_from(text, TEXT), str_from(pattern, PATTERN), STR_EMPTY,
                                   false, nocase, &steps, &got, &err),
                         STATUS_SQL_EXECUTION_ERROR);
    pattern[PATTERN - 1] = '%';
    assert_int_equal(expr_like(str_from(text, TEXT), str_from(pattern, PATTERN), STR_EMPTY, false,
                               false, &steps, &got, &err),
                     STATUS_OK);
    assert_true(got);
    assert_int_equal(expr_like(str_from(text, TEXT), STR_LIT("%a%aaa_b%"), STR_EMPTY, false, true,
                               &steps, &got, &err),
                     STATUS_OK);
    assert_false(got);
    mem_free(text);
    mem_free(pattern);
}

static void test_expr_text__runs_functions(void **state)
{
    static const char *const cases[][2] = {
        {"upper(t)", "HELLO"},
        {"lower(t)", "hello"},
        {"upper('stra\xc3\x9f"
         "e \xc3\xa9 \xd1\x8f')",
         "STRA\xe1\xba\x9e"
         "E \xc3\x89 \xd0\xaf"},
        {"lower('\xc3\x89\xce\xa3')", "\xc3\xa9\xcf\x83"},
        {"upper('\xc8\xbf')", "\xe2\xb1\xbe"},
        {"length(t)", "5"},
        {"length('\xc3\xa9\xf0\x9f\x98\x80')", "2"},
        {"length(y)", "2"},
        {"char_length('')", "0"},
        {"length(i)", "!TYPE_MISMATCH"},
        {"substring(t, 2)", "ello"},
        {"substring(t, 2, 3)", "ell"},
        {"substring(t from 2 for 3)", "ell"},
        {"substring(t, 0, 2)", "H"},
        {"substring(t, -5, 7)", "H"},
        {"substring(t, 9)", ""},
        {"substring(t, 2, 0)", ""},
        {"substring(t, 2, -1)", "?SQL_EXECUTION_ERROR"},
        {"substring(t, 2, 9223372036854775807)", "ello"},
        {"substr(t, s)", "ello"},
        {"substring('\xc3\xa9x\xc3\xa9', 2, 2)", "x\xc3\xa9"},
        {"substring(nt, 1)", "NULL"},
        {"concat(t, null, 1, b)", "Hello1true"},
        {"concat(nt)", ""},
        {"concat(d, '/', dt)", "12.50/2026-01-31"},
        {"trim('  x ')", "x"},
        {"ltrim('  x ')", "x "},
        {"rtrim('  x ')", "  x"},
        {"trim(both 'xy' from 'xyaxy')", "a"},
        {"trim(leading 'x' from 'xxax')", "ax"},
        {"btrim('\xc3\xa9"
         "a\xc3\xa9', '\xc3\xa9')",
         "a"},
        {"trim('')", ""},
        {"trim('   ')", ""},
        {"replace(t, 'l', 'LL')", "HeLLLLo"},
        {"replace(t, 'x', 'y')", "Hello"},
        {"replace(t, '', 'y')", "Hello"},
        {"replace('aaa', 'aa', 'b')", "ba"},
        {"replace(t, 'Hello', '')", ""},
        {"abs(-5)", "5"},
        {"abs(-2.5)", "2.5"},
        {"abs(n)", "7"},
        {"abs(f - 1)", "0.9"},
        {"abs(t)", "!TYPE_MISMATCH"},
        {"round(2.5)", "3"},
        {"round(-2.5)", "-3"},
        {"round(2.5e0)", "2"},
        {"round(d, 1)", "12.5"},
        {"round(1.005, 2)", "1.01"},
        {"round(155.5, -1)", "160"},
        {"round(-155.5, -1)", "-160"},
        {"round(5, 2)", "5"},
        {"round(149.0, -2)", "100"},
        {"round(150.0, -2)", "200"},
        {"round(1.5, 3)", "1.500"},
        {"round(i)", "5"},
        {"floor(-2.5)", "-3"},
        {"floor(2.5)", "2"},
        {"ceil(2.1)", "3"},
        {"ceil(-2.9)", "-2"},
        {"floor(-2.5e0)", "-3"},
        {"ceiling(2.5e0)", "3"},
        {"floor(3.0)", "3"},
        {"ceil(t)", "!TYPE_MISMATCH"},
        {"round(d, ni::int)", "NULL"},
    };
    CHECK_ALL(cases);
}

static void test_expr_text__maps_case_both_ways(void **state)
{
    size_t pairs = 0;

    for (uint32_t c = 0; c < 0x20000; c++) {
        uint32_t lower = letter_lower(c), upper = letter_upper(c);
        char bytes[4];
        if (c >= 0xd800 && c < 0xe000)
            continue;
        assert_true(utf8_encode(lower, bytes) <= 2 * utf8_encode(c, bytes));
        assert_true(utf8_encode(upper, bytes) <= 2 * utf8_encode(c, bytes));
        if (lower != c && letter_upper(lower) == c)
            pairs++;
    }
    assert_true(pairs > 1300);
    assert_int_equal(letter_upper('a'), 'A');
    assert_int_equal(letter_upper('['), '[');
    assert_int_equal(letter_lower(0x130), 'i');
    assert_int_equal(letter_upper(0xdf), 0x1e9e); /* as DuckDB */
    assert_int_equal(letter_upper(0x1c6), 0x1c4);
}

/* What many small arguments make is refused before it is made. */
static void test_expr_text__stays_within_its_memory(void **state)
{
    enum { LIMIT = 1 << 16 };
    static const char *const cases[] = {"concat($1, $1, $1, $1, $1, $1, $1, $1, $1, $1)",
                                        "(($1 || $1) || ($1 || $1)) || ($1 || $1)",
                                        "replace($1, 'x', 'xxxx')", "upper($1 || $1)"};
    static char letters[LIMIT / 3];
    struct data_type type = {.kind = VALUE_TEXT};
    struct fixture f;
    struct arena arena;

    fixture_init(&f);
    memset(letters, 'x', sizeof(letters));
    struct value param = value_text(VALUE_TEXT, str_from(letters, sizeof(letters))), value;
    f.scope.param_types = &type;
    f.scope.param_count = f.context.param_count = 1;
    f.context.params = &param;
    f.context.arena = &arena;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct expr_program *program;
        assert_int_equal(fixture_compile(&f, cases[i], NULL, &program), STATUS_OK);
        arena_init(&arena, LIMIT);
        assert_int_equal(expr_run(program, &f.context, &value, &f.err), STATUS_RESULT_TOO_LARGE);
        assert_true(arena.used_bytes < 2 * LIMIT);
        arena_clear(&arena);
        expr_unref(program);
    }
    f.context.arena = &f.arena;
    fixture_clear(&f);
}

/* Constants are folded while they are small. */
static void test_expr_text__folds_no_huge_texts(void **state)
{
    enum { LETTERS = 30000 };
    static char letters[LETTERS + 1];
    struct expr_program *program;
    struct fixture f;
    struct buf text = {0};

    fixture_init(&f);
    memset(letters, 'x', LETTERS);
    for (size_t i = 0; i < LETTERS; i += LETTERS / 30)
        letters[i] = 'y';
    buf_printf(&text,
               "replace(replace(replace(replace('%s', 'y', '%s'), 'y', '%s'), 'y', '%s'), "
               "'y', '%s')",
               letters, letters, letters, letters, letters);
    buf_append_byte(&text, 0);
    assert_int_equal(fixture_compile(&f, text.data, NULL, &program), STATUS_OK);
    expr_unref(program);
    buf_clear(&text);
    fixture_clear(&f);
}

/* The time that a call takes is what bounds it: a byte of `big` counts as often as it takes longer
 * than to compare it. */
static void test_expr_text__counts_what_takes_long(void **state)
{
    enum { SIZE = 50000 };
    static const struct {
        const char *text;
        unsigned per_byte;
    } cases[] = {
        {"length(nt)", 1},
        {"starts_with(nt, 'a')", 1},
        {"upper(nt)", 9},
        {"CAST(nt AS VARCHAR(50000))", 8},
        {"strpos(nt, 'ab')", 8},
        {"contains(nt, 'ab')", 8},
        {"replace(nt, 'a', 'b')", 32},
        {"replace(nt, 'ab', 'b')", 8},
        {"replace(nt, 'aaaaa', repeat('b', 500))", 100},
        {"split_part(nt, 'a', 50000)", 16},
        {"split_part(nt, 'a', -1)", 32},
        {"split_part(nt, '', -1)", 16},
        {"translate(nt, 'xyz', 'uvw')", 32},
        {"ltrim(nt, 'a')", 4},
        {"nt LIKE '%ab'", 8},
        {"nt ILIKE '%b'", 32},
        {"concat('[[\"', nt, '\"]]')::JSON -> 0", 16},
    };
    struct fixture f;
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct expr_program *program;
        struct value value;
        char *big;

        fixture_init(&f);
        big = arena_alloc(&f.arena, SIZE);
        memset(big, 'a', SIZE);
        for (size_t k = 0; k < FIXTURE_COLUMNS; k++)
            if (str_equal(fixture_columns[k].name, STR_LIT("nt")))
                f.row[k] = value_text(VALUE_TEXT, str_from(big, SIZE));
        assert_int_equal(fixture_compile(&f, cases[i].text, NULL, &program), STATUS_OK);
        if (expr_run(program, &f.context, &value, &f.err) != STATUS_OK)
            fail_msg("%s: %s", cases[i].text, f.err.message);
        if (f.context.work < (uint64_t)cases[i].per_byte * SIZE ||
            f.context.work > 3 * (uint64_t)cases[i].per_byte * SIZE)
            fail_msg("%s counts %llu", cases[i].text, (unsigned long long)f.context.work);
        f.context.work_max = f.context.work - 1;
        f.context.work = 0;
        assert_int_equal(expr_run(program, &f.context, &value, &f.err), STATUS_SQL_EXECUTION_ERROR);
        expr_unref(program);
        fixture_clear(&f);
    }
}

/* Their digits are made anew: of no other value does a byte take so long. */
static void test_expr_text__counts_fractions_of_json(void **state)
{
    static const char text[] = "(repeat('[1.5e3],', 1 + i)|| '0')";
    struct fixture f;
    char sql[200];
    (void)state;

    fixture_init(&f);
    (void)snprintf(sql, sizeof(sql), "('[[' || %s || ']]')::JSON -> 0 ->> 5", text);
    fixture_check(&f, sql, "[1500.0]");
    assert_true(f.context.work >= 6 * 5 * 128);
    f.context.work_max = 6 * 5 * 128;
    f.context.work = 0;
    fixture_check(&f, sql, "?SQL_EXECUTION_ERROR");
    fixture_clear(&f);
}

static enum status stop_at_once(const void *context, struct error *err)
{
    (void)context;
    return error_set(err, STATUS_CANCELLED, "enough");
}

static void test_expr_text__asks_whether_to_go_on(void **state)
{
    struct fixture f;
    (void)state;

    fixture_init(&f);
    f.context.check = stop_at_once;
    fixture_check(&f, "repeat(t, 12) LIKE '%' || t", "true");
    fixture_check(&f, "repeat(t, 12000) LIKE '%' || repeat(t, 50) || 'b'", "?CANCELLED");
    fixture_clear(&f);
}

/* As DuckDB's, which refuses what the lengths allow, whatever is found. */
static void test_expr_text__replace_has_a_limit(void **state)
{
    struct fixture f;
    (void)state;

    fixture_init(&f);
    fixture_check(&f, "length(replace(repeat(t, 3000), 'l', repeat('x', 1000)))", "6009000");
    fixture_check(&f, "replace(repeat(t, 3000), 'l', repeat('x', 2000))", "?SQL_EXECUTION_ERROR");
    assert_string_equal(f.err.message, "the result of replace is too long");
    fixture_check(&f, "replace(repeat(t, 3000), '?', repeat('x', 2000))", "?SQL_EXECUTION_ERROR");
    fixture_check(&f, "replace('aXbXc', 'X', '')", "abc");
    fixture_check(&f, "replace('XX', 'X', 'YZ')", "YZYZ");
    fixture_check(&f, "replace(t, '', 'x')", "Hello");
    fixture_clear(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expr_text__matches_like),
        cmocka_unit_test(test_expr_text__agrees_with_a_naive_matcher),
        cmocka_unit_test(test_expr_text__has_no_exponential_pattern),
        cmocka_unit_test(test_expr_text__like_ends),
        cmocka_unit_test(test_expr_text__runs_functions),
        cmocka_unit_test(test_expr_text__maps_case_both_ways),
        cmocka_unit_test(test_expr_text__stays_within_its_memory),
        cmocka_unit_test(test_expr_text__folds_no_huge_texts),
        cmocka_unit_test(test_expr_text__counts_what_takes_long),
        cmocka_unit_test(test_expr_text__counts_fractions_of_json),
        cmocka_unit_test(test_expr_text__asks_whether_to_go_on),
        cmocka_unit_test(test_expr_text__replace_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
