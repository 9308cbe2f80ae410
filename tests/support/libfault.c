/* libfault.c — LD_PRELOAD library that makes file operations under one directory fail on demand.
 *
 * It sees every file of the process, RocksDB's log and DuckDB's Parquet included. A test maps the
 * file KALAM_LIBFAULT_CONTROL (struct control, tests/support/libfault.py) and arms it while the
 * server runs: the operations in `mask` on paths that contain KALAM_LIBFAULT_DIR fail with `error`
 * once `after` further ones have passed, `times` times (-1: from then on). `partial` makes a write
 * or a read do half its bytes instead; `error` -1 holds the operation until `mask` is 0. `seen`
 * counts all that were asked for, so that a run which fails nothing (`times` 0) tells how many
 * there are to fail.
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    OP_WRITE = 1,
    OP_SYNC = 2,
    OP_RENAME = 4,
    OP_CREATE = 8,
    OP_UNLINK = 16,
    OP_READ = 32,
    OP_OPEN = 64, /* of what exists; folders too, but for opendir */
    OP_MKDIR = 128,
};
enum { FD_MAX = 65536 };

struct control {
    _Atomic uint32_t mask;
    _Atomic int32_t error; /* errno; 0 with `partial`; -1 = hold */
    _Atomic int64_t after, times;
    _Atomic uint32_t partial;
    _Atomic uint32_t filter; /* 0 all, 1 *.log (RocksDB's WAL), 2 *.parquet*, 3 not RocksDB's */
    _Atomic int64_t hits, seen[8]; /* by the bit of the operation */
};

static struct control *control;
static const char *directory;
/* 0 unknown, 1 no, 2 of RocksDB, 3 its log, 4 Parquet, 5 other */
static _Atomic uint8_t watched[FD_MAX];

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("KALAM_LIBFAULT_CONTROL");
    directory = getenv("KALAM_LIBFAULT_DIR");
    if (!path || !directory)
        return;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    void *memory = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (memory != MAP_FAILED)
        control = memory;
}

static void *next(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);
    if (!function)
        abort();
    return function;
}

static uint8_t classify(const char *path)
{
    if (!strstr(path, directory))
        return 1;
    if (strstr(path, ".parquet"))
        return 4;
    size_t size = strlen(path);
    if (!strstr(path, "/rocksdb"))
        return 5;
    return size > 4 && strcmp(path + size - 4, ".log") == 0 ? 3 : 2;
}

static uint8_t class_of_fd(int fd)
{
    if (fd < 0 || fd >= FD_MAX)
        return 1;
    uint8_t class = watched[fd];
    if (class)
        return class;
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0)
        return 1;
    path[size] = 0;
    class = classify(path);
    watched[fd] = class;
    return class;
}

/* True when this operation shall fail now; may wait. */
static int due(uint32_t op, uint8_t class)
{
    if (class < 2 || !(control->mask & op))
        return 0;
    if ((control->filter == 1 && class != 3) || (control->filter == 2 && class != 4) ||
        (control->filter == 3 && class < 4))
        return 0;
    atomic_fetch_add(&control->seen[__builtin_ctz(op)], 1);
    if (atomic_fetch_sub(&control->after, 1) > 0)
        return 0;
    int64_t times = control->times;
    if (times == 0)
        return 0;
    if (times > 0)
        atomic_fetch_sub(&control->times, 1);
    atomic_fetch_add(&control->hits, 1);
    if (control->error != -1)
        return 1;
    while (control->mask)
        usleep(1000);
    return 0;
}

static int due_fd(uint32_t op, int fd)
{
    return control && control->mask && due(op, class_of_fd(fd));
}

static int due_path(uint32_t op, const char *path)
{
    return control && control->mask && due(op, classify(path));
}

static int fail(void)
{
    errno = control->error;
    return -1;
}

#define WRAP_WRITE(name, extra_parameter, extra_argument, type) \
    ssize_t name(int fd, type data, size_t size extra_parameter) \
    { \
        static ssize_t (*real)(int, type, size_t extra_parameter); \
        if (!real) \
            real = next(#name); \
        if (due_fd(OP_WRITE, fd)) { \
            if (!control->partial) \
                return fail(); \
            size = size > 1 ? size / 2 : size; \
        } \
        return real(fd, data, size extra_argument); \
    }
#define COMMA ,
WRAP_WRITE(write, , , const void *)
WRAP_WRITE(pwrite, COMMA off_t offset, COMMA offset, const void *)
WRAP_WRITE(pwrite64, COMMA off64_t offset, COMMA offset, const void *)

#define WRAP_READ(name, extra_parameter, extra_argument) \
    ssize_t name(int fd, void *data, size_t size extra_parameter) \
    { \
        static ssize_t (*real)(int, void *, size_t extra_parameter); \
        if (!real) \
            real = next(#name); \
        if (due_fd(OP_READ, fd)) { \
            if (!control->partial) \
                return fail(); \
            size = size > 1 ? size / 2 : size; \
        } \
        return real(fd, data, size extra_argument); \
    }
WRAP_READ(read, , )
WRAP_READ(pread, COMMA off_t offset, COMMA offset)
WRAP_READ(pread64, COMMA off64_t offset, COMMA offset)

#define WRAP_FD(name, op) \
    int name(int fd) \
    { \
        static int (*real)(int); \
        if (!real) \
            real = next(#name); \
        return due_fd(op, fd) ? fail() : real(fd); \
    }
WRAP_FD(fsync, OP_SYNC)
WRAP_FD(fdatasync, OP_SYNC)

int fallocate(int fd, int mode, off_t offset, off_t size)
{
    static int (*real)(int, int, off_t, off_t);
    if (!real)
        real = next("fallocate");
    return due_fd(OP_WRITE, fd) ? fail() : real(fd, mode, offset, size);
}

int rename(const char *from, const char *to)
{
    static int (*real)(const char *, const char *);
    if (!real)
        real = next("rename");
    return due_path(OP_RENAME, to) ? fail() : real(from, to);
}

int mkdir(const char *path, mode_t mode)
{
    static int (*real)(const char *, mode_t);
    if (!real)
        real = next("mkdir");
    return due_path(OP_MKDIR, path) ? fail() : real(path, mode);
}

int unlink(const char *path)
{
    static int (*real)(const char *);
    if (!real)
        real = next("unlink");
    return due_path(OP_UNLINK, path) ? fail() : real(path);
}

int close(int fd)
{
    static int (*real)(int);
    if (!real)
        real = next("close");
    if (fd >= 0 && fd < FD_MAX)
        watched[fd] = 0;
    return real(fd);
}

#define WRAP_OPEN(name) \
    int name(const char *path, int flags, ...) \
    { \
        static int (*real)(const char *, int, ...); \
        if (!real) \
            real = next(#name); \
        va_list args; \
        va_start(args, flags); \
        unsigned mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, unsigned) : 0; \
        va_end(args); \
        if (due_path(flags & O_CREAT ? OP_CREATE : OP_OPEN, path)) \
            return fail(); \
        int fd = real(path, flags, mode); \
        if (fd >= 0 && fd < FD_MAX) \
            watched[fd] = control ? classify(path) : 1; \
        return fd; \
    }
WRAP_OPEN(open)
WRAP_OPEN(open64)
