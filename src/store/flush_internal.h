/* flush_internal.h — what the files of a flush share: one segment being written (flush_write.c),
 * its installation (flush_install.c), the rewriting of segments that shadows touch
 * (flush_rewrite.c).
 * Private to store/flush*.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_FLUSH_INTERNAL_H
#define STORE_FLUSH_INTERNAL_H

#include "store/cold.h"
#include "store/flush.h"
#include "store/row_cache.h"
#include "store/store_internal.h"

enum {
    FLUSH_SEGMENT_ROWS_MAX = 50000,           /* bounds the work of one install */
    FLUSH_SEGMENT_BYTES_MAX = 64 << 20,       /* of row bytes */
    FLUSH_GROUP_BYTES = 8 << 20,              /* aim for one row group */
    FLUSH_ROW_GROUP_STEP = COLUMN_CHUNK_ROWS, /* Parquet row groups are multiples of it */
};

/* One hot row that is in the file, in file order. */
struct flush_entry {
    uint64_t hash; /* of the key, with the file's seed */
    int64_t seq;
};

/* Rows of one segment in key order, descending. `next` gives END after the last; the row is
 * borrowed until the next call. */
struct flush_file {
    /* set by the caller */
    struct store *store;
    const struct view *view;
    const struct table *table;
    struct str user, job_id;
    enum status (*next)(void *context, struct row *row, bool *from_hot, struct error *err);
    void *context;
    uint64_t rows_max, bytes_max;
    uint32_t group_rows;
    bool want_bloom; /* the keys are not an ascending run of integers */
    /* filled */
    struct segment *segment;  /* without id, segments get it when they are installed */
    struct row_block *newest; /* first row group, for the row cache; may be NULL */
    struct buf entries;       /* struct flush_entry of the rows that came from hot */
    size_t entry_count;
    struct buf hot_max, hot_min; /* keys of the first and last of them */
    uint64_t seed;
    bool ended;          /* `next` gave END */
    size_t memory_bytes; /* peak of the buffers that grow with the rows */
    /* while writing */
    struct flush_writing *writing;
};
/* Writes and publishes one file. *made is false when there was no row. On failure nothing is left
 * but what a pending record names. */
enum status flush_file_write(struct flush_file *file, bool *made, struct error *err) MUST_CHECK;
void flush_file_clear(struct flush_file *file);
/* After a failed install: removes the file unless the batch may have been written after all. */
void flush_file_discard(struct flush_file *file);

/* One install: what the batch on the commit thread does. `file` NULL = only the counters. */
struct flush_install {
    struct store *store;
    struct table_id table;
    struct str user;
    struct flush_file *file;
    struct segment *replaced; /* NULL = none */
    bool last;                /* of this instance: rows_since_flush starts anew */
    int64_t buffered_at_view; /* hot rows when the flush of the instance began */
    int64_t dropped_before;   /* hot rows that earlier installs of it removed */
    int64_t now_us;
    /* filled */
    int64_t dropped;
    int64_t position;
};
enum status flush_install(struct flush_install *install, struct error *err) MUST_CHECK;

/* The flush of one instance. */
struct flush_run {
    struct store *store;
    const struct flush_options *options;
    struct flush_result *result;
    struct str user;
    uint32_t group_rows;
    int64_t buffered_at_view, dropped, shadows;
};
/* Writes, installs and accounts for one segment made by `file`. */
enum status flush_run_segment(struct flush_run *run, struct flush_file *file,
                              struct segment *replaced, bool last, bool *made,
                              struct error *err) MUST_CHECK;
bool flush_run_cancelled(const struct flush_run *run);
/* flush_rewrite.c: moves the shadows of the instance into new copies of the segments they touch. */
enum status flush_rewrite(struct flush_run *run, struct error *err) MUST_CHECK;

#endif
