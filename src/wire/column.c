/* column.c — schemas and rows as JSON.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "wire/column.h"

#include "base/check.h"
#include "value/decimal.h"
#include "wire/json_writer.h"

static void wire_columns_write_flags(struct buf *out, const struct wire_column *column)
{
    CHECK(column != NULL);
    if (!column->primary_key && !column->not_null && !column->unique)
        return;
    json_key(out, STR_LIT("flags"));
    json_array_begin(out);
    if (column->primary_key)
        json_write_string(out, STR_LIT("pk"));
    if (column->not_null)
        json_write_string(out, STR_LIT("nn"));
    if (column->unique)
        json_write_string(out, STR_LIT("uq"));
    json_array_end(out);
}

void wire_columns_write(struct buf *out, const struct wire_column *columns, size_t count)
{
    CHECK(count == 0 || columns != NULL);
    json_array_begin(out);
    for (size_t i = 0; i < count; i++) {
        json_object_begin(out);
        json_member_string(out, STR_LIT("name"), columns[i].name);
        json_key(out, STR_LIT("data_type"));
        json_write_type(out, &columns[i].type);
        json_member_integer(out, STR_LIT("index"), (int64_t)i);
        wire_columns_write_flags(out, &columns[i]);
        json_object_end(out);
    }
    json_array_end(out);
}

static bool wire_columns_read_decimal(const struct json *json, struct data_type *type)
{
    const struct json *decimal = json_get(json, value_type_wire_name(VALUE_DECIMAL));
    int64_t precision, scale;

    CHECK(type != NULL);
    if (!json_integer(json_get(decimal, "precision"), &precision) ||
        !json_integer(json_get(decimal, "scale"), &scale) || precision < 1 ||
        precision > DECIMAL_DIGITS_MAX || scale < 0 || scale > precision)
        return false;
    *type = (struct data_type){
        .kind = VALUE_DECIMAL, .precision = (uint8_t)precision, .scale = (uint8_t)scale};
    return true;
}

static bool wire_columns_read_type(const struct json *json, struct data_type *type)
{
    struct str name;

    CHECK(type != NULL);
    if (json_is(json, JSON_OBJECT))
        return wire_columns_read_decimal(json, type);
    if (!json_string(json, &name))
        return false;
    for (int kind = VALUE_NULL; kind < VALUE_TYPE_COUNT; kind++) {
        if (kind != VALUE_DECIMAL &&
            str_equal(name, str_from_c(value_type_wire_name((enum value_type)kind)))) {
            *type = (struct data_type){.kind = (enum value_type)kind};
            return true;
        }
    }
    return false;
}

static enum status wire_columns_read_one(const struct json *json, size_t index,
                                         struct wire_column *column, struct error *err)
{
    const struct json *flags = json_get(json, "flags");
    struct str flag;

    CHECK(column != NULL);
    if (!json_string(json_get(json, "name"), &column->name))
        return error_set(err, STATUS_INVALID_INPUT, "schema[%zu].name must be a string", index);
    if (!wire_columns_read_type(json_get(json, "data_type"), &column->type))
        return error_set(err, STATUS_INVALID_INPUT, "schema[%zu].data_type is unknown", index);
    if (!json_is(flags, JSON_ARRAY))
        return STATUS_OK;
    for (size_t i = 0; i < flags->count; i++) {
        if (!json_string(&flags->items[i], &flag))
            continue;
        column->primary_key |= str_equal(flag, STR_LIT("pk"));
        column->not_null |= str_equal(flag, STR_LIT("nn"));
        column->unique |= str_equal(flag, STR_LIT("uq"));
    }
    return STATUS_OK;
}

enum status wire_columns_read(const struct json *schema, struct arena *arena,
                              struct wire_column **columns, size_t *count, struct error *err)
{
    CHECK(columns != NULL && count != NULL);
    if (!json_is(schema, JSON_ARRAY))
        return error_set(err, STATUS_INVALID_INPUT, "schema must be an array");
    *count = schema->count;
    *columns = arena_array(arena, schema->count, sizeof(**columns));
    if (*columns == NULL)
        return arena_check(arena, err);
    for (size_t i = 0; i < schema->count; i++) {
        enum status status = wire_columns_read_one(&schema->items[i], i, &(*columns)[i], err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

void wire_row_array_write(struct buf *out, const struct value *values, size_t count)
{
    CHECK(count == 0 || values != NULL);
    json_array_begin(out);
    for (size_t i = 0; i < count; i++)
        json_write_value(out, &values[i]);
    json_array_end(out);
}

void wire_row_object_write(struct buf *out, const struct wire_column *columns,
                           const struct value *values, size_t count)
{
    CHECK(count == 0 || (columns != NULL && values != NULL));
    json_object_begin(out);
    for (size_t i = 0; i < count; i++) {
        json_key(out, columns[i].name);
        json_write_value(out, &values[i]);
    }
    json_object_end(out);
}
