/* plan_access.c — reads off a filter which keys can pass: points, a range, or all.
 *
 * The bounds are a shortcut: the whole filter is run on every row that the access yields, unless it
 * says nothing that the range of keys does not say (`id BETWEEN 1 AND 9`, pages by `id < 100`).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/plan.h"

#include "base/check.h"

static const struct expr_bound *plan_access_find(const struct plan_access *access, size_t column,
                                                 enum ast_operator first, enum ast_operator second)
{
    CHECK(access->bounds != NULL || access->bound_count == 0);
    for (size_t i = 0; i < access->bound_count; i++) {
        const struct expr_bound *bound = &access->bounds[i];
        if (bound->column == column && (bound->op == first || bound->op == second))
            return bound;
    }
    return NULL;
}

/* Order and equality of these are those of their key bytes. */
static bool plan_access_is_exact(const struct plan *plan, const struct expr_bound *bound)
{
    enum value_type type;

    if (bound == NULL)
        return true;
    CHECK(bound->column < plan->table->schema->column_count);
    type = plan->table->schema->columns[bound->column].type.kind;
    return value_type_is_integer(type) || type == VALUE_TEXT || type == VALUE_TIMESTAMP;
}

static bool plan_access_decides(const struct plan *plan)
{
    const struct plan_access *access = &plan->access;
    enum table_kind kind = plan->table->kind;
    size_t used = access->prefix_count + (access->lower != NULL) + (access->upper != NULL);
    bool exact =
        plan_access_is_exact(plan, access->lower) && plan_access_is_exact(plan, access->upper);

    CHECK(access->kind == PLAN_ACCESS_RANGE);
    for (uint32_t i = 0; i < access->prefix_count; i++)
        exact = exact && plan_access_is_exact(plan, access->prefix[i]);
    return exact && used == access->bound_count && expr_is_bounds(plan->filter) &&
           (kind == TABLE_KIND_USER || kind == TABLE_KIND_SHARED);
}

void plan_find_access(struct plan *plan)
{
    struct plan_access *access = &plan->access;
    const struct table *table = plan->table;
    bool several = false; /* one IN is enough: the keys are not multiplied out */

    CHECK(table != NULL && access->bounds == NULL);
    access->kind = PLAN_ACCESS_ALL;
    if (plan->filter == NULL || table->key_count == 0)
        return;
    access->bound_count = expr_bounds(plan->filter, &access->bounds);
    access->seq_lower = plan_access_find(access, table->schema->column_count + SYSTEM_COLUMN_SEQ,
                                         AST_OP_GT, AST_OP_GE);
    if (!table_is_keyed(table))
        return;
    while (access->prefix_count < table->key_count) {
        size_t column = table->key_columns[access->prefix_count];
        const struct expr_bound *bound =
            plan_access_find(access, column, AST_OP_EQ, several ? AST_OP_EQ : AST_OP_NONE);
        if (bound == NULL)
            break;
        several = several || bound->op == AST_OP_NONE;
        access->prefix[access->prefix_count++] = bound;
    }
    if (access->prefix_count == table->key_count) {
        access->kind = PLAN_ACCESS_POINTS;
        return;
    }
    /* A range can only hang on single values. */
    for (uint32_t i = 0; i < access->prefix_count; i++)
        if (access->prefix[i]->op == AST_OP_NONE)
            access->prefix_count = i;
    size_t next = table->key_columns[access->prefix_count];
    access->lower = plan_access_find(access, next, AST_OP_GT, AST_OP_GE);
    access->upper = plan_access_find(access, next, AST_OP_LT, AST_OP_LE);
    if (access->prefix_count == 0 && access->lower == NULL && access->upper == NULL)
        return;
    access->kind = PLAN_ACCESS_RANGE;
    access->decides = plan_access_decides(plan);
}
