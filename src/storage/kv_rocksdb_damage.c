/* kv_rocksdb_damage.c — whether there is a store, and which table files are damaged, when RocksDB
 * refuses to open for damage and does not say where: its message names the manifest then, whatever
 * could not be read.
 *
 * A store is there with the file CURRENT: RocksDB makes it, durably, before any table file or log.
 * Without it RocksDB takes the folder for an empty one and deletes both.
 *
 * RocksDB's repair is let loose on a folder with nothing but a link to the file; what it cannot
 * read it puts aside into `lost`. The store itself is only read.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/buf.h"
#include "base/check.h"
#include "base/log.h"
#include "storage/files_internal.h"
#include "storage/kv_rocksdb.h"
#include "storage/kv_rocksdb_internal.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum status kv_rocksdb_exists(const char *folder, bool *exists, struct error *err)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    bool written = false;

    CHECK(exists != NULL);
    *exists = false;
    if (dir == NULL)
        return errno == ENOENT ? STATUS_OK : file_error(errno, "list", folder, err);
    while ((entry = readdir(dir)) != NULL) {
        struct str name = str_from_c(entry->d_name);
        *exists = *exists || str_equal(name, STR_LIT("CURRENT"));
        written =
            written || str_ends_with(name, STR_LIT(".sst")) || str_ends_with(name, STR_LIT(".log"));
    }
    (void)closedir(dir);
    if (written && !*exists)
        return error_set(
            err, STATUS_CORRUPT,
            "%s holds files of a hot tier, but its file CURRENT is missing: restore it", folder);
    return STATUS_OK;
}

static int damage_remove_one(const char *path, const struct stat *what, int type, struct FTW *place)
{
    (void)what, (void)type, (void)place;
    (void)remove(path);
    return 0;
}

static void damage_remove_scratch(const char *folder)
{
    CHECK(folder != NULL);
    (void)nftw(folder, damage_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Whether the table file `name` cannot be read; false too if that could not be found out. */
static bool damage_check(const struct rocks_kv *kv, const rocksdb_options_t *options,
                         const char *folder, const char *name)
{
    struct buf file, link_path, lost;
    char *text = NULL;
    bool damaged = false;

    CHECK(str_ends_with(str_from_c(name), STR_LIT(".sst")));
    buf_init(&file), buf_init(&link_path), buf_init(&lost);
    buf_printf(&file, "%s/%s", kv->path, name);
    buf_printf(&link_path, "%s/%s", folder, name);
    buf_printf(&lost, "%s/lost/%s", folder, name);
    damage_remove_scratch(folder);
    if (file_make_folders(folder, NULL) == STATUS_OK && link(file.data, link_path.data) == 0) {
        rocksdb_repair_db(options, folder, &text);
        damaged = access(lost.data, F_OK) == 0;
    }
    if (text != NULL)
        rocksdb_free(text);
    damage_remove_scratch(folder);
    buf_clear(&file), buf_clear(&link_path), buf_clear(&lost);
    return damaged;
}

enum status rocks_name_damage(const struct rocks_kv *kv, enum status status, struct error *err)
{
    DIR *folder = opendir(kv->path);
    rocksdb_options_t *options;
    struct buf scratch, names;
    unsigned count = 0;

    CHECK(status != STATUS_OK);
    if (folder == NULL)
        return status;
    log_info("looks through the table files of the hot tier for the damaged one");
    options = rocks_database_options(kv);
    buf_init(&scratch), buf_init(&names);
    buf_printf(&scratch, "%s/.check", kv->path);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (str_ends_with(str_from_c(entry->d_name), STR_LIT(".sst")) &&
            damage_check(kv, options, scratch.data, entry->d_name))
            buf_printf(&names, "%s%s", count++ == 0 ? "" : ", ", entry->d_name);
    (void)closedir(folder);
    rocksdb_options_destroy(options);
    if (count > 0) {
        log_error("rocksdb: damaged in %s: %s", kv->path, names.data);
        status = error_set(err, STATUS_CORRUPT, "key-value store: damaged: %s", names.data);
    }
    buf_clear(&scratch), buf_clear(&names);
    return status;
}
