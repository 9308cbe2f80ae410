/* files.c — whole files by relative path; checks the path, then hands over to the driver.
 *
 * Every path is checked here, so that no driver can be led out of its root.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/files_internal.h"

#include "base/check.h"

#include <string.h>

/* One part between slashes: not empty, ".", "..", nor with control characters or a backslash. */
static bool files_part_is_valid(struct str part)
{
    CHECK(part.size == 0 || part.data != NULL);
    if (part.size == 0 || part.size > FILES_NAME_MAX)
        return false;
    if (str_equal(part, STR_LIT(".")) || str_equal(part, STR_LIT("..")))
        return false;
    for (size_t i = 0; i < part.size; i++)
        if ((unsigned char)part.data[i] < ' ' || part.data[i] == 0x7f || part.data[i] == '\\')
            return false;
    return true;
}

bool files_path_is_valid(struct str path)
{
    CHECK(path.size == 0 || path.data != NULL);
    if (path.size == 0 || path.size > FILES_PATH_MAX)
        return false;
    for (size_t from = 0; from <= path.size;) {
        struct str rest = str_from(path.data + from, path.size - from);
        size_t slash = str_find(rest, STR_LIT("/"));
        if (!files_part_is_valid(str_from(rest.data, slash == SIZE_MAX ? rest.size : slash)))
            return false;
        if (slash == SIZE_MAX)
            return true;
        from += slash + 1;
    }
    return false;
}

static enum status files_check(const struct files *files, const char *path, struct error *err)
{
    CHECK(files != NULL && path != NULL);
    if (files->driver->hands_on || files_path_is_valid(str_from_c(path)))
        return STATUS_OK;
    return error_set(err, STATUS_INVALID_INPUT, "not a valid relative path");
}

void files_close(struct files *files)
{
    if (files == NULL)
        return;
    CHECK(files->driver != NULL);
    files->driver->close(files);
}

enum status files_stage(struct files *files, const char *path, char **out, struct error *err)
{
    enum status status = files_check(files, path, err);

    CHECK(out != NULL);
    *out = NULL;
    return status == STATUS_OK ? files->driver->stage(files, path, out, err) : status;
}

enum status files_staged_path(struct files *files, const char *path, char **out, struct error *err)
{
    enum status status = files_check(files, path, err);

    CHECK(out != NULL);
    *out = NULL;
    return status == STATUS_OK ? files->driver->staged_path(files, path, out, err) : status;
}

enum status files_publish(struct files *files, const char *path, struct error *err)
{
    CHECK(files != NULL && files->driver->publish != NULL);

    enum status status = files_check(files, path, err);

    return status == STATUS_OK ? files->driver->publish(files, path, err) : status;
}

/* All of them are valid; else the statuses say which is not. */
static bool files_check_many(const struct files *files, const char *const *paths, size_t count,
                             enum status *statuses, struct error *err)
{
    bool valid = true;

    CHECK(count == 0 || (paths != NULL && statuses != NULL));
    for (size_t i = 0; i < count; i++) {
        statuses[i] = files_check(files, paths[i], err);
        valid = valid && statuses[i] == STATUS_OK;
    }
    return valid;
}

static enum status files_first_failure(const enum status *statuses, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (statuses[i] != STATUS_OK)
            return statuses[i];
    return STATUS_OK;
}

typedef enum status files_one(struct files *files, const char *path, struct error *err);
typedef void files_many(struct files *files, const char *const *paths, size_t count,
                        enum status *statuses, struct error *err);

static enum status files_each(struct files *files, files_many *many, files_one *one,
                              const char *const *paths, size_t count, enum status *statuses,
                              struct error *err)
{
    struct error local, *first = err != NULL ? err : &local;

    CHECK(one != NULL);
    if (!files_check_many(files, paths, count, statuses, first))
        return STATUS_INVALID_INPUT;
    if (many != NULL) {
        many(files, paths, count, statuses, first);
        return files_first_failure(statuses, count);
    }
    for (size_t i = 0; i < count; i++) {
        statuses[i] = one(files, paths[i], first);
        if (statuses[i] != STATUS_OK)
            first = &local; /* the caller hears of the first */
    }
    return files_first_failure(statuses, count);
}

enum status files_publish_many(struct files *files, const char *const *paths, size_t count,
                               enum status *statuses, struct error *err)
{
    CHECK(files != NULL);
    return files_each(files, files->driver->publish_many, files->driver->publish, paths, count,
                      statuses, err);
}

enum status files_delete_many(struct files *files, const char *const *paths, size_t count,
                              enum status *statuses, struct error *err)
{
    CHECK(files != NULL);
    return files_each(files, files->driver->remove_many, files->driver->remove, paths, count,
                      statuses, err);
}

void files_abandon(struct files *files, const char *path)
{
    CHECK(files != NULL && files->driver->abandon != NULL);
    if (files_check(files, path, NULL) == STATUS_OK)
        files->driver->abandon(files, path);
}

enum status files_local_path(struct files *files, const char *path, char **out, struct error *err)
{
    enum status status = files_check(files, path, err);

    CHECK(out != NULL);
    *out = NULL;
    return status == STATUS_OK ? files->driver->local_path(files, path, out, err) : status;
}

void files_release(struct files *files, const char *path)
{
    CHECK(files != NULL && path != NULL);
    if (files->driver->release != NULL)
        files->driver->release(files, path);
}

bool files_drop_copy(struct files *files, const char *path)
{
    CHECK(files != NULL && path != NULL);
    return files->driver->drop_copy != NULL && files->driver->drop_copy(files, path);
}

enum status files_read(struct files *files, const char *path, uint64_t offset, size_t size,
                       struct buf *out, struct error *err)
{
    enum status status = files_check(files, path, err);

    CHECK(out != NULL);
    return status == STATUS_OK ? files->driver->read(files, path, offset, size, out, err) : status;
}

enum status files_list(struct files *files, const char *folder,
                       bool (*visit)(void *context, struct str path, uint64_t size), void *context,
                       struct error *err)
{
    enum status status = STATUS_OK;

    CHECK(visit != NULL && files->driver->list != NULL);
    if (folder[0] != '\0')
        status = files_check(files, folder, err);
    return status == STATUS_OK ? files->driver->list(files, folder, visit, context, err) : status;
}

enum status files_size(struct files *files, const char *path, uint64_t *size, struct error *err)
{
    enum status status = files_check(files, path, err);

    CHECK(size != NULL);
    return status == STATUS_OK ? files->driver->size(files, path, size, err) : status;
}

enum status files_delete(struct files *files, const char *path, struct error *err)
{
    CHECK(files != NULL && files->driver->remove != NULL);

    enum status status = files_check(files, path, err);

    return status == STATUS_OK ? files->driver->remove(files, path, err) : status;
}

enum status files_make_folder(struct files *files, const char *path, struct error *err)
{
    enum status status = files_check(files, path, err);

    CHECK(files->driver->make_folder != NULL);
    return status == STATUS_OK ? files->driver->make_folder(files, path, err) : status;
}

void files_remove_folder(struct files *files, const char *path)
{
    CHECK(files->driver->remove_folder != NULL);
    if (files_check(files, path, NULL) == STATUS_OK)
        files->driver->remove_folder(files, path);
}
