/* jobs_metrics.c — figures of background work since the start.
 * Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "jobs/jobs_internal.h"

void jobs_count_end(struct job *job)
{
    struct jobs *jobs = job->jobs;

    CHECK(job->type < JOB_OTHER);
    if (job->status == STATUS_OK)
        atomic_fetch_add(&jobs->counts.completed[job->type], 1);
    else if (job->status == STATUS_CANCELLED)
        atomic_fetch_add(&jobs->counts.cancelled[job->type], 1);
    else
        atomic_fetch_add(&jobs->counts.failed[job->type], 1);
}

static void jobs_visit_ended(struct jobs *jobs, metric_visit visit, void *context)
{
    const struct {
        const char *status;
        const atomic_uint_fast64_t *counts;
    } groups[] = {{"completed", jobs->counts.completed},
                  {"failed", jobs->counts.failed},
                  {"cancelled", jobs->counts.cancelled}};

    CHECK(visit != NULL);
    for (int type = 0; type < JOB_OTHER; type++)
        for (size_t i = 0; i < ARRAY_COUNT(groups); i++) {
            struct metric metric = {
                .name = "jobs_ended_total",
                .kind = METRIC_COUNTER,
                .value = (double)atomic_load(&groups[i].counts[type]),
                .labels = {{"type", job_type_name((enum job_type)type)},
                           {"status", groups[i].status}},
                .help = "Background jobs that ended, by type and status.",
            };
            visit(context, &metric);
        }
}

static void jobs_visit_waiting(struct jobs *jobs, metric_visit visit, void *context)
{
    uint64_t running = 0, pending = 0;

    CHECK(pthread_mutex_lock(&jobs->mutex) == 0);
    for (const struct job *job = jobs->first; job != NULL; job = job->next) {
        running += job->state == JOB_RUNNING ? 1 : 0;
        pending += job->state != JOB_RUNNING ? 1 : 0;
    }
    CHECK(pthread_mutex_unlock(&jobs->mutex) == 0);
    const struct metric metrics[] = {
        {.name = "jobs_running",
         .kind = METRIC_GAUGE,
         .value = (double)running,
         .help = "Background jobs at work."},
        {.name = "jobs_pending",
         .kind = METRIC_GAUGE,
         .value = (double)pending,
         .help = "Background jobs that wait for a thread."},
    };
    visit(context, &metrics[0]);
    visit(context, &metrics[1]);
}

void jobs_metrics(struct jobs *jobs, metric_visit visit, void *context)
{
    const struct {
        const char *name, *help;
        const atomic_uint_fast64_t *value;
    } counters[] = {
        {"flush_rows_total", "Rows that flushes moved to cold files.", &jobs->counts.flush_rows},
        {"flush_files_total", "Cold files that flushes wrote.", &jobs->counts.flush_files},
        {"flush_bytes_total", "Bytes of cold files that flushes wrote.", &jobs->counts.flush_bytes},
        {"flush_instance_failures_total", "Instances whose flush failed; their rows stay hot.",
         &jobs->counts.flush_user_failures},
        {"compact_files_total", "Cold files that were merged into larger ones.",
         &jobs->counts.merged_files},
    };

    CHECK(jobs != NULL);
    jobs_visit_ended(jobs, visit, context);
    jobs_visit_waiting(jobs, visit, context);
    for (size_t i = 0; i < ARRAY_COUNT(counters); i++) {
        struct metric metric = {.name = counters[i].name,
                                .kind = METRIC_COUNTER,
                                .value = (double)atomic_load(counters[i].value),
                                .help = counters[i].help};
        visit(context, &metric);
    }
}
