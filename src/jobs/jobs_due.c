/* jobs_due.c — flushes by the row policy: of users whose rows since their last flush have reached
 * the limit of the table.
 *
 * Those who become due while a job of the table waits join it: there is one such job per table, and
 * it takes all of them together. When it begins it asks once more who is due; somebody else may
 * have flushed them.
 *
 * The commit thread tells of a user once, until the number of its rows falls again, and a job that
 * waits is forgotten by a crash. So nobody would come back to users whose flush ended badly: the
 * timer does. Tables to look through are noted: those whose limit is new or lower (all at start,
 * and after RESTORE and ALTER), and those with a failure. The pauses between looks double, and the
 * note goes when a look finds nobody. Who killed a flush does not want it back at once: the longest
 * pause.
 *
 * A flush that was given up because the server ended whenever it ran would end it again: for an
 * hour such a table is flushed neither by policy nor at a stop, unless somebody asks for it and it
 * ends well. Likewise for compactions, which follow flushes.
 *
 * Any thread, except where said.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "jobs/jobs_internal.h"

enum { DUE_PAUSE_MS = 1000, DUE_PAUSE_MAX_MS = 60 * 1000, DUE_GIVEN_UP_MS = 60 * 60 * 1000 };

/* A table whose flush or compaction was given up. */
struct due_given_up {
    int64_t until_ms[JOB_OTHER + 1]; /* clock_monotonic_ms; 0: it was not */
};

/* A table to look through. */
struct due_table {
    int64_t at_ms;    /* clock_monotonic_ms */
    int64_t pause_ms; /* the last one */
    bool failed;      /* something, since the last look began */
};

/* The limit that a table had when the timer last looked. */
struct due_limit {
    uint32_t rows;
    uint64_t catalog; /* version */
};

/* ---- who is due
 * ----------------------------------------------------------------------------------- */

struct due_scan {
    struct jobs *jobs;
    struct table_id table;
    const struct map *among; /* set of users; empty: all instances */
    void (*visit)(void *context, struct str user);
    void *context;
    int64_t limit; /* of the table; filled */
    size_t count;  /* filled */
};

static bool due_visit(void *context, struct str user, const struct instance_counters *counters)
{
    struct due_scan *scan = context;

    CHECK(scan->limit > 0);
    if (counters->rows_since_flush < scan->limit)
        return true;
    scan->count++;
    scan->visit(scan->context, user);
    return true;
}

static enum status due_visit_among(struct due_scan *scan, const struct view *view,
                                   const struct table *table, struct error *err)
{
    enum status status = STATUS_OK;
    size_t cursor = 0;
    struct str user;
    void *value;

    CHECK(table->kind == TABLE_KIND_USER);
    while (status == STATUS_OK && map_next(scan->among, &cursor, &user, &value)) {
        struct instance_counters counters;
        status = instance_counters(scan->jobs->store, view, table, user, &counters, err);
        if (status == STATUS_OK)
            (void)due_visit(scan, user, &counters);
    }
    return status;
}

/* Nobody when the table is gone or has no such policy any more. */
static enum status due_each(struct due_scan *scan, struct error *err)
{
    struct view *view = view_acquire(scan->jobs->store);
    const struct table *table = catalog_find_table_id(view_catalog(view), scan->table);
    enum status status = STATUS_OK;

    CHECK(scan->visit != NULL && scan->count == 0);
    scan->limit = table != NULL ? (int64_t)table->flush_rows : 0;
    if (scan->limit > 0 && scan->among->count > 0)
        status = due_visit_among(scan, view, table, err);
    else if (scan->limit > 0)
        status = instance_each(scan->jobs->store, view, table, due_visit, scan, err);
    view_release(view);
    return status;
}

/* ---- their job
 * ------------------------------------------------------------------------------------ */

bool job_flushes_user(const struct job *job, struct str user)
{
    CHECK(job->type == JOB_FLUSH);
    if (job->all_users || map_get(&job->due, user) != NULL)
        return true;
    if (job->due_users)
        return job->resumed;
    return str_equal(str_from_c(job->user), user);
}

/* One name is shown as the user of the job, several are not. The mutex is held, or nobody else
 * knows the job. */
static void due_add(struct job *job, struct str user)
{
    CHECK(job->due_users && !job->row_written && user.size < JOB_USER_BYTES);
    job->user[0] = '\0';
    (void)map_put(&job->due, user, job);
    if (job->due.count > 1)
        return;
    memcpy(job->user, user.data, user.size);
    job->user[user.size] = '\0';
}

/* Does a job flush the user, now? The mutex is held. */
static bool due_join(struct jobs *jobs, struct table_id table, struct str user, bool running_too)
{
    for (struct job *job = jobs->first; job != NULL; job = job->next) {
        CHECK(job->jobs == jobs);
        if (job->type != JOB_FLUSH || job->table.value != table.value ||
            atomic_load(&job->cancelled) || atomic_load(&job->worked) ||
            (job->state == JOB_RUNNING && !running_too))
            continue;
        if (job_flushes_user(job, user))
            return true;
        if (job->due_users && job->state == JOB_PENDING && !job->row_written) {
            due_add(job, user);
            return true;
        }
    }
    return false;
}

static struct str due_key(const struct table_id *table)
{
    CHECK(table->value > 0);
    return str_from((const char *)&table->value, sizeof(table->value));
}

/* The mutex is held. */
static bool due_is_given_up(struct jobs *jobs, struct table_id table, enum job_type type)
{
    const struct due_given_up *given_up = map_get(&jobs->due_given_up, due_key(&table));

    CHECK(type <= JOB_OTHER);
    return given_up != NULL && clock_monotonic_ms() < given_up->until_ms[type];
}

bool jobs_due_is_given_up(struct jobs *jobs, struct table_id table, enum job_type type)
{
    CHECK(table.value > 0);
    pthread_mutex_lock(&jobs->mutex);
    bool given_up = due_is_given_up(jobs, table, type);
    pthread_mutex_unlock(&jobs->mutex);
    return given_up;
}

void jobs_due_give_up(struct jobs *jobs, struct table_id table, enum job_type type, bool given_up)
{
    CHECK(table.value > 0 && type <= JOB_OTHER);
    pthread_mutex_lock(&jobs->mutex);
    struct due_given_up *entry = map_get(&jobs->due_given_up, due_key(&table));
    if (entry == NULL && given_up) {
        entry = mem_zalloc(sizeof(*entry));
        (void)map_put(&jobs->due_given_up, due_key(&table), entry);
    }
    if (entry != NULL)
        entry->until_ms[type] = given_up ? clock_monotonic_ms() + DUE_GIVEN_UP_MS : 0;
    pthread_mutex_unlock(&jobs->mutex);
}

/* Its row is written by the worker, before any work. */
static void due_post(struct jobs *jobs, struct table_id table_id, struct str user, bool running_too)
{
    struct view *view = view_acquire(jobs->store);
    const struct table *table = catalog_find_table_id(view_catalog(view), table_id);

    CHECK(table_id.value > 0);
    if (table != NULL && user.size < JOB_USER_BYTES) {
        pthread_mutex_lock(&jobs->mutex);
        bool ends = jobs->stopping || atomic_load(&jobs->closing);
        if (!ends && !due_is_given_up(jobs, table_id, JOB_FLUSH) &&
            !due_join(jobs, table_id, user, running_too)) {
            struct job *job = job_new(jobs, JOB_FLUSH, table_id, table->space, table->name);
            job->due_users = table_has_user_instances(table);
            if (job->due_users)
                due_add(job, user);
            jobs_append(jobs, job);
        }
        pthread_mutex_unlock(&jobs->mutex);
    }
    view_release(view);
}

void jobs_flush_post(struct jobs *jobs, struct table_id table, struct str user)
{
    /* A running flush may have passed the new rows already. */
    due_post(jobs, table, user, false);
}

struct due_list {
    struct arena *arena;
    struct str *users;
    size_t count, capacity;
};

static void due_list_add(void *context, struct str user)
{
    struct due_list *list = context;

    if (list->count == list->capacity) {
        size_t bigger = 2 * list->capacity + 16;
        list->users = arena_grow(list->arena, list->users, list->capacity * sizeof(struct str),
                                 bigger * sizeof(struct str));
        list->capacity = bigger;
    }
    CHECK(list->count < list->capacity);
    list->users[list->count++] = arena_copy(list->arena, user);
}

enum status job_due_list(const struct job *job, struct arena *arena, struct str **users,
                         size_t *count, struct error *err)
{
    struct due_list list = {.arena = arena};
    struct due_scan scan = {.jobs = job->jobs,
                            .table = job->table,
                            .among = &job->due,
                            .visit = due_list_add,
                            .context = &list};
    enum status status = due_each(&scan, err);

    CHECK(job->due_users && job->state == JOB_RUNNING);
    *users = list.users;
    *count = list.count;
    return status;
}

/* ---- nobody is forgotten
 * -------------------------------------------------------------------------- */

struct due_poster {
    struct jobs *jobs;
    struct table_id table;
    bool running_too;
};

static void due_post_user(void *context, struct str user)
{
    const struct due_poster *poster = context;

    CHECK(poster->table.value > 0);
    due_post(poster->jobs, poster->table, user, poster->running_too);
}

void jobs_due_again(struct job *job)
{
    struct due_poster poster = {.jobs = job->jobs, .table = job->table};
    struct due_scan scan = {.jobs = job->jobs,
                            .table = job->table,
                            .among = &job->due,
                            .visit = due_post_user,
                            .context = &poster};
    struct error err;

    CHECK(job->type == JOB_FLUSH);
    if (due_each(&scan, &err) != STATUS_OK)
        log_warn("counters after job %s: %s", job->id.text, err.message);
}

/* The mutex is held. */
static struct due_table *due_note(struct jobs *jobs, struct table_id table, int64_t at_ms)
{
    struct due_table *note = map_get(&jobs->due_tables, due_key(&table));

    if (note != NULL)
        return note;
    note = mem_zalloc(sizeof(*note));
    note->at_ms = at_ms;
    note->pause_ms = DUE_PAUSE_MS;
    CHECK(map_put(&jobs->due_tables, due_key(&table), note) == NULL);
    return note;
}

void jobs_due_failed(const struct job *job)
{
    int64_t now_ms = clock_monotonic_ms();

    CHECK(job->jobs != NULL);
    if (job->type != JOB_FLUSH || job->jobs->stopping)
        return;
    struct due_table *note = due_note(job->jobs, job->table, now_ms + DUE_PAUSE_MS);
    note->failed = true;
    if (!job->killed)
        return;
    note->pause_ms = DUE_PAUSE_MAX_MS;
    note->at_ms = now_ms + DUE_PAUSE_MAX_MS;
}

static void due_limit(struct jobs *jobs, const struct table *table)
{
    struct due_limit *limit = map_get(&jobs->due_limits, due_key(&table->id));
    bool look = limit == NULL || table->flush_rows < limit->rows;

    CHECK(table->flush_rows > 0);
    if (limit == NULL) {
        limit = mem_zalloc(sizeof(*limit));
        (void)map_put(&jobs->due_limits, due_key(&table->id), limit);
    }
    limit->rows = table->flush_rows;
    limit->catalog = jobs->due_catalog;
    if (!look)
        return;
    pthread_mutex_lock(&jobs->mutex);
    due_note(jobs, table->id, 0)->at_ms = 0;
    pthread_mutex_unlock(&jobs->mutex);
}

/* Limits have a look when they are new or lower than before: at start, after CREATE, RESTORE and
 * ALTER. The timer's thread. */
static void due_limits(struct jobs *jobs)
{
    struct view *view = view_acquire(jobs->store);
    const struct catalog *catalog = view_catalog(view);
    const struct table *table;
    size_t cursor = 0;
    struct str key;
    void *value;

    bool same = jobs->due_catalog == catalog_version(catalog);
    jobs->due_catalog = catalog_version(catalog);
    for (size_t i = 0; !same && (table = catalog_table_at(catalog, i)) != NULL; i++)
        if ((table->kind == TABLE_KIND_USER || table->kind == TABLE_KIND_SHARED) &&
            table->flush_rows > 0)
            due_limit(jobs, table);
    view_release(view);
    while (!same && map_next(&jobs->due_limits, &cursor, &key, &value)) {
        struct due_limit *limit = value;
        CHECK(limit->rows > 0);
        if (limit->catalog != jobs->due_catalog) { /* dropped, or no limit any more */
            (void)map_remove(&jobs->due_limits, key);
            mem_free(limit);
        }
    }
}

/* A table whose time has come. */
static bool due_next(struct jobs *jobs, struct table_id *out)
{
    int64_t now_ms = clock_monotonic_ms();
    size_t cursor = 0;
    bool found = false;
    struct str key;
    void *value;

    pthread_mutex_lock(&jobs->mutex);
    while (!found && map_next(&jobs->due_tables, &cursor, &key, &value)) {
        struct due_table *note = value;
        CHECK(key.size == sizeof(out->value));
        memcpy(&out->value, key.data, sizeof(out->value));
        if (note->at_ms > now_ms || due_is_given_up(jobs, *out, JOB_FLUSH))
            continue;
        note->pause_ms =
            2 * note->pause_ms < DUE_PAUSE_MAX_MS ? 2 * note->pause_ms : DUE_PAUSE_MAX_MS;
        note->at_ms = now_ms + note->pause_ms;
        note->failed = false;
        found = true;
    }
    pthread_mutex_unlock(&jobs->mutex);
    return found;
}

static void due_look(struct jobs *jobs, struct table_id table)
{
    static const struct map everybody;
    struct due_poster poster = {.jobs = jobs, .table = table, .running_too = true};
    struct due_scan scan = {.jobs = jobs,
                            .table = table,
                            .among = &everybody,
                            .visit = due_post_user,
                            .context = &poster};
    struct error err;

    CHECK(table.value > 0);
    if (due_each(&scan, &err) != STATUS_OK) {
        log_warn("counters of table %llu: %s", (unsigned long long)table.value, err.message);
        return;
    }
    pthread_mutex_lock(&jobs->mutex);
    struct due_table *note = map_get(&jobs->due_tables, due_key(&table));
    if (scan.count == 0 && !note->failed)
        mem_free(map_remove(&jobs->due_tables, due_key(&table)));
    pthread_mutex_unlock(&jobs->mutex);
}

void jobs_due_tick(struct jobs *jobs)
{
    struct table_id table;

    CHECK(jobs->store != NULL);
    due_limits(jobs);
    while (!atomic_load(&jobs->closing) && due_next(jobs, &table))
        due_look(jobs, table);
}

void jobs_due_clear(struct jobs *jobs)
{
    CHECK(jobs->first == NULL);
    map_clear_values(&jobs->due_tables);
    map_clear_values(&jobs->due_limits);
    map_clear_values(&jobs->due_given_up);
}
