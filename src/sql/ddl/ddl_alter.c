/* ddl_alter.c — ALTER TABLE (docs/sql.md): who may, what it refers to, and the frame around
 * ddl_alter_edit.c, which makes the next schema version.
 *
 * Subscriptions: a column that one of them names is neither dropped, renamed nor modified. From
 * that check to the commit live/ keeps out new ones that name such a column
 * (services.live_fence_begin), so that none comes to be in between.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/ddl/ddl_alter.h"

#include "base/check.h"
#include "sql/binder.h"
#include "store/ddl.h"

enum { ALTER_LIST_MAX = 10, ALTER_CHECK_ROWS = 256 };

/* ---- callbacks of store/ddl.h ---------------------------------------------------------------- */

static enum status alter_build(void *context, const struct table *table, struct table **next,
                               struct error *err)
{
    struct alter *alter = context;

    CHECK(alter->tree != NULL);
    return alter_edit(alter, table, next, err);
}

static bool alter_needs_check(void *context)
{
    const struct alter *alter = context;

    CHECK(alter->run != NULL);
    return alter->filled_by.size > 0 || alter->required_count > 0;
}

/* Index of the column with this id in the schema the row is shown with. */
static uint32_t alter_column_index(const struct table_schema *schema, uint32_t id)
{
    uint32_t index = 0;

    while (index < schema->column_count && schema->columns[index].id != id)
        index++;
    CHECK(index < schema->column_count);
    return index;
}

static enum status alter_check_row(void *context, const struct row *row, struct arena *scratch,
                                   struct error *err)
{
    struct alter *alter = context;
    const struct table_schema *schema = row->table->schema;
    struct value value;

    if (alter->filled_by.size > 0)
        return error_set_at(err, STATUS_INVALID_SCHEMA_EVOLUTION, alter->filled_at,
                            "column \"%.*s\" is NOT NULL without a DEFAULT, but table "
                            "\"%.*s.%.*s\" holds rows",
                            STR_ARG(alter->filled_by), STR_ARG(row->table->space),
                            STR_ARG(row->table->name));
    for (uint32_t i = 0; i < alter->required_count; i++) {
        uint32_t index = alter_column_index(schema, alter->required[i]);
        row_column(row, index, scratch, &value);
        if (value.is_null)
            return error_set(err, STATUS_INVALID_SCHEMA_EVOLUTION,
                             "column \"%.*s\" cannot become NOT NULL: it holds NULL in a row",
                             STR_ARG(schema->columns[index].name));
    }
    CHECK(alter->required_count > 0);
    return ++alter->rows_seen % ALTER_CHECK_ROWS == 0 ? run_check(alter->run, err) : STATUS_OK;
}

static enum status alter_conflict(const struct table *table, const struct sql_live_fence *fence,
                                  struct error *err)
{
    struct buf list;

    CHECK(fence->count > 0);
    buf_init(&list);
    for (size_t i = 0; i < fence->count && i < ALTER_LIST_MAX; i++)
        buf_printf(&list, "%s(connection_id %.*s, query_id %.*s)", i > 0 ? ", " : "",
                   STR_ARG(fence->entries[i].connection_id), STR_ARG(fence->entries[i].query_id));
    enum status status = error_set(
        err, STATUS_CONFLICT,
        "cannot alter table '%.*s.%.*s': %zu active subscription(s) name a column that is "
        "dropped, renamed or modified: %.*s%s",
        STR_ARG(table->space), STR_ARG(table->name), fence->count, STR_ARG(buf_str(&list)),
        fence->count > ALTER_LIST_MAX ? ", …" : "");
    buf_clear(&list);
    return status;
}

/* Under the catalogue lock, right before the change. */
static enum status alter_before_commit(void *context, const struct table *table, struct error *err)
{
    struct alter *alter = context;
    const struct sql_services *services = &alter->run->engine->services;

    if (alter->touched_count == 0 || services->live_fence_begin == NULL)
        return STATUS_OK;
    CHECK(!alter->fence.stands && services->live_fence_end != NULL);
    alter->fence = (struct sql_live_fence){.table = table->id,
                                           .column_ids = alter->touched,
                                           .column_count = alter->touched_count,
                                           .arena = &alter->run->arena};
    services->live_fence_begin(services->context, &alter->fence);
    return alter->fence.count == 0 ? STATUS_OK : alter_conflict(table, &alter->fence, err);
}

/* ---- the statement --------------------------------------------------------------------------- */

static enum status alter_check_kind(const struct ast_alter_table *tree, const struct table *table,
                                    struct error *err)
{
    CHECK(table != NULL);
    if (table->kind == TABLE_KIND_SYSTEM)
        return error_set_at(err, STATUS_PERMISSION_DENIED, tree->name.start,
                            "permission denied: system tables cannot be altered");
    if (table->kind == TABLE_KIND_STREAM)
        return error_set_at(err, STATUS_INVALID_OPERATION, tree->name.start,
                            "stream table '%.*s.%.*s' cannot be altered: drop it and create it "
                            "anew",
                            STR_ARG(table->space), STR_ARG(table->name));
    if (drop_kind_fits(tree->kind, table->kind))
        return STATUS_OK;
    return error_set_at(err, STATUS_INVALID_OPERATION, tree->name.start,
                        "table '%.*s.%.*s' is a %s table", STR_ARG(table->space),
                        STR_ARG(table->name), table_kind_name(table->kind));
}

/* Role service, and whoever may not write to a shared table may not change it either. */
static enum status alter_check_rights(struct sql_run *run, const struct table *table,
                                      struct error *err)
{
    const struct ast_name *name = &run->plan->tree->alter_table.name;
    enum status status = run_require_role(run, ROLE_SERVICE, "ALTER TABLE", err);
    struct str instance;

    CHECK(table == NULL || table->kind != TABLE_KIND_SYSTEM);
    if (status != STATUS_OK || table == NULL || table->kind != TABLE_KIND_SHARED)
        return status;
    return binder_authorize(run->engine, &run->caller, table, STR_EMPTY, true, name->start,
                            &instance, err);
}

static void alter_report(struct sql_run *run, const struct alter *alter, const struct table *table)
{
    CHECK(table != NULL);
    if (!alter->changes)
        run_message(run, "Table '%.*s.%.*s': nothing was changed", STR_ARG(table->space),
                    STR_ARG(table->name));
    else if (alter->version > table->schema->version)
        run_message(run, "Table '%.*s.%.*s' altered, schema version %u", STR_ARG(table->space),
                    STR_ARG(table->name), alter->version);
    else
        run_message(run, "Table '%.*s.%.*s' altered", STR_ARG(table->space), STR_ARG(table->name));
}

static enum status alter_table(struct sql_run *run, const struct table *table, struct error *err)
{
    const struct sql_services *services = &run->engine->services;
    struct alter alter = {.run = run, .tree = &run->plan->tree->alter_table};
    struct ddl_alter change = {
        .table = table->id,
        .build = alter_build,
        .needs_check = alter_needs_check,
        .check_row = alter_check_row,
        .before_commit = alter_before_commit,
        .context = &alter,
        .cancelled = &run->cancelled,
        .sql = run->text,
        .now_us = run->now_us,
    };
    struct error *failure = err;

    CHECK(alter.tree->action_count + alter.tree->option_count > 0);
    enum status status = ddl_alter_table(run->engine->store, &change, failure);
    if (alter.fence.stands)
        services->live_fence_end(services->context, &alter.fence);
    if (status == STATUS_STALE)
        return error_set(err, STATUS_TRANSACTION_CONFLICT,
                         "rows of table '%.*s.%.*s' change faster than they can be checked; try "
                         "again",
                         STR_ARG(table->space), STR_ARG(table->name));
    if (status == STATUS_TABLE_NOT_FOUND) /* dropped meanwhile */
        return binder_table_not_found(table->space, table->name, alter.tree->name.start, err);
    if (status != STATUS_OK)
        return status;
    if (alter.changes && services->table_changed != NULL)
        services->table_changed(services->context, table->id);
    alter_report(run, &alter, table);
    return STATUS_OK;
}

enum status alter_table_run(struct sql_run *run, struct error *err)
{
    const struct ast_alter_table *tree = &run->plan->tree->alter_table;
    struct str space = str_is_empty(tree->name.space) ? run->caller.space : tree->name.space;
    const struct table *table =
        catalog_find_table(view_catalog(run->view), space, tree->name.table);
    enum status status = STATUS_OK;

    CHECK(space.size > 0);
    if (table != NULL)
        status = alter_check_kind(tree, table, err);
    if (status == STATUS_OK)
        status = alter_check_rights(run, table, err);
    if (status != STATUS_OK)
        return status;
    if (table == NULL && tree->if_exists) {
        run_message(run, "Table '%.*s.%.*s' does not exist, nothing was changed", STR_ARG(space),
                    STR_ARG(tree->name.table));
        return STATUS_OK;
    }
    if (table == NULL)
        return binder_table_not_found(space, tree->name.table, tree->name.start, err);
    return alter_table(run, table, err);
}
