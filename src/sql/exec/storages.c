/* storages.c — CREATE, ALTER, DROP STORAGE and STORAGE CHECK (docs/sql.md); the rules are in
 * system/storages.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/run.h"

#include "base/check.h"
#include "base/log.h"
#include "sql/system/change.h"
#include "store/storages.h"

/* ---- create, alter, drop --------------------------------------------------------------------- */

/* What the statement does, under the catalogue lock. */
struct storages_change {
    struct sql_run *run;
    enum ast_statement_kind kind;
    const struct ast_storage *tree;
};

static enum status storages_options(const struct ast_storage *tree, struct storage_input *input,
                                    struct error *err)
{
    enum status status = STATUS_OK;

    CHECK(input->storage != NULL);
    for (size_t i = 0; i < tree->option_count && status == STATUS_OK; i++) {
        const struct ast_option *option = &tree->options[i];
        struct str text = option->value.text;
        status = str_equal(option->key, STR_LIT("region"))
                     ? system_storage_set_region(input, text, err)
                     : system_storage_set(input, option->key, text, err);
        if (status != STATUS_OK && err->position < 0)
            err->position = option->start;
    }
    return status;
}

static enum status storages_build(void *context, struct ddl *ddl, struct error *err)
{
    const struct storages_change *change = context;
    struct str id = change->tree->id;
    const struct storage *old = catalog_find_storage(view_catalog(ddl_view(ddl)), id);
    struct storage_input input;

    CHECK(change->run != NULL);
    if (change->kind == AST_DROP_STORAGE)
        return ddl_remove_storage(ddl, id, err);
    if (change->kind == AST_CREATE_STORAGE && old != NULL)
        return error_set(err, STATUS_ALREADY_EXISTS, "Storage '%.*s' already exists", STR_ARG(id));
    if (change->kind == AST_ALTER_STORAGE && old == NULL)
        return error_set(err, STATUS_STORAGE_NOT_FOUND,
                         "storage not found: Storage '%.*s' does not exist",
                         (int)(id.size > STORAGE_ID_MAX ? STORAGE_ID_MAX : id.size), id.data);
    enum status status = system_storage_begin(&input, old, id, &change->run->arena, err);
    if (status == STATUS_OK)
        status = storages_options(change->tree, &input, err);
    if (status == STATUS_OK)
        status = system_storage_finish(&input, ddl, err);
    system_storage_end(&input);
    return status;
}

static enum status storages_change(struct sql_run *run, const struct ast_storage *tree,
                                   struct error *err)
{
    struct storages_change change = {.run = run, .kind = run->plan->tree->kind, .tree = tree};
    /* The text may hold credentials: no listener gets it. */
    struct ddl_statement statement = {
        .sql = STR_EMPTY, .now_us = run->now_us, .build = storages_build, .context = &change};
    const char *done = change.kind == AST_CREATE_STORAGE  ? "created"
                       : change.kind == AST_ALTER_STORAGE ? "changed"
                                                          : "dropped";
    enum status status = ddl_run(run->engine->store, &statement, err);

    CHECK(tree->id.size > 0 || status != STATUS_OK);
    if (status == STATUS_ALREADY_EXISTS && tree->if_not_exists) {
        run_message(run, "Storage '%.*s' already exists, nothing was changed", STR_ARG(tree->id));
        return STATUS_OK;
    }
    if (status == STATUS_STORAGE_NOT_FOUND && tree->if_exists) {
        run_message(run, "Storage '%.*s' does not exist, nothing was changed", STR_ARG(tree->id));
        return STATUS_OK;
    }
    if (status != STATUS_OK)
        return status;
    log_info("storage %.*s %s by %.*s", STR_ARG(tree->id), done, STR_ARG(run->caller.actor));
    run_message(run, "Storage '%.*s' %s", STR_ARG(tree->id), done);
    return STATUS_OK;
}

/* ---- STORAGE CHECK --------------------------------------------------------------------------- */

#define STORAGES_COLUMN(column_name, column_kind) \
    { \
        .name = {column_name, sizeof(column_name) - 1}, .type = {.kind = column_kind } \
    }

static const struct sql_column storages_check_columns[] = {
    STORAGES_COLUMN("storage_id", VALUE_TEXT), STORAGES_COLUMN("storage_type", VALUE_TEXT),
    STORAGES_COLUMN("status", VALUE_TEXT), STORAGES_COLUMN("latency_ms", VALUE_BIGINT),
    STORAGES_COLUMN("error", VALUE_TEXT)};
static const struct sql_column storages_extended_columns[] = {
    STORAGES_COLUMN("storage_id", VALUE_TEXT),   STORAGES_COLUMN("storage_type", VALUE_TEXT),
    STORAGES_COLUMN("operation", VALUE_TEXT),    STORAGES_COLUMN("status", VALUE_TEXT),
    STORAGES_COLUMN("latency_ms", VALUE_BIGINT), STORAGES_COLUMN("error", VALUE_TEXT)};

struct storages_report {
    struct sql_run *run;
    const struct storage *storage;
};

static enum status storages_report_row(void *context, const struct storage_check *check,
                                       struct error *err)
{
    const struct storages_report *report = context;
    struct arena *arena = &report->run->arena;
    struct value values[6];
    size_t count = 0;

    CHECK(check->latency_us >= 0);
    values[count++] = value_text(VALUE_TEXT, report->storage->id);
    values[count++] = value_text(VALUE_TEXT, str_from_c(storage_type_name(report->storage->type)));
    if (check->operation != NULL)
        values[count++] = value_text(VALUE_TEXT, str_from_c(check->operation));
    values[count++] = value_text(VALUE_TEXT, check->status == STATUS_OK ? STR_LIT("healthy")
                                                                        : STR_LIT("unreachable"));
    values[count++] = value_integer(VALUE_BIGINT, (check->latency_us + 500) / 1000);
    values[count++] = check->status == STATUS_OK
                          ? value_null(VALUE_TEXT)
                          : value_text(VALUE_TEXT, arena_copy(arena, str_from_c(check->message)));
    return run_send_row(report->run, values, err);
}

static enum status storages_check_run(struct sql_run *run, const struct ast_storage *tree,
                                      struct error *err)
{
    struct storages_report report = {
        .run = run, .storage = catalog_find_storage(view_catalog(run->view), tree->id)};

    CHECK(run->view != NULL);
    if (report.storage == NULL)
        return error_set_at(err, STATUS_STORAGE_NOT_FOUND, tree->start,
                            "storage not found: Storage '%.*s' does not exist",
                            (int)(tree->id.size > STORAGE_ID_MAX ? STORAGE_ID_MAX : tree->id.size),
                            tree->id.data);
    enum status status = tree->extended
                             ? run_send_columns(run, storages_extended_columns,
                                                ARRAY_COUNT(storages_extended_columns), err)
                             : run_send_columns(run, storages_check_columns,
                                                ARRAY_COUNT(storages_check_columns), err);
    if (status != STATUS_OK)
        return status;
    return storages_check(run->engine->store, run->view, tree->id, tree->extended,
                          storages_report_row, &report, err);
}

enum status storages_run(struct sql_run *run, struct error *err)
{
    const struct ast_statement *tree = run->plan->tree;
    bool check = tree->kind == AST_CHECK_STORAGE;
    enum status status = run_require_role(run, check ? ROLE_SERVICE : ROLE_DBA,
                                          check ? "STORAGE CHECK" : "changing storages", err);

    CHECK(tree->kind != AST_CREATE_STORAGE || tree->storage.option_count > 0);
    if (status != STATUS_OK)
        return status;
    return check ? storages_check_run(run, &tree->storage, err)
                 : storages_change(run, &tree->storage, err);
}
