/* test_number.c — arithmetic of SQL values: result types, overflow, NULL.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/value/support.h"

#include "value/number.h"

typedef enum status operation(const struct value *, const struct value *, struct value *,
                              struct error *);

static operation *operation_of(char symbol)
{
    switch (symbol) {
    case '+':
        return value_add;
    case '-':
        return value_sub;
    case '*':
        return value_mul;
    case '/':
        return value_div;
    default:
        return value_mod;
    }
}

static void test_number__results_and_types(void **state)
{
    static const struct {
        enum value_type a_type;
        const char *a;
        char op;
        enum value_type b_type;
        const char *b;
        enum value_type type;
        const char *expected;
    } cases[] = {
        {VALUE_INT, "1", '/', VALUE_INT, "2", VALUE_INT, "0"},
        {VALUE_INT, "-7", '/', VALUE_INT, "2", VALUE_INT, "-3"},
        {VALUE_INT, "-7", '%', VALUE_INT, "2", VALUE_INT, "-1"},
        {VALUE_DOUBLE, "-7.5", '%', VALUE_INT, "2", VALUE_DOUBLE, "-1.5"},
        {VALUE_FLOAT, "7.5", '%', VALUE_FLOAT, "2", VALUE_FLOAT, "1.5"},
        {VALUE_SMALLINT, "1", '+', VALUE_SMALLINT, "2", VALUE_SMALLINT, "3"},
        {VALUE_SMALLINT, "30000", '+', VALUE_INT, "30000", VALUE_INT, "60000"},
        {VALUE_INT, "2000000000", '*', VALUE_BIGINT, "3", VALUE_BIGINT, "6000000000"},
        {VALUE_BIGINT, "-9223372036854775808", '%', VALUE_BIGINT, "-1", VALUE_BIGINT, "0"},
        {VALUE_BIGINT, "9223372036854775807", '+', VALUE_DECIMAL, "1", VALUE_DECIMAL,
         "9223372036854775808.0000000000"},
        {VALUE_DOUBLE, "1", '/', VALUE_INT, "4", VALUE_DOUBLE, "0.25"},
        {VALUE_DECIMAL, "0.5", '+', VALUE_DOUBLE, "0.25", VALUE_DOUBLE, "0.75"},
        {VALUE_FLOAT, "0.1", '+', VALUE_FLOAT, "0.2", VALUE_FLOAT, "0.3"},
        {VALUE_FLOAT, "1.5", '*', VALUE_INT, "2", VALUE_FLOAT, "3"},
    };
    struct arena arena;
    struct error err;

    arena_init(&arena, 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct value a = value_of(cases[i].a_type, cases[i].a, &arena);
        struct value b = value_of(cases[i].b_type, cases[i].b, &arena);
        struct value out;
        enum value_type type;
        assert_int_equal(operation_of(cases[i].op)(&a, &b, &out, &err), STATUS_OK);
        assert_int_equal(out.type, cases[i].type);
        assert_value_text(&out, cases[i].expected);
        assert_true(value_arithmetic_type(a.type, b.type, &type));
        assert_int_equal(type, out.type);
    }
    arena_clear(&arena);
}

static void test_number__errors(void **state)
{
    static const struct {
        enum value_type a_type;
        const char *a;
        char op;
        enum value_type b_type;
        const char *b;
        enum status status;
        const char *message;
    } cases[] = {
        {VALUE_INT, "1", '/', VALUE_INT, "0", STATUS_SQL_EXECUTION_ERROR, "division by zero"},
        {VALUE_INT, "1", '%', VALUE_INT, "0", STATUS_SQL_EXECUTION_ERROR, "division by zero"},
        {VALUE_DECIMAL, "1", '/', VALUE_INT, "0", STATUS_SQL_EXECUTION_ERROR, "division by zero"},
        {VALUE_DOUBLE, "1", '/', VALUE_DOUBLE, "0", STATUS_SQL_EXECUTION_ERROR, "division by zero"},
        {VALUE_SMALLINT, "32767", '+', VALUE_SMALLINT, "1", STATUS_SQL_EXECUTION_ERROR,
         "smallint out of range"},
        {VALUE_INT, "-2147483648", '-', VALUE_INT, "1", STATUS_SQL_EXECUTION_ERROR,
         "integer out of range"},
        {VALUE_INT, "-2147483648", '/', VALUE_INT, "-1", STATUS_SQL_EXECUTION_ERROR,
         "integer out of range"},
        {VALUE_BIGINT, "9223372036854775807", '+', VALUE_INT, "1", STATUS_SQL_EXECUTION_ERROR,
         "bigint out of range"},
        {VALUE_BIGINT, "-9223372036854775808", '/', VALUE_BIGINT, "-1", STATUS_SQL_EXECUTION_ERROR,
         "bigint out of range"},
        {VALUE_BIGINT, "4611686018427387904", '*', VALUE_BIGINT, "2", STATUS_SQL_EXECUTION_ERROR,
         "bigint out of range"},
        {VALUE_DOUBLE, "1e308", '*', VALUE_DOUBLE, "10", STATUS_SQL_EXECUTION_ERROR,
         "value out of range: overflow"},
        {VALUE_FLOAT, "3e38", '*', VALUE_FLOAT, "2", STATUS_SQL_EXECUTION_ERROR,
         "value out of range: overflow"},
        {VALUE_DOUBLE, "1e-308", '*', VALUE_DOUBLE, "1e-308", STATUS_SQL_EXECUTION_ERROR,
         "value out of range: underflow"},
        {VALUE_DOUBLE, "1", '%', VALUE_DOUBLE, "0", STATUS_SQL_EXECUTION_ERROR, "division by zero"},
        {VALUE_TEXT, "a", '+', VALUE_INT, "1", STATUS_TYPE_MISMATCH,
         "operator does not exist: TEXT + INT"},
    };
    struct arena arena;
    struct error err;

    arena_init(&arena, 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct value a = value_of(cases[i].a_type, cases[i].a, &arena);
        struct value b = value_of(cases[i].b_type, cases[i].b, &arena);
        struct value out;
        assert_int_equal(operation_of(cases[i].op)(&a, &b, &out, &err), cases[i].status);
        assert_string_equal(err.message, cases[i].message);
    }
    arena_clear(&arena);
}

static void test_number__null_gives_null_of_the_result_type(void **state)
{
    struct value null_int = value_null(VALUE_INT), null = value_null(VALUE_NULL);
    struct value five = value_integer(VALUE_BIGINT, 5), out;
    struct error err;

    assert_int_equal(value_add(&null_int, &five, &out, &err), STATUS_OK);
    assert_true(out.is_null && out.type == VALUE_BIGINT);
    assert_int_equal(value_div(&five, &null, &out, &err), STATUS_OK);
    assert_true(out.is_null && out.type == VALUE_BIGINT);
    assert_int_equal(value_add(&null, &null, &out, &err), STATUS_OK);
    assert_true(out.is_null && out.type == VALUE_NULL);
    assert_int_equal(value_neg(&null_int, &out, &err), STATUS_OK);
    assert_true(out.is_null);
}

static void test_number__sign(void **state)
{
    struct value smallest = value_integer(VALUE_SMALLINT, -32768), out;
    struct value decimal = value_decimal(-125, 10, 2), real = value_real(VALUE_DOUBLE, -0.0);
    struct value text = value_text(VALUE_TEXT, STR_LIT("x"));
    struct error err;

    assert_int_equal(value_neg(&smallest, &out, &err), STATUS_SQL_EXECUTION_ERROR);
    assert_string_equal(err.message, "smallint out of range");
    assert_int_equal(value_abs(&smallest, &out, &err), STATUS_SQL_EXECUTION_ERROR);
    assert_int_equal(value_neg(&decimal, &out, &err), STATUS_OK);
    assert_value_text(&out, "1.25");
    assert_int_equal(value_abs(&decimal, &out, &err), STATUS_OK);
    assert_value_text(&out, "1.25");
    assert_int_equal(value_abs(&real, &out, &err), STATUS_OK);
    assert_value_text(&out, "0");
    assert_int_equal(value_neg(&text, &out, &err), STATUS_TYPE_MISMATCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_number__results_and_types),
        cmocka_unit_test(test_number__errors),
        cmocka_unit_test(test_number__null_gives_null_of_the_result_type),
        cmocka_unit_test(test_number__sign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
