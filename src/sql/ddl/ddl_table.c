/* ddl_table.c — CREATE TABLE and DROP TABLE (docs/sql.md): builds the table object, checks the
 * rules that need no lock, and leaves existence to store/ddl.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/ddl/ddl_table.h"

#include "base/check.h"
#include "catalog/schema_rules.h"
#include "sql/binder.h"
#include "store/ddl.h"

/* ---- columns --------------------------------------------------------------------------------- */

static enum status create_check_name(const struct ast_create_table *tree, size_t index,
                                     struct error *err)
{
    const struct ast_column_def *column = &tree->columns[index];

    CHECK(index < tree->column_count);
    return binder_check_identifier(column->name, "column", column->start, err);
}

/* ---- key ------------------------------------------------------------------------------------- */

/* The parser has refused names that are no columns or come twice. */
static enum status create_key_column(struct table_schema *schema, struct str name, int position,
                                     struct error *err)
{
    for (uint32_t i = 0; i < schema->column_count; i++) {
        struct table_column *column = &schema->columns[i];
        if (!str_equal(column->name, name))
            continue;
        CHECK(column->key_position < 0);
        if (!value_type_is_key(column->type.kind))
            return error_set(
                err, STATUS_INVALID_SQL,
                "column \"%.*s\" of type %s cannot be part of a primary key; possible are "
                "BIGINT, INT, SMALLINT, TEXT, UUID, TIMESTAMP, DATE, BOOLEAN",
                STR_ARG(name), value_type_name(column->type.kind));
        column->key_position = position;
        column->not_null = true;
        return STATUS_OK;
    }
    UNREACHABLE("a key column that the table has not");
}

/* The column that becomes the key when none is named; -1 = add one. */
static int create_implicit_key(const struct table_schema *schema)
{
    for (uint32_t i = 0; i < schema->column_count; i++)
        if (schema->columns[i].auto_increment && value_type_is_key(schema->columns[i].type.kind))
            return (int)i;
    for (uint32_t i = 0; i < schema->column_count; i++) {
        enum value_type type = schema->columns[i].type.kind;
        if (str_equal(schema->columns[i].name, STR_LIT("id")) &&
            (type == VALUE_BIGINT || type == VALUE_INT || type == VALUE_TEXT || type == VALUE_UUID))
            return (int)i;
    }
    CHECK(schema->column_count > 0);
    return -1;
}

static enum status create_add_key(struct table_schema *schema, const struct ast_create_table *tree,
                                  struct error *err)
{
    for (uint32_t i = 0; i < schema->column_count; i++)
        if (str_equal(schema->columns[i].name, STR_LIT("id")))
            return error_set_at(err, STATUS_INVALID_SQL, tree->name.start,
                                "a PRIMARY KEY is required: column \"id\" of type %s cannot be one",
                                value_type_name(schema->columns[i].type.kind));
    if (schema->column_count == LIMIT_TABLE_COLUMNS)
        return error_set_at(err, STATUS_INVALID_SQL, tree->name.start,
                            "a table has at most %d columns, and the key \"id\" that is added for "
                            "want of a PRIMARY KEY is one more",
                            LIMIT_TABLE_COLUMNS);
    memmove(schema->columns + 1, schema->columns, schema->column_count * sizeof(*schema->columns));
    schema->column_count++;
    schema->columns[0] = (struct table_column){
        .name = STR_LIT("id"),
        .type = {.kind = VALUE_BIGINT},
        .not_null = true,
        .default_kind = DEFAULT_SNOWFLAKE,
        .key_position = 0,
    };
    CHECK(schema->column_count <= LIMIT_TABLE_COLUMNS);
    return STATUS_OK;
}

static enum status create_key(struct sql_run *run, struct table_schema *schema,
                              const struct ast_create_table *tree, struct error *err)
{
    enum status status = STATUS_OK;

    if (tree->key_count > LIMIT_KEY_COLUMNS)
        return error_set_at(err, STATUS_INVALID_SQL, tree->name.start,
                            "a primary key has at most %d columns", LIMIT_KEY_COLUMNS);
    for (size_t i = 0; i < tree->key_count && status == STATUS_OK; i++)
        status = create_key_column(schema, tree->key[i], (int)i, err);
    if (status != STATUS_OK || tree->key_count > 0)
        return status;
    if (run->engine->options.strict_primary_key)
        return error_set_at(err, STATUS_INVALID_SQL, tree->name.start, "a PRIMARY KEY is required");
    int implicit = create_implicit_key(schema);
    CHECK(implicit < (int)schema->column_count);
    if (implicit < 0)
        return create_add_key(schema, tree, err);
    schema->columns[implicit].key_position = 0;
    schema->columns[implicit].not_null = true;
    return STATUS_OK;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static enum status create_schema(struct sql_run *run, struct table *table,
                                 const struct ast_create_table *tree, struct error *err)
{
    struct table_schema *schema = table_add_schema(table);
    enum status status = STATUS_OK;

    CHECK(tree->column_count > 0 && tree->column_count <= LIMIT_TABLE_COLUMNS);
    schema->created_at = run->now_us;
    schema->changes = STR_LIT("Initial schema");
    schema->columns = arena_array(schema->arena, tree->column_count + 1, sizeof(*schema->columns));
    for (size_t i = 0; i < tree->column_count && status == STATUS_OK; i++) {
        status = create_check_name(tree, i, err);
        if (status == STATUS_OK)
            status = column_define(run, schema->arena, &tree->columns[i], &schema->columns[i], err);
        schema->column_count++;
    }
    if (status == STATUS_OK)
        status = create_key(run, schema, tree, err);
    for (uint32_t i = 0; i < schema->column_count; i++)
        schema->columns[i].id = i + 1;
    CHECK_SLOW(status != STATUS_OK || table_schemas_are_valid(table));
    return status;
}

static enum status create_check_rights(const struct sql_run *run, enum table_kind kind,
                                       struct error *err)
{
    CHECK(kind != TABLE_KIND_SYSTEM);
    if (kind == TABLE_KIND_SHARED)
        return run_require_role(run, ROLE_SERVICE, "CREATE SHARED TABLE", err);
    return run_require_role(run,
                            run->engine->options.users_may_create_tables ? ROLE_USER : ROLE_SERVICE,
                            "CREATE TABLE", err);
}

static bool create_has_raised(const struct ast_create_table *tree, struct str *name)
{
    for (size_t i = 0; i < tree->column_count; i++) {
        CHECK(tree->columns[i].name.size > 0);
        *name = tree->columns[i].name;
        if (tree->columns[i].raised_to_bigint)
            return true;
    }
    return false;
}

static void create_report(struct sql_run *run, const struct ast_create_table *tree,
                          struct str space, bool created)
{
    struct str raised;

    CHECK(space.size > 0);
    if (!created)
        run_message(run, "Table '%.*s.%.*s' already exists, nothing was changed", STR_ARG(space),
                    STR_ARG(tree->name.table));
    else if (create_has_raised(tree, &raised))
        run_message(
            run, "Table '%.*s.%.*s' created; column \"%.*s\" became BIGINT to hold snowflake ids",
            STR_ARG(space), STR_ARG(tree->name.table), STR_ARG(raised));
    else
        run_message(run, "Table '%.*s.%.*s' created", STR_ARG(space), STR_ARG(tree->name.table));
}

static enum status create_check_place(const struct sql_run *run,
                                      const struct ast_create_table *tree, struct str space,
                                      struct error *err)
{
    enum status status;

    if (binder_is_system_space(space))
        return error_set_at(err, STATUS_PERMISSION_DENIED, tree->name.start,
                            "permission denied: no tables can be created in namespace '%.*s'",
                            STR_ARG(space));
    if (!str_is_empty(tree->name.user))
        return error_set_at(err, STATUS_INVALID_SQL, tree->name.start,
                            "a table is created as namespace.table");
    CHECK(run->view != NULL);
    status = binder_check_identifier(tree->name.table, "table", tree->name.start, err);
    if (status != STATUS_OK)
        return status;
    if (catalog_find_namespace(view_catalog(run->view), space) == NULL)
        return error_set(
            err, STATUS_NAMESPACE_NOT_FOUND,
            "Namespace not found: Namespace '%.*s' does not exist. Create it first with "
            "CREATE NAMESPACE.",
            STR_ARG(space));
    return STATUS_OK;
}

static enum table_kind create_kind(enum ast_table_kind word)
{
    if (word == AST_TABLE_STREAM)
        return TABLE_KIND_STREAM;
    CHECK(word <= AST_TABLE_STREAM);
    return word == AST_TABLE_USER ? TABLE_KIND_USER : TABLE_KIND_SHARED;
}

enum status create_table_run(struct sql_run *run, struct error *err)
{
    const struct ast_create_table *tree = &run->plan->tree->create_table;
    struct str space = str_is_empty(tree->name.space) ? run->caller.space : tree->name.space;
    struct ddl_create create = {
        .if_not_exists = tree->if_not_exists, .sql = run->text, .now_us = run->now_us};
    struct table *table = NULL;
    enum status status = create_check_place(run, tree, space, err);

    if (status != STATUS_OK)
        return status;
    table = table_new();
    table->kind = create_kind(tree->kind);
    table->space = arena_copy(table->arena, space);
    table->name = arena_copy(table->arena, tree->name.table);
    table->created_at = table->updated_at = run->now_us;
    status = create_check_rights(run, table->kind, err);
    if (status == STATUS_OK)
        status = create_schema(run, table, tree, err);
    if (status == STATUS_OK)
        status = create_table_options(run, tree, table, err);
    if (status == STATUS_OK) {
        create.table = table;
        table = NULL; /* moved */
        status = ddl_create_table(run->engine->store, &create, err);
    }
    if (status == STATUS_OK)
        create_report(run, tree, space, create.created);
    CHECK(status != STATUS_WOULD_BLOCK);
    table_unref(table);
    return status;
}

/* ---- DROP TABLE ------------------------------------------------------------------------------ */

enum { DROP_LIST_MAX = 10 };

static enum status drop_conflict(const struct table *table, const struct sql_live_fence *fence,
                                 struct error *err)
{
    struct buf list;

    CHECK(fence->count > 0);
    buf_init(&list);
    for (size_t i = 0; i < fence->count && i < DROP_LIST_MAX; i++) {
        const struct sql_live_entry *entry = &fence->entries[i];
        buf_printf(&list, "%s(connection_id %.*s, user_id %.*s, query_id %.*s)", i > 0 ? ", " : "",
                   STR_ARG(entry->connection_id), STR_ARG(entry->user), STR_ARG(entry->query_id));
    }
    enum status status = error_set(
        err, STATUS_CONFLICT, "cannot drop table '%.*s.%.*s': %zu active subscription(s): %.*s%s",
        STR_ARG(table->space), STR_ARG(table->name), fence->count, STR_ARG(buf_str(&list)),
        fence->count > DROP_LIST_MAX ? ", …" : "");
    buf_clear(&list);
    return status;
}

enum status drop_table_begin(struct sql_run *run, const struct table *table,
                             struct sql_live_fence *fence, struct error *err)
{
    const struct sql_services *services = &run->engine->services;

    CHECK(table->kind != TABLE_KIND_SYSTEM);
    *fence = (struct sql_live_fence){.table = table->id, .arena = &run->arena};
    if (services->live_fence_begin == NULL)
        return STATUS_OK;
    services->live_fence_begin(services->context, fence);
    return fence->count == 0 ? STATUS_OK : drop_conflict(table, fence, err);
}

void drop_table_end(struct sql_run *run, struct sql_live_fence *fence)
{
    const struct sql_services *services = &run->engine->services;

    CHECK(fence->table.value > 0);
    if (fence->stands)
        services->live_fence_end(services->context, fence);
}

static enum status drop_check(void *context, struct error *err)
{
    CHECK(context != NULL);
    return run_check(context, err);
}

enum status drop_table_now(struct sql_run *run, const struct table *table, struct error *err)
{
    const struct sql_services *services = &run->engine->services;
    enum status status = STATUS_OK;

    CHECK(table->kind != TABLE_KIND_SYSTEM);
    if (services->cancel_table_jobs != NULL)
        status = services->cancel_table_jobs(services->context, table->id, drop_check, run, err);
    if (status == STATUS_OK)
        status = ddl_drop_table(run->engine->store, table->id, run->text, err);
    if (status != STATUS_OK || services->drop_table_files == NULL)
        return status;
    return services->drop_table_files(services->context, table->id, table->space, table->name, err);
}

bool drop_kind_fits(enum ast_table_kind wanted, enum table_kind kind)
{
    switch (wanted) {
    case AST_TABLE_UNSPECIFIED:
        return true;
    case AST_TABLE_USER:
        return kind == TABLE_KIND_USER;
    case AST_TABLE_SHARED:
        return kind == TABLE_KIND_SHARED;
    case AST_TABLE_STREAM:
        return kind == TABLE_KIND_STREAM;
    }
    UNREACHABLE("table kind word");
}

/* There is no such table, from the start or since somebody else was quicker. */
static enum status drop_missing(struct sql_run *run, struct str space, struct error *err)
{
    const struct ast_drop_table *tree = &run->plan->tree->drop_table;

    CHECK(space.size > 0);
    error_clear(err);
    if (!tree->if_exists)
        return binder_table_not_found(space, tree->name.table, tree->name.start, err);
    run_message(run, "Table '%.*s.%.*s' does not exist, nothing was changed", STR_ARG(space),
                STR_ARG(tree->name.table));
    return STATUS_OK;
}

enum status drop_table_run(struct sql_run *run, struct error *err)
{
    const struct ast_drop_table *tree = &run->plan->tree->drop_table;
    struct str space = str_is_empty(tree->name.space) ? run->caller.space : tree->name.space;
    const struct table *table =
        catalog_find_table(view_catalog(run->view), space, tree->name.table);
    struct sql_live_fence fence;
    enum status status = run_require_role(run, ROLE_DBA, "DROP TABLE", err);

    CHECK(space.size > 0);
    if (status != STATUS_OK)
        return status;
    if (!str_is_empty(tree->name.user))
        return error_set_at(err, STATUS_INVALID_SQL, tree->name.start,
                            "a table is dropped for all users, as namespace.table");
    if (table == NULL)
        return drop_missing(run, space, err);
    if (table->kind == TABLE_KIND_SYSTEM)
        return error_set_at(err, STATUS_PERMISSION_DENIED, tree->name.start,
                            "permission denied: system tables cannot be dropped");
    if (!drop_kind_fits(tree->kind, table->kind))
        return error_set_at(err, STATUS_INVALID_OPERATION, tree->name.start,
                            "table '%.*s.%.*s' is a %s table", STR_ARG(space),
                            STR_ARG(tree->name.table), table_kind_name(table->kind));
    status = drop_table_begin(run, table, &fence, err);
    if (status == STATUS_OK)
        status = drop_table_now(run, table, err);
    drop_table_end(run, &fence);
    if (status == STATUS_TABLE_NOT_FOUND)
        return drop_missing(run, space, err);
    if (status == STATUS_OK)
        run_message(run, "Table '%.*s.%.*s' dropped", STR_ARG(space), STR_ARG(tree->name.table));
    return status;
}
