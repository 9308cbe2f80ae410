/* base64.h — RFC 4648: the alphabet with `+/` and padding, and the one of URLs and tokens with `-_`
 * and without. Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>

enum base64_alphabet { BASE64_PADDED, BASE64_URL };

/* Strict: one text per byte string, so no blanks, no missing or needless padding, no bits behind
 * the last byte. `out` has room for BASE64_BYTES_MAX(text.size); false leaves it undefined. */
#define BASE64_BYTES_MAX(size) ((size) / 4 * 3 + 3)
bool base64_decode(enum base64_alphabet alphabet, struct str text, char *out, size_t *size);
void base64_append(enum base64_alphabet alphabet, struct str bytes, struct buf *out);

#endif
