/* check_operand.c — literals and parameters that stand beside a column in a comparison.
 *
 * Five things are decided by the column, not by the literal, and DuckDB decides them otherwise: a
 * timestamp's offset counts (DuckDB drops it), the seventh digit of a fraction rounds (DuckDB
 * cuts), bytes are written in hex or base64, a text parameter has the column's type, and enumerated
 * columns of system tables ignore case. The column is looked for among the tables of the same
 * SELECT only; anything else is left to DuckDB.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/analytic/check.h"

#include "base/check.h"
#include "catalog/system_tables.h"
#include "sql/syntax/lexer.h"
#include "value/text.h"

struct operand_column {
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
        *out = (struct operand_column){table, i, table_column_type(table, i)};
        return true;
    }
    int alias = table->kind == TABLE_KIND_SYSTEM ? system_table_find_alias(table, name) : -1;
    if (alias >= 0)
        *out = (struct operand_column){table, (uint32_t)alias,
                                       table_column_type(table, (uint32_t)alias)};
    return alias >= 0;
}

/* BLOB and BYTEA are DuckDB's own names, BYTES and the like are not bound yet. */
static bool operand_is_bytes(const struct tree *type)
{
    const struct tree *info = tree_get(type, "type_info");
    const char *rewritten = info ? allow_type_rewrite(tree_text(info, "name"), true) : NULL;

    CHECK(type->kind == TREE_OBJECT);
    return tree_is(type, "id", "BLOB") ||
           (rewritten && str_equal(str_from_c(rewritten), STR_LIT("BLOB")));
}

/* What is cast says the type as well as a column does. */
static bool operand_find_cast(const struct tree *type, struct operand_column *out)
{
    enum value_type kind = VALUE_BYTES;

    CHECK(out);
    if (type && tree_is(type, "id", "TIMESTAMP"))
        kind = VALUE_TIMESTAMP;
    else if (type && tree_is(type, "id", "TIME"))
        kind = VALUE_TIME;
    else if (!type || !operand_is_bytes(type))
        return false;
    *out = (struct operand_column){.type = {.kind = kind}};
    return true;
}

static bool operand_find_column(struct check *check, const struct tree *node,
                                struct operand_column *out)
{
    const struct check_item *item;
    uint32_t count;
    struct str name;

    CHECK(check->level);
    if (tree_is(node, "class", "CAST"))
        return operand_find_cast(tree_get(node, "cast_type"), out);
    if (!tree_is(node, "class", "COLUMN_REF"))
        return false;
    name = check_last_name(node, &count);
    if (count == 2) {
        item = check_find_item(check->level, tree_get(node, "column_names")->child->text);
        return item && item->table >= 0 && !item->is_renamed &&
               operand_find_in(check->plan->tables[item->table].table, name, out);
    }
    if (count != 1)
        return false;
    for (item = check->level->items; item; item = item->next) {
        if (item->table < 0 || item->is_renamed) /* it may have a column of this name */
            return false;
    }
    for (item = check->level->items; item; item = item->next) {
        if (operand_find_in(check->plan->tables[item->table].table, name, out))
            return true;
    }
    return false;
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
    return (token_is_string(out) || out->kind == TOKEN_BYTES) && out->start == (uint32_t)location;
}

/* Exchanges the string at `node` for a string of this text, or for bytes. */
static void operand_replace(struct check *check, const struct tree *node, struct str text,
                            const char *type)
{
    struct analytic_splice splice = {.kind = SPLICE_TEXT};
    struct token token;
    struct buf quoted;

    CHECK(text.data || text.size == 0);
    if (!operand_token(check, node, &token) || token.kind == TOKEN_BYTES)
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

/* Does a time name an offset, or more digits behind its point than are kept? */
static bool operand_time_differs(struct str time)
{
    size_t at = str_find(time, STR_LIT(".")), digits = 0;

    CHECK(time.data || time.size == 0);
    while (at < time.size && ++at < time.size && time.data[at] >= '0' && time.data[at] <= '9')
        digits++;
    return digits > 6 || str_find(time, STR_LIT("+")) != SIZE_MAX ||
           str_find(time, STR_LIT("-")) != SIZE_MAX;
}

/* `2026-01-01T12:00:00+02:00` → the same moment in UTC, `12:00:00.1234567` → the nearest µs. */
static void operand_time(struct check *check, const struct tree *node, struct str text,
                         enum value_type kind)
{
    const struct data_type type = {.kind = kind};
    const size_t date = kind == VALUE_TIMESTAMP ? 10 : 0; /* YYYY-MM-DD */
    struct value value;
    struct error ignored;
    struct buf out;

    CHECK(text.data || text.size == 0);
    if (text.size <= date || !operand_time_differs(str_from(text.data + date, text.size - date)))
        return;
    if (value_parse(text, &type, check->arena, &value, &ignored) != STATUS_OK)
        return;
    buf_init(&out);
    value_format(&value, &out);
    operand_replace(check, node, buf_str(&out), "");
    buf_clear(&out);
}

/* `0x00ff`, `\x00ff` and base64 → the form of bytes that DuckDB reads. */
static enum status operand_bytes(struct check *check, const struct tree *node, struct str text)
{
    const struct data_type type = {.kind = VALUE_BYTES};
    struct value value;
    struct token token;
    struct buf out;

    CHECK(text.data || text.size == 0);
    if (operand_token(check, node, &token) && token.kind == TOKEN_BYTES)
        return STATUS_OK; /* X'…' is exchanged by itself */
    enum status status = value_parse(text, &type, check->arena, &value, check->err);
    if (status != STATUS_OK)
        return status;
    buf_init(&out);
    for (size_t i = 0; i < value.text.size; i++)
        buf_printf(&out, "\\x%02X", (unsigned char)value.text.data[i]);
    operand_replace(check, node, buf_str(&out), "::BLOB");
    buf_clear(&out);
    return STATUS_OK;
}

static void operand_parameter(struct check *check, const struct tree *node,
                              const struct operand_column *column)
{
    struct data_type type = column->type, *known;
    int64_t number;

    if (!str_to_int64(tree_text(node, "identifier"), &number) || number < 1 || number > UINT8_MAX)
        return;
    CHECK(check->plan->param_types);
    known = &check->plan->param_types[number];
    if (known->kind != VALUE_NULL && !data_type_is_same(known, &type))
        check->plan->param_mixed[number] = true;
    *known = type;
    if (column->table)
        check->plan->param_columns[number] =
            arena_copy(&check->plan->arena, table_column_name(column->table, column->index));
}

static bool operand_literal(const struct tree *node, struct str *text)
{
    const struct tree *value = tree_is(node, "class", "CONSTANT") ? tree_get(node, "value") : NULL;
    const struct tree *type = value ? tree_get(value, "type") : NULL;

    CHECK(text);
    if (!type || !tree_is(type, "id", "VARCHAR") || !tree_get(value, "value"))
        return false;
    *text = tree_text(value, "value");
    return text->data != NULL;
}

static enum status operand_apply(struct check *check, const struct operand_column *column,
                                 const struct tree *node)
{
    struct str text, folded;

    CHECK(column->type.kind != VALUE_NULL);
    if (node->kind != TREE_OBJECT)
        return STATUS_OK;
    if (tree_is(node, "class", "PARAMETER"))
        operand_parameter(check, node, column);
    if (!operand_literal(node, &text))
        return STATUS_OK;
    if (column->type.kind == VALUE_TIMESTAMP || column->type.kind == VALUE_TIME)
        operand_time(check, node, text, column->type.kind);
    else if (column->type.kind == VALUE_BYTES)
        return operand_bytes(check, node, text);
    else if (column->table && column->table->kind == TABLE_KIND_SYSTEM &&
             system_table_fold(column->table, column->index, text, check->arena, &folded))
        operand_replace(check, node, folded, "");
    return STATUS_OK;
}

/* CAST('…+02' AS TIMESTAMP), CAST('\\x00' AS BYTES), or a parameter in the literal's place */
static enum status operand_cast(struct check *check, const struct tree *child,
                                const struct tree *type)
{
    struct operand_column column;
    enum status status = STATUS_OK;

    CHECK(!check->draft->verify);
    if (child && operand_find_cast(type, &column))
        status = operand_apply(check, &column, child);
    if (status == STATUS_TYPE_MISMATCH) { /* DuckDB casts the characters themselves */
        if (check->err)
            error_clear(check->err);
        status = STATUS_OK;
    }
    return status;
}

enum status check_operands(struct check *check, const struct tree *node)
{
    static const char *const members[] = {"left", "right", "input", "lower", "upper"};
    const struct tree *children = tree_get(node, "children");
    struct operand_column column;
    enum status status = STATUS_OK;
    bool found = false;

    CHECK(node->kind == TREE_OBJECT);
    if (check->draft->verify)
        return STATUS_OK;
    if (tree_is(node, "class", "CAST"))
        return operand_cast(check, tree_get(node, "child"), tree_get(node, "cast_type"));
    for (size_t i = 0; i < ARRAY_COUNT(members) && !found; i++)
        found = tree_get(node, members[i]) &&
                operand_find_column(check, tree_get(node, members[i]), &column);
    for (const struct tree *child = children ? children->child : NULL; child && !found;
         child = child->next)
        found = child->kind == TREE_OBJECT && operand_find_column(check, child, &column);
    for (size_t i = 0; i < ARRAY_COUNT(members) && found && status == STATUS_OK; i++) {
        if (tree_get(node, members[i]))
            status = operand_apply(check, &column, tree_get(node, members[i]));
    }
    for (const struct tree *child = children ? children->child : NULL;
         child && found && status == STATUS_OK; child = child->next)
        status = operand_apply(check, &column, child);
    return status;
}

static bool operand_is_text_written(const struct operand_column *column)
{
    enum value_type kind = column->type.kind;

    CHECK(kind != VALUE_NULL);
    return kind == VALUE_TIMESTAMP || kind == VALUE_TIME || kind == VALUE_BYTES;
}

enum status check_alternatives(struct check *check, const struct tree *node)
{
    const bool is_case = tree_is(node, "class", "CASE");
    const struct tree *list = tree_get(node, is_case ? "case_checks" : "children");
    const struct tree *last = is_case ? tree_get(node, "else_expr") : NULL, *value;
    struct operand_column column;
    enum status status = STATUS_OK;
    bool found = last && last->kind == TREE_OBJECT && operand_find_column(check, last, &column);

    CHECK(!check->draft->verify);
    for (const struct tree *one = list ? list->child : NULL; one && !found; one = one->next) {
        value = is_case ? tree_get(one, "then_expr") : one;
        found = value && value->kind == TREE_OBJECT && operand_find_column(check, value, &column);
    }
    if (!found || !operand_is_text_written(&column))
        return STATUS_OK;
    for (const struct tree *one = list ? list->child : NULL; one && status == STATUS_OK;
         one = one->next) {
        value = is_case ? tree_get(one, "then_expr") : one;
        if (value && !tree_is(value, "class", "PARAMETER"))
            status = operand_apply(check, &column, value);
    }
    if (status == STATUS_OK && last && !tree_is(last, "class", "PARAMETER"))
        status = operand_apply(check, &column, last);
    return status;
}
