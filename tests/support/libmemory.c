/* libmemory.c — LD_PRELOAD library that makes allocations of the process fail on demand.
 *
 * A test maps the file KALAM_LIBMEMORY_CONTROL (struct control, tests/support/libmemory.py) and
 * arms it while the server runs: once `after` further allocations have passed, `times` fail (-1:
 * from then on). `who` picks them by their caller: the program itself, or the libraries it loads
 * (RocksDB, DuckDB, OpenSSL …), whose C++ throws std::bad_alloc. A run that fails nothing (`times`
 * 0) counts them in `seen`.
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WHO_ALL, WHO_PROGRAM, WHO_LIBRARIES };
enum { EARLY_BYTES = 65536 };

struct control {
    _Atomic uint32_t armed, who;
    _Atomic int64_t after, times, hits, seen;
};

static struct control *control;
static uintptr_t program_from, program_to;
static void *(*real_malloc)(size_t), *(*real_calloc)(size_t, size_t),
    *(*real_realloc)(void *, size_t);
static void *(*real_aligned)(size_t, size_t);
static int (*real_posix)(void **, size_t, size_t);
static void (*real_free)(void *);
static void (*throw_bad_alloc)(void);
/* dlsym itself may allocate before the real functions are known. */
static _Alignas(16) char early[EARLY_BYTES];
static size_t early_used;

static int find_program(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size, (void)unused;
    for (int i = 0; i < info->dlpi_phnum; i++) /* the first object is the program */
        if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
            program_from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
            program_to = program_from + info->dlpi_phdr[i].p_memsz;
        }
    return 1;
}

static void find_real(void)
{
    static int looking;
    if (real_malloc || looking)
        return;
    looking = 1;
    real_calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
    real_realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
    real_aligned = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "aligned_alloc");
    real_posix = (int (*)(void **, size_t, size_t))dlsym(RTLD_NEXT, "posix_memalign");
    real_free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
    real_malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
    looking = 0;
}

__attribute__((constructor)) static void start(void)
{
    find_real();
    const char *path = getenv("KALAM_LIBMEMORY_CONTROL");
    if (!path)
        return;
    dl_iterate_phdr(find_program, NULL);
    throw_bad_alloc = (void (*)(void))dlsym(RTLD_DEFAULT, "_ZSt17__throw_bad_allocv");
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    void *memory = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (memory != MAP_FAILED)
        control = memory;
}

/* True when this allocation shall fail now. */
static int due(void *caller)
{
    if (!control || !control->armed)
        return 0;
    int ours = (uintptr_t)caller >= program_from && (uintptr_t)caller < program_to;
    if (control->who && (control->who == WHO_PROGRAM) != ours)
        return 0;
    atomic_fetch_add(&control->seen, 1);
    if (atomic_fetch_sub(&control->after, 1) > 0)
        return 0;
    int64_t times = control->times;
    if (times == 0 || (times > 0 && atomic_fetch_sub(&control->times, 1) <= 0))
        return 0;
    atomic_fetch_add(&control->hits, 1);
    errno = ENOMEM;
    return 1;
}

static void *early_alloc(size_t size)
{
    size = (size + 15) & ~(size_t)15;
    if (size > sizeof early - early_used)
        abort();
    early_used += size;
    return early + early_used - size;
}

static int is_early(const void *memory)
{
    return (const char *)memory >= early && (const char *)memory < early + sizeof early;
}

void *malloc(size_t size)
{
    find_real();
    if (!real_malloc)
        return early_alloc(size);
    return due(__builtin_return_address(0)) ? NULL : real_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    find_real();
    if (!real_malloc)
        return early_alloc(count * size); /* zeroed: never used before */
    return due(__builtin_return_address(0)) ? NULL : real_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    find_real();
    if (due(__builtin_return_address(0)))
        return NULL;
    if (!is_early(old))
        return real_realloc(old, size);
    void *moved = real_malloc(size);
    size_t known = (size_t)(early + sizeof early - (char *)old);
    if (moved)
        memcpy(moved, old, size < known ? size : known);
    return moved;
}

void free(void *memory)
{
    if (memory && !is_early(memory) && real_free)
        real_free(memory);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    find_real();
    return due(__builtin_return_address(0)) ? NULL : real_aligned(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    find_real();
    return due(__builtin_return_address(0)) ? ENOMEM : real_posix(out, alignment, size);
}

/* operator new of C++: under a sanitizer it would not come by malloc. */
#define WRAP_NEW(name) \
    void *name(size_t size) \
    { \
        static void *(*real)(size_t); \
        if (!real) \
            real = (void *(*)(size_t))dlsym(RTLD_NEXT, #name); \
        if (due(__builtin_return_address(0))) \
            throw_bad_alloc(); \
        return real(size); \
    }
WRAP_NEW(_Znwm) /* new */
WRAP_NEW(_Znam) /* new[] */
