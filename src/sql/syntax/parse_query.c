/* parse_query.c — SELECT on one table, INSERT, UPDATE, DELETE.
 *
 * A SELECT is parsed optimistically: any failure that is not final (parser->hard) makes it
 * AST_ANALYTIC in parse.c, and DuckDB's parser has the last word. DML has no such way out: what we
 * do not know is an error.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/syntax/parser_internal.h"

/* ---- select items -------------------------------------------------------------------------------
 */

/* `t.*`: leaves the parser where it was if it is something else. */
static bool parse_qualified_star(struct parser *parser, struct ast_select_item *item)
{
    struct parser saved = *parser;

    CHECK(item->expr == NULL);
    if (!parser_at_name(parser) || parser_ahead(parser)->kind != TOKEN_DOT) {
        *parser = saved;
        return false;
    }
    struct str table = token_name(parser->lexer.text, &parser->token, parser->arena);
    if (str_is_empty(table)) { /* "" */
        *parser = saved;
        return false;
    }
    parser_advance(parser);
    parser_advance(parser);
    if (!parser_take_kind(parser, TOKEN_STAR)) {
        *parser = saved;
        return false;
    }
    item->star_of = table;
    return true;
}

static enum status parse_item(struct parser *parser, struct ast_select_item *item)
{
    enum status status;

    CHECK(item->expr == NULL);
    item->start = parser->token.start;
    if (parser_take_kind(parser, TOKEN_STAR) || parse_qualified_star(parser, item)) {
        item->end = parser->last_end;
        return STATUS_OK;
    }
    status = parse_expression(parser, &item->expr);
    item->end = parser->last_end;
    if (status != STATUS_OK)
        return status;
    if (parser_take(parser, KEYWORD_AS))
        return parser_label(parser, &item->alias);
    if (parser_at_name(parser))
        return parser_label(parser, &item->alias);
    return STATUS_OK;
}

static enum status parse_items(struct parser *parser, struct ast_select_item **items, size_t *count)
{
    struct parser_list list = {0};

    CHECK(items != NULL && count != NULL);
    do {
        struct ast_select_item item = {0};
        enum status status = parse_item(parser, &item);

        if (status != STATUS_OK)
            return status;
        *(struct ast_select_item *)parser_list_add(parser, &list, sizeof(item)) = item;
    } while (parser_take_kind(parser, TOKEN_COMMA));
    *items = list.items;
    *count = list.count;
    return STATUS_OK;
}

static enum status parse_returning(struct parser *parser, struct ast_select_item **items,
                                   size_t *count)
{
    CHECK(items != NULL && count != NULL);
    if (!parser_take(parser, KEYWORD_RETURNING))
        return STATUS_OK;
    return parse_items(parser, items, count);
}

static enum status parse_where_clause(struct parser *parser, struct ast_expr **out)
{
    CHECK(out != NULL);
    return parser_take(parser, KEYWORD_WHERE) ? parse_where(parser, out) : STATUS_OK;
}

/* [AS] alias, but no bare word that may start a clause. */
static enum status parse_alias(struct parser *parser, struct str *alias)
{
    CHECK(str_is_empty(*alias));
    if (parser_take(parser, KEYWORD_AS))
        return parser_name_part(parser, alias);
    if (parser_at_name(parser) && !parser_is(parser, KEYWORD_SET))
        return parser_label(parser, alias);
    return STATUS_OK;
}

/* ---- SELECT -------------------------------------------------------------------------------------
 */

static enum status parse_order_item(struct parser *parser, struct ast_order *order)
{
    enum status status = parse_expression(parser, &order->expr);

    CHECK(status != STATUS_OK || order->expr != NULL);
    if (status != STATUS_OK)
        return status;
    order->descending = parser_take(parser, KEYWORD_DESC);
    if (!order->descending)
        (void)parser_take(parser, KEYWORD_ASC);
    order->nulls_first = order->descending;
    if (!parser_take(parser, KEYWORD_NULLS))
        return STATUS_OK;
    order->nulls_first = parser_take(parser, KEYWORD_FIRST);
    return order->nulls_first ? STATUS_OK : parser_expect(parser, KEYWORD_LAST);
}

static enum status parse_order(struct parser *parser, struct ast_select *select)
{
    struct parser_list list = {0};

    CHECK(select->order_count == 0);
    if (!parser_take(parser, KEYWORD_ORDER))
        return STATUS_OK;
    enum status status = parser_expect(parser, KEYWORD_BY);
    while (status == STATUS_OK) {
        struct ast_order order = {0};

        status = parse_order_item(parser, &order);
        *(struct ast_order *)parser_list_add(parser, &list, sizeof(order)) = order;
        if (status == STATUS_OK && !parser_take_kind(parser, TOKEN_COMMA))
            break;
    }
    select->order = list.items;
    select->order_count = list.count;
    return status;
}

/* A number or parameter; LIMIT ALL and LIMIT NULL are none. */
static enum status parse_count(struct parser *parser, bool *seen, struct ast_expr **out)
{
    if (*seen)
        return parser_syntax_error(parser);
    CHECK(*out == NULL);
    *seen = true;
    if (parser_take(parser, KEYWORD_ALL) || parser_take(parser, KEYWORD_NULL))
        return STATUS_OK;
    if (!parser_is_kind(parser, TOKEN_INTEGER) && !parser_is_kind(parser, TOKEN_PARAM))
        return parser_syntax_error(parser);
    enum status status = parse_expression(parser, out);
    if (status != STATUS_OK)
        return status;
    if ((*out)->kind != AST_PARAM && (*out)->kind != AST_LITERAL)
        return parser_syntax_error(parser);
    return STATUS_OK;
}

static enum status parse_limit(struct parser *parser, struct ast_select *select)
{
    bool has_limit = false, has_offset = false;
    enum status status = STATUS_OK;

    CHECK(select->limit == NULL && select->offset == NULL);
    while (status == STATUS_OK) {
        if (parser_take(parser, KEYWORD_LIMIT)) {
            status = parse_count(parser, &has_limit, &select->limit);
        } else if (parser_take(parser, KEYWORD_OFFSET)) {
            status = parse_count(parser, &has_offset, &select->offset);
            if (!parser_take(parser, KEYWORD_ROWS))
                (void)parser_take_word(parser, "row");
        } else {
            break;
        }
    }
    return status;
}

enum status parse_select(struct parser *parser)
{
    struct ast_select *select = &parser->statement->select;
    enum status status;

    CHECK(parser->select);
    parser->statement->kind = AST_SELECT;
    (void)parser_take(parser, KEYWORD_ALL);
    status = parse_items(parser, &select->items, &select->item_count);
    if (status == STATUS_OK && parser_take(parser, KEYWORD_FROM)) {
        select->has_from = true;
        status = parser_table_name(parser, &select->from);
        if (status == STATUS_OK)
            status = parse_alias(parser, &select->alias);
    }
    if (status == STATUS_OK)
        status = parse_where_clause(parser, &select->where);
    if (status == STATUS_OK)
        status = parse_order(parser, select);
    if (status == STATUS_OK)
        status = parse_limit(parser, select);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < select->item_count; i++) {
        if (select->items[i].expr == NULL && !select->has_from)
            return parser_error_at(parser, select->items[i].start,
                                   "SELECT * with no tables specified is not valid");
    }
    return STATUS_OK;
}

/* ---- SET c = expr, … ----------------------------------------------------------------------------
 */

static enum status parse_add_assignment(struct parser *parser, struct parser_list *list,
                                        const struct ast_assignment *assignment)
{
    const struct ast_assignment *given = list->items;

    CHECK(assignment->column.size > 0);
    if (list->count >= LIMIT_TABLE_COLUMNS)
        return parser_error_at(parser, assignment->start, "more than %d columns are set",
                               LIMIT_TABLE_COLUMNS);
    for (size_t i = 0; i < list->count; i++) {
        if (str_equal(given[i].column, assignment->column))
            return parser_error_at(parser, assignment->start,
                                   "multiple assignments to same column \"%.*s\"",
                                   STR_ARG(assignment->column));
    }
    *(struct ast_assignment *)parser_list_add(parser, list, sizeof(*assignment)) = *assignment;
    return STATUS_OK;
}

/* `(a, b) = [ROW] (x, y)` sets a = x, b = y. */
static enum status parse_row_assignment(struct parser *parser, struct parser_list *list)
{
    uint32_t start = parser->token.start, *starts;
    struct str *names;
    size_t count;
    enum status status = parser_name_list(parser, &names, &starts, &count);

    CHECK(list != NULL);
    if (status == STATUS_OK)
        status = parser_expect_kind(parser, TOKEN_EQ);
    if (status == STATUS_OK)
        (void)parser_take_word(parser, "row");
    if (status == STATUS_OK && parser_is_kind(parser, TOKEN_LEFT_PAREN) &&
        (parser_ahead_is(parser, KEYWORD_SELECT) || parser_ahead_is(parser, KEYWORD_WITH)))
        return parser_not_supported(parser, "SET (a, b) = (SELECT …)",
                                    "use UPDATE … FROM, or a subquery for each column");
    if (status == STATUS_OK)
        status = parser_expect_kind(parser, TOKEN_LEFT_PAREN);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        struct ast_assignment assignment = {.column = names[i], .start = starts[i]};
        status = parse_expression(parser, &assignment.value);
        if (status == STATUS_OK)
            status = parse_add_assignment(parser, list, &assignment);
        if (status == STATUS_OK &&
            !parser_take_kind(parser, i + 1 < count ? TOKEN_COMMA : TOKEN_RIGHT_PAREN))
            return parser_error_at(parser, start,
                                   "number of columns does not match number of values");
    }
    return status;
}

static enum status parse_assignment(struct parser *parser, struct parser_list *list)
{
    struct ast_assignment assignment = {.start = parser->token.start};
    enum status status;

    CHECK(list != NULL);
    if (parser_is_kind(parser, TOKEN_LEFT_PAREN))
        return parse_row_assignment(parser, list);
    status = parser_name_part(parser, &assignment.column);
    if (status == STATUS_OK)
        status = parser_expect_kind(parser, TOKEN_EQ);
    if (status == STATUS_OK)
        status = parse_expression(parser, &assignment.value);
    return status != STATUS_OK ? status : parse_add_assignment(parser, list, &assignment);
}

static enum status parse_set(struct parser *parser, struct ast_assignment **set, size_t *count)
{
    struct parser_list list = {0};
    enum status status = parser_expect(parser, KEYWORD_SET);

    CHECK(set != NULL && count != NULL);
    while (status == STATUS_OK) {
        status = parse_assignment(parser, &list);
        if (status == STATUS_OK && !parser_take_kind(parser, TOKEN_COMMA))
            break;
    }
    *set = list.items;
    *count = list.count;
    return status;
}

/* ---- INSERT -------------------------------------------------------------------------------------
 */

/* One `(a, b, …)`, appended to the flat list. */
static enum status parse_row(struct parser *parser, struct ast_insert *insert,
                             struct parser_list *values)
{
    size_t before = values->count;
    uint32_t start = parser->token.start;
    enum status status = parser_expect_kind(parser, TOKEN_LEFT_PAREN);

    CHECK(values->count == insert->row_count * insert->width);
    while (status == STATUS_OK) {
        struct ast_expr *value;

        status = parse_expression(parser, &value);
        if (status != STATUS_OK)
            return status;
        *(struct ast_expr **)parser_list_add(parser, values, sizeof(value)) = value;
        if (!parser_take_kind(parser, TOKEN_COMMA))
            break;
    }
    if (status == STATUS_OK)
        status = parser_expect_kind(parser, TOKEN_RIGHT_PAREN);
    if (status != STATUS_OK)
        return status;
    if (insert->row_count == 0)
        insert->width = values->count;
    else if (values->count - before != insert->width)
        return parser_error_at(parser, start, "VALUES lists must all be the same length");
    insert->row_count++;
    return arena_check(parser->arena, parser->err);
}

static enum status parse_values(struct parser *parser, struct ast_insert *insert)
{
    struct parser_list values = {0};
    enum status status;

    do {
        status = parse_row(parser, insert, &values);
    } while (status == STATUS_OK && parser_take_kind(parser, TOKEN_COMMA));
    insert->values = values.items;
    CHECK(status != STATUS_OK || values.count == insert->row_count * insert->width);
    return status;
}

/* The text up to a top-level ON CONFLICT or RETURNING; its $n are noted. */
static enum status parse_insert_select(struct parser *parser, struct ast_insert *insert)
{
    size_t open = 0;

    CHECK(insert->row_count == 0);
    insert->select_start = parser->token.start;
    while (!parser_at_end(parser)) {
        if (parser_is_kind(parser, TOKEN_SEMICOLON))
            return parser_syntax_error(parser);
        if (open == 0 &&
            (parser_is(parser, KEYWORD_RETURNING) ||
             (parser_is(parser, KEYWORD_ON) && parser_ahead_is(parser, KEYWORD_CONFLICT))))
            break;
        if (parser_is_kind(parser, TOKEN_LEFT_PAREN))
            open++;
        if (parser_is_kind(parser, TOKEN_RIGHT_PAREN) && open-- == 0)
            return parser_syntax_error(parser);
        enum status status = parse_foreign_token(parser);
        if (status != STATUS_OK)
            return status;
    }
    insert->select = parser_range(parser, insert->select_start, parser->last_end);
    return STATUS_OK;
}

static enum status parse_conflict(struct parser *parser, struct ast_insert *insert)
{
    enum status status = STATUS_OK;

    CHECK(insert->conflict == AST_CONFLICT_ERROR);
    if (!parser_take(parser, KEYWORD_ON))
        return STATUS_OK;
    status = parser_expect(parser, KEYWORD_CONFLICT);
    if (status == STATUS_OK && parser_is(parser, KEYWORD_ON))
        return parser_not_supported(parser, "ON CONFLICT ON CONSTRAINT", "name the key columns");
    if (status == STATUS_OK && parser_is_kind(parser, TOKEN_LEFT_PAREN))
        status = parser_name_list(parser, &insert->conflict_columns, NULL,
                                  &insert->conflict_column_count);
    if (status == STATUS_OK)
        status = parser_expect(parser, KEYWORD_DO);
    if (status != STATUS_OK)
        return status;
    if (parser_take(parser, KEYWORD_NOTHING)) {
        insert->conflict = AST_CONFLICT_NOTHING;
        return STATUS_OK;
    }
    insert->conflict = AST_CONFLICT_UPDATE;
    if (insert->conflict_column_count == 0)
        return parser_error_at(parser, parser->token.start,
                               "ON CONFLICT DO UPDATE requires the key columns: "
                               "ON CONFLICT (id) DO UPDATE …");
    status = parser_expect(parser, KEYWORD_UPDATE);
    if (status == STATUS_OK)
        status = parse_set(parser, &insert->conflict_set, &insert->conflict_set_count);
    if (status == STATUS_OK)
        status = parse_where_clause(parser, &insert->conflict_where);
    return status;
}

static enum status parse_insert_source(struct parser *parser, struct ast_insert *insert)
{
    CHECK(insert->row_count == 0);
    if (parser_take(parser, KEYWORD_DEFAULT)) {
        insert->default_values = true;
        insert->row_count = 1;
        return parser_expect(parser, KEYWORD_VALUES);
    }
    if (parser_take(parser, KEYWORD_VALUES))
        return parse_values(parser, insert);
    if (parser_is(parser, KEYWORD_SELECT) || parser_is(parser, KEYWORD_WITH) ||
        parser_is(parser, KEYWORD_FROM) || parser_is_kind(parser, TOKEN_LEFT_PAREN))
        return parse_insert_select(parser, insert);
    return parser_syntax_error(parser);
}

enum status parse_insert(struct parser *parser)
{
    struct ast_insert *insert = &parser->statement->insert;
    enum status status;

    CHECK(parser->last_end > 0);
    parser->statement->kind = AST_INSERT;
    if (parser_is(parser, KEYWORD_OR))
        return parser_not_supported(parser, "INSERT OR …", "use ON CONFLICT");
    status = parser_expect(parser, KEYWORD_INTO);
    if (status == STATUS_OK)
        status = parser_table_name(parser, &insert->table);
    if (status == STATUS_OK && parser_take(parser, KEYWORD_AS))
        status = parser_name_part(parser, &insert->alias);
    if (status == STATUS_OK && parser_is_kind(parser, TOKEN_LEFT_PAREN) &&
        !parser_ahead_is(parser, KEYWORD_SELECT) && !parser_ahead_is(parser, KEYWORD_WITH))
        status = parser_name_list(parser, &insert->columns, &insert->column_starts,
                                  &insert->column_count);
    if (status == STATUS_OK)
        status = parse_insert_source(parser, insert);
    if (status == STATUS_OK)
        status = parse_conflict(parser, insert);
    if (status == STATUS_OK)
        status = parse_returning(parser, &insert->returning, &insert->returning_count);
    return status;
}

/* ---- UPDATE, DELETE -----------------------------------------------------------------------------
 */

enum status parse_update(struct parser *parser)
{
    struct ast_update *update = &parser->statement->update;
    enum status status;

    CHECK(parser->last_end > 0);
    parser->statement->kind = AST_UPDATE;
    status = parser_table_name(parser, &update->table);
    if (status == STATUS_OK)
        status = parse_alias(parser, &update->alias);
    if (status == STATUS_OK)
        status = parse_set(parser, &update->set, &update->set_count);
    if (status == STATUS_OK && parser_take(parser, KEYWORD_FROM))
        status = parse_foreign_tables(parser, &update->from);
    if (status == STATUS_OK)
        status = parse_where_clause(parser, &update->where);
    if (status == STATUS_OK)
        status = parse_returning(parser, &update->returning, &update->returning_count);
    return status;
}

enum status parse_delete(struct parser *parser)
{
    struct ast_delete *del = &parser->statement->del;
    enum status status = parser_expect(parser, KEYWORD_FROM);

    CHECK(parser->last_end > 0);
    parser->statement->kind = AST_DELETE;
    if (status == STATUS_OK)
        status = parser_table_name(parser, &del->table);
    if (status == STATUS_OK)
        status = parse_alias(parser, &del->alias);
    if (status == STATUS_OK && parser_take(parser, KEYWORD_USING))
        status = parse_foreign_tables(parser, &del->from);
    if (status == STATUS_OK)
        status = parse_where_clause(parser, &del->where);
    if (status == STATUS_OK)
        status = parse_returning(parser, &del->returning, &del->returning_count);
    return status;
}
