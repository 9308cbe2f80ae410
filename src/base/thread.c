/* thread.c — threads with a name and without signals, queues of intrusive tasks, worker pools.
 *
 * Signals are the main thread's alone. A pool's threads sleep on one condition; stopping lets them
 * empty the queue first, so that every posted task runs exactly once.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/thread.h"

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { THREAD_NAME_BYTES = 16 };

void task_queue_init(struct task_queue *queue)
{
    CHECK(pthread_mutex_init(&queue->mutex, NULL) == 0);
    queue->head = NULL;
    queue->tail = &queue->head;
}

void task_queue_clear(struct task_queue *queue)
{
    CHECK(queue->head == NULL);
    CHECK(pthread_mutex_destroy(&queue->mutex) == 0);
}

bool task_queue_push(struct task_queue *queue, struct task *task)
{
    CHECK(task != NULL && task->run != NULL);
    task->next = NULL;
    pthread_mutex_lock(&queue->mutex);
    bool was_empty = queue->head == NULL;
    *queue->tail = task;
    queue->tail = &task->next;
    pthread_mutex_unlock(&queue->mutex);
    return was_empty;
}

struct task *task_queue_take(struct task_queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    struct task *head = queue->head;
    queue->head = NULL;
    queue->tail = &queue->head;
    pthread_mutex_unlock(&queue->mutex);
    CHECK(head == NULL || head->run != NULL);
    return head;
}

struct thread_begin {
    void *(*main)(void *);
    void *argument;
    char name[THREAD_NAME_BYTES];
};

static void *thread_run(void *argument)
{
    struct thread_begin begin = *(struct thread_begin *)argument;

    mem_free(argument);
    CHECK(begin.main != NULL);
    log_thread_name(begin.name);
    return begin.main(begin.argument);
}

bool thread_try_start(pthread_t *thread, const char *name, size_t stack_bytes,
                      void *(*main)(void *), void *argument)
{
    pthread_attr_t attributes;
    sigset_t all, before;

    CHECK(strlen(name) < THREAD_NAME_BYTES);
    struct thread_begin *begin = mem_try_zalloc(sizeof(*begin));
    if (begin == NULL)
        return false;
    begin->main = main;
    begin->argument = argument;
    memcpy(begin->name, name, strlen(name));
    CHECK(pthread_attr_init(&attributes) == 0);
    if (stack_bytes > 0) {
        size_t least = (size_t)PTHREAD_STACK_MIN;
        CHECK(pthread_attr_setstacksize(&attributes, stack_bytes > least ? stack_bytes : least) ==
              0);
    }
    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    int failed = pthread_create(thread, &attributes, thread_run, begin);
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    CHECK(pthread_attr_destroy(&attributes) == 0);
    if (failed)
        mem_free(begin);
    return !failed;
}

void thread_start(pthread_t *thread, const char *name, size_t stack_bytes, void *(*main)(void *),
                  void *argument)
{
    CHECK(main != NULL);
    if (!thread_try_start(thread, name, stack_bytes, main, argument)) {
        log_last_words(__FILE__, __LINE__, "a thread cannot be started: out of memory or threads");
        abort();
    }
}

struct worker_list {
    struct task *head, **tail;
};

struct worker_pool {
    pthread_mutex_t mutex; /* guards the members down to `stopping` */
    pthread_cond_t wake;
    struct worker_list short_tasks, long_tasks;
    size_t depth;
    unsigned long_running;
    bool stopping;
    unsigned long_max; /* 0 = a single thread, all tasks are in one list */
    int nice_value;
    unsigned thread_count;
    pthread_t threads[];
};

/* The list whose turn it is, NULL if nothing may be run now. Mutex held. */
static struct worker_list *worker_pool_turn(struct worker_pool *pool)
{
    bool may_long = pool->long_tasks.head != NULL && pool->long_running < pool->long_max;

    CHECK(pool->long_running <= pool->long_max);
    if (may_long && (pool->long_running == 0 || pool->short_tasks.head == NULL))
        return &pool->long_tasks;
    return pool->short_tasks.head != NULL ? &pool->short_tasks : NULL;
}

/* The next task; NULL when the pool stops and none is left. `*is_long` is about the last one, then
 * about this one. */
static struct task *worker_pool_take(struct worker_pool *pool, bool *is_long)
{
    struct worker_list *list;
    struct task *task = NULL;

    pthread_mutex_lock(&pool->mutex);
    pool->long_running -= *is_long ? 1 : 0;
    while ((list = worker_pool_turn(pool)) == NULL && !(pool->stopping && pool->depth == 0))
        pthread_cond_wait(&pool->wake, &pool->mutex);
    *is_long = list == &pool->long_tasks;
    if (list != NULL) {
        task = list->head;
        list->head = task->next;
        if (list->head == NULL)
            list->tail = &list->head;
        CHECK(pool->depth > 0);
        pool->depth--;
        pool->long_running += *is_long ? 1 : 0;
    }
    if (pool->stopping)
        pthread_cond_broadcast(&pool->wake);
    else if (worker_pool_turn(pool) != NULL)
        pthread_cond_signal(&pool->wake); /* a place for a long one may have come free */
    pthread_mutex_unlock(&pool->mutex);
    return task;
}

static void *worker_pool_main(void *argument)
{
    struct worker_pool *pool = argument;
    struct task *task;
    bool is_long = false;

    /* On Linux a priority belongs to the thread. Lowering it is always allowed. */
    if (pool->nice_value != 0 && setpriority(PRIO_PROCESS, (id_t)gettid(), pool->nice_value) != 0)
        log_debug("priority of a worker cannot be set: %s", strerror(errno));
    while ((task = worker_pool_take(pool, &is_long)) != NULL)
        task->run(task);
    return NULL;
}

struct worker_pool *worker_pool_start(const char *name, unsigned threads, size_t stack_bytes,
                                      int nice_value)
{
    CHECK(threads > 0 && threads < 100000);
    struct worker_pool *pool = mem_zalloc(sizeof(*pool) + threads * sizeof(pool->threads[0]));

    CHECK(pthread_mutex_init(&pool->mutex, NULL) == 0);
    CHECK(pthread_cond_init(&pool->wake, NULL) == 0);
    pool->short_tasks.tail = &pool->short_tasks.head;
    pool->long_tasks.tail = &pool->long_tasks.head;
    pool->long_max = threads - 1;
    pool->nice_value = nice_value;
    pool->thread_count = threads;
    for (unsigned i = 0; i < threads; i++) {
        char numbered[THREAD_NAME_BYTES];
        (void)snprintf(numbered, sizeof(numbered), "%.9s-%u", name, i);
        thread_start(&pool->threads[i], numbered, stack_bytes, worker_pool_main, pool);
    }
    return pool;
}

static void worker_pool_add(struct worker_pool *pool, struct worker_list *list, struct task *task)
{
    CHECK(task != NULL && task->run != NULL);
    task->next = NULL;
    pthread_mutex_lock(&pool->mutex);
    CHECK(!pool->stopping);
    *list->tail = task;
    list->tail = &task->next;
    pool->depth++;
    pthread_cond_signal(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
}

void worker_pool_post(struct worker_pool *pool, struct task *task)
{
    worker_pool_add(pool, &pool->short_tasks, task);
}

void worker_pool_post_long(struct worker_pool *pool, struct task *task)
{
    worker_pool_add(pool, pool->long_max > 0 ? &pool->long_tasks : &pool->short_tasks, task);
}

size_t worker_pool_depth(struct worker_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    size_t depth = pool->depth;
    CHECK((depth == 0) == (pool->short_tasks.head == NULL && pool->long_tasks.head == NULL));
    pthread_mutex_unlock(&pool->mutex);
    return depth;
}

void worker_pool_stop(struct worker_pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->mutex);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
    for (unsigned i = 0; i < pool->thread_count; i++)
        CHECK(pthread_join(pool->threads[i], NULL) == 0);
    CHECK(pool->depth == 0 && pool->long_running == 0);
    (void)pthread_cond_destroy(&pool->wake);
    (void)pthread_mutex_destroy(&pool->mutex);
    mem_free(pool);
}
