/* user.c — what all connections of one user share: places for subscriptions, threads that read
 * snapshots, the memory that these keep.
 *
 * Of the tasks of one user only so many are with the threads at a time, the others wait here, in
 * order: so nobody's snapshots keep those of all others waiting. While those that are not fetched
 * yet keep too much memory, none is begun, but batches of them go on, and make room; one that is
 * being begun is taken for a quarter of it, so no more than four are. Nor does a task keep its
 * thread while an ALTER or DROP stands in its way. One that waits can be taken back:
 * what was closed before it began keeps nothing.
 *
 * Locks: live->mutex, taken here unless said otherwise; places and bytes are atomic.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "live/live_internal.h"

#include "base/check.h"
#include "base/mem.h"

enum { BEGINNING_MAX = 4 }; /* snapshots, at a time */

struct live_user *user_open(struct live *live, struct str name)
{
    pthread_mutex_lock(&live->mutex);
    struct live_user *user = map_get(&live->users, name);
    CHECK(!user || user->peers > 0);
    if (!user) {
        user = mem_zalloc(sizeof *user);
        user->name = str_from(mem_strdup(name), name.size);
        map_put(&live->users, name, user);
    }
    user->peers++;
    pthread_mutex_unlock(&live->mutex);
    return user;
}

void user_close(struct live *live, struct live_user *user)
{
    pthread_mutex_lock(&live->mutex);
    CHECK(user->peers > 0);
    bool last = --user->peers == 0;
    if (last)
        map_remove(&live->users, user->name);
    pthread_mutex_unlock(&live->mutex);
    if (!last)
        return;
    CHECK(atomic_load(&user->subscriptions) == 0 && user->running == 0);
    CHECK(!user->openings.first && !user->batches.first);
    CHECK(atomic_load(&user->snapshot_bytes) == 0 && atomic_load(&user->plan_bytes) == 0);
    mem_free((void *)(uintptr_t)user->name.data);
    mem_free(user);
}

/* ---- subscriptions ----------------------------------------------------------------------------
 */

bool user_take_place(const struct live *live, struct live_user *user)
{
    unsigned taken = atomic_load(&user->subscriptions);

    CHECK(live->options.workers != NULL);
    do {
        if (taken >= live->options.subscriptions_per_user_max)
            return false;
    } while (!atomic_compare_exchange_weak(&user->subscriptions, &taken, taken + 1));
    return true;
}

void user_give_place(struct live_user *user)
{
    unsigned taken = atomic_fetch_sub(&user->subscriptions, 1);

    CHECK(taken > 0);
}

/* ---- what is compiled -------------------------------------------------------------------------
 */

enum { PLAN_FREE_BYTES = 16 * 1024 }; /* most are smaller, and many are shared */

size_t user_plan_bytes(const struct live_plan *plan)
{
    size_t bytes = live_plan_bytes(plan);

    CHECK(bytes > 0);
    return bytes > PLAN_FREE_BYTES ? bytes - PLAN_FREE_BYTES : 0;
}

bool user_has_room(const struct live *live, const struct live_user *user, size_t plan_bytes)
{
    size_t most = sql_live_filter_bytes(live->options.engine);

    CHECK(user->peers > 0);
    return plan_bytes == 0 || most == 0 || atomic_load(&user->plan_bytes) + plan_bytes <= most;
}

/* ---- tasks ------------------------------------------------------------------------------------
 */

static void loading_queue_put(struct loading_queue *queue, struct loading *loading)
{
    CHECK(!loading->queue);
    atomic_fetch_add(&loading->subscription->peer->live->tasks_waiting, 1);
    loading->queue = queue;
    loading->queue_next = NULL;
    loading->queue_former = queue->last;
    if (queue->last)
        queue->last->queue_next = loading;
    else
        queue->first = loading;
    queue->last = loading;
}

static void loading_queue_take(struct loading *loading)
{
    struct loading_queue *queue = loading->queue;

    CHECK(queue && queue->first && queue->last);
    atomic_fetch_sub(&loading->subscription->peer->live->tasks_waiting, 1);
    if (loading->queue_former)
        loading->queue_former->queue_next = loading->queue_next;
    else
        queue->first = loading->queue_next;
    if (loading->queue_next)
        loading->queue_next->queue_former = loading->queue_former;
    else
        queue->last = loading->queue_former;
    loading->queue = NULL;
}

static void user_queue_put(struct live_user *user, struct loading *loading)
{
    CHECK(loading->task_running);
    loading->turn = user->turns++;
    loading_queue_put(loading->opened ? &user->batches : &user->openings, loading);
}

/* Is there room for one more snapshot? */
static bool user_may_begin(const struct live *live, const struct live_user *user)
{
    size_t kept = atomic_load(&user->snapshot_bytes), most = live->options.snapshot_bytes_max;
    size_t begun = user->beginning * (most / BEGINNING_MAX);

    CHECK(user->beginning <= user->running);
    if (most == 0 || user->beginning == 0)
        return most == 0 || kept <= most;
    return user->beginning < BEGINNING_MAX && kept + begun + most / BEGINNING_MAX <= most;
}

/* Whose turn it is; NULL when nobody may run. */
static struct loading *user_next(const struct live *live, const struct live_user *user)
{
    struct loading *opening = user->openings.first, *batch = user->batches.first;

    CHECK(!opening || !opening->opened);
    if (!opening || !user_may_begin(live, user))
        return batch;
    return batch && batch->turn < opening->turn ? batch : opening;
}

/* live->mutex held: hands over those that may run. */
static void user_run_waiting(struct live *live, struct live_user *user)
{
    unsigned most = live->options.snapshot_tasks_per_user_max;
    struct loading *loading;

    CHECK(most == 0 || user->running <= most);
    while ((most == 0 || user->running < most) && (loading = user_next(live, user)) != NULL) {
        loading_queue_take(loading);
        user->running++;
        user->beginning += !loading->opened;
        worker_pool_post(live->options.workers, &loading->task);
    }
}

/* live->mutex held: who closes it from now on takes its task back, from wherever it waits. */
static bool loading_is_open(const struct loading *loading)
{
    struct subscription *subscription = loading->subscription;

    pthread_mutex_lock(&subscription->mutex);
    CHECK(subscription->loading == loading && loading->task_running);
    bool open = subscription->state != SUBSCRIPTION_CLOSED;
    pthread_mutex_unlock(&subscription->mutex);
    return open;
}

bool user_post(struct live *live, struct loading *loading)
{
    struct live_user *user = loading->subscription->peer->user;

    pthread_mutex_lock(&live->mutex);
    CHECK(user->peers > 0);
    bool open = loading_is_open(loading);
    if (open) {
        user_queue_put(user, loading);
        user_run_waiting(live, user);
    }
    pthread_mutex_unlock(&live->mutex);
    return open;
}

/* live->mutex held: one task is no more with the threads. */
static void user_leave_thread(struct live *live, struct live_user *user)
{
    CHECK(user->running > 0);
    user->running--;
    user_run_waiting(live, user);
}

void user_task_ended(struct live *live, struct live_user *user)
{
    pthread_mutex_lock(&live->mutex);
    CHECK(user->peers > 0);
    user_leave_thread(live, user);
    pthread_mutex_unlock(&live->mutex);
}

void user_has_begun(struct live *live, struct live_user *user)
{
    pthread_mutex_lock(&live->mutex);
    CHECK(user->beginning > 0);
    user->beginning--;
    user_run_waiting(live, user);
    pthread_mutex_unlock(&live->mutex);
}

void user_snapshot_gone(struct live *live, struct live_user *user)
{
    pthread_mutex_lock(&live->mutex);
    CHECK(user->peers > 0);
    user_run_waiting(live, user);
    pthread_mutex_unlock(&live->mutex);
}

/* The task leaves its thread and waits once more. */
static bool user_post_again(struct live *live, struct loading *loading, bool after_fences)
{
    struct live_user *user = loading->subscription->peer->user;

    pthread_mutex_lock(&live->mutex);
    CHECK(user->running > 0);
    bool open = loading_is_open(loading);
    if (open) {
        if (after_fences && live->fences)
            loading_queue_put(&live->fenced, loading);
        else
            user_queue_put(user, loading);
        user_leave_thread(live, user);
    }
    pthread_mutex_unlock(&live->mutex);
    return open;
}

bool user_post_last(struct live *live, struct loading *loading)
{
    CHECK(loading->opened);
    return user_post_again(live, loading, false);
}

bool user_post_after_fences(struct live *live, struct loading *loading)
{
    CHECK(!loading->opened);
    return user_post_again(live, loading, true);
}

void user_fence_gone(struct live *live)
{
    struct loading *loading;

    CHECK(!live->fenced.first == !live->fenced.last);
    while ((loading = live->fenced.first) != NULL) {
        struct live_user *user = loading->subscription->peer->user;
        loading_queue_take(loading);
        user_queue_put(user, loading);
        user_run_waiting(live, user);
    }
}

bool user_take_back(struct loading *loading)
{
    CHECK(loading != NULL);
    if (!loading->queue)
        return false;
    loading_queue_take(loading);
    return true;
}
