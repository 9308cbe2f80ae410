/* check_type.c — types of expressions, where DuckDB's choice and PostgreSQL's part ways.
 *
 * An integer literal is INT in PostgreSQL; DuckDB lets it take the type of what it meets, so that
 * `smallint + 1` stays SMALLINT. Beside anything that is not known to be as wide, literals are
 * written as `1::INTEGER`. The sum of SMALLINT or INT is BIGINT there and HUGEINT here, NTILE is
 * INT there and BIGINT here: such calls get a cast around them. A plain sum(x) needs none: the
 * macro sum_of_type finds the type when DuckDB binds it, columns of subqueries included; macros
 * cannot have DISTINCT, FILTER or OVER, nor tell the type of what is not of this SELECT's FROM.
 *
 * Types are derived from the columns of the same SELECT's tables, casts and literals; what is not
 * known is VALUE_NULL.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/check/check.h"

#include "base/check.h"
#include "base/limits.h"
#include "sql/syntax/lexer.h"
#include "value/number.h"

enum { TYPE_DEPTH = 16 }; /* how deep an expression is looked into */

static enum value_type type_of(struct check *check, const struct tree *node, unsigned depth);

/* DuckDB's name of a type in casts and constants. */
static enum value_type type_by_name(struct str id)
{
    static const struct {
        const char *id;
        enum value_type type;
    } names[] = {
        {"BOOLEAN", VALUE_BOOLEAN},     {"SMALLINT", VALUE_SMALLINT}, {"INTEGER", VALUE_INT},
        {"BIGINT", VALUE_BIGINT},       {"FLOAT", VALUE_FLOAT},       {"DOUBLE", VALUE_DOUBLE},
        {"DECIMAL", VALUE_DECIMAL},     {"VARCHAR", VALUE_TEXT},      {"DATE", VALUE_DATE},
        {"TIMESTAMP", VALUE_TIMESTAMP}, {"TIME", VALUE_TIME},         {"UUID", VALUE_UUID},
    };

    CHECK(id.data || id.size == 0);
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (str_equal(id, str_from_c(names[i].id)))
            return names[i].type;
    }
    return VALUE_NULL;
}

static bool type_is_arithmetic(struct str name)
{
    static const char *const names[] = {"+", "-", "*", "/", "%", "//", "mod"};

    CHECK(name.data || name.size == 0);
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (str_equal(name, str_from_c(names[i])))
            return true;
    }
    return false;
}

/* One more operand of a number that is computed; a NULL or a text in quotes has no say. */
static void type_join(struct check *check, const struct tree *node, unsigned depth,
                      enum value_type *type, bool *known)
{
    const struct tree *value =
        node && tree_is(node, "class", "CONSTANT") ? tree_get(node, "value") : NULL;
    const struct tree *is_null = value ? tree_get(value, "is_null") : NULL;
    enum value_type one;
    struct str text;

    CHECK(type && known);
    if (!node || (is_null && is_null->boolean) || check_is_quoted(node, &text))
        return;
    one = node->kind == TREE_OBJECT ? type_of(check, node, depth + 1) : VALUE_NULL;
    *known = *known && value_type_is_number(one) && value_arithmetic_type(*type, one, type);
}

/* The type of a number that is computed from the children. */
static enum value_type type_of_children(struct check *check, const struct tree *node,
                                        unsigned depth)
{
    const struct tree *children = tree_get(node, "children");
    enum value_type type = VALUE_NULL;
    bool known = true;

    CHECK(depth <= TYPE_DEPTH);
    for (const struct tree *child = children ? children->child : NULL; child; child = child->next)
        type_join(check, child, depth, &type, &known);
    return known ? type : VALUE_NULL;
}

/* Functions of a DECIMAL that give one. */
static bool type_is_kept(struct str name)
{
    static const char *const names[] = {
        "any_value", "ceil", "ceiling", "first_value", "floor", "lag", "last_value",
        "lead",      "max",  "min",     "nth_value",   "round", "sum", "trunc"};

    CHECK(name.data || name.size == 0);
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (str_equal_nocase(name, str_from_c(names[i])))
            return true;
    }
    return false;
}

static enum value_type type_of_call(struct check *check, const struct tree *call, unsigned depth)
{
    static const char *const ints[] = {"ascii",        "char_length", "instr",  "length",
                                       "octet_length", "position",    "strpos", "unicode"};
    struct str name = tree_text(call, "function_name");
    const struct tree *children = tree_get(call, "children");

    CHECK(call->kind == TREE_OBJECT);
    if (type_is_arithmetic(name))
        return type_of_children(check, call, depth);
    if (str_equal(name, STR_LIT("abs")) && children && children->child &&
        children->child->kind == TREE_OBJECT)
        return type_of(check, children->child, depth + 1);
    for (size_t i = 0; i < ARRAY_COUNT(ints); i++) {
        if (str_equal(name, str_from_c(ints[i])))
            return VALUE_INT;
    }
    if (str_equal(name, STR_LIT("count")) || str_equal(name, STR_LIT("count_star")))
        return VALUE_BIGINT;
    if (str_equal(name, STR_LIT("greatest")) || str_equal(name, STR_LIT("least")) ||
        str_equal(name, STR_LIT("coalesce")))
        return type_of_children(check, call, depth);
    if (str_equal(name, STR_LIT("nullif")) && children && children->child &&
        children->child->kind == TREE_OBJECT)
        return type_of(check, children->child, depth + 1);
    if (type_is_kept(name) && children && children->child && children->child->kind == TREE_OBJECT &&
        type_of(check, children->child, depth + 1) == VALUE_DECIMAL)
        return VALUE_DECIMAL;
    return VALUE_NULL;
}

/* What the branches have in common. */
static enum value_type type_of_case(struct check *check, const struct tree *node, unsigned depth)
{
    const struct tree *checks = tree_get(node, "case_checks");
    const struct tree *otherwise = tree_get(node, "else_expr");
    enum value_type type = VALUE_NULL;
    bool known = true;

    CHECK(node->kind == TREE_OBJECT);
    for (const struct tree *one = checks ? checks->child : NULL; one; one = one->next)
        type_join(check, tree_get(one, "then_expr"), depth, &type, &known);
    type_join(check, otherwise, depth, &type, &known);
    return known ? type : VALUE_NULL;
}

static enum value_type type_of(struct check *check, const struct tree *node, unsigned depth)
{
    struct data_type column;
    const struct tree *value, *type;
    int64_t number;

    CHECK(node->kind == TREE_OBJECT);
    if (depth > TYPE_DEPTH)
        return VALUE_NULL;
    if (tree_is(node, "class", "COLUMN_REF"))
        return check_column_type(check, node, &column) ? column.kind
               : check_column_is_decimal(check, node)  ? VALUE_DECIMAL
                                                       : VALUE_NULL;
    if (tree_is(node, "class", "FUNCTION") || tree_is(node, "class", "WINDOW"))
        return type_of_call(check, node, depth);
    if (tree_is(node, "class", "CAST")) {
        type = tree_get(node, "cast_type");
        return type ? type_by_name(tree_text(type, "id")) : VALUE_NULL;
    }
    if (tree_is(node, "class", "CASE"))
        return type_of_case(check, node, depth);
    if (tree_is(node, "type", "OPERATOR_COALESCE"))
        return type_of_children(check, node, depth);
    if (check_is_number(node, &number))
        return number >= INT32_MIN && number <= INT32_MAX ? VALUE_INT : VALUE_BIGINT;
    value = tree_is(node, "class", "CONSTANT") ? tree_get(node, "value") : NULL;
    type = value ? tree_get(value, "type") : NULL;
    return type && tree_is(type, "id", "DECIMAL") ? VALUE_DECIMAL : VALUE_NULL;
}

/* ---- literals ---- */

/* The number token of the literal at `node`; signs may stand before it: DuckDB has folded `-(-1)`
 * into one constant. `sign` is the first token. */
static bool type_number_token(struct check *check, const struct tree *node, struct token *sign,
                              struct token *number)
{
    int64_t location = tree_location(node);
    struct lexer lexer;

    if (location < 0 || (uint64_t)location >= check->plan->sql.size)
        return false;
    CHECK(check->plan->sql.data);
    lexer_init(&lexer, check->plan->sql);
    lexer.offset = (uint32_t)location;
    *sign = *number = lexer_next(&lexer);
    while (number->kind == TOKEN_MINUS || number->kind == TOKEN_LEFT_PAREN)
        *number = lexer_next(&lexer);
    return number->kind == TOKEN_INTEGER;
}

static void type_write_literal(struct check *check, const struct tree *node)
{
    struct analytic_splice splice = {.kind = SPLICE_TEXT};
    struct token sign, number;

    CHECK(!check->draft->verify);
    if (!type_number_token(check, node, &sign, &number))
        return;
    splice.start = number.start;
    splice.end = number.end;
    splice.text = arena_printf(&check->plan->arena, "%.*s::INTEGER",
                               STR_ARG(token_text(check->plan->sql, &number)));
    splice_add(check->plan, &splice);
}

/* Behind the parentheses that close those between two places before the lexer's; false if there are
 * not as many. */
static bool type_close_all(struct lexer *lexer, uint32_t from, uint32_t to)
{
    CHECK(from <= to && to <= lexer->offset);
    for (uint32_t i = from; i < to; i++) {
        if (lexer->text.data[i] == '(' && lexer_next(lexer).kind != TOKEN_RIGHT_PAREN)
            return false;
    }
    return true;
}

/* The digits of the least INT are no INT without their sign; in PostgreSQL they are with it. */
void check_literal(struct check *check, const struct tree *node)
{
    struct analytic_splice splice = {.kind = SPLICE_TEXT,
                                     .text = STR_LIT("(-2147483648)::INTEGER")};
    struct token sign, number;
    struct lexer lexer;
    int64_t value;

    CHECK(node->kind == TREE_OBJECT);
    if (check->draft->verify || !check_is_number(node, &value) || value != INT32_MIN ||
        !type_number_token(check, node, &sign, &number) || sign.kind != TOKEN_MINUS)
        return;
    lexer_init(&lexer, check->plan->sql);
    lexer.offset = number.end;
    if (!type_close_all(&lexer, sign.start, number.start))
        return;
    splice.start = sign.start;
    splice.end = lexer.offset;
    splice_add(check->plan, &splice);
}

/* `node` is one of several that make a common type. */
static void type_literal_among(struct check *check, const struct tree *node, bool narrow)
{
    int64_t number;

    CHECK(check->level);
    if (narrow && node && node->kind == TREE_OBJECT && check_is_number(node, &number) &&
        number > INT32_MIN && number <= INT32_MAX)
        type_write_literal(check, node);
}

/* May this be SMALLINT, or narrower than INT in DuckDB's eyes? */
static bool type_may_be_narrow(struct check *check, const struct tree *node)
{
    enum value_type type;
    int64_t number;

    if (!node || node->kind != TREE_OBJECT || check_is_number(node, &number))
        return false;
    CHECK(check->level);
    type = type_of(check, node, 0);
    return type == VALUE_NULL || type == VALUE_SMALLINT;
}

static bool type_is_decimal(struct check *check, const struct tree *node)
{
    CHECK(check->level);
    return node && node->kind == TREE_OBJECT && type_of(check, node, 0) == VALUE_DECIMAL;
}

static void type_decimal_texts(struct check *check, const struct tree *children)
{
    bool decimal = false;

    CHECK(!check->draft->verify);
    for (const struct tree *child = children ? children->child : NULL; child; child = child->next)
        decimal = decimal || type_is_decimal(check, child);
    for (const struct tree *child = children ? children->child : NULL; child && decimal;
         child = child->next)
        check_decimal_text(check, child);
}

static void type_keep_decimal(struct check *check, struct str name)
{
    struct check_name *kept = arena_zalloc(check->arena, sizeof(*kept));

    CHECK(check->level);
    kept->text = name;
    kept->next = check->decimals;
    check->decimals = kept;
}

bool check_is_plain_star(const struct tree *star)
{
    static const char *const lists[] = {"exclude_list", "qualified_exclude_list", "replace_list",
                                        "rename_list", "expr"};

    CHECK(tree_is(star, "class", "STAR"));
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        const struct tree *list = tree_get(star, lists[i]);
        if (list && list->child)
            return false;
    }
    return true;
}

/* `*` of one table or subquery. Of several, two may have columns of one name. */
static void type_keep_star(struct check *check, const struct tree *star)
{
    const struct check_item *item = check->level->items;
    const struct table *table;

    CHECK(check->level);
    if (!item || item->next || item->names || !check_is_plain_star(star))
        return;
    table = item->table < 0 ? NULL : check->plan->tables[item->table].table;
    for (uint32_t i = 0; table && i < table->schema->column_count; i++) {
        if (table_column_type(table, i).kind == VALUE_DECIMAL)
            type_keep_decimal(check, table_column_name(table, i));
    }
    for (const struct check_name *one = item->decimals; one; one = one->next)
        type_keep_decimal(check, one->text);
}

void check_keep_decimals(struct check *check, const struct tree *node)
{
    const struct tree *list = tree_get(node, "select_list");
    uint32_t ignored;

    CHECK(check->level);
    check->newest = node;
    check->decimals = NULL;
    if (check->draft->verify)
        return;
    for (const struct tree *item = list ? list->child : NULL; item; item = item->next) {
        struct str name = tree_text(item, "alias");
        if (tree_is(item, "class", "STAR")) {
            type_keep_star(check, item);
            continue;
        }
        if (name.size == 0 && tree_is(item, "class", "COLUMN_REF"))
            name = check_last_name(item, &ignored);
        if (name.size > 0 && type_is_decimal(check, item))
            type_keep_decimal(check, name);
    }
}

const struct check_name *check_decimals(const struct check *check, const struct tree *statement)
{
    CHECK(check->arena);
    return statement && tree_get(statement, "node") == check->newest ? check->decimals : NULL;
}

void check_decimal_comparison(struct check *check, const struct tree *node)
{
    static const char *const members[] = {"left", "right", "input", "lower", "upper"};
    bool decimal = false;

    CHECK(node->kind == TREE_OBJECT);
    if (check->draft->verify)
        return;
    type_decimal_texts(check, tree_get(node, "children"));
    for (size_t i = 0; i < ARRAY_COUNT(members); i++)
        decimal = decimal || type_is_decimal(check, tree_get(node, members[i]));
    for (size_t i = 0; i < ARRAY_COUNT(members) && decimal; i++) {
        if (tree_get(node, members[i]))
            check_decimal_text(check, tree_get(node, members[i]));
    }
}

static void type_children(struct check *check, const struct tree *children)
{
    bool narrow = false, all = true; /* narrow; literals only: computed in DuckDB's own types */
    int64_t number;

    CHECK(check->level);
    for (const struct tree *child = children ? children->child : NULL; child; child = child->next) {
        narrow = narrow || type_may_be_narrow(check, child);
        all = all && child->kind == TREE_OBJECT && check_is_number(child, &number);
    }
    narrow = narrow || all;
    type_decimal_texts(check, children);
    for (const struct tree *child = children ? children->child : NULL; child; child = child->next)
        type_literal_among(check, child, narrow);
}

static void type_case_texts(struct check *check, const struct tree *checks,
                            const struct tree *otherwise)
{
    CHECK(check->level);
    for (const struct tree *one = checks ? checks->child : NULL; one; one = one->next) {
        if (tree_get(one, "then_expr"))
            check_decimal_text(check, tree_get(one, "then_expr"));
    }
    if (otherwise)
        check_decimal_text(check, otherwise);
}

static void type_case(struct check *check, const struct tree *node)
{
    const struct tree *checks = tree_get(node, "case_checks");
    const struct tree *otherwise = tree_get(node, "else_expr");
    bool narrow = type_may_be_narrow(check, otherwise);
    bool decimal = type_is_decimal(check, otherwise);

    CHECK(node->kind == TREE_OBJECT);
    for (const struct tree *one = checks ? checks->child : NULL; one; one = one->next) {
        narrow = narrow || type_may_be_narrow(check, tree_get(one, "then_expr"));
        decimal = decimal || type_is_decimal(check, tree_get(one, "then_expr"));
    }
    if (decimal)
        type_case_texts(check, checks, otherwise);
    for (const struct tree *one = checks ? checks->child : NULL; one; one = one->next)
        type_literal_among(check, tree_get(one, "then_expr"), narrow);
    type_literal_among(check, otherwise, narrow);
}

void check_literal_types(struct check *check, const struct tree *node)
{
    static const char *const functions[] = {"nullif", "greatest", "least", "coalesce"};
    struct str name = tree_text(node, "function_name");
    bool common = type_is_arithmetic(name) || tree_is(node, "type", "OPERATOR_COALESCE") ||
                  tree_is(node, "type", "OPERATOR_NULLIF");

    CHECK(node->kind == TREE_OBJECT);
    if (check->draft->verify)
        return;
    for (size_t i = 0; i < ARRAY_COUNT(functions) && !common; i++)
        common = str_equal(name, str_from_c(functions[i]));
    if (common)
        type_children(check, tree_get(node, "children"));
    else if (tree_is(node, "class", "CASE"))
        type_case(check, node);
}

static bool type_any_is_real(struct check *check, const struct tree *children, unsigned depth);

/* Is it known to be a DECIMAL or DOUBLE, which make a DOUBLE of any quotient? */
static bool type_is_real(struct check *check, const struct tree *node, unsigned depth)
{
    struct str name = tree_text(node, "function_name");
    const struct tree *children = tree_get(node, "children");
    bool is_call = tree_is(node, "class", "FUNCTION") || tree_is(node, "class", "WINDOW");
    enum value_type type = type_of(check, node, depth);

    CHECK(node->kind == TREE_OBJECT);
    if (type == VALUE_DECIMAL || type == VALUE_DOUBLE)
        return true;
    if (type != VALUE_NULL || depth > TYPE_DEPTH)
        return false;
    if (tree_is(node, "class", "CASE"))
        return type_any_is_real(check, tree_get(node, "case_checks"), depth) ||
               (tree_get(node, "else_expr") &&
                type_is_real(check, tree_get(node, "else_expr"), depth + 1));
    if (is_call && str_equal_nocase(name, STR_LIT("avg")))
        return true;
    if ((is_call && (type_is_arithmetic(name) || str_equal(name, STR_LIT("coalesce")))) ||
        tree_is(node, "type", "OPERATOR_COALESCE"))
        return type_any_is_real(check, children, depth);
    return ((is_call && (type_is_kept(name) || str_equal(name, STR_LIT("nullif")) ||
                         str_equal(name, STR_LIT("abs")))) ||
            tree_is(node, "type", "OPERATOR_NULLIF")) &&
           children && children->child && children->child->kind == TREE_OBJECT &&
           type_is_real(check, children->child, depth + 1);
}

/* Of operands, or of the branches of CASE. */
static bool type_any_is_real(struct check *check, const struct tree *children, unsigned depth)
{
    CHECK(depth <= TYPE_DEPTH);
    for (const struct tree *child = children ? children->child : NULL; child; child = child->next) {
        const struct tree *then = child->kind == TREE_OBJECT ? tree_get(child, "then_expr") : NULL;
        const struct tree *one = then ? then : child;
        if (one->kind == TREE_OBJECT && type_is_real(check, one, depth + 1))
            return true;
    }
    return false;
}

/* Is no operand of the quotient a sum of BIGINT, or the other one a DECIMAL or DOUBLE anyway? */
static bool type_is_simple_quotient(struct check *check, const struct tree *children)
{
    bool known = true;

    CHECK(children && children->child);
    if (type_any_is_real(check, children, 0))
        return true;
    for (const struct tree *child = children->child; child && known; child = child->next)
        known = child->kind == TREE_OBJECT &&
                (type_of(check, child, 0) != VALUE_NULL || tree_is(child, "function_name", "/"));
    return known;
}

bool check_whole_quotient(struct check *check, const struct tree *call)
{
    struct analytic_splice splice = {.kind = SPLICE_TEXT, .text = STR_LIT("//")};
    const struct tree *children = tree_get(call, "children");
    int64_t location = tree_location(call);
    struct lexer lexer;
    struct str text;

    CHECK(call->kind == TREE_OBJECT);
    if (check->draft->verify || !tree_is(call, "function_name", "/") || location < 0 ||
        (uint64_t)location >= check->plan->sql.size || !children || !children->child ||
        !(check_is_quoted(children->child, &text) || type_is_simple_quotient(check, children)))
        return false;
    lexer_init(&lexer, check->plan->sql);
    lexer.offset = (uint32_t)location;
    struct token sign = lexer_next(&lexer);
    splice.start = sign.start;
    splice.end = sign.end;
    if (sign.kind != TOKEN_SLASH)
        return false;
    splice_add(check->plan, &splice);
    return true;
}

/* ---- results of aggregates ---- */

/* First and last token of `name(…) [FILTER (…)] [OVER …]`. */
static bool type_call_extent(struct check *check, const struct tree *call, struct token *first,
                             struct token *last)
{
    struct str sql = check->plan->sql;
    int64_t location = tree_location(call);
    struct lexer lexer, ahead;
    struct token token;

    if (location < 0 || (uint64_t)location >= sql.size)
        return false;
    CHECK(sql.data);
    lexer_init(&lexer, sql);
    lexer.offset = (uint32_t)location;
    *first = lexer_next(&lexer);
    *last = lexer_next(&lexer);
    if (!token_is_name(first) || last->kind != TOKEN_LEFT_PAREN || !splice_close(&lexer, last))
        return false;
    for (;;) {
        ahead = lexer;
        token = lexer_next(&ahead);
        bool over = str_equal_nocase(token_text(sql, &token), STR_LIT("over"));
        if (token.kind != TOKEN_WORD ||
            (!over && !str_equal_nocase(token_text(sql, &token), STR_LIT("filter"))))
            return true;
        *last = lexer_next(&ahead);
        if (last->kind == TOKEN_LEFT_PAREN ? !splice_close(&ahead, last) : !token_is_name(last))
            return false;
        lexer = ahead;
    }
}

static void type_cast_call(struct check *check, const struct tree *call, const char *type)
{
    struct analytic_splice splice = {.kind = SPLICE_TEXT};
    struct str sql = check->plan->sql;
    struct token first, last;

    CHECK(!check->draft->verify);
    if (!type_call_extent(check, call, &first, &last))
        return;
    splice.start = first.start;
    splice.end = first.end;
    splice.text = arena_printf(&check->plan->arena, "CAST(%.*s", STR_ARG(token_text(sql, &first)));
    splice_add(check->plan, &splice);
    splice.start = last.start;
    splice.end = last.end;
    splice.text =
        arena_printf(&check->plan->arena, "%.*s AS %s)", STR_ARG(token_text(sql, &last)), type);
    splice_add(check->plan, &splice);
}

static bool type_is_plain_call(const struct tree *call)
{
    const struct tree *distinct = tree_get(call, "distinct");
    const struct tree *order = tree_get(call, "order_bys");
    const struct tree *orders = order ? tree_get(order, "orders") : NULL;

    CHECK(call->kind == TREE_OBJECT);
    return tree_is(call, "class", "FUNCTION") && !tree_get(call, "filter") &&
           !(distinct && distinct->boolean) && !(orders && orders->child);
}

bool check_call_macro(struct check *check, const struct tree *call, struct str macro)
{
    struct analytic_splice splice = {.kind = SPLICE_TEXT, .text = macro};
    struct splice_name source;

    CHECK(!check->draft->verify);
    if (!splice_read_name(check->plan->sql, tree_location(call), check->arena, &source) ||
        source.count != 1)
        return false;
    splice.start = source.starts[0];
    splice.end = source.ends[0];
    splice_add(check->plan, &splice);
    return true;
}

/* round(x, -2): the minus is part of the number or an operator before it. */
static bool type_is_round_to_tens(const struct tree *argument, struct str name)
{
    const struct tree *digits = argument ? argument->next : NULL;
    const struct tree *operands;
    int64_t number;

    CHECK(name.data || name.size == 0);
    if (!digits || digits->kind != TREE_OBJECT || !str_equal_nocase(name, STR_LIT("round")))
        return false;
    if (!tree_is(digits, "function_name", "-"))
        return check_is_number(digits, &number) && number < 0;
    operands = tree_get(digits, "children");
    return operands && operands->child && !operands->child->next &&
           check_is_number(operands->child, &number) && number > 0;
}

/* ---- fields of a moment ---- */

/* The macro for a field that has a fraction in PostgreSQL, by its name in DuckDB; NULL: none. */
static const char *type_fraction_macro(struct str field, bool extract)
{
    static const char *const names[][3] = {
        {"second", "extract_second", "date_part_second"},
        {"seconds", "extract_second", "date_part_second"},
        {"sec", "extract_second", "date_part_second"},
        {"secs", "extract_second", "date_part_second"},
        {"s", "extract_second", "date_part_second"},
        {"millisecond", "extract_millisecond", "date_part_millisecond"},
        {"milliseconds", "extract_millisecond", "date_part_millisecond"},
        {"msec", "extract_millisecond", "date_part_millisecond"},
        {"msecs", "extract_millisecond", "date_part_millisecond"},
        {"ms", "extract_millisecond", "date_part_millisecond"},
        {"epoch", "extract_epoch", NULL},
    };

    CHECK(field.data || field.size == 0);
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (str_equal_nocase(field, str_from_c(names[i][0])))
            return names[i][extract ? 1 : 2];
    }
    return NULL;
}

/* `extract(second FROM x)` → `extract_second(x)`, `date_part('second', x)` → `date_part_second(x)`:
 * the words up to FROM or the comma give way to the macro's name. */
static void type_write_fraction(struct check *check, const struct tree *call)
{
    const struct tree *children = tree_get(call, "children");
    const struct tree *field = children ? children->child : NULL, *value;
    struct analytic_splice splice = {.kind = SPLICE_TEXT};
    struct str sql = check->plan->sql;
    int64_t location = tree_location(call);
    struct token word, last;
    struct lexer lexer;
    const char *macro;
    bool extract;

    value = field && tree_is(field, "class", "CONSTANT") ? tree_get(field, "value") : NULL;
    if (!value || location < 0 || (uint64_t)location >= sql.size)
        return;
    CHECK(!check->draft->verify);
    lexer_init(&lexer, sql);
    lexer.offset = (uint32_t)location;
    word = lexer_next(&lexer);
    extract = word.kind == TOKEN_WORD && word.keyword == KEYWORD_EXTRACT;
    macro = type_fraction_macro(tree_text(value, "value"), extract);
    if (!macro || lexer_next(&lexer).kind != TOKEN_LEFT_PAREN)
        return;
    (void)lexer_next(&lexer); /* the field */
    last = lexer_next(&lexer);
    if (extract ? last.keyword != KEYWORD_FROM : last.kind != TOKEN_COMMA)
        return;
    splice.start = word.start;
    splice.end = last.end;
    splice.text = arena_printf(&check->plan->arena, "%s( ", macro);
    splice_add(check->plan, &splice);
}

static bool type_is_own_macro(struct str name)
{
    static const char *const names[] = {
        "date_part_millisecond", "date_part_second", "extract_epoch", "extract_millisecond",
        "extract_second",        "json_extract_at",  "round_to_tens", "sum_of_type"};

    CHECK(name.data || name.size == 0);
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (str_equal(name, str_from_c(names[i])))
            return true;
    }
    return check_is_row_macro(name);
}

bool check_result_type(struct check *check, const struct tree *call, struct str name)
{
    const struct tree *children = tree_get(call, "children");
    const struct tree *argument = children ? children->child : NULL;
    enum value_type type;

    CHECK(name.data || name.size == 0);
    if (check->draft->verify)
        return type_is_own_macro(name);
    if (str_equal_nocase(name, STR_LIT("date_part")) || str_equal_nocase(name, STR_LIT("datepart")))
        type_write_fraction(check, call);
    if (type_is_round_to_tens(argument, name))
        return check_call_macro(check, call, STR_LIT("round_to_tens"));
    if (str_equal_nocase(name, STR_LIT("ntile")))
        type_cast_call(check, call, "INTEGER");
    if (!str_equal_nocase(name, STR_LIT("sum")) || !argument || argument->kind != TREE_OBJECT)
        return false;
    type_literal_among(check, argument, true);
    if (type_is_plain_call(call) && !check_sees_outside(check, argument))
        return check_call_macro(check, call, STR_LIT("sum_of_type"));
    type = type_of(check, argument, 0);
    if (type == VALUE_SMALLINT || type == VALUE_INT)
        type_cast_call(check, call, "BIGINT");
    return false;
}
