/* jobs_internal.h — what the files of jobs/ share. Private to jobs/.
 *
 * States of a job in memory (its row in system.jobs says the same one step later at most):
 *
 *                   ┌ WOULD_BLOCK ┐
 *                   ▼             │
 *   PREPARING ─► PENDING ─► RUNNING ─► gone
 *       │            └─ killed ──────► gone
 *       └─ row could not be written ─► gone
 *
 * A job that must wait for readers gives its thread back (`postponed`): its row goes on saying
 * `running`, the timer lets it try again.
 *
 * A table has at most one RUNNING job (FLUSH_ALONE), or one that holds its slot for a while; jobs
 * start in the order they came.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef JOBS_JOBS_INTERNAL_H
#define JOBS_JOBS_INTERNAL_H

#include "base/map.h"
#include "base/schedule.h"
#include "base/thread.h"
#include "jobs/jobs.h"
#include "store/flush.h"

/* JOB_OTHER: a row of a kind this folder does not run; it can only be ended. */
enum job_type {
    JOB_FLUSH,
    JOB_TABLE_DELETION,
    JOB_CLEANUP,
    JOB_USER_CLEANUP,
    JOB_COMPACT,
    JOB_STREAM_EVICTION,
    JOB_BACKUP,
    JOB_RESTORE,
    JOB_OTHER
};
enum job_state { JOB_PREPARING, JOB_PENDING, JOB_RUNNING };

enum { JOB_USER_BYTES = 256, JOB_NAME_BYTES = 128, JOB_TEXT_BYTES = 1024 };
enum { JOB_RETRIES_MAX = 3 }; /* of a job that ran when the server ended without a stop */

/* Somebody who waits for the end of a job; jobs->mutex. */
struct job_waiter {
    bool done;
    enum status status;
    struct error err;
    struct backup_result figures;
};

/* Names are copied, so that a job survives its table. */
struct job {
    struct task task;
    struct job *next; /* jobs->first, in order of arrival */
    struct jobs *jobs;
    struct job_id id;
    enum job_type type;
    char type_name[32]; /* as in the row */
    enum job_state state;
    struct table_id table;
    struct table_id held; /* another table it has the slot of just now; jobs->mutex */
    char space[JOB_NAME_BYTES], name[JOB_NAME_BYTES], user[JOB_USER_BYTES];
    bool all_users, with_shadows;
    bool due_users; /* a flush by the row policy: of `due`; resumed, of all who are due then */
    struct map due; /* set of users; grows until the job begins; jobs->mutex */
    char *path;     /* BACKUP, RESTORE; owned */
    struct job_waiter *waiter; /* borrowed, NULL; jobs->mutex */
    struct backup_result figures;
    enum status status; /* of its work */
    struct error err;
    bool compaction_due; /* its flush left an instance with many segments */
    bool resumed;        /* left over from the last run */
    bool row_written;    /* the row in system.jobs exists */
    bool begun;          /* it says `running` */
    bool postponed;      /* until the timer's next tick; jobs->mutex */
    atomic_bool cancelled;
    atomic_bool worked; /* nothing but its row is left to write: it does no more for others */
    bool killed;        /* by KILL JOB, not by DROP or a stop; jobs->mutex */
    /* figures and texts of the row */
    int64_t created_at, started_at, completed_at; /* µs, 0 = NULL */
    int64_t cpu_us, memory_bytes;
    int retries; /* starts of the server that found it running */
    char trace[JOB_TEXT_BYTES], progress[JOB_TEXT_BYTES], result[JOB_TEXT_BYTES];
    char error_message[JOB_TEXT_BYTES];
    int64_t progress_saved_ms;
};

struct jobs {
    struct store *store;
    char node[JOB_NAME_BYTES], version[JOB_NAME_BYTES];
    unsigned threads, retention_days, user_grace_days;
    struct schedule cleanup_schedule;
    struct worker_pool *pool;
    pthread_t timer;
    pthread_mutex_t mutex;  /* guards what follows */
    pthread_cond_t changed; /* a job went, or the jobs stop */
    struct job *first;
    struct { /* since the start; jobs_metrics.c */
        atomic_uint_fast64_t completed[JOB_OTHER], failed[JOB_OTHER], cancelled[JOB_OTHER];
        atomic_uint_fast64_t flush_rows, flush_files, flush_bytes, flush_user_failures;
        atomic_uint_fast64_t merged_files;
    } counts;
    unsigned running;
    bool stopping;
    atomic_bool closing;         /* the last flush before the stop: nothing else begins */
    struct map timers;           /* jobs_timer.c */
    pthread_mutex_t timer_mutex; /* guards `timers` */
    struct map due_tables;       /* jobs_due.c; mutex */
    struct map due_given_up;     /* jobs_due.c; mutex */
    struct map due_limits;       /* jobs_due.c, the timer thread's own … */
    uint64_t due_catalog;        /* … of this version */
    struct map streams;          /* jobs_stream.c, the timer thread's own */
};

/* job.c */
const char *job_type_name(enum job_type type);
struct job *job_new(struct jobs *jobs, enum job_type type, struct table_id table, struct str space,
                    struct str name);
void job_free(struct job *job);
/* Runs on a worker: the row, the work, the row again. Left with WOULD_BLOCK it has not ended. */
void job_run(struct job *job);

/* jobs_metrics.c */
void jobs_count_end(struct job *job); /* it has ended with job->status */

/* job_row.c: the row of system.jobs. `status` is one of pending, running, completed, failed,
 * cancelled. */
enum status job_row_save(struct job *job, const char *status, struct error *err) MUST_CHECK;
/* Rows of several jobs in one commit. */
enum status job_row_save_all(struct jobs *jobs, struct job *const *list, size_t count,
                             const char *status, struct error *err) MUST_CHECK;
/* Hands over every job that the last run left pending or running; the callee owns it. */
enum status job_row_each_unfinished(struct jobs *jobs, void (*visit)(struct job *job),
                                    struct error *err) MUST_CHECK;
/* ABSENT if there is no such row; else its status text, in `out` (16 bytes). */
enum status job_row_status(struct jobs *jobs, struct str id, char out[16],
                           struct error *err) MUST_CHECK;
/* The work of a job: deletes the rows of jobs that ended before `before_us`. */
enum status job_row_cleanup(struct job *job, int64_t before_us, uint64_t *rows,
                            struct error *err) MUST_CHECK;
/* When the newest job_cleanup that has completed began, µs; without one the oldest job; 0 if there
 * is no job. */
enum status job_row_last_cleanup(struct jobs *jobs, int64_t *at_us, struct error *err) MUST_CHECK;

/* jobs_clean.c: the work of the daily jobs. */
enum status job_cleanup(struct job *job, struct error *err) MUST_CHECK;
enum status job_user_cleanup(struct job *job, struct error *err) MUST_CHECK;

/* jobs_due.c */
bool job_flushes_user(const struct job *job, struct str user);
/* Who of the job's users is due now; in the arena. */
enum status job_due_list(const struct job *job, struct arena *arena, struct str **users,
                         size_t *count, struct error *err) MUST_CHECK;
/* Its flush ended well: rows that came meanwhile may already be enough for the next one. */
void jobs_due_again(struct job *job);
/* It ended badly, or will not begin. The mutex is held. */
void jobs_due_failed(const struct job *job);
/* The server ended whenever a flush or compaction of the table ran: for an hour none begins by
 * itself. Or, without `given_up`, one has ended well. */
void jobs_due_give_up(struct jobs *jobs, struct table_id table, enum job_type type, bool given_up);
bool jobs_due_is_given_up(struct jobs *jobs, struct table_id table, enum job_type type);
void jobs_due_tick(struct jobs *jobs); /* on the timer's thread */
void jobs_due_clear(struct jobs *jobs);

/* jobs_stream.c: on the timer's thread */
void jobs_stream_tables(struct jobs *jobs, uint64_t tick);
void jobs_stream_clear(struct jobs *jobs);

/* job_backup.c */
enum status job_backup(struct job *job, struct error *err) MUST_CHECK;

/* jobs.c */
/* Enters a new job, makes its row durable, lets it start; takes the job. `existing`: a flush that
 * does the same is there already, `id` is its. */
enum status jobs_submit(struct jobs *jobs, struct job *job, struct job_id *id, bool *existing,
                        struct error *err) MUST_CHECK;
/* Takes the slot of a table for a running job: waits until no other job of it runs. CANCELLED. */
enum status jobs_hold_table(struct job *job, struct table_id table, struct error *err) MUST_CHECK;
void jobs_release_table(struct job *job);
void jobs_append(struct jobs *jobs, struct job *job);  /* takes the job; the mutex is held */
void jobs_retry(struct jobs *jobs);                    /* lets postponed jobs start */
void jobs_enqueue(struct jobs *jobs, struct job *job); /* takes the job; drops it when stopping */
/* jobs_timer.c */
/* All of the table was flushed just now: its interval starts anew. */
void jobs_timer_reset(struct jobs *jobs, struct table_id table);
void *jobs_timer_main(void *argument);
void jobs_timer_clear(struct jobs *jobs);

#endif
