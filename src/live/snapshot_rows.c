/* snapshot_rows.c — which rows a snapshot holds, chosen by one scan and ordered by `_seq`.
 *
 * Key and `_seq` of each chosen row are kept (some 40 bytes); its JSON too until JSON_KEPT_MAX,
 * beyond that rows are read again by key when their batch is sent, from the same view. For the
 * newest n rows the list is cut back to n whenever it has doubled, which gives a threshold that
 * prunes segments and row groups: a first pass over the hot rows alone usually leaves no cold file
 * to read.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "live/snapshot.h"

#include "base/check.h"
#include "base/mem.h"

#include <stdlib.h>

enum { JSON_KEPT_MAX = 4 << 20, TRIM_MIN = 4096 };

/* Tells the sums of the snapshot and of its user what it has come to take. */
static void snapshot_rows_count(struct snapshot_rows *rows)
{
    size_t bytes = rows->capacity * sizeof *rows->rows + rows->keys.capacity + rows->json.capacity;

    if (bytes == rows->counted)
        return;
    CHECK(rows->loading != NULL);
    struct live_user *user = rows->loading->subscription->peer->user;
    atomic_fetch_add(&user->snapshot_bytes, bytes - rows->counted); /* wraps when less */
    rows->loading->snapshot_bytes += bytes - rows->counted;
    rows->counted = bytes;
}

void snapshot_rows_init(struct snapshot_rows *rows, struct loading *loading, int64_t limit)
{
    CHECK(loading != NULL && limit >= -1);
    *rows = (struct snapshot_rows){
        .loading = loading, .json_max = JSON_KEPT_MAX, .limit = limit, .threshold = -1};
    buf_init(&rows->keys);
    buf_init(&rows->json);
}

void snapshot_rows_clear(struct snapshot_rows *rows)
{
    CHECK(rows->count <= rows->capacity);
    mem_free(rows->rows);
    buf_clear(&rows->keys);
    buf_clear(&rows->json);
    rows->capacity = 0;
    snapshot_rows_count(rows);
    *rows = (struct snapshot_rows){
        .loading = rows->loading, .json_max = JSON_KEPT_MAX, .limit = -1, .threshold = -1};
}

struct str snapshot_row_key(const struct snapshot_rows *rows, const struct snapshot_row *row)
{
    CHECK(row->key_offset + row->key_size <= rows->keys.size);
    return str_from(rows->keys.data + row->key_offset, row->key_size);
}

static int snapshot_row_compare(const void *a, const void *b)
{
    const struct snapshot_row *left = a, *right = b;

    CHECK(left && right);
    return left->seq < right->seq ? -1 : left->seq > right->seq;
}

/* Sorts ascending and keeps the newest `limit`; compacts keys and texts. */
void snapshot_rows_trim(struct snapshot_rows *rows)
{
    struct buf keys, json;
    size_t drop;

    CHECK(rows->count <= rows->capacity);
    if (rows->count > 1)
        qsort(rows->rows, rows->count, sizeof *rows->rows, snapshot_row_compare);
    if (rows->limit < 0 || rows->count <= (size_t)rows->limit)
        return;
    drop = rows->count - (size_t)rows->limit;
    buf_init(&keys);
    buf_init(&json);
    for (size_t i = drop; i < rows->count; i++) {
        struct snapshot_row *row = &rows->rows[i - drop];
        *row = rows->rows[i];
        struct str key = snapshot_row_key(rows, row);
        row->key_offset = keys.size;
        buf_append_str(&keys, key);
        if (row->json_size > 0) {
            size_t offset = json.size;
            buf_append(&json, rows->json.data + row->json_offset, row->json_size);
            row->json_offset = offset;
        }
    }
    rows->count -= drop;
    buf_clear(&rows->keys);
    buf_clear(&rows->json);
    rows->keys = keys;
    rows->json = json;
    snapshot_rows_count(rows);
    if (rows->count > 0)
        rows->threshold = rows->rows[0].seq;
}

struct snapshot_row *snapshot_rows_put(struct snapshot_rows *rows, struct str key, int64_t seq)
{
    struct snapshot_row *added;

    CHECK(rows->count <= rows->capacity);
    CHECK(key.size > 0 && key.size <= UINT32_MAX);
    if (rows->limit >= 0 && rows->count >= TRIM_MIN && rows->count >= 2 * (size_t)rows->limit)
        snapshot_rows_trim(rows);
    if (rows->count == rows->capacity) {
        rows->capacity = rows->capacity ? rows->capacity * 2 : 64;
        rows->rows = mem_realloc(rows->rows, rows->capacity * sizeof *rows->rows);
    }
    added = &rows->rows[rows->count++];
    *added = (struct snapshot_row){
        .seq = seq, .key_offset = rows->keys.size, .key_size = (uint32_t)key.size};
    buf_append_str(&rows->keys, key);
    snapshot_rows_count(rows);
    return added;
}

struct snapshot_row *snapshot_rows_append(struct snapshot_rows *rows, const struct row *row)
{
    CHECK(row->bytes.size > 0);
    return snapshot_rows_put(rows, row->key, row_seq(row->bytes));
}

bool snapshot_rows_begin_json(struct snapshot_rows *rows, struct snapshot_row *row)
{
    CHECK(row->json_size == 0);
    row->json_offset = rows->json.size;
    return rows->json.size < rows->json_max;
}

void snapshot_rows_end_json(struct snapshot_rows *rows, struct snapshot_row *row)
{
    CHECK(rows->json.size > row->json_offset);
    /* the writer puts a comma between two objects: it belongs to neither */
    if (rows->json.data[row->json_offset] == ',')
        row->json_offset++;
    row->json_size = (uint32_t)(rows->json.size - row->json_offset);
    snapshot_rows_count(rows);
}

struct scan_options snapshot_scan_options(struct subscription *subscription,
                                          const struct live_plan *plan, struct view *view,
                                          struct arena *arena)
{
    CHECK(plan && view);
    return (struct scan_options){
        .view = view,
        .table = plan->table,
        .user = plan->user,
        .with_deleted = plan->shape->names_deleted,
        .now_us =
            subscription->created_at, /* a row of the snapshot is there until its batch is sent */
        .seq_after = -1,
        .cancelled = &subscription->cancelled,
        .arena = arena,
    };
}

static enum status snapshot_rows_take(const struct live_plan *plan, struct snapshot_rows *rows,
                                      const struct row *row, struct arena *arena, struct error *err)
{
    struct snapshot_row *added;
    enum status status;
    bool matches;

    CHECK(plan && row->bytes.size > 0);
    if (rows->limit == 0 || row_seq(row->bytes) < rows->threshold)
        return STATUS_OK;
    status = live_plan_matches(plan, row, arena, &matches, err);
    if (status != STATUS_OK || !matches)
        return status;
    added = snapshot_rows_append(rows, row);
    if (snapshot_rows_begin_json(rows, added)) {
        encode_row(plan, row, arena, &rows->json);
        snapshot_rows_end_json(rows, added);
    }
    return STATUS_OK;
}

static enum status snapshot_rows_pass(struct subscription *subscription,
                                      const struct live_plan *plan, const struct scan_options *base,
                                      struct snapshot_rows *rows, struct error *err)
{
    struct store *store = subscription->peer->live->options.store;
    struct scan_options options = *base;
    struct scan *scan = NULL;
    struct arena arena, scratch;
    struct row row;
    enum status status;

    CHECK(plan->table == base->table);
    arena_init(&arena, 0);
    live_row_arena_init(subscription->peer->live, &scratch);
    options.arena = &arena;
    status = scan_open(store, &options, &scan, err);
    while (status == STATUS_OK && (status = scan_next(scan, &row, err)) == STATUS_OK) {
        status = snapshot_rows_take(plan, rows, &row, &scratch, err);
        live_row_arena_reset(&scratch);
        if (status == STATUS_OK)
            status = live_check_task(subscription, err);
    }
    scan_close(scan);
    arena_clear(&scratch);
    arena_clear(&arena);
    if (status != STATUS_END)
        return status;
    snapshot_rows_trim(rows);
    return STATUS_OK;
}

/* A pass over the hot rows alone, to learn from which _seq on the newest n can be. */
static enum status snapshot_rows_hot_threshold(struct subscription *subscription,
                                               const struct live_plan *plan,
                                               struct scan_options *options,
                                               struct snapshot_rows *rows, struct error *err)
{
    struct scan_options hot = *options;
    struct scan_estimate estimate;
    int64_t limit = rows->limit;
    enum status status;

    CHECK(plan->table == options->table);
    status = scan_estimate(subscription->peer->live->options.store, options, &estimate, err);
    if (status != STATUS_OK || estimate.segments == 0)
        return status;
    hot.hot_only = true;
    status = snapshot_rows_pass(subscription, plan, &hot, rows, err);
    if (status != STATUS_OK)
        return status;
    if (limit > 0 && rows->count == (size_t)limit)
        options->seq_after = rows->rows[0].seq - 1;
    snapshot_rows_clear(rows);
    rows->limit = limit;
    return STATUS_OK;
}

enum status snapshot_rows_read(struct subscription *subscription, const struct live_plan *plan,
                               struct view *view, struct snapshot_rows *rows, struct error *err)
{
    struct arena arena;
    struct scan_options options;
    enum status status = STATUS_OK;

    CHECK(rows->count == 0);
    if (rows->limit == 0)
        return STATUS_OK;
    arena_init(&arena, 0);
    options = snapshot_scan_options(subscription, plan, view, &arena);
    if (rows->limit > 0)
        status = snapshot_rows_hot_threshold(subscription, plan, &options, rows, err);
    if (status == STATUS_OK)
        status = snapshot_rows_pass(subscription, plan, &options, rows, err);
    arena_clear(&arena);
    return status;
}

enum status snapshot_rows_changed(struct subscription *subscription, const struct live_plan *plan,
                                  struct view *view, int64_t seq_after, struct snapshot_rows *rows,
                                  struct error *err)
{
    struct arena arena;
    struct scan_options options;
    struct scan *scan = NULL;
    struct row row;
    enum status status;

    CHECK(rows->limit == -1 && seq_after >= 0);
    arena_init(&arena, 0);
    options = snapshot_scan_options(subscription, plan, view, &arena);
    options.with_deleted = true;
    options.seq_after = seq_after;
    status = scan_open(subscription->peer->live->options.store, &options, &scan, err);
    while (status == STATUS_OK && (status = scan_next(scan, &row, err)) == STATUS_OK) {
        snapshot_rows_append(rows, &row);
        status = live_check_task(subscription, err);
    }
    scan_close(scan);
    arena_clear(&arena);
    if (status != STATUS_END)
        return status;
    snapshot_rows_trim(rows);
    return STATUS_OK;
}

enum status snapshot_row_get(struct subscription *subscription, const struct live_plan *plan,
                             struct view *view, struct str key, struct arena *arena,
                             struct row *row, struct row_pin *pin, struct error *err)
{
    struct scan_options options = snapshot_scan_options(subscription, plan, view, arena);

    CHECK(key.size > 0);
    options.with_deleted = true;
    return row_get_by_key(subscription->peer->live->options.store, &options, key, row, pin, err);
}
