/* sort.c — ORDER BY that is not the key's order: rows are collected with the values that they are
 * sorted by, bounded by the statement's memory; with a LIMIT only the best are kept (sql/sorter.h).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/run.h"
#include "sql/sorter.h"

#include "base/check.h"

struct sort {
    struct sql_run *run;
    const struct plan_order *orders;
    uint32_t order_count, width;
    struct sorter *sorter;
};

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

static enum status sort_collect(struct sort *sort, struct error *err)
{
    struct sql_run *run = sort->run;
    struct value *values =
        arena_array(&run->arena, sort->width + sort->order_count, sizeof(*values));
    struct cursor_options options = {0};
    struct cursor cursor;
    enum status status = cursor_open(run, &options, &cursor, err);

    CHECK(sort->sorter != NULL);
    while (status == STATUS_OK) {
        status = cursor_next(&cursor, err);
        if (status == STATUS_OK)
            status = sort_evaluate(sort, &cursor.context, values, err);
        if (status == STATUS_OK)
            status = sorter_add(sort->sorter, values, err);
    }
    cursor_close(&cursor);
    return status == STATUS_END ? STATUS_OK : status;
}

/* What the statement has not taken yet; 0 = no limit. */
static size_t sort_memory(const struct arena *arena)
{
    CHECK(arena != NULL);
    if (arena->limit_bytes == 0)
        return 0;
    return arena->used_bytes < arena->limit_bytes ? arena->limit_bytes - arena->used_bytes : 1;
}

static struct sorter *sort_open(struct sort *sort, int64_t limit, int64_t offset)
{
    struct sorter_order *orders =
        arena_array(&sort->run->arena, sort->order_count, sizeof(*orders));

    CHECK(sort->order_count > 0);
    for (uint32_t i = 0; i < sort->order_count; i++)
        orders[i] = sort->orders[i].order;
    return sorter_new(&(struct sorter_options){
        .orders = orders,
        .order_count = sort->order_count,
        .width = sort->width,
        .keep = limit < INT64_MAX - offset ? (size_t)(limit + offset) : SIZE_MAX,
        .bytes_max = sort_memory(&sort->run->arena)});
}

enum status sort_run(struct sql_run *run, int64_t limit, int64_t offset, struct error *err)
{
    const struct plan *plan = run->plan;
    struct sort sort = {.run = run,
                        .orders = plan->select.orders,
                        .order_count = plan->select.order_count,
                        .width = plan->output.count};
    size_t count = 0;

    CHECK(limit >= 0 && offset >= 0);
    sort.sorter = sort_open(&sort, limit, offset);
    enum status status = sort_collect(&sort, err);
    if (status == STATUS_OK) {
        count = sorter_finish(sort.sorter);
        status = run_send_columns(run, plan->output.columns, plan->output.count, err);
    }
    for (size_t i = (size_t)offset; i < count && status == STATUS_OK; i++)
        status = run_send_row(run, sorter_row(sort.sorter, i), err);
    sorter_free(sort.sorter);
    return status;
}
