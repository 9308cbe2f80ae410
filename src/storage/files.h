/* files.h — whole immutable files by relative path under a root: a local folder, a bucket
 * (files_s3.h), or several of them behind one router.
 *
 * A file becomes visible under its name only when it is complete and durable: it is written to a
 * temporary path of the local disk (so that DuckDB can write it), then published: fsync of the
 * file, rename, fsync of the folder (and of folders just made). Paths are relative, use '/', hold
 * no empty, "." or ".." part. Thread: any; blocking, so never a loop or the commit thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORAGE_FILES_H
#define STORAGE_FILES_H

#include "base/buf.h"
#include "base/error.h"
#include "base/macros.h"
#include "base/str.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct files;

/* `root` is never made: while it is missing (a disk not mounted?) writing and deleting fail. */
enum status files_open_local(const char *root, struct files **out, struct error *err) MUST_CHECK;
/* A root that may be the mount point itself: listing, writing and deleting fail, too, while its
 * marker file is missing and nobody knows it (files_know_roots_by). */
#define FILES_MARKER ".kalamdb"
enum status files_open_marked(const char *root, struct files **out, struct error *err) MUST_CHECK;
/* Makes the marker file, durably, unless it is there. */
enum status files_mark_root(const char *root, struct error *err) MUST_CHECK;
/* Is a root without its marker file one nonetheless, by the files in it that are known to be its
 * own? Any thread. */
typedef bool files_knows_root(void *context, const char *root);
/* While nobody else uses `files`. Without it, or with NULL, the marker file alone counts. */
void files_know_roots_by(struct files *files, files_knows_root *knows, void *context);
/* Does the root have its marker file? One that is known otherwise gets it. `knows` may be NULL. */
bool files_root_is_there(const char *root, files_knows_root *knows, void *context);
/* Is any published file one of a table? */
enum status files_hold_tables(struct files *files, bool *found, struct error *err) MUST_CHECK;
void files_close(struct files *files);

/* Files of many places: a path that holds "//" is an address, `place//path in it`; any other lies
 * in `home`. Path parts are never empty, so that the last "//" tells the two apart. */
struct files_router_options {
    struct files *home; /* borrowed */
    /* The files of a place until `release`. Any thread. */
    enum status (*find)(void *context, struct str place, struct files **out, struct error *err);
    void (*release)(void *context, struct files *files);
    void *context;
};
struct files *files_open_router(const struct files_router_options *options);
/* Splits an address; false when `path` is a plain path. */
bool files_address_split(struct str path, struct str *place, struct str *rest);

/* A local path to write the temporary file of `path` to; folders are made. The same `path` always
 * gives the same temporary path, so that recovery can delete it. `out` is NUL-terminated heap text
 * (mem_free). */
enum status files_stage(struct files *files, const char *path, char **out,
                        struct error *err) MUST_CHECK;
/* Where a staged file lies now, to be read before it is published. mem_free. */
enum status files_staged_path(struct files *files, const char *path, char **out,
                              struct error *err) MUST_CHECK;
/* Makes the staged file durable and visible. IO_FAILED: nothing visible. */
enum status files_publish(struct files *files, const char *path, struct error *err) MUST_CHECK;
/* As files_publish for each of them, but the disk is waited for together. `statuses` holds one per
 * path; the result is the first that is not OK, told in `err`. */
enum status files_publish_many(struct files *files, const char *const *paths, size_t count,
                               enum status *statuses, struct error *err) MUST_CHECK;
/* Deletes the staged file if there is one, and what an upload cut short has left. Its folder stays,
 * and nothing is durable, until files_delete of the same path. */
void files_abandon(struct files *files, const char *path);

/* A local path DuckDB can read for a published file (S3: of the cached copy, fetched if need be).
 * mem_free. It stays readable until files_release, once per files_local_path that gave OK. */
enum status files_local_path(struct files *files, const char *path, char **out,
                             struct error *err) MUST_CHECK;
void files_release(struct files *files, const char *path);
/* A local copy that turned out to be damaged is removed, so that files_local_path fetches it anew;
 * false where files are no copies of anything. */
bool files_drop_copy(struct files *files, const char *path);
/* Appends up to `size` bytes from `offset`; fewer at the end of the file. Not through the cache.
 * ABSENT if missing. */
enum status files_read(struct files *files, const char *path, uint64_t offset, size_t size,
                       struct buf *out, struct error *err) MUST_CHECK;
/* Every published file below a folder (empty = all) in no order; stops when `visit` gives false.
 * Not for routers. */
enum status files_list(struct files *files, const char *folder,
                       bool (*visit)(void *context, struct str path, uint64_t size), void *context,
                       struct error *err) MUST_CHECK;
/* ABSENT if missing; IO_FAILED where that cannot be told, because the root is. */
enum status files_size(struct files *files, const char *path, uint64_t *size,
                       struct error *err) MUST_CHECK;
/* Deletes the file, durably, and folders that became empty; a missing file is no error. */
enum status files_delete(struct files *files, const char *path, struct error *err) MUST_CHECK;
/* As files_publish_many. */
enum status files_delete_many(struct files *files, const char *const *paths, size_t count,
                              enum status *statuses, struct error *err) MUST_CHECK;

/* Makes a folder for files to come, so that a storage that cannot be written is told at once. */
enum status files_make_folder(struct files *files, const char *path, struct error *err) MUST_CHECK;
/* Removes the folder if it is empty, and those above that become so. */
void files_remove_folder(struct files *files, const char *path);

/* Work on a staged file that has failed may be done again: the disk was full for a moment, or busy.
 * By what `err` tells; true after a pause, up to five attempts; `*attempt` is 1 at first. */
bool files_again(const struct error *err, unsigned *attempt);

/* Once it is true, calls of this thread that wait for a storage which is not a folder of ours end
 * with CANCELLED. NULL: they wait for as long as it takes. */
void files_set_cancelled(const atomic_bool *cancelled);
/* Until then such calls of this thread go on although it is true, and not longer: what tidies up
 * behind work that was cancelled. 0: no more. */
void files_set_deadline(int64_t monotonic_ms);
bool files_is_cancelled(void);

/* Small helpers for single local files outside any root (secret, lock). Reads whole files up to
 * `size_max`. */
enum status file_read_all(const char *path, size_t size_max, struct buf *out,
                          struct error *err) MUST_CHECK; /* ABSENT if missing */
/* Writes durably through a temporary file; `mode` like 0600. */
enum status file_write_all(const char *path, struct str content, unsigned mode,
                           struct error *err) MUST_CHECK;
/* Writes a file that need not be durable yet (a staged one); errors name `shown`. */
enum status file_put(const char *path, struct str content, const char *shown,
                     struct error *err) MUST_CHECK;
/* Bytes and XXH3-64 of the content; errors name `shown`. */
enum status file_checksum(const char *path, const char *shown, uint64_t *size, uint64_t *checksum,
                          struct error *err) MUST_CHECK;
enum status file_make_folders(const char *path,
                              struct error *err) MUST_CHECK; /* like mkdir -p, durable */
/* Appends the absolute path that `path` leads to; links are followed as far as it exists. */
void file_resolve(const char *path, struct buf *out);
/* Is a resolved path the folder, or below it? */
bool file_is_below(struct str path, struct str folder);

#endif
