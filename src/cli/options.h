/* options.h — what kalam was asked to do: flags > environment > configuration file > defaults.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* Exit codes of kalam. */
enum cli_exit { CLI_OK, CLI_SQL, CLI_USAGE, CLI_CONNECTION, CLI_AUTHENTICATION };

enum format {
    FORMAT_TABLE,
    FORMAT_EXPANDED,
    FORMAT_JSON,
    FORMAT_JSONL,
    FORMAT_CSV,
    FORMAT_MARKDOWN,
    FORMAT_HTML,
    FORMAT_COUNT
};
enum choice { CHOICE_AUTO, CHOICE_ON, CHOICE_OFF };
enum action {
    ACTION_RUN,
    ACTION_LOGIN,
    ACTION_LOGOUT,
    ACTION_IMPORT,
    ACTION_EXPORT,
    ACTION_HELP,
    ACTION_VERSION
};

/* Texts are owned. */
struct options {
    enum action action;
    char *url, *space;
    char *user, *password, *token, *refresh_token, *api_key;
    char *ca_file; /* NULL = the system's authorities */
    char *command, *file, *config_path;
    char *from, *to;   /* import FILE into TABLE; export TABLE|SELECT to FILE */
    char *stored_user; /* of the tokens taken from credentials.toml; NULL = none were taken */
    char *file_format; /* --format of these two */
    char *pager;       /* a command for results taller than the terminal; NULL = none */
    enum format format;
    bool has_format;
    enum choice color;
    bool has_color;
    bool progress;
    int64_t rows_max;   /* per page on a terminal */
    int64_t events_max; /* of a subscription in batch mode; 0 = no end */
};

void options_init(struct options *options);
void options_clear(struct options *options);
/* Fills from arguments, environment and file. CLI_OK, or CLI_USAGE with `problem` for stderr. */
enum cli_exit options_read(struct options *options, int argc, char **argv, struct buf *problem);
const char *options_usage(void);
/* Puts a copy of `text` (may be NULL) in the place of *slot. */
void options_set(char **slot, const char *text);
/* Drops user, password, token and key: the caller sets others. */
void options_drop_credentials(struct options *options);
bool format_from_name(const char *name, enum format *out);
const char *format_name(enum format format);
extern const char format_names_text[]; /* "table, expanded, json …" for messages */
/* `localhost`, `localhost:80`, `http://…`; port 0 = as in `host`. A new text, free with mem_free.
 */
char *options_make_url(const char *host, int port);

/* ---- config.c ---- */

/* $HOME/.kalam/NAME, the folder made if asked; NULL without HOME. Free with mem_free. */
char *config_path(const char *name, bool make_folder);
/* Reads the whole file, "-" = standard input; false with errno. */
bool config_read_file(const char *path, struct buf *out);
/* Writes with mode 0600 through a temporary file. */
bool config_write_file(const char *path, struct str text);
/* ~/.kalam/config.toml (made on the first run), or `path`, which must exist. */
enum cli_exit config_load(const char *path, struct options *options, struct buf *problem);

#endif
