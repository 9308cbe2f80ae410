/* storages_internal.h — what the files of storages/ share. Private to the folder.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_STORAGES_STORAGES_INTERNAL_H
#define STORE_STORAGES_STORAGES_INTERNAL_H

#include "store/storages.h"
#include "store/store_internal.h"

/* place_s3.c: the files of a bucket; `name` is the place (`{storage id}@{root}`). */
enum status place_open_s3(struct store *store, const struct storage *storage, struct str name,
                          struct str root, struct files **out, struct error *err) MUST_CHECK;
/* Appends endpoint, bucket and prefix. */
void place_resolve_s3(const struct storage *storage, struct str root, struct buf *out);

/* storages_root.c: a root folder of a storage as it is, or as it was when a table was made. */
struct storage_root {
    struct str id; /* of the storage */
    const char *path;
};
struct storage_roots {
    struct storage_root *all; /* in the arena */
    size_t count, capacity;
};
/* Each folder once; no buckets. Holds no view afterwards. */
void storages_roots(struct store *store, struct arena *arena, struct storage_roots *out);
/* Some of the files below a root that records of segments name: none, if there are none. */
enum { ROOT_FILES_MAX = 64 };
struct root_files {
    const char *root;
    const char *paths[ROOT_FILES_MAX]; /* in the arena */
    size_t count;
};
enum status storages_root_files(struct store *store, const char *root, struct arena *arena,
                                struct root_files *out, struct error *err) MUST_CHECK;
bool root_files_exist(const struct root_files *files); /* any of them */
/* Is any of them there? For files_know_roots_by; the context is the store. */
bool storages_knows_root(void *context, const char *root);

/* storages_ask.c: `ask` runs on a thread of its own, with copies of the folder's path and of the
 * files. False when the store began to close before the answer; else the text is the caller's. */
struct disk_answer {
    bool yes;
    enum status status;
    struct error err;
    struct buf text;
};
typedef void disk_question(const struct root_files *files, struct disk_answer *answer);
bool storages_ask(struct store *store, disk_question *ask, const struct root_files *files,
                  struct disk_answer *out) MUST_CHECK;

/* storages_look.c */
void storages_look_start(struct store *store, pthread_t *thread);
/* storages.c: the store is about to close. */
bool storages_look_is_over(const struct store *store);
/* place_overlap.c: what storages_check_place would not let through goes to the log. */
void storages_warn_places(struct store *store);

#endif
