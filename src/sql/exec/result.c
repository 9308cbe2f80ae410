/* result.c — what executors share: sending rows, programs of the current row, time and
 * cancellation.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/run.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/clock.h"
#include "value/decimal.h"

#include <stdarg.h>
#include <stdio.h>

/* In a transaction the number and time of a row may not be known yet. */
static const struct sql_column *run_pending_columns(struct sql_run *run,
                                                    const struct sql_column *columns, size_t count)
{
    struct sql_column *copy = arena_array(&run->arena, count, sizeof(*copy));

    CHECK(count > 0);
    for (size_t i = 0; i < count; i++) {
        copy[i] = columns[i];
        if (str_equal(copy[i].name, STR_LIT("_seq")) ||
            str_equal(copy[i].name, STR_LIT("_updated")))
            copy[i].not_null = false;
    }
    return copy;
}

enum status run_send_columns(struct sql_run *run, const struct sql_column *columns, size_t count,
                             struct error *err)
{
    CHECK(!run->columns_sent);
    run->columns_sent = true;
    run->outcome.has_columns = true;
    if (run->options.sink.columns == NULL)
        return STATUS_OK;
    if (run->caller.in_transaction)
        columns = run_pending_columns(run, columns, count);
    return run->options.sink.columns(run->options.sink.context, columns, count, err);
}

enum status run_too_many_rows(const struct sql_run *run, struct error *err)
{
    unsigned long long most = run->engine->options.result_rows_max;

    CHECK(most > 0);
    return error_set(err, STATUS_RESULT_TOO_LARGE,
                     "the result has more rows than limits.max_result_rows = %llu", most);
}

enum status run_send_row(struct sql_run *run, const struct value *values, struct error *err)
{
    uint64_t most = run->engine->options.result_rows_max;

    CHECK(run->columns_sent);
    if (most > 0 && run->outcome.row_count >= most)
        return run_too_many_rows(run, err);
    run->outcome.row_count++;
    if (run->options.sink.row == NULL)
        return STATUS_OK;
    return run->options.sink.row(run->options.sink.context, values, err);
}

void run_message(struct sql_run *run, const char *format, ...)
{
    va_list args;

    CHECK(format != NULL);
    va_start(args, format);
    (void)vsnprintf(run->outcome.message, sizeof(run->outcome.message), format, args);
    va_end(args);
}

void run_append_json_text(struct buf *out, struct str text)
{
    CHECK(out != NULL);
    buf_append_byte(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c == '"' || c == '\\')
            buf_append_byte(out, '\\');
        if (c < 0x20)
            buf_printf(out, "\\u%04x", c);
        else
            buf_append_byte(out, c);
    }
    buf_append_byte(out, '"');
}

enum status run_check(const struct sql_run *run, struct error *err)
{
    if (atomic_load_explicit(&run->cancelled, memory_order_relaxed))
        return error_set(err, STATUS_CANCELLED, "cancelled");
    if (run->deadline_ns > 0 && clock_monotonic_ns() > run->deadline_ns)
        return error_set(err, STATUS_QUERY_TIMEOUT,
                         "the statement took longer than query.timeout_seconds = %u",
                         run->engine->options.timeout_seconds);
    CHECK(run->engine != NULL);
    return STATUS_OK;
}

static enum status run_check_work(const void *run, struct error *err)
{
    CHECK(run != NULL);
    return run_check(run, err);
}

void run_context(const struct sql_run *run, struct arena *arena, struct row_reader *reader,
                 struct expr_context *out)
{
    CHECK(arena != NULL);
    *out = (struct expr_context){
        .arena = arena,
        .params = run->params,
        .param_count = run->param_count,
        .now_us = run->now_us,
        .user = run->caller.user,
        .role = str_from_c(role_name(run->caller.role)),
        .column = row_reader_column,
        .row = reader,
        .work_max = run->engine->options.row_work_bytes / (run->may_block ? 1 : EXPR_WORK_LOOP),
        .work_elsewhere = !run->may_block,
        .check = run_check_work,
        .check_context = run,
    };
}

void run_begin_row(const struct sql_run *run, struct expr_context *context)
{
    uint64_t most = run->engine->options.row_work_bytes;

    CHECK(!context->work_shared);
    if (!context->work_elsewhere && most > 0)
        context->work_max = context->work + most;
}

void run_commit_context(const struct sql_run *run, struct arena *arena, struct row_reader *reader,
                        struct expr_context *out)
{
    CHECK(run->commit_work <= INT64_MAX);
    run_context(run, arena, reader, out);
    out->work = run->commit_work;
    if (run_transaction(run) != NULL) { /* its rows are changed by the thread of the statement */
        run_begin_row(run, out);
        return;
    }
    out->work_max = run->engine->options.row_work_bytes;
    out->work_elsewhere = false;
    out->work_shared = true;
}

enum status run_count_value(struct sql_run *run, const struct expr_program *program,
                            const char *what, int64_t missing, int64_t *out, struct error *err)
{
    struct expr_context context;
    struct value value;

    CHECK(out != NULL);
    *out = missing;
    if (program == NULL)
        return STATUS_OK;
    run_context(run, &run->arena, NULL, &context);
    enum status status = expr_run(program, &context, &value, err);
    if (status != STATUS_OK || value.is_null)
        return status;
    CHECK(value.type == VALUE_BIGINT);
    if (value.integer < 0)
        return error_set(err, STATUS_SQL_EXECUTION_ERROR, "%s must not be negative", what);
    *out = value.integer;
    return STATUS_OK;
}

void run_state_scale(const struct data_type *type, struct value *value)
{
    struct decimal scaled;

    CHECK(type && value);
    if (value->is_null || value->type != VALUE_DECIMAL || value->scale == type->scale)
        return;
    if (decimal_rescale((struct decimal){value->decimal, value->scale}, type->scale, &scaled))
        *value = value_decimal(scaled.unscaled, value->precision, scaled.scale);
}

enum status run_output(const struct plan_output *output, struct expr_context *context,
                       struct value *values, struct error *err)
{
    CHECK(context != NULL);
    for (uint32_t i = 0; i < output->count; i++) {
        if (output->sources[i] >= 0) {
            context->column(context->row, (size_t)output->sources[i], &values[i]);
            continue;
        }
        enum status status = expr_run(output->programs[i], context, &values[i], err);
        if (status != STATUS_OK)
            return status;
        run_state_scale(&output->columns[i].type, &values[i]);
    }
    return STATUS_OK;
}
