/* aggregate.c — count, sum, min, max over all rows that pass, with PostgreSQL's result types: count
 * BIGINT, sum of small integers BIGINT, sum of BIGINT and DECIMAL exact DECIMAL.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/run.h"

#include "base/check.h"
#include "value/decimal.h"

#include <string.h>

struct aggregate {
    enum plan_aggregate kind;
    const struct expr_program *program;
    struct data_type type;
    int64_t count; /* values that were not NULL */
    int128 sum;    /* unscaled, of the result's scale */
    struct value best;
    char *text; /* of `best`, in a place that grows */
    size_t text_capacity;
};

/* Brings both to one scale: that of round(x, $1) is told by the values only. */
static bool aggregate_same_scale(struct aggregate *aggregate, struct decimal *term)
{
    struct decimal sum = {.unscaled = aggregate->sum, .scale = aggregate->type.scale};
    struct decimal scaled;

    CHECK(term->scale != sum.scale);
    if (term->scale < sum.scale)
        return decimal_rescale(*term, sum.scale, term);
    if (!decimal_rescale(sum, term->scale, &scaled))
        return false;
    aggregate->sum = scaled.unscaled;
    aggregate->type.scale = scaled.scale;
    return true;
}

static enum status aggregate_add_sum(struct aggregate *aggregate, const struct value *value,
                                     struct error *err)
{
    bool decimal = value->type == VALUE_DECIMAL;
    struct decimal term = {.unscaled = decimal ? value->decimal : value->integer,
                           .scale = decimal ? value->scale : 0};
    int128 limit = decimal_power(DECIMAL_DIGITS_MAX);

    CHECK(!value->is_null);
    if (term.scale != aggregate->type.scale && !aggregate_same_scale(aggregate, &term))
        return error_set(err, STATUS_SQL_EXECUTION_ERROR, "numeric field overflow in sum");
    if (__builtin_add_overflow(aggregate->sum, term.unscaled, &aggregate->sum) ||
        aggregate->sum >= limit || aggregate->sum <= -limit)
        return error_set(err, STATUS_SQL_EXECUTION_ERROR, "numeric field overflow in sum");
    return STATUS_OK;
}

/* Keeps a text: in the same place where it fits, as the best one may change with every row. */
static void aggregate_keep_text(struct aggregate *aggregate, struct arena *arena, struct str text)
{
    if (text.size > aggregate->text_capacity || aggregate->text == NULL) {
        size_t capacity = 2 * aggregate->text_capacity;
        aggregate->text_capacity = text.size > capacity ? text.size : capacity;
        aggregate->text = arena_alloc(arena, aggregate->text_capacity + 1);
    }
    CHECK(text.size <= aggregate->text_capacity);
    if (text.size > 0)
        memcpy(aggregate->text, text.data, text.size);
    aggregate->best.text = str_from(aggregate->text, text.size);
}

static enum status aggregate_add(struct sql_run *run, struct aggregate *aggregate,
                                 struct expr_context *context, struct error *err)
{
    struct value value;
    enum status status;

    CHECK(aggregate->program != NULL || aggregate->kind == AGGREGATE_COUNT_ALL);
    if (aggregate->kind == AGGREGATE_COUNT_ALL) {
        aggregate->count++;
        return STATUS_OK;
    }
    status = expr_run(aggregate->program, context, &value, err);
    if (status != STATUS_OK || value.is_null)
        return status;
    aggregate->count++;
    if (aggregate->kind == AGGREGATE_SUM)
        return aggregate_add_sum(aggregate, &value, err);
    if (aggregate->kind == AGGREGATE_COUNT)
        return STATUS_OK;
    bool better = aggregate->best.is_null;
    if (!better) {
        int order = value_compare(&value, &aggregate->best);
        better = aggregate->kind == AGGREGATE_MIN ? order < 0 : order > 0;
    }
    if (!better)
        return STATUS_OK;
    aggregate->best = value;
    if (value_type_is_text(value.type))
        aggregate_keep_text(aggregate, &run->arena, value.text);
    return arena_check(&run->arena, err);
}

static enum status aggregate_result(const struct aggregate *aggregate, struct value *out,
                                    struct error *err)
{
    switch (aggregate->kind) {
    case AGGREGATE_COUNT_ALL:
    case AGGREGATE_COUNT:
        *out = value_integer(VALUE_BIGINT, aggregate->count);
        return STATUS_OK;
    case AGGREGATE_SUM:
        if (aggregate->count == 0) {
            *out = value_null(aggregate->type.kind);
            return STATUS_OK;
        }
        if (aggregate->type.kind == VALUE_DECIMAL) {
            *out = value_decimal(aggregate->sum, DECIMAL_DIGITS_MAX, aggregate->type.scale);
            return STATUS_OK;
        }
        if (aggregate->sum > INT64_MAX || aggregate->sum < INT64_MIN)
            return error_set(err, STATUS_SQL_EXECUTION_ERROR, "bigint out of range");
        *out = value_integer(VALUE_BIGINT, (int64_t)aggregate->sum);
        return STATUS_OK;
    case AGGREGATE_MIN:
    case AGGREGATE_MAX:
        *out = aggregate->best;
        return STATUS_OK;
    }
    UNREACHABLE("aggregate kind");
}

static enum status aggregate_rows(struct sql_run *run, struct aggregate *aggregates,
                                  struct error *err)
{
    struct cursor_options options = {0};
    uint32_t count = run->plan->output.count;
    struct cursor cursor;
    enum status status = cursor_open(run, &options, &cursor, err);

    CHECK(count > 0);
    while (status == STATUS_OK) {
        status = cursor_next(&cursor, err);
        for (uint32_t i = 0; i < count && status == STATUS_OK; i++)
            status = aggregate_add(run, &aggregates[i], &cursor.context, err);
    }
    cursor_close(&cursor);
    return status == STATUS_END ? STATUS_OK : status;
}

bool aggregate_only_counts(const struct plan *plan, const struct access_keys *keys)
{
    CHECK(plan->output.count > 0);
    if (plan->filter != NULL || plan->access.kind != PLAN_ACCESS_ALL || keys->empty ||
        keys->seq_after >= 0)
        return false;
    for (uint32_t i = 0; i < plan->output.count; i++)
        if (plan->select.aggregates[i] != AGGREGATE_COUNT_ALL)
            return false;
    return plan->table->kind == TABLE_KIND_USER || plan->table->kind == TABLE_KIND_SHARED;
}

enum status aggregate_run_counted(struct sql_run *run, const struct access_keys *keys,
                                  struct error *err)
{
    const struct plan *plan = run->plan;
    struct scan_options scan = access_scan(run, keys);
    int64_t rows = 0;

    CHECK(plan->select.aggregated);
    if (!aggregate_only_counts(plan, keys))
        return STATUS_ABSENT;
    enum status status = scan_count(run->engine->store, &scan, &rows, err);
    if (status != STATUS_OK)
        return status;
    struct value *values = arena_array(&run->arena, plan->output.count, sizeof(*values));
    for (uint32_t i = 0; i < plan->output.count; i++)
        values[i] = value_integer(VALUE_BIGINT, rows);
    status = run_send_columns(run, plan->output.columns, plan->output.count, err);
    return status == STATUS_OK ? run_send_row(run, values, err) : status;
}

enum status aggregate_run(struct sql_run *run, struct error *err)
{
    const struct plan *plan = run->plan;
    uint32_t count = plan->output.count;
    struct aggregate *aggregates = arena_array(&run->arena, count, sizeof(*aggregates));
    struct value *values = arena_array(&run->arena, count, sizeof(*values));
    enum status status;

    CHECK(plan->select.aggregated);
    for (uint32_t i = 0; i < count; i++)
        aggregates[i] = (struct aggregate){
            .kind = plan->select.aggregates[i],
            .program = plan->output.programs[i],
            .type = plan->output.columns[i].type,
            .best = value_null(plan->output.columns[i].type.kind),
        };
    status = aggregate_rows(run, aggregates, err);
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++)
        status = aggregate_result(&aggregates[i], &values[i], err);
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++)
        run_state_scale(&plan->output.columns[i].type, &values[i]);
    if (status == STATUS_OK)
        status = run_send_columns(run, plan->output.columns, count, err);
    if (status == STATUS_OK)
        status = run_send_row(run, values, err);
    return status;
}
