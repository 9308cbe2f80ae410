/* flush_rewrite.c — shadows into the segments they touch: copy on write.
 *
 * A shadow is a hot version of a row that also lies cold. For every segment that holds such a key a
 * new file is written with the same keys, the hot version in place of the cold one (a tombstone as
 * a row with _deleted), and installed instead of the old one in one batch. So a key stays in one
 * file only (COLD_UNIQUE) and no old version comes back (spec §9 trap 2). Both sides stream in key
 * order. The view is held to the end: its segment list stays true because nobody else changes it
 * (one flush per table).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "store/flush_internal.h"

struct flush_merge {
    struct flush_run *run;
    const struct view *view;
    const struct table *table;
    struct segment *segment;
    struct cold_cursor_options cold_options;
    struct cold_cursor cold;
    bool cold_taken;  /* the cursor's row was given: step first */
    struct scan *hot; /* the hot rows within the segment's keys */
    struct row hot_row;
    bool hot_valid, hot_taken;
    struct row_projections projections;
    struct arena arena;
};

static enum status flush_merge_open(struct flush_merge *merge, struct error *err)
{
    struct segment *segment = merge->segment;
    struct buf upper;

    arena_init(&merge->arena, 0);
    buf_init(&upper);
    buf_append_str(&upper, segment->key_max);
    buf_append_byte(&upper, 0); /* the bound is exclusive */
    struct scan_options options = {
        .view = merge->view,
        .table = merge->table,
        .user = segment->user,
        .range = {segment->key_min, buf_str(&upper)},
        .descending = true,
        .with_deleted = true,
        .hot_only = true,
        .whole = true,
        .seq_after = -1,
        .arena = &merge->arena,
    };
    enum status status = scan_open(merge->run->store, &options, &merge->hot, err);
    buf_clear(&upper);
    merge->cold_options =
        (struct cold_cursor_options){.table = merge->table, .descending = true, .seq_after = -1};
    merge->hot_taken = true;
    CHECK(merge->cold.block == NULL);
    return status;
}

static void flush_merge_close(struct flush_merge *merge)
{
    CHECK(merge->run != NULL);
    cold_cursor_close(&merge->cold);
    scan_close(merge->hot);
    arena_clear(&merge->arena);
}

static enum status flush_merge_hot_step(struct flush_merge *merge, struct error *err)
{
    enum status status = scan_next(merge->hot, &merge->hot_row, err);

    CHECK(merge->hot_taken);
    merge->hot_taken = false;
    merge->hot_valid = status == STATUS_OK;
    return status == STATUS_END ? STATUS_OK : status;
}

/* True when the segment holds the key of at least one shadow. */
static enum status flush_rewrite_touches(struct flush_merge *merge, bool *touches,
                                         struct error *err)
{
    struct segment_list one = {.segments = &merge->segment, .count = 1};
    struct flush_run *run = merge->run;
    enum status status;

    *touches = false;
    while ((status = scan_next(merge->hot, &merge->hot_row, err)) == STATUS_OK && !*touches) {
        struct row_pin pin = {.cold = NULL};
        struct row row;
        if ((row_header_get(merge->hot_row.bytes).flags & ROW_SHADOW) == 0)
            continue;
        if (flush_run_cancelled(run))
            return error_set(err, STATUS_CANCELLED, "cancelled");
        status = cold_get(run->store, merge->view, merge->table, merge->segment->user,
                          merge->hot_row.key, false, &one, &row, &pin, err);
        *touches = status == STATUS_OK;
        if (*touches)
            row_pin_release(run->store, &pin);
        else if (status != STATUS_ABSENT)
            return status;
    }
    CHECK(merge->segment != NULL);
    return status == STATUS_END ? STATUS_OK : status;
}

/* The next row of the new file: keys of the segment, hot versions where there are any. */
static enum status flush_merge_next(void *context, struct row *row, bool *from_hot,
                                    struct error *err)
{
    struct flush_merge *merge = context;
    struct store *store = merge->run->store;
    enum status status = STATUS_OK;

    if (flush_run_cancelled(merge->run))
        return error_set(err, STATUS_CANCELLED, "cancelled");
    if (merge->cold_taken)
        status = cold_cursor_next(store, &merge->cold_options, &merge->cold, err);
    merge->cold_taken = true;
    if (status != STATUS_OK)
        return status;
    if (!cold_cursor_is_valid(&merge->cold))
        return STATUS_END;
    if (merge->hot_taken)
        status = flush_merge_hot_step(merge, err);
    /* Greater keys belong to other segments or to none. */
    while (status == STATUS_OK && merge->hot_valid &&
           str_compare(merge->hot_row.key, merge->cold.key) > 0) {
        merge->hot_taken = true;
        status = flush_merge_hot_step(merge, err);
    }
    if (status != STATUS_OK)
        return status;
    *from_hot = merge->hot_valid && str_equal(merge->hot_row.key, merge->cold.key);
    if (*from_hot) {
        CHECK(row_seq(merge->hot_row.bytes) > row_seq(merge->cold.bytes));
        merge->hot_taken = true;
        *row = merge->hot_row;
        return STATUS_OK;
    }
    *row = (struct row){.table = merge->table, .key = merge->cold.key, .bytes = merge->cold.bytes};
    return cold_translate(row_accept(merge->table, &merge->projections, &merge->arena, row, err),
                          merge->table, err);
}

static enum status flush_rewrite_file(struct flush_merge *merge, struct error *err)
{
    struct flush_run *run = merge->run;
    struct flush_file file = {
        .store = run->store,
        .view = merge->view,
        .table = merge->table,
        .user = run->user,
        .job_id = run->options->job_id,
        .next = flush_merge_next,
        .context = merge,
        .rows_max = UINT64_MAX, /* the segment it replaces was within the limits */
        .bytes_max = UINT64_MAX,
        .group_rows = run->group_rows,
        .want_bloom = merge->segment->bloom.size > 0,
    };
    bool made = false;

    enum status status =
        cold_cursor_open(run->store, &merge->cold_options, merge->segment, &merge->cold, err);
    if (status != STATUS_OK)
        return status;
    status = flush_run_segment(run, &file, merge->segment, false, &made, err);
    CHECK(status != STATUS_OK || made);
    return status;
}

static enum status flush_rewrite_segment(struct flush_run *run, const struct view *view,
                                         const struct table *table, struct segment *segment,
                                         struct error *err)
{
    struct flush_merge merge = {.run = run, .view = view, .table = table, .segment = segment};
    bool touches = false;

    CHECK(str_equal(segment->user, run->user));
    enum status status = flush_merge_open(&merge, err);
    if (status == STATUS_OK)
        status = flush_rewrite_touches(&merge, &touches, err);
    flush_merge_close(&merge);
    if (status != STATUS_OK || !touches)
        return status;
    merge = (struct flush_merge){.run = run, .view = view, .table = table, .segment = segment};
    status = flush_merge_open(&merge, err);
    if (status == STATUS_OK)
        status = flush_rewrite_file(&merge, err);
    flush_merge_close(&merge);
    return status;
}

enum status flush_rewrite(struct flush_run *run, struct error *err)
{
    struct view *view = view_acquire(run->store);
    const struct table *table = catalog_find_table_id(view_catalog(view), run->options->table);
    struct segment_list *list = NULL;
    enum status status = STATUS_OK;

    CHECK(run->store != NULL);
    if (table == NULL)
        status = error_set(err, STATUS_TABLE_NOT_FOUND, "the table was dropped during its flush");
    if (status == STATUS_OK)
        status = hot_translate(
            segment_list_load(run->store, view, table->id, run->user, 0, &list, err), table, err);
    for (uint32_t i = 0; status == STATUS_OK && i < list->count; i++)
        status = flush_rewrite_segment(run, view, table, list->segments[i], err);
    segment_list_unref(list);
    view_release(view);
    return status;
}
