/* cells.c — the one place that turns values into cells of storage/ and back. The two enumerations
 * list the types in the same order, which the assertions below hold them to.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/cells.h"

#include "base/check.h"

_Static_assert((int)COLUMN_NULL == (int)VALUE_NULL, "kinds mirror value types");
_Static_assert((int)COLUMN_BOOLEAN == (int)VALUE_BOOLEAN, "kinds mirror value types");
_Static_assert((int)COLUMN_BIGINT == (int)VALUE_BIGINT, "kinds mirror value types");
_Static_assert((int)COLUMN_DECIMAL == (int)VALUE_DECIMAL, "kinds mirror value types");
_Static_assert((int)COLUMN_TEXT == (int)VALUE_TEXT, "kinds mirror value types");
_Static_assert((int)COLUMN_UUID == (int)VALUE_UUID, "kinds mirror value types");
_Static_assert((int)COLUMN_BYTES == (int)VALUE_BYTES, "kinds mirror value types");
_Static_assert((int)COLUMN_TIMESTAMP == (int)VALUE_TIMESTAMP, "kinds mirror value types");
_Static_assert((int)COLUMN_TIMESTAMP + 1 == (int)VALUE_TYPE_COUNT, "kinds mirror value types");

struct column_type cell_type(const struct data_type *type)
{
    CHECK(type->kind < VALUE_TYPE_COUNT);
    return (struct column_type){
        .kind = (enum column_kind)type->kind, .precision = type->precision, .scale = type->scale};
}

void cell_from_value(const struct value *value, struct column_cell *cell)
{
    CHECK(value->type < VALUE_TYPE_COUNT);
    *cell = (struct column_cell){.is_null = value->is_null};
    if (value->is_null)
        return;
    switch (value->type) {
    case VALUE_BOOLEAN:
        cell->boolean = value->boolean;
        return;
    case VALUE_FLOAT:
    case VALUE_DOUBLE:
        cell->real = value->real;
        return;
    case VALUE_DECIMAL:
        cell->decimal = value->decimal;
        return;
    case VALUE_TEXT:
    case VALUE_JSON:
    case VALUE_BYTES:
        cell->text = value->text;
        return;
    case VALUE_UUID:
        memcpy(cell->uuid, value->uuid, sizeof(cell->uuid));
        return;
    default:
        cell->integer = value->integer;
        return;
    }
}

void cell_to_value(const struct column_cell *cell, const struct data_type *type,
                   struct value *value)
{
    CHECK(type->kind > VALUE_NULL && type->kind < VALUE_TYPE_COUNT);
    *value = (struct value){.type = type->kind, .is_null = cell->is_null};
    if (cell->is_null)
        return;
    switch (type->kind) {
    case VALUE_BOOLEAN:
        value->boolean = cell->boolean;
        return;
    case VALUE_FLOAT:
    case VALUE_DOUBLE:
        value->real = cell->real;
        return;
    case VALUE_DECIMAL:
        value->precision = type->precision;
        value->scale = type->scale;
        value->decimal = cell->decimal;
        return;
    case VALUE_TEXT:
    case VALUE_JSON:
    case VALUE_BYTES:
        value->text = cell->text;
        return;
    case VALUE_UUID:
        memcpy(value->uuid, cell->uuid, sizeof(value->uuid));
        return;
    default:
        value->integer = cell->integer;
        return;
    }
}
