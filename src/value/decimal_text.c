/* decimal_text.c — decimals from and to text and floating point.
 *
 * The digits before and after the point are read as one run with a position of the point, so that
 * an exponent only moves that position. Rounding half away from zero needs one digit beyond the
 * last.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "value/decimal.h"

#include "base/check.h"
#include "value/value_internal.h"

#include <math.h>
#include <stdio.h>

enum { DECIMAL_EXPONENT_MAX = 100000 };

/* Digits d1 d2 … dn; the value is 0.d1d2…dn × 10^point. */
struct decimal_digits {
    bool negative;
    struct str whole, fraction;
    int64_t point;
};

static struct str decimal_take_digits(struct str *text)
{
    size_t size = 0;

    CHECK(text->data != NULL || text->size == 0);
    while (size < text->size && text->data[size] >= '0' && text->data[size] <= '9')
        size++;
    struct str digits = str_from(text->data, size);
    *text = str_from(text->data + size, text->size - size);
    return digits;
}

static bool decimal_take_char(struct str *text, char wanted)
{
    if (text->size == 0 || text->data[0] != wanted)
        return false;
    text->data++;
    text->size--;
    return true;
}

/* The rest of the text as exponent; values that cannot matter any more are clamped. */
static bool decimal_scan_exponent(struct str text, int64_t *exponent)
{
    bool negative = decimal_take_char(&text, '-');
    int64_t number = 0;

    CHECK(exponent != NULL);
    if (!negative)
        (void)decimal_take_char(&text, '+');
    struct str digits = decimal_take_digits(&text);
    if (digits.size == 0 || text.size > 0)
        return false;
    for (size_t i = 0; i < digits.size && number < DECIMAL_EXPONENT_MAX; i++)
        number = number * 10 + (digits.data[i] - '0');
    *exponent = negative ? -number : number;
    return true;
}

static bool decimal_scan(struct str text, struct decimal_digits *out)
{
    int64_t exponent = 0;

    out->negative = decimal_take_char(&text, '-');
    if (!out->negative)
        (void)decimal_take_char(&text, '+');
    out->whole = decimal_take_digits(&text);
    out->fraction = STR_EMPTY;
    if (decimal_take_char(&text, '.'))
        out->fraction = decimal_take_digits(&text);
    if (out->whole.size + out->fraction.size == 0)
        return false;
    if (decimal_take_char(&text, 'e') || decimal_take_char(&text, 'E')) {
        if (!decimal_scan_exponent(text, &exponent))
            return false;
    } else if (text.size > 0) {
        return false;
    }
    out->point = (int64_t)out->whole.size + exponent;
    CHECK(out->point >= -DECIMAL_EXPONENT_MAX * 10);
    return true;
}

static int decimal_digit(const struct decimal_digits *digits, int64_t index)
{
    size_t i = (size_t)index;

    CHECK(index >= 0);
    if (i < digits->whole.size)
        return digits->whole.data[i] - '0';
    i -= digits->whole.size;
    return i < digits->fraction.size ? digits->fraction.data[i] - '0' : 0;
}

/* False when the rounded number has more than 38 digits. */
static bool decimal_round(const struct decimal_digits *digits, uint8_t scale, struct decimal *out)
{
    int64_t wanted = digits->point + scale; /* digits that are kept */
    int64_t available = (int64_t)(digits->whole.size + digits->fraction.size);
    int128 limit = decimal_power(DECIMAL_DIGITS_MAX);
    int128 unscaled = 0;

    CHECK(scale <= DECIMAL_DIGITS_MAX);
    for (int64_t i = 0; i < wanted; i++) {
        if (i >= available && unscaled == 0)
            break;
        if (unscaled >= limit / 10)
            return false;
        unscaled = unscaled * 10 + decimal_digit(digits, i);
    }
    if (wanted >= 0 && wanted < available && decimal_digit(digits, wanted) >= 5)
        unscaled++;
    if (unscaled >= limit)
        return false;
    *out = (struct decimal){digits->negative ? -unscaled : unscaled, scale};
    return true;
}

enum decimal_parse_result decimal_parse_scaled(struct str text, uint8_t scale, struct decimal *out)
{
    struct decimal_digits digits;

    CHECK(scale <= DECIMAL_DIGITS_MAX);
    if (!decimal_scan(text, &digits))
        return DECIMAL_MALFORMED;
    return decimal_round(&digits, scale, out) ? DECIMAL_PARSED : DECIMAL_OVERFLOW;
}

enum decimal_parse_result decimal_parse(struct str text, struct decimal *out)
{
    struct decimal_digits digits;

    CHECK(out != NULL);
    if (!decimal_scan(text, &digits))
        return DECIMAL_MALFORMED;
    int64_t scale = (int64_t)(digits.whole.size + digits.fraction.size) - digits.point;
    if (scale < 0)
        scale = 0;
    if (scale > DECIMAL_DIGITS_MAX)
        scale = DECIMAL_DIGITS_MAX;
    for (; scale >= 0; scale--) {
        if (decimal_round(&digits, (uint8_t)scale, out))
            return DECIMAL_PARSED;
    }
    return DECIMAL_OVERFLOW;
}

size_t decimal_format(struct decimal number, char out[DECIMAL_TEXT_MAX])
{
    char reversed[DECIMAL_TEXT_MAX];
    size_t count = 0, size = 0;
    unsigned __int128 rest = number.unscaled < 0 ? -(unsigned __int128)number.unscaled
                                                 : (unsigned __int128)number.unscaled;

    CHECK(number.scale <= DECIMAL_DIGITS_MAX);
    do {
        if (count == number.scale && number.scale > 0)
            reversed[count++] = '.';
        reversed[count++] = (char)('0' + (int)(rest % 10));
        rest /= 10;
    } while (rest != 0 || count < number.scale || (number.scale > 0 && count <= number.scale + 1u));
    CHECK(count < DECIMAL_TEXT_MAX - 1);
    if (number.unscaled < 0)
        out[size++] = '-';
    while (count > 0)
        out[size++] = reversed[--count];
    return size;
}

/* Exact ones. */
static const double decimal_double_powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                               1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                               1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

double decimal_to_double(struct decimal number)
{
    const int128 exact = (int128)1 << 53;
    char text[DECIMAL_TEXT_MAX];
    double real = 0;

    CHECK(number.scale <= DECIMAL_DIGITS_MAX);
    /* Both parts are exact doubles: one correctly rounded division. */
    if (number.unscaled <= exact && number.unscaled >= -exact && number.scale <= 22)
        return (double)number.unscaled / decimal_double_powers[number.scale];
    size_t size = decimal_format(number, text);
    CHECK(real_parse(str_from(text, size), false, &real) == REAL_PARSED);
    return real;
}

/* Whether rounding at once gives what rounding the first digits gives: not where the part behind
 * the point is so near to one half that the digits left out decide. */
static bool decimal_from_double_quick(double real, bool is_float, uint8_t scale,
                                      struct decimal *out)
{
    double moved, whole;

    CHECK(scale <= DECIMAL_DIGITS_MAX);
    if (scale > 22)
        return false;
    moved = real * decimal_double_powers[scale];
    double margin = fabs(moved) * (is_float ? 1e-5 : 1e-14);
    if (margin > 0.1)
        return false;
    whole = trunc(moved);
    double rest = fabs(moved - whole);
    if (fabs(rest - 0.5) <= margin)
        return false;
    *out = (struct decimal){.unscaled = (int128)whole, .scale = scale};
    if (rest > 0.5)
        out->unscaled += moved < 0 ? -1 : 1;
    return true;
}

bool decimal_from_double(double real, bool is_float, uint8_t scale, struct decimal *out)
{
    char text[40];

    CHECK(isfinite(real));
    if (decimal_from_double_quick(real, is_float, scale, out))
        return true;
    /* PostgreSQL converts through the digits that are always exact: 15, for float 6. */
    int size = snprintf(text, sizeof(text), "%.*e", is_float ? 5 : 14, real);
    CHECK(size > 0 && (size_t)size < sizeof(text));
    for (int i = 0; i < size; i++) {
        if (text[i] == ',')
            text[i] = '.'; /* the host of the client library may have another locale */
    }
    return decimal_parse_scaled(str_from(text, (size_t)size), scale, out) == DECIMAL_PARSED;
}
