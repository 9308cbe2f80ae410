/* log.c — one line per message to stderr and to a file that rotates by size and age.
 *
 * Line: `[2025-10-14 16:48:54.208] [INFO ] [thread - module:line] - message`, time in UTC, module =
 * stem of the source file. A line is built on the stack and written with one call, so that lines of
 * several threads never mix; no memory is allocated, so that it works when memory is short. Control
 * characters in a message become blanks: user text cannot forge lines.
 *
 * Rotation: file → file.1 → … → file.<keep>; the oldest is dropped. When it fails, the file grows
 * on.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/log.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LOG_LINE_BYTES = 4096, LOG_NAME_BYTES = 16, LOG_PATH_BYTES = PATH_MAX };

enum log_level log_threshold = LOG_INFO;

static struct {
    pthread_mutex_t mutex; /* recursive: a check that fails in here may still say so */
    bool console, colour;
    int file; /* -1: none */
    char path[LOG_PATH_BYTES];
    size_t file_bytes, file_bytes_max;
    int64_t file_since_us, file_age_max_us;
    unsigned keep_files;
} log_state = {.mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP, .console = true, .file = -1};

static _Thread_local char log_name[LOG_NAME_BYTES];

/* Line number n lies in slot n % LOG_RECENT_LINES; the memory is touched as it fills. */
static struct log_line log_ring[LOG_RECENT_LINES];
static uint64_t log_ring_count; /* lines ever written; guarded by log_state.mutex */

static const struct {
    const char *name, *padded, *colour;
} log_levels[] = {
    [LOG_ERROR] = {"error", "ERROR", "\033[31m"}, [LOG_WARN] = {"warn", "WARN ", "\033[33m"},
    [LOG_INFO] = {"info", "INFO ", "\033[32m"},   [LOG_DEBUG] = {"debug", "DEBUG", "\033[36m"},
    [LOG_TRACE] = {"trace", "TRACE", "\033[90m"},
};

bool log_level_parse(const char *text, enum log_level *level)
{
    CHECK(text != NULL && level != NULL);
    if (str_equal_nocase(str_from_c(text), STR_LIT("warning")))
        text = "warn";
    for (size_t i = 0; i < ARRAY_COUNT(log_levels); i++) {
        if (str_equal_nocase(str_from_c(text), str_from_c(log_levels[i].name))) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

void log_thread_name(const char *name)
{
    size_t size = strnlen(name, LOG_NAME_BYTES - 1);

    CHECK(size < LOG_NAME_BYTES);
    memcpy(log_name, name, size);
    log_name[size] = '\0';
    (void)pthread_setname_np(pthread_self(), log_name);
}

/* Makes every folder above the file, as mkdir -p. */
static enum status log_make_folders(const char *path, struct error *err)
{
    char folder[LOG_PATH_BYTES];
    size_t size = strlen(path);

    CHECK(size < sizeof(folder));
    for (size_t i = 0; i < size; i++) {
        folder[i] = path[i];
        if (path[i] != '/' || i == 0)
            continue;
        folder[i] = '\0';
        if (mkdir(folder, 0755) != 0 && errno != EEXIST)
            return error_set(err, STATUS_IO_FAILED, "log folder \"%s\" cannot be made: %s", folder,
                             strerror(errno));
        folder[i] = '/';
    }
    return STATUS_OK;
}

static enum status log_open_file(struct error *err)
{
    struct stat info;

    CHECK(log_state.file < 0);
    int file = open(log_state.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (file < 0)
        return error_set(err, STATUS_IO_FAILED, "log file \"%s\" cannot be opened: %s",
                         log_state.path, strerror(errno));
    log_state.file = file;
    log_state.file_bytes = 0;
    log_state.file_since_us = clock_now_us();
    if (fstat(file, &info) == 0 && info.st_size > 0) {
        log_state.file_bytes = (size_t)info.st_size;
        log_state.file_since_us = (int64_t)info.st_mtime * 1000000;
    }
    return STATUS_OK;
}

enum status log_init(const struct log_options *options, struct error *err)
{
    enum status status = STATUS_OK;

    CHECK((unsigned)options->level < ARRAY_COUNT(log_levels));
    log_close();
    pthread_mutex_lock(&log_state.mutex);
    log_threshold = options->level;
    log_state.console = options->console;
    log_state.colour = options->console && isatty(STDERR_FILENO) == 1;
    log_state.file_bytes_max = options->file_bytes_max;
    log_state.file_age_max_us = (int64_t)options->file_hours_max * 3600 * 1000000;
    log_state.keep_files = options->keep_files;
    if (options->file_path != NULL && options->file_path[0] != '\0') {
        size_t size = strlen(options->file_path);
        if (size + 16 > sizeof(log_state.path)) {
            status = error_set(err, STATUS_INVALID_INPUT, "path of the log file is too long");
            goto out;
        }
        memcpy(log_state.path, options->file_path, size + 1);
        status = log_make_folders(log_state.path, err);
        if (status != STATUS_OK)
            goto out;
        status = log_open_file(err);
    }
out:
    pthread_mutex_unlock(&log_state.mutex);
    return status;
}

void log_close(void)
{
    pthread_mutex_lock(&log_state.mutex);
    if (log_state.file >= 0)
        CHECK(close(log_state.file) == 0 || errno != EBADF);
    log_state.file = -1;
    log_state.console = true;
    log_state.colour = false;
    log_threshold = LOG_INFO;
    pthread_mutex_unlock(&log_state.mutex);
}

static void log_rotated_name(char *out, size_t size, unsigned number)
{
    int length = number == 0 ? snprintf(out, size, "%s", log_state.path)
                             : snprintf(out, size, "%s.%u", log_state.path, number);

    CHECK(length > 0 && (size_t)length < size);
}

static void log_rotate(void)
{
    char from[LOG_PATH_BYTES + 16], to[LOG_PATH_BYTES + 16];

    CHECK(log_state.file >= 0);
    for (unsigned i = log_state.keep_files; i > 0; i--) {
        log_rotated_name(from, sizeof(from), i - 1);
        log_rotated_name(to, sizeof(to), i);
        (void)rename(from, to); /* gaps in the sequence are normal */
    }
    if (log_state.keep_files == 0)
        (void)unlink(log_state.path);
    int old = log_state.file;
    log_state.file = -1;
    if (log_open_file(NULL) != STATUS_OK) {
        log_state.file = old; /* better the renamed file than no log */
        log_state.file_bytes = 0;
        return;
    }
    (void)close(old);
}

static void log_write_all(int file, const char *text, size_t size)
{
    CHECK(text != NULL);
    while (size > 0) {
        ssize_t written = write(file, text, size);
        if (written < 0 && errno != EINTR)
            return; /* a full disk must not stop the server */
        if (written > 0) {
            text += written;
            size -= (size_t)written;
        }
    }
}

static void log_write_file(const char *line, size_t size)
{
    if (log_state.file < 0)
        return;
    CHECK(size > 0);
    bool too_big =
        log_state.file_bytes_max > 0 && log_state.file_bytes + size > log_state.file_bytes_max;
    bool too_old = log_state.file_age_max_us > 0 &&
                   clock_now_us() - log_state.file_since_us > log_state.file_age_max_us;
    if ((too_big || too_old) && log_state.file_bytes > 0)
        log_rotate();
    log_write_all(log_state.file, line, size);
    log_state.file_bytes += size;
}

/* "src/base/log.c" → "log". */
static struct str log_module(const char *file)
{
    const char *slash = strrchr(file, '/');
    struct str stem = str_from_c(slash != NULL ? slash + 1 : file);
    size_t dot = str_find(stem, STR_LIT("."));

    CHECK(stem.size > 0);
    return str_from(stem.data, dot == SIZE_MAX ? stem.size : dot);
}

static size_t log_prefix(char *out, size_t size, int64_t now_us, enum log_level level,
                         const char *file, int line)
{
    time_t seconds = (time_t)(now_us / 1000000);
    struct tm tm;
    struct str module = log_module(file);

    if (log_name[0] == '\0')
        (void)pthread_getname_np(pthread_self(), log_name, sizeof(log_name));
    CHECK(gmtime_r(&seconds, &tm) != NULL);
    int length = snprintf(out, size, "[%04d-%02d-%02d %02d:%02d:%02d.%03d] [%s] [%s - %.*s:%d] - ",
                          tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                          tm.tm_sec, (int)(now_us / 1000 % 1000), log_levels[level].padded,
                          log_name, STR_ARG(module), line);
    CHECK(length > 0 && (size_t)length < size);
    return (size_t)length;
}

static void log_write_console(enum log_level level, const char *line, size_t size)
{
    char coloured[LOG_LINE_BYTES + 16];

    CHECK(size > 0 && size <= LOG_LINE_BYTES);
    if (!log_state.colour) {
        log_write_all(STDERR_FILENO, line, size);
        return;
    }
    int length = snprintf(coloured, sizeof(coloured), "%s%.*s\033[0m\n", log_levels[level].colour,
                          (int)size - 1, line);
    if (length > 0)
        log_write_all(STDERR_FILENO, coloured, (size_t)length);
}

/* Holding the mutex. */
static void log_remember(int64_t now_us, enum log_level level, const char *file, int line,
                         struct str message)
{
    static const char cut_mark[] = "…";
    struct log_line *slot = &log_ring[log_ring_count++ % LOG_RECENT_LINES];
    struct str module = log_module(file);
    size_t room = sizeof(slot->message) - sizeof(cut_mark);
    struct str shown =
        message.size > room ? utf8_cut(str_from(message.data, room), SIZE_MAX) : message;

    CHECK(shown.size <= room);
    slot->time_us = now_us;
    slot->level = level;
    slot->line = line;
    (void)snprintf(slot->thread, sizeof(slot->thread), "%s", log_name);
    (void)snprintf(slot->module, sizeof(slot->module), "%.*s", STR_ARG(module));
    (void)snprintf(slot->message, sizeof(slot->message), "%.*s%s", STR_ARG(shown),
                   shown.size < message.size ? cut_mark : "");
}

size_t log_recent(uint64_t *next, struct log_line *out, size_t capacity)
{
    size_t count = 0;

    CHECK(next != NULL && out != NULL);
    pthread_mutex_lock(&log_state.mutex);
    if (log_ring_count > LOG_RECENT_LINES && *next < log_ring_count - LOG_RECENT_LINES)
        *next = log_ring_count - LOG_RECENT_LINES;
    while (count < capacity && *next < log_ring_count)
        out[count++] = log_ring[(*next)++ % LOG_RECENT_LINES];
    pthread_mutex_unlock(&log_state.mutex);
    return count;
}

const char *log_level_name(enum log_level level)
{
    CHECK((unsigned)level < ARRAY_COUNT(log_levels));
    return log_levels[level].name;
}

void log_write(enum log_level level, const char *file, int line, const char *format, ...)
{
    char text[LOG_LINE_BYTES];
    va_list args;

    CHECK((unsigned)level < ARRAY_COUNT(log_levels));
    int64_t now_us = clock_now_us();
    size_t start = log_prefix(text, sizeof(text) - 1, now_us, level, file, line);
    va_start(args, format);
    int length = vsnprintf(text + start, sizeof(text) - 1 - start, format, args);
    va_end(args);
    CHECK(length >= 0);
    size_t size = start + (size_t)length;
    if (size > sizeof(text) - 2)
        size = start + utf8_cut(str_from(text + start, sizeof(text) - 2 - start), SIZE_MAX).size;
    for (size_t i = start; i < size; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = ' ';
    }
    text[size++] = '\n';

    pthread_mutex_lock(&log_state.mutex);
    log_remember(now_us, level, file, line, str_from(text + start, size - 1 - start));
    if (log_state.console)
        log_write_console(level, text, size);
    log_write_file(text, size);
    pthread_mutex_unlock(&log_state.mutex);
}

void log_last_words(const char *file, int line, const char *message)
{
    static _Thread_local bool speaking; /* a check that fails in the log must not come back here */
    char text[LOG_LINE_BYTES];

    int length = snprintf(text, sizeof(text), "%s:%d: %s\n", file, line, message);
    if (length > 0)
        log_write_all(STDERR_FILENO, text, strnlen(text, sizeof(text)));
    if (speaking)
        return;
    speaking = true;
    pthread_mutex_lock(&log_state.mutex);
    bool console = log_state.console;
    log_state.console = false;
    log_write(LOG_ERROR, file, line, "%s", message);
    log_state.console = console;
    pthread_mutex_unlock(&log_state.mutex);
    speaking = false;
}
