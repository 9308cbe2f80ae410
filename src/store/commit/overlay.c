/* overlay.c — hash of the group's changes with an undo log, see overlay.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/commit/overlay.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/mem.h"

enum { OVERLAY_SLOTS_MIN = 256, OVERLAY_KEEP_MAX = 1 << 16 };

void overlay_init(struct overlay *overlay)
{
    CHECK(overlay != NULL);
    *overlay = (struct overlay){.slot_count = OVERLAY_SLOTS_MIN};
    overlay->slots = mem_calloc(OVERLAY_SLOTS_MIN, sizeof(*overlay->slots));
}

void overlay_clear(struct overlay *overlay)
{
    CHECK(overlay->count <= overlay->capacity);
    mem_free(overlay->entries);
    mem_free(overlay->slots);
    mem_free(overlay->undo);
    *overlay = (struct overlay){0};
}

void overlay_reset(struct overlay *overlay)
{
    CHECK(overlay->slots != NULL);
    if (overlay->slot_count > OVERLAY_KEEP_MAX) {
        overlay_clear(overlay); /* one huge statement shall not slow down all later groups */
        overlay_init(overlay);
    } else if (overlay->count > 0) {
        memset(overlay->slots, 0, overlay->slot_count * sizeof(*overlay->slots));
    }
    overlay->count = 0;
    overlay->undo_count = 0;
}

static uint64_t overlay_hash(const struct kv_space *space, struct str key)
{
    return hash_bytes_seeded(key, (uint64_t)(uintptr_t)space);
}

/* Slot of the key or the free one where it would go. */
static size_t overlay_slot(const struct overlay *overlay, const struct kv_space *space,
                           struct str key, uint64_t hash)
{
    size_t slot = hash & (overlay->slot_count - 1);

    CHECK(overlay->count < overlay->slot_count);
    while (overlay->slots[slot] != 0) {
        const struct overlay_entry *entry = &overlay->entries[overlay->slots[slot] - 1];
        if (entry->hash == hash && entry->space == space && str_equal(entry->key, key))
            break;
        slot = (slot + 1) & (overlay->slot_count - 1);
    }
    return slot;
}

const struct overlay_entry *overlay_find(const struct overlay *overlay,
                                         const struct kv_space *space, struct str key)
{
    CHECK(space != NULL);
    if (overlay->count == 0)
        return NULL;
    size_t slot = overlay_slot(overlay, space, key, overlay_hash(space, key));
    if (overlay->slots[slot] == 0)
        return NULL;
    const struct overlay_entry *entry = &overlay->entries[overlay->slots[slot] - 1];
    return entry->state != OVERLAY_UNCHANGED ? entry : NULL;
}

static void overlay_grow(struct overlay *overlay)
{
    overlay->slot_count *= 2;
    mem_free(overlay->slots);
    overlay->slots = mem_calloc(overlay->slot_count, sizeof(*overlay->slots));
    CHECK(overlay->slot_count > overlay->count * 2);
    for (size_t i = 0; i < overlay->count; i++) {
        size_t slot = overlay->entries[i].hash & (overlay->slot_count - 1);
        while (overlay->slots[slot] != 0)
            slot = (slot + 1) & (overlay->slot_count - 1);
        overlay->slots[slot] = (uint32_t)i + 1;
    }
}

static size_t overlay_append(struct overlay *overlay, const struct overlay_entry *entry)
{
    if (overlay->count == overlay->capacity) {
        overlay->capacity = overlay->capacity * 2 + 64;
        overlay->entries =
            mem_realloc(overlay->entries, overlay->capacity * sizeof(*overlay->entries));
    }
    CHECK(overlay->count < UINT32_MAX / 4);
    overlay->entries[overlay->count] = *entry;
    return overlay->count++;
}

static void overlay_remember(struct overlay *overlay, size_t index)
{
    CHECK(index < overlay->count);
    if (overlay->undo_count == overlay->undo_capacity) {
        overlay->undo_capacity = overlay->undo_capacity * 2 + 64;
        overlay->undo = mem_realloc(overlay->undo, overlay->undo_capacity * sizeof(*overlay->undo));
    }
    overlay->undo[overlay->undo_count++] = (struct overlay_undo){
        .index = index,
        .bytes = overlay->entries[index].bytes,
        .state = overlay->entries[index].state,
    };
}

void overlay_set(struct overlay *overlay, struct arena *arena, struct kv_space *space,
                 struct str key, enum overlay_state state, struct str bytes)
{
    uint64_t hash = overlay_hash(space, key);
    size_t index;

    CHECK(state != OVERLAY_UNCHANGED);
    if ((overlay->count + 1) * 2 > overlay->slot_count)
        overlay_grow(overlay);
    size_t slot = overlay_slot(overlay, space, key, hash);
    if (overlay->slots[slot] == 0) {
        struct overlay_entry fresh = {.hash = hash, .space = space, .key = arena_copy(arena, key)};
        index = overlay_append(overlay, &fresh);
        overlay->slots[slot] = (uint32_t)index + 1;
    } else {
        index = overlay->slots[slot] - 1;
    }
    overlay_remember(overlay, index);
    overlay->entries[index].state = state;
    overlay->entries[index].bytes = bytes;
}

size_t overlay_mark(const struct overlay *overlay)
{
    CHECK(overlay->undo_count <= overlay->undo_capacity);
    return overlay->undo_count;
}

void overlay_rollback(struct overlay *overlay, size_t mark)
{
    CHECK(mark <= overlay->undo_count);
    while (overlay->undo_count > mark) {
        const struct overlay_undo *undo = &overlay->undo[--overlay->undo_count];
        overlay->entries[undo->index].bytes = undo->bytes;
        overlay->entries[undo->index].state = undo->state;
    }
}

void overlay_forget(struct overlay *overlay)
{
    CHECK(overlay->undo_count <= overlay->undo_capacity);
    overlay->undo_count = 0;
}
