/* kv_rocksdb.c — the key-value store on RocksDB: opening, families, reads, batches. Its options are
 * in kv_rocksdb_options.c, its iterators in kv_rocksdb_iterator.c; no other file knows RocksDB.
 *
 * Which family a space lies in is decided in kv_spaces.c; here families are opened, read and
 * written. Volatile changes of a batch go into a second RocksDB batch without log, written after
 * the first. A failed write closes the store for writing (`failed`). Torn ends of the log are cut
 * at the first record that does not check (point in time).
 *
 * Thread: any.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/kv_rocksdb_internal.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "storage/files_internal.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

struct rocks_batch {
    struct kv_batch base;
    rocksdb_writebatch_t *logged, *unlogged;
    bool has_logged, has_unlogged;
};

struct rocks_kv *rocks_kv(struct kv *kv)
{
    CHECK(kv != NULL);
    return CONTAINER_OF(kv, struct rocks_kv, spaces.base);
}

rocksdb_column_family_handle_t *rocks_handle(const struct spaces_space *space)
{
    CHECK(space != NULL);
    return space->family->handle;
}

/* ---- errors
 * --------------------------------------------------------------------------------------- */

enum status rocks_error(char *text, const char *what, struct error *err)
{
    enum status status = STATUS_IO_FAILED;
    size_t size;

    CHECK(text != NULL);
    size = strlen(text);
    if (str_starts_with(str_from(text, size), STR_LIT("Result incomplete"))) {
        rocksdb_free(text);
        return STATUS_WOULD_BLOCK;
    }
    log_error("rocksdb: %s: %s", what, text);
    if (str_starts_with(str_from(text, size), STR_LIT("Corruption")))
        status = STATUS_CORRUPT;
    for (const char *end = text; *end != '\0'; end++)
        if (*end == '/' || str_starts_with(str_from_c(end), STR_LIT(": While"))) {
            size = (size_t)(end - text);
            break;
        }
    (void)error_set(err, status, "key-value store: %s: %.*s", what, (int)size, text);
    rocksdb_free(text);
    return status;
}

/* ---- writing
 * -------------------------------------------------------------------------------------- */

static enum status rocks_write_one(struct rocks_kv *kv, rocksdb_writebatch_t *batch,
                                   enum kv_durability durability, struct error *err)
{
    char *text = NULL;

    CHECK(batch != NULL);
    rocksdb_write(kv->db, kv->write_options[durability], batch, &text);
    if (text == NULL)
        return STATUS_OK;
    atomic_store(&kv->failed, true);
    return rocks_error(text, "write", err);
}

static enum status rocks_refuse_failed(const struct rocks_kv *kv, struct error *err)
{
    CHECK(kv != NULL);
    if (LIKELY(!atomic_load_explicit(&kv->failed, memory_order_relaxed)))
        return STATUS_OK;
    return error_set(err, STATUS_IO_FAILED, "key-value store: refuses writes after a failed one");
}

/* ---- families
 * ------------------------------------------------------------------------------------ */

static struct kv_family *rocks_family_new(rocksdb_column_family_handle_t *handle, const char *name)
{
    struct kv_family *family = mem_alloc(sizeof(*family));

    CHECK(handle != NULL && strlen(name) < sizeof(family->name));
    family->handle = handle;
    rocks_seams_init(&family->seams);
    atomic_init(&family->has_deleted_ranges, false);
    memcpy(family->name, name, strlen(name) + 1);
    return family;
}

static void rocks_family_close(struct kv_family *family)
{
    CHECK(family->handle != NULL);
    rocksdb_column_family_handle_destroy(family->handle);
    rocks_seams_clear(&family->seams);
    mem_free(family);
}

/* RocksDB does not take the failure for one of its manifest, and would stop at an assertion when it
 * recovers from the next one. */
static enum status rocks_family_failed(struct rocks_kv *kv, char *text, const char *what,
                                       struct error *err)
{
    CHECK(text != NULL);
    if (str_starts_with(str_from_c(text), STR_LIT("IO error"))) {
        atomic_store(&kv->failed, true);
        log_error("%s failed; no further write is accepted until the server is restarted", what);
    }
    return rocks_error(text, what, err);
}

static enum status rocks_family_create(struct spaces_kv *base, const char *name,
                                       struct kv_family **out, struct error *err)
{
    struct rocks_kv *kv = rocks_kv(&base->base);
    rocksdb_options_t *options;
    rocksdb_column_family_handle_t *handle;
    enum status status = rocks_refuse_failed(kv, err);
    char *text = NULL;

    CHECK(name != NULL && out != NULL);
    *out = NULL;
    if (status != STATUS_OK)
        return status;
    options = rocks_family_options(kv, name);
    handle = rocksdb_create_column_family(kv->db, options, name, &text);
    rocksdb_options_destroy(options);
    if (text != NULL)
        return rocks_family_failed(kv, text, "create a column family", err);
    *out = rocks_family_new(handle, name);
    return STATUS_OK;
}

static void rocks_family_drop(struct spaces_kv *base, struct kv_family *family)
{
    char *text = NULL;

    CHECK(family != NULL && family->handle != NULL);
    rocksdb_drop_column_family(rocks_kv(&base->base)->db, family->handle, &text);
    if (text != NULL)
        (void)rocks_family_failed(rocks_kv(&base->base), text, "drop a column family", NULL);
    rocks_family_close(family);
}

static const char *rocks_family_name(const struct kv_family *family)
{
    CHECK(family->handle != NULL);
    return family->name;
}

static const struct family_driver rocks_families = {
    .create = rocks_family_create,
    .drop = rocks_family_drop,
    .close = rocks_family_close,
    .name = rocks_family_name,
};

static uint64_t rocks_family_property(const struct rocks_kv *kv,
                                      rocksdb_column_family_handle_t *family, const char *name)
{
    uint64_t number = 0;

    CHECK(family != NULL);
    return rocksdb_property_int_cf(kv->db, family, name, &number) == 0 ? number : 0;
}

static uint64_t rocks_space_bytes(struct kv *base, struct kv_space *base_space)
{
    const struct rocks_kv *kv = rocks_kv(base);
    const struct spaces_space *space = spaces_space(base_space);
    const char *start = space->prefix, *end = space->prefix_end;
    const size_t size = DIRECTORY_PREFIX_BYTES;
    uint64_t bytes = 0;
    char *text = NULL;

    CHECK(space != NULL);
    if (!space->is_pooled)
        return rocks_family_property(kv, rocks_handle(space), "rocksdb.cur-size-all-mem-tables") +
               rocks_family_property(kv, rocks_handle(space), "rocksdb.total-sst-files-size");
    rocksdb_approximate_sizes_cf(kv->db, rocks_handle(space), 1, &start, &size, &end, &size, &bytes,
                                 &text);
    rocksdb_free(text);
    return bytes;
}

/* ---- reading
 * -------------------------------------------------------------------------------------- */

void rocks_count_nothing(void)
{
    static _Thread_local bool done;

    if (UNLIKELY(!done))
        rocksdb_set_perf_level(rocksdb_disable);
    done = true;
}

static const rocksdb_readoptions_t *rocks_get_options(const struct rocks_kv *kv,
                                                      const struct kv_snapshot *base,
                                                      unsigned flags)
{
    const struct rocks_snapshot *snapshot = (const struct rocks_snapshot *)base;
    bool is_cached = (flags & KV_READ_CACHED) != 0;

    if (snapshot == NULL)
        return is_cached ? kv->read_cached : kv->read_blocking;
    CHECK(snapshot->snapshot != NULL);
    return is_cached ? snapshot->read_cached : snapshot->read_blocking;
}

static enum status rocks_get(struct kv *base, struct kv_space *base_space,
                             const struct kv_snapshot *snapshot, struct str key, unsigned flags,
                             struct kv_value *out, struct error *err)
{
    struct rocks_kv *kv = rocks_kv(base);
    const struct spaces_space *space = spaces_space(base_space);
    rocksdb_pinnableslice_t *pin;
    struct directory_full_key full;
    char *text = NULL;

    rocks_count_nothing();
    directory_full_key_init(&full, spaces_prefix(space), key);
    pin = rocksdb_get_pinned_cf(kv->db, rocks_get_options(kv, snapshot, flags), rocks_handle(space),
                                full.bytes.data, full.bytes.size, &text);
    directory_full_key_clear(&full);
    if (text != NULL)
        return rocks_error(text, "read", err);
    if (pin == NULL)
        return STATUS_ABSENT;
    out->pin = pin;
    out->bytes.data = rocksdb_pinnableslice_value(pin, &out->bytes.size);
    CHECK(out->bytes.data != NULL);
    if (UNLIKELY(out->bytes.size == 0 && (flags & KV_READ_CACHED) != 0)) {
        /* So RocksDB answers when it would have to open the key's file first: it may be there. */
        rocksdb_pinnableslice_destroy(pin);
        *out = (struct kv_value){.pin = NULL};
        return STATUS_WOULD_BLOCK;
    }
    return STATUS_OK;
}

static void rocks_value_release(struct kv_value *value)
{
    CHECK(value->pin != NULL);
    rocksdb_pinnableslice_destroy(value->pin);
}

static struct kv_snapshot *rocks_snapshot_new(struct kv *base)
{
    struct rocks_snapshot *snapshot = mem_zalloc(sizeof(*snapshot));

    snapshot->base.kv = base;
    snapshot->snapshot = rocksdb_create_snapshot(rocks_kv(base)->db);
    CHECK(snapshot->snapshot != NULL);
    snapshot->read_blocking = rocksdb_readoptions_create();
    rocksdb_readoptions_set_snapshot(snapshot->read_blocking, snapshot->snapshot);
    snapshot->read_cached = rocksdb_readoptions_create();
    rocksdb_readoptions_set_snapshot(snapshot->read_cached, snapshot->snapshot);
    rocksdb_readoptions_set_read_tier(snapshot->read_cached, ROCKS_READ_CACHE_ONLY);
    return &snapshot->base;
}

static void rocks_snapshot_free(struct kv *base, struct kv_snapshot *base_snapshot)
{
    struct rocks_snapshot *snapshot = CONTAINER_OF(base_snapshot, struct rocks_snapshot, base);

    CHECK(snapshot->snapshot != NULL);
    rocksdb_release_snapshot(rocks_kv(base)->db, snapshot->snapshot);
    rocksdb_readoptions_destroy(snapshot->read_blocking);
    rocksdb_readoptions_destroy(snapshot->read_cached);
    mem_free(snapshot);
}

/* ---- writing
 * -------------------------------------------------------------------------------------- */

static struct rocks_batch *rocks_batch(struct kv_batch *batch)
{
    CHECK(batch != NULL);
    return CONTAINER_OF(batch, struct rocks_batch, base);
}

static struct kv_batch *rocks_batch_new(struct kv *kv)
{
    struct rocks_batch *batch = mem_zalloc(sizeof(*batch));

    CHECK(kv != NULL);
    batch->base.kv = kv;
    batch->logged = rocksdb_writebatch_create();
    return &batch->base;
}

static void rocks_batch_free(struct kv_batch *base)
{
    struct rocks_batch *batch = rocks_batch(base);

    CHECK(batch->logged != NULL);
    rocksdb_writebatch_destroy(batch->logged);
    if (batch->unlogged != NULL)
        rocksdb_writebatch_destroy(batch->unlogged);
    mem_free(batch);
}

static void rocks_batch_reset(struct kv_batch *base)
{
    struct rocks_batch *batch = rocks_batch(base);

    CHECK(batch->logged != NULL);
    rocksdb_writebatch_clear(batch->logged);
    if (batch->unlogged != NULL)
        rocksdb_writebatch_clear(batch->unlogged);
    batch->has_logged = batch->has_unlogged = false;
}

/* The RocksDB batch that a change of this space belongs to. */
static rocksdb_writebatch_t *rocks_batch_for(struct rocks_batch *batch,
                                             const struct spaces_space *space)
{
    if ((space->base.flags & KV_SPACE_VOLATILE) == 0) {
        batch->has_logged = true;
        return batch->logged;
    }
    if (batch->unlogged == NULL)
        batch->unlogged = rocksdb_writebatch_create();
    batch->has_unlogged = true;
    CHECK(batch->unlogged != NULL);
    return batch->unlogged;
}

static void rocks_batch_put(struct kv_batch *base, struct kv_space *base_space, struct str key,
                            struct str value)
{
    const struct spaces_space *space = spaces_space(base_space);
    rocksdb_writebatch_t *to = rocks_batch_for(rocks_batch(base), space);
    const char *parts[2] = {space->prefix, key.data};
    const size_t sizes[2] = {DIRECTORY_PREFIX_BYTES, key.size};

    CHECK(space != NULL);
    if (space->is_pooled)
        rocksdb_writebatch_putv_cf(to, rocks_handle(space), 2, parts, sizes, 1, &value.data,
                                   &value.size);
    else
        rocksdb_writebatch_put_cf(to, rocks_handle(space), key.data, key.size, value.data,
                                  value.size);
}

static void rocks_batch_delete(struct kv_batch *base, struct kv_space *base_space, struct str key)
{
    const struct spaces_space *space = spaces_space(base_space);
    rocksdb_writebatch_t *to = rocks_batch_for(rocks_batch(base), space);
    const char *parts[2] = {space->prefix, key.data};
    const size_t sizes[2] = {DIRECTORY_PREFIX_BYTES, key.size};

    CHECK(space != NULL);
    if (space->is_pooled)
        rocksdb_writebatch_deletev_cf(to, rocks_handle(space), 2, parts, sizes);
    else
        rocksdb_writebatch_delete_cf(to, rocks_handle(space), key.data, key.size);
}

static void rocks_batch_delete_range(struct kv_batch *base, struct kv_space *base_space,
                                     struct str start, struct str end)
{
    const struct spaces_space *space = spaces_space(base_space);
    rocksdb_writebatch_t *to = rocks_batch_for(rocks_batch(base), space);
    struct directory_full_key from, until;

    CHECK(str_compare(start, end) < 0 || (space->is_pooled && end.size == 0));
    directory_full_key_init(&from, spaces_prefix(space), start);
    directory_full_key_init(&until, spaces_prefix(space), end);
    if (end.size == 0) /* a whole space is dropped */
        until.bytes = str_from(space->prefix_end, DIRECTORY_PREFIX_BYTES);
    rocksdb_writebatch_delete_range_cf(to, rocks_handle(space), from.bytes.data, from.bytes.size,
                                       until.bytes.data, until.bytes.size);
    atomic_store(&space->family->has_deleted_ranges, true);
    directory_full_key_clear(&from);
    directory_full_key_clear(&until);
}

static size_t rocks_batch_bytes(const struct kv_batch *base)
{
    const struct rocks_batch *batch = (const struct rocks_batch *)base;
    size_t logged = 0, unlogged = 0;

    CHECK(batch->logged != NULL);
    if (batch->has_logged)
        (void)rocksdb_writebatch_data(batch->logged, &logged);
    if (batch->has_unlogged)
        (void)rocksdb_writebatch_data(batch->unlogged, &unlogged);
    return logged + unlogged;
}

static enum status rocks_write(struct kv *base, struct kv_batch *base_batch,
                               enum kv_durability durability, struct error *err)
{
    struct rocks_kv *kv = rocks_kv(base);
    struct rocks_batch *batch = rocks_batch(base_batch);
    enum status status = rocks_refuse_failed(kv, err);

    CHECK(durability >= KV_SYNC && durability <= KV_MEMORY);
    rocks_count_nothing();
    if (status == STATUS_OK && batch->has_logged)
        status = rocks_write_one(kv, batch->logged, durability, err);
    if (status == STATUS_OK && batch->has_unlogged)
        status = rocks_write_one(kv, batch->unlogged, KV_MEMORY, err);
    return status;
}

static bool rocks_is_usable(struct kv *kv)
{
    CHECK(kv != NULL);
    return !atomic_load_explicit(&rocks_kv(kv)->failed, memory_order_relaxed);
}

static enum status rocks_sync(struct kv *base, struct error *err)
{
    struct rocks_kv *kv = rocks_kv(base);
    enum status status = rocks_refuse_failed(kv, err);
    char *text = NULL;

    CHECK(kv->db != NULL);
    if (status != STATUS_OK)
        return status;
    rocksdb_flush_wal(kv->db, 1, &text);
    if (text == NULL)
        return STATUS_OK;
    atomic_store(&kv->failed, true);
    return rocks_error(text, "sync", err);
}

/* ---- figures
 * -------------------------------------------------------------------------------------- */

/* Every family, the directory last. Nobody else changes the spaces meanwhile. */
static void rocks_each_family(struct rocks_kv *kv,
                              void (*visit)(struct rocks_kv *kv, bool is_volatile,
                                            rocksdb_column_family_handle_t *family, void *context),
                              void *context)
{
    size_t cursor = 0;
    void *found;

    CHECK(kv->db != NULL);
    for (int i = 0; i < DIRECTORY_POOLS; i++)
        if (kv->spaces.pools[i] != NULL)
            visit(kv, (i & KV_SPACE_VOLATILE) != 0, kv->spaces.pools[i]->handle, context);
    while (map_next(&kv->spaces.base.spaces, &cursor, NULL, &found))
        if (!spaces_space(found)->is_pooled)
            visit(kv, false, rocks_handle(spaces_space(found)), context);
    visit(kv, false, rocks_handle(kv->spaces.directory), context);
}

static void rocks_stats_family(struct rocks_kv *kv, bool is_volatile,
                               rocksdb_column_family_handle_t *family, void *context)
{
    struct kv_stats *out = context;

    CHECK(family != NULL && out != NULL);
    (void)is_volatile;
    out->memtable_bytes += rocks_family_property(kv, family, "rocksdb.cur-size-all-mem-tables");
    out->sst_bytes += rocks_family_property(kv, family, "rocksdb.total-sst-files-size");
}

static void rocks_stats(struct kv *base, struct kv_stats *out)
{
    struct rocks_kv *kv = rocks_kv(base);

    CHECK(kv->cache != NULL);
    pthread_mutex_lock(&base->lock);
    rocks_each_family(kv, rocks_stats_family, out);
    pthread_mutex_unlock(&base->lock);
    out->block_cache_bytes = rocksdb_cache_get_usage(kv->cache);
    out->wal_bytes = kv_log_bytes(kv->path);
}

static void rocks_flush_family(struct rocks_kv *kv, rocksdb_column_family_handle_t *family,
                               bool waits)
{
    rocksdb_flushoptions_t *options = rocksdb_flushoptions_create();
    char *text = NULL;

    CHECK(options != NULL && family != NULL);
    rocksdb_flushoptions_set_wait(options, waits);
    if (!atomic_load(&kv->failed))
        rocksdb_flush_cf(kv->db, options, family, &text);
    rocksdb_flushoptions_destroy(options);
    if (text != NULL) { /* only readers' time is lost; a write tells about a broken store */
        log_debug("rocksdb flush: %s", text);
        rocksdb_free(text);
    }
}

static void rocks_flush(struct kv *base, struct kv_space *space)
{
    rocks_flush_family(rocks_kv(base), rocks_handle(spaces_space(space)), false);
}

static void rocks_compact(struct kv *base, struct kv_space *base_space, struct str start,
                          struct str end)
{
    const struct spaces_space *space = spaces_space(base_space);
    struct directory_full_key from, until;

    CHECK(space != NULL);
    directory_full_key_init(&from, spaces_prefix(space), start);
    directory_full_key_init(&until, spaces_prefix(space), end);
    if (end.size == 0 && space->is_pooled)
        until.bytes = str_from(space->prefix_end, DIRECTORY_PREFIX_BYTES);
    rocksdb_compactoptions_t *options = rocksdb_compactoptions_create();
    rocksdb_compactoptions_set_bottommost_level_compaction(options, ROCKS_COMPACT_FORCE);
    rocksdb_compact_range_cf_opt(rocks_kv(base)->db, rocks_handle(space), options,
                                 from.bytes.size > 0 ? from.bytes.data : NULL, from.bytes.size,
                                 until.bytes.size > 0 ? until.bytes.data : NULL, until.bytes.size);
    rocksdb_compactoptions_destroy(options);
    directory_full_key_clear(&from);
    directory_full_key_clear(&until);
}

/* ---- opening and closing
 * -------------------------------------------------------------------------- */

/* What was never meant for the disk stays away from it. */
static void rocks_settle_family(struct rocks_kv *kv, bool is_volatile,
                                rocksdb_column_family_handle_t *family, void *context)
{
    CHECK(context == NULL);
    if (!is_volatile)
        rocks_flush_family(kv, family, true);
}

static void rocks_settle(struct kv *base)
{
    rocks_each_family(rocks_kv(base), rocks_settle_family, NULL);
}

static void rocks_close(struct kv *base)
{
    struct rocks_kv *kv = rocks_kv(base);

    CHECK(kv->cache != NULL);
    spaces_clear(&kv->spaces);
    if (kv->db != NULL)
        rocksdb_close(kv->db);
    rocksdb_readoptions_destroy(kv->read_blocking);
    rocksdb_readoptions_destroy(kv->read_cached);
    for (int i = KV_SYNC; i <= KV_MEMORY; i++)
        rocksdb_writeoptions_destroy(kv->write_options[i]);
    rocksdb_block_based_options_destroy(kv->table_options);
    rocksdb_cache_destroy(kv->cache);
    mem_free(kv->path);
    mem_free(kv);
}

static const struct kv_driver rocks_driver = {
    .close = rocks_close,
    .space_create = spaces_create,
    .space_drop = spaces_drop,
    .space_free = spaces_free,
    .space_bytes = rocks_space_bytes,
    .get = rocks_get,
    .value_release = rocks_value_release,
    .snapshot_new = rocks_snapshot_new,
    .snapshot_free = rocks_snapshot_free,
    .batch_new = rocks_batch_new,
    .batch_free = rocks_batch_free,
    .batch_reset = rocks_batch_reset,
    .batch_put = rocks_batch_put,
    .batch_delete = rocks_batch_delete,
    .batch_delete_range = rocks_batch_delete_range,
    .batch_bytes = rocks_batch_bytes,
    .write = rocks_write,
    .is_usable = rocks_is_usable,
    .sync = rocks_sync,
    .iterator_open = rocks_iterator_open,
    .iterator_close = rocks_iterator_close,
    .seek_first = rocks_seek_first,
    .seek_last = rocks_seek_last,
    .seek = rocks_seek,
    .seek_for_prev = rocks_seek_for_prev,
    .next = rocks_next,
    .prev = rocks_prev,
    .is_valid = rocks_is_valid,
    .key = rocks_key,
    .value = rocks_value,
    .status = rocks_status,
    .stats = rocks_stats,
    .flush = rocks_flush,
    .settle = rocks_settle,
    .compact = rocks_compact,
};

/* The names of the families on disk; none for a new store. */
static enum status rocks_open_list(struct rocks_kv *kv, const rocksdb_options_t *options,
                                   char ***names, size_t *count, struct error *err)
{
    struct buf current;
    char *text = NULL;
    bool exists;

    CHECK(*names == NULL && *count == 0);
    buf_init(&current);
    buf_printf(&current, "%s/CURRENT", kv->path);
    exists = access(current.data, F_OK) == 0;
    buf_clear(&current);
    if (exists)
        *names = rocksdb_list_column_families(options, kv->path, count, &text);
    return text == NULL ? STATUS_OK : rocks_error(text, "open", err);
}

/* Opens the store with all its families; `found` gets one for each of `names`. */
static enum status rocks_open_families(struct rocks_kv *kv, const rocksdb_options_t *options,
                                       const char *const *names, size_t count,
                                       struct kv_family **found, struct error *err)
{
    rocksdb_options_t **each = mem_calloc(count, sizeof(rocksdb_options_t *));
    rocksdb_column_family_handle_t **handles =
        mem_calloc(count, sizeof(rocksdb_column_family_handle_t *));
    char *text = NULL;

    CHECK(count > 0 && count <= INT_MAX);
    for (size_t i = 0; i < count; i++)
        each[i] = rocks_family_options(kv, names[i]);
    kv->db = rocksdb_open_column_families(options, kv->path, (int)count, names,
                                          (const rocksdb_options_t *const *)each, handles, &text);
    for (size_t i = 0; i < count; i++)
        rocksdb_options_destroy(each[i]);
    for (size_t i = 0; text == NULL && i < count; i++)
        found[i] = rocks_family_new(handles[i], names[i]);
    mem_free(each);
    mem_free(handles);
    if (text == NULL)
        return STATUS_OK;
    kv->db = NULL;
    bool is_named = strstr(text, ".sst") != NULL;
    enum status status = rocks_error(text, "open", err);
    return status == STATUS_CORRUPT && !is_named ? rocks_name_damage(kv, status, err) : status;
}

static enum status rocks_open(struct rocks_kv *kv, struct error *err)
{
    static const char *const fresh[] = {"default"};
    rocksdb_options_t *options = rocks_database_options(kv);
    struct kv_family **found = NULL;
    char **names = NULL;
    size_t name_count = 0, count;
    enum status status = rocks_check_logs(kv, err);

    if (status == STATUS_OK)
        status = rocks_open_list(kv, options, &names, &name_count, err);
    if (status != STATUS_OK)
        goto out;
    count = name_count == 0 ? 1 : name_count;
    found = mem_calloc(count, sizeof(struct kv_family *));
    status = rocks_open_families(kv, options, name_count == 0 ? fresh : (const char *const *)names,
                                 count, found, err);
    if (status != STATUS_OK)
        goto out;
    status = spaces_open(&kv->spaces, found, count, err);
    CHECK(kv->spaces.directory != NULL);
out:
    mem_free(found);
    if (names != NULL)
        rocksdb_list_column_families_destroy(names, name_count);
    rocksdb_options_destroy(options);
    return status;
}

/* RocksDB writes to its information log when it opens and would end us at an assertion if the disk
 * refused that twice: it is asked before. */
static enum status rocks_probe_disk(const char *folder, struct error *err)
{
    enum { PROBE_BYTES = 256 << 10 };
    struct buf path;

    buf_init(&path);
    buf_printf(&path, "%s/.probe", folder);
    buf_append_byte(&path, 0);
    char *bytes = mem_zalloc(PROBE_BYTES);
    enum status status = file_put(path.data, str_from(bytes, PROBE_BYTES), path.data, err);
    CHECK(path.size > 1);
    if (file_unlink(path.data) != 0 && errno != ENOENT && status == STATUS_OK)
        status = file_error(errno, "delete", path.data, err);
    mem_free(bytes);
    buf_clear(&path);
    return status == STATUS_ABSENT ? STATUS_IO_FAILED : status;
}

enum status kv_open_rocksdb(const struct kv_options *options, struct kv **out, struct error *err)
{
    enum status status = file_make_folders(options->path, err);
    struct rocks_kv *kv;

    *out = NULL;
    if (status == STATUS_OK)
        status = rocks_probe_disk(options->path, err);
    if (status != STATUS_OK)
        return status;
    kv = mem_zalloc(sizeof(*kv));
    kv_init(&kv->spaces.base, &rocks_driver);
    kv->options = *options;
    kv_options_complete(&kv->options);
    kv->path = mem_strdup(str_from_c(options->path));
    kv->options.path = kv->path;
    kv->spaces.families = &rocks_families;
    kv->spaces.families_max = kv->options.column_families_max;
    rocks_open_objects(kv);
    status = rocks_open(kv, err);
    if (status != STATUS_OK) {
        rocks_close(&kv->spaces.base);
        return status;
    }
    CHECK(kv->db != NULL);
    *out = &kv->spaces.base;
    return STATUS_OK;
}
