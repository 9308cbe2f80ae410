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

struct live_shapes;
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
    struct live_shapes *live_shapes;
    atomic_uint_fast64_t statements, plan_hits, plan_misses;
    struct sql_kind_figures {
        struct histogram seconds;
        atomic_uint_fast64_t errors;
    } kinds[SQL_KIND_COUNT];
};

/* live_shapes.c: what equal live queries share. */
struct live_shapes *live_shapes_new(void);
void live_shapes_free(struct live_shapes *shapes); /* every live plan is gone */
size_t live_shapes_count(struct live_shapes *shapes);

#endif
