/* config.c — ~/.kalam/config.toml: where kalam connects and how it prints.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/mem.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "cli/toml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char config_default[] =
    "# kalam: flags and environment variables win over this file.\n"
    "[connection]\n"
    "# host = \"http://localhost:8080\"\n"
    "# user = \"lena\"\n"
    "# token = \"\"\n"
    "# apikey = \"\"\n"
    "# namespace = \"shop\"\n"
    "\n"
    "[output]\n"
    "# format = \"table\"    # table, expanded, json, jsonl, csv, markdown, html\n"
    "# color = \"auto\"      # auto, true, false\n"
    "# max_rows = 1000     # rows per page on a terminal\n";

char *config_path(const char *name, bool make_folder)
{
    const char *home = getenv("HOME");
    struct buf path;
    size_t size;

    CHECK(name);
    if (!home || !*home)
        return NULL;
    buf_init(&path);
    buf_printf(&path, "%s/.kalam%c", home, 0);
    if (make_folder)
        (void)mkdir(path.data, 0700); /* writing the file tells */
    buf_reset(&path);
    buf_printf(&path, "%s/.kalam/%s%c", home, name, 0);
    return buf_take(&path, &size);
}

bool config_read_file(const char *path, struct buf *out)
{
    FILE *file = strcmp(path, "-") == 0 ? terminal_open_input() : fopen(path, "rbe");

    CHECK(out);
    if (!file)
        return false;
    while (!feof(file) && !ferror(file))
        out->size += fread(buf_reserve(out, 65536), 1, 65536, file);
    int failed = ferror(file) ? errno : 0;
    fclose(file);
    errno = failed;
    return failed == 0;
}

bool config_write_file(const char *path, struct str text)
{
    struct buf temporary;
    bool ok = false;
    int fd;

    CHECK(path);
    buf_init(&temporary);
    buf_printf(&temporary, "%s.%ld%c", path, (long)getpid(), 0);
    fd = open(temporary.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0) {
        ok = write(fd, text.data, text.size) == (ssize_t)text.size;
        ok = close(fd) == 0 && ok;
        ok = ok && rename(temporary.data, path) == 0;
        if (!ok)
            (void)unlink(temporary.data);
    }
    buf_clear(&temporary);
    return ok;
}

static const char *config_take_connection(struct options *options, const struct toml_entry *entry)
{
    const struct {
        const char *key;
        char **slot;
    } texts[] = {{"user", &options->user},
                 {"token", &options->token},
                 {"apikey", &options->api_key},
                 {"ca_file", &options->ca_file},
                 {"namespace", &options->space}};

    CHECK(options);
    if (entry->kind != TOML_TEXT)
        return "expected a text in double quotes";
    if (strcmp(entry->key, "host") == 0) {
        char *url = options_make_url(entry->text, 0);
        options_set(&options->url, url);
        mem_free(url);
        return NULL;
    }
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        if (strcmp(entry->key, texts[i].key) == 0) {
            options_set(texts[i].slot, *entry->text ? entry->text : NULL);
            return NULL;
        }
    }
    return "unknown key in [connection]";
}

static const char *config_take_color(struct options *options, const struct toml_entry *entry)
{
    CHECK(options);
    if (entry->kind == TOML_BOOLEAN)
        options->color = entry->boolean ? CHOICE_ON : CHOICE_OFF;
    else if (entry->kind == TOML_TEXT && strcmp(entry->text, "auto") == 0)
        options->color = CHOICE_AUTO;
    else if (entry->kind == TOML_TEXT && strcmp(entry->text, "true") == 0)
        options->color = CHOICE_ON;
    else if (entry->kind == TOML_TEXT && strcmp(entry->text, "false") == 0)
        options->color = CHOICE_OFF;
    else
        return "color is \"auto\", true or false";
    return NULL;
}

static const char *config_take(void *context, const struct toml_entry *entry)
{
    struct options *options = context;

    CHECK(entry->key);
    if (strcmp(entry->section, "connection") == 0)
        return config_take_connection(options, entry);
    if (strcmp(entry->section, "output") != 0)
        return *entry->section ? "unknown section" : "a key before any section";
    if (strcmp(entry->key, "format") == 0)
        return entry->kind == TOML_TEXT && format_from_name(entry->text, &options->format)
                   ? NULL
                   : "format is table, expanded, json, jsonl, csv, markdown or html, in quotes";
    if (strcmp(entry->key, "pager") == 0) {
        if (entry->kind != TOML_TEXT)
            return "pager is a command in double quotes";
        options_set(&options->pager, *entry->text ? entry->text : NULL);
        return NULL;
    }
    if (strcmp(entry->key, "color") == 0)
        return config_take_color(options, entry);
    if (strcmp(entry->key, "max_rows") != 0)
        return "unknown key in [output]";
    if (entry->kind != TOML_INTEGER || entry->integer < 1)
        return "max_rows is a whole number of at least 1";
    options->rows_max = entry->integer;
    return NULL;
}

enum cli_exit config_load(const char *path, struct options *options, struct buf *problem)
{
    CHECK(options && problem);

    char *own = path ? NULL : config_path("config.toml", true);
    const char *name = path ? path : own;
    struct toml_problem wrong;
    enum cli_exit code = CLI_OK;
    struct buf text;

    if (!name)
        return CLI_OK;
    buf_init(&text);
    if (config_read_file(name, &text)) {
        if (!toml_read(buf_str(&text), config_take, options, &wrong)) {
            buf_printf(problem, "%s: line %d%s%s: %s", name, wrong.line, *wrong.key ? ": " : "",
                       wrong.key, wrong.message);
            code = CLI_USAGE;
        }
    } else if (path) {
        buf_printf(problem, "%s: %s", name, strerror(errno));
        code = CLI_USAGE;
    } else if (errno == ENOENT) {
        (void)config_write_file(name, STR_LIT(config_default)); /* a read-only home is fine */
    }
    buf_clear(&text);
    mem_free(own);
    return code;
}
