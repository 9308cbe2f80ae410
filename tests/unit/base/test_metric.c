/* test_metric.c — histograms: bounds, cumulative counts, labels.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/base/support.h"

#include "base/metric.h"

#include <string.h>

static char seen[8192];

static void visit(void *context, const struct metric *metric)
{
    size_t used = strlen(seen);

    (void)context;
    assert_string_equal(metric->family, "x_seconds");
    assert_string_equal(metric->help, "Help.");
    assert_int_equal(metric->kind, METRIC_HISTOGRAM);
    used += (size_t)snprintf(seen + used, sizeof(seen) - used, "%s", metric->name);
    for (size_t i = 0; i < METRIC_LABELS_MAX && metric->labels[i].name != NULL; i++)
        used += (size_t)snprintf(seen + used, sizeof(seen) - used, " %s=%s", metric->labels[i].name,
                                 metric->labels[i].value);
    (void)snprintf(seen + used, sizeof(seen) - used, " %g\n", metric->value);
}

static void test_metric__histogram(void **state)
{
    struct histogram histogram = {0};

    histogram_add(&histogram, -5);    /* a clock that went back */
    histogram_add(&histogram, 50000); /* a bound belongs to its bucket */
    histogram_add(&histogram, 50001);
    histogram_add(&histogram, INT64_C(20000000000)); /* beyond the last bound */
    seen[0] = 0;
    histogram_visit(&histogram, "x_seconds", "Help.", "kind", "a", visit, NULL);
    assert_non_null(strstr(seen, "x_seconds_bucket kind=a le=0.00005 2\n"));
    assert_non_null(strstr(seen, "x_seconds_bucket kind=a le=0.0001 3\n"));
    assert_non_null(strstr(seen, "x_seconds_bucket kind=a le=10 3\n"));
    assert_non_null(strstr(seen, "x_seconds_bucket kind=a le=+Inf 4\n"));
    assert_non_null(strstr(seen, "x_seconds_sum kind=a 20.0001\n"));
    assert_non_null(strstr(seen, "x_seconds_count kind=a 4\n"));
    seen[0] = 0;
    histogram_visit(&histogram, "x_seconds", "Help.", NULL, NULL, visit, NULL);
    assert_non_null(strstr(seen, "x_seconds_bucket le=0.00005 2\n"));
    assert_non_null(strstr(seen, "x_seconds_count 4\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metric__histogram),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
