/* commit_row.c — what the commit thread does with one row, whatever the kind of its table: load the
 * current version, ask the statement's logic, encode the next version, enter it in the group.
 *
 * _seq numbers are given out here, one per version in order; a request that fails gives them back.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store/cold.h"
#include "store/commit/commit_internal.h"
#include "value/row.h"

static enum status commit_row_translate(enum status status, struct error *err)
{
    CHECK(status != STATUS_OK);
    if (status == STATUS_IO_FAILED)
        return error_set(err, STATUS_STORAGE_UNAVAILABLE, "a row cannot be read from the disk");
    if (status == STATUS_CORRUPT)
        return error_set(err, STATUS_INTERNAL_ERROR, "a stored row cannot be read");
    return status;
}

enum status commit_row_load(struct commit_pipeline *pipeline, struct commit_row *row,
                            struct error *err)
{
    struct kv *kv = pipeline->store->kv;
    struct str key = buf_str(&pipeline->key);

    CHECK(row->held.pin == NULL);
    CHECK(row->table->rows != NULL && key.size > 0);
    row->current = (struct commit_current){0};
    const struct overlay_entry *changed = overlay_find(&pipeline->overlay, row->table->rows, key);
    if (changed != NULL) {
        row->current.is_hot = changed->state == OVERLAY_PUT;
        row->current.bytes = row->current.is_hot ? changed->bytes : STR_EMPTY;
    } else {
        enum status status = kv_get(kv, row->table->rows, NULL, key, 0, &row->held, err);
        if (status != STATUS_OK && status != STATUS_ABSENT)
            return commit_row_translate(status, err);
        row->current.is_hot = status == STATUS_OK;
        row->current.bytes = row->held.bytes;
    }
    if (row->current.is_hot && row->current.bytes.size < ROW_HEADER_BYTES)
        return commit_row_translate(STATUS_CORRUPT, err);
    row->current.is_live = row->current.is_hot && !row_is_deleted(row->current.bytes);
    return STATUS_OK;
}

void commit_decider_init(struct commit_decider *decider, struct arena *arena)
{
    CHECK(arena != NULL);
    *decider = (struct commit_decider){.arena = arena};
    decider->values = mem_calloc(LIMIT_TABLE_COLUMNS, sizeof(struct value));
}

void commit_decider_clear(struct commit_decider *decider)
{
    CHECK(decider != NULL);
    mem_free(decider->values);
    *decider = (struct commit_decider){.values = NULL};
}

/* From the version the bytes were written with to the newest. */
static const struct row_projection *commit_row_projection(struct commit_decider *decider,
                                                          const struct table *table,
                                                          uint32_t version)
{
    CHECK(table->schema != NULL);
    if (decider->projected != table) {
        decider->projections = (struct row_projections){.newest = NULL};
        decider->projected = table;
    }
    return row_project_cached(table, version, &decider->projections, decider->arena);
}

enum status commit_row_resolve(struct commit_decider *decider, struct commit_row *row,
                               struct error *err)
{
    const struct row_op *op = row->op;
    struct row current = {.table = row->table, .key = row->key, .bytes = row->current.bytes};
    uint32_t count = row->table->schema->column_count;

    CHECK(op->logic != NULL && op->logic->resolve != NULL && count <= LIMIT_TABLE_COLUMNS);
    row->verdict = ROW_KEEP;
    if (row->current.is_live) {
        uint32_t version = row_layout_version(current.bytes);
        current.projection = commit_row_projection(decider, row->table, version);
        if (current.projection == NULL)
            return commit_row_translate(STATUS_CORRUPT, err);
    } else {
        CHECK(op->values != NULL);
        row->verdict = ROW_PUT;
        memcpy(decider->values, op->values, count * sizeof(struct value));
    }
    return op->logic->resolve(op->logic->context, row->current.is_live ? &current : NULL,
                              row->request->arena, &row->verdict, decider->values, err);
}

static enum status commit_row_duplicate(const struct commit_row *row, struct error *err)
{
    struct buf text;

    CHECK(row->current.is_live);
    buf_init(&text);
    table_describe_key(row->table, row->op->key, &text);
    enum status status =
        error_set(err, STATUS_CONSTRAINT_VIOLATION,
                  "duplicate key value violates primary key unique constraint: key %.*s already "
                  "exists",
                  STR_ARG(buf_str(&text)));
    buf_clear(&text);
    return status;
}

static enum status commit_row_verdict(struct commit_decider *decider, struct commit_row *row,
                                      const struct value **values, struct error *err)
{
    const struct row_op *op = row->op;
    bool has_logic = op->logic != NULL && op->logic->resolve != NULL;

    CHECK(op->kind == ROW_OP_INSERT || op->kind == ROW_OP_CHANGE);
    *values = decider->values;
    if (op->kind == ROW_OP_INSERT && (!row->current.is_live || !has_logic)) {
        CHECK(op->values != NULL);
        if (row->current.is_live && row->table->kind != TABLE_KIND_SYSTEM)
            return commit_row_duplicate(row, err);
        row->verdict = ROW_PUT;
        *values = op->values;
        return STATUS_OK;
    }
    if (op->kind == ROW_OP_CHANGE && !row->current.is_live && op->values == NULL) {
        row->verdict = ROW_KEEP;
        return STATUS_OK;
    }
    if (!has_logic) { /* commit_delete_system */
        CHECK(row->table->kind == TABLE_KIND_SYSTEM && row->current.is_live);
        row->verdict = ROW_DELETE;
        return STATUS_OK;
    }
    return commit_row_resolve(decider, row, err);
}

enum status commit_row_decide(struct commit_decider *decider, struct commit_row *row,
                              const struct value **values, struct error *err)
{
    enum status status = commit_row_verdict(decider, row, values, err);

    CHECK(status != STATUS_OK || row->verdict <= ROW_DELETE);
    /* A verdict on a row that is not there would be a fault of the statement's logic. */
    if (status == STATUS_OK && row->verdict == ROW_DELETE && !row->current.is_live)
        return error_set(err, STATUS_INTERNAL_ERROR, "delete of a row that does not exist");
    return status;
}

static struct row_header commit_row_header(struct commit_pipeline *pipeline,
                                           const struct table *table, unsigned flags)
{
    bool is_event = table->kind == TABLE_KIND_STREAM;

    CHECK(pipeline->position < INT64_MAX);
    return (struct row_header){
        .flags = (uint8_t)(flags | (is_event ? ROW_EVENT : 0)),
        .layout_version = table->schema->version,
        .seq = ++pipeline->position,
        .updated = is_event ? 0 : pipeline->updated,
    };
}

struct str commit_row_encode(struct commit_pipeline *pipeline, const struct commit_row *row,
                             unsigned flags, const struct value *values)
{
    struct row_header header = commit_row_header(pipeline, row->table, flags);

    CHECK(values != NULL);
    buf_reset(&pipeline->row);
    row_encode(&row->table->schema->layout, &header, values, &pipeline->row);
    return arena_copy(&pipeline->arena, buf_str(&pipeline->row));
}

struct str commit_row_bury(struct commit_pipeline *pipeline, const struct commit_row *row,
                           unsigned flags)
{
    struct row_header header = commit_row_header(pipeline, row->table, flags | ROW_DELETED);
    size_t size = row->current.bytes.size;
    char *bytes = arena_alloc(&pipeline->arena, size);

    CHECK(size >= ROW_HEADER_BYTES);
    memcpy(bytes, row->current.bytes.data, size);
    header.layout_version = row_layout_version(row->current.bytes); /* its values stay */
    row_header_set(bytes, &header);
    return str_from(bytes, size);
}

struct str commit_row_stamp(struct commit_pipeline *pipeline, const struct commit_row *row,
                            unsigned flags)
{
    struct str made = row->op->bytes;
    unsigned deleted = row_is_deleted(made) ? ROW_DELETED : 0;
    struct row_header header = commit_row_header(pipeline, row->table, flags | deleted);
    char *bytes = arena_alloc(&pipeline->arena, made.size);

    CHECK(made.size >= ROW_HEADER_BYTES && row_seq(made) == ROW_SEQ_NONE);
    memcpy(bytes, made.data, made.size);
    header.layout_version = row_layout_version(made);
    row_header_set(bytes, &header);
    return str_from(bytes, made.size);
}

/* The version that was there: must outlive the group. */
static struct str commit_row_old(struct commit_pipeline *pipeline, const struct commit_row *row)
{
    CHECK(row->current.bytes.size == 0 || row->current.bytes.size >= ROW_HEADER_BYTES);
    if (row->current.bytes.data != row->held.bytes.data)
        return row->current.bytes;
    return arena_copy(&pipeline->arena, row->current.bytes);
}

static void commit_row_tell_feed(struct commit_pipeline *pipeline, const struct commit_row *row,
                                 struct str new_bytes)
{
    if (pipeline->change_count == pipeline->change_capacity) {
        pipeline->change_capacity = pipeline->change_capacity * 2 + 64;
        pipeline->changes =
            mem_realloc(pipeline->changes, pipeline->change_capacity * sizeof(*pipeline->changes));
    }
    CHECK(pipeline->position > pipeline->group_first);
    pipeline->changes[pipeline->change_count++] = (struct change){
        .table = row->table,
        .user = row->op->user,
        .key = row->key,
        .seq = pipeline->position,
        .old_bytes = commit_row_old(pipeline, row),
        .new_bytes = new_bytes,
    };
}

enum status commit_sizes_check(const struct store *store, const struct commit_sizes *sizes,
                               const char *what, struct error *err)
{
    size_t most = store->options.statement_write_bytes_max;

    CHECK(what != NULL);
    if (LIKELY(most == 0 || (sizes->written <= most && sizes->replaced <= most)))
        return STATUS_OK;
    return error_set(err, STATUS_RESULT_TOO_LARGE,
                     "the %s %s more than limits.max_statement_write_bytes (%zu bytes)", what,
                     sizes->written > most ? "writes" : "replaces", most);
}

enum status commit_row_report(struct commit_pipeline *pipeline, struct commit_row *row,
                              struct str new_bytes, struct error *err)
{
    struct str old_bytes = row->current.is_live ? row->current.bytes : STR_EMPTY;
    struct arena *arena = row->request->arena;
    struct row_op *op = row->op;

    CHECK(row->verdict != ROW_KEEP);
    row->request->rows_affected++;
    op->inserted = !row->current.is_live;
    if ((row->request->flags & COMMIT_KEEP_IMAGES) != 0) {
        op->old_bytes = row->current.is_live ? arena_copy(arena, old_bytes) : STR_EMPTY;
        op->new_bytes = arena_copy(arena, new_bytes);
    }
    pipeline->sizes.written += pipeline->key.size + new_bytes.size;
    pipeline->sizes.replaced += old_bytes.size;
    if (row->table->kind == TABLE_KIND_SYSTEM) /* the catalogue says how much that can be */
        return STATUS_OK;
    return commit_sizes_check(pipeline->store, &pipeline->sizes, "statement", err);
}

enum status commit_row_put(struct commit_pipeline *pipeline, struct commit_row *row,
                           struct str new_bytes, bool keep, struct error *err)
{
    struct str key = buf_str(&pipeline->key);

    CHECK(row->verdict != ROW_KEEP);
    overlay_set(&pipeline->overlay, &pipeline->arena, row->table->rows, key,
                keep ? OVERLAY_PUT : OVERLAY_DELETED, keep ? new_bytes : STR_EMPTY);
    pipeline->group_is_logged = pipeline->group_is_logged || row->table->kind != TABLE_KIND_STREAM;
    commit_row_tell_feed(pipeline, row, new_bytes);
    return commit_row_report(pipeline, row, new_bytes, err);
}
