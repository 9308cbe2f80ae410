/* select.c — the point/range executor: rows of one table in key order, or sorted, or folded.
 *
 * On a loop thread only what is surely quick runs: single keys and bounded reads in key order, of
 * rows in memory. Their result is collected first, so that nothing has reached the sink when it
 * turns out that the disk is needed. On a worker rows go straight to the sink.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/run.h"

#include "base/check.h"
#include "value/decimal.h"

enum { SELECT_ANALYTIC_COLD_ROWS = 20000, SELECT_ROWS_FIRST = 16 };

/* Result rows held back in the run's arena. */
struct select_held {
    struct value *values; /* count × width */
    size_t count, capacity;
};

static void select_hold(struct sql_run *run, struct select_held *held, const struct value *values,
                        uint32_t width)
{
    CHECK(held->count <= held->capacity);
    if (held->count == held->capacity) {
        size_t capacity = held->capacity > 0 ? 4 * held->capacity : SELECT_ROWS_FIRST;
        size_t row_bytes = width * sizeof(struct value);
        held->values =
            arena_grow(&run->arena, held->values, held->count * row_bytes, capacity * row_bytes);
        held->capacity = capacity;
    }
    struct value *copy = held->values + held->count * width;
    for (uint32_t i = 0; i < width; i++) {
        copy[i] = values[i];
        if (!copy[i].is_null && value_type_is_text(copy[i].type))
            copy[i].text = arena_copy(&run->arena, copy[i].text);
    }
    held->count++;
}

struct select_limits {
    int64_t limit, offset;
};

static enum status select_limits(struct sql_run *run, struct select_limits *out, struct error *err)
{
    const struct plan_select *select = &run->plan->select;
    enum status status = run_count_value(run, select->limit, "LIMIT", INT64_MAX, &out->limit, err);

    CHECK(out != NULL);
    if (status == STATUS_OK)
        status = run_count_value(run, select->offset, "OFFSET", 0, &out->offset, err);
    return status;
}

/* Reads rows in key order; with `held` they are kept back, otherwise sent. */
static enum status select_stream(struct sql_run *run, const struct select_limits *limits,
                                 const struct cursor_options *options, struct select_held *held,
                                 struct error *err)
{
    const struct plan_output *output = &run->plan->output;
    struct value *values = arena_array(&run->arena, output->count, sizeof(*values));
    struct cursor cursor;
    int64_t skip = limits->offset, left = limits->limit;
    enum status status = cursor_open(run, options, &cursor, err);

    CHECK(limits->limit >= 0 && limits->offset >= 0);
    if (status == STATUS_OK && held == NULL)
        status = run_send_columns(run, output->columns, output->count, err);
    while (status == STATUS_OK && left > 0) {
        status = cursor_next(&cursor, err);
        if (status != STATUS_OK)
            break;
        if (skip > 0) {
            skip--;
            continue;
        }
        left--;
        status = run_output(output, &cursor.context, values, err);
        if (status != STATUS_OK)
            break;
        if (held != NULL)
            select_hold(run, held, values, output->count);
        else
            status = run_send_row(run, values, err);
        if (status == STATUS_OK)
            status = arena_check(&run->arena, err);
    }
    cursor_close(&cursor);
    return status == STATUS_END ? STATUS_OK : status;
}

static enum status select_inline(struct sql_run *run, const struct select_limits *limits,
                                 struct error *err)
{
    struct cursor_options options = {.descending = run->plan->select.key_descending,
                                     .cached_only = true,
                                     .rows_max = RUN_INLINE_SCANNED};
    struct select_held held = {0};
    uint32_t width = run->plan->output.count;
    enum status status = select_stream(run, limits, &options, &held, err);

    CHECK(!run->columns_sent);
    if (status != STATUS_OK)
        return status;
    status = run_send_columns(run, run->plan->output.columns, width, err);
    for (size_t i = 0; i < held.count && status == STATUS_OK; i++)
        status = run_send_row(run, held.values + i * width, err);
    return status;
}

/* Only the value tells the scale of a decimal literal. */
static const struct sql_column *select_constant_columns(struct sql_run *run,
                                                        const struct value *values)
{
    const struct plan_output *output = &run->plan->output;
    struct sql_column *columns = arena_array(&run->arena, output->count, sizeof(*columns));

    CHECK(output->count > 0);
    for (uint32_t i = 0; i < output->count; i++) {
        columns[i] = output->columns[i];
        if (columns[i].type.kind == VALUE_DECIMAL && values[i].type == VALUE_DECIMAL &&
            !values[i].is_null) {
            columns[i].type.precision = DECIMAL_DIGITS_MAX;
            columns[i].type.scale = values[i].scale;
        }
    }
    return columns;
}

/* SELECT without FROM: one row, unless WHERE, LIMIT or OFFSET say otherwise. */
static enum status select_constant(struct sql_run *run, const struct select_limits *limits,
                                   struct error *err)
{
    const struct plan *plan = run->plan;
    struct value *values = arena_array(&run->arena, plan->output.count, sizeof(*values));
    struct expr_context context;
    bool passes = true;
    enum status status = STATUS_OK;

    CHECK(plan->table == NULL);
    run_context(run, &run->arena, NULL, &context);
    if (plan->filter != NULL)
        status = expr_run_filter(plan->filter, &context, &passes, err);
    passes = passes && limits->limit > 0 && limits->offset == 0;
    if (status == STATUS_OK && passes)
        status = run_output(&plan->output, &context, values, err);
    if (status == STATUS_OK)
        status =
            run_send_columns(run, select_constant_columns(run, values), plan->output.count, err);
    if (status == STATUS_OK && passes)
        status = run_send_row(run, values, err);
    return status;
}

/* May a loop thread try it? */
static bool select_is_quick(const struct sql_run *run, const struct select_limits *limits)
{
    const struct plan *plan = run->plan;

    CHECK(plan->table != NULL);
    if (plan->table->kind == TABLE_KIND_SYSTEM || plan->select.aggregated ||
        plan->select.order_count > 0)
        return false;
    if (plan->access.kind == PLAN_ACCESS_POINTS)
        return true;
    return limits->limit <= RUN_INLINE_ROWS && limits->offset <= RUN_INLINE_ROWS;
}

bool select_is_short(struct sql_run *run)
{
    const struct plan *plan = run->plan;
    struct select_limits limits;
    struct error ignored;

    CHECK(plan->kind == PLAN_SELECT);
    if (plan->table == NULL || select_limits(run, &limits, &ignored) != STATUS_OK)
        return true;
    return select_is_quick(run, &limits) &&
           (plan->filter == NULL || plan->access.kind == PLAN_ACCESS_POINTS);
}

/* Is there work that DuckDB does better on many rows: folding, sorting, filtering? A plain read in
 * key order is not. */
static bool select_has_work(const struct plan *plan)
{
    CHECK(plan->kind == PLAN_SELECT);
    return plan->select.aggregated || plan->select.order_count > 0 ||
           (plan->filter != NULL && plan->access.kind == PLAN_ACCESS_ALL);
}

bool select_prefers_analytic(struct sql_run *run, const struct access_keys *keys)
{
    const struct plan *plan = run->plan;
    struct scan_estimate estimate = {0};
    struct error ignored;

    CHECK(plan->table != NULL);
    if (!select_has_work(plan) || run->engine->columnar == NULL ||
        plan->table->kind == TABLE_KIND_SYSTEM || plan->table->kind == TABLE_KIND_STREAM ||
        plan->access.kind == PLAN_ACCESS_POINTS || keys->empty)
        return false;
    struct scan_options options = access_scan(run, keys);
    if (scan_estimate(run->engine->store, &options, &estimate, &ignored) != STATUS_OK)
        return false;
    return estimate.cold_rows > SELECT_ANALYTIC_COLD_ROWS;
}

static enum status select_on_worker(struct sql_run *run, const struct select_limits *limits,
                                    struct error *err)
{
    const struct plan *plan = run->plan;
    struct access_keys keys;
    enum status status;

    CHECK(plan->table != NULL);
    status = access_resolve(run, &keys, err);
    if (status != STATUS_OK)
        return status;
    if (plan->select.aggregated && limits->limit > 0 && limits->offset == 0) {
        status = aggregate_run_counted(run, &keys, err);
        if (status != STATUS_ABSENT)
            return status;
    }
    if (select_prefers_analytic(run, &keys))
        return analytic_run_statement(run, err);
    if (plan->select.aggregated)
        return limits->limit > 0 && limits->offset == 0
                   ? aggregate_run(run, err)
                   : run_send_columns(run, plan->output.columns, plan->output.count, err);
    if (plan->select.order_count > 0)
        return sort_run(run, limits->limit, limits->offset, err);
    struct cursor_options options = {.descending = plan->select.key_descending};
    return select_stream(run, limits, &options, NULL, err);
}

enum status select_run(struct sql_run *run, bool may_block, struct error *err)
{
    struct select_limits limits;
    enum status status = select_limits(run, &limits, err);

    CHECK(run->plan->kind == PLAN_SELECT);
    if (status != STATUS_OK)
        return status;
    if (run->plan->table == NULL)
        return select_constant(run, &limits, err);
    if (may_block)
        return select_on_worker(run, &limits, err);
    if (!select_is_quick(run, &limits))
        return STATUS_WOULD_BLOCK;
    return select_inline(run, &limits, err);
}
