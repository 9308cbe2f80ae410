/* catalog_set.h — one kind of named, counted objects inside a catalogue version: a sorted array and
 * a hash index over it. A set is immutable once its catalogue version is finished and then shared
 * between versions; before that only its builder knows it. Private to catalog/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CATALOG_CATALOG_SET_H
#define CATALOG_CATALOG_SET_H

#include "base/str.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Objects carry their own reference count and the memory of their name. */
struct catalog_set_kind {
    void *(*ref)(const void *object);
    void (*unref)(void *object);
    bool sorted; /* false: look-up only, the order means nothing */
};

struct catalog_entry {
    struct str first, second; /* the name in two parts; they lie in the object */
    uint64_t hash;
    void *object;
};

struct catalog_set {
    atomic_uint refs;
    const struct catalog_set_kind *kind;
    struct catalog_entry *entries;
    size_t count, capacity;
    size_t sorted_count; /* entries up to here are in order */
    uint32_t *slots;     /* index + 1 into entries, 0 = free; linear probing */
    size_t slot_count;   /* power of two, at least twice `count` */
};

struct catalog_set *catalog_set_new(const struct catalog_set_kind *kind);
struct catalog_set *catalog_set_ref(struct catalog_set *set);
void catalog_set_unref(struct catalog_set *set); /* NULL is fine */
void *catalog_set_find(const struct catalog_set *set, struct str first, struct str second);

/* Building: on a set with one reference only. */
struct catalog_set *catalog_set_copy(const struct catalog_set *set);
/* Takes the reference of `object`; replaces and releases one of the same name. */
void catalog_set_put(struct catalog_set *set, struct str first, struct str second, void *object);
void catalog_set_remove(struct catalog_set *set, struct str first, struct str second);
/* Puts the entries in order. */
void catalog_set_finish(struct catalog_set *set);

#endif
