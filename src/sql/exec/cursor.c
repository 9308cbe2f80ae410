/* cursor.c — rows of the plan's table that pass its filter, in key order: by single keys or by a
 * scan.
 *
 * Results of programs for a row lie in the cursor's scratch arena until the next row; callers copy
 * what they keep. Stored tables with keys are read by row_get_by_key, everything else through
 * table_source.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/run.h"

#include "base/check.h"
#include "base/clock.h"

enum { CURSOR_SCRATCH_BYTES = 32 * 1024, CURSOR_CHECK_ROWS = 256 };

void row_reader_column(void *reader, size_t index, struct value *out)
{
    const struct row_reader *from = reader;

    CHECK(from->row != NULL || from->source != NULL);
    if (from->excluded != NULL && index >= from->column_count)
        *out = from->excluded[index - from->column_count];
    else if (from->row != NULL)
        row_column(from->row, (uint32_t)index, from->arena, out);
    else
        table_source_column(from->source, (uint32_t)index, out);
}

static enum status cursor_open_source(struct cursor *cursor, struct error *err)
{
    struct table_source_options options = {
        .engine = cursor->run->engine,
        .scan = cursor->scan,
        .caller = &cursor->run->caller,
    };
    if (cursor->plan->access.kind == PLAN_ACCESS_POINTS) { /* of a system table */
        options.points = cursor->points;
        options.point_count = cursor->point_count;
    }
    enum status status = table_source_open(&options, &cursor->source, err);

    CHECK(status != STATUS_OK || cursor->source != NULL);
    cursor->reader.source = cursor->source;
    return status;
}

enum status cursor_open(struct sql_run *run, const struct cursor_options *options,
                        struct cursor *cursor, struct error *err)
{
    const struct plan *plan = run->plan;
    struct access_keys keys;
    enum status status;

    CHECK(plan->table != NULL && run->view != NULL);
    *cursor = (struct cursor){
        .run = run, .plan = plan, .rows_max = options->rows_max, .descending = options->descending};
    arena_init(&cursor->scratch, run->arena.limit_bytes);
    status = access_resolve(run, &keys, err);
    if (status != STATUS_OK)
        return status;
    cursor->reader.arena = &cursor->scratch;
    cursor->reader.column_count = table_column_total(plan->table);
    run_context(run, &cursor->scratch, &cursor->reader, &cursor->context);
    cursor->filter = keys.decides ? NULL : plan->filter;
    cursor->scan = access_scan(run, &keys);
    cursor->scan.descending = options->descending;
    cursor->scan.cached_only = options->cached_only;
    cursor->scan.held = &cursor->held;
    /* The filter decides about _seq again; tombstones are no concern of it unless they are shown.
     */
    cursor->by_points = keys.empty || (plan->access.kind == PLAN_ACCESS_POINTS &&
                                       plan->table->kind != TABLE_KIND_SYSTEM);
    cursor->points = keys.points;
    cursor->point_count = keys.empty ? 0 : keys.point_count;
    if (run->steps != NULL) {
        run->steps->has_read = true;
        run->steps->has_filter = cursor->filter != NULL;
    }
    if (cursor->by_points)
        return STATUS_OK;
    return cursor_open_source(cursor, err);
}

static void cursor_release_row(struct cursor *cursor)
{
    if (!cursor->pinned)
        return;
    row_pin_release(cursor->run->engine->store, &cursor->pin);
    cursor->pinned = false;
    cursor->reader.row = NULL;
}

/* Next row of the list of keys; ABSENT when this key has none. */
static enum status cursor_point(struct cursor *cursor, struct error *err)
{
    size_t at =
        cursor->descending ? cursor->point_count - 1 - cursor->point_next : cursor->point_next;
    enum status status;

    CHECK(cursor->point_next <= cursor->point_count);
    cursor_release_row(cursor);
    if (cursor->point_next == cursor->point_count)
        return STATUS_END;
    cursor->pin = (struct row_pin){0};
    cursor->row = (struct row){0};
    status = row_get_by_key(cursor->run->engine->store, &cursor->scan, cursor->points[at],
                            &cursor->row, &cursor->pin, err);
    if (status == STATUS_OK || status == STATUS_ABSENT)
        cursor->point_next++;
    if (status != STATUS_OK)
        return status;
    cursor->pinned = true;
    cursor->reader.row = &cursor->row;
    return STATUS_OK;
}

static enum status cursor_move(struct cursor *cursor, struct error *err)
{
    enum status status;

    CHECK(cursor->by_points || cursor->source != NULL);
    if (cursor->scratch.used_bytes > CURSOR_SCRATCH_BYTES)
        arena_clear(&cursor->scratch);
    if (++cursor->looked_at % CURSOR_CHECK_ROWS == 0) {
        status = run_check(cursor->run, err);
        if (status != STATUS_OK)
            return status;
    }
    if (cursor->rows_max > 0 && cursor->looked_at > cursor->rows_max)
        return STATUS_WOULD_BLOCK;
    return cursor->by_points ? cursor_point(cursor, err) : table_source_next(cursor->source, err);
}

static enum status cursor_filter(struct cursor *cursor, bool *passes, struct error *err)
{
    CHECK(passes != NULL);
    run_begin_row(cursor->run, &cursor->context);
    *passes = true;
    return cursor->filter == NULL ? STATUS_OK
                                  : expr_run_filter(cursor->filter, &cursor->context, passes, err);
}

/* cursor_step for EXPLAIN ANALYZE. */
static enum status cursor_step_counted(struct cursor *cursor, bool *passes, struct error *err)
{
    struct run_steps *steps = cursor->run->steps;
    int64_t started = clock_monotonic_ns(), moved;
    enum status status = cursor_move(cursor, err);

    CHECK(steps->passed_rows <= steps->read_rows);
    moved = clock_monotonic_ns();
    steps->read_ns += moved - started;
    if (status != STATUS_OK)
        return status;
    status = cursor_filter(cursor, passes, err);
    steps->filter_ns += clock_monotonic_ns() - moved;
    steps->read_rows++;
    steps->passed_rows += status == STATUS_OK && *passes ? 1 : 0;
    return status;
}

/* One row further, and whether it passes. */
static inline enum status cursor_step(struct cursor *cursor, bool *passes, struct error *err)
{
    if (cursor->run->steps != NULL)
        return cursor_step_counted(cursor, passes, err);
    enum status status = cursor_move(cursor, err);
    return status == STATUS_OK ? cursor_filter(cursor, passes, err) : status;
}

enum status cursor_next(struct cursor *cursor, struct error *err)
{
    CHECK(cursor->plan != NULL);
    for (;;) {
        bool passes = false;
        enum status status = cursor_step(cursor, &passes, err);
        if (status != STATUS_ABSENT && (status != STATUS_OK || passes))
            return status;
    }
}

struct str cursor_key(const struct cursor *cursor)
{
    CHECK(cursor->plan->table->kind != TABLE_KIND_SYSTEM);
    return cursor->by_points ? cursor->row.key : table_source_key(cursor->source);
}

void cursor_close(struct cursor *cursor)
{
    CHECK(cursor != NULL);
    cursor_release_row(cursor);
    row_pin_release(cursor->run->engine->store, &cursor->held);
    if (cursor->source != NULL)
        table_source_close(cursor->source);
    cursor->source = NULL;
    arena_clear(&cursor->scratch);
}
