/* check_row.c — comparisons of row values, `(a, b) < (c, d)`.
 *
 * DuckDB compares rows as structs, in which NULL is the greatest value. In PostgreSQL the parts are
 * compared one after the other, and where a NULL decides, the answer is NULL. So a comparison
 * becomes the call of a macro that says so: `row_lt(a, b, c, d)`. The parts stay where they are,
 * only the tokens between them are exchanged. IN and BETWEEN compare the left row more than once:
 *
 *   (a, b) IN ((1, 2), (3, 4))  →  (row_eq(a, b, 1, 2) OR row_eq(a, b, 3, 4))
 *   (a, b) IS NULL              →  ((a) IS NULL AND (b) IS NULL)
 *
 * `(a, b) IN (SELECT …)` stays DuckDB's: it finds the same rows, but says NULL where PostgreSQL may
 * know more. That is no difference in WHERE, HAVING or ON; elsewhere, as under NOT, it is refused
 * unless no part can be NULL.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/check/check.h"

#include "base/check.h"
#include "sql/syntax/lexer.h"

enum {
    ROW_LIST_SHORT = 16, /* rows behind IN up to which it does not matter how they are compared */
    ROW_LIST_MAX = 1000, /* DuckDB's optimizer takes time by their square */
};

struct row_text {
    const struct tree *parts;
    uint32_t count;
    uint32_t start, open_end;  /* `(` or `ROW (` */
    uint32_t close_start, end; /* `)` */
};

static const struct row_operator {
    enum token_kind token;
    const char *macro;
    uint64_t copies; /* the macro's, of its arguments */
} ROW_OPERATORS[] = {
    {TOKEN_EQ, "row_eq", 1}, {TOKEN_NE, "row_ne", 1}, {TOKEN_LT, "row_lt", 2},
    {TOKEN_LE, "row_le", 2}, {TOKEN_GT, "row_gt", 2}, {TOKEN_GE, "row_ge", 2},
};

static const struct tree *row_parts(const struct tree *node)
{
    CHECK(node);
    if (node->kind != TREE_OBJECT || !tree_is(node, "class", "FUNCTION") ||
        !tree_is(node, "function_name", "row") || !tree_get(node, "children"))
        return NULL;
    return tree_get(node, "children")->child;
}

bool check_is_row(const struct tree *node)
{
    return node && row_parts(node) != NULL;
}

bool check_is_row_macro(struct str name)
{
    for (size_t i = 0; i < ARRAY_COUNT(ROW_OPERATORS); i++) {
        CHECK(ROW_OPERATORS[i].copies > 0);
        if (str_equal(name, str_from_c(ROW_OPERATORS[i].macro)))
            return true;
    }
    return false;
}

static enum status row_refuse(struct check *check, const struct tree *node, const char *what,
                              const char *hint)
{
    CHECK(what && hint);
    check_refuse(check, node, what, STR_EMPTY);
    error_hint(check->err, "%s", hint);
    return STATUS_NOT_SUPPORTED;
}

static enum status row_refuse_form(struct check *check, const struct tree *node)
{
    CHECK(check->err);
    return row_refuse(check, node, "this form of comparison of rows",
                      "compare the parts one by one, with AND and OR");
}

/* Where the row stands in the text; false if it is none or has no plain parts. */
static bool row_read(const struct check *check, const struct tree *node, struct row_text *out)
{
    int64_t location = tree_location(node);
    struct lexer lexer;
    struct token token;

    *out = (struct row_text){.parts = row_parts(node)};
    if (!out->parts || location < 0 || (uint64_t)location >= check->plan->sql.size)
        return false;
    for (const struct tree *part = out->parts; part; part = part->next, out->count++) {
        if (check_is_row(part))
            return false;
    }
    CHECK(out->count > 0);
    lexer_init(&lexer, check->plan->sql);
    lexer.offset = (uint32_t)location;
    token = lexer_next(&lexer);
    out->start = token.start;
    if (str_equal_nocase(token_text(lexer.text, &token), STR_LIT("row")))
        token = lexer_next(&lexer);
    out->open_end = token.end;
    if (token.kind != TOKEN_LEFT_PAREN || !splice_close(&lexer, &token))
        return false;
    out->close_start = token.start;
    out->end = token.end;
    return out->count <= ANALYTIC_ROW_PARTS_MAX;
}

/* Do only an operator, a comma or words stand between two places, and `opens` parentheses? */
static bool row_follows(const struct check *check, uint32_t from, uint32_t to, uint32_t opens,
                        bool *negated)
{
    struct lexer lexer;
    struct token token;
    uint32_t found = 0;

    CHECK(negated);
    *negated = false;
    lexer_init(&lexer, check->plan->sql);
    lexer.offset = from;
    for (token = lexer_next(&lexer); token.start < to; token = lexer_next(&lexer)) {
        if (token.kind == TOKEN_END || token.kind == TOKEN_ERROR ||
            token.kind == TOKEN_RIGHT_PAREN || token.keyword == KEYWORD_WHEN)
            return false;
        found += token.kind == TOKEN_LEFT_PAREN;
        *negated |= token.keyword == KEYWORD_NOT;
    }
    return token.start == to && found == opens;
}

static void row_splice(struct check *check, uint32_t start, uint32_t end, const char *text)
{
    struct analytic_splice splice = {.kind = SPLICE_TEXT, .start = start, .end = end};

    CHECK(text);
    splice.text = arena_copy(&check->plan->arena, str_from_c(text));
    splice_add(check->plan, &splice);
}

/* ` OR row_eq(`, the parts of `left` and a comma, for what opens one more row to compare with. */
static void row_splice_again(struct check *check, const struct row_text *left, uint32_t start,
                             uint32_t end, const char *joint, const char *macro)
{
    struct analytic_splice splice = {.kind = SPLICE_ARGUMENTS,
                                     .start = start,
                                     .end = end,
                                     .from = left->open_end,
                                     .to = left->close_start};

    CHECK(splice.to <= start);
    splice.text = arena_printf(&check->plan->arena, "%s %s(", joint, macro);
    splice_add(check->plan, &splice);
}

/* Each part beside its counterpart. */
static enum status row_pair(struct check *check, const struct tree *node,
                            const struct row_text *left, const struct row_text *right)
{
    const struct tree *other = right->parts;

    if (left->count != right->count)
        return error_set_at(check->err, STATUS_INVALID_SQL, tree_location(node),
                            "rows of %u and of %u parts cannot be compared", left->count,
                            right->count);
    CHECK(left->count > 0);
    for (const struct tree *part = left->parts; part; part = part->next, other = other->next)
        check_operand_pair(check, part, other);
    return STATUS_OK;
}

/* ---- NULL ---- */

/* A column of a table of this SELECT that is NOT NULL, or a constant. */
static bool row_part_has_no_null(struct check *check, const struct tree *part)
{
    const struct tree *value, *is_null;

    CHECK(check->level);
    if (part->kind != TREE_OBJECT)
        return false;
    if (!tree_is(part, "class", "CONSTANT"))
        return check_column_is_never_null(check, part);
    value = tree_get(part, "value");
    is_null = value ? tree_get(value, "is_null") : NULL;
    return value && !(is_null && is_null->boolean);
}

bool check_has_no_null(struct check *check, const struct tree *list)
{
    CHECK(check->level);
    for (const struct tree *part = list; part; part = part->next) {
        if (!row_part_has_no_null(check, part))
            return false;
    }
    return list != NULL;
}

/* ---- operators ---- */

/* As it is written: DuckDB's parser makes `<>` of NOT and `=`. NULL: it is none of ours. */
static const struct row_operator *row_operator(const struct check *check,
                                               const struct row_text *left)
{
    struct lexer lexer;
    struct token token;

    CHECK(left->end <= check->plan->sql.size);
    lexer_init(&lexer, check->plan->sql);
    lexer.offset = left->end;
    token = lexer_next(&lexer);
    for (size_t i = 0; i < ARRAY_COUNT(ROW_OPERATORS); i++) {
        if (token.kind == ROW_OPERATORS[i].token)
            return &ROW_OPERATORS[i];
    }
    return NULL;
}

enum status check_row_comparison(struct check *check, const struct tree *node)
{
    const struct tree *left_node = tree_get(node, "left"), *right_node = tree_get(node, "right");
    const struct row_operator *operation;
    struct row_text left, right;
    bool ignored;
    enum status status;

    CHECK(!check->draft->verify && left_node && right_node);
    if (str_ends_with(tree_text(node, "type"), STR_LIT("DISTINCT_FROM")))
        return check_members(check, node, NULL); /* NULL is a value there too */
    if (tree_is(left_node, "class", "SUBQUERY") || tree_is(right_node, "class", "SUBQUERY"))
        return row_refuse(check, node, "a row compared with a subquery",
                          "use IN or EXISTS (SELECT …)");
    if (!check_is_row(left_node) || !check_is_row(right_node))
        return check_members(check, node, NULL); /* a column of rows: its NULLs are values */
    if (!row_read(check, left_node, &left) || !row_read(check, right_node, &right) ||
        !row_follows(check, left.end, right.start, 0, &ignored))
        return row_refuse_form(check, node);
    operation = row_operator(check, &left);
    if (!operation)
        return row_refuse_form(check, node);
    status = row_pair(check, node, &left, &right);
    if (status != STATUS_OK)
        return status;
    row_splice(check, left.start, left.open_end,
               arena_printf(check->arena, "%s(", operation->macro).data);
    row_splice(check, left.close_start, right.open_end, ",");
    return check_copied(check, node, operation->copies);
}

/* ---- IN and BETWEEN ---- */

/* The members of a node whose left row, of so many bytes, is written out `copies` times more. */
static enum status row_members(struct check *check, const struct tree *left,
                               const struct tree *others, uint64_t copies, uint64_t bytes)
{
    uint64_t before = check->nodes;
    enum status status = check_node(check, left);

    CHECK(check->multiplier > 0);
    if (status == STATUS_OK)
        status = check_weight(check,
                              (check->nodes - before) * copies + bytes * copies / CHECK_NODE_BYTES);
    for (; others && status == STATUS_OK; others = others->next)
        status = check_node(check, others);
    return status;
}

/* Is the right side a list of constants that are not NULL, and DuckDB compares them as they are? */
static bool row_list_is_plain(struct check *check, const struct tree *left,
                              const struct tree *others)
{
    struct data_type type;

    CHECK(check_is_row(left));
    for (; others; others = others->next) {
        const struct tree *column = row_parts(left), *part = row_parts(others);
        for (; column && part; column = column->next, part = part->next) {
            if (!tree_is(part, "class", "CONSTANT") || !row_part_has_no_null(check, part))
                return false;
            if (tree_is(tree_get(tree_get(part, "value"), "type"), "id", "VARCHAR") &&
                !(check_column_type(check, column, &type) && value_type_is_text(type.kind)))
                return false;
        }
        if (!part != !column || !row_parts(others))
            return false;
    }
    return true;
}

/* The rows of the list, the first of which is `right`, each beside the left row. */
static enum status row_list_splice(struct check *check, const struct tree *node,
                                   const struct row_text *left, const struct tree *right)
{
    bool out = false, ignored, is_first = true;
    uint32_t end = left->end;
    struct row_text row;
    enum status status;

    CHECK(right);
    for (; right; right = right->next, is_first = false, end = row.end) {
        if (!row_read(check, right, &row) ||
            !row_follows(check, end, row.start, is_first ? 1 : 0, is_first ? &out : &ignored))
            return row_refuse_form(check, node);
        status = row_pair(check, node, left, &row);
        if (status != STATUS_OK)
            return status;
        if (is_first)
            row_splice(check, left->close_start, row.open_end, ",");
        else
            row_splice_again(check, left, end, row.open_end, out ? " AND" : " OR",
                             out ? "row_ne" : "row_eq");
    }
    row_splice(check, left->start, left->open_end, out ? "(row_ne(" : "(row_eq(");
    return STATUS_OK;
}

enum status check_row_list(struct check *check, const struct tree *node)
{
    const struct tree *first = tree_get(node, "children")->child;
    bool filters = check->filter == node && tree_is(node, "type", "COMPARE_IN");
    struct row_text left;
    uint64_t rows = 0;
    enum status status;

    CHECK(!check->draft->verify && first);
    for (const struct tree *row = first->next; row; row = row->next)
        rows++;
    if (rows > ROW_LIST_SHORT && row_list_is_plain(check, first, first->next) &&
        (filters || check_has_no_null(check, row_parts(first))))
        return check_members(check, node, NULL); /* then DuckDB answers the same, and quicker */
    if (rows == 0 || !row_read(check, first, &left))
        return row_refuse_form(check, node);
    if (rows > ROW_LIST_MAX)
        return row_refuse(check, node, "a list of so many rows", "use IN (SELECT …) or a join");
    status = row_list_splice(check, node, &left, first->next);
    return status == STATUS_OK
               ? row_members(check, first, first->next, rows - 1, left.end - left.start)
               : status;
}

enum status check_row_between(struct check *check, const struct tree *node)
{
    const struct tree *input = tree_get(node, "input"), *lower = tree_get(node, "lower"),
                      *upper = tree_get(node, "upper");
    struct row_text left, low, high;
    bool negated, ignored;
    enum status status;

    CHECK(!check->draft->verify);
    if (!input || !lower || !upper || !row_read(check, input, &left) ||
        !row_read(check, lower, &low) || !row_read(check, upper, &high) ||
        !row_follows(check, left.end, low.start, 0, &negated) ||
        !row_follows(check, low.end, high.start, 0, &ignored))
        return row_refuse_form(check, node);
    status = row_pair(check, node, &left, &low);
    if (status == STATUS_OK)
        status = row_pair(check, node, &left, &high);
    if (status != STATUS_OK)
        return status;
    row_splice(check, left.start, left.open_end, negated ? "(row_lt(" : "(row_ge(");
    row_splice(check, left.close_start, low.open_end, ",");
    row_splice_again(check, &left, low.end, high.open_end, negated ? " OR" : " AND",
                     negated ? "row_gt" : "row_le");
    row_splice(check, high.close_start, high.end, "))");
    return check_copied(check, node, 4); /* the row twice, in macros that copy it twice */
}

/* ---- IS [NOT] NULL ---- */

/* End of `IS [NOT] NULL`, `ISNULL` or `NOTNULL` at `from`; 0 if something else stands there. */
static uint32_t row_null_test_end(const struct check *check, uint32_t from, bool *negated)
{
    struct lexer lexer;
    struct token token;

    lexer_init(&lexer, check->plan->sql);
    lexer.offset = from;
    token = lexer_next(&lexer);
    CHECK(token.start >= from && negated);
    *negated = str_equal_nocase(token_text(lexer.text, &token), STR_LIT("notnull"));
    if (*negated || str_equal_nocase(token_text(lexer.text, &token), STR_LIT("isnull")))
        return token.end;
    if (token.keyword != KEYWORD_IS)
        return 0;
    token = lexer_next(&lexer);
    *negated = token.keyword == KEYWORD_NOT;
    if (*negated)
        token = lexer_next(&lexer);
    return token.keyword == KEYWORD_NULL ? token.end : 0;
}

static bool row_token_opens(struct str sql, const struct token *token)
{
    CHECK(token->end <= sql.size);
    return token->kind == TOKEN_LEFT_PAREN ||
           (token->kind == TOKEN_OTHER && strchr("[{", sql.data[token->start]));
}

static bool row_token_closes(struct str sql, const struct token *token)
{
    CHECK(token->end <= sql.size);
    return token->kind == TOKEN_RIGHT_PAREN ||
           (token->kind == TOKEN_OTHER && strchr("]}", sql.data[token->start]));
}

/* All parts are, or none is. */
enum status check_row_null(struct check *check, const struct tree *node)
{
    const struct tree *first = tree_get(node, "children")->child;
    struct lexer lexer;
    struct token token;
    struct row_text row;
    uint32_t end, depth = 0;
    bool none = false; /* as it is written: DuckDB's parser has folded NOT */

    CHECK(!check->draft->verify && first);
    end = row_read(check, first, &row) ? row_null_test_end(check, row.end, &none) : 0;
    if (end == 0)
        return row_refuse_form(check, node);
    lexer_init(&lexer, check->plan->sql);
    lexer.offset = row.open_end;
    for (token = lexer_next(&lexer); token.start < row.close_start; token = lexer_next(&lexer)) {
        depth += row_token_opens(lexer.text, &token) ? 1 : 0;
        depth -= row_token_closes(lexer.text, &token) ? 1 : 0;
        if (depth == 0 && token.kind == TOKEN_COMMA)
            row_splice(check, token.start, token.end,
                       none ? ") IS NOT NULL AND (" : ") IS NULL AND (");
    }
    row_splice(check, row.start, row.open_end, "((");
    row_splice(check, row.close_start, end, none ? ") IS NOT NULL)" : ") IS NULL)");
    return check_members(check, node, NULL);
}

/* ---- subqueries ---- */

/* How many columns the subquery has, 0 = not known. */
static uint32_t row_query_width(const struct tree *query)
{
    const struct tree *list = tree_get(query, "select_list");
    uint32_t width = 0;

    CHECK(query->kind == TREE_OBJECT);
    for (const struct tree *item = list ? list->child : NULL; item; item = item->next, width++) {
        if (item->kind != TREE_OBJECT || tree_is(item, "class", "STAR"))
            return 0;
    }
    return width;
}

enum status check_row_subquery(struct check *check, const struct tree *node)
{
    const struct tree *row = tree_get(node, "child"), *statement = tree_get(node, "subquery");
    const struct tree *query = statement ? tree_get(statement, "node") : NULL;
    bool filters = check->filter == node, never_null;
    uint32_t count = 0, width;
    enum status status;

    CHECK(check_is_row(row));
    if (check->draft->verify)
        return check_copied(check, node, 2);
    if (!query || !tree_is(node, "comparison_type", "COMPARE_EQUAL"))
        return row_refuse(check, node, "this comparison of a row with a subquery",
                          "use EXISTS (SELECT … WHERE …)");
    for (const struct tree *part = row_parts(row); part; part = part->next, count++) {
        if (check_is_row(part))
            return row_refuse_form(check, node);
    }
    width = row_query_width(query);
    if (width > 0 && width != count)
        return error_set_at(check->err, STATUS_INVALID_SQL, tree_location(node),
                            "a row of %u parts cannot be compared with %u columns", count, width);
    never_null = check_has_no_null(check, row_parts(row));
    status = check_copied(check, node, 2);
    if (status != STATUS_OK || filters || (never_null && check->never_null == query))
        return status;
    return row_refuse(check, node,
                      "IN (SELECT …) of a row that may hold NULL, other than as a condition of "
                      "WHERE, HAVING or ON,",
                      "use [NOT] EXISTS (SELECT … WHERE x = a AND y = b)");
}
