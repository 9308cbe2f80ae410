/* live_plan.c — a shape bound to a caller, and rows matched against it.
 *
 * A plan is one block: what of the filter depends on whom it runs for, evaluated where that can be
 * done beforehand (the values it is routed by, the LIMIT). NOW() and CURRENT_USER keep the value of
 * the moment of subscription. Where nothing depends on the caller, the plan is the shape's common
 * one.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/live_plan.h"

#include "sql/live_internal.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/refs.h"

#include <math.h>

enum { ROW_BYTES = 64 }; /* in the time it takes to look at a row at all, so many can be */

static struct shape_entry *live_plan_entry(const struct live_plan *plan)
{
    CHECK(plan->shape != NULL);
    return CONTAINER_OF((struct live_shape *)(uintptr_t)plan->shape, struct shape_entry, shape);
}

struct live_plan *live_plan_ref(struct live_plan *plan)
{
    CHECK(plan != NULL);
    refs_add(&plan->refs);
    return plan;
}

void live_plan_unref(struct live_plan *plan)
{
    if (plan == NULL || !refs_drop(&plan->refs))
        return;
    struct shape_entry *entry = live_plan_entry(plan);
    if (shape_is_common(entry))
        shape_set_common_plan(entry, NULL, plan);
    shape_unref(entry);
    mem_free(plan);
}

const struct live_order *live_plan_order(const struct live_plan *plan)
{
    return &live_plan_entry(plan)->order;
}

static bool live_plan_has_text(const struct value *param)
{
    return !param->is_null && value_type_is_text(param->type);
}

size_t live_plan_bytes(const struct live_plan *plan)
{
    const struct live_shape *shape = plan->shape;
    size_t bytes = sizeof(struct shape_entry) + 2 * shape->text.size +
                   shape->column_count * sizeof(*shape->column_specs) +
                   plan->param_count * sizeof(struct value) + plan->route_count * sizeof(uint64_t);

    CHECK(plan->param_count == 0 || plan->params != NULL);
    for (size_t i = 0; i < plan->param_count; i++)
        bytes += live_plan_has_text(&plan->params[i]) ? plan->params[i].text.size : 0;
    return bytes + (shape->filter != NULL ? expr_bytes(shape->filter) : 0) +
           live_order_bytes(live_plan_order(plan));
}

void live_context(const struct live_plan *plan, struct arena *arena, struct expr_context *out)
{
    CHECK(arena != NULL);
    *out = (struct expr_context){
        .arena = arena,
        .params = plan->params,
        .param_count = plan->param_count,
        .now_us = plan->now_us,
        .user = plan->caller,
        .role = str_from_c(role_name(plan->role)),
        .work_max = plan->filter_work,
    };
}

/* ---- binding ----------------------------------------------------------------------------------
 */

/* The plan in a block of its size. */
static struct live_plan *live_plan_pack(const struct live_plan *draft)
{
    size_t hashes = draft->route_count * sizeof(uint64_t),
           head = (sizeof(*draft) + _Alignof(struct value) - 1) & ~(_Alignof(struct value) - 1),
           size = head + draft->param_count * sizeof(struct value) + hashes + draft->caller.size;

    for (size_t i = 0; i < draft->param_count; i++)
        size += live_plan_has_text(&draft->params[i]) ? draft->params[i].text.size : 0;
    struct live_plan *plan = mem_zalloc(size);
    struct value *copied = (struct value *)(void *)((char *)plan + head);
    uint64_t *copied_hashes = (uint64_t *)(copied + draft->param_count);
    char *text = (char *)(copied_hashes + draft->route_count);
    memcpy(plan, draft, sizeof(*draft));
    if (hashes > 0)
        memcpy(copied_hashes, draft->route_hashes, hashes);
    for (size_t i = 0; i < draft->param_count; i++) {
        copied[i] = draft->params[i];
        if (!live_plan_has_text(&copied[i]))
            continue;
        copied[i].text = str_from(text, copied[i].text.size);
        if (copied[i].text.size > 0)
            memcpy(text, draft->params[i].text.data, copied[i].text.size);
        text += copied[i].text.size;
    }
    if (draft->caller.size > 0)
        memcpy(text, draft->caller.data, draft->caller.size);
    plan->caller = str_from(text, draft->caller.size);
    plan->user = str_from(text, draft->user.size); /* the same or empty */
    plan->params = copied;
    plan->route_hashes = copied_hashes;
    CHECK(text + draft->caller.size == (char *)plan + size);
    refs_init(&plan->refs);
    return plan;
}

/* The reference to the entry moves. */
static enum status live_plan_bind(struct shape_entry *entry, const struct shape_request *request,
                                  int64_t now_us, struct live_plan **out, struct error *err)
{
    const struct live_shape *shape = &entry->shape;
    bool own = shape->table->kind == TABLE_KIND_USER, common = shape_is_common(entry);
    struct live_plan draft = {
        .role = request->caller->role,
        .shape = shape,
        .table = shape->table,
        .user = own ? request->caller->user : STR_EMPTY,
        .caller = own || shape->uses_caller ? request->caller->user : STR_EMPTY,
        .params = request->params,
        .param_count = request->param_count,
        .now_us = now_us,
        .snapshot_limit = -1,
        .filter_work = request->engine->options.row_work_bytes / EXPR_WORK_LIVE,
    };
    struct arena arena;

    CHECK(entry->param_count == request->param_count);
    *out = common ? shape_common_plan(entry) : NULL;
    if (*out != NULL) {
        shape_unref(entry); /* the plan has one */
        return STATUS_OK;
    }
    arena_init(&arena, request->engine->options.live_filter_bytes);
    enum status status = live_order_limits(&draft, &entry->order, &arena, err);
    if (status == STATUS_OK) {
        live_choose_route(&draft, &arena);
        *out = live_plan_pack(&draft);
        if (common)
            shape_set_common_plan(entry, *out, NULL);
    } else {
        shape_unref(entry);
    }
    arena_clear(&arena);
    return status;
}

enum status sql_live_compile(struct sql_engine *engine, const struct sql_caller *caller,
                             struct view *view, struct str sql, const struct value *params,
                             size_t param_count, struct live_plan **out, struct error *err)
{
    struct shape_request request = {
        .engine = engine,
        .caller = caller,
        .view = view,
        .sql = sql,
        .params = params,
        .param_count = param_count,
    };
    struct shape_entry *entry = NULL;

    CHECK(engine != NULL && caller != NULL && view != NULL && out != NULL);
    *out = NULL;
    enum status status = shape_open(&request, &entry, err);
    if (status == STATUS_OK)
        status = live_plan_bind(entry, &request, clock_now_us(), out, err);
    return status;
}

enum status sql_live_rebind(struct sql_engine *engine, const struct sql_caller *caller,
                            const struct live_plan *plan, const struct table *table,
                            struct live_plan **out, struct error *err)
{
    struct shape_request request = {
        .engine = engine,
        .caller = caller,
        .table = table,
        .sql = plan->shape->text,
        .params = plan->params,
        .param_count = plan->param_count,
    };
    struct shape_entry *entry = NULL;

    CHECK(table->id.value == plan->table->id.value && out != NULL);
    *out = NULL;
    enum status status = shape_open(&request, &entry, err);
    if (status == STATUS_OK)
        status = live_plan_bind(entry, &request, plan->now_us, out, err);
    return status;
}

size_t sql_live_filter_bytes(const struct sql_engine *engine)
{
    CHECK(engine != NULL);
    return engine->options.live_filter_bytes;
}

/* ---- equal plans ------------------------------------------------------------------------------
 */

/* The same in every respect that a filter could see: 1.0 and 1.00 differ as text, 0.0 and -0.0 too.
 */
static bool live_param_is_equal(const struct value *a, const struct value *b)
{
    CHECK(a != NULL && b != NULL);
    if (!value_is_same(a, b) || a->scale != b->scale)
        return false;
    return a->is_null || (a->type != VALUE_DOUBLE && a->type != VALUE_FLOAT) ||
           signbit(a->real) == signbit(b->real);
}

bool live_plan_is_equal(const struct live_plan *a, const struct live_plan *b)
{
    if (a == b)
        return true;
    CHECK(a != NULL && b != NULL);
    if (a->shape != b->shape || !str_equal(a->user, b->user))
        return false;
    if (a->shape->uses_caller &&
        (a->now_us != b->now_us || a->role != b->role || !str_equal(a->caller, b->caller)))
        return false;
    for (size_t i = 0; i < a->param_count; i++)
        if (!live_param_is_equal(&a->params[i], &b->params[i]))
            return false;
    return true;
}

uint64_t live_plan_hash(const struct live_plan *plan)
{
    uint64_t hash = hash_mix(hash_bytes(plan->user), (uint64_t)(uintptr_t)plan->shape);

    CHECK(plan->shape != NULL);
    for (size_t i = 0; i < plan->param_count; i++)
        hash = hash_mix(hash, plan->params[i].is_null ? 0 : value_hash(&plan->params[i]));
    if (plan->shape->uses_caller)
        hash = hash_mix(hash_mix(hash, hash_bytes(plan->caller)), (uint64_t)plan->now_us);
    return hash;
}

/* ---- matching -------------------------------------------------------------------------------- */

void live_row_column(void *context, size_t index, struct value *out)
{
    const struct live_row *from = context;

    CHECK(from->row != NULL);
    row_column(from->row, (uint32_t)index, from->arena, out);
    if (UNLIKELY(from->row->table->kind == TABLE_KIND_SYSTEM))
        live_system_show(from->row->table, (uint32_t)index, from->arena, out);
}

void live_plan_column(const struct live_plan *plan, const struct row *row, uint32_t index,
                      struct arena *arena, struct value *out)
{
    CHECK(row->table->id.value == plan->table->id.value);
    row_column(row, index, arena, out);
    if (UNLIKELY(plan->table->kind == TABLE_KIND_SYSTEM))
        live_system_show(plan->table, index, arena, out);
}

/* Names the limit that a filter has passed; they are met on threads that others wait for. */
static enum status live_plan_explain(enum status status, const struct expr_context *context,
                                     struct error *err)
{
    CHECK(status != STATUS_OK);
    if (status == STATUS_RESULT_TOO_LARGE)
        return error_set(err, status, "the filter takes more than live.filter_memory for a row");
    if (status == STATUS_SQL_EXECUTION_ERROR && context->work_max > 0 &&
        context->work > context->work_max)
        return error_set(err, status,
                         "the filter looks at more than an eighth of query.row_work for a row");
    return status;
}

/* Takes what it costs to look at any row off the budget; false when that has not enough. */
static bool live_plan_afford_row(const struct live_plan *plan, uint64_t *budget)
{
    const struct expr_program *filter = plan->shape->filter;
    uint64_t work = ROW_BYTES + (filter != NULL ? expr_base_work(filter) : 0);

    CHECK(budget != NULL);
    if (work > *budget)
        return false;
    *budget -= work;
    return true;
}

enum status live_plan_matches_within(const struct live_plan *plan, const struct row *row,
                                     struct arena *arena, uint64_t *budget, bool *matches,
                                     struct error *err)
{
    const struct live_shape *shape = plan->shape;
    struct live_row from = {.row = row, .arena = arena};
    struct expr_context context;

    CHECK(row != NULL && row->table->id.value == plan->table->id.value);
    if (budget != NULL && !live_plan_afford_row(plan, budget))
        return STATUS_WOULD_BLOCK;
    *matches = shape->names_deleted || !row_is_deleted(row->bytes);
    if (UNLIKELY(plan->table->kind == TABLE_KIND_SYSTEM)) /* its deleted rows are gone for good */
        *matches = !row_is_deleted(row->bytes) && !live_system_hides(plan, row, arena);
    if (!*matches || shape->filter == NULL)
        return STATUS_OK;
    live_context(plan, arena, &context);
    context.column = live_row_column;
    context.row = &from;
    if (budget != NULL) {
        context.work_elsewhere = plan->filter_work == 0 || *budget < plan->filter_work;
        if (context.work_elsewhere)
            context.work_max = *budget > 0 ? *budget : 1;
    }
    enum status status = expr_run_filter(shape->filter, &context, matches, err);
    if (budget != NULL)
        *budget -= context.work < *budget ? context.work : *budget;
    return status == STATUS_OK ? STATUS_OK : live_plan_explain(status, &context, err);
}

enum status live_plan_matches(const struct live_plan *plan, const struct row *row,
                              struct arena *arena, bool *matches, struct error *err)
{
    CHECK(plan != NULL);
    return live_plan_matches_within(plan, row, arena, NULL, matches, err);
}
