/* json_parse.h — strict JSON text to a small immutable tree in an arena.
 *
 * Strict: RFC 8259, valid UTF-8, nothing behind the value, nesting ≤ JSON_DEPTH_MAX; of duplicate
 * keys the last wins; integers are exact or refused, never clamped or rounded. The tree borrows
 * nothing from the text. Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WIRE_JSON_PARSE_H
#define WIRE_JSON_PARSE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_DEPTH_MAX = 32 };

enum json_kind {
    JSON_NULL,
    JSON_BOOLEAN,
    JSON_INTEGER, /* fits int64 */
    JSON_NUMBER,  /* every other number: fraction, exponent, or above int64 */
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

struct json {
    enum json_kind kind;
    bool boolean;
    int64_t integer;          /* INTEGER */
    double real;              /* INTEGER and NUMBER, rounded */
    struct str text;          /* STRING: the characters; NUMBER: as written */
    size_t count;             /* ARRAY, OBJECT */
    const struct json *items; /* ARRAY: elements, OBJECT: values */
    const struct str *keys;   /* OBJECT */
};

/* A value takes up to 64 bytes, and as many again while it is read, but two bytes of text. What a
 * stranger sends is read into an arena with this limit, which texts and the parameters of a
 * statement never reach; for the tree alone, so that who takes more of the arena sets another one
 * afterwards. */
enum { JSON_MEMORY_BYTES = 4 << 20, JSON_MEMORY_FACTOR = 4 };
static inline size_t json_memory_max(size_t text_bytes)
{
    return JSON_MEMORY_BYTES + JSON_MEMORY_FACTOR * text_bytes;
}
/* PAYLOAD_TOO_LARGE when what the arena holds and `more` bytes pass its limit. */
enum status json_check_memory(const struct arena *arena, size_t more, struct error *err) MUST_CHECK;

/* INVALID_INPUT on anything that is not one strict JSON value; PAYLOAD_TOO_LARGE when the tree
 * passes the arena's limit. */
enum status json_parse(struct str text, struct arena *arena, const struct json **out,
                       struct error *err) MUST_CHECK;

/* Who is told what a text holds, in its order; members of a container between its begin and end. */
struct json_visitor {
    void (*value)(void *context,
                  const struct json *value);    /* no container; borrowed for the call */
    void (*key)(void *context, struct str key); /* likewise */
    void (*begin)(void *context, bool is_object);
    void (*end)(void *context, size_t count); /* of the values in it */
    void *context;
};
/* As json_parse, without a tree: memory is that of the largest text in it. */
enum status json_walk(struct str text, const struct json_visitor *visitor,
                      struct error *err) MUST_CHECK;

/* Value of a key; NULL if absent or `json` is no object (or NULL). */
const struct json *json_get(const struct json *json, const char *key);
/* As json_get, but a JSON null counts as absent. */
const struct json *json_get_present(const struct json *json, const char *key);
bool json_is(const struct json *json, enum json_kind kind); /* NULL is nothing */
/* False, leaving `out` alone, if `json` is NULL or of another kind. */
bool json_string(const struct json *json, struct str *out);
bool json_integer(const struct json *json, int64_t *out);
/* Number or string of digits: sequence numbers and BIGINT, docs/protocol.md. */
bool json_integer_any(const struct json *json, int64_t *out);
bool json_real(const struct json *json, double *out);
bool json_boolean(const struct json *json, bool *out);

#endif
