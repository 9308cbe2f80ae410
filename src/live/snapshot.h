/* snapshot.h — the rows a subscription begins with: which ones, in which batches, and how they are
 * handed over to the stream. Private to live/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIVE_SNAPSHOT_H
#define LIVE_SNAPSHOT_H

#include "live/live_internal.h"

/* ---- snapshot_rows.c
 * ----------------------------------------------------------------------------- */

/* Rows chosen by a scan, in `_seq` order: where they are, and, while memory allows, their JSON. */
struct snapshot_row {
    int64_t seq;
    size_t key_offset, json_offset;
    uint32_t key_size, json_size; /* json_size 0 = not kept, read again by key */
};
struct snapshot_rows {
    struct loading *loading; /* whose memory it counts as */
    size_t counted;          /* of it, so far */
    struct snapshot_row *rows;
    size_t count, capacity;
    struct buf keys, json;
    size_t json_max;   /* of `json`; what comes after it is read again by key */
    int64_t limit;     /* only the newest so many; -1 = all */
    int64_t threshold; /* rows at or below this _seq cannot be among them */
};
void snapshot_rows_init(struct snapshot_rows *rows, struct loading *loading, int64_t limit);
void snapshot_rows_clear(struct snapshot_rows *rows);
/* Scans the plan's instance at the view for rows that pass its filter. The plan's table is at least
 * as new as the view. */
enum status snapshot_rows_read(struct subscription *subscription, const struct live_plan *plan,
                               struct view *view, struct snapshot_rows *rows,
                               struct error *err) MUST_CHECK;
/* Every key, deleted ones too, whose newest version is above `seq_after`. */
enum status snapshot_rows_changed(struct subscription *subscription, const struct live_plan *plan,
                                  struct view *view, int64_t seq_after, struct snapshot_rows *rows,
                                  struct error *err) MUST_CHECK;
struct str snapshot_row_key(const struct snapshot_rows *rows, const struct snapshot_row *row);
/* Appends a row without its JSON; room for that is then told by snapshot_rows_begin_json. */
struct snapshot_row *snapshot_rows_put(struct snapshot_rows *rows, struct str key, int64_t seq);
struct snapshot_row *snapshot_rows_append(struct snapshot_rows *rows, const struct row *row);
/* Around the encoding of the row just appended; false when no more JSON is kept. */
bool snapshot_rows_begin_json(struct snapshot_rows *rows, struct snapshot_row *row);
void snapshot_rows_end_json(struct snapshot_rows *rows, struct snapshot_row *row);
/* Sorts by `_seq`, keeps the newest `limit`. */
void snapshot_rows_trim(struct snapshot_rows *rows);
struct scan_options snapshot_scan_options(struct subscription *subscription,
                                          const struct live_plan *plan, struct view *view,
                                          struct arena *arena);
/* The version of a key at a view, deleted ones too; ABSENT if there is none. */
enum status snapshot_row_get(struct subscription *subscription, const struct live_plan *plan,
                             struct view *view, struct str key, struct arena *arena,
                             struct row *row, struct row_pin *pin, struct error *err) MUST_CHECK;

/* ---- snapshot_order.c
 * ---------------------------------------------------------------------------- */

/* As snapshot_rows_read, but of these rows those that the plan's ORDER BY and LIMIT choose;
 * live_plan_is_ordered. */
enum status snapshot_order_read(struct subscription *subscription, const struct live_plan *plan,
                                struct view *view, struct snapshot_rows *rows,
                                struct error *err) MUST_CHECK;

/* ---- snapshot.c, batch.c
 * ------------------------------------------------------------------------- */

struct snapshot {
    struct view *view;
    struct live_plan *plan; /* referenced; at least as new as the view, unlike the subscription's */
    struct snapshot_rows rows;
    size_t next; /* row of the next batch */
    /* Resume: keys that changed and do not match any more, told before the last batch. */
    struct snapshot_rows gone;
    size_t gone_next;
    uint32_t batch_num;
    bool finished;
};
/* Is everything sent? */
bool batch_is_last(const struct snapshot *snapshot);
/* The next deletes and the next batch. RESULT_TOO_LARGE for a row that fits in no message. */
enum status batch_send(struct subscription *subscription, struct snapshot *snapshot,
                       struct error *err) MUST_CHECK;

/* ---- resume.c
 * ------------------------------------------------------------------------------------ */

/* Why the subscription cannot go on from its `from` at this view; NULL = it can. */
enum status resume_problem(struct subscription *subscription, const struct snapshot *snapshot,
                           const char **problem, struct error *err) MUST_CHECK;
/* Fills the rows and the gone keys of the snapshot. */
enum status resume_read(struct subscription *subscription, struct snapshot *snapshot,
                        struct error *err) MUST_CHECK;
/* The delete of a key whose newest version, at the view, does not match. */
enum status resume_encode_gone(const struct live_plan *plan, const struct row *row,
                               struct arena *arena, struct buf *out, struct error *err) MUST_CHECK;

#endif
