/* restore_internal.h — a restore in the making: restore.c decides, restore_files.c moves data.
 * Private to store/backup/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_RESTORE_INTERNAL_H
#define STORE_RESTORE_INTERNAL_H

#include "base/map.h"
#include "store/backup/backup_internal.h"

/* A file on its way into our storage. */
struct restore_move {
    const struct manifest_file *file;
    const struct table *table;
    struct segment *segment; /* its record, already ours */
    char *path;              /* in our storage */
};

struct restore {
    struct store *store;
    const struct backup_options *options;
    struct backup_result *result;
    struct backup_place place;
    struct files *source; /* = place.files */
    struct manifest manifest;
    struct str space; /* the namespace to make */
    struct arena arena;
    struct table **tables; /* as in the manifest, finished, with ids and spaces of their own */
    size_t table_count;
    int64_t seq_max;     /* of all rows */
    int64_t position;    /* of the store when the restore began */
    struct map storages; /* where its files lie: the storage of a table or of a user */
    struct backup_copies copies;
    struct backup_scratch scratch;
    struct restore_move moves[BACKUP_BATCH_FILES];
    size_t move_count;
    struct kv_batch *records; /* of instances and segments, not written yet */
};

/* Data of all tables: into our storage and key spaces, where nobody sees them yet. */
enum status restore_data(struct restore *restore, struct error *err) MUST_CHECK;
/* restore_check.c: the rows of an instance that is whole, in our storage and key spaces. CORRUPT.
 */
enum status restore_check_instance(struct restore *restore, const struct table *table,
                                   const struct manifest_instance *instance,
                                   struct error *err) MUST_CHECK;
/* Takes all of it out again. */
void restore_undo(struct restore *restore);

#endif
