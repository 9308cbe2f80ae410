/* value.c — names, classes, order and hash of values.
 *
 * Numbers of different types compare exactly: integers as decimals, and a double against a decimal
 * by its integer part and then bit by bit of both fractions.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "value/value.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/macros.h"
#include "value/datetime.h"
#include "value/decimal.h"
#include "value/value_internal.h"

static const struct {
    const char *sql, *wire;
} value_names[VALUE_TYPE_COUNT] = {
#define VALUE_NAME(name, sql, wire) [VALUE_##name] = {sql, wire},
    VALUE_TYPE_LIST(VALUE_NAME)
#undef VALUE_NAME
};

const char *value_type_name(enum value_type type)
{
    CHECK((unsigned)type < VALUE_TYPE_COUNT);
    return value_names[type].sql;
}

const char *value_type_wire_name(enum value_type type)
{
    CHECK((unsigned)type < VALUE_TYPE_COUNT);
    return value_names[type].wire;
}

struct data_type value_data_type(const struct value *value)
{
    bool has_scale = value->type == VALUE_DECIMAL && !value->is_null;

    CHECK((unsigned)value->type < VALUE_TYPE_COUNT);
    return (struct data_type){.kind = value->is_null ? VALUE_NULL : value->type,
                              .precision = has_scale ? value->precision : 0,
                              .scale = has_scale ? value->scale : 0};
}

bool value_type_is_integer(enum value_type type)
{
    return type == VALUE_SMALLINT || type == VALUE_INT || type == VALUE_BIGINT;
}

bool value_type_is_number(enum value_type type)
{
    return type >= VALUE_SMALLINT && type <= VALUE_DECIMAL;
}

bool value_type_is_text(enum value_type type)
{
    return type == VALUE_TEXT || type == VALUE_JSON || type == VALUE_BYTES;
}

bool value_type_is_key(enum value_type type)
{
    switch (type) {
    case VALUE_BOOLEAN:
    case VALUE_SMALLINT:
    case VALUE_INT:
    case VALUE_BIGINT:
    case VALUE_TEXT:
    case VALUE_UUID:
    case VALUE_DATE:
    case VALUE_TIMESTAMP:
        return true;
    default:
        return false;
    }
}

bool value_type_is_comparable(enum value_type a, enum value_type b)
{
    CHECK((unsigned)a < VALUE_TYPE_COUNT && (unsigned)b < VALUE_TYPE_COUNT);
    if (a == VALUE_NULL || b == VALUE_NULL)
        return false;
    if (a == b || (value_type_is_number(a) && value_type_is_number(b)))
        return true;
    return (a == VALUE_DATE && b == VALUE_TIMESTAMP) || (a == VALUE_TIMESTAMP && b == VALUE_DATE);
}

bool value_integer_fits(enum value_type type, int64_t integer)
{
    CHECK(value_type_is_integer(type));
    if (type == VALUE_SMALLINT)
        return integer >= INT16_MIN && integer <= INT16_MAX;
    if (type == VALUE_INT)
        return integer >= INT32_MIN && integer <= INT32_MAX;
    return true;
}

bool value_moment_fits(enum value_type type, int64_t integer)
{
    if (type == VALUE_DATE)
        return integer >= DATETIME_DATE_MIN && integer <= DATETIME_DATE_MAX;
    if (type == VALUE_TIMESTAMP)
        return integer >= DATETIME_TIMESTAMP_MIN && integer <= DATETIME_TIMESTAMP_MAX;
    CHECK(type == VALUE_TIME);
    return integer >= 0 && integer < DATETIME_DAY_US;
}

struct decimal value_decimal_of(const struct value *value)
{
    CHECK(!value->is_null);
    if (value->type == VALUE_DECIMAL)
        return (struct decimal){value->decimal, value->scale};
    CHECK(value_type_is_integer(value->type));
    return (struct decimal){value->integer, 0};
}

double value_real_of(const struct value *value)
{
    CHECK(!value->is_null && value_type_is_number(value->type));
    if (value_type_is_integer(value->type))
        return (double)value->integer;
    if (value->type == VALUE_DECIMAL)
        return decimal_to_double((struct decimal){value->decimal, value->scale});
    return value->real;
}

static int value_order(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static bool value_type_is_real(enum value_type type)
{
    return type == VALUE_FLOAT || type == VALUE_DOUBLE;
}

static int value_compare_numbers(const struct value *a, const struct value *b)
{
    bool a_real = value_type_is_real(a->type), b_real = value_type_is_real(b->type);

    CHECK(value_type_is_number(a->type) && value_type_is_number(b->type));
    if (a_real && b_real)
        return (a->real > b->real) - (a->real < b->real);
    if (b_real)
        return decimal_compare_double(value_decimal_of(a), b->real);
    if (a_real)
        return -decimal_compare_double(value_decimal_of(b), a->real);
    return decimal_compare(value_decimal_of(a), value_decimal_of(b));
}

/* µs of a TIMESTAMP or of a DATE's midnight. */
static int64_t value_moment(const struct value *value)
{
    CHECK(value->type == VALUE_DATE || value->type == VALUE_TIMESTAMP);
    return value->type == VALUE_DATE ? value->integer * DATETIME_DAY_US : value->integer;
}

int value_compare(const struct value *a, const struct value *b)
{
    int order;

    CHECK(!a->is_null && !b->is_null);
    if (a->type != b->type) {
        if (value_type_is_integer(a->type) && value_type_is_integer(b->type))
            return value_order(a->integer, b->integer);
        CHECK(value_type_is_comparable(a->type, b->type));
        if (value_type_is_number(a->type))
            return value_compare_numbers(a, b);
        return value_order(value_moment(a), value_moment(b));
    }
    switch (a->type) {
    case VALUE_SMALLINT:
    case VALUE_INT:
    case VALUE_BIGINT:
    case VALUE_DATE:
    case VALUE_TIME:
    case VALUE_TIMESTAMP:
        return value_order(a->integer, b->integer);
    case VALUE_FLOAT:
    case VALUE_DOUBLE:
    case VALUE_DECIMAL:
        return value_compare_numbers(a, b);
    case VALUE_TEXT:
    case VALUE_JSON:
    case VALUE_BYTES:
        order = str_compare(a->text, b->text);
        return (order > 0) - (order < 0);
    case VALUE_UUID:
        order = memcmp(a->uuid, b->uuid, sizeof(a->uuid));
        return (order > 0) - (order < 0);
    case VALUE_BOOLEAN:
        return (int)a->boolean - (int)b->boolean;
    case VALUE_NULL:
    case VALUE_TYPE_COUNT:
        break;
    }
    UNREACHABLE("NULL is not compared");
}

bool value_is_same(const struct value *a, const struct value *b)
{
    CHECK((unsigned)a->type < VALUE_TYPE_COUNT);
    CHECK((unsigned)b->type < VALUE_TYPE_COUNT);
    if (a->type != b->type || a->is_null != b->is_null)
        return false;
    return a->is_null || value_compare(a, b) == 0;
}

static uint64_t value_hash_decimal(int128 unscaled, uint8_t scale)
{
    /* 1.50 equals 1.5: without trailing zeros there is one form of each number. */
    while (scale > 0 && unscaled % 10 == 0) {
        unscaled /= 10;
        scale--;
    }
    CHECK(scale <= DECIMAL_DIGITS_MAX);
    return hash_mix(hash_bytes(str_from((const char *)&unscaled, sizeof(unscaled))), scale);
}

uint64_t value_hash(const struct value *value)
{
    uint64_t seed = (uint64_t)value->type;
    double real;

    CHECK((unsigned)value->type < VALUE_TYPE_COUNT);
    if (value->is_null)
        return hash_mix(seed, 1);
    switch (value->type) {
    case VALUE_FLOAT:
    case VALUE_DOUBLE:
        real = value->real == 0 ? 0.0 : value->real;
        return hash_bytes_seeded(str_from((const char *)&real, sizeof(real)), seed);
    case VALUE_DECIMAL:
        return value_hash_decimal(value->decimal, value->scale);
    case VALUE_TEXT:
    case VALUE_JSON:
    case VALUE_BYTES:
        return hash_bytes_seeded(value->text, seed);
    case VALUE_UUID:
        return hash_bytes_seeded(str_from((const char *)value->uuid, sizeof(value->uuid)), seed);
    case VALUE_BOOLEAN:
        return hash_mix(seed, value->boolean ? 3 : 2);
    default:
        return hash_bytes_seeded(str_from((const char *)&value->integer, sizeof(value->integer)),
                                 seed);
    }
}
