/* schema_rules.c — the rules of columns and schema versions, see schema_rules.h.
 *
 * Column ids of a version ascend: CREATE TABLE counts them up, ADD COLUMN puts the next one at the
 * end, and no other change moves a column. So two versions are compared by one walk over both.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "catalog/schema_rules.h"

#include "base/check.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/map.h"
#include "value/text.h"

/* Digits before the point that every value of an integer type has room in. */
enum {
    COLUMN_DIGITS_SMALLINT = 5,
    COLUMN_DIGITS_INT = 10,
    COLUMN_DIGITS_BIGINT = 19,
    COLUMN_UUID_SIZE = 36,
};

/* ---- one column ------------------------------------------------------------------------------ */

bool column_default_fits(enum default_kind kind, const struct data_type *column_type)
{
    enum value_type type = column_type->kind;
    uint32_t room = column_type->length_max > 0 ? column_type->length_max : UINT32_MAX;

    CHECK(type != VALUE_NULL);
    switch (kind) {
    case DEFAULT_NONE:
    case DEFAULT_LITERAL:
        return true;
    case DEFAULT_NOW:
        return type == VALUE_TIMESTAMP || type == VALUE_DATE || type == VALUE_TIME;
    case DEFAULT_SNOWFLAKE:
        return type == VALUE_BIGINT;
    case DEFAULT_UUID_V7:
        return type == VALUE_UUID || (type == VALUE_TEXT && room >= COLUMN_UUID_SIZE);
    case DEFAULT_ULID:
        return type == VALUE_TEXT && room >= ID_ULID_SIZE;
    case DEFAULT_CURRENT_USER:
        return type == VALUE_TEXT;
    }
    UNREACHABLE("default kind");
}

static bool column_widens_to_decimal(const struct data_type *from, const struct data_type *to)
{
    int room = to->precision - to->scale;

    CHECK(to->kind == VALUE_DECIMAL);
    switch (from->kind) {
    case VALUE_SMALLINT:
        return room >= COLUMN_DIGITS_SMALLINT;
    case VALUE_INT:
        return room >= COLUMN_DIGITS_INT;
    case VALUE_BIGINT:
        return room >= COLUMN_DIGITS_BIGINT;
    case VALUE_DECIMAL:
        return to->scale >= from->scale && room >= from->precision - from->scale;
    default:
        return false;
    }
}

static bool column_widens_to_text(const struct data_type *from, const struct data_type *to)
{
    bool unlimited = to->length_max == 0;

    CHECK(to->kind == VALUE_TEXT);
    switch (from->kind) {
    case VALUE_TEXT:
        return unlimited || (from->length_max > 0 && to->length_max >= from->length_max);
    case VALUE_JSON:
        return unlimited;
    case VALUE_UUID:
        return unlimited || to->length_max >= COLUMN_UUID_SIZE;
    default:
        return false;
    }
}

bool column_type_widens(const struct data_type *from, const struct data_type *to)
{
    CHECK(from->kind != VALUE_NULL && to->kind != VALUE_NULL);
    if (data_type_is_same(from, to))
        return true;
    switch (to->kind) {
    case VALUE_INT:
        return from->kind == VALUE_SMALLINT;
    case VALUE_BIGINT:
        return from->kind == VALUE_SMALLINT || from->kind == VALUE_INT;
    case VALUE_DOUBLE:
        return from->kind == VALUE_SMALLINT || from->kind == VALUE_INT || from->kind == VALUE_FLOAT;
    case VALUE_DECIMAL:
        return column_widens_to_decimal(from, to);
    case VALUE_TEXT:
        return column_widens_to_text(from, to);
    case VALUE_TIMESTAMP:
        return from->kind == VALUE_DATE;
    default:
        return false;
    }
}

/* Is it a type that SQL can name? */
static bool column_type_is_valid(const struct data_type *type)
{
    struct str name = str_from_c(value_type_name(type->kind));
    int64_t modifiers[2] = {0};
    struct data_type named;
    size_t count = 0;

    CHECK(type->kind != VALUE_NULL);
    if (type->kind == VALUE_TEXT && type->length_max > 0) {
        name = STR_LIT("varchar");
        modifiers[count++] = type->length_max;
    } else if (type->kind == VALUE_DECIMAL) {
        modifiers[count++] = type->precision;
        modifiers[count++] = type->scale;
    }
    return data_type_parse(name, modifiers, count, &named, NULL) == STATUS_OK &&
           data_type_is_same(&named, type);
}

static bool column_is_valid(const struct table_column *column)
{
    bool is_key = column->key_position >= 0;

    CHECK(column->key_position < LIMIT_KEY_COLUMNS);
    return catalog_name_is_valid(column->name) && column->id > 0 && column->id < COLUMN_ID_SEQ &&
           column_type_is_valid(&column->type) &&
           column_default_fits(column->default_kind, &column->type) &&
           (!is_key || (column->not_null && value_type_is_key(column->type.kind)));
}

/* ---- one version ----------------------------------------------------------------------------- */

/* Positions in the key are 0, 1, … */
static bool schema_key_is_valid(const struct table_schema *schema)
{
    uint32_t keys = 0, positions = 0;

    CHECK(schema->column_count > 0);
    for (uint32_t i = 0; i < schema->column_count; i++) {
        if (schema->columns[i].key_position < 0)
            continue;
        keys++;
        positions |= UINT32_C(1) << schema->columns[i].key_position;
    }
    return keys > 0 && keys <= LIMIT_KEY_COLUMNS && positions == (UINT32_C(1) << keys) - 1;
}

static bool schema_is_valid(const struct table_schema *schema)
{
    struct map names;
    bool valid = schema->column_count > 0 && schema->column_count <= LIMIT_TABLE_COLUMNS;

    map_init(&names);
    for (uint32_t i = 0; valid && i < schema->column_count; i++) {
        struct table_column *column = &schema->columns[i];
        valid = column_is_valid(column) && (i == 0 || column->id > column[-1].id) &&
                map_put(&names, column->name, column) == NULL;
    }
    CHECK(!valid || names.count == schema->column_count);
    map_clear(&names);
    return valid && schema_key_is_valid(schema);
}

/* ---- from one version to the next ------------------------------------------------------------ */

static bool column_may_become(const struct table_column *from, const struct table_column *to)
{
    CHECK(from->id == to->id);
    if (from->key_position != to->key_position)
        return false;
    return from->key_position >= 0 ? data_type_is_same(&from->type, &to->type)
                                   : column_type_widens(&from->type, &to->type);
}

/* Columns that are in both are still readable, key columns stay, new ones have ids above
 * `highest`, which no version before has used. */
static bool schema_may_become(const struct table_schema *from, const struct table_schema *to,
                              uint32_t highest)
{
    uint32_t at = 0;

    CHECK(from->column_count > 0);
    for (uint32_t i = 0; i < to->column_count; i++) {
        const struct table_column *column = &to->columns[i];
        for (; at < from->column_count && from->columns[at].id < column->id; at++)
            if (from->columns[at].key_position >= 0)
                return false;
        if (at < from->column_count && from->columns[at].id == column->id) {
            if (!column_may_become(&from->columns[at++], column))
                return false;
        } else if (column->id <= highest || column->key_position >= 0) {
            return false;
        }
    }
    for (; at < from->column_count; at++)
        if (from->columns[at].key_position >= 0)
            return false;
    return true;
}

bool table_schemas_are_valid(const struct table *table)
{
    uint32_t highest = 0;

    CHECK(table->schema_count > 0);
    for (uint32_t i = 0; i < table->schema_count; i++) {
        const struct table_schema *schema = table->schemas[i];
        if (schema->version != i + 1 || !schema_is_valid(schema) ||
            (i > 0 && !schema_may_become(table->schemas[i - 1], schema, highest)))
            return false;
        uint32_t last = schema->columns[schema->column_count - 1].id;
        highest = last > highest ? last : highest;
    }
    return true;
}
