/* check_path.c — JSON paths that operators hand to DuckDB.
 *
 * `..` looks at all places below; each further one does so from every place found, and DuckDB finds
 * a place once per way: n^k steps for k of them, without a look at interrupts. So a path may have
 * one. Functions with a path are macros that look at it when it is known (macros.c). Operators
 * (`doc['key']`, `doc.key`, `doc -> (…)`) become calls of json_extract in DuckDB's binder, where it
 * may be no macro: calls of it get another name, and keys of operators are looked at here: only
 * constants are paths of that kind in DuckDB, hence what has no column in it. Parameters are looked
 * at when the statement runs.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/check/check.h"

#include "base/check.h"
#include "base/macros.h"

static enum status path_refuse(struct check *check, const struct tree *node)
{
    CHECK(node->kind == TREE_OBJECT);
    return error_set_at(check->err, STATUS_NOT_SUPPORTED, tree_location(node),
                        ANALYTIC_PATH_REFUSED);
}

/* A key or path as it stands in the statement. */
static enum status path_check_text(struct check *check, const struct tree *node, struct str text)
{
    CHECK(text.data || text.size == 0);
    return analytic_path_fits(text) ? STATUS_OK : path_refuse(check, node);
}

/* Numbers, whatever the operands are. */
static bool path_is_arithmetic(const struct tree *node)
{
    static const char *const names[] = {"+", "-", "*", "/", "//", "%"};

    CHECK(node->kind == TREE_OBJECT);
    return tree_is(node, "class", "FUNCTION") &&
           str_is_one_of_nocase(tree_text(node, "function_name"), names, ARRAY_COUNT(names));
}

static enum status path_check_key(struct check *check, const struct tree *key)
{
    const struct tree *inner = key;

    CHECK(key->kind == TREE_OBJECT);
    if (check_has_columns(key) || path_is_arithmetic(key))
        return STATUS_OK;
    if (tree_is(key, "class", "CAST") && tree_get(key, "child"))
        inner = tree_get(key, "child");
    if (tree_is(inner, "class", "PARAMETER")) {
        check->plan->has_key_params = true;
        return STATUS_OK;
    }
    if (tree_is(inner, "class", "CONSTANT")) {
        const struct tree *value = tree_get(inner, "value");
        return value ? path_check_text(check, key, tree_text(value, "value")) : STATUS_OK;
    }
    if (path_is_arithmetic(inner))
        return STATUS_OK;
    check_refuse(check, key, "a computed key of constants in [ ] or behind ->", STR_EMPTY);
    error_hint(check->err, "use json_extract(document, path) or element_at(map, key)");
    return STATUS_NOT_SUPPORTED;
}

/* A call of json_extract that no macro stands for: `doc.json_extract(…)`. */
static bool path_is_left(struct check *check, const struct tree *node)
{
    CHECK(node->kind == TREE_OBJECT);
    return tree_is(node, "class", "FUNCTION") &&
           str_equal_nocase(tree_text(node, "function_name"), STR_LIT("json_extract")) &&
           !check_call_macro(check, node, STR_LIT("json_extract_at"));
}

/* `x -> body` may be a lambda or an operator, `lambda x: f(…)` is none: NULL. */
static const struct tree *path_behind_arrow(const struct check *check, const struct tree *body)
{
    struct str sql = check->plan->sql;
    int64_t at = body && tree_is(body, "class", "FUNCTION") ? tree_location(body) : 0;

    CHECK(!check->draft->verify);
    while (at > 0 && (uint64_t)at <= sql.size && sql.data[at - 1] == ' ')
        at--;
    bool behind_colon =
        at > 1 && (uint64_t)at <= sql.size && sql.data[at - 1] == ':' && sql.data[at - 2] != ':';
    return behind_colon ? NULL : body;
}

enum status check_keys(struct check *check, const struct tree *node)
{
    const struct tree *key = NULL, *list = tree_get(node, "children");
    enum status status = STATUS_OK;

    CHECK(node->kind == TREE_OBJECT);
    if (check->draft->verify) /* nothing that was not there before */
        return STATUS_OK;
    if (tree_is(node, "class", "LAMBDA"))
        key = path_behind_arrow(check, tree_get(node, "expr"));
    else if (tree_is(node, "type", "ARRAY_EXTRACT") || tree_is(node, "type", "STRUCT_EXTRACT") ||
             path_is_left(check, node))
        key = list && list->child ? list->child->next : NULL;
    if (key && key->kind == TREE_OBJECT)
        return path_check_key(check, key);
    if (!tree_is(node, "class", "COLUMN_REF"))
        return STATUS_OK;
    list = tree_get(node, "column_names"); /* `doc.key` */
    for (const struct tree *part = list ? list->child : NULL; part && status == STATUS_OK;
         part = part->next)
        status = path_check_text(check, node, part->text);
    return status;
}
