/* command.c — the lines that start with a backslash.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/complete.h"
#include "cli/history.h"
#include "cli/output.h"
#include "cli/split.h"
#include "cli/terminal.h"
#include "cli/transfer.h"

#include <errno.h>
#include <time.h>

enum {
    ARGUMENTS_MAX = 8,
    WATCH_SECONDS = 2,
    LATENCY_COUNT = 100,
    WHOLE = 1000,
    WATCH_SECONDS_MAX = 86400
};

struct command_line {
    struct cli *cli;
    size_t count;
    char *arguments[ARGUMENTS_MAX]; /* behind the name; in `text` */
};

struct command {
    const char *name;
    size_t count_min, count_max; /* WHOLE: everything behind the name is one argument */
    enum cli_exit (*run)(struct command_line *line);
};

static enum cli_exit command_fail(const char *text)
{
    CHECK(text);
    fprintf(stderr, "ERROR: %s\n", text);
    return CLI_USAGE;
}

static const char *command_argument(const struct command_line *line, size_t i)
{
    CHECK(line && line->cli);
    return i < line->count ? line->arguments[i] : NULL;
}

static enum cli_exit command_quit(struct command_line *line)
{
    CHECK(line);
    line->cli->leave = true;
    return CLI_OK;
}

static enum cli_exit command_show_help(struct command_line *line)
{
    CHECK(line);
    fputs(command_help(), line->cli->out);
    return CLI_OK;
}

const char *command_help(void)
{
    return "SQL ends with ; and may span lines.  SUBSCRIBE TO t [WHERE …] [LAST n] shows changes\n"
           "live; Ctrl+C ends it.  The manual: docs/sql.md.\n"
           "\n"
           "  \\q, \\quit               leave (or Ctrl+D)\n"
           "  \\?, \\help               this\n"
           "  \\dt                     tables\n"
           "  \\d [table]              columns of a table, or all tables\n"
           "  \\du                     users\n"
           "  \\x [on|off|auto]        one line per value\n"
           "  \\format F               table, expanded, json, jsonl, csv, markdown or html\n"
           "  \\timing [on|off]        show how long statements take\n"
           "  \\watch [seconds]        the last statement again after every change, or every so\n"
           "                          many seconds where the server cannot follow it; until "
           "Ctrl+C\n"
           "  \\live [SELECT …]        the rows that match now, shown anew after every change\n"
           "  \\latency [n]            measure n round trips\n"
           "  \\e                      edit the statement in $VISUAL or $EDITOR\n"
           "  \\copy t from FILE       rows of a CSV, JSON or JSON-lines file into a table\n"
           "  \\copy t|(SELECT …) to FILE\n"
           "  \\i file                 run a file\n"
           "  \\o [file]               write results to a file; back without one\n"
           "  \\flush                  move hot rows of all tables to cold files, and wait\n"
           "  \\pause, \\continue       hold a running subscription's display, go on\n"
           "  \\health                 the server's state\n"
           "  \\config                 settings\n"
           "  \\connect -h URL [-u user] [--token T]\n"
           "  \\login [user], \\logout  tokens in ~/.kalam/credentials.toml\n"
           "  \\history [clear]        statements typed before\n"
           "  \\refresh-tables         ask again for the names that TAB completes\n";
}

/* on, off, or the other way round; false when the word is unknown. */
static bool command_switch(const char *word, bool *value)
{
    CHECK(value != NULL);
    if (word && strcmp(word, "on") != 0 && strcmp(word, "off") != 0)
        return false;
    *value = word ? strcmp(word, "on") == 0 : !*value;
    return true;
}

static enum cli_exit command_timing(struct command_line *line)
{
    CHECK(line);
    if (!command_switch(command_argument(line, 0), &line->cli->timing))
        return command_fail("\\timing [on|off]");
    fprintf(line->cli->out, "Timing is %s.\n", line->cli->timing ? "on" : "off");
    return CLI_OK;
}

static enum cli_exit command_expanded(struct command_line *line)
{
    const char *word = command_argument(line, 0);
    bool on = line->cli->expanded == CHOICE_ON;

    CHECK(line);
    if (word && strcmp(word, "auto") == 0) {
        line->cli->expanded = CHOICE_AUTO;
    } else {
        if (!command_switch(word, &on))
            return command_fail("\\x [on|off|auto]");
        line->cli->expanded = on ? CHOICE_ON : CHOICE_OFF;
    }
    fprintf(line->cli->out, "Expanded display is %s.\n",
            line->cli->expanded == CHOICE_AUTO ? "auto"
            : on                               ? "on"
                                               : "off");
    return CLI_OK;
}

static enum cli_exit command_format(struct command_line *line)
{
    CHECK(line);
    if (!format_from_name(line->arguments[0], &line->cli->format))
        return command_fail("\\format table, expanded, json, jsonl, csv, markdown or html");
    return CLI_OK;
}

static enum cli_exit command_sql(struct cli *cli, const char *sql)
{
    CHECK(cli && sql && *sql);
    return execute_unit(cli, str_from_c(sql), 0);
}

static enum cli_exit command_tables(struct command_line *line)
{
    CHECK(line && line->cli);
    return command_sql(line->cli, "SHOW TABLES");
}

static enum cli_exit command_describe(struct command_line *line)
{
    struct buf sql;
    enum cli_exit code;

    CHECK(line);
    if (line->count == 0)
        return command_tables(line);
    for (const char *at = line->arguments[0]; *at; at++) {
        if (strchr(" \t;'()", *at))
            return command_fail("\\d takes the name of a table");
    }
    buf_init(&sql);
    buf_printf(&sql, "DESCRIBE TABLE %s%c", line->arguments[0], 0);
    code = command_sql(line->cli, sql.data);
    buf_clear(&sql);
    return code;
}

static enum cli_exit command_users(struct command_line *line)
{
    CHECK(line && line->cli);
    return command_sql(line->cli, "SHOW USERS");
}

static enum cli_exit command_flush(struct command_line *line)
{
    struct cli *cli = line->cli;
    kalam_error error;
    kalam_results *results = execute_quietly(cli, "STORAGE FLUSH ALL", &error);
    enum cli_exit code;

    CHECK(line);
    if (!results) {
        execute_report(cli, &error, 0);
        return connect_exit_code(&error);
    }
    execute_show(cli, results, 0);
    code = jobs_await(cli, results);
    kalam_results_free(results);
    return code;
}

/* Waits; false on Ctrl+C. */
static bool command_pause(int64_t seconds)
{
    struct timespec left = {.tv_sec = seconds};

    CHECK(seconds >= 0);
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
        if (interrupt_is_set())
            return false;
    }
    return !interrupt_is_set();
}

/* Only a SELECT can be a live query. */
static bool command_may_follow(const char *sql)
{
    CHECK(sql != NULL);
    return str_equal_nocase(split_first_word(str_from_c(sql)), STR_LIT("select"));
}

static enum cli_exit command_watch(struct command_line *line)
{
    struct cli *cli = line->cli;
    int64_t seconds = WATCH_SECONDS;
    enum cli_exit code = CLI_OK;
    char *sql;

    CHECK(line);
    if (line->count > 0 && (!str_to_int64(str_from_c(line->arguments[0]), &seconds) ||
                            seconds < 1 || seconds > WATCH_SECONDS_MAX))
        return command_fail("\\watch [seconds]: a whole number of at least 1");
    if (!cli->last)
        return command_fail("there is no statement to repeat yet");
    sql = mem_strdup(str_from_c(cli->last));
    bool followed = line->count == 0 && command_may_follow(sql) && view_watch(cli, sql, &code);
    while (!followed && code == CLI_OK) {
        code = execute_unit(cli, str_from_c(sql), 0);
        if (code == CLI_OK && !command_pause(seconds))
            break;
    }
    mem_free(sql);
    if (interrupt_take())
        fputs("\n", cli->out);
    return code;
}

static enum cli_exit command_live(struct command_line *line)
{
    struct cli *cli = line->cli;
    const char *text = command_argument(line, 0);
    enum cli_exit code;
    char *sql;

    CHECK(line);
    if (!text && !cli->last)
        return command_fail("\\live SELECT …, or after a SELECT");
    sql = mem_strdup(str_from_c(text ? text : cli->last));
    code = view_live(cli, sql);
    mem_free(sql);
    return code;
}

static enum cli_exit command_latency(struct command_line *line)
{
    int64_t count = LATENCY_COUNT;

    CHECK(line);
    if (line->count > 0 && (!str_to_int64(str_from_c(line->arguments[0]), &count) || count < 1))
        return command_fail("\\latency [n]: a whole number of at least 1");
    return view_latency(line->cli, count);
}

static enum cli_exit command_edit(struct command_line *line)
{
    CHECK(line && line->cli); /* the prompt takes it before */
    (void)line;
    return command_fail("\\e needs a prompt");
}

/* Cuts the last word off, without its quotes; NULL if there is none. */
static char *command_cut_word(char *text)
{
    size_t size = strlen(text), start;

    CHECK(text);
    while (size > 0 && strchr(" \t", text[size - 1]))
        text[--size] = 0;
    if (size == 0)
        return NULL;
    if (text[size - 1] == '\'' && size > 1) {
        text[--size] = 0;
        start = size;
        while (start > 0 && text[start - 1] != '\'')
            start--;
        if (start == 0)
            return NULL;
        text[start - 1] = 0;
        return text + start;
    }
    start = size;
    while (start > 0 && !strchr(" \t", text[start - 1]))
        start--;
    if (start == 0)
        return NULL;
    text[start - 1] = 0;
    return text + start;
}

static enum cli_exit command_copy(struct command_line *line)
{
    static const char usage[] =
        "\\copy table from FILE [csv|json|jsonl], \\copy table|(SELECT …) to FILE [csv|json|jsonl]";
    char *text = line->arguments[0], *path, *word, *format = NULL;
    enum file_kind kind;

    CHECK(line);
    path = command_cut_word(text);
    if (path && file_kind_from_name(path, &kind)) {
        format = path;
        path = command_cut_word(text);
    }
    word = path ? command_cut_word(text) : NULL;
    text += strspn(text, " \t");
    size_t size = strlen(text);
    if (!word || size == 0 || (strcmp(word, "from") != 0 && strcmp(word, "to") != 0))
        return command_fail(usage);
    while (size > 0 && strchr(" \t", text[size - 1]))
        text[--size] = 0;
    if (strcmp(word, "from") == 0)
        return transfer_import(line->cli, path, text, format);
    if (*text == '(' && text[size - 1] == ')') {
        text[size - 1] = 0;
        text++;
    }
    return transfer_export(line->cli, text, path, format);
}

static enum cli_exit command_include(struct command_line *line)
{
    CHECK(line && line->cli);
    return execute_file(line->cli, line->arguments[0]);
}

static enum cli_exit command_output(struct command_line *line)
{
    struct cli *cli = line->cli;
    FILE *file = stdout;

    CHECK(line);
    if (line->count > 0) {
        file = fopen(line->arguments[0], "we");
        if (!file) {
            fprintf(stderr, "ERROR: %s: %s\n", line->arguments[0], strerror(errno));
            return CLI_USAGE;
        }
    }
    if (cli->out != stdout && fclose(cli->out) != 0)
        fprintf(stderr, "ERROR: the former file is not complete: %s\n", strerror(errno));
    cli->out = file;
    return CLI_OK;
}

static enum cli_exit command_health(struct command_line *line)
{
    struct cli *cli = line->cli;
    char version[64] = "";
    kalam_error error;

    CHECK(line);
    if (kalam_health(cli->client, version, sizeof version, &error) != KALAM_OK) {
        cli->online = error.status != KALAM_CONNECTION;
        execute_report(cli, &error, 0);
        return connect_exit_code(&error);
    }
    cli->online = true;
    output_say(cli->out, "%s is healthy (version %s)\n", cli->options->url, version);
    return CLI_OK;
}

static const char *command_credentials(const struct options *options)
{
    CHECK(options);
    return options->token      ? "token"
           : options->api_key  ? "API key"
           : options->password ? "password"
           : options->user     ? "X-User-Id"
                               : "none";
}

static enum cli_exit command_config(struct command_line *line)
{
    static const char *const expanded[] = {"auto", "on", "off"};
    const struct cli *cli = line->cli;
    const struct options *options = cli->options;

    CHECK(line);
    output_say(cli->out,
               "host            %s\nuser            %s\ncredentials     %s\nnamespace       %s\n"
               "format          %s\nexpanded        %s\ntiming          %s\nrows per page   %lld\n",
               options->url, cli->user ? cli->user : "(unknown)", command_credentials(options),
               connect_space(cli) ? connect_space(cli) : "default", format_name(cli->format),
               expanded[cli->expanded], cli->timing ? "on" : "off", (long long)options->rows_max);
    return CLI_OK;
}

static enum cli_exit command_connect(struct command_line *line)
{
    struct cli *cli = line->cli;
    const char *host = NULL, *user = NULL, *token = NULL;
    enum cli_exit code;

    CHECK(line);
    for (size_t i = 0; i + 1 < line->count; i += 2) {
        const char *flag = line->arguments[i], *value = line->arguments[i + 1];
        if (strcmp(flag, "-h") == 0)
            host = value;
        else if (strcmp(flag, "-u") == 0)
            user = value;
        else if (strcmp(flag, "--token") == 0)
            token = value;
        else
            return command_fail("\\connect -h URL [-u user] [--token T]");
    }
    if (line->count % 2 != 0 || (!host && !user && !token))
        return command_fail("\\connect -h URL [-u user] [--token T]");
    if (host) {
        char *url = options_make_url(host, 0);
        options_set(&cli->options->url, url);
        mem_free(url);
    }
    options_set(&cli->space, NULL);
    options_drop_credentials(cli->options);
    options_set(&cli->options->user, user);
    options_set(&cli->options->token, token);
    credentials_use(cli->options);
    cli->asked = false;
    code = connect_open(cli);
    code = code == CLI_OK ? connect_check_health(cli) : code;
    code = code == CLI_OK ? connect_check_user(cli) : code;
    names_forget(cli->names);
    if (code == CLI_OK)
        output_say(cli->out, "Connected to %s as %s.\n", cli->options->url, cli->user);
    return code;
}

static enum cli_exit command_login(struct command_line *line)
{
    struct cli *cli = line->cli;
    enum cli_exit code;

    CHECK(line);
    if (line->count > 0) {
        options_drop_credentials(cli->options);
        options_set(&cli->options->user, line->arguments[0]);
    }
    code = credentials_login(cli);
    return code == CLI_OK ? connect_open(cli) : code;
}

static enum cli_exit command_logout(struct command_line *line)
{
    CHECK(line && line->cli);
    return credentials_logout(line->cli);
}

static enum cli_exit command_history(struct command_line *line)
{
    struct cli *cli = line->cli;
    const char *word = command_argument(line, 0);

    CHECK(line);
    if (!cli->history)
        return command_fail("history is kept at a prompt only");
    if (word && strcmp(word, "clear") != 0)
        return command_fail("\\history [clear]");
    if (word)
        history_wipe(cli->history);
    for (size_t i = 0; i < history_count(cli->history); i++)
        fprintf(cli->out, "%5zu  %s\n", i + 1, history_at(cli->history, i));
    return CLI_OK;
}

static enum cli_exit command_no_subscription(struct command_line *line)
{
    CHECK(line && line->cli);
    (void)line;
    return command_fail("no subscription is running");
}

static enum cli_exit command_refresh(struct command_line *line)
{
    CHECK(line);
    names_forget(line->cli->names);
    return CLI_OK;
}

static const struct command commands[] = {
    {"\\?", 0, 0, command_show_help},
    {"\\config", 0, 0, command_config},
    {"\\connect", 1, 6, command_connect},
    {"\\continue", 0, 0, command_no_subscription},
    {"\\copy", 1, WHOLE, command_copy},
    {"\\d", 0, 1, command_describe},
    {"\\dt", 0, 0, command_tables},
    {"\\du", 0, 0, command_users},
    {"\\e", 0, 0, command_edit},
    {"\\flush", 0, 0, command_flush},
    {"\\format", 1, 1, command_format},
    {"\\health", 0, 0, command_health},
    {"\\help", 0, 0, command_show_help},
    {"\\history", 0, 1, command_history},
    {"\\i", 1, 1, command_include},
    {"\\latency", 0, 1, command_latency},
    {"\\live", 0, WHOLE, command_live},
    {"\\login", 0, 1, command_login},
    {"\\logout", 0, 0, command_logout},
    {"\\o", 0, 1, command_output},
    {"\\pause", 0, 0, command_no_subscription},
    {"\\q", 0, 0, command_quit},
    {"\\quit", 0, 0, command_quit},
    {"\\refresh-tables", 0, 0, command_refresh},
    {"\\timing", 0, 1, command_timing},
    {"\\watch", 0, 1, command_watch},
    {"\\x", 0, 1, command_expanded},
};

const char *command_name(size_t i)
{
    return i < ARRAY_COUNT(commands) ? commands[i].name : NULL;
}

/* The name of the command at the start of `text`, which is cut behind it; the rest. */
static char *command_cut_name(char *text)
{
    size_t size = strlen(text);

    CHECK(*text == '\\');
    while (size > 1 && strchr(" \t\r\n;", text[size - 1]))
        text[--size] = 0; /* \dt; is meant as \dt */
    text += strcspn(text, " \t\r\n");
    if (*text)
        *text++ = 0;
    return text + strspn(text, " \t\r\n");
}

/* Cuts the rest at blanks; false when there are too many words. */
static bool command_split(char *rest, bool whole, struct command_line *line)
{
    CHECK(line->count == 0);
    if (whole && *rest)
        line->arguments[line->count++] = rest;
    while (!whole && *rest) {
        if (line->count == ARGUMENTS_MAX)
            return false;
        line->arguments[line->count++] = rest;
        rest += strcspn(rest, " \t\r\n");
        if (*rest)
            *rest++ = 0;
        rest += strspn(rest, " \t\r\n");
    }
    return true;
}

enum cli_exit command_run(struct cli *cli, const char *text)
{
    char *copy = mem_strdup(str_from_c(text)), *rest = command_cut_name(copy);
    struct command_line line = {.cli = cli};
    const struct command *found = NULL;
    enum cli_exit code = CLI_USAGE;

    CHECK(*text == '\\');
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++) {
        if (strcmp(commands[i].name, copy) == 0)
            found = &commands[i];
    }
    if (!found)
        fprintf(stderr, "ERROR: unknown command %s; \\? lists them\n", copy);
    else if (!command_split(rest, found->count_max == WHOLE, &line) ||
             line.count < found->count_min || line.count > found->count_max)
        fprintf(stderr, "ERROR: %s: wrong number of arguments; \\? tells\n", copy);
    else
        code = found->run(&line);
    mem_free(copy);
    fflush(cli->out);
    return code;
}
