/* ddl_namespace.c — CREATE, ALTER, DROP NAMESPACE (docs/sql.md).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/run.h"

#include "base/buf.h"
#include "base/check.h"
#include "sql/binder.h"
#include "store/ddl.h"
#include "value/text.h"

/* `{"k":v,…}`; NULLs, which remove a key, only for ALTER. Empty without options. */
static struct str namespace_options(struct sql_run *run, const struct ast_namespace *tree,
                                    bool nulls)
{
    struct buf json;
    bool first = true;

    if (tree->option_count == 0)
        return STR_EMPTY;
    buf_init(&json);
    buf_append_byte(&json, '{');
    for (size_t i = 0; i < tree->option_count; i++) {
        const struct ast_option *option = &tree->options[i];
        if (option->value.is_null && !nulls)
            continue;
        if (!first)
            buf_append_byte(&json, ',');
        first = false;
        run_append_json_text(&json, option->key);
        buf_append_byte(&json, ':');
        if (option->value.is_null)
            buf_append_str(&json, STR_LIT("null"));
        else if (option->value.type == VALUE_TEXT)
            run_append_json_text(&json, option->value.text);
        else
            value_format(&option->value, &json);
    }
    buf_append_byte(&json, '}');
    struct str copy = arena_copy(&run->arena, buf_str(&json));
    CHECK(copy.size >= 2);
    buf_clear(&json);
    return copy;
}

/* What the statement does, under the catalogue lock. */
struct namespace_change {
    enum ast_statement_kind kind;
    struct str name, options;
};

static enum status namespace_build(void *context, struct ddl *ddl, struct error *err)
{
    const struct namespace_change *change = context;

    CHECK(change->name.size > 0);
    if (change->kind == AST_CREATE_NAMESPACE)
        return ddl_add_namespace(ddl, change->name, change->options, err);
    if (change->kind == AST_ALTER_NAMESPACE)
        return ddl_set_namespace(ddl, change->name, change->options, true, err);
    return ddl_remove_namespace(ddl, change->name, err);
}

static enum status namespace_change(struct sql_run *run, const struct ast_namespace *tree,
                                    struct error *err)
{
    enum ast_statement_kind kind = run->plan->tree->kind;
    struct namespace_change change = {.kind = kind, .name = tree->name};
    struct ddl_statement statement = {
        .sql = run->text, .now_us = run->now_us, .build = namespace_build, .context = &change};

    CHECK(kind == AST_CREATE_NAMESPACE || kind == AST_ALTER_NAMESPACE ||
          kind == AST_DROP_NAMESPACE);
    change.options = namespace_options(run, tree, kind == AST_ALTER_NAMESPACE);
    return ddl_run(run->engine->store, &statement, err);
}

static enum status namespace_create(struct sql_run *run, const struct ast_namespace *tree,
                                    struct error *err)
{
    enum status status = binder_check_identifier(tree->name, "namespace", tree->start, err);

    CHECK(tree->name.size > 0);
    if (status != STATUS_OK)
        return status;
    status = namespace_change(run, tree, err);
    if (status == STATUS_ALREADY_EXISTS && tree->if_not_exists) {
        run_message(run, "Namespace '%.*s' already exists, nothing was changed",
                    STR_ARG(tree->name));
        return STATUS_OK;
    }
    if (status == STATUS_OK)
        run_message(run, "Namespace '%.*s' created", STR_ARG(tree->name));
    return status;
}

struct namespace_table {
    struct namespace_table *next;
    const struct table *table;
    struct sql_live_fence fence;
};

static struct namespace_table *namespace_tables(struct sql_run *run, const struct catalog *catalog,
                                                struct str name)
{
    struct namespace_table *list = NULL, **end = &list;
    const struct table *table;

    CHECK(name.size > 0);
    for (size_t i = 0; (table = catalog_table_at(catalog, i)) != NULL; i++) {
        if (!str_equal(table->space, name))
            continue;
        struct namespace_table *entry = arena_zalloc(&run->arena, sizeof(*entry));
        entry->table = table;
        *end = entry;
        end = &entry->next;
    }
    return list;
}

/* All checks come before the first drop, and hold until the last one. */
static enum status namespace_drop_tables(struct sql_run *run, const struct catalog *catalog,
                                         struct str name, struct error *err)
{
    struct namespace_table *tables = namespace_tables(run, catalog, name), *checked = tables;
    struct namespace_table *entry;
    enum status status = STATUS_OK;

    for (; status == STATUS_OK && checked != NULL; checked = checked->next)
        status = drop_table_begin(run, checked->table, &checked->fence, err);
    for (entry = tables; status == STATUS_OK && entry != NULL; entry = entry->next) {
        status = drop_table_now(run, entry->table, err);
        if (status != STATUS_TABLE_NOT_FOUND)
            continue;
        error_clear(err); /* somebody else was quicker */
        status = STATUS_OK;
    }
    for (entry = tables; entry != checked; entry = entry->next)
        drop_table_end(run, &entry->fence);
    CHECK(status != STATUS_OK || checked == NULL);
    return status;
}

/* Tables made since the statement began are among those dropped; none is made from here on. */
static enum status namespace_drop_all(struct sql_run *run, const struct ast_namespace *tree,
                                      struct error *err)
{
    struct store *store = run->engine->store;

    CHECK(tree->cascade);
    ddl_close_namespace(store, tree->name);
    struct view *view = view_acquire(store);
    enum status status = namespace_drop_tables(run, view_catalog(view), tree->name, err);
    view_release(view);
    if (status == STATUS_OK)
        status = namespace_change(run, tree, err);
    ddl_open_namespace(store, tree->name);
    return status;
}

static enum status namespace_drop(struct sql_run *run, const struct ast_namespace *tree,
                                  struct error *err)
{
    enum status status;

    CHECK(tree->name.size > 0);
    if (binder_is_reserved_space(tree->name) || str_equal(tree->name, STR_LIT("default")))
        return error_set_at(err, STATUS_INVALID_OPERATION, tree->start,
                            "namespace '%.*s' cannot be dropped", STR_ARG(tree->name));
    status = tree->cascade ? namespace_drop_all(run, tree, err) : namespace_change(run, tree, err);
    if (status == STATUS_NAMESPACE_NOT_FOUND && tree->if_exists) {
        error_clear(err);
        run_message(run, "Namespace '%.*s' does not exist, nothing was changed",
                    STR_ARG(tree->name));
        return STATUS_OK;
    }
    if (status == STATUS_OK)
        run_message(run, "Namespace '%.*s' dropped", STR_ARG(tree->name));
    return status;
}

enum status namespace_run(struct sql_run *run, struct error *err)
{
    const struct ast_statement *tree = run->plan->tree;
    enum status status = run_require_role(run, ROLE_DBA, "changing namespaces", err);

    if (status != STATUS_OK)
        return status;
    if (tree->kind == AST_CREATE_NAMESPACE)
        return namespace_create(run, &tree->name_space, err);
    if (tree->kind == AST_DROP_NAMESPACE)
        return namespace_drop(run, &tree->name_space, err);
    CHECK(tree->kind == AST_ALTER_NAMESPACE);
    status = namespace_change(run, &tree->name_space, err);
    if (status == STATUS_OK)
        run_message(run, "Namespace '%.*s' changed", STR_ARG(tree->name_space.name));
    return status;
}
