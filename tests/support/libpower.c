/* libpower.c — LD_PRELOAD library that notes every change of the files under one directory, in
 * order.
 *
 * From these notes tests/support/power.py builds the states in which a disk may be found when the
 * power goes at any of them: what was not made durable is dropped, reordered or torn. The file
 * KALAM_POWER_LOG is mapped, so what is noted outlives a SIGKILL; its first bytes are a struct
 * head. A second process with the same notes goes on with them, on a disk that has lost nothing. A
 * change is made and noted under one lock, so that the order is the one that happened. fsync does
 * not go to the disk: it takes a moment, and only what was noted before it began is durable when it
 * is over. sync_file_range promises nothing. Files opened by stdio are not seen (RocksDB's LOG).
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
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

enum { FD_MAX = 65536, SYNC_US = 200 };
enum kind { OPEN = 1, WRITE, TRUNCATE, RENAME, LINK, UNLINK, MKDIR, RMDIR, SYNC };

struct head {
    _Atomic uint64_t position; /* bytes noted, this head included */
    uint64_t capacity;
    _Atomic uint64_t overflowed;
    uint64_t handle_last; /* goes on from one process to the next */
    _Atomic uint64_t busy, frozen;
};

struct note {
    uint32_t size; /* with the payload, a multiple of 8 */
    uint32_t kind;
    uint64_t handle;
    int64_t number; /* OPEN flags, WRITE offset, TRUNCATE size, SYNC position when it began */
    uint64_t payload;
};

static struct head *head;
static const char *directory;
static size_t directory_size;
static _Atomic uint64_t handles[FD_MAX]; /* 0 = not ours */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *next(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);
    if (!function)
        abort();
    return function;
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) \
    real = next(name)

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("KALAM_POWER_LOG");
    struct stat info;
    directory = getenv("KALAM_POWER_DIR");
    if (!path || !directory)
        return;
    directory_size = strlen(directory);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0)
        abort();
    void *memory = mmap(NULL, (size_t)info.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (memory == MAP_FAILED)
        abort();
    head = memory;
    head->capacity = (uint64_t)info.st_size;
    if (head->position == 0)
        head->position = sizeof *head;
}

static int ours(const char *path)
{
    return head && strncmp(path, directory, directory_size) == 0 &&
           (path[directory_size] == '/' || path[directory_size] == 0);
}

static uint64_t handle_of(int fd)
{
    return head && fd >= 0 && fd < FD_MAX ? handles[fd] : 0;
}

/* A kill between a change and its note would leave the notes wrong. Who sets `frozen` and then sees
 * `busy` 0 may kill: no change begins any more. */
static void change_begin(void)
{
    pthread_mutex_lock(&mutex);
    atomic_store(&head->busy, 1);
    if (atomic_load(&head->frozen)) {
        atomic_store(&head->busy, 0);
        for (;;)
            pause();
    }
}

static void change_end(void)
{
    atomic_store(&head->busy, 0);
    pthread_mutex_unlock(&mutex);
}

/* Between change_begin and change_end. */
static void note(enum kind kind, uint64_t handle, int64_t number, const struct iovec *parts,
                 int count)
{
    struct note note = {.kind = kind, .handle = handle, .number = number};
    for (int i = 0; i < count; i++)
        note.payload += parts[i].iov_len;
    note.size = (uint32_t)((sizeof note + note.payload + 7) & ~(uint64_t)7);
    uint64_t at = head->position;
    if (at + note.size > head->capacity) {
        head->overflowed = 1;
        return;
    }
    char *out = (char *)head + at;
    memcpy(out, &note, sizeof note);
    out += sizeof note;
    for (int i = 0; i < count; i++) {
        memcpy(out, parts[i].iov_base, parts[i].iov_len);
        out += parts[i].iov_len;
    }
    atomic_store(&head->position, at + note.size);
}

static void note_paths(enum kind kind, const char *from, const char *to)
{
    struct iovec parts[2] = {{(void *)from, strlen(from) + 1},
                             {(void *)to, to ? strlen(to) + 1 : 0}};
    note(kind, 0, 0, parts, to ? 2 : 1);
}

/* ---- files ---- */

static int opened(int (*real)(const char *, int, ...), const char *path, int flags, unsigned mode)
{
    if (!ours(path)) {
        int fd = real(path, flags, mode);
        if (fd >= 0 && fd < FD_MAX)
            handles[fd] = 0;
        return fd;
    }
    change_begin();
    int fd = real(path, flags, mode), error = errno;
    if (fd >= FD_MAX)
        abort();
    if (fd >= 0) {
        struct iovec part = {(void *)path, strlen(path) + 1};
        handles[fd] = ++head->handle_last;
        note(OPEN, head->handle_last, flags & (O_CREAT | O_TRUNC), &part, 1);
    }
    change_end();
    errno = error;
    return fd;
}

#define WRAP_OPEN(name) \
    int name(const char *path, int flags, ...) \
    { \
        REAL(int, #name, const char *, int, ...); \
        va_list args; \
        va_start(args, flags); \
        unsigned mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, unsigned) : 0; \
        va_end(args); \
        return opened(real, path, flags, mode); \
    }
WRAP_OPEN(open)
WRAP_OPEN(open64)

int close(int fd)
{
    REAL(int, "close", int);
    if (fd >= 0 && fd < FD_MAX)
        handles[fd] = 0;
    return real(fd);
}

ssize_t write(int fd, const void *data, size_t size)
{
    REAL(ssize_t, "write", int, const void *, size_t);
    uint64_t handle = handle_of(fd);
    if (!handle)
        return real(fd, data, size);
    change_begin();
    ssize_t put = real(fd, data, size);
    int error = errno;
    if (put > 0) {
        struct iovec part = {(void *)data, (size_t)put};
        note(WRITE, handle, lseek(fd, 0, SEEK_CUR) - put, &part, 1);
    }
    change_end();
    errno = error;
    return put;
}

#define WRAP_PWRITE(name, offset_type) \
    ssize_t name(int fd, const void *data, size_t size, offset_type offset) \
    { \
        REAL(ssize_t, #name, int, const void *, size_t, offset_type); \
        uint64_t handle = handle_of(fd); \
        if (!handle) \
            return real(fd, data, size, offset); \
        change_begin(); \
        ssize_t put = real(fd, data, size, offset); \
        int error = errno; \
        if (put > 0) { \
            struct iovec part = {(void *)data, (size_t)put}; \
            note(WRITE, handle, offset, &part, 1); \
        } \
        change_end(); \
        errno = error; \
        return put; \
    }
WRAP_PWRITE(pwrite, off_t)
WRAP_PWRITE(pwrite64, off64_t)

/* Nothing here writes files by these; should that change, the notes would be wrong in silence. */
ssize_t writev(int fd, const struct iovec *parts, int count)
{
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    if (handle_of(fd))
        abort();
    return real(fd, parts, count);
}

#define WRAP_TRUNCATE(name, offset_type) \
    int name(int fd, offset_type size) \
    { \
        REAL(int, #name, int, offset_type); \
        uint64_t handle = handle_of(fd); \
        if (!handle) \
            return real(fd, size); \
        change_begin(); \
        int result = real(fd, size), error = errno; \
        if (result == 0) \
            note(TRUNCATE, handle, size, NULL, 0); \
        change_end(); \
        errno = error; \
        return result; \
    }
WRAP_TRUNCATE(ftruncate, off_t)
WRAP_TRUNCATE(ftruncate64, off64_t)

/* Room for the log beyond its end: its size stays. */
int fallocate(int fd, int mode, off_t offset, off_t size)
{
    REAL(int, "fallocate", int, int, off_t, off_t);
    if (handle_of(fd) && !(mode & FALLOC_FL_KEEP_SIZE)) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return real(fd, mode, offset, size);
}

int posix_fallocate(int fd, off_t offset, off_t size)
{
    REAL(int, "posix_fallocate", int, off_t, off_t);
    return handle_of(fd) ? EOPNOTSUPP : real(fd, offset, size);
}

#define WRAP_SYNC(name) \
    int name(int fd) \
    { \
        REAL(int, #name, int); \
        uint64_t handle = handle_of(fd); \
        if (!handle) \
            return real(fd); \
        int64_t began = (int64_t)atomic_load(&head->position); \
        usleep(SYNC_US); \
        change_begin(); \
        note(SYNC, handle, began, NULL, 0); \
        change_end(); \
        return 0; \
    }
WRAP_SYNC(fsync)
WRAP_SYNC(fdatasync)

int sync_file_range(int fd, off64_t offset, off64_t size, unsigned flags)
{
    REAL(int, "sync_file_range", int, off64_t, off64_t, unsigned);
    return handle_of(fd) ? 0 : real(fd, offset, size, flags);
}

/* ---- names ---- */

#define WRAP_NAMES(name, kind) \
    int name(const char *from, const char *to) \
    { \
        REAL(int, #name, const char *, const char *); \
        if (!ours(to)) \
            return real(from, to); \
        change_begin(); \
        int result = real(from, to), error = errno; \
        if (result == 0) \
            note_paths(kind, from, to); \
        change_end(); \
        errno = error; \
        return result; \
    }
WRAP_NAMES(rename, RENAME)
WRAP_NAMES(link, LINK)

#define WRAP_NAME(name, kind) \
    int name(const char *path) \
    { \
        REAL(int, #name, const char *); \
        if (!ours(path)) \
            return real(path); \
        change_begin(); \
        int result = real(path), error = errno; \
        if (result == 0) \
            note_paths(kind, path, NULL); \
        change_end(); \
        errno = error; \
        return result; \
    }
WRAP_NAME(unlink, UNLINK)
WRAP_NAME(rmdir, RMDIR)

int remove(const char *path)
{
    struct stat info;
    if (lstat(path, &info) != 0)
        return -1;
    return S_ISDIR(info.st_mode) ? rmdir(path) : unlink(path);
}

int mkdir(const char *path, mode_t mode)
{
    REAL(int, "mkdir", const char *, mode_t);
    if (!ours(path))
        return real(path, mode);
    change_begin();
    int result = real(path, mode), error = errno;
    if (result == 0)
        note_paths(MKDIR, path, NULL);
    change_end();
    errno = error;
    return result;
}
