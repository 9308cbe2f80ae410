/* test_options.c — flags, environment, configuration file, history, completion.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/mem.h"
#include "cli/history.h"
#include "cli/options.h"
#include "cli/toml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char home[] = "/tmp/kalam-test-XXXXXX";

static int set_up(void **state)
{
    assert_non_null(mkdtemp(home));
    setenv("HOME", home, 1);
    unsetenv("KALAM_TOKEN");
    unsetenv("KALAM_APIKEY");
    unsetenv("KALAM_PASSWORD");
    return 0;
}

static int tear_down(void **state)
{
    static const char *const files[] = {".kalam/config.toml", ".kalam/history", ".kalam"};
    char path[512];

    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", home, files[i]);
        remove(path);
    }
    return rmdir(home);
}

static void write_config(const char *text)
{
    char *path = config_path("config.toml", true);

    assert_true(config_write_file(path, str_from_c(text)));
    mem_free(path);
}

static enum cli_exit read_options(struct options *options, struct buf *problem, ...)
{
    char *argv[16] = {"kalam"};
    int argc = 1;
    va_list args;

    va_start(args, problem);
    for (const char *word; (word = va_arg(args, const char *));)
        argv[argc++] = (char *)(uintptr_t)word;
    va_end(args);
    options_init(options);
    return options_read(options, argc, argv, problem);
}

static void test_first_run_makes_the_file(void **state)
{
    char *path = config_path("config.toml", false);
    struct options options;
    struct buf problem;
    struct stat info;

    buf_init(&problem);
    assert_int_equal(read_options(&options, &problem, NULL), CLI_OK);
    assert_string_equal(options.url, "http://localhost:8080");
    assert_int_equal(options.rows_max, 1000);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    options_clear(&options);
    assert_int_equal(read_options(&options, &problem, NULL), CLI_OK); /* its own file is good */
    options_clear(&options);
    buf_clear(&problem);
    mem_free(path);
}

static void test_flags_win(void **state)
{
    struct options options;
    struct buf problem;

    buf_init(&problem);
    write_config(
        "[connection]\nhost = \"db:1\" # comment\nuser = \"anna\"\ntoken = \"f.f.f\"\n"
        "namespace = \"n\\\"s\"\n[output]\nformat = \"csv\"\ncolor = false\nmax_rows = 5\n");
    assert_int_equal(read_options(&options, &problem, NULL), CLI_OK);
    assert_string_equal(options.url, "http://db:1");
    assert_string_equal(options.token, "f.f.f");
    assert_string_equal(options.space, "n\"s");
    assert_int_equal(options.format, FORMAT_CSV);
    assert_int_equal(options.color, CHOICE_OFF);
    assert_int_equal(options.rows_max, 5);
    options_clear(&options);
    setenv("KALAM_APIKEY", "key", 1);
    assert_int_equal(read_options(&options, &problem, "-p", "99", "--json", NULL), CLI_OK);
    assert_string_equal(options.url, "http://db:99");
    assert_string_equal(options.api_key, "key");
    assert_null(options.token); /* of the file, with another caller */
    assert_null(options.user);
    assert_int_equal(options.format, FORMAT_JSON);
    options_clear(&options);
    setenv("KALAM_PASSWORD", "pw", 1);
    assert_int_equal(
        read_options(&options, &problem, "-h", "https://x/", "-u", "lena", "-c", "select 1", NULL),
        CLI_OK);
    assert_string_equal(options.url, "https://x");
    assert_string_equal(options.user, "lena");
    assert_string_equal(options.password, "pw");
    assert_null(options.api_key);
    assert_null(options.token);
    options_clear(&options);
    unsetenv("KALAM_APIKEY");
    unsetenv("KALAM_PASSWORD");
    write_config("");
    buf_clear(&problem);
}

/* A token or key of the file is for the file's server; a file without one means the default. */
static void test_secrets_of_the_file_stay_with_its_host(void **state)
{
    static const struct {
        const char *config, *flag, *value;
        bool goes;
    } cases[] = {
        {"token = \"f.f.f\"\n", NULL, NULL, true},
        {"token = \"f.f.f\"\n", "-p", "8080", true},
        {"token = \"f.f.f\"\n", "-h", "localhost:8080/", true},
        {"token = \"f.f.f\"\n", "-h", "http://other:8080", false},
        {"token = \"f.f.f\"\n", "-p", "99", false},
        {"apikey = \"k\"\n", "-h", "other", false},
        {"host = \"db:1\"\ntoken = \"f.f.f\"\n", "-h", "http://db:1", true},
        {"host = \"db:1\"\napikey = \"k\"\n", "-p", "8080", false},
        {"host = \"db:1\"\ntoken = \"f.f.f\"\n", "-h", "localhost:8080", false},
    };
    struct options options;
    struct buf problem, config;

    buf_init(&problem);
    buf_init(&config);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf_reset(&config);
        buf_printf(&config, "[connection]\nuser = \"anna\"\n%s%c", cases[i].config, 0);
        write_config(config.data);
        assert_int_equal(read_options(&options, &problem, cases[i].flag, cases[i].value, NULL),
                         CLI_OK);
        if ((options.token || options.api_key) != cases[i].goes)
            fail_msg("case %zu: wrong for %s", i, options.url);
        assert_string_equal(options.user, "anna"); /* no secret */
        options_clear(&options);
    }
    write_config("");
    buf_clear(&config);
    buf_clear(&problem);
}

static void test_usage_errors(void **state)
{
    static const char *const wrong[][3] = {
        {"--bogus", NULL, NULL},   {"-p", "0", NULL},
        {"-p", "x", NULL},         {"-c", NULL, NULL},
        {"--format", "xml", NULL}, {"--color=pink", NULL, NULL},
        {"word", NULL, NULL},      {"--max-events", "0", NULL},
        {"-ca", "-fb", NULL},      {"--config", "/nowhere", NULL}};
    struct options options;
    struct buf problem;

    buf_init(&problem);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        buf_reset(&problem);
        assert_int_equal(read_options(&options, &problem, wrong[i][0], wrong[i][1], NULL),
                         CLI_USAGE);
        assert_true(problem.size > 0);
        options_clear(&options);
    }
    buf_clear(&problem);
}

static void test_config_errors_name_line_and_key(void **state)
{
    static const char *const cases[][2] = {
        {"[connection]\nhost = 5\n", "line 2: host: expected a text"},
        {"[connection]\n\nport = \"5\"\n", "line 3: port: unknown key in [connection]"},
        {"[nonsense]\na = 1\n", "line 2: a: unknown section"},
        {"user = \"x\"\n", "line 1: user: a key before any section"},
        {"[output]\nformat = \"xml\"\n", "line 2: format: format is"},
        {"[output]\nmax_rows = 0\n", "line 2: max_rows: max_rows is"},
        {"[output]\ncolor = \"pink\"\n", "line 2: color: color is"},
        {"[output]\nfont = 1\n", "line 2: font: unknown key in [output]"},
        {"[output\n", "line 1: expected ]"},
        {"[connection]\nuser = \"x\n", "line 2: user: the closing quote is missing"},
        {"[connection]\nuser = \"\\q\"\n", "line 2: user: unknown escape"},
        {"[connection]\nuser \"x\"\n", "line 2: user: expected ="},
        {"[connection]\nuser = \"x\" y\n", "line 2: user: unexpected text"},
        {"[connection]\nuser = \"\xff\"\n", "line 2: user: not valid UTF-8"},
        {"[connection]\nuser = maybe\n", "line 2: user: expected a text in double quotes, a whole"},
        {"= 1\n", "line 1: expected a name"},
    };
    struct options options;
    struct buf problem;

    buf_init(&problem);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_config(cases[i][0]);
        buf_reset(&problem);
        assert_int_equal(read_options(&options, &problem, NULL), CLI_USAGE);
        if (str_find(buf_str(&problem), str_from_c(cases[i][1])) == SIZE_MAX)
            fail_msg("%.*s does not say %s", STR_ARG(buf_str(&problem)), cases[i][1]);
        options_clear(&options);
    }
    write_config("");
    buf_clear(&problem);
}

static void test_history(void **state)
{
    char *path = config_path("history", true);
    struct history *history = history_open(path);
    char text[32];

    history_add(history, "select\n'\\n';");
    history_add(history, "select\n'\\n';"); /* a repeat */
    history_add(history, "");
    history_add(history, "ALTER USER x SET Password 'geheim'");
    for (int i = 0; i < 2100; i++) {
        snprintf(text, sizeof text, "select %d;", i);
        history_add(history, text);
    }
    assert_int_equal(history_count(history), 1000);
    history_close(history);
    history = history_open(path); /* 2101 lines: the file is cut to 1000 */
    assert_int_equal(history_count(history), 1000);
    assert_string_equal(history_at(history, 999), "select 2099;");
    history_add(history, "a\nb\\");
    history_close(history);
    history = history_open(path);
    assert_string_equal(history_at(history, 999), "a\nb\\");
    history_wipe(history);
    assert_int_equal(history_count(history), 0);
    assert_int_not_equal(access(path, F_OK), 0);
    history_close(history);
    mem_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_run_makes_the_file),
        cmocka_unit_test(test_flags_win),
        cmocka_unit_test(test_secrets_of_the_file_stay_with_its_host),
        cmocka_unit_test(test_usage_errors),
        cmocka_unit_test(test_config_errors_name_line_and_key),
        cmocka_unit_test(test_history),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
