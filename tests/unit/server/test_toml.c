/* test_toml.c — documents that Python's tomllib reads must give the same pairs, documents that it
 * refuses must be refused; what TOML allows and we do not is refused by name.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"
#include "server/toml.h"

/* `key=value;` of all entries, strings in quotes. */
static enum status flatten(const char *text, size_t size, struct buf *out, struct error *err)
{
    struct arena arena;
    struct toml toml;

    arena_init(&arena, 0);
    error_clear(err);
    enum status status = toml_parse(str_from(text, size), &arena, &toml, err);
    for (struct toml_entry *entry = status == STATUS_OK ? toml.entries : NULL; entry != NULL;
         entry = entry->next) {
        buf_printf(out, "%.*s=", STR_ARG(entry->key));
        if (entry->kind == TOML_STRING)
            buf_printf(out, "'%.*s'", STR_ARG(entry->text));
        else if (entry->kind == TOML_INTEGER)
            buf_printf(out, "%lld", (long long)entry->integer);
        else if (entry->kind == TOML_BOOLEAN)
            buf_printf(out, "%s", entry->boolean ? "true" : "false");
        for (size_t i = 0; i < entry->item_count; i++)
            buf_printf(out, "[%.*s]", STR_ARG(entry->items[i]));
        buf_append_byte(out, ';');
    }
    arena_clear(&arena);
    return status;
}

static void test_toml__reads_what_tomllib_reads(void **state)
{
    static const struct {
        const char *text, *pairs;
    } cases[] = {
        {"", ""},
        {"# only\n\t # this\r\n", ""},
        {"a = 1", "a=1;"},
        {"a=+1_000\nb = -0\nc = 0x_", NULL},
        {"a=+1_000\nb = -17\n", "a=1000;b=-17;"},
        {"h=0xDEAD_beef\no=0o755\nb=0b1_0", "h=3735928559;o=493;b=2;"},
        {"m = -9223372036854775808\nn = 9223372036854775807",
         "m=-9223372036854775808;n=9223372036854775807;"},
        {"a = true # yes\nb = false\r\n", "a=true;b=false;"},
        {"s = \"q\\\"\\\\\\t\\u00e9\\U0001F680\"", "s='q\"\\\t\xc3\xa9\xf0\x9f\x9a\x80';"},
        {"s = 'C:\\no\\escapes'", "s='C:\\no\\escapes';"},
        {"s = \"\"\nt = ''", "s='';t='';"},
        {"[a]\nb = 1\n[a.c]\nd = 2\n[e]", "a.b=1;a.c.d=2;"},
        {"[a.b.c]\nx = 1\n[a]\ny = 2\n[a.b]\nz = 3", "a.b.c.x=1;a.y=2;a.b.z=3;"},
        {"a.b.c = 1\na.b.d = 2\na.e = 3", "a.b.c=1;a.b.d=2;a.e=3;"},
        {"[t]\na . \"b\" . 'c' = 1", "t.a.b.c=1;"},
        {"[fruit]\napple.color = \"red\"\n[fruit.apple.texture]\nsmooth = true",
         "fruit.apple.color='red';fruit.apple.texture.smooth=true;"},
        {"l = []\nk = [\"a\", 'b',]", "l=;k=[a][b];"},
        {"l = [ # c\n \"a\" # d\n , \n'b'\n]", "l=[a][b];"},
        {"[ x . y ] # c\n1 = 'number'", "x.y.1='number';"},
        {"a-b_c = 1", "a-b_c=1;"},
        {"s = \"tab\there\"", "s='tab\there';"},
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out;
        struct error err;
        buf_init(&out);
        enum status status = flatten(cases[i].text, strlen(cases[i].text), &out, &err);
        if (cases[i].pairs == NULL) {
            assert_int_equal(status, STATUS_INVALID_INPUT);
        } else {
            buf_append_byte(&out, 0);
            assert_string_equal(err.message, "");
            assert_int_equal(status, STATUS_OK);
            assert_string_equal(out.data, cases[i].pairs);
        }
        buf_clear(&out);
    }
}

static void test_toml__refuses_with_line(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[server\n", "line 1: a section without its closing bracket"},
        {"a = 1\n\nb", "line 3: a key without `=`"},
        {"a = ", "line 1: a value must be"},
        {"= 1", "line 1: a key is missing"},
        {"a = 1 b = 2", "line 1: something follows"},
        {"a = 1\ra = 2", "line 1: "},
        {"a = \"open", "line 1: a string without its closing quote"},
        {"a = \"open\nb\"", "line 1: a string without its closing quote"},
        {"a = \"\\x\"", "line 1: an unknown escape"},
        {"a = \"\\ud800\"", "line 1: \\u names no character"},
        {"a = \"\\u12\"", "line 1: \\u needs hexadecimal digits"},
        {"a = \"\x01\"", "line 1: a control character"},
        {"# \x7f", "line 1: a control character"},
        {"a = 01", "line 1: a value must be"},
        {"a = 1__0", "line 1: a value must be"},
        {"a = _1", "line 1: a value must be"},
        {"a = 1_", "line 1: a value must be"},
        {"a = +0x10", "line 1: a value must be"},
        {"a = 9223372036854775808", "line 1: a value must be"},
        {"a = True", "line 1: a value must be"},
        {"a = 1.5", "line 1: a value must be"},
        {"a = 1979-05-27", "line 1: a value must be"},
        {"a = \"\"\"x\"\"\"", "line 1: strings of several lines are not supported"},
        {"a = {b = 1}", "line 1: inline tables are not supported"},
        {"[[a]]", "line 1: arrays of tables are not supported"},
        {"a = [1]", "line 1: arrays hold strings only"},
        {"a = [\"x\" \"y\"]", "line 1: an array without comma"},
        {"a = [\"x\"", "line 1: "},
        {"a = [,]", "line 1: arrays hold strings only"},
        {"a = 1\na = 2", "line 2: a key is defined twice"},
        {"[a]\n[a]", "line 2: a section is defined twice"},
        {"[a]\nb = 1\n[a.b]", "line 3: a section is defined twice"},
        {"a = 1\n[a.b]", "line 2: a value is used as a section"},
        {"a = 1\na.b = 2", "line 2: a dotted key enters"},
        {"[a.b]\nc = 1\n[a]\nb.d = 1", "line 4: a dotted key enters"},
        {"[f]\na.c = 1\n[f.a]", "line 3: a section is defined twice"},
        {"a.b = 1\na = 2", "line 2: a key is defined twice"},
        {"\"a.b\" = 1", "line 1: keys that are empty or hold a dot"},
        {"\"\" = 1", "line 1: keys that are empty or hold a dot"},
        {"[]", "line 1: a key is missing"},
        {"[a.]", "line 1: a key is missing"},
        {"a = \"\xff\"", "line 1: the file is not UTF-8"},
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out;
        struct error err;
        buf_init(&out);
        enum status status = flatten(cases[i].text, strlen(cases[i].text), &out, &err);
        if (status != STATUS_INVALID_INPUT ||
            strncmp(err.message, cases[i].message, strlen(cases[i].message)) != 0)
            fail_msg("case %zu: <%s> gave: %s", i, cases[i].text, err.message);
        buf_clear(&out);
    }
}

static void test_toml__survives_every_cut(void **state)
{
    static const char text[] =
        "[a.b]\nx = \"q\\u00e9\" # c\ny.z = [ 'a',\n\"b\" ]\nn = 0x1F\n[c]\n";

    for (size_t size = 0; size < sizeof(text); size++) {
        struct buf out;
        struct error err;
        buf_init(&out);
        enum status status = flatten(text, size, &out, &err);
        assert_true(status == STATUS_OK || status == STATUS_INVALID_INPUT);
        buf_clear(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_toml__reads_what_tomllib_reads),
        cmocka_unit_test(test_toml__refuses_with_line),
        cmocka_unit_test(test_toml__survives_every_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
