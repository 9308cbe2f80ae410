/* live_order.c — ORDER BY, LIMIT and OFFSET of a live query: they choose the rows it begins with.
 *
 * Three ways lead there. The newest rows, which LIMIT alone and ORDER BY _seq DESC ask for, are
 * found by live/ itself, as those of `last_rows` are. The order of the key, one way or the other,
 * is that of a scan: its first rows will do. For any other order the rows that match are sorted,
 * and the best kept (sql/sorter.h). An order without LIMIT chooses nothing: it is checked and
 * forgotten.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/live_internal.h"

#include "base/check.h"

void live_order_clear(struct live_order *order)
{
    CHECK(order->count == 0 || order->items != NULL);
    for (uint32_t i = 0; i < order->count; i++)
        expr_unref(order->items[i].program);
    expr_unref(order->limit);
    expr_unref(order->offset);
    *order = (struct live_order){.count = 0};
}

size_t live_order_bytes(const struct live_order *order)
{
    size_t bytes = 0;

    CHECK(order->count == 0 || order->items != NULL);
    for (uint32_t i = 0; i < order->count; i++)
        bytes += sizeof(order->items[i]) +
                 (order->items[i].program != NULL ? expr_bytes(order->items[i].program) : 0);
    return bytes;
}

bool live_order_uses_caller(const struct live_order *order)
{
    CHECK(order->count == 0 || order->items != NULL);
    for (uint32_t i = 0; i < order->count; i++)
        if (order->items[i].program != NULL && expr_uses_caller(order->items[i].program))
            return true;
    return (order->limit != NULL && expr_uses_caller(order->limit)) ||
           (order->offset != NULL && expr_uses_caller(order->offset));
}

/* ---- compiling --------------------------------------------------------------------------------
 */

static bool live_order_is_seq(const struct ast_expr *tree)
{
    CHECK(tree != NULL);
    return tree->kind == AST_COLUMN && str_equal(tree->name, STR_LIT("_seq"));
}

/* Index of `_seq` in the output, where it always is: rows of system tables have it too, though it
 * is none of their columns. */
static uint32_t live_order_seq(const struct live_shape *shape)
{
    uint32_t seq = shape->table->schema->column_count + SYSTEM_COLUMN_SEQ, index = 0;

    while (shape->columns[index] != seq) {
        index++;
        CHECK(index < shape->column_count);
    }
    return index;
}

static enum status live_order_item(const struct live_order_request *request,
                                   const struct ast_order *order, struct plan_order *out,
                                   struct error *err)
{
    const struct live_shape *shape = request->shape;
    enum status status =
        plan_order_output(order, shape->column_specs, request->listed_count, out, err);

    CHECK(request->listed_count <= shape->column_count);
    if (status != STATUS_OK || out->output != UINT32_MAX)
        return status;
    if (live_order_is_seq(order->expr) && str_is_empty(order->expr->qualifier)) {
        out->output = live_order_seq(shape);
        return STATUS_OK;
    }
    plan_type_literals(order->expr);
    return expr_compile(order->expr, request->scope, NULL, &out->program, err);
}

static bool live_order_is_newest(const struct ast_select *tree)
{
    CHECK(tree->limit != NULL);
    return tree->order_count == 0 || (live_order_is_seq(tree->order[0].expr) &&
                                      tree->order[0].descending && tree->offset == NULL);
}

static enum live_order_kind live_order_choose(const struct live_order_request *request,
                                              const struct live_order *order)
{
    const struct ast_select *tree = request->tree;
    const struct live_shape *shape = request->shape;
    int *columns = arena_array(request->arena, tree->order_count, sizeof(*columns));

    CHECK(order->count == tree->order_count);
    if (tree->limit == NULL)
        return LIVE_ORDER_NONE;
    if (live_order_is_newest(tree))
        return LIVE_ORDER_NEWEST;
    for (size_t i = 0; i < tree->order_count; i++) {
        const struct plan_order *item = &order->items[i];
        const struct ast_expr *expr = tree->order[i].expr;
        columns[i] = -1;
        if (item->output != UINT32_MAX)
            columns[i] = (int)shape->columns[item->output];
        else if (expr->kind == AST_COLUMN)
            columns[i] = table_find_column(shape->table, expr->name);
    }
    if (!plan_order_is_key(shape->table, 0, order->items, columns, tree->order_count))
        return LIVE_ORDER_VALUES;
    return tree->order[0].descending ? LIVE_ORDER_KEY_DESCENDING : LIVE_ORDER_KEY;
}

/* Every item is compiled, also where nothing is chosen by it. */
static enum status live_order_compile(const struct live_order_request *request,
                                      struct live_order *out, struct error *err)
{
    const struct data_type bigint = {.kind = VALUE_BIGINT};
    const struct ast_select *tree = request->tree;
    enum status status = STATUS_OK;

    out->items = arena_array(request->arena, tree->order_count, sizeof(*out->items));
    out->by = arena_array(request->arena, tree->order_count, sizeof(*out->by));
    CHECK(out->count == 0);
    for (size_t i = 0; i < tree->order_count && status == STATUS_OK; i++) {
        status = live_order_item(request, &tree->order[i], &out->items[i], err);
        out->by[i] = out->items[i].order;
        out->count++;
    }
    if (status == STATUS_OK && tree->limit != NULL)
        status = expr_compile(tree->limit, request->scope, &bigint, &out->limit, err);
    if (status == STATUS_OK && tree->offset != NULL)
        status = expr_compile(tree->offset, request->scope, &bigint, &out->offset, err);
    return status;
}

enum status live_order_bind(const struct live_order_request *request, struct live_order *out,
                            enum live_order_kind *kind, struct error *err)
{
    const struct ast_select *tree = request->tree;

    CHECK(request->scope != NULL);
    *out = (struct live_order){.count = 0};
    if (tree->offset != NULL && (tree->limit == NULL || tree->order_count == 0))
        return error_set(err, STATUS_NOT_SUPPORTED,
                         "OFFSET without ORDER BY and LIMIT is not supported in a live query");
    enum status status = live_order_compile(request, out, err);
    if (status == STATUS_OK)
        *kind = live_order_choose(request, out);
    if (status != STATUS_OK || *kind == LIVE_ORDER_VALUES)
        return status;
    for (uint32_t i = 0; i < out->count; i++)
        expr_unref(out->items[i].program);
    out->count = 0; /* the rest is told by the kind */
    return STATUS_OK;
}

/* ---- binding to a caller ----------------------------------------------------------------------
 */

static enum status live_order_number(struct expr_context *context,
                                     const struct expr_program *program, const char *what,
                                     int64_t *out, struct error *err)
{
    struct value value;

    CHECK(what != NULL);
    if (program == NULL)
        return STATUS_OK;
    enum status status = expr_run(program, context, &value, err);
    if (status != STATUS_OK || value.is_null)
        return status;
    if (value.integer < 0)
        return error_set(err, STATUS_INVALID_PARAMETER, "%s must not be negative", what);
    *out = value.integer;
    return STATUS_OK;
}

enum status live_order_limits(struct live_plan *plan, const struct live_order *order,
                              struct arena *arena, struct error *err)
{
    struct expr_context context;

    CHECK(plan->snapshot_limit == -1 && plan->snapshot_offset == 0);
    live_context(plan, arena, &context);
    enum status status =
        live_order_number(&context, order->limit, "LIMIT", &plan->snapshot_limit, err);
    if (status == STATUS_OK)
        status = live_order_number(&context, order->offset, "OFFSET", &plan->snapshot_offset, err);
    return status;
}

/* ---- choosing ---------------------------------------------------------------------------------
 */

bool live_plan_is_ordered(const struct live_plan *plan)
{
    CHECK(plan->shape != NULL);
    return plan->shape->order_kind >= LIVE_ORDER_KEY &&
           (plan->snapshot_limit >= 0 || plan->snapshot_offset > 0);
}

size_t live_plan_order_keep(const struct live_plan *plan)
{
    CHECK(live_plan_is_ordered(plan));
    if (plan->snapshot_limit < 0 || plan->snapshot_limit > INT64_MAX - plan->snapshot_offset)
        return SIZE_MAX;
    return (size_t)(plan->snapshot_limit + plan->snapshot_offset);
}

struct sorter *sql_live_sorter(const struct sql_engine *engine, const struct live_plan *plan,
                               uint32_t width)
{
    const struct live_order *order = live_plan_order(plan);

    CHECK(width > 0);
    return sorter_new(
        &(struct sorter_options){.orders = order->by,
                                 .order_count = order->count,
                                 .width = width,
                                 .keep = live_plan_order_keep(plan),
                                 .bytes_max = engine->options.statement_memory_bytes});
}

uint32_t live_plan_order_count(const struct live_plan *plan)
{
    CHECK(live_plan_is_ordered(plan));
    return live_plan_order(plan)->count;
}

enum status live_plan_order_values(const struct live_plan *plan, const struct row *row,
                                   struct arena *arena, struct value *out, struct error *err)
{
    const struct live_order *order = live_plan_order(plan);
    struct live_row from = {.row = row, .arena = arena};
    struct expr_context context;
    enum status status = STATUS_OK;

    CHECK(row != NULL && row->table->id.value == plan->table->id.value);
    live_context(plan, arena, &context);
    context.column = live_row_column;
    context.row = &from;
    for (uint32_t i = 0; i < order->count && status == STATUS_OK; i++) {
        const struct plan_order *item = &order->items[i];
        if (item->output != UINT32_MAX)
            live_plan_column(plan, row, plan->shape->columns[item->output], arena, &out[i]);
        else
            status = expr_run(item->program, &context, &out[i], err);
    }
    return status;
}

/* ---- EXPLAIN ----------------------------------------------------------------------------------
 */

static void live_order_describe_item(const struct live_plan *plan, const struct plan_order *item,
                                     struct buf *out)
{
    CHECK(item->output == UINT32_MAX || item->output < plan->shape->column_count);
    if (item->output != UINT32_MAX)
        buf_append_str(out, plan->shape->column_specs[item->output].name);
    else
        expr_describe(item->program, out);
    if (item->order.descending)
        buf_append_str(out, STR_LIT(" DESC"));
    if (item->order.nulls_first != item->order.descending)
        buf_append_str(out,
                       item->order.nulls_first ? STR_LIT(" NULLS FIRST") : STR_LIT(" NULLS LAST"));
}

void live_order_describe(const struct live_plan *plan, struct buf *out)
{
    const struct live_order *order = live_plan_order(plan);
    bool ordered = live_plan_is_ordered(plan);

    CHECK(out != NULL);
    if (plan->snapshot_limit < 0 && !ordered)
        return;
    buf_append_str(out, STR_LIT("Snapshot: "));
    if (!ordered) {
        buf_printf(out, "newest %lld rows\n", (long long)plan->snapshot_limit);
        return;
    }
    if (plan->snapshot_limit >= 0)
        buf_printf(out, "%lld rows", (long long)plan->snapshot_limit);
    else
        buf_append_str(out, STR_LIT("all rows"));
    if (plan->snapshot_offset > 0)
        buf_printf(out, " after %lld", (long long)plan->snapshot_offset);
    if (plan->shape->order_kind != LIVE_ORDER_VALUES)
        buf_append_str(out, plan->shape->order_kind == LIVE_ORDER_KEY
                                ? STR_LIT(" by key ascending")
                                : STR_LIT(" by key descending"));
    for (uint32_t i = 0; i < order->count; i++) {
        buf_append_str(out, i > 0 ? STR_LIT(", ") : STR_LIT(" sorted by "));
        live_order_describe_item(plan, &order->items[i], out);
    }
    buf_append_byte(out, '\n');
}
