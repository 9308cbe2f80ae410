/* quote.c — quotes the words that only DuckDB reserves where they are names, and the namespace
 * `default`.
 *
 * `SELECT at, semi FROM pivot` is good SQL in PostgreSQL. DuckDB's own statements and clauses with
 * these words stay usable: a word counts as a name only behind a token that an operand or a name
 * follows, and before one that ends it, or behind a dot. The text grows by two bytes per word, so
 * the plan remembers where, for positions in messages.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/analytic/analytic_internal.h"

#include "base/check.h"
#include "base/macros.h"
#include "sql/syntax/lexer.h"

static bool quote_is_reserved(struct str word)
{
    static const char *const words[] = {
        "anti",   "asof",  "at",           "by",          "describe",   "glob",
        "lambda", "pivot", "pivot_longer", "pivot_wider", "positional", "qualify",
        "semi",   "show",  "summarize",    "unpack",      "unpivot"};

    CHECK(word.data);
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        if (str_equal_nocase(word, str_from_c(words[i])))
            return true;
    }
    return false;
}

static bool quote_is_operator(const struct token *token)
{
    CHECK(token->kind <= TOKEN_OTHER);
    return (token->kind >= TOKEN_EQ && token->kind <= TOKEN_CONCAT) || token->kind == TOKEN_COMMA ||
           token->kind == TOKEN_ARROW || token->kind == TOKEN_ARROW_TEXT;
}

/* A name may stand behind this token. */
static bool quote_opens(const struct token *token)
{
    CHECK(token->kind <= TOKEN_OTHER);
    if (token->kind != TOKEN_WORD)
        return token->kind == TOKEN_LEFT_PAREN || token->kind == TOKEN_DOT ||
               quote_is_operator(token);
    switch ((enum keyword)token->keyword) {
    case KEYWORD_SELECT:
    case KEYWORD_DISTINCT:
    case KEYWORD_ALL:
    case KEYWORD_WHERE:
    case KEYWORD_AND:
    case KEYWORD_OR:
    case KEYWORD_NOT:
    case KEYWORD_ON:
    case KEYWORD_BY:
    case KEYWORD_HAVING:
    case KEYWORD_CASE:
    case KEYWORD_WHEN:
    case KEYWORD_THEN:
    case KEYWORD_ELSE:
    case KEYWORD_BETWEEN:
    case KEYWORD_LIKE:
    case KEYWORD_ILIKE:
    case KEYWORD_AS:
    case KEYWORD_FROM:
    case KEYWORD_JOIN:
    case KEYWORD_WITH:
        return true;
    default:
        return false;
    }
}

/* Clauses and joins of DuckDB that begin with such a word themselves. */
static bool quote_begins_clause(struct str word)
{
    static const char *const words[] = {"anti", "asof", "at", "positional", "qualify", "semi"};

    CHECK(word.data);
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        if (str_equal_nocase(word, str_from_c(words[i])))
            return true;
    }
    return false;
}

/* A name may end before this token. */
static bool quote_closes(const struct token *token)
{
    CHECK(token->kind <= TOKEN_OTHER);
    if (token->kind != TOKEN_WORD)
        return token->kind == TOKEN_END || token->kind == TOKEN_RIGHT_PAREN ||
               token->kind == TOKEN_DOT || token->kind == TOKEN_CAST || quote_is_operator(token);
    switch ((enum keyword)token->keyword) {
    case KEYWORD_AS:
    case KEYWORD_FROM:
    case KEYWORD_WHERE:
    case KEYWORD_GROUP:
    case KEYWORD_ORDER:
    case KEYWORD_HAVING:
    case KEYWORD_LIMIT:
    case KEYWORD_OFFSET:
    case KEYWORD_UNION:
    case KEYWORD_EXCEPT:
    case KEYWORD_INTERSECT:
    case KEYWORD_ASC:
    case KEYWORD_DESC:
    case KEYWORD_NULLS:
    case KEYWORD_IS:
    case KEYWORD_ISNULL:
    case KEYWORD_NOTNULL:
    case KEYWORD_IN:
    case KEYWORD_NOT:
    case KEYWORD_BETWEEN:
    case KEYWORD_LIKE:
    case KEYWORD_ILIKE:
    case KEYWORD_AND:
    case KEYWORD_OR:
    case KEYWORD_WHEN:
    case KEYWORD_THEN:
    case KEYWORD_ELSE:
    case KEYWORD_END:
    case KEYWORD_ON:
    case KEYWORD_USING:
    case KEYWORD_JOIN:
    case KEYWORD_INNER:
    case KEYWORD_LEFT:
    case KEYWORD_RIGHT:
    case KEYWORD_FULL:
    case KEYWORD_CROSS:
    case KEYWORD_NATURAL:
    case KEYWORD_WINDOW:
        return true;
    default:
        return false;
    }
}

static bool quote_is_name(struct lexer ahead, const struct token *previous,
                          const struct token *token)
{
    bool is_default = token->kind == TOKEN_WORD && token->keyword == KEYWORD_DEFAULT;
    struct token next;

    CHECK(token->end <= ahead.text.size);
    if (token->kind != TOKEN_WORD ||
        (!is_default && !quote_is_reserved(token_text(ahead.text, token))))
        return false;
    next = lexer_next(&ahead);
    if (is_default)
        return next.kind == TOKEN_DOT; /* the namespace */
    return quote_opens(previous) &&
           (quote_closes(&next) ||
            (next.kind == TOKEN_WORD && quote_begins_clause(token_text(ahead.text, &next))));
}

void quote_names(struct analytic_plan *plan)
{
    struct lexer lexer;
    struct token previous = {.kind = TOKEN_END}, token;
    struct buf text;
    uint32_t from = 0;

    CHECK(plan->quote_count == 0);
    buf_init(&text);
    lexer_init(&lexer, plan->sql);
    for (token = lexer_next(&lexer); token.kind != TOKEN_END && token.kind != TOKEN_ERROR;
         token = lexer_next(&lexer)) {
        if (quote_is_name(lexer, &previous, &token)) {
            uint32_t count = plan->quote_count;
            if ((count & (count - 1)) == 0) /* full at powers of two */
                plan->quotes = arena_grow(&plan->arena, plan->quotes, count * sizeof(uint32_t),
                                          (count ? count * 2 : 1) * sizeof(uint32_t));
            plan->quotes[plan->quote_count++] = token.start;
            buf_append(&text, plan->sql.data + from, token.start - from);
            splice_append_quoted(&text, token_name(plan->sql, &token, &plan->arena), '"');
            from = token.end;
        }
        previous = token;
    }
    if (plan->quote_count > 0) {
        buf_append(&text, plan->sql.data + from, plan->sql.size - from);
        plan->sql = arena_copy(&plan->arena, buf_str(&text));
    }
    buf_clear(&text);
}

int64_t quote_position(const struct analytic_plan *plan, int64_t position)
{
    int64_t quotes = 0;

    CHECK(plan->quotes || plan->quote_count == 0);
    for (uint32_t i = 0; i < plan->quote_count; i++) /* nothing points into a word */
        quotes += position > (int64_t)plan->quotes[i] + 2 * (int64_t)i ? 2 : 0;
    return position - quotes;
}
