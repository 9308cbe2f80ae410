/* results.c — reading the results of statements.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/mem.h"
#include "client/client_internal.h"
#include "value/text.h"
#include "wire/json_writer.h"

void kalam_results_free(kalam_results *results)
{
    if (!results)
        return;
    CHECK(results->reply.result_count == 0 || results->reply.results);
    arena_clear(&results->arena);
    mem_free(results);
}

static const struct wire_result *results_at(const kalam_results *results, size_t s)
{
    CHECK(!results || results->reply.result_count == 0 || results->reply.results);
    return results && s < results->reply.result_count ? &results->reply.results[s] : NULL;
}

static const struct json *results_cell(const kalam_results *results, size_t s, size_t row,
                                       size_t column)
{
    const struct wire_result *result = results_at(results, s);

    CHECK(!result || results);
    if (!result || !result->rows || row >= result->rows->count ||
        column >= result->rows->items[row].count)
        return NULL;
    return &result->rows->items[row].items[column];
}

size_t kalam_results_count(const kalam_results *results)
{
    return results ? results->reply.result_count : 0;
}

double kalam_results_took_ms(const kalam_results *results)
{
    return results ? results->reply.took_ms : 0;
}

size_t kalam_column_count(const kalam_results *results, size_t s)
{
    const struct wire_result *result = results_at(results, s);

    return result ? result->column_count : 0;
}

static const struct wire_column *results_column(const kalam_results *results, size_t s,
                                                size_t column)
{
    const struct wire_result *result = results_at(results, s);

    CHECK(!result || result->column_count == 0 || result->columns);
    return result && column < result->column_count ? &result->columns[column] : NULL;
}

/* query.c has put a NUL behind it. */
static const char *results_c_text(struct str text)
{
    CHECK(text.size == 0 || text.data);
    return text.size > 0 ? text.data : "";
}

const char *kalam_column_name(const kalam_results *results, size_t s, size_t column)
{
    const struct wire_column *found = results_column(results, s, column);

    CHECK(!found || found->name.size == 0 || found->name.data);
    return found ? results_c_text(found->name) : "";
}

const char *kalam_column_type(const kalam_results *results, size_t s, size_t column)
{
    const struct wire_column *found = results_column(results, s, column);

    return found ? value_type_wire_name(found->type.kind) : "";
}

bool kalam_column_decimal(const kalam_results *results, size_t s, size_t column, int *precision,
                          int *scale)
{
    const struct wire_column *found = results_column(results, s, column);

    if (!found || found->type.kind != VALUE_DECIMAL || !precision || !scale)
        return false;
    *precision = found->type.precision;
    *scale = found->type.scale;
    return true;
}

bool kalam_column_is_key(const kalam_results *results, size_t s, size_t column)
{
    const struct wire_column *found = results_column(results, s, column);

    return found && found->primary_key;
}

bool kalam_column_not_null(const kalam_results *results, size_t s, size_t column)
{
    const struct wire_column *found = results_column(results, s, column);

    return found && (found->not_null || found->primary_key);
}

size_t kalam_row_count(const kalam_results *results, size_t s)
{
    const struct wire_result *result = results_at(results, s);

    return result && result->rows ? result->rows->count : 0;
}

uint64_t kalam_affected(const kalam_results *results, size_t s)
{
    const struct wire_result *result = results_at(results, s);

    return result ? result->row_count : 0;
}

const char *kalam_message(const kalam_results *results, size_t s)
{
    const struct wire_result *result = results_at(results, s);

    return result ? results_c_text(result->message) : "";
}

const char *kalam_as_user(const kalam_results *results, size_t s)
{
    const struct wire_result *result = results_at(results, s);

    return result ? results_c_text(result->as_user) : "";
}

/* Where the text of a value is kept once it was asked for; NULL when memory is short. */
static const char **results_text_slot(kalam_results *results, size_t s, size_t row, size_t column)
{
    size_t columns = results->reply.results[s].column_count;

    CHECK(column < columns);
    if (!results->texts[s])
        results->texts[s] = arena_array(&results->arena, kalam_row_count(results, s),
                                        columns * sizeof *results->texts[s]);
    if (!results->texts[s])
        return NULL;
    return &results->texts[s][row * columns + column];
}

const char *kalam_text(const kalam_results *results, size_t s, size_t row, size_t column)
{
    const struct json *cell = results_cell(results, s, row, column);
    const struct wire_column *of = results_column(results, s, column);
    kalam_results *cache = (kalam_results *)(uintptr_t)results;
    const char **slot;

    CHECK(!cell || results);
    if (!cell || !of || cell->kind == JSON_NULL)
        return NULL;
    cache->arena.failed = false; /* it may be there again */
    slot = results_text_slot(cache, s, row, column);
    if (slot && !*slot)
        *slot = client_text(cell, of->type.kind, &cache->arena);
    return slot ? *slot : NULL;
}

bool kalam_is_null(const kalam_results *results, size_t s, size_t row, size_t column)
{
    const struct json *cell = results_cell(results, s, row, column);

    return !cell || cell->kind == JSON_NULL;
}

bool kalam_bool(const kalam_results *results, size_t s, size_t row, size_t column, bool *out)
{
    const struct json *cell = results_cell(results, s, row, column);

    if (!out || !json_is(cell, JSON_BOOLEAN))
        return false;
    *out = cell->boolean;
    return true;
}

bool kalam_bytes(const kalam_results *results, size_t s, size_t row, size_t column, uint8_t *out,
                 size_t size, size_t *length)
{
    const struct json *cell = results_cell(results, s, row, column);
    const struct wire_column *of = results_column(results, s, column);

    if (!length || !of || of->type.kind != VALUE_BYTES || !json_is(cell, JSON_ARRAY) ||
        (size > 0 && !out))
        return false;
    for (size_t i = 0; i < cell->count && i < size; i++)
        out[i] = (uint8_t)cell->items[i].integer;
    *length = cell->count;
    return true;
}

bool kalam_int64(const kalam_results *results, size_t s, size_t row, size_t column, int64_t *out)
{
    return out && json_integer_any(results_cell(results, s, row, column), out);
}

bool kalam_double(const kalam_results *results, size_t s, size_t row, size_t column, double *out)
{
    const struct json *cell = results_cell(results, s, row, column);
    const struct data_type type = {.kind = VALUE_DOUBLE};
    struct value value;
    struct arena arena;
    struct error err;
    bool good;

    if (!out)
        return false;
    if (json_real(cell, out))
        return true;
    if (!cell || cell->kind != JSON_STRING)
        return false;
    arena_init_fallible(&arena);
    good = value_parse(cell->text, &type, &arena, &value, &err) == STATUS_OK;
    arena_clear(&arena);
    if (good)
        *out = value.real;
    return good;
}

/* ---- whole results as text
 * -------------------------------------------------------------------------- */

static char *results_take(struct buf *text)
{
    size_t size;

    CHECK(text != NULL);
    buf_append_byte(text, 0);
    return buf_take(text, &size);
}

char *kalam_value_json(const kalam_results *results, size_t s, size_t row, size_t column)
{
    const struct json *cell = results_cell(results, s, row, column);
    struct buf text;

    buf_init_fallible(&text);
    if (cell)
        client_json_write(cell, &text);
    else
        json_write_null(&text);
    return results_take(&text);
}

char *kalam_to_json(const kalam_results *results, size_t s)
{
    struct buf text;
    size_t columns = kalam_column_count(results, s);

    buf_init_fallible(&text);
    json_array_begin(&text);
    for (size_t row = 0; row < kalam_row_count(results, s); row++) {
        json_object_begin(&text);
        for (size_t c = 0; c < columns; c++) {
            const struct json *cell = results_cell(results, s, row, c);
            json_key(&text, results_column(results, s, c)->name);
            if (cell)
                client_json_write(cell, &text);
            else
                json_write_null(&text);
        }
        json_object_end(&text);
    }
    json_array_end(&text);
    return results_take(&text);
}

char *kalam_to_csv(const kalam_results *results, size_t s)
{
    size_t columns = kalam_column_count(results, s);
    struct buf text;

    buf_init_fallible(&text);
    for (size_t c = 0; c < columns; c++) {
        if (c > 0)
            buf_append_byte(&text, ',');
        buf_append_csv(&text, kalam_column_name(results, s, c));
    }
    buf_append_str(&text, STR_LIT("\r\n"));
    for (size_t row = 0; row < kalam_row_count(results, s); row++) {
        for (size_t c = 0; c < columns; c++) {
            if (c > 0)
                buf_append_byte(&text, ',');
            const char *value = kalam_text(results, s, row, c);
            text.failed |= !value && !kalam_is_null(results, s, row, c);
            buf_append_csv(&text, value);
        }
        buf_append_str(&text, STR_LIT("\r\n"));
    }
    return results_take(&text);
}

void kalam_text_free(char *text)
{
    mem_free(text);
}
