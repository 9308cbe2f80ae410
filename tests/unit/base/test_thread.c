/* test_thread.c — queues, threads and worker pools.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/base/support.h"

#include "base/macros.h"
#include "base/thread.h"

#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

struct numbered {
    struct task task;
    int number;
};

static _Atomic int ran;
static int order[1000];

static void run_numbered(struct task *task)
{
    struct numbered *numbered = CONTAINER_OF(task, struct numbered, task);
    int place = atomic_fetch_add(&ran, 1);

    order[place % 1000] = numbered->number;
}

static void test_thread__queue_is_fifo(void **state)
{
    struct numbered tasks[3];
    struct task_queue queue;

    task_queue_init(&queue);
    assert_null(task_queue_take(&queue));
    for (int i = 0; i < 3; i++) {
        tasks[i] = (struct numbered){{.run = run_numbered}, i};
        assert_int_equal(task_queue_push(&queue, &tasks[i].task), i == 0); /* wake once */
    }
    struct task *list = task_queue_take(&queue);
    for (int i = 0; i < 3; i++, list = list->next)
        assert_ptr_equal(list, &tasks[i].task);
    assert_null(list);
    assert_true(task_queue_push(&queue, &tasks[0].task));
    assert_ptr_equal(task_queue_take(&queue), &tasks[0].task);
    task_queue_clear(&queue);
}

static void test_thread__pool_runs_everything_in_order(void **state)
{
    static struct numbered tasks[1000];
    struct worker_pool *pool = worker_pool_start("one", 1, 0, 0);

    atomic_store(&ran, 0);
    for (int i = 0; i < 1000; i++) {
        tasks[i] = (struct numbered){{.run = run_numbered}, i};
        worker_pool_post(pool, &tasks[i].task);
    }
    worker_pool_stop(pool); /* empties the queue first */
    assert_int_equal(ran, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(order[i], i);
    worker_pool_stop(NULL);
}

static pthread_barrier_t gate;

static void wait_at_gate(struct task *task)
{
    (void)task;
    pthread_barrier_wait(&gate);
}

static void test_thread__pool_threads_work_side_by_side(void **state)
{
    struct numbered meeting[3];
    struct numbered waiting[5];
    struct worker_pool *pool = worker_pool_start("three", 3, 1 << 20, 5);

    atomic_store(&ran, 0);
    pthread_barrier_init(&gate, NULL, 4);
    for (int i = 0; i < 3; i++) {
        meeting[i] = (struct numbered){{.run = wait_at_gate}, i};
        worker_pool_post(pool, &meeting[i].task);
    }
    for (int i = 0; i < 5; i++) {
        waiting[i] = (struct numbered){{.run = run_numbered}, i};
        worker_pool_post(pool, &waiting[i].task);
    }
    assert_true(worker_pool_depth(pool) >= 5); /* the three are busy until we arrive */
    pthread_barrier_wait(&gate);
    worker_pool_stop(pool);
    assert_int_equal(ran, 5);
    pthread_barrier_destroy(&gate);
}

/* Three threads: two long tasks run, the third one waits, short ones pass by. */
static void test_thread__short_tasks_never_wait_for_long_ones(void **state)
{
    struct numbered meeting[4], passing[100];
    struct worker_pool *pool = worker_pool_start("three", 3, 0, 0);

    (void)state;
    atomic_store(&ran, 0);
    pthread_barrier_init(&gate, NULL, 3); /* two of them and we */
    for (int i = 0; i < 4; i++) {
        meeting[i] = (struct numbered){{.run = wait_at_gate}, i};
        worker_pool_post_long(pool, &meeting[i].task);
    }
    for (int i = 0; i < 100; i++) {
        passing[i] = (struct numbered){{.run = run_numbered}, i};
        worker_pool_post(pool, &passing[i].task);
    }
    while (atomic_load(&ran) < 100)
        usleep(100);
    assert_int_equal(worker_pool_depth(pool), 2);
    pthread_barrier_wait(&gate); /* the first two long ones */
    pthread_barrier_wait(&gate); /* the others */
    worker_pool_stop(pool);
    pthread_barrier_destroy(&gate);
}

/* And the other way round: a long one gets its turn while the short ones never end. */
static _Atomic bool long_ran;

static void run_long(struct task *task)
{
    (void)task;
    atomic_store(&long_ran, true);
}

static struct worker_pool *again_pool;

static void run_again(struct task *task)
{
    if (!atomic_load(&long_ran))
        worker_pool_post(again_pool, task);
}

static void test_thread__long_tasks_get_their_turn(void **state)
{
    struct task again[4], last = {.run = run_long};

    (void)state;
    atomic_store(&long_ran, false);
    again_pool = worker_pool_start("two", 2, 0, 0);
    for (int i = 0; i < 4; i++) {
        again[i] = (struct task){.run = run_again};
        worker_pool_post(again_pool, &again[i]);
    }
    worker_pool_post_long(again_pool, &last);
    while (!atomic_load(&long_ran))
        usleep(100);
    while (worker_pool_depth(again_pool) > 0)
        usleep(100);
    worker_pool_stop(again_pool);
}

/* One thread has only one order. */
static void test_thread__one_thread_runs_long_tasks_in_order(void **state)
{
    static struct numbered tasks[100];
    struct worker_pool *pool = worker_pool_start("one", 1, 0, 0);

    (void)state;
    atomic_store(&ran, 0);
    for (int i = 0; i < 100; i++) {
        tasks[i] = (struct numbered){{.run = run_numbered}, i};
        (i % 3 == 0 ? worker_pool_post_long : worker_pool_post)(pool, &tasks[i].task);
    }
    worker_pool_stop(pool);
    assert_int_equal(ran, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(order[i], i);
}

static char seen_name[16];
static sigset_t seen_mask;

static void *look_around(void *argument)
{
    pthread_getname_np(pthread_self(), seen_name, sizeof(seen_name));
    pthread_sigmask(SIG_SETMASK, NULL, &seen_mask);
    return argument;
}

static void test_thread__has_name_and_no_signals(void **state)
{
    pthread_t thread;
    sigset_t own;
    void *result;
    int argument;

    thread_start(&thread, "commit", 0, look_around, &argument);
    pthread_join(thread, &result);
    assert_ptr_equal(result, &argument);
    assert_string_equal(seen_name, "commit");
    assert_true(sigismember(&seen_mask, SIGTERM));
    pthread_sigmask(SIG_SETMASK, NULL, &own);
    assert_false(sigismember(&own, SIGTERM));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thread__queue_is_fifo),
        cmocka_unit_test(test_thread__pool_runs_everything_in_order),
        cmocka_unit_test(test_thread__pool_threads_work_side_by_side),
        cmocka_unit_test(test_thread__short_tasks_never_wait_for_long_ones),
        cmocka_unit_test(test_thread__long_tasks_get_their_turn),
        cmocka_unit_test(test_thread__one_thread_runs_long_tasks_in_order),
        cmocka_unit_test(test_thread__has_name_and_no_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
