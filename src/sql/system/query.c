/* query.c — execute_system_query: a statement about system tables that carries every value with it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/sql_internal.h"

#include "base/check.h"
#include "sql/binder.h"

static bool query_is_system(const struct ast_name *name, const struct sql_caller *caller)
{
    struct str space = str_is_empty(name->space) ? caller->space : name->space;

    CHECK(space.size > 0);
    return binder_is_system_space(space);
}

/* Statements whose effect depends on nothing but system rows. */
static bool query_is_allowed(const struct ast_statement *tree, const struct sql_caller *caller)
{
    CHECK(caller != NULL);
    switch (tree->kind) {
    case AST_SELECT:
    case AST_ANALYTIC:
    case AST_CREATE_NAMESPACE:
    case AST_ALTER_NAMESPACE:
    case AST_DROP_NAMESPACE:
        return tree->kind != AST_DROP_NAMESPACE || !tree->name_space.cascade;
    case AST_INSERT:
        return query_is_system(&tree->insert.table, caller);
    case AST_UPDATE:
        return query_is_system(&tree->update.table, caller);
    case AST_DELETE:
        return query_is_system(&tree->del.table, caller);
    default:
        return false;
    }
}

static enum status query_check(const struct system_query *query, struct error *err)
{
    struct ast_statement *tree = NULL;
    struct arena arena;

    CHECK(query->now_us > 0);
    arena_init(&arena, 0);
    enum status status = sql_parse(query->sql, &arena, &tree, err);
    if (status == STATUS_OK && !query_is_allowed(tree, &query->caller))
        status =
            error_set(err, STATUS_INVALID_OPERATION, "this is no statement about system tables");
    arena_clear(&arena);
    return status;
}

enum status execute_system_query(struct sql_engine *engine, const struct system_query *query,
                                 const struct sql_sink *sink, struct sql_outcome *outcome,
                                 struct error *err)
{
    enum status status = query_check(query, err);

    CHECK(sink != NULL && outcome != NULL);
    if (status != STATUS_OK)
        return status;
    struct sql_run_options options = {.caller = query->caller,
                                      .text = query->sql,
                                      .params = query->params,
                                      .param_count = query->param_count,
                                      .sink = *sink,
                                      .now_us = query->now_us};
    struct sql_run *run = sql_run_new(engine, &options);
    enum sql_step step = sql_run_step(run, true); /* system rows are committed by waiting */
    CHECK(step == SQL_STEP_DONE || step == SQL_STEP_FAILED);
    if (step == SQL_STEP_FAILED) {
        *err = *sql_run_error(run);
        status = err->code;
    }
    *outcome = *sql_run_outcome(run);
    outcome->as_user = query->caller.user;
    outcome->new_space = outcome->table = STR_EMPTY; /* lie in the run */
    sql_run_free(run);
    return status;
}
