/* run.h — one running statement and what its executors share. Private to sql/.
 *
 * Executors are functions `enum status x_run(struct sql_run *run, bool may_block, struct error
 * *err)`: OK when the statement is done or, with run->submitted, when its write is queued;
 * WOULD_BLOCK when it must go on on a worker (nothing has reached the sink then).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_EXEC_RUN_H
#define SQL_EXEC_RUN_H

#include "sql/exec/plan.h"
#include "store/commit.h"
#include "store/transaction.h"

enum run_state { RUN_NEW, RUN_PLANNED, RUN_COMMITTING, RUN_ENDED };

enum {
    RUN_INLINE_ROWS = 1000,    /* result rows of a SELECT that a loop thread answers itself */
    RUN_INLINE_SCANNED = 4000, /* rows it may look at for them */
    RUN_INLINE_WRITES = 128,   /* rows of a write that a loop thread prepares */
    RUN_ATTEMPTS_MAX = 100,    /* after STALE: flushes and ALTERs come in between, not for ever */
    RUN_CONFLICTS_MAX = 4,     /* attempts that found a row changed: once and three retries */
};

/* EXPLAIN ANALYZE: what the cursors of a run have done. */
struct run_steps {
    bool has_read, has_filter;
    uint64_t read_rows, passed_rows;
    int64_t read_ns, filter_ns;
};

struct sql_run {
    struct sql_engine *engine;
    struct arena arena; /* the statement's memory */
    struct sql_run_options options;
    struct sql_caller caller; /* effective, after EXECUTE AS */
    struct str text;          /* what runs, after EXECUTE AS */
    enum run_state state;
    struct error error;
    struct sql_outcome outcome;
    atomic_bool cancelled;
    int64_t now_us;      /* NOW() of the statement */
    int64_t begun_ns;    /* monotonic */
    int64_t deadline_ns; /* monotonic; 0 = none */
    struct view *view;
    struct plan *plan;
    const struct value *params; /* given, then lifted */
    uint32_t param_count;
    struct str instance; /* user whose rows; empty for shared tables */
    bool submitted;      /* the commit pipeline has the request */
    bool columns_sent;
    bool is_short;  /* sql_run_is_short, as of the last plan */
    bool may_block; /* this step: not on a loop */
    unsigned attempts;
    struct run_steps *steps; /* non-NULL: cursors count and take the time */
    /* a write */
    struct commit_request request;
    struct arena commit_arena; /* the commit thread's while queued */
    struct row_logic logic;
    struct value *returned; /* what RETURNING gives, when it was evaluated with the commit */
    unsigned conflicts;     /* of its attempts; the commit thread's while queued */
    uint64_t commit_work;   /* what expressions of all its rows have looked at so far */
    struct buf key;         /* scratch */
};

/* The open transaction this run takes part in, or NULL. */
static inline struct transaction *run_transaction(const struct sql_run *run)
{
    return run->options.transaction != NULL ? *run->options.transaction : NULL;
}

/* ---- result ---------------------------------------------------------------------------------- */

enum status run_send_columns(struct sql_run *run, const struct sql_column *columns, size_t count,
                             struct error *err) MUST_CHECK;
/* Counts rows against limits.max_result_rows. */
enum status run_too_many_rows(const struct sql_run *run, struct error *err);
enum status run_send_row(struct sql_run *run, const struct value *values,
                         struct error *err) MUST_CHECK;
void run_message(struct sql_run *run, const char *format, ...) PRINTF_LIKE(2, 3);
/* A JSON string with its quotes. */
void run_append_json_text(struct buf *out, struct str text);
/* Cancelled or out of time? For loops; cheap enough for every 256th row. Programs ask by themselves
 * when they take long. */
enum status run_check(const struct sql_run *run, struct error *err) MUST_CHECK;

/* ---- expressions ----------------------------------------------------------------------------- */

/* What programs read: the current row of a stored table or of a table source. */
struct row_reader {
    const struct row *row; /* stored table, else NULL */
    struct table_source *source;
    struct arena *arena;
    /* ON CONFLICT: columns from `column_count` on are those of the proposed row. */
    const struct value *excluded;
    uint32_t column_count;
};
void row_reader_column(void *reader, size_t index, struct value *out); /* struct row_reader * */
/* Parameters, time and names of the run; column callback is row_reader_column. */
void run_context(const struct sql_run *run, struct arena *arena, struct row_reader *reader,
                 struct expr_context *out);
/* Before each row: on a worker its programs have query.row_work for themselves; what a loop thread
 * may do is for all rows of the statement. */
void run_begin_row(const struct sql_run *run, struct expr_context *context);
/* The same on the commit thread, for a row of a change: keep `work` in run->commit_work. */
void run_commit_context(const struct sql_run *run, struct arena *arena, struct row_reader *reader,
                        struct expr_context *out);
/* A program without columns, as a BIGINT ≥ 0; NULL program or NULL value gives `missing`. */
enum status run_count_value(struct sql_run *run, const struct expr_program *program,
                            const char *what, int64_t missing, int64_t *out,
                            struct error *err) MUST_CHECK;
/* A DECIMAL gets the scale that its column states. */
void run_state_scale(const struct data_type *type, struct value *value);
/* Values of an output list for the current row. */
enum status run_output(const struct plan_output *output, struct expr_context *context,
                       struct value *values, struct error *err) MUST_CHECK;

/* ---- rows of a table that pass the plan's filter, in key order ------------------------------- */

struct cursor_options {
    bool descending, cached_only;
    uint64_t rows_max; /* WOULD_BLOCK after looking at this many; 0 = no limit */
};
struct cursor {
    struct sql_run *run;
    const struct plan *plan;
    struct scan_options scan;
    bool by_points;
    struct str *points; /* encoded keys in reading order */
    size_t point_count, point_next;
    struct row row; /* by points */
    struct row_pin pin, held;
    bool pinned, descending;
    struct table_source *source;
    struct row_reader reader;
    const struct expr_program *filter; /* NULL if the range decides */
    struct expr_context context;       /* for the caller's own programs too */
    struct arena scratch;              /* emptied while moving */
    uint64_t looked_at, rows_max;
};
/* `cursor` must be closed after an error too. */
enum status cursor_open(struct sql_run *run, const struct cursor_options *options,
                        struct cursor *cursor, struct error *err) MUST_CHECK;
enum status cursor_next(struct cursor *cursor, struct error *err) MUST_CHECK; /* END */
struct str cursor_key(const struct cursor *cursor); /* row_id; stored tables only */
void cursor_close(struct cursor *cursor);

/* What plan->access means for the parameters of this run: keys or a range. */
struct access_keys {
    bool empty;         /* no key can pass (a NULL in a bound) */
    struct str *points; /* ascending, each once */
    size_t point_count;
    struct key_range range;
    bool decides;                 /* all rows of the range pass the filter */
    int64_t seq_after;            /* -1 = all */
    struct column_bounds *bounds; /* on columns that segments have ranges of */
    uint32_t bound_count;
};
enum status access_resolve(struct sql_run *run, struct access_keys *out,
                           struct error *err) MUST_CHECK;
/* The scan of these keys at the run's view, ascending. */
struct scan_options access_scan(struct sql_run *run, const struct access_keys *keys);

/* ---- executors ------------------------------------------------------------------------------- */

enum status select_run(struct sql_run *run, bool may_block, struct error *err) MUST_CHECK;
/* It reads keys, or some of the first rows in key order. */
bool select_is_short(struct sql_run *run);
enum status aggregate_run(struct sql_run *run, struct error *err) MUST_CHECK;
/* Is the number of rows all that is asked for? */
bool aggregate_only_counts(const struct plan *plan, const struct access_keys *keys);
/* A bare count(*) told from records and counters; ABSENT if that is not asked for or not known. */
enum status aggregate_run_counted(struct sql_run *run, const struct access_keys *keys,
                                  struct error *err) MUST_CHECK;
enum status sort_run(struct sql_run *run, int64_t limit, int64_t offset,
                     struct error *err) MUST_CHECK;
enum status insert_run(struct sql_run *run, bool may_block, struct error *err) MUST_CHECK;
enum status change_run(struct sql_run *run, bool may_block, struct error *err) MUST_CHECK;
enum status analytic_run_statement(struct sql_run *run, struct error *err) MUST_CHECK;
enum status statement_run(struct sql_run *run, bool may_block, struct error *err) MUST_CHECK;

/* Rows of any SELECT text as values in the run's arena (INSERT … SELECT). */
struct collected {
    struct sql_column *columns;
    size_t column_count;
    struct value **rows;
    size_t row_count, row_capacity;
};
/* `single`: the clause whose expressions may give one row and one column each; NULL: any SELECT. */
enum status select_collect(struct sql_run *run, struct str text, const char *single,
                           struct collected *out, struct error *err) MUST_CHECK;
/* The DuckDB plan of a text, from the cache or new. */
enum status analytic_find(struct sql_run *run, struct str text, uint32_t param_count,
                          struct plan **out, struct error *err) MUST_CHECK;
/* Of a SELECT made of parts of the statement: the position of an error is one in the statement, or
 * none. */
enum status analytic_find_part(struct sql_run *run, struct str text, struct plan **out,
                               struct error *err) MUST_CHECK;
void analytic_execution_init(struct sql_run *run, const struct value *params, uint32_t param_count,
                             struct analytic_execution *out);
/* Is this SELECT better off with DuckDB, by the figures of the records? */
bool select_prefers_analytic(struct sql_run *run, const struct access_keys *keys);

/* ---- writes ---------------------------------------------------------------------------------- */

/* The value of a column that was left out. */
enum status dml_default(struct sql_run *run, const struct table *table,
                        const struct table_column *column, struct value *out,
                        struct error *err) MUST_CHECK;
/* The value as one of the column, which it is assigned to. */
enum status dml_cast(struct sql_run *run, const struct table_column *column,
                     const struct value *from, struct value *out, struct error *err) MUST_CHECK;
/* NOT NULL, and a TEXT without U+0000. */
enum status dml_check_value(const struct table_column *column, const struct value *value,
                            struct error *err) MUST_CHECK;
/* Applies SET to `values`, which hold the current row; NOT NULL is checked. */
enum status dml_apply_set(struct sql_run *run, const struct table *table,
                          const struct plan_set *set, struct expr_context *context,
                          struct value *values, struct error *err) MUST_CHECK;
/* Readies run->request, before commit_lookup_cold is asked for its operations. */
void dml_begin(struct sql_run *run);
/* Queues run->request with these operations: run->submitted is set. In a transaction they are
 * applied to it at once. */
enum status dml_submit(struct sql_run *run, struct row_op *ops, size_t count, bool may_block,
                       struct error *err) MUST_CHECK;
/* Message and, with RETURNING, the columns. */
enum status dml_report(struct sql_run *run, uint64_t rows, struct error *err) MUST_CHECK;
/* INSERT of system rows: the given values of every row, cast to their columns; NULL where nothing
 * was given. `given`, per column, is filled. */
enum status insert_given(struct sql_run *run, bool *given, struct value ***rows, size_t *count,
                         struct error *err) MUST_CHECK;
/* After the commit: message, RETURNING. STALE = prepare again. */
enum status dml_finish(struct sql_run *run, struct error *err) MUST_CHECK;
/* `check` of run->request: cancelled, out of time. */
enum status dml_check(struct commit_request *request, struct error *err) MUST_CHECK;
/* `done` of run->request: tells the owner of the run. */
void dml_committed(struct commit_request *request);

/* ---- transactions (sql/transaction.c) -------------------------------------------------------- */

/* BEGIN, COMMIT, ROLLBACK. */
enum status transaction_run(struct sql_run *run, bool may_block, struct error *err) MUST_CHECK;
/* COMMIT has come back. STALE = prepare again. */
enum status transaction_finish(struct sql_run *run, struct error *err) MUST_CHECK;
/* May this statement run inside a transaction? */
enum status transaction_allows(const struct sql_run *run, struct error *err) MUST_CHECK;
/* Rolls back what is open. */
void transaction_abandon(struct sql_run *run);

/* ---- other statements (statement.c dispatches) ----------------------------------------------- */

enum status namespace_run(struct sql_run *run, struct error *err) MUST_CHECK;
enum status use_run(struct sql_run *run, struct error *err) MUST_CHECK;
enum status create_table_run(struct sql_run *run, struct error *err) MUST_CHECK;
enum status drop_table_run(struct sql_run *run, struct error *err) MUST_CHECK;
enum status alter_table_run(struct sql_run *run, struct error *err) MUST_CHECK;
enum status users_run(struct sql_run *run, struct error *err) MUST_CHECK;
enum status storages_run(struct sql_run *run, struct error *err) MUST_CHECK;
enum status show_run(struct sql_run *run, struct error *err) MUST_CHECK;
enum status describe_run(struct sql_run *run, struct error *err) MUST_CHECK;
enum status explain_run(struct sql_run *run, struct error *err) MUST_CHECK;
enum status flush_run(struct sql_run *run, struct error *err) MUST_CHECK;
enum status backup_statement_run(struct sql_run *run, struct error *err) MUST_CHECK;
enum status show_backup_run(struct sql_run *run, struct str path, struct error *err) MUST_CHECK;
enum status show_backups_run(struct sql_run *run, struct str space, struct error *err) MUST_CHECK;
enum status kill_run(struct sql_run *run, struct error *err) MUST_CHECK;
enum status subscribe_run(struct sql_run *run, struct error *err) MUST_CHECK;
/* Drops one table, docs/sql.md; also for DROP NAMESPACE … CASCADE. begin: CONFLICT while somebody
 * is subscribed; nobody can subscribe until end, which follows in any case. */
enum status drop_table_begin(struct sql_run *run, const struct table *table,
                             struct sql_live_fence *fence, struct error *err) MUST_CHECK;
void drop_table_end(struct sql_run *run, struct sql_live_fence *fence);
enum status drop_table_now(struct sql_run *run, const struct table *table,
                           struct error *err) MUST_CHECK;
/* `X requires the role …` unless the caller has it. */
enum status run_require_role(const struct sql_run *run, enum role role, const char *what,
                             struct error *err) MUST_CHECK;
/* `is not supported in this version` */
enum status run_not_supported(const char *what, struct error *err) MUST_CHECK;
/* Plans run->text, from the cache if possible. */
enum status run_prepare(struct sql_run *run, struct error *err) MUST_CHECK;
/* Plans run->text and runs it with what run->caller may. */
enum status run_again(struct sql_run *run, bool may_block, struct error *err) MUST_CHECK;
/* Replaces the running text by a SELECT of our own and runs it. */
enum status run_substitute(struct sql_run *run, struct str text, struct error *err) MUST_CHECK;

#endif
