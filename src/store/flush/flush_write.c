/* flush_write.c — one Parquet file: named, staged, written, published, described by a segment.
 *
 * Rows stream from the caller's source through DuckDB's table function into the file; what the
 * record needs is gathered while they pass: bounds of keys and numbers per row group, hashes for
 * the bloom filter, {key, _seq} of every row that came from hot (the install compares them
 * with what is hot by then), and the bytes of the first row group, which holds the newest keys and
 * goes into the row cache. So memory is bounded by one row group, the key and 24 bytes per row and
 * what DuckDB buffers.
 *
 * DuckDB holds a row group in memory until its last row, a few times over. So row groups are of
 * `group_rows` rows as long as rows are narrow; wide ones make a row group with every chunk that
 * our source gives, and a chunk ends when it is large enough. Which of the two is fixed when DuckDB
 * begins. A file that meets wide rows in row groups of many ends there, and one that must hold all
 * rows of its source is written once more (flush_batch.c).
 *
 * Order: pending record (durable) → stage → write → publish. A crash after any of these leaves a
 * file that the pending record names. The steps are separate, so that many files can share the
 * waiting (flush_batch.c).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "catalog/file_name.h"
#include "store/cells.h"
#include "store/flush/flush_internal.h"
#include "store/path.h"
#include "store/storages.h"

enum {
    FLUSH_SCRATCH_BYTES = 1 << 20,
    FLUSH_META_COUNT = 6,
};

struct flush_writing {
    struct column_spec *columns;
    uint32_t column_count; /* user columns and the three system columns */
    const uint32_t *wanted;
    size_t wanted_count;
    bool has_row; /* `row` was taken from the source but not written */
    struct row row;
    bool from_hot;
    bool full;
    struct arena scratch; /* texts of widened values, per chunk */
    struct value *values;
    uint32_t *timestamps; /* columns whose ranges the record gets */
    struct buf bytes;     /* row bytes in the file's layout */
    struct buf last_key;
    struct buf hashes; /* uint64_t per row, for the bloom filter */
    struct buf groups; /* struct row_group */
    struct row_group *group;
    uint64_t group_bytes, group_bytes_aim, row_bytes, inversions;
    int64_t last_seq;
    struct row_block_builder block;
    bool block_done;
    struct arena arena; /* texts that live until the file is written */
};

/* ---- what the file looks like
 * --------------------------------------------------------------------- */

static void flush_write_columns(struct flush_file *file)
{
    struct flush_writing *writing = file->writing;
    const struct table_schema *schema = file->table->schema;
    uint32_t count = schema->column_count;
    static const struct {
        const char *name;
        enum column_kind kind;
        uint32_t id;
    } system[SYSTEM_COLUMN_COUNT] = {
        {"_seq", COLUMN_BIGINT, COLUMN_ID_SEQ},
        {"_updated", COLUMN_TIMESTAMP, COLUMN_ID_UPDATED},
        {"_deleted", COLUMN_BOOLEAN, COLUMN_ID_DELETED},
    };
    struct buf name;

    CHECK(count > 0);
    buf_init(&name);
    writing->column_count = count + SYSTEM_COLUMN_COUNT;
    writing->columns =
        arena_array(&writing->arena, writing->column_count, sizeof(struct column_spec));
    writing->values = arena_array(&writing->arena, count, sizeof(struct value));
    for (uint32_t i = 0; i < count; i++) {
        const struct table_column *column = &schema->columns[i];
        buf_reset(&name);
        file_name_append(schema, i, &name);
        writing->columns[i] = (struct column_spec){
            .name = arena_copy(&writing->arena, buf_str(&name)),
            .type = cell_type(&column->type),
            .field_id = column->id,
            .required = column->key_position >= 0,
        };
    }
    buf_clear(&name);
    for (uint32_t i = 0; i < SYSTEM_COLUMN_COUNT; i++) {
        writing->columns[count + i] = (struct column_spec){
            .name = str_from_c(system[i].name),
            .type = {.kind = system[i].kind},
            .field_id = system[i].id,
            .required = true,
        };
    }
}

static void flush_write_meta(struct flush_file *file, struct parquet_meta *meta)
{
    struct arena *arena = &file->writing->arena;
    const struct table *table = file->table;

    CHECK(table->schema->version >= 1);
    meta[0].key = STR_LIT("kalamdb.schema_version");
    meta[0].value = arena_printf(arena, "%u", table->schema->version);
    meta[1].key = STR_LIT("kalamdb.namespace");
    meta[1].value = table->space;
    meta[2].key = STR_LIT("kalamdb.table");
    meta[2].value = table->name;
    meta[3].key = STR_LIT("kalamdb.user_id");
    meta[3].value = file->user;
    meta[4].key = STR_LIT("kalamdb.created_at");
    meta[4].value = arena_printf(arena, "%lld", (long long)file->segment->created_at);
    meta[5].key = STR_LIT("kalamdb.job_id");
    meta[5].value = file->job_id;
}

/* ---- gathering what the record needs
 * -------------------------------------------------------------- */

static void flush_write_end_group(struct flush_file *file)
{
    struct flush_writing *writing = file->writing;

    if (writing->group == NULL)
        return;
    CHECK(writing->group->rows > 0);
    writing->group->key_min = arena_copy(file->segment->arena, buf_str(&writing->last_key));
    writing->group = NULL;
    writing->block_done = true; /* the first group is complete */
}

static void flush_write_group(struct flush_file *file, const struct row *row, int64_t seq)
{
    struct flush_writing *writing = file->writing;

    if (writing->group != NULL && file->group_rows > 0 && writing->group->rows >= file->group_rows)
        flush_write_end_group(file);
    if (writing->group == NULL) {
        struct row_group group = {
            .row_first = file->segment->rows,
            .key_max = arena_copy(file->segment->arena, row->key),
            .seq_min = seq,
            .seq_max = seq,
        };
        buf_append(&writing->groups, &group, sizeof(group));
        writing->group_bytes = 0;
    }
    size_t count = writing->groups.size / sizeof(struct row_group);
    CHECK(count > 0);
    writing->group = (struct row_group *)(void *)writing->groups.data + (count - 1);
    writing->group->rows++;
    writing->group_bytes += row->bytes.size;
    writing->group->seq_min = seq < writing->group->seq_min ? seq : writing->group->seq_min;
    writing->group->seq_max = seq > writing->group->seq_max ? seq : writing->group->seq_max;
}

static void flush_write_entry(struct flush_file *file, const struct row *row, int64_t seq)
{
    struct flush_entry entry = {.seq = seq};

    CHECK(row->key.size > 0);
    buf_append_str(&file->entry_keys, row->key);
    entry.key_end = file->entry_keys.size;
    buf_append(&file->entries, &entry, sizeof(entry));
    file->entry_count++;
}

/* The row as the file will give it back: its bytes in the newest layout, without hot-only flags. */
static void flush_write_block(struct flush_file *file, const struct row *row,
                              const struct row_header *header)
{
    struct flush_writing *writing = file->writing;
    const struct table_schema *schema = file->table->schema;
    struct row_header clean = *header;

    if (writing->block_done || writing->block.overflow)
        return;
    clean.flags &= ROW_DELETED;
    clean.layout_version = schema->version;
    buf_reset(&writing->bytes);
    if (row->projection->identity) {
        buf_append_str(&writing->bytes, row->bytes);
        row_header_set(writing->bytes.data, &clean);
    } else {
        row_encode(&schema->layout, &clean, writing->values, &writing->bytes);
    }
    CHECK(writing->bytes.size >= ROW_HEADER_BYTES);
    row_block_builder_add(&writing->block, row->key, buf_str(&writing->bytes));
}

/* Ranges of the record: an entry for each TIMESTAMP column, min > max until a value was met. */
static void flush_write_ranges_begin(struct flush_file *file)
{
    struct flush_writing *writing = file->writing;
    struct segment *segment = file->segment;
    const struct table_schema *schema = file->table->schema;

    CHECK(segment->range_count == 0);
    segment->ranges = arena_array(segment->arena, schema->column_count, sizeof(*segment->ranges));
    writing->timestamps = arena_array(&writing->arena, schema->column_count, sizeof(uint32_t));
    for (uint32_t i = 0; i < schema->column_count; i++) {
        if (schema->columns[i].type.kind != VALUE_TIMESTAMP)
            continue;
        writing->timestamps[segment->range_count] = i;
        segment->ranges[segment->range_count++] =
            (struct column_bounds){schema->columns[i].id, INT64_MAX, INT64_MIN};
    }
}

static void flush_write_ranges(struct flush_file *file)
{
    const struct flush_writing *writing = file->writing;

    for (uint32_t i = 0; i < file->segment->range_count; i++) {
        const struct value *value = &writing->values[writing->timestamps[i]];
        struct column_bounds *range = &file->segment->ranges[i];
        if (value->is_null)
            continue;
        CHECK(value->type == VALUE_TIMESTAMP);
        range->min = value->integer < range->min ? value->integer : range->min;
        range->max = value->integer > range->max ? value->integer : range->max;
    }
}

static void flush_write_account(struct flush_file *file)
{
    struct flush_writing *writing = file->writing;
    struct segment *segment = file->segment;
    const struct row *row = &writing->row;
    struct row_header header = row_header_get(row->bytes);
    bool first = segment->rows == 0;

    CHECK(first || str_compare(row->key, buf_str(&writing->last_key)) < 0); /* COLD_UNIQUE */
    flush_write_group(file, row, header.seq);
    flush_write_ranges(file);
    segment->rows++;
    segment->deleted_rows += (header.flags & ROW_DELETED) != 0 ? 1 : 0;
    if (first || header.seq < segment->seq_min)
        segment->seq_min = header.seq;
    if (first || header.seq > segment->seq_max)
        segment->seq_max = header.seq;
    if (first || header.updated < segment->updated_min)
        segment->updated_min = header.updated;
    if (first || header.updated > segment->updated_max)
        segment->updated_max = header.updated;
    writing->inversions += !first && header.seq > writing->last_seq ? 1 : 0;
    writing->last_seq = header.seq;
    uint64_t hash = hash_bytes(row->key);
    buf_append(&writing->hashes, &hash, sizeof(hash));
    if (writing->from_hot)
        flush_write_entry(file, row, header.seq);
    flush_write_block(file, row, &header);
    buf_reset(&writing->last_key);
    buf_append_str(&writing->last_key, row->key);
    writing->row_bytes += row->bytes.size;
    file->wide =
        file->group_rows > 0 && writing->group_bytes >= FLUSH_GROUP_OVER * writing->group_bytes_aim;
    writing->full = segment->rows >= file->rows_max || writing->row_bytes >= file->bytes_max ||
                    (file->wide && !file->whole);
}

/* ---- rows into DuckDB
 * ----------------------------------------------------------------------------- */

static enum status flush_write_next(struct flush_file *file, struct error *err)
{
    struct flush_writing *writing = file->writing;

    CHECK(!writing->has_row);
    if (file->ended)
        return STATUS_END;
    enum status status = file->next(file->context, &writing->row, &writing->from_hot, err);
    writing->has_row = status == STATUS_OK;
    file->ended = status == STATUS_END;
    return status;
}

static void flush_write_cells(struct flush_file *file, struct column_chunk *chunk, size_t index)
{
    struct flush_writing *writing = file->writing;
    uint32_t count = file->table->schema->column_count;
    struct column_cell cell;
    struct value value;

    CHECK(writing->has_row && writing->row.projection != NULL);
    for (uint32_t i = 0; i < count; i++)
        row_column(&writing->row, i, &writing->scratch, &writing->values[i]);
    for (size_t i = 0; i < writing->wanted_count; i++) {
        uint32_t column = writing->wanted[i];
        if (column < count)
            value = writing->values[column];
        else
            row_column(&writing->row, column, &writing->scratch, &value);
        cell_from_value(&value, &cell);
        column_chunk_set(chunk, i, index, &cell, true);
    }
}

static enum status flush_write_open(void *context, const uint32_t *wanted, size_t wanted_count,
                                    void **cursor, struct error *err)
{
    struct flush_file *file = context;
    struct flush_writing *writing = file->writing;

    if (writing->wanted != NULL)
        return error_set(err, STATUS_INTERNAL_ERROR, "the rows of a flush can be read once only");
    CHECK(wanted_count <= writing->column_count);
    uint32_t *copy = arena_array(&writing->arena, wanted_count + 1, sizeof(uint32_t));
    memcpy(copy, wanted, wanted_count * sizeof(uint32_t));
    writing->wanted = copy;
    writing->wanted_count = wanted_count;
    *cursor = file;
    return STATUS_OK;
}

static bool flush_write_group_is_full(const struct flush_file *file)
{
    const struct flush_writing *writing = file->writing;

    CHECK(writing->group_bytes_aim > 0);
    return file->group_rows == 0 && writing->group != NULL &&
           writing->group_bytes >= writing->group_bytes_aim;
}

static enum status flush_write_fill(void *cursor, struct column_chunk *chunk, size_t *rows,
                                    struct error *err)
{
    struct flush_file *file = cursor;
    struct flush_writing *writing = file->writing;

    *rows = 0;
    if (writing->scratch.used_bytes > FLUSH_SCRATCH_BYTES)
        arena_clear(&writing->scratch);
    if (file->group_rows == 0) /* what one call gives is a row group */
        flush_write_end_group(file);
    while (*rows < COLUMN_CHUNK_ROWS && !writing->full && !flush_write_group_is_full(file)) {
        enum status status = writing->has_row ? STATUS_OK : flush_write_next(file, err);
        if (status == STATUS_END)
            return STATUS_OK;
        if (status != STATUS_OK)
            return status;
        flush_write_cells(file, chunk, *rows);
        flush_write_account(file);
        writing->has_row = false;
        (*rows)++;
        if (file->wide && file->whole)
            return error_set(err, STATUS_STALE, "rows too wide for row groups of %u",
                             file->group_rows);
    }
    CHECK(*rows <= COLUMN_CHUNK_ROWS);
    return STATUS_OK;
}

static void flush_write_close(void *cursor)
{
    CHECK(cursor != NULL);
}

/* ---- the file
 * ------------------------------------------------------------------------------------- */

enum status flush_files_pending(struct store *store, struct flush_file *const *files, size_t count,
                                struct error *err)
{
    struct kv_batch *batch = kv_batch_new(store->kv);
    enum status status = STATUS_OK;
    bool any = false;

    for (size_t i = 0; i < count; i++) {
        if (files[i]->path == NULL)
            continue;
        CHECK(files[i]->store == store);
        pending_put(batch, store, str_from_c(files[i]->path), PENDING_WRITE, files[i]->table->id);
        any = true;
    }
    if (any)
        status = kv_write(store->kv, batch,
                          store->options.durability == KV_MEMORY ? KV_MEMORY : KV_SYNC, err);
    kv_batch_free(batch);
    return status;
}

/* Whether nothing has, had or will have this path. */
static enum status flush_write_is_free(struct flush_file *file, struct str path, int64_t now_us,
                                       bool *is_free, struct error *err)
{
    struct store *store = file->store;
    struct kv_value value;
    struct buf place; /* one file may have several addresses: place_overlap.c */
    uint64_t size;

    CHECK(path.data[path.size] == '\0');
    *is_free = false;
    buf_init(&place);
    place_resolve(store, path, &place);
    bool is_new = path_names_claim(store->path_names, now_us, buf_str(&place));
    buf_clear(&place);
    if (!is_new)
        return STATUS_OK;
    enum status status = kv_get(store->kv, store->spaces.pending, NULL, path, 0, &value, err);
    if (status == STATUS_OK) {
        kv_value_release(store->kv, &value);
        return STATUS_OK;
    }
    if (status != STATUS_ABSENT)
        return status;
    status = files_size(store->files, path.data, &size, err);
    *is_free = status == STATUS_ABSENT;
    return *is_free ? STATUS_OK : status;
}

enum status flush_file_name(struct flush_file *file, struct error *err)
{
    enum { ATTEMPTS_MAX = 100000 };
    int64_t now_us = clock_now_us();
    struct buf path;
    struct str storage_id = STR_EMPTY;
    bool is_free = false;
    enum status status = STATUS_OK;

    CHECK(file->path == NULL);
    buf_init(&path);
    for (unsigned attempt = 0; !is_free && status == STATUS_OK; attempt++) {
        buf_reset(&path);
        status = place_of_instance(file->store, view_catalog(file->view), file->place, file->user,
                                   &path, &storage_id, err);
        if (status == STATUS_OK && attempt >= ATTEMPTS_MAX)
            status = error_set(err, STATUS_INTERNAL_ERROR, "no file name is free");
        if (status != STATUS_OK)
            break;
        buf_append_byte(&path, '/');
        path_file_name(now_us, attempt, &path);
        struct str name = arena_copy(file->segment->arena, buf_str(&path));
        status = flush_write_is_free(file, name, now_us, &is_free, err);
        file->segment->path = name;
    }
    buf_clear(&path);
    if (status != STATUS_OK)
        return status;
    file->segment->storage_id = arena_copy(file->segment->arena, storage_id);
    file->path = mem_strdup(file->segment->path);
    CHECK(file->path[0] != '/');
    return STATUS_OK;
}

static enum status flush_write_parquet(struct flush_file *file, struct error *err)
{
    struct flush_writing *writing = file->writing;
    struct parquet_meta meta[FLUSH_META_COUNT];
    struct column_source source = {
        .columns = writing->columns,
        .column_count = writing->column_count,
        .rows_estimate = file->rows_max,
        .context = file,
        .open = flush_write_open,
        .fill = flush_write_fill,
        .close = flush_write_close,
    };
    struct parquet_options options = {
        .compression = file->store->options.parquet_compression,
        .row_group_rows = file->group_rows > 0 ? file->group_rows : 1,
        .meta = meta,
        .meta_count = FLUSH_META_COUNT,
    };
    char *local = NULL;
    uint64_t rows = 0;

    CHECK(file->group_rows % FLUSH_ROW_GROUP_STEP == 0);
    flush_write_meta(file, meta);
    enum status status = files_stage(file->store->files, file->path, &local, err);
    if (status == STATUS_OK)
        status =
            columnar_write_parquet(file->store->columnar, local, &source, &options, &rows, err);
    mem_free(local);
    if (status == STATUS_OK && rows != file->segment->rows)
        status = error_set(err, STATUS_INTERNAL_ERROR, "%llu of %llu rows reached the file",
                           (unsigned long long)rows, (unsigned long long)file->segment->rows);
    if (status == STATUS_OK && FAULT(flush_after_write))
        status = error_set(err, STATUS_IO_FAILED, "fault flush_after_write");
    return status;
}

/* Bloom filter and what follows from the rows. */
static void flush_write_describe(struct flush_file *file)
{
    struct flush_writing *writing = file->writing;
    struct segment *segment = file->segment;
    struct buf bloom;

    flush_write_end_group(file);
    segment->group_count = (uint32_t)(writing->groups.size / sizeof(struct row_group));
    CHECK(segment->group_count > 0);
    segment->groups = arena_array(segment->arena, segment->group_count, sizeof(struct row_group));
    memcpy(segment->groups, writing->groups.data, writing->groups.size);
    segment->key_max = segment->groups[0].key_max;
    segment->key_min = segment->groups[segment->group_count - 1].key_min;
    /* Keys that rise with _seq are told apart by their ranges. */
    if (file->want_bloom || writing->inversions * 10 > segment->rows) {
        buf_init(&bloom);
        bloom_build((const uint64_t *)(const void *)writing->hashes.data, segment->rows, &bloom);
        segment->bloom = arena_copy(segment->arena, buf_str(&bloom));
        buf_clear(&bloom);
    }
    file->memory_bytes = writing->hashes.capacity + writing->groups.capacity +
                         file->entries.capacity + file->entry_keys.capacity +
                         writing->block.data.capacity + writing->block.ends.capacity +
                         segment->arena->used_bytes;
    file->kept_bytes = file->entries.capacity + file->entry_keys.capacity +
                       writing->block.data.capacity + segment->arena->used_bytes;
    file->newest = row_block_builder_finish(&writing->block, segment->id, 0);
    CHECK(file->newest == NULL || file->newest->rows == segment->groups[0].rows);
}

/* From the staged file: a storage that stops answering cannot come in between. */
static enum status flush_file_measure(struct flush_file *file, struct error *err)
{
    struct segment *segment = file->segment;
    char *staged = NULL;
    struct buf shown;

    CHECK(file->path != NULL);
    buf_init(&shown);
    place_show(str_from_c(file->path), &shown);
    buf_append_byte(&shown, 0);
    enum status status = files_staged_path(file->store->files, file->path, &staged, err);
    if (status == STATUS_OK)
        status = file_checksum(staged, shown.data, &segment->bytes, &segment->checksum, err);
    mem_free(staged);
    buf_clear(&shown);
    return status == STATUS_ABSENT ? STATUS_IO_FAILED : status;
}

uint64_t flush_group_bytes(const struct store *store)
{
    uint64_t share = columnar_memory_bytes(store->columnar) / FLUSH_GROUP_MEMORY_SHARE;

    CHECK(share > 0);
    return share < FLUSH_GROUP_BYTES ? share : FLUSH_GROUP_BYTES;
}

void flush_file_begin(struct flush_file *file)
{
    struct flush_writing *writing = file->writing = mem_zalloc(sizeof(*writing));
    struct segment *segment = file->segment = segment_new();

    CHECK(file->next != NULL && file->rows_max > 0 && file->bytes_max > 0);
    file->ended = file->wide = false;
    file->entry_count = 0;
    writing->group_bytes_aim = flush_group_bytes(file->store);
    file->newest = NULL;
    file->path = NULL;
    arena_init(&writing->arena, 0);
    arena_init(&writing->scratch, 0);
    buf_init(&writing->bytes);
    buf_init(&writing->last_key);
    buf_init(&writing->hashes);
    buf_init(&writing->groups);
    row_block_builder_init(&writing->block);
    buf_init(&file->entries);
    buf_init(&file->entry_keys);
    segment->id = (uint64_t)id_snowflake(); /* rises for ever, so newest first is by id */
    segment->table = file->table->id;
    segment->user = arena_copy(segment->arena, file->user);
    segment->job_id = arena_copy(segment->arena, file->job_id);
    segment->schema_version = file->table->schema->version;
    segment->created_at = clock_now_us();
}

static void flush_write_end(struct flush_file *file)
{
    struct flush_writing *writing = file->writing;

    if (writing == NULL)
        return;
    CHECK(file->segment != NULL);
    arena_clear(&writing->arena);
    arena_clear(&writing->scratch);
    buf_clear(&writing->bytes);
    buf_clear(&writing->last_key);
    buf_clear(&writing->hashes);
    buf_clear(&writing->groups);
    row_block_builder_clear(&writing->block);
    mem_free(writing);
    file->writing = NULL;
}

enum status flush_file_fill(struct flush_file *file, bool *made, struct error *err)
{
    enum status status = STATUS_OK;

    CHECK(file->path != NULL && file->writing != NULL);
    *made = false;
    /* A file must not exist before it is known that it has a row. */
    if (!file->writing->has_row)
        status = flush_write_next(file, err);
    if (status == STATUS_OK) {
        flush_write_columns(file);
        flush_write_ranges_begin(file);
        status = flush_write_parquet(file, err);
    }
    if (status == STATUS_OK)
        status = flush_file_measure(file, err);
    if (status == STATUS_OK) {
        flush_write_describe(file);
        CHECK(file->segment->rows > 0);
        *made = true;
    }
    flush_write_end(file);
    return status == STATUS_END ? STATUS_OK : status;
}

static enum status flush_write_one(struct flush_file *file, bool *made, struct error *err)
{
    enum status status = flush_file_name(file, err);

    CHECK(file->writing->has_row);
    if (status == STATUS_OK)
        status = flush_files_pending(file->store, &file, 1, err);
    if (status == STATUS_OK && FAULT(flush_after_pending))
        status = error_set(err, STATUS_IO_FAILED, "fault flush_after_pending");
    if (status == STATUS_OK)
        status = flush_file_fill(file, made, err);
    if (status == STATUS_OK)
        status = files_publish(file->store->files, file->path, err);
    if (status == STATUS_OK && FAULT(flush_after_rename))
        status = error_set(err, STATUS_IO_FAILED, "fault flush_after_rename");
    return status;
}

enum status flush_file_write(struct flush_file *file, bool *made, struct error *err)
{
    *made = false;
    flush_file_begin(file);
    enum status status = flush_write_next(file, err);
    if (status == STATUS_END)
        return STATUS_OK;
    if (status == STATUS_OK)
        status = flush_write_one(file, made, err);
    if (status != STATUS_OK) {
        *made = false;
        flush_files_discard(file->store, &file, 1);
        return status;
    }
    CHECK(*made);
    return STATUS_OK;
}

/* Deletes published files; those that are gone lose their record in `batch`. */
static void flush_discard_files(struct store *store, struct flush_file *const *files, size_t count,
                                struct kv_batch *batch)
{
    const char **paths = mem_calloc(count + 1, sizeof(*paths));
    enum status *statuses = mem_calloc(count + 1, sizeof(*statuses));
    struct error err;
    size_t named = 0;

    for (size_t i = 0; i < count; i++) {
        struct str place, rest;
        if (files[i]->path == NULL)
            continue;
        struct str path = str_from_c(files[i]->path);
        if (files_is_cancelled() && files_address_split(path, &place, &rest)) {
            recovery_abandon(store, path);
            continue;
        }
        files_abandon(store->files, files[i]->path);
        paths[named++] = files[i]->path;
    }
    if (files_delete_many(store->files, paths, named, statuses, &err) != STATUS_OK)
        log_warn("files of a flush stay until the next start: %s", err.message);
    for (size_t i = 0; i < named; i++)
        if (statuses[i] == STATUS_OK)
            pending_remove(batch, store, str_from_c(paths[i]));
    CHECK(named <= count);
    mem_free(statuses);
    mem_free(paths);
}

void flush_files_discard(struct store *store, struct flush_file *const *files, size_t count)
{
    struct kv_batch *batch = kv_batch_new(store->kv);
    struct error err;
    enum status status = flush_files_pending(store, files, count, &err);

    CHECK(status != STATUS_END);
    if (status == STATUS_OK) {
        flush_discard_files(store, files, count, batch);
        status = kv_write(store->kv, batch,
                          store->options.durability == KV_MEMORY ? KV_MEMORY : KV_SYNC, &err);
    }
    if (status != STATUS_OK)
        log_warn("files of a flush stay until the next start: %s", err.message);
    kv_batch_free(batch);
}

void flush_file_clear(struct flush_file *file)
{
    if (file->segment == NULL)
        return;
    flush_write_end(file);
    CHECK(file->writing == NULL);
    mem_free(file->path);
    file->path = NULL;
    buf_clear(&file->entries);
    buf_clear(&file->entry_keys);
    row_block_unref(file->newest);
    file->newest = NULL;
    segment_unref(file->segment);
    file->segment = NULL;
}
