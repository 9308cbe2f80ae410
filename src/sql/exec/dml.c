/* dml.c — what INSERT, UPDATE and DELETE share: defaults, SET, the commit request and its result.
 *
 * dml_apply_set runs on the commit thread: it touches nothing but the run's immutable parts and the
 * arena it is given.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/run.h"

#include "base/check.h"
#include "base/id.h"
#include "value/cast.h"
#include "value/datetime.h"
#include "value/text.h"

/* ---- values ---------------------------------------------------------------------------------- */

/* DuckDB's JSON may be none: it lets NaN and a last comma pass. */
enum status dml_cast(struct sql_run *run, const struct table_column *column,
                     const struct value *from, struct value *out, struct error *err)
{
    CHECK(!from->is_null);
    if (from->type == VALUE_JSON && column->type.kind == VALUE_JSON)
        return value_parse(from->text, &column->type, &run->arena, out, err);
    return value_cast(from, &column->type, CAST_ASSIGNMENT, &run->arena, out, err);
}

static struct value dml_now(const struct sql_run *run, enum value_type type)
{
    int64_t time_us = 0;
    int64_t days = datetime_split(run->now_us, &time_us);

    CHECK(type == VALUE_TIMESTAMP || type == VALUE_DATE || type == VALUE_TIME);
    if (type == VALUE_DATE)
        return value_integer(VALUE_DATE, days);
    return value_integer(type, type == VALUE_TIME ? time_us : run->now_us);
}

static enum status dml_uuid(struct sql_run *run, const struct table_column *column,
                            struct value *out, struct error *err)
{
    struct value uuid = {.type = VALUE_UUID};

    CHECK(column != NULL);
    id_uuid_v7(uuid.uuid);
    return value_cast(&uuid, &column->type, CAST_EXPLICIT, &run->arena, out, err);
}

/* The value an absent key of one column gets by itself (docs/sql.md). */
static enum status dml_generated_key(struct sql_run *run, const struct table *table,
                                     const struct table_column *column, struct value *out,
                                     struct error *err)
{
    bool generates = column->key_position >= 0 && table->key_count == 1 &&
                     !run->engine->options.strict_primary_key;

    CHECK(out->is_null);
    if (!generates)
        return STATUS_OK;
    if (column->type.kind == VALUE_BIGINT)
        *out = value_integer(VALUE_BIGINT, id_snowflake());
    else if (column->type.kind == VALUE_UUID || column->type.kind == VALUE_TEXT)
        return dml_uuid(run, column, out, err);
    return STATUS_OK;
}

enum status dml_default(struct sql_run *run, const struct table *table,
                        const struct table_column *column, struct value *out, struct error *err)
{
    *out = value_null(column->type.kind);
    switch (column->default_kind) {
    case DEFAULT_NONE:
        return dml_generated_key(run, table, column, out, err);
    case DEFAULT_LITERAL:
        *out = column->default_value;
        return STATUS_OK;
    case DEFAULT_NOW:
        *out = dml_now(run, column->type.kind);
        return STATUS_OK;
    case DEFAULT_SNOWFLAKE:
        *out = value_integer(VALUE_BIGINT, id_snowflake());
        return STATUS_OK;
    case DEFAULT_UUID_V7:
        return dml_uuid(run, column, out, err);
    case DEFAULT_ULID: {
        char *text = arena_alloc(&run->arena, ID_ULID_SIZE);
        id_ulid(text);
        *out = value_text(VALUE_TEXT, str_from(text, ID_ULID_SIZE));
        return STATUS_OK;
    }
    case DEFAULT_CURRENT_USER: {
        struct value user = value_text(VALUE_TEXT, run->caller.user);
        return value_cast(&user, &column->type, CAST_ASSIGNMENT, &run->arena, out, err);
    }
    }
    UNREACHABLE("default kind");
}

enum status dml_check_value(const struct table_column *column, const struct value *value,
                            struct error *err)
{
    CHECK(column != NULL);
    if (!value->is_null && value->type == VALUE_TEXT && value->text.size > 0 &&
        memchr(value->text.data, 0, value->text.size) != NULL)
        return error_set(err, STATUS_TYPE_MISMATCH,
                         "column \"%.*s\": a TEXT cannot hold the character U+0000",
                         STR_ARG(column->name));
    if (LIKELY(!value->is_null || (!column->not_null && column->key_position < 0)))
        return STATUS_OK;
    return error_set(err, STATUS_CONSTRAINT_VIOLATION,
                     "null value in column \"%.*s\" violates not-null constraint",
                     STR_ARG(column->name));
}

/* Some messages name their parameter already. */
static void dml_name_set(const struct sql_run *run, const struct table_column *column,
                         uint32_t param, struct error *err)
{
    CHECK(param <= run->param_count);
    if (param > 0 && param <= run->options.param_count &&
        !str_starts_with(str_from_c(err->message), STR_LIT("parameter $")))
        error_prefix(err, "parameter $%u (column \"%.*s\")", param, STR_ARG(column->name));
    else
        error_prefix(err, "column \"%.*s\"", STR_ARG(column->name));
}

enum status dml_apply_set(struct sql_run *run, const struct table *table,
                          const struct plan_set *set, struct expr_context *context,
                          struct value *values, struct error *err)
{
    for (uint32_t i = 0; i < set->count; i++) {
        const struct table_column *column = &table->schema->columns[set->columns[i]];
        struct value *target = &values[set->columns[i]];
        enum status status;

        CHECK(column->key_position < 0);
        if (set->programs[i] == NULL)
            status = dml_default(run, table, column, target, err);
        else
            status = expr_run(set->programs[i], context, target, err);
        if (status == STATUS_TYPE_MISMATCH || status == STATUS_CONSTRAINT_VIOLATION)
            dml_name_set(run, column, set->params[i], err);
        if (status == STATUS_OK)
            status = dml_check_value(column, target, err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* ---- commit ---------------------------------------------------------------------------------- */

void dml_committed(struct commit_request *request)
{
    struct sql_run *run = request->context;

    CHECK(run->state == RUN_COMMITTING && run->options.resume != NULL);
    run->options.resume(run->options.resume_context);
}

/* RETURNING: the output list for the image of one operation. */
static enum status dml_output(struct sql_run *run, const struct row_op *op, struct arena *arena,
                              struct value *values, struct error *err)
{
    struct str bytes = op->verdict == ROW_DELETE ? op->old_bytes : op->new_bytes;
    const struct table *table = op->table;
    struct row_projection projection;
    struct row row = {.table = table, .key = op->key, .bytes = bytes, .projection = &projection};
    struct row_reader reader = {
        .row = &row, .arena = arena, .column_count = table_column_total(table)};
    struct expr_context context;

    CHECK(bytes.size >= ROW_HEADER_BYTES);
    const struct table_schema *schema = table_schema_version(table, row_layout_version(bytes));
    CHECK(schema != NULL);
    row_projection_init(&projection, &schema->layout, &table->schema->layout, arena);
    run_commit_context(run, arena, &reader, &context);
    enum status status = run_output(&run->plan->output, &context, values, err);
    run->commit_work = context.work;
    return status;
}

static bool dml_output_may_fail(const struct plan_output *output)
{
    CHECK(output->count > 0);
    for (uint32_t i = 0; i < output->count; i++)
        if (output->sources[i] < 0)
            return true;
    return false;
}

/* Commit thread, or the statement's in a transaction: whatever of RETURNING can fail, or wants a
 * worker, does so here, while nothing is written yet. */
static enum status dml_confirm(struct commit_request *request, struct error *err)
{
    struct sql_run *run = request->context;
    const struct plan_output *output = &run->plan->output;
    uint64_t most = run->engine->options.result_rows_max;
    enum status status = STATUS_OK;

    CHECK(run->returned == NULL);
    if (most > 0 && request->rows_affected > most)
        return run_too_many_rows(run, err);
    if (!dml_output_may_fail(output))
        return STATUS_OK;
    struct value *values =
        arena_array(request->arena, request->rows_affected * output->count, sizeof(*values));
    run->returned = values;
    for (size_t i = 0; i < request->op_count && status == STATUS_OK; i++) {
        if (request->ops[i].verdict == ROW_KEEP)
            continue;
        status = dml_output(run, &request->ops[i], request->arena, values, err);
        if (status == STATUS_OK)
            status = arena_check(request->arena, err);
        values += output->count;
    }
    return status;
}

enum status dml_check(struct commit_request *request, struct error *err)
{
    CHECK(request->context != NULL);
    return run_check(request->context, err);
}

void dml_begin(struct sql_run *run)
{
    CHECK(run->view != NULL);
    run->returned = NULL;
    run->request = (struct commit_request){
        .check = dml_check,
        .confirm = run->plan->output.count > 0 ? dml_confirm : NULL,
        .flags = run->plan->output.count > 0 ? COMMIT_KEEP_IMAGES : 0,
        .arena = &run->commit_arena,
        .view = run->view,
        .done = dml_committed,
        .context = run,
    };
}

enum status dml_report(struct sql_run *run, uint64_t rows, struct error *err)
{
    const struct plan *plan = run->plan;
    const char *verb = plan->kind == PLAN_INSERT ? "Inserted"
                       : plan->change.is_delete  ? "Deleted"
                                                 : "Updated";

    CHECK(plan->kind == PLAN_INSERT || plan->kind == PLAN_CHANGE);
    run_message(run, "%s %llu row(s)", verb, (unsigned long long)rows);
    if (plan->output.count > 0)
        return run_send_columns(run, plan->output.columns, plan->output.count, err);
    run->outcome.row_count = rows;
    return STATUS_OK;
}

static enum status dml_return_rows(struct sql_run *run, struct error *err)
{
    const struct commit_request *request = &run->request;
    uint32_t count = run->plan->output.count;
    struct value *known = run->returned, *values = known;
    enum status status = STATUS_OK;

    CHECK(count > 0);
    if (known == NULL)
        values = arena_array(&run->arena, count, sizeof(*values));
    for (size_t i = 0; i < request->op_count && status == STATUS_OK; i++) {
        if (request->ops[i].verdict == ROW_KEEP)
            continue;
        if (known == NULL)
            status = dml_output(run, &request->ops[i], &run->arena, values, err);
        if (status == STATUS_OK)
            status = run_send_row(run, values, err);
        if (known != NULL)
            values += count;
    }
    return status;
}

enum status dml_finish(struct sql_run *run, struct error *err)
{
    const struct commit_request *request = &run->request;
    enum status status = request->status;

    if (status != STATUS_OK) {
        *err = request->error;
        return status;
    }
    status = dml_report(run, request->rows_affected, err);
    if (status == STATUS_OK && run->plan->output.count > 0)
        status = dml_return_rows(run, err);
    CHECK(status != STATUS_STALE);
    return status;
}

enum status dml_submit(struct sql_run *run, struct row_op *ops, size_t count, bool may_block,
                       struct error *err)
{
    struct transaction *transaction = run_transaction(run);
    enum status status;

    if (count == 0)
        return dml_report(run, 0, err);
    CHECK(run->request.view == run->view);
    run->request.ops = ops;
    run->request.op_count = count;
    run->commit_work = 0;
    if (transaction == NULL) {
        status = commit_lookup_cold(run->engine->store, &run->request, !may_block, err);
        run->submitted = status == STATUS_OK; /* sql_run_step does it last */
        return status;
    }
    status = transaction_apply(transaction, &run->request, !may_block, err);
    return status == STATUS_OK ? dml_finish(run, err) : status;
}
