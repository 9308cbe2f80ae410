/* value_internal.h — pieces that only the files of value/ share.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef VALUE_VALUE_INTERNAL_H
#define VALUE_VALUE_INTERNAL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "value/decimal.h"
#include "value/value.h"

enum { VALUE_SHOWN_BYTES = 64 }; /* of a user's value in an error message */

/* Bounds of SMALLINT, INT, BIGINT. */
bool value_integer_fits(enum value_type type, int64_t integer);
/* 'smallint out of range' with the value; CONSTRAINT_VIOLATION. */
enum status value_out_of_range(enum value_type type, struct str shown, struct error *err);
/* 'invalid input syntax for type X: "…"'; TYPE_MISMATCH. */
enum status value_invalid_text(enum value_type type, struct str text, struct error *err);

struct decimal value_decimal_of(const struct value *value); /* integers and DECIMAL */
double value_real_of(const struct value *value);            /* any number; nearest */

enum real_result { REAL_PARSED, REAL_MALFORMED, REAL_OVERFLOW };
/* Decimal notation only: no hex, no inf, no nan. Rounded once, to float if asked. */
enum real_result real_parse(struct str text, bool is_float, double *out);

/* One parser per type; blanks around are already gone where the type allows them. */
enum status text_parse_date(struct str text, int64_t *days, struct error *err);
enum status text_parse_time(struct str text, int64_t *time_us, struct error *err);
enum status text_parse_timestamp(struct str text, int64_t *timestamp_us, struct error *err);
enum status text_parse_uuid(struct str text, uint8_t uuid[16], struct error *err);
enum status text_parse_bytes(struct str text, struct arena *arena, struct str *bytes,
                             struct error *err);

void text_format_date(int64_t days, struct buf *out);
void text_format_time(int64_t time_us, struct buf *out);
void text_format_timestamp(int64_t timestamp_us, struct buf *out);
void text_format_uuid(const uint8_t uuid[16], struct buf *out);
void text_format_bytes(struct str bytes, struct buf *out);
/* Printable ASCII as it is, other bytes and quotes as \xFF. */
void text_format_bytes_plain(struct str bytes, struct buf *out);
/* The digits of value_format_real, always with a point or an exponent and plain below 1e16. */
size_t value_format_real_wide(double real, bool is_float, char out[32]);

/* Number to number; neither is NULL. */
enum status cast_number(const struct value *value, const struct data_type *type, struct value *out,
                        struct error *err);
/* Checks the length of VARCHAR(n). */
enum status cast_check_length(struct str text, const struct data_type *type, struct error *err);

#endif
