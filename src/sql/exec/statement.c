/* statement.c — everything that is neither a query nor a change of rows goes from here to its file.
 *
 * USE, EXECUTE AS, BEGIN and the like are answered at once; all else waits for a worker.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/run.h"

#include "base/check.h"
#include "base/log.h"
#include "sql/binder.h"

enum status run_require_role(const struct sql_run *run, enum role role, const char *what,
                             struct error *err)
{
    CHECK(what != NULL);
    if (binder_has_role(run->engine, &run->caller, role))
        return STATUS_OK;
    return error_set(err, STATUS_PERMISSION_DENIED, "permission denied: %s requires the role %s",
                     what, role_name(role));
}

enum status run_not_supported(const char *what, struct error *err)
{
    CHECK(what != NULL);
    return error_set(err, STATUS_NOT_SUPPORTED, "%s is not supported in this version", what);
}

enum status run_substitute(struct sql_run *run, struct str text, struct error *err)
{
    CHECK(run->options.param_count == 0);
    run->text = text;
    return run_again(run, true, err);
}

enum status use_run(struct sql_run *run, struct error *err)
{
    struct str name = run->plan->tree->name_space.name;

    CHECK(run->view != NULL);
    if (!binder_is_system_space(name) &&
        catalog_find_namespace(view_catalog(run->view), name) == NULL)
        return error_set(err, STATUS_NAMESPACE_NOT_FOUND,
                         "namespace not found: Namespace '%.*s' does not exist", STR_ARG(name));
    run->outcome.new_space = arena_copy(&run->arena, name);
    run_message(run, "Using namespace %.*s", STR_ARG(name));
    return STATUS_OK;
}

/* ---- EXECUTE AS ------------------------------------------------------------------------------ */

/* Oneself; system anyone; dba all but system; service service and user. */
static bool execute_as_allowed(const struct sql_run *run, const struct user *target)
{
    CHECK(target != NULL);
    if (str_equal(target->id, run->caller.user))
        return true;
    switch (run->caller.role) {
    case ROLE_SYSTEM:
        return true;
    case ROLE_DBA:
        return target->role <= ROLE_DBA;
    case ROLE_SERVICE:
        return target->role <= ROLE_SERVICE;
    case ROLE_USER:
        return false;
    }
    UNREACHABLE("role");
}

static enum status execute_as_run(struct sql_run *run, bool may_block, struct error *err)
{
    const struct ast_statement *tree = run->plan->tree;
    struct str name = tree->execute_as.user;
    const struct user *user = catalog_find_user(view_catalog(run->view), name);

    CHECK(tree->kind == AST_EXECUTE_AS);
    /* Before anything else, so that it does not tell who exists. */
    if (run->caller.role == ROLE_USER && !str_equal(name, run->caller.user))
        return error_set(err, STATUS_PERMISSION_DENIED,
                         "permission denied: EXECUTE AS another user requires the role service");
    if (user == NULL || user->deleted_at != 0)
        return error_set(err, STATUS_USER_NOT_FOUND, "user not found: User '%.*s' does not exist",
                         STR_ARG(name));
    if (!execute_as_allowed(run, user))
        return error_set(err, STATUS_PERMISSION_DENIED,
                         "permission denied: role %s may not execute as '%.*s'",
                         role_name(run->caller.role), STR_ARG(name));
    log_info("%.*s executes as %.*s", STR_ARG(run->caller.actor), STR_ARG(name));
    run->caller.user = arena_copy(&run->arena, name);
    run->caller.role = ROLE_USER;
    run->caller.executes_as = true;
    run->outcome.as_user = run->caller.user;
    run->text = arena_copy(&run->arena, tree->execute_as.inner->text);
    return run_again(run, may_block, err);
}

/* ---- CLEAR CACHE ----------------------------------------------------------------------------- */

static enum status clear_cache_run(struct sql_run *run, struct error *err)
{
    const struct sql_column columns[] = {
        {.name = STR_LIT("cache"), .type = {.kind = VALUE_TEXT}},
        {.name = STR_LIT("entries_removed"), .type = {.kind = VALUE_BIGINT}},
    };
    enum status status = run_require_role(run, ROLE_DBA, "CLEAR CACHE", err);

    if (status != STATUS_OK)
        return status;
    size_t count = sql_engine_clear_cache(run->engine);
    status = run_send_columns(run, columns, ARRAY_COUNT(columns), err);
    if (status != STATUS_OK)
        return status;
    CHECK(count <= INT64_MAX);
    struct value values[] = {value_text(VALUE_TEXT, STR_LIT("plan")),
                             value_integer(VALUE_BIGINT, (int64_t)count)};
    return run_send_row(run, values, err);
}

/* ---- dispatch -------------------------------------------------------------------------------- */

static enum status statement_dispatch(struct sql_run *run, struct error *err)
{
    switch (run->plan->tree->kind) {
    case AST_CREATE_NAMESPACE:
    case AST_ALTER_NAMESPACE:
    case AST_DROP_NAMESPACE:
        return namespace_run(run, err);
    case AST_CREATE_TABLE:
        return create_table_run(run, err);
    case AST_DROP_TABLE:
        return drop_table_run(run, err);
    case AST_ALTER_TABLE:
        return alter_table_run(run, err);
    case AST_EXPLAIN:
        return explain_run(run, err);
    case AST_BACKUP:
        return backup_statement_run(run, err);
    case AST_FLUSH:
        return flush_run(run, err);
    case AST_SHOW:
        return show_run(run, err);
    case AST_DESCRIBE:
        return describe_run(run, err);
    case AST_CREATE_USER:
    case AST_ALTER_USER:
    case AST_DROP_USER:
        return users_run(run, err);
    case AST_CREATE_STORAGE:
    case AST_ALTER_STORAGE:
    case AST_DROP_STORAGE:
    case AST_CHECK_STORAGE:
        return storages_run(run, err);
    case AST_KILL_JOB:
    case AST_KILL_LIVE_QUERY:
        return kill_run(run, err);
    case AST_SUBSCRIBE:
        return subscribe_run(run, err);
    case AST_CLEAR_CACHE:
        return clear_cache_run(run, err);
    case AST_USE:
    case AST_EXECUTE_AS:
    case AST_BEGIN:
    case AST_COMMIT:
    case AST_ROLLBACK:
    case AST_SELECT:
    case AST_ANALYTIC:
    case AST_INSERT:
    case AST_UPDATE:
    case AST_DELETE:
        break;
    }
    CHECK(run->plan->kind == PLAN_STATEMENT);
    return run_not_supported("this statement", err);
}

/* Statements that change what others see leave a line in the log: who, and what came of it. Their
 * text is not written: it may hold a password. */
static bool statement_is_logged(enum ast_statement_kind kind)
{
    switch (kind) {
    case AST_CREATE_NAMESPACE:
    case AST_ALTER_NAMESPACE:
    case AST_DROP_NAMESPACE:
    case AST_CREATE_TABLE:
    case AST_DROP_TABLE:
    case AST_ALTER_TABLE:
    case AST_CREATE_USER:
    case AST_ALTER_USER:
    case AST_DROP_USER:
    case AST_BACKUP:
    case AST_KILL_JOB:
    case AST_KILL_LIVE_QUERY:
    case AST_CLEAR_CACHE:
        return true;
    default:
        return false;
    }
}

static enum status statement_on_worker(struct sql_run *run, struct error *err)
{
    enum ast_statement_kind kind = run->plan->tree->kind; /* EXPLAIN goes on with another plan */
    enum status status = statement_dispatch(run, err);

    CHECK(run->state != RUN_ENDED);
    if (status == STATUS_OK && statement_is_logged(kind))
        log_info("by %.*s: %s", STR_ARG(run->caller.actor),
                 run->outcome.message[0] != 0 ? run->outcome.message : "done");
    return status;
}

enum status statement_run(struct sql_run *run, bool may_block, struct error *err)
{
    CHECK(run->plan->kind == PLAN_STATEMENT);
    enum status status = transaction_allows(run, err);
    if (status != STATUS_OK)
        return status;
    switch (run->plan->tree->kind) {
    case AST_USE:
        return use_run(run, err);
    case AST_EXECUTE_AS:
        return execute_as_run(run, may_block, err);
    case AST_BEGIN:
    case AST_COMMIT:
    case AST_ROLLBACK:
        return transaction_run(run, may_block, err);
    default:
        return may_block ? statement_on_worker(run, err) : STATUS_WOULD_BLOCK;
    }
}
