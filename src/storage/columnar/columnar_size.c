/* columnar_size.c — how long a value is: size_in_characters of texts, bytes and lists,
 * size_in_bytes of texts and bytes.
 *
 * DuckDB's length() knows no bytes and its octet_length() no texts. Sets of functions, since the
 * binder chooses among them by the type an argument has in the end, be it of an aggregate, a window
 * or an outer SELECT; the overloads of a macro are chosen before these are known. Called on
 * DuckDB's threads.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/columnar/columnar_internal.h"

#include "base/check.h"
#include "base/macros.h"

struct size_argument {
    void *data;
    idx_t elements; /* of each array; 0: lists */
};

typedef int64_t (*size_measure)(const struct size_argument *argument, idx_t row);

static int64_t size_bytes(const struct size_argument *argument, idx_t row)
{
    const duckdb_string_t *values = argument->data;

    CHECK(values != NULL);
    return duckdb_string_t_length(values[row]);
}

/* Bytes that begin a character: DuckDB's texts are valid UTF-8. */
static int64_t size_characters(const struct size_argument *argument, idx_t row)
{
    duckdb_string_t *value = (duckdb_string_t *)argument->data + row;
    const char *text = duckdb_string_t_data(value);
    uint32_t bytes = duckdb_string_t_length(*value);
    int64_t count = 0;

    CHECK(text != NULL || bytes == 0);
    for (uint32_t i = 0; i < bytes; i++)
        count += ((uint8_t)text[i] & 0xc0) != 0x80;
    return count;
}

static int64_t size_elements(const struct size_argument *argument, idx_t row)
{
    const duckdb_list_entry *lists = argument->data;

    CHECK(lists != NULL || argument->elements > 0);
    return (int64_t)(argument->elements > 0 ? argument->elements : lists[row].length);
}

#define SIZE_NO_LIST \
    "No function matches the given name and argument types: length takes a text, bytes " \
    "or a list"

static void size_run(duckdb_data_chunk input, duckdb_vector output, size_measure measure)
{
    duckdb_vector vector = duckdb_data_chunk_get_vector(input, 0);
    duckdb_logical_type type = duckdb_vector_get_column_type(vector);
    bool is_array = duckdb_get_type_id(type) == DUCKDB_TYPE_ARRAY;
    struct size_argument argument = {
        .data = duckdb_vector_get_data(vector),
        .elements = is_array ? duckdb_array_type_array_size(type) : 0,
    };
    uint64_t *validity = duckdb_vector_get_validity(vector);
    struct column_chunk_vector made = {.vector = output, .data = duckdb_vector_get_data(output)};
    static const struct column_cell null = {.is_null = true};
    idx_t rows = duckdb_data_chunk_get_size(input);
    int64_t *sizes = made.data;

    CHECK(duckdb_data_chunk_get_column_count(input) == 1);
    duckdb_destroy_logical_type(&type);
    for (idx_t row = 0; row < rows; row++) {
        if (validity != NULL && !duckdb_validity_row_is_valid(validity, row))
            column_vector_set(&made, row, &null, false);
        else
            sizes[row] = measure(&argument, row);
    }
}

static void size_run_bytes(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    CHECK(info != NULL);
    size_run(input, output, size_bytes);
}

static void size_run_characters(duckdb_function_info info, duckdb_data_chunk input,
                                duckdb_vector output)
{
    CHECK(info != NULL);
    size_run(input, output, size_characters);
}

static bool size_is_list(duckdb_logical_type type)
{
    duckdb_type id = duckdb_get_type_id(type);

    CHECK(type != NULL);
    return id == DUCKDB_TYPE_LIST || id == DUCKDB_TYPE_ARRAY;
}

static void size_run_elements(duckdb_function_info info, duckdb_data_chunk input,
                              duckdb_vector output)
{
    duckdb_logical_type type =
        duckdb_vector_get_column_type(duckdb_data_chunk_get_vector(input, 0));

    CHECK(info != NULL);
    if (size_is_list(type))
        size_run(input, output, size_elements);
    else
        duckdb_scalar_function_set_error(info, SIZE_NO_LIST);
    duckdb_destroy_logical_type(&type);
}

/* A list of any type can be no parameter of a function: a fixed array is not cast to it. Of an
 * argument with a subquery the vectors tell the type. */
static void size_bind_elements(duckdb_bind_info info)
{
    duckdb_expression argument = call_argument(info, 0);

    if (argument == NULL)
        return;
    duckdb_logical_type type = duckdb_expression_return_type(argument);
    if (!size_is_list(type))
        duckdb_scalar_function_bind_set_error(info, SIZE_NO_LIST);
    duckdb_destroy_logical_type(&type);
    duckdb_destroy_expression(&argument);
}

/* One form: of texts, bytes, or anything that is a list. */
static void size_add(duckdb_scalar_function_set set, const char *name, duckdb_type of,
                     duckdb_scalar_function_t run)
{
    duckdb_scalar_function function = duckdb_create_scalar_function();
    duckdb_logical_type argument = duckdb_create_logical_type(of);
    duckdb_logical_type result = duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);

    CHECK(set != NULL && run != NULL);
    duckdb_scalar_function_set_name(function, name);
    duckdb_scalar_function_add_parameter(function, argument);
    duckdb_scalar_function_set_return_type(function, result);
    duckdb_scalar_function_set_function(function, run);
    if (of == DUCKDB_TYPE_ANY)
        duckdb_scalar_function_set_bind(function, size_bind_elements);
    (void)duckdb_add_scalar_function_to_set(set, function);
    duckdb_destroy_logical_type(&argument);
    duckdb_destroy_logical_type(&result);
    duckdb_destroy_scalar_function(&function);
}

enum status size_register(duckdb_connection connection, struct error *err)
{
    static const char in_characters[] = "size_in_characters", in_bytes[] = "size_in_bytes";
    duckdb_scalar_function_set characters = duckdb_create_scalar_function_set(in_characters);
    duckdb_scalar_function_set bytes = duckdb_create_scalar_function_set(in_bytes);

    CHECK(connection != NULL);
    size_add(characters, in_characters, DUCKDB_TYPE_VARCHAR, size_run_characters);
    size_add(characters, in_characters, DUCKDB_TYPE_BLOB, size_run_bytes);
    size_add(characters, in_characters, DUCKDB_TYPE_ANY, size_run_elements);
    size_add(bytes, in_bytes, DUCKDB_TYPE_VARCHAR, size_run_bytes);
    size_add(bytes, in_bytes, DUCKDB_TYPE_BLOB, size_run_bytes);
    bool good = duckdb_register_scalar_function_set(connection, characters) == DuckDBSuccess &&
                duckdb_register_scalar_function_set(connection, bytes) == DuckDBSuccess;
    duckdb_destroy_scalar_function_set(&characters);
    duckdb_destroy_scalar_function_set(&bytes);
    return good ? STATUS_OK
                : error_set(err, STATUS_INTERNAL_ERROR, "DuckDB refused a function of sizes");
}
