/* check.c — walks DuckDB's syntax tree of one SELECT: refuses what is not allowed, finds
 * what must be rewritten.
 *
 * Every object of the tree is visited by one generic descent, so that nothing hides in a member we
 * do not know: an object is an expression (has "class"), a query node, a table reference, a
 * modifier (known "type") or a plain container; anything else is refused by name. On the way are
 * collected: table references (resolved with the caller's rights), functions that are fixed per
 * statement, bounds on the leading key column, and what the result columns are called.
 *
 * Two sizes are bounded beside depth: DuckDB copies an expression for each use of a select-list
 * alias, the operand of BETWEEN, and the arguments of macros (allow_copies); a WITH query is bound
 * once per use, an expression's subquery and a lambda twice per level above it. `extra` counts the
 * nodes that such copies add, and one for each CHECK_NODE_BYTES of text; without a limit 30 short
 * aliases make 2^30 nodes. An expression with a star is written out for each column that it stands
 * for. Binding cannot be interrupted, nor can the search for an order of joins, so the elements of
 * each FROM are counted. What the parser copies is counted before (check_case.c).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/check/check.h"

#include "base/check.h"
#include "base/limits.h"

enum status check_refuse(struct check *check, const struct tree *node, const char *what,
                         struct str name)
{
    CHECK(what);
    return error_set_at(check->err, STATUS_NOT_SUPPORTED, tree_location(node),
                        "%s%s%.*s is not supported in this version", what, name.size ? " " : "",
                        STR_ARG(name));
}

/* All members that are objects or arrays; `skip` names one that was visited already. */
enum status check_members(struct check *check, const struct tree *node, const char *const *skip)
{
    enum status status = STATUS_OK;

    CHECK(node->kind == TREE_OBJECT);
    for (const struct tree *member = node->child; member && status == STATUS_OK;
         member = member->next) {
        bool skipped = member->kind != TREE_OBJECT && member->kind != TREE_ARRAY;
        for (size_t i = 0; skip && skip[i] && !skipped; i++)
            skipped = str_equal(member->key, str_from_c(skip[i]));
        if (!skipped)
            status = check_node(check, member);
    }
    return status;
}

enum status check_too_large(struct error *err)
{
    CHECK(err);
    error_set(err, STATUS_INVALID_SQL, "the expressions of this statement grow too large");
    error_hint(err, "DuckDB copies the operands of CASE, BETWEEN, divisions and some functions, "
                    "aliases, named windows, WITH queries, nested subqueries and lambdas");
    return STATUS_INVALID_SQL;
}

enum status check_weight(struct check *check, uint64_t nodes)
{
    CHECK(check->multiplier > 0);
    check->nodes += nodes;
    check->extra += nodes;
    if (check->extra <= CHECK_EXTRA_MAX)
        return STATUS_OK;
    return check_too_large(check->err);
}

enum status check_filter(struct check *check, const struct tree *node)
{
    enum status status;

    CHECK(!check->filters);
    if (!node)
        return STATUS_OK;
    check->filters = true;
    status = check_node(check, node);
    check->filters = false;
    return status;
}

enum status check_more_joins(struct check *check, uint64_t joins)
{
    CHECK(check->joins <= CHECK_JOINS_MAX);
    if (joins > CHECK_JOINS_MAX - check->joins)
        return error_set(check->err, STATUS_INVALID_SQL, "too many large joins in one statement");
    check->joins += joins;
    return STATUS_OK;
}

/* Nodes that a constant is like: its text is copied, too. */
static uint64_t check_node_weight(const struct tree *node)
{
    const struct tree *value = tree_get(node, "value");

    CHECK(node->kind == TREE_OBJECT);
    if (!tree_is(node, "class", "CONSTANT") || !value || value->kind != TREE_OBJECT)
        return 1;
    return 1 + tree_text(value, "value").size / CHECK_NODE_BYTES;
}

static enum status check_expression(struct check *check, const struct tree *node)
{
    uint64_t weight = check_node_weight(node);
    bool filters = check->filters;
    enum status status;

    CHECK(check->multiplier > 0);
    if (++check->depth > LIMIT_EXPRESSION_DEPTH) {
        error_set_at(check->err, STATUS_INVALID_SQL, tree_location(node),
                     "the statement is nested too deeply");
        error_hint(check->err, "at most %d levels", LIMIT_EXPRESSION_DEPTH);
        return STATUS_INVALID_SQL;
    }
    check->nodes += weight;
    if (filters)
        check->filter = node;
    check->filters = filters && tree_is(node, "class", "CONJUNCTION");
    status = check_weight(check, weight * (check->multiplier - 1));
    if (status == STATUS_OK)
        status = check_class(check, node, tree_text(node, "class"));
    check->filters = filters;
    check->depth--;
    return status;
}

/* ---- query nodes ---- */

/* Adds the CTEs of a node to the scope, each visible to the ones behind it. */
static enum status check_ctes(struct check *check, const struct tree *node)
{
    const struct tree *map = tree_get(node, "cte_map");
    const struct tree *entries = map && map->kind == TREE_OBJECT ? tree_get(map, "map") : NULL;
    enum status status = STATUS_OK;

    CHECK(node->kind == TREE_OBJECT);
    for (const struct tree *entry = entries ? entries->child : NULL; entry && status == STATUS_OK;
         entry = entry->next) {
        struct check_scope *scope = arena_zalloc(check->arena, sizeof(*scope));
        uint64_t before = check->nodes;
        uint64_t joins = check->joins;
        const struct tree *value = tree_get(entry, "value");
        const struct tree *targets = value ? tree_get(value, "key_targets") : NULL;
        scope->name = tree_text(entry, "key");
        if (!allow_cte_name(scope->name))
            return error_set(check->err, STATUS_INVALID_SQL,
                             "\"%.*s\" cannot be the name of a WITH query", STR_ARG(scope->name));
        if (!value || (targets && targets->child))
            return error_set(check->err, STATUS_NOT_SUPPORTED,
                             "USING KEY is not supported in this version");
        status = check_node(check, value);
        scope->query = tree_get(value, "query");
        scope->names = tree_get(value, "aliases");
        scope->decimals = check_decimals(check, scope->query);
        scope->weight = check->nodes - before;
        scope->joins = check->joins - joins;
        scope->columns = check->columns;
        scope->outer = check->scope;
        check->scope = scope;
    }
    return status;
}

uint64_t check_star_columns(const struct check *check, struct str relation)
{
    const struct check_level *level = check->level;
    uint64_t columns = level->values;

    CHECK(columns < UINT32_MAX);
    if (relation.size > 0) {
        const struct check_item *named = check_find_item(level, relation);
        return named ? named->columns : check->fields; /* else a struct's column, `s.*` */
    }
    for (const struct check_item *item = level->items; item; item = item->next)
        columns += item->columns;
    return columns;
}

/* What was checked since there were `before` nodes is written out for each column if it holds a
 * star or an unnested struct. Says for how many. */
static enum status check_star_copies(struct check *check, uint64_t before, uint64_t *times)
{
    uint64_t columns = check->star;

    CHECK(check->nodes >= before);
    if (check->spreads && columns < check->fields)
        columns = check->fields;
    check->star = 0;
    check->spreads = false;
    *times = columns > 0 ? columns : 1;
    if (columns <= 1)
        return STATUS_OK;
    return check_weight(check, (check->nodes - before) * (columns - 1));
}

static enum status check_select_list(struct check *check, const struct tree *list)
{
    enum status status = STATUS_OK;
    uint64_t columns = 0, times;

    CHECK(check->level);
    for (const struct tree *item = list ? list->child : NULL; item && status == STATUS_OK;
         item = item->next) {
        uint64_t before = check->nodes;
        struct check_alias *alias;
        check->item = tree_text(item, "alias").size == 0 ? item : NULL;
        check->list_made = 0;
        check->star = 0;
        check->spreads = false;
        status = check_node(check, item);
        check->item = NULL;
        if (status == STATUS_OK)
            status = check_star_copies(check, before, &times);
        if (status == STATUS_OK)
            columns += times;
        if (status != STATUS_OK || item->kind != TREE_OBJECT || tree_text(item, "alias").size == 0)
            continue;
        alias = arena_zalloc(check->arena, sizeof(*alias));
        alias->name = tree_text(item, "alias");
        alias->expression = item;
        alias->weight = check->nodes - before;
        alias->next = check->level->aliases;
        check->level->aliases = alias;
    }
    check->level->columns = columns;
    return status;
}

static enum status check_where(struct check *check, const struct tree *where)
{
    uint64_t before = check->nodes, times;
    enum status status;

    CHECK(check->level);
    if (!where)
        return STATUS_OK;
    check_bounds(check, where);
    check->in_where = true;
    status = check_filter(check, where);
    check->in_where = false;
    return status == STATUS_OK ? check_star_copies(check, before, &times) : status;
}

/* ---- DISTINCT and ORDER BY ---- */

static const struct tree *check_modifier(const struct tree *node, const char *type)
{
    const struct tree *modifiers = tree_get(node, "modifiers");

    CHECK(node->kind == TREE_OBJECT && type);
    for (const struct tree *one = modifiers ? modifiers->child : NULL; one; one = one->next) {
        if (tree_is(one, "type", type))
            return one;
    }
    return NULL;
}

/* What a position or an alias in ORDER BY stands for; else the expression itself. */
static const struct tree *check_ordered(const struct tree *list, const struct tree *order)
{
    int64_t position = 0, at = 0;
    uint32_t count = 0;
    struct str name = STR_EMPTY;

    CHECK(list && order);
    if (tree_is(order, "class", "COLUMN_REF"))
        name = check_last_name(order, &count);
    else if (!check_is_number(order, &position))
        return order;
    for (const struct tree *item = list->child; item; item = item->next) {
        if (++at == position || (count == 1 && str_equal_nocase(tree_text(item, "alias"), name)))
            return item;
    }
    return order;
}

/* The element of FROM that a qualified name is of; NULL: none that is known by then. */
static const struct check_item *check_named_item(const struct check *check,
                                                 const struct tree *names)
{
    const struct check_item *item = NULL;

    CHECK(names && names->child);
    for (const struct tree *part = names->child; part->next && !item; part = part->next)
        item = check_find_item(check->level, part->text);
    return item;
}

/* May one of the others have a column of this name? */
static bool check_others_have(const struct check *check, const struct check_item *item,
                              struct str name)
{
    CHECK(check->level);
    for (const struct check_item *one = check->level->items; one; one = one->next) {
        if (one != item && !check_item_lacks(check, one, name))
            return true;
    }
    return false;
}

/* Does what `q.*` stands for hold the columns of the expression, as far as is known? `*` stands for
 * all. Subqueries, parameters of lambdas and unknown names pass. */
static bool check_star_lists(const struct check *check, const struct tree *star,
                             const struct tree *wanted)
{
    struct str relation = tree_text(star, "relation_name"), name;
    const struct check_item *item = check_find_item(check->level, relation), *named;
    bool lists = true;
    uint32_t count;

    CHECK(tree_is(star, "class", "STAR"));
    if (relation.size == 0 || !item || tree_has_class(wanted, "SUBQUERY"))
        return true;
    if (!tree_has_class(wanted, "COLUMN_REF")) {
        for (const struct tree *child = wanted->child; child && lists; child = child->next)
            lists = check_star_lists(check, star, child);
        return lists;
    }
    name = check_last_name(wanted, &count);
    if (count == 1)
        return !check_item_lacks(check, item, name) || !check_others_have(check, item, name);
    named = check_named_item(check, tree_get(wanted, "column_names"));
    return !named || named == item;
}

static bool check_is_listed(const struct check *check, const struct tree *list,
                            const struct tree *wanted)
{
    CHECK(list && wanted);
    for (const struct tree *item = list->child; item; item = item->next) {
        if (tree_is(item, "class", "STAR") ? check_star_lists(check, item, wanted)
                                           : tree_is_same(item, wanted))
            return true;
    }
    return tree_is(wanted, "class", "CONSTANT") || tree_is(wanted, "class", "STAR");
}

/* Is it one of those of DISTINCT ON, positions and aliases as in ORDER BY? */
static bool check_is_target(const struct tree *list, const struct tree *on,
                            const struct tree *wanted)
{
    CHECK(list && on && wanted);
    for (const struct tree *target = on->child; target; target = target->next) {
        if (tree_is_same(check_ordered(list, target), wanted))
            return true;
    }
    return tree_is(wanted, "class", "CONSTANT") || tree_is(wanted, "class", "STAR");
}

/* Which of several rows that are one would be asked for its place is not defined. */
static enum status check_distinct(struct check *check, const struct tree *node)
{
    const struct tree *distinct = check_modifier(node, "DISTINCT_MODIFIER");
    const struct tree *order = check_modifier(node, "ORDER_MODIFIER");
    const struct tree *list = tree_get(node, "select_list");
    const struct tree *on = distinct ? tree_get(distinct, "distinct_on_targets") : NULL;
    const struct tree *target = on ? on->child : NULL;
    bool every = !target;

    CHECK(check->level);
    if (!distinct || !order || !list || !tree_get(order, "orders") || check->draft->verify)
        return STATUS_OK;
    for (const struct tree *one = tree_get(order, "orders")->child; one && (every || target);
         one = one->next, target = target ? target->next : NULL) {
        const struct tree *expression = tree_get(one, "expression");
        const struct tree *wanted = expression ? check_ordered(list, expression) : NULL;
        if (!wanted ||
            (every ? check_is_listed(check, list, wanted) : check_is_target(list, on, wanted)))
            continue;
        return error_set_at(check->err, STATUS_INVALID_SQL, tree_location(expression),
                            every ? "for SELECT DISTINCT, ORDER BY expressions must appear in the "
                                    "select list"
                                  : "SELECT DISTINCT ON expressions must match the first ORDER BY "
                                    "expressions");
    }
    return STATUS_OK;
}

static void check_top(struct check *check, const struct tree *node)
{
    const struct tree *from = tree_get(node, "from_table");
    const struct tree *modifiers = tree_get(node, "modifiers");
    const struct tree *groups = tree_get(node, "group_expressions");
    bool plain = from && tree_is(from, "type", "BASE_TABLE") && !(groups && groups->child) &&
                 tree_is(node, "aggregate_handling", "STANDARD_HANDLING") &&
                 !check->level->aggregate;

    CHECK(check->level);
    for (const struct tree *modifier = modifiers ? modifiers->child : NULL; modifier;
         modifier = modifier->next)
        plain = plain && tree_is(modifier, "type", "LIMIT_MODIFIER");
    check->plan->keeps_order = plain;
}

/* GROUPING SETS make NULL of columns that are none. */
static bool check_is_never_null(struct check *check, const struct tree *node)
{
    const struct tree *list = tree_get(node, "select_list");
    const struct tree *groups = tree_get(node, "group_expressions");

    CHECK(check->level);
    return list && !(groups && groups->child) && check_has_no_null(check, list->child);
}

static enum status check_joins(struct check *check)
{
    uint64_t count = check->level->joined;

    CHECK(check->joins <= CHECK_JOINS_MAX);
    if (count > CHECK_JOINED_MAX)
        return error_set(check->err, STATUS_INVALID_SQL,
                         "more than %d tables, subqueries and functions in one FROM",
                         CHECK_JOINED_MAX);
    return check_more_joins(check, count * count * count);
}

static bool check_is_modifier(struct str type)
{
    static const char *const known[] = {
        "ORDER_MODIFIER",    "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER",
        "DISTINCT_MODIFIER", "ORDER_DEFAULT",  "ASCENDING",
        "DESCENDING"};

    CHECK(type.data || type.size == 0);
    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        if (str_equal(type, str_from_c(known[i])))
            return true;
    }
    return false;
}

/* What a SELECT groups, orders or is distinct by: expressions, or objects that hold one. */
static enum status check_sorted(struct check *check, const struct tree *list)
{
    enum status status = STATUS_OK;

    CHECK(check->level);
    for (const struct tree *one = list ? list->child : NULL; one && status == STATUS_OK;
         one = one->next) {
        const struct tree *within = tree_get(one, "expression");
        check->level->in_expression = !tree_has_class(within ? within : one, "COLUMN_REF");
        status = check_node(check, one);
    }
    check->level->in_expression = false;
    return status;
}

static enum status check_modifiers(struct check *check, const struct tree *modifiers)
{
    static const char *const sorted[] = {"orders", "distinct_on_targets", NULL};
    enum status status = STATUS_OK;

    CHECK(check->level);
    for (const struct tree *one = modifiers ? modifiers->child : NULL; one && status == STATUS_OK;
         one = one->next) {
        if (!check_is_modifier(tree_text(one, "type")))
            return check_refuse(check, one, "syntax element", tree_text(one, "type"));
        for (size_t i = 0; sorted[i] && status == STATUS_OK; i++)
            status = check_sorted(check, tree_get(one, sorted[i]));
        if (status == STATUS_OK)
            status = check_members(check, one, sorted);
    }
    return status;
}

static enum status check_select(struct check *check, const struct tree *node)
{
    static const char *const done[] = {"cte_map",      "from_table", "select_list",
                                       "where_clause", "having",     "group_expressions",
                                       "modifiers",    NULL};
    struct check_level level = {
        .outer = check->level, .first = check->plan->table_count, .is_top = node == check->top};
    const struct tree *from = tree_get(node, "from_table");
    bool in_where = check->in_where, filters = check->filters, spreads = check->spreads;
    uint64_t before, times, star = check->star;
    enum status status;

    CHECK(node->kind == TREE_OBJECT);
    check->in_where = check->filters = false;
    check->level = &level;
    before = check->nodes;
    check->star = 0;
    check->spreads = false;
    level.open = true;
    status = from ? check_node(check, from) : STATUS_OK;
    level.open = false;
    if (status == STATUS_OK)
        status = check_star_copies(check, before, &times); /* ON */
    if (status == STATUS_OK)
        status = check_joins(check);
    if (status != STATUS_OK)
        goto out;
    level.last = check->plan->table_count;
    for (uint32_t i = level.first; level.natural && i < level.last; i++)
        check->plan->tables[i].hide_system = true;
    level.inputs_only = true;
    status = check_select_list(check, tree_get(node, "select_list"));
    if (status == STATUS_OK)
        status = check_where(check, tree_get(node, "where_clause"));
    before = check->nodes;
    if (status == STATUS_OK)
        status = check_filter(check, tree_get(node, "having"));
    level.inputs_only = false;
    if (status == STATUS_OK)
        status = check_sorted(check, tree_get(node, "group_expressions"));
    if (status == STATUS_OK)
        status = check_modifiers(check, tree_get(node, "modifiers"));
    if (status == STATUS_OK)
        status = check_members(check, node, done);
    if (status == STATUS_OK)
        status = check_star_copies(check, before, &times);
    if (status == STATUS_OK)
        status = check_distinct(check, node);
    if (status == STATUS_OK && check_is_never_null(check, node))
        check->never_null = node;
    if (status == STATUS_OK)
        check_keep_decimals(check, node);
    if (status == STATUS_OK && node == check->top)
        check_top(check, node);
    for (uint32_t i = level.first; status == STATUS_OK && level.star && i < level.last; i++)
        if (check->plan->tables[i].show_hidden) /* the star would show it too */
            status = check_refuse(check, node, "storage_location beside *", STR_EMPTY);
out:
    check->level = level.outer;
    check->in_where = in_where;
    check->star = star;
    check->spreads = spreads;
    check->columns = level.columns;
    check->filters = filters;
    return status;
}

/* UNION & co., and the two halves of a recursive CTE, which alone sees its own name. */
static enum status check_combined(struct check *check, const struct tree *node, bool recursive)
{
    static const char *const done[] = {"cte_map", "left", "right", NULL};
    struct check_level level = {.outer = check->level, .first = check->plan->table_count};
    struct check_scope scope = {.name = tree_text(node, "cte_name")};
    const struct tree *targets = tree_get(node, "key_targets");
    bool in_where = check->in_where, filters = check->filters;
    enum status status;

    CHECK(node->kind == TREE_OBJECT);
    if (!tree_get(node, "left") || !tree_get(node, "right") || (targets && targets->child))
        return check_refuse(check, node, "this form of", tree_text(node, "type"));
    check->in_where = check->filters = false;
    status = check_node(check, tree_get(node, "left"));
    scope.columns = check->columns;
    if (status == STATUS_OK) {
        scope.outer = check->scope;
        check->scope = recursive ? &scope : scope.outer;
        status = check_node(check, tree_get(node, "right"));
        check->scope = scope.outer;
    }
    check->columns = tree_is(node, "setop_type", "UNION_BY_NAME") ? scope.columns + check->columns
                                                                  : scope.columns;
    check->level = &level;
    level.last = check->plan->table_count;
    if (status == STATUS_OK)
        status = check_members(check, node, done);
    check->level = level.outer;
    check->in_where = in_where;
    check->filters = filters;
    return status;
}

static enum status check_query(struct check *check, const struct tree *node, struct str type)
{
    const struct check_scope *scope = check->scope;
    uint64_t multiplier = check->multiplier;
    enum status status;

    CHECK(type.size > 0);
    if (++check->depth > LIMIT_EXPRESSION_DEPTH)
        return error_set(check->err, STATUS_INVALID_SQL, "the statement is nested too deeply");
    check->nodes += CHECK_QUERY_NODES;
    status = check_weight(check, CHECK_QUERY_NODES * (check->multiplier - 1));
    if (status == STATUS_OK)
        status = check_ctes(check, node);
    if (status == STATUS_OK) {
        if (str_equal(type, STR_LIT("SELECT_NODE")))
            status = check_select(check, node);
        else if (str_equal(type, STR_LIT("SET_OPERATION_NODE")))
            status = check_combined(check, node, false);
        else if (str_equal(type, STR_LIT("RECURSIVE_CTE_NODE")))
            status = check_combined(check, node, true);
        else
            status = check_refuse(check, node, "query form", type);
    }
    check->scope = scope;
    check->multiplier = multiplier;
    check->depth--;
    return status;
}

/* Any object or array of the tree. */
enum status check_node(struct check *check, const struct tree *node)
{
    struct str type;
    bool known = false;
    enum status status = STATUS_OK;

    CHECK(node->kind == TREE_OBJECT || node->kind == TREE_ARRAY);
    if (node->kind == TREE_ARRAY) {
        for (const struct tree *child = node->child; child && status == STATUS_OK;
             child = child->next) {
            if (child->kind == TREE_OBJECT || child->kind == TREE_ARRAY)
                status = check_node(check, child);
        }
        return status;
    }
    type = tree_text(node, "type");
    if (tree_get(node, "sample") || tree_get(node, "at_clause"))
        return check_refuse(check, node, "TABLESAMPLE or AT", STR_EMPTY);
    if (tree_text(node, "class").size > 0)
        return check_expression(check, node);
    if (type.size == 0 || check_is_modifier(type))
        return check_members(check, node, NULL);
    if (str_ends_with(type, STR_LIT("_NODE")))
        return check_query(check, node, type);
    status = check_table_ref(check, node, type, &known);
    return known ? status : check_refuse(check, node, "syntax element", type);
}

enum status analytic_check(struct analytic_draft *draft, const struct tree *tree, struct error *err)
{
    const struct tree *statements = tree_get(tree, "statements");
    const struct tree *node;
    struct check check = {.draft = draft,
                          .plan = draft->plan,
                          .err = err,
                          .multiplier = 1,
                          .list_room = CHECK_LIST_MAX};
    struct check_level outermost = {0};
    struct arena arena;
    enum status status;

    CHECK(tree->kind == TREE_OBJECT);
    if (!statements || !statements->child || statements->child->kind != TREE_OBJECT)
        return error_set(err, STATUS_INVALID_SQL, "this is not a SELECT statement");
    if (statements->child->next)
        return error_set(err, STATUS_INVALID_SQL, "only one statement is possible here");
    arena_init(&arena, 0);
    check.arena = &arena;
    check.level = &outermost;
    node = tree_get(statements->child, "node");
    check.top = node;
    status = node && node->kind == TREE_OBJECT
                 ? check_node(&check, node)
                 : error_set(err, STATUS_INVALID_SQL, "this is not a SELECT statement");
    CHECK(status != STATUS_OK || check.depth == 0);
    arena_clear(&arena);
    return status;
}
