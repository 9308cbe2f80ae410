/* query.c — statements over HTTP: encode, send, retry what may be repeated, decode.
 *
 * A connection failure is retried only if the request cannot have reached the server, or if the
 * text is a single statement that reads (SELECT, SHOW, DESCRIBE, EXPLAIN). A refused token is
 * renewed and the request repeated once.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "client/client_internal.h"

#include <math.h>
#include <stdio.h>

enum { RETRY_WAIT_MS = 50, RETRY_WAIT_DOUBLINGS_MAX = 5 };

struct value *client_params(const kalam_param *params, size_t count, struct arena *arena)
{
    struct value *values = arena_array(arena, count + 1, sizeof *values);

    CHECK(params || count == 0);
    if (!values)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        switch (params[i].type) {
        case KALAM_NULL:
            values[i] = value_null(VALUE_NULL);
            break;
        case KALAM_BOOLEAN:
            values[i] = value_boolean(params[i].boolean);
            break;
        case KALAM_INTEGER:
            values[i] = value_integer(VALUE_BIGINT, params[i].integer);
            break;
        case KALAM_REAL:
            values[i] = value_real(VALUE_DOUBLE, params[i].real);
            break;
        case KALAM_TEXT:
            values[i] = params[i].text ? value_text(VALUE_TEXT, str_from_c(params[i].text))
                                       : value_null(VALUE_NULL);
            break;
        }
    }
    return values;
}

kalam_status client_check_text(const char *sql, const kalam_param *params, size_t count,
                               kalam_error *error)
{
    CHECK(sql && (params || count == 0));
    if (!utf8_is_valid(str_from_c(sql)))
        return client_fail(error, KALAM_INVALID_ARGUMENT, "the statement is not valid UTF-8");
    for (size_t i = 0; i < count; i++) {
        const kalam_param *param = &params[i];
        if (param->type == KALAM_TEXT && param->text && !utf8_is_valid(str_from_c(param->text)))
            return client_fail(error, KALAM_INVALID_ARGUMENT, "parameter $%zu is not valid UTF-8",
                               i + 1);
        if (param->type == KALAM_REAL && !isfinite(param->real))
            return client_fail(error, KALAM_INVALID_ARGUMENT, "parameter $%zu is not finite",
                               i + 1);
        if ((unsigned)param->type > KALAM_TEXT)
            return client_fail(error, KALAM_INVALID_ARGUMENT, "parameter $%zu has no known type",
                               i + 1);
    }
    return KALAM_OK;
}

/* Repeating the statement changes nothing. */
static bool query_is_idempotent(struct str sql)
{
    static const char *const words[] = {"select", "show", "describe", "desc", "explain"};
    struct str text = str_trim(sql);
    size_t semicolon = str_find(text, STR_LIT(";"));

    CHECK(sql.size == 0 || sql.data);
    if (semicolon != SIZE_MAX && semicolon + 1 < text.size)
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t size = strlen(words[i]);
        if (text.size > size && strchr(" \t\r\n(*'\"", text.data[size]) &&
            str_equal_nocase(str_from(text.data, size), str_from_c(words[i])))
            return true;
    }
    return false;
}

static void query_wait(int ms)
{
    struct timespec wait = {ms / 1000, (long)(ms % 1000) * 1000000};

    CHECK(ms >= 0 && ms < 1000000);
    nanosleep(&wait, NULL);
}

/* One HTTP exchange with retries of connection failures. client->mutex held. */
static kalam_status query_exchange(kalam_client *client, struct str body, struct query_call *call,
                                   kalam_error *error)
{
    struct buf url, headers;
    kalam_status status;
    bool sent = false;

    CHECK(client);
    buf_init_fallible(&url);
    buf_init_secret(&headers);
    buf_printf(&url, "%s/v1/api/sql%c", client->url, 0);
    buf_printf(&headers, "Content-Type: application/json\n");
    status = client_auth_headers(client, &headers, error);
    buf_append_byte(&headers, 0);
    if (status == KALAM_OK && (url.failed || headers.failed))
        status = client_no_memory(error);
    struct http_request request = {.method = "POST",
                                   .url = url.data,
                                   .headers = headers.data,
                                   .body = body,
                                   .ca_file = client->ca_file,
                                   .timeout_ms = client->timeout_ms,
                                   .once = !query_is_idempotent(str_from_c(call->sql)),
                                   .cancelled = &client->cancelled,
                                   .sink = call->sink,
                                   .sink_context = call->context};
    for (int attempt = 0; status == KALAM_OK; attempt++) {
        kalam_status outcome =
            http_perform(client->http, &request, &call->http_status, &call->answer, &sent, error);
        bool repeat = outcome == KALAM_CONNECTION && attempt < client->retries_max &&
                      (!sent || !request.once) && !http_has_delivered(client->http) &&
                      !atomic_load(&client->cancelled);
        if (!repeat) {
            status = outcome;
            break;
        }
        query_wait(RETRY_WAIT_MS << (attempt < RETRY_WAIT_DOUBLINGS_MAX
                                         ? attempt
                                         : RETRY_WAIT_DOUBLINGS_MAX));
    }
    buf_clear(&url);
    buf_clear(&headers);
    return status;
}

static kalam_status query_error(const struct wire_reply *reply, int http_status, kalam_error *error)
{
    const struct wire_response_error *from = &reply->error;
    kalam_status status = http_status == 401 ? KALAM_AUTHENTICATION : KALAM_SQL;

    CHECK(!reply->success);
    if (!error)
        return status;
    client_fail(error, status, "%.*s", STR_ARG(from->message));
    snprintf(error->code, sizeof error->code, "%.*s", STR_ARG(from->code));
    error->http_status = http_status;
    error->statement = (int)from->statement_index;
    return status;
}

/* Puts a NUL behind the texts that the caller gets as they are; false when memory is short. */
static bool query_end_texts(kalam_results *results)
{
    struct arena *arena = &results->arena;

    CHECK(results);
    results->texts = arena_array(arena, results->reply.result_count + 1, sizeof *results->texts);
    if (!results->texts)
        return false;
    for (size_t s = 0; s < results->reply.result_count; s++) {
        struct wire_result *result = &results->reply.results[s];
        result->message = arena_copy(arena, result->message);
        result->as_user = arena_copy(arena, result->as_user);
        for (size_t c = 0; c < result->column_count; c++)
            result->columns[c].name = arena_copy(arena, result->columns[c].name);
    }
    return !arena->failed;
}

kalam_status query_decode(struct str answer, int http_status, kalam_results **out,
                          kalam_error *error)
{
    kalam_results *results = mem_try_zalloc(sizeof *results);
    struct error parse;
    kalam_status status = KALAM_OK;

    CHECK(out);
    if (!results)
        return client_fail(error, KALAM_NO_MEMORY, "out of memory");
    arena_init_fallible(&results->arena);
    error_clear(&parse);
    if (wire_reply_decode(answer, &results->arena, &results->reply, &parse) != STATUS_OK) {
        bool short_of_memory = results->arena.failed;
        results->reply.result_count = 0;
        kalam_results_free(results);
        if (short_of_memory)
            return client_no_memory(error);
        return client_fail(error, http_status == 200 ? KALAM_SERIALIZATION : KALAM_HTTP,
                           "no KalamDB answer (HTTP %d): %s", http_status, parse.message);
    }
    if (!query_end_texts(results)) {
        kalam_results_free(results);
        return client_no_memory(error);
    }
    if (!results->reply.success)
        status = query_error(&results->reply, http_status, error);
    if (status != KALAM_OK && results->reply.result_count == 0) {
        kalam_results_free(results);
        return status;
    }
    *out = results;
    return status;
}

/* Another token may help: this one has expired, or the server takes it no longer (the user's role
 * or password has changed). client->mutex held. */
static bool query_token_is_refused(const kalam_client *client, const struct query_call *call)
{
    struct str answer = buf_str(&call->answer);

    CHECK(client && call);
    return call->http_status == 401 && client->token &&
           (str_find(answer, STR_LIT("\"TOKEN_EXPIRED\"")) != SIZE_MAX ||
            str_find(answer, STR_LIT("\"INVALID_CREDENTIALS\"")) != SIZE_MAX);
}

/* client->mutex held. */
static kalam_status query_send_locked(kalam_client *client, struct str body,
                                      struct query_call *call, kalam_error *error)
{
    kalam_status status;

    CHECK(client && call);
    atomic_store(&client->cancelled, false);
    status = query_exchange(client, body, call, error);
    if (status != KALAM_OK || !query_token_is_refused(client, call))
        return status;
    status = client_renew(client, error);
    if (status == KALAM_OK)
        return query_exchange(client, body, call, error);
    /* The first answer is told; no memory, no connection are not the token's fault. */
    return status == KALAM_AUTHENTICATION ? KALAM_OK : status;
}

kalam_status query_send(kalam_client *client, struct query_call *call, kalam_error *error)
{
    struct arena arena;
    struct buf body;
    kalam_status status;

    client_error_clear(error);
    if (client_check_text(call->sql, call->params, call->count, error) != KALAM_OK)
        return KALAM_INVALID_ARGUMENT;
    CHECK(client->http && client->url);
    arena_init_fallible(&arena);
    buf_init_fallible(&body);
    struct wire_request request = {.sql = str_from_c(call->sql),
                                   .params = client_params(call->params, call->count, &arena),
                                   .param_count = call->count};
    if (request.params) {
        pthread_mutex_lock(&client->settings_mutex);
        request.namespace_id = str_from_c(client->space);
        wire_request_encode(&request, &body);
        pthread_mutex_unlock(&client->settings_mutex);
    }
    if (!request.params || body.failed) {
        status = client_no_memory(error);
    } else {
        pthread_mutex_lock(&client->mutex);
        status = query_send_locked(client, buf_str(&body), call, error);
        pthread_mutex_unlock(&client->mutex);
    }
    buf_clear(&body);
    arena_clear(&arena);
    return status;
}

kalam_status kalam_query_params(kalam_client *client, const char *sql, const kalam_param *params,
                                size_t count, kalam_results **out, kalam_error *error)
{
    struct query_call call = {.sql = sql, .params = params, .count = count};
    kalam_status status;

    client_error_clear(error);
    if (!client || !sql || !out || (count > 0 && !params))
        return client_fail(error, KALAM_INVALID_ARGUMENT,
                           "client, statement and a place for results are needed");
    CHECK(client->http && client->url);
    *out = NULL;
    buf_init_fallible(&call.answer);
    status = query_send(client, &call, error);
    if (status == KALAM_OK)
        status = query_decode(buf_str(&call.answer), call.http_status, out, error);
    buf_clear(&call.answer);
    return status;
}

kalam_status kalam_query(kalam_client *client, const char *sql, kalam_results **out,
                         kalam_error *error)
{
    return kalam_query_params(client, sql, NULL, 0, out, error);
}

kalam_status kalam_batch(kalam_client *client, const char *sql, kalam_results **out,
                         kalam_error *error)
{
    return kalam_query_params(client, sql, NULL, 0, out, error);
}
