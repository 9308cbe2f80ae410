/* names.c — what the columns of a result are called: as in PostgreSQL (`count`, `?column?`,
 * `extract` …), not as in DuckDB (`count_star()`). Known by position from both ends of the
 * outermost select list; what a star, COLUMNS or unnest gives in between keeps its own names.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/analytic/analytic_internal.h"

#include "base/check.h"
#include "base/limits.h"

enum { NAMES_DEPTH_MAX = 4 * LIMIT_EXPRESSION_DEPTH }; /* nodes of the tree, lists among them */

static struct str names_of(const struct analytic_plan *plan, const struct tree *item,
                           unsigned depth);

static struct str names_of_function(const struct analytic_plan *plan, const struct tree *item)
{
    struct str name = tree_text(item, "function_name");
    const struct tree *is_operator = tree_get(item, "is_operator");
    int64_t location = tree_location(item);

    CHECK(item->kind == TREE_OBJECT);
    if (is_operator && is_operator->boolean)
        return STR_LIT("?column?");
    if (str_ends_with(name, STR_LIT("like_escape"))) /* LIKE … ESCAPE */
        return STR_LIT("?column?");
    if (str_equal(name, STR_LIT("count_star")))
        return STR_LIT("count");
    if (str_equal(name, STR_LIT("list_value")) &&
        str_equal(tree_text(item, "schema"), STR_LIT("main")))
        return STR_LIT("array");
    if (str_equal(name, STR_LIT("date_part")) && location >= 0 &&
        (uint64_t)location + 7 <= plan->sql.size &&
        str_equal_nocase(str_from(plan->sql.data + location, 7), STR_LIT("extract")))
        return STR_LIT("extract");
    return name;
}

static struct str names_of_type(const struct tree *type)
{
    static const char *const names[][2] = {
        {"BOOLEAN", "bool"},        {"SMALLINT", "int2"}, {"INTEGER", "int4"},
        {"BIGINT", "int8"},         {"FLOAT", "float4"},  {"DOUBLE", "float8"},
        {"DECIMAL", "numeric"},     {"VARCHAR", "text"},  {"DATE", "date"},
        {"TIMESTAMP", "timestamp"}, {"TIME", "time"},     {"UUID", "uuid"},
        {"INTERVAL", "interval"},
    };

    CHECK(!type || type->kind == TREE_OBJECT);
    for (size_t i = 0; type && i < ARRAY_COUNT(names); i++) {
        if (tree_is(type, "id", names[i][0]))
            return str_from_c(names[i][1]);
    }
    return STR_LIT("?column?");
}

static struct str names_of_child(const struct analytic_plan *plan, const struct tree *child,
                                 const struct tree *type, unsigned depth)
{
    struct str name = STR_LIT("?column?");

    CHECK(depth <= LIMIT_EXPRESSION_DEPTH);
    if (child && child->kind == TREE_OBJECT)
        name = names_of(plan, child, depth + 1);
    if (type && str_equal(name, STR_LIT("?column?")))
        name = names_of_type(type);
    return name;
}

static struct str names_of_operator(const struct analytic_plan *plan, const struct tree *item,
                                    unsigned depth)
{
    const struct tree *children = tree_get(item, "children");

    CHECK(item->kind == TREE_OBJECT);
    if (tree_is(item, "type", "OPERATOR_COALESCE"))
        return STR_LIT("coalesce");
    if (tree_is(item, "type", "OPERATOR_NULLIF"))
        return STR_LIT("nullif");
    if (tree_is(item, "type", "ARRAY_CONSTRUCTOR"))
        return STR_LIT("array");
    if (tree_is(item, "type", "GROUPING_FUNCTION"))
        return STR_LIT("grouping");
    if (tree_is(item, "type", "ARRAY_EXTRACT") || tree_is(item, "type", "ARRAY_SLICE"))
        return names_of_child(plan, children ? children->child : NULL, NULL, depth);
    return STR_LIT("?column?");
}

static struct str names_of_subquery(const struct analytic_plan *plan, const struct tree *item,
                                    unsigned depth)
{
    const struct tree *statement = tree_get(item, "subquery");
    const struct tree *node = statement ? tree_get(statement, "node") : NULL;
    const struct tree *list = node ? tree_get(node, "select_list") : NULL;

    CHECK(item->kind == TREE_OBJECT);
    if (tree_is(item, "subquery_type", "EXISTS"))
        return STR_LIT("exists");
    if (!tree_is(item, "subquery_type", "SCALAR") || !list || !list->child)
        return STR_LIT("?column?");
    if (tree_text(list->child, "alias").size > 0)
        return tree_text(list->child, "alias");
    return names_of_child(plan, list->child, NULL, depth);
}

/* What PostgreSQL calls a result column without AS. */
static struct str names_of(const struct analytic_plan *plan, const struct tree *item,
                           unsigned depth)
{
    struct str class = tree_text(item, "class");
    const struct tree *names;
    struct str last = STR_LIT("?column?");

    CHECK(item->kind == TREE_OBJECT);
    if (depth >= LIMIT_EXPRESSION_DEPTH)
        return last;
    if (str_equal(class, STR_LIT("COLUMN_REF"))) {
        names = tree_get(item, "column_names");
        for (const struct tree *name = names ? names->child : NULL; name; name = name->next)
            last = name->text;
        return last;
    }
    if (str_equal(class, STR_LIT("FUNCTION")))
        return names_of_function(plan, item);
    if (str_equal(class, STR_LIT("WINDOW")))
        return str_equal(tree_text(item, "function_name"), STR_LIT("count_star"))
                   ? STR_LIT("count")
                   : tree_text(item, "function_name");
    if (str_equal(class, STR_LIT("CAST")))
        return names_of_child(plan, tree_get(item, "child"), tree_get(item, "cast_type"), depth);
    if (str_equal(class, STR_LIT("COLLATE")))
        return names_of_child(plan, tree_get(item, "child"), NULL, depth);
    if (str_equal(class, STR_LIT("CASE")))
        return STR_LIT("case");
    if (str_equal(class, STR_LIT("OPERATOR")))
        return names_of_operator(plan, item, depth);
    if (str_equal(class, STR_LIT("SUBQUERY")))
        return names_of_subquery(plan, item, depth);
    return last;
}

/* Names fold as in PostgreSQL unless the source quotes them. */
static struct str names_of_fold(struct analytic_plan *plan, const struct tree *item,
                                struct str name)
{
    struct splice_name source;
    char *folded;

    CHECK(name.data);
    if (tree_is(item, "class", "COLUMN_REF") &&
        splice_read_name(plan->sql, tree_location(item), &plan->arena, &source) &&
        str_equal_nocase(source.parts[source.count - 1], name))
        return arena_copy(&plan->arena, source.parts[source.count - 1]);
    folded = arena_alloc(&plan->arena, name.size + 1);
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        folded[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    return str_from(folded, name.size);
}

static void names_note_system(struct analytic_plan *plan, struct str name)
{
    static const char *const system[SYSTEM_COLUMN_COUNT] = {"_seq", "_updated", "_deleted"};

    CHECK(plan);
    for (int i = 0; i < SYSTEM_COLUMN_COUNT; i++)
        plan->names_system[i] |= str_equal_nocase(name, str_from_c(system[i]));
}

/* What an expression becomes more than one column by. */
enum names_expansion {
    NAMES_ONE,
    NAMES_UNNEST, /* if it takes a struct apart */
    NAMES_STAR,   /* * and COLUMNS: with the names of the columns */
};

static enum names_expansion names_expansion(const struct tree *node, unsigned depth)
{
    enum names_expansion most = NAMES_ONE;

    CHECK(depth <= NAMES_DEPTH_MAX);
    if (tree_has_class(node, "SUBQUERY") || depth == NAMES_DEPTH_MAX)
        return NAMES_ONE;
    if (tree_has_class(node, "STAR"))
        return NAMES_STAR;
    if (tree_has_class(node, "FUNCTION") &&
        str_equal_nocase(tree_text(node, "function_name"), STR_LIT("unnest")))
        most = NAMES_UNNEST;
    for (const struct tree *child = node->child; child; child = child->next) {
        enum names_expansion one = names_expansion(child, depth + 1);
        most = one > most ? one : most;
    }
    return most;
}

/* `written`: as the text has it, or as PostgreSQL makes it up; empty for a star. */
static struct str names_of_item(struct analytic_plan *plan, const struct tree *item,
                                enum names_expansion expansion, struct str *written)
{
    struct str alias = tree_text(item, "alias");

    CHECK(item->kind == TREE_OBJECT);
    if (alias.size > 0 && !tree_is(item, "class", "STAR"))
        names_note_system(plan, alias);
    *written = expansion == NAMES_STAR ? STR_EMPTY : alias;
    if (alias.size > 0 || expansion == NAMES_STAR)
        return STR_EMPTY;
    *written = names_of_fold(plan, item, names_of(plan, item, 0));
    names_note_system(plan, *written);
    return *written;
}

static void names_of_list(struct analytic_plan *plan, const struct tree *list)
{
    bool all_one = true, has_star = false;
    uint32_t expanding = 0;

    CHECK(list->kind == TREE_ARRAY && plan->name_count == 0);
    for (const struct tree *item = list->child; item; item = item->next)
        plan->name_count++;
    plan->names = arena_array(&plan->arena, plan->name_count + 1, sizeof(struct str));
    struct str *written = arena_array(&plan->arena, plan->name_count + 1, sizeof(struct str));
    uint32_t index = 0;
    for (const struct tree *item = list->child; item; item = item->next, index++) {
        enum names_expansion expansion = names_expansion(item, 0);
        plan->names[index] = names_of_item(plan, item, expansion, &written[index]);
        plan->has_star |= tree_is(item, "class", "STAR");
        all_one = all_one && expansion == NAMES_ONE;
        has_star |= expansion == NAMES_STAR;
        expanding += expansion != NAMES_ONE;
        plan->name_front += all_one;
        plan->name_back = expansion == NAMES_ONE ? plan->name_back + 1 : 0;
    }
    plan->names_shift = has_star && expanding > 1;
    if (plan->names_shift)
        stars_mark(plan, list, written);
}

void names_find(struct analytic_plan *plan, const struct tree *tree)
{
    const struct tree *node = tree_get(tree_get(tree, "statements")->child, "node");
    const struct tree *list, *from;

    while (node && node->kind == TREE_OBJECT && !tree_is(node, "type", "SELECT_NODE"))
        node = tree_get(node, "left");
    list = node ? tree_get(node, "select_list") : NULL;
    from = node ? tree_get(node, "from_table") : NULL;
    CHECK(plan->name_front == 0 && plan->name_back == 0);
    if (!list)
        return;
    names_of_list(plan, list);
    if (from && tree_is(from, "type", "EXPRESSION_LIST") && tree_get(from, "values") &&
        tree_get(from, "values")->child) { /* VALUES (…): column1, column2 */
        const struct tree *row = tree_get(from, "values")->child;
        uint32_t count = 0;
        for (const struct tree *cell = row->child; cell; cell = cell->next)
            count++;
        plan->names = arena_array(&plan->arena, count + 1, sizeof(struct str));
        for (uint32_t i = 0; i < count; i++)
            plan->names[i] = arena_printf(&plan->arena, "column%u", i + 1);
        plan->name_front = plan->name_count = count;
        plan->name_back = 0;
    }
}
