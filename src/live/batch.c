/* batch.c — what a snapshot sends per next_batch: for a resume some deletes, then some rows.
 *
 * A batch ends at batch_size rows, or earlier, so that no message passes the 8 MiB of the protocol.
 * `ready` comes with the last one, when every delete is told. Workers.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "live/snapshot.h"

#include "base/check.h"
#include "base/limits.h"

enum {
    BATCH_BYTES_AIM = LIMIT_SERVER_MESSAGE_BYTES / 2,
    BATCH_BYTES_MAX = LIMIT_SERVER_MESSAGE_BYTES - MESSAGE_ENVELOPE_BYTES,
};

bool batch_is_last(const struct snapshot *snapshot)
{
    CHECK(snapshot->next <= snapshot->rows.count);
    CHECK(snapshot->gone_next <= snapshot->gone.count);
    return snapshot->next == snapshot->rows.count && snapshot->gone_next == snapshot->gone.count;
}

struct batch {
    struct subscription *subscription;
    struct snapshot *snapshot;
    const struct snapshot_rows *rows; /* snapshot->rows or ->gone */
    struct arena arena;
    struct buf text, row;
    int64_t last_seq;
    size_t count;
};

/* The JSON of one row into batch->row: kept, or made again from the same view. */
static enum status batch_encode(struct batch *batch, const struct snapshot_row *row,
                                struct error *err)
{
    const struct snapshot *snapshot = batch->snapshot;
    struct row current;
    struct row_pin pin = {0};
    enum status status;

    buf_reset(&batch->row);
    if (row->json_size > 0) {
        buf_append(&batch->row, batch->rows->json.data + row->json_offset, row->json_size);
        return STATUS_OK;
    }
    status =
        snapshot_row_get(batch->subscription, snapshot->plan, snapshot->view,
                         snapshot_row_key(batch->rows, row), &batch->arena, &current, &pin, err);
    CHECK(status != STATUS_ABSENT); /* the view is the same */
    if (status == STATUS_OK && batch->rows == &snapshot->gone)
        status = resume_encode_gone(snapshot->plan, &current, &batch->arena, &batch->row, err);
    else if (status == STATUS_OK)
        encode_row(snapshot->plan, &current, &batch->arena, &batch->row);
    row_pin_release(batch->subscription->peer->live->options.store, &pin);
    return status;
}

/* Collects rows from *next on. */
static enum status batch_collect(struct batch *batch, size_t *next, struct error *err)
{
    size_t most = (size_t)batch->subscription->loading->batch_size;
    enum status status = STATUS_OK;

    CHECK(most > 0 && *next <= batch->rows->count);
    buf_reset(&batch->text);
    for (batch->count = 0; status == STATUS_OK && batch->count < most &&
                           *next < batch->rows->count && batch->text.size < BATCH_BYTES_AIM;
         batch->count++) {
        const struct snapshot_row *row = &batch->rows->rows[*next];
        status = batch_encode(batch, row, err);
        live_row_arena_reset(&batch->arena);
        if (status == STATUS_OK)
            status = live_check_task(batch->subscription, err);
        if (status == STATUS_OK && batch->row.size > BATCH_BYTES_MAX)
            status = error_set(err, STATUS_RESULT_TOO_LARGE, "a row is larger than 8 MiB");
        if (status != STATUS_OK)
            break;
        size_t comma = batch->text.size > 0 ? 1 : 0;
        if (batch->text.size + comma + batch->row.size > BATCH_BYTES_MAX)
            break; /* never the first one: it was found to fit alone */
        if (comma > 0)
            buf_append_byte(&batch->text, ',');
        buf_append_str(&batch->text, buf_str(&batch->row));
        batch->last_seq = row->seq;
        (*next)++;
    }
    return status;
}

static enum status batch_send_gone(struct batch *batch, struct error *err)
{
    struct subscription *subscription = batch->subscription;
    enum status status;

    batch->rows = &batch->snapshot->gone;
    if (batch->snapshot->gone_next == batch->rows->count)
        return STATUS_OK;
    status = batch_collect(batch, &batch->snapshot->gone_next, err);
    if (status != STATUS_OK)
        return status;
    CHECK(batch->count > 0);
    struct wire_server_message message = {
        .type = WIRE_CHANGE,
        .subscription_id = subscription->id,
        .with_query_id = subscription->uses_query_id,
        .change_type = WIRE_CHANGE_DELETE,
        .old_values = buf_str(&batch->text),
    };
    atomic_fetch_add(&subscription->changes, (int64_t)batch->count);
    atomic_fetch_add(&subscription->peer->live->changes_delivered, batch->count);
    subscription_tell(subscription, &message);
    return STATUS_OK;
}

static enum status batch_send_rows(struct batch *batch, struct error *err)
{
    struct subscription *subscription = batch->subscription;
    struct snapshot *snapshot = batch->snapshot;
    enum status status;

    batch->rows = &snapshot->rows;
    status = batch_collect(batch, &snapshot->next, err);
    if (status != STATUS_OK)
        return status;
    bool last = batch_is_last(snapshot);
    CHECK(last || batch->count > 0 || snapshot->gone_next < snapshot->gone.count);
    struct wire_server_message message = {
        .type = WIRE_INITIAL_DATA_BATCH,
        .subscription_id = subscription->id,
        .with_query_id = subscription->uses_query_id,
        .rows = buf_str(&batch->text),
        .batch = {.batch_num = snapshot->batch_num++,
                  .has_more = !last,
                  .status = last ? WIRE_BATCH_READY : WIRE_BATCH_LOADING_BATCH,
                  .has_last_seq = last || batch->count > 0,
                  .last_seq = last ? view_position(snapshot->view) : batch->last_seq},
    };
    subscription_tell(subscription, &message);
    return STATUS_OK;
}

enum status batch_send(struct subscription *subscription, struct snapshot *snapshot,
                       struct error *err)
{
    struct batch batch = {.subscription = subscription, .snapshot = snapshot};
    enum status status;

    CHECK(subscription->loading->batch_size > 0 && snapshot->view);
    live_row_arena_init(subscription->peer->live, &batch.arena);
    buf_init(&batch.text);
    buf_init(&batch.row);
    status = batch_send_gone(&batch, err);
    if (status == STATUS_OK)
        status = batch_send_rows(&batch, err);
    buf_clear(&batch.text);
    buf_clear(&batch.row);
    arena_clear(&batch.arena);
    return status;
}
