/* test_query.c — statements over HTTP: answers, errors, retries, renewal, time-outs, cancellation.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "kalam/kalam.h"

#include "fake_server.h"

#include <math.h>
#include <poll.h>

static kalam_client *open_client(const struct fake *fake, struct kalam_options options)
{
    kalam_client *client = NULL;

    options.url = fake->url;
    assert_int_equal(kalam_client_new(&options, &client, NULL), KALAM_OK);
    return client;
}

static void handle_rows(struct fake_request *request)
{
    fake_require(strstr(request->head, "POST /v1/api/sql HTTP/1.1"), "route", request->head);
    fake_require(strstr(request->head, "Content-Type: application/json"), "type", request->head);
    if (request->number == 1)
        fake_require(strcmp(request->body, "{\"sql\":\"SELECT 1\",\"namespace_id\":\"shop\"}") ==
                             0 &&
                         strstr(request->head, "X-User-Id: lena"),
                     "request", request->body);
    if (request->number == 2)
        fake_require(strstr(request->body, "\"params\":[null,true,-7,1.5e0,\"é\"]"), "params",
                     request->body);
    fake_answer(request, 200, FAKE_ROWS);
}

static void test_rows_and_types(void **state)
{
    struct fake *fake = fake_start(handle_rows);
    kalam_client *client =
        open_client(fake, (struct kalam_options){.user = "lena", .space = "shop"});
    kalam_results *results = NULL;
    kalam_error error;
    int64_t integer;
    double real;

    assert_int_equal(kalam_query(client, "SELECT 1", &results, &error), KALAM_OK);
    assert_int_equal(kalam_results_count(results), 1);
    assert_true(kalam_results_took_ms(results) > 1.2);
    assert_int_equal(kalam_column_count(results, 0), 5);
    assert_string_equal(kalam_column_name(results, 0, 1), "title");
    assert_string_equal(kalam_column_type(results, 0, 0), "BigInt");
    assert_true(kalam_column_is_key(results, 0, 0) && !kalam_column_is_key(results, 0, 1));
    assert_int_equal(kalam_row_count(results, 0), 2);
    assert_int_equal(kalam_affected(results, 0), 2);
    assert_string_equal(kalam_as_user(results, 0), "lena");
    assert_string_equal(kalam_message(results, 0), "");
    assert_true(kalam_int64(results, 0, 0, 0, &integer) && integer == 9007199254740993);
    assert_false(kalam_int64(results, 0, 0, 1, &integer));
    assert_true(kalam_double(results, 0, 0, 4, &real) && real == 1.5);
    assert_string_equal(kalam_text(results, 0, 0, 1), "Tea, \"green\"");
    assert_ptr_equal(kalam_text(results, 0, 0, 1), kalam_text(results, 0, 0, 1));
    assert_string_equal(kalam_text(results, 0, 0, 3), "\\x00ff");
    assert_non_null(strstr(kalam_text(results, 0, 0, 2), "1970-01-01"));
    assert_null(kalam_text(results, 0, 1, 1));
    assert_true(kalam_is_null(results, 0, 1, 1));
    assert_null(kalam_text(results, 0, 9, 0)); /* beyond the end is nothing, not a crash */
    assert_null(kalam_text(results, 7, 0, 0));
    assert_string_equal(kalam_column_name(results, 0, 9), "");
    char *csv = kalam_to_csv(results, 0), *json = kalam_to_json(results, 0);
    assert_non_null(strstr(csv, "id,title,at,b,r\r\n9007199254740993,\"Tea, \"\"green\"\"\","));
    assert_non_null(strstr(csv, "\r\n8124,,,,\r\n"));
    assert_non_null(strstr(json, "{\"id\":\"8124\",\"title\":null,"));
    kalam_text_free(csv);
    kalam_text_free(json);
    kalam_results_free(results);
    kalam_param params[] = {{.type = KALAM_NULL},
                            {.type = KALAM_BOOLEAN, .boolean = true},
                            {.type = KALAM_INTEGER, .integer = -7},
                            {.type = KALAM_REAL, .real = 1.5},
                            {.type = KALAM_TEXT, .text = "é"}};
    assert_int_equal(kalam_query_params(client, "SELECT $1", params, 5, &results, &error),
                     KALAM_OK);
    kalam_results_free(results);
    assert_int_equal(fake->connections, 1); /* kept alive */
    kalam_client_free(client);
    fake_stop(fake);
}

static void test_bad_arguments_stay_here(void **state)
{
    struct fake *fake = fake_start(handle_rows);
    kalam_client *client = open_client(fake, (struct kalam_options){0});
    kalam_results *results = NULL;
    kalam_error error;
    kalam_param param = {.type = KALAM_REAL, .real = NAN};

    assert_int_equal(kalam_query(NULL, "SELECT 1", &results, &error), KALAM_INVALID_ARGUMENT);
    assert_int_equal(kalam_query(client, NULL, &results, &error), KALAM_INVALID_ARGUMENT);
    assert_int_equal(kalam_query(client, "SELECT '\xff'", &results, &error),
                     KALAM_INVALID_ARGUMENT);
    assert_int_equal(kalam_query_params(client, "SELECT $1", &param, 1, &results, &error),
                     KALAM_INVALID_ARGUMENT);
    param = (kalam_param){.type = KALAM_TEXT, .text = "\xc0\x80"};
    assert_int_equal(kalam_query_params(client, "SELECT $1", &param, 1, &results, &error),
                     KALAM_INVALID_ARGUMENT);
    assert_int_equal(fake->requests, 0);
    kalam_client_free(client);
    fake_stop(fake);
}

static void handle_failure(struct fake_request *request)
{
    fake_answer(
        request, 400,
        "{\"status\":\"error\",\"results\":[{\"row_count\":1,\"message\":\"Inserted 1 "
        "row(s)\",\"as_user\":\"lena\"}],\"took\":0.4,\"error\":{\"code\":\"TABLE_NOT_FOUND\","
        "\"message\":\"Statement 2 failed: table not found\",\"statement_index\":2}}");
}

static void test_error_names_code_and_statement(void **state)
{
    struct fake *fake = fake_start(handle_failure);
    kalam_client *client = open_client(fake, (struct kalam_options){0});
    kalam_results *results = NULL;
    kalam_error error;

    assert_int_equal(kalam_query(client, "INSERT …; SELECT 1", &results, &error), KALAM_SQL);
    assert_string_equal(error.code, "TABLE_NOT_FOUND");
    assert_string_equal(error.message, "Statement 2 failed: table not found");
    assert_int_equal(error.statement, 2);
    assert_int_equal(error.http_status, 400);
    assert_int_equal(kalam_results_count(results), 1); /* what was done before */
    assert_string_equal(kalam_message(results, 0), "Inserted 1 row(s)");
    kalam_results_free(results);
    kalam_client_free(client);
    fake_stop(fake);
}

static void handle_malformed(struct fake_request *request)
{
    static const struct {
        int status;
        const char *body;
    } answers[] = {{200, "{\"status\":"}, {200, "[]"}, {200, ""},        {502, "<html>"},
                   {302, FAKE_OK},        {307, ""},   {200, "\xff\xfe"}};
    int i = request->number - 1;

    fake_answer(request, answers[i].status, answers[i].body);
}

static void test_malformed_answers_and_redirects(void **state)
{
    static const kalam_status expected[] = {
        KALAM_SERIALIZATION, KALAM_SERIALIZATION, KALAM_SERIALIZATION, KALAM_HTTP,
        KALAM_HTTP,          KALAM_HTTP,          KALAM_SERIALIZATION};
    struct fake *fake = fake_start(handle_malformed);
    kalam_client *client = open_client(fake, (struct kalam_options){0});
    kalam_results *results = NULL;
    kalam_error error;

    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_int_equal(kalam_query(client, "SELECT 1", &results, &error), expected[i]);
        assert_null(results);
        assert_true(error.message[0] != 0);
    }
    assert_int_equal(fake->requests, 7); /* nobody followed a redirect */
    kalam_client_free(client);
    fake_stop(fake);
}

/* Reads the request and goes away, unless it is the `flag`-th or later. */
static void handle_drop(struct fake_request *request)
{
    if (request->number < request->fake->flag)
        request->drop = true;
    else
        fake_answer(request, 200, FAKE_OK);
}

static void test_only_reading_statements_are_repeated(void **state)
{
    struct fake *fake = fake_start(handle_drop);
    kalam_client *client = open_client(fake, (struct kalam_options){.retries_max = 3});
    kalam_results *results = NULL;
    kalam_error error;

    fake->flag = 3;
    assert_int_equal(kalam_query(client, "  select 1;", &results, &error), KALAM_OK);
    assert_int_equal(fake->requests, 3);
    kalam_results_free(results);
    fake->flag = 1000;
    static const char *const writing[] = {"INSERT INTO t VALUES (1)", "SELECT 1; DELETE FROM t",
                                          "selectx", "UPDATE t SET a = 1"};
    for (size_t i = 0; i < sizeof writing / sizeof *writing; i++) {
        int before = fake->requests;
        assert_int_equal(kalam_query(client, writing[i], &results, &error), KALAM_CONNECTION);
        assert_int_equal(fake->requests, before + 1);
    }
    int before = fake->requests;
    assert_int_equal(kalam_query(client, "SHOW TABLES", &results, &error), KALAM_CONNECTION);
    assert_int_equal(fake->requests, before + 4);
    kalam_client_free(client);
    fake_stop(fake);
}

/* Answers the first request of a connection and drops the second: what libcurl would repeat. */
static void handle_drop_kept_alive(struct fake_request *request)
{
    if (request->number == 1)
        fake_answer(request, 200, FAKE_OK);
    else
        request->drop = true;
}

static void test_libcurl_repeats_no_write(void **state)
{
    struct fake *fake = fake_start(handle_drop_kept_alive);
    kalam_client *client = open_client(fake, (struct kalam_options){0});
    kalam_results *results = NULL;
    kalam_error error;

    assert_int_equal(kalam_query(client, "INSERT INTO t VALUES (1)", &results, &error), KALAM_OK);
    kalam_results_free(results);
    assert_int_equal(kalam_query(client, "INSERT INTO t VALUES (2)", &results, &error),
                     KALAM_CONNECTION);
    assert_int_equal(fake->requests, 2);
    kalam_client_free(client);
    fake_stop(fake);
}

static void test_nobody_listens(void **state)
{
    struct fake *fake = fake_start(handle_drop);
    kalam_client *client = open_client(fake, (struct kalam_options){.retries_max = -1});
    kalam_results *results = NULL;
    kalam_error error;

    fake_stop(fake);
    assert_int_equal(kalam_query(client, "INSERT INTO t VALUES (1)", &results, &error),
                     KALAM_CONNECTION);
    assert_int_equal(error.http_status, 0);
    kalam_client_free(client);
}

#define EXPIRED \
    "{\"status\":\"error\",\"results\":[],\"took\":0,\"error\":{\"code\":\"TOKEN_EXPIRED\"," \
    "\"message\":\"expired\"}}"

/* Tokens expire for good once flag is set. */
static void handle_expired(struct fake_request *request)
{
    if (strstr(request->head, "/auth/refresh ")) {
        fake_require(strstr(request->head, "Bearer r.r.r"), "refresh", request->head);
        atomic_fetch_add(&request->fake->flag2, 1);
        fake_answer(request, 200,
                    "{\"user\":{\"id\":\"lena\",\"role\":\"user\"},\"access_token\":\"n.n.n\"}");
    } else if (strstr(request->head, "Bearer n.n.n") && !request->fake->flag) {
        fake_answer(request, 200, FAKE_OK);
    } else {
        fake_answer(request, 401, EXPIRED);
    }
}

static void test_expired_token_is_renewed_once(void **state)
{
    struct fake *fake = fake_start(handle_expired);
    kalam_client *client =
        open_client(fake, (struct kalam_options){.token = "o.o.o", .refresh_token = "r.r.r"});
    kalam_results *results = NULL;
    kalam_error error;

    assert_int_equal(kalam_query(client, "INSERT INTO t VALUES (1)", &results, &error), KALAM_OK);
    assert_int_equal(fake->requests, 3);
    kalam_results_free(results);
    assert_int_equal(kalam_query(client, "INSERT INTO t VALUES (1)", &results, &error), KALAM_OK);
    assert_int_equal(fake->requests, 4);
    kalam_results_free(results);
    fake->flag = 1;
    assert_int_equal(kalam_query(client, "SELECT 1", &results, &error), KALAM_AUTHENTICATION);
    assert_string_equal(error.code, "TOKEN_EXPIRED");
    assert_int_equal(fake->flag2, 2);
    assert_int_equal(fake->requests, 7);
    kalam_client_free(client);
    client =
        open_client(fake, (struct kalam_options){.token = "o.o.o"}); /* nothing to renew with */
    assert_int_equal(kalam_query(client, "SELECT 1", &results, &error), KALAM_AUTHENTICATION);
    assert_int_equal(fake->requests, 8);
    kalam_client_free(client);
    fake_stop(fake);
}

/* The server takes no token of before any more; once flag is set, none at all. */
static void handle_revoked(struct fake_request *request)
{
    static const char refused[] =
        "{\"status\":\"error\",\"results\":[],\"took\":0,\"error\":{\"code\":"
        "\"INVALID_CREDENTIALS\",\"message\":\"no longer\"}}";

    if (strstr(request->head, "/auth/login "))
        fake_answer(request, 200,
                    "{\"user\":{\"id\":\"lena\",\"role\":\"user\"},\"access_token\":\"n.n.n\"}");
    else if (strstr(request->head, "Bearer n.n.n") && !request->fake->flag)
        fake_answer(request, 200, FAKE_OK);
    else
        fake_answer(request, 401, refused);
}

static void test_refused_token_is_renewed_once(void **state)
{
    struct fake *fake = fake_start(handle_revoked);
    kalam_client *client = open_client(
        fake, (struct kalam_options){.token = "o.o.o", .user = "lena", .password = "right"});
    kalam_results *results = NULL;
    kalam_error error;

    assert_int_equal(kalam_query(client, "INSERT INTO t VALUES (1)", &results, &error), KALAM_OK);
    assert_int_equal(fake->requests, 3);
    kalam_results_free(results);
    fake->flag = 1;
    assert_int_equal(kalam_query(client, "SELECT 1", &results, &error), KALAM_AUTHENTICATION);
    assert_string_equal(error.code, "INVALID_CREDENTIALS");
    assert_int_equal(fake->requests, 6);
    kalam_client_free(client);
    client = open_client(fake, (struct kalam_options){.api_key = "key"}); /* no token was refused */
    assert_int_equal(kalam_query(client, "SELECT 1", &results, &error), KALAM_AUTHENTICATION);
    assert_int_equal(fake->requests, 7);
    kalam_client_free(client);
    fake_stop(fake);
}

/* The password has changed: no token of before counts, and none is to be had. flag2 counts log-ins,
 * flag: the name is locked. */
static void handle_changed_password(struct fake_request *request)
{
    if (!strstr(request->head, "/auth/login ")) {
        fake_answer(request, strstr(request->head, "Bearer n.n.n") ? 200 : 401,
                    strstr(request->head, "Bearer n.n.n") ? FAKE_OK : EXPIRED);
        return;
    }
    atomic_fetch_add(&request->fake->flag2, 1);
    if (strstr(request->body, "\"new\""))
        fake_answer(request, 200,
                    "{\"user\":{\"id\":\"lena\",\"role\":\"user\"},\"access_token\":\"n.n.n\"}");
    else
        fake_answer(request, 401,
                    request->fake->flag ? "{\"error\":\"account_locked\",\"message\":\"later\"}"
                                        : "{\"error\":\"unauthorized\",\"message\":\"no\"}");
}

static void test_refused_password_is_not_tried_again(void **state)
{
    static const char *const tokens[] = {"o.o.o", NULL};
    struct fake *fake = fake_start(handle_changed_password);
    kalam_session session;
    kalam_results *results = NULL;
    kalam_error error;

    for (size_t i = 0; i < 2; i++) {
        kalam_client *client = open_client(
            fake, (struct kalam_options){.token = tokens[i], .user = "lena", .password = "old"});
        fake->flag = 1; /* says nothing of the password */
        fake->flag2 = 0;
        assert_int_equal(kalam_query(client, "SELECT 1", &results, &error), KALAM_AUTHENTICATION);
        fake->flag = 0;
        for (int query = 0; query < 5; query++) {
            assert_int_equal(kalam_query(client, "SELECT 1", &results, &error),
                             KALAM_AUTHENTICATION);
            assert_string_equal(error.code, tokens[i] ? "TOKEN_EXPIRED" : "unauthorized");
            assert_int_equal(error.http_status, 401);
        }
        assert_int_equal(fake->flag2, 2);
        assert_int_equal(kalam_login(client, "lena", "new", &session, &error), KALAM_OK);
        kalam_session_clear(&session);
        assert_int_equal(kalam_query(client, "SELECT 1", &results, &error), KALAM_OK);
        kalam_results_free(results);
        kalam_client_free(client);
    }
    fake_stop(fake);
}

static void handle_space(struct fake_request *request)
{
    static const char *const spaces[] = {"\"sql\":\"SELECT 1\"}", "\"namespace_id\":\"shop\"",
                                         "\"namespace_id\":\"a\\\"B\"", "\"sql\":\"SELECT 1\"}"};

    fake_require(strstr(request->body, spaces[request->number - 1]), "namespace", request->body);
    fake_answer(request, 200, FAKE_OK);
}

static void test_default_namespace_changes(void **state)
{
    static const char *const spaces[] = {"shop", "a\"B", NULL};
    struct fake *fake = fake_start(handle_space);
    kalam_client *client = open_client(fake, (struct kalam_options){0});
    kalam_results *results = NULL;
    kalam_error error;

    assert_int_equal(kalam_query(client, "SELECT 1", &results, &error), KALAM_OK);
    kalam_results_free(results);
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        assert_int_equal(kalam_set_space(client, spaces[i], &error), KALAM_OK);
        assert_int_equal(kalam_query(client, "SELECT 1", &results, &error), KALAM_OK);
        kalam_results_free(results);
    }
    assert_int_equal(kalam_set_space(client, "\xff", &error), KALAM_INVALID_ARGUMENT);
    assert_int_equal(kalam_set_space(NULL, "shop", &error), KALAM_INVALID_ARGUMENT);
    kalam_client_free(client);
    fake_stop(fake);
}

/* Never answers; ends when the client goes away. */
static void handle_silence(struct fake_request *request)
{
    char byte;

    atomic_store(&request->fake->flag, 1);
    (void)!recv(request->fd, &byte, 1, 0);
    request->drop = true;
}

static void test_time_out(void **state)
{
    struct fake *fake = fake_start(handle_silence);
    kalam_client *client = open_client(fake, (struct kalam_options){.timeout_ms = 50});
    kalam_results *results = NULL;
    kalam_error error;

    assert_int_equal(kalam_query(client, "SELECT 1", &results, &error), KALAM_TIMEOUT);
    assert_int_equal(fake->requests, 1);
    kalam_client_free(client);
    fake_stop(fake);
}

struct waiting {
    kalam_client *client;
    kalam_status status;
};

static void *wait_for_query(void *argument)
{
    struct waiting *waiting = argument;
    kalam_results *results = NULL;

    waiting->status = kalam_query(waiting->client, "SELECT 1", &results, NULL);
    kalam_results_free(results);
    return NULL;
}

static void test_cancel_from_another_thread(void **state)
{
    struct fake *fake = fake_start(handle_silence);
    struct waiting waiting = {.client = open_client(fake, (struct kalam_options){0})};
    pthread_t thread;

    pthread_create(&thread, NULL, wait_for_query, &waiting);
    while (!atomic_load(&fake->flag))
        poll(NULL, 0, 1);
    kalam_cancel(waiting.client);
    pthread_join(thread, NULL);
    assert_int_equal(waiting.status, KALAM_TIMEOUT);
    kalam_client_free(waiting.client);
    fake_stop(fake);
}

static void *query_often(void *argument)
{
    for (int i = 0; i < 50; i++) {
        kalam_results *results = NULL;
        assert_int_equal(kalam_query(argument, "SELECT 1", &results, NULL), KALAM_OK);
        assert_int_equal(kalam_row_count(results, 0), 2);
        kalam_results_free(results);
    }
    return NULL;
}

/* Two statements with columns and one without, in pieces that cut words and escapes. */
#define STREAM_ANSWER \
    "{\"status\":\"success\",\"results\":[{\"schema\":[{\"name\":\"rows\",\"data_type\":" \
    "\"BigInt\"," \
    "\"index\":0},{\"name\":\"b\",\"data_type\":\"Bytes\",\"index\":1},{\"name\":\"t\",\"data_" \
    "type\":" \
    "\"Text\",\"index\":2}],\"rows\":[[\"1\",[1,2],\"a]\\\"[\"] , " \
    "[\"2\",null,\"\\\\\"],[\"3\",[],\"é\"]]," \
    "\"row_count\":3,\"as_user\":\"lena\"},{\"row_count\":1,\"message\":\"Inserted [1] row(s)\"," \
    "\"as_user\":\"lena\"},{\"schema\":[{\"name\":\"x\",\"data_type\":\"Boolean\",\"index\":0}]," \
    "\"rows\":[],\"row_count\":0,\"as_user\":\"lena\"}]"

static void handle_stream(struct fake_request *request)
{
    static const char *const ends[] = {
        ",\"took\":1}", ",\"took\":1,\"error\":{\"code\":\"QUERY_TIMEOUT\",\"message\":\"late\"}}"};
    char whole[4096];
    int kind = atomic_load(&request->fake->flag);

    /* The second time `status` says error: the decoder takes the last of equal keys. */
    int size = snprintf(whole, sizeof whole, "%s%s%s", STREAM_ANSWER,
                        kind == 1 ? ",\"status\":\"error\"" : "", ends[kind == 1]);
    if (kind == 2)
        size -= 40; /* cut off */
    char head[128];
    int head_size = snprintf(head, sizeof head, "HTTP/1.1 200 X\r\nContent-Length: %d\r\n\r\n",
                             kind == 2 ? size + 40 : size);
    fake_write(request->fd, head, (size_t)head_size);
    for (int i = 0; i < size; i++)
        fake_write(request->fd, whole + i, 1);
    request->drop = kind == 2;
}

struct stream_seen {
    char text[512];
    int calls, calls_max;
};

static bool see_batch(void *context, const kalam_results *batch, size_t statement, bool last)
{
    struct stream_seen *seen = context;
    size_t used = strlen(seen->text), length = 9;
    bool boolean;

    used += (size_t)snprintf(seen->text + used, sizeof seen->text - used, "%zu:%s(", statement,
                             kalam_column_name(batch, 0, 0));
    for (size_t row = 0; row < kalam_row_count(batch, 0); row++)
        used += (size_t)snprintf(seen->text + used, sizeof seen->text - used, "%s=%s ",
                                 kalam_text(batch, 0, row, 0), kalam_text(batch, 0, row, 2));
    snprintf(seen->text + used, sizeof seen->text - used, ")%s", last ? "." : "");
    if (statement == 1 && seen->calls == 0) {
        uint8_t bytes[1];
        assert_true(kalam_bytes(batch, 0, 0, 1, bytes, 1, &length) && length == 2 && bytes[0] == 1);
        assert_false(kalam_bytes(batch, 0, 1, 1, bytes, 1, &length));
        assert_false(kalam_bool(batch, 0, 0, 0, &boolean));
    }
    return ++seen->calls != seen->calls_max;
}

static bool count_rows(void *context, const kalam_results *batch, size_t statement, bool last)
{
    *(size_t *)context += kalam_row_count(batch, 0);
    return statement < 100;
}

static void test_large_results_come_in_batches(void **state)
{
    struct fake *fake = fake_start(handle_stream);
    kalam_client *client = open_client(fake, (struct kalam_options){.retries_max = -1});
    struct stream_seen seen = {0};
    kalam_error error;

    assert_int_equal(kalam_query_each(client, "SELECT 1", NULL, 0, 2, see_batch, &seen, &error),
                     KALAM_OK);
    assert_string_equal(seen.text, "1:rows(1=a]\"[ 2=\\ )1:rows(3=é ).3:x().");
    seen = (struct stream_seen){.calls_max = 1};
    assert_int_equal(kalam_query_each(client, "SELECT 1", NULL, 0, 1, see_batch, &seen, &error),
                     KALAM_CLOSED);
    assert_string_equal(seen.text, "1:rows(1=a]\"[ )");
    atomic_store(&fake->flag, 1); /* a failure after the rows */
    seen = (struct stream_seen){0};
    assert_int_equal(kalam_query_each(client, "SELECT 1", NULL, 0, 0, see_batch, &seen, &error),
                     KALAM_SQL);
    assert_string_equal(error.code, "QUERY_TIMEOUT");
    assert_string_equal(seen.text, "1:rows(1=a]\"[ 2=\\ 3=é ).3:x().");
    atomic_store(&fake->flag, 2); /* the connection ends within */
    assert_int_equal(kalam_query_each(client, "SELECT 1", NULL, 0, 0, see_batch, &seen, &error),
                     KALAM_CONNECTION);
    assert_int_equal(kalam_query_each(client, "SELECT 1", NULL, 0, 0, NULL, &seen, &error),
                     KALAM_INVALID_ARGUMENT);
    assert_string_equal(kalam_status_name(KALAM_SERIALIZATION), "serialization");
    assert_string_equal(kalam_status_name((kalam_status)99), "unknown");
    kalam_client_free(client);
    fake_stop(fake);
}

/* Rows that come slowly: 15 of them in a second and a half; then silence, if the test wants it. */
static void handle_slow_rows(struct fake_request *request)
{
    char head[512];
    bool stall = atomic_load(&request->fake->flag);
    int size =
        snprintf(head, sizeof head,
                 "HTTP/1.1 200 X\r\nConnection: close\r\n\r\n{\"results\":[{\"schema\":[{\"name\":"
                 "\"id\",\"data_type\":\"Int\",\"index\":0}],\"rows\":[[0]");

    fake_write(request->fd, head, (size_t)size);
    for (int i = 0; i < 15; i++) {
        (void)poll(NULL, 0, 100);
        fake_write(request->fd, ",[1]", 4);
    }
    for (int i = 0; stall && i < 100 && !atomic_load(&request->fake->stopping); i++)
        (void)poll(NULL, 0, 100);
    static const char end[] =
        "],\"row_count\":16,\"as_user\":\"\"}],\"status\":\"success\",\"took\":1}";
    fake_write(request->fd, end, sizeof end - 1);
    request->drop = true;
}

static void test_a_transfer_may_be_long_but_not_silent(void **state)
{
    struct fake *fake = fake_start(handle_slow_rows);
    kalam_client *client =
        open_client(fake, (struct kalam_options){.retries_max = -1, .timeout_ms = 1000});
    size_t rows = 0;
    kalam_error error;

    assert_int_equal(kalam_query_each(client, "SELECT 1", NULL, 0, 1, count_rows, &rows, &error),
                     KALAM_OK);
    assert_int_equal(rows, 16);
    atomic_store(&fake->flag, 1);
    assert_int_equal(kalam_query_each(client, "SELECT 1", NULL, 0, 1, count_rows, &rows, &error),
                     KALAM_TIMEOUT);
    assert_int_equal(rows, 32);
    kalam_client_free(client);
    fake_stop(fake);
}

/* The answer with some bytes changed, another one for each request. */
static void handle_mutated(struct fake_request *request)
{
    static const char bytes[] = "\",[]{}:\\0n\xff 1t";
    char whole[4096];
    unsigned random = (unsigned)(request->number + atomic_load(&request->fake->flag));
    size_t size = (size_t)snprintf(whole, sizeof whole, "%s,\"status\":\"success\",\"took\":1}",
                                   STREAM_ANSWER);

    for (int i = 0; i < 1 + request->number % 4; i++) {
        random = random * 1103515245 + 12345;
        whole[random / 65536 % size] = bytes[random / 256 % (sizeof bytes - 1)];
    }
    fake_answer(request, 200, whole);
}

static void test_mutated_answers_do_no_harm(void **state)
{
    int refused = 0;

    for (int round = 0; round < 10; round++) { /* a refused transfer costs a connection */
        struct fake *fake = fake_start(handle_mutated);
        kalam_client *client = open_client(fake, (struct kalam_options){.retries_max = -1});
        atomic_store(&fake->flag, round * 1000);
        for (int i = 0; i < 40; i++) {
            kalam_results *results = NULL;
            kalam_error error;
            size_t rows = 0;
            kalam_status status =
                i % 2 ? kalam_query_each(client, "SELECT 1", NULL, 0, 1, count_rows, &rows, &error)
                      : kalam_query(client, "SELECT 1", &results, &error);
            for (size_t s = 0; s < kalam_results_count(results); s++)
                kalam_text_free(kalam_to_csv(results, s));
            kalam_results_free(results);
            refused += status == KALAM_SERIALIZATION;
        }
        kalam_client_free(client);
        fake_stop(fake);
    }
    assert_in_range(refused, 100, 400);
}

static void handle_any(struct fake_request *request)
{
    fake_answer(request, 200, FAKE_ROWS);
}

static void test_threads_share_a_client(void **state)
{
    struct fake *fake = fake_start(handle_any);
    kalam_client *client = open_client(fake, (struct kalam_options){0});
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, query_often, client);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(fake->requests, 200);
    kalam_client_free(client);
    fake_stop(fake);
}

static void handle_numbers(struct fake_request *request)
{
    fake_answer(request, 200,
                "{\"status\":\"success\",\"results\":[{\"schema\":[{\"name\":\"n\","
                "\"data_type\":\"Text\",\"index\":0}],\"rows\":[[\"-12345678901234567890.5\"],"
                "[\"1e3\"],[\"0x10\"],[\"inf\"],[\"nan\"],[\"1e999\"],[\"\"],[\"5 m\"]],"
                "\"row_count\":8,\"as_user\":\"lena\"}],\"took\":1}");
}

/* DECIMAL comes as text; what a locale or C alone takes for a number is none. */
static void test_numbers_in_texts(void **state)
{
    struct fake *fake = fake_start(handle_numbers);
    kalam_client *client = open_client(fake, (struct kalam_options){0});
    kalam_results *results = NULL;
    double real = 0;

    assert_int_equal(kalam_query(client, "SELECT 1", &results, NULL), KALAM_OK);
    assert_true(kalam_double(results, 0, 0, 0, &real) && real == -12345678901234567890.5);
    assert_true(kalam_double(results, 0, 1, 0, &real) && real == 1000);
    for (size_t row = 2; row < kalam_row_count(results, 0); row++)
        assert_false(kalam_double(results, 0, row, 0, &real));
    kalam_results_free(results);
    kalam_client_free(client);
    fake_stop(fake);
}

static void handle_broken_times(struct fake_request *request)
{
    fake_answer(request, 200,
                "{\"status\":\"success\",\"results\":[{\"schema\":[{\"name\":\"t\","
                "\"data_type\":\"Time\",\"index\":0},{\"name\":\"d\",\"data_type\":\"Date\","
                "\"index\":1},{\"name\":\"s\",\"data_type\":\"Timestamp\",\"index\":2}],\"rows\":["
                "[-5,9223372036854775807,9223372036854775807],"
                "[86400000001,-9223372036854775808,-9223372036854775808],"
                "[86400000000,2932897,0]],\"row_count\":3,\"as_user\":\"lena\"}],\"took\":1}");
}

static void test_numbers_that_are_no_time(void **state)
{
    struct fake *fake = fake_start(handle_broken_times);
    kalam_client *client = open_client(fake, (struct kalam_options){0});
    kalam_results *results = NULL;

    assert_int_equal(kalam_query(client, "SELECT 1", &results, NULL), KALAM_OK);
    assert_string_equal(kalam_text(results, 0, 0, 0), "-5");
    assert_string_equal(kalam_text(results, 0, 1, 0), "86400000001");
    assert_string_equal(kalam_text(results, 0, 2, 0), "24:00:00");
    assert_string_equal(kalam_text(results, 0, 0, 1), "9223372036854775807");
    assert_string_equal(kalam_text(results, 0, 1, 1), "-9223372036854775808");
    assert_string_equal(kalam_text(results, 0, 2, 1), "010000-01-01");
    kalam_text_free(kalam_to_csv(results, 0));
    kalam_results_free(results);
    kalam_client_free(client);
    fake_stop(fake);
}

static void handle_two_schemas(struct fake_request *request)
{
    fake_answer(request, 200,
                "{\"status\":\"success\",\"results\":[{\"schema\":[],\"schema\":[{\"name\":\"n\","
                "\"data_type\":\"Int\",\"index\":0}],\"rows\":[[1]],\"row_count\":1}],\"took\":1}");
}

/* As the decoder does: the last of equal keys. */
static void test_a_transfer_with_two_schemas(void **state)
{
    struct fake *fake = fake_start(handle_two_schemas);
    kalam_client *client = open_client(fake, (struct kalam_options){0});
    size_t rows = 0;

    assert_int_equal(kalam_query_each(client, "SELECT 1", NULL, 0, 1, count_rows, &rows, NULL),
                     KALAM_OK);
    assert_int_equal(rows, 1);
    kalam_client_free(client);
    fake_stop(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_and_types),
        cmocka_unit_test(test_bad_arguments_stay_here),
        cmocka_unit_test(test_error_names_code_and_statement),
        cmocka_unit_test(test_malformed_answers_and_redirects),
        cmocka_unit_test(test_only_reading_statements_are_repeated),
        cmocka_unit_test(test_libcurl_repeats_no_write),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_expired_token_is_renewed_once),
        cmocka_unit_test(test_refused_token_is_renewed_once),
        cmocka_unit_test(test_refused_password_is_not_tried_again),
        cmocka_unit_test(test_default_namespace_changes),
        cmocka_unit_test(test_time_out),
        cmocka_unit_test(test_cancel_from_another_thread),
        cmocka_unit_test(test_threads_share_a_client),
        cmocka_unit_test(test_large_results_come_in_batches),
        cmocka_unit_test(test_mutated_answers_do_no_harm),
        cmocka_unit_test(test_a_transfer_may_be_long_but_not_silent),
        cmocka_unit_test(test_numbers_in_texts),
        cmocka_unit_test(test_numbers_that_are_no_time),
        cmocka_unit_test(test_a_transfer_with_two_schemas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
