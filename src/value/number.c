/* number.c — arithmetic by the type of the result: both operands are brought to it, then computed
 * with a check. Messages are PostgreSQL's. The quotient of two DECIMAL is DOUBLE, as in DuckDB, so
 * that an expression has one answer wherever it runs.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "value/number.h"

#include "base/check.h"
#include "value/decimal.h"
#include "value/value_internal.h"

#include <math.h>

enum number_operator { NUMBER_ADD, NUMBER_SUB, NUMBER_MUL, NUMBER_DIV, NUMBER_MOD };

bool value_arithmetic_type(enum value_type a, enum value_type b, enum value_type *out)
{
    CHECK((unsigned)a < VALUE_TYPE_COUNT && (unsigned)b < VALUE_TYPE_COUNT);
    if (a == VALUE_NULL)
        a = b;
    if (b == VALUE_NULL)
        b = a;
    if (a == VALUE_NULL) {
        *out = VALUE_NULL;
        return true;
    }
    if (!value_type_is_number(a) || !value_type_is_number(b))
        return false;
    if (a == b)
        *out = a;
    else if (value_type_is_integer(a) && value_type_is_integer(b))
        *out = a > b ? a : b; /* the enum orders them by width */
    else if (a == VALUE_DOUBLE || b == VALUE_DOUBLE)
        *out = VALUE_DOUBLE;
    else if (a == VALUE_FLOAT || b == VALUE_FLOAT)
        *out = VALUE_FLOAT;
    else
        *out = VALUE_DECIMAL;
    return true;
}

static enum status number_division_by_zero(struct error *err)
{
    return error_set(err, STATUS_SQL_EXECUTION_ERROR, "division by zero");
}

static enum status number_integer_overflow(enum value_type type, struct error *err)
{
    CHECK(value_type_is_integer(type));
    return error_set(err, STATUS_SQL_EXECUTION_ERROR, "%s out of range",
                     type == VALUE_SMALLINT ? "smallint"
                     : type == VALUE_INT    ? "integer"
                                            : "bigint");
}

static enum status number_integer(enum number_operator op, enum value_type type, int64_t a,
                                  int64_t b, struct value *out, struct error *err)
{
    int64_t result = 0;
    bool overflow = false;

    CHECK(value_type_is_integer(type));
    if (op >= NUMBER_DIV && b == 0)
        return number_division_by_zero(err);
    switch (op) {
    case NUMBER_ADD:
        overflow = __builtin_add_overflow(a, b, &result);
        break;
    case NUMBER_SUB:
        overflow = __builtin_sub_overflow(a, b, &result);
        break;
    case NUMBER_MUL:
        overflow = __builtin_mul_overflow(a, b, &result);
        break;
    case NUMBER_DIV:
        overflow = a == INT64_MIN && b == -1;
        result = overflow ? 0 : a / b;
        break;
    case NUMBER_MOD:
        result = b == -1 ? 0 : a % b; /* INT64_MIN % -1 traps in C */
        break;
    }
    if (overflow || !value_integer_fits(type, result))
        return number_integer_overflow(type, err);
    *out = value_integer(type, result);
    return STATUS_OK;
}

static enum status number_decimal(enum number_operator op, struct decimal a, struct decimal b,
                                  struct value *out, struct error *err)
{
    struct decimal result = {0, 0};
    bool fits = false;

    CHECK(op <= NUMBER_MOD);
    if (op >= NUMBER_DIV && b.unscaled == 0)
        return number_division_by_zero(err);
    switch (op) {
    case NUMBER_ADD:
        fits = decimal_add(a, b, &result);
        break;
    case NUMBER_SUB:
        fits = decimal_sub(a, b, &result);
        break;
    case NUMBER_MUL:
        fits = decimal_mul(a, b, &result);
        break;
    case NUMBER_DIV:
        UNREACHABLE("the quotient of two DECIMAL is DOUBLE");
    case NUMBER_MOD:
        fits = decimal_mod(a, b, &result);
        break;
    }
    CHECK(result.scale <= DECIMAL_DIGITS_MAX);
    if (!fits)
        return error_set(err, STATUS_SQL_EXECUTION_ERROR,
                         "numeric field overflow: the result needs more than 38 digits");
    *out = value_decimal(result.unscaled, DECIMAL_DIGITS_MAX, result.scale);
    return STATUS_OK;
}

static enum status number_real(enum number_operator op, enum value_type type, double a, double b,
                               struct value *out, struct error *err)
{
    double result = 0;
    bool may_vanish = false; /* a product or quotient of non-zero numbers that becomes zero */

    CHECK(type == VALUE_FLOAT || type == VALUE_DOUBLE);
    if (op >= NUMBER_DIV && b == 0)
        return number_division_by_zero(err);
    if (op == NUMBER_ADD) {
        result = a + b;
    } else if (op == NUMBER_SUB) {
        result = a - b;
    } else if (op == NUMBER_MUL) {
        result = a * b;
        may_vanish = a != 0 && b != 0;
    } else if (op == NUMBER_DIV) {
        result = a / b;
        may_vanish = a != 0;
    } else {
        result = fmod(a, b); /* exact, also of two floats */
    }
    if (type == VALUE_FLOAT)
        result = (double)(float)result;
    if (!isfinite(result))
        return error_set(err, STATUS_SQL_EXECUTION_ERROR, "value out of range: overflow");
    if (result == 0 && may_vanish)
        return error_set(err, STATUS_SQL_EXECUTION_ERROR, "value out of range: underflow");
    *out = value_real(type, result);
    return STATUS_OK;
}

static enum status number_apply(enum number_operator op, const struct value *a,
                                const struct value *b, struct value *out, struct error *err)
{
    static const char symbols[] = "+-*/%";
    enum value_type type = VALUE_NULL;

    CHECK(a != NULL && b != NULL && out != NULL);
    bool is_null = a->is_null || b->is_null; /* a NULL may have come without its type */
    bool is_defined = value_arithmetic_type(a->type, b->type, &type);
    if (op == NUMBER_DIV && type == VALUE_DECIMAL)
        type = VALUE_DOUBLE;
    if (!is_defined && !is_null)
        return error_set(err, STATUS_TYPE_MISMATCH, "operator does not exist: %s %c %s",
                         value_type_name(a->type), symbols[op], value_type_name(b->type));
    if (is_null) {
        *out = value_null(type);
        return STATUS_OK;
    }
    CHECK(value_type_is_number(type));
    if (value_type_is_integer(type))
        return number_integer(op, type, a->integer, b->integer, out, err);
    if (type == VALUE_DECIMAL)
        return number_decimal(op, value_decimal_of(a), value_decimal_of(b), out, err);
    double left = value_real_of(a), right = value_real_of(b);
    if (type == VALUE_FLOAT) {
        left = (double)(float)left;
        right = (double)(float)right;
    }
    return number_real(op, type, left, right, out, err);
}

enum status value_add(const struct value *a, const struct value *b, struct value *out,
                      struct error *err)
{
    return number_apply(NUMBER_ADD, a, b, out, err);
}

enum status value_sub(const struct value *a, const struct value *b, struct value *out,
                      struct error *err)
{
    return number_apply(NUMBER_SUB, a, b, out, err);
}

enum status value_mul(const struct value *a, const struct value *b, struct value *out,
                      struct error *err)
{
    return number_apply(NUMBER_MUL, a, b, out, err);
}

enum status value_div(const struct value *a, const struct value *b, struct value *out,
                      struct error *err)
{
    return number_apply(NUMBER_DIV, a, b, out, err);
}

enum status value_mod(const struct value *a, const struct value *b, struct value *out,
                      struct error *err)
{
    return number_apply(NUMBER_MOD, a, b, out, err);
}

enum status value_neg(const struct value *a, struct value *out, struct error *err)
{
    CHECK(a != NULL && out != NULL);
    if (a->type == VALUE_NULL || (value_type_is_number(a->type) && a->is_null)) {
        *out = value_null(a->type);
        return STATUS_OK;
    }
    if (!value_type_is_number(a->type))
        return error_set(err, STATUS_TYPE_MISMATCH, "operator does not exist: - %s",
                         value_type_name(a->type));
    if (value_type_is_integer(a->type))
        return number_integer(NUMBER_SUB, a->type, 0, a->integer, out, err);
    *out = *a;
    if (a->type == VALUE_DECIMAL)
        out->decimal = -a->decimal;
    else
        out->real = -a->real;
    return STATUS_OK;
}

static bool number_is_negative(const struct value *a)
{
    CHECK(!a->is_null);
    if (value_type_is_integer(a->type))
        return a->integer < 0;
    return a->type == VALUE_DECIMAL ? a->decimal < 0 : signbit(a->real) != 0;
}

enum status value_abs(const struct value *a, struct value *out, struct error *err)
{
    CHECK(a != NULL && out != NULL);
    if (!value_type_is_number(a->type) || a->is_null || number_is_negative(a))
        return value_neg(a, out, err);
    *out = *a;
    return STATUS_OK;
}
