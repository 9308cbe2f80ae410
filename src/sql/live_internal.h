/* live_internal.h — live queries as the files live_*.c of this folder share them. Private to sql/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_LIVE_INTERNAL_H
#define SQL_LIVE_INTERNAL_H

#include "sql/exec/plan.h"
#include "sql/live_plan.h"
#include "sql/sql_internal.h"

struct live_shapes;

/* ORDER BY, LIMIT, OFFSET. Items only for LIVE_ORDER_VALUES. */
struct live_order {
    struct plan_order *items; /* their outputs are those of the shape */
    struct sorter_order *by;
    uint32_t count;
    struct expr_program *limit, *offset; /* NULL = none */
};

/* A shape and what only sql/ needs of it; one block of memory, but for the programs. */
struct shape_entry {
    struct live_shape shape; /* first: live_plan.shape points here */
    struct live_shapes *shapes;
    struct str key;
    struct ast_name from; /* the table as the text names it: rights are checked per caller */
    struct live_order order;
    size_t param_count;
    unsigned refs;            /* under the lock of `shapes` */
    struct live_plan *common; /* the same lock; no reference */
};

/* ---- live_shape.c ------------------------------------------------------------------------------
 */

struct shape_request {
    struct sql_engine *engine;
    const struct sql_caller *caller;
    const struct view *view;   /* NULL when the table is known */
    const struct table *table; /* rebinding */
    struct str sql;
    const struct value *params;
    size_t param_count;
};
/* With a reference. Checks the caller's rights. */
enum status shape_open(const struct shape_request *request, struct shape_entry **out,
                       struct error *err) MUST_CHECK;

/* ---- live_shapes.c: any thread -----------------------------------------------------------------
 */

/* With a reference, or NULL. */
struct shape_entry *shape_find(struct live_shapes *shapes, struct str key);
void shape_put(struct shape_entry *entry); /* replaces what has the same key */
void shape_unref(struct shape_entry *entry);
/* Can all its subscriptions share one plan? */
bool shape_is_common(const struct shape_entry *entry);
/* That plan with a reference, or NULL. */
struct live_plan *shape_common_plan(struct shape_entry *entry);
/* `from` not NULL: only if that is it. */
void shape_set_common_plan(struct shape_entry *entry, struct live_plan *plan,
                           const struct live_plan *from);

/* ---- live_order.c ------------------------------------------------------------------------------
 */

struct live_order_request {
    const struct live_shape *shape; /* columns and table are there */
    uint32_t listed_count;          /* of its columns: the text's own */
    const struct ast_select *tree;
    const struct expr_scope *scope;
    struct arena *arena; /* for the arrays */
};
/* After a failure too, `out` is to be cleared. */
enum status live_order_bind(const struct live_order_request *request, struct live_order *out,
                            enum live_order_kind *kind, struct error *err) MUST_CHECK;
void live_order_clear(struct live_order *order);         /* its programs */
size_t live_order_bytes(const struct live_order *order); /* what they take */
bool live_order_uses_caller(const struct live_order *order);
/* Fills snapshot_limit and _offset. */
enum status live_order_limits(struct live_plan *plan, const struct live_order *order,
                              struct arena *arena, struct error *err) MUST_CHECK;
void live_order_describe(const struct live_plan *plan, struct buf *out);

/* ---- live_plan.c, live_route.c, live_system.c --------------------------------------------------
 */

const struct live_order *live_plan_order(const struct live_plan *plan);
void live_context(const struct live_plan *plan, struct arena *arena, struct expr_context *out);
/* What programs read a row by: the context's `column` and `row`. */
struct live_row {
    const struct row *row;
    struct arena *arena;
};
void live_row_column(void *context, size_t index, struct value *out);
/* Fills route_… of a plan that is bound else; the hashes lie in the arena. */
void live_choose_route(struct live_plan *plan, struct arena *arena);

/* Live queries on system tables: who may. */
enum status live_system_check(const struct sql_engine *engine, const struct sql_caller *caller,
                              const struct table *table, struct error *err) MUST_CHECK;
/* v1 aliases become columns, literals get the case of what is stored; NOT_SUPPORTED for columns
 * that are not stored. */
enum status live_system_name(const struct table *table, struct arena *arena,
                             struct ast_select *select, struct error *err) MUST_CHECK;
bool live_system_is_computed(const struct table *table, struct str column);
/* A stored value as SELECT shows it. */
void live_system_show(const struct table *table, uint32_t index, struct arena *arena,
                      struct value *value);
bool live_system_hides(const struct live_plan *plan, const struct row *row, struct arena *arena);

#endif
