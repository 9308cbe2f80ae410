/* row_cache.h — decoded row groups of cold segments in bounded memory. Private to store/.
 *
 * A `row_block` holds the rows of one row group as row bytes (value/row.h, in the layout of the
 * segment's schema version) with their keys, in file order: keys descending. Blocks are immutable
 * and counted; whoever reads one holds a reference, so an evicted block lives until its last reader
 * is done. What is visible is decided by the segment lists of views, never by what is cached.
 * Any thread; row_cache_get blocks unless `cached_only`.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_ROW_CACHE_H
#define STORE_ROW_CACHE_H

#include "base/buf.h"
#include "store/segment.h"

struct row_block {
    atomic_uint refs;
    uint64_t segment_id;
    uint32_t group;
    uint32_t rows;
    uint32_t *ends; /* 2 × rows: end of key i, end of row i in `data` */
    char *data;     /* key 0, row 0, key 1, row 1, … */
    size_t bytes;   /* memory of all of it */
};

static inline struct str row_block_key(const struct row_block *block, uint32_t row)
{
    uint32_t start = row == 0 ? 0 : block->ends[2 * row - 1];
    return str_from(block->data + start, block->ends[2 * row] - start);
}
static inline struct str row_block_bytes(const struct row_block *block, uint32_t row)
{
    uint32_t start = block->ends[2 * row];
    return str_from(block->data + start, block->ends[2 * row + 1] - start);
}
/* Index of the first row whose key is ≤ `key`; block->rows if there is none. */
uint32_t row_block_find(const struct row_block *block, struct str key);
struct row_block *row_block_ref(struct row_block *block);
void row_block_unref(struct row_block *block); /* NULL is fine */

/* Collects the rows of a block in file order. */
struct row_block_builder {
    struct buf data, ends;
    uint32_t rows;
    bool overflow; /* more than 4 GiB: the block cannot be made */
};
void row_block_builder_init(struct row_block_builder *builder);
void row_block_builder_clear(struct row_block_builder *builder);
void row_block_builder_add(struct row_block_builder *builder, struct str key, struct str bytes);
/* One reference for the caller, the builder is empty again; NULL after an overflow. */
struct row_block *row_block_builder_finish(struct row_block_builder *builder, uint64_t segment_id,
                                           uint32_t group);
/* Reads one row group from its file (row_block.c). */
enum status row_block_load(struct store *store, const struct table *table,
                           const struct segment *segment, uint32_t group, struct row_block **out,
                           struct error *err) MUST_CHECK;

struct row_cache;
struct row_cache *row_cache_new(size_t bytes_max);
void row_cache_free(struct row_cache *cache); /* NULL is fine; nobody may be loading */
struct row_cache_want {
    const struct table *table;
    const struct segment *segment;
    uint32_t group;
    bool cached_only;
    const atomic_bool *cancelled; /* looked at while another caller reads; may be NULL */
};
/* A block with a reference. WOULD_BLOCK when it is not there and `cached_only`; concurrent callers
 * of one block read the file once, and fail together. Failures of the file as storage/ names them,
 * CANCELLED. */
enum status row_cache_get(struct store *store, const struct row_cache_want *want,
                          struct row_block **out, struct error *err) MUST_CHECK;
/* Enters a block that was made elsewhere (flush); takes the reference. */
void row_cache_put(struct row_cache *cache, struct row_block *block);

struct row_cache_stats {
    uint64_t bytes, hits, misses, waiting; /* callers that wait for another's reading now */
};
void row_cache_stats(struct row_cache *cache, struct row_cache_stats *out);

#endif
