/* test_static_files.c — a folder read into memory: names, types, compressed forms, refusals.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/net_internal.h"
#include "net/static_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static void put(const char *folder, const char *name, const char *text)
{
    char path[300];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void test_static_files__found_by_name(void **state)
{
    char folder[] = "/tmp/kalam-static-XXXXXX", inner[64];
    struct static_files *files = NULL;
    struct error err;

    error_clear(&err);
    assert_non_null(mkdtemp(folder));
    assert_int_equal(static_files_open(folder, &files, &err), STATUS_NOT_FOUND);
    (void)snprintf(inner, sizeof(inner), "%s/assets", folder);
    assert_int_equal(mkdir(inner, 0755), 0);
    put(folder, "index.html", "page");
    put(folder, "empty.css", "");
    put(folder, "alone.gz", "no plain file");
    put(inner, "b.js", "script");
    put(inner, "b.js.gz", "squeezed");
    assert_int_equal(static_files_open(folder, &files, &err), STATUS_OK);
    const struct static_file *page = static_files_find(files, STR_LIT("index.html"));
    assert_non_null(page);
    assert_true(str_equal(page->body, STR_LIT("page")));
    assert_int_equal(page->gzip.size, 0);
    assert_false(page->is_hashed);
    const struct static_file *script = static_files_find(files, STR_LIT("assets/b.js"));
    assert_non_null(script);
    assert_true(str_equal(script->gzip, STR_LIT("squeezed")));
    assert_string_equal(script->content_type, "text/javascript; charset=utf-8");
    assert_true(script->is_hashed);
    assert_string_not_equal(script->etag, page->etag);
    assert_int_equal(static_files_find(files, STR_LIT("empty.css"))->body.size, 0);
    assert_null(static_files_find(files, STR_LIT("assets/b.js.gz")));
    assert_null(static_files_find(files, STR_LIT("alone.gz")));
    assert_null(static_files_find(files, STR_LIT("assets")));
    assert_null(static_files_find(files, STR_LIT("")));
    static_files_close(files);
}

static void test_static_files__no_folder(void **state)
{
    struct static_files *files = NULL;
    struct error err;

    error_clear(&err);
    assert_int_not_equal(static_files_open("/nonexistent/ui", &files, &err), STATUS_OK);
    assert_null(files);
}

static void test_http_console__accepts_gzip(void **state)
{
    assert_true(http_accepts_gzip(STR_LIT("gzip")));
    assert_true(http_accepts_gzip(STR_LIT("deflate, GZip ; q=0.3,br")));
    assert_false(http_accepts_gzip(STR_LIT("")));
    assert_false(http_accepts_gzip(str_from(NULL, 0)));
    assert_false(http_accepts_gzip(STR_LIT("gzip;q=0, br")));
    assert_false(http_accepts_gzip(STR_LIT("notgzip,,")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_static_files__found_by_name),
        cmocka_unit_test(test_static_files__no_folder),
        cmocka_unit_test(test_http_console__accepts_gzip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
