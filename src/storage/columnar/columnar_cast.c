/* columnar_cast.c — our own way to read a text as a value of another type, in place of DuckDB's.
 *
 * DuckDB looks for a registered cast before its own one, so that a text means the same wherever the
 * binder makes it a value of that type: in CAST, beside a column, as an argument, in a parameter.
 * Called for vectors of any length (the elements of lists), on DuckDB's threads.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/columnar/columnar_internal.h"

#include "base/check.h"
#include "base/macros.h"

static void cast_set(duckdb_vector output, idx_t row, enum column_kind to,
                     const struct column_cell *cell)
{
    CHECK(!cell->is_null);
    if (to == COLUMN_BYTES)
        duckdb_vector_assign_string_element_len(output, row, cell->text.data, cell->text.size);
    else if (to == COLUMN_DATE)
        ((int32_t *)duckdb_vector_get_data(output))[row] = (int32_t)cell->integer;
    else
        ((int64_t *)duckdb_vector_get_data(output))[row] = cell->integer;
}

static void cast_set_null(duckdb_vector output, idx_t row)
{
    duckdb_vector_ensure_validity_writable(output);
    duckdb_validity_set_row_invalid(duckdb_vector_get_validity(output), row);
    CHECK(!duckdb_validity_row_is_valid(duckdb_vector_get_validity(output), row));
}

/* One text; what cannot be read is NULL for TRY_CAST, and an error otherwise. */
static bool cast_row(duckdb_function_info info, struct str text, idx_t row, duckdb_vector output)
{
    const struct columnar_cast *cast = duckdb_cast_function_get_extra_info(info);
    struct column_cell cell = {.is_null = false};
    struct arena arena;
    struct error err;

    CHECK(cast != NULL);
    error_clear(&err);
    arena_init(&arena, 0);
    enum status status = cast->read(text, cast->to, &arena, &cell, &err);
    if (status == STATUS_OK)
        cast_set(output, row, cast->to, &cell);
    else if (duckdb_cast_function_get_cast_mode(info) == DUCKDB_CAST_TRY)
        duckdb_cast_function_set_row_error(info, err.message, row, output);
    else
        duckdb_cast_function_set_error(info, err.message);
    arena_clear(&arena);
    return status == STATUS_OK;
}

static bool cast_vector(duckdb_function_info info, idx_t count, duckdb_vector input,
                        duckdb_vector output)
{
    duckdb_string_t *texts = duckdb_vector_get_data(input);
    uint64_t *validity = duckdb_vector_get_validity(input);
    bool is_try = duckdb_cast_function_get_cast_mode(info) == DUCKDB_CAST_TRY, good = true;

    CHECK(texts != NULL || count == 0);
    for (idx_t row = 0; row < count && (good || is_try); row++) {
        if (validity != NULL && !duckdb_validity_row_is_valid(validity, row))
            cast_set_null(output, row);
        else
            good = cast_row(info,
                            str_from(duckdb_string_t_data(&texts[row]),
                                     duckdb_string_t_length(texts[row])),
                            row, output) &&
                   good;
    }
    return good;
}

static duckdb_type cast_type(enum column_kind kind)
{
    static const duckdb_type types[] = {
        [COLUMN_BYTES] = DUCKDB_TYPE_BLOB,
        [COLUMN_DATE] = DUCKDB_TYPE_DATE,
        [COLUMN_TIME] = DUCKDB_TYPE_TIME,
        [COLUMN_TIMESTAMP] = DUCKDB_TYPE_TIMESTAMP,
    };

    CHECK((size_t)kind < ARRAY_COUNT(types) && types[kind] != DUCKDB_TYPE_INVALID);
    return types[kind];
}

enum status cast_register(duckdb_connection connection, const struct columnar_cast *cast,
                          struct error *err)
{
    duckdb_cast_function function = duckdb_create_cast_function();
    duckdb_logical_type from = duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
    duckdb_logical_type to = duckdb_create_logical_type(cast_type(cast->to));

    CHECK(connection != NULL && cast->read != NULL);
    duckdb_cast_function_set_source_type(function, from);
    duckdb_cast_function_set_target_type(function, to);
    duckdb_cast_function_set_implicit_cast_cost(function, -1); /* as before: only when asked for */
    duckdb_cast_function_set_extra_info(function, (void *)(uintptr_t)cast, NULL);
    duckdb_cast_function_set_function(function, cast_vector);
    duckdb_state state = duckdb_register_cast_function(connection, function);
    duckdb_destroy_logical_type(&from);
    duckdb_destroy_logical_type(&to);
    duckdb_destroy_cast_function(&function);
    if (state == DuckDBSuccess)
        return STATUS_OK;
    return error_set(err, STATUS_INTERNAL_ERROR, "DuckDB refused a cast");
}
