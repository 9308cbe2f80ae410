/* columnar_fixture.h — an opened DuckDB, and row sources made by a function.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_COLUMNAR_FIXTURE_H
#define TESTS_COLUMNAR_FIXTURE_H

#include "storage_fixture.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "storage/columnar.h"

static struct error err;
static struct columnar *columnar;

/* Knows noon and whole seconds of the first minute. */
static inline enum status columnar_read_time(const struct column_cell *value,
                                             struct column_type from, struct column_type to,
                                             struct arena *arena, struct column_cell *cell,
                                             struct error *error)
{
    struct str text = value->text;
    int64_t second = 0;
    (void)arena;
    assert_int_equal(from.kind, COLUMN_TEXT);
    assert_int_equal(to.kind, COLUMN_TIME);
    if (str_equal(text, STR_LIT("noon")))
        second = 43200;
    else if (!str_starts_with(text, STR_LIT("00:00:")) ||
             !str_to_int64(str_from(text.data + 6, text.size - 6), &second))
        return error_set(error, STATUS_TYPE_MISMATCH,
                         "invalid input syntax for type TIME: \"%.*s\"", STR_ARG(text));
    cell->integer = second * 1000000;
    return STATUS_OK;
}

/* kalam_same(a, b), which takes half an hour for a vector of 'slow' and nothing else */
static inline enum status columnar_same(const struct str *args, uint64_t *work, bool *out,
                                        struct error *error)
{
    if (str_equal(args[0], STR_LIT("bad")))
        return error_set(error, STATUS_SQL_EXECUTION_ERROR, "kalam_same knows no bad");
    if (str_equal(args[0], STR_LIT("slow"))) {
        const struct timespec second = {.tv_sec = 1};
        (void)nanosleep(&second, NULL);
        *work += 1 << 30;
    }
    *out = str_equal(args[0], args[1]);
    return STATUS_OK;
}

static inline enum status columnar_yes(const struct str *args, uint64_t *work, bool *out,
                                       struct error *error)
{
    (void)args, (void)work, (void)error;
    *out = true;
    return STATUS_OK;
}

/* The digits tell what it was asked for: 1000 × the number + 100 × precision + scale. */
static inline enum status columnar_round(const struct column_cell *value, struct column_type from,
                                         struct column_type to, struct arena *arena,
                                         struct column_cell *cell, struct error *error)
{
    (void)arena;
    assert_true(from.kind == COLUMN_DOUBLE && to.kind == COLUMN_DECIMAL);
    if (value->real > 100)
        return error_set(error, STATUS_CONSTRAINT_VIOLATION, "value out of range for type DECIMAL");
    cell->decimal = (__int128)value->real * 1000 + to.precision * 100 + to.scale;
    return STATUS_OK;
}

static inline int columnar_setup(void **state)
{
    static const char *folders[1];
    static const char *const setup[] = {"CREATE MACRO kalam_twice(x) AS x * 2"};
    static const struct columnar_cast casts[] = {{COLUMN_TEXT, COLUMN_TIME, columnar_read_time},
                                                 {COLUMN_DOUBLE, COLUMN_DECIMAL, columnar_round}};
    static const struct columnar_function functions[] = {
        {"kalam_same", 2, false, columnar_same, NULL, NULL},
        {"kalam_is_constant", 1, true, columnar_yes, NULL, NULL}};
    if (fixture_setup(state) != 0)
        return 1;
    folders[0] = fixture_folder;
    const struct columnar_options options = {.memory_bytes = 256 << 20,
                                             .parallelism = 2,
                                             .temporary_folder = fixture_folder,
                                             .folders = folders,
                                             .folder_count = 1,
                                             .setup = setup,
                                             .setup_count = 1,
                                             .casts = casts,
                                             .cast_count = 2,
                                             .functions = functions,
                                             .function_count = 2};
    enum status status = columnar_open(&options, &columnar, &err);
    if (status != STATUS_OK)
        print_error("%s\n", err.message);
    return status != STATUS_OK;
}

static inline int columnar_teardown(void **state)
{
    columnar_close(columnar);
    return fixture_teardown(state);
}

/* A source whose cells come from `cell(row, column)`. */
struct made_source {
    struct column_source source;
    uint64_t rows;
    void (*cell)(uint64_t row, uint32_t column, struct column_cell *out);
    bool copy;
    enum status open_fails, fill_fails; /* STATUS_OK = do not */
    int opened, closed;
    uint64_t filled;
    size_t wanted_last;
};

struct made_cursor {
    struct made_source *made;
    uint32_t wanted[64];
    size_t wanted_count;
    uint64_t row;
};

static inline enum status made_open(void *context, const uint32_t *wanted, size_t wanted_count,
                                    void **out, struct error *error)
{
    struct made_source *made = context;
    if (made->open_fails != STATUS_OK)
        return error_set(error, made->open_fails, "made to fail at open");
    struct made_cursor *cursor = mem_zalloc(sizeof(*cursor));
    cursor->made = made;
    cursor->wanted_count = wanted_count;
    memcpy(cursor->wanted, wanted, wanted_count * sizeof(*wanted));
    made->wanted_last = wanted_count;
    made->opened++;
    *out = cursor;
    return STATUS_OK;
}

static inline enum status made_fill(void *context, struct column_chunk *chunk, size_t *rows,
                                    struct error *error)
{
    struct made_cursor *cursor = context;
    struct made_source *made = cursor->made;
    if (made->fill_fails != STATUS_OK && cursor->row > 0)
        return error_set(error, made->fill_fails, "made to fail at row %d", (int)cursor->row);
    *rows = 0;
    while (*rows < COLUMN_CHUNK_ROWS && cursor->row < made->rows) {
        for (size_t i = 0; i < cursor->wanted_count; i++) {
            struct column_cell cell = {0};
            made->cell(cursor->row, cursor->wanted[i], &cell);
            column_chunk_set(chunk, i, *rows, &cell, made->copy);
        }
        cursor->row++;
        (*rows)++;
    }
    made->filled += *rows;
    return STATUS_OK;
}

static inline void made_close(void *context)
{
    struct made_cursor *cursor = context;
    cursor->made->closed++;
    mem_free(cursor);
}

static inline void made_init(struct made_source *made, const struct column_spec *columns,
                             size_t count, uint64_t rows,
                             void (*cell)(uint64_t, uint32_t, struct column_cell *))
{
    *made = (struct made_source){.rows = rows, .cell = cell, .copy = true};
    made->source = (struct column_source){.columns = columns,
                                          .column_count = count,
                                          .rows_estimate = rows,
                                          .context = made,
                                          .open = made_open,
                                          .fill = made_fill,
                                          .close = made_close};
}

/* Runs a statement that must fail; the message is left in `err`. */
static inline enum status query_fails(const struct columnar_query_options *options)
{
    struct columnar_query *query;
    const struct column_cell *const *cells;
    size_t rows;
    enum status status = columnar_query_open(columnar, options, &query, &err);
    while (status == STATUS_OK)
        status = columnar_query_next(query, &cells, &rows, &err);
    columnar_query_close(query);
    return status;
}

static inline enum status sql_fails(const char *sql)
{
    const struct columnar_query_options options = {.sql = str_from_c(sql)};
    return query_fails(&options);
}

static const char *const kind_names[] = {"null",  "boolean", "smallint", "int",  "bigint",
                                         "float", "double",  "decimal",  "text", "uuid",
                                         "json",  "bytes",   "date",     "time", "timestamp"};

static inline void append_cell(struct buf *out, struct column_type type,
                               const struct column_cell *cell)
{
    if (cell->is_null) {
        buf_append_str(out, STR_LIT("NULL"));
        return;
    }
    switch (type.kind) {
    case COLUMN_BOOLEAN:
        buf_printf(out, "%s", cell->boolean ? "true" : "false");
        return;
    case COLUMN_FLOAT:
    case COLUMN_DOUBLE:
        buf_printf(out, "%g", cell->real);
        return;
    case COLUMN_DECIMAL: {
        unsigned __int128 left = cell->decimal < 0 ? -(unsigned __int128)cell->decimal
                                                   : (unsigned __int128)cell->decimal;
        char digits[48];
        size_t at = sizeof(digits);
        do {
            digits[--at] = (char)('0' + (int)(left % 10));
            left /= 10;
        } while (left > 0);
        buf_printf(out, "%s%.*se-%d", cell->decimal < 0 ? "-" : "", (int)(sizeof(digits) - at),
                   digits + at, type.scale);
        return;
    }
    case COLUMN_TEXT:
    case COLUMN_JSON:
    case COLUMN_BYTES:
        buf_append_str(out, cell->text);
        return;
    case COLUMN_UUID:
        for (int i = 0; i < 16; i++)
            buf_printf(out, "%02x", cell->uuid[i]);
        return;
    default:
        buf_printf(out, "%lld", (long long)cell->integer);
    }
}

/* All rows as text: "name:kind …\n", then cells separated by '|'. */
static inline char *query_text(const struct columnar_query_options *options)
{
    struct columnar_query *query = NULL;
    const struct column_cell *const *cells;
    enum status status;
    size_t rows, count, size;
    struct buf out;
    buf_init(&out);
    status = columnar_query_open(columnar, options, &query, &err);
    fixture_check(status, &err, options->sql.data, 0);
    const struct columnar_result_column *columns = columnar_query_columns(query, &count);
    for (size_t i = 0; i < count; i++)
        buf_printf(&out, "%s%.*s:%s", i ? "|" : "", STR_ARG(columns[i].name),
                   kind_names[columns[i].type.kind]);
    while ((status = columnar_query_next(query, &cells, &rows, &err)) == STATUS_OK)
        for (size_t row = 0; row < rows; row++)
            for (size_t i = 0; i < count; i++) {
                buf_append_str(&out, i ? STR_LIT("|") : STR_LIT("\n"));
                append_cell(&out, columns[i].type, &cells[i][row]);
            }
    if (status != STATUS_END)
        fixture_check(status, &err, options->sql.data, 1);
    columnar_query_close(query);
    buf_append_byte(&out, 0);
    return buf_take(&out, &size);
}

static inline void assert_query(const struct columnar_query_options *options, const char *expected)
{
    char *text = query_text(options);
    assert_string_equal(text, expected);
    mem_free(text);
}

static inline void assert_sql(const char *sql, const char *expected)
{
    const struct columnar_query_options options = {.sql = str_from_c(sql)};
    assert_query(&options, expected);
}

#endif
