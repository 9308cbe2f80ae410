/* commit.h — the one door through which rows change.
 *
 * A request carries the row operations of one statement (or one BEGIN…COMMIT). It is prepared on
 * any thread, then belongs to the commit thread until `done` is called there. The commit thread
 * takes everything queued (group commit), runs requests in order against an overlay of the group,
 * assigns _seq and _updated, writes one batch, makes it durable once, publishes the next view, then
 * appends the changes to the feed and calls `done` of each request. A request enters whole or not
 * at all.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_COMMIT_H
#define STORE_COMMIT_H

#include "store/store.h"

enum row_op_kind {
    ROW_OP_INSERT, /* `logic->resolve` may be NULL: fails with the duplicate-key error if a live row
                      exists */
    ROW_OP_CHANGE, /* UPDATE, DELETE, upsert: logic decides on the current row */
    ROW_OP_STORE,  /* `bytes` of a transaction: TRANSACTION_CONFLICT unless `base_seq` is still the
                      newest version */
};

enum row_verdict {
    ROW_KEEP,   /* leave as it is; does not count */
    ROW_PUT,    /* `values` become the row */
    ROW_DELETE, /* soft delete: the values stay, _deleted is set */
};

/* What to do with one row, decided on the commit thread against its current version: re-check
 * WHERE, run SET. Must be quick and touch no disk. */
struct row_logic {
    /* `current` is NULL when there is no live row of this key. On ROW_PUT `values` (table->schema->
     * column_count entries) hold the whole new row, checked and cast; the key columns are
     * unchanged. When it is called: INSERT  only when a live row exists (ON CONFLICT); without one
     * op->values are put CHANGE  when a live row exists; without one only if op->values is set
     * (upsert), then `values` and `verdict` come filled with op->values and ROW_PUT */
    enum status (*resolve)(void *context, const struct row *current, struct arena *arena,
                           enum row_verdict *verdict, struct value *values, struct error *err);
    void *context;
};

struct row_op {
    enum row_op_kind kind;
    const struct table *table; /* of the view the request was prepared at */
    struct str user;           /* USER tables; empty otherwise */
    /* Encoded row_id. Streams: the commit thread puts `{ms, 13 digits}:` before the key of an
     * INSERT; a CHANGE (DELETE) has the key as the scan gave it. */
    struct str key;
    struct value *values; /* INSERT: the proposed row, all user columns, cast and checked */
    const struct row_logic *logic;
    bool ignores_row; /* `logic` keeps a live row whatever it holds: ON CONFLICT DO NOTHING */
    struct str bytes; /* STORE: a version without number; the commit thread copies and stamps it */
    int64_t base_seq; /* STORE: 0 = there was none */
    /* The row may be cold: what the preparing worker found at its view, and the segment list it
     * looked at. Filled by commit_lookup_cold. */
    bool cold_known;
    uint64_t cold_segments_version;
    struct str cold_bytes; /* its row bytes; empty = no cold version; the header alone when nobody
                              asks for the rest */
    /* Results for RETURNING, in the request's arena; filled on success when keep_images. */
    enum row_verdict verdict;
    bool inserted; /* no live row was there */
    struct str old_bytes, new_bytes;
};

enum commit_flag {
    COMMIT_KEEP_IMAGES = 1, /* fill old_bytes/new_bytes */
};

struct commit_request {
    struct commit_request *next; /* queue; the pipeline's */
    struct store *store;         /* set by commit_submit */
    struct row_op *ops;
    size_t op_count;
    unsigned flags;
    struct arena *arena; /* request's own; only the commit thread uses it while queued. More than
                            its limit is RESULT_TOO_LARGE */
    struct view *view;   /* the request holds it; released by the submitter after done */
    /* Optional: extra work of the same batch (DDL, flush install, jobs). Runs on the commit thread
     * after the row operations; may add to the batch and hand over the next catalogue version
     * (moved). Such a request is a group of its own; when extra fails nothing of it is written. */
    enum status (*extra)(struct commit_request *request, struct kv_batch *batch,
                         struct catalog **next_catalog, struct error *err);
    void *extra_context;
    /* Optional: asked now and then while operations are looked up and applied, also on the commit
     * thread; its failure ends the request. */
    enum status (*check)(struct commit_request *request, struct error *err);
    /* Optional: last word of the statement when its operations have been applied, results filled
     * in. On the commit thread (in a transaction: the statement's), may use `arena`; when it fails
     * nothing of the request is written. */
    enum status (*confirm)(struct commit_request *request, struct error *err);
    /* After durability and publication of a request that succeeded; on the commit thread, must be
     * quick. */
    void (*published)(struct commit_request *request);
    /* results */
    enum status status; /* OK, STALE (prepare again), or the error below */
    struct error error;
    size_t failed_op;
    size_t rows_affected;
    int64_t position;                             /* highest _seq of the request */
    void (*done)(struct commit_request *request); /* on the commit thread; must only post */
    void *context;
};

/* Any thread. Ownership moves until `done`. After store_close began: done with SHUTTING_DOWN,
 * called here. */
void commit_submit(struct store *store, struct commit_request *request);
/* Submits and waits; workers and jobs only. */
enum status commit_submit_wait(struct store *store, struct commit_request *request,
                               struct error *err) MUST_CHECK;

/* Fills the cold part of the request's operations at its view, for all of them together: each row
 * group is read once. With `cached_only` (loops) WOULD_BLOCK when a segment would have to be read;
 * a key that no record can contain never blocks. */
enum status commit_lookup_cold(struct store *store, struct commit_request *request,
                               bool cached_only, struct error *err) MUST_CHECK;

/* System tables: build an insert-or-replace / delete operation for one of their rows (no cold tier,
 * physical delete). */
void commit_put_system(struct commit_request *request, struct row_op *op, const struct table *table,
                       struct value *values);
void commit_delete_system(struct commit_request *request, struct row_op *op,
                          const struct table *table, const struct value *key_values);

#endif
