/* str.c — comparing, searching and number parsing of borrowed bytes; independent of the locale.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/str.h"

#include "base/check.h"

int str_compare(struct str a, struct str b)
{
    size_t common = a.size < b.size ? a.size : b.size;

    CHECK(a.data != NULL || a.size == 0);
    CHECK(b.data != NULL || b.size == 0);
    int order = common > 0 ? memcmp(a.data, b.data, common) : 0;
    if (order != 0)
        return order;
    return (a.size > b.size) - (a.size < b.size);
}

static unsigned char str_lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool str_equal_nocase(struct str a, struct str b)
{
    if (a.size != b.size)
        return false;
    CHECK(a.size == 0 || (a.data != NULL && b.data != NULL));
    for (size_t i = 0; i < a.size; i++) {
        if (str_lower(a.data[i]) != str_lower(b.data[i]))
            return false;
    }
    return true;
}

bool str_is_one_of_nocase(struct str s, const char *const *words, size_t count)
{
    size_t i = 0;

    CHECK(words != NULL);
    while (i < count && !str_equal_nocase(s, str_from_c(words[i])))
        i++;
    return i < count;
}

bool str_starts_with(struct str s, struct str prefix)
{
    return s.size >= prefix.size && str_equal(str_from(s.data, prefix.size), prefix);
}

bool str_ends_with(struct str s, struct str suffix)
{
    return s.size >= suffix.size && (suffix.size == 0 || memcmp(s.data + (s.size - suffix.size),
                                                                suffix.data, suffix.size) == 0);
}

size_t str_find(struct str s, struct str needle)
{
    if (needle.size == 0)
        return 0;
    if (s.size < needle.size)
        return SIZE_MAX;
    const char *found = memmem(s.data, s.size, needle.data, needle.size);
    CHECK(found == NULL || found >= s.data);
    return found != NULL ? (size_t)(found - s.data) : SIZE_MAX;
}

static bool str_is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
    CHECK(s.data != NULL || s.size == 0);
    while (s.size > 0 && str_is_blank(s.data[s.size - 1]))
        s.size--;
    while (s.size > 0 && str_is_blank(s.data[0])) {
        s.data++;
        s.size--;
    }
    return s;
}

bool str_to_uint64(struct str s, uint64_t *out)
{
    uint64_t number = 0;

    CHECK(out != NULL);
    if (s.size > 0 && s.data[0] == '+') {
        s.data++;
        s.size--;
    }
    if (s.size == 0)
        return false;
    for (size_t i = 0; i < s.size; i++) {
        if (s.data[i] < '0' || s.data[i] > '9')
            return false;
        if (__builtin_mul_overflow(number, UINT64_C(10), &number) ||
            __builtin_add_overflow(number, (uint64_t)(s.data[i] - '0'), &number))
            return false;
    }
    *out = number;
    return true;
}

bool str_to_int64(struct str s, int64_t *out)
{
    uint64_t magnitude;
    bool negative = s.size > 0 && s.data[0] == '-';

    CHECK(out != NULL);
    if (negative) {
        s.data++;
        s.size--;
        if (s.size > 0 && s.data[0] == '+')
            return false;
    }
    if (!str_to_uint64(s, &magnitude))
        return false;
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return false;
    *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}
