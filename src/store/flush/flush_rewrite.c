/* flush_rewrite.c — segments written anew, merged with the hot versions of their keys.
 *
 * A shadow is a hot version of a row that also lies cold. For every segment that holds such a key a
 * new file is written with the same keys, the hot version in place of the cold one (a tombstone as
 * a row with _deleted), and installed instead of the old one in one batch. So a key stays in one
 * file only (COLD_UNIQUE) and no old version comes back. Several segments of an
 * instance become one the same way (compaction): no two of them hold the same key. All sides stream
 * in key order. The view is held to the end: its segment list stays true because nobody else
 * changes it (one flush or compaction per table).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/mem.h"
#include "store/flush/flush_internal.h"

enum { FLUSH_REWRITE_ROWS = 4 * FLUSH_SEGMENT_ROWS_MAX }; /* rewritten by one batch, about */

/* ---- merging
 * -------------------------------------------------------------------------------------- */

struct flush_merge {
    struct flush_run *run;
    const struct table *table;
    struct cold_cursor_options cold_options;
    struct cold_cursor *cursors; /* one per segment */
    size_t count;
    struct cold_cursor *given; /* its row was given: step first */
    struct scan *hot;          /* the hot rows within the segments' keys */
    struct row hot_row;
    bool hot_valid, hot_taken;
    struct row_projections projections;
    struct arena arena;
};

static enum status flush_merge_hot(struct flush_merge *merge, const struct view *view,
                                   struct str user, struct str lower, struct str upper,
                                   struct error *err)
{
    struct buf above;

    buf_init(&above);
    buf_append_str(&above, upper);
    buf_append_byte(&above, 0); /* the bound is exclusive */
    struct scan_options options = {
        .view = view,
        .table = merge->table,
        .user = user,
        .range = {lower, buf_str(&above)},
        .descending = true,
        .with_deleted = true,
        .hot_only = true,
        .whole = true,
        .seq_after = -1,
        .arena = &merge->arena,
    };
    enum status status = scan_open(merge->run->store, &options, &merge->hot, err);
    CHECK(merge->hot_taken);
    buf_clear(&above);
    return status;
}

enum status flush_merge_open(struct flush_run *run, const struct view *view,
                             const struct table *table, struct segment **segments, size_t count,
                             struct flush_merge **out, struct error *err)
{
    struct flush_merge *merge = *out = mem_zalloc(sizeof(*merge));
    struct str lower = segments[0]->key_min, upper = segments[0]->key_max;

    CHECK(count > 0);
    merge->run = run;
    merge->table = table;
    merge->cursors = mem_calloc(count, sizeof(*merge->cursors));
    merge->cold_options = (struct cold_cursor_options){
        .table = table, .descending = true, .seq_after = -1, .cancelled = run->options->cancelled};
    merge->hot_taken = true;
    arena_init(&merge->arena, 0);
    for (size_t i = 1; i < count; i++) {
        lower = str_compare(segments[i]->key_min, lower) < 0 ? segments[i]->key_min : lower;
        upper = str_compare(segments[i]->key_max, upper) > 0 ? segments[i]->key_max : upper;
    }
    enum status status = flush_merge_hot(merge, view, segments[0]->user, lower, upper, err);
    for (; status == STATUS_OK && merge->count < count; merge->count++)
        status = cold_cursor_open(run->store, &merge->cold_options, segments[merge->count],
                                  &merge->cursors[merge->count], err);
    return status;
}

void flush_merge_close(struct flush_merge *merge)
{
    if (merge == NULL)
        return;
    CHECK(merge->run != NULL);
    for (size_t i = 0; i < merge->count; i++)
        cold_cursor_close(&merge->cursors[i]);
    scan_close(merge->hot);
    arena_clear(&merge->arena);
    mem_free(merge->cursors);
    mem_free(merge);
}

static enum status flush_merge_hot_step(struct flush_merge *merge, struct error *err)
{
    enum status status = scan_next(merge->hot, &merge->hot_row, err);

    CHECK(merge->hot_taken);
    merge->hot_taken = false;
    merge->hot_valid = status == STATUS_OK;
    return status == STATUS_END ? STATUS_OK : status;
}

/* The cursor with the greatest key, NULL at the end. CORRUPT when another one stands on that key:
 * COLD_UNIQUE. */
static enum status flush_merge_greatest(const struct flush_merge *merge, struct cold_cursor **out,
                                        struct error *err)
{
    struct cold_cursor *best = NULL, *same = NULL;

    for (size_t i = 0; i < merge->count; i++) {
        struct cold_cursor *cursor = &merge->cursors[i];
        if (!cold_cursor_is_valid(cursor))
            continue;
        int order = best == NULL ? 1 : str_compare(cursor->key, best->key);
        if (order == 0)
            same = cursor;
        if (order > 0)
            best = cursor;
    }
    CHECK(best == NULL || best->key.size > 0);
    *out = best;
    if (same == NULL || !str_equal(same->key, best->key))
        return STATUS_OK;
    return cold_translate(error_set(err, STATUS_CORRUPT, "files %.*s and %.*s hold the same key",
                                    STR_ARG(best->segment->path), STR_ARG(same->segment->path)),
                          merge->table, err);
}

/* Greater hot keys belong to other segments or to none. */
static enum status flush_merge_align(struct flush_merge *merge, struct str key, struct error *err)
{
    enum status status = STATUS_OK;

    CHECK(key.size > 0);
    if (merge->hot_taken)
        status = flush_merge_hot_step(merge, err);
    while (status == STATUS_OK && merge->hot_valid && str_compare(merge->hot_row.key, key) > 0) {
        merge->hot_taken = true;
        status = flush_merge_hot_step(merge, err);
    }
    return status;
}

/* The next row of the new file: keys of the segments, hot versions where there are any. */
enum status flush_merge_next(void *context, struct row *row, bool *from_hot, struct error *err)
{
    struct flush_merge *merge = context;
    struct cold_cursor *cold;
    enum status status = STATUS_OK;

    if (flush_is_cancelled(merge->run->options))
        return error_set(err, STATUS_CANCELLED, "cancelled");
    if (merge->given != NULL)
        status = cold_cursor_next(merge->run->store, &merge->cold_options, merge->given, err);
    merge->given = NULL;
    if (status != STATUS_OK)
        return status;
    status = flush_merge_greatest(merge, &cold, err);
    if (status != STATUS_OK)
        return status;
    if (cold == NULL)
        return STATUS_END;
    merge->given = cold;
    status = flush_merge_align(merge, cold->key, err);
    if (status != STATUS_OK)
        return status;
    *from_hot = merge->hot_valid && str_equal(merge->hot_row.key, cold->key);
    if (*from_hot) {
        if (row_seq(merge->hot_row.bytes) <= row_seq(cold->bytes))
            return cold_translate(error_set(err, STATUS_CORRUPT,
                                            "file %.*s holds a row newer than the hot one",
                                            STR_ARG(cold->segment->path)),
                                  merge->table, err);
        merge->hot_taken = true;
        *row = merge->hot_row;
        return STATUS_OK;
    }
    *row = (struct row){.table = merge->table, .key = cold->key, .bytes = cold->bytes};
    return cold_translate(row_accept(merge->table, &merge->projections, &merge->arena, row, err),
                          merge->table, err);
}

/* ---- which segments shadows touch
 * ----------------------------------------------------------------- */

struct flush_rewriting {
    struct flush_batch batch;
    size_t capacity;
    uint64_t rows; /* of the pieces gathered */
};

static void flush_rewriting_add(struct flush_rewriting *rewriting, struct flush_run *run,
                                struct segment *segment)
{
    struct flush_batch *batch = &rewriting->batch;

    if (batch->count == rewriting->capacity) {
        rewriting->capacity = 2 * rewriting->capacity + 8;
        batch->pieces =
            mem_realloc(batch->pieces, rewriting->capacity * sizeof(struct flush_piece));
    }
    struct flush_piece *piece = &batch->pieces[batch->count++];
    memset(piece, 0, sizeof(*piece));
    piece->run = run;
    piece->replaced = mem_calloc(1, sizeof(struct segment *));
    piece->replaced[0] = segment_ref(segment);
    piece->replaced_count = 1;
    rewriting->rows += segment->rows;
    CHECK(batch->count <= rewriting->capacity);
}

static void flush_rewriting_reset(struct flush_rewriting *rewriting)
{
    struct flush_batch *batch = &rewriting->batch;

    for (size_t i = 0; i < batch->count; i++) {
        CHECK(batch->pieces[i].replaced_count == 1);
        segment_unref(batch->pieces[i].replaced[0]);
        mem_free(batch->pieces[i].replaced);
    }
    batch->count = 0;
    rewriting->rows = 0;
}

static enum status flush_rewriting_run(struct flush_rewriting *rewriting, struct error *err)
{
    enum status status = STATUS_OK;

    if (rewriting->batch.count > 0)
        status = flush_batch_run(&rewriting->batch, err);
    CHECK(status != STATUS_END);
    flush_rewriting_reset(rewriting);
    return status;
}

/* True when the segment holds the key of at least one shadow. */
static enum status flush_rewrite_touches(struct flush_run *run, struct flush_batch *batch,
                                         struct segment *segment, bool *touches, struct error *err)
{
    struct segment_list one = {.segments = &segment, .count = 1};
    struct cold_lookup lookup = {
        .table = batch->table, .list = &one, .cancelled = run->options->cancelled};
    struct flush_merge merge = {.run = run, .table = batch->table, .hot_taken = true};
    enum status status;

    *touches = false;
    arena_init(&merge.arena, 0);
    status = flush_merge_hot(&merge, batch->view, segment->user, segment->key_min, segment->key_max,
                             err);
    while (status == STATUS_OK && !*touches &&
           (status = scan_next(merge.hot, &merge.hot_row, err)) == STATUS_OK) {
        struct row_pin pin = {.cold = NULL};
        struct row row;
        if ((row_header_get(merge.hot_row.bytes).flags & ROW_SHADOW) == 0)
            continue;
        if (flush_is_cancelled(run->options))
            status = error_set(err, STATUS_CANCELLED, "cancelled");
        else
            status = cold_lookup_get(run->store, &lookup, merge.hot_row.key, &row, &pin, err);
        *touches = status == STATUS_OK;
        if (*touches)
            row_pin_release(run->store, &pin);
        if (status == STATUS_ABSENT)
            status = STATUS_OK;
    }
    CHECK(segment->rows > 0);
    cold_lookup_clear(&lookup);
    scan_close(merge.hot);
    arena_clear(&merge.arena);
    return status == STATUS_END ? STATUS_OK : status;
}

/* Gathers the touched segments of one instance; a full batch is run. */
static enum status flush_rewrite_run(struct flush_rewriting *rewriting, struct flush_run *run,
                                     struct error *err)
{
    struct flush_batch *batch = &rewriting->batch;
    struct segment_list *list = NULL;
    enum status status;

    status = hot_translate(
        segment_list_load(run->store, batch->view, batch->table->id, run->user, 0, &list, err),
        batch->table, err);
    for (uint32_t i = 0; status == STATUS_OK && i < list->count; i++) {
        bool touches = false;
        status = flush_rewrite_touches(run, batch, list->segments[i], &touches, err);
        if (status == STATUS_OK && touches)
            flush_rewriting_add(rewriting, run, list->segments[i]);
    }
    CHECK(status != STATUS_END);
    segment_list_unref(list);
    if (status != STATUS_OK)
        return flush_run_fail(run, status, err);
    if (batch->count < FLUSH_BATCH_PIECES && rewriting->rows < FLUSH_REWRITE_ROWS)
        return STATUS_OK;
    return flush_rewriting_run(rewriting, err);
}

enum status flush_rewrite(struct flush_run *const *runs, size_t count, struct error *err)
{
    struct store *store = runs[0]->store;
    struct view *view = view_acquire(store);
    struct flush_rewriting rewriting = {
        .batch = {.store = store, .options = runs[0]->options, .view = view}};
    enum status status = STATUS_OK;

    CHECK(count > 0);
    rewriting.batch.table = catalog_find_table_id(view_catalog(view), runs[0]->options->table);
    if (rewriting.batch.table == NULL)
        status = error_set(err, STATUS_TABLE_NOT_FOUND, "the table was dropped during its flush");
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        status = flush_rewrite_run(&rewriting, runs[i], err);
    if (status == STATUS_OK)
        status = flush_rewriting_run(&rewriting, err);
    flush_rewriting_reset(&rewriting);
    mem_free(rewriting.batch.pieces);
    view_release(view);
    return status;
}
