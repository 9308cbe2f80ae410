/* plan.c — builds a plan from a text: parse, resolve the table, compile what belongs to the
 * statement.
 *
 * The text is copied into the plan's own memory, because trees and messages borrow from it.
 * Programs are counted objects outside the arena; the plan lists them so that it can release them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/plan.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/refs.h"
#include "catalog/system_tables.h"
#include "sql/binder.h"
#include "sql/syntax/lexer.h"

/* ---- life ------------------------------------------------------------------------------------ */

static struct plan *plan_new(void)
{
    struct plan *plan = mem_zalloc(sizeof(*plan));

    refs_init(&plan->refs);
    arena_init(&plan->arena, 0);
    return plan;
}

struct plan *plan_new_analytic(struct analytic_plan *analytic, uint64_t catalog_version)
{
    struct plan *plan = plan_new();

    CHECK(analytic != NULL);
    plan->kind = PLAN_ANALYTIC;
    plan->analytic = analytic;
    atomic_store(&plan->catalog_version, catalog_version);
    return plan;
}

struct plan *plan_ref(struct plan *plan)
{
    CHECK(plan != NULL);
    refs_add(&plan->refs);
    return plan;
}

void plan_unref(struct plan *plan)
{
    if (plan == NULL || !refs_drop(&plan->refs))
        return;
    expr_bounds_free(plan->access.bounds, plan->access.bound_count);
    for (size_t i = 0; i < plan->program_count; i++)
        expr_unref(plan->programs[i]);
    mem_free(plan->programs);
    if (plan->table != NULL)
        table_unref(plan->table);
    if (plan->analytic != NULL)
        analytic_plan_free(plan->analytic);
    arena_clear(&plan->arena);
    mem_free(plan);
}

bool plan_is_current(struct plan *plan, const struct catalog *catalog)
{
    uint64_t version = catalog_version(catalog);

    CHECK(plan != NULL);
    if (atomic_load_explicit(&plan->catalog_version, memory_order_relaxed) == version)
        return true;
    if (plan->kind == PLAN_ANALYTIC)
        return plan->analytic == NULL; /* its table list is DuckDB's affair: no re-check by hand */
    if (plan->table != NULL &&
        catalog_find_table(catalog, plan->name.space, plan->name.table) != plan->table)
        return false;
    atomic_store_explicit(&plan->catalog_version, version, memory_order_relaxed);
    return true;
}

/* ---- pieces ---------------------------------------------------------------------------------- */

static void plan_own_program(struct plan *plan, struct expr_program *program)
{
    CHECK(program != NULL);
    if (plan->program_count == plan->program_capacity) {
        plan->program_capacity = plan->program_capacity > 0 ? 2 * plan->program_capacity : 8;
        plan->programs =
            mem_realloc(plan->programs, plan->program_capacity * sizeof(*plan->programs));
    }
    plan->programs[plan->program_count++] = program;
}

void plan_type_literals(struct ast_expr *tree)
{
    if (tree->kind == AST_LITERAL)
        plan_type_integer(&tree->value);
    for (size_t i = 0; i < tree->arg_count; i++)
        plan_type_literals(tree->args[i]); /* height ≤ LIMIT_AST_HEIGHT */
    CHECK_SLOW(tree->height <= LIMIT_AST_HEIGHT);
}

enum status plan_compile(struct plan_builder *builder, const struct ast_expr *tree,
                         const struct data_type *target, struct expr_program **out,
                         struct error *err)
{
    struct expr_program *program = NULL;
    enum status status;

    CHECK(tree != NULL && out != NULL);
    plan_type_literals((struct ast_expr *)(uintptr_t)tree);
    status = expr_compile(tree, &builder->scope, target, &program, err);
    if (status != STATUS_OK)
        return status;
    plan_own_program(builder->plan, program);
    *out = program;
    return STATUS_OK;
}

enum status plan_compile_filter(struct plan_builder *builder, const struct ast_expr *where,
                                struct error *err)
{
    static const struct data_type boolean = {.kind = VALUE_BOOLEAN};

    CHECK(builder->plan->filter == NULL);
    if (where == NULL)
        return STATUS_OK;
    return plan_compile(builder, where, &boolean, &builder->plan->filter, err);
}

static void plan_fill_scope(struct plan_builder *builder, struct str alias)
{
    const struct table *table = builder->plan->table;
    uint32_t total = table_column_total(table);
    struct expr_column *columns = arena_array(&builder->plan->arena, total, sizeof(*columns));

    CHECK(total > 0);
    for (uint32_t i = 0; i < total; i++)
        columns[i] = (struct expr_column){
            .name = table_column_name(table, i),
            .type = table_column_type(table, i),
            .not_null = i >= table->schema->column_count || table->schema->columns[i].not_null,
        };
    builder->scope.columns = columns;
    builder->scope.column_count = total;
    builder->scope.qualifier = str_is_empty(alias) ? builder->plan->name.table : alias;
    builder->scope.space = str_is_empty(alias) ? builder->plan->name.space : STR_EMPTY;
}

enum status plan_bind_table(struct plan_builder *builder, const struct ast_name *name,
                            struct str alias, bool write, struct error *err)
{
    struct plan *plan = builder->plan;
    const struct plan_request *request = builder->request;
    struct str instance;

    CHECK(plan->table == NULL);
    plan->name = *name;
    plan->write = write;
    if (str_is_empty(plan->name.space))
        plan->name.space = arena_copy(&plan->arena, request->caller->space);
    const struct table *table =
        catalog_find_table(request->catalog, plan->name.space, plan->name.table);
    if (table == NULL)
        return binder_table_not_found(plan->name.space, plan->name.table, name->start, err);
    plan->table = table_ref(table);
    plan_fill_scope(builder, alias);
    return binder_authorize(request->engine, request->caller, table, name->user, write, name->start,
                            &instance, err);
}

enum status plan_compile_set(struct plan_builder *builder, const struct ast_assignment *set,
                             size_t count, struct plan_set *out, struct error *err)
{
    const struct table *table = builder->plan->table;
    bool *seen = arena_array(&builder->plan->arena, table_column_total(table), sizeof(*seen));

    CHECK(out->count == 0);
    out->columns = arena_array(&builder->plan->arena, count, sizeof(*out->columns));
    out->programs = arena_array(&builder->plan->arena, count, sizeof(*out->programs));
    out->params = arena_array(&builder->plan->arena, count, sizeof(*out->params));
    for (size_t i = 0; i < count; i++) {
        int index = plan_find_target(table, set[i].column);
        if (index < 0)
            return error_set_at(err, STATUS_COLUMN_NOT_FOUND, set[i].start,
                                "column not found: column \"%.*s\" does not exist",
                                STR_ARG(set[i].column));
        if ((uint32_t)index >= table->schema->column_count)
            return error_set_at(err, STATUS_INVALID_OPERATION, set[i].start,
                                "system column \"%.*s\" cannot be set", STR_ARG(set[i].column));
        const struct table_column *column = &table->schema->columns[index];
        if (column->key_position >= 0)
            return error_set_at(err, STATUS_INVALID_OPERATION, set[i].start,
                                "column \"%.*s\" is part of the primary key and cannot be changed",
                                STR_ARG(set[i].column));
        CHECK(!seen[index]); /* refused by the parser */
        enum status status = plan_check_system_target(table, (uint32_t)index, set[i].start, err);
        if (status != STATUS_OK)
            return status;
        seen[index] = true;
        out->columns[i] = (uint32_t)index;
        out->count++;
        if (set[i].value->kind == AST_DEFAULT)
            continue;
        if (set[i].value->kind == AST_PARAM)
            out->params[i] = set[i].value->param;
        status = plan_compile(builder, set[i].value, &column->type, &out->programs[i], err);
        if (status != STATUS_OK) {
            if (status == STATUS_TYPE_MISMATCH || status == STATUS_CONSTRAINT_VIOLATION)
                error_prefix(err, "column \"%.*s\"", STR_ARG(set[i].column));
            return status;
        }
    }
    return STATUS_OK;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static enum status plan_build_rows(struct plan_builder *builder, struct error *err)
{
    struct plan *plan = builder->plan;
    enum status status;

    CHECK(plan->tree != NULL);
    switch (plan->tree->kind) {
    case AST_SELECT:
        status = plan_build_select(builder, err);
        if (status == STATUS_NOT_SUPPORTED) {
            plan->kind = PLAN_ANALYTIC; /* DuckDB has the last word on what is not supported */
            status = STATUS_OK;
        }
        return status;
    case AST_INSERT:
        return plan_build_insert(builder, err);
    case AST_UPDATE:
    case AST_DELETE:
        return plan_build_change(builder, err);
    case AST_ANALYTIC:
        plan->kind = PLAN_ANALYTIC;
        return STATUS_OK;
    default:
        plan->kind = PLAN_STATEMENT;
        return STATUS_OK;
    }
}

struct str plan_analytic_part(const struct plan *plan)
{
    CHECK(plan != NULL);
    if (plan->kind == PLAN_INSERT)
        return str_is_empty(plan->insert.select) ? plan->insert.computed : plan->insert.select;
    return plan->kind == PLAN_CHANGE ? plan->change.analytic_text : STR_EMPTY;
}

/* Parts of the statement that only DuckDB parses may use parameters that our trees do not show. */
static bool plan_hides_params(const struct plan *plan)
{
    CHECK(plan->tree != NULL);
    return plan->kind == PLAN_ANALYTIC || plan->kind == PLAN_STATEMENT ||
           !str_is_empty(plan_analytic_part(plan));
}

static enum status plan_param_mismatch(uint32_t expected, const struct plan *plan,
                                       struct error *err)
{
    CHECK(expected != plan->param_count);
    return error_set(err, STATUS_INVALID_PARAMETER, "parameter mismatch: expected %u, got %u",
                     expected, plan->param_count);
}

/* By the tokens alone; `seen` has a place for each parameter. */
static enum status plan_mark_params(const struct plan *plan, struct str text, bool *seen,
                                    struct error *err)
{
    struct lexer lexer;
    struct token token;

    CHECK(seen != NULL);
    lexer_init(&lexer, text);
    do {
        token = lexer_next(&lexer);
        if (token.kind == TOKEN_OTHER && str_equal(token_text(text, &token), STR_LIT("?"))) {
            memset(seen, true, plan->param_count); /* refused with a hint where it is read */
            return STATUS_OK;
        }
        if (token.kind != TOKEN_PARAM)
            continue;
        uint32_t number = token_param(text, &token);
        if (number == 0 || number == UINT32_MAX)
            return error_set_at(err, STATUS_INVALID_PARAMETER, token.start,
                                "there is no parameter %.*s", STR_ARG(token_text(text, &token)));
        if (number > plan->param_count)
            return plan_param_mismatch(number, plan, err);
        seen[number - 1] = true;
    } while (token.kind != TOKEN_END && token.kind != TOKEN_ERROR);
    return STATUS_OK;
}

static enum status plan_check_hidden_params(struct plan *plan, struct str text, struct error *err)
{
    bool *seen = arena_array(&plan->arena, plan->param_count + 1, sizeof(*seen));
    enum status status = plan_mark_params(plan, text, seen, err);
    uint32_t used = plan->param_count, gap = 0;

    if (status != STATUS_OK)
        return status;
    while (used > 0 && !seen[used - 1])
        used--;
    if (used < plan->param_count)
        return plan_param_mismatch(used, plan, err);
    while (gap < used && seen[gap])
        gap++;
    CHECK(gap <= used);
    if (gap < used)
        return error_set(err, STATUS_INVALID_PARAMETER, "parameter $%u is used but $%u is not",
                         used, gap + 1);
    return STATUS_OK;
}

static enum status plan_check_params(struct plan *plan, struct str text, bool built,
                                     struct error *err)
{
    const struct ast_statement *tree = plan->tree;
    bool rows = tree->kind == AST_SELECT || tree->kind == AST_ANALYTIC ||
                tree->kind == AST_INSERT || tree->kind == AST_UPDATE || tree->kind == AST_DELETE;

    CHECK(plan->param_given <= plan->param_count);
    if (!rows && tree->kind != AST_EXPLAIN && tree->kind != AST_EXECUTE_AS &&
        tree->kind != AST_SUBSCRIBE && plan->param_given > 0)
        return error_set(err, STATUS_INVALID_PARAMETER,
                         "this kind of statement does not take parameters");
    if (!rows || tree->param_max == plan->param_count)
        return STATUS_OK;
    if (tree->param_max < plan->param_count && !built)
        return STATUS_OK;
    if (tree->param_max < plan->param_count && plan_hides_params(plan))
        return plan_check_hidden_params(plan, text, err);
    return plan_param_mismatch(tree->param_max, plan, err);
}

enum status plan_build(const struct plan_request *request, struct plan **out, struct error *err)
{
    struct plan *plan = plan_new();
    struct plan_builder builder = {.request = request, .plan = plan};
    enum status status;

    CHECK(request->catalog != NULL && out != NULL);
    *out = NULL;
    plan->param_count = request->param_count;
    plan->param_given = request->param_given;
    atomic_store(&plan->catalog_version, catalog_version(request->catalog));
    builder.scope.param_types = request->param_types;
    builder.scope.param_count = request->param_count;
    builder.scope.lifted_from = request->param_given + 1;
    builder.scope.allow_per_row_functions = true;
    status = sql_parse(arena_copy(&plan->arena, request->text), &plan->arena, &plan->tree, err);
    if (status != STATUS_OK)
        goto out;
    status = plan_check_params(plan, request->text, false, err);
    if (status != STATUS_OK)
        goto out;
    status = plan_build_rows(&builder, err);
    if (status != STATUS_OK)
        goto out;
    status = plan_check_params(plan, request->text, true, err);
out:
    if (status == STATUS_OK)
        *out = plan;
    else
        plan_unref(plan);
    return status;
}
