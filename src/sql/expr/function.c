/* function.c — the functions of the library that run in our programs; any other is NOT_SUPPORTED
 * here and goes to DuckDB.
 *
 * To add one: a line in `functions`, a run function, and, if its types are not fixed, a bind
 * function.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/expr/expr_internal.h"

#include "base/id.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "value/datetime.h"
#include "value/decimal.h"
#include "value/number.h"

#include <math.h>
#include <stdio.h>

/* ---- fixed per statement or row -----------------------------------------------------------------
 */

static enum status function_now(struct expr_call *call)
{
    CHECK(call->count == 0);
    *call->out = value_integer(VALUE_TIMESTAMP, call->context->now_us);
    return STATUS_OK;
}

static enum status function_current_date(struct expr_call *call)
{
    int64_t time_us;

    CHECK(call->count == 0);
    *call->out = value_integer(VALUE_DATE, datetime_split(call->context->now_us, &time_us));
    return STATUS_OK;
}

static enum status function_current_user(struct expr_call *call)
{
    CHECK(call->count == 0);
    *call->out = value_text(VALUE_TEXT, call->context->user);
    return STATUS_OK;
}

static enum status function_current_role(struct expr_call *call)
{
    CHECK(call->count == 0);
    *call->out = value_text(VALUE_TEXT, call->context->role);
    return STATUS_OK;
}

static enum status function_snowflake_id(struct expr_call *call)
{
    CHECK(call->count == 0);
    *call->out = value_integer(VALUE_BIGINT, id_snowflake());
    return STATUS_OK;
}

static enum status function_uuid_v7(struct expr_call *call)
{
    CHECK(call->count == 0);
    *call->out = (struct value){.type = VALUE_UUID};
    id_uuid_v7(call->out->uuid);
    return STATUS_OK;
}

static enum status function_ulid(struct expr_call *call)
{
    char *text = arena_alloc(call->context->arena, ID_ULID_SIZE);

    CHECK(call->count == 0);
    id_ulid(text);
    *call->out = value_text(VALUE_TEXT, str_from(text, ID_ULID_SIZE));
    return STATUS_OK;
}

/* ---- choosing -----------------------------------------------------------------------------------
 */

static enum status function_nullif(struct expr_call *call)
{
    const struct value *a = &call->args[0], *b = &call->args[1];

    CHECK(call->count == 2);
    if (!a->is_null && !b->is_null && value_compare(a, b) == 0)
        *call->out = value_null(a->type);
    else
        *call->out = *a;
    return STATUS_OK;
}

/* NULLs do not take part. */
static enum status function_extreme(struct expr_call *call, int wanted)
{
    const struct value *best = &call->args[0];

    CHECK(call->count > 0);
    for (size_t i = 1; i < call->count; i++) {
        const struct value *arg = &call->args[i];

        if (arg->is_null)
            continue;
        if (best->is_null || value_compare(arg, best) * wanted > 0)
            best = arg;
    }
    *call->out = *best;
    return STATUS_OK;
}

static enum status function_greatest(struct expr_call *call)
{
    CHECK(call->count > 0);
    return function_extreme(call, 1);
}

static enum status function_least(struct expr_call *call)
{
    CHECK(call->count > 0);
    return function_extreme(call, -1);
}

/* Types must be of a kind that is compared. */
static enum status function_bind_extreme(struct expr_binder *binder, struct expr_node *node)
{
    enum status status =
        expr_common_type(binder, node->args, node->arg_count, 1, node->function->name, &node->type);

    CHECK(node->arg_count > 0);
    if (status == STATUS_OK && node->type.kind == VALUE_JSON)
        return expr_error(binder, STATUS_TYPE_MISMATCH, node->start, "JSON values have no order");
    return status;
}

/* Keeps the type of the first argument. */
static enum status function_bind_nullif(struct expr_binder *binder, struct expr_node *node)
{
    enum value_type a = node->args[0]->type.kind, b = node->args[1]->type.kind;
    bool known = !node->args[0]->unknown && !node->args[1]->unknown;

    CHECK(node->arg_count == 2);
    if (known && a != b &&
        (a == VALUE_FLOAT || b == VALUE_FLOAT || a == VALUE_DOUBLE ||
         b == VALUE_DOUBLE)) /* the result has the type of the first */
        return expr_not_supported(binder, node->start, "NULLIF(%s, %s)", value_type_name(a),
                                  value_type_name(b));
    enum status status = expr_match(binder, "=", &node->args[0], &node->args[1]);
    node->type = node->args[0]->type;
    return status;
}

static enum status function_bind_coalesce(struct expr_binder *binder, struct expr_node *node)
{
    node->kind = NODE_COALESCE;
    CHECK(node->arg_count > 0);
    return expr_common_type(binder, node->args, node->arg_count, 1, "COALESCE", &node->type);
}

/* ---- text ---------------------------------------------------------------------------------------
 */

static enum status function_bind_concat(struct expr_binder *binder, struct expr_node *node)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; i < node->arg_count && status == STATUS_OK; i++) {
        if (node->args[i]->unknown || node->args[i]->type.kind != VALUE_BOOLEAN)
            status = expr_coerce(binder, &node->args[i], VALUE_TEXT);
    }
    CHECK(node->type.kind == VALUE_TEXT);
    return status;
}

static enum status function_bind_length(struct expr_binder *binder, struct expr_node *node)
{
    if (!node->args[0]->unknown && node->args[0]->type.kind == VALUE_BYTES)
        return STATUS_OK;
    CHECK(node->arg_count == 1);
    return expr_require(binder, &node->args[0], VALUE_TEXT, "argument of LENGTH");
}

/* ---- numbers ------------------------------------------------------------------------------------
 */

static enum status function_abs(struct expr_call *call)
{
    CHECK(call->count == 1);
    return value_abs(&call->args[0], call->out, call->err);
}

static struct decimal function_decimal(const struct value *value)
{
    CHECK(value->type == VALUE_DECIMAL);
    return (struct decimal){value->decimal, value->scale};
}

static enum status function_whole(struct expr_call *call, int128 whole)
{
    CHECK(call->args[0].type == VALUE_DECIMAL);
    *call->out = value_decimal(whole, 38, 0);
    return STATUS_OK;
}

static enum status function_floor(struct expr_call *call)
{
    const struct value *arg = &call->args[0];

    CHECK(call->count == 1);
    if (arg->type == VALUE_DOUBLE) {
        *call->out = value_real(VALUE_DOUBLE, floor(arg->real));
        return STATUS_OK;
    }
    int128 unit = decimal_power(arg->scale), whole = arg->decimal / unit;
    return function_whole(call, arg->decimal % unit < 0 ? whole - 1 : whole);
}

static enum status function_ceil(struct expr_call *call)
{
    const struct value *arg = &call->args[0];

    CHECK(call->count == 1);
    if (arg->type == VALUE_DOUBLE) {
        *call->out = value_real(VALUE_DOUBLE, ceil(arg->real));
        return STATUS_OK;
    }
    int128 unit = decimal_power(arg->scale), whole = arg->decimal / unit;
    return function_whole(call, arg->decimal % unit > 0 ? whole + 1 : whole);
}

/* round(n) and round(decimal, digits): half away from zero; of a double half to even. */
static enum status function_round(struct expr_call *call)
{
    const struct value *arg = &call->args[0];
    int64_t digits = call->count == 2 ? call->args[1].integer : 0;
    struct decimal rounded;

    CHECK(call->count == 1 || call->count == 2);
    if (arg->type == VALUE_DOUBLE || value_type_is_integer(arg->type)) {
        *call->out = *arg;
        if (arg->type == VALUE_DOUBLE)
            call->out->real = rint(arg->real);
        return STATUS_OK;
    }
    struct decimal number = function_decimal(arg);
    if (digits < -DECIMAL_DIGITS_MAX) /* every DECIMAL is less than half of the unit */
        return function_whole(call, 0);
    if (digits > DECIMAL_DIGITS_MAX)
        digits = DECIMAL_DIGITS_MAX;
    if (digits >= 0) {
        /* more digits than fit are zeros nobody needs */
        if (!decimal_rescale(number, (uint8_t)digits, &rounded))
            rounded = number;
        *call->out = value_decimal(rounded.unscaled, 38, rounded.scale);
        return STATUS_OK;
    }
    int128 unit = decimal_power((unsigned)-digits);
    int128 whole = number.unscaled / decimal_power(number.scale);
    int128 rest = whole % unit, half = unit / 2;
    whole -= rest;
    if (rest >= half)
        whole += unit;
    else if (rest <= -half)
        whole -= unit;
    if (decimal_digits(whole) > DECIMAL_DIGITS_MAX)
        return error_set(call->err, STATUS_SQL_EXECUTION_ERROR, "numeric out of range");
    return function_whole(call, whole);
}

/* DECIMAL stays, an integer that is rounded too; every other number becomes DOUBLE. */
/* Digits behind the point; those of the argument if they are told only when it is run. */
static uint8_t function_rounded_scale(const struct expr_node *node)
{
    const struct expr_node *digits = node->arg_count == 2 ? node->args[1] : NULL;

    CHECK(node->arg_count == 1 || node->arg_count == 2);
    if (!digits)
        return 0;
    if (digits->kind != NODE_CONSTANT || digits->value.is_null)
        return node->args[0]->type.scale;
    if (digits->value.integer < 0)
        return 0;
    return (uint8_t)(digits->value.integer > 38 ? 38 : digits->value.integer);
}

static enum status function_bind_rounding(struct expr_binder *binder, struct expr_node *node)
{
    bool digits = node->arg_count == 2;
    enum value_type type = node->args[0]->type.kind;
    enum status status = STATUS_OK;

    if (!node->args[0]->unknown && !value_type_is_number(type))
        return expr_error(binder, STATUS_TYPE_MISMATCH, node->start,
                          "argument of %s must be a number, not %s", node->function->name,
                          value_type_name(type));
    if (type == VALUE_FLOAT || (digits && type != VALUE_DECIMAL && !node->args[0]->unknown))
        return expr_not_supported(binder, node->start, "%s of %s in this form",
                                  node->function->name, value_type_name(type));
    if (digits)
        status = expr_require(binder, &node->args[1], VALUE_BIGINT, "digits of ROUND");
    if (status == STATUS_OK && (digits || (!node->args[0]->unknown && type == VALUE_DECIMAL)))
        status = expr_coerce(binder, &node->args[0], VALUE_DECIMAL);
    else if (status == STATUS_OK && (node->function->run != function_round ||
                                     node->args[0]->unknown || !value_type_is_integer(type)))
        status = expr_coerce(binder, &node->args[0], VALUE_DOUBLE);
    if (status != STATUS_OK)
        return status;
    CHECK(node->arg_count <= 2);
    node->type = node->args[0]->type;
    if (node->type.kind == VALUE_DECIMAL)
        node->type.scale = function_rounded_scale(node);
    return STATUS_OK;
}

static enum status function_bind_abs(struct expr_binder *binder, struct expr_node *node)
{
    enum status status = STATUS_OK;

    if (node->args[0]->unknown)
        status = expr_coerce(binder, &node->args[0], VALUE_DOUBLE);
    if (status == STATUS_OK && !value_type_is_number(node->args[0]->type.kind))
        return expr_error(binder, STATUS_TYPE_MISMATCH, node->start,
                          "argument of ABS must be a number, not %s",
                          value_type_name(node->args[0]->type.kind));
    CHECK(node->arg_count == 1);
    node->type = node->args[0]->type;
    return status;
}

/* ---- the table ----------------------------------------------------------------------------------
 */

enum { FUNCTION_ARGS_MAX = 100 };

static const struct expr_function functions[] = {
    /* name, args, min, flags, result, run, bind */
    {"now", "", 0, EXPR_STABLE, VALUE_TIMESTAMP, function_now, NULL},
    {"current_timestamp", "", 0, EXPR_STABLE, VALUE_TIMESTAMP, function_now, NULL},
    {"localtimestamp", "", 0, EXPR_STABLE, VALUE_TIMESTAMP, function_now, NULL},
    {"current_date", "", 0, EXPR_STABLE, VALUE_DATE, function_current_date, NULL},
    {"current_user", "", 0, EXPR_STABLE, VALUE_TEXT, function_current_user, NULL},
    {"current_role", "", 0, EXPR_STABLE, VALUE_TEXT, function_current_role, NULL},
    {"snowflake_id", "", 0, EXPR_PER_ROW, VALUE_BIGINT, function_snowflake_id, NULL},
    {"uuid_v7", "", 0, EXPR_PER_ROW, VALUE_UUID, function_uuid_v7, NULL},
    {"ulid", "", 0, EXPR_PER_ROW, VALUE_TEXT, function_ulid, NULL},
    {"coalesce", NULL, 1, 0, VALUE_TEXT, NULL, function_bind_coalesce},
    {"nullif", "aa", 2, 0, VALUE_TEXT, function_nullif, function_bind_nullif},
    {"greatest", NULL, 1, 0, VALUE_TEXT, function_greatest, function_bind_extreme},
    {"least", NULL, 1, 0, VALUE_TEXT, function_least, function_bind_extreme},
    {"upper", "t", 1, EXPR_STRICT, VALUE_TEXT, expr_run_upper, NULL},
    {"lower", "t", 1, EXPR_STRICT, VALUE_TEXT, expr_run_lower, NULL},
    {"length", "a", 1, EXPR_STRICT, VALUE_INT, expr_run_length, function_bind_length},
    {"char_length", "t", 1, EXPR_STRICT, VALUE_INT, expr_run_length, NULL},
    {"character_length", "t", 1, EXPR_STRICT, VALUE_INT, expr_run_length, NULL},
    {"strpos", "tt", 2, EXPR_STRICT, VALUE_INT, expr_run_strpos, NULL},
    {"position", "tt", 2, EXPR_STRICT, VALUE_INT, expr_run_strpos, NULL},
    {"substring", "tii", 2, EXPR_STRICT, VALUE_TEXT, expr_run_substring, NULL},
    {"substr", "tii", 2, EXPR_STRICT, VALUE_TEXT, expr_run_substring, NULL},
    {"concat", NULL, 1, 0, VALUE_TEXT, expr_run_concat, function_bind_concat},
    {"btrim", "tt", 1, EXPR_STRICT, VALUE_TEXT, expr_run_btrim, NULL},
    {"trim", "tt", 1, EXPR_STRICT, VALUE_TEXT, expr_run_btrim, NULL},
    {"ltrim", "tt", 1, EXPR_STRICT, VALUE_TEXT, expr_run_ltrim, NULL},
    {"rtrim", "tt", 1, EXPR_STRICT, VALUE_TEXT, expr_run_rtrim, NULL},
    {"replace", "ttt", 3, EXPR_STRICT, VALUE_TEXT, expr_run_replace, NULL},
    {"abs", "a", 1, EXPR_STRICT, VALUE_DOUBLE, function_abs, function_bind_abs},
    {"round", "aa", 1, EXPR_STRICT, VALUE_DOUBLE, function_round, function_bind_rounding},
    {"floor", "a", 1, EXPR_STRICT, VALUE_DOUBLE, function_floor, function_bind_rounding},
    {"ceil", "a", 1, EXPR_STRICT, VALUE_DOUBLE, function_ceil, function_bind_rounding},
    {"ceiling", "a", 1, EXPR_STRICT, VALUE_DOUBLE, function_ceil, function_bind_rounding},
    {"date_trunc", "tm", 2, EXPR_STRICT, VALUE_TIMESTAMP, expr_run_date_trunc, NULL},
    {"extract", "aa", 2, EXPR_STRICT, VALUE_BIGINT, expr_run_extract, expr_bind_extract},
};

static const struct expr_function *function_find(struct str name)
{
    CHECK(name.size > 0);
    for (size_t i = 0; i < ARRAY_COUNT(functions); i++) {
        if (str_equal(name, str_from_c(functions[i].name)))
            return &functions[i];
    }
    return NULL;
}

/* Arguments by the letters of the table. */
static enum status function_args(struct expr_binder *binder, struct expr_node *node)
{
    char what[48];
    enum status status = STATUS_OK;

    CHECK(node->function->args != NULL);
    for (size_t i = 0; i < node->arg_count && status == STATUS_OK; i++) {
        char letter = node->function->args[i];

        CHECK(snprintf(what, sizeof(what), "argument %zu of %s", i + 1, node->function->name) > 0);
        if (letter == 't')
            status = expr_require(binder, &node->args[i], VALUE_TEXT, what);
        else if (letter == 'i')
            status = expr_require(binder, &node->args[i], VALUE_BIGINT, what);
        else if (letter == 'm')
            status = expr_require(binder, &node->args[i], VALUE_TIMESTAMP, what);
    }
    return status;
}

enum status expr_call_node(struct expr_binder *binder, const struct expr_function *function,
                           struct expr_node **args, size_t count, struct expr_node **out)
{
    struct expr_node *node = expr_node_new(binder, NODE_CALL, function->result, NULL, count);

    CHECK(count >= function->min);
    node->function = function;
    for (size_t i = 0; i < count; i++)
        node->args[i] = args[i];
    if (count > 0) {
        node->start = args[0]->start;
        node->end = args[count - 1]->end;
    }
    *out = node;
    expr_fold(binder, out);
    return STATUS_OK;
}

static enum status function_check_call(struct expr_binder *binder, const struct ast_expr *tree,
                                       const struct expr_function *function)
{
    struct str name = utf8_cut(tree->name, LIMIT_IDENTIFIER_BYTES);

    CHECK(tree->kind == AST_CALL);
    if (function == NULL || tree->distinct || tree->star)
        return expr_not_supported(binder, tree->start, "function %.*s here", STR_ARG(name));
    size_t max = function->args != NULL ? strlen(function->args) : FUNCTION_ARGS_MAX;
    if (tree->arg_count < function->min || tree->arg_count > max)
        return expr_not_supported(binder, tree->start, "function %.*s with %zu arguments",
                                  STR_ARG(name), tree->arg_count);
    if ((function->flags & EXPR_PER_ROW) && !binder->scope->allow_per_row_functions)
        return expr_not_supported(binder, tree->start, "function %.*s here", STR_ARG(name));
    return STATUS_OK;
}

enum status expr_bind_call(struct expr_binder *binder, const struct ast_expr *tree,
                           struct expr_node **out)
{
    const struct expr_function *function = function_find(tree->name);
    enum status status = function_check_call(binder, tree, function);

    CHECK(tree->kind == AST_CALL);
    if (status != STATUS_OK)
        return status;
    struct expr_node *node =
        expr_node_new(binder, NODE_CALL, function->result, tree, tree->arg_count);
    node->function = function;
    for (size_t i = 0; i < tree->arg_count && status == STATUS_OK; i++)
        status = expr_bind(binder, tree->args[i], &node->args[i]);
    if (status == STATUS_OK && function->args != NULL)
        status = function_args(binder, node);
    if (status == STATUS_OK && function->bind != NULL)
        status = function->bind(binder, node);
    if (status != STATUS_OK)
        return status;
    *out = node;
    expr_fold(binder, out);
    return STATUS_OK;
}
