/* clock.h — time, replaceable by tests. Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

int64_t clock_now_us(void);       /* µs since 1970 UTC */
int64_t clock_monotonic_ns(void); /* for durations */
int64_t clock_monotonic_ms(void);
int64_t clock_thread_cpu_us(void); /* CPU time of the calling thread */
/* `in_ms` from now, for pthread_cond_timedwait on a condition of CLOCK_MONOTONIC. */
struct timespec clock_deadline(int64_t in_ms);
void clock_cond_init(pthread_cond_t *condition); /* such a condition */
/* Tests only: the wall clock stands at `now_us` until called with -1. */
void clock_fake(int64_t now_us);

#endif
