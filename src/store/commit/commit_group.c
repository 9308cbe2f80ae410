/* commit_group.c — one group commit: run the requests, write once, publish, answer.
 *
 * A request is a savepoint: when one of its operations fails, the overlay, the instance records,
 * the changes for the feed and the numbers go back to where it began (WHOLE), and its neighbours
 * never notice. A request with `extra` is a group of its own, because what it adds to the batch
 * cannot be taken out.
 *
 * A group of nothing but events of streams leaves no trace on the disk: it is written without the
 * log, and its numbers are below the reservation. One that holds both is written in order, so that
 * no event is visible before rows that were committed ahead of it.
 *
 * After a write that failed nobody knows what is on the disk: the store answers every later write
 * with the same error until it is opened again. Nothing is ever acknowledged before it is durable.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/id.h"
#include "base/log.h"
#include "store/commit/commit_internal.h"
#include "store/feed_internal.h"

struct commit_savepoint {
    size_t overlay, undo, changes;
    int64_t position;
};

void commit_break(struct commit_pipeline *pipeline, const struct error *cause)
{
    CHECK(!pipeline->broken);
    pipeline->broken = true;
    pipeline->broken_error = *cause;
    pipeline->broken_error.code = STATUS_STORAGE_UNAVAILABLE;
    error_prefix(&pipeline->broken_error, "write failed");
    log_error("%s; no further write is accepted until the server is restarted",
              pipeline->broken_error.message);
}

static void commit_group_put_position(struct commit_pipeline *pipeline, struct kv_batch *batch)
{
    int64_t place[2] = {pipeline->position, pipeline->updated};

    CHECK(batch != NULL);
    kv_batch_put(batch, pipeline->store->spaces.meta, STR_LIT(META_POSITION),
                 str_from((const char *)place, sizeof(place)));
}

/* ---- numbers reserved ahead -------------------------------------------------------------------
 */

static enum status commit_reserve_write(struct commit_pipeline *pipeline, int64_t seq,
                                        int64_t id_ms, struct error *err)
{
    struct store *store = pipeline->store;
    struct kv_batch *batch = kv_batch_new(store->kv);

    CHECK(seq >= pipeline->position);
    if (seq == pipeline->position) /* a clean stop: events were numbered without the log */
        commit_group_put_position(pipeline, batch);
    kv_batch_put(batch, store->spaces.meta, STR_LIT(META_SEQ_RESERVED),
                 str_from((const char *)&seq, sizeof(seq)));
    kv_batch_put(batch, store->spaces.meta, STR_LIT(META_ID_RESERVED),
                 str_from((const char *)&id_ms, sizeof(id_ms)));
    enum status status = kv_write(store->kv, batch, KV_SYNC, err);
    kv_batch_free(batch);
    if (status == STATUS_OK) {
        pipeline->seq_reserved = seq;
        pipeline->id_reserved_ms = id_ms;
    }
    return status;
}

/* Everything given out so far must lie below the reservations before it becomes visible. */
static enum status commit_reserve(struct commit_pipeline *pipeline, struct error *err)
{
    int64_t id_ms = id_snowflake_ms(id_snowflake());

    CHECK(pipeline->position > 0);
    if (pipeline->position <= pipeline->seq_reserved && id_ms <= pipeline->id_reserved_ms)
        return STATUS_OK;
    return commit_reserve_write(pipeline, pipeline->position + COMMIT_SEQ_BLOCK,
                                id_ms + COMMIT_ID_BLOCK_MS, err);
}

enum status commit_reserve_exact(struct commit_pipeline *pipeline, struct error *err)
{
    CHECK(pipeline->head == NULL);
    return commit_reserve_write(pipeline, pipeline->position, id_snowflake_ms(id_snowflake()), err);
}

/* ---- running requests -------------------------------------------------------------------------
 */

static struct commit_savepoint commit_group_savepoint(struct commit_pipeline *pipeline)
{
    pipeline->serial++;
    pipeline->sizes = (struct commit_sizes){0};
    CHECK(pipeline->undo_count == 0);
    return (struct commit_savepoint){
        .overlay = overlay_mark(&pipeline->overlay),
        .undo = pipeline->undo_count,
        .changes = pipeline->change_count,
        .position = pipeline->position,
    };
}

static void commit_group_rollback(struct commit_pipeline *pipeline,
                                  const struct commit_savepoint *savepoint)
{
    CHECK(savepoint->changes <= pipeline->change_count);
    overlay_rollback(&pipeline->overlay, savepoint->overlay);
    commit_instance_rollback(pipeline, savepoint->undo);
    pipeline->change_count = savepoint->changes;
    pipeline->position = savepoint->position;
}

enum status commit_check_op(struct commit_request *request, size_t index, struct error *err)
{
    enum status status = arena_check(request->arena, err);

    CHECK(index < request->op_count);
    if (status == STATUS_OK && request->check != NULL &&
        index % COMMIT_CHECK_OPS == COMMIT_CHECK_OPS - 1)
        status = request->check(request, err);
    return status;
}

static enum status commit_group_ops(struct commit_pipeline *pipeline,
                                    struct commit_request *request)
{
    enum status status = STATUS_OK;

    CHECK(request->op_count == 0 || request->ops != NULL);
    for (size_t i = 0; status == STATUS_OK && i < request->op_count; i++) {
        status = commit_check_op(request, i, &request->error);
        if (status == STATUS_OK)
            status = commit_apply(pipeline, request, &request->ops[i], &request->error);
        if (status != STATUS_OK)
            request->failed_op = i;
    }
    return status;
}

static void commit_group_fill(struct commit_pipeline *pipeline)
{
    const struct overlay *overlay = &pipeline->overlay;

    CHECK(pipeline->batch != NULL);
    for (size_t i = 0; i < overlay->count; i++) {
        const struct overlay_entry *entry = &overlay->entries[i];
        if (entry->state == OVERLAY_PUT)
            kv_batch_put(pipeline->batch, entry->space, entry->key, entry->bytes);
        else if (entry->state == OVERLAY_DELETED)
            kv_batch_delete(pipeline->batch, entry->space, entry->key);
    }
}

/* One request; true when it stays in the group. */
static bool commit_group_request(struct commit_pipeline *pipeline, struct commit_request *request,
                                 struct catalog **next_catalog)
{
    struct commit_savepoint savepoint = commit_group_savepoint(pipeline);
    int64_t now = clock_now_us();

    CHECK(request->store == pipeline->store);
    error_clear(&request->error);
    request->rows_affected = 0;
    request->failed_op = 0;
    request->position = 0;
    if (pipeline->broken) {
        request->error = pipeline->broken_error;
        request->status = pipeline->broken_error.code;
        return false;
    }
    if (now > pipeline->updated)
        pipeline->updated = now;
    request->status = commit_group_ops(pipeline, request);
    pipeline->group_bytes += pipeline->sizes.written + pipeline->sizes.replaced;
    if (request->status == STATUS_OK && request->confirm != NULL)
        request->status = request->confirm(request, &request->error);
    if (request->status == STATUS_OK && request->extra != NULL) {
        pipeline->group_is_logged = true;
        pipeline->position++; /* so that its view has a position of its own */
        commit_group_fill(pipeline);
        request->status = request->extra(request, pipeline->batch, next_catalog, &request->error);
    }
    if (request->status != STATUS_OK) {
        commit_group_rollback(pipeline, &savepoint);
        request->rows_affected = 0;
        return false;
    }
    overlay_forget(&pipeline->overlay);
    pipeline->undo_count = 0;
    if (pipeline->position > savepoint.position)
        request->position = pipeline->position;
    return true;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static enum status commit_group_write_logged(struct commit_pipeline *pipeline, struct error *err)
{
    struct store *store = pipeline->store;

    commit_instance_write(pipeline, pipeline->batch);
    commit_group_put_position(pipeline, pipeline->batch);
    if (FAULT(commit_before_write))
        return error_set(err, STATUS_IO_FAILED, "fault injected before the write");
    int64_t start_ns = clock_monotonic_ns();
    enum status status = kv_write(store->kv, pipeline->batch, store->options.durability, err);
    if (status != STATUS_OK)
        return status;
    CHECK(pipeline->batch != NULL);
    int64_t took_ns = clock_monotonic_ns() - start_ns;
    histogram_add(&pipeline->write_seconds, took_ns);
    atomic_fetch_add_explicit(&pipeline->fsync_us, (uint64_t)took_ns / 1000, memory_order_relaxed);
    pipeline->unsynced = store->options.durability == KV_ASYNC;
    if (FAULT(commit_after_write))
        return error_set(err, STATUS_IO_FAILED, "fault injected after the write");
    return STATUS_OK;
}

static enum status commit_group_write(struct commit_pipeline *pipeline, struct error *err)
{
    enum status status = commit_reserve(pipeline, err);

    CHECK(pipeline->position > pipeline->group_first);
    if (status == STATUS_OK)
        status = pipeline->group_is_logged
                     ? commit_group_write_logged(pipeline, err)
                     : kv_write(pipeline->store->kv, pipeline->batch, KV_MEMORY, err);
    if (status == STATUS_OK)
        status = commit_evict_excess(pipeline, err);
    return status;
}

static void commit_group_publish(struct commit_pipeline *pipeline)
{
    struct store *store = pipeline->store;

    CHECK(pipeline->position > pipeline->group_first);
    view_publish(store, pipeline->position, catalog_ref(pipeline->catalog));
    if (pipeline->change_count > 0)
        feed_append(store->feed,
                    change_group_new(store->feed, pipeline->changes, pipeline->change_count,
                                     pipeline->group_first + 1, pipeline->position));
    else
        feed_pass(store->feed, pipeline->position);
    atomic_fetch_add_explicit(&pipeline->rows_written, pipeline->change_count,
                              memory_order_relaxed);
}

/* `done` gives a request back; its memory may be gone right after. */
static void commit_group_answer(struct commit_pipeline *pipeline, struct commit_request *list,
                                const struct commit_request *end, size_t count)
{
    uint64_t most = atomic_load_explicit(&pipeline->group_size_max, memory_order_relaxed);

    CHECK(count > 0);
    if (count > most)
        atomic_store_explicit(&pipeline->group_size_max, count, memory_order_relaxed);
    atomic_fetch_add_explicit(&pipeline->groups, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&pipeline->commits, count, memory_order_relaxed);
    while (list != end) {
        struct commit_request *request = list;
        list = request->next;
        request->next = NULL;
        if (request->status == STATUS_OK && request->position == 0)
            request->position = pipeline->position;
        if (request->status == STATUS_OK && request->published != NULL)
            request->published(request);
        request->done(request);
    }
}

static void commit_group_begin(struct commit_pipeline *pipeline)
{
    CHECK(pipeline->dirty_count == 0 && pipeline->undo_count == 0);
    arena_clear(&pipeline->arena);
    overlay_reset(&pipeline->overlay);
    kv_batch_reset(pipeline->batch);
    pipeline->change_count = 0;
    pipeline->group_first = pipeline->position;
    pipeline->group_bytes = 0;
    pipeline->group_is_logged = false;
    pipeline->decider.projected = NULL;
}

/* The write failed: whoever was to be acknowledged hears it instead. */
static void commit_group_fail(struct commit_pipeline *pipeline, struct commit_request *list,
                              const struct commit_request *end, const struct error *cause)
{
    commit_break(pipeline, cause);
    commit_instance_clear(pipeline);
    for (; list != end; list = list->next) {
        CHECK(list != NULL);
        if (list->status != STATUS_OK)
            continue;
        list->error = pipeline->broken_error;
        list->status = pipeline->broken_error.code;
    }
}

struct commit_request *commit_group_run(struct commit_pipeline *pipeline,
                                        struct commit_request *list)
{
    struct commit_request *rest = list;
    struct catalog *next_catalog = NULL;
    struct error err;
    size_t count = 0;
    bool alone = list->extra != NULL;

    CHECK(list != NULL);
    commit_group_begin(pipeline);
    do {
        (void)commit_group_request(pipeline, rest, &next_catalog);
        rest = rest->next;
        count++;
    } while (!alone && rest != NULL && rest->extra == NULL && count < COMMIT_GROUP_REQUESTS_MAX &&
             pipeline->group_bytes < COMMIT_GROUP_BYTES_MAX);
    if (pipeline->position > pipeline->group_first) {
        struct catalog *former = pipeline->catalog;
        if (!alone)
            commit_group_fill(pipeline);
        enum status status = commit_group_write(pipeline, &err);
        if (status == STATUS_OK) {
            if (next_catalog != NULL) {
                pipeline->catalog = next_catalog;
                next_catalog = NULL;
                catalog_unref(former);
            }
            commit_group_publish(pipeline);
        } else {
            commit_group_fail(pipeline, list, rest, &err);
        }
    }
    catalog_unref(next_catalog);
    commit_instance_settle(pipeline);
    commit_group_answer(pipeline, list, rest, count);
    return rest;
}
