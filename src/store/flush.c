/* flush.c — moves settled rows of one table from hot keys to cold segments, instance by instance.
 *
 * One instance is flushed at a view of its own: its hot rows are walked from the highest key down
 * and written to one or more files; each file is installed as soon as it is published, so that a
 * large instance neither holds much memory nor the commit thread for long. Rows that shadow a cold
 * version are left out and stay hot; when many have gathered, or when asked (manual, shutdown), the
 * segments they touch are rewritten afterwards (flush_rewrite.c).
 *
 * What goes wrong with one user leaves that user's rows hot and the others go on; the first error
 * is reported. Cancelling takes effect between row chunks and users; finished parts stay.
 *
 * Thread: job worker. One flush per table at a time (FLUSH_ALONE; jobs/ holds the slot).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/flush.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/flush_internal.h"
#include "store/storages.h"

#include <stdio.h>

enum {
    FLUSH_SHADOWS_MAX = 10000, /* rewrite when more are held back, … */
    FLUSH_SHADOW_SHARE = 4,    /* … or one in so many of the hot rows */
    FLUSH_SAMPLE_ROWS = 64,
    FLUSH_WRITE_OUT_ROWS = 500, /* removed rows of one instance that a reader should not meet */
};

/* ---- the settled rows of one instance
 * ------------------------------------------------------------- */

struct flush_source {
    struct flush_run *run;
    struct scan *scan;
};

bool flush_run_cancelled(const struct flush_run *run)
{
    CHECK(run->options != NULL);
    return run->options->cancelled != NULL &&
           atomic_load_explicit(run->options->cancelled, memory_order_relaxed);
}

static enum status flush_source_next(void *context, struct row *row, bool *from_hot,
                                     struct error *err)
{
    struct flush_source *source = context;

    CHECK(source->scan != NULL);
    *from_hot = true;
    for (;;) {
        enum status status = scan_next(source->scan, row, err);
        if (status != STATUS_OK)
            return status;
        if ((row_header_get(row->bytes).flags & ROW_SHADOW) == 0)
            return STATUS_OK;
        source->run->shadows++;
    }
}

static void flush_run_account(struct flush_run *run, const struct flush_file *file,
                              const struct flush_install *install)
{
    struct flush_result *result = run->result;
    const struct segment *segment = file->segment;

    CHECK(install->dropped >= 0);
    run->dropped += install->dropped;
    result->rows += file->entry_count;
    result->files++;
    result->bytes += segment->bytes;
    if (file->memory_bytes > result->memory_bytes)
        result->memory_bytes = file->memory_bytes;
    if (result->location[0] == '\0') {
        struct buf shown;
        buf_init(&shown);
        place_show(segment->path, &shown);
        while (shown.size > 0 && shown.data[shown.size - 1] != '/')
            shown.size--;
        (void)snprintf(result->location, sizeof(result->location), "%.*s",
                       STR_ARG(buf_str(&shown)));
        buf_clear(&shown);
    }
}

enum status flush_run_segment(struct flush_run *run, struct flush_file *file,
                              struct segment *replaced, bool last, bool *made, struct error *err)
{
    enum status status = flush_file_write(file, made, err);

    if (status == STATUS_OK && *made) {
        struct flush_install install = {
            .store = run->store,
            .table = run->options->table,
            .user = run->user,
            .file = file,
            .replaced = replaced,
            .last = last && file->ended,
            .buffered_at_view = run->buffered_at_view,
            .dropped_before = run->dropped,
            .now_us = clock_now_us(),
        };
        CHECK(replaced == NULL || replaced->rows == file->segment->rows);
        status = flush_install(&install, err);
        if (status == STATUS_OK) {
            flush_run_account(run, file, &install);
            if (file->newest != NULL)
                row_cache_put(run->store->row_cache, row_block_ref(file->newest));
            if (replaced != NULL)
                recovery_delete_later(run->store, replaced->path, install.position);
        } else if (install.position == 0) {
            flush_file_discard(file);
        } else {
            log_warn("install of a flush failed: %s", err->message);
        }
    }
    bool ended = file->ended;
    flush_file_clear(file);
    file->ended = ended;
    return status;
}

/* Ranges of keys tell segments apart when the key is one rising integer. */
static bool flush_keys_need_bloom(const struct table *table)
{
    CHECK(table->key_count > 0);
    if (table->key_count > 1)
        return true;
    switch (table->schema->columns[table->key_columns[0]].type.kind) {
    case VALUE_SMALLINT:
    case VALUE_INT:
    case VALUE_BIGINT:
    case VALUE_DATE:
    case VALUE_TIMESTAMP:
        return false;
    default:
        return true;
    }
}

/* Only the counters: the flush is over although no file was written. */
static enum status flush_run_finish(struct flush_run *run, struct error *err)
{
    struct flush_install install = {
        .store = run->store,
        .table = run->options->table,
        .user = run->user,
        .last = true,
        .buffered_at_view = run->buffered_at_view,
        .dropped_before = run->dropped,
        .now_us = clock_now_us(),
    };

    CHECK(run->dropped >= 0);
    return flush_install(&install, err);
}

static enum status flush_run_files(struct flush_run *run, const struct view *view,
                                   const struct table *table, struct scan *scan, struct error *err)
{
    struct flush_source source = {.run = run, .scan = scan};
    enum status status = STATUS_OK;
    bool made = true;

    CHECK(run->group_rows > 0);
    while (status == STATUS_OK && made) {
        struct flush_file file = {
            .store = run->store,
            .view = view,
            .table = table,
            .user = run->user,
            .job_id = run->options->job_id,
            .next = flush_source_next,
            .context = &source,
            .rows_max = FLUSH_SEGMENT_ROWS_MAX,
            .bytes_max = FLUSH_SEGMENT_BYTES_MAX,
            .group_rows = run->group_rows,
            .want_bloom = flush_keys_need_bloom(table),
        };
        status = flush_run_segment(run, &file, NULL, true, &made, err);
        if (status == STATUS_OK && !made)
            return flush_run_finish(run, err);
        if (file.ended)
            break;
    }
    return status;
}

/* Rows per row group, fewer for wide rows: from the average size of the first rows. */
static enum status flush_run_sample(struct flush_run *run, const struct scan_options *options,
                                    struct error *err)
{
    uint64_t wanted = run->store->options.row_group_rows, bytes = 0, rows = 0;
    struct scan *scan = NULL;
    struct row row;

    enum status status = scan_open(run->store, options, &scan, err);
    while (status == STATUS_OK && rows < FLUSH_SAMPLE_ROWS) {
        status = scan_next(scan, &row, err);
        if (status == STATUS_OK) {
            rows++;
            bytes += row.bytes.size;
        }
    }
    scan_close(scan);
    if (status != STATUS_OK && status != STATUS_END)
        return status;
    if (wanted == 0)
        wanted = 4 * FLUSH_ROW_GROUP_STEP;
    if (bytes > 0 && FLUSH_GROUP_BYTES * rows / bytes < wanted)
        wanted = FLUSH_GROUP_BYTES * rows / bytes;
    wanted -= wanted % FLUSH_ROW_GROUP_STEP;
    run->group_rows = wanted > 0 ? (uint32_t)wanted : FLUSH_ROW_GROUP_STEP;
    CHECK(run->group_rows % FLUSH_ROW_GROUP_STEP == 0);
    return STATUS_OK;
}

static enum status flush_run_settled(struct flush_run *run, const struct view *view,
                                     const struct table *table, struct error *err)
{
    struct scan *scan = NULL;
    struct arena arena;

    CHECK(table->kind == TABLE_KIND_USER || table->kind == TABLE_KIND_SHARED);
    arena_init(&arena, 0);
    struct scan_options options = {
        .view = view,
        .table = table,
        .user = run->user,
        .descending = true,
        .with_deleted = true,
        .hot_only = true,
        .seq_after = -1,
        .cancelled = run->options->cancelled,
        .arena = &arena,
    };
    enum status status = flush_run_sample(run, &options, err);
    options.whole = true;
    if (status == STATUS_OK)
        status = scan_open(run->store, &options, &scan, err);
    if (status == STATUS_OK)
        status = flush_run_files(run, view, table, scan, err);
    scan_close(scan);
    arena_clear(&arena);
    return status;
}

/* ---- one instance
 * --------------------------------------------------------------------------------- */

static enum status flush_instance(struct flush_run *run, struct error *err)
{
    struct view *view = view_acquire(run->store);
    const struct table *table = catalog_find_table_id(view_catalog(view), run->options->table);
    struct instance_counters counters = {.buffered_rows = 0};
    enum status status = STATUS_OK;

    if (table == NULL)
        status = error_set(err, STATUS_TABLE_NOT_FOUND, "the table was dropped during its flush");
    if (status == STATUS_OK)
        status = instance_counters(run->store, view, table, run->user, &counters, err);
    CHECK(counters.buffered_rows >= 0);
    run->buffered_at_view = counters.buffered_rows;
    if (status == STATUS_OK && counters.buffered_rows > 0)
        status = flush_run_settled(run, view, table, err);
    /* What is left of the rows in memory would slow readers down until the next write-out. */
    if (table != NULL && run->dropped >= FLUSH_WRITE_OUT_ROWS)
        kv_flush(run->store->kv, table->rows);
    view_release(view);
    if (status != STATUS_OK || run->shadows == 0)
        return status;
    if (run->options->with_shadows || run->shadows > FLUSH_SHADOWS_MAX ||
        run->shadows * FLUSH_SHADOW_SHARE >= run->buffered_at_view)
        return flush_rewrite(run, err);
    return STATUS_OK;
}

/* ---- the table
 * ------------------------------------------------------------------------------------ */

struct flush_users {
    struct arena arena;
    struct str *users;
    size_t count, capacity;
};

static bool flush_users_add(void *context, struct str user,
                            const struct instance_counters *counters)
{
    struct flush_users *list = context;

    if (counters->buffered_rows == 0)
        return true;
    if (list->count == list->capacity) {
        size_t bigger = list->capacity == 0 ? 64 : 2 * list->capacity;
        list->users = arena_grow(&list->arena, list->users, list->count * sizeof(struct str),
                                 bigger * sizeof(struct str));
        list->capacity = bigger;
    }
    CHECK(list->count < list->capacity);
    list->users[list->count++] = arena_copy(&list->arena, user);
    return true;
}

/* The instances to flush: all with hot rows, or the one asked for. */
static enum status flush_table_users(struct store *store, const struct flush_options *options,
                                     struct flush_users *list, struct error *err)
{
    static const struct instance_counters one = {.buffered_rows = 1};
    struct view *view = view_acquire(store);
    const struct table *table = catalog_find_table_id(view_catalog(view), options->table);
    enum status status = STATUS_OK;

    CHECK(list->count == 0);
    if (table == NULL)
        status = error_set(err, STATUS_TABLE_NOT_FOUND, "no such table");
    else if (table->kind != TABLE_KIND_USER && table->kind != TABLE_KIND_SHARED)
        status = error_set(err, STATUS_INVALID_OPERATION, "%s tables cannot be flushed",
                           table_kind_name(table->kind));
    else if (table->kind == TABLE_KIND_USER && options->user.size == 0)
        status = instance_each(store, view, table, flush_users_add, list, err);
    else
        (void)flush_users_add(list, table->kind == TABLE_KIND_USER ? options->user : STR_EMPTY,
                              &one);
    view_release(view);
    return status;
}

/* The status that ends the whole flush, or OK to go on with the next user. */
static enum status flush_table_user(struct store *store, const struct flush_options *options,
                                    struct str user, struct flush_result *result, struct error *err)
{
    struct flush_run run = {.store = store, .options = options, .result = result, .user = user};
    uint64_t rows_before = result->rows;

    if (flush_run_cancelled(&run))
        return error_set(err, STATUS_CANCELLED, "cancelled");
    enum status status = flush_instance(&run, err);
    if (result->rows > rows_before)
        result->users++;
    if (status == STATUS_CANCELLED || status == STATUS_SHUTTING_DOWN)
        return status;
    if (status != STATUS_OK) {
        log_warn("flush of table %llu, user \"%.*s\": %s", (unsigned long long)options->table.value,
                 STR_ARG(user), err->message);
        if (result->users_failed++ == 0)
            result->first_error = *err;
    }
    CHECK(result->rows >= rows_before);
    if (options->progress != NULL)
        options->progress(options->progress_context, result->users, result->rows, result->bytes);
    return STATUS_OK;
}

enum status flush_table(struct store *store, const struct flush_options *options,
                        struct flush_result *result, struct error *err)
{
    struct flush_users list = {.count = 0};

    CHECK(options->table.value > 0);
    memset(result, 0, sizeof(*result));
    arena_init(&list.arena, 0);
    enum status status = flush_table_users(store, options, &list, err);
    for (size_t i = 0; status == STATUS_OK && i < list.count; i++)
        status = flush_table_user(store, options, list.users[i], result, err);
    arena_clear(&list.arena);
    return status;
}
