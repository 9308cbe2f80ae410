/* stars.c — which columns of a result came by `*`, and which were written out.
 *
 * Left of the first and right of the last star of the outermost select list counting tells. Between
 * two stars, whose widths only DuckDB knows, a system column that is written out is given to DuckDB
 * in capitals, and known by them in the result:
 *
 *   a.*, a._seq, b.*  →  a.*, a._seq AS "_SEQ", b.*
 *
 * DuckDB finds names whatever their case, so the rest of the statement means the same.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/analytic/analytic_internal.h"

#include "base/check.h"
#include "sql/syntax/lexer.h"

#include <string.h>

static const char *const system_names[SYSTEM_COLUMN_COUNT] = {"_seq", "_updated", "_deleted"};
static const char *const marked_names[SYSTEM_COLUMN_COUNT] = {"_SEQ", "_UPDATED", "_DELETED"};

/* Goes on to the comma behind an element, or to what ends the list; `last` is the token before. */
static void stars_skip_item(struct lexer *lexer, struct token *last, struct token *token)
{
    uint32_t depth = 0;

    for (*token = lexer_next(lexer); token->kind != TOKEN_END && token->kind != TOKEN_ERROR;
         *last = *token, *token = lexer_next(lexer)) {
        struct str text = token_text(lexer->text, token);
        if (token->kind == TOKEN_COMMA && depth == 0)
            return;
        CHECK(text.size > 0);
        if (strchr("([{", text.data[0]))
            depth++;
        if (strchr(")]}", text.data[0]) && depth > 0)
            depth--;
    }
}

static void stars_mark_item(struct analytic_plan *plan, const struct tree *item, int system,
                            const struct token *last, const struct token *comma)
{
    struct str alias = tree_text(item, "alias");
    struct analytic_splice splice = {.kind = SPLICE_TEXT, .start = comma->start};

    CHECK(system >= 0 && system < SYSTEM_COLUMN_COUNT);
    if (alias.size > 0) {
        if (!token_is_name(last) ||
            !str_equal_nocase(token_name(plan->sql, last, &plan->arena), alias))
            return;
        splice.start = last->start;
    }
    splice.end = alias.size > 0 ? last->end : comma->start;
    splice.text =
        arena_printf(&plan->arena, "%s\"%s\"", alias.size > 0 ? "" : "AS ", marked_names[system]);
    splice_add(plan, &splice);
    plan->marks_system = true;
}

void stars_mark(struct analytic_plan *plan, const struct tree *list, const struct str *written)
{
    const struct tree *item = list->child;
    uint32_t index = 0, end = plan->name_count - plan->name_back;
    struct lexer lexer;
    struct token last = {0}, comma;

    CHECK(list->kind == TREE_ARRAY && plan->name_front <= end);
    for (; index < plan->name_front; index++)
        item = item->next;
    lexer_init(&lexer, plan->sql);
    if (index == end || !plan->has_star || tree_location(item) < 0)
        return;
    lexer.offset = (uint32_t)tree_location(item);
    for (; index < end; index++, item = item->next) {
        stars_skip_item(&lexer, &last, &comma);
        for (int i = 0; i < SYSTEM_COLUMN_COUNT && comma.kind == TOKEN_COMMA; i++) {
            if (str_equal(written[index], str_from_c(system_names[i])))
                stars_mark_item(plan, item, i, &last, &comma);
        }
    }
}

void stars_find(const struct analytic_plan *plan, struct sql_column *columns, size_t count)
{
    size_t named = (size_t)plan->name_front + plan->name_back;

    CHECK(columns && count > 0);
    if (!plan->has_star || named > count)
        return;
    for (size_t i = plan->name_front; i < count - plan->name_back; i++) {
        columns[i].by_star = true;
        for (int s = 0; s < SYSTEM_COLUMN_COUNT && plan->marks_system; s++) {
            if (!str_equal(columns[i].name, str_from_c(marked_names[s])))
                continue;
            columns[i].name = str_from_c(system_names[s]);
            columns[i].by_star = false;
        }
    }
}
