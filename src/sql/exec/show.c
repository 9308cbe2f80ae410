/* show.c — SHOW and DESCRIBE (docs/sql.md). What a system table holds is asked from it by a SELECT
 * of our own; columns, statistics and tables are put together here.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/run.h"

#include "base/check.h"
#include "sql/binder.h"
#include "sql/system/describe.h"
#include "sql/system/scan.h"
#include "value/text.h"

#define SHOW_COLUMN(column_name, column_kind) \
    { \
        .name = {column_name, sizeof(column_name) - 1}, .type = {.kind = column_kind } \
    }

static struct value show_text(struct str text)
{
    CHECK(text.data != NULL || text.size == 0);
    return value_text(VALUE_TEXT, text);
}

static enum status show_find_table(struct sql_run *run, const struct ast_name *name,
                                   struct str user, const struct table **out, struct str *instance,
                                   struct error *err)
{
    struct str space = str_is_empty(name->space) ? run->caller.space : name->space;
    const struct table *table = catalog_find_table(view_catalog(run->view), space, name->table);

    CHECK(out != NULL);
    if (table == NULL)
        return binder_table_not_found(space, name->table, name->start, err);
    *out = table;
    return binder_authorize(run->engine, &run->caller, table, user, false, name->start, instance,
                            err);
}

/* ---- SHOW TABLES ----------------------------------------------------------------------------- */

static struct str show_flush_policy(struct sql_run *run, const struct table *table)
{
    CHECK(table != NULL);
    if (table->flush_rows > 0 && table->flush_interval_seconds > 0)
        return arena_printf(&run->arena, "ROWS %u, INTERVAL %us", table->flush_rows,
                            table->flush_interval_seconds);
    if (table->flush_rows > 0)
        return arena_printf(&run->arena, "ROWS %u", table->flush_rows);
    if (table->flush_interval_seconds > 0)
        return arena_printf(&run->arena, "INTERVAL %us", table->flush_interval_seconds);
    return STR_LIT("N/A");
}

static enum status show_table_row(struct sql_run *run, const struct table *table, struct error *err)
{
    struct value values[6] = {
        show_text(table->space),
        show_text(table->name),
        show_text(str_from_c(table_kind_name(table->kind))),
        str_is_empty(table->storage_id) ? value_null(VALUE_TEXT) : show_text(table->storage_id),
        show_text(show_flush_policy(run, table)),
        value_integer(VALUE_TIMESTAMP, table->created_at),
    };

    CHECK(table->schema != NULL);
    if (table->kind == TABLE_KIND_SYSTEM)
        values[5] = value_null(VALUE_TIMESTAMP);
    return run_send_row(run, values, err);
}

static enum status show_tables(struct sql_run *run, struct str space, struct error *err)
{
    static const struct sql_column columns[] = {
        SHOW_COLUMN("namespace", VALUE_TEXT),    SHOW_COLUMN("table_name", VALUE_TEXT),
        SHOW_COLUMN("table_type", VALUE_TEXT),   SHOW_COLUMN("storage", VALUE_TEXT),
        SHOW_COLUMN("flush_policy", VALUE_TEXT), SHOW_COLUMN("created_at", VALUE_TIMESTAMP),
    };
    const struct catalog *catalog = view_catalog(run->view);
    bool system = !str_is_empty(space) && binder_is_system_space(space);
    const struct table *table;
    enum status status;

    CHECK(catalog != NULL);
    if (!str_is_empty(space) && !system && catalog_find_namespace(catalog, space) == NULL)
        return error_set(err, STATUS_NAMESPACE_NOT_FOUND,
                         "namespace not found: Namespace '%.*s' does not exist", STR_ARG(space));
    status = run_send_columns(run, columns, ARRAY_COUNT(columns), err);
    for (size_t i = 0; status == STATUS_OK && (table = catalog_table_at(catalog, i)) != NULL; i++)
        if (str_is_empty(space) || str_equal(table->space, space))
            status = show_table_row(run, table, err);
    return status;
}

/* ---- columns --------------------------------------------------------------------------------- */

static enum status show_column_row(struct sql_run *run, const struct table *table, uint32_t index,
                                   struct error *err)
{
    static const uint32_t system_ids[] = {COLUMN_ID_SEQ, COLUMN_ID_UPDATED, COLUMN_ID_DELETED};
    struct data_type type = table_column_type(table, index);
    uint32_t count = table->schema->column_count;
    bool system = index >= count;
    const struct table_column *column = system ? NULL : &table->schema->columns[index];
    struct buf text;

    CHECK(index < table_column_total(table));
    buf_init(&text);
    data_type_format(&type, &text);
    struct value values[] = {
        show_text(table_column_name(table, index)),
        value_integer(VALUE_INT, index + 1),
        value_integer(VALUE_BIGINT, system ? system_ids[index - count] : column->id),
        show_text(arena_copy(&run->arena, buf_str(&text))),
        value_boolean(!system && !column->not_null && column->key_position < 0),
        value_boolean(!system && column->key_position >= 0),
        system ? value_null(VALUE_TEXT) : system_default_text(column, &run->arena),
        value_null(VALUE_TEXT),
        value_integer(VALUE_INT, table->schema->version),
        value_boolean(system),
    };
    buf_clear(&text);
    return run_send_row(run, values, err);
}

static enum status show_columns(struct sql_run *run, const struct ast_name *name, struct error *err)
{
    static const struct sql_column columns[] = {
        SHOW_COLUMN("column_name", VALUE_TEXT),    SHOW_COLUMN("ordinal_position", VALUE_INT),
        SHOW_COLUMN("column_id", VALUE_BIGINT),    SHOW_COLUMN("data_type", VALUE_TEXT),
        SHOW_COLUMN("is_nullable", VALUE_BOOLEAN), SHOW_COLUMN("is_primary_key", VALUE_BOOLEAN),
        SHOW_COLUMN("column_default", VALUE_TEXT), SHOW_COLUMN("column_comment", VALUE_TEXT),
        SHOW_COLUMN("schema_version", VALUE_INT),  SHOW_COLUMN("is_system", VALUE_BOOLEAN),
    };
    const struct table *table = NULL;
    struct str instance;
    enum status status = show_find_table(run, name, name->user, &table, &instance, err);

    if (status != STATUS_OK)
        return status;
    uint32_t total =
        table->kind == TABLE_KIND_SYSTEM ? system_table_shown(table) : table_column_total(table);
    CHECK(total > 0);
    run->outcome.table = describe_table(view_catalog(run->view), table, &run->arena);
    status = run_send_columns(run, columns, ARRAY_COUNT(columns), err);
    for (uint32_t i = 0; i < total && status == STATUS_OK; i++)
        status = show_column_row(run, table, i, err);
    return status;
}

static enum status describe_history(struct sql_run *run, const struct ast_name *name,
                                    struct error *err)
{
    static const struct sql_column columns[] = {
        SHOW_COLUMN("version", VALUE_INT), SHOW_COLUMN("created_at", VALUE_TIMESTAMP),
        SHOW_COLUMN("changes", VALUE_TEXT), SHOW_COLUMN("column_count", VALUE_INT)};
    const struct table *table = NULL;
    struct str instance;
    enum status status = show_find_table(run, name, name->user, &table, &instance, err);

    if (status == STATUS_OK)
        status = run_send_columns(run, columns, ARRAY_COUNT(columns), err);
    for (uint32_t i = 0; status == STATUS_OK && i < table->schema_count; i++) {
        const struct table_schema *schema = table->schemas[i];
        CHECK(schema->version > 0);
        struct value values[] = {
            value_integer(VALUE_INT, schema->version),
            value_integer(VALUE_TIMESTAMP, schema->created_at),
            str_is_empty(schema->changes) ? value_null(VALUE_TEXT) : show_text(schema->changes),
            value_integer(VALUE_INT, schema->column_count),
        };
        status = run_send_row(run, values, err);
    }
    return status;
}

/* ---- statistics ------------------------------------------------------------------------------ */

static bool show_stats_add(void *context, struct str user, const struct instance_counters *counters)
{
    struct instance_counters *sum = context;

    (void)user;
    CHECK(sum != NULL);
    sum->buffered_rows += counters->buffered_rows;
    sum->cold_rows += counters->cold_rows;
    sum->cold_bytes += counters->cold_bytes;
    sum->segments += counters->segments;
    if (counters->last_flush_us > sum->last_flush_us)
        sum->last_flush_us = counters->last_flush_us;
    return true;
}

/* A whole user table for service and above when no user is named; else one instance. */
static enum status show_stats_load(struct sql_run *run, const struct table *table, struct str user,
                                   struct str instance, struct instance_counters *out,
                                   struct error *err)
{
    CHECK(table->kind != TABLE_KIND_SYSTEM);
    if (table->kind == TABLE_KIND_USER && str_is_empty(user) &&
        binder_has_role(run->engine, &run->caller, ROLE_SERVICE))
        return instance_each(run->engine->store, run->view, table, show_stats_add, out, err);
    return instance_counters(run->engine->store, run->view, table, instance, out, err);
}

/* FOR USER u is another way to say ns.u.t. */
static enum status show_stats(struct sql_run *run, const struct ast_name *name, struct str user,
                              struct error *err)
{
    static const struct sql_column columns[] = {
        SHOW_COLUMN("buffered_rows", VALUE_BIGINT), SHOW_COLUMN("flushed_rows", VALUE_BIGINT),
        SHOW_COLUMN("total_rows", VALUE_BIGINT),    SHOW_COLUMN("storage_size", VALUE_BIGINT),
        SHOW_COLUMN("parquet_files", VALUE_BIGINT), SHOW_COLUMN("last_flush", VALUE_TIMESTAMP),
        SHOW_COLUMN("flush_config", VALUE_TEXT),    SHOW_COLUMN("hot_rows", VALUE_BIGINT),
        SHOW_COLUMN("cold_rows", VALUE_BIGINT), /* the last two: older names of the first */
    };
    struct instance_counters sum = {0};
    const struct table *table = NULL;
    struct str instance;
    enum status status;

    if (!str_is_empty(user) && !str_is_empty(name->user))
        return error_set_at(err, STATUS_INVALID_SQL, name->start,
                            "the user stands either in the name of the table or behind FOR USER");
    user = str_is_empty(user) ? name->user : user;
    status = show_find_table(run, name, user, &table, &instance, err);

    if (status != STATUS_OK)
        return status;
    if (table->kind == TABLE_KIND_SYSTEM)
        return error_set_at(err, STATUS_INVALID_OPERATION, name->start,
                            "system tables have no statistics");
    status = show_stats_load(run, table, user, instance, &sum, err);
    if (status == STATUS_OK)
        status = run_send_columns(run, columns, ARRAY_COUNT(columns), err);
    if (status != STATUS_OK)
        return status;
    CHECK(sum.cold_rows <= INT64_MAX && sum.cold_bytes <= INT64_MAX);
    struct value values[] = {
        value_integer(VALUE_BIGINT, sum.buffered_rows),
        value_integer(VALUE_BIGINT, (int64_t)sum.cold_rows),
        value_integer(VALUE_BIGINT, sum.buffered_rows + (int64_t)sum.cold_rows),
        value_integer(VALUE_BIGINT, (int64_t)sum.cold_bytes),
        value_integer(VALUE_BIGINT, sum.segments),
        sum.last_flush_us > 0 ? value_integer(VALUE_TIMESTAMP, sum.last_flush_us)
                              : value_null(VALUE_TIMESTAMP),
        show_text(show_flush_policy(run, table)),
        value_integer(VALUE_BIGINT, sum.buffered_rows),
        value_integer(VALUE_BIGINT, (int64_t)sum.cold_rows),
    };
    return run_send_row(run, values, err);
}

/* ---- dispatch -------------------------------------------------------------------------------- */

enum status describe_run(struct sql_run *run, struct error *err)
{
    const struct ast_statement *tree = run->plan->tree;

    CHECK(tree->kind == AST_DESCRIBE);
    return tree->describe.history ? describe_history(run, &tree->describe.table, err)
                                  : show_columns(run, &tree->describe.table, err);
}

enum status show_run(struct sql_run *run, struct error *err)
{
    const struct ast_statement *tree = run->plan->tree;

    CHECK(tree->kind == AST_SHOW);
    switch (tree->show.what) {
    case AST_SHOW_NAMESPACES:
        return run_substitute(run,
                              STR_LIT("SELECT namespace_id AS name, namespace_id, options, "
                                      "table_count, created_at, updated_at FROM "
                                      "system.namespaces ORDER BY namespace_id"),
                              err);
    case AST_SHOW_USERS:
        return run_substitute(run, STR_LIT("SELECT * FROM system.users ORDER BY user_id"), err);
    case AST_SHOW_JOBS:
        return run_substitute(
            run, STR_LIT("SELECT * FROM system.jobs ORDER BY created_at DESC, job_id DESC"), err);
    case AST_SHOW_STORAGES:
        return run_substitute(
            run,
            STR_LIT("SELECT storage_id, storage_name, storage_type, description, uri, "
                    "shared_tables_template, user_tables_template, usage_count AS "
                    "table_count, created_at, updated_at FROM system.storages ORDER BY "
                    "CASE WHEN storage_id = 'local' THEN 0 ELSE 1 END, storage_name"),
            err);
    case AST_SHOW_TABLES:
        return show_tables(run, tree->show.space, err);
    case AST_SHOW_COLUMNS:
        return show_columns(run, &tree->show.table, err);
    case AST_SHOW_STATS:
        return show_stats(run, &tree->show.table, tree->show.user, err);
    case AST_SHOW_BACKUP:
        return show_backup_run(run, tree->show.path, err);
    case AST_SHOW_BACKUPS:
        return show_backups_run(run, tree->show.space, err);
    }
    UNREACHABLE("what to show");
}
