/* data_dir.c — the data folder belongs to one process; the secret that signs tokens lives in it.
 *
 * Hot tier and cold files may lie on disks of their own. A first start makes first the cold folder
 * with its marker file, durably, then the hot tier: whichever is there without the other later is
 * one whose disk is not mounted, and nothing may be begun anew beside it.
 *
 * The lock is a flock on {data_dir}/lock: the system drops it with the process, however it ends.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/id.h"
#include "base/log.h"
#include "server/server_internal.h"
#include "storage/kv_rocksdb.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { DATA_DIR_PATH_BYTES = 4096, DATA_DIR_SECRET_BYTES = 48, DATA_DIR_SECRET_MIN = 32 };

static enum status data_dir_path(const char *folder, const char *name,
                                 char out[DATA_DIR_PATH_BYTES], struct error *err)
{
    int size = snprintf(out, DATA_DIR_PATH_BYTES, "%s/%s", folder, name);

    CHECK(size > 0);
    if (size >= DATA_DIR_PATH_BYTES)
        return error_set(err, STATUS_INVALID_INPUT, "server.data_dir is too long");
    return STATUS_OK;
}

static void data_dir_write_pid(int lock)
{
    char text[32];
    int size = snprintf(text, sizeof(text), "%d\n", (int)getpid());

    CHECK(size > 0);
    if (ftruncate(lock, 0) != 0 || pwrite(lock, text, (size_t)size, 0) != size)
        log_debug("the process id could not be noted in the lock file");
}

enum status data_dir_lock(const char *path, int *lock, struct error *err)
{
    char name[DATA_DIR_PATH_BYTES], holder[32] = "";
    enum status status = file_make_folders(path, err);

    CHECK(lock != NULL);
    if (status == STATUS_OK)
        status = data_dir_path(path, "lock", name, err);
    if (status != STATUS_OK)
        return status;
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set(err, STATUS_IO_FAILED, "cannot open %s: %s", name, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        ssize_t size = pread(fd, holder, sizeof(holder) - 1, 0);
        holder[size > 0 ? strcspn(holder, "\n") : 0] = 0;
        close(fd);
        return error_set(err, STATUS_CONFLICT,
                         "data folder %s is in use by another kalamd (process %s)", path,
                         holder[0] != 0 ? holder : "unknown");
    }
    data_dir_write_pid(fd);
    *lock = fd;
    return STATUS_OK;
}

/* ---- hot tier and cold files -------------------------------------------------------------------
 */

/* Table ids begin anew with the hot tier, and so do the names of files. */
static enum status data_dir_begin(const char *path, const char *hot, const char *cold,
                                  struct files *files, struct error *err)
{
    char key[DATA_DIR_PATH_BYTES];
    bool found = false;
    enum status status = files_hold_tables(files, &found, err);

    CHECK(hot[0] != 0);
    if (status == STATUS_OK && found)
        return error_set(err, STATUS_CONFLICT,
                         "there is no hot tier in %s, but %s holds files of tables: is the disk of "
                         "the hot tier mounted? To begin anew, move these files away",
                         hot, cold);
    if (status == STATUS_OK)
        status = data_dir_path(path, "storage_key", key, err);
    if (status == STATUS_OK && access(key, F_OK) == 0)
        log_warn("there is no hot tier in %s, but a key in %s: beginning anew; is the disk of the "
                 "hot tier mounted?",
                 hot, key);
    return status;
}

enum status data_dir_open_cold(const char *path, const char *hot, const char *cold,
                               struct files **out, struct error *err)
{
    bool exists = false;
    enum status status = kv_rocksdb_exists(hot, &exists, err);

    CHECK(cold[0] != 0);
    if (status == STATUS_OK && !exists)
        status = file_make_folders(cold, err);
    if (status == STATUS_OK && !exists)
        status = files_mark_root(cold, err);
    if (status != STATUS_OK)
        return status;
    status = files_open_marked(cold, out, err);
    if (status != STATUS_OK)
        return status;
    if (!exists)
        return data_dir_begin(path, hot, cold, *out, err);
    return STATUS_OK;
}

/* ---- spill files -------------------------------------------------------------------------------
 */

/* The files of one engine, and the folder it had made for them. */
static void data_dir_remove_spilled(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;

    CHECK(name[0] != 0);
    if (fd >= 0 && dir == NULL)
        close(fd);
    while (dir != NULL && (entry = readdir(dir)) != NULL)
        if (strncmp(entry->d_name, "duckdb_temp", 11) == 0 &&
            unlinkat(dirfd(dir), entry->d_name, 0) != 0)
            log_warn("spill file %s cannot be removed: %s", entry->d_name, strerror(errno));
    if (dir != NULL)
        (void)closedir(dir);
    if (unlinkat(parent, name, AT_REMOVEDIR) != 0)
        log_warn("folder %s of spill files cannot be removed: %s", name, strerror(errno));
}

enum status data_dir_spill_folder(const char *path, struct error *err)
{
    enum status status = file_make_folders(path, err);
    DIR *dir = status == STATUS_OK ? opendir(path) : NULL;
    struct dirent *entry;

    CHECK(path[0] != 0);
    while (dir != NULL && (entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.')
            data_dir_remove_spilled(dirfd(dir), entry->d_name);
    if (dir != NULL)
        (void)closedir(dir);
    return status;
}

/* ---- lock and secret ---------------------------------------------------------------------------
 */

void data_dir_unlock(int lock)
{
    CHECK(lock >= -1);
    if (lock >= 0)
        close(lock);
}

static enum status data_dir_make_secret(const char *name, struct buf *out, struct error *err)
{
    uint8_t bytes[DATA_DIR_SECRET_BYTES];
    size_t start = out->size;

    CHECK(name != NULL);
    id_random(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++)
        buf_printf(out, "%02x", bytes[i]);
    log_info("a secret for signing tokens was generated");
    return file_write_all(name, str_from(out->data + start, out->size - start), 0600, err);
}

enum status data_dir_secret(const char *path, struct str configured, struct buf *out,
                            struct error *err)
{
    char name[DATA_DIR_PATH_BYTES];
    size_t start = out->size;

    CHECK(path != NULL);
    if (configured.size > 0) {
        buf_append_str(out, configured);
        return STATUS_OK;
    }
    enum status status = data_dir_path(path, "jwt_secret", name, err);
    if (status == STATUS_OK)
        status = file_read_all(name, 4096, out, err);
    if (status == STATUS_ABSENT)
        return data_dir_make_secret(name, out, err);
    if (status == STATUS_OK && out->size - start < DATA_DIR_SECRET_MIN)
        return error_set(err, STATUS_CORRUPT, "%s is damaged: remove it to have a new one", name);
    return status;
}
