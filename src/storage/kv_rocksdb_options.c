/* kv_rocksdb_options.c — how RocksDB is set up: the store, its families, the prefix of user spaces,
 * the objects they share.
 *
 * User spaces have a bloom filter on `{user}:`; only iterators that promise to stay within one user
 * use it (total_order_seek otherwise). Memtables of rows have one on whole keys as well: a new key,
 * looked up before each INSERT, then costs one cache line instead of a walk through a skip list.
 *
 * Thread: any.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/kv_rocksdb_internal.h"

#include "base/check.h"
#include "base/str.h"

#include <sys/resource.h>

enum {
    ROCKS_SMALL_WRITE_BUFFER = 4 << 20,
    ROCKS_BLOCK_BYTES = 8 << 10,
    ROCKS_BLOOM_BITS = 10,
    ROCKS_INFO_LOG_BYTES = 10 << 20,
    ROCKS_FATAL_LEVEL = 4,
    ROCKS_POINT_IN_TIME = 2, /* WALRecoveryMode */
    ROCKS_FILES_UNLIMITED = 65536,
};

/* State of the slice transform: how many bytes stand before the user id. */
static const size_t rocks_skip_none = 0, rocks_skip_prefix = DIRECTORY_PREFIX_BYTES;

static void rocks_transform_free(void *state)
{
    (void)state;
}

static size_t rocks_transform_size(void *state, const char *key, size_t size)
{
    CHECK(state != NULL);
    return directory_user_size(str_from(key, size), *(const size_t *)state);
}

static char *rocks_transform(void *state, const char *key, size_t size, size_t *size_out)
{
    *size_out = rocks_transform_size(state, key, size);
    CHECK(*size_out <= size);
    return (char *)(uintptr_t)key;
}

static unsigned char rocks_transform_in_domain(void *state, const char *key, size_t size)
{
    CHECK(key != NULL || size == 0);
    return rocks_transform_size(state, key, size) > 0;
}

static unsigned char rocks_transform_in_range(void *state, const char *key, size_t size)
{
    CHECK(key != NULL || size == 0);
    return size > 0 && rocks_transform_size(state, key, size) == size;
}

static const char *rocks_transform_name(void *state)
{
    CHECK(state != NULL);
    return *(const size_t *)state == 0 ? "kalam.user" : "kalam.pool.user";
}

static void rocks_options_prefix(rocksdb_options_t *options, bool is_pool)
{
    const size_t *state = is_pool ? &rocks_skip_prefix : &rocks_skip_none;

    CHECK(options != NULL);
    rocksdb_options_set_prefix_extractor(
        options, rocksdb_slicetransform_create((void *)(uintptr_t)state, rocks_transform_free,
                                               rocks_transform, rocks_transform_in_domain,
                                               rocks_transform_in_range, rocks_transform_name));
}

rocksdb_options_t *rocks_family_options(const struct rocks_kv *kv, const char *name)
{
    unsigned flags = directory_family_flags(name);
    rocksdb_options_t *options = rocksdb_options_create();
    size_t buffer = kv->options.write_buffer_bytes;

    CHECK(buffer > 0 && kv->options.write_buffers_max > 0);
    if ((flags & (KV_SPACE_SMALL | KV_SPACE_VOLATILE)) != 0 && buffer > ROCKS_SMALL_WRITE_BUFFER)
        buffer = ROCKS_SMALL_WRITE_BUFFER;
    rocksdb_options_set_write_buffer_size(options, buffer);
    rocksdb_options_set_max_write_buffer_number(options, (int)kv->options.write_buffers_max);
    rocksdb_options_set_compression(options, rocksdb_lz4_compression);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(options, 1);
    rocksdb_options_set_block_based_table_factory(options, kv->table_options);
    if (buffer > ROCKS_SMALL_WRITE_BUFFER) {
        rocksdb_options_set_memtable_whole_key_filtering(options, 1);
        /* 256 KiB of 64 MiB: 5 bits for each of 400,000 rows */
        rocksdb_options_set_memtable_prefix_bloom_size_ratio(options, 1.0 / 256);
    }
    if ((flags & KV_SPACE_USER_PREFIX) != 0)
        rocks_options_prefix(options, directory_family_is_pool(name));
    return options;
}

/* All files stay open (reads then never look them up) unless descriptors are scarce. */
static int rocks_open_files_max(void)
{
    struct rlimit limit;

    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    return limit.rlim_cur >= ROCKS_FILES_UNLIMITED ? -1 : (int)(limit.rlim_cur / 4);
}

rocksdb_options_t *rocks_database_options(const struct rocks_kv *kv)
{
    const struct kv_options *from = &kv->options;
    rocksdb_options_t *options = rocks_family_options(kv, "default");
    uint64_t buffers = (uint64_t)from->write_buffer_bytes * from->write_buffers_max;

    CHECK(buffers > 0 && from->background_jobs_max > 0);
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_paranoid_checks(options, 1);
    rocksdb_options_set_db_write_buffer_size(options, buffers);
    /* Bounds what a restart after a crash replays (about 150 MB/s) when many families share the
     * log. */
    rocksdb_options_set_max_total_wal_size(options, (uint64_t)from->write_buffer_bytes *
                                                        (from->keep_wal_files + 1));
    rocksdb_options_set_max_background_jobs(options, (int)from->background_jobs_max);
    rocksdb_options_set_max_open_files(options, rocks_open_files_max());
    rocksdb_options_set_keep_log_file_num(options, from->keep_log_files);
    rocksdb_options_set_max_log_file_size(options, ROCKS_INFO_LOG_BYTES);
    /* RocksDB asserts that nothing is written to its information log after that has failed, and
     * what it wants to say on a full disk is just that. What matters comes through as errors. */
    rocksdb_options_set_info_log_level(options, ROCKS_FATAL_LEVEL);
    rocksdb_options_set_stats_dump_period_sec(options, 0);
    rocksdb_options_set_stats_persist_period_sec(options, 0);
    rocksdb_options_set_wal_recovery_mode(options, ROCKS_POINT_IN_TIME);
    rocksdb_options_set_bytes_per_sync(options, 1 << 20);
    return options;
}

void rocks_open_objects(struct rocks_kv *kv)
{
    CHECK(kv->cache == NULL && kv->table_options == NULL);
    kv->cache = rocksdb_cache_create_lru(kv->options.block_cache_bytes);
    kv->table_options = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(kv->table_options, kv->cache);
    rocksdb_block_based_options_set_filter_policy(
        kv->table_options, rocksdb_filterpolicy_create_bloom_full(ROCKS_BLOOM_BITS));
    rocksdb_block_based_options_set_block_size(kv->table_options, ROCKS_BLOCK_BYTES);
    kv->read_blocking = rocksdb_readoptions_create();
    kv->read_cached = rocksdb_readoptions_create();
    rocksdb_readoptions_set_read_tier(kv->read_cached, ROCKS_READ_CACHE_ONLY);
    for (int i = KV_SYNC; i <= KV_MEMORY; i++)
        kv->write_options[i] = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(kv->write_options[KV_SYNC], 1);
    rocksdb_writeoptions_disable_WAL(kv->write_options[KV_MEMORY], 1);
}
