/* check_outer.c — does an expression depend on more than the rows of its SELECT's FROM?
 *
 * Columns of outer SELECTs, aliases of the select list, aggregates, windows and unnest have no type
 * yet when DuckDB chooses among the overloads of a macro. A name means what DuckDB takes it for: an
 * element or column of FROM first, then an alias, then the same of the SELECTs around it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/check/check.h"

#include "base/check.h"
#include "base/limits.h"

enum {
    OUTER_COLUMNS_MAX = 64,                       /* that are looked up in one expression */
    OUTER_DEPTH_MAX = 4 * LIMIT_EXPRESSION_DEPTH, /* nodes of the tree, lists among them */
};

struct outer_walk {
    struct check *check;
    uint32_t columns, depth;
};

/* Is this the element's name, or that of a column of it? `unknown`: the answer where its columns
 * are not known. */
static bool outer_item_has(const struct check *check, const struct check_item *item,
                           struct str name, bool unknown)
{
    CHECK(item->table < (int32_t)check->plan->table_count);
    if (str_equal_nocase(item->name, name))
        return true;
    if (item->table >= 0 && !item->is_renamed)
        return table_find_column(check->plan->tables[item->table].table, name) >= 0;
    return check_query_has(item->query, name, unknown);
}

static bool outer_level_has(const struct check *check, const struct check_level *level,
                            struct str name, bool unknown)
{
    CHECK(level);
    for (const struct check_item *item = level->items; item; item = item->next)
        if (outer_item_has(check, item, name, unknown))
            return true;
    return false;
}

static bool outer_is_column(struct check *check, const struct tree *node)
{
    const struct tree *names = tree_get(node, "column_names");
    struct str first = names && names->child ? names->child->text : STR_EMPTY;

    CHECK(check->level);
    if (outer_level_has(check, check->level, first, false))
        return false;
    for (const struct check_alias *alias = check->level->aliases; alias; alias = alias->next)
        if (str_equal_nocase(alias->name, first))
            return true;
    for (const struct check_level *level = check->level->outer; level; level = level->outer)
        if (outer_level_has(check, level, first, true))
            return true;
    return false;
}

/* Inside a subquery any name may lead out. */
static bool outer_is_possible(const struct check *check)
{
    const struct check_level *level = check->level->outer;

    CHECK(check->level);
    while (level && !level->items)
        level = level->outer;
    return level != NULL;
}

static bool outer_in_node(struct outer_walk *walk, const struct tree *node)
{
    bool found = false;

    if (tree_has_class(node, "COLUMN_REF"))
        return ++walk->columns > OUTER_COLUMNS_MAX || outer_is_column(walk->check, node);
    if (tree_has_class(node, "SUBQUERY"))
        return outer_is_possible(walk->check);
    if (tree_has_class(node, "WINDOW") ||
        (tree_has_class(node, "FUNCTION") &&
         (allow_function(tree_text(node, "function_name")) == ALLOW_AGGREGATE ||
          check_gives_rows(tree_text(node, "function_name")))))
        return true;
    if (++walk->depth > OUTER_DEPTH_MAX)
        return true;
    for (const struct tree *child = node->child; child && !found; child = child->next)
        found = outer_in_node(walk, child);
    CHECK(walk->depth > 0);
    walk->depth--;
    return found;
}

bool check_sees_outside(struct check *check, const struct tree *node)
{
    struct outer_walk walk = {.check = check};

    CHECK(node->kind == TREE_OBJECT);
    return outer_in_node(&walk, node);
}
