/* subscribe_text.c — see subscribe_text.h. Reads tokens only: the grammar is the server's.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "client/subscribe_text.h"

#include "base/check.h"
#include "base/sql_token.h"

struct subscribe_token {
    struct sql_token token;
    size_t at;
    int depth; /* of parentheses */
};

/* The word or sign, in any case; not in quotes. */
static bool subscribe_is(const struct subscribe_token *token, const char *text)
{
    CHECK(token && text && *text);
    return str_equal_nocase(token->token.text, str_from_c(text));
}

/* The token at or behind *at; false at the end. */
static bool subscribe_next(struct str sql, size_t *at, struct subscribe_token *token)
{
    CHECK(token);
    token->token = sql_token_next(sql, at);
    token->at = *at - token->token.text.size;
    token->depth += subscribe_is(token, "(") ? 1 : subscribe_is(token, ")") ? -1 : 0;
    return token->token.kind != SQL_TOKEN_END;
}

/* Where the name of the table starts, if no namespace stands before it; SIZE_MAX otherwise. */
static size_t subscribe_bare_table(struct str sql)
{
    struct subscribe_token token = {0};
    size_t at = 0, found = SIZE_MAX;
    bool first = true, subscribe = false;

    CHECK(sql.size == 0 || sql.data);
    while (found == SIZE_MAX && subscribe_next(sql, &at, &token)) {
        bool names_table = token.depth == 0 && (subscribe_is(&token, "from") ||
                                                (subscribe && subscribe_is(&token, "to")));
        subscribe = first && subscribe_is(&token, "subscribe");
        first = false;
        if (!names_table || !subscribe_next(sql, &at, &token))
            continue;
        found = token.at;
        if (!sql_token_is_name(&token.token))
            return SIZE_MAX;
    }
    if (found != SIZE_MAX && subscribe_next(sql, &at, &token) && subscribe_is(&token, "."))
        return SIZE_MAX;
    return found;
}

/* key = number of OPTIONS; false if unknown. */
static bool subscribe_set_option(struct wire_subscription *request, struct str key, int64_t number)
{
    CHECK(request);
    if (str_equal_nocase(key, STR_LIT("last_rows"))) {
        request->has_last_rows = true;
        request->last_rows = number;
    } else if (str_equal_nocase(key, STR_LIT("batch_size")) && number > 0) {
        request->has_batch_size = true;
        request->batch_size = number;
    } else if (str_equal_nocase(key, STR_LIT("from"))) {
        request->has_from = true;
        request->from = number;
    } else {
        return false;
    }
    return true;
}

/* `( key = n, … )` up to the end of the text. */
static bool subscribe_take_options(struct str sql, size_t at, struct wire_subscription *request)
{
    struct subscribe_token token = {0}, key;
    int64_t number;
    bool open = subscribe_next(sql, &at, &token) && subscribe_is(&token, "(");

    CHECK(request);
    while (open) {
        if (!subscribe_next(sql, &at, &token))
            return false;
        key = token;
        if (!subscribe_next(sql, &at, &token) || !subscribe_is(&token, "=") ||
            !subscribe_next(sql, &at, &token) || !str_to_int64(token.token.text, &number) ||
            number < 0 || !subscribe_set_option(request, key.token.text, number) ||
            !subscribe_next(sql, &at, &token))
            return false;
        if (subscribe_is(&token, ")")) {
            bool more = subscribe_next(sql, &at, &token);
            return !more || (subscribe_is(&token, ";") && !subscribe_next(sql, &at, &token));
        }
        open = subscribe_is(&token, ",");
    }
    return false;
}

/* Reads `LAST n` and `OPTIONS (…)` at the end into `request`; returns the text before them. */
static struct str subscribe_cut_options(struct str sql, struct wire_subscription *request)
{
    struct subscribe_token token = {0}, word;
    struct wire_subscription taken = *request;
    size_t at = 0, start = SIZE_MAX;
    int64_t number;

    CHECK(request);
    while (subscribe_next(sql, &at, &token)) {
        word = token;
        size_t behind = at;
        if (token.depth != 0)
            continue;
        if (subscribe_is(&word, "last") && subscribe_next(sql, &behind, &token) &&
            str_to_int64(token.token.text, &number) && number >= 0) {
            taken = *request;
            (void)subscribe_set_option(&taken, STR_LIT("last_rows"), number);
            start = word.at;
            at = behind;
        } else if (subscribe_is(&word, "options") && subscribe_take_options(sql, at, &taken)) {
            start = start == SIZE_MAX ? word.at : start;
            break;
        } else if (!subscribe_is(&word, ";")) {
            start = SIZE_MAX; /* it was no option but part of the condition */
            taken = *request;
        }
        token = word;
    }
    if (start == SIZE_MAX)
        return sql;
    *request = taken;
    request->has_options = true;
    return str_trim(str_from(sql.data, start));
}

bool subscribe_text_take(const char *sql, const char *space, struct arena *arena,
                         struct wire_subscription *request)
{
    struct str text = str_from_c(sql);
    struct subscribe_token first = {0};
    size_t at = 0, table;
    struct buf whole;

    CHECK(sql);
    if (subscribe_next(text, &at, &first) && subscribe_is(&first, "subscribe"))
        text = subscribe_cut_options(text, request);
    table = space && *space ? subscribe_bare_table(text) : SIZE_MAX;
    buf_init_fallible(&whole);
    if (table != SIZE_MAX) {
        buf_append(&whole, text.data, table);
        sql_append_quoted(&whole, str_from_c(space));
        buf_append_byte(&whole, '.');
        text = str_from(text.data + table, text.size - table);
    }
    buf_append_str(&whole, text);
    arena->failed |= whole.failed;
    request->sql = arena_copy(arena, buf_str(&whole));
    buf_clear(&whole);
    return !arena->failed;
}
