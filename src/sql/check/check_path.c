/* check_path.c — JSON paths that operators hand to DuckDB.
 *
 * `..` looks at all places below; each further one does so from every place found, and DuckDB finds
 * a place once per way: n^k steps for k of them, without a look at interrupts. So a path may have
 * one. Functions with a path are macros that look at it when it is known (macros.c). Operators
 * (`doc['key']`, `doc.key`, `doc -> (…)`) become calls of json_extract in DuckDB's binder, where it
 * may be no macro: calls of it get another name, and keys of operators are looked at here: only
 * constants are paths of that kind in DuckDB, hence what is computed from nothing of a row. What is
 * a number, a moment or the like is no path; parameters that are keys are looked at when the
 * statement runs; a text that is computed from constants is refused.
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

static enum status path_refuse_computed(struct check *check, const struct tree *key)
{
    CHECK(key->kind == TREE_OBJECT);
    check_refuse(check, key, "a text computed from constants in [ ] or behind ->", STR_EMPTY);
    error_hint(check->err, "use json_extract(document, path) or element_at(map, key)");
    return STATUS_NOT_SUPPORTED;
}

static enum status path_check_key(struct check *check, const struct tree *key,
                                  const struct check_alias *within) MUST_CHECK;

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

/* A name without parentheses that DuckDB takes for a function. */
static bool path_is_keyword(const struct tree *names)
{
    static const char *const keywords[] = {"current_catalog", "current_date", "current_role",
                                           "current_schema",  "current_time", "current_timestamp",
                                           "current_user",    "localtime",    "localtimestamp",
                                           "session_user",    "user"};

    CHECK(names && names->child);
    return !names->child->next &&
           str_is_one_of_nocase(names->child->text, keywords, ARRAY_COUNT(keywords));
}

/* The alias of a select list that the name is, within the expression of another one (or NULL) only
 * those before it; NULL: none. */
static const struct check_alias *path_alias(const struct check *check, const struct tree *node,
                                            const struct check_alias *within)
{
    const struct tree *names = tree_get(node, "column_names");
    const struct check_level *level = within ? NULL : check->level;
    const struct check_alias *alias = within ? within->next : NULL;

    CHECK(tree_is(node, "class", "COLUMN_REF"));
    if (!names || !names->child || names->child->next)
        return NULL;
    for (;; alias = alias->next) {
        while (!alias && level) {
            alias = level->aliases;
            level = level->outer;
        }
        if (!alias || str_equal_nocase(alias->name, names->child->text))
            return alias;
    }
}

/* Has the expression something that DuckDB computes from rows, or anew for each? What its lambdas
 * have does not count, nor what only a type is asked for. */
static bool path_has_rows(struct check *check, const struct tree *node,
                          const struct check_alias *within)
{
    static const char *const calls[] = {"random",     "uuid",      "gen_random_uuid",
                                        "uuidv4",     "uuidv7",    "count",
                                        "count_star", "sum",       "avg",
                                        "min",        "max",       "string_agg",
                                        "list",       "array_agg", "any_value"};
    const struct check_alias *alias;
    struct data_type column;

    if (node->kind == TREE_OBJECT) {
        bool is_name = tree_is(node, "class", "COLUMN_REF");
        if (tree_is(node, "class", "SUBQUERY") || tree_is(node, "class", "WINDOW") ||
            path_is_call(node, calls, ARRAY_COUNT(calls)))
            return true;
        if (tree_is(node, "class", "LAMBDA") || tree_is(node, "function_name", "typeof"))
            return false;
        if (is_name && path_is_keyword(tree_get(node, "column_names")))
            return check_column_type(check, node, &column);
        if (is_name && (alias = path_alias(check, node, within)) == NULL)
            return true;
        if (is_name)
            return path_has_rows(check, alias->expression, alias);
    }
    CHECK(node->kind != TREE_REAL || !node->child);
    for (const struct tree *child = node->child; child; child = child->next) {
        if (path_has_rows(check, child, within))
            return true;
    }
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
    static const char *const operators_of_numbers[] = {"+", "-", "*", "/", "//", "%"};
    static const char *const calls[] = {"abs",
                                        "array_length",
                                        "ascii",
                                        "cardinality",
                                        "ceil",
                                        "ceiling",
                                        "char_length",
                                        "character_length",
                                        "date_part",
                                        "day",
                                        "dayofweek",
                                        "dayofyear",
                                        "floor",
                                        "hour",
                                        "instr",
                                        "isodow",
                                        "json_array_length",
                                        "len",
                                        "length",
                                        "minute",
                                        "mod",
                                        "month",
                                        "octet_length",
                                        "ord",
                                        "position",
                                        "quarter",
                                        "round",
                                        "second",
                                        "sign",
                                        "strlen",
                                        "strpos",
                                        "trunc",
                                        "unicode",
                                        "week",
                                        "weekday",
                                        "year"};
    const struct tree *type = tree_get(node, "cast_type");

    CHECK(node->kind == TREE_OBJECT);
    if (tree_is(node, "class", "CAST"))
        return type && str_is_one_of_nocase(tree_text(type, "id"), types, ARRAY_COUNT(types));
    return str_is_one_of_nocase(tree_text(node, "class"), classes, ARRAY_COUNT(classes)) ||
           str_is_one_of_nocase(tree_text(node, "type"), operators, ARRAY_COUNT(operators)) ||
           path_is_call(node, operators_of_numbers, ARRAY_COUNT(operators_of_numbers)) ||
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
static enum status path_check_keys(struct check *check, const struct tree *list,
                                   const struct check_alias *within)
{
    enum status status = STATUS_OK;

    for (const struct tree *key = list ? list->child : NULL; key && status == STATUS_OK;
         key = key->next)
        status = key->kind == TREE_OBJECT ? path_check_key(check, key, within) : STATUS_OK;
    CHECK(status == STATUS_OK || check->err);
    return status;
}

/* What a CASE may give. */
static enum status path_check_case(struct check *check, const struct tree *node,
                                   const struct check_alias *within)
{
    const struct tree *branches = tree_get(node, "case_checks"),
                      *last = tree_get(node, "else_expr");
    enum status status = STATUS_OK;

    CHECK(tree_is(node, "class", "CASE"));
    for (const struct tree *one = branches ? branches->child : NULL; one && status == STATUS_OK;
         one = one->next) {
        const struct tree *then = tree_get(one, "then_expr");
        status = then ? path_check_key(check, then, within) : STATUS_OK;
    }
    if (status == STATUS_OK && last && last->kind == TREE_OBJECT)
        status = path_check_key(check, last, within);
    return status;
}

static enum status path_check_key(struct check *check, const struct tree *key,
                                  const struct check_alias *within)
{
    static const char *const choices[] = {"list_value", "greatest", "least", "ifnull", "nullif"};
    const struct tree *child;

    CHECK(key->kind == TREE_OBJECT);
    if (path_is_plain(key) || path_has_rows(check, key, within))
        return STATUS_OK;
    if (tree_is(key, "class", "COLUMN_REF")) { /* of constants, or a keyword */
        const struct check_alias *alias = path_alias(check, key, within);
        return alias ? path_check_key(check, alias->expression, alias)
                     : path_refuse_computed(check, key);
    }
    child = tree_get(key, "child");
    if (tree_is(key, "class", "CAST") && child)
        return path_check_key(check, child, within);
    if (tree_is(key, "class", "PARAMETER")) {
        path_mark_parameter(check, key);
        return STATUS_OK;
    }
    if (tree_is(key, "class", "CONSTANT")) {
        const struct tree *value = tree_get(key, "value");
        return value ? path_check_text(check, key, tree_text(value, "value")) : STATUS_OK;
    }
    if (tree_is(key, "class", "CASE"))
        return path_check_case(check, key, within);
    if (tree_is(key, "type", "OPERATOR_COALESCE") || tree_is(key, "type", "ARRAY_CONSTRUCTOR") ||
        path_is_call(key, choices, ARRAY_COUNT(choices)))
        return path_check_keys(check, tree_get(key, "children"), within);
    return path_refuse_computed(check, key);
}

/* A call of json_extract that no macro stands for: `doc.json_extract(…)`. */
static bool path_is_left(struct check *check, const struct tree *node)
{
    CHECK(node->kind == TREE_OBJECT);
    return tree_is(node, "class", "FUNCTION") &&
           str_equal_nocase(tree_text(node, "function_name"), STR_LIT("json_extract")) &&
           !check_call_macro(check, node, STR_LIT("json_extract_at"));
}

/* Does a line comment begin somewhere left of the place, on its line? Or what looks like one. */
static bool path_may_be_comment(struct str sql, size_t at)
{
    CHECK(at <= sql.size);
    for (; at > 1 && sql.data[at - 1] != '\n'; at--) {
        if (sql.data[at - 1] == '-' && sql.data[at - 2] == '-')
            return true;
    }
    return false;
}

/* `lambda x, y: body` is no operator; `x -> body` may be one, or the other. */
static bool path_is_lambda(const struct check *check, const struct tree *node)
{
    static const struct str keyword = {"lambda", 6};
    int64_t at = tree_location(node); /* of the parameters */
    struct str before;

    CHECK(tree_is(node, "class", "LAMBDA") && !check->draft->verify);
    if (at < 0 || (uint64_t)at > check->plan->sql.size)
        return false;
    before = str_trim(str_from(check->plan->sql.data, (size_t)at));
    return before.size >= keyword.size &&
           str_equal_nocase(str_from(before.data + before.size - keyword.size, keyword.size),
                            keyword) &&
           !path_may_be_comment(before, before.size);
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
        key = path_is_lambda(check, node) ? NULL : tree_get(node, "expr");
    else if (tree_is(node, "type", "ARRAY_EXTRACT") || tree_is(node, "type", "STRUCT_EXTRACT") ||
             path_is_left(check, node))
        key = list && list->child && !path_is_no_document(list->child) ? list->child->next : NULL;
    if (key && key->kind == TREE_OBJECT)
        return path_check_key(check, key, NULL);
    if (!tree_is(node, "class", "COLUMN_REF"))
        return STATUS_OK;
    list = tree_get(node, "column_names"); /* `doc.key` */
    for (const struct tree *part = list ? list->child : NULL; part && status == STATUS_OK;
         part = part->next)
        status = path_check_text(check, node, part->text);
    return status;
}
