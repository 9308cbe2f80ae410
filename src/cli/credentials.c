/* credentials.c — tokens per host in ~/.kalam/credentials.toml (0600), from `kalam login`.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/toml.h"

struct credentials_scan {
    const char *url;
    struct options *options; /* takes those of `url`; NULL: copy all others */
    struct buf *others;
    struct buf section; /* the one last copied */
};

static const char *credentials_take(void *context, const struct toml_entry *entry)
{
    struct credentials_scan *scan = context;
    bool own = strcmp(entry->section, scan->url) == 0;

    CHECK(context);
    if (entry->kind != TOML_TEXT)
        return "expected a text in double quotes";
    if (scan->options && own) {
        if (strcmp(entry->key, "user") == 0)
            options_set(&scan->options->user, entry->text);
        else if (strcmp(entry->key, "token") == 0)
            options_set(&scan->options->token, entry->text);
        else if (strcmp(entry->key, "refresh_token") == 0)
            options_set(&scan->options->refresh_token, entry->text);
    } else if (scan->others && !own) {
        if (!str_equal(buf_str(&scan->section), str_from_c(entry->section))) {
            buf_reset(&scan->section);
            buf_printf(&scan->section, "%s", entry->section);
            buf_append_byte(scan->others, '[');
            toml_write_text(scan->others, entry->section);
            buf_append_str(scan->others, STR_LIT("]\n"));
        }
        buf_printf(scan->others, "%s = ", entry->key);
        toml_write_text(scan->others, entry->text);
        buf_append_byte(scan->others, '\n');
    }
    return NULL;
}

/* False if the file cannot be understood; a missing one is an empty one. */
static bool credentials_scan_file(struct credentials_scan *scan)
{
    char *path = config_path("credentials.toml", false);
    struct toml_problem problem = {0};
    struct buf text;
    bool ok = true;

    CHECK(scan->url);
    buf_init(&text);
    if (path && config_read_file(path, &text))
        ok = toml_read(buf_str(&text), credentials_take, scan, &problem);
    if (!ok)
        fprintf(stderr, "%s: line %d: %s\n", path, problem.line, problem.message);
    buf_clear(&text);
    mem_free(path);
    return ok;
}

void credentials_use(struct options *options)
{
    struct credentials_scan scan = {.url = options->url};
    struct options found;

    CHECK(options);
    options_init(&found);
    scan.options = &found;
    bool ok = credentials_scan_file(&scan) && found.token;
    bool wanted = !options->token && !options->api_key && !options->password &&
                  (!options->user || (found.user && strcmp(options->user, found.user) == 0));
    if (ok && wanted) {
        options_set(&options->token, found.token);
        options_set(&options->refresh_token, found.refresh_token);
        options_set(&options->stored_user, found.user ? found.user : "");
    }
    options_clear(&found);
}

/* Writes the file anew with the session of this host, or without it (NULL). */
static bool credentials_store(const char *url, const kalam_session *session)
{
    struct buf text;
    struct credentials_scan scan = {.url = url, .others = &text};
    char *path = config_path("credentials.toml", true);
    bool ok;

    CHECK(url);
    buf_init(&text);
    buf_init(&scan.section);
    ok = path && credentials_scan_file(&scan);
    if (ok && session) {
        const char *const pairs[][2] = {{"user", session->user},
                                        {"token", session->access_token},
                                        {"refresh_token", session->refresh_token}};
        buf_append_byte(&text, '[');
        toml_write_text(&text, url);
        buf_append_str(&text, STR_LIT("]\n"));
        for (size_t i = 0; i < ARRAY_COUNT(pairs); i++) {
            buf_printf(&text, "%s = ", pairs[i][0]);
            toml_write_text(&text, pairs[i][1] ? pairs[i][1] : "");
            buf_append_byte(&text, '\n');
        }
    }
    ok = ok && config_write_file(path, buf_str(&text));
    buf_clear(&text);
    buf_clear(&scan.section);
    mem_free(path);
    return ok;
}

void credentials_keep(struct cli *cli)
{
    struct options *options = cli->options;
    kalam_session session = {0};

    CHECK(options);
    if (!options->stored_user || !options->token || !cli->client ||
        kalam_tokens(cli->client, &session, NULL) != KALAM_OK)
        return;
    if (session.access_token && strcmp(session.access_token, options->token) != 0) {
        session.user = mem_strdup(str_from_c(options->stored_user));
        (void)credentials_store(options->url, &session); /* else it is renewed again next time */
        options_set(&options->token, session.access_token);
    }
    kalam_session_clear(&session);
}

enum cli_exit credentials_login(struct cli *cli)
{
    struct options *options = cli->options;
    kalam_session session = {0};
    kalam_error error;
    enum cli_exit code = CLI_OK;

    CHECK(cli);
    if (!options->user) {
        char *user = terminal_ask("User: ");
        options_set(&options->user, user);
        mem_free(user);
    }
    if (options->user && !options->password) {
        char *password = terminal_ask_secret("Password: ");
        options_set(&options->password, password);
        mem_free(password);
    }
    if (!options->user || !options->password) {
        fprintf(stderr, "ERROR: a user and a password are needed\n");
        return CLI_USAGE;
    }
    if (kalam_login(cli->client, options->user, options->password, &session, &error) != KALAM_OK) {
        execute_report(cli, &error, 0);
        code = connect_exit_code(&error);
    } else if (!credentials_store(options->url, &session)) {
        fprintf(stderr, "ERROR: the tokens cannot be stored in ~/.kalam/credentials.toml\n");
        code = CLI_USAGE;
    } else {
        output_say(stdout, "Logged in to %s as %s.\n", options->url, session.user);
        options_set(&cli->user, session.user);
        options_set(&options->token, session.access_token);
        options_set(&options->refresh_token, session.refresh_token);
    }
    options_set(&options->password, NULL);
    kalam_session_clear(&session);
    return code;
}

enum cli_exit credentials_logout(struct cli *cli)
{
    CHECK(cli);
    if (!credentials_store(cli->options->url, NULL)) {
        fprintf(stderr, "ERROR: ~/.kalam/credentials.toml cannot be written\n");
        return CLI_USAGE;
    }
    options_drop_credentials(cli->options);
    printf("Logged out of %s.\n", cli->options->url);
    return connect_open(cli);
}
