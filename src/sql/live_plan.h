/* live_plan.h — a SELECT compiled for matching: everything live/ needs of one live query.
 *
 * Two parts. The shape is what equal queries share: one for each text, namespace, types of the
 * parameters and state of the table, however many subscribe. The plan binds a shape to a caller:
 * whose rows, parameters, NOW(). Both are immutable and counted; where nothing in a shape depends
 * on the caller, all its subscriptions share one plan as well. Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_LIVE_PLAN_H
#define SQL_LIVE_PLAN_H

#include "sql/sql.h"

struct expr_program;
struct sorter;

/* How ORDER BY and LIMIT choose the rows of the snapshot. */
enum live_order_kind {
    LIVE_ORDER_NONE,   /* no LIMIT */
    LIVE_ORDER_NEWEST, /* LIMIT alone, ORDER BY _seq DESC */
    LIVE_ORDER_KEY,    /* the first rows of a scan */
    LIVE_ORDER_KEY_DESCENDING,
    LIVE_ORDER_VALUES, /* sorted */
};

struct live_shape {
    struct table *table;         /* referenced */
    struct str text;             /* as it was given: a SELECT or SUBSCRIBE */
    struct expr_program *filter; /* NULL = all rows */
    bool names_deleted;
    enum live_order_kind order_kind;
    bool uses_caller;                /* the text asks for NOW(), CURRENT_USER … */
    uint32_t *columns;               /* column indices of the output, key columns and _seq added */
    struct sql_column *column_specs; /* same order */
    uint32_t column_count;
    uint32_t
        *named; /* ids of the columns that the text names; `*` names none, a position all to it */
    uint32_t named_count;
    int64_t last_rows, batch_size, from; /* of SUBSCRIBE … LAST n OPTIONS (…); -1 = not given */
    bool asks_for_rows;                  /* SUBSCRIBE … LIMIT n: they are to be sent */
};

struct live_plan {
    atomic_uint refs;
    enum role role;
    const struct live_shape *shape; /* referenced */
    struct table *table;            /* the shape's */
    struct str user;                /* USER tables: the effective user; empty otherwise */
    struct str caller;              /* CURRENT_USER; empty when nothing asks for it */
    const struct value *params;     /* for the filter */
    size_t param_count;
    int64_t now_us;
    int64_t snapshot_limit;  /* LIMIT; -1 = none */
    int64_t snapshot_offset; /* OFFSET; 0 for the newest rows */
    uint64_t filter_work;    /* bytes its functions may look at for a row; 0 = no limit */
    /* A row matches only if this column has one of these values: what live/ routes changes by.
     * Id 0 = there is no such condition. */
    uint32_t route_column;
    uint32_t route_count;
    const uint64_t *route_hashes; /* live_route_hash of each; none is there twice; none at all =
                                     nothing can match */
};

/* Checks rights and compiles; NOT_SUPPORTED for what cannot be a live query (joins, grouping,
 * subqueries …), also the errors of SELECT. May block (worker). */
enum status sql_live_compile(struct sql_engine *engine, const struct sql_caller *caller,
                             struct view *view, struct str sql, const struct value *params,
                             size_t param_count, struct live_plan **out,
                             struct error *err) MUST_CHECK;
/* The same query, parameters and NOW() for another state of its table (after ALTER TABLE). Checks
 * the caller's rights anew. Any thread. */
enum status sql_live_rebind(struct sql_engine *engine, const struct sql_caller *caller,
                            const struct live_plan *plan, const struct table *table,
                            struct live_plan **out, struct error *err) MUST_CHECK;
/* Memory of the plan and what it shares with equal ones. */
size_t live_plan_bytes(const struct live_plan *plan);
struct live_plan *live_plan_ref(struct live_plan *plan);
void live_plan_unref(struct live_plan *plan); /* before the engine is freed; NULL is fine */

/* Do both match the same changes and show them alike? */
bool live_plan_is_equal(const struct live_plan *a, const struct live_plan *b);
/* Equal plans hash alike. */
uint64_t live_plan_hash(const struct live_plan *plan);
/* Column `index` of a row as the query shows it. */
void live_plan_column(const struct live_plan *plan, const struct row *row, uint32_t index,
                      struct arena *arena, struct value *out);
/* Does the row pass the filter? `row` of plan->table (any layout version). Deleted rows pass only
 * if names_deleted. */
enum status live_plan_matches(const struct live_plan *plan, const struct row *row,
                              struct arena *arena, bool *matches, struct error *err) MUST_CHECK;
/* The same on a thread that others wait for: what it takes, as bytes looked at, is taken off
 * `*budget`; WOULD_BLOCK when there is not enough of it. NULL = no limit but a row's. */
enum status live_plan_matches_within(const struct live_plan *plan, const struct row *row,
                                     struct arena *arena, uint64_t *budget, bool *matches,
                                     struct error *err) MUST_CHECK;
/* Do ORDER BY and LIMIT choose rows of the snapshot, other than the newest? */
bool live_plan_is_ordered(const struct live_plan *plan);
/* These rows, sorted: how many can be among them, those of OFFSET included; SIZE_MAX = all. */
size_t live_plan_order_keep(const struct live_plan *plan);
/* Sorts what is added by the values of live_plan_order_values, in the memory of a statement. */
struct sorter *sql_live_sorter(const struct sql_engine *engine, const struct live_plan *plan,
                               uint32_t width);
uint32_t live_plan_order_count(const struct live_plan *plan); /* 0 for an order of the key */
enum status live_plan_order_values(const struct live_plan *plan, const struct row *row,
                                   struct arena *arena, struct value *out,
                                   struct error *err) MUST_CHECK;
/* live.filter_memory, the limit of the arena that a filter is run with; 0 = none. */
size_t sql_live_filter_bytes(const struct sql_engine *engine);
/* Equal values of a column that can route hash alike, also after the column was widened. */
uint64_t live_route_hash(const struct value *value);
/* For EXPLAIN: how changes find the query, its filter, what is sent; lines of text. */
void live_plan_describe(const struct live_plan *plan, struct buf *out);

#endif
