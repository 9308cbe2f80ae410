/* plan_select.c — binds a SELECT on one table, or without FROM, for the point/range executor.
 *
 * What is not expressible answers NOT_SUPPORTED, and plan.c hands the text to DuckDB. Aggregates
 * are taken only where our result type is DuckDB's exactly: count, min, max, and sum of
 * integers and DECIMAL, over the whole result, without anything around them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/plan.h"

#include "base/check.h"

static const struct data_type plan_bigint = {.kind = VALUE_BIGINT};

/* ---- aggregates ------------------------------------------------------------------------------ */

static bool plan_is_aggregate_name(struct str name)
{
    static const char *const names[] = {"count",   "sum",        "avg",       "min",
                                        "max",     "string_agg", "array_agg", "bool_and",
                                        "bool_or", "every",      "stddev",    "variance"};

    CHECK(name.size > 0);
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (str_equal(name, str_from_c(names[i])))
            return true;
    return false;
}

static bool plan_has_aggregate(const struct ast_expr *tree)
{
    if (tree == NULL)
        return false;
    if (tree->kind == AST_CALL && plan_is_aggregate_name(tree->name))
        return true;
    for (size_t i = 0; i < tree->arg_count; i++)
        if (plan_has_aggregate(tree->args[i])) /* height ≤ LIMIT_AST_HEIGHT */
            return true;
    return false;
}

static bool plan_sum_type(enum value_type from, struct data_type *type)
{
    CHECK(type != NULL);
    if (!value_type_is_integer(from) && from != VALUE_DECIMAL)
        return false;
    if (from == VALUE_SMALLINT || from == VALUE_INT) {
        type->kind = VALUE_BIGINT;
        return true;
    }
    type->kind = VALUE_DECIMAL;
    type->precision = 38;
    return true;
}

static bool plan_has_order(enum value_type type)
{
    CHECK(type < VALUE_TYPE_COUNT);
    return type != VALUE_JSON && type != VALUE_BYTES && type != VALUE_BOOLEAN &&
           type != VALUE_NULL && type != VALUE_UUID;
}

static enum status plan_aggregate_item(struct plan_builder *builder,
                                       const struct ast_select_item *item, struct error *err)
{
    struct plan *plan = builder->plan;
    struct plan_output *output = &plan->output;
    const struct ast_expr *call = item->expr;
    struct data_type type = plan_bigint;
    enum plan_aggregate aggregate = AGGREGATE_COUNT_ALL;
    struct expr_program *program = NULL;

    CHECK(plan->select.aggregates != NULL);
    if (call == NULL || call->kind != AST_CALL || call->distinct ||
        (!call->star && call->arg_count != 1))
        return error_set(err, STATUS_NOT_SUPPORTED, "aggregates in this form");
    if (!call->star) {
        enum status status = plan_compile(builder, call->args[0], NULL, &program, err);
        if (status != STATUS_OK)
            return status;
        struct data_type from = *expr_type(program);
        aggregate = AGGREGATE_COUNT;
        if (str_equal(call->name, STR_LIT("sum")) && plan_sum_type(from.kind, &type)) {
            aggregate = AGGREGATE_SUM;
            type.scale = from.kind == VALUE_DECIMAL ? from.scale : 0;
        } else if (str_equal(call->name, STR_LIT("min")) && plan_has_order(from.kind)) {
            aggregate = AGGREGATE_MIN;
            type = from;
        } else if (str_equal(call->name, STR_LIT("max")) && plan_has_order(from.kind)) {
            aggregate = AGGREGATE_MAX;
            type = from;
        } else if (!str_equal(call->name, STR_LIT("count"))) {
            return error_set(err, STATUS_NOT_SUPPORTED, "this aggregate");
        }
        type.length_max = 0;
    } else if (!str_equal(call->name, STR_LIT("count"))) {
        return error_set(err, STATUS_NOT_SUPPORTED, "this aggregate of *");
    }
    plan->select.aggregates[output->count] = aggregate;
    output->programs[output->count] = program;
    output->sources[output->count] = -1;
    output->columns[output->count] =
        (struct sql_column){.name = plan_item_name(item), .type = type};
    output->count++;
    return STATUS_OK;
}

static enum status plan_build_aggregates(struct plan_builder *builder,
                                         const struct ast_select *tree, struct error *err)
{
    struct plan *plan = builder->plan;
    size_t count = tree->item_count;
    enum status status = STATUS_OK;

    CHECK(plan->output.count == 0);
    if (plan->table == NULL || tree->order_count > 0)
        return error_set(err, STATUS_NOT_SUPPORTED, "aggregates in this form");
    plan->select.aggregated = true;
    plan->select.aggregates = arena_array(&plan->arena, count, sizeof(*plan->select.aggregates));
    plan->output.columns = arena_array(&plan->arena, count, sizeof(*plan->output.columns));
    plan->output.sources = arena_array(&plan->arena, count, sizeof(*plan->output.sources));
    plan->output.programs = arena_array(&plan->arena, count, sizeof(struct expr_program *));
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        status = plan_aggregate_item(builder, &tree->items[i], err);
    return status;
}

/* ---- order ----------------------------------------------------------------------------------- */

static int plan_order_by_name(const struct sql_column *columns, uint32_t count,
                              const struct ast_expr *tree)
{
    int found = -1;

    CHECK(count == 0 || columns != NULL);
    if (tree->kind != AST_COLUMN || !str_is_empty(tree->qualifier))
        return -1;
    for (uint32_t i = 0; i < count && found < 0; i++)
        if (str_equal(columns[i].name, tree->name))
            found = (int)i;
    return found;
}

enum status plan_order_output(const struct ast_order *order, const struct sql_column *columns,
                              uint32_t count, struct plan_order *out, struct error *err)
{
    const struct ast_expr *tree = order->expr;

    CHECK(tree != NULL);
    *out = (struct plan_order){
        .output = UINT32_MAX,
        .order = {.descending = order->descending, .nulls_first = order->nulls_first}};
    if (tree->kind == AST_LITERAL && tree->value.type == VALUE_BIGINT) {
        if (tree->value.integer < 1 || tree->value.integer > count)
            return error_set_at(err, STATUS_INVALID_SQL, tree->start,
                                "ORDER BY position %lld is not in select list",
                                (long long)tree->value.integer);
        out->output = (uint32_t)(tree->value.integer - 1);
        return STATUS_OK;
    }
    if (tree->kind == AST_LITERAL || tree->kind == AST_PARAM)
        return error_set_at(err, STATUS_INVALID_SQL, tree->start,
                            "non-integer constant in ORDER BY");
    int index = plan_order_by_name(columns, count, tree);
    if (index >= 0)
        out->output = (uint32_t)index;
    return STATUS_OK;
}

static enum status plan_order_one(struct plan_builder *builder, const struct ast_order *order,
                                  struct plan_order *out, struct error *err)
{
    const struct plan_output *output = &builder->plan->output;
    enum status status = plan_order_output(order, output->columns, output->count, out, err);

    CHECK(out != NULL);
    if (status == STATUS_OK && out->output == UINT32_MAX)
        status = plan_compile(builder, order->expr, NULL, &out->program, err);
    return status;
}

/* The table's column an order item means, or -1. */
static int plan_order_column(const struct plan *plan, const struct ast_expr *tree,
                             const struct plan_order *order)
{
    CHECK(plan->table != NULL);
    if (order->output != UINT32_MAX)
        return plan->output.sources[order->output];
    return tree->kind == AST_COLUMN ? table_find_column(plan->table, tree->name) : -1;
}

bool plan_order_is_key(const struct table *table, uint32_t fixed, const struct plan_order *orders,
                       const int *columns, size_t count)
{
    uint32_t key = 0;

    CHECK(orders != NULL && columns != NULL);
    if (table->kind == TABLE_KIND_SYSTEM || !table_is_keyed(table))
        return false;
    for (size_t i = 0; i < count; i++) {
        while (key < fixed && columns[i] != (int)table->key_columns[key])
            key++;
        if (key == table->key_count)
            return true; /* rows are told apart already */
        if (columns[i] != (int)table->key_columns[key])
            return false;
        if (i > 0 && orders[i].order.descending != orders[0].order.descending)
            return false;
        key++;
    }
    return true;
}

/* By the key, read one way or the other? */
static bool plan_select_is_key(const struct plan *plan, const struct ast_select *tree,
                               const struct plan_order *orders, struct arena *arena)
{
    int *columns = arena_array(arena, tree->order_count, sizeof(*columns));
    uint32_t fixed = 0;

    CHECK(plan->table != NULL);
    while (fixed < plan->access.prefix_count && plan->access.prefix[fixed]->op == AST_OP_EQ)
        fixed++;
    for (size_t i = 0; i < tree->order_count; i++)
        columns[i] = plan_order_column(plan, tree->order[i].expr, &orders[i]);
    return plan_order_is_key(plan->table, fixed, orders, columns, tree->order_count);
}

static enum status plan_build_order(struct plan_builder *builder, const struct ast_select *tree,
                                    struct error *err)
{
    struct plan *plan = builder->plan;
    struct plan_order *orders = arena_array(&plan->arena, tree->order_count, sizeof(*orders));

    CHECK(plan->select.order_count == 0);
    for (size_t i = 0; i < tree->order_count; i++) {
        enum status status = plan_order_one(builder, &tree->order[i], &orders[i], err);
        if (status != STATUS_OK)
            return status;
    }
    if (tree->order_count == 0 || plan->table == NULL)
        return STATUS_OK;
    if (plan_select_is_key(plan, tree, orders, &plan->arena)) {
        plan->select.key_descending = orders[0].order.descending;
        return STATUS_OK;
    }
    plan->select.orders = orders;
    plan->select.order_count = (uint32_t)tree->order_count;
    return STATUS_OK;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static enum status plan_build_limits(struct plan_builder *builder, const struct ast_select *tree,
                                     struct error *err)
{
    struct plan_select *select = &builder->plan->select;
    enum status status = STATUS_OK;

    CHECK(select->limit == NULL && select->offset == NULL);
    if (tree->limit != NULL)
        status = plan_compile(builder, tree->limit, &plan_bigint, &select->limit, err);
    if (status == STATUS_OK && tree->offset != NULL)
        status = plan_compile(builder, tree->offset, &plan_bigint, &select->offset, err);
    return status;
}

static bool plan_items_aggregate(const struct ast_select *tree)
{
    for (size_t i = 0; i < tree->item_count; i++)
        if (plan_has_aggregate(tree->items[i].expr))
            return true;
    return false;
}

/* A computed DECIMAL has PostgreSQL's scale of each value, but a column of a result has one scale:
 * left to DuckDB, which fixes it, so that both executors answer alike. */
static bool plan_output_floats(const struct plan *plan)
{
    const struct plan_output *output = &plan->output;

    CHECK(plan->kind == PLAN_SELECT);
    if (plan->table == NULL || plan->select.aggregated)
        return false;
    for (uint32_t i = 0; i < output->count; i++)
        if (output->sources[i] < 0 && output->columns[i].type.kind == VALUE_DECIMAL)
            return true;
    return false;
}

enum status plan_build_select(struct plan_builder *builder, struct error *err)
{
    struct plan *plan = builder->plan;
    struct ast_select *tree = &plan->tree->select;
    enum status status = STATUS_OK;

    CHECK(plan->tree->kind == AST_SELECT);
    plan->kind = PLAN_SELECT;
    plan->with_deleted = plan->tree->names_deleted;
    if (tree->has_from) {
        status = plan_bind_table(builder, &tree->from, tree->alias, false, err);
        if (status == STATUS_OK && plan->table->kind == TABLE_KIND_SYSTEM)
            status = plan_rewrite_system(builder, tree, err);
    }
    if (status == STATUS_OK)
        status = plan_compile_filter(builder, tree->where, err);
    if (status != STATUS_OK)
        return status;
    if (plan->table != NULL)
        plan_find_access(plan);
    status = plan_items_aggregate(tree)
                 ? plan_build_aggregates(builder, tree, err)
                 : plan_compile_output(builder, tree->items, tree->item_count, err);
    if (status == STATUS_OK && plan_output_floats(plan))
        return error_set(err, STATUS_NOT_SUPPORTED, "computed DECIMAL columns");
    if (status == STATUS_OK)
        status = plan_build_order(builder, tree, err);
    if (status == STATUS_OK)
        status = plan_build_limits(builder, tree, err);
    return status;
}
