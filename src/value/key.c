/* key.c — order-preserving keys, see key.h. Every column's encoding is prefix-free (fixed width or
 * terminated), so that concatenated columns compare column by column.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "value/key.h"

#include "base/check.h"
#include "base/limits.h"
#include "value/datetime.h"
#include "value/value_internal.h"

static void key_put_integer(struct buf *out, int64_t integer)
{
    uint64_t bits = __builtin_bswap64((uint64_t)integer ^ (UINT64_C(1) << 63));

    _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the swap makes it big-endian");
    CHECK(out != NULL);
    buf_append(out, &bits, sizeof(bits));
}

static void key_put_text(struct buf *out, struct str text)
{
    static const char escaped_zero[2] = {'\0', '\xff'};
    static const char terminator[2] = {'\0', '\0'};

    CHECK(text.data != NULL || text.size == 0);
    while (text.size > 0) {
        const char *zero = memchr(text.data, '\0', text.size);
        size_t run = zero != NULL ? (size_t)(zero - text.data) : text.size;
        buf_append(out, text.data, run);
        if (zero != NULL)
            buf_append(out, escaped_zero, sizeof(escaped_zero));
        run += zero != NULL ? 1 : 0;
        text = str_from(text.data + run, text.size - run);
    }
    buf_append(out, terminator, sizeof(terminator));
}

enum status key_encode(const struct value *values, size_t count, struct buf *out, struct error *err)
{
    size_t start = out->size;

    CHECK(count > 0 && count <= LIMIT_KEY_COLUMNS);
    for (size_t i = 0; i < count; i++) {
        const struct value *value = &values[i];
        CHECK(!value->is_null && value_type_is_key(value->type));
        if (value->type == VALUE_TEXT)
            key_put_text(out, value->text);
        else if (value->type == VALUE_UUID)
            buf_append(out, value->uuid, sizeof(value->uuid));
        else if (value->type == VALUE_BOOLEAN)
            buf_append_byte(out, value->boolean ? 1 : 0);
        else
            key_put_integer(out, value->integer);
        if (out->size - start > LIMIT_KEY_BYTES) {
            out->size = start;
            return error_set(err, STATUS_CONSTRAINT_VIOLATION,
                             "primary key is longer than %d bytes", LIMIT_KEY_BYTES);
        }
    }
    return STATUS_OK;
}

static bool key_integer_is_valid(enum value_type kind, int64_t integer)
{
    CHECK(value_type_is_key(kind));
    return value_type_is_integer(kind) ? value_integer_fits(kind, integer)
                                       : value_moment_fits(kind, integer);
}

static bool key_take_integer(struct str *rest, enum value_type kind, struct value *out)
{
    uint64_t bits;

    CHECK(out != NULL);
    if (rest->size < sizeof(bits))
        return false;
    memcpy(&bits, rest->data, sizeof(bits));
    *rest = str_from(rest->data + sizeof(bits), rest->size - sizeof(bits));
    *out = value_integer(kind, (int64_t)(__builtin_bswap64(bits) ^ (UINT64_C(1) << 63)));
    return key_integer_is_valid(kind, out->integer);
}

static bool key_take_text(struct str *rest, struct arena *arena, struct value *out)
{
    char *text = arena_alloc(arena, rest->size + 1);
    size_t size = 0, i = 0;

    CHECK(out != NULL);
    while (i + 1 < rest->size) {
        char c = rest->data[i++];
        if (c != '\0') {
            text[size++] = c;
            continue;
        }
        unsigned char next = (unsigned char)rest->data[i++];
        if (next == 0xff) {
            text[size++] = '\0';
            continue;
        }
        *rest = str_from(rest->data + i, rest->size - i);
        *out = value_text(VALUE_TEXT, str_from(text, size));
        return next == 0;
    }
    return false;
}

static bool key_take(struct str *rest, enum value_type kind, struct arena *arena, struct value *out)
{
    CHECK(value_type_is_key(kind));
    if (kind == VALUE_TEXT)
        return key_take_text(rest, arena, out);
    if (kind != VALUE_UUID && kind != VALUE_BOOLEAN)
        return key_take_integer(rest, kind, out);
    size_t size = kind == VALUE_UUID ? sizeof(out->uuid) : 1;
    if (rest->size < size)
        return false;
    if (kind == VALUE_BOOLEAN) {
        *out = value_boolean(rest->data[0] != 0);
    } else {
        *out = (struct value){.type = VALUE_UUID};
        memcpy(out->uuid, rest->data, sizeof(out->uuid));
    }
    bool valid = kind == VALUE_UUID || (unsigned char)rest->data[0] <= 1;
    *rest = str_from(rest->data + size, rest->size - size);
    return valid;
}

enum status key_decode(struct str key, const enum value_type *kinds, size_t count,
                       struct arena *arena, struct value *out, struct error *err)
{
    CHECK(count > 0 && count <= LIMIT_KEY_COLUMNS);
    for (size_t i = 0; i < count; i++) {
        if (!key_take(&key, kinds[i], arena, &out[i]))
            return error_set(err, STATUS_CORRUPT, "key column %zu cannot be decoded", i);
    }
    if (key.size > 0)
        return error_set(err, STATUS_CORRUPT, "key has %zu bytes too many", key.size);
    return STATUS_OK;
}

bool key_successor(struct buf *prefix)
{
    while (prefix->size > 0 && (unsigned char)prefix->data[prefix->size - 1] == 0xff)
        prefix->size--;
    if (prefix->size == 0)
        return false;
    CHECK(prefix->data != NULL);
    prefix->data[prefix->size - 1]++;
    return true;
}
