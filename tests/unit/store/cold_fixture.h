/* cold_fixture.h — a store over RocksDB, real files and DuckDB in a temporary folder, and a model
 * of what one instance must show: every row ever written, its newest values and number.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_COLD_FIXTURE_H
#define TESTS_COLD_FIXTURE_H

#include "store_fixture.h"

#include "base/mem.h"
#include "store/flush.h"
#include "store/segment.h"
#include "store/store_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct cold_fixture {
    char folder[64];
    struct kv *kv;
    struct files *files;
    struct columnar *columnar;
    struct store_options options;
    struct fixture base; /* base.store is the store */
};

static inline int cold_remove_entry(const char *path, const struct stat *info, int kind,
                                    struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

/* Opens what lies in the folder; makes the folder when it is new. */
static inline void cold_open(struct cold_fixture *f)
{
    char rocks[128], files[128], spill[128];
    struct error err;

    if (f->folder[0] == '\0') {
        strcpy(f->folder, "/tmp/kalam_cold_XXXXXX");
        assert_non_null(mkdtemp(f->folder));
    }
    (void)snprintf(rocks, sizeof(rocks), "%s/rocksdb", f->folder);
    (void)snprintf(files, sizeof(files), "%s/storage", f->folder);
    (void)snprintf(spill, sizeof(spill), "%s/spill", f->folder);
    struct kv_options kv = {.path = rocks,
                            .write_buffer_bytes = 64 << 20,
                            .write_buffers_max = 3,
                            .block_cache_bytes = 64 << 20,
                            .background_jobs_max = 2,
                            .column_families_max = 256,
                            .keep_log_files = 1,
                            .keep_wal_files = 1};
    if (kv_open_rocksdb(&kv, &f->kv, &err) != STATUS_OK)
        fail_msg("kv: %s", err.message);
    if (file_make_folders(files, &err) != STATUS_OK ||
        files_open_local(files, &f->files, &err) != STATUS_OK)
        fail_msg("files: %s", err.message);
    const char *folders[] = {files};
    struct columnar_options columnar = {.memory_bytes = 1 << 30,
                                        .parallelism = 2,
                                        .temporary_folder = spill,
                                        .folders = folders,
                                        .folder_count = 1};
    if (columnar_open(&columnar, &f->columnar, &err) != STATUS_OK)
        fail_msg("columnar: %s", err.message);
    f->options.kv = f->kv;
    f->options.files = f->files;
    f->options.columnar = f->columnar;
    if (f->options.row_cache_bytes == 0)
        f->options.row_cache_bytes = 64 << 20;
    if (f->options.row_group_rows == 0)
        f->options.row_group_rows = 2048;
    if (f->options.feed_bytes == 0)
        f->options.feed_bytes = 1 << 20;
    f->options.parquet_compression = "zstd";
    f->base.kv = f->kv;
    f->base.options = f->options;
    if (store_open(&f->options, &f->base.store, &err) != STATUS_OK)
        fail_msg("store: %s", err.message);
}

static inline void cold_shut(struct cold_fixture *f)
{
    store_close(f->base.store);
    columnar_close(f->columnar);
    files_close(f->files);
    kv_close(f->kv);
}

static inline void cold_close(struct cold_fixture *f)
{
    cold_shut(f);
    (void)nftw(f->folder, cold_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void cold_reopen(struct cold_fixture *f)
{
    cold_shut(f);
    cold_open(f);
}

static int cold_file_count_value;
static inline int cold_file_count_entry(const char *path, const struct stat *info, int kind,
                                        struct FTW *walk)
{
    (void)path;
    (void)info;
    (void)walk;
    cold_file_count_value += kind == FTW_F ? 1 : 0;
    return 0;
}

/* Files below the storage folder, staged ones included. */
static inline int cold_file_count(const struct cold_fixture *f)
{
    char files[128];

    (void)snprintf(files, sizeof(files), "%s/storage", f->folder);
    cold_file_count_value = 0;
    (void)nftw(files, cold_file_count_entry, 16, FTW_PHYS);
    return cold_file_count_value;
}

/* Turns over a byte of each 4 KiB in the first half of the newest of RocksDB's table files: after
 * kv_compact the rows of that space, not in memory. Once more repairs it. */
static inline void cold_flip_newest(const char *folder)
{
    struct dirent *entry;
    char newest[256] = "", path[512];
    DIR *entries = opendir(folder);

    assert_non_null(entries);
    while ((entry = readdir(entries)) != NULL)
        if (strstr(entry->d_name, ".sst") != NULL && strcmp(entry->d_name, newest) > 0)
            (void)snprintf(newest, sizeof(newest), "%s", entry->d_name);
    (void)closedir(entries);
    (void)snprintf(path, sizeof(path), "%s/%s", folder, newest);
    int file = open(path, O_RDWR);
    assert_true(file >= 0);
    off_t size = lseek(file, 0, SEEK_END);
    for (off_t at = 20; at < size / 2; at += 4096) {
        unsigned char byte;
        assert_int_equal(pread(file, &byte, 1, at), 1);
        byte = (unsigned char)~byte;
        assert_int_equal(pwrite(file, &byte, 1, at), 1);
    }
    assert_int_equal(close(file), 0);
}

/* `id BIGINT or TEXT` key, `n BIGINT`, `body TEXT`. */
static inline struct table_id cold_table(struct cold_fixture *f, enum table_kind kind,
                                         const char *name, enum value_type key)
{
    struct table *table = fixture_table(kind, name);

    table->schemas[0]->columns[0].type.kind = key;
    return fixture_create(&f->base, table);
}

/* ---- writing one row
 * ------------------------------------------------------------------------------ */

static inline struct value cold_key_value(enum value_type type, int64_t id, char text[32])
{
    if (type != VALUE_TEXT)
        return value_integer(type, id);
    /* Scrambled, so that the order of texts is not the order of numbers. */
    (void)snprintf(text, 32, "%02d:key-%lld", (int)(id * 37 % 91), (long long)id);
    return value_text(VALUE_TEXT, str_from_c(text));
}

struct cold_put {
    bool delete;
    struct value *values;
};

static inline enum status cold_resolve(void *context, const struct row *current,
                                       struct arena *arena, enum row_verdict *verdict,
                                       struct value *values, struct error *err)
{
    const struct cold_put *put = context;

    (void)current;
    (void)arena;
    (void)err;
    *verdict = put->delete ? ROW_DELETE : ROW_PUT;
    for (int i = 0; !put->delete &&i < 3; i++)
        values[i] = put->values[i];
    return STATUS_OK;
}

/* Upserts (n ≥ 0) or deletes (n < 0); returns the row's number, 0 when nothing changed. */
static inline int64_t cold_write(struct cold_fixture *f, struct table_id id, const char *user,
                                 int64_t key, int64_t n)
{
    char text[32], body[64];
    int64_t position = 0;
    struct error err;

    for (int attempt = 0; attempt < 100; attempt++) {
        struct write write;
        struct value values[3];
        struct buf bytes;
        write_begin(&write, &f->base, id);
        enum value_type type = write.table->schema->columns[0].type.kind;
        values[0] = cold_key_value(type, key, text);
        values[1] = value_integer(VALUE_BIGINT, n);
        (void)snprintf(body, sizeof(body), "body of %lld, %lld", (long long)key, (long long)n);
        values[2] = n % 3 == 0 ? value_null(VALUE_TEXT) : value_text(VALUE_TEXT, str_from_c(body));
        struct cold_put put = {.delete = n < 0, .values = values};
        struct row_logic logic = {.resolve = cold_resolve, .context = &put};
        struct row_op *op = &write.ops[write.request.op_count++];
        buf_init(&bytes);
        assert_int_equal(key_encode(values, 1, &bytes, NULL), STATUS_OK);
        op->kind = ROW_OP_CHANGE;
        op->table = write.table;
        op->user = str_from_c(user);
        op->key = arena_copy(&write.arena, buf_str(&bytes));
        op->values = n < 0 ? NULL : values;
        op->logic = &logic;
        buf_clear(&bytes);
        enum status status = commit_lookup_cold(f->base.store, &write.request, false, &err);
        if (status == STATUS_OK)
            status = commit_submit_wait(f->base.store, &write.request, &err);
        if (status == STATUS_OK)
            position = write.request.rows_affected > 0 ? write.request.position : 0;
        write_end(&write);
        if (status == STATUS_OK)
            return position;
        if (status != STATUS_STALE)
            fail_msg("write: %s: %s", status_name(status), err.message);
    }
    fail_msg("write: stale for ever");
    return 0;
}

static inline struct flush_result cold_flush(struct cold_fixture *f, struct table_id id,
                                             bool with_shadows)
{
    struct flush_options options = {.table = id,
                                    .all_users = true,
                                    .with_shadows = with_shadows,
                                    .job_id = STR_LIT("flush-test-1")};
    struct flush_result result;
    struct error err;

    if (flush_table(f->base.store, &options, &result, &err) != STATUS_OK)
        fail_msg("flush: %s", err.message);
    if (result.users_failed > 0)
        fail_msg("flush of a user: %s", result.first_error.message);
    return result;
}

/* ---- the model
 * ------------------------------------------------------------------------------------ */

enum { MODEL_KEYS = 512 };

struct model_row {
    bool written, live;
    int64_t n, seq; /* seq 0: of the transaction whose view is read */
    char key[64];   /* encoded */
    size_t key_size;
};

struct model {
    struct cold_fixture *f;
    struct table_id table;
    const char *user;
    struct view *view; /* where to read; NULL: the newest */
    enum value_type key_type;
    struct model_row rows[MODEL_KEYS];
    uint64_t random;
};

static inline uint64_t model_random(struct model *model, uint64_t below)
{
    model->random ^= model->random << 13;
    model->random ^= model->random >> 7;
    model->random ^= model->random << 17;
    return model->random % below;
}

static inline void model_init(struct model *model, struct cold_fixture *f, struct table_id table,
                              const char *user, enum value_type key_type, uint64_t seed)
{
    memset(model, 0, sizeof(*model));
    model->f = f;
    model->table = table;
    model->user = user;
    model->key_type = key_type;
    model->random = seed * 2654435761u + 88172645463325252u;
    for (int64_t i = 0; i < MODEL_KEYS; i++) {
        char text[32];
        struct value value = cold_key_value(key_type, i - 100, text);
        struct buf key;
        buf_init(&key);
        assert_int_equal(key_encode(&value, 1, &key, NULL), STATUS_OK);
        assert_true(key.size <= sizeof(model->rows[i].key));
        memcpy(model->rows[i].key, key.data, key.size);
        model->rows[i].key_size = key.size;
        buf_clear(&key);
    }
}

/* Writes row `index` (0 … MODEL_KEYS - 1); n < 0 deletes. */
static inline void model_write(struct model *model, int64_t index, int64_t n)
{
    struct model_row *row = &model->rows[index];
    int64_t seq = cold_write(model->f, model->table, model->user, index - 100, n);

    if (n < 0) {
        assert_int_equal(seq != 0, row->live);
        if (!row->live)
            return;
        row->live = false;
    } else {
        assert_true(seq > 0);
        row->written = row->live = true;
        row->n = n;
    }
    row->seq = seq;
}

static inline struct str model_key(const struct model *model, int64_t index)
{
    return str_from(model->rows[index].key, model->rows[index].key_size);
}

struct model_check {
    struct key_range range;
    bool descending, with_deleted;
    int64_t seq_after;
};

static inline int model_compare_keys(const void *a, const void *b)
{
    const struct model_row *x = *(const struct model_row *const *)a;
    const struct model_row *y = *(const struct model_row *const *)b;

    return str_compare(str_from(x->key, x->key_size), str_from(y->key, y->key_size));
}

/* The rows that a scan must give, in order; returns their number. */
static inline size_t model_expect(struct model *model, const struct model_check *check,
                                  const struct model_row **out)
{
    size_t count = 0;

    for (int64_t i = 0; i < MODEL_KEYS; i++) {
        const struct model_row *row = &model->rows[i];
        struct str key = model_key(model, i);
        if (!row->written || (!row->live && !check->with_deleted) || row->seq <= check->seq_after)
            continue;
        if (check->range.lower.size > 0 && str_compare(key, check->range.lower) < 0)
            continue;
        if (check->range.upper.size > 0 && str_compare(key, check->range.upper) >= 0)
            continue;
        out[count++] = row;
    }
    qsort(out, count, sizeof(*out), model_compare_keys);
    for (size_t i = 0; check->descending && i < count / 2; i++) {
        const struct model_row *swap = out[i];
        out[i] = out[count - 1 - i];
        out[count - 1 - i] = swap;
    }
    return count;
}

static inline void model_check_row(const struct model_row *expected, const struct row *row,
                                   struct arena *arena)
{
    struct value value;

    if (!str_equal(row->key, str_from(expected->key, expected->key_size)))
        fail_msg("another key than that with number %lld", (long long)expected->seq);
    row_column(row, 3, arena, &value);
    assert_int_equal(value.is_null ? 0 : value.integer, expected->seq);
    row_column(row, 5, arena, &value);
    assert_int_equal(value.boolean, !expected->live);
    row_column(row, 1, arena, &value);
    assert_int_equal(value.integer, expected->n);
    row_column(row, 2, arena, &value);
    assert_int_equal(value.is_null, expected->n % 3 == 0);
    row_column(row, 4, arena, &value);
    assert_int_equal(value.is_null, expected->seq == 0);
    assert_true(value.is_null || value.integer > 0);
}

static inline struct view *model_view(const struct model *model)
{
    return model->view != NULL ? view_ref(model->view) : view_acquire(model->f->base.store);
}

static inline void model_check_scan(struct model *model, const struct model_check *check)
{
    const struct model_row *expected[MODEL_KEYS];
    struct view *view = model_view(model);
    struct scan *scan = NULL;
    struct arena arena;
    struct error err;
    struct row row;
    enum status status;

    arena_init(&arena, 0);
    struct scan_options options = {
        .view = view,
        .table = catalog_find_table_id(view_catalog(view), model->table),
        .user = str_from_c(model->user),
        .range = check->range,
        .descending = check->descending,
        .with_deleted = check->with_deleted,
        .seq_after = check->seq_after,
        .arena = &arena,
    };
    size_t count = model_expect(model, check, expected), seen = 0;
    status = scan_open(model->f->base.store, &options, &scan, &err);
    while (status == STATUS_OK && (status = scan_next(scan, &row, &err)) == STATUS_OK) {
        assert_true(seen < count);
        model_check_row(expected[seen++], &row, &arena);
    }
    if (status != STATUS_END)
        fail_msg("scan: %s: %s", status_name(status), err.message);
    assert_int_equal(seen, count);
    scan_close(scan);
    arena_clear(&arena);
    view_release(view);
}

static inline void model_check_get(struct model *model, int64_t index, bool with_deleted)
{
    const struct model_row *expected = &model->rows[index];
    struct view *view = model_view(model);
    struct row_pin pin = {.cold = NULL};
    struct arena arena;
    struct error err;
    struct row row;

    arena_init(&arena, 0);
    struct scan_options options = {
        .view = view,
        .table = catalog_find_table_id(view_catalog(view), model->table),
        .user = str_from_c(model->user),
        .with_deleted = with_deleted,
        .seq_after = -1,
        .arena = &arena,
    };
    enum status status =
        row_get_by_key(model->f->base.store, &options, model_key(model, index), &row, &pin, &err);
    if (expected->written && (expected->live || with_deleted)) {
        if (status != STATUS_OK)
            fail_msg("get: %s", status_name(status));
        model_check_row(expected, &row, &arena);
        row_pin_release(model->f->base.store, &pin);
    } else {
        assert_int_equal(status, STATUS_ABSENT);
    }
    arena_clear(&arena);
    view_release(view);
}

/* Everything a reader may ask for: both directions, ranges, numbers, single rows. */
static inline void model_check_all(struct model *model)
{
    for (int i = 0; i < 8; i++) {
        struct model_check check = {.descending = i & 1, .with_deleted = i & 2, .seq_after = -1};
        int64_t a = (int64_t)model_random(model, MODEL_KEYS);
        int64_t b = (int64_t)model_random(model, MODEL_KEYS);
        if ((i & 4) != 0) {
            check.range.lower = model_key(model, a);
            check.range.upper = model_key(model, b);
            check.seq_after = model_random(model, 2) == 0 ? -1 : model->rows[a].seq;
        }
        model_check_scan(model, &check);
    }
    for (int i = 0; i < 20; i++)
        model_check_get(model, (int64_t)model_random(model, MODEL_KEYS), i & 1);
}

/* COLD_UNIQUE and the counters, from the records and a scan of the hot rows. */
static inline void model_check_counters(struct model *model)
{
    struct instance_counters counters =
        fixture_counters(&model->f->base, model->table, model->user);
    struct view *view = view_acquire(model->f->base.store);
    const struct table *table = catalog_find_table_id(view_catalog(view), model->table);
    struct segment_list *list = NULL;
    struct scan *scan = NULL;
    struct arena arena;
    struct error err;
    struct row row;
    int64_t hot = 0;
    uint64_t rows = 0;

    arena_init(&arena, 0);
    struct scan_options options = {.view = view,
                                   .table = table,
                                   .user = str_from_c(model->user),
                                   .with_deleted = true,
                                   .hot_only = true,
                                   .seq_after = -1,
                                   .arena = &arena};
    assert_int_equal(scan_open(model->f->base.store, &options, &scan, &err), STATUS_OK);
    while (scan_next(scan, &row, &err) == STATUS_OK)
        hot++;
    scan_close(scan);
    assert_int_equal(counters.buffered_rows, hot);
    assert_int_equal(segment_list_load(model->f->base.store, view, model->table,
                                       str_from_c(model->user), 0, &list, &err),
                     STATUS_OK);
    for (uint32_t i = 0; i < list->count; i++)
        rows += list->segments[i]->rows;
    assert_int_equal(counters.segments, list->count);
    assert_int_equal(counters.cold_rows, rows);
    assert_int_equal(counters.segments_version, list->version);
    segment_list_unref(list);
    arena_clear(&arena);
    view_release(view);
}

#endif
