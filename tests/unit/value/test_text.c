/* test_text.c — values from text and back, the errors of both, and JSON checking.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/value/support.h"

#include <math.h>

struct parse_case {
    enum value_type kind;
    const char *text;
    const char *expected; /* text form of the result */
};

static void test_text__parses_and_formats(void **state)
{
    static const struct parse_case cases[] = {
        {VALUE_BOOLEAN, " TRUE ", "true"},
        {VALUE_BOOLEAN, "f", "false"},
        {VALUE_SMALLINT, "-32768", "-32768"},
        {VALUE_INT, "+2147483647", "2147483647"},
        {VALUE_BIGINT, " 9223372036854775807\n", "9223372036854775807"},
        {VALUE_BIGINT, "-9223372036854775808", "-9223372036854775808"},
        {VALUE_FLOAT, "0.1", "0.1"},
        {VALUE_FLOAT, "16777217", "1.6777216e+07"},
        {VALUE_FLOAT, "3.4028235e38", "3.4028235e+38"},
        {VALUE_DOUBLE, "0.1", "0.1"},
        {VALUE_DOUBLE, "1e300", "1e+300"},
        {VALUE_DOUBLE, "-0", "-0"},
        {VALUE_DOUBLE, "123456789012345678", "1.2345678901234568e+17"},
        {VALUE_DOUBLE, "5e-324", "5e-324"},
        {VALUE_DOUBLE, "0.0001", "0.0001"},
        {VALUE_DOUBLE, "0.00001", "1e-05"},
        {VALUE_DOUBLE, "100000000000000", "100000000000000"},
        {VALUE_DOUBLE, "1000000000000000", "1e+15"},
        {VALUE_DOUBLE, "2.2250738585072014e-308", "2.2250738585072014e-308"},
        {VALUE_DOUBLE, "0.30000000000000004", "0.30000000000000004"},
        {VALUE_DECIMAL, "12.5", "12.5000000000"},
        {VALUE_DECIMAL, "-0.00000000005", "-0.0000000001"},
        {VALUE_TEXT, "  kept as is ", "  kept as is "},
        {VALUE_UUID, "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
         "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
        {VALUE_JSON, " {\"a\": [1, 2.50]} ", " {\"a\": [1, 2.50]} "},
        {VALUE_BYTES, "\\x00fF", "\\x00ff"},
        {VALUE_BYTES, "0xabcd", "\\xabcd"},
        {VALUE_BYTES, "SGVsbG8=", "\\x48656c6c6f"},
        {VALUE_BYTES, "SGVsbG8h", "\\x48656c6c6f21"},
        {VALUE_BYTES, "SA==", "\\x48"},
        {VALUE_BYTES, "", "\\x"},
        {VALUE_DATE, "2026-02-28", "2026-02-28"},
        {VALUE_DATE, "0001-01-01", "0001-01-01"},
        {VALUE_DATE, "9999-12-31", "9999-12-31"},
        {VALUE_DATE, "2000-02-29", "2000-02-29"},
        {VALUE_DATE, "2000-02-29 23:59:59.9999999", "2000-02-29"},
        {VALUE_DATE, "9999-12-31T23:30-05:00", "9999-12-31"},
        {VALUE_TIME, "23:59:59.999999", "23:59:59.999999"},
        {VALUE_TIME, "00:00:00", "00:00:00"},
        {VALUE_TIME, "12:30", "12:30:00"},
        {VALUE_TIMESTAMP, "2026-01-02T03:04:05.6Z", "2026-01-02 03:04:05.6"},
        {VALUE_TIMESTAMP, "2026-01-02 03:04:05", "2026-01-02 03:04:05"},
        {VALUE_TIMESTAMP, "2026-01-02", "2026-01-02 00:00:00"},
        {VALUE_TIMESTAMP, "2026-01-02T03:04", "2026-01-02 03:04:00"},
        {VALUE_TIMESTAMP, "2026-01-02T03:04:05+02:30", "2026-01-02 00:34:05"},
        {VALUE_TIMESTAMP, "2026-01-02T03:04:05-0800", "2026-01-02 11:04:05"},
        {VALUE_TIMESTAMP, "2026-01-02 03:04:05 +02", "2026-01-02 01:04:05"},
        {VALUE_TIMESTAMP, "2026-01-02 03:04:05 UTC", "2026-01-02 03:04:05"},
        {VALUE_TIMESTAMP, "2026-01-02T03:04:05.1234565Z", "2026-01-02 03:04:05.123457"},
        {VALUE_TIMESTAMP, "2026-12-31T23:59:59.9999999Z", "2027-01-01 00:00:00"},
        {VALUE_TIMESTAMP, "1969-12-31T23:59:59.999999Z", "1969-12-31 23:59:59.999999"},
        {VALUE_TIMESTAMP, "0001-01-01T00:00:00Z", "0001-01-01 00:00:00"},
        {VALUE_TIMESTAMP, "9999-12-31T23:59:59.999999Z", "9999-12-31 23:59:59.999999"},
    };
    struct arena arena;

    arena_init(&arena, 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct value value = value_of(cases[i].kind, cases[i].text, &arena);
        assert_int_equal(value.type, cases[i].kind);
        assert_value_text(&value, cases[i].expected);
    }
    arena_clear(&arena);
}

static void test_text__refuses(void **state)
{
    static const struct {
        enum value_type kind;
        const char *text;
        enum status status;
    } cases[] = {
        {VALUE_BOOLEAN, "maybe", STATUS_TYPE_MISMATCH},
        {VALUE_INT, "", STATUS_TYPE_MISMATCH},
        {VALUE_INT, "1.0", STATUS_TYPE_MISMATCH},
        {VALUE_INT, "1 2", STATUS_TYPE_MISMATCH},
        {VALUE_INT, "--1", STATUS_TYPE_MISMATCH},
        {VALUE_INT, "2147483648", STATUS_CONSTRAINT_VIOLATION},
        {VALUE_SMALLINT, "-32769", STATUS_CONSTRAINT_VIOLATION},
        {VALUE_BIGINT, "9223372036854775808", STATUS_CONSTRAINT_VIOLATION},
        {VALUE_DOUBLE, "nan", STATUS_TYPE_MISMATCH},
        {VALUE_DOUBLE, "Infinity", STATUS_TYPE_MISMATCH},
        {VALUE_DOUBLE, "0x10", STATUS_TYPE_MISMATCH},
        {VALUE_DOUBLE, "1e", STATUS_TYPE_MISMATCH},
        {VALUE_DOUBLE, "1e400", STATUS_CONSTRAINT_VIOLATION},
        {VALUE_FLOAT, "1e39", STATUS_CONSTRAINT_VIOLATION},
        {VALUE_DECIMAL, "abc", STATUS_TYPE_MISMATCH},
        {VALUE_DECIMAL, "1e28", STATUS_CONSTRAINT_VIOLATION},
        {VALUE_UUID, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1", STATUS_TYPE_MISMATCH},
        {VALUE_UUID, "a0eebc99x9c0b-4ef8-bb6d-6bb9bd380a11", STATUS_TYPE_MISMATCH},
        {VALUE_UUID, "g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", STATUS_TYPE_MISMATCH},
        {VALUE_JSON, "{a:1}", STATUS_CONSTRAINT_VIOLATION},
        {VALUE_BYTES, "\\xabc", STATUS_TYPE_MISMATCH},
        {VALUE_BYTES, "\\xzz", STATUS_TYPE_MISMATCH},
        {VALUE_BYTES, "SGVsbG8", STATUS_TYPE_MISMATCH},
        {VALUE_BYTES, "SGVsbG9=", STATUS_TYPE_MISMATCH}, /* unused bits set */
        {VALUE_BYTES, "SG=sbG8=", STATUS_TYPE_MISMATCH},
        {VALUE_BYTES, "====", STATUS_TYPE_MISMATCH},
        {VALUE_BYTES, "SGVs bG8=", STATUS_TYPE_MISMATCH},
        {VALUE_DATE, "2026-2-3", STATUS_TYPE_MISMATCH},
        {VALUE_DATE, "2026-02-03x", STATUS_TYPE_MISMATCH},
        {VALUE_DATE, "2026-02-03 10", STATUS_TYPE_MISMATCH},
        {VALUE_DATE, "2026-02-03 25:00:00", STATUS_CONSTRAINT_VIOLATION},
        {VALUE_DATE, "0044-03-15 BC", STATUS_TYPE_MISMATCH},
        {VALUE_DATE, "2026-13-01", STATUS_CONSTRAINT_VIOLATION},
        {VALUE_DATE, "2026-02-29", STATUS_CONSTRAINT_VIOLATION},
        {VALUE_DATE, "1900-02-29", STATUS_CONSTRAINT_VIOLATION},
        {VALUE_DATE, "0000-01-01", STATUS_CONSTRAINT_VIOLATION},
        {VALUE_DATE, "10000-01-01", STATUS_TYPE_MISMATCH},
        {VALUE_TIME, "24:00:00", STATUS_CONSTRAINT_VIOLATION},
        {VALUE_TIME, "23:59:59.9999999", STATUS_CONSTRAINT_VIOLATION},
        {VALUE_TIME, "12:60:00", STATUS_CONSTRAINT_VIOLATION},
        {VALUE_TIME, "12", STATUS_TYPE_MISMATCH},
        {VALUE_TIME, "12:00:00.", STATUS_TYPE_MISMATCH},
        {VALUE_TIMESTAMP, "2026-01-02X03:04:05", STATUS_TYPE_MISMATCH},
        {VALUE_TIMESTAMP, "2026-01-02T03:04:05+", STATUS_TYPE_MISMATCH},
        {VALUE_TIMESTAMP, "2026-01-02T03:04:05+99:00", STATUS_TYPE_MISMATCH},
        {VALUE_TIMESTAMP, "2026-01-02T03:04:05 CET", STATUS_TYPE_MISMATCH},
        {VALUE_TIMESTAMP, "2026-01-02 03:04:05 BC", STATUS_TYPE_MISMATCH},
        {VALUE_TIMESTAMP, "2026-01-02T25:00:00Z", STATUS_CONSTRAINT_VIOLATION},
        {VALUE_TIMESTAMP, "0001-01-01T00:00:00+01:00", STATUS_CONSTRAINT_VIOLATION},
        {VALUE_TIMESTAMP, "9999-12-31T23:59:59-01:00", STATUS_CONSTRAINT_VIOLATION},
    };
    struct arena arena;
    struct error err;

    arena_init(&arena, 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct data_type type = type_of(cases[i].kind);
        struct value value;
        enum status status = value_parse(str_from_c(cases[i].text), &type, &arena, &value, &err);
        if (status != cases[i].status)
            fail_msg("%s: %s", cases[i].text, status_name(status));
        assert_non_null(strstr(err.message, value_type_name(cases[i].kind)));
    }
    arena_clear(&arena);
}

static void test_text__error_shows_at_most_64_bytes(void **state)
{
    char text[200];
    struct data_type type = type_of(VALUE_INT);
    struct arena arena;
    struct value value;
    struct error err;

    arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof(text); i += 2)
        memcpy(text + i, "\xc3\xa4", 2); /* the cut must not split a character */
    assert_int_equal(value_parse(str_from(text, sizeof(text)), &type, &arena, &value, &err),
                     STATUS_TYPE_MISMATCH);
    assert_true(strlen(err.message) < 64 + 60);
    assert_non_null(strstr(err.message, "…"));
    arena_clear(&arena);
}

static void test_text__integers_keep_every_digit(void **state)
{
    struct arena arena;
    struct buf out = {0};

    arena_init(&arena, 0);
    random_seed();
    for (int i = 0; i < 5000; i++) {
        struct value value = value_integer(VALUE_BIGINT, (int64_t)random_next());
        buf_reset(&out);
        value_format(&value, &out);
        buf_append_byte(&out, 0);
        struct value back = value_of(VALUE_BIGINT, out.data, &arena);
        assert_true(back.integer == value.integer);
    }
    buf_clear(&out);
    arena_clear(&arena);
}

static void test_text__reals_read_back_and_are_short(void **state)
{
    char text[40], longer[40];

    random_seed();
    for (int i = 0; i < 50000; i++) {
        uint64_t bits = random_next();
        double real;
        memcpy(&real, &bits, sizeof(real));
        if (i % 3 == 0)
            real = (double)(int64_t)random_below(1000000000) / 1000.0;
        if (!isfinite(real))
            continue;
        text[value_format_real(real, false, text)] = '\0';
        assert_true(strtod(text, NULL) == real);
        snprintf(longer, sizeof(longer), "%.15g", real);
        if (strtod(longer, NULL) == real) /* then 15 digits suffice */
            assert_true(strcspn(text, "e") <= 15 + 7);
        float single = (float)real;
        if (!isfinite(single))
            continue;
        text[value_format_real((double)single, true, text)] = '\0';
        assert_true(strtof(text, NULL) == single);
    }
}

static void test_text__times_read_back(void **state)
{
    struct arena arena;
    struct buf out = {0};

    arena_init(&arena, 0);
    random_seed();
    for (int i = 0; i < 20000; i++) {
        int64_t range = INT64_C(2932896) + 719162;
        int64_t days = (int64_t)random_below((uint64_t)range) - 719162;
        struct value date = value_integer(VALUE_DATE, days);
        struct value moment = value_integer(
            VALUE_TIMESTAMP, days * INT64_C(86400000000) + (int64_t)random_below(86400000000));
        buf_reset(&out);
        value_format(&date, &out);
        buf_append_byte(&out, 0);
        assert_true(value_of(VALUE_DATE, out.data, &arena).integer == days);
        buf_reset(&out);
        value_format(&moment, &out);
        buf_append_byte(&out, 0);
        assert_true(value_of(VALUE_TIMESTAMP, out.data, &arena).integer == moment.integer);
    }
    struct value epoch = value_of(VALUE_TIMESTAMP, "1970-01-01T00:00:00Z", &arena);
    assert_true(epoch.integer == 0);
    buf_clear(&out);
    arena_clear(&arena);
}

static void test_text__varchar_counts_characters(void **state)
{
    struct data_type type = {.kind = VALUE_TEXT, .length_max = 3};
    struct arena arena;
    struct value value;
    struct error err;

    arena_init(&arena, 0);
    assert_int_equal(value_parse(STR_LIT("äöü"), &type, &arena, &value, &err), STATUS_OK);
    assert_int_equal(value_parse(STR_LIT("abcd"), &type, &arena, &value, &err),
                     STATUS_CONSTRAINT_VIOLATION);
    assert_string_equal(err.message, "value too long for type VARCHAR(3): \"abcd\"");
    arena_clear(&arena);
}

static void test_text__json(void **state)
{
    static const char *const valid[] = {
        "0",
        "-0.5e+10",
        "\"\"",
        "null",
        " [ ] ",
        "{\"a\":{}}",
        "[1,[2,{\"b\":[]}]]",
        "\"\\u00e4\\ud83d\\ude00\"",
        "true",
        "\t{\n\"x\" : \"y\"}\r",
    };
    static const char *const invalid[] = {
        "",        " ",     "01",         "1.",  ".5",          "+1",          "[1,]",
        "{\"a\"}", "{1:2}", "[1 2]",      "nul", "nulll",       "\"\\x\"",     "\"\t\"",
        "[",       "]",     "{\"a\":1,}", "1 2", "\"\\ud800\"", "\"\\udc00\"", "'a'",
        "NaN",     "[1}",   "\"abc",      "-",
    };

    for (size_t i = 0; i < ARRAY_COUNT(valid); i++) {
        if (!json_is_valid(str_from_c(valid[i])))
            fail_msg("refused: %s", valid[i]);
    }
    for (size_t i = 0; i < ARRAY_COUNT(invalid); i++) {
        if (json_is_valid(str_from_c(invalid[i])))
            fail_msg("accepted: %s", invalid[i]);
    }
}

static void test_text__json_depth(void **state)
{
    char deep[402];

    memset(deep, '[', 201);
    memset(deep + 201, ']', 201);
    assert_false(json_is_valid(str_from(deep, 402)));
    assert_true(json_is_valid(str_from(deep + 1, 400)));
}

static void test_text__type_names(void **state)
{
    static const struct {
        const char *name;
        int64_t modifiers[2];
        size_t count;
        const char *expected;
    } cases[] = {
        {"BOOL", {0}, 0, "BOOLEAN"},
        {"int2", {0}, 0, "SMALLINT"},
        {"MediumInt", {0}, 0, "INT"},
        {"int64", {0}, 0, "BIGINT"},
        {"float", {0}, 0, "FLOAT"},
        {"float", {24}, 1, "FLOAT"},
        {"float", {25}, 1, "DOUBLE"},
        {"double precision", {0}, 0, "DOUBLE"},
        {"numeric", {0}, 0, "DECIMAL(38,10)"},
        {"decimal", {10}, 1, "DECIMAL(10,0)"},
        {"decimal", {10, 2}, 2, "DECIMAL(10,2)"},
        {"varchar", {20}, 1, "VARCHAR(20)"},
        {"character varying", {5}, 1, "VARCHAR(5)"},
        {"clob", {0}, 0, "TEXT"},
        {"jsonb", {0}, 0, "JSON"},
        {"bytea", {0}, 0, "BYTES"},
        {"timestamptz", {0}, 0, "TIMESTAMP"},
        {"timestamp with time zone", {3}, 1, "TIMESTAMP"},
        {"datetime", {0}, 0, "TIMESTAMP"},
    };
    struct buf out = {0};
    struct data_type type;
    struct error err;

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_int_equal(data_type_parse(str_from_c(cases[i].name), cases[i].modifiers,
                                         cases[i].count, &type, &err),
                         STATUS_OK);
        buf_reset(&out);
        data_type_format(&type, &out);
        assert_str(buf_str(&out), cases[i].expected);
    }
    buf_clear(&out);
}

static void test_text__refused_type_names(void **state)
{
    static const struct {
        const char *name;
        int64_t modifiers[2];
        size_t count;
        enum status status;
        const char *hint;
    } cases[] = {
        {"tinyint", {0}, 0, STATUS_INVALID_SQL, "use SMALLINT"},
        {"int unsigned",
         {0},
         0,
         STATUS_INVALID_SQL,
         "use SMALLINT, INT or BIGINT, which are signed"},
        {"interval", {0}, 0, STATUS_INVALID_SQL, "use BIGINT for a number of seconds or TEXT"},
        {"enum", {0}, 0, STATUS_INVALID_SQL, "use TEXT"},
        {"embedding", {0}, 0, STATUS_NOT_SUPPORTED, "store the vector as JSON or BYTES"},
        {"geometry", {0}, 0, STATUS_INVALID_SQL, ""},
        {"decimal", {39}, 1, STATUS_INVALID_SQL, ""},
        {"decimal", {5, 6}, 2, STATUS_INVALID_SQL, ""},
        {"varchar", {0}, 1, STATUS_INVALID_SQL, ""},
        {"float", {54}, 1, STATUS_INVALID_SQL, ""},
        {"int", {4}, 1, STATUS_INVALID_SQL, ""},
        {"timestamp", {7}, 1, STATUS_INVALID_SQL, ""},
    };
    struct data_type type;
    struct error err;

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_int_equal(data_type_parse(str_from_c(cases[i].name), cases[i].modifiers,
                                         cases[i].count, &type, &err),
                         cases[i].status);
        assert_string_equal(err.hint, cases[i].hint);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text__parses_and_formats),
        cmocka_unit_test(test_text__refuses),
        cmocka_unit_test(test_text__error_shows_at_most_64_bytes),
        cmocka_unit_test(test_text__integers_keep_every_digit),
        cmocka_unit_test(test_text__reals_read_back_and_are_short),
        cmocka_unit_test(test_text__times_read_back),
        cmocka_unit_test(test_text__varchar_counts_characters),
        cmocka_unit_test(test_text__json),
        cmocka_unit_test(test_text__json_depth),
        cmocka_unit_test(test_text__type_names),
        cmocka_unit_test(test_text__refused_type_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
