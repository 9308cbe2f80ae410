/* test_sql_token.c — tokens end where the server's lexer ends them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/base/support.h"

#include "base/sql_token.h"

/* The tokens of `sql`, each in brackets behind a letter for its kind. */
static void expect_tokens(const char *sql, const char *expected)
{
    static const char kinds[] = "WQTOX";
    struct buf shown;
    size_t at = 0;

    buf_init(&shown);
    for (;;) {
        struct sql_token token = sql_token_next(str_from_c(sql), &at);
        if (token.kind == SQL_TOKEN_END)
            break;
        buf_printf(&shown, "%c[%.*s]", kinds[token.kind], STR_ARG(token.text));
    }
    if (!str_equal(buf_str(&shown), str_from_c(expected)))
        fail_msg("%s: got %.*s, wanted %s", sql, STR_ARG(buf_str(&shown)), expected);
    assert_int_equal(at, strlen(sql));
    buf_clear(&shown);
}

static void test_sql_token__words_numbers_and_signs(void **state)
{
    expect_tokens("", "");
    expect_tokens(" \t\v\f\r\n", "");
    expect_tokens("SELECT a$1, é_2;", "W[SELECT]W[a$1]O[,]W[é_2]O[;]");
    expect_tokens("1.5e10 2e-3 7e 4x", "O[1]O[.]O[5e10]O[2e-3]O[7]W[e]O[4]W[x]");
    expect_tokens("$1 $12a $ $a", "O[$1]O[$12]W[a]O[$]O[$]W[a]");
}

static void test_sql_token__quotes(void **state)
{
    expect_tokens("'a''b' 'c\\' d", "T['a''b']T['c\\']W[d]");
    expect_tokens("\"a\"\"b\"`c``d\"`", "Q[\"a\"\"b\"]Q[`c``d\"`]");
    expect_tokens("E'a\\'b' e'\\\\' se'x'", "T[E'a\\'b']T[e'\\\\']W[se]T['x']");
    expect_tokens("1e'\\'' 1e5e'\\''", "O[1]T[e'\\'']O[1e5]T[e'\\'']");
    expect_tokens("$$a'$$ $t$ $$ $t$ $1$", "T[$$a'$$]T[$t$ $$ $t$]O[$1]O[$]");
}

static void test_sql_token__comments(void **state)
{
    expect_tokens("a -- b 'c\n d", "W[a]W[d]");
    expect_tokens("a /* b /* c */ ' */ d -- e", "W[a]W[d]");
    expect_tokens("a/b - - c", "W[a]O[/]W[b]O[-]O[-]W[c]");
}

static void test_sql_token__open_ends(void **state)
{
    expect_tokens("a 'b", "W[a]X['b]");
    expect_tokens("a \"b", "W[a]X[\"b]");
    expect_tokens("a `b", "W[a]X[`b]");
    expect_tokens("E'b\\'", "X[E'b\\']");
    expect_tokens("E'b\\", "X[E'b\\]");
    expect_tokens("$x$ b", "X[$x$ b]");
    expect_tokens("a /* b /* c */ d", "W[a]X[/* b /* c */ d]");
}

static void expect_name(const char *sql, const char *expected)
{
    struct buf name;
    size_t at = 0;
    struct sql_token token = sql_token_next(str_from_c(sql), &at);

    buf_init(&name);
    sql_token_append_name(&token, &name);
    assert_true(str_equal(buf_str(&name), str_from_c(expected)));
    buf_clear(&name);
}

static void test_sql_token__names(void **state)
{
    struct sql_token word = {SQL_TOKEN_WORD, STR_LIT("From")};
    struct sql_token quoted = {SQL_TOKEN_QUOTED, STR_LIT("\"from\"")};
    struct buf out;

    assert_true(sql_token_is(&word, "from"));
    assert_false(sql_token_is(&word, "fro"));
    assert_false(sql_token_is(&quoted, "from"));
    expect_name("Shop ", "shop");
    expect_name("ÄB", "Äb"); /* ASCII only */
    expect_name("\"Sh\"\"op`\"", "Sh\"op`");
    expect_name("`Sh``op\"`", "Sh`op\"");
    buf_init(&out);
    sql_append_quoted(&out, STR_LIT("a\"B"));
    assert_true(str_equal(buf_str(&out), STR_LIT("\"a\"\"B\"")));
    buf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sql_token__words_numbers_and_signs),
        cmocka_unit_test(test_sql_token__quotes),
        cmocka_unit_test(test_sql_token__comments),
        cmocka_unit_test(test_sql_token__open_ends),
        cmocka_unit_test(test_sql_token__names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
