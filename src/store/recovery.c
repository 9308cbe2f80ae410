/* recovery.c — files without a segment record: removed at start, and while running once nobody can
 * read them any more.
 *
 * Every file is named by a pending record before it exists or in the batch that drops its segment
 * record (pending.c). So start-up deletes exactly what those records name and never walks a folder.
 * Those of dropped tables are among them: the last run may have ended before their job was written.
 *
 * While running, a replaced file may still be read through older views. It waits here until the
 * oldest view is at or above the position of the batch that replaced it; releasing a view wakes the
 * thread. In durability `async` that batch is made durable before the file goes, or a power loss
 * could bring its record back without it. A file that cannot be deleted keeps its record for the
 * next start.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "store/path.h"
#include "store/store_internal.h"

#include <endian.h>

enum { RECOVERY_FILES_MAX = 128 }; /* deleted together */

struct recovery_file {
    struct recovery_file *next;
    int64_t position; /* 0 = nobody reads it */
    bool abandon;     /* it may be staged or half uploaded */
    char *path;
};

struct recovery {
    struct store *store;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards `files` */
    pthread_cond_t wake;
    struct recovery_file *files;
    atomic_bool stopping;
    atomic_uint waiting; /* number of files; read without the mutex */
};

/* ---- while running
 * -------------------------------------------------------------------------------- */

static void recovery_file_free(struct recovery_file *file)
{
    CHECK(file != NULL);
    mem_free(file->path);
    mem_free(file);
}

/* With the mutex held: takes out the files that no view can name. */
static struct recovery_file *recovery_take_due(struct recovery *recovery)
{
    int64_t oldest = view_oldest_position(recovery->store);
    struct recovery_file *due = NULL, **link = &recovery->files;

    while (*link != NULL) {
        struct recovery_file *file = *link;
        CHECK(file->position >= 0);
        if (file->position > oldest) {
            link = &file->next;
            continue;
        }
        *link = file->next;
        file->next = due;
        due = file;
        atomic_fetch_sub(&recovery->waiting, 1);
    }
    return due;
}

static bool recovery_is_elsewhere(const char *path)
{
    struct str place, rest;

    CHECK(path != NULL);
    return files_address_split(str_from_c(path), &place, &rest);
}

/* One file of another storage. Such a storage may not answer: it must not keep the server from
 * stopping. */
static void recovery_delete_elsewhere(struct store *store, const struct recovery_file *file,
                                      struct kv_batch *batch)
{
    struct error err;

    CHECK(recovery_is_elsewhere(file->path));
    if (atomic_load(&store->recovery->stopping))
        return;
    if (file->abandon)
        files_abandon(store->files, file->path);
    if (files_delete(store->files, file->path, &err) == STATUS_OK)
        pending_remove(batch, store, str_from_c(file->path));
    else
        log_warn("file %s stays until the next start: %s", file->path, err.message);
}

/* Deletes the files; the records of those that are gone are removed in `batch`. */
static void recovery_delete_files(struct store *store, const struct recovery_file *due,
                                  struct kv_batch *batch)
{
    const char *paths[RECOVERY_FILES_MAX];
    enum status statuses[RECOVERY_FILES_MAX];
    struct error err;

    CHECK(due != NULL);
    while (due != NULL) {
        size_t count = 0;
        for (; due != NULL && count < RECOVERY_FILES_MAX; due = due->next) {
            if (recovery_is_elsewhere(due->path))
                recovery_delete_elsewhere(store, due, batch);
            else
                paths[count++] = due->path;
        }
        if (files_delete_many(store->files, paths, count, statuses, &err) != STATUS_OK)
            log_warn("replaced files stay until the next start: %s", err.message);
        for (size_t i = 0; i < count; i++)
            if (statuses[i] == STATUS_OK)
                pending_remove(batch, store, str_from_c(paths[i]));
    }
}

static void recovery_delete(struct store *store, struct recovery_file *due)
{
    struct kv_batch *batch = kv_batch_new(store->kv);
    struct error err;
    enum status status = STATUS_OK;
    bool skip = FAULT(flush_before_delete_replaced);

    CHECK(due != NULL);
    error_clear(&err);
    if (!skip && store->options.durability == KV_ASYNC)
        status = kv_sync(store->kv, &err);
    if (!skip && status == STATUS_OK)
        recovery_delete_files(store, due, batch);
    while (due != NULL) {
        struct recovery_file *file = due;
        due = file->next;
        recovery_file_free(file);
    }
    if (status == STATUS_OK)
        status = kv_write(store->kv, batch, store->options.durability, &err);
    if (status != STATUS_OK)
        log_warn("replaced files stay recorded until the next start: %s", err.message);
    kv_batch_free(batch);
}

static void *recovery_main(void *argument)
{
    struct recovery *recovery = argument;
    bool stopping = false;

    CHECK(recovery->store != NULL);
    files_set_cancelled(&recovery->stopping);
    while (!stopping) {
        pthread_mutex_lock(&recovery->mutex);
        struct recovery_file *due = recovery_take_due(recovery);
        stopping = atomic_load(&recovery->stopping);
        if (due == NULL && !stopping)
            pthread_cond_wait(&recovery->wake, &recovery->mutex);
        pthread_mutex_unlock(&recovery->mutex);
        if (due != NULL)
            recovery_delete(recovery->store, due);
    }
    return NULL;
}

void recovery_view_released(struct store *store)
{
    struct recovery *recovery = store->recovery;

    if (recovery == NULL || atomic_load(&recovery->waiting) == 0)
        return;
    CHECK(recovery->store == store);
    pthread_mutex_lock(&recovery->mutex);
    pthread_cond_signal(&recovery->wake);
    pthread_mutex_unlock(&recovery->mutex);
}

static void recovery_queue(struct recovery *recovery, struct str path, int64_t position,
                           bool abandon)
{
    struct recovery_file *file = mem_zalloc(sizeof(*file));

    CHECK(recovery != NULL && path.size > 0);
    file->position = position;
    file->abandon = abandon;
    file->path = mem_strdup(path);
    pthread_mutex_lock(&recovery->mutex);
    file->next = recovery->files;
    recovery->files = file;
    atomic_fetch_add(&recovery->waiting, 1);
    pthread_cond_signal(&recovery->wake);
    pthread_mutex_unlock(&recovery->mutex);
}

void recovery_abandon(struct store *store, struct str path)
{
    CHECK(recovery_is_elsewhere(path.data));
    recovery_queue(store->recovery, path, 0, true);
}

void recovery_delete_later(struct store *store, struct str path, int64_t position)
{
    CHECK(position > 0);
    recovery_queue(store->recovery, path, position, false);
}

/* ---- start and stop
 * ------------------------------------------------------------------------------- */

/* Local files of records, to be deleted together. */
struct recovery_batch {
    struct store *store;
    struct kv_batch *batch; /* removes the records of what is gone */
    char *paths[RECOVERY_FILES_MAX];
    size_t count;
};

static void recovery_batch_delete(struct recovery_batch *left)
{
    const char *paths[RECOVERY_FILES_MAX];
    enum status statuses[RECOVERY_FILES_MAX];
    struct error err;

    CHECK(left->count <= RECOVERY_FILES_MAX);
    if (left->count == 0)
        return;
    for (size_t i = 0; i < left->count; i++)
        paths[i] = left->paths[i];
    if (files_delete_many(left->store->files, paths, left->count, statuses, &err) != STATUS_OK)
        log_warn("files left over from the last run cannot be deleted: %s", err.message);
    for (size_t i = 0; i < left->count; i++) {
        if (statuses[i] == STATUS_OK) {
            log_info("deleted %s, left over from the last run", paths[i]);
            pending_remove(left->batch, left->store, str_from_c(paths[i]));
        }
        mem_free(left->paths[i]);
    }
    left->count = 0;
}

/* Takes the file of one record; those of dropped tables too: the last run may have ended before
 * their job was written down. What lies on another storage goes in the background, because that
 * storage may not answer. */
static enum status recovery_run_record(struct recovery_batch *left, struct str key,
                                       struct str value, struct error *err)
{
    struct store *store = left->store;
    struct str place, rest;

    CHECK(key.size > 0);
    if (value.size != 1 + sizeof(uint64_t) ||
        (value.data[0] != PENDING_WRITE && value.data[0] != PENDING_DELETE))
        return error_set(err, STATUS_CORRUPT, "pending record of \"%.*s\" makes no sense",
                         STR_ARG(key));
    if (files_address_split(key, &place, &rest)) {
        recovery_queue(store->recovery, key, 0, value.data[0] == PENDING_WRITE);
        return STATUS_OK;
    }
    left->paths[left->count] = mem_strdup(key);
    if (value.data[0] == PENDING_WRITE)
        files_abandon(store->files, left->paths[left->count]);
    left->count++;
    if (left->count == RECOVERY_FILES_MAX)
        recovery_batch_delete(left);
    return STATUS_OK;
}

static enum status recovery_run_all(struct store *store, struct error *err)
{
    struct kv_iterator_options options = {.fill_cache = true};
    struct kv_iterator *iterator = kv_iterator_open(store->kv, store->spaces.pending, &options);
    struct recovery_batch left = {.store = store, .batch = kv_batch_new(store->kv)};
    enum status status = STATUS_OK;

    CHECK(store->spaces.pending != NULL);
    for (kv_iterator_seek_first(iterator); kv_iterator_is_valid(iterator);
         kv_iterator_next(iterator)) {
        status =
            recovery_run_record(&left, kv_iterator_key(iterator), kv_iterator_value(iterator), err);
        if (status != STATUS_OK)
            break;
    }
    if (status == STATUS_OK)
        status = kv_iterator_status(iterator, err);
    kv_iterator_close(iterator);
    recovery_batch_delete(&left);
    if (status == STATUS_OK)
        status = kv_write(store->kv, left.batch,
                          store->options.durability == KV_MEMORY ? KV_MEMORY : KV_SYNC, err);
    kv_batch_free(left.batch);
    return status;
}

enum status recovery_run(struct store *store, struct error *err)
{
    enum { RECOVERY_STACK_BYTES = 1 << 20 };
    struct recovery *recovery = mem_zalloc(sizeof(*recovery));

    CHECK(store->recovery == NULL);
    recovery->store = store;
    CHECK(pthread_mutex_init(&recovery->mutex, NULL) == 0);
    CHECK(pthread_cond_init(&recovery->wake, NULL) == 0);
    store->recovery = recovery;
    store->path_names = path_names_new();
    enum status status = recovery_run_all(store, err);
    /* Started in any case: recovery_stop joins it. */
    thread_start(&recovery->thread, "files", RECOVERY_STACK_BYTES, recovery_main, recovery);
    return status;
}

void recovery_stop(struct store *store)
{
    struct recovery *recovery = store->recovery;

    if (recovery == NULL)
        return;
    pthread_mutex_lock(&recovery->mutex);
    atomic_store(&recovery->stopping, true);
    pthread_cond_signal(&recovery->wake);
    pthread_mutex_unlock(&recovery->mutex);
    CHECK(pthread_join(recovery->thread, NULL) == 0);
    while (recovery->files != NULL) {
        struct recovery_file *file = recovery->files;
        recovery->files = file->next;
        recovery_file_free(file);
    }
    (void)pthread_cond_destroy(&recovery->wake);
    (void)pthread_mutex_destroy(&recovery->mutex);
    mem_free(recovery);
    store->recovery = NULL;
    path_names_free(store->path_names);
    store->path_names = NULL;
}
