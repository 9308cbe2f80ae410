/* parse_admin.c — namespaces, users, flush, SHOW, DESCRIBE, KILL, SUBSCRIBE (docs/sql.md).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/syntax/parser_internal.h"

#include "base/utf8.h"
#include "catalog/catalog.h"

/* ---- namespaces ---------------------------------------------------------------------------------
 */

/* string, number, TRUE, FALSE, NULL */
static enum status admin_value(struct parser *parser, struct value *out)
{
    struct ast_expr *literal;
    uint32_t start = parser->token.start;
    enum status status = parse_operand(parser, &literal);

    CHECK(out != NULL);
    if (status != STATUS_OK)
        return status;
    if (literal->kind != AST_LITERAL || literal->value.type == VALUE_BYTES)
        return parser_error_at(parser, start, "an option takes a string, number, boolean or NULL");
    *out = literal->value;
    return STATUS_OK;
}

/* OPTIONS (k = v, …), behind WITH or SET */
static enum status admin_options(struct parser *parser, struct ast_namespace *space)
{
    struct parser_list options = {0};
    enum status status = parser_expect(parser, KEYWORD_OPTIONS);

    CHECK(parser->last_end > 0);
    if (status == STATUS_OK)
        status = parser_expect_kind(parser, TOKEN_LEFT_PAREN);
    while (status == STATUS_OK) {
        uint32_t start = parser->token.start;
        struct value value;
        struct str key;

        status = parser_word_or_string(parser, &key);
        if (status == STATUS_OK)
            status = parser_expect_kind(parser, TOKEN_EQ);
        if (status == STATUS_OK)
            status = admin_value(parser, &value);
        if (status == STATUS_OK)
            status = parser_option_add(parser, &options, key, value, start);
        if (status == STATUS_OK && !parser_take_kind(parser, TOKEN_COMMA))
            break;
    }
    space->options = options.items;
    space->option_count = options.count;
    return status != STATUS_OK ? status : parser_expect_kind(parser, TOKEN_RIGHT_PAREN);
}

enum status parse_namespace(struct parser *parser, enum ast_statement_kind kind)
{
    struct ast_namespace *space = &parser->statement->name_space;
    enum status status = STATUS_OK;

    CHECK(parser->last_end > 0);
    parser->statement->kind = kind;
    if (kind == AST_CREATE_NAMESPACE)
        status = parser_if_not_exists(parser, &space->if_not_exists);
    if (status == STATUS_OK && kind == AST_DROP_NAMESPACE)
        status = parser_if_exists(parser, &space->if_exists);
    space->start = parser->token.start;
    if (status == STATUS_OK && kind == AST_CREATE_NAMESPACE)
        status = parser_new_name(parser, "namespace", &space->name);
    else if (status == STATUS_OK) /* `default` is a reserved word and the first namespace */
        status = parser_label(parser, &space->name);
    if (status != STATUS_OK)
        return status;
    if (kind == AST_ALTER_NAMESPACE) {
        status = parser_expect(parser, KEYWORD_SET);
        return status != STATUS_OK ? status : admin_options(parser, space);
    }
    if (kind == AST_CREATE_NAMESPACE &&
        (parser_take(parser, KEYWORD_WITH) || parser_take(parser, KEYWORD_SET)))
        return admin_options(parser, space);
    if (kind == AST_DROP_NAMESPACE)
        space->cascade = parser_take(parser, KEYWORD_CASCADE);
    return STATUS_OK;
}

/* ---- users --------------------------------------------------------------------------------------
 */

static enum status admin_check_user_id(struct parser *parser, struct str id, uint32_t start)
{
    CHECK(start <= parser->lexer.text.size);
    if (user_id_is_valid(id))
        return STATUS_OK;
    return parser_error_at(parser, start,
                           "invalid user id \"%.*s\": 1 to %d letters, digits and _ . @ + -",
                           STR_ARG(utf8_cut(id, LIMIT_USER_ID_BYTES)), LIMIT_USER_ID_BYTES);
}

static enum status admin_user_option(struct parser *parser, struct parser_list *options)
{
    static const enum keyword words[] = {KEYWORD_PASSWORD,    KEYWORD_ROLE,     KEYWORD_EMAIL,
                                         KEYWORD_USERNAME,    KEYWORD_METADATA, KEYWORD_STORAGE,
                                         KEYWORD_STORAGE_MODE};
    uint32_t start = parser->token.start;
    struct str key, value;

    CHECK(options != NULL);
    if (parser_is(parser, KEYWORD_OAUTH))
        return parser_not_supported(parser, "WITH OAUTH", "use WITH PASSWORD '…'");
    if (parser_is(parser, KEYWORD_OWNER_ID))
        return parser_error_at(parser, start, "OWNER_ID is not an option of a user");
    if (parser_take(parser, KEYWORD_INTERNAL))
        return parser_option_add(parser, options, STR_LIT("internal"), value_boolean(true), start);
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        if (!parser_is(parser, words[i]))
            continue;
        key = token_name(parser->lexer.text, &parser->token, parser->arena);
        parser_advance(parser);
        (void)parser_take_kind(parser, TOKEN_EQ);
        if (words[i] == KEYWORD_PASSWORD && !token_is_string(&parser->token)) /* not repeated */
            return parser_error_at(parser, start, "option password takes a string");
        enum status status = words[i] == KEYWORD_ROLE || words[i] == KEYWORD_STORAGE ||
                                     words[i] == KEYWORD_STORAGE_MODE
                                 ? parser_word_or_string(parser, &value)
                                 : parser_string(parser, &value);
        if (status != STATUS_OK)
            return status;
        return parser_option_add(parser, options, key, value_text(VALUE_TEXT, value), start);
    }
    return parser_syntax_error(parser);
}

/* Each option after the first may stand behind a comma. */
static enum status admin_user_options(struct parser *parser, struct parser_list *options)
{
    enum status status;

    CHECK(options != NULL);
    do {
        status = admin_user_option(parser, options);
        if (status == STATUS_OK && parser_take_kind(parser, TOKEN_COMMA) && parser_at_end(parser))
            return parser_syntax_error(parser);
    } while (status == STATUS_OK && parser_is_kind(parser, TOKEN_WORD));
    return status;
}

static bool admin_has_option(const struct parser_list *options, const char *key)
{
    const struct ast_option *given = options->items;

    CHECK(key != NULL);
    for (size_t i = 0; i < options->count; i++) {
        if (str_equal(given[i].key, str_from_c(key)))
            return true;
    }
    return false;
}

static enum status admin_create_user(struct parser *parser, struct parser_list *options)
{
    uint32_t start = parser->token.start;
    enum status status = STATUS_OK;

    CHECK(options != NULL);
    if (parser_take(parser, KEYWORD_WITH))
        status = admin_user_options(parser, options);
    if (status != STATUS_OK)
        return status;
    if (admin_has_option(options, "password") == admin_has_option(options, "internal"))
        return parser_error_at(parser, start,
                               "CREATE USER needs either WITH PASSWORD '…' or WITH INTERNAL");
    return STATUS_OK;
}

static enum status admin_alter_user(struct parser *parser, struct parser_list *options)
{
    uint32_t start = parser->token.start;
    bool generate = parser_is(parser, KEYWORD_GENERATE);
    enum status status;

    CHECK(options != NULL);
    if (!generate && !parser_is(parser, KEYWORD_DROP)) {
        status = parser_expect(parser, KEYWORD_SET);
        if (status == STATUS_OK && parser_is(parser, KEYWORD_INTERNAL))
            return parser_syntax_error(parser);
        return status != STATUS_OK ? status : admin_user_options(parser, options);
    }
    parser_advance(parser);
    status = parser_expect(parser, KEYWORD_API);
    if (status == STATUS_OK)
        status = parser_expect(parser, KEYWORD_KEY);
    if (status != STATUS_OK)
        return status;
    return parser_option_add(parser, options,
                             generate ? STR_LIT("generate_api_key") : STR_LIT("drop_api_key"),
                             value_boolean(true), start);
}

enum status parse_user(struct parser *parser, enum ast_statement_kind kind)
{
    struct ast_user *user = &parser->statement->user;
    struct parser_list options = {0};
    enum status status = STATUS_OK;

    CHECK(parser->last_end > 0);
    parser->statement->kind = kind;
    if (kind == AST_CREATE_USER)
        status = parser_if_not_exists(parser, &user->if_not_exists);
    if (status == STATUS_OK && kind == AST_DROP_USER)
        status = parser_if_exists(parser, &user->if_exists);
    user->start = parser->token.start;
    if (status == STATUS_OK)
        status = parser_word_or_string(parser, &user->name);
    if (status == STATUS_OK)
        status = admin_check_user_id(parser, user->name, user->start);
    if (status == STATUS_OK && kind == AST_CREATE_USER)
        status = admin_create_user(parser, &options);
    if (status == STATUS_OK && kind == AST_ALTER_USER)
        status = admin_alter_user(parser, &options);
    user->options = options.items;
    user->option_count = options.count;
    return status;
}

/* ---- flush, SHOW, DESCRIBE ----------------------------------------------------------------------
 */

/* Behind FLUSH: TABLE t | ALL [TABLES] [IN [NAMESPACE] ns] */
enum status parse_flush(struct parser *parser)
{
    struct ast_statement *statement = parser->statement;
    enum status status;

    CHECK(parser->last_end > 0);
    statement->kind = AST_FLUSH;
    if (parser_take(parser, KEYWORD_TABLE))
        return parser_table_name(parser, &statement->flush.table);
    status = parser_expect(parser, KEYWORD_ALL);
    if (status != STATUS_OK)
        return status;
    statement->flush.all = true;
    (void)parser_take(parser, KEYWORD_TABLES);
    if (!parser_take(parser, KEYWORD_IN))
        return STATUS_OK;
    (void)parser_take(parser, KEYWORD_NAMESPACE);
    return parser_label(parser, &statement->flush.space);
}

static enum status admin_show_tables(struct parser *parser)
{
    CHECK(parser->last_end > 0);
    parser->statement->show.what = AST_SHOW_TABLES;
    if (!parser_take(parser, KEYWORD_IN) && !parser_take(parser, KEYWORD_FROM))
        return STATUS_OK;
    if (parser_is(parser, KEYWORD_NAMESPACE) && token_is_name(parser_ahead(parser)))
        parser_advance(parser);
    return parser_label(parser, &parser->statement->show.space);
}

/* Behind SHOW COLUMNS. */
static enum status admin_show_columns(struct parser *parser)
{
    CHECK(parser->last_end > 0);
    parser->statement->show.what = AST_SHOW_COLUMNS;
    if (!parser_take(parser, KEYWORD_IN) && !parser_take(parser, KEYWORD_FROM))
        return parser_syntax_error(parser);
    return parser_table_name(parser, &parser->statement->show.table);
}

/* Stands at the table. */
static enum status admin_show_stats(struct parser *parser)
{
    struct ast_statement *statement = parser->statement;
    enum status status = parser_table_name(parser, &statement->show.table);

    CHECK(parser->last_end > 0);
    statement->show.what = AST_SHOW_STATS;
    if (status != STATUS_OK || !parser_take(parser, KEYWORD_FOR))
        return status;
    status = parser_expect(parser, KEYWORD_USER);
    uint32_t start = parser->token.start;
    if (status == STATUS_OK)
        status = parser_word_or_string(parser, &statement->show.user);
    return status != STATUS_OK ? status : admin_check_user_id(parser, statement->show.user, start);
}

enum status parse_show(struct parser *parser)
{
    static const struct {
        enum keyword keyword;
        enum ast_show what;
    } plain[] = {{KEYWORD_NAMESPACES, AST_SHOW_NAMESPACES},
                 {KEYWORD_USERS, AST_SHOW_USERS},
                 {KEYWORD_JOBS, AST_SHOW_JOBS},
                 {KEYWORD_STORAGES, AST_SHOW_STORAGES}};
    enum status status = STATUS_OK;

    CHECK(parser->last_end > 0);
    parser->statement->kind = AST_SHOW;
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++) {
        if (parser_take(parser, plain[i].keyword)) {
            parser->statement->show.what = plain[i].what;
            return STATUS_OK;
        }
    }
    if (parser_take(parser, KEYWORD_TABLES))
        return admin_show_tables(parser);
    if (parser_take(parser, KEYWORD_COLUMNS))
        return admin_show_columns(parser);
    if (parser_take(parser, KEYWORD_TABLE)) {
        status = parser_expect(parser, KEYWORD_STATS);
        return status != STATUS_OK ? status : admin_show_stats(parser);
    }
    if (parser_take(parser, KEYWORD_STATS)) {
        status = parser_expect(parser, KEYWORD_FOR);
        if (status == STATUS_OK)
            status = parser_expect(parser, KEYWORD_TABLE);
        return status != STATUS_OK ? status : admin_show_stats(parser);
    }
    if (parser_take(parser, KEYWORD_BACKUP) || parser_take_word(parser, "backups"))
        return parse_show_backup(parser);
    return parser_syntax_error(parser);
}

enum status parse_describe(struct parser *parser)
{
    struct ast_statement *statement = parser->statement;
    enum status status;

    CHECK(parser->last_end > 0);
    statement->kind = AST_DESCRIBE;
    (void)parser_take(parser, KEYWORD_TABLE);
    status = parser_table_name(parser, &statement->describe.table);
    statement->describe.history = status == STATUS_OK && parser_take(parser, KEYWORD_HISTORY);
    return status;
}

/* ---- KILL ---------------------------------------------------------------------------------------
 */

/* 'id', or id as it stands: FL-12ab is three tokens. */
static enum status admin_raw_id(struct parser *parser, struct str *out)
{
    uint32_t start = parser->token.start;

    CHECK(out != NULL);
    if (token_is_string(&parser->token))
        return parser_string(parser, out);
    if (parser_is_kind(parser, TOKEN_QUOTED))
        return parser_label(parser, out);
    if (parser_at_end(parser) || parser_is_kind(parser, TOKEN_ERROR) ||
        parser_is_kind(parser, TOKEN_SEMICOLON))
        return parser_syntax_error(parser);
    do {
        parser_advance(parser);
    } while (parser->token.start == parser->last_end && !parser_at_end(parser) &&
             !parser_is_kind(parser, TOKEN_SEMICOLON) && !parser_is_kind(parser, TOKEN_ERROR));
    *out = parser_range(parser, start, parser->last_end);
    return STATUS_OK;
}

enum status parse_kill(struct parser *parser)
{
    enum status status;

    CHECK(parser->last_end > 0);
    if (parser_take(parser, KEYWORD_JOB)) {
        parser->statement->kind = AST_KILL_JOB;
        return admin_raw_id(parser, &parser->statement->kill.id);
    }
    parser->statement->kind = AST_KILL_LIVE_QUERY;
    status = parser_expect(parser, KEYWORD_LIVE);
    if (status == STATUS_OK)
        status = parser_expect(parser, KEYWORD_QUERY);
    return status != STATUS_OK ? status : admin_raw_id(parser, &parser->statement->kill.id);
}

/* ---- SUBSCRIBE ----------------------------------------------------------------------------------
 */

static enum status subscribe_number(struct parser *parser, const char *key, int64_t *out)
{
    uint32_t start = parser->token.start;
    enum status status = parser_integer(parser, out);

    CHECK(out != NULL);
    if (status == STATUS_OK && *out < 0)
        return parser_error_at(parser, start, "%s must be at least 0", key);
    return status;
}

/* OPTIONS (last_rows = n, batch_size = n, from = n) */
static enum status subscribe_options(struct parser *parser)
{
    struct ast_statement *statement = parser->statement;
    enum status status;

    CHECK(parser->statement->kind == AST_SUBSCRIBE);
    if (!parser_take(parser, KEYWORD_OPTIONS))
        return STATUS_OK;
    status = parser_expect_kind(parser, TOKEN_LEFT_PAREN);
    while (status == STATUS_OK) {
        uint32_t start = parser->token.start;
        struct str key;
        int64_t *target = NULL;

        status = parser_label(parser, &key);
        if (status != STATUS_OK)
            return status;
        if (str_equal(key, STR_LIT("last_rows")))
            target = &statement->subscribe.last_rows;
        else if (str_equal(key, STR_LIT("batch_size")))
            target = &statement->subscribe.batch_size;
        else if (str_equal(key, STR_LIT("from")))
            target = &statement->subscribe.from;
        struct str shown = utf8_cut(key, LIMIT_IDENTIFIER_BYTES);
        if (target == NULL)
            return parser_error_at(parser, start, "unknown subscription option \"%.*s\"",
                                   STR_ARG(shown));
        if (*target >= 0)
            return parser_error_at(parser, start, "option \"%.*s\" is given more than once",
                                   STR_ARG(shown));
        status = parser_expect_kind(parser, TOKEN_EQ);
        if (status == STATUS_OK)
            status = subscribe_number(parser, "a subscription option", target);
        if (status == STATUS_OK && !parser_take_kind(parser, TOKEN_COMMA))
            break;
    }
    return status != STATUS_OK ? status : parser_expect_kind(parser, TOKEN_RIGHT_PAREN);
}

/* Skips to a top-level OPTIONS ( …, LAST n or the end. */
static enum status subscribe_skip(struct parser *parser, bool last)
{
    size_t open = 0;

    CHECK(parser->statement->kind == AST_SUBSCRIBE);
    while (!parser_at_end(parser) && !parser_is_kind(parser, TOKEN_SEMICOLON)) {
        const struct token *ahead = parser_ahead(parser);

        if (parser_is_kind(parser, TOKEN_ERROR))
            return parser_syntax_error(parser);
        if (open == 0 && parser_is(parser, KEYWORD_OPTIONS) && ahead->kind == TOKEN_LEFT_PAREN)
            break;
        if (open == 0 && last && parser_is(parser, KEYWORD_LAST) && ahead->kind == TOKEN_INTEGER)
            break;
        if (parser_is_kind(parser, TOKEN_LEFT_PAREN))
            open++;
        if (parser_is_kind(parser, TOKEN_RIGHT_PAREN) && open-- == 0)
            return parser_syntax_error(parser);
        parser_advance(parser);
    }
    return STATUS_OK;
}

void ast_subscribe_shift(const struct ast_statement *statement, struct error *err)
{
    CHECK(statement->kind == AST_SUBSCRIBE);
    if (err->position >= 0 && err->position + statement->subscribe.select_shift >= 0)
        err->position += statement->subscribe.select_shift;
}

/* TO t [WHERE cond] [LAST n] becomes the text SELECT * FROM t [WHERE cond]. */
static enum status subscribe_table(struct parser *parser)
{
    static const char head[] = "SELECT * FROM ";
    struct ast_statement *statement = parser->statement;
    struct ast_name table;
    enum status status = parser_table_name(parser, &table);

    CHECK(parser->statement->kind == AST_SUBSCRIBE);
    if (status != STATUS_OK)
        return status;
    uint32_t rest = parser->token.start;
    if (parser_is(parser, KEYWORD_WHERE))
        status = subscribe_skip(parser, true);
    if (status != STATUS_OK)
        return status;
    struct str name = parser_range(parser, table.start, table.end);
    struct str where =
        rest < parser->last_end ? parser_range(parser, rest, parser->last_end) : STR_EMPTY;
    struct str text =
        arena_printf(parser->arena, "%s%.*s %.*s", head, STR_ARG(name), STR_ARG(where));
    status = parser_inner(parser, str_trim(text), &statement->subscribe.select);
    statement->subscribe.select_shift = (int64_t)rest - (int64_t)(sizeof(head) + name.size);
    if (status != STATUS_OK) {
        if (parser->err != NULL)
            ast_subscribe_shift(statement, parser->err);
        return status;
    }
    if (parser_take(parser, KEYWORD_LAST))
        status = subscribe_number(parser, "LAST", &statement->subscribe.last_rows);
    return status;
}

enum status parse_subscribe(struct parser *parser)
{
    struct ast_statement *statement = parser->statement;
    uint32_t start = parser->token.start;
    enum status status;

    CHECK(parser->last_end > 0);
    statement->kind = AST_SUBSCRIBE;
    statement->subscribe.last_rows = -1;
    statement->subscribe.batch_size = -1;
    statement->subscribe.from = -1;
    if (parser_take(parser, KEYWORD_TO)) {
        status = subscribe_table(parser);
    } else if (parser_is(parser, KEYWORD_SELECT)) {
        status = subscribe_skip(parser, false);
        statement->subscribe.select_shift = start;
        if (status == STATUS_OK)
            status = parser_inner(parser, parser_range(parser, start, parser->last_end),
                                  &statement->subscribe.select);
    } else {
        status = parser_syntax_error(parser);
    }
    return status != STATUS_OK ? status : subscribe_options(parser);
}
