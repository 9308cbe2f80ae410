/* columnar_query.c — one statement: prepare, bind, stream chunks, decode them into cells.
 *
 *   open → [types known?] → execute → chunk → cells … END or error → close
 *
 * Types without a form of ours (lists, intervals …) are cast inside DuckDB: the statement is
 * wrapped as `SELECT CAST(c0 AS JSON), c1 … FROM (statement) AS t(c0, c1, …)`, whose names cannot
 * clash. The types are known after preparing, unless they hang on a parameter; then only the first
 * execution tells, and it is repeated wrapped. Results stream: DuckDB computes ahead by a bounded
 * buffer. The watchdog may interrupt from watch_begin to watch_end; its reason wins over DuckDB's
 * words.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "storage/columnar/columnar_internal.h"

#include "base/check.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

struct columnar_query {
    struct columnar_session session;
    struct call_hidden hidden;
    struct watch watch;
    bool is_watched;
    duckdb_prepared_statement prepared;
    duckdb_result result;
    bool has_result;
    duckdb_data_chunk chunk; /* the cells point into it */
    size_t column_count;
    char **row_types; /* cast_count; NULL, or what a row value is cast to first */
    size_t cast_count;
    struct columnar_result_column *columns; /* names owned */
    struct column_decoder *decoders;
    struct column_cell *cells;           /* column_count × row_capacity */
    size_t row_capacity;                 /* of the largest block so far */
    const struct column_cell **pointers; /* start of each column in cells */
};

/* ---- errors
 * --------------------------------------------------------------------------------------- */

static enum status query_fired(const struct columnar_query *query, struct error *err)
{
    enum status status = (enum status)atomic_load(&query->watch.fired);

    CHECK(status == STATUS_OK || status == STATUS_QUERY_TIMEOUT || status == STATUS_CANCELLED);
    if (status == STATUS_QUERY_TIMEOUT)
        return error_set(err, status, "the statement took longer than query.timeout_seconds");
    if (status == STATUS_CANCELLED)
        return error_set(err, status, "the statement was cancelled");
    return STATUS_OK;
}

static enum status query_error(struct columnar_query *query, const char *message, struct error *err)
{
    enum status status = query_fired(query, err);

    CHECK(query->session.connection != NULL);
    return status != STATUS_OK ? status : session_error(&query->session, message, err);
}

/* What DuckDB binds failed: because it has arguments that were not known to hold subqueries? */
static bool query_binds_again(const struct columnar_query *query)
{
    CHECK(query->hidden.count <= CALL_HIDDEN_MAX);
    return query->hidden.grew && atomic_load(&query->watch.fired) == STATUS_OK;
}

/* ---- preparing
 * ------------------------------------------------------------------------------------ */

static bool query_starts_with(struct str sql, struct str word)
{
    CHECK(word.size > 0);
    return sql.size > word.size && str_equal_nocase(str_from(sql.data, word.size), word) &&
           (sql.data[word.size] == ' ' || sql.data[word.size] == '\n');
}

/* The statement behind `WITH kalam_once AS (SELECT $1, … $n+1)`, NUL-terminated; false if it does
 * not begin in a way that allows it. The unused expression makes every parameter occur, and its
 * last one has no type before execution, which keeps DuckDB from planning what it plans again then.
 */
static bool query_write_once(struct str sql, size_t parameter_count, struct buf *out)
{
    struct str rest = str_trim(sql), with = STR_LIT("WITH"), recursive = STR_LIT("RECURSIVE");
    bool has_with = query_starts_with(rest, with), is_recursive = false;
    char last[24];

    CHECK(snprintf(last, sizeof(last), "$%zu", parameter_count + 1) > 0);
    if (str_find(sql, str_from_c(last)) != SIZE_MAX) /* would hide that the parameter is missing */
        return false;
    if (!has_with && !query_starts_with(rest, STR_LIT("SELECT")))
        return false;
    if (has_with) {
        rest = str_trim(str_from(rest.data + with.size, rest.size - with.size));
        is_recursive = query_starts_with(rest, recursive);
    }
    if (is_recursive)
        rest = str_trim(str_from(rest.data + recursive.size, rest.size - recursive.size));
    buf_printf(out, "WITH %skalam_once AS (SELECT ", is_recursive ? "RECURSIVE " : "");
    for (size_t i = 1; i <= parameter_count; i++)
        buf_printf(out, "$%zu, ", i);
    buf_printf(out, "%s)%s ", last, has_with ? "," : "");
    buf_append_str(out, rest);
    buf_append_byte(out, 0);
    return true;
}

static enum status query_bind(struct columnar_query *query,
                              const struct columnar_query_options *options, bool is_once,
                              struct error *err)
{
    static const struct columnar_parameter unused = {.type = {.kind = COLUMN_INT}};
    idx_t count = duckdb_nparams(query->prepared);
    enum status status = STATUS_OK;

    if (count > options->parameter_count + is_once)
        return error_set(err, STATUS_INVALID_PARAMETER, "parameter $%llu is missing",
                         (unsigned long long)count);
    CHECK(query->prepared != NULL);
    for (idx_t i = 1; status == STATUS_OK && i <= count; i++)
        status =
            column_bind(query->prepared, i,
                        i <= options->parameter_count ? &options->parameters[i - 1] : &unused, err);
    return status;
}

/* DuckDB binds by position up to the number of different parameters: $2 without $1 needs help. */
static bool query_has_gap(const struct columnar_query *query)
{
    idx_t count = duckdb_nparams(query->prepared);

    for (idx_t i = 1; i <= count; i++) {
        const char *name = duckdb_parameter_name(query->prepared, i);
        bool is_there = name != NULL;
        duckdb_free((void *)(uintptr_t)name);
        if (!is_there)
            return true;
    }
    CHECK(count < UINT16_MAX * 2);
    return false;
}

/* What DuckDB binds again counts once: it may be bound for each argument with a subquery. */
static struct call_hidden *query_begin_binding(struct columnar_query *query)
{
    struct columnar *columnar = query->session.columnar;

    CHECK(columnar != NULL);
    pthread_mutex_lock(&columnar->mutex);
    query->session.compile_ns = 0;
    query->session.pattern_bytes = 0;
    pthread_mutex_unlock(&columnar->mutex);
    return call_hidden_begin(&query->hidden);
}

/* One attempt; `is_once` asks for the prefix of query_write_once and tells whether it was there. */
static enum status query_prepare_as(struct columnar_query *query, struct str sql,
                                    const struct columnar_query_options *options, bool *is_once,
                                    struct error *err)
{
    enum status status = STATUS_OK;
    struct buf text;

    buf_init(&text);
    *is_once = *is_once && query_write_once(sql, options->parameter_count, &text);
    if (!*is_once) {
        buf_append_str(&text, sql);
        buf_append_byte(&text, 0);
    }
    duckdb_state state;
    query->session.prepares = true;
    do {
        struct call_hidden *before = query_begin_binding(query);
        duckdb_destroy_prepare(&query->prepared);
        state = duckdb_prepare(query->session.connection, text.data, &query->prepared);
        call_hidden_end(before);
    } while (state != DuckDBSuccess && query_binds_again(query));
    query->session.prepares = false;
    if (state != DuckDBSuccess)
        status = query_error(query, duckdb_prepare_error(query->prepared), err);
    CHECK(status != STATUS_OK || query->prepared != NULL);
    buf_clear(&text);
    return status;
}

static enum status query_prepare(struct columnar_query *query, struct str sql,
                                 const struct columnar_query_options *options, struct error *err)
{
    bool is_once = str_find(sql, STR_LIT("read_parquet")) != SIZE_MAX;
    enum status status = query_prepare_as(query, sql, options, &is_once, err);

    if (status != STATUS_OK && status != STATUS_STALE && is_once) {
        is_once = false; /* for an error in terms of the statement as it was given */
        status = query_prepare_as(query, sql, options, &is_once, err);
    }
    if (status == STATUS_OK && !is_once && query_has_gap(query)) {
        is_once = true;
        status = query_prepare_as(query, sql, options, &is_once, err);
        if (status == STATUS_OK && !is_once)
            return error_set(err, STATUS_INVALID_PARAMETER, "a parameter is missing");
    }
    CHECK(status == STATUS_OK || err == NULL || err->code == status);
    return status == STATUS_OK ? query_bind(query, options, is_once, err) : status;
}

static void query_free_row_types(struct columnar_query *query)
{
    CHECK(query->row_types != NULL || query->cast_count == 0);
    for (size_t i = 0; i < query->cast_count; i++)
        mem_free(query->row_types[i]);
    mem_free(query->row_types);
    query->row_types = NULL;
    query->cast_count = 0;
}

/* What the columns are cast to, as far as `type_of` tells; false if no column needs it. */
static bool query_casts(struct columnar_query *query, bool is_prepared, const char ***out,
                        size_t *count_out)
{
    idx_t count = is_prepared ? duckdb_prepared_statement_column_count(query->prepared)
                              : duckdb_column_count(&query->result);
    const char **casts = mem_calloc(count + 1, sizeof(char *));
    bool needed = false;

    CHECK(*out == NULL);
    query_free_row_types(query);
    query->row_types = mem_calloc(count + 1, sizeof(char *));
    query->cast_count = count;
    for (idx_t i = 0; i < count; i++) {
        duckdb_logical_type type =
            is_prepared ? duckdb_prepared_statement_column_logical_type(query->prepared, i)
                        : duckdb_column_logical_type(&query->result, i);
        if (type == NULL)
            continue;
        struct column_decoder decoder;
        duckdb_type id = duckdb_get_type_id(type);
        column_decoder_init(&decoder, type);
        if (id != DUCKDB_TYPE_INVALID && id != DUCKDB_TYPE_ANY)
            casts[i] = decoder.needs_cast;
        if (casts[i] != NULL && decoder.type.kind == COLUMN_JSON)
            query->row_types[i] = column_row_type(type);
        needed = needed || casts[i] != NULL;
        duckdb_destroy_logical_type(&type);
    }
    if (!needed) {
        mem_free(casts);
        return false;
    }
    *out = casts;
    *count_out = count;
    return true;
}

/* The statement without what may end it. */
static struct str query_trim(struct str sql)
{
    CHECK(sql.size == 0 || sql.data != NULL);
    sql = str_trim(sql);
    while (sql.size > 0 && sql.data[sql.size - 1] == ';')
        sql = str_trim(str_from(sql.data, sql.size - 1));
    return sql;
}

/* Prepares the statement with casts around it. The names of the result stay those of the first. */
static enum status query_wrap(struct columnar_query *query, const char **casts, size_t count,
                              const struct columnar_query_options *options, struct error *err)
{
    struct buf sql;
    enum status status;

    CHECK(count > 0);
    buf_init(&sql);
    buf_append_str(&sql, STR_LIT("SELECT "));
    for (size_t i = 0; i < count; i++) {
        buf_append_str(&sql, i == 0 ? STR_EMPTY : STR_LIT(", "));
        if (casts[i] == NULL)
            buf_printf(&sql, "c%zu", i);
        else if (query->row_types[i] != NULL)
            buf_printf(&sql, "CAST(CAST(c%zu AS %s) AS %s)", i, query->row_types[i], casts[i]);
        else
            buf_printf(&sql, "CAST(c%zu AS %s)", i, casts[i]);
    }
    buf_append_str(&sql, STR_LIT(" FROM (\n"));
    buf_append_str(&sql, query_trim(options->sql));
    buf_append_str(&sql, STR_LIT("\n) AS t("));
    for (size_t i = 0; i < count; i++)
        buf_printf(&sql, i == 0 ? "c%zu" : ", c%zu", i);
    buf_append_byte(&sql, ')');
    status = query_prepare(query, buf_str(&sql), options, err);
    buf_clear(&sql);
    return status;
}

/* Keeps the names of the statement as the user wrote it, before any wrapping. */
static void query_name_columns(struct columnar_query *query, bool is_prepared)
{
    idx_t count = is_prepared ? duckdb_prepared_statement_column_count(query->prepared)
                              : duckdb_column_count(&query->result);

    CHECK(query->columns == NULL);
    query->column_count = count;
    query->columns = mem_calloc(count + 1, sizeof(struct columnar_result_column));
    for (idx_t i = 0; i < count; i++) {
        const char *name = is_prepared ? duckdb_prepared_statement_column_name(query->prepared, i)
                                       : duckdb_column_name(&query->result, i);
        struct str text = str_from_c(name == NULL ? "" : name);
        query->columns[i].name = str_from(mem_strdup(text), text.size);
        if (is_prepared)
            duckdb_free((void *)(uintptr_t)name);
    }
}

/* ---- executing
 * ------------------------------------------------------------------------------------ */

static void query_drop_result(struct columnar_query *query)
{
    if (query->chunk != NULL)
        duckdb_destroy_data_chunk(&query->chunk);
    if (query->has_result)
        duckdb_destroy_result(&query->result);
    query->has_result = false;
    CHECK(query->chunk == NULL);
}

static enum status query_execute(struct columnar_query *query, struct error *err)
{
    duckdb_pending_result pending = NULL;
    enum status status = STATUS_OK;
    duckdb_state state;

    CHECK(!query->has_result);
    do { /* it binds once more if a parameter had no type */
        struct call_hidden *before = query_begin_binding(query);
        duckdb_destroy_pending(&pending);
        state = duckdb_pending_prepared_streaming(query->prepared, &pending);
        call_hidden_end(before);
    } while (state != DuckDBSuccess && query_binds_again(query));
    if (state != DuckDBSuccess) {
        status = query_error(query, duckdb_pending_error(pending), err);
        goto out;
    }
    query->has_result = true;
    if (duckdb_execute_pending(pending, &query->result) != DuckDBSuccess)
        status = query_error(query, duckdb_result_error(&query->result), err);
out:
    duckdb_destroy_pending(&pending);
    return status;
}

/* Prepares and executes, with casts around it if the types that ask for them are known by then. */
static enum status query_start_prepared(struct columnar_query *query,
                                        const struct columnar_query_options *options,
                                        const char ***casts, size_t *count, struct error *err)
{
    enum status status = query_prepare(query, options->sql, options, err);

    CHECK(*casts == NULL);
    if (status == STATUS_OK && query_casts(query, true, casts, count)) {
        query_name_columns(query, true);
        status = query_wrap(query, *casts, *count, options, err);
    }
    if (status == STATUS_OK)
        status = query_execute(query, err);
    if (status == STATUS_OK && query->columns == NULL)
        query_name_columns(query, false);
    return status;
}

/* Everything at once: plans once only, for statements with a small result. */
static enum status query_start_whole(struct columnar_query *query,
                                     const struct columnar_query_options *options,
                                     struct error *err)
{
    char *sql = mem_strdup(options->sql);
    duckdb_state state;

    CHECK(options->parameter_count == 0);
    do {
        struct call_hidden *before = query_begin_binding(query);
        query_drop_result(query);
        state = duckdb_query(query->session.connection, sql, &query->result);
        query->has_result = true;
        call_hidden_end(before);
    } while (state != DuckDBSuccess && query_binds_again(query));
    mem_free(sql);
    if (state != DuckDBSuccess)
        return query_error(query, duckdb_result_error(&query->result), err);
    query_name_columns(query, false);
    return STATUS_OK;
}

/* Wraps what has run already when its types ask for it: they were not known before. */
static enum status query_start(struct columnar_query *query,
                               const struct columnar_query_options *options, struct error *err)
{
    const char **casts = NULL;
    size_t count = 0;
    enum status status = options->whole ? query_start_whole(query, options, err)
                                        : query_start_prepared(query, options, &casts, &count, err);

    CHECK(query != NULL && options != NULL);
    if (status != STATUS_OK || casts != NULL || !query_casts(query, false, &casts, &count))
        goto out;
    query_drop_result(query);
    status = query_wrap(query, casts, count, options, err);
    if (status == STATUS_OK)
        status = query_execute(query, err);
out:
    mem_free(casts);
    return status;
}

static enum status query_make_decoders(struct columnar_query *query, struct error *err)
{
    size_t count = query->column_count;

    CHECK(query->decoders == NULL && duckdb_column_count(&query->result) == count);
    query->decoders = mem_calloc(count + 1, sizeof(struct column_decoder));
    query->pointers = mem_calloc(count + 1, sizeof(struct column_cell *));
    for (size_t i = 0; i < count; i++) {
        duckdb_logical_type type = duckdb_column_logical_type(&query->result, i);
        column_decoder_init(&query->decoders[i], type);
        duckdb_destroy_logical_type(&type);
        if (query->decoders[i].needs_cast != NULL)
            return error_set(err, STATUS_NOT_SUPPORTED, "the type of column %zu is not supported",
                             i + 1);
        query->columns[i].type = query->decoders[i].type;
    }
    return STATUS_OK;
}

enum status columnar_query_open(struct columnar *columnar,
                                const struct columnar_query_options *options,
                                struct columnar_query **out, struct error *err)
{
    struct columnar_query *query;
    enum status status;

    CHECK(options->source_count == 0 || options->sources != NULL);
    CHECK(options->parameter_count == 0 || options->parameters != NULL);
    *out = NULL;
    if (memchr(options->sql.data, '\0', options->sql.size) != NULL)
        return error_set(err, STATUS_INVALID_SQL, "the statement holds a zero byte");
    query = mem_zalloc(sizeof(*query));
    status = session_open(columnar, options->large, options->sources, options->source_count,
                          &query->session, err);
    if (status != STATUS_OK)
        goto out;
    instance_note_files(query->session.instance, options->sql);
    query->watch.connection = query->session.connection;
    query->session.stopped = &query->watch.fired;
    query->watch.deadline_ns = options->deadline_ns;
    query->watch.cancelled = options->cancelled;
    query->is_watched = options->deadline_ns != 0 || options->cancelled != NULL;
    if (query->is_watched)
        watch_begin(&columnar->watchdog, &query->watch);
    status = query_start(query, options, err);
    if (status == STATUS_OK)
        status = query_make_decoders(query, err);
out:
    if (status == STATUS_OK)
        *out = query;
    else
        columnar_query_close(query);
    return status;
}

const struct columnar_result_column *columnar_query_columns(const struct columnar_query *query,
                                                            size_t *count)
{
    CHECK(query->decoders != NULL);
    *count = query->column_count;
    return query->columns;
}

/* Room for a block: small results are common and a full block of many columns takes megabytes. */
static void query_reserve_cells(struct columnar_query *query, size_t rows)
{
    CHECK(rows <= COLUMN_CHUNK_ROWS);
    if (rows <= query->row_capacity)
        return;
    mem_free(query->cells);
    query->row_capacity = rows;
    query->cells = mem_calloc(query->column_count * rows + 1, sizeof(struct column_cell));
    for (size_t i = 0; i < query->column_count; i++)
        query->pointers[i] = query->cells + i * rows;
}

enum status columnar_query_next(struct columnar_query *query,
                                const struct column_cell *const **cells, size_t *rows,
                                struct error *err)
{
    enum status status = query_fired(query, err);
    const char *message;

    *rows = 0;
    *cells = query->pointers;
    if (query->chunk != NULL)
        duckdb_destroy_data_chunk(&query->chunk);
    while (status == STATUS_OK && *rows == 0) {
        query->chunk = duckdb_fetch_chunk(query->result);
        message = query->chunk == NULL ? duckdb_result_error(&query->result) : NULL;
        if (message != NULL && message[0] != '\0')
            return query_error(query, message, err);
        if (query->chunk == NULL) {
            query->session.is_finished = true;
            return STATUS_END;
        }
        *rows = duckdb_data_chunk_get_size(query->chunk);
        if (*rows == 0)
            duckdb_destroy_data_chunk(&query->chunk);
    }
    query_reserve_cells(query, *rows);
    for (size_t i = 0; status == STATUS_OK && i < query->column_count; i++)
        status = column_decode(&query->decoders[i], duckdb_data_chunk_get_vector(query->chunk, i),
                               *rows, query->cells + i * query->row_capacity, err);
    CHECK(*rows <= COLUMN_CHUNK_ROWS);
    if (status != STATUS_OK)
        *rows = 0;
    return status;
}

void columnar_query_close(struct columnar_query *query)
{
    if (query == NULL)
        return;
    if (query->is_watched)
        watch_end(&query->session.columnar->watchdog, &query->watch);
    query_drop_result(query);
    duckdb_destroy_prepare(&query->prepared);
    session_close(&query->session);
    for (size_t i = 0; query->columns != NULL && i < query->column_count; i++)
        mem_free((void *)(uintptr_t)query->columns[i].name.data);
    CHECK(query->session.instance == NULL);
    query_free_row_types(query);
    mem_free(query->columns);
    mem_free(query->decoders);
    mem_free(query->cells);
    mem_free(query->pointers);
    mem_free(query);
}
