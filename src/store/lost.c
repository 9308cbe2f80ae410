/* lost.c — positions that were given out before a crash and did not survive it.
 *
 * With durability `async` or `memory` a client may have seen changes that a crash took away. Each
 * such stop leaves a range of positions, above what was recovered and below where numbering went
 * on, from which nobody can resume; the ranges are kept for good. With `sync` nothing is seen
 * before it is durable, so a crash loses no position. Which of them counts is what the server ran
 * with when it stopped: that is written down before it serves.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/store_internal.h"

#include "base/check.h"
#include "base/mem.h"
#include "store/commit/commit_internal.h"

enum { LOST_RANGES_MAX = 256 };

/* Position p is lost if after < p < before. Ascending. */
struct lost_range {
    int64_t after, before;
};

bool store_has_lost(const struct store *store, int64_t position)
{
    CHECK(store->lost_count <= LOST_RANGES_MAX);
    for (size_t i = 0; i < store->lost_count; i++)
        if (position > store->lost[i].after && position < store->lost[i].before)
            return true;
    return false;
}

static enum status lost_read(struct store *store, struct error *err)
{
    struct kv_value value;
    enum status status =
        kv_get(store->kv, store->spaces.meta, NULL, STR_LIT(META_LOST), 0, &value, err);

    store->lost = mem_calloc(LOST_RANGES_MAX + 1, sizeof(*store->lost));
    CHECK(store->lost_count == 0);
    if (status != STATUS_OK)
        return status == STATUS_ABSENT ? STATUS_OK : status;
    if (value.bytes.size % sizeof(*store->lost) == 0 &&
        value.bytes.size / sizeof(*store->lost) <= LOST_RANGES_MAX) {
        store->lost_count = value.bytes.size / sizeof(*store->lost);
        memcpy(store->lost, value.bytes.data, value.bytes.size);
    } else {
        status = error_set(err, STATUS_CORRUPT, "the lost positions cannot be read");
    }
    kv_value_release(store->kv, &value);
    return status;
}

/* What the server ran with when it stopped; `async` if that is not known. */
static enum status lost_read_durability(struct store *store, uint32_t *durability,
                                        struct error *err)
{
    struct kv_value value;
    enum status status =
        kv_get(store->kv, store->spaces.meta, NULL, STR_LIT(META_DURABILITY), 0, &value, err);

    CHECK(durability != NULL);
    *durability = KV_ASYNC;
    if (status != STATUS_OK)
        return status == STATUS_ABSENT ? STATUS_OK : status;
    if (value.bytes.size == sizeof(*durability))
        memcpy(durability, value.bytes.data, sizeof(*durability));
    kv_value_release(store->kv, &value);
    return STATUS_OK;
}

static void lost_add(struct store *store, int64_t after, int64_t before)
{
    struct lost_range *last = store->lost_count > 0 ? &store->lost[store->lost_count - 1] : NULL;

    /* where numbering went on last time is safe: nothing of that run was lost before it */
    if (last != NULL && after < last->before)
        after = last->before;
    CHECK(after <= before);
    if (after == before) /* the last run ended before it gave out a position */
        return;
    store->lost[store->lost_count++] = (struct lost_range){after, before};
    if (store->lost_count <= LOST_RANGES_MAX)
        return;
    store->lost[1].after = store->lost[0].after; /* too much is refused rather than too little */
    memmove(store->lost, store->lost + 1, --store->lost_count * sizeof(*store->lost));
}

enum status lost_open(struct store *store, bool clean, struct error *err)
{
    uint32_t ran_with, runs_with = store->options.durability;
    enum status status = lost_read(store, err);

    CHECK(store->recovered_position <= store->start_position);
    if (status == STATUS_OK)
        status = lost_read_durability(store, &ran_with, err);
    if (status != STATUS_OK)
        return status;
    bool lost = !clean && ran_with != KV_SYNC;
    if (lost)
        lost_add(store, store->recovered_position, store->start_position);
    if (!lost && ran_with == runs_with)
        return STATUS_OK;
    struct kv_batch *batch = kv_batch_new(store->kv);
    kv_batch_put(batch, store->spaces.meta, STR_LIT(META_DURABILITY),
                 str_from((const char *)&runs_with, sizeof(runs_with)));
    kv_batch_put(batch, store->spaces.meta, STR_LIT(META_LOST),
                 str_from((const char *)store->lost, store->lost_count * sizeof(*store->lost)));
    status = kv_write(store->kv, batch, KV_SYNC, err);
    kv_batch_free(batch);
    return status;
}
