/* base64.c — six bits a digit, most significant first.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/base64.h"

#include "base/check.h"

#include <stdint.h>

static int base64_value(enum base64_alphabet alphabet, char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == (alphabet == BASE64_URL ? '-' : '+'))
        return 62;
    return c == (alphabet == BASE64_URL ? '_' : '/') ? 63 : -1;
}

bool base64_decode(enum base64_alphabet alphabet, struct str text, char *out, size_t *size)
{
    size_t filled = 0, digits = text.size;
    unsigned count = 0;
    uint32_t bits = 0;

    CHECK(out != NULL && size != NULL);
    if (alphabet == BASE64_PADDED) {
        if (text.size % 4 != 0)
            return false;
        while (text.size - digits < 2 && digits > 0 && text.data[digits - 1] == '=')
            digits--;
    }
    if (digits % 4 == 1)
        return false;
    for (size_t i = 0; i < digits; i++) {
        int value = base64_value(alphabet, text.data[i]);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            out[filled++] = (char)(bits >> count);
            bits &= (1U << count) - 1;
        }
    }
    *size = filled;
    return bits == 0; /* otherwise another text would mean the same bytes */
}

void base64_append(enum base64_alphabet alphabet, struct str bytes, struct buf *out)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *digits = alphabet == BASE64_URL ? url : plain;
    uint32_t bits = 0;
    unsigned count = 0;

    CHECK(bytes.size == 0 || bytes.data != NULL);
    for (size_t i = 0; i < bytes.size; i++) {
        bits = bits << 8 | (uint8_t)bytes.data[i];
        for (count += 8; count >= 6; count -= 6)
            buf_append_byte(out, (uint8_t)digits[bits >> (count - 6) & 63]);
    }
    if (count > 0)
        buf_append_byte(out, (uint8_t)digits[bits << (6 - count) & 63]);
    for (size_t i = bytes.size % 3; alphabet == BASE64_PADDED && i > 0 && i < 3; i++)
        buf_append_byte(out, '=');
}
