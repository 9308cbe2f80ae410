/* instance.h — the record of one instance (user of a USER table; the one instance of a SHARED
 * table): exact counters and the version of its segment list. Lives in space `user_table_counters`,
 * key = table id (8 bytes big-endian) + user id; written only by the commit thread, in the batch it
 * describes.
 * Private to store/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_INSTANCE_H
#define STORE_INSTANCE_H

#include "base/buf.h"
#include "store/store.h"

struct instance_record {
    int64_t buffered_rows;    /* hot rows, shadows and tombstones included */
    int64_t rows_since_flush; /* triggers the row policy */
    uint64_t
        segments_version; /* position (_seq) at which the segment list last changed; 0 = never */
    uint64_t cold_rows, cold_bytes;
    uint32_t segments;
    int64_t last_flush_us;
};

void instance_key(struct table_id table, struct str user, struct buf *out); /* appends */
/* All keys of a table: [lower, upper). Both are made here and cleared by the caller. */
void instance_key_range(struct table_id table, struct buf *lower, struct buf *upper);
void instance_encode(const struct instance_record *record, struct buf *out); /* appends */
enum status instance_decode(struct str bytes, struct instance_record *out,
                            struct error *err) MUST_CHECK;
/* At a snapshot; a missing record is all zero. `flags` as kv_get. */
enum status instance_load(struct store *store, const struct kv_snapshot *snapshot,
                          struct table_id table, struct str user, unsigned flags,
                          struct instance_record *out, struct error *err) MUST_CHECK;

#endif
