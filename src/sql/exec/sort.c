/* sort.c — ORDER BY that is not the key's order: rows are collected with their sort values and
 * sorted in memory, bounded by the statement's memory. With a LIMIT only the best rows are kept:
 * whenever twice as many have gathered, the list is cut, and later rows that cannot get in are not
 * copied.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/run.h"

#include "base/check.h"
#include "base/mem.h"

#include <stdlib.h>

enum { SORT_KEEP_MIN = 1024 };

struct sort_row {
    struct value *values; /* output, then sort values */
    uint64_t number;      /* order of arrival decides between equals */
    const struct sort *sort;
};

struct sort {
    struct sql_run *run;
    const struct plan_order *orders;
    uint32_t order_count, width;
    struct sort_row *rows;        /* heap: mem_free */
    size_t count, capacity, keep; /* keep: rows that can be in the result, SIZE_MAX = all */
    bool cut;                     /* rows[keep - 1] is the worst that still counts */
    uint64_t arrived;
};

static int sort_compare_values(const struct value *a, const struct value *b,
                               const struct plan_order *order)
{
    CHECK(order != NULL);
    if (a->is_null || b->is_null) {
        if (a->is_null && b->is_null)
            return 0;
        return (a->is_null ? -1 : 1) * (order->nulls_first ? 1 : -1);
    }
    int result = value_compare(a, b);
    return order->descending ? -result : result;
}

static int sort_compare(const void *left, const void *right)
{
    const struct sort_row *a = left, *b = right;
    const struct sort *sort = a->sort;

    CHECK(sort == b->sort);
    for (uint32_t i = 0; i < sort->order_count; i++) {
        int result = sort_compare_values(&a->values[sort->width + i], &b->values[sort->width + i],
                                         &sort->orders[i]);
        if (result != 0)
            return result;
    }
    return a->number < b->number ? -1 : a->number > b->number;
}

static enum status sort_evaluate(struct sort *sort, struct expr_context *context,
                                 struct value *values, struct error *err)
{
    enum status status = run_output(&sort->run->plan->output, context, values, err);

    CHECK(sort->order_count > 0);
    for (uint32_t i = 0; i < sort->order_count && status == STATUS_OK; i++) {
        const struct plan_order *order = &sort->orders[i];
        if (order->output != UINT32_MAX)
            values[sort->width + i] = values[order->output];
        else
            status = expr_run(order->program, context, &values[sort->width + i], err);
    }
    return status;
}

static void sort_cut(struct sort *sort)
{
    CHECK(sort->count <= sort->capacity);
    if (sort->count > 1)
        qsort(sort->rows, sort->count, sizeof(*sort->rows), sort_compare);
    if (sort->count > sort->keep) {
        sort->count = sort->keep;
        sort->cut = sort->keep > 0;
    }
}

static void sort_add(struct sort *sort, const struct value *values)
{
    struct sort_row row = {.sort = sort, .number = sort->arrived++};
    uint32_t total = sort->width + sort->order_count;
    struct value *probe = (struct value *)(uintptr_t)values;

    row.values = probe;
    if (sort->keep == 0 || (sort->cut && sort_compare(&row, &sort->rows[sort->keep - 1]) >= 0))
        return;
    row.values = arena_alloc(&sort->run->arena, total * sizeof(*row.values));
    for (uint32_t i = 0; i < total; i++) {
        row.values[i] = values[i];
        if (!values[i].is_null && value_type_is_text(values[i].type))
            row.values[i].text = arena_copy(&sort->run->arena, values[i].text);
    }
    if (sort->count == sort->capacity) {
        sort->capacity = sort->capacity > 0 ? 2 * sort->capacity : SORT_KEEP_MIN;
        sort->rows = mem_realloc(sort->rows, sort->capacity * sizeof(*sort->rows));
    }
    CHECK(sort->count < sort->capacity);
    sort->rows[sort->count++] = row;
    if (sort->keep < SIZE_MAX / 4 && sort->count >= 2 * sort->keep + SORT_KEEP_MIN)
        sort_cut(sort);
}

static enum status sort_collect(struct sort *sort, struct error *err)
{
    struct sql_run *run = sort->run;
    struct value *values =
        arena_array(&run->arena, sort->width + sort->order_count, sizeof(*values));
    struct cursor_options options = {0};
    struct cursor cursor;
    enum status status = cursor_open(run, &options, &cursor, err);

    CHECK(sort->count == 0);
    while (status == STATUS_OK) {
        status = cursor_next(&cursor, err);
        if (status == STATUS_OK)
            status = sort_evaluate(sort, &cursor.context, values, err);
        if (status == STATUS_OK) {
            sort_add(sort, values);
            status = arena_check(&run->arena, err);
        }
    }
    cursor_close(&cursor);
    return status == STATUS_END ? STATUS_OK : status;
}

enum status sort_run(struct sql_run *run, int64_t limit, int64_t offset, struct error *err)
{
    const struct plan *plan = run->plan;
    struct sort sort = {.run = run,
                        .orders = plan->select.orders,
                        .order_count = plan->select.order_count,
                        .width = plan->output.count,
                        .keep = SIZE_MAX};
    enum status status;

    CHECK(limit >= 0 && offset >= 0 && sort.order_count > 0);
    if (limit < INT64_MAX - offset)
        sort.keep = (size_t)(limit + offset);
    status = sort_collect(&sort, err);
    if (status == STATUS_OK) {
        sort_cut(&sort);
        status = run_send_columns(run, plan->output.columns, plan->output.count, err);
    }
    for (size_t i = (size_t)offset; i < sort.count && status == STATUS_OK; i++)
        status = run_send_row(run, sort.rows[i].values, err);
    mem_free(sort.rows);
    return status;
}
