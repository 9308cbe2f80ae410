/* column.h — columns of a result and rows of values as both protocols show them. Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WIRE_COLUMN_H
#define WIRE_COLUMN_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "value/value.h"
#include "wire/json_parse.h"

#include <stdbool.h>
#include <stddef.h>

struct wire_column {
    struct str name;
    struct data_type type;
    bool primary_key, not_null, unique;
};

/* `[{"name":…,"data_type":…,"index":0,"flags":[…]},…]`, docs/protocol.md. */
void wire_columns_write(struct buf *out, const struct wire_column *columns, size_t count);
/* The same back; INVALID_INPUT naming what is wrong. */
enum status wire_columns_read(const struct json *schema, struct arena *arena,
                              struct wire_column **columns, size_t *count,
                              struct error *err) MUST_CHECK;

/* `["8123","Tea",null]`: a row of an HTTP answer. */
void wire_row_array_write(struct buf *out, const struct value *values, size_t count);
/* `{"id":"8123","title":"Tea"}`: a row of a WebSocket message. */
void wire_row_object_write(struct buf *out, const struct wire_column *columns,
                           const struct value *values, size_t count);

/* Parameters of a request, docs/protocol.md: string → TEXT, integer → BIGINT, number with a
 * fraction and up to 38 digits → DECIMAL, other numbers → DOUBLE, boolean, null (VALUE_NULL).
 * INVALID_PARAMETER for arrays and objects, INVALID_INPUT if `params` is no array. `params` NULL or
 * null gives none.
 */
enum status wire_params_read(const struct json *params, struct arena *arena,
                             const struct value **values, size_t *count,
                             struct error *err) MUST_CHECK;
/* Same from text: the `params` field of a multipart request. */
enum status wire_params_parse(struct str text, struct arena *arena, const struct value **values,
                              size_t *count, struct error *err) MUST_CHECK;
/* `["abc",7,1.5]`, such that reading gives the same values back; types that JSON does not have go
 * as text, which the server converts to the column's type. */
void wire_params_write(struct buf *out, const struct value *values, size_t count);

#endif
