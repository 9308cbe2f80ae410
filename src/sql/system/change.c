/* change.c — the system-table engine: INSERT, UPDATE, DELETE of system rows as one batch, see
 * change.h.
 *
 * Stateless: what the statement means follows from its text, its parameters, the caller, the
 * injected time and the rows as they are; so the same statement does the same wherever it is played
 * again. Values are computed once, before or while the batch is built, and travel in it as rows.
 * INSERT evaluates before the catalogue lock is taken; UPDATE and DELETE run WHERE and SET under
 * it, so that nothing changes in between.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/system/change.h"

#include "base/check.h"
#include "sql/system/scan.h"
#include "value/key.h"

enum { CHANGE_CHECK_ROWS = 256 };

struct system_change {
    struct sql_run *run;
    const struct system_writer *writer;
    struct value **inserts; /* INSERT: rows, all columns */
    size_t insert_count;
    bool *given;
    struct value **returned; /* RETURNING: finished output rows */
    size_t count, capacity;
};

uint32_t system_row_column(const struct system_row *row, const char *name)
{
    int index = table_find_column(row->table, str_from_c(name));

    CHECK(index >= 0);
    return (uint32_t)index;
}

const struct value *system_row_given(const struct system_row *row, const char *name)
{
    uint32_t index = system_row_column(row, name);

    CHECK(row->given != NULL && row->values != NULL);
    return row->given[index] && !row->values[index].is_null ? &row->values[index] : NULL;
}

static const struct system_writer *system_change_writer(const struct table *table)
{
    enum system_table which = system_table_of(table);

    switch (which) {
    case SYSTEM_TABLE_USERS:
        return &system_users_writer;
    case SYSTEM_TABLE_NAMESPACES:
        return &system_namespaces_writer;
    case SYSTEM_TABLE_STORAGES:
        return &system_storages_writer;
    default:
        CHECK(which == SYSTEM_TABLE_STORAGE_LOCATIONS); /* planned: plan_check_system_write */
        return &system_locations_writer;
    }
}

/* ---- one row --------------------------------------------------------------------------------- */

static void system_change_column(void *row, size_t index, struct value *out)
{
    const struct value *values = row;

    CHECK(values != NULL);
    *out = values[index];
}

static void system_change_context(struct sql_run *run, const struct value *values,
                                  struct expr_context *out)
{
    run_context(run, &run->arena, NULL, out);
    CHECK(values != NULL);
    out->column = system_change_column;
    out->row = (void *)(uintptr_t)values;
}

/* Counts the row, and keeps what RETURNING wants of it. */
static enum status system_change_keep(struct system_change *change, const struct value *values,
                                      struct error *err)
{
    const struct plan_output *output = &change->run->plan->output;
    struct arena *arena = &change->run->arena;
    struct expr_context context;

    change->count++;
    if (output->count == 0)
        return STATUS_OK;
    if (change->count > change->capacity) {
        size_t capacity = 2 * change->capacity + 8;
        change->returned =
            arena_grow(arena, change->returned, change->capacity * sizeof(struct value *),
                       capacity * sizeof(struct value *));
        change->capacity = capacity;
    }
    struct value *row = arena_array(arena, output->count, sizeof(*row));
    system_change_context(change->run, values, &context);
    enum status status = run_output(output, &context, row, err);
    for (uint32_t i = 0; i < output->count && status == STATUS_OK; i++)
        if (!row[i].is_null && value_type_is_text(row[i].type))
            row[i].text = arena_copy(arena, row[i].text);
    CHECK(change->count <= change->capacity);
    change->returned[change->count - 1] = row;
    return status;
}

/* ---- INSERT ---------------------------------------------------------------------------------- */

static enum status system_change_insert(struct system_change *change, struct ddl *ddl,
                                        struct error *err)
{
    struct system_row row = {
        .run = change->run, .table = change->run->plan->table, .ddl = ddl, .given = change->given};
    enum status status = STATUS_OK;

    CHECK(change->inserts != NULL || change->insert_count == 0);
    for (size_t i = 0; i < change->insert_count && status == STATUS_OK; i++) {
        row.values = change->inserts[i];
        if (i % CHANGE_CHECK_ROWS == 0)
            status = run_check(change->run, err);
        if (status == STATUS_OK)
            status = change->writer->insert(&row, err);
        if (status == STATUS_OK)
            status = system_change_keep(change, row.values, err);
    }
    return status;
}

/* ---- UPDATE, DELETE -------------------------------------------------------------------------- */

static enum status system_change_set(struct system_change *change, const struct value *old,
                                     struct value *values, struct error *err)
{
    struct sql_run *run = change->run;
    const struct plan_set *set = &run->plan->change.set;
    const struct table *table = run->plan->table;
    struct expr_context context;

    CHECK(set->count > 0);
    memcpy(values, old, table->schema->column_count * sizeof(*values));
    system_change_context(run, old, &context);
    for (uint32_t i = 0; i < set->count; i++) {
        const struct table_column *column = &table->schema->columns[set->columns[i]];
        struct value *target = &values[set->columns[i]];
        enum status status = STATUS_OK;
        if (set->programs[i] == NULL) /* DEFAULT */
            *target = value_null(column->type.kind);
        else
            status = expr_run(set->programs[i], &context, target, err);
        if (status == STATUS_TYPE_MISMATCH || status == STATUS_CONSTRAINT_VIOLATION)
            error_prefix(err, "column \"%.*s\"", STR_ARG(column->name));
        if (status != STATUS_OK)
            return status;
        change->given[set->columns[i]] = true;
    }
    return STATUS_OK;
}

static enum status system_change_row(struct system_change *change, struct ddl *ddl,
                                     struct value *old, struct error *err)
{
    struct sql_run *run = change->run;
    const struct table *table = run->plan->table;
    struct system_row row = {.run = run, .table = table, .ddl = ddl, .old = old};
    struct expr_context context;
    bool passes = true;
    enum status status = STATUS_OK;

    CHECK(run->plan->kind == PLAN_CHANGE);
    system_change_context(run, old, &context);
    if (run->plan->filter != NULL)
        status = expr_run_filter(run->plan->filter, &context, &passes, err);
    if (status != STATUS_OK || !passes)
        return status;
    if (run->plan->change.is_delete) {
        status = change->writer->remove(&row, err);
        return status == STATUS_OK ? system_change_keep(change, old, err) : status;
    }
    row.given = change->given;
    row.values = arena_array(&run->arena, table->schema->column_count, sizeof(struct value));
    status = system_change_set(change, old, row.values, err);
    if (status == STATUS_OK)
        status = change->writer->update(&row, err);
    return status == STATUS_OK ? system_change_keep(change, row.values, err) : status;
}

/* A key that WHERE names and that has no row is an error, as in ALTER and DROP. */
static enum status system_change_check_keys(struct system_change *change,
                                            const struct access_keys *keys,
                                            const struct system_scan *rows, struct error *err)
{
    const struct table *table = change->run->plan->table;
    const enum value_type kind = VALUE_TEXT;
    struct value key;

    CHECK(table->key_count == 1);
    for (size_t i = 0; i < keys->point_count; i++) {
        bool found = false;
        if (key_decode(keys->points[i], &kind, 1, &change->run->arena, &key, NULL) != STATUS_OK)
            continue;
        for (size_t k = 0; k < rows->count && !found; k++)
            found = str_equal(rows->rows[k][table->key_columns[0]].text, key.text);
        if (!found)
            return change->writer->missing(key.text, err);
    }
    return STATUS_OK;
}

static enum status system_change_rows(struct system_change *change, struct ddl *ddl,
                                      struct error *err)
{
    struct sql_run *run = change->run;
    struct access_keys keys;
    struct system_scan *rows = NULL;
    enum status status = access_resolve(run, &keys, err);

    if (status != STATUS_OK || keys.empty)
        return status;
    CHECK(run->plan->table->kind == TABLE_KIND_SYSTEM);
    struct table_source_options options = {
        .engine = run->engine,
        .caller = &run->caller,
        .points = run->plan->access.kind == PLAN_ACCESS_POINTS ? keys.points : NULL,
        .point_count = keys.point_count,
        .scan = {.view = ddl_view(ddl),
                 .table = run->plan->table,
                 .with_deleted = run->plan->with_deleted,
                 .seq_after = -1,
                 .arena = &run->arena},
    };
    status = system_scan_open(&options, &rows, err);
    if (status == STATUS_OK && options.points != NULL)
        status = system_change_check_keys(change, &keys, rows, err);
    for (size_t i = 0; status == STATUS_OK && i < rows->count; i++) {
        if (i % CHANGE_CHECK_ROWS == 0)
            status = run_check(run, err);
        if (status == STATUS_OK)
            status = system_change_row(change, ddl, rows->rows[i], err);
    }
    system_scan_close(rows);
    return status;
}

/* ---- the statement --------------------------------------------------------------------------- */

static enum status system_change_build(void *context, struct ddl *ddl, struct error *err)
{
    struct system_change *change = context;

    CHECK(change->writer != NULL);
    return change->run->plan->kind == PLAN_INSERT ? system_change_insert(change, ddl, err)
                                                  : system_change_rows(change, ddl, err);
}

enum status system_change_run(struct sql_run *run, bool may_block, struct error *err)
{
    const struct plan *plan = run->plan;
    struct system_change change = {.run = run, .writer = system_change_writer(plan->table)};
    bool secret = change.writer == &system_storages_writer ||
                  change.writer == &system_locations_writer; /* it may hold credentials */
    struct ddl_statement statement = {.sql = secret ? STR_EMPTY : run->text,
                                      .now_us = run->now_us,
                                      .build = system_change_build,
                                      .context = &change};
    enum status status = STATUS_OK;

    CHECK(plan->kind == PLAN_INSERT || plan->kind == PLAN_CHANGE);
    if (!may_block)
        return STATUS_WOULD_BLOCK;
    change.given = arena_array(&run->arena, plan->table->schema->column_count, sizeof(bool));
    if (plan->kind == PLAN_INSERT)
        status = insert_given(run, change.given, &change.inserts, &change.insert_count, err);
    if (status == STATUS_OK)
        status = ddl_run(run->engine->store, &statement, err);
    if (status == STATUS_OK)
        status = dml_report(run, change.count, err);
    for (size_t i = 0; status == STATUS_OK && plan->output.count > 0 && i < change.count; i++)
        status = run_send_row(run, change.returned[i], err);
    return status;
}
