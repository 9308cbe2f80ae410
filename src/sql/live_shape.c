/* live_shape.c — the SELECT of live queries compiled: filter, output columns, the columns it names;
 * its order is live_order.c's.
 *
 * A shape is compiled in scratch memory and then packed into one block of its size: a hundred
 * thousand subscriptions may have as many texts. What cannot be matched row by row is refused,
 * never guessed. Rights are checked for each caller, also where the shape is there already.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/live_internal.h"

#include "base/check.h"
#include "base/mem.h"
#include "catalog/system_tables.h"
#include "sql/analytic.h"
#include "sql/binder.h"
#include "sql/exec/plan.h"

/* A shape in scratch memory. */
struct shape_builder {
    const struct shape_request *request;
    struct arena *arena;
    struct live_shape shape;
    uint32_t listed_count; /* output columns of the select list */
    struct live_order order;
    struct ast_select *tree;
    uint32_t param_max;
    struct expr_scope scope;
};

static enum status live_refuse(const char *what, struct error *err)
{
    CHECK(what != NULL);
    return error_set(err, STATUS_NOT_SUPPORTED, "%s is not supported in a live query", what);
}

/* ---- rights -----------------------------------------------------------------------------------
 */

static enum status shape_resolve(const struct shape_request *request, const struct ast_name *name,
                                 struct resolved_table *resolved, struct error *err)
{
    CHECK((request->view == NULL) != (request->table == NULL));
    if (request->table != NULL) {
        *resolved = (struct resolved_table){.table = request->table};
        return binder_authorize(request->engine, request->caller, request->table, name->user, false,
                                name->start, &resolved->user, err);
    }
    struct table_access_request access = {
        .caller = request->caller,
        .catalog = view_catalog(request->view),
        .space = name->space,
        .user = name->user,
        .table = name->table,
        .position = name->start,
    };
    return binder_resolve_table(request->engine, &access, resolved, err);
}

/* The table, if the caller may have a live query on it. */
static enum status shape_authorize(const struct shape_request *request, const struct ast_name *name,
                                   const struct table **table, struct error *err)
{
    struct resolved_table resolved;
    enum status status = shape_resolve(request, name, &resolved, err);

    if (status != STATUS_OK)
        return status;
    CHECK(resolved.table != NULL);
    *table = resolved.table;
    if (resolved.table->kind == TABLE_KIND_SYSTEM)
        return live_system_check(request->engine, request->caller, resolved.table, err);
    if (resolved.table->kind == TABLE_KIND_USER && !str_equal(resolved.user, request->caller->user))
        return error_set_at(err, STATUS_PERMISSION_DENIED, name->start,
                            "permission denied: a live query sees one's own rows only");
    return STATUS_OK;
}

static enum status live_bind_table(struct shape_builder *builder, struct error *err)
{
    const struct table *table = NULL;
    enum status status = shape_authorize(builder->request, &builder->tree->from, &table, err);

    if (status != STATUS_OK)
        return status;
    CHECK(table->key_count > 0);
    builder->shape.table = table_ref(table);
    if (table->kind != TABLE_KIND_SYSTEM)
        return STATUS_OK;
    builder->shape.names_deleted = plan_names_column(builder->tree->where, STR_LIT("deleted_at"));
    return live_system_name(table, builder->arena, builder->tree, err);
}

static void shape_fill_scope(struct shape_builder *builder)
{
    const struct table *table = builder->shape.table;
    uint32_t total = table_column_total(table);
    struct expr_column *columns = arena_array(builder->arena, total, sizeof(*columns));
    struct data_type *types =
        arena_array(builder->arena, builder->request->param_count, sizeof(*types));

    for (uint32_t i = 0; i < total; i++)
        columns[i] = (struct expr_column){
            .name = table_column_name(table, i),
            .type = table_column_type(table, i),
            .not_null = i >= table->schema->column_count || table->schema->columns[i].not_null,
        };
    for (size_t i = 0; i < builder->request->param_count; i++)
        types[i] = value_data_type(&builder->request->params[i]);
    CHECK(total > 0);
    builder->scope = (struct expr_scope){
        .columns = columns,
        .column_count = total,
        .qualifier = str_is_empty(builder->tree->alias) ? table->name : builder->tree->alias,
        .space = str_is_empty(builder->tree->alias) ? table->space : STR_EMPTY,
        .param_types = types,
        .param_count = builder->request->param_count,
    };
}

/* ---- output ---------------------------------------------------------------------------------- */

static struct sql_column live_column(const struct shape_builder *builder, uint32_t index,
                                     struct str name)
{
    const struct table *table = builder->shape.table;
    bool system = index >= table->schema->column_count;
    bool key = !system && table->schema->columns[index].key_position >= 0;

    /* A system table's rows have their _seq, though it is none of its columns. */
    CHECK(index < table_column_total(table) || table->kind == TABLE_KIND_SYSTEM);
    return (struct sql_column){
        .name = arena_copy(builder->arena, name),
        .type = index < table_column_total(table) ? table_column_type(table, index)
                                                  : (struct data_type){.kind = VALUE_BIGINT},
        .primary_key = key,
        .not_null = system || key || table->schema->columns[index].not_null,
        .unique = key && table->key_count == 1 && table_is_keyed(table),
    };
}

static void live_add_column(struct shape_builder *builder, uint32_t index, struct str name)
{
    struct live_shape *shape = &builder->shape;

    CHECK(shape->columns != NULL);
    shape->columns[shape->column_count] = index;
    shape->column_specs[shape->column_count] = live_column(builder, index, name);
    shape->column_count++;
}

/* Under this very name: clients look for key and position by it. */
static bool live_has_column(const struct live_shape *shape, uint32_t index, struct str name)
{
    for (uint32_t i = 0; i < shape->column_count; i++) {
        CHECK(shape->columns != NULL);
        if (shape->columns[i] == index && str_equal(shape->column_specs[i].name, name))
            return true;
    }
    return false;
}

/* A name that clients read as the key or the state of the row, for another column? */
static bool live_alias_misleads(const struct table *table, uint32_t index, struct str alias)
{
    uint32_t system = table->schema->column_count;

    CHECK(alias.size > 0);
    for (uint32_t i = 0; i < table->key_count; i++)
        if (str_equal(alias, table_column_name(table, table->key_columns[i])))
            return index != table->key_columns[i];
    if (str_equal(alias, STR_LIT("_seq")))
        return index != system + SYSTEM_COLUMN_SEQ;
    return str_equal(alias, STR_LIT("_deleted")) && index != system + SYSTEM_COLUMN_DELETED;
}

static void live_add_all(struct shape_builder *builder)
{
    const struct table *table = builder->shape.table;
    bool system = table->kind == TABLE_KIND_SYSTEM;
    uint32_t count = system ? system_table_shown(table) : table_column_total(table);

    CHECK(count > 0);
    for (uint32_t i = 0; i < count; i++)
        if (!system || !live_system_is_computed(table, table_column_name(table, i)))
            live_add_column(builder, i, table_column_name(table, i));
}

static enum status live_add_item(struct shape_builder *builder, const struct ast_select_item *item,
                                 struct error *err)
{
    const struct table *table = builder->shape.table;

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
    struct str name = str_is_empty(item->alias) ? item->expr->name : item->alias;
    if (live_alias_misleads(table, (uint32_t)index, name))
        return error_set_at(err, STATUS_NOT_SUPPORTED, item->start,
                            "alias \"%.*s\" names another column: it is not supported in a live "
                            "query",
                            STR_ARG(name));
    live_add_column(builder, (uint32_t)index, name);
    return STATUS_OK;
}

static enum status live_bind_output(struct shape_builder *builder, struct error *err)
{
    struct live_shape *shape = &builder->shape;
    const struct table *table = shape->table;
    size_t most = builder->tree->item_count * table_column_total(table) + table->key_count + 1;
    uint32_t seq = table->schema->column_count + SYSTEM_COLUMN_SEQ;
    enum status status = STATUS_OK;

    shape->columns = arena_array(builder->arena, most, sizeof(*shape->columns));
    shape->column_specs = arena_array(builder->arena, most, sizeof(*shape->column_specs));
    for (size_t i = 0; i < builder->tree->item_count && status == STATUS_OK; i++)
        status = live_add_item(builder, &builder->tree->items[i], err);
    if (status != STATUS_OK)
        return status;
    builder->listed_count = shape->column_count;
    for (uint32_t i = 0; i < table->key_count; i++) {
        struct str name = table_column_name(table, table->key_columns[i]);
        if (!live_has_column(shape, table->key_columns[i], name))
            live_add_column(builder, table->key_columns[i], name);
    }
    if (!live_has_column(shape, seq, STR_LIT("_seq")))
        live_add_column(builder, seq, STR_LIT("_seq"));
    CHECK(shape->column_count <= most);
    return STATUS_OK;
}

/* ---- columns that the text names --------------------------------------------------------------
 */

static void live_add_named(struct shape_builder *builder, int index)
{
    struct live_shape *shape = &builder->shape;
    const struct table *table = shape->table;

    if (index < 0 || (uint32_t)index >= table->schema->column_count)
        return; /* a system column never changes */
    uint32_t id = table->schema->columns[index].id;
    for (uint32_t i = 0; i < shape->named_count; i++)
        if (shape->named[i] == id)
            return;
    CHECK(shape->named_count < table->schema->column_count);
    shape->named[shape->named_count++] = id;
}

static void live_find_named(struct shape_builder *builder, const struct ast_expr *tree)
{
    if (tree == NULL)
        return;
    CHECK(tree->height <= LIMIT_AST_HEIGHT);
    if (tree->kind == AST_COLUMN)
        live_add_named(builder, table_find_column(builder->shape.table, tree->name));
    for (size_t i = 0; i < tree->arg_count; i++)
        live_find_named(builder, tree->args[i]);
}

static void live_bind_named(struct shape_builder *builder)
{
    const struct ast_select *tree = builder->tree;
    struct live_shape *shape = &builder->shape;

    CHECK(shape->named == NULL);
    shape->named =
        arena_array(builder->arena, shape->table->schema->column_count, sizeof(*shape->named));
    for (size_t i = 0; i < tree->item_count; i++)
        live_find_named(builder, tree->items[i].expr);
    live_find_named(builder, tree->where);
    for (size_t i = 0; i < tree->order_count; i++)
        live_find_named(builder, tree->order[i].expr);
}

/* ORDER BY 3 means another column once one before it is gone: it names all up to that one. */
static void live_bind_positions(struct shape_builder *builder)
{
    const struct ast_select *tree = builder->tree;
    const struct live_shape *shape = &builder->shape;

    CHECK(shape->named != NULL && builder->listed_count <= shape->column_count);
    for (size_t i = 0; i < tree->order_count; i++) {
        const struct ast_expr *expr = tree->order[i].expr;
        if (expr->kind != AST_LITERAL || expr->value.type != VALUE_BIGINT)
            continue;
        for (uint32_t k = 0; k < builder->listed_count && (int64_t)k < expr->value.integer; k++)
            live_add_named(builder, (int)shape->columns[k]);
    }
}

/* ---- filter and order ------------------------------------------------------------------------ */

static enum status live_bind_order(struct shape_builder *builder, struct error *err)
{
    const struct live_order_request request = {.shape = &builder->shape,
                                               .listed_count = builder->listed_count,
                                               .tree = builder->tree,
                                               .scope = &builder->scope,
                                               .arena = builder->arena};

    CHECK(builder->shape.column_count > 0);
    return live_order_bind(&request, &builder->order, &builder->shape.order_kind, err);
}

static enum status live_bind_where(struct shape_builder *builder, struct error *err)
{
    const struct data_type boolean = {.kind = VALUE_BOOLEAN};
    struct ast_expr *where = builder->tree->where;

    CHECK(builder->shape.filter == NULL);
    if (where == NULL)
        return STATUS_OK;
    plan_type_literals(where);
    enum status status =
        expr_compile(where, &builder->scope, &boolean, &builder->shape.filter, err);
    if (status == STATUS_NOT_SUPPORTED)
        error_prefix(err, "WHERE of a live query");
    return status;
}

static enum status live_bind(struct shape_builder *builder, struct error *err)
{
    struct live_shape *shape = &builder->shape;
    enum status status = live_bind_table(builder, err);

    if (status != STATUS_OK)
        return status;
    shape_fill_scope(builder);
    live_bind_named(builder);
    status = live_bind_output(builder, err);
    if (status == STATUS_OK) {
        live_bind_positions(builder);
        status = live_bind_where(builder, err);
    }
    if (status == STATUS_OK)
        status = live_bind_order(builder, err);
    shape->uses_caller = (shape->filter != NULL && expr_uses_caller(shape->filter)) ||
                         live_order_uses_caller(&builder->order);
    CHECK(status != STATUS_OK || shape->column_count > 0);
    return status;
}

/* A SELECT beyond our grammar: DuckDB says whether it is one. */
static enum status live_refuse_foreign(const struct shape_builder *builder, struct str select,
                                       struct error *err)
{
    const struct shape_request *request = builder->request;
    struct analytic_plan *plan = NULL;

    if (request->view != NULL && request->engine->columnar != NULL &&
        analytic_prepare(request->engine, request->caller, view_catalog(request->view), select,
                         request->param_count, &plan, err) == STATUS_INVALID_SQL)
        return STATUS_INVALID_SQL;
    CHECK(err != NULL);
    analytic_plan_free(plan);
    return live_refuse("a join, grouping, aggregate, subquery or set operation", err);
}

/* The SELECT in it: also SUBSCRIBE … is accepted. */
static enum status live_parse(struct shape_builder *builder, struct error *err)
{
    struct live_shape *shape = &builder->shape;
    struct ast_statement *tree = NULL, *outer = NULL;
    enum status status = sql_check_text(builder->request->sql, err);

    if (status == STATUS_OK)
        status = sql_parse(builder->request->sql, builder->arena, &tree, err);
    if (status != STATUS_OK)
        return status;
    if (tree->kind == AST_SUBSCRIBE) {
        shape->last_rows = tree->subscribe.last_rows;
        shape->batch_size = tree->subscribe.batch_size;
        shape->from = tree->subscribe.from;
        outer = tree;
        tree = tree->subscribe.select;
        shape->asks_for_rows = tree->kind == AST_SELECT && tree->select.limit != NULL;
    }
    CHECK(tree != NULL);
    if (tree->kind == AST_ANALYTIC) {
        status = live_refuse_foreign(builder, tree->text, err);
        if (outer != NULL)
            ast_subscribe_shift(outer, err);
        return status;
    }
    if (tree->kind != AST_SELECT)
        return error_set(err, STATUS_INVALID_SQL, "a live query is a SELECT");
    if (!tree->select.has_from)
        return live_refuse("a SELECT without FROM", err);
    builder->param_max = tree->param_max;
    shape->names_deleted = tree->names_deleted;
    shape->text = builder->request->sql;
    builder->tree = &tree->select;
    return STATUS_OK;
}

/* ---- packing ----------------------------------------------------------------------------------
 */

/* Takes its strings and arrays one after the other out of a block. */
struct shape_packer {
    char *next, *end;
};

static void *shape_pack(struct shape_packer *packer, const void *bytes, size_t size)
{
    char *place = packer->next;

    CHECK((size_t)(packer->end - place) >= size);
    if (size > 0)
        memcpy(place, bytes, size);
    packer->next += size;
    return place;
}

static struct str shape_pack_str(struct shape_packer *packer, struct str text)
{
    CHECK(text.size == 0 || text.data != NULL);
    return str_from(shape_pack(packer, text.data, text.size), text.size);
}

static size_t shape_packed_size(const struct shape_builder *builder, struct str key)
{
    const struct live_shape *shape = &builder->shape;
    const struct ast_name *from = &builder->tree->from;
    const struct live_order *order = &builder->order;
    size_t size = shape->column_count * (sizeof(*shape->column_specs) + sizeof(*shape->columns)) +
                  order->count * (sizeof(*order->items) + sizeof(*order->by)) +
                  shape->named_count * sizeof(*shape->named) + shape->text.size + key.size +
                  from->space.size + from->user.size + from->table.size;

    CHECK(shape->column_count > 0);
    for (uint32_t i = 0; i < shape->column_count; i++)
        size += shape->column_specs[i].name.size;
    return size;
}

/* Takes over what the builder has references to. */
static struct shape_entry *shape_entry_new(const struct shape_builder *builder, struct str key)
{
    const struct live_shape *from = &builder->shape;
    const struct ast_name *name = &builder->tree->from;
    size_t size = shape_packed_size(builder, key);
    struct shape_entry *entry = mem_zalloc(sizeof(*entry) + size);
    struct shape_packer packer = {.next = (char *)(entry + 1), .end = (char *)(entry + 1) + size};
    struct live_shape *shape = &entry->shape;

    *shape = *from;
    entry->order = builder->order;
    entry->order.items = shape_pack(&packer, builder->order.items,
                                    builder->order.count * sizeof(*builder->order.items));
    shape->column_specs =
        shape_pack(&packer, from->column_specs, from->column_count * sizeof(*from->column_specs));
    shape->columns =
        shape_pack(&packer, from->columns, from->column_count * sizeof(*from->columns));
    shape->named = shape_pack(&packer, from->named, from->named_count * sizeof(*from->named));
    entry->order.by =
        shape_pack(&packer, builder->order.by, builder->order.count * sizeof(*builder->order.by));
    for (uint32_t i = 0; i < shape->column_count; i++)
        shape->column_specs[i].name = shape_pack_str(&packer, from->column_specs[i].name);
    shape->text = shape_pack_str(&packer, from->text);
    entry->from = (struct ast_name){.space = shape_pack_str(&packer, name->space),
                                    .user = shape_pack_str(&packer, name->user),
                                    .table = shape_pack_str(&packer, name->table),
                                    .start = name->start,
                                    .end = name->end};
    entry->key = shape_pack_str(&packer, key);
    CHECK(packer.next == packer.end);
    entry->param_count = builder->request->param_count;
    entry->shapes = builder->request->engine->live_shapes;
    entry->refs = 1;
    return entry;
}

static enum status shape_compile(const struct shape_request *request, struct str key,
                                 struct arena *arena, struct shape_entry **out, struct error *err)
{
    struct shape_builder builder = {
        .request = request,
        .arena = arena,
        .shape = {.last_rows = -1, .batch_size = -1, .from = -1},
    };
    enum status status = live_parse(&builder, err);

    CHECK(request->engine != NULL);
    if (status == STATUS_OK && builder.param_max != request->param_count)
        status =
            error_set(err, STATUS_INVALID_PARAMETER, "parameter mismatch: expected %u, got %zu",
                      builder.param_max, request->param_count);
    if (status == STATUS_OK)
        status = live_bind(&builder, err);
    if (status == STATUS_OK) {
        *out = shape_entry_new(&builder, key);
        shape_put(*out);
        return STATUS_OK;
    }
    expr_unref(builder.shape.filter);
    live_order_clear(&builder.order);
    table_unref(builder.shape.table);
    return status;
}

/* Namespace, types of the parameters, text. */
static struct str shape_key(const struct shape_request *request, struct arena *arena)
{
    struct str space = request->caller->space;
    size_t size = space.size + 1 + request->param_count + 1 + request->sql.size;
    char *key = arena_alloc(arena, size), *next = key;

    CHECK(request->param_count == 0 || request->params != NULL);
    if (space.size > 0)
        memcpy(next, space.data, space.size);
    next += space.size;
    *next++ = 0;
    for (size_t i = 0; i < request->param_count; i++)
        *next++ = (char)(1 + (request->params[i].is_null ? VALUE_NULL : request->params[i].type));
    *next++ = 0;
    if (request->sql.size > 0)
        memcpy(next, request->sql.data, request->sql.size);
    return str_from(key, size);
}

enum status shape_open(const struct shape_request *request, struct shape_entry **out,
                       struct error *err)
{
    struct arena arena;
    enum status status = STATUS_OK;

    CHECK(request->caller != NULL);
    *out = NULL;
    arena_init(&arena, request->engine->options.statement_memory_bytes);
    struct str key = shape_key(request, &arena);
    struct shape_entry *known = shape_find(request->engine->live_shapes, key);
    if (known != NULL) {
        const struct table *table = NULL;
        status = shape_authorize(request, &known->from, &table, err);
        if (status == STATUS_OK && table == known->shape.table)
            *out = known;
        else
            shape_unref(known);
    }
    if (status == STATUS_OK && *out == NULL)
        status = shape_compile(request, key, &arena, out, err);
    arena_clear(&arena);
    return status;
}
