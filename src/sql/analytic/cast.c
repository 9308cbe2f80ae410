/* cast.c — texts and numbers that DuckDB makes values of other types as our own executor does.
 *
 * It drops a timestamp's offset, cuts the seventh digit of a fraction, takes the characters of a
 * text for bytes, reads `2026-2-3` and `infinity` as DATE, `1_000`, `0x1F` and `1.6` as integers,
 * rounds a DOUBLE by more digits than it has, and makes a long DECIMAL a DOUBLE beside the nearest.
 * These casts are exchanged for ours.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/analytic/analytic_internal.h"

#include "base/check.h"
#include "base/macros.h"
#include "value/cast.h"
#include "value/decimal.h"
#include "value/text.h"

#include <math.h>

bool analytic_decimal(struct str text, struct value *out)
{
    struct decimal number;

    CHECK(out);
    if (decimal_parse(str_trim(text), &number) != DECIMAL_PARSED)
        return false;
    *out = value_decimal(number.unscaled, DECIMAL_DIGITS_MAX, number.scale);
    return true;
}

uint8_t analytic_precision(const struct value *value)
{
    unsigned digits;

    if (value->type != VALUE_DECIMAL || value->is_null)
        return value->precision;
    digits = decimal_digits(value->decimal);
    CHECK(digits <= DECIMAL_DIGITS_MAX && value->scale <= DECIMAL_DIGITS_MAX);
    if (digits > value->scale || value->scale == DECIMAL_DIGITS_MAX)
        return (uint8_t)(digits > value->scale ? digits : value->scale);
    return (uint8_t)(value->scale + 1);
}

static enum status cast_source(const struct column_cell *value, struct column_type from,
                               struct value *source)
{
    *source = (struct value){.type = (enum value_type)from.kind};
    if (from.kind == COLUMN_TEXT) {
        source->text = value->text;
    } else if (from.kind == COLUMN_DECIMAL) {
        *source = value_decimal(value->decimal, from.precision, from.scale);
    } else {
        CHECK(from.kind == COLUMN_FLOAT || from.kind == COLUMN_DOUBLE);
        source->real = value->real;
        return isfinite(value->real) ? STATUS_OK : STATUS_CONSTRAINT_VIOLATION;
    }
    return STATUS_OK;
}

static enum status cast_convert(const struct column_cell *value, struct column_type from,
                                struct column_type to, struct arena *arena,
                                struct column_cell *cell, struct error *err)
{
    const struct data_type type = {
        .kind = (enum value_type)to.kind, .precision = to.precision, .scale = to.scale};
    struct value source, made;
    enum status status = cast_source(value, from, &source);

    CHECK(to.kind < (enum column_kind)VALUE_TYPE_COUNT);
    if (status != STATUS_OK)
        return error_set(err, status, "value out of range for type %s", value_type_name(type.kind));
    status = value_cast(&source, &type, CAST_EXPLICIT, arena, &made, err);
    if (status == STATUS_OK)
        analytic_cell(&made, cell);
    return status;
}

/* The text of a FLOAT: its own digits, no more. */
static enum status cast_text(const struct column_cell *value, struct column_type from,
                             struct column_type to, struct arena *arena, struct column_cell *cell,
                             struct error *err)
{
    struct buf text = {0};
    struct value source;
    enum status status = cast_source(value, from, &source);

    CHECK(to.kind == COLUMN_TEXT);
    if (status != STATUS_OK)
        return error_set(err, status, "value out of range for type TEXT");
    value_format_cast(&source, &text);
    cell->text = arena_copy(arena, buf_str(&text));
    buf_clear(&text);
    return STATUS_OK;
}

const struct columnar_cast *analytic_casts(size_t *count)
{
    static const struct columnar_cast casts[] = {
        {COLUMN_TEXT, COLUMN_BOOLEAN, cast_convert},  {COLUMN_TEXT, COLUMN_SMALLINT, cast_convert},
        {COLUMN_TEXT, COLUMN_INT, cast_convert},      {COLUMN_TEXT, COLUMN_BIGINT, cast_convert},
        {COLUMN_TEXT, COLUMN_FLOAT, cast_convert},    {COLUMN_TEXT, COLUMN_DOUBLE, cast_convert},
        {COLUMN_TEXT, COLUMN_DECIMAL, cast_convert},  {COLUMN_TEXT, COLUMN_UUID, cast_convert},
        {COLUMN_TEXT, COLUMN_BYTES, cast_convert},    {COLUMN_TEXT, COLUMN_DATE, cast_convert},
        {COLUMN_TEXT, COLUMN_TIME, cast_convert},     {COLUMN_TEXT, COLUMN_TIMESTAMP, cast_convert},
        {COLUMN_FLOAT, COLUMN_DECIMAL, cast_convert}, {COLUMN_DOUBLE, COLUMN_DECIMAL, cast_convert},
        {COLUMN_DECIMAL, COLUMN_FLOAT, cast_convert}, {COLUMN_DECIMAL, COLUMN_DOUBLE, cast_convert},
        {COLUMN_FLOAT, COLUMN_TEXT, cast_text},
    };

    CHECK(count);
    *count = ARRAY_COUNT(casts);
    return casts;
}
