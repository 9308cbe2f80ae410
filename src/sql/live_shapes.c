/* live_shapes.c — where equal live queries find the shape they share, and their common plan.
 *
 * Shapes are kept by namespace, text and types of the parameters while somebody uses them. After an
 * ALTER the same text gets a shape of the new state of the table, which takes the place of the old
 * one; who holds that keeps it. One lock; it is taken when subscriptions come and go, never for a
 * change.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/live_internal.h"

#include "base/check.h"
#include "base/map.h"
#include "base/mem.h"

#include <pthread.h>

struct live_shapes {
    pthread_mutex_t mutex;
    struct map by_key; /* → struct shape_entry, the newest of each key; no reference */
};

struct live_shapes *live_shapes_new(void)
{
    struct live_shapes *shapes = mem_zalloc(sizeof(*shapes));

    pthread_mutex_init(&shapes->mutex, NULL);
    map_init(&shapes->by_key);
    CHECK(shapes->by_key.count == 0);
    return shapes;
}

void live_shapes_free(struct live_shapes *shapes)
{
    CHECK(shapes->by_key.count == 0); /* every plan is gone */
    map_clear(&shapes->by_key);
    pthread_mutex_destroy(&shapes->mutex);
    mem_free(shapes);
}

size_t live_shapes_count(struct live_shapes *shapes)
{
    CHECK(shapes != NULL);
    pthread_mutex_lock(&shapes->mutex);
    size_t count = shapes->by_key.count;
    pthread_mutex_unlock(&shapes->mutex);
    return count;
}

struct shape_entry *shape_find(struct live_shapes *shapes, struct str key)
{
    CHECK(key.size > 0);
    pthread_mutex_lock(&shapes->mutex);
    struct shape_entry *entry = map_get(&shapes->by_key, key);
    if (entry != NULL)
        entry->refs++;
    pthread_mutex_unlock(&shapes->mutex);
    return entry;
}

void shape_put(struct shape_entry *entry)
{
    struct live_shapes *shapes = entry->shapes;

    CHECK(entry->refs == 1 && shapes != NULL);
    pthread_mutex_lock(&shapes->mutex);
    map_put(&shapes->by_key, entry->key, entry);
    pthread_mutex_unlock(&shapes->mutex);
}

static void shape_free(struct shape_entry *entry)
{
    CHECK(entry->refs == 0 && entry->common == NULL);
    expr_unref(entry->shape.filter);
    live_order_clear(&entry->order);
    table_unref(entry->shape.table);
    mem_free(entry);
}

void shape_unref(struct shape_entry *entry)
{
    struct live_shapes *shapes = entry->shapes;
    bool last;

    pthread_mutex_lock(&shapes->mutex);
    CHECK(entry->refs > 0);
    last = --entry->refs == 0;
    if (last && map_get(&shapes->by_key, entry->key) == entry)
        map_remove(&shapes->by_key, entry->key);
    pthread_mutex_unlock(&shapes->mutex);
    if (last)
        shape_free(entry);
}

/* ---- the plan that all subscriptions of a shape share -----------------------------------------
 */

bool shape_is_common(const struct shape_entry *entry)
{
    const struct live_shape *shape = &entry->shape;

    CHECK(shape->table != NULL);
    return shape->table->kind != TABLE_KIND_USER && !shape->uses_caller && entry->param_count == 0;
}

struct live_plan *shape_common_plan(struct shape_entry *entry)
{
    struct live_plan *plan;

    CHECK(shape_is_common(entry));
    pthread_mutex_lock(&entry->shapes->mutex);
    plan = entry->common;
    if (plan != NULL) { /* unless the last one is just leaving */
        unsigned refs = atomic_load(&plan->refs);
        while (refs > 0 && !atomic_compare_exchange_weak(&plan->refs, &refs, refs + 1)) {
        }
        if (refs == 0)
            plan = NULL;
    }
    pthread_mutex_unlock(&entry->shapes->mutex);
    return plan;
}

void shape_set_common_plan(struct shape_entry *entry, struct live_plan *plan,
                           const struct live_plan *from)
{
    CHECK(entry->refs > 0);
    pthread_mutex_lock(&entry->shapes->mutex);
    if (from == NULL || entry->common == from)
        entry->common = plan;
    pthread_mutex_unlock(&entry->shapes->mutex);
}
