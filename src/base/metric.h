/* metric.h — one figure of the running server, as /metrics and system.metrics show it.
 *
 * Nobody stores metrics: each module counts in its own words, and whoever wants to show figures
 * walks through all of them with a visitor. docs/operations.md lists every name; a test compares.
 * Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };
enum { METRIC_LABELS_MAX = 4 };

struct metric {
    const char *name; /* without the product's prefix: "commits_total" */
    enum metric_kind kind;
    double value;
    struct {
        const char *name, *value; /* plain words: letters, digits, _ - . / + */
    } labels[METRIC_LABELS_MAX];  /* the first without a name ends them */
    const char *help;             /* one sentence, the same for all metrics of a name */
    const char *family;           /* of a part of a histogram: its name; else NULL */
};

/* Metrics of one name, or of one histogram, come one after the other. Everything is borrowed during
 * the call. */
typedef void (*metric_visit)(void *context, const struct metric *metric);

/* How long something took: counts by upper bound, for percentiles. Any thread adds. */
enum { HISTOGRAM_BOUNDS = 16 };
struct histogram { /* zeroed = empty */
    atomic_uint_fast64_t counts[HISTOGRAM_BOUNDS + 1];
    atomic_uint_fast64_t sum_ns;
};
void histogram_add(struct histogram *histogram, int64_t ns);
/* Its parts `name_bucket` with label le, `name_sum` in seconds, `name_count`; `label` NULL = no
 * other label. */
void histogram_visit(const struct histogram *histogram, const char *name, const char *help,
                     const char *label, const char *label_value, metric_visit visit, void *context);

#endif
