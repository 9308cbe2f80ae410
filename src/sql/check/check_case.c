/* check_case.c — counts what DuckDB's parser would copy, and SELECTs, before it parses.
 *
 * `CASE x WHEN a THEN … WHEN b THEN … END` becomes `x = a`, `x = b`: a copy of x for each WHEN. An
 * operand that is such a CASE itself multiplies: five of ten WHENs in one another are 300 bytes of
 * text and gigabytes of tree. So the tokens are counted, each as often as it would be copied. A
 * word that is no key word here (`AS end`, `t.case`) stands behind AS or a point, or in parentheses
 * of its own.
 *
 * `WINDOW w AS (…)` is copied for each OVER that names a window. SELECTs and set operations are
 * limited, since what DuckDB makes of n of them it joins to one another in n² steps.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/check/check.h"

#include "base/check.h"
#include "base/limits.h"
#include "sql/syntax/lexer.h"

enum { CASE_PLAIN_TOKENS = 8 }; /* an operand as short as its WHEN costs nothing worth counting */

struct open_case {
    uint32_t parens;          /* that were open before it */
    uint64_t operand, others; /* tokens, each as often as it is copied */
    uint64_t whens;
};

struct case_scan {
    struct open_case open[LIMIT_EXPRESSION_DEPTH];
    uint32_t count, parens;
    uint64_t copied;
    struct token last;
    uint32_t window_parens; /* that are open in the definition of a window; 0 = it is none */
    bool in_windows;        /* behind WINDOW */
    uint64_t window_tokens, window_uses;
    uint32_t selects, unions;
};

static void case_add(struct case_scan *scan, uint64_t tokens)
{
    struct open_case *inner;

    CHECK(scan->count <= ARRAY_COUNT(scan->open));
    if (scan->count == 0)
        return;
    inner = &scan->open[scan->count - 1];
    if (inner->whens == 0)
        inner->operand += tokens;
    else
        inner->others += tokens;
}

/* Leaves the innermost CASE. Sums stay far below 2^64: the scan ends when much is copied. */
static void case_close(struct case_scan *scan)
{
    const struct open_case *one = &scan->open[scan->count - 1];
    uint64_t copies = one->whens > 1 ? one->whens - 1 : 0;

    CHECK(scan->count > 0);
    if (one->operand > CASE_PLAIN_TOKENS)
        scan->copied += one->operand * copies;
    scan->count--;
    case_add(scan, one->operand * (copies + 1) + one->others);
}

static void case_word(struct case_scan *scan, enum keyword keyword)
{
    struct open_case *inner = scan->count > 0 ? &scan->open[scan->count - 1] : NULL;

    CHECK(scan->count < ARRAY_COUNT(scan->open));
    if (keyword == KEYWORD_CASE)
        scan->open[scan->count++] = (struct open_case){.parens = scan->parens};
    else if (inner && keyword == KEYWORD_WHEN && inner->parens == scan->parens)
        inner->whens++;
    else if (inner && keyword == KEYWORD_END && inner->parens == scan->parens)
        case_close(scan);
}

static void case_paren(struct case_scan *scan, const struct token *token)
{
    CHECK(scan->count <= ARRAY_COUNT(scan->open));
    scan->parens += token->kind == TOKEN_LEFT_PAREN;
    if (token->kind != TOKEN_RIGHT_PAREN || scan->parens == 0)
        return;
    scan->parens--;
    while (scan->count > 0 && scan->open[scan->count - 1].parens > scan->parens)
        scan->count--; /* without END: DuckDB will say so */
}

static bool case_is_word(const struct token *token, enum keyword keyword)
{
    CHECK(keyword != KEYWORD_NONE);
    return token->kind == TOKEN_WORD && token->keyword == keyword;
}

/* `WINDOW w AS (…), v AS (w …)`. Any window counts as large as all of them together: one may be
 * made of the others. */
static void case_window(struct case_scan *scan, const struct token *token)
{
    CHECK(scan->count <= ARRAY_COUNT(scan->open));
    scan->window_uses += case_is_word(token, KEYWORD_OVER);
    if (case_is_word(&scan->last, KEYWORD_WINDOW) && token_is_name(token))
        scan->in_windows = true;
    if (!scan->in_windows)
        return;
    if (scan->window_parens == 0 && scan->last.kind == TOKEN_RIGHT_PAREN)
        scan->in_windows = token->kind == TOKEN_COMMA;
    if (scan->window_parens == 0 && token->kind == TOKEN_LEFT_PAREN) {
        scan->window_parens = scan->parens;
        scan->window_uses++;
    }
    scan->window_tokens += scan->window_parens > 0;
    if (scan->window_parens > scan->parens)
        scan->window_parens = 0;
}

static void case_select(struct case_scan *scan, enum keyword keyword)
{
    CHECK(scan->unions < UINT32_MAX && scan->selects < UINT32_MAX);
    scan->selects += keyword == KEYWORD_SELECT || keyword == KEYWORD_VALUES;
    scan->unions +=
        keyword == KEYWORD_UNION || keyword == KEYWORD_EXCEPT || keyword == KEYWORD_INTERSECT;
}

static enum status case_totals(const struct case_scan *scan, struct error *err)
{
    CHECK(err);
    if (scan->selects > CHECK_QUERIES_MAX || scan->unions > CHECK_QUERIES_MAX) {
        error_set(err, STATUS_INVALID_SQL, "a statement may have at most %d SELECTs",
                  CHECK_QUERIES_MAX);
        error_hint(err, "rows of constants can be one VALUES list");
        return STATUS_INVALID_SQL;
    }
    if (scan->copied > CHECK_EXTRA_MAX || scan->window_tokens * scan->window_uses > CHECK_EXTRA_MAX)
        return check_too_large(err);
    return STATUS_OK;
}

enum status check_cases(struct str sql, struct error *err)
{
    struct case_scan scan = {.last = {.kind = TOKEN_END}};
    struct token token = {.kind = TOKEN_END};
    struct lexer lexer;
    enum status status;
    bool named;

    CHECK(sql.size <= LIMIT_ANALYTIC_SQL_BYTES);
    lexer_init(&lexer, sql);
    do {
        named =
            token.kind == TOKEN_DOT || (token.kind == TOKEN_WORD && token.keyword == KEYWORD_AS);
        token = lexer_next(&lexer);
        case_add(&scan, 1);
        case_paren(&scan, &token);
        case_window(&scan, &token);
        if (token.kind == TOKEN_WORD && !named) {
            case_word(&scan, token.keyword);
            case_select(&scan, token.keyword);
        }
        status = case_totals(&scan, err);
        if (status != STATUS_OK)
            return status;
        scan.last = token;
        if (scan.count == ARRAY_COUNT(scan.open))
            return error_set_at(err, STATUS_INVALID_SQL, token.start,
                                "the statement is nested too deeply");
    } while (token.kind != TOKEN_END && token.kind != TOKEN_ERROR);
    return STATUS_OK;
}
