/* columnar_watch.c — one thread that interrupts statements past their deadline or cancelled.
 *
 * DuckDB forgets an interrupt when a statement begins and looks at it only now and then, so a
 * statement that must stop is interrupted again every few milliseconds until its owner takes it off
 * the list. Flags are polled every 20 ms while anything is watched; with an empty list the thread
 * sleeps.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/columnar/columnar_internal.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/thread.h"

#include <errno.h>

#define WATCH_POLL_NS INT64_C(20000000)
#define WATCH_REPEAT_NS INT64_C(5000000)

enum { WATCH_STACK_BYTES = 256 << 10 };

/* Fires what is due; returns when to look at this statement again. */
static int64_t watchdog_visit(struct watch *watch, int64_t now_ns)
{
    if (atomic_load(&watch->fired) == STATUS_OK) {
        if (watch->cancelled != NULL && atomic_load(watch->cancelled))
            atomic_store(&watch->fired, STATUS_CANCELLED);
        else if (watch->deadline_ns != 0 && now_ns >= watch->deadline_ns)
            atomic_store(&watch->fired, STATUS_QUERY_TIMEOUT);
    }
    if (atomic_load(&watch->fired) != STATUS_OK) {
        duckdb_interrupt(watch->connection);
        return now_ns + WATCH_REPEAT_NS;
    }
    CHECK(watch->deadline_ns == 0 || watch->deadline_ns > now_ns);
    if (watch->cancelled != NULL &&
        (watch->deadline_ns == 0 || watch->deadline_ns > now_ns + WATCH_POLL_NS))
        return now_ns + WATCH_POLL_NS;
    return watch->deadline_ns == 0 ? INT64_MAX : watch->deadline_ns;
}

static void watchdog_wait(struct watchdog *watchdog)
{
    struct timespec until = {.tv_sec = (time_t)(watchdog->wake_at_ns / 1000000000),
                             .tv_nsec = watchdog->wake_at_ns % 1000000000};
    int result;

    if (watchdog->wake_at_ns == INT64_MAX)
        result = pthread_cond_wait(&watchdog->wake, &watchdog->mutex);
    else
        result = pthread_cond_timedwait(&watchdog->wake, &watchdog->mutex, &until);
    CHECK(result == 0 || result == ETIMEDOUT);
}

static void *watchdog_main(void *argument)
{
    struct watchdog *watchdog = argument;

    pthread_mutex_lock(&watchdog->mutex);
    while (!watchdog->is_stopping) {
        int64_t now_ns = clock_monotonic_ns();
        watchdog->wake_at_ns = INT64_MAX;
        for (struct watch *watch = watchdog->first; watch != NULL; watch = watch->next) {
            int64_t again_ns = watchdog_visit(watch, now_ns);
            if (again_ns < watchdog->wake_at_ns)
                watchdog->wake_at_ns = again_ns;
        }
        watchdog_wait(watchdog);
    }
    CHECK(watchdog->first == NULL);
    pthread_mutex_unlock(&watchdog->mutex);
    return NULL;
}

void watchdog_start(struct watchdog *watchdog)
{

    *watchdog = (struct watchdog){.wake_at_ns = INT64_MAX};
    CHECK(pthread_mutex_init(&watchdog->mutex, NULL) == 0);
    clock_cond_init(&watchdog->wake);
    thread_start(&watchdog->thread, "query-watch", WATCH_STACK_BYTES, watchdog_main, watchdog);
}

void watchdog_stop(struct watchdog *watchdog)
{
    pthread_mutex_lock(&watchdog->mutex);
    CHECK(watchdog->first == NULL);
    watchdog->is_stopping = true;
    pthread_cond_signal(&watchdog->wake);
    pthread_mutex_unlock(&watchdog->mutex);
    CHECK(pthread_join(watchdog->thread, NULL) == 0);
    CHECK(pthread_cond_destroy(&watchdog->wake) == 0);
    CHECK(pthread_mutex_destroy(&watchdog->mutex) == 0);
}

void watch_begin(struct watchdog *watchdog, struct watch *watch)
{
    int64_t due_ns = watch->cancelled != NULL ? clock_monotonic_ns() + WATCH_POLL_NS : INT64_MAX;

    CHECK(watch->connection != NULL && watch->previous == NULL && watch->next == NULL);
    if (watch->deadline_ns != 0 && watch->deadline_ns < due_ns)
        due_ns = watch->deadline_ns;
    pthread_mutex_lock(&watchdog->mutex);
    watch->next = watchdog->first;
    if (watch->next != NULL)
        watch->next->previous = watch;
    watchdog->first = watch;
    if (due_ns < watchdog->wake_at_ns)
        pthread_cond_signal(&watchdog->wake);
    pthread_mutex_unlock(&watchdog->mutex);
}

void watch_end(struct watchdog *watchdog, struct watch *watch)
{
    pthread_mutex_lock(&watchdog->mutex);
    CHECK(watch->previous != NULL || watchdog->first == watch);
    if (watch->previous != NULL)
        watch->previous->next = watch->next;
    else
        watchdog->first = watch->next;
    if (watch->next != NULL)
        watch->next->previous = watch->previous;
    watch->previous = watch->next = NULL;
    pthread_mutex_unlock(&watchdog->mutex);
}
