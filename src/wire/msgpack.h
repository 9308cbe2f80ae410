/* msgpack.h — MessagePack as the other spelling of the same messages (docs/protocol.md): maps with
 * named keys.
 *
 * Reading gives the tree of json_parse.h, writing starts from one or from JSON text, so that each
 * message has one encoder and one decoder. Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WIRE_MSGPACK_H
#define WIRE_MSGPACK_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "wire/json_parse.h"

/* Exactly one value, keys are strings, no extension types, nesting ≤ JSON_DEPTH_MAX; bin becomes an
 * array of numbers. CORRUPT otherwise. */
enum status msgpack_parse(struct str bytes, struct arena *arena, const struct json **out,
                          struct error *err) MUST_CHECK;
void msgpack_write(const struct json *json, struct buf *out);
/* JSON text to MessagePack, without a tree: beside `out` it takes little memory. */
enum status msgpack_from_json(struct str text, struct buf *out, struct error *err) MUST_CHECK;

#endif
