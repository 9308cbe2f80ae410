/* flush_internal.h — what the files of a flush share: one segment being written (flush_write.c),
 * many of them made durable and installed together (flush_batch.c, flush_install.c), the hot rows
 * of an instance as a source (flush_instance.c), segments merged and rewritten (flush_rewrite.c).
 * Private to store/flush/.
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
    FLUSH_GROUP_BYTES = 8 << 20,              /* aim for one row group, … */
    FLUSH_GROUP_MEMORY_SHARE = 32,            /* … or this share of what DuckDB may take, … */
    FLUSH_GROUP_OVER = 4,                     /* … and never so many times that much */
    FLUSH_ROW_GROUP_STEP = COLUMN_CHUNK_ROWS, /* Parquet row groups are multiples of it */
    FLUSH_BATCH_PIECES = 256,                 /* files made durable together, … */
    FLUSH_BATCH_BYTES = 64 << 20,             /* … as long as what they hold in memory is less */
    FLUSH_SMALL_ROWS = 4096,                  /* instances with more are flushed on their own */
};

/* One hot row that is in the file, in file order. */
struct flush_entry {
    size_t key_end; /* in entry_keys */
    int64_t seq;
};

/* Rows of one segment in key order, descending. `next` gives END after the last; the row is
 * borrowed until the next call. */
struct flush_file {
    /* set by the caller */
    struct store *store;
    const struct view *view;
    const struct table *table;
    const struct table *place; /* whose path is taken: the table as it was when the flush began */
    struct str user, job_id;
    enum status (*next)(void *context, struct row *row, bool *from_hot, struct error *err);
    void *context;
    uint64_t rows_max, bytes_max;
    uint32_t group_rows; /* of a row group; 0: as many as it holds by its size, at most one step */
    bool whole;          /* holds all rows of the source: it fails when they are too `wide` */
    bool want_bloom;     /* the keys are not an ascending run of integers */
    /* filled */
    struct segment *segment;
    char *path;               /* relative, NUL-terminated; NULL until it has a name */
    struct row_block *newest; /* first row group, for the row cache; may be NULL */
    struct buf entries;       /* struct flush_entry of the rows that came from hot */
    struct buf entry_keys;
    size_t entry_count;
    bool ended;          /* `next` gave END */
    bool wide;           /* the rows want group_rows 0 */
    size_t memory_bytes; /* peak of the buffers that grow with the rows */
    size_t kept_bytes;   /* what is held until flush_file_clear */
    /* while writing */
    struct flush_writing *writing;
};
/* In this order: begin, name, (pending record durable), fill, (published); clear always. *made is
 * false when there was no row: nothing was staged. */
void flush_file_begin(struct flush_file *file);
enum status flush_file_name(struct flush_file *file, struct error *err) MUST_CHECK;
enum status flush_file_fill(struct flush_file *file, bool *made, struct error *err) MUST_CHECK;
/* All of that for one file. On failure nothing is left but what a pending record names. */
enum status flush_file_write(struct flush_file *file, bool *made, struct error *err) MUST_CHECK;
void flush_file_clear(struct flush_file *file);
/* What a row group should hold of row bytes. */
uint64_t flush_group_bytes(const struct store *store);
/* Pending records of many files, as one durable batch; those without a name are passed over. */
enum status flush_files_pending(struct store *store, struct flush_file *const *files, size_t count,
                                struct error *err) MUST_CHECK;
/* Removes files that were not installed and then their records, unless the kv store takes no writes
 * any more: then nobody knows whether the install is on the disk, and the next start decides. */
void flush_files_discard(struct store *store, struct flush_file *const *files, size_t count);

/* One install: what the batch on the commit thread does. `file` NULL = only the counters. */
struct flush_install {
    struct table_id table;
    struct str user;
    struct flush_file *file;
    struct segment **replaced; /* of the same instance */
    size_t replaced_count;
    bool last;         /* of this instance: rows_since_flush starts anew */
    bool drop_pending; /* no file was made under file->path: remove its record */
    bool compacts;
    int64_t buffered_at_view; /* hot rows when the flush of the instance began */
    int64_t dropped_before;   /* hot rows that earlier installs of it removed */
    /* filled */
    int64_t dropped, flushed_us; /* flushed_us 0 = compacts */
    size_t ranges;               /* in which they lay, where they are many side by side */
};
/* Several instances (each once) in one batch. *position is 0 when certainly nothing was written. */
enum status flush_install(struct store *store, struct flush_install *const *installs, size_t count,
                          int64_t *position, struct error *err) MUST_CHECK;

/* The flush of one instance. */
struct flush_run {
    struct store *store;
    const struct flush_options *options;
    const struct table *place; /* borrowed: the table when the job began */
    struct flush_result *result;
    struct str user;
    uint32_t group_rows; /* as of struct flush_file */
    int64_t buffered_at_view, dropped, shadows;
    size_t ranges;     /* removed by range */
    uint64_t rows;     /* written */
    bool ended;        /* no settled row is left of its view */
    bool failed;       /* something of it stays hot; the error is reported */
    bool compacts;     /* no flush: its time stays as it is */
    uint32_t segments; /* it has now, at least */
};
bool flush_is_cancelled(const struct flush_options *options);
/* Accounts for a failure of one instance; gives the status that ends the whole flush, or OK. */
enum status flush_run_fail(struct flush_run *run, enum status status, const struct error *err);
/* Accounts for an installed file: figures, row cache, replaced files. */
void flush_run_account(struct flush_run *run, struct flush_install *install, int64_t position);

/* flush_instance.c: the hot rows of an instance that hide no cold one. */
struct flush_source {
    struct flush_run *run;
    struct scan *scan;
    uint64_t seen; /* rows, shadows included */
    struct arena arena;
};
/* `next` of it fails with IO_FAILED at the end when it has not given as many rows as are counted.
 */
enum status flush_source_open(struct flush_source *source, const struct view *view,
                              const struct table *table, struct error *err) MUST_CHECK;
void flush_source_close(struct flush_source *source);
enum status flush_source_next(void *context, struct row *row, bool *from_hot,
                              struct error *err) MUST_CHECK;
bool flush_keys_need_bloom(const struct table *table);
/* A large instance: its settled rows, file by file, each installed on its own. */
enum status flush_instance(struct flush_run *run, struct error *err) MUST_CHECK;
bool flush_wants_rewrite(const struct flush_run *run);

/* flush_batch.c: one file of many that wait for the disk together. Pieces of one instance are
 * neighbours. */
struct flush_piece {
    struct flush_run *run;
    struct segment **replaced; /* referenced; NULL: settled hot rows */
    size_t replaced_count;
    struct flush_file file;
    struct flush_install install;
    enum {
        FLUSH_PIECE_NAMED,
        FLUSH_PIECE_EMPTY,
        FLUSH_PIECE_MADE,
        FLUSH_PIECE_INSTALLED,
        FLUSH_PIECE_FAILED
    } state;
};
struct flush_batch {
    struct store *store;
    const struct flush_options *options;
    const struct view *view;
    const struct table *table;
    struct flush_piece *pieces;
    size_t count;
};
/* What fails with one piece is accounted for with its run; the result ends the whole flush. */
enum status flush_batch_run(struct flush_batch *batch, struct error *err) MUST_CHECK;

/* flush_rewrite.c: segments merged with the hot versions of their keys, as a source. */
struct flush_merge;
enum status flush_merge_open(struct flush_run *run, const struct view *view,
                             const struct table *table, struct segment **segments, size_t count,
                             struct flush_merge **out, struct error *err) MUST_CHECK;
void flush_merge_close(struct flush_merge *merge); /* NULL is fine */
enum status flush_merge_next(void *context, struct row *row, bool *from_hot,
                             struct error *err) MUST_CHECK;
/* Moves the shadows of instances into new copies of the segments they touch. */
enum status flush_rewrite(struct flush_run *const *runs, size_t count,
                          struct error *err) MUST_CHECK;

/* compact.c: the segments of an instance that are worth merging, into `chosen` (room for `count`);
 * returns their number, 0 = none. */
size_t compact_choose(struct segment *const *segments, size_t count, struct segment **chosen);

#endif
