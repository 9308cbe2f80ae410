/* test_json_writer.c — JSON text: commas, escapes and the encodings of docs/protocol.md.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/wire/support.h"

static void test_json_writer__structure(void **state)
{
    struct buf out = {0};

    json_object_begin(&out);
    json_member_string(&out, STR_LIT("a"), STR_LIT("x"));
    json_key(&out, STR_LIT("b"));
    json_array_begin(&out);
    json_write_integer(&out, INT64_MIN);
    json_write_unsigned(&out, UINT64_MAX);
    json_write_real(&out, 0.1, false);
    json_write_null(&out);
    json_array_begin(&out);
    json_array_end(&out);
    json_object_begin(&out);
    json_object_end(&out);
    json_write_raw(&out, STR_LIT("[7]"));
    json_array_end(&out);
    json_member_boolean(&out, STR_LIT("c"), false);
    json_member_integer(&out, STR_LIT("d"), 0);
    json_object_end(&out);
    assert_buf(&out, "{\"a\":\"x\",\"b\":[-9223372036854775808,18446744073709551615,0.1,null,[],{},"
                     "[7]],\"c\":false,\"d\":0}");
    buf_clear(&out);
}

static void test_json_writer__no_comma_behind_http_headers(void **state)
{
    struct buf out = {0};

    buf_append_str(&out, STR_LIT("Content-Length: 2\r\n\r\n"));
    json_object_begin(&out);
    json_object_end(&out);
    assert_buf(&out, "Content-Length: 2\r\n\r\n{}");
    buf_clear(&out);
}

static void test_json_writer__escapes(void **state)
{
    struct buf out = {0};

    json_write_string(&out, STR_LIT("plain text, longer than eight bytes"));
    json_write_string(&out, STR_LIT("q\" b\\ n\n t\t r\r b\b f\f z\0 u\x1f del\x7f ä😀"));
    assert_buf(&out, "\"plain text, longer than eight bytes\","
                     "\"q\\\" b\\\\ n\\n t\\t r\\r b\\b f\\f z\\u0000 u\\u001f del\x7f ä😀\"");
    buf_clear(&out);
}

/* Every byte at every place of the eight-byte step. */
static void test_json_writer__each_byte_reads_back(void **state)
{
    struct arena arena;
    struct buf out = {0};

    arena_init(&arena, 0);
    for (int c = 0; c < 128; c++) {
        for (size_t place = 0; place < 20; place++) {
            char text[20];
            const struct json *json;
            memset(text, 'x', sizeof(text));
            text[place] = (char)c;
            buf_reset(&out);
            json_write_string(&out, str_from(text, sizeof(text)));
            assert_true(json_is_valid(buf_str(&out)));
            assert_int_equal(json_parse(buf_str(&out), &arena, &json, NULL), STATUS_OK);
            assert_true(str_equal(json->text, str_from(text, sizeof(text))));
        }
        arena_clear(&arena);
    }
    buf_clear(&out);
}

static void test_json_writer__values(void **state)
{
    static const struct {
        enum value_type kind;
        const char *text;
        const char *expected;
    } cases[] = {
        {VALUE_BOOLEAN, "true", "true"},
        {VALUE_SMALLINT, "-5", "-5"},
        {VALUE_INT, "5", "5"},
        {VALUE_BIGINT, "9007199254740993", "\"9007199254740993\""},
        {VALUE_BIGINT, "-9223372036854775808", "\"-9223372036854775808\""},
        {VALUE_FLOAT, "0.1", "0.1"},
        {VALUE_DOUBLE, "1e300", "1e+300"},
        {VALUE_DOUBLE, "2", "2"},
        {VALUE_DECIMAL, "12.5", "\"12.5000000000\""},
        {VALUE_TEXT, "a\"b", "\"a\\\"b\""},
        {VALUE_UUID, "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
         "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\""},
        {VALUE_JSON, "{\"a\":1}", "\"{\\\"a\\\":1}\""},
        {VALUE_BYTES, "\\x00ff10", "[0,255,16]"},
        {VALUE_BYTES, "", "[]"},
        {VALUE_DATE, "1970-01-11", "10"},
        {VALUE_TIME, "00:00:01.5", "1500000"},
        {VALUE_TIMESTAMP, "1969-12-31T23:59:59Z", "-1000000"},
    };
    struct arena arena;
    struct buf out = {0};
    struct value null = value_null(VALUE_BIGINT);

    arena_init(&arena, 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct value value = value_of(cases[i].kind, cases[i].text, &arena);
        buf_reset(&out);
        json_write_value(&out, &value);
        assert_buf(&out, cases[i].expected);
    }
    buf_reset(&out);
    json_write_value(&out, &null);
    assert_buf(&out, "null");
    buf_clear(&out);
    arena_clear(&arena);
}

static void test_json_writer__types(void **state)
{
    struct data_type decimal = {.kind = VALUE_DECIMAL, .precision = 10, .scale = 2};
    struct data_type varchar = {.kind = VALUE_TEXT, .length_max = 20};
    struct data_type bigint = {.kind = VALUE_BIGINT};
    struct buf out = {0};

    json_write_type(&out, &decimal);
    json_write_type(&out, &varchar);
    json_write_type(&out, &bigint);
    assert_buf(&out, "{\"Decimal\":{\"precision\":10,\"scale\":2}},\"Text\",\"BigInt\"");
    buf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_writer__structure),
        cmocka_unit_test(test_json_writer__no_comma_behind_http_headers),
        cmocka_unit_test(test_json_writer__escapes),
        cmocka_unit_test(test_json_writer__each_byte_reads_back),
        cmocka_unit_test(test_json_writer__values),
        cmocka_unit_test(test_json_writer__types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
