/* execute.c — statements: sent, waited for, shown.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/buf.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/split.h"
#include "cli/terminal.h"

#include <errno.h>
#include <unistd.h>

enum { FILE_DEPTH_MAX = 16 };

void execute_report(struct cli *cli, const kalam_error *error, size_t number)
{
    static const char own[] = "Statement 1 failed: "; /* each unit is a request of its own */
    const char *text = error->message;

    CHECK(cli);
    if (strncmp(text, own, sizeof own - 1) == 0)
        text += sizeof own - 1;
    fflush(cli->out);
    fprintf(stderr, "%sERROR:%s ", cli->color ? "\033[31m" : "", cli->color ? "\033[0m" : "");
    if (number > 0)
        fprintf(stderr, "Statement %zu failed: ", number);
    fprintf(stderr, "%s\n", *text ? text : error->code);
}

kalam_results *execute_quietly(struct cli *cli, const char *sql, kalam_error *error)
{
    kalam_results *results = NULL;
    bool spin = cli->options->progress && cli->interactive && isatty(STDERR_FILENO);

    CHECK(cli->client);
    for (;;) {
        struct spinner *spinner = spin ? spinner_start() : NULL;
        kalam_status status = kalam_query(cli->client, sql, &results, error);
        spinner_stop(spinner);
        cli->online = status != KALAM_CONNECTION && (status != KALAM_TIMEOUT || cli->online);
        if (status == KALAM_OK)
            return results;
        if (status != KALAM_AUTHENTICATION || !connect_ask_password(cli, error))
            break;
    }
    if (results && error->status == KALAM_SQL && kalam_results_count(results) > 0)
        execute_show(cli, results, 0); /* what finished before the failure */
    kalam_results_free(results);
    return NULL;
}

static bool execute_more(void)
{
    char *line = terminal_ask("Press Enter for more... (q ends) ");
    bool more = line && *line != 'q';

    mem_free(line);
    return more;
}

static struct output_style execute_style(const struct cli *cli)
{
    bool screen = cli->terminal && cli->out == stdout;

    CHECK(cli);
    return (struct output_style){
        .format = cli->format,
        .expanded = cli->expanded,
        .width_max = screen ? terminal_width() : 0,
        .page_rows = screen && cli->interactive ? (size_t)cli->options->rows_max : 0,
        .color = cli->color && cli->out == stdout,
        .more = execute_more};
}

void execute_show(struct cli *cli, const kalam_results *results, size_t number)
{
    struct output_style style = execute_style(cli);
    bool words = cli->format == FORMAT_TABLE || cli->format == FORMAT_MARKDOWN;
    struct buf message;

    CHECK(cli);
    buf_init(&message);
    for (size_t s = 0; s < kalam_results_count(results); s++) {
        if (words && number > 0)
            fprintf(cli->out, "Statement %zu:%s", number,
                    kalam_column_count(results, s) > 0 ? "\n" : " ");
        if (kalam_column_count(results, s) > 0) {
            (void)output_rows(cli->out, results, s, &style); /* ferror is looked at by main */
        } else if (words) {
            buf_reset(&message);
            output_message(&message, kalam_message(results, s));
            fprintf(cli->out, "%.*s\n", STR_ARG(buf_str(&message)));
        }
    }
    buf_clear(&message);
    fflush(cli->out);
}

static bool execute_is_word(struct str word, const char *name)
{
    CHECK(name && *name);
    return str_equal_nocase(word, str_from_c(name));
}

/* BACKUP and RESTORE take long: they are sent with ASYNC, and the job is waited for. */
static bool execute_needs_job(struct str unit)
{
    struct str word = split_first_word(unit);
    size_t size = unit.size;

    CHECK(word.size <= size);
    if (!execute_is_word(word, "backup") && !execute_is_word(word, "restore"))
        return false;
    return size < 6 || !execute_is_word(str_from(unit.data + size - 6, 6), " async");
}

enum cli_exit execute_unit(struct cli *cli, struct str unit, size_t number)
{
    bool job = execute_needs_job(unit);
    kalam_results *results;
    kalam_error error;
    enum cli_exit code = CLI_OK;
    struct buf sql;
    int64_t start;

    CHECK(unit.size > 0);
    buf_init(&sql);
    buf_printf(&sql, "%.*s%s%c", STR_ARG(unit), job ? " ASYNC" : "", 0);
    if (execute_is_word(split_first_word(unit), "subscribe")) {
        code = live_run(cli, sql.data);
        buf_clear(&sql);
        return code;
    }
    start = clock_monotonic_ns();
    results = execute_quietly(cli, sql.data, &error);
    if (results) {
        double ms = (double)(clock_monotonic_ns() - start) / 1e6;
        execute_show(cli, results, number);
        if (cli->timing && cli->format == FORMAT_TABLE)
            fprintf(cli->out, "Time: %.3f ms\n", ms);
        if (kalam_results_count(results) > 0)
            options_set(&cli->user, kalam_as_user(results, 0));
        if (job)
            code = jobs_await(cli, results);
    } else {
        bool cancelled = error.status == KALAM_TIMEOUT && interrupt_take();
        execute_report(cli, &error, number);
        code = cancelled ? CLI_SQL : connect_exit_code(&error);
    }
    fflush(cli->out);
    options_set(&cli->last, sql.data);
    kalam_results_free(results);
    buf_clear(&sql);
    return code;
}

enum cli_exit execute_text(struct cli *cli, struct str text, bool batch)
{
    size_t offset = 0, ahead, number = 0;
    struct str unit, next;
    enum cli_exit code = CLI_OK;
    bool several = false;

    CHECK(cli->out);
    while (code == CLI_OK && split_next(text, &offset, &unit) != SPLIT_END) {
        ahead = offset;
        several = several || split_next(text, &ahead, &next) != SPLIT_END;
        number++;
        code = execute_unit(cli, unit, batch && several ? number : 0);
        if (interrupt_is_final())
            break;
    }
    if (number == 0 && batch && text.size > 0)
        fprintf(stderr, "no SQL statement\n");
    return code;
}

enum cli_exit execute_file(struct cli *cli, const char *path)
{
    bool standard = strcmp(path, "-") == 0;
    enum cli_exit code = CLI_USAGE;
    struct buf text;

    CHECK(cli);
    if (cli->depth >= FILE_DEPTH_MAX) {
        fprintf(stderr, "ERROR: files include each other deeper than %d\n", FILE_DEPTH_MAX);
        return CLI_USAGE;
    }
    buf_init(&text);
    if (config_read_file(standard ? "/dev/stdin" : path, &text)) {
        cli->depth++;
        code = execute_text(cli, buf_str(&text), true);
        cli->depth--;
    } else {
        fprintf(stderr, "ERROR: %s: %s\n", path, strerror(errno));
    }
    buf_clear(&text);
    return code;
}
