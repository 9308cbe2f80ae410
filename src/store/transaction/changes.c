/* changes.c — an overlay with an order.
 *
 * Writes go to the hash with its undo log (commit/overlay.c). Only a scan needs order, so the
 * sorted array is brought up to date when one is opened: the new keys are sorted and merged from
 * behind. Keys are never taken out; an entry that an undo made void is skipped.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/transaction/changes.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"

#include <stdlib.h>

struct changes *changes_new(void)
{
    struct changes *changes = mem_zalloc(sizeof(*changes));

    arena_init(&changes->arena, 0); /* bounded by transaction_count */
    overlay_init(&changes->overlay);
    CHECK(pthread_mutex_init(&changes->mutex, NULL) == 0);
    return changes;
}

void changes_free(struct changes *changes)
{
    if (changes == NULL)
        return;
    CHECK(changes->sorted_count <= changes->overlay.count);
    overlay_clear(&changes->overlay);
    arena_clear(&changes->arena);
    mem_free(changes->rows);
    mem_free(changes->sorted);
    (void)pthread_mutex_destroy(&changes->mutex);
    mem_free(changes);
}

const struct overlay_entry *changes_find(const struct changes *changes,
                                         const struct kv_space *space, struct str key)
{
    const struct overlay_entry *entry = overlay_find(&changes->overlay, space, key);

    CHECK(entry == NULL || entry->state == OVERLAY_PUT);
    return entry;
}

void changes_put(struct changes *changes, const struct changed_row *row, struct str key,
                 struct str bytes)
{
    struct overlay *overlay = &changes->overlay;
    size_t count = overlay->count;
    size_t prefix = row->table->kind == TABLE_KIND_USER ? row->user.size + 1 : 0;

    CHECK(key.size > prefix);
    overlay_set(overlay, &changes->arena, row->table->rows, key, OVERLAY_PUT, bytes);
    if (overlay->count == count)
        return;
    if (count == changes->row_capacity) {
        changes->row_capacity = 2 * changes->row_capacity + 64;
        changes->rows = mem_realloc(changes->rows, changes->row_capacity * sizeof(*changes->rows));
    }
    struct str copy = overlay->entries[count].key;
    changes->rows[count] = *row;
    changes->rows[count].user = prefix > 0 ? str_from(copy.data, prefix - 1) : STR_EMPTY;
    changes->rows[count].row_id = str_from(copy.data + prefix, copy.size - prefix);
}

/* ---- order ----------------------------------------------------------------------------------- */

static int changed_key_compare(const void *a, const void *b)
{
    const struct changed_key *left = a, *right = b;

    if (left->space != right->space)
        return (uintptr_t)left->space < (uintptr_t)right->space ? -1 : 1;
    return str_compare(left->key, right->key);
}

/* The keys behind `sorted_count` into their places; stops where nothing more has to move. */
static void changes_sort_merge(struct changes *changes, struct changed_key *fresh, size_t count)
{
    size_t to = changes->sorted_count + count, from = changes->sorted_count;

    CHECK(to <= changes->sorted_capacity);
    changes->sorted_count = to;
    while (count > 0) {
        if (from > 0 && changed_key_compare(&changes->sorted[from - 1], &fresh[count - 1]) > 0)
            changes->sorted[--to] = changes->sorted[--from];
        else
            changes->sorted[--to] = fresh[--count];
    }
}

static void changes_sort(struct changes *changes)
{
    const struct overlay *overlay = &changes->overlay;
    size_t sorted = changes->sorted_count, count = overlay->count - sorted;

    CHECK(sorted <= overlay->count);
    if (count == 0)
        return;
    struct changed_key *fresh = mem_calloc(count, sizeof(*fresh));
    for (size_t i = 0; i < count; i++)
        fresh[i] = (struct changed_key){.space = overlay->entries[sorted + i].space,
                                        .key = overlay->entries[sorted + i].key,
                                        .index = sorted + i};
    qsort(fresh, count, sizeof(*fresh), changed_key_compare);
    if (overlay->count > changes->sorted_capacity) {
        changes->sorted_capacity = 2 * overlay->count;
        changes->sorted =
            mem_realloc(changes->sorted, changes->sorted_capacity * sizeof(*changes->sorted));
    }
    changes_sort_merge(changes, fresh, count);
    mem_free(fresh);
}

/* First of the sorted keys that is not before (space, key). */
static size_t changes_seek(const struct changes *changes, const struct kv_space *space,
                           struct str key)
{
    const struct changed_key target = {.space = space, .key = key};
    size_t low = 0, high = changes->sorted_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        CHECK(middle < changes->sorted_count);
        if (changed_key_compare(&changes->sorted[middle], &target) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- walking --------------------------------------------------------------------------------- */

/* Behind the last key of a space: only its address counts. */
static size_t changes_seek_end(const struct changes *changes, const struct kv_space *space)
{
    CHECK(space != NULL);
    return changes_seek(changes, (const struct kv_space *)((uintptr_t)space + 1), STR_EMPTY);
}

void changes_cursor_open(struct changes *changes, const struct scan_options *options,
                         const struct key_range *range, struct changes_cursor *out)
{
    const struct table *table = options->table;
    bool prefixed = table->kind == TABLE_KIND_USER;
    struct buf bound;

    *out = (struct changes_cursor){.changes = changes, .descending = options->descending};
    buf_init(&bound);
    pthread_mutex_lock(&changes->mutex);
    changes_sort(changes);
    pthread_mutex_unlock(&changes->mutex);
    if (prefixed) {
        CHECK(options->user.size > 0);
        buf_append_str(&bound, options->user);
        buf_append_byte(&bound, ':');
    }
    buf_append_str(&bound, range->lower);
    out->first = changes_seek(changes, table->rows, buf_str(&bound));
    if (range->upper.size == 0 && !prefixed) {
        out->end = changes_seek_end(changes, table->rows);
    } else {
        buf_reset(&bound);
        buf_append_str(&bound, prefixed ? options->user : STR_EMPTY);
        if (prefixed) /* `{user};` follows all keys of `{user}:` */
            buf_append_byte(&bound, range->upper.size > 0 ? ':' : ';');
        buf_append_str(&bound, range->upper);
        out->end = changes_seek(changes, table->rows, buf_str(&bound));
    }
    buf_clear(&bound);
}

bool changes_cursor_next(struct changes_cursor *cursor, struct str *row_id, struct str *bytes)
{
    const struct changes *changes = cursor->changes;

    while (cursor->first < cursor->end) {
        size_t at = cursor->descending ? --cursor->end : cursor->first++;
        size_t index = changes->sorted[at].index;
        const struct overlay_entry *entry = &changes->overlay.entries[index];
        CHECK(index < changes->overlay.count);
        if (entry->state != OVERLAY_PUT)
            continue;
        *row_id = changes->rows[index].row_id;
        *bytes = entry->bytes;
        return true;
    }
    return false;
}
