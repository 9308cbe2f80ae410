/* mem.h — the only place that calls malloc. An allocation of the server that fails stops the
 * process with a log line (docs/decisions: memory); the client library uses mem_try_* and returns
 * an error. Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/macros.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

/* Never NULL; size 0 gives a unique pointer. Free with mem_free. */
void *mem_alloc(size_t size);
void *mem_zalloc(size_t size);
void *mem_calloc(size_t count, size_t size); /* zeroed, overflow checked */
void *mem_realloc(void *old, size_t size);
void mem_free(void *memory);       /* NULL is fine */
char *mem_strdup(struct str text); /* copy with a NUL behind it */
/* What a failing mem_alloc does: for small allocations of libraries that tell of it. */
void mem_exhausted(void) __attribute__((noreturn));
/* NULL when memory is short. */
void *mem_try_alloc(size_t size);
void *mem_try_zalloc(size_t size);
void *mem_try_realloc(void *old, size_t size);
char *mem_try_strdup(struct str text);
/* Lets the n-th mem_try_… call from now on fail (1 = the next one) and, with `all`, every later one
 * too; 0 = none. Only where fault points are compiled in (base/fault.h): elsewhere without effect.
 * True if the n-th call of the last setting was reached. */
bool mem_try_fail_at(unsigned n, bool all);

#endif
