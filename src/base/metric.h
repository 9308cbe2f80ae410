/* metric.h — one figure of the running server, as /metrics and system.metrics show it.
 *
 * Nobody stores metrics: each module counts in its own words, and whoever wants to show figures
 * walks through all of them with a visitor. Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE };
enum { METRIC_LABELS_MAX = 4 };

struct metric {
    const char *name; /* without the product's prefix: "commits_total" */
    enum metric_kind kind;
    double value;
    struct {
        const char *name, *value; /* plain words: letters, digits, _ - . / */
    } labels[METRIC_LABELS_MAX];  /* the first without a name ends them */
};

/* Metrics of one name come one after the other. Everything is borrowed during the call. */
typedef void (*metric_visit)(void *context, const struct metric *metric);

#endif
