/* key.h — order-preserving binary keys (the row_id of store/): comparing the bytes compares the
 * values, column by column.
 *
 *   SMALLINT, INT, BIGINT, DATE, TIMESTAMP  8 bytes big-endian, sign bit flipped
 *   BOOLEAN                                 1 byte
 *   UUID                                    16 bytes
 *   TEXT                                    bytes, 0x00 → 0x00 0xFF, terminator 0x00 0x00
 *
 * Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef VALUE_KEY_H
#define VALUE_KEY_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "value/value.h"

/* Appends `count` values; none is NULL and each is of a key type. CONSTRAINT_VIOLATION when the
 * whole key passes LIMIT_KEY_BYTES. */
enum status key_encode(const struct value *values, size_t count, struct buf *out,
                       struct error *err) MUST_CHECK;
/* Back to values of the given kinds; texts lie in `arena`. CORRUPT if the bytes do not fit. */
enum status key_decode(struct str key, const enum value_type *kinds, size_t count,
                       struct arena *arena, struct value *out, struct error *err) MUST_CHECK;
/* Turns a key prefix into the smallest key that is greater than all keys that start with it; false
 * if there is none (only 0xFF bytes). */
bool key_successor(struct buf *prefix);

#endif
