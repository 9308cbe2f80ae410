/* columnar_scan.c — the table function hot_scan(n): rows of a column_source inside DuckDB.
 *
 * It is registered once per database. Which sources `n` counts is found through the id of the
 * connection that binds it, so that no SQL text can name another statement's rows. Projection is
 * pushed down; each reference and execution opens its own cursor, used by one thread at a time.
 * A source's error stops the statement and is kept in the session, because DuckDB carries text
 * only.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/columnar/columnar_internal.h"

#include "base/check.h"
#include "base/mem.h"

/* Bind data: what one reference stands for. */
struct scan_bind {
    struct columnar_session *session;
    const struct column_source *source;
};

/* Init data: one cursor. */
struct scan {
    struct scan_bind of;
    void *cursor;
    struct column_chunk chunk; /* wanted columns only */
    size_t *positions;         /* where they stand in DuckDB's chunk */
};

static struct columnar_session *scan_session(struct instance *instance, duckdb_bind_info info)
{
    duckdb_client_context context = NULL;
    struct columnar_session *session;
    idx_t id;

    duckdb_table_function_get_client_context(info, &context);
    CHECK(context != NULL);
    id = duckdb_client_context_get_connection_id(context);
    duckdb_destroy_client_context(&context);
    pthread_mutex_lock(&instance->columnar->mutex);
    session = session_of_connection(instance, id);
    pthread_mutex_unlock(&instance->columnar->mutex);
    return session;
}

static void scan_bind_columns(duckdb_bind_info info, const struct column_source *source)
{
    CHECK(source->column_count > 0);
    for (size_t i = 0; i < source->column_count; i++) {
        duckdb_logical_type type = column_logical_type(source->columns[i].type);
        char *name = mem_strdup(source->columns[i].name);
        duckdb_bind_add_result_column(info, name, type);
        mem_free(name);
        duckdb_destroy_logical_type(&type);
    }
}

static void scan_bind(duckdb_bind_info info)
{
    struct columnar_session *session = scan_session(duckdb_bind_get_extra_info(info), info);
    duckdb_value argument = duckdb_bind_get_parameter(info, 0);
    int64_t number = duckdb_is_null_value(argument) ? -1 : duckdb_get_int64(argument);
    struct scan_bind *bind;

    duckdb_destroy_value(&argument);
    if (session == NULL || number < 0 || (uint64_t)number >= session->source_count) {
        duckdb_bind_set_error(info, "hot_scan: no such source");
        return;
    }
    bind = mem_alloc(sizeof(*bind));
    *bind = (struct scan_bind){.session = session, .source = &session->sources[number]};
    CHECK(bind->source->open != NULL && bind->source->fill != NULL);
    scan_bind_columns(info, bind->source);
    duckdb_bind_set_cardinality(info, bind->source->rows_estimate, false);
    duckdb_bind_set_bind_data(info, bind, mem_free);
}

static void scan_free(void *argument)
{
    struct scan *scan = argument;

    CHECK(scan != NULL);
    if (scan->cursor != NULL) {
        scan->of.source->close(scan->cursor);
        atomic_fetch_sub(&scan->of.session->cursors_open, 1);
    }
    mem_free(scan->chunk.vectors);
    mem_free(scan->positions);
    mem_free(scan);
}

/* Notes the wanted columns. Columns behind the last are DuckDB's own (row id of count(*)). */
static uint32_t *scan_init_columns(struct scan *scan, duckdb_init_info info)
{
    idx_t count = duckdb_init_get_column_count(info);
    uint32_t *wanted = mem_calloc(count + 1, sizeof(uint32_t));

    CHECK(scan->chunk.count == 0);
    scan->chunk.vectors = mem_calloc(count + 1, sizeof(struct column_chunk_vector));
    scan->positions = mem_calloc(count + 1, sizeof(size_t));
    for (idx_t i = 0; i < count; i++) {
        idx_t column = duckdb_init_get_column_index(info, i);
        if (column >= scan->of.source->column_count)
            continue;
        wanted[scan->chunk.count] = (uint32_t)column;
        scan->positions[scan->chunk.count] = i;
        scan->chunk.vectors[scan->chunk.count++].type = scan->of.source->columns[column].type;
    }
    return wanted;
}

static void scan_init(duckdb_init_info info)
{
    const struct scan_bind *bind = duckdb_init_get_bind_data(info);
    struct scan *scan = mem_zalloc(sizeof(*scan));
    struct error err;
    enum status status;
    uint32_t *wanted;

    CHECK(bind != NULL);
    scan->of = *bind;
    error_clear(&err);
    wanted = scan_init_columns(scan, info);
    status =
        bind->source->open(bind->source->context, wanted, scan->chunk.count, &scan->cursor, &err);
    mem_free(wanted);
    duckdb_init_set_max_threads(info, 1);
    if (status == STATUS_OK) {
        atomic_fetch_add(&scan->of.session->cursors_open, 1);
        duckdb_init_set_init_data(info, scan, scan_free);
        return;
    }
    scan->cursor = NULL;
    scan_free(scan);
    session_source_failed(bind->session, status, &err);
    duckdb_init_set_error(info, "hot_scan: the source failed");
}

static void scan_fill(duckdb_function_info info, duckdb_data_chunk output)
{
    struct scan *scan = duckdb_function_get_init_data(info);
    struct error err;
    enum status status;
    size_t rows = 0;

    for (size_t i = 0; i < scan->chunk.count; i++) {
        struct column_chunk_vector *vector = &scan->chunk.vectors[i];
        vector->vector = duckdb_data_chunk_get_vector(output, scan->positions[i]);
        vector->data = duckdb_vector_get_data(vector->vector);
        vector->validity = NULL;
    }
    error_clear(&err);
    status = scan->of.source->fill(scan->cursor, &scan->chunk, &rows, &err);
    if (status != STATUS_OK) {
        session_source_failed(scan->of.session, status, &err);
        duckdb_function_set_error(info, "hot_scan: the source failed");
        rows = 0;
    }
    CHECK(rows <= COLUMN_CHUNK_ROWS);
    duckdb_data_chunk_set_size(output, rows);
}

enum status scan_register(struct instance *instance, duckdb_connection connection,
                          struct error *err)
{
    duckdb_table_function function = duckdb_create_table_function();
    duckdb_logical_type number = duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
    duckdb_state state;

    CHECK(duckdb_vector_size() == COLUMN_CHUNK_ROWS);
    duckdb_table_function_set_name(function, "hot_scan");
    duckdb_table_function_add_parameter(function, number);
    duckdb_table_function_set_extra_info(function, instance, NULL);
    duckdb_table_function_set_bind(function, scan_bind);
    duckdb_table_function_set_init(function, scan_init);
    duckdb_table_function_set_function(function, scan_fill);
    duckdb_table_function_supports_projection_pushdown(function, true);
    state = duckdb_register_table_function(connection, function);
    duckdb_destroy_logical_type(&number);
    duckdb_destroy_table_function(&function);
    if (state == DuckDBSuccess)
        return STATUS_OK;
    return error_set(err, STATUS_INTERNAL_ERROR, "DuckDB refused the scan function");
}
