/* cast.c — which conversions exist, and doing them.
 *
 *   from \ to   BOOLEAN number TEXT UUID JSON BYTES DATE TIME TIMESTAMP
 *   BOOLEAN     =       x(INT) x
 *   number      x(INT)  a      x                             a (integers: µs)
 *   TEXT        a       a      a    a    a    a     a    a    a
 *   UUID                       a    =
 *   JSON        x       x      a         =
 *   BYTES                      x              =
 *   DATE                       x                    =         a
 *   TIME                       x                         =
 *   TIMESTAMP                  x                    a    x    =
 *
 * a = assignment and explicit, x = explicit only. JSON to a number or boolean reads a JSON scalar.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "value/cast.h"

#include "base/check.h"
#include "value/datetime.h"
#include "value/text.h"
#include "value/value_internal.h"

static bool cast_to_text_is_possible(enum value_type from, enum cast_context context)
{
    CHECK(from != VALUE_NULL);
    return context == CAST_EXPLICIT || from == VALUE_TEXT || from == VALUE_UUID ||
           from == VALUE_JSON;
}

bool value_cast_is_possible(enum value_type from, enum value_type to, enum cast_context context)
{
    CHECK((unsigned)from < VALUE_TYPE_COUNT && (unsigned)to < VALUE_TYPE_COUNT);
    if (from == to || from == VALUE_NULL)
        return to != VALUE_NULL || from == VALUE_NULL;
    if (to == VALUE_NULL)
        return false;
    if (to == VALUE_TEXT)
        return cast_to_text_is_possible(from, context);
    if (from == VALUE_TEXT || (value_type_is_number(from) && value_type_is_number(to)))
        return true;
    if ((from == VALUE_DATE && to == VALUE_TIMESTAMP) ||
        (from == VALUE_TIMESTAMP && to == VALUE_DATE) ||
        (value_type_is_integer(from) && to == VALUE_TIMESTAMP))
        return true;
    if (context == CAST_ASSIGNMENT)
        return false;
    return (from == VALUE_BOOLEAN && to == VALUE_INT) ||
           (from == VALUE_INT && to == VALUE_BOOLEAN) ||
           (from == VALUE_TIMESTAMP && to == VALUE_TIME) ||
           (from == VALUE_JSON && (to == VALUE_BOOLEAN || value_type_is_number(to)));
}

static enum status cast_to_text(const struct value *value, const struct data_type *type,
                                struct arena *arena, struct value *out, struct error *err)
{
    struct str text = value->text;

    CHECK(type->kind == VALUE_TEXT);
    if (value->type != VALUE_TEXT && value->type != VALUE_JSON) {
        struct buf formatted = {0};
        value_format(value, &formatted);
        text = arena_copy(arena, buf_str(&formatted));
        buf_clear(&formatted);
    }
    enum status status = cast_check_length(text, type, err);
    if (status == STATUS_OK)
        *out = value_text(VALUE_TEXT, text);
    return status;
}

static enum status cast_from_json(const struct value *value, const struct data_type *type,
                                  struct arena *arena, struct value *out, struct error *err)
{
    struct str text = str_trim(value->text);
    struct decimal number;

    CHECK(value->type == VALUE_JSON);
    bool is_boolean = str_equal(text, STR_LIT("true")) || str_equal(text, STR_LIT("false"));
    if (str_equal(text, STR_LIT("null"))) {
        *out = value_null(type->kind);
        return STATUS_OK;
    }
    if (type->kind == VALUE_BOOLEAN)
        return is_boolean ? value_parse(text, type, arena, out, err)
                          : value_invalid_text(type->kind, text, err);
    if (!value_type_is_integer(type->kind) || decimal_parse(text, &number) != DECIMAL_PARSED)
        return value_parse(text, type, arena, out, err);
    struct value exact = value_decimal(number.unscaled, DECIMAL_DIGITS_MAX, number.scale);
    return cast_number(&exact, type, out, err); /* 2.0 is an integer here */
}

static enum status cast_moment(const struct value *value, const struct data_type *type,
                               struct value *out, struct error *err)
{
    int64_t time_us, days;

    CHECK(type->kind == VALUE_DATE || type->kind == VALUE_TIME || type->kind == VALUE_TIMESTAMP);
    if (value->type == VALUE_TIMESTAMP) {
        days = datetime_split(value->integer, &time_us);
        *out = value_integer(type->kind, type->kind == VALUE_DATE ? days : time_us);
        return STATUS_OK;
    }
    if (value->type == VALUE_DATE) {
        *out = value_integer(VALUE_TIMESTAMP, value->integer * DATETIME_DAY_US);
        return STATUS_OK;
    }
    if (value->integer < DATETIME_TIMESTAMP_MIN || value->integer > DATETIME_TIMESTAMP_MAX) {
        char text[DECIMAL_TEXT_MAX];
        size_t size = decimal_format(value_decimal_of(value), text);
        return value_out_of_range(VALUE_TIMESTAMP, str_from(text, size), err);
    }
    *out = value_integer(VALUE_TIMESTAMP, value->integer);
    return STATUS_OK;
}

/* The modifiers of the type may still differ. */
static enum status cast_same_kind(const struct value *value, const struct data_type *type,
                                  struct value *out, struct error *err)
{
    CHECK(value->type == type->kind);
    if (type->kind == VALUE_DECIMAL)
        return cast_number(value, type, out, err);
    if (type->kind == VALUE_TEXT) {
        enum status status = cast_check_length(value->text, type, err);
        if (status != STATUS_OK)
            return status;
    }
    *out = *value;
    return STATUS_OK;
}

enum status value_cast(const struct value *value, const struct data_type *type,
                       enum cast_context context, struct arena *arena, struct value *out,
                       struct error *err)
{
    CHECK(value != NULL && out != NULL && arena != NULL);
    if (!value_cast_is_possible(value->type, type->kind, context))
        return error_set(err, STATUS_TYPE_MISMATCH, "cannot convert %s to %s",
                         value_type_name(value->type), value_type_name(type->kind));
    if (value->is_null) {
        *out = value_null(type->kind);
        return STATUS_OK;
    }
    if (value->type == type->kind)
        return cast_same_kind(value, type, out, err);
    if (value->type == VALUE_TEXT)
        return value_parse(value->text, type, arena, out, err);
    if (type->kind == VALUE_TEXT)
        return cast_to_text(value, type, arena, out, err);
    if (value->type == VALUE_JSON)
        return cast_from_json(value, type, arena, out, err);
    if (value->type == VALUE_BOOLEAN) {
        *out = value_integer(VALUE_INT, value->boolean ? 1 : 0);
        return STATUS_OK;
    }
    if (type->kind == VALUE_BOOLEAN) {
        *out = value_boolean(value->integer != 0);
        return STATUS_OK;
    }
    if (!value_type_is_number(type->kind))
        return cast_moment(value, type, out, err);
    return cast_number(value, type, out, err);
}
