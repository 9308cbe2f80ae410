/* test_decimal.c — exact decimals: literal cases taken from PostgreSQL, and laws on random numbers.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/value/support.h"

#include "value/decimal.h"

#include <math.h>

static struct decimal number(const char *text)
{
    struct decimal out;

    if (decimal_parse(str_from_c(text), &out) != DECIMAL_PARSED)
        fail_msg("not a decimal: %s", text);
    return out;
}

static void assert_decimal(struct decimal actual, const char *expected)
{
    char text[DECIMAL_TEXT_MAX];

    assert_str(str_from(text, decimal_format(actual, text)), expected);
}

static void test_decimal__text(void **state)
{
    static const char *const round_trips[] = {
        "0",
        "-1",
        "12.50",
        "0.00",
        "-0.01",
        "99999999999999999999999999999999999999",
        "0.00000000000000000000000000000000000001",
        "-9.9999999999999999999999999999999999999",
    };
    static const char *const malformed[] = {"", "-", ".", "1.2.3", "1e", "1e+", "0x1", "1 ", "nan"};
    struct decimal out;

    for (size_t i = 0; i < ARRAY_COUNT(round_trips); i++)
        assert_decimal(number(round_trips[i]), round_trips[i]);
    for (size_t i = 0; i < ARRAY_COUNT(malformed); i++)
        assert_int_equal(decimal_parse(str_from_c(malformed[i]), &out), DECIMAL_MALFORMED);
    assert_decimal(number("+5"), "5");
    assert_decimal(number(".5"), "0.5");
    assert_decimal(number("5."), "5");
    assert_decimal(number("1.5e3"), "1500");
    assert_decimal(number("15e-1"), "1.5");
    assert_decimal(number("1e-38"), "0.00000000000000000000000000000000000001");
    assert_decimal(number("1e-400"), "0.00000000000000000000000000000000000000");
    assert_decimal(number("000000000000000000000000000000000000000000001"), "1");
    assert_decimal(number("0e99999999999999999999"), "0");
    /* 50 digits: the fraction is rounded to what fits. */
    assert_decimal(number("1.2345678901234567890123456789012345678901234567"),
                   "1.2345678901234567890123456789012345679");
    assert_int_equal(decimal_parse(STR_LIT("1e38"), &out), DECIMAL_OVERFLOW);
    assert_int_equal(decimal_parse(STR_LIT("999999999999999999999999999999999999999"), &out),
                     DECIMAL_OVERFLOW);
}

static void test_decimal__rounds_half_away_from_zero(void **state)
{
    static const struct {
        const char *text;
        uint8_t scale;
        const char *expected;
    } cases[] = {
        {"2.5", 0, "3"},       {"-2.5", 0, "-3"},     {"2.4999", 0, "2"},   {"0.5", 0, "1"},
        {"-0.49", 0, "0"},     {"9.995", 2, "10.00"}, {"1.005", 2, "1.01"}, {"0.004", 2, "0.00"},
        {"1.25", 4, "1.2500"}, {"0.05", 0, "0"},      {"99.5", 0, "100"},
    };
    struct decimal out;

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_int_equal(decimal_parse_scaled(str_from_c(cases[i].text), cases[i].scale, &out),
                         DECIMAL_PARSED);
        assert_decimal(out, cases[i].expected);
        assert_true(decimal_rescale(number(cases[i].text), cases[i].scale, &out));
        assert_decimal(out, cases[i].expected);
    }
    assert_int_equal(
        decimal_parse_scaled(STR_LIT("0.99999999999999999999999999999999999999999"), 38, &out),
        DECIMAL_OVERFLOW); /* 1 with 38 fraction digits has 39 digits */
}

static void test_decimal__arithmetic(void **state)
{
    static const struct {
        char op;
        const char *a, *b, *expected; /* NULL: overflow */
    } cases[] = {
        {'+', "1.10", "2.2", "3.30"},
        {'-', "1", "1.00", "0.00"},
        {'+', "-5", "3.5", "-1.5"},
        {'-', "3.5", "5", "-1.5"},
        {'+', "99999999999999999999999999999999999999", "1", NULL},
        /* 39 digits */
        {'+', "9999999999999999999999999999999999999.9", "0.1",
         "10000000000000000000000000000000000000"},
        {'+', "9999999999999999999999999999999999999.9", "0.2", NULL},
        {'+', "99999999999999999999999999999999999999", "0.4", NULL},
        {'*', "1.5", "-2.25", "-3.375"},
        {'*', "0.1", "0.10", "0.010"},
        {'*', "9999999999999999999", "9999999999999999999",
         "99999999999999999980000000000000000001"},
        {'*', "99999999999999999999", "99999999999999999999", NULL},
        {'*', "1234567890123456789.123456789", "9.87654321",
         "12193263112482853212.34567900112635269"},
        {'*', "0.12345678901234567890123456789", "0.98765432109876543210987654321", NULL},
        {'*', "0.50000000000000000000", "0.50000000000000000000",
         "0.25000000000000000000000000000000000000"},
        {'%', "7.5", "2", "1.5"},
        {'%', "-7.5", "2", "-1.5"},
        {'%', "7", "-0.4", "0.2"},
        {'%', "0.00000000000000000000000000000000000001", "99999999999999999999999999999999999999",
         "0.00000000000000000000000000000000000001"},
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct decimal a = number(cases[i].a), b = number(cases[i].b), out;
        bool fits = cases[i].op == '+'   ? decimal_add(a, b, &out)
                    : cases[i].op == '-' ? decimal_sub(a, b, &out)
                    : cases[i].op == '*' ? decimal_mul(a, b, &out)
                                         : decimal_mod(a, b, &out);
        if (cases[i].expected == NULL) {
            assert_false(fits);
            continue;
        }
        assert_true(fits);
        assert_decimal(out, cases[i].expected);
    }
}

static struct decimal random_decimal(unsigned digits_max, unsigned scale_max)
{
    int128 unscaled = 0;
    unsigned digits = 1 + (unsigned)random_below(digits_max);

    for (unsigned i = 0; i < digits; i++)
        unscaled = unscaled * 10 + (int)random_below(10);
    uint8_t scale = (uint8_t)random_below(scale_max + 1);
    return (struct decimal){random_below(2) ? -unscaled : unscaled, scale};
}

static void test_decimal__laws_hold_on_random_numbers(void **state)
{
    random_seed();
    for (int i = 0; i < 20000; i++) {
        struct decimal a = random_decimal(18, 9), b = random_decimal(18, 9), sum, back, product;
        assert_true(decimal_add(a, b, &sum));
        assert_true(decimal_sub(sum, b, &back));
        assert_int_equal(decimal_compare(back, a), 0);
        assert_true(decimal_mul(a, b, &product));
        if (b.unscaled == 0)
            continue;
        struct decimal rest;
        assert_true(decimal_mod(product, b, &rest));
        assert_true(rest.unscaled == 0 || a.scale > 0);
        assert_int_equal(decimal_compare(a, b), -decimal_compare(b, a));
    }
}

static void test_decimal__reads_back_its_own_text(void **state)
{
    char text[DECIMAL_TEXT_MAX];

    random_seed();
    for (int i = 0; i < 20000; i++) {
        struct decimal a = random_decimal(38, 38), back;
        size_t size = decimal_format(a, text);
        assert_int_equal(decimal_parse_scaled(str_from(text, size), a.scale, &back),
                         DECIMAL_PARSED);
        assert_true(back.unscaled == a.unscaled);
    }
}

static void test_decimal__compares_exactly_with_double(void **state)
{
    static const struct {
        const char *decimal;
        double real;
        int expected;
    } cases[] = {
        {"0", 0.0, 0},
        {"0", -0.0, 0},
        {"1", 1.0, 0},
        {"0.5", 0.5, 0},
        {"-0.5", -0.5, 0},
        {"0.1", 0.1, -1}, /* the double is a little above */
        {"0.1000000000000000055511151231257827021", 0.1, -1},
        {"0.1000000000000000055511151231257827022", 0.1, 1},
        {"9007199254740993", 9007199254740992.0, 1},
        {"-9007199254740993", -9007199254740992.0, -1},
        {"9223372036854775807", 9223372036854775808.0, -1},
        {"99999999999999999999999999999999999999", 1e300, -1},
        {"-99999999999999999999999999999999999999", -1e300, 1},
        {"1", -1.0, 1},
        {"-1", 1.0, -1},
        {"0", 5e-324, -1},
        {"0.00000000000000000000000000000000000001", 5e-324, 1},
        {"1.25", 1.5, -1},
        {"0", -1.0, 1},
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_int_equal(decimal_compare_double(number(cases[i].decimal), cases[i].real),
                         cases[i].expected);
}

static void test_decimal__to_and_from_double(void **state)
{
    struct decimal out;

    assert_true(decimal_to_double(number("0.1")) == 0.1);
    assert_true(decimal_to_double(number("123456789012345678901234567.89")) ==
                123456789012345678901234567.89);
    assert_true(decimal_from_double(0.1, false, 10, &out));
    assert_decimal(out, "0.1000000000");
    assert_true(decimal_from_double(-2.5, false, 0, &out));
    assert_decimal(out, "-3");
    assert_true(decimal_from_double((double)0.1f, true, 10, &out));
    assert_decimal(out, "0.1000000000");
    assert_false(decimal_from_double(1e39, false, 0, &out));
    random_seed();
    for (int i = 0; i < 5000; i++) {
        struct decimal a = random_decimal(38, 38);
        char text[DECIMAL_TEXT_MAX + 1];
        text[decimal_format(a, text)] = '\0';
        assert_true(decimal_to_double(a) == strtod(text, NULL));
    }
}

/* By the first digits, whichever way was taken: 1.005 has 15 of them, 1.00499999999999989 has more.
 */
static void test_decimal__from_double_by_its_first_digits(void **state)
{
    random_seed();
    for (int i = 0; i < 200000; i++) {
        bool is_float = random_next() % 2 == 0;
        uint8_t scale = (uint8_t)(random_next() % 12);
        double whole = (double)(int64_t)(random_next() % 2000000) - 1000000;
        double real = (whole + 0.5 * (double)(random_next() % 2)) / pow(10, (double)scale) *
                      (random_next() % 4 == 0 ? 1e7 : 1);
        struct decimal out, expected;
        char text[64];

        real = is_float ? (double)(float)real : real;
        size_t size = (size_t)snprintf(text, sizeof(text), "%.*e", is_float ? 5 : 14, real);
        bool fits = decimal_parse_scaled(str_from(text, size), scale, &expected) == DECIMAL_PARSED;
        assert_int_equal(decimal_from_double(real, is_float, scale, &out), fits);
        if (fits && (out.unscaled != expected.unscaled || out.scale != expected.scale))
            fail_msg("%.17g with scale %u", real, scale);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decimal__text),
        cmocka_unit_test(test_decimal__rounds_half_away_from_zero),
        cmocka_unit_test(test_decimal__arithmetic),
        cmocka_unit_test(test_decimal__laws_hold_on_random_numbers),
        cmocka_unit_test(test_decimal__reads_back_its_own_text),
        cmocka_unit_test(test_decimal__compares_exactly_with_double),
        cmocka_unit_test(test_decimal__to_and_from_double),
        cmocka_unit_test(test_decimal__from_double_by_its_first_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
