/* kv_rocksdb_internal.h — what the kv_rocksdb*.c files share; the only header that shows RocksDB.
 * Private to them.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORAGE_KV_ROCKSDB_INTERNAL_H
#define STORAGE_KV_ROCKSDB_INTERNAL_H

#include "storage/kv_spaces.h"

#include <pthread.h>
#include <rocksdb/c.h>
#include <stdatomic.h>

enum {
    ROCKS_READ_CACHE_ONLY = 1, /* ReadTier */
    ROCKS_COMPACT_FORCE = 2,   /* BottommostLevelCompaction: the last level is written anew too */
};

/* Of one family, see kv_rocksdb_seams.c. */
struct rocks_seams {
    pthread_mutex_t mutex; /* guards the rest */
    uint64_t version;      /* super version they belong to; 0 = none */
    struct rocks_seam_level *levels;
    size_t level_count;
    bool has_files, has_deletes; /* any, any with a range delete in it */
};

struct kv_family {
    rocksdb_column_family_handle_t *handle;
    struct rocks_seams seams;
    atomic_bool has_deleted_ranges; /* since the store was opened */
    char name[DIRECTORY_FAMILY_MAX];
};

struct rocks_kv {
    struct spaces_kv spaces;
    struct kv_options options;
    char *path;
    rocksdb_t *db;
    rocksdb_cache_t *cache;
    rocksdb_block_based_table_options_t *table_options;
    rocksdb_readoptions_t *read_blocking, *read_cached;
    rocksdb_writeoptions_t *write_options[3]; /* by enum kv_durability */
    atomic_bool failed;                       /* a write failed: no more until reopened */
};

struct rocks_snapshot {
    struct kv_snapshot base;
    const rocksdb_snapshot_t *snapshot;
    rocksdb_readoptions_t *read_blocking, *read_cached; /* ready, so that a get allocates nothing */
};

struct rocks_kv *rocks_kv(struct kv *kv);
rocksdb_column_family_handle_t *rocks_handle(const struct spaces_space *space);
/* Takes RocksDB's message. The whole of it, which names paths, goes to the log only. */
enum status rocks_error(char *text, const char *what, struct error *err);
/* RocksDB counts every comparison of keys in thread-local memory; nobody reads that here. Before
 * any read or write of a thread. */
void rocks_count_nothing(void);

/* ---- kv_rocksdb_log.c ---- */

/* Before the store is opened: CORRUPT, naming the file, if the logs lost something in their midst
 * and the options refuse that; an end that is not whole is told in the log. */
enum status rocks_check_logs(const struct rocks_kv *kv, struct error *err) MUST_CHECK;

/* ---- kv_rocksdb_damage.c ---- */

/* The store did not open for damage, and no file was named. CORRUPT with the names of the table
 * files that cannot be read; `status`, and `err` as it is, if there are none. Reads all of them. */
enum status rocks_name_damage(const struct rocks_kv *kv, enum status status, struct error *err);

/* ---- kv_rocksdb_options.c: what is destroyed by the caller, or with the store ---- */

rocksdb_options_t *rocks_family_options(const struct rocks_kv *kv, const char *name);
rocksdb_options_t *rocks_database_options(const struct rocks_kv *kv);
/* Cache, table options, read and write options of the store. */
void rocks_open_objects(struct rocks_kv *kv);

/* ---- kv_rocksdb_seams.c: where cached iterators lose keys ---- */

void rocks_seams_init(struct rocks_seams *seams);
void rocks_seams_clear(struct rocks_seams *seams);
/* Whether an iterator for cached data only over the range [lower, upper) of full keys (upper empty
 * = open) could lose keys without telling. Asked when it is made; `version` is the super version
 * from before that. */
bool rocks_may_lose_keys(const struct rocks_kv *kv, struct kv_family *family, struct str lower,
                         struct str upper, uint64_t version);
uint64_t rocks_super_version(const struct rocks_kv *kv, rocksdb_column_family_handle_t *family);

/* ---- kv_rocksdb_iterator.c: the iterator part of struct kv_driver ---- */

struct kv_iterator *rocks_iterator_open(struct kv *base, struct kv_space *base_space,
                                        const struct kv_iterator_options *options);
void rocks_iterator_close(struct kv_iterator *base);
void rocks_seek_first(struct kv_iterator *base);
void rocks_seek_last(struct kv_iterator *base);
void rocks_seek(struct kv_iterator *base, struct str key);
void rocks_seek_for_prev(struct kv_iterator *base, struct str key);
void rocks_next(struct kv_iterator *base);
void rocks_prev(struct kv_iterator *base);
bool rocks_is_valid(const struct kv_iterator *base);
struct str rocks_key(const struct kv_iterator *base);
struct str rocks_value(const struct kv_iterator *base);
enum status rocks_status(struct kv_iterator *base, struct error *err);

#endif
