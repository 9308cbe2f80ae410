/* utf8.h — strict UTF-8 (RFC 3629: no surrogates, no overlong forms). Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool utf8_is_valid(struct str text);
size_t utf8_length(struct str text); /* characters of valid text */
/* Largest prefix of at most `size_max` bytes that ends at a character. */
struct str utf8_cut(struct str text, size_t size_max);
/* Decodes the character at text.data; returns its bytes, 0 on invalid or empty text. */
size_t utf8_decode(struct str text, uint32_t *codepoint);
size_t utf8_encode(uint32_t codepoint, char out[4]); /* bytes written */

#endif
