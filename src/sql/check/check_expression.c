/* check_expression.c — expressions: which classes and functions are allowed, which are replaced.
 *
 * Functions fixed per statement (now(), CURRENT_USER …) become literals; `ns.t.c` loses its
 * namespace, since a spliced table has only its own name.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/check/check.h"

#include "base/check.h"
#include "base/limits.h"
#include "sql/syntax/lexer.h"
#include "storage/columnar_regex.h"

struct str check_last_name(const struct tree *node, uint32_t *count)
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

static void check_mark_item(struct check *check, const struct check_item *item, bool system)
{
    CHECK(item->last <= check->plan->table_count);
    for (uint32_t i = item->first; i < item->last; i++)
        if ((check->plan->tables[i].table->kind == TABLE_KIND_SYSTEM) == system)
            check->plan->tables[i].with_deleted = true;
}

/* WHERE names _deleted: tables of that element, or of the whole level, show their deleted rows. So
 * does system.users when it names deleted_at. */
static void check_mark_deleted(struct check *check, const struct tree *node, uint32_t count,
                               bool system)
{
    struct str qualifier = tree_get(node, "column_names")->child->text;
    const struct check_item *item = NULL;

    CHECK(check->level && count > 0);
    for (struct check_level *level = check->level; count > 1 && level && !item;
         level = level->outer)
        item = check_find_item(level, qualifier);
    if (item) {
        check_mark_item(check, item, system);
        return;
    }
    for (item = check->level->items; item; item = item->next)
        check_mark_item(check, item, system);
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
    case ALLOW_SERIES:
    case ALLOW_RESIZE:
    case ALLOW_FOLD:
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

static enum status check_column(struct check *check, const struct tree *node)
{
    struct splice_name name;
    uint32_t count;
    struct str last = check_last_name(node, &count);
    bool done = false;
    enum status status = STATUS_OK;

    CHECK(check->level);
    if (count == 0)
        return check_refuse(check, node, "this column reference", STR_EMPTY);
    if (count == 1 && !check->draft->verify)
        status = check_plain_name(check, node, last, &done);
    if (status != STATUS_OK || done)
        return status;
    if (check->in_where && str_equal_nocase(last, STR_LIT("_deleted")))
        check_mark_deleted(check, node, count, false);
    if (check->in_where && str_equal_nocase(last, STR_LIT("deleted_at")))
        check_mark_deleted(check, node, count, true);
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
    if (name.count == count) {
        check_system_alias(check, node, &name);
        check_system_list(check, &name);
    }
    return STATUS_OK;
}

/* ---- functions ---- */

enum status check_copied(struct check *check, const struct tree *node, uint64_t copies)
{
    uint64_t multiplier = check->multiplier;
    enum status status;

    CHECK(multiplier > 0 && copies > 0);
    if (multiplier <= CHECK_EXTRA_MAX)
        check->multiplier *= copies;
    status = check_members(check, node, NULL);
    check->multiplier = multiplier;
    return status;
}

/* `a -> b`, regexp_replace(a, b, c): only what is behind the first argument is written out more
 * than once, so that long chains stay small. */
static enum status check_copied_rest(struct check *check, const struct tree *call, uint64_t copies)
{
    static const char *const skip[] = {"children", NULL};
    const struct tree *arguments = tree_get(call, "children");
    const struct tree *source = arguments ? arguments->child : NULL;
    enum status status = check_members(check, call, skip);

    CHECK(copies > 1);
    if (status == STATUS_OK && source)
        status = check_node(check, source);
    for (const struct tree *key = source ? source->next : NULL; key && status == STATUS_OK;
         key = key->next) {
        uint64_t multiplier = check->multiplier;

        if (multiplier <= CHECK_EXTRA_MAX)
            check->multiplier *= copies;
        status = check_node(check, key);
        check->multiplier = multiplier;
    }
    return status;
}

/* A literal integer, as DuckDB folds it. */
bool check_is_number(const struct tree *node, int64_t *out)
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
    CHECK(node->kind != TREE_REAL || !node->child);
    return false;
}

/* The ends may be as far apart as INT64_MIN and INT64_MAX. */
static uint64_t check_series_steps(int64_t start, int64_t stop, int64_t step)
{
    bool up = step > 0;
    uint64_t span = up ? (uint64_t)stop - (uint64_t)start : (uint64_t)start - (uint64_t)stop;
    uint64_t stride = up ? (uint64_t)step : 0 - (uint64_t)step;

    CHECK(step != 0);
    return (up ? stop > start : stop < start) ? span / stride : 0;
}

/* range(stop), range(start, stop[, step]): rows or elements of a list. */
enum status check_series(struct check *check, const struct tree *call, bool rows, struct str name)
{
    const struct tree *arguments = tree_get(call, "children");
    int64_t values[3] = {0, 0, 1}, count = 0, ignored;
    bool constant = true, fits = false;
    uint64_t steps;

    CHECK(name.size > 0);
    for (const struct tree *child = arguments ? arguments->child : NULL; child;
         child = child->next, count++) {
        if (count > 2 || check_has_columns(child) || (!rows && !check_is_number(child, &ignored)))
            return error_set_at(check->err, STATUS_NOT_SUPPORTED, tree_location(call),
                                "arguments of %.*s must be constants", STR_ARG(name));
        constant = constant && check_is_number(child, &values[count]);
    }
    if (!constant) /* timestamps or parameters: rows come one by one and can be stopped */
        return STATUS_OK;
    if (count == 1) {
        values[1] = values[0];
        values[0] = 0;
    }
    if (values[2] != 0) {
        steps = check_series_steps(values[0], values[1], values[2]);
        fits = rows ? steps <= CHECK_SERIES_MAX : check_list_fits(check, steps);
    }
    if (fits)
        return STATUS_OK;
    return error_set_at(check->err, STATUS_NOT_SUPPORTED, tree_location(call),
                        rows ? "%.*s may give at most %d values"
                             : "%.*s and the like may give at most %d values in one expression",
                        STR_ARG(name), rows ? CHECK_SERIES_MAX : CHECK_LIST_MAX);
}

static bool check_is_short(const struct tree *node)
{
    const struct tree *value = tree_is(node, "class", "CONSTANT") ? tree_get(node, "value") : NULL;

    CHECK(node->kind == TREE_OBJECT);
    return value && tree_text(value, "value").size <= CHECK_SHORT_TEXT;
}

static enum status check_resize(struct check *check, const struct tree *call, struct str name)
{
    const struct tree *arguments = tree_get(call, "children");
    const struct tree *size = arguments && arguments->child ? arguments->child->next : NULL;
    const struct tree *value = size ? size->next : NULL;
    int64_t count;

    CHECK(name.size > 0);
    if (value && !check_is_short(value))
        return error_set_at(check->err, STATUS_NOT_SUPPORTED, tree_location(call),
                            "what %.*s fills a list with must be a constant, at most %d bytes",
                            STR_ARG(name), CHECK_SHORT_TEXT);
    if (size && check_is_number(size, &count) &&
        check_list_fits(check, count < 0 ? 0 : (uint64_t)count))
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

/* Below an operand, but for subqueries. */
static bool check_ignores_case(const struct tree *node)
{
    bool ignores = tree_has_class(node, "COLLATE") &&
                   str_equal_nocase(tree_text(node, "collation"), STR_LIT("nocase"));

    if (tree_has_class(node, "SUBQUERY"))
        return false;
    for (const struct tree *child = node->child; child && !ignores; child = child->next)
        ignores = check_ignores_case(child);
    CHECK(node->kind != TREE_REAL || !node->child);
    return ignores;
}

/* Our matcher knows no collations; DuckDB's does, and takes some of the patterns. */
static bool check_is_collated_like(const struct tree *call, struct str name)
{
    static const char *const likes[] = {"~~", "!~~", "like_escape", "not_like_escape"};
    bool is_like = false;

    CHECK(name.size > 0);
    for (size_t i = 0; i < ARRAY_COUNT(likes); i++)
        is_like = is_like || str_equal(name, str_from_c(likes[i]));
    return is_like && check_ignores_case(call);
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
    if (check_is_collated_like(call, name)) {
        check_refuse(check, call, "LIKE with COLLATE NOCASE", STR_EMPTY);
        error_hint(check->err, "use ILIKE");
        return STATUS_NOT_SUPPORTED;
    }
    return STATUS_OK;
}

static void check_note_several(struct check *check, enum analytic_several several)
{
    CHECK(several != ANALYTIC_SINGLE);
    if (check->level->is_top && check->plan->several == ANALYTIC_SINGLE)
        check->plan->several = several;
}

/* generate_subscripts is a macro of DuckDB that calls unnest. */
bool check_gives_rows(struct str name)
{
    CHECK(name.data || name.size == 0);
    return str_equal_nocase(name, STR_LIT("unnest")) ||
           str_equal_nocase(name, STR_LIT("generate_subscripts"));
}

/* The table of `count(t.*)`, which counts rows that are not NULL: DuckDB's parser makes `count(*)`
 * of it. Empty if it is another call. */
static struct str check_counted_row(const struct check *check, const struct tree *call)
{
    int64_t location = tree_location(call);
    struct lexer lexer;
    struct token token;

    if (check->draft->verify || location < 0 || (uint64_t)location >= check->plan->sql.size)
        return STR_EMPTY;
    CHECK(check->plan->sql.data);
    lexer_init(&lexer, check->plan->sql);
    lexer.offset = (uint32_t)location;
    token = lexer_next(&lexer);
    if (!token_is_name(&token) || lexer_next(&lexer).kind != TOKEN_LEFT_PAREN)
        return STR_EMPTY;
    token = lexer_next(&lexer);
    return token_is_name(&token) ? token_name(lexer.text, &token, check->arena) : STR_EMPTY;
}

/* Of the largest struct so far; unnest makes a column of each of its fields. */
static void check_count_fields(struct check *check, const struct tree *call, struct str name)
{
    const struct tree *arguments = tree_get(call, "children");
    uint64_t count = 0;

    for (const struct tree *one = arguments ? arguments->child : NULL; one; one = one->next)
        count++;
    if (str_equal_nocase(name, STR_LIT("struct_insert")))
        count += check->fields; /* into one of those */
    else if (!str_equal_nocase(name, STR_LIT("row")) &&
             !str_equal_nocase(name, STR_LIT("struct_pack")))
        count = 0;
    if (check->fields < count)
        check->fields = count;
    check->spreads |= str_equal_nocase(name, STR_LIT("unnest"));
    CHECK(call->kind == TREE_OBJECT);
}

static enum status check_function(struct check *check, const struct tree *call)
{
    struct str name = tree_text(call, "function_name");
    enum allow_kind kind = allow_function(name);
    const struct tree *export_state = tree_get(call, "export_state");
    struct str row;
    bool macro = check_result_type(check, call, name);
    enum status status =
        macro && kind == ALLOW_NONE ? STATUS_OK : check_function_name(check, call, name, kind);

    CHECK(check->multiplier > 0);
    if (status == STATUS_OK && export_state && export_state->boolean)
        status = check_refuse(check, call, "EXPORT_STATE", STR_EMPTY);
    if (status != STATUS_OK)
        return status;
    if (kind >= ALLOW_NOW)
        return check_statement_value(check, call, kind, name);
    check_count_fields(check, call, name);
    if (check_gives_rows(name))
        check_note_several(check, ANALYTIC_SETS);
    if (kind == ALLOW_SERIES)
        status = check_series(check, call, false, name);
    else if (kind == ALLOW_RESIZE)
        status = check_resize(check, call, name);
    else if (kind == ALLOW_FOLD)
        status = check_reduce(check, call);
    else if (kind == ALLOW_AGGREGATE)
        check->level->aggregate = true;
    else if (kind == ALLOW_SCALAR)
        status = check_growth(check, call, name);
    if (status != STATUS_OK)
        return status;
    check_literal_types(check, call);
    check_text_argument(check, call, name);
    row = str_equal(name, STR_LIT("count_star")) ? check_counted_row(check, call) : STR_EMPTY;
    if (row.size > 0)
        return check_refuse_row(check, call, row);
    uint64_t copies = allow_copies(check_whole_quotient(check, call) ? STR_LIT("//") : name);
    return copies == 1 || allow_copies_first(name) ? check_copied(check, call, copies)
                                                   : check_copied_rest(check, call, copies);
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
    (void)check_result_type(check, call, name);
    check_default(check, call);
    return check_members(check, call, NULL);
}

/* ---- other expressions ---- */

/* [NOT] IN (…) and IS [NOT] NULL of a row. */
static bool check_is_row_operator(struct check *check, const struct tree *node)
{
    static const char *const types[] = {"COMPARE_IN", "COMPARE_NOT_IN", "OPERATOR_IS_NULL",
                                        "OPERATOR_IS_NOT_NULL"};
    const struct tree *children = tree_get(node, "children");

    CHECK(node->kind == TREE_OBJECT);
    if (check->draft->verify || !children || !check_is_row(children->child))
        return false;
    for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
        if (tree_is(node, "type", types[i]))
            return true;
    }
    return false;
}

static enum status check_operator(struct check *check, const struct tree *node)
{
    static const char *const known[] = {
        "COMPARE_IN",           "COMPARE_NOT_IN",    "OPERATOR_NOT",      "OPERATOR_IS_NULL",
        "OPERATOR_IS_NOT_NULL", "OPERATOR_COALESCE", "OPERATOR_NULLIF",   "ARRAY_EXTRACT",
        "ARRAY_SLICE",          "STRUCT_EXTRACT",    "ARRAY_CONSTRUCTOR", "GROUPING_FUNCTION"};

    CHECK(node->kind == TREE_OBJECT);
    if (check_is_row_operator(check, node))
        return tree_is(node, "type", "OPERATOR_IS_NULL") ||
                       tree_is(node, "type", "OPERATOR_IS_NOT_NULL")
                   ? check_row_null(check, node)
                   : check_row_list(check, node);
    if (tree_is(node, "type", "COMPARE_IN") || tree_is(node, "type", "COMPARE_NOT_IN")) {
        check_operands(check, node);
        check_decimal_comparison(check, node);
    }
    if (tree_is(node, "type", "OPERATOR_NULLIF"))
        check_text_argument(check, node, STR_LIT("nullif"));
    check_literal_types(check, node);
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

static bool check_is_type(const struct tree *type, const char *const *names, size_t count)
{
    const struct tree *info = tree_get(type, "type_info");
    struct str name = tree_text(type, "id");

    CHECK(type->kind == TREE_OBJECT);
    if (str_equal(name, STR_LIT("UNBOUND")) && info)
        name = tree_text(info, "name");
    return str_is_one_of_nocase(name, names, count);
}

static enum status check_cast(struct check *check, const struct tree *node)
{
    static const char *const skip[] = {"cast_type", NULL};
    static const char *const decimals[] = {"dec", "decimal", "numeric"};
    const struct tree *type = tree_get(node, "cast_type");
    enum status status = check_type(check, node, type);

    CHECK(node->kind == TREE_OBJECT);
    if (type && check_is_type(type, decimals, ARRAY_COUNT(decimals)))
        check->plan->rounds = true;
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

/* COLUMNS('pattern'): DuckDB matches all names with it while it binds, and cannot be stopped. */
static enum status check_star(struct check *check, const struct tree *node)
{
    static const char *const others[] = {"STAR", "OPERATOR"}; /* all; a list of names */
    const struct tree *expr = tree_get(node, "expr");
    const struct tree *value = expr ? tree_get(expr, "value") : NULL;
    struct str name = expr ? tree_text(expr, "function_name") : STR_EMPTY;
    bool known = !expr || str_equal(name, STR_LIT("list_filter")) || /* a lambda */
                 str_equal(name, STR_LIT("list_value"));

    CHECK(node->kind == TREE_OBJECT);
    uint64_t columns = check_star_columns(check, tree_text(node, "relation_name"));
    check->star = columns > check->star ? columns : check->star;
    check->level->star = true;
    check_note_several(check, ANALYTIC_STARS);
    for (size_t i = 0; i < ARRAY_COUNT(others); i++)
        known |= expr && tree_is(expr, "class", others[i]);
    if (expr && tree_is(expr, "class", "CONSTANT") && value) {
        uint64_t places = regex_read(tree_text(value, "value"), false).places;
        known = places <= CHECK_COLUMNS_PLACES - check->columns_places;
        check->columns_places += known ? places : 0;
    }
    if (!known)
        return check_refuse(check, node, "a computed or large pattern in", STR_LIT("COLUMNS"));
    return check_members(check, node, NULL);
}

static enum status check_comparison(struct check *check, const struct tree *node)
{
    bool between = tree_is(node, "class", "BETWEEN"), rewrites = !check->draft->verify;

    CHECK(node->kind == TREE_OBJECT);
    if (rewrites && between && check_is_row(tree_get(node, "input")))
        return check_row_between(check, node);
    if (rewrites && !between &&
        (check_is_row(tree_get(node, "left")) || check_is_row(tree_get(node, "right"))))
        return check_row_comparison(check, node);
    check_operands(check, node);
    check_decimal_comparison(check, node);
    if (!between)
        return check_members(check, node, NULL);
    return check_copied(check, node, 3); /* x >= a AND x <= b, and the optimizer's look at it */
}

/* Is it surely a text, and no JSON? */
static bool check_is_text(struct check *check, const struct tree *node)
{
    static const char *const texts[] = {"text", "varchar"};
    struct data_type type = {.kind = VALUE_TEXT};

    CHECK(node->kind == TREE_OBJECT);
    if (tree_is(node, "class", "CAST") && tree_get(node, "cast_type"))
        return check_is_type(tree_get(node, "cast_type"), texts, ARRAY_COUNT(texts));
    return tree_is(node, "class", "CONSTANT") ||
           (check_column_type(check, node, &type) && type.kind == VALUE_TEXT);
}

/* DuckDB breaks down over NOCASE of a JSON value. */
static enum status check_collate(struct check *check, const struct tree *node)
{
    const struct tree *operand = tree_get(node, "child");
    struct str collation = tree_text(node, "collation");

    CHECK(node->kind == TREE_OBJECT);
    if (!allow_collation(collation))
        return check_refuse(check, node, "collation", collation);
    if (str_equal_nocase(collation, STR_LIT("nocase")) && !check->draft->verify &&
        !(operand && check_is_text(check, operand))) {
        check_refuse(check, node, "COLLATE NOCASE of what is no column of type TEXT", STR_EMPTY);
        error_hint(check->err, "use CAST(x AS TEXT) COLLATE NOCASE, or lower(x)");
        return STATUS_NOT_SUPPORTED;
    }
    return check_members(check, node, NULL);
}

enum status check_class(struct check *check, const struct tree *node, struct str class)
{
    static const char *const plain[] = {"CONJUNCTION", "CASE"};

    CHECK(class.size > 0);
    if (check_keys(check, node) != STATUS_OK)
        return STATUS_NOT_SUPPORTED;
    if (str_equal(class, STR_LIT("CONSTANT")))
        check_literal(check, node);
    if (str_equal(class, STR_LIT("CONSTANT")) || str_equal(class, STR_LIT("POSITIONAL_REFERENCE")))
        return STATUS_OK;
    if (str_equal(class, STR_LIT("CASE")))
        check_literal_types(check, node);
    if (str_equal(class, STR_LIT("COLUMN_REF")))
        return check_column(check, node);
    if (str_equal(class, STR_LIT("STAR")))
        return check_star(check, node);
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
    if (str_equal(class, STR_LIT("SUBQUERY")) && check_is_row(tree_get(node, "child")))
        return check_row_subquery(check, node);
    if (str_equal(class, STR_LIT("SUBQUERY")))
        return check_copied(check, node, 2); /* DuckDB binds what is below it twice */
    if (str_equal(class, STR_LIT("LAMBDA")))
        return check_lambda(check, node);
    if (str_equal(class, STR_LIT("COLLATE")))
        return check_collate(check, node);
    if (str_equal(class, STR_LIT("COMPARISON")) || str_equal(class, STR_LIT("BETWEEN")))
        return check_comparison(check, node);
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++) {
        if (str_equal(class, str_from_c(plain[i])))
            return check_members(check, node, NULL);
    }
    return check_refuse(check, node, "expression", class);
}
