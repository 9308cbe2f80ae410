/* overlay.h — what the requests of one commit group have changed but not yet written: newest bytes
 * by (space, key), with undo back to the start of a request. Keys and bytes lie in the group's
 * arena.
 * Commit thread only. Private to store/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_OVERLAY_H
#define STORE_OVERLAY_H

#include "base/arena.h"
#include "base/str.h"
#include "storage/kv.h"

#include <stdint.h>

enum overlay_state {
    OVERLAY_UNCHANGED, /* only after an undo: as in the store */
    OVERLAY_PUT,
    OVERLAY_DELETED,
};

struct overlay_entry {
    uint64_t hash;
    struct kv_space *space;
    struct str key;
    struct str bytes; /* OVERLAY_PUT */
    enum overlay_state state;
};

struct overlay_undo {
    size_t index;
    struct str bytes;
    enum overlay_state state;
};

struct overlay {
    struct overlay_entry *entries; /* in order of the first change */
    size_t count, capacity;
    uint32_t *slots; /* index + 1, 0 = free */
    size_t slot_count;
    struct overlay_undo *undo;
    size_t undo_count, undo_capacity;
};

void overlay_init(struct overlay *overlay);
void overlay_clear(struct overlay *overlay);
void overlay_reset(struct overlay *overlay); /* empty, memory is kept */
/* NULL when the group has not changed the key. Valid until the next overlay_set. */
const struct overlay_entry *overlay_find(const struct overlay *overlay,
                                         const struct kv_space *space, struct str key);
/* The key is copied to `arena` when it is new; `bytes` lie there already (empty with DELETED). */
void overlay_set(struct overlay *overlay, struct arena *arena, struct kv_space *space,
                 struct str key, enum overlay_state state, struct str bytes);
/* A mark, and back to it. overlay_forget drops the undo records once a request stays. */
size_t overlay_mark(const struct overlay *overlay);
void overlay_rollback(struct overlay *overlay, size_t mark);
void overlay_forget(struct overlay *overlay);

#endif
