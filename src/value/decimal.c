/* decimal.c — arithmetic on at most 38 digits through 256-bit intermediate results.
 *
 * A result is first made exact in 256 bits (two numbers of 38 digits multiply to at most 76), then
 * decimal_fit takes zeros away from its fraction until 38 digits and scale 38 are kept. There is no
 * quotient: that of two DECIMAL is DOUBLE (number.c).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "value/decimal.h"

#include "base/check.h"
#include "base/macros.h"

#include <math.h>

typedef unsigned __int128 uint128;

struct wide {
    uint128 high, low;
};

int128 decimal_power(unsigned exponent)
{
    static const int64_t small[] = {1,
                                    10,
                                    100,
                                    1000,
                                    10000,
                                    100000,
                                    1000000,
                                    10000000,
                                    100000000,
                                    1000000000,
                                    10000000000,
                                    100000000000,
                                    1000000000000,
                                    10000000000000,
                                    100000000000000,
                                    1000000000000000,
                                    10000000000000000,
                                    100000000000000000,
                                    1000000000000000000};
    CHECK(exponent <= DECIMAL_DIGITS_MAX);
    if (exponent < ARRAY_COUNT(small))
        return small[exponent];
    int128 power = small[18];
    for (exponent -= 18; exponent >= 18; exponent -= 18)
        power *= small[18];
    return power * small[exponent];
}

static uint128 decimal_magnitude(int128 number)
{
    return number < 0 ? -(uint128)number : (uint128)number;
}

unsigned decimal_digits(int128 unscaled)
{
    uint128 magnitude = decimal_magnitude(unscaled);
    unsigned digits = 1;

    while (digits <= DECIMAL_DIGITS_MAX && magnitude >= (uint128)decimal_power(digits))
        digits++;
    CHECK(digits <= DECIMAL_DIGITS_MAX + 1);
    return digits;
}

static struct wide wide_multiply(uint128 a, uint128 b)
{
    uint128 a_high = a >> 64, a_low = (uint64_t)a, b_high = b >> 64, b_low = (uint64_t)b;
    uint128 low = a_low * b_low;
    uint128 middle = a_high * b_low + (low >> 64); /* < 2^128: no carry is lost */
    uint128 other = a_low * b_high + (uint64_t)middle;

    return (struct wide){a_high * b_high + (middle >> 64) + (other >> 64),
                         other << 64 | (uint64_t)low};
}

static struct wide wide_add(struct wide a, struct wide b)
{
    struct wide sum = {a.high + b.high, a.low + b.low};

    sum.high += sum.low < a.low;
    CHECK(sum.high >= a.high); /* both are far below 2^256 */
    return sum;
}

static int wide_compare(struct wide a, struct wide b)
{
    if (a.high != b.high)
        return a.high < b.high ? -1 : 1;
    return (a.low > b.low) - (a.low < b.low);
}

static struct wide wide_subtract(struct wide a, struct wide b)
{
    CHECK(wide_compare(a, b) >= 0);
    return (struct wide){a.high - b.high - (a.low < b.low), a.low - b.low};
}

static unsigned wide_bits(struct wide number)
{
    uint128 part = number.high != 0 ? number.high : number.low;
    unsigned bits = number.high != 0 ? 128 : 0;

    while (part != 0) {
        part >>= 1;
        bits++;
    }
    CHECK(bits <= 256);
    return bits;
}

/* Binary long division; divisor < 2^127, so the remainder never overflows when doubled. */
static struct wide wide_divide(struct wide number, uint128 divisor, uint128 *remainder)
{
    struct wide quotient = {0, 0};
    uint128 rest = 0;

    CHECK(divisor > 0 && divisor >> 127 == 0);
    if (number.high == 0) {
        *remainder = number.low % divisor;
        return (struct wide){0, number.low / divisor};
    }
    for (int i = 255; i >= 0; i--) {
        uint128 bit = (i >= 128 ? number.high >> (i - 128) : number.low >> i) & 1;
        rest = rest << 1 | bit;
        quotient = (struct wide){quotient.high << 1 | quotient.low >> 127, quotient.low << 1};
        if (rest >= divisor) {
            rest -= divisor;
            quotient.low |= 1;
        }
    }
    *remainder = rest;
    return quotient;
}

/* Divides by 10^digits, rounding half away from zero. */
static struct wide wide_drop_digits(struct wide number, unsigned digits)
{
    uint128 remainder;
    uint128 divisor = (uint128)decimal_power(digits);

    CHECK(digits > 0);
    struct wide quotient = wide_divide(number, divisor, &remainder);
    if (remainder >= divisor - remainder)
        quotient = wide_add(quotient, (struct wide){0, 1});
    return quotient;
}

static bool wide_fits(struct wide number)
{
    return number.high == 0 && number.low < (uint128)decimal_power(DECIMAL_DIGITS_MAX);
}

/* The exact result `magnitude` × 10^-scale as a decimal; false if it needs more digits. */
static bool decimal_fit(struct wide magnitude, bool negative, unsigned scale, struct decimal *out)
{
    unsigned drop = scale > DECIMAL_DIGITS_MAX ? scale - DECIMAL_DIGITS_MAX : 0;
    struct wide rounded = magnitude;

    CHECK(scale <= 2 * DECIMAL_DIGITS_MAX);
    /* 1233/4096 is just above log10(2): never more digits than there are, at most one fewer. */
    unsigned digits_least = wide_bits(magnitude) * 1233 / 4096;
    if (digits_least > DECIMAL_DIGITS_MAX && digits_least - DECIMAL_DIGITS_MAX > drop)
        drop = digits_least - DECIMAL_DIGITS_MAX;
    for (;; drop++) {
        if (drop > scale || drop > DECIMAL_DIGITS_MAX)
            return false;
        rounded = drop > 0 ? wide_drop_digits(magnitude, drop) : magnitude;
        if (wide_fits(rounded))
            break;
    }
    if (wide_compare(wide_multiply(rounded.low, (uint128)decimal_power(drop)), magnitude) != 0)
        return false;
    out->unscaled = negative ? -(int128)rounded.low : (int128)rounded.low;
    out->scale = (uint8_t)(scale - drop);
    return true;
}

static void decimal_check(struct decimal number)
{
    CHECK(number.scale <= DECIMAL_DIGITS_MAX);
    CHECK(decimal_magnitude(number.unscaled) < (uint128)decimal_power(DECIMAL_DIGITS_MAX));
}

static int128 decimal_divide_rounded(int128 number, unsigned digits)
{
    int128 divisor = decimal_power(digits);
    int128 quotient = number / divisor, rest = number % divisor;

    CHECK(digits <= DECIMAL_DIGITS_MAX);
    if (rest < 0)
        rest = -rest;
    if (rest >= divisor - rest)
        quotient += number < 0 ? -1 : 1;
    return quotient;
}

bool decimal_rescale(struct decimal number, uint8_t scale, struct decimal *out)
{
    CHECK(scale <= DECIMAL_DIGITS_MAX);
    decimal_check(number);
    if (scale < number.scale) {
        *out = (struct decimal){
            decimal_divide_rounded(number.unscaled, (unsigned)(number.scale - scale)), scale};
        return true;
    }
    int128 factor = decimal_power((unsigned)(scale - number.scale));
    int128 unscaled;
    if (__builtin_mul_overflow(number.unscaled, factor, &unscaled) ||
        decimal_magnitude(unscaled) >= (uint128)decimal_power(DECIMAL_DIGITS_MAX))
        return false;
    *out = (struct decimal){unscaled, scale};
    return true;
}

int128 decimal_round_to_integer(struct decimal number)
{
    decimal_check(number);
    return number.scale == 0 ? number.unscaled
                             : decimal_divide_rounded(number.unscaled, number.scale);
}

/* |number| × 10^(scale - number.scale), exact. */
static struct wide decimal_widen(struct decimal number, uint8_t scale)
{
    CHECK(scale >= number.scale);
    return wide_multiply(decimal_magnitude(number.unscaled),
                         (uint128)decimal_power((unsigned)(scale - number.scale)));
}

bool decimal_add(struct decimal a, struct decimal b, struct decimal *out)
{
    uint8_t scale = a.scale > b.scale ? a.scale : b.scale;
    bool a_negative = a.unscaled < 0, b_negative = b.unscaled < 0;

    decimal_check(a);
    decimal_check(b);
    struct wide wide_a = decimal_widen(a, scale), wide_b = decimal_widen(b, scale);
    if (a_negative == b_negative)
        return decimal_fit(wide_add(wide_a, wide_b), a_negative, scale, out);
    if (wide_compare(wide_a, wide_b) >= 0)
        return decimal_fit(wide_subtract(wide_a, wide_b), a_negative, scale, out);
    return decimal_fit(wide_subtract(wide_b, wide_a), b_negative, scale, out);
}

bool decimal_sub(struct decimal a, struct decimal b, struct decimal *out)
{
    decimal_check(b);
    return decimal_add(a, (struct decimal){-b.unscaled, b.scale}, out);
}

bool decimal_mul(struct decimal a, struct decimal b, struct decimal *out)
{
    decimal_check(a);
    decimal_check(b);
    CHECK(out != NULL);
    struct wide product =
        wide_multiply(decimal_magnitude(a.unscaled), decimal_magnitude(b.unscaled));
    return decimal_fit(product, (a.unscaled < 0) != (b.unscaled < 0), (unsigned)a.scale + b.scale,
                       out);
}

bool decimal_mod(struct decimal a, struct decimal b, struct decimal *out)
{
    uint8_t scale = a.scale > b.scale ? a.scale : b.scale;
    uint128 remainder;

    CHECK(b.unscaled != 0);
    decimal_check(a);
    decimal_check(b);
    struct wide divisor = decimal_widen(b, scale);
    if (!wide_fits(divisor)) { /* then b.scale < a.scale, and b is larger than any such a */
        *out = a;
        return true;
    }
    (void)wide_divide(decimal_widen(a, scale), divisor.low, &remainder);
    *out = (struct decimal){a.unscaled < 0 ? -(int128)remainder : (int128)remainder, scale};
    return true;
}

int decimal_compare(struct decimal a, struct decimal b)
{
    uint8_t scale = a.scale > b.scale ? a.scale : b.scale;

    decimal_check(a);
    decimal_check(b);
    if (a.scale == b.scale)
        return (a.unscaled > b.unscaled) - (a.unscaled < b.unscaled);
    if ((a.unscaled < 0) != (b.unscaled < 0))
        return a.unscaled < 0 ? -1 : 1;
    int order = wide_compare(decimal_widen(a, scale), decimal_widen(b, scale));
    return a.unscaled < 0 ? -order : order;
}

int decimal_compare_double(struct decimal a, double b)
{
    uint128 divisor = (uint128)decimal_power(a.scale);

    CHECK(isfinite(b));
    decimal_check(a);
    if (b >= 1e39 || b <= -1e39)
        return b > 0 ? -1 : 1;
    if ((a.unscaled < 0) != (b < 0))
        return a.unscaled < 0 ? -1 : (a.unscaled == 0 && b == 0 ? 0 : 1);
    /* Same sign: compare magnitudes, first the integer parts, then the fractions bit by bit. */
    int sign = b < 0 ? -1 : 1;
    uint128 magnitude = decimal_magnitude(a.unscaled);
    double whole, fraction = modf(fabs(b), &whole);
    bool huge = whole >= 0x1p127;
    uint128 whole_b = huge ? 0 : (uint128)whole, whole_a = magnitude / divisor;
    if (huge || whole_a != whole_b)
        return huge || whole_a < whole_b ? -sign : sign;
    uint128 rest = magnitude % divisor;
    while (rest != 0 || fraction != 0) {
        rest *= 2;
        fraction *= 2;
        bool bit_a = rest >= divisor, bit_b = fraction >= 1;
        if (bit_a != bit_b)
            return bit_a ? sign : -sign;
        rest -= bit_a ? divisor : 0;
        fraction -= bit_b ? 1 : 0;
        if (fraction == 0)
            return rest == 0 ? 0 : sign;
    }
    return 0;
}
