/* plan_change.c — binds UPDATE and DELETE.
 *
 * What our programs cannot evaluate (subqueries, functions only DuckDB has) becomes one SELECT for
 * DuckDB that yields key, _seq and the new values of every row to change; the commit thread then
 * takes each only if the row still has that _seq.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/plan.h"

#include "base/buf.h"
#include "base/check.h"

static struct str plan_change_part(const struct plan *plan, uint32_t start, uint32_t end)
{
    CHECK(start <= end && end <= plan->tree->text.size);
    return str_from(plan->tree->text.data + start, end - start);
}

static void plan_change_quote(struct buf *out, struct str name)
{
    CHECK(name.size > 0);
    buf_append_byte(out, '"');
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] == '"')
            buf_append_byte(out, '"');
        buf_append_byte(out, (uint8_t)name.data[i]);
    }
    buf_append_byte(out, '"');
}

static void plan_change_text(struct plan_builder *builder, const struct ast_assignment *set,
                             size_t set_count, struct str alias, const struct ast_expr *where)
{
    struct plan *plan = builder->plan;
    const struct table *table = plan->table;
    struct buf text;

    CHECK(str_is_empty(plan->change.analytic_text));
    buf_init(&text);
    buf_append_str(&text, STR_LIT("SELECT "));
    for (uint32_t i = 0; i < table->key_count; i++) {
        plan_change_quote(&text, builder->scope.qualifier);
        buf_append_byte(&text, '.');
        plan_change_quote(&text, table->schema->columns[table->key_columns[i]].name);
        buf_append_str(&text, STR_LIT(", "));
    }
    plan_change_quote(&text, builder->scope.qualifier);
    buf_append_str(&text, STR_LIT("._seq"));
    for (size_t i = 0; i < set_count; i++) {
        buf_append_str(&text, STR_LIT(", "));
        if (set[i].value->kind == AST_DEFAULT) {
            buf_append_str(&text, STR_LIT("NULL"));
            continue;
        }
        buf_append_byte(&text, '(');
        buf_append_str(&text, plan_change_part(plan, set[i].value->start, set[i].value->end));
        buf_append_byte(&text, ')');
    }
    buf_append_str(&text, STR_LIT(" FROM "));
    buf_append_str(&text, plan_change_part(plan, plan->name.start, plan->name.end));
    if (!str_is_empty(alias)) {
        buf_append_str(&text, STR_LIT(" AS "));
        plan_change_quote(&text, alias);
    }
    if (where != NULL) {
        buf_append_str(&text, STR_LIT(" WHERE "));
        buf_append_str(&text, plan_change_part(plan, where->start, where->end));
    }
    plan->change.analytic_text = arena_copy(&plan->arena, buf_str(&text));
    buf_clear(&text);
}

/* Only the targets; the values are DuckDB's. */
static enum status plan_change_set_names(struct plan_builder *builder,
                                         const struct ast_assignment *set, size_t count,
                                         struct error *err)
{
    static struct ast_expr none = {.kind = AST_DEFAULT};
    struct ast_assignment *names = arena_array(&builder->plan->arena, count, sizeof(*names));

    CHECK(set != NULL || count == 0);
    for (size_t i = 0; i < count; i++) {
        names[i] = set[i];
        names[i].value = &none;
    }
    builder->plan->change.set = (struct plan_set){0};
    return plan_compile_set(builder, names, count, &builder->plan->change.set, err);
}

static enum status plan_change_rows(struct plan_builder *builder, const struct ast_assignment *set,
                                    size_t set_count, struct str alias,
                                    const struct ast_expr *where, struct error *err)
{
    struct plan *plan = builder->plan;
    enum status status = plan_compile_filter(builder, where, err);

    CHECK(plan->kind == PLAN_CHANGE);
    if (status == STATUS_OK)
        status = plan_compile_set(builder, set, set_count, &plan->change.set, err);
    if (status != STATUS_NOT_SUPPORTED) {
        if (status == STATUS_OK)
            plan_find_access(plan);
        return status;
    }
    if (plan->table->kind == TABLE_KIND_SYSTEM)
        return error_set(
            err, STATUS_NOT_SUPPORTED,
            "subqueries in a change of system tables are not supported in this version");
    plan_change_text(builder, set, set_count, alias, where);
    return plan_change_set_names(builder, set, set_count, err);
}

enum status plan_build_change(struct plan_builder *builder, struct error *err)
{
    struct plan *plan = builder->plan;
    const struct ast_update *update = &plan->tree->update;
    const struct ast_delete *del = &plan->tree->del;
    bool is_delete = plan->tree->kind == AST_DELETE;
    struct str alias = is_delete ? del->alias : update->alias;
    size_t returning = is_delete ? del->returning_count : update->returning_count;
    enum status status;

    CHECK(is_delete || plan->tree->kind == AST_UPDATE);
    plan->kind = PLAN_CHANGE;
    plan->change.is_delete = is_delete;
    status = plan_bind_table(builder, is_delete ? &del->table : &update->table, alias, true, err);
    if (status != STATUS_OK)
        return status;
    if (plan->table->kind == TABLE_KIND_SYSTEM) {
        status = plan_check_system_write(plan, is_delete ? "DELETE from" : "UPDATE of", err);
        if (status == STATUS_OK)
            status = plan_rewrite_system_change(builder, err);
        if (status != STATUS_OK)
            return status;
    }
    if (plan->table->kind == TABLE_KIND_STREAM && !is_delete)
        return error_set(err, STATUS_INVALID_OPERATION, "UPDATE is not possible on stream tables");
    status = is_delete ? plan_change_rows(builder, NULL, 0, alias, del->where, err)
                       : plan_change_rows(builder, update->set, update->set_count, alias,
                                          update->where, err);
    if (status == STATUS_OK && returning > 0)
        status = plan_compile_output(builder, is_delete ? del->returning : update->returning,
                                     returning, err);
    return status;
}
