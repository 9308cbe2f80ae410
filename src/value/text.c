/* text.c — values from text and to text: one switch each way over the types.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "value/text.h"

#include "base/check.h"
#include "base/utf8.h"
#include "value/value_internal.h"

/* What an error message shows of a user's value: at most 64 bytes, cut at a character. */
static struct str value_shown(struct str text)
{
    CHECK(text.data != NULL || text.size == 0);
    return utf8_cut(text, VALUE_SHOWN_BYTES);
}

enum status value_invalid_text(enum value_type type, struct str text, struct error *err)
{
    struct str shown = value_shown(text);

    return error_set(err, STATUS_TYPE_MISMATCH, "invalid input syntax for type %s: \"%.*s\"%s",
                     value_type_name(type), STR_ARG(shown), shown.size < text.size ? "…" : "");
}

enum status value_out_of_range(enum value_type type, struct str text, struct error *err)
{
    struct str shown = value_shown(text);

    return error_set(err, STATUS_CONSTRAINT_VIOLATION, "value out of range for type %s: \"%.*s\"%s",
                     value_type_name(type), STR_ARG(shown), shown.size < text.size ? "…" : "");
}

enum status cast_check_length(struct str text, const struct data_type *type, struct error *err)
{
    CHECK(type->kind == VALUE_TEXT);
    if (type->length_max == 0 || text.size <= type->length_max ||
        utf8_length(text) <= type->length_max)
        return STATUS_OK;
    struct str shown = value_shown(text);
    return error_set(err, STATUS_CONSTRAINT_VIOLATION,
                     "value too long for type VARCHAR(%u): \"%.*s\"%s", type->length_max,
                     STR_ARG(shown), shown.size < text.size ? "…" : "");
}

static enum status text_parse_boolean(struct str text, struct value *out, struct error *err)
{
    static const struct {
        struct str word;
        bool boolean;
    } words[] = {
        {{"true", 4}, true}, {{"t", 1}, true},  {{"yes", 3}, true},    {{"y", 1}, true},
        {{"on", 2}, true},   {{"1", 1}, true},  {{"false", 5}, false}, {{"f", 1}, false},
        {{"no", 2}, false},  {{"n", 1}, false}, {{"off", 3}, false},   {{"0", 1}, false},
    };

    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        CHECK(words[i].word.size > 0);
        if (str_equal_nocase(text, words[i].word)) {
            *out = value_boolean(words[i].boolean);
            return STATUS_OK;
        }
    }
    return value_invalid_text(VALUE_BOOLEAN, text, err);
}

static bool text_is_digits(struct str text)
{
    size_t start = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+') ? 1 : 0;

    CHECK(text.data != NULL || text.size == 0);
    for (size_t i = start; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    }
    return text.size > start;
}

static enum status text_parse_integer(struct str text, enum value_type type, struct value *out,
                                      struct error *err)
{
    int64_t integer;

    CHECK(value_type_is_integer(type));
    if (!text_is_digits(text))
        return value_invalid_text(type, text, err);
    if (!str_to_int64(text, &integer) || !value_integer_fits(type, integer))
        return value_out_of_range(type, text, err);
    *out = value_integer(type, integer);
    return STATUS_OK;
}

static enum status text_parse_real(struct str text, enum value_type type, struct value *out,
                                   struct error *err)
{
    double real = 0;
    enum real_result result = real_parse(text, type == VALUE_FLOAT, &real);

    CHECK(type == VALUE_FLOAT || type == VALUE_DOUBLE);
    if (result == REAL_MALFORMED)
        return value_invalid_text(type, text, err);
    if (result == REAL_OVERFLOW)
        return value_out_of_range(type, text, err);
    *out = value_real(type, real);
    return STATUS_OK;
}

static enum status text_parse_decimal(struct str text, const struct data_type *type,
                                      struct value *out, struct error *err)
{
    struct decimal number;
    enum decimal_parse_result result = decimal_parse_scaled(text, type->scale, &number);

    CHECK(type->kind == VALUE_DECIMAL && type->precision <= DECIMAL_DIGITS_MAX);
    if (result == DECIMAL_MALFORMED)
        return value_invalid_text(VALUE_DECIMAL, text, err);
    if (result == DECIMAL_OVERFLOW ||
        (number.unscaled != 0 && decimal_digits(number.unscaled) > type->precision))
        return value_out_of_range(VALUE_DECIMAL, text, err);
    *out = value_decimal(number.unscaled, type->precision, type->scale);
    return STATUS_OK;
}

static enum status text_parse_json(struct str text, struct value *out, struct error *err)
{
    struct str shown = value_shown(text);

    CHECK(out != NULL);
    if (!json_is_valid(text))
        return error_set(err, STATUS_CONSTRAINT_VIOLATION,
                         "invalid input syntax for type JSON: \"%.*s\"%s", STR_ARG(shown),
                         shown.size < text.size ? "…" : "");
    *out = value_text(VALUE_JSON, text);
    return STATUS_OK;
}

static enum status text_parse_text(struct str text, const struct data_type *type, struct value *out,
                                   struct error *err)
{
    enum status status = cast_check_length(text, type, err);

    CHECK(out != NULL);
    if (status == STATUS_OK)
        *out = value_text(VALUE_TEXT, text);
    return status;
}

enum status value_parse(struct str text, const struct data_type *type, struct arena *arena,
                        struct value *out, struct error *err)
{
    struct str trimmed = str_trim(text);

    CHECK(out != NULL && arena != NULL);
    *out = value_integer(type->kind, 0);
    switch (type->kind) {
    case VALUE_BOOLEAN:
        return text_parse_boolean(trimmed, out, err);
    case VALUE_SMALLINT:
    case VALUE_INT:
    case VALUE_BIGINT:
        return text_parse_integer(trimmed, type->kind, out, err);
    case VALUE_FLOAT:
    case VALUE_DOUBLE:
        return text_parse_real(trimmed, type->kind, out, err);
    case VALUE_DECIMAL:
        return text_parse_decimal(trimmed, type, out, err);
    case VALUE_TEXT:
        return text_parse_text(text, type, out, err);
    case VALUE_UUID:
        return text_parse_uuid(trimmed, out->uuid, err);
    case VALUE_JSON:
        return text_parse_json(text, out, err);
    case VALUE_BYTES:
        return text_parse_bytes(text, arena, &out->text, err);
    case VALUE_DATE:
        return text_parse_date(trimmed, &out->integer, err);
    case VALUE_TIME:
        return text_parse_time(trimmed, &out->integer, err);
    case VALUE_TIMESTAMP:
        return text_parse_timestamp(trimmed, &out->integer, err);
    case VALUE_NULL:
    case VALUE_TYPE_COUNT:
        break;
    }
    UNREACHABLE("no value has this type");
}

static void value_format_number(const struct value *value, struct buf *out)
{
    char text[DECIMAL_TEXT_MAX];
    size_t size;

    CHECK(!value->is_null);
    if (value->type == VALUE_DECIMAL)
        size = decimal_format((struct decimal){value->decimal, value->scale}, text);
    else if (value_type_is_integer(value->type))
        size = decimal_format((struct decimal){value->integer, 0}, text);
    else
        size = value_format_real(value->real, value->type == VALUE_FLOAT, text);
    buf_append(out, text, size);
}

void value_format(const struct value *value, struct buf *out)
{
    CHECK((unsigned)value->type < VALUE_TYPE_COUNT);
    if (value->is_null)
        return;
    switch (value->type) {
    case VALUE_BOOLEAN:
        buf_append_str(out, value->boolean ? STR_LIT("true") : STR_LIT("false"));
        return;
    case VALUE_SMALLINT:
    case VALUE_INT:
    case VALUE_BIGINT:
    case VALUE_FLOAT:
    case VALUE_DOUBLE:
    case VALUE_DECIMAL:
        value_format_number(value, out);
        return;
    case VALUE_TEXT:
    case VALUE_JSON:
        buf_append_str(out, value->text);
        return;
    case VALUE_UUID:
        text_format_uuid(value->uuid, out);
        return;
    case VALUE_BYTES:
        text_format_bytes(value->text, out);
        return;
    case VALUE_DATE:
        text_format_date(value->integer, out);
        return;
    case VALUE_TIME:
        text_format_time(value->integer, out);
        return;
    case VALUE_TIMESTAMP:
        text_format_timestamp(value->integer, out);
        return;
    case VALUE_NULL:
    case VALUE_TYPE_COUNT:
        break;
    }
    UNREACHABLE("a value of no type is always NULL");
}

void value_format_cast(const struct value *value, struct buf *out)
{
    char digits[32];

    CHECK(value != NULL && out != NULL);
    if (value->is_null)
        return;
    if (value->type == VALUE_FLOAT || value->type == VALUE_DOUBLE)
        buf_append(out, digits,
                   value_format_real_wide(value->real, value->type == VALUE_FLOAT, digits));
    else if (value->type == VALUE_BYTES)
        text_format_bytes_plain(value->text, out);
    else
        value_format(value, out);
}

/* ---- escapes ------------------------------------------------------------------------------------
 */

char text_simple_escape(char c)
{
    CHECK_SLOW(c != '\0');
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c;
    }
}
