/* snapshot_order.c — the rows of a snapshot that ORDER BY, LIMIT and OFFSET choose.
 *
 * One scan of the view; of the rows that match a sorter keeps the best, with their key, `_seq` and,
 * as far as JSON of a snapshot is kept, their JSON. What it has in the end goes into the snapshot's
 * rows, where `last_rows` takes the newest of them, and is sent by `_seq` like any other. An order
 * of the key is that of the scan: it ends with the last row that is wanted.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "live/snapshot.h"

#include "base/check.h"
#include "base/mem.h"
#include "sql/sorter.h"

/* What a row of the sorter carries. */
enum { CARRIED_KEY, CARRIED_SEQ, CARRIED_JSON, CARRIED_COUNT };

struct snapshot_order {
    const struct live_plan *plan;
    struct sorter *sorter;
    struct value *values; /* of the row at hand: carried, then ordered by */
    struct buf json;
    size_t json_max, taken;
};

static enum status snapshot_order_take(struct snapshot_order *order, const struct row *row,
                                       struct arena *arena, struct error *err)
{
    struct value *values = order->values;
    bool matches;
    enum status status = live_plan_matches(order->plan, row, arena, &matches, err);

    CHECK(row->key.size > 0 && row->bytes.size > 0);
    if (status != STATUS_OK || !matches)
        return status;
    status = live_plan_order_values(order->plan, row, arena, values + CARRIED_COUNT, err);
    if (status != STATUS_OK || !sorter_wants(order->sorter, values + CARRIED_COUNT))
        return status;
    values[CARRIED_KEY] = value_text(VALUE_TEXT, row->key);
    values[CARRIED_SEQ] = value_integer(VALUE_BIGINT, row_seq(row->bytes));
    values[CARRIED_JSON] = value_null(VALUE_TEXT);
    if (sorter_bytes(order->sorter) < order->json_max) {
        buf_reset(&order->json);
        encode_row(order->plan, row, arena, &order->json);
        values[CARRIED_JSON] = value_text(VALUE_TEXT, buf_str(&order->json));
    }
    order->taken++;
    return sorter_add(order->sorter, values, err);
}

static enum status snapshot_order_scan(struct subscription *subscription,
                                       struct snapshot_order *order,
                                       const struct scan_options *options, struct error *err)
{
    struct live *live = subscription->peer->live;
    size_t keep = live_plan_order_keep(order->plan);
    bool by_key = live_plan_order_count(order->plan) == 0;
    struct scan *scan = NULL;
    struct arena scratch;
    struct row row;
    enum status status = scan_open(live->options.store, options, &scan, err);

    CHECK(keep > 0);
    live_row_arena_init(live, &scratch);
    while (status == STATUS_OK && !(by_key && order->taken == keep)) {
        status = scan_next(scan, &row, err);
        if (status == STATUS_OK)
            status = snapshot_order_take(order, &row, &scratch, err);
        if (status == STATUS_OK)
            status = live_check_task(subscription, err);
        live_row_arena_reset(&scratch);
    }
    scan_close(scan);
    arena_clear(&scratch);
    return status == STATUS_END ? STATUS_OK : status;
}

/* What was chosen becomes the snapshot's. */
static void snapshot_order_move(struct snapshot_order *order, struct snapshot_rows *rows)
{
    size_t count = sorter_finish(order->sorter);

    CHECK(rows->count == 0);
    for (size_t i = (size_t)order->plan->snapshot_offset; i < count; i++) {
        const struct value *values = sorter_row(order->sorter, i);
        struct snapshot_row *added =
            snapshot_rows_put(rows, values[CARRIED_KEY].text, values[CARRIED_SEQ].integer);
        if (!values[CARRIED_JSON].is_null && snapshot_rows_begin_json(rows, added)) {
            buf_append_str(&rows->json, values[CARRIED_JSON].text);
            snapshot_rows_end_json(rows, added);
        }
    }
    snapshot_rows_trim(rows);
}

enum status snapshot_order_read(struct subscription *subscription, const struct live_plan *plan,
                                struct view *view, struct snapshot_rows *rows, struct error *err)
{
    struct sql_engine *engine = subscription->peer->live->options.engine;
    struct arena arena;

    CHECK(live_plan_is_ordered(plan));
    if (rows->limit == 0 || plan->snapshot_limit == 0)
        return STATUS_OK;
    arena_init(&arena, 0);
    struct scan_options options = snapshot_scan_options(subscription, plan, view, &arena);
    struct snapshot_order order = {
        .plan = plan,
        .sorter = sql_live_sorter(engine, plan, CARRIED_COUNT),
        .values = mem_calloc(CARRIED_COUNT + live_plan_order_count(plan), sizeof *order.values),
        .json_max = rows->json_max,
    };
    buf_init(&order.json);
    options.descending = plan->shape->order_kind == LIVE_ORDER_KEY_DESCENDING;
    enum status status = snapshot_order_scan(subscription, &order, &options, err);
    if (status == STATUS_OK)
        snapshot_order_move(&order, rows);
    sorter_free(order.sorter);
    mem_free(order.values);
    buf_clear(&order.json);
    arena_clear(&arena);
    return status;
}
