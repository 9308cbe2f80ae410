/* bind_operator.c — types of binary operators and of expressions with several results.
 *
 *   comparison   numbers among each other (exactly; with a FLOAT or DOUBLE both sides become
 *                FLOAT or DOUBLE, so that d = 0.1 finds what was stored as 0.1), DATE with
 *                TIMESTAMP, UUID with TEXT, else equal types
 *   + - * / %    value_arithmetic_type; DATE ± integer, DATE - DATE, moment ± INTERVAL
 *   ||           one side TEXT, the other is written as text
 *
 * JSON has no comparison, as in PostgreSQL.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/expr/expr_internal.h"

#include "value/number.h"

#include <stdio.h>

static const char *operator_text(enum ast_operator op)
{
    static const char *const texts[] = {
        [AST_OP_NONE] = "",   [AST_OP_OR] = "OR",         [AST_OP_AND] = "AND",
        [AST_OP_NOT] = "NOT", [AST_OP_EQ] = "=",          [AST_OP_NE] = "<>",
        [AST_OP_LT] = "<",    [AST_OP_LE] = "<=",         [AST_OP_GT] = ">",
        [AST_OP_GE] = ">=",   [AST_OP_ADD] = "+",         [AST_OP_SUB] = "-",
        [AST_OP_MUL] = "*",   [AST_OP_DIV] = "/",         [AST_OP_MOD] = "%",
        [AST_OP_NEG] = "-",   [AST_OP_PLUS] = "+",        [AST_OP_CONCAT] = "||",
        [AST_OP_JSON] = "->", [AST_OP_JSON_TEXT] = "->>",
    };

    CHECK((size_t)op < ARRAY_COUNT(texts));
    return texts[op];
}

static bool operator_is_real(enum value_type type)
{
    CHECK((unsigned)type < VALUE_TYPE_COUNT);
    return type == VALUE_FLOAT || type == VALUE_DOUBLE;
}

static enum status operator_missing(struct expr_binder *binder, const char *op,
                                    const struct expr_node *left, const struct expr_node *right)
{
    const struct expr_node *param = left->kind == NODE_PARAM ? left : right;
    char prefix[24] = "";

    if (param->kind == NODE_PARAM &&
        (binder->scope->lifted_from == 0 || param->index < binder->scope->lifted_from))
        CHECK(snprintf(prefix, sizeof(prefix), "parameter $%u: ", param->index) > 0);
    enum status status =
        expr_error(binder, STATUS_TYPE_MISMATCH, left->start, "%soperator does not exist: %s %s %s",
                   prefix, value_type_name(left->type.kind), op, value_type_name(right->type.kind));
    error_hint(binder->err, "write the conversion: CAST(… AS type)");
    return status;
}

/* ---- comparison ---------------------------------------------------------------------------------
 */

/* So that a value of a wrong type is named together with the column. */
static void operator_note_column(const struct expr_binder *binder, struct expr_node *param,
                                 const struct expr_node *column)
{
    CHECK(param != column);
    if (param->kind == NODE_PARAM && param->unknown && column->kind == NODE_COLUMN &&
        column->index < binder->scope->column_count)
        param->beside = column->index + 1;
}

/* Whether two types are compared, and the type that holds both: what is unknown takes it. */
static bool operator_meet(enum value_type a, enum value_type b, enum value_type *out)
{
    CHECK(a != VALUE_NULL && b != VALUE_NULL);
    *out = a;
    if (a == VALUE_JSON || b == VALUE_JSON)
        return false;
    if ((a == VALUE_UUID && b == VALUE_TEXT) || (a == VALUE_TEXT && b == VALUE_UUID)) {
        *out = VALUE_TEXT;
        return true;
    }
    /* as the rows of Parquet files are compared: FLOAT with exact numbers as FLOAT */
    if (a != b && (a == VALUE_DOUBLE || b == VALUE_DOUBLE))
        *out = VALUE_DOUBLE;
    else if (a != b && (a == VALUE_FLOAT || b == VALUE_FLOAT))
        *out = VALUE_FLOAT;
    else if ((a == VALUE_DATE && b == VALUE_TIMESTAMP) ||
             (value_type_is_number(a) && value_type_is_number(b) && a < b))
        *out = b; /* the enum orders integers < DECIMAL */
    return value_type_is_comparable(a, b);
}

enum status expr_match_all(struct expr_binder *binder, const char *const ops[2],
                           struct expr_node **args, size_t count)
{
    enum value_type type = VALUE_TEXT; /* if none is known */
    enum status status = STATUS_OK;
    size_t known = 0;

    CHECK(count >= 2);
    while (known < count && args[known]->unknown)
        known++;
    if (known < count)
        type = args[known]->type.kind;
    for (size_t i = 1; i < count; i++) {
        operator_note_column(binder, args[0], args[i]);
        operator_note_column(binder, args[i], args[0]);
        if (!operator_meet(type, args[i]->unknown ? type : args[i]->type.kind, &type))
            return operator_missing(binder, ops[i > 1], args[0], args[i]);
    }
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        if (args[i]->unknown || type == VALUE_TEXT || operator_is_real(type))
            status = expr_coerce(binder, &args[i], type);
    }
    return status;
}

enum status expr_match(struct expr_binder *binder, const char *op, struct expr_node **left,
                       struct expr_node **right)
{
    const char *const ops[2] = {op, op};
    struct expr_node *args[2] = {*left, *right};
    enum status status = expr_match_all(binder, ops, args, 2);

    CHECK(left != right && op != NULL);
    *left = args[0];
    *right = args[1];
    return status;
}

/* 5 < a is a > 5: columns stand left, for bounds. */
static enum ast_operator operator_turned(enum ast_operator op)
{
    CHECK(op >= AST_OP_EQ && op <= AST_OP_GE);
    switch (op) {
    case AST_OP_LT:
        return AST_OP_GT;
    case AST_OP_LE:
        return AST_OP_GE;
    case AST_OP_GT:
        return AST_OP_LT;
    case AST_OP_GE:
        return AST_OP_LE;
    default:
        return op;
    }
}

enum status expr_bind_compare(struct expr_binder *binder, enum ast_operator op,
                              struct expr_node *left, struct expr_node *right,
                              struct expr_node **out)
{
    enum status status = expr_match(binder, operator_text(op), &left, &right);
    bool turn = right->kind == NODE_COLUMN && left->kind != NODE_COLUMN;

    CHECK(op >= AST_OP_EQ && op <= AST_OP_GE);
    if (status != STATUS_OK)
        return status;
    *out = expr_node_new(binder, NODE_COMPARE, VALUE_BOOLEAN, NULL, 2);
    (*out)->start = left->start;
    (*out)->end = right->end;
    (*out)->op = turn ? operator_turned(op) : op;
    (*out)->args[0] = turn ? right : left;
    (*out)->args[1] = turn ? left : right;
    expr_fold(binder, out);
    return STATUS_OK;
}

/* ---- arithmetic ---------------------------------------------------------------------------------
 */

/* moment ± INTERVAL */
static enum status operator_interval(struct expr_binder *binder, const struct ast_expr *tree,
                                     struct expr_node **out)
{
    bool first = tree->args[0]->kind == AST_INTERVAL;
    const struct ast_expr *interval = tree->args[first ? 0 : 1];
    int64_t sign = tree->op == AST_OP_SUB ? -1 : 1;
    struct expr_node *args[4];
    enum status status = expr_bind(binder, tree->args[first ? 1 : 0], &args[0]);

    CHECK(tree->kind == AST_BINARY && tree->arg_count == 2);
    if (status != STATUS_OK)
        return status;
    if ((tree->op != AST_OP_ADD && tree->op != AST_OP_SUB) || (first && sign < 0))
        return expr_not_supported(binder, tree->start, "this use of INTERVAL");
    if (args[0]->unknown || args[0]->type.kind == VALUE_DATE)
        status = expr_coerce(binder, &args[0], VALUE_TIMESTAMP);
    if (status != STATUS_OK)
        return status;
    bool time = args[0]->type.kind == VALUE_TIME;
    if (!time && args[0]->type.kind != VALUE_TIMESTAMP)
        return expr_error(binder, STATUS_TYPE_MISMATCH, tree->start,
                          "operator does not exist: %s %s INTERVAL",
                          value_type_name(args[0]->type.kind), operator_text(tree->op));
    args[1] = expr_constant(binder, value_integer(VALUE_BIGINT, sign * interval->interval.months),
                            args[0]);
    args[2] =
        expr_constant(binder, value_integer(VALUE_BIGINT, sign * interval->interval.days), args[0]);
    args[3] =
        expr_constant(binder, value_integer(VALUE_BIGINT, sign * interval->interval.us), args[0]);
    return expr_call_node(binder, time ? &expr_function_time_add : &expr_function_timestamp_add,
                          args, 4, out);
}

/* DATE ± integer, DATE - DATE; false if it is none of them. */
static bool operator_date(const struct ast_expr *tree, struct expr_node **args,
                          const struct expr_function **function)
{
    enum value_type a = args[0]->type.kind, b = args[1]->type.kind;

    CHECK(tree->kind == AST_BINARY && tree->arg_count == 2);
    if (args[0]->unknown || args[1]->unknown)
        return false;
    if (tree->op == AST_OP_ADD && b == VALUE_DATE && value_type_is_integer(a)) {
        struct expr_node *swap = args[0];
        args[0] = args[1];
        args[1] = swap;
        *function = &expr_function_date_add;
        return true;
    }
    if (a != VALUE_DATE || (tree->op != AST_OP_ADD && tree->op != AST_OP_SUB))
        return false;
    if (value_type_is_integer(b))
        *function = tree->op == AST_OP_ADD ? &expr_function_date_add : &expr_function_date_sub;
    else if (b == VALUE_DATE && tree->op == AST_OP_SUB)
        *function = &expr_function_date_diff;
    else
        return false;
    return true;
}

static uint8_t operator_scale(enum ast_operator op, struct data_type a, struct data_type b)
{
    unsigned scale = a.scale > b.scale ? a.scale : b.scale;

    CHECK(a.scale <= 38 && b.scale <= 38);
    if (op == AST_OP_MUL)
        scale = (unsigned)a.scale + b.scale;
    return (uint8_t)(scale > 38 ? 38 : scale);
}

static enum status operator_arithmetic(struct expr_binder *binder, const struct ast_expr *tree,
                                       struct expr_node **args, struct expr_node **out)
{
    const struct expr_function *function;

    CHECK(tree->kind == AST_BINARY && tree->arg_count == 2);
    if (operator_date(tree, args, &function))
        return expr_call_node(binder, function, args, 2, out);
    return expr_bind_arithmetic(binder, tree->op, tree, args, out);
}

enum status expr_bind_arithmetic(struct expr_binder *binder, enum ast_operator op,
                                 const struct ast_expr *at, struct expr_node **args,
                                 struct expr_node **out)
{
    enum value_type type;
    enum status status = STATUS_OK;

    CHECK(op >= AST_OP_ADD && op <= AST_OP_MOD);
    if (args[0]->unknown && args[1]->unknown)
        status = expr_coerce(binder, &args[0], VALUE_BIGINT);
    for (size_t i = 0; i < 2 && status == STATUS_OK; i++) {
        if (!args[i]->unknown)
            continue;
        if (!value_type_is_number(args[1 - i]->type.kind))
            return operator_missing(binder, operator_text(op), args[0], args[1]);
        status = expr_coerce(binder, &args[i], args[1 - i]->type.kind);
    }
    if (status != STATUS_OK)
        return status;
    enum value_type a = args[0]->type.kind, b = args[1]->type.kind;
    bool moments = (a == VALUE_TIMESTAMP || a == VALUE_DATE || a == VALUE_TIME) &&
                   (b == VALUE_TIMESTAMP || b == VALUE_DATE || b == VALUE_TIME);
    if (moments)
        return expr_not_supported(binder, at->start, "the difference of %s and %s",
                                  value_type_name(a), value_type_name(b));
    if (!value_arithmetic_type(a, b, &type))
        return operator_missing(binder, operator_text(op), args[0], args[1]);
    if (type == VALUE_FLOAT && (a == VALUE_DECIMAL || b == VALUE_DECIMAL)) /* last digits differ */
        return expr_not_supported(binder, at->start, "%s %s %s", value_type_name(a),
                                  operator_text(op), value_type_name(b));
    if (type == VALUE_DECIMAL && op == AST_OP_DIV)
        type = VALUE_DOUBLE; /* as in DuckDB, whose DECIMAL cannot hold PostgreSQL's quotients */
    *out = expr_node_new(binder, NODE_ARITHMETIC, type, at, 2);
    (*out)->op = op;
    if (type == VALUE_DECIMAL)
        (*out)->type.scale = operator_scale(op, args[0]->type, args[1]->type);
    (*out)->args[0] = args[0];
    (*out)->args[1] = args[1];
    expr_fold(binder, out);
    return STATUS_OK;
}

/* ---- AND, OR, ||, -> ----------------------------------------------------------------------------
 */

static enum status operator_logic(struct expr_binder *binder, const struct ast_expr *tree,
                                  struct expr_node **args, struct expr_node **out)
{
    bool and_ = tree->op == AST_OP_AND;
    const char *what = and_ ? "argument of AND" : "argument of OR";
    enum status status = expr_require(binder, &args[0], VALUE_BOOLEAN, what);

    CHECK(tree->op == AST_OP_AND || tree->op == AST_OP_OR);
    if (status == STATUS_OK)
        status = expr_require(binder, &args[1], VALUE_BOOLEAN, what);
    if (status != STATUS_OK)
        return status;
    *out = expr_node_new(binder, and_ ? NODE_AND : NODE_OR, VALUE_BOOLEAN, tree, 2);
    (*out)->args[0] = args[0];
    (*out)->args[1] = args[1];
    expr_fold(binder, out);
    return STATUS_OK;
}

static enum status operator_concat(struct expr_binder *binder, const struct ast_expr *tree,
                                   struct expr_node **args, struct expr_node **out)
{
    enum status status = STATUS_OK;

    CHECK(tree->op == AST_OP_CONCAT);
    if (args[0]->type.kind == VALUE_BYTES && args[1]->type.kind == VALUE_BYTES)
        return expr_call_node(binder, &expr_function_concat_bytes, args, 2, out);
    if (args[0]->type.kind != VALUE_TEXT && args[1]->type.kind != VALUE_TEXT) {
        if (args[0]->type.kind == args[1]->type.kind)
            return expr_not_supported(binder, tree->start, "%s || %s",
                                      value_type_name(args[0]->type.kind),
                                      value_type_name(args[1]->type.kind));
        return operator_missing(binder, "||", args[0], args[1]);
    }
    for (size_t i = 0; i < 2 && status == STATUS_OK; i++) {
        enum value_type other = args[1 - i]->type.kind;

        if (args[i]->unknown && (other == VALUE_JSON || other == VALUE_BYTES))
            return expr_not_supported(binder, tree->start, "|| of %s", value_type_name(other));
        status = expr_coerce(binder, &args[i], VALUE_TEXT);
    }
    return status != STATUS_OK ? status
                               : expr_call_node(binder, &expr_function_concat_op, args, 2, out);
}

static enum status operator_json(struct expr_binder *binder, const struct ast_expr *tree,
                                 struct expr_node **args, struct expr_node **out)
{
    enum status status = STATUS_OK;

    CHECK(tree->op == AST_OP_JSON || tree->op == AST_OP_JSON_TEXT);
    if (args[0]->unknown)
        status = expr_coerce(binder, &args[0], VALUE_JSON);
    if (status != STATUS_OK)
        return status;
    if (args[0]->type.kind != VALUE_JSON && args[0]->type.kind != VALUE_TEXT)
        return operator_missing(binder, operator_text(tree->op), args[0], args[1]);
    if (args[1]->unknown)
        status = expr_coerce(binder, &args[1], VALUE_TEXT);
    if (status != STATUS_OK)
        return status;
    if (args[1]->type.kind != VALUE_TEXT && !value_type_is_integer(args[1]->type.kind))
        return operator_missing(binder, operator_text(tree->op), args[0], args[1]);
    return expr_call_node(binder,
                          tree->op == AST_OP_JSON ? &expr_function_json : &expr_function_json_text,
                          args, 2, out);
}

enum status expr_bind_binary(struct expr_binder *binder, const struct ast_expr *tree,
                             struct expr_node **out)
{
    struct expr_node *args[2];
    enum status status;

    CHECK(tree->kind == AST_BINARY && tree->arg_count == 2);
    if (tree->args[0]->kind == AST_INTERVAL || tree->args[1]->kind == AST_INTERVAL)
        return operator_interval(binder, tree, out);
    status = expr_bind(binder, tree->args[0], &args[0]);
    if (status == STATUS_OK)
        status = expr_bind(binder, tree->args[1], &args[1]);
    if (status != STATUS_OK)
        return status;
    switch (tree->op) {
    case AST_OP_AND:
    case AST_OP_OR:
        return operator_logic(binder, tree, args, out);
    case AST_OP_EQ:
    case AST_OP_NE:
    case AST_OP_LT:
    case AST_OP_LE:
    case AST_OP_GT:
    case AST_OP_GE:
        return expr_bind_compare(binder, tree->op, args[0], args[1], out);
    case AST_OP_CONCAT:
        return operator_concat(binder, tree, args, out);
    case AST_OP_JSON:
    case AST_OP_JSON_TEXT:
        return operator_json(binder, tree, args, out);
    default:
        return operator_arithmetic(binder, tree, args, out);
    }
}

/* ---- several results ----------------------------------------------------------------------------
 */

/* The wider of two types of one class; false if they do not meet. */
static bool operator_wider(struct data_type a, struct data_type b, struct data_type *out)
{
    CHECK(a.kind != VALUE_NULL && b.kind != VALUE_NULL);
    if (a.kind == b.kind) {
        *out = a;
        if (b.scale > a.scale)
            out->scale = b.scale;
        if (a.length_max != b.length_max)
            out->length_max = 0;
        return true;
    }
    if (value_type_is_number(a.kind) && value_type_is_number(b.kind)) {
        /* the enum orders integers < FLOAT < DOUBLE < DECIMAL; real numbers win over DECIMAL */
        if (a.kind == VALUE_DOUBLE || b.kind == VALUE_DOUBLE)
            *out = (struct data_type){.kind = VALUE_DOUBLE};
        else if (a.kind == VALUE_FLOAT || b.kind == VALUE_FLOAT)
            *out = (struct data_type){.kind = VALUE_FLOAT};
        else
            *out = a.kind > b.kind ? a : b;
        return true;
    }
    if ((a.kind == VALUE_DATE && b.kind == VALUE_TIMESTAMP) ||
        (a.kind == VALUE_TIMESTAMP && b.kind == VALUE_DATE)) {
        *out = (struct data_type){.kind = VALUE_TIMESTAMP};
        return true;
    }
    if ((a.kind == VALUE_UUID && b.kind == VALUE_TEXT) ||
        (a.kind == VALUE_TEXT && b.kind == VALUE_UUID)) {
        *out = (struct data_type){.kind = VALUE_TEXT};
        return true;
    }
    return false;
}

enum status expr_common_type(struct expr_binder *binder, struct expr_node **args, size_t count,
                             size_t step, const char *what, struct data_type *out)
{
    bool known = false;

    CHECK(step > 0 && count > 0);
    *out = (struct data_type){.kind = VALUE_TEXT};
    for (size_t i = 0; i < count; i += step) {
        if (args[i]->unknown)
            continue;
        if (!known)
            *out = args[i]->type;
        else if (!operator_wider(*out, args[i]->type, out))
            return expr_error(binder, STATUS_TYPE_MISMATCH, args[i]->start,
                              "%s types %s and %s cannot be matched", what,
                              value_type_name(out->kind), value_type_name(args[i]->type.kind));
        known = true;
    }
    for (size_t i = 0; i < count; i += step) {
        if (out->kind == VALUE_FLOAT && args[i]->type.kind == VALUE_DECIMAL)
            return expr_not_supported(binder, args[i]->start, "%s of FLOAT and DECIMAL", what);
        enum status status = expr_coerce(binder, &args[i], out->kind);

        if (status != STATUS_OK)
            return status;
        if (args[i]->type.scale > out->scale) /* what was unknown may have more digits */
            out->scale = args[i]->type.scale;
    }
    return STATUS_OK;
}
