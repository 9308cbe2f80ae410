/* log.c — one line per message to stderr and to a file that rotates by size and age.
 *
 * compact  [2025-10-14 16:48:54.208] [INFO ] [thread - module:line] - message
 * pretty   2025-10-14 16:48:54.208  INFO  message
 *              at module:line in thread
 * json     {"timestamp":"2025-10-14T16:48:54.208Z","level":"info","thread":"…","target":"module",
 *           "line":12,"message":"…"}
 *
 * Time in UTC, module = stem of the source file. A line is built on the stack and written with one
 * call, so that lines of several threads never mix; no memory is allocated, so that it works when
 * memory is short. Control characters in a message become blanks: user text cannot forge lines.
 *
 * Rotation: file → file.1 → … → file.<keep>; the oldest is dropped. When it fails, the file grows
 * on. The age of a file counts from its birth, so restarts do not put rotation off.
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
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    LOG_MESSAGE_BYTES = 4000,
    LOG_LINE_BYTES = 2 * LOG_MESSAGE_BYTES + 256, /* every character escaped, and the frame */
    LOG_NAME_BYTES = 16,
    LOG_PATH_BYTES = PATH_MAX,
};

_Atomic enum log_level log_threshold = LOG_INFO;

static struct {
    pthread_mutex_t mutex; /* recursive: a check that fails in here may still say so */
    bool console, colour;
    enum log_format format;
    int file; /* -1: none */
    char path[LOG_PATH_BYTES];
    size_t file_bytes, file_bytes_max;
    int64_t file_since_us, file_age_max_us;
    unsigned keep_files;
} log_state = {.mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP, .console = true, .file = -1};

static _Thread_local char log_name[LOG_NAME_BYTES];

/* Line number n lies in slot n % LOG_RECENT_LINES; the memory is touched as it fills. */
static struct log_line log_ring[LOG_RECENT_LINES];
static atomic_uint_fast64_t log_counts[LOG_TRACE + 1];
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

bool log_format_parse(const char *text, enum log_format *format)
{
    static const char *const names[] = {
        [LOG_COMPACT] = "compact", [LOG_PRETTY] = "pretty", [LOG_JSON] = "json"};

    CHECK(text != NULL && format != NULL);
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *format = (enum log_format)i;
            return true;
        }
    }
    return false;
}

void log_set_level(enum log_level level)
{
    CHECK((unsigned)level < ARRAY_COUNT(log_levels));
    atomic_store(&log_threshold, level);
}

uint64_t log_count(enum log_level level)
{
    CHECK((unsigned)level < ARRAY_COUNT(log_counts));
    return atomic_load_explicit(&log_counts[level], memory_order_relaxed);
}

enum log_level log_get_level(void)
{
    CHECK((unsigned)atomic_load(&log_threshold) < ARRAY_COUNT(log_levels));
    return atomic_load(&log_threshold);
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
    struct statx info;

    CHECK(log_state.file < 0);
    int file = open(log_state.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (file < 0)
        return error_set(err, STATUS_IO_FAILED, "log file \"%s\" cannot be opened: %s",
                         log_state.path, strerror(errno));
    log_state.file = file;
    log_state.file_bytes = 0;
    log_state.file_since_us = clock_now_us();
    if (statx(file, "", AT_EMPTY_PATH, STATX_SIZE | STATX_MTIME | STATX_BTIME, &info) == 0 &&
        info.stx_size > 0) {
        bool has_birth = (info.stx_mask & STATX_BTIME) != 0; /* not every file system knows it */
        log_state.file_bytes = (size_t)info.stx_size;
        log_state.file_since_us =
            (has_birth ? info.stx_btime.tv_sec : info.stx_mtime.tv_sec) * INT64_C(1000000);
    }
    return STATUS_OK;
}

enum status log_init(const struct log_options *options, struct error *err)
{
    enum status status = STATUS_OK;

    CHECK((unsigned)options->level < ARRAY_COUNT(log_levels));
    log_close();
    pthread_mutex_lock(&log_state.mutex);
    log_set_level(options->level);
    log_state.format = options->format;
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
    log_state.format = LOG_COMPACT;
    log_set_level(LOG_INFO);
    pthread_mutex_unlock(&log_state.mutex);
}

/* Better the old file than no log. */
static enum status log_open_anew(struct error *err)
{
    int old = log_state.file;

    CHECK(old >= 0);
    log_state.file = -1;
    enum status status = log_open_file(err);
    if (status == STATUS_OK)
        (void)close(old);
    else
        log_state.file = old;
    return status;
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
    if (log_open_anew(NULL) != STATUS_OK)
        log_state.file_bytes = 0; /* try again when so much more is in it */
}

enum status log_reopen(struct error *err)
{
    enum status status = STATUS_OK;

    pthread_mutex_lock(&log_state.mutex);
    CHECK(log_state.file < 0 || log_state.path[0] != '\0');
    if (log_state.file >= 0)
        status = log_open_anew(err);
    pthread_mutex_unlock(&log_state.mutex);
    return status;
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

/* One message and where it comes from. */
struct log_record {
    int64_t time_us;
    enum log_level level;
    struct str module;
    int line;
    struct str message; /* no control characters */
};

/* `2025-10-14<separator>16:48:54.208` */
static void log_format_time(int64_t time_us, char separator, char out[32])
{
    time_t seconds = (time_t)(time_us / 1000000);
    struct tm tm;

    CHECK(gmtime_r(&seconds, &tm) != NULL);
    int length = snprintf(out, 32, "%04d-%02d-%02d%c%02d:%02d:%02d.%03d", tm.tm_year + 1900,
                          tm.tm_mon + 1, tm.tm_mday, separator, tm.tm_hour, tm.tm_min, tm.tm_sec,
                          (int)(time_us / 1000 % 1000));
    CHECK(length > 0 && length < 32);
}

/* Text as the inside of a JSON string; what is not UTF-8 becomes `?`. */
static size_t log_escape(char *out, struct str text)
{
    size_t size = 0;
    uint32_t codepoint;

    CHECK(text.size <= LOG_MESSAGE_BYTES);
    while (text.size > 0) {
        size_t bytes = utf8_decode(text, &codepoint);
        if (text.data[0] == '"' || text.data[0] == '\\')
            out[size++] = '\\';
        if (bytes == 0)
            out[size++] = '?';
        for (size_t i = 0; i < bytes; i++)
            out[size++] = text.data[i];
        bytes += bytes == 0 ? 1 : 0;
        text = str_from(text.data + bytes, text.size - bytes);
    }
    return size;
}

static size_t log_format_json(char out[LOG_LINE_BYTES], const struct log_record *record)
{
    char when[32], name[2 * LOG_NAME_BYTES];

    log_format_time(record->time_us, 'T', when);
    size_t name_size = log_escape(name, str_from_c(log_name));
    int head = snprintf(out, LOG_LINE_BYTES,
                        "{\"timestamp\":\"%sZ\",\"level\":\"%s\",\"thread\":\"%.*s\","
                        "\"target\":\"%.*s\",\"line\":%d,\"message\":\"",
                        when, log_levels[record->level].name, (int)name_size, name,
                        STR_ARG(record->module), record->line);
    CHECK(head > 0 && head < LOG_LINE_BYTES - 2 * LOG_MESSAGE_BYTES - 3);
    size_t size = (size_t)head + log_escape(out + head, record->message);
    memcpy(out + size, "\"}\n", 3);
    return size + 3;
}

static size_t log_format_text(char out[LOG_LINE_BYTES], const struct log_record *record)
{
    const char *level = log_levels[record->level].padded;
    char when[32];
    int size;

    log_format_time(record->time_us, ' ', when);
    if (log_state.format == LOG_PRETTY)
        size = snprintf(out, LOG_LINE_BYTES, "%s  %s  %.*s\n    at %.*s:%d in %s\n", when, level,
                        STR_ARG(record->message), STR_ARG(record->module), record->line, log_name);
    else
        size = snprintf(out, LOG_LINE_BYTES, "[%s] [%s] [%s - %.*s:%d] - %.*s\n", when, level,
                        log_name, STR_ARG(record->module), record->line, STR_ARG(record->message));
    CHECK(size > 0 && size < LOG_LINE_BYTES);
    return (size_t)size;
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
static void log_remember(const struct log_record *record)
{
    static const char cut_mark[] = "…";
    struct log_line *slot = &log_ring[log_ring_count++ % LOG_RECENT_LINES];
    struct str message = record->message;
    size_t room = sizeof(slot->message) - sizeof(cut_mark);
    struct str shown =
        message.size > room ? utf8_cut(str_from(message.data, room), SIZE_MAX) : message;

    CHECK(shown.size <= room);
    slot->time_us = record->time_us;
    slot->level = record->level;
    slot->line = record->line;
    (void)snprintf(slot->thread, sizeof(slot->thread), "%s", log_name);
    (void)snprintf(slot->module, sizeof(slot->module), "%.*s", STR_ARG(record->module));
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
    char message[LOG_MESSAGE_BYTES], text[LOG_LINE_BYTES];
    struct log_record record = {
        .time_us = clock_now_us(), .level = level, .module = log_module(file), .line = line};
    va_list args;

    CHECK((unsigned)level < ARRAY_COUNT(log_levels));
    atomic_fetch_add_explicit(&log_counts[level], 1, memory_order_relaxed);
    if (log_name[0] == '\0')
        (void)pthread_getname_np(pthread_self(), log_name, sizeof(log_name));
    va_start(args, format);
    int length = vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    CHECK(length >= 0);
    record.message = str_from(message, (size_t)length);
    if (record.message.size >= sizeof(message))
        record.message = utf8_cut(str_from(message, sizeof(message) - 1), SIZE_MAX);
    for (size_t i = 0; i < record.message.size; i++)
        if ((unsigned char)message[i] < 0x20 || message[i] == 0x7f)
            message[i] = ' ';

    pthread_mutex_lock(&log_state.mutex);
    size_t size = log_state.format == LOG_JSON ? log_format_json(text, &record)
                                               : log_format_text(text, &record);
    log_remember(&record);
    if (log_state.console)
        log_write_console(level, text, size);
    log_write_file(text, size);
    pthread_mutex_unlock(&log_state.mutex);
}

enum log_level log_quota_take(struct log_quota *quota)
{
    int64_t minute = clock_now_us() / 60000000;
    uint64_t left_out = 0;

    CHECK(quota->what != NULL);
    pthread_mutex_lock(&log_state.mutex);
    if (quota->minute != minute) {
        left_out = quota->left_out;
        *quota = (struct log_quota){.what = quota->what, .minute = minute};
    }
    bool shows = quota->shown < LOG_QUOTA_LINES;
    if (shows)
        quota->shown++;
    else
        quota->left_out++;
    pthread_mutex_unlock(&log_state.mutex);
    if (left_out > 0)
        log_info("%llu more %s are not in the log", (unsigned long long)left_out, quota->what);
    return shows ? LOG_INFO : LOG_DEBUG;
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
