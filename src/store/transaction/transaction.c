/* transaction.c — statements against a view with changes, and what COMMIT sends, see
 * store/transaction.h.
 *
 * Each operation meets the row as its own transaction sees it: own version, else hot, else cold,
 * all at the view of BEGIN. The decision is the commit thread's code (commit_row_decide), so a
 * statement means the same inside and outside. The new version lies in the changes with `_seq` 0;
 * COMMIT brings it to the commit thread together with the `_seq` of the version it replaces.
 *
 * A row that hides a cold one carries ROW_SHADOW from the start: the columnar reader asks for it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/transaction.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/cold.h"
#include "store/commit/commit_internal.h"
#include "store/transaction/changes.h"

struct transaction {
    struct store *store;
    struct view *view;
    struct changes *changes; /* the view's */
    int64_t begun_us;
    struct commit_decider decider;
    struct commit_sizes sizes; /* of all statements */
    struct buf key, row;       /* scratch */
};

struct transaction *transaction_begin(struct store *store)
{
    struct transaction *transaction = mem_zalloc(sizeof(*transaction));

    CHECK(store != NULL);
    transaction->store = store;
    transaction->changes = changes_new();
    transaction->view = view_with_changes(view_acquire(store), transaction->changes);
    transaction->begun_us = clock_now_us();
    commit_decider_init(&transaction->decider, &transaction->changes->arena);
    buf_init(&transaction->key);
    buf_init(&transaction->row);
    return transaction;
}

void transaction_end(struct transaction *transaction)
{
    if (transaction == NULL)
        return;
    CHECK(transaction->view->changes == transaction->changes);
    commit_decider_clear(&transaction->decider);
    view_release(transaction->view); /* frees the changes with its last reader */
    buf_clear(&transaction->key);
    buf_clear(&transaction->row);
    mem_free(transaction);
}

struct view *transaction_view(const struct transaction *transaction)
{
    CHECK(transaction != NULL);
    return transaction->view;
}

int64_t transaction_begun_us(const struct transaction *transaction)
{
    CHECK(transaction->begun_us > 0);
    return transaction->begun_us;
}

size_t transaction_row_count(const struct transaction *transaction)
{
    CHECK(transaction->changes != NULL);
    return transaction->changes->overlay.count;
}

/* ---- one statement --------------------------------------------------------------------------- */

struct transaction_step {
    struct transaction *transaction;
    struct commit_request *request;
    bool cached_only;
};

static enum status transaction_load_hot(struct transaction_step *step, struct commit_row *row,
                                        struct error *err)
{
    struct transaction *transaction = step->transaction;
    enum status status =
        kv_get(transaction->store->kv, row->table->rows, view_snapshot(transaction->view),
               buf_str(&transaction->key), step->cached_only ? KV_READ_CACHED : 0, &row->held, err);

    if (status != STATUS_OK)
        return hot_translate(status, row->table, err);
    row->current.is_hot = true;
    row->current.bytes = row->held.bytes;
    if (row->current.bytes.size < ROW_HEADER_BYTES)
        return hot_translate(error_set(err, STATUS_CORRUPT, "row is shorter than its header"),
                             row->table, err);
    return STATUS_OK;
}

static void transaction_load_cold(struct commit_row *row)
{
    const struct row_op *op = row->op;

    CHECK(!row->current.is_hot && op->cold_known);
    if (op->cold_bytes.size == 0)
        return;
    CHECK(op->cold_bytes.size >= ROW_HEADER_BYTES);
    row->current.is_cold = true;
    row->current.bytes = op->cold_bytes;
}

/* The row as the transaction sees it; *base_seq is only told when the key is new to it. */
static enum status transaction_load(struct transaction_step *step, struct commit_row *row,
                                    int64_t *base_seq, struct error *err)
{
    struct transaction *transaction = step->transaction;
    const struct overlay_entry *own =
        changes_find(transaction->changes, row->table->rows, buf_str(&transaction->key));
    enum status status = STATUS_OK;

    row->current = (struct commit_current){0};
    *base_seq = ROW_SEQ_NONE;
    if (own != NULL) {
        row->current.is_hot = true;
        row->current.bytes = own->bytes;
    } else {
        status = transaction_load_hot(step, row, err);
        if (status != STATUS_OK && status != STATUS_ABSENT)
            return status;
        if (status == STATUS_ABSENT)
            transaction_load_cold(row);
        status = STATUS_OK;
        if (row->current.bytes.size > 0)
            *base_seq = row_seq(row->current.bytes);
    }
    CHECK(row->current.bytes.size == 0 || row->current.bytes.size >= ROW_HEADER_BYTES);
    row->current.is_live = row->current.bytes.size > 0 && !row_is_deleted(row->current.bytes);
    return STATUS_OK;
}

/* The next version, in the transaction's memory. */
static struct str transaction_make(struct transaction *transaction, const struct commit_row *row,
                                   const struct value *values)
{
    struct row_header header = {
        .flags = commit_row_hides_cold(&row->current) ? ROW_SHADOW : 0,
        .layout_version = row->table->schema->version,
        .seq = ROW_SEQ_NONE,
    };

    CHECK(row->verdict != ROW_KEEP);
    if (row->verdict == ROW_PUT) {
        buf_reset(&transaction->row);
        row_encode(&row->table->schema->layout, &header, values, &transaction->row);
        return arena_copy(&transaction->changes->arena, buf_str(&transaction->row));
    }
    size_t size = row->current.bytes.size;
    char *bytes = arena_alloc(&transaction->changes->arena, size);
    memcpy(bytes, row->current.bytes.data, size);
    header.flags |= ROW_DELETED;
    header.layout_version = row_layout_version(row->current.bytes); /* its values stay */
    row_header_set(bytes, &header);
    return str_from(bytes, size);
}

/* A row whose first version of this transaction it is replaces what COMMIT will find. */
static enum status transaction_count(struct transaction *transaction, const struct commit_row *row,
                                     int64_t base_seq, size_t bytes, struct error *err)
{
    struct commit_sizes *sizes = &transaction->sizes;

    CHECK(bytes > 0);
    sizes->written += bytes;
    if (base_seq != ROW_SEQ_NONE && row->current.is_live)
        sizes->replaced += row->current.bytes.size;
    return commit_sizes_check(transaction->store, sizes, "transaction", err);
}

static void transaction_report(struct transaction_step *step, const struct commit_row *row,
                               struct str new_bytes)
{
    struct commit_request *request = step->request;
    struct row_op *op = row->op;

    CHECK(row->verdict != ROW_KEEP);
    request->rows_affected++;
    op->inserted = !row->current.is_live;
    op->new_bytes = new_bytes;
    if (row->current.is_live && (request->flags & COMMIT_KEEP_IMAGES) != 0)
        op->old_bytes = arena_copy(request->arena, row->current.bytes);
}

static enum status transaction_write(struct transaction_step *step, struct commit_row *row,
                                     int64_t base_seq, const struct value *values,
                                     struct error *err)
{
    struct transaction *transaction = step->transaction;
    struct str key = buf_str(&transaction->key);
    struct str bytes = transaction_make(transaction, row, values);
    struct changed_row changed = {.table = row->table, .user = row->op->user, .base_seq = base_seq};
    enum status status = transaction_count(transaction, row, base_seq, key.size + bytes.size, err);

    if (status != STATUS_OK)
        return status;
    CHECK(!row_is_deleted(bytes) || row->verdict == ROW_DELETE);
    changes_put(transaction->changes, &changed, key, bytes);
    transaction_report(step, row, bytes);
    return STATUS_OK;
}

static enum status transaction_step_op(struct transaction_step *step, struct row_op *op,
                                       struct error *err)
{
    struct commit_row row = {
        .request = step->request, .op = op, .table = op->table, .key = op->key};
    struct buf *key = &step->transaction->key;
    const struct value *values = NULL;
    int64_t base_seq = ROW_SEQ_NONE;
    enum table_kind kind = op->table->kind;

    CHECK(kind == TABLE_KIND_USER || kind == TABLE_KIND_SHARED);
    CHECK((kind == TABLE_KIND_USER) == (op->user.size > 0) && op->kind != ROW_OP_STORE);
    op->verdict = ROW_KEEP;
    op->inserted = false;
    op->old_bytes = op->new_bytes = STR_EMPTY;
    buf_reset(key);
    if (kind == TABLE_KIND_USER) {
        CHECK(memchr(op->user.data, ':', op->user.size) == NULL);
        buf_append_str(key, op->user);
        buf_append_byte(key, ':');
    }
    buf_append_str(key, op->key);
    enum status status = transaction_load(step, &row, &base_seq, err);
    if (status == STATUS_OK)
        status = commit_row_decide(&step->transaction->decider, &row, &values, err);
    if (status == STATUS_OK && row.verdict != ROW_KEEP)
        status = transaction_write(step, &row, base_seq, values, err);
    kv_value_release(step->transaction->store->kv, &row.held);
    if (status == STATUS_OK)
        op->verdict = row.verdict;
    return status;
}

enum status transaction_apply(struct transaction *transaction, struct commit_request *request,
                              bool cached_only, struct error *err)
{
    struct changes *changes = transaction->changes;
    struct transaction_step step = {
        .transaction = transaction, .request = request, .cached_only = cached_only};
    struct commit_sizes sizes = transaction->sizes;
    size_t mark = overlay_mark(&changes->overlay);
    enum status status = commit_lookup_cold(transaction->store, request, cached_only, err);

    CHECK(request->view == transaction->view && request->arena != NULL && request->extra == NULL);
    request->rows_affected = request->failed_op = 0;
    for (size_t i = 0; i < request->op_count && status == STATUS_OK; i++) {
        status = commit_check_op(request, i, err);
        if (status == STATUS_OK)
            status = transaction_step_op(&step, &request->ops[i], err);
        if (status != STATUS_OK)
            request->failed_op = i;
    }
    if (status == STATUS_OK && request->confirm != NULL)
        status = request->confirm(request, err);
    request->status = status;
    if (status == STATUS_OK) {
        overlay_forget(&changes->overlay);
        return status;
    }
    overlay_rollback(&changes->overlay, mark);
    transaction->sizes = sizes;
    request->rows_affected = 0;
    return status;
}

/* ---- COMMIT ---------------------------------------------------------------------------------- */

/* Bytes of the old layout would be as good, but what the statements decided may not be. */
static enum status transaction_check_table(const struct commit_request *request,
                                           const struct table *table, struct error *err)
{
    const struct table *newest = catalog_find_table_id(view_catalog(request->view), table->id);

    CHECK(table->schema != NULL);
    if (newest == NULL)
        return error_set(err, STATUS_TABLE_NOT_FOUND,
                         "table not found: relation \"%.*s.%.*s\" does not exist",
                         STR_ARG(table->space), STR_ARG(table->name));
    if (newest->schema->version == table->schema->version)
        return STATUS_OK;
    return error_set(err, STATUS_TRANSACTION_CONFLICT,
                     "could not serialize access: table \"%.*s.%.*s\" was altered since BEGIN; "
                     "nothing was written, try again",
                     STR_ARG(table->space), STR_ARG(table->name));
}

enum status transaction_prepare(const struct transaction *transaction,
                                struct commit_request *request, bool cached_only, struct error *err)
{
    const struct changes *changes = transaction->changes;
    const struct overlay *overlay = &changes->overlay;
    const struct table *checked = NULL;
    enum status status = STATUS_OK;

    CHECK(request->view != NULL && request->view->changes == NULL);
    request->op_count = 0;
    request->ops = arena_array(request->arena, overlay->count, sizeof(*request->ops));
    for (size_t i = 0; i < overlay->count && status == STATUS_OK; i++) {
        const struct changed_row *row = &changes->rows[i];
        if (overlay->entries[i].state != OVERLAY_PUT)
            continue;
        if (row->table != checked)
            status = transaction_check_table(request, row->table, err);
        checked = row->table;
        struct row_op *op = &request->ops[request->op_count++];
        *op = (struct row_op){.kind = ROW_OP_STORE,
                              .table = row->table,
                              .user = row->user,
                              .key = row->row_id,
                              .bytes = overlay->entries[i].bytes,
                              .base_seq = row->base_seq};
    }
    return status == STATUS_OK ? commit_lookup_cold(transaction->store, request, cached_only, err)
                               : status;
}
