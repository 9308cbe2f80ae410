/* flush.c — moves settled rows of one table from hot keys to cold segments, instance by instance.
 *
 * Each instance is flushed at a view: small ones many at a time (flush_batch.c), large ones on
 * their own (flush_instance.c). Rows that shadow a cold version are left out and stay hot; when
 * many have gathered, or when asked (manual, shutdown), the segments they touch are rewritten
 * afterwards (flush_rewrite.c).
 *
 * What goes wrong with one user leaves that user's rows hot and the others go on; the first error
 * is reported. Cancelling takes effect between users and row chunks; finished parts stay. Files
 * take their path from the table as it was when the flush began, their columns from the view they
 * are written at.
 *
 * Thread: job worker. One flush per table at a time (FLUSH_ALONE; jobs/ holds the slot).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/flush.h"

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/ddl.h"
#include "store/flush/flush_internal.h"
#include "store/storages.h"

#include <stdio.h>

enum {
    FLUSH_BATCH_ROWS = 32768,     /* hot rows of the instances of one batch */
    FLUSH_WRITE_OUT_ROWS = 20000, /* removed rows that readers would step over, … */
    FLUSH_WRITE_OUT_RANGES = 512, /* … in so many ranges */
    FLUSH_WRITE_OUT_LEAST = 500,  /* not worth it for fewer */
};

bool flush_is_cancelled(const struct flush_options *options)
{
    CHECK(options != NULL);
    return options->cancelled != NULL &&
           atomic_load_explicit(options->cancelled, memory_order_relaxed);
}

/* ---- accounting
 * ----------------------------------------------------------------------------------- */

void flush_run_account(struct flush_run *run, struct flush_install *install, int64_t position)
{
    struct flush_result *result = run->result;
    struct flush_file *file = install->file;
    const struct segment *segment = file->segment;

    CHECK(install->dropped >= 0 && position > 0);
    run->dropped += install->dropped;
    run->ranges += install->ranges;
    if (run->rows == 0 && file->entry_count > 0)
        result->users++;
    run->rows += file->entry_count;
    if (install->replaced_count > 0) {
        result->instances++;
        result->replaced_files += install->replaced_count;
        result->rewritten_rows += segment->rows;
    }
    run->segments += 1U - (uint32_t)install->replaced_count;
    result->rows += file->entry_count;
    result->files++;
    result->bytes += segment->bytes;
    if (install->flushed_us > result->flushed_us)
        result->flushed_us = install->flushed_us;
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
    if (file->newest != NULL)
        row_cache_put(run->store->row_cache, row_block_ref(file->newest));
    for (size_t i = 0; i < install->replaced_count; i++)
        recovery_delete_later(run->store, install->replaced[i]->path, position);
}

enum status flush_run_fail(struct flush_run *run, enum status status, const struct error *err)
{
    struct flush_result *result = run->result;

    CHECK(status != STATUS_OK);
    if (status == STATUS_CANCELLED || status == STATUS_SHUTTING_DOWN)
        return status;
    log_warn("flush of table %llu, user \"%.*s\": %s",
             (unsigned long long)run->options->table.value, STR_ARG(run->user), err->message);
    if (!run->failed && result->users_failed++ == 0)
        result->first_error = *err;
    run->failed = true;
    return STATUS_OK;
}

/* ---- instances with hot rows
 * ---------------------------------------------------------------------- */

struct flush_user {
    struct str id;
    int64_t buffered_rows;
};

struct flush_users {
    struct arena arena;
    struct flush_user *users;
    size_t count, capacity;
};

static bool flush_users_add(void *context, struct str user,
                            const struct instance_counters *counters)
{
    struct flush_users *list = context;

    if (counters->buffered_rows == 0)
        return true;
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 64 : 2 * list->capacity;
        list->users = mem_realloc(list->users, list->capacity * sizeof(struct flush_user));
    }
    CHECK(list->count < list->capacity);
    list->users[list->count++] = (struct flush_user){
        .id = arena_copy(&list->arena, user),
        .buffered_rows = counters->buffered_rows,
    };
    return true;
}

/* ---- the table
 * ------------------------------------------------------------------------------------ */

struct flush_table {
    struct store *store;
    const struct flush_options *options;
    struct flush_result *result;
    struct table *place; /* the table when the flush began, referenced; no view is held so long */
    struct flush_users users;
    int64_t dropped; /* since the memtable was written out */
    size_t ranges;   /* likewise */
};

/* The instances to flush: all with hot rows, or those asked for. */
static enum status flush_table_open(struct flush_table *flush, const struct view *view,
                                    struct error *err)
{
    const struct flush_options *options = flush->options;
    const struct table *table = catalog_find_table_id(view_catalog(view), options->table);
    struct instance_counters one;
    enum status status = STATUS_OK;

    CHECK(flush->users.count == 0);
    if (table == NULL)
        return error_set(err, STATUS_TABLE_NOT_FOUND, "no such table");
    if (table->kind != TABLE_KIND_USER && table->kind != TABLE_KIND_SHARED)
        return error_set(err, STATUS_INVALID_OPERATION, "%s tables cannot be flushed",
                         table_kind_name(table->kind));
    flush->place = table_ref(table);
    if (table->kind == TABLE_KIND_USER && options->user.size == 0 && options->users == NULL)
        return instance_each(flush->store, view, table, flush_users_add, &flush->users, err);
    struct str user = table->kind == TABLE_KIND_USER ? options->user : STR_EMPTY;
    const struct str *users = options->users != NULL ? options->users : &user;
    size_t count = options->users != NULL ? options->user_count : 1;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = instance_counters(flush->store, view, table, users[i], &one, err);
        if (status == STATUS_OK)
            (void)flush_users_add(&flush->users, users[i], &one);
    }
    return status;
}

static void flush_table_close(struct flush_table *flush)
{
    CHECK(flush->users.count <= flush->users.capacity);
    mem_free(flush->users.users);
    arena_clear(&flush->users.arena);
    table_unref(flush->place);
}

static struct flush_run flush_table_run(const struct flush_table *flush,
                                        const struct flush_user *user)
{
    uint32_t rows = flush->store->options.row_group_rows;

    CHECK(user->buffered_rows > 0);
    return (struct flush_run){
        .store = flush->store,
        .options = flush->options,
        .place = flush->place,
        .result = flush->result,
        .user = user->id,
        .group_rows = rows > 0 ? rows - rows % FLUSH_ROW_GROUP_STEP : 4 * FLUSH_ROW_GROUP_STEP,
    };
}

/* What is left of the rows in memory would slow readers down until the next write-out. */
static void flush_table_write_out(struct flush_table *flush, bool at_end)
{
    struct view *view;
    const struct table *table;

    CHECK(flush->dropped >= 0);
    if (flush->dropped < FLUSH_WRITE_OUT_LEAST ||
        (!at_end && flush->dropped < FLUSH_WRITE_OUT_ROWS &&
         flush->ranges < FLUSH_WRITE_OUT_RANGES))
        return;
    flush->dropped = 0;
    flush->ranges = 0;
    view = view_acquire(flush->store);
    table = catalog_find_table_id(view_catalog(view), flush->options->table);
    if (table != NULL)
        kv_flush(flush->store->kv, table->rows);
    view_release(view);
}

/* Afterwards: rewrites what shadows touch, tells the figures. */
static enum status flush_table_finish(struct flush_table *flush, struct flush_run *runs,
                                      size_t count, struct error *err)
{
    struct flush_run **shadowed = mem_calloc(count + 1, sizeof(*shadowed));
    struct flush_result *result = flush->result;
    enum status status = STATUS_OK;
    size_t shadowed_count = 0;

    for (size_t i = 0; i < count; i++)
        if (flush_wants_rewrite(&runs[i]))
            shadowed[shadowed_count++] = &runs[i];
    if (shadowed_count > 0)
        status = flush_rewrite(shadowed, shadowed_count, err);
    mem_free(shadowed);
    for (size_t i = 0; i < count; i++) {
        CHECK(runs[i].dropped >= 0);
        flush->dropped += runs[i].dropped;
        flush->ranges += runs[i].ranges;
        if (runs[i].segments > result->segments_max)
            result->segments_max = runs[i].segments;
    }
    if (flush->options->progress != NULL)
        flush->options->progress(flush->options->progress_context, result->users, result->rows,
                                 result->bytes);
    flush_table_write_out(flush, false);
    return status;
}

static enum status flush_table_large(struct flush_table *flush, struct flush_run *run,
                                     struct error *err)
{
    enum status status;

    CHECK(!run->failed);
    if (flush_is_cancelled(flush->options))
        return error_set(err, STATUS_CANCELLED, "cancelled");
    status = flush_instance(run, err);
    return status == STATUS_OK ? STATUS_OK : flush_run_fail(run, status, err);
}

/* Counters at the view the batch is written at; instances without hot rows drop out. */
static enum status flush_table_pieces(struct flush_batch *batch, struct flush_run *runs,
                                      size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        struct flush_run *run = &runs[i];
        struct instance_counters counters;
        enum status status =
            instance_counters(batch->store, batch->view, batch->table, run->user, &counters, err);
        if (status != STATUS_OK)
            return status;
        run->buffered_at_view = counters.buffered_rows;
        run->segments = counters.segments;
        run->ended = true;
        if (counters.buffered_rows > 0)
            batch->pieces[batch->count++] = (struct flush_piece){.run = run};
        CHECK(batch->count <= count);
    }
    return STATUS_OK;
}

static enum status flush_table_small(struct flush_table *flush, struct flush_run *runs,
                                     size_t count, struct error *err)
{
    struct view *view = view_acquire(flush->store);
    struct flush_batch batch = {
        .store = flush->store,
        .options = flush->options,
        .view = view,
        .table = catalog_find_table_id(view_catalog(view), flush->options->table),
        .pieces = mem_calloc(count, sizeof(struct flush_piece)),
    };
    enum status status = STATUS_OK;

    CHECK(count > 0);
    if (batch.table == NULL)
        status = error_set(err, STATUS_TABLE_NOT_FOUND, "the table was dropped during its flush");
    if (status == STATUS_OK)
        status = flush_table_pieces(&batch, runs, count, err);
    if (status == STATUS_OK && batch.count > 0)
        status = flush_batch_run(&batch, err);
    mem_free(batch.pieces);
    view_release(view);
    /* Rows so wide that one file did not take them. */
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        if (!runs[i].ended && !runs[i].failed)
            status = flush_table_large(flush, &runs[i], err);
    return status;
}

/* The next instances that are flushed together: one large, or small ones. */
static size_t flush_table_take(const struct flush_table *flush, size_t at)
{
    const struct flush_user *users = flush->users.users;
    int64_t rows = 0;
    size_t end = at;

    CHECK(at < flush->users.count);
    while (end < flush->users.count && end - at < FLUSH_BATCH_PIECES &&
           users[end].buffered_rows <= FLUSH_SMALL_ROWS && rows < FLUSH_BATCH_ROWS)
        rows += users[end++].buffered_rows;
    return end > at ? end : at + 1;
}

static enum status flush_table_step(struct flush_table *flush, size_t first, size_t end,
                                    struct error *err)
{
    struct flush_run *runs = mem_calloc(end - first, sizeof(*runs));
    bool large = flush->users.users[first].buffered_rows > FLUSH_SMALL_ROWS;
    enum status status;

    CHECK(end > first && (!large || end == first + 1));
    for (size_t i = first; i < end; i++)
        runs[i - first] = flush_table_run(flush, &flush->users.users[i]);
    if (large)
        status = flush_table_large(flush, runs, err);
    else
        status = flush_table_small(flush, runs, end - first, err);
    if (status == STATUS_OK)
        status = flush_table_finish(flush, runs, end - first, err);
    mem_free(runs);
    return status;
}

/* What was flushed is, whether or not the time can be noted. */
static void flush_table_note(struct flush_table *flush)
{
    struct table_id table = flush->options->table;
    struct error err;

    CHECK(table.value > 0);
    if (flush->result->flushed_us > 0 &&
        ddl_table_flushed(flush->store, table, flush->result->flushed_us, &err) != STATUS_OK)
        log_warn("time of the flush of table %llu: %s", (unsigned long long)table.value,
                 err.message);
}

enum status flush_table(struct store *store, const struct flush_options *options,
                        struct flush_result *result, struct error *err)
{
    struct flush_table flush = {.store = store, .options = options, .result = result};
    struct view *view = view_acquire(store);

    CHECK(options->table.value > 0);
    memset(result, 0, sizeof(*result));
    arena_init(&flush.users.arena, 0);
    enum status status = flush_table_open(&flush, view, err);
    view_release(view);
    for (size_t at = 0, end; status == STATUS_OK && at < flush.users.count; at = end) {
        end = flush_table_take(&flush, at);
        status = flush_is_cancelled(options) ? error_set(err, STATUS_CANCELLED, "cancelled")
                                             : flush_table_step(&flush, at, end, err);
    }
    if (status == STATUS_OK)
        flush_table_write_out(&flush, true);
    flush_table_note(&flush);
    flush_table_close(&flush);
    return status;
}
