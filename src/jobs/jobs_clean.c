/* jobs_clean.c — the daily jobs: old rows of system.jobs, and users whose grace period is over with
 * all they own.
 *
 * A user goes table by table, each under the slot of that table, so that no flush works on rows
 * that vanish; the user's own row goes last. Cut short, the next day goes on where it ended.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "jobs/jobs_internal.h"
#include "store/ddl.h"

#include <stdio.h>

enum status job_cleanup(struct job *job, struct error *err)
{
    const int64_t day_us = INT64_C(86400000000);
    uint64_t rows = 0;

    if (job->jobs->retention_days == 0) {
        (void)snprintf(job->result, sizeof(job->result), "job rows are kept for ever");
        return STATUS_OK;
    }
    enum status status =
        job_row_cleanup(job, clock_now_us() - job->jobs->retention_days * day_us, &rows, err);
    (void)snprintf(job->result, sizeof(job->result), "%llu job rows deleted",
                   (unsigned long long)rows);
    CHECK(status != STATUS_END);
    return status;
}

/* ---- users
 * ---------------------------------------------------------------------------------------- */

struct clean_users {
    struct job *job;
    struct arena arena;
    struct str *ids;
    size_t count;
    int64_t before_us; /* deleted before this */
    uint64_t users, rows;
    struct drop_result files;
};

static void clean_users_find(struct clean_users *clean)
{
    struct view *view = view_acquire(clean->job->jobs->store);
    const struct user *user;
    size_t capacity = 0;

    for (size_t i = 0; (user = catalog_user_at(view_catalog(view), i)) != NULL; i++) {
        if (user->deleted_at == 0 || user->deleted_at >= clean->before_us)
            continue;
        if (clean->count == capacity) {
            size_t bigger = 2 * capacity + 16;
            clean->ids = arena_grow(&clean->arena, clean->ids, capacity * sizeof(struct str),
                                    bigger * sizeof(struct str));
            capacity = bigger;
        }
        CHECK(clean->count < capacity);
        clean->ids[clean->count++] = arena_copy(&clean->arena, user->id);
    }
    view_release(view);
}

static enum status clean_users_table(struct clean_users *clean, struct table_id table,
                                     struct str user, struct error *err)
{
    struct job *job = clean->job;
    enum status status = jobs_hold_table(job, table, err);

    CHECK(user.size > 0);
    if (status != STATUS_OK)
        return status;
    status = ddl_drop_instance(job->jobs->store, table, user, &clean->files, &clean->rows, err);
    jobs_release_table(job);
    return status;
}

/* The tables that hold something of the user. */
static enum status clean_users_tables(struct clean_users *clean, struct str user,
                                      struct table_id **out, size_t *count, struct error *err)
{
    struct store *store = clean->job->jobs->store;
    struct view *view = view_acquire(store);
    const struct catalog *catalog = view_catalog(view);
    const struct table *table;
    enum status status = STATUS_OK;
    size_t most = 0;

    CHECK(user.size > 0);
    while (catalog_table_at(catalog, most) != NULL)
        most++;
    *out = arena_array(&clean->arena, most + 1, sizeof(**out));
    *count = 0;
    for (size_t i = 0; status == STATUS_OK && (table = catalog_table_at(catalog, i)) != NULL; i++) {
        struct instance_counters counters;
        if (table->kind != TABLE_KIND_USER)
            continue;
        status = instance_counters(store, view, table, user, &counters, err);
        if (status == STATUS_OK &&
            (counters.buffered_rows > 0 || counters.segments > 0 || counters.last_flush_us > 0))
            (*out)[(*count)++] = table->id;
    }
    view_release(view);
    return status;
}

/* Without a view: one of the tables may be dropped meanwhile, and the job that deletes its files,
 * which is waited for, waits until nobody looks at it any more. */
static enum status clean_users_instances(struct clean_users *clean, struct str user,
                                         struct error *err)
{
    struct table_id *tables = NULL;
    size_t count = 0;
    enum status status = clean_users_tables(clean, user, &tables, &count, err);

    CHECK(tables != NULL);
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        status = clean_users_table(clean, tables[i], user, err);
    return status;
}

static void clean_users_tell(struct clean_users *clean, char *out, size_t size)
{
    CHECK(size > 0);
    (void)snprintf(out, size, "%llu users, %llu rows, %llu files, %llu bytes deleted",
                   (unsigned long long)clean->users, (unsigned long long)clean->rows,
                   (unsigned long long)clean->files.files, (unsigned long long)clean->files.bytes);
}

enum status job_user_cleanup(struct job *job, struct error *err)
{
    const int64_t day_us = INT64_C(86400000000);
    struct clean_users clean = {
        .job = job,
        .before_us = clock_now_us() - job->jobs->user_grace_days * day_us,
    };
    enum status status = STATUS_OK;
    struct error local;

    arena_init(&clean.arena, 0);
    clean_users_find(&clean);
    for (size_t i = 0; status == STATUS_OK && i < clean.count; i++) {
        if (atomic_load(&job->cancelled))
            status = error_set(err, STATUS_CANCELLED, "cancelled");
        if (status == STATUS_OK)
            status = clean_users_instances(&clean, clean.ids[i], err);
        if (status == STATUS_OK) {
            status = ddl_remove_user(job->jobs->store, clean.ids[i], clean.before_us, &local);
            clean.users += status == STATUS_OK ? 1 : 0;
            if (status == STATUS_USER_NOT_FOUND) /* somebody else was quicker */
                status = STATUS_OK;
            else if (status != STATUS_OK)
                *err = local;
        }
        clean_users_tell(&clean, job->progress, sizeof(job->progress));
    }
    CHECK(clean.users <= clean.count);
    clean_users_tell(&clean, job->result, sizeof(job->result));
    job->memory_bytes = (int64_t)clean.arena.used_bytes;
    arena_clear(&clean.arena);
    return status;
}
