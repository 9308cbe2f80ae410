/* columnar_cast.c — our own way to make a value one of another type, in place of DuckDB's.
 *
 * DuckDB looks for a registered cast before its own one, so that a text or a number means the same
 * wherever the binder makes it a value of that type: in CAST, beside a column, as an argument, in a
 * parameter. It finds a cast by the whole type: each DECIMAL needs one. Called for vectors of any
 * length (the elements of lists), on DuckDB's threads.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/columnar/columnar_internal.h"

#include "base/check.h"
#include "base/macros.h"

static struct column_cell cast_input(enum column_kind from, void *data, idx_t row)
{
    struct column_cell cell = {.is_null = false};

    CHECK(from == COLUMN_TEXT || from == COLUMN_FLOAT || from == COLUMN_DOUBLE);
    if (from == COLUMN_TEXT) {
        duckdb_string_t *text = (duckdb_string_t *)data + row;
        cell.text = str_from(duckdb_string_t_data(text), duckdb_string_t_length(*text));
    } else if (from == COLUMN_FLOAT) {
        cell.real = (double)((float *)data)[row];
    } else {
        cell.real = ((double *)data)[row];
    }
    return cell;
}

/* One value; what cannot be converted is NULL for TRY_CAST, and an error otherwise. */
static bool cast_row(duckdb_function_info info, const struct column_cell *value, idx_t row,
                     struct column_chunk_vector *output)
{
    const struct columnar_cast *cast = duckdb_cast_function_get_extra_info(info);
    struct column_cell cell = {.is_null = false};
    struct arena arena;
    struct error err;

    CHECK(cast != NULL);
    error_clear(&err);
    arena_init(&arena, 0);
    enum status status = cast->convert(value, cast->from, output->type, &arena, &cell, &err);
    if (status == STATUS_OK)
        column_vector_set(output, row, &cell, true);
    else if (duckdb_cast_function_get_cast_mode(info) == DUCKDB_CAST_TRY)
        duckdb_cast_function_set_row_error(info, err.message, row, output->vector);
    else
        duckdb_cast_function_set_error(info, err.message);
    arena_clear(&arena);
    return status == STATUS_OK;
}

static struct column_type cast_output_type(enum column_kind kind, duckdb_vector output)
{
    struct column_type type = {.kind = kind};

    CHECK(kind != COLUMN_NULL);
    if (kind == COLUMN_DECIMAL) {
        duckdb_logical_type logical = duckdb_vector_get_column_type(output);

        type.precision = duckdb_decimal_width(logical);
        type.scale = duckdb_decimal_scale(logical);
        duckdb_destroy_logical_type(&logical);
    }
    return type;
}

static bool cast_vector(duckdb_function_info info, idx_t count, duckdb_vector input,
                        duckdb_vector output)
{
    const struct columnar_cast *cast = duckdb_cast_function_get_extra_info(info);
    struct column_chunk_vector made = {.vector = output,
                                       .data = duckdb_vector_get_data(output),
                                       .type = cast_output_type(cast->to, output)};
    void *values = duckdb_vector_get_data(input);
    uint64_t *validity = duckdb_vector_get_validity(input);
    bool is_try = duckdb_cast_function_get_cast_mode(info) == DUCKDB_CAST_TRY, good = true;

    CHECK(values != NULL || count == 0);
    for (idx_t row = 0; row < count && (good || is_try); row++) {
        struct column_cell value = {.is_null = true};

        if (validity != NULL && !duckdb_validity_row_is_valid(validity, row)) {
            column_vector_set(&made, row, &value, true);
            continue;
        }
        value = cast_input(cast->from, values, row);
        good = cast_row(info, &value, row, &made) && good;
    }
    return good;
}

static enum status cast_register_type(duckdb_connection connection,
                                      const struct columnar_cast *cast, struct column_type to,
                                      struct error *err)
{
    duckdb_cast_function function = duckdb_create_cast_function();
    duckdb_logical_type source = column_logical_type((struct column_type){.kind = cast->from});
    duckdb_logical_type target = column_logical_type(to);

    CHECK(connection != NULL && cast->convert != NULL);
    duckdb_cast_function_set_source_type(function, source);
    duckdb_cast_function_set_target_type(function, target);
    duckdb_cast_function_set_implicit_cast_cost(function, -1); /* as before: only when asked for */
    duckdb_cast_function_set_extra_info(function, (void *)(uintptr_t)cast, NULL);
    duckdb_cast_function_set_function(function, cast_vector);
    duckdb_state state = duckdb_register_cast_function(connection, function);
    duckdb_destroy_logical_type(&source);
    duckdb_destroy_logical_type(&target);
    duckdb_destroy_cast_function(&function);
    if (state == DuckDBSuccess)
        return STATUS_OK;
    return error_set(err, STATUS_INTERNAL_ERROR, "DuckDB refused a cast");
}

enum status cast_register(duckdb_connection connection, const struct columnar_cast *cast,
                          struct error *err)
{
    enum { PRECISION_MAX = 38 };
    struct column_type type = {.kind = cast->to};
    enum status status = STATUS_OK;

    CHECK(cast->to != COLUMN_JSON); /* the extension for JSON was there first */
    if (cast->to != COLUMN_DECIMAL)
        return cast_register_type(connection, cast, type, err);
    for (type.precision = 1; type.precision <= PRECISION_MAX; type.precision++)
        for (type.scale = 0; type.scale <= type.precision && status == STATUS_OK; type.scale++)
            status = cast_register_type(connection, cast, type, err);
    return status;
}
