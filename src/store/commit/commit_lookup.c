/* commit_lookup.c — the cold half of preparing row operations: what the commit thread must know
 * about keys that are not hot, found by whoever prepares the request.
 *
 * Records and bloom filters in memory answer nearly always ("no segment can hold it"); only keys
 * that one may hold are read: those of an instance in order, segment by segment, so that a row
 * group is decoded once however many of them it holds. Runs at the request's view; the commit
 * thread checks that the list is still the same. Any thread; blocking unless cached_only.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "store/cold.h"
#include "store/commit/commit_internal.h"

#include <stdlib.h>

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

/* Operations on one instance, by key. */
struct commit_lookup {
    struct store *store;
    struct commit_request *request;
    bool cached_only;
    struct row_op **ops; /* those that are not answered yet */
    size_t count;
};

/* Whoever is in no segment is known; who is hot stays unknown: if a flush takes it away meanwhile,
 * the operation is STALE. */
static enum status commit_lookup_candidates(struct commit_lookup *lookup,
                                            const struct segment_list *list, struct error *err)
{
    unsigned flags = lookup->cached_only ? KV_READ_CACHED : 0;
    size_t kept = 0;

    CHECK(lookup->count > 0);
    for (size_t i = 0; i < lookup->count; i++) {
        struct row_op *op = lookup->ops[i];
        enum status status = commit_check_op(lookup->request, i, err);
        bool is_hot = false;
        op->cold_segments_version = list->version;
        op->cold_known = !commit_lookup_may_contain(list, op->key);
        if (status == STATUS_OK && !op->cold_known)
            status = commit_lookup_hot(lookup->store, lookup->request, op, flags, &is_hot, err);
        if (status != STATUS_OK)
            return status;
        if (!op->cold_known && !is_hot)
            lookup->ops[kept++] = op;
    }
    lookup->count = kept;
    return STATUS_OK;
}

/* What the decision and the feed may ask of a cold row: an INSERT takes the place of a deleted one.
 */
static struct str commit_lookup_part(const struct row_op *op, struct str bytes)
{
    bool is_read = op->kind != ROW_OP_INSERT || (op->logic != NULL && !op->ignores_row);

    CHECK(bytes.size >= ROW_HEADER_BYTES);
    return is_read || row_is_deleted(bytes) ? bytes : str_from(bytes.data, ROW_HEADER_BYTES);
}

/* Reads each row group that may hold some of the keys once, since they come in order. */
static enum status commit_lookup_segment(struct commit_lookup *lookup, struct segment *segment,
                                         struct error *err)
{
    struct segment_list one = {.segments = &segment, .count = 1};
    struct cold_lookup cold = {
        .table = lookup->ops[0]->table, .list = &one, .cached_only = lookup->cached_only};
    struct commit_request *request = lookup->request;
    const struct row_block *held = NULL;
    enum status status = STATUS_OK;
    size_t kept = 0;

    for (size_t i = 0; i < lookup->count && status == STATUS_OK; i++) {
        struct row_op *op = lookup->ops[i];
        struct row_pin pin = {0};
        struct row row;
        status = cold_lookup_get(lookup->store, &cold, op->key, &row, &pin, err);
        if (status == STATUS_OK) {
            op->cold_bytes = arena_copy(request->arena, commit_lookup_part(op, row.bytes));
            op->cold_known = true;
            status = arena_check(request->arena, err);
        } else if (status == STATUS_ABSENT) {
            lookup->ops[kept++] = op;
            status = STATUS_OK;
        }
        row_pin_release(lookup->store, &pin);
        if (status == STATUS_OK && cold.held != held && request->check != NULL)
            status = request->check(request, err);
        held = cold.held;
    }
    cold_lookup_clear(&cold);
    lookup->count = kept;
    return status;
}

static enum status commit_lookup_instance(struct commit_lookup *lookup, struct error *err)
{
    const struct row_op *first = lookup->ops[0];
    unsigned flags = lookup->cached_only ? KV_READ_CACHED : 0;
    struct segment_list *list = NULL;
    enum status status = segment_list_load(lookup->store, lookup->request->view, first->table->id,
                                           first->user, flags, &list, err);

    CHECK(lookup->count > 0);
    if (status == STATUS_OK)
        status = commit_lookup_candidates(lookup, list, err);
    for (uint32_t i = 0; status == STATUS_OK && i < list->count && lookup->count > 0; i++)
        status = commit_lookup_segment(lookup, list->segments[i], err);
    for (size_t i = 0; status == STATUS_OK && i < lookup->count; i++)
        lookup->ops[i]->cold_known = true; /* in no segment after all */
    segment_list_unref(list);
    return status;
}

static int commit_lookup_compare_instance(const struct row_op *a, const struct row_op *b)
{
    CHECK(a->table != NULL && b->table != NULL);
    if (a->table->id.value != b->table->id.value)
        return a->table->id.value < b->table->id.value ? -1 : 1;
    return str_compare(a->user, b->user);
}

static int commit_lookup_compare(const void *a, const void *b)
{
    const struct row_op *left = *(const struct row_op *const *)a;
    const struct row_op *right = *(const struct row_op *const *)b;
    int order = commit_lookup_compare_instance(left, right);

    return order != 0 ? order : str_compare(left->key, right->key);
}

enum status commit_lookup_cold(struct store *store, struct commit_request *request,
                               bool cached_only, struct error *err)
{
    struct row_op **ops = arena_array(request->arena, request->op_count, sizeof(struct row_op *));
    enum status status = STATUS_OK;
    size_t count = 0, next;

    CHECK(request->view != NULL && (request->ops != NULL || request->op_count == 0));
    for (size_t i = 0; i < request->op_count; i++) {
        struct row_op *op = &request->ops[i];
        op->cold_known = false;
        op->cold_bytes = STR_EMPTY;
        if (op->table->kind == TABLE_KIND_USER || op->table->kind == TABLE_KIND_SHARED)
            ops[count++] = op;
    }
    qsort(ops, count, sizeof(*ops), commit_lookup_compare);
    for (size_t first = 0; first < count && status == STATUS_OK; first = next) {
        next = first + 1;
        while (next < count && commit_lookup_compare_instance(ops[first], ops[next]) == 0)
            next++;
        struct commit_lookup lookup = {.store = store,
                                       .request = request,
                                       .cached_only = cached_only,
                                       .ops = ops + first,
                                       .count = next - first};
        status = commit_lookup_instance(&lookup, err);
    }
    return status;
}
