/* gzip.h — whole messages to and from gzip (libdeflate). Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WIRE_GZIP_H
#define WIRE_GZIP_H

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

/* Magic bytes 1f 8b. */
bool gzip_is(struct str bytes);
/* Appends the compressed text; false, leaving `out` as it was, if that would not be smaller. */
bool gzip_compress(struct str text, struct buf *out);
/* Appends the text of exactly one gzip member. CORRUPT on damaged data or bytes behind it,
 * PAYLOAD_TOO_LARGE above `size_max` bytes of text. */
enum status gzip_decompress(struct str bytes, size_t size_max, struct buf *out,
                            struct error *err) MUST_CHECK;

#endif
