/* response.c — the answer to an SQL request in pieces, as the server writes it (docs/protocol.md).
 *
 *   {"results":[ {"schema":[…],"rows":[ row, … ],"row_count":n,…}, … ],"took":t,"status":"success"}
 *
 * The buffer may be sent and emptied between any two calls, so commas between the large parts are
 * decided by the state here, never by what the buffer ends with.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "wire/response.h"

#include "base/check.h"
#include "wire/json_writer.h"

#include <math.h>

enum { RESPONSE_TOOK_MAX_MS = 1000000000 };

void wire_response_begin(struct wire_response *response, struct buf *out)
{
    CHECK(out != NULL);
    *response = (struct wire_response){.out = out, .result_start = SIZE_MAX};
    buf_append_str(out, STR_LIT("{\"results\":["));
}

void wire_response_result_begin(struct wire_response *response, const struct wire_column *columns,
                                size_t count)
{
    struct buf *out = response->out;

    CHECK(!response->in_result);
    response->in_result = true;
    response->has_columns = count > 0;
    response->row_due_comma = false;
    response->rows_written = 0;
    response->result_start = out->size;
    if (response->has_results)
        buf_append_byte(out, ',');
    buf_append_byte(out, '{');
    if (count == 0)
        return;
    json_key(out, STR_LIT("schema"));
    wire_columns_write(out, columns, count);
    buf_append_str(out, STR_LIT(",\"rows\":["));
}

static void response_row_comma(struct wire_response *response)
{
    CHECK(response->in_result && response->has_columns);
    if (response->row_due_comma)
        buf_append_byte(response->out, ',');
    response->row_due_comma = true;
    response->rows_written++;
}

void wire_response_row(struct wire_response *response, const struct value *values, size_t count)
{
    response_row_comma(response);
    CHECK(count > 0);
    wire_row_array_write(response->out, values, count);
}

/* `],"row_count":n` or, without columns, `"row_count":n`. */
static void response_close_rows(struct wire_response *response, uint64_t row_count)
{
    struct buf *out = response->out;

    CHECK(response->in_result);
    buf_append_str(out,
                   response->has_columns ? STR_LIT("],\"row_count\":") : STR_LIT("\"row_count\":"));
    json_write_unsigned(out, row_count);
}

static void response_close_result(struct wire_response *response)
{
    CHECK(response->in_result);
    json_object_end(response->out);
    response->in_result = false;
    response->has_results = true;
    response->result_start = SIZE_MAX;
}

static void response_write_table(struct buf *out, struct str table)
{
    CHECK(table.size >= 2 && table.data[0] == '{');
    json_key(out, STR_LIT("table"));
    json_write_raw(out, table);
}

void wire_response_result_end(struct wire_response *response, const struct wire_result_end *end)
{
    struct buf *out = response->out;

    CHECK(response->in_result);
    response_close_rows(response, end->row_count);
    if (end->message.size > 0)
        json_member_string(out, STR_LIT("message"), end->message);
    json_member_string(out, STR_LIT("as_user"), end->as_user);
    if (end->table.size > 0)
        response_write_table(out, end->table);
    if (end->report_cache)
        json_member_boolean(out, STR_LIT("cache_hit"), end->cache_hit);
    response_close_result(response);
}

static void response_write_took(struct buf *out, double took_ms)
{
    CHECK(took_ms >= 0);
    double bounded = took_ms < RESPONSE_TOOK_MAX_MS ? took_ms : RESPONSE_TOOK_MAX_MS;
    long long took_us = llround(bounded * 1000);

    /* Without %f: its decimal point depends on the locale. */
    buf_printf(out, "\"took\":%lld.%03lld", took_us / 1000, took_us % 1000);
}

static void response_write_error(struct buf *out, const struct wire_response_error *error)
{
    CHECK(error->code.size > 0);
    json_key(out, STR_LIT("error"));
    json_object_begin(out);
    json_member_string(out, STR_LIT("code"), error->code);
    json_member_string(out, STR_LIT("message"), error->message);
    if (error->details.size > 0)
        json_member_string(out, STR_LIT("details"), error->details);
    if (error->statement_index > 0)
        json_member_integer(out, STR_LIT("statement_index"), error->statement_index);
    json_object_end(out);
}

void wire_response_end(struct wire_response *response, double took_ms)
{
    struct buf *out = response->out;

    CHECK(!response->in_result);
    buf_append_str(out, STR_LIT("],"));
    response_write_took(out, took_ms);
    buf_append_str(out, STR_LIT(",\"status\":\"success\"}"));
}

void wire_response_fail(struct wire_response *response, const struct wire_response_error *error,
                        double took_ms)
{
    struct buf *out = response->out;

    if (response->in_result && response->result_start != SIZE_MAX) {
        CHECK(response->result_start <= out->size);
        out->size = response->result_start;
        response->in_result = false;
    } else if (response->in_result) {
        response_close_rows(response, response->rows_written);
        response_close_result(response);
    }
    CHECK(!response->in_result);
    buf_append_str(out, STR_LIT("],"));
    response_write_took(out, took_ms);
    buf_append_str(out, STR_LIT(",\"status\":\"error\""));
    response_write_error(out, error);
    buf_append_byte(out, '}');
}

void wire_response_sent(struct wire_response *response)
{
    CHECK(response->out != NULL);
    response->result_start = SIZE_MAX;
}

void wire_response_only_error(struct buf *out, const struct wire_response_error *error,
                              double took_ms)
{
    CHECK(out != NULL);
    buf_append_str(out, STR_LIT("{\"status\":\"error\",\"results\":[],"));
    response_write_took(out, took_ms);
    response_write_error(out, error);
    buf_append_byte(out, '}');
}
