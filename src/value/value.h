/* value.h — the fourteen column types of docs/sql.md and one value of them in memory.
 *
 * The `value/` folder is the only place that converts: between types (cast.h), from and to text
 * (text.h), to row bytes (row.h) and to keys (key.h). To add a type, extend VALUE_TYPE_LIST and let
 * the compiler's switch warnings lead through these files, wire/json and storage/columnar.
 * Values are plain data; text, JSON and bytes are borrowed from row bytes or an arena. Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef VALUE_VALUE_H
#define VALUE_VALUE_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* X(NAME, sql name, wire name) */
#define VALUE_TYPE_LIST(X) \
    X(NULL, "NULL", "Null") /* type of the bare literal NULL only; never a column */ \
    X(BOOLEAN, "BOOLEAN", "Boolean") \
    X(SMALLINT, "SMALLINT", "SmallInt") \
    X(INT, "INT", "Int") \
    X(BIGINT, "BIGINT", "BigInt") \
    X(FLOAT, "FLOAT", "Float") \
    X(DOUBLE, "DOUBLE", "Double") \
    X(DECIMAL, "DECIMAL", "Decimal") \
    X(TEXT, "TEXT", "Text") \
    X(UUID, "UUID", "Uuid") \
    X(JSON, "JSON", "Json") \
    X(BYTES, "BYTES", "Bytes") \
    X(DATE, "DATE", "Date") \
    X(TIME, "TIME", "Time") \
    X(TIMESTAMP, "TIMESTAMP", "Timestamp")

enum value_type {
#define VALUE_TYPE_ENUM(name, sql, wire) VALUE_##name,
    VALUE_TYPE_LIST(VALUE_TYPE_ENUM)
#undef VALUE_TYPE_ENUM
        VALUE_TYPE_COUNT
};

typedef __int128 int128;

struct data_type {
    enum value_type kind;
    uint8_t precision, scale; /* DECIMAL only: 1–38, 0–precision */
    uint32_t length_max;      /* TEXT: characters of VARCHAR(n), 0 = unlimited */
};

struct value {
    enum value_type type;
    bool is_null;
    uint8_t precision, scale; /* DECIMAL only */
    union {
        bool boolean;
        int64_t
            integer; /* SMALLINT, INT, BIGINT, DATE (days), TIME (µs), TIMESTAMP (µs since 1970) */
        double real;     /* FLOAT (holds a float exactly), DOUBLE; always finite */
        int128 decimal;  /* unscaled: 12.50 with scale 2 is 1250 */
        struct str text; /* TEXT, JSON (UTF-8), BYTES */
        uint8_t uuid[16];
    };
};

const char *value_type_name(enum value_type type);      /* "BIGINT" */
const char *value_type_wire_name(enum value_type type); /* "BigInt" */

static inline struct value value_null(enum value_type type)
{
    return (struct value){.type = type, .is_null = true};
}
static inline struct value value_boolean(bool boolean)
{
    return (struct value){.type = VALUE_BOOLEAN, .boolean = boolean};
}
/* SMALLINT, INT, BIGINT, DATE, TIME, TIMESTAMP; the caller has checked the range. */
static inline struct value value_integer(enum value_type type, int64_t integer)
{
    return (struct value){.type = type, .integer = integer};
}
static inline struct value value_real(enum value_type type, double real)
{
    return (struct value){.type = type, .real = real};
}
static inline struct value value_decimal(int128 unscaled, uint8_t precision, uint8_t scale)
{
    return (struct value){
        .type = VALUE_DECIMAL, .precision = precision, .scale = scale, .decimal = unscaled};
}
/* TEXT, JSON or BYTES; borrows. */
static inline struct value value_text(enum value_type type, struct str text)
{
    return (struct value){.type = type, .text = text};
}

/* VALUE_NULL of a NULL. */
struct data_type value_data_type(const struct value *value);
bool value_type_is_integer(enum value_type type); /* SMALLINT, INT, BIGINT */
/* Bounds of DATE, TIME, TIMESTAMP: years 1 to 9999, one day. */
bool value_moment_fits(enum value_type type, int64_t integer);
bool value_type_is_number(enum value_type type); /* integers, FLOAT, DOUBLE, DECIMAL */
bool value_type_is_text(enum value_type type);   /* TEXT, JSON, BYTES: uses .text */
bool value_type_is_key(enum value_type type);    /* may be part of a primary key, docs/sql.md */

/* -1, 0, 1. Both not NULL and of one type, or both numbers of any types: exact, no detour over
 * floating point (BIGINT against DOUBLE too); DATE against TIMESTAMP as midnight. */
int value_compare(const struct value *a, const struct value *b);
/* True when value_compare is defined for the two types. */
bool value_type_is_comparable(enum value_type a, enum value_type b);
/* Same type, both NULL or equal. -0.0 equals 0.0. */
bool value_is_same(const struct value *a, const struct value *b);
uint64_t value_hash(const struct value *value); /* equal values of one type hash alike */

#endif
