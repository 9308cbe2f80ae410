/* run.c — one statement as a state machine: find or build its plan, run it where it may run,
 * commit.
 *
 *   NEW ──plan──► PLANNED ──execute──► ENDED
 *    ▲               └─submit─► COMMITTING ──finish──► ENDED
 *    └──────────────── STALE ───────┘
 *
 * The commit request is submitted as the very last thing of a step: from then on another thread may
 * step or free the run.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/run.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sql/binder.h"
#include "sql/plan_cache.h"
#include "sql/syntax/lexer.h"
#include "sql/system/change.h"
#include "value/decimal.h"

struct sql_run *sql_run_new(struct sql_engine *engine, const struct sql_run_options *options)
{
    struct sql_run *run = mem_alloc(sizeof(*run));

    CHECK(engine != NULL && options != NULL && !str_is_empty(options->caller.space));
    memset(run, 0, offsetof(struct sql_run, request)); /* the rest is set when there is a write */
    run->conflicts = 0;
    run->engine = engine;
    run->options = *options;
    run->caller = options->caller;
    run->text = options->text;
    run->outcome.as_user = options->caller.user;
    run->outcome.kind = "";
    run->caller.in_transaction = run_transaction(run) != NULL;
    if (run->caller.in_transaction)
        run->now_us = transaction_begun_us(*options->transaction);
    else
        run->now_us = options->now_us != 0 ? options->now_us : clock_now_us();
    run->begun_ns = clock_monotonic_ns();
    if (engine->options.timeout_seconds > 0)
        run->deadline_ns = run->begun_ns + (int64_t)engine->options.timeout_seconds * 1000000000;
    arena_init(&run->arena, engine->options.statement_memory_bytes);
    arena_init(&run->commit_arena, engine->options.statement_memory_bytes);
    buf_init(&run->key);
    atomic_init(&run->cancelled, false);
    atomic_fetch_add_explicit(&engine->statements, 1, memory_order_relaxed);
    return run;
}

static void run_release(struct sql_run *run)
{
    plan_unref(run->plan);
    run->plan = NULL;
    if (run->view != NULL)
        view_release(run->view);
    run->view = NULL;
}

void sql_run_free(struct sql_run *run)
{
    if (run == NULL)
        return;
    CHECK(run->state != RUN_COMMITTING);
    run_release(run);
    arena_clear(&run->commit_arena);
    arena_clear(&run->arena);
    buf_clear(&run->key);
    mem_free(run);
}

const struct error *sql_run_error(const struct sql_run *run)
{
    CHECK(run != NULL);
    return &run->error;
}

const struct sql_outcome *sql_run_outcome(const struct sql_run *run)
{
    CHECK(run != NULL);
    return &run->outcome;
}

void sql_run_cancel(struct sql_run *run)
{
    CHECK(run != NULL);
    atomic_store_explicit(&run->cancelled, true, memory_order_relaxed);
}

/* ---- plan ------------------------------------------------------------------------------------ */

static enum status run_check_params(const struct sql_run *run, struct error *err)
{
    size_t most = run->engine->options.params_max;

    if (most > 0 && run->options.param_count > most)
        return error_set(err, STATUS_INVALID_PARAMETER, "too many parameters: %zu, at most %zu",
                         run->options.param_count, most);
    for (size_t i = 0; i < run->options.param_count; i++) {
        const struct value *param = &run->options.params[i];
        if (!param->is_null && value_type_is_text(param->type) &&
            param->text.size > LIMIT_PARAM_BYTES)
            return error_set(err, STATUS_INVALID_PARAMETER,
                             "parameter $%zu is too large: %zu bytes, at most %d", i + 1,
                             param->text.size, LIMIT_PARAM_BYTES);
    }
    return STATUS_OK;
}

/* A text that reads as a number has a scale, too: what it has where it becomes a DECIMAL. */
static struct data_type run_param_type(const struct value *param)
{
    enum { NUMBER_BYTES_MAX = 64 };
    struct data_type type = value_data_type(param);
    struct decimal number;

    if (type.kind == VALUE_TEXT && param->text.size <= NUMBER_BYTES_MAX &&
        decimal_parse(param->text, &number) == DECIMAL_PARSED)
        type.scale = number.scale;
    CHECK(type.scale <= DECIMAL_DIGITS_MAX);
    return type;
}

/* Types of given and lifted parameters in one array; NULL when there are none. */
static struct data_type *run_param_types(struct sql_run *run)
{
    CHECK(run->params != NULL || run->param_count == 0);
    if (run->param_count == 0)
        return NULL;
    struct data_type *types = arena_alloc(&run->arena, run->param_count * sizeof(*types));
    for (uint32_t i = 0; i < run->param_count; i++)
        types[i] = run_param_type(&run->params[i]);
    return types;
}

/* Text, namespace and the types of all parameters, the lifted literals included; a DECIMAL's scale
 * is part of its type. */
static struct str run_plan_key(struct sql_run *run, struct str text)
{
    size_t size = text.size + run->caller.space.size + 2 * (size_t)run->param_count + 2;
    char *key = arena_alloc(&run->arena, size);
    char *to = key;

    memcpy(to, text.data, text.size);
    to += text.size;
    *to++ = '\0';
    memcpy(to, run->caller.space.data, run->caller.space.size);
    to += run->caller.space.size;
    *to++ = '\0';
    for (uint32_t i = 0; i < run->param_count; i++) {
        struct data_type type = run_param_type(&run->params[i]);

        *to++ = (char)('A' + type.kind);
        *to++ = (char)('A' + type.scale);
    }
    CHECK((size_t)(to - key) == size);
    return str_from(key, size);
}

static void run_join_params(struct sql_run *run, const struct value *literals, size_t count)
{
    size_t given = run->options.param_count;

    CHECK(given + count <= UINT32_MAX);
    run->param_count = (uint32_t)(given + count);
    if (given == 0 || count == 0) {
        run->params = given == 0 ? literals : run->options.params;
        return;
    }
    struct value *all = arena_alloc(&run->arena, (given + count) * sizeof(*all));
    memcpy(all, run->options.params, given * sizeof(*all));
    memcpy(all + given, literals, count * sizeof(*all));
    run->params = all;
}

static enum status run_build_plan(struct sql_run *run, struct str text, struct error *err)
{
    struct plan_request request = {
        .engine = run->engine,
        .caller = &run->caller,
        .catalog = view_catalog(run->view),
        .text = text,
        .param_types = run_param_types(run),
        .param_count = run->param_count,
        .param_given = (uint32_t)run->options.param_count,
    };

    CHECK(run->plan == NULL);
    return plan_build(&request, &run->plan, err);
}

/* A plan of the normalised text, from the cache or new; false when it must be built from the text
 * itself: to have messages point into what the user wrote, and where DuckDB has a part, since what
 * a literal means there may depend on its being one. */
static bool run_plan_cached(struct sql_run *run)
{
    struct str normalized;
    struct value *literals = NULL;
    size_t literal_count = 0;
    struct error ignored;

    CHECK(run->plan == NULL && run->view != NULL);
    if (!sql_normalize(run->text, (uint32_t)run->options.param_count, &run->arena, &normalized,
                       &literals, &literal_count))
        return false;
    for (size_t i = 0; i < literal_count; i++)
        plan_type_integer(&literals[i]);
    run_join_params(run, literals, literal_count);
    struct str key = run_plan_key(run, normalized);
    run->plan = plan_cache_get(run->engine->plans, key);
    if (run->plan != NULL && plan_is_current(run->plan, view_catalog(run->view))) {
        run->outcome.plan_cache_hit = true;
        atomic_fetch_add_explicit(&run->engine->plan_hits, 1, memory_order_relaxed);
        return true;
    }
    plan_unref(run->plan);
    run->plan = NULL;
    atomic_fetch_add_explicit(&run->engine->plan_misses, 1, memory_order_relaxed);
    bool usable = run_build_plan(run, normalized, &ignored) == STATUS_OK &&
                  (run->plan->table == NULL || run->plan->table->kind != TABLE_KIND_SYSTEM) &&
                  (literal_count == 0 || str_is_empty(plan_analytic_part(run->plan)));
    if (usable)
        plan_cache_put(run->engine->plans, key, run->plan);
    if (usable)
        return true;
    plan_unref(run->plan);
    run->plan = NULL;
    return false;
}

/* CREATE, SHOW …: the first word. */
static const char *run_first_word(const struct sql_run *run)
{
    struct lexer lexer;
    struct token token;

    lexer_init(&lexer, run->text);
    token = lexer_next(&lexer);
    CHECK(token.end <= run->text.size);
    return token.kind == TOKEN_WORD && token.keyword != KEYWORD_NONE
               ? keyword_name((enum keyword)token.keyword)
               : "STATEMENT";
}

static const char *run_kind_name(const struct sql_run *run)
{
    const struct plan *plan = run->plan;

    CHECK(plan != NULL);
    switch (plan->kind) {
    case PLAN_SELECT:
    case PLAN_ANALYTIC:
        return "SELECT";
    case PLAN_INSERT:
        return "INSERT";
    case PLAN_CHANGE:
        return plan->change.is_delete ? "DELETE" : "UPDATE";
    case PLAN_STATEMENT:
        break;
    }
    return run_first_word(run);
}

static enum status run_plan(struct sql_run *run, struct error *err)
{
    enum status status = run_check_params(run, err);

    CHECK(run->plan == NULL);
    if (status != STATUS_OK)
        return status;
    if (run->view == NULL)
        run->view = run_transaction(run) != NULL ? view_ref(transaction_view(run_transaction(run)))
                                                 : view_acquire(run->engine->store);
    run->outcome.plan_cache_hit = false;
    if (!run_plan_cached(run)) {
        run_join_params(run, NULL, 0);
        status = run_build_plan(run, run->text, err);
        if (status != STATUS_OK)
            return status;
    }
    run->outcome.kind = run_kind_name(run);
    run->state = RUN_PLANNED;
    return STATUS_OK;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static enum status run_execute(struct sql_run *run, bool may_block, struct error *err)
{
    struct plan *plan = run->plan;
    enum status status;

    if (plan->kind == PLAN_STATEMENT)
        return statement_run(run, may_block, err);
    if (plan->kind == PLAN_ANALYTIC)
        return may_block ? analytic_run_statement(run, err) : STATUS_WOULD_BLOCK;
    run->instance = STR_EMPTY;
    if (plan->table != NULL) {
        status = binder_authorize(run->engine, &run->caller, plan->table, plan->name.user,
                                  plan->write, plan->name.start, &run->instance, err);
        if (status != STATUS_OK)
            return status;
    }
    if (plan->kind == PLAN_SELECT)
        return select_run(run, may_block, err);
    if (plan->write && plan->table->kind == TABLE_KIND_SYSTEM)
        return system_change_run(run, may_block, err);
    if (plan->kind == PLAN_INSERT)
        return insert_run(run, may_block, err);
    CHECK(plan->kind == PLAN_CHANGE);
    return change_run(run, may_block, err);
}

enum status run_prepare(struct sql_run *run, struct error *err)
{
    CHECK(run->state != RUN_COMMITTING);
    plan_unref(run->plan);
    run->plan = NULL;
    return run_plan(run, err);
}

enum status run_again(struct sql_run *run, bool may_block, struct error *err)
{
    enum status status = run_prepare(run, err);

    CHECK(status != STATUS_OK || run->plan != NULL);
    return status == STATUS_OK ? run_execute(run, may_block, err) : status;
}

/* Codes that only steer our own flow become what a client may see. */
static void run_translate(enum status status, struct error *err)
{
    CHECK(status != STATUS_OK);
    switch (status) {
    case STATUS_CANCELLED:
        (void)error_set(err, STATUS_SQL_EXECUTION_ERROR, "the statement was cancelled");
        return;
    case STATUS_STALE:
        (void)error_set(err, STATUS_TRANSACTION_CONFLICT,
                        "rows of this statement were changed meanwhile; try again");
        return;
    case STATUS_IO_FAILED:
    case STATUS_CORRUPT:
    case STATUS_END:
    case STATUS_ABSENT:
    case STATUS_WOULD_BLOCK:
        log_error("statement failed: %s: %s", status_name(status), err->message);
        (void)error_set(err, STATUS_INTERNAL_ERROR, "the storage could not be read or written");
        return;
    default:
        if (err->code != status)
            (void)error_set(err, status, "%s", status_meaning(status));
        return;
    }
}

/* For whoever hands the run to a worker, before its plan goes. */
static void run_judge_length(struct sql_run *run)
{
    const struct plan *plan = run->plan;

    if (plan == NULL)
        return;
    CHECK(run->state != RUN_COMMITTING);
    run->is_short = plan->kind == PLAN_SELECT   ? select_is_short(run)
                    : plan->kind == PLAN_INSERT ? str_is_empty(plan_analytic_part(plan))
                    : plan->kind == PLAN_CHANGE ? str_is_empty(plan_analytic_part(plan)) &&
                                                      plan->access.kind == PLAN_ACCESS_POINTS
                                                : false;
}

bool sql_run_is_short(const struct sql_run *run)
{
    CHECK(run != NULL);
    return run->is_short;
}

/* Start over against the newest state; false when that was tried often enough. */
static bool run_retry(struct sql_run *run)
{
    CHECK(run->state != RUN_COMMITTING);
    run_judge_length(run);
    run_release(run);
    run->attempts++;
    run->state = RUN_NEW;
    arena_clear(&run->commit_arena);
    return run->attempts < RUN_ATTEMPTS_MAX && run->conflicts < RUN_CONFLICTS_MAX;
}

static enum sql_kind run_counted_kind(const struct sql_run *run)
{
    const struct plan *plan = run->plan;

    CHECK(run->outcome.kind != NULL);
    if (plan == NULL || run->outcome.kind[0] == 0)
        return SQL_KIND_INVALID;
    switch (plan->kind) {
    case PLAN_SELECT:
    case PLAN_ANALYTIC:
        return SQL_KIND_SELECT;
    case PLAN_INSERT:
        return SQL_KIND_INSERT;
    case PLAN_CHANGE:
        return plan->change.is_delete ? SQL_KIND_DELETE : SQL_KIND_UPDATE;
    case PLAN_STATEMENT:
        break;
    }
    return SQL_KIND_OTHER;
}

static enum sql_step run_end(struct sql_run *run, enum status status, struct error *err)
{
    CHECK(run->state != RUN_ENDED);
    run->state = RUN_ENDED;
    struct sql_kind_figures *figures = &run->engine->kinds[run_counted_kind(run)];
    histogram_add(&figures->seconds, clock_monotonic_ns() - run->begun_ns);
    if (status != STATUS_OK)
        atomic_fetch_add_explicit(&figures->errors, 1, memory_order_relaxed);
    if (status == STATUS_OK)
        return SQL_STEP_DONE;
    transaction_abandon(run);
    run_translate(status, err);
    return SQL_STEP_FAILED;
}

enum sql_step sql_run_step(struct sql_run *run, bool may_block)
{
    struct error *err = &run->error;
    enum status status = STATUS_OK;

    CHECK(run->state != RUN_ENDED);
    run->may_block = may_block;
    for (;;) {
        if (run->state == RUN_COMMITTING) {
            run->state = RUN_PLANNED;
            status = run->plan->kind == PLAN_STATEMENT ? transaction_finish(run, err)
                                                       : dml_finish(run, err);
            if (status != STATUS_STALE || !run_retry(run))
                return run_end(run, status, err);
            if (!may_block)
                return SQL_STEP_WORKER;
        }
        if (run->state == RUN_NEW)
            status = run_plan(run, err);
        if (status == STATUS_OK)
            status = run_execute(run, may_block, err);
        if (status == STATUS_WOULD_BLOCK && !may_block) {
            run_judge_length(run);
            return SQL_STEP_WORKER;
        }
        if (status == STATUS_STALE && run_retry(run)) {
            status = STATUS_OK;
            continue;
        }
        if (status != STATUS_OK || !run->submitted)
            return run_end(run, status, err);
        run->submitted = false;
        run->state = RUN_COMMITTING;
        commit_submit(run->engine->store, &run->request); /* hands the run over */
        return SQL_STEP_COMMIT;
    }
}
