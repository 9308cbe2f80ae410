/* router.c — the routing index: which subscriptions can a change concern?
 *
 * USER tables: one bucket per (table, user), so that a change visits only subscriptions on that
 * very instance, however many others exist. SHARED and STREAM tables: one bucket per table. In a
 * bucket, who asks for `column = constant` (or IN) stands under the hash of each value; a change
 * looks up the values of its old and its new row and meets only those. The others stand in one list
 * that every change goes through.
 *
 * This is the one place where subscriptions come and go. Buckets and routes go when they are empty;
 * while there is no bucket, commits do not wake the matcher. The store hears of every subscription
 * on a stream: events of ephemeral ones are discarded while there is none. Everything here runs
 * under live->mutex.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "live/live_internal.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store/stream.h"

enum { BUCKET_KEY_MAX = 8 + LIMIT_USER_ID_BYTES + 16 };

static struct str bucket_key(struct table_id table, struct str user, char out[BUCKET_KEY_MAX])
{
    CHECK(user.size <= BUCKET_KEY_MAX - 8);
    memcpy(out, &table.value, 8);
    if (user.size > 0)
        memcpy(out + 8, user.data, user.size);
    return str_from(out, 8 + user.size);
}

struct bucket *router_find(struct live *live, struct table_id table, struct str user)
{
    char key[BUCKET_KEY_MAX];

    CHECK(table.value != 0);
    return map_get(&live->buckets, bucket_key(table, user, key));
}

/* ---- routes -----------------------------------------------------------------------------------
 */

enum { ROUTE_KEY_BYTES = 4 + 8 };

static struct str route_key(uint32_t column, uint64_t hash, char out[ROUTE_KEY_BYTES])
{
    CHECK(column != 0);
    memcpy(out, &column, 4);
    memcpy(out + 4, &hash, 8);
    return str_from(out, ROUTE_KEY_BYTES);
}

const struct route *router_find_route(const struct bucket *bucket, uint32_t column, uint64_t hash)
{
    char key[ROUTE_KEY_BYTES];

    CHECK(bucket->column_count > 0);
    return map_get(&bucket->routes, route_key(column, hash, key));
}

static struct route *router_make_route(struct bucket *bucket, uint32_t column, uint64_t hash)
{
    char key[ROUTE_KEY_BYTES];
    struct str text = route_key(column, hash, key);
    struct route *route = map_get(&bucket->routes, text);

    CHECK(bucket->count > 0);
    if (!route) {
        route = mem_zalloc(sizeof *route);
        route->key = str_from(mem_strdup(text), text.size);
        map_put(&bucket->routes, text, route);
    }
    return route;
}

static void route_put(struct route *route, struct subscription *subscription, size_t slot)
{
    CHECK(slot < subscription->slot_count);
    if (route->count == route->capacity) {
        route->capacity = route->capacity ? route->capacity * 2 : 2;
        route->entries = mem_realloc(route->entries, route->capacity * sizeof *route->entries);
    }
    subscription->slots[slot] = (struct route_slot){route, route->count};
    route->entries[route->count++] = (struct route_entry){subscription, slot};
}

static void route_take(struct route *route, size_t index)
{
    CHECK(index < route->count);
    struct route_entry last = route->entries[--route->count];
    route->entries[index] = last;
    last.subscription->slots[last.slot].index = index;
}

static void bucket_use_column(struct bucket *bucket, uint32_t id)
{
    CHECK(id != 0);
    for (size_t i = 0; i < bucket->column_count; i++) {
        if (bucket->columns[i].id == id) {
            bucket->columns[i].uses++;
            return;
        }
    }
    bucket->columns =
        mem_realloc(bucket->columns, (bucket->column_count + 1) * sizeof *bucket->columns);
    bucket->columns[bucket->column_count++] = (struct route_column){.id = id, .uses = 1};
}

static void bucket_leave_column(struct bucket *bucket, uint32_t id)
{
    size_t i = 0;

    while (bucket->columns[i].id != id)
        i++;
    CHECK(i < bucket->column_count && bucket->columns[i].uses > 0);
    if (--bucket->columns[i].uses == 0)
        bucket->columns[i] = bucket->columns[--bucket->column_count];
}

static void router_add_routes(struct bucket *bucket, struct subscription *subscription)
{
    const struct live_plan *plan = subscription->plan;

    CHECK(!subscription->slots);
    subscription->route_column = plan->route_column;
    subscription->slot_count = plan->route_column == 0 ? 1 : plan->route_count;
    subscription->slots = &subscription->slot;
    if (subscription->slot_count > 1)
        subscription->slots = mem_calloc(subscription->slot_count, sizeof *subscription->slots);
    if (plan->route_column == 0) {
        route_put(&bucket->everything, subscription, 0);
        return;
    }
    bucket_use_column(bucket, plan->route_column);
    for (size_t i = 0; i < plan->route_count; i++)
        route_put(router_make_route(bucket, plan->route_column, plan->route_hashes[i]),
                  subscription, i);
}

static void router_remove_routes(struct bucket *bucket, struct subscription *subscription)
{
    CHECK(subscription->slots);
    for (size_t i = 0; i < subscription->slot_count; i++) {
        struct route *route = subscription->slots[i].route;
        route_take(route, subscription->slots[i].index);
        if (route->count > 0 || route == &bucket->everything)
            continue;
        map_remove(&bucket->routes, route->key);
        mem_free((void *)(uintptr_t)route->key.data);
        mem_free(route->entries);
        mem_free(route);
    }
    if (subscription->route_column != 0)
        bucket_leave_column(bucket, subscription->route_column);
    if (subscription->slots != &subscription->slot)
        mem_free(subscription->slots);
    subscription->slots = NULL;
    subscription->slot_count = 0;
}

/* ---- buckets ----------------------------------------------------------------------------------
 */

void router_add(struct live *live, struct subscription *subscription)
{
    const struct live_plan *plan = subscription->plan;
    char key[BUCKET_KEY_MAX];
    struct bucket *bucket;

    CHECK(plan && !subscription->bucket);
    bucket = router_find(live, plan->table->id, plan->user);
    if (!bucket) {
        struct str text = bucket_key(plan->table->id, plan->user, key);
        bucket = mem_zalloc(sizeof *bucket);
        map_init(&bucket->routes);
        bucket->key = str_from(mem_strdup(text), text.size);
        map_put(&live->buckets, text, bucket);
        if (live->buckets.count == 1)
            feed_resume(live->cursor); /* before its view is taken */
    }
    if (bucket->count == bucket->capacity) {
        bucket->capacity = bucket->capacity ? bucket->capacity * 2 : 4;
        bucket->subscriptions =
            mem_realloc(bucket->subscriptions, bucket->capacity * sizeof(struct subscription *));
    }
    subscription->bucket = bucket;
    CHECK(bucket->count < UINT32_MAX);
    subscription->bucket_index = (uint32_t)bucket->count;
    bucket->subscriptions[bucket->count++] = subscription_ref(subscription);
    if (plan->table->kind == TABLE_KIND_STREAM)
        stream_subscribe(live->options.store, plan->table->id);
    router_add_routes(bucket, subscription);
}

static void bucket_free(struct bucket *bucket)
{
    CHECK(bucket->count == 0 && bucket->routes.count == 0 && bucket->column_count == 0);
    map_clear(&bucket->routes);
    mem_free(bucket->columns);
    mem_free(bucket->everything.entries);
    mem_free((void *)(uintptr_t)bucket->key.data);
    mem_free(bucket->subscriptions);
    mem_free(bucket);
}

void router_remove(struct live *live, struct subscription *subscription)
{
    struct bucket *bucket = subscription->bucket;

    if (!bucket)
        return;
    CHECK(bucket->subscriptions[subscription->bucket_index] == subscription);
    if (subscription->plan->table->kind == TABLE_KIND_STREAM)
        stream_unsubscribe(live->options.store, subscription->plan->table->id);
    struct subscription *last = bucket->subscriptions[--bucket->count];
    bucket->subscriptions[subscription->bucket_index] = last;
    last->bucket_index = subscription->bucket_index;
    router_remove_routes(bucket, subscription);
    subscription->bucket = NULL;
    if (bucket->count == 0) {
        map_remove(&live->buckets, bucket->key);
        bucket_free(bucket);
        if (live->buckets.count == 0)
            feed_pause(live->cursor);
    }
    subscription_unref(subscription);
}
