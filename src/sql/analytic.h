/* analytic.h — SELECTs that DuckDB runs: its own serialized tree is checked, table references are
 * resolved with the caller's rights and spliced by scans, then the text runs over our merged scan
 * or directly over Parquet. Workers only.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_ANALYTIC_H
#define SQL_ANALYTIC_H

#include "sql/sql.h"
#include "store/store.h"

/* Resolves a table name with the caller's rights: catalogue table and whose instance. Written in
 * binder.c. */
struct table_access_request {
    const struct sql_caller *caller;
    struct catalog *catalog;
    struct str space, user, table; /* as in struct ast_name; empty space = caller's */
    bool write;
    int64_t position; /* for errors */
};
struct resolved_table {
    const struct table *table;
    struct str user; /* instance: USER tables */
};
enum status binder_resolve_table(struct sql_engine *engine,
                                 const struct table_access_request *request,
                                 struct resolved_table *out, struct error *err) MUST_CHECK;
/* Statements that give DuckDB PostgreSQL's meaning where settings cannot (division by zero, LIKE's
 * escape, capped repeat …): macros before its own functions in the search path. Whoever opens the
 * columnar instances hands them over (columnar_options.setup). Process-wide texts. */
const char *const *analytic_setup(size_t *count);
/* Casts of texts that take the place of DuckDB's (columnar_options.casts). */
const struct columnar_cast *analytic_casts(size_t *count);
/* Functions that the macros of analytic_setup call (columnar_options.functions). */
const struct columnar_function *analytic_functions(size_t *count);

struct analytic_plan; /* checked and spliced text, table list; cached by text and catalogue version;
                         holds no user id and no file list */
enum status analytic_prepare(struct sql_engine *engine, const struct sql_caller *caller,
                             struct catalog *catalog, struct str sql, size_t param_count,
                             struct analytic_plan **out, struct error *err) MUST_CHECK;
void analytic_plan_free(struct analytic_plan *plan);
/* Refuses what gives several rows or columns for one expression of the outermost SELECT: unnest,
 * COLUMNS. `clause` is what the message names. */
enum status analytic_require_single(const struct analytic_plan *plan, const char *clause,
                                    struct error *err) MUST_CHECK;
/* Tables it reads; rights are checked again with each execution's caller. */
struct analytic_execution {
    struct sql_engine *engine;
    const struct sql_caller *caller;
    struct view *view;
    int64_t now_us; /* of the statement; 0 = the moment it runs */
    struct arena *arena;
    const struct value *params;
    size_t param_count;
    struct sql_sink sink; /* ignored when explain */
    const atomic_bool *cancelled;
    int64_t deadline_ns;
    uint64_t row_count; /* out */
    struct buf
        *explain; /* non-NULL: describe the path instead of sending rows, a line per table … */
    bool analyze; /* … run it, and add a line per step with its rows and time */
};
enum status analytic_run(struct analytic_plan *plan, struct analytic_execution *execution,
                         struct error *err) MUST_CHECK;

/* What EXPLAIN says of the cold files: `segments considered 2, pruned 1, row groups …`. */
void analytic_describe_cold(const struct scan_estimate *estimate, struct buf *out);

/* Evaluates a SELECT that DuckDB must run (subqueries of DML, INSERT … SELECT) into rows of values
 * in the arena. */
enum status analytic_collect(struct analytic_plan *plan, struct analytic_execution *execution,
                             struct value ***rows, size_t *row_count, size_t *column_count,
                             struct error *err) MUST_CHECK;

#endif
