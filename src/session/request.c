/* request.c — one SQL request: its statements in order, its answer piece by piece.
 *
 *              statement done, next one ┌──────┐
 *   loop thread:  STEP ◄────────────────┴──────┤
 *                  │ WORKER          COMMIT     │
 *                  ▼                   ▼        │
 *   worker:      STEP, may block    (commit     │ posted to the loop
 *                  │                 thread) ───┤
 *                  └────────────────────────────┘
 *
 * Runs are made and freed on the loop thread, so that it may cancel the present one at any time.
 * Who holds the request may write the answer: it moves with the task. On a worker an answer that
 * outgrows response_buffer_bytes is sent in parts; on the loop it never is, since sending may wait,
 * so a batch whose answer has grown goes on on a worker.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "session/session_internal.h"
#include "sql/parser.h"
#include "store/transaction.h"
#include "wire/response.h"

enum {
    REQUEST_INLINE_STATEMENTS = 64, /* on the loop in one go; others want it too */
    REQUEST_DETAILS_BYTES = 2048,
    REQUEST_SLOW_MS = 1000,
    REQUEST_INLINE_BYTES = 32 * 1024, /* a longer text is parsed on a worker: others wait here */
    REQUEST_RESPONSE_BYTES = 1024,    /* first size of the answer's buffer */
};

struct session_request {
    struct session_service *service;
    struct session_request_options options;
    struct arena arena;
    struct buf out;
    struct wire_response response;
    struct wire_request request;
    struct str *statements;
    size_t statement_count, index;
    size_t column_count; /* of the open result */
    struct str space;
    struct sql_run *run;             /* loop thread makes and frees it */
    struct transaction *transaction; /* open one; the present run's while there is one */
    enum sql_step step;              /* what a worker's last step gave */
    struct task task;
    int64_t started_ns;
    uint64_t rows;
    const char *kind; /* of the last statement that has one, for the log */
    bool cancelled;   /* loop thread */
    bool on_worker;   /* belongs to whoever holds the request */
    bool starting, finished;
};

static void request_go_on(struct session_request *request);

/* ---- sink ------------------------------------------------------------------------------------ */

static enum status request_columns(void *context, const struct sql_column *columns, size_t count,
                                   struct error *err)
{
    struct session_request *request = context;
    struct wire_column *wire = arena_array(&request->arena, count, sizeof(*wire));

    CHECK(count > 0);
    (void)err;
    for (size_t i = 0; i < count; i++)
        wire[i] = (struct wire_column){.name = columns[i].name,
                                       .type = columns[i].type,
                                       .primary_key = columns[i].primary_key,
                                       .not_null = columns[i].not_null,
                                       .unique = columns[i].unique};
    request->column_count = count;
    wire_response_result_begin(&request->response, wire, count);
    return STATUS_OK;
}

/* Worker thread. */
static enum status request_send_part(struct session_request *request, struct error *err)
{
    CHECK(request->on_worker);
    wire_response_sent(&request->response);
    enum status status = request->options.send_part(request->options.context, &request->out);
    buf_reset(&request->out);
    if (status == STATUS_RATE_LIMIT_EXCEEDED)
        return error_set(err, status, "the answer is read too slowly");
    if (status != STATUS_OK)
        return error_set(err, status, "the client is gone");
    return STATUS_OK;
}

static size_t request_part_bytes(const struct session_request *request)
{
    CHECK(request->service != NULL);
    return request->service->options.response_buffer_bytes;
}

static enum status request_row(void *context, const struct value *values, struct error *err)
{
    struct session_request *request = context;

    CHECK(request->run != NULL);
    wire_response_row(&request->response, values, request->column_count);
    request->rows++;
    if (request->on_worker && request->out.size > request_part_bytes(request))
        return request_send_part(request, err);
    return STATUS_OK;
}

/* ---- end ------------------------------------------------------------------------------------- */

static double request_took_ms(const struct session_request *request)
{
    CHECK(request->started_ns > 0);
    if (!request->service->options.include_timing)
        return 0;
    return (double)(clock_monotonic_ns() - request->started_ns) / 1e6;
}

static void request_free(struct session_request *request)
{
    CHECK(request->run == NULL);
    transaction_end(request->transaction);
    arena_clear(&request->arena);
    buf_clear(&request->out);
    mem_free(request);
}

static void request_log(const struct session_request *request, enum status status)
{
    static struct log_quota failed = {.what = "failed requests"};
    double took = (double)(clock_monotonic_ns() - request->started_ns) / 1e6;
    enum log_level level = took > REQUEST_SLOW_MS ? LOG_INFO : LOG_DEBUG;

    CHECK(status < STATUS_COUNT);
    if (status != STATUS_OK && level != LOG_INFO)
        level = log_quota_take(&failed);
    LOG_AT(level, "request of %s from %s: %s, %zu statements, last %s, %llu rows, %.3f ms",
           request->options.identity.user,
           request->options.peer != NULL ? request->options.peer : "?",
           status == STATUS_OK ? "ok" : status_name(status), request->statement_count,
           request->kind != NULL ? request->kind : "none", (unsigned long long)request->rows, took);
}

/* Loop thread. The request is gone afterwards, unless session_request_start is still on the stack.
 */
static void request_finish(struct session_request *request, enum status status)
{
    CHECK(!request->finished && request->run == NULL);
    request->finished = true;
    request_log(request, status);
    request->options.done(request->options.context, status, &request->out);
    if (!request->starting)
        request_free(request);
}

/* ---- errors ---------------------------------------------------------------------------------- */

/* Fixed texts of docs/protocol.md for roles that shall not learn more. NULL = none. */
static const char *request_mask(enum status code)
{
    CHECK(code != STATUS_OK);
    switch (code) {
    case STATUS_BATCH_PARSE_ERROR:
        return "Failed to parse SQL batch";
    case STATUS_SQL_EXECUTION_ERROR:
        return "SQL statement failed";
    case STATUS_INVALID_SQL:
        return "SQL statement is invalid or not allowed";
    case STATUS_TABLE_NOT_FOUND:
        return "Requested table is not available";
    case STATUS_INTERNAL_ERROR:
        return "SQL request failed";
    default:
        return NULL;
    }
}

/* Codes that only steer flow between modules never leave the server. */
static enum status request_public_code(enum status code)
{
    CHECK(code < STATUS_COUNT);
    if (code == STATUS_CANCELLED) /* by shutdown; a client that is gone does not see it */
        return STATUS_SHUTTING_DOWN;
    return code > STATUS_INTERNAL_ERROR ? STATUS_INTERNAL_ERROR : code;
}

static bool request_sees_all(const struct session_request *request)
{
    enum role role = request->options.identity.role;

    CHECK(role <= ROLE_SYSTEM);
    return role == ROLE_DBA || role == ROLE_SYSTEM;
}

static struct str request_message(struct session_request *request, const struct error *err,
                                  enum status code, struct str statement)
{
    const char *mask = request_mask(code);
    bool masks = request->service->options.mask_errors || code == STATUS_INTERNAL_ERROR;
    struct str text = str_from_c(err->message);

    CHECK(text.data != NULL);
    if (mask != NULL && masks && !request_sees_all(request))
        return str_from_c(mask);
    if (err->code == STATUS_CANCELLED)
        return STR_LIT("the statement was cancelled");
    if (code != err->code)
        return str_from_c(mask); /* an inner fault: its words are for the log */
    if (code == STATUS_INVALID_SQL && err->position >= 0 && statement.size > 0 &&
        (size_t)err->position <= statement.size && str_find(text, STR_LIT(" line ")) == SIZE_MAX) {
        size_t line = 1, column = 1;
        sql_line_column(statement, (size_t)err->position, &line, &column);
        text = arena_printf(&request->arena, "%.*s at line %zu, column %zu", STR_ARG(text), line,
                            column);
    }
    if (err->hint[0] != 0)
        text = arena_printf(&request->arena, "%.*s (hint: %s)", STR_ARG(text), err->hint);
    return text;
}

static bool request_word_is(struct str text, size_t at, struct str word)
{
    CHECK(at <= text.size);
    return text.size - at >= word.size &&
           str_equal_nocase(str_from(text.data + at, word.size), word);
}

/* A statement that may hold a secret is not shown again, not even to its author. */
static bool request_holds_secret(struct str statement)
{
    static const char *const words[] = {"password", "credentials", "secret", "token", "key="};

    CHECK(statement.size == 0 || statement.data != NULL);
    for (size_t at = 0; at < statement.size; at++)
        for (size_t i = 0; i < ARRAY_COUNT(words); i++)
            if (request_word_is(statement, at, str_from_c(words[i])))
                return true;
    return false;
}

/* `statement` empty: the request failed before any ran. */
static void request_fail(struct session_request *request, const struct error *err,
                         struct str statement)
{
    enum status code = request_public_code(err->code);
    struct wire_response_error error = {.code = str_from_c(status_name(code))};

    CHECK(err->code != STATUS_OK);
    if (code == STATUS_INTERNAL_ERROR)
        log_error("request of %s failed: %s: %s", request->options.identity.user,
                  status_name(err->code), err->message);
    error.message = request_message(request, err, code, statement);
    if (statement.size > 0) {
        error.statement_index = (uint32_t)(request->index + 1);
        bool masked = request_mask(code) != NULL && error.message.data == request_mask(code);
        if (!masked)
            error.message = arena_printf(&request->arena, "Statement %zu failed: %.*s",
                                         request->index + 1, STR_ARG(error.message));
        if (request_sees_all(request) && !request_holds_secret(statement))
            error.details = utf8_cut(statement, REQUEST_DETAILS_BYTES);
    }
    wire_response_fail(&request->response, &error, request_took_ms(request));
    if (request->run != NULL && sql_run_outcome(request->run)->kind[0] != 0)
        request->kind = sql_run_outcome(request->run)->kind;
    sql_run_free(request->run);
    request->run = NULL;
    request_finish(request, code);
}

/* ---- statements ------------------------------------------------------------------------------ */

/* Commit thread: only posts. */
static void request_resumed(struct task *task);
static void request_resume(void *context)
{
    struct session_request *request = context;

    CHECK(request->run != NULL);
    request->task.run = request_resumed;
    request->options.post(request->options.context, &request->task);
}

static void request_end_statement(struct session_request *request)
{
    const struct sql_outcome *outcome = sql_run_outcome(request->run);
    struct wire_result_end end = {.row_count = outcome->row_count,
                                  .message = str_from_c(outcome->message),
                                  .as_user = outcome->as_user,
                                  .table = outcome->table,
                                  .report_cache = request->service->options.report_cache,
                                  .cache_hit = outcome->plan_cache_hit};

    CHECK(outcome->kind != NULL);
    if (!request->response.in_result)
        wire_response_result_begin(&request->response, NULL, 0);
    wire_response_result_end(&request->response, &end);
    if (outcome->new_space.size > 0)
        request->space = arena_copy(&request->arena, outcome->new_space);
    request->kind = outcome->kind;
    sql_run_free(request->run);
    request->run = NULL;
    request->index++;
}

static void request_begin_statement(struct session_request *request)
{
    const struct session_identity *identity = &request->options.identity;
    struct sql_run_options options = {
        .caller = {.user = str_from_c(identity->user),
                   .actor = str_from_c(identity->actor),
                   .role = identity->role,
                   .space = request->space},
        .text = request->statements[request->index],
        .params = request->request.params,
        .param_count = request->request.param_count,
        .sink = {.columns = request_columns, .row = request_row, .context = request},
        .resume = request_resume,
        .resume_context = request,
        .transaction = &request->transaction,
    };

    CHECK(request->run == NULL && request->index < request->statement_count);
    request->run = sql_run_new(request->service->options.engine, &options);
}

/* Loop thread: a worker's step has ended the statement. */
static void request_worked(struct task *task)
{
    struct session_request *request = CONTAINER_OF(task, struct session_request, task);

    CHECK(request->run != NULL && !request->on_worker);
    if (request->step == SQL_STEP_FAILED) {
        request_fail(request, sql_run_error(request->run), request->statements[request->index]);
        return;
    }
    CHECK(request->step == SQL_STEP_DONE);
    request_end_statement(request);
    request_go_on(request);
}

/* Worker thread. */
static void request_work(struct task *task)
{
    struct session_request *request = CONTAINER_OF(task, struct session_request, task);
    enum sql_step step = SQL_STEP_WORKER;

    CHECK(request->run != NULL);
    request->on_worker = true;
    if (request->out.size > request_part_bytes(request) && !request->response.in_result) {
        struct error ignored; /* a client that is gone also cancels the run */
        (void)request_send_part(request, &ignored);
    }
    /* A submitted commit may have gone on elsewhere before the step returns. */
    while (step == SQL_STEP_WORKER)
        step = sql_run_step(request->run, true);
    if (step == SQL_STEP_COMMIT)
        return;
    request->on_worker = false;
    request->step = step;
    request->task.run = request_worked;
    request->options.post(request->options.context, &request->task);
}

static void request_to_worker(struct session_request *request)
{
    struct worker_pool *workers = request->service->options.workers;

    CHECK(request->run != NULL);
    request->task.run = request_work;
    if (sql_run_is_short(request->run))
        worker_pool_post(workers, &request->task);
    else
        worker_pool_post_long(workers, &request->task);
}

/* Steps on the loop; false if the statement goes on elsewhere or the request has ended. */
static bool request_step(struct session_request *request)
{
    CHECK(request->run != NULL);
    request->on_worker = false;
    switch (sql_run_step(request->run, false)) {
    case SQL_STEP_DONE:
        request_end_statement(request);
        return true;
    case SQL_STEP_FAILED:
        request_fail(request, sql_run_error(request->run), request->statements[request->index]);
        return false;
    case SQL_STEP_WORKER:
        request_to_worker(request);
        return false;
    case SQL_STEP_COMMIT:
        return false; /* it may be in other hands already */
    }
    UNREACHABLE("every step has a name");
}

/* Loop thread: the commit is durable. */
static void request_resumed(struct task *task)
{
    struct session_request *request = CONTAINER_OF(task, struct session_request, task);

    CHECK(request->run != NULL);
    if (request_step(request))
        request_go_on(request);
}

static void request_yielded(struct task *task)
{
    struct session_request *request = CONTAINER_OF(task, struct session_request, task);

    CHECK(request->run == NULL);
    request_go_on(request);
}

static void request_go_on(struct session_request *request)
{
    struct error gone;

    CHECK(!request->finished);
    for (int i = 0; request->index < request->statement_count; i++) {
        if (request->cancelled) {
            (void)error_set(&gone, STATUS_CANCELLED, "the request was cancelled");
            request_fail(request, &gone, STR_EMPTY);
            return;
        }
        if (i == REQUEST_INLINE_STATEMENTS) {
            request->task.run = request_yielded;
            request->options.post(request->options.context, &request->task);
            return;
        }
        request_begin_statement(request);
        if (request->out.size > request_part_bytes(request) ||
            request->statements[request->index].size > REQUEST_INLINE_BYTES) {
            request_to_worker(request);
            return;
        }
        if (!request_step(request))
            return;
    }
    if (request->transaction != NULL) {
        (void)error_set(&gone, STATUS_INVALID_OPERATION,
                        "the transaction was still open at the end of the request and was rolled "
                        "back: COMMIT is missing");
        request_fail(request, &gone, STR_EMPTY);
        return;
    }
    wire_response_end(&request->response, request_took_ms(request));
    request_finish(request, STATUS_OK);
}

/* ---- start ----------------------------------------------------------------------------------- */

static enum status request_check_params(const struct session_request *request, struct error *err)
{
    const struct wire_request *decoded = &request->request;

    CHECK(request->statement_count > 0);
    if (decoded->param_count > 0 && request->statement_count > 1)
        return error_set(err, STATUS_PARAMS_WITH_BATCH,
                         "parameters go with one statement only, not with %zu",
                         request->statement_count);
    if (decoded->param_count > request->service->options.params_max)
        return error_set(err, STATUS_INVALID_PARAMETER, "too many parameters: %zu, at most %zu",
                         decoded->param_count, request->service->options.params_max);
    for (size_t i = 0; i < decoded->param_count; i++)
        if (decoded->params[i].type == VALUE_TEXT && !decoded->params[i].is_null &&
            decoded->params[i].text.size > LIMIT_PARAM_BYTES)
            return error_set(err, STATUS_INVALID_PARAMETER,
                             "parameter $%zu is larger than %d bytes", i + 1, LIMIT_PARAM_BYTES);
    return STATUS_OK;
}

static enum status request_prepare(struct session_request *request, struct error *err)
{
    struct str user = str_from_c(request->options.identity.user);
    enum status status;

    CHECK(user.size > 0);
    if (!rate_limit_passes(request->service->queries, user, clock_now_us()))
        return error_set(err, STATUS_RATE_LIMIT_EXCEEDED, "too many requests per second");
    request->arena.limit_bytes = json_memory_max(request->options.body.size);
    status = wire_request_decode(request->options.body, &request->arena, &request->request, err);
    request->arena.limit_bytes = 0; /* the rest is bounded by the text and the number of columns */
    if (status != STATUS_OK)
        return status;
    request->space = request->request.namespace_id.size > 0 ? request->request.namespace_id
                                                            : SESSION_DEFAULT_SPACE;
    status = sql_split(request->request.sql, &request->arena, &request->statements,
                       &request->statement_count, err);
    if (status != STATUS_OK)
        return status;
    return request_check_params(request, err);
}

struct session_request *session_request_start(struct session_service *service,
                                              const struct session_request_options *options)
{
    struct session_request *request = mem_zalloc(sizeof(*request));
    struct error err;

    CHECK(options->post != NULL && options->send_part != NULL && options->done != NULL);
    error_clear(&err);
    request->service = service;
    request->options = *options;
    request->started_ns = clock_monotonic_ns();
    request->starting = true;
    arena_init(&request->arena, 0);
    (void)buf_reserve(&request->out, REQUEST_RESPONSE_BYTES);
    wire_response_begin(&request->response, &request->out);
    if (request_prepare(request, &err) != STATUS_OK)
        request_fail(request, &err, STR_EMPTY);
    else
        request_go_on(request);
    request->starting = false;
    if (!request->finished)
        return request;
    request_free(request);
    return NULL;
}

void session_request_cancel(struct session_request *request)
{
    CHECK(!request->finished);
    request->cancelled = true;
    if (request->run != NULL)
        sql_run_cancel(request->run);
}
