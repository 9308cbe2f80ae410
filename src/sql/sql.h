/* sql.h — runs one SQL statement for one caller: what session/ and live/ use of this folder.
 *
 * A `sql_run` is a small state machine driven by its owner with sql_run_step, so that a loop thread
 * never blocks: it does point work itself and answers WORKER for anything that may need the disk,
 * DuckDB or a lock.
 *
 *        step                      step
 *   NEW ──────► DONE | FAILED | WORKER (call again on a worker, may_block = true)
 *                         └──► COMMIT (the write is queued; `resume` is called on the commit thread
 * when it is durable, it must only post; then step again)
 *
 * Rows go to a `sql_sink`. Before WORKER is answered nothing has been given to the sink.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_SQL_H
#define SQL_SQL_H

#include "base/arena.h"
#include "base/error.h"
#include "base/metric.h"
#include "catalog/catalog.h"
#include "sql/services.h"
#include "store/store.h"

struct sql_engine;
struct transaction; /* store/transaction.h */

struct sql_engine_options {
    struct store *store;
    struct columnar *columnar;
    const struct sql_services *services; /* copied; callbacks may be NULL: INVALID_OPERATION */
    size_t plans_max;                    /* query_cache.max_plans, 1000 */
    size_t plan_bytes_max;               /* query_cache.max_bytes, 64 MiB */
    uint64_t result_rows_max;            /* limits.max_result_rows, 0 = off */
    size_t statement_memory_bytes;       /* query.memory_limit */
    size_t live_filter_bytes;            /* live.filter_memory; 0 = no limit */
    uint64_t row_work_bytes;             /* query.row_work; 0 = no limit */
    uint32_t timeout_seconds;            /* query.timeout_seconds */
    uint32_t params_max;                 /* limits.max_params, 50 */
    bool strict_primary_key;             /* sql.primary_key_mode */
    bool enforce_roles;
    bool users_may_create_tables;
    uint32_t flush_rows_default, flush_interval_default;
    uint32_t stream_ttl_default, stream_max_buffer_default; /* seconds, events; 0 = no limit */
    uint32_t user_grace_days;                               /* users.deletion_grace_period_days */
    uint32_t deleted_retention_hours_default;
    enum table_access shared_access_default; /* sql.default_shared_access */
    const char *node;
};

struct sql_engine *sql_engine_new(const struct sql_engine_options *options);
void sql_engine_free(struct sql_engine *engine); /* no run may be left */

/* Who asks. Borrowed strings live as long as the run. */
struct sql_caller {
    struct str user;  /* effective user: whose data */
    struct str actor; /* authenticated user */
    enum role role;
    struct str space;    /* default namespace; never empty */
    bool in_transaction; /* set by the run */
    bool executes_as;    /* set by EXECUTE AS: user and stream tables only */
};

struct sql_column {
    struct str name;
    struct data_type type;
    bool primary_key, not_null, unique;
    bool by_star; /* `*` of a SELECT that DuckDB ran stands for it */
};

struct sql_sink {
    /* Once, before the first row; also for an empty SELECT. */
    enum status (*columns)(void *context, const struct sql_column *columns, size_t count,
                           struct error *err);
    /* On a worker it may block until the client has taken enough. Values are borrowed during the
     * call. */
    enum status (*row)(void *context, const struct value *values, struct error *err);
    void *context;
};

struct sql_outcome {
    bool has_columns;
    uint64_t row_count;
    char message[256]; /* empty for SELECT */
    struct str as_user;
    struct str new_space; /* after USE / SET NAMESPACE; empty otherwise */
    struct str table;     /* after DESCRIBE: a JSON object; empty otherwise */
    bool plan_cache_hit;
    const char *kind; /* "SELECT", for the request log */
};

struct sql_run_options {
    struct sql_caller caller;
    struct str text; /* one statement; lives as long as the run */
    const struct value
        *params; /* TEXT, BIGINT, DOUBLE, DECIMAL, BOOLEAN or NULL; live as long as the run */
    size_t param_count;
    struct sql_sink sink;
    int64_t now_us; /* what NOW() and every stored time is; 0 = now */
    void (*resume)(void *context);
    void *resume_context;
    /* Where BEGIN puts the transaction that the following runs take part in; NULL in it = none. A
     * run that fails, COMMIT and ROLLBACK end it; what is left is the owner's to end. Outlives the
     * runs, which come one after the other. */
    struct transaction **transaction;
};

enum sql_step { SQL_STEP_DONE, SQL_STEP_FAILED, SQL_STEP_WORKER, SQL_STEP_COMMIT };

struct sql_run;
struct sql_run *sql_run_new(struct sql_engine *engine, const struct sql_run_options *options);
enum sql_step sql_run_step(struct sql_run *run, bool may_block);
const struct error *sql_run_error(const struct sql_run *run);
const struct sql_outcome *sql_run_outcome(const struct sql_run *run);
/* After SQL_STEP_WORKER: it is known to need little of a worker: keys, the first rows in key order,
 * VALUES. */
bool sql_run_is_short(const struct sql_run *run);
/* Asks a running statement to stop (client gone, shutdown); any thread while the run exists. */
void sql_run_cancel(struct sql_run *run);
void sql_run_free(struct sql_run *run); /* not between COMMIT and resume */

/* Number of cached plans dropped. */
size_t sql_engine_clear_cache(struct sql_engine *engine);
struct sql_engine_stats {
    uint64_t plan_hits, plan_misses, statements;
    size_t plans, plan_bytes;
};
void sql_engine_stats(struct sql_engine *engine, struct sql_engine_stats *out);
/* Durations and failures of statements by kind. Any thread. */
void sql_engine_metrics(struct sql_engine *engine, metric_visit visit, void *context);

/* ---- system tables: one statement, self-contained
 * ------------------------------------------------ */

/* The same text with the same values does the same to the same state, on any node: nothing is taken
 * from the clock or from where it runs. A change is one batch; what it did is told to
 * store_options.change_event. */
struct system_query {
    struct str sql;
    struct sql_caller caller;
    const struct value *params;
    size_t param_count;
    int64_t now_us; /* > 0 */
};
/* Runs a SELECT, or a change of users or namespaces, to its end; INVALID_OPERATION for anything
 * else. Unknown tables and columns are refused before anything runs. Blocking: workers only. */
enum status execute_system_query(struct sql_engine *engine, const struct system_query *query,
                                 const struct sql_sink *sink, struct sql_outcome *outcome,
                                 struct error *err) MUST_CHECK;

#endif
