/* check_operand.c — literals and parameters that stand beside a column in a comparison.
 *
 * Two things are decided by the column, not by the literal: a text parameter has the column's type,
 * and enumerated columns of system tables ignore case. The column is looked for among the tables of
 * the SELECTs around only; what DuckDB alone knows the type of, it converts (cast.c).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/check/check.h"

#include "base/check.h"
#include "catalog/system_tables.h"
#include "sql/syntax/lexer.h"
#include "value/text.h"

#include <stdio.h>

struct operand_column {
    const struct check_level *level;
    const struct table *table;
    uint32_t index;
    struct data_type type;
};

static bool operand_find_in(const struct table *table, struct str name, struct operand_column *out)
{
    CHECK(table && out);
    for (uint32_t i = 0; i < table_column_total(table); i++) {
        if (!str_equal_nocase(table_column_name(table, i), name))
            continue;
        *out = (struct operand_column){NULL, table, i, table_column_type(table, i)};
        return true;
    }
    int alias = table->kind == TABLE_KIND_SYSTEM ? system_table_find_alias(table, name) : -1;
    if (alias >= 0)
        *out = (struct operand_column){NULL, table, (uint32_t)alias,
                                       table_column_type(table, (uint32_t)alias)};
    return alias >= 0;
}

/* `table.column` on one level; `*ends` if no level further out can be meant. */
static bool operand_find_qualified(const struct check *check, const struct check_level *level,
                                   const struct tree *node, bool *ends, struct operand_column *out)
{
    uint32_t count;
    struct str name = check_last_name(node, &count);
    const struct check_item *item =
        check_find_item(level, tree_get(node, "column_names")->child->text);

    CHECK(count == 2);
    *ends = item != NULL;
    return item && item->table >= 0 && !item->is_renamed &&
           operand_find_in(check->plan->tables[item->table].table, name, out);
}

static bool operand_find_plain(const struct check *check, const struct check_level *level,
                               struct str name, bool *ends, struct operand_column *out)
{
    CHECK(name.size > 0);
    for (const struct check_item *item = level->items; item && !*ends; item = item->next)
        *ends = item->table < 0 || item->is_renamed; /* it may have a column of this name */
    for (const struct check_item *item = level->items; item && !*ends; item = item->next) {
        if (operand_find_in(check->plan->tables[item->table].table, name, out))
            return true;
    }
    return false;
}

static bool operand_find_column(struct check *check, const struct tree *node,
                                struct operand_column *out)
{
    bool found = false, ends = false;
    uint32_t count;
    struct str name;

    CHECK(check->level);
    if (!tree_is(node, "class", "COLUMN_REF"))
        return false;
    name = check_last_name(node, &count);
    if (count != 1 && count != 2)
        return false;
    for (const struct check_level *level = check->level; level && !found && !ends;
         level = level->outer) {
        found = count == 2 ? operand_find_qualified(check, level, node, &ends, out)
                           : operand_find_plain(check, level, name, &ends, out);
        out->level = level;
    }
    return found;
}

bool check_column_type(struct check *check, const struct tree *node, struct data_type *out)
{
    struct operand_column column;

    CHECK(out);
    if (!operand_find_column(check, node, &column))
        return false;
    *out = column.type;
    return true;
}

bool check_column_is_never_null(struct check *check, const struct tree *node)
{
    struct operand_column column;

    CHECK(node->kind == TREE_OBJECT);
    return operand_find_column(check, node, &column) && !column.level->outer_join &&
           column.table->kind != TABLE_KIND_SYSTEM &&
           column.index < column.table->schema->column_count &&
           column.table->schema->columns[column.index].not_null;
}

/* The string token that `node` stands for. */
static bool operand_token(const struct check *check, const struct tree *node, struct token *out)
{
    int64_t location = tree_location(node);
    struct lexer lexer;

    CHECK(node->kind == TREE_OBJECT);
    if (location < 0 || (uint64_t)location >= check->plan->sql.size)
        return false;
    lexer_init(&lexer, check->plan->sql);
    lexer.offset = (uint32_t)location;
    *out = lexer_next(&lexer);
    return token_is_string(out) && out->start == (uint32_t)location;
}

/* Exchanges the string at `node` for a string of this text, cast to `type`. */
static void operand_replace(struct check *check, const struct tree *node, struct str text,
                            const char *type)
{
    struct analytic_splice splice = {.kind = SPLICE_TEXT};
    struct token token;
    struct buf quoted;

    CHECK(text.data || text.size == 0);
    if (!operand_token(check, node, &token))
        return;
    buf_init(&quoted);
    splice_append_quoted(&quoted, text, '\'');
    buf_append_str(&quoted, str_from_c(type));
    splice.start = token.start;
    splice.end = token.end;
    splice.text = arena_copy(&check->plan->arena, buf_str(&quoted));
    splice_add(check->plan, &splice);
    buf_clear(&quoted);
}

/* `column` may be empty: the type is that of an expression. */
static void operand_parameter(struct check *check, const struct tree *node, struct data_type type,
                              struct str column)
{
    struct data_type *known;
    int64_t number;

    if (!str_to_int64(tree_text(node, "identifier"), &number) || number < 1 || number > UINT8_MAX)
        return;
    CHECK(check->plan->param_types);
    known = &check->plan->param_types[number];
    if (type.kind == VALUE_DECIMAL && known->kind == VALUE_DECIMAL)
        return; /* it has a scale of its own */
    if (known->kind != VALUE_NULL && !data_type_is_same(known, &type))
        check->plan->param_mixed[number] = true;
    *known = type;
    check->plan->param_columns[number] = arena_copy(&check->plan->arena, column);
}

static struct str operand_name(const struct operand_column *column)
{
    CHECK(column->table);
    return table_column_name(column->table, column->index);
}

bool check_is_quoted(const struct tree *node, struct str *text)
{
    const struct tree *value = tree_has_class(node, "CONSTANT") ? tree_get(node, "value") : NULL;
    const struct tree *type = value ? tree_get(value, "type") : NULL;

    CHECK(text);
    if (!type || !tree_is(type, "id", "VARCHAR") || !tree_get(value, "value"))
        return false;
    *text = tree_text(value, "value");
    return text->data != NULL;
}

void check_decimal_text(struct check *check, const struct tree *node)
{
    struct value number;
    struct str text;
    struct buf digits;
    char type[32];

    CHECK(!check->draft->verify);
    if (node->kind != TREE_OBJECT)
        return;
    if (tree_is(node, "class", "PARAMETER"))
        operand_parameter(check, node, (struct data_type){.kind = VALUE_DECIMAL}, STR_EMPTY);
    if (!check_is_quoted(node, &text) || !analytic_decimal(text, &number))
        return;
    buf_init(&digits);
    value_format(&number, &digits);
    snprintf(type, sizeof(type), "::DECIMAL(%u, %u)", analytic_precision(&number), number.scale);
    operand_replace(check, node, buf_str(&digits), type);
    buf_clear(&digits);
}

static void operand_apply(struct check *check, const struct operand_column *column,
                          const struct tree *node)
{
    struct str text, folded;

    CHECK(column->table);
    if (node->kind != TREE_OBJECT)
        return;
    if (tree_is(node, "class", "PARAMETER"))
        operand_parameter(check, node, column->type, operand_name(column));
    if (column->type.kind == VALUE_DECIMAL)
        check_decimal_text(check, node);
    if (column->table->kind == TABLE_KIND_SYSTEM && check_is_quoted(node, &text) &&
        system_table_fold(column->table, column->index, text, check->arena, &folded))
        operand_replace(check, node, folded, "");
}

void check_operand_pair(struct check *check, const struct tree *left, const struct tree *right)
{
    struct operand_column column;

    CHECK(!check->draft->verify);
    if (left->kind != TREE_OBJECT || right->kind != TREE_OBJECT)
        return;
    if (operand_find_column(check, left, &column))
        operand_apply(check, &column, right);
    else if (operand_find_column(check, right, &column))
        operand_apply(check, &column, left);
}

void check_operands(struct check *check, const struct tree *node)
{
    static const char *const members[] = {"left", "right", "input", "lower", "upper"};
    const struct tree *children = tree_get(node, "children");
    struct operand_column column;
    bool found = false;

    CHECK(node->kind == TREE_OBJECT);
    if (check->draft->verify)
        return;
    for (size_t i = 0; i < ARRAY_COUNT(members) && !found; i++)
        found = tree_get(node, members[i]) &&
                operand_find_column(check, tree_get(node, members[i]), &column);
    for (const struct tree *child = children ? children->child : NULL; child && !found;
         child = child->next)
        found = child->kind == TREE_OBJECT && operand_find_column(check, child, &column);
    for (size_t i = 0; i < ARRAY_COUNT(members) && found; i++) {
        if (tree_get(node, members[i]))
            operand_apply(check, &column, tree_get(node, members[i]));
    }
    for (const struct tree *child = children ? children->child : NULL; child && found;
         child = child->next)
        operand_apply(check, &column, child);
}

/* The first text of nullif has the type of the column beside it, as in PostgreSQL. */
static void operand_nullif(struct check *check, const struct tree *text_node,
                           const struct tree *other)
{
    struct operand_column column;
    struct str text;
    char type[32];

    CHECK(text_node->kind == TREE_OBJECT && other->kind == TREE_OBJECT);
    if (!check_is_quoted(text_node, &text) || !operand_find_column(check, other, &column) ||
        value_type_is_text(column.type.kind) || column.type.kind == VALUE_DECIMAL)
        return;
    snprintf(type, sizeof(type), "::%s", value_type_name(column.type.kind));
    operand_replace(check, text_node, text, type);
}

void check_text_argument(struct check *check, const struct tree *call, struct str name)
{
    const struct tree *children = tree_get(call, "children");
    const struct tree *first = children ? children->child : NULL;
    const struct tree *second = first ? first->next : NULL;
    struct str text;

    CHECK(call->kind == TREE_OBJECT);
    if (check->draft->verify || !second || first->kind != TREE_OBJECT ||
        second->kind != TREE_OBJECT)
        return;
    if (str_equal(name, STR_LIT("nullif")))
        operand_nullif(check, first, second);
    else if ((str_equal(name, STR_LIT("date_trunc")) || str_equal(name, STR_LIT("datetrunc"))) &&
             check_is_quoted(second, &text))
        operand_replace(check, second, text, "::TIMESTAMP");
}

/* DuckDB casts the third argument of lag and lead by its own rules, not by ours. */
void check_default(struct check *check, const struct tree *call)
{
    const struct tree *children = tree_get(call, "children");
    const struct tree *node = tree_get(call, "default_expr");
    struct operand_column column;
    struct str text;

    CHECK(call->kind == TREE_OBJECT);
    if (check->draft->verify || !node || !children || !children->child ||
        children->child->kind != TREE_OBJECT ||
        !operand_find_column(check, children->child, &column))
        return;
    if (tree_is(node, "class", "PARAMETER"))
        operand_parameter(check, node, column.type, operand_name(&column));
    if (!check_is_quoted(node, &text))
        return;
    if (column.type.kind == VALUE_TIMESTAMP)
        operand_replace(check, node, text, "::TIMESTAMP");
    else if (column.type.kind == VALUE_TIME)
        operand_replace(check, node, text, "::TIME");
    else if (column.type.kind == VALUE_BYTES)
        operand_replace(check, node, text, "::BLOB");
}
