/* analytic.c — prepares a SELECT that DuckDB runs.
 *
 * text ─► DuckDB's tree ─► check (allow-lists, rights, sizes) ─► splice points ─► plan
 *                                                                      └► parsed and checked once
 * more The plan keeps the user's text and what replaces which bytes of it; nothing in it depends on
 * a user or on files, these are put in with each execution (analytic_run.c). The second check runs
 * over the spliced text and allows no table but hot_scan: should the first one ever misread a
 * place, the statement is refused, not run.
 *
 * PostgreSQL's meaning is reached in three ways: settings of the instance (columnar), replaced
 * bytes (analytic_splice.c), and macros that stand before DuckDB's own functions in the search path
 * (analytic_setup). docs/sql-functions.md lists the differences. Threads: workers.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/analytic_internal.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/mem.h"
#include "sql/lexer.h"

/* ---- macros
 * ------------------------------------------------------------------------------------------- */

#define ANALYTIC_BIG_TEXT "65536"
#define ANALYTIC_BIG_REPLACE "16777216"
#define ANALYTIC_ZERO "CASE WHEN b = 0 THEN error('division by zero') ELSE "

const char *const *analytic_setup(size_t *count)
{
    static const char *const statements[] = {
        "CREATE OR REPLACE MACRO \"/\"(a, b) AS " ANALYTIC_ZERO "system.main.\"//\"(a, b) END",
        "CREATE OR REPLACE MACRO \"//\"(a, b) AS " ANALYTIC_ZERO "system.main.\"//\"(a, b) END",
        "CREATE OR REPLACE MACRO divide(a, b) AS " ANALYTIC_ZERO "system.main.\"//\"(a, b) END",
        "CREATE OR REPLACE MACRO \"%\"(a, b) AS " ANALYTIC_ZERO "system.main.\"%\"(a, b) END",
        "CREATE OR REPLACE MACRO mod(a, b) AS " ANALYTIC_ZERO "system.main.\"%\"(a, b) END",
        /* A backslash escapes in LIKE; constant patterns without one stay DuckDB's fast form. */
        "CREATE OR REPLACE MACRO \"~~\"(a, b) AS CASE WHEN contains(b, '\\') "
        "THEN like_escape(a, b, '\\') ELSE system.main.\"~~\"(a, b) END",
        "CREATE OR REPLACE MACRO \"!~~\"(a, b) AS CASE WHEN contains(b, '\\') "
        "THEN not_like_escape(a, b, '\\') ELSE system.main.\"!~~\"(a, b) END",
        "CREATE OR REPLACE MACRO \"~~*\"(a, b) AS CASE WHEN contains(b, '\\') "
        "THEN ilike_escape(a, b, '\\') ELSE system.main.\"~~*\"(a, b) END",
        "CREATE OR REPLACE MACRO \"!~~*\"(a, b) AS CASE WHEN contains(b, '\\') "
        "THEN not_ilike_escape(a, b, '\\') ELSE system.main.\"!~~*\"(a, b) END",
        /* Positions before the first character count, a negative length is an error. */
        "CREATE OR REPLACE MACRO substring(s, f) AS system.main.substring(s, greatest(f, 1)), "
        "(s, f, n) AS CASE WHEN n < 0 THEN error('negative substring length not allowed') "
        "ELSE system.main.substring(s, greatest(f, 1), greatest(n + least(f, 1) - 1, 0)) END",
        "CREATE OR REPLACE MACRO substr(s, f) AS system.main.substring(s, greatest(f, 1)), "
        "(s, f, n) AS CASE WHEN n < 0 THEN error('negative substring length not allowed') "
        "ELSE system.main.substring(s, greatest(f, 1), greatest(n + least(f, 1) - 1, 0)) END",
        /* Texts that grow without being counted as memory. */
        "CREATE OR REPLACE MACRO repeat(s, n) AS CASE WHEN n > " ANALYTIC_BIG_TEXT
        " OR len(s) * n > " ANALYTIC_BIG_TEXT
        " THEN error('the result of repeat is too long') ELSE system.main.repeat(s, n) END",
        "CREATE OR REPLACE MACRO lpad(s, n) AS CASE WHEN n > " ANALYTIC_BIG_TEXT
        " THEN error('the result of lpad is too long') ELSE system.main.lpad(s, n, ' ') END, "
        "(s, n, c) AS CASE WHEN n > " ANALYTIC_BIG_TEXT
        " THEN error('the result of lpad is too long') ELSE system.main.lpad(s, n, c) END",
        "CREATE OR REPLACE MACRO rpad(s, n) AS CASE WHEN n > " ANALYTIC_BIG_TEXT
        " THEN error('the result of rpad is too long') ELSE system.main.rpad(s, n, ' ') END, "
        "(s, n, c) AS CASE WHEN n > " ANALYTIC_BIG_TEXT
        " THEN error('the result of rpad is too long') ELSE system.main.rpad(s, n, c) END",
        "CREATE OR REPLACE MACRO replace(s, a, b) AS CASE WHEN strlen(s) * strlen(b) "
        "> " ANALYTIC_BIG_REPLACE
        " THEN error('the result of replace is too long') ELSE system.main.replace(s, a, b) END",
        "CREATE OR REPLACE MACRO every(a) AS bool_and(a)",
    };

    CHECK(count);
    *count = ARRAY_COUNT(statements);
    return statements;
}

/* ---- names of result columns
 * ----------------------------------------------------------------------------- */

static struct str analytic_name(const struct analytic_plan *plan, const struct tree *item,
                                unsigned depth);

static struct str analytic_name_function(const struct analytic_plan *plan, const struct tree *item)
{
    struct str name = tree_text(item, "function_name");
    const struct tree *is_operator = tree_get(item, "is_operator");
    int64_t location = tree_location(item);

    CHECK(item->kind == TREE_OBJECT);
    if (is_operator && is_operator->boolean)
        return STR_LIT("?column?");
    if (str_equal(name, STR_LIT("count_star")))
        return STR_LIT("count");
    if (str_equal(name, STR_LIT("list_value")) &&
        str_equal(tree_text(item, "schema"), STR_LIT("main")))
        return STR_LIT("array");
    if (str_equal(name, STR_LIT("date_part")) && location >= 0 &&
        (uint64_t)location + 7 <= plan->sql.size &&
        str_equal_nocase(str_from(plan->sql.data + location, 7), STR_LIT("extract")))
        return STR_LIT("extract");
    return name;
}

static struct str analytic_name_type(const struct tree *type)
{
    static const char *const names[][2] = {
        {"BOOLEAN", "bool"},        {"SMALLINT", "int2"}, {"INTEGER", "int4"},
        {"BIGINT", "int8"},         {"FLOAT", "float4"},  {"DOUBLE", "float8"},
        {"DECIMAL", "numeric"},     {"VARCHAR", "text"},  {"DATE", "date"},
        {"TIMESTAMP", "timestamp"}, {"TIME", "time"},     {"UUID", "uuid"},
        {"INTERVAL", "interval"},
    };

    CHECK(!type || type->kind == TREE_OBJECT);
    for (size_t i = 0; type && i < ARRAY_COUNT(names); i++) {
        if (tree_is(type, "id", names[i][0]))
            return str_from_c(names[i][1]);
    }
    return STR_LIT("?column?");
}

static struct str analytic_name_child(const struct analytic_plan *plan, const struct tree *child,
                                      const struct tree *type, unsigned depth)
{
    struct str name = STR_LIT("?column?");

    CHECK(depth <= LIMIT_EXPRESSION_DEPTH);
    if (child && child->kind == TREE_OBJECT)
        name = analytic_name(plan, child, depth + 1);
    if (type && str_equal(name, STR_LIT("?column?")))
        name = analytic_name_type(type);
    return name;
}

static struct str analytic_name_operator(const struct analytic_plan *plan, const struct tree *item,
                                         unsigned depth)
{
    const struct tree *children = tree_get(item, "children");

    CHECK(item->kind == TREE_OBJECT);
    if (tree_is(item, "type", "OPERATOR_COALESCE"))
        return STR_LIT("coalesce");
    if (tree_is(item, "type", "OPERATOR_NULLIF"))
        return STR_LIT("nullif");
    if (tree_is(item, "type", "ARRAY_CONSTRUCTOR"))
        return STR_LIT("array");
    if (tree_is(item, "type", "GROUPING_FUNCTION"))
        return STR_LIT("grouping");
    if (tree_is(item, "type", "ARRAY_EXTRACT") || tree_is(item, "type", "ARRAY_SLICE"))
        return analytic_name_child(plan, children ? children->child : NULL, NULL, depth);
    return STR_LIT("?column?");
}

static struct str analytic_name_subquery(const struct analytic_plan *plan, const struct tree *item,
                                         unsigned depth)
{
    const struct tree *statement = tree_get(item, "subquery");
    const struct tree *node = statement ? tree_get(statement, "node") : NULL;
    const struct tree *list = node ? tree_get(node, "select_list") : NULL;

    CHECK(item->kind == TREE_OBJECT);
    if (tree_is(item, "subquery_type", "EXISTS"))
        return STR_LIT("exists");
    if (!tree_is(item, "subquery_type", "SCALAR") || !list || !list->child)
        return STR_LIT("?column?");
    if (tree_text(list->child, "alias").size > 0)
        return tree_text(list->child, "alias");
    return analytic_name_child(plan, list->child, NULL, depth);
}

/* What PostgreSQL calls a result column without AS. */
static struct str analytic_name(const struct analytic_plan *plan, const struct tree *item,
                                unsigned depth)
{
    struct str class = tree_text(item, "class");
    const struct tree *names;
    struct str last = STR_LIT("?column?");

    CHECK(item->kind == TREE_OBJECT);
    if (depth >= LIMIT_EXPRESSION_DEPTH)
        return last;
    if (str_equal(class, STR_LIT("COLUMN_REF"))) {
        names = tree_get(item, "column_names");
        for (const struct tree *name = names ? names->child : NULL; name; name = name->next)
            last = name->text;
        return last;
    }
    if (str_equal(class, STR_LIT("FUNCTION")))
        return analytic_name_function(plan, item);
    if (str_equal(class, STR_LIT("WINDOW")))
        return str_equal(tree_text(item, "function_name"), STR_LIT("count_star"))
                   ? STR_LIT("count")
                   : tree_text(item, "function_name");
    if (str_equal(class, STR_LIT("CAST")))
        return analytic_name_child(plan, tree_get(item, "child"), tree_get(item, "cast_type"),
                                   depth);
    if (str_equal(class, STR_LIT("COLLATE")))
        return analytic_name_child(plan, tree_get(item, "child"), NULL, depth);
    if (str_equal(class, STR_LIT("CASE")))
        return STR_LIT("case");
    if (str_equal(class, STR_LIT("OPERATOR")))
        return analytic_name_operator(plan, item, depth);
    if (str_equal(class, STR_LIT("SUBQUERY")))
        return analytic_name_subquery(plan, item, depth);
    return last;
}

/* Names fold as in PostgreSQL unless the source quotes them. */
static struct str analytic_name_fold(struct analytic_plan *plan, const struct tree *item,
                                     struct str name)
{
    struct splice_name source;
    char *folded;

    CHECK(name.data);
    if (tree_is(item, "class", "COLUMN_REF") &&
        splice_read_name(plan->sql, tree_location(item), &plan->arena, &source) &&
        str_equal_nocase(source.parts[source.count - 1], name))
        return arena_copy(&plan->arena, source.parts[source.count - 1]);
    folded = arena_alloc(&plan->arena, name.size + 1);
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        folded[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    return str_from(folded, name.size);
}

static void analytic_note_system(struct analytic_plan *plan, struct str name)
{
    static const char *const system[SYSTEM_COLUMN_COUNT] = {"_seq", "_updated", "_deleted"};

    CHECK(plan);
    for (int i = 0; i < SYSTEM_COLUMN_COUNT; i++)
        plan->names_system[i] |= str_equal_nocase(name, str_from_c(system[i]));
}

static void analytic_name_list(struct analytic_plan *plan, const struct tree *list)
{
    uint32_t count = 0;

    CHECK(list->kind == TREE_ARRAY);
    for (const struct tree *item = list->child; item; item = item->next)
        count++;
    plan->names = arena_array(&plan->arena, count + 1, sizeof(struct str));
    for (const struct tree *item = list->child; item; item = item->next) {
        struct str name = STR_EMPTY;
        if (tree_is(item, "class", "STAR")) {
            plan->has_star = true;
            plan->name_back = 0; /* only what stands behind the last star */
            continue;
        }
        if (tree_text(item, "alias").size == 0)
            name = analytic_name_fold(plan, item, analytic_name(plan, item, 0));
        else
            analytic_note_system(plan, tree_text(item, "alias"));
        analytic_note_system(plan, name);
        if (!plan->has_star)
            plan->names[plan->name_front++] = name;
        else
            plan->names[plan->name_front + plan->name_back++] = name;
    }
}

static void analytic_name_columns(struct analytic_plan *plan, const struct tree *tree)
{
    const struct tree *node = tree_get(tree_get(tree, "statements")->child, "node");
    const struct tree *list, *from;

    while (node && node->kind == TREE_OBJECT && !tree_is(node, "type", "SELECT_NODE"))
        node = tree_get(node, "left");
    list = node ? tree_get(node, "select_list") : NULL;
    from = node ? tree_get(node, "from_table") : NULL;
    CHECK(plan->name_front == 0 && plan->name_back == 0);
    if (!list)
        return;
    analytic_name_list(plan, list);
    if (from && tree_is(from, "type", "EXPRESSION_LIST") && tree_get(from, "values") &&
        tree_get(from, "values")->child) { /* VALUES (…): column1, column2 */
        const struct tree *row = tree_get(from, "values")->child;
        uint32_t count = 0;
        for (const struct tree *cell = row->child; cell; cell = cell->next)
            count++;
        plan->names = arena_array(&plan->arena, count + 1, sizeof(struct str));
        for (uint32_t i = 0; i < count; i++)
            plan->names[i] = arena_printf(&plan->arena, "column%u", i + 1);
        plan->name_front = count;
        plan->name_back = 0;
    }
}

/* ---- prepare
 * ------------------------------------------------------------------------------------------- */

/* DuckDB knows no `x`; the quotes are as long as its own. */
static void analytic_replace_backticks(struct analytic_plan *plan)
{
    struct lexer lexer;
    struct token token;
    char *text = arena_alloc(&plan->arena, plan->sql.size + 1);

    memcpy(text, plan->sql.data, plan->sql.size);
    text[plan->sql.size] = 0;
    CHECK(plan->sql.size <= LIMIT_ANALYTIC_SQL_BYTES);
    lexer_init(&lexer, plan->sql);
    do {
        token = lexer_next(&lexer);
        if (token.kind != TOKEN_QUOTED || text[token.start] != '`' ||
            memchr(text + token.start, '"', token.end - token.start) != NULL ||
            memchr(text + token.start + 1, '`', token.end - token.start - 2) != NULL)
            continue;
        text[token.start] = '"';
        text[token.end - 1] = '"';
    } while (token.kind != TOKEN_END && token.kind != TOKEN_ERROR);
    plan->sql.data = text;
}

/* The tree of one text; what DuckDB refuses comes as an error in the JSON or as a status. */
static enum status analytic_parse(struct sql_engine *engine, struct str sql, struct arena *arena,
                                  struct tree **tree, struct error *err)
{
    struct str json, message;
    const struct tree *failed;
    enum status status;

    CHECK(engine->columnar);
    status = columnar_parse(engine->columnar, sql, arena, &json, err);
    if (status == STATUS_STALE)
        status = columnar_parse(engine->columnar, sql, arena, &json, err);
    if (status == STATUS_OK)
        status = tree_parse(json, arena, tree, err);
    if (status != STATUS_OK)
        return status;
    failed = tree_get(*tree, "error");
    if (!failed || !failed->boolean)
        return STATUS_OK;
    message = tree_text(*tree, "error_message");
    if (tree_is(*tree, "error_type", "not implemented"))
        return error_set(err, STATUS_NOT_SUPPORTED, "this is not supported in this version: %.*s",
                         STR_ARG(message));
    return error_set(err, STATUS_INVALID_SQL, "%.*s", STR_ARG(message));
}

struct analytic_verify {
    const struct analytic_plan *plan;
};

static void analytic_verify_table(void *context, uint32_t index, struct buf *out)
{
    const struct analytic_plan *plan = ((struct analytic_verify *)context)->plan;
    const struct analytic_table *table = &plan->tables[index];

    CHECK(index < plan->table_count);
    buf_append_str(out, STR_LIT("(SELECT "));
    buf_append_str(out, table->columns);
    buf_printf(out, " FROM hot_scan(%u))", index);
    if (table->alias.size > 0) {
        buf_append_str(out, STR_LIT(" AS "));
        splice_append_quoted(out, table->alias, '"');
    }
}

/* Parses what would run and walks it with nothing allowed but hot_scan. */
static enum status analytic_verify(struct analytic_draft *draft, struct arena *arena,
                                   struct error *err)
{
    struct analytic_verify verify = {draft->plan};
    struct splice_context context = {.user = STR_LIT("u"),
                                     .role = STR_LIT("user"),
                                     .table = analytic_verify_table,
                                     .context = &verify};
    struct analytic_plan scratch = {.table_count = 0};
    struct analytic_draft second = *draft;
    struct tree *tree;
    struct buf text;
    enum status status;

    CHECK(!draft->verify);
    buf_init(&text);
    arena_init(&scratch.arena, 0);
    splice_assemble(draft->plan, &context, &text);
    scratch.sql = buf_str(&text);
    second.plan = &scratch;
    second.verify = true;
    status = analytic_parse(draft->engine, scratch.sql, arena, &tree, err);
    if (status == STATUS_OK)
        status = analytic_check(&second, tree, err);
    if (status != STATUS_OK)
        err->position = -1; /* it counts in a text the user never saw */
    arena_clear(&scratch.arena);
    buf_clear(&text);
    return status;
}

static void analytic_list_columns(struct analytic_plan *plan)
{
    struct buf text;

    CHECK(plan->tables || plan->table_count == 0);
    buf_init(&text);
    for (uint32_t i = 0; i < plan->table_count; i++) {
        struct analytic_table *table = &plan->tables[i];
        buf_reset(&text);
        splice_append_columns(table->table, table->hide_system, &text);
        table->columns = arena_copy(&plan->arena, buf_str(&text));
    }
    buf_clear(&text);
}

static enum status analytic_prepare_plan(struct analytic_draft *draft, struct arena *scratch,
                                         struct error *err)
{
    struct tree *tree;
    enum status status;

    CHECK(draft->plan->sql.size > 0);
    analytic_replace_backticks(draft->plan);
    status = splice_tokens(draft, err);
    if (status == STATUS_OK)
        status = analytic_parse(draft->engine, draft->plan->sql, scratch, &tree, err);
    if (status == STATUS_OK)
        status = analytic_check(draft, tree, err);
    if (status != STATUS_OK)
        return status;
    if (!splice_sort(draft->plan))
        return error_set(err, STATUS_NOT_SUPPORTED, "this form of query is not supported");
    analytic_list_columns(draft->plan);
    analytic_name_columns(draft->plan, tree);
    /* Texts without splices were checked as they are. */
    return draft->plan->splice_count ? analytic_verify(draft, scratch, err) : STATUS_OK;
}

enum status analytic_prepare(struct sql_engine *engine, const struct sql_caller *caller,
                             struct catalog *catalog, struct str sql, size_t param_count,
                             struct analytic_plan **out, struct error *err)
{
    struct analytic_draft draft = {
        .engine = engine, .caller = caller, .catalog = catalog, .param_count = param_count};
    struct arena scratch;
    enum status status;

    CHECK(engine && caller && out);
    sql = str_trim(sql);
    if (sql.size == 0)
        return error_set(err, STATUS_EMPTY_SQL, "no SQL statement");
    if (sql.size > LIMIT_ANALYTIC_SQL_BYTES)
        return error_set(err, STATUS_INVALID_SQL, "a query of this kind may have at most %d bytes",
                         LIMIT_ANALYTIC_SQL_BYTES);
    draft.plan = mem_zalloc(sizeof(*draft.plan));
    atomic_init(&draft.plan->refs, 1);
    arena_init(&draft.plan->arena, 0);
    draft.plan->sql = sql;
    arena_init(&scratch, engine->options.statement_memory_bytes);
    status = analytic_prepare_plan(&draft, &scratch, err);
    arena_clear(&scratch);
    if (status != STATUS_OK) {
        analytic_plan_unref(draft.plan);
        return status;
    }
    *out = draft.plan;
    return STATUS_OK;
}

struct analytic_plan *analytic_plan_ref(struct analytic_plan *plan)
{
    CHECK(plan);
    atomic_fetch_add_explicit(&plan->refs, 1, memory_order_relaxed);
    return plan;
}

void analytic_plan_unref(struct analytic_plan *plan)
{
    if (!plan || atomic_fetch_sub_explicit(&plan->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i < plan->table_count; i++) {
        CHECK(plan->tables[i].table);
        table_unref(plan->tables[i].table);
    }
    arena_clear(&plan->arena);
    mem_free(plan);
}
