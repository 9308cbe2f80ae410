/* scan.c — the merged iterator: hot range ∪ cold segments in key order, one version per key.
 *
 * The hot iterator and one cursor per *open* segment each stand on their next row; the outermost
 * key is the next result. Equal keys meet only between hot and cold (COLD_UNIQUE), and the hot row
 * wins (ONE_VERSION), a tombstone too: it hides the cold row and is then dropped itself.
 *
 * Segments are opened only when the merge can reach them: they are kept in order of the end at
 * which the scan would enter them (key max going down, key min going up), and the next one is
 * opened when its entry lies at or before the candidate key. So the last 50 rows of an active user
 * touch no file, and a user with many segments reads one or two. Open cursors are kept sorted by
 * insertion: they are few, and runs of one segment stay in front.
 *
 * At a transaction's view the hot side is itself a merge: the stored hot rows and those that the
 * transaction has written, which hide a stored one of their key.
 *
 * A scan over an instance without cold rows is a bare loop over the kv iterator; nothing is
 * allocated per row. Everything lies in the caller's arena. One thread at a time; the view is the
 * caller's.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "store/cold.h"
#include "store/hot.h"
#include "store/store_internal.h"
#include "store/stream.h"
#include "store/transaction/changes.h"

/* The hot side of a transaction's view: stored rows and its own, merged. */
struct scan_changed {
    struct changes_cursor own;
    struct str own_key, own_bytes; /* the row it stands on; empty key = end */
    struct str stored_key, stored_bytes;
    bool own_consumed, stored_consumed;
};

struct scan {
    struct store *store;
    struct scan_options options;
    struct row_projections projections;
    struct hot_cursor hot;
    struct str hot_key, hot_bytes; /* the row it stands on; empty key = end */
    bool hot_consumed;             /* that row was returned: step first */
    struct scan_changed *changed;  /* NULL: no transaction */
    struct segment_list *list;
    struct cold_cursor_options cold;
    struct segment **waiting; /* segments not opened yet, next first */
    uint32_t waiting_count;
    struct cold_cursor *open; /* sorted, next first */
    uint32_t open_count;
    bool cold_consumed;      /* open[0] was returned: step first */
    struct str lower, upper; /* copied bounds of row_ids */
    bool empty;
};

/* ---- opening
 * -------------------------------------------------------------------------------------- */

static enum status scan_open_cold(struct scan *scan, struct error *err)
{
    const struct scan_options *options = &scan->options;
    struct str user = options->table->kind == TABLE_KIND_USER ? options->user : STR_EMPTY;
    struct key_range range = {scan->lower, scan->upper};

    enum status status =
        segment_list_load(scan->store, options->view, options->table->id, user,
                          options->cached_only ? KV_READ_CACHED : 0, &scan->list, err);
    if (status != STATUS_OK)
        return hot_translate(status, options->table, err);
    if (scan->list->count == 0)
        return STATUS_OK;
    scan->cold = (struct cold_cursor_options){
        .table = options->table,
        .range = range,
        .descending = options->descending,
        .cached_only = options->cached_only,
        .cancelled = options->cancelled,
        .seq_after = options->seq_after,
    };
    scan->waiting = arena_array(options->arena, scan->list->count, sizeof(struct segment *));
    scan->open = arena_array(options->arena, scan->list->count, sizeof(struct cold_cursor));
    for (uint32_t i = 0; i < scan->list->count; i++) {
        struct segment *segment = scan->list->segments[i];
        if (!cold_may_contribute(segment, &range, options->seq_after) ||
            !segment_may_hold(segment, options->bounds, options->bound_count))
            continue;
        /* Insertion sort: the list is newest first, which is nearly the order of a scan downwards.
         */
        uint32_t at = scan->waiting_count++;
        while (at > 0 &&
               (options->descending
                    ? str_compare(scan->waiting[at - 1]->key_max, segment->key_max) < 0
                    : str_compare(scan->waiting[at - 1]->key_min, segment->key_min) > 0)) {
            scan->waiting[at] = scan->waiting[at - 1];
            at--;
        }
        scan->waiting[at] = segment;
    }
    CHECK(scan->waiting_count <= scan->list->count);
    return STATUS_OK;
}

/* Expired events of a stream are below the range, and so is where only removed ones were. */
static struct str scan_open_stream(struct scan *scan, struct str lower)
{
    const struct scan_options *options = &scan->options;
    char expiry[STREAM_PREFIX_BYTES + 1];
    size_t expiry_size = stream_expiry_key(options->table, options->now_us, expiry);
    struct str first = str_from(expiry, expiry_size);
    struct buf low;

    CHECK(options->table->kind == TABLE_KIND_STREAM);
    buf_init(&low);
    stream_key_prefix(stream_low_ms(scan->store, options->table->id, options->view), &low);
    if (str_compare(first, buf_str(&low)) < 0)
        first = buf_str(&low);
    if (str_compare(lower, first) < 0)
        lower = first;
    lower = arena_copy(options->arena, lower);
    buf_clear(&low);
    return lower;
}

static void scan_open_bounds(struct scan *scan)
{
    const struct scan_options *options = &scan->options;
    struct str lower = options->range.lower;

    if (options->table->kind == TABLE_KIND_STREAM)
        scan->lower = scan_open_stream(scan, lower);
    else
        scan->lower = lower.size > 0 ? arena_copy(options->arena, lower) : STR_EMPTY;
    scan->upper = options->range.upper.size > 0 ? arena_copy(options->arena, options->range.upper)
                                                : STR_EMPTY;
    scan->empty = scan->upper.size > 0 && str_compare(scan->lower, scan->upper) >= 0;
    CHECK(scan->lower.size == 0 || scan->lower.data != NULL);
}

static struct str scan_hot_bound(struct scan *scan, struct str bound, char separator)
{
    struct str user = scan->options.user;
    char *bytes = arena_alloc(scan->options.arena, user.size + 1 + bound.size);

    CHECK(user.size > 0 && memchr(user.data, ':', user.size) == NULL);
    memcpy(bytes, user.data, user.size);
    bytes[user.size] = separator;
    if (bound.size > 0)
        memcpy(bytes + user.size + 1, bound.data, bound.size);
    return str_from(bytes, user.size + 1 + bound.size);
}

static void scan_open_changes(struct scan *scan)
{
    const struct scan_options *options = &scan->options;
    struct key_range range = {scan->lower, scan->upper};

    CHECK(options->view->changes != NULL);
    scan->changed = arena_zalloc(options->arena, sizeof(*scan->changed));
    changes_cursor_open(options->view->changes, options, &range, &scan->changed->own);
    scan->changed->own_consumed = scan->changed->stored_consumed = true;
}

/* Number of hot rows, where it is worth a look-up: they end the walk over what a flush removed,
 * tell a descending walk how to go, and a walk over the whole instance whether it met them all
 * (COUNTED). Who reads all hot rows and nothing else (flush, backup) counts them himself, strictly:
 * more than are counted are as bad. */
static enum status scan_open_count(struct scan *scan, int64_t *rows, struct error *err)
{
    const struct scan_options *options = &scan->options;
    enum table_kind kind = options->table->kind;
    bool was_flushed = scan->list != NULL && scan->list->count > 0;
    bool is_all = scan->lower.size == 0 && scan->upper.size == 0;
    bool is_wanted = was_flushed || (options->descending && !options->whole) ||
                     (is_all && !(options->hot_only && options->whole));
    struct instance_record instance;

    CHECK(options->view->snapshot != NULL);
    *rows = -1;
    if ((kind != TABLE_KIND_USER && kind != TABLE_KIND_SHARED) || !is_wanted)
        return STATUS_OK;
    enum status status = instance_load(scan->store, options->view->snapshot, options->table->id,
                                       kind == TABLE_KIND_USER ? options->user : STR_EMPTY,
                                       options->cached_only ? KV_READ_CACHED : 0, &instance, err);
    if (status != STATUS_OK)
        return hot_translate(status, options->table, err);
    *rows = instance.buffered_rows;
    return STATUS_OK;
}

static enum status scan_open_hot(struct scan *scan, struct error *err)
{
    const struct scan_options *options = &scan->options;
    bool prefixed = options->table->kind == TABLE_KIND_USER;
    struct hot_cursor_options hot = {
        .table = options->table,
        .snapshot = options->view->snapshot,
        .lower = scan->lower,
        .upper = scan->upper,
        .descending = options->descending,
        .cached_only = options->cached_only,
        .fill_cache = !options->hot_only,
        .whole = options->whole,
        .all = scan->lower.size == 0 && scan->upper.size == 0,
        .cancelled = options->cancelled,
    };

    CHECK(options->table->rows != NULL);
    if (prefixed) { /* `{user};` follows all keys of `{user}:` */
        hot.lower = scan_hot_bound(scan, scan->lower, ':');
        hot.upper = scan_hot_bound(scan, scan->upper, scan->upper.size > 0 ? ':' : ';');
        hot.prefix_size = options->user.size + 1;
    }
    enum status status = scan_open_count(scan, &hot.rows, err);
    if (status == STATUS_OK)
        hot_cursor_open(scan->store, &hot, &scan->hot);
    scan->hot_consumed = true;
    if (options->view->changes != NULL &&
        (options->table->kind == TABLE_KIND_USER || options->table->kind == TABLE_KIND_SHARED))
        scan_open_changes(scan);
    return status;
}

enum status scan_open(struct store *store, const struct scan_options *options, struct scan **out,
                      struct error *err)
{
    enum table_kind kind = options->table->kind;

    CHECK(options->arena != NULL && options->view != NULL);
    CHECK((kind == TABLE_KIND_USER) == (options->user.size > 0) || kind != TABLE_KIND_USER);
    struct scan *scan = arena_zalloc(options->arena, sizeof(*scan));
    scan->store = store;
    scan->options = *options;
    scan_open_bounds(scan);
    enum status status = STATUS_OK;
    if (!scan->empty && !options->hot_only &&
        (kind == TABLE_KIND_USER || kind == TABLE_KIND_SHARED))
        status = scan_open_cold(scan, err);
    if (!scan->empty && status == STATUS_OK)
        status = scan_open_hot(scan, err);
    if (status != STATUS_OK) {
        scan_close(scan);
        return status;
    }
    *out = scan;
    return STATUS_OK;
}

void scan_close(struct scan *scan)
{
    if (scan == NULL)
        return;
    CHECK(scan->store != NULL);
    hot_cursor_close(&scan->hot);
    for (uint32_t i = 0; i < scan->open_count; i++)
        cold_cursor_close(&scan->open[i]);
    scan->open_count = 0;
    segment_list_unref(scan->list);
    scan->list = NULL;
}

/* ---- the hot side
 * --------------------------------------------------------------------------------- */

/* Whether `a` comes before `b` in the direction of the scan. */
static bool scan_is_before(const struct scan *scan, struct str a, struct str b)
{
    int order = str_compare(a, b);
    CHECK(a.size > 0 && b.size > 0);
    return scan->options.descending ? order > 0 : order < 0;
}

/* The next of the stored and the transaction's own rows; its own hides a stored one. */
static enum status scan_hot_step_changed(struct scan *scan, struct error *err)
{
    struct scan_changed *changed = scan->changed;
    enum status status = STATUS_OK;

    CHECK(scan->hot_consumed);
    if (changed->stored_consumed)
        status = hot_cursor_next(&scan->hot, &changed->stored_key, &changed->stored_bytes, err);
    if (status != STATUS_OK)
        return hot_translate(status, scan->options.table, err);
    if (changed->own_consumed &&
        !changes_cursor_next(&changed->own, &changed->own_key, &changed->own_bytes))
        changed->own_key = STR_EMPTY;
    changed->stored_consumed = changed->own_consumed = false;
    scan->hot_consumed = false;
    if (changed->own_key.size == 0 ||
        (changed->stored_key.size > 0 &&
         scan_is_before(scan, changed->stored_key, changed->own_key))) {
        scan->hot_key = changed->stored_key;
        scan->hot_bytes = changed->stored_bytes;
        changed->stored_consumed = true;
        return STATUS_OK;
    }
    scan->hot_key = changed->own_key;
    scan->hot_bytes = changed->own_bytes;
    changed->own_consumed = true;
    changed->stored_consumed = str_equal(changed->stored_key, changed->own_key);
    return STATUS_OK;
}

/* Makes the cursor stand on the next hot row. */
static enum status scan_hot_step(struct scan *scan, struct error *err)
{
    CHECK(scan->store != NULL);
    if (!scan->hot_consumed)
        return STATUS_OK;
    if (scan->changed != NULL)
        return scan_hot_step_changed(scan, err);
    enum status status = hot_cursor_next(&scan->hot, &scan->hot_key, &scan->hot_bytes, err);
    scan->hot_consumed = false;
    return hot_translate(status, scan->options.table, err);
}

/* ---- the cold side
 * -------------------------------------------------------------------------------- */

/* open[0] has moved: puts it in its place again, or drops it at its end. */
static void scan_cold_resort(struct scan *scan)
{
    struct cold_cursor moved = scan->open[0];
    uint32_t at = 0;

    CHECK(scan->open_count > 0);
    if (!cold_cursor_is_valid(&moved)) {
        scan->open_count--;
        memmove(&scan->open[0], &scan->open[1], scan->open_count * sizeof(moved));
        return;
    }
    while (at + 1 < scan->open_count && scan_is_before(scan, scan->open[at + 1].key, moved.key)) {
        scan->open[at] = scan->open[at + 1];
        at++;
    }
    scan->open[at] = moved;
}

static enum status scan_cold_step(struct scan *scan, struct error *err)
{
    CHECK(scan->open_count > 0);
    enum status status = cold_cursor_next(scan->store, &scan->cold, &scan->open[0], err);
    scan->cold_consumed = false;
    if (status == STATUS_OK)
        scan_cold_resort(scan);
    return status;
}

static enum status scan_cold_open_next(struct scan *scan, struct error *err)
{
    struct segment *segment = scan->waiting[0];
    struct cold_cursor cursor;

    CHECK(scan->waiting_count > 0);
    enum status status = cold_cursor_open(scan->store, &scan->cold, segment, &cursor, err);
    if (status != STATUS_OK)
        return status;
    scan->waiting++;
    scan->waiting_count--;
    if (!cold_cursor_is_valid(&cursor))
        return STATUS_OK;
    memmove(&scan->open[1], &scan->open[0], scan->open_count * sizeof(cursor));
    scan->open[0] = cursor;
    scan->open_count++;
    scan_cold_resort(scan);
    return STATUS_OK;
}

/* Opens every segment that can hold a row at or before the next result. */
static enum status scan_cold_reach(struct scan *scan, struct str hot_key, struct error *err)
{
    while (scan->waiting_count > 0) {
        struct str entry =
            scan->options.descending ? scan->waiting[0]->key_max : scan->waiting[0]->key_min;
        CHECK(entry.size > 0);
        if (hot_key.size > 0 && scan_is_before(scan, hot_key, entry))
            return STATUS_OK;
        if (scan->open_count > 0 && scan_is_before(scan, scan->open[0].key, entry))
            return STATUS_OK;
        enum status status = scan_cold_open_next(scan, err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* ---- merging
 * -------------------------------------------------------------------------------------- */

static enum status scan_take_hot(struct scan *scan, struct row *row, struct error *err)
{
    CHECK(!scan->hot_consumed);
    scan->hot_consumed = true;
    *row =
        (struct row){.table = scan->options.table, .key = scan->hot_key, .bytes = scan->hot_bytes};
    enum status status =
        row_accept(scan->options.table, &scan->projections, scan->options.arena, row, err);
    return hot_translate(status, scan->options.table, err);
}

static enum status scan_take_cold(struct scan *scan, struct row *row, struct error *err)
{
    const struct cold_cursor *cursor = &scan->open[0];

    CHECK(scan->open_count > 0 && !scan->cold_consumed);
    scan->cold_consumed = true;
    *row = (struct row){.table = scan->options.table, .key = cursor->key, .bytes = cursor->bytes};
    enum status status =
        row_accept(scan->options.table, &scan->projections, scan->options.arena, row, err);
    return cold_translate(status, scan->options.table, err);
}

/* The next key of either side with its current version. */
static enum status scan_merge(struct scan *scan, struct row *row, struct error *err)
{
    enum status status = scan_hot_step(scan, err);
    struct str key = scan->hot_key;

    if (status == STATUS_OK && scan->cold_consumed)
        status = scan_cold_step(scan, err);
    if (status == STATUS_OK && scan->waiting_count > 0)
        status = scan_cold_reach(scan, key, err);
    if (status != STATUS_OK)
        return status;
    if (scan->open_count == 0)
        return key.size > 0 ? scan_take_hot(scan, row, err) : STATUS_END;
    if (key.size == 0 || scan_is_before(scan, scan->open[0].key, key))
        return scan_take_cold(scan, row, err);
    if (str_equal(scan->open[0].key, key)) {
        CHECK_SLOW((row_header_get(scan->hot_bytes).flags & ROW_SHADOW) != 0);
        scan->cold_consumed = true; /* ONE_VERSION: the hot row hides it */
    }
    return scan_take_hot(scan, row, err);
}

enum status scan_next(struct scan *scan, struct row *row, struct error *err)
{
    const struct scan_options *options = &scan->options;

    CHECK(row != NULL);
    if (scan->empty)
        return STATUS_END;
    for (;;) {
        if (options->cancelled != NULL &&
            atomic_load_explicit(options->cancelled, memory_order_relaxed))
            return error_set(err, STATUS_CANCELLED, "cancelled");
        enum status status = scan_merge(scan, row, err);
        if (status != STATUS_OK)
            return status;
        if (!options->with_deleted && row_is_deleted(row->bytes))
            continue;
        if (options->seq_after < 0 || row_seq(row->bytes) > options->seq_after)
            return STATUS_OK;
    }
}
