/* collect.c — a SELECT that DuckDB runs, as rows of values in an arena: INSERT … SELECT, subqueries
 * of DML.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/analytic/analytic_internal.h"

#include "base/check.h"

struct collect {
    const struct analytic_plan *plan;
    struct arena *arena;
    struct value **rows;
    size_t row_count, capacity;
    uint32_t *kept; /* column indices */
    size_t kept_count;
};

/* `*` into INSERT … SELECT leaves the system columns out, unless they were named. */
static bool collect_keeps(const struct analytic_plan *plan, struct str name)
{
    static const char *const system[SYSTEM_COLUMN_COUNT] = {"_seq", "_updated", "_deleted"};

    CHECK(plan);
    for (int i = 0; plan->has_star && i < SYSTEM_COLUMN_COUNT; i++) {
        if (!plan->names_system[i] && str_equal(name, str_from_c(system[i])))
            return false;
    }
    return true;
}

static enum status collect_columns(void *context, const struct sql_column *columns, size_t count,
                                   struct error *err)
{
    struct collect *collect = context;

    (void)err;
    CHECK(collect->kept == NULL);
    collect->kept = arena_array(collect->arena, count + 1, sizeof(uint32_t));
    for (size_t i = 0; i < count; i++) {
        if (collect_keeps(collect->plan, columns[i].name))
            collect->kept[collect->kept_count++] = (uint32_t)i;
    }
    return STATUS_OK;
}

static enum status collect_row(void *context, const struct value *values, struct error *err)
{
    struct collect *collect = context;
    struct value *row = arena_array(collect->arena, collect->kept_count + 1, sizeof(*row));

    CHECK(collect->kept);
    for (size_t i = 0; i < collect->kept_count; i++) {
        row[i] = values[collect->kept[i]];
        if (!row[i].is_null && value_type_is_text(row[i].type))
            row[i].text = arena_copy(collect->arena, row[i].text);
    }
    if (collect->row_count == collect->capacity) {
        size_t capacity = collect->capacity ? collect->capacity * 2 : 64;
        collect->rows =
            arena_grow(collect->arena, collect->rows, collect->row_count * sizeof(*collect->rows),
                       capacity * sizeof(*collect->rows));
        collect->capacity = capacity;
    }
    collect->rows[collect->row_count++] = row;
    return arena_check(collect->arena, err);
}

enum status analytic_collect(struct analytic_plan *plan, struct analytic_execution *execution,
                             struct value ***rows, size_t *row_count, size_t *column_count,
                             struct error *err)
{
    struct collect collect = {.plan = plan, .arena = execution->arena};
    struct sql_sink sink = execution->sink;
    enum status status;

    CHECK(!execution->explain && rows && row_count && column_count);
    execution->sink = (struct sql_sink){collect_columns, collect_row, &collect};
    status = analytic_run(plan, execution, err);
    execution->sink = sink;
    *rows = collect.rows;
    *row_count = collect.row_count;
    *column_count = collect.kept_count;
    return status;
}
