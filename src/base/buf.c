/* buf.c — growing by doubling; the memory stays for reuse until buf_clear.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/buf.h"

#include "base/check.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { BUF_CAPACITY_MIN = 64 };

void buf_init(struct buf *buf)
{
    CHECK(buf != NULL);
    *buf = (struct buf){0};
}

void buf_init_fallible(struct buf *buf)
{
    CHECK(buf != NULL);
    *buf = (struct buf){.fallible = true};
}

void buf_init_secret(struct buf *buf)
{
    CHECK(buf != NULL);
    *buf = (struct buf){.fallible = true, .secret = true};
}

static void buf_free_data(struct buf *buf)
{
    CHECK(buf->data != NULL || buf->capacity == 0);
    if (buf->secret && buf->data != NULL)
        explicit_bzero(buf->data, buf->capacity);
    mem_free(buf->data);
}

void buf_clear(struct buf *buf)
{
    CHECK(buf->size <= buf->capacity);
    buf_free_data(buf);
    *buf = (struct buf){.fallible = buf->fallible, .secret = buf->secret};
}

/* NULL without memory; then the old bytes stay. */
static char *buf_try_move(struct buf *buf, size_t capacity)
{
    char *data;

    CHECK(buf->fallible && capacity > buf->size);
    if (!buf->secret)
        return mem_try_realloc(buf->data, capacity);
    data = mem_try_alloc(capacity);
    if (data == NULL)
        return NULL;
    if (buf->size > 0)
        memcpy(data, buf->data, buf->size);
    buf_free_data(buf);
    return data;
}

/* False only for a fallible buffer. */
static bool buf_grow(struct buf *buf, size_t size)
{
    size_t needed = 0;

    CHECK(!__builtin_add_overflow(buf->size, size, &needed));
    CHECK(needed < SIZE_MAX / 2);
    size_t capacity = buf->capacity > 0 ? buf->capacity * 2 : BUF_CAPACITY_MIN;
    if (capacity < needed)
        capacity = needed;
    if (LIKELY(!buf->fallible)) {
        buf->data = mem_realloc(buf->data, capacity);
    } else {
        char *data = buf->failed ? NULL : buf_try_move(buf, capacity);
        buf->failed = data == NULL;
        if (buf->failed)
            return false;
        buf->data = data;
    }
    buf->capacity = capacity;
    return true;
}

char *buf_reserve(struct buf *buf, size_t size)
{
    if (UNLIKELY(size > buf->capacity - buf->size || buf->data == NULL || buf->failed)) {
        if (!buf_grow(buf, size))
            return NULL;
    }
    return buf->data + buf->size;
}

void buf_append(struct buf *buf, const void *data, size_t size)
{
    if (size == 0)
        return;
    CHECK(data != NULL);
    char *place = buf_reserve(buf, size);
    if (UNLIKELY(place == NULL))
        return;
    memcpy(place, data, size);
    buf->size += size;
}

void buf_append_str(struct buf *buf, struct str text)
{
    buf_append(buf, text.data, text.size);
}

void buf_append_byte(struct buf *buf, uint8_t byte)
{
    char *place = buf_reserve(buf, 1);

    if (UNLIKELY(place == NULL))
        return;
    *place = (char)byte;
    buf->size++;
}

void buf_vprintf(struct buf *buf, const char *format, va_list args)
{
    va_list again;

    va_copy(again, args);
    CHECK(buf->size <= buf->capacity);
    char *place = buf_reserve(buf, 1);
    int length = vsnprintf(place, place != NULL ? buf->capacity - buf->size : 0, format, args);
    CHECK(length >= 0);
    if (place != NULL && (size_t)length >= buf->capacity - buf->size) {
        place = buf_reserve(buf, (size_t)length + 1);
        if (place != NULL)
            (void)vsnprintf(place, (size_t)length + 1, format, again);
    }
    va_end(again);
    if (LIKELY(place != NULL))
        buf->size += (size_t)length;
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;

    CHECK(format != NULL);
    va_start(args, format);
    buf_vprintf(buf, format, args);
    va_end(args);
}

char *buf_take(struct buf *buf, size_t *size)
{
    CHECK(size != NULL);
    char *data = buf->data;
    *size = buf->size;
    if (UNLIKELY(buf->failed)) {
        buf_free_data(buf);
        data = NULL;
    } else if (data == NULL) {
        data = buf->fallible ? mem_try_alloc(1) : mem_alloc(1);
    }
    *buf = (struct buf){.fallible = buf->fallible, .secret = buf->secret};
    return data;
}

void buf_append_csv(struct buf *buf, const char *text)
{
    CHECK(buf != NULL);
    if (text == NULL)
        return;
    if (text[0] != '\0' && strpbrk(text, "\",\r\n") == NULL) {
        buf_append_str(buf, str_from_c(text));
        return;
    }
    buf_append_byte(buf, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"')
            buf_append_byte(buf, '"');
        buf_append_byte(buf, (uint8_t)*text);
    }
    buf_append_byte(buf, '"');
}
