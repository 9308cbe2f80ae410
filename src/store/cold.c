/* cold.c — look-ups and cursors over the cold segments of an instance (see cold.h).
 *
 * Rows lie by key descending, so "forward in the file" is descending. A cursor finds its first row
 * by binary search over the row groups of the record and then within the block; it holds one block
 * at a time.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/cold.h"

#include "base/check.h"
#include "base/log.h"
#include "store/store_internal.h"

enum status cold_translate(enum status status, const struct table *table, struct error *err)
{
    if (status != STATUS_IO_FAILED && status != STATUS_ABSENT && status != STATUS_CORRUPT)
        return status;
    CHECK(table != NULL);
    log_error("cold rows of %.*s.%.*s: %s: %s", STR_ARG(table->space), STR_ARG(table->name),
              status_name(status), err != NULL && err->code != STATUS_OK ? err->message : "");
    if (status == STATUS_CORRUPT)
        return error_set(err, STATUS_INTERNAL_ERROR, "cold rows of %.*s.%.*s are damaged",
                         STR_ARG(table->space), STR_ARG(table->name));
    return error_set(err, STATUS_STORAGE_UNAVAILABLE, "cold rows of %.*s.%.*s cannot be read",
                     STR_ARG(table->space), STR_ARG(table->name));
}

/* ---- one row
 * -------------------------------------------------------------------------------------- */

/* Makes `held` the row group of the segment that can hold the key. */
static enum status cold_lookup_hold(struct store *store, struct cold_lookup *lookup,
                                    const struct segment *segment, struct str key,
                                    struct error *err)
{
    uint32_t group = segment_find_group(segment, key);
    struct row_block *held = lookup->held;

    CHECK(group < segment->group_count);
    if (held != NULL && held->segment_id == segment->id && held->group == group)
        return STATUS_OK;
    cold_lookup_clear(lookup);
    struct row_cache_want want = {.table = lookup->table,
                                  .segment = segment,
                                  .group = group,
                                  .cached_only = lookup->cached_only,
                                  .cancelled = lookup->cancelled};
    enum status status = row_cache_get(store, &want, &lookup->held, err);
    return status == STATUS_WOULD_BLOCK ? status : cold_translate(status, lookup->table, err);
}

enum status cold_lookup_get(struct store *store, struct cold_lookup *lookup, struct str key,
                            struct row *row, struct row_pin *pin, struct error *err)
{
    CHECK(lookup->table != NULL && lookup->list != NULL && pin->cold == NULL);
    for (uint32_t i = 0; i < lookup->list->count; i++) {
        const struct segment *segment = lookup->list->segments[i];
        if (!segment_may_contain(segment, key))
            continue;
        enum status status = cold_lookup_hold(store, lookup, segment, key, err);
        if (status != STATUS_OK)
            return status;
        struct row_block *block = lookup->held;
        uint32_t index = row_block_find(block, key);
        if (index == block->rows || !str_equal(row_block_key(block, index), key))
            continue;
        *row = (struct row){
            .table = lookup->table,
            .key = row_block_key(block, index),
            .bytes = row_block_bytes(block, index),
        };
        pin->cold = row_block_ref(block);
        return STATUS_OK;
    }
    return STATUS_ABSENT;
}

void cold_lookup_clear(struct cold_lookup *lookup)
{
    CHECK(lookup != NULL);
    row_block_unref(lookup->held);
    lookup->held = NULL;
}

/* ---- cursors
 * -------------------------------------------------------------------------------------- */

bool cold_may_contribute(const struct segment *segment, const struct key_range *range,
                         int64_t seq_after)
{
    CHECK(segment->group_count > 0);
    if (segment->seq_max <= seq_after)
        return false;
    if (range->lower.size > 0 && str_compare(segment->key_max, range->lower) < 0)
        return false;
    return range->upper.size == 0 || str_compare(segment->key_min, range->upper) < 0;
}

void cold_cursor_close(struct cold_cursor *cursor)
{
    CHECK(cursor != NULL);
    row_block_unref(cursor->block);
    cursor->block = NULL;
    cursor->key = cursor->bytes = STR_EMPTY;
}

/* Ends the cursor when its row lies outside the range on the far side. */
static void cold_cursor_settle(const struct cold_cursor_options *options,
                               struct cold_cursor *cursor)
{
    CHECK(cursor->row < cursor->block->rows);
    cursor->key = row_block_key(cursor->block, cursor->row);
    cursor->bytes = row_block_bytes(cursor->block, cursor->row);
    struct str lower = options->range.lower, upper = options->range.upper;
    bool outside = options->descending ? lower.size > 0 && str_compare(cursor->key, lower) < 0
                                       : upper.size > 0 && str_compare(cursor->key, upper) >= 0;
    if (outside)
        cold_cursor_close(cursor);
}

static bool cold_cursor_skips(const struct cold_cursor_options *options,
                              const struct row_group *group)
{
    CHECK(group->rows > 0);
    return group->seq_max <= options->seq_after;
}

/* Stands on the outermost row of `group` or of the next one in the direction that is not skipped;
 * past the last group the cursor ends. `group` may be one beyond either end. */
static enum status cold_cursor_enter(struct store *store, const struct cold_cursor_options *options,
                                     struct cold_cursor *cursor, int64_t group, struct error *err)
{
    struct segment *segment = cursor->segment;
    int64_t step = options->descending ? 1 : -1;
    struct row_block *block = NULL;

    cold_cursor_close(cursor);
    while (group >= 0 && group < segment->group_count &&
           cold_cursor_skips(options, &segment->groups[group]))
        group += step;
    if (group < 0 || group >= segment->group_count)
        return STATUS_OK;
    struct row_cache_want want = {.table = options->table,
                                  .segment = segment,
                                  .group = (uint32_t)group,
                                  .cached_only = options->cached_only,
                                  .cancelled = options->cancelled};
    enum status status = row_cache_get(store, &want, &block, err);
    if (status != STATUS_OK)
        return status == STATUS_WOULD_BLOCK ? status : cold_translate(status, options->table, err);
    CHECK(block->rows == segment->groups[group].rows);
    cursor->block = block;
    cursor->group = (uint32_t)group;
    cursor->row = options->descending ? 0 : block->rows - 1;
    return STATUS_OK;
}

/* Moves within the block to the first row of the range; its group was chosen by the same bound. */
static void cold_cursor_seek_block(const struct cold_cursor_options *options,
                                   struct cold_cursor *cursor)
{
    const struct row_block *block = cursor->block;
    struct str bound = options->descending ? options->range.upper : options->range.lower;

    CHECK(block != NULL);
    if (bound.size == 0)
        return;
    uint32_t found = row_block_find(block, bound); /* first key ≤ bound */
    bool equal = found < block->rows && str_equal(row_block_key(block, found), bound);
    if (options->descending) {
        cursor->row = found + (equal ? 1 : 0); /* upper is exclusive */
    } else {
        CHECK(found > 0 || equal);
        cursor->row = equal ? found : found - 1; /* last key ≥ lower */
    }
}

enum status cold_cursor_open(struct store *store, const struct cold_cursor_options *options,
                             struct segment *segment, struct cold_cursor *out, struct error *err)
{
    struct str bound = options->descending ? options->range.upper : options->range.lower;
    int64_t group = options->descending ? 0 : (int64_t)segment->group_count - 1;

    CHECK(segment->group_count > 0);
    *out = (struct cold_cursor){.segment = segment};
    if (bound.size > 0) {
        /* The first group with a key ≤ bound; going up, the one before when all of it is smaller.
         */
        group = segment_find_group(segment, bound);
        if (!options->descending && (group == segment->group_count ||
                                     str_compare(segment->groups[group].key_max, bound) < 0))
            group--;
    }
    int64_t first = group;
    enum status status = cold_cursor_enter(store, options, out, group, err);
    if (status != STATUS_OK || out->block == NULL)
        return status;
    if (out->group == first)
        cold_cursor_seek_block(options, out);
    if (out->row >= out->block->rows) {
        status = cold_cursor_enter(store, options, out, (int64_t)out->group + 1, err);
        if (status != STATUS_OK || out->block == NULL)
            return status;
    }
    cold_cursor_settle(options, out);
    return STATUS_OK;
}

enum status cold_cursor_next(struct store *store, const struct cold_cursor_options *options,
                             struct cold_cursor *cursor, struct error *err)
{
    CHECK(cursor->block != NULL);
    if (options->descending && cursor->row + 1 < cursor->block->rows) {
        cursor->row++;
    } else if (!options->descending && cursor->row > 0) {
        cursor->row--;
    } else {
        int64_t group = (int64_t)cursor->group + (options->descending ? 1 : -1);
        enum status status = cold_cursor_enter(store, options, cursor, group, err);
        if (status != STATUS_OK || cursor->block == NULL)
            return status;
    }
    cold_cursor_settle(options, cursor);
    return STATUS_OK;
}
