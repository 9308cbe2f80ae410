/* test_files_s3_text.c — percent encoding, canonical query and XML of S3 requests.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage_fixture.h"

#include "storage/s3/files_s3_internal.h"

static void check_encoded(const char *text, bool keep_slash, const char *expected)
{
    struct buf out;

    buf_init(&out);
    s3_encode(str_from_c(text), keep_slash, &out);
    buf_append_byte(&out, 0);
    assert_string_equal(out.data, expected);
    buf_clear(&out);
}

static void test_s3_text__encodes_what_sigv4_wants_encoded(void **state)
{
    check_encoded("azAZ09-._~", true, "azAZ09-._~");
    check_encoded("a/b/c.parquet", true, "a/b/c.parquet");
    check_encoded("a/b", false, "a%2Fb");
    check_encoded(" +&=;?#%\"<>@:,'()*!$", true,
                  "%20%2B%26%3D%3B%3F%23%25%22%3C%3E%40%3A%2C%27%28%29%2A%21%24");
    check_encoded("pré/日本", true, "pr%C3%A9/%E6%97%A5%E6%9C%AC");
    check_encoded("\x01\x7f\xff", true, "%01%7F%FF");
    check_encoded("", true, "");
}

static void check_query(const struct s3_param *params, size_t count, const char *expected)
{
    struct buf out;

    buf_init(&out);
    s3_query(params, count, &out);
    buf_append_byte(&out, 0);
    assert_string_equal(out.data, expected);
    buf_clear(&out);
}

static void test_s3_text__query_is_sorted_and_keeps_equals_signs(void **state)
{
    const struct s3_param uploads[] = {{"uploads", STR_EMPTY}};
    const struct s3_param list[] = {{"prefix", STR_LIT("a b/c")},
                                    {"list-type", STR_LIT("2")},
                                    {"continuation-token", STR_LIT("x+/=")}};
    const struct s3_param part[] = {{"uploadId", STR_LIT("i&d")}, {"partNumber", STR_LIT("10")}};

    check_query(uploads, 1, "uploads=");
    check_query(list, 3, "continuation-token=x%2B%2F%3D&list-type=2&prefix=a%20b%2Fc");
    check_query(part, 2, "partNumber=10&uploadId=i%26d");
    check_query(NULL, 0, "");
}

static void test_s3_text__finds_tags(void **state)
{
    const struct str xml = STR_LIT(
        "<?xml version='1.0'?><R><Contents><Key>a&amp;b&lt;c&gt;&quot;&apos;&#39;&x;</Key><Size>1"
        "</Size></Contents><Contents><Key>second</Key></Contents><Key>outside</Key><Open>");
    struct str block;
    struct buf text;
    size_t at = 0, in = 0;

    buf_init(&text);
    assert_true(s3_xml_block(xml, "Contents", &at, &block));
    assert_true(s3_xml_next(block, "Key", &in, &text));
    assert_true(str_equal(buf_str(&text), STR_LIT("a&b<c>\"''&x;")));
    in = 0;
    assert_true(s3_xml_next(block, "Size", &in, &text));
    assert_true(str_equal(buf_str(&text), STR_LIT("1")));
    assert_true(s3_xml_block(xml, "Contents", &at, &block));
    in = 0;
    assert_false(s3_xml_next(block, "Size", &in, &text));
    assert_false(s3_xml_block(xml, "Contents", &at, &block));
    assert_true(s3_xml_next(xml, "Key", &at, &text));
    assert_true(str_equal(buf_str(&text), STR_LIT("outside")));
    at = 0;
    assert_false(s3_xml_next(xml, "Open", &at, &text)); /* never closed */
    assert_false(s3_xml_next(STR_EMPTY, "Key", &at, &text));
    buf_clear(&text);
}

static void test_s3_text__escapes(void **state)
{
    struct buf out;

    buf_init(&out);
    s3_xml_escape(STR_LIT("\"a&b<c>\""), &out);
    assert_true(str_equal(buf_str(&out), STR_LIT("&quot;a&amp;b&lt;c&gt;&quot;")));
    buf_clear(&out);
}

static void test_s3_text__sha256(void **state)
{
    char hex[65];

    s3_sha256(STR_EMPTY, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    s3_sha256(STR_LIT("abc"), hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void test_s3__refuses_what_cannot_work(void **state)
{
    struct files_cache *cache;
    struct files *files;
    struct error err;
    struct files_s3_options options = {.name = "s@s3://b",
                                       .root = "s3://b",
                                       .access_key = "",
                                       .secret_key = "",
                                       .session_token = "",
                                       .region = "",
                                       .endpoint = ""};

    fixture_check(files_cache_open(fixture_path("cache"), 1 << 20, &cache, &err), &err, __FILE__,
                  __LINE__);
    options.cache = cache;
    assert_int_equal(files_open_s3(&options, &files, &err), STATUS_IO_FAILED);
    assert_non_null(strstr(err.message, "no credentials"));
    options.access_key = "K";
    options.secret_key = "secret-key-value";
    options.root = "s3://";
    assert_int_equal(files_open_s3(&options, &files, &err), STATUS_INVALID_INPUT);
    options.root = "s3://bucket/pre/fix";
    options.endpoint = "http://127.0.0.1:1"; /* nobody listens */
    options.path_style = true;
    fixture_check(files_open_s3(&options, &files, &err), &err, __FILE__, __LINE__);
    uint64_t size;
    assert_int_equal(files_size(files, "a/b", &size, &err), STATUS_IO_FAILED);
    assert_non_null(strstr(err.message, "s3 HEAD"));
    assert_null(strstr(err.message, "secret-key-value"));
    char *staged = NULL;
    char path[1200];
    memset(path, 'x', sizeof(path));
    for (size_t i = 100; i < sizeof(path); i += 100)
        path[i] = '/';
    path[1100] = 0;
    assert_int_equal(files_stage(files, path, &staged, &err), STATUS_INVALID_INPUT);
    assert_int_equal(files_size(files, "../a", &size, &err), STATUS_INVALID_INPUT);
    files_close(files);
    files_cache_close(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_s3_text__encodes_what_sigv4_wants_encoded),
        cmocka_unit_test(test_s3_text__query_is_sorted_and_keeps_equals_signs),
        cmocka_unit_test(test_s3_text__finds_tags),
        cmocka_unit_test(test_s3_text__escapes),
        cmocka_unit_test(test_s3_text__sha256),
        cmocka_unit_test_setup_teardown(test_s3__refuses_what_cannot_work, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
