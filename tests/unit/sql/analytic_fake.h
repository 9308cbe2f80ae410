/* analytic_fake.h — what the analytic tests need from below: a columnar over DuckDB with hot_scan,
 * three tables with rows in memory, name resolution with one forbidden table. Header of tests only.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_SQL_ANALYTIC_FAKE_H
#define TESTS_SQL_ANALYTIC_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "catalog/system_tables.h"
#include "sql/analytic/analytic_internal.h"
#include "value/key.h"
#include "value/text.h"

#include <duckdb.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- columnar
 * ------------------------------------------------------------------------------------------- */

struct columnar {
    duckdb_database database;
    duckdb_connection connection;
    const struct columnar_query_options *options; /* of the running query */
    char last_sql[65536];
    unsigned stale_left; /* answers STALE that often */
};
static struct columnar fake_columnar;

struct column_chunk {
    duckdb_data_chunk chunk;
    const struct column_source *source;
    const uint32_t *wanted;
};

struct fake_scan {
    const struct column_source *source;
    uint32_t wanted[64];
    size_t wanted_count;
    void *cursor;
};

static duckdb_logical_type fake_type(struct column_type type)
{
    static const duckdb_type types[] = {
        DUCKDB_TYPE_SQLNULL, DUCKDB_TYPE_BOOLEAN, DUCKDB_TYPE_SMALLINT, DUCKDB_TYPE_INTEGER,
        DUCKDB_TYPE_BIGINT,  DUCKDB_TYPE_FLOAT,   DUCKDB_TYPE_DOUBLE,   DUCKDB_TYPE_DECIMAL,
        DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_UUID,    DUCKDB_TYPE_VARCHAR,  DUCKDB_TYPE_BLOB,
        DUCKDB_TYPE_DATE,    DUCKDB_TYPE_TIME,    DUCKDB_TYPE_TIMESTAMP};
    if (type.kind == COLUMN_DECIMAL)
        return duckdb_create_decimal_type(type.precision, type.scale);
    return duckdb_create_logical_type(types[type.kind]);
}

void column_chunk_set_plain(struct column_chunk *chunk, size_t column, size_t row,
                            const void *place)
{
    (void)chunk, (void)column, (void)row, (void)place;
    fail_msg("the fake tables have no row bytes");
}

void column_chunk_set(struct column_chunk *chunk, size_t column, size_t row,
                      const struct column_cell *cell, bool copy)
{
    duckdb_vector vector = duckdb_data_chunk_get_vector(chunk->chunk, column);
    void *data = duckdb_vector_get_data(vector);
    struct column_type type = chunk->source->columns[chunk->wanted[column]].type;
    assert_true(copy);
    if (cell->is_null) {
        duckdb_vector_ensure_validity_writable(vector);
        duckdb_validity_set_row_invalid(duckdb_vector_get_validity(vector), row);
        return;
    }
    switch (type.kind) {
    case COLUMN_BOOLEAN:
        ((bool *)data)[row] = cell->boolean;
        break;
    case COLUMN_SMALLINT:
        ((int16_t *)data)[row] = (int16_t)cell->integer;
        break;
    case COLUMN_INT:
    case COLUMN_DATE:
        ((int32_t *)data)[row] = (int32_t)cell->integer;
        break;
    case COLUMN_DOUBLE:
        ((double *)data)[row] = cell->real;
        break;
    case COLUMN_DECIMAL: /* DECIMAL(10,2) only */
        ((int64_t *)data)[row] = (int64_t)cell->decimal;
        break;
    case COLUMN_TEXT:
    case COLUMN_JSON:
    case COLUMN_BYTES:
        duckdb_vector_assign_string_element_len(vector, row, cell->text.data, cell->text.size);
        break;
    default:
        ((int64_t *)data)[row] = cell->integer;
        break;
    }
}

static void fake_scan_free(void *data)
{
    struct fake_scan *scan = data;
    if (scan->cursor)
        scan->source->close(scan->cursor);
    mem_free(scan);
}

static void fake_bind(duckdb_bind_info info)
{
    duckdb_value argument = duckdb_bind_get_parameter(info, 0);
    int64_t index = duckdb_get_int64(argument);
    const struct column_source *source;
    duckdb_destroy_value(&argument);
    if (!fake_columnar.options || (size_t)index >= fake_columnar.options->source_count) {
        duckdb_bind_set_error(info, "no such scan");
        return;
    }
    source = &fake_columnar.options->sources[index];
    for (size_t i = 0; i < source->column_count; i++) {
        char name[256];
        duckdb_logical_type type = fake_type(source->columns[i].type);
        snprintf(name, sizeof(name), "%.*s", STR_ARG(source->columns[i].name));
        duckdb_bind_add_result_column(info, name, type);
        duckdb_destroy_logical_type(&type);
    }
    duckdb_bind_set_bind_data(info, (void *)source, NULL);
}

static void fake_init(duckdb_init_info info)
{
    struct fake_scan *scan = mem_zalloc(sizeof(*scan));
    struct error err;
    scan->source = duckdb_init_get_bind_data(info);
    scan->wanted_count = duckdb_init_get_column_count(info);
    for (size_t i = 0; i < scan->wanted_count; i++) {
        scan->wanted[i] = (uint32_t)duckdb_init_get_column_index(info, i);
        if (scan->wanted[i] >= scan->source->column_count)
            scan->wanted[i] = 0; /* count(*) */
    }
    if (scan->source->open(scan->source->context, scan->wanted, scan->wanted_count, &scan->cursor,
                           &err) != STATUS_OK)
        duckdb_init_set_error(info, err.message);
    duckdb_init_set_init_data(info, scan, fake_scan_free);
    duckdb_init_set_max_threads(info, 1);
}

static void fake_function(duckdb_function_info info, duckdb_data_chunk output)
{
    struct fake_scan *scan = duckdb_function_get_init_data(info);
    struct column_chunk chunk = {output, scan->source, scan->wanted};
    struct error err;
    size_t rows = 0;
    if (scan->source->fill(scan->cursor, &chunk, &rows, &err) != STATUS_OK)
        duckdb_function_set_error(info, err.message);
    duckdb_data_chunk_set_size(output, rows);
}

static void fake_execute(const char *sql)
{
    duckdb_result result;
    if (duckdb_query(fake_columnar.connection, sql, &result) == DuckDBError) {
        fprintf(stderr, "%s\n%s\n", sql, duckdb_result_error(&result));
        abort();
    }
    duckdb_destroy_result(&result);
}

/* storage/columnar/columnar_cast.c; its header has another struct columnar */
enum status cast_register(duckdb_connection connection, const struct columnar_cast *cast,
                          struct error *err);

/* storage/columnar/columnar_function.c */
struct instance;
enum status function_register(struct instance *instance, duckdb_connection connection,
                              const struct columnar_function *of, struct error *err);

/* storage/columnar/columnar_size.c */
enum status size_register(duckdb_connection connection, struct error *err);

static void fake_columnar_open(void)
{
    duckdb_table_function function = duckdb_create_table_function();
    duckdb_logical_type type = duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
    size_t count, cast_count, function_count;
    const char *const *setup = analytic_setup(&count);
    const struct columnar_cast *casts = analytic_casts(&cast_count);
    const struct columnar_function *functions = analytic_functions(&function_count);
    struct error err;
    duckdb_open(NULL, &fake_columnar.database);
    duckdb_connect(fake_columnar.database, &fake_columnar.connection);
    duckdb_table_function_set_name(function, "hot_scan");
    duckdb_table_function_add_parameter(function, type);
    duckdb_table_function_set_bind(function, fake_bind);
    duckdb_table_function_set_init(function, fake_init);
    duckdb_table_function_set_function(function, fake_function);
    duckdb_table_function_supports_projection_pushdown(function, true);
    duckdb_register_table_function(fake_columnar.connection, function);
    duckdb_destroy_table_function(&function);
    duckdb_destroy_logical_type(&type);
    fake_execute("SET threads=1");
    fake_execute("SET default_null_order='nulls_last_on_asc_first_on_desc'");
    fake_execute("SET TimeZone='UTC'");
    assert_int_equal(size_register(fake_columnar.connection, &err), STATUS_OK);
    for (size_t i = 0; i < function_count; i++)
        assert_int_equal(function_register(NULL, fake_columnar.connection, &functions[i], &err),
                         STATUS_OK);
    for (size_t i = 0; i < count; i++)
        fake_execute(setup[i]);
    for (size_t i = 0; i < cast_count; i++)
        assert_int_equal(cast_register(fake_columnar.connection, &casts[i], &err), STATUS_OK);
}

static void fake_columnar_close(void)
{
    duckdb_disconnect(&fake_columnar.connection);
    duckdb_close(&fake_columnar.database);
}

static enum status fake_error(struct error *err, enum status status, const char *message)
{
    size_t size = message ? strcspn(message, "\n") : 0;
    return error_set(err, status, "%.*s", (int)size, message ? message : "");
}

enum status columnar_parse(struct columnar *columnar, struct str sql, struct arena *arena,
                           struct str *json, struct error *err)
{
    duckdb_prepared_statement statement;
    duckdb_result result;
    char *text;
    (void)err;
    duckdb_prepare(columnar->connection, "SELECT json_serialize_sql($1::VARCHAR)", &statement);
    duckdb_bind_varchar_length(statement, 1, sql.data, sql.size);
    if (duckdb_execute_prepared(statement, &result) == DuckDBError) {
        enum status status = fake_error(err, STATUS_INVALID_SQL, duckdb_result_error(&result));
        duckdb_destroy_result(&result);
        duckdb_destroy_prepare(&statement);
        return status;
    }
    text = duckdb_value_varchar(&result, 0, 0);
    *json = arena_copy(arena, str_from_c(text));
    duckdb_free(text);
    duckdb_destroy_result(&result);
    duckdb_destroy_prepare(&statement);
    return STATUS_OK;
}

/* Every result cell comes as text; the tests compare text. */
struct columnar_query {
    struct columnar_query_options options;
    duckdb_result result;
    struct columnar_result_column columns[64];
    struct column_cell cells[64], *pointers[64];
    char *texts[64];
    size_t column_count;
    idx_t row;
};

static void fake_bind_parameter(duckdb_prepared_statement statement, idx_t index,
                                const struct columnar_parameter *parameter)
{
    if (parameter->cell.is_null)
        duckdb_bind_null(statement, index);
    else if (parameter->type.kind == COLUMN_TEXT)
        duckdb_bind_varchar_length(statement, index, parameter->cell.text.data,
                                   parameter->cell.text.size);
    else if (parameter->type.kind == COLUMN_BIGINT)
        duckdb_bind_int64(statement, index, parameter->cell.integer);
    else if (parameter->type.kind == COLUMN_TIMESTAMP)
        duckdb_bind_timestamp(statement, index, (duckdb_timestamp){parameter->cell.integer});
    else
        abort();
}

enum status columnar_query_open(struct columnar *columnar,
                                const struct columnar_query_options *options,
                                struct columnar_query **out, struct error *err)
{
    struct columnar_query *query;
    duckdb_prepared_statement statement;
    char *sql = mem_strdup(options->sql);
    enum status status = STATUS_OK;
    if (columnar->stale_left > 0) {
        columnar->stale_left--;
        mem_free(sql);
        return error_set(err, STATUS_STALE, "reopened");
    }
    query = mem_zalloc(sizeof(*query));
    query->options = *options;
    snprintf(columnar->last_sql, sizeof(columnar->last_sql), "%s", sql);
    columnar->options = &query->options;
    if (duckdb_prepare(columnar->connection, sql, &statement) == DuckDBError) {
        status = fake_error(err, STATUS_INVALID_SQL, duckdb_prepare_error(statement));
        goto out;
    }
    for (size_t i = 0; i < options->parameter_count; i++)
        fake_bind_parameter(statement, i + 1, &options->parameters[i]);
    if (duckdb_execute_prepared(statement, &query->result) == DuckDBError)
        status = fake_error(err, STATUS_SQL_EXECUTION_ERROR, duckdb_result_error(&query->result));
    else
        query->column_count = duckdb_column_count(&query->result);
    for (size_t i = 0; i < query->column_count; i++) {
        query->columns[i].name = str_from_c(duckdb_column_name(&query->result, i));
        query->columns[i].type.kind = duckdb_column_type(&query->result, i) == DUCKDB_TYPE_DOUBLE
                                          ? COLUMN_DOUBLE
                                          : COLUMN_TEXT;
        query->pointers[i] = &query->cells[i];
    }
out:
    duckdb_destroy_prepare(&statement);
    mem_free(sql);
    if (status != STATUS_OK) {
        duckdb_destroy_result(&query->result);
        mem_free(query);
        return status;
    }
    *out = query;
    return STATUS_OK;
}

const struct columnar_result_column *columnar_query_columns(const struct columnar_query *query,
                                                            size_t *count)
{
    *count = query->column_count;
    return query->columns;
}

enum status columnar_query_next(struct columnar_query *query,
                                const struct column_cell *const **cells, size_t *rows,
                                struct error *err)
{
    (void)err;
    if (query->row >= duckdb_row_count(&query->result))
        return STATUS_END;
    for (size_t i = 0; i < query->column_count; i++) {
        duckdb_free(query->texts[i]);
        query->texts[i] = duckdb_value_varchar(&query->result, i, query->row);
        query->cells[i].is_null = query->texts[i] == NULL;
        if (query->columns[i].type.kind == COLUMN_DOUBLE)
            query->cells[i].real = duckdb_value_double(&query->result, i, query->row);
        else
            query->cells[i].text = str_from_c(query->texts[i]);
    }
    query->row++;
    *cells = (const struct column_cell *const *)query->pointers;
    *rows = 1;
    return STATUS_OK;
}

void columnar_query_close(struct columnar_query *query)
{
    if (!query)
        return;
    for (size_t i = 0; i < query->column_count; i++)
        duckdb_free(query->texts[i]);
    duckdb_destroy_result(&query->result);
    mem_free(query);
}

/* ---- tables
 * --------------------------------------------------------------------------------------------- */

struct fake_table {
    struct table table;
    struct table_schema schema;
    struct table_column columns[8];
    uint32_t keys[2];
    const char *rows[16]; /* cells separated by `|`, in order of all columns */
};

#define FAKE_COLUMN(n, k) \
    { \
        .name = {n, sizeof(n) - 1}, .type = {.kind = k}, .key_position = -1 \
    }
#define FAKE_KEY(n, k) \
    { \
        .name = {n, sizeof(n) - 1}, .type = {.kind = k}, .key_position = 0, .not_null = true \
    }

static struct fake_table fake_tables[] = {
    {.table = {.kind = TABLE_KIND_USER,
               .id = {101},
               .space = {"app", 3},
               .name = {"users", 5},
               .key_count = 1},
     .schema = {.version = 1, .column_count = 3},
     .columns = {FAKE_KEY("id", VALUE_BIGINT), FAKE_COLUMN("name", VALUE_TEXT),
                 FAKE_COLUMN("age", VALUE_INT)},
     .rows = {"1|Ada|36|11|0|f", "2|Bob|NULL|12|0|f", "3|Cleo|20|13|0|t"}},
    {.table = {.kind = TABLE_KIND_SHARED,
               .id = {102},
               .space = {"app", 3},
               .name = {"orders", 6},
               .key_count = 1},
     .schema = {.version = 1, .column_count = 4},
     .columns = {FAKE_KEY("id", VALUE_BIGINT),
                 FAKE_COLUMN("user_id", VALUE_BIGINT),
                 {.name = {"amount", 6},
                  .type = {.kind = VALUE_DECIMAL, .precision = 10, .scale = 2},
                  .key_position = -1},
                 FAKE_COLUMN("placed", VALUE_TIMESTAMP)},
     .rows = {"10|1|1250|0|21|0|f", "11|1|100|86400000000|22|0|f", "12|2|5|0|23|0|f"}},
    {.table = {.kind = TABLE_KIND_SHARED,
               .id = {103},
               .space = {"app", 3},
               .name = {"Ünï \"q\"", 9},
               .key_count = 1},
     .schema = {.version = 1, .column_count = 2},
     .columns = {FAKE_KEY("Kéy", VALUE_TEXT), FAKE_COLUMN("j", VALUE_JSON)},
     .rows = {"a|{\"x\":{\"y\":5}}|31|0|f"}},
    {.table = {.kind = TABLE_KIND_SYSTEM,
               .id = {3},
               .space = {"system", 6},
               .name = {"tables", 6},
               .key_count = 1},
     .schema = {.version = 1, .column_count = 2},
     .columns = {FAKE_KEY("table_id", VALUE_TEXT), FAKE_COLUMN("namespace_id", VALUE_TEXT)},
     .rows = {"app:users|app"}},
};
static struct scan_estimate fake_estimate;
static struct cold_files fake_files;
static struct table *fake_newer; /* what the name of the first table resolves to, when set */
static struct table_access_request fake_last_request;
static struct scan_options fake_last_scan;

static void fake_tables_init(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(fake_tables); i++) {
        struct fake_table *table = &fake_tables[i];
        table->schema.columns = table->columns;
        for (uint32_t k = 0; k < table->schema.column_count; k++)
            table->columns[k].id = k + 1;
        table->table.schema = &table->schema;
        table->table.key_columns = table->keys;
        atomic_init(&table->table.refs, 1);
    }
}

struct table *table_ref(const struct table *table)
{
    atomic_fetch_add(&((struct table *)table)->refs, 1);
    return (struct table *)table;
}
void table_unref(struct table *table)
{
    atomic_fetch_sub(&table->refs, 1);
}
bool table_is_keyed(const struct table *table)
{
    return table->kind != TABLE_KIND_STREAM && table->key_count > 0;
}
uint32_t table_column_total(const struct table *table)
{
    return table->schema->column_count + (table->kind == TABLE_KIND_SYSTEM ? 0 : 3);
}
struct str table_column_name(const struct table *table, uint32_t index)
{
    static const char *const names[] = {"_seq", "_updated", "_deleted"};
    return index < table->schema->column_count
               ? table->schema->columns[index].name
               : str_from_c(names[index - table->schema->column_count]);
}
struct data_type table_column_type(const struct table *table, uint32_t index)
{
    static const enum value_type types[] = {VALUE_BIGINT, VALUE_TIMESTAMP, VALUE_BOOLEAN};
    return index < table->schema->column_count
               ? table->schema->columns[index].type
               : (struct data_type){.kind = types[index - table->schema->column_count]};
}
const struct table_schema *table_schema_version(const struct table *table, uint32_t version)
{
    return version == 1 ? table->schema : NULL;
}
int table_find_column(const struct table *table, struct str name)
{
    for (uint32_t i = 0; i < table_column_total(table); i++) {
        if (str_equal(table_column_name(table, i), name))
            return (int)i;
    }
    return -1;
}
const char *role_name(enum role role)
{
    return role == ROLE_USER ? "user" : "dba";
}
int system_table_find_alias(const struct table *table, struct str alias)
{
    (void)table;
    return str_equal(alias, STR_LIT("namespace")) ? 1 : -1;
}
struct str system_table_alias_expression(const struct table *table, struct str alias)
{
    (void)table;
    return str_equal(alias, STR_LIT("loud")) ? STR_LIT("upper(namespace_id)") : STR_EMPTY;
}
uint32_t system_table_shown(const struct table *table)
{
    return table->schema->column_count;
}
bool system_table_fold(const struct table *table, uint32_t column, struct str text,
                       struct arena *arena, struct str *out)
{
    (void)table, (void)column, (void)text, (void)arena, (void)out;
    return false;
}
struct catalog *view_catalog(const struct view *view)
{
    (void)view;
    return NULL;
}
enum status scan_estimate(struct store *store, const struct scan_options *options,
                          struct scan_estimate *out, struct error *err)
{
    (void)store, (void)options, (void)err;
    *out = fake_estimate;
    return STATUS_OK;
}
void scan_cold_files_release(struct store *store, struct cold_files *files)
{
    (void)store;
    files->count = 0;
}

enum status scan_cold_files(struct store *store, const struct scan_options *options,
                            struct cold_files *out, struct error *err)
{
    (void)store, (void)options, (void)err;
    *out = fake_files;
    return STATUS_OK;
}

/* What tests look at after the statement's memory is gone. */
static struct str fake_keep(int slot, struct str text)
{
    static char kept[4][128];
    assert_true(text.size <= sizeof(kept[slot]));
    memcpy(kept[slot], text.data ? text.data : "", text.size);
    return str_from(kept[slot], text.size);
}

enum status binder_resolve_table(struct sql_engine *engine,
                                 const struct table_access_request *request,
                                 struct resolved_table *out, struct error *err)
{
    struct str space = request->space.size ? request->space : request->caller->space;
    (void)engine;
    fake_last_request = *request;
    fake_last_request.user = fake_keep(3, request->user);
    if (str_equal(request->table, STR_LIT("secrets")))
        return error_set(err, STATUS_PERMISSION_DENIED, "no");
    for (size_t i = 0; i < ARRAY_COUNT(fake_tables); i++) {
        struct table *table = &fake_tables[i].table;
        if (!str_equal(table->space, space) || !str_equal(table->name, request->table))
            continue;
        if (request->user.size > 0 && table->kind != TABLE_KIND_USER)
            break;
        out->table = i == 0 && fake_newer ? fake_newer : table;
        out->user = table->kind == TABLE_KIND_USER
                        ? (request->user.size ? request->user : request->caller->user)
                        : STR_EMPTY;
        return STATUS_OK;
    }
    return error_set(err, STATUS_TABLE_NOT_FOUND,
                     "table not found: relation \"%.*s.%.*s\" does not exist", STR_ARG(space),
                     STR_ARG(request->table));
}

struct table_source {
    const struct fake_table *table;
    struct scan_options scan;
    int row;
    char text[256];
    struct str cells[16];
};

enum status table_source_open(const struct table_source_options *options, struct table_source **out,
                              struct error *err)
{
    struct table_source *source = mem_zalloc(sizeof(*source));
    (void)err;
    source->table = CONTAINER_OF((struct table *)options->scan.table, struct fake_table, table);
    source->scan = options->scan;
    source->row = -1;
    fake_last_scan = options->scan;
    fake_last_scan.user = fake_keep(0, options->scan.user);
    fake_last_scan.range.lower = fake_keep(1, options->scan.range.lower);
    fake_last_scan.range.upper = fake_keep(2, options->scan.range.upper);
    *out = source;
    return STATUS_OK;
}

enum status table_source_next(struct table_source *source, struct error *err)
{
    uint32_t total = table_column_total(&source->table->table);
    const char *row = source->table->rows[++source->row];
    char *cell = source->text;
    (void)err;
    if (!row)
        return STATUS_END;
    snprintf(source->text, sizeof(source->text), "%s", row);
    for (uint32_t i = 0; i < total; i++) {
        char *end = strchr(cell, '|');
        source->cells[i] = str_from(cell, end ? (size_t)(end - cell) : strlen(cell));
        cell = end + 1;
    }
    if (source->table->table.kind != TABLE_KIND_SYSTEM && !source->scan.with_deleted &&
        source->cells[total - 1].data[0] == 't')
        return table_source_next(source, err);
    return STATUS_OK;
}

void table_source_column(struct table_source *source, uint32_t index, struct value *out)
{
    struct str cell = source->cells[index];
    *out = value_null(table_column_type(&source->table->table, index).kind);
    out->is_null = str_equal(cell, STR_LIT("NULL"));
    if (value_type_is_text(out->type))
        out->text = cell;
    else if (out->type == VALUE_BOOLEAN)
        out->boolean = cell.data[0] == 't';
    else if (out->type == VALUE_DECIMAL)
        out->decimal = strtoll(cell.data, NULL, 10);
    else
        out->integer = strtoll(cell.data, NULL, 10);
}

const struct row *table_source_row(const struct table_source *source)
{
    (void)source;
    return NULL; /* no row bytes here: every cell goes through a value */
}

void table_source_close(struct table_source *source)
{
    mem_free(source);
}

/* ---- running
 * --------------------------------------------------------------------------------------------- */

static struct sql_engine fake_engine;
static struct sql_caller fake_caller = {
    .user = {"ann", 3}, .actor = {"ann", 3}, .space = {"app", 3}};
static struct error fake_err;

UNUSED static enum status fake_columns(void *context, const struct sql_column *columns,
                                       size_t count, struct error *err)
{
    struct buf *out = context;
    (void)err;
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "%s%.*s", i ? "," : "", STR_ARG(columns[i].name));
    return STATUS_OK;
}

static size_t fake_width;
static enum status fake_row(void *context, const struct value *values, struct error *err)
{
    struct buf *out = context;
    (void)err;
    buf_append_byte(out, ';');
    for (size_t i = 0; i < fake_width; i++) {
        buf_append_str(out, i ? STR_LIT("|") : STR_LIT(""));
        if (values[i].is_null)
            buf_append_str(out, STR_LIT("NULL"));
        else
            value_format(&values[i], out);
    }
    return STATUS_OK;
}

static enum status fake_columns_width(void *context, const struct sql_column *columns, size_t count,
                                      struct error *err)
{
    fake_width = count;
    return fake_columns(context, columns, count, err);
}

/* Prepares and runs: "name,name;cell|cell;…", or "ERROR CODE message". */
static const char *fake_run_with(const char *sql, const struct value *params, size_t param_count,
                                 struct buf *explain)
{
    static char text[65536];
    struct analytic_plan *plan = NULL;
    struct arena arena;
    struct buf out;
    enum status status;
    buf_init(&out);
    arena_init(&arena, 64 << 20);
    error_clear(&fake_err);
    status = analytic_prepare(&fake_engine, &fake_caller, NULL, str_from_c(sql), param_count, &plan,
                              &fake_err);
    if (status == STATUS_OK) {
        struct analytic_execution execution = {.engine = &fake_engine,
                                               .caller = &fake_caller,
                                               .view = (struct view *)&fake_engine,
                                               .arena = &arena,
                                               .params = params,
                                               .param_count = param_count,
                                               .explain = explain,
                                               .sink = {fake_columns_width, fake_row, &out}};
        status = analytic_run(plan, &execution, &fake_err);
    }
    if (status == STATUS_OK)
        snprintf(text, sizeof(text), "%.*s", STR_ARG(buf_str(&out)));
    else
        snprintf(text, sizeof(text), "ERROR %s %s", status_name(status), fake_err.message);
    analytic_plan_free(plan);
    buf_clear(&out);
    arena_clear(&arena);
    return text;
}

UNUSED static const char *fake_run(const char *sql)
{
    return fake_run_with(sql, NULL, 0, NULL);
}

static int fake_setup(void **state)
{
    (void)state;
    fake_tables_init();
    fake_columnar_open();
    fake_engine.columnar = &fake_columnar;
    fake_engine.options.statement_memory_bytes = 256 << 20;
    return 0;
}

static int fake_teardown(void **state)
{
    (void)state;
    fake_columnar_close();
    for (size_t i = 0; i < ARRAY_COUNT(fake_tables); i++)
        assert_int_equal(fake_tables[i].table.refs, 1); /* every plan gave its tables back */
    return 0;
}

#endif
