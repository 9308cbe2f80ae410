/* row_block.c — one row group in memory: building it and reading it from its Parquet file.
 *
 * The file was written with the columns and types of its schema version; they are asked for by
 * field id and turned back into row bytes of that version's layout, exactly as the rows were when
 * hot. Old versions are then read through projections like old hot rows. A file whose columns or
 * types are not what its record says is refused: CORRUPT, naming file and column in the log.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store/cells.h"
#include "store/row_cache.h"
#include "store/segment_file.h"
#include "store/store_internal.h"
#include "value/key.h"

/* ---- blocks
 * --------------------------------------------------------------------------------------- */

uint32_t row_block_find(const struct row_block *block, struct str key)
{
    uint32_t low = 0, high = block->rows;

    CHECK(block->rows > 0);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (str_compare(row_block_key(block, middle), key) <= 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

struct row_block *row_block_ref(struct row_block *block)
{
    unsigned before = atomic_fetch_add_explicit(&block->refs, 1, memory_order_relaxed);
    CHECK(before > 0);
    return block;
}

void row_block_unref(struct row_block *block)
{
    if (block == NULL)
        return;
    unsigned before = atomic_fetch_sub_explicit(&block->refs, 1, memory_order_acq_rel);
    CHECK(before > 0);
    if (before > 1)
        return;
    mem_free(block->ends);
    mem_free(block->data);
    mem_free(block);
}

void row_block_builder_init(struct row_block_builder *builder)
{
    *builder = (struct row_block_builder){.rows = 0};
    buf_init(&builder->data);
    buf_init(&builder->ends);
    CHECK(builder->data.size == 0);
}

void row_block_builder_clear(struct row_block_builder *builder)
{
    buf_clear(&builder->data);
    buf_clear(&builder->ends);
    builder->rows = 0;
    builder->overflow = false;
}

void row_block_builder_add(struct row_block_builder *builder, struct str key, struct str bytes)
{
    uint32_t ends[2];

    CHECK(key.size > 0 && bytes.size >= ROW_HEADER_BYTES);
    if (builder->overflow || builder->data.size + key.size + bytes.size > UINT32_MAX) {
        builder->overflow = true;
        return;
    }
    buf_append_str(&builder->data, key);
    ends[0] = (uint32_t)builder->data.size;
    buf_append_str(&builder->data, bytes);
    ends[1] = (uint32_t)builder->data.size;
    buf_append(&builder->ends, ends, sizeof(ends));
    builder->rows++;
}

struct row_block *row_block_builder_finish(struct row_block_builder *builder, uint64_t segment_id,
                                           uint32_t group)
{
    struct row_block *block = NULL;
    size_t size;

    if (!builder->overflow && builder->rows > 0) {
        block = mem_zalloc(sizeof(*block));
        CHECK(builder->ends.size == builder->rows * 2 * sizeof(uint32_t));
        atomic_init(&block->refs, 1);
        block->segment_id = segment_id;
        block->group = group;
        block->rows = builder->rows;
        char *data = buf_take(&builder->data, &size);
        block->data = mem_realloc(data, size); /* gives back what growing left over */
        block->bytes = sizeof(*block) + size;
        block->ends = (uint32_t *)(void *)buf_take(&builder->ends, &size);
        block->bytes += size;
    }
    row_block_builder_clear(builder);
    return block;
}

/* ---- reading a row group
 * -------------------------------------------------------------------------- */

enum { ROW_BLOCK_SYSTEM_FIELDS = 3 }; /* _seq, _updated, _deleted behind the user columns */

struct row_block_reading {
    const struct table *table;
    const struct table_schema *schema; /* of the file */
    const struct segment *segment;
    struct parquet_reader *reader;
    const char *pinned;    /* the file in use; NULL = none */
    uint32_t *fields;      /* column ids, then the system columns' */
    uint32_t *key_columns; /* indices into schema->columns */
    struct value *values;
    struct buf key, bytes;
    struct row_block_builder builder;
    struct arena arena;
};

static void row_block_load_fields(struct row_block_reading *reading)
{
    const struct table_schema *schema = reading->schema;
    const struct table *table = reading->table;
    uint32_t count = schema->column_count;

    reading->fields = arena_array(&reading->arena, count + ROW_BLOCK_SYSTEM_FIELDS, 4);
    for (uint32_t i = 0; i < count; i++)
        reading->fields[i] = schema->columns[i].id;
    reading->fields[count] = COLUMN_ID_SEQ;
    reading->fields[count + 1] = COLUMN_ID_UPDATED;
    reading->fields[count + 2] = COLUMN_ID_DELETED;
    reading->values = arena_array(&reading->arena, count, sizeof(struct value));
    reading->key_columns = arena_array(&reading->arena, table->key_count, 4);
    for (uint32_t i = 0; i < table->key_count; i++) {
        uint32_t id = table->schema->columns[table->key_columns[i]].id;
        uint32_t column = 0;
        while (column < count && schema->columns[column].id != id)
            column++;
        CHECK(column < count); /* key columns are never dropped */
        reading->key_columns[i] = column;
    }
}

/* The file has every column, with the types of its schema version. */
static enum status row_block_load_check(const struct row_block_reading *reading, struct error *err)
{
    const struct column_type *types = parquet_reader_types(reading->reader);
    const bool *present = parquet_reader_present(reading->reader);
    uint32_t count = reading->schema->column_count;
    static const enum column_kind system[ROW_BLOCK_SYSTEM_FIELDS] = {
        COLUMN_BIGINT, COLUMN_TIMESTAMP, COLUMN_BOOLEAN};

    CHECK(types != NULL && present != NULL);
    for (uint32_t i = 0; i < count + ROW_BLOCK_SYSTEM_FIELDS; i++) {
        struct column_type wanted = {.kind = system[i < count ? 0 : i - count]};
        if (i < count)
            wanted = cell_type(&reading->schema->columns[i].type);
        bool same = types[i].kind == wanted.kind &&
                    (wanted.kind != COLUMN_DECIMAL || types[i].scale == wanted.scale);
        if (!present[i] || !same)
            return error_set(err, STATUS_CORRUPT,
                             "file %.*s: column %u is missing or of a wrong type",
                             STR_ARG(reading->segment->path), i);
    }
    return STATUS_OK;
}

static enum status row_block_load_row(struct row_block_reading *reading,
                                      const struct column_cell *const *cells, size_t row,
                                      struct error *err)
{
    const struct table_schema *schema = reading->schema;
    struct value keys[LIMIT_KEY_COLUMNS];
    uint32_t count = schema->column_count;

    for (uint32_t i = 0; i < count; i++)
        cell_to_value(&cells[i][row], &schema->columns[i].type, &reading->values[i]);
    for (uint32_t i = 0; i < reading->table->key_count; i++) {
        keys[i] = reading->values[reading->key_columns[i]];
        if (keys[i].is_null)
            return error_set(err, STATUS_CORRUPT, "file %.*s: a key is NULL",
                             STR_ARG(reading->segment->path));
    }
    CHECK(count > 0);
    struct row_header header = {
        .flags = cells[count + 2][row].boolean ? ROW_DELETED : 0,
        .layout_version = schema->version,
        .seq = cells[count][row].integer,
        .updated = cells[count + 1][row].integer,
    };
    buf_reset(&reading->key);
    buf_reset(&reading->bytes);
    enum status status = key_encode(keys, reading->table->key_count, &reading->key, err);
    if (status != STATUS_OK)
        return status;
    row_encode(&schema->layout, &header, reading->values, &reading->bytes);
    row_block_builder_add(&reading->builder, buf_str(&reading->key), buf_str(&reading->bytes));
    return STATUS_OK;
}

static enum status row_block_load_rows(struct row_block_reading *reading,
                                       const struct row_group *group, struct error *err)
{
    const struct column_cell *const *cells;
    enum status status;
    size_t rows;

    while ((status = parquet_reader_next(reading->reader, &cells, &rows, err)) == STATUS_OK) {
        for (size_t i = 0; i < rows && status == STATUS_OK; i++)
            status = row_block_load_row(reading, cells, i, err);
        if (status != STATUS_OK)
            return status;
        CHECK(rows > 0);
    }
    if (status != STATUS_END)
        return status;
    if (reading->builder.rows != group->rows || reading->builder.overflow)
        return error_set(err, STATUS_CORRUPT, "file %.*s: %u rows instead of %u at row %llu",
                         STR_ARG(reading->segment->path), reading->builder.rows, group->rows,
                         (unsigned long long)group->row_first);
    return STATUS_OK;
}

/* The keys descend from the greatest to the least that the record tells: searches rely on it. */
static enum status row_block_check_keys(const struct row_block *block,
                                        const struct segment *segment, struct error *err)
{
    const struct row_group *group = &segment->groups[block->group];
    bool valid = str_equal(row_block_key(block, 0), group->key_max) &&
                 str_equal(row_block_key(block, block->rows - 1), group->key_min);

    CHECK(block->rows == group->rows);
    for (uint32_t i = 1; valid && i < block->rows; i++)
        valid = str_compare(row_block_key(block, i), row_block_key(block, i - 1)) < 0;
    if (valid)
        return STATUS_OK;
    return error_set(err, STATUS_CORRUPT, "file %.*s: its keys are not those of its record",
                     STR_ARG(segment->path));
}

static enum status row_block_load_open(struct store *store, struct row_block_reading *reading,
                                       const struct row_group *group, struct error *err)
{
    struct str path = arena_copy(&reading->arena, reading->segment->path);
    char *local = NULL;

    CHECK(reading->reader == NULL);
    enum status status = segment_file_open(store, reading->segment, path.data, &local, err);
    if (status != STATUS_OK)
        return status;
    reading->pinned = path.data;
    struct parquet_read_options options = {
        .path = local,
        .field_ids = reading->fields,
        .field_count = reading->schema->column_count + ROW_BLOCK_SYSTEM_FIELDS,
        .row_first = group->row_first,
        .row_count = group->rows,
    };
    status = parquet_reader_open(store->columnar, &options, &reading->reader, err);
    mem_free(local);
    return status;
}

enum status row_block_load(struct store *store, const struct table *table,
                           const struct segment *segment, uint32_t group, struct row_block **out,
                           struct error *err)
{
    struct row_block_reading reading = {
        .table = table,
        .schema = table_schema_version(table, segment->schema_version),
        .segment = segment,
    };
    struct row_block *block = NULL;
    enum status status;

    CHECK(group < segment->group_count);
    if (reading.schema == NULL)
        return error_set(err, STATUS_CORRUPT, "file %.*s: unknown schema version %u",
                         STR_ARG(segment->path), segment->schema_version);
    arena_init(&reading.arena, 0);
    buf_init(&reading.key);
    buf_init(&reading.bytes);
    row_block_builder_init(&reading.builder);
    row_block_load_fields(&reading);
    status = row_block_load_open(store, &reading, &segment->groups[group], err);
    if (status == STATUS_OK)
        status = row_block_load_check(&reading, err);
    if (status == STATUS_OK)
        status = row_block_load_rows(&reading, &segment->groups[group], err);
    if (status == STATUS_OK)
        block = row_block_builder_finish(&reading.builder, segment->id, group);
    if (status == STATUS_OK)
        status = row_block_check_keys(block, segment, err);
    if (status == STATUS_OK)
        *out = block;
    else
        row_block_unref(block);
    if (reading.reader != NULL)
        parquet_reader_close(reading.reader);
    if (reading.pinned != NULL)
        files_release(store->files, reading.pinned);
    row_block_builder_clear(&reading.builder);
    buf_clear(&reading.bytes);
    buf_clear(&reading.key);
    arena_clear(&reading.arena);
    return status;
}
