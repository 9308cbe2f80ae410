/* backup.c — BACKUP DATABASE, RESTORE DATABASE, SHOW BACKUP(S): rights, notices, answers; the work
 * is a job's.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/run.h"

#include "base/check.h"
#include "sql/binder.h"

enum { BACKUP_PATH_MAX = 1024 };

#define BACKUP_COLUMN(column_name, column_kind) \
    { \
        .name = {column_name, sizeof(column_name) - 1}, .type = {.kind = column_kind } \
    }

static enum status backup_answer(struct sql_run *run, const struct sql_backup *backup,
                                 const struct sql_backup_result *result, struct error *err)
{
    static const struct sql_column columns[] = {
        BACKUP_COLUMN("job_id", VALUE_TEXT),        BACKUP_COLUMN("namespace", VALUE_TEXT),
        BACKUP_COLUMN("status", VALUE_TEXT),        BACKUP_COLUMN("files", VALUE_BIGINT),
        BACKUP_COLUMN("rows", VALUE_BIGINT),        BACKUP_COLUMN("bytes", VALUE_BIGINT),
        BACKUP_COLUMN("duration_ms", VALUE_BIGINT),
    };
    enum status status = run_send_columns(run, columns, ARRAY_COUNT(columns), err);
    bool known = !backup->async;

    CHECK(result->job_id[0] != '\0');
    if (status != STATUS_OK)
        return status;
    const uint64_t figures[] = {result->files, result->rows, result->bytes,
                                (uint64_t)result->duration_ms};
    struct value values[ARRAY_COUNT(columns)] = {
        value_text(VALUE_TEXT, arena_copy(&run->arena, str_from_c(result->job_id))),
        value_text(VALUE_TEXT, backup->space),
        value_text(VALUE_TEXT, known ? STR_LIT("completed") : STR_LIT("pending")),
    };
    for (size_t i = 0; i < ARRAY_COUNT(figures); i++)
        values[3 + i] =
            known ? value_integer(VALUE_BIGINT, (int64_t)figures[i]) : value_null(VALUE_BIGINT);
    return run_send_row(run, values, err);
}

/* The namespace must be there, or not be there; with IF [NOT] EXISTS that is only told. */
static enum status backup_check_space(struct sql_run *run, bool *idle, struct error *err)
{
    const struct ast_statement *tree = run->plan->tree;
    struct str space = tree->backup.space;
    bool exists = catalog_find_namespace(view_catalog(run->view), space) != NULL;

    CHECK(tree->kind == AST_BACKUP);
    *idle = exists == tree->backup.restore && tree->backup.conditional;
    if (*idle)
        run_message(run, "Namespace '%.*s' %s, nothing was done", STR_ARG(space),
                    exists ? "already exists" : "does not exist");
    if (exists != tree->backup.restore || *idle)
        return STATUS_OK;
    if (exists)
        return error_set_at(err, STATUS_ALREADY_EXISTS, tree->backup.start,
                            "namespace \"%.*s\" already exists", STR_ARG(space));
    return error_set_at(err, STATUS_NAMESPACE_NOT_FOUND, tree->backup.start,
                        "Namespace not found: Namespace '%.*s' does not exist", STR_ARG(space));
}

/* What is surely no place for a backup, before a job is made of it. */
static enum status backup_check_path(struct str path, struct error *err)
{
    const char *why = NULL;
    struct str rest = path;
    bool named = false;

    if (path.size == 0 || path.size > BACKUP_PATH_MAX)
        why = path.size == 0 ? "it is empty" : "it is too long";
    for (size_t i = 0; i < path.size && why == NULL; i++)
        if ((unsigned char)path.data[i] < ' ' || path.data[i] == 0x7f || path.data[i] == '\\')
            why = "control characters and \\ are not allowed";
    while (rest.size > 0 && why == NULL) {
        size_t slash = str_find(rest, STR_LIT("/"));
        size_t size = slash == SIZE_MAX ? rest.size : slash;
        if (str_equal(str_from(rest.data, size), STR_LIT("..")))
            why = "it must not hold \"..\"";
        named |= size > 0;
        size += slash == SIZE_MAX ? 0 : 1;
        rest = str_from(rest.data + size, rest.size - size);
    }
    if (why == NULL && !named)
        why = "it is the root folder";
    CHECK(why != NULL || path.data != NULL);
    return why == NULL ? STATUS_OK
                       : error_set(err, STATUS_INVALID_INPUT, "invalid path of a backup: %s", why);
}

enum status backup_statement_run(struct sql_run *run, struct error *err)
{
    const struct ast_statement *tree = run->plan->tree;
    const struct sql_services *services = &run->engine->services;
    const char *name = tree->backup.restore ? "RESTORE DATABASE" : "BACKUP DATABASE";
    struct sql_backup_result result = {.files = 0};
    struct sql_backup backup = {
        .restore = tree->backup.restore,
        .async = tree->backup.async,
        .space = tree->backup.space,
        .path = tree->backup.path,
        .cancelled = &run->cancelled,
    };
    enum status status = run_require_role(run, backup.restore ? ROLE_DBA : ROLE_SERVICE, name, err);
    bool idle = false;

    CHECK(tree->kind == AST_BACKUP);
    if (status != STATUS_OK)
        return status;
    if (services->backup == NULL)
        return error_set(err, STATUS_INVALID_OPERATION, "%s is not available on this server", name);
    status = backup_check_path(tree->backup.path, err);
    if (status == STATUS_OK)
        status = backup_check_space(run, &idle, err);
    if (status != STATUS_OK || idle)
        return status;
    run->deadline_ns = 0; /* it takes as long as it takes */
    status = services->backup(services->context, &backup, &result, err);
    return status == STATUS_OK ? backup_answer(run, &backup, &result, err) : status;
}

/* ---- SHOW ------------------------------------------------------------------------------------ */

enum status show_backup_run(struct sql_run *run, struct str path, struct error *err)
{
    static const struct sql_column columns[] = {
        BACKUP_COLUMN("namespace", VALUE_TEXT),      BACKUP_COLUMN("table_name", VALUE_TEXT),
        BACKUP_COLUMN("table_type", VALUE_TEXT),     BACKUP_COLUMN("schema_version", VALUE_INT),
        BACKUP_COLUMN("users", VALUE_BIGINT),        BACKUP_COLUMN("files", VALUE_BIGINT),
        BACKUP_COLUMN("rows", VALUE_BIGINT),         BACKUP_COLUMN("bytes", VALUE_BIGINT),
        BACKUP_COLUMN("as_of_seq", VALUE_BIGINT),    BACKUP_COLUMN("created_at", VALUE_TIMESTAMP),
        BACKUP_COLUMN("server_version", VALUE_TEXT),
    };
    const struct sql_services *services = &run->engine->services;
    struct sql_backup_contents contents = {.table_count = 0};
    enum status status = run_require_role(run, ROLE_SERVICE, "SHOW BACKUP", err);

    if (status != STATUS_OK)
        return status;
    if (services->backup_contents == NULL)
        return error_set(err, STATUS_INVALID_OPERATION,
                         "SHOW BACKUP is not available on this server");
    status = backup_check_path(path, err);
    if (status == STATUS_OK)
        status = services->backup_contents(services->context, path, &run->arena, &contents, err);
    if (status == STATUS_OK)
        status = run_send_columns(run, columns, ARRAY_COUNT(columns), err);
    for (size_t i = 0; status == STATUS_OK && i < contents.table_count; i++) {
        const struct sql_backup_table *table = &contents.tables[i];
        struct value values[] = {
            value_text(VALUE_TEXT, contents.space),
            value_text(VALUE_TEXT, table->name),
            value_text(VALUE_TEXT, str_from_c(table_kind_name(table->kind))),
            value_integer(VALUE_INT, table->schema_version),
            value_integer(VALUE_BIGINT, (int64_t)table->users),
            value_integer(VALUE_BIGINT, (int64_t)table->files),
            value_integer(VALUE_BIGINT, (int64_t)table->rows),
            value_integer(VALUE_BIGINT, (int64_t)table->bytes),
            value_integer(VALUE_BIGINT, contents.as_of_seq),
            value_integer(VALUE_TIMESTAMP, contents.created_at),
            value_text(VALUE_TEXT, contents.server_version),
        };
        CHECK(ARRAY_COUNT(values) == ARRAY_COUNT(columns));
        status = run_send_row(run, values, err);
    }
    return status;
}

enum status show_backups_run(struct sql_run *run, struct str space, struct error *err)
{
    enum status status = run_require_role(run, ROLE_SERVICE, "SHOW BACKUPS", err);
    struct buf quoted;

    if (status != STATUS_OK)
        return status;
    buf_init(&quoted);
    for (size_t i = 0; i < space.size; i++) {
        if (space.data[i] == '\'')
            buf_append_byte(&quoted, '\'');
        buf_append_byte(&quoted, (uint8_t)space.data[i]);
    }
    struct str text = arena_printf(
        &run->arena,
        "SELECT job_id, status, substr(parameters ->> 1, 6) AS path, result, error_message, "
        "created_at, completed_at FROM system.jobs WHERE job_type = 'backup' AND namespace_id = "
        "'%.*s' ORDER BY created_at DESC, job_id DESC",
        STR_ARG(buf_str(&quoted)));
    buf_clear(&quoted);
    CHECK(text.size > 0);
    return run_substitute(run, text, err);
}
