/* namespaces.c — what INSERT, UPDATE and DELETE of system.namespaces do: CREATE, ALTER and DROP
 * NAMESPACE with the same checks (docs/sql.md).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/system/change.h"

#include "base/check.h"
#include "sql/binder.h"

/* The finished row, for RETURNING. */
static void namespaces_show(struct system_row *row, struct str options, int64_t created_at,
                            const struct value *table_count)
{
    struct value *values = row->values;

    CHECK(!values[0].is_null);
    values[system_row_column(row, "options")] =
        str_is_empty(options) ? value_null(VALUE_JSON) : value_text(VALUE_JSON, options);
    values[system_row_column(row, "table_count")] =
        table_count != NULL ? *table_count : value_integer(VALUE_INT, 0);
    values[system_row_column(row, "created_at")] = value_integer(VALUE_TIMESTAMP, created_at);
    values[system_row_column(row, "updated_at")] = value_integer(VALUE_TIMESTAMP, row->run->now_us);
}

/* Keys that are set to null are no options. */
static enum status namespaces_options(struct system_row *row, struct str *out, struct error *err)
{
    const struct value *given = system_row_given(row, "options");

    CHECK(out != NULL);
    *out = STR_EMPTY;
    if (given == NULL)
        return STATUS_OK;
    return options_json_merge(STR_EMPTY, given->text, &row->run->arena, out, err);
}

static enum status namespaces_insert(struct system_row *row, struct error *err)
{
    const struct value *name = system_row_given(row, "namespace_id");
    struct str options;
    enum status status;

    if (name == NULL)
        return error_set(err, STATUS_CONSTRAINT_VIOLATION,
                         "null value in column \"namespace_id\" violates not-null constraint");
    CHECK(row->ddl != NULL);
    status = binder_check_identifier(name->text, "namespace", -1, err);
    if (status == STATUS_OK)
        status = namespaces_options(row, &options, err);
    if (status == STATUS_OK)
        status = ddl_add_namespace(row->ddl, name->text, options, err);
    if (status == STATUS_OK)
        namespaces_show(row, options, row->run->now_us, NULL);
    return status;
}

static enum status namespaces_update(struct system_row *row, struct error *err)
{
    uint32_t created = system_row_column(row, "created_at");
    uint32_t count = system_row_column(row, "table_count");
    struct str options;
    enum status status = namespaces_options(row, &options, err);

    CHECK(row->old != NULL);
    if (status == STATUS_OK)
        status = ddl_set_namespace(row->ddl, row->old[0].text, options, false, err);
    if (status == STATUS_OK)
        namespaces_show(row, options, row->old[created].integer, &row->old[count]);
    return status;
}

static enum status namespaces_remove(struct system_row *row, struct error *err)
{
    CHECK(row->old != NULL);
    return ddl_remove_namespace(row->ddl, row->old[0].text, err);
}

static enum status namespaces_missing(struct str key, struct error *err)
{
    CHECK(key.data != NULL || key.size == 0);
    return error_set(err, STATUS_NAMESPACE_NOT_FOUND,
                     "namespace not found: namespace \"%.*s\" does not exist", STR_ARG(key));
}

const struct system_writer system_namespaces_writer = {
    .insert = namespaces_insert,
    .update = namespaces_update,
    .remove = namespaces_remove,
    .missing = namespaces_missing,
};
