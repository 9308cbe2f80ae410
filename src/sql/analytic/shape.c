/* shape.c — which statements surely answer few rows of plain types: aggregates without GROUP BY
 * answer one, with GROUP BY one per group. Their result may be computed whole (run.c).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/analytic/analytic_internal.h"

#include "base/check.h"
#include "base/macros.h"

/* Aggregates whose result has the type of a column or a number. */
static bool shape_is_aggregate(const struct tree *item)
{
    static const char *const names[] = {"avg", "count", "count_star", "max", "min", "sum"};
    struct str name = tree_text(item, "function_name");

    CHECK(item->kind == TREE_OBJECT);
    if (!tree_is(item, "class", "FUNCTION"))
        return false;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (str_equal_nocase(name, str_from_c(names[i])))
            return true;
    }
    return false;
}

enum analytic_shape shape_of(const struct tree *tree)
{
    const struct tree *node = tree_get(tree_get(tree, "statements")->child, "node");
    const struct tree *list = node ? tree_get(node, "select_list") : NULL;
    const struct tree *groups = node ? tree_get(node, "group_expressions") : NULL;
    bool aggregates = false;

    CHECK(node == NULL || node->kind == TREE_OBJECT);
    if (list == NULL || !tree_is(node, "type", "SELECT_NODE"))
        return ANALYTIC_ROWS;
    for (const struct tree *item = list->child; item; item = item->next) {
        if (shape_is_aggregate(item))
            aggregates = true;
        else if (!tree_is(item, "class", "COLUMN_REF"))
            return ANALYTIC_ROWS;
    }
    if (!aggregates)
        return ANALYTIC_ROWS;
    return groups != NULL && groups->child != NULL ? ANALYTIC_GROUPS : ANALYTIC_ONE_ROW;
}
