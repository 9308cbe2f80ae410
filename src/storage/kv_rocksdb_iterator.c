/* kv_rocksdb_iterator.c — iterators of the key-value store on RocksDB.
 *
 * An iterator for cached data only that could lose keys without telling (kv_rocksdb_seams.c) is
 * never valid and answers WOULD_BLOCK.
 *
 * Both bounds are handed to RocksDB, so that it neither looks at files beyond them nor steps over
 * what was removed there. Pooled spaces add and hide their prefix. An iterator that promises to
 * stay within one user (prefix_same) lets RocksDB ask the filters on `{user}:` first; bounds and
 * seeks without a `:` are outside the filters' domain, so that none of them can hide a row.
 *
 * Thread: one at a time.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/kv_rocksdb_internal.h"

#include "base/check.h"
#include "base/mem.h"

#include <string.h>

struct rocks_iterator {
    struct kv_iterator base;
    rocksdb_iterator_t *rocks;
    rocksdb_readoptions_t *read;
    const struct spaces_space *space;
    bool is_blocked;         /* cached data only, and RocksDB could lose keys without telling */
    struct str lower, upper; /* full keys, in `bounds`; empty = open */
    char bounds[];           /* lower, then upper; RocksDB points into it */
};

static struct rocks_iterator *rocks_iterator(struct kv_iterator *iterator)
{
    CHECK(iterator != NULL);
    return CONTAINER_OF(iterator, struct rocks_iterator, base);
}

/* Puts the bounds behind the struct and tells RocksDB. A pooled space always has both. */
static struct rocks_iterator *rocks_iterator_new(const struct spaces_space *space, struct str lower,
                                                 struct str upper)
{
    size_t skip = space->is_pooled ? DIRECTORY_PREFIX_BYTES : 0;
    size_t lower_size = skip + lower.size, upper_size = skip + upper.size;
    struct rocks_iterator *iterator = mem_alloc(sizeof(*iterator) + lower_size + upper_size);
    char *low = iterator->bounds, *high = low + lower_size;

    CHECK(upper.size == 0 || str_compare(lower, upper) <= 0);
    iterator->space = space;
    iterator->read = rocksdb_readoptions_create();
    memcpy(low, space->prefix, skip);
    memcpy(high, upper.size > 0 ? space->prefix : space->prefix_end, skip);
    if (lower.size > 0)
        memcpy(low + skip, lower.data, lower.size);
    if (upper.size > 0)
        memcpy(high + skip, upper.data, upper.size);
    iterator->is_blocked = false;
    iterator->lower = str_from(low, lower_size);
    iterator->upper = str_from(high, upper_size);
    if (lower_size > 0)
        rocksdb_readoptions_set_iterate_lower_bound(iterator->read, low, lower_size);
    if (upper_size > 0)
        rocksdb_readoptions_set_iterate_upper_bound(iterator->read, high, upper_size);
    return iterator;
}

struct kv_iterator *rocks_iterator_open(struct kv *base, struct kv_space *base_space,
                                        const struct kv_iterator_options *options)
{
    struct rocks_kv *kv = rocks_kv(base);
    const struct spaces_space *space = spaces_space(base_space);
    bool is_cached = (options->flags & KV_READ_CACHED) != 0;
    uint64_t version = 0;
    bool is_empty = options->upper.size > 0 && str_compare(options->lower, options->upper) > 0;
    struct rocks_iterator *iterator =
        rocks_iterator_new(space, is_empty ? options->upper : options->lower, options->upper);

    rocks_count_nothing();
    iterator->base.driver = base->driver;
    if (options->snapshot != NULL)
        rocksdb_readoptions_set_snapshot(
            iterator->read, ((const struct rocks_snapshot *)options->snapshot)->snapshot);
    if (is_cached) {
        rocksdb_readoptions_set_read_tier(iterator->read, ROCKS_READ_CACHE_ONLY);
        version = rocks_super_version(kv, rocks_handle(space));
    }
    rocksdb_readoptions_set_fill_cache(iterator->read, options->fill_cache);
    rocksdb_readoptions_set_total_order_seek(iterator->read, !options->prefix_same);
    iterator->rocks = rocksdb_create_iterator_cf(kv->db, iterator->read, rocks_handle(space));
    CHECK(iterator->rocks != NULL);
    if (is_cached)
        iterator->is_blocked =
            rocks_may_lose_keys(kv, space->family, iterator->lower, iterator->upper, version);
    return &iterator->base;
}

void rocks_iterator_close(struct kv_iterator *base)
{
    struct rocks_iterator *iterator = rocks_iterator(base);

    CHECK(iterator->rocks != NULL);
    rocksdb_iter_destroy(iterator->rocks);
    rocksdb_readoptions_destroy(iterator->read);
    mem_free(iterator);
}

void rocks_seek_first(struct kv_iterator *base)
{
    CHECK(rocks_iterator(base)->rocks != NULL);
    rocksdb_iter_seek_to_first(rocks_iterator(base)->rocks);
}

void rocks_seek_last(struct kv_iterator *base)
{
    CHECK(rocks_iterator(base)->rocks != NULL);
    rocksdb_iter_seek_to_last(rocks_iterator(base)->rocks);
}

static void rocks_seek_by(struct kv_iterator *base, struct str key,
                          void (*seek)(rocksdb_iterator_t *, const char *, size_t))
{
    struct rocks_iterator *iterator = rocks_iterator(base);
    struct directory_full_key full;

    CHECK(iterator->rocks != NULL && iterator->space != NULL);
    directory_full_key_init(&full, spaces_prefix(iterator->space), key);
    seek(iterator->rocks, full.bytes.data, full.bytes.size);
    directory_full_key_clear(&full);
}

void rocks_seek(struct kv_iterator *base, struct str key)
{
    rocks_seek_by(base, key, rocksdb_iter_seek);
}

void rocks_seek_for_prev(struct kv_iterator *base, struct str key)
{
    rocks_seek_by(base, key, rocksdb_iter_seek_for_prev);
}

void rocks_next(struct kv_iterator *base)
{
    CHECK(rocks_iterator(base)->rocks != NULL);
    rocksdb_iter_next(rocks_iterator(base)->rocks);
}

void rocks_prev(struct kv_iterator *base)
{
    CHECK(rocks_iterator(base)->rocks != NULL);
    rocksdb_iter_prev(rocks_iterator(base)->rocks);
}

bool rocks_is_valid(const struct kv_iterator *base)
{
    CHECK(base != NULL);
    const struct rocks_iterator *iterator = (const struct rocks_iterator *)base;
    return !iterator->is_blocked && rocksdb_iter_valid(iterator->rocks) != 0;
}

struct str rocks_key(const struct kv_iterator *base)
{
    const struct rocks_iterator *iterator = (const struct rocks_iterator *)base;
    size_t skip = iterator->space->is_pooled ? DIRECTORY_PREFIX_BYTES : 0;
    struct str key;

    key.data = rocksdb_iter_key(iterator->rocks, &key.size);
    CHECK(key.size >= skip);
    return str_from(key.data + skip, key.size - skip);
}

struct str rocks_value(const struct kv_iterator *base)
{
    struct str value;

    CHECK(base != NULL);
    value.data = rocksdb_iter_value(((const struct rocks_iterator *)base)->rocks, &value.size);
    return value;
}

enum status rocks_status(struct kv_iterator *base, struct error *err)
{
    char *text = NULL;

    CHECK(base != NULL);
    if (rocks_iterator(base)->is_blocked)
        return STATUS_WOULD_BLOCK;
    rocksdb_iter_get_error(rocks_iterator(base)->rocks, &text);
    return text == NULL ? STATUS_OK : rocks_error(text, "scan", err);
}
