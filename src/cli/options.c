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
    FLAG_MAX_EVENTS
};

static const struct option options_flags[] = {
    {"host", required_argument, NULL, 'h'},
    {"port", required_argument, NULL, 'p'},
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
    return "usage: kalam [options] | kalam login [options] | kalam logout [options]\n"
           "\n"
           "  -h, --host URL        server (default http://localhost:8080)\n"
           "  -p, --port N          its port\n"
           "  -u, --user ID         log in as this user; the password is asked for\n"
           "      --password TEXT   or environment KALAM_PASSWORD\n"
           "      --token JWT       or environment KALAM_TOKEN\n"
           "      --apikey KEY      or environment KALAM_APIKEY\n"
           "  -n, --namespace NS    default namespace\n"
           "  -c, --command SQL     run and leave\n"
           "  -f, --file PATH       run a file and leave (- is standard input)\n"
           "      --format F        table, json, csv or markdown; --json, --csv\n"
           "      --color[=true|false|auto], --no-color\n"
           "      --no-progress     no spinner\n"
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
    char **texts[] = {&options->url,        &options->space,         &options->user,
                      &options->token,      &options->refresh_token, &options->password,
                      &options->api_key,    &options->command,       &options->file,
                      &options->config_path};

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

static const char *const format_names[] = {"table", "json", "csv", "markdown"};

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
        given->has_format = true;
        return format_from_name(text, &given->format) ? NULL
                                                      : "--format is table, json, csv or markdown";
    case FLAG_JSON:
    case FLAG_CSV:
        given->has_format = true;
        given->format = flag == FLAG_JSON ? FORMAT_JSON : FORMAT_CSV;
        return NULL;
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
    for (; optind < argc; optind++) {
        if (strcmp(argv[optind], "login") == 0 && line->given.action == ACTION_RUN) {
            line->given.action = ACTION_LOGIN;
        } else if (strcmp(argv[optind], "logout") == 0 && line->given.action == ACTION_RUN) {
            line->given.action = ACTION_LOGOUT;
        } else {
            buf_printf(problem, "unexpected argument: %s", argv[optind]);
            return CLI_USAGE;
        }
    }
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
    options->action = given->action;
    options->progress = given->progress;
    options->events_max = given->events_max;
    if (given->has_format)
        options->format = given->format;
    if (given->has_color)
        options->color = given->color;
}

enum cli_exit options_read(struct options *options, int argc, char **argv, struct buf *problem)
{
    struct options_line line = {.given = {.progress = true}};
    enum cli_exit code = options_read_line(&line, argc, argv, problem);
    char *url;

    CHECK(problem);
    if (code == CLI_OK && line.given.action != ACTION_HELP && line.given.action != ACTION_VERSION)
        code = config_load(line.given.config_path, options, problem);
    if (code == CLI_OK) {
        options_take_environment(options);
        options_take_line(options, &line);
        url = options_make_url(line.host      ? line.host
                               : options->url ? options->url
                                              : "http://localhost:8080",
                               (int)line.port);
        mem_free(options->url);
        options->url = url;
    }
    options_clear(&line.given);
    mem_free(line.host);
    return code;
}
