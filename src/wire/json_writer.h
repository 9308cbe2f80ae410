/* json_writer.h — appends JSON text to a buffer; the hot path of every answer and live message.
 *
 * Commas are written by the writer itself: each function that starts a value or key puts one where
 * the buffer's last byte asks for it, so the caller only opens, fills and closes. Text must be
 * valid UTF-8. Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WIRE_JSON_WRITER_H
#define WIRE_JSON_WRITER_H

#include "base/buf.h"
#include "base/str.h"
#include "value/value.h"

#include <stdbool.h>
#include <stdint.h>

void json_object_begin(struct buf *out);
void json_object_end(struct buf *out);
void json_array_begin(struct buf *out);
void json_array_end(struct buf *out);
void json_key(struct buf *out, struct str key);

void json_write_null(struct buf *out);
void json_write_boolean(struct buf *out, bool boolean);
void json_write_integer(struct buf *out, int64_t integer);
void json_write_unsigned(struct buf *out, uint64_t number);
void json_write_real(struct buf *out, double real, bool is_float); /* finite; shortest form */
void json_write_string(struct buf *out, struct str text);
/* Text that is JSON already, such as an encoded row. */
void json_write_raw(struct buf *out, struct str json);

/* Key and value in one. */
void json_member_string(struct buf *out, struct str key, struct str text);
void json_member_integer(struct buf *out, struct str key, int64_t integer);
void json_member_boolean(struct buf *out, struct str key, bool boolean);

/* A value as in docs/protocol.md: BIGINT, DECIMAL as string, TIMESTAMP as µs, BYTES as array … */
void json_write_value(struct buf *out, const struct value *value);
/* The data_type column of docs/protocol.md: "BigInt", {"Decimal":{"precision":10,"scale":2}}. */
void json_write_type(struct buf *out, const struct data_type *type);

#endif
