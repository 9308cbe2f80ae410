/* check_path.c — JSON paths that operators hand to DuckDB.
 *
 * `..` looks at all places below; each further one does so from every place found, and DuckDB finds
 * a place once per way: n^k steps for k of them, without a look at interrupts. So a path may have
 * one. Functions with a path are macros that look at it when it is known (macros.c). Operators
 * (`doc['key']`, `doc.key`, `doc -> (…)`) become calls of json_extract in DuckDB's binder, where it
 * may be no macro: calls of it get another name, and keys of operators are looked at here: only
 * constants are paths of that kind in DuckDB, hence what has neither a column nor a volatile call
 * in it. What is a number, a moment or the like is no path; parameters that are keys are looked at
 * when the statement runs; a text that is computed from constants is refused.
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

static enum status path_check_key(struct check *check, const struct tree *key) MUST_CHECK;

/* A key or path as it stands in the statement. */
static enum status path_check_text(struct check *check, const struct tree *node, struct str text)
{
    CHECK(text.data || text.size == 0);
    return analytic_path_fits(text) ? STATUS_OK : path_refuse(check, node);
}

static bool path_is_call(const struct tree *node, const char *const *names, size_t count)
{
    CHECK(names && count > 0);
    return tree_is(node, "class", "FUNCTION") &&
           str_is_one_of_nocase(tree_text(node, "function_name"), names, count);
}

/* Has the expression a call that DuckDB makes for each row, whatever its arguments are? */
static bool path_is_volatile(const struct tree *node)
{
    static const char *const names[] = {"random", "uuid", "gen_random_uuid", "uuidv4", "uuidv7"};

    if (node->kind == TREE_OBJECT && path_is_call(node, names, ARRAY_COUNT(names)))
        return true;
    for (const struct tree *child = node->child; child; child = child->next) {
        if (path_is_volatile(child))
            return true;
    }
    CHECK(node->kind != TREE_REAL || !node->child);
    return false;
}

/* A number, a truth value, a moment: no text of it has two dots side by side. */
static bool path_is_plain(const struct tree *node)
{
    static const char *const classes[] = {"COMPARISON", "CONJUNCTION", "BETWEEN"};
    static const char *const operators[] = {"OPERATOR_NOT", "OPERATOR_IS_NULL",
                                            "OPERATOR_IS_NOT_NULL", "COMPARE_IN", "COMPARE_NOT_IN"};
    static const char *const types[] = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT",    "HUGEINT",
                                        "UBIGINT", "UINTEGER", "FLOAT",   "DOUBLE",    "DECIMAL",
                                        "BOOLEAN", "DATE",     "TIME",    "TIMESTAMP", "UUID"};
    static const char *const calls[] = {"+",
                                        "-",
                                        "*",
                                        "/",
                                        "//",
                                        "%",
                                        "mod",
                                        "abs",
                                        "ceil",
                                        "ceiling",
                                        "floor",
                                        "round",
                                        "trunc",
                                        "sign",
                                        "length",
                                        "len",
                                        "strlen",
                                        "char_length",
                                        "character_length",
                                        "position",
                                        "strpos",
                                        "instr",
                                        "ascii",
                                        "unicode",
                                        "ord",
                                        "cardinality",
                                        "date_part",
                                        "year",
                                        "quarter",
                                        "month",
                                        "week",
                                        "day",
                                        "hour",
                                        "minute",
                                        "second",
                                        "dayofweek",
                                        "isodow",
                                        "dayofyear",
                                        "weekday",
                                        "array_length",
                                        "json_array_length",
                                        "octet_length"};
    const struct tree *type = tree_get(node, "cast_type");

    CHECK(node->kind == TREE_OBJECT);
    if (tree_is(node, "class", "CAST"))
        return type && str_is_one_of_nocase(tree_text(type, "id"), types, ARRAY_COUNT(types));
    return str_is_one_of_nocase(tree_text(node, "class"), classes, ARRAY_COUNT(classes)) ||
           str_is_one_of_nocase(tree_text(node, "type"), operators, ARRAY_COUNT(operators)) ||
           path_is_call(node, calls, ARRAY_COUNT(calls));
}

static void path_mark_parameter(struct check *check, const struct tree *node)
{
    int64_t number;

    CHECK(check->plan->param_keys);
    if (str_to_int64(tree_text(node, "identifier"), &number) && number > 0 && number <= UINT8_MAX)
        check->plan->param_keys[number] = true;
}

/* One that is refused makes the list so. */
static enum status path_check_keys(struct check *check, const struct tree *list)
{
    enum status status = STATUS_OK;

    for (const struct tree *key = list ? list->child : NULL; key && status == STATUS_OK;
         key = key->next)
        status = key->kind == TREE_OBJECT ? path_check_key(check, key) : STATUS_OK;
    CHECK(status == STATUS_OK || check->err);
    return status;
}

/* What a CASE may give. */
static enum status path_check_case(struct check *check, const struct tree *node)
{
    const struct tree *branches = tree_get(node, "case_checks"),
                      *last = tree_get(node, "else_expr");
    enum status status = STATUS_OK;

    CHECK(tree_is(node, "class", "CASE"));
    for (const struct tree *one = branches ? branches->child : NULL; one && status == STATUS_OK;
         one = one->next) {
        const struct tree *then = tree_get(one, "then_expr");
        status = then ? path_check_key(check, then) : STATUS_OK;
    }
    if (status == STATUS_OK && last && last->kind == TREE_OBJECT)
        status = path_check_key(check, last);
    return status;
}

static enum status path_check_key(struct check *check, const struct tree *key)
{
    static const char *const choices[] = {"list_value", "greatest", "least", "ifnull", "nullif"};
    const struct tree *child = tree_get(key, "child");

    CHECK(key->kind == TREE_OBJECT);
    if (check_has_columns(key) || path_is_plain(key) || path_is_volatile(key))
        return STATUS_OK;
    if (tree_is(key, "class", "CAST") && child)
        return path_check_key(check, child);
    if (tree_is(key, "class", "PARAMETER")) {
        path_mark_parameter(check, key);
        return STATUS_OK;
    }
    if (tree_is(key, "class", "CONSTANT")) {
        const struct tree *value = tree_get(key, "value");
        return value ? path_check_text(check, key, tree_text(value, "value")) : STATUS_OK;
    }
    if (tree_is(key, "class", "CASE"))
        return path_check_case(check, key);
    if (tree_is(key, "type", "OPERATOR_COALESCE") || tree_is(key, "type", "ARRAY_CONSTRUCTOR") ||
        path_is_call(key, choices, ARRAY_COUNT(choices)))
        return path_check_keys(check, tree_get(key, "children"));
    check_refuse(check, key, "a text computed from constants in [ ] or behind ->", STR_EMPTY);
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

/* What is known to be a list or a map has no paths. */
static bool path_is_no_document(const struct tree *base)
{
    static const char *const names[] = {"list_value", "map",       "range",          "string_split",
                                        "split",      "str_split", "string_to_array"};

    CHECK(base);
    return base->kind == TREE_OBJECT && (tree_is(base, "type", "ARRAY_CONSTRUCTOR") ||
                                         path_is_call(base, names, ARRAY_COUNT(names)));
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
        key = list && list->child && !path_is_no_document(list->child) ? list->child->next : NULL;
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
