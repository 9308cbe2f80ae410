/* live_system.c — live queries on stored system tables: who may, what their rows show.
 *
 * The stream carries rows as they are stored; SELECT shows some columns otherwise: secrets as ***,
 * a schema's id without its leading zeros. A live query shows the same, in its filter too. Columns
 * that are counted for each SELECT are not stored, so they cannot be live. Deleted users hide
 * unless the WHERE names deleted_at.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/live_internal.h"

#include "base/check.h"
#include "catalog/system_tables.h"
#include "sql/binder.h"
#include "sql/exec/plan.h"

enum status live_system_check(const struct sql_engine *engine, const struct sql_caller *caller,
                              const struct table *table, struct error *err)
{
    CHECK(table->kind == TABLE_KIND_SYSTEM);
    if (table->rows == NULL)
        return error_set(err, STATUS_NOT_SUPPORTED,
                         "%.*s.%.*s is computed: a live query on it is not supported",
                         STR_ARG(table->space), STR_ARG(table->name));
    if (!binder_has_role(engine, caller, ROLE_DBA))
        return error_set(err, STATUS_PERMISSION_DENIED,
                         "permission denied: live queries on system tables are for dba and system");
    return STATUS_OK;
}

bool live_system_is_computed(const struct table *table, struct str column)
{
    CHECK(column.size > 0);
    switch (system_table_of(table)) {
    case SYSTEM_TABLE_NAMESPACES:
        return str_equal(column, STR_LIT("table_count"));
    case SYSTEM_TABLE_STORAGES:
        return str_equal(column, STR_LIT("usage_count"));
    default:
        return false;
    }
}

static enum status live_system_refuse(const struct table *table, const struct ast_expr *tree,
                                      struct error *err)
{
    if (tree == NULL)
        return STATUS_OK;
    CHECK(tree->height <= LIMIT_AST_HEIGHT);
    if (tree->kind == AST_COLUMN && live_system_is_computed(table, tree->name))
        return error_set_at(err, STATUS_NOT_SUPPORTED, tree->start,
                            "column \"%.*s\" is counted for each SELECT: it is not supported in a "
                            "live query",
                            STR_ARG(tree->name));
    for (size_t i = 0; i < tree->arg_count; i++) {
        enum status status = live_system_refuse(table, tree->args[i], err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

enum status live_system_name(const struct table *table, struct arena *arena,
                             struct ast_select *select, struct error *err)
{
    enum status status = plan_name_system(table, arena, &select->where, err);

    CHECK(table->kind == TABLE_KIND_SYSTEM);
    for (size_t i = 0; i < select->item_count && status == STATUS_OK; i++) {
        struct ast_select_item *item = &select->items[i];
        if (item->expr == NULL)
            continue;
        if (item->expr->kind == AST_COLUMN && str_is_empty(item->alias))
            item->alias = item->expr->name;
        status = plan_name_system(table, arena, &item->expr, err);
        if (status == STATUS_OK)
            status = live_system_refuse(table, item->expr, err);
    }
    if (status == STATUS_OK)
        status = live_system_refuse(table, select->where, err);
    if (status == STATUS_OK)
        status = plan_name_system_order(table, arena, select, err);
    for (size_t i = 0; i < select->order_count && status == STATUS_OK; i++)
        status = live_system_refuse(table, select->order[i].expr, err);
    return status;
}

static bool live_system_is_secret(const struct table *table, struct str column)
{
    switch (system_table_of(table)) {
    case SYSTEM_TABLE_USERS:
        CHECK(column.size > 0);
        return str_equal(column, STR_LIT("password_hash")) || str_equal(column, STR_LIT("api_key"));
    case SYSTEM_TABLE_STORAGES:
        return str_equal(column, STR_LIT("credentials"));
    default:
        return false;
    }
}

void live_system_show(const struct table *table, uint32_t index, struct arena *arena,
                      struct value *value)
{
    CHECK(table->kind == TABLE_KIND_SYSTEM);
    if (value->is_null || index >= table->schema->column_count)
        return;
    struct str name = table->schema->columns[index].name;
    if (live_system_is_secret(table, name))
        value->text = STR_LIT("***");
    else if (system_table_of(table) == SYSTEM_TABLE_TABLE_SCHEMAS && index == 0)
        value->text = schema_id_show(value->text, arena);
}

bool live_system_hides(const struct live_plan *plan, const struct row *row, struct arena *arena)
{
    struct value deleted_at;

    if (system_table_of(plan->table) != SYSTEM_TABLE_USERS || plan->shape->names_deleted)
        return false;
    int column = table_find_column(plan->table, STR_LIT("deleted_at"));
    CHECK(column >= 0);
    row_column(row, (uint32_t)column, arena, &deleted_at);
    return !deleted_at.is_null;
}
