/* parser.c — tokens, failures and small parts that all statements share; see parser_internal.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/syntax/parser_internal.h"

#include "base/utf8.h"
#include "catalog/catalog.h"

#include <stdarg.h>

void *parser_list_add(struct parser *parser, struct parser_list *list, size_t item_size)
{
    CHECK(item_size > 0);
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 4 : 2 * list->capacity;

        list->items =
            arena_grow(parser->arena, list->items, list->count * item_size, capacity * item_size);
        list->capacity = capacity;
    }
    void *item = (char *)list->items + list->count++ * item_size;
    memset(item, 0, item_size);
    return item;
}

/* ---- tokens -------------------------------------------------------------------------------------
 */

void parser_advance(struct parser *parser)
{
    CHECK_SLOW(parser->token.kind != TOKEN_END || parser->token.start >= parser->last_end);
    parser->last_end = parser->token.end;
    if (parser->has_ahead)
        parser->token = parser->ahead;
    else
        parser->token = lexer_next(&parser->lexer);
    parser->has_ahead = false;
}

const struct token *parser_ahead(struct parser *parser)
{
    CHECK_SLOW(parser->token.kind <= TOKEN_OTHER);
    if (!parser->has_ahead)
        parser->ahead = lexer_next(&parser->lexer);
    parser->has_ahead = true;
    return &parser->ahead;
}

struct str parser_text(const struct parser *parser)
{
    CHECK_SLOW(parser->token.end <= parser->lexer.text.size);
    return token_text(parser->lexer.text, &parser->token);
}

bool parser_is_word(const struct parser *parser, const char *word)
{
    CHECK(word != NULL);
    return parser->token.kind == TOKEN_WORD &&
           str_equal_nocase(parser_text(parser), str_from_c(word));
}

bool parser_ahead_is(struct parser *parser, enum keyword keyword)
{
    const struct token *ahead = parser_ahead(parser);

    CHECK(keyword != KEYWORD_NONE);
    return ahead->kind == TOKEN_WORD && ahead->keyword == keyword;
}

bool parser_take(struct parser *parser, enum keyword keyword)
{
    bool taken = parser_is(parser, keyword);

    CHECK(keyword != KEYWORD_NONE);
    if (taken)
        parser_advance(parser);
    return taken;
}

bool parser_take_word(struct parser *parser, const char *word)
{
    bool taken = parser_is_word(parser, word);

    CHECK(word != NULL);
    if (taken)
        parser_advance(parser);
    return taken;
}

bool parser_take_kind(struct parser *parser, enum token_kind kind)
{
    bool taken = parser->token.kind == kind;

    CHECK(kind != TOKEN_END && kind != TOKEN_ERROR);
    if (taken)
        parser_advance(parser);
    return taken;
}

bool parser_at_end(const struct parser *parser)
{
    CHECK_SLOW(parser->token.end <= parser->lexer.text.size);
    return parser->token.kind == TOKEN_END;
}

enum status parser_expect(struct parser *parser, enum keyword keyword)
{
    CHECK(keyword != KEYWORD_NONE);
    return parser_take(parser, keyword) ? STATUS_OK : parser_syntax_error(parser);
}

enum status parser_expect_kind(struct parser *parser, enum token_kind kind)
{
    CHECK(kind != TOKEN_END);
    return parser_take_kind(parser, kind) ? STATUS_OK : parser_syntax_error(parser);
}

/* ---- failures -----------------------------------------------------------------------------------
 */

enum status parser_syntax_error(struct parser *parser)
{
    const struct token *token = &parser->token;

    CHECK(token->start <= token->end);
    if (token->kind == TOKEN_ERROR) {
        parser->hard = true;
        return error_set_at(parser->err, STATUS_INVALID_SQL, token->start, "%s",
                            parser->lexer.problem);
    }
    if (token->kind == TOKEN_END)
        return error_set_at(parser->err, STATUS_INVALID_SQL, token->start,
                            "syntax error at end of input");
    struct str text = utf8_cut(parser_text(parser), LIMIT_IDENTIFIER_BYTES);
    return error_set_at(parser->err, STATUS_INVALID_SQL, token->start,
                        "syntax error at or near \"%.*s\"", STR_ARG(text));
}

enum status parser_error_at(struct parser *parser, uint32_t start, const char *format, ...)
{
    va_list args;

    CHECK(start <= parser->lexer.text.size);
    va_start(args, format);
    error_set_v(parser->err, STATUS_INVALID_SQL, format, args);
    va_end(args);
    if (parser->err != NULL)
        parser->err->position = start;
    return STATUS_INVALID_SQL;
}

enum status parser_no_junk(struct parser *parser, const struct token *token)
{
    bool number = token_is_number(token);

    CHECK(token->end <= parser->token.start);
    if ((!number && token->kind != TOKEN_PARAM) || parser->token.kind != TOKEN_WORD ||
        parser->token.start != token->end)
        return STATUS_OK;
    struct str text =
        utf8_cut(parser_range(parser, token->start, parser->token.end), LIMIT_IDENTIFIER_BYTES);
    parser->hard = true;
    return parser_error_at(parser, token->start, "trailing junk after %s at or near \"%.*s\"",
                           number ? "numeric literal" : "parameter", STR_ARG(text));
}

enum status parser_not_supported(struct parser *parser, const char *what, const char *hint)
{
    enum status status = error_set_at(parser->err, STATUS_NOT_SUPPORTED, parser->token.start,
                                      "%s is not supported in this version", what);

    CHECK(what != NULL);
    if (hint != NULL)
        error_hint(parser->err, "%s", hint);
    return status;
}

enum status parser_too_deep(struct parser *parser)
{
    CHECK(parser->depth <= LIMIT_EXPRESSION_DEPTH);
    parser->hard = true;
    return parser_error_at(parser, parser->token.start, "expression is nested too deeply");
}

enum status parser_enter(struct parser *parser)
{
    CHECK(parser->depth <= LIMIT_EXPRESSION_DEPTH);
    if (parser->depth >= LIMIT_EXPRESSION_DEPTH)
        return parser_too_deep(parser);
    parser->depth++;
    return STATUS_OK;
}

/* ---- names --------------------------------------------------------------------------------------
 */

bool parser_at_name(const struct parser *parser)
{
    return token_is_name(&parser->token) && !keyword_is_reserved(parser->token.keyword);
}

enum status parser_label(struct parser *parser, struct str *out)
{
    CHECK(out != NULL);
    if (!token_is_name(&parser->token))
        return parser_syntax_error(parser);
    *out = token_name(parser->lexer.text, &parser->token, parser->arena);
    if (out->size == 0)
        return parser_error_at(parser, parser->token.start, "a quoted name is empty");
    parser_advance(parser);
    return STATUS_OK;
}

enum status parser_name_part(struct parser *parser, struct str *out)
{
    CHECK(out != NULL);
    return parser_at_name(parser) ? parser_label(parser, out) : parser_syntax_error(parser);
}

enum status parser_check_new_name(struct parser *parser, const char *what, struct str name,
                                  uint32_t start)
{
    struct str shown = utf8_cut(name, LIMIT_IDENTIFIER_BYTES);

    CHECK(what != NULL);
    if (name.size > LIMIT_IDENTIFIER_BYTES)
        return parser_error_at(parser, start, "%s name \"%.*s…\" is longer than %d bytes", what,
                               STR_ARG(shown), LIMIT_IDENTIFIER_BYTES);
    if (!catalog_name_is_valid(name))
        return parser_error_at(parser, start,
                               "invalid %s name \"%.*s\": a name starts with a letter and goes on "
                               "with letters, digits and underscores",
                               what, STR_ARG(shown));
    return STATUS_OK;
}

enum status parser_new_name(struct parser *parser, const char *what, struct str *out)
{
    uint32_t start = parser->token.start;
    enum status status = parser_name_part(parser, out);

    CHECK(what != NULL);
    if (status != STATUS_OK)
        return status;
    return parser_check_new_name(parser, what, *out, start);
}

/* `default` is reserved, but it is also the namespace that everybody starts in: `default.t`. */
static bool parser_at_default_space(struct parser *parser)
{
    CHECK(parser != NULL);
    return parser_is(parser, KEYWORD_DEFAULT) && parser_ahead(parser)->kind == TOKEN_DOT;
}

enum status parser_refuse_table(struct parser *parser)
{
    CHECK(parser_is(parser, KEYWORD_TABLE));
    parser->hard = true;
    return parser_not_supported(parser, "TABLE as a query", "use SELECT * FROM table");
}

enum status parser_refuse_only(struct parser *parser)
{
    if (!parser_is_word(parser, "only"))
        return STATUS_OK;
    const struct token *ahead = parser_ahead(parser);
    CHECK(ahead != NULL);
    if (ahead->kind != TOKEN_LEFT_PAREN &&
        (!token_is_name(ahead) || keyword_is_reserved((enum keyword)ahead->keyword)))
        return STATUS_OK;
    parser->hard = true;
    return parser_not_supported(parser, "ONLY before a table",
                                "tables do not inherit: leave it out");
}

enum status parser_table_name(struct parser *parser, struct ast_name *out)
{
    struct str parts[4];
    size_t count = 0, first = 0;
    enum status status;

    CHECK(out != NULL);
    *out = (struct ast_name){.start = parser->token.start};
    status = parser_refuse_only(parser);
    if (status != STATUS_OK)
        return status;
    do {
        if (count == ARRAY_COUNT(parts))
            return parser_error_at(parser, out->start, "a table name has too many parts");
        status = count == 0 && !parser_at_default_space(parser)
                     ? parser_name_part(parser, &parts[count])
                     : parser_label(parser, &parts[count]);
        if (status != STATUS_OK)
            return status;
        count++;
    } while (parser_take_kind(parser, TOKEN_DOT));
    if (count > 2 && str_equal(parts[0], STR_LIT("kalamdb")))
        first = 1;
    if (count - first > 3)
        return parser_error_at(parser, out->start, "a table name has too many parts");
    out->table = parts[count - 1];
    if (count - first >= 2)
        out->space = parts[first];
    if (count - first == 3)
        out->user = parts[first + 1];
    out->end = parser->last_end;
    return STATUS_OK;
}

enum status parser_name_list(struct parser *parser, struct str **names, uint32_t **starts,
                             size_t *count)
{
    struct parser_list list = {0}, start_list = {0};
    enum status status = parser_expect_kind(parser, TOKEN_LEFT_PAREN);

    CHECK(names != NULL && count != NULL);
    while (status == STATUS_OK) {
        uint32_t *start = parser_list_add(parser, &start_list, sizeof(*start));
        struct str *name = parser_list_add(parser, &list, sizeof(*name));

        *start = parser->token.start;
        if (list.count > LIMIT_TABLE_COLUMNS)
            return parser_error_at(parser, *start, "more than %d columns", LIMIT_TABLE_COLUMNS);
        status = parser_name_part(parser, name);
        if (status == STATUS_OK && !parser_take_kind(parser, TOKEN_COMMA))
            break;
    }
    if (status != STATUS_OK)
        return status;
    *names = list.items;
    *count = list.count;
    if (starts != NULL)
        *starts = start_list.items;
    return parser_expect_kind(parser, TOKEN_RIGHT_PAREN);
}

/* ---- literals -----------------------------------------------------------------------------------
 */

enum status parser_string(struct parser *parser, struct str *out)
{
    enum status status;

    CHECK(out != NULL);
    if (!token_is_string(&parser->token))
        return parser_syntax_error(parser);
    status = token_string(parser->lexer.text, &parser->token, parser->arena, out, parser->err);
    if (status == STATUS_OK)
        parser_advance(parser);
    return status;
}

enum status parser_word_or_string(struct parser *parser, struct str *out)
{
    CHECK(out != NULL);
    if (token_is_name(&parser->token))
        return parser_label(parser, out);
    return parser_string(parser, out);
}

enum status parser_integer(struct parser *parser, int64_t *out)
{
    bool negative = parser_is_kind(parser, TOKEN_MINUS);

    CHECK(out != NULL);
    if (negative)
        parser_advance(parser);
    if (!parser_is_kind(parser, TOKEN_INTEGER))
        return parser_syntax_error(parser);
    if (!str_to_int64(parser_text(parser), out))
        return parser_error_at(parser, parser->token.start, "number out of range");
    if (negative)
        *out = -*out;
    parser_advance(parser);
    return STATUS_OK;
}

enum status parser_param(struct parser *parser, uint32_t *out)
{
    uint32_t number = token_param(parser->lexer.text, &parser->token);

    CHECK(parser_is_kind(parser, TOKEN_PARAM));
    if (number == 0 || number > PARSER_PARAM_MAX) {
        parser->hard = true;
        return error_set_at(parser->err, STATUS_INVALID_PARAMETER, parser->token.start,
                            "there is no parameter %.*s", STR_ARG(parser_text(parser)));
    }
    if (parser->params == NULL)
        parser->params = arena_zalloc(parser->arena, (PARSER_PARAM_MAX + 1) / 8);
    parser->params[number / 64] |= UINT64_C(1) << number % 64;
    if (number > parser->statement->param_max)
        parser->statement->param_max = number;
    *out = number;
    parser_advance(parser);
    return STATUS_OK;
}

/* ---- IF EXISTS, options, durations --------------------------------------------------------------
 */

enum status parser_if_exists(struct parser *parser, bool *out)
{
    CHECK(out != NULL);
    *out = parser_is(parser, KEYWORD_IF) && parser_ahead_is(parser, KEYWORD_EXISTS);
    if (*out) {
        parser_advance(parser);
        parser_advance(parser);
    }
    return STATUS_OK;
}

enum status parser_if_not_exists(struct parser *parser, bool *out)
{
    CHECK(out != NULL);
    *out = parser_is(parser, KEYWORD_IF) && parser_ahead_is(parser, KEYWORD_NOT);
    if (!*out)
        return STATUS_OK;
    parser_advance(parser);
    parser_advance(parser);
    return parser_expect(parser, KEYWORD_EXISTS);
}

enum status parser_option_add(struct parser *parser, struct parser_list *options, struct str key,
                              struct value value, uint32_t start)
{
    const struct ast_option *given = options->items;

    CHECK(options != NULL);
    if (key.size == 0)
        return parser_error_at(parser, start, "an option has an empty name");
    if (options->count >= LIMIT_TABLE_COLUMNS)
        return parser_error_at(parser, start, "more than %d options", LIMIT_TABLE_COLUMNS);
    for (size_t i = 0; i < options->count; i++) {
        if (str_equal(given[i].key, key))
            return parser_error_at(parser, start, "option \"%.*s\" is given more than once",
                                   STR_ARG(utf8_cut(key, LIMIT_IDENTIFIER_BYTES)));
    }
    struct ast_option *option = parser_list_add(parser, options, sizeof(*option));
    *option = (struct ast_option){.key = key, .value = value, .start = start};
    return STATUS_OK;
}

/* Seconds of one unit word; 0 if there is none such. */
static int64_t parser_unit_seconds(struct str unit)
{
    static const struct {
        const char *names[4];
        int64_t seconds;
    } units[] = {
        {{"s", "sec", "second", "seconds"}, 1},       {{"secs"}, 1},
        {{"m", "min", "minute", "minutes"}, 60},      {{"mins"}, 60},
        {{"h", "hour", "hours", "hr"}, 3600},         {{"d", "day", "days"}, 86400},
        {{"w", "week", "weeks"}, INT64_C(7) * 86400},
    };

    CHECK(unit.size > 0);
    for (size_t i = 0; i < ARRAY_COUNT(units); i++) {
        for (size_t j = 0; j < ARRAY_COUNT(units[i].names) && units[i].names[j] != NULL; j++) {
            if (str_equal_nocase(unit, str_from_c(units[i].names[j])))
                return units[i].seconds;
        }
    }
    return 0;
}

/* "5 minutes", "10s", "30"; without a unit `unit_seconds` counts. */
static bool parser_duration_text(struct str text, int64_t unit_seconds, int64_t *seconds)
{
    size_t digits = 0;
    int64_t number;

    CHECK(unit_seconds > 0);
    text = str_trim(text);
    while (digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9')
        digits++;
    if (!str_to_int64(str_from(text.data, digits), &number))
        return false;
    struct str unit = str_trim(str_from(text.data + digits, text.size - digits));
    if (unit.size > 0)
        unit_seconds = parser_unit_seconds(unit);
    return unit_seconds > 0 && !__builtin_mul_overflow(number, unit_seconds, seconds);
}

enum status parser_duration(struct parser *parser, int64_t unit_seconds, int64_t *seconds)
{
    uint32_t start = parser->token.start;
    struct str text;

    CHECK(unit_seconds > 0);
    if (parser_is_kind(parser, TOKEN_INTEGER)) {
        parser_advance(parser);
        if (parser->token.kind == TOKEN_WORD && parser->token.start == parser->last_end)
            parser_advance(parser);
        text = parser_range(parser, start, parser->last_end);
    } else {
        enum status status = parser_string(parser, &text);
        if (status != STATUS_OK)
            return status;
    }
    if (!parser_duration_text(text, unit_seconds, seconds))
        return parser_error_at(parser, start,
                               "invalid duration \"%.*s\": use '10s', '5m', '1h', '7d' or seconds",
                               STR_ARG(utf8_cut(text, LIMIT_IDENTIFIER_BYTES)));
    return STATUS_OK;
}

struct str parser_range(const struct parser *parser, uint32_t start, uint32_t end)
{
    CHECK(start <= end && end <= parser->lexer.text.size);
    return str_from(parser->lexer.text.data + start, end - start);
}

enum status parser_inner(struct parser *parser, struct str text, struct ast_statement **out)
{
    const char *base = parser->lexer.text.data;
    enum status status = sql_parse(text, parser->arena, out, parser->err);

    CHECK(out != NULL);
    if (status != STATUS_OK) {
        bool part = text.data >= base && text.data <= base + parser->lexer.text.size;

        if (parser->err != NULL && parser->err->position >= 0 && part)
            parser->err->position += text.data - base;
        return status;
    }
    parser->statement->param_max = (*out)->param_max;
    return STATUS_OK;
}
