/* stream.c — a large result in batches: the answer of docs/protocol.md is cut while it arrives.
 *
 * A scanner follows quotes and brackets only. What lies in `results[].rows` is gathered in `rows`;
 * everything else of the answer in `rest`, which is so the whole answer with empty rows and is
 * decoded at its end for status, messages and errors. A batch is an answer made of the schema that
 * stood before the rows and of the rows gathered so far: the usual decoder reads it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/mem.h"
#include "client/client_internal.h"

enum { STREAM_ROWS_DEFAULT = 1000, STREAM_DEPTH_RESULT = 3, STREAM_DEPTH_ROWS = 4 };

struct stream {
    kalam_take_fn take;
    void *context;
    kalam_error *error;
    kalam_status status; /* why it was ended */
    size_t rows_max, row_count, statement;
    struct buf rest, rows;
    size_t key_start, key_size;      /* in `rest`: the last member name of a result */
    size_t schema_start, schema_end; /* in `rest`; of the running result, 0 = not seen */
    int depth;
    bool in_string, escaped, in_rows;
};

/* Hands the gathered rows over. */
static bool stream_emit(struct stream *stream, bool last)
{
    static const char begin[] = "{\"status\":\"success\",\"results\":[{\"schema\":";
    kalam_results *batch = NULL;
    struct buf answer;
    bool more = false;

    CHECK(stream->schema_end >= stream->schema_start);
    buf_init_fallible(&answer);
    buf_append_str(&answer, str_from_c(begin));
    buf_append(&answer, stream->rest.data + stream->schema_start,
               stream->schema_end - stream->schema_start);
    buf_append_str(&answer, STR_LIT(",\"rows\":["));
    buf_append_str(&answer, buf_str(&stream->rows));
    buf_printf(&answer, "],\"row_count\":%zu}],\"took\":0}", stream->row_count);
    stream->status = answer.failed || stream->rows.failed || stream->rest.failed
                         ? client_no_memory(stream->error)
                         : query_decode(buf_str(&answer), 200, &batch, stream->error);
    buf_clear(&answer);
    buf_reset(&stream->rows);
    stream->row_count = 0;
    if (stream->status == KALAM_OK) {
        more = stream->take(stream->context, batch, stream->statement, last);
        stream->status = more ? KALAM_OK : KALAM_CLOSED;
    }
    kalam_results_free(batch);
    return more;
}

static bool stream_key_is(const struct stream *stream, const char *name)
{
    CHECK(stream->key_start + stream->key_size <= stream->rest.size);
    return str_equal(str_from(stream->rest.data + stream->key_start, stream->key_size),
                     str_from_c(name));
}

/* An opening bracket; `depth` is that of what it opens. */
static void stream_open(struct stream *stream, char c)
{
    CHECK(stream->depth > 0);
    if (c == '{' && stream->depth == STREAM_DEPTH_RESULT) {
        stream->statement++;
        stream->schema_start = stream->schema_end = 0;
        stream->key_size = 0;
    } else if (c == '[' && stream->depth == STREAM_DEPTH_ROWS && stream->statement > 0) {
        if (stream_key_is(stream, "schema")) { /* again: as the decoder, the last of equal keys */
            stream->schema_start = stream->rest.size;
            stream->schema_end = 0;
        } else if (stream_key_is(stream, "rows") && stream->schema_end > 0)
            stream->in_rows = true;
    }
}

/* A closing bracket, already in its place; `depth` is that of what it closes. */
static bool stream_close(struct stream *stream)
{
    CHECK(stream->depth >= 0);
    if (stream->in_rows && stream->depth == STREAM_DEPTH_ROWS + 1) {
        stream->row_count++;
        return stream->row_count < stream->rows_max || stream_emit(stream, false);
    }
    if (stream->in_rows && stream->depth == STREAM_DEPTH_ROWS) {
        stream->in_rows = false;
        return stream_emit(stream, true);
    }
    if (stream->depth == STREAM_DEPTH_ROWS && stream->schema_start > 0 && stream->schema_end == 0)
        stream->schema_end = stream->rest.size;
    return true;
}

static void stream_put(struct stream *stream, char c)
{
    bool inside = stream->in_rows && stream->depth > STREAM_DEPTH_ROWS;
    bool comma = stream->in_rows && stream->depth == STREAM_DEPTH_ROWS && c == ',';

    CHECK(stream->depth >= 0);
    if (comma && stream->row_count == 0)
        return; /* between two batches */
    buf_append_byte(inside || comma ? &stream->rows : &stream->rest, (uint8_t)c);
}

/* A byte outside of strings. */
static bool stream_step(struct stream *stream, char c)
{
    CHECK(!stream->in_string);
    switch (c) {
    case '"':
        stream->in_string = true;
        stream_put(stream, c);
        if (stream->depth == STREAM_DEPTH_RESULT) {
            stream->key_start = stream->rest.size;
            stream->key_size = 0;
        }
        return true;
    case '{':
    case '[':
        stream->depth++;
        stream_open(stream, c);
        /* The bracket of the rows themselves stays in `rest`. */
        if (stream->in_rows && stream->depth == STREAM_DEPTH_ROWS)
            buf_append_byte(&stream->rest, '[');
        else
            stream_put(stream, c);
        return true;
    case '}':
    case ']':
        if (stream->in_rows && stream->depth == STREAM_DEPTH_ROWS)
            buf_append_byte(&stream->rest, ']');
        else
            stream_put(stream, c);
        if (!stream_close(stream))
            return false;
        stream->depth--;
        return stream->depth >= 0;
    default:
        stream_put(stream, c);
        return true;
    }
}

/* What a string goes on with, up to its next quote or backslash; the bytes taken. */
static size_t stream_string_run(struct stream *stream, struct str bytes)
{
    bool inside = stream->in_rows && stream->depth > STREAM_DEPTH_ROWS;
    size_t size = 0;

    CHECK(stream->in_string && bytes.size > 0);
    while (size < bytes.size && bytes.data[size] != '"' && bytes.data[size] != '\\')
        size++;
    if (!stream->escaped)
        buf_append(inside ? &stream->rows : &stream->rest, bytes.data, size);
    return stream->escaped ? 0 : size;
}

static void stream_string_byte(struct stream *stream, char c)
{
    CHECK(stream->in_string);
    if (!stream->escaped && c == '"') {
        stream->in_string = false;
        if (stream->depth == STREAM_DEPTH_RESULT && stream->key_size == 0)
            stream->key_size = stream->rest.size - stream->key_start;
    }
    stream->escaped = !stream->escaped && c == '\\';
    stream_put(stream, c);
}

/* The sink of the exchange. */
static bool stream_take(void *context, struct str bytes)
{
    struct stream *stream = context;

    CHECK(stream && stream->take);
    for (size_t i = 0; i < bytes.size; i++) {
        if (stream->in_string)
            i += stream_string_run(stream, str_from(bytes.data + i, bytes.size - i));
        if (i == bytes.size)
            break;
        if (stream->in_string)
            stream_string_byte(stream, bytes.data[i]);
        else if (!stream_step(stream, bytes.data[i]))
            break;
    }
    if (stream->depth < 0)
        stream->status = client_fail(stream->error, KALAM_SERIALIZATION,
                                     "the server's answer is no KalamDB answer");
    if (stream->status == KALAM_OK && (stream->rest.failed || stream->rows.failed))
        stream->status = client_no_memory(stream->error);
    return stream->status == KALAM_OK;
}

kalam_status kalam_query_each(kalam_client *client, const char *sql, const kalam_param *params,
                              size_t count, size_t rows, kalam_take_fn take, void *context,
                              kalam_error *error)
{
    struct stream stream = {.take = take,
                            .context = context,
                            .error = error,
                            .rows_max = rows > 0 ? rows : STREAM_ROWS_DEFAULT};
    struct query_call call = {
        .sql = sql, .params = params, .count = count, .sink = stream_take, .context = &stream};
    kalam_results *tail = NULL;
    kalam_status status;

    client_error_clear(error);
    if (!client || !sql || !take || (count > 0 && !params))
        return client_fail(error, KALAM_INVALID_ARGUMENT,
                           "client, statement and a callback are needed");
    CHECK(client->http && client->url);
    buf_init_fallible(&stream.rest);
    buf_init_fallible(&stream.rows);
    buf_init_fallible(&call.answer);
    status = query_send(client, &call, error);
    if (stream.status != KALAM_OK)
        status = stream.status;
    else if (status == KALAM_OK)
        status =
            query_decode(call.http_status == 200 ? buf_str(&stream.rest) : buf_str(&call.answer),
                         call.http_status, &tail, error);
    kalam_results_free(tail);
    buf_clear(&stream.rest);
    buf_clear(&stream.rows);
    buf_clear(&call.answer);
    return status;
}
