/* lockout.c — two maps under a mutex each. A failure is forgotten when a lock-out's time has passed
 * since the last one; a rate counts whole seconds.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "session/lockout.h"

#include "base/check.h"
#include "base/map.h"
#include "base/mem.h"

#include <pthread.h>

enum { LOCKOUT_ENTRIES_MAX = 20000, RATE_ENTRIES_MAX = 20000 };

struct lockout_entry {
    uint32_t failures;
    int64_t last_us, locked_until;
};

struct lockout {
    pthread_mutex_t mutex;
    struct map names;
    uint32_t failures_max;
    int64_t window_us;
};

struct lockout *lockout_new(uint32_t failures_max, uint32_t minutes)
{
    struct lockout *lockout = mem_zalloc(sizeof(*lockout));

    CHECK(failures_max > 0 && minutes > 0);
    CHECK(pthread_mutex_init(&lockout->mutex, NULL) == 0);
    map_init(&lockout->names);
    lockout->failures_max = failures_max;
    lockout->window_us = (int64_t)minutes * 60 * 1000000;
    return lockout;
}

void lockout_free(struct lockout *lockout)
{
    if (lockout == NULL)
        return;
    map_clear_values(&lockout->names);
    CHECK(pthread_mutex_destroy(&lockout->mutex) == 0);
    mem_free(lockout);
}

void lockout_look(struct lockout *lockout, struct str name, int64_t now_us, int64_t forgiven_us,
                  uint32_t *failures, int64_t *locked_until)
{
    CHECK(now_us > 0);
    pthread_mutex_lock(&lockout->mutex);
    const struct lockout_entry *entry = map_get(&lockout->names, name);
    bool counts = entry != NULL && entry->last_us > forgiven_us;
    *failures = counts ? entry->failures : 0;
    *locked_until = counts && entry->locked_until > now_us ? entry->locked_until : 0;
    pthread_mutex_unlock(&lockout->mutex);
}

bool lockout_is_locked(struct lockout *lockout, struct str name, int64_t now_us,
                       int64_t forgiven_us)
{
    uint32_t failures;
    int64_t locked_until;

    lockout_look(lockout, name, now_us, forgiven_us, &failures, &locked_until);
    CHECK(locked_until == 0 || locked_until > now_us);
    return locked_until > 0;
}

/* Makes room: first what has run out, then everything that is not locked. */
static void lockout_forget(struct lockout *lockout, int64_t now_us, bool all)
{
    size_t cursor = 0;
    struct str name;
    void *value;

    CHECK(lockout->window_us > 0);
    while (map_next(&lockout->names, &cursor, &name, &value)) {
        struct lockout_entry *entry = value;
        if (entry->locked_until > now_us || (!all && entry->last_us + lockout->window_us > now_us))
            continue;
        (void)map_remove(&lockout->names, name);
        mem_free(entry);
    }
}

bool lockout_failed(struct lockout *lockout, struct str name, int64_t now_us, int64_t forgiven_us)
{
    CHECK(now_us > 0);
    pthread_mutex_lock(&lockout->mutex);
    if (lockout->names.count >= LOCKOUT_ENTRIES_MAX)
        lockout_forget(lockout, now_us, false);
    if (lockout->names.count >= LOCKOUT_ENTRIES_MAX)
        lockout_forget(lockout, now_us, true);
    struct lockout_entry *entry = map_get(&lockout->names, name);
    if (entry == NULL) {
        entry = mem_zalloc(sizeof(*entry));
        CHECK(map_put(&lockout->names, name, entry) == NULL);
    }
    if (entry->last_us + lockout->window_us <= now_us || entry->last_us <= forgiven_us)
        *entry = (struct lockout_entry){.failures = 0};
    entry->last_us = now_us;
    entry->failures++;
    if (entry->failures >= lockout->failures_max) {
        entry->locked_until = now_us + lockout->window_us;
        entry->failures = 0;
    }
    bool locked = entry->locked_until > now_us;
    pthread_mutex_unlock(&lockout->mutex);
    return locked;
}

void lockout_succeeded(struct lockout *lockout, struct str name)
{
    CHECK(lockout != NULL);
    pthread_mutex_lock(&lockout->mutex);
    mem_free(map_remove(&lockout->names, name));
    pthread_mutex_unlock(&lockout->mutex);
}

/* Before each name. */
struct lockout_saved {
    int64_t last_us, locked_until;
    uint64_t size;
};

void lockout_save(struct lockout *lockout, int64_t now_us, struct buf *out)
{
    size_t cursor = 0;
    struct str name;
    void *value;

    CHECK(now_us > 0);
    pthread_mutex_lock(&lockout->mutex);
    while (map_next(&lockout->names, &cursor, &name, &value)) {
        const struct lockout_entry *entry = value;
        struct lockout_saved saved = {
            .last_us = entry->last_us, .locked_until = entry->locked_until, .size = name.size};
        if (entry->locked_until <= now_us)
            continue;
        buf_append(out, &saved, sizeof(saved));
        buf_append_str(out, name);
    }
    pthread_mutex_unlock(&lockout->mutex);
}

bool lockout_restore(struct lockout *lockout, int64_t now_us, struct str saved)
{
    struct lockout_saved head;

    CHECK(now_us > 0);
    while (saved.size >= sizeof(head)) {
        memcpy(&head, saved.data, sizeof(head));
        saved = str_from(saved.data + sizeof(head), saved.size - sizeof(head));
        if (head.size > saved.size)
            return false;
        struct str name = str_from(saved.data, head.size);
        saved = str_from(saved.data + head.size, saved.size - head.size);
        if (head.locked_until <= now_us || lockout->names.count >= LOCKOUT_ENTRIES_MAX)
            continue;
        struct lockout_entry *entry = mem_zalloc(sizeof(*entry));
        /* Locked for no longer than is configured now. */
        int64_t longest = now_us + lockout->window_us;
        entry->last_us = head.last_us < now_us ? head.last_us : now_us;
        entry->locked_until = head.locked_until < longest ? head.locked_until : longest;
        mem_free(map_put(&lockout->names, name, entry));
    }
    return saved.size == 0;
}

/* ---- rates ----------------------------------------------------------------------------------- */

struct rate_entry {
    int64_t second;
    uint32_t count;
};

struct rate_limit {
    pthread_mutex_t mutex;
    struct map keys;
    uint32_t per_second;
};

struct rate_limit *rate_limit_new(uint32_t per_second)
{
    struct rate_limit *limit = mem_zalloc(sizeof(*limit));

    CHECK(pthread_mutex_init(&limit->mutex, NULL) == 0);
    map_init(&limit->keys);
    limit->per_second = per_second;
    return limit;
}

void rate_limit_free(struct rate_limit *limit)
{
    if (limit == NULL)
        return;
    map_clear_values(&limit->keys);
    CHECK(pthread_mutex_destroy(&limit->mutex) == 0);
    mem_free(limit);
}

static bool rate_limit_count(struct rate_limit *limit, struct str key, int64_t second)
{
    struct rate_entry *entry = map_get(&limit->keys, key);

    CHECK(limit->per_second > 0);
    if (entry == NULL) {
        if (limit->keys.count >= RATE_ENTRIES_MAX)
            map_clear_values(&limit->keys); /* everybody starts anew in this second */
        entry = mem_zalloc(sizeof(*entry));
        CHECK(map_put(&limit->keys, key, entry) == NULL);
    }
    if (entry->second != second)
        *entry = (struct rate_entry){.second = second};
    if (entry->count >= limit->per_second)
        return false;
    entry->count++;
    return true;
}

bool rate_limit_passes(struct rate_limit *limit, struct str key, int64_t now_us)
{
    CHECK(now_us > 0);
    if (limit->per_second == 0)
        return true;
    pthread_mutex_lock(&limit->mutex);
    bool passes = rate_limit_count(limit, key, now_us / 1000000);
    pthread_mutex_unlock(&limit->mutex);
    return passes;
}
