/* backup.h — one namespace as it was at one moment, in files of its own, and back (docs/sql.md).
 *
 * A backup is made at one view while writers go on: cold files are copied as they are, hot rows are
 * written as Parquet; manifest.json, the last file, names and checks all of them (catalog/
 * manifest.h). Restoring builds the tables aside, where nobody sees them, and shows them with one
 * commit. Blocking: job threads.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_BACKUP_H
#define STORE_BACKUP_H

#include "store/store.h"

struct manifest;

struct backup_options {
    struct str space;  /* BACKUP: the namespace; RESTORE: the one to make, empty = as it was */
    struct str target; /* folder, `file://…`, `s3://…`; the user's text */
    struct str job_id;
    struct str version; /* of the server, for the manifest */
    const atomic_bool *cancelled;
    void (*progress)(void *context, uint64_t files, uint64_t rows, uint64_t bytes);
    void *progress_context;
};

struct backup_result {
    uint64_t tables, files, rows, bytes;
    int64_t as_of_seq;
    uint64_t memory_bytes; /* most that one step held */
};

/* NAMESPACE_NOT_FOUND, ALREADY_EXISTS when the target holds a backup, INVALID_INPUT for an unusable
 * path, STORAGE_UNAVAILABLE, CANCELLED. What was written goes again when it fails. */
enum status backup_run(struct store *store, const struct backup_options *options,
                       struct backup_result *result, struct error *err) MUST_CHECK;
/* Checks manifest and files first: INVALID_INPUT when one is damaged. ALREADY_EXISTS, CANCELLED; on
 * any failure nothing is left. */
enum status restore_run(struct store *store, const struct backup_options *options,
                        struct backup_result *result, struct error *err) MUST_CHECK;
/* The manifest of a backup, without looking at its files; manifest_clear afterwards. */
enum status backup_read_manifest(struct store *store, struct str target, struct manifest *out,
                                 struct error *err) MUST_CHECK;

#endif
