/* ddl_files.c — the second half of DROP TABLE, done by a job: free the key space and delete the
 * files.
 *
 * Both are for the time after the last view that can name the table. After a restart the space is
 * gone already (the start removes spaces without a table) and only the pending deletions are left.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/ddl/ddl_internal.h"
#include "store/segment.h"
#include "store/storages.h"

#include <stdio.h>

enum { DDL_FILES_WAIT_MS = 100, DDL_FILES_MAX = 128 /* deleted together */ };

struct ddl_dropping {
    struct table *table; /* its space still exists */
    int64_t position;    /* views below may read it */
    bool waited;         /* once: who asks again is told at once */
};

static struct str ddl_dropping_key(const struct table_id *id)
{
    CHECK(id->value > 0);
    return str_from((const char *)&id->value, sizeof(id->value));
}

void ddl_dropping_add(struct ddl *ddl, const struct table *table, int64_t position)
{
    struct ddl_dropping *dropping = mem_zalloc(sizeof(*dropping));

    CHECK(position > 0);
    dropping->table = table_ref(table);
    dropping->position = position;
    void *former = map_put(&ddl->store->dropping, ddl_dropping_key(&table->id), dropping);
    CHECK(former == NULL);
}

void ddl_clear(struct store *store)
{
    size_t cursor = 0;
    void *value;

    CHECK(store != NULL);
    while (map_next(&store->dropping, &cursor, NULL, &value)) {
        struct ddl_dropping *dropping = value;
        table_unref(dropping->table);
        mem_free(dropping);
    }
    map_clear(&store->dropping);
}

static bool ddl_is_cancelled(const atomic_bool *cancelled)
{
    return cancelled != NULL && atomic_load(cancelled);
}

/* The folder of a shared table without files; with files it goes with the last of them. */
static void ddl_files_remove_folder(struct store *store, const struct table *table)
{
    struct str storage_id;
    struct buf path;

    CHECK(table->kind != TABLE_KIND_SYSTEM);
    if (table->kind != TABLE_KIND_SHARED || store->files == NULL)
        return;
    buf_init(&path);
    struct view *view = view_acquire(store);
    enum status status =
        place_of_instance(store, view_catalog(view), table, STR_EMPTY, &path, &storage_id, NULL);
    view_release(view);
    buf_append_byte(&path, 0);
    if (status == STATUS_OK)
        files_remove_folder(store->files, path.data);
    buf_clear(&path);
}

/* Frees the space of the dropped table when its last reader is gone. */
static enum status ddl_files_free_space(struct store *store, struct table_id id, struct error *err)
{
    struct ddl_dropping *dropping;

    CHECK(id.value > 0);
    pthread_mutex_lock(&store->catalog_mutex);
    dropping = map_remove(&store->dropping, ddl_dropping_key(&id));
    pthread_mutex_unlock(&store->catalog_mutex);
    if (dropping == NULL)
        return STATUS_OK;
    if (!view_wait_released(store, dropping->position, dropping->waited ? 0 : DDL_FILES_WAIT_MS)) {
        dropping->waited = true;
        pthread_mutex_lock(&store->catalog_mutex);
        (void)map_put(&store->dropping, ddl_dropping_key(&id), dropping);
        pthread_mutex_unlock(&store->catalog_mutex);
        return error_set(err, STATUS_WOULD_BLOCK, "the table is still being read");
    }
    segment_cache_forget(store->segment_cache, id);
    ddl_files_remove_folder(store, dropping->table);
    enum status status = kv_space_drop(store->kv, dropping->table->rows, err);
    table_unref(dropping->table);
    mem_free(dropping);
    return status;
}

struct ddl_path {
    struct ddl_path *next;
    char *path;
};

/* Paths of pending deletions of one table. */
static enum status ddl_files_list(struct store *store, struct table_id id, struct arena *arena,
                                  struct ddl_path **out, struct error *err)
{
    struct kv_iterator_options options = {.fill_cache = true};
    struct kv_iterator *iterator = kv_iterator_open(store->kv, store->spaces.pending, &options);
    struct buf wanted;

    CHECK(out != NULL);
    buf_init(&wanted);
    buf_append_byte(&wanted, PENDING_DELETE);
    instance_key(id, STR_EMPTY, &wanted);
    for (kv_iterator_seek_first(iterator); kv_iterator_is_valid(iterator);
         kv_iterator_next(iterator)) {
        if (!str_equal(kv_iterator_value(iterator), buf_str(&wanted)))
            continue;
        struct ddl_path *path = arena_alloc(arena, sizeof(*path));
        path->path = (char *)(uintptr_t)arena_copy(arena, kv_iterator_key(iterator)).data;
        path->next = *out;
        *out = path;
    }
    enum status status = kv_iterator_status(iterator, err);
    kv_iterator_close(iterator);
    buf_clear(&wanted);
    return status;
}

/* The next paths of the list, deleted together; *path moves on. A file that stays keeps its record:
 * the next run tries again. */
static enum status ddl_files_delete_some(struct store *store, struct ddl_path **path,
                                         struct drop_result *result, struct error *err)
{
    const char *paths[DDL_FILES_MAX];
    enum status statuses[DDL_FILES_MAX];
    uint64_t bytes[DDL_FILES_MAX];
    struct kv_batch *batch = kv_batch_new(store->kv);
    enum kv_durability durability = store->options.durability;
    size_t count = 0;

    CHECK(*path != NULL);
    for (; *path != NULL && count < DDL_FILES_MAX; *path = (*path)->next) {
        bytes[count] = 0;
        if (files_size(store->files, (*path)->path, &bytes[count], err) != STATUS_OK)
            bytes[count] = 0;
        paths[count++] = (*path)->path;
    }
    if (files_delete_many(store->files, paths, count, statuses, err) != STATUS_OK)
        log_warn("files of a dropped table cannot be deleted: %s", err->message);
    for (size_t i = 0; i < count; i++) {
        if (statuses[i] != STATUS_OK) {
            result->failed++;
            continue;
        }
        result->files++;
        result->bytes += bytes[i];
        pending_remove(batch, store, str_from_c(paths[i]));
    }
    enum status status = kv_write(store->kv, batch, durability, err);
    kv_batch_free(batch);
    return status;
}

enum status ddl_drop_table_files(struct store *store, struct table_id id,
                                 const atomic_bool *cancelled, struct drop_result *result,
                                 struct error *err)
{
    struct ddl_path *path = NULL;
    struct arena arena;
    struct error local;

    CHECK(result != NULL);
    *result = (struct drop_result){0};
    if (err == NULL)
        err = &local;
    arena_init(&arena, 0);
    enum status status = ddl_files_free_space(store, id, err);
    if (status == STATUS_OK)
        status = ddl_files_list(store, id, &arena, &path, err);
    while (status == STATUS_OK && path != NULL) {
        if (ddl_is_cancelled(cancelled))
            status = error_set(err, STATUS_CANCELLED, "cancelled");
        else
            status = ddl_files_delete_some(store, &path, result, err);
    }
    if (status == STATUS_OK && result->failed > 0 && ddl_is_cancelled(cancelled))
        status = error_set(err, STATUS_CANCELLED, "cancelled");
    arena_clear(&arena);
    return status;
}
