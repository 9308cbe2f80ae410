/* kv_internal.h — what kv.c and its two drivers share; nobody outside storage/kv*.c includes it.
 *
 * Each driver embeds these structs as first member of its own and fills one table of callbacks. The
 * names of spaces are kept here, so that a driver only makes and removes single spaces.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORAGE_KV_INTERNAL_H
#define STORAGE_KV_INTERNAL_H

#include "base/map.h"
#include "storage/kv.h"

#include <pthread.h>

enum { KV_NAME_MAX = 200 };

struct kv_driver {
    void (*close)(struct kv *kv);
    /* Called with the lock of the names held; the space does not exist yet. */
    enum status (*space_create)(struct kv *kv, struct str name, unsigned flags,
                                struct kv_space **out, struct error *err);
    /* Removes content and name; frees `space` on success. */
    enum status (*space_drop)(struct kv *kv, struct kv_space *space, struct error *err);
    /* Frees the struct at close; what it holds stays stored. */
    void (*space_free)(struct kv *kv, struct kv_space *space);
    uint64_t (*space_bytes)(struct kv *kv, struct kv_space *space);
    enum status (*get)(struct kv *kv, struct kv_space *space, const struct kv_snapshot *snapshot,
                       struct str key, unsigned flags, struct kv_value *out, struct error *err);
    void (*value_release)(struct kv_value *value);
    struct kv_snapshot *(*snapshot_new)(struct kv *kv);
    void (*snapshot_free)(struct kv *kv, struct kv_snapshot *snapshot);
    struct kv_batch *(*batch_new)(struct kv *kv);
    void (*batch_free)(struct kv_batch *batch);
    void (*batch_reset)(struct kv_batch *batch);
    void (*batch_put)(struct kv_batch *batch, struct kv_space *space, struct str key,
                      struct str value);
    void (*batch_delete)(struct kv_batch *batch, struct kv_space *space, struct str key);
    void (*batch_delete_range)(struct kv_batch *batch, struct kv_space *space, struct str start,
                               struct str end);
    size_t (*batch_bytes)(const struct kv_batch *batch);
    enum status (*write)(struct kv *kv, struct kv_batch *batch, enum kv_durability durability,
                         struct error *err);
    bool (*is_usable)(struct kv *kv);
    enum status (*sync)(struct kv *kv, struct error *err);
    struct kv_iterator *(*iterator_open)(struct kv *kv, struct kv_space *space,
                                         const struct kv_iterator_options *options);
    void (*iterator_close)(struct kv_iterator *iterator);
    void (*seek_first)(struct kv_iterator *iterator);
    void (*seek_last)(struct kv_iterator *iterator);
    void (*seek)(struct kv_iterator *iterator, struct str key);
    void (*seek_for_prev)(struct kv_iterator *iterator, struct str key);
    void (*next)(struct kv_iterator *iterator);
    void (*prev)(struct kv_iterator *iterator);
    bool (*is_valid)(const struct kv_iterator *iterator);
    struct str (*key)(const struct kv_iterator *iterator);
    struct str (*value)(const struct kv_iterator *iterator);
    enum status (*status)(struct kv_iterator *iterator, struct error *err);
    void (*stats)(struct kv *kv, struct kv_stats *out);
    void (*flush)(struct kv *kv, struct kv_space *space);
    void (*settle)(struct kv *kv);
    void (*compact)(struct kv *kv, struct kv_space *space, struct str start, struct str end);
};

struct kv {
    const struct kv_driver *driver;
    pthread_mutex_t lock; /* of the names; never held while a visitor runs */
    struct map spaces;    /* name → struct kv_space */
};

struct kv_space {
    struct str name; /* owned */
    unsigned flags;
};

struct kv_snapshot {
    const struct kv *kv;
};

struct kv_batch {
    struct kv *kv;
};

struct kv_iterator {
    const struct kv_driver *driver;
};

/* For drivers: set up and clear the shared parts. */
void kv_init(struct kv *kv, const struct kv_driver *driver);
/* Frees all spaces with space_free. */
void kv_clear(struct kv *kv);
void kv_space_init(struct kv_space *space, struct str name, unsigned flags);
void kv_space_clear(struct kv_space *space);
/* While opening: enters a space that exists already. */
void kv_space_enter(struct kv *kv, struct kv_space *space);
/* Fills in the defaults of fields that are 0. */
void kv_options_complete(struct kv_options *options);
/* Size of all `*.log` files in the folder. */
uint64_t kv_log_bytes(const char *path);

#endif
