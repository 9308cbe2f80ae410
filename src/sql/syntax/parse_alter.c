/* parse_alter.c — ALTER TABLE (docs/sql.md): a list of actions on columns, and options of the table
 * that share their grammar with the clauses of CREATE TABLE.
 *
 * What PostgreSQL and MySQL offer beyond that is refused by name, so that nobody takes a syntax
 * error for a typing mistake of his.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/syntax/parser_internal.h"

static enum status alter_not_supported(struct parser *parser, const char *what, const char *hint)
{
    struct str text = arena_printf(parser->arena, "ALTER TABLE … %s", what);

    CHECK(what != NULL);
    return parser_not_supported(parser, text.data, hint);
}

/* IF EXISTS, IF NOT EXISTS of PostgreSQL. */
static enum status alter_if(struct parser *parser, struct ast_alter_action *action)
{
    CHECK(action->kind == AST_ALTER_ADD || action->kind == AST_ALTER_DROP);
    return action->kind == AST_ALTER_ADD ? parser_if_not_exists(parser, &action->conditional)
                                         : parser_if_exists(parser, &action->conditional);
}

/* Constraints are objects of PostgreSQL's ALTER TABLE; ours are parts of a column. */
static const char *alter_constraint(const struct parser *parser)
{
    static const char *const words[] = {"constraint", "primary", "unique", "check", "foreign"};
    static const char *const names[] = {"CONSTRAINT", "PRIMARY KEY", "UNIQUE", "CHECK",
                                        "FOREIGN KEY"};

    CHECK(ARRAY_COUNT(words) == ARRAY_COUNT(names));
    for (size_t i = 0; i < ARRAY_COUNT(words); i++)
        if (parser_is_word(parser, words[i]))
            return names[i];
    return NULL;
}

/* ADD [COLUMN] [IF NOT EXISTS] name type … */
static enum status alter_add(struct parser *parser, struct ast_alter_action *action)
{
    bool column = parser_take(parser, KEYWORD_COLUMN);
    const char *constraint = alter_constraint(parser);
    enum status status;

    action->kind = AST_ALTER_ADD;
    if (!column && constraint != NULL)
        return alter_not_supported(parser, arena_printf(parser->arena, "ADD %s", constraint).data,
                                   "the key of a table is given when it is created; other "
                                   "constraints than NOT NULL are checked by the application");
    status = alter_if(parser, action);
    if (status == STATUS_OK)
        status = parse_column_def(parser, &action->column);
    action->name = action->column.name;
    CHECK(status != STATUS_OK || action->name.size > 0);
    return status;
}

/* DROP [COLUMN] [IF EXISTS] name */
static enum status alter_drop(struct parser *parser, struct ast_alter_action *action)
{
    bool column = parser_take(parser, KEYWORD_COLUMN);
    const char *constraint = alter_constraint(parser);
    enum status status;

    action->kind = AST_ALTER_DROP;
    if (!column && constraint != NULL && token_is_name(parser_ahead(parser)))
        return alter_not_supported(parser, arena_printf(parser->arena, "DROP %s", constraint).data,
                                   NULL);
    status = alter_if(parser, action);
    if (status == STATUS_OK)
        status = parser_label(parser, &action->name);
    if (status == STATUS_OK &&
        (parser_is(parser, KEYWORD_CASCADE) || parser_is_word(parser, "restrict")))
        return alter_not_supported(parser, "DROP COLUMN … CASCADE or RESTRICT",
                                   "leave the word out: nothing depends on a column");
    CHECK(action->kind == AST_ALTER_DROP);
    return status;
}

/* RENAME [COLUMN] a TO b */
static enum status alter_rename(struct parser *parser, struct ast_alter_action *action)
{
    enum status status;

    action->kind = AST_ALTER_RENAME;
    if (parser_is(parser, KEYWORD_TO))
        return alter_not_supported(parser, "RENAME TO", "the name of a table is fixed");
    (void)parser_take(parser, KEYWORD_COLUMN);
    status = parser_label(parser, &action->name);
    if (status == STATUS_OK)
        status = parser_expect(parser, KEYWORD_TO);
    action->column.start = parser->token.start;
    if (status == STATUS_OK)
        status = parser_new_name(parser, "column", &action->column.name);
    CHECK(status != STATUS_OK || action->column.name.size > 0);
    return status;
}

static enum status alter_type(struct parser *parser, struct ast_alter_action *action)
{
    struct parse_type type = {0};
    uint32_t start = parser->token.start;
    enum status status = parse_data_type(parser, false, &type);

    CHECK(action->name.size > 0);
    if (status == STATUS_OK && type.serial)
        return parser_error_at(parser, start, "a column cannot become SERIAL: use BIGINT");
    action->column.type = type.type;
    return status;
}

/* MODIFY [COLUMN] name type [NOT NULL|NULL] [DEFAULT d] */
static enum status alter_modify(struct parser *parser, struct ast_alter_action *action)
{
    enum status status;

    action->kind = AST_ALTER_MODIFY;
    (void)parser_take(parser, KEYWORD_COLUMN);
    action->column.start = parser->token.start;
    status = parser_label(parser, &action->name);
    action->column.name = action->name;
    if (status == STATUS_OK)
        status = alter_type(parser, action);
    while (status == STATUS_OK &&
           (parser_is(parser, KEYWORD_NOT) || parser_is(parser, KEYWORD_NULL) ||
            parser_is(parser, KEYWORD_DEFAULT)))
        status = parse_column_constraint(parser, &action->column);
    CHECK(status != STATUS_OK || action->column.type.kind != VALUE_NULL);
    return status;
}

/* Behind ALTER [COLUMN] name: SET … */
static enum status alter_column_set(struct parser *parser, struct ast_alter_action *action)
{
    enum status status;

    CHECK(action->name.size > 0);
    if (parser_take(parser, KEYWORD_NOT)) {
        action->kind = AST_ALTER_SET_NOT_NULL;
        return parser_expect(parser, KEYWORD_NULL);
    }
    if (parser_is(parser, KEYWORD_DEFAULT)) {
        action->kind = AST_ALTER_SET_DEFAULT;
        return parse_column_constraint(parser, &action->column);
    }
    action->kind = AST_ALTER_TYPE;
    if (!parser_take_word(parser, "data"))
        return parser_syntax_error(parser);
    status = parser_expect(parser, KEYWORD_TYPE);
    return status != STATUS_OK ? status : alter_type(parser, action);
}

/* ALTER [COLUMN] name {[SET DATA] TYPE t | {SET|DROP} NOT NULL | SET DEFAULT d | DROP DEFAULT} */
static enum status alter_column(struct parser *parser, struct ast_alter_action *action)
{
    enum status status;

    (void)parser_take(parser, KEYWORD_COLUMN);
    action->column.start = parser->token.start;
    status = parser_label(parser, &action->name);
    action->column.name = action->name;
    if (status != STATUS_OK)
        return status;
    if (parser_take(parser, KEYWORD_SET)) {
        status = alter_column_set(parser, action);
    } else if (parser_take(parser, KEYWORD_DROP)) {
        bool default_word = parser_take(parser, KEYWORD_DEFAULT);
        action->kind = default_word ? AST_ALTER_DROP_DEFAULT : AST_ALTER_DROP_NOT_NULL;
        if (!default_word)
            status = parser_expect(parser, KEYWORD_NOT);
        if (status == STATUS_OK && !default_word)
            status = parser_expect(parser, KEYWORD_NULL);
    } else {
        action->kind = AST_ALTER_TYPE;
        status = parser_expect(parser, KEYWORD_TYPE);
        if (status == STATUS_OK)
            status = alter_type(parser, action);
    }
    if (status == STATUS_OK && parser_is(parser, KEYWORD_USING))
        return alter_not_supported(parser, "TYPE … USING", "a type can only be widened");
    CHECK(status != STATUS_OK || action->kind != AST_ALTER_ADD);
    return status;
}

static enum status alter_other(struct parser *parser)
{
    static const char *const known[][2] = {
        {"change", "CHANGE"},       {"owner", "OWNER TO"},
        {"enable", "ENABLE"},       {"disable", "DISABLE"},
        {"inherit", "INHERIT"},     {"no", "NO INHERIT"},
        {"attach", "ATTACH"},       {"detach", "DETACH"},
        {"cluster", "CLUSTER ON"},  {"validate", "VALIDATE CONSTRAINT"},
        {"reset", "RESET"},         {"convert", "CONVERT"},
        {"partition", "PARTITION"}, {"engine", "ENGINE"},
        {"comment", "COMMENT"},
    };

    CHECK(parser->statement->kind == AST_ALTER_TABLE);
    for (size_t i = 0; i < ARRAY_COUNT(known); i++)
        if (parser_is_word(parser, known[i][0]))
            return alter_not_supported(parser, known[i][1], NULL);
    return parser_syntax_error(parser);
}

/* One action; options are collected apart. */
static enum status alter_action(struct parser *parser, struct parser_list *actions,
                                struct parser_list *options)
{
    struct ast_alter_action action = {.start = parser->token.start};
    enum status status;

    CHECK(parser->statement->kind == AST_ALTER_TABLE);
    if (parser_take(parser, KEYWORD_SET))
        return parse_table_option(parser, options);
    if (parser_take(parser, KEYWORD_ADD))
        status = alter_add(parser, &action);
    else if (parser_take(parser, KEYWORD_DROP))
        status = alter_drop(parser, &action);
    else if (parser_take_word(parser, "rename"))
        status = alter_rename(parser, &action);
    else if (parser_take_word(parser, "modify"))
        status = alter_modify(parser, &action);
    else if (parser_take(parser, KEYWORD_ALTER))
        status = alter_column(parser, &action);
    else
        return alter_other(parser);
    if (status != STATUS_OK)
        return status;
    if (parser_is(parser, KEYWORD_FIRST) || parser_is_word(parser, "after"))
        return alter_not_supported(parser, "FIRST or AFTER", "a new column comes at the end");
    *(struct ast_alter_action *)parser_list_add(parser, actions, sizeof(action)) = action;
    return STATUS_OK;
}

enum status parse_alter_table(struct parser *parser, enum ast_table_kind kind)
{
    struct ast_alter_table *alter = &parser->statement->alter_table;
    struct parser_list actions = {0}, options = {0};
    enum status status;

    CHECK(parser->last_end > 0);
    parser->statement->kind = AST_ALTER_TABLE;
    alter->kind = kind;
    status = parser_if_exists(parser, &alter->if_exists);
    if (status == STATUS_OK)
        status = parser_table_name(parser, &alter->name);
    if (status == STATUS_OK && !str_is_empty(alter->name.user))
        return parser_error_at(parser, alter->name.start, "a table is altered as namespace.table");
    while (status == STATUS_OK) {
        status = alter_action(parser, &actions, &options);
        if (status == STATUS_OK && !parser_take_kind(parser, TOKEN_COMMA))
            break;
    }
    alter->actions = actions.items;
    alter->action_count = actions.count;
    alter->options = options.items;
    alter->option_count = options.count;
    return status;
}
