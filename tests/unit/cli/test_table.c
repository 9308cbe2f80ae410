/* test_table.c — boxes, records, Markdown, widths, messages.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli/output.h"
#include "cli/width.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *names[] = {"id", "title"};
static const bool right[] = {true, false};
static const char *cells[] = {"1", "Tea", "22", "日本", "3", NULL, "4", "e\xCC\x81\n\x1b[2J"};
static const struct grid grid = {
    .column_count = 2, .row_count = 4, .names = names, .right = right, .cells = cells};

static void expect_text(bool (*print)(FILE *, const struct grid *, const struct output_style *),
                        const struct output_style *style, const char *expected)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_true(print(out, &grid, style));
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
}

static void test_box(void **state)
{
    expect_text(table_print, &(struct output_style){.expanded = CHOICE_OFF},
                "+----+------------+\n"
                "| id | title      |\n"
                "+----+------------+\n"
                "|  1 | Tea        |\n"
                "| 22 | 日本       |\n"
                "|  3 | NULL       |\n"
                "|  4 | e\xCC\x81\\n\\x1b[2J |\n"
                "+----+------------+\n");
}

static void test_box_fits_the_terminal(void **state)
{
    expect_text(table_print, &(struct output_style){.expanded = CHOICE_OFF, .width_max = 13},
                "+----+------+\n"
                "| id | tit… |\n"
                "+----+------+\n"
                "|  1 | Tea  |\n"
                "| 22 | 日本 |\n"
                "|  3 | NULL |\n"
                "|  4 | e\xCC\x81\\n… |\n"
                "+----+------+\n");
}

static int asked;
static bool no_more(void)
{
    asked++;
    return false;
}

static void test_pages_end_when_told(void **state)
{
    asked = 0;
    expect_text(table_print,
                &(struct output_style){.expanded = CHOICE_OFF, .page_rows = 1, .more = no_more},
                "+----+------------+\n"
                "| id | title      |\n"
                "+----+------------+\n"
                "|  1 | Tea        |\n"
                "+----+------------+\n");
    assert_int_equal(asked, 1);
}

static void test_records(void **state)
{
    const char *expected = "-[ RECORD 1 ]-\nid    | 1\ntitle | Tea\n"
                           "-[ RECORD 2 ]-\nid    | 22\ntitle | 日本\n"
                           "-[ RECORD 3 ]-\nid    | 3\ntitle | NULL\n"
                           "-[ RECORD 4 ]-\nid    | 4\ntitle | e\xCC\x81\\n\\x1b[2J\n";

    expect_text(table_print_expanded, &(struct output_style){0}, expected);
    /* auto: a table too wide becomes records */
    expect_text(table_print, &(struct output_style){.expanded = CHOICE_AUTO, .width_max = 12},
                expected);
}

static bool print_markdown(FILE *out, const struct grid *table, const struct output_style *style)
{
    return table_print_markdown(out, table, style);
}

static void test_markdown(void **state)
{
    expect_text(print_markdown, &(struct output_style){0},
                "| id | title |\n| ---: | --- |\n| 1 | Tea |\n| 22 | 日本 |\n| 3 | NULL |\n"
                "| 4 | e\xCC\x81<br> [2J |\n");
}

static void test_widths(void **state)
{
    struct buf out;

    assert_int_equal(width_of(STR_LIT("abc")), 3);
    assert_int_equal(width_of(STR_LIT("日本")), 4);
    assert_int_equal(width_of(STR_LIT("e\xCC\x81")), 1);
    buf_init(&out);
    width_append(&out, STR_LIT("日本語"), 4, false); /* a wide one is not cut in half */
    assert_true(str_equal(buf_str(&out), STR_LIT("日… ")));
    buf_reset(&out);
    width_append_clean(&out, STR_LIT("a\xff\t\r\x7f"));
    assert_true(str_equal(buf_str(&out), STR_LIT("a\xEF\xBF\xBD\\t\\r\\x7f")));
    buf_reset(&out);
    width_append_lines(&out, STR_LIT("a\r\n\rb\n\xC2\x9B\x1b["), false);
    assert_true(str_equal(buf_str(&out), STR_LIT("a\r\n\\rb\n\\x9b\\x1b[")));
    buf_reset(&out);
    width_append_lines(&out, STR_LIT("\"\x7f\"\n"), true);
    assert_true(str_equal(buf_str(&out), STR_LIT("\"\\u007f\"\n")));
    buf_clear(&out);
}

static void expect_message(const char *from, const char *to)
{
    struct buf out;

    buf_init(&out);
    output_message(&out, from);
    if (!str_equal(buf_str(&out), str_from_c(to)))
        fail_msg("%.*s instead of %s", STR_ARG(buf_str(&out)), to);
    buf_clear(&out);
}

static void test_messages(void **state)
{
    expect_message("Inserted 1 row(s)", "1 row inserted.");
    expect_message("Updated 0 row(s)", "0 rows updated.");
    expect_message("Deleted 12 row(s)", "12 rows deleted.");
    expect_message("Inserted x row(s)", "Inserted x row(s)");
    expect_message("Namespace 'a' created", "Namespace 'a' created");
    expect_message("Inserted  row(s)", "Inserted  row(s)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_box),
        cmocka_unit_test(test_box_fits_the_terminal),
        cmocka_unit_test(test_pages_end_when_told),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_markdown),
        cmocka_unit_test(test_widths),
        cmocka_unit_test(test_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
