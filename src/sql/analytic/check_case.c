/* check_case.c — counts what DuckDB's parser would copy, before it parses.
 *
 * `CASE x WHEN a THEN … WHEN b THEN … END` becomes `x = a`, `x = b`: a copy of x for each WHEN. An
 * operand that is such a CASE itself multiplies: five of ten WHENs in one another are 300 bytes of
 * text and gigabytes of tree. So the tokens are counted, each as often as it would be copied. A
 * word that is no key word here (`AS end`, `t.case`) stands behind AS or a point, or in parentheses
 * of its own.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/analytic/check.h"

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

enum status check_cases(struct str sql, struct error *err)
{
    struct case_scan scan = {.count = 0};
    struct token token = {.kind = TOKEN_END};
    struct lexer lexer;
    bool named;

    CHECK(sql.size <= LIMIT_ANALYTIC_SQL_BYTES);
    lexer_init(&lexer, sql);
    do {
        named =
            token.kind == TOKEN_DOT || (token.kind == TOKEN_WORD && token.keyword == KEYWORD_AS);
        token = lexer_next(&lexer);
        case_add(&scan, 1);
        case_paren(&scan, &token);
        if (token.kind == TOKEN_WORD && !named)
            case_word(&scan, token.keyword);
        if (scan.copied > CHECK_EXTRA_MAX)
            return check_too_large(err);
        if (scan.count == ARRAY_COUNT(scan.open))
            return error_set_at(err, STATUS_INVALID_SQL, token.start,
                                "the statement is nested too deeply");
    } while (token.kind != TOKEN_END && token.kind != TOKEN_ERROR);
    return STATUS_OK;
}
