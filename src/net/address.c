/* address.c — see address.h. IPv4 is handled as its IPv6 form, so there is one comparison.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "net/address.h"

#include "base/check.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { ADDRESS_V4_BITS = 96 }; /* in front of an IPv4 address */

/* `*is_v4` if it is written in four numbers. */
static bool address_parse(struct str text, uint8_t bytes[16], bool *is_v4)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    char copy[ADDRESS_TEXT_BYTES];

    CHECK(is_v4 != NULL);
    if (text.size == 0 || text.size >= sizeof(copy) || memchr(text.data, 0, text.size) != NULL)
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    memcpy(bytes, mapped, sizeof(mapped));
    *is_v4 = inet_pton(AF_INET, copy, bytes + 12) == 1;
    return *is_v4 || inet_pton(AF_INET6, copy, bytes) == 1;
}

static bool address_matches(const uint8_t bytes[16], const struct address_range *range)
{
    unsigned whole = range->bits / 8, rest = range->bits % 8;
    unsigned mask = rest > 0 ? (0xffu << (8 - rest)) & 0xffu : 0;

    CHECK(range->bits <= 128);
    if (memcmp(bytes, range->bytes, whole) != 0)
        return false;
    return mask == 0 || (bytes[whole] & mask) == (range->bytes[whole] & mask);
}

bool address_range_parse(struct str text, struct address_range *out)
{
    size_t slash = str_find(text, STR_LIT("/"));
    int64_t bits = 0;
    bool is_v4 = false;

    CHECK(out != NULL);
    if (!address_parse(slash == SIZE_MAX ? text : str_from(text.data, slash), out->bytes, &is_v4))
        return false;
    bits = is_v4 ? 32 : 128;
    if (slash != SIZE_MAX &&
        (!str_to_int64(str_from(text.data + slash + 1, text.size - slash - 1), &bits) || bits < 0 ||
         bits > (is_v4 ? 32 : 128)))
        return false;
    out->bits = (unsigned)bits + (is_v4 ? ADDRESS_V4_BITS : 0);
    for (unsigned bit = out->bits; bit < 128; bit++)
        if ((out->bytes[bit / 8] & (0x80u >> (bit % 8))) != 0)
            return false;
    return true;
}

bool address_in_ranges(struct str address, const struct address_range *ranges, size_t count)
{
    uint8_t bytes[16];
    bool is_v4;

    CHECK(ranges != NULL || count == 0);
    if (!address_parse(address, bytes, &is_v4))
        return false;
    for (size_t i = 0; i < count; i++)
        if (address_matches(bytes, &ranges[i]))
            return true;
    return false;
}

/* The last item of a list, which is taken off it; without port and brackets. */
static struct str address_take_last(struct str *list)
{
    size_t start = list->size;

    CHECK(list->size > 0);
    while (start > 0 && list->data[start - 1] != ',')
        start--;
    struct str item = str_trim(str_from(list->data + start, list->size - start));
    list->size = start > 0 ? start - 1 : 0;
    if (item.size > 0 && item.data[0] == '[') {
        const char *end = memchr(item.data, ']', item.size);
        return end != NULL ? str_from(item.data + 1, (size_t)(end - item.data) - 1) : STR_EMPTY;
    }
    size_t colon = str_find(item, STR_LIT(":"));
    bool has_port =
        colon != SIZE_MAX && memchr(item.data + colon + 1, ':', item.size - colon - 1) == NULL;
    return has_port ? str_from(item.data, colon) : item;
}

void address_of_client(const char *peer, struct str forwarded, const struct address_range *trusted,
                       size_t count, char out[ADDRESS_TEXT_BYTES])
{
    struct str client = str_from_c(peer);
    uint8_t bytes[16];
    bool is_v4;

    CHECK(client.size < ADDRESS_TEXT_BYTES);
    while (forwarded.size > 0 && address_in_ranges(client, trusted, count)) {
        struct str before = address_take_last(&forwarded);
        if (!address_parse(before, bytes, &is_v4))
            break; /* nothing further is believed */
        client = before;
    }
    (void)snprintf(out, ADDRESS_TEXT_BYTES, "%.*s", STR_ARG(client));
}
