/* ddl_column.c — one column of a table in the making: type, NOT NULL, DEFAULT (docs/sql.md).
 * Used by CREATE TABLE and ALTER TABLE.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/ddl/ddl_table.h"

#include "base/check.h"
#include "catalog/schema_rules.h"
#include "value/text.h"

static enum status column_default_call(const struct ast_expr *call, struct table_column *column,
                                       struct error *err)
{
    static const struct {
        const char *name;
        enum default_kind kind;
    } functions[] = {
        {"now", DEFAULT_NOW},
        {"current_timestamp", DEFAULT_NOW},
        {"snowflake_id", DEFAULT_SNOWFLAKE},
        {"uuid_v7", DEFAULT_UUID_V7},
        {"ulid", DEFAULT_ULID},
        {"current_user", DEFAULT_CURRENT_USER},
    };
    struct buf type;

    CHECK(call->kind == AST_CALL);
    column->default_kind = DEFAULT_NONE;
    for (size_t i = 0; i < ARRAY_COUNT(functions); i++)
        if (str_equal(call->name, str_from_c(functions[i].name)) && call->arg_count == 0)
            column->default_kind = functions[i].kind;
    if (column->default_kind == DEFAULT_NONE)
        return error_set_at(err, STATUS_INVALID_SQL, call->start,
                            "function %.*s() is not possible as DEFAULT", STR_ARG(call->name));
    if (column_default_fits(column->default_kind, &column->type))
        return STATUS_OK;
    buf_init(&type);
    data_type_format(&column->type, &type);
    enum status status =
        error_set_at(err, STATUS_INVALID_SQL, call->start,
                     "DEFAULT %.*s() does not fit column \"%.*s\" of type %.*s",
                     STR_ARG(call->name), STR_ARG(column->name), STR_ARG(buf_str(&type)));
    buf_clear(&type);
    return status;
}

void column_keep_value(struct arena *arena, struct value *value)
{
    CHECK(arena != NULL);
    if (!value->is_null && value_type_is_text(value->type))
        value->text = arena_copy(arena, value->text);
}

enum status column_set_default(struct sql_run *run, struct arena *arena,
                               const struct ast_expr *tree, struct table_column *column,
                               struct error *err)
{
    const struct expr_scope nothing = {0};
    struct expr_program *program = NULL;
    struct expr_context context;
    enum status status;

    CHECK(tree != NULL);
    if (tree->kind == AST_CALL)
        return column_default_call(tree, column, err);
    status = expr_compile(tree, &nothing, &column->type, &program, err);
    if (status == STATUS_OK) {
        run_context(run, &run->arena, NULL, &context);
        status = expr_run(program, &context, &column->default_value, err);
    }
    if (status == STATUS_OK) {
        column->default_kind = column->default_value.is_null ? DEFAULT_NONE : DEFAULT_LITERAL;
        column_keep_value(arena, &column->default_value);
    }
    expr_unref(program); /* the value may have borrowed from it */
    if (status != STATUS_OK) {
        error_prefix(err, "DEFAULT of column \"%.*s\"", STR_ARG(column->name));
        err->code = STATUS_INVALID_SQL;
        err->position = tree->start;
        return STATUS_INVALID_SQL;
    }
    return STATUS_OK;
}

enum status column_define(struct sql_run *run, struct arena *arena,
                          const struct ast_column_def *def, struct table_column *column,
                          struct error *err)
{
    CHECK(def->type.kind != VALUE_NULL);
    *column = (struct table_column){
        .name = arena_copy(arena, def->name),
        .type = def->type,
        .not_null = def->not_null,
        .auto_increment = def->auto_increment,
        .key_position = -1,
    };
    if (def->default_value == NULL)
        return STATUS_OK;
    return column_set_default(run, arena, def->default_value, column, err);
}
