/* commit.c — the commit thread and its queue, see commit.h.
 *
 * Submitters append to a list under a mutex and wake the thread only if it sleeps; the thread takes
 * the whole list at once, so that the requests which arrived during one fsync share the next. With
 * durability `async` the thread also wakes once a second to make the log durable.
 *
 * Waking a thread takes 30 to 60 µs where its processor has gone to sleep, a third of what a lone
 * client waits for its commit. So before it sleeps the thread looks at the queue for
 * COMMIT_SPIN_NS more, giving way to whoever can run, as long as that pays: it goes on only while
 * the former wait ended within that time, and a server with a write now and then never spins.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "store/commit/commit_internal.h"
#include "value/key.h"

#include <errno.h>
#include <sched.h>
#include <time.h>

/* ---- submitting -------------------------------------------------------------------------------
 */

void commit_submit(struct store *store, struct commit_request *request)
{
    struct commit_pipeline *pipeline = store->pipeline;

    CHECK(request->done != NULL && (request->op_count == 0 || request->arena != NULL));
    request->store = store;
    request->next = NULL;
    bool wakes = false;
    pthread_mutex_lock(&pipeline->mutex);
    bool accepted = !pipeline->stopping;
    if (accepted) {
        *pipeline->tail = request;
        pipeline->tail = &request->next;
        atomic_store_explicit(&pipeline->queued, true, memory_order_relaxed);
        wakes = pipeline->sleeping;
        pipeline->sleeping = false;
    }
    pthread_mutex_unlock(&pipeline->mutex);
    if (wakes)
        pthread_cond_signal(&pipeline->wake);
    if (accepted)
        return;
    request->status =
        error_set(&request->error, STATUS_SHUTTING_DOWN, "the server is shutting down");
    request->done(request);
}

struct commit_waiter {
    pthread_mutex_t mutex;
    pthread_cond_t answered;
    bool done;
};

static void commit_waiter_done(struct commit_request *request)
{
    struct commit_waiter *waiter = request->context;

    pthread_mutex_lock(&waiter->mutex);
    CHECK(!waiter->done);
    waiter->done = true;
    pthread_cond_signal(&waiter->answered);
    pthread_mutex_unlock(&waiter->mutex);
}

enum status commit_submit_wait(struct store *store, struct commit_request *request,
                               struct error *err)
{
    struct commit_waiter waiter = {.done = false};
    void (*done)(struct commit_request *) = request->done;
    void *context = request->context;

    CHECK(pthread_mutex_init(&waiter.mutex, NULL) == 0);
    CHECK(pthread_cond_init(&waiter.answered, NULL) == 0);
    request->done = commit_waiter_done;
    request->context = &waiter;
    commit_submit(store, request);
    pthread_mutex_lock(&waiter.mutex);
    while (!waiter.done)
        pthread_cond_wait(&waiter.answered, &waiter.mutex);
    pthread_mutex_unlock(&waiter.mutex);
    (void)pthread_cond_destroy(&waiter.answered);
    (void)pthread_mutex_destroy(&waiter.mutex);
    request->done = done;
    request->context = context;
    if (request->status != STATUS_OK && err != NULL)
        *err = request->error;
    return request->status;
}

/* ---- system rows ------------------------------------------------------------------------------
 */

static struct str commit_system_key(struct commit_request *request, const struct table *table,
                                    const struct value *values)
{
    struct buf key;

    CHECK(table->kind == TABLE_KIND_SYSTEM && table->rows != NULL);
    buf_init(&key);
    /* Names are far below the limit of a key; a longer one would be a fault of the caller. */
    enum status status = table_encode_key(table, values, &key, NULL);
    CHECK(status == STATUS_OK);
    struct str copy = arena_copy(request->arena, buf_str(&key));
    buf_clear(&key);
    return copy;
}

void commit_put_system(struct commit_request *request, struct row_op *op, const struct table *table,
                       struct value *values)
{
    CHECK(values != NULL && op != NULL);
    *op = (struct row_op){
        .kind = ROW_OP_INSERT,
        .table = table,
        .key = commit_system_key(request, table, values),
        .values = values,
    };
}

void commit_delete_system(struct commit_request *request, struct row_op *op,
                          const struct table *table, const struct value *key_values)
{
    struct value values[LIMIT_KEY_COLUMNS];
    struct buf key;

    CHECK(op != NULL && table->kind == TABLE_KIND_SYSTEM);
    memcpy(values, key_values, table->key_count * sizeof(struct value));
    buf_init(&key);
    enum status status = key_encode(values, table->key_count, &key, NULL);
    CHECK(status == STATUS_OK);
    *op = (struct row_op){
        .kind = ROW_OP_CHANGE,
        .table = table,
        .key = arena_copy(request->arena, buf_str(&key)),
    };
    buf_clear(&key);
}

/* ---- the thread -------------------------------------------------------------------------------
 */

/* Durability `async`: makes what was written durable once a second. */
static void commit_sync_due(struct commit_pipeline *pipeline)
{
    struct error err;
    int64_t now_ms = clock_monotonic_ms();

    CHECK(pipeline->store != NULL);
    if (!pipeline->unsynced || pipeline->broken || now_ms - pipeline->synced_ms < COMMIT_SYNC_MS)
        return;
    pipeline->synced_ms = now_ms;
    pipeline->unsynced = false;
    if (kv_sync(pipeline->store->kv, &err) != STATUS_OK)
        commit_break(pipeline, &err);
}

/* When there is work without a request; INT64_MAX = never. */
static int64_t commit_due_ms(const struct commit_pipeline *pipeline)
{
    int64_t due_ms = INT64_MAX;

    CHECK(pipeline->evict.due_ms >= 0);
    if (pipeline->broken)
        return due_ms;
    if (pipeline->unsynced)
        due_ms = pipeline->synced_ms + COMMIT_SYNC_MS;
    if (pipeline->evict.expires && pipeline->evict.due_ms < due_ms)
        due_ms = pipeline->evict.due_ms;
    return due_ms;
}

static void commit_sleep(struct commit_pipeline *pipeline)
{
    int64_t due_ms = commit_due_ms(pipeline);
    struct timespec until;

    pipeline->sleeping = true;
    if (due_ms == INT64_MAX) {
        pthread_cond_wait(&pipeline->wake, &pipeline->mutex);
    } else {
        CHECK(due_ms > 0);
        until.tv_sec = (time_t)(due_ms / 1000);
        until.tv_nsec = (long)(due_ms % 1000) * 1000000;
        (void)pthread_cond_timedwait(&pipeline->wake, &pipeline->mutex, &until);
    }
    pipeline->sleeping = false;
}

/* Looks at the queue until something is there or the time is over. */
static void commit_spin(const struct commit_pipeline *pipeline, int64_t start_ns)
{
    CHECK(start_ns > 0);
    while (!atomic_load_explicit(&pipeline->queued, memory_order_relaxed) &&
           clock_monotonic_ns() - start_ns < COMMIT_SPIN_NS)
        (void)sched_yield();
}

/* Everything queued; NULL when there is nothing: then `stopping` or time for a sync. */
static struct commit_request *commit_take(struct commit_pipeline *pipeline, bool *stopping)
{
    bool waits = !atomic_load_explicit(&pipeline->queued, memory_order_relaxed);
    int64_t start_ns = waits ? clock_monotonic_ns() : 0;

    if (waits && pipeline->spins)
        commit_spin(pipeline, start_ns);
    pthread_mutex_lock(&pipeline->mutex);
    if (pipeline->head == NULL && !pipeline->stopping)
        commit_sleep(pipeline);
    if (waits)
        pipeline->spins = clock_monotonic_ns() - start_ns < COMMIT_SPIN_NS;
    struct commit_request *list = pipeline->head;
    CHECK(list != NULL || pipeline->tail == &pipeline->head);
    pipeline->head = NULL;
    pipeline->tail = &pipeline->head;
    atomic_store_explicit(&pipeline->queued, false, memory_order_relaxed);
    *stopping = pipeline->stopping;
    pthread_mutex_unlock(&pipeline->mutex);
    return list;
}

static void *commit_main(void *argument)
{
    struct commit_pipeline *pipeline = argument;
    struct error err;
    bool stopping = false;

    CHECK(pipeline->catalog != NULL);
    for (;;) {
        struct commit_request *list = commit_take(pipeline, &stopping);
        if (list == NULL && stopping)
            break;
        while (list != NULL) {
            list = commit_group_run(pipeline, list);
            commit_sync_due(pipeline);
        }
        commit_sync_due(pipeline);
        commit_evict_due(pipeline);
    }
    if (!pipeline->broken && commit_reserve_exact(pipeline, &err) != STATUS_OK)
        commit_break(pipeline, &err);
    return NULL;
}

static enum status commit_read_number(struct store *store, struct str key, int64_t *out,
                                      struct error *err)
{
    struct kv_value value;
    enum status status = kv_get(store->kv, store->spaces.meta, NULL, key, 0, &value, err);

    *out = 0;
    if (status == STATUS_ABSENT)
        return STATUS_OK;
    if (status != STATUS_OK)
        return status;
    if (value.bytes.size == sizeof(*out))
        memcpy(out, value.bytes.data, sizeof(*out));
    else
        status = error_set(err, STATUS_CORRUPT, "node data %.*s cannot be read", STR_ARG(key));
    kv_value_release(store->kv, &value);
    CHECK(status != STATUS_ABSENT);
    return status;
}

enum status commit_read_place(struct store *store, struct commit_place *out, struct error *err)
{
    struct kv_value value;
    int64_t place[2] = {0, 0};

    CHECK(out != NULL);
    enum status status =
        kv_get(store->kv, store->spaces.meta, NULL, STR_LIT(META_POSITION), 0, &value, err);
    if (status == STATUS_OK) {
        if (value.bytes.size == sizeof(place))
            memcpy(place, value.bytes.data, sizeof(place));
        else
            status = error_set(err, STATUS_CORRUPT, "the last position cannot be read");
        kv_value_release(store->kv, &value);
    } else if (status == STATUS_ABSENT) {
        status = STATUS_OK;
    }
    out->position = place[0];
    out->updated = place[1];
    if (status == STATUS_OK)
        status = commit_read_number(store, STR_LIT(META_SEQ_RESERVED), &out->seq_reserved, err);
    if (status == STATUS_OK)
        status = commit_read_number(store, STR_LIT(META_ID_RESERVED), &out->id_reserved_ms, err);
    return status;
}

struct commit_pipeline *commit_new(struct store *store, struct catalog *catalog,
                                   const struct commit_place *place, int64_t position)
{
    struct commit_pipeline *pipeline = mem_zalloc(sizeof(*pipeline));

    CHECK(position >= place->position && position >= place->seq_reserved);
    pipeline->store = store;
    pipeline->catalog = catalog;
    pipeline->position = position;
    pipeline->updated = place->updated;
    pipeline->seq_reserved = place->seq_reserved;
    pipeline->id_reserved_ms = place->id_reserved_ms;
    pipeline->tail = &pipeline->head;
    CHECK(pthread_mutex_init(&pipeline->mutex, NULL) == 0);
    clock_cond_init(&pipeline->wake);
    arena_init(&pipeline->arena, 0);
    overlay_init(&pipeline->overlay);
    buf_init(&pipeline->key);
    buf_init(&pipeline->row);
    map_init(&pipeline->instances);
    commit_decider_init(&pipeline->decider, &pipeline->arena);
    pipeline->batch = kv_batch_new(store->kv);
    pipeline->synced_ms = clock_monotonic_ms();
    return pipeline;
}

void commit_run(struct commit_pipeline *pipeline)
{
    CHECK(pipeline->store->pipeline == pipeline);
    thread_start(&pipeline->thread, "commit", LIMIT_WORKER_STACK_BYTES, commit_main, pipeline);
}

void commit_stop(struct commit_pipeline *pipeline)
{
    pthread_mutex_lock(&pipeline->mutex);
    CHECK(!pipeline->stopping);
    pipeline->stopping = true;
    pthread_cond_signal(&pipeline->wake);
    pthread_mutex_unlock(&pipeline->mutex);
    CHECK(pthread_join(pipeline->thread, NULL) == 0);
}

void commit_free(struct commit_pipeline *pipeline)
{
    if (pipeline == NULL)
        return;
    CHECK(pipeline->head == NULL);
    commit_instance_clear(pipeline);
    commit_evict_clear(pipeline);
    mem_free(pipeline->changes);
    commit_decider_clear(&pipeline->decider);
    buf_clear(&pipeline->key);
    buf_clear(&pipeline->row);
    overlay_clear(&pipeline->overlay);
    arena_clear(&pipeline->arena);
    kv_batch_free(pipeline->batch);
    catalog_unref(pipeline->catalog);
    (void)pthread_cond_destroy(&pipeline->wake);
    (void)pthread_mutex_destroy(&pipeline->mutex);
    mem_free(pipeline);
}

void store_metrics(struct store *store, metric_visit visit, void *context)
{
    CHECK(store->pipeline != NULL);
    histogram_visit(&store->pipeline->write_seconds, "commit_write_seconds",
                    "Time to write one group of commits, with its wait for the disk.", NULL, NULL,
                    visit, context);
}

void commit_pipeline_stats(struct commit_pipeline *pipeline, struct store_stats *out)
{
    CHECK(pipeline != NULL);
    out->commits = atomic_load_explicit(&pipeline->commits, memory_order_relaxed);
    out->groups = atomic_load_explicit(&pipeline->groups, memory_order_relaxed);
    out->group_size_max = atomic_load_explicit(&pipeline->group_size_max, memory_order_relaxed);
    out->rows_written = atomic_load_explicit(&pipeline->rows_written, memory_order_relaxed);
    out->fsync_us_total = atomic_load_explicit(&pipeline->fsync_us, memory_order_relaxed);
}
