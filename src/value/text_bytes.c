/* text_bytes.c — UUIDs and byte strings from and to text: hex and strict base64 (RFC 4648: padded,
 * no blanks, unused bits zero).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/base64.h"
#include "base/check.h"
#include "value/value_internal.h"

static const char text_hex_digits[] = "0123456789abcdef";

static int text_hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

enum status text_parse_uuid(struct str text, uint8_t uuid[16], struct error *err)
{
    size_t filled = 0;

    CHECK(uuid != NULL);
    if (text.size != 36)
        return value_invalid_text(VALUE_UUID, text, err);
    for (size_t i = 0; i < text.size;) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text.data[i++] != '-')
                return value_invalid_text(VALUE_UUID, text, err);
            continue;
        }
        int high = text_hex_value(text.data[i]), low = text_hex_value(text.data[i + 1]);
        if (high < 0 || low < 0)
            return value_invalid_text(VALUE_UUID, text, err);
        uuid[filled++] = (uint8_t)(high << 4 | low);
        i += 2;
    }
    CHECK(filled == 16);
    return STATUS_OK;
}

void text_format_uuid(const uint8_t uuid[16], struct buf *out)
{
    char text[36];
    size_t size = 0;

    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text[size++] = '-';
        text[size++] = text_hex_digits[uuid[i] >> 4];
        text[size++] = text_hex_digits[uuid[i] & 15];
    }
    CHECK(size == sizeof(text));
    buf_append(out, text, size);
}

/* Fills size/2 bytes; false on an odd number of digits or a wrong one. */
static bool text_unhex(struct str hex, char *out)
{
    if (hex.size % 2 != 0)
        return false;
    CHECK(out != NULL);
    for (size_t i = 0; i < hex.size; i += 2) {
        int high = text_hex_value(hex.data[i]), low = text_hex_value(hex.data[i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i / 2] = (char)(high << 4 | low);
    }
    return true;
}

enum status text_parse_bytes(struct str text, struct arena *arena, struct str *bytes,
                             struct error *err)
{
    bool is_hex = str_starts_with(text, STR_LIT("\\x")) || str_starts_with(text, STR_LIT("0x"));
    char *out = arena_alloc(arena, BASE64_BYTES_MAX(text.size));
    size_t size = 0;
    bool valid;

    CHECK(bytes != NULL);
    if (is_hex) {
        valid = text_unhex(str_from(text.data + 2, text.size - 2), out);
        size = (text.size - 2) / 2;
    } else {
        valid = base64_decode(BASE64_PADDED, text, out, &size);
    }
    if (!valid)
        return value_invalid_text(VALUE_BYTES, text, err);
    *bytes = str_from(out, size);
    return STATUS_OK;
}

void text_format_bytes(struct str bytes, struct buf *out)
{
    CHECK(bytes.size < SIZE_MAX / 4);
    char *place = buf_reserve(out, 2 + 2 * bytes.size);

    *place++ = '\\';
    *place++ = 'x';
    for (size_t i = 0; i < bytes.size; i++) {
        *place++ = text_hex_digits[(unsigned char)bytes.data[i] >> 4];
        *place++ = text_hex_digits[bytes.data[i] & 15];
    }
    out->size += 2 + 2 * bytes.size;
}

void text_format_bytes_plain(struct str bytes, struct buf *out)
{
    static const char digits[] = "0123456789ABCDEF";

    CHECK(bytes.size < SIZE_MAX / 4);
    char *place = buf_reserve(out, 4 * bytes.size), *start = place;
    for (size_t i = 0; i < bytes.size; i++) {
        unsigned char c = (unsigned char)bytes.data[i];

        if (c >= ' ' && c <= '~' && c != '\\' && c != '\'' && c != '"') {
            *place++ = (char)c;
            continue;
        }
        *place++ = '\\';
        *place++ = 'x';
        *place++ = digits[c >> 4];
        *place++ = digits[c & 15];
    }
    out->size += (size_t)(place - start);
}
