/* flush.h — moves settled rows of one table (or one user of it) from hot keys to cold segments.
 *
 * Order: pending record (synced) → stage file → publish → one batch on the commit thread {segment
 * record, rows of the file removed from hot unless they were changed meanwhile, replaced files as
 * pending deletions, counters}. A crash anywhere leaves rows twice or a file that
 * start-up deletes, never a row zero times. Blocking: job threads. One flush per table at a time
 * (the caller's job slot).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_FLUSH_H
#define STORE_FLUSH_H

#include "store/store.h"

struct flush_options {
    struct table_id table;
    struct str user; /* one instance only; empty = all (or the shared one) */
    bool all_users;
    const struct str *users; /* or these, when it is not NULL */
    size_t user_count;
    bool with_shadows; /* manual and shutdown: rewrite the segments that shadows touch */
    struct str job_id; /* Parquet metadata */
    const atomic_bool *cancelled;
    /* After each user; may be NULL. */
    void (*progress)(void *context, uint64_t users, uint64_t rows, uint64_t bytes);
    void *progress_context;
};

struct flush_result {
    uint64_t rows, users, files, bytes, users_failed;
    uint64_t memory_bytes; /* most that one file needed in our own buffers */
    uint32_t segments_max; /* most that an instance has now */
    /* of segments that were written anew, or merged: */
    uint64_t instances, replaced_files, rewritten_rows;
    bool more;          /* compact_table: call it again */
    int64_t flushed_us; /* when the last file of a flush was installed, 0 = none was */
    char location[512]; /* folder of the first file */
    struct error first_error;
};

/* Notes the time in the table's row of system.tables, a commit of its own at the end.
 * OK even when some users failed (see users_failed); CANCELLED keeps what is done. */
enum status flush_table(struct store *store, const struct flush_options *options,
                        struct flush_result *result, struct error *err) MUST_CHECK;

/* From so many small segments of an instance on some of them are merged. */
enum { COMPACT_SEGMENTS = 6 };
/* Is there something to merge: in one instance, or (user empty) in any of the table? */
enum status compact_is_due(struct store *store, struct table_id table, struct str user, bool *due,
                           struct error *err) MUST_CHECK;
/* Merges small segments of the table's instances, a bounded share of the work; result->rows counts
 * the hot versions that went along. As flush_table otherwise; user and all_users do not matter. */
enum status compact_table(struct store *store, const struct flush_options *options,
                          struct flush_result *result, struct error *err) MUST_CHECK;

#endif
