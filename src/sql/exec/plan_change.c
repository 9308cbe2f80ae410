/* plan_change.c — binds UPDATE and DELETE.
 *
 * What our programs cannot evaluate (subqueries, functions only DuckDB has, other tables behind
 * FROM or USING) becomes one SELECT for DuckDB that yields key, _seq and the new values of every
 * row to change; the commit thread then takes each only if the row still has that _seq. So does a
 * WHERE with random() and its like: our own programs ask it twice of a row (exec/change.c), with
 * two answers then.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/plan.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/sql_token.h"

static struct str plan_change_part(const struct plan *plan, uint32_t start, uint32_t end)
{
    CHECK(start <= end && end <= plan->tree->text.size);
    return str_from(plan->tree->text.data + start, end - start);
}

/* The parts that UPDATE and DELETE share. */
struct plan_change_parts {
    const struct ast_name *table;
    struct str alias, from;
    struct ast_assignment *set;
    size_t set_count;
    const struct ast_expr *where;
    const struct ast_select_item *returning;
    size_t returning_count;
};

static struct plan_change_parts plan_change_parts(const struct ast_statement *tree)
{
    const struct ast_update *update = &tree->update;
    const struct ast_delete *del = &tree->del;

    CHECK(tree->kind == AST_UPDATE || tree->kind == AST_DELETE);
    if (tree->kind == AST_DELETE)
        return (struct plan_change_parts){.table = &del->table,
                                          .alias = del->alias,
                                          .from = del->from,
                                          .where = del->where,
                                          .returning = del->returning,
                                          .returning_count = del->returning_count};
    return (struct plan_change_parts){.table = &update->table,
                                      .alias = update->alias,
                                      .from = update->from,
                                      .set = update->set,
                                      .set_count = update->set_count,
                                      .where = update->where,
                                      .returning = update->returning,
                                      .returning_count = update->returning_count};
}

static void plan_change_text(struct plan_builder *builder, const struct plan_change_parts *parts)
{
    struct plan *plan = builder->plan;
    const struct table *table = plan->table;
    struct buf text;

    CHECK(str_is_empty(plan->change.analytic_text));
    buf_init(&text);
    buf_append_str(&text, STR_LIT("SELECT "));
    for (uint32_t i = 0; i < table->key_count; i++) {
        sql_append_quoted(&text, builder->scope.qualifier);
        buf_append_byte(&text, '.');
        sql_append_quoted(&text, table->schema->columns[table->key_columns[i]].name);
        buf_append_str(&text, STR_LIT(", "));
    }
    sql_append_quoted(&text, builder->scope.qualifier);
    buf_append_str(&text, STR_LIT("._seq"));
    for (size_t i = 0; i < parts->set_count; i++) {
        const struct ast_expr *value = parts->set[i].value;
        buf_append_str(&text, STR_LIT(", "));
        if (value->kind == AST_DEFAULT) {
            buf_append_str(&text, STR_LIT("NULL"));
            continue;
        }
        buf_append_byte(&text, '(');
        buf_append_str(&text, plan_change_part(plan, value->start, value->end));
        buf_append_byte(&text, ')');
    }
    buf_append_str(&text, STR_LIT(" FROM "));
    buf_append_str(&text, plan_change_part(plan, plan->name.start, plan->name.end));
    if (!str_is_empty(parts->alias)) {
        buf_append_str(&text, STR_LIT(" AS "));
        sql_append_quoted(&text, parts->alias);
    }
    if (!str_is_empty(parts->from)) {
        buf_append_str(&text, STR_LIT(", "));
        buf_append_str(&text, parts->from);
    }
    if (parts->where != NULL) {
        buf_append_str(&text, STR_LIT(" WHERE "));
        buf_append_str(&text, plan_change_part(plan, parts->where->start, parts->where->end));
    }
    plan->change.analytic_text = arena_copy(&plan->arena, buf_str(&text));
    buf_clear(&text);
}

/* Only the targets; the values are DuckDB's. */
static enum status plan_change_set_names(struct plan_builder *builder,
                                         const struct plan_change_parts *parts, struct error *err)
{
    static struct ast_expr none = {.kind = AST_DEFAULT};
    size_t count = parts->set_count;
    struct ast_assignment *names = arena_array(&builder->plan->arena, count, sizeof(*names));

    CHECK(parts->set != NULL || count == 0);
    for (size_t i = 0; i < count; i++) {
        names[i] = parts->set[i];
        names[i].value = &none;
    }
    builder->plan->change.set = (struct plan_set){0};
    return plan_compile_set(builder, names, count, &builder->plan->change.set, err);
}

static enum status plan_change_filter(struct plan_builder *builder, const struct ast_expr *where,
                                      struct error *err)
{
    bool allowed = builder->scope.allow_per_row_functions;

    CHECK(builder->plan->kind == PLAN_CHANGE);
    /* what changes system tables asks once, and has no other way */
    builder->scope.allow_per_row_functions = builder->plan->table->kind == TABLE_KIND_SYSTEM;
    enum status status = plan_compile_filter(builder, where, err);
    builder->scope.allow_per_row_functions = allowed;
    return status;
}

static enum status plan_change_rows(struct plan_builder *builder,
                                    const struct plan_change_parts *parts, struct error *err)
{
    struct plan *plan = builder->plan;
    enum status status = STATUS_NOT_SUPPORTED;

    CHECK(plan->kind == PLAN_CHANGE);
    if (str_is_empty(parts->from)) {
        status = plan_change_filter(builder, parts->where, err);
        if (status == STATUS_OK)
            status =
                plan_compile_set(builder, parts->set, parts->set_count, &plan->change.set, err);
    }
    if (status != STATUS_NOT_SUPPORTED) {
        if (status == STATUS_OK)
            plan_find_access(plan);
        return status;
    }
    if (plan->table->kind == TABLE_KIND_SYSTEM)
        return error_set(err, STATUS_NOT_SUPPORTED,
                         "subqueries and other tables in a change of system tables are not "
                         "supported in this version");
    plan_change_text(builder, parts);
    return plan_change_set_names(builder, parts, err);
}

enum status plan_build_change(struct plan_builder *builder, struct error *err)
{
    struct plan *plan = builder->plan;
    struct plan_change_parts parts = plan_change_parts(plan->tree);
    bool is_delete = plan->tree->kind == AST_DELETE;
    enum status status;

    plan->kind = PLAN_CHANGE;
    plan->change.is_delete = is_delete;
    status = plan_bind_table(builder, parts.table, parts.alias, true, err);
    if (status != STATUS_OK)
        return status;
    if (plan->table->kind == TABLE_KIND_SYSTEM) {
        status = plan_check_system_write(plan, is_delete ? "DELETE from" : "UPDATE of", err);
        if (status == STATUS_OK)
            status = plan_rewrite_system_change(builder, err);
        if (status != STATUS_OK)
            return status;
        parts = plan_change_parts(plan->tree); /* rewritten */
    }
    CHECK(plan->table != NULL);
    if (plan->table->kind == TABLE_KIND_STREAM && !is_delete)
        return error_set(err, STATUS_INVALID_OPERATION, "UPDATE is not possible on stream tables");
    status = plan_change_rows(builder, &parts, err);
    return status == STATUS_OK
               ? plan_compile_returning(builder, parts.returning, parts.returning_count, err)
               : status;
}
