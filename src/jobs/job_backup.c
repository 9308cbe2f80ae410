/* job_backup.c — BACKUP and RESTORE of a namespace as jobs, and waiting for them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "jobs/jobs_internal.h"
#include "storage/files.h"

#include <stdio.h>
#include <time.h>

enum { JOB_BACKUP_PROGRESS_MS = 1000, JOB_BACKUP_WAIT_MS = 200 };

static void job_backup_progress(void *context, uint64_t files, uint64_t rows, uint64_t bytes)
{
    struct job *job = context;
    int64_t now_ms = clock_monotonic_ms();
    struct error err;

    CHECK(job->type == JOB_BACKUP || job->type == JOB_RESTORE);
    (void)snprintf(job->progress, sizeof(job->progress), "%llu files, %llu rows, %llu bytes",
                   (unsigned long long)files, (unsigned long long)rows, (unsigned long long)bytes);
    if (now_ms - job->progress_saved_ms < JOB_BACKUP_PROGRESS_MS)
        return;
    job->progress_saved_ms = now_ms;
    if (job_row_save(job, "running", &err) != STATUS_OK)
        log_warn("progress of job %s: %s", job->id.text, err.message);
}

enum status job_backup(struct job *job, struct error *err)
{
    struct backup_options options = {
        .space = str_from_c(job->space),
        .target = str_from_c(job->path),
        .job_id = str_from_c(job->id.text),
        .version = str_from_c(job->jobs->version),
        .cancelled = &job->cancelled,
        .progress = job_backup_progress,
        .progress_context = job,
    };
    struct backup_result *result = &job->figures;
    struct store *store = job->jobs->store;
    int64_t start_ms = clock_monotonic_ms();
    enum status status;

    job->progress_saved_ms = start_ms;
    files_set_cancelled(&job->cancelled);
    status = job->type == JOB_BACKUP ? backup_run(store, &options, result, err)
                                     : restore_run(store, &options, result, err);
    files_set_cancelled(NULL);
    CHECK(status != STATUS_END);
    job_backup_progress(job, result->files, result->rows, result->bytes);
    job->memory_bytes = (int64_t)result->memory_bytes;
    (void)snprintf(job->result, sizeof(job->result),
                   "%llu tables, %llu files, %llu rows, %llu bytes, as of %lld, %lld ms",
                   (unsigned long long)result->tables, (unsigned long long)result->files,
                   (unsigned long long)result->rows, (unsigned long long)result->bytes,
                   (long long)result->as_of_seq, (long long)(clock_monotonic_ms() - start_ms));
    return status;
}

/* ---- asking for one
 * ------------------------------------------------------------------------------- */

/* The job may be gone already when the waiter is done, so only the waiter is looked at. */
static enum status jobs_backup_wait(struct jobs *jobs, const struct jobs_backup *request,
                                    struct job_waiter *waiter, const char *id, struct error *err)
{
    struct timespec until;
    bool leave = false;

    pthread_mutex_lock(&jobs->mutex);
    while (!waiter->done && !leave) {
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += JOB_BACKUP_WAIT_MS * 1000000L;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        (void)pthread_cond_timedwait(&jobs->changed, &jobs->mutex, &until);
        leave = request->cancelled != NULL && atomic_load(request->cancelled);
    }
    for (struct job *job = jobs->first; job != NULL && !waiter->done; job = job->next)
        if (job->waiter == waiter)
            job->waiter = NULL;
    bool done = waiter->done;
    pthread_mutex_unlock(&jobs->mutex);
    if (!done)
        return error_set(err, STATUS_CANCELLED, "job %s goes on alone", id);
    CHECK(waiter->status != STATUS_END);
    if (waiter->status != STATUS_OK)
        *err = waiter->err;
    return waiter->status;
}

enum status jobs_backup(struct jobs *jobs, const struct jobs_backup *request,
                        struct jobs_backup_result *result, struct error *err)
{
    struct job *job = job_new(jobs, request->restore ? JOB_RESTORE : JOB_BACKUP,
                              (struct table_id){0}, request->space, STR_EMPTY);
    struct job_waiter waiter = {.done = false};
    int64_t start_ms = clock_monotonic_ms();
    bool existing;

    CHECK(request->space.size > 0 && request->path.size > 0);
    memset(result, 0, sizeof(*result));
    job->path = mem_strdup(request->path);
    if (request->wait)
        job->waiter = &waiter;
    enum status status = jobs_submit(jobs, job, &result->id, &existing, err);
    if (status == STATUS_OK && request->wait)
        status = jobs_backup_wait(jobs, request, &waiter, result->id.text, err);
    result->figures = waiter.figures;
    result->duration_ms = clock_monotonic_ms() - start_ms;
    return status;
}
