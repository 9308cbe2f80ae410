/* files_local.c — files of a local folder.
 *
 * Staging makes the folders and an empty temporary file, so that a folder in use is never empty:
 * deletion removes empty folders, and a mutex keeps the two apart. A folder just made is not
 * durable by itself: what it was made in is remembered in `fresh`, and whoever publishes below
 * makes it so first. The same holds for folders of the last run, which may have ended before that:
 * until a folder is in `settled`, its entries count as not durable. Reading does not ask for the
 * marker file of the root (files_marker.c): a file that can be read is there. Errors name the
 * relative path only.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/files_internal.h"

#include "base/check.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct local_files {
    struct files base;
    char *root;
    bool marked;             /* the root counts as missing without its marker file */
    files_knows_root *knows; /* may be NULL */
    void *context;
    pthread_mutex_t folders; /* held while folders appear or vanish; guards what follows */
    struct map fresh;   /* full paths of folders with entries that are not durable yet → `made` */
    struct map settled; /* full paths of folders with folders in them, synced since the start */
    uint64_t made;      /* folders made so far */
};

static struct local_files *local_files(struct files *files)
{
    CHECK(files != NULL);
    return CONTAINER_OF(files, struct local_files, base);
}

static char *local_full(struct files *files, const char *path)
{
    struct buf out;
    size_t size;

    CHECK(path[0] != '/');
    buf_init(&out);
    buf_printf(&out, "%s/%s", local_files(files)->root, path);
    buf_append_byte(&out, 0);
    return buf_take(&out, &size);
}

static char *local_temporary(struct files *files, const char *path)
{
    char *full = local_full(files, path);
    char *temporary = file_temporary_path(full);

    CHECK(temporary != NULL);
    mem_free(full);
    return temporary;
}

static void local_close(struct files *base)
{
    struct local_files *files = local_files(base);

    CHECK(pthread_mutex_destroy(&files->folders) == 0);
    map_clear(&files->fresh);
    map_clear(&files->settled);
    mem_free(files->root);
    mem_free(files);
}

static enum status local_error(int error_number, const char *what, const char *path,
                               struct error *err)
{
    char text[128];

    CHECK(error_number != 0);
    return error_set(err, STATUS_IO_FAILED, "%s \"%s\": %s", what, path,
                     strerror_r(error_number, text, sizeof(text)));
}

/* Nothing but the root can be missing while folders below it are made: they are made in turn. */
static enum status local_folder_error(int error_number, const char *what, const char *path,
                                      struct error *err)
{
    CHECK(error_number != 0);
    if (error_number != ENOENT)
        return local_error(error_number, what, path, err);
    return error_set(err, STATUS_IO_FAILED,
                     "%s \"%s\": the folder of the storage is missing: is it mounted?", what, path);
}

/* Is the disk mounted? */
static enum status local_check_root(struct files *base, const char *what, const char *path,
                                    struct error *err)
{
    const struct local_files *files = local_files(base);

    CHECK(files->root[0] != '\0');
    if (!files->marked || files_root_is_there(files->root, files->knows, files->context))
        return STATUS_OK;
    return error_set(err, STATUS_IO_FAILED,
                     "%s \"%s\": the folder of the storage is missing, or " FILES_MARKER
                     " in it: is it mounted?",
                     what, path);
}

/* Of many: the first is told. */
static enum status local_fail(int error_number, const char *what, const char *path,
                              struct error *err)
{
    CHECK(err != NULL);
    return local_error(error_number, what, path, err->code == STATUS_OK ? err : NULL);
}

/* The folder above has an entry that is not durable yet. The mutex is held. */
static void local_remember_fresh(struct local_files *files, const char *made)
{
    const char *slash = strrchr(made, '/');

    CHECK(slash != NULL);
    files->made++;
    (void)map_put(&files->fresh, str_from(made, (size_t)(slash - made)),
                  (void *)(uintptr_t)files->made);
}

/* Makes the folders between the root and the last part; durable with what is published in them.
 * Gives errno. The mutex is held. */
static int local_make_folders(struct files *base, const char *path)
{
    struct local_files *files = local_files(base);
    char *full = local_full(base, path);
    char *at = full + strlen(files->root) + 1;
    int error = 0;

    for (; error == 0 && *at != '\0'; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        if (mkdir(full, 0750) == 0)
            local_remember_fresh(files, full);
        else if (errno != EEXIST)
            error = errno;
        *at = '/';
    }
    CHECK(*at == '\0' || error != 0);
    mem_free(full);
    return error;
}

/* Gives errno. */
static int local_stage_empty(const char *temporary)
{
    CHECK(temporary != NULL);

    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);

    if (fd < 0)
        return errno;
    (void)close(fd);
    return 0;
}

static enum status local_stage(struct files *base, const char *path, char **out, struct error *err)
{
    struct local_files *files = local_files(base);
    enum status status = local_check_root(base, "write", path, err);
    char *temporary;
    const char *what;
    unsigned attempt = 1;
    int error;

    if (status != STATUS_OK)
        return status;
    temporary = local_temporary(base, path);
    do { /* nobody else waits while it pauses */
        what = "make folders of";
        pthread_mutex_lock(&files->folders);
        error = local_make_folders(base, path);
        if (error == 0) {
            what = "write";
            error = local_stage_empty(temporary);
        }
        pthread_mutex_unlock(&files->folders);
    } while (error != 0 && file_again(error, &attempt));
    if (error == 0)
        *out = temporary;
    else
        mem_free(temporary);
    CHECK((*out != NULL) == (error == 0));
    return error == 0 ? STATUS_OK : local_folder_error(error, what, path, err);
}

/* ---- folders of several files -----------------------------------------------------------------
 */

/* Each once, with the errno of its sync. */
struct local_folders {
    struct map index; /* full path → position + 1 */
    char **paths;
    uintptr_t *made; /* what `fresh` said when it was listed; 0 = nothing */
    bool *above;     /* listed for the folder in it, not for a file */
    int *errors;
    size_t count, capacity;
};

static void local_folders_init(struct local_folders *list)
{
    *list = (struct local_folders){.count = 0};
    map_init(&list->index);
    CHECK(list->paths == NULL);
}

static void local_folders_clear(struct local_folders *list)
{
    for (size_t i = 0; i < list->count; i++)
        mem_free(list->paths[i]);
    CHECK(list->count <= list->capacity);
    mem_free(list->paths);
    mem_free(list->made);
    mem_free(list->above);
    mem_free(list->errors);
    map_clear(&list->index);
}

static void local_folders_add(struct local_folders *list, struct str folder, uintptr_t made,
                              bool above)
{
    uintptr_t position = (uintptr_t)map_get(&list->index, folder);

    if (position != 0) {
        list->above[position - 1] |= above;
        return;
    }
    if (list->count == list->capacity) {
        list->capacity = 2 * list->capacity + 16;
        list->paths = mem_realloc(list->paths, list->capacity * sizeof(*list->paths));
        list->made = mem_realloc(list->made, list->capacity * sizeof(*list->made));
        list->above = mem_realloc(list->above, list->capacity * sizeof(*list->above));
        list->errors = mem_realloc(list->errors, list->capacity * sizeof(*list->errors));
    }
    list->paths[list->count] = mem_strdup(folder);
    list->made[list->count] = made;
    list->above[list->count] = above;
    list->errors[list->count] = 0;
    list->count++;
    CHECK(list->count <= list->capacity);
    (void)map_put(&list->index, folder, (void *)(uintptr_t)list->count);
}

/* The next folder above, up to the root; false when there is none. */
static bool local_above(const struct local_files *files, struct str *path)
{
    size_t root = strlen(files->root);

    CHECK(path->size >= root);
    if (path->size == root)
        return false;
    while (path->data[path->size - 1] != '/')
        path->size--;
    path->size--;
    return true;
}

/* The folder of `full` and, when it is to appear in it, those above that may have entries which are
 * not durable. */
static void local_folders_of(struct local_files *files, struct local_folders *list,
                             const char *full, bool appears)
{
    struct str folder = str_from_c(full);
    bool leaf = true;

    CHECK(full[0] != '\0');
    pthread_mutex_lock(&files->folders);
    while (local_above(files, &folder)) {
        uintptr_t made = appears ? (uintptr_t)map_get(&files->fresh, folder) : 0;
        bool unsettled = appears && !leaf && map_get(&files->settled, folder) == NULL;
        if (leaf || made != 0 || unsettled)
            local_folders_add(list, folder, made, appears && !leaf);
        leaf = false;
    }
    pthread_mutex_unlock(&files->folders);
}

static void local_folders_sync(struct local_files *files, struct local_folders *list)
{
    file_sync_many((const char *const *)list->paths, list->count, list->errors);
    pthread_mutex_lock(&files->folders);
    for (size_t i = 0; i < list->count; i++) {
        struct str path = str_from_c(list->paths[i]);
        if (list->errors[i] != 0)
            continue;
        /* Not when another folder was made in it meanwhile. */
        if (list->made[i] != 0 && (uintptr_t)map_get(&files->fresh, path) == list->made[i])
            (void)map_remove(&files->fresh, path);
        if (list->above[i])
            (void)map_put(&files->settled, path, files);
    }
    CHECK(list->count == list->index.count);
    pthread_mutex_unlock(&files->folders);
}

/* errno of the first folder above `full` that is not durable, 0 if all are. */
static int local_folders_error(const struct local_files *files, const struct local_folders *list,
                               const char *full)
{
    struct str folder = str_from_c(full);
    int error = 0;

    CHECK(list->count > 0);
    while (error == 0 && local_above(files, &folder)) {
        uintptr_t position = (uintptr_t)map_get(&list->index, folder);
        if (position != 0)
            error = list->errors[position - 1];
    }
    return error;
}

/* ---- publishing -------------------------------------------------------------------------------
 */

struct local_pair {
    char *temporary, *full;
    bool renamed;
};

static void local_publish_renames(struct local_pair *pairs, const int *errors,
                                  const char *const *paths, size_t count, enum status *statuses,
                                  struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        CHECK(pairs[i].full != NULL);
        statuses[i] = STATUS_OK;
        if (errors[i] != 0)
            statuses[i] = local_fail(errors[i], "sync", paths[i], err);
        else if (file_rename(pairs[i].temporary, pairs[i].full) != 0)
            statuses[i] = local_fail(errno, "publish", paths[i], err);
        pairs[i].renamed = statuses[i] == STATUS_OK;
        if (i == 0 && count > 1 && FAULT(files_between_renames))
            statuses[i] = error_set(err, STATUS_IO_FAILED, "fault files_between_renames");
    }
}

static void local_publish_folders(struct local_files *files, const struct local_pair *pairs,
                                  const char *const *paths, size_t count, enum status *statuses,
                                  struct error *err)
{
    struct local_folders folders;

    CHECK(count > 0);
    local_folders_init(&folders);
    for (size_t i = 0; i < count; i++)
        local_folders_of(files, &folders, pairs[i].full, true);
    local_folders_sync(files, &folders);
    for (size_t i = 0; i < count; i++) {
        int error = local_folders_error(files, &folders, pairs[i].full);
        if (statuses[i] == STATUS_OK && error != 0)
            statuses[i] = local_fail(error, "sync the folder of", paths[i], err);
        if (statuses[i] != STATUS_OK && pairs[i].renamed)
            (void)unlink(pairs[i].full);
    }
    local_folders_clear(&folders);
}

static void local_publish_many(struct files *base, const char *const *paths, size_t count,
                               enum status *statuses, struct error *err)
{
    struct local_pair *pairs = mem_calloc(count + 1, sizeof(*pairs));
    const char **temporaries = mem_calloc(count + 1, sizeof(*temporaries));
    int *errors = mem_calloc(count + 1, sizeof(*errors));

    CHECK(statuses != NULL);
    error_clear(err);
    for (size_t i = 0; i < count; i++) {
        pairs[i].full = local_full(base, paths[i]);
        pairs[i].temporary = local_temporary(base, paths[i]);
        temporaries[i] = pairs[i].temporary;
    }
    file_sync_many(temporaries, count, errors);
    local_publish_renames(pairs, errors, paths, count, statuses, err);
    if (count > 0)
        local_publish_folders(local_files(base), pairs, paths, count, statuses, err);
    for (size_t i = 0; i < count; i++) {
        mem_free(pairs[i].full);
        mem_free(pairs[i].temporary);
    }
    mem_free(errors);
    mem_free(temporaries);
    mem_free(pairs);
}

static enum status local_publish(struct files *base, const char *path, struct error *err)
{
    enum status status = STATUS_OK;
    struct error local;

    CHECK(path != NULL);
    local_publish_many(base, &path, 1, &status, err != NULL ? err : &local);
    return status;
}

/* ---- deleting ---------------------------------------------------------------------------------
 */

/* Removes the folders above `full` that are empty, up to the root. One that is missing is passed
 * over: a power loss may have taken it while the one above stayed. */
static void local_remove_folders(struct local_files *files, char *full)
{
    size_t root_size = strlen(files->root);

    pthread_mutex_lock(&files->folders);
    for (;;) {
        char *slash = strrchr(full, '/');
        CHECK(slash != NULL);
        *slash = '\0';
        if (strlen(full) <= root_size || (rmdir(full) != 0 && errno != ENOENT))
            break;
        (void)map_remove(&files->fresh, str_from_c(full));
        (void)map_remove(&files->settled, str_from_c(full));
    }
    pthread_mutex_unlock(&files->folders);
}

/* The folder stays: were it removed before it is synced, a power loss could bring it back with the
 * staged file in it. */
static void local_abandon(struct files *base, const char *path)
{
    char *temporary = local_temporary(base, path);

    CHECK(temporary[0] != '\0');
    if (file_unlink(temporary) != 0 && errno != ENOENT && errno != ENOTDIR)
        log_warn("staged file of %s: %s", path, strerror(errno));
    mem_free(temporary);
}

static enum status local_staged_path(struct files *files, const char *path, char **out,
                                     struct error *err)
{
    CHECK(out != NULL);
    (void)err;
    *out = local_temporary(files, path);
    return STATUS_OK;
}

static enum status local_local_path(struct files *files, const char *path, char **out,
                                    struct error *err)
{
    CHECK(out != NULL);
    (void)err;
    *out = local_full(files, path);
    return STATUS_OK;
}

static enum status local_read(struct files *files, const char *path, uint64_t offset, size_t size,
                              struct buf *out, struct error *err)
{
    char *full = local_full(files, path);
    enum status status = file_read_range(full, path, offset, size, out, err);

    CHECK(full[0] != '\0');
    mem_free(full);
    return status;
}

/* ---- listing --------------------------------------------------------------------------------- */

struct local_list {
    bool (*visit)(void *context, struct str path, uint64_t size);
    void *context;
    struct buf path; /* below the root; a stack of folders instead of recursion */
    bool below;      /* it is not the folder that was asked for */
    struct map folders;
};

/* One entry of the folder `path` names; temporary files begin with a dot. */
static bool local_list_entry(struct local_list *list, int fd, const char *name)
{
    size_t size = list->path.size;
    struct stat info;
    bool more = true;

    CHECK(name[0] != '\0');
    if (name[0] == '.' || fstatat(fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return true;
    if (size > 0)
        buf_append_byte(&list->path, '/');
    buf_append_str(&list->path, str_from_c(name));
    if (S_ISDIR(info.st_mode))
        (void)map_put(&list->folders, buf_str(&list->path), list);
    else if (S_ISREG(info.st_mode))
        more = list->visit(list->context, buf_str(&list->path), (uint64_t)info.st_size);
    list->path.size = size;
    return more;
}

/* A folder that cannot be opened: gone by now, or below the one that is listed and none of ours, as
 * lost+found in the root of a disk. */
static enum status local_list_closed(const struct local_list *list, const char *root,
                                     const char *folder, int error_number, struct error *err)
{
    CHECK(error_number != 0);
    if (error_number == ENOENT)
        return access(root, F_OK) == 0 ? STATUS_OK
                                       : local_folder_error(error_number, "list", folder, err);
    if (error_number != EACCES || !list->below)
        return file_error(error_number, "list", folder, err);
    log_warn("folder \"%s\" of a storage cannot be read: it counts as empty", folder);
    return STATUS_OK;
}

static enum status local_list_folder(struct local_list *list, struct files *files, bool *more,
                                     struct error *err)
{
    const char *root = local_files(files)->root;
    char *folder = mem_strdup(buf_str(&list->path)), *full = NULL;
    unsigned attempt = 1;
    DIR *directory;
    struct dirent *entry;

    full = folder[0] != '\0' ? local_full(files, folder) : mem_strdup(str_from_c(root));
    do
        directory = opendir(full);
    while (directory == NULL && file_again(errno, &attempt));
    mem_free(full);
    if (directory == NULL) {
        enum status status = local_list_closed(list, root, folder, errno, err);
        mem_free(folder);
        return status;
    }
    mem_free(folder);
    CHECK(*more);
    while (*more && (entry = readdir(directory)) != NULL)
        *more = local_list_entry(list, dirfd(directory), entry->d_name);
    (void)closedir(directory);
    return STATUS_OK;
}

static enum status local_list(struct files *files, const char *folder,
                              bool (*visit)(void *context, struct str path, uint64_t size),
                              void *context, struct error *err)
{
    struct local_list list = {.visit = visit, .context = context};
    enum status status = local_check_root(files, "list", folder, err);
    size_t cursor = 0;
    struct str next;
    void *value;
    bool more = true;

    CHECK(visit != NULL);
    if (status != STATUS_OK)
        return status;
    buf_init(&list.path);
    map_init(&list.folders);
    buf_append_str(&list.path, str_from_c(folder));
    do {
        status = local_list_folder(&list, files, &more, err);
        cursor = 0;
        if (status != STATUS_OK || !more || !map_next(&list.folders, &cursor, &next, &value))
            break;
        list.below = true;
        buf_reset(&list.path);
        buf_append_str(&list.path, next);
        (void)map_remove(&list.folders, buf_str(&list.path));
    } while (true);
    map_clear(&list.folders);
    buf_clear(&list.path);
    return status;
}

static enum status local_size(struct files *files, const char *path, uint64_t *size,
                              struct error *err)
{
    enum status status = STATUS_OK;
    char *full = local_full(files, path);
    struct stat info;

    CHECK(size != NULL);
    if (stat(full, &info) != 0)
        status = file_error(errno, "size of", path, err);
    else if (!S_ISREG(info.st_mode))
        status = error_set(err, STATUS_IO_FAILED, "size of \"%s\": not a file", path);
    else
        *size = (uint64_t)info.st_size;
    mem_free(full);
    if (status != STATUS_ABSENT)
        return status;
    /* Of a disk that is not mounted nobody knows: a flush would take the name of a file on it. */
    enum status root = local_check_root(files, "size of", path, err);
    return root == STATUS_OK ? STATUS_ABSENT : root;
}

/* A folder that is gone was removed by somebody who deletes beside us, or before: that must be
 * durable, or it could come back with what we have deleted from it. The error stays when the root
 * is gone, too: with it comes back what it holds. */
static void local_folders_gone(const struct local_files *files, struct local_folders *list)
{
    for (size_t i = 0; i < list->count; i++) {
        struct str folder = str_from_c(list->paths[i]);
        const char *path = list->paths[i];
        while ((list->errors[i] == ENOENT || list->errors[i] == ENOTDIR) &&
               local_above(files, &folder)) {
            char *above = mem_strdup(folder);
            path = above;
            file_sync_many(&path, 1, &list->errors[i]);
            mem_free(above);
        }
    }
    CHECK(list->count == list->index.count);
}

static void local_remove_there(struct files *base, const char *const *paths, size_t count,
                               enum status *statuses, struct error *err)
{
    char **full = mem_calloc(count + 1, sizeof(*full));
    struct local_files *files = local_files(base);
    struct local_folders folders;

    CHECK(statuses != NULL);
    error_clear(err);
    local_folders_init(&folders);
    for (size_t i = 0; i < count; i++) {
        full[i] = local_full(base, paths[i]);
        statuses[i] = STATUS_OK;
        /* What is missing may have been deleted by a run that ended before that was durable. */
        if (file_unlink(full[i]) == 0 || errno == ENOENT)
            local_folders_of(files, &folders, full[i], false);
        else if (errno != ENOTDIR)
            statuses[i] = local_fail(errno, "delete", paths[i], err);
    }
    local_folders_sync(files, &folders);
    local_folders_gone(files, &folders);
    for (size_t i = 0; i < count; i++) {
        int error = folders.count > 0 ? local_folders_error(files, &folders, full[i]) : 0;
        if (statuses[i] == STATUS_OK && error != 0)
            statuses[i] = local_fail(error, "delete", paths[i], err);
        if (statuses[i] == STATUS_OK)
            local_remove_folders(files, full[i]);
        mem_free(full[i]);
    }
    local_folders_clear(&folders);
    mem_free(full);
}

/* What is not there is gone only where the disk is. */
static void local_remove_many(struct files *base, const char *const *paths, size_t count,
                              enum status *statuses, struct error *err)
{
    enum status status = STATUS_OK;

    CHECK(statuses != NULL);
    if (count > 0)
        status = local_check_root(base, "delete", paths[0], err);
    if (status == STATUS_OK)
        local_remove_there(base, paths, count, statuses, err);
    for (size_t i = 0; status != STATUS_OK && i < count; i++)
        statuses[i] = status;
}

static enum status local_remove(struct files *base, const char *path, struct error *err)
{
    enum status status = STATUS_OK;
    struct error local;

    CHECK(path != NULL);
    local_remove_many(base, &path, 1, &status, err != NULL ? err : &local);
    return status;
}

/* A name below the folder; NUL-terminated, mem_free. */
static char *local_below(const char *path)
{
    size_t size = strlen(path);
    char *below = mem_alloc(size + 3);

    CHECK(size > 0);
    memcpy(below, path, size);
    memcpy(below + size, "/x", 3);
    return below;
}

static enum status local_make_folder(struct files *base, const char *path, struct error *err)
{
    struct local_files *files = local_files(base);
    enum status status = local_check_root(base, "make folder", path, err);
    unsigned attempt = 1;
    char *below;
    int error;

    if (status != STATUS_OK)
        return status;
    below = local_below(path);
    CHECK(below != NULL);
    do {
        pthread_mutex_lock(&files->folders);
        error = local_make_folders(base, below);
        pthread_mutex_unlock(&files->folders);
    } while (error != 0 && file_again(error, &attempt));
    mem_free(below);
    return error == 0 ? STATUS_OK : local_folder_error(error, "make folder", path, err);
}

static void local_remove_folder(struct files *base, const char *path)
{
    char *below = local_below(path);
    char *full = local_full(base, below);

    CHECK(full[0] != '\0');
    local_remove_folders(local_files(base), full);
    mem_free(full);
    mem_free(below);
}

static const struct files_driver local_driver = {
    .close = local_close,
    .stage = local_stage,
    .staged_path = local_staged_path,
    .publish = local_publish,
    .publish_many = local_publish_many,
    .remove_many = local_remove_many,
    .abandon = local_abandon,
    .local_path = local_local_path,
    .read = local_read,
    .list = local_list,
    .size = local_size,
    .remove = local_remove,
    .make_folder = local_make_folder,
    .remove_folder = local_remove_folder,
};

enum status files_open_local(const char *root, struct files **out, struct error *err)
{
    struct local_files *files;
    struct str trimmed = str_from_c(root);

    *out = NULL;
    if (trimmed.size == 0 || trimmed.size >= PATH_MAX)
        return error_set(err, STATUS_IO_FAILED, "the path of a folder is empty or too long");
    while (trimmed.size > 1 && trimmed.data[trimmed.size - 1] == '/')
        trimmed.size--;
    files = mem_zalloc(sizeof(*files));
    files->base.driver = &local_driver;
    files->root = mem_strdup(trimmed);
    CHECK(pthread_mutex_init(&files->folders, NULL) == 0);
    map_init(&files->fresh);
    map_init(&files->settled);
    *out = &files->base;
    return STATUS_OK;
}

enum status files_open_marked(const char *root, struct files **out, struct error *err)
{
    enum status status = files_open_local(root, out, err);

    CHECK(out != NULL);
    if (status == STATUS_OK)
        local_files(*out)->marked = true;
    return status;
}

void files_know_roots_by(struct files *files, files_knows_root *knows, void *context)
{
    if (files->driver != &local_driver)
        return;
    struct local_files *local = local_files(files);
    CHECK(local->root[0] != '\0');
    local->knows = knows;
    local->context = context;
}
