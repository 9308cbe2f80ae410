/* columnar_guard.c — what DuckDB does with the texts of a vector is tried out first if it could
 * take long.
 *
 * A function that cannot be stopped within the 2048 rows of a vector gets its text through a guard,
 * which knows what it takes at worst. Mostly that is below what a trial may take, too, and the
 * guard gives back the very vector it was given. Otherwise a statement of our own runs the same
 * function on the same texts, in the small database, whose only thread is the one that asks: a
 * source feeds it a few rows at a time, each chunk little at worst, and looks between them whether
 * the statement has to stop and how much of the processor has been used. So what runs afterwards
 * without being stopped takes no longer than GUARD_PROBE_US. A single text that could take long by
 * itself is refused.
 *
 * The inner statement has a session of its own; it calls system.main only, no guard. Its texts stay
 * those of the outer vector, which lives until the guard returns.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/columnar/columnar_internal.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/macros.h"
#include "base/mem.h"
#include "base/saturate.h"
#include "storage/columnar_regex.h"

enum { GUARD_ARGUMENTS_MAX = 4 };

#define GUARD_FREE_NS UINT64_C(3000000000) /* of a vector: not worth a try, … */
#define GUARD_CHUNK_NS UINT64_C(300000000) /* … nor a look whether to stop, while one is tried */
#define GUARD_TEXT_NS UINT64_C(4000000000) /* of one text, at most */
#define GUARD_UNSEEN_NS UINT64_C(1000000)  /* too little to look whether to stop */
#define GUARD_COMPILE_NS UINT64_C(3000000000) /* all constant patterns of a statement */
#define GUARD_PROBE_US INT64_C(3000000)
#define GUARD_TOO_MANY \
    "the regular expressions of the statement need more memory together than query.memory_limit"
#define GUARD_TOO_LARGE "the regular expressions of the statement are too large together"

/* One vector. */
struct guard_vectors {
    const struct columnar_guard *guard;
    const struct call_use *use;
    const struct call_bind *bind;
    duckdb_string_t *texts[GUARD_ARGUMENTS_MAX];
    uint64_t *validity[GUARD_ARGUMENTS_MAX];
    unsigned count;
    idx_t rows;
    struct str constants[GUARD_ARGUMENTS_MAX]; /* from the second on, of the first row */
    bool is_constant;                          /* the pattern, too */
    struct columnar_cost cost;                 /* of a constant pattern */
};

static bool guard_is_null(const struct guard_vectors *in, unsigned argument, idx_t row)
{
    CHECK(argument < in->count && row < in->rows);
    return in->validity[argument] != NULL &&
           !duckdb_validity_row_is_valid(in->validity[argument], row);
}

static struct str guard_text(const struct guard_vectors *in, unsigned argument, idx_t row)
{
    CHECK(argument < in->count && row < in->rows);
    return str_from(duckdb_string_t_data(&in->texts[argument][row]),
                    duckdb_string_t_length(in->texts[argument][row]));
}

/* ---- what it takes ---- */

/* Texts of `size` bytes together in `rows` rows, none longer than `longest`. */
static uint64_t guard_cost(const struct columnar_cost *cost, uint64_t rows, uint64_t size,
                           uint64_t longest)
{
    uint64_t sum =
        saturated_add(saturated_times(rows, cost->row), saturated_times(size, cost->byte));

    CHECK(longest <= size);
    if (cost->match_bytes == 0)
        return sum;
    uint64_t read = cost->reach < longest ? cost->reach : longest;
    if (cost->reach == UINT64_MAX)
        read = longest / 2 + 1;
    uint64_t matches = saturated_add(size / cost->match_bytes, rows);
    return saturated_add(
        sum,
        saturated_times(matches, saturated_add(cost->match, saturated_times(cost->again, read))));
}

/* 0 for a NULL. */
static uint64_t guard_row_cost(const struct guard_vectors *in, idx_t row)
{
    struct str args[GUARD_ARGUMENTS_MAX];
    struct columnar_cost cost = in->cost;

    if (guard_is_null(in, 0, row) || guard_is_null(in, 1, row))
        return 0;
    for (unsigned i = 0; i < in->count; i++)
        args[i] = in->constants[i];
    args[0] = guard_text(in, 0, row);
    args[1] = guard_text(in, 1, row);
    if (!in->is_constant)
        in->guard->cost(args, false, &cost);
    CHECK(cost.row > 0);
    return guard_cost(&cost, 1, args[0].size, args[0].size);
}

/* For a constant pattern, without a look at each row's cost: at least the sum of them. */
static uint64_t guard_bound(const struct guard_vectors *in)
{
    uint64_t size = 0, longest = 0, rows = 0;

    CHECK(in->is_constant);
    for (idx_t row = 0; row < in->rows; row++) {
        if (in->validity[0] != NULL && !duckdb_validity_row_is_valid(in->validity[0], row))
            continue;
        uint64_t length = in->texts[0][row].value.inlined.length;
        size += length;
        longest = length > longest ? length : longest;
        rows++;
    }
    return guard_cost(&in->cost, rows, size, longest);
}

/* ---- trying out ---- */

struct guard_probe {
    const struct guard_vectors *in;
    idx_t next; /* row */
    int64_t begin_us;
    uint32_t wanted[2];
    size_t wanted_count;
};

static enum status guard_open(void *context, const uint32_t *wanted, size_t wanted_count,
                              void **cursor, struct error *err)
{
    struct guard_probe *probe = context;

    CHECK(wanted_count <= ARRAY_COUNT(probe->wanted) && err != NULL);
    for (size_t i = 0; i < wanted_count; i++)
        probe->wanted[i] = wanted[i];
    probe->wanted_count = wanted_count;
    probe->next = 0;
    *cursor = probe;
    return STATUS_OK;
}

static void guard_close(void *cursor)
{
    CHECK(cursor != NULL);
}

/* As many rows as take little at worst, at least one. */
static enum status guard_fill(void *cursor, struct column_chunk *chunk, size_t *rows,
                              struct error *err)
{
    struct guard_probe *probe = cursor;
    const struct guard_vectors *in = probe->in;
    uint64_t sum = 0;

    *rows = 0;
    if (call_must_stop(in->use, in->bind))
        return error_set(err, STATUS_CANCELLED, "the statement was stopped");
    if (clock_thread_cpu_us() - probe->begin_us > GUARD_PROBE_US)
        return error_set(err, STATUS_SQL_EXECUTION_ERROR, "%s takes too long on these texts",
                         in->guard->of);
    for (; probe->next < in->rows && *rows < COLUMN_CHUNK_ROWS; probe->next++) {
        uint64_t cost = guard_row_cost(in, probe->next);
        if (cost == 0)
            continue;
        sum = saturated_add(sum, cost);
        if (sum > GUARD_CHUNK_NS && *rows > 0)
            break;
        for (size_t i = 0; i < probe->wanted_count; i++) {
            struct column_cell cell = {.text = guard_text(in, probe->wanted[i], probe->next)};
            column_chunk_set(chunk, i, *rows, &cell, false);
        }
        (*rows)++;
    }
    CHECK(*rows > 0 || probe->next == in->rows);
    return STATUS_OK;
}

static enum status guard_try(const struct guard_vectors *in, struct error *err)
{
    static const struct column_spec columns[] = {{.name = {"s", 1}, .type = {.kind = COLUMN_TEXT}},
                                                 {.name = {"p", 1}, .type = {.kind = COLUMN_TEXT}}};
    struct guard_probe probe = {.in = in, .begin_us = clock_thread_cpu_us()};
    struct column_source source = {.columns = columns,
                                   .column_count = ARRAY_COUNT(columns),
                                   .rows_estimate = in->rows,
                                   .context = &probe,
                                   .open = guard_open,
                                   .fill = guard_fill,
                                   .close = guard_close};
    struct columnar_query_options options = {.sources = &source, .source_count = 1, .whole = true};
    const struct column_cell *const *cells;
    struct columnar_query *query = NULL;
    struct buf sql;
    size_t rows;
    enum status status;

    buf_init(&sql);
    buf_append_str(&sql, STR_LIT("SELECT count("));
    in->guard->write(in->constants, in->is_constant, &sql);
    buf_append_str(&sql, STR_LIT(") FROM hot_scan(0)"));
    options.sql = buf_str(&sql);
    status = columnar_query_open(in->use->instance->columnar, &options, &query, err);
    while (status == STATUS_OK)
        status = columnar_query_next(query, &cells, &rows, err);
    columnar_query_close(query); /* keeps its connection for the next one */
    buf_clear(&sql);
    CHECK(status == STATUS_END || err->code == status);
    return status == STATUS_END ? STATUS_OK : status;
}

/* ---- the function ---- */

/* False if there is nothing to guard: a constant pattern that is NULL. */
static bool guard_read(struct guard_vectors *in, duckdb_data_chunk input)
{
    for (unsigned i = 0; i < in->count; i++) {
        duckdb_vector vector = duckdb_data_chunk_get_vector(input, i);
        in->texts[i] = duckdb_vector_get_data(vector);
        in->validity[i] = duckdb_vector_get_validity(vector);
        if (i > 0 && !guard_is_null(in, i, 0))
            in->constants[i] = guard_text(in, i, 0);
    }
    in->is_constant = in->bind->constant;
    if (!in->is_constant)
        return true;
    if (guard_is_null(in, 1, 0))
        return false;
    CHECK(in->count > 1);
    in->guard->cost(in->constants, true, &in->cost);
    struct str pattern = in->constants[1];
    if (pattern.size > 0 && memchr(pattern.data, '\0', pattern.size) != NULL)
        in->is_constant = false; /* cannot be written; counts as compiled for each row */
    return true;
}

static bool guard_folds_too_much(const struct guard_vectors *in)
{
    CHECK(in->rows > 0);
    return in->rows == 1 && in->cost.compile > 0 &&
           call_add_folded(in->use, in->bind, in->cost.compile / REGEX_COMPILED_TIMES) >
               GUARD_COMPILE_NS;
}

static enum status guard_vector(const struct guard_vectors *in, struct error *err)
{
    uint64_t sum = in->is_constant ? guard_bound(in) : 0;

    CHECK(in->rows > 0);
    if (guard_folds_too_much(in))
        return error_set(err, STATUS_INVALID_SQL, GUARD_TOO_LARGE);
    if (in->is_constant && sum <= GUARD_UNSEEN_NS)
        return STATUS_OK;
    if (call_must_stop(in->use, in->bind))
        return error_set(err, STATUS_CANCELLED, "the statement was stopped");
    if (in->is_constant && sum <= GUARD_FREE_NS)
        return STATUS_OK;
    sum = 0;
    for (idx_t row = 0; row < in->rows; row++) {
        uint64_t cost = guard_row_cost(in, row);
        if (cost == UINT64_MAX)
            return error_set(err, STATUS_SQL_EXECUTION_ERROR,
                             "%s does not take the pattern: a bracket is missing, it has \\C, or "
                             "it is too large or nested too deeply",
                             in->guard->of);
        if (cost > GUARD_TEXT_NS)
            return error_set(err, STATUS_SQL_EXECUTION_ERROR,
                             "a text given to %s is too long for the pattern", in->guard->of);
        sum = saturated_add(sum, cost);
    }
    return sum <= GUARD_FREE_NS || in->use->instance == NULL ? STATUS_OK : guard_try(in, err);
}

static void guard_run(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    const struct call_use *use = duckdb_scalar_function_get_extra_info(info);
    struct guard_vectors in = {.guard = use->function->guard,
                               .use = use,
                               .bind = duckdb_scalar_function_get_bind_data(info),
                               .count = use->function->argument_count,
                               .rows = duckdb_data_chunk_get_size(input)};
    enum status status = STATUS_OK;
    struct error err;

    CHECK(in.bind != NULL && duckdb_data_chunk_get_column_count(input) == in.count);
    error_clear(&err);
    if (in.rows > 0 && guard_read(&in, input))
        status = guard_vector(&in, &err);
    if (status != STATUS_OK)
        duckdb_scalar_function_set_error(info, err.message);
    else
        duckdb_vector_reference_vector(output, duckdb_data_chunk_get_vector(input, 0));
}

/* ---- binding: what compiling takes ---- */

static struct str guard_fold(duckdb_bind_info info, duckdb_client_context context, idx_t index,
                             char **text)
{
    duckdb_expression argument = call_argument(info, index);
    duckdb_value value = NULL;
    duckdb_error_data error = NULL;

    CHECK(*text == NULL);
    if (argument != NULL && duckdb_expression_is_foldable(argument))
        error = duckdb_expression_fold(context, argument, &value);
    if (value != NULL && !duckdb_is_null_value(value))
        *text = duckdb_get_varchar(value);
    duckdb_destroy_error_data(&error);
    duckdb_destroy_value(&value);
    duckdb_destroy_expression(&argument);
    return *text == NULL ? STR_EMPTY : str_from_c(*text);
}

/* DuckDB compiles the constant patterns of a statement before it runs, and cannot be stopped. It
 * binds calls in macros, too, while the database is opened and columnar->mutex held; their patterns
 * are no constants. */
static void guard_bind(duckdb_bind_info info)
{
    const struct call_use *use = duckdb_scalar_function_bind_get_extra_info(info);
    struct call_bind *bind = call_bind_new(info, 1);
    char *texts[GUARD_ARGUMENTS_MAX] = {NULL};
    struct str args[GUARD_ARGUMENTS_MAX] = {{NULL, 0}};
    struct columnar_cost cost = {0};
    duckdb_client_context context = NULL;

    CHECK(use->function->argument_count <= GUARD_ARGUMENTS_MAX);
    if (!bind->constant)
        return;
    duckdb_scalar_function_get_client_context(info, &context);
    for (unsigned i = 1; i < use->function->argument_count; i++)
        args[i] = guard_fold(info, context, i, &texts[i]);
    if (texts[1] != NULL)
        use->function->guard->cost(args, true, &cost);
    if (call_must_stop(use, bind))
        duckdb_scalar_function_bind_set_error(info, "the statement was stopped");
    else if (call_add_compile(use, bind, cost.compile) > GUARD_COMPILE_NS)
        duckdb_scalar_function_bind_set_error(info, GUARD_TOO_LARGE);
    else if (!call_add_memory(use, bind, cost.memory))
        duckdb_scalar_function_bind_set_error(info, GUARD_TOO_MANY);
    for (unsigned i = 0; i < GUARD_ARGUMENTS_MAX; i++)
        duckdb_free(texts[i]);
    duckdb_destroy_client_context(&context);
}

void guard_prepare(duckdb_scalar_function function)
{
    CHECK(function != NULL);
    duckdb_scalar_function_set_special_handling(function);
    duckdb_scalar_function_set_bind(function, guard_bind);
    duckdb_scalar_function_set_function(function, guard_run);
}
