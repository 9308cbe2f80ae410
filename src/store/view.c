/* view.c — the moments readers look at: one list of counted views, newest published by the commit
 * thread.
 *
 * The store holds a reference to the newest view, so view_acquire never finds it dead. The list
 * tells which files and dropped tables no reader can reach any more. A transaction's view is not in
 * it: it borrows everything from the view of its BEGIN, which it holds.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/store_internal.h"
#include "store/transaction/changes.h"

#include <errno.h>
#include <time.h>

struct view *view_acquire(struct store *store)
{
    pthread_mutex_lock(&store->view_mutex);
    struct view *view = store->view;
    CHECK(view != NULL);
    atomic_fetch_add_explicit(&view->refs, 1, memory_order_relaxed);
    pthread_mutex_unlock(&store->view_mutex);
    return view;
}

struct view *view_ref(struct view *view)
{
    unsigned before = atomic_fetch_add_explicit(&view->refs, 1, memory_order_relaxed);

    CHECK(before > 0);
    return view;
}

static void view_unlink(struct store *store, struct view *view)
{
    pthread_mutex_lock(&store->view_mutex);
    CHECK(store->view != view && view->newer != NULL);
    view->newer->older = view->older;
    if (view->older != NULL)
        view->older->newer = view->newer;
    else
        store->view_oldest = view->newer;
    pthread_cond_broadcast(&store->view_freed);
    pthread_mutex_unlock(&store->view_mutex);
}

struct view *view_with_changes(struct view *base, struct changes *changes)
{
    struct view *view = mem_zalloc(sizeof(*view));

    CHECK(base->changes == NULL && changes != NULL);
    atomic_init(&view->refs, 1);
    view->store = base->store;
    view->snapshot = base->snapshot;
    view->position = base->position;
    view->catalog = base->catalog;
    view->base = base;
    view->changes = changes;
    return view;
}

void view_release(struct view *view)
{
    if (view == NULL)
        return;
    struct store *store = view->store;
    unsigned before = atomic_fetch_sub_explicit(&view->refs, 1, memory_order_acq_rel);
    CHECK(before > 0);
    if (before > 1)
        return;
    if (view->base != NULL) {
        struct view *base = view->base;
        changes_free(view->changes);
        mem_free(view);
        view_release(base); /* which has no base */
        return;
    }
    /* The snapshot goes first: who waits for the list may drop a space at once. */
    kv_snapshot_free(store->kv, view->snapshot);
    catalog_unref(view->catalog);
    view_unlink(store, view);
    mem_free(view);
    recovery_view_released(store);
}

int64_t view_position(const struct view *view)
{
    CHECK(view != NULL);
    return view->position;
}

struct catalog *view_catalog(const struct view *view)
{
    CHECK(view->catalog != NULL);
    return view->catalog;
}

const struct kv_snapshot *view_snapshot(const struct view *view)
{
    CHECK(view->snapshot != NULL);
    return view->snapshot;
}

void view_publish(struct store *store, int64_t position, struct catalog *catalog)
{
    struct view *view = mem_zalloc(sizeof(*view));

    atomic_init(&view->refs, 1);
    view->store = store;
    view->position = position;
    view->catalog = catalog;
    view->snapshot = kv_snapshot_new(store->kv);
    pthread_mutex_lock(&store->view_mutex);
    struct view *former = store->view;
    CHECK(former == NULL || former->position <= position); /* SEQ_ORDER */
    view->older = former;
    if (former != NULL)
        former->newer = view;
    else
        store->view_oldest = view;
    store->view = view;
    pthread_mutex_unlock(&store->view_mutex);
    view_release(former);
}

void view_publish_end(struct store *store)
{
    struct view *view = store->view;

    if (view == NULL)
        return;
    CHECK(view == store->view_oldest && atomic_load(&view->refs) == 1);
    store->view = store->view_oldest = NULL;
    kv_snapshot_free(store->kv, view->snapshot);
    catalog_unref(view->catalog);
    mem_free(view);
}

int64_t view_oldest_position(struct store *store)
{
    pthread_mutex_lock(&store->view_mutex);
    CHECK(store->view_oldest != NULL);
    int64_t position = store->view_oldest->position;
    pthread_mutex_unlock(&store->view_mutex);
    return position;
}

bool view_wait_released(struct store *store, int64_t position, int timeout_ms)
{
    struct timespec until = clock_deadline(timeout_ms);
    int waited = 0;

    CHECK(timeout_ms >= 0);
    pthread_mutex_lock(&store->view_mutex);
    while (store->view_oldest->position < position && waited != ETIMEDOUT)
        waited = pthread_cond_timedwait(&store->view_freed, &store->view_mutex, &until);
    bool released = store->view_oldest->position >= position;
    pthread_mutex_unlock(&store->view_mutex);
    return released;
}
