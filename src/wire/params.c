/* params.c — parameters of a statement from and to JSON (docs/protocol.md).
 *
 * JSON knows one kind of number: a fraction without exponent is taken as an exact decimal,
 * everything else that is no int64 as a double. Writing keeps to that, so that values come back as
 * they were.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "wire/column.h"

#include "base/check.h"
#include "value/decimal.h"
#include "value/text.h"
#include "wire/json_writer.h"

static struct value wire_params_number(const struct json *json)
{
    bool has_exponent = memchr(json->text.data, 'e', json->text.size) != NULL ||
                        memchr(json->text.data, 'E', json->text.size) != NULL;
    struct decimal number;

    CHECK(json->kind == JSON_NUMBER);
    /* 40 = 38 digits, sign and point: more could not be kept exactly. */
    if (has_exponent || json->text.size > DECIMAL_DIGITS_MAX + 2 ||
        decimal_parse(json->text, &number) != DECIMAL_PARSED)
        return value_real(VALUE_DOUBLE, json->real);
    unsigned digits = decimal_digits(number.unscaled);
    return value_decimal(number.unscaled, (uint8_t)(digits > number.scale ? digits : number.scale),
                         number.scale);
}

static bool wire_params_one(const struct json *json, struct value *out)
{
    CHECK(json != NULL && out != NULL);
    switch (json->kind) {
    case JSON_NULL:
        *out = value_null(VALUE_NULL);
        return true;
    case JSON_BOOLEAN:
        *out = value_boolean(json->boolean);
        return true;
    case JSON_INTEGER:
        *out = value_integer(VALUE_BIGINT, json->integer);
        return true;
    case JSON_NUMBER:
        *out = wire_params_number(json);
        return true;
    case JSON_STRING:
        *out = value_text(VALUE_TEXT, json->text);
        return true;
    case JSON_ARRAY:
    case JSON_OBJECT:
        return false;
    }
    UNREACHABLE("every kind is handled");
}

enum status wire_params_read(const struct json *params, struct arena *arena,
                             const struct value **values, size_t *count, struct error *err)
{
    CHECK(values != NULL && count != NULL);
    *values = NULL;
    *count = 0;
    if (params == NULL || params->kind == JSON_NULL)
        return STATUS_OK;
    if (params->kind != JSON_ARRAY)
        return error_set(err, STATUS_INVALID_INPUT, "field \"params\" must be an array");
    struct value *out = arena_array(arena, params->count, sizeof(*out));
    for (size_t i = 0; i < params->count; i++) {
        if (!wire_params_one(&params->items[i], &out[i]))
            return error_set(err, STATUS_INVALID_PARAMETER,
                             "parameter $%zu must be a string, number, boolean or null, not an %s",
                             i + 1, params->items[i].kind == JSON_ARRAY ? "array" : "object");
    }
    *values = out;
    *count = params->count;
    return STATUS_OK;
}

enum status wire_params_parse(struct str text, struct arena *arena, const struct value **values,
                              size_t *count, struct error *err)
{
    const struct json *json;
    enum status status = json_parse(text, arena, &json, err);

    CHECK(values != NULL && count != NULL);
    if (status != STATUS_OK) {
        error_prefix(err, "field \"params\"");
        return status;
    }
    return wire_params_read(json, arena, values, count, err);
}

static void wire_params_write_real(struct buf *out, const struct value *value)
{
    char text[40];
    size_t size = value_format_real(value->real, value->type == VALUE_FLOAT, text);

    CHECK(size + 2 < sizeof(text));
    if (memchr(text, 'e', size) == NULL) { /* says: not a decimal */
        text[size++] = 'e';
        text[size++] = '0';
    }
    json_write_raw(out, str_from(text, size));
}

static void wire_params_write_text(struct buf *out, const struct value *value)
{
    struct buf text = {.fallible = out->fallible};

    CHECK(!value->is_null);
    value_format(value, &text);
    json_write_string(out, buf_str(&text));
    out->failed |= text.failed;
    buf_clear(&text);
}

static void wire_params_write_decimal(struct buf *out, const struct value *value)
{
    char text[DECIMAL_TEXT_MAX];
    size_t size = decimal_format((struct decimal){value->decimal, value->scale}, text);

    CHECK(size > 0);
    json_write_raw(out, str_from(text, size));
}

void wire_params_write(struct buf *out, const struct value *values, size_t count)
{
    CHECK(count == 0 || values != NULL);
    json_array_begin(out);
    for (size_t i = 0; i < count; i++) {
        const struct value *value = &values[i];
        if (value->is_null)
            json_write_null(out);
        else if (value->type == VALUE_BOOLEAN)
            json_write_boolean(out, value->boolean);
        else if (value_type_is_integer(value->type))
            json_write_integer(out, value->integer);
        else if (value->type == VALUE_FLOAT || value->type == VALUE_DOUBLE)
            wire_params_write_real(out, value);
        else if (value->type == VALUE_DECIMAL)
            wire_params_write_decimal(out, value);
        else
            wire_params_write_text(out, value);
    }
    json_array_end(out);
}
