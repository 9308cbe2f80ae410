/* columnar_vector.c — a cell of our form into a vector of DuckDB's; see columnar_value.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/columnar/columnar_internal.h"

#include "base/check.h"
#include "base/macros.h"

#include <string.h>

static const duckdb_type value_types[] = {
    [COLUMN_NULL] = DUCKDB_TYPE_VARCHAR,        [COLUMN_BOOLEAN] = DUCKDB_TYPE_BOOLEAN,
    [COLUMN_SMALLINT] = DUCKDB_TYPE_SMALLINT,   [COLUMN_INT] = DUCKDB_TYPE_INTEGER,
    [COLUMN_BIGINT] = DUCKDB_TYPE_BIGINT,       [COLUMN_FLOAT] = DUCKDB_TYPE_FLOAT,
    [COLUMN_DOUBLE] = DUCKDB_TYPE_DOUBLE,       [COLUMN_DECIMAL] = DUCKDB_TYPE_DECIMAL,
    [COLUMN_TEXT] = DUCKDB_TYPE_VARCHAR,        [COLUMN_UUID] = DUCKDB_TYPE_UUID,
    [COLUMN_JSON] = DUCKDB_TYPE_VARCHAR,        [COLUMN_BYTES] = DUCKDB_TYPE_BLOB,
    [COLUMN_DATE] = DUCKDB_TYPE_DATE,           [COLUMN_TIME] = DUCKDB_TYPE_TIME,
    [COLUMN_TIMESTAMP] = DUCKDB_TYPE_TIMESTAMP,
};

duckdb_logical_type column_logical_type(struct column_type type)
{
    duckdb_logical_type out;

    CHECK((size_t)type.kind < ARRAY_COUNT(value_types));
    if (type.kind == COLUMN_DECIMAL) {
        CHECK(type.precision >= 1 && type.precision <= 38 && type.scale <= type.precision);
        return duckdb_create_decimal_type(type.precision, type.scale);
    }
    out = duckdb_create_logical_type(value_types[type.kind]);
    if (type.kind == COLUMN_JSON)
        duckdb_logical_type_set_alias(out, "JSON");
    return out;
}

static void chunk_set_decimal(const struct column_chunk_vector *vector, size_t row, __int128 value)
{
    CHECK(vector->type.precision <= 38);
    if (vector->type.precision <= 4)
        ((int16_t *)vector->data)[row] = (int16_t)value;
    else if (vector->type.precision <= 9)
        ((int32_t *)vector->data)[row] = (int32_t)value;
    else if (vector->type.precision <= 18)
        ((int64_t *)vector->data)[row] = (int64_t)value;
    else
        memcpy((char *)vector->data + row * sizeof(value), &value, sizeof(value));
}

static void chunk_set_text(const struct column_chunk_vector *vector, size_t row, struct str text,
                           bool copy)
{
    duckdb_string_t *out = (duckdb_string_t *)vector->data + row;

    CHECK(text.size <= UINT32_MAX);
    if (text.size <= STRING_INLINE_BYTES) {
        memset(out, 0, sizeof(*out));
        out->value.inlined.length = (uint32_t)text.size;
        if (text.size > 0)
            memcpy(out->value.inlined.inlined, text.data, text.size);
        return;
    }
    if (copy) {
        duckdb_vector_assign_string_element_len(vector->vector, row, text.data, text.size);
        return;
    }
    out->value.pointer.length = (uint32_t)text.size;
    memcpy(out->value.pointer.prefix, text.data, sizeof(out->value.pointer.prefix));
    out->value.pointer.ptr = (char *)(uintptr_t)text.data;
}

uint64_t column_uuid_word(const uint8_t *bytes)
{
    uint64_t word = 0;

    CHECK(bytes != NULL);
    for (int i = 0; i < 8; i++)
        word = word << 8 | bytes[i];
    return word;
}

static void chunk_set_uuid(const struct column_chunk_vector *vector, size_t row,
                           const uint8_t uuid[16])
{
    duckdb_hugeint *out = (duckdb_hugeint *)vector->data + row;

    CHECK(vector->type.kind == COLUMN_UUID);
    out->upper = (int64_t)(column_uuid_word(uuid) ^ UINT64_C(1) << 63);
    out->lower = column_uuid_word(uuid + 8);
}

static void chunk_set_null(struct column_chunk_vector *vector, size_t row)
{
    if (vector->validity == NULL) {
        duckdb_vector_ensure_validity_writable(vector->vector);
        vector->validity = duckdb_vector_get_validity(vector->vector);
    }
    CHECK(vector->validity != NULL);
    duckdb_validity_set_row_invalid(vector->validity, row);
}

void column_vector_set(struct column_chunk_vector *vector, size_t row,
                       const struct column_cell *cell, bool copy)
{
    CHECK(vector->data != NULL);
    if (cell->is_null) {
        chunk_set_null(vector, row);
        return;
    }
    switch (vector->type.kind) {
    case COLUMN_BOOLEAN:
        ((bool *)vector->data)[row] = cell->boolean;
        return;
    case COLUMN_SMALLINT:
        ((int16_t *)vector->data)[row] = (int16_t)cell->integer;
        return;
    case COLUMN_INT:
    case COLUMN_DATE:
        ((int32_t *)vector->data)[row] = (int32_t)cell->integer;
        return;
    case COLUMN_BIGINT:
    case COLUMN_TIME:
    case COLUMN_TIMESTAMP:
        ((int64_t *)vector->data)[row] = cell->integer;
        return;
    case COLUMN_FLOAT:
        ((float *)vector->data)[row] = (float)cell->real;
        return;
    case COLUMN_DOUBLE:
        ((double *)vector->data)[row] = cell->real;
        return;
    case COLUMN_DECIMAL:
        chunk_set_decimal(vector, row, cell->decimal);
        return;
    case COLUMN_UUID:
        chunk_set_uuid(vector, row, cell->uuid);
        return;
    case COLUMN_TEXT:
    case COLUMN_JSON:
    case COLUMN_BYTES:
        chunk_set_text(vector, row, cell->text, copy);
        return;
    case COLUMN_NULL:
        chunk_set_null(vector, row);
        return;
    }
    UNREACHABLE("unknown column kind");
}

__int128 column_read_huge(const void *data, size_t row)
{
    __int128 value;

    CHECK(data != NULL);
    memcpy(&value, (const char *)data + row * sizeof(value), sizeof(value));
    return value;
}

__int128 column_read_decimal(uint8_t precision, const void *data, size_t row)
{
    CHECK(precision >= 1 && precision <= 38);
    if (precision <= 4)
        return ((const int16_t *)data)[row];
    if (precision <= 9)
        return ((const int32_t *)data)[row];
    return precision <= 18 ? ((const int64_t *)data)[row] : column_read_huge(data, row);
}
