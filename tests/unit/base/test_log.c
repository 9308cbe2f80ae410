/* test_log.c — lines, levels, rotation, whole lines from many threads.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/base/support.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"

#include <sys/stat.h>

static char folder[] = "/tmp/kalam_log_XXXXXX";

static char *path_in_folder(const char *name)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

/* Content of a file of the folder, or "" if there is none. */
static const char *content_of(const char *name)
{
    static char content[400000];
    FILE *file = fopen(path_in_folder(name), "r");
    size_t size = 0;

    if (file != NULL) {
        size = fread(content, 1, sizeof(content) - 1, file);
        fclose(file);
    }
    content[size] = '\0';
    return content;
}

static void open_log(const char *name, size_t bytes_max, unsigned keep, unsigned hours)
{
    struct log_options options = {.level = LOG_INFO,
                                  .file_path = path_in_folder(name),
                                  .file_bytes_max = bytes_max,
                                  .keep_files = keep,
                                  .file_hours_max = hours};
    struct error err;

    assert_int_equal(log_init(&options, &err), STATUS_OK);
}

static void test_log__line(void **state)
{
    open_log("deep/er/line.log", 0, 0, 0);
    log_thread_name("tester");
    clock_fake(INT64_C(1760460534208000));
    log_info("hello %d\nforged", 7);
    log_debug("below the threshold");
    clock_fake(-1);
    log_close();
    const char *content = content_of("deep/er/line.log");
    const char *start = "[2025-10-14 16:48:54.208] [INFO ] [tester - test_log:";
    assert_memory_equal(content, start, strlen(start));
    assert_non_null(strstr(content, "] - hello 7 forged\n"));
    assert_null(strstr(content, "below"));
}

static void test_log__long_lines_are_cut(void **state)
{
    char *text = calloc(1, 10000);

    memset(text, 'x', 9999);
    open_log("long.log", 0, 0, 0);
    log_error("%s", text);
    log_error("next");
    log_close();
    const char *content = content_of("long.log");
    const char *end = strchr(content, '\n');
    assert_true(end - content > 4000 && end - content < 4096);
    assert_non_null(strstr(end, "next"));
    free(text);
}

static void test_log__rotation_by_size(void **state)
{
    open_log("size.log", 300, 2, 0);
    for (int i = 0; i < 20; i++)
        log_info("number %02d", i);
    log_close();
    assert_non_null(strstr(content_of("size.log"), "number 19"));
    assert_true(strlen(content_of("size.log")) <= 300);
    assert_true(strlen(content_of("size.log.1")) > 0);
    assert_true(strlen(content_of("size.log.2")) > 0);
    assert_true(strlen(content_of("size.log.3")) == 0);
}

static void test_log__rotation_by_age(void **state)
{
    int64_t now_us = clock_now_us();

    open_log("age.log", 0, 1, 24);
    log_info("old");
    clock_fake(now_us + INT64_C(25) * 3600 * 1000000);
    log_info("new");
    clock_fake(-1);
    log_close();
    assert_null(strstr(content_of("age.log"), "old"));
    assert_non_null(strstr(content_of("age.log.1"), "old"));
}

static void test_log__forms(void **state)
{
    struct log_options options = {.level = LOG_INFO, .format = LOG_JSON};
    struct error err;
    char *text = calloc(1, 10000);

    options.file_path = path_in_folder("json.log");
    assert_int_equal(log_init(&options, &err), STATUS_OK);
    log_thread_name("tes\"ter");
    clock_fake(INT64_C(1760460534208000));
    log_warn("say \"hi\" to C:\\\n\xc3\xa4 \xff\xc3");
    memset(text, '"', 9999);
    log_info("%s", text);
    log_close();
    const char *content = content_of("json.log");
    const char *start = "{\"timestamp\":\"2025-10-14T16:48:54.208Z\",\"level\":\"warn\","
                        "\"thread\":\"tes\\\"ter\",\"target\":\"test_log\",\"line\":";
    assert_memory_equal(content, start, strlen(start));
    assert_non_null(strstr(content, "\"message\":\"say \\\"hi\\\" to C:\\\\ \xc3\xa4 ?"
                                    "?\"}\n"));
    const char *second = strchr(content, '\n') + 1;
    assert_true(strlen(second) > 7900 && strcmp(second + strlen(second) - 4, "\"\"}\n") == 0);

    options.format = LOG_PRETTY;
    options.file_path = path_in_folder("pretty.log");
    assert_int_equal(log_init(&options, &err), STATUS_OK);
    log_thread_name("tester");
    log_info("hello");
    clock_fake(-1);
    log_close();
    content = content_of("pretty.log");
    start = "2025-10-14 16:48:54.208  INFO   hello\n    at test_log:";
    assert_memory_equal(content, start, strlen(start));
    assert_non_null(strstr(content, " in tester\n"));
    free(text);
}

static void test_log__reopen_and_level(void **state)
{
    char moved[256];
    struct error err;

    open_log("reopen.log", 0, 0, 0);
    log_info("first");
    snprintf(moved, sizeof(moved), "%s", path_in_folder("moved.log"));
    assert_int_equal(rename(path_in_folder("reopen.log"), moved), 0);
    log_info("second");
    assert_int_equal(log_reopen(&err), STATUS_OK);
    log_set_level(LOG_WARN);
    log_info("hidden");
    log_warn("third");
    log_close();
    assert_non_null(strstr(content_of("moved.log"), "second"));
    assert_non_null(strstr(content_of("reopen.log"), "third"));
    assert_null(strstr(content_of("reopen.log"), "hidden"));
    assert_int_equal(log_reopen(&err), STATUS_OK); /* no file: nothing to do */
    assert_int_equal(log_get_level(), LOG_INFO);   /* closing goes back to the start */
}

enum { TASKS = 200 };

static void write_line(struct task *task)
{
    (void)task;
    log_info("begin %s end", "0123456789012345678901234567890123456789");
}

static void test_log__threads_write_whole_lines(void **state)
{
    static struct task tasks[TASKS];

    open_log("threads.log", 0, 0, 0);
    struct worker_pool *pool = worker_pool_start("log", 4, 0, 0);
    for (int i = 0; i < TASKS; i++) {
        tasks[i].run = write_line;
        worker_pool_post(pool, &tasks[i]);
    }
    worker_pool_stop(pool);
    log_close();
    const char *line = content_of("threads.log");
    int lines = 0;
    for (; *line != '\0'; line = strchr(line, '\n') + 1) {
        assert_int_equal(*line, '[');
        assert_memory_equal(strchr(line, '\n') - 4, " end", 4);
        assert_non_null(strstr(line, "[log-"));
        lines++;
    }
    assert_int_equal(lines, TASKS);
}

/* What strangers cause: a hundred lines a minute, the others counted. */
static void test_log__quota_of_a_minute(void **state)
{
    static struct log_quota quota = {.what = "refused guests"};
    const int64_t minute = INT64_C(1760460540000000);
    char left_out[64];

    open_log("quota.log", 0, 0, 0);
    for (int i = 0; i < LOG_QUOTA_LINES + 7; i++) {
        clock_fake(minute + i);
        enum log_level level = log_quota_take(&quota);
        assert_int_equal(level, i < LOG_QUOTA_LINES ? LOG_INFO : LOG_DEBUG);
        LOG_AT(level, "guest %d.", i);
    }
    (void)snprintf(left_out, sizeof(left_out), "guest %d.", LOG_QUOTA_LINES - 1);
    assert_non_null(strstr(content_of("quota.log"), left_out));
    (void)snprintf(left_out, sizeof(left_out), "guest %d.", LOG_QUOTA_LINES);
    assert_null(strstr(content_of("quota.log"), left_out));
    assert_null(strstr(content_of("quota.log"), "more refused guests"));
    clock_fake(minute + 60000000);
    assert_int_equal(log_quota_take(&quota), LOG_INFO);
    assert_non_null(strstr(content_of("quota.log"), "- 7 more refused guests are not in the log"));
    clock_fake(minute + 120000000);
    assert_int_equal(log_quota_take(&quota), LOG_INFO);
    clock_fake(-1);
    log_close();
    const char *content = content_of("quota.log");
    assert_null(strstr(strstr(content, "more refused guests") + 1, "more refused guests"));
}

static void test_log__options(void **state)
{
    struct log_options unwritable = {.file_path = "/proc/nothing/x.log"};
    enum log_level level;
    struct error err;

    assert_int_equal(log_init(&unwritable, &err), STATUS_IO_FAILED);
    log_close();
    assert_true(log_level_parse("WARN", &level) && level == LOG_WARN);
    assert_true(log_level_parse("warning", &level) && level == LOG_WARN);
    assert_true(log_level_parse("trace", &level) && level == LOG_TRACE);
    assert_false(log_level_parse("loud", &level));
}

/* The newest line kept in memory. */
static struct log_line newest_line(size_t *kept)
{
    static struct log_line lines[64];
    struct log_line last = {0};
    uint64_t next = 0;
    size_t count;

    *kept = 0;
    while ((count = log_recent(&next, lines, 64)) > 0) {
        last = lines[count - 1];
        *kept += count;
    }
    return last;
}

static void test_log__recent_lines_are_kept(void **state)
{
    struct log_line line;
    char text[2048];
    size_t kept, before;
    uint64_t next = 0;
    (void)state;

    open_log("recent.log", 0, 0, 0);
    (void)newest_line(&before);
    log_warn("the %dst", 1);
    log_debug("below the level");
    line = newest_line(&kept);
    assert_int_equal(kept, before + 1);
    assert_string_equal(line.message, "the 1st");
    assert_string_equal(line.module, "test_log");
    assert_string_equal(log_level_name(line.level), "warn");
    assert_true(line.line > 0 && line.thread[0] != '\0');
    assert_true(clock_now_us() - line.time_us < 60 * 1000000);

    memset(text, 'x', sizeof(text));
    memcpy(text + LOG_RECENT_BYTES - 7, "\xe2\x82\xac\xe2\x82\xac", 6); /* no half character */
    text[sizeof(text) - 1] = '\0';
    log_warn("%s", text);
    line = newest_line(&kept);
    assert_true(strlen(line.message) < LOG_RECENT_BYTES);
    assert_string_equal(line.message + strlen(line.message) - 6, "€…");

    for (int i = 0; i < LOG_RECENT_LINES + 5; i++)
        log_warn("line %d", i);
    line = newest_line(&kept);
    assert_int_equal(kept, LOG_RECENT_LINES);
    assert_string_equal(line.message, "line 10004");
    assert_int_equal(log_recent(&next, &line, 1), 1);
    assert_string_equal(line.message, "line 5"); /* the oldest one kept */
    log_close();
}

static int make_folder(void **state)
{
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[300];

    snprintf(command, sizeof(command), "rm -r '%s'", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log__line),
        cmocka_unit_test(test_log__long_lines_are_cut),
        cmocka_unit_test(test_log__rotation_by_size),
        cmocka_unit_test(test_log__rotation_by_age),
        cmocka_unit_test(test_log__forms),
        cmocka_unit_test(test_log__reopen_and_level),
        cmocka_unit_test(test_log__threads_write_whole_lines),
        cmocka_unit_test(test_log__recent_lines_are_kept),
        cmocka_unit_test(test_log__quota_of_a_minute),
        cmocka_unit_test(test_log__options),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
