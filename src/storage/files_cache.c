/* files_cache.c — local copies of remote files, see files_cache.h.
 *
 * An entry is in the map from the moment somebody wants its file; while it is being fetched others
 * wait. State of an entry:
 *
 *   loading ──fetched──► present ──evict (pins = 0)──► gone
 *      └───failed──────► gone         └─remove while pinned─► doomed ──last release──► gone
 *                                                               └─wanted─► loading
 *
 * A doomed copy may be damaged, so who wants it gets another one, which takes the place of the file
 * by renaming. Those who have opened the old one read on in it.
 *
 * One mutex; fetching happens outside it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/files_cache.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "storage/files_internal.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CACHE_STAGED ".staged"
#define CACHE_FETCHED ".fetched"

enum { CACHE_WAIT_MS = 200 }; /* then whoever waits looks whether it still shall */

struct cache_entry {
    struct cache_entry *newer, *older; /* by last use, only while not pinned and present */
    char *name;
    uint64_t bytes;
    unsigned pins;
    bool loading, doomed, listed;
};

struct files_cache {
    char *folder;
    uint64_t bytes_max;
    pthread_mutex_t mutex; /* guards all below */
    pthread_cond_t loaded;
    struct map entries;
    struct cache_entry *newest, *oldest;
    struct files_cache_stats stats;
};

/* ---- names ----------------------------------------------------------------------------------- */

static char *cache_path(const struct files_cache *cache, struct str name, const char *suffix)
{
    struct buf out;
    size_t size;

    CHECK(name.size > 0 && memchr(name.data, '/', name.size) == NULL);
    buf_init(&out);
    buf_printf(&out, "%s/%.*s%s", cache->folder, STR_ARG(name), suffix);
    buf_append_byte(&out, 0);
    return buf_take(&out, &size);
}

char *files_cache_stage(struct files_cache *cache, struct str name)
{
    CHECK(cache != NULL);
    return cache_path(cache, name, CACHE_STAGED);
}

/* ---- the list -------------------------------------------------------------------------------- */

static void cache_unlist(struct files_cache *cache, struct cache_entry *entry)
{
    if (!entry->listed)
        return;
    CHECK((entry->newer == NULL) == (cache->newest == entry));
    *(entry->newer != NULL ? &entry->newer->older : &cache->newest) = entry->older;
    *(entry->older != NULL ? &entry->older->newer : &cache->oldest) = entry->newer;
    entry->newer = entry->older = NULL;
    entry->listed = false;
}

static void cache_list(struct files_cache *cache, struct cache_entry *entry)
{
    CHECK(!entry->listed && entry->pins == 0 && !entry->loading);
    entry->older = cache->newest;
    if (cache->newest != NULL)
        cache->newest->newer = entry;
    else
        cache->oldest = entry;
    cache->newest = entry;
    entry->listed = true;
}

static struct cache_entry *cache_add(struct files_cache *cache, struct str name)
{
    struct cache_entry *entry = mem_zalloc(sizeof(*entry));

    entry->name = mem_strdup(name);
    void *former = map_put(&cache->entries, name, entry);
    CHECK(former == NULL);
    return entry;
}

/* The entry, and its file if it has one. */
static void cache_drop(struct files_cache *cache, struct cache_entry *entry)
{
    char *path = cache_path(cache, str_from_c(entry->name), "");

    CHECK(entry->pins == 0);
    cache_unlist(cache, entry);
    (void)unlink(path);
    mem_free(path);
    CHECK(cache->stats.bytes >= entry->bytes);
    cache->stats.bytes -= entry->bytes;
    (void)map_remove(&cache->entries, str_from_c(entry->name));
    mem_free(entry->name);
    mem_free(entry);
}

static void cache_evict(struct files_cache *cache)
{
    while (cache->stats.bytes > cache->bytes_max && cache->oldest != NULL) {
        CHECK(cache->oldest->pins == 0);
        cache_drop(cache, cache->oldest);
        cache->stats.evicted++;
    }
}

/* ---- open and close -------------------------------------------------------------------------- */

struct cache_found {
    char *name;
    uint64_t bytes;
    int64_t used_ns;
};

static int cache_compare_found(const void *a, const void *b)
{
    const struct cache_found *left = a, *right = b;

    return (left->used_ns > right->used_ns) - (left->used_ns < right->used_ns);
}

/* One file of the folder: a copy to take over, or a leftover to remove. */
static bool cache_look(const struct files_cache *cache, const char *name, struct cache_found *out)
{
    struct str text = str_from_c(name);
    char *path = cache_path(cache, text, "");
    struct stat info;
    bool good = lstat(path, &info) == 0 && S_ISREG(info.st_mode);

    CHECK(out != NULL);
    if (good && (str_ends_with(text, STR_LIT(CACHE_STAGED)) ||
                 str_ends_with(text, STR_LIT(CACHE_FETCHED)))) {
        (void)unlink(path);
        good = false;
    }
    mem_free(path);
    if (good)
        *out = (struct cache_found){
            .name = mem_strdup(text),
            .bytes = (uint64_t)info.st_size,
            .used_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec,
        };
    return good;
}

static enum status cache_take_over(struct files_cache *cache, struct error *err)
{
    DIR *directory = opendir(cache->folder);
    struct cache_found *found = NULL;
    size_t count = 0, capacity = 0;
    struct dirent *entry;

    if (directory == NULL)
        return file_error(errno, "read folder", cache->folder, err);
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        if (count == capacity) {
            capacity = capacity * 2 + 64;
            found = mem_realloc(found, capacity * sizeof(*found));
        }
        count += cache_look(cache, entry->d_name, &found[count]);
    }
    (void)closedir(directory);
    CHECK(count <= capacity);
    if (count > 0)
        qsort(found, count, sizeof(*found), cache_compare_found);
    for (size_t i = 0; i < count; i++) {
        struct cache_entry *copy = cache_add(cache, str_from_c(found[i].name));
        copy->bytes = found[i].bytes;
        cache->stats.bytes += copy->bytes;
        cache_list(cache, copy);
        mem_free(found[i].name);
    }
    mem_free(found);
    cache_evict(cache);
    return STATUS_OK;
}

enum status files_cache_open(const char *folder, uint64_t bytes_max, struct files_cache **out,
                             struct error *err)
{
    struct files_cache *cache = mem_zalloc(sizeof(*cache));
    enum status status = file_make_folders(folder, err);

    CHECK(out != NULL);
    *out = NULL;
    cache->folder = mem_strdup(str_from_c(folder));
    cache->bytes_max = bytes_max;
    map_init(&cache->entries);
    CHECK(pthread_mutex_init(&cache->mutex, NULL) == 0);
    clock_cond_init(&cache->loaded);
    if (status == STATUS_OK)
        status = cache_take_over(cache, err);
    if (status == STATUS_OK)
        *out = cache;
    else
        files_cache_close(cache);
    return status;
}

void files_cache_close(struct files_cache *cache)
{
    size_t cursor = 0;
    void *value;

    if (cache == NULL)
        return;
    while (map_next(&cache->entries, &cursor, NULL, &value)) {
        struct cache_entry *entry = value;
        CHECK(entry->pins == 0 && !entry->loading);
        mem_free(entry->name);
        mem_free(entry);
    }
    map_clear(&cache->entries);
    (void)pthread_cond_destroy(&cache->loaded);
    (void)pthread_mutex_destroy(&cache->mutex);
    mem_free(cache->folder);
    mem_free(cache);
}

/* ---- use ------------------------------------------------------------------------------------- */

/* Gives `from` the name of the copy; its size. */
static enum status cache_settle(struct files_cache *cache, struct str name, const char *from,
                                uint64_t *bytes, struct error *err)
{
    char *path = cache_path(cache, name, "");
    struct stat info;
    enum status status = STATUS_OK;

    CHECK(from != NULL);
    if (stat(from, &info) != 0 || rename(from, path) != 0)
        status = file_error(errno, "keep a copy of", "remote file", err);
    else
        *bytes = (uint64_t)info.st_size;
    mem_free(path);
    return status == STATUS_ABSENT ? STATUS_IO_FAILED : status;
}

/* Without the mutex: the entry is `loading`, so nobody else touches its file. */
static enum status cache_fetch(struct files_cache *cache, struct cache_entry *entry,
                               enum status (*fetch)(void *context, const char *path,
                                                    struct error *err),
                               void *context, uint64_t *bytes, struct error *err)
{
    struct str name = str_from_c(entry->name);
    char *path = cache_path(cache, name, CACHE_FETCHED);
    enum status status = fetch(context, path, err);

    CHECK(entry->loading);
    if (status == STATUS_OK)
        status = file_sync(path, "copy of a remote file", err);
    if (status == STATUS_OK)
        status = cache_settle(cache, name, path, bytes, err);
    if (status != STATUS_OK)
        (void)unlink(path);
    mem_free(path);
    return status;
}

/* With the mutex: fetches outside it; the entry, new or doomed, stays pinned when that worked. */
static enum status cache_load(struct files_cache *cache, struct cache_entry *entry,
                              enum status (*fetch)(void *context, const char *path,
                                                   struct error *err),
                              void *context, struct error *err)
{
    uint64_t bytes = 0;

    CHECK(!entry->loading && entry->doomed == (entry->pins > 0));
    entry->loading = true;
    entry->doomed = false; /* a removal meanwhile is another one */
    entry->pins++;
    cache->stats.misses++;
    pthread_mutex_unlock(&cache->mutex);
    enum status status = cache_fetch(cache, entry, fetch, context, &bytes, err);
    pthread_mutex_lock(&cache->mutex);
    entry->loading = false;
    if (status == STATUS_OK) {
        cache->stats.bytes += bytes - entry->bytes;
        entry->bytes = bytes;
        cache_evict(cache);
    } else {
        entry->doomed = true;
        if (--entry->pins == 0)
            cache_drop(cache, entry);
    }
    pthread_cond_broadcast(&cache->loaded);
    return status;
}

enum status files_cache_get(struct files_cache *cache, struct str name,
                            enum status (*fetch)(void *context, const char *path,
                                                 struct error *err),
                            void *context, char **out, struct error *err)
{
    enum status status = STATUS_OK;
    struct cache_entry *entry;

    CHECK(fetch != NULL && out != NULL);
    *out = NULL;
    pthread_mutex_lock(&cache->mutex);
    while ((entry = map_get(&cache->entries, name)) != NULL && entry->loading &&
           !files_is_cancelled()) {
        struct timespec until = clock_deadline(CACHE_WAIT_MS);
        (void)pthread_cond_timedwait(&cache->loaded, &cache->mutex, &until);
    }
    if (entry != NULL && entry->loading) {
        status = error_set(err, STATUS_CANCELLED, "cancelled");
    } else if (entry == NULL || entry->doomed) {
        entry = entry == NULL ? cache_add(cache, name) : entry;
        status = cache_load(cache, entry, fetch, context, err);
    } else {
        cache_unlist(cache, entry);
        entry->pins++;
        cache->stats.hits++;
    }
    pthread_mutex_unlock(&cache->mutex);
    if (status == STATUS_OK)
        *out = cache_path(cache, name, "");
    return status;
}

void files_cache_release(struct files_cache *cache, struct str name)
{
    pthread_mutex_lock(&cache->mutex);
    struct cache_entry *entry = map_get(&cache->entries, name);
    CHECK(entry != NULL && entry->pins > 0);
    if (--entry->pins == 0) {
        if (entry->doomed) {
            cache_drop(cache, entry);
        } else {
            cache_list(cache, entry);
            cache_evict(cache);
        }
    }
    pthread_mutex_unlock(&cache->mutex);
}

enum status files_cache_adopt(struct files_cache *cache, struct str name, struct error *err)
{
    char *staged = files_cache_stage(cache, name);
    uint64_t bytes = 0;

    pthread_mutex_lock(&cache->mutex);
    struct cache_entry *former = map_get(&cache->entries, name);
    CHECK(former == NULL || (former->pins == 0 && !former->loading)); /* published once */
    if (former != NULL)
        cache_drop(cache, former);
    enum status status = cache_settle(cache, name, staged, &bytes, err);
    if (status == STATUS_OK) {
        struct cache_entry *entry = cache_add(cache, name);
        entry->bytes = bytes;
        cache->stats.bytes += bytes;
        cache_list(cache, entry);
        cache_evict(cache);
    }
    pthread_mutex_unlock(&cache->mutex);
    mem_free(staged);
    return status;
}

void files_cache_remove(struct files_cache *cache, struct str name)
{
    pthread_mutex_lock(&cache->mutex);
    struct cache_entry *entry = map_get(&cache->entries, name);
    if (entry != NULL && entry->pins > 0)
        entry->doomed = true;
    else if (entry != NULL)
        cache_drop(cache, entry);
    CHECK(cache->folder != NULL);
    pthread_mutex_unlock(&cache->mutex);
}

void files_cache_stats(struct files_cache *cache, struct files_cache_stats *out)
{
    size_t cursor = 0;
    void *value;

    pthread_mutex_lock(&cache->mutex);
    *out = cache->stats;
    out->files = cache->entries.count;
    out->pinned = 0;
    while (map_next(&cache->entries, &cursor, NULL, &value))
        out->pinned += ((const struct cache_entry *)value)->pins > 0;
    CHECK(out->pinned <= out->files);
    pthread_mutex_unlock(&cache->mutex);
}
