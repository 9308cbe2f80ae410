/* loop_uv.c — the loop on libuv: accept, wake-up, the flush after each turn, the ticker.
 *
 * Others reach the loop by one queue and an eventfd, written only when the queue was empty.
 * Flushing happens after polling (check) and once more before sleeping (prepare), for what timers
 * and tasks put. A fan-out is flushed in slices; while one is left an idle handle keeps the poll
 * from sleeping.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/loop_internal.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

static void loop_idle(uv_idle_t *handle)
{
    CHECK(handle->data != NULL); /* exists only to make the poll return at once */
}

static void loop_flush_list(struct loop *loop, struct sock_list *list, unsigned count_max)
{
    for (unsigned i = 0; list->first != NULL && i < count_max; i++) {
        CHECK(list->first->loop == loop);
        sock_flush(list->first);
    }
}

static void loop_flush(struct loop *loop)
{
    loop_flush_list(loop, &loop->dirty[0], UINT32_MAX);
    loop_flush_list(loop, &loop->dirty[1], LOOP_FAN_OUT_SLICE);
    bool more = loop->dirty[1].first != NULL;
    if (more != loop->idling) {
        CHECK((more ? uv_idle_start(&loop->idle, loop_idle) : uv_idle_stop(&loop->idle)) == 0);
        loop->idling = more;
    }
}

static void loop_check(uv_check_t *handle)
{
    CHECK(handle->data != NULL);
    loop_flush(handle->data);
}

static void loop_prepare(uv_prepare_t *handle)
{
    struct loop *loop = handle->data;

    CHECK(loop != NULL);
    /* A second slice in the same turn would double its size. */
    loop_flush_list(loop, &loop->dirty[0], UINT32_MAX);
    if (!loop->idling)
        loop_flush(loop);
}

static void loop_run_inbox(struct loop *loop)
{
    struct task *task = task_queue_take(&loop->inbox);

    while (task != NULL) {
        struct task *next = task->next;
        CHECK(task->run != NULL);
        task->run(task);
        task = next;
    }
}

static void loop_woken(uv_poll_t *handle, int status, int events)
{
    struct loop *loop = handle->data;
    uint64_t count;

    CHECK(loop != NULL && events >= 0);
    (void)status;
    if (read(loop->wake_fd, &count, sizeof(count)) < 0)
        CHECK(errno == EAGAIN || errno == EINTR);
    loop->now_ms = clock_monotonic_ms();
    loop_run_inbox(loop);
}

void loop_post(struct loop *loop, struct task *task)
{
    uint64_t one = 1;

    CHECK(loop != NULL);
    if (task_queue_push(&loop->inbox, task) && write(loop->wake_fd, &one, sizeof(one)) < 0)
        CHECK(errno == EAGAIN); /* the counter is full: the loop is awake */
}

/* Refused politely: the answer fits any socket buffer, so one send is enough. */
static void loop_refuse(const struct loop *loop, int fd)
{
    struct str answer = loop->options.busy_answer;

    CHECK(fd >= 0);
    if (loop->options.tls != NULL)
        answer = STR_EMPTY; /* a client of TLS could not read it */
    if (answer.size > 0 && send(fd, answer.data, answer.size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        log_debug("a refused client did not take its answer");
    (void)shutdown(fd, SHUT_WR);
    close(fd);
}

static void loop_accept_one(struct loop *loop, int fd, const struct sockaddr *address)
{
    CHECK(fd >= 0);
    if (atomic_load(&loop->sock_count) >= loop->options.socks_max) {
        loop_count(&loop->counts.refused, 1);
        loop_refuse(loop, fd);
        return;
    }
    loop_count(&loop->counts.accepted, 1);
    struct sock *sock = sock_new(loop, fd, address);
    if (sock == NULL) {
        close(fd);
        return;
    }
    loop->options.accepted(loop->options.context, sock);
    CHECK(sock->handlers != NULL);
}

/* Nothing is left to accept with: the client would wake the loop again at once, and for ever. */
static void loop_pause_accepting(struct loop *loop, int number)
{
    CHECK(loop->accepting);
    if (loop->now_ms >= loop->warned_ms + LOOP_WARN_MS) {
        log_warn("cannot accept connections: %s", strerror(number));
        loop->warned_ms = loop->now_ms;
    }
    loop->paused_ms = loop->now_ms;
    CHECK(uv_poll_stop(&loop->listener) == 0);
}

static void loop_accept(uv_poll_t *handle, int status, int events)
{
    struct loop *loop = handle->data;

    (void)status;
    CHECK(loop != NULL && events >= 0);
    loop->now_ms = clock_monotonic_ms();
    for (int i = 0; i < LOOP_ACCEPTS_PER_TURN && loop->accepting; i++) {
        struct sockaddr_storage address;
        socklen_t size = sizeof(address);
        int fd = accept4(loop->options.listener, (struct sockaddr *)&address, &size,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                loop_pause_accepting(loop, errno);
            return;
        }
        loop_accept_one(loop, fd, (struct sockaddr *)&address);
    }
}

static void loop_tick(uv_timer_t *handle)
{
    struct loop *loop = handle->data;

    CHECK(loop != NULL);
    loop->now_ms = clock_monotonic_ms();
    if (loop->accepting && loop->paused_ms > 0 && loop->now_ms >= loop->paused_ms + LOOP_PAUSE_MS) {
        loop->paused_ms = 0;
        CHECK(uv_poll_start(&loop->listener, UV_READABLE, loop_accept) == 0);
    }
    timer_wheel_advance(&loop->wheel, loop->now_ms, sock_timer_expired);
}

static void loop_listener_closed(uv_handle_t *handle)
{
    struct loop *loop = handle->data;

    CHECK(loop->options.listener >= 0);
    close(loop->options.listener);
    loop->options.listener = -1;
}

void loop_stop_accepting(struct loop *loop)
{
    CHECK(loop != NULL);
    if (!loop->accepting)
        return;
    loop->accepting = false;
    uv_close((uv_handle_t *)&loop->listener, loop_listener_closed);
}

int64_t loop_now_ms(const struct loop *loop)
{
    CHECK(loop->now_ms > 0);
    return loop->now_ms;
}

unsigned loop_sock_count(const struct loop *loop)
{
    CHECK(loop != NULL);
    return atomic_load(&loop->sock_count);
}

unsigned loop_unsent_count(const struct loop *loop)
{
    CHECK(loop != NULL);
    return atomic_load(&loop->unsent_count);
}

/* One writer: no locked instruction. */
void loop_count(atomic_uint_fast64_t *counter, uint64_t by)
{
    CHECK(counter != NULL);
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + by,
                          memory_order_relaxed);
}

void loop_stats(const struct loop *loop, struct loop_stats *out)
{
    CHECK(out != NULL);
    *out = (struct loop_stats){
        .accepted = atomic_load_explicit(&loop->counts.accepted, memory_order_relaxed),
        .refused = atomic_load_explicit(&loop->counts.refused, memory_order_relaxed),
        .bytes_in = atomic_load_explicit(&loop->counts.bytes_in, memory_order_relaxed),
        .bytes_out = atomic_load_explicit(&loop->counts.bytes_out, memory_order_relaxed),
        .handshakes = atomic_load_explicit(&loop->counts.handshakes, memory_order_relaxed),
        .handshake_failures =
            atomic_load_explicit(&loop->counts.handshake_failures, memory_order_relaxed),
    };
}

void loop_each(struct loop *loop, void (*visit)(void *context, struct sock *sock), void *context)
{
    struct sock *next = NULL;

    CHECK(visit != NULL);
    for (struct sock *sock = loop->socks; sock != NULL; sock = next) {
        next = sock->next;
        visit(context, sock);
    }
}

/* ---- start and stop -------------------------------------------------------------------------- */

static void *loop_main(void *argument)
{
    struct loop *loop = argument;

    CHECK(!loop->stopping);
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT); /* returns when all handles are closed */
    CHECK(loop->stopping && loop->socks == NULL);
    loop_run_inbox(loop);
    return NULL;
}

static void loop_open_handles(struct loop *loop)
{
    CHECK(uv_loop_init(&loop->uv) == 0);
    CHECK(uv_poll_init(&loop->uv, &loop->wake, loop->wake_fd) == 0);
    CHECK(uv_check_init(&loop->uv, &loop->check) == 0);
    CHECK(uv_prepare_init(&loop->uv, &loop->prepare) == 0);
    CHECK(uv_idle_init(&loop->uv, &loop->idle) == 0);
    CHECK(uv_timer_init(&loop->uv, &loop->ticker) == 0);
    loop->wake.data = loop->check.data = loop->prepare.data = loop->idle.data = loop->ticker.data =
        loop;
    CHECK(uv_poll_start(&loop->wake, UV_READABLE, loop_woken) == 0);
    CHECK(uv_check_start(&loop->check, loop_check) == 0);
    CHECK(uv_prepare_start(&loop->prepare, loop_prepare) == 0);
    CHECK(uv_timer_start(&loop->ticker, loop_tick, TIMER_TICK_MS, TIMER_TICK_MS) == 0);
}

static void loop_open_listener(struct loop *loop)
{
    CHECK(loop->options.listener >= 0);
    CHECK(uv_poll_init(&loop->uv, &loop->listener, loop->options.listener) == 0);
    loop->listener.data = loop;
    CHECK(uv_poll_start(&loop->listener, UV_READABLE, loop_accept) == 0);
    loop->accepting = true;
}

enum status loop_start(const struct loop_options *options, struct loop **out, struct error *err)
{
    CHECK(options->accepted != NULL && options->socks_max > 0);
    int wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (wake_fd < 0)
        return error_set(err, STATUS_IO_FAILED, "cannot start an event loop: %s", strerror(errno));

    struct loop *loop = mem_zalloc(sizeof(*loop));
    loop->options = *options;
    loop->wake_fd = wake_fd;
    loop->now_ms = clock_monotonic_ms();
    task_queue_init(&loop->inbox);
    timer_wheel_init(&loop->wheel, loop->now_ms);
    loop_open_handles(loop);
    loop_open_listener(loop);
    thread_start(&loop->thread, options->name, 0, loop_main, loop);
    *out = loop;
    return STATUS_OK;
}

struct loop_stop_task {
    struct task task;
    struct loop *loop;
};

static void loop_stop_sock(void *context, struct sock *sock)
{
    CHECK(context == NULL);
    sock_close(sock);
}

static void loop_stop_run(struct task *task)
{
    struct loop *loop = CONTAINER_OF(task, struct loop_stop_task, task)->loop;

    CHECK(!loop->stopping);
    loop->stopping = true;
    loop_stop_accepting(loop);
    loop_each(loop, loop_stop_sock, NULL);
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_close((uv_handle_t *)&loop->check, NULL);
    uv_close((uv_handle_t *)&loop->prepare, NULL);
    uv_close((uv_handle_t *)&loop->idle, NULL);
    uv_close((uv_handle_t *)&loop->ticker, NULL);
}

void loop_stop(struct loop *loop)
{
    if (loop == NULL)
        return;
    struct loop_stop_task stop = {.task = {.run = loop_stop_run}, .loop = loop};
    loop_post(loop, &stop.task);
    CHECK(pthread_join(loop->thread, NULL) == 0);
    CHECK(uv_loop_close(&loop->uv) == 0);
    task_queue_clear(&loop->inbox);
    close(loop->wake_fd);
    mem_free(loop);
}
