/* commit_apply.c — one row operation of a USER, SHARED or SYSTEM table against the group.
 *
 * The current row is what the group has written, else the hot version, else the cold image that the
 * request brought. The image counts only if the instance's segment list is the one it was looked up
 * in; otherwise the request is STALE and prepared again (the commit thread never reads files).
 *
 * ONE_VERSION: a hot version of a key that is also cold carries ROW_SHADOW, tombstones included.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "store/commit/commit_internal.h"
#include "value/row.h"

static enum status commit_apply_stale(struct error *err, const char *why)
{
    CHECK(why != NULL);
    return error_set(err, STATUS_STALE, "%s changed while the statement was prepared", why);
}

/* The newest version of the operation's table. */
static enum status commit_apply_table(struct commit_pipeline *pipeline, struct commit_row *row,
                                      struct error *err)
{
    const struct table *prepared = row->op->table;
    const struct table *newest = catalog_find_table_id(pipeline->catalog, prepared->id);

    CHECK(prepared->schema != NULL);
    if (newest == NULL)
        return error_set(err, STATUS_TABLE_NOT_FOUND,
                         "table not found: relation \"%.*s.%.*s\" does not exist",
                         STR_ARG(prepared->space), STR_ARG(prepared->name));
    if (newest->schema->version != prepared->schema->version)
        return commit_apply_stale(err, "the table");
    CHECK(newest->rows != NULL);
    row->table = newest;
    return STATUS_OK;
}

/* Fills in the cold image when the key is not hot. */
static enum status commit_apply_cold(struct commit_row *row, const struct instance_record *record,
                                     struct error *err)
{
    const struct row_op *op = row->op;

    CHECK(!row->current.is_hot);
    if (record->segments_version == 0)
        return STATUS_OK;
    if (!op->cold_known || op->cold_segments_version != record->segments_version)
        return commit_apply_stale(err, "the cold rows of the table");
    if (op->cold_bytes.size == 0)
        return STATUS_OK;
    CHECK(op->cold_bytes.size >= ROW_HEADER_BYTES);
    row->current.is_cold = true;
    row->current.bytes = op->cold_bytes;
    row->current.is_live = !row_is_deleted(op->cold_bytes);
    return STATUS_OK;
}

/* ROW_OP_STORE: is the version the transaction saw still the newest? */
static enum status commit_apply_base(struct commit_row *row, struct error *err)
{
    const struct row_op *op = row->op;
    bool exists = row->current.is_hot || row->current.is_cold;
    int64_t seq = exists ? row_seq(row->current.bytes) : ROW_SEQ_NONE;
    struct buf key;

    CHECK(op->bytes.size >= ROW_HEADER_BYTES);
    row->verdict = row_is_deleted(op->bytes) ? ROW_DELETE : ROW_PUT;
    if (seq == op->base_seq)
        return STATUS_OK;
    buf_init(&key);
    table_describe_key(row->table, op->key, &key);
    enum status status =
        error_set(err, STATUS_TRANSACTION_CONFLICT,
                  "could not serialize access: key %.*s of \"%.*s.%.*s\" was changed since BEGIN; "
                  "nothing was "
                  "written, try again",
                  STR_ARG(buf_str(&key)), STR_ARG(row->table->space), STR_ARG(row->table->name));
    buf_clear(&key);
    return status;
}

static enum status commit_apply_write(struct commit_pipeline *pipeline, struct commit_row *row,
                                      struct commit_instance_entry *entry,
                                      const struct value *values, struct error *err)
{
    const struct commit_current *current = &row->current;
    unsigned flags = commit_row_hides_cold(current) ? ROW_SHADOW : 0;
    struct str bytes;

    CHECK(entry != NULL && row->verdict != ROW_KEEP);
    if (row->op->kind == ROW_OP_STORE)
        bytes = commit_row_stamp(pipeline, row, flags);
    else if (row->verdict == ROW_PUT)
        bytes = commit_row_encode(pipeline, row, flags, values);
    else
        bytes = commit_row_bury(pipeline, row, flags);
    if (!current->is_hot) {
        commit_instance_touch(pipeline, entry);
        entry->record.buffered_rows++;
        entry->record.rows_since_flush++;
    }
    return commit_row_put(pipeline, row, bytes, true, err);
}

/* USER and SHARED: `{user}:{row_id}` or `{row_id}`. */
static enum status commit_apply_row(struct commit_pipeline *pipeline, struct commit_row *row,
                                    struct error *err)
{
    const struct row_op *op = row->op;
    struct commit_instance_entry *entry;
    const struct value *values = NULL;
    enum status status;

    if (row->table->kind == TABLE_KIND_USER) {
        /* The prefix is the isolation: a `:` in it would reach into another user's rows. */
        CHECK(op->user.size > 0 && memchr(op->user.data, ':', op->user.size) == NULL);
        buf_append_str(&pipeline->key, op->user);
        buf_append_byte(&pipeline->key, ':');
    } else {
        CHECK(op->user.size == 0);
    }
    buf_append_str(&pipeline->key, op->key);
    status = commit_row_load(pipeline, row, err);
    if (status == STATUS_OK)
        status = commit_instance_get(pipeline, row->table, op->user, &entry, err);
    if (status == STATUS_OK && !row->current.is_hot)
        status = commit_apply_cold(row, &entry->record, err);
    if (status == STATUS_OK && op->kind == ROW_OP_STORE)
        status = commit_apply_base(row, err);
    else if (status == STATUS_OK)
        status = commit_row_decide(&pipeline->decider, row, &values, err);
    if (status != STATUS_OK || row->verdict == ROW_KEEP)
        return status;
    return commit_apply_write(pipeline, row, entry, values, err);
}

static enum status commit_apply_system(struct commit_pipeline *pipeline, struct commit_row *row,
                                       struct error *err)
{
    const struct value *values;
    struct str bytes;

    CHECK(row->op->user.size == 0);
    buf_append_str(&pipeline->key, row->op->key);
    enum status status = commit_row_load(pipeline, row, err);
    if (status == STATUS_OK)
        status = commit_row_decide(&pipeline->decider, row, &values, err);
    if (status != STATUS_OK || row->verdict == ROW_KEEP)
        return status;
    if (row->verdict == ROW_PUT)
        bytes = commit_row_encode(pipeline, row, 0, values);
    else
        bytes = commit_row_bury(pipeline, row, 0);
    return commit_row_put(pipeline, row, bytes, row->verdict == ROW_PUT, err);
}

enum status commit_apply(struct commit_pipeline *pipeline, struct commit_request *request,
                         struct row_op *op, struct error *err)
{
    struct commit_row row = {.request = request, .op = op, .key = op->key};
    enum status status = commit_apply_table(pipeline, &row, err);

    CHECK(op->key.size > 0);
    op->verdict = ROW_KEEP;
    op->inserted = false;
    op->old_bytes = op->new_bytes = STR_EMPTY;
    buf_reset(&pipeline->key);
    if (status != STATUS_OK)
        return status;
    if (row.table->kind == TABLE_KIND_STREAM)
        status = commit_stream_apply(pipeline, &row, err);
    else if (row.table->kind == TABLE_KIND_SYSTEM)
        status = commit_apply_system(pipeline, &row, err);
    else
        status = commit_apply_row(pipeline, &row, err);
    kv_value_release(pipeline->store->kv, &row.held);
    if (status == STATUS_OK)
        op->verdict = row.verdict;
    return status;
}
