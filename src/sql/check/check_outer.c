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
    OUTER_STAR_ELEMENTS = 64,                     /* of FROM that are looked at behind stars */
    OUTER_DEPTH_MAX = 4 * LIMIT_EXPRESSION_DEPTH, /* nodes of the tree, lists among them */
};

struct outer_walk {
    struct check *check;
    uint32_t columns, depth;
};

/* ---- behind the stars of a subquery in FROM ---- */

struct outer_star {
    const struct check *check;
    struct str name;   /* of the column */
    uint32_t elements; /* looked at */
    bool any;          /* what EXCLUDE, REPLACE or RENAME leave of it does not matter */
};

static bool outer_query_has(struct outer_star *star, const struct tree *query);

static bool outer_names_have(const struct tree *names, struct str name)
{
    CHECK(name.size > 0);
    for (const struct tree *one = names ? names->child : NULL; one; one = one->next)
        if (str_equal_nocase(one->text, name))
            return true;
    return false;
}

/* Has the table that stands there in the text the column, or the CTE? */
static bool outer_table_has(struct outer_star *star, const struct tree *from)
{
    const struct analytic_plan *plan = star->check->plan;
    const struct check_scope *cte;

    CHECK(plan->tables || plan->table_count == 0);
    for (uint32_t i = 0; i < plan->table_count; i++)
        if (plan->tables[i].start == tree_location(from))
            return table_find_column(plan->tables[i].table, star->name) >= 0;
    cte = check_find_cte(star->check, tree_text(from, "table_name"));
    if (!cte || (cte->names && cte->names->child))
        return cte && outer_names_have(cte->names, star->name);
    return cte->query && outer_query_has(star, cte->query);
}

/* … in what `*` or `qualifier.*` shows of a FROM? False if that is not known. */
static bool outer_from_has(struct outer_star *star, const struct tree *from, struct str qualifier)
{
    const struct tree *names = tree_get(from, "column_name_alias");
    struct str name = tree_text(from, "alias");
    bool hides = tree_is(from, "join_type", "SEMI") || tree_is(from, "join_type", "ANTI");

    CHECK(from->kind == TREE_OBJECT);
    if (++star->elements > OUTER_STAR_ELEMENTS)
        return false;
    if (tree_is(from, "type", "JOIN"))
        return outer_from_has(star, tree_get(from, "left"), qualifier) ||
               (!hides && outer_from_has(star, tree_get(from, "right"), qualifier));
    if (name.size == 0)
        name = tree_text(from, "table_name");
    if (qualifier.size > 0 && !str_equal_nocase(name, qualifier))
        return false;
    if (names && names->child)
        return outer_names_have(names, star->name);
    if (tree_is(from, "type", "BASE_TABLE"))
        return outer_table_has(star, from);
    if (tree_is(from, "type", "TABLE_FUNCTION")) /* its only column is called as itself */
        return str_equal_nocase(name, star->name);
    return tree_is(from, "type", "SUBQUERY") && outer_query_has(star, tree_get(from, "subquery"));
}

static bool outer_query_has(struct outer_star *star, const struct tree *query)
{
    const struct tree *select = check_naming_select(query);
    const struct tree *from = select ? tree_get(select, "from_table") : NULL;
    const struct tree *list = from ? tree_get(select, "select_list") : NULL;
    bool has = check_query_has(query, star->name, false);

    CHECK(star->name.size > 0);
    for (const struct tree *item = list ? list->child : NULL; item && !has; item = item->next)
        has = tree_is(item, "class", "STAR") && (star->any || check_is_plain_star(item)) &&
              outer_from_has(star, from, tree_text(item, "relation_name"));
    return has;
}

bool check_star_has(const struct check *check, const struct tree *query, struct str name)
{
    struct outer_star star = {.check = check, .name = name, .any = true};

    CHECK(query);
    return outer_query_has(&star, query);
}

/* ---- names ---- */

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
    struct outer_star star = {.check = check, .name = name};
    return check_query_has(item->query, name, unknown) ||
           (!unknown && item->query && name.size > 0 && outer_query_has(&star, item->query));
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
