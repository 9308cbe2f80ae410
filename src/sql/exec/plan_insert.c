/* plan_insert.c — binds INSERT: targets, one cell per given value, ON CONFLICT, RETURNING.
 *
 * Without a list of columns the values go into the first ones. How many a SELECT has is known when
 * it has run (insert.c).
 *
 * A value that is only a literal or a parameter, nearly all of them in practice, is not compiled:
 * it is cast to its column when the statement runs. What our programs cannot evaluate (subqueries,
 * functions only DuckDB has) becomes a column of one SELECT for DuckDB, each of its own type.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/plan.h"

#include "base/buf.h"
#include "base/check.h"

static enum status plan_insert_target(const struct plan *plan, const struct ast_insert *tree,
                                      size_t i, struct error *err)
{
    const struct table *table = plan->table;
    int index = plan_find_target(table, tree->columns[i]);
    enum status status;

    CHECK(i < tree->column_count);
    if (index < 0)
        return error_set_at(err, STATUS_COLUMN_NOT_FOUND, tree->column_starts[i],
                            "column not found: column \"%.*s\" does not exist",
                            STR_ARG(tree->columns[i]));
    if ((uint32_t)index >= table->schema->column_count)
        return error_set_at(err, STATUS_INVALID_OPERATION, tree->column_starts[i],
                            "system column \"%.*s\" cannot be set", STR_ARG(tree->columns[i]));
    if (plan->insert.positions[index] >= 0)
        return error_set_at(err, STATUS_INVALID_SQL, tree->column_starts[i],
                            "column \"%.*s\" is named twice", STR_ARG(tree->columns[i]));
    status = plan_check_system_target(table, (uint32_t)index, tree->column_starts[i], err);
    plan->insert.positions[index] = (int32_t)i;
    plan->insert.targets[i] = (uint32_t)index;
    return status;
}

static enum status plan_insert_targets(struct plan *plan, const struct ast_insert *tree,
                                       struct error *err)
{
    struct plan_insert *insert = &plan->insert;
    uint32_t total = plan->table->schema->column_count;
    bool some = !str_is_empty(tree->select);
    size_t width = tree->default_values    ? 0
                   : tree->columns != NULL ? tree->column_count
                   : some                  ? total
                                           : tree->width;

    CHECK(total > 0);
    insert->positions = arena_array(&plan->arena, total, sizeof(*insert->positions));
    for (uint32_t i = 0; i < total; i++)
        insert->positions[i] = -1;
    if (!some && !tree->default_values && width != tree->width)
        return error_set(err, STATUS_INVALID_SQL,
                         "INSERT has %s expressions than target columns: expected %zu, got %zu",
                         tree->width > width ? "more" : "fewer", width, tree->width);
    if (width > total)
        return error_set(err, STATUS_INVALID_SQL,
                         "INSERT has more expressions than target columns: expected %u, got %zu",
                         total, width);
    insert->width = (uint32_t)width;
    insert->targets = arena_array(&plan->arena, width, sizeof(*insert->targets));
    for (size_t i = 0; i < width; i++) {
        if (tree->columns == NULL) {
            insert->targets[i] = (uint32_t)i;
            insert->positions[i] = (int32_t)i;
            continue;
        }
        enum status status = plan_insert_target(plan, tree, i, err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status plan_insert_cell(struct plan_builder *builder, const struct ast_expr *tree,
                                    const struct table_column *column, struct insert_cell *cell,
                                    struct error *err)
{
    enum status status;

    switch (tree->kind) {
    case AST_DEFAULT:
        cell->kind = INSERT_CELL_DEFAULT;
        return STATUS_OK;
    case AST_LITERAL:
        cell->kind = INSERT_CELL_LITERAL;
        cell->literal = &tree->value;
        return STATUS_OK;
    case AST_PARAM:
        CHECK(tree->param > 0 && tree->param <= builder->plan->param_count);
        cell->kind = INSERT_CELL_PARAM;
        cell->param = tree->param - 1;
        return STATUS_OK;
    default:
        cell->kind = INSERT_CELL_PROGRAM;
        status = plan_compile(builder, tree, &column->type, &cell->program, err);
        if (status == STATUS_TYPE_MISMATCH || status == STATUS_CONSTRAINT_VIOLATION)
            error_prefix(err, "column \"%.*s\"", STR_ARG(column->name));
        return status;
    }
}

/* One more column of the SELECT that DuckDB runs. */
static void plan_insert_compute(const struct plan *plan, const struct ast_expr *tree,
                                uint32_t column, struct insert_cell *cell, struct buf *out)
{
    struct str text = plan->tree->text;

    CHECK(tree->start < tree->end && tree->end <= text.size);
    *cell = (struct insert_cell){.kind = INSERT_CELL_COMPUTED, .column = column};
    buf_append_str(out, column == 0 ? STR_LIT("SELECT (") : STR_LIT(", ("));
    buf_append(out, text.data + tree->start, tree->end - tree->start);
    buf_append_byte(out, ')');
}

static enum status plan_insert_cells(struct plan_builder *builder, const struct ast_insert *tree,
                                     struct error *err)
{
    struct plan *plan = builder->plan;
    struct plan_insert *insert = &plan->insert;
    struct expr_scope with_table = builder->scope;
    uint32_t computed = 0;
    struct buf text;
    enum status status = STATUS_OK;

    CHECK(insert->row_count == 0 && insert->cells == NULL);
    insert->row_count = tree->default_values ? 1 : tree->row_count;
    insert->cells =
        arena_array(&plan->arena, insert->row_count * insert->width, sizeof(*insert->cells));
    buf_init(&text);
    builder->scope.columns = NULL; /* VALUES sees no columns */
    builder->scope.column_count = 0;
    for (size_t i = 0; i < insert->row_count * insert->width && status == STATUS_OK; i++) {
        const struct table_column *column =
            &plan->table->schema->columns[insert->targets[i % insert->width]];
        status = plan_insert_cell(builder, tree->values[i], column, &insert->cells[i], err);
        if (status == STATUS_NOT_SUPPORTED) {
            plan_insert_compute(plan, tree->values[i], computed++, &insert->cells[i], &text);
            status = STATUS_OK;
        }
    }
    insert->computed = arena_copy(&plan->arena, buf_str(&text));
    insert->computed_count = computed;
    buf_clear(&text);
    builder->scope = with_table;
    return status;
}

/* ---- ON CONFLICT ----------------------------------------------------------------------------- */

static enum status plan_conflict_target(const struct plan *plan, const struct ast_insert *tree,
                                        struct error *err)
{
    const struct table *table = plan->table;
    bool seen[LIMIT_KEY_COLUMNS] = {false};

    CHECK(tree->conflict != AST_CONFLICT_ERROR);
    if (tree->conflict_column_count == 0)
        return tree->conflict == AST_CONFLICT_NOTHING
                   ? STATUS_OK
                   : error_set(err, STATUS_INVALID_SQL,
                               "ON CONFLICT DO UPDATE requires the key columns");
    for (size_t i = 0; i < tree->conflict_column_count; i++) {
        int index = table_find_column(table, tree->conflict_columns[i]);
        if (index < 0)
            return error_set(err, STATUS_COLUMN_NOT_FOUND,
                             "column not found: column \"%.*s\" does not exist",
                             STR_ARG(tree->conflict_columns[i]));
        int position = (uint32_t)index < table->schema->column_count
                           ? table->schema->columns[index].key_position
                           : -1;
        if (position < 0 || seen[position] || tree->conflict_column_count != table->key_count)
            return error_set(
                err, STATUS_INVALID_SQL,
                "there is no unique constraint matching the ON CONFLICT columns: name the "
                "primary key");
        seen[position] = true;
    }
    return STATUS_OK;
}

static enum status plan_insert_conflict(struct plan_builder *builder, const struct ast_insert *tree,
                                        struct error *err)
{
    static const struct data_type boolean = {.kind = VALUE_BOOLEAN};
    struct plan *plan = builder->plan;
    enum status status;

    CHECK(builder->scope.excluded == NULL);
    plan->insert.conflict = tree->conflict;
    if (tree->conflict == AST_CONFLICT_ERROR)
        return STATUS_OK;
    if (plan->table->kind == TABLE_KIND_STREAM)
        return error_set(err, STATUS_INVALID_OPERATION,
                         "ON CONFLICT is not possible on stream tables");
    status = plan_conflict_target(plan, tree, err);
    if (status != STATUS_OK || tree->conflict == AST_CONFLICT_NOTHING)
        return status;
    builder->scope.excluded = builder->scope.columns;
    builder->scope.excluded_count = plan->table->schema->column_count;
    status = plan_compile_set(builder, tree->conflict_set, tree->conflict_set_count,
                              &plan->insert.set, err);
    if (status == STATUS_OK && tree->conflict_where != NULL)
        status = plan_compile(builder, tree->conflict_where, &boolean, &plan->insert.where, err);
    if (status == STATUS_NOT_SUPPORTED)
        error_prefix(err, "ON CONFLICT DO UPDATE");
    builder->scope.excluded = NULL;
    builder->scope.excluded_count = 0;
    return status;
}

static enum status plan_insert_check_system(struct plan_builder *builder,
                                            const struct ast_insert *tree, struct error *err)
{
    enum status status = plan_check_system_write(builder->plan, "INSERT into", err);

    CHECK(tree->width > 0 || tree->default_values || !str_is_empty(tree->select));
    if (status != STATUS_OK)
        return status;
    if (tree->conflict != AST_CONFLICT_ERROR)
        return error_set(err, STATUS_NOT_SUPPORTED,
                         "ON CONFLICT on system tables is not supported in this version");
    if (tree->columns == NULL)
        return error_set(err, STATUS_INVALID_SQL,
                         "INSERT into a system table needs the list of columns");
    return plan_rewrite_system_change(builder, err);
}

enum status plan_build_insert(struct plan_builder *builder, struct error *err)
{
    struct plan *plan = builder->plan;
    const struct ast_insert *tree = &plan->tree->insert;
    enum status status;

    CHECK(plan->tree->kind == AST_INSERT);
    plan->kind = PLAN_INSERT;
    status = plan_bind_table(builder, &tree->table, tree->alias, true, err);
    if (status != STATUS_OK)
        return status;
    if (plan->table->kind == TABLE_KIND_SYSTEM) {
        status = plan_insert_check_system(builder, tree, err);
        if (status != STATUS_OK)
            return status;
    }
    status = plan_insert_targets(plan, tree, err);
    if (status != STATUS_OK)
        return status;
    plan->insert.select = tree->select;
    if (str_is_empty(tree->select))
        status = plan_insert_cells(builder, tree, err);
    if (status == STATUS_OK)
        status = plan_insert_conflict(builder, tree, err);
    return status == STATUS_OK
               ? plan_compile_returning(builder, tree->returning, tree->returning_count, err)
               : status;
}
