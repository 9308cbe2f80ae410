/* number.h — checked arithmetic with PostgreSQL's meaning: result types, overflow errors, 1/2 = 0.
 *
 *   integer ∘ integer  the larger type; overflow is SQL_EXECUTION_ERROR "bigint out of range"
 *   integer ∘ DECIMAL  DECIMAL (precision 38)
 *   FLOAT ∘ FLOAT      FLOAT; any other mix with FLOAT or DOUBLE gives DOUBLE
 *
 * A NULL operand gives NULL; other types are TYPE_MISMATCH. Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef VALUE_NUMBER_H
#define VALUE_NUMBER_H

#include "base/error.h"
#include "base/macros.h"
#include "value/value.h"

#include <stdbool.h>

/* Type of `a ∘ b` for + - * / %; a bare NULL takes the other's type. False if there is none. */
bool value_arithmetic_type(enum value_type a, enum value_type b, enum value_type *out);

enum status value_add(const struct value *a, const struct value *b, struct value *out,
                      struct error *err) MUST_CHECK;
enum status value_sub(const struct value *a, const struct value *b, struct value *out,
                      struct error *err) MUST_CHECK;
enum status value_mul(const struct value *a, const struct value *b, struct value *out,
                      struct error *err) MUST_CHECK;
enum status value_div(const struct value *a, const struct value *b, struct value *out,
                      struct error *err) MUST_CHECK;
enum status value_mod(const struct value *a, const struct value *b, struct value *out,
                      struct error *err) MUST_CHECK;
enum status value_neg(const struct value *a, struct value *out, struct error *err) MUST_CHECK;
enum status value_abs(const struct value *a, struct value *out, struct error *err) MUST_CHECK;

#endif
