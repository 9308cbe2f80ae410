/* mem.c — the only caller of malloc. Nobody above can do anything sensible about a small allocation
 * that fails in the server, so the process ends with a log line; durable rows survive. The client
 * library lives in a foreign process and uses the mem_try_ family.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/mem.h"

#include "base/check.h"
#include "base/log.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

void mem_exhausted(void)
{
    log_last_words(__FILE__, __LINE__, "out of memory");
    abort();
}

static void *mem_or_die(void *memory)
{
    if (UNLIKELY(memory == NULL))
        mem_exhausted();
    return memory;
}

void *mem_alloc(size_t size)
{
    CHECK(size < SIZE_MAX / 2);
    return mem_or_die(malloc(size > 0 ? size : 1));
}

void *mem_zalloc(size_t size)
{
    return mem_calloc(1, size);
}

void *mem_calloc(size_t count, size_t size)
{
    size_t total = 0;

    CHECK(!__builtin_mul_overflow(count, size, &total));
    return mem_or_die(calloc(1, total > 0 ? total : 1));
}

void *mem_realloc(void *old, size_t size)
{
    CHECK(size < SIZE_MAX / 2);
    return mem_or_die(realloc(old, size > 0 ? size : 1));
}

void mem_free(void *memory)
{
    free(memory);
}

char *mem_strdup(struct str text)
{
    CHECK(text.size < SIZE_MAX);
    char *copy = mem_alloc(text.size + 1);
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return copy;
}

#ifdef KALAM_FAULTS
static atomic_uint mem_try_left; /* calls up to the one that fails; 0 = none fails */
static atomic_bool mem_try_all, mem_try_reached;

static bool mem_try_fails(void)
{
    unsigned left = atomic_load(&mem_try_left);

    if (LIKELY(left == 0))
        return false;
    if (left == 1 && atomic_load(&mem_try_all)) {
        atomic_store(&mem_try_reached, true);
        return true;
    }
    while (left > 0 && !atomic_compare_exchange_weak(&mem_try_left, &left, left - 1))
        continue;
    if (left != 1)
        return false;
    atomic_store(&mem_try_reached, true);
    return true;
}

bool mem_try_fail_at(unsigned n, bool all)
{
    atomic_store(&mem_try_left, n);
    atomic_store(&mem_try_all, all);
    return atomic_exchange(&mem_try_reached, false);
}
#else
static bool mem_try_fails(void)
{
    return false;
}

bool mem_try_fail_at(unsigned n, bool all)
{
    (void)n, (void)all;
    return false;
}
#endif

void *mem_try_alloc(size_t size)
{
    return mem_try_fails() ? NULL : malloc(size > 0 ? size : 1);
}

void *mem_try_zalloc(size_t size)
{
    return mem_try_fails() ? NULL : calloc(1, size > 0 ? size : 1);
}

void *mem_try_realloc(void *old, size_t size)
{
    return mem_try_fails() ? NULL : realloc(old, size > 0 ? size : 1);
}

char *mem_try_strdup(struct str text)
{
    CHECK(text.size < SIZE_MAX);
    char *copy = mem_try_alloc(text.size + 1);
    if (!copy)
        return NULL;
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return copy;
}
