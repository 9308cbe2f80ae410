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

/* storages_look.c */
void storages_look_start(struct store *store, pthread_t *thread);
/* storages.c: the store is about to close. */
bool storages_look_is_over(const struct store *store);
/* place_overlap.c: what storages_check_place would not let through goes to the log. */
void storages_warn_places(struct store *store);

#endif
