/* columnar_write.c — one Parquet file straight from a row source: COPY (SELECT … FROM hot_scan(0))
 * TO.
 *
 * Version 2 pages, row groups as asked, a field id for every column and the file's metadata. All
 * columns are "optional" in the file: DuckDB has no way to declare one required. Nothing is
 * fsynced.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/columnar/columnar_internal.h"

#include "base/check.h"
#include "base/mem.h"

#include <string.h>

enum { PARQUET_ROW_GROUP_DEFAULT = 8192 };

static const char *parquet_compression(const char *name)
{
    struct str wanted = str_from_c(name == NULL ? "zstd" : name);

    if (str_equal_nocase(wanted, STR_LIT("zstd")))
        return "zstd";
    if (str_equal_nocase(wanted, STR_LIT("snappy")))
        return "snappy";
    if (str_equal_nocase(wanted, STR_LIT("lz4")))
        return "lz4_raw";
    return str_equal_nocase(wanted, STR_LIT("none")) ? "uncompressed" : NULL;
}

/* DuckDB takes names without case, so two that differ in case only cannot stand in one file. */
static enum status parquet_check_names(const struct column_source *source, struct error *err)
{
    enum status status = STATUS_OK;
    struct map seen;
    struct buf lower;

    map_init(&seen);
    buf_init(&lower);
    CHECK(source->column_count > 0);
    for (size_t i = 0; status == STATUS_OK && i < source->column_count; i++) {
        struct str name = source->columns[i].name;
        buf_reset(&lower);
        for (size_t k = 0; k < name.size; k++)
            buf_append_byte(&lower, (uint8_t)(name.data[k] >= 'A' && name.data[k] <= 'Z'
                                                  ? name.data[k] + ('a' - 'A')
                                                  : name.data[k]));
        if (name.size == 0 || memchr(name.data, '\0', name.size) != NULL ||
            map_put(&seen, buf_str(&lower), &seen) != NULL)
            status =
                error_set(err, STATUS_NOT_SUPPORTED,
                          "column \"%.*s\" cannot be written: another one differs in case only",
                          STR_ARG(name));
    }
    map_clear(&seen);
    buf_clear(&lower);
    return status;
}

static void parquet_append_ids(struct buf *sql, const struct column_source *source)
{
    buf_append_str(sql, STR_LIT(", FIELD_IDS {"));
    for (size_t i = 0; i < source->column_count; i++) {
        buf_append_str(sql, i == 0 ? STR_EMPTY : STR_LIT(", "));
        sql_append_literal(sql, source->columns[i].name);
        buf_printf(sql, ": %u", source->columns[i].field_id);
    }
    buf_append_byte(sql, '}');
    CHECK(sql->size > 0);
}

static void parquet_append_meta(struct buf *sql, const struct parquet_options *options)
{
    if (options->meta_count == 0)
        return;
    CHECK(options->meta != NULL);
    buf_append_str(sql, STR_LIT(", KV_METADATA {"));
    for (size_t i = 0; i < options->meta_count; i++) {
        buf_append_str(sql, i == 0 ? STR_EMPTY : STR_LIT(", "));
        sql_append_literal(sql, options->meta[i].key);
        buf_append_str(sql, STR_LIT(": "));
        sql_append_literal(sql, options->meta[i].value);
    }
    buf_append_byte(sql, '}');
}

/* USE_TMP_FILE off: DuckDB would write beside a file that exists and leave that name after a crash.
 */
static void parquet_copy_sql(struct buf *sql, const char *path, const struct column_source *source,
                             const struct parquet_options *options, const char *compression)
{
    uint32_t rows =
        options->row_group_rows == 0 ? PARQUET_ROW_GROUP_DEFAULT : options->row_group_rows;

    CHECK(rows == 1 || rows % COLUMN_CHUNK_ROWS == 0);
    buf_append_str(sql, STR_LIT("COPY (SELECT * FROM hot_scan(0)) TO "));
    sql_append_literal(sql, str_from_c(path));
    buf_printf(sql,
               " (FORMAT parquet, PARQUET_VERSION v2, USE_TMP_FILE false, ROW_GROUP_SIZE %u, "
               "COMPRESSION %s",
               rows, compression);
    parquet_append_ids(sql, source);
    parquet_append_meta(sql, options);
    buf_append(sql, ")", 2);
}

static uint64_t parquet_written_rows(duckdb_result *result)
{
    duckdb_data_chunk chunk = duckdb_fetch_chunk(*result);
    uint64_t rows = 0;

    if (chunk != NULL && duckdb_data_chunk_get_size(chunk) == 1)
        rows = (uint64_t)((const int64_t *)duckdb_vector_get_data(
            duckdb_data_chunk_get_vector(chunk, 0)))[0];
    CHECK(rows <= INT64_MAX);
    duckdb_destroy_data_chunk(&chunk);
    return rows;
}

enum status columnar_write_parquet(struct columnar *columnar, const char *path,
                                   const struct column_source *source,
                                   const struct parquet_options *options, uint64_t *rows,
                                   struct error *err)
{
    const char *compression = parquet_compression(options->compression);
    struct columnar_session session = {0};
    duckdb_result result = {0}; /* as it stays if there is no memory for one */
    struct buf sql;
    enum status status = parquet_check_names(source, err);

    CHECK(rows != NULL);
    *rows = 0;
    if (status != STATUS_OK)
        return status;
    if (compression == NULL)
        return error_set(err, STATUS_INVALID_INPUT, "unknown compression \"%s\"",
                         options->compression);
    status = session_open(columnar, false, source, 1, &session, err);
    if (status != STATUS_OK)
        return status;
    buf_init(&sql);
    parquet_copy_sql(&sql, path, source, options, compression);
    if (duckdb_query(session.connection, sql.data, &result) != DuckDBSuccess)
        status = session_error(&session, duckdb_result_error(&result), err);
    else
        *rows = parquet_written_rows(&result);
    session.is_finished = status == STATUS_OK;
    duckdb_destroy_result(&result);
    buf_clear(&sql);
    session_close(&session);
    return status;
}
