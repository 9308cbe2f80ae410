/* insert.c — runs INSERT: every row is evaluated, cast and checked before any is queued.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/run.h"

#include "base/check.h"
#include "base/map.h"
#include "value/cast.h"

enum { INSERT_CHECK_ROWS = 256 };

static enum status insert_cast(struct sql_run *run, const struct table_column *column,
                               const struct value *from, uint32_t param, struct value *out,
                               struct error *err)
{
    enum status status;

    if (from->is_null) {
        *out = value_null(column->type.kind);
        return STATUS_OK;
    }
    status = dml_cast(run, column, from, out, err);
    if (LIKELY(status == STATUS_OK))
        return status;
    CHECK(err != NULL);
    if (param > 0 && param <= run->options.param_count)
        error_prefix(err, "parameter $%u (column \"%.*s\")", param, STR_ARG(column->name));
    else
        error_prefix(err, "column \"%.*s\"", STR_ARG(column->name));
    return status;
}

static enum status insert_cell(struct sql_run *run, const struct insert_cell *cell,
                               const struct table_column *column, struct expr_context *context,
                               struct value *out, struct error *err)
{
    enum status status;

    switch (cell->kind) {
    case INSERT_CELL_PARAM:
        CHECK(cell->param < run->param_count);
        return insert_cast(run, column, &run->params[cell->param], cell->param + 1, out, err);
    case INSERT_CELL_LITERAL:
        return insert_cast(run, column, cell->literal, 0, out, err);
    case INSERT_CELL_PROGRAM:
        status = expr_run(cell->program, context, out, err);
        if (status == STATUS_TYPE_MISMATCH || status == STATUS_CONSTRAINT_VIOLATION)
            error_prefix(err, "column \"%.*s\"", STR_ARG(column->name));
        return status;
    case INSERT_CELL_DEFAULT:
        return dml_default(run, run->plan->table, column, out, err);
    case INSERT_CELL_COMPUTED:
        break;
    }
    UNREACHABLE("insert cell");
}

/* Where the given values of a row come from: cells of VALUES or a row of a SELECT. */
struct insert_source {
    const struct insert_cell *cells;
    const struct value *values; /* of the SELECT, or what DuckDB computed for cells */
    const uint32_t *columns;    /* of `values`, without cells */
    uint32_t width; /* places that are given: the first ones, of a SELECT without column list */
};

/* Where the value of a table's column is among the given ones; -1 = left out. */
static int32_t insert_position(const struct plan_insert *insert, const struct insert_source *source,
                               uint32_t column)
{
    int32_t position = insert->positions[column];

    CHECK(source->width <= insert->width);
    return position < (int32_t)source->width ? position : -1;
}

/* The value DuckDB made for this place; NULL if it is a cell's own. */
static const struct value *insert_made(const struct insert_source *source, int32_t position)
{
    const struct insert_cell *cells = source->cells;

    CHECK(position >= 0 && (cells != NULL || source->values != NULL));
    if (cells == NULL)
        return &source->values[source->columns[position]];
    return cells[position].kind == INSERT_CELL_COMPUTED ? &source->values[cells[position].column]
                                                        : NULL;
}

/* What only DuckDB evaluates among the cells of all rows. */
static enum status insert_compute(struct sql_run *run, const struct value **values,
                                  struct error *err)
{
    struct str text = run->plan->insert.computed;
    struct collected rows = {0};
    enum status status;

    *values = NULL;
    if (str_is_empty(text))
        return STATUS_OK;
    status = select_collect(run, text, "VALUES", &rows, err);
    if (status != STATUS_OK)
        return status;
    if (rows.row_count != 1 || rows.column_count != run->plan->insert.computed_count)
        return error_set(err, STATUS_INVALID_SQL,
                         "an expression in VALUES gives several rows or columns");
    *values = rows.rows[0];
    CHECK(*values != NULL);
    return STATUS_OK;
}

static enum status insert_values(struct sql_run *run, const struct insert_source *source,
                                 struct expr_context *context, struct value *values,
                                 struct error *err)
{
    const struct table *table = run->plan->table;
    const struct plan_insert *insert = &run->plan->insert;
    enum status status = STATUS_OK;

    CHECK(source->cells != NULL || source->values != NULL || insert->width == 0);
    for (uint32_t i = 0; i < table->schema->column_count && status == STATUS_OK; i++) {
        const struct table_column *column = &table->schema->columns[i];
        int32_t position = insert_position(insert, source, i);
        const struct value *made = position < 0 ? NULL : insert_made(source, position);
        if (position < 0)
            status = dml_default(run, table, column, &values[i], err);
        else if (made != NULL)
            status = insert_cast(run, column, made, 0, &values[i], err);
        else
            status = insert_cell(run, &source->cells[position], column, context, &values[i], err);
        if (status == STATUS_OK)
            status = dml_check_value(column, &values[i], err);
    }
    return status;
}

/* ---- ON CONFLICT ----------------------------------------------------------------------------- */

struct insert_conflict {
    struct row_logic logic;
    struct sql_run *run;
    const struct value *proposed;
};

/* Commit thread: a live row is there already. */
static enum status insert_resolve(void *context, const struct row *current, struct arena *arena,
                                  enum row_verdict *verdict, struct value *values,
                                  struct error *err)
{
    const struct insert_conflict *conflict = context;
    struct sql_run *run = conflict->run;
    const struct plan_insert *insert = &run->plan->insert;
    const struct table *table = run->plan->table;
    struct row_reader reader = {.row = current,
                                .arena = arena,
                                .excluded = conflict->proposed,
                                .column_count = table_column_total(table)};
    struct expr_context expr;
    bool passes = true;
    enum status status = STATUS_OK;

    CHECK(current != NULL);
    *verdict = ROW_KEEP;
    if (insert->conflict == AST_CONFLICT_NOTHING)
        return STATUS_OK;
    run_commit_context(run, arena, &reader, &expr);
    if (insert->where != NULL)
        status = expr_run_filter(insert->where, &expr, &passes, err);
    run->commit_work = expr.work;
    if (status != STATUS_OK || !passes)
        return status;
    for (uint32_t i = 0; i < table->schema->column_count; i++)
        row_column(current, i, arena, &values[i]);
    *verdict = ROW_PUT;
    status = dml_apply_set(run, table, &insert->set, &expr, values, err);
    run->commit_work = expr.work;
    return status;
}

/* The same key twice in one statement cannot be updated twice. */
static enum status insert_check_twice(const struct sql_run *run, const struct row_op *ops,
                                      size_t count, struct error *err)
{
    struct map seen;
    enum status status = STATUS_OK;

    CHECK(count > 0);
    if (run->plan->insert.conflict != AST_CONFLICT_UPDATE || count < 2)
        return STATUS_OK;
    map_init(&seen);
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        if (map_put(&seen, ops[i].key, &seen) != NULL)
            status = error_set(err, STATUS_CONSTRAINT_VIOLATION,
                               "ON CONFLICT DO UPDATE command cannot affect row a second time: "
                               "duplicate key in the statement");
    map_clear(&seen);
    return status;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static enum status insert_op(struct sql_run *run, const struct insert_source *source,
                             struct expr_context *context, struct row_op *op, struct error *err)
{
    const struct table *table = run->plan->table;
    struct value *values = arena_alloc(&run->arena, table->schema->column_count * sizeof(*values));
    enum status status = insert_values(run, source, context, values, err);

    if (status != STATUS_OK)
        return status;
    buf_reset(&run->key);
    status = table_encode_key(table, values, &run->key, err);
    if (status != STATUS_OK)
        return status;
    *op = (struct row_op){.kind = ROW_OP_INSERT,
                          .table = table,
                          .user = run->instance,
                          .key = arena_copy(&run->arena, buf_str(&run->key)),
                          .values = values};
    if (run->plan->insert.conflict != AST_CONFLICT_ERROR) {
        struct insert_conflict *conflict = arena_zalloc(&run->arena, sizeof(*conflict));
        conflict->run = run;
        conflict->proposed = values;
        conflict->logic = (struct row_logic){.resolve = insert_resolve, .context = conflict};
        op->logic = &conflict->logic;
        op->ignores_row = run->plan->insert.conflict == AST_CONFLICT_NOTHING;
    }
    CHECK(op->key.size > 0);
    return STATUS_OK;
}

static enum status insert_finish(struct sql_run *run, struct row_op *ops, size_t count,
                                 bool may_block, struct error *err)
{
    enum status status = count > 0 ? insert_check_twice(run, ops, count, err) : STATUS_OK;

    CHECK(ops != NULL || count == 0);
    return status == STATUS_OK ? dml_submit(run, ops, count, may_block, err) : status;
}

static enum status insert_rows(struct sql_run *run, bool may_block, struct error *err)
{
    const struct plan_insert *insert = &run->plan->insert;
    struct row_op *ops = arena_alloc(&run->arena, insert->row_count * sizeof(*ops));
    const struct value *computed;
    struct expr_context context;
    enum status status = insert_compute(run, &computed, err);

    CHECK(insert->row_count > 0);
    run_context(run, &run->arena, NULL, &context);
    for (size_t i = 0; i < insert->row_count && status == STATUS_OK; i++) {
        struct insert_source source = {
            .cells = insert->cells + i * insert->width, .values = computed, .width = insert->width};
        run_begin_row(run, &context);
        status = insert_op(run, &source, &context, &ops[i], err);
        if (status == STATUS_OK)
            status = arena_check(&run->arena, err);
        if (status == STATUS_OK && i % INSERT_CHECK_ROWS == INSERT_CHECK_ROWS - 1)
            status = run_check(run, err);
    }
    return status == STATUS_OK ? insert_finish(run, ops, insert->row_count, may_block, err)
                               : status;
}

/* ---- INSERT … SELECT ------------------------------------------------------------------------- */

static bool insert_is_system_name(struct str name)
{
    return str_equal(name, STR_LIT("_seq")) || str_equal(name, STR_LIT("_updated")) ||
           str_equal(name, STR_LIT("_deleted"));
}

/* Which columns of the SELECT are inserted: all but the system columns that `*` brings along. They
 * may be fewer than the table's where it gives no list. */
static enum status insert_select_columns(struct sql_run *run, const struct collected *rows,
                                         struct insert_source *source, struct error *err)
{
    uint32_t width = run->plan->insert.width, found = 0;
    uint32_t *columns = arena_array(&run->arena, width, sizeof(*columns));
    bool has_list = run->plan->tree->insert.columns != NULL;

    CHECK(source->cells == NULL);
    for (size_t i = 0; i < rows->column_count; i++) {
        if (rows->columns[i].by_star && insert_is_system_name(rows->columns[i].name))
            continue;
        if (found < width)
            columns[found] = (uint32_t)i;
        found++;
    }
    source->columns = columns;
    source->width = found;
    if (found == width || (found < width && !has_list))
        return STATUS_OK;
    return error_set(err, STATUS_INVALID_SQL,
                     "INSERT has %s expressions than target columns: expected %u, got %u",
                     found > width ? "more" : "fewer", width, found);
}

static enum status insert_selected(struct sql_run *run, struct error *err)
{
    const struct plan_insert *insert = &run->plan->insert;
    struct insert_source source = {0};
    struct collected rows = {0};
    struct expr_context context;
    enum status status = select_collect(run, insert->select, NULL, &rows, err);

    if (status == STATUS_OK)
        status = insert_select_columns(run, &rows, &source, err);
    if (status != STATUS_OK)
        return status;
    struct row_op *ops = arena_array(&run->arena, rows.row_count, sizeof(*ops));
    run_context(run, &run->arena, NULL, &context);
    for (size_t i = 0; i < rows.row_count && status == STATUS_OK; i++) {
        source.values = rows.rows[i];
        status = insert_op(run, &source, &context, &ops[i], err);
        if (status == STATUS_OK)
            status = arena_check(&run->arena, err);
    }
    CHECK(insert->cells == NULL);
    return status == STATUS_OK ? insert_finish(run, ops, rows.row_count, true, err) : status;
}

/* ---- system rows ----------------------------------------------------------------------------- */

static enum status insert_given_row(struct sql_run *run, const struct insert_source *source,
                                    struct expr_context *context, struct value *values,
                                    struct error *err)
{
    const struct table *table = run->plan->table;
    const struct plan_insert *insert = &run->plan->insert;
    enum status status = STATUS_OK;

    CHECK(table->kind == TABLE_KIND_SYSTEM);
    for (uint32_t i = 0; i < table->schema->column_count && status == STATUS_OK; i++) {
        const struct table_column *column = &table->schema->columns[i];
        int32_t position = insert_position(insert, source, i);
        const struct value *made = position < 0 ? NULL : insert_made(source, position);
        if (made != NULL)
            status = insert_cast(run, column, made, 0, &values[i], err);
        else if (position < 0 || source->cells[position].kind == INSERT_CELL_DEFAULT)
            values[i] = value_null(column->type.kind);
        else
            status = insert_cell(run, &source->cells[position], column, context, &values[i], err);
    }
    return status;
}

enum status insert_given(struct sql_run *run, bool *given, struct value ***rows, size_t *count,
                         struct error *err)
{
    const struct plan_insert *insert = &run->plan->insert;
    struct insert_source source = {.width = insert->width};
    uint32_t total = run->plan->table->schema->column_count;
    bool selects = !str_is_empty(insert->select);
    struct collected collected = {.row_count = insert->row_count};
    const struct value *computed;
    struct expr_context context;
    enum status status = insert_compute(run, &computed, err);

    CHECK(given != NULL && rows != NULL && count != NULL);
    for (uint32_t i = 0; i < total; i++)
        given[i] = insert->positions[i] >= 0;
    if (status == STATUS_OK && selects) {
        collected.row_count = 0;
        status = select_collect(run, insert->select, NULL, &collected, err);
        if (status == STATUS_OK)
            status = insert_select_columns(run, &collected, &source, err);
    }
    *count = collected.row_count;
    *rows = arena_array(&run->arena, *count, sizeof(struct value *));
    run_context(run, &run->arena, NULL, &context);
    for (size_t i = 0; i < *count && status == STATUS_OK; i++) {
        source.values = selects ? collected.rows[i] : computed;
        source.cells = selects ? NULL : insert->cells + i * insert->width;
        (*rows)[i] = arena_array(&run->arena, total, sizeof(struct value));
        status = insert_given_row(run, &source, &context, (*rows)[i], err);
        if (status == STATUS_OK)
            status = arena_check(&run->arena, err);
    }
    return status;
}

enum status insert_run(struct sql_run *run, bool may_block, struct error *err)
{
    const struct plan *plan = run->plan;

    CHECK(plan->kind == PLAN_INSERT);
    if (!may_block &&
        (!str_is_empty(plan_analytic_part(plan)) || plan->insert.row_count > RUN_INLINE_WRITES))
        return STATUS_WOULD_BLOCK;
    dml_begin(run);
    return str_is_empty(plan->insert.select) ? insert_rows(run, may_block, err)
                                             : insert_selected(run, err);
}
