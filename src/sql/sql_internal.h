/* sql_internal.h — shared by the files of this folder. Private to sql/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_SQL_INTERNAL_H
#define SQL_SQL_INTERNAL_H

#include "sql/analytic.h"
#include "sql/ast.h"
#include "sql/expr.h"
#include "sql/parser.h"
#include "sql/sql.h"
#include "sql/table_source.h"
#include "store/commit.h"

struct plan_cache;

/* What statements are counted by. */
enum sql_kind {
    SQL_KIND_SELECT,
    SQL_KIND_INSERT,
    SQL_KIND_UPDATE,
    SQL_KIND_DELETE,
    SQL_KIND_OTHER,
    SQL_KIND_INVALID, /* failed before it was known what it is */
    SQL_KIND_COUNT
};

struct sql_engine {
    struct sql_engine_options options;
    struct sql_services services;
    struct store *store;
    struct columnar *columnar;
    struct plan_cache *plans;
    atomic_uint_fast64_t statements, plan_hits, plan_misses;
    struct sql_kind_figures {
        struct histogram seconds;
        atomic_uint_fast64_t errors;
    } kinds[SQL_KIND_COUNT];
};

/* live_plan.c */
void live_context(const struct live_plan *plan, struct arena *arena, struct expr_context *out);
/* live_system.c: live queries on system tables. */
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
/* live_route.c: fills route_… of a plan whose filter is compiled. */
void live_choose_route(struct live_plan *plan);

#endif
