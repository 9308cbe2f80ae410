/* commit_internal.h — the pipeline behind commit.h: its queue, the state of the group being built,
 * and what commit.c, commit_apply.c, commit_group.c and commit_instance.c share. Private to store/.
 *
 * Only the queue is shared between threads; everything else belongs to the commit thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_COMMIT_INTERNAL_H
#define STORE_COMMIT_INTERNAL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/metric.h"
#include "store/cold.h"
#include "store/commit.h"
#include "store/commit/overlay.h"
#include "store/feed.h"
#include "store/instance.h"
#include "store/store_internal.h"
#include "value/row.h"

enum {
    COMMIT_GROUP_REQUESTS_MAX = 4096,
    COMMIT_GROUP_BYTES_MAX = 16 << 20,
    COMMIT_INSTANCES_MAX = 1 << 16, /* cached records; about 10 MiB */
    COMMIT_SEQ_BLOCK = 1 << 20,     /* numbers reserved ahead */
    COMMIT_ID_BLOCK_MS = 10000,
    COMMIT_SYNC_MS = 1000, /* durability `async` */
    COMMIT_SPIN_NS = 200 * 1000,
    COMMIT_CHECK_OPS = 256, /* operations between two questions whether the request goes on */
};

/* Keys of space `meta`. */
#define META_FORMAT "format"             /* u32 */
#define META_POSITION "position"         /* i64 position, i64 newest _updated */
#define META_SEQ_RESERVED "seq_reserved" /* i64: no _seq above it was ever used */
#define META_ID_RESERVED "id_reserved"   /* i64: ms since 1970, likewise for snowflakes */
#define META_DURABILITY "durability"     /* u32: enum kv_durability the server runs with */
#define META_LOST "lost"                 /* pairs of i64, see lost.c */
#define META_ROOTS_MARKED \
    "roots_marked"                   /* storages_look.c has looked at data without marker files */
#define META_NEXT_TABLE "next_table" /* u64: id of the next table */

/* What deciding about rows needs; the group has one, and so has every transaction. */
struct commit_decider {
    struct arena *arena;  /* of projections */
    struct value *values; /* scratch of resolve, LIMIT_TABLE_COLUMNS */
    struct row_projections projections;
    const struct table *projected; /* table of `projections` */
};
void commit_decider_init(struct commit_decider *decider, struct arena *arena);
void commit_decider_clear(struct commit_decider *decider);

/* What a statement, or a transaction, holds in memory for its rows. */
struct commit_sizes {
    size_t written;  /* keys and new versions, those replaced again included */
    size_t replaced; /* live versions that were there before */
};
/* RESULT_TOO_LARGE when one of them is above limits.max_statement_write_bytes; `what` names it. */
enum status commit_sizes_check(const struct store *store, const struct commit_sizes *sizes,
                               const char *what, struct error *err) MUST_CHECK;

/* One cached instance. Streams are counted in memory only. */
struct commit_instance_entry {
    struct instance_record record; /* first: handed out as this */
    struct table_id table;
    struct str user, key; /* key: of the record; both lie behind the struct */
    uint64_t serial;      /* request that saved it last */
    bool dirty;           /* in the dirty list of this group */
    bool in_memory_only;
    bool flush_posted; /* once until rows_since_flush falls again */
    /* STREAM, see commit_stream.c and commit_evict.c. */
    struct stream *stream;    /* what other threads see of it; NULL for other kinds */
    struct buf low;           /* no event lies before this key */
    int64_t oldest_ms;        /* nor before this time, if there are any */
    struct evict_list *evict; /* the oldest millisecond, when it was begun */
    uint64_t heard_serial;    /* request for which `heard` is true */
    bool heard;
};

struct commit_instance_undo {
    struct commit_instance_entry *entry;
    struct instance_record record;
};

/* The passes that remove expired events. */
struct commit_evict {
    struct commit_instance_entry **streams; /* all with a `stream` */
    size_t count, capacity, next;           /* next of the pass under way */
    int64_t due_ms;                         /* of the next pass, monotonic */
    bool expires;                           /* there may be events that will */
};

struct commit_pipeline {
    struct store *store;
    pthread_t thread;

    pthread_mutex_t mutex; /* guards the queue: head … stopping */
    pthread_cond_t wake;
    struct commit_request *head, **tail;
    bool sleeping, stopping;
    atomic_bool queued; /* head != NULL, to be looked at without the mutex */

    /* The commit thread's. */
    bool spins;              /* before it sleeps, see commit.c */
    struct catalog *catalog; /* newest */
    int64_t position;        /* highest _seq given out */
    int64_t updated;         /* newest _updated */
    int64_t seq_reserved, id_reserved_ms;
    bool broken; /* a write failed: nothing is accepted any more */
    struct error broken_error;
    bool unsynced; /* async: written since the last fsync */
    int64_t synced_ms;

    /* The group. */
    struct arena arena;
    struct kv_batch *batch;
    struct overlay overlay;
    struct change *changes;
    size_t change_count, change_capacity;
    int64_t group_first;           /* position before the group */
    size_t group_bytes;            /* of its requests, failed ones too */
    bool group_is_logged;          /* it holds more than events */
    struct buf key, row;           /* scratch */
    struct commit_decider decider; /* its arena is the group's */

    /* The request. */
    uint64_t serial;
    struct commit_sizes sizes;

    struct map instances; /* instance key → commit_instance_entry */
    struct commit_instance_entry **dirty;
    size_t dirty_count, dirty_capacity;
    struct commit_instance_undo *undo;
    size_t undo_count, undo_capacity;
    struct commit_evict evict;

    atomic_uint_fast64_t commits, groups, group_size_max, rows_written, fsync_us;
    struct histogram write_seconds; /* of groups, their wait for the disk included */
};

/* Where the last run ended: all zero on first start. */
struct commit_place {
    int64_t position, updated;
    int64_t seq_reserved, id_reserved_ms;
};
enum status commit_read_place(struct store *store, struct commit_place *out,
                              struct error *err) MUST_CHECK;
/* A pipeline that goes on above `position`; `catalog` moves. commit_run starts its thread,
 * commit_stop runs what is queued, writes exact reservations and joins; submitting stays legal
 * until commit_free. */
struct commit_pipeline *commit_new(struct store *store, struct catalog *catalog,
                                   const struct commit_place *place, int64_t position);
void commit_run(struct commit_pipeline *pipeline);
void commit_stop(struct commit_pipeline *pipeline);
void commit_free(struct commit_pipeline *pipeline);
void commit_pipeline_stats(struct commit_pipeline *pipeline, struct store_stats *out);

/* commit_group.c: runs requests from the head of the list as one group; returns the rest. */
struct commit_request *commit_group_run(struct commit_pipeline *pipeline,
                                        struct commit_request *list);
/* The store refuses writes from now on. */
void commit_break(struct commit_pipeline *pipeline, const struct error *cause);
enum status commit_reserve_exact(struct commit_pipeline *pipeline, struct error *err) MUST_CHECK;

/* May operation `index` of the request follow? Cancelled, out of time, out of memory? */
enum status commit_check_op(struct commit_request *request, size_t index,
                            struct error *err) MUST_CHECK;

/* commit_apply.c: one operation against the group. */
enum status commit_apply(struct commit_pipeline *pipeline, struct commit_request *request,
                         struct row_op *op, struct error *err) MUST_CHECK;

/* commit_row.c: what every kind of table does with one row. */

/* The row an operation meets. */
struct commit_current {
    struct str bytes; /* empty = none; in the group's or the request's arena, or held */
    bool is_hot, is_cold;
    bool is_live; /* neither absent nor deleted */
};

/* Must a new version carry ROW_SHADOW? */
static inline bool commit_row_hides_cold(const struct commit_current *current)
{
    return current->is_cold ||
           (current->is_hot && (row_header_get(current->bytes).flags & ROW_SHADOW) != 0);
}

/* One row change in the making. */
struct commit_row {
    struct commit_request *request;
    struct row_op *op;
    const struct table *table; /* newest version */
    struct str key;            /* as the feed and scans name it; op->key but for stream inserts */
    struct commit_current current;
    struct kv_value held; /* the hot version where the store keeps it: rows that stay as they are
                             are not copied */
    enum row_verdict verdict;
};

/* From the overlay, else the store: is_hot. Reads the key that stands in pipeline->key. Whoever
 * calls it releases row->held. */
enum status commit_row_load(struct commit_pipeline *pipeline, struct commit_row *row,
                            struct error *err) MUST_CHECK;
/* Asks the logic, with the decider's `values`. */
enum status commit_row_resolve(struct commit_decider *decider, struct commit_row *row,
                               struct error *err) MUST_CHECK;
/* What shall become of the row (not of an event): row->verdict; ROW_PUT: *values is what to put.
 * Duplicate keys are refused. */
enum status commit_row_decide(struct commit_decider *decider, struct commit_row *row,
                              const struct value **values, struct error *err) MUST_CHECK;
/* Bytes of a new version with the next _seq; lie in the group's arena. */
struct str commit_row_encode(struct commit_pipeline *pipeline, const struct commit_row *row,
                             unsigned flags, const struct value *values);
/* The last version with ROW_DELETED and the next _seq. */
struct str commit_row_bury(struct commit_pipeline *pipeline, const struct commit_row *row,
                           unsigned flags);
/* A version that a transaction made, with the next _seq. */
struct str commit_row_stamp(struct commit_pipeline *pipeline, const struct commit_row *row,
                            unsigned flags);
/* Counts the row and its bytes and fills the results of its operation. */
enum status commit_row_report(struct commit_pipeline *pipeline, struct commit_row *row,
                              struct str new_bytes, struct error *err) MUST_CHECK;
/* Enters the new version under pipeline->key (deletes the key unless `keep`), tells the feed,
 * counts. */
enum status commit_row_put(struct commit_pipeline *pipeline, struct commit_row *row,
                           struct str new_bytes, bool keep, struct error *err) MUST_CHECK;

/* commit_instance.c */
enum status commit_instance_get(struct commit_pipeline *pipeline, const struct table *table,
                                struct str user, struct commit_instance_entry **out,
                                struct error *err) MUST_CHECK;
/* Before the first change in a request. */
void commit_instance_touch(struct commit_pipeline *pipeline, struct commit_instance_entry *entry);
void commit_instance_rollback(struct commit_pipeline *pipeline, size_t mark);
void commit_instance_write(struct commit_pipeline *pipeline, struct kv_batch *batch);
/* After the write: flush policy, list of dirty ones, bound of the cache. */
void commit_instance_settle(struct commit_pipeline *pipeline);
void commit_instance_clear(struct commit_pipeline *pipeline);
void commit_instance_forget(struct commit_pipeline *pipeline, struct table_id table);

/* commit_stream.c */
enum status commit_stream_apply(struct commit_pipeline *pipeline, struct commit_row *row,
                                struct error *err) MUST_CHECK;

/* commit_evict.c */
/* Removes the oldest events above max_buffer of every stream in the dirty list; its own write,
 * before the view is published. */
enum status commit_evict_excess(struct commit_pipeline *pipeline, struct error *err) MUST_CHECK;
/* Between groups: removes expired events when it is time. */
void commit_evict_due(struct commit_pipeline *pipeline);
/* An event of `now_ms` comes in, before it is counted; an event is deleted. */
void commit_evict_inserted(struct commit_pipeline *pipeline, struct commit_instance_entry *entry,
                           int64_t now_ms);
void commit_evict_deleted(struct commit_instance_entry *entry);
/* Tells other threads what has become of a stream. */
void commit_evict_settle(struct commit_pipeline *pipeline, struct commit_instance_entry *entry);
/* An entry of a stream is made, and goes. */
void commit_evict_enter(struct commit_pipeline *pipeline, struct commit_instance_entry *entry);
void commit_evict_leave(struct commit_pipeline *pipeline, struct commit_instance_entry *entry);
void commit_evict_clear(struct commit_pipeline *pipeline);

#endif
