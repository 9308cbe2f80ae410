/* execute.c — statements: sent, waited for, shown.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/buf.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/sql_token.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/split.h"
#include "cli/terminal.h"
#include "cli/width.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

enum { FILE_DEPTH_MAX = 16 };

/* Appends the part of a line that shows the character `column` within `width` cells; the cell where
 * it stands. */
static size_t execute_cut_line(struct str line, size_t column, size_t width, struct buf *out)
{
    size_t start = 0, at = 0, cells = 0;
    uint32_t codepoint;

    CHECK(out && width > 0);
    while (column > 0 && at < line.size) {
        size_t size = utf8_decode(str_from(line.data + at, line.size - at), &codepoint);
        at += size > 0 ? size : 1;
        column--;
    }
    while (at - start > width / 2 &&
           width_of(str_from(line.data + start, at - start)) > width / 2) {
        size_t size = utf8_decode(str_from(line.data + start, line.size - start), &codepoint);
        start += size > 0 ? size : 1;
    }
    struct str before = str_from(line.data + start, at - start);
    struct str behind = str_from(line.data + at, line.size - at);
    struct buf clean;
    buf_init(&clean);
    width_append_clean(&clean, before);
    cells = width_of(buf_str(&clean));
    width_append_clean(&clean, behind);
    size_t all = width_of(buf_str(&clean));
    width_append(out, buf_str(&clean), all < width ? all : width, false);
    buf_clear(&clean);
    return cells;
}

/* `at line L, column C` of a message: the line of the statement and a caret below the place. */
static void execute_point(struct cli *cli, const char *message)
{
    const char *at = strstr(message, " at line ");
    unsigned line, column;
    struct str text = cli->running;
    struct buf shown;

    CHECK(message != NULL);
    if (!at || sscanf(at, " at line %u, column %u", &line, &column) != 2 || column == 0 ||
        text.size == 0)
        return;
    for (; line > 1; line--) {
        size_t end = str_find(text, STR_LIT("\n"));
        if (end == SIZE_MAX)
            return;
        text = str_from(text.data + end + 1, text.size - end - 1);
    }
    size_t size = str_find(text, STR_LIT("\n"));
    text.size = size == SIZE_MAX ? text.size : size;
    buf_init(&shown);
    size_t caret = execute_cut_line(text, column - 1, terminal_width() - 2, &shown);
    fprintf(stderr, "  %.*s\n  %*s\n", STR_ARG(buf_str(&shown)), (int)caret + 1, "^");
    buf_clear(&shown);
}

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
    output_say(stderr, "%s\n", *text ? text : error->code);
    execute_point(cli, text);
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
    bool screen = cli_shows_screen(cli);

    CHECK(cli);
    return (struct output_style){
        .format = cli->format,
        .expanded = cli->expanded,
        .width_max = screen ? terminal_width() : 0,
        .page_rows = screen && cli->interactive ? (size_t)cli->options->rows_max : 0,
        .color = cli->color && cli->out == stdout,
        .screen = screen,
        .more = execute_more};
}

/* A result taller than the terminal goes through the pager of the configuration; without one it
 * stops after every page. */
static void execute_show_rows(struct cli *cli, const kalam_results *results, size_t s,
                              struct output_style *style)
{
    bool tall = style->page_rows > 0 && cli->options->pager &&
                kalam_row_count(results, s) + 5 > terminal_height();
    FILE *pager = NULL;

    CHECK(style != NULL);
    fflush(cli->out);
    if (tall)
        pager = popen(cli->options->pager, "we");
    if (!pager) {
        (void)output_rows(cli->out, results, s, style); /* ferror is looked at by main */
        return;
    }
    struct output_style whole = *style;
    whole.page_rows = 0;
    (void)signal(SIGPIPE, SIG_IGN); /* it may be left before the end */
    (void)output_rows(pager, results, s, &whole);
    if (pclose(pager) == -1)
        fprintf(stderr, "ERROR: the pager %s failed\n", cli->options->pager);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)interrupt_take();
}

void execute_show(struct cli *cli, const kalam_results *results, size_t number)
{
    struct output_style style = execute_style(cli);
    bool words = !output_can_stream(cli->format) && cli->format != FORMAT_HTML;
    struct buf message;

    CHECK(cli);
    buf_init(&message);
    for (size_t s = 0; s < kalam_results_count(results); s++) {
        if (words && number > 0)
            fprintf(cli->out, "Statement %zu:%s", number,
                    kalam_column_count(results, s) > 0 ? "\n" : " ");
        if (kalam_column_count(results, s) > 0 && output_can_stream(cli->format)) {
            struct output_stream stream = {
                .out = cli->out, .format = cli->format, .screen = style.screen};
            (void)output_stream_batch(&stream, results, true);
        } else if (kalam_column_count(results, s) > 0) {
            execute_show_rows(cli, results, s, &style);
        } else if (words) {
            buf_reset(&message);
            output_message(&message, kalam_message(results, s));
            output_say(cli->out, "%.*s\n", STR_ARG(buf_str(&message)));
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

struct execute_stream {
    struct output_stream stream;
    struct spinner *spinner;
    struct progress progress; /* while the rows go to a file */
    uint64_t rows;
};

static bool execute_take(void *context, const kalam_results *batch, size_t statement, bool last)
{
    struct execute_stream *execute = context;

    CHECK(execute && batch);
    (void)statement;
    spinner_stop(execute->spinner); /* the first rows are there */
    execute->spinner = NULL;
    execute->rows += kalam_row_count(batch, 0);
    progress_show(&execute->progress, execute->rows, 0, 0);
    return output_stream_batch(&execute->stream, batch, last);
}

/* Rows go out while they arrive: JSON and CSV of any size take the memory of one batch. */
static kalam_status execute_streaming(struct cli *cli, const char *sql, kalam_error *error)
{
    bool spin = cli->options->progress && cli->interactive && isatty(STDERR_FILENO);
    bool screen = cli_shows_screen(cli);
    struct execute_stream execute = {
        .stream = {.out = cli->out, .format = cli->format, .screen = screen}};
    kalam_status status;

    CHECK(output_can_stream(cli->format));
    progress_start(&execute.progress, cli->options->progress && !screen);
    do {
        execute.spinner = spin ? spinner_start() : NULL;
        status = kalam_query_each(cli->client, sql, NULL, 0, 0, execute_take, &execute, error);
        spinner_stop(execute.spinner);
    } while (status == KALAM_AUTHENTICATION && connect_ask_password(cli, error));
    progress_end(&execute.progress);
    cli->online = status != KALAM_CONNECTION && (status != KALAM_TIMEOUT || cli->online);
    if (execute.stream.begun && execute.stream.format == FORMAT_JSON)
        fputc('\n', cli->out); /* the array stays open: the error says why */
    return status;
}

enum cli_exit execute_failed(struct cli *cli, const kalam_error *error, size_t number)
{
    bool cancelled = error->status == KALAM_TIMEOUT && interrupt_take();

    CHECK(cli && error);
    execute_report(cli, error, number);
    return cancelled ? CLI_SQL : connect_exit_code(error);
}

enum cli_exit execute_check_interrupt(struct cli *cli)
{
    static const kalam_error cancelled = {.status = KALAM_TIMEOUT, .message = "cancelled"};

    CHECK(cli);
    if (!interrupt_take() && !interrupt_is_final())
        return CLI_OK;
    execute_report(cli, &cancelled, 0);
    return CLI_SQL;
}

enum cli_exit execute_failed_read(struct cli *cli, const char *path, const char *problem)
{
    enum cli_exit code = execute_check_interrupt(cli);

    CHECK(problem != NULL);
    if (code != CLI_OK)
        return code;
    if (path)
        output_say(stderr, "ERROR: %s: %s\n", path, problem);
    else
        output_say(stderr, "ERROR: %s\n", problem);
    return CLI_USAGE;
}

/* One request whose results are shown as a table. */
static enum cli_exit execute_shown(struct cli *cli, const char *sql, size_t number, bool job)
{
    int64_t start = clock_monotonic_ns();
    kalam_error error;
    kalam_results *results = execute_quietly(cli, sql, &error);
    enum cli_exit code = CLI_OK;

    CHECK(sql && *sql);
    if (!results)
        return execute_failed(cli, &error, number);
    double ms = (double)(clock_monotonic_ns() - start) / 1e6;
    execute_show(cli, results, number);
    if (cli->timing && (cli->format == FORMAT_TABLE || cli->format == FORMAT_EXPANDED))
        fprintf(cli->out, "Time: %.3f ms\n", ms);
    if (kalam_results_count(results) > 0)
        options_set(&cli->user, kalam_as_user(results, 0));
    if (job)
        code = jobs_await(cli, results);
    kalam_results_free(results);
    return code;
}

/* STORAGE FLUSH starts jobs by itself; they are waited for all the same. */
static bool execute_is_flush(struct str unit)
{
    struct str word = split_first_word(unit), rest;
    size_t at;

    CHECK(word.size <= unit.size);
    if (!execute_is_word(word, "storage"))
        return false;
    at = (size_t)(word.data - unit.data) + word.size;
    rest = str_from(unit.data + at, unit.size - at);
    return execute_is_word(split_first_word(rest), "flush");
}

/* The name of USE name, USE NAMESPACE name, SET NAMESPACE name: their last token. */
static bool execute_takes_namespace(struct str unit, struct buf *name)
{
    size_t at = 0;
    struct sql_token token = sql_token_next(unit, &at), last = token;
    bool use = sql_token_is(&token, "use"), set = sql_token_is(&token, "set");

    CHECK(name != NULL);
    token = sql_token_next(unit, &at);
    if (!use && !(set && sql_token_is(&token, "namespace")))
        return false;
    for (; token.kind != SQL_TOKEN_END; token = sql_token_next(unit, &at))
        last = token;
    if (!sql_token_is_name(&last))
        return false;
    sql_token_append_name(&last, name);
    buf_append_byte(name, 0);
    return true;
}

/* On the server USE ends with its request. Here it holds for what follows. */
static enum cli_exit execute_keep_namespace(struct cli *cli, struct str unit)
{
    enum cli_exit code = CLI_OK;
    struct buf name;

    CHECK(cli->client);
    buf_init(&name);
    if (execute_takes_namespace(unit, &name))
        code = connect_use(cli, name.data);
    buf_clear(&name);
    return code;
}

enum cli_exit execute_unit(struct cli *cli, struct str unit, size_t number)
{
    bool job = execute_needs_job(unit);
    enum cli_exit code = CLI_OK;
    kalam_error error;
    struct buf sql;

    CHECK(unit.size > 0 && !memchr(unit.data, 0, unit.size));
    buf_init(&sql);
    buf_append_str(&sql, unit);
    buf_append_str(&sql, job ? STR_LIT(" ASYNC") : STR_EMPTY);
    buf_append_byte(&sql, 0);
    job = job || execute_is_flush(unit);
    cli->running = unit;
    if (execute_is_word(split_first_word(unit), "subscribe"))
        code = live_run(cli, sql.data);
    else if (job || !output_can_stream(cli->format))
        code = execute_shown(cli, sql.data, number, job);
    else if (execute_streaming(cli, sql.data, &error) != KALAM_OK && !ferror(cli->out))
        code = execute_failed(cli, &error, number);
    if (code == CLI_OK)
        code = execute_keep_namespace(cli, unit);
    cli->running = STR_EMPTY;
    fflush(cli->out);
    options_set(&cli->last, sql.data);
    buf_clear(&sql);
    return code;
}

bool execute_check_text(const char *path, struct str text)
{
    size_t at = 0, line = 1;
    uint32_t codepoint = 0;

    CHECK(text.size == 0 || text.data);
    while (at < text.size) {
        size_t size = utf8_decode(str_from(text.data + at, text.size - at), &codepoint);
        if (size == 0 || codepoint == 0)
            break;
        line += codepoint == '\n';
        at += size;
    }
    if (at == text.size)
        return true;
    output_say(stderr, "ERROR: %s%sline %zu: not UTF-8 text\n", path ? path : "", path ? ": " : "",
               line);
    return false;
}

enum cli_exit execute_text(struct cli *cli, const char *path, struct str text)
{
    size_t offset = 0, ahead, number = 0;
    struct str unit, next;
    enum cli_exit code = CLI_OK;
    bool several = false;

    CHECK(cli->out);
    if (!execute_check_text(path, text))
        return CLI_USAGE;
    while (code == CLI_OK && split_next(text, &offset, &unit) != SPLIT_END) {
        ahead = offset;
        several = several || split_next(text, &ahead, &next) != SPLIT_END;
        number++;
        code = execute_check_interrupt(cli);
        if (code == CLI_OK)
            code = execute_unit(cli, unit, several ? number : 0);
    }
    if (number == 0 && text.size > 0)
        fprintf(stderr, "no SQL statement\n");
    return code;
}

enum cli_exit execute_file(struct cli *cli, const char *path)
{
    static const char mark[] = "\xef\xbb\xbf"; /* the byte order mark of some editors */
    enum cli_exit code;
    struct buf file;

    CHECK(cli);
    if (cli->depth >= FILE_DEPTH_MAX) {
        fprintf(stderr, "ERROR: files include each other deeper than %d\n", FILE_DEPTH_MAX);
        return CLI_USAGE;
    }
    buf_init(&file);
    if (config_read_file(path, &file)) {
        struct str text = buf_str(&file);
        size_t skip = str_starts_with(text, str_from_c(mark)) ? sizeof mark - 1 : 0;
        cli->depth++;
        code = execute_text(cli, path, str_from(text.data + skip, text.size - skip));
        cli->depth--;
    } else {
        code = execute_failed_read(cli, path, strerror(errno));
    }
    buf_clear(&file);
    return code;
}
