/* storages.h — the files of all storages behind store->files, the place of a new file, and the
 * check of a storage.
 *
 * A file on the default folder has a relative path. Any other has an address,
 * `{storage id}@{root}//{path below it}`, kept where the path would be (segment and pending
 * records): it still leads to the file after the storage got another uri. Any thread; blocking.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_STORAGES_H
#define STORE_STORAGES_H

#include "catalog/storage.h"
#include "store/store.h"

/* ---- for store/ ------------------------------------------------------------------------------ */

struct storages;
struct storages *storages_new(struct store *store);
void storages_free(struct storages *storages); /* NULL is fine */
/* Once, when there is a view: looks at the folders of all storages in the background and tells the
 * log of those that are missing or share a place. */
void storages_start(struct store *store);
void storages_stop(struct store *store); /* fine when it did not start */
/* Every path and address of the store; owned by `storages`. */
struct files *storages_files(struct storages *storages);

/* Appends where new files of an instance go (docs/sql.md): relative folder or address, without
 * slash at the end; `storage_id` is borrowed from the catalogue or the table. INVALID_OPERATION,
 * STORAGE_NOT_FOUND. */
enum status place_of_instance(struct store *store, const struct catalog *catalog,
                              const struct table *table, struct str user, struct buf *out,
                              struct str *storage_id, struct error *err) MUST_CHECK;
/* Appends the value of `{shard}`: nothing when sharding is off. */
void place_shard(enum sharding strategy, uint32_t hash_shards, struct str user, struct buf *out);
/* Does the address lie on the storage? Plain paths lie on `local`. */
bool place_is_on(struct str path, struct str storage_id);
/* Appends a path or address as people read it: root and path, without the storage's id. */
void place_show(struct str path, struct buf *out);

/* Appends the same text for every path or address that leads to the same file: links are followed,
 * the storage's id is left out. */
void place_resolve(const struct store *store, struct str path, struct buf *out);
/* INVALID_OPERATION when the place of a new storage, or the new place of `old`, equals, holds or
 * lies in that of another one of `builder`, or a folder of the server itself. */
enum status storages_check_place(const struct store *store, const struct catalog_builder *builder,
                                 const struct storage *old, const struct storage *storage,
                                 struct error *err) MUST_CHECK;
/* Makes the folder of a filesystem storage with its marker file, so that later a missing one means
 * that it is not mounted. Does nothing for s3. INVALID_OPERATION. */
enum status storages_prepare(struct store *store, const struct storage *storage,
                             struct error *err) MUST_CHECK;
/* STORAGE_UNAVAILABLE unless new files may be written (docs/sql.md; s3: without asking it). */
enum status storages_check_writable(struct store *store, const struct storage *storage,
                                    struct error *err) MUST_CHECK;

/* For files that are not the store's own (a backup): STORAGE_UNAVAILABLE when the folder lies in
 * that of a storage which is missing, as that of a disk which is not mounted. */
enum status storages_check_target(struct store *store, const char *folder,
                                  struct error *err) MUST_CHECK;

/* The files of one storage alone, by their path below its root, until storages_return. IO_FAILED.
 */
enum status storages_borrow(struct store *store, const struct storage *storage, struct files **out,
                            struct error *err) MUST_CHECK;
void storages_return(struct store *store, struct files *files);

/* ---- STORAGE CHECK --------------------------------------------------------------------------- */

struct storage_check {
    const char *operation; /* write, read, list, delete; NULL without EXTENDED */
    int64_t latency_us;
    enum status status;
    const char *message; /* why it failed */
};
/* STORAGE_NOT_FOUND; what is wrong with the storage goes to `visit`, once, or once per operation.
 * `visit` may stop by a status that is not OK. */
enum status storages_check(struct store *store, const struct view *view, struct str id,
                           bool extended,
                           enum status (*visit)(void *context, const struct storage_check *check,
                                                struct error *err),
                           void *context, struct error *err) MUST_CHECK;

#endif
