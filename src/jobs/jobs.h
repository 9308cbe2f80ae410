/* jobs.h — background work: a persisted queue, worker threads at low priority, cancellation,
 * figures.
 *
 * The row in system.jobs is the truth: it is written `running` with parameters before any work, and
 * finished with result, counts, CPU time and peak memory. A job left pending or running by a crash
 * is taken up again, three times at most when it was running, or failed (backup, restore).
 * Thread: any, blocking where said.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef JOBS_JOBS_H
#define JOBS_JOBS_H

#include "base/error.h"
#include "store/backup.h"
#include "store/store.h"

struct jobs;

struct jobs_options {
    struct store *store;
    unsigned flush_threads;   /* flush.max_concurrent_jobs */
    struct str node;          /* name of this server */
    struct str version;       /* of this server, for backups */
    unsigned retention_days;  /* jobs.retention_days; rows of finished jobs older than this go, 0 =
                                 never */
    unsigned user_grace_days; /* users.deletion_grace_period_days */
    struct str cleanup_schedule; /* jobs.cleanup_schedule, valid; empty = never */
};

/* Recovers jobs of the last run, starts the threads. */
enum status jobs_start(const struct jobs_options *options, struct jobs **out,
                       struct error *err) MUST_CHECK;
/* Cancels what runs, joins. Flushing at shutdown is jobs_flush_all before it. */
void jobs_stop(struct jobs *jobs);

struct job_id {
    char text[96];
};
/* Starts a flush of a table (user empty and all_users: every instance); a pending or running flush
 * of the same table gives its id and `existing`. Returns when the job row is durable: blocking,
 * workers only. */
enum status jobs_flush(struct jobs *jobs, struct table_id table, struct str user, bool all_users,
                       bool with_shadows, struct job_id *id, bool *existing,
                       struct error *err) MUST_CHECK;
/* From the commit thread's flush_due: the user has rows enough for the row policy. Never blocks. */
void jobs_flush_post(struct jobs *jobs, struct table_id table, struct str user);
/* Drops the files of a dropped table as job `table_deletion`. Blocking until the job row is
 * durable. */
enum status jobs_drop_table(struct jobs *jobs, struct table_id table, struct str space,
                            struct str name, struct job_id *id, struct error *err) MUST_CHECK;
/* BACKUP and RESTORE of a namespace. Returns when the job row is durable or, with `wait`, when the
 * job has ended, with its failure. `cancelled` (may be NULL) ends the waiting, not the job. */
struct jobs_backup {
    bool restore, wait;
    struct str space, path;
    const atomic_bool *cancelled;
};
struct jobs_backup_result {
    struct job_id id;
    struct backup_result figures; /* of an awaited one */
    int64_t duration_ms;
};
enum status jobs_backup(struct jobs *jobs, const struct jobs_backup *request,
                        struct jobs_backup_result *result, struct error *err) MUST_CHECK;
/* Asks for one of the daily jobs now: job_cleanup, user_cleanup. Does not wait. */
void jobs_clean(struct jobs *jobs);
/* Shutdown: flushes every table with buffered rows, waits at most `timeout_ms`. */
enum status jobs_flush_all(struct jobs *jobs, int timeout_ms, struct error *err) MUST_CHECK;
/* Blocks until no flush of the table runs (DROP), or `check`, asked now and then, does not say OK.
 * `check` may be NULL. */
enum status jobs_cancel_table(struct jobs *jobs, struct table_id table,
                              enum status (*check)(void *context, struct error *err), void *context,
                              struct error *err) MUST_CHECK;
/* Jobs by type and status, what flushes wrote. Any thread. */
void jobs_metrics(struct jobs *jobs, metric_visit visit, void *context);
/* JOB_NOT_FOUND, INVALID_OPERATION naming its status. */
enum status jobs_kill(struct jobs *jobs, struct str id, struct error *err) MUST_CHECK;

#endif
