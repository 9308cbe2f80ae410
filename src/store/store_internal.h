/* store_internal.h — the parts of struct store that the files of this folder share. Private to
 * store/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_STORE_INTERNAL_H
#define STORE_STORE_INTERNAL_H

#include "base/map.h"
#include "store/commit.h"
#include "store/feed.h"
#include "store/instance.h"
#include "store/segment.h"
#include "store/store.h"

#include <pthread.h>

struct commit_pipeline; /* commit.c */
struct row_cache;       /* row_cache.h; store_open makes it with row_cache_new(row_cache_bytes) */
struct segment_checks;  /* segment_file.h */
struct recovery;        /* recovery.c: files that wait to be deleted */
struct storages;        /* storages.h */
struct path_names;      /* path.h: file names given out */
struct changes;         /* transaction/changes.h */

struct store_spaces {
    struct kv_space *meta;      /* position and number reservations, format version */
    struct kv_space *instances; /* user_table_counters */
    struct kv_space *segments;  /* parquet_manifest */
    struct kv_space *pending;   /* pending_files: path → pending record */
};

struct view {
    atomic_uint refs;
    struct view *older, *newer; /* all live views by position; guarded by view_mutex */
    struct store *store;
    struct kv_snapshot *snapshot;
    int64_t position;
    struct catalog *catalog;
    struct view *base;       /* a transaction's view: the one it lies on, referenced; else NULL */
    struct changes *changes; /* what the transaction has written, owned; else NULL */
};

struct store {
    struct store_options options;
    struct kv *kv;
    struct files *files; /* of all storages: `storages` */
    struct storages *storages;
    struct columnar *columnar;
    struct store_spaces spaces;
    pthread_mutex_t view_mutex; /* guards `view`, `view_oldest` and the list of views */
    pthread_cond_t view_freed;  /* a view was freed */
    struct view *view;          /* newest; the store holds one reference */
    struct view *view_oldest;
    struct commit_pipeline *pipeline;
    struct feed *feed;
    struct segment_cache *segment_cache;
    struct row_cache *row_cache;
    struct segment_checks *segment_checks; /* NULL: files are not checked */
    struct streams *streams;               /* stream.c */
    struct recovery *recovery;             /* made by recovery_run, gone with recovery_stop */
    struct path_names *path_names;         /* likewise */
    struct map closed;   /* namespaces that are being dropped → how often; catalog_mutex */
    struct map dropping; /* ddl.c: dropped tables whose spaces wait for old views; catalog_mutex */
    int64_t recovered_position; /* highest _seq known to be on the disk at start */
    int64_t start_position;     /* numbering went on above this */
    struct lost_range *lost;    /* lost.c */
    size_t lost_count;
    pthread_mutex_t catalog_mutex; /* one DDL at a time */
    pthread_mutex_t alter_mutex;   /* guards `altering` */
    pthread_cond_t alter_unlocked;
    struct ddl_alter_lock *altering; /* tables with an ALTER at work (ddl_alter.c) */
};

/* lost.c: reads the lost positions, adds those of the last stop unless it was `clean`. */
enum status lost_open(struct store *store, bool clean, struct error *err) MUST_CHECK;

/* Commit thread: makes and publishes the next view. `catalog` moves. */
void view_publish(struct store *store, int64_t position, struct catalog *catalog);
/* A view that shows `changes` on top of `base`; both move. Not in the list: `base` is. */
struct view *view_with_changes(struct view *base, struct changes *changes);
/* store_close: gives up the newest view; no other may be held. */
void view_publish_end(struct store *store);
/* Position of the oldest view that is still held (the newest one at least). Any thread. */
int64_t view_oldest_position(struct store *store);
/* Waits until no view with a position below `position` is held; false after `timeout_ms`. Publishes
 * nothing itself: pass a position at or below that of the newest view. */
bool view_wait_released(struct store *store, int64_t position, int timeout_ms);

/* store_close: forgets dropped tables whose spaces are still there; the next start removes those.
 */
void ddl_clear(struct store *store);

/* ---- pending files: named before they exist, or when they lose their record
 * ---------------------- */

enum pending_kind { PENDING_WRITE = 1, PENDING_DELETE = 2 };
/* Record under spaces.pending: key = path, value = kind byte + table id (8 bytes big-endian).
 * PENDING_WRITE is written synced before a file is staged and removed in the batch that installs
 * the segment; PENDING_DELETE is written in the batch that drops the segment record and removed
 * after the file is gone. recovery.c deletes what both name. Files named PENDING_DELETE are deleted
 * when the last view older than that batch is gone: recovery.h keeps the queue. */
void pending_put(struct kv_batch *batch, struct store *store, struct str path,
                 enum pending_kind kind, struct table_id table);
/* Every file that a record of the range (of segment keys) names becomes a pending deletion. */
enum status pending_put_files(struct kv_batch *batch, struct store *store,
                              const struct key_range *range, struct table_id table,
                              struct error *err) MUST_CHECK;
void pending_remove(struct kv_batch *batch, struct store *store, struct str path);

/* ---- flush install, called by flush.c, runs on the commit thread (flush_install.c)
 * ---------------- */

/* Inside `extra`, on the commit thread. A request with `extra` runs alone in its group, so the kv
 * store holds everything earlier. */

/* The instance's record in the pipeline's cache; changes are written with the batch (streams: kept
 * in memory only). NULL with `err` when it cannot be read. */
struct instance_record *commit_instance(struct commit_request *request, struct table_id table,
                                        struct str user, struct error *err);
/* The newest catalogue version; the table may have been dropped since the request was prepared. */
const struct catalog *commit_catalog(const struct commit_request *request);
/* The position this batch will have when it is visible (new segment lists take it as their
 * version); takes a number of its own from the counter. */
int64_t commit_take_position(struct commit_request *request);
/* No later number is at or below `position` (rows that came from elsewhere have it). */
void commit_raise_position(struct commit_request *request, int64_t position);
/* A table is gone: forget its cached instances. */
void commit_forget_table(struct commit_request *request, struct table_id table);
/* One instance is gone: its record is removed with the batch. */
void commit_forget_instance(struct commit_request *request, struct kv_batch *batch,
                            struct table_id table, struct str user);
/* Keys of one instance that were written after `position` (newest group included): needed to put
 * back what the file does not hold. flush_install scans the hot range at the newest state instead
 * if this is NULL. */

/* store_open helpers */
/* store_orphans.c: removes key spaces, counters and segment records of tables that are not in the
 * catalogue: a DROP, CREATE or RESTORE that a crash cut in two. Their files become pending
 * deletions, so it comes before recovery_run. */
enum status store_drop_orphans(struct store *store, const struct catalog *catalog,
                               struct error *err) MUST_CHECK;
/* After the first view is published and before the commit thread starts: deletes what pending
 * records name and starts the thread that deletes replaced files. */
enum status recovery_run(struct store *store, struct error *err) MUST_CHECK;
/* store_close, after the commit thread is gone and before view_publish_end: ends that thread; what
 * is still queued stays in its pending records. Fine when recovery_run failed or never ran. */
void recovery_stop(struct store *store);
/* Queues a file of another storage that its PENDING_WRITE record names and nobody will install: who
 * was cancelled does not wait until the storage answers. Any thread. */
void recovery_abandon(struct store *store, struct str path);
/* Queues a file whose PENDING_DELETE record was committed at `position`. Any thread. */
void recovery_delete_later(struct store *store, struct str path, int64_t position);
/* A failure of storage/ in the words of this layer: missing or unreadable cold files become
 * STORAGE_UNAVAILABLE, nonsense INTERNAL_ERROR; the cause goes to the log, never to a client. */
enum status cold_translate(enum status status, const struct table *table, struct error *err);
/* Called when a view is freed: deletes files whose last possible reader is gone (posts to a thread
 * of its own or does nothing if none are due). Any thread; must not block; no lock is held. */
void recovery_view_released(struct store *store);

#endif
