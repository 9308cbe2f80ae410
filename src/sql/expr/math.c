/* math.c — functions of numbers. DOUBLE and FLOAT are computed by the C library's functions in the
 * order in which DuckDB calls them, so that both executors give the same last digit; a result that
 * is no finite number is an error.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/expr/expr_internal.h"

#include "value/decimal.h"
#include "value/number.h"

#include <math.h>

enum { MATH_TENS_DIGITS = 28 }; /* of what is rounded in the tens, by DuckDB's macro */

static bool math_is_real(enum value_type type)
{
    CHECK((unsigned)type < VALUE_TYPE_COUNT);
    return type == VALUE_FLOAT || type == VALUE_DOUBLE;
}

/* ---- rounding -----------------------------------------------------------------------------------
 */

enum status expr_run_abs(struct expr_call *call)
{
    CHECK(call->count == 1);
    return value_abs(&call->args[0], call->out, call->err);
}

static enum status math_whole(struct expr_call *call, int128 whole)
{
    CHECK(call->args[0].type == VALUE_DECIMAL);
    *call->out = value_decimal(whole, 38, 0);
    return STATUS_OK;
}

static enum status math_result(struct expr_call *call, enum value_type type, double result)
{
    CHECK(math_is_real(type));
    if (isnan(result))
        return error_set(call->err, STATUS_SQL_EXECUTION_ERROR, "input of %s is out of range",
                         call->function->name);
    if (type == VALUE_FLOAT)
        result = (double)(float)result;
    if (!isfinite(result))
        return error_set(call->err, STATUS_SQL_EXECUTION_ERROR, "value out of range: overflow");
    *call->out = value_real(type, result);
    return STATUS_OK;
}

/* Of the type of the first argument. */
static enum status math_same(struct expr_call *call, double result)
{
    CHECK(call->count > 0);
    return math_result(call, call->args[0].type, result);
}

enum status expr_run_floor(struct expr_call *call)
{
    const struct value *arg = &call->args[0];

    CHECK(call->count == 1);
    if (math_is_real(arg->type))
        return math_same(call, floor(arg->real));
    int128 unit = decimal_power(arg->scale), whole = arg->decimal / unit;
    return math_whole(call, arg->decimal % unit < 0 ? whole - 1 : whole);
}

enum status expr_run_ceil(struct expr_call *call)
{
    const struct value *arg = &call->args[0];

    CHECK(call->count == 1);
    if (math_is_real(arg->type))
        return math_same(call, ceil(arg->real));
    int128 unit = decimal_power(arg->scale), whole = arg->decimal / unit;
    return math_whole(call, arg->decimal % unit > 0 ? whole + 1 : whole);
}

enum status expr_run_trunc(struct expr_call *call)
{
    const struct value *arg = &call->args[0];

    CHECK(call->count == 1);
    if (math_is_real(arg->type))
        return math_same(call, trunc(arg->real));
    if (arg->type == VALUE_DECIMAL)
        return math_whole(call, arg->decimal / decimal_power(arg->scale));
    *call->out = *arg;
    return STATUS_OK;
}

/* Half away from zero, by a power of ten; what leaves the type stays as it is. */
static double math_round_digits(double x, int64_t digits)
{
    double unit = pow(10, fabs((double)digits));
    double rounded = digits < 0 ? round(x / unit) * unit : round(x * unit) / unit;

    CHECK(isfinite(x));
    if (isfinite(rounded))
        return rounded;
    return digits < 0 ? 0 : x;
}

static enum status math_round_tens(struct expr_call *call, struct decimal number, int64_t digits)
{
    int128 unit = decimal_power((unsigned)-digits);
    int128 whole = number.unscaled / decimal_power(number.scale);
    int128 rest = whole % unit, half = unit / 2;

    CHECK(digits < 0);
    whole -= rest;
    if (rest >= half)
        whole += unit;
    else if (rest <= -half)
        whole -= unit;
    if (decimal_digits(whole) > DECIMAL_DIGITS_MAX)
        return error_set(call->err, STATUS_SQL_EXECUTION_ERROR, "numeric out of range");
    return math_whole(call, whole);
}

/* Half away from zero; round(x) of a FLOAT or DOUBLE: half to even. */
enum status expr_run_round(struct expr_call *call)
{
    const struct value *arg = &call->args[0];
    int64_t digits = call->count == 2 ? call->args[1].integer : 0;
    struct decimal rounded;

    CHECK(call->count == 1 || call->count == 2);
    if (math_is_real(arg->type))
        return math_same(call,
                         call->count == 1 ? rint(arg->real) : math_round_digits(arg->real, digits));
    if (arg->type != VALUE_DECIMAL) { /* an integer: nothing behind the point */
        *call->out = *arg;
        return STATUS_OK;
    }
    struct decimal number = {arg->decimal, arg->scale};
    if (digits < -DECIMAL_DIGITS_MAX) /* every DECIMAL is less than half of the unit */
        return math_whole(call, 0);
    if (digits > DECIMAL_DIGITS_MAX)
        digits = DECIMAL_DIGITS_MAX;
    if (digits < 0)
        return math_round_tens(call, number, digits);
    /* more digits than fit are zeros nobody needs */
    if (!decimal_rescale(number, (uint8_t)digits, &rounded))
        rounded = number;
    *call->out = value_decimal(rounded.unscaled, 38, rounded.scale);
    return STATUS_OK;
}

/* Digits behind the point; those of the argument if they are told only when it is run. */
static uint8_t math_rounded_scale(const struct expr_node *node)
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

/* As DuckDB has it, but for the digits that it would not show. */
static void math_type_rounded(struct expr_node *node)
{
    unsigned before = node->type.scale, after = math_rounded_scale(node);
    unsigned precision = node->type.precision;
    const struct expr_node *digits = node->arg_count == 2 ? node->args[1] : NULL;

    CHECK(node->type.kind == VALUE_DECIMAL);
    node->type.scale = (uint8_t)after;
    if (precision == 0)
        return;
    if (after > before)
        precision += after - before;
    else if (node->function->run == expr_run_round && !digits && before > 0)
        precision++; /* 9.9 → 10 */
    else if (digits && digits->kind == NODE_CONSTANT && !digits->value.is_null &&
             digits->value.integer < 0 && precision < MATH_TENS_DIGITS)
        precision = MATH_TENS_DIGITS;
    node->type.precision = (uint8_t)(precision > 38 ? 38 : precision);
}

/* The digits of ROUND(x, digits). Integers round in the tens as DECIMAL, as the macro of DuckDB. */
static enum status math_bind_digits(struct expr_binder *binder, struct expr_node *node)
{
    struct expr_node **digits = &node->args[1];
    enum value_type type = node->args[0]->type.kind;
    enum status status = STATUS_OK;

    CHECK(node->arg_count == 2);
    if (node->args[0]->unknown || (type == VALUE_DECIMAL && (*digits)->unknown))
        status = expr_coerce(binder, &node->args[0], VALUE_DECIMAL);
    if (status == STATUS_OK)
        status = expr_require(binder, digits, VALUE_BIGINT, "digits of ROUND");
    if (status != STATUS_OK)
        return status;
    bool constant = (*digits)->kind == NODE_CONSTANT && !(*digits)->value.is_null;
    bool wide = (*digits)->type.kind == VALUE_BIGINT && (*digits)->kind != NODE_PARAM;
    if ((math_is_real(type) && wide) || (value_type_is_integer(type) && !constant))
        return expr_not_supported(binder, node->start, "round(%s, %s) in this form",
                                  value_type_name(type), value_type_name((*digits)->type.kind));
    if (value_type_is_integer(type) && (*digits)->value.integer < 0) {
        status = expr_coerce(binder, &node->args[0], VALUE_DECIMAL);
        node->args[0]->type.precision = MATH_TENS_DIGITS;
    }
    return status;
}

/* DECIMAL, FLOAT and DOUBLE stay what they are, an integer that is rounded or cut off too. */
enum status expr_bind_rounding(struct expr_binder *binder, struct expr_node *node)
{
    bool keeps = node->function->run == expr_run_round || node->function->run == expr_run_trunc;
    enum value_type type = node->args[0]->type.kind;
    enum status status = STATUS_OK;

    CHECK(node->arg_count == 1 || node->arg_count == 2);
    if (!node->args[0]->unknown && !value_type_is_number(type))
        return expr_error(binder, STATUS_TYPE_MISMATCH, node->start,
                          "argument of %s must be a number, not %s", node->function->name,
                          value_type_name(type));
    if (node->arg_count == 2)
        status = math_bind_digits(binder, node);
    else if (node->args[0]->unknown || (value_type_is_integer(type) && !keeps))
        status = expr_coerce(binder, &node->args[0], VALUE_DOUBLE);
    if (status != STATUS_OK)
        return status;
    node->type = node->args[0]->type;
    if (node->type.kind == VALUE_DECIMAL)
        math_type_rounded(node);
    return STATUS_OK;
}

enum status expr_bind_abs(struct expr_binder *binder, struct expr_node *node)
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

enum status expr_bind_sign(struct expr_binder *binder, struct expr_node *node)
{
    CHECK(node->arg_count == 1);
    if (node->args[0]->unknown)
        return expr_coerce(binder, &node->args[0], VALUE_DOUBLE);
    if (!value_type_is_number(node->args[0]->type.kind))
        return expr_not_supported(binder, node->start, "sign of %s",
                                  value_type_name(node->args[0]->type.kind));
    return STATUS_OK;
}

enum status expr_run_sign(struct expr_call *call)
{
    const struct value *arg = &call->args[0];
    int sign;

    CHECK(call->count == 1);
    if (math_is_real(arg->type))
        sign = (arg->real > 0) - (arg->real < 0);
    else if (arg->type == VALUE_DECIMAL)
        sign = (arg->decimal > 0) - (arg->decimal < 0);
    else
        sign = (arg->integer > 0) - (arg->integer < 0);
    *call->out = value_integer(VALUE_SMALLINT, sign);
    return STATUS_OK;
}

/* mod(a, b) is a % b. */
enum status expr_bind_mod(struct expr_binder *binder, struct expr_node *node)
{
    const struct ast_expr at = {.start = node->start, .end = node->end};
    struct expr_node *made;
    enum status status = expr_bind_arithmetic(binder, AST_OP_MOD, &at, node->args, &made);

    CHECK(node->arg_count == 2);
    if (status == STATUS_OK)
        *node = *made;
    return status;
}

/* ---- functions of DOUBLE ------------------------------------------------------------------------
 */

static enum status math_double(struct expr_call *call, double result)
{
    CHECK(call->count <= 2);
    return math_result(call, VALUE_DOUBLE, result);
}

enum status expr_run_real(struct expr_call *call)
{
    CHECK(call->count == 1 && call->function->real != NULL);
    return math_double(call, call->function->real(call->args[0].real));
}

enum status expr_run_sqrt(struct expr_call *call)
{
    CHECK(call->count == 1);
    if (call->args[0].real < 0)
        return error_set(call->err, STATUS_SQL_EXECUTION_ERROR,
                         "cannot take square root of a negative number");
    return math_double(call, sqrt(call->args[0].real));
}

static enum status math_has_log(struct expr_call *call, double x)
{
    CHECK(isfinite(x));
    if (x > 0)
        return STATUS_OK;
    return error_set(call->err, STATUS_SQL_EXECUTION_ERROR, "cannot take logarithm of %s",
                     x < 0 ? "a negative number" : "zero");
}

enum status expr_run_log(struct expr_call *call)
{
    enum status status = math_has_log(call, call->args[0].real);

    CHECK(call->count == 1 && call->function->real != NULL);
    return status == STATUS_OK ? math_double(call, call->function->real(call->args[0].real))
                               : status;
}

/* log(x), to the base of 10, and log(base, x). */
enum status expr_run_log_base(struct expr_call *call)
{
    enum status status = math_has_log(call, call->args[0].real);

    CHECK(call->count == 1 || call->count == 2);
    if (status != STATUS_OK || call->count == 1)
        return status == STATUS_OK ? math_double(call, log10(call->args[0].real)) : status;
    double base = log10(call->args[0].real);
    if (base == 0)
        return error_set(call->err, STATUS_SQL_EXECUTION_ERROR, "division by zero");
    status = math_has_log(call, call->args[1].real);
    return status == STATUS_OK ? math_double(call, log10(call->args[1].real) / base) : status;
}

enum status expr_run_power(struct expr_call *call)
{
    CHECK(call->count == 2);
    return math_double(call, pow(call->args[0].real, call->args[1].real));
}

enum status expr_run_atan2(struct expr_call *call)
{
    CHECK(call->count == 2);
    return math_double(call, atan2(call->args[0].real, call->args[1].real));
}

enum status expr_run_pi(struct expr_call *call)
{
    CHECK(call->count == 0);
    return math_double(call, M_PI);
}

double expr_real_degrees(double x)
{
    CHECK(isfinite(x));
    return x * (180 / M_PI);
}

double expr_real_radians(double x)
{
    CHECK(isfinite(x));
    return x * (M_PI / 180);
}

double expr_real_cot(double x)
{
    CHECK(isfinite(x));
    return 1 / tan(x);
}

/* The next even number away from zero. */
double expr_real_even(double x)
{
    double whole = ceil(fabs(x));

    CHECK(isfinite(x));
    if (floor(whole / 2) * 2 != whole)
        whole += 1;
    return x >= 0 ? whole : -whole;
}

/* ---- functions of integers ----------------------------------------------------------------------
 */

static enum status math_positive(struct expr_call *call, int64_t number)
{
    if (number == INT64_MIN)
        return error_set(call->err, STATUS_SQL_EXECUTION_ERROR, "bigint out of range");
    CHECK(call->out != NULL);
    *call->out = value_integer(VALUE_BIGINT, number < 0 ? -number : number);
    return STATUS_OK;
}

static int64_t math_gcd(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = b == -1 ? 0 : a % b; /* INT64_MIN % -1 traps */

        a = b;
        b = rest;
    }
    CHECK(b == 0);
    return a;
}

enum status expr_run_gcd(struct expr_call *call)
{
    CHECK(call->count == 2);
    return math_positive(call, math_gcd(call->args[0].integer, call->args[1].integer));
}

enum status expr_run_lcm(struct expr_call *call)
{
    int64_t a = call->args[0].integer, b = call->args[1].integer, product;

    CHECK(call->count == 2);
    if (a == 0 || b == 0)
        return math_positive(call, 0);
    int64_t divisor = math_gcd(a, b);
    if ((b == INT64_MIN && divisor == -1) || __builtin_mul_overflow(a, b / divisor, &product))
        return error_set(call->err, STATUS_SQL_EXECUTION_ERROR, "bigint out of range");
    return math_positive(call, product);
}

enum { MATH_FACTORIAL_MAX = 33 }; /* that of 34 has 39 digits */

enum status expr_run_factorial(struct expr_call *call)
{
    int64_t number = call->args[0].integer;
    int128 product = 1;

    CHECK(call->count == 1);
    if (number < 0)
        return error_set(call->err, STATUS_SQL_EXECUTION_ERROR,
                         "factorial of a negative number is undefined");
    if (number > MATH_FACTORIAL_MAX)
        return error_set(call->err, STATUS_SQL_EXECUTION_ERROR, "value out of range: overflow");
    for (int64_t i = 2; i <= number; i++)
        product *= i;
    *call->out = value_decimal(product, 38, 0);
    return STATUS_OK;
}
