/* prepare.c — prepares a SELECT that DuckDB runs.
 *
 * text ─► DuckDB's tree ─► check (allow-lists, rights, sizes) ─► splice points ─► plan
 *                                                                      └► parsed and checked once
 * more The plan keeps the user's text and what replaces which bytes of it; nothing in it depends on
 * a user or on files, these are put in with each execution (run.c). The second check runs
 * over the spliced text and allows no table but hot_scan: should the first one ever misread a
 * place, the statement is refused, not run.
 *
 * PostgreSQL's meaning is reached in four ways: settings of the instance (columnar), replaced
 * bytes (splice.c), macros that stand before DuckDB's own functions in the search path (macros.c),
 * and casts of texts (cast.c). docs/sql-functions.md lists the differences. Threads: workers.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/analytic/analytic_internal.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/mem.h"
#include "sql/syntax/lexer.h"

/* Behind `->` stands a key of JSON, not the body of a lambda function. */
static bool analytic_is_json_key(struct lexer ahead)
{
    struct token token = lexer_next(&ahead);

    CHECK(token.start <= ahead.text.size);
    if (token.kind == TOKEN_MINUS)
        token = lexer_next(&ahead);
    return token_is_string(&token) || token.kind == TOKEN_INTEGER || token.kind == TOKEN_PARAM;
}

static bool analytic_is_char(const struct lexer *lexer, const struct token *token, char c)
{
    CHECK(token->end <= lexer->text.size);
    return token->kind == TOKEN_OTHER && lexer->text.data[token->start] == c;
}

/* `= ANY (ARRAY[a, b])` → `IN (a, b)` and blanks: the same, but literals get the column's type. */
static void analytic_replace_any(struct lexer ahead, const struct token *equals, char *text)
{
    static const char *const words[] = {"any", "(", "array", "["};
    struct token token = *equals;
    uint32_t depth = 1, open;

    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        token = lexer_next(&ahead);
        if (!str_equal_nocase(token_text(ahead.text, &token), str_from_c(words[i])))
            return;
    }
    open = token.start;
    while (depth > 0) {
        token = lexer_next(&ahead);
        if (token.kind == TOKEN_END || token.kind == TOKEN_ERROR ||
            (token.start == open + 1 && analytic_is_char(&ahead, &token, ']')))
            return;
        depth += analytic_is_char(&ahead, &token, '[');
        depth -= analytic_is_char(&ahead, &token, ']');
    }
    CHECK(token.start > open && open > equals->start + 3);
    uint32_t close = token.start;
    if (lexer_next(&ahead).kind != TOKEN_RIGHT_PAREN)
        return;
    memset(text + equals->start, ' ', open - equals->start);
    memcpy(text + equals->start + 1, "IN", 2); /* behind a blank: `a=any(…)` */
    text[open] = '(';
    text[close] = ' ';
}

/* E'…' → the characters themselves as '…' and blanks: DuckDB does not know \u. Each escape is at
 * least as long as its character, a quote included. */
static void analytic_replace_escaped(struct analytic_plan *plan, const struct token *token,
                                     char *text)
{
    struct str string;
    struct buf quoted;

    CHECK(token->kind == TOKEN_ESCAPED);
    if (token_string(plan->sql, token, &plan->arena, &string, NULL) != STATUS_OK)
        return; /* DuckDB says what is wrong */
    buf_init(&quoted);
    splice_append_quoted(&quoted, string, '\'');
    CHECK(quoted.size <= token->end - token->start);
    memset(text + token->start, ' ', token->end - token->start);
    memcpy(text + token->start, quoted.data, quoted.size);
    buf_clear(&quoted);
}

/* What DuckDB reads otherwise, exchanged for texts of the same length: it knows no `x`, and its ->
 * and ->> bind weaker than comparisons. The operators that take their place bind as PostgreSQL's;
 * macros give them their meaning. */
static void analytic_replace_tokens(struct analytic_plan *plan)
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
        if (token.kind == TOKEN_EQ)
            analytic_replace_any(lexer, &token, text);
        if (token.kind == TOKEN_ARROW_TEXT)
            memcpy(text + token.start, "+>>", 3);
        if (token.kind == TOKEN_ARROW && analytic_is_json_key(lexer))
            memcpy(text + token.start, "+>", 2);
        if (token.kind == TOKEN_ESCAPED)
            analytic_replace_escaped(plan, &token, text);
        if (token.kind != TOKEN_QUOTED || text[token.start] != '`' ||
            memchr(text + token.start, '"', token.end - token.start) != NULL ||
            memchr(text + token.start + 1, '`', token.end - token.start - 2) != NULL)
            continue;
        text[token.start] = '"';
        text[token.end - 1] = '"';
    } while (token.kind != TOKEN_END && token.kind != TOKEN_ERROR);
    plan->sql.data = text;
}

enum status analytic_restarted(struct error *err)
{
    CHECK(err);
    return error_set(err, STATUS_SQL_EXECUTION_ERROR,
                     "the query engine was restarted; please repeat the statement");
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
    if (status == STATUS_STALE)
        status = analytic_restarted(err);
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
        splice_append_columns(table, &text);
        table->columns = arena_copy(&plan->arena, buf_str(&text));
    }
    buf_clear(&text);
}

static enum status analytic_check_size(struct str sql, struct error *err)
{
    CHECK(sql.data);
    return sql.size <= LIMIT_ANALYTIC_SQL_BYTES
               ? STATUS_OK
               : error_set(err, STATUS_INVALID_SQL,
                           "a query of this kind may have at most %d bytes",
                           LIMIT_ANALYTIC_SQL_BYTES);
}

static enum status analytic_prepare_plan(struct analytic_draft *draft, struct arena *scratch,
                                         struct error *err)
{
    struct tree *tree;
    enum status status;

    CHECK(draft->plan->sql.size > 0);
    quote_names(draft->plan);
    status = analytic_check_size(draft->plan->sql, err); /* the quotes count, too */
    if (status != STATUS_OK)
        return status;
    analytic_replace_tokens(draft->plan);
    status = splice_tokens(draft, err);
    if (status == STATUS_OK)
        status = check_cases(draft->plan->sql, err);
    if (status == STATUS_OK)
        status = analytic_parse(draft->engine, draft->plan->sql, scratch, &tree, err);
    if (status == STATUS_OK)
        status = analytic_check(draft, tree, err);
    if (status != STATUS_OK)
        return status;
    names_find(draft->plan, tree);
    if (!splice_sort(draft->plan))
        return error_set(err, STATUS_NOT_SUPPORTED, "this form of query is not supported");
    analytic_list_columns(draft->plan);
    draft->plan->shape = shape_of(tree);
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
    status = analytic_check_size(sql, err);
    if (status != STATUS_OK)
        return status;
    draft.plan = mem_zalloc(sizeof(*draft.plan));
    arena_init(&draft.plan->arena, 0);
    draft.plan->sql = sql;
    draft.plan->param_types =
        arena_array(&draft.plan->arena, UINT8_MAX + 1, sizeof(struct data_type));
    draft.plan->param_columns = arena_array(&draft.plan->arena, UINT8_MAX + 1, sizeof(struct str));
    draft.plan->param_mixed = arena_array(&draft.plan->arena, UINT8_MAX + 1, sizeof(bool));
    draft.plan->param_keys = arena_array(&draft.plan->arena, UINT8_MAX + 1, sizeof(bool));
    arena_init(&scratch, engine->options.statement_memory_bytes);
    status = analytic_prepare_plan(&draft, &scratch, err);
    arena_clear(&scratch);
    if (status != STATUS_OK) {
        err->position = quote_position(draft.plan, err->position);
        analytic_plan_free(draft.plan);
        return status;
    }
    *out = draft.plan;
    return STATUS_OK;
}

enum status analytic_require_single(const struct analytic_plan *plan, const char *clause,
                                    struct error *err)
{
    CHECK(clause && plan->several <= ANALYTIC_STARS);
    if (plan->several == ANALYTIC_SINGLE)
        return STATUS_OK;
    return error_set(err, STATUS_INVALID_SQL, "%s are not allowed in %s",
                     plan->several == ANALYTIC_SETS ? "set-returning functions" : "COLUMNS and *",
                     clause);
}

void analytic_plan_free(struct analytic_plan *plan)
{
    if (!plan)
        return;
    for (uint32_t i = 0; i < plan->table_count; i++) {
        CHECK(plan->tables[i].table);
        table_unref(plan->tables[i].table);
    }
    arena_clear(&plan->arena);
    mem_free(plan);
}
