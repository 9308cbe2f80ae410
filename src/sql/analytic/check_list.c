/* check_list.c — how large the lists of an expression can become.
 *
 * DuckDB holds the lists of 2048 rows at once, counts none of it as memory of the statement and
 * looks at no time limit before they are made. So what range() and list_resize() make in one
 * expression is bounded; the body of a lambda counts once per element of the largest list so far,
 * which may come to it through a column. And list_reduce must not let a text or list grow by a
 * factor with each element: 30 times twice is 2^30.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/analytic/check.h"

#include "base/check.h"

bool check_list_fits(struct check *check, uint64_t elements)
{
    CHECK(check->list_made <= check->list_room);
    if (elements > check->list_room - check->list_made)
        return false;
    check->list_made += elements;
    if (check->list_made > check->list_largest)
        check->list_largest = check->list_made;
    return true;
}

enum status check_lambda(struct check *check, const struct tree *node)
{
    uint64_t room = check->list_room, made = check->list_made;
    uint64_t times = check->list_largest > 0 ? check->list_largest : 1;

    CHECK(made <= room);
    if (times > room)
        return check_refuse(check, node, "a lambda within a lambda over lists of this size",
                            STR_EMPTY);
    check->list_room = room / times;
    check->list_made = 0;
    enum status status = check_copied(check, node, 2); /* DuckDB binds it twice */
    check->list_made = check->list_made > 0 ? check->list_made * times : made;
    if (check->list_made > check->list_largest)
        check->list_largest = check->list_made;
    check->list_room = room;
    return status;
}

/* How often a body names its parameter; within a lambda of its own, any number of times. */
static uint32_t list_uses(const struct tree *node, struct str name)
{
    uint32_t count, uses = 0;

    CHECK(name.data || name.size == 0);
    if (node->kind == TREE_OBJECT && tree_is(node, "class", "COLUMN_REF"))
        return str_equal_nocase(check_last_name(node, &count), name);
    for (const struct tree *child = node->child; child; child = child->next)
        uses += list_uses(child, name); /* depth as of the JSON */
    return node->kind == TREE_OBJECT && tree_is(node, "class", "LAMBDA") ? uses * 2 : uses;
}

static bool list_calls(const struct tree *node, const char *const *names, size_t count)
{
    CHECK(names && count > 0);
    for (size_t i = 0; i < count && node->kind == TREE_OBJECT; i++)
        if (tree_is(node, "class", "FUNCTION") &&
            str_equal_nocase(tree_text(node, "function_name"), str_from_c(names[i])))
            return true;
    for (const struct tree *child = node->child; child; child = child->next)
        if (list_calls(child, names, count)) /* depth as of the JSON */
            return true;
    return false;
}

/* Can the result of the body be several times what it is given? */
static bool list_multiplies(const struct tree *body, struct str given)
{
    static const char *const joins[] = {"||",        "array_cat", "array_concat", "concat",
                                        "concat_ws", "list_cat",  "list_concat"};
    static const char *const writes[] = {
        "array_to_json", "array_to_string", "base64",      "bin",        "flatten",         "hex",
        "json_array",    "json_object",     "json_pretty", "json_quote", "list_string_agg", "lpad",
        "regexp_escape", "regexp_replace",  "repeat",      "replace",    "row_to_json",     "rpad",
        "to_base64",     "to_binary",       "to_hex",      "to_json",    "url_encode"};

    CHECK(body->kind == TREE_OBJECT);
    return list_calls(body, writes, ARRAY_COUNT(writes)) ||
           (list_calls(body, joins, ARRAY_COUNT(joins)) && list_uses(body, given) > 1);
}

enum status check_reduce(struct check *check, const struct tree *call)
{
    const struct tree *children = tree_get(call, "children");
    uint32_t count;

    CHECK(call->kind == TREE_OBJECT);
    for (const struct tree *child = children ? children->child : NULL; child; child = child->next) {
        if (child->kind != TREE_OBJECT || !tree_is(child, "class", "LAMBDA"))
            continue;
        const struct tree *given = tree_get(child, "lhs"), *body = tree_get(child, "expr");
        if (given && tree_get(given, "children"))
            given = tree_get(given, "children")->child;
        if (!given || !body || given->kind != TREE_OBJECT || body->kind != TREE_OBJECT)
            return check_refuse(check, call, "this form of", tree_text(call, "function_name"));
        if (!list_multiplies(body, check_last_name(given, &count)))
            continue;
        check_refuse(check, call, "a text or list that multiplies in",
                     tree_text(call, "function_name"));
        error_hint(check->err, "name the first parameter once beside || or concat");
        return STATUS_NOT_SUPPORTED;
    }
    return STATUS_OK;
}
