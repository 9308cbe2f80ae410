/* job.c — one job on its worker: row `running` before any work, the work, row with the outcome.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "jobs/jobs_internal.h"
#include "storage/files.h"
#include "store/ddl.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum { JOB_PROGRESS_EVERY_MS = 1000, JOB_ID_NAME_BYTES = 48 };

const char *job_type_name(enum job_type type)
{
    switch (type) {
    case JOB_FLUSH:
        return "flush";
    case JOB_TABLE_DELETION:
        return "table_deletion";
    case JOB_CLEANUP:
        return "job_cleanup";
    case JOB_USER_CLEANUP:
        return "user_cleanup";
    case JOB_COMPACT:
        return "compact";
    case JOB_STREAM_EVICTION:
        return "stream_eviction";
    case JOB_BACKUP:
        return "backup";
    case JOB_RESTORE:
        return "restore";
    case JOB_OTHER:
        return "other";
    }
    UNREACHABLE("job type");
}

static void job_set_text(char *out, size_t size, struct str text)
{
    size_t length = text.size < size ? text.size : size - 1;

    CHECK(size > 0);
    if (length > 0)
        memcpy(out, text.data, length);
    out[length] = '\0';
}

/* What the job is about, in its id. */
static const char *job_id_name(const struct job *job)
{
    CHECK(job->id.text[0] == '\0');
    return job->type == JOB_BACKUP || job->type == JOB_RESTORE ? job->space : job->name;
}

struct job *job_new(struct jobs *jobs, enum job_type type, struct table_id table, struct str space,
                    struct str name)
{
    struct job *job = mem_zalloc(sizeof(*job));
    uint32_t random;

    CHECK(jobs != NULL);
    job->jobs = jobs;
    job->type = type;
    job->table = table;
    job_set_text(job->type_name, sizeof(job->type_name), str_from_c(job_type_name(type)));
    job->created_at = clock_now_us();
    map_init(&job->due);
    job_set_text(job->space, sizeof(job->space), space);
    job_set_text(job->name, sizeof(job->name), name);
    id_random(&random, sizeof(random));
    (void)snprintf(job->id.text, sizeof(job->id.text), "%s-%.*s%s%lld-%08x", job_type_name(type),
                   JOB_ID_NAME_BYTES, job_id_name(job), job_id_name(job)[0] != '\0' ? "-" : "",
                   (long long)(job->created_at / 1000), random);
    return job;
}

void job_free(struct job *job)
{
    CHECK(job != NULL);
    map_clear(&job->due);
    mem_free(job->path);
    mem_free(job);
}

static void job_append(char *text, const char *format, ...) PRINTF_LIKE(2, 3);
static void job_append(char *text, const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;

    CHECK(used < JOB_TEXT_BYTES);
    va_start(args, format);
    (void)vsnprintf(text + used, JOB_TEXT_BYTES - used, format, args);
    va_end(args);
}

/* ---- the work
 * ------------------------------------------------------------------------------------- */

static void job_flush_progress(void *context, uint64_t users, uint64_t rows, uint64_t bytes)
{
    struct job *job = context;
    int64_t now_ms = clock_monotonic_ms();
    struct error err;

    CHECK(job->type == JOB_FLUSH || job->type == JOB_COMPACT);
    (void)snprintf(job->progress, sizeof(job->progress), "%llu rows, %llu users, %llu bytes",
                   (unsigned long long)rows, (unsigned long long)users, (unsigned long long)bytes);
    if (now_ms - job->progress_saved_ms < JOB_PROGRESS_EVERY_MS)
        return;
    job->progress_saved_ms = now_ms;
    if (job_row_save(job, "running", &err) != STATUS_OK)
        log_warn("progress of job %s: %s", job->id.text, err.message);
}

static void job_count_flush(struct jobs *jobs, const struct flush_result *result)
{
    CHECK(result != NULL);
    atomic_fetch_add(&jobs->counts.flush_rows, result->rows);
    atomic_fetch_add(&jobs->counts.flush_files, result->files);
    atomic_fetch_add(&jobs->counts.flush_bytes, result->bytes);
    atomic_fetch_add(&jobs->counts.flush_user_failures, result->users_failed);
}

/* Of the users that are due now. */
static enum status job_flush_due(struct job *job, struct flush_options *options,
                                 struct flush_result *result, struct error *err)
{
    struct arena arena;
    struct str *users;

    arena_init(&arena, 0);
    memset(result, 0, sizeof(*result));
    enum status status = job_due_list(job, &arena, &users, &options->user_count, err);
    options->users = users;
    CHECK(options->user_count == 0 || users != NULL);
    if (status == STATUS_OK && options->user_count > 0)
        status = flush_table(job->jobs->store, options, result, err);
    arena_clear(&arena);
    return status;
}

/* A flush or compaction of the job's table; `took_ms` is told in the result. */
static enum status job_flush_run(struct job *job,
                                 enum status (*run)(struct store *store,
                                                    const struct flush_options *options,
                                                    struct flush_result *result, struct error *err),
                                 struct flush_result *result, long long *took_ms, struct error *err)
{
    struct flush_options options = {
        .table = job->table,
        .user = str_from_c(job->user),
        .all_users = job->all_users || job->type == JOB_COMPACT,
        .with_shadows = job->with_shadows,
        .job_id = str_from_c(job->id.text),
        .cancelled = &job->cancelled,
        .progress = job_flush_progress,
        .progress_context = job,
    };
    int64_t start_ms = clock_monotonic_ms();

    job->progress_saved_ms = start_ms;
    files_set_cancelled(&job->cancelled);
    enum status status = job->due_users ? job_flush_due(job, &options, result, err)
                                        : run(job->jobs->store, &options, result, err);
    files_set_cancelled(NULL);
    *took_ms = clock_monotonic_ms() - start_ms;
    job->memory_bytes = (int64_t)result->memory_bytes;
    CHECK(status != STATUS_END);
    return status;
}

/* One user that failed fails the job; the others' part stays. */
static enum status job_flush_end(struct job *job, const struct flush_result *result,
                                 enum status status, struct error *err)
{
    CHECK(job->result[0] != '\0');
    if (status != STATUS_OK || result->users_failed == 0)
        return status;
    job_append(job->result, "; %llu users failed", (unsigned long long)result->users_failed);
    *err = result->first_error;
    return result->first_error.code;
}

static enum status job_flush(struct job *job, struct error *err)
{
    struct flush_result result;
    long long took_ms;
    enum status status = job_flush_run(job, flush_table, &result, &took_ms, err);

    CHECK(job->type == JOB_FLUSH);
    (void)snprintf(job->result, sizeof(job->result),
                   "%llu rows, %llu users, %llu files, %llu bytes%s%s, %lld ms",
                   (unsigned long long)result.rows, (unsigned long long)result.users,
                   (unsigned long long)result.files, (unsigned long long)result.bytes,
                   result.location[0] != '\0' ? ", location " : "", result.location, took_ms);
    job_count_flush(job->jobs, &result);
    job->compaction_due = result.segments_max >= COMPACT_SEGMENTS;
    return job_flush_end(job, &result, status, err);
}

static enum status job_compact(struct job *job, struct error *err)
{
    struct flush_result result;
    long long took_ms;
    enum status status = job_flush_run(job, compact_table, &result, &took_ms, err);

    CHECK(job->type == JOB_COMPACT);
    (void)snprintf(job->result, sizeof(job->result),
                   "%llu rows, %llu users, %llu files merged into %llu, %llu bytes, %lld ms",
                   (unsigned long long)result.rewritten_rows, (unsigned long long)result.instances,
                   (unsigned long long)result.replaced_files, (unsigned long long)result.files,
                   (unsigned long long)result.bytes, took_ms);
    atomic_fetch_add(&job->jobs->counts.merged_files, result.replaced_files);
    job->compaction_due = status == STATUS_OK && result.users_failed == 0;
    return job_flush_end(job, &result, status, err);
}

static enum status job_table_deletion(struct job *job, struct error *err)
{
    struct drop_result result = {0};
    files_set_cancelled(&job->cancelled);
    enum status status =
        ddl_drop_table_files(job->jobs->store, job->table, &job->cancelled, &result, err);
    files_set_cancelled(NULL);

    CHECK(job->table.value > 0);
    (void)snprintf(job->result, sizeof(job->result), "%llu files, %llu bytes deleted",
                   (unsigned long long)result.files, (unsigned long long)result.bytes);
    if (result.failed > 0)
        job_append(job->result, "; %llu files are left", (unsigned long long)result.failed);
    if (status == STATUS_OK && result.failed > 0)
        return error_set(err, STATUS_STORAGE_UNAVAILABLE, "%llu files could not be deleted",
                         (unsigned long long)result.failed);
    return status;
}

static enum status job_work(struct job *job, struct error *err)
{
    CHECK(job->state == JOB_RUNNING);
    switch (job->type) {
    case JOB_FLUSH:
        return job_flush(job, err);
    case JOB_TABLE_DELETION:
        return job_table_deletion(job, err);
    case JOB_CLEANUP:
        return job_cleanup(job, err);
    case JOB_USER_CLEANUP:
        return job_user_cleanup(job, err);
    case JOB_COMPACT:
        return job_compact(job, err);
    case JOB_BACKUP:
    case JOB_RESTORE:
        return job_backup(job, err);
    case JOB_STREAM_EVICTION: /* the commit thread's work: only its rows are written here */
    case JOB_OTHER:
        break;
    }
    UNREACHABLE("job type");
}

/* ---- around it
 * ------------------------------------------------------------------------------------ */

/* The row must exist before any work. */
static bool job_begin(struct job *job)
{
    char thread[16] = "";

    (void)pthread_getname_np(pthread_self(), thread, sizeof(thread));
    CHECK(job->started_at == 0 || job->resumed);
    job->started_at = clock_now_us();
    if (job->resumed)
        job_append(job->trace, "; resumed after a restart as ");
    job_append(job->trace, "%s:%s:%d", job->jobs->node, thread, (int)gettid());
    job->status = job_row_save(job, "running", &job->err);
    if (job->status != STATUS_OK) {
        log_warn("job %s cannot start: %s", job->id.text, job->err.message);
        return false;
    }
    job->row_written = job->begun = true;
    log_debug("job %s begins", job->id.text);
    return true;
}

static const char *job_end(struct job *job, enum status status, const struct error *err)
{
    job->completed_at = clock_now_us();
    CHECK(job->completed_at > 0);
    if (status == STATUS_OK)
        return "completed";
    (void)snprintf(job->error_message, sizeof(job->error_message), "%s", err->message);
    return status == STATUS_CANCELLED ? "cancelled" : "failed";
}

static enum status job_run_work(struct job *job)
{
    int64_t cpu_us = clock_thread_cpu_us();
    struct error err;

    error_clear(&err);
    enum status status = atomic_load(&job->cancelled)
                             ? error_set(&err, STATUS_CANCELLED, "the job was cancelled")
                             : job_work(job, &err);
    job->cpu_us += clock_thread_cpu_us() - cpu_us;
    CHECK(job->cpu_us >= 0);
    job->err = err;
    return status;
}

void job_run(struct job *job)
{
    struct error err;

    if (!job->begun && !job_begin(job))
        return;
    job->status = job_run_work(job);
    if (job->status == STATUS_CANCELLED && job->type == JOB_TABLE_DELETION && !job->killed) {
        job->status = STATUS_WOULD_BLOCK; /* by a stop: the next start goes on */
        if (job_row_save(job, "pending", &err) != STATUS_OK)
            log_warn("job %s waits for the next start: %s", job->id.text, err.message);
    }
    if (job->status == STATUS_WOULD_BLOCK)
        return;
    atomic_store(&job->worked, true); /* before its row can say so */
    const char *outcome = job_end(job, job->status, &job->err);
    jobs_count_end(job);
    log_info("job %s %s: %s%s%s", job->id.text, outcome, job->result,
             job->error_message[0] != '\0' ? "; " : "", job->error_message);
    CHECK(job->completed_at > 0);
    if (job_row_save(job, outcome, &err) != STATUS_OK)
        log_warn("outcome of job %s: %s", job->id.text, err.message);
    (void)FAULT(job_after_row);
}
