/* access.c — turns a plan's bounds and this run's parameters into keys or a key range.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/run.h"

#include "base/check.h"
#include "value/key.h"

#include <stdlib.h>

/* Evaluates one bound value; a NULL means that nothing can pass. */
static enum status access_value(struct expr_context *context, const struct expr_program *program,
                                struct value *out, struct access_keys *keys, struct error *err)
{
    enum status status = expr_run(program, context, out, err);

    CHECK(out != NULL && keys != NULL);
    if (status == STATUS_OK && out->is_null)
        keys->empty = true;
    return status;
}

static int access_compare(const void *a, const void *b)
{
    const struct str *left = a, *right = b;

    return str_compare(*left, *right);
}

static void access_sort_points(struct access_keys *keys)
{
    size_t kept = 0;

    if (keys->point_count < 2)
        return;
    qsort(keys->points, keys->point_count, sizeof(*keys->points), access_compare);
    for (size_t i = 0; i < keys->point_count; i++)
        if (kept == 0 || !str_equal(keys->points[kept - 1], keys->points[i]))
            keys->points[kept++] = keys->points[i];
    CHECK(kept <= keys->point_count);
    keys->point_count = kept;
}

/* A key that is too long for LIMIT_KEY_BYTES exists nowhere. */
static enum status access_encode(struct sql_run *run, const struct value *values, size_t count,
                                 struct str *out, struct error *err)
{
    enum status status;

    CHECK(count > 0 && count <= LIMIT_KEY_COLUMNS);
    buf_reset(&run->key);
    status = key_encode(values, count, &run->key, err);
    if (status == STATUS_CONSTRAINT_VIOLATION)
        return STATUS_ABSENT;
    if (status == STATUS_OK)
        *out = arena_copy(&run->arena, buf_str(&run->key));
    return status;
}

static enum status access_points(struct sql_run *run, struct expr_context *context,
                                 struct access_keys *out, struct error *err)
{
    const struct plan_access *access = &run->plan->access;
    struct value values[LIMIT_KEY_COLUMNS];
    uint32_t varying = 0;
    size_t count = 1;
    enum status status;

    CHECK(access->prefix_count == run->plan->table->key_count);
    for (uint32_t i = 0; i < access->prefix_count; i++) {
        if (access->prefix[i]->op == AST_OP_NONE) {
            varying = i;
            count = access->prefix[i]->value_count;
            continue;
        }
        status = access_value(context, access->prefix[i]->values[0], &values[i], out, err);
        if (status != STATUS_OK || out->empty)
            return status;
    }
    out->points = arena_array(&run->arena, count, sizeof(*out->points));
    for (size_t k = 0; k < count; k++) {
        const struct expr_bound *bound = access->prefix[varying];
        if (bound->op == AST_OP_NONE) {
            status = expr_run(bound->values[k], context, &values[varying], err);
            if (status != STATUS_OK)
                return status;
            if (values[varying].is_null)
                continue;
        }
        status =
            access_encode(run, values, access->prefix_count, &out->points[out->point_count], err);
        if (status == STATUS_OK)
            out->point_count++;
        else if (status != STATUS_ABSENT)
            return status;
    }
    access_sort_points(out);
    out->empty = out->point_count == 0;
    return STATUS_OK;
}

/* The key bytes of prefix and bound; with `after`, the smallest key behind all that start so. */
static enum status access_edge(struct sql_run *run, struct value *values, uint32_t count,
                               bool after, struct str *out, struct error *err)
{
    enum status status = access_encode(run, values, count, out, err);

    CHECK(count <= run->plan->table->key_count);
    if (status != STATUS_OK || !after)
        return status;
    *out = key_successor(&run->key) ? arena_copy(&run->arena, buf_str(&run->key)) : STR_EMPTY;
    return STATUS_OK;
}

static enum status access_range(struct sql_run *run, struct expr_context *context,
                                struct access_keys *out, struct error *err)
{
    const struct plan_access *access = &run->plan->access;
    struct value values[LIMIT_KEY_COLUMNS + 1];
    uint32_t prefix = access->prefix_count;
    enum status status = STATUS_OK;

    CHECK(prefix < run->plan->table->key_count);
    for (uint32_t i = 0; i < prefix; i++) {
        status = access_value(context, access->prefix[i]->values[0], &values[i], out, err);
        if (status != STATUS_OK || out->empty)
            return status;
    }
    if (prefix > 0) {
        status = access_edge(run, values, prefix, false, &out->range.lower, err);
        if (status == STATUS_OK)
            status = access_edge(run, values, prefix, true, &out->range.upper, err);
    }
    if (status == STATUS_OK && access->lower != NULL) {
        status = access_value(context, access->lower->values[0], &values[prefix], out, err);
        if (status != STATUS_OK || out->empty)
            return status;
        status = access_edge(run, values, prefix + 1, access->lower->op == AST_OP_GT,
                             &out->range.lower, err);
        out->empty =
            status == STATUS_OK && access->lower->op == AST_OP_GT && str_is_empty(out->range.lower);
    }
    if (status == STATUS_OK && access->upper != NULL) {
        status = access_value(context, access->upper->values[0], &values[prefix], out, err);
        if (status != STATUS_OK || out->empty)
            return status;
        status = access_edge(run, values, prefix + 1, access->upper->op == AST_OP_LE,
                             &out->range.upper, err);
    }
    if (status ==
        STATUS_ABSENT) { /* longer than any key: read the whole instance, filter decides */
        out->range = (struct key_range){STR_EMPTY, STR_EMPTY};
        status = STATUS_OK;
    }
    if (!str_is_empty(out->range.upper) && str_compare(out->range.lower, out->range.upper) >= 0)
        out->empty = true;
    return status;
}

static enum status access_seq(struct expr_context *context, const struct expr_bound *bound,
                              struct access_keys *out, struct error *err)
{
    struct value value;
    enum status status = access_value(context, bound->values[0], &value, out, err);

    if (status != STATUS_OK || out->empty)
        return status;
    CHECK(value.type == VALUE_BIGINT);
    int64_t after = value.integer;
    if (bound->op == AST_OP_GE && after > INT64_MIN)
        after--;
    out->seq_after = after < -1 ? -1 : after;
    return STATUS_OK;
}

/* Id of a column that segments have ranges of; 0 = none. */
static uint32_t access_ranged_column(const struct table *table, size_t column)
{
    uint32_t count = table->schema->column_count;

    if (column == count + SYSTEM_COLUMN_SEQ)
        return COLUMN_ID_SEQ;
    if (column == count + SYSTEM_COLUMN_UPDATED)
        return COLUMN_ID_UPDATED;
    CHECK(column < count + SYSTEM_COLUMN_COUNT);
    bool is_ranged = column < count && table->schema->columns[column].type.kind == VALUE_TIMESTAMP;
    return is_ranged ? table->schema->columns[column].id : 0;
}

/* Which segments can hold rows that pass, by the columns whose ranges their records tell. */
static enum status access_bounds(struct sql_run *run, struct expr_context *context,
                                 struct access_keys *out, struct error *err)
{
    const struct plan_access *access = &run->plan->access;
    enum status status = STATUS_OK;
    struct value value;

    CHECK(out->bounds == NULL);
    out->bounds = arena_array(&run->arena, access->bound_count + 1, sizeof(*out->bounds));
    for (size_t i = 0; status == STATUS_OK && i < access->bound_count; i++) {
        const struct expr_bound *bound = &access->bounds[i];
        struct column_bounds made = {access_ranged_column(run->plan->table, bound->column),
                                     INT64_MIN, INT64_MAX};
        if (made.column_id == 0 || bound->op == AST_OP_NONE)
            continue;
        status = access_value(context, bound->values[0], &value, out, err);
        if (status != STATUS_OK || out->empty)
            break;
        CHECK(value.type == VALUE_TIMESTAMP || value.type == VALUE_BIGINT);
        if (bound->op != AST_OP_LT && bound->op != AST_OP_LE)
            made.min = value.integer;
        if (bound->op == AST_OP_GT && value.integer < INT64_MAX)
            made.min = value.integer + 1;
        if (bound->op != AST_OP_GT && bound->op != AST_OP_GE)
            made.max = value.integer;
        if (bound->op == AST_OP_LT && value.integer > INT64_MIN)
            made.max = value.integer - 1;
        out->bounds[out->bound_count++] = made;
    }
    return status;
}

enum status access_resolve(struct sql_run *run, struct access_keys *out, struct error *err)
{
    const struct plan *plan = run->plan;
    struct expr_context context;
    enum status status = STATUS_OK;

    CHECK(plan != NULL && plan->table != NULL);
    *out = (struct access_keys){.seq_after = -1};
    run_context(run, &run->arena, NULL, &context);
    if (plan->access.kind == PLAN_ACCESS_POINTS)
        status = access_points(run, &context, out, err);
    else if (plan->access.kind == PLAN_ACCESS_RANGE)
        status = access_range(run, &context, out, err);
    if (status == STATUS_OK && !out->empty && plan->access.seq_lower != NULL)
        status = access_seq(&context, plan->access.seq_lower, out, err);
    if (status == STATUS_OK && !out->empty && plan->table->kind != TABLE_KIND_SYSTEM)
        status = access_bounds(run, &context, out, err);
    return status;
}
