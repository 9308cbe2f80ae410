/* flush_instance.c — the settled rows of one instance: hot rows that hide no cold one.
 *
 * They are walked at a view from the highest key down; shadows are counted and left out. The walk
 * must meet as many rows as the counter of the instance says (COUNTED): what an iterator lost
 * without an error would else be removed from hot without being in the file. A large instance is
 * written to several files, each installed as soon as it is published, so that it neither holds
 * much memory nor the commit thread for long. Small ones share batches instead (flush_batch.c).
 *
 * Thread: job worker.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/log.h"
#include "store/flush/flush_internal.h"

enum {
    FLUSH_SHADOWS_MAX = 10000, /* rewrite when more are held back, … */
    FLUSH_SHADOW_SHARE = 4,    /* … or one in so many of the hot rows */
    FLUSH_SAMPLE_ROWS = 64,
};

/* ---- the source
 * ----------------------------------------------------------------------------------- */

static struct scan_options flush_source_options(struct flush_source *source,
                                                const struct view *view, const struct table *table)
{
    CHECK(table->kind == TABLE_KIND_USER || table->kind == TABLE_KIND_SHARED);
    return (struct scan_options){
        .view = view,
        .table = table,
        .user = source->run->user,
        .descending = true,
        .with_deleted = true,
        .hot_only = true,
        .whole = true,
        .seq_after = -1,
        .cancelled = source->run->options->cancelled,
        .arena = &source->arena,
    };
}

enum status flush_source_open(struct flush_source *source, const struct view *view,
                              const struct table *table, struct error *err)
{
    struct scan_options options;

    CHECK(source->run != NULL && source->scan == NULL);
    arena_init(&source->arena, 0);
    options = flush_source_options(source, view, table);
    return scan_open(source->run->store, &options, &source->scan, err);
}

void flush_source_close(struct flush_source *source)
{
    CHECK(source->run != NULL);
    scan_close(source->scan);
    source->scan = NULL;
    arena_clear(&source->arena);
}

/* The end of the walk, if it was whole. */
static enum status flush_source_end(const struct flush_source *source, struct error *err)
{
    const struct flush_run *run = source->run;

    CHECK(run->buffered_at_view >= 0);
    if (source->seen == (uint64_t)run->buffered_at_view)
        return STATUS_END;
    log_error("hot rows of user \"%.*s\": %llu found, %lld counted", STR_ARG(run->user),
              (unsigned long long)source->seen, (long long)run->buffered_at_view);
    return error_set(err, STATUS_IO_FAILED,
                     "%llu hot rows were found where %lld are counted: none of them is moved",
                     (unsigned long long)source->seen, (long long)run->buffered_at_view);
}

enum status flush_source_next(void *context, struct row *row, bool *from_hot, struct error *err)
{
    struct flush_source *source = context;

    CHECK(source->scan != NULL);
    *from_hot = true;
    for (;;) {
        enum status status = scan_next(source->scan, row, err);
        if (status == STATUS_END)
            return flush_source_end(source, err);
        if (status != STATUS_OK)
            return status;
        source->seen++;
        if ((row_header_get(row->bytes).flags & ROW_SHADOW) == 0)
            return STATUS_OK;
        source->run->shadows++;
    }
}

/* Ranges of keys tell segments apart when the key is one rising integer. */
bool flush_keys_need_bloom(const struct table *table)
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

bool flush_wants_rewrite(const struct flush_run *run)
{
    CHECK(run->options != NULL);
    if (run->failed || run->shadows == 0)
        return false;
    return run->options->with_shadows || run->shadows > FLUSH_SHADOWS_MAX ||
           run->shadows * FLUSH_SHADOW_SHARE >= run->buffered_at_view;
}

/* ---- a large instance
 * ----------------------------------------------------------------------------- */

static struct flush_install flush_run_install(const struct flush_run *run, bool last)
{
    CHECK(run->dropped >= 0);
    return (struct flush_install){
        .table = run->options->table,
        .user = run->user,
        .last = last,
        .buffered_at_view = run->buffered_at_view,
        .dropped_before = run->dropped,
    };
}

/* Writes and installs one file. */
static enum status flush_run_file(struct flush_run *run, struct flush_file *file, bool *made,
                                  struct error *err)
{
    enum status status = flush_file_write(file, made, err);

    if (status == STATUS_OK && *made) {
        struct flush_install install = flush_run_install(run, file->ended), *only = &install;
        int64_t position = 0;
        install.file = file;
        status = flush_install(run->store, &only, 1, &position, err);
        if (status == STATUS_OK)
            flush_run_account(run, &install, position);
        else if (position == 0)
            flush_files_discard(run->store, &file, 1);
        else
            log_warn("install of a flush failed: %s", err->message);
    }
    CHECK(status != STATUS_END);
    run->ended = file->ended;
    flush_file_clear(file);
    return status;
}

/* Only the counters: the flush is over although no file was written. */
static enum status flush_run_finish(struct flush_run *run, struct error *err)
{
    struct flush_install install = flush_run_install(run, true), *only = &install;
    int64_t position;

    CHECK(run->ended);
    return flush_install(run->store, &only, 1, &position, err);
}

static enum status flush_run_files(struct flush_run *run, const struct view *view,
                                   const struct table *table, struct flush_source *source,
                                   struct error *err)
{
    enum status status = STATUS_OK;
    bool made = true;

    CHECK(run->group_rows % FLUSH_ROW_GROUP_STEP == 0);
    while (status == STATUS_OK && made && !run->ended) {
        struct flush_file file = {
            .store = run->store,
            .view = view,
            .table = table,
            .place = run->place,
            .user = run->user,
            .job_id = run->options->job_id,
            .next = flush_source_next,
            .context = source,
            .rows_max = FLUSH_SEGMENT_ROWS_MAX,
            .bytes_max = FLUSH_SEGMENT_BYTES_MAX,
            .group_rows = run->group_rows,
            .want_bloom = flush_keys_need_bloom(table),
        };
        status = flush_run_file(run, &file, &made, err);
        if (file.wide)
            run->group_rows = 0;
        if (status == STATUS_OK && !made)
            status = flush_run_finish(run, err);
    }
    return status;
}

/* Rows per row group, fewer for wide rows: from the average size of the first rows. By their size
 * when that is less than one step. */
static enum status flush_run_sample(struct flush_run *run, const struct scan_options *options,
                                    struct error *err)
{
    uint64_t wanted = run->store->options.row_group_rows, bytes = 0, rows = 0;
    uint64_t aim = flush_group_bytes(run->store);
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
    if (bytes > 0 && aim * rows / bytes < wanted)
        wanted = aim * rows / bytes;
    run->group_rows = (uint32_t)(wanted - wanted % FLUSH_ROW_GROUP_STEP);
    CHECK(run->group_rows % FLUSH_ROW_GROUP_STEP == 0);
    return STATUS_OK;
}

static enum status flush_instance_settled(struct flush_run *run, const struct view *view,
                                          const struct table *table, struct error *err)
{
    struct flush_source source = {.run = run};
    struct scan_options options;

    CHECK(run->buffered_at_view > 0);
    enum status status = flush_source_open(&source, view, table, err);
    if (status == STATUS_OK) {
        options = flush_source_options(&source, view, table);
        options.whole = false;
        status = flush_run_sample(run, &options, err);
    }
    if (status == STATUS_OK)
        status = flush_run_files(run, view, table, &source, err);
    flush_source_close(&source);
    return status;
}

enum status flush_instance(struct flush_run *run, struct error *err)
{
    struct view *view = view_acquire(run->store);
    const struct table *table = catalog_find_table_id(view_catalog(view), run->options->table);
    struct instance_counters counters = {.buffered_rows = 0};
    enum status status = STATUS_OK;

    run->ended = false;
    run->shadows = run->dropped = 0;
    if (table == NULL)
        status = error_set(err, STATUS_TABLE_NOT_FOUND, "the table was dropped during its flush");
    if (status == STATUS_OK)
        status = instance_counters(run->store, view, table, run->user, &counters, err);
    CHECK(counters.buffered_rows >= 0);
    run->buffered_at_view = counters.buffered_rows;
    run->segments = counters.segments;
    if (status == STATUS_OK && counters.buffered_rows > 0)
        status = flush_instance_settled(run, view, table, err);
    view_release(view);
    return status;
}
