/* test_cast.c — conversions between types in both contexts.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/value/support.h"

static void test_cast__converts(void **state)
{
    static const struct {
        enum value_type from;
        const char *text;
        enum value_type to;
        enum cast_context context;
        const char *expected;
    } cases[] = {
        {VALUE_DECIMAL, "2.5", VALUE_INT, CAST_ASSIGNMENT, "3"},
        {VALUE_DECIMAL, "-2.5", VALUE_INT, CAST_EXPLICIT, "-3"},
        {VALUE_DOUBLE, "2.5", VALUE_INT, CAST_EXPLICIT, "2"},
        {VALUE_DOUBLE, "3.5", VALUE_BIGINT, CAST_EXPLICIT, "4"},
        {VALUE_BIGINT, "7", VALUE_SMALLINT, CAST_ASSIGNMENT, "7"},
        {VALUE_BIGINT, "9007199254740993", VALUE_DECIMAL, CAST_ASSIGNMENT,
         "9007199254740993.0000000000"},
        {VALUE_INT, "16777217", VALUE_FLOAT, CAST_EXPLICIT, "1.6777216e+07"},
        {VALUE_DECIMAL, "0.1", VALUE_DOUBLE, CAST_ASSIGNMENT, "0.1"},
        {VALUE_DOUBLE, "0.1", VALUE_FLOAT, CAST_ASSIGNMENT, "0.1"},
        {VALUE_FLOAT, "0.1", VALUE_DECIMAL, CAST_ASSIGNMENT, "0.1000000000"},
        {VALUE_TEXT, "42", VALUE_BIGINT, CAST_ASSIGNMENT, "42"},
        {VALUE_TEXT, "2026-01-02T03:04:05+01:00", VALUE_TIMESTAMP, CAST_ASSIGNMENT,
         "2026-01-02 02:04:05"},
        {VALUE_TEXT, "[1]", VALUE_JSON, CAST_ASSIGNMENT, "[1]"},
        {VALUE_UUID, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", VALUE_TEXT, CAST_ASSIGNMENT,
         "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
        {VALUE_BIGINT, "-5", VALUE_TEXT, CAST_EXPLICIT, "-5"},
        {VALUE_BOOLEAN, "true", VALUE_TEXT, CAST_EXPLICIT, "true"},
        {VALUE_BOOLEAN, "true", VALUE_INT, CAST_EXPLICIT, "1"},
        {VALUE_INT, "0", VALUE_BOOLEAN, CAST_EXPLICIT, "false"},
        {VALUE_DATE, "2026-01-02", VALUE_TIMESTAMP, CAST_ASSIGNMENT, "2026-01-02 00:00:00"},
        {VALUE_TIMESTAMP, "1969-12-31 23:59:59", VALUE_DATE, CAST_ASSIGNMENT, "1969-12-31"},
        {VALUE_TIMESTAMP, "1969-12-31 23:59:59.5", VALUE_TIME, CAST_EXPLICIT, "23:59:59.5"},
        {VALUE_BIGINT, "1500000", VALUE_TIMESTAMP, CAST_ASSIGNMENT, "1970-01-01 00:00:01.5"},
        {VALUE_JSON, " 2.0 ", VALUE_INT, CAST_EXPLICIT, "2"},
        {VALUE_JSON, "true", VALUE_BOOLEAN, CAST_EXPLICIT, "true"},
        {VALUE_JSON, "null", VALUE_INT, CAST_EXPLICIT, ""},
        {VALUE_BYTES, "\\x01", VALUE_TEXT, CAST_EXPLICIT, "\\x01"},
    };
    struct arena arena;
    struct error err;

    arena_init(&arena, 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct value value = value_of(cases[i].from, cases[i].text, &arena), out;
        struct data_type type = type_of(cases[i].to);
        if (value_cast(&value, &type, cases[i].context, &arena, &out, &err) != STATUS_OK)
            fail_msg("%s: %s", cases[i].text, err.message);
        assert_int_equal(out.type, cases[i].to);
        assert_value_text(&out, cases[i].expected);
    }
    arena_clear(&arena);
}

static void test_cast__refuses(void **state)
{
    static const struct {
        enum value_type from;
        const char *text;
        enum value_type to;
        enum cast_context context;
        enum status status;
    } cases[] = {
        {VALUE_BIGINT, "5", VALUE_TEXT, CAST_ASSIGNMENT, STATUS_TYPE_MISMATCH},
        {VALUE_BOOLEAN, "true", VALUE_INT, CAST_ASSIGNMENT, STATUS_TYPE_MISMATCH},
        {VALUE_INT, "1", VALUE_BOOLEAN, CAST_ASSIGNMENT, STATUS_TYPE_MISMATCH},
        {VALUE_DATE, "2026-01-02", VALUE_INT, CAST_EXPLICIT, STATUS_TYPE_MISMATCH},
        {VALUE_INT, "1", VALUE_DATE, CAST_EXPLICIT, STATUS_TYPE_MISMATCH},
        {VALUE_DOUBLE, "1", VALUE_TIMESTAMP, CAST_ASSIGNMENT, STATUS_TYPE_MISMATCH},
        {VALUE_BIGINT, "40000", VALUE_SMALLINT, CAST_ASSIGNMENT, STATUS_CONSTRAINT_VIOLATION},
        {VALUE_DOUBLE, "1e300", VALUE_BIGINT, CAST_EXPLICIT, STATUS_CONSTRAINT_VIOLATION},
        {VALUE_DOUBLE, "9223372036854775808", VALUE_BIGINT, CAST_EXPLICIT,
         STATUS_CONSTRAINT_VIOLATION},
        {VALUE_DOUBLE, "1e300", VALUE_FLOAT, CAST_EXPLICIT, STATUS_CONSTRAINT_VIOLATION},
        {VALUE_DOUBLE, "1e30", VALUE_DECIMAL, CAST_EXPLICIT, STATUS_CONSTRAINT_VIOLATION},
        {VALUE_BIGINT, "9223372036854775807", VALUE_TIMESTAMP, CAST_ASSIGNMENT,
         STATUS_CONSTRAINT_VIOLATION},
        {VALUE_TEXT, "x", VALUE_INT, CAST_EXPLICIT, STATUS_TYPE_MISMATCH},
        {VALUE_JSON, "\"1\"", VALUE_INT, CAST_EXPLICIT, STATUS_TYPE_MISMATCH},
        {VALUE_JSON, "1", VALUE_BOOLEAN, CAST_EXPLICIT, STATUS_TYPE_MISMATCH},
    };
    struct arena arena;
    struct error err;

    arena_init(&arena, 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct value value = value_of(cases[i].from, cases[i].text, &arena), out;
        struct data_type type = type_of(cases[i].to);
        enum status status = value_cast(&value, &type, cases[i].context, &arena, &out, &err);
        if (status != cases[i].status)
            fail_msg("%s to %s: %s", cases[i].text, value_type_name(cases[i].to),
                     status_name(status));
        if (status == STATUS_TYPE_MISMATCH && cases[i].from != VALUE_TEXT &&
            cases[i].from != VALUE_JSON)
            assert_false(value_cast_is_possible(cases[i].from, cases[i].to, cases[i].context));
    }
    arena_clear(&arena);
}

static void test_cast__null_stays_null(void **state)
{
    struct value null = value_null(VALUE_NULL), out;
    struct data_type type = type_of(VALUE_UUID);
    struct arena arena;
    struct error err;

    arena_init(&arena, 0);
    assert_int_equal(value_cast(&null, &type, CAST_ASSIGNMENT, &arena, &out, &err), STATUS_OK);
    assert_true(out.is_null && out.type == VALUE_UUID);
    arena_clear(&arena);
}

static void test_cast__applies_modifiers_of_the_same_type(void **state)
{
    struct data_type narrow = {.kind = VALUE_DECIMAL, .precision = 4, .scale = 2};
    struct data_type varchar = {.kind = VALUE_TEXT, .length_max = 2};
    struct value number = value_decimal(12345, 10, 3), big = value_decimal(123456, 10, 2), out;
    struct value text = value_text(VALUE_TEXT, STR_LIT("abc"));
    struct arena arena;
    struct error err;

    arena_init(&arena, 0);
    assert_int_equal(value_cast(&number, &narrow, CAST_ASSIGNMENT, &arena, &out, &err), STATUS_OK);
    assert_value_text(&out, "12.35");
    assert_int_equal(value_cast(&big, &narrow, CAST_ASSIGNMENT, &arena, &out, &err),
                     STATUS_CONSTRAINT_VIOLATION);
    assert_int_equal(value_cast(&text, &varchar, CAST_EXPLICIT, &arena, &out, &err),
                     STATUS_CONSTRAINT_VIOLATION);
    arena_clear(&arena);
}

/* The static rule and the conversion agree for every pair. */
static void test_cast__possible_means_no_mismatch(void **state)
{
    static const char *const samples[VALUE_TYPE_COUNT] = {
        [VALUE_BOOLEAN] = "true",
        [VALUE_SMALLINT] = "1",
        [VALUE_INT] = "1",
        [VALUE_BIGINT] = "1",
        [VALUE_FLOAT] = "1",
        [VALUE_DOUBLE] = "1",
        [VALUE_DECIMAL] = "1",
        [VALUE_TEXT] = "1",
        [VALUE_UUID] = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        [VALUE_JSON] = "1",
        [VALUE_BYTES] = "\\x01",
        [VALUE_DATE] = "2026-01-01",
        [VALUE_TIME] = "01:00:00",
        [VALUE_TIMESTAMP] = "2026-01-01",
    };
    struct arena arena;
    struct error err;

    arena_init(&arena, 0);
    for (int from = VALUE_BOOLEAN; from < VALUE_TYPE_COUNT; from++) {
        for (int to = VALUE_BOOLEAN; to < VALUE_TYPE_COUNT; to++) {
            if (from == VALUE_TEXT || from == VALUE_JSON)
                continue; /* depends on the text */
            struct value value = value_of((enum value_type)from, samples[from], &arena), out;
            struct data_type type = type_of((enum value_type)to);
            for (int context = CAST_EXPLICIT; context <= CAST_ASSIGNMENT; context++) {
                bool possible = value_cast_is_possible((enum value_type)from, (enum value_type)to,
                                                       (enum cast_context)context);
                enum status status =
                    value_cast(&value, &type, (enum cast_context)context, &arena, &out, &err);
                assert_int_equal(status, possible ? STATUS_OK : STATUS_TYPE_MISMATCH);
                assert_true(!possible || out.type == type.kind);
            }
        }
    }
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cast__converts),
        cmocka_unit_test(test_cast__refuses),
        cmocka_unit_test(test_cast__null_stays_null),
        cmocka_unit_test(test_cast__applies_modifiers_of_the_same_type),
        cmocka_unit_test(test_cast__possible_means_no_mismatch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
