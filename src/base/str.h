/* str.h — a borrowed run of bytes, usually UTF-8, without a terminating NUL. The memory belongs to
 * whoever the surrounding text says. Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *data;
    size_t size;
};

/* Not a NULL pointer, so that it may be printed and copied like any other. */
#define STR_EMPTY ((struct str){"", 0})
/* Of a string literal or array with NUL. */
#define STR_LIT(literal) ((struct str){(literal), sizeof(literal) - 1})
/* For printf with "%.*s". */
#define STR_ARG(s) (int)(s).size, (s).data

static inline struct str str_from(const char *data, size_t size)
{
    return (struct str){data, size};
}

static inline struct str str_from_c(const char *text)
{
    return (struct str){text, text ? strlen(text) : 0};
}

static inline bool str_equal(struct str a, struct str b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool str_is_empty(struct str s)
{
    return s.size == 0;
}

/* Order of unsigned bytes, as memcmp; a prefix is smaller. <0, 0, >0. */
int str_compare(struct str a, struct str b);
/* ASCII letters compare without case. */
bool str_equal_nocase(struct str a, struct str b);
bool str_is_one_of_nocase(struct str s, const char *const *words, size_t count);
bool str_starts_with(struct str s, struct str prefix);
bool str_ends_with(struct str s, struct str suffix);
/* Index of the first `needle`, or SIZE_MAX. */
size_t str_find(struct str s, struct str needle);
struct str str_trim(struct str s);
/* Whole text as a decimal integer; false on anything else, overflow included. */
bool str_to_int64(struct str s, int64_t *out);
bool str_to_uint64(struct str s, uint64_t *out);

#endif
