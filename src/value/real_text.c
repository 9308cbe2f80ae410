/* real_text.c — floating point from and to text, independent of the host's locale.
 *
 * Shortest form: numbers of up to 15 digits with a short fraction are found with one multiplication
 * and proved with one correctly rounded division; the others try 15, 16 and 17 digits until the
 * text reads back. Layout as PostgreSQL: plain between 1e-4 and 1e15 (FLOAT: 1e6), else d.ddde±xx.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "value/text.h"

#include "base/check.h"
#include "base/mem.h"
#include "value/value_internal.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { REAL_TEXT_INLINE = 128, REAL_FRACTION_QUICK = 8, REAL_WIDE_PLAIN = 16 };

static locale_t real_locale;
static pthread_once_t real_locale_once = PTHREAD_ONCE_INIT;

static void real_locale_open(void)
{
    real_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    CHECK(real_locale != (locale_t)0);
}

static locale_t real_c_locale(void)
{
    CHECK(pthread_once(&real_locale_once, real_locale_open) == 0);
    return real_locale;
}

/* strtod accepts more (hex, inf, nan, blanks) than we do. */
static bool real_is_decimal(struct str text)
{
    size_t digits = 0, i = 0;

    CHECK(text.data != NULL || text.size == 0);
    if (i < text.size && (text.data[i] == '-' || text.data[i] == '+'))
        i++;
    for (bool point = false; i < text.size; i++) {
        bool is_digit = text.data[i] >= '0' && text.data[i] <= '9';
        digits += is_digit;
        if (!is_digit && (text.data[i] != '.' || point))
            break;
        point = point || !is_digit;
    }
    if (digits == 0)
        return false;
    if (i == text.size)
        return true;
    if (text.data[i] != 'e' && text.data[i] != 'E')
        return false;
    i++;
    if (i < text.size && (text.data[i] == '-' || text.data[i] == '+'))
        i++;
    size_t first = i;
    while (i < text.size && text.data[i] >= '0' && text.data[i] <= '9')
        i++;
    return i == text.size && i > first;
}

enum real_result real_parse(struct str text, bool is_float, double *out)
{
    char inline_copy[REAL_TEXT_INLINE];
    char *copy = inline_copy;

    CHECK(out != NULL);
    if (!real_is_decimal(text))
        return REAL_MALFORMED;
    if (text.size < sizeof(inline_copy)) {
        memcpy(inline_copy, text.data, text.size);
        inline_copy[text.size] = '\0';
    } else {
        copy = mem_try_strdup(text); /* libkalam reads with it too */
        if (copy == NULL)
            return REAL_OVERFLOW;
    }
    double real = is_float ? (double)strtof_l(copy, NULL, real_c_locale())
                           : strtod_l(copy, NULL, real_c_locale());
    if (copy != inline_copy)
        mem_free(copy);
    if (!isfinite(real))
        return REAL_OVERFLOW;
    *out = real;
    return REAL_PARSED;
}

static size_t real_put_digits(uint64_t number, char *out)
{
    char reversed[24];
    size_t count = 0;

    do {
        reversed[count++] = (char)('0' + (int)(number % 10));
        number /= 10;
    } while (number > 0);
    CHECK(count < sizeof(reversed));
    for (size_t i = 0; i < count; i++)
        out[i] = reversed[count - 1 - i];
    return count;
}

/* Doubles that are a whole number over a small power of ten; 0 if this is none of them. */
static size_t real_format_quick(double real, char out[32])
{
    static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8};
    double magnitude = fabs(real);
    size_t size = 0;

    CHECK(isfinite(real));
    if (magnitude >= 1e15 || (magnitude < 1e-4 && magnitude != 0))
        return 0;
    for (size_t digits = 0; digits <= REAL_FRACTION_QUICK; digits++) {
        double scaled = nearbyint(magnitude * powers[digits]);
        if (scaled >= 1e15)
            return 0;
        if (scaled / powers[digits] != magnitude)
            continue;
        uint64_t number = (uint64_t)scaled, power = (uint64_t)powers[digits];
        if (signbit(real))
            out[size++] = '-';
        size += real_put_digits(number / power, out + size);
        if (digits == 0)
            return size;
        out[size++] = '.';
        uint64_t fraction = number % power;
        for (size_t i = 0; i < digits; i++) {
            power /= 10;
            out[size++] = (char)('0' + (int)(fraction / power % 10));
        }
        return size;
    }
    return 0;
}

/* "-1.25e+03" as digits and exponent in the plain layout, or cleaned of trailing zeros. */
static size_t real_layout(const char *scientific, int exponent_plain_max, char out[32])
{
    char digits[24];
    size_t count = 0, size = 0;
    const char *cursor = scientific;

    if (*cursor == '-') {
        out[size++] = '-';
        cursor++;
    }
    for (; *cursor != 'e'; cursor++) {
        CHECK(*cursor != '\0' && count < sizeof(digits));
        if (*cursor != '.')
            digits[count++] = *cursor;
    }
    int exponent = (int)strtol(cursor + 1, NULL, 10);
    while (count > 1 && digits[count - 1] == '0')
        count--;
    if (exponent < -4 || exponent >= exponent_plain_max) {
        out[size++] = digits[0];
        if (count > 1) {
            out[size++] = '.';
            memcpy(out + size, digits + 1, count - 1);
            size += count - 1;
        }
        return size + (size_t)snprintf(out + size, 8, "e%+03d", exponent);
    }
    for (int place = exponent < 0 ? 0 : exponent; place >= 0 || exponent - place < (int)count;
         place--) {
        int index = exponent - place;
        if (place == -1)
            out[size++] = '.';
        out[size++] = index >= 0 && index < (int)count ? digits[index] : '0';
    }
    return size;
}

/* The fewest digits that read back, as d.ddde±xx. */
static void real_shortest(double real, bool is_float, char text[40])
{
    int precision = is_float ? 5 : 14, precision_max = is_float ? 8 : 16;

    CHECK(isfinite(real));
    if (fabs(real) < (is_float ? (double)FLT_MIN : DBL_MIN))
        precision = 0; /* subnormal: fewer digits can be enough */
    locale_t before = uselocale(real_c_locale());
    for (;; precision++) {
        int length = snprintf(text, 40, "%.*e", precision, real);
        CHECK(length > 0 && length < 40);
        if (precision == precision_max)
            break;
        if (is_float ? strtof(text, NULL) == (float)real : strtod(text, NULL) == real)
            break;
    }
    (void)uselocale(before);
}

size_t value_format_real(double real, bool is_float, char out[32])
{
    char text[40];
    size_t size = is_float ? 0 : real_format_quick(real, out);

    CHECK(isfinite(real));
    if (size > 0)
        return size;
    real_shortest(real, is_float, text);
    return real_layout(text, is_float ? 6 : 15, out);
}

size_t value_format_real_wide(double real, bool is_float, char out[32])
{
    char text[40];
    size_t size = is_float ? 0 : real_format_quick(real, out);

    CHECK(isfinite(real));
    if (size == 0) {
        real_shortest(real, is_float, text);
        size = real_layout(text, REAL_WIDE_PLAIN, out);
    }
    if (memchr(out, '.', size) == NULL && memchr(out, 'e', size) == NULL) {
        out[size++] = '.';
        out[size++] = '0';
    }
    return size;
}
