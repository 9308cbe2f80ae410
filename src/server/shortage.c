/* shortage.c — memory that runs short inside libraries ends the process as it does in base/mem.c.
 *
 * OpenSSL follows null pointers in places when an allocation fails, libuv aborts without a word:
 * they allocate by ours, which do not return then. RocksDB and DuckDB throw std::bad_alloc; where
 * their C interface catches it, it becomes an error, elsewhere C++ ends the process with a text on
 * standard error that needs memory itself. Our handler writes a line to the log first. What was
 * acknowledged is durable.
 *
 * Thread: any may end the process, several at a time.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "server/shortage.h"

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <uv.h>

/* std::set_terminate: C++ libraries bring it, and there is no other C++ in the server. */
typedef void (*shortage_handler)(void);
shortage_handler shortage_set_terminate(shortage_handler handler) __asm__(
    "_ZSt13set_terminatePFvvE");

static void *shortage_alloc(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return mem_alloc(size);
}

static void *shortage_realloc(void *old, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return mem_realloc(old, size);
}

static void shortage_free(void *memory, const char *file, int line)
{
    (void)file, (void)line;
    mem_free(memory);
}

static void shortage_terminate(void)
{
    log_last_words(__FILE__, __LINE__,
                   "out of memory in a library, or another C++ exception that nobody caught");
    abort();
}

void shortage_prepare(void)
{
    CHECK(CRYPTO_set_mem_functions(shortage_alloc, shortage_realloc, shortage_free) == 1);
    CHECK(uv_replace_allocator(mem_alloc, mem_realloc, mem_calloc, mem_free) == 0);
    (void)shortage_set_terminate(shortage_terminate);
}
