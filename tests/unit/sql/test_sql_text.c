/* test_sql_text.c — runs tests/sql/<area>/<case>.sql and compares everything that comes out with
 * <case>.expected; KALAM_UPDATE_EXPECTED=1 writes the files anew. An argument runs only the cases
 * whose path holds it.
 *
 * Each case has its own store in a temporary folder. Lines that start with `--@` speak to the
 * runner:
 *   --@ user ann [role] [namespace]   who runs what follows (root system default at the start)
 *   --@ cold                          flushes every table, so that all rows lie in segments
 *   --@ params 1 'x' 2.5 true NULL    parameters of the next statement
 *   --@ request 2                     what follows belongs to another request (1 at the start),
 * with a transaction of its own
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_fixture.h"

#include "sql/parser.h"
#include "storage/files.h"

#include <ftw.h>

#ifndef KALAM_SQL_TESTS
#define KALAM_SQL_TESTS "tests/sql"
#endif

enum { CASES_MAX = 512, PARAMS_MAX = 16, REQUESTS_MAX = 4, CASE_BYTES_MAX = 1 << 20 };

static char *case_paths[CASES_MAX];
static size_t case_count;
static const char *case_filter;

struct text_case {
    struct sql_fixture fixture;
    struct sql_caller caller;
    struct buf out;
    struct value params[PARAMS_MAX];
    size_t param_count;
    struct transaction *transactions[REQUESTS_MAX];
    size_t request;
    struct arena arena;
};

static struct str case_word(struct str *rest)
{
    *rest = str_trim(*rest);
    size_t size = 0;
    if (rest->size > 0 && rest->data[0] == '\'') {
        size = 1;
        while (size < rest->size && rest->data[size] != '\'')
            size++;
        size += size < rest->size;
    } else {
        while (size < rest->size && rest->data[size] != ' ')
            size++;
    }
    struct str word = str_from(rest->data, size);
    *rest = str_from(rest->data + size, rest->size - size);
    return word;
}

static void case_params(struct text_case *c, struct str rest)
{
    c->param_count = 0;
    for (struct str word = case_word(&rest); word.size > 0; word = case_word(&rest)) {
        struct value *param = &c->params[c->param_count++];
        int64_t integer;
        assert_true(c->param_count <= PARAMS_MAX);
        if (word.data[0] == '\'')
            *param = value_text(VALUE_TEXT,
                                arena_copy(&c->arena, str_from(word.data + 1, word.size - 2)));
        else if (str_equal(word, STR_LIT("NULL")))
            *param = value_null(VALUE_NULL);
        else if (str_equal(word, STR_LIT("true")) || str_equal(word, STR_LIT("false")))
            *param = value_boolean(word.data[0] == 't');
        else if (str_to_int64(word, &integer))
            *param = value_integer(VALUE_BIGINT, integer);
        else
            *param = value_real(VALUE_DOUBLE, strtod(word.data, NULL));
    }
}

static void case_cold(struct text_case *c)
{
    struct view *view = view_acquire(c->fixture.store);
    const struct table *table;

    for (size_t i = 0; (table = catalog_table_at(view_catalog(view), i)) != NULL; i++) {
        char id[96];
        bool existing;
        struct error err;
        if (table->kind == TABLE_KIND_SYSTEM || table->kind == TABLE_KIND_STREAM)
            continue;
        fixture_check(fixture_flush_table(&c->fixture, table->id, id, &existing, &err), &err,
                      "flush");
    }
    view_release(view);
}

static void case_directive(struct text_case *c, struct str line)
{
    struct str rest = line;
    struct str word = case_word(&rest);

    if (str_equal(word, STR_LIT("user"))) {
        struct str user = case_word(&rest), role = case_word(&rest), space = case_word(&rest);
        c->caller = fixture_caller("", ROLE_USER);
        c->caller.user = c->caller.actor = arena_copy(&c->arena, user);
        if (role.size > 0)
            assert_true(role_parse(role, &c->caller.role));
        if (space.size > 0)
            c->caller.space = arena_copy(&c->arena, space);
    } else if (str_equal(word, STR_LIT("cold"))) {
        case_cold(c);
    } else if (str_equal(word, STR_LIT("params"))) {
        case_params(c, rest);
    } else if (str_equal(word, STR_LIT("request"))) {
        int64_t number = 0;
        assert_true(str_to_int64(case_word(&rest), &number) && number > 0 &&
                    number <= REQUESTS_MAX);
        c->request = (size_t)number - 1;
        buf_printf(&c->out, "-- request %d\n\n", (int)number);
    } else if (str_equal(word, STR_LIT("live"))) {
        c->fixture.live_count = 1;
    } else {
        fail_msg("unknown directive: %.*s", STR_ARG(line));
    }
}

static void case_statement(struct text_case *c, struct str text)
{
    struct fixture_call call = {.caller = c->caller,
                                .text = text,
                                .params = c->params,
                                .param_count = c->param_count,
                                .transaction = &c->transactions[c->request]};
    struct fixture_result result;

    buf_printf(&c->out, "> %.*s\n", STR_ARG(str_trim(text)));
    fixture_run(&c->fixture, &call, &result);
    c->param_count = 0;
    buf_append_str(&c->out, buf_str(&result.text));
    if (result.code != STATUS_OK)
        buf_printf(&c->out, "%s: %s\n", status_name(result.code), result.error.message);
    else if (result.outcome.message[0] != '\0')
        buf_printf(&c->out, "%s\n", result.outcome.message);
    buf_append_byte(&c->out, '\n');
    buf_clear(&result.text);
}

static void case_block(struct text_case *c, struct str block)
{
    struct str *statements = NULL;
    struct error err;
    size_t count = 0;
    enum status status = sql_split(block, &c->arena, &statements, &count, &err);

    if (status == STATUS_EMPTY_SQL)
        return;
    fixture_check(status, &err, "sql_split");
    for (size_t i = 0; i < count; i++)
        case_statement(c, statements[i]);
}

static void case_run_text(struct text_case *c, struct str text)
{
    size_t start = 0, at = 0;

    while (at < text.size) {
        struct str rest = str_from(text.data + at, text.size - at);
        size_t end = str_find(rest, STR_LIT("\n"));
        size_t size = end == SIZE_MAX ? rest.size : end + 1;
        if (str_starts_with(rest, STR_LIT("--@"))) {
            case_block(c, str_from(text.data + start, at - start));
            case_directive(c, str_trim(str_from(rest.data + 3, size - 3)));
            start = at + size;
        }
        at += size;
    }
    case_block(c, str_from(text.data + start, text.size - start));
}

static void case_compare(const char *path, struct str got)
{
    char expected_path[512];
    struct buf expected;
    struct error err;

    (void)snprintf(expected_path, sizeof(expected_path), "%.*s.expected", (int)(strlen(path) - 4),
                   path);
    if (getenv("KALAM_UPDATE_EXPECTED") != NULL) {
        fixture_check(file_write_all(expected_path, got, 0644, &err), &err, expected_path);
        return;
    }
    buf_init(&expected);
    fixture_check(file_read_all(expected_path, CASE_BYTES_MAX, &expected, &err), &err,
                  expected_path);
    if (!str_equal(buf_str(&expected), got)) {
        size_t at = 0;
        while (at < got.size && at < expected.size && got.data[at] == expected.data[at])
            at++;
        while (at > 0 && got.data[at - 1] != '>')
            at--;
        fail_msg("%s differs from here:\n%.600s", path, got.data + (at < got.size ? at : 0));
    }
    buf_clear(&expected);
}

static void case_run(const char *path)
{
    struct text_case c = {.caller = fixture_caller("root", ROLE_SYSTEM)};
    struct buf text;
    struct error err;

    buf_init(&text);
    buf_init(&c.out);
    arena_init(&c.arena, 0);
    fixture_check(file_read_all(path, CASE_BYTES_MAX, &text, &err), &err, path);
    fixture_open(&c.fixture, true);
    case_run_text(&c, buf_str(&text));
    for (size_t i = 0; i < REQUESTS_MAX; i++)
        if (c.transactions[i] != NULL)
            fail_msg("%s: a transaction of request %zu is still open", path, i + 1);
    fixture_close(&c.fixture);
    buf_append_byte(&c.out, '\0');
    case_compare(path, str_from(c.out.data, c.out.size - 1));
    arena_clear(&c.arena);
    buf_clear(&c.out);
    buf_clear(&text);
}

static int case_found(const char *path, const struct stat *info, int kind)
{
    (void)info;
    if (kind == FTW_F && str_ends_with(str_from_c(path), STR_LIT(".sql")) &&
        (case_filter == NULL || strstr(path, case_filter) != NULL)) {
        assert_true(case_count < CASES_MAX);
        case_paths[case_count++] = strdup(path);
    }
    return 0;
}

static int case_order(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void test_sql_text__all(void **state)
{
    (void)state;
    assert_int_equal(ftw(KALAM_SQL_TESTS, case_found, 8), 0);
    assert_true(case_count > 0);
    qsort(case_paths, case_count, sizeof(*case_paths), case_order);
    for (size_t i = 0; i < case_count; i++) {
        print_message("           %s\n", case_paths[i]);
        case_run(case_paths[i]);
        free(case_paths[i]);
    }
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sql_text__all)};

    case_filter = count > 1 ? arguments[1] : NULL;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
