/* flush_batch.c — many small files made durable and installed together.
 *
 * A flush of a user table writes a file per user, and waiting for the disk once per step and user
 * costs far more than the work itself. So the steps are taken for many pieces (one file each) at a
 * time: one synced record names all of them, all are written, they are synced and renamed together,
 * and the commit thread installs them in a few batches. For each single file the order of flush.h
 * stays as it is, and a crash finds nothing that is not named.
 *
 *     name all ─► pending records, durable ─► write … ─► publish ─► install, 64 a batch ─┐
 *                                              ▲                                         │
 *                                              └──── until all pieces are done ──────────┘
 *
 * Memory is bounded: publishing starts when what the written pieces hold passes a limit. Writers
 * are never held up for long: an install is bounded by instances and rows. A piece that fails is
 * taken out, its neighbours go on.
 *
 * Thread: job worker.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/flush/flush_internal.h"

enum {
    FLUSH_INSTALL_PIECES = 64,
    FLUSH_INSTALL_ROWS = 2048,
};

struct flush_span { /* pieces [first, end) */
    size_t first, end;
};

static enum status flush_piece_fail(struct flush_piece *piece, enum status status,
                                    const struct error *err)
{
    CHECK(status != STATUS_OK && piece->state != FLUSH_PIECE_INSTALLED);
    piece->state = FLUSH_PIECE_FAILED;
    return flush_run_fail(piece->run, status, err);
}

/* Files of the span in one of the states. `out` has room for all. */
static size_t flush_batch_files(struct flush_batch *batch, struct flush_span span, unsigned states,
                                struct flush_file **out)
{
    size_t count = 0;

    CHECK(span.end <= batch->count);
    for (size_t i = span.first; i < span.end; i++)
        if ((states & 1U << batch->pieces[i].state) != 0 && batch->pieces[i].file.path != NULL)
            out[count++] = &batch->pieces[i].file;
    return count;
}

static void flush_batch_discard(struct flush_batch *batch, struct flush_span span, unsigned states)
{
    struct flush_file **files = mem_calloc(batch->count + 1, sizeof(*files));
    size_t count = flush_batch_files(batch, span, states, files);

    CHECK(count <= batch->count);
    if (count > 0)
        flush_files_discard(batch->store, files, count);
    mem_free(files);
}

/* ---- names
 * ---------------------------------------------------------------------------------------- */

static void flush_piece_begin(struct flush_batch *batch, struct flush_piece *piece)
{
    struct flush_run *run = piece->run;

    CHECK(run->group_rows % FLUSH_ROW_GROUP_STEP == 0);
    piece->file = (struct flush_file){
        .store = batch->store,
        .view = batch->view,
        .table = batch->table,
        .place = run->place,
        .user = run->user,
        .job_id = batch->options->job_id,
        .next = piece->replaced != NULL ? flush_merge_next : flush_source_next,
        .rows_max = UINT64_MAX,
        .bytes_max = piece->replaced != NULL ? UINT64_MAX : FLUSH_GROUP_BYTES,
        .group_rows = run->group_rows,
        .whole = piece->replaced != NULL,
        .want_bloom = flush_keys_need_bloom(batch->table),
    };
    for (size_t i = 0; i < piece->replaced_count; i++)
        piece->file.want_bloom |= piece->replaced[i]->bloom.size > 0;
    flush_file_begin(&piece->file);
    piece->state = FLUSH_PIECE_NAMED;
}

/* All pieces that have a name. */
static enum status flush_batch_fail(struct flush_batch *batch, enum status status,
                                    const struct error *err)
{
    enum status ends = STATUS_OK;

    CHECK(status != STATUS_OK);
    for (size_t i = 0; ends == STATUS_OK && i < batch->count; i++)
        if (batch->pieces[i].state == FLUSH_PIECE_NAMED)
            ends = flush_piece_fail(&batch->pieces[i], status, err);
    return ends;
}

/* Afterwards every piece is NAMED, its record durable, or FAILED. */
static enum status flush_batch_name(struct flush_batch *batch, struct error *err)
{
    struct flush_span all = {0, batch->count};
    enum status status = STATUS_OK;

    CHECK(batch->count > 0);
    for (size_t i = 0; status == STATUS_OK && i < batch->count; i++) {
        struct flush_piece *piece = &batch->pieces[i];
        status = flush_file_name(&piece->file, err);
        if (status != STATUS_OK)
            status = flush_piece_fail(piece, status, err);
    }
    if (status != STATUS_OK)
        return status;
    struct flush_file **files = mem_calloc(batch->count, sizeof(*files));
    size_t count = flush_batch_files(batch, all, 1U << FLUSH_PIECE_NAMED, files);
    status = flush_files_pending(batch->store, files, count, err);
    mem_free(files);
    if (status == STATUS_OK && FAULT(flush_after_pending))
        status = error_set(err, STATUS_IO_FAILED, "fault flush_after_pending");
    return status == STATUS_OK ? STATUS_OK : flush_batch_fail(batch, status, err);
}

/* ---- writing
 * -------------------------------------------------------------------------------------- */

static enum status flush_piece_fill(struct flush_batch *batch, struct flush_piece *piece,
                                    bool *made, struct error *err)
{
    struct flush_source source = {.run = piece->run};
    struct flush_merge *merge = NULL;
    enum status status;

    CHECK(piece->state == FLUSH_PIECE_NAMED);
    if (piece->replaced != NULL) {
        status = flush_merge_open(piece->run, batch->view, batch->table, piece->replaced,
                                  piece->replaced_count, &merge, err);
        piece->file.context = merge;
    } else {
        status = flush_source_open(&source, batch->view, batch->table, err);
        piece->file.context = &source;
    }
    if (status == STATUS_OK)
        status = flush_file_fill(&piece->file, made, err);
    if (status == STATUS_OK && piece->run->compacts && FAULT(compact_after_write))
        status = error_set(err, STATUS_IO_FAILED, "fault compact_after_write");
    if (piece->replaced != NULL)
        flush_merge_close(merge);
    else
        flush_source_close(&source);
    return status;
}

/* Ready to be written once more, under the name that its record has. */
static void flush_piece_again(struct flush_batch *batch, struct flush_piece *piece)
{
    struct segment *failed = segment_ref(piece->file.segment);
    uint32_t group_rows = piece->file.wide ? 0 : piece->file.group_rows;
    char *path = piece->file.path;

    CHECK(path != NULL);
    piece->file.path = NULL;
    flush_file_clear(&piece->file);
    flush_piece_begin(batch, piece);
    piece->file.path = path;
    piece->file.group_rows = group_rows;
    struct segment *segment = piece->file.segment;
    segment->path = arena_copy(segment->arena, failed->path);
    segment->storage_id = arena_copy(segment->arena, failed->storage_id);
    segment_unref(failed);
}

/* A disk that is full for a moment is waited for (file_retry.c); rows that are too wide for row
 * groups of many get smaller ones. */
static enum status flush_piece_write(struct flush_batch *batch, struct flush_piece *piece,
                                     bool *made, struct error *err)
{
    enum status status = flush_piece_fill(batch, piece, made, err);
    unsigned attempt = 1;

    while (status != STATUS_OK && !flush_is_cancelled(batch->options) &&
           (piece->file.wide || files_again(err, &attempt))) {
        log_info("file %s of a flush is written again: %s", piece->file.path, err->message);
        flush_piece_again(batch, piece);
        status = flush_piece_fill(batch, piece, made, err);
    }
    CHECK(attempt >= 1);
    return status;
}

/* Writes pieces from span.first on, as many as memory allows; sets span.end. */
static enum status flush_batch_write(struct flush_batch *batch, struct flush_span *span,
                                     struct error *err)
{
    enum status status = STATUS_OK;
    size_t held = 0;

    span->end = span->first;
    while (status == STATUS_OK && span->end < batch->count && held < FLUSH_BATCH_BYTES) {
        struct flush_piece *piece = &batch->pieces[span->end];
        bool made = false;
        if (flush_is_cancelled(batch->options))
            return error_set(err, STATUS_CANCELLED, "cancelled");
        span->end++;
        if (piece->state != FLUSH_PIECE_NAMED)
            continue;
        status = flush_piece_write(batch, piece, &made, err);
        if (status != STATUS_OK) {
            status = flush_piece_fail(piece, status, err);
            continue;
        }
        CHECK(piece->replaced == NULL || made);
        piece->state = made ? FLUSH_PIECE_MADE : FLUSH_PIECE_EMPTY;
        held += piece->file.kept_bytes;
    }
    return status;
}

/* ---- publishing
 * ----------------------------------------------------------------------------------- */

static enum status flush_batch_published(struct flush_batch *batch, struct flush_span span,
                                         const enum status *statuses, const struct error *first)
{
    enum status ends = STATUS_OK;
    size_t at = 0;

    CHECK(span.end <= batch->count);
    for (size_t i = span.first; ends == STATUS_OK && i < span.end; i++) {
        struct flush_piece *piece = &batch->pieces[i];
        if (piece->state != FLUSH_PIECE_MADE)
            continue;
        enum status status = statuses[at++];
        if (status != STATUS_OK)
            ends = flush_piece_fail(piece, status, first);
    }
    return ends;
}

static enum status flush_batch_publish(struct flush_batch *batch, struct flush_span span,
                                       struct error *err)
{
    struct flush_file **files = mem_calloc(batch->count + 1, sizeof(*files));
    const char **paths = mem_calloc(batch->count + 1, sizeof(*paths));
    enum status *statuses = mem_calloc(batch->count + 1, sizeof(*statuses));
    size_t count = flush_batch_files(batch, span, 1U << FLUSH_PIECE_MADE, files);
    enum status status = STATUS_OK;
    struct error first;

    error_clear(&first);
    for (size_t i = 0; i < count; i++)
        paths[i] = files[i]->path;
    if (count > 0)
        status = files_publish_many(batch->store->files, paths, count, statuses, &first);
    if (status == STATUS_OK && count > 0 && FAULT(flush_after_rename))
        statuses[0] = error_set(&first, STATUS_IO_FAILED, "fault flush_after_rename");
    status = flush_batch_published(batch, span, statuses, &first);
    if (status != STATUS_OK)
        *err = first;
    CHECK(status != STATUS_END);
    mem_free(statuses);
    mem_free(paths);
    mem_free(files);
    return status;
}

/* ---- installing
 * ----------------------------------------------------------------------------------- */

static void flush_piece_prepare(struct flush_batch *batch, struct flush_piece *piece)
{
    struct flush_run *run = piece->run;
    bool settled = piece->replaced == NULL;

    CHECK(piece->state == FLUSH_PIECE_MADE || piece->state == FLUSH_PIECE_EMPTY);
    if (settled)
        run->ended = piece->file.ended;
    piece->install = (struct flush_install){
        .table = batch->table->id,
        .user = run->user,
        .file = &piece->file,
        .replaced = piece->replaced,
        .replaced_count = piece->replaced_count,
        .last = settled && piece->file.ended,
        .drop_pending = piece->state == FLUSH_PIECE_EMPTY,
        .compacts = run->compacts,
        .buffered_at_view = run->buffered_at_view,
        .dropped_before = run->dropped,
    };
}

/* The install of `span` as one batch. */
static enum status flush_batch_install_group(struct flush_batch *batch, struct flush_span span,
                                             struct flush_install *const *installs, size_t count,
                                             struct error *err)
{
    enum status ends = STATUS_OK;
    int64_t position = 0;

    CHECK(count > 0);
    enum status status = flush_install(batch->store, installs, count, &position, err);
    if (status != STATUS_OK && position != 0)
        log_warn("install of a flush failed: %s", err->message);
    for (size_t i = span.first; i < span.end; i++) {
        struct flush_piece *piece = &batch->pieces[i];
        if (piece->state != FLUSH_PIECE_MADE && piece->state != FLUSH_PIECE_EMPTY)
            continue;
        if (status == STATUS_OK) {
            piece->state = FLUSH_PIECE_INSTALLED;
            if (!piece->install.drop_pending)
                flush_run_account(piece->run, &piece->install, position);
            continue;
        }
        enum status end = flush_piece_fail(piece, status, err);
        if (position != 0) /* perhaps installed: the file must stay */
            piece->state = FLUSH_PIECE_INSTALLED;
        ends = ends == STATUS_OK ? end : ends;
    }
    return ends;
}

static enum status flush_batch_install(struct flush_batch *batch, struct flush_span span,
                                       struct error *err)
{
    struct flush_install *installs[FLUSH_INSTALL_PIECES];
    const struct flush_run *last = NULL;
    struct flush_span group = {span.first, span.first};
    enum status status = STATUS_OK;
    size_t count = 0, rows = 0;

    for (; status == STATUS_OK && group.end < span.end; group.end++) {
        struct flush_piece *piece = &batch->pieces[group.end];
        if (piece->state != FLUSH_PIECE_MADE && piece->state != FLUSH_PIECE_EMPTY)
            continue;
        if (count > 0 && (count == FLUSH_INSTALL_PIECES || piece->run == last ||
                          rows + piece->file.entry_count > FLUSH_INSTALL_ROWS)) {
            status = flush_batch_install_group(batch, group, installs, count, err);
            group.first = group.end;
            count = rows = 0;
        }
        flush_piece_prepare(batch, piece);
        CHECK(count < FLUSH_INSTALL_PIECES);
        installs[count++] = &piece->install;
        rows += piece->file.entry_count;
        last = piece->run;
    }
    if (status == STATUS_OK && count > 0)
        status = flush_batch_install_group(batch, group, installs, count, err);
    return status;
}

/* ---- the batch
 * ------------------------------------------------------------------------------------ */

enum status flush_batch_run(struct flush_batch *batch, struct error *err)
{
    const unsigned bad = ~(1U << FLUSH_PIECE_INSTALLED);
    struct flush_span span = {0, 0}, all = {0, batch->count};
    struct error local;

    for (size_t i = 0; i < batch->count; i++)
        flush_piece_begin(batch, &batch->pieces[i]);
    enum status status = flush_batch_name(batch, err);
    while (status == STATUS_OK && span.first < batch->count) {
        status = flush_batch_write(batch, &span, err);
        /* What is written when somebody cancels is finished: it is little. */
        enum status rest = flush_batch_publish(batch, span, &local);
        if (rest == STATUS_OK)
            rest = flush_batch_install(batch, span, &local);
        if (status == STATUS_OK && rest != STATUS_OK) {
            status = rest;
            *err = local;
        }
        flush_batch_discard(batch, span, bad);
        for (size_t i = span.first; i < span.end; i++)
            flush_file_clear(&batch->pieces[i].file);
        span.first = span.end;
    }
    CHECK(span.first <= batch->count);
    all.first = span.first;
    flush_batch_discard(batch, all, bad);
    for (size_t i = all.first; i < batch->count; i++)
        flush_file_clear(&batch->pieces[i].file);
    return status;
}
