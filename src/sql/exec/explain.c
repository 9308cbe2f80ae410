/* explain.c — EXPLAIN [ANALYZE]: the chosen path in lines of text, with the figures of the records;
 * with ANALYZE a SELECT is run, its rows are counted instead of sent, and each step tells its rows
 * and time.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/run.h"

#include "base/check.h"
#include "base/clock.h"
#include "sql/binder.h"
#include "sql/live_plan.h"
#include "sql/system/scan.h"

struct explain {
    struct sql_run *run;
    struct buf out;
    bool analyze; /* asked for */
    bool has_run; /* what is explained has been run */
};

/* System tables know no ranges, and some of them no keys. */
static bool explain_reads_all(const struct plan *plan)
{
    CHECK(plan->table != NULL);
    return plan->table->kind == TABLE_KIND_SYSTEM &&
           (plan->access.kind != PLAN_ACCESS_POINTS || !system_scan_looks_up(plan->table));
}

static void explain_path(const struct plan *plan, const struct access_keys *keys, struct buf *out)
{
    CHECK(plan->table != NULL);
    buf_append_str(out, STR_LIT("Path: "));
    if (keys->empty)
        buf_append_str(out, STR_LIT("none (no key can match)"));
    else if (explain_reads_all(plan))
        buf_append_str(out, STR_LIT("full scan"));
    else if (plan->access.kind == PLAN_ACCESS_POINTS)
        buf_printf(out, "point lookup (%zu key%s)", keys->point_count,
                   keys->point_count == 1 ? "" : "s");
    else if (plan->access.kind == PLAN_ACCESS_RANGE)
        buf_append_str(out, STR_LIT("key range"));
    else if (plan->table->kind == TABLE_KIND_USER)
        buf_append_str(out, STR_LIT("user prefix"));
    else
        buf_append_str(out, STR_LIT("full scan"));
    buf_printf(out, " on %.*s.%.*s\n", STR_ARG(plan->table->space), STR_ARG(plan->table->name));
}

static enum status explain_tiers(struct sql_run *run, const struct access_keys *keys,
                                 struct buf *out, struct error *err)
{
    const struct plan *plan = run->plan;
    struct scan_options options = access_scan(run, keys);
    struct scan_estimate estimate = {0};
    enum status status;

    CHECK(run->view != NULL);
    if (plan->table->kind == TABLE_KIND_SYSTEM) {
        buf_append_str(out, STR_LIT("Tiers: computed from the catalogue and system rows\n"));
        return STATUS_OK;
    }
    if (!keys->empty && plan->access.kind == PLAN_ACCESS_POINTS && keys->point_count == 1) {
        struct buf upper;
        buf_init(&upper);
        buf_append_str(&upper, keys->points[0]);
        buf_append_byte(&upper, 0);
        options.range =
            (struct key_range){keys->points[0], arena_copy(&run->arena, buf_str(&upper))};
        buf_clear(&upper);
    }
    status = scan_estimate(run->engine->store, &options, &estimate, err);
    if (status != STATUS_OK)
        return status;
    bool cold = estimate.segments > estimate.segments_pruned;
    buf_printf(out, "Tiers: %s, ", cold ? "hot+cold" : "hot only");
    analytic_describe_cold(&estimate, out);
    buf_printf(out, ", hot rows %llu, cold rows %llu\n", (unsigned long long)estimate.hot_rows,
               (unsigned long long)estimate.cold_rows);
    return STATUS_OK;
}

/* With ANALYZE it is run here, because DuckDB tells of the steps instead of giving the rows. */
static enum status explain_analytic(struct explain *explain, struct error *err)
{
    struct sql_run *run = explain->run;
    struct buf *out = &explain->out;
    struct analytic_execution execution;
    struct plan *found = NULL;
    uint32_t given = (uint32_t)run->options.param_count;
    enum status status = analytic_find(run, run->text, given, &found, err);

    if (status != STATUS_OK)
        return status;
    analytic_execution_init(run, run->options.params, given, &execution);
    execution.explain = out;
    execution.analyze = explain->analyze;
    CHECK(found->analytic != NULL);
    status = analytic_run(found->analytic, &execution, err);
    plan_unref(found);
    explain->has_run = explain->analyze;
    run->outcome.row_count = execution.row_count;
    if (status == STATUS_OK && out->size > 0 && out->data[out->size - 1] != '\n')
        buf_append_byte(out, '\n');
    return status;
}

static void explain_select(const struct plan *plan, struct buf *out)
{
    CHECK(plan->kind == PLAN_SELECT);
    if (plan->select.aggregated)
        buf_append_str(out, STR_LIT("Aggregate: one row\n"));
    else if (plan->select.order_count > 0)
        buf_printf(out, "Order: sort in memory%s\n",
                   plan->select.limit != NULL ? ", top rows kept" : "");
    else if (plan->table != NULL)
        buf_printf(out, "Order: %s %s\n", plan->table->kind == TABLE_KIND_STREAM ? "time" : "key",
                   plan->select.key_descending ? "descending" : "ascending");
    if (plan->select.limit != NULL) {
        buf_append_str(out, STR_LIT("Limit: "));
        expr_describe(plan->select.limit, out);
        buf_append_byte(out, '\n');
    }
}

static enum status explain_table(struct explain *explain, struct error *err)
{
    struct sql_run *run = explain->run;
    const struct plan *plan = run->plan;
    struct access_keys keys;
    enum status status = binder_authorize(run->engine, &run->caller, plan->table, plan->name.user,
                                          plan->write, plan->name.start, &run->instance, err);

    if (status == STATUS_OK)
        status = access_resolve(run, &keys, err);
    if (status != STATUS_OK)
        return status;
    CHECK(plan->kind != PLAN_ANALYTIC);
    if (plan->kind == PLAN_SELECT && plan->select.aggregated && aggregate_only_counts(plan, &keys))
        buf_printf(&explain->out, "Path: count by the records on %.*s.%.*s\n",
                   STR_ARG(plan->table->space), STR_ARG(plan->table->name));
    else if (plan->kind == PLAN_SELECT && select_prefers_analytic(run, &keys))
        return explain_analytic(explain, err);
    else
        explain_path(plan, &keys, &explain->out);
    return explain_tiers(run, &keys, &explain->out, err);
}

/* What it would be as a subscription. */
static enum status explain_subscribe(struct sql_run *run, struct buf *out, struct error *err)
{
    struct live_plan *plan = NULL;
    enum status status =
        sql_live_compile(run->engine, &run->caller, run->view, run->plan->tree->text,
                         run->options.params, run->options.param_count, &plan, err);

    if (status != STATUS_OK)
        return status;
    CHECK(plan != NULL);
    live_plan_describe(plan, out);
    live_plan_unref(plan);
    return STATUS_OK;
}

static enum status explain_plan(struct explain *explain, struct error *err)
{
    struct sql_run *run = explain->run;
    struct buf *out = &explain->out;
    const struct plan *plan = run->plan;
    enum status status = STATUS_OK;

    switch (plan->kind) {
    case PLAN_ANALYTIC:
        return explain_analytic(explain, err);
    case PLAN_INSERT:
        buf_printf(out, "Insert into %.*s.%.*s: %zu row(s)%s\n", STR_ARG(plan->table->space),
                   STR_ARG(plan->table->name), plan->insert.row_count,
                   !str_is_empty(plan->insert.select)     ? " from a SELECT by DuckDB"
                   : !str_is_empty(plan->insert.computed) ? " with values by DuckDB"
                                                          : "");
        return STATUS_OK;
    case PLAN_STATEMENT:
        return plan->tree->kind == AST_SUBSCRIBE
                   ? explain_subscribe(run, out, err)
                   : run_not_supported("EXPLAIN of this statement", err);
    case PLAN_SELECT:
    case PLAN_CHANGE:
        break;
    }
    if (plan->kind == PLAN_CHANGE && !str_is_empty(plan->change.analytic_text)) {
        buf_append_str(out, STR_LIT("Rows and values by DuckDB, checked by _seq at commit\n"));
        return STATUS_OK;
    }
    if (plan->table == NULL)
        buf_append_str(out, STR_LIT("Path: constant row\n"));
    else
        status = explain_table(explain, err);
    if (status == STATUS_OK && plan->filter != NULL) {
        buf_append_str(out, STR_LIT("Filter: "));
        expr_describe(plan->filter, out);
        buf_append_byte(out, '\n');
    }
    CHECK(out->size > 0 || status != STATUS_OK);
    if (status == STATUS_OK && plan->kind == PLAN_SELECT)
        explain_select(plan, out);
    return status;
}

static void explain_step(struct buf *out, const char *step, uint64_t rows, int64_t ns)
{
    CHECK(ns >= 0);
    buf_printf(out, "  Step %s: %llu row(s) in %.3f ms\n", step, (unsigned long long)rows,
               (double)ns / 1e6);
}

/* From the step that makes the result down to the reading, as DuckDB's operators. */
static void explain_steps(const struct plan *plan, const struct run_steps *steps, uint64_t rows,
                          int64_t ns, struct buf *out)
{
    int64_t above = ns - steps->read_ns - steps->filter_ns;

    CHECK(plan->kind == PLAN_SELECT);
    explain_step(out,
                 plan->select.aggregated        ? "aggregate"
                 : plan->select.order_count > 0 ? "sort"
                                                : "output",
                 rows, above > 0 ? above : 0);
    if (steps->has_read && steps->has_filter)
        explain_step(out, "filter", steps->passed_rows, steps->filter_ns);
    if (steps->has_read)
        explain_step(out, "read", steps->read_rows, steps->read_ns);
}

static enum status explain_execute(struct explain *explain, struct error *err)
{
    struct sql_run *run = explain->run;
    struct sql_sink sink = run->options.sink;
    struct run_steps steps = {0};
    int64_t started = clock_monotonic_ns();
    enum status status;

    if (run->plan->kind == PLAN_STATEMENT)
        return run_not_supported("EXPLAIN ANALYZE of a live query", err);
    if (run->plan->kind != PLAN_SELECT)
        return run_not_supported("EXPLAIN ANALYZE of statements that change rows", err);
    run->options.sink = (struct sql_sink){0};
    run->steps = &steps;
    status = select_run(run, true, err);
    run->steps = NULL;
    run->options.sink = sink;
    run->columns_sent = false;
    if (status == STATUS_OK)
        explain_steps(run->plan, &steps, run->outcome.row_count, clock_monotonic_ns() - started,
                      &explain->out);
    return status;
}

static enum status explain_send(struct sql_run *run, struct str lines, struct error *err)
{
    const struct sql_column column = {.name = STR_LIT("plan"), .type = {.kind = VALUE_TEXT}};
    enum status status = run_send_columns(run, &column, 1, err);

    while (status == STATUS_OK && lines.size > 0) {
        size_t end = str_find(lines, STR_LIT("\n"));
        CHECK(end != SIZE_MAX);
        struct value value = value_text(VALUE_TEXT, str_from(lines.data, end));
        status = run_send_row(run, &value, err);
        lines = str_from(lines.data + end + 1, lines.size - end - 1);
    }
    return status;
}

enum status explain_run(struct sql_run *run, struct error *err)
{
    const struct ast_statement *tree = run->plan->tree;
    struct explain explain = {.run = run, .analyze = tree->explain.analyze};
    int64_t started;
    enum status status;

    CHECK(tree->kind == AST_EXPLAIN);
    buf_init(&explain.out);
    run->text = arena_copy(&run->arena, tree->explain.inner->text);
    status = run_prepare(run, err);
    bool hit = run->outcome.plan_cache_hit;
    started = clock_monotonic_ns();
    if (status == STATUS_OK)
        status = explain_plan(&explain, err);
    if (status == STATUS_OK && explain.analyze && !explain.has_run)
        status = explain_execute(&explain, err);
    if (status == STATUS_OK && explain.analyze)
        buf_printf(&explain.out, "Actual: %llu row(s) in %.3f ms\n",
                   (unsigned long long)run->outcome.row_count,
                   (double)(clock_monotonic_ns() - started) / 1e6);
    if (status == STATUS_OK) {
        run->outcome.row_count = 0;
        run->outcome.kind = "EXPLAIN";
        buf_printf(&explain.out, "Plan cache: %s\n", hit ? "hit" : "miss");
        status = explain_send(run, buf_str(&explain.out), err);
    }
    buf_clear(&explain.out);
    return status;
}
