/* analytic_call.c — the door to DuckDB's executor: finds or prepares its plan, runs it into the
 * sink, or collects rows. Workers only.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/run.h"

#include "base/check.h"
#include "sql/plan_cache.h"

/* Its own kind of key: the text as it is, namespace, types of the parameters. */
static struct str analytic_key(struct sql_run *run, struct str text, uint32_t param_count)
{
    struct buf key;

    CHECK(text.size > 0);
    buf_init(&key);
    buf_append_byte(&key, 1);
    buf_append_str(&key, text);
    buf_append_byte(&key, 0);
    buf_append_str(&key, run->caller.space);
    buf_append_byte(&key, 0);
    for (uint32_t i = 0; i < param_count; i++)
        buf_append_byte(&key, (uint8_t)('A' + run->params[i].type));
    struct str copy = arena_copy(&run->arena, buf_str(&key));
    buf_clear(&key);
    return copy;
}

enum status analytic_find(struct sql_run *run, struct str text, uint32_t param_count,
                          struct plan **out, struct error *err)
{
    struct catalog *catalog = view_catalog(run->view);
    struct analytic_plan *analytic = NULL;
    enum status status;

    CHECK(param_count <= run->param_count);
    if (run->engine->columnar == NULL)
        return error_set(
            err, STATUS_NOT_SUPPORTED,
            "this query is not supported in this version without the analytical engine");
    struct str key = analytic_key(run, text, param_count);
    *out = plan_cache_get(run->engine->plans, key);
    if (*out != NULL && plan_is_current(*out, catalog)) {
        run->outcome.plan_cache_hit = true;
        return STATUS_OK;
    }
    plan_unref(*out);
    *out = NULL;
    status =
        analytic_prepare(run->engine, &run->caller, catalog, text, param_count, &analytic, err);
    if (status != STATUS_OK)
        return status;
    *out = plan_new_analytic(analytic, catalog_version(catalog));
    plan_cache_put(run->engine->plans, key, *out);
    return STATUS_OK;
}

enum status analytic_find_part(struct sql_run *run, struct str text, struct plan **out,
                               struct error *err)
{
    enum status status = analytic_find(run, text, run->param_count, out, err);

    CHECK(text.size > 0);
    if (status == STATUS_OK || err == NULL || err->position < 0)
        return status;
    size_t start = str_find(run->text, text);
    err->position = start == SIZE_MAX ? -1 : err->position + (int64_t)start;
    return status;
}

static enum status analytic_sink_columns(void *context, const struct sql_column *columns,
                                         size_t count, struct error *err)
{
    CHECK(context != NULL);
    return run_send_columns(context, columns, count, err);
}

static enum status analytic_sink_row(void *context, const struct value *values, struct error *err)
{
    CHECK(context != NULL);
    return run_send_row(context, values, err);
}

void analytic_execution_init(struct sql_run *run, const struct value *params, uint32_t param_count,
                             struct analytic_execution *out)
{
    CHECK(run->view != NULL);
    *out = (struct analytic_execution){
        .engine = run->engine,
        .caller = &run->caller,
        .view = run->view,
        .now_us = run->now_us,
        .arena = &run->arena,
        .params = params,
        .param_count = param_count,
        .sink = {.columns = analytic_sink_columns, .row = analytic_sink_row, .context = run},
        .cancelled = &run->cancelled,
        .deadline_ns = run->deadline_ns,
    };
}

/* The statement as the user wrote it, with the parameters that came along. */
enum status analytic_run_statement(struct sql_run *run, struct error *err)
{
    struct analytic_execution execution;
    struct plan *found = NULL;
    uint32_t given = (uint32_t)run->options.param_count;
    enum status status = analytic_find(run, run->text, given, &found, err);

    if (status != STATUS_OK)
        return status;
    CHECK(found->analytic != NULL);
    analytic_execution_init(run, run->options.params, given, &execution);
    status = analytic_run(found->analytic, &execution, err);
    plan_unref(found);
    return status;
}

/* ---- rows of any SELECT ---------------------------------------------------------------------- */

struct analytic_collector {
    struct sql_run *run;
    struct collected *out;
};

static enum status analytic_collect_columns(void *context, const struct sql_column *columns,
                                            size_t count, struct error *err)
{
    struct analytic_collector *collector = context;
    struct collected *out = collector->out;

    (void)err;
    CHECK(out->columns == NULL);
    out->columns = arena_array(&collector->run->arena, count, sizeof(*out->columns));
    out->column_count = count;
    for (size_t i = 0; i < count; i++) {
        out->columns[i] = columns[i];
        out->columns[i].name = arena_copy(&collector->run->arena, columns[i].name);
    }
    return STATUS_OK;
}

static enum status analytic_collect_row(void *context, const struct value *values,
                                        struct error *err)
{
    struct analytic_collector *collector = context;
    struct collected *out = collector->out;
    struct arena *arena = &collector->run->arena;

    if (out->row_count == out->row_capacity) {
        size_t capacity = out->row_capacity > 0 ? 2 * out->row_capacity : 64;
        out->rows = arena_grow(arena, out->rows, out->row_count * sizeof(*out->rows),
                               capacity * sizeof(*out->rows));
        out->row_capacity = capacity;
    }
    struct value *copy = arena_array(arena, out->column_count, sizeof(*copy));
    for (size_t i = 0; i < out->column_count; i++) {
        copy[i] = values[i];
        if (!copy[i].is_null && value_type_is_text(copy[i].type))
            copy[i].text = arena_copy(arena, copy[i].text);
    }
    CHECK(out->row_count < out->row_capacity);
    out->rows[out->row_count++] = copy;
    return arena_check(arena, err);
}

/* Runs `text` as a statement of its own at the same view, with the same parameters. */
enum status select_collect(struct sql_run *run, struct str text, const char *single,
                           struct collected *out, struct error *err)
{
    struct analytic_collector collector = {.run = run, .out = out};
    struct analytic_execution execution;
    struct plan *found = NULL;
    enum status status = analytic_find_part(run, text, &found, err);

    if (status != STATUS_OK)
        return status;
    analytic_execution_init(run, run->params, run->param_count, &execution);
    execution.sink = (struct sql_sink){
        .columns = analytic_collect_columns, .row = analytic_collect_row, .context = &collector};
    CHECK(found->analytic != NULL);
    status = single == NULL ? STATUS_OK : analytic_require_single(found->analytic, single, err);
    if (status == STATUS_OK)
        status = analytic_run(found->analytic, &execution, err);
    plan_unref(found);
    return status;
}
