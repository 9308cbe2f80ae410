/* columnar_row.c — names for the fields of row values.
 *
 * ROW (1, 2) and list_zip(…) have fields without names, which JSON cannot show: every member would
 * be called "". So they are cast to the type with names before they become JSON, f1, f2 … as in
 * PostgreSQL's row_to_json.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/columnar/columnar_internal.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/macros.h"
#include "base/mem.h"

enum { ROW_TYPE_DEPTH = 64 }; /* of types in types */

static const char *row_plain_type(duckdb_type id)
{
    static const struct {
        duckdb_type id;
        const char *name;
    } types[] = {
        {DUCKDB_TYPE_BOOLEAN, "BOOLEAN"},
        {DUCKDB_TYPE_TINYINT, "TINYINT"},
        {DUCKDB_TYPE_SMALLINT, "SMALLINT"},
        {DUCKDB_TYPE_INTEGER, "INTEGER"},
        {DUCKDB_TYPE_BIGINT, "BIGINT"},
        {DUCKDB_TYPE_HUGEINT, "HUGEINT"},
        {DUCKDB_TYPE_UTINYINT, "UTINYINT"},
        {DUCKDB_TYPE_USMALLINT, "USMALLINT"},
        {DUCKDB_TYPE_UINTEGER, "UINTEGER"},
        {DUCKDB_TYPE_UBIGINT, "UBIGINT"},
        {DUCKDB_TYPE_FLOAT, "FLOAT"},
        {DUCKDB_TYPE_DOUBLE, "DOUBLE"},
        {DUCKDB_TYPE_DATE, "DATE"},
        {DUCKDB_TYPE_TIME, "TIME"},
        {DUCKDB_TYPE_TIMESTAMP, "TIMESTAMP"},
        {DUCKDB_TYPE_TIMESTAMP_TZ, "TIMESTAMP WITH TIME ZONE"},
        {DUCKDB_TYPE_INTERVAL, "INTERVAL"},
        {DUCKDB_TYPE_BLOB, "BLOB"},
        {DUCKDB_TYPE_UUID, "UUID"},
    };

    for (size_t i = 0; i < ARRAY_COUNT(types); i++)
        if (types[i].id == id)
            return types[i].name;
    CHECK(id != DUCKDB_TYPE_STRUCT);
    return "VARCHAR"; /* in JSON it is a string anyway */
}

static void row_write_field_name(const char *name, idx_t index, struct buf *out)
{
    CHECK(out != NULL);
    if (name == NULL || name[0] == '\0') {
        buf_printf(out, "\"f%llu\" ", (unsigned long long)index + 1);
        return;
    }
    buf_append_byte(out, '"');
    for (const char *c = name; *c != '\0'; c++) {
        if (*c == '"')
            buf_append_byte(out, '"');
        buf_append_byte(out, *c);
    }
    buf_append_str(out, STR_LIT("\" "));
}

struct row_writer {
    struct buf *out;
    bool unnamed; /* a field without a name was met */
    int depth;
};

static void row_write(struct row_writer *writer, duckdb_logical_type type);

static void row_write_struct(struct row_writer *writer, duckdb_logical_type type)
{
    idx_t count = duckdb_struct_type_child_count(type);

    CHECK(count > 0);
    buf_append_str(writer->out, STR_LIT("STRUCT("));
    for (idx_t i = 0; i < count; i++) {
        char *name = duckdb_struct_type_child_name(type, i);
        duckdb_logical_type child = duckdb_struct_type_child_type(type, i);
        writer->unnamed = writer->unnamed || name == NULL || name[0] == '\0';
        buf_append_str(writer->out, i == 0 ? STR_EMPTY : STR_LIT(", "));
        row_write_field_name(name, i, writer->out);
        row_write(writer, child);
        duckdb_destroy_logical_type(&child);
        duckdb_free(name);
    }
    buf_append_byte(writer->out, ')');
}

static void row_write_map(struct row_writer *writer, duckdb_logical_type type)
{
    duckdb_logical_type key = duckdb_map_type_key_type(type);
    duckdb_logical_type value = duckdb_map_type_value_type(type);

    CHECK(key != NULL && value != NULL);
    buf_append_str(writer->out, STR_LIT("MAP("));
    row_write(writer, key);
    buf_append_str(writer->out, STR_LIT(", "));
    row_write(writer, value);
    buf_append_byte(writer->out, ')');
    duckdb_destroy_logical_type(&key);
    duckdb_destroy_logical_type(&value);
}

static void row_write_list(struct row_writer *writer, duckdb_logical_type type, bool is_array)
{
    duckdb_logical_type child =
        is_array ? duckdb_array_type_child_type(type) : duckdb_list_type_child_type(type);

    CHECK(child != NULL);
    row_write(writer, child);
    if (is_array)
        buf_printf(writer->out, "[%llu]", (unsigned long long)duckdb_array_type_array_size(type));
    else
        buf_append_str(writer->out, STR_LIT("[]"));
    duckdb_destroy_logical_type(&child);
}

static void row_write(struct row_writer *writer, duckdb_logical_type type)
{
    duckdb_type id = duckdb_get_type_id(type);
    char *alias = id == DUCKDB_TYPE_VARCHAR ? duckdb_logical_type_get_alias(type) : NULL;

    CHECK(writer->depth >= 0);
    writer->depth++;
    if (writer->depth > ROW_TYPE_DEPTH)
        buf_append_str(writer->out, STR_LIT("JSON"));
    else if (id == DUCKDB_TYPE_STRUCT)
        row_write_struct(writer, type);
    else if (id == DUCKDB_TYPE_LIST || id == DUCKDB_TYPE_ARRAY)
        row_write_list(writer, type, id == DUCKDB_TYPE_ARRAY);
    else if (id == DUCKDB_TYPE_MAP)
        row_write_map(writer, type);
    else if (id == DUCKDB_TYPE_DECIMAL)
        buf_printf(writer->out, "DECIMAL(%u, %u)", duckdb_decimal_width(type),
                   duckdb_decimal_scale(type));
    else
        buf_append_str(writer->out, str_from_c(alias != NULL ? alias : row_plain_type(id)));
    duckdb_free(alias);
    writer->depth--;
}

char *column_row_type(duckdb_logical_type type)
{
    struct row_writer writer = {.depth = 0};
    char *text = NULL;
    struct buf out;

    CHECK(type != NULL);
    buf_init(&out);
    writer.out = &out;
    row_write(&writer, type);
    if (writer.unnamed)
        text = mem_strdup(buf_str(&out));
    buf_clear(&out);
    return text;
}
