/* cast.c — texts and numbers that DuckDB makes values of other types as our own executor does.
 *
 * It drops a timestamp's offset, cuts the seventh digit of a fraction, takes the characters of a
 * text for bytes, reads `2026-2-3` and `infinity` as DATE, `1_000`, `0x1F` and `1.6` as integers,
 * and rounds a DOUBLE by more digits than it has. These casts are exchanged for ours.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/analytic/analytic_internal.h"

#include "base/check.h"
#include "base/macros.h"
#include "value/cast.h"

#include <math.h>

static enum status cast_convert(const struct column_cell *value, enum column_kind from,
                                struct column_type to, struct arena *arena,
                                struct column_cell *cell, struct error *err)
{
    const struct data_type type = {
        .kind = (enum value_type)to.kind, .precision = to.precision, .scale = to.scale};
    struct value source = {.type = (enum value_type)from}, made;

    CHECK(to.kind < (enum column_kind)VALUE_TYPE_COUNT);
    if (from == COLUMN_TEXT)
        source.text = value->text;
    else if (isfinite(value->real))
        source.real = value->real;
    else
        return error_set(err, STATUS_CONSTRAINT_VIOLATION, "value out of range for type %s",
                         value_type_name(type.kind));
    enum status status = value_cast(&source, &type, CAST_EXPLICIT, arena, &made, err);
    if (status == STATUS_OK)
        analytic_cell(&made, cell);
    return status;
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
    };

    CHECK(count);
    *count = ARRAY_COUNT(casts);
    return casts;
}
