/* split.c — see split.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli/split.h"

#include "base/check.h"
#include "base/sql_token.h"

/* From the byte at `start` to `end`. */
static struct str split_cut(const char *start, const char *end)
{
    CHECK(start <= end);
    return str_trim(str_from(start, (size_t)(end - start)));
}

/* One statement, comments before it skipped. */
static enum split split_statement(struct str text, size_t *offset, struct str *statement)
{
    const char *start = NULL;
    struct sql_token token;

    CHECK(*offset <= text.size);
    for (;;) {
        token = sql_token_next(text, offset);
        if (token.kind == SQL_TOKEN_END || token.kind == SQL_TOKEN_OPEN)
            break;
        bool ends = token.kind == SQL_TOKEN_OTHER && *token.text.data == ';';
        if (ends && start) {
            *statement = split_cut(start, token.text.data);
            return SPLIT_UNIT;
        }
        start = start || ends ? start : token.text.data;
    }
    if (token.kind == SQL_TOKEN_OPEN)
        *statement = split_cut(start ? start : token.text.data, text.data + text.size);
    else if (start)
        *statement = split_cut(start, text.data + text.size);
    return token.kind == SQL_TOKEN_OPEN ? SPLIT_OPEN : start ? SPLIT_REST : SPLIT_END;
}

struct str split_first_word(struct str text)
{
    size_t at = 0;
    struct sql_token token = sql_token_next(text, &at);

    CHECK(at <= text.size);
    return token.kind == SQL_TOKEN_WORD ? token.text : STR_EMPTY;
}

static bool split_begins_transaction(struct str statement)
{
    struct str word = split_first_word(statement);

    CHECK(word.size <= statement.size);
    return str_equal_nocase(word, STR_LIT("begin")) || str_equal_nocase(word, STR_LIT("start"));
}

static bool split_ends_transaction(struct str statement)
{
    struct str word = split_first_word(statement);

    CHECK(word.size <= statement.size);
    return str_equal_nocase(word, STR_LIT("commit")) ||
           str_equal_nocase(word, STR_LIT("rollback")) || str_equal_nocase(word, STR_LIT("end"));
}

enum split split_next(struct str text, size_t *offset, struct str *unit)
{
    struct str statement;
    enum split found = split_statement(text, offset, unit);
    const char *start = unit->data;

    CHECK(unit);
    if (found != SPLIT_UNIT || !split_begins_transaction(*unit))
        return found;
    for (;;) {
        found = split_statement(text, offset, &statement);
        if (found == SPLIT_END || found == SPLIT_REST || found == SPLIT_OPEN)
            break;
        *unit = str_from(start, (size_t)(statement.data + statement.size - start));
        if (split_ends_transaction(statement))
            return SPLIT_UNIT;
    }
    *unit = str_trim(str_from(start, (size_t)(text.data + text.size - start)));
    if (found == SPLIT_REST && split_ends_transaction(statement))
        return SPLIT_REST;
    return found == SPLIT_OPEN ? SPLIT_OPEN : SPLIT_REST;
}
