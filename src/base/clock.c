/* clock.c — the only reader of the system's clocks, so that tests can stand still.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/clock.h"

#include "base/check.h"

#include <stdatomic.h>

static _Atomic int64_t clock_fake_us = -1; /* -1: the real clock */

static int64_t clock_read_ns(clockid_t id)
{
    struct timespec now;

    CHECK(clock_gettime(id, &now) == 0);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clock_now_us(void)
{
    int64_t fake = atomic_load_explicit(&clock_fake_us, memory_order_relaxed);

    return fake >= 0 ? fake : clock_read_ns(CLOCK_REALTIME) / 1000;
}

int64_t clock_monotonic_ns(void)
{
    int64_t now_ns = clock_read_ns(CLOCK_MONOTONIC);

    CHECK(now_ns >= 0);
    return now_ns;
}

int64_t clock_monotonic_ms(void)
{
    return clock_monotonic_ns() / 1000000;
}

int64_t clock_thread_cpu_us(void)
{
    int64_t used_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID);

    CHECK(used_ns >= 0);
    return used_ns / 1000;
}

struct timespec clock_deadline(int64_t in_ms)
{
    CHECK(in_ms >= 0);
    int64_t at_ns = clock_monotonic_ns() + in_ms * 1000000;
    return (struct timespec){.tv_sec = (time_t)(at_ns / 1000000000),
                             .tv_nsec = (long)(at_ns % 1000000000)};
}

void clock_cond_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;

    CHECK(pthread_condattr_init(&attributes) == 0);
    CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(condition, &attributes) == 0);
    (void)pthread_condattr_destroy(&attributes);
}

void clock_fake(int64_t now_us)
{
    CHECK(now_us >= -1);
    atomic_store(&clock_fake_us, now_us);
}
