/* row.c — building and reading row bytes, see row.h for the format.
 *
 * The fixed part holds the columns by width: 16 bytes (DECIMAL, UUID), 8 (BIGINT, DOUBLE, TIME,
 * TIMESTAMP), then the u32 end offsets of all variable columns side by side — a variable value
 * starts where its predecessor ends — then 4 (INT, FLOAT, DATE), 2 (SMALLINT) and 1 (BOOLEAN);
 * within a width in column order. The header is a multiple of 8, so every column is naturally
 * aligned relative to it; bytes are still copied out, because rows lie anywhere. NULLs are zero
 * bytes or empty, so equal rows have equal bytes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "value/row.h"

#include "base/check.h"
#include "base/macros.h"

#include <math.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rows are little-endian");

enum { ROW_WIDTH_VARIABLE = 4, ROW_FLAGS_KNOWN = ROW_DELETED | ROW_SHADOW | ROW_EVENT };

static uint32_t row_width(enum value_type kind)
{
    switch (kind) {
    case VALUE_DECIMAL:
    case VALUE_UUID:
        return 16;
    case VALUE_BIGINT:
    case VALUE_DOUBLE:
    case VALUE_TIME:
    case VALUE_TIMESTAMP:
        return 8;
    case VALUE_INT:
    case VALUE_FLOAT:
    case VALUE_DATE:
    case VALUE_TEXT:
    case VALUE_JSON:
    case VALUE_BYTES:
        return ROW_WIDTH_VARIABLE;
    case VALUE_SMALLINT:
        return 2;
    case VALUE_BOOLEAN:
        return 1;
    case VALUE_NULL:
    case VALUE_TYPE_COUNT:
        break;
    }
    UNREACHABLE("no column has this type");
}

/* Gives offsets to the columns of one class and returns the next free one. */
static uint32_t row_layout_place(struct row_layout *layout, uint32_t width, bool variable,
                                 uint32_t offset)
{
    CHECK(width > 0 && width <= 16);
    for (uint32_t i = 0; i < layout->column_count; i++) {
        struct row_column *column = &layout->columns[i];
        if (row_width(column->type.kind) != width ||
            value_type_is_text(column->type.kind) != variable)
            continue;
        column->offset = offset;
        column->variable_index = variable ? layout->variable_count++ : 0;
        offset += width;
    }
    return offset;
}

void row_layout_init(struct row_layout *layout)
{
    CHECK(layout->version >= 1);
    CHECK(layout->column_count == 0 || layout->columns != NULL);
    layout->variable_count = 0;
    layout->fixed_offset = ROW_HEADER_BYTES + (layout->column_count + 63) / 64 * 8;
    uint32_t offset = layout->fixed_offset;
    offset = row_layout_place(layout, 16, false, offset);
    offset = row_layout_place(layout, 8, false, offset);
    offset = row_layout_place(layout, ROW_WIDTH_VARIABLE, true, offset);
    offset = row_layout_place(layout, 4, false, offset);
    offset = row_layout_place(layout, 2, false, offset);
    layout->variable_offset = row_layout_place(layout, 1, false, offset);
}

void row_header_set(char *bytes, const struct row_header *header)
{
    CHECK(header->layout_version >= 1);
    CHECK((header->flags & ~ROW_FLAGS_KNOWN) == 0);
    memset(bytes, 0, 4);
    bytes[0] = ROW_FORMAT_VERSION;
    bytes[1] = (char)header->flags;
    memcpy(bytes + 4, &header->layout_version, sizeof(header->layout_version));
    memcpy(bytes + 8, &header->seq, sizeof(header->seq));
    memcpy(bytes + 16, &header->updated, sizeof(header->updated));
}

struct row_header row_header_get(struct str bytes)
{
    struct row_header header;

    CHECK(bytes.size >= ROW_HEADER_BYTES);
    header.flags = (uint8_t)bytes.data[1];
    memcpy(&header.layout_version, bytes.data + 4, sizeof(header.layout_version));
    memcpy(&header.seq, bytes.data + 8, sizeof(header.seq));
    memcpy(&header.updated, bytes.data + 16, sizeof(header.updated));
    return header;
}

int64_t row_seq(struct str bytes)
{
    int64_t seq;

    CHECK(bytes.size >= ROW_HEADER_BYTES);
    memcpy(&seq, bytes.data + 8, sizeof(seq));
    return seq;
}

bool row_is_deleted(struct str bytes)
{
    CHECK(bytes.size >= ROW_HEADER_BYTES);
    return ((uint8_t)bytes.data[1] & ROW_DELETED) != 0;
}

uint32_t row_layout_version(struct str bytes)
{
    uint32_t version;

    CHECK(bytes.size >= ROW_HEADER_BYTES);
    memcpy(&version, bytes.data + 4, sizeof(version));
    return version;
}

static void row_put_fixed(const struct row_column *column, const struct value *value, char *place)
{
    int32_t narrow;
    int16_t small;
    float single;

    CHECK(value->type == column->type.kind);
    switch (row_width(column->type.kind)) {
    case 16:
        if (column->type.kind == VALUE_DECIMAL)
            CHECK(value->scale == column->type.scale);
        memcpy(place,
               column->type.kind == VALUE_UUID ? (const void *)value->uuid
                                               : (const void *)&value->decimal,
               16);
        return;
    case 8:
        CHECK(column->type.kind != VALUE_DOUBLE || isfinite(value->real));
        if (column->type.kind == VALUE_DOUBLE)
            memcpy(place, &value->real, sizeof(value->real));
        else
            memcpy(place, &value->integer, sizeof(value->integer));
        return;
    case 4:
        single = column->type.kind == VALUE_FLOAT ? (float)value->real : 0;
        narrow = column->type.kind == VALUE_FLOAT ? 0 : (int32_t)value->integer;
        CHECK(isfinite(single)); /* row_check refuses the row otherwise, for ever */
        memcpy(place,
               column->type.kind == VALUE_FLOAT ? (const void *)&single : (const void *)&narrow, 4);
        return;
    case 2:
        small = (int16_t)value->integer;
        memcpy(place, &small, sizeof(small));
        return;
    default:
        *place = value->boolean ? 1 : 0;
        return;
    }
}

static size_t row_variable_bytes(const struct row_layout *layout, const struct value *values)
{
    size_t size = 0;

    for (uint32_t i = 0; i < layout->column_count; i++) {
        if (value_type_is_text(layout->columns[i].type.kind) && !values[i].is_null)
            size += values[i].text.size;
    }
    CHECK(size <= UINT32_MAX); /* far above every request and statement limit */
    return size;
}

void row_encode(const struct row_layout *layout, const struct row_header *header,
                const struct value *values, struct buf *out)
{
    size_t size = layout->variable_offset + row_variable_bytes(layout, values);
    char *row = buf_reserve(out, size);
    uint32_t variable_end = 0;

    CHECK(layout->variable_offset >= ROW_HEADER_BYTES && header->layout_version == layout->version);
    memset(row, 0, layout->variable_offset);
    row_header_set(row, header);
    for (uint32_t i = 0; i < layout->column_count; i++) {
        const struct row_column *column = &layout->columns[i];
        const struct value *value = &values[i];
        char *place = row + column->offset;
        if (value->is_null)
            row[ROW_HEADER_BYTES + i / 8] |= (char)(1 << i % 8);
        if (value_type_is_text(column->type.kind)) {
            CHECK(value->is_null || value->type == column->type.kind);
            if (!value->is_null && value->text.size > 0) {
                memcpy(row + layout->variable_offset + variable_end, value->text.data,
                       value->text.size);
                variable_end += (uint32_t)value->text.size;
            }
            memcpy(place, &variable_end, sizeof(variable_end));
        } else if (!value->is_null) {
            row_put_fixed(column, value, place);
        }
    }
    CHECK(layout->variable_offset + variable_end == size);
    out->size += size;
}

uint32_t row_plain_width(const struct row_column *column)
{
    uint32_t width = row_width(column->type.kind);

    CHECK(width > 0);
    return width > 8 || value_type_is_text(column->type.kind) ? 0 : width;
}

static uint32_t row_variable_end(struct str bytes, uint32_t offset)
{
    uint32_t end;

    CHECK(offset + sizeof(end) <= bytes.size);
    memcpy(&end, bytes.data + offset, sizeof(end));
    return end;
}

static bool row_is_null(struct str bytes, uint32_t index)
{
    return (bytes.data[ROW_HEADER_BYTES + index / 8] >> index % 8 & 1) != 0;
}

/* Inlined form of value_type_is_text: every row that is read is checked column by column. */
static inline bool row_is_variable(enum value_type kind)
{
    return (1u << kind & (1u << VALUE_TEXT | 1u << VALUE_JSON | 1u << VALUE_BYTES)) != 0;
}

/* Values that no writer makes but a damaged file may hold. */
static bool row_check_column(const struct row_column *column, struct str bytes)
{
    const char *place = bytes.data + column->offset;
    double real;
    float single;

    CHECK(column->offset < bytes.size);
    if (column->type.kind == VALUE_DOUBLE) {
        memcpy(&real, place, sizeof(real));
        return isfinite(real) != 0;
    }
    if (column->type.kind == VALUE_FLOAT) {
        memcpy(&single, place, sizeof(single));
        return isfinite(single) != 0;
    }
    return column->type.kind != VALUE_BOOLEAN || (unsigned char)*place <= 1;
}

enum status row_check(const struct row_layout *layout, struct str bytes, struct error *err)
{
    uint32_t variable_end = 0;

    CHECK(layout->variable_offset >= ROW_HEADER_BYTES);
    if (bytes.size < ROW_HEADER_BYTES)
        return error_set(err, STATUS_CORRUPT, "row is shorter than its header");
    if ((uint8_t)bytes.data[0] != ROW_FORMAT_VERSION)
        return error_set(err, STATUS_CORRUPT, "row has unknown format version %u",
                         (unsigned)(uint8_t)bytes.data[0]);
    if (((uint8_t)bytes.data[1] & ~ROW_FLAGS_KNOWN) != 0)
        return error_set(err, STATUS_CORRUPT, "row has unknown flags");
    if (row_layout_version(bytes) != layout->version)
        return error_set(err, STATUS_CORRUPT, "row has schema version %u instead of %u",
                         row_layout_version(bytes), layout->version);
    if (bytes.size < layout->variable_offset)
        return error_set(err, STATUS_CORRUPT, "row is shorter than its columns");
    for (uint32_t i = 0; i < layout->column_count; i++) {
        const struct row_column *column = &layout->columns[i];
        if (!row_is_variable(column->type.kind)) {
            if (!row_check_column(column, bytes))
                return error_set(err, STATUS_CORRUPT, "row column %u holds no valid value", i);
            continue;
        }
        uint32_t end = row_variable_end(bytes, column->offset);
        if (end < variable_end || end > bytes.size - layout->variable_offset)
            return error_set(err, STATUS_CORRUPT, "row column %u has a wrong offset", i);
        variable_end = end;
    }
    if (layout->variable_offset + (size_t)variable_end != bytes.size)
        return error_set(err, STATUS_CORRUPT, "row has bytes that belong to no column");
    return STATUS_OK;
}

static void row_get_variable(const struct row_layout *layout, struct str bytes,
                             const struct row_column *column, struct value *out)
{
    uint32_t end = row_variable_end(bytes, column->offset);
    uint32_t start = column->variable_index > 0
                         ? row_variable_end(bytes, column->offset - ROW_WIDTH_VARIABLE)
                         : 0;

    CHECK(start <= end && end <= bytes.size - layout->variable_offset);
    *out = value_text(column->type.kind,
                      str_from(bytes.data + layout->variable_offset + start, end - start));
}

static void row_get_fixed(const struct row_column *column, const char *place, struct value *out)
{
    int32_t narrow;
    int16_t small;
    float single;

    CHECK(place != NULL);
    *out = (struct value){.type = column->type.kind};
    switch (column->type.kind) {
    case VALUE_DECIMAL:
        out->precision = column->type.precision;
        out->scale = column->type.scale;
        memcpy(&out->decimal, place, sizeof(out->decimal));
        return;
    case VALUE_UUID:
        memcpy(out->uuid, place, sizeof(out->uuid));
        return;
    case VALUE_DOUBLE:
        memcpy(&out->real, place, sizeof(out->real));
        return;
    case VALUE_FLOAT:
        memcpy(&single, place, sizeof(single));
        out->real = (double)single;
        return;
    case VALUE_INT:
    case VALUE_DATE:
        memcpy(&narrow, place, sizeof(narrow));
        out->integer = narrow;
        return;
    case VALUE_SMALLINT:
        memcpy(&small, place, sizeof(small));
        out->integer = small;
        return;
    case VALUE_BOOLEAN:
        out->boolean = *place != 0;
        return;
    default:
        memcpy(&out->integer, place, sizeof(out->integer));
        return;
    }
}

void row_get(const struct row_layout *layout, struct str bytes, uint32_t index, struct value *out)
{
    CHECK(index < layout->column_count && bytes.size >= layout->variable_offset);
    const struct row_column *column = &layout->columns[index];

    if (row_is_null(bytes, index))
        *out = value_null(column->type.kind);
    else if (value_type_is_text(column->type.kind))
        row_get_variable(layout, bytes, column, out);
    else
        row_get_fixed(column, bytes.data + column->offset, out);
}
