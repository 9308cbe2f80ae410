/* sql_token.c — see sql_token.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/sql_token.h"

#include "base/check.h"

static bool sql_is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool sql_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool sql_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 128;
}

static bool sql_starts(struct str sql, size_t at, const char *text)
{
    CHECK(at <= sql.size);
    return str_starts_with(str_from(sql.data + at, sql.size - at), str_from_c(text));
}

static size_t sql_skip_digits(struct str sql, size_t at)
{
    CHECK(at <= sql.size);
    while (at < sql.size && sql_is_digit(sql.data[at]))
        at++;
    return at;
}

/* Digits with their exponent, so that the `e` of 1e5 begins no word and no E''. */
static size_t sql_skip_number(struct str sql, size_t at)
{
    size_t end = sql_skip_digits(sql, at), exponent = end + 1;

    CHECK(end > at);
    if (end == sql.size || (sql.data[end] != 'e' && sql.data[end] != 'E'))
        return end;
    if (exponent < sql.size && (sql.data[exponent] == '-' || sql.data[exponent] == '+'))
        exponent++;
    return exponent < sql.size && sql_is_digit(sql.data[exponent]) ? sql_skip_digits(sql, exponent)
                                                                   : end;
}

/* Behind the comment that opens at `at`, SIZE_MAX if it does not end. Comments nest. */
static size_t sql_skip_comment(struct str sql, size_t at)
{
    size_t depth = 0;

    CHECK(sql_starts(sql, at, "/*"));
    while (at < sql.size) {
        if (sql_starts(sql, at, "/*")) {
            depth++;
            at += 2;
        } else if (sql_starts(sql, at, "*/")) {
            at += 2;
            if (--depth == 0)
                return at;
        } else {
            at++;
        }
    }
    return SIZE_MAX;
}

/* The first byte of a token, or of a comment that does not end. */
static size_t sql_skip_blanks(struct str sql, size_t at)
{
    CHECK(at <= sql.size);
    while (at < sql.size) {
        if (sql_is_blank(sql.data[at])) {
            at++;
        } else if (sql_starts(sql, at, "--")) {
            while (at < sql.size && sql.data[at] != '\n')
                at++;
        } else if (sql_starts(sql, at, "/*")) {
            size_t end = sql_skip_comment(sql, at);
            if (end == SIZE_MAX)
                break;
            at = end;
        } else {
            break;
        }
    }
    return at;
}

/* Behind the quote that opens at `at`, SIZE_MAX if it does not end. The quote doubled stands for
 * itself, as does what follows a backslash if `backslashes`. */
static size_t sql_skip_quoted(struct str sql, size_t at, bool backslashes)
{
    char quote = sql.data[at];

    CHECK(quote == '\'' || quote == '"' || quote == '`');
    for (at++; at < sql.size; at++) {
        if (backslashes && sql.data[at] == '\\')
            at++;
        else if (sql.data[at] == quote && at + 1 < sql.size && sql.data[at + 1] == quote)
            at++;
        else if (sql.data[at] == quote)
            return at + 1;
    }
    return SIZE_MAX;
}

/* Behind `$tag$ … $tag$`, SIZE_MAX if it does not end; behind $1 or a lone `$`. */
static size_t sql_skip_dollar(struct str sql, size_t at, enum sql_token_kind *kind)
{
    size_t end = sql_skip_digits(sql, at + 1), found;
    struct str tag;

    CHECK(sql.data[at] == '$');
    *kind = SQL_TOKEN_OTHER;
    if (end > at + 1)
        return end;
    while (end < sql.size && (sql_is_letter(sql.data[end]) || sql_is_digit(sql.data[end])))
        end++;
    if (end == sql.size || sql.data[end] != '$')
        return at + 1;
    *kind = SQL_TOKEN_TEXT;
    tag = str_from(sql.data + at, end + 1 - at);
    found = str_find(str_from(sql.data + end + 1, sql.size - end - 1), tag);
    return found == SIZE_MAX ? SIZE_MAX : end + 1 + found + tag.size;
}

/* The end of the token that begins at `at`, SIZE_MAX if it has none; its kind. */
static size_t sql_token_end(struct str sql, size_t at, enum sql_token_kind *kind)
{
    char first = sql.data[at];

    CHECK(at < sql.size);
    *kind = SQL_TOKEN_TEXT;
    if (first == '\'')
        return sql_skip_quoted(sql, at, false);
    if (sql_starts(sql, at, "e'") || sql_starts(sql, at, "E'"))
        return sql_skip_quoted(sql, at + 1, true);
    if (first == '$')
        return sql_skip_dollar(sql, at, kind);
    *kind = SQL_TOKEN_QUOTED;
    if (first == '"' || first == '`')
        return sql_skip_quoted(sql, at, false);
    *kind = SQL_TOKEN_OTHER;
    if (sql_is_digit(first))
        return sql_skip_number(sql, at);
    if (sql_starts(sql, at, "/*"))
        return SIZE_MAX; /* one that ends is passed over before */
    if (!sql_is_letter(first))
        return at + 1;
    *kind = SQL_TOKEN_WORD;
    while (at < sql.size &&
           (sql_is_letter(sql.data[at]) || sql_is_digit(sql.data[at]) || sql.data[at] == '$'))
        at++;
    return at;
}

struct sql_token sql_token_next(struct str sql, size_t *at)
{
    struct sql_token token = {SQL_TOKEN_END, STR_EMPTY};
    size_t start, end;

    CHECK(at && *at <= sql.size);
    start = sql_skip_blanks(sql, *at);
    *at = start;
    if (start == sql.size)
        return token;
    end = sql_token_end(sql, start, &token.kind);
    if (end == SIZE_MAX) {
        token.kind = SQL_TOKEN_OPEN;
        end = sql.size;
    }
    token.text = str_from(sql.data + start, end - start);
    *at = end;
    return token;
}

bool sql_token_is(const struct sql_token *token, const char *word)
{
    CHECK(token && word && *word);
    return token->kind == SQL_TOKEN_WORD && str_equal_nocase(token->text, str_from_c(word));
}

void sql_token_append_name(const struct sql_token *token, struct buf *out)
{
    const char *text = token->text.data;
    size_t size = token->text.size;

    CHECK(sql_token_is_name(token));
    if (token->kind == SQL_TOKEN_WORD) {
        for (size_t i = 0; i < size; i++) {
            bool upper = text[i] >= 'A' && text[i] <= 'Z';
            buf_append_byte(out, (uint8_t)(upper ? text[i] | 0x20 : text[i]));
        }
        return;
    }
    for (size_t i = 1; i + 1 < size; i++) {
        buf_append_byte(out, (uint8_t)text[i]);
        if (text[i] == text[0])
            i++;
    }
}

void sql_append_quoted(struct buf *out, struct str name)
{
    CHECK(out != NULL);
    buf_append_byte(out, '"');
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] == '"')
            buf_append_byte(out, '"');
        buf_append_byte(out, (uint8_t)name.data[i]);
    }
    buf_append_byte(out, '"');
}
