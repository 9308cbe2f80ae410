/* check_list.c — how large the lists of an expression can become.
 *
 * DuckDB holds the lists of 2048 rows at once, counts none of it as memory of the statement and
 * looks at no time limit before they are made. So what range() and list_resize() make in one
 * expression is bounded; the body of a lambda counts once per element of the largest list so far,
 * which may come to it through a column. list_reduce must not let a text or list grow by a factor
 * with each element: 30 times twice is 2^30. So what its body makes of the first parameter is
 * bounded, by a list of what keeps a text or list as long as it is; and in any lambda the functions
 * that make a long text of a short one get short constants only.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/check/check.h"

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
    check->lambdas++;
    enum status status = check_copied(check, node, 2); /* DuckDB binds it twice */
    check->lambdas--;
    check->list_made = check->list_made > 0 ? check->list_made * times : made;
    if (check->list_made > check->list_largest)
        check->list_largest = check->list_made;
    check->list_room = room;
    return status;
}

/* ---- list_reduce: how often what the first parameter holds can be in what the body gives ---- */

enum { LIST_MANY = 2 }; /* more than once, or nobody knows */

static bool list_names(const struct tree *node, struct str name)
{
    const struct tree *names = tree_get(node, "column_names");

    CHECK(name.data || name.size == 0);
    for (const struct tree *part = names ? names->child : NULL; part; part = part->next)
        if (str_equal_nocase(part->text, name)) /* `a.field` too */
            return true;
    return false;
}

static bool list_uses(const struct tree *node, struct str name)
{
    CHECK(name.data || name.size == 0);
    if (node->kind == TREE_OBJECT && tree_is(node, "class", "COLUMN_REF"))
        return list_names(node, name);
    for (const struct tree *child = node->child; child; child = child->next)
        if (list_uses(child, name)) /* depth as of the JSON */
            return true;
    return false;
}

static uint32_t list_flows(const struct tree *node, struct str name);

static uint32_t list_flows_any(const struct tree *array, struct str name)
{
    uint32_t sum = 0;

    CHECK(!array || array->kind == TREE_ARRAY);
    for (const struct tree *child = array ? array->child : NULL; child && sum < LIST_MANY;
         child = child->next)
        sum += list_flows(child, name);
    return sum;
}

/* One branch gives the result. */
static uint32_t list_flows_case(const struct tree *node, struct str name)
{
    const struct tree *checks = tree_get(node, "case_checks"), *other = tree_get(node, "else_expr");
    uint32_t most = other ? list_flows(other, name) : 0;

    CHECK(node->kind == TREE_OBJECT);
    for (const struct tree *one = checks ? checks->child : NULL; one; one = one->next) {
        const struct tree *then = tree_get(one, "then_expr");
        uint32_t flows = then ? list_flows(then, name) : LIST_MANY;
        most = flows > most ? flows : most;
    }
    return most;
}

static uint32_t list_flows_call(const struct tree *call, struct str name)
{
    static const char *const measures[] = {
        "%",        "*",           "-",        "/",           "//",           "abs",      "ascii",
        "ceil",     "char_length", "contains", "divide",      "floor",        "len",      "length",
        "list_has", "list_sum",    "mod",      "multiply",    "octet_length", "position", "power",
        "round",    "sign",        "sqrt",     "starts_with", "strlen",       "strpos",   "trunc"};
    static const char *const keeps[] = {
        "+",         "array_cat",   "array_concat",  "btrim",        "coalesce",
        "concat",    "concat_ws",   "greatest",      "least",        "left",
        "list_cat",  "list_concat", "list_distinct", "list_reverse", "list_slice",
        "list_sort", "lower",       "ltrim",         "nullif",       "reverse",
        "right",     "rtrim",       "substr",        "substring",    "trim",
        "upper",     "||"};
    struct str function = tree_text(call, "function_name");
    const struct tree *arguments = tree_get(call, "children");
    const struct tree *first = arguments ? arguments->child : NULL;

    CHECK(call->kind == TREE_OBJECT);
    if (str_is_one_of_nocase(function, measures, ARRAY_COUNT(measures)))
        return 0;
    if (str_is_one_of_nocase(function, keeps, ARRAY_COUNT(keeps)))
        return list_flows_any(arguments, name);
    if (str_equal_nocase(function, STR_LIT("list_append")) && first && first->next)
        return list_uses(first->next, name) ? LIST_MANY : list_flows(first, name);
    if (str_equal_nocase(function, STR_LIT("list_prepend")) && first && first->next)
        return list_uses(first, name) ? LIST_MANY : list_flows(first->next, name);
    return LIST_MANY;
}

static uint32_t list_flows_operator(const struct tree *node, struct str name)
{
    static const char *const keeps[] = {"ARRAY_EXTRACT", "ARRAY_SLICE", "OPERATOR_COALESCE",
                                        "OPERATOR_NULLIF"};
    static const char *const tells[] = {"COMPARE_IN", "COMPARE_NOT_IN", "OPERATOR_NOT",
                                        "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL"};
    struct str type = tree_text(node, "type");

    CHECK(node->kind == TREE_OBJECT);
    if (str_is_one_of_nocase(type, tells, ARRAY_COUNT(tells)))
        return 0;
    return str_is_one_of_nocase(type, keeps, ARRAY_COUNT(keeps))
               ? list_flows_any(tree_get(node, "children"), name)
               : LIST_MANY;
}

/* To a number or the like; a text of it may be longer, as that of a list. */
static uint32_t list_flows_cast(const struct tree *node)
{
    static const char *const small[] = {"BIGINT",  "BOOLEAN",  "DATE",    "DECIMAL",
                                        "DOUBLE",  "FLOAT",    "HUGEINT", "INT",
                                        "INTEGER", "SMALLINT", "TIME",    "TIMESTAMP"};
    const struct tree *type = tree_get(node, "cast_type");
    const struct tree *info = type ? tree_get(type, "type_info") : NULL;
    struct str id = type ? tree_text(type, "id") : STR_EMPTY;

    CHECK(node->kind == TREE_OBJECT);
    if (str_equal(id, STR_LIT("UNBOUND")) && info)
        id = tree_text(info, "name");
    return str_is_one_of_nocase(id, small, ARRAY_COUNT(small)) ? 0 : LIST_MANY;
}

static uint32_t list_flows(const struct tree *node, struct str name)
{
    struct str class = node->kind == TREE_OBJECT ? tree_text(node, "class") : STR_EMPTY;

    CHECK(name.data || name.size == 0);
    if (!list_uses(node, name) || str_equal(class, STR_LIT("COMPARISON")) ||
        str_equal(class, STR_LIT("CONJUNCTION")) || str_equal(class, STR_LIT("BETWEEN")))
        return 0;
    if (str_equal(class, STR_LIT("COLUMN_REF")))
        return 1;
    if (str_equal(class, STR_LIT("CASE")))
        return list_flows_case(node, name);
    if (str_equal(class, STR_LIT("FUNCTION")))
        return list_flows_call(node, name);
    if (str_equal(class, STR_LIT("OPERATOR")))
        return list_flows_operator(node, name);
    return str_equal(class, STR_LIT("CAST")) ? list_flows_cast(node) : LIST_MANY;
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
        if (list_flows(body, check_last_name(given, &count)) < LIST_MANY)
            continue;
        check_refuse(check, call, "a text or list that can multiply in",
                     tree_text(call, "function_name"));
        error_hint(check->err, "its lambda may use the first parameter once, in ||, concat, "
                               "greatest, substring and the like");
        return STATUS_NOT_SUPPORTED;
    }
    return STATUS_OK;
}

/* ---- texts that grow ---- */

static const struct tree *list_argument(const struct tree *call, size_t at)
{
    const struct tree *arguments = tree_get(call, "children");
    const struct tree *argument = arguments ? arguments->child : NULL;

    CHECK(call->kind == TREE_OBJECT);
    for (; at > 0 && argument; at--)
        argument = argument->next;
    return argument;
}

static bool list_is_text(const struct tree *node, struct str *out)
{
    const struct tree *value =
        node && tree_is(node, "class", "CONSTANT") ? tree_get(node, "value") : NULL;

    CHECK(out);
    *out = value ? tree_text(value, "value") : STR_EMPTY;
    return value != NULL;
}

/* Only the first match is replaced unless the options name 'g'. */
static enum status check_regexp_replace(struct check *check, const struct tree *call)
{
    const struct tree *by = list_argument(call, 2), *options = list_argument(call, 3);
    struct str text, letters = STR_EMPTY;
    bool one = !options || (list_is_text(options, &letters) &&
                            (letters.size == 0 || !memchr(letters.data, 'g', letters.size)));
    size_t groups = 0;

    CHECK(check->err);
    if (by && list_is_text(by, &text)) {
        for (size_t i = 0; i < text.size; i++)
            groups += text.data[i] == '\\';
        if (groups <= CHECK_GROUPS_MAX &&
            (text.size <= CHECK_SHORT_TEXT || (one && check->lambdas == 0)))
            return STATUS_OK;
    }
    return error_set_at(check->err, STATUS_NOT_SUPPORTED, tree_location(call),
                        "what regexp_replace puts in must be a constant with at most %d groups; in "
                        "place of all matches, or in a lambda, at most %d bytes",
                        CHECK_GROUPS_MAX, CHECK_SHORT_TEXT);
}

enum status check_growth(struct check *check, const struct tree *call, struct str name)
{
    static const char *const by_length[] = {"lpad", "repeat", "rpad"};
    const struct tree *argument;
    struct str text;
    int64_t length;

    CHECK(name.size > 0);
    if (str_equal_nocase(name, STR_LIT("regexp_replace")))
        return check_regexp_replace(check, call);
    if (check->lambdas == 0)
        return STATUS_OK;
    if (str_is_one_of_nocase(name, by_length, ARRAY_COUNT(by_length))) {
        argument = list_argument(call, 1);
        if (argument && check_is_number(argument, &length) && length <= CHECK_SHORT_TEXT)
            return STATUS_OK;
    } else if (str_equal_nocase(name, STR_LIT("replace"))) {
        if (list_is_text(list_argument(call, 2), &text) && text.size <= CHECK_SHORT_TEXT)
            return STATUS_OK;
    } else {
        return STATUS_OK;
    }
    return error_set_at(check->err, STATUS_NOT_SUPPORTED, tree_location(call),
                        "in a lambda, the length or text that %.*s is given must be a constant of "
                        "at most %d",
                        STR_ARG(name), CHECK_SHORT_TEXT);
}
