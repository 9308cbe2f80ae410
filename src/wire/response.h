/* response.h — the HTTP SQL request and its answer (docs/protocol.md).
 *
 * The answer is written in pieces onto a buffer that the caller may send and empty between any two
 * calls. `status` and `took` come last, so that a failure after the first bytes were sent can still
 * be told. Any thread; one response belongs to one thread at a time.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WIRE_RESPONSE_H
#define WIRE_RESPONSE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "value/value.h"
#include "wire/column.h"
#include "wire/json_parse.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- request --------------------------------------------------------------------------------- */

struct wire_request {
    struct str sql;
    struct str namespace_id; /* empty if absent */
    const struct value *params;
    size_t param_count;
};

/* INVALID_INPUT naming the field (malformed JSON, missing sql, wrong type), INVALID_PARAMETER.
 * Unknown fields are ignored; a null field counts as absent. Limits are the caller's. */
enum status wire_request_decode(struct str body, struct arena *arena, struct wire_request *out,
                                struct error *err) MUST_CHECK;
void wire_request_encode(const struct wire_request *request, struct buf *out);

/* --- answer, server side --------------------------------------------------------------------- */

struct wire_response {
    struct buf *out;
    bool in_result;   /* between result_begin and result_end */
    bool has_columns; /* of the open result */
    bool has_results; /* a comma is due */
    bool row_due_comma;
    size_t result_start;   /* where the open result starts in `out`; SIZE_MAX once it was sent */
    uint64_t rows_written; /* of the open result */
};

struct wire_result_end {
    uint64_t row_count;
    struct str message; /* empty = left out */
    struct str as_user;
    struct str table; /* a JSON object; empty = left out */
    bool report_cache, cache_hit;
};

struct wire_response_error {
    struct str code; /* "TABLE_NOT_FOUND" */
    struct str message;
    struct str details;       /* empty = left out */
    uint32_t statement_index; /* 1-based, 0 = left out */
};

/* Writes `{"results":[`; appends to `out`, which the response keeps using. */
void wire_response_begin(struct wire_response *response, struct buf *out);
/* A statement with columns opens `schema` and `rows`; count 0 = a statement without columns. */
void wire_response_result_begin(struct wire_response *response, const struct wire_column *columns,
                                size_t count);
/* `values` in schema order, the count given to result_begin. */
void wire_response_row(struct wire_response *response, const struct value *values, size_t count);
void wire_response_result_end(struct wire_response *response, const struct wire_result_end *end);
/* Closes the body with "success". took_ms is shown with three decimals. */
void wire_response_end(struct wire_response *response, double took_ms);
/* Closes the body with "error". A result still open is taken back if none of it was sent, else
 * closed with the rows that were written. */
void wire_response_fail(struct wire_response *response, const struct wire_response_error *error,
                        double took_ms);
/* The caller has sent the first buf->size bytes and is about to empty the buffer. */
void wire_response_sent(struct wire_response *response);
/* A whole answer that holds nothing but an error (authentication, malformed body). */
void wire_response_only_error(struct buf *out, const struct wire_response_error *error,
                              double took_ms);

/* --- answer, client side --------------------------------------------------------------------- */

struct wire_result {
    struct wire_column *columns;
    size_t column_count;     /* 0 = statement without columns */
    const struct json *rows; /* array of arrays; NULL without columns */
    uint64_t row_count;
    struct str message, as_user;
    const struct json *table; /* an object; NULL = left out */
    bool report_cache, cache_hit;
};

struct wire_reply {
    bool success;
    struct wire_result *results;
    size_t result_count;
    double took_ms;
    struct wire_response_error error; /* if not success */
};

/* INVALID_INPUT if the text is no such answer. Everything lies in the arena. */
enum status wire_reply_decode(struct str body, struct arena *arena, struct wire_reply *out,
                              struct error *err) MUST_CHECK;

#endif
