/* segment.h — records of cold segments and the lists readers use.
 *
 * A segment is one immutable Parquet file of one instance, rows by key descending. Its record lies
 * in space `parquet_manifest`, key = table id (8 bytes big-endian) + user id + 0x00 + segment id (8
 * bytes big-endian, inverted: newest first); the newest list of an instance is cached with the
 * version it belongs to. Private to store/.
 *
 * Cache rule: an entry is valid for a view p if entry.version ≤ p and no newer list was installed.
 * A reader at view p enters a list only if nothing was installed for that instance after p
 * (segment_cache_invalidate records installs in a small table of positions by hash).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_SEGMENT_H
#define STORE_SEGMENT_H

#include "base/buf.h"
#include "store/store.h"

struct row_group { /* rows by position; keys are row_ids, descending */
    uint64_t row_first;
    uint32_t rows;
    struct str key_max, key_min; /* first and last key */
    int64_t seq_min, seq_max;
};

struct segment {
    atomic_uint refs;
    uint64_t id; /* never reused */
    struct table_id table;
    struct str user;
    struct str path; /* relative to the storage root */
    struct str storage_id;
    uint32_t schema_version;
    uint64_t rows, deleted_rows, bytes, checksum;
    struct str key_min, key_max;
    int64_t seq_min, seq_max, updated_min, updated_max, created_at;
    struct str job_id;
    struct row_group *groups;
    uint32_t group_count;
    struct column_bounds *ranges; /* least and greatest value of each TIMESTAMP column */
    uint32_t range_count;
    struct str bloom; /* of keys; empty when ranges of keys tell enough (ascending integer keys) */
    struct arena *arena;
};
void segment_encode(const struct segment *segment, struct buf *out);
enum status segment_decode(struct str bytes, struct segment **out, struct error *err) MUST_CHECK;
void segment_key(const struct segment *segment, struct buf *out);
/* An empty segment with one reference and its own arena; the maker fills it before anybody sees it.
 */
struct segment *segment_new(void);
struct segment *segment_ref(struct segment *segment);
void segment_unref(struct segment *segment);
/* False = certainly not in it (range, bloom). */
bool segment_may_contain(const struct segment *segment, struct str key);
/* False = no row of it lies within all bounds. */
bool segment_may_hold(const struct segment *segment, const struct column_bounds *bounds,
                      uint32_t count);
/* The one row group that can hold `key`, or the first one whose keys are all smaller; group_count
 * if every key is greater. */
uint32_t segment_find_group(const struct segment *segment, struct str key);
/* Prefix of the keys of all segments of a table (user NULL) or of one instance. */
void segment_key_prefix(struct table_id table, const struct str *user, struct buf *out);

struct segment_list { /* immutable, counted; newest segment first */
    atomic_uint refs;
    uint64_t version; /* instance_record.segments_version */
    struct segment **segments;
    uint32_t count;
    uint64_t rows, bytes;
};
struct segment_list *segment_list_ref(struct segment_list *list);
void segment_list_unref(struct segment_list *list);

/* The records whose keys lie in the range (of segment keys; empty = all), as they are now. Commit
 * thread, or while nobody else changes them. */
enum status segment_visit(struct store *store, const struct key_range *range,
                          void (*visit)(void *context, const struct segment *segment),
                          void *context, struct error *err) MUST_CHECK;

struct segment_cache;
struct segment_cache *segment_cache_new(size_t bytes_max);
void segment_cache_free(struct segment_cache *cache);
/* The list of an instance at a view, with a reference. A table without any segment costs one hash
 * look-up (cached emptiness). `flags` as kv_get (WOULD_BLOCK). Any thread. */
enum status segment_list_load(struct store *store, const struct view *view, struct table_id table,
                              struct str user, unsigned flags, struct segment_list **out,
                              struct error *err) MUST_CHECK;
/* Commit thread, before the view with a new list of the instance is published. */
void segment_cache_invalidate(struct segment_cache *cache, struct table_id table, struct str user,
                              int64_t position);
/* A table was created at `position`: it has no segments, and nobody needs to look. Any thread. */
void segment_cache_created(struct segment_cache *cache, struct table_id table, int64_t position);
size_t segment_cache_bytes(struct segment_cache *cache);
/* The table was dropped and no view names it any more. */
void segment_cache_forget(struct segment_cache *cache, struct table_id table);

/* Bloom filter over keys: 10 bits per key, 7 probes of two hashes. */
void bloom_build(const uint64_t *hashes, size_t count, struct buf *out);
bool bloom_may_contain(struct str bloom, uint64_t hash);

#endif
