/* options.c — see options.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli/options.h"

#include "base/check.h"
#include "base/mem.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    FLAG_PASSWORD = 256,
    FLAG_TOKEN,
    FLAG_APIKEY,
    FLAG_FORMAT,
    FLAG_JSON,
    FLAG_CSV,
    FLAG_COLOR,
    FLAG_NO_COLOR,
    FLAG_NO_PROGRESS,
    FLAG_CONFIG,
    FLAG_HELP,
    FLAG_MAX_EVENTS,
    FLAG_CA_FILE
};

static const struct option options_flags[] = {
    {"host", required_argument, NULL, 'h'},
    {"port", required_argument, NULL, 'p'},
    {"ca-file", required_argument, NULL, FLAG_CA_FILE},
    {"user", required_argument, NULL, 'u'},
    {"password", required_argument, NULL, FLAG_PASSWORD},
    {"token", required_argument, NULL, FLAG_TOKEN},
    {"apikey", required_argument, NULL, FLAG_APIKEY},
    {"namespace", required_argument, NULL, 'n'},
    {"command", required_argument, NULL, 'c'},
    {"file", required_argument, NULL, 'f'},
    {"format", required_argument, NULL, FLAG_FORMAT},
    {"json", no_argument, NULL, FLAG_JSON},
    {"csv", no_argument, NULL, FLAG_CSV},
    {"color", optional_argument, NULL, FLAG_COLOR},
    {"no-color", no_argument, NULL, FLAG_NO_COLOR},
    {"no-progress", no_argument, NULL, FLAG_NO_PROGRESS},
    {"config", required_argument, NULL, FLAG_CONFIG},
    {"max-events", required_argument, NULL, FLAG_MAX_EVENTS},
    {"version", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, FLAG_HELP},
    {NULL, 0, NULL, 0},
};

const char *options_usage(void)
{
    return "usage: kalam [options]\n"
           "       kalam login [options] | kalam logout [options]\n"
           "       kalam import FILE into TABLE [options]\n"
           "       kalam export TABLE|SELECT to FILE [options]\n"
           "\n"
           "  -h, --host URL        server (default http://localhost:8080)\n"
           "  -p, --port N          its port\n"
           "      --ca-file PATH    https: certificate authorities instead of the system's\n"
           "  -u, --user ID         log in as this user; the password is asked for\n"
           "      --password TEXT   or environment KALAM_PASSWORD\n"
           "      --token JWT       or environment KALAM_TOKEN\n"
           "      --apikey KEY      or environment KALAM_APIKEY\n"
           "  -n, --namespace NS    default namespace\n"
           "  -c, --command SQL     run and leave\n"
           "  -f, --file PATH       run a file and leave (- is standard input)\n"
           "      --format F        table, expanded, json, jsonl, csv, markdown or html\n"
           "                        (import, export: csv, json or jsonl; else the file's name "
           "says)\n"
           "      --json            as --format json\n"
           "      --csv             as --format csv\n"
           "      --color[=WHEN]    true, false or auto (the default: on a terminal)\n"
           "      --no-color        as --color=false\n"
           "      --no-progress     no spinner, no progress line\n"
           "      --max-events N    end a subscription after N changes (with -c, -f)\n"
           "      --config PATH     instead of ~/.kalam/config.toml\n"
           "  -v, --version         show the version\n"
           "      --help            show this\n"
           "\n"
           "Exit codes: 0 ok, 1 SQL error, 2 usage, 3 connection, 4 authentication.\n";
}

void options_init(struct options *options)
{
    CHECK(options != NULL);
    *options = (struct options){.progress = true, .rows_max = 1000};
}

void options_clear(struct options *options)
{
    char **texts[] = {
        &options->url,           &options->space,       &options->user,        &options->token,
        &options->refresh_token, &options->password,    &options->api_key,     &options->command,
        &options->file,          &options->config_path, &options->from,        &options->to,
        &options->file_format,   &options->ca_file,     &options->stored_user, &options->pager};

    CHECK(options);
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        options_set(texts[i], NULL);
}

void options_set(char **slot, const char *text)
{
    char *copy = text ? mem_strdup(str_from_c(text)) : NULL;

    CHECK(slot);
    mem_free(*slot);
    *slot = copy;
}

void options_drop_credentials(struct options *options)
{
    char **texts[] = {&options->user, &options->token, &options->refresh_token, &options->password,
                      &options->api_key};

    CHECK(options);
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        options_set(texts[i], NULL);
}

static const char *const format_names[FORMAT_COUNT] = {
    [FORMAT_TABLE] = "table", [FORMAT_EXPANDED] = "expanded", [FORMAT_JSON] = "json",
    [FORMAT_JSONL] = "jsonl", [FORMAT_CSV] = "csv",           [FORMAT_MARKDOWN] = "markdown",
    [FORMAT_HTML] = "html",
};
const char format_names_text[] = "table, expanded, json, jsonl, csv, markdown or html";

bool format_from_name(const char *name, enum format *out)
{
    CHECK(name);
    for (size_t i = 0; i < ARRAY_COUNT(format_names); i++) {
        if (strcmp(name, format_names[i]) == 0) {
            *out = (enum format)i;
            return true;
        }
    }
    return false;
}

const char *format_name(enum format format)
{
    CHECK((size_t)format < ARRAY_COUNT(format_names));
    return format_names[format];
}

char *options_make_url(const char *host, int port)
{
    struct buf url;
    size_t size, authority;

    CHECK(host);
    buf_init(&url);
    if (!strstr(host, "://"))
        buf_printf(&url, "http://");
    buf_printf(&url, "%s", host);
    while (url.size > 0 && url.data[url.size - 1] == '/')
        url.size--;
    if (port > 0) {
        buf_append_byte(&url, 0);
        char *start = strstr(url.data, "://");
        start = start ? start + 3 : url.data;
        char *colon = strrchr(start, ':');
        authority = colon && !strchr(colon, ']') ? (size_t)(colon - url.data) : url.size - 1;
        url.size = authority;
        buf_printf(&url, ":%d", port);
    }
    buf_append_byte(&url, 0);
    return buf_take(&url, &size);
}

static bool options_take_number(const char *text, int64_t max, int64_t *out)
{
    CHECK(text && out && max >= 1);
    return str_to_int64(str_from_c(text), out) && *out >= 1 && *out <= max;
}

static bool options_take_color(struct options *options, const char *text)
{
    CHECK(options);
    options->has_color = true;
    options->color = !text || strcmp(text, "true") == 0 ? CHOICE_ON
                     : strcmp(text, "false") == 0       ? CHOICE_OFF
                                                        : CHOICE_AUTO;
    return !text || options->color != CHOICE_AUTO || strcmp(text, "auto") == 0;
}

/* What was given on the command line, before the rest is known. */
struct options_line {
    struct options given;
    char *host;
    int64_t port;
};

/* A flag with a text to keep; NULL if `flag` is none. */
static char **options_text_slot(struct options_line *line, int flag)
{
    CHECK(line);
    switch (flag) {
    case 'h':
        return &line->host;
    case 'u':
        return &line->given.user;
    case 'n':
        return &line->given.space;
    case 'c':
        return &line->given.command;
    case 'f':
        return &line->given.file;
    case FLAG_PASSWORD:
        return &line->given.password;
    case FLAG_TOKEN:
        return &line->given.token;
    case FLAG_APIKEY:
        return &line->given.api_key;
    case FLAG_CONFIG:
        return &line->given.config_path;
    case FLAG_CA_FILE:
        return &line->given.ca_file;
    default:
        return NULL;
    }
}

/* NULL, or what is wrong. */
static const char *options_take_flag(struct options_line *line, int flag, const char *text)
{
    struct options *given = &line->given;
    char **slot = options_text_slot(line, flag);

    CHECK(line);
    if (slot) {
        options_set(slot, text);
        return NULL;
    }
    switch (flag) {
    case 'p':
        return options_take_number(text, 65535, &line->port) ? NULL : "--port is 1 to 65535";
    case FLAG_MAX_EVENTS:
        return options_take_number(text, INT64_MAX, &given->events_max)
                   ? NULL
                   : "--max-events is a whole number of at least 1";
    case FLAG_FORMAT:
    case FLAG_JSON:
    case FLAG_CSV:
        text = flag == FLAG_JSON ? "json" : flag == FLAG_CSV ? "csv" : text;
        given->has_format = true;
        options_set(&given->file_format, text);
        return NULL; /* looked at when the action is known */
    case FLAG_COLOR:
        return options_take_color(given, text) ? NULL : "--color is true, false or auto";
    case FLAG_NO_COLOR:
        given->has_color = true;
        given->color = CHOICE_OFF;
        return NULL;
    case FLAG_NO_PROGRESS:
        given->progress = false;
        return NULL;
    case 'v':
        given->action = ACTION_VERSION;
        return NULL;
    case FLAG_HELP:
        given->action = ACTION_HELP;
        return NULL;
    default:
        return "";
    }
}

/* Is it an action that moves files? */
static bool options_moves_files(const struct options *options)
{
    return options->action == ACTION_IMPORT || options->action == ACTION_EXPORT;
}

/* The words behind the flags: an action and what belongs to it. */
static bool options_take_words(struct options_line *line, char **words, size_t count,
                               struct buf *problem)
{
    static const struct {
        const char *word;
        enum action action;
        const char *between; /* FILE into TABLE; NULL = nothing follows */
        const char *usage;
    } actions[] = {{"login", ACTION_LOGIN, NULL, NULL},
                   {"logout", ACTION_LOGOUT, NULL, NULL},
                   {"import", ACTION_IMPORT, "into", "kalam import FILE into TABLE"},
                   {"export", ACTION_EXPORT, "to", "kalam export TABLE|SELECT to FILE"}};
    struct options *given = &line->given;
    const char *between = NULL;
    size_t taken = 0;

    CHECK(line);
    for (size_t i = 0; count > 0 && i < ARRAY_COUNT(actions); i++) {
        if (strcmp(words[0], actions[i].word) != 0 || given->action != ACTION_RUN)
            continue;
        given->action = actions[i].action;
        between = actions[i].between;
        taken = between ? 4 : 1;
        if (between && (count != 4 || strcmp(words[2], between) != 0)) {
            buf_printf(problem, "usage: %s", actions[i].usage);
            return false;
        }
    }
    if (between) {
        options_set(&given->from, words[1]);
        options_set(&given->to, words[3]);
    }
    if (taken < count) {
        buf_printf(problem, "unexpected argument: %s", words[taken]);
        return false;
    }
    if (!options_moves_files(given) && given->file_format &&
        !format_from_name(given->file_format, &given->format)) {
        buf_printf(problem, "--format is %s", format_names_text);
        return false;
    }
    return true;
}

static enum cli_exit options_read_line(struct options_line *line, int argc, char **argv,
                                       struct buf *problem)
{
    int flag;

    CHECK(line);
    opterr = 0;
    optind = 0;
    while ((flag = getopt_long(argc, argv, ":h:p:u:n:c:f:v", options_flags, NULL)) != -1) {
        const char *wrong = flag == '?'   ? "unknown option"
                            : flag == ':' ? "the option needs a value"
                                          : options_take_flag(line, flag, optarg);
        if (wrong) {
            bool known = flag != '?' && flag != ':';
            buf_printf(problem, "%s%s%s", wrong, known ? "" : ": ",
                       known ? "" : argv[optind > 1 ? optind - 1 : 1]);
            return CLI_USAGE;
        }
    }
    if (!options_take_words(line, argv + optind, (size_t)(argc - optind), problem))
        return CLI_USAGE;
    if (line->given.command && line->given.file) {
        buf_printf(problem, "--command and --file exclude each other");
        return CLI_USAGE;
    }
    return CLI_OK;
}

static void options_move(char **to, char **from)
{
    CHECK(to);
    if (*from) {
        mem_free(*to);
        *to = *from;
        *from = NULL;
    }
}

/* Whoever names credentials on a higher level replaces all of the lower one. */
static void options_take_environment(struct options *options)
{
    const char *token = getenv("KALAM_TOKEN"), *key = getenv("KALAM_APIKEY");
    const char *password = getenv("KALAM_PASSWORD");

    CHECK(options);
    if ((token && *token) || (key && *key))
        options_drop_credentials(options);
    if (token && *token)
        options_set(&options->token, token);
    else if (key && *key)
        options_set(&options->api_key, key);
    if (password && *password)
        options_set(&options->password, password);
}

/* What the configuration file says of credentials is for the server it names (the default one if it
 * names none), not for another one of the command line. */
static void options_take_host(struct options *options, const struct options_line *line)
{
    const char *host = options->url ? options->url : "http://localhost:8080";
    char *configured = options_make_url(host, 0), *user = NULL;
    char *url = options_make_url(line->host ? line->host : host, (int)line->port);

    CHECK(url);
    if (strcmp(url, configured) != 0) {
        options_move(&user, &options->user); /* no secret */
        options_drop_credentials(options);
        options_move(&options->user, &user);
    }
    mem_free(configured);
    mem_free(options->url);
    options->url = url;
}

static void options_take_line(struct options *options, struct options_line *line)
{
    struct options *given = &line->given;
    char *password = NULL;

    CHECK(options);
    if (given->user || given->token || given->api_key) {
        options_move(&password, &options->password); /* KALAM_PASSWORD goes with any user */
        options_drop_credentials(options);
        if (given->user)
            options_move(&options->password, &password);
        mem_free(password);
    }
    options_move(&options->user, &given->user);
    options_move(&options->token, &given->token);
    options_move(&options->api_key, &given->api_key);
    options_move(&options->password, &given->password);
    options_move(&options->space, &given->space);
    options_move(&options->command, &given->command);
    options_move(&options->file, &given->file);
    options_move(&options->ca_file, &given->ca_file);
    options_move(&options->from, &given->from);
    options_move(&options->to, &given->to);
    options_move(&options->file_format, &given->file_format);
    options->action = given->action;
    options->progress = given->progress;
    options->events_max = given->events_max;
    if (given->has_format && !options_moves_files(given))
        options->format = given->format;
    if (given->has_color)
        options->color = given->color;
}

enum cli_exit options_read(struct options *options, int argc, char **argv, struct buf *problem)
{
    struct options_line line = {.given = {.progress = true}};
    enum cli_exit code = options_read_line(&line, argc, argv, problem);

    CHECK(problem);
    if (code == CLI_OK && line.given.action != ACTION_HELP && line.given.action != ACTION_VERSION)
        code = config_load(line.given.config_path, options, problem);
    if (code == CLI_OK) {
        options_take_host(options, &line);
        options_take_environment(options);
        options_take_line(options, &line);
    }
    options_clear(&line.given);
    mem_free(line.host);
    return code;
}
