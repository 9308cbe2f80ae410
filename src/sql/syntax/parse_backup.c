/* parse_backup.c — BACKUP DATABASE, RESTORE DATABASE, SHOW BACKUP(S).
 *
 *   BACKUP DATABASE [IF EXISTS] ns TO 'path' [ASYNC]
 *   RESTORE DATABASE [IF NOT EXISTS] ns FROM 'path' [ASYNC]
 *   SHOW BACKUP 'path' · SHOW BACKUP[S] FOR DATABASE ns
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/syntax/parser_internal.h"

/* All namespaces at once, and what builds on an older backup, do not exist. */
static enum status backup_refuse(struct parser *parser, const char *name)
{
    CHECK(parser->statement->kind == AST_BACKUP);
    if (parser_is(parser, KEYWORD_TO) || parser_is(parser, KEYWORD_FROM))
        return parser_not_supported(parser, name, "name a namespace: BACKUP DATABASE ns TO 'path'");
    return STATUS_OK;
}

/* Behind the path: ASYNC, in any other case nothing. */
static enum status backup_tail(struct parser *parser)
{
    CHECK(parser->statement->kind == AST_BACKUP);
    parser->statement->backup.async = parser_take(parser, KEYWORD_ASYNC);
    if (parser_is_word(parser, "mode"))
        return parser_not_supported(parser, "MODE INCREMENTAL", "every backup is a full one");
    return STATUS_OK;
}

enum status parse_backup(struct parser *parser)
{
    struct ast_statement *statement = parser->statement;
    enum status status = parser_expect(parser, KEYWORD_DATABASE);

    CHECK(parser->last_end > 0);
    statement->kind = AST_BACKUP;
    if (status == STATUS_OK)
        status = backup_refuse(parser, "BACKUP DATABASE without a namespace");
    if (status == STATUS_OK)
        status = parser_if_exists(parser, &statement->backup.conditional);
    statement->backup.start = parser->token.start;
    if (status == STATUS_OK)
        status = parser_label(parser, &statement->backup.space);
    if (status == STATUS_OK)
        status = parser_expect(parser, KEYWORD_TO);
    if (status == STATUS_OK)
        status = parser_string(parser, &statement->backup.path);
    return status == STATUS_OK ? backup_tail(parser) : status;
}

enum status parse_restore(struct parser *parser)
{
    struct ast_statement *statement = parser->statement;
    enum status status = parser_expect(parser, KEYWORD_DATABASE);

    CHECK(parser->last_end > 0);
    statement->kind = AST_BACKUP;
    statement->backup.restore = true;
    if (status == STATUS_OK)
        status = backup_refuse(parser, "RESTORE DATABASE without a namespace");
    if (status == STATUS_OK)
        status = parser_if_not_exists(parser, &statement->backup.conditional);
    statement->backup.start = parser->token.start;
    if (status == STATUS_OK)
        status = parser_new_name(parser, "namespace", &statement->backup.space);
    if (status == STATUS_OK)
        status = parser_expect(parser, KEYWORD_FROM);
    if (status == STATUS_OK)
        status = parser_string(parser, &statement->backup.path);
    return status == STATUS_OK ? backup_tail(parser) : status;
}

/* Behind SHOW BACKUP or SHOW BACKUPS. */
enum status parse_show_backup(struct parser *parser)
{
    struct ast_statement *statement = parser->statement;

    CHECK(statement->kind == AST_SHOW);
    if (parser_is_kind(parser, TOKEN_STRING)) {
        statement->show.what = AST_SHOW_BACKUP;
        return parser_string(parser, &statement->show.path);
    }
    statement->show.what = AST_SHOW_BACKUPS;
    enum status status = parser_expect(parser, KEYWORD_FOR);
    if (status == STATUS_OK)
        status = parser_expect(parser, KEYWORD_DATABASE);
    if (status == STATUS_OK)
        status = parser_label(parser, &statement->show.space);
    return status;
}
