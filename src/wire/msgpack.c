/* msgpack.c — MessagePack from and to the tree of json_parse.h.
 *
 * Counts in the input are believed only as far as bytes are left for them and for what the
 * containers around them still owe, since every element takes at least one; so memory is bounded by
 * the input however it nests. Recursion is bounded by JSON_DEPTH_MAX.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "wire/msgpack.h"

#include "base/check.h"
#include "base/utf8.h"

#include <math.h>
#include <string.h>

struct msgpack_reader {
    struct str rest;
    size_t owed; /* elements that open containers have announced and that did not come yet */
    struct arena *arena;
    struct error *err;
};

static enum status msgpack_fail(struct msgpack_reader *reader, const char *what)
{
    CHECK(what != NULL);
    return error_set(reader->err, STATUS_CORRUPT, "malformed MessagePack: %s", what);
}

/* Big-endian number of 1, 2, 4 or 8 bytes. */
static bool msgpack_take_number(struct msgpack_reader *reader, size_t size, uint64_t *out)
{
    CHECK(size > 0 && size <= 8);
    if (reader->rest.size < size)
        return false;
    *out = 0;
    for (size_t i = 0; i < size; i++)
        *out = *out << 8 | (unsigned char)reader->rest.data[i];
    reader->rest = str_from(reader->rest.data + size, reader->rest.size - size);
    return true;
}

static struct json msgpack_integer(int64_t integer)
{
    return (struct json){.kind = JSON_INTEGER, .integer = integer, .real = (double)integer};
}

static enum status msgpack_read_unsigned(struct msgpack_reader *reader, size_t size,
                                         struct json *out)
{
    uint64_t number;

    CHECK(out != NULL);
    if (!msgpack_take_number(reader, size, &number))
        return msgpack_fail(reader, "unexpected end");
    if (number <= INT64_MAX) {
        *out = msgpack_integer((int64_t)number);
        return STATUS_OK;
    }
    *out = (struct json){.kind = JSON_NUMBER,
                         .real = (double)number,
                         .text = arena_printf(reader->arena, "%llu", (unsigned long long)number)};
    return STATUS_OK;
}

static enum status msgpack_read_signed(struct msgpack_reader *reader, size_t size, struct json *out)
{
    uint64_t number;

    CHECK(out != NULL);
    if (!msgpack_take_number(reader, size, &number))
        return msgpack_fail(reader, "unexpected end");
    unsigned shift = (unsigned)(64 - 8 * size);
    *out = msgpack_integer((int64_t)(number << shift) >> shift);
    return STATUS_OK;
}

static enum status msgpack_read_real(struct msgpack_reader *reader, size_t size, struct json *out)
{
    uint64_t bits;
    double real;

    CHECK(size == 4 || size == 8);
    if (!msgpack_take_number(reader, size, &bits))
        return msgpack_fail(reader, "unexpected end");
    if (size == 4) {
        uint32_t narrow = (uint32_t)bits;
        float single;
        memcpy(&single, &narrow, sizeof(single));
        real = (double)single;
    } else {
        memcpy(&real, &bits, sizeof(real));
    }
    if (!isfinite(real))
        return msgpack_fail(reader, "number that is not finite");
    *out = (struct json){
        .kind = JSON_NUMBER, .real = real, .text = arena_printf(reader->arena, "%.17e", real)};
    return STATUS_OK;
}

static enum status msgpack_read_text(struct msgpack_reader *reader, uint64_t size, struct str *out)
{
    CHECK(out != NULL);
    if (size > reader->rest.size)
        return msgpack_fail(reader, "unexpected end");
    struct str text = str_from(reader->rest.data, (size_t)size);
    if (!utf8_is_valid(text))
        return msgpack_fail(reader, "string with invalid UTF-8");
    *out = arena_copy(reader->arena, text);
    reader->rest = str_from(text.data + text.size, reader->rest.size - text.size);
    return json_check_memory(reader->arena, 0, reader->err);
}

static enum status msgpack_read_bytes(struct msgpack_reader *reader, uint64_t size,
                                      struct json *out)
{
    CHECK(out != NULL);
    if (size > reader->rest.size)
        return msgpack_fail(reader, "unexpected end");
    enum status status =
        json_check_memory(reader->arena, (size_t)size * sizeof(struct json), reader->err);
    if (status != STATUS_OK)
        return status;
    struct json *items = arena_array(reader->arena, (size_t)size, sizeof(*items));
    for (size_t i = 0; i < size; i++)
        items[i] = msgpack_integer((unsigned char)reader->rest.data[i]);
    *out = (struct json){.kind = JSON_ARRAY, .count = (size_t)size, .items = items};
    reader->rest = str_from(reader->rest.data + size, reader->rest.size - (size_t)size);
    return json_check_memory(reader->arena, 0, reader->err);
}

static enum status msgpack_read(struct msgpack_reader *reader, unsigned depth, struct json *out);

static enum status msgpack_read_key(struct msgpack_reader *reader, struct str *key)
{
    struct json json = {0};
    enum status status = msgpack_read(reader, JSON_DEPTH_MAX, &json);

    CHECK(key != NULL);
    if (status != STATUS_OK)
        return status;
    return json_string(&json, key) ? STATUS_OK : msgpack_fail(reader, "key that is no string");
}

static enum status msgpack_read_container(struct msgpack_reader *reader, uint64_t count,
                                          bool is_map, unsigned depth, struct json *out)
{
    enum status status;

    CHECK(depth <= JSON_DEPTH_MAX);
    if (depth == JSON_DEPTH_MAX)
        return msgpack_fail(reader, "nested too deeply");
    uint64_t elements = is_map ? 2 * count : count;
    if (elements > reader->rest.size || reader->owed > reader->rest.size - elements)
        return msgpack_fail(reader, "unexpected end");
    reader->owed += (size_t)elements;
    status = json_check_memory(reader->arena, (size_t)count * sizeof(struct json), reader->err);
    if (status != STATUS_OK)
        return status;
    struct json *items = arena_array(reader->arena, (size_t)count, sizeof(*items));
    struct str *keys = is_map ? arena_array(reader->arena, (size_t)count, sizeof(*keys)) : NULL;
    status = json_check_memory(reader->arena, 0, reader->err);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        reader->owed -= is_map ? 2 : 1;
        if (is_map)
            status = msgpack_read_key(reader, &keys[i]);
        if (status == STATUS_OK)
            status = msgpack_read(reader, depth + 1, &items[i]);
    }
    *out = (struct json){.kind = is_map ? JSON_OBJECT : JSON_ARRAY,
                         .count = (size_t)count,
                         .items = items,
                         .keys = keys};
    return status;
}

/* Tags that are followed by a size or count of 1, 2 or 4 bytes. */
static enum status msgpack_read_sized(struct msgpack_reader *reader, uint8_t tag, unsigned depth,
                                      struct json *out)
{
    bool is_bytes = tag >= 0xc4 && tag <= 0xc6, is_text = tag >= 0xd9 && tag <= 0xdb;
    size_t width = is_bytes         ? (size_t)1 << (tag - 0xc4)
                   : is_text        ? (size_t)1 << (tag - 0xd9)
                   : (tag & 1) != 0 ? 4u
                                    : 2u; /* dc, de: 16 bits; dd, df: 32 bits */
    uint64_t size;

    CHECK(out != NULL);
    if (!msgpack_take_number(reader, width, &size))
        return msgpack_fail(reader, "unexpected end");
    if (is_bytes)
        return msgpack_read_bytes(reader, size, out);
    if (is_text) {
        out->kind = JSON_STRING;
        return msgpack_read_text(reader, size, &out->text);
    }
    return msgpack_read_container(reader, size, tag >= 0xde, depth, out);
}

static enum status msgpack_read(struct msgpack_reader *reader, unsigned depth, struct json *out)
{
    uint64_t byte;

    CHECK(out != NULL);
    if (!msgpack_take_number(reader, 1, &byte))
        return msgpack_fail(reader, "unexpected end");
    uint8_t tag = (uint8_t)byte;
    *out = (struct json){0};
    if (tag < 0x80 || tag >= 0xe0) {
        *out = msgpack_integer((int8_t)tag);
        return STATUS_OK;
    }
    if (tag < 0xa0)
        return msgpack_read_container(reader, tag & 15u, tag < 0x90, depth, out);
    if (tag < 0xc0) {
        out->kind = JSON_STRING;
        return msgpack_read_text(reader, tag & 31u, &out->text);
    }
    if (tag == 0xc0)
        return STATUS_OK; /* nil */
    if (tag == 0xc2 || tag == 0xc3) {
        *out = (struct json){.kind = JSON_BOOLEAN, .boolean = tag == 0xc3};
        return STATUS_OK;
    }
    if (tag == 0xca || tag == 0xcb)
        return msgpack_read_real(reader, tag == 0xca ? 4 : 8, out);
    if (tag >= 0xcc && tag <= 0xcf)
        return msgpack_read_unsigned(reader, (size_t)1 << (tag - 0xcc), out);
    if (tag >= 0xd0 && tag <= 0xd3)
        return msgpack_read_signed(reader, (size_t)1 << (tag - 0xd0), out);
    if ((tag >= 0xc4 && tag <= 0xc6) || tag >= 0xd9)
        return msgpack_read_sized(reader, tag, depth, out);
    return msgpack_fail(reader, "extension type");
}

enum status msgpack_parse(struct str bytes, struct arena *arena, const struct json **out,
                          struct error *err)
{
    struct msgpack_reader reader = {.rest = bytes, .arena = arena, .err = err};
    struct json *root = arena_zalloc(arena, sizeof(*root));
    enum status status = msgpack_read(&reader, 0, root);

    CHECK(out != NULL);
    if (status != STATUS_OK)
        return status;
    if (reader.rest.size > 0)
        return msgpack_fail(&reader, "bytes behind the value");
    *out = root;
    return STATUS_OK;
}

static void msgpack_put(struct buf *out, uint8_t tag, uint64_t number, size_t size)
{
    CHECK(size <= 8);
    buf_append_byte(out, tag);
    for (size_t i = size; i > 0; i--)
        buf_append_byte(out, (uint8_t)(number >> (8 * (i - 1))));
}

static void msgpack_put_integer(struct buf *out, int64_t integer)
{
    CHECK(out != NULL);
    if (integer >= -32 && integer <= 127)
        buf_append_byte(out, (uint8_t)integer);
    else if (integer >= 0 && integer <= UINT8_MAX)
        msgpack_put(out, 0xcc, (uint64_t)integer, 1);
    else if (integer >= 0 && integer <= UINT16_MAX)
        msgpack_put(out, 0xcd, (uint64_t)integer, 2);
    else if (integer >= 0 && integer <= UINT32_MAX)
        msgpack_put(out, 0xce, (uint64_t)integer, 4);
    else
        msgpack_put(out, integer >= 0 ? 0xcf : 0xd3, (uint64_t)integer, 8);
}

static void msgpack_put_number(struct buf *out, const struct json *json)
{
    uint64_t bits;

    CHECK(json->kind == JSON_NUMBER);
    if (str_to_uint64(json->text, &bits)) {
        msgpack_put(out, 0xcf, bits, 8);
        return;
    }
    memcpy(&bits, &json->real, sizeof(bits));
    msgpack_put(out, 0xcb, bits, 8);
}

static void msgpack_put_text(struct buf *out, struct str text)
{
    CHECK(text.size <= UINT32_MAX);
    if (text.size < 32)
        buf_append_byte(out, (uint8_t)(0xa0 | text.size));
    else if (text.size <= UINT8_MAX)
        msgpack_put(out, 0xd9, text.size, 1);
    else if (text.size <= UINT16_MAX)
        msgpack_put(out, 0xda, text.size, 2);
    else
        msgpack_put(out, 0xdb, text.size, 4);
    buf_append_str(out, text);
}

enum { MSGPACK_HEAD_MAX = 5 };

/* The tag and count of a container; how many bytes they take. */
static size_t msgpack_head(char head[MSGPACK_HEAD_MAX], bool is_map, size_t count)
{
    size_t size = count < 16 ? 1 : count <= UINT16_MAX ? 3 : 5;
    size_t wide = size == 5;

    CHECK(count <= UINT32_MAX);
    head[0] = (char)(size == 1 ? (is_map ? 0x80 : 0x90) | count : (is_map ? 0xde : 0xdc) + wide);
    for (size_t i = 1; i < size; i++)
        head[i] = (char)(count >> (8 * (size - 1 - i)));
    return size;
}

static void msgpack_put_container(struct buf *out, const struct json *json)
{
    bool is_map = json->kind == JSON_OBJECT;
    char head[MSGPACK_HEAD_MAX];

    buf_append(out, head, msgpack_head(head, is_map, json->count));
    CHECK(json->count == 0 || json->items != NULL);
    for (size_t i = 0; i < json->count; i++) {
        if (is_map)
            msgpack_put_text(out, json->keys[i]);
        msgpack_write(&json->items[i], out); /* trees are at most JSON_DEPTH_MAX deep */
    }
}

void msgpack_write(const struct json *json, struct buf *out)
{
    CHECK(json != NULL);
    switch (json->kind) {
    case JSON_NULL:
        buf_append_byte(out, 0xc0);
        return;
    case JSON_BOOLEAN:
        buf_append_byte(out, json->boolean ? 0xc3 : 0xc2);
        return;
    case JSON_INTEGER:
        msgpack_put_integer(out, json->integer);
        return;
    case JSON_NUMBER:
        msgpack_put_number(out, json);
        return;
    case JSON_STRING:
        msgpack_put_text(out, json->text);
        return;
    case JSON_ARRAY:
    case JSON_OBJECT:
        msgpack_put_container(out, json);
        return;
    }
    UNREACHABLE("every kind is handled");
}

/* ---- without a tree: how many values a container has is known at its end ----------------------
 */

struct msgpack_writer {
    struct buf *out;
    size_t depth;
    struct {
        size_t start; /* where its head stands: one byte, until its count is known */
        bool is_map;
    } open[JSON_DEPTH_MAX];
};

static void msgpack_visit_value(void *context, const struct json *value)
{
    struct msgpack_writer *writer = context;

    CHECK(value->kind != JSON_ARRAY && value->kind != JSON_OBJECT);
    msgpack_write(value, writer->out);
}

static void msgpack_visit_key(void *context, struct str key)
{
    struct msgpack_writer *writer = context;

    CHECK(writer->depth > 0 && writer->open[writer->depth - 1].is_map);
    msgpack_put_text(writer->out, key);
}

static void msgpack_visit_begin(void *context, bool is_object)
{
    struct msgpack_writer *writer = context;

    CHECK(writer->depth < JSON_DEPTH_MAX);
    writer->open[writer->depth].start = writer->out->size;
    writer->open[writer->depth++].is_map = is_object;
    buf_append_byte(writer->out, 0);
}

static void msgpack_visit_end(void *context, size_t count)
{
    struct msgpack_writer *writer = context;
    struct buf *out = writer->out;
    char head[MSGPACK_HEAD_MAX];

    CHECK(writer->depth > 0);
    size_t start = writer->open[--writer->depth].start;
    size_t size = msgpack_head(head, writer->open[writer->depth].is_map, count);
    if (size > 1) {
        size_t behind = out->size - start - 1;
        (void)buf_reserve(out, size - 1);
        memmove(out->data + start + size, out->data + start + 1, behind);
        out->size += size - 1;
    }
    memcpy(out->data + start, head, size);
}

enum status msgpack_from_json(struct str text, struct buf *out, struct error *err)
{
    struct msgpack_writer writer = {.out = out};
    const struct json_visitor visitor = {.value = msgpack_visit_value,
                                         .key = msgpack_visit_key,
                                         .begin = msgpack_visit_begin,
                                         .end = msgpack_visit_end,
                                         .context = &writer};

    CHECK(out != NULL && !out->fallible);
    return json_walk(text, &visitor, err);
}
