/* split.c — see split.h. Quotes, E'' strings, dollar quotes, `--` and nested comments are those of
 * the server's lexer.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli/split.h"

#include "base/check.h"

static bool split_is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 128;
}

/* Each split_skip_… starts at the opening bytes and returns the offset behind the end, or SIZE_MAX
 * if the end is missing. */

static size_t split_skip_quoted(struct str text, size_t at, bool backslashes)
{
    char quote = text.data[at];

    CHECK(quote == '\'' || quote == '"');
    for (at++; at < text.size; at++) {
        if (backslashes && text.data[at] == '\\')
            at++;
        else if (text.data[at] == quote && at + 1 < text.size && text.data[at + 1] == quote)
            at++;
        else if (text.data[at] == quote)
            return at + 1;
    }
    return SIZE_MAX;
}

static size_t split_skip_line_comment(struct str text, size_t at)
{
    CHECK(at <= text.size);
    while (at < text.size && text.data[at] != '\n')
        at++;
    return at;
}

static size_t split_skip_comment(struct str text, size_t at)
{
    size_t depth = 0;

    CHECK(text.data[at] == '/' && text.data[at + 1] == '*');
    while (at + 1 < text.size) {
        if (text.data[at] == '/' && text.data[at + 1] == '*') {
            depth++;
            at += 2;
        } else if (text.data[at] == '*' && text.data[at + 1] == '/') {
            at += 2;
            if (--depth == 0)
                return at;
        } else {
            at++;
        }
    }
    return SIZE_MAX;
}

/* `$tag$ … $tag$`; a `$` that opens nothing ($1) is skipped alone. */
static size_t split_skip_dollar(struct str text, size_t at)
{
    size_t end = at + 1, found;
    struct str tag;

    CHECK(text.data[at] == '$');
    if (end < text.size && text.data[end] >= '0' && text.data[end] <= '9')
        return end;
    while (end < text.size && split_is_word_byte(text.data[end]))
        end++;
    if (end == text.size || text.data[end] != '$')
        return at + 1;
    tag = str_from(text.data + at, end + 1 - at);
    found = str_find(str_from(text.data + end + 1, text.size - end - 1), tag);
    return found == SIZE_MAX ? SIZE_MAX : end + 1 + found + tag.size;
}

static bool split_starts_comment(struct str text, size_t at, char first, char second)
{
    CHECK(text.size == 0 || text.data);
    return at + 1 < text.size && text.data[at] == first && text.data[at + 1] == second;
}

/* One lexical step from `at`; sets *blank when it was no part of a statement. */
static size_t split_step(struct str text, size_t at, bool *blank)
{
    char c = text.data[at];

    CHECK(at < text.size);
    *blank = true;
    if (split_starts_comment(text, at, '-', '-'))
        return split_skip_line_comment(text, at);
    if (split_starts_comment(text, at, '/', '*'))
        return split_skip_comment(text, at);
    if (c == ' ' || (c >= '\t' && c <= '\r'))
        return at + 1;
    *blank = false;
    if (c == '\'' || c == '"')
        return split_skip_quoted(text, at, false);
    if (c == '$')
        return split_skip_dollar(text, at);
    if (!split_is_word_byte(c))
        return at + 1;
    if ((c == 'e' || c == 'E') && at + 1 < text.size && text.data[at + 1] == '\'')
        return split_skip_quoted(text, at + 1, true);
    while (at < text.size && (split_is_word_byte(text.data[at]) || text.data[at] == '$'))
        at++;
    return at;
}

/* One statement, comments before it skipped. */
static enum split split_statement(struct str text, size_t *offset, struct str *statement)
{
    size_t at = *offset, start = SIZE_MAX;

    CHECK(*offset <= text.size);
    while (at < text.size) {
        bool blank;
        size_t next;
        if (text.data[at] == ';') {
            *offset = at + 1;
            if (start != SIZE_MAX) {
                *statement = str_trim(str_from(text.data + start, at - start));
                return SPLIT_UNIT;
            }
            at++;
            continue;
        }
        next = split_step(text, at, &blank);
        if (start == SIZE_MAX && (!blank || next == SIZE_MAX))
            start = at;
        if (next == SIZE_MAX) {
            *statement = str_trim(str_from(text.data + start, text.size - start));
            *offset = text.size;
            return SPLIT_OPEN;
        }
        at = next;
    }
    *offset = text.size;
    if (start == SIZE_MAX)
        return SPLIT_END;
    *statement = str_trim(str_from(text.data + start, text.size - start));
    return SPLIT_REST;
}

struct str split_first_word(struct str text)
{
    size_t at = 0, end;

    while (at < text.size) {
        bool blank;
        size_t next = split_step(text, at, &blank);
        if (!blank || next == SIZE_MAX)
            break;
        at = next;
    }
    for (end = at; end < text.size && split_is_word_byte(text.data[end]);)
        end++;
    CHECK(at <= end);
    return str_from(text.data + at, end - at);
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
