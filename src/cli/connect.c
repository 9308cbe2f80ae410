/* connect.c — reaching a server and being let in.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/terminal.h"

#include <unistd.h>

/* Statements may run as long as the server lets them; being unreachable is told at once. */
enum { STATEMENT_TIMEOUT_MS = 3600 * 1000, HEALTH_TIMEOUT_MS = 10000 };

enum cli_exit connect_exit_code(const kalam_error *error)
{
    CHECK(error != NULL);
    switch (error->status) {
    case KALAM_OK:
        return CLI_OK;
    case KALAM_AUTHENTICATION:
    case KALAM_INVALID_TOKEN:
        return CLI_AUTHENTICATION;
    case KALAM_INVALID_URL:
    case KALAM_INVALID_ARGUMENT:
        return CLI_USAGE;
    case KALAM_CONNECTION:
    case KALAM_TIMEOUT:
    case KALAM_HTTP:
    case KALAM_WEBSOCKET:
    case KALAM_SERIALIZATION:
        return CLI_CONNECTION;
    case KALAM_SQL:
    case KALAM_SUBSCRIPTION:
    case KALAM_NO_MEMORY:
    case KALAM_CLOSED:
        break;
    }
    return CLI_SQL;
}

bool connect_is_loopback(const char *url)
{
    static const char *const hosts[] = {"localhost", "127.0.0.1", "[::1]"};
    const char *start = strstr(url, "://");

    CHECK(url);
    start = start ? start + 3 : url;
    for (size_t i = 0; i < ARRAY_COUNT(hosts); i++) {
        size_t size = strlen(hosts[i]);
        if (strncmp(start, hosts[i], size) == 0 && (start[size] == ':' || start[size] == 0))
            return true;
    }
    return false;
}

const char *connect_space(const struct cli *cli)
{
    CHECK(cli && cli->options);
    return cli->space ? cli->space : cli->options->space;
}

static kalam_status connect_new(const struct cli *cli, int timeout_ms, kalam_client **out,
                                kalam_error *error)
{
    const struct options *options = cli->options;
    struct kalam_options from = {.url = options->url,
                                 .token = options->token,
                                 .refresh_token = options->refresh_token,
                                 .user = options->user,
                                 .password = options->password,
                                 .api_key = options->api_key,
                                 .space = connect_space(cli),
                                 .ca_file = options->ca_file,
                                 .timeout_ms = timeout_ms};

    CHECK(options->url);
    return kalam_client_new(&from, out, error);
}

enum cli_exit connect_open(struct cli *cli)
{
    kalam_client *client = NULL;
    kalam_error error;

    CHECK(cli);
    if (connect_new(cli, STATEMENT_TIMEOUT_MS, &client, &error) != KALAM_OK) {
        execute_report(cli, &error, 0);
        return connect_exit_code(&error);
    }
    interrupt_watch(client);
    kalam_client_free(cli->client);
    cli->client = client;
    return CLI_OK;
}

enum cli_exit connect_use(struct cli *cli, const char *space)
{
    kalam_error error;

    CHECK(cli->client && space);
    if (kalam_set_space(cli->client, space, &error) != KALAM_OK) {
        execute_report(cli, &error, 0);
        return connect_exit_code(&error);
    }
    options_set(&cli->space, space);
    return CLI_OK;
}

enum cli_exit connect_check_health(struct cli *cli)
{
    kalam_client *client = NULL;
    kalam_error error;
    enum cli_exit code;

    CHECK(cli);
    kalam_status status = connect_new(cli, HEALTH_TIMEOUT_MS, &client, &error);
    if (status == KALAM_OK) {
        interrupt_watch(client);
        status = kalam_health(client, NULL, 0, &error);
        interrupt_watch(cli->client);
    }
    kalam_client_free(client);
    /* 403: told to loopback only; but there is a server */
    cli->online = status == KALAM_OK || error.http_status == 403;
    code = execute_check_interrupt(cli);
    if (code != CLI_OK || cli->online)
        return code;
    execute_report(cli, &error, 0);
    return connect_exit_code(&error);
}

/* The root password of a new server, from this machine. True when it was set. */
static bool connect_offer_setup(struct cli *cli)
{
    char *answer = terminal_ask("The server has no root password yet. Set it up now? [y/N] ");
    char *root = NULL, *user = NULL, *password = NULL;
    kalam_error error;
    bool done = false;

    CHECK(cli);
    if (answer && (*answer == 'y' || *answer == 'Y')) {
        root = terminal_ask_secret("New password of root: ");
        user = root ? terminal_ask("Name of your own user (role dba): ") : NULL;
        password = user ? terminal_ask_secret("Its password: ") : NULL;
    }
    if (password) {
        done = kalam_setup(cli->client, root, user, password, NULL, &error) == KALAM_OK;
        if (done) {
            options_drop_credentials(cli->options);
            options_set(&cli->options->user, user);
            options_set(&cli->options->password, password);
        } else {
            execute_report(cli, &error, 0);
        }
    }
    mem_free(answer);
    mem_free(root);
    mem_free(user);
    mem_free(password);
    return done && connect_open(cli) == CLI_OK;
}

bool connect_ask_password(struct cli *cli, const kalam_error *error)
{
    struct options *options = cli->options;
    char *password;
    struct buf prompt;

    CHECK(error->status == KALAM_AUTHENTICATION);
    if (cli->asked)
        return false;
    cli->asked = true;
    if (strcmp(error->code, "SETUP_REQUIRED") == 0)
        return isatty(STDIN_FILENO) && connect_is_loopback(options->url) &&
               connect_offer_setup(cli);
    if (!options->user || options->password || options->token || options->api_key)
        return false;
    buf_init(&prompt);
    buf_printf(&prompt, "Password of %s: %c", options->user, 0);
    password = terminal_ask_secret(prompt.data);
    buf_clear(&prompt);
    if (!password)
        return false;
    options_set(&options->password, password);
    mem_free(password);
    return connect_open(cli) == CLI_OK;
}

enum cli_exit connect_check_user(struct cli *cli)
{
    kalam_error error;
    kalam_results *results = execute_quietly(cli, "SELECT 1", &error);

    CHECK(cli);
    if (!results) {
        execute_report(cli, &error, 0);
        return connect_exit_code(&error);
    }
    options_set(&cli->user, kalam_as_user(results, 0));
    kalam_results_free(results);
    return CLI_OK;
}
