/* backup_internal.h — what backup and restore share. Private to store/backup/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_BACKUP_INTERNAL_H
#define STORE_BACKUP_INTERNAL_H

#include "catalog/manifest.h"
#include "store/backup.h"
#include "store/flush/flush_internal.h"

#define BACKUP_MANIFEST "manifest.json"

enum {
    BACKUP_BATCH_FILES = 128,      /* made durable together, … */
    BACKUP_BATCH_BYTES = 64 << 20, /* … or when they are so large */
    BACKUP_FILE_BYTES_MAX = INT32_MAX,
    BACKUP_UNDO_MS = 10000,
};

/* What is behind a target: a folder, or a bucket with the credentials of a storage there, else of
 * the environment. `make`: a folder is made when missing; else the manifest must be there.
 * INVALID_INPUT. */
struct backup_place {
    struct store *store;
    struct files *files;
    bool borrowed; /* of the storages */
};
enum status backup_open(struct store *store, struct str target, bool make, struct backup_place *out,
                        struct error *err) MUST_CHECK;
void backup_close(struct backup_place *place);
/* The whole of a published file, not through any cache. ABSENT. */
enum status backup_read_file(struct files *files, const char *path, struct buf *out,
                             struct error *err) MUST_CHECK;
/* A failure of lower layers in words for clients; damage becomes `corrupt`, message kept. */
enum status backup_translate(enum status status, enum status corrupt, struct error *err);
bool backup_is_cancelled(const struct backup_options *options);
/* The outcome of a whole backup or restore: CANCELLED, whatever failed because of it, or as
 * backup_translate. */
enum status backup_end(const struct backup_options *options, enum status status,
                       enum status corrupt, struct error *err);
/* Around what takes a failed one out again. A cancelled one does it in spite of that, but not for
 * ever: a bucket that does not answer keeps files. */
void backup_undo_begin(const struct backup_options *options);
void backup_undo_end(void);

/* Files on their way from one root to another, made durable in batches. */
struct backup_copies {
    struct files *to;
    char **paths; /* of `to`, staged but not published */
    size_t count;
    uint64_t bytes;
    size_t memory_bytes;
    /* Called after each batch; may be NULL. */
    enum status (*published)(void *context, struct error *err);
    void *context;
};
/* Reads the local file `from` and stages it under `to`; `file` gets size and checksum. May publish
 * what has gathered. */
enum status backup_copy(struct backup_copies *copies, const char *from, const char *to,
                        struct manifest_file *file, struct error *err) MUST_CHECK;
/* The same of a published file of `files`, which must have the size and checksum of `file`:
 * CORRUPT. */
enum status backup_copy_file(struct backup_copies *copies, struct files *files, const char *from,
                             const char *to, struct manifest_file *file,
                             struct error *err) MUST_CHECK;
/* Size and checksum of a published file are those of `file`? CORRUPT. */
enum status backup_verify(struct files *files, const struct manifest_file *file,
                          struct error *err) MUST_CHECK;
/* Publishes what has gathered. */
enum status backup_copy_finish(struct backup_copies *copies, struct error *err) MUST_CHECK;
/* Drops what was staged only. */
void backup_copies_clear(struct backup_copies *copies);

/* Files of our own storage that are only on their way: hot rows as Parquet. Their names are taken
 * in blocks, each with one durable pending record, so that a crash leaves nothing. */
struct backup_scratch {
    struct store *store;
    struct str folder;     /* `.backup/{job}` */
    struct table_id table; /* for the pending records */
    uint64_t next, end;    /* names taken: [0, end), used: [0, next) */
};
enum status backup_scratch_name(struct backup_scratch *scratch, struct buf *path,
                                struct error *err) MUST_CHECK;
/* Deletes what is there and gives the names back. */
void backup_scratch_clear(struct backup_scratch *scratch);

/* backup_hot.c: the hot rows of one instance at the view, written to scratch files and copied. */
struct backup {
    struct store *store;
    const struct backup_options *options;
    struct backup_result *result;
    struct view *view;
    struct backup_place place;
    struct files *target; /* = place.files */
    struct manifest manifest;
    struct backup_copies copies; /* from our storage to the target */
    struct backup_scratch scratch;
    struct arena arena;   /* paths written */
    const char **written; /* published in the target */
    size_t written_count, written_capacity;
};
enum status backup_hot_rows(struct backup *backup, struct manifest_table *entry,
                            const struct table *table, struct manifest_instance *instance,
                            uint32_t *number, struct error *err) MUST_CHECK;
/* Path of file `number` of an instance below the backup's root. */
void backup_path(const struct table *table, struct str user, const char *prefix, uint32_t number,
                 struct buf *out);

#endif
