/* admin.c — STORAGE FLUSH, KILL JOB, KILL LIVE QUERY, SUBSCRIBE over HTTP: asks the services that
 * server/ filled in.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/run.h"

#include "base/check.h"
#include "base/id.h"
#include "sql/binder.h"
#include "sql/live_plan.h"

#define ADMIN_TEXT_COLUMN(column_name) \
    { \
        .name = {column_name, sizeof(column_name) - 1}, .type = {.kind = VALUE_TEXT } \
    }

static enum status admin_missing(const char *what, struct error *err)
{
    CHECK(what != NULL);
    return error_set(err, STATUS_INVALID_OPERATION, "%s is not available on this server", what);
}

/* ---- flush ----------------------------------------------------------------------------------- */

static enum status flush_columns(struct sql_run *run, struct error *err)
{
    static const struct sql_column columns[] = {
        ADMIN_TEXT_COLUMN("job_id"), ADMIN_TEXT_COLUMN("table"), ADMIN_TEXT_COLUMN("status"),
        ADMIN_TEXT_COLUMN("message")};

    CHECK(!run->columns_sent);
    return run_send_columns(run, columns, ARRAY_COUNT(columns), err);
}

static enum status flush_one(struct sql_run *run, const struct table *table, struct error *err)
{
    const struct sql_services *services = &run->engine->services;
    char id[96] = "";
    bool existing = false;
    enum status status;

    CHECK(table->kind == TABLE_KIND_USER || table->kind == TABLE_KIND_SHARED);
    status = services->flush_table(services->context, table->id, id, &existing, err);
    if (status == STATUS_OK && !run->columns_sent)
        status = flush_columns(run, err);
    if (status != STATUS_OK)
        return status;
    struct str name =
        arena_printf(&run->arena, "%.*s.%.*s", STR_ARG(table->space), STR_ARG(table->name));
    struct value values[] = {
        value_text(VALUE_TEXT, arena_copy(&run->arena, str_from_c(id))),
        value_text(VALUE_TEXT, name),
        value_text(VALUE_TEXT, existing ? STR_LIT("running") : STR_LIT("pending")),
        value_text(VALUE_TEXT, existing ? STR_LIT("a flush of this table is running already")
                                        : STR_LIT("flush started")),
    };
    return run_send_row(run, values, err);
}

static bool flush_visit(void *context, struct str user, const struct instance_counters *counters)
{
    bool *buffered = context;

    (void)user;
    CHECK(buffered != NULL);
    *buffered = counters->buffered_rows > 0;
    return !*buffered;
}

static enum status flush_all(struct sql_run *run, struct str space, struct error *err)
{
    const struct catalog *catalog = view_catalog(run->view);
    const struct table *table;
    enum status status;

    CHECK(catalog != NULL);
    if (!str_is_empty(space) && catalog_find_namespace(catalog, space) == NULL)
        return error_set(err, STATUS_NAMESPACE_NOT_FOUND,
                         "namespace not found: Namespace '%.*s' does not exist", STR_ARG(space));
    status = flush_columns(run, err);
    for (size_t i = 0; status == STATUS_OK && (table = catalog_table_at(catalog, i)) != NULL; i++) {
        bool buffered = false;
        if ((table->kind != TABLE_KIND_USER && table->kind != TABLE_KIND_SHARED) ||
            (!str_is_empty(space) && !str_equal(table->space, space)))
            continue;
        status = instance_each(run->engine->store, run->view, table, flush_visit, &buffered, err);
        if (status == STATUS_OK && buffered)
            status = flush_one(run, table, err);
    }
    return status;
}

enum status flush_run(struct sql_run *run, struct error *err)
{
    const struct ast_statement *tree = run->plan->tree;
    const struct ast_name *name = &tree->flush.table;
    enum status status = run_require_role(run, ROLE_SERVICE, "STORAGE FLUSH", err);

    if (status != STATUS_OK)
        return status;
    if (run->engine->services.flush_table == NULL)
        return admin_missing("STORAGE FLUSH", err);
    if (tree->flush.all)
        return flush_all(run, tree->flush.space, err);
    if (!str_is_empty(name->user))
        return error_set_at(err, STATUS_INVALID_SQL, name->start,
                            "a table is flushed for all users, as namespace.table");
    struct str space = str_is_empty(name->space) ? run->caller.space : name->space;
    const struct table *table = catalog_find_table(view_catalog(run->view), space, name->table);
    CHECK(space.size > 0);
    if (table == NULL)
        return binder_table_not_found(space, name->table, name->start, err);
    if (table->kind != TABLE_KIND_USER && table->kind != TABLE_KIND_SHARED)
        return error_set_at(err, STATUS_INVALID_OPERATION, name->start,
                            "table '%.*s.%.*s' is a %s table: it is never flushed", STR_ARG(space),
                            STR_ARG(name->table), table_kind_name(table->kind));
    return flush_one(run, table, err);
}

/* ---- kill ------------------------------------------------------------------------------------ */

enum status kill_run(struct sql_run *run, struct error *err)
{
    const struct ast_statement *tree = run->plan->tree;
    const struct sql_services *services = &run->engine->services;
    struct str id = tree->kill.id;
    enum status status;

    if (tree->kind == AST_KILL_JOB) {
        status = run_require_role(run, ROLE_SERVICE, "KILL JOB", err);
        if (status == STATUS_OK)
            status = services->kill_job != NULL ? services->kill_job(services->context, id, err)
                                                : admin_missing("KILL JOB", err);
        if (status == STATUS_OK)
            run_message(run, "Job %.*s is being cancelled", STR_ARG(id));
        return status;
    }
    CHECK(tree->kind == AST_KILL_LIVE_QUERY);
    if (services->kill_live_query == NULL)
        return admin_missing("KILL LIVE QUERY", err);
    enum role role = run->engine->options.enforce_roles ? run->caller.role : ROLE_SYSTEM;
    status = services->kill_live_query(services->context, id, run->caller.actor, role, err);
    if (status == STATUS_OK)
        run_message(run, "Live query %.*s killed", STR_ARG(id));
    return status;
}

/* ---- subscribe ------------------------------------------------------------------------------- */

static void subscribe_option(struct buf *out, const char *name, int64_t number)
{
    CHECK(out->size > 0);
    if (number >= 0)
        buf_printf(out, "%s\"%s\":%lld", out->data[out->size - 1] == '{' ? "" : ",", name,
                   (long long)number);
}

/* null when the text asks for no rows: changes only. `{}` asks for all first, or those of LIMIT. */
static void subscribe_append_options(struct buf *json, const struct ast_statement *tree)
{
    const struct ast_statement *select = tree->subscribe.select;
    bool limited = select->kind == AST_SELECT && select->select.limit != NULL;
    bool none = !limited && tree->subscribe.last_rows < 0 && tree->subscribe.batch_size < 0 &&
                tree->subscribe.from < 0;

    CHECK(json->size > 0);
    buf_append_str(json, none ? STR_LIT(",\"options\":null") : STR_LIT(",\"options\":{"));
    if (none)
        return;
    subscribe_option(json, "last_rows", tree->subscribe.last_rows);
    subscribe_option(json, "batch_size", tree->subscribe.batch_size);
    subscribe_option(json, "from", tree->subscribe.from);
    buf_append_byte(json, '}');
}

/* What the client sends over its WebSocket. */
static struct str subscribe_json(struct sql_run *run, const struct ast_statement *tree)
{
    struct buf json;

    CHECK(tree->kind == AST_SUBSCRIBE);
    buf_init(&json);
    buf_printf(&json, "{\"id\":\"sub-%lld\",\"sql\":", (long long)id_snowflake());
    run_append_json_text(&json, tree->subscribe.select->text);
    subscribe_append_options(&json, tree);
    buf_append_byte(&json, '}');
    struct str copy = arena_copy(&run->arena, buf_str(&json));
    buf_clear(&json);
    return copy;
}

enum status subscribe_run(struct sql_run *run, struct error *err)
{
    static const struct sql_column columns[] = {
        ADMIN_TEXT_COLUMN("status"), ADMIN_TEXT_COLUMN("ws_url"), ADMIN_TEXT_COLUMN("subscription"),
        ADMIN_TEXT_COLUMN("message")};
    const struct ast_statement *tree = run->plan->tree;
    const struct sql_services *services = &run->engine->services;
    struct live_plan *plan = NULL;
    enum status status =
        sql_live_compile(run->engine, &run->caller, run->view, tree->subscribe.select->text,
                         run->options.params, run->options.param_count, &plan, err);

    if (status != STATUS_OK) {
        ast_subscribe_shift(tree, err);
        return status;
    }
    CHECK(plan != NULL);
    live_plan_unref(plan);
    status = run_send_columns(run, columns, ARRAY_COUNT(columns), err);
    if (status != STATUS_OK)
        return status;
    struct value values[] = {
        value_text(VALUE_TEXT, STR_LIT("active")),
        services->public_ws_url != NULL
            ? value_text(VALUE_TEXT, services->public_ws_url(services->context, &run->arena))
            : value_null(VALUE_TEXT),
        value_text(VALUE_TEXT, subscribe_json(run, tree)),
        value_text(VALUE_TEXT,
                   STR_LIT("WebSocket subscription prepared: send it after connecting to ws_url")),
    };
    return run_send_row(run, values, err);
}
