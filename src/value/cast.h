/* cast.h — conversion of values between types: CAST, assignment to columns, parameters.
 *
 * Rules are PostgreSQL's: numeric to integer rounds half away from zero (float to integer rounds
 * half to even as PostgreSQL does), out of range is an error, text is parsed strictly with
 * surrounding blanks allowed.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef VALUE_CAST_H
#define VALUE_CAST_H

#include "base/arena.h"
#include "base/error.h"
#include "value/value.h"

/* How far a conversion may go. */
enum cast_context {
    CAST_EXPLICIT,   /* CAST(x AS t), ::t — everything PostgreSQL casts */
    CAST_ASSIGNMENT, /* value of an expression or parameter into a column: numbers among each other,
                        string literals and parameters to anything, DATE ↔ TIMESTAMP; VARCHAR(n) too
                        long is an error, DECIMAL rounds, JSON is checked */
};

/* Converts `value` to `type`. NULL stays NULL of the new type. `out` may borrow from `value` or lie
 * in `arena`. Errors: TYPE_MISMATCH (no such conversion, unparsable text), CONSTRAINT_VIOLATION
 * (out of range, too long, invalid JSON); the message names types and, cut to 64 bytes, the value —
 * not the column: callers put it in front with error_prefix. */
enum status value_cast(const struct value *value, const struct data_type *type,
                       enum cast_context context, struct arena *arena, struct value *out,
                       struct error *err) MUST_CHECK;
/* Static check with the same rules, for binding. */
bool value_cast_is_possible(enum value_type from, enum value_type to, enum cast_context context);

#endif
