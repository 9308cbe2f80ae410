/* schema.c — subscriptions and DDL: a subscription goes on with the new schema.
 *
 * Its plan belongs to one state of the table and cannot read rows of a later schema version, so it
 * is bound anew, to the same text, parameters and NOW(). Three places do that, whoever comes first:
 * the ALTER itself right after its commit (live_table_changed), the matcher when it meets a row of
 * a newer version, and the snapshot when its view is newer than the plan. Rights are asked again
 * each time, so that a changed access ends a subscription at once.
 *
 * An ALTER that drops, renames or modifies columns is refused while a subscription names one of
 * them, a DROP while there is any. Between that check and the commit a fence stands: the task of a
 * subscription in its way ends, and is run anew afterwards.
 *
 * Locks: plans are exchanged under live->mutex and the subscription's; either is enough to read.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "live/live_internal.h"

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"

/* Is the subscription in the way of the change? */
static bool schema_is_in_the_way(const struct live_plan *plan, const struct sql_live_fence *fence)
{
    CHECK(plan->table != NULL);
    if (plan->table->id.value != fence->table.value)
        return false;
    for (uint32_t i = 0; i < plan->shape->named_count && fence->column_ids != NULL; i++)
        for (size_t k = 0; k < fence->column_count; k++)
            if (plan->shape->named[i] == fence->column_ids[k])
                return true;
    return fence->column_ids == NULL;
}

bool schema_is_fenced(const struct live *live, const struct live_plan *plan)
{
    CHECK(plan->table != NULL);
    for (const struct sql_live_fence *fence = live->fences; fence; fence = fence->next)
        if (schema_is_in_the_way(plan, fence))
            return true;
    return false;
}

/* ---- the plan ---------------------------------------------------------------------------------
 */

/* The plan for another state of its table. */
static enum status schema_rebind(const struct subscription *subscription,
                                 const struct live_plan *plan, const struct table *table,
                                 struct live_plan **out, struct error *err)
{
    const struct live_peer_options *peer = &subscription->peer->options;
    struct sql_caller caller = {
        .user = peer->user, .actor = peer->actor, .role = peer->role, .space = peer->space};

    CHECK(table->id.value == plan->table->id.value);
    return sql_live_rebind(subscription->peer->live->options.engine, &caller, plan, table, out,
                           err);
}

/* live->mutex held: `plan` (moves) takes the place of `from`, if that is still the plan. */
static void schema_put_plan(struct subscription *subscription, const struct live_plan *from,
                            struct live_plan *plan)
{
    struct live_plan *former = plan;

    CHECK(plan != from);
    pthread_mutex_lock(&subscription->mutex);
    if (subscription->plan == from && subscription->state != SUBSCRIPTION_CLOSED) {
        former = subscription->plan;
        subscription_set_plan(subscription, plan);
    }
    pthread_mutex_unlock(&subscription->mutex);
    live_plan_unref(former);
}

/* With a reference. */
static struct live_plan *schema_plan(struct subscription *subscription)
{
    pthread_mutex_lock(&subscription->mutex);
    CHECK(subscription->plan != NULL);
    struct live_plan *plan = live_plan_ref(subscription->plan);
    pthread_mutex_unlock(&subscription->mutex);
    return plan;
}

enum status schema_bind_anew(struct subscription *subscription, const struct live_plan *plan,
                             const struct table *table, struct live_plan **out, struct error *err)
{
    struct live *live = subscription->peer->live;
    struct live_plan *next = NULL;
    enum status status = schema_rebind(subscription, plan, table, &next, err);

    CHECK(status != STATUS_OK || next != NULL);
    if (status != STATUS_OK)
        return status;
    if (out != NULL)
        *out = live_plan_ref(next);
    pthread_mutex_lock(&live->mutex);
    schema_put_plan(subscription, plan, next);
    pthread_mutex_unlock(&live->mutex);
    return STATUS_OK;
}

enum status schema_follow(struct subscription *subscription, const struct table *table,
                          struct error *err)
{
    struct live_plan *plan = schema_plan(subscription);
    enum status status = STATUS_OK;

    CHECK(table->id.value == plan->table->id.value);
    if (table->schema->version > plan->table->schema->version)
        status = schema_bind_anew(subscription, plan, table, NULL, err);
    live_plan_unref(plan);
    return status;
}

/* ---- what DDL asks and tells ------------------------------------------------------------------
 */

void live_fence_begin(struct live *live, struct sql_live_fence *fence)
{
    size_t capacity = 16, cursor = 0, count = 0;
    struct sql_live_entry *list = arena_array(fence->arena, capacity, sizeof *list);
    void *value;

    CHECK(!fence->stands);
    pthread_mutex_lock(&live->mutex);
    fence->stands = true;
    fence->next = live->fences;
    live->fences = fence;
    while (map_next(&live->buckets, &cursor, NULL, &value)) {
        const struct bucket *bucket = value;
        CHECK(bucket->count > 0);
        if (bucket->subscriptions[0]->plan->table->id.value != fence->table.value)
            continue;
        for (size_t i = 0; i < bucket->count; i++) {
            struct subscription *subscription = bucket->subscriptions[i];
            if (!schema_is_in_the_way(subscription->plan, fence))
                continue;
            if (count == capacity) {
                list =
                    arena_grow(fence->arena, list, count * sizeof *list, 2 * count * sizeof *list);
                capacity *= 2;
            }
            pthread_mutex_lock(&subscription->mutex);
            live_entry_fill(subscription, fence->arena, &list[count++]);
            pthread_mutex_unlock(&subscription->mutex);
        }
    }
    pthread_mutex_unlock(&live->mutex);
    fence->entries = list;
    fence->count = count;
}

void live_fence_end(struct live *live, struct sql_live_fence *fence)
{
    struct sql_live_fence **place = &live->fences;

    pthread_mutex_lock(&live->mutex);
    while (*place != fence) {
        CHECK(*place != NULL);
        place = &(*place)->next;
    }
    *place = fence->next;
    fence->stands = false;
    user_fence_gone(live);
    pthread_mutex_unlock(&live->mutex);
}

/* The subscriptions on a table, each with a reference. */
static struct subscription **schema_subscriptions(struct live *live, struct table_id table,
                                                  size_t *count)
{
    struct subscription **list = NULL;
    size_t cursor = 0, capacity = 0;
    void *value;

    *count = 0;
    pthread_mutex_lock(&live->mutex);
    while (map_next(&live->buckets, &cursor, NULL, &value)) {
        const struct bucket *bucket = value;
        CHECK(bucket->count > 0);
        if (bucket->subscriptions[0]->plan->table->id.value != table.value)
            continue;
        if (*count + bucket->count > capacity) {
            capacity = 2 * capacity + bucket->count;
            list = mem_realloc(list, capacity * sizeof(struct subscription *));
        }
        for (size_t i = 0; i < bucket->count; i++)
            list[(*count)++] = subscription_ref(bucket->subscriptions[i]);
    }
    pthread_mutex_unlock(&live->mutex);
    return list;
}

static void schema_refresh(struct subscription *subscription, const struct table *table)
{
    struct live_plan *plan = schema_plan(subscription);
    enum status status = STATUS_OK;
    struct error error;

    CHECK(table != NULL);
    if (plan->table != table)
        status = schema_bind_anew(subscription, plan, table, NULL, &error);
    if (status != STATUS_OK)
        subscription_close(subscription, subscription_error_code(status), error.message);
    live_plan_unref(plan);
}

void live_table_changed(struct live *live, struct table_id table)
{
    struct view *view = view_acquire(live->options.store);
    const struct table *newest = catalog_find_table_id(view_catalog(view), table);
    size_t count = 0;
    struct subscription **list = schema_subscriptions(live, table, &count);

    CHECK(list != NULL || count == 0);
    for (size_t i = 0; i < count; i++) {
        if (newest) /* else: dropped already */
            schema_refresh(list[i], newest);
        subscription_unref(list[i]);
    }
    mem_free(list);
    view_release(view);
}
