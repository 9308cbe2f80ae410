/* cast_number.c — numbers among each other. Decimals round half away from zero, floating point to
 * integer half to even; what does not fit is an error.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "value/text.h"
#include "value/value_internal.h"

#include <math.h>

static enum status cast_number_out_of_range(const struct value *value, enum value_type type,
                                            struct error *err)
{
    struct buf shown = {0};

    CHECK(!value->is_null);
    value_format(value, &shown);
    enum status status = value_out_of_range(type, buf_str(&shown), err);
    buf_clear(&shown);
    return status;
}

static enum status cast_number_to_integer(const struct value *value, enum value_type type,
                                          struct value *out, struct error *err)
{
    int128 integer;

    CHECK(value_type_is_integer(type));
    if (value->type == VALUE_FLOAT || value->type == VALUE_DOUBLE) {
        double rounded = rint(value->real);
        if (!(rounded >= -0x1p63 && rounded < 0x1p63))
            return cast_number_out_of_range(value, type, err);
        integer = (int64_t)rounded;
    } else {
        integer = decimal_round_to_integer(value_decimal_of(value));
    }
    if (integer < INT64_MIN || integer > INT64_MAX || !value_integer_fits(type, (int64_t)integer))
        return cast_number_out_of_range(value, type, err);
    *out = value_integer(type, (int64_t)integer);
    return STATUS_OK;
}

static enum status cast_number_to_decimal(const struct value *value, const struct data_type *type,
                                          struct value *out, struct error *err)
{
    struct decimal number;
    bool fits;

    CHECK(type->precision >= 1 && type->precision <= DECIMAL_DIGITS_MAX);
    CHECK(type->scale <= type->precision);
    if (value->type == VALUE_FLOAT || value->type == VALUE_DOUBLE)
        fits = decimal_from_double(value->real, value->type == VALUE_FLOAT, type->scale, &number);
    else
        fits = decimal_rescale(value_decimal_of(value), type->scale, &number);
    if (!fits || (number.unscaled != 0 && decimal_digits(number.unscaled) > type->precision))
        return cast_number_out_of_range(value, VALUE_DECIMAL, err);
    *out = value_decimal(number.unscaled, type->precision, type->scale);
    return STATUS_OK;
}

static enum status cast_number_to_real(const struct value *value, enum value_type type,
                                       struct value *out, struct error *err)
{
    double real = value_real_of(value);
    char text[DECIMAL_TEXT_MAX];

    CHECK(type == VALUE_FLOAT || type == VALUE_DOUBLE);
    if (type == VALUE_FLOAT && value->type == VALUE_DECIMAL) {
        /* Through the text, so that it is rounded once. */
        size_t size = decimal_format(value_decimal_of(value), text);
        CHECK(real_parse(str_from(text, size), true, &real) == REAL_PARSED);
    } else if (type == VALUE_FLOAT && value_type_is_integer(value->type)) {
        real = (double)(float)value->integer;
    } else if (type == VALUE_FLOAT) {
        real = (double)(float)real;
    }
    if (!isfinite(real))
        return cast_number_out_of_range(value, type, err);
    *out = value_real(type, real);
    return STATUS_OK;
}

enum status cast_number(const struct value *value, const struct data_type *type, struct value *out,
                        struct error *err)
{
    CHECK(value_type_is_number(value->type) && value_type_is_number(type->kind));
    if (value_type_is_integer(type->kind))
        return cast_number_to_integer(value, type->kind, out, err);
    if (type->kind == VALUE_DECIMAL)
        return cast_number_to_decimal(value, type, out, err);
    return cast_number_to_real(value, type->kind, out, err);
}
