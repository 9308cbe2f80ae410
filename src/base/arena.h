/* arena.h — memory of one statement or request, freed at once.
 *
 * An arena grows in blocks from the heap; in sanitizer builds every allocation is its own malloc,
 * so that overflows are seen. It has a limit: allocation never fails, but arena_check reports
 * RESULT_TOO_LARGE once more than the limit is in use; every loop whose length a user decides calls
 * it once per row. One arena belongs to one thread at a time.
 *
 * libkalam lives in a foreign process and must not stop it: its arenas are *fallible*. There
 * arena_alloc and its like return NULL (arena_copy and arena_printf an empty text) when the heap is
 * exhausted, `failed` is set and stays, and arena_check reports it. What decodes into an arena of
 * the caller (wire/) checks for both kinds. A *secret* arena is fallible, and wiped before its
 * memory is freed.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/error.h"
#include "base/macros.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    char *next, *end;           /* free space of the newest block */
    size_t used_bytes;          /* handed out plus block overhead */
    size_t limit_bytes;         /* 0 = none */
    bool fallible, failed, secret;
};

/* The caller owns the struct. */
void arena_init(struct arena *arena, size_t limit_bytes);
void arena_init_fallible(struct arena *arena);
void arena_init_secret(struct arena *arena);
/* Frees everything; the arena may be used again. */
void arena_clear(struct arena *arena);
/* Aligned for any type, not zeroed; NULL only from a fallible arena. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_zalloc(struct arena *arena, size_t size);
void *arena_array(struct arena *arena, size_t count, size_t size); /* zeroed, overflow checked */
/* Grows an array that lies in the arena: copies `old_size` bytes; the old memory stays until clear.
 */
void *arena_grow(struct arena *arena, void *old, size_t old_size, size_t new_size);
struct str arena_copy(struct arena *arena, struct str bytes); /* a NUL is put behind the copy */
struct str arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);
enum status arena_check(const struct arena *arena, struct error *err) MUST_CHECK;

#endif
