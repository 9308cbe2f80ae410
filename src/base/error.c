/* error.c — filling error values; the texts are always one line of valid UTF-8.
 *
 * Message parts come from users (names, values), so control characters become blanks and a cut
 * never splits a character.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/error.h"

#include "base/check.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

static const char *const error_names[STATUS_COUNT] = {
#define ERROR_NAME(name, meaning) [STATUS_##name] = #name,
    STATUS_LIST(ERROR_NAME)
#undef ERROR_NAME
};

static const char *const error_meanings[STATUS_COUNT] = {
#define ERROR_MEANING(name, meaning) [STATUS_##name] = meaning,
    STATUS_LIST(ERROR_MEANING)
#undef ERROR_MEANING
};

const char *status_name(enum status status)
{
    CHECK((unsigned)status < STATUS_COUNT);
    return error_names[status];
}

const char *status_meaning(enum status status)
{
    CHECK((unsigned)status < STATUS_COUNT);
    return error_meanings[status];
}

void error_clear(struct error *err)
{
    CHECK(err != NULL);
    err->code = STATUS_OK;
    err->position = -1;
    err->message[0] = '\0';
    err->hint[0] = '\0';
}

/* Writes the formatted text as one line of UTF-8 and cuts it at a character: messages may quote
 * anything. */
PRINTF_LIKE(3, 0)
static void error_format(char *out, size_t capacity, const char *format, va_list args)
{
    int length = vsnprintf(out, capacity, format, args);
    CHECK(length >= 0);
    size_t size = (size_t)length;

    if (size >= capacity) {
        size = utf8_cut(str_from(out, capacity - 1), capacity - 1).size;
        out[size] = '\0';
    }
    for (size_t i = 0, step; i < size; i += step) {
        uint32_t codepoint;

        step = utf8_decode(str_from(out + i, size - i), &codepoint);
        if (step == 0) {
            out[i] = '?';
            step = 1;
        } else if ((unsigned char)out[i] < 0x20 || out[i] == 0x7f) {
            out[i] = ' ';
        }
    }
}

enum status error_set_v(struct error *err, enum status code, const char *format, va_list args)
{
    CHECK(code != STATUS_OK && (unsigned)code < STATUS_COUNT);
    if (err == NULL)
        return code;
    err->code = code;
    err->position = -1;
    err->hint[0] = '\0';
    error_format(err->message, sizeof(err->message), format, args);
    return code;
}

enum status error_set(struct error *err, enum status code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    error_set_v(err, code, format, args);
    va_end(args);
    return code;
}

enum status error_set_at(struct error *err, enum status code, int64_t position, const char *format,
                         ...)
{
    va_list args;

    va_start(args, format);
    error_set_v(err, code, format, args);
    va_end(args);
    if (err != NULL)
        err->position = position;
    return code;
}

void error_hint(struct error *err, const char *format, ...)
{
    va_list args;

    if (err == NULL)
        return;
    CHECK(err->code != STATUS_OK);
    va_start(args, format);
    error_format(err->hint, sizeof(err->hint), format, args);
    va_end(args);
}

void error_prefix(struct error *err, const char *format, ...)
{
    char joined[ERROR_MESSAGE_MAX];
    va_list args;

    if (err == NULL)
        return;
    CHECK(err->code != STATUS_OK);
    va_start(args, format);
    error_format(joined, sizeof(joined) - 2, format, args);
    va_end(args);
    size_t size = strlen(joined);
    joined[size++] = ':';
    joined[size++] = ' ';
    size_t rest = strlen(err->message);
    if (rest > sizeof(joined) - 1 - size)
        rest = utf8_cut(str_from(err->message, rest), sizeof(joined) - 1 - size).size;
    memcpy(joined + size, err->message, rest);
    joined[size + rest] = '\0';
    memcpy(err->message, joined, size + rest + 1);
}
