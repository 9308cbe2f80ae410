/* plan_output.c — select lists and RETURNING: which columns come out, under which names.
 *
 * A bare column of the table is not a program: its value is copied straight from the row.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/plan.h"

#include "base/check.h"
#include "catalog/system_tables.h"

struct sql_column plan_table_column(const struct table *table, uint32_t index, struct str name)
{
    struct sql_column column = {.name = name, .type = table_column_type(table, index)};

    CHECK(index < table_column_total(table));
    if (index >= table->schema->column_count) {
        column.not_null = true;
        return column;
    }
    const struct table_column *source = &table->schema->columns[index];
    column.primary_key = source->key_position >= 0;
    column.not_null = source->not_null || column.primary_key;
    column.unique = column.primary_key && table->key_count == 1 && table_is_keyed(table);
    return column;
}

static struct str plan_expr_name(const struct ast_expr *tree, unsigned depth)
{
    CHECK(tree != NULL);
    if (tree->kind == AST_COLUMN || tree->kind == AST_CALL)
        return tree->name;
    if (tree->kind == AST_CAST && depth < LIMIT_EXPRESSION_DEPTH) {
        struct str inner = plan_expr_name(tree->args[0], depth + 1);
        if (!str_equal(inner, STR_LIT("?column?")))
            return inner;
    }
    if (tree->kind == AST_CASE)
        return STR_LIT("case");
    return STR_LIT("?column?");
}

struct str plan_item_name(const struct ast_select_item *item)
{
    CHECK(item->expr != NULL);
    return str_is_empty(item->alias) ? plan_expr_name(item->expr, 0) : item->alias;
}

static uint32_t plan_star_width(const struct plan *plan)
{
    if (plan->table == NULL)
        return 0;
    return plan->table->kind == TABLE_KIND_SYSTEM ? system_table_shown(plan->table)
                                                  : table_column_total(plan->table);
}

static enum status plan_output_count(const struct plan_builder *builder,
                                     const struct ast_select_item *items, size_t count,
                                     uint32_t *out, struct error *err)
{
    size_t total = 0;

    for (size_t i = 0; i < count; i++) {
        const struct ast_select_item *item = &items[i];
        if (item->expr != NULL) {
            total++;
            continue;
        }
        if (builder->plan->table == NULL)
            return error_set_at(err, STATUS_INVALID_SQL, item->start,
                                "SELECT * with no tables specified is not valid");
        if (!str_is_empty(item->star_of) && !str_equal(item->star_of, builder->scope.qualifier))
            return error_set_at(err, STATUS_TABLE_NOT_FOUND, item->start,
                                "table not found: missing FROM-clause entry for table \"%.*s\"",
                                STR_ARG(item->star_of));
        total += plan_star_width(builder->plan);
    }
    CHECK(total <= UINT32_MAX);
    *out = (uint32_t)total;
    return STATUS_OK;
}

static void plan_output_column(struct plan *plan, uint32_t index, struct str name)
{
    struct plan_output *output = &plan->output;

    CHECK(index < table_column_total(plan->table));
    output->sources[output->count] = (int32_t)index;
    output->columns[output->count] = plan_table_column(plan->table, index, name);
    output->count++;
}

static enum status plan_output_item(struct plan_builder *builder,
                                    const struct ast_select_item *item, struct error *err)
{
    struct plan *plan = builder->plan;
    struct plan_output *output = &plan->output;
    struct expr_program *program = NULL;
    enum status status;

    CHECK(item->expr != NULL);
    if (item->expr->kind == AST_COLUMN && plan->table != NULL &&
        (str_is_empty(item->expr->qualifier) ||
         str_equal(item->expr->qualifier, builder->scope.qualifier))) {
        int index = table_find_column(plan->table, item->expr->name);
        if (index >= 0) {
            plan_output_column(plan, (uint32_t)index, plan_item_name(item));
            return STATUS_OK;
        }
    }
    status = plan_compile(builder, item->expr, NULL, &program, err);
    if (status != STATUS_OK)
        return status;
    struct data_type type = *expr_type(program);
    if (type.kind == VALUE_NULL)
        type = (struct data_type){.kind = VALUE_TEXT}; /* a bare NULL or parameter, as PostgreSQL */
    output->sources[output->count] = -1;
    output->programs[output->count] = program;
    output->columns[output->count] =
        (struct sql_column){.name = plan_item_name(item), .type = type};
    output->count++;
    return STATUS_OK;
}

enum status plan_compile_output(struct plan_builder *builder, const struct ast_select_item *items,
                                size_t count, struct error *err)
{
    struct plan *plan = builder->plan;
    struct plan_output *output = &plan->output;
    uint32_t total = 0;
    enum status status = plan_output_count(builder, items, count, &total, err);

    if (status != STATUS_OK)
        return status;
    CHECK(output->count == 0);
    output->columns = arena_array(&plan->arena, total, sizeof(*output->columns));
    output->sources = arena_array(&plan->arena, total, sizeof(*output->sources));
    output->programs = arena_array(&plan->arena, total, sizeof(struct expr_program *));
    for (size_t i = 0; i < count; i++) {
        if (items[i].expr != NULL) {
            status = plan_output_item(builder, &items[i], err);
            if (status != STATUS_OK)
                return status;
            continue;
        }
        for (uint32_t column = 0; column < plan_star_width(plan); column++)
            plan_output_column(plan, column, table_column_name(plan->table, column));
    }
    CHECK(output->count == total);
    return STATUS_OK;
}

enum status plan_compile_returning(struct plan_builder *builder,
                                   const struct ast_select_item *items, size_t count,
                                   struct error *err)
{
    enum status status = STATUS_OK;

    CHECK(items != NULL || count == 0);
    if (count > 0)
        status = plan_compile_output(builder, items, count, err);
    if (status == STATUS_NOT_SUPPORTED)
        error_prefix(err, "RETURNING");
    return status;
}
