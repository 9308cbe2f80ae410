/* utf8.c — checking and walking UTF-8 (RFC 3629), with a fast path of eight ASCII bytes at a time.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/utf8.h"

#include "base/check.h"

#include <string.h>

static bool utf8_is_tail(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

/* Bytes of the character that starts with `lead`; 0 for bytes that start none. */
static size_t utf8_expected_size(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead < 0xc2)
        return 0; /* tail byte or overlong */
    if (lead < 0xe0)
        return 2;
    if (lead < 0xf0)
        return 3;
    return lead < 0xf5 ? 4 : 0;
}

size_t utf8_decode(struct str text, uint32_t *codepoint)
{
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    static const unsigned char lead_mask[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};

    CHECK(codepoint != NULL);
    if (text.size == 0)
        return 0;
    size_t size = utf8_expected_size((unsigned char)text.data[0]);
    if (size == 0 || size > text.size)
        return 0;
    uint32_t decoded = (unsigned char)text.data[0] & lead_mask[size];
    for (size_t i = 1; i < size; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (!utf8_is_tail(byte))
            return 0;
        decoded = decoded << 6 | (byte & 0x3f);
    }
    if (decoded < smallest[size] || decoded > 0x10ffff || (decoded >= 0xd800 && decoded < 0xe000))
        return 0;
    *codepoint = decoded;
    return size;
}

bool utf8_is_valid(struct str text)
{
    size_t i = 0;
    uint32_t codepoint;

    CHECK(text.data != NULL || text.size == 0);
    while (i < text.size) {
        uint64_t word;
        if (text.size - i >= sizeof(word)) {
            memcpy(&word, text.data + i, sizeof(word));
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof(word);
                continue;
            }
        }
        size_t size = utf8_decode(str_from(text.data + i, text.size - i), &codepoint);
        if (size == 0)
            return false;
        i += size;
    }
    return true;
}

size_t utf8_length(struct str text)
{
    size_t length = 0;

    CHECK(text.data != NULL || text.size == 0);
    for (size_t i = 0; i < text.size; i++)
        length += !utf8_is_tail((unsigned char)text.data[i]);
    return length;
}

struct str utf8_cut(struct str text, size_t size_max)
{
    CHECK(text.data != NULL || text.size == 0);
    size_t end = text.size < size_max ? text.size : size_max;
    size_t start = end;

    /* Text that ends inside a character without being longer than size_max is cut as well. */
    while (start > 0 && end - start < 3 && utf8_is_tail((unsigned char)text.data[start - 1]))
        start--;
    if (start > 0 && !utf8_is_tail((unsigned char)text.data[start - 1])) {
        size_t expected = utf8_expected_size((unsigned char)text.data[start - 1]);
        if (expected > end - (start - 1))
            end = start - 1;
    }
    return str_from(text.data, end);
}

size_t utf8_encode(uint32_t codepoint, char out[4])
{
    CHECK(codepoint <= 0x10ffff);
    if (codepoint < 0x80) {
        out[0] = (char)codepoint;
        return 1;
    }
    CHECK(out != NULL);
    if (codepoint < 0x800) {
        out[0] = (char)(0xc0 | codepoint >> 6);
        out[1] = (char)(0x80 | (codepoint & 0x3f));
        return 2;
    }
    if (codepoint < 0x10000) {
        out[0] = (char)(0xe0 | codepoint >> 12);
        out[1] = (char)(0x80 | (codepoint >> 6 & 0x3f));
        out[2] = (char)(0x80 | (codepoint & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | codepoint >> 18);
    out[1] = (char)(0x80 | (codepoint >> 12 & 0x3f));
    out[2] = (char)(0x80 | (codepoint >> 6 & 0x3f));
    out[3] = (char)(0x80 | (codepoint & 0x3f));
    return 4;
}
