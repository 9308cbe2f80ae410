/* plan_system.c — what is special about naming columns of system tables (spec §5): v1 aliases stand
 * for columns or expressions, and literals compared with enumerated columns take the case of what
 * is stored. Done on the tree, before anything is compiled.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/plan.h"

#include "base/check.h"
#include "catalog/system_tables.h"

enum system_case { SYSTEM_CASE_KEEP, SYSTEM_CASE_LOWER, SYSTEM_CASE_UPPER };

static enum system_case plan_system_case(const struct table *table, struct str column)
{
    static const char *const lower[] = {"status", "role", "job_type", "storage_type", "auth_type"};

    CHECK(table->kind == TABLE_KIND_SYSTEM);
    if (str_equal(column, STR_LIT("table_type")) || str_equal(column, STR_LIT("access")) ||
        str_equal(column, STR_LIT("kalamdb_table_type")))
        return SYSTEM_CASE_UPPER;
    if (!str_equal(table->space, STR_LIT("system")))
        return SYSTEM_CASE_KEEP;
    for (size_t i = 0; i < ARRAY_COUNT(lower); i++)
        if (str_equal(column, str_from_c(lower[i])))
            return SYSTEM_CASE_LOWER;
    return SYSTEM_CASE_KEEP;
}

static void plan_system_fold(struct arena *arena, struct ast_expr *literal, enum system_case kind)
{
    CHECK(literal->kind == AST_LITERAL && literal->value.type == VALUE_TEXT);
    struct str text = arena_copy(arena, literal->value.text);
    char *bytes = (char *)(uintptr_t)text.data;

    for (size_t i = 0; i < text.size; i++) {
        if (kind == SYSTEM_CASE_LOWER && bytes[i] >= 'A' && bytes[i] <= 'Z')
            bytes[i] = (char)(bytes[i] + ('a' - 'A'));
        if (kind == SYSTEM_CASE_UPPER && bytes[i] >= 'a' && bytes[i] <= 'z')
            bytes[i] = (char)(bytes[i] - ('a' - 'A'));
    }
    literal->value.text = text;
    if (kind == SYSTEM_CASE_UPPER && str_equal(text, STR_LIT("SYSTEM")))
        literal->value.text = STR_LIT("SYSTEM TABLE"); /* only information_schema.tables asks */
}

/* `table_type = 'user'`, `status IN ('Running', …)`: both sides are looked at. */
static void plan_system_compare(const struct plan_builder *builder, struct ast_expr *tree)
{
    const struct table *table = builder->plan->table;
    bool compares = tree->kind == AST_IN ||
                    (tree->kind == AST_BINARY && (tree->op == AST_OP_EQ || tree->op == AST_OP_NE));

    CHECK(table->kind == TABLE_KIND_SYSTEM);
    if (!compares)
        return;
    for (size_t i = 0; i < tree->arg_count; i++) {
        if (tree->args[i]->kind != AST_COLUMN)
            continue;
        enum system_case kind = plan_system_case(table, tree->args[i]->name);
        if (kind == SYSTEM_CASE_KEEP)
            continue;
        for (size_t k = 0; k < tree->arg_count; k++) {
            struct ast_expr *other = tree->args[k];
            if (other->kind != AST_LITERAL || other->value.type != VALUE_TEXT ||
                other->value.is_null)
                continue;
            bool plain = kind == SYSTEM_CASE_UPPER && str_equal(table->space, STR_LIT("system")) &&
                         str_equal_nocase(other->value.text, STR_LIT("SYSTEM"));
            plan_system_fold(&builder->plan->arena, other, kind);
            if (plain)
                other->value.text = STR_LIT("SYSTEM");
        }
    }
}

static enum status plan_system_alias(struct plan_builder *builder, struct ast_expr **tree,
                                     struct error *err)
{
    const struct table *table = builder->plan->table;
    struct ast_expr *column = *tree;

    CHECK(column->kind == AST_COLUMN);
    if (table_find_column(table, column->name) >= 0)
        return STATUS_OK;
    int index = system_table_find_alias(table, column->name);
    if (index >= 0) {
        column->name = table_column_name(table, (uint32_t)index);
        return STATUS_OK;
    }
    struct str text = system_table_alias_expression(table, column->name);
    if (str_is_empty(text))
        return STATUS_OK; /* the compiler will say that it does not exist */
    struct ast_statement *statement = NULL;
    enum status status =
        sql_parse(arena_printf(&builder->plan->arena, "SELECT %.*s", STR_ARG(text)),
                  &builder->plan->arena, &statement, err);
    if (status != STATUS_OK)
        return status;
    if (statement->kind != AST_SELECT || statement->select.item_count != 1)
        return error_set(err, STATUS_NOT_SUPPORTED, "alias column \"%.*s\" in this place",
                         STR_ARG(column->name));
    *tree = statement->select.items[0].expr;
    return STATUS_OK;
}

enum status plan_rewrite_system_expr(struct plan_builder *builder, struct ast_expr **tree,
                                     struct error *err)
{
    CHECK(tree != NULL);
    if (*tree == NULL)
        return STATUS_OK;
    if ((*tree)->kind == AST_COLUMN)
        return plan_system_alias(builder, tree, err);
    for (size_t i = 0; i < (*tree)->arg_count; i++) { /* height ≤ LIMIT_AST_HEIGHT */
        enum status status = plan_rewrite_system_expr(builder, &(*tree)->args[i], err);
        if (status != STATUS_OK)
            return status;
    }
    plan_system_compare(builder, *tree);
    return STATUS_OK;
}

/* Deleted users hide unless the WHERE names deleted_at. */
static bool plan_names_column(const struct ast_expr *tree, struct str name)
{
    CHECK(name.size > 0);
    if (tree == NULL)
        return false;
    if (tree->kind == AST_COLUMN && str_equal(tree->name, name))
        return true;
    for (size_t i = 0; i < tree->arg_count; i++)
        if (plan_names_column(tree->args[i], name))
            return true;
    return false;
}

enum status plan_rewrite_system(struct plan_builder *builder, struct ast_select *select,
                                struct error *err)
{
    enum status status = STATUS_OK;

    CHECK(builder->plan->table->kind == TABLE_KIND_SYSTEM);
    for (size_t i = 0; i < select->item_count && status == STATUS_OK; i++) {
        if (select->items[i].expr == NULL)
            continue;
        if (str_is_empty(select->items[i].alias))
            select->items[i].alias = plan_item_name(&select->items[i]);
        status = plan_rewrite_system_expr(builder, &select->items[i].expr, err);
    }
    if (status == STATUS_OK)
        status = plan_rewrite_system_expr(builder, &select->where, err);
    for (size_t i = 0; i < select->order_count && status == STATUS_OK; i++)
        status = plan_rewrite_system_expr(builder, &select->order[i].expr, err);
    builder->plan->with_deleted = plan_names_column(select->where, STR_LIT("deleted_at"));
    return status;
}
