/* transfer.c — `kalam import` and `kalam export`, also \copy: files into tables and back, through
 * the public interface, in batches.
 *
 * Import: a batch is one INSERT of literals, so it is stored whole or not at all; the first that
 * fails ends it. Export: rows are written while they arrive; memory is one batch. JSON files hold
 * times as ISO 8601 and bytes as \x text, so that what was exported can be imported.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli/transfer.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/sql_token.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/terminal.h"

#include <errno.h>

enum { IMPORT_ROWS = 1000, IMPORT_BYTES = 768 << 10 };

static enum cli_exit transfer_usage(const char *text)
{
    CHECK(text && *text);
    fprintf(stderr, "ERROR: %s\n", text);
    return CLI_USAGE;
}

static enum cli_exit transfer_kind(const char *path, const char *name, enum file_kind *out)
{
    CHECK(path && out);
    if (name ? !file_kind_from_name(name, out) : !file_kind_of_path(path, out))
        return transfer_usage("the kind of file is not clear: --format csv, json or jsonl");
    if (*out == FILE_PARQUET)
        return transfer_usage(
            "kalam has no Parquet library: use csv, json or jsonl; rows of flushed "
            "tables lie as Parquet files in the table's storage (SHOW STORAGES)");
    return CLI_OK;
}

/* ---- import ---- */

struct import {
    struct cli *cli;
    struct rows_in *rows;
    struct buf head, values; /* INSERT INTO t (…) VALUES; the rows of the batch */
    size_t batch_rows;
    uint64_t first_line, last_line, done; /* lines of the batch */
    struct progress progress;
};

static void import_append_row(struct import *import)
{
    struct buf *out = &import->values;
    struct str value;

    CHECK(import->rows);
    buf_append_str(out, import->batch_rows > 0 ? STR_LIT(",\n(") : STR_LIT("("));
    for (size_t c = 0; c < rows_in_columns(import->rows); c++) {
        if (c > 0)
            buf_append_byte(out, ',');
        if (!rows_in_value(import->rows, c, &value)) {
            buf_append_str(out, STR_LIT("NULL"));
            continue;
        }
        buf_append_byte(out, '\'');
        for (size_t i = 0; i < value.size; i++) {
            if (value.data[i] == '\'')
                buf_append_byte(out, '\'');
            buf_append_byte(out, (uint8_t)value.data[i]);
        }
        buf_append_byte(out, '\'');
    }
    buf_append_byte(out, ')');
    import->batch_rows++;
}

static void import_begin(struct import *import, const char *table)
{
    CHECK(table && *table);
    buf_printf(&import->head, "INSERT INTO %s (", table);
    for (size_t c = 0; c < rows_in_columns(import->rows); c++) {
        if (c > 0)
            buf_append_byte(&import->head, ',');
        sql_append_quoted(&import->head, rows_in_name(import->rows, c));
    }
    buf_append_str(&import->head, STR_LIT(") VALUES "));
}

static enum cli_exit import_send(struct import *import)
{
    kalam_results *results;
    kalam_error error;
    struct buf sql;

    if (import->batch_rows == 0)
        return CLI_OK;
    CHECK(import->head.size > 0);
    buf_init(&sql);
    buf_append_str(&sql, buf_str(&import->head));
    buf_append_str(&sql, buf_str(&import->values));
    buf_append_byte(&sql, 0);
    results = execute_quietly(import->cli, sql.data, &error);
    buf_clear(&sql);
    buf_reset(&import->values);
    if (!results) {
        progress_end(&import->progress);
        enum cli_exit code = execute_failed(import->cli, &error, 0);
        fprintf(stderr, "The rows of lines %llu to %llu %s.\n",
                (unsigned long long)import->first_line, (unsigned long long)import->last_line,
                error.status == KALAM_SQL ? "were not stored" : "are stored all or not at all");
        return code;
    }
    kalam_results_free(results);
    import->done += import->batch_rows;
    import->batch_rows = 0;
    return CLI_OK;
}

/* A row that does not fit into the batch begins the next one. */
static enum cli_exit import_add(struct import *import)
{
    struct buf *values = &import->values;
    size_t before = values->size;
    enum cli_exit code = CLI_OK;
    struct buf row;

    import_append_row(import);
    CHECK(values->size > before);
    if (before > 0 && values->size > IMPORT_BYTES) {
        size_t start = before + 2; /* behind ",\n" */
        buf_init(&row);
        buf_append(&row, values->data + start, values->size - start);
        values->size = before;
        import->batch_rows--;
        code = import_send(import);
        buf_append_str(values, buf_str(&row));
        buf_clear(&row);
        import->batch_rows++;
    }
    if (import->batch_rows == 1)
        import->first_line = rows_in_line(import->rows);
    if (code == CLI_OK) {
        import->last_line = rows_in_line(import->rows);
        if (import->batch_rows >= IMPORT_ROWS)
            code = import_send(import);
    }
    return code;
}

static enum cli_exit import_rows(struct import *import, const char *table)
{
    enum rows_step step = ROWS_ROW;
    enum cli_exit code = CLI_OK;
    struct buf problem;

    CHECK(import->rows);
    buf_init(&problem);
    while (code == CLI_OK && !interrupt_is_set()) {
        uint64_t size, position;
        step = rows_in_next(import->rows, &problem);
        if (step != ROWS_ROW)
            break;
        if (import->head.size == 0)
            import_begin(import, table);
        code = import_add(import);
        position = rows_in_position(import->rows, &size);
        progress_show(&import->progress, import->done, position, size);
    }
    if (code == CLI_OK && step == ROWS_END && !interrupt_is_set())
        code = import_send(import);
    progress_end(&import->progress);
    buf_append_byte(&problem, 0);
    if (code == CLI_OK && step == ROWS_BAD)
        code = execute_failed_read(import->cli, NULL, problem.data);
    if (code == CLI_OK)
        code = execute_check_interrupt(import->cli);
    buf_clear(&problem);
    return code;
}

enum cli_exit transfer_import(struct cli *cli, const char *path, const char *table,
                              const char *format)
{
    struct import import = {.cli = cli};
    enum file_kind kind;
    enum cli_exit code = transfer_kind(path, format, &kind);
    struct buf problem;

    CHECK(table && *table);
    if (code != CLI_OK)
        return code;
    buf_init(&problem);
    import.rows = rows_in_open(path, kind, &problem);
    if (!import.rows) {
        buf_append_byte(&problem, 0);
        code = execute_failed_read(cli, NULL, problem.data);
        buf_clear(&problem);
        return code;
    }
    buf_init(&import.head);
    buf_init(&import.values);
    progress_start(&import.progress, cli->options->progress);
    code = import_rows(&import, table);
    fprintf(cli->out, "%llu row%s imported into %s (%.0f rows/s).\n",
            (unsigned long long)import.done, import.done == 1 ? "" : "s", table,
            progress_rate(&import.progress, import.done));
    fflush(cli->out);
    rows_in_close(import.rows);
    buf_clear(&import.head);
    buf_clear(&import.values);
    buf_clear(&problem);
    return code;
}

/* ---- export ---- */

struct export
{
    struct cli *cli;
    const char *path; /* "-" = the current output */
    FILE *file;       /* NULL until the first batch: a statement that fails leaves it as it is */
    enum file_kind kind;
    int problem; /* errno of opening or writing it, 0 = none */
    uint64_t rows;
    bool begun, screen;
    struct progress progress;
    struct buf text;
};

static bool export_open(struct export *export)
{
    bool standard = strcmp(export->path, "-") == 0;

    CHECK(!export->file);
    export->file = standard ? export->cli->out : fopen(export->path, "we");
    export->screen = standard && cli_shows_screen(export->cli);
    export->problem = export->file ? 0 : errno;
    return export->file != NULL;
}

/* Writes what was gathered in `text`. */
static bool export_write(struct export *export)
{
    enum format format = export->kind == FILE_CSV ? FORMAT_CSV : FORMAT_JSON;
    bool written = output_write(export->file, buf_str(&export->text), format, export->screen);

    CHECK(export->file != NULL);
    export->problem = written ? 0 : errno != 0 ? errno : EIO;
    return written;
}

static bool export_batch(void *context, const kalam_results *batch, size_t statement, bool last)
{
    struct export *export = context;
    size_t columns = kalam_column_count(batch, 0);

    CHECK(export && batch);
    if (statement > 1 || (!export->file && !export_open(export)))
        return false;
    buf_reset(&export->text);
    if (export->kind == FILE_CSV) {
        output_csv(&export->text, batch, 0, !export->begun);
    } else {
        for (size_t row = 0; row < kalam_row_count(batch, 0) && columns > 0; row++) {
            if (export->kind == FILE_JSON)
                buf_append_str(&export->text,
                               export->rows + row > 0 ? STR_LIT(",\n") : STR_LIT("[\n"));
            output_json_row(&export->text, batch, 0, row);
            if (export->kind == FILE_JSONL)
                buf_append_byte(&export->text, '\n');
        }
    }
    export->begun = true;
    export->rows += kalam_row_count(batch, 0);
    if (last && export->kind == FILE_JSON)
        buf_append_str(&export->text, export->rows > 0 ? STR_LIT("\n]\n") : STR_LIT("[]\n"));
    progress_show(&export->progress, export->rows, 0, 0);
    return export_write(export);
}

/* `SELECT the user's columns FROM t`; false after a message. */
static enum cli_exit export_select(struct cli *cli, const char *table, struct buf *sql)
{
    kalam_results *results;
    kalam_error error;
    bool is_system, any = false;

    CHECK(table && sql);
    buf_printf(sql, "DESCRIBE TABLE %s%c", table, 0);
    results = execute_quietly(cli, sql->data, &error);
    buf_reset(sql);
    if (!results)
        return execute_failed(cli, &error, 0);
    buf_printf(sql, "SELECT ");
    for (size_t row = 0; row < kalam_row_count(results, 0); row++) {
        const char *name = kalam_text(results, 0, row, 0);
        if (!name || (kalam_bool(results, 0, row, kalam_column_count(results, 0) - 1, &is_system) &&
                      is_system))
            continue;
        if (any)
            buf_append_byte(sql, ',');
        sql_append_quoted(sql, str_from_c(name));
        any = true;
    }
    buf_printf(sql, " FROM %s%c", table, 0);
    kalam_results_free(results);
    return CLI_OK;
}

static enum cli_exit export_run(struct export *export, const char *sql)
{
    kalam_error error;
    kalam_status status;

    CHECK(sql && !export->file);
    do
        status = kalam_query_each(export->cli->client, sql, NULL, 0, IMPORT_ROWS, export_batch,
                                  export, &error);
    while (status == KALAM_AUTHENTICATION && connect_ask_password(export->cli, &error));
    progress_end(&export->progress);
    if (export->file && export->file != export->cli->out && fclose(export->file) != 0 &&
        export->problem == 0)
        export->problem = errno;
    if (export->problem != 0) {
        output_say(stderr, "ERROR: %s: %s\n", export->path, strerror(export->problem));
        return CLI_USAGE;
    }
    if (status == KALAM_OK && !export->begun)
        return transfer_usage("the statement returns no rows: export takes a table or a SELECT");
    if (status == KALAM_CLOSED)
        return transfer_usage("export takes one statement");
    return status == KALAM_OK ? CLI_OK : execute_failed(export->cli, &error, 0);
}

enum cli_exit transfer_export(struct cli *cli, const char *source, const char *path,
                              const char *format)
{
    struct export export = {.cli = cli, .path = path};
    bool is_table = source[strcspn(source, " \t\r\n(")] == 0;
    enum cli_exit code = transfer_kind(path, format, &export.kind);
    struct buf sql;

    CHECK(source && *source);
    if (code != CLI_OK)
        return code;
    buf_init(&sql);
    buf_init(&export.text);
    if (is_table)
        code = export_select(cli, source, &sql);
    if (code == CLI_OK)
        code = execute_check_interrupt(cli);
    progress_start(&export.progress, cli->options->progress);
    if (code == CLI_OK)
        code = export_run(&export, is_table ? sql.data : source);
    if (code == CLI_OK)
        fprintf(export.file == cli->out ? stderr : cli->out, "%llu row%s exported (%.0f rows/s).\n",
                (unsigned long long)export.rows, export.rows == 1 ? "" : "s",
                progress_rate(&export.progress, export.rows));
    buf_clear(&sql);
    buf_clear(&export.text);
    return code;
}
