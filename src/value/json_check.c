/* json_check.c — whether a text is one JSON value (RFC 8259), without building anything.
 *
 * A stack of bits remembers which open brackets are objects, so that nesting costs no recursion. A
 * \u escape of half a surrogate pair is refused, as PostgreSQL's jsonb and DuckDB refuse it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "value/text.h"

#include "base/check.h"

enum { JSON_CHECK_DEPTH_MAX = 200 };

struct json_check {
    const char *next, *end;
    size_t depth;
    bool is_object[JSON_CHECK_DEPTH_MAX];
};

static void json_check_blanks(struct json_check *check)
{
    CHECK(check->next <= check->end);
    while (check->next < check->end && (*check->next == ' ' || *check->next == '\n' ||
                                        *check->next == '\t' || *check->next == '\r'))
        check->next++;
}

static bool json_check_take(struct json_check *check, char wanted)
{
    if (check->next == check->end || *check->next != wanted)
        return false;
    check->next++;
    return true;
}

static bool json_check_hex4(struct json_check *check, uint32_t *out)
{
    uint32_t unit = 0;

    CHECK(check->next <= check->end);
    if (check->end - check->next < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        char c = *check->next++;
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
            digit = (uint32_t)((c | 0x20) - 'a') + 10;
        else
            return false;
        unit = unit << 4 | digit;
    }
    CHECK(unit <= 0xffff);
    *out = unit;
    return true;
}

/* Behind the backslash. */
static bool json_check_escape(struct json_check *check)
{
    uint32_t unit;

    if (check->next == check->end)
        return false;
    char c = *check->next++;
    if (c != 'u')
        return c != '\0' && strchr("\"\\/bfnrt", c) != NULL;
    if (!json_check_hex4(check, &unit))
        return false;
    if (unit < 0xd800 || unit > 0xdfff)
        return true;
    return unit < 0xdc00 && json_check_take(check, '\\') && json_check_take(check, 'u') &&
           json_check_hex4(check, &unit) && unit >= 0xdc00 && unit <= 0xdfff;
}

static bool json_check_string(struct json_check *check)
{
    CHECK(check->next <= check->end);
    if (!json_check_take(check, '"'))
        return false;
    while (check->next < check->end) {
        unsigned char c = (unsigned char)*check->next++;
        if (c == '"')
            return true;
        if (c < 0x20 || (c == '\\' && !json_check_escape(check)))
            return false;
    }
    return false;
}

static bool json_check_digits(struct json_check *check)
{
    const char *start = check->next;

    CHECK(check->next <= check->end);
    while (check->next < check->end && *check->next >= '0' && *check->next <= '9')
        check->next++;
    return check->next > start;
}

static bool json_check_number(struct json_check *check)
{
    (void)json_check_take(check, '-');
    if (!json_check_take(check, '0') && !json_check_digits(check))
        return false;
    if (json_check_take(check, '.') && !json_check_digits(check))
        return false;
    if (json_check_take(check, 'e') || json_check_take(check, 'E')) {
        if (!json_check_take(check, '+'))
            (void)json_check_take(check, '-');
        return json_check_digits(check);
    }
    return true;
}

static bool json_check_word(struct json_check *check, struct str word)
{
    CHECK(word.size > 0);
    if (!str_starts_with(str_from(check->next, (size_t)(check->end - check->next)), word))
        return false;
    check->next += word.size;
    return true;
}

static bool json_check_scalar(struct json_check *check)
{
    CHECK(check->next < check->end);
    switch (*check->next) {
    case '"':
        return json_check_string(check);
    case 't':
        return json_check_word(check, STR_LIT("true"));
    case 'f':
        return json_check_word(check, STR_LIT("false"));
    case 'n':
        return json_check_word(check, STR_LIT("null"));
    default:
        return json_check_number(check);
    }
}

static bool json_check_key(struct json_check *check)
{
    json_check_blanks(check);
    if (!json_check_string(check))
        return false;
    json_check_blanks(check);
    return json_check_take(check, ':');
}

/* Opens brackets until a scalar or an empty bracket is complete. */
static bool json_check_open(struct json_check *check)
{
    for (;;) {
        json_check_blanks(check);
        if (check->next == check->end)
            return false;
        bool is_object = *check->next == '{';
        if (!is_object && *check->next != '[')
            return json_check_scalar(check);
        check->next++;
        if (check->depth == JSON_CHECK_DEPTH_MAX)
            return false;
        json_check_blanks(check);
        if (json_check_take(check, is_object ? '}' : ']'))
            return true;
        CHECK(check->depth < JSON_CHECK_DEPTH_MAX);
        check->is_object[check->depth++] = is_object;
        if (is_object && !json_check_key(check))
            return false;
    }
}

/* Behind a complete value: closes brackets; true with *more if another value must follow. */
static bool json_check_close(struct json_check *check, bool *more)
{
    CHECK(check->depth <= JSON_CHECK_DEPTH_MAX);
    while (check->depth > 0) {
        bool is_object = check->is_object[check->depth - 1];
        json_check_blanks(check);
        if (json_check_take(check, ',')) {
            *more = true;
            return !is_object || json_check_key(check);
        }
        if (!json_check_take(check, is_object ? '}' : ']'))
            return false;
        check->depth--;
    }
    *more = false;
    json_check_blanks(check);
    return check->next == check->end;
}

bool json_is_valid(struct str text)
{
    struct json_check check;
    bool more = true;

    CHECK(text.data != NULL || text.size == 0);
    if (text.size == 0)
        return false;
    check.next = text.data;
    check.end = text.data + text.size;
    check.depth = 0;
    while (more) {
        if (!json_check_open(&check) || !json_check_close(&check, &more))
            return false;
    }
    return true;
}
