/* cli.h — what the parts of kalam share: the connection and how things are shown.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "cli/options.h"
#include "kalam/kalam.h"

#include <stdio.h>

struct history; /* history.h */
struct names;   /* complete.h */

struct cli {
    struct options *options; /* changed by \connect and \login */
    kalam_client *client;
    FILE *out;        /* standard output, or the file of \o */
    bool interactive; /* a prompt and a person */
    bool terminal;    /* standard output is one */
    bool color;
    bool online; /* the last call reached the server */
    bool asked;  /* the password was asked for already */
    bool leave;  /* \quit */
    enum format format;
    enum choice expanded; /* ON, OFF, or AUTO: when too wide */
    bool timing;
    int depth;               /* of \i */
    struct str running;      /* text of the statement that runs, for the caret of errors */
    char *last;              /* last statement, for \watch and \e; owned */
    char *typed;             /* \e leaves its text here for the prompt; owned */
    char *user;              /* as the server knows it; owned, NULL while unknown */
    char *space;             /* of the last USE; owned, NULL = that of the options */
    struct history *history; /* NULL without a prompt */
    struct names *names;     /* for TAB; NULL without a prompt */
};

/* What is printed goes to a terminal. */
static inline bool cli_shows_screen(const struct cli *cli)
{
    return cli->terminal && cli->out == stdout;
}

/* ---- connect.c ---- */

/* A new client from cli->options in the place of the old one. CLI_OK, or the code after a message
 * on standard error. */
enum cli_exit connect_open(struct cli *cli);
/* The default namespace of what comes next, until \connect. As connect_open. */
enum cli_exit connect_use(struct cli *cli, const char *space);
/* The default namespace now; NULL = the server's. */
const char *connect_space(const struct cli *cli);
/* Is there a server? As connect_open; also CLI_SQL when Ctrl+C came meanwhile. */
enum cli_exit connect_check_health(struct cli *cli);
/* Asks who the caller is, and for a password if that is needed. As connect_open. */
enum cli_exit connect_check_user(struct cli *cli);
/* After KALAM_AUTHENTICATION: true when a password was given and the call may be repeated. */
bool connect_ask_password(struct cli *cli, const kalam_error *error);
enum cli_exit connect_exit_code(const kalam_error *error);
/* The URL's host is this machine. */
bool connect_is_loopback(const char *url);

/* ---- credentials.c ---- */

/* `kalam login` and `kalam logout`; also \login and \logout. */
enum cli_exit credentials_login(struct cli *cli);
enum cli_exit credentials_logout(struct cli *cli);
/* Takes the stored tokens of the host if nothing else was given. */
void credentials_use(struct options *options);
/* Stores the tokens again if they came from there and a renewal has changed them. */
void credentials_keep(struct cli *cli);

/* ---- execute.c ---- */

/* False after a message when the text is no UTF-8 or holds a NUL, which would end it early. `path`
 * is where it comes from, or NULL. */
bool execute_check_text(const char *path, struct str text);
/* Runs the statements of a text (of a file, or NULL), one request each. Of several, every result
 * says which statement it belongs to; the first error ends it. */
enum cli_exit execute_text(struct cli *cli, const char *path, struct str text);
enum cli_exit execute_file(struct cli *cli, const char *path);
/* One request, of a text without NUL. `number` 0 = not part of a batch. */
enum cli_exit execute_unit(struct cli *cli, struct str unit, size_t number);
/* Runs without showing; results or NULL with `error`. Shows the spinner. */
kalam_results *execute_quietly(struct cli *cli, const char *sql, kalam_error *error);
/* `ERROR: …` on standard error. */
void execute_report(struct cli *cli, const kalam_error *error, size_t number);
/* The same, and the exit code: CLI_SQL when Ctrl+C was the reason. */
enum cli_exit execute_failed(struct cli *cli, const kalam_error *error, size_t number);
/* CLI_SQL after a message when Ctrl+C came, which is taken, or SIGTERM: nothing else is begun. */
enum cli_exit execute_check_interrupt(struct cli *cli);
/* What could not be read, with its name or NULL: a message and the exit code, as above after
 * Ctrl+C. */
enum cli_exit execute_failed_read(struct cli *cli, const char *path, const char *problem);
/* Whatever the results hold. */
void execute_show(struct cli *cli, const kalam_results *results, size_t number);

/* ---- jobs.c ---- */

/* Waits for the jobs that a result's column job_id names and shows how they get on. */
enum cli_exit jobs_await(struct cli *cli, const kalam_results *results);

/* ---- live.c ---- */

enum cli_exit live_run(struct cli *cli, const char *sql);

/* ---- view.c ---- */

/* Shows the rows that match now, anew after every change, until Ctrl+C. */
enum cli_exit view_live(struct cli *cli, const char *sql);
/* Runs the statement again whenever its rows have changed, until Ctrl+C. False when the server
 * cannot follow it (it is none for live queries); then nothing was shown. */
bool view_watch(struct cli *cli, const char *sql, enum cli_exit *code);
enum cli_exit view_latency(struct cli *cli, int64_t count);

/* ---- command.c ---- */

/* \e: the text in $VISUAL or $EDITOR; what comes back is left in cli->typed. */
enum cli_exit edit_run(struct cli *cli, const char *text);

/* A line that starts with a backslash. */
enum cli_exit command_run(struct cli *cli, const char *line);
/* Name of the i-th command ("\\quit"), NULL behind the last. */
const char *command_name(size_t i);
const char *command_help(void);

/* ---- prompt.c ---- */

enum cli_exit prompt_run(struct cli *cli);

#endif
