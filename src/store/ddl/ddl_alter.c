/* ddl_alter.c — ALTER TABLE: the next state of one table, checked against its rows.
 *
 * Alterations of one table run one after the other under a lock of their own, so that a check which
 * reads millions of rows stops neither other DDL nor anybody's writes. What rows must fulfil is
 * looked at three times, so that no row written meanwhile slips through:
 *
 *   1. the rows of a view, instance by instance
 *   2. the changes since that view, from the feed, until none are left
 *   3. on the commit thread, inside the request that makes the change: the few that came in
 * between. Nobody else writes then, and every write that was prepared for the old version and comes
 *      later is STALE: it is prepared again under the new rules.
 *
 * When the feed has lost changes meanwhile the whole check starts anew. Rows that are deleted do
 * not count: nobody could mend them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/cold.h"
#include "store/ddl/ddl_internal.h"

#include <errno.h>
#include <time.h>

enum {
    ALTER_ATTEMPTS_MAX = 5,
    ALTER_SCRATCH_ROWS = 256, /* after so many the scratch arena is emptied */
    ALTER_WAIT_MS = 100,      /* a waiter looks so often whether it was cancelled */
};

/* ---- the lock of one table --------------------------------------------------------------------
 */

struct ddl_alter_lock {
    struct ddl_alter_lock *next;
    struct table_id table;
};

static bool alter_is_cancelled(const struct ddl_alter *alter)
{
    CHECK(alter->build != NULL);
    return alter->cancelled != NULL && atomic_load_explicit(alter->cancelled, memory_order_relaxed);
}

static bool alter_is_locked(const struct store *store, struct table_id table)
{
    const struct ddl_alter_lock *lock = store->altering;

    CHECK(table.value > 0);
    while (lock != NULL && lock->table.value != table.value)
        lock = lock->next;
    return lock != NULL;
}

static enum status alter_lock(struct store *store, const struct ddl_alter *alter,
                              struct ddl_alter_lock *lock, struct error *err)
{
    enum status status = STATUS_OK;
    struct timespec until;

    lock->table = alter->table;
    pthread_mutex_lock(&store->alter_mutex);
    while (status == STATUS_OK && alter_is_locked(store, alter->table)) {
        until = clock_deadline(ALTER_WAIT_MS);
        (void)pthread_cond_timedwait(&store->alter_unlocked, &store->alter_mutex, &until);
        if (alter_is_cancelled(alter))
            status = error_set(err, STATUS_CANCELLED, "cancelled");
    }
    if (status == STATUS_OK) {
        lock->next = store->altering;
        store->altering = lock;
    }
    CHECK(status != STATUS_OK || store->altering == lock);
    pthread_mutex_unlock(&store->alter_mutex);
    return status;
}

static void alter_unlock(struct store *store, const struct ddl_alter_lock *lock)
{
    struct ddl_alter_lock **place = &store->altering;

    pthread_mutex_lock(&store->alter_mutex);
    while (*place != lock) {
        CHECK(*place != NULL);
        place = &(*place)->next;
    }
    *place = lock->next;
    pthread_cond_broadcast(&store->alter_unlocked);
    pthread_mutex_unlock(&store->alter_mutex);
}

/* ---- rows -------------------------------------------------------------------------------------
 */

struct alter_check {
    struct store *store;
    const struct ddl_alter *alter;
    uint32_t version;           /* of the schema the rows were looked at with */
    struct feed_cursor *cursor; /* changes not looked at yet; NULL = rows do not matter */
    struct arena users;
    struct str *names;
    size_t count, capacity;
};

static bool alter_check_add_user(void *context, struct str user,
                                 const struct instance_counters *counters)
{
    struct alter_check *check = context;

    (void)counters;
    if (check->count == check->capacity) {
        size_t bigger = check->capacity == 0 ? 64 : 2 * check->capacity;
        check->names = arena_grow(&check->users, check->names, check->count * sizeof(struct str),
                                  bigger * sizeof(struct str));
        check->capacity = bigger;
    }
    CHECK(check->count < check->capacity);
    check->names[check->count++] = arena_copy(&check->users, user);
    return true;
}

static enum status alter_check_instance(struct alter_check *check, const struct view *view,
                                        const struct table *table, struct str user,
                                        struct error *err)
{
    const struct ddl_alter *alter = check->alter;
    struct arena arena, scratch;
    struct scan *scan = NULL;
    struct row row;

    CHECK(table->schema->version == check->version);
    arena_init(&arena, 0);
    arena_init(&scratch, 0);
    struct scan_options options = {
        .view = view,
        .table = table,
        .user = user,
        .whole = true,
        .seq_after = -1,
        .cancelled = alter->cancelled,
        .arena = &arena,
    };
    enum status status = scan_open(check->store, &options, &scan, err);
    for (size_t rows = 1; status == STATUS_OK; rows++) {
        status = scan_next(scan, &row, err);
        if (status == STATUS_OK)
            status = alter->check_row(alter->context, &row, &scratch, err);
        if (rows % ALTER_SCRATCH_ROWS == 0)
            arena_clear(&scratch);
    }
    scan_close(scan);
    arena_clear(&scratch);
    arena_clear(&arena);
    return status == STATUS_END ? STATUS_OK : status;
}

/* One change of the feed; also on the commit thread. */
static enum status alter_check_change(struct alter_check *check, const struct change *change,
                                      struct arena *scratch, struct error *err)
{
    const struct ddl_alter *alter = check->alter;
    struct row row = {.table = change->table, .key = change->key, .bytes = change->new_bytes};

    if (change->table->id.value != alter->table.value || row.bytes.size < ROW_HEADER_BYTES ||
        row_is_deleted(row.bytes))
        return STATUS_OK;
    CHECK(change->table->schema->version <= check->version);
    row.projection = row_project(row.table, row_layout_version(row.bytes), scratch);
    if (row.projection == NULL)
        return error_set(err, STATUS_INTERNAL_ERROR, "a changed row cannot be read");
    return alter->check_row(alter->context, &row, scratch, err);
}

/* What the feed holds; STALE when it has lost something. */
static enum status alter_check_feed(struct alter_check *check, struct error *err)
{
    struct change_group *group;
    struct arena scratch;
    enum status status;

    CHECK(check->cursor != NULL);
    arena_init(&scratch, 0);
    while ((status = feed_next(check->cursor, 0, &group)) == STATUS_OK) {
        for (size_t i = 0; status == STATUS_OK && i < group->count; i++)
            status = alter_check_change(check, &group->changes[i], &scratch, err);
        change_group_unref(group);
        arena_clear(&scratch);
        if (status != STATUS_OK)
            break;
    }
    arena_clear(&scratch);
    if (status == STATUS_STALE)
        return error_set(err, STATUS_STALE, "too many rows changed while the table was checked");
    return status == STATUS_WOULD_BLOCK || status == STATUS_END ? STATUS_OK : status;
}

/* The rows of the newest view and what changed since. */
static enum status alter_check_rows(struct alter_check *check, struct view *view,
                                    const struct table *table, struct error *err)
{
    struct store *store = check->store;
    enum status status;

    CHECK(table->kind == TABLE_KIND_USER || table->kind == TABLE_KIND_SHARED);
    check->cursor = feed_follow(store->feed, view_position(view));
    arena_init(&check->users, 0);
    status = instance_each(store, view, table, alter_check_add_user, check, err);
    for (size_t i = 0; status == STATUS_OK && i < check->count; i++)
        status = alter_check_instance(check, view, table, check->names[i], err);
    arena_clear(&check->users);
    return status == STATUS_OK ? alter_check_feed(check, err) : status;
}

/* Learns what the change asks of the rows, and looks at them. */
static enum status alter_check_begin(struct alter_check *check, struct error *err)
{
    const struct ddl_alter *alter = check->alter;
    struct view *view = view_acquire(check->store);
    const struct table *table = catalog_find_table_id(view_catalog(view), alter->table);
    struct table *next = NULL;
    enum status status;

    CHECK(check->cursor == NULL);
    if (table == NULL || table->kind == TABLE_KIND_SYSTEM) {
        status = ddl_table_gone(table, err);
    } else {
        check->version = table->schema->version;
        status = alter->build(alter->context, table, &next, err);
        table_unref(next);
        if (status == STATUS_OK && alter->needs_check != NULL && alter->needs_check(alter->context))
            status = alter_check_rows(check, view, table, err);
    }
    view_release(view);
    return status;
}

/* ---- the change -------------------------------------------------------------------------------
 */

/* Commit thread: the last changes under the old rules. */
static enum status alter_extra(struct ddl *ddl, struct kv_batch *batch, struct error *err)
{
    struct alter_check *check = ddl->context;

    (void)batch;
    CHECK(check != NULL);
    return check->cursor != NULL ? alter_check_feed(check, err) : STATUS_OK;
}

static void alter_write(struct ddl *ddl, const struct table *table, struct table *next)
{
    bool new_version = next->schema_count > table->schema_count;

    CHECK(next->id.value == table->id.value && next->schema_count <= table->schema_count + 1);
    next->updated_at = ddl->now;
    if (new_version)
        next->schemas[next->schema_count - 1]->created_at = ddl->now;
    table_finish(next);
    ddl_put_table(ddl, next);
    if (new_version)
        ddl_put_schema(ddl, next, next->schema, false);
    catalog_builder_put_table(ddl->builder, table_ref(next));
}

static enum status alter_commit(struct alter_check *check, struct error *err)
{
    const struct ddl_alter *alter = check->alter;
    struct table *next = NULL;
    struct ddl ddl;
    enum status status;

    ddl_begin_statement(&ddl, check->store, alter->sql, alter->now_us);
    ddl.extra = alter_extra;
    ddl.context = check;
    const struct table *table = catalog_find_table_id(ddl.catalog, alter->table);
    if (table == NULL) {
        status = ddl_table_gone(table, err);
        goto out;
    }
    CHECK(table->schema->version == check->version); /* the table's lock is ours */
    status = alter->build(alter->context, table, &next, err);
    if (status != STATUS_OK || next == NULL)
        goto out;
    if (alter->before_commit != NULL)
        status = alter->before_commit(alter->context, table, err);
    if (status != STATUS_OK)
        goto out;
    alter_write(&ddl, table, next);
    status = ddl_commit(&ddl, err);
out:
    table_unref(next);
    ddl_end(&ddl);
    return status;
}

enum status ddl_alter_table(struct store *store, const struct ddl_alter *alter, struct error *err)
{
    struct ddl_alter_lock lock = {.next = NULL};
    enum status status = alter_lock(store, alter, &lock, err);

    CHECK(alter->build != NULL && (alter->needs_check == NULL || alter->check_row != NULL));
    if (status != STATUS_OK)
        return status;
    for (int attempt = 0; attempt < ALTER_ATTEMPTS_MAX; attempt++) {
        struct alter_check check = {.store = store, .alter = alter};
        status = alter_check_begin(&check, err);
        if (status == STATUS_OK)
            status = alter_commit(&check, err);
        feed_unfollow(check.cursor);
        if (status != STATUS_STALE)
            break;
    }
    alter_unlock(store, &lock);
    return status;
}
