/* store.h — rows that survive: the open store, views, and the merged read over both tiers.
 *
 * A `view` is one moment: {kv snapshot, position = highest visible _seq, catalogue version}. The
 * commit thread publishes a new one after each group; every statement and every live snapshot uses
 * exactly one (ONE_VIEW). Rows of a user table live under `{user}:{row_id}`, so the prefix is the
 * isolation (PREFIX).
 *
 * Named invariants (the others: docs/architecture.md), checked where they can break:
 *   ONE_VERSION   a live row has exactly one current version; a hot version shadows the cold one
 *   COLD_UNIQUE   a key occurs at most once in the segments of one user and table
 *   SEQ_ORDER     once position n is visible no smaller _seq appears later
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/macros.h"
#include "base/metric.h"
#include "catalog/catalog.h"
#include "storage/columnar.h"
#include "storage/files.h"
#include "storage/kv.h"

struct store;
struct view;

struct change_event;
struct files_cache;
struct seal;

/* What `{shard}` in a path template stands for (docs/sql.md). */
enum sharding { SHARDING_NONE, SHARDING_ALPHABETIC, SHARDING_NUMERIC, SHARDING_HASH };

struct store_options {
    struct kv *kv;       /* borrowed; outlives the store */
    struct files *files; /* borrowed: default folder of `local`; NULL = nothing is flushed */
    struct files_cache *s3_cache; /* borrowed: copies of files of s3 storages; NULL = none */
    /* Borrowed, outlive the store: folders in which no storage may lie. First that of `files`. */
    const char *const *own_folders;
    size_t own_folder_count;
    const struct seal *seal; /* borrowed: for credentials of storages; NULL = none are taken */
    enum sharding sharding;
    uint32_t hash_shards;      /* SHARDING_HASH: of how many */
    struct columnar *columnar; /* borrowed */
    enum kv_durability durability;
    size_t row_cache_bytes;
    bool check_files; /* cold files are compared with their checksums at first use */
    size_t feed_bytes;
    size_t statement_write_bytes_max;
    const char *parquet_compression;
    uint32_t row_group_rows;
    uint32_t flush_rows_default, flush_interval_default;
    uint32_t stream_eviction_interval_ms; /* 0 = 1000 */
    /* Called on the commit thread when a table's row policy is met for one instance; must only
     * post. */
    void (*flush_due)(void *context, struct table_id table, struct str user);
    void *flush_due_context;
    /* Told every change of a system row by DDL and the system-table engine (ddl.h). May be NULL. */
    void (*change_event)(void *context, const struct change_event *event);
    void *change_event_context;
};

/* Loads the catalogue, recovers (pending files, reserved numbers), makes `default` and root on
 * first start, starts the commit thread. */
enum status store_open(const struct store_options *options, struct store **out,
                       struct error *err) MUST_CHECK;
/* Stops the commit thread after what is queued; all views must be released. */
void store_close(struct store *store);

/* What was on the disk at the last start, and where numbering went on: equal after a clean stop. */
int64_t store_recovered_position(const struct store *store);
int64_t store_start_position(const struct store *store);
/* Was this position given out before a crash that it did not survive (durability `async` and
 * `memory`)? A resume from there is not possible. */
bool store_has_lost(const struct store *store, int64_t position);

/* ---- views: any thread
 * --------------------------------------------------------------------------- */

struct view *view_acquire(struct store *store); /* newest; never NULL, never blocks on I/O */
struct view *view_ref(struct view *view);
void view_release(struct view *view);
int64_t view_position(const struct view *view);
struct catalog *view_catalog(const struct view *view); /* borrowed */
const struct kv_snapshot *view_snapshot(const struct view *view);

/* ---- rows
 * ---------------------------------------------------------------------------------------- */

/* One current version of a row, hot or cold. Borrowed until the scan moves. */
struct row {
    const struct table *table;
    struct str key;                          /* row_id, without user prefix */
    struct str bytes;                        /* value/row.h */
    const struct row_projection *projection; /* from the version written to table->schema */
};
/* Column `index` (user columns, then system columns) of the table's newest schema. `arena` takes
 * converted texts. */
void row_column(const struct row *row, uint32_t index, struct arena *arena, struct value *out);

struct key_range {    /* of row_ids; empty bytes = unbounded */
    struct str lower; /* inclusive */
    struct str upper; /* exclusive */
};

/* Only rows with min ≤ column ≤ max are wanted, none with NULL. */
struct column_bounds {
    uint32_t column_id; /* of a TIMESTAMP column, COLUMN_ID_SEQ or COLUMN_ID_UPDATED */
    int64_t min, max;
};

struct scan_options {
    const struct view *view;
    const struct table *table;
    struct str user; /* USER tables: whose instance */
    struct key_range range;
    bool descending;
    bool with_deleted; /* rows with _deleted too */
    bool hot_only;     /* flush, counts */
    bool whole;        /* all rows of the range will be read: quicker when descending */
    int64_t now_us;    /* STREAM: which events have expired; 0 = the clock's */
    int64_t seq_after; /* only rows with _seq > this (-1 = all); prunes segments */
    const struct column_bounds *bounds; /* prune segments; rows are not filtered */
    uint32_t bound_count;
    bool cached_only;             /* loop threads: WOULD_BLOCK instead of touching disk or DuckDB */
    const atomic_bool *cancelled; /* may be NULL */
    struct arena *arena;          /* for projections; lives as long as the scan */
    /* row_get_by_key: keeps the row group that it read for the next key of the same table; the
     * caller releases it. May be NULL. */
    struct row_pin *held;
};

struct scan; /* merged iterator over hot range ∪ cold segments, in key order */
enum status scan_open(struct store *store, const struct scan_options *options, struct scan **out,
                      struct error *err) MUST_CHECK;
/* END after the last; WOULD_BLOCK (cached_only), CANCELLED, STORAGE_UNAVAILABLE. */
enum status scan_next(struct scan *scan, struct row *row, struct error *err) MUST_CHECK;
void scan_close(struct scan *scan); /* NULL is fine */

/* One row by its full key; ABSENT if there is none (or it is deleted and !with_deleted). `row`
 * points into memory held by `pin` until row_pin_release. */
struct row_pin {
    struct kv_value hot;
    void *cold; /* row cache block */
};
enum status row_get_by_key(struct store *store, const struct scan_options *options, struct str key,
                           struct row *row, struct row_pin *pin, struct error *err) MUST_CHECK;
void row_pin_release(struct store *store, struct row_pin *pin);

/* For planning and EXPLAIN: what a scan of this range would touch, from counters and records only.
 */
struct scan_estimate {
    uint64_t hot_rows, cold_rows;
    uint32_t segments, segments_pruned;
    uint32_t groups, groups_pruned; /* row groups of the segments */
};
enum status scan_estimate(struct store *store, const struct scan_options *options,
                          struct scan_estimate *out, struct error *err) MUST_CHECK;

/* Cold files of an instance that may hold rows of the range, newest first, for DuckDB to read
 * directly (`paths` are local, in the arena), and whether any hot row shadows a cold one. Files
 * stay readable while the view is held and until scan_cold_files_release, which is due even when
 * this failed. */
struct cold_files {
    struct str *paths;
    uint32_t *versions; /* schema version of each */
    struct str *pinned; /* what release gives back */
    size_t count;
    uint64_t rows, deleted_rows;
    bool has_shadows;
};
enum status scan_cold_files(struct store *store, const struct scan_options *options,
                            struct cold_files *out, struct error *err) MUST_CHECK;
void scan_cold_files_release(struct store *store, struct cold_files *files);

/* How many rows a whole instance shows at the view, from the records of its segments and a pass
 * over its hot rows, without reading a file. ABSENT: only a scan tells, because hot rows hide cold
 * ones and some of the cold ones are deleted. Range and seq_after of `options` must be open. */
enum status scan_count(struct store *store, const struct scan_options *options, int64_t *out,
                       struct error *err) MUST_CHECK;

/* ---- key helpers
 * --------------------------------------------------------------------------------- */

/* Encoded row_id of a row's key values (values: all user columns). */
enum status table_encode_key(const struct table *table, const struct value *values, struct buf *out,
                             struct error *err) MUST_CHECK;
/* `ns.user.table` text of a key for messages: `(id)=(5)`. */
void table_describe_key(const struct table *table, struct str key, struct buf *out);

/* ---- figures
 * ------------------------------------------------------------------------------------- */

struct store_stats {
    uint64_t commits, groups, group_size_max, rows_written, fsync_us_total;
    uint64_t row_cache_bytes, row_cache_hits, row_cache_misses, segment_cache_bytes;
    uint64_t feed_bytes;
};
void store_stats(struct store *store, struct store_stats *out);
/* Durations of writes. Any thread. */
void store_metrics(struct store *store, metric_visit visit, void *context);

/* Counters of one instance (user empty for shared tables), at a view. */
struct instance_counters {
    int64_t buffered_rows; /* all hot rows */
    int64_t rows_since_flush;
    uint64_t segments_version; /* grows with every change of its segment list; 0 = never flushed */
    uint64_t cold_rows, cold_bytes;
    uint32_t segments;
    int64_t last_flush_us;
};
enum status instance_counters(struct store *store, const struct view *view,
                              const struct table *table, struct str user,
                              struct instance_counters *out, struct error *err) MUST_CHECK;
/* The same; ABSENT when the instance never had rows. */
enum status instance_find(struct store *store, const struct view *view, const struct table *table,
                          struct str user, struct instance_counters *out,
                          struct error *err) MUST_CHECK;
/* Calls `visit` for every instance of a table that ever had rows; stops when it returns false. */
enum status instance_each(struct store *store, const struct view *view, const struct table *table,
                          bool (*visit)(void *context, struct str user,
                                        const struct instance_counters *counters),
                          void *context, struct error *err) MUST_CHECK;

#endif
