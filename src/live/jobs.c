/* jobs.c — whom does a group of the feed concern?
 *
 * Its changes are sorted into the buckets of the routing index (those without subscriptions cost
 * one hash look-up). In each bucket the values of old and new rows find who asks for them, the
 * others get all changes; what comes of it is a list of jobs, each a subscription, its plan and its
 * changes, with references. live->mutex, which loops want too, is held for the look-ups alone, some
 * thousands at a time: rows are read without it, and between two times subscriptions may come and
 * go. Who comes has the group in his snapshot.
 *
 * Of a USER table, reading the rows is taken off the budget of its user. Once that is used up, all
 * his subscriptions there are concerned: the matcher finds that it cannot do it, and they end.
 *
 * Thread: the matcher.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "live/jobs.h"

#include "base/check.h"

enum {
    PROBES_AT_ONCE = 4096,
    WORK_ROUTED_ROW = 64, /* budget.c */
    WORK_PROBE = 16,
};

/* A value of a changed row: who asks for it? */
struct probe {
    const struct change *change;
    uint64_t hash;
    uint32_t column;
};

/* The changes of the group that fall into one bucket, and what that is routed by. */
struct touched {
    struct touched *next;
    struct bucket *bucket; /* while the changes are sorted; may be gone afterwards */
    struct change_list list;
    struct route_column *columns;
    size_t column_count;
};

void jobs_init(struct jobs *jobs, struct live *live, struct budgets *budgets)
{
    CHECK(live != NULL && budgets != NULL);
    *jobs = (struct jobs){.live = live, .budgets = budgets, .tail = &jobs->first};
    arena_init(&jobs->arena, 0);
    live_row_arena_init(live, &jobs->scratch);
    row_views_init(&jobs->views);
}

void jobs_clear(struct jobs *jobs)
{
    CHECK(!jobs->first);
    arena_clear(&jobs->arena);
    arena_clear(&jobs->scratch);
    row_views_clear(&jobs->views);
}

void jobs_drop(struct jobs *jobs)
{
    for (struct matcher_job *job = jobs->first; job; job = job->next) {
        CHECK(!job->subscription->job);
        live_plan_unref(job->plan);
        subscription_unref(job->subscription);
    }
    jobs->first = NULL;
    jobs->tail = &jobs->first;
    arena_clear(&jobs->arena);
}

static void change_list_add(struct change_list *list, const struct change *change,
                            struct arena *arena)
{
    CHECK(list->count <= list->capacity);
    if (list->count == list->capacity) {
        size_t size = list->count * sizeof(struct change *);
        list->capacity = list->capacity * 2 + 2;
        list->changes =
            arena_grow(arena, list->changes, size, list->capacity * sizeof(struct change *));
    }
    list->changes[list->count++] = change;
}

/* live->mutex held. */
static struct matcher_job *jobs_add(struct jobs *jobs, struct subscription *subscription)
{
    struct matcher_job *job = arena_zalloc(&jobs->arena, sizeof *job);

    CHECK(!subscription->job);
    *job = (struct matcher_job){.subscription = subscription_ref(subscription),
                                .plan = live_plan_ref(subscription->plan),
                                .plan_hash = subscription->plan_hash,
                                .fingerprint = subscription->fingerprint};
    *jobs->tail = job;
    jobs->tail = &job->next;
    subscription->job = job;
    return job;
}

/* ---- the buckets ------------------------------------------------------------------------------
 */

static int route_position(const struct table_schema *schema, uint32_t column_id)
{
    CHECK(column_id != 0);
    for (uint32_t i = 0; i < schema->column_count; i++)
        if (schema->columns[i].id == column_id)
            return (int)i;
    return -1; /* of a time before the column, and before whoever asks for it */
}

/* Finds the columns in rows of this schema, if that is not the one they were found in last. */
static void route_columns_follow(struct route_column *columns, size_t count,
                                 const struct table_schema *schema)
{
    CHECK(schema->version > 0);
    for (size_t i = 0; i < count; i++) {
        if (columns[i].schema_version == schema->version)
            continue;
        columns[i].position = route_position(schema, columns[i].id);
        columns[i].schema_version = schema->version;
    }
}

static bool change_is_beside(const struct change *a, const struct change *b)
{
    CHECK(a->table && b->table);
    return a->table->id.value == b->table->id.value && str_equal(a->user, b->user);
}

/* live->mutex held: what is needed of the bucket without it. */
static void touched_leave(struct touched *touched, struct arena *arena)
{
    struct bucket *bucket = touched->bucket;
    const struct change *last = touched->list.changes[touched->list.count - 1];

    CHECK(bucket->touched == touched);
    route_columns_follow(bucket->columns, bucket->column_count, last->table->schema);
    touched->column_count = bucket->column_count;
    touched->columns = arena_array(arena, bucket->column_count, sizeof *touched->columns);
    for (size_t i = 0; i < bucket->column_count; i++)
        touched->columns[i] = bucket->columns[i];
    bucket->touched = NULL;
    touched->bucket = NULL;
}

static struct touched *jobs_sort(struct jobs *jobs, const struct change_group *group)
{
    struct live *live = jobs->live;
    struct touched *first = NULL, **tail = &first;
    struct bucket *bucket = NULL;

    pthread_mutex_lock(&live->mutex);
    for (size_t i = 0; live->buckets.count > 0 && i < group->count; i++) {
        const struct change *change = &group->changes[i];
        if (i == 0 || !change_is_beside(change, change - 1))
            bucket = router_find(live, change->table->id, change->user);
        if (!bucket)
            continue;
        if (!bucket->touched) {
            bucket->touched = arena_zalloc(&jobs->arena, sizeof *bucket->touched);
            bucket->touched->bucket = bucket;
            *tail = bucket->touched;
            tail = &bucket->touched->next;
        }
        change_list_add(&bucket->touched->list, change, &jobs->arena);
    }
    for (struct touched *touched = first; touched; touched = touched->next)
        touched_leave(touched, &jobs->arena);
    pthread_mutex_unlock(&live->mutex);
    CHECK(!first || first->list.count > 0);
    return first;
}

/* live->mutex held: NULL when it is gone. */
static struct bucket *touched_bucket(struct live *live, const struct touched *touched)
{
    const struct change *change = touched->list.changes[0];

    CHECK(touched->list.count > 0);
    return router_find(live, change->table->id, change->user);
}

/* ---- who asks for the values of a change ------------------------------------------------------
 */

static void jobs_hit(struct jobs *jobs, struct subscription *subscription,
                     const struct change *change)
{
    struct matcher_job *job = subscription->job;

    if (!job)
        job = jobs_add(jobs, subscription);
    else if (job->list.changes[job->list.count - 1] == change)
        return; /* by the other row, or another value of an IN */
    CHECK(job->subscription == subscription);
    change_list_add(&job->list, change, &jobs->arena);
}

static void jobs_look_up(struct jobs *jobs, const struct touched *touched)
{
    struct live *live = jobs->live;

    CHECK(jobs->probe_count <= jobs->probe_capacity);
    pthread_mutex_lock(&live->mutex);
    const struct bucket *bucket = touched_bucket(live, touched);
    for (size_t i = 0; bucket && bucket->column_count > 0 && i < jobs->probe_count; i++) {
        const struct probe *probe = &jobs->probes[i];
        const struct route *route = router_find_route(bucket, probe->column, probe->hash);
        for (size_t k = 0; route && k < route->count; k++)
            jobs_hit(jobs, route->entries[k].subscription, probe->change);
    }
    pthread_mutex_unlock(&live->mutex);
    jobs->probe_count = 0;
}

/* One version of the row. */
static void jobs_probe_row(struct jobs *jobs, const struct touched *touched,
                           const struct change *change, struct str bytes)
{
    struct value value;
    struct row row;

    if (str_is_empty(bytes))
        return;
    CHECK(row_views_get(&jobs->views, change->table, change->key, bytes, &row));
    for (size_t i = 0; i < touched->column_count; i++) {
        const struct route_column *column = &touched->columns[i];
        if (column->position < 0)
            continue;
        row_column(&row, (uint32_t)column->position, &jobs->scratch, &value);
        if (value.is_null)
            continue;
        CHECK(jobs->probe_count < jobs->probe_capacity);
        jobs->probes[jobs->probe_count++] =
            (struct probe){change, live_route_hash(&value), column->id};
    }
}

static uint64_t *touched_budget(struct jobs *jobs, const struct touched *touched)
{
    struct str user = touched->list.changes[0]->user;

    CHECK(touched->list.count > 0);
    return user.size > 0 ? budgets_of(jobs->budgets, user) : NULL;
}

/* False when the budget is used up. */
static bool jobs_route(struct jobs *jobs, struct touched *touched)
{
    size_t each = 2 * touched->column_count, most = each * touched->list.count;
    uint64_t *budget = touched_budget(jobs, touched);

    CHECK(jobs->probe_count == 0 && each > 0);
    jobs->probe_capacity = most < PROBES_AT_ONCE + each ? most : PROBES_AT_ONCE + each;
    jobs->probes = arena_array(&jobs->arena, jobs->probe_capacity, sizeof *jobs->probes);
    for (size_t i = 0; i < touched->list.count; i++) {
        const struct change *change = touched->list.changes[i];
        if (budget_is_spent(budget))
            return false;
        budget_spend(budget, WORK_ROUTED_ROW + each * WORK_PROBE);
        if (jobs->probe_count + each > jobs->probe_capacity)
            jobs_look_up(jobs, touched);
        route_columns_follow(touched->columns, touched->column_count, change->table->schema);
        jobs_probe_row(jobs, touched, change, change->old_bytes);
        jobs_probe_row(jobs, touched, change, change->new_bytes);
        live_row_arena_reset(&jobs->scratch);
    }
    jobs_look_up(jobs, touched);
    return true;
}

/* live->mutex held: it gets all changes. */
static void jobs_add_whole(struct jobs *jobs, struct subscription *subscription,
                           const struct touched *touched)
{
    struct matcher_job *job = subscription->job ? subscription->job : jobs_add(jobs, subscription);

    CHECK(touched->list.count > 0);
    job->list = touched->list;
}

static void jobs_bucket(struct jobs *jobs, struct touched *touched)
{
    struct live *live = jobs->live;
    struct matcher_job **former = jobs->tail, *last = NULL;
    const struct table *table = touched->list.changes[touched->list.count - 1]->table;
    bool routed = touched->column_count == 0 || jobs_route(jobs, touched);

    CHECK(table != NULL);
    jobs->probe_count = 0;
    pthread_mutex_lock(&live->mutex);
    const struct bucket *bucket = touched_bucket(live, touched);
    for (size_t i = 0; bucket && routed && i < bucket->everything.count; i++)
        jobs_add_whole(jobs, bucket->everything.entries[i].subscription, touched);
    for (size_t i = 0; bucket && !routed && i < bucket->count; i++)
        jobs_add_whole(jobs, bucket->subscriptions[i], touched);
    pthread_mutex_unlock(&live->mutex);
    for (struct matcher_job *job = *former; job; job = job->next) {
        job->table = table;
        job->subscription->job = NULL;
        last = job;
    }
    if (last)
        last->last_of_bucket = true;
}

void jobs_find(struct jobs *jobs, const struct change_group *group)
{
    CHECK(!jobs->first && group->last >= atomic_load(&jobs->live->matched_position));
    for (struct touched *touched = jobs_sort(jobs, group); touched; touched = touched->next)
        jobs_bucket(jobs, touched);
    row_views_clear(&jobs->views); /* the tables are the group's */
}
