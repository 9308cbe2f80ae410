/* parse_expr.c — expressions by precedence climbing, with PostgreSQL's table:
 *
 *   OR < AND < NOT < IS < comparison < BETWEEN IN LIKE < any other operator < + - < * / % < sign <
 * ::
 *
 * A chain of one left-associative operator is a loop. AND and OR chains are collected and built as
 * a balanced tree (they are associative, and the order of evaluation stays), so ten thousand ORs
 * are a tree of height fourteen; chains of other operators end at LIMIT_AST_HEIGHT. Recursion
 * happens only for nested constructs (parser_enter) and, between two of them, once per level of the
 * table.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/syntax/parser_internal.h"

#include "value/decimal.h"

enum bind {
    BIND_NONE,
    BIND_OR,
    BIND_AND,
    BIND_NOT,
    BIND_IS,
    BIND_COMPARE,
    BIND_IN,
    BIND_OTHER,
    BIND_ADD,
    BIND_MUL,
    BIND_SIGN,
    BIND_CAST,
};

static enum status parse_level(struct parser *parser, enum bind min, struct ast_expr **out);

/* ---- nodes --------------------------------------------------------------------------------------
 */

struct ast_expr *parse_node(struct parser *parser, enum ast_expr_kind kind, uint32_t start)
{
    struct ast_expr *node = arena_zalloc(parser->arena, sizeof(*node));

    CHECK(start <= parser->lexer.text.size);
    node->kind = kind;
    node->start = start;
    node->height = 1;
    return node;
}

enum status parse_node_done(struct parser *parser, struct ast_expr *node, size_t arg_count)
{
    CHECK(arg_count == 0 || node->args != NULL);
    node->arg_count = arg_count;
    node->end = parser->last_end;
    for (size_t i = 0; i < arg_count; i++) {
        if (node->args[i]->height >= node->height)
            node->height = node->args[i]->height + 1;
    }
    return node->height > LIMIT_AST_HEIGHT ? parser_too_deep(parser) : STATUS_OK;
}

static struct ast_expr **parse_args(struct parser *parser, size_t count)
{
    CHECK(count > 0);
    return arena_alloc(parser->arena, count * sizeof(struct ast_expr *));
}

static enum status parse_pair(struct parser *parser, enum ast_expr_kind kind, enum ast_operator op,
                              struct ast_expr *left, struct ast_expr *right, struct ast_expr **out)
{
    struct ast_expr *node = parse_node(parser, kind, left->start);

    CHECK(left != NULL && right != NULL);
    node->op = op;
    node->args = parse_args(parser, 2);
    node->args[0] = left;
    node->args[1] = right;
    *out = node;
    return parse_node_done(parser, node, 2);
}

static struct ast_expr *parse_postfix_node(struct parser *parser, enum ast_expr_kind kind,
                                           struct ast_expr *left, bool negated)
{
    struct ast_expr *node = parse_node(parser, kind, left->start);

    CHECK(left != NULL);
    node->negated = negated;
    node->args = parse_args(parser, 3); /* the most any of them takes */
    node->args[0] = left;
    return node;
}

/* ---- AND, OR ------------------------------------------------------------------------------------
 */

static struct ast_expr *parse_balanced(struct parser *parser, enum ast_operator op,
                                       struct ast_expr **parts, size_t count)
{
    struct ast_expr *node;

    CHECK(count > 0);
    if (count == 1)
        return parts[0];
    size_t half = (count + 1) / 2;
    struct ast_expr *left = parse_balanced(parser, op, parts, half);
    struct ast_expr *right = parse_balanced(parser, op, parts + half, count - half);
    node = parse_node(parser, AST_BINARY, left->start);
    node->op = op;
    node->args = parse_args(parser, 2);
    node->args[0] = left;
    node->args[1] = right;
    node->arg_count = 2;
    node->end = right->end;
    node->height = 1 + (left->height > right->height ? left->height : right->height);
    return node;
}

static enum status parse_logic(struct parser *parser, enum keyword keyword, struct ast_expr **left)
{
    enum ast_operator op = keyword == KEYWORD_AND ? AST_OP_AND : AST_OP_OR;
    enum bind above = keyword == KEYWORD_AND ? BIND_NOT : BIND_AND;
    struct parser_list parts = {0};

    CHECK(keyword == KEYWORD_AND || keyword == KEYWORD_OR);
    *(struct ast_expr **)parser_list_add(parser, &parts, sizeof(*left)) = *left;
    while (parser_take(parser, keyword)) {
        struct ast_expr *part;
        enum status status = parse_level(parser, above, &part);

        if (status != STATUS_OK)
            return status;
        *(struct ast_expr **)parser_list_add(parser, &parts, sizeof(part)) = part;
    }
    *left = parse_balanced(parser, op, parts.items, parts.count);
    return (*left)->height > LIMIT_AST_HEIGHT ? parser_too_deep(parser) : STATUS_OK;
}

/* ---- what follows an operand --------------------------------------------------------------------
 */

static enum status parse_is(struct parser *parser, struct ast_expr **left)
{
    bool negated;
    struct ast_expr *node;

    CHECK(parser_is(parser, KEYWORD_IS));
    parser_advance(parser);
    negated = parser_take(parser, KEYWORD_NOT);
    if (parser_take(parser, KEYWORD_NULL)) {
        node = parse_postfix_node(parser, AST_IS_NULL, *left, negated);
    } else if (parser_take(parser, KEYWORD_DISTINCT)) {
        enum status status = parser_expect(parser, KEYWORD_FROM);

        node = parse_postfix_node(parser, AST_IS_DISTINCT, *left, negated);
        if (status == STATUS_OK)
            status = parse_level(parser, BIND_COMPARE, &node->args[1]);
        *left = node;
        return status != STATUS_OK ? status : parse_node_done(parser, node, 2);
    } else {
        node = parse_postfix_node(parser, AST_IS_BOOL, *left, negated);
        if (parser_is(parser, KEYWORD_UNKNOWN))
            node->value = value_null(VALUE_BOOLEAN);
        else if (parser_is(parser, KEYWORD_TRUE) || parser_is(parser, KEYWORD_FALSE))
            node->value = value_boolean(parser_is(parser, KEYWORD_TRUE));
        else
            return parser_syntax_error(parser);
        parser_advance(parser);
    }
    *left = node;
    return parse_node_done(parser, node, 1);
}

static enum status parse_is_null_word(struct parser *parser, struct ast_expr **left)
{
    bool negated = parser_is(parser, KEYWORD_NOTNULL);

    CHECK(parser_is(parser, KEYWORD_ISNULL) || parser_is(parser, KEYWORD_NOTNULL));
    parser_advance(parser);
    *left = parse_postfix_node(parser, AST_IS_NULL, *left, negated);
    return parse_node_done(parser, *left, 1);
}

static bool parse_at_query(struct parser *parser)
{
    return parser_ahead_is(parser, KEYWORD_SELECT) || parser_ahead_is(parser, KEYWORD_WITH) ||
           parser_ahead_is(parser, KEYWORD_VALUES);
}

static enum status parse_in(struct parser *parser, bool negated, struct ast_expr **left)
{
    struct parser_list list = {0};
    enum status status;

    CHECK(parser_is(parser, KEYWORD_IN));
    parser_advance(parser);
    if (!parser_is_kind(parser, TOKEN_LEFT_PAREN))
        return parser_syntax_error(parser);
    if (parse_at_query(parser)) {
        status = parse_subquery(parser, (*left)->start, *left, left);
        if (status == STATUS_OK)
            (*left)->negated = negated;
        return status;
    }
    parser_advance(parser);
    status = parser_enter(parser);
    *(struct ast_expr **)parser_list_add(parser, &list, sizeof(*left)) = *left;
    while (status == STATUS_OK) {
        struct ast_expr *item;

        status = parse_level(parser, BIND_OR, &item);
        if (status != STATUS_OK)
            return status;
        *(struct ast_expr **)parser_list_add(parser, &list, sizeof(item)) = item;
        if (!parser_take_kind(parser, TOKEN_COMMA))
            break;
    }
    if (status == STATUS_OK)
        status = parser_expect_kind(parser, TOKEN_RIGHT_PAREN);
    if (status != STATUS_OK)
        return status;
    parser_leave(parser);
    struct ast_expr *node = parse_node(parser, AST_IN, (*left)->start);
    node->negated = negated;
    node->args = list.items;
    *left = node;
    return parse_node_done(parser, node, list.count);
}

static enum status parse_between(struct parser *parser, bool negated, struct ast_expr **left)
{
    struct ast_expr *node = parse_postfix_node(parser, AST_BETWEEN, *left, negated);
    enum status status;

    CHECK(parser_is(parser, KEYWORD_BETWEEN));
    parser_advance(parser);
    if (parser_is(parser, KEYWORD_SYMMETRIC))
        return parser_not_supported(parser, "BETWEEN SYMMETRIC", NULL);
    (void)parser_take(parser, KEYWORD_ASYMMETRIC);
    status = parse_level(parser, BIND_OTHER, &node->args[1]);
    if (status == STATUS_OK)
        status = parser_expect(parser, KEYWORD_AND);
    if (status == STATUS_OK)
        status = parse_level(parser, BIND_OTHER, &node->args[2]);
    *left = node;
    return status != STATUS_OK ? status : parse_node_done(parser, node, 3);
}

static enum status parse_like(struct parser *parser, bool negated, struct ast_expr **left)
{
    struct ast_expr *node = parse_postfix_node(parser, AST_LIKE, *left, negated);
    size_t count = 2;
    enum status status;

    CHECK(parser_is(parser, KEYWORD_LIKE) || parser_is(parser, KEYWORD_ILIKE));
    node->nocase = parser_is(parser, KEYWORD_ILIKE);
    parser_advance(parser);
    status = parse_level(parser, BIND_OTHER, &node->args[1]);
    if (status == STATUS_OK && parser_take(parser, KEYWORD_ESCAPE)) {
        count = 3;
        status = parse_level(parser, BIND_OTHER, &node->args[2]);
    }
    *left = node;
    return status != STATUS_OK ? status : parse_node_done(parser, node, count);
}

static enum status parse_cast_suffix(struct parser *parser, struct ast_expr **left)
{
    struct ast_expr *node = parse_postfix_node(parser, AST_CAST, *left, false);
    struct parse_type type;
    enum status status;

    CHECK(parser_is_kind(parser, TOKEN_CAST));
    parser_advance(parser);
    status = parse_data_type(parser, true, &type);
    if (status != STATUS_OK)
        return status;
    node->type = type.type;
    node->type_bare = type.bare;
    *left = node;
    return parse_node_done(parser, node, 1);
}

/* IN, BETWEEN, LIKE and their negations. */
static enum status parse_range(struct parser *parser, struct ast_expr **left)
{
    bool negated = parser_take(parser, KEYWORD_NOT);

    CHECK(parser_is_kind(parser, TOKEN_WORD));
    switch (parser->token.keyword) {
    case KEYWORD_IN:
        return parse_in(parser, negated, left);
    case KEYWORD_BETWEEN:
        return parse_between(parser, negated, left);
    case KEYWORD_LIKE:
    case KEYWORD_ILIKE:
        return parse_like(parser, negated, left);
    default:
        return parser_not_supported(parser, "SIMILAR TO", "use LIKE");
    }
}

struct parse_infix {
    enum bind bind;
    enum ast_operator op; /* NONE: a form of its own */
};

static struct parse_infix parse_infix_word(struct parser *parser)
{
    CHECK(parser_is_kind(parser, TOKEN_WORD));
    switch (parser->token.keyword) {
    case KEYWORD_OR:
        return (struct parse_infix){BIND_OR, AST_OP_OR};
    case KEYWORD_AND:
        return (struct parse_infix){BIND_AND, AST_OP_AND};
    case KEYWORD_IS:
    case KEYWORD_ISNULL:
    case KEYWORD_NOTNULL:
        return (struct parse_infix){BIND_IS, AST_OP_NONE};
    case KEYWORD_IN:
    case KEYWORD_BETWEEN:
    case KEYWORD_LIKE:
    case KEYWORD_ILIKE:
    case KEYWORD_SIMILAR:
        return (struct parse_infix){BIND_IN, AST_OP_NONE};
    case KEYWORD_NOT:
        if (parser_ahead_is(parser, KEYWORD_IN) || parser_ahead_is(parser, KEYWORD_BETWEEN) ||
            parser_ahead_is(parser, KEYWORD_LIKE) || parser_ahead_is(parser, KEYWORD_ILIKE) ||
            parser_ahead_is(parser, KEYWORD_SIMILAR))
            return (struct parse_infix){BIND_IN, AST_OP_NONE};
        return (struct parse_infix){BIND_NONE, AST_OP_NONE};
    default:
        return (struct parse_infix){BIND_NONE, AST_OP_NONE};
    }
}

static struct parse_infix parse_infix(struct parser *parser)
{
    static const struct parse_infix table[TOKEN_OTHER + 1] = {
        [TOKEN_EQ] = {BIND_COMPARE, AST_OP_EQ},
        [TOKEN_NE] = {BIND_COMPARE, AST_OP_NE},
        [TOKEN_LT] = {BIND_COMPARE, AST_OP_LT},
        [TOKEN_LE] = {BIND_COMPARE, AST_OP_LE},
        [TOKEN_GT] = {BIND_COMPARE, AST_OP_GT},
        [TOKEN_GE] = {BIND_COMPARE, AST_OP_GE},
        [TOKEN_CONCAT] = {BIND_OTHER, AST_OP_CONCAT},
        [TOKEN_ARROW] = {BIND_OTHER, AST_OP_JSON},
        [TOKEN_ARROW_TEXT] = {BIND_OTHER, AST_OP_JSON_TEXT},
        [TOKEN_PLUS] = {BIND_ADD, AST_OP_ADD},
        [TOKEN_MINUS] = {BIND_ADD, AST_OP_SUB},
        [TOKEN_STAR] = {BIND_MUL, AST_OP_MUL},
        [TOKEN_SLASH] = {BIND_MUL, AST_OP_DIV},
        [TOKEN_PERCENT] = {BIND_MUL, AST_OP_MOD},
        [TOKEN_CAST] = {BIND_CAST, AST_OP_NONE},
    };

    CHECK_SLOW(parser->token.kind <= TOKEN_OTHER);
    if (parser->token.kind == TOKEN_WORD)
        return parse_infix_word(parser);
    return table[parser->token.kind];
}

static bool parse_is_char(const struct parser *parser, char c)
{
    CHECK(c != 0);
    return parser->token.kind == TOKEN_OTHER && parser_text(parser).data[0] == c;
}

/* Operators of PostgreSQL or DuckDB that only DuckDB runs. */
static enum status parse_no_unknown_operator(struct parser *parser)
{
    char what[32] = "operator ";

    if (parse_is_char(parser, ']')) /* the end of ARRAY[…] */
        return STATUS_OK;
    if (parser_is_kind(parser, TOKEN_OTHER)) {
        what[9] = parser_text(parser).data[0];
        return parser_not_supported(parser, what, NULL);
    }
    if (parser_is(parser, KEYWORD_COLLATE))
        return parser_not_supported(parser, "COLLATE", "text is ordered by code point");
    if (parser_is(parser, KEYWORD_AT) && parser_ahead(parser)->kind == TOKEN_WORD)
        return parser_not_supported(parser, "AT TIME ZONE", "times are in UTC");
    return STATUS_OK;
}

/* `left = ANY (ARRAY[a, b])` is `left IN (a, b)`. Stands at `(`. */
static enum status parse_any_array(struct parser *parser, struct ast_expr **left)
{
    struct parser_list list = {0};
    enum status status = parser_enter(parser);

    CHECK(parser_ahead_is(parser, KEYWORD_ARRAY));
    parser_advance(parser);
    parser_advance(parser);
    if (status == STATUS_OK && !parse_is_char(parser, '['))
        status = parser_syntax_error(parser);
    *(struct ast_expr **)parser_list_add(parser, &list, sizeof(*left)) = *left;
    while (status == STATUS_OK) {
        struct ast_expr *item;

        parser_advance(parser); /* [ or , */
        status = parse_level(parser, BIND_OR, &item);
        if (status != STATUS_OK)
            return status;
        *(struct ast_expr **)parser_list_add(parser, &list, sizeof(item)) = item;
        if (!parser_is_kind(parser, TOKEN_COMMA))
            break;
    }
    if (status == STATUS_OK && !parse_is_char(parser, ']'))
        status = parser_syntax_error(parser);
    if (status != STATUS_OK)
        return status;
    parser_advance(parser);
    if (!parser_is_kind(parser, TOKEN_RIGHT_PAREN))
        return parser_not_supported(parser, "a computed array", NULL);
    parser_advance(parser);
    parser_leave(parser);
    struct ast_expr *node = parse_node(parser, AST_IN, (*left)->start);
    node->args = list.items;
    *left = node;
    return parse_node_done(parser, node, list.count);
}

/* left ⊕ right, or left ⊕ ANY (…) */
static enum status parse_operator(struct parser *parser, struct parse_infix infix,
                                  struct ast_expr **left)
{
    struct ast_expr *right;
    enum status status;

    CHECK(infix.op != AST_OP_NONE);
    parser_advance(parser);
    if (infix.bind == BIND_COMPARE &&
        (parser_is(parser, KEYWORD_ANY) || parser_is(parser, KEYWORD_SOME) ||
         parser_is(parser, KEYWORD_ALL))) {
        bool any = !parser_is(parser, KEYWORD_ALL);
        parser_advance(parser);
        if (any && infix.op == AST_OP_EQ && parser_ahead_is(parser, KEYWORD_ARRAY))
            return parse_any_array(parser, left);
        return parse_subquery(parser, (*left)->start, *left, left);
    }
    status = parse_level(parser, infix.bind + 1, &right);
    if (status != STATUS_OK)
        return status;
    return parse_pair(parser, AST_BINARY, infix.op, *left, right, left);
}

/* One step of the climb: the operator at the token, its right side, a new `left`. */
static enum status parse_step(struct parser *parser, struct parse_infix infix,
                              struct ast_expr **left)
{
    CHECK(infix.bind != BIND_NONE);
    switch (infix.bind) {
    case BIND_OR:
        return parse_logic(parser, KEYWORD_OR, left);
    case BIND_AND:
        return parse_logic(parser, KEYWORD_AND, left);
    case BIND_IS:
        return parser_is(parser, KEYWORD_IS) ? parse_is(parser, left)
                                             : parse_is_null_word(parser, left);
    case BIND_IN:
        return parse_range(parser, left);
    case BIND_CAST:
        return parse_cast_suffix(parser, left);
    default:
        return parse_operator(parser, infix, left);
    }
}

/* ---- operands -----------------------------------------------------------------------------------
 */

static enum status parse_not(struct parser *parser, struct ast_expr **out)
{
    struct ast_expr *node = parse_node(parser, AST_UNARY, parser->token.start);
    enum status status = parser_enter(parser);

    CHECK(parser_is(parser, KEYWORD_NOT));
    if (status != STATUS_OK)
        return status;
    parser_advance(parser);
    node->op = AST_OP_NOT;
    node->args = parse_args(parser, 1);
    status = parse_level(parser, BIND_NOT, &node->args[0]);
    if (status != STATUS_OK)
        return status;
    parser_leave(parser);
    *out = node;
    return parse_node_done(parser, node, 1);
}

/* -5 is a literal, so that the smallest BIGINT can be written, and so is -(-5): its sign belongs to
 * the digits before they have a type, as in PostgreSQL. */
static bool parse_negate_literal(struct ast_expr *node)
{
    struct value *value = &node->value;

    CHECK(node != NULL);
    if (node->kind != AST_LITERAL || value->is_null)
        return false;
    if (value->type == VALUE_BIGINT && value->integer == INT64_MIN) {
        *value = value_decimal(-(int128)INT64_MIN, DECIMAL_DIGITS_MAX, 0);
    } else if (value->type == VALUE_BIGINT) {
        value->integer = -value->integer;
    } else if (value->type == VALUE_DOUBLE) {
        value->real = -value->real;
    } else if (value->type == VALUE_DECIMAL) {
        value->decimal = -value->decimal;
        if (value->scale == 0 && value->decimal == INT64_MIN)
            *value = value_integer(VALUE_BIGINT, INT64_MIN);
    } else {
        return false;
    }
    return true;
}

static enum status parse_sign(struct parser *parser, struct ast_expr **out)
{
    bool minus = parser_is_kind(parser, TOKEN_MINUS);
    uint32_t start = parser->token.start;
    struct ast_expr *operand, *node;
    enum status status = parser_enter(parser);

    CHECK(parser_is_kind(parser, TOKEN_MINUS) || parser_is_kind(parser, TOKEN_PLUS));
    if (status != STATUS_OK)
        return status;
    parser_advance(parser);
    status = parse_level(parser, BIND_SIGN, &operand);
    if (status != STATUS_OK)
        return status;
    parser_leave(parser);
    if (minus && parse_negate_literal(operand)) {
        operand->start = start;
        *out = operand;
        return STATUS_OK;
    }
    node = parse_node(parser, AST_UNARY, start);
    node->op = minus ? AST_OP_NEG : AST_OP_PLUS;
    node->args = parse_args(parser, 1);
    node->args[0] = operand;
    *out = node;
    return parse_node_done(parser, node, 1);
}

/* The node's bytes are those of the parentheses: parts of a text are taken over whole. */
static enum status parse_parenthesis(struct parser *parser, struct ast_expr **out)
{
    uint32_t start = parser->token.start;
    enum status status;

    CHECK(parser_is_kind(parser, TOKEN_LEFT_PAREN));
    if (parse_at_query(parser))
        return parse_subquery(parser, parser->token.start, NULL, out);
    status = parser_enter(parser);
    if (status != STATUS_OK)
        return status;
    parser_advance(parser);
    status = parse_level(parser, BIND_OR, out);
    if (status != STATUS_OK)
        return status;
    if (parser_is_kind(parser, TOKEN_COMMA))
        return parser_not_supported(parser, "a row of values", NULL);
    status = parser_expect_kind(parser, TOKEN_RIGHT_PAREN);
    parser_leave(parser);
    (*out)->start = start;
    (*out)->end = parser->last_end;
    return status;
}

static enum status parse_literal(struct parser *parser, struct ast_expr **out)
{
    struct ast_expr *node = parse_node(parser, AST_LITERAL, parser->token.start);
    struct token token = parser->token;
    enum status status =
        token_value(parser->lexer.text, &parser->token, parser->arena, &node->value, parser->err);

    CHECK(token_is_string(&parser->token) || token_is_number(&parser->token) ||
          parser_is_kind(parser, TOKEN_BYTES));
    if (status != STATUS_OK) {
        parser->hard = token_is_string(&parser->token); /* DuckDB would say it in other words */
        return status;
    }
    parser_advance(parser);
    status = parser_no_junk(parser, &token);
    *out = node;
    return status != STATUS_OK ? status : parse_node_done(parser, node, 0);
}

static enum status parse_param(struct parser *parser, struct ast_expr **out)
{
    struct ast_expr *node = parse_node(parser, AST_PARAM, parser->token.start);
    struct token token = parser->token;
    enum status status = parser_param(parser, &node->param);

    CHECK(token.kind == TOKEN_PARAM);
    if (status == STATUS_OK)
        status = parser_no_junk(parser, &token);
    *out = node;
    return status != STATUS_OK ? status : parse_node_done(parser, node, 0);
}

static enum status parse_prefix(struct parser *parser, struct ast_expr **out)
{
    CHECK_SLOW(parser->token.kind <= TOKEN_OTHER);
    switch (parser->token.kind) {
    case TOKEN_WORD:
        if (parser->token.keyword == KEYWORD_NOT)
            return parse_not(parser, out);
        return parse_word(parser, out);
    case TOKEN_QUOTED:
        return parse_word(parser, out);
    case TOKEN_STRING:
    case TOKEN_ESCAPED:
    case TOKEN_DOLLAR:
    case TOKEN_BYTES:
    case TOKEN_INTEGER:
    case TOKEN_DECIMAL:
    case TOKEN_REAL:
        return parse_literal(parser, out);
    case TOKEN_PARAM:
        return parse_param(parser, out);
    case TOKEN_LEFT_PAREN:
        return parse_parenthesis(parser, out);
    case TOKEN_MINUS:
    case TOKEN_PLUS:
        return parse_sign(parser, out);
    default:
        return parser_syntax_error(parser);
    }
}

/* An operand and every operator behind it that binds at least as strongly as `min`. */
static enum status parse_level(struct parser *parser, enum bind min, struct ast_expr **out)
{
    enum bind single = BIND_NONE; /* level whose operator may not come again: a < b < c */
    enum status status = parse_prefix(parser, out);

    CHECK(parser->depth <= LIMIT_EXPRESSION_DEPTH);
    while (status == STATUS_OK) {
        struct parse_infix infix = parse_infix(parser);

        if (infix.bind == BIND_NONE)
            return parse_no_unknown_operator(parser);
        if (infix.bind < min)
            return STATUS_OK;
        if (infix.bind == single)
            return parser_syntax_error(parser);
        bool list = infix.bind == BIND_IN &&
                    (parser_is(parser, KEYWORD_IN) || parser_ahead_is(parser, KEYWORD_IN));
        status = parse_step(parser, infix, out);
        bool closed = list || infix.bind == BIND_IS;
        single = !closed && (infix.bind == BIND_COMPARE || infix.bind == BIND_IN) ? infix.bind
                                                                                  : BIND_NONE;
    }
    return status;
}

enum status parse_expression(struct parser *parser, struct ast_expr **out)
{
    CHECK(parser->depth <= LIMIT_EXPRESSION_DEPTH);
    return parse_level(parser, BIND_OR, out);
}

enum status parse_operand(struct parser *parser, struct ast_expr **out)
{
    CHECK(parser->depth <= LIMIT_EXPRESSION_DEPTH);
    return parse_level(parser, BIND_OTHER, out);
}

enum status parse_where(struct parser *parser, struct ast_expr **out)
{
    enum status status;

    CHECK(!parser->in_where);
    parser->in_where = true;
    status = parse_level(parser, BIND_OR, out);
    parser->in_where = false;
    return status;
}
