/* libsecret.c — LD_PRELOAD library that looks for a word in the memory that libkalam gives back.
 *
 * When free or realloc is called from libkalam on a block that holds the value of
 * KALAM_LIBSECRET_WORD, a line on standard error says from where. What other libraries (libcurl,
 * OpenSSL) free is theirs; malloc empties its blocks, so that nothing of it is found again.
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__libc_malloc(size_t size);
void *__libc_realloc(void *block, size_t size);
void __libc_free(void *block);

static __thread int inside;

static void look(void *block, void *caller)
{
    const char *word = getenv("KALAM_LIBSECRET_WORD");
    Dl_info info;

    if (!block || inside || !word)
        return;
    inside = 1;
    if (memmem(block, malloc_usable_size(block), word, strlen(word)) && dladdr(caller, &info) &&
        info.dli_fname && strstr(info.dli_fname, "libkalam"))
        fprintf(stderr, "a secret is freed at libkalam+0x%zx\n",
                (size_t)((char *)caller - (char *)info.dli_fbase));
    inside = 0;
}

void *malloc(size_t size)
{
    void *block = __libc_malloc(size);

    return block ? memset(block, 0, malloc_usable_size(block)) : NULL;
}

void free(void *block)
{
    look(block, __builtin_return_address(0));
    __libc_free(block);
}

void *realloc(void *block, size_t size)
{
    look(block, __builtin_return_address(0));
    return __libc_realloc(block, size);
}
