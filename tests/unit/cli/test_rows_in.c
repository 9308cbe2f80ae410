/* test_rows_in.c — CSV, JSON and JSON lines as import reads them; mutated files never do harm.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/mem.h"
#include "cli/rows_in.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/kalam-rows-XXXXXX";

static void put(const char *data, size_t size)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* All rows as `name=value,name=value;`, NULL as nothing behind the sign; the problem behind `!`. */
static char *read_all(const char *data, size_t size, enum file_kind kind)
{
    struct buf out, problem;
    struct rows_in *rows;
    enum rows_step step = ROWS_BAD;
    struct str value;
    size_t length;

    put(data, size);
    buf_init(&out);
    buf_init(&problem);
    rows = rows_in_open(path, kind, &problem);
    while (rows && (step = rows_in_next(rows, &problem)) == ROWS_ROW) {
        for (size_t c = 0; c < rows_in_columns(rows); c++) {
            buf_printf(&out, "%s%.*s=", c > 0 ? "," : "", STR_ARG(rows_in_name(rows, c)));
            if (rows_in_value(rows, c, &value))
                buf_printf(&out, "[%.*s]", STR_ARG(value));
        }
        buf_append_byte(&out, ';');
    }
    if (!rows || step == ROWS_BAD)
        buf_printf(&out, "!%.*s", STR_ARG(buf_str(&problem)));
    assert_true(step == ROWS_END || problem.size > 0);
    rows_in_close(rows);
    buf_clear(&problem);
    buf_append_byte(&out, 0);
    return buf_take(&out, &length);
}

static void expect(const char *text, enum file_kind kind, const char *wanted)
{
    char *got = read_all(text, strlen(text), kind);

    if (strcmp(got, wanted) != 0)
        fail_msg("%s\ngave %s\nwanted %s", text, got, wanted);
    mem_free(got);
}

static void test_csv(void **state)
{
    expect("a,b\n1,x\n", FILE_CSV, "a=[1],b=[x];");
    expect("a,b\r\n1,\r\n\"\",\"x\"\r\n", FILE_CSV, "a=[1],b=;a=[],b=[x];");
    expect("\xef\xbb\xbf"
           "a\n1",
           FILE_CSV, "a=[1];");
    expect("a,b\n\"1,\"\"2\"\"\n3\",x\n\n\n4,y\n", FILE_CSV, "a=[1,\"2\"\n3],b=[x];a=[4],b=[y];");
    expect("a\n\n1\n", FILE_CSV, "a=;a=[1];"); /* in one column an empty line is NULL */
    expect("a,b\n", FILE_CSV, "");
    expect("a,b\n1\n", FILE_CSV, "!line 2: 1 fields, the header has 2");
    expect("a,b\n1,2,3\n", FILE_CSV, "!line 2: 3 fields, the header has 2");
    expect("a\n1\"2\n", FILE_CSV, "!line 2: not CSV: a quote is wrong or missing");
    expect("a\n\"1\" \n", FILE_CSV, "!line 2: not CSV: a quote is wrong or missing");
    expect("a\n\xff\n", FILE_CSV, "!line 3: not UTF-8 text");
}

static void test_json(void **state)
{
    expect("[]", FILE_JSON, "");
    expect(" [ {\"a\" : 1 , \"b\":\"x\"} , {\"b\":null,\"a\":true} ] ", FILE_JSON,
           "a=[1],b=[x];a=[true],b=;");
    expect("[{\"a\":{\"k\":[1,\"}\\\"\"]}},{\"a\":[]}]", FILE_JSON,
           "a=[{\"k\":[1,\"}\\\"\"]}];a=[[]];");
    expect("[{\"a\":\"\\u00e9\\ud83d\\udc0e\\n\\/\"}]", FILE_JSON, "a=[é🐎\n/];");
    expect("[{\"a\":-1.5e3},{}]", FILE_JSON, "a=[-1.5e3];a=;");
    expect("[{\"a\":1}", FILE_JSON, "a=[1];!line 1: the file ends within the array");
    expect("[{\"a\":1},\n{\"c\":1}]", FILE_JSON, "a=[1];!line 2: the first object has no \"c\"");
    expect("[{\"a\":1}]\n[]\n[{\"a\":2},{\"a\":3}]\n", FILE_JSON, "a=[1];a=[2];a=[3];");
    expect("[{\"a\":1}]\n[{\"b\":2}]", FILE_JSON, "a=[1];!line 2: the first object has no \"b\"");
    expect("[{\"a\":1}]\n\n,", FILE_JSON, "a=[1];!line 3: an object was expected");
    expect("[{\"a\":1}]\n[", FILE_JSON, "a=[1];!line 2: the file ends within the array");
    expect("[{\"a\":1},[{\"a\":2}]]", FILE_JSON, "a=[1];!line 1: an object was expected");
    expect("[,{\"a\":1}]", FILE_JSON, "!line 1: an object was expected");
    expect("[{\"a\":tru}]", FILE_JSON, "!line 1: not JSON");
    expect("[{\"a\":\"\\u0000\"}]", FILE_JSON, "!line 1: not JSON");
    expect("[{\"a\" 1}]", FILE_JSON, "!line 1: not JSON");
    expect("\xef\xbb\xbf[{\"a\":1}]", FILE_JSON, "a=[1];");
    expect("[{\"a\":1}\n{\"a\":2}]", FILE_JSON,
           "a=[1];!line 2: a comma was expected between two objects");
    expect("[{\"a\":1},]", FILE_JSON, "a=[1];!line 1: an object was expected");
    expect("[{\"a\":1,}]", FILE_JSON, "!line 1: not JSON");
    expect("[{}]", FILE_JSON, "!line 1: an object without members");
    static const char *const numbers[] = {"01", "-", "-01", "1.", ".5", "1e", "1e+", "+1", "1x"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char text[32];
        snprintf(text, sizeof text, "[{\"a\":%s}]", numbers[i]);
        expect(text, FILE_JSON, "!line 1: not JSON");
    }
    expect("[{\"a\":0,\"b\":-0.5,\"c\":10E+2}]", FILE_JSON, "a=[0],b=[-0.5],c=[10E+2];");
    expect("{\"a\":1}\n{\"a\":2}\n", FILE_JSONL, "a=[1];a=[2];");
    expect("{\"a\":1}\n\nx\n", FILE_JSONL, "a=[1];!line 3: an object was expected");
}

static void test_kinds(void **state)
{
    enum file_kind kind;

    assert_true(file_kind_of_path("a.b/c.csv", &kind) && kind == FILE_CSV);
    assert_true(file_kind_of_path("x.ndjson", &kind) && kind == FILE_JSONL);
    assert_true(file_kind_of_path("x.parquet", &kind) && kind == FILE_PARQUET);
    assert_false(file_kind_of_path("x.txt", &kind));
    assert_false(file_kind_of_path("csv", &kind));
}

static void test_mutated_files_do_no_harm(void **state)
{
    static const char *const seeds[] = {
        "a,b\r\n1,\"x\"\"y\"\r\n,\n",
        "[{\"a\":1,\"b\":\"\\ud83d\\udc0e\"},{\"b\":{\"k\":[null]},\"a\":false}]",
        "{\"a\":1}\n{\"a\":\"x\"}\n"};
    static const char bytes[] = "\",\n\r[]{}:\\u0\xff\xc3 \x01nt1-";
    unsigned random = 12345;
    char text[128];

    for (int i = 0; i < 6000; i++) {
        const char *seed = seeds[i % 3];
        size_t size = strlen(seed);
        memcpy(text, seed, size);
        for (int flips = 0; flips < 1 + i % 3; flips++) {
            random = random * 1103515245 + 12345;
            text[random / 65536 % size] = bytes[random / 256 % (sizeof bytes - 1)];
        }
        if (i % 5 == 0)
            size -= random / 1024 % size;
        char *got = read_all(text, size, (enum file_kind)(i % 3));
        mem_free(got);
    }
}

static int make_file(void **state)
{
    int fd = mkstemp(path);

    return fd < 0 ? -1 : close(fd);
}

static int drop_file(void **state)
{
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_mutated_files_do_no_harm),
    };

    return cmocka_run_group_tests(tests, make_file, drop_file);
}
