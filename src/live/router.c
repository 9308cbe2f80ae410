/* router.c — the routing index: which subscriptions can a change concern?
 *
 * USER tables: one bucket per (table, user), so that a change visits only subscriptions on that
 * very instance, however many others exist. SHARED and STREAM tables: one bucket per table. Buckets
 * are found by hash, hold plain arrays, and go when they are empty. While there is none, commits do
 * not wake the matcher. The store hears of every subscription on a stream: events of ephemeral ones
 * are discarded while there is none. Everything here runs under live->mutex.
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
    subscription->bucket_index = bucket->count;
    bucket->subscriptions[bucket->count++] = subscription_ref(subscription);
    if (plan->table->kind == TABLE_KIND_STREAM)
        stream_subscribe(live->options.store, plan->table->id);
}

static void bucket_free(struct bucket *bucket)
{
    CHECK(bucket->count == 0);
    mem_free((void *)(uintptr_t)bucket->key.data);
    mem_free(bucket->subscriptions);
    mem_free(bucket->changes);
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
    subscription->bucket = NULL;
    if (bucket->count == 0) {
        map_remove(&live->buckets, bucket->key);
        bucket_free(bucket);
        if (live->buckets.count == 0)
            feed_pause(live->cursor);
    }
    subscription_unref(subscription);
}

void router_loading_add(struct live *live, struct subscription *subscription)
{
    CHECK(!subscription->loading_prev);
    subscription->loading_next = live->loading;
    subscription->loading_prev = &live->loading;
    if (live->loading)
        live->loading->loading_prev = &subscription->loading_next;
    live->loading = subscription_ref(subscription);
}

void router_loading_remove(struct subscription *subscription)
{
    if (!subscription->loading_prev)
        return;
    CHECK(*subscription->loading_prev == subscription);
    *subscription->loading_prev = subscription->loading_next;
    if (subscription->loading_next)
        subscription->loading_next->loading_prev = subscription->loading_prev;
    subscription->loading_prev = NULL;
    subscription_unref(subscription);
}
