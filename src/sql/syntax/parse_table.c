/* parse_table.c — data types, CREATE TABLE and DROP TABLE.
 *
 * Every spelling of the clauses of docs/sql.md becomes one option with a normalised key and value
 * (ast.h), so that whoever executes the statement knows one form. Ranges that do not depend on the
 * kind of the table are checked here.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/syntax/parser_internal.h"

#include "base/utf8.h"
#include "value/text.h"

enum { PARSE_MICROSECOND_DIGITS = 6 };

/* ---- types --------------------------------------------------------------------------------------
 */

/* (10), (10, 2) */
static enum status parse_modifiers(struct parser *parser, int64_t *modifiers, size_t *count)
{
    enum status status = STATUS_OK;

    CHECK(*count == 0);
    while (status == STATUS_OK) {
        if (*count == 2)
            return parser_syntax_error(parser);
        status = parser_integer(parser, &modifiers[*count]);
        ++*count;
        if (status == STATUS_OK && !parser_take_kind(parser, TOKEN_COMMA))
            return parser_expect_kind(parser, TOKEN_RIGHT_PAREN);
    }
    return status;
}

/* Joins the words of the type's name by one blank. */
static enum status parse_type_words(struct parser *parser, struct str *name)
{
    enum status status = parser_label(parser, name);
    const char *second = NULL;

    CHECK(name != NULL);
    if (status != STATUS_OK)
        return status;
    if (str_equal(*name, STR_LIT("double")))
        second = "precision";
    else if (str_equal(*name, STR_LIT("character")) || str_equal(*name, STR_LIT("char")))
        second = "varying";
    if (second != NULL && parser_take_word(parser, second))
        *name = arena_printf(parser->arena, "%.*s %s", STR_ARG(*name), second);
    return STATUS_OK;
}

/* WITH TIME ZONE, UNSIGNED, [] behind the name and modifiers. */
static enum status parse_type_suffix(struct parser *parser, struct str *name)
{
    bool timed = str_equal(*name, STR_LIT("timestamp")) || str_equal(*name, STR_LIT("time"));
    bool with = parser_is(parser, KEYWORD_WITH);

    CHECK(name != NULL);
    if (timed && (with || parser_is_word(parser, "without"))) {
        const struct token *ahead = parser_ahead(parser);
        struct str next = token_text(parser->lexer.text, ahead);

        if (ahead->kind != TOKEN_WORD || !str_equal_nocase(next, STR_LIT("time")))
            return STATUS_OK; /* the WITH of a table's options */
        parser_advance(parser);
        parser_advance(parser);
        if (!parser_take_word(parser, "zone"))
            return parser_syntax_error(parser);
        if (with && str_equal(*name, STR_LIT("timestamp")))
            *name = STR_LIT("timestamptz");
        else if (with)
            *name = STR_LIT("time with time zone"); /* refused by name */
    }
    if (parser_take_word(parser, "unsigned"))
        *name = arena_printf(parser->arena, "%.*s unsigned", STR_ARG(*name));
    if (parser_is(parser, KEYWORD_ARRAY) ||
        (parser_is_kind(parser, TOKEN_OTHER) && str_equal(parser_text(parser), STR_LIT("["))))
        *name = STR_LIT("array");
    return STATUS_OK;
}

static bool parse_serial(struct str name, struct parse_type *out)
{
    static const struct {
        const char *name;
        bool raised;
    } serials[] = {{"serial", true},  {"serial4", true},     {"serial8", false},
                   {"serial2", true}, {"smallserial", true}, {"bigserial", false}};

    CHECK(name.size > 0);
    for (size_t i = 0; i < ARRAY_COUNT(serials); i++) {
        if (!str_equal(name, str_from_c(serials[i].name)))
            continue;
        out->type = (struct data_type){.kind = VALUE_BIGINT};
        out->serial = true;
        out->serial_raised = serials[i].raised;
        return true;
    }
    return false;
}

/* A column keeps microseconds whatever it says; a cast would have to round. */
static enum status parse_cast_precision(struct parser *parser, const struct parse_type *type,
                                        int64_t precision, uint32_t start)
{
    CHECK(precision >= 0);
    if ((type->type.kind != VALUE_TIME && type->type.kind != VALUE_TIMESTAMP) ||
        precision == PARSE_MICROSECOND_DIGITS)
        return STATUS_OK;
    error_set_at(parser->err, STATUS_NOT_SUPPORTED, start,
                 "a cast to %s with a precision is not supported",
                 value_type_name(type->type.kind));
    error_hint(parser->err, "use date_trunc");
    return STATUS_NOT_SUPPORTED;
}

enum status parse_data_type(struct parser *parser, bool cast, struct parse_type *out)
{
    uint32_t start = parser->token.start;
    int64_t modifiers[2];
    size_t count = 0;
    struct str name;
    enum status status;

    CHECK(out != NULL);
    *out = (struct parse_type){0};
    if (parser->token.kind == TOKEN_WORD && keyword_is_reserved(parser->token.keyword))
        return parser_syntax_error(parser);
    status = parse_type_words(parser, &name);
    if (status != STATUS_OK)
        return status;
    if (!cast && parse_serial(name, out))
        return STATUS_OK;
    bool list = parser_is_kind(parser, TOKEN_LEFT_PAREN) &&
                parser_ahead(parser)->kind != TOKEN_INTEGER &&
                parser_ahead(parser)->kind != TOKEN_MINUS; /* ENUM('a'), STRUCT(…) */
    if (!list && parser_take_kind(parser, TOKEN_LEFT_PAREN))
        status = parse_modifiers(parser, modifiers, &count);
    if (status == STATUS_OK)
        status = parse_type_suffix(parser, &name);
    if (status != STATUS_OK)
        return status;
    if (cast && count == 0 && str_equal(name, STR_LIT("float")))
        name = STR_LIT("double"); /* as in PostgreSQL */
    out->bare =
        count == 0 && (str_equal(name, STR_LIT("decimal")) || str_equal(name, STR_LIT("numeric")));
    status = data_type_parse(name, modifiers, count, &out->type, parser->err);
    if (status != STATUS_OK) {
        if (parser->err != NULL)
            parser->err->position = start;
        return status;
    }
    if (cast && count > 0 && !list)
        return parse_cast_precision(parser, out, modifiers[0], start);
    return list ? parser_syntax_error(parser) : STATUS_OK;
}

/* ---- columns ------------------------------------------------------------------------------------
 */

static const char *parse_refused_constraint(const struct parser *parser)
{
    if (parser_is(parser, KEYWORD_UNIQUE))
        return "UNIQUE";
    if (parser_is(parser, KEYWORD_CHECK))
        return "CHECK";
    if (parser_is(parser, KEYWORD_FOREIGN))
        return "FOREIGN KEY";
    if (parser_is(parser, KEYWORD_REFERENCES))
        return "REFERENCES";
    if (parser_is(parser, KEYWORD_EXCLUDE))
        return "EXCLUDE";
    return NULL;
}

static struct ast_expr *parse_default_call(struct parser *parser, const char *function)
{
    struct ast_expr *node = parse_node(parser, AST_CALL, parser->token.start);

    CHECK(function != NULL);
    node->name = str_from_c(function);
    node->end = parser->token.start;
    return node;
}

/* The column numbers itself: SERIAL, AUTO_INCREMENT, IDENTITY. */
static enum status parse_generated(struct parser *parser, struct ast_column_def *column,
                                   const char *function)
{
    bool text = str_equal(str_from_c(function), STR_LIT("ulid"));
    bool uuid = str_equal(str_from_c(function), STR_LIT("uuid_v7"));

    CHECK(function != NULL);
    if (column->default_value != NULL || column->auto_increment)
        return parser_error_at(parser, column->start,
                               "column \"%.*s\" has more than one DEFAULT or AUTO_INCREMENT",
                               STR_ARG(column->name));
    if (text || uuid) {
        if (column->type.kind != VALUE_TEXT && (text || column->type.kind != VALUE_UUID))
            return parser_error_at(parser, column->start, "AUTO_INCREMENT(%s) needs a %s column",
                                   text ? "ULID" : "UUID", text ? "TEXT" : "UUID or TEXT");
    } else if (!value_type_is_integer(column->type.kind)) {
        return parser_error_at(parser, column->start,
                               "AUTO_INCREMENT needs an integer column; "
                               "use AUTO_INCREMENT(UUID) or AUTO_INCREMENT(ULID)");
    } else if (column->type.kind != VALUE_BIGINT) {
        column->type = (struct data_type){.kind = VALUE_BIGINT};
        column->raised_to_bigint = true;
    }
    column->auto_increment = true;
    column->default_value = parse_default_call(parser, function);
    return STATUS_OK;
}

static enum status parse_auto_increment(struct parser *parser, struct ast_column_def *column)
{
    const char *function = "snowflake_id";
    enum status status = STATUS_OK;

    CHECK(parser_is(parser, KEYWORD_AUTO_INCREMENT) || parser_is(parser, KEYWORD_AUTOINCREMENT));
    parser_advance(parser);
    if (parser_take_kind(parser, TOKEN_LEFT_PAREN)) {
        if (parser_is_word(parser, "uuid") || parser_is_word(parser, "uuid_v7"))
            function = "uuid_v7";
        else if (parser_is_word(parser, "ulid"))
            function = "ulid";
        else if (!parser_is_word(parser, "snowflake"))
            return parser_syntax_error(parser);
        parser_advance(parser);
        status = parser_expect_kind(parser, TOKEN_RIGHT_PAREN);
    }
    return status != STATUS_OK ? status : parse_generated(parser, column, function);
}

/* GENERATED {ALWAYS | BY DEFAULT} AS IDENTITY [(…)] */
static enum status parse_identity(struct parser *parser, struct ast_column_def *column)
{
    enum status status = STATUS_OK;

    CHECK(parser_is(parser, KEYWORD_GENERATED));
    parser_advance(parser);
    if (parser_take(parser, KEYWORD_BY))
        status = parser_expect(parser, KEYWORD_DEFAULT);
    else
        status = parser_expect(parser, KEYWORD_ALWAYS);
    if (status == STATUS_OK)
        status = parser_expect(parser, KEYWORD_AS);
    if (status == STATUS_OK && parser_is_kind(parser, TOKEN_LEFT_PAREN))
        return parser_not_supported(parser, "a generated column", "compute it when reading");
    if (status == STATUS_OK)
        status = parser_expect(parser, KEYWORD_IDENTITY);
    if (status == STATUS_OK && parser_is_kind(parser, TOKEN_LEFT_PAREN))
        return parser_not_supported(parser, "IDENTITY with sequence options",
                                    "ids are snowflakes; leave the options out");
    return status != STATUS_OK ? status : parse_generated(parser, column, "snowflake_id");
}

static enum status parse_default(struct parser *parser, struct ast_column_def *column)
{
    enum status status;

    CHECK(parser_is(parser, KEYWORD_DEFAULT));
    parser_advance(parser);
    if (column->default_value != NULL)
        return parser_error_at(parser, column->start,
                               "column \"%.*s\" has more than one DEFAULT or AUTO_INCREMENT",
                               STR_ARG(column->name));
    status = parse_operand(parser, &column->default_value);
    if (status != STATUS_OK)
        return status;
    const struct ast_expr *value = column->default_value;
    while (value->kind == AST_CAST)
        value = value->args[0];
    if (value->kind != AST_LITERAL && value->kind != AST_CALL)
        return parser_error_at(parser, column->default_value->start,
                               "DEFAULT takes a literal or a function");
    return STATUS_OK;
}

static enum status parse_null_constraint(struct parser *parser, struct ast_column_def *column)
{
    bool not_null = parser_take(parser, KEYWORD_NOT);
    enum status status = parser_expect(parser, KEYWORD_NULL);

    CHECK(column->name.size > 0);
    if (status != STATUS_OK)
        return status;
    if ((not_null && column->nullable_given) || (!not_null && column->not_null))
        return parser_error_at(parser, column->start, "column \"%.*s\" is both NULL and NOT NULL",
                               STR_ARG(column->name));
    if (not_null)
        column->not_null = true;
    else
        column->nullable_given = true;
    return STATUS_OK;
}

static enum status parse_primary(struct parser *parser, struct ast_column_def *column)
{
    CHECK(parser_is(parser, KEYWORD_PRIMARY));
    parser_advance(parser);
    if (column->primary_key)
        return parser_error_at(parser, column->start, "multiple primary keys are not allowed");
    column->primary_key = true;
    return parser_expect(parser, KEYWORD_KEY);
}

enum status parse_column_constraint(struct parser *parser, struct ast_column_def *column)
{
    const char *refused = parse_refused_constraint(parser);

    CHECK(column->name.size > 0);
    if (refused != NULL)
        return parser_not_supported(parser, refused,
                                    "constraints other than NOT NULL and "
                                    "PRIMARY KEY are checked by the application");
    switch (parser->token.keyword) {
    case KEYWORD_NOT:
    case KEYWORD_NULL:
        return parse_null_constraint(parser, column);
    case KEYWORD_PRIMARY:
        return parse_primary(parser, column);
    case KEYWORD_DEFAULT:
        return parse_default(parser, column);
    case KEYWORD_AUTO_INCREMENT:
    case KEYWORD_AUTOINCREMENT:
        return parse_auto_increment(parser, column);
    case KEYWORD_GENERATED:
        return parse_identity(parser, column);
    default:
        return parser_syntax_error(parser);
    }
}

/* Where ALTER TABLE … ADD ends, or MySQL's words for a place follow (the caller refuses them). */
static bool parse_at_column_end(const struct parser *parser)
{
    CHECK(parser->statement != NULL);
    return parser->statement->kind == AST_ALTER_TABLE &&
           (parser_at_end(parser) || parser_is_kind(parser, TOKEN_SEMICOLON) ||
            parser_is(parser, KEYWORD_FIRST) || parser_is_word(parser, "after"));
}

enum status parse_column_def(struct parser *parser, struct ast_column_def *column)
{
    struct parse_type type = {0};
    enum status status;

    CHECK(column->name.size == 0);
    column->start = parser->token.start;
    status = parser_new_name(parser, "column", &column->name);
    if (status == STATUS_OK)
        status = parse_data_type(parser, false, &type);
    column->type = type.type;
    column->raised_to_bigint = type.serial_raised;
    if (status == STATUS_OK && type.serial)
        status = parse_generated(parser, column, "snowflake_id");
    while (status == STATUS_OK && !parser_is_kind(parser, TOKEN_COMMA) &&
           !parser_is_kind(parser, TOKEN_RIGHT_PAREN) && !parse_at_column_end(parser))
        status = parse_column_constraint(parser, column);
    column->end = parser->last_end;
    return status;
}

/* [CONSTRAINT name] PRIMARY KEY (…) */
static enum status parse_table_key(struct parser *parser, struct ast_create_table *create)
{
    uint32_t start = parser->token.start;
    enum status status;

    CHECK(parser->statement->kind == AST_CREATE_TABLE);
    parser_advance(parser);
    status = parser_expect(parser, KEYWORD_KEY);
    if (status == STATUS_OK && create->key_count > 0)
        return parser_error_at(parser, start, "multiple primary keys are not allowed");
    if (status == STATUS_OK)
        status = parser_name_list(parser, &create->key, NULL, &create->key_count);
    return status;
}

static enum status parse_table_part(struct parser *parser, struct parser_list *columns)
{
    struct ast_create_table *create = &parser->statement->create_table;
    struct str name;

    CHECK(parser->statement->kind == AST_CREATE_TABLE);
    bool is_constraint = parser_take(parser, KEYWORD_CONSTRAINT);
    if (is_constraint) {
        enum status status = parser_name_part(parser, &name);

        if (status != STATUS_OK)
            return status;
    }
    const char *refused = parse_refused_constraint(parser);
    if (refused != NULL &&
        !(parser_is(parser, KEYWORD_EXCLUDE) && token_is_name(parser_ahead(parser)) &&
          !parser_ahead_is(parser, KEYWORD_USING)))
        return parser_not_supported(parser, refused,
                                    "constraints other than NOT NULL and "
                                    "PRIMARY KEY are checked by the application");
    if (parser_is(parser, KEYWORD_PRIMARY))
        return parse_table_key(parser, create);
    if (is_constraint)
        return parser_syntax_error(parser);
    struct ast_column_def column = {0};
    enum status status = parse_column_def(parser, &column);
    if (status != STATUS_OK)
        return status;
    if (columns->count >= LIMIT_TABLE_COLUMNS)
        return parser_error_at(parser, column.start, "a table has at most %d columns",
                               LIMIT_TABLE_COLUMNS);
    *(struct ast_column_def *)parser_list_add(parser, columns, sizeof(column)) = column;
    return STATUS_OK;
}

/* ---- checks over all columns --------------------------------------------------------------------
 */

static const struct ast_column_def *parse_find_column(const struct ast_create_table *create,
                                                      size_t count, struct str name)
{
    CHECK(name.size > 0);
    for (size_t i = 0; i < count; i++) {
        if (str_equal(create->columns[i].name, name))
            return &create->columns[i];
    }
    return NULL;
}

static enum status parse_check_key(struct parser *parser, struct ast_create_table *create)
{
    CHECK(parser->statement->kind == AST_CREATE_TABLE);
    for (size_t i = 0; i < create->key_count; i++) {
        const struct ast_column_def *column =
            parse_find_column(create, create->column_count, create->key[i]);
        if (column == NULL)
            return parser_error_at(parser, create->name.start,
                                   "column \"%.*s\" named in key does not exist",
                                   STR_ARG(utf8_cut(create->key[i], LIMIT_IDENTIFIER_BYTES)));
        if (column->nullable_given)
            return parser_error_at(parser, column->start,
                                   "column \"%.*s\" is part of the primary key and cannot be NULL",
                                   STR_ARG(column->name));
        for (size_t j = 0; j < i; j++) {
            if (str_equal(create->key[i], create->key[j]))
                return parser_error_at(parser, create->name.start,
                                       "column \"%.*s\" appears twice in primary key",
                                       STR_ARG(create->key[i]));
        }
    }
    return STATUS_OK;
}

static enum status parse_check_columns(struct parser *parser, struct ast_create_table *create)
{
    CHECK(parser->statement->kind == AST_CREATE_TABLE);
    if (create->column_count == 0)
        return parser_error_at(parser, create->name.start, "a table needs at least one column");
    for (size_t i = 0; i < create->column_count; i++) {
        struct ast_column_def *column = &create->columns[i];

        if (parse_find_column(create, i, column->name) != NULL)
            return parser_error_at(parser, column->start,
                                   "column \"%.*s\" specified more than once",
                                   STR_ARG(column->name));
        if (!column->primary_key)
            continue;
        if (create->key_count > 0)
            return parser_error_at(parser, column->start, "multiple primary keys are not allowed");
        create->key = arena_alloc(parser->arena, sizeof(*create->key));
        create->key[0] = column->name;
        create->key_count = 1;
    }
    return parse_check_key(parser, create);
}

/* ---- statements ---------------------------------------------------------------------------------
 */

enum status parse_create_table(struct parser *parser, enum ast_table_kind kind)
{
    struct ast_create_table *create = &parser->statement->create_table;
    struct parser_list columns = {0};
    enum status status;

    CHECK(parser->last_end > 0);
    parser->statement->kind = AST_CREATE_TABLE;
    create->kind = kind;
    status = parser_if_not_exists(parser, &create->if_not_exists);
    if (status == STATUS_OK)
        status = parser_table_name(parser, &create->name);
    if (status == STATUS_OK && !str_is_empty(create->name.user))
        return parser_error_at(parser, create->name.start, "a table is created as namespace.table");
    if (status == STATUS_OK)
        status = parser_check_new_name(parser, "table", create->name.table, create->name.start);
    if (status == STATUS_OK && parser_is(parser, KEYWORD_AS))
        return parser_not_supported(parser, "CREATE TABLE AS",
                                    "create the table, then INSERT … SELECT");
    if (status == STATUS_OK)
        status = parser_expect_kind(parser, TOKEN_LEFT_PAREN);
    if (status == STATUS_OK && parser_is_kind(parser, TOKEN_RIGHT_PAREN))
        return parse_check_columns(parser, create);
    while (status == STATUS_OK) {
        status = parse_table_part(parser, &columns);
        if (status == STATUS_OK && !parser_take_kind(parser, TOKEN_COMMA))
            break;
    }
    if (status == STATUS_OK)
        status = parser_expect_kind(parser, TOKEN_RIGHT_PAREN);
    create->columns = columns.items;
    create->column_count = columns.count;
    if (status == STATUS_OK)
        status = parse_check_columns(parser, create);
    return status != STATUS_OK ? status : parse_table_clauses(parser);
}

enum status parse_drop_table(struct parser *parser, enum ast_table_kind kind)
{
    struct ast_drop_table *drop = &parser->statement->drop_table;
    enum status status = parser_if_exists(parser, &drop->if_exists);

    CHECK(parser->last_end > 0);
    parser->statement->kind = AST_DROP_TABLE;
    drop->kind = kind;
    if (status == STATUS_OK)
        status = parser_table_name(parser, &drop->name);
    if (status == STATUS_OK && parser_is_kind(parser, TOKEN_COMMA))
        return parser_not_supported(parser, "DROP TABLE of several tables", "drop them one by one");
    if (status == STATUS_OK && parser_is(parser, KEYWORD_CASCADE))
        return parser_not_supported(parser, "DROP TABLE … CASCADE", "nothing depends on a table");
    return status;
}
