/* parse_foreign.c — parts of a statement that are DuckDB's to parse: whole SELECTs, subqueries,
 * INSERT … SELECT, the tables that UPDATE … FROM and DELETE … USING join.
 *
 * We look at their tokens only: where they end, which $n they name, how deep they nest, and what
 * DuckDB takes although PostgreSQL's grammar does not: a comma that nothing follows (`SELECT id,
 * FROM t`) and a number or parameter that a word follows at once (`1a`, `$1a`).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/syntax/parser_internal.h"

/* Does the token end a list, so that no comma may stand before it? */
static bool foreign_ends_list(const struct parser *parser)
{
    char first =
        parser->token.kind == TOKEN_OTHER ? parser->lexer.text.data[parser->token.start] : '\0';

    CHECK(parser->token.kind != TOKEN_ERROR);
    if (parser->token.kind != TOKEN_WORD)
        return parser_at_end(parser) || parser_is_kind(parser, TOKEN_RIGHT_PAREN) ||
               parser_is_kind(parser, TOKEN_SEMICOLON) || first == ']' || first == '}';
    switch ((enum keyword)parser->token.keyword) {
    case KEYWORD_EXCEPT:
    case KEYWORD_FETCH:
    case KEYWORD_FOR:
    case KEYWORD_FROM:
    case KEYWORD_GROUP:
    case KEYWORD_HAVING:
    case KEYWORD_INTERSECT:
    case KEYWORD_LIMIT:
    case KEYWORD_OFFSET:
    case KEYWORD_ON:
    case KEYWORD_ORDER:
    case KEYWORD_RETURNING:
    case KEYWORD_UNION:
    case KEYWORD_USING:
    case KEYWORD_WHERE:
    case KEYWORD_WINDOW:
        return true;
    default:
        return false;
    }
}

/* May `TABLE name` stand behind the token? */
static bool foreign_is_before_query(const struct token *token)
{
    enum keyword keyword = (enum keyword)token->keyword;

    CHECK(token->kind != TOKEN_ERROR);
    return token->kind == TOKEN_LEFT_PAREN ||
           (token->kind == TOKEN_WORD &&
            (keyword == KEYWORD_UNION || keyword == KEYWORD_ALL || keyword == KEYWORD_EXCEPT ||
             keyword == KEYWORD_INTERSECT));
}

/* May `ONLY name` stand behind the token? */
static bool foreign_is_before_table(const struct token *token)
{
    enum keyword keyword = (enum keyword)token->keyword;

    CHECK(token->kind != TOKEN_ERROR);
    return token->kind == TOKEN_COMMA ||
           (token->kind == TOKEN_WORD && (keyword == KEYWORD_FROM || keyword == KEYWORD_JOIN));
}

enum status parse_foreign_token(struct parser *parser)
{
    struct token token = parser->token;
    enum status status = STATUS_OK;
    uint32_t param;

    CHECK(!parser_at_end(parser));
    if (token.kind == TOKEN_ERROR)
        return parser_syntax_error(parser);
    if (parser_is(parser, KEYWORD_SYMMETRIC)) {
        parser->hard = true;
        return parser_not_supported(parser, "BETWEEN SYMMETRIC", NULL);
    }
    if (token.kind == TOKEN_PARAM)
        status = parser_param(parser, &param);
    else
        parser_advance(parser);
    if (status != STATUS_OK || parser_is_kind(parser, TOKEN_ERROR))
        return status != STATUS_OK ? status : parser_syntax_error(parser);
    if (token.kind == TOKEN_COMMA && foreign_ends_list(parser)) {
        parser->hard = true;
        return parser_syntax_error(parser);
    }
    if (foreign_is_before_query(&token) && parser_is(parser, KEYWORD_TABLE))
        return parser_refuse_table(parser);
    if (foreign_is_before_table(&token))
        status = parser_refuse_only(parser);
    return status != STATUS_OK ? status : parser_no_junk(parser, &token);
}

/* Behind the `)` of the `(` at the token. */
static enum status foreign_parentheses(struct parser *parser)
{
    size_t open = 0;

    CHECK(parser_is_kind(parser, TOKEN_LEFT_PAREN));
    do {
        if (parser_is_kind(parser, TOKEN_LEFT_PAREN) && ++open > LIMIT_EXPRESSION_DEPTH)
            return parser_too_deep(parser);
        if (parser_is_kind(parser, TOKEN_RIGHT_PAREN))
            open--;
        if (parser_at_end(parser) || parser_is_kind(parser, TOKEN_SEMICOLON))
            return parser_syntax_error(parser);
        enum status status = parse_foreign_token(parser);
        if (status != STATUS_OK)
            return status;
    } while (open > 0);
    return STATUS_OK;
}

enum status parse_subquery(struct parser *parser, uint32_t start, struct ast_expr *left,
                           struct ast_expr **out)
{
    enum status status;

    CHECK(start <= parser->token.start);
    if (parser->select || !parser_is_kind(parser, TOKEN_LEFT_PAREN))
        return parser_syntax_error(parser);
    status = foreign_parentheses(parser);
    if (status != STATUS_OK)
        return status;
    struct ast_expr *node = parse_node(parser, AST_SUBQUERY, start);
    node->args = arena_array(parser->arena, 1, sizeof(*node->args));
    node->args[0] = left;
    *out = node;
    return parse_node_done(parser, node, left != NULL ? 1 : 0);
}

/* What may not stand between FROM and WHERE of an UPDATE, though it may in a SELECT. */
static bool foreign_is_clause(const struct parser *parser)
{
    switch ((enum keyword)parser->token.keyword) {
    case KEYWORD_EXCEPT:
    case KEYWORD_FETCH:
    case KEYWORD_FOR:
    case KEYWORD_FROM:
    case KEYWORD_GROUP:
    case KEYWORD_HAVING:
    case KEYWORD_INTERSECT:
    case KEYWORD_LIMIT:
    case KEYWORD_OFFSET:
    case KEYWORD_ORDER:
    case KEYWORD_QUALIFY:
    case KEYWORD_SELECT:
    case KEYWORD_SET:
    case KEYWORD_TABLESAMPLE:
    case KEYWORD_UNION:
    case KEYWORD_WINDOW:
        return parser_is_kind(parser, TOKEN_WORD);
    default:
        CHECK(parser->token.kind <= TOKEN_OTHER);
        return false;
    }
}

enum status parse_foreign_tables(struct parser *parser, struct str *out)
{
    uint32_t start = parser->token.start;
    enum status status = parser_refuse_only(parser);

    CHECK(str_is_empty(*out));
    while (status == STATUS_OK && !parser_at_end(parser) && !parser_is(parser, KEYWORD_WHERE) &&
           !parser_is(parser, KEYWORD_RETURNING) && !parser_is_kind(parser, TOKEN_SEMICOLON)) {
        if (foreign_is_clause(parser) || parser_is_kind(parser, TOKEN_RIGHT_PAREN))
            return parser_syntax_error(parser);
        status = parser_is_kind(parser, TOKEN_LEFT_PAREN) ? foreign_parentheses(parser)
                                                          : parse_foreign_token(parser);
    }
    if (status != STATUS_OK)
        return status;
    if (parser->token.start == start)
        return parser_syntax_error(parser);
    *out = parser_range(parser, start, parser->last_end);
    return STATUS_OK;
}
