/* change.c — runs UPDATE and DELETE: finds candidate keys, lets the commit thread decide.
 *
 * Candidates are keys only: the commit thread runs WHERE and SET again on the current row, so that
 * read-modify-write is atomic. Full keys need no read at all. What only DuckDB evaluates comes with
 * the _seq each row had at the view; a row that has moved on sends the statement back (STALE).
 * Events of a stream lie under a time that SQL does not see: DuckDB's are found by their _seq.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/run.h"

#include "base/check.h"
#include "base/map.h"
#include "value/cast.h"
#include "value/row.h"

#include <stdlib.h>

/* ---- by our own programs --------------------------------------------------------------------- */

/* Commit thread. */
static enum status change_resolve(void *context, const struct row *current, struct arena *arena,
                                  enum row_verdict *verdict, struct value *values,
                                  struct error *err)
{
    struct sql_run *run = context;
    const struct plan *plan = run->plan;
    const struct table *table = plan->table;
    struct row_reader reader = {
        .row = current, .arena = arena, .column_count = table_column_total(table)};
    struct expr_context expr;
    bool passes = true;
    enum status status = STATUS_OK;

    *verdict = ROW_KEEP;
    if (current == NULL)
        return STATUS_OK;
    run_commit_context(run, arena, &reader, &expr);
    if (plan->filter != NULL)
        status = expr_run_filter(plan->filter, &expr, &passes, err);
    run->commit_work = expr.work;
    if (status != STATUS_OK || !passes)
        return status;
    if (plan->change.is_delete) {
        *verdict = ROW_DELETE;
        return STATUS_OK;
    }
    CHECK(values != NULL);
    for (uint32_t i = 0; i < table->schema->column_count; i++)
        row_column(current, i, arena, &values[i]);
    *verdict = ROW_PUT;
    status = dml_apply_set(run, table, &plan->change.set, &expr, values, err);
    run->commit_work = expr.work;
    return status;
}

struct change_ops {
    struct row_op *ops;
    size_t count, capacity;
    struct map keys; /* of DuckDB's rows: joined to several rows, a row is changed once */
};

static enum status change_add(struct sql_run *run, struct change_ops *list, struct str key,
                              const struct row_logic *logic, struct error *err)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity > 0 ? 2 * list->capacity : 8;
        list->ops = arena_grow(&run->arena, list->ops, list->count * sizeof(*list->ops),
                               capacity * sizeof(*list->ops));
        list->capacity = capacity;
    }
    list->ops[list->count++] = (struct row_op){.kind = ROW_OP_CHANGE,
                                               .table = run->plan->table,
                                               .user = run->instance,
                                               .key = key,
                                               .logic = logic};
    CHECK(key.size > 0);
    return arena_check(&run->arena, err);
}

static enum status change_points(struct sql_run *run, const struct access_keys *keys,
                                 struct change_ops *list, struct error *err)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; i < keys->point_count && status == STATUS_OK; i++)
        status = change_add(run, list, keys->points[i], &run->logic, err);
    CHECK(status != STATUS_OK || list->count == keys->point_count);
    return status;
}

static enum status change_scan(struct sql_run *run, struct change_ops *list, struct error *err)
{
    struct cursor_options options = {0};
    struct cursor cursor;
    enum status status = cursor_open(run, &options, &cursor, err);

    while (status == STATUS_OK) {
        status = cursor_next(&cursor, err);
        if (status == STATUS_OK)
            status = change_add(run, list, arena_copy(&run->arena, cursor_key(&cursor)),
                                &run->logic, err);
    }
    CHECK(run->plan->table->kind != TABLE_KIND_SYSTEM);
    cursor_close(&cursor);
    return status == STATUS_END ? STATUS_OK : status;
}

/* ---- by DuckDB ------------------------------------------------------------------------------- */

struct change_expected {
    struct row_logic logic;
    struct sql_run *run;
    int64_t seq;
    const struct value *set; /* new values in the order of the SET list */
};

/* Commit thread. */
static enum status change_resolve_expected(void *context, const struct row *current,
                                           struct arena *arena, enum row_verdict *verdict,
                                           struct value *values, struct error *err)
{
    const struct change_expected *expected = context;
    const struct plan *plan = expected->run->plan;

    *verdict = ROW_KEEP;
    if (current == NULL) /* deleted meanwhile: no longer a row of this statement */
        return STATUS_OK;
    if (row_seq(current->bytes) != expected->seq) {
        expected->run->conflicts++; /* a flush that moved the row is none */
        return error_set(err, STATUS_STALE, "a row was changed meanwhile");
    }
    if (plan->change.is_delete) {
        *verdict = ROW_DELETE;
        return STATUS_OK;
    }
    CHECK(values != NULL);
    for (uint32_t i = 0; i < plan->table->schema->column_count; i++)
        row_column(current, i, arena, &values[i]);
    for (uint32_t i = 0; i < plan->change.set.count; i++)
        values[plan->change.set.columns[i]] = expected->set[i];
    *verdict = ROW_PUT;
    return STATUS_OK;
}

static enum status change_new_values(struct sql_run *run, const struct value *from,
                                     struct value *out, struct error *err)
{
    const struct plan *plan = run->plan;
    const struct plan_set *set = &plan->change.set;
    const struct ast_assignment *trees = plan->tree->update.set;
    enum status status = STATUS_OK;

    CHECK(!plan->change.is_delete || set->count == 0);
    for (uint32_t i = 0; i < set->count && status == STATUS_OK; i++) {
        const struct table_column *column = &plan->table->schema->columns[set->columns[i]];
        if (trees[i].value->kind == AST_DEFAULT)
            status = dml_default(run, plan->table, column, &out[i], err);
        else if (from[i].is_null)
            out[i] = value_null(column->type.kind);
        else
            status = dml_cast(run, column, &from[i], &out[i], err);
        if (status != STATUS_OK)
            error_prefix(err, "column \"%.*s\"", STR_ARG(column->name));
        else
            status = dml_check_value(column, &out[i], err);
    }
    return status;
}

/* For the row of that _seq only. */
static const struct row_logic *change_expect(struct sql_run *run, int64_t seq,
                                             const struct value *set)
{
    struct change_expected *expected = arena_zalloc(&run->arena, sizeof(*expected));

    CHECK(set != NULL || run->plan->change.set.count == 0);
    *expected = (struct change_expected){
        .logic = {.resolve = change_resolve_expected, .context = expected},
        .run = run,
        .seq = seq,
        .set = set,
    };
    return &expected->logic;
}

/* One row: key columns, _seq, new values. */
static enum status change_add_expected(struct sql_run *run, const struct value *row,
                                       struct change_ops *list, struct error *err)
{
    const struct table *table = run->plan->table;
    uint32_t set_count = run->plan->change.set.count;
    struct value *values = arena_array(&run->arena, table->schema->column_count, sizeof(*values));
    struct value *set = arena_array(&run->arena, set_count, sizeof(*set));
    const struct data_type bigint = {.kind = VALUE_BIGINT};
    struct value seq;
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < table->key_count && status == STATUS_OK; i++) {
        uint32_t column = table->key_columns[i];
        status = value_cast(&row[i], &table->schema->columns[column].type, CAST_EXPLICIT,
                            &run->arena, &values[column], err);
    }
    if (status == STATUS_OK)
        status = value_cast(&row[table->key_count], &bigint, CAST_EXPLICIT, &run->arena, &seq, err);
    if (status == STATUS_OK)
        status = change_new_values(run, row + table->key_count + 1, set, err);
    buf_reset(&run->key);
    if (status == STATUS_OK)
        status = table_encode_key(table, values, &run->key, err);
    if (status != STATUS_OK || map_put(&list->keys, buf_str(&run->key), list) != NULL)
        return status;
    CHECK(!seq.is_null || run_transaction(run) != NULL); /* a version of its own has no number */
    return change_add(run, list, arena_copy(&run->arena, buf_str(&run->key)),
                      change_expect(run, seq.is_null ? ROW_SEQ_NONE : seq.integer, set), err);
}

static int change_compare_seq(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    CHECK(left > 0 && right > 0);
    return left < right ? -1 : left > right;
}

/* The events whose _seq is among `row_count` rows of key columns and _seq. */
static enum status change_add_events(struct sql_run *run, struct value *const *rows,
                                     size_t row_count, struct change_ops *list, struct error *err)
{
    const struct table *table = run->plan->table;
    int64_t *wanted = arena_array(&run->arena, row_count + 1, sizeof(*wanted));
    struct scan_options options = {.view = run->view,
                                   .table = table,
                                   .now_us = run->now_us,
                                   .seq_after = -1,
                                   .cancelled = &run->cancelled,
                                   .arena = &run->arena};
    struct scan *scan = NULL;
    struct row row;

    CHECK(run->plan->change.is_delete && !table_is_keyed(table));
    for (size_t i = 0; i < row_count; i++)
        wanted[i] = rows[i][table->key_count].integer;
    qsort(wanted, row_count, sizeof(*wanted), change_compare_seq);
    enum status status = scan_open(run->engine->store, &options, &scan, err);
    while (status == STATUS_OK && (status = scan_next(scan, &row, err)) == STATUS_OK) {
        int64_t seq = row_seq(row.bytes);
        if (bsearch(&seq, wanted, row_count, sizeof(*wanted), change_compare_seq) != NULL)
            status = change_add(run, list, arena_copy(&run->arena, row.key),
                                change_expect(run, seq, NULL), err);
    }
    scan_close(scan);
    return status == STATUS_END ? STATUS_OK : status;
}

/* Key columns, _seq and new values of the rows that DuckDB finds. */
static enum status change_collect(struct sql_run *run, struct analytic_plan *analytic,
                                  struct value ***rows, size_t *row_count, struct error *err)
{
    const struct plan_change *change = &run->plan->change;
    struct analytic_execution execution;
    size_t column_count = 0;
    enum status status =
        analytic_require_single(analytic, change->is_delete ? "DELETE" : "UPDATE", err);

    if (status != STATUS_OK)
        return status;
    analytic_execution_init(run, run->params, run->param_count, &execution);
    status = analytic_collect(analytic, &execution, rows, row_count, &column_count, err);
    CHECK(change->set.count == 0 || !change->is_delete);
    if (status == STATUS_OK && *row_count > 0 &&
        column_count != run->plan->table->key_count + 1 + change->set.count)
        return error_set(err, STATUS_INVALID_SQL,
                         "an expression of this statement gives several columns");
    return status;
}

static enum status change_analytic(struct sql_run *run, struct change_ops *list, struct error *err)
{
    struct plan *found = NULL;
    struct value **rows = NULL;
    size_t row_count = 0;
    enum status status;

    status = analytic_find_part(run, run->plan->change.analytic_text, &found, err);
    if (status != STATUS_OK)
        return status;
    CHECK(found->analytic != NULL);
    status = change_collect(run, found->analytic, &rows, &row_count, err);
    if (status == STATUS_OK && !table_is_keyed(run->plan->table))
        status = change_add_events(run, rows, row_count, list, err);
    map_init(&list->keys);
    for (size_t i = 0; i < row_count && status == STATUS_OK && table_is_keyed(run->plan->table);
         i++)
        status = change_add_expected(run, rows[i], list, err);
    map_clear(&list->keys);
    plan_unref(found);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

enum status change_run(struct sql_run *run, bool may_block, struct error *err)
{
    const struct plan *plan = run->plan;
    struct change_ops list = {0};
    struct access_keys keys;
    enum status status;

    CHECK(plan->kind == PLAN_CHANGE);
    dml_begin(run);
    run->logic = (struct row_logic){.resolve = change_resolve, .context = run};
    if (!str_is_empty(plan->change.analytic_text)) {
        status = may_block ? change_analytic(run, &list, err) : STATUS_WOULD_BLOCK;
    } else if (plan->access.kind == PLAN_ACCESS_POINTS) {
        status = access_resolve(run, &keys, err);
        if (status == STATUS_OK && !may_block && keys.point_count > RUN_INLINE_WRITES)
            status = STATUS_WOULD_BLOCK;
        if (status == STATUS_OK && !keys.empty)
            status = change_points(run, &keys, &list, err);
    } else {
        status = may_block ? change_scan(run, &list, err) : STATUS_WOULD_BLOCK;
    }
    if (status != STATUS_OK)
        return status;
    return dml_submit(run, list.ops, list.count, may_block, err);
}
