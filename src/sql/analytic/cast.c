/* cast.c — texts that DuckDB reads as our own executor does.
 *
 * It drops a timestamp's offset, cuts the seventh digit of a fraction, takes the characters of a
 * text for bytes and reads `2026-2-3` and `infinity` as DATE. Its casts of texts to these types are
 * exchanged for ours.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/analytic/analytic_internal.h"

#include "base/check.h"
#include "base/macros.h"
#include "value/text.h"

static enum status cast_read(struct str text, enum column_kind to, struct arena *arena,
                             struct column_cell *cell, struct error *err)
{
    const struct data_type type = {.kind = (enum value_type)to};
    struct value value;
    enum status status = value_parse(text, &type, arena, &value, err);

    CHECK(to < (enum column_kind)VALUE_TYPE_COUNT);
    if (status == STATUS_OK)
        analytic_cell(&value, cell);
    return status;
}

const struct columnar_cast *analytic_casts(size_t *count)
{
    static const struct columnar_cast casts[] = {{COLUMN_BYTES, cast_read},
                                                 {COLUMN_DATE, cast_read},
                                                 {COLUMN_TIME, cast_read},
                                                 {COLUMN_TIMESTAMP, cast_read}};

    CHECK(count);
    *count = ARRAY_COUNT(casts);
    return casts;
}
