/* plan_system.c — what is special about naming columns of system tables (docs/sql.md): v1 aliases
 * stand for columns or expressions, and literals compared with enumerated columns take the case of
 * what is stored. Done on the tree, before anything is compiled.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/plan.h"

#include "base/check.h"
#include "catalog/system_tables.h"

/* `table_type = 'user'`, `status IN ('Running', …)`: both sides are looked at. */
static void plan_system_compare(const struct table *table, struct arena *arena,
                                struct ast_expr *tree)
{
    bool compares = tree->kind == AST_IN ||
                    (tree->kind == AST_BINARY && (tree->op == AST_OP_EQ || tree->op == AST_OP_NE));

    CHECK(table->kind == TABLE_KIND_SYSTEM);
    for (size_t i = 0; compares && i < tree->arg_count; i++) {
        int column =
            tree->args[i]->kind == AST_COLUMN ? table_find_column(table, tree->args[i]->name) : -1;
        for (size_t k = 0; column >= 0 && k < tree->arg_count; k++) {
            struct value *literal = &tree->args[k]->value;
            if (tree->args[k]->kind == AST_LITERAL && literal->type == VALUE_TEXT &&
                !literal->is_null)
                (void)system_table_fold(table, (uint32_t)column, literal->text, arena,
                                        &literal->text);
        }
    }
}

static enum status plan_system_alias(const struct table *table, struct arena *arena,
                                     struct ast_expr **tree, struct error *err)
{
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
        sql_parse(arena_printf(arena, "SELECT %.*s", STR_ARG(text)), arena, &statement, err);
    if (status != STATUS_OK)
        return status;
    CHECK(statement->kind == AST_SELECT && statement->select.item_count == 1); /* text of ours */
    *tree = statement->select.items[0].expr;
    return STATUS_OK;
}

enum status plan_name_system(const struct table *table, struct arena *arena, struct ast_expr **tree,
                             struct error *err)
{
    CHECK(tree != NULL);
    if (*tree == NULL)
        return STATUS_OK;
    if ((*tree)->kind == AST_COLUMN)
        return plan_system_alias(table, arena, tree, err);
    for (size_t i = 0; i < (*tree)->arg_count; i++) { /* height ≤ LIMIT_AST_HEIGHT */
        enum status status = plan_name_system(table, arena, &(*tree)->args[i], err);
        if (status != STATUS_OK)
            return status;
    }
    plan_system_compare(table, arena, *tree);
    return STATUS_OK;
}

enum status plan_rewrite_system_expr(struct plan_builder *builder, struct ast_expr **tree,
                                     struct error *err)
{
    CHECK(builder->plan->table != NULL);
    return plan_name_system(builder->plan->table, &builder->plan->arena, tree, err);
}

/* Deleted users hide unless the WHERE names deleted_at. */
bool plan_names_column(const struct ast_expr *tree, struct str name)
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

/* ORDER BY the name of a result column, which goes before columns of the table. */
static bool plan_system_is_output(const struct ast_select *select, const struct ast_expr *order)
{
    if (order->kind != AST_COLUMN || !str_is_empty(order->qualifier))
        return false;
    CHECK(order->name.size > 0);
    for (size_t i = 0; i < select->item_count; i++)
        if (select->items[i].expr != NULL && str_equal(select->items[i].alias, order->name))
            return true;
    return false;
}

enum status plan_name_system_order(const struct table *table, struct arena *arena,
                                   struct ast_select *select, struct error *err)
{
    enum status status = STATUS_OK;

    CHECK(table->kind == TABLE_KIND_SYSTEM);
    for (size_t i = 0; i < select->order_count && status == STATUS_OK; i++)
        if (!plan_system_is_output(select, select->order[i].expr))
            status = plan_name_system(table, arena, &select->order[i].expr, err);
    return status;
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
    if (status == STATUS_OK)
        status = plan_name_system_order(builder->plan->table, &builder->plan->arena, select, err);
    builder->plan->with_deleted = plan_names_column(select->where, STR_LIT("deleted_at"));
    return status;
}

/* ---- changes --------------------------------------------------------------------------------- */

enum status plan_check_system_write(const struct plan *plan, const char *what, struct error *err)
{
    const struct table *table = plan->table;

    CHECK(what != NULL);
    switch (system_table_of(table)) {
    case SYSTEM_TABLE_USERS:
    case SYSTEM_TABLE_NAMESPACES:
    case SYSTEM_TABLE_STORAGES:
    case SYSTEM_TABLE_STORAGE_LOCATIONS:
        return STATUS_OK;
    default:
        return error_set(err, STATUS_INVALID_OPERATION, "%.*s.%.*s is read-only",
                         STR_ARG(table->space), STR_ARG(table->name));
    }
}

int plan_find_target(const struct table *table, struct str name)
{
    int index = table_find_column(table, name);

    CHECK(table->schema != NULL);
    if (index < 0 && table->kind == TABLE_KIND_SYSTEM)
        index = system_table_find_alias(table, name);
    return index;
}

enum status plan_check_system_target(const struct table *table, uint32_t column, int64_t position,
                                     struct error *err)
{
    CHECK(column < table_column_total(table));
    if (table->kind != TABLE_KIND_SYSTEM || system_table_is_settable(table, column))
        return STATUS_OK;
    return error_set_at(err, STATUS_INVALID_OPERATION, position,
                        "column \"%.*s\" of %.*s.%.*s is set by the server",
                        STR_ARG(table_column_name(table, column)), STR_ARG(table->space),
                        STR_ARG(table->name));
}

static enum status plan_rewrite_returning(struct plan_builder *builder,
                                          struct ast_select_item *items, size_t count,
                                          struct error *err)
{
    enum status status = STATUS_OK;

    CHECK(items != NULL || count == 0);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        if (items[i].expr == NULL)
            continue;
        if (str_is_empty(items[i].alias))
            items[i].alias = plan_item_name(&items[i]);
        status = plan_rewrite_system_expr(builder, &items[i].expr, err);
    }
    return status;
}

enum status plan_rewrite_system_change(struct plan_builder *builder, struct error *err)
{
    const struct str deleted_at = STR_LIT("deleted_at");
    struct plan *plan = builder->plan;
    struct ast_statement *tree = plan->tree;
    struct ast_update *update = &tree->update;
    enum status status = STATUS_OK;

    CHECK(plan->table->kind == TABLE_KIND_SYSTEM);
    if (tree->kind == AST_INSERT)
        return plan_rewrite_returning(builder, tree->insert.returning, tree->insert.returning_count,
                                      err);
    if (tree->kind == AST_DELETE) {
        plan->with_deleted = plan_names_column(tree->del.where, deleted_at);
        status = plan_rewrite_system_expr(builder, &tree->del.where, err);
        return status != STATUS_OK ? status
                                   : plan_rewrite_returning(builder, tree->del.returning,
                                                            tree->del.returning_count, err);
    }
    /* Whoever sets deleted_at means deleted users. */
    plan->with_deleted = plan_names_column(update->where, deleted_at);
    for (size_t i = 0; i < update->set_count && status == STATUS_OK; i++) {
        plan->with_deleted = plan->with_deleted || str_equal(update->set[i].column, deleted_at);
        status = plan_rewrite_system_expr(builder, &update->set[i].value, err);
    }
    if (status == STATUS_OK)
        status = plan_rewrite_system_expr(builder, &update->where, err);
    if (status == STATUS_OK)
        status = plan_rewrite_returning(builder, update->returning, update->returning_count, err);
    return status;
}
