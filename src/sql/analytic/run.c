/* run.c — one execution of an analytic plan: bind, choose the path, assemble the text,
 * run, convert.
 *
 * Tables are resolved again for the caller of this execution, against the view's catalogue; a table
 * that is no longer the one the plan was made for answers STALE, and the owner prepares again. Then
 * each reference becomes one of
 *
 *   (SELECT cols FROM hot_scan(n))                         merged scan: hot and cold rows
 *   (SELECT cols FROM hot_scan(n) UNION ALL SELECT cols    columnar: a large cold part in files,
 *    FROM read_parquet([…]) WHERE NOT _deleted AND          one such half per schema layout
 *    key NOT IN (SELECT key FROM hot_scan(m)))              (files.c); hot rows shadow cold ones
 *
 * An instance without hot rows leaves out the first half, and files without deleted rows the test
 * for them: both would keep DuckDB from its short cuts. `n` counts the scans of this statement.
 * They carry the instance (user, view, range); nothing in the text does, so no SQL can name another
 * user's rows. Threads: workers; DuckDB's threads open cursors.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/analytic/analytic_internal.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "value/cast.h"
#include "value/datetime.h"
#include "value/decimal.h"

#include <math.h>

enum {
    RUN_COLUMNAR_ROWS =
        20000, /* from here reading Parquet directly is quicker than the merged scan */
    RUN_LARGE_ROWS = 100000,    /* from here several threads pay */
    RUN_WHOLE_GROUPS = 1000000, /* rows that may all be groups of their own and still fit memory */
    RUN_SYSTEM_ROWS = 1000,     /* guess for system tables */
};

struct run_table {
    struct resolved_table resolved;
    struct scan_estimate estimate;
    struct cold_files files;
    struct analytic_files groups;
    struct buf range;            /* described, for EXPLAIN */
    struct analytic_source rows; /* merged, or hot only */
    struct analytic_source shadows;
    uint32_t rows_index, shadows_index;
    bool columnar, with_shadows, with_hot;
};

struct run {
    struct analytic_plan *plan;
    struct analytic_execution *execution;
    struct run_table *tables;
    struct column_source *sources;
    size_t source_count;
    uint64_t rows_estimate;
    bool columnar;
    struct buf text;
    struct columnar_parameter *params;
    struct columnar_query *query;
    struct sql_column *columns;
    struct value *row;
    size_t column_count;
};

/* ---- binding ---- */

static enum status run_resolve(struct run *run, uint32_t index, struct error *err)
{
    const struct analytic_table *reference = &run->plan->tables[index];
    const struct analytic_execution *execution = run->execution;
    struct table_access_request request = {
        .caller = execution->caller,
        .catalog = view_catalog(execution->view),
        .space = reference->space,
        .user = reference->user,
        .table = reference->name,
        .position = (uint32_t)quote_position(run->plan, reference->start)};
    struct resolved_table *resolved = &run->tables[index].resolved;
    enum status status = binder_resolve_table(execution->engine, &request, resolved, err);

    CHECK(reference->table);
    if (status != STATUS_OK)
        return status;
    if (resolved->table->id.value != reference->table->id.value ||
        resolved->table->schema->version != reference->table->schema->version)
        return error_set(err, STATUS_STALE, "the table changed since the plan was made");
    return STATUS_OK;
}

static bool run_is_stored(const struct table *table)
{
    CHECK(table);
    return table->kind != TABLE_KIND_SYSTEM;
}

/* Types a file may tell by another name than hot_scan does: the union settles which. */
static bool run_has_alias_type(const struct table *table)
{
    CHECK(table->schema);
    for (uint32_t i = 0; i < table->schema->column_count; i++)
        if (table->schema->columns[i].type.kind == VALUE_JSON)
            return true;
    return false;
}

/* Reads the files directly when the cold part is large. */
static enum status run_choose(struct run *run, uint32_t index, bool hide_system, struct error *err)
{
    struct run_table *bound = &run->tables[index];
    const struct table *table = bound->resolved.table;
    struct store *store = run->execution->engine->store;
    enum status status;

    CHECK(run_is_stored(table));
    status = scan_estimate(store, &bound->rows.scan, &bound->estimate, err);
    if (status != STATUS_OK)
        return status;
    run->rows_estimate += bound->estimate.hot_rows + bound->estimate.cold_rows;
    bound->rows.source.rows_estimate = bound->estimate.hot_rows + bound->estimate.cold_rows;
    if (run->plan->keeps_order || table->kind == TABLE_KIND_STREAM || table->key_count == 0 ||
        bound->estimate.cold_rows < RUN_COLUMNAR_ROWS)
        return STATUS_OK;
    status = scan_cold_files(store, &bound->rows.scan, &bound->files, err);
    if (status != STATUS_OK)
        return status;
    bound->columnar = bound->files.count > 0 &&
                      analytic_files_find(&bound->groups, &bound->files, table, hide_system,
                                          run->plan->rounds, run->execution->arena);
    bound->with_shadows = bound->columnar && bound->files.has_shadows;
    bound->with_hot = bound->estimate.hot_rows > 0 || run_has_alias_type(table);
    return STATUS_OK;
}

static void run_add_source(struct run *run, struct analytic_source *source, uint32_t *index)
{
    CHECK(run->source_count < (size_t)run->plan->table_count * 2);
    *index = (uint32_t)run->source_count;
    run->sources[run->source_count++] = source->source;
}

static enum status run_bind_table(struct run *run, uint32_t index, struct error *err)
{
    const struct analytic_table *reference = &run->plan->tables[index];
    struct run_table *bound = &run->tables[index];
    enum status status = run_resolve(run, index, err);

    CHECK(index < run->plan->table_count);
    if (status != STATUS_OK)
        return status;
    analytic_source_init(&bound->rows, run->execution, &bound->resolved, reference->hide_system);
    bound->rows.scan.with_deleted = reference->with_deleted;
    analytic_source_range(reference, bound->resolved.table, run->execution, &bound->rows.scan.range,
                          &bound->range);
    analytic_source_bounds(reference, run->execution, &bound->rows.scan);
    bound->rows.source.rows_estimate = RUN_SYSTEM_ROWS;
    if (run_is_stored(bound->resolved.table))
        status = run_choose(run, index, reference->hide_system, err);
    else
        run->rows_estimate += RUN_SYSTEM_ROWS;
    if (status != STATUS_OK)
        return status;
    if (bound->columnar) {
        run->columnar = true;
        bound->rows.scan.hot_only = true;
        bound->rows.source.rows_estimate = bound->estimate.hot_rows;
    }
    if (!bound->columnar || bound->with_hot)
        run_add_source(run, &bound->rows, &bound->rows_index);
    if (bound->with_shadows) { /* every hot key hides a cold row, deleted ones above all */
        analytic_source_init(&bound->shadows, run->execution, &bound->resolved, false);
        bound->shadows.scan.range = bound->rows.scan.range;
        bound->shadows.scan.with_deleted = true;
        bound->shadows.scan.hot_only = true;
        bound->shadows.source.rows_estimate = bound->estimate.hot_rows;
        run_add_source(run, &bound->shadows, &bound->shadows_index);
    }
    return STATUS_OK;
}

/* ---- text ---- */

static void run_append_table(void *context, uint32_t index, struct buf *out)
{
    struct run *run = context;
    const struct analytic_table *reference = &run->plan->tables[index];
    const struct run_table *bound = &run->tables[index];

    CHECK(index < run->plan->table_count);
    buf_append_byte(out, '(');
    if (!bound->columnar || bound->with_hot)
        buf_printf(out, "SELECT %.*s FROM hot_scan(%u)", STR_ARG(reference->columns),
                   bound->rows_index);
    if (bound->columnar && bound->with_hot)
        buf_append_str(out, STR_LIT(" UNION ALL "));
    if (bound->columnar)
        analytic_files_append(
            &bound->groups, !reference->with_deleted && bound->files.deleted_rows > 0,
            bound->with_shadows ? &bound->shadows_index : NULL,
            analytic_files_key(bound->resolved.table, run->execution->arena), out);
    buf_append_byte(out, ')');
    if (reference->alias.size > 0) {
        buf_append_str(out, STR_LIT(" AS "));
        splice_append_quoted(out, reference->alias, '"');
    }
}

/* A text beside a column has the column's type (docs/protocol.md). */
static enum status run_convert_param(struct run *run, uint32_t number, struct value *value,
                                     struct error *err)
{
    const struct data_type *type = &run->plan->param_types[number];
    enum status status;

    CHECK(number > 0 && number <= UINT8_MAX);
    *value = run->execution->params[number - 1];
    if (value->is_null || value->type != VALUE_TEXT || type->kind == VALUE_NULL ||
        type->kind == VALUE_TEXT || type->kind == VALUE_JSON || run->plan->param_mixed[number])
        return STATUS_OK;
    if (type->kind == VALUE_DECIMAL &&
        (analytic_decimal(value->text, value) || type->precision == 0)) /* 0: of no column */
        return STATUS_OK;
    status = value_cast(value, type, CAST_ASSIGNMENT, run->execution->arena, value, err);
    struct str column = run->plan->param_columns[number];
    if (status != STATUS_OK && column.size > 0)
        error_prefix(err, "parameter $%u (column \"%.*s\")", number, STR_ARG(column));
    else if (status != STATUS_OK)
        error_prefix(err, "parameter $%u", number);
    return status;
}

static enum status run_bind_params(struct run *run, struct error *err)
{
    const struct analytic_execution *execution = run->execution;

    CHECK(execution->params || execution->param_count == 0);
    run->params = arena_array(execution->arena, run->plan->param_count + 1,
                              sizeof(struct columnar_parameter));
    for (uint32_t i = 0; i < run->plan->param_count; i++) {
        struct columnar_parameter *param = &run->params[i];
        struct value value;
        enum status status;
        if (run->plan->params[i] > execution->param_count)
            return error_set(err, STATUS_INVALID_PARAMETER,
                             "parameter mismatch: expected %u, got %zu", run->plan->params[i],
                             execution->param_count);
        status = run_convert_param(run, run->plan->params[i], &value, err);
        if (status != STATUS_OK)
            return status;
        if (run->plan->param_keys[run->plan->params[i]] && value_type_is_text(value.type) &&
            !value.is_null && !analytic_path_fits(value.text))
            return error_set(err, STATUS_SQL_EXECUTION_ERROR, ANALYTIC_PATH_REFUSED);
        param->type = (struct column_type){(enum column_kind)value.type, analytic_precision(&value),
                                           value.scale};
        analytic_cell(&value, &param->cell);
    }
    return STATUS_OK;
}

static enum status run_bind(struct run *run, struct error *err)
{
    struct analytic_execution *execution = run->execution;
    const struct sql_caller *caller = execution->caller;
    struct splice_context context = {.now_us = execution->now_us != 0 ? execution->now_us
                                                                      : clock_now_us(),
                                     .user = caller->user,
                                     .role = str_from_c(role_name(caller->role)),
                                     .table = run_append_table,
                                     .context = run};
    uint32_t count = run->plan->table_count;
    enum status status = STATUS_OK;

    CHECK(execution->view && execution->arena);
    run->tables = arena_array(execution->arena, count + 1, sizeof(struct run_table));
    run->sources = arena_array(execution->arena, count * 2 + 1, sizeof(struct column_source));
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++)
        status = run_bind_table(run, i, err);
    if (status != STATUS_OK)
        return status;
    if (execution->analyze)
        buf_append_str(&run->text, STR_LIT("EXPLAIN (ANALYZE, FORMAT json) "));
    splice_assemble(run->plan, &context, &run->text);
    return run_bind_params(run, err);
}

/* ---- result ---- */

static struct data_type run_data_type(struct column_type type)
{
    CHECK((int)type.kind < VALUE_TYPE_COUNT);
    return (struct data_type){.kind = type.kind == COLUMN_NULL ? VALUE_TEXT
                                                               : (enum value_type)type.kind,
                              .precision = type.precision,
                              .scale = type.scale};
}

static void run_name_columns(struct run *run)
{
    const struct analytic_plan *plan = run->plan;
    bool expanded = run->column_count != plan->name_count || plan->names_shift;
    size_t front = expanded ? plan->name_front : plan->name_count;
    size_t back = expanded ? plan->name_back : 0;

    CHECK(plan->names || plan->name_count == 0);
    for (size_t i = 0; i < front && i < run->column_count; i++) {
        if (plan->names[i].size > 0)
            run->columns[i].name = plan->names[i];
    }
    for (size_t i = 1; i <= back && i <= run->column_count; i++) {
        if (plan->names[plan->name_count - i].size > 0)
            run->columns[run->column_count - i].name = plan->names[plan->name_count - i];
    }
}

/* A small result of files may be computed whole: DuckDB plans a prepared statement over files
 * twice. */
static bool run_is_small(const struct run *run)
{
    const struct analytic_plan *plan = run->plan;

    CHECK(plan->shape <= ANALYTIC_GROUPS);
    if (!run->columnar || plan->param_count > 0)
        return false;
    return plan->shape == ANALYTIC_ONE_ROW ||
           (plan->shape == ANALYTIC_GROUPS && plan->table_count == 1 &&
            run->rows_estimate <= RUN_WHOLE_GROUPS);
}

static enum status run_open(struct run *run, struct error *err)
{
    struct analytic_execution *execution = run->execution;
    struct columnar_query_options options = {.sql = buf_str(&run->text),
                                             .sources = run->sources,
                                             .source_count = run->source_count,
                                             .parameters = run->params,
                                             .parameter_count = run->plan->param_count,
                                             .large = run->rows_estimate > RUN_LARGE_ROWS,
                                             .whole = run_is_small(run),
                                             .deadline_ns = execution->deadline_ns,
                                             .cancelled = execution->cancelled};
    const struct columnar_result_column *columns;
    enum status status =
        columnar_query_open(execution->engine->columnar, &options, &run->query, err);

    if (status != STATUS_OK)
        return status;
    columns = columnar_query_columns(run->query, &run->column_count);
    CHECK(columns && run->column_count > 0);
    run->columns = arena_array(execution->arena, run->column_count, sizeof(struct sql_column));
    run->row = arena_array(execution->arena, run->column_count, sizeof(struct value));
    for (size_t i = 0; i < run->column_count; i++) {
        run->columns[i].name = arena_copy(execution->arena, columns[i].name);
        run->columns[i].type = run_data_type(columns[i].type);
    }
    run_name_columns(run);
    stars_find(run->plan, run->columns, run->column_count);
    return STATUS_OK;
}

/* DuckDB counts further than years 1 to 9999, and a day to its end. */
static enum status run_moment(const struct sql_column *column, int64_t integer, struct error *err)
{
    enum value_type kind = column->type.kind;
    bool fits = value_type_is_integer(kind) || value_moment_fits(kind, integer);

    CHECK(kind < VALUE_TYPE_COUNT);
    return fits ? STATUS_OK
                : error_set(err, STATUS_SQL_EXECUTION_ERROR,
                            "column \"%.*s\" is out of range for type %s", STR_ARG(column->name),
                            value_type_name(kind));
}

static enum status run_value(const struct column_cell *cell, const struct sql_column *column,
                             struct value *out, struct error *err)
{
    *out = (struct value){.type = column->type.kind,
                          .is_null = cell->is_null,
                          .precision = column->type.precision,
                          .scale = column->type.scale};
    if (cell->is_null)
        return STATUS_OK;
    if (column->type.kind == VALUE_BOOLEAN) {
        out->boolean = cell->boolean;
    } else if (column->type.kind == VALUE_FLOAT || column->type.kind == VALUE_DOUBLE) {
        if (!isfinite(cell->real))
            return error_set(err, STATUS_SQL_EXECUTION_ERROR, "column \"%.*s\" is out of range: %s",
                             STR_ARG(column->name),
                             isnan(cell->real) ? "not a number" : "infinite");
        out->real = cell->real;
    } else if (column->type.kind == VALUE_DECIMAL) {
        out->decimal = cell->decimal;
    } else if (value_type_is_text(column->type.kind)) {
        out->text = cell->text;
    } else if (column->type.kind == VALUE_UUID) {
        memcpy(out->uuid, cell->uuid, sizeof(out->uuid));
    } else {
        CHECK(column->type.kind < VALUE_TYPE_COUNT);
        out->integer = cell->integer;
        return run_moment(column, cell->integer, err);
    }
    return STATUS_OK;
}

static enum status run_block(struct run *run, const struct column_cell *const *cells, size_t rows,
                             struct error *err)
{
    struct analytic_execution *execution = run->execution;
    uint64_t rows_max = execution->engine->options.result_rows_max;
    enum status status = STATUS_OK;

    CHECK(cells || rows == 0);
    for (size_t row = 0; row < rows && status == STATUS_OK; row++) {
        for (size_t i = 0; i < run->column_count && status == STATUS_OK; i++)
            status = run_value(&cells[i][row], &run->columns[i], &run->row[i], err);
        if (status != STATUS_OK)
            break;
        if (rows_max > 0 && execution->row_count >= rows_max)
            return error_set(err, STATUS_RESULT_TOO_LARGE,
                             "the result has more than %llu rows (limits.max_result_rows)",
                             (unsigned long long)rows_max);
        execution->row_count++;
        if (execution->sink.row)
            status = execution->sink.row(execution->sink.context, run->row, err);
    }
    return status;
}

static enum status run_rows(struct run *run, struct error *err)
{
    struct analytic_execution *execution = run->execution;
    const struct column_cell *const *cells;
    size_t rows;
    enum status status = STATUS_OK;

    CHECK(run->query);
    if (execution->sink.columns)
        status =
            execution->sink.columns(execution->sink.context, run->columns, run->column_count, err);
    while (status == STATUS_OK) {
        status = columnar_query_next(run->query, &cells, &rows, err);
        if (status == STATUS_OK)
            status = run_block(run, cells, rows, err);
        if (status == STATUS_OK)
            status = arena_check(execution->arena, err);
    }
    if (status == STATUS_STALE) /* the client may hold rows already: no silent repetition */
        status = analytic_restarted(err);
    return status == STATUS_END ? STATUS_OK : status;
}

/* ---- EXPLAIN ---- */

static void run_explain_files(const struct run_table *bound, struct buf *out)
{
    CHECK(bound->columnar);
    buf_printf(out, "hot rows %llu, parquet files %zu",
               (unsigned long long)bound->estimate.hot_rows, bound->files.count);
    if (bound->groups.group_count > 1)
        buf_printf(out, " of %u schemas", bound->groups.group_count);
    if (bound->with_shadows)
        buf_append_str(out, STR_LIT(", minus shadowed keys"));
}

static void run_explain_table(struct run *run, uint32_t index, struct buf *out)
{
    const struct run_table *bound = &run->tables[index];
    const struct table *table = bound->resolved.table;
    const struct scan_estimate *estimate = &bound->estimate;

    CHECK(table);
    buf_printf(out, "  %.*s.%.*s: ", STR_ARG(table->space), STR_ARG(table->name));
    if (!run_is_stored(table))
        buf_append_str(out, STR_LIT("system table"));
    else if (bound->columnar)
        run_explain_files(bound, out);
    else
        buf_printf(out, "hot rows %llu, cold rows %llu", (unsigned long long)estimate->hot_rows,
                   (unsigned long long)estimate->cold_rows);
    if (run_is_stored(table)) {
        buf_append_str(out, STR_LIT(", "));
        analytic_describe_cold(estimate, out);
    }
    if (bound->range.size > 0)
        buf_printf(out, ", key range %.*s", STR_ARG(buf_str(&bound->range)));
    else if (run_is_stored(table))
        buf_printf(out, ", %s", table->kind == TABLE_KIND_USER ? "user prefix" : "full scan");
    if (run->plan->tables[index].with_deleted)
        buf_append_str(out, STR_LIT(", deleted rows shown"));
    buf_append_byte(out, '\n');
}

static void run_explain(struct run *run, struct buf *out)
{
    CHECK(out);
    buf_printf(out, "%s%s\n", run->columnar ? "duckdb columnar" : "duckdb over merged scan",
               run->rows_estimate > RUN_LARGE_ROWS ? ", parallel" : "");
    for (uint32_t i = 0; i < run->plan->table_count; i++)
        run_explain_table(run, i, out);
}

/* DuckDB has run the statement and made a profile instead of the rows: one row, whose second
 * column is its text. */
static enum status run_analyze(struct run *run, struct error *err)
{
    struct analytic_execution *execution = run->execution;
    const struct column_cell *const *cells;
    size_t rows;
    enum status status = columnar_query_next(run->query, &cells, &rows, err);

    CHECK(status != STATUS_OK || (rows == 1 && run->column_count == 2));
    if (status == STATUS_END)
        status = error_set(err, STATUS_INTERNAL_ERROR, "the statement left no profile");
    return status == STATUS_OK ? profile_describe(cells[1][0].text, execution->arena,
                                                  execution->explain, &execution->row_count, err)
                               : status;
}

/* ---- one execution ---- */

static void run_clear(struct run *run)
{
    CHECK(run->plan);
    columnar_query_close(run->query);
    for (uint32_t i = 0; run->tables && i < run->plan->table_count; i++) {
        buf_clear(&run->tables[i].range);
        scan_cold_files_release(run->execution->engine->store, &run->tables[i].files);
    }
    buf_clear(&run->text);
}

/* The name in double quotes behind `before`; empty if the message reads otherwise. */
static struct str run_quoted_name(const char *message, const char *before)
{
    const char *start = strstr(message, before), *end;

    CHECK(before);
    if (!start)
        return STR_EMPTY;
    start += strlen(before);
    end = strchr(start, '"');
    return end ? str_from(start, (size_t)(end - start)) : STR_EMPTY;
}

/* DuckDB opens with its own kind of error; the message behind it says what happened. */
static enum status run_translate(enum status status, struct error *err)
{
    static const char *const kinds[] = {
        "Invalid Input Error: ", "Out of Range Error: ", "Conversion Error: ",
        "Binder Error: ",        "Catalog Error: ",      "Parser Error: "};
    char name[LIMIT_IDENTIFIER_BYTES + 1];
    struct str column;

    CHECK(status != STATUS_OK);
    err->position = -1; /* it counts in the spliced text */
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        size_t size = strlen(kinds[i]);
        if (strncmp(err->message, kinds[i], size) == 0)
            memmove(err->message, err->message + size, strlen(err->message) - size + 1);
    }
    column = run_quoted_name(err->message, "eferenced column \"");
    if (column.size == 0)
        column = run_quoted_name(err->message, "does not have a column named \"");
    if (column.size == 0 || column.size >= sizeof(name))
        return status;
    memcpy(name, column.data, column.size);
    name[column.size] = 0;
    return error_set(err, STATUS_COLUMN_NOT_FOUND, "column not found: column \"%s\" does not exist",
                     name);
}

/* `*bound` tells STALE of the engine (repeat here) from STALE of the plan (prepare again). */
static enum status run_once(struct analytic_plan *plan, struct analytic_execution *execution,
                            bool *bound, struct error *err)
{
    struct run run = {.plan = plan, .execution = execution};
    enum status status;

    CHECK(execution->engine && execution->caller);
    buf_init(&run.text);
    execution->row_count = 0;
    status = run_bind(&run, err);
    *bound = status == STATUS_OK;
    if (status != STATUS_OK)
        goto out;
    if (execution->explain)
        run_explain(&run, execution->explain);
    if (execution->explain && !execution->analyze)
        goto out;
    status = run_open(&run, err);
    if (status == STATUS_OK)
        status = execution->explain ? run_analyze(&run, err) : run_rows(&run, err);
    if (status != STATUS_OK && status != STATUS_STALE)
        status = run_translate(status, err);
out:
    run_clear(&run);
    return status;
}

/* EXPLAIN ANALYZE of what leaves no profile: one step, the rows counted. */
static enum status run_counted(struct analytic_plan *plan, struct analytic_execution *execution,
                               struct error *err)
{
    struct analytic_execution plain = *execution;
    int64_t begun_ns = clock_monotonic_ns();
    bool bound = false;
    enum status status;

    CHECK(execution->analyze);
    plain.explain = NULL;
    plain.analyze = false;
    plain.sink = (struct sql_sink){0};
    status = run_once(plan, &plain, &bound, err);
    execution->row_count = plain.row_count;
    if (status == STATUS_OK)
        buf_printf(execution->explain, "  Step constants: %llu row(s) in %.3f ms\n",
                   (unsigned long long)plain.row_count,
                   (double)(clock_monotonic_ns() - begun_ns) / 1e6);
    return status;
}

enum status analytic_run(struct analytic_plan *plan, struct analytic_execution *execution,
                         struct error *err)
{
    size_t explained = execution->explain ? execution->explain->size : 0;
    bool bound = false;
    enum status status;

    CHECK(plan && execution);
    status = run_once(plan, execution, &bound, err);
    if (status == STATUS_STALE && bound) {
        if (execution->explain)
            execution->explain->size = explained;
        status = run_once(plan, execution, &bound, err);
    }
    if (status == STATUS_ABSENT && execution->analyze)
        status = run_counted(plan, execution, err);
    return status == STATUS_STALE && bound ? analytic_restarted(err) : status;
}
