/* kv.h — an ordered key-value store with atomic batches, snapshots and range deletes.
 *
 * Two implementations behind one table of callbacks: RocksDB (kv_rocksdb*.c, the only files that
 * include rocksdb/c.h) and memory (kv_memory.c, for unit tests, same test suite). A `kv_space` is
 * an ordered set of keys of its own: a column family, or, once `column_families_max` families
 * exist, a shared pooled family under a prefix that is never reused; nobody above this header knows
 * which. Keys compare as unsigned bytes.
 *
 * Thread: everything may be called from any thread unless said otherwise; batches, iterators and
 * pinned values belong to one thread at a time.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORAGE_KV_H
#define STORAGE_KV_H

#include "base/error.h"
#include "base/macros.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kv;
struct kv_space;
struct kv_snapshot;
struct kv_batch;
struct kv_iterator;

struct kv_options {
    const char *path;             /* folder; made when missing */
    size_t write_buffer_bytes;    /* 64 MiB */
    unsigned write_buffers_max;   /* 3 */
    size_t block_cache_bytes;     /* 256 MiB */
    unsigned background_jobs_max; /* 4 */
    unsigned column_families_max; /* 256 */
    unsigned keep_log_files;      /* 3 */
    unsigned keep_wal_files;      /* the log holds this many write buffers and one; may be 0 */
    bool refuse_damaged_log;      /* CORRUPT when acknowledged (KV_SYNC) writes would be lost */
};

enum kv_space_flag {
    KV_SPACE_USER_PREFIX =
        1,                 /* keys start with `{user}:`: bloom filter and prefix extractor on it */
    KV_SPACE_SMALL = 2,    /* system data: small write buffer */
    KV_SPACE_VOLATILE = 4, /* stream data: never written to the log, empty after a restart */
};

/* Opens or creates. Errors: IO_FAILED, CORRUPT; nothing is left open. */
enum status kv_open_rocksdb(const struct kv_options *options, struct kv **out,
                            struct error *err) MUST_CHECK;
struct kv *kv_open_memory(void);
/* No iterator, snapshot or pinned value may be left. NULL is fine. */
void kv_close(struct kv *kv);

/* Spaces persist by name. kv_space_open opens an existing one or creates it; the pointer lives
 * until kv_close or kv_space_drop. Names: printable, ≤ 200 bytes, unique. */
enum status kv_space_open(struct kv *kv, struct str name, unsigned flags, struct kv_space **out,
                          struct error *err) MUST_CHECK;
/* All its keys are gone at once for new readers; existing snapshots of it may fail with ABSENT rows
 * afterwards, so the caller waits for readers first. The name may be created anew. */
enum status kv_space_drop(struct kv *kv, struct kv_space *space, struct error *err) MUST_CHECK;
/* NULL if there is none. */
struct kv_space *kv_space_find(struct kv *kv, struct str name);
/* Calls `visit` for every space that exists. */
void kv_space_each(struct kv *kv,
                   void (*visit)(struct kv_space *space, struct str name, void *context),
                   void *context);
uint64_t kv_space_bytes(struct kv *kv, struct kv_space *space); /* estimate: memory and files */

/* A value that stays where the store keeps it until kv_value_release. */
struct kv_value {
    struct str bytes;
    void *pin;
};
void kv_value_release(struct kv *kv, struct kv_value *value);

enum kv_read_flag {
    KV_READ_CACHED = 1, /* never touch the disk: WOULD_BLOCK instead */
};

/* OK, ABSENT, WOULD_BLOCK (only with KV_READ_CACHED), IO_FAILED, CORRUPT. `snapshot` NULL = now. */
enum status kv_get(struct kv *kv, struct kv_space *space, const struct kv_snapshot *snapshot,
                   struct str key, unsigned flags, struct kv_value *out,
                   struct error *err) MUST_CHECK;

struct kv_snapshot *kv_snapshot_new(struct kv *kv);
void kv_snapshot_free(struct kv *kv, struct kv_snapshot *snapshot);

/* A batch collects changes of any spaces; kv_write applies it as one, in order. Reusable. */
struct kv_batch *kv_batch_new(struct kv *kv);
void kv_batch_free(struct kv_batch *batch);
void kv_batch_reset(struct kv_batch *batch);
void kv_batch_put(struct kv_batch *batch, struct kv_space *space, struct str key, struct str value);
void kv_batch_delete(struct kv_batch *batch, struct kv_space *space, struct str key);
/* [start, end) */
void kv_batch_delete_range(struct kv_batch *batch, struct kv_space *space, struct str start,
                           struct str end);
size_t kv_batch_bytes(const struct kv_batch *batch);

enum kv_durability {
    KV_SYNC,   /* log written and fsynced before the call returns */
    KV_ASYNC,  /* log written */
    KV_MEMORY, /* no log */
};
/* All or nothing. After IO_FAILED nothing was applied and the store refuses further writes with
 * IO_FAILED until reopened (what is on the disk is not known). */
enum status kv_write(struct kv *kv, struct kv_batch *batch, enum kv_durability durability,
                     struct error *err) MUST_CHECK;
/* False once it does. */
bool kv_is_usable(struct kv *kv);
/* Makes all earlier KV_ASYNC writes durable. */
enum status kv_sync(struct kv *kv, struct error *err) MUST_CHECK;

struct kv_iterator_options {
    const struct kv_snapshot *snapshot; /* NULL = now */
    struct str lower;                   /* inclusive; empty = first key */
    struct str upper;                   /* exclusive; empty = after the last key */
    unsigned flags;                     /* enum kv_read_flag */
    bool prefix_same;                   /* all keys between share their `{user}:` prefix */
    bool fill_cache;                    /* false for long scans that should not evict others */
};
/* Bounds are copied. The iterator stands nowhere until the first seek. */
struct kv_iterator *kv_iterator_open(struct kv *kv, struct kv_space *space,
                                     const struct kv_iterator_options *options);
void kv_iterator_close(struct kv_iterator *iterator); /* NULL is fine */
void kv_iterator_seek_first(struct kv_iterator *iterator);
void kv_iterator_seek_last(struct kv_iterator *iterator);
void kv_iterator_seek(struct kv_iterator *iterator, struct str key);          /* first ≥ key */
void kv_iterator_seek_for_prev(struct kv_iterator *iterator, struct str key); /* last ≤ key */
void kv_iterator_next(struct kv_iterator *iterator);
void kv_iterator_prev(struct kv_iterator *iterator);
/* False at the end or on an error: ask kv_iterator_status. */
bool kv_iterator_is_valid(const struct kv_iterator *iterator);
/* Valid until the iterator moves or is closed. */
struct str kv_iterator_key(const struct kv_iterator *iterator);
struct str kv_iterator_value(const struct kv_iterator *iterator);
/* OK, WOULD_BLOCK, IO_FAILED, CORRUPT. */
enum status kv_iterator_status(struct kv_iterator *iterator, struct error *err) MUST_CHECK;

/* Figures for metrics and logs. */
struct kv_stats {
    uint64_t memtable_bytes, block_cache_bytes, sst_bytes, wal_bytes;
};
void kv_stats(struct kv *kv, struct kv_stats *out);
/* Begins to move what the space holds in memory to files, and with it to drop what range deletes
 * cover: until then readers step over every deleted key. Does not wait. */
void kv_flush(struct kv *kv, struct kv_space *space);
/* Writes to files what only the log holds, so that the next opening has none to replay. Blocking;
 * before kv_close, with nothing else going on. */
void kv_settle(struct kv *kv);
/* Compacts [start, end) of a space; empty bounds = everything. Blocking. */
void kv_compact(struct kv *kv, struct kv_space *space, struct str start, struct str end);

#endif
