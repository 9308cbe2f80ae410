/* live_plan.c — a SELECT compiled for matching changes: filter, output columns, whose rows.
 *
 * Everything is copied into the plan's own arena, because a subscription outlives the request it
 * came with. What cannot be matched row by row is refused, never guessed. NOW() and CURRENT_USER
 * keep the
 * value of this moment.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/sql_internal.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/refs.h"
#include "catalog/system_tables.h"
#include "sql/binder.h"
#include "sql/exec/plan.h"
#include "value/cast.h"

struct live_builder {
    struct sql_engine *engine;
    const struct sql_caller *caller;
    const struct view *view;   /* NULL when the table is known */
    const struct table *table; /* rebinding */
    struct live_plan *plan;
    struct ast_select *tree;
    struct expr_scope scope;
};

static enum status live_refuse(const char *what, struct error *err)
{
    CHECK(what != NULL);
    return error_set(err, STATUS_NOT_SUPPORTED, "%s is not supported in a live query", what);
}

struct live_plan *live_plan_ref(struct live_plan *plan)
{
    CHECK(plan != NULL);
    refs_add(&plan->refs);
    return plan;
}

void live_plan_unref(struct live_plan *plan)
{
    if (plan == NULL || !refs_drop(&plan->refs))
        return;
    expr_unref(plan->filter);
    table_unref(plan->table);
    struct arena *arena = plan->arena;
    arena_clear(arena);
    mem_free(arena);
    mem_free(plan);
}

static struct live_plan *live_plan_new(void)
{
    struct live_plan *plan = mem_zalloc(sizeof(*plan));

    refs_init(&plan->refs);
    plan->arena = mem_zalloc(sizeof(*plan->arena));
    arena_init(plan->arena, 0);
    plan->snapshot_limit = plan->last_rows = plan->batch_size = plan->from = -1;
    CHECK(plan->filter == NULL);
    return plan;
}

static void live_copy_params(struct live_plan *plan, const struct value *params, size_t count)
{
    plan->param_count = count;
    plan->params = arena_array(plan->arena, count, sizeof(*plan->params));
    for (size_t i = 0; i < count; i++) {
        plan->params[i] = params[i];
        if (!params[i].is_null && value_type_is_text(params[i].type))
            plan->params[i].text = arena_copy(plan->arena, params[i].text);
    }
    CHECK(plan->params != NULL);
}

/* ---- table ----------------------------------------------------------------------------------- */

static enum status live_resolve(struct live_builder *builder, struct resolved_table *resolved,
                                struct error *err)
{
    const struct ast_name *name = &builder->tree->from;

    CHECK((builder->view == NULL) != (builder->table == NULL));
    if (builder->table != NULL) {
        *resolved = (struct resolved_table){.table = builder->table};
        return binder_authorize(builder->engine, builder->caller, builder->table, name->user, false,
                                name->start, &resolved->user, err);
    }
    struct table_access_request request = {
        .caller = builder->caller,
        .catalog = view_catalog(builder->view),
        .space = name->space,
        .user = name->user,
        .table = name->table,
        .position = name->start,
    };
    return binder_resolve_table(builder->engine, &request, resolved, err);
}

static enum status live_bind_table(struct live_builder *builder, struct error *err)
{
    const struct ast_name *name = &builder->tree->from;
    struct live_plan *plan = builder->plan;
    struct resolved_table resolved;
    enum status status = live_resolve(builder, &resolved, err);

    if (status != STATUS_OK)
        return status;
    if (resolved.table->kind == TABLE_KIND_SYSTEM)
        status = live_system_check(builder->engine, builder->caller, resolved.table, err);
    if (status != STATUS_OK)
        return status;
    if (resolved.table->kind == TABLE_KIND_USER && !str_equal(resolved.user, builder->caller->user))
        return error_set_at(err, STATUS_PERMISSION_DENIED, name->start,
                            "permission denied: a live query sees one's own rows only");
    plan->table = table_ref(resolved.table);
    plan->user = arena_copy(plan->arena, resolved.user);
    CHECK(plan->table->key_count > 0);
    if (plan->table->kind != TABLE_KIND_SYSTEM)
        return STATUS_OK;
    plan->names_deleted = plan_names_column(builder->tree->where, STR_LIT("deleted_at"));
    return live_system_name(plan->table, plan->arena, builder->tree, err);
}

static void live_fill_scope(struct live_builder *builder)
{
    const struct table *table = builder->plan->table;
    uint32_t total = table_column_total(table);
    struct expr_column *columns = arena_array(builder->plan->arena, total, sizeof(*columns));
    enum value_type *types =
        arena_array(builder->plan->arena, builder->plan->param_count, sizeof(*types));

    for (uint32_t i = 0; i < total; i++)
        columns[i] = (struct expr_column){
            .name = table_column_name(table, i),
            .type = table_column_type(table, i),
            .not_null = i >= table->schema->column_count || table->schema->columns[i].not_null,
        };
    for (size_t i = 0; i < builder->plan->param_count; i++)
        types[i] = builder->plan->params[i].is_null ? VALUE_NULL : builder->plan->params[i].type;
    CHECK(total > 0);
    builder->scope = (struct expr_scope){
        .columns = columns,
        .column_count = total,
        .qualifier = str_is_empty(builder->tree->alias) ? table->name : builder->tree->alias,
        .space = str_is_empty(builder->tree->alias) ? table->space : STR_EMPTY,
        .param_types = types,
        .param_count = builder->plan->param_count,
    };
}

/* ---- output ---------------------------------------------------------------------------------- */

static struct sql_column live_column(const struct live_builder *builder, uint32_t index,
                                     struct str name)
{
    const struct table *table = builder->plan->table;
    bool system = index >= table->schema->column_count;
    bool key = !system && table->schema->columns[index].key_position >= 0;

    /* A system table's rows have their _seq, though it is none of its columns. */
    CHECK(index < table_column_total(table) || table->kind == TABLE_KIND_SYSTEM);
    return (struct sql_column){
        .name = arena_copy(builder->plan->arena, name),
        .type = index < table_column_total(table) ? table_column_type(table, index)
                                                  : (struct data_type){.kind = VALUE_BIGINT},
        .primary_key = key,
        .not_null = system || key || table->schema->columns[index].not_null,
        .unique = key && table->key_count == 1 && table_is_keyed(table),
    };
}

static void live_add_column(struct live_builder *builder, uint32_t index, struct str name)
{
    struct live_plan *plan = builder->plan;

    CHECK(plan->columns != NULL);
    plan->columns[plan->column_count] = index;
    plan->column_specs[plan->column_count] = live_column(builder, index, name);
    plan->column_count++;
}

static bool live_has_column(const struct live_plan *plan, uint32_t index)
{
    for (uint32_t i = 0; i < plan->column_count; i++) {
        CHECK(plan->columns != NULL);
        if (plan->columns[i] == index)
            return true;
    }
    return false;
}

static void live_add_all(struct live_builder *builder)
{
    const struct table *table = builder->plan->table;
    bool system = table->kind == TABLE_KIND_SYSTEM;
    uint32_t count = system ? system_table_shown(table) : table_column_total(table);

    CHECK(count > 0);
    for (uint32_t i = 0; i < count; i++)
        if (!system || !live_system_is_computed(table, table_column_name(table, i)))
            live_add_column(builder, i, table_column_name(table, i));
}

static enum status live_add_item(struct live_builder *builder, const struct ast_select_item *item,
                                 struct error *err)
{
    const struct table *table = builder->plan->table;

    CHECK(item != NULL);
    if (item->expr == NULL) {
        live_add_all(builder);
        return STATUS_OK;
    }
    if (item->expr->kind != AST_COLUMN)
        return live_refuse("an expression in the select list", err);
    int index = table_find_column(table, item->expr->name);
    if (index < 0)
        return error_set_at(err, STATUS_COLUMN_NOT_FOUND, item->start,
                            "column not found: column \"%.*s\" does not exist",
                            STR_ARG(item->expr->name));
    live_add_column(builder, (uint32_t)index,
                    str_is_empty(item->alias) ? item->expr->name : item->alias);
    return STATUS_OK;
}

static enum status live_bind_output(struct live_builder *builder, struct error *err)
{
    struct live_plan *plan = builder->plan;
    const struct table *table = plan->table;
    size_t most = builder->tree->item_count * table_column_total(table) + table->key_count + 1;
    uint32_t seq = table->schema->column_count + SYSTEM_COLUMN_SEQ;
    enum status status = STATUS_OK;

    plan->columns = arena_array(plan->arena, most, sizeof(*plan->columns));
    plan->column_specs = arena_array(plan->arena, most, sizeof(*plan->column_specs));
    for (size_t i = 0; i < builder->tree->item_count && status == STATUS_OK; i++)
        status = live_add_item(builder, &builder->tree->items[i], err);
    if (status != STATUS_OK)
        return status;
    for (uint32_t i = 0; i < table->key_count; i++)
        if (!live_has_column(plan, table->key_columns[i]))
            live_add_column(builder, table->key_columns[i],
                            table_column_name(table, table->key_columns[i]));
    if (!live_has_column(plan, seq))
        live_add_column(builder, seq, STR_LIT("_seq"));
    CHECK(plan->column_count <= most);
    return STATUS_OK;
}

/* ---- columns that the text names --------------------------------------------------------------
 */

static void live_add_named(struct live_builder *builder, struct str name)
{
    struct live_plan *plan = builder->plan;
    const struct table *table = plan->table;
    int index = table_find_column(table, name);

    if (index < 0 || (uint32_t)index >= table->schema->column_count)
        return; /* a system column never changes */
    uint32_t id = table->schema->columns[index].id;
    for (uint32_t i = 0; i < plan->named_count; i++)
        if (plan->named[i] == id)
            return;
    CHECK(plan->named_count < table->schema->column_count);
    plan->named[plan->named_count++] = id;
}

static void live_find_named(struct live_builder *builder, const struct ast_expr *tree)
{
    if (tree == NULL)
        return;
    CHECK(tree->height <= LIMIT_AST_HEIGHT);
    if (tree->kind == AST_COLUMN)
        live_add_named(builder, tree->name);
    for (size_t i = 0; i < tree->arg_count; i++)
        live_find_named(builder, tree->args[i]);
}

static void live_bind_named(struct live_builder *builder)
{
    const struct ast_select *tree = builder->tree;
    struct live_plan *plan = builder->plan;

    CHECK(plan->named == NULL);
    plan->named = arena_array(plan->arena, plan->table->schema->column_count, sizeof(*plan->named));
    for (size_t i = 0; i < tree->item_count; i++)
        live_find_named(builder, tree->items[i].expr);
    live_find_named(builder, tree->where);
    for (size_t i = 0; i < tree->order_count; i++)
        live_find_named(builder, tree->order[i].expr);
}

/* ---- filter and limits ----------------------------------------------------------------------- */

void live_context(const struct live_plan *plan, struct arena *arena, struct expr_context *out)
{
    CHECK(arena != NULL);
    *out = (struct expr_context){
        .arena = arena,
        .params = plan->params,
        .param_count = plan->param_count,
        .now_us = plan->now_us,
        .user = plan->user,
        .role = plan->role,
    };
}

static bool live_order_is_newest(const struct ast_select *tree)
{
    const struct ast_order *first = &tree->order[0];

    CHECK(tree->order_count > 0);
    return first->expr->kind == AST_COLUMN && str_equal(first->expr->name, STR_LIT("_seq")) &&
           first->descending;
}

static enum status live_bind_limit(struct live_builder *builder, struct error *err)
{
    const struct data_type bigint = {.kind = VALUE_BIGINT};
    const struct ast_select *tree = builder->tree;
    struct expr_program *program = NULL;
    struct expr_context context;
    struct value value;
    enum status status;

    CHECK(builder->plan->snapshot_limit == -1);
    /* Without LIMIT an order chooses nothing: rows of a snapshot come by _seq. */
    if (tree->limit != NULL && tree->order_count > 0 && !live_order_is_newest(tree))
        return live_refuse("LIMIT with an ORDER BY other than _seq DESC", err);
    if (tree->offset != NULL)
        return live_refuse("OFFSET", err);
    if (tree->limit == NULL)
        return STATUS_OK;
    status = expr_compile(tree->limit, &builder->scope, &bigint, &program, err);
    if (status == STATUS_OK) {
        live_context(builder->plan, builder->plan->arena, &context);
        status = expr_run(program, &context, &value, err);
    }
    expr_unref(program);
    if (status == STATUS_OK && !value.is_null)
        builder->plan->snapshot_limit = value.integer < 0 ? 0 : value.integer;
    return status;
}

static enum status live_bind(struct live_builder *builder, struct error *err)
{
    const struct data_type boolean = {.kind = VALUE_BOOLEAN};
    struct live_plan *plan = builder->plan;
    enum status status = live_bind_table(builder, err);

    if (status != STATUS_OK)
        return status;
    live_fill_scope(builder);
    live_bind_named(builder);
    status = live_bind_output(builder, err);
    if (builder->tree->where != NULL)
        plan_type_literals(builder->tree->where);
    if (status == STATUS_OK && builder->tree->where != NULL)
        status = expr_compile(builder->tree->where, &builder->scope, &boolean, &plan->filter, err);
    if (status == STATUS_OK) {
        live_choose_route(plan);
        status = live_bind_limit(builder, err);
    }
    CHECK(status != STATUS_OK || plan->column_count > 0);
    return status;
}

/* The SELECT in it: also SUBSCRIBE … is accepted. */
static enum status live_parse(struct live_plan *plan, struct str sql, struct ast_statement **out,
                              struct error *err)
{
    enum status status = sql_parse(arena_copy(plan->arena, sql), plan->arena, out, err);

    if (status != STATUS_OK)
        return status;
    if ((*out)->kind == AST_SUBSCRIBE) {
        plan->last_rows = (*out)->subscribe.last_rows;
        plan->batch_size = (*out)->subscribe.batch_size;
        plan->from = (*out)->subscribe.from;
        *out = (*out)->subscribe.select;
    }
    CHECK(*out != NULL);
    if ((*out)->kind == AST_ANALYTIC)
        return live_refuse("a join, grouping, aggregate, subquery or set operation", err);
    if ((*out)->kind != AST_SELECT)
        return error_set(err, STATUS_INVALID_SQL, "a live query is a SELECT");
    if (!(*out)->select.has_from)
        return live_refuse("a SELECT without FROM", err);
    return STATUS_OK;
}

enum status sql_live_compile(struct sql_engine *engine, const struct sql_caller *caller,
                             struct view *view, struct str sql, const struct value *params,
                             size_t param_count, struct live_plan **out, struct error *err)
{
    struct live_plan *plan = live_plan_new();
    struct live_builder builder = {.engine = engine, .caller = caller, .view = view, .plan = plan};
    struct ast_statement *tree = NULL;
    enum status status;

    CHECK(engine != NULL && caller != NULL && view != NULL && out != NULL);
    *out = NULL;
    plan->now_us = clock_now_us();
    plan->role = arena_copy(plan->arena, str_from_c(role_name(caller->role)));
    live_copy_params(plan, params, param_count);
    status = live_parse(plan, sql, &tree, err);
    if (status == STATUS_OK && tree->param_max != param_count)
        status =
            error_set(err, STATUS_INVALID_PARAMETER, "parameter mismatch: expected %u, got %zu",
                      tree->param_max, param_count);
    if (status == STATUS_OK) {
        plan->sql = tree->text;
        plan->names_deleted = tree->names_deleted;
        builder.tree = &tree->select;
        status = live_bind(&builder, err);
    }
    if (status == STATUS_OK)
        *out = plan;
    else
        live_plan_unref(plan);
    return status;
}

enum status sql_live_rebind(struct sql_engine *engine, const struct sql_caller *caller,
                            const struct live_plan *plan, const struct table *table,
                            struct live_plan **out, struct error *err)
{
    struct live_plan *next = live_plan_new();
    struct live_builder builder = {
        .engine = engine, .caller = caller, .table = table, .plan = next};
    struct ast_statement *tree = NULL;
    enum status status;

    CHECK(table->id.value == plan->table->id.value && out != NULL);
    *out = NULL;
    next->now_us = plan->now_us;
    next->role = arena_copy(next->arena, plan->role);
    live_copy_params(next, plan->params, plan->param_count);
    status = live_parse(next, plan->sql, &tree, err);
    if (status == STATUS_OK) {
        next->sql = tree->text;
        next->names_deleted = tree->names_deleted;
        builder.tree = &tree->select;
        status = live_bind(&builder, err);
    }
    if (status == STATUS_OK)
        *out = next;
    else
        live_plan_unref(next);
    return status;
}

/* ---- matching -------------------------------------------------------------------------------- */

struct live_row {
    const struct row *row;
    struct arena *arena;
};

static void live_row_column(void *context, size_t index, struct value *out)
{
    const struct live_row *from = context;

    CHECK(from->row != NULL);
    row_column(from->row, (uint32_t)index, from->arena, out);
    if (UNLIKELY(from->row->table->kind == TABLE_KIND_SYSTEM))
        live_system_show(from->row->table, (uint32_t)index, from->arena, out);
}

void live_plan_column(const struct live_plan *plan, const struct row *row, uint32_t index,
                      struct arena *arena, struct value *out)
{
    CHECK(row->table->id.value == plan->table->id.value);
    row_column(row, index, arena, out);
    if (UNLIKELY(plan->table->kind == TABLE_KIND_SYSTEM))
        live_system_show(plan->table, index, arena, out);
}

enum status live_plan_matches(const struct live_plan *plan, const struct row *row,
                              struct arena *arena, bool *matches, struct error *err)
{
    struct live_row from = {.row = row, .arena = arena};
    struct expr_context context;

    CHECK(plan != NULL && row != NULL && row->table->id.value == plan->table->id.value);
    *matches = plan->names_deleted || !row_is_deleted(row->bytes);
    if (UNLIKELY(plan->table->kind == TABLE_KIND_SYSTEM)) /* its deleted rows are gone for good */
        *matches = !row_is_deleted(row->bytes) && !live_system_hides(plan, row, arena);
    if (!*matches || plan->filter == NULL)
        return STATUS_OK;
    live_context(plan, arena, &context);
    context.column = live_row_column;
    context.row = &from;
    return expr_run_filter(plan->filter, &context, matches, err);
}
