/* parse_call.c — operands that start with a word: columns, calls, CASE, CAST, and the functions
 * with a grammar of their own (EXTRACT, SUBSTRING, TRIM, POSITION), which become ordinary calls.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/syntax/parser_internal.h"

#include "value/text.h"

static enum status parse_constant(struct parser *parser, struct value value, struct ast_expr **out)
{
    struct ast_expr *node = parse_node(parser, AST_LITERAL, parser->token.start);

    CHECK(value.type == VALUE_BOOLEAN || value.is_null);
    parser_advance(parser);
    node->value = value;
    *out = node;
    return parse_node_done(parser, node, 0);
}

static void parse_add_arg(struct parser *parser, struct parser_list *args, struct ast_expr *arg)
{
    CHECK(arg != NULL);
    *(struct ast_expr **)parser_list_add(parser, args, sizeof(arg)) = arg;
}

static enum status parse_arg(struct parser *parser, struct parser_list *args)
{
    struct ast_expr *arg;
    enum status status = parse_expression(parser, &arg);

    CHECK(args != NULL);
    if (status == STATUS_OK)
        parse_add_arg(parser, args, arg);
    return status;
}

/* Closes the call whose arguments are in `args`. */
static enum status parse_call_end(struct parser *parser, struct ast_expr *node,
                                  struct parser_list *args, struct ast_expr **out)
{
    enum status status = parser_expect_kind(parser, TOKEN_RIGHT_PAREN);

    CHECK(node->kind == AST_CALL);
    if (status != STATUS_OK)
        return status;
    parser_leave(parser);
    if (parser_is(parser, KEYWORD_OVER) || parser_is(parser, KEYWORD_WITHIN) ||
        (parser_is(parser, KEYWORD_FILTER) && parser_ahead(parser)->kind == TOKEN_LEFT_PAREN))
        return parser_not_supported(parser, "a window or filtered aggregate", NULL);
    node->args = args->items;
    *out = node;
    return parse_node_done(parser, node, args->count);
}

/* Stands at `(`. */
static enum status parse_call(struct parser *parser, struct ast_expr *node, struct ast_expr **out)
{
    struct parser_list args = {0};
    enum status status = parser_enter(parser);

    CHECK(node->kind == AST_CALL);
    if (status != STATUS_OK)
        return status;
    parser_advance(parser);
    if (parser_is_kind(parser, TOKEN_RIGHT_PAREN))
        return parse_call_end(parser, node, &args, out);
    if (parser_take_kind(parser, TOKEN_STAR)) {
        node->star = true;
        return parse_call_end(parser, node, &args, out);
    }
    node->distinct = parser_take(parser, KEYWORD_DISTINCT);
    do {
        status = parse_arg(parser, &args);
    } while (status == STATUS_OK && parser_take_kind(parser, TOKEN_COMMA));
    return status != STATUS_OK ? status : parse_call_end(parser, node, &args, out);
}

/* EXTRACT(field FROM source) → extract('field', source) */
static enum status parse_extract(struct parser *parser, struct ast_expr *node,
                                 struct ast_expr **out)
{
    struct parser_list args = {0};
    struct ast_expr *field = parse_node(parser, AST_LITERAL, parser->token.start);
    struct str name;
    enum status status = parser_word_or_string(parser, &name);

    CHECK(node->kind == AST_CALL);
    if (status == STATUS_OK)
        status = parse_node_done(parser, field, 0);
    if (status == STATUS_OK)
        status = parser_expect(parser, KEYWORD_FROM);
    if (status != STATUS_OK)
        return status;
    field->value = value_text(VALUE_TEXT, name);
    parse_add_arg(parser, &args, field);
    status = parse_arg(parser, &args);
    return status != STATUS_OK ? status : parse_call_end(parser, node, &args, out);
}

/* SUBSTRING(text FROM start [FOR length]), SUBSTRING(text, start, length) */
static enum status parse_substring(struct parser *parser, struct ast_expr *node,
                                   struct ast_expr **out)
{
    struct parser_list args = {0};
    enum status status = parse_arg(parser, &args);

    CHECK(node->kind == AST_CALL);
    if (status != STATUS_OK)
        return status;
    if (parser_take(parser, KEYWORD_FROM)) {
        status = parse_arg(parser, &args);
        if (status == STATUS_OK && parser_take(parser, KEYWORD_FOR))
            status = parse_arg(parser, &args);
    } else {
        while (status == STATUS_OK && parser_take_kind(parser, TOKEN_COMMA))
            status = parse_arg(parser, &args);
    }
    return status != STATUS_OK ? status : parse_call_end(parser, node, &args, out);
}

/* TRIM([LEADING|TRAILING|BOTH] [chars FROM] text) → ltrim, rtrim, btrim(text[, chars]) */
static enum status parse_trim(struct parser *parser, struct ast_expr *node, struct ast_expr **out)
{
    struct parser_list args = {0};
    struct ast_expr *first = NULL;
    enum status status = STATUS_OK;

    CHECK(node->kind == AST_CALL);
    node->name = STR_LIT("btrim");
    if (parser_take(parser, KEYWORD_LEADING))
        node->name = STR_LIT("ltrim");
    else if (parser_take(parser, KEYWORD_TRAILING))
        node->name = STR_LIT("rtrim");
    else
        (void)parser_take(parser, KEYWORD_BOTH);
    if (!parser_is(parser, KEYWORD_FROM))
        status = parse_expression(parser, &first);
    if (status == STATUS_OK && parser_take(parser, KEYWORD_FROM)) {
        status = parse_arg(parser, &args);
        if (first != NULL)
            parse_add_arg(parser, &args, first);
    } else if (status == STATUS_OK) {
        parse_add_arg(parser, &args, first);
        if (parser_take_kind(parser, TOKEN_COMMA))
            status = parse_arg(parser, &args);
    }
    return status != STATUS_OK ? status : parse_call_end(parser, node, &args, out);
}

/* POSITION(part IN text) → strpos(text, part) */
static enum status parse_position(struct parser *parser, struct ast_expr *node,
                                  struct ast_expr **out)
{
    struct parser_list args = {0};
    struct ast_expr *part;
    enum status status = parse_operand(parser, &part); /* weaker operators: IN among them */

    CHECK(node->kind == AST_CALL);
    if (status == STATUS_OK)
        status = parser_expect(parser, KEYWORD_IN);
    if (status == STATUS_OK)
        status = parse_arg(parser, &args);
    if (status != STATUS_OK)
        return status;
    parse_add_arg(parser, &args, part);
    return parse_call_end(parser, node, &args, out);
}

/* The function word and `(` of a call with its own grammar. */
static enum status parse_special(struct parser *parser, struct ast_expr **out)
{
    struct ast_expr *node = parse_node(parser, AST_CALL, parser->token.start);
    enum keyword keyword = parser->token.keyword;
    enum status status = parser_enter(parser);

    CHECK(token_is_name(&parser->token));
    if (status != STATUS_OK)
        return status;
    node->name = token_name(parser->lexer.text, &parser->token, parser->arena);
    parser_advance(parser);
    parser_advance(parser);
    if (keyword == KEYWORD_EXTRACT)
        return parse_extract(parser, node, out);
    if (keyword == KEYWORD_SUBSTRING)
        return parse_substring(parser, node, out);
    if (keyword == KEYWORD_TRIM)
        return parse_trim(parser, node, out);
    return parse_position(parser, node, out);
}

/* CURRENT_TIMESTAMP[()] and its kind. */
static enum status parse_current(struct parser *parser, struct ast_expr **out)
{
    struct ast_expr *node = parse_node(parser, AST_CALL, parser->token.start);

    CHECK(token_is_name(&parser->token));
    node->name = token_name(parser->lexer.text, &parser->token, parser->arena);
    parser_advance(parser);
    if (parser_is_kind(parser, TOKEN_LEFT_PAREN))
        return parse_call(parser, node, out);
    *out = node;
    return parse_node_done(parser, node, 0);
}

static enum status parse_cast(struct parser *parser, struct ast_expr **out)
{
    struct ast_expr *node = parse_node(parser, AST_CAST, parser->token.start);
    struct parser_list args = {0};
    struct parse_type type = {0};
    enum status status = parser_enter(parser);

    CHECK(parser_is(parser, KEYWORD_CAST));
    parser_advance(parser);
    if (status == STATUS_OK)
        status = parser_expect_kind(parser, TOKEN_LEFT_PAREN);
    if (status == STATUS_OK)
        status = parse_arg(parser, &args);
    if (status == STATUS_OK)
        status = parser_expect(parser, KEYWORD_AS);
    if (status == STATUS_OK)
        status = parse_data_type(parser, true, &type);
    if (status == STATUS_OK)
        status = parser_expect_kind(parser, TOKEN_RIGHT_PAREN);
    if (status != STATUS_OK)
        return status;
    parser_leave(parser);
    node->type = type.type;
    node->type_bare = type.bare;
    node->args = args.items;
    *out = node;
    return parse_node_done(parser, node, args.count);
}

static enum status parse_case(struct parser *parser, struct ast_expr **out)
{
    struct ast_expr *node = parse_node(parser, AST_CASE, parser->token.start);
    struct parser_list args = {0};
    enum status status = parser_enter(parser);

    CHECK(parser_is(parser, KEYWORD_CASE));
    parser_advance(parser);
    if (status == STATUS_OK && !parser_is(parser, KEYWORD_WHEN)) {
        node->has_operand = true;
        status = parse_arg(parser, &args);
    }
    if (status == STATUS_OK && !parser_is(parser, KEYWORD_WHEN))
        return parser_syntax_error(parser);
    while (status == STATUS_OK && parser_take(parser, KEYWORD_WHEN)) {
        status = parse_arg(parser, &args);
        if (status == STATUS_OK)
            status = parser_expect(parser, KEYWORD_THEN);
        if (status == STATUS_OK)
            status = parse_arg(parser, &args);
    }
    if (status == STATUS_OK && parser_take(parser, KEYWORD_ELSE)) {
        node->has_else = true;
        status = parse_arg(parser, &args);
    }
    if (status == STATUS_OK)
        status = parser_expect(parser, KEYWORD_END);
    if (status != STATUS_OK)
        return status;
    parser_leave(parser);
    node->args = args.items;
    *out = node;
    return parse_node_done(parser, node, args.count);
}

/* ---- INTERVAL '1 day 02:30:00' ------------------------------------------------------------------
 */

static bool interval_add(struct ast_expr *node, int64_t number, int64_t months, int64_t days,
                         int64_t us)
{
    int64_t add_months, add_days, add_us, sum_months, sum_days;

    CHECK(node->kind == AST_INTERVAL);
    if (__builtin_mul_overflow(number, months, &add_months) ||
        __builtin_mul_overflow(number, days, &add_days) ||
        __builtin_mul_overflow(number, us, &add_us) ||
        __builtin_add_overflow(add_months, node->interval.months, &sum_months) ||
        __builtin_add_overflow(add_days, node->interval.days, &sum_days) ||
        __builtin_add_overflow(add_us, node->interval.us, &node->interval.us))
        return false;
    if (sum_months > INT32_MAX || sum_months < INT32_MIN || sum_days > INT32_MAX ||
        sum_days < INT32_MIN)
        return false;
    node->interval.months = (int32_t)sum_months;
    node->interval.days = (int32_t)sum_days;
    return true;
}

struct interval_unit {
    const char *name; /* singular; an s may follow */
    int64_t months, days, us;
};

static const struct interval_unit *interval_unit(struct str word)
{
    static const struct interval_unit units[] = {
        {"microsecond", 0, 0, 1},
        {"us", 0, 0, 1},
        {"millisecond", 0, 0, 1000},
        {"ms", 0, 0, 1000},
        {"second", 0, 0, 1000000},
        {"sec", 0, 0, 1000000},
        {"s", 0, 0, 1000000},
        {"minute", 0, 0, 60000000},
        {"min", 0, 0, 60000000},
        {"m", 0, 0, 60000000},
        {"hour", 0, 0, 3600000000},
        {"h", 0, 0, 3600000000},
        {"day", 0, 1, 0},
        {"d", 0, 1, 0},
        {"week", 0, 7, 0},
        {"w", 0, 7, 0},
        {"month", 1, 0, 0},
        {"mon", 1, 0, 0},
        {"quarter", 3, 0, 0},
        {"year", 12, 0, 0},
        {"y", 12, 0, 0},
        {"decade", 120, 0, 0},
        {"century", 1200, 0, 0},
        {"centurie", 1200, 0, 0},
    };

    CHECK(word.size == 0 || word.data != NULL);
    for (int plural = 0; plural < 2; plural++) {
        for (size_t i = 0; i < ARRAY_COUNT(units); i++) {
            if (str_equal_nocase(word, str_from_c(units[i].name)))
                return &units[i];
        }
        if (!str_ends_with(word, STR_LIT("s")) || word.size < 3)
            return NULL;
        word.size--;
    }
    return NULL;
}

/* [-]digits[.digits] at the front of *text: whole part, millionths with the same sign. */
static bool interval_number(struct str *text, int64_t *whole, int64_t *millionths)
{
    size_t at = 0, digits;
    bool negative = text->size > 0 && text->data[0] == '-';
    int64_t step = 100000;

    CHECK(text->size == 0 || text->data != NULL);
    *whole = *millionths = 0;
    at = text->size > 0 && (text->data[0] == '-' || text->data[0] == '+') ? 1 : 0;
    for (digits = at; at < text->size && text->data[at] >= '0' && text->data[at] <= '9'; at++) {
        if (at - digits > 15)
            return false;
        *whole = *whole * 10 + (text->data[at] - '0');
    }
    if (at == digits)
        return false;
    if (at < text->size && text->data[at] == '.') {
        for (at++; at < text->size && text->data[at] >= '0' && text->data[at] <= '9'; at++) {
            *millionths += step * (text->data[at] - '0');
            step /= 10;
        }
    }
    if (negative) {
        *whole = -*whole;
        *millionths = -*millionths;
    }
    *text = str_from(text->data + at, text->size - at);
    return true;
}

/* Behind `HH` of HH:MM[:SS[.ffffff]]; *text stands at the colon. */
static bool interval_clock(struct ast_expr *node, struct str *text, int64_t hours, bool negative)
{
    int64_t part, millionths, us, unit = 60000000;

    CHECK(text->data[0] == ':');
    if (__builtin_mul_overflow(hours < 0 ? -hours : hours, INT64_C(3600000000), &us))
        return false;
    for (int i = 0; i < 2 && text->size > 0 && text->data[0] == ':'; i++) {
        *text = str_from(text->data + 1, text->size - 1);
        if (!interval_number(text, &part, &millionths) || part < 0 || part > 59)
            return false;
        if (__builtin_add_overflow(us, part * unit + (i == 1 ? millionths : 0), &us))
            return false;
        unit = 1000000;
    }
    return interval_add(node, negative ? -1 : 1, 0, 0, us);
}

/* A fraction goes on in the next smaller field, as PostgreSQL does it: months of 30 days. */
static bool interval_part(struct ast_expr *node, const struct interval_unit *unit, int64_t whole,
                          int64_t millionths)
{
    int64_t days = 0, us = 0;

    CHECK(node->kind == AST_INTERVAL);
    if (millionths != 0 && unit->us > 0)
        us = millionths * unit->us / 1000000;
    else if (millionths != 0 && unit->days > 0)
        us = millionths * unit->days * 86400;
    else if (millionths != 0 && unit->months % 12 == 0)
        return millionths * unit->months % 1000000 == 0 &&
               interval_add(node, 1, millionths * unit->months / 1000000, 0, 0) &&
               interval_add(node, whole, unit->months, 0, 0);
    else if (millionths != 0)
        days = millionths * 30 * unit->months, us = days % 1000000 * 86400, days /= 1000000;
    return interval_add(node, whole, unit->months, unit->days, unit->us) &&
           interval_add(node, 1, 0, days, us);
}

static bool interval_parse(struct ast_expr *node, struct str text)
{
    bool any = false;

    CHECK(node->kind == AST_INTERVAL);
    for (text = str_trim(text); text.size > 0; text = str_trim(text)) {
        int64_t whole, millionths;
        bool negative = text.data[0] == '-';
        size_t size = 0;

        any = true;
        if (!interval_number(&text, &whole, &millionths))
            return false;
        if (text.size > 0 && text.data[0] == ':') {
            if (millionths != 0 || !interval_clock(node, &text, whole, negative))
                return false;
            continue;
        }
        text = str_trim(text);
        while (size < text.size && ((text.data[size] | 0x20) >= 'a') &&
               ((text.data[size] | 0x20) <= 'z'))
            size++;
        const struct interval_unit *unit = interval_unit(
            size == 0 && text.size == 0 ? STR_LIT("second") : str_from(text.data, size));
        if (unit == NULL || !interval_part(node, unit, whole, millionths))
            return false;
        text = str_from(text.data + size, text.size - size);
    }
    return any;
}

/* INTERVAL '1 day', INTERVAL '1' DAY, INTERVAL 1 DAY */
static enum status parse_interval(struct parser *parser, struct ast_expr **out)
{
    struct ast_expr *node = parse_node(parser, AST_INTERVAL, parser->token.start);
    struct str text;
    enum status status = STATUS_OK;

    CHECK(parser_is(parser, KEYWORD_INTERVAL));
    parser_advance(parser);
    if (token_is_number(&parser->token)) {
        text = parser_text(parser);
        parser_advance(parser);
    } else {
        status = parser_string(parser, &text);
    }
    if (status != STATUS_OK)
        return status;
    /* A short unit would be an alias: INTERVAL '5' m. */
    if (parser_is_kind(parser, TOKEN_WORD) && parser_text(parser).size > 2 &&
        interval_unit(parser_text(parser)) != NULL) {
        text =
            arena_printf(parser->arena, "%.*s %.*s", STR_ARG(text), STR_ARG(parser_text(parser)));
        parser_advance(parser);
    }
    if (!interval_parse(node, text))
        return parser_error_at(parser, node->start, "invalid interval");
    *out = node;
    return parse_node_done(parser, node, 0);
}

/* ---- names --------------------------------------------------------------------------------------
 */

/* DATE '2026-01-01' = CAST('2026-01-01' AS DATE) */
static enum status parse_typed_literal(struct parser *parser, struct ast_expr **out)
{
    struct ast_expr *node = parse_node(parser, AST_CAST, parser->token.start);
    struct parser_list args = {0};
    struct parse_type type;
    enum status status = parse_data_type(parser, true, &type);

    CHECK(node->kind == AST_CAST);
    if (status == STATUS_OK && !token_is_string(&parser->token))
        return parser_syntax_error(parser);
    struct ast_expr *text = parse_node(parser, AST_LITERAL, parser->token.start);
    if (status == STATUS_OK)
        status = token_value(parser->lexer.text, &parser->token, parser->arena, &text->value,
                             parser->err);
    if (status != STATUS_OK)
        return status;
    parser_advance(parser);
    status = parse_node_done(parser, text, 0);
    parse_add_arg(parser, &args, text);
    node->type = type.type;
    node->type_bare = type.bare;
    node->args = args.items;
    *out = node;
    return status != STATUS_OK ? status : parse_node_done(parser, node, 1);
}

/* column, table.column, namespace.table.column, function(…) */
static enum status parse_named(struct parser *parser, struct ast_expr **out)
{
    struct ast_expr *node = parse_node(parser, AST_COLUMN, parser->token.start);
    enum status status;

    CHECK(token_is_name(&parser->token));
    status = parser_label(parser, &node->name);
    if (status != STATUS_OK)
        return status;
    if (parser_is_kind(parser, TOKEN_LEFT_PAREN)) {
        node->kind = AST_CALL;
        return parse_call(parser, node, out);
    }
    if (parser_take_kind(parser, TOKEN_DOT)) {
        node->qualifier = node->name;
        status = parser_label(parser, &node->name);
        if (status != STATUS_OK)
            return status;
        if (parser_take_kind(parser, TOKEN_DOT)) {
            node->space = node->qualifier;
            node->qualifier = node->name;
            status = parser_label(parser, &node->name);
            if (status != STATUS_OK)
                return status;
        }
        if (parser_is_kind(parser, TOKEN_DOT) || parser_is_kind(parser, TOKEN_LEFT_PAREN))
            return parser_syntax_error(parser);
    }
    if (parser->in_where && str_equal(node->name, STR_LIT("_deleted")))
        parser->statement->names_deleted = true;
    *out = node;
    return parse_node_done(parser, node, 0);
}

static enum status parse_name_or_literal(struct parser *parser, struct ast_expr **out)
{
    const struct token *ahead = parser_ahead(parser);
    bool function = ahead->kind == TOKEN_LEFT_PAREN &&
                    (parser_is(parser, KEYWORD_LEFT) || parser_is(parser, KEYWORD_RIGHT));

    CHECK(token_is_name(&parser->token));
    if (!parser_at_name(parser) && !function)
        return parser_syntax_error(parser);
    if (parser_is_kind(parser, TOKEN_WORD) && token_is_string(ahead))
        return parse_typed_literal(parser, out);
    return parse_named(parser, out);
}

enum status parse_word(struct parser *parser, struct ast_expr **out)
{
    CHECK(token_is_name(&parser->token));
    switch (parser->token.keyword) {
    case KEYWORD_NONE:
        return parse_name_or_literal(parser, out);
    case KEYWORD_TRUE:
    case KEYWORD_FALSE:
        return parse_constant(parser, value_boolean(parser_is(parser, KEYWORD_TRUE)), out);
    case KEYWORD_NULL:
        return parse_constant(parser, value_null(VALUE_NULL), out);
    case KEYWORD_DEFAULT:
        *out = parse_node(parser, AST_DEFAULT, parser->token.start);
        parser_advance(parser);
        return parse_node_done(parser, *out, 0);
    case KEYWORD_CASE:
        return parse_case(parser, out);
    case KEYWORD_CAST:
        return parse_cast(parser, out);
    case KEYWORD_CURRENT_TIMESTAMP:
    case KEYWORD_CURRENT_DATE:
    case KEYWORD_CURRENT_TIME:
    case KEYWORD_CURRENT_USER:
    case KEYWORD_CURRENT_ROLE:
    case KEYWORD_SESSION_USER:
    case KEYWORD_LOCALTIME:
    case KEYWORD_LOCALTIMESTAMP:
        return parse_current(parser, out);
    default:
        break;
    }
    const struct token *ahead = parser_ahead(parser);
    if (ahead->kind == TOKEN_LEFT_PAREN) {
        if (parser_is(parser, KEYWORD_EXTRACT) || parser_is(parser, KEYWORD_SUBSTRING) ||
            parser_is(parser, KEYWORD_TRIM) || parser_is(parser, KEYWORD_POSITION))
            return parse_special(parser, out);
        if (parser_is(parser, KEYWORD_EXISTS)) {
            uint32_t start = parser->token.start;
            parser_advance(parser);
            return parse_subquery(parser, start, NULL, out);
        }
        if (parser_is(parser, KEYWORD_TRY_CAST))
            return parser_not_supported(parser, "TRY_CAST", NULL);
    }
    if (parser_is(parser, KEYWORD_INTERVAL) && (token_is_string(ahead) || token_is_number(ahead)))
        return parse_interval(parser, out);
    return parse_name_or_literal(parser, out);
}
