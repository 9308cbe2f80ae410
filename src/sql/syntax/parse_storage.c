/* parse_storage.c — CREATE, ALTER, DROP STORAGE, STORAGE CHECK (docs/sql.md).
 *
 * Options become one list with one spelling: URI, PATH and BASE_DIRECTORY are `uri`. What only some
 * types take is decided when the statement runs.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/syntax/parser_internal.h"

#include "base/check.h"

enum { STORAGE_CREATE = 1, STORAGE_ALTER = 2 };

static const struct {
    const char *word, *key;
    unsigned where;
} storage_words[] = {
    {"name", "storage_name", STORAGE_CREATE | STORAGE_ALTER},
    {"description", "description", STORAGE_CREATE | STORAGE_ALTER},
    {"uri", "uri", STORAGE_CREATE | STORAGE_ALTER},
    {"path", "uri", STORAGE_CREATE | STORAGE_ALTER},
    {"base_directory", "uri", STORAGE_CREATE | STORAGE_ALTER},
    {"bucket", "bucket", STORAGE_CREATE},
    {"region", "region", STORAGE_CREATE},
    {"credentials", "credentials", STORAGE_CREATE | STORAGE_ALTER},
    {"shared_tables_template", "shared_tables_template", STORAGE_CREATE | STORAGE_ALTER},
    {"user_tables_template", "user_tables_template", STORAGE_CREATE | STORAGE_ALTER},
};

/* Behind the option's word: a string, with or without `=` before it. A wrong token is not repeated
 * in the message when it may be a secret. */
static enum status storage_option_value(struct parser *parser, struct parser_list *options,
                                        size_t word, uint32_t start)
{
    struct str text;

    CHECK(word < ARRAY_COUNT(storage_words));
    (void)parser_take_kind(parser, TOKEN_EQ);
    if (!token_is_string(&parser->token))
        return parser_error_at(parser, start, "option %s takes a string", storage_words[word].word);
    enum status status = parser_string(parser, &text);
    if (status != STATUS_OK)
        return status;
    return parser_option_add(parser, options, str_from_c(storage_words[word].key),
                             value_text(VALUE_TEXT, text), start);
}

static enum status storage_option(struct parser *parser, struct parser_list *options,
                                  unsigned where)
{
    uint32_t start = parser->token.start;

    CHECK(options != NULL);
    for (size_t i = 0; i < ARRAY_COUNT(storage_words); i++)
        if ((storage_words[i].where & where) != 0 &&
            parser_take_word(parser, storage_words[i].word))
            return storage_option_value(parser, options, i, start);
    if (where == STORAGE_ALTER && parser_is_word(parser, "type"))
        return parser_error_at(parser, start, "the type of a storage is fixed");
    if (token_is_string(&parser->token))
        return parser_error_at(parser, start, "an option of a storage is expected");
    return parser_syntax_error(parser);
}

static enum status storage_create(struct parser *parser, struct parser_list *options)
{
    uint32_t start = parser->token.start;
    enum status status = STATUS_OK;
    struct str type;

    CHECK(options != NULL);
    if (!parser_take_word(parser, "type"))
        return parser_error_at(parser, start, "CREATE STORAGE needs TYPE filesystem or TYPE s3");
    status = parser_word_or_string(parser, &type);
    if (status == STATUS_OK)
        status = parser_option_add(parser, options, STR_LIT("storage_type"),
                                   value_text(VALUE_TEXT, type), start);
    while (status == STATUS_OK && !parser_at_end(parser) &&
           !parser_is_kind(parser, TOKEN_SEMICOLON)) {
        (void)parser_take_kind(parser, TOKEN_COMMA);
        status = storage_option(parser, options, STORAGE_CREATE);
    }
    return status;
}

/* SET option [, [SET] option]… */
static enum status storage_alter(struct parser *parser, struct parser_list *options)
{
    enum status status = parser_expect(parser, KEYWORD_SET);

    CHECK(options != NULL);
    while (status == STATUS_OK) {
        status = storage_option(parser, options, STORAGE_ALTER);
        bool more = parser_take_kind(parser, TOKEN_COMMA);
        more = parser_take(parser, KEYWORD_SET) || more;
        if (!more)
            break;
    }
    return status;
}

enum status parse_storage(struct parser *parser, enum ast_statement_kind kind)
{
    struct ast_storage *storage = &parser->statement->storage;
    struct parser_list options = {0};
    enum status status = STATUS_OK;

    CHECK(parser->last_end > 0);
    parser->statement->kind = kind;
    if (kind == AST_CREATE_STORAGE)
        status = parser_if_not_exists(parser, &storage->if_not_exists);
    if (status == STATUS_OK && kind == AST_DROP_STORAGE)
        status = parser_if_exists(parser, &storage->if_exists);
    storage->start = parser->token.start;
    if (status == STATUS_OK)
        status = parser_word_or_string(parser, &storage->id);
    if (status == STATUS_OK && kind == AST_CREATE_STORAGE)
        status = storage_create(parser, &options);
    if (status == STATUS_OK && kind == AST_ALTER_STORAGE)
        status = storage_alter(parser, &options);
    if (status == STATUS_OK && kind == AST_CHECK_STORAGE)
        storage->extended = parser_take_word(parser, "extended");
    storage->options = options.items;
    storage->option_count = options.count;
    return status;
}
