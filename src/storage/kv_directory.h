/* kv_directory.h — bytes that say where a space of the RocksDB store lies; only kv_rocksdb.c uses
 * it.
 *
 * Thread: any; pure functions.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORAGE_KV_DIRECTORY_H
#define STORAGE_KV_DIRECTORY_H

#include "base/str.h"
#include "storage/kv_internal.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    DIRECTORY_PREFIX_BYTES = 8,
    DIRECTORY_POOLS = 8, /* one per combination of flags */
    DIRECTORY_FAMILY_MAX = KV_NAME_MAX + 8,
    DIRECTORY_KEY_MAX = KV_NAME_MAX + 2,
    DIRECTORY_RECORD_BYTES = 3 + DIRECTORY_PREFIX_BYTES,
    DIRECTORY_KEY_INLINE = 512, /* longer keys behind a prefix go to the heap */
};

struct directory_record {
    unsigned flags;
    bool is_pooled;
    uint64_t prefix; /* pooled only */
};

/* Key of the next free prefix, and of the first and behind the last record. */
struct str directory_next_key(void);
struct str directory_first_key(void);
struct str directory_last_key(void);
struct str directory_key(char out[DIRECTORY_KEY_MAX], struct str space_name);
struct str directory_key_name(struct str key); /* the space's name */
void directory_record_write(char out[DIRECTORY_RECORD_BYTES],
                            const struct directory_record *record);
bool directory_record_read(struct str bytes, struct directory_record *out);

/* Big-endian, so that prefix + 1 is the end of its range. */
void directory_prefix_write(char out[DIRECTORY_PREFIX_BYTES], uint64_t number);
uint64_t directory_prefix_read(const char *bytes);

/* Names of column families; a pool's starts with a space character, which no space's name holds. */
void directory_family_name(char out[DIRECTORY_FAMILY_MAX], struct str space_name, unsigned flags);
void directory_pool_name(char out[DIRECTORY_FAMILY_MAX], unsigned flags);
bool directory_family_is_pool(const char *name);
unsigned directory_family_flags(const char *name);

/* A key behind a prefix (NULL: as it is). directory_full_key_clear frees `heap`. */
struct directory_full_key {
    struct str bytes;
    char *heap;
    char buffer[DIRECTORY_KEY_INLINE];
};
void directory_full_key_init(struct directory_full_key *out, const char *prefix, struct str key);
void directory_full_key_clear(struct directory_full_key *key);

/* Bytes of `key` up to and with the first ':' at or behind `skip`; 0 if there is none. */
size_t directory_user_size(struct str key, size_t skip);

#endif
