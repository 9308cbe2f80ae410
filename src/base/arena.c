/* arena.c — blocks that double from 4 KiB to 64 KiB; one pointer bump per allocation.
 *
 * An allocation larger than a quarter of the next block gets a block of its own behind the newest
 * one, so that the space left there is not lost. Alignment is 16 (int128 values lie in arenas).
 * In sanitizer builds every allocation is a block of its own, so that overflows are seen.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/arena.h"

#include "base/check.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ARENA_ALIGNMENT = 16, ARENA_BLOCK_MIN = 4096, ARENA_BLOCK_MAX = 65536 };

struct arena_block {
    struct arena_block *previous;
    size_t size; /* bytes of data behind this header */
};

_Static_assert(sizeof(struct arena_block) % ARENA_ALIGNMENT == 0, "data must stay aligned");

void arena_init(struct arena *arena, size_t limit_bytes)
{
    CHECK(arena != NULL);
    *arena = (struct arena){.limit_bytes = limit_bytes};
}

void arena_init_fallible(struct arena *arena)
{
    CHECK(arena != NULL);
    *arena = (struct arena){.fallible = true};
}

void arena_init_secret(struct arena *arena)
{
    CHECK(arena != NULL);
    *arena = (struct arena){.fallible = true, .secret = true};
}

void arena_clear(struct arena *arena)
{
    struct arena_block *block = arena->blocks;

    CHECK(block != NULL || arena->next == NULL);
    while (block != NULL) {
        struct arena_block *previous = block->previous;
        if (arena->secret)
            explicit_bzero(block + 1, block->size);
        mem_free(block);
        block = previous;
    }
    arena->blocks = NULL;
    arena->next = arena->end = NULL;
    arena->used_bytes = 0;
    arena->failed = false;
}

/* A block with room for `size` bytes; NULL only in a fallible arena. */
static struct arena_block *arena_new_block(struct arena *arena, size_t size)
{
    struct arena_block *block;

    if (LIKELY(!arena->fallible))
        return mem_alloc(sizeof(*block) + size);
    block = arena->failed ? NULL : mem_try_alloc(sizeof(*block) + size);
    arena->failed = block == NULL;
    return block;
}

/* A block that holds exactly this allocation; the newest block stays the one that is filled. */
static void *arena_alloc_own_block(struct arena *arena, size_t size)
{
    struct arena_block *block = arena_new_block(arena, size);

    if (UNLIKELY(block == NULL))
        return NULL;
    block->size = size;
    if (arena->blocks != NULL) {
        block->previous = arena->blocks->previous;
        arena->blocks->previous = block;
    } else {
        block->previous = NULL;
        arena->blocks = block;
    }
    arena->used_bytes += sizeof(*block) + size;
    return block + 1;
}

#ifndef KALAM_SANITIZED
static void *arena_alloc_slow(struct arena *arena, size_t size)
{
    size_t block_size = ARENA_BLOCK_MIN - sizeof(struct arena_block);

    if (arena->next != NULL)
        block_size = 2 * arena->blocks->size + sizeof(struct arena_block);
    if (block_size > ARENA_BLOCK_MAX - sizeof(struct arena_block))
        block_size = ARENA_BLOCK_MAX - sizeof(struct arena_block);
    if (size > block_size / 4)
        return arena_alloc_own_block(arena, size);

    CHECK(block_size >= size && block_size <= ARENA_BLOCK_MAX);
    struct arena_block *block = arena_new_block(arena, block_size);
    if (UNLIKELY(block == NULL))
        return NULL;
    block->previous = arena->blocks;
    block->size = block_size;
    arena->blocks = block;
    arena->next = (char *)(block + 1) + size;
    arena->end = (char *)(block + 1) + block_size;
    arena->used_bytes += sizeof(*block) + size;
    return block + 1;
}
#endif

void *arena_alloc(struct arena *arena, size_t size)
{
    CHECK(size < SIZE_MAX / 2);
#ifdef KALAM_SANITIZED
    return arena_alloc_own_block(arena, size);
#else
    size = (size + ARENA_ALIGNMENT - 1) & ~(size_t)(ARENA_ALIGNMENT - 1);
    if (UNLIKELY(size > (size_t)(arena->end - arena->next) || arena->next == NULL))
        return arena_alloc_slow(arena, size);
    void *memory = arena->next;
    arena->next += size;
    arena->used_bytes += size;
    return memory;
#endif
}

void *arena_zalloc(struct arena *arena, size_t size)
{
    void *memory = arena_alloc(arena, size);

    if (LIKELY(memory != NULL))
        memset(memory, 0, size);
    return memory;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t total = 0;

    CHECK(!__builtin_mul_overflow(count, size, &total));
    return arena_zalloc(arena, total);
}

void *arena_grow(struct arena *arena, void *old, size_t old_size, size_t new_size)
{
    CHECK(new_size >= old_size);
    CHECK(old != NULL || old_size == 0);
    void *grown = arena_alloc(arena, new_size);
    if (old_size > 0 && LIKELY(grown != NULL))
        memcpy(grown, old, old_size);
    return grown;
}

struct str arena_copy(struct arena *arena, struct str bytes)
{
    CHECK(bytes.size < SIZE_MAX / 2);
    char *copy = arena_alloc(arena, bytes.size + 1);
    if (UNLIKELY(copy == NULL))
        return STR_EMPTY;
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    copy[bytes.size] = '\0';
    return str_from(copy, bytes.size);
}

struct str arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    CHECK(length >= 0);
    char *text = arena_alloc(arena, (size_t)length + 1);
    if (LIKELY(text != NULL))
        (void)vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    if (UNLIKELY(text == NULL))
        return STR_EMPTY;
    return str_from(text, (size_t)length);
}

enum status arena_check(const struct arena *arena, struct error *err)
{
    CHECK(arena != NULL);
    if (UNLIKELY(arena->failed))
        return error_set(err, STATUS_RESULT_TOO_LARGE, "out of memory");
    if (LIKELY(arena->limit_bytes == 0 || arena->used_bytes <= arena->limit_bytes))
        return STATUS_OK;
    return error_set(err, STATUS_RESULT_TOO_LARGE,
                     "memory limit of one statement passed: more than %zu bytes in use",
                     arena->limit_bytes);
}
