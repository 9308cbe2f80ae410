/* metric.c — histograms of durations with fixed bounds from 50 µs to 10 s.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/metric.h"

#include "base/check.h"
#include "base/macros.h"

#include <stdio.h>

static const struct {
    int64_t ns;
    const char *seconds;
} histogram_bounds[HISTOGRAM_BOUNDS] = {
    {50000, "0.00005"},  {100000, "0.0001"},  {250000, "0.00025"}, {500000, "0.0005"},
    {1000000, "0.001"},  {2500000, "0.0025"}, {5000000, "0.005"},  {10000000, "0.01"},
    {25000000, "0.025"}, {50000000, "0.05"},  {100000000, "0.1"},  {250000000, "0.25"},
    {500000000, "0.5"},  {1000000000, "1"},   {2500000000, "2.5"}, {10000000000, "10"},
};

void histogram_add(struct histogram *histogram, int64_t ns)
{
    size_t i = 0;

    CHECK(histogram != NULL);
    if (ns < 0)
        ns = 0;
    while (i < HISTOGRAM_BOUNDS && ns > histogram_bounds[i].ns)
        i++;
    atomic_fetch_add_explicit(&histogram->counts[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum_ns, (uint64_t)ns, memory_order_relaxed);
}

void histogram_visit(const struct histogram *histogram, const char *name, const char *help,
                     const char *label, const char *label_value, metric_visit visit, void *context)
{
    char part[96];
    struct metric metric = {.name = part,
                            .kind = METRIC_HISTOGRAM,
                            .labels = {{label, label_value}},
                            .help = help,
                            .family = name};
    size_t le = label != NULL ? 1 : 0;
    uint64_t count = 0;

    CHECK(visit != NULL);
    int size = snprintf(part, sizeof(part), "%s_bucket", name);
    CHECK(size > 0 && (size_t)size < sizeof(part));
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        count += atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
        metric.labels[le].name = "le";
        metric.labels[le].value = i < HISTOGRAM_BOUNDS ? histogram_bounds[i].seconds : "+Inf";
        metric.value = (double)count;
        visit(context, &metric);
    }
    metric.labels[le].name = NULL;
    (void)snprintf(part, sizeof(part), "%s_sum", name);
    metric.value = (double)atomic_load_explicit(&histogram->sum_ns, memory_order_relaxed) / 1e9;
    visit(context, &metric);
    (void)snprintf(part, sizeof(part), "%s_count", name);
    metric.value = (double)count;
    visit(context, &metric);
}
