/* catalog_set.c — see catalog_set.h. A change copies the array of pointers, O(n); a put appends and
 * catalog_set_finish brings the few new entries to their place.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "catalog/catalog_set.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/mem.h"

#include <stdlib.h>

enum { CATALOG_SET_SLOTS_MIN = 16, CATALOG_SET_INSERTS_MAX = 16 };

struct catalog_set *catalog_set_new(const struct catalog_set_kind *kind)
{
    struct catalog_set *set = mem_zalloc(sizeof(*set));

    CHECK(kind != NULL && kind->ref != NULL && kind->unref != NULL);
    atomic_init(&set->refs, 1);
    set->kind = kind;
    return set;
}

struct catalog_set *catalog_set_ref(struct catalog_set *set)
{
    unsigned before = atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);

    CHECK(before > 0);
    return set;
}

void catalog_set_unref(struct catalog_set *set)
{
    if (set == NULL)
        return;
    unsigned before = atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel);
    CHECK(before > 0);
    if (before > 1)
        return;
    for (size_t i = 0; i < set->count; i++)
        set->kind->unref(set->entries[i].object);
    mem_free(set->entries);
    mem_free(set->slots);
    mem_free(set);
}

static uint64_t catalog_set_hash(struct str first, struct str second)
{
    return hash_bytes_seeded(second, hash_bytes(first));
}

/* Slot of the name, or the free slot where it would go. */
static size_t catalog_set_slot(const struct catalog_set *set, struct str first, struct str second,
                               uint64_t hash)
{
    size_t slot = hash & (set->slot_count - 1);

    CHECK(set->slot_count > set->count);
    while (set->slots[slot] != 0) {
        const struct catalog_entry *entry = &set->entries[set->slots[slot] - 1];
        if (entry->hash == hash && str_equal(entry->first, first) &&
            str_equal(entry->second, second))
            break;
        slot = (slot + 1) & (set->slot_count - 1);
    }
    return slot;
}

void *catalog_set_find(const struct catalog_set *set, struct str first, struct str second)
{
    CHECK(set != NULL);
    if (set->count == 0)
        return NULL;
    size_t slot = catalog_set_slot(set, first, second, catalog_set_hash(first, second));
    return set->slots[slot] != 0 ? set->entries[set->slots[slot] - 1].object : NULL;
}

/* Fills the index anew, with room for `count` entries. */
static void catalog_set_index(struct catalog_set *set, size_t count)
{
    size_t wanted = CATALOG_SET_SLOTS_MIN;

    CHECK(count >= set->count && count < UINT32_MAX / 4);
    while (wanted < count * 2)
        wanted *= 2;
    if (wanted > set->slot_count) {
        mem_free(set->slots);
        set->slots = mem_calloc(wanted, sizeof(*set->slots));
        set->slot_count = wanted;
    } else {
        memset(set->slots, 0, set->slot_count * sizeof(*set->slots));
    }
    for (size_t i = 0; i < set->count; i++) {
        size_t slot = set->entries[i].hash & (set->slot_count - 1);
        while (set->slots[slot] != 0)
            slot = (slot + 1) & (set->slot_count - 1);
        set->slots[slot] = (uint32_t)i + 1;
    }
}

struct catalog_set *catalog_set_copy(const struct catalog_set *set)
{
    struct catalog_set *copy = catalog_set_new(set->kind);

    copy->count = copy->sorted_count = set->count;
    copy->capacity = set->count + CATALOG_SET_INSERTS_MAX;
    copy->entries = mem_calloc(copy->capacity, sizeof(*copy->entries));
    for (size_t i = 0; i < set->count; i++) {
        copy->entries[i] = set->entries[i];
        copy->entries[i].object = set->kind->ref(set->entries[i].object);
    }
    catalog_set_index(copy, copy->capacity);
    return copy;
}

void catalog_set_put(struct catalog_set *set, struct str first, struct str second, void *object)
{
    struct catalog_entry entry = {first, second, catalog_set_hash(first, second), object};

    CHECK(object != NULL && atomic_load_explicit(&set->refs, memory_order_relaxed) == 1);
    if (set->count == set->capacity) {
        set->capacity = set->capacity * 2 + CATALOG_SET_INSERTS_MAX;
        set->entries = mem_realloc(set->entries, set->capacity * sizeof(*set->entries));
    }
    if (set->slot_count < (set->count + 1) * 2)
        catalog_set_index(set, set->capacity);
    size_t slot = catalog_set_slot(set, first, second, entry.hash);
    if (set->slots[slot] != 0) {
        struct catalog_entry *old = &set->entries[set->slots[slot] - 1];
        void *replaced = old->object;
        *old = entry;
        set->kind->unref(replaced);
        return;
    }
    set->entries[set->count++] = entry;
    set->slots[slot] = (uint32_t)set->count;
}

void catalog_set_remove(struct catalog_set *set, struct str first, struct str second)
{
    CHECK(atomic_load_explicit(&set->refs, memory_order_relaxed) == 1);
    if (set->count == 0)
        return;
    size_t slot = catalog_set_slot(set, first, second, catalog_set_hash(first, second));
    if (set->slots[slot] == 0)
        return;
    size_t index = set->slots[slot] - 1;
    void *removed = set->entries[index].object;
    set->count--;
    memmove(&set->entries[index], &set->entries[index + 1],
            (set->count - index) * sizeof(*set->entries));
    if (index < set->sorted_count)
        set->sorted_count--;
    catalog_set_index(set, set->count);
    set->kind->unref(removed);
}

static int catalog_set_compare(const void *left, const void *right)
{
    const struct catalog_entry *a = left, *b = right;
    int order = str_compare(a->first, b->first);

    return order != 0 ? order : str_compare(a->second, b->second);
}

/* Moves the first entry behind the sorted ones to its place among them. */
static void catalog_set_insert(struct catalog_set *set)
{
    struct catalog_entry entry = set->entries[set->sorted_count];
    size_t low = 0, high = set->sorted_count;

    CHECK(set->sorted_count < set->count);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (catalog_set_compare(&set->entries[middle], &entry) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    memmove(&set->entries[low + 1], &set->entries[low],
            (set->sorted_count - low) * sizeof(*set->entries));
    set->entries[low] = entry;
    set->sorted_count++;
}

void catalog_set_finish(struct catalog_set *set)
{
    CHECK(set->sorted_count <= set->count);
    if (!set->kind->sorted || set->sorted_count == set->count)
        return;
    if (set->count - set->sorted_count <= CATALOG_SET_INSERTS_MAX) {
        while (set->sorted_count < set->count)
            catalog_set_insert(set);
    } else {
        qsort(set->entries, set->count, sizeof(*set->entries), catalog_set_compare);
        set->sorted_count = set->count;
    }
    catalog_set_index(set, set->count);
}
