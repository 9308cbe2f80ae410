/* decimal.h — exact decimal arithmetic on at most 38 digits, as PostgreSQL's numeric limited to
 * that.
 *
 * A result that needs more than 38 digits, or a scale above 38, is an overflow (false). Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef VALUE_DECIMAL_H
#define VALUE_DECIMAL_H

#include "base/str.h"
#include "value/value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DECIMAL_DIGITS_MAX = 38, DECIMAL_TEXT_MAX = 48 };

/* unscaled × 10^-scale; |unscaled| < 10^38, scale ≤ 38. */
struct decimal {
    int128 unscaled;
    uint8_t scale;
};

int128 decimal_power(unsigned exponent);  /* 10^exponent, exponent ≤ 38 */
unsigned decimal_digits(int128 unscaled); /* 1 for 0 */
bool decimal_rescale(struct decimal number, uint8_t scale, struct decimal *out);
/* Rounded half away from zero to an integer of any size an int128 holds. */
int128 decimal_round_to_integer(struct decimal number);

bool decimal_add(struct decimal a, struct decimal b, struct decimal *out); /* scale: the larger */
bool decimal_sub(struct decimal a, struct decimal b, struct decimal *out);
bool decimal_mul(struct decimal a, struct decimal b, struct decimal *out); /* scale: the sum */
bool decimal_mod(struct decimal a, struct decimal b, struct decimal *out); /* b ≠ 0; sign of a */
int decimal_compare(struct decimal a, struct decimal b);                   /* -1, 0, 1 */
int decimal_compare_double(struct decimal a, double b);                    /* exact; b finite */

enum decimal_parse_result { DECIMAL_PARSED, DECIMAL_MALFORMED, DECIMAL_OVERFLOW };
/* [+-]digits[.digits][e[+-]digits], no blanks. The scale is the text's own as far as 38 digits
 * allow. */
enum decimal_parse_result decimal_parse(struct str text, struct decimal *out);
/* Rounded to `scale`. */
enum decimal_parse_result decimal_parse_scaled(struct str text, uint8_t scale, struct decimal *out);
size_t decimal_format(struct decimal number, char out[DECIMAL_TEXT_MAX]); /* no NUL */

double decimal_to_double(struct decimal number); /* nearest */
/* Of the shortest text of `real` (15 digits as PostgreSQL casts float8 to numeric), rounded to
 * `scale`. */
bool decimal_from_double(double real, bool is_float, uint8_t scale, struct decimal *out);

#endif
