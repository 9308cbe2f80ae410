/* resume_scan.h — rows that a scan for a resume found, kept for those who come after. Any thread;
 * a scan is filled by one thread and immutable once it is kept. Private to live/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIVE_RESUME_SCAN_H
#define LIVE_RESUME_SCAN_H

#include "base/buf.h"
#include "live/live_internal.h"

struct resume_scan_row {
    size_t offset; /* of the key; the row's bytes follow it */
    uint32_t key_size, bytes_size;
};

/* The newest version of every key, at position `upto`, that has a `_seq` above `after`. */
struct resume_scan {
    atomic_uint refs;
    struct table_id table;
    struct str user; /* as in the plan; owned */
    int64_t after, upto;
    struct resume_scan_row *rows;
    size_t count, capacity;
    struct buf bytes;
    struct resume_scan *next; /* live->scans_mutex */
    int64_t used_ms;
};

struct resume_scan *resume_scan_new(const struct live_plan *plan, int64_t after, int64_t upto);
void resume_scan_unref(struct resume_scan *scan); /* NULL is fine */
void resume_scan_add(struct resume_scan *scan, const struct row *row);
size_t resume_scan_size(const struct resume_scan *scan);
struct str resume_scan_key(const struct resume_scan *scan, size_t index);
struct str resume_scan_bytes(const struct resume_scan *scan, size_t index);

/* A kept one that holds all that changed above `from`, at no later position; with a reference. */
struct resume_scan *resume_scan_find(struct live *live, const struct live_plan *plan, int64_t from,
                                     int64_t position);
/* The reference moves; replaces what is kept of the same rows. */
void resume_scan_keep(struct live *live, struct resume_scan *scan);
/* Drops those that nobody has used for a while, or all. */
void resume_scans_expire(struct live *live, bool all);

#endif
