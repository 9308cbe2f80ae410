/* ddl_namespace.c — CREATE, ALTER, DROP NAMESPACE (spec §2.4).
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

static enum status namespace_create(struct sql_run *run, const struct ast_namespace *tree,
                                    struct error *err)
{
    bool created = false;
    enum status status = binder_check_identifier(tree->name, "namespace", tree->start, err);

    CHECK(tree->name.size > 0);
    if (status != STATUS_OK)
        return status;
    if (binder_is_reserved_space(tree->name))
        return error_set_at(err, STATUS_INVALID_SQL, tree->start,
                            "namespace name \"%.*s\" is reserved", STR_ARG(tree->name));
    status = ddl_create_namespace(run->engine->store, tree->name,
                                  namespace_options(run, tree, false), &created, err);
    if (status == STATUS_ALREADY_EXISTS && tree->if_not_exists) {
        created = false;
        status = STATUS_OK;
    }
    if (status != STATUS_OK)
        return status;
    if (!created && !tree->if_not_exists)
        return error_set(err, STATUS_ALREADY_EXISTS, "namespace '%.*s' already exists",
                         STR_ARG(tree->name));
    if (created)
        run_message(run, "Namespace '%.*s' created", STR_ARG(tree->name));
    else
        run_message(run, "Namespace '%.*s' already exists, nothing was changed",
                    STR_ARG(tree->name));
    return STATUS_OK;
}

/* All checks come before the first drop. */
static enum status namespace_drop_tables(struct sql_run *run, struct str name, struct error *err)
{
    const struct catalog *catalog = view_catalog(run->view);
    const struct table *table;
    enum status status = STATUS_OK;

    CHECK(name.size > 0);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; status == STATUS_OK && (table = catalog_table_at(catalog, i)) != NULL;
             i++) {
            if (!str_equal(table->space, name))
                continue;
            status =
                pass == 0 ? drop_table_check(run, table, err) : drop_table_now(run, table, err);
        }
    }
    return status;
}

static enum status namespace_drop(struct sql_run *run, const struct ast_namespace *tree,
                                  struct error *err)
{
    enum status status = STATUS_OK;
    bool exists = catalog_find_namespace(view_catalog(run->view), tree->name) != NULL;

    CHECK(tree->name.size > 0);
    if (binder_is_reserved_space(tree->name) || str_equal(tree->name, STR_LIT("default")))
        return error_set_at(err, STATUS_INVALID_OPERATION, tree->start,
                            "namespace '%.*s' cannot be dropped", STR_ARG(tree->name));
    if (!exists && tree->if_exists) {
        run_message(run, "Namespace '%.*s' does not exist, nothing was changed",
                    STR_ARG(tree->name));
        return STATUS_OK;
    }
    if (exists && tree->cascade)
        status = namespace_drop_tables(run, tree->name, err);
    if (status == STATUS_OK)
        status = ddl_drop_namespace(run->engine->store, tree->name, err);
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
    status = ddl_alter_namespace(run->engine->store, tree->name_space.name,
                                 namespace_options(run, &tree->name_space, true), err);
    if (status == STATUS_OK)
        run_message(run, "Namespace '%.*s' changed", STR_ARG(tree->name_space.name));
    return status;
}
