/* analytic_check.c — walks DuckDB's syntax tree of one SELECT: refuses what is not allowed, finds
 * what must be rewritten.
 *
 * Every object of the tree is visited by one generic descent, so that nothing hides in a member we
 * do not know: an object is an expression (has "class"), a query node, a table reference, a
 * modifier (known "type") or a plain container; anything else is refused by name. On the way are
 * collected: table references (resolved with the caller's rights), functions that are fixed per
 * statement, bounds on the leading key column, and what the result columns are called.
 *
 * Two sizes are bounded beside depth: DuckDB copies an expression for each use of a select-list
 * alias, and the macros of analytic_setup copy their arguments. `extra` counts the nodes that such
 * copies add; without a limit 30 short aliases make 2^30 nodes. SPDX-License-Identifier: Apache-2.0
 */
#include "sql/analytic_internal.h"

#include "base/check.h"
#include "base/limits.h"
#include "catalog/system_tables.h"

enum {
    CHECK_EXTRA_MAX = 20000,     /* copied expression nodes */
    CHECK_LIST_MAX = 1000000,    /* elements made by range() and list_resize() */
    CHECK_SERIES_MAX = 10000000, /* rows made by generate_series() in FROM */
    CHECK_TABLES_MAX = 256,
};

struct check_scope { /* names of CTEs that are visible */
    struct str name;
    const struct check_scope *outer;
};

struct check_item {       /* one element of FROM */
    struct str name;      /* alias or table name, folded */
    uint32_t first, last; /* tables in it */
    int32_t table;        /* index if it is a table itself, else -1 */
    struct splice_name path;
    struct check_item *next;
};

struct check_alias { /* of a select list, with what it weighs */
    struct str name;
    uint64_t weight;
    struct check_alias *next;
};

struct check_level { /* one SELECT */
    struct check_level *outer;
    struct check_item *items;
    uint32_t item_count;
    uint32_t first, last; /* tables below FROM */
    struct check_alias *aliases;
    bool natural, positional, aggregate;
};

struct check {
    struct analytic_draft *draft;
    struct analytic_plan *plan;
    struct arena *arena;
    struct error *err;
    const struct check_scope *scope;
    struct check_level *level;
    uint32_t depth;
    uint64_t nodes, extra, multiplier;
    bool in_where;
    const struct tree *top; /* select node whose columns are the result */
};

static enum status check_node(struct check *check, const struct tree *node);

static enum status check_refuse(struct check *check, const struct tree *node, const char *what,
                                struct str name)
{
    CHECK(what);
    return error_set_at(check->err, STATUS_NOT_SUPPORTED, tree_location(node),
                        "%s%s%.*s is not supported in this version", what, name.size ? " " : "",
                        STR_ARG(name));
}

/* All members that are objects or arrays; `skip` names one that was visited already. */
static enum status check_members(struct check *check, const struct tree *node,
                                 const char *const *skip)
{
    enum status status = STATUS_OK;

    CHECK(node->kind == TREE_OBJECT);
    for (const struct tree *member = node->child; member && status == STATUS_OK;
         member = member->next) {
        bool skipped = member->kind != TREE_OBJECT && member->kind != TREE_ARRAY;
        for (size_t i = 0; skip && skip[i] && !skipped; i++)
            skipped = str_equal(member->key, str_from_c(skip[i]));
        if (!skipped)
            status = check_node(check, member);
    }
    return status;
}

/* ---- names
 * ----------------------------------------------------------------------------------------- */

static bool check_is_cte(const struct check *check, struct str name)
{
    CHECK(name.data || name.size == 0);
    for (const struct check_scope *scope = check->scope; scope; scope = scope->outer) {
        if (str_equal_nocase(scope->name, name))
            return true;
    }
    return false;
}

static struct check_item *check_add_item(struct check *check, struct str name, uint32_t first,
                                         int32_t table)
{
    struct check_item *item = arena_zalloc(check->arena, sizeof(*item));

    CHECK(check->level && first <= check->plan->table_count);
    item->name = name;
    item->first = first;
    item->last = check->plan->table_count;
    item->table = table;
    item->next = check->level->items;
    check->level->items = item;
    check->level->item_count++;
    return item;
}

/* The only element of this name on one level; NULL when there is none or two. */
static struct check_item *check_find_item(const struct check_level *level, struct str name)
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

/* ---- columns
 * ----------------------------------------------------------------------------------------- */

static struct str check_last_name(const struct tree *node, uint32_t *count)
{
    const struct tree *names = tree_get(node, "column_names");
    struct str last = STR_EMPTY;

    *count = 0;
    for (const struct tree *name = names ? names->child : NULL; name; name = name->next) {
        last = name->text;
        ++*count;
    }
    CHECK(*count == 0 || last.data || last.size == 0);
    return last;
}

/* WHERE names _deleted: tables of that element, or of the whole level, show their deleted rows. */
static void check_mark_deleted(struct check *check, const struct tree *node, uint32_t count)
{
    struct str qualifier = tree_get(node, "column_names")->child->text;
    uint32_t first = check->level->first, last = check->level->last;

    CHECK(check->level && count > 0);
    for (struct check_level *level = check->level; count > 1 && level; level = level->outer) {
        struct check_item *item = check_find_item(level, qualifier);
        if (item) {
            first = item->first;
            last = item->last;
            break;
        }
    }
    for (uint32_t i = first; i < last; i++)
        check->plan->tables[i].with_deleted = true;
}

/* Reserved words of PostgreSQL that stand for a value of the statement. */
static bool check_is_value_word(struct str name)
{
    static const char *const words[] = {"current_date",      "current_role", "current_time",
                                        "current_timestamp", "current_user", "localtime",
                                        "localtimestamp",    "session_user", "user"};

    CHECK(name.data);
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        if (str_equal_nocase(name, str_from_c(words[i])))
            return true;
    }
    return false;
}

static enum splice_kind check_value_kind(enum allow_kind kind)
{
    switch (kind) {
    case ALLOW_NOW:
        return SPLICE_NOW;
    case ALLOW_TODAY:
        return SPLICE_TODAY;
    case ALLOW_CLOCK:
        return SPLICE_CLOCK;
    case ALLOW_USER:
        return SPLICE_USER;
    case ALLOW_ROLE:
        return SPLICE_ROLE;
    case ALLOW_NONE:
    case ALLOW_SCALAR:
    case ALLOW_AGGREGATE:
    case ALLOW_MACRO:
    case ALLOW_SERIES:
    case ALLOW_RESIZE:
    case ALLOW_UUID_V7:
        break;
    }
    CHECK(kind != ALLOW_NONE);
    return SPLICE_TEXT;
}

/* `ns.t.c` → `t.c`: the spliced table is known by its last name only. */
static void check_shorten(struct check *check, const struct splice_name *name)
{
    struct analytic_splice splice = {.kind = SPLICE_TEXT, .text = STR_LIT("")};

    CHECK(name->count >= 3);
    for (struct check_level *level = check->level; level; level = level->outer) {
        for (struct check_item *item = level->items; item; item = item->next) {
            uint32_t parts = item->path.count, same = 0;
            while (same < parts && same < name->count &&
                   str_equal(item->path.parts[same], name->parts[same]))
                same++;
            if (parts < 2 || same < parts || name->count <= parts)
                continue;
            splice.start = name->starts[0];
            splice.end = name->starts[parts - 1];
            splice_add(check->plan, &splice);
            return;
        }
    }
}

/* Old names of columns of system tables (spec §5, ⟲). */
static void check_system_alias(struct check *check, const struct splice_name *name)
{
    struct str last = name->parts[name->count - 1];
    struct analytic_splice splice = {.kind = SPLICE_TEXT,
                                     .start = name->starts[name->count - 1],
                                     .end = name->ends[name->count - 1]};
    struct buf text;

    CHECK(name->count > 0);
    for (struct check_item *item = check->level->items; item; item = item->next) {
        const struct table *table = item->table < 0 ? NULL : check->plan->tables[item->table].table;
        int column;
        if (!table || table->kind != TABLE_KIND_SYSTEM || table_find_column(table, last) >= 0)
            continue;
        if (name->count > 1 && !str_equal_nocase(item->name, name->parts[name->count - 2]))
            continue;
        column = system_table_find_alias(table, last);
        if (column < 0)
            continue;
        buf_init(&text);
        splice_append_quoted(&text, table_column_name(table, (uint32_t)column), '"');
        splice.text = arena_copy(&check->plan->arena, buf_str(&text));
        buf_clear(&text);
        splice_add(check->plan, &splice);
        return;
    }
}

static enum status check_weight(struct check *check, uint64_t nodes)
{
    CHECK(check->multiplier > 0);
    check->nodes += nodes;
    check->extra += nodes;
    if (check->extra <= CHECK_EXTRA_MAX)
        return STATUS_OK;
    error_set(check->err, STATUS_INVALID_SQL, "the expressions of this statement grow too large");
    error_hint(check->err, "aliases and nested divisions are expanded; use a subquery");
    return STATUS_INVALID_SQL;
}

static enum status check_column(struct check *check, const struct tree *node)
{
    struct splice_name name;
    uint32_t count;
    struct str last = check_last_name(node, &count);

    CHECK(check->level);
    if (count == 0)
        return check_refuse(check, node, "this column reference", STR_EMPTY);
    if (check->in_where && str_equal_nocase(last, STR_LIT("_deleted")))
        check_mark_deleted(check, node, count);
    for (struct check_alias *alias = check->level->aliases; alias && count == 1;
         alias = alias->next) {
        if (str_equal_nocase(alias->name, last))
            return check_weight(check, alias->weight * check->multiplier);
    }
    if (check->draft->verify ||
        !splice_read_name(check->plan->sql, tree_location(node), check->arena, &name) ||
        !str_equal_nocase(name.parts[0], tree_get(node, "column_names")->child->text))
        return STATUS_OK;
    if (count == 1 && !name.quoted && name.count == 1 && check_is_value_word(last)) {
        struct analytic_splice splice = {.kind = check_value_kind(allow_function(last)),
                                         .start = name.starts[0],
                                         .end = name.ends[0]};
        splice_add(check->plan, &splice);
        return STATUS_OK;
    }
    if (count == 1 && !name.quoted &&
        (str_equal_nocase(last, STR_LIT("current_catalog")) ||
         str_equal_nocase(last, STR_LIT("current_database")) ||
         str_equal_nocase(last, STR_LIT("current_schema"))))
        return check_refuse(check, node, "function", last);
    if (count >= 3 && name.count >= 3)
        check_shorten(check, &name);
    if (name.count == count)
        check_system_alias(check, &name);
    return STATUS_OK;
}

/* ---- functions
 * ----------------------------------------------------------------------------------------- */

/* A literal integer, as DuckDB folds it. */
static bool check_constant(const struct tree *node, int64_t *out)
{
    const struct tree *value = tree_is(node, "class", "CONSTANT") ? tree_get(node, "value") : NULL;
    const struct tree *number = value ? tree_get(value, "value") : NULL;

    CHECK(out);
    if (!number || number->kind != TREE_INTEGER || !tree_get(value, "type"))
        return false;
    *out = number->integer;
    return tree_is(tree_get(value, "type"), "id", "INTEGER") ||
           tree_is(tree_get(value, "type"), "id", "BIGINT");
}

static bool check_has_columns(const struct tree *node)
{
    if (node->kind == TREE_OBJECT &&
        (tree_is(node, "class", "COLUMN_REF") || tree_is(node, "class", "SUBQUERY")))
        return true;
    for (const struct tree *child = node->child; child; child = child->next) {
        if (check_has_columns(child))
            return true;
    }
    CHECK(node->kind != TREE_OTHER || !node->child);
    return false;
}

/* range(stop), range(start, stop[, step]): at most `rows_max` values. */
static enum status check_series(struct check *check, const struct tree *call, bool rows,
                                struct str name)
{
    const struct tree *arguments = tree_get(call, "children");
    int64_t values[3] = {0, 0, 1}, count = 0, span;
    const int64_t most = rows ? CHECK_SERIES_MAX : CHECK_LIST_MAX;
    bool constant = true;

    CHECK(name.size > 0);
    for (const struct tree *child = arguments ? arguments->child : NULL; child;
         child = child->next, count++) {
        if (count > 2 || check_has_columns(child) || (!rows && !check_constant(child, &span)))
            return error_set_at(check->err, STATUS_NOT_SUPPORTED, tree_location(call),
                                "arguments of %.*s must be constants", STR_ARG(name));
        constant = constant && check_constant(child, &values[count]);
    }
    if (!constant) /* timestamps or parameters: rows come one by one and can be stopped */
        return STATUS_OK;
    if (count == 1) {
        values[1] = values[0];
        values[0] = 0;
    }
    if (values[2] == 0 || __builtin_sub_overflow(values[1], values[0], &span) ||
        span / values[2] > most)
        return error_set_at(check->err, STATUS_NOT_SUPPORTED, tree_location(call),
                            "%.*s may give at most %lld values", STR_ARG(name), (long long)most);
    return STATUS_OK;
}

static enum status check_resize(struct check *check, const struct tree *call, struct str name)
{
    const struct tree *arguments = tree_get(call, "children");
    const struct tree *size = arguments && arguments->child ? arguments->child->next : NULL;
    int64_t count;

    CHECK(name.size > 0);
    if (size && check_constant(size, &count) && count <= CHECK_LIST_MAX)
        return STATUS_OK;
    return error_set_at(check->err, STATUS_NOT_SUPPORTED, tree_location(call),
                        "the size given to %.*s must be a constant, at most %d", STR_ARG(name),
                        CHECK_LIST_MAX);
}

/* now(), current_user() …: replaced by a literal; uuid_v7() by DuckDB's name. */
static enum status check_statement_value(struct check *check, const struct tree *call,
                                         enum allow_kind kind, struct str function)
{
    const struct tree *arguments = tree_get(call, "children");
    struct analytic_splice splice = {.kind = check_value_kind(kind)};
    struct splice_name name;

    CHECK(kind >= ALLOW_NOW);
    if (check->draft->verify)
        return check_refuse(check, call, "function", function);
    if ((arguments && arguments->child) ||
        !splice_read_name(check->plan->sql, tree_location(call), check->arena, &name) ||
        name.count != 1 || !str_equal_nocase(name.parts[0], function))
        return check_refuse(check, call, "this form of", function);
    splice.start = name.starts[0];
    splice.end = name.ends[0];
    if (kind == ALLOW_UUID_V7)
        splice.text = STR_LIT("uuidv7");
    else
        splice.end = splice_skip_empty_call(check->plan->sql, name.ends[0]);
    splice_add(check->plan, &splice);
    return STATUS_OK;
}

/* `~` and SIMILAR TO reach the tree as regexp_full_match, but mean other things in PostgreSQL. */
static bool check_is_regexp_operator(struct check *check, const struct tree *call, struct str name)
{
    int64_t location = tree_location(call);
    char c;

    CHECK(name.size > 0);
    if (!str_equal(name, STR_LIT("regexp_full_match")))
        return false;
    if (location < 0 || (uint64_t)location >= check->plan->sql.size)
        return true;
    c = check->plan->sql.data[location];
    return c != 'r' && c != 'R' && c != '"';
}

static enum status check_function_name(struct check *check, const struct tree *call,
                                       struct str name, enum allow_kind kind)
{
    struct str schema = tree_text(call, "schema");
    const char *hint;

    CHECK(call->kind == TREE_OBJECT);
    if (tree_text(call, "catalog").size > 0 ||
        (schema.size > 0 && !str_equal(schema, STR_LIT("main"))))
        return check_refuse(check, call, "a qualified call of function", name);
    if (kind == ALLOW_NONE || name.size == 0) {
        error_set_at(check->err, STATUS_NOT_SUPPORTED, tree_location(call),
                     "function %.*s is not supported in this version", STR_ARG(name));
        hint = allow_refusal_hint(name);
        error_hint(check->err, "%s", hint ? hint : "see the list of functions in the manual");
        return STATUS_NOT_SUPPORTED;
    }
    if (check_is_regexp_operator(check, call, name)) {
        check_refuse(check, call, "matching by ~ or SIMILAR TO", STR_EMPTY);
        error_hint(check->err, "use regexp_matches(text, pattern)");
        return STATUS_NOT_SUPPORTED;
    }
    return STATUS_OK;
}

static enum status check_function(struct check *check, const struct tree *call)
{
    struct str name = tree_text(call, "function_name");
    enum allow_kind kind = allow_function(name);
    uint64_t multiplier = check->multiplier;
    const struct tree *export_state = tree_get(call, "export_state");
    enum status status = check_function_name(check, call, name, kind);

    CHECK(check->multiplier > 0);
    if (status == STATUS_OK && export_state && export_state->boolean)
        status = check_refuse(check, call, "EXPORT_STATE", STR_EMPTY);
    if (status != STATUS_OK)
        return status;
    if (kind >= ALLOW_NOW)
        return check_statement_value(check, call, kind, name);
    if (kind == ALLOW_SERIES)
        status = check_series(check, call, false, name);
    else if (kind == ALLOW_RESIZE)
        status = check_resize(check, call, name);
    else if (kind == ALLOW_AGGREGATE)
        check->level->aggregate = true;
    else if (kind == ALLOW_MACRO && check->multiplier <= CHECK_EXTRA_MAX)
        check->multiplier *= 2;
    if (status == STATUS_OK)
        status = check_members(check, call, NULL);
    check->multiplier = multiplier;
    return status;
}

static enum status check_window(struct check *check, const struct tree *call)
{
    struct str name = tree_text(call, "function_name");
    enum allow_kind kind = allow_function(name);

    CHECK(call->kind == TREE_OBJECT);
    if (kind != ALLOW_AGGREGATE)
        kind = ALLOW_NONE;
    if (check_function_name(check, call, name, kind) != STATUS_OK)
        return STATUS_NOT_SUPPORTED;
    return check_members(check, call, NULL);
}

/* ---- other expressions
 * --------------------------------------------------------------------------------- */

static enum status check_operator(struct check *check, const struct tree *node)
{
    static const char *const known[] = {
        "COMPARE_IN",           "COMPARE_NOT_IN",    "OPERATOR_NOT",      "OPERATOR_IS_NULL",
        "OPERATOR_IS_NOT_NULL", "OPERATOR_COALESCE", "OPERATOR_NULLIF",   "ARRAY_EXTRACT",
        "ARRAY_SLICE",          "STRUCT_EXTRACT",    "ARRAY_CONSTRUCTOR", "GROUPING_FUNCTION"};

    CHECK(node->kind == TREE_OBJECT);
    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        if (tree_is(node, "type", known[i]))
            return check_members(check, node, NULL);
    }
    return check_refuse(check, node, "operator", tree_text(node, "type"));
}

static enum status check_type(struct check *check, const struct tree *node, const struct tree *type)
{
    const struct tree *info = type ? tree_get(type, "type_info") : NULL;
    const struct tree *child = info ? tree_get(info, "child_type") : NULL;
    struct str id = type ? tree_text(type, "id") : STR_EMPTY;

    CHECK(check->depth <= LIMIT_EXPRESSION_DEPTH + 1);
    if (str_equal(id, STR_LIT("UNBOUND")) && info) {
        struct str name = tree_text(info, "name");
        if (!check->draft->verify && allow_type_rewrite(name, true))
            return STATUS_OK;
        id = str_equal_nocase(name, STR_LIT("json")) ? STR_LIT("JSON") : name;
        if (tree_text(info, "schema").size > 0 || tree_text(info, "catalog").size > 0)
            id = STR_LIT("with a schema");
    }
    if (!allow_type(id))
        return check_refuse(check, node, "type", id);
    if (child && child->kind == TREE_OBJECT && check->depth <= LIMIT_EXPRESSION_DEPTH) {
        enum status status;
        check->depth++;
        status = check_type(check, node, child);
        check->depth--;
        return status;
    }
    return STATUS_OK;
}

static enum status check_cast(struct check *check, const struct tree *node)
{
    static const char *const skip[] = {"cast_type", NULL};
    enum status status = check_type(check, node, tree_get(node, "cast_type"));

    CHECK(node->kind == TREE_OBJECT);
    return status == STATUS_OK ? check_members(check, node, skip) : status;
}

static enum status check_parameter(struct check *check, const struct tree *node)
{
    struct str identifier = tree_text(node, "identifier");
    int64_t number;

    CHECK(node->kind == TREE_OBJECT);
    if (!str_to_int64(identifier, &number) || number < 1 || number > UINT8_MAX)
        return check_refuse(check, node, "a named parameter", identifier);
    return STATUS_OK;
}

static enum status check_class(struct check *check, const struct tree *node, struct str class)
{
    static const char *const plain[] = {"STAR", "COMPARISON", "CONJUNCTION", "BETWEEN",
                                        "CASE", "LAMBDA",     "SUBQUERY"};

    CHECK(class.size > 0);
    if (str_equal(class, STR_LIT("CONSTANT")) || str_equal(class, STR_LIT("POSITIONAL_REFERENCE")))
        return STATUS_OK;
    if (str_equal(class, STR_LIT("COLUMN_REF")))
        return check_column(check, node);
    if (str_equal(class, STR_LIT("FUNCTION")))
        return check_function(check, node);
    if (str_equal(class, STR_LIT("OPERATOR")))
        return check_operator(check, node);
    if (str_equal(class, STR_LIT("CAST")))
        return check_cast(check, node);
    if (str_equal(class, STR_LIT("WINDOW")))
        return check_window(check, node);
    if (str_equal(class, STR_LIT("PARAMETER")))
        return check_parameter(check, node);
    if (str_equal(class, STR_LIT("COLLATE"))) {
        if (!allow_collation(tree_text(node, "collation")))
            return check_refuse(check, node, "collation", tree_text(node, "collation"));
        return check_members(check, node, NULL);
    }
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++) {
        if (str_equal(class, str_from_c(plain[i])))
            return check_members(check, node, NULL);
    }
    return check_refuse(check, node, "expression", class);
}

static enum status check_expression(struct check *check, const struct tree *node)
{
    enum status status;

    CHECK(check->multiplier > 0);
    if (++check->depth > LIMIT_EXPRESSION_DEPTH) {
        error_set_at(check->err, STATUS_INVALID_SQL, tree_location(node),
                     "the statement is nested too deeply");
        error_hint(check->err, "at most %d levels", LIMIT_EXPRESSION_DEPTH);
        return STATUS_INVALID_SQL;
    }
    check->nodes++;
    status = check_weight(check, check->multiplier - 1);
    if (status == STATUS_OK)
        status = check_class(check, node, tree_text(node, "class"));
    check->depth--;
    return status;
}

/* ---- FROM
 * -----------------------------------------------------------------------------------------------
 */

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
    item = check_add_item(check, alias.size ? alias : plan->tables[splice.table].name, splice.table,
                          (int32_t)splice.table);
    if (alias.size == 0)
        item->path = *name;
    return STATUS_OK;
}

static enum status check_base_table(struct check *check, const struct tree *node)
{
    struct splice_name name;
    struct str table = tree_text(node, "table_name");
    int64_t location = tree_location(node);
    bool plain = tree_text(node, "schema_name").size + tree_text(node, "catalog_name").size == 0;

    CHECK(check->level);
    if (plain && check_is_cte(check, table)) {
        check_add_item(check, tree_text(node, "alias").size ? tree_text(node, "alias") : table,
                       check->plan->table_count, -1);
        return STATUS_OK;
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
    if (status == STATUS_OK)
        check_add_item(check, tree_text(node, "alias"), check->plan->table_count, -1);
    return status;
}

static enum status check_join(struct check *check, const struct tree *node)
{
    struct str kind = tree_text(node, "ref_type");

    CHECK(check->level);
    if (str_equal(kind, STR_LIT("NATURAL")))
        check->level->natural = true;
    else if (str_equal(kind, STR_LIT("ASOF")) || str_equal(kind, STR_LIT("POSITIONAL")))
        check->level->positional = true;
    else if (!str_equal(kind, STR_LIT("REGULAR")) && !str_equal(kind, STR_LIT("CROSS")))
        return check_refuse(check, node, "join", kind);
    return check_members(check, node, NULL);
}

static enum status check_table_ref(struct check *check, const struct tree *node, struct str type,
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
    if (str_equal(type, STR_LIT("EMPTY")) || str_equal(type, STR_LIT("EXPRESSION_LIST")))
        return check_members(check, node, NULL);
    if (str_equal(type, STR_LIT("SUBQUERY"))) {
        status = check_members(check, node, NULL);
        if (status == STATUS_OK)
            check_add_item(check, tree_text(node, "alias"), first, -1);
        return status;
    }
    *known = false;
    return STATUS_OK;
}

/* ---- bounds on the leading key column
 * ------------------------------------------------------------------- */

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
        if (!check_constant(node, &number))
            return false;
        bound->constant = value_integer(VALUE_BIGINT, number);
        return true;
    }
    if (!tree_is(node, "class", "CONSTANT") ||
        (type->kind != VALUE_TEXT && type->kind != VALUE_UUID))
        return false;
    value = tree_get(node, "value");
    if (!value || !tree_get(value, "type") || !tree_is(tree_get(value, "type"), "id", "VARCHAR") ||
        !tree_get(value, "value") || tree_get(value, "value")->kind != TREE_TEXT)
        return false;
    bound->constant = value_text(VALUE_TEXT, tree_text(value, "value"));
    return true;
}

static void check_add_bound(struct check *check, const struct tree *column,
                            const struct tree *value, enum ast_operator op)
{
    struct check_level *level = check->level;
    struct check_item *item = NULL;
    struct analytic_table *reference;
    struct analytic_bound bound = {.op = op};
    const struct table_column *key;
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
    if (!item || item->table < 0)
        return;
    reference = &check->plan->tables[item->table];
    if (reference->table->key_count == 0 ||
        reference->bound_count == ARRAY_COUNT(reference->bounds))
        return;
    key = &reference->table->schema->columns[reference->table->key_columns[0]];
    if (!str_equal_nocase(key->name, name) || !check_bound_value(value, &key->type, &bound))
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
static void check_bounds(struct check *check, const struct tree *where)
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

/* ---- query nodes
 * ----------------------------------------------------------------------------------------- */

/* Adds the CTEs of a node to the scope, each visible to the ones behind it. */
static enum status check_ctes(struct check *check, const struct tree *node)
{
    const struct tree *map = tree_get(node, "cte_map");
    const struct tree *entries = map && map->kind == TREE_OBJECT ? tree_get(map, "map") : NULL;
    enum status status = STATUS_OK;

    CHECK(node->kind == TREE_OBJECT);
    for (const struct tree *entry = entries ? entries->child : NULL; entry && status == STATUS_OK;
         entry = entry->next) {
        struct check_scope *scope = arena_zalloc(check->arena, sizeof(*scope));
        const struct tree *value = tree_get(entry, "value");
        const struct tree *targets = value ? tree_get(value, "key_targets") : NULL;
        scope->name = tree_text(entry, "key");
        if (!allow_cte_name(scope->name))
            return error_set(check->err, STATUS_INVALID_SQL,
                             "\"%.*s\" cannot be the name of a WITH query", STR_ARG(scope->name));
        if (!value || (targets && targets->child))
            return error_set(check->err, STATUS_NOT_SUPPORTED,
                             "USING KEY is not supported in this version");
        status = check_node(check, value);
        scope->outer = check->scope;
        check->scope = scope;
    }
    return status;
}

static enum status check_select_list(struct check *check, const struct tree *list)
{
    enum status status = STATUS_OK;

    CHECK(check->level);
    for (const struct tree *item = list ? list->child : NULL; item && status == STATUS_OK;
         item = item->next) {
        uint64_t before = check->nodes;
        struct check_alias *alias;
        status = check_node(check, item);
        if (status != STATUS_OK || item->kind != TREE_OBJECT || tree_text(item, "alias").size == 0)
            continue;
        alias = arena_zalloc(check->arena, sizeof(*alias));
        alias->name = tree_text(item, "alias");
        alias->weight = check->nodes - before;
        alias->next = check->level->aliases;
        check->level->aliases = alias;
    }
    return status;
}

static enum status check_where(struct check *check, const struct tree *where)
{
    enum status status;

    CHECK(check->level);
    if (!where)
        return STATUS_OK;
    check_bounds(check, where);
    check->in_where = true;
    status = check_node(check, where);
    check->in_where = false;
    return status;
}

static void check_top(struct check *check, const struct tree *node)
{
    const struct tree *from = tree_get(node, "from_table");
    const struct tree *modifiers = tree_get(node, "modifiers");
    const struct tree *groups = tree_get(node, "group_expressions");
    bool plain = from && tree_is(from, "type", "BASE_TABLE") && !(groups && groups->child) &&
                 tree_is(node, "aggregate_handling", "STANDARD_HANDLING") &&
                 !check->level->aggregate;

    CHECK(check->level);
    for (const struct tree *modifier = modifiers ? modifiers->child : NULL; modifier;
         modifier = modifier->next)
        plain = plain && tree_is(modifier, "type", "LIMIT_MODIFIER");
    check->plan->keeps_order = plain;
}

static enum status check_select(struct check *check, const struct tree *node)
{
    static const char *const done[] = {"cte_map", "from_table", "select_list", "where_clause",
                                       NULL};
    struct check_level level = {.outer = check->level, .first = check->plan->table_count};
    const struct tree *from = tree_get(node, "from_table");
    bool in_where = check->in_where;
    enum status status;

    CHECK(node->kind == TREE_OBJECT);
    check->in_where = false;
    check->level = &level;
    if (from) {
        status = check_node(check, from);
        if (status != STATUS_OK)
            goto out;
    }
    level.last = check->plan->table_count;
    for (uint32_t i = level.first; level.natural && i < level.last; i++)
        check->plan->tables[i].hide_system = true;
    status = check_select_list(check, tree_get(node, "select_list"));
    if (status == STATUS_OK)
        status = check_where(check, tree_get(node, "where_clause"));
    if (status == STATUS_OK)
        status = check_members(check, node, done);
    if (status == STATUS_OK && node == check->top)
        check_top(check, node);
out:
    check->level = level.outer;
    check->in_where = in_where;
    return status;
}

/* UNION & co., and the two halves of a recursive CTE, which alone sees its own name. */
static enum status check_combined(struct check *check, const struct tree *node, bool recursive)
{
    static const char *const done[] = {"cte_map", "left", "right", NULL};
    struct check_level level = {.outer = check->level, .first = check->plan->table_count};
    struct check_scope scope = {tree_text(node, "cte_name"), NULL};
    const struct tree *targets = tree_get(node, "key_targets");
    bool in_where = check->in_where;
    enum status status;

    CHECK(node->kind == TREE_OBJECT);
    if (!tree_get(node, "left") || !tree_get(node, "right") || (targets && targets->child))
        return check_refuse(check, node, "this form of", tree_text(node, "type"));
    check->in_where = false;
    status = check_node(check, tree_get(node, "left"));
    if (status == STATUS_OK) {
        scope.outer = check->scope;
        check->scope = recursive ? &scope : scope.outer;
        status = check_node(check, tree_get(node, "right"));
        check->scope = scope.outer;
    }
    check->level = &level;
    level.last = check->plan->table_count;
    if (status == STATUS_OK)
        status = check_members(check, node, done);
    check->level = level.outer;
    check->in_where = in_where;
    return status;
}

static enum status check_query(struct check *check, const struct tree *node, struct str type)
{
    const struct check_scope *scope = check->scope;
    uint64_t multiplier = check->multiplier;
    enum status status;

    CHECK(type.size > 0);
    if (++check->depth > LIMIT_EXPRESSION_DEPTH)
        return error_set(check->err, STATUS_INVALID_SQL, "the statement is nested too deeply");
    status = check_ctes(check, node);
    if (status == STATUS_OK) {
        if (str_equal(type, STR_LIT("SELECT_NODE")))
            status = check_select(check, node);
        else if (str_equal(type, STR_LIT("SET_OPERATION_NODE")))
            status = check_combined(check, node, false);
        else if (str_equal(type, STR_LIT("RECURSIVE_CTE_NODE")))
            status = check_combined(check, node, true);
        else
            status = check_refuse(check, node, "query form", type);
    }
    check->scope = scope;
    check->multiplier = multiplier;
    check->depth--;
    return status;
}

static bool check_is_modifier(struct str type)
{
    static const char *const known[] = {
        "ORDER_MODIFIER",    "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER",
        "DISTINCT_MODIFIER", "ORDER_DEFAULT",  "ASCENDING",
        "DESCENDING"};

    CHECK(type.data || type.size == 0);
    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        if (str_equal(type, str_from_c(known[i])))
            return true;
    }
    return false;
}

/* Any object or array of the tree. */
static enum status check_node(struct check *check, const struct tree *node)
{
    struct str type;
    bool known = false;
    enum status status = STATUS_OK;

    CHECK(node->kind == TREE_OBJECT || node->kind == TREE_ARRAY);
    if (node->kind == TREE_ARRAY) {
        for (const struct tree *child = node->child; child && status == STATUS_OK;
             child = child->next) {
            if (child->kind == TREE_OBJECT || child->kind == TREE_ARRAY)
                status = check_node(check, child);
        }
        return status;
    }
    type = tree_text(node, "type");
    if (tree_get(node, "sample") || tree_get(node, "at_clause"))
        return check_refuse(check, node, "TABLESAMPLE or AT", STR_EMPTY);
    if (tree_text(node, "class").size > 0)
        return check_expression(check, node);
    if (type.size == 0 || check_is_modifier(type))
        return check_members(check, node, NULL);
    if (str_ends_with(type, STR_LIT("_NODE")))
        return check_query(check, node, type);
    status = check_table_ref(check, node, type, &known);
    return known ? status : check_refuse(check, node, "syntax element", type);
}

enum status analytic_check(struct analytic_draft *draft, const struct tree *tree, struct error *err)
{
    const struct tree *statements = tree_get(tree, "statements");
    const struct tree *node;
    struct check check = {.draft = draft, .plan = draft->plan, .err = err, .multiplier = 1};
    struct check_level outermost = {0};
    struct arena arena;
    enum status status;

    CHECK(tree->kind == TREE_OBJECT);
    if (!statements || !statements->child || statements->child->kind != TREE_OBJECT)
        return error_set(err, STATUS_INVALID_SQL, "this is not a SELECT statement");
    if (statements->child->next)
        return error_set(err, STATUS_INVALID_SQL, "only one statement is possible here");
    arena_init(&arena, 0);
    check.arena = &arena;
    check.level = &outermost;
    node = tree_get(statements->child, "node");
    check.top = node;
    status = node && node->kind == TREE_OBJECT
                 ? check_node(&check, node)
                 : error_set(err, STATUS_INVALID_SQL, "this is not a SELECT statement");
    CHECK(status != STATUS_OK || check.depth == 0);
    arena_clear(&arena);
    return status;
}
