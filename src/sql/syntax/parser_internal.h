/* parser_internal.h — the state all parse*.c files share. Private to sql/.
 *
 * Every parse function stands at its first token (parser->token) and leaves behind its last one. It
 * answers a status; after a failure the position of the parser means nothing, except in a SELECT:
 * there sql_parse keeps the text and answers AST_ANALYTIC, unless parser->hard says that the
 * failure holds for every grammar.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_SYNTAX_PARSER_INTERNAL_H
#define SQL_SYNTAX_PARSER_INTERNAL_H

#include "base/check.h"
#include "base/limits.h"
#include "sql/ast.h"
#include "sql/parser.h"
#include "sql/syntax/lexer.h"

enum { PARSER_PARAM_MAX = 65535 };

struct parser {
    struct lexer lexer;
    struct token token; /* the next one, not consumed */
    struct token ahead; /* the one behind it, if has_ahead */
    bool has_ahead;
    bool select;       /* inside a SELECT: what we do not know is DuckDB's */
    bool in_where;     /* a column named _deleted counts */
    bool hard;         /* the failure is final */
    uint32_t depth;    /* nested constructs */
    uint32_t last_end; /* end of the last consumed token */
    uint64_t *params;  /* bitmap of the $n seen, PARSER_PARAM_MAX + 1 bits; NULL before the first */
    struct arena *arena;
    struct ast_statement *statement;
    struct error *err;
};

/* A list that grows in the arena. */
struct parser_list {
    void *items;
    size_t count, capacity;
};
void *parser_list_add(struct parser *parser, struct parser_list *list, size_t item_size);

/* ---- tokens ---- */
void parser_advance(struct parser *parser);
const struct token *parser_ahead(struct parser *parser);
struct str parser_text(const struct parser *parser); /* of the next token */
static inline bool parser_is_kind(const struct parser *parser, enum token_kind kind)
{
    return parser->token.kind == kind;
}
static inline bool parser_is(const struct parser *parser, enum keyword keyword)
{
    return parser->token.kind == TOKEN_WORD && parser->token.keyword == keyword;
}
/* A word that is not in keywords.h; `word` in lower case. */
bool parser_is_word(const struct parser *parser, const char *word);
bool parser_ahead_is(struct parser *parser, enum keyword keyword);
bool parser_take(struct parser *parser, enum keyword keyword);
bool parser_take_word(struct parser *parser, const char *word);
bool parser_take_kind(struct parser *parser, enum token_kind kind);
bool parser_at_end(const struct parser *parser);
enum status parser_expect(struct parser *parser, enum keyword keyword) MUST_CHECK;
enum status parser_expect_kind(struct parser *parser, enum token_kind kind) MUST_CHECK;

/* ---- failures ---- */
enum status parser_syntax_error(struct parser *parser); /* at the next token */
enum status parser_error_at(struct parser *parser, uint32_t start, const char *format, ...)
    PRINTF_LIKE(3, 4); /* INVALID_SQL */
/* `token` was consumed: a number or parameter, no word may begin where it ends (`1a`). Final. */
enum status parser_no_junk(struct parser *parser, const struct token *token) MUST_CHECK;
enum status parser_not_supported(struct parser *parser, const char *what, const char *hint);
/* NOT_SUPPORTED, final, at ONLY with a table behind it. */
enum status parser_refuse_only(struct parser *parser) MUST_CHECK;
/* NOT_SUPPORTED, final, at the statement or subquery TABLE name. */
enum status parser_refuse_table(struct parser *parser);
enum status parser_too_deep(struct parser *parser);
/* Guard of every nested construct; parser_leave when it ends well. */
enum status parser_enter(struct parser *parser) MUST_CHECK;
static inline void parser_leave(struct parser *parser)
{
    parser->depth--;
}

/* ---- small parts ---- */
/* A name: unquoted and not reserved, or quoted. */
bool parser_at_name(const struct parser *parser);
enum status parser_name_part(struct parser *parser, struct str *out) MUST_CHECK;
/* Any word or quoted name. */
enum status parser_label(struct parser *parser, struct str *out) MUST_CHECK;
/* A name that is created now: checked against the rules of docs/sql.md. */
enum status parser_new_name(struct parser *parser, const char *what, struct str *out) MUST_CHECK;
enum status parser_check_new_name(struct parser *parser, const char *what, struct str name,
                                  uint32_t start) MUST_CHECK;
enum status parser_table_name(struct parser *parser, struct ast_name *out) MUST_CHECK;
enum status parser_string(struct parser *parser, struct str *out) MUST_CHECK;
/* A string or a name (case kept in a string, folded in an unquoted name). */
enum status parser_word_or_string(struct parser *parser, struct str *out) MUST_CHECK;
enum status parser_integer(struct parser *parser, int64_t *out) MUST_CHECK;
enum status parser_if_exists(struct parser *parser, bool *out) MUST_CHECK;
enum status parser_if_not_exists(struct parser *parser, bool *out) MUST_CHECK;
/* `(name, …)` */
enum status parser_name_list(struct parser *parser, struct str **names, uint32_t **starts,
                             size_t *count) MUST_CHECK;
enum status parser_param(struct parser *parser, uint32_t *out) MUST_CHECK;
/* Adds key and value; a key given before is an error naming it. */
enum status parser_option_add(struct parser *parser, struct parser_list *options, struct str key,
                              struct value value, uint32_t start) MUST_CHECK;
/* '5 minutes', '10s', 300s, 300 (of `unit_seconds`), as seconds. */
enum status parser_duration(struct parser *parser, int64_t unit_seconds,
                            int64_t *seconds) MUST_CHECK;
/* Copies the statement's rest from `start` to the end of the last consumed token. */
struct str parser_range(const struct parser *parser, uint32_t start, uint32_t end);
/* Parses a part of the text as a statement of its own; error positions are moved back. */
enum status parser_inner(struct parser *parser, struct str text,
                         struct ast_statement **out) MUST_CHECK;

/* ---- expressions: parse_expr.c, parse_call.c ---- */
enum status parse_expression(struct parser *parser, struct ast_expr **out) MUST_CHECK;
/* Without IS, IN, comparisons, NOT, AND, OR: what may stand behind DEFAULT. */
enum status parse_operand(struct parser *parser, struct ast_expr **out) MUST_CHECK;
enum status parse_where(struct parser *parser, struct ast_expr **out) MUST_CHECK;
struct ast_expr *parse_node(struct parser *parser, enum ast_expr_kind kind, uint32_t start);
enum status parse_node_done(struct parser *parser, struct ast_expr *node,
                            size_t arg_count) MUST_CHECK;
/* A word that starts a primary expression. */
enum status parse_word(struct parser *parser, struct ast_expr **out) MUST_CHECK;
/* Type name with modifiers. */
struct parse_type {
    struct data_type type;
    bool bare;                  /* DECIMAL without (p, s) */
    bool serial, serial_raised; /* SERIAL family; only with allow_serial */
};
enum status parse_data_type(struct parser *parser, bool cast, struct parse_type *out) MUST_CHECK;

/* ---- what DuckDB parses: parse_foreign.c ---- */
/* Takes one token: notes $n, refuses what DuckDB alone would take. */
enum status parse_foreign_token(struct parser *parser) MUST_CHECK;
/* At `(` of a subquery: skips to its `)`. */
enum status parse_subquery(struct parser *parser, uint32_t start, struct ast_expr *left,
                           struct ast_expr **out) MUST_CHECK;
/* The tables behind FROM of an UPDATE, USING of a DELETE, as text; stops at WHERE or RETURNING. */
enum status parse_foreign_tables(struct parser *parser, struct str *out) MUST_CHECK;

/* ---- statements; each stands behind its first word ---- */
enum status parse_select(struct parser *parser) MUST_CHECK;
enum status parse_insert(struct parser *parser) MUST_CHECK;
enum status parse_update(struct parser *parser) MUST_CHECK;
enum status parse_delete(struct parser *parser) MUST_CHECK;
enum status parse_subscribe(struct parser *parser) MUST_CHECK;
enum status parse_create_table(struct parser *parser, enum ast_table_kind kind) MUST_CHECK;
enum status parse_drop_table(struct parser *parser, enum ast_table_kind kind) MUST_CHECK;
enum status parse_alter_table(struct parser *parser, enum ast_table_kind kind) MUST_CHECK;
enum status parse_table_clauses(struct parser *parser) MUST_CHECK;
/* Behind SET of ALTER TABLE: one clause that may be changed later. */
enum status parse_table_option(struct parser *parser, struct parser_list *options) MUST_CHECK;
/* name type constraint…, up to a comma, a closing parenthesis or the end. */
enum status parse_column_def(struct parser *parser, struct ast_column_def *column) MUST_CHECK;
/* NOT NULL, NULL, DEFAULT …: one of them; other constraints are refused by name. */
enum status parse_column_constraint(struct parser *parser,
                                    struct ast_column_def *column) MUST_CHECK;
enum status parse_namespace(struct parser *parser, enum ast_statement_kind kind) MUST_CHECK;
enum status parse_user(struct parser *parser, enum ast_statement_kind kind) MUST_CHECK;
enum status parse_storage(struct parser *parser, enum ast_statement_kind kind) MUST_CHECK;
enum status parse_flush(struct parser *parser) MUST_CHECK;
enum status parse_backup(struct parser *parser) MUST_CHECK;
enum status parse_restore(struct parser *parser) MUST_CHECK;
enum status parse_show_backup(struct parser *parser) MUST_CHECK;
enum status parse_show(struct parser *parser) MUST_CHECK;
enum status parse_describe(struct parser *parser) MUST_CHECK;
enum status parse_kill(struct parser *parser) MUST_CHECK;

#endif
