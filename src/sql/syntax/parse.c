/* parse.c — the doors of the parser: splitting a request, one statement, error positions.
 *
 * The first word decides. A SELECT that our grammar does not cover becomes AST_ANALYTIC: its tokens
 * are only scanned, for parameters, for FOR UPDATE (which DuckDB would ignore) and for the nesting
 * limit.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/syntax/parser_internal.h"

#include "base/utf8.h"

/* ---- splitting ----------------------------------------------------------------------------------
 */

enum status sql_check_text(struct str text, struct error *err)
{
    CHECK(text.size == 0 || text.data != NULL);
    if (text.size > LIMIT_SQL_BYTES)
        return error_set(err, STATUS_INVALID_SQL, "SQL text is longer than %d bytes",
                         LIMIT_SQL_BYTES);
    if (text.size > 0 && memchr(text.data, '\0', text.size) != NULL)
        return error_set(err, STATUS_INVALID_SQL, "SQL text contains a NUL byte");
    if (!utf8_is_valid(text))
        return error_set(err, STATUS_INVALID_SQL, "SQL text is not valid UTF-8");
    return STATUS_OK;
}

enum status sql_split(struct str text, struct arena *arena, struct str **statements, size_t *count,
                      struct error *err)
{
    struct parser_list list = {0};
    struct parser parser = {.arena = arena, .err = err};
    uint32_t start = 0, end = 0;
    enum status status = sql_check_text(text, err);

    if (status != STATUS_OK)
        return status;
    lexer_init(&parser.lexer, text);
    for (;;) {
        struct token token = lexer_next(&parser.lexer);

        if (token.kind == TOKEN_ERROR)
            return error_set_at(err, STATUS_BATCH_PARSE_ERROR, token.start, "%s",
                                parser.lexer.problem);
        if (token.kind == TOKEN_SEMICOLON || token.kind == TOKEN_END) {
            if (end > start)
                *(struct str *)parser_list_add(&parser, &list, sizeof(struct str)) =
                    str_from(text.data + start, end - start);
            end = start = 0;
            if (token.kind == TOKEN_END)
                break;
            continue;
        }
        if (end == 0)
            start = token.start;
        end = token.end;
    }
    if (list.count == 0)
        return error_set(err, STATUS_EMPTY_SQL, "no SQL statement");
    CHECK(list.items != NULL);
    *statements = list.items;
    *count = list.count;
    return STATUS_OK;
}

void sql_line_column(struct str text, size_t offset, size_t *line, size_t *column)
{
    size_t line_start = 0;

    *line = 1;
    if (offset > text.size)
        offset = text.size;
    for (size_t i = 0; i < offset; i++) {
        if (text.data[i] == '\n') {
            ++*line;
            line_start = i + 1;
        }
    }
    CHECK(line_start <= offset);
    *column = 1 + utf8_length(str_from(text.data + line_start, offset - line_start));
}

/* ---- refused statements -------------------------------------------------------------------------
 */

struct refused {
    const char *word, *what, *hint;
};

/* First words of statements that other databases have. */
static const struct refused refused_words[] = {
    {"truncate", "TRUNCATE", "use DELETE FROM without WHERE"},
    {"grant", "GRANT", "access to a table is ACCESS PUBLIC, PRIVATE or RESTRICTED"},
    {"revoke", "REVOKE", "access to a table is ACCESS PUBLIC, PRIVATE or RESTRICTED"},
    {"copy", "COPY", "use INSERT with several rows"},
    {"merge", "MERGE", "use INSERT … ON CONFLICT"},
    {"replace", "REPLACE", "use INSERT … ON CONFLICT"},
    {"prepare", "PREPARE", "plans are cached; send parameters with the statement"},
    {"deallocate", "DEALLOCATE", NULL},
    {"abort", "ABORT", "use ROLLBACK"},
    {"savepoint", "SAVEPOINT", NULL},
    {"release", "RELEASE SAVEPOINT", NULL},
    {"lock", "LOCK", NULL},
    {"consume", "CONSUME", "use a live query"},
    {"ack", "ACK", "use a live query"},
    {"export", "EXPORT", NULL},
    {"import", "IMPORT", NULL},
    {"call", "CALL", NULL},
    {"do", "DO", NULL},
    {"pragma", "PRAGMA", NULL},
    {"attach", "ATTACH", NULL},
    {"detach", "DETACH", NULL},
    {"install", "INSTALL", NULL},
    {"load", "LOAD", NULL},
    {"vacuum", "VACUUM", NULL},
    {"analyze", "ANALYZE", NULL},
    {"comment", "COMMENT", NULL},
    {"listen", "LISTEN", "use a live query"},
    {"notify", "NOTIFY", "use a live query"},
    {"declare", "DECLARE", NULL},
    {"reindex", "REINDEX", NULL},
    {"cluster", "CLUSTER", NULL},
};

/* What stands behind CREATE, ALTER, DROP. */
static const struct refused refused_objects[] = {
    {"index", "CREATE INDEX", "the primary key is the index"},
    {"unique", "UNIQUE", "the primary key is the only unique constraint"},
    {"vector", "a vector index", NULL},
    {"view", "VIEW", NULL},
    {"materialized", "MATERIALIZED VIEW", NULL},
    {"or", "CREATE OR REPLACE", NULL},
    {"temp", "a temporary table", NULL},
    {"temporary", "a temporary table", NULL},
    {"unlogged", "an unlogged table", NULL},
    {"trigger", "TRIGGER", "use a live query"},
    {"sequence", "SEQUENCE", "use SNOWFLAKE_ID() or BIGSERIAL"},
    {"function", "FUNCTION", NULL},
    {"procedure", "PROCEDURE", NULL},
    {"macro", "MACRO", NULL},
    {"topic", "TOPIC", "use a live query"},
    {"schema", "SCHEMA", "use CREATE NAMESPACE"},
    {"database", "DATABASE", "use CREATE NAMESPACE"},
    {"type", "TYPE", NULL},
    {"domain", "DOMAIN", NULL},
    {"extension", "EXTENSION", NULL},
    {"role", "ROLE", "use CREATE USER"},
    {"policy", "POLICY", "user tables are isolated by user already"},
};

static enum status parse_refuse(struct parser *parser, const struct refused *list, size_t count)
{
    CHECK(list != NULL && count > 0);
    for (size_t i = 0; i < count; i++) {
        if (parser_is_word(parser, list[i].word))
            return parser_not_supported(parser, list[i].what, list[i].hint);
    }
    return parser_syntax_error(parser);
}

static enum status parse_refused_object(struct parser *parser)
{
    CHECK(parser->last_end > 0);
    return parse_refuse(parser, refused_objects, ARRAY_COUNT(refused_objects));
}

/* ---- dispatch -----------------------------------------------------------------------------------
 */

/* [USER|SHARED|STREAM] TABLE; true if TABLE was taken. */
static bool parse_table_kind(struct parser *parser, enum ast_table_kind *kind)
{
    static const struct {
        enum keyword keyword;
        enum ast_table_kind kind;
    } kinds[] = {{KEYWORD_USER, AST_TABLE_USER},
                 {KEYWORD_SHARED, AST_TABLE_SHARED},
                 {KEYWORD_STREAM, AST_TABLE_STREAM}};

    CHECK(parser->last_end > 0);
    *kind = AST_TABLE_UNSPECIFIED;
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        if (parser_is(parser, kinds[i].keyword) && parser_ahead_is(parser, KEYWORD_TABLE)) {
            parser_advance(parser);
            *kind = kinds[i].kind;
        }
    }
    return parser_take(parser, KEYWORD_TABLE);
}

static enum status parse_create(struct parser *parser)
{
    enum ast_table_kind kind;

    CHECK(parser->last_end > 0);
    if (parse_table_kind(parser, &kind))
        return parse_create_table(parser, kind);
    if (parser_take(parser, KEYWORD_NAMESPACE))
        return parse_namespace(parser, AST_CREATE_NAMESPACE);
    if (parser_take(parser, KEYWORD_USER))
        return parse_user(parser, AST_CREATE_USER);
    if (parser_take(parser, KEYWORD_STORAGE))
        return parse_storage(parser, AST_CREATE_STORAGE);
    return parse_refused_object(parser);
}

static enum status parse_drop(struct parser *parser)
{
    enum ast_table_kind kind;

    CHECK(parser->last_end > 0);
    if (parse_table_kind(parser, &kind))
        return parse_drop_table(parser, kind);
    if (parser_take(parser, KEYWORD_NAMESPACE))
        return parse_namespace(parser, AST_DROP_NAMESPACE);
    if (parser_take(parser, KEYWORD_USER))
        return parse_user(parser, AST_DROP_USER);
    if (parser_take(parser, KEYWORD_STORAGE))
        return parse_storage(parser, AST_DROP_STORAGE);
    return parse_refused_object(parser);
}

static enum status parse_alter(struct parser *parser)
{
    enum ast_table_kind kind;

    CHECK(parser->last_end > 0);
    if (parser_take(parser, KEYWORD_NAMESPACE))
        return parse_namespace(parser, AST_ALTER_NAMESPACE);
    if (parse_table_kind(parser, &kind))
        return parse_alter_table(parser, kind);
    if (parser_take(parser, KEYWORD_USER))
        return parse_user(parser, AST_ALTER_USER);
    if (parser_take(parser, KEYWORD_STORAGE))
        return parse_storage(parser, AST_ALTER_STORAGE);
    return parse_refused_object(parser);
}

static enum status parse_use_name(struct parser *parser)
{
    struct ast_namespace *space = &parser->statement->name_space;

    CHECK(parser->last_end > 0);
    parser->statement->kind = AST_USE;
    space->start = parser->token.start;
    return parser_label(parser, &space->name);
}

/* USE namespace goes into the namespace of this name. */
static enum status parse_use(struct parser *parser)
{
    CHECK(parser->last_end > 0);
    if (parser_is(parser, KEYWORD_NAMESPACE) && token_is_name(parser_ahead(parser)))
        parser_advance(parser);
    return parse_use_name(parser);
}

static enum status parse_set_statement(struct parser *parser)
{
    CHECK(parser->last_end > 0);
    if (parser_take(parser, KEYWORD_NAMESPACE))
        return parse_use_name(parser);
    return parser_not_supported(parser, "SET of a variable", "SET NAMESPACE name is");
}

static enum status parse_transaction(struct parser *parser, enum ast_statement_kind kind)
{
    CHECK(parser->last_end > 0);
    parser->statement->kind = kind;
    if (!parser_take(parser, KEYWORD_TRANSACTION))
        (void)parser_take(parser, KEYWORD_WORK);
    if (parser_is(parser, KEYWORD_TO) && kind == AST_ROLLBACK)
        return parser_not_supported(parser, "ROLLBACK TO SAVEPOINT", NULL);
    if (kind != AST_BEGIN && parser_is(parser, KEYWORD_AND))
        return parser_not_supported(parser, "AND CHAIN", NULL);
    if (kind != AST_BEGIN && parser_is_word(parser, "prepared"))
        return parser_not_supported(parser, "two-phase commit", NULL);
    if (kind == AST_BEGIN &&
        (parser_is_word(parser, "isolation") || parser_is_word(parser, "read") ||
         parser_is(parser, KEYWORD_NOT) || parser_is_word(parser, "deferrable")))
        return parser_not_supported(parser, "a transaction mode",
                                    "every transaction reads the moment of its BEGIN");
    return STATUS_OK;
}

static enum status parse_storage_word(struct parser *parser)
{
    CHECK(parser->last_end > 0);
    if (parser_take(parser, KEYWORD_FLUSH))
        return parse_flush(parser);
    if (parser_is_word(parser, "compact"))
        return parser_not_supported(parser, "STORAGE COMPACT", "compaction runs by itself");
    if (parser_take(parser, KEYWORD_CHECK))
        return parse_storage(parser, AST_CHECK_STORAGE);
    return parser_syntax_error(parser);
}

static bool parse_at_dml(const struct parser *parser)
{
    CHECK(parser->statement != NULL);
    return parser_is(parser, KEYWORD_SELECT) || parser_is(parser, KEYWORD_WITH) ||
           parser_is(parser, KEYWORD_VALUES) || parser_is(parser, KEYWORD_FROM) ||
           parser_is(parser, KEYWORD_INSERT) || parser_is(parser, KEYWORD_UPDATE) ||
           parser_is(parser, KEYWORD_DELETE) || parser_is_kind(parser, TOKEN_LEFT_PAREN);
}

static void parse_skip_to_end(struct parser *parser)
{
    while (!parser_at_end(parser) && !parser_is_kind(parser, TOKEN_ERROR) &&
           !parser_is_kind(parser, TOKEN_SEMICOLON))
        parser_advance(parser);
}

static enum status parse_explain(struct parser *parser)
{
    struct ast_statement *statement = parser->statement;

    CHECK(parser->last_end > 0);
    statement->kind = AST_EXPLAIN;
    statement->explain.analyze = parser_take(parser, KEYWORD_ANALYZE);
    if (!parse_at_dml(parser) && !parser_is(parser, KEYWORD_EXECUTE) &&
        !parser_is(parser, KEYWORD_SUBSCRIBE))
        return parser_syntax_error(parser); /* also EXPLAIN EXPLAIN …: no endless recursion */
    uint32_t start = parser->token.start;
    parse_skip_to_end(parser);
    if (parser_is_kind(parser, TOKEN_ERROR))
        return parser_syntax_error(parser);
    return parser_inner(parser, parser_range(parser, start, parser->last_end),
                        &statement->explain.inner);
}

/* EXECUTE AS USER {'u'|u} ( statement ) */
static enum status parse_execute_as(struct parser *parser)
{
    struct ast_statement *statement = parser->statement;
    enum status status;

    CHECK(parser->last_end > 0);
    statement->kind = AST_EXECUTE_AS;
    if (!parser_is(parser, KEYWORD_AS))
        return parser_not_supported(parser, "EXECUTE of a prepared statement",
                                    "EXECUTE AS USER 'u' ( … ) runs as another user");
    parser_advance(parser);
    status = parser_expect(parser, KEYWORD_USER);
    if (status == STATUS_OK)
        status = parser_word_or_string(parser, &statement->execute_as.user);
    if (status == STATUS_OK)
        status = parser_expect_kind(parser, TOKEN_LEFT_PAREN);
    if (status == STATUS_OK && (!parse_at_dml(parser) || parser_is_kind(parser, TOKEN_LEFT_PAREN)))
        return parser_error_at(parser, parser->token.start,
                               "EXECUTE AS USER takes one SELECT, INSERT, UPDATE or DELETE");
    if (status != STATUS_OK)
        return status;
    uint32_t start = parser->token.start, end = start, last = start;
    while (!parser_at_end(parser) && !parser_is_kind(parser, TOKEN_ERROR)) {
        bool semicolon = parser_is_kind(parser, TOKEN_SEMICOLON);

        last = parser->token.start;
        parser_advance(parser);
        if (!semicolon && parser_at_end(parser))
            end = last; /* the last `)` ends the inner text */
    }
    if (parser_is_kind(parser, TOKEN_ERROR) || end == start ||
        parser->lexer.text.data[parser->last_end - 1] != ')')
        return parser_syntax_error(parser);
    return parser_inner(parser, str_trim(parser_range(parser, start, end)),
                        &statement->execute_as.inner);
}

/* Tokens of a SELECT for DuckDB. */
static enum status parse_scan_analytic(struct parser *parser)
{
    size_t open = 0;

    CHECK(parser->statement->kind == AST_ANALYTIC);
    while (!parser_at_end(parser) && !parser_is_kind(parser, TOKEN_SEMICOLON)) {
        if (parser_is_kind(parser, TOKEN_LEFT_PAREN) && ++open > LIMIT_EXPRESSION_DEPTH)
            return parser_too_deep(parser);
        if (parser_is_kind(parser, TOKEN_RIGHT_PAREN) && open > 0)
            open--;
        if (parser_is(parser, KEYWORD_FOR) && open == 0 &&
            (parser_ahead_is(parser, KEYWORD_UPDATE) || parser_ahead_is(parser, KEYWORD_KEY) ||
             str_equal_nocase(token_text(parser->lexer.text, parser_ahead(parser)),
                              STR_LIT("share"))))
            return parser_not_supported(parser, "SELECT … FOR UPDATE",
                                        "an UPDATE is atomic per row; use BEGIN … COMMIT");
        enum status status = parse_foreign_token(parser);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* The statement as a text for DuckDB, whatever was parsed of it before. */
static enum status parse_analytic(struct parser *parser)
{
    struct ast_statement *statement = parser->statement;
    struct str text = statement->text;

    CHECK(parser->statement != NULL);
    *statement = (struct ast_statement){.kind = AST_ANALYTIC, .text = text};
    *parser = (struct parser){.arena = parser->arena, .statement = statement, .err = parser->err};
    lexer_init(&parser->lexer, text);
    parser->token = lexer_next(&parser->lexer);
    return parse_scan_analytic(parser);
}

/* Does a change of rows stand behind the list of a WITH? */
static bool parse_with_changes(const struct parser *parser)
{
    struct lexer lexer = parser->lexer;
    struct token token, previous = parser->token;
    uint32_t depth = 0;

    lexer.offset = parser->token.end;
    for (token = lexer_next(&lexer); token.kind != TOKEN_END && token.kind != TOKEN_ERROR;
         previous = token, token = lexer_next(&lexer)) {
        bool behind = depth == 0 && previous.kind == TOKEN_RIGHT_PAREN;
        if (behind && (token.keyword == KEYWORD_INSERT || token.keyword == KEYWORD_UPDATE ||
                       token.keyword == KEYWORD_DELETE))
            return true;
        if (token.kind == TOKEN_RIGHT_PAREN && depth == 0)
            return false;
        depth += token.kind == TOKEN_LEFT_PAREN;
        depth -= token.kind == TOKEN_RIGHT_PAREN;
        if (depth == 0 && (token.keyword == KEYWORD_SELECT || token.kind == TOKEN_SEMICOLON))
            return false;
    }
    CHECK(token.start <= lexer.text.size);
    return false;
}

static enum status parse_with(struct parser *parser)
{
    CHECK(parser_is(parser, KEYWORD_WITH));
    if (parse_with_changes(parser))
        return parser_not_supported(parser, "WITH before INSERT, UPDATE or DELETE",
                                    "use INSERT INTO t WITH … SELECT, or a subquery");
    return parse_analytic(parser);
}

static enum status parse_select_statement(struct parser *parser)
{
    enum status status;

    CHECK(parser_is(parser, KEYWORD_SELECT));
    parser->select = true;
    parser_advance(parser);
    status = parse_select(parser);
    if (status == STATUS_OK && !parser_at_end(parser) && !parser_is_kind(parser, TOKEN_SEMICOLON))
        status = parser_syntax_error(parser);
    if (status == STATUS_OK || parser->hard ||
        (status != STATUS_INVALID_SQL && status != STATUS_NOT_SUPPORTED))
        return status;
    if (parser->err != NULL)
        error_clear(parser->err);
    return parse_analytic(parser);
}

static enum status parse_begin(struct parser *parser)
{
    CHECK(parser->last_end > 0);
    return parse_transaction(parser, AST_BEGIN);
}

static enum status parse_start(struct parser *parser)
{
    CHECK(parser->last_end > 0);
    if (!parser_is(parser, KEYWORD_TRANSACTION))
        return parser_syntax_error(parser);
    return parse_transaction(parser, AST_BEGIN);
}

static enum status parse_commit(struct parser *parser)
{
    CHECK(parser->last_end > 0);
    return parse_transaction(parser, AST_COMMIT);
}

static enum status parse_rollback(struct parser *parser)
{
    CHECK(parser->last_end > 0);
    return parse_transaction(parser, AST_ROLLBACK);
}

static enum status parse_clear(struct parser *parser)
{
    CHECK(parser->last_end > 0);
    parser->statement->kind = AST_CLEAR_CACHE;
    return parser_expect(parser, KEYWORD_CACHE);
}

/* Each function stands behind the word, those marked `at` on it. */
static const struct statement_word {
    enum keyword keyword;
    bool at;
    enum status (*parse)(struct parser *parser);
} statement_words[] = {
    {KEYWORD_SELECT, true, parse_select_statement},
    {KEYWORD_INSERT, false, parse_insert},
    {KEYWORD_UPDATE, false, parse_update},
    {KEYWORD_DELETE, false, parse_delete},
    {KEYWORD_WITH, true, parse_with},
    {KEYWORD_VALUES, true, parse_analytic},
    {KEYWORD_FROM, true, parse_analytic},
    {KEYWORD_TABLE, true, parser_refuse_table},
    {KEYWORD_CREATE, false, parse_create},
    {KEYWORD_DROP, false, parse_drop},
    {KEYWORD_ALTER, false, parse_alter},
    {KEYWORD_EXPLAIN, false, parse_explain},
    {KEYWORD_EXECUTE, false, parse_execute_as},
    {KEYWORD_USE, false, parse_use},
    {KEYWORD_SET, false, parse_set_statement},
    {KEYWORD_BEGIN, false, parse_begin},
    {KEYWORD_START, false, parse_start},
    {KEYWORD_COMMIT, false, parse_commit},
    {KEYWORD_END, false, parse_commit},
    {KEYWORD_ROLLBACK, false, parse_rollback},
    {KEYWORD_BACKUP, false, parse_backup},
    {KEYWORD_RESTORE, false, parse_restore},
    {KEYWORD_FLUSH, false, parse_flush},
    {KEYWORD_STORAGE, false, parse_storage_word},
    {KEYWORD_SHOW, false, parse_show},
    {KEYWORD_DESCRIBE, false, parse_describe},
    {KEYWORD_DESC, false, parse_describe},
    {KEYWORD_KILL, false, parse_kill},
    {KEYWORD_SUBSCRIBE, false, parse_subscribe},
    {KEYWORD_CLEAR, false, parse_clear},
};

static enum status parse_statement(struct parser *parser)
{
    CHECK(parser->statement != NULL);
    if (parser_is_kind(parser, TOKEN_LEFT_PAREN))
        return parse_analytic(parser);
    if (!parser_is_kind(parser, TOKEN_WORD))
        return parser_syntax_error(parser);
    for (size_t i = 0; i < ARRAY_COUNT(statement_words); i++) {
        const struct statement_word *word = &statement_words[i];

        if (parser->token.keyword != word->keyword)
            continue;
        if (!word->at)
            parser_advance(parser);
        return word->parse(parser);
    }
    return parse_refuse(parser, refused_words, ARRAY_COUNT(refused_words));
}

/* Parameters are $1 … $N without a gap. */
static enum status parse_check_params(const struct parser *parser)
{
    CHECK(parser->statement->param_max <= PARSER_PARAM_MAX);
    for (uint32_t number = 1; number < parser->statement->param_max && parser->params != NULL;
         number++) {
        if (!(parser->params[number / 64] >> number % 64 & 1))
            return error_set(parser->err, STATUS_INVALID_PARAMETER,
                             "parameter $%u is used but $%u is not", parser->statement->param_max,
                             number);
    }
    return STATUS_OK;
}

enum status sql_parse(struct str text, struct arena *arena, struct ast_statement **out,
                      struct error *err)
{
    struct parser parser = {.arena = arena, .err = err};
    enum status status = STATUS_OK;

    if (text.size > LIMIT_SQL_BYTES)
        return error_set(err, STATUS_INVALID_SQL, "SQL text is longer than %d bytes",
                         LIMIT_SQL_BYTES);
    parser.statement = arena_zalloc(arena, sizeof(*parser.statement));
    parser.statement->text = text;
    lexer_init(&parser.lexer, text);
    parser.token = lexer_next(&parser.lexer);
    if (parser_at_end(&parser))
        return error_set(err, STATUS_EMPTY_SQL, "no SQL statement");
    status = parse_statement(&parser);
    while (status == STATUS_OK && parser_take_kind(&parser, TOKEN_SEMICOLON))
        continue;
    if (status == STATUS_OK && !parser_at_end(&parser))
        status = parser_syntax_error(&parser);
    if (status == STATUS_OK)
        status = parse_check_params(&parser);
    if (status == STATUS_OK)
        *out = parser.statement;
    CHECK(status != STATUS_OK || (*out)->text.data == text.data);
    return status;
}
