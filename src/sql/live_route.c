/* live_route.c — what of a live query's filter can be looked up: `column = constant` or `column IN
 * (constants)` at the top level of the WHERE.
 *
 * Of several the one that promises the fewest rows is taken: the whole key first, then the shorter
 * list of values, booleans last. Values are compared by hash: a collision costs a run of the
 * filter, which decides anyway. Floating point and JSON, where equal values may differ in their
 * bytes, do not route, nor do lists of very many values: each takes a place in the index.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/live_internal.h"

#include "base/check.h"
#include "base/hash.h"

#include <stdlib.h>

enum { LIVE_ROUTE_VALUES_MAX = 4096 };

uint64_t live_route_hash(const struct value *value)
{
    struct value wide = *value;

    CHECK(!value->is_null);
    if (value_type_is_integer(value->type))
        wide.type = VALUE_BIGINT;
    return value_hash(&wide);
}

static bool live_route_fits(const struct live_plan *plan, const struct expr_bound *bound)
{
    const struct table_schema *schema = plan->table->schema;

    CHECK(bound->value_count > 0);
    if ((bound->op != AST_OP_EQ && bound->op != AST_OP_NONE) ||
        bound->column >= schema->column_count || bound->value_count > LIVE_ROUTE_VALUES_MAX)
        return false;
    switch (schema->columns[bound->column].type.kind) {
    case VALUE_FLOAT:
    case VALUE_DOUBLE:
    case VALUE_JSON:
        return false;
    default:
        break;
    }
    enum value_type kind = schema->columns[bound->column].type.kind;
    for (size_t i = 0; i < bound->value_count; i++) {
        enum value_type given = expr_type(bound->values[i])->kind;
        if (given != kind && !(value_type_is_integer(given) && value_type_is_integer(kind)))
            return false;
    }
    return true;
}

/* Smaller is better. */
static size_t live_route_rank(const struct live_plan *plan, const struct expr_bound *bound)
{
    const struct table_column *column = &plan->table->schema->columns[bound->column];
    size_t count = bound->value_count;

    CHECK(count > 0);
    if (plan->table->key_count == 1 && column->key_position == 0)
        return count;
    return (column->type.kind == VALUE_BOOLEAN ? SIZE_MAX / 2 : SIZE_MAX / 4) + count;
}

static int live_route_compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    CHECK(a != NULL && b != NULL);
    return left < right ? -1 : left > right;
}

/* Sorts; how many are left when each is there once. */
static uint32_t live_route_unique(uint64_t *hashes, uint32_t count)
{
    uint32_t left = 0;

    CHECK(count <= LIVE_ROUTE_VALUES_MAX);
    if (count > 1)
        qsort(hashes, count, sizeof(*hashes), live_route_compare);
    for (uint32_t i = 0; i < count; i++)
        if (left == 0 || hashes[left - 1] != hashes[i])
            hashes[left++] = hashes[i];
    return left;
}

/* False if a value cannot be told now: the filter itself will say what is wrong with it. */
static bool live_route_take(struct live_plan *plan, const struct expr_bound *bound,
                            struct arena *arena)
{
    struct expr_context context;
    struct error err;

    CHECK(plan->route_count == 0);
    live_context(plan, arena, &context);
    uint64_t *hashes = arena_array(arena, bound->value_count, sizeof(*hashes));
    plan->route_hashes = hashes;
    for (size_t i = 0; i < bound->value_count; i++) {
        struct value value;
        error_clear(&err);
        if (expr_run(bound->values[i], &context, &value, &err) != STATUS_OK)
            return false;
        if (!value.is_null) /* equal to nothing */
            hashes[plan->route_count++] = live_route_hash(&value);
    }
    plan->route_count = live_route_unique(hashes, plan->route_count);
    return true;
}

void live_choose_route(struct live_plan *plan, struct arena *arena)
{
    const struct expr_bound *best = NULL;
    struct expr_bound *bounds = NULL;
    size_t count;

    CHECK(plan->route_column == 0);
    if (plan->shape->filter == NULL || plan->table->kind == TABLE_KIND_SYSTEM)
        return; /* what a system table shows is not always what it stores */
    count = expr_bounds(plan->shape->filter, &bounds);
    for (size_t i = 0; i < count; i++)
        if (live_route_fits(plan, &bounds[i]) &&
            (best == NULL || live_route_rank(plan, &bounds[i]) < live_route_rank(plan, best)))
            best = &bounds[i];
    if (best != NULL && live_route_take(plan, best, arena))
        plan->route_column = plan->table->schema->columns[best->column].id;
    expr_bounds_free(bounds, count);
}

/* ---- EXPLAIN ----------------------------------------------------------------------------------
 */

static struct str live_route_name(const struct live_plan *plan)
{
    const struct table_schema *schema = plan->table->schema;

    CHECK(plan->route_column != 0);
    for (uint32_t i = 0; i < schema->column_count; i++)
        if (schema->columns[i].id == plan->route_column)
            return schema->columns[i].name;
    return STR_EMPTY;
}

void live_plan_describe(const struct live_plan *plan, struct buf *out)
{
    const struct table *table = plan->table;

    CHECK(plan->shape->column_count > 0);
    buf_printf(out, "Live query on %.*s.%.*s\n", STR_ARG(table->space), STR_ARG(table->name));
    buf_append_str(out, STR_LIT("Index: "));
    buf_append_str(out,
                   table->kind == TABLE_KIND_USER ? STR_LIT("table and user") : STR_LIT("table"));
    if (plan->route_column == 0)
        buf_append_str(out, STR_LIT(", every change is looked at\n"));
    else if (plan->route_count == 0)
        buf_append_str(out, STR_LIT(", no change can match\n"));
    else
        buf_printf(out, ", then equality on %.*s (%u value%s)\n", STR_ARG(live_route_name(plan)),
                   plan->route_count, plan->route_count == 1 ? "" : "s");
    if (plan->shape->filter != NULL) {
        buf_append_str(out, STR_LIT("Filter: "));
        expr_describe(plan->shape->filter, out);
        buf_append_byte(out, '\n');
    }
    buf_append_str(out, STR_LIT("Output: "));
    for (uint32_t i = 0; i < plan->shape->column_count; i++)
        buf_printf(out, "%s%.*s", i > 0 ? ", " : "", STR_ARG(plan->shape->column_specs[i].name));
    buf_append_byte(out, '\n');
    live_order_describe(plan, out);
}
