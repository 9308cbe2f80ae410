/* snapshot_events.c — what the net difference of two views cannot show by itself: events of streams
 * and rows of system tables that were deleted while their changes were not held.
 *
 * They leave no tombstone. A row of a system table that is missing in the later view was deleted.
 * Of a stream what leaves by age or number leaves from the old end of the table, and subscribers
 * are not told of that; so an event of the former view that is missing in the later one, although
 * an older one is still there, was deleted. Those older than all that are left count as gone by
 * age.
 *
 * What was deleted is told before all other changes, and at the position of the former view: a
 * connection that ends between two messages is then resumed from there, and hears of the rest.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "live/live_internal.h"

#include "base/check.h"

/* The oldest event of a view; empty when there is none. */
static enum status snapshot_events_first(struct store *store, const struct scan_options *options,
                                         struct str *key, struct error *err)
{
    struct scan *scan = NULL;
    struct row row;
    enum status status = scan_open(store, options, &scan, err);

    CHECK(key != NULL);
    *key = STR_EMPTY;
    if (status == STATUS_OK)
        status = scan_next(scan, &row, err);
    if (status == STATUS_OK)
        *key = arena_copy(options->arena, row.key);
    scan_close(scan);
    return status == STATUS_END ? STATUS_OK : status;
}

static enum status snapshot_events_check(struct store *store, const struct scan_options *later,
                                         const struct row *row, int64_t position,
                                         struct change_writer *writer, struct error *err)
{
    struct row_pin pin = {0};
    struct row left;
    enum status status = row_get_by_key(store, later, row->key, &left, &pin, err);

    CHECK(row->bytes.size > 0);
    if (status == STATUS_OK)
        row_pin_release(store, &pin);
    if (status != STATUS_ABSENT)
        return status;
    return change_writer_add(writer, row->key, row->bytes, STR_EMPTY, position, err);
}

bool snapshot_leaves_no_tombstones(const struct table *table)
{
    CHECK(table != NULL);
    return table->kind == TABLE_KIND_STREAM || table->kind == TABLE_KIND_SYSTEM;
}

enum status snapshot_events_deleted(struct subscription *subscription, struct view *from,
                                    struct view *to, struct change_writer *writer,
                                    struct error *err)
{
    struct store *store = subscription->peer->live->options.store;
    struct arena arena;
    struct scan *scan = NULL;
    struct row row;

    CHECK(snapshot_leaves_no_tombstones(writer->plan->table));
    arena_init(&arena, 0);
    struct scan_options options = {.view = to,
                                   .table = writer->plan->table,
                                   .now_us = subscription->created_at,
                                   .seq_after = -1,
                                   .cancelled = &subscription->cancelled,
                                   .arena = &arena};
    struct scan_options former = options;
    former.view = from;
    bool stream = writer->plan->table->kind == TABLE_KIND_STREAM;
    enum status status =
        stream ? snapshot_events_first(store, &options, &former.range.lower, err) : STATUS_OK;
    if (status == STATUS_OK && (!stream || former.range.lower.size > 0))
        status = scan_open(store, &former, &scan, err);
    while (status == STATUS_OK && scan != NULL) {
        status = scan_next(scan, &row, err);
        if (status == STATUS_OK)
            status = snapshot_events_check(store, &options, &row, view_position(from), writer, err);
        if (status == STATUS_OK)
            status = live_check_task(subscription, err);
        live_row_arena_reset(writer->arena);
    }
    scan_close(scan);
    arena_clear(&arena);
    return status == STATUS_END ? STATUS_OK : status;
}
