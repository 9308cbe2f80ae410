/* plan.h — bound statements: what a text means against one state of the catalogue, ready to run for
 * any caller. A plan is immutable once built, counted and shared by all threads through the plan
 * cache. It holds no caller, no user id (but one written in the text) and no list of files: those
 * are bound when it runs, and rights are checked then. Private to sql/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_EXEC_PLAN_H
#define SQL_EXEC_PLAN_H

#include "base/limits.h"
#include "sql/sorter.h"
#include "sql/sql_internal.h"

enum plan_kind {
    PLAN_STATEMENT, /* everything that is not a query or a change of rows: runs from its tree */
    PLAN_SELECT,    /* the point/range executor */
    PLAN_INSERT,
    PLAN_CHANGE,   /* UPDATE, DELETE */
    PLAN_ANALYTIC, /* DuckDB; `analytic` is NULL while only this much is known */
};

/* A select list or RETURNING. */
struct plan_output {
    uint32_t count;
    struct sql_column *columns;
    int32_t *sources; /* column of the table, or -1: the program */
    struct expr_program **programs;
};

enum plan_access_kind {
    PLAN_ACCESS_ALL,    /* the whole instance */
    PLAN_ACCESS_RANGE,  /* leading key columns and bounds of the next one */
    PLAN_ACCESS_POINTS, /* every key column has its value, one of them maybe several (IN) */
};

/* Which keys can pass the filter, read off its bounds. */
struct plan_access {
    enum plan_access_kind kind;
    struct expr_bound *bounds;
    size_t bound_count;
    uint32_t prefix_count;
    const struct expr_bound *prefix[LIMIT_KEY_COLUMNS];
    const struct expr_bound *lower, *upper; /* of key column prefix_count; NULL = open */
    const struct expr_bound *seq_lower;     /* `_seq >` or `>=` a constant */
    bool decides; /* a range of a stored table: its rows are just those that pass the filter */
};

enum plan_aggregate {
    AGGREGATE_COUNT_ALL,
    AGGREGATE_COUNT,
    AGGREGATE_SUM,
    AGGREGATE_MIN,
    AGGREGATE_MAX
};

struct plan_order {
    uint32_t output; /* index in the output, or UINT32_MAX: the program */
    struct expr_program *program;
    struct sorter_order order;
};

struct plan_select {
    struct expr_program *limit, *offset; /* BIGINT; NULL = none */
    bool aggregated;
    enum plan_aggregate *aggregates; /* per output */
    bool key_descending;             /* rows are read backwards */
    struct plan_order *orders;       /* rows must be sorted; 0 = key order will do */
    uint32_t order_count;
};

enum insert_cell_kind {
    INSERT_CELL_PARAM,
    INSERT_CELL_LITERAL,
    INSERT_CELL_PROGRAM,
    INSERT_CELL_DEFAULT,
    INSERT_CELL_COMPUTED /* by DuckDB */
};
struct insert_cell {
    enum insert_cell_kind kind;
    uint32_t param;  /* 0-based */
    uint32_t column; /* of `computed` */
    union {
        const struct value *literal; /* not cast yet */
        struct expr_program *program;
    };
};

/* SET lists of UPDATE and ON CONFLICT. */
struct plan_set {
    uint32_t count;
    uint32_t *columns;
    struct expr_program **programs; /* NULL = DEFAULT */
    uint32_t *params;               /* 1-based number of what is a bare parameter, else 0 */
};

struct plan_insert {
    uint32_t width;
    uint32_t *targets;  /* table column of each given value */
    int32_t *positions; /* per table column: index in targets, -1 = left out */
    size_t row_count;
    struct insert_cell *cells;
    struct str select;       /* INSERT … SELECT */
    struct str computed;     /* SELECT of one row: what only DuckDB evaluates among the cells … */
    uint32_t computed_count; /* … its columns */
    enum ast_conflict conflict;
    struct plan_set set;
    struct expr_program *where;
};

struct plan_change {
    bool is_delete;
    struct plan_set set;
    /* SELECT key columns, _seq, new values … for what only DuckDB evaluates; empty otherwise */
    struct str analytic_text;
};

struct plan {
    atomic_uint refs;
    enum plan_kind kind;
    struct arena arena;         /* owns everything below */
    struct ast_statement *tree; /* borrows from a text in the arena */
    struct table *table;        /* referenced; NULL = no FROM */
    struct ast_name name;       /* as written, with the namespace filled in */
    bool write, with_deleted;
    atomic_uint_fast64_t catalog_version; /* newest version it was seen to fit */
    uint32_t param_count;                 /* given and lifted ones */
    uint32_t param_given;                 /* those below this index were given by the client */
    struct expr_program *filter;
    struct plan_access access;
    struct plan_output output;
    union {
        struct plan_select select;
        struct plan_insert insert;
        struct plan_change change;
    };
    struct analytic_plan *analytic;
    struct expr_program **programs; /* all of them, to be released */
    size_t program_count, program_capacity;
};

struct plan_request {
    struct sql_engine *engine;
    const struct sql_caller *caller;
    const struct catalog *catalog;
    struct str text;
    const struct data_type *param_types; /* given, then lifted */
    uint32_t param_count, param_given;
};

/* While one plan is built. */
struct plan_builder {
    const struct plan_request *request;
    struct plan *plan;
    struct expr_scope scope; /* columns of plan->table, system columns included */
};

/* Parses and binds. SELECTs that our programs cannot express become PLAN_ANALYTIC. Any thread. */
enum status plan_build(const struct plan_request *request, struct plan **out,
                       struct error *err) MUST_CHECK;
/* A plan around what DuckDB prepared; takes the reference. */
struct plan *plan_new_analytic(struct analytic_plan *analytic, uint64_t catalog_version);
struct plan *plan_ref(struct plan *plan);
void plan_unref(struct plan *plan); /* NULL is fine */
/* Does it still fit this catalogue? */
bool plan_is_current(struct plan *plan, const struct catalog *catalog);
/* The SELECT by which DuckDB makes the values or rows of a change; empty if it has no part in it.
 */
struct str plan_analytic_part(const struct plan *plan);

/* ---- pieces of plan_build -------------------------------------------------------------------- */

/* Resolves the table with the caller's rights and fills the scope. */
enum status plan_bind_table(struct plan_builder *builder, const struct ast_name *name,
                            struct str alias, bool write, struct error *err) MUST_CHECK;
/* As expr_compile; the program is released with the plan. */
enum status plan_compile(struct plan_builder *builder, const struct ast_expr *tree,
                         const struct data_type *target, struct expr_program **out,
                         struct error *err) MUST_CHECK;
enum status plan_compile_filter(struct plan_builder *builder, const struct ast_expr *where,
                                struct error *err) MUST_CHECK;
enum status plan_compile_output(struct plan_builder *builder, const struct ast_select_item *items,
                                size_t count, struct error *err) MUST_CHECK;
/* RETURNING; says so where a function is not supported. */
enum status plan_compile_returning(struct plan_builder *builder,
                                   const struct ast_select_item *items, size_t count,
                                   struct error *err) MUST_CHECK;
enum status plan_compile_set(struct plan_builder *builder, const struct ast_assignment *set,
                             size_t count, struct plan_set *out, struct error *err) MUST_CHECK;
/* A BIGINT literal that fits becomes INT. */
static inline void plan_type_integer(struct value *value)
{
    if (value->type == VALUE_BIGINT && !value->is_null && value->integer >= INT32_MIN &&
        value->integer <= INT32_MAX)
        value->type = VALUE_INT;
}
/* Integer literals in a tree of one's own get PostgreSQL's types: INT if they fit, else BIGINT.
 */
void plan_type_literals(struct ast_expr *tree);
/* Name of an unnamed column as PostgreSQL derives it. */
struct str plan_item_name(const struct ast_select_item *item);
/* Output column for column `index` of the table. */
struct sql_column plan_table_column(const struct table *table, uint32_t index, struct str name);
void plan_find_access(struct plan *plan);
/* An item of ORDER BY that is the position or the name of an output column; `output` UINT32_MAX:
 * an expression, still to be compiled. */
enum status plan_order_output(const struct ast_order *order, const struct sql_column *columns,
                              uint32_t count, struct plan_order *out, struct error *err) MUST_CHECK;
/* Do rows in key order, read forwards or backwards, come in the wanted order? `columns`: the
 * table's column of each item, or -1. The first `fixed` key columns have one value and may be left
 * out. */
bool plan_order_is_key(const struct table *table, uint32_t fixed, const struct plan_order *orders,
                       const int *columns, size_t count);
enum status plan_build_select(struct plan_builder *builder, struct error *err) MUST_CHECK;
enum status plan_build_insert(struct plan_builder *builder, struct error *err) MUST_CHECK;
enum status plan_build_change(struct plan_builder *builder, struct error *err) MUST_CHECK;
/* SYSTEM tables: may SQL write to it? `what` is the statement's verb. */
enum status plan_check_system_write(const struct plan *plan, const char *what,
                                    struct error *err) MUST_CHECK;
/* Index of the column that a statement sets, v1 aliases of system tables included; -1 = none. */
int plan_find_target(const struct table *table, struct str name);
/* SYSTEM tables: may this column be set? */
enum status plan_check_system_target(const struct table *table, uint32_t column, int64_t position,
                                     struct error *err) MUST_CHECK;
/* WHERE, SET and RETURNING of a change of a system table; plan->with_deleted is set. */
enum status plan_rewrite_system_change(struct plan_builder *builder, struct error *err) MUST_CHECK;
/* One expression over a system table; also for live queries. */
enum status plan_name_system(const struct table *table, struct arena *arena, struct ast_expr **tree,
                             struct error *err) MUST_CHECK;
bool plan_names_column(const struct ast_expr *tree, struct str name); /* anywhere in it */
/* Its ORDER BY, but for names of result columns. */
enum status plan_name_system_order(const struct table *table, struct arena *arena,
                                   struct ast_select *select, struct error *err) MUST_CHECK;
/* SYSTEM tables: v1 aliases become columns, literals next to enumerated columns get their case. */
enum status plan_rewrite_system(struct plan_builder *builder, struct ast_select *select,
                                struct error *err) MUST_CHECK;
enum status plan_rewrite_system_expr(struct plan_builder *builder, struct ast_expr **tree,
                                     struct error *err) MUST_CHECK;

#endif
