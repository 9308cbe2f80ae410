/* file.c — single local files: durable folders, whole-file reads and writes, the helpers of
 * files_local.c; checksums.
 *
 * What becomes visible is durable: content is fsynced before its rename, the folder after it, and a
 * folder's parent right after mkdir, or when the folder is found. A close that fails tells nothing
 * that fsync did not.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/files_internal.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_FOLDER_MODE = 0750, FILE_PATH_MAX = 4096, FILE_CHECKSUM_BYTES = 256 << 10 };

enum status file_error(int error_number, const char *what, const char *shown, struct error *err)
{
    char text[128];

    CHECK(error_number != 0);
    if (error_number == ENOENT)
        return error_set(err, STATUS_ABSENT, "%s \"%s\": no such file", what, shown);
    return error_set(err, STATUS_IO_FAILED, "%s \"%s\": %s", what, shown,
                     strerror_r(error_number, text, sizeof(text)));
}

static int file_fsync(int fd)
{
    int result;

    CHECK(fd >= 0);
    do
        result = fsync(fd);
    while (result != 0 && errno == EINTR);
    return result;
}

enum status file_sync(const char *path, const char *shown, struct error *err)
{
    CHECK(path != NULL && shown != NULL);

    enum status status = STATUS_OK;
    int fd = file_open(path, O_RDONLY, 0);

    if (fd < 0)
        return file_error(errno, "sync", shown, err);
    if (file_fsync(fd) != 0)
        status = file_error(errno, "sync", shown, err);
    (void)close(fd);
    return status;
}

enum status file_sync_parent(const char *path, const char *shown, struct error *err)
{
    const char *slash = strrchr(path, '/');
    struct str parent = STR_LIT(".");
    enum status status;
    char *folder;

    CHECK(path[0] != '\0');
    if (slash != NULL)
        parent = slash == path ? STR_LIT("/") : str_from(path, (size_t)(slash - path));
    folder = mem_strdup(parent);
    status = file_sync(folder, shown, err);
    mem_free(folder);
    return status;
}

char *file_temporary_path(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t folder_size = slash == NULL ? 0 : (size_t)(slash - path) + 1;
    struct buf out;
    size_t size;

    CHECK(path[folder_size] != '\0');
    buf_init(&out);
    buf_append(&out, path, folder_size);
    buf_printf(&out, ".%s.tmp", path + folder_size);
    buf_append_byte(&out, 0);
    return buf_take(&out, &size);
}

/* Makes one folder whose parent exists. */
static enum status file_make_folder(const char *path, bool *made, struct error *err)
{
    unsigned attempt = 1;
    struct stat info;

    CHECK(path[0] != '\0');
    do
        *made = mkdir(path, FILE_FOLDER_MODE) == 0;
    while (!*made && file_again(errno, &attempt));
    if (*made)
        return file_sync_parent(path, path, err);
    if (errno == EEXIST && stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return STATUS_OK;
    return file_error(errno, "make folder", path, err);
}

/* Who made the folder may have died before it was durable. What cannot be opened is nobody's who
 * made it from here. */
static void file_settle_folder(const char *path)
{
    struct error err;

    CHECK(path[0] != '\0');
    if (file_sync_parent(path, path, &err) != STATUS_OK)
        log_debug("%s", err.message);
}

/* All of a path that is missing in its last part at least. */
static enum status file_make_path(char *path, struct error *err)
{
    enum status status = STATUS_OK;
    bool made = false;

    for (char *at = path + 1; status == STATUS_OK; at++) {
        char end = *at;
        if (end != '/' && end != '\0')
            continue;
        *at = '\0';
        bool before = made;
        char *slash = strrchr(path, '/');
        status = file_make_folder(path, &made, err);
        if (status == STATUS_OK && made && !before && slash != NULL && slash != path) {
            *slash = '\0';
            file_settle_folder(path);
            *slash = '/';
        }
        *at = end;
        if (end == '\0')
            break;
    }
    return status;
}

enum status file_make_folders(const char *path, struct error *err)
{
    struct stat info;
    char *copy;

    CHECK(path != NULL);
    if (path[0] == '\0' || strlen(path) > FILE_PATH_MAX)
        return error_set(err, STATUS_IO_FAILED, "make folder: the path is empty or too long");
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        file_settle_folder(path);
        return STATUS_OK;
    }
    copy = mem_strdup(str_from_c(path));
    enum status status = file_make_path(copy, err);
    mem_free(copy);
    return status;
}

void file_resolve(const char *path, struct buf *out)
{
    char there[PATH_MAX] = "";
    struct buf whole;

    CHECK(path[0] != '\0');
    buf_init(&whole);
    if (path[0] != '/') {
        if (getcwd(there, sizeof(there)) != NULL)
            buf_append_str(&whole, str_from_c(there));
        buf_append_byte(&whole, '/');
    }
    buf_append_str(&whole, str_from_c(path));
    char *known = mem_strdup(buf_str(&whole));
    size_t size = whole.size; /* of what may exist */
    while (size > 0 && realpath(known, there) == NULL) {
        while (size > 0 && known[size - 1] != '/')
            size--;
        while (size > 0 && known[size - 1] == '/')
            size--;
        known[size] = '\0';
    }
    if (size > 0 && (size == whole.size || strcmp(there, "/") != 0))
        buf_append_str(out, str_from_c(there));
    buf_append(out, whole.data + size, whole.size - size);
    mem_free(known);
    buf_clear(&whole);
}

bool file_is_below(struct str path, struct str folder)
{
    bool same = path.size == folder.size;

    CHECK(folder.size > 0);
    return str_starts_with(path, folder) &&
           (same || path.data[folder.size] == '/' || folder.data[folder.size - 1] == '/');
}

enum status file_read_all(const char *path, size_t size_max, struct buf *out, struct error *err)
{
    enum status status = STATUS_OK;
    int fd = file_open(path, O_RDONLY, 0);
    unsigned attempt = 1;

    CHECK(out != NULL);
    buf_reset(out);
    if (fd < 0)
        return file_error(errno, "read", path, err);
    for (;;) {
        ssize_t got = read(fd, buf_reserve(out, 65536), 65536);
        if (got < 0 && file_again(errno, &attempt))
            continue;
        if (got < 0)
            status = file_error(errno, "read", path, err);
        if (got <= 0)
            break;
        out->size += (size_t)got;
        if (out->size > size_max) {
            status = error_set(err, STATUS_IO_FAILED, "read \"%s\": larger than %zu bytes", path,
                               size_max);
            break;
        }
    }
    (void)close(fd);
    return status;
}

static enum status file_write_content(int fd, struct str content, const char *shown,
                                      struct error *err)
{
    unsigned attempt = 1;

    CHECK(fd >= 0);
    while (content.size > 0) {
        ssize_t put = write(fd, content.data, content.size);
        if (put < 0 && file_again(errno, &attempt))
            continue;
        if (put <= 0)
            return file_error(put < 0 ? errno : EIO, "write", shown, err);
        content = str_from(content.data + put, content.size - (size_t)put);
    }
    return STATUS_OK;
}

enum status file_checksum(const char *path, const char *shown, uint64_t *size, uint64_t *checksum,
                          struct error *err)
{
    enum status status = STATUS_OK;
    struct hash_stream stream;
    unsigned attempt = 1;
    ssize_t got;
    char *piece;
    int fd = file_open(path, O_RDONLY, 0);

    CHECK(path != NULL && shown != NULL);
    *size = 0;
    if (fd < 0)
        return file_error(errno, "open", shown, err);
    piece = mem_alloc(FILE_CHECKSUM_BYTES);
    hash_stream_begin(&stream);
    do {
        got = read(fd, piece, FILE_CHECKSUM_BYTES);
        if (got > 0) {
            hash_stream_add(&stream, str_from(piece, (size_t)got));
            *size += (uint64_t)got;
        }
    } while (got > 0 || (got < 0 && file_again(errno, &attempt)));
    if (got < 0)
        status = file_error(errno, "read", shown, err);
    *checksum = hash_stream_end(&stream);
    (void)close(fd);
    mem_free(piece);
    return status;
}

enum status file_put(const char *path, struct str content, const char *shown, struct error *err)
{
    int fd = file_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0640);
    enum status status;

    CHECK(shown != NULL);
    if (fd < 0)
        return file_error(errno, "write", shown, err);
    status = file_write_content(fd, content, shown, err);
    if (close(fd) != 0 && status == STATUS_OK)
        status = file_error(errno, "write", shown, err);
    return status;
}

enum status file_read_range(const char *path, const char *shown, uint64_t offset, size_t size,
                            struct buf *out, struct error *err)
{
    enum status status = STATUS_OK;
    int fd = file_open(path, O_RDONLY, 0);
    unsigned attempt = 1;

    CHECK(out != NULL && size > 0);
    if (fd < 0)
        return file_error(errno, "read", shown, err);
    while (size > 0) {
        ssize_t got = pread(fd, buf_reserve(out, size), size, (off_t)offset);
        if (got < 0 && file_again(errno, &attempt))
            continue;
        if (got < 0)
            status = file_error(errno, "read", shown, err);
        if (got <= 0)
            break;
        out->size += (size_t)got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    (void)close(fd);
    return status;
}

static enum status file_write_fd(int fd, struct str content, unsigned mode, const char *path,
                                 struct error *err)
{
    CHECK(fd >= 0);
    if (fchmod(fd, mode) != 0) /* the umask and an older file's mode do not count */
        return file_error(errno, "write", path, err);
    enum status status = file_write_content(fd, content, path, err);
    if (status != STATUS_OK)
        return status;
    return file_fsync(fd) == 0 ? STATUS_OK : file_error(errno, "write", path, err);
}

enum status file_write_all(const char *path, struct str content, unsigned mode, struct error *err)
{
    char *temporary = file_temporary_path(path);
    enum status status;
    int fd;

    CHECK(mode <= 07777);
    fd = file_open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode);
    if (fd < 0) {
        status = file_error(errno, "write", path, err);
        goto out;
    }
    status = file_write_fd(fd, content, mode, path, err);
    (void)close(fd);
    if (status == STATUS_OK && file_rename(temporary, path) != 0)
        status = file_error(errno, "write", path, err);
    if (status != STATUS_OK) {
        (void)unlink(temporary);
        goto out;
    }
    status = file_sync_parent(path, path, err);
out:
    mem_free(temporary);
    return status;
}

/* ---- many at once
 * --------------------------------------------------------------------------------
 *
 * One fsync waits for the disk and carries what is waiting beside it, so a few threads that ask
 * together are an order of magnitude quicker than one that asks in a row.
 */

enum {
    FILE_SYNC_THREADS = 8,
    FILE_SYNC_SHARE = 4, /* paths that are worth a thread */
    FILE_SYNC_STACK_BYTES = 64 << 10,
};

struct file_syncing {
    const char *const *paths;
    int *errors;
    size_t count;
    atomic_size_t next;
};

static int file_sync_one(const char *path)
{
    int fd = file_open(path, O_RDONLY, 0), error = 0;

    if (fd < 0)
        return errno;
    if (file_fsync(fd) != 0)
        error = errno;
    CHECK(path[0] != '\0');
    (void)close(fd);
    return error;
}

static void *file_sync_main(void *argument)
{
    struct file_syncing *syncing = argument;
    size_t i;

    CHECK(syncing->errors != NULL);
    while ((i = atomic_fetch_add(&syncing->next, 1)) < syncing->count)
        syncing->errors[i] = file_sync_one(syncing->paths[i]);
    return NULL;
}

void file_sync_many(const char *const *paths, size_t count, int *errors)
{
    struct file_syncing syncing = {.paths = paths, .errors = errors, .count = count};
    pthread_t threads[FILE_SYNC_THREADS];
    size_t more = count / FILE_SYNC_SHARE, started = 0;

    if (count == 0)
        return;
    CHECK(paths != NULL && errors != NULL);
    if (more > FILE_SYNC_THREADS)
        more = FILE_SYNC_THREADS;
    while (started < more && thread_try_start(&threads[started], "sync", FILE_SYNC_STACK_BYTES,
                                              file_sync_main, &syncing))
        started++;
    (void)file_sync_main(&syncing); /* all that is left, if no more threads can be had */
    for (size_t i = 0; i < started; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}
