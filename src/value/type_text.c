/* type_text.c — SQL type names: one table of all aliases, one of the refused names with their
 * hints.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "value/text.h"

#include "base/check.h"
#include "base/limits.h"
#include "value/decimal.h"

enum type_modifier {
    TYPE_PLAIN,    /* takes no modifier */
    TYPE_LENGTH,   /* (n) characters */
    TYPE_DECIMAL,  /* (p[,s]) */
    TYPE_REAL,     /* FLOAT(1–24) is FLOAT, FLOAT(25–53) is DOUBLE */
    TYPE_FRACTION, /* (0–6) digits; columns keep microseconds all the same */
};

enum { TYPE_LENGTH_MAX = 10485760, TYPE_DECIMAL_SCALE_DEFAULT = 10 };

static const struct type_name {
    const char *name;
    enum value_type kind;
    enum type_modifier modifier;
} type_names[] = {
    {"boolean", VALUE_BOOLEAN, TYPE_PLAIN},
    {"bool", VALUE_BOOLEAN, TYPE_PLAIN},
    {"smallint", VALUE_SMALLINT, TYPE_PLAIN},
    {"int2", VALUE_SMALLINT, TYPE_PLAIN},
    {"int", VALUE_INT, TYPE_PLAIN},
    {"integer", VALUE_INT, TYPE_PLAIN},
    {"int4", VALUE_INT, TYPE_PLAIN},
    {"mediumint", VALUE_INT, TYPE_PLAIN},
    {"bigint", VALUE_BIGINT, TYPE_PLAIN},
    {"int8", VALUE_BIGINT, TYPE_PLAIN},
    {"int64", VALUE_BIGINT, TYPE_PLAIN},
    {"float", VALUE_FLOAT, TYPE_REAL},
    {"real", VALUE_FLOAT, TYPE_PLAIN},
    {"float4", VALUE_FLOAT, TYPE_PLAIN},
    {"double", VALUE_DOUBLE, TYPE_PLAIN},
    {"double precision", VALUE_DOUBLE, TYPE_PLAIN},
    {"float8", VALUE_DOUBLE, TYPE_PLAIN},
    {"float64", VALUE_DOUBLE, TYPE_PLAIN},
    {"decimal", VALUE_DECIMAL, TYPE_DECIMAL},
    {"numeric", VALUE_DECIMAL, TYPE_DECIMAL},
    {"text", VALUE_TEXT, TYPE_PLAIN},
    {"varchar", VALUE_TEXT, TYPE_LENGTH},
    {"character varying", VALUE_TEXT, TYPE_LENGTH},
    {"char", VALUE_TEXT, TYPE_LENGTH},
    {"character", VALUE_TEXT, TYPE_LENGTH},
    {"nvarchar", VALUE_TEXT, TYPE_LENGTH},
    {"string", VALUE_TEXT, TYPE_PLAIN},
    {"clob", VALUE_TEXT, TYPE_PLAIN},
    {"uuid", VALUE_UUID, TYPE_PLAIN},
    {"json", VALUE_JSON, TYPE_PLAIN},
    {"jsonb", VALUE_JSON, TYPE_PLAIN},
    {"object", VALUE_JSON, TYPE_PLAIN},
    {"bytes", VALUE_BYTES, TYPE_PLAIN},
    {"binary", VALUE_BYTES, TYPE_PLAIN},
    {"varbinary", VALUE_BYTES, TYPE_PLAIN},
    {"bytea", VALUE_BYTES, TYPE_PLAIN},
    {"blob", VALUE_BYTES, TYPE_PLAIN},
    {"date", VALUE_DATE, TYPE_PLAIN},
    {"time", VALUE_TIME, TYPE_FRACTION},
    {"time without time zone", VALUE_TIME, TYPE_FRACTION},
    {"timestamp", VALUE_TIMESTAMP, TYPE_FRACTION},
    {"datetime", VALUE_TIMESTAMP, TYPE_FRACTION},
    {"timestamptz", VALUE_TIMESTAMP, TYPE_FRACTION},
    {"timestamp with time zone", VALUE_TIMESTAMP, TYPE_FRACTION},
    {"timestamp without time zone", VALUE_TIMESTAMP, TYPE_FRACTION},
};

static const struct type_refused {
    const char *name, *hint;
    enum status code;
} type_refused[] = {
    {"tinyint", "use SMALLINT", STATUS_INVALID_SQL},
    {"unsigned", "use SMALLINT, INT or BIGINT, which are signed", STATUS_INVALID_SQL},
    {"utinyint", "use SMALLINT", STATUS_INVALID_SQL},
    {"usmallint", "use INT", STATUS_INVALID_SQL},
    {"uinteger", "use BIGINT", STATUS_INVALID_SQL},
    {"ubigint", "use BIGINT or DECIMAL(20,0)", STATUS_INVALID_SQL},
    {"hugeint", "use DECIMAL(38,0)", STATUS_INVALID_SQL},
    {"interval", "use BIGINT for a number of seconds or TEXT", STATUS_INVALID_SQL},
    {"array", "use JSON or TEXT", STATUS_INVALID_SQL},
    {"enum", "use TEXT", STATUS_INVALID_SQL},
    {"set", "use JSON or TEXT", STATUS_INVALID_SQL},
    {"struct", "use JSON or TEXT", STATUS_INVALID_SQL},
    {"map", "use JSON or TEXT", STATUS_INVALID_SQL},
    {"list", "use JSON or TEXT", STATUS_INVALID_SQL},
    {"row", "use JSON or TEXT", STATUS_INVALID_SQL},
    {"timetz", "use TIMESTAMP, which is UTC", STATUS_INVALID_SQL},
    {"time with time zone", "use TIMESTAMP, which is UTC", STATUS_INVALID_SQL},
    {"money", "use DECIMAL(19,2)", STATUS_INVALID_SQL},
    {"embedding", "store the vector as JSON or BYTES", STATUS_NOT_SUPPORTED},
    {"file", "store the file elsewhere and its location as TEXT", STATUS_NOT_SUPPORTED},
};

static enum status type_bad_modifier(struct str name, const char *allowed, struct error *err)
{
    CHECK(allowed != NULL);
    return error_set(err, STATUS_INVALID_SQL, "type %.*s takes %s", STR_ARG(name), allowed);
}

static enum status type_set_length(struct str name, const int64_t *modifiers, size_t count,
                                   struct data_type *out, struct error *err)
{
    CHECK(out->kind == VALUE_TEXT);
    if (count == 0)
        return STATUS_OK;
    if (count > 1 || modifiers[0] < 1 || modifiers[0] > TYPE_LENGTH_MAX)
        return type_bad_modifier(name, "one length from 1 to 10485760", err);
    out->length_max = (uint32_t)modifiers[0];
    return STATUS_OK;
}

static enum status type_set_decimal(struct str name, const int64_t *modifiers, size_t count,
                                    struct data_type *out, struct error *err)
{
    CHECK(out->kind == VALUE_DECIMAL);
    out->precision = DECIMAL_DIGITS_MAX;
    out->scale = TYPE_DECIMAL_SCALE_DEFAULT;
    if (count == 0)
        return STATUS_OK;
    int64_t scale = count > 1 ? modifiers[1] : 0;
    if (count > 2 || modifiers[0] < 1 || modifiers[0] > DECIMAL_DIGITS_MAX || scale < 0 ||
        scale > modifiers[0])
        return type_bad_modifier(
            name, "a precision from 1 to 38 and a scale from 0 to the precision", err);
    out->precision = (uint8_t)modifiers[0];
    out->scale = (uint8_t)scale;
    return STATUS_OK;
}

static enum status type_set_modifiers(const struct type_name *type, const int64_t *modifiers,
                                      size_t count, struct data_type *out, struct error *err)
{
    struct str name = str_from_c(type->name);

    CHECK(count == 0 || modifiers != NULL);
    switch (type->modifier) {
    case TYPE_PLAIN:
        return count == 0 ? STATUS_OK : type_bad_modifier(name, "no modifier", err);
    case TYPE_LENGTH:
        return type_set_length(name, modifiers, count, out, err);
    case TYPE_DECIMAL:
        return type_set_decimal(name, modifiers, count, out, err);
    case TYPE_REAL:
        if (count > 1 || (count == 1 && (modifiers[0] < 1 || modifiers[0] > 53)))
            return type_bad_modifier(name, "one precision from 1 to 53", err);
        if (count == 1 && modifiers[0] > 24)
            out->kind = VALUE_DOUBLE;
        return STATUS_OK;
    case TYPE_FRACTION:
        if (count > 1 || (count == 1 && (modifiers[0] < 0 || modifiers[0] > 6)))
            return type_bad_modifier(name, "one precision from 0 to 6", err);
        return STATUS_OK;
    }
    UNREACHABLE("every type has a modifier rule");
}

static enum status type_unknown(struct str name, struct error *err)
{
    struct str unsigned_word = STR_LIT("unsigned");

    for (size_t i = 0; i < ARRAY_COUNT(type_refused); i++) {
        struct str refused = str_from_c(type_refused[i].name);
        bool matches = str_equal_nocase(name, refused);
        if (str_equal(refused, unsigned_word) && name.size > refused.size) {
            struct str tail = str_from(name.data + name.size - refused.size, refused.size);
            struct str head = str_from(name.data, refused.size);
            matches = str_equal_nocase(tail, refused) || str_equal_nocase(head, refused);
        }
        if (!matches)
            continue;
        CHECK(type_refused[i].code != STATUS_OK);
        enum status status =
            error_set(err, type_refused[i].code, "type %.*s is not supported%s", STR_ARG(name),
                      type_refused[i].code == STATUS_NOT_SUPPORTED ? " in this version" : "");
        error_hint(err, "%s", type_refused[i].hint);
        return status;
    }
    if (name.size > LIMIT_IDENTIFIER_BYTES)
        name.size = LIMIT_IDENTIFIER_BYTES;
    return error_set(err, STATUS_INVALID_SQL, "type \"%.*s\" does not exist", STR_ARG(name));
}

enum status data_type_parse(struct str name, const int64_t *modifiers, size_t modifier_count,
                            struct data_type *out, struct error *err)
{
    CHECK(out != NULL);
    for (size_t i = 0; i < ARRAY_COUNT(type_names); i++) {
        if (!str_equal_nocase(name, str_from_c(type_names[i].name)))
            continue;
        *out = (struct data_type){.kind = type_names[i].kind};
        return type_set_modifiers(&type_names[i], modifiers, modifier_count, out, err);
    }
    return type_unknown(name, err);
}

void data_type_format(const struct data_type *type, struct buf *out)
{
    CHECK((unsigned)type->kind < VALUE_TYPE_COUNT);
    if (type->kind == VALUE_TEXT && type->length_max > 0)
        buf_printf(out, "VARCHAR(%u)", type->length_max);
    else if (type->kind == VALUE_DECIMAL)
        buf_printf(out, "DECIMAL(%u,%u)", type->precision, type->scale);
    else
        buf_append_str(out, str_from_c(value_type_name(type->kind)));
}

bool data_type_is_same(const struct data_type *a, const struct data_type *b)
{
    CHECK(a != NULL && b != NULL);
    if (a->kind != b->kind)
        return false;
    if (a->kind == VALUE_DECIMAL)
        return a->precision == b->precision && a->scale == b->scale;
    return a->kind != VALUE_TEXT || a->length_max == b->length_max;
}
