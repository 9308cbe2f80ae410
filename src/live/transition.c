/* transition.c — what one change of a key means to one subscription:
 *
 *   before \ after   passes the filter   does not (or deleted)
 *   passes           update              delete
 *   does not         insert              nothing
 *
 * Consecutive changes of one kind gather in one message. Used by the matcher for changes of the
 * feed and by snapshot.c for the net difference between two views.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "live/live_internal.h"

#include "base/check.h"
#include "base/limits.h"

enum {
    CHANGE_WRITER_BYTES_AIM = 1 << 20,
    CHANGE_WRITER_BYTES_MAX = LIMIT_SERVER_MESSAGE_BYTES - MESSAGE_ENVELOPE_BYTES,
    WORK_JSON_PER_BYTE = 2, /* budget.c */
};

void change_writer_init(struct change_writer *writer, const struct live_plan *plan,
                        struct row_views *views, struct arena *arena)
{
    CHECK(plan && views && arena);
    *writer = (struct change_writer){.plan = plan, .views = views, .arena = arena};
    buf_init(&writer->run.rows);
    buf_init(&writer->run.old_values);
}

void change_writer_clear(struct change_writer *writer)
{
    CHECK(writer && writer->plan);
    buf_clear(&writer->run.rows);
    buf_clear(&writer->run.old_values);
}

void change_writer_flush(struct change_writer *writer)
{
    CHECK(writer->run.count == 0 || writer->emit);
    if (writer->run.count > 0)
        writer->emit(writer, writer->context);
    writer->run.count = 0;
    buf_reset(&writer->run.rows);
    buf_reset(&writer->run.old_values);
}

struct wire_message *change_run_message(const struct change_run *run,
                                        const struct subscription *subscription)
{
    struct wire_server_message message = {
        .type = WIRE_CHANGE,
        .subscription_id = subscription->id,
        .with_query_id = subscription->uses_query_id,
        .change_type = run->kind,
        .rows = buf_str(&run->rows),
        .old_values = buf_str(&run->old_values),
    };

    CHECK(run->count > 0);
    return wire_server_message_new(&message);
}

struct change_side { /* one version of the row, if there is one */
    bool exists, passes;
    struct row row;
};

static enum status change_side_load(struct change_writer *writer, struct str key, struct str bytes,
                                    struct change_side *side, struct error *err)
{
    CHECK(key.size > 0);
    side->exists = side->passes = false;
    if (str_is_empty(bytes))
        return STATUS_OK;
    size_t known = writer->views->arena.used_bytes;
    if (!row_views_get(writer->views, writer->plan->table, key, bytes, &side->row))
        return error_set(err, STATUS_STALE, "the row has a newer schema than the subscription");
    if (UNLIKELY(writer->views->arena.used_bytes > known)) /* by something for each column */
        budget_spend(writer->budget, writer->views->arena.used_bytes - known);
    side->exists = true;
    return live_plan_matches_within(writer->plan, &side->row, writer->arena, writer->budget,
                                    &side->passes, err);
}

/* Makes room for a row of this kind: other kinds and full messages are sent first. */
static void change_writer_begin(struct change_writer *writer, enum wire_change_type kind,
                                int64_t seq)
{
    CHECK(writer->run.count < UINT32_MAX);
    if (writer->run.count > 0 &&
        (writer->run.kind != kind ||
         writer->run.rows.size + writer->run.old_values.size > CHANGE_WRITER_BYTES_AIM))
        change_writer_flush(writer);
    writer->run.kind = kind;
    writer->former_seq = writer->run.seq;
    writer->run.seq = seq;
    writer->run.count++;
}

/* The rows just added, from these offsets on, would make the message too large: the others go
 * first. RESULT_TOO_LARGE when they alone are. */
static enum status change_writer_split(struct change_writer *writer, size_t rows_at, size_t old_at,
                                       struct error *err)
{
    struct change_writer before = *writer;
    size_t size = writer->run.rows.size + writer->run.old_values.size;

    CHECK(rows_at <= writer->run.rows.size && old_at <= writer->run.old_values.size);
    if (size <= CHANGE_WRITER_BYTES_MAX)
        return STATUS_OK;
    buf_init(&writer->run.rows);
    buf_init(&writer->run.old_values);
    size_t rows_skip = rows_at > 0, old_skip = old_at > 0; /* the comma between two objects */
    if (before.run.rows.size > rows_at)
        buf_append(&writer->run.rows, before.run.rows.data + rows_at + rows_skip,
                   before.run.rows.size - rows_at - rows_skip);
    if (before.run.old_values.size > old_at)
        buf_append(&writer->run.old_values, before.run.old_values.data + old_at + old_skip,
                   before.run.old_values.size - old_at - old_skip);
    writer->run.count = 1;
    before.run.rows.size = rows_at;
    before.run.old_values.size = old_at;
    before.run.count--;
    before.run.seq = writer->former_seq;
    change_writer_flush(&before);
    change_writer_clear(&before);
    if (writer->run.rows.size + writer->run.old_values.size <= CHANGE_WRITER_BYTES_MAX)
        return STATUS_OK;
    writer->run.count = 0;
    return error_set(err, STATUS_RESULT_TOO_LARGE, "a change is larger than 8 MiB");
}

enum status change_writer_add(struct change_writer *writer, struct str key, struct str old_bytes,
                              struct str new_bytes, int64_t seq, struct error *err)
{
    struct change_side before, after;
    enum status status;

    CHECK(writer->emit);
    status = change_side_load(writer, key, old_bytes, &before, err);
    if (status != STATUS_OK)
        return status;
    live_row_arena_reset(writer->arena); /* the next version has all of live.filter_memory */
    status = change_side_load(writer, key, new_bytes, &after, err);
    if (status != STATUS_OK)
        return status;
    enum wire_change_type kind = !before.passes ? WIRE_CHANGE_INSERT
                                 : after.passes ? WIRE_CHANGE_UPDATE
                                                : WIRE_CHANGE_DELETE;
    if (!before.passes && !after.passes)
        return STATUS_OK;
    change_writer_begin(writer, kind, seq);
    size_t rows_at = writer->run.rows.size, old_at = writer->run.old_values.size;
    struct encode_delete how = {.seq = seq, .deleted = !after.exists || row_is_deleted(new_bytes)};
    if (after.passes)
        encode_row(writer->plan, &after.row, writer->arena, &writer->run.rows);
    if (kind == WIRE_CHANGE_UPDATE)
        encode_old_changed(writer->plan, &before.row, &after.row, writer->arena,
                           &writer->run.old_values);
    if (kind == WIRE_CHANGE_DELETE)
        encode_deleted(writer->plan, &before.row, &how, writer->arena, &writer->run.old_values);
    size_t compared = kind == WIRE_CHANGE_UPDATE ? old_bytes.size + new_bytes.size : 0;
    size_t json = writer->run.rows.size - rows_at + writer->run.old_values.size - old_at;
    budget_spend(writer->budget, compared + json * WORK_JSON_PER_BYTE);
    return change_writer_split(writer, rows_at, old_at, err);
}
