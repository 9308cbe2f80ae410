/* resume.c — a subscription that goes on from a position its client knows (docs/protocol.md).
 *
 * Every key whose newest version, at the snapshot's view, is above `from` is told exactly once: as
 * a row of a batch if it matches, else as a delete. Which keys those are is read from the feed's
 * ring while that reaches back, so that a thousand clients that come back at once cost no scan;
 * else from a scan of both tiers, where the records of segments prune, or from what such a scan has
 * just found for somebody else (resume_scan.c). Each way only the newest version of a key counts,
 * so all give the same answer. Streams are always scanned: what is buffered no more is not
 * replayed, and a deleted event leaves nothing to tell.
 *
 * A delete carries all columns if the key was deleted and its last version matched; what a row that
 * left the filter looked like before is not known any more: its key, `_seq` and `_deleted` remain.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "live/resume_scan.h"
#include "live/snapshot.h"

#include "base/check.h"
#include "base/mem.h"
#include "store/ddl.h"

enum status resume_problem(struct subscription *subscription, const struct snapshot *snapshot,
                           const char **problem, struct error *err)
{
    struct store *store = subscription->peer->live->options.store;
    int64_t from = subscription->loading->from, created = 0;
    enum status status;

    CHECK(subscription->loading->has_from && from >= 0);
    *problem = NULL;
    status = ddl_created_position(store, snapshot->view, snapshot->plan->table, &created, err);
    if (status != STATUS_OK)
        return status;
    if (from > view_position(snapshot->view))
        *problem = "from is above the newest change of this server: subscribe again without it";
    else if (store_has_lost(store, from))
        *problem = "changes up to from were lost when the server stopped: subscribe again "
                   "without it";
    else if (from < created)
        *problem = "from is older than the table: subscribe again without it";
    return STATUS_OK;
}

/* ---- one key ----------------------------------------------------------------------------------
 */

/* Would the row of a deletion match if it were not deleted? */
static enum status resume_matched_before(const struct live_plan *plan, const struct row *row,
                                         struct arena *arena, bool *matches, struct error *err)
{
    struct row_header header = row_header_get(row->bytes);
    struct row alive = *row;

    *matches = false;
    if (!row_is_deleted(row->bytes))
        return STATUS_OK;
    char *bytes = arena_alloc(arena, row->bytes.size);
    CHECK(row->bytes.size >= ROW_HEADER_BYTES);
    memcpy(bytes, row->bytes.data, row->bytes.size);
    header.flags = (uint8_t)(header.flags & ~(unsigned)ROW_DELETED);
    row_header_set(bytes, &header);
    alive.bytes = str_from(bytes, row->bytes.size);
    return live_plan_matches(plan, &alive, arena, matches, err);
}

enum status resume_encode_gone(const struct live_plan *plan, const struct row *row,
                               struct arena *arena, struct buf *out, struct error *err)
{
    bool whole;
    enum status status = resume_matched_before(plan, row, arena, &whole, err);

    CHECK(row->table->id.value == plan->table->id.value);
    if (status == STATUS_OK)
        encode_deleted(plan, row,
                       &(struct encode_delete){.seq = row_seq(row->bytes),
                                               .deleted = row_is_deleted(row->bytes),
                                               .key_only = !whole},
                       arena, out);
    return status;
}

static enum status resume_take(const struct live_plan *plan, struct snapshot *snapshot,
                               const struct row *row, struct arena *arena, struct error *err)
{
    struct snapshot_rows *rows;
    struct snapshot_row *added;
    bool matches;
    enum status status = live_plan_matches(plan, row, arena, &matches, err);

    CHECK(row->bytes.size > 0);
    if (status != STATUS_OK || (!matches && plan->table->kind == TABLE_KIND_STREAM))
        return status; /* events do not change: one that does not match never did */
    rows = matches ? &snapshot->rows : &snapshot->gone;
    added = snapshot_rows_append(rows, row);
    if (!snapshot_rows_begin_json(rows, added)) {
        /* read again from the view when its batch is sent, unless there is nothing left of it */
        bool lost = plan->table->kind == TABLE_KIND_SYSTEM && row_is_deleted(row->bytes);
        return lost ? error_set(err, STATUS_ABSENT, "more was deleted than is kept") : STATUS_OK;
    }
    if (matches)
        encode_row(plan, row, arena, &rows->json);
    else
        status = resume_encode_gone(plan, row, arena, &rows->json, err);
    if (status == STATUS_OK)
        snapshot_rows_end_json(rows, added);
    return status;
}

/* ---- from the ring ----------------------------------------------------------------------------
 */

struct resume_ring {
    struct change_group **groups;
    size_t group_count;
    struct map newest; /* key → its last change */
    struct row_views views;
};

static void resume_ring_clear(struct resume_ring *ring)
{
    CHECK(ring->groups != NULL || ring->group_count == 0);
    map_clear(&ring->newest);
    row_views_clear(&ring->views);
    for (size_t i = 0; i < ring->group_count; i++)
        change_group_unref(ring->groups[i]);
    mem_free(ring->groups);
}

static void resume_ring_collect(struct resume_ring *ring, const struct live_plan *plan,
                                int64_t from)
{
    CHECK(ring->newest.count == 0);
    for (size_t i = 0; i < ring->group_count; i++) {
        const struct change_group *group = ring->groups[i];
        for (size_t k = 0; k < group->count; k++) {
            struct change *change = &group->changes[k];
            if (change->seq > from && change->table->id.value == plan->table->id.value &&
                str_equal(change->user, plan->user))
                map_put(&ring->newest, change->key, change);
        }
    }
}

/* A version that is not read from the view itself. */
static enum status resume_take_bytes(struct resume_ring *ring, struct snapshot *snapshot,
                                     struct str key, struct str bytes, struct arena *arena,
                                     struct error *err)
{
    struct row row;

    CHECK(key.size > 0);
    if (!row_views_get(&ring->views, snapshot->plan->table, key, bytes, &row))
        return error_set(err, STATUS_CORRUPT, "a row of an unknown schema version");
    return resume_take(snapshot->plan, snapshot, &row, arena, err);
}

static enum status resume_ring_take(struct resume_ring *ring, struct subscription *subscription,
                                    struct snapshot *snapshot, struct error *err)
{
    struct arena arena;
    size_t cursor = 0;
    void *value;
    enum status status = STATUS_OK;

    CHECK(snapshot->plan->table != NULL);
    if (snapshot->plan->table->kind == TABLE_KIND_SYSTEM) /* all of it, or none: resume_take */
        snapshot->gone.json_max = subscription->peer->live->options.queue_bytes_max;
    live_row_arena_init(subscription->peer->live, &arena);
    while (status == STATUS_OK && map_next(&ring->newest, &cursor, NULL, &value)) {
        const struct change *change = value;
        status = resume_take_bytes(ring, snapshot, change->key, change->new_bytes, &arena, err);
        live_row_arena_reset(&arena);
        if (status == STATUS_OK)
            status = live_check_task(subscription, err);
    }
    arena_clear(&arena);
    return status;
}

/* What changed after a position, up to the view. ABSENT when the ring does not reach back. */
static enum status resume_ring_open(struct resume_ring *ring, struct subscription *subscription,
                                    const struct snapshot *snapshot, int64_t after,
                                    struct error *err)
{
    struct feed *feed = store_feed(subscription->peer->live->options.store);
    int64_t upto = view_position(snapshot->view);
    enum status status;

    *ring = (struct resume_ring){.group_count = 0};
    map_init(&ring->newest);
    row_views_init(&ring->views);
    CHECK(after <= upto);
    status = after == upto ? STATUS_OK
                           : feed_range(feed, after, upto, &ring->groups, &ring->group_count);
    if (status == STATUS_END)
        status = error_set(err, STATUS_SHUTTING_DOWN, "the server is stopping");
    if (status == STATUS_OK)
        resume_ring_collect(ring, snapshot->plan, after);
    return status;
}

static enum status resume_from_ring(struct subscription *subscription, struct snapshot *snapshot,
                                    struct error *err)
{
    struct resume_ring ring;
    enum status status =
        resume_ring_open(&ring, subscription, snapshot, subscription->loading->from, err);

    CHECK(snapshot->plan != NULL);
    if (status == STATUS_OK)
        status = resume_ring_take(&ring, subscription, snapshot, err);
    resume_ring_clear(&ring);
    return status;
}

/* ---- from both tiers --------------------------------------------------------------------------
 */

/* ABSENT when no scan is kept that the ring goes on from. */
static enum status resume_from_kept(struct subscription *subscription, struct snapshot *snapshot,
                                    struct error *err)
{
    int64_t from = subscription->loading->from;
    struct resume_scan *scan = resume_scan_find(subscription->peer->live, snapshot->plan, from,
                                                view_position(snapshot->view));
    struct resume_ring ring;
    struct arena arena;

    if (!scan)
        return STATUS_ABSENT;
    live_row_arena_init(subscription->peer->live, &arena);
    enum status status = resume_ring_open(&ring, subscription, snapshot, scan->upto, err);
    if (status == STATUS_OK)
        status = resume_ring_take(&ring, subscription, snapshot, err);
    for (size_t i = 0; status == STATUS_OK && i < scan->count; i++) {
        struct str key = resume_scan_key(scan, i), bytes = resume_scan_bytes(scan, i);
        CHECK(bytes.size > 0);
        if (row_seq(bytes) > from && !map_get(&ring.newest, key))
            status = resume_take_bytes(&ring, snapshot, key, bytes, &arena, err);
        live_row_arena_reset(&arena);
        if (status == STATUS_OK)
            status = live_check_task(subscription, err);
    }
    arena_clear(&arena);
    resume_ring_clear(&ring);
    resume_scan_unref(scan);
    return status;
}

/* NULL once it holds too much to be kept. */
static struct resume_scan *resume_remember(struct resume_scan *scan, const struct row *row,
                                           size_t bytes_max)
{
    if (!scan)
        return NULL;
    CHECK(bytes_max > 0);
    resume_scan_add(scan, row);
    if (resume_scan_size(scan) <= bytes_max)
        return scan;
    resume_scan_unref(scan);
    return NULL;
}

static enum status resume_from_scan(struct subscription *subscription, struct snapshot *snapshot,
                                    struct error *err)
{
    struct live *live = subscription->peer->live;
    int64_t from = subscription->loading->from;
    struct resume_scan *found = NULL;
    struct arena arena, scratch;
    struct scan_options options;
    struct scan *scan = NULL;
    struct row row;
    enum status status;

    CHECK(snapshot->rows.limit == -1);
    if (snapshot->plan->table->kind != TABLE_KIND_STREAM) /* there what is gone by age changes */
        found = resume_scan_new(snapshot->plan, from, view_position(snapshot->view));
    arena_init(&arena, 0);
    live_row_arena_init(live, &scratch);
    options = snapshot_scan_options(subscription, snapshot->plan, snapshot->view, &arena);
    options.with_deleted = true;
    options.seq_after = from;
    status = scan_open(live->options.store, &options, &scan, err);
    while (status == STATUS_OK && (status = scan_next(scan, &row, err)) == STATUS_OK) {
        status = resume_take(snapshot->plan, snapshot, &row, &scratch, err);
        found = resume_remember(found, &row, live->options.queue_bytes_max);
        live_row_arena_reset(&scratch);
        if (status == STATUS_OK)
            status = live_check_task(subscription, err);
    }
    scan_close(scan);
    arena_clear(&scratch);
    arena_clear(&arena);
    if (status == STATUS_END && found)
        resume_scan_keep(live, found);
    else
        resume_scan_unref(found);
    return status == STATUS_END ? STATUS_OK : status;
}

enum status resume_read(struct subscription *subscription, struct snapshot *snapshot,
                        struct error *err)
{
    /* The ring knows of events that are buffered no more: they are not replayed. */
    enum status status = snapshot->plan->table->kind == TABLE_KIND_STREAM
                             ? STATUS_ABSENT
                             : resume_from_ring(subscription, snapshot, err);

    CHECK(subscription->loading->from <= view_position(snapshot->view));
    if (status == STATUS_ABSENT && snapshot->plan->table->kind == TABLE_KIND_SYSTEM) {
        subscription_close(subscription, "RESUME_FAILED",
                           "deleted rows of a system table are not kept that long, or not that "
                           "many of them: subscribe again without from");
        return error_set(err, STATUS_CANCELLED, "not to be resumed");
    }
    if (status == STATUS_ABSENT)
        status = resume_from_kept(subscription, snapshot, err);
    if (status == STATUS_ABSENT)
        status = resume_from_scan(subscription, snapshot, err);
    if (status != STATUS_OK)
        return status;
    snapshot_rows_trim(&snapshot->rows);
    snapshot_rows_trim(&snapshot->gone);
    return STATUS_OK;
}
