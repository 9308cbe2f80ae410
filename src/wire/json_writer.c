/* json_writer.c — JSON text at the speed of memcpy for plain text.
 *
 * A comma is due unless the buffer is empty or ends with an opening bracket, a colon, a comma or a
 * control character (the blank line of an HTTP header before the body): nothing we write as JSON
 * ends with one of these by accident, because strings end with a quote.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "wire/json_writer.h"

#include "base/check.h"
#include "base/macros.h"
#include "value/decimal.h"
#include "value/text.h"

#include <math.h>

static void json_comma(struct buf *out)
{
    if (out->size == 0)
        return;
    CHECK(out->data != NULL);
    unsigned char last = (unsigned char)out->data[out->size - 1];
    if (last != '{' && last != '[' && last != ':' && last != ',' && last >= 0x20)
        buf_append_byte(out, ',');
}

void json_object_begin(struct buf *out)
{
    CHECK(out != NULL);
    json_comma(out);
    buf_append_byte(out, '{');
}

void json_object_end(struct buf *out)
{
    CHECK(out->size > 0 || out->failed);
    buf_append_byte(out, '}');
}

void json_array_begin(struct buf *out)
{
    CHECK(out != NULL);
    json_comma(out);
    buf_append_byte(out, '[');
}

void json_array_end(struct buf *out)
{
    CHECK(out->size > 0 || out->failed);
    buf_append_byte(out, ']');
}

void json_key(struct buf *out, struct str key)
{
    CHECK(key.data != NULL || key.size == 0);
    json_write_string(out, key);
    buf_append_byte(out, ':');
}

void json_write_null(struct buf *out)
{
    json_write_raw(out, STR_LIT("null"));
}

void json_write_boolean(struct buf *out, bool boolean)
{
    json_write_raw(out, boolean ? STR_LIT("true") : STR_LIT("false"));
}

/* Appends without comma. */
static void json_put_unsigned(struct buf *out, uint64_t number)
{
    char digits[20];
    size_t start = sizeof(digits);

    do {
        digits[--start] = (char)('0' + (int)(number % 10));
        number /= 10;
    } while (number > 0);
    CHECK(start < sizeof(digits));
    buf_append(out, digits + start, sizeof(digits) - start);
}

static void json_put_integer(struct buf *out, int64_t integer)
{
    CHECK(out != NULL);
    if (integer < 0)
        buf_append_byte(out, '-');
    json_put_unsigned(out, integer < 0 ? 0 - (uint64_t)integer : (uint64_t)integer);
}

void json_write_unsigned(struct buf *out, uint64_t number)
{
    json_comma(out);
    json_put_unsigned(out, number);
}

void json_write_integer(struct buf *out, int64_t integer)
{
    json_comma(out);
    json_put_integer(out, integer);
}

void json_write_real(struct buf *out, double real, bool is_float)
{
    char text[32];

    CHECK(isfinite(real));
    json_comma(out);
    buf_append(out, text, value_format_real(real, is_float, text));
}

static bool json_must_escape(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

/* Bytes before the first one that must be escaped; eight at a time. */
static size_t json_plain_run(struct str text)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
    size_t i = 0;

    CHECK(text.data != NULL || text.size == 0);
    for (; i + sizeof(uint64_t) <= text.size; i += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, text.data + i, sizeof(word));
        uint64_t quote = word ^ ones * '"', backslash = word ^ ones * '\\';
        /* The classic "has a byte below n" and "has a zero byte": false alarms only delay. */
        uint64_t found = ((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) |
                         ((backslash - ones) & ~backslash);
        if ((found & highs) != 0)
            break;
    }
    while (i < text.size && !json_must_escape((unsigned char)text.data[i]))
        i++;
    return i;
}

static void json_put_escape(struct buf *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char short_forms[0x20] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    char text[6] = {'\\', 'u', '0', '0', '0', '0'};

    CHECK(json_must_escape(c));
    if (c >= 0x20 || short_forms[c] != '\0') {
        text[1] = c >= 0x20 ? (char)c : short_forms[c];
        buf_append(out, text, 2);
        return;
    }
    text[4] = hex[c >> 4];
    text[5] = hex[c & 15];
    buf_append(out, text, sizeof(text));
}

void json_write_string(struct buf *out, struct str text)
{
    CHECK(text.data != NULL || text.size == 0);
    json_comma(out);
    (void)buf_reserve(out, text.size + 2);
    buf_append_byte(out, '"');
    for (;;) {
        size_t run = json_plain_run(text);
        buf_append(out, text.data, run);
        if (run == text.size)
            break;
        json_put_escape(out, (unsigned char)text.data[run]);
        text = str_from(text.data + run + 1, text.size - run - 1);
    }
    buf_append_byte(out, '"');
}

void json_write_raw(struct buf *out, struct str json)
{
    CHECK(json.size > 0);
    json_comma(out);
    buf_append_str(out, json);
}

void json_member_string(struct buf *out, struct str key, struct str text)
{
    json_key(out, key);
    json_write_string(out, text);
}

void json_member_integer(struct buf *out, struct str key, int64_t integer)
{
    json_key(out, key);
    json_write_integer(out, integer);
}

void json_member_boolean(struct buf *out, struct str key, bool boolean)
{
    json_key(out, key);
    json_write_boolean(out, boolean);
}

static void json_write_bytes(struct buf *out, struct str bytes)
{
    CHECK(bytes.data != NULL || bytes.size == 0);
    json_array_begin(out);
    for (size_t i = 0; i < bytes.size; i++) {
        if (i > 0)
            buf_append_byte(out, ',');
        json_put_unsigned(out, (unsigned char)bytes.data[i]);
    }
    json_array_end(out);
}

/* Types whose text form needs no escaping. */
static void json_write_quoted_form(struct buf *out, const struct value *value)
{
    CHECK(value->type == VALUE_DECIMAL || value->type == VALUE_UUID);
    json_comma(out);
    buf_append_byte(out, '"');
    value_format(value, out);
    buf_append_byte(out, '"');
}

void json_write_value(struct buf *out, const struct value *value)
{
    CHECK((unsigned)value->type < VALUE_TYPE_COUNT);
    if (value->is_null) {
        json_write_null(out);
        return;
    }
    switch (value->type) {
    case VALUE_BOOLEAN:
        json_write_boolean(out, value->boolean);
        return;
    case VALUE_SMALLINT:
    case VALUE_INT:
    case VALUE_DATE:
    case VALUE_TIME:
    case VALUE_TIMESTAMP:
        json_write_integer(out, value->integer);
        return;
    case VALUE_BIGINT: /* JavaScript would round numbers above 2^53 */
        json_comma(out);
        buf_append_byte(out, '"');
        json_put_integer(out, value->integer);
        buf_append_byte(out, '"');
        return;
    case VALUE_FLOAT:
    case VALUE_DOUBLE:
        json_write_real(out, value->real, value->type == VALUE_FLOAT);
        return;
    case VALUE_DECIMAL:
    case VALUE_UUID:
        json_write_quoted_form(out, value);
        return;
    case VALUE_TEXT:
    case VALUE_JSON:
        json_write_string(out, value->text);
        return;
    case VALUE_BYTES:
        json_write_bytes(out, value->text);
        return;
    case VALUE_NULL:
    case VALUE_TYPE_COUNT:
        break;
    }
    UNREACHABLE("a value of no type is always NULL");
}

void json_write_type(struct buf *out, const struct data_type *type)
{
    CHECK((unsigned)type->kind < VALUE_TYPE_COUNT);
    if (type->kind != VALUE_DECIMAL) {
        json_write_string(out, str_from_c(value_type_wire_name(type->kind)));
        return;
    }
    json_object_begin(out);
    json_key(out, str_from_c(value_type_wire_name(type->kind)));
    json_object_begin(out);
    json_member_integer(out, STR_LIT("precision"), type->precision);
    json_member_integer(out, STR_LIT("scale"), type->scale);
    json_object_end(out);
    json_object_end(out);
}
