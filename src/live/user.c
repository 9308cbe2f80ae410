/* user.c — what all connections of one user share: places for subscriptions, threads that read
 * snapshots, the memory that these keep.
 *
 * Of the tasks of one user only so many are with the threads at a time, the others wait here, in
 * order: so nobody's snapshots keep those of all others waiting. A task that waits can be taken
 * back: what was closed before it began keeps nothing.
 *
 * Locks: live->mutex, taken here unless said otherwise; the bytes are atomic.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "live/live_internal.h"

#include "base/check.h"
#include "base/mem.h"

struct live_user *user_open(struct live *live, struct str name)
{
    pthread_mutex_lock(&live->mutex);
    struct live_user *user = map_get(&live->users, name);
    CHECK(!user || user->peers > 0);
    if (!user) {
        user = mem_zalloc(sizeof *user);
        user->name = str_from(mem_strdup(name), name.size);
        user->waiting_tail = &user->waiting;
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
    CHECK(user->subscriptions == 0 && user->running == 0 && !user->waiting);
    CHECK(atomic_load(&user->snapshot_bytes) == 0);
    mem_free((void *)(uintptr_t)user->name.data);
    mem_free(user);
}

/* ---- subscriptions ----------------------------------------------------------------------------
 */

bool user_take_place(struct live *live, struct live_user *user)
{
    pthread_mutex_lock(&live->mutex);
    bool fits = user->subscriptions < live->options.subscriptions_per_user_max;
    CHECK(user->peers > 0);
    user->subscriptions += fits ? 1 : 0;
    pthread_mutex_unlock(&live->mutex);
    return fits;
}

void user_give_place(struct live *live, struct live_user *user)
{
    pthread_mutex_lock(&live->mutex);
    CHECK(user->subscriptions > 0);
    user->subscriptions--;
    pthread_mutex_unlock(&live->mutex);
}

/* ---- tasks ------------------------------------------------------------------------------------
 */

static void user_unlink(struct live_user *user, struct loading *loading)
{
    CHECK(loading->waiting_prev && *loading->waiting_prev == loading);
    *loading->waiting_prev = loading->waiting_next;
    if (loading->waiting_next)
        loading->waiting_next->waiting_prev = loading->waiting_prev;
    else
        user->waiting_tail = loading->waiting_prev;
    loading->waiting_next = NULL;
    loading->waiting_prev = NULL;
}

/* live->mutex held: hands over those that may run. */
static void user_run_waiting(struct live *live, struct live_user *user)
{
    unsigned most = live->options.snapshot_tasks_per_user_max;

    CHECK(most == 0 || user->running <= most);
    while (user->waiting && (most == 0 || user->running < most)) {
        struct loading *loading = user->waiting;
        user_unlink(user, loading);
        user->running++;
        worker_pool_post(live->options.workers, &loading->task);
    }
}

void user_post(struct live *live, struct loading *loading)
{
    struct live_user *user = loading->subscription->peer->user;

    pthread_mutex_lock(&live->mutex);
    CHECK(!loading->waiting_prev);
    loading->waiting_prev = user->waiting_tail;
    *user->waiting_tail = loading;
    user->waiting_tail = &loading->waiting_next;
    user_run_waiting(live, user);
    pthread_mutex_unlock(&live->mutex);
}

void user_task_ended(struct live *live, struct live_user *user)
{
    pthread_mutex_lock(&live->mutex);
    CHECK(user->running > 0);
    user->running--;
    user_run_waiting(live, user);
    pthread_mutex_unlock(&live->mutex);
}

bool user_take_back(struct live_user *user, struct loading *loading)
{
    CHECK(loading != NULL);
    if (!loading->waiting_prev)
        return false;
    user_unlink(user, loading);
    return true;
}
