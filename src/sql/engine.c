/* engine.c — what all statements of one server share: options, services and the plan cache.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/sql_internal.h"

#include "base/check.h"
#include "base/mem.h"
#include "sql/plan_cache.h"

struct sql_engine *sql_engine_new(const struct sql_engine_options *options)
{
    struct sql_engine *engine = mem_zalloc(sizeof(*engine));

    CHECK(options != NULL && options->store != NULL);
    engine->options = *options;
    if (options->services != NULL)
        engine->services = *options->services;
    engine->store = options->store;
    engine->columnar = options->columnar;
    engine->plans = plan_cache_new(options->plans_max, options->plan_bytes_max);
    engine->live_shapes = live_shapes_new();
    return engine;
}

void sql_engine_free(struct sql_engine *engine)
{
    if (engine == NULL)
        return;
    live_shapes_free(engine->live_shapes);
    plan_cache_free(engine->plans);
    mem_free(engine);
}

size_t sql_engine_clear_cache(struct sql_engine *engine)
{
    CHECK(engine != NULL);
    return plan_cache_clear(engine->plans);
}

void sql_engine_stats(struct sql_engine *engine, struct sql_engine_stats *out)
{
    size_t bytes, count = plan_cache_count(engine->plans, &bytes);

    CHECK(engine != NULL && out != NULL);
    *out = (struct sql_engine_stats){
        .plan_hits = atomic_load_explicit(&engine->plan_hits, memory_order_relaxed),
        .plan_misses = atomic_load_explicit(&engine->plan_misses, memory_order_relaxed),
        .statements = atomic_load_explicit(&engine->statements, memory_order_relaxed),
        .plans = count,
        .plan_bytes = bytes,
    };
}

void sql_engine_metrics(struct sql_engine *engine, metric_visit visit, void *context)
{
    static const char *const names[] = {
        [SQL_KIND_SELECT] = "select", [SQL_KIND_INSERT] = "insert", [SQL_KIND_UPDATE] = "update",
        [SQL_KIND_DELETE] = "delete", [SQL_KIND_OTHER] = "other",   [SQL_KIND_INVALID] = "invalid"};

    CHECK(engine != NULL && visit != NULL);
    for (size_t i = 0; i < SQL_KIND_COUNT; i++)
        histogram_visit(&engine->kinds[i].seconds, "statement_seconds",
                        "Duration of statements by kind, commit included.", "kind", names[i], visit,
                        context);
    for (size_t i = 0; i < SQL_KIND_COUNT; i++) {
        struct metric metric = {
            .name = "statement_errors_total",
            .kind = METRIC_COUNTER,
            .value = (double)atomic_load_explicit(&engine->kinds[i].errors, memory_order_relaxed),
            .labels = {{"kind", names[i]}},
            .help = "Statements that failed, by kind."};
        visit(context, &metric);
    }
}
