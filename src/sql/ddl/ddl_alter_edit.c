/* ddl_alter_edit.c — the actions of one ALTER TABLE, applied in order to a copy of the newest
 * schema version.
 *
 * Rows are never touched: columns are found by id, so a renamed column keeps its values, a dropped
 * one is skipped and a new one of the same name has another id. Old rows show a
 * new column's DEFAULT as it was at this moment (`missing`), functions included, one value for all
 * of them (trap 11). A type only widens, so that every stored value can be read as the new type.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/ddl/ddl_alter.h"

#include "base/check.h"
#include "catalog/schema_rules.h"
#include "sql/system/scan.h"
#include "value/cast.h"
#include "value/text.h"

struct alter_editing {
    struct alter *alter;
    const struct table *table; /* before */
    struct table_schema *schema;
    uint32_t next_id;
    struct buf changes;
};

/* ---- notes on what was done ------------------------------------------------------------------ */

static void alter_note_name(struct buf *out, struct str name)
{
    bool plain = name.size > 0 && name.data[0] >= 'a' && name.data[0] <= 'z';

    for (size_t i = 0; i < name.size && plain; i++)
        plain = (name.data[i] >= 'a' && name.data[i] <= 'z') ||
                (name.data[i] >= '0' && name.data[i] <= '9') || name.data[i] == '_';
    CHECK(name.size > 0);
    buf_printf(out, plain ? "%.*s" : "\"%.*s\"", STR_ARG(name));
}

static void alter_note(struct alter_editing *editing, const char *verb, struct str name)
{
    CHECK(verb != NULL);
    if (editing->changes.size > 0)
        buf_append_str(&editing->changes, STR_LIT(", "));
    buf_append_str(&editing->changes, str_from_c(verb));
    buf_append_byte(&editing->changes, ' ');
    alter_note_name(&editing->changes, name);
}

static void alter_note_type(struct alter_editing *editing, const struct data_type *type)
{
    CHECK(type->kind != VALUE_NULL);
    buf_append_byte(&editing->changes, ' ');
    data_type_format(type, &editing->changes);
}

static void alter_note_default(struct alter_editing *editing, const struct table_column *column)
{
    struct value text = system_default_text(column, &editing->alter->run->arena);

    CHECK(column->name.size > 0);
    buf_printf(&editing->changes, " DEFAULT %.*s", text.is_null ? 4 : (int)text.text.size,
               text.is_null ? "NULL" : text.text.data);
}

/* ---- finding columns ------------------------------------------------------------------------- */

static struct table_column *alter_lookup(struct alter_editing *editing, struct str name)
{
    CHECK(name.size > 0);
    for (uint32_t i = 0; i < editing->schema->column_count; i++)
        if (str_equal(editing->schema->columns[i].name, name))
            return &editing->schema->columns[i];
    return NULL;
}

/* The column of an action; system columns are refused. */
static enum status alter_find(struct alter_editing *editing, const struct ast_alter_action *action,
                              struct table_column **out, struct error *err)
{
    *out = alter_lookup(editing, action->name);
    if (*out != NULL)
        return STATUS_OK;
    CHECK(editing->table->kind != TABLE_KIND_SYSTEM);
    if (table_find_column(editing->table, action->name) >=
        (int)editing->table->schema->column_count)
        return error_set_at(err, STATUS_INVALID_SCHEMA_EVOLUTION, action->start,
                            "system column \"%.*s\" cannot be altered", STR_ARG(action->name));
    return error_set_at(err, STATUS_COLUMN_NOT_FOUND, action->start,
                        "column not found: column \"%.*s\" does not exist", STR_ARG(action->name));
}

/* DROP, RENAME and MODIFY concern subscriptions that name the column. */
static void alter_touch(struct alter_editing *editing, const struct table_column *column)
{
    struct alter *alter = editing->alter;

    CHECK(column->id > 0);
    if (column->id < table_next_column_id(editing->table)) /* not added by this statement */
        alter->touched[alter->touched_count++] = column->id;
}

static enum status alter_refuse_key(const struct table_column *column,
                                    const struct ast_alter_action *action, const char *what,
                                    struct error *err)
{
    CHECK(what != NULL);
    if (column->key_position < 0)
        return STATUS_OK;
    return error_set_at(err, STATUS_INVALID_SCHEMA_EVOLUTION, action->start,
                        "column \"%.*s\" is part of the primary key and cannot %s",
                        STR_ARG(column->name), what);
}

/* ---- ADD, DROP, RENAME ----------------------------------------------------------------------- */

/* What rows that are there already show. */
static enum status alter_freeze_default(struct alter_editing *editing, struct table_column *column,
                                        struct error *err)
{
    struct sql_run *run = editing->alter->run;
    struct arena *arena = editing->schema->arena;
    struct value now, *missing;
    enum status status = dml_default(run, editing->table, column, &now, err);

    CHECK(column->key_position < 0);
    if (status != STATUS_OK || now.is_null)
        return status;
    missing = arena_alloc(arena, sizeof(*missing));
    status = value_cast(&now, &column->type, CAST_ASSIGNMENT, arena, missing, err);
    if (status != STATUS_OK) {
        error_prefix(err, "DEFAULT of column \"%.*s\"", STR_ARG(column->name));
        return status;
    }
    column_keep_value(arena, missing);
    column->missing = missing;
    return STATUS_OK;
}

static enum status alter_add(struct alter_editing *editing, const struct ast_alter_action *action,
                             struct error *err)
{
    struct table_schema *schema = editing->schema;
    struct table_column *column = &schema->columns[schema->column_count];
    enum status status;

    if (alter_lookup(editing, action->name) != NULL)
        return action->conditional
                   ? STATUS_OK
                   : error_set_at(err, STATUS_ALREADY_EXISTS, action->start,
                                  "column \"%.*s\" of relation \"%.*s.%.*s\" already exists",
                                  STR_ARG(action->name), STR_ARG(editing->table->space),
                                  STR_ARG(editing->table->name));
    if (action->column.primary_key)
        return error_set_at(err, STATUS_INVALID_SCHEMA_EVOLUTION, action->start,
                            "the primary key of a table cannot be changed");
    if (schema->column_count >= LIMIT_TABLE_COLUMNS)
        return error_set_at(err, STATUS_INVALID_SCHEMA_EVOLUTION, action->start,
                            "a table has at most %d columns", LIMIT_TABLE_COLUMNS);
    status = column_define(editing->alter->run, schema->arena, &action->column, column, err);
    if (status == STATUS_OK)
        status = alter_freeze_default(editing, column, err);
    if (status != STATUS_OK)
        return status;
    column->id = editing->next_id++;
    schema->column_count++;
    CHECK(column->key_position < 0);
    alter_note(editing, "ADD COLUMN", column->name);
    alter_note_type(editing, &column->type);
    if (column->not_null)
        buf_append_str(&editing->changes, STR_LIT(" NOT NULL"));
    if (column->default_kind != DEFAULT_NONE)
        alter_note_default(editing, column);
    return STATUS_OK;
}

static enum status alter_drop(struct alter_editing *editing, const struct ast_alter_action *action,
                              struct error *err)
{
    struct table_schema *schema = editing->schema;
    struct table_column *column;
    enum status status = alter_find(editing, action, &column, err);

    if (status == STATUS_COLUMN_NOT_FOUND && action->conditional) {
        error_clear(err);
        return STATUS_OK;
    }
    if (status == STATUS_OK)
        status = alter_refuse_key(column, action, "be dropped", err);
    if (status != STATUS_OK)
        return status;
    CHECK(schema->column_count > 1); /* the key is there */
    alter_touch(editing, column);
    alter_note(editing, "DROP COLUMN", column->name);
    size_t behind = (size_t)(schema->columns + schema->column_count - column - 1);
    memmove(column, column + 1, behind * sizeof(*column));
    schema->column_count--;
    return STATUS_OK;
}

static enum status alter_rename(struct alter_editing *editing,
                                const struct ast_alter_action *action, struct error *err)
{
    struct str name = action->column.name;
    struct table_column *column;
    enum status status = alter_find(editing, action, &column, err);

    if (status != STATUS_OK)
        return status;
    if (alter_lookup(editing, name) != NULL)
        return error_set_at(err, STATUS_ALREADY_EXISTS, action->column.start,
                            "column \"%.*s\" of relation \"%.*s.%.*s\" already exists",
                            STR_ARG(name), STR_ARG(editing->table->space),
                            STR_ARG(editing->table->name));
    CHECK(name.size > 0);
    alter_touch(editing, column);
    alter_note(editing, "RENAME COLUMN", column->name);
    buf_append_str(&editing->changes, STR_LIT(" TO "));
    alter_note_name(&editing->changes, name);
    column->name = arena_copy(editing->schema->arena, name);
    return STATUS_OK;
}

/* ---- MODIFY, ALTER COLUMN -------------------------------------------------------------------- */

/* What was declared for the old type goes on as the new one. */
static enum status alter_widen_values(struct alter_editing *editing, struct table_column *column,
                                      struct error *err)
{
    struct arena *arena = editing->schema->arena;
    enum status status = STATUS_OK;

    CHECK(column->type.kind != VALUE_NULL);
    if (column->missing != NULL) {
        struct value *missing = arena_alloc(arena, sizeof(*missing));
        status = value_cast(column->missing, &column->type, CAST_EXPLICIT, arena, missing, err);
        column->missing = missing;
    }
    if (status == STATUS_OK && column->default_kind == DEFAULT_LITERAL) {
        struct value old = column->default_value;
        status = value_cast(&old, &column->type, CAST_EXPLICIT, arena, &column->default_value, err);
    }
    return status;
}

static enum status alter_retype(struct alter_editing *editing,
                                const struct ast_alter_action *action, struct table_column *column,
                                struct error *err)
{
    const struct data_type *type = &action->column.type;
    bool replaced = action->column.default_value != NULL;
    enum status status = STATUS_OK;

    if (!data_type_is_same(&column->type, type))
        status = alter_refuse_key(column, action, "change its type", err);
    if (status != STATUS_OK)
        return status;
    if (!column_type_widens(&column->type, type)) {
        struct buf from, to;
        buf_init(&from);
        buf_init(&to);
        data_type_format(&column->type, &from);
        data_type_format(type, &to);
        status =
            error_set_at(err, STATUS_INVALID_SCHEMA_EVOLUTION, action->start,
                         "column \"%.*s\" of type %.*s cannot become %.*s: a type can only be "
                         "widened",
                         STR_ARG(column->name), STR_ARG(buf_str(&from)), STR_ARG(buf_str(&to)));
        buf_clear(&from);
        buf_clear(&to);
        return status;
    }
    CHECK(type->kind != VALUE_NULL);
    if (!replaced && !column_default_fits(column->default_kind, type))
        return error_set_at(err, STATUS_INVALID_SCHEMA_EVOLUTION, action->start,
                            "the DEFAULT of column \"%.*s\" does not fit type %s: give another one",
                            STR_ARG(column->name), value_type_name(type->kind));
    column->type = *type;
    return alter_widen_values(editing, column, err);
}

static enum status alter_new_default(struct alter_editing *editing,
                                     const struct ast_alter_action *action,
                                     struct table_column *column, struct error *err)
{
    CHECK(action->column.default_value != NULL);
    column->auto_increment = false;
    return column_set_default(editing->alter->run, editing->schema->arena,
                              action->column.default_value, column, err);
}

static enum status alter_modify(struct alter_editing *editing,
                                const struct ast_alter_action *action, struct error *err)
{
    const struct ast_column_def *given = &action->column;
    struct table_column *column;
    enum status status = alter_find(editing, action, &column, err);

    if (status == STATUS_OK)
        status = alter_retype(editing, action, column, err);
    if (status == STATUS_OK && given->nullable_given)
        status = alter_refuse_key(column, action, "be NULL", err);
    if (status != STATUS_OK)
        return status;
    alter_touch(editing, column);
    column->not_null = given->not_null || (column->not_null && !given->nullable_given);
    alter_note(editing, action->kind == AST_ALTER_TYPE ? "ALTER COLUMN" : "MODIFY COLUMN",
               column->name);
    if (action->kind == AST_ALTER_TYPE)
        buf_append_str(&editing->changes, STR_LIT(" TYPE"));
    alter_note_type(editing, &column->type);
    if (given->not_null || given->nullable_given)
        buf_append_str(&editing->changes,
                       given->not_null ? STR_LIT(" NOT NULL") : STR_LIT(" NULL"));
    if (given->default_value == NULL)
        return STATUS_OK;
    status = alter_new_default(editing, action, column, err);
    CHECK(action->kind == AST_ALTER_MODIFY);
    if (status == STATUS_OK)
        alter_note_default(editing, column);
    return status;
}

/* SET or DROP of NOT NULL or DEFAULT. */
static enum status alter_property(struct alter_editing *editing,
                                  const struct ast_alter_action *action, struct error *err)
{
    struct table_column *column;
    enum status status = alter_find(editing, action, &column, err);

    if (status == STATUS_OK && action->kind == AST_ALTER_DROP_NOT_NULL)
        status = alter_refuse_key(column, action, "be NULL", err);
    if (status == STATUS_OK && action->kind == AST_ALTER_SET_DEFAULT)
        status = alter_new_default(editing, action, column, err);
    if (status != STATUS_OK)
        return status;
    alter_note(editing, "ALTER COLUMN", column->name);
    switch (action->kind) {
    case AST_ALTER_SET_NOT_NULL:
        column->not_null = true;
        buf_append_str(&editing->changes, STR_LIT(" SET NOT NULL"));
        return STATUS_OK;
    case AST_ALTER_DROP_NOT_NULL:
        column->not_null = false;
        buf_append_str(&editing->changes, STR_LIT(" DROP NOT NULL"));
        return STATUS_OK;
    case AST_ALTER_SET_DEFAULT:
        buf_append_str(&editing->changes, STR_LIT(" SET"));
        alter_note_default(editing, column);
        return STATUS_OK;
    default:
        CHECK(action->kind == AST_ALTER_DROP_DEFAULT);
        column->default_kind = DEFAULT_NONE;
        column->auto_increment = false;
        buf_append_str(&editing->changes, STR_LIT(" DROP DEFAULT"));
        return STATUS_OK;
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

static enum status alter_apply(struct alter_editing *editing, const struct ast_alter_action *action,
                               struct error *err)
{
    CHECK(editing->schema != NULL);
    switch (action->kind) {
    case AST_ALTER_ADD:
        return alter_add(editing, action, err);
    case AST_ALTER_DROP:
        return alter_drop(editing, action, err);
    case AST_ALTER_RENAME:
        return alter_rename(editing, action, err);
    case AST_ALTER_MODIFY:
    case AST_ALTER_TYPE:
        return alter_modify(editing, action, err);
    case AST_ALTER_SET_NOT_NULL:
    case AST_ALTER_DROP_NOT_NULL:
    case AST_ALTER_SET_DEFAULT:
    case AST_ALTER_DROP_DEFAULT:
        return alter_property(editing, action, err);
    }
    UNREACHABLE("action of ALTER TABLE");
}

static const struct table_column *alter_column_before(const struct table *table, uint32_t id)
{
    CHECK(id > 0);
    for (uint32_t i = 0; i < table->schema->column_count; i++)
        if (table->schema->columns[i].id == id)
            return &table->schema->columns[i];
    return NULL;
}

/* What the new version asks of the rows that are there. */
static void alter_find_demands(struct alter *alter, const struct table *table,
                               const struct table_schema *schema)
{
    for (uint32_t i = 0; i < schema->column_count; i++) {
        const struct table_column *column = &schema->columns[i];
        const struct table_column *before = alter_column_before(table, column->id);
        if (!column->not_null)
            continue;
        if (before == NULL && column->missing == NULL)
            alter->filled_by = arena_copy(&alter->run->arena, column->name);
        else if (before != NULL && !before->not_null && before->key_position < 0)
            alter->required[alter->required_count++] = column->id;
    }
    for (size_t i = 0; i < alter->tree->action_count; i++)
        if (str_equal(alter->tree->actions[i].name, alter->filled_by))
            alter->filled_at = alter->tree->actions[i].start;
    CHECK(alter->required_count <= table->schema->column_count);
}

static enum status alter_columns(struct alter *alter, const struct table *table, struct table *copy,
                                 struct error *err)
{
    struct alter_editing editing = {.alter = alter,
                                    .table = table,
                                    .schema = copy->schemas[copy->schema_count - 1],
                                    .next_id = table_next_column_id(table)};
    struct table_schema *schema = editing.schema;
    size_t room = schema->column_count + alter->tree->action_count;
    enum status status = STATUS_OK;

    CHECK(schema->version == table->schema->version + 1);
    schema->columns =
        arena_grow(schema->arena, schema->columns, schema->column_count * sizeof(*schema->columns),
                   room * sizeof(*schema->columns));
    buf_init(&editing.changes);
    for (size_t i = 0; i < alter->tree->action_count && status == STATUS_OK; i++)
        status = alter_apply(&editing, &alter->tree->actions[i], err);
    schema->changes = arena_copy(schema->arena, buf_str(&editing.changes));
    buf_clear(&editing.changes);
    if (status == STATUS_OK)
        alter_find_demands(alter, table, schema);
    return status;
}

static void alter_forget(struct alter *alter, const struct table *table)
{
    struct arena *arena = &alter->run->arena;

    CHECK(alter->tree != NULL);
    alter->touched = arena_array(arena, alter->tree->action_count, sizeof(*alter->touched));
    alter->required = arena_array(arena, table->schema->column_count, sizeof(*alter->required));
    alter->touched_count = alter->required_count = 0;
    alter->filled_by = STR_EMPTY;
    alter->changes = false;
    alter->version = table->schema->version;
}

enum status alter_edit(struct alter *alter, const struct table *table, struct table **next,
                       struct error *err)
{
    bool columns = alter->tree->action_count > 0;
    struct table *copy = table_copy(table, columns);
    enum status status = STATUS_OK;

    *next = NULL;
    alter_forget(alter, table);
    if (columns)
        status = alter_columns(alter, table, copy, err);
    if (status == STATUS_OK && columns && str_is_empty(copy->schema->changes)) {
        table_unref(copy); /* IF NOT EXISTS, IF EXISTS: no new version */
        copy = table_copy(table, false);
    }
    if (status == STATUS_OK)
        status = alter_table_options(alter->run->plan->tree->text, alter->tree, copy, err);
    if (status != STATUS_OK) {
        table_unref(copy);
        return status;
    }
    alter->version = copy->schema->version;
    alter->changes = alter->version > table->schema->version || alter->tree->option_count > 0;
    CHECK_SLOW(table_schemas_are_valid(copy));
    if (alter->changes)
        *next = copy;
    else
        table_unref(copy);
    return STATUS_OK;
}
