/* sql_fixture.h — a store, DuckDB and an SQL engine in a temporary folder, statements run to their
 * end in the calling thread, results as small text tables.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_SQL_FIXTURE_H
#define TESTS_SQL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "sql/analytic.h"
#include "sql/sql.h"
#include "storage/seal.h"
#include "store/commit.h"
#include "store/ddl.h"
#include "store/flush.h"
#include "store/transaction.h"
#include "value/text.h"

#include <dirent.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct sql_fixture {
    char folder[64];
    struct kv *kv;
    struct files *files;
    struct seal *seal;
    struct columnar *columnar;
    struct store *store;
    struct sql_engine *engine;
    struct sql_services services;
    struct store_options store_options;
    struct sql_engine_options options;
    size_t live_count;                  /* entries that live_entries reports */
    const struct sql_services *instead; /* fence and cancel_table_jobs of a test; may be NULL */
    char killed[64];
};

/* ---- services
 * ------------------------------------------------------------------------------------- */

static enum status fixture_flush_table(void *context, struct table_id table, char id[96],
                                       bool *existing, struct error *err)
{
    struct sql_fixture *fixture = context;
    struct flush_options options = {
        .table = table, .all_users = true, .with_shadows = true, .job_id = STR_LIT("flush-test-1")};
    struct flush_result result;

    (void)snprintf(id, 96, "flush-test-%llu", (unsigned long long)table.value);
    *existing = false;
    return flush_table(fixture->store, &options, &result, err);
}

static enum status fixture_kill_job(void *context, struct str id, struct error *err)
{
    struct sql_fixture *fixture = context;

    if (!str_equal(id, STR_LIT("job-1")))
        return error_set(err, STATUS_JOB_NOT_FOUND, "job not found: '%.*s'", STR_ARG(id));
    (void)snprintf(fixture->killed, sizeof(fixture->killed), "%.*s", STR_ARG(id));
    return STATUS_OK;
}

static void fixture_live_entries(void *context, struct table_id table, struct str live_id,
                                 struct arena *arena, struct sql_live_entry **entries,
                                 size_t *count)
{
    struct sql_fixture *fixture = context;

    (void)live_id; /* all have the same */
    *count = fixture->live_count;
    *entries = arena_array(arena, *count, sizeof(**entries));
    for (size_t i = 0; i < *count; i++)
        (*entries)[i] = (struct sql_live_entry){.live_id = STR_LIT("c1-q1"),
                                                .connection_id = STR_LIT("c1"),
                                                .query_id = STR_LIT("q1"),
                                                .user = i == 0 ? STR_LIT("ann") : STR_LIT("bob"),
                                                .query = STR_LIT("SELECT * FROM t"),
                                                .status = STR_LIT("active"),
                                                .table = table,
                                                .space = STR_LIT("default"),
                                                .table_name = STR_LIT("t"),
                                                .created_at = 1,
                                                .last_update = 1,
                                                .last_ping_at = 1};
}

static void fixture_fence_begin(void *context, struct sql_live_fence *fence)
{
    struct sql_fixture *fixture = context;

    if (fixture->instead != NULL) {
        fixture->instead->live_fence_begin(fixture->instead->context, fence);
        return;
    }
    fixture_live_entries(context, fence->table, STR_EMPTY, fence->arena, &fence->entries,
                         &fence->count);
    fence->stands = true;
}

static void fixture_fence_end(void *context, struct sql_live_fence *fence)
{
    struct sql_fixture *fixture = context;

    if (fixture->instead != NULL)
        fixture->instead->live_fence_end(fixture->instead->context, fence);
    fence->stands = false;
}

static enum status fixture_cancel_jobs(void *context, struct table_id table,
                                       enum status (*check)(void *check_context, struct error *err),
                                       void *check_context, struct error *err)
{
    struct sql_fixture *fixture = context;

    return fixture->instead == NULL
               ? STATUS_OK
               : fixture->instead->cancel_table_jobs(fixture->instead->context, table, check,
                                                     check_context, err);
}

static enum status fixture_kill_live(void *context, struct str id, struct str actor, enum role role,
                                     struct error *err)
{
    (void)context, (void)actor, (void)role;
    if (!str_equal(id, STR_LIT("c1-q1")))
        return error_set(err, STATUS_LIVE_QUERY_NOT_FOUND, "live query not found: '%.*s'",
                         STR_ARG(id));
    return STATUS_OK;
}

static enum status fixture_hash(void *context, struct str password, char out[256],
                                struct error *err)
{
    (void)context;
    if (password.size < 8)
        return error_set(err, STATUS_CONSTRAINT_VIOLATION, "the password is too short");
    (void)snprintf(out, 256, "$argon2id$%zu", password.size);
    return STATUS_OK;
}

static void fixture_hash_key(void *context, struct str key, char out[65])
{
    (void)context, (void)key;
    memset(out, 'a', 64);
    out[64] = '\0';
}

static struct str fixture_ws_url(void *context, struct arena *arena)
{
    (void)context;
    return arena_copy(arena, STR_LIT("ws://localhost:8080/v1/ws"));
}

static void fixture_metrics(void *context, metric_visit visit, void *visit_context)
{
    const struct metric requests = {.name = "http_requests_total",
                                    .help = "Requests.",
                                    .kind = METRIC_COUNTER,
                                    .value = 7,
                                    .labels = {{"route", "sql"}, {"status", "2xx"}}};
    const struct metric uptime = {.name = "uptime_seconds", .kind = METRIC_GAUGE, .value = 1.5};

    (void)context;
    visit(visit_context, &requests);
    visit(visit_context, &uptime);
}

static bool fixture_setting(void *context, size_t index, struct str out[5])
{
    (void)context;
    if (index > 0)
        return false;
    out[0] = STR_LIT("server.port"), out[1] = STR_LIT("8080"), out[2] = STR_LIT("8080");
    out[3] = STR_LIT("default"), out[4] = STR_LIT("port");
    return true;
}

/* ---- open, close
 * ------------------------------------------------------------------------------------ */

static inline void fixture_check(enum status status, const struct error *err, const char *what)
{
    if (status != STATUS_OK)
        fail_msg("%s: %s: %s", what, status_name(status), err->message);
}

static inline void fixture_start_engine(struct sql_fixture *fixture)
{
    fixture->services = (struct sql_services){
        .context = fixture,
        .flush_table = fixture_flush_table,
        .kill_job = fixture_kill_job,
        .live_entries = fixture_live_entries,
        .cancel_table_jobs = fixture_cancel_jobs,
        .live_fence_begin = fixture_fence_begin,
        .live_fence_end = fixture_fence_end,
        .kill_live_query = fixture_kill_live,
        .hash_password = fixture_hash,
        .hash_api_key = fixture_hash_key,
        .setting_at = fixture_setting,
        .metrics = fixture_metrics,
        .public_ws_url = fixture_ws_url,
    };
    fixture->options.store = fixture->store;
    fixture->options.columnar = fixture->columnar;
    fixture->options.services = &fixture->services;
    fixture->options.node = "node-1";
    if (fixture->options.plans_max == 0) {
        fixture->options.plans_max = 100;
        fixture->options.params_max = 50;
        fixture->options.statement_memory_bytes = 64 << 20;
        fixture->options.timeout_seconds = 30;
        fixture->options.enforce_roles = fixture->options.users_may_create_tables = true;
        fixture->options.flush_rows_default = 10000;
        fixture->options.flush_interval_default = 300;
        fixture->options.stream_ttl_default = 10;
        fixture->options.stream_max_buffer_default = 10000;
        fixture->options.user_grace_days = 30;
        fixture->options.deleted_retention_hours_default = 168;
    }
    fixture->engine = sql_engine_new(&fixture->options);
}

static inline void fixture_open(struct sql_fixture *fixture, bool with_duckdb)
{
    struct error err;
    char path[128];

    log_threshold = LOG_WARN;
    id_init(1);
    (void)snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/kalam-sql-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    (void)snprintf(path, sizeof(path), "%s/storage", fixture->folder);
    fixture->kv = kv_open_memory();
    fixture_check(file_make_folders(path, &err), &err, "file_make_folders");
    fixture_check(files_open_local(path, &fixture->files, &err), &err, "files_open_local");
    (void)snprintf(path, sizeof(path), "%s/storage_key", fixture->folder);
    fixture_check(seal_open(path, &fixture->seal, &err), &err, "seal_open");
    (void)snprintf(path, sizeof(path), "%s/storage", fixture->folder);
    if (with_duckdb) {
        const char *folders[] = {path};
        char temporary[128];
        (void)snprintf(temporary, sizeof(temporary), "%s/tmp", fixture->folder);
        struct columnar_options columnar = {.memory_bytes = 256 << 20,
                                            .parallelism = 1,
                                            .temporary_folder = temporary,
                                            .folders = folders,
                                            .folder_count = 1};
        columnar.setup = analytic_setup(&columnar.setup_count);
        columnar.casts = analytic_casts(&columnar.cast_count);
        columnar.functions = analytic_functions(&columnar.function_count);
        fixture_check(columnar_open(&columnar, &fixture->columnar, &err), &err, "columnar_open");
    }
    struct store_options *store = &fixture->store_options;
    store->kv = fixture->kv;
    store->files = fixture->files;
    store->seal = fixture->seal;
    store->columnar = fixture->columnar;
    store->durability = KV_MEMORY;
    store->row_cache_bytes = 4 << 20;
    store->feed_bytes = 1 << 20;
    store->statement_write_bytes_max = 64 << 20;
    store->parquet_compression = "zstd";
    store->row_group_rows = 8192;
    store->flush_rows_default = 10000;
    store->flush_interval_default = 300;
    fixture_check(store_open(store, &fixture->store, &err), &err, "store_open");
    fixture_start_engine(fixture);
}

/* The store and the engine anew over the same kv. */
static inline void fixture_restart(struct sql_fixture *fixture)
{
    struct error err;

    sql_engine_free(fixture->engine);
    store_close(fixture->store);
    fixture_check(store_open(&fixture->store_options, &fixture->store, &err), &err, "store_open");
    fixture_start_engine(fixture);
}

static inline void fixture_close(struct sql_fixture *fixture)
{
    char command[128];

    sql_engine_free(fixture->engine);
    store_close(fixture->store);
    if (fixture->columnar != NULL)
        columnar_close(fixture->columnar);
    files_close(fixture->files);
    seal_close(fixture->seal);
    kv_close(fixture->kv);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", fixture->folder);
    assert_int_equal(system(command), 0);
}

/* ---- run
 * -------------------------------------------------------------------------------------------- */

struct fixture_result {
    enum status code;
    struct error error;
    struct sql_outcome outcome;
    struct buf text;       /* rows, `a | b` per line, columns first */
    unsigned worker_steps; /* how often WORKER was answered */
    bool committed;
    size_t columns;
    char table[8192]; /* of DESCRIBE */
};

struct fixture_call {
    struct sql_caller caller;
    struct str text;
    const struct value *params;
    size_t param_count;
    struct transaction **transaction; /* NULL: BEGIN is not possible */
};

static enum status fixture_columns(void *context, const struct sql_column *columns, size_t count,
                                   struct error *err)
{
    struct fixture_result *result = context;

    (void)err;
    result->columns = count;
    for (size_t i = 0; i < count; i++) {
        buf_printf(&result->text, "%s%.*s ", i > 0 ? "| " : "", STR_ARG(columns[i].name));
        data_type_format(&columns[i].type, &result->text);
        buf_printf(&result->text, "%s%s%s ", columns[i].primary_key ? " pk" : "",
                   columns[i].not_null ? " nn" : "", columns[i].unique ? " uq" : "");
    }
    while (result->text.size > 0 && result->text.data[result->text.size - 1] == ' ')
        result->text.size--;
    buf_append_byte(&result->text, '\n');
    return STATUS_OK;
}

/* A time of this test run: shown without digits, so that texts can be compared. */
static bool fixture_is_now(const struct value *value)
{
    const int64_t hour_us = INT64_C(3600) * 1000000;
    int64_t age_us = value->type == VALUE_TIMESTAMP ? clock_now_us() - value->integer : INT64_MAX;

    return age_us > -hour_us && age_us < hour_us;
}

static enum status fixture_row(void *context, const struct value *values, struct error *err)
{
    struct fixture_result *result = context;

    (void)err;
    for (size_t i = 0; i < result->columns; i++) {
        if (i > 0)
            buf_append_str(&result->text, STR_LIT(" | "));
        if (values[i].is_null)
            buf_append_str(&result->text, STR_LIT("NULL"));
        else if (fixture_is_now(&values[i]))
            buf_append_str(&result->text, STR_LIT("<now>"));
        else
            value_format(&values[i], &result->text);
    }
    buf_append_byte(&result->text, '\n');
    return STATUS_OK;
}

static void fixture_resume(void *context)
{
    sem_post(context);
}

/* First on the "loop" (may not block), then as a worker. */
static inline void fixture_run(struct sql_fixture *fixture, const struct fixture_call *call,
                               struct fixture_result *result)
{
    sem_t resumed;
    bool may_block = false;

    *result = (struct fixture_result){0};
    buf_init(&result->text);
    sem_init(&resumed, 0, 0);
    struct sql_run_options options = {
        .caller = call->caller,
        .text = call->text,
        .params = call->params,
        .param_count = call->param_count,
        .sink = {.columns = fixture_columns, .row = fixture_row, .context = result},
        .resume = fixture_resume,
        .resume_context = &resumed,
        .transaction = call->transaction};
    struct sql_run *run = sql_run_new(fixture->engine, &options);
    for (;;) {
        enum sql_step step = sql_run_step(run, may_block);
        if (step == SQL_STEP_WORKER) {
            assert_false(may_block);
            assert_int_equal(result->text.size, 0);
            may_block = true;
            result->worker_steps++;
        } else if (step == SQL_STEP_COMMIT) {
            sem_wait(&resumed);
            result->committed = true;
            may_block = false;
        } else {
            result->code = step == SQL_STEP_DONE ? STATUS_OK : sql_run_error(run)->code;
            break;
        }
    }
    result->error = *sql_run_error(run);
    result->outcome = *sql_run_outcome(run);
    if (result->outcome.table.size > 0) {
        assert_true(json_is_valid(result->outcome.table));
        assert_true(result->outcome.table.size < sizeof(result->table));
        memcpy(result->table, result->outcome.table.data, result->outcome.table.size);
    }
    result->outcome.new_space = result->outcome.as_user = result->outcome.table = STR_EMPTY;
    sql_run_free(run);
    sem_destroy(&resumed);
}

static inline struct sql_caller fixture_caller(const char *user, enum role role)
{
    return (struct sql_caller){.user = str_from_c(user),
                               .actor = str_from_c(user),
                               .role = role,
                               .space = STR_LIT("default")};
}

/* Runs as root and expects success; gives the text of the rows, or the message, which the next call
 * overwrites. */
static inline const char *fixture_sql(struct sql_fixture *fixture, const char *sql)
{
    static char text[65536];
    struct fixture_result result;
    struct fixture_call call = {.caller = fixture_caller("root", ROLE_SYSTEM),
                                .text = str_from_c(sql)};

    fixture_run(fixture, &call, &result);
    if (result.code != STATUS_OK)
        fail_msg("%s\n%s: %s", sql, status_name(result.code), result.error.message);
    if (result.outcome.has_columns)
        (void)snprintf(text, sizeof(text), "%.*s", (int)result.text.size, result.text.data);
    else
        (void)snprintf(text, sizeof(text), "%s", result.outcome.message);
    buf_clear(&result.text);
    return text;
}

/* Expects this failure of a statement run by `user`. */
static inline void fixture_fails(struct sql_fixture *fixture, const char *user, enum role role,
                                 const char *sql, enum status code, const char *part)
{
    struct fixture_result result;
    struct fixture_call call = {.caller = fixture_caller(user, role), .text = str_from_c(sql)};

    fixture_run(fixture, &call, &result);
    if (result.code != code || strstr(result.error.message, part) == NULL)
        fail_msg("%s\nexpected %s: %s\ngot %s: %s", sql, status_name(code), part,
                 status_name(result.code), result.error.message);
    buf_clear(&result.text);
}

#endif
