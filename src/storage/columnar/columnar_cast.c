/* columnar_cast.c — our own way to make a value one of another type, in place of DuckDB's.
 *
 * DuckDB looks for a registered cast before its own one, so that a text or a number means the same
 * wherever the binder makes it a value of that type: in CAST, beside a column, as an argument, in a
 * parameter. It finds a cast by the whole type: each DECIMAL needs one. Where its own cast of a
 * DECIMAL is the nearest FLOAT or DOUBLE anyway, it stays: it is much quicker. Called for vectors
 * of any length (the elements of lists), on DuckDB's threads.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/columnar/columnar_internal.h"

#include "base/check.h"
#include "base/macros.h"

enum {
    CAST_DIGITS_MAX = 38,
    CAST_DIGITS_FLOAT = 7, /* of a whole number that a FLOAT holds, whatever they are */
    CAST_DIGITS_DOUBLE = 15,
};

static struct column_cell cast_input(const struct column_type *from, void *data, idx_t row)
{
    struct column_cell cell = {.is_null = false};

    switch (from->kind) {
    case COLUMN_TEXT: {
        duckdb_string_t *text = (duckdb_string_t *)data + row;
        cell.text = str_from(duckdb_string_t_data(text), duckdb_string_t_length(*text));
        return cell;
    }
    case COLUMN_FLOAT:
        cell.real = (double)((float *)data)[row];
        return cell;
    case COLUMN_DOUBLE:
        cell.real = ((double *)data)[row];
        return cell;
    default:
        CHECK(from->kind == COLUMN_DECIMAL);
        cell.decimal = column_read_decimal(from->precision, data, row);
        return cell;
    }
}

/* One value; what cannot be converted is NULL for TRY_CAST, and an error otherwise. */
static bool cast_row(duckdb_function_info info, const struct column_cell *value,
                     struct column_type from, idx_t row, struct column_chunk_vector *output)
{
    const struct columnar_cast *cast = duckdb_cast_function_get_extra_info(info);
    struct column_cell cell = {.is_null = false};
    struct arena arena;
    struct error err;

    CHECK(cast != NULL);
    error_clear(&err);
    arena_init(&arena, 0);
    enum status status = cast->convert(value, from, output->type, &arena, &cell, &err);
    if (status == STATUS_OK)
        column_vector_set(output, row, &cell, true);
    else if (duckdb_cast_function_get_cast_mode(info) == DUCKDB_CAST_TRY)
        duckdb_cast_function_set_row_error(info, err.message, row, output->vector);
    else
        duckdb_cast_function_set_error(info, err.message);
    arena_clear(&arena);
    return status == STATUS_OK;
}

static struct column_type cast_type(enum column_kind kind, duckdb_vector vector)
{
    struct column_type type = {.kind = kind};

    CHECK(kind != COLUMN_NULL);
    if (kind == COLUMN_DECIMAL) {
        duckdb_logical_type logical = duckdb_vector_get_column_type(vector);

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
                                       .type = cast_type(cast->to, output)};
    struct column_type from = cast_type(cast->from, input);
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
        value = cast_input(&from, values, row);
        good = cast_row(info, &value, from, row, &made) && good;
    }
    return good;
}

/* As DuckDB's own (cast_rules.cpp): which overload of a function it takes depends on them. -1: only
 * when asked for. */
static int64_t cast_implicit_cost(enum column_kind from, enum column_kind to)
{
    CHECK(from != to);
    if (from == COLUMN_FLOAT && to == COLUMN_TEXT)
        return 149;
    if (from == COLUMN_DECIMAL)
        return to == COLUMN_DOUBLE ? 104 : 110;
    return -1;
}

static enum status cast_register_type(duckdb_connection connection,
                                      const struct columnar_cast *cast, struct column_type from,
                                      struct column_type to, struct error *err)
{
    duckdb_cast_function function = duckdb_create_cast_function();
    duckdb_logical_type source = column_logical_type(from);
    duckdb_logical_type target = column_logical_type(to);

    CHECK(connection != NULL && cast->convert != NULL);
    duckdb_cast_function_set_source_type(function, source);
    duckdb_cast_function_set_target_type(function, target);
    duckdb_cast_function_set_implicit_cast_cost(function, cast_implicit_cost(from.kind, to.kind));
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

static uint8_t cast_digits_min(const struct columnar_cast *cast)
{
    CHECK(cast->from != cast->to);
    if (cast->from != COLUMN_DECIMAL)
        return 1;
    return 1 + (cast->to == COLUMN_FLOAT ? CAST_DIGITS_FLOAT : CAST_DIGITS_DOUBLE);
}

enum status cast_register(duckdb_connection connection, const struct columnar_cast *cast,
                          struct error *err)
{
    struct column_type from = {.kind = cast->from}, to = {.kind = cast->to};
    struct column_type *decimal = cast->from == COLUMN_DECIMAL ? &from : &to;
    enum status status = STATUS_OK;

    CHECK(cast->to != COLUMN_JSON); /* the extension for JSON was there first */
    if (decimal->kind != COLUMN_DECIMAL)
        return cast_register_type(connection, cast, from, to, err);
    for (decimal->precision = cast_digits_min(cast); decimal->precision <= CAST_DIGITS_MAX;
         decimal->precision++)
        for (decimal->scale = 0; decimal->scale <= decimal->precision && status == STATUS_OK;
             decimal->scale++)
            status = cast_register_type(connection, cast, from, to, err);
    return status;
}
