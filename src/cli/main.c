/* main.c — kalam, the command line client: reads what is wanted and runs it at a prompt, from -c,
 * from a file or from standard input.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/terminal.h"
#include "cli/transfer.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

static bool main_wants_color(const struct options *options, bool terminal)
{
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");

    CHECK(options != NULL);
    if (options->color != CHOICE_AUTO)
        return options->color == CHOICE_ON;
    return terminal && term && strcmp(term, "dumb") != 0 && !(no_color && *no_color);
}

static enum cli_exit main_run(struct cli *cli)
{
    const struct options *options = cli->options;
    enum cli_exit code = connect_check_health(cli);

    CHECK(options && cli->client);
    if (code != CLI_OK)
        return code;
    if (options->action == ACTION_IMPORT)
        return transfer_import(cli, options->from, options->to, options->file_format);
    if (options->action == ACTION_EXPORT)
        return transfer_export(cli, options->from, options->to, options->file_format);
    if (options->command)
        return execute_text(cli, NULL, str_from_c(options->command));
    if (options->file || !cli->interactive)
        return execute_file(cli, options->file ? options->file : "-");
    code = connect_check_user(cli);
    return code == CLI_OK ? prompt_run(cli) : code;
}

static enum cli_exit main_act(struct cli *cli)
{
    enum cli_exit code;

    CHECK(cli && cli->options);
    switch (cli->options->action) {
    case ACTION_HELP:
        fputs(options_usage(), stdout);
        return CLI_OK;
    case ACTION_VERSION:
        printf("kalam %s\n", kalam_version());
        return CLI_OK;
    case ACTION_LOGIN:
        code = connect_open(cli);
        return code == CLI_OK ? credentials_login(cli) : code;
    case ACTION_LOGOUT:
        return credentials_logout(cli);
    case ACTION_RUN:
    case ACTION_IMPORT:
    case ACTION_EXPORT:
        break;
    }
    credentials_use(cli->options);
    code = connect_open(cli);
    return code == CLI_OK ? main_run(cli) : code;
}

int main(int argc, char **argv)
{
    struct options options;
    struct cli cli = {.options = &options, .out = stdout, .timing = true, .expanded = CHOICE_OFF};
    struct buf problem;
    enum cli_exit code;

    if (!setlocale(LC_CTYPE, "") || MB_CUR_MAX == 1)
        (void)setlocale(LC_CTYPE, "C.UTF-8"); /* all text is UTF-8 */
    buf_init(&problem);
    options_init(&options);
    interrupt_install();
    code = options_read(&options, argc, argv, &problem);
    if (code == CLI_OK) {
        cli.terminal = isatty(STDOUT_FILENO);
        cli.interactive = options.action == ACTION_RUN && isatty(STDIN_FILENO) && cli.terminal &&
                          !options.command && !options.file;
        cli.color = main_wants_color(&options, cli.terminal);
        cli.format = options.format;
        code = main_act(&cli);
    } else {
        fprintf(stderr, "kalam: %.*s\nTry kalam --help.\n", STR_ARG(buf_str(&problem)));
    }
    bool failed = ferror(cli.out) || (cli.out != stdout && fclose(cli.out) != 0);
    if (fflush(stdout) != 0 || failed) {
        fprintf(stderr, "ERROR: the output cannot be written: %s\n", strerror(errno));
        code = code == CLI_OK ? CLI_USAGE : code;
    }
    interrupt_watch(NULL);
    credentials_keep(&cli);
    kalam_client_free(cli.client);
    mem_free(cli.last);
    mem_free(cli.typed);
    mem_free(cli.user);
    mem_free(cli.space);
    options_clear(&options);
    buf_clear(&problem);
    CHECK(code <= CLI_AUTHENTICATION);
    return (int)code;
}
