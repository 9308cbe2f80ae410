/* columnar_read.c — columns of one Parquet file by field id, in file order.
 *
 * The names and types behind the field ids are read once per file and kept (a file never changes;
 * its size and time are part of the key, so that a path used anew is noticed). A range of rows
 * becomes a filter on file_row_number, by which DuckDB leaves out the row groups outside.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/columnar/columnar_internal.h"

#include "base/check.h"
#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum {
    PARQUET_SCHEMAS_MAX = 4096,
    PARQUET_WHOLE_ROWS = 32768, /* up to here a range is read at once, else streamed */
};

struct parquet_schema_column {
    int64_t field_id;
    struct str name; /* owned */
    struct column_type type;
};

struct parquet_schema {
    size_t count;
    struct parquet_schema_column columns[];
};

struct parquet_reader {
    struct columnar_query *query;
    size_t count;
    struct column_type *types;
    bool *present;
    size_t *positions;         /* of the present ones in the query */
    struct column_cell *nulls; /* shared by all absent ones; made when needed */
    const struct column_cell **cells;
};

/* ---- schemas
 * -------------------------------------------------------------------------------------- */

static void parquet_schema_free(struct parquet_schema *schema)
{
    CHECK(schema != NULL);
    for (size_t i = 0; i < schema->count; i++)
        mem_free((void *)(uintptr_t)schema->columns[i].name.data);
    mem_free(schema);
}

static void parquet_schemas_forget(struct columnar *columnar)
{
    size_t cursor = 0;
    void *schema;

    while (map_next(&columnar->schemas, &cursor, NULL, &schema))
        parquet_schema_free(schema);
    map_clear(&columnar->schemas);
    CHECK(columnar->schemas.count == 0);
}

void parquet_schemas_clear(struct columnar *columnar)
{
    CHECK(columnar != NULL);
    parquet_schemas_forget(columnar);
}

/* Key of the cache: path, size and time of the file. */
static enum status parquet_schema_key(const char *path, struct buf *key, struct error *err)
{
    struct stat info;

    CHECK(path != NULL);
    if (stat(path, &info) != 0)
        return error_set(err, errno == ENOENT ? STATUS_ABSENT : STATUS_IO_FAILED,
                         "a file of the storage could not be read");
    buf_printf(key, "%s|%lld|%lld.%09ld", path, (long long)info.st_size,
               (long long)info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
    return STATUS_OK;
}

/* Names and types as DuckDB gives them for the file's top-level columns. */
static enum status parquet_schema_types(struct columnar *columnar, const char *path,
                                        struct parquet_schema **out, struct error *err)
{
    struct columnar_query_options options = {0};
    const struct columnar_result_column *columns;
    struct columnar_query *query = NULL;
    enum status status;
    size_t count;
    struct buf sql;

    buf_init(&sql);
    buf_append_str(&sql, STR_LIT("SELECT * FROM read_parquet("));
    sql_append_literal(&sql, str_from_c(path));
    buf_append_str(&sql, STR_LIT(") LIMIT 0"));
    options.sql = buf_str(&sql);
    options.whole = true;
    status = columnar_query_open(columnar, &options, &query, err);
    buf_clear(&sql);
    if (status != STATUS_OK)
        return status;
    columns = columnar_query_columns(query, &count);
    *out = mem_zalloc(sizeof(**out) + count * sizeof((*out)->columns[0]));
    (*out)->count = count;
    for (size_t i = 0; i < count; i++) {
        (*out)->columns[i].field_id = -1;
        (*out)->columns[i].type = columns[i].type;
        (*out)->columns[i].name = str_from(mem_strdup(columns[i].name), columns[i].name.size);
    }
    CHECK((*out)->count == count);
    columnar_query_close(query);
    return STATUS_OK;
}

/* parquet_schema lists the root and then, for our flat files, the columns in order. */
static enum status parquet_schema_ids(struct columnar *columnar, const char *path,
                                      struct parquet_schema *schema, struct error *err)
{
    struct columnar_query_options options = {0};
    struct columnar_query *query = NULL;
    const struct column_cell *const *cells;
    enum status status;
    struct buf sql;
    size_t rows = 0;

    buf_init(&sql);
    buf_append_str(&sql, STR_LIT("SELECT field_id, num_children FROM parquet_schema("));
    sql_append_literal(&sql, str_from_c(path));
    buf_append_str(&sql, STR_LIT(") OFFSET 1"));
    options.sql = buf_str(&sql);
    options.whole = true;
    status = columnar_query_open(columnar, &options, &query, err);
    buf_clear(&sql);
    if (status != STATUS_OK)
        return status;
    status = columnar_query_next(query, &cells, &rows, err);
    for (size_t i = 0; status == STATUS_OK && i < rows; i++) {
        if (rows != schema->count || !cells[1][i].is_null)
            status = error_set(err, STATUS_CORRUPT, "a file of the storage has nested columns");
        else if (!cells[0][i].is_null)
            schema->columns[i].field_id = cells[0][i].integer;
    }
    CHECK(rows <= COLUMN_CHUNK_ROWS);
    columnar_query_close(query);
    return status == STATUS_END ? STATUS_CORRUPT : status;
}

static enum status parquet_schema_read(struct columnar *columnar, const char *path,
                                       struct parquet_schema **out, struct error *err)
{
    enum status status = parquet_schema_types(columnar, path, out, err);

    CHECK(status != STATUS_OK || *out != NULL);
    if (status == STATUS_OK)
        status = parquet_schema_ids(columnar, path, *out, err);
    if (status != STATUS_OK && *out != NULL) {
        parquet_schema_free(*out);
        *out = NULL;
    }
    return status;
}

/* Where the wanted field ids are. Names are copied: the cache may be emptied by another thread. */
static void parquet_reader_match(struct parquet_reader *reader, const struct parquet_schema *schema,
                                 const uint32_t *field_ids, struct buf *names)
{
    size_t position = 0;

    for (size_t i = 0; i < reader->count; i++)
        for (size_t k = 0; k < schema->count; k++) {
            if (schema->columns[k].field_id != (int64_t)field_ids[i])
                continue;
            reader->present[i] = true;
            reader->types[i] = schema->columns[k].type;
            reader->positions[i] = position++;
            buf_append_str(names, position == 1 ? STR_EMPTY : STR_LIT(", "));
            sql_append_name(names, schema->columns[k].name);
            break;
        }
    CHECK(position <= reader->count);
    if (position == 0) /* the number of rows is still wanted */
        buf_append_str(names, STR_LIT("1"));
}

static enum status parquet_reader_columns(struct columnar *columnar, struct parquet_reader *reader,
                                          const struct parquet_read_options *options,
                                          struct buf *names, struct error *err)
{
    struct parquet_schema *schema, *former;
    struct buf key;
    enum status status;

    buf_init(&key);
    status = parquet_schema_key(options->path, &key, err);
    if (status != STATUS_OK)
        goto out;
    pthread_mutex_lock(&columnar->mutex);
    schema = map_get(&columnar->schemas, buf_str(&key));
    if (schema != NULL)
        parquet_reader_match(reader, schema, options->field_ids, names);
    pthread_mutex_unlock(&columnar->mutex);
    if (schema != NULL)
        goto out;
    status = parquet_schema_read(columnar, options->path, &schema, err);
    if (status != STATUS_OK)
        goto out;
    parquet_reader_match(reader, schema, options->field_ids, names);
    pthread_mutex_lock(&columnar->mutex);
    if (columnar->schemas.count >= PARQUET_SCHEMAS_MAX)
        parquet_schemas_forget(columnar);
    former = map_put(&columnar->schemas, buf_str(&key), schema);
    if (former != NULL)
        parquet_schema_free(former);
    pthread_mutex_unlock(&columnar->mutex);
out:
    CHECK(reader->query == NULL);
    buf_clear(&key);
    return status;
}

/* ---- reading
 * -------------------------------------------------------------------------------------- */

static void parquet_reader_sql(const struct parquet_read_options *options, struct str names,
                               struct buf *sql)
{
    uint64_t end;
    bool has_end =
        !__builtin_add_overflow(options->row_first, options->row_count, &end) && end <= INT64_MAX;

    CHECK(names.size > 0);
    buf_append_str(sql, STR_LIT("SELECT "));
    buf_append_str(sql, names);
    buf_append_str(sql, STR_LIT(" FROM read_parquet("));
    sql_append_literal(sql, str_from_c(options->path));
    if (options->row_first == 0 && !has_end) {
        buf_append_byte(sql, ')');
        return;
    }
    buf_printf(sql, ", file_row_number=true) WHERE file_row_number >= %llu",
               (unsigned long long)options->row_first);
    if (has_end)
        buf_printf(sql, " AND file_row_number < %llu", (unsigned long long)end);
}

static struct parquet_reader *parquet_reader_new(size_t count)
{
    struct parquet_reader *reader = mem_zalloc(sizeof(*reader));

    CHECK(count < 1u << 20);
    reader->count = count;
    reader->types = mem_calloc(count + 1, sizeof(struct column_type));
    reader->present = mem_calloc(count + 1, sizeof(bool));
    reader->positions = mem_calloc(count + 1, sizeof(size_t));
    reader->cells = mem_calloc(count + 1, sizeof(struct column_cell *));
    return reader;
}

enum status parquet_reader_open(struct columnar *columnar,
                                const struct parquet_read_options *options,
                                struct parquet_reader **out, struct error *err)
{
    struct parquet_reader *reader = parquet_reader_new(options->field_count);
    struct columnar_query_options query = {.cancelled = options->cancelled};
    struct buf names, sql;
    enum status status;

    *out = NULL;
    buf_init(&names);
    buf_init(&sql);
    status = parquet_reader_columns(columnar, reader, options, &names, err);
    if (status != STATUS_OK)
        goto out;
    parquet_reader_sql(options, buf_str(&names), &sql);
    query.sql = buf_str(&sql);
    query.whole = options->row_count <= PARQUET_WHOLE_ROWS;
    status = columnar_query_open(columnar, &query, &reader->query, err);
out:
    buf_clear(&names);
    buf_clear(&sql);
    if (status == STATUS_OK)
        *out = reader;
    else
        parquet_reader_close(reader);
    CHECK((*out != NULL) == (status == STATUS_OK));
    return status;
}

const struct column_type *parquet_reader_types(const struct parquet_reader *reader)
{
    CHECK(reader->query != NULL);
    return reader->types;
}

const bool *parquet_reader_present(const struct parquet_reader *reader)
{
    CHECK(reader->query != NULL);
    return reader->present;
}

static const struct column_cell *parquet_reader_nulls(struct parquet_reader *reader)
{
    if (reader->nulls == NULL) {
        reader->nulls = mem_calloc(COLUMN_CHUNK_ROWS, sizeof(struct column_cell));
        for (size_t i = 0; i < COLUMN_CHUNK_ROWS; i++)
            reader->nulls[i].is_null = true;
    }
    CHECK(reader->nulls[0].is_null);
    return reader->nulls;
}

enum status parquet_reader_next(struct parquet_reader *reader,
                                const struct column_cell *const **cells, size_t *rows,
                                struct error *err)
{
    const struct column_cell *const *found;
    enum status status = columnar_query_next(reader->query, &found, rows, err);

    *cells = reader->cells;
    for (size_t i = 0; status == STATUS_OK && i < reader->count; i++)
        reader->cells[i] =
            reader->present[i] ? found[reader->positions[i]] : parquet_reader_nulls(reader);
    CHECK(status == STATUS_OK || *rows == 0);
    return status;
}

void parquet_reader_close(struct parquet_reader *reader)
{
    if (reader == NULL)
        return;
    columnar_query_close(reader->query);
    mem_free(reader->types);
    mem_free(reader->present);
    mem_free(reader->positions);
    mem_free(reader->nulls);
    mem_free(reader->cells);
    mem_free(reader);
}
