/* store.c — opens and closes the store: spaces, format version, numbers, catalogue, first start.
 *
 * Numbers go on above what was reserved, so that no _seq or snowflake id is given out twice even
 * when the last run lost its newest writes. Between the recovered position and the start position
 * nothing exists; resuming there is refused by live/.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/store.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "catalog/system_tables.h"
#include "store/commit/commit_internal.h"
#include "store/ddl.h"
#include "store/feed_internal.h"
#include "store/row_cache.h"
#include "store/segment_file.h"
#include "store/storages.h"
#include "store/store_internal.h"
#include "store/stream.h"
#include "value/key.h"

enum {
    STORE_FORMAT = 1,
    STORE_SEGMENT_CACHE_BYTES = 64 << 20,
    STORE_EVICTION_INTERVAL_MS = 1000,
};

/* ---- opening ----------------------------------------------------------------------------------
 */

static enum status store_open_spaces(struct store *store, struct error *err)
{
    const struct {
        struct str name;
        struct kv_space **space;
    } wanted[] = {
        {STR_LIT("meta"), &store->spaces.meta},
        {STR_LIT("user_table_counters"), &store->spaces.instances},
        {STR_LIT("parquet_manifest"), &store->spaces.segments},
        {STR_LIT("pending_files"), &store->spaces.pending},
    };

    CHECK(store->kv != NULL);
    for (size_t i = 0; i < ARRAY_COUNT(wanted); i++) {
        enum status status =
            kv_space_open(store->kv, wanted[i].name, KV_SPACE_SMALL, wanted[i].space, err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status store_write_format(struct store *store, struct error *err)
{
    struct kv_batch *batch = kv_batch_new(store->kv);
    uint32_t format = STORE_FORMAT;

    CHECK(store->spaces.meta != NULL);
    kv_batch_put(batch, store->spaces.meta, STR_LIT(META_FORMAT),
                 str_from((const char *)&format, sizeof(format)));
    kv_batch_put(batch, store->spaces.meta, STR_LIT(META_ROOTS_MARKED), STR_LIT("1"));
    enum status status = kv_write(store->kv, batch, KV_SYNC, err);
    kv_batch_free(batch);
    return status;
}

static enum status store_check_format(struct store *store, struct error *err)
{
    struct kv_value value;
    uint32_t format = 0;
    enum status status =
        kv_get(store->kv, store->spaces.meta, NULL, STR_LIT(META_FORMAT), 0, &value, err);

    CHECK(store->spaces.meta != NULL);
    if (status == STATUS_ABSENT)
        return store_write_format(store, err);
    if (status != STATUS_OK)
        return status;
    if (value.bytes.size == sizeof(format))
        memcpy(&format, value.bytes.data, sizeof(format));
    kv_value_release(store->kv, &value);
    if (format != STORE_FORMAT)
        return error_set(err, STATUS_CORRUPT,
                         "the data has format version %u, this server reads version %d", format,
                         STORE_FORMAT);
    return STATUS_OK;
}

/* The first view, the pipeline (its thread not yet running) and the feed. `catalog` moves. */
static enum status store_open_pipeline(struct store *store, struct catalog *catalog,
                                       struct error *err)
{
    struct commit_place place;
    enum status status = commit_read_place(store, &place, err);

    CHECK(store->view == NULL);
    if (status != STATUS_OK) {
        catalog_unref(catalog);
        return status;
    }
    store->recovered_position = place.position;
    /* One more, so that a number that was given out before a crash is never the first view's. */
    store->start_position =
        place.seq_reserved > place.position ? place.seq_reserved + 1 : place.position;
    status = lost_open(store, place.seq_reserved <= place.position, err);
    if (status != STATUS_OK) {
        catalog_unref(catalog);
        return status;
    }
    if (place.id_reserved_ms > 0)
        id_floor(place.id_reserved_ms);
    store->feed = feed_new(store->options.feed_bytes, store->start_position);
    view_publish(store, store->start_position, catalog_ref(catalog));
    store->pipeline = commit_new(store, catalog, &place, store->start_position);
    return STATUS_OK;
}

/* ---- first start ------------------------------------------------------------------------------
 */

/* What is missing of storage `local` and namespace `default`. */
static enum status store_first_build(void *context, struct ddl *ddl, struct error *err)
{
    const struct catalog *catalog = view_catalog(ddl_view(ddl));
    enum status status = STATUS_OK;

    CHECK(context == NULL);
    if (catalog_find_storage(catalog, STR_LIT(STORAGE_LOCAL)) == NULL) {
        struct storage *storage = storage_new();
        storage->id = STR_LIT(STORAGE_LOCAL);
        storage->name = STR_LIT("Local filesystem");
        status = ddl_add_storage(ddl, storage, NULL, err);
    }
    if (status == STATUS_OK && catalog_find_namespace(catalog, STR_LIT("default")) == NULL)
        status = ddl_add_namespace(ddl, STR_LIT("default"), STR_EMPTY, err);
    return status;
}

static enum status store_first_user(struct store *store, struct error *err)
{
    struct user *user = user_new();

    CHECK(store->pipeline != NULL);
    user->id = STR_LIT("root");
    user->username = STR_LIT("root");
    user->role = ROLE_SYSTEM;
    user->created_at = user->updated_at = clock_now_us();
    return ddl_put_user(store, user, true, err);
}

/* Each part is checked on its own, so that a first start cut short is completed by the second. */
static enum status store_first_start(struct store *store, struct error *err)
{
    struct view *view = view_acquire(store);
    const struct catalog *catalog = view_catalog(view);
    struct ddl_statement statement = {.now_us = clock_now_us(), .build = store_first_build};
    enum status status = ddl_run(store, &statement, err);

    CHECK(catalog != NULL);
    if (status == STATUS_OK && catalog_find_user(catalog, STR_LIT("root")) == NULL)
        status = store_first_user(store, err);
    view_release(view);
    return status;
}

static bool store_flush_visit(void *context, struct str user,
                              const struct instance_counters *counters)
{
    int64_t *latest = context;

    (void)user;
    CHECK(*latest >= 0);
    if (counters->last_flush_us > *latest)
        *latest = counters->last_flush_us;
    return true;
}

/* A flush notes its time in a commit of its own: a crash comes between. */
static void store_note_flushes(struct store *store)
{
    struct view *view = view_acquire(store);
    const struct table *table;
    struct error err;

    CHECK(store->pipeline != NULL);
    for (size_t i = 0; (table = catalog_table_at(view_catalog(view), i)) != NULL; i++) {
        int64_t latest = 0;
        if (table->kind != TABLE_KIND_USER && table->kind != TABLE_KIND_SHARED)
            continue;
        enum status status = instance_each(store, view, table, store_flush_visit, &latest, &err);
        if (status == STATUS_OK && latest > table->last_flushed_at)
            status = ddl_table_flushed(store, table->id, latest, &err);
        if (status != STATUS_OK)
            log_warn("time of the last flush of %.*s.%.*s: %s", STR_ARG(table->space),
                     STR_ARG(table->name), err.message);
    }
    view_release(view);
}

/* ---- open and close ---------------------------------------------------------------------------
 */

static struct store *store_new(const struct store_options *options)
{
    struct store *store = mem_zalloc(sizeof(*store));

    CHECK(options->kv != NULL);
    store->options = *options;
    store->kv = options->kv;
    store->columnar = options->columnar;
    CHECK(pthread_mutex_init(&store->view_mutex, NULL) == 0);
    clock_cond_init(&store->view_freed);
    CHECK(pthread_mutex_init(&store->catalog_mutex, NULL) == 0);
    CHECK(pthread_mutex_init(&store->alter_mutex, NULL) == 0);
    clock_cond_init(&store->alter_unlocked);
    map_init(&store->closed);
    map_init(&store->dropping);
    store->storages = storages_new(store);
    if (options->files != NULL)
        store->files = storages_files(store->storages);
    store->segment_cache = segment_cache_new(STORE_SEGMENT_CACHE_BYTES);
    store->row_cache = row_cache_new(options->row_cache_bytes);
    if (options->check_files)
        store->segment_checks = segment_checks_new();
    store->streams = streams_new();
    if (store->options.stream_eviction_interval_ms == 0)
        store->options.stream_eviction_interval_ms = STORE_EVICTION_INTERVAL_MS;
    return store;
}

static void store_free(struct store *store)
{
    storages_stop(store);
    recovery_stop(store);
    ddl_clear(store);
    view_publish_end(store);
    feed_free(store->feed);
    commit_free(store->pipeline);
    streams_free(store->streams);
    row_cache_free(store->row_cache);
    segment_checks_free(store->segment_checks);
    storages_free(store->storages);
    segment_cache_free(store->segment_cache);
    CHECK(store->view_oldest == NULL);
    CHECK(store->altering == NULL && store->closed.count == 0);
    map_clear(&store->closed);
    (void)pthread_cond_destroy(&store->alter_unlocked);
    (void)pthread_mutex_destroy(&store->alter_mutex);
    (void)pthread_mutex_destroy(&store->catalog_mutex);
    (void)pthread_cond_destroy(&store->view_freed);
    (void)pthread_mutex_destroy(&store->view_mutex);
    mem_free(store->lost);
    mem_free(store);
}

enum status store_open(const struct store_options *options, struct store **out, struct error *err)
{
    struct store *store = store_new(options);
    struct catalog *catalog = NULL;
    enum status status;

    CHECK(out != NULL);
    status = store_open_spaces(store, err);
    if (status == STATUS_OK)
        status = store_check_format(store, err);
    if (status == STATUS_OK)
        status = catalog_load(store->kv, &catalog, err);
    if (status == STATUS_OK) {
        status = store_drop_orphans(store, catalog, err);
        if (status == STATUS_OK)
            status = store_open_pipeline(store, catalog, err);
        else
            catalog_unref(catalog);
    }
    if (status == STATUS_OK)
        status = recovery_run(store, err);
    if (status != STATUS_OK) {
        store_free(store);
        return status;
    }
    commit_run(store->pipeline);
    status = store_first_start(store, err);
    if (status != STATUS_OK) {
        store_close(store);
        return status;
    }
    storages_start(store);
    if (store->start_position > store->recovered_position) /* the last run ended badly */
        store_note_flushes(store);
    *out = store;
    return STATUS_OK;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    CHECK(store->pipeline != NULL);
    commit_stop(store->pipeline);
    feed_stop(store->feed);
    store_free(store);
}

/* ---- figures ----------------------------------------------------------------------------------
 */

int64_t store_recovered_position(const struct store *store)
{
    CHECK(store->recovered_position <= store->start_position);
    return store->recovered_position;
}

int64_t store_start_position(const struct store *store)
{
    CHECK(store != NULL);
    return store->start_position;
}

void store_stats(struct store *store, struct store_stats *out)
{
    struct row_cache_stats cache;

    CHECK(out != NULL);
    *out = (struct store_stats){0};
    commit_pipeline_stats(store->pipeline, out);
    row_cache_stats(store->row_cache, &cache);
    out->row_cache_bytes = cache.bytes;
    out->segment_cache_bytes = segment_cache_bytes(store->segment_cache);
    out->row_cache_hits = cache.hits;
    out->row_cache_misses = cache.misses;
    out->feed_bytes = feed_bytes(store->feed);
}
