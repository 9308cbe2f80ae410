/* log.h — log lines `[2025-10-14 16:48:54.208] [INFO ] [thread - module:line] - message`, or one of
 * the other forms, to console and file with rotation by size and age. Any thread. Secrets are never
 * handed to it.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/error.h"
#include "base/macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_TRACE };

enum log_format { LOG_COMPACT, LOG_PRETTY, LOG_JSON };

struct log_options {
    enum log_level level;
    enum log_format format;
    bool console;          /* stderr, coloured on a terminal */
    const char *file_path; /* NULL or "" = none; folders are made */
    size_t file_bytes_max; /* rotates to .1 … .keep */
    unsigned keep_files;
    unsigned file_hours_max; /* rotates by age too; 0 = never */
};

/* Before it is called lines go to stderr at level info. */
enum status log_init(const struct log_options *options, struct error *err) MUST_CHECK;
void log_close(void);
/* Goes on in a new file under the same path, for whoever has moved the old one away. On failure the
 * old one stays. Nothing to do without a file. */
enum status log_reopen(struct error *err) MUST_CHECK;
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
uint64_t log_count(enum log_level level); /* lines written since the start */
void log_thread_name(
    const char *name); /* name of the calling thread in lines and in ps; ≤ 15 bytes */
bool log_level_parse(const char *text, enum log_level *level);
bool log_format_parse(const char *text, enum log_format *format);
void log_write(enum log_level level, const char *file, int line, const char *format, ...)
    PRINTF_LIKE(4, 5);
/* Lines that strangers cause, as many as they like: LOG_QUOTA_LINES a minute are for level info,
 * further ones for debug. The first line of a later minute comes behind one with their number. */
enum { LOG_QUOTA_LINES = 100 };
struct log_quota { /* static, {.what = "refused requests"} */
    const char *what;
    int64_t minute; /* the rest is guarded by the log */
    unsigned shown;
    uint64_t left_out;
};
/* The level of the next line; LOG_AT takes it from a variable. */
enum log_level log_quota_take(struct log_quota *quota);
/* Read everywhere, changed by log_init and log_set_level only. */
extern _Atomic enum log_level log_threshold;

/* One of the last LOG_RECENT_LINES lines, kept in memory for whoever looks into a running process.
 */
enum { LOG_RECENT_LINES = 10000, LOG_RECENT_BYTES = 448 };
struct log_line {
    int64_t time_us;
    enum log_level level;
    int line;
    char thread[16], module[32];
    char message[LOG_RECENT_BYTES]; /* longer ones end with "…"; the log file has them whole */
};
/* Copies at most `capacity` lines, oldest first, starting with number *next (0 = the oldest one
 * kept) and moves *next behind them; fewer at the end. Any thread. */
size_t log_recent(uint64_t *next, struct log_line *out, size_t capacity);
const char *log_level_name(enum log_level level); /* "info" */

/* For base/check and base/mem: to stderr and the log file just before the process ends; allocates
 * nothing. */
void log_last_words(const char *file, int line, const char *message);

#define LOG_AT(level, ...) \
    ((level) <= log_threshold ? log_write((level), __FILE__, __LINE__, __VA_ARGS__) : (void)0)
#define log_error(...) LOG_AT(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) LOG_AT(LOG_WARN, __VA_ARGS__)
#define log_info(...) LOG_AT(LOG_INFO, __VA_ARGS__)
#define log_debug(...) LOG_AT(LOG_DEBUG, __VA_ARGS__)

#endif
