/* columnar_value.c — one cell between our form and DuckDB's vectors.
 *
 * DuckDB keeps a DECIMAL in 2, 4, 8 or 16 bytes by precision (≤ 4, 9, 18, 38 digits) and a UUID as
 * a signed 128-bit integer with the top bit flipped, so that it sorts as bytes. Text up to 12 bytes
 * lies inside duckdb_string_t, longer text is pointed to; pointing instead of copying is what makes
 * scans cheap, so text handed over without `copy` must live until the statement ends.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/columnar/columnar_internal.h"

#include "base/check.h"
#include "base/mem.h"

#include <limits.h>
#include <math.h>
#include <string.h>

_Static_assert(sizeof(duckdb_hugeint) == sizeof(__int128), "hugeint is two words, low first");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "vectors hold native integers");

/* ---- into vectors
 * --------------------------------------------------------------------------------- */

static void uuid_from_words(uint8_t out[16], uint64_t upper, uint64_t lower)
{
    CHECK(out != NULL);
    for (int i = 0; i < 8; i++) {
        out[i] = (uint8_t)(upper >> (56 - 8 * i));
        out[8 + i] = (uint8_t)(lower >> (56 - 8 * i));
    }
}

void column_chunk_set(struct column_chunk *chunk, size_t column, size_t row,
                      const struct column_cell *cell, bool copy)
{
    CHECK(column < chunk->count && row < COLUMN_CHUNK_ROWS);
    column_vector_set(&chunk->vectors[column], row, cell, copy);
}

void column_chunk_set_plain(struct column_chunk *chunk, size_t column, size_t row,
                            const void *place)
{
    const struct column_chunk_vector *vector = &chunk->vectors[column];

    CHECK(column < chunk->count && row < COLUMN_CHUNK_ROWS);
    switch (vector->type.kind) {
    case COLUMN_BOOLEAN:
        memcpy((char *)vector->data + row, place, 1);
        return;
    case COLUMN_SMALLINT:
        memcpy((char *)vector->data + row * 2, place, 2);
        return;
    case COLUMN_INT:
    case COLUMN_DATE:
    case COLUMN_FLOAT:
        memcpy((char *)vector->data + row * 4, place, 4);
        return;
    case COLUMN_BIGINT:
    case COLUMN_DOUBLE:
    case COLUMN_TIME:
    case COLUMN_TIMESTAMP:
        memcpy((char *)vector->data + row * 8, place, 8);
        return;
    default:
        UNREACHABLE("a cell of this kind has another form");
    }
}

/* ---- out of vectors
 * ------------------------------------------------------------------------------- */

static struct column_type value_type(enum column_kind kind)
{
    CHECK(kind != COLUMN_DECIMAL);
    return (struct column_type){.kind = kind};
}

static struct column_type value_decimal(uint8_t precision, uint8_t scale)
{
    CHECK(scale <= precision);
    return (struct column_type){.kind = COLUMN_DECIMAL, .precision = precision, .scale = scale};
}

static bool value_is_json(duckdb_logical_type type)
{
    char *alias = duckdb_logical_type_get_alias(type);
    bool is_json = alias != NULL && strcmp(alias, "JSON") == 0;

    CHECK(type != NULL);
    duckdb_free(alias);
    return is_json;
}

/* Kind of a type that needs neither cast nor a look at its details; false for the others. */
static bool value_plain_type(duckdb_type id, struct column_type *out)
{
    static const struct {
        duckdb_type id;
        enum column_kind kind;
    } plain[] = {
        {DUCKDB_TYPE_BOOLEAN, COLUMN_BOOLEAN},
        {DUCKDB_TYPE_TINYINT, COLUMN_SMALLINT},
        {DUCKDB_TYPE_UTINYINT, COLUMN_SMALLINT},
        {DUCKDB_TYPE_SMALLINT, COLUMN_SMALLINT},
        {DUCKDB_TYPE_USMALLINT, COLUMN_INT},
        {DUCKDB_TYPE_INTEGER, COLUMN_INT},
        {DUCKDB_TYPE_UINTEGER, COLUMN_BIGINT},
        {DUCKDB_TYPE_BIGINT, COLUMN_BIGINT},
        {DUCKDB_TYPE_FLOAT, COLUMN_FLOAT},
        {DUCKDB_TYPE_DOUBLE, COLUMN_DOUBLE},
        {DUCKDB_TYPE_UUID, COLUMN_UUID},
        {DUCKDB_TYPE_BLOB, COLUMN_BYTES},
        {DUCKDB_TYPE_DATE, COLUMN_DATE},
        {DUCKDB_TYPE_TIME, COLUMN_TIME},
        {DUCKDB_TYPE_TIMESTAMP, COLUMN_TIMESTAMP},
        {DUCKDB_TYPE_TIMESTAMP_S, COLUMN_TIMESTAMP},
        {DUCKDB_TYPE_TIMESTAMP_MS, COLUMN_TIMESTAMP},
        {DUCKDB_TYPE_TIMESTAMP_NS, COLUMN_TIMESTAMP},
        {DUCKDB_TYPE_TIMESTAMP_TZ, COLUMN_TIMESTAMP},
        {DUCKDB_TYPE_SQLNULL, COLUMN_TEXT},
    };

    CHECK(out != NULL);
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++)
        if (plain[i].id == id) {
            *out = value_type(plain[i].kind);
            return true;
        }
    return false;
}

void column_decoder_init(struct column_decoder *decoder, duckdb_logical_type type)
{
    duckdb_type id = duckdb_get_type_id(type);

    CHECK(type != NULL);
    *decoder = (struct column_decoder){.physical = id};
    if (value_plain_type(id, &decoder->type))
        return;
    if (id == DUCKDB_TYPE_VARCHAR) {
        decoder->type = value_type(value_is_json(type) ? COLUMN_JSON : COLUMN_TEXT);
    } else if (id == DUCKDB_TYPE_DECIMAL) {
        decoder->type = value_decimal(duckdb_decimal_width(type), duckdb_decimal_scale(type));
    } else if (id == DUCKDB_TYPE_HUGEINT || id == DUCKDB_TYPE_UHUGEINT) {
        decoder->type = value_decimal(38, 0);
    } else if (id == DUCKDB_TYPE_UBIGINT) {
        decoder->type = value_decimal(20, 0);
    } else if (id == DUCKDB_TYPE_LIST || id == DUCKDB_TYPE_STRUCT || id == DUCKDB_TYPE_MAP ||
               id == DUCKDB_TYPE_ARRAY) {
        decoder->type = value_type(COLUMN_JSON);
        decoder->needs_cast = "JSON";
    } else {
        decoder->type = value_type(COLUMN_TEXT);
        decoder->needs_cast = "VARCHAR";
    }
}

static enum status value_not_representable(const char *what, struct error *err)
{
    CHECK(what != NULL);
    return error_set(err, STATUS_SQL_EXECUTION_ERROR, "%s", what);
}

static enum status value_decode_real(double real, struct column_cell *cell, struct error *err)
{
    CHECK(cell != NULL);
    if (!isfinite(real))
        return value_not_representable("the result is not a finite number", err);
    cell->real = real;
    return STATUS_OK;
}

/* A 128-bit integer of at most 38 digits. */
static enum status value_decode_huge(__int128 value, struct column_cell *cell, struct error *err)
{
    static const uint64_t ten_19 = UINT64_C(10000000000000000000);
    const __int128 limit = (__int128)ten_19 * (__int128)ten_19; /* 10^38 */

    CHECK(cell != NULL);
    if (value >= limit || value <= -limit)
        return value_not_representable("the result has more than 38 digits", err);
    cell->decimal = value;
    return STATUS_OK;
}

static enum status value_decode_uhuge(unsigned __int128 value, struct column_cell *cell,
                                      struct error *err)
{
    CHECK(cell != NULL);
    if (value >> 127 != 0)
        return value_not_representable("the result has more than 38 digits", err);
    return value_decode_huge((__int128)value, cell, err);
}

/* Seconds to nanoseconds since 1970, as µs. DuckDB's infinities are the largest and smallest. */
static enum status value_decode_timestamp(duckdb_type physical, int64_t raw,
                                          struct column_cell *cell, struct error *err)
{
    int64_t factor = physical == DUCKDB_TYPE_TIMESTAMP_S    ? 1000000
                     : physical == DUCKDB_TYPE_TIMESTAMP_MS ? 1000
                                                            : 1;

    CHECK(cell != NULL);
    CHECK(physical == DUCKDB_TYPE_TIMESTAMP_S || physical == DUCKDB_TYPE_TIMESTAMP_MS ||
          physical == DUCKDB_TYPE_TIMESTAMP_NS || physical == DUCKDB_TYPE_TIMESTAMP ||
          physical == DUCKDB_TYPE_TIMESTAMP_TZ);
    if (raw == INT64_MAX || raw == -INT64_MAX ||
        __builtin_mul_overflow(raw, factor, &cell->integer))
        return value_not_representable("the result is not a finite point in time", err);
    if (physical == DUCKDB_TYPE_TIMESTAMP_NS)
        cell->integer = raw / 1000 - (raw % 1000 < 0);
    return STATUS_OK;
}

static enum status value_decode_date(int32_t raw, struct column_cell *cell, struct error *err)
{
    CHECK(cell != NULL);
    if (raw == INT32_MAX || raw == -INT32_MAX)
        return value_not_representable("the result is not a finite date", err);
    cell->integer = raw;
    return STATUS_OK;
}

static void value_decode_text(const duckdb_string_t *text, struct column_cell *cell)
{
    uint32_t size = text->value.inlined.length;

    CHECK(cell != NULL);
    cell->text = str_from(
        size <= STRING_INLINE_BYTES ? text->value.inlined.inlined : text->value.pointer.ptr, size);
}

static void value_decode_uuid(const duckdb_hugeint *uuid, struct column_cell *cell)
{
    CHECK(uuid != NULL && cell != NULL);
    uuid_from_words(cell->uuid, (uint64_t)uuid->upper ^ UINT64_C(1) << 63, uuid->lower);
}

/* One value that is not NULL. */
static enum status value_decode(const struct column_decoder *decoder, const void *data, size_t row,
                                struct column_cell *cell, struct error *err)
{
    CHECK(decoder != NULL && data != NULL && cell != NULL);
    switch ((int)decoder->physical) {
    case DUCKDB_TYPE_BOOLEAN:
        cell->boolean = ((const bool *)data)[row];
        return STATUS_OK;
    case DUCKDB_TYPE_TINYINT:
        cell->integer = (int64_t)(int)((const int8_t *)data)[row]; /* NOLINT: a signed number */
        return STATUS_OK;
    case DUCKDB_TYPE_UTINYINT:
        cell->integer = ((const uint8_t *)data)[row];
        return STATUS_OK;
    case DUCKDB_TYPE_SMALLINT:
        cell->integer = ((const int16_t *)data)[row];
        return STATUS_OK;
    case DUCKDB_TYPE_USMALLINT:
        cell->integer = ((const uint16_t *)data)[row];
        return STATUS_OK;
    case DUCKDB_TYPE_INTEGER:
        cell->integer = ((const int32_t *)data)[row];
        return STATUS_OK;
    case DUCKDB_TYPE_UINTEGER:
        cell->integer = ((const uint32_t *)data)[row];
        return STATUS_OK;
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_TIME:
        cell->integer = ((const int64_t *)data)[row];
        return STATUS_OK;
    case DUCKDB_TYPE_UBIGINT:
        cell->decimal = ((const uint64_t *)data)[row];
        return STATUS_OK;
    case DUCKDB_TYPE_FLOAT:
        return value_decode_real(((const float *)data)[row], cell, err);
    case DUCKDB_TYPE_DOUBLE:
        return value_decode_real(((const double *)data)[row], cell, err);
    case DUCKDB_TYPE_DECIMAL:
        cell->decimal = column_read_decimal(decoder->type.precision, data, row);
        return STATUS_OK;
    case DUCKDB_TYPE_HUGEINT:
        return value_decode_huge(column_read_huge(data, row), cell, err);
    case DUCKDB_TYPE_UHUGEINT:
        return value_decode_uhuge((unsigned __int128)column_read_huge(data, row), cell, err);
    case DUCKDB_TYPE_VARCHAR:
    case DUCKDB_TYPE_BLOB:
        value_decode_text((const duckdb_string_t *)data + row, cell);
        return STATUS_OK;
    case DUCKDB_TYPE_UUID:
        value_decode_uuid((const duckdb_hugeint *)data + row, cell);
        return STATUS_OK;
    case DUCKDB_TYPE_DATE:
        return value_decode_date(((const int32_t *)data)[row], cell, err);
    default:
        return value_decode_timestamp(decoder->physical, ((const int64_t *)data)[row], cell, err);
    }
}

enum status column_decode(const struct column_decoder *decoder, duckdb_vector vector, size_t rows,
                          struct column_cell *cells, struct error *err)
{
    const void *data = duckdb_vector_get_data(vector);
    uint64_t *validity = duckdb_vector_get_validity(vector);
    bool all_null = decoder->physical == DUCKDB_TYPE_SQLNULL;
    enum status status = STATUS_OK;

    CHECK(rows <= COLUMN_CHUNK_ROWS && decoder->needs_cast == NULL);
    for (size_t row = 0; status == STATUS_OK && row < rows; row++) {
        cells[row].is_null =
            all_null || (validity != NULL && !duckdb_validity_row_is_valid(validity, row));
        if (!cells[row].is_null)
            status = value_decode(decoder, data, row, &cells[row], err);
    }
    return status;
}

/* ---- parameters
 * ----------------------------------------------------------------------------------- */

static duckdb_state value_bind_uuid(duckdb_prepared_statement statement, idx_t index,
                                    const uint8_t uuid[16])
{
    duckdb_uhugeint words = {.lower = column_uuid_word(uuid + 8), .upper = column_uuid_word(uuid)};
    duckdb_value value = duckdb_create_uuid(words);
    duckdb_state state = duckdb_bind_value(statement, index, value);

    CHECK(value != NULL);
    duckdb_destroy_value(&value);
    return state;
}

static duckdb_state value_bind_decimal(duckdb_prepared_statement statement, idx_t index,
                                       const struct columnar_parameter *parameter)
{
    duckdb_decimal decimal = {.width = parameter->type.precision, .scale = parameter->type.scale};

    CHECK(decimal.width >= 1 && decimal.width <= 38);
    memcpy(&decimal.value, &parameter->cell.decimal, sizeof(decimal.value));
    return duckdb_bind_decimal(statement, index, decimal);
}

static duckdb_state value_bind(duckdb_prepared_statement statement, idx_t index,
                               const struct columnar_parameter *parameter)
{
    const struct column_cell *cell = &parameter->cell;

    if (cell->is_null)
        return duckdb_bind_null(statement, index);
    switch (parameter->type.kind) {
    case COLUMN_BOOLEAN:
        return duckdb_bind_boolean(statement, index, cell->boolean);
    case COLUMN_SMALLINT:
        return duckdb_bind_int16(statement, index, (int16_t)cell->integer);
    case COLUMN_INT:
        return duckdb_bind_int32(statement, index, (int32_t)cell->integer);
    case COLUMN_BIGINT:
        return duckdb_bind_int64(statement, index, cell->integer);
    case COLUMN_FLOAT:
        return duckdb_bind_float(statement, index, (float)cell->real);
    case COLUMN_DOUBLE:
        return duckdb_bind_double(statement, index, cell->real);
    case COLUMN_DECIMAL:
        return value_bind_decimal(statement, index, parameter);
    case COLUMN_TEXT:
    case COLUMN_JSON:
        return duckdb_bind_varchar_length(statement, index, cell->text.data, cell->text.size);
    case COLUMN_BYTES:
        return duckdb_bind_blob(statement, index, cell->text.data, cell->text.size);
    case COLUMN_UUID:
        return value_bind_uuid(statement, index, cell->uuid);
    case COLUMN_DATE:
        return duckdb_bind_date(statement, index, (duckdb_date){(int32_t)cell->integer});
    case COLUMN_TIME:
        return duckdb_bind_time(statement, index, (duckdb_time){cell->integer});
    case COLUMN_TIMESTAMP:
        return duckdb_bind_timestamp(statement, index, (duckdb_timestamp){cell->integer});
    case COLUMN_NULL:
        return duckdb_bind_null(statement, index);
    }
    UNREACHABLE("unknown column kind");
}

enum status column_bind(duckdb_prepared_statement statement, idx_t index,
                        const struct columnar_parameter *parameter, struct error *err)
{
    CHECK(index >= 1);
    if (value_bind(statement, index, parameter) == DuckDBSuccess)
        return STATUS_OK;
    return error_set(err, STATUS_INVALID_PARAMETER, "parameter $%llu cannot be used",
                     (unsigned long long)index);
}
