/* commit_lookup.c — the cold half of preparing a row operation: what the commit thread must know
 * about a key that is not hot, found by whoever prepares the request.
 *
 * Records and bloom filters in memory answer nearly always ("no segment can hold it"); only a key
 * that one may hold is read. Runs at the request's view; the commit thread checks that the list is
 * still the same. Any thread; blocking unless cached_only.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "store/cold.h"
#include "store/commit/commit_internal.h"

/* Whether the key is hot at the view: then its cold version is hidden and need not be fetched. */
static enum status commit_lookup_hot(struct store *store, const struct commit_request *request,
                                     const struct row_op *op, unsigned flags, bool *found,
                                     struct error *err)
{
    struct kv_value value;
    struct buf key;

    CHECK(op->table->rows != NULL);
    buf_init(&key);
    if (op->table->kind == TABLE_KIND_USER) {
        buf_append_str(&key, op->user);
        buf_append_byte(&key, ':');
    }
    buf_append_str(&key, op->key);
    enum status status = kv_get(store->kv, op->table->rows, view_snapshot(request->view),
                                buf_str(&key), flags, &value, err);
    buf_clear(&key);
    *found = status == STATUS_OK;
    if (status == STATUS_OK)
        kv_value_release(store->kv, &value);
    if (status == STATUS_IO_FAILED || status == STATUS_CORRUPT)
        return cold_translate(status, op->table, err);
    return status == STATUS_ABSENT ? STATUS_OK : status;
}

static bool commit_lookup_may_contain(const struct segment_list *list, struct str key)
{
    CHECK(list->count == 0 || list->segments != NULL);
    for (uint32_t i = 0; i < list->count; i++)
        if (segment_may_contain(list->segments[i], key))
            return true;
    return false;
}

static enum status commit_lookup_list(struct store *store, struct commit_request *request,
                                      struct row_op *op, bool cached_only,
                                      struct segment_list *list, struct error *err)
{
    unsigned flags = cached_only ? KV_READ_CACHED : 0;
    struct row_pin pin = {0};
    struct row row;
    bool is_hot = false;
    enum status status = STATUS_ABSENT;

    CHECK(!op->cold_known);
    if (commit_lookup_may_contain(list, op->key)) {
        status = commit_lookup_hot(store, request, op, flags, &is_hot, err);
        if (status != STATUS_OK || is_hot)
            return status; /* hot: if a flush takes it away meanwhile, the operation is STALE */
        status = cold_get(store, request->view, op->table, op->user, op->key, cached_only, list,
                          &row, &pin, err);
    }
    if (status != STATUS_OK && status != STATUS_ABSENT)
        return status;
    op->cold_bytes = STR_EMPTY;
    if (status == STATUS_OK)
        op->cold_bytes = arena_copy(request->arena, row.bytes);
    row_pin_release(store, &pin);
    op->cold_known = true;
    op->cold_segments_version = list->version;
    return STATUS_OK;
}

enum status commit_lookup_cold(struct store *store, struct commit_request *request,
                               struct row_op *op, bool cached_only, struct error *err)
{
    unsigned flags = cached_only ? KV_READ_CACHED : 0;
    struct segment_list *list = NULL;

    CHECK(request->view != NULL && op->table != NULL);
    op->cold_known = false;
    op->cold_bytes = STR_EMPTY;
    if (op->table->kind != TABLE_KIND_USER && op->table->kind != TABLE_KIND_SHARED)
        return STATUS_OK;
    enum status status =
        segment_list_load(store, request->view, op->table->id, op->user, flags, &list, err);
    if (status != STATUS_OK)
        return status;
    status = commit_lookup_list(store, request, op, cached_only, list, err);
    segment_list_unref(list);
    return status;
}
