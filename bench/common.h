/* common.h — timing and percentiles of the bench programs. Results go to stdout as one JSON object
 * per measurement.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline int64_t bench_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Numbers from here on were used by no earlier run. */
static inline int64_t bench_fresh(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static inline void bench_die(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why ? why : "failed");
    exit(1);
}

struct samples {
    int64_t *values;
    size_t count, capacity;
};

static inline void samples_add(struct samples *samples, int64_t value)
{
    if (samples->count == samples->capacity) {
        samples->capacity = samples->capacity ? samples->capacity * 2 : 4096;
        samples->values = realloc(samples->values, samples->capacity * sizeof(int64_t));
        if (!samples->values)
            bench_die("samples", "out of memory");
    }
    samples->values[samples->count++] = value;
}

static inline int samples_compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

/* In µs; sorts. */
static inline double samples_percentile(struct samples *samples, double fraction)
{
    if (samples->count == 0)
        return 0;
    qsort(samples->values, samples->count, sizeof(int64_t), samples_compare);
    return (double)samples->values[(size_t)(fraction * (double)(samples->count - 1) + 0.5)] /
           1000.0;
}

/* `more`: further members of the object, each with a comma in front, or "". */
static inline void samples_report_with(struct samples *samples, double seconds,
                                       double units_per_sample, long errors, const char *more)
{
    printf("{\"count\":%zu,\"seconds\":%.3f,\"per_second\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f,"
           "\"p999_us\":%.1f,\"errors\":%ld%s}\n",
           samples->count, seconds, (double)samples->count * units_per_sample / seconds,
           samples_percentile(samples, 0.5), samples_percentile(samples, 0.99),
           samples_percentile(samples, 0.999), errors, more);
    fflush(stdout);
}

static inline void samples_report(struct samples *samples, double seconds, double units_per_sample,
                                  long errors)
{
    samples_report_with(samples, seconds, units_per_sample, errors, "");
}

#endif
