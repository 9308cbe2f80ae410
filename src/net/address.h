/* address.h — addresses and ranges of them as text: 10.0.0.0/8, ::1, and whom a proxy speaks for.
 * Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ADDRESS_TEXT_BYTES = 46 }; /* with NUL */

struct address_range {
    uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
    unsigned bits;     /* of `bytes` that count */
};

/* `a.b.c.d[/n]` or IPv6 `…[/n]`; bits behind n must be 0. */
bool address_range_parse(struct str text, struct address_range *out);
/* `address` without a range; false if it is none. */
bool address_in_ranges(struct str address, const struct address_range *ranges, size_t count);
/* Who is behind `peer`? Each proxy appends to X-Forwarded-For whom it got the request from; from
 * its end back everybody in `trusted` is believed, the first other one is the client. `forwarded`
 * is the header's value, empty = none. Numeric text. */
void address_of_client(const char *peer, struct str forwarded, const struct address_range *trusted,
                       size_t count, char out[ADDRESS_TEXT_BYTES]);

#endif
