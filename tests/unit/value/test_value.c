/* test_value.c — order, equality and hash of values.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/value/support.h"

static void test_value__names(void **state)
{
    assert_string_equal(value_type_name(VALUE_BIGINT), "BIGINT");
    assert_string_equal(value_type_wire_name(VALUE_SMALLINT), "SmallInt");
    assert_true(value_type_is_key(VALUE_UUID));
    assert_false(value_type_is_key(VALUE_DECIMAL));
    assert_false(value_type_is_key(VALUE_TIME));
    assert_true(value_type_is_text(VALUE_BYTES));
    assert_true(value_type_is_number(VALUE_DECIMAL));
    assert_false(value_type_is_number(VALUE_TEXT));
    assert_true(value_type_is_comparable(VALUE_BIGINT, VALUE_DOUBLE));
    assert_true(value_type_is_comparable(VALUE_DATE, VALUE_TIMESTAMP));
    assert_false(value_type_is_comparable(VALUE_TEXT, VALUE_INT));
    assert_false(value_type_is_comparable(VALUE_NULL, VALUE_NULL));
}

static void test_value__order(void **state)
{
    static const struct {
        enum value_type a_type;
        const char *a;
        enum value_type b_type;
        const char *b;
        int expected;
    } cases[] = {
        {VALUE_BIGINT, "9007199254740993", VALUE_DOUBLE, "9007199254740992", 1},
        {VALUE_BIGINT, "9223372036854775807", VALUE_DOUBLE, "9223372036854775807", -1},
        {VALUE_INT, "3", VALUE_BIGINT, "3", 0},
        {VALUE_SMALLINT, "-1", VALUE_BIGINT, "1", -1},
        {VALUE_DECIMAL, "1.50", VALUE_INT, "1", 1},
        {VALUE_INT, "2", VALUE_DECIMAL, "2.0", 0},
        {VALUE_DOUBLE, "0.5", VALUE_DECIMAL, "0.5", 0},
        {VALUE_FLOAT, "0.1", VALUE_DOUBLE, "0.1", 1},
        {VALUE_DATE, "2026-01-02", VALUE_TIMESTAMP, "2026-01-02T00:00:00Z", 0},
        {VALUE_TIMESTAMP, "2026-01-02 00:00:00.000001", VALUE_DATE, "2026-01-02", 1},
        {VALUE_TEXT, "a", VALUE_TEXT, "ab", -1},
        {VALUE_TEXT, "Z", VALUE_TEXT, "a", -1},
        {VALUE_TEXT, "\xc3\xa4", VALUE_TEXT, "z", 1},
        {VALUE_BOOLEAN, "false", VALUE_BOOLEAN, "true", -1},
        {VALUE_UUID, "00000000-0000-0000-0000-000000000001", VALUE_UUID,
         "ff000000-0000-0000-0000-000000000000", -1},
    };
    struct arena arena;

    arena_init(&arena, 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct value a = value_of(cases[i].a_type, cases[i].a, &arena);
        struct value b = value_of(cases[i].b_type, cases[i].b, &arena);
        assert_int_equal(value_compare(&a, &b), cases[i].expected);
        assert_int_equal(value_compare(&b, &a), -cases[i].expected);
        assert_true(value_type_is_comparable(a.type, b.type));
    }
    arena_clear(&arena);
}

static void test_value__same_and_hash(void **state)
{
    struct value plus = value_real(VALUE_DOUBLE, 0.0), minus = value_real(VALUE_DOUBLE, -0.0);
    struct value short_decimal = value_decimal(15, 10, 1), long_decimal = value_decimal(150, 10, 2);
    struct value null_a = value_null(VALUE_TEXT), null_b = value_null(VALUE_INT);
    struct value empty = value_text(VALUE_TEXT, STR_EMPTY);

    assert_true(value_is_same(&plus, &minus));
    assert_true(value_hash(&plus) == value_hash(&minus));
    assert_true(value_is_same(&short_decimal, &long_decimal));
    assert_true(value_hash(&short_decimal) == value_hash(&long_decimal));
    assert_false(value_is_same(&null_a, &empty));
    assert_true(value_is_same(&null_a, &null_a));
    assert_false(value_is_same(&null_a, &null_b));
    struct value five = value_integer(VALUE_INT, 5), six = value_integer(VALUE_INT, 6);
    assert_true(value_hash(&five) != value_hash(&six));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value__names),
        cmocka_unit_test(test_value__order),
        cmocka_unit_test(test_value__same_and_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
