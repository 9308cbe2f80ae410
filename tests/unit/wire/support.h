/* support.h — shared by the tests of wire/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_UNIT_WIRE_SUPPORT_H
#define TESTS_UNIT_WIRE_SUPPORT_H

#include "unit/value/support.h"

#include "wire/json_parse.h"
#include "wire/json_writer.h"

static inline void assert_buf(const struct buf *actual, const char *expected)
{
    char *shown = calloc(1, actual->size + 1);

    if (actual->size > 0)
        memcpy(shown, actual->data, actual->size);
    assert_string_equal(shown, expected);
    free(shown);
}

static inline const struct json *json_of(const char *text, struct arena *arena)
{
    const struct json *json;
    struct error err;

    if (json_parse(str_from_c(text), arena, &json, &err) != STATUS_OK)
        fail_msg("%s: %s", text, err.message);
    return json;
}

/* The bytes in memory of exactly their size, so that ASan sees a read behind them. */
static inline struct str exact_copy(struct arena *arena, struct str bytes)
{
    char *copy = arena_alloc(arena, bytes.size > 0 ? bytes.size : 1);

    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    return str_from(copy, bytes.size);
}

#endif
