/* history.c — see history.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli/history.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/options.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

enum { HISTORY_MAX = 1000 };

struct history {
    char *path;
    char *entries[HISTORY_MAX]; /* oldest first */
    size_t count;
};

static void history_keep(struct history *history, char *entry)
{
    CHECK(history->count <= HISTORY_MAX);
    if (history->count == HISTORY_MAX) {
        mem_free(history->entries[0]);
        history->count--;
        memmove(history->entries, history->entries + 1, history->count * sizeof(char *));
    }
    history->entries[history->count++] = entry;
}

static char *history_unescape(struct str line)
{
    struct buf text;
    size_t size;

    CHECK(line.size == 0 || line.data);
    buf_init(&text);
    for (size_t i = 0; i < line.size; i++) {
        char c = line.data[i];
        if (c == '\\' && i + 1 < line.size)
            c = line.data[++i] == 'n' ? '\n' : line.data[i];
        buf_append_byte(&text, (uint8_t)c);
    }
    buf_append_byte(&text, 0);
    return buf_take(&text, &size);
}

static void history_escape(struct buf *out, const char *statement)
{
    CHECK(out);
    for (; *statement; statement++) {
        if (*statement == '\n' || *statement == '\\')
            buf_append_byte(out, '\\');
        buf_append_byte(out, *statement == '\n' ? 'n' : (uint8_t)*statement);
    }
    buf_append_byte(out, '\n');
}

/* Reads the file; writes it anew when it has grown to twice what is kept. */
static void history_load(struct history *history)
{
    struct buf text, kept;
    struct str rest;
    size_t lines = 0;

    CHECK(history);
    buf_init(&text);
    buf_init(&kept);
    if (config_read_file(history->path, &text)) {
        for (rest = buf_str(&text); rest.size > 0; lines++) {
            size_t end = str_find(rest, STR_LIT("\n"));
            size_t size = end == SIZE_MAX ? rest.size : end, step = size + (end != SIZE_MAX);
            if (size > 0)
                history_keep(history, history_unescape(str_from(rest.data, size)));
            rest = str_from(rest.data + step, rest.size - step);
        }
    }
    if (lines > 2 * HISTORY_MAX) {
        for (size_t i = 0; i < history->count; i++)
            history_escape(&kept, history->entries[i]);
        (void)config_write_file(history->path, buf_str(&kept)); /* next time again */
    }
    buf_clear(&text);
    buf_clear(&kept);
}

struct history *history_open(const char *path)
{
    struct history *history = mem_zalloc(sizeof *history);

    if (path) {
        history->path = mem_strdup(str_from_c(path));
        history_load(history);
    }
    return history;
}

void history_close(struct history *history)
{
    if (!history)
        return;
    for (size_t i = 0; i < history->count; i++)
        mem_free(history->entries[i]);
    mem_free(history->path);
    mem_free(history);
}

static void history_append_file(const struct history *history, const char *statement)
{
    int fd = open(history->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct buf line;

    CHECK(statement);
    if (fd < 0)
        return; /* a read-only home: history lives in memory */
    buf_init(&line);
    history_escape(&line, statement);
    while (flock(fd, LOCK_EX) != 0 && errno == EINTR)
        continue;
    if (write(fd, line.data, line.size) != (ssize_t)line.size)
        (void)0; /* a full disk costs one line of history */
    close(fd);
    buf_clear(&line);
}

static bool history_holds_secret(const char *statement)
{
    static const char *const words[] = {"password", "token", "secret", "credentials"};
    struct str text = str_from_c(statement);

    CHECK(statement);
    for (size_t w = 0; w < ARRAY_COUNT(words); w++) {
        struct str word = str_from_c(words[w]);
        for (size_t i = 0; i + word.size <= text.size; i++) {
            if (str_equal_nocase(str_from(text.data + i, word.size), word))
                return true;
        }
    }
    return false;
}

void history_add(struct history *history, const char *statement)
{
    bool repeated =
        history->count > 0 && strcmp(history->entries[history->count - 1], statement) == 0;

    CHECK(statement);
    if (!*statement || repeated || history_holds_secret(statement))
        return;
    history_keep(history, mem_strdup(str_from_c(statement)));
    if (history->path)
        history_append_file(history, statement);
}

void history_wipe(struct history *history)
{
    CHECK(history);
    while (history->count > 0)
        mem_free(history->entries[--history->count]);
    if (history->path)
        (void)unlink(history->path); /* absent is fine too */
}

size_t history_count(const struct history *history)
{
    CHECK(history != NULL);
    return history->count;
}

const char *history_at(const struct history *history, size_t i)
{
    CHECK(i < history->count);
    return history->entries[i];
}
