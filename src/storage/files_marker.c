/* files_marker.c — the file that tells the root of a storage from the empty folder which its disk
 * hides while it is mounted.
 *
 * The name begins with a dot, so that it is no file of a listing. A root that has lost it, or is
 * older than it, is known by the files in it that the caller has a record of, and gets it then; a
 * disk mounted read-only is known by them every time. Other files say nothing: below the mount
 * point of a disk somebody may have left anything.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/files_internal.h"

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"

#include <unistd.h>

#define MARKER_TEXT \
    "A storage of KalamDB: files of tables lie here. Where this file is missing, the disk of the " \
    "storage counts as not mounted.\n"

/* NUL-terminated; mem_free. */
static char *marker_path(const char *root)
{
    struct buf path;
    size_t size;

    CHECK(root[0] != '\0');
    buf_init(&path);
    buf_printf(&path, "%s/" FILES_MARKER, root);
    buf_append_byte(&path, 0);
    return buf_take(&path, &size);
}

enum status files_mark_root(const char *root, struct error *err)
{
    char *path = marker_path(root);
    enum status status = STATUS_OK;

    CHECK(path[0] != '\0');
    if (access(path, F_OK) != 0)
        status = file_write_all(path, STR_LIT(MARKER_TEXT), 0640, err);
    mem_free(path);
    return status;
}

static bool marker_is_table_file(void *context, struct str path, uint64_t size)
{
    bool *found = context;

    CHECK(found != NULL);
    (void)size;
    *found = str_ends_with(path, STR_LIT(".parquet"));
    return !*found;
}

enum status files_hold_tables(struct files *files, bool *found, struct error *err)
{
    CHECK(found != NULL);
    *found = false;
    return files_list(files, "", marker_is_table_file, found, err);
}

bool files_root_is_there(const char *root, files_knows_root *knows, void *context)
{
    char *path = marker_path(root);
    bool there = access(path, F_OK) == 0;
    struct error err;

    CHECK(root[0] != '\0');
    mem_free(path);
    if (there || knows == NULL || !knows(context, root))
        return there;
    if (files_mark_root(root, &err) != STATUS_OK)
        log_debug("folder %s cannot be marked as a storage: %s", root, err.message);
    return true;
}
