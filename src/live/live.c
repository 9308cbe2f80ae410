/* live.c — start, stop and what others may ask about subscriptions.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "live/resume_scan.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"

enum { LIVE_ROW_KEPT_BYTES = 16 * 1024 };

enum status live_start(const struct live_options *options, struct live **out, struct error *err)
{
    struct live *live = mem_zalloc(sizeof *live);
    struct view *view = view_acquire(options->store);

    CHECK(options->workers && options->engine);
    if (options->queue_events_max == 0 || options->queue_bytes_max == 0) {
        view_release(view);
        mem_free(live);
        return error_set(err, STATUS_INVALID_INPUT,
                         "live.queue_events and live.queue_bytes must be positive");
    }
    live->options = *options;
    pthread_mutex_init(&live->mutex, NULL);
    pthread_mutex_init(&live->scans_mutex, NULL);
    map_init(&live->buckets);
    map_init(&live->users);
    atomic_init(&live->matched_position, view_position(view));
    live->cursor = feed_follow(store_feed(options->store), view_position(view));
    view_release(view);
    feed_pause(live->cursor); /* until somebody subscribes, see router.c */
    thread_start(&live->matcher, "live", 1 << 20, matcher_main, live);
    *out = live;
    return STATUS_OK;
}

void live_row_arena_init(const struct live *live, struct arena *arena)
{
    CHECK(live->options.engine != NULL);
    arena_init(arena, sql_live_filter_bytes(live->options.engine));
}

bool live_row_arena_reset(struct arena *arena)
{
    CHECK(arena != NULL);
    if (arena->used_bytes <= LIVE_ROW_KEPT_BYTES)
        return false;
    arena_clear(arena);
    return true;
}

enum status live_check_task(const struct subscription *subscription, struct error *err)
{
    const struct live_options *options = &subscription->peer->live->options;
    int64_t deadline_ms = subscription->loading->deadline_ms;
    size_t kept = subscription->loading->snapshot_bytes;

    CHECK(subscription->loading->task_running);
    if (UNLIKELY(atomic_load_explicit(&subscription->cancelled, memory_order_relaxed)))
        return error_set(err, STATUS_CANCELLED, "closed while subscribing");
    if (UNLIKELY(deadline_ms > 0 && clock_monotonic_ms() >= deadline_ms))
        return error_set(err, STATUS_QUERY_TIMEOUT,
                         "what the live query begins with takes more than query.timeout_seconds");
    if (UNLIKELY(options->snapshot_bytes_max > 0 && kept > options->snapshot_bytes_max))
        return error_set(err, STATUS_RESULT_TOO_LARGE,
                         "what the live query begins with takes more than query.memory_limit");
    return STATUS_OK;
}

unsigned live_subscriptions_max(const struct live *live)
{
    CHECK(live->options.workers != NULL);
    return live->options.subscriptions_per_connection_max;
}

void live_stop(struct live *live)
{
    if (!live)
        return;
    CHECK(!live->peers);
    atomic_store(&live->stopping, true);
    feed_wake(store_feed(live->options.store));
    pthread_join(live->matcher, NULL);
    feed_unfollow(live->cursor);
    CHECK(live->buckets.count == 0);
    map_clear(&live->buckets);
    CHECK(live->users.count == 0);
    map_clear(&live->users);
    CHECK(!live->fences && !live->fenced.first);
    resume_scans_expire(live, true);
    pthread_mutex_destroy(&live->scans_mutex);
    pthread_mutex_destroy(&live->mutex);
    mem_free(live);
}

static struct str live_copy(struct arena *arena, struct str text)
{
    CHECK(arena != NULL);
    return arena_copy(arena, text);
}

void live_entry_fill(struct subscription *subscription, struct arena *arena,
                     struct sql_live_entry *entry)
{
    const struct table *table = subscription->plan->table;
    const struct live_peer *peer = subscription->peer;
    size_t held = subscription->loading ? subscription->loading->held_count : 0;

    CHECK(subscription->plan && subscription->peer);
    *entry = (struct sql_live_entry){
        .live_id = arena_printf(arena, "%.*s-%.*s", STR_ARG(peer->options.connection_id),
                                STR_ARG(subscription->id)),
        .connection_id = live_copy(arena, peer->options.connection_id),
        .query_id = live_copy(arena, subscription->id),
        .user = live_copy(arena, peer->options.user),
        .query = live_copy(arena, subscription->plan->shape->text),
        .options = live_copy(arena, subscription_options(subscription)),
        .status = subscription->state == SUBSCRIPTION_LIVE ? STR_LIT("active") : STR_LIT("loading"),
        .table = table->id,
        .space = live_copy(arena, table->space),
        .table_name = live_copy(arena, table->name),
        .changes = atomic_load(&subscription->changes),
        .created_at = subscription->created_at,
        .last_update = atomic_load(&subscription->last_update),
        .last_ping_at = atomic_load(&peer->last_ping_at),
        .lag = (int64_t)(atomic_load(&subscription->queued) + held),
    };
}

void live_entries(struct live *live, struct table_id table, struct str live_id, struct arena *arena,
                  struct sql_live_entry **entries, size_t *count)
{
    size_t capacity = 16, used = 0, cursor = 0;
    struct sql_live_entry *list = arena_array(arena, capacity, sizeof *list);
    void *value;

    pthread_mutex_lock(&live->mutex);
    while (map_next(&live->buckets, &cursor, NULL, &value)) {
        struct bucket *bucket = value;
        CHECK(bucket->count > 0);
        if (table.value != 0 && bucket->subscriptions[0]->plan->table->id.value != table.value)
            continue;
        for (size_t i = 0; i < bucket->count; i++) {
            if (live_id.size > 0 && !subscription_has_live_id(bucket->subscriptions[i], live_id))
                continue;
            if (used == capacity) {
                list = arena_grow(arena, list, used * sizeof *list, 2 * used * sizeof *list);
                capacity *= 2;
            }
            pthread_mutex_lock(&bucket->subscriptions[i]->mutex);
            live_entry_fill(bucket->subscriptions[i], arena, &list[used++]);
            pthread_mutex_unlock(&bucket->subscriptions[i]->mutex);
        }
    }
    pthread_mutex_unlock(&live->mutex);
    *entries = list;
    *count = used;
}

/* With a reference, or NULL. */
static struct subscription *live_find(struct live *live, struct str live_id)
{
    struct subscription *found = NULL;
    size_t cursor = 0;
    void *value;

    CHECK(live != NULL);
    pthread_mutex_lock(&live->mutex);
    while (!found && map_next(&live->buckets, &cursor, NULL, &value)) {
        struct bucket *bucket = value;
        for (size_t i = 0; i < bucket->count && !found; i++) {
            if (subscription_has_live_id(bucket->subscriptions[i], live_id))
                found = subscription_ref(bucket->subscriptions[i]);
        }
    }
    pthread_mutex_unlock(&live->mutex);
    return found;
}

enum status live_kill(struct live *live, struct str live_id, struct str actor, enum role role,
                      struct error *err)
{
    struct subscription *subscription = live_find(live, live_id);
    enum status status = STATUS_OK;

    CHECK(!subscription || subscription->peer->live == live);
    if (!subscription)
        return error_set(err, STATUS_LIVE_QUERY_NOT_FOUND, "live query not found: \"%.*s\"",
                         STR_ARG(live_id));
    if (role == ROLE_USER && !str_equal(actor, subscription->peer->options.actor))
        status = error_set(err, STATUS_PERMISSION_DENIED,
                           "only its owner or an administrator may end a live query");
    else
        subscription_close(subscription, "LIVE_QUERY_KILLED",
                           "the live query was ended by KILL LIVE QUERY");
    subscription_unref(subscription);
    return status;
}

void live_stats(struct live *live, struct live_stats *out)
{
    CHECK(live && out);
    *out = (struct live_stats){
        .subscriptions = atomic_load(&live->subscriptions),
        .peers = atomic_load(&live->peer_count),
        .changes_delivered = atomic_load(&live->changes_delivered),
        .slow_consumers = atomic_load(&live->slow_consumers),
        .matched_position = (uint64_t)atomic_load(&live->matched_position),
        .tasks_waiting = atomic_load(&live->tasks_waiting),
    };
}
