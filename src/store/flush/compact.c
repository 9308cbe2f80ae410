/* compact.c — merges small segments of an instance into larger ones (job `compact`).
 *
 * Every flush leaves a file per user, and every file costs a reader something. Which ones are
 * merged: the segments that are small, in order of size; a run of neighbours in that order, each no
 * larger than twice the sum of those before it (the first few are free). So a row is rewritten once
 * per growth of its file by a factor, not once per flush, however unlike the sizes are; what is
 * left is a handful of files per magnitude.
 *
 * The merge itself is that of flush_rewrite.c: hot versions replace cold ones on the way, and the
 * old files go when their last reader is gone. Nothing is purged. One call does a bounded share, so
 * that flushes of the table are not kept waiting; `more` tells whether another is worth it.
 *
 * Thread: job worker, alone on its table as a flush is.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/mem.h"
#include "store/flush/flush_internal.h"

#include <stdlib.h>

enum {
    COMPACT_SMALL_ROWS = 50000, /* larger segments are left alone */
    COMPACT_SMALL_BYTES = 64 << 20,
    COMPACT_SMALL_GROUPS = 64, /* bounds what is read: a row group holds FLUSH_GROUP_BYTES, about */
    COMPACT_ROWS_MAX = 200000, /* of a merged segment */
    COMPACT_BYTES_MAX = 256 << 20,
    COMPACT_GROUPS_MAX = 256,
    COMPACT_FREE = 3,   /* of a run, whatever their size */
    COMPACT_GROWTH = 2, /* how much larger than the sum of the smaller ones */
    COMPACT_SHARE_ROWS = 1000000,
    COMPACT_SHARE_INSTANCES = 256,
};

/* ---- which segments
 * ------------------------------------------------------------------------------- */

static int compact_order(const void *a, const void *b)
{
    const struct segment *x = *(struct segment *const *)a, *y = *(struct segment *const *)b;

    if (x->rows != y->rows)
        return x->rows < y->rows ? -1 : 1;
    return x->id < y->id ? -1 : 1;
}

/* How many segments from `first` on are worth merging. */
static size_t compact_run(struct segment *const *sorted, size_t count, size_t first)
{
    uint64_t rows = 0, bytes = 0, groups = 0;
    size_t taken = 0;

    CHECK(first < count);
    for (; first + taken < count; taken++) {
        const struct segment *segment = sorted[first + taken];
        if (taken >= COMPACT_FREE && segment->rows > COMPACT_GROWTH * rows)
            break;
        rows += segment->rows;
        bytes += segment->bytes;
        groups += segment->group_count;
        if (rows > COMPACT_ROWS_MAX || bytes > COMPACT_BYTES_MAX || groups > COMPACT_GROUPS_MAX)
            break;
    }
    return taken;
}

size_t compact_choose(struct segment *const *segments, size_t count, struct segment **chosen)
{
    size_t small = 0;

    CHECK(count == 0 || (segments != NULL && chosen != NULL));
    for (size_t i = 0; i < count; i++)
        if (segments[i]->rows < COMPACT_SMALL_ROWS && segments[i]->bytes < COMPACT_SMALL_BYTES &&
            segments[i]->group_count < COMPACT_SMALL_GROUPS)
            chosen[small++] = segments[i];
    if (small < COMPACT_SEGMENTS)
        return 0;
    qsort(chosen, small, sizeof(*chosen), compact_order);
    for (size_t first = 0; first + COMPACT_SEGMENTS <= small; first++) {
        size_t taken = compact_run(chosen, small, first);
        if (taken < COMPACT_SEGMENTS)
            continue;
        memmove(chosen, chosen + first, taken * sizeof(*chosen));
        return taken;
    }
    return 0;
}

/* ---- instances
 * ------------------------------------------------------------------------------------ */

struct compaction {
    struct store *store;
    const struct flush_options *options;
    struct flush_result *result;
    struct view *view;
    const struct table *table;
    struct arena arena; /* user ids */
    struct flush_run *runs;
    size_t run_count;
    uint64_t rows;
    bool failed; /* err is set */
    enum status status;
    struct error *err;
    struct flush_batch batch;
};

/* Wide rows keep the small row groups that their flush chose; those that became wide since get them
 * in flush_batch.c. */
static void compact_narrow(struct flush_run *run, const struct segment *segment)
{
    uint32_t rows = segment->groups[0].rows;

    CHECK(segment->group_count > 0);
    if (segment->group_count == 1 || rows >= run->group_rows)
        return;
    run->group_rows = rows - rows % FLUSH_ROW_GROUP_STEP;
}

static void compact_add(struct compaction *compaction, struct str user,
                        struct segment *const *chosen, size_t count)
{
    uint32_t rows = compaction->store->options.row_group_rows;
    struct flush_run *run = &compaction->runs[compaction->run_count++];
    struct flush_piece *piece = &compaction->batch.pieces[compaction->batch.count++];

    CHECK(count >= COMPACT_SEGMENTS && compaction->run_count <= COMPACT_SHARE_INSTANCES);
    *run = (struct flush_run){
        .store = compaction->store,
        .options = compaction->options,
        .place = compaction->table,
        .result = compaction->result,
        .user = arena_copy(&compaction->arena, user),
        .compacts = true,
        .group_rows = rows > 0 ? rows - rows % FLUSH_ROW_GROUP_STEP : 4 * FLUSH_ROW_GROUP_STEP,
    };
    *piece = (struct flush_piece){.run = run, .replaced_count = count};
    piece->replaced = mem_calloc(count, sizeof(struct segment *));
    for (size_t i = 0; i < count; i++) {
        piece->replaced[i] = segment_ref(chosen[i]);
        compaction->rows += chosen[i]->rows;
        compact_narrow(run, chosen[i]);
    }
}

/* The segments to merge of one instance, referenced by *list; *count 0 = none. */
static enum status compact_list(struct store *store, const struct view *view,
                                const struct table *table, struct str user,
                                struct segment_list **list, struct segment ***chosen, size_t *count,
                                struct error *err)
{
    enum status status = segment_list_load(store, view, table->id, user, 0, list, err);

    *chosen = NULL;
    *count = 0;
    if (status != STATUS_OK)
        return hot_translate(status, table, err);
    *chosen = mem_calloc((*list)->count + 1, sizeof(**chosen));
    *count = compact_choose((*list)->segments, (*list)->count, *chosen);
    CHECK(*count <= (*list)->count);
    return STATUS_OK;
}

static enum status compact_look(struct compaction *compaction, struct str user, struct error *err)
{
    struct segment_list *list = NULL;
    struct segment **chosen;
    size_t count;
    enum status status = compact_list(compaction->store, compaction->view, compaction->table, user,
                                      &list, &chosen, &count, err);

    CHECK(status == STATUS_OK || count == 0);
    if (count > 0)
        compact_add(compaction, user, chosen, count);
    mem_free(chosen);
    segment_list_unref(list);
    return status;
}

/* False ends the walk. */
static bool compact_visit(void *context, struct str user, const struct instance_counters *counters)
{
    struct compaction *compaction = context;

    CHECK(!compaction->failed);
    if (counters->segments < COMPACT_SEGMENTS)
        return true;
    if (compaction->run_count == COMPACT_SHARE_INSTANCES ||
        compaction->rows >= COMPACT_SHARE_ROWS) {
        compaction->result->more = true;
        return false;
    }
    compaction->status = compact_look(compaction, user, compaction->err);
    compaction->failed = compaction->status != STATUS_OK;
    return !compaction->failed;
}

static enum status compact_gather(struct compaction *compaction, struct error *err)
{
    const struct flush_options *options = compaction->options;
    enum status status;

    compaction->err = err;
    compaction->table = catalog_find_table_id(view_catalog(compaction->view), options->table);
    if (compaction->table == NULL)
        return error_set(err, STATUS_TABLE_NOT_FOUND, "no such table");
    CHECK(options->table.value == compaction->table->id.value);
    compaction->batch.table = compaction->table;
    status = instance_each(compaction->store, compaction->view, compaction->table, compact_visit,
                           compaction, err);
    return compaction->failed ? compaction->status : status;
}

enum status compact_table(struct store *store, const struct flush_options *options,
                          struct flush_result *result, struct error *err)
{
    struct compaction compaction = {
        .store = store, .options = options, .result = result, .view = view_acquire(store)};
    struct flush_batch *batch = &compaction.batch;

    CHECK(options->table.value > 0);
    memset(result, 0, sizeof(*result));
    arena_init(&compaction.arena, 0);
    compaction.runs = mem_calloc(COMPACT_SHARE_INSTANCES, sizeof(*compaction.runs));
    *batch = (struct flush_batch){.store = store, .options = options, .view = compaction.view};
    batch->pieces = mem_calloc(COMPACT_SHARE_INSTANCES, sizeof(*batch->pieces));
    enum status status = compact_gather(&compaction, err);
    if (status == STATUS_OK && batch->count > 0)
        status = flush_batch_run(batch, err);
    for (size_t i = 0; i < batch->count; i++) {
        for (size_t k = 0; k < batch->pieces[i].replaced_count; k++)
            segment_unref(batch->pieces[i].replaced[k]);
        mem_free(batch->pieces[i].replaced);
    }
    if (options->progress != NULL)
        options->progress(options->progress_context, result->instances, result->rewritten_rows,
                          result->bytes);
    mem_free(batch->pieces);
    mem_free(compaction.runs);
    arena_clear(&compaction.arena);
    view_release(compaction.view);
    return status;
}

/* ---- is it worth a job?
 * --------------------------------------------------------------------------- */

struct compact_question {
    struct store *store;
    const struct view *view;
    const struct table *table;
    bool due;
    enum status status;
    struct error *err;
};

/* False when the answer is known. */
static bool compact_ask(void *context, struct str user, const struct instance_counters *counters)
{
    struct compact_question *question = context;
    struct segment_list *list = NULL;
    struct segment **chosen;
    size_t count;

    CHECK(!question->due && question->status == STATUS_OK);
    if (counters->segments < COMPACT_SEGMENTS)
        return true;
    question->status = compact_list(question->store, question->view, question->table, user, &list,
                                    &chosen, &count, question->err);
    question->due = count > 0;
    mem_free(chosen);
    segment_list_unref(list);
    return question->status == STATUS_OK && !question->due;
}

enum status compact_is_due(struct store *store, struct table_id table, struct str user, bool *due,
                           struct error *err)
{
    struct view *view = view_acquire(store);
    struct compact_question question = {.store = store, .view = view, .err = err};
    struct instance_counters counters;
    enum status status = STATUS_OK;

    CHECK(due != NULL);
    *due = false;
    question.table = catalog_find_table_id(view_catalog(view), table);
    if (question.table == NULL)
        goto out;
    if (question.table->kind == TABLE_KIND_USER && user.size == 0) {
        status = instance_each(store, view, question.table, compact_ask, &question, err);
    } else {
        status = instance_counters(store, view, question.table, user, &counters, err);
        if (status == STATUS_OK)
            (void)compact_ask(&question, user, &counters);
    }
    if (status == STATUS_OK)
        status = question.status;
    *due = question.due;
out:
    view_release(view);
    return status;
}
