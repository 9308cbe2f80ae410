/* transaction.c — BEGIN, COMMIT and ROLLBACK, and what may stand between them.
 *
 * The transaction belongs to the request (sql_run_options.transaction); each run between BEGIN and
 * COMMIT reads its view and applies its changes to it. COMMIT looks up at a newer view what the
 * commit thread must know about cold keys, submits all versions as one request, and comes back
 * here. When a flush was installed meanwhile the request is STALE and prepared again; the
 * transaction itself stays as it is.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/run.h"

#include "base/check.h"

static enum status transaction_run_begin(struct sql_run *run, struct error *err)
{
    if (run->options.transaction == NULL)
        return run_not_supported("BEGIN here", err);
    CHECK(*run->options.transaction == NULL);
    *run->options.transaction = transaction_begin(run->engine->store);
    run_message(run, "Transaction started");
    return STATUS_OK;
}

void transaction_abandon(struct sql_run *run)
{
    struct transaction *transaction = run_transaction(run);

    CHECK(run->state != RUN_COMMITTING);
    if (transaction == NULL)
        return;
    transaction_end(transaction);
    *run->options.transaction = NULL;
}

static enum status transaction_run_commit(struct sql_run *run, bool may_block, struct error *err)
{
    struct transaction *transaction = run_transaction(run);

    CHECK(transaction != NULL);
    if (!may_block && transaction_row_count(transaction) > RUN_INLINE_WRITES)
        return STATUS_WOULD_BLOCK;
    view_release(run->view);
    run->view = view_acquire(run->engine->store);
    run->request = (struct commit_request){
        .check = dml_check,
        .arena = &run->commit_arena,
        .view = run->view,
        .done = dml_committed,
        .context = run,
    };
    enum status status = transaction_prepare(transaction, &run->request, !may_block, err);
    if (status != STATUS_OK)
        return status;
    run->submitted = run->request.op_count > 0;
    return run->submitted ? STATUS_OK : transaction_finish(run, err);
}

enum status transaction_finish(struct sql_run *run, struct error *err)
{
    const struct commit_request *request = &run->request;

    if (request->status != STATUS_OK) {
        *err = request->error;
        return request->status;
    }
    CHECK(run_transaction(run) != NULL);
    transaction_abandon(run); /* nothing is left to roll back */
    run_message(run, "Transaction committed");
    return STATUS_OK;
}

enum status transaction_run(struct sql_run *run, bool may_block, struct error *err)
{
    enum ast_statement_kind kind = run->plan->tree->kind;

    CHECK(kind == AST_BEGIN || kind == AST_COMMIT || kind == AST_ROLLBACK);
    if (kind == AST_BEGIN)
        return transaction_run_begin(run, err);
    if (run_transaction(run) == NULL)
        return error_set(err, STATUS_INVALID_OPERATION, "there is no transaction in progress");
    if (kind == AST_COMMIT)
        return transaction_run_commit(run, may_block, err);
    transaction_abandon(run);
    run_message(run, "Transaction rolled back");
    return STATUS_OK;
}

/* How messages call a statement that is refused. */
static const char *transaction_statement_name(enum ast_statement_kind kind)
{
    switch (kind) {
    case AST_CREATE_NAMESPACE:
        return "CREATE NAMESPACE";
    case AST_ALTER_NAMESPACE:
        return "ALTER NAMESPACE";
    case AST_DROP_NAMESPACE:
        return "DROP NAMESPACE";
    case AST_CREATE_TABLE:
        return "CREATE TABLE";
    case AST_DROP_TABLE:
        return "DROP TABLE";
    case AST_ALTER_TABLE:
        return "ALTER TABLE";
    case AST_BACKUP:
        return "BACKUP and RESTORE";
    case AST_FLUSH:
        return "STORAGE FLUSH";
    case AST_SHOW:
        return "SHOW";
    case AST_DESCRIBE:
        return "DESCRIBE";
    case AST_CREATE_USER:
        return "CREATE USER";
    case AST_ALTER_USER:
        return "ALTER USER";
    case AST_DROP_USER:
        return "DROP USER";
    case AST_CREATE_STORAGE:
        return "CREATE STORAGE";
    case AST_ALTER_STORAGE:
        return "ALTER STORAGE";
    case AST_DROP_STORAGE:
        return "DROP STORAGE";
    case AST_CHECK_STORAGE:
        return "STORAGE CHECK";
    case AST_KILL_JOB:
    case AST_KILL_LIVE_QUERY:
        return "KILL";
    case AST_SUBSCRIBE:
        return "SUBSCRIBE";
    case AST_CLEAR_CACHE:
        return "CLEAR CACHE";
    case AST_USE:
        return "USE";
    default:
        return "this statement";
    }
}

enum status transaction_allows(const struct sql_run *run, struct error *err)
{
    enum ast_statement_kind kind = run->plan->tree->kind;

    CHECK(run->plan->kind == PLAN_STATEMENT);
    if (run_transaction(run) == NULL || kind == AST_COMMIT || kind == AST_ROLLBACK ||
        kind == AST_EXECUTE_AS || kind == AST_EXPLAIN)
        return STATUS_OK;
    if (kind == AST_BEGIN)
        return error_set(err, STATUS_INVALID_OPERATION,
                         "there is already a transaction in progress");
    return error_set(err, STATUS_INVALID_OPERATION, "%s cannot run inside a transaction",
                     transaction_statement_name(kind));
}
