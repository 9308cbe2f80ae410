/* static_files.c — reads a folder into one sorted array.
 *
 * Files ending in .gz are not served under their own names: they are the compressed form of the
 * file beside them, made when the folder was built.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "net/static_files.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct static_files {
    struct static_file *files; /* sorted by path */
    size_t count, bytes;
};

static const struct {
    const char *ending, *content_type;
} static_types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".json", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".txt", "text/plain; charset=utf-8"},
};

static const char *static_type(struct str path)
{
    CHECK(path.size > 0);
    for (size_t i = 0; i < ARRAY_COUNT(static_types); i++)
        if (str_ends_with(path, str_from_c(static_types[i].ending)))
            return static_types[i].content_type;
    return "application/octet-stream";
}

static enum status static_read_all(int file, struct buf *out)
{
    ssize_t size;

    CHECK(file >= 0);
    do {
        char *room = buf_reserve(out, 65536);
        size = read(file, room, 65536);
        if (size > 0)
            out->size += (size_t)size;
    } while (size > 0 || (size < 0 && errno == EINTR));
    return size == 0 ? STATUS_OK : STATUS_IO_FAILED;
}

static enum status static_add(struct static_files *files, const char *path, const char *name,
                              struct error *err)
{
    struct static_file *added = &files->files[files->count];
    struct buf bytes;
    size_t size;

    CHECK(name[0] != 0);
    if (files->count == STATIC_FILES_MAX)
        return error_set(err, STATUS_RESULT_TOO_LARGE, "more than %d files", STATIC_FILES_MAX);
    buf_init(&bytes);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    enum status status = file >= 0 ? static_read_all(file, &bytes) : STATUS_IO_FAILED;
    if (status != STATUS_OK)
        (void)error_set(err, status, "cannot read %s: %s", name, strerror(errno));
    if (file >= 0)
        close(file);
    files->bytes += bytes.size;
    if (status == STATUS_OK && files->bytes > STATIC_FILES_BYTES)
        status = error_set(err, STATUS_RESULT_TOO_LARGE, "%s: more than %d bytes", name,
                           STATIC_FILES_BYTES);
    if (status != STATUS_OK) {
        buf_clear(&bytes);
        return status;
    }
    (void)snprintf(added->etag, sizeof(added->etag), "%016llx",
                   (unsigned long long)hash_bytes(buf_str(&bytes)));
    added->path = str_from_c(mem_strdup(str_from_c(name)));
    added->content_type = static_type(added->path);
    added->is_hashed = str_starts_with(added->path, STR_LIT("assets/"));
    added->body = STR_EMPTY;
    if (bytes.size > 0) {
        const char *data = buf_take(&bytes, &size);
        added->body = str_from(data, size);
    }
    buf_clear(&bytes);
    files->count++;
    return STATUS_OK;
}

static enum status static_read_folder(struct static_files *files, const char *folder,
                                      struct error *err)
{
    char *roots[] = {mem_strdup(str_from_c(folder)), NULL};
    FTS *walk = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR | FTS_COMFOLLOW, NULL);
    enum status status = STATUS_OK;
    size_t prefix = strlen(folder);

    CHECK(prefix > 0);
    for (FTSENT *entry = walk != NULL ? fts_read(walk) : NULL; entry != NULL && status == STATUS_OK;
         entry = fts_read(walk)) {
        const char *name = entry->fts_path + prefix;
        while (*name == '/')
            name++;
        if (entry->fts_info == FTS_F && entry->fts_name[0] != '.')
            status = static_add(files, entry->fts_path, name, err);
        else if (entry->fts_info == FTS_ERR || entry->fts_info == FTS_DNR)
            status = error_set(err, STATUS_IO_FAILED, "cannot read %s: %s", name,
                               strerror(entry->fts_errno));
    }
    if (walk != NULL)
        (void)fts_close(walk);
    mem_free(roots[0]);
    return status;
}

static int static_compare(const void *a, const void *b)
{
    return str_compare(((const struct static_file *)a)->path,
                       ((const struct static_file *)b)->path);
}

static struct static_file *static_find(const struct static_files *files, struct str path)
{
    struct static_file wanted = {.path = path};

    CHECK(files != NULL);
    return bsearch(&wanted, files->files, files->count, sizeof(wanted), static_compare);
}

/* `x.gz` becomes the compressed form of `x`. */
static void static_join_gzip(struct static_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        struct static_file *file = &files->files[i];
        if (!str_ends_with(file->path, STR_LIT(".gz")))
            continue;
        struct static_file *plain =
            static_find(files, str_from(file->path.data, file->path.size - 3));
        if (plain != NULL)
            plain->gzip = file->body;
    }
    CHECK(files->count <= STATIC_FILES_MAX);
}

enum status static_files_open(const char *folder, struct static_files **out, struct error *err)
{
    struct static_files *files = mem_zalloc(sizeof(*files));

    CHECK(folder[0] != 0);
    files->files = mem_calloc(STATIC_FILES_MAX, sizeof(files->files[0]));
    enum status status = static_read_folder(files, folder, err);
    qsort(files->files, files->count, sizeof(files->files[0]), static_compare);
    static_join_gzip(files);
    if (status == STATUS_OK && static_files_find(files, STR_LIT("index.html")) == NULL)
        status = error_set(err, STATUS_NOT_FOUND, "there is no index.html in %s", folder);
    if (status != STATUS_OK) {
        static_files_close(files);
        return status;
    }
    *out = files;
    return STATUS_OK;
}

void static_files_close(struct static_files *files)
{
    if (files == NULL)
        return;
    for (size_t i = 0; i < files->count; i++) {
        mem_free((void *)(uintptr_t)files->files[i].path.data);
        if (files->files[i].body.size > 0)
            mem_free((void *)(uintptr_t)files->files[i].body.data);
    }
    CHECK(files->files != NULL);
    mem_free(files->files);
    mem_free(files);
}

const struct static_file *static_files_find(const struct static_files *files, struct str path)
{
    CHECK(files != NULL);
    if (str_ends_with(path, STR_LIT(".gz")))
        return NULL;
    return static_find(files, path);
}
