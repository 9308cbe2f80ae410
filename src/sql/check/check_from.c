/* check_from.c — FROM: tables are resolved with the caller's rights, other sources checked, and
 * what WHERE says about the leading key column is kept as bounds for the scan.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/check/check.h"

#include "base/check.h"
#include "sql/syntax/lexer.h"

const struct check_scope *check_find_cte(const struct check *check, struct str name)
{
    CHECK(name.data || name.size == 0);
    for (const struct check_scope *scope = check->scope; scope; scope = scope->outer) {
        if (str_equal_nocase(scope->name, name))
            return scope;
    }
    return NULL;
}

/* `node` gives the element its name, and perhaps names to its columns. */
static struct check_item *check_add_item(struct check *check, const struct tree *node,
                                         struct str name, uint32_t first, int32_t table)
{
    struct check_item *item = arena_zalloc(check->arena, sizeof(*item));
    const struct tree *names = tree_get(node, "column_name_alias");

    CHECK(check->level && first <= check->plan->table_count);
    item->name = name;
    item->first = first;
    item->last = check->plan->table_count;
    item->table = table;
    item->names = names && names->child ? names : NULL;
    item->next = check->level->items;
    check->level->items = item;
    check->level->item_count++;
    check->level->joined++;
    return item;
}

/* The only element of this name on one level; NULL when there is none or two. */
struct check_item *check_find_item(const struct check_level *level, struct str name)
{
    struct check_item *found = NULL;

    CHECK(level);
    for (struct check_item *item = level->items; item; item = item->next) {
        if (!str_equal_nocase(item->name, name))
            continue;
        if (found)
            return NULL;
        found = item;
    }
    return found;
}

/* Does our reading of the name agree with DuckDB's? */
static bool check_same_name(const struct tree *node, const struct splice_name *name)
{
    struct str parts[3] = {tree_text(node, "catalog_name"), tree_text(node, "schema_name"),
                           tree_text(node, "table_name")};
    uint32_t count = 0;

    CHECK(name->count <= 4);
    for (uint32_t i = 0; i < 3; i++) {
        if (parts[i].size == 0)
            continue;
        if (count >= name->count || !str_equal_nocase(name->parts[count], parts[i]))
            return false;
        count++;
    }
    return count == name->count;
}

/* DuckDB's names ignore case; a table with columns "a" and "A" cannot be shown to it. */
static bool check_has_case_twins(const struct table *table)
{
    uint32_t count = table_column_total(table);

    CHECK(table->schema);
    for (uint32_t i = 0; i < count; i++) {
        struct str name = table_column_name(table, i);
        bool upper = false;
        for (size_t k = 0; k < name.size && !upper; k++)
            upper = name.data[k] >= 'A' && name.data[k] <= 'Z';
        for (uint32_t k = 0; upper && k < count; k++) {
            if (k != i && str_equal_nocase(name, table_column_name(table, k)))
                return true;
        }
    }
    return false;
}

static enum status check_resolve(struct check *check, const struct tree *node,
                                 const struct splice_name *name, struct analytic_table *out)
{
    struct analytic_draft *draft = check->draft;
    struct table_access_request request = {
        .caller = draft->caller, .catalog = draft->catalog, .position = tree_location(node)};
    uint32_t first = name->count == 3 && str_equal(name->parts[0], STR_LIT("kalamdb")) ? 1 : 0;
    uint32_t count = name->count - first;
    struct resolved_table resolved;
    enum status status;

    CHECK(count >= 1 && count <= 3);
    request.table = name->parts[name->count - 1];
    request.space = count > 1 ? name->parts[first] : STR_EMPTY;
    request.user = count > 2 ? name->parts[1] : STR_EMPTY;
    status = binder_resolve_table(draft->engine, &request, &resolved, check->err);
    if (status != STATUS_OK)
        return status;
    if (check_has_case_twins(resolved.table))
        return check_refuse(check, node, "this query on columns that differ in case only",
                            STR_EMPTY);
    *out = (struct analytic_table){.start = name->starts[0], .end = name->ends[name->count - 1]};
    out->space = arena_copy(&check->plan->arena, request.space);
    out->user = arena_copy(&check->plan->arena, request.user);
    out->name = arena_copy(&check->plan->arena, request.table);
    out->table = table_ref(resolved.table);
    return STATUS_OK;
}

static enum status check_add_table(struct check *check, const struct tree *node,
                                   const struct splice_name *name)
{
    struct analytic_plan *plan = check->plan;
    struct analytic_splice splice = {.kind = SPLICE_TABLE, .table = plan->table_count};
    struct str alias = tree_text(node, "alias");
    struct check_item *item;
    enum status status;

    CHECK(plan->table_count <= CHECK_TABLES_MAX);
    if (plan->table_count == CHECK_TABLES_MAX)
        return error_set(check->err, STATUS_INVALID_SQL, "more than %d table references",
                         CHECK_TABLES_MAX);
    if ((plan->table_count & (plan->table_count - 1)) == 0) /* full at powers of two */
        plan->tables =
            arena_grow(&plan->arena, plan->tables, plan->table_count * sizeof(plan->tables[0]),
                       (plan->table_count ? plan->table_count * 2 : 1) * sizeof(plan->tables[0]));
    status = check_resolve(check, node, name, &plan->tables[plan->table_count]);
    if (status != STATUS_OK)
        return status;
    splice.start = plan->tables[plan->table_count].start;
    splice.end = plan->tables[plan->table_count].end;
    if (alias.size == 0)
        plan->tables[plan->table_count].alias = plan->tables[plan->table_count].name;
    splice_add(plan, &splice);
    plan->table_count++;
    item = check_add_item(check, node, alias.size ? alias : plan->tables[splice.table].name,
                          splice.table, (int32_t)splice.table);
    item->is_renamed = item->names != NULL;
    item->columns = table_column_total(plan->tables[splice.table].table);
    if (alias.size == 0)
        item->path = *name;
    return STATUS_OK;
}

static enum status check_base_table(struct check *check, const struct tree *node)
{
    struct splice_name name;
    struct str table = tree_text(node, "table_name");
    int64_t location = tree_location(node);
    const struct check_scope *cte;
    bool plain = tree_text(node, "schema_name").size + tree_text(node, "catalog_name").size == 0;

    CHECK(check->level);
    cte = plain ? check_find_cte(check, table) : NULL;
    if (cte) {
        struct str alias = tree_text(node, "alias");
        struct check_item *item =
            check_add_item(check, node, alias.size ? alias : table, check->plan->table_count, -1);
        if (!item->names && cte->names && cte->names->child)
            item->names = cte->names;
        item->query = item->names ? NULL : cte->query;
        item->decimals = item->names ? NULL : cte->decimals;
        item->columns = cte->columns;
        enum status status = check_more_joins(check, cte->joins);
        return status == STATUS_OK ? check_weight(check, cte->weight * check->multiplier) : status;
    }
    if (check->draft->verify)
        return check_refuse(check, node, "this form of table reference", table);
    if (location >= 0 && (uint64_t)location < check->plan->sql.size &&
        check->plan->sql.data[location] == '\'') {
        error_set_at(check->err, STATUS_INVALID_SQL, location, "a string cannot stand for a table");
        return STATUS_INVALID_SQL;
    }
    if (!splice_read_name(check->plan->sql, location, check->arena, &name) ||
        !check_same_name(node, &name))
        return check_refuse(check, node, "this form of table reference", table);
    return check_add_table(check, node, &name);
}

/* `generate_series(1, 3) AS g` → `… AS "g"("g")`: the alias is the column's name, too. */
static void check_name_series(struct check *check, const struct tree *node)
{
    struct analytic_splice splice = {.kind = SPLICE_TEXT};
    struct str alias = tree_text(node, "alias");
    int64_t location = tree_location(node);
    struct lexer lexer;
    struct token token;
    struct buf text;

    CHECK(alias.size > 0);
    if (location < 0 || (uint64_t)location >= check->plan->sql.size)
        return;
    lexer_init(&lexer, check->plan->sql);
    lexer.offset = (uint32_t)location;
    do
        token = lexer_next(&lexer);
    while (token_is_name(&token) || token.kind == TOKEN_DOT);
    if (token.kind != TOKEN_LEFT_PAREN || !splice_close(&lexer, &token))
        return;
    token = lexer_next(&lexer);
    if (token.keyword == KEYWORD_AS)
        token = lexer_next(&lexer);
    if (!token_is_name(&token) ||
        !str_equal_nocase(token_name(lexer.text, &token, check->arena), alias))
        return; /* WITH ORDINALITY has two columns */
    buf_init(&text);
    splice_append_quoted(&text, alias, '"');
    buf_append_byte(&text, '(');
    splice_append_quoted(&text, alias, '"');
    buf_append_byte(&text, ')');
    splice.start = token.start;
    splice.end = token.end;
    splice.text = arena_copy(&check->plan->arena, buf_str(&text));
    buf_clear(&text);
    splice_add(check->plan, &splice);
}

static enum status check_table_function(struct check *check, const struct tree *node)
{
    const struct tree *call = tree_get(node, "function");
    struct str name =
        call && call->kind == TREE_OBJECT ? tree_text(call, "function_name") : STR_EMPTY;
    enum allow_kind kind = allow_function(name);
    enum status status = STATUS_OK;

    CHECK(check->level);
    if (name.size == 0 || tree_text(call, "schema").size || tree_text(call, "catalog").size)
        return check_refuse(check, node, "table function", name);
    if (check->draft->verify && str_equal(name, STR_LIT("hot_scan")))
        return STATUS_OK;
    if (kind == ALLOW_SERIES)
        status = check_series(check, call, true, name);
    else if (!str_equal_nocase(name, STR_LIT("unnest")))
        return check_refuse(check, node, "table function", name);
    if (status == STATUS_OK)
        status = check_members(check, call, NULL);
    if (status != STATUS_OK)
        return status;
    struct check_item *item =
        check_add_item(check, node, tree_text(node, "alias"), check->plan->table_count, -1);
    item->is_function = true;
    if (!item->names && item->name.size > 0 && !check->draft->verify)
        check_name_series(check, node);
    item->columns = 1;
    return STATUS_OK;
}

/* Nothing but ON sees the right side of a SEMI or ANTI join: its elements, the newest down to
 * `left`, are taken off the level. */
static void check_hide_right(struct check_level *level, struct check_item *left)
{
    while (level->items != left) {
        CHECK(level->items && level->item_count > 0);
        level->items = level->items->next;
        level->item_count--;
    }
}

static enum status check_join(struct check *check, const struct tree *node)
{
    static const char *const done[] = {"left", "right", "condition", NULL};
    struct str kind = tree_text(node, "ref_type");
    const struct check_item *before = check->level ? check->level->items : NULL;
    bool hides = tree_is(node, "join_type", "SEMI") || tree_is(node, "join_type", "ANTI");

    CHECK(check->level);
    if (!tree_is(node, "join_type", "INNER"))
        check->level->outer_join = true;
    if (str_equal(kind, STR_LIT("NATURAL")))
        check->level->natural = true;
    else if (str_equal(kind, STR_LIT("ASOF")) || str_equal(kind, STR_LIT("POSITIONAL")))
        check->level->positional = true;
    else if (!str_equal(kind, STR_LIT("REGULAR")) && !str_equal(kind, STR_LIT("CROSS")))
        return check_refuse(check, node, "join", kind);
    if (!tree_get(node, "left") || !tree_get(node, "right"))
        return check_refuse(check, node, "this form of join", STR_EMPTY);
    enum status status = check_node(check, tree_get(node, "left"));
    struct check_item *left = check->level->items;
    if (status == STATUS_OK)
        status = check_node(check, tree_get(node, "right"));
    check->level->in_on = true; /* no join is within an ON of its own level */
    check->level->before_on = before;
    if (status == STATUS_OK)
        status = check_filter(check, tree_get(node, "condition"));
    check->level->in_on = false;
    if (status == STATUS_OK)
        status = check_members(check, node, done);
    if (status == STATUS_OK && !check->draft->verify)
        check_system_using(check, node, before);
    if (hides)
        check_hide_right(check->level, left);
    return status;
}

static enum status check_values(struct check *check, const struct tree *node)
{
    const struct tree *rows = tree_get(node, "values");
    uint64_t count = 0;

    CHECK(check->level);
    for (const struct tree *value = rows && rows->child ? rows->child->child : NULL; value;
         value = value->next)
        count++;
    check->level->values += count;
    return check_members(check, node, NULL);
}

enum status check_table_ref(struct check *check, const struct tree *node, struct str type,
                            bool *known)
{
    uint32_t first = check->plan->table_count;
    enum status status;

    *known = true;
    CHECK(check->level || str_equal(type, STR_LIT("")));
    if (str_equal(type, STR_LIT("BASE_TABLE")))
        return check_base_table(check, node);
    if (str_equal(type, STR_LIT("JOIN")))
        return check_join(check, node);
    if (str_equal(type, STR_LIT("TABLE_FUNCTION")))
        return check_table_function(check, node);
    if (str_equal(type, STR_LIT("EMPTY")))
        return check_members(check, node, NULL);
    if (str_equal(type, STR_LIT("EXPRESSION_LIST")))
        return check_values(check, node);
    if (str_equal(type, STR_LIT("SUBQUERY"))) {
        status = check_members(check, node, NULL);
        if (status == STATUS_OK) {
            struct check_item *item =
                check_add_item(check, node, tree_text(node, "alias"), first, -1);
            item->columns = check->columns;
            item->query = item->names ? NULL : tree_get(node, "subquery");
            item->decimals = item->names ? NULL : check_decimals(check, tree_get(node, "subquery"));
        }
        return status;
    }
    *known = false;
    return STATUS_OK;
}

/* ---- bounds on the leading key column and on columns that segments have ranges of ---- */

/* The text of a constant, as it stands or cast to TIMESTAMP. */
static const struct tree *check_bound_text(const struct tree *node, const struct data_type *type)
{
    if (type->kind == VALUE_TIMESTAMP && tree_is(node, "class", "CAST") &&
        tree_get(node, "cast_type") && tree_is(tree_get(node, "cast_type"), "id", "TIMESTAMP") &&
        tree_get(node, "child"))
        node = tree_get(node, "child");
    CHECK(node);
    return tree_is(node, "class", "CONSTANT") ? tree_get(node, "value") : NULL;
}

static bool check_bound_value(const struct tree *node, const struct data_type *type,
                              struct analytic_bound *bound)
{
    const struct tree *value;
    int64_t number;

    CHECK(bound && type);
    if (tree_is(node, "class", "PARAMETER")) {
        if (!str_to_int64(tree_text(node, "identifier"), &number) || number < 1 ||
            number > UINT8_MAX)
            return false;
        bound->param = (uint32_t)number;
        return true;
    }
    if (value_type_is_integer(type->kind)) {
        if (!check_is_number(node, &number))
            return false;
        bound->constant = value_integer(VALUE_BIGINT, number);
        return true;
    }
    if (type->kind != VALUE_TEXT && type->kind != VALUE_UUID && type->kind != VALUE_TIMESTAMP)
        return false;
    value = check_bound_text(node, type);
    if (!value || !tree_get(value, "type") || !tree_is(tree_get(value, "type"), "id", "VARCHAR") ||
        !tree_get(value, "value") || tree_get(value, "value")->kind != TREE_TEXT)
        return false;
    bound->constant = value_text(VALUE_TEXT, tree_text(value, "value"));
    return true;
}

/* Fills in the column of the name if bounds on it are of use; its type, or NULL. */
static const struct data_type *check_bound_column(const struct table *table, struct str name,
                                                  struct analytic_bound *bound)
{
    static const struct data_type seq = {.kind = VALUE_BIGINT}, updated = {.kind = VALUE_TIMESTAMP};
    const struct table_schema *schema = table->schema;

    CHECK(table->key_count > 0);
    for (uint32_t i = 0; i < schema->column_count; i++) {
        const struct table_column *column = &schema->columns[i];
        if (!str_equal_nocase(column->name, name))
            continue;
        bound->is_key = i == table->key_columns[0];
        bound->column_id = column->id;
        return bound->is_key || column->type.kind == VALUE_TIMESTAMP ? &column->type : NULL;
    }
    bound->column_id = str_equal_nocase(name, STR_LIT("_seq")) ? COLUMN_ID_SEQ : COLUMN_ID_UPDATED;
    if (str_equal_nocase(name, STR_LIT("_seq")))
        return &seq;
    return str_equal_nocase(name, STR_LIT("_updated")) ? &updated : NULL;
}

static void check_add_bound(struct check *check, const struct tree *column,
                            const struct tree *value, enum ast_operator op)
{
    struct check_level *level = check->level;
    struct check_item *item = NULL;
    struct analytic_table *reference;
    struct analytic_bound bound = {.op = op};
    const struct data_type *type;
    uint32_t count;
    struct str name;

    CHECK(op != AST_OP_NONE);
    if (!column || !value || !tree_is(column, "class", "COLUMN_REF"))
        return;
    name = check_last_name(column, &count);
    if (count == 1 && level->item_count == 1)
        item = level->items;
    else if (count == 2)
        item = check_find_item(level, tree_get(column, "column_names")->child->text);
    if (!item || item->table < 0 || item->is_renamed) /* t(a, b): `a` may be any column of it */
        return;
    reference = &check->plan->tables[item->table];
    if (reference->table->key_count == 0 || reference->table->kind == TABLE_KIND_SYSTEM ||
        reference->bound_count == ARRAY_COUNT(reference->bounds))
        return;
    type = check_bound_column(reference->table, name, &bound);
    if (!type || !check_bound_value(value, type, &bound))
        return;
    if (bound.param == 0 && value_type_is_text(bound.constant.type))
        bound.constant.text = arena_copy(&check->plan->arena, bound.constant.text);
    reference->bounds[reference->bound_count++] = bound;
}

static void check_bound_comparison(struct check *check, const struct tree *node)
{
    static const struct {
        const char *type;
        enum ast_operator op, swapped;
    } operators[] = {
        {"COMPARE_EQUAL", AST_OP_EQ, AST_OP_EQ},
        {"COMPARE_LESSTHAN", AST_OP_LT, AST_OP_GT},
        {"COMPARE_GREATERTHAN", AST_OP_GT, AST_OP_LT},
        {"COMPARE_LESSTHANOREQUALTO", AST_OP_LE, AST_OP_GE},
        {"COMPARE_GREATERTHANOREQUALTO", AST_OP_GE, AST_OP_LE},
    };
    const struct tree *left, *right;

    CHECK(node->kind == TREE_OBJECT);
    if (tree_is(node, "class", "BETWEEN")) {
        check_add_bound(check, tree_get(node, "input"), tree_get(node, "lower"), AST_OP_GE);
        check_add_bound(check, tree_get(node, "input"), tree_get(node, "upper"), AST_OP_LE);
        return;
    }
    left = tree_get(node, "left");
    right = tree_get(node, "right");
    for (size_t i = 0; i < ARRAY_COUNT(operators) && left && right; i++) {
        if (!tree_is(node, "type", operators[i].type))
            continue;
        check_add_bound(check, left, right, operators[i].op);
        check_add_bound(check, right, left, operators[i].swapped);
    }
}

/* WHERE removes rows that fail a strict comparison whatever the joins are, so its bounds hold for
 * every side, except where the position of a row matters. */
void check_bounds(struct check *check, const struct tree *where)
{
    const struct tree *children;

    CHECK(check->level);
    if (check->level->positional || check->draft->verify)
        return;
    if (tree_is(where, "type", "CONJUNCTION_AND")) {
        children = tree_get(where, "children");
        for (const struct tree *child = children ? children->child : NULL; child;
             child = child->next)
            check_bound_comparison(check, child);
    } else if (tree_is(where, "class", "COMPARISON") || tree_is(where, "class", "BETWEEN")) {
        check_bound_comparison(check, where);
    }
}
