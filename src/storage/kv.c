/* kv.c — the names of spaces, and the hand-over of every call to the driver behind it.
 *
 * Arguments are checked here once, so that both drivers may rely on them. Creating and dropping
 * hold the lock of the names; reads and writes never take it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/kv_internal.h"

#include "base/check.h"
#include "base/mem.h"

#include <dirent.h>
#include <sys/stat.h>

void kv_init(struct kv *kv, const struct kv_driver *driver)
{
    CHECK(driver != NULL);
    kv->driver = driver;
    CHECK(pthread_mutex_init(&kv->lock, NULL) == 0);
    map_init(&kv->spaces);
}

void kv_clear(struct kv *kv)
{
    size_t cursor = 0;
    void *space;

    while (map_next(&kv->spaces, &cursor, NULL, &space))
        kv->driver->space_free(kv, space);
    map_clear(&kv->spaces);
    CHECK(pthread_mutex_destroy(&kv->lock) == 0);
}

void kv_space_init(struct kv_space *space, struct str name, unsigned flags)
{
    CHECK(name.size > 0 && name.size <= KV_NAME_MAX);
    space->name = str_from(mem_strdup(name), name.size);
    space->flags = flags;
}

void kv_space_clear(struct kv_space *space)
{
    CHECK(space->name.data != NULL);
    mem_free((void *)(uintptr_t)space->name.data);
    space->name = STR_EMPTY;
}

void kv_space_enter(struct kv *kv, struct kv_space *space)
{
    CHECK(map_put(&kv->spaces, space->name, space) == NULL);
}

void kv_options_complete(struct kv_options *options)
{
    CHECK(options->path != NULL && options->path[0] != '\0');
    if (options->write_buffer_bytes == 0)
        options->write_buffer_bytes = (size_t)64 << 20;
    if (options->write_buffers_max < 2)
        options->write_buffers_max = options->write_buffers_max == 0 ? 3 : 2;
    if (options->block_cache_bytes == 0)
        options->block_cache_bytes = (size_t)256 << 20;
    if (options->background_jobs_max == 0)
        options->background_jobs_max = 4;
    if (options->column_families_max == 0)
        options->column_families_max = 256;
    if (options->keep_log_files == 0)
        options->keep_log_files = 3;
}

uint64_t kv_log_bytes(const char *path)
{
    DIR *folder = opendir(path);
    uint64_t bytes = 0;

    CHECK(path != NULL);
    if (folder == NULL)
        return 0;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        struct stat info;
        if (str_ends_with(str_from_c(entry->d_name), STR_LIT(".log")) &&
            fstatat(dirfd(folder), entry->d_name, &info, 0) == 0)
            bytes += (uint64_t)info.st_size;
    }
    closedir(folder);
    return bytes;
}

void kv_close(struct kv *kv)
{
    if (kv == NULL)
        return;
    CHECK(kv->driver != NULL);
    kv->driver->close(kv);
}

static bool kv_name_is_valid(struct str name)
{
    CHECK(name.size == 0 || name.data != NULL);
    if (name.size == 0 || name.size > KV_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.size; i++)
        if (name.data[i] <= ' ' || name.data[i] > '~')
            return false;
    return true;
}

enum status kv_space_open(struct kv *kv, struct str name, unsigned flags, struct kv_space **out,
                          struct error *err)
{
    enum status status = STATUS_OK;

    CHECK((flags & ~(KV_SPACE_USER_PREFIX | KV_SPACE_SMALL | KV_SPACE_VOLATILE)) == 0u);
    if (!kv_name_is_valid(name))
        return error_set(err, STATUS_INVALID_INPUT,
                         "the name of a key space must be 1 to %d "
                         "printable characters",
                         KV_NAME_MAX);
    pthread_mutex_lock(&kv->lock);
    *out = map_get(&kv->spaces, name);
    if (*out == NULL) {
        status = kv->driver->space_create(kv, name, flags, out, err);
        if (status == STATUS_OK)
            kv_space_enter(kv, *out);
    }
    pthread_mutex_unlock(&kv->lock);
    return status;
}

enum status kv_space_drop(struct kv *kv, struct kv_space *space, struct error *err)
{
    enum status status;

    CHECK(space != NULL);
    pthread_mutex_lock(&kv->lock);
    CHECK(map_remove(&kv->spaces, space->name) == space);
    status = kv->driver->space_drop(kv, space, err);
    if (status != STATUS_OK)
        kv_space_enter(kv, space);
    pthread_mutex_unlock(&kv->lock);
    return status;
}

struct kv_space *kv_space_find(struct kv *kv, struct str name)
{
    struct kv_space *space;

    CHECK(kv != NULL);
    pthread_mutex_lock(&kv->lock);
    space = map_get(&kv->spaces, name);
    pthread_mutex_unlock(&kv->lock);
    return space;
}

void kv_space_each(struct kv *kv,
                   void (*visit)(struct kv_space *space, struct str name, void *context),
                   void *context)
{
    struct kv_space **spaces;
    size_t count = 0, cursor = 0;
    void *space;

    CHECK(visit != NULL);
    pthread_mutex_lock(&kv->lock);
    spaces = mem_calloc(kv->spaces.count + 1, sizeof(struct kv_space *));
    while (map_next(&kv->spaces, &cursor, NULL, &space))
        spaces[count++] = space;
    pthread_mutex_unlock(&kv->lock);
    for (size_t i = 0; i < count; i++)
        visit(spaces[i], spaces[i]->name, context);
    mem_free(spaces);
}

uint64_t kv_space_bytes(struct kv *kv, struct kv_space *space)
{
    CHECK(space != NULL);
    return kv->driver->space_bytes(kv, space);
}

void kv_value_release(struct kv *kv, struct kv_value *value)
{
    CHECK(value != NULL);
    if (value->pin != NULL)
        kv->driver->value_release(value);
    *value = (struct kv_value){0};
}

enum status kv_get(struct kv *kv, struct kv_space *space, const struct kv_snapshot *snapshot,
                   struct str key, unsigned flags, struct kv_value *out, struct error *err)
{
    CHECK(space != NULL && (snapshot == NULL || snapshot->kv == kv));
    *out = (struct kv_value){0};
    return kv->driver->get(kv, space, snapshot, key, flags, out, err);
}

struct kv_snapshot *kv_snapshot_new(struct kv *kv)
{
    CHECK(kv != NULL);
    return kv->driver->snapshot_new(kv);
}

void kv_snapshot_free(struct kv *kv, struct kv_snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    CHECK(snapshot->kv == kv);
    kv->driver->snapshot_free(kv, snapshot);
}

struct kv_batch *kv_batch_new(struct kv *kv)
{
    CHECK(kv != NULL);
    return kv->driver->batch_new(kv);
}

void kv_batch_free(struct kv_batch *batch)
{
    CHECK(batch == NULL || batch->kv != NULL);
    if (batch != NULL)
        batch->kv->driver->batch_free(batch);
}

void kv_batch_reset(struct kv_batch *batch)
{
    CHECK(batch != NULL);
    batch->kv->driver->batch_reset(batch);
}

void kv_batch_put(struct kv_batch *batch, struct kv_space *space, struct str key, struct str value)
{
    CHECK(space != NULL);
    batch->kv->driver->batch_put(batch, space, key, value);
}

void kv_batch_delete(struct kv_batch *batch, struct kv_space *space, struct str key)
{
    CHECK(space != NULL);
    batch->kv->driver->batch_delete(batch, space, key);
}

void kv_batch_delete_range(struct kv_batch *batch, struct kv_space *space, struct str start,
                           struct str end)
{
    CHECK(space != NULL);
    if (str_compare(start, end) < 0) /* RocksDB refuses the whole batch for a reversed range */
        batch->kv->driver->batch_delete_range(batch, space, start, end);
}

size_t kv_batch_bytes(const struct kv_batch *batch)
{
    CHECK(batch != NULL);
    return batch->kv->driver->batch_bytes(batch);
}

enum status kv_write(struct kv *kv, struct kv_batch *batch, enum kv_durability durability,
                     struct error *err)
{
    CHECK(batch->kv == kv);
    return kv->driver->write(kv, batch, durability, err);
}

bool kv_is_usable(struct kv *kv)
{
    CHECK(kv != NULL);
    return kv->driver->is_usable(kv);
}

enum status kv_sync(struct kv *kv, struct error *err)
{
    CHECK(kv != NULL);
    return kv->driver->sync(kv, err);
}

struct kv_iterator *kv_iterator_open(struct kv *kv, struct kv_space *space,
                                     const struct kv_iterator_options *options)
{
    CHECK(space != NULL);
    CHECK(options->snapshot == NULL || options->snapshot->kv == kv);
    return kv->driver->iterator_open(kv, space, options);
}

void kv_iterator_close(struct kv_iterator *iterator)
{
    CHECK(iterator == NULL || iterator->driver != NULL);
    if (iterator != NULL)
        iterator->driver->iterator_close(iterator);
}

void kv_iterator_seek_first(struct kv_iterator *iterator)
{
    CHECK(iterator != NULL);
    iterator->driver->seek_first(iterator);
}

void kv_iterator_seek_last(struct kv_iterator *iterator)
{
    CHECK(iterator != NULL);
    iterator->driver->seek_last(iterator);
}

void kv_iterator_seek(struct kv_iterator *iterator, struct str key)
{
    CHECK(iterator != NULL);
    iterator->driver->seek(iterator, key);
}

void kv_iterator_seek_for_prev(struct kv_iterator *iterator, struct str key)
{
    CHECK(iterator != NULL);
    iterator->driver->seek_for_prev(iterator, key);
}

void kv_iterator_next(struct kv_iterator *iterator)
{
    CHECK_SLOW(kv_iterator_is_valid(iterator));
    iterator->driver->next(iterator);
}

void kv_iterator_prev(struct kv_iterator *iterator)
{
    CHECK_SLOW(kv_iterator_is_valid(iterator));
    iterator->driver->prev(iterator);
}

bool kv_iterator_is_valid(const struct kv_iterator *iterator)
{
    CHECK(iterator != NULL);
    return iterator->driver->is_valid(iterator);
}

struct str kv_iterator_key(const struct kv_iterator *iterator)
{
    CHECK_SLOW(kv_iterator_is_valid(iterator));
    return iterator->driver->key(iterator);
}

struct str kv_iterator_value(const struct kv_iterator *iterator)
{
    CHECK_SLOW(kv_iterator_is_valid(iterator));
    return iterator->driver->value(iterator);
}

enum status kv_iterator_status(struct kv_iterator *iterator, struct error *err)
{
    CHECK(iterator != NULL);
    return iterator->driver->status(iterator, err);
}

void kv_stats(struct kv *kv, struct kv_stats *out)
{
    CHECK(out != NULL);
    *out = (struct kv_stats){0};
    kv->driver->stats(kv, out);
}

void kv_flush(struct kv *kv, struct kv_space *space)
{
    CHECK(space != NULL);
    kv->driver->flush(kv, space);
}

void kv_settle(struct kv *kv)
{
    CHECK(kv != NULL);
    kv->driver->settle(kv);
}

void kv_compact(struct kv *kv, struct kv_space *space, struct str start, struct str end)
{
    CHECK(space != NULL);
    kv->driver->compact(kv, space, start, end);
}
