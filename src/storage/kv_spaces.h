/* kv_spaces.h — spaces over column families: own family or prefix in a pool, and their directory.
 *
 * The half of the RocksDB store that knows no RocksDB: it works on families by callbacks and on the
 * directory through kv.h. Private to kv_spaces.c and kv_rocksdb.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORAGE_KV_SPACES_H
#define STORAGE_KV_SPACES_H

#include "storage/kv_directory.h"
#include "storage/kv_internal.h"

struct kv_family; /* an open column family; kv_rocksdb.c knows what is in it */
struct spaces_kv;

struct family_driver {
    enum status (*create)(struct spaces_kv *kv, const char *name, struct kv_family **out,
                          struct error *err);
    /* Removes it with its content and frees it; a failure is logged and tried again at the next
     * opening, because nothing names the family any more. */
    void (*drop)(struct spaces_kv *kv, struct kv_family *family);
    void (*close)(struct kv_family *family);
    const char *(*name)(const struct kv_family *family);
};

struct spaces_space {
    struct kv_space base;
    struct kv_family *family;
    bool is_pooled; /* the family is not ours alone; keys carry the prefix */
    char prefix[DIRECTORY_PREFIX_BYTES];
    char prefix_end[DIRECTORY_PREFIX_BYTES]; /* first prefix behind ours */
};

struct spaces_kv {
    struct kv base;
    const struct family_driver *families;
    struct spaces_space *directory;           /* the whole default family, without prefix */
    struct kv_family *pools[DIRECTORY_POOLS]; /* by flags; made when needed */
    unsigned family_count;                    /* default and own ones */
    unsigned families_max;
    uint64_t prefix_next;
};

static inline struct spaces_space *spaces_space(struct kv_space *space)
{
    return CONTAINER_OF(space, struct spaces_space, base);
}

/* What stands before the space's keys; NULL for a family of its own. */
static inline const char *spaces_prefix(const struct spaces_space *space)
{
    return space->is_pooled ? space->prefix : NULL;
}

/* Takes over all families that exist, drops what no record names. `found` is freed by the caller.
 */
enum status spaces_open(struct spaces_kv *kv, struct kv_family **found, size_t count,
                        struct error *err) MUST_CHECK;
/* Closes all families; also after a spaces_open that failed. */
void spaces_clear(struct spaces_kv *kv);
/* Callbacks of kv_driver. */
enum status spaces_create(struct kv *kv, struct str name, unsigned flags, struct kv_space **out,
                          struct error *err) MUST_CHECK;
enum status spaces_drop(struct kv *kv, struct kv_space *space, struct error *err) MUST_CHECK;
void spaces_free(struct kv *kv, struct kv_space *space);

#endif
