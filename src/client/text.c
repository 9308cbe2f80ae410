/* text.c — wire values as people read them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "value/text.h"
#include "base/check.h"
#include "client/client_internal.h"
#include "value/datetime.h"
#include "wire/json_writer.h"

/* A number that has a text as that type. Any other, of a broken server, stays the number it is. */
static bool text_is_time(const struct json *json, enum value_type type)
{
    if (json->kind != JSON_INTEGER)
        return false;
    if (type == VALUE_TIME)
        return json->integer >= 0 && json->integer <= DATETIME_DAY_US;
    if (type == VALUE_DATE)
        return json->integer >= INT32_MIN && json->integer <= INT32_MAX;
    return type == VALUE_TIMESTAMP;
}

/* Times travel as numbers; their text is that of the server's own formatter. */
static const char *text_time(const struct json *json, enum value_type type, struct arena *arena)
{
    struct value value = value_integer(type, json->integer);
    struct buf text;
    struct str copy;

    CHECK(text_is_time(json, type));
    buf_init_fallible(&text);
    value_format(&value, &text);
    arena->failed |= text.failed;
    copy = arena_copy(arena, buf_str(&text));
    buf_clear(&text);
    return arena->failed ? NULL : copy.data;
}

static const char *text_bytes(const struct json *json, struct arena *arena)
{
    char *out = arena_alloc(arena, 2 * json->count + 3), *at = out;

    CHECK(json->kind == JSON_ARRAY);
    if (!out)
        return NULL;
    *at++ = '\\';
    *at++ = 'x';
    for (size_t i = 0; i < json->count; i++) {
        static const char digits[] = "0123456789abcdef";
        unsigned byte = (unsigned)json->items[i].integer & 255;
        *at++ = digits[byte >> 4];
        *at++ = digits[byte & 15];
    }
    *at = 0;
    return out;
}

const char *client_text(const struct json *json, enum value_type type, struct arena *arena)
{
    struct buf text;
    struct str copy;

    CHECK(arena != NULL);
    if (!json || json->kind == JSON_NULL)
        return NULL;
    if (json->kind == JSON_STRING) {
        copy = json->text.size > 0 ? arena_copy(arena, json->text) : STR_EMPTY;
        return copy.size == json->text.size ? copy.data : NULL;
    }
    if (json->kind == JSON_BOOLEAN)
        return json->boolean ? "true" : "false";
    if (text_is_time(json, type))
        return text_time(json, type, arena);
    if (json->kind == JSON_ARRAY && type == VALUE_BYTES)
        return text_bytes(json, arena);
    buf_init_fallible(&text);
    client_json_write(json, &text);
    arena->failed |= text.failed;
    copy = arena_copy(arena, buf_str(&text));
    buf_clear(&text);
    return arena->failed ? NULL : copy.data;
}

static void client_json_write_at(const struct json *json, struct buf *out, int depth)
{
    CHECK(depth <= JSON_DEPTH_MAX);
    switch (json->kind) {
    case JSON_NULL:
        json_write_null(out);
        return;
    case JSON_BOOLEAN:
        json_write_boolean(out, json->boolean);
        return;
    case JSON_INTEGER:
        json_write_integer(out, json->integer);
        return;
    case JSON_NUMBER:
        json_write_raw(out, json->text);
        return;
    case JSON_STRING:
        json_write_string(out, json->text);
        return;
    case JSON_ARRAY:
        json_array_begin(out);
        for (size_t i = 0; i < json->count; i++)
            client_json_write_at(&json->items[i], out, depth + 1);
        json_array_end(out);
        return;
    case JSON_OBJECT:
        json_object_begin(out);
        for (size_t i = 0; i < json->count; i++) {
            json_key(out, json->keys[i]);
            client_json_write_at(&json->items[i], out, depth + 1);
        }
        json_object_end(out);
        return;
    }
}

void client_json_write(const struct json *json, struct buf *out)
{
    CHECK(json && out);
    client_json_write_at(json, out, 0);
}
