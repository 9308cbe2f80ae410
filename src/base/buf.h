/* buf.h — a growing run of bytes on the heap that its owner reuses. Not thread-safe.
 *
 * A *fallible* buffer (libkalam's: it must not stop a foreign process) takes nothing more once it
 * could not grow: buf_reserve returns NULL, what is appended is dropped, and `failed` stays set
 * until buf_clear. Whoever fills one looks at `failed` at the end. A *secret* one is fallible, and
 * wiped before its memory is freed, also when it grows.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/macros.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data;
    size_t size, capacity;
    bool fallible, failed, secret;
};

void buf_init(struct buf *buf);
void buf_init_fallible(struct buf *buf);
void buf_init_secret(struct buf *buf);
void buf_clear(struct buf *buf); /* frees; may be used again */
static inline void buf_reset(struct buf *buf)
{
    buf->size = 0;
}
/* Makes room for `size` more bytes and returns where they go; buf->size is unchanged. NULL
 * only from a fallible buffer. */
char *buf_reserve(struct buf *buf, size_t size);
void buf_append(struct buf *buf, const void *data, size_t size);
void buf_append_str(struct buf *buf, struct str text);
void buf_append_byte(struct buf *buf, uint8_t byte);
/* A field of CSV (RFC 4180): quoted when it holds a quote, comma or line break; NULL is empty, an
 * empty text is "". */
void buf_append_csv(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *buf, const char *format, va_list args) PRINTF_LIKE(2, 0);
static inline struct str buf_str(const struct buf *buf)
{
    return (struct str){buf->data, buf->size};
}
/* Moves the bytes out (free with mem_free) and leaves the buffer empty. NULL if a fallible buffer
 * has failed. */
char *buf_take(struct buf *buf, size_t *size);

#endif
