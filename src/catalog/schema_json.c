/* schema_json.c — one schema version of a table as JSON text: what system.table_schemas shows in
 * arrow_schema and what the catalogue is rebuilt from.
 *
 *   {"table_id":117,"fields":[{"name":"id","id":1,"type":"BIGINT","arrow_type":"Int64",
 *    "nullable":false,"default":{"kind":"snowflake"},"primary_key":true,"key_position":0,
 *    "metadata":{"auto_increment":true}}, …, system columns with
 * "metadata":{"system_column":true}]}
 *
 * A VARCHAR has "length", a DECIMAL "precision" and "scale"; a literal default carries its text
 * form (null for NULL); "missing" is what rows older than the column show. System columns are
 * written for the reader's sake and skipped when the text is read back.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/limits.h"
#include "base/mem.h"
#include "catalog/catalog_internal.h"
#include "value/text.h"

#include <json-c/json.h>

static const char *const default_names[] = {
    [DEFAULT_NONE] = "none",
    [DEFAULT_LITERAL] = "literal",
    [DEFAULT_NOW] = "now",
    [DEFAULT_SNOWFLAKE] = "snowflake",
    [DEFAULT_UUID_V7] = "uuid_v7",
    [DEFAULT_ULID] = "ulid",
    [DEFAULT_CURRENT_USER] = "current_user",
};

void json_write_text(struct str text, struct buf *out)
{
    CHECK(text.data != NULL || text.size == 0);
    buf_append_byte(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte == '"' || byte == '\\') {
            buf_append_byte(out, '\\');
            buf_append_byte(out, byte);
        } else if (byte < 0x20) {
            buf_printf(out, "\\u%04x", byte);
        } else {
            buf_append_byte(out, byte);
        }
    }
    buf_append_byte(out, '"');
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static void schema_json_arrow_type(const struct data_type *type, struct buf *out)
{
    static const char *const names[VALUE_TYPE_COUNT] = {
        [VALUE_NULL] = "Null",
        [VALUE_BOOLEAN] = "Boolean",
        [VALUE_SMALLINT] = "Int16",
        [VALUE_INT] = "Int32",
        [VALUE_BIGINT] = "Int64",
        [VALUE_FLOAT] = "Float32",
        [VALUE_DOUBLE] = "Float64",
        [VALUE_DECIMAL] = "Decimal128",
        [VALUE_TEXT] = "Utf8",
        [VALUE_UUID] = "FixedSizeBinary(16)",
        [VALUE_JSON] = "Utf8",
        [VALUE_BYTES] = "Binary",
        [VALUE_DATE] = "Date32",
        [VALUE_TIME] = "Time64(Microsecond)",
        [VALUE_TIMESTAMP] = "Timestamp(Microsecond)",
    };

    CHECK(names[type->kind] != NULL);
    if (type->kind == VALUE_DECIMAL)
        buf_printf(out, "\"Decimal128(%u, %u)\"", type->precision, type->scale);
    else
        buf_printf(out, "\"%s\"", names[type->kind]);
}

static void schema_json_value(const struct value *value, struct buf *out)
{
    struct buf text;

    if (value->is_null) {
        buf_append_str(out, STR_LIT("null"));
        return;
    }
    CHECK(value->type != VALUE_NULL);
    buf_init(&text);
    value_format(value, &text);
    json_write_text(buf_str(&text), out);
    buf_clear(&text);
}

static void schema_json_default(const struct table_column *column, struct buf *out)
{
    CHECK((size_t)column->default_kind < ARRAY_COUNT(default_names));
    if (column->default_kind == DEFAULT_NONE) {
        buf_append_str(out, STR_LIT(",\"default\":null"));
        return;
    }
    buf_printf(out, ",\"default\":{\"kind\":\"%s\"", default_names[column->default_kind]);
    if (column->default_kind == DEFAULT_LITERAL) {
        buf_append_str(out, STR_LIT(",\"value\":"));
        schema_json_value(&column->default_value, out);
    }
    buf_append_byte(out, '}');
}

static void schema_json_head(struct str name, uint32_t id, const struct data_type *type,
                             bool nullable, struct buf *out)
{
    CHECK(id > 0);
    buf_append_str(out, STR_LIT("{\"name\":"));
    json_write_text(name, out);
    buf_printf(out, ",\"id\":%u,\"type\":\"%s\"", id, value_type_name(type->kind));
    if (type->length_max > 0)
        buf_printf(out, ",\"length\":%u", type->length_max);
    if (type->kind == VALUE_DECIMAL)
        buf_printf(out, ",\"precision\":%u,\"scale\":%u", type->precision, type->scale);
    buf_append_str(out, STR_LIT(",\"arrow_type\":"));
    schema_json_arrow_type(type, out);
    buf_printf(out, ",\"nullable\":%s", nullable ? "true" : "false");
}

static void schema_json_column(const struct table_column *column, struct buf *out)
{
    CHECK(column->key_position < LIMIT_KEY_COLUMNS);
    schema_json_head(column->name, column->id, &column->type, !column->not_null, out);
    schema_json_default(column, out);
    buf_printf(out, ",\"primary_key\":%s", column->key_position >= 0 ? "true" : "false");
    if (column->key_position >= 0)
        buf_printf(out, ",\"key_position\":%d", column->key_position);
    if (column->missing != NULL) {
        buf_append_str(out, STR_LIT(",\"missing\":"));
        schema_json_value(column->missing, out);
    }
    buf_printf(out, ",\"metadata\":{%s}}", column->auto_increment ? "\"auto_increment\":true" : "");
}

void schema_json_write(const struct table *table, const struct table_schema *schema,
                       struct buf *out)
{
    static const uint32_t ids[] = {COLUMN_ID_SEQ, COLUMN_ID_UPDATED, COLUMN_ID_DELETED};
    uint32_t user_columns = table->schema->column_count;

    CHECK(schema->column_count > 0);
    buf_printf(out, "{\"table_id\":%llu,\"fields\":[", (unsigned long long)table->id.value);
    for (uint32_t i = 0; i < schema->column_count; i++) {
        if (i > 0)
            buf_append_byte(out, ',');
        schema_json_column(&schema->columns[i], out);
    }
    for (uint32_t i = user_columns; i < table_column_total(table); i++) {
        struct data_type type = table_column_type(table, i);
        buf_append_byte(out, ',');
        schema_json_head(table_column_name(table, i), ids[i - user_columns], &type, false, out);
        buf_append_str(out, STR_LIT(",\"default\":null,\"primary_key\":false,"
                                    "\"metadata\":{\"system_column\":true}}"));
    }
    buf_append_str(out, STR_LIT("]}"));
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static struct str schema_json_text(struct json_object *object)
{
    const char *text = json_object_get_string(object);

    CHECK(json_object_is_type(object, json_type_string));
    return str_from(text, (size_t)json_object_get_string_len(object));
}

static bool schema_json_integer(struct json_object *field, const char *name, int64_t most,
                                int64_t *out)
{
    struct json_object *member;

    CHECK(most > 0);
    if (!json_object_object_get_ex(field, name, &member) ||
        !json_object_is_type(member, json_type_int))
        return false;
    *out = json_object_get_int64(member);
    return *out >= 0 && *out <= most;
}

/* False, too, where there is no object: foreign text may say anything. */
static bool schema_json_flag(struct json_object *field, const char *name)
{
    struct json_object *member;

    CHECK(name != NULL);
    return json_object_object_get_ex(field, name, &member) &&
           json_object_is_type(member, json_type_boolean) && json_object_get_boolean(member);
}

static bool schema_json_read_type(struct json_object *field, struct data_type *type)
{
    struct json_object *name;
    int64_t number = 0;

    CHECK(type != NULL);
    if (!json_object_object_get_ex(field, "type", &name) ||
        !json_object_is_type(name, json_type_string))
        return false;
    for (int kind = VALUE_NULL + 1; kind < VALUE_TYPE_COUNT; kind++)
        if (str_equal(schema_json_text(name), str_from_c(value_type_name((enum value_type)kind))))
            type->kind = (enum value_type)kind;
    if (schema_json_integer(field, "length", UINT32_MAX, &number))
        type->length_max = (uint32_t)number;
    if (type->kind == VALUE_DECIMAL) {
        if (!schema_json_integer(field, "precision", 38, &number))
            return false;
        type->precision = (uint8_t)number;
        if (!schema_json_integer(field, "scale", 38, &number))
            return false;
        type->scale = (uint8_t)number;
    }
    return type->kind != VALUE_NULL;
}

/* The text form, or JSON null for NULL. */
static bool schema_json_read_value(struct json_object *text, const struct data_type *type,
                                   struct arena *arena, struct value *out)
{
    struct data_type unlimited = *type;

    CHECK(type->kind != VALUE_NULL);
    *out = value_null(type->kind);
    if (text == NULL)
        return true;
    if (!json_object_is_type(text, json_type_string))
        return false;
    /* A default was checked when it was declared. */
    unlimited.length_max = 0;
    struct str copy = arena_copy(arena, schema_json_text(text));
    return value_parse(copy, &unlimited, arena, out, NULL) == STATUS_OK;
}

static bool schema_json_read_default(struct json_object *field, struct arena *arena,
                                     struct table_column *column)
{
    struct json_object *object, *kind, *value;

    CHECK(column->type.kind != VALUE_NULL);
    if (!json_object_object_get_ex(field, "default", &object) || object == NULL)
        return true;
    if (!json_object_object_get_ex(object, "kind", &kind) ||
        !json_object_is_type(kind, json_type_string))
        return false;
    for (size_t i = 0; i < ARRAY_COUNT(default_names); i++)
        if (str_equal(schema_json_text(kind), str_from_c(default_names[i])))
            column->default_kind = (enum default_kind)i;
    if (column->default_kind != DEFAULT_LITERAL)
        return column->default_kind != DEFAULT_NONE;
    return json_object_object_get_ex(object, "value", &value) &&
           schema_json_read_value(value, &column->type, arena, &column->default_value);
}

static bool schema_json_read_column(struct json_object *field, struct arena *arena,
                                    struct table_column *column)
{
    struct json_object *name, *missing, *metadata;
    int64_t number = 0;

    CHECK(column != NULL);
    *column = (struct table_column){.key_position = -1};
    if (!json_object_object_get_ex(field, "name", &name) ||
        !json_object_is_type(name, json_type_string) ||
        !schema_json_integer(field, "id", UINT32_MAX, &number) || number == 0 ||
        !schema_json_read_type(field, &column->type))
        return false;
    column->name = arena_copy(arena, schema_json_text(name));
    column->id = (uint32_t)number;
    column->not_null = !schema_json_flag(field, "nullable");
    if (json_object_object_get_ex(field, "metadata", &metadata))
        column->auto_increment = schema_json_flag(metadata, "auto_increment");
    if (schema_json_integer(field, "key_position", LIMIT_KEY_COLUMNS - 1, &number))
        column->key_position = (int)number;
    if (json_object_object_get_ex(field, "missing", &missing)) {
        struct value *value = arena_alloc(arena, sizeof(*value));
        if (!schema_json_read_value(missing, &column->type, arena, value))
            return false;
        column->missing = value;
    }
    return schema_json_read_default(field, arena, column);
}

static bool schema_json_read_fields(struct json_object *fields, struct arena *arena,
                                    struct table_schema *schema)
{
    size_t count = json_object_array_length(fields);

    CHECK(schema->column_count == 0);
    if (count > LIMIT_TABLE_COLUMNS + SYSTEM_COLUMN_COUNT)
        return false;
    schema->columns = arena_array(arena, count + 1, sizeof(struct table_column));
    for (size_t i = 0; i < count; i++) {
        struct json_object *field = json_object_array_get_idx(fields, i), *metadata;
        if (!json_object_is_type(field, json_type_object))
            return false;
        if (json_object_object_get_ex(field, "metadata", &metadata) &&
            schema_json_flag(metadata, "system_column"))
            continue;
        if (schema->column_count == LIMIT_TABLE_COLUMNS ||
            !schema_json_read_column(field, arena, &schema->columns[schema->column_count]))
            return false;
        schema->column_count++;
    }
    return schema->column_count > 0;
}

enum status schema_json_read(struct str json, struct table *table, struct table_schema **schema,
                             struct error *err)
{
    struct json_tokener *tokener = json_tokener_new();
    struct json_object *root = NULL, *fields = NULL;
    int64_t id = 0;

    CHECK(json.size < INT32_MAX);
    if (tokener == NULL)
        mem_exhausted();
    *schema = NULL;
    root = json_tokener_parse_ex(tokener, json.data, (int)json.size);
    bool good = root != NULL && json_object_is_type(root, json_type_object) &&
                schema_json_integer(root, "table_id", INT64_MAX, &id) &&
                json_object_object_get_ex(root, "fields", &fields) &&
                json_object_is_type(fields, json_type_array);
    if (good && (uint64_t)id == table->id.value) {
        *schema = table_add_schema(table);
        good = schema_json_read_fields(fields, (*schema)->arena, *schema);
    }
    json_object_put(root);
    json_tokener_free(tokener);
    return good ? STATUS_OK : error_set(err, STATUS_CORRUPT, "stored table schema cannot be read");
}
