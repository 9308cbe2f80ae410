/* thread.h — threads, mutex-protected hand-over queues and a worker pool.
 *
 * A `task` is intrusive: embed it, set `run`, post it; ownership moves to the queue until `run` is
 * called. Nothing here allocates per task.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct task {
    struct task *next;
    void (*run)(struct task *task); /* called once; the task is the callee's again */
};

/* Many producers, one consumer; FIFO. */
struct task_queue {
    pthread_mutex_t mutex;
    struct task *head, **tail;
};

void task_queue_init(struct task_queue *queue);
void task_queue_clear(struct task_queue *queue); /* must be empty */
/* True when the queue was empty before: the consumer may sleep and must be woken. */
bool task_queue_push(struct task_queue *queue, struct task *task);
struct task *task_queue_take(struct task_queue *queue); /* whole list in order, or NULL */

/* Starts a joinable thread with signals blocked. Name ≤ 15 bytes. Stops the process on failure. */
void thread_start(pthread_t *thread, const char *name, size_t stack_bytes, void *(*main)(void *),
                  void *argument);

/* The same; false when there is no room for another thread. */
bool thread_try_start(pthread_t *thread, const char *name, size_t stack_bytes,
                      void *(*main)(void *), void *argument);

/* Fixed set of threads that run tasks, short ones and long ones, each kind in order of posting.
 * Long tasks leave one thread to the short ones, so that these never wait until a long one ends;
 * short ones leave one to the long ones. A single thread runs all in order of posting. */
struct worker_pool;
struct worker_pool *worker_pool_start(const char *name, unsigned threads, size_t stack_bytes,
                                      int nice_value);
void worker_pool_post(struct worker_pool *pool, struct task *task);      /* short; any thread */
void worker_pool_post_long(struct worker_pool *pool, struct task *task); /* any thread */
size_t worker_pool_depth(struct worker_pool *pool);                      /* waiting tasks */
/* Runs what is queued, then joins; nothing may be posted any more. NULL is fine. */
void worker_pool_stop(struct worker_pool *pool);

#endif
