/* stream.c — the registry of stream tables, see stream.h.
 *
 * An entry exists while the commit thread holds it or somebody subscribes: a table that was never
 * written has none. One mutex for all of them: it is held for a look-up in a map.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/stream.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "store/store_internal.h"

#include <stdio.h>

/* Readers step over what was removed since the mark before last. */
enum { STREAM_MARK_MS = 50 };

struct streams {
    pthread_mutex_t mutex;
    struct map entries; /* bytes of the table id → struct stream */
};

struct streams *streams_new(void)
{
    struct streams *streams = mem_zalloc(sizeof(*streams));

    CHECK(pthread_mutex_init(&streams->mutex, NULL) == 0);
    map_init(&streams->entries);
    return streams;
}

void streams_free(struct streams *streams)
{
    size_t cursor = 0;
    void *entry;

    if (streams == NULL)
        return;
    CHECK(pthread_mutex_destroy(&streams->mutex) == 0);
    while (map_next(&streams->entries, &cursor, NULL, &entry))
        mem_free(entry);
    map_clear(&streams->entries);
    mem_free(streams);
}

static struct str streams_key(const struct table_id *table)
{
    CHECK(table->value > 0);
    return str_from((const char *)&table->value, sizeof(table->value));
}

/* The mutex is held. */
static struct stream *streams_obtain(struct streams *streams, struct table_id table)
{
    struct stream *stream = map_get(&streams->entries, streams_key(&table));

    if (stream != NULL)
        return stream;
    stream = mem_zalloc(sizeof(*stream));
    CHECK(map_put(&streams->entries, streams_key(&table), stream) == NULL);
    return stream;
}

/* The mutex is held. */
static void streams_release(struct streams *streams, struct table_id table, struct stream *stream)
{
    CHECK(map_get(&streams->entries, streams_key(&table)) == stream);
    if (stream->attached || atomic_load(&stream->subscribers) > 0)
        return;
    (void)map_remove(&streams->entries, streams_key(&table));
    mem_free(stream);
}

void stream_subscribe(struct store *store, struct table_id table)
{
    struct streams *streams = store->streams;

    CHECK(pthread_mutex_lock(&streams->mutex) == 0);
    atomic_fetch_add(&streams_obtain(streams, table)->subscribers, 1);
    CHECK(pthread_mutex_unlock(&streams->mutex) == 0);
}

void stream_unsubscribe(struct store *store, struct table_id table)
{
    struct streams *streams = store->streams;

    CHECK(pthread_mutex_lock(&streams->mutex) == 0);
    struct stream *stream = map_get(&streams->entries, streams_key(&table));
    CHECK(stream != NULL && atomic_load(&stream->subscribers) > 0);
    atomic_fetch_sub(&stream->subscribers, 1);
    streams_release(streams, table, stream);
    CHECK(pthread_mutex_unlock(&streams->mutex) == 0);
}

enum status stream_settle(struct store *store, struct error *err)
{
    /* Without operations it writes nothing, but it is answered after all that came before it. */
    struct commit_request request = {.op_count = 0};

    CHECK(store != NULL);
    return commit_submit_wait(store, &request, err);
}

void stream_figures(struct store *store, struct table_id table, struct stream_figures *out)
{
    struct streams *streams = store->streams;

    *out = (struct stream_figures){.buffered_rows = 0};
    CHECK(pthread_mutex_lock(&streams->mutex) == 0);
    const struct stream *stream = map_get(&streams->entries, streams_key(&table));
    if (stream != NULL) {
        out->buffered_rows = atomic_load(&stream->buffered);
        out->expired = atomic_load(&stream->expired);
        out->displaced = atomic_load(&stream->displaced);
        out->subscribers = atomic_load(&stream->subscribers);
    }
    CHECK(pthread_mutex_unlock(&streams->mutex) == 0);
}

struct stream *stream_attach(struct store *store, struct table_id table)
{
    struct streams *streams = store->streams;

    CHECK(pthread_mutex_lock(&streams->mutex) == 0);
    struct stream *stream = streams_obtain(streams, table);
    CHECK(!stream->attached);
    stream->attached = true;
    CHECK(pthread_mutex_unlock(&streams->mutex) == 0);
    return stream;
}

void stream_detach(struct store *store, struct table_id table)
{
    struct streams *streams = store->streams;

    CHECK(pthread_mutex_lock(&streams->mutex) == 0);
    struct stream *stream = map_get(&streams->entries, streams_key(&table));
    CHECK(stream != NULL && stream->attached);
    stream->attached = false;
    atomic_store(&stream->buffered, 0);
    streams_release(streams, table, stream);
    CHECK(pthread_mutex_unlock(&streams->mutex) == 0);
}

void stream_mark(struct store *store, struct stream *stream, const struct stream_mark *mark,
                 int64_t now_ms)
{
    struct streams *streams = store->streams;

    CHECK(mark->position >= stream->marks[1].position);
    if (now_ms < stream->marked_ms + STREAM_MARK_MS)
        return;
    stream->marked_ms = now_ms;
    CHECK(pthread_mutex_lock(&streams->mutex) == 0);
    stream->marks[0] = stream->marks[1];
    stream->marks[1] = *mark;
    CHECK(pthread_mutex_unlock(&streams->mutex) == 0);
}

int64_t stream_low_ms(struct store *store, struct table_id table, const struct view *view)
{
    struct streams *streams = store->streams;
    int64_t position = view_position(view), low_ms = 0;

    CHECK(pthread_mutex_lock(&streams->mutex) == 0);
    const struct stream *stream = map_get(&streams->entries, streams_key(&table));
    for (size_t i = 0; stream != NULL && i < ARRAY_COUNT(stream->marks); i++)
        if (position >= stream->marks[i].position)
            low_ms = stream->marks[i].low_ms;
    CHECK(pthread_mutex_unlock(&streams->mutex) == 0);
    return low_ms;
}

/* ---- keys -------------------------------------------------------------------------------------
 */

void stream_key_prefix(int64_t ms, struct buf *out)
{
    CHECK(ms >= 0);
    buf_printf(out, "%013lld:", (long long)ms);
}

int64_t stream_key_ms(struct str key)
{
    int64_t ms = 0;

    CHECK(key.size >= STREAM_PREFIX_BYTES && key.data[STREAM_PREFIX_BYTES - 1] == ':');
    for (int i = 0; i < STREAM_PREFIX_BYTES - 1; i++)
        ms = ms * 10 + (key.data[i] - '0');
    return ms;
}

size_t stream_expiry_key(const struct table *table, int64_t now_us,
                         char out[STREAM_PREFIX_BYTES + 1])
{
    if (table->kind != TABLE_KIND_STREAM || table->ttl_seconds == 0)
        return 0;
    if (now_us == 0)
        now_us = clock_now_us();
    int64_t oldest_ms = now_us / 1000 - (int64_t)table->ttl_seconds * 1000;
    if (oldest_ms <= 0)
        return 0;
    int size = snprintf(out, STREAM_PREFIX_BYTES + 1, "%013lld:", (long long)oldest_ms);
    CHECK(size == STREAM_PREFIX_BYTES);
    return STREAM_PREFIX_BYTES;
}
