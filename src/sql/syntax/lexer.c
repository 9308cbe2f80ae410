/* lexer.c — finds token borders.
 *
 * One table gives each byte its class; a word's keyword hash is computed while its end is searched.
 * Bytes from 0x80 up count as letters, as in PostgreSQL; who creates a name checks it (parse.c).
 * A number directly followed by a letter is two tokens; the parser refuses the pair but where a
 * unit is allowed (`300s`). Literals are decoded in lexer_literal.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/syntax/lexer.h"

#include "base/check.h"
#include "base/limits.h"

enum {
    BYTE_BLANK = 1,
    BYTE_LETTER = 2, /* may start a word */
    BYTE_DIGIT = 4,
    BYTE_WORD = 8, /* may go on in a word */
};

static const uint8_t byte_class[256] = {
    [' '] = BYTE_BLANK,
    ['\t'] = BYTE_BLANK,
    ['\n'] = BYTE_BLANK,
    ['\r'] = BYTE_BLANK,
    ['\f'] = BYTE_BLANK,
    ['\v'] = BYTE_BLANK,
    ['0' ... '9'] = BYTE_DIGIT | BYTE_WORD,
    ['a' ... 'z'] = BYTE_LETTER | BYTE_WORD,
    ['A' ... 'Z'] = BYTE_LETTER | BYTE_WORD,
    ['_'] = BYTE_LETTER | BYTE_WORD,
    ['$'] = BYTE_WORD,
    [0x80 ... 0xff] = BYTE_LETTER | BYTE_WORD,
};

void lexer_init(struct lexer *lexer, struct str text)
{
    CHECK(text.size <= UINT32_MAX / 2);
    keywords_init();
    *lexer = (struct lexer){.text = text};
}

/* Byte `ahead` of the next one, NUL behind the end. */
static unsigned char lexer_peek(const struct lexer *lexer, uint32_t ahead)
{
    size_t at = (size_t)lexer->offset + ahead;

    CHECK_SLOW(ahead <= 8);
    return at < lexer->text.size ? (unsigned char)lexer->text.data[at] : '\0';
}

static bool lexer_peek_is(const struct lexer *lexer, uint32_t ahead, uint8_t class)
{
    CHECK_SLOW(class != 0);
    return (byte_class[lexer_peek(lexer, ahead)] & class) != 0;
}

static struct token lexer_problem(struct lexer *lexer, uint32_t start, const char *problem)
{
    CHECK(problem != NULL && start <= lexer->text.size);
    lexer->problem = problem;
    lexer->offset = (uint32_t)lexer->text.size;
    return (struct token){.kind = TOKEN_ERROR, .start = start, .end = lexer->offset};
}

static struct token lexer_token(const struct lexer *lexer, enum token_kind kind, uint32_t start)
{
    CHECK_SLOW(start <= lexer->offset);
    return (struct token){.kind = (uint8_t)kind, .start = start, .end = lexer->offset};
}

/* Behind the comment whose opening the offset stands at; false if it is open. Comments nest. */
static bool lexer_skip_comment(struct lexer *lexer)
{
    size_t depth = 0;

    CHECK(lexer_peek(lexer, 0) == '/');
    while (lexer->offset < lexer->text.size) {
        unsigned char first = lexer_peek(lexer, 0), second = lexer_peek(lexer, 1);

        if (first == '/' && second == '*') {
            depth++;
            lexer->offset += 2;
        } else if (first == '*' && second == '/') {
            lexer->offset += 2;
            if (--depth == 0)
                return true;
        } else {
            lexer->offset++;
        }
    }
    return false;
}

/* Blanks and comments; false with the offset at a comment that does not end, and the problem. */
static bool lexer_skip_blanks(struct lexer *lexer)
{
    CHECK_SLOW(lexer->offset <= lexer->text.size);
    for (;;) {
        if (lexer_peek_is(lexer, 0, BYTE_BLANK)) {
            lexer->offset++;
        } else if (lexer_peek(lexer, 0) == '-' && lexer_peek(lexer, 1) == '-') {
            const char *rest = lexer->text.data + lexer->offset;
            const char *end = memchr(rest, '\n', lexer->text.size - lexer->offset);

            size_t size = end != NULL ? (size_t)(end - rest) : lexer->text.size - lexer->offset;
            const char *carriage = memchr(rest, '\r', size);
            if (carriage != NULL && (end == NULL || carriage + 1 < end)) {
                lexer->problem = "a comment behind -- ends with a line feed, not with a carriage "
                                 "return alone";
                return false;
            }
            lexer->offset += (uint32_t)size;
        } else if (lexer_peek(lexer, 0) == '/' && lexer_peek(lexer, 1) == '*') {
            uint32_t start = lexer->offset;

            if (!lexer_skip_comment(lexer)) {
                lexer->problem = "unterminated comment";
                lexer->offset = start;
                return false;
            }
        } else {
            return true;
        }
    }
}

/* Moves to the next quote, or backslash if `backslash`; false if there is none. */
static bool lexer_find_quote(struct lexer *lexer, char quote, bool backslash)
{
    const char *text = lexer->text.data;
    size_t size = lexer->text.size;

    if (lexer->offset >= size) /* an escape was cut off */
        return false;
    const char *rest = text + lexer->offset;
    const char *found = memchr(rest, quote, size - lexer->offset);
    if (backslash) {
        size_t until = found != NULL ? (size_t)(found - rest) : size - lexer->offset;
        const char *escape = memchr(rest, '\\', until);
        found = escape != NULL ? escape : found;
    }
    if (found == NULL)
        return false;
    CHECK(*found == quote || *found == '\\');
    lexer->offset = (uint32_t)(found - text);
    return true;
}

/* From the opening quote at the offset; the quote doubled stands for itself, as does what follows a
 * backslash if `backslash`. */
static struct token lexer_quoted(struct lexer *lexer, enum token_kind kind, uint32_t start,
                                 bool backslash)
{
    unsigned char quote = lexer_peek(lexer, 0);

    CHECK(quote == '\'' || quote == '"' || quote == '`');
    lexer->offset++;
    while (lexer_find_quote(lexer, (char)quote, backslash)) {
        bool escapes = lexer_peek(lexer, 0) == '\\';

        if (!escapes && lexer_peek(lexer, 1) != quote) {
            lexer->offset++;
            return lexer_token(lexer, kind, start);
        }
        lexer->offset += 2;
    }
    return lexer_problem(lexer, start,
                         kind == TOKEN_QUOTED ? "unterminated quoted identifier"
                                              : "unterminated quoted string");
}

static struct token lexer_word(struct lexer *lexer)
{
    uint32_t start = lexer->offset, hash = KEYWORD_HASH_START;
    unsigned char first = lexer_peek(lexer, 0);

    CHECK_SLOW(lexer_peek_is(lexer, 0, BYTE_LETTER));
    if (lexer_peek(lexer, 1) == '\'') {
        if (first == 'e' || first == 'E') {
            lexer->offset++;
            return lexer_quoted(lexer, TOKEN_ESCAPED, start, true);
        }
        if (first == 'x' || first == 'X') {
            lexer->offset++;
            return lexer_quoted(lexer, TOKEN_BYTES, start, false);
        }
    }
    const char *text = lexer->text.data;
    size_t at = start, size = lexer->text.size;
    for (; at < size && (byte_class[(unsigned char)text[at]] & BYTE_WORD); at++)
        hash = keyword_hash_step(hash, (unsigned char)text[at]);
    lexer->offset = (uint32_t)at;
    struct token token = lexer_token(lexer, TOKEN_WORD, start);
    token.keyword = (uint16_t)keyword_find(token_text(lexer->text, &token), hash);
    return token;
}

static struct token lexer_number(struct lexer *lexer)
{
    uint32_t start = lexer->offset;
    enum token_kind kind = TOKEN_INTEGER;

    CHECK_SLOW(lexer_peek_is(lexer, 0, BYTE_DIGIT) || lexer_peek(lexer, 0) == '.');
    while (lexer_peek_is(lexer, 0, BYTE_DIGIT))
        lexer->offset++;
    if (lexer_peek(lexer, 0) == '.' && lexer_peek(lexer, 1) != '.') {
        kind = TOKEN_DECIMAL;
        lexer->offset++;
        while (lexer_peek_is(lexer, 0, BYTE_DIGIT))
            lexer->offset++;
    }
    if (lexer_peek(lexer, 0) == 'e' || lexer_peek(lexer, 0) == 'E') {
        uint32_t sign = lexer_peek(lexer, 1) == '-' || lexer_peek(lexer, 1) == '+' ? 1 : 0;

        if (lexer_peek_is(lexer, 1 + sign, BYTE_DIGIT)) {
            kind = TOKEN_REAL;
            lexer->offset += 1 + sign;
            while (lexer_peek_is(lexer, 0, BYTE_DIGIT))
                lexer->offset++;
        }
    }
    return lexer_token(lexer, kind, start);
}

/* $1, or $tag$ … $tag$. */
static struct token lexer_dollar(struct lexer *lexer)
{
    uint32_t start = lexer->offset;

    CHECK(lexer_peek(lexer, 0) == '$');
    lexer->offset++;
    if (lexer_peek_is(lexer, 0, BYTE_DIGIT)) {
        while (lexer_peek_is(lexer, 0, BYTE_DIGIT))
            lexer->offset++;
        return lexer_token(lexer, TOKEN_PARAM, start);
    }
    while (lexer_peek_is(lexer, 0, BYTE_WORD) && lexer_peek(lexer, 0) != '$')
        lexer->offset++;
    if (lexer_peek(lexer, 0) != '$')
        return lexer_problem(lexer, start, "stray $");
    lexer->offset++;
    struct str tag = {lexer->text.data + start, lexer->offset - start};
    struct str rest = {lexer->text.data + lexer->offset, lexer->text.size - lexer->offset};
    const char *end = rest.size == 0 ? NULL : memmem(rest.data, rest.size, tag.data, tag.size);
    if (end == NULL)
        return lexer_problem(lexer, start, "unterminated dollar-quoted string");
    lexer->offset += (uint32_t)(end - rest.data) + (uint32_t)tag.size;
    return lexer_token(lexer, TOKEN_DOLLAR, start);
}

/* Length and kind of the operator at the offset. */
static enum token_kind lexer_operator(const struct lexer *lexer, uint32_t *size)
{
    unsigned char next = lexer_peek(lexer, 1);

    CHECK_SLOW(lexer_peek(lexer, 0) != 0 || lexer->text.size > 0);
    *size = 2;
    switch (lexer_peek(lexer, 0)) {
    case '<':
        if (next == '=')
            return TOKEN_LE;
        if (next == '>')
            return TOKEN_NE;
        *size = 1;
        return TOKEN_LT;
    case '>':
        *size = next == '=' ? 2 : 1;
        return next == '=' ? TOKEN_GE : TOKEN_GT;
    case '!':
        *size = next == '=' ? 2 : 1;
        return next == '=' ? TOKEN_NE : TOKEN_OTHER;
    case '|':
        *size = next == '|' ? 2 : 1;
        return next == '|' ? TOKEN_CONCAT : TOKEN_OTHER;
    case ':':
        *size = next == ':' ? 2 : 1;
        return next == ':' ? TOKEN_CAST : TOKEN_OTHER;
    case '-':
        *size = next != '>' ? 1 : lexer_peek(lexer, 2) == '>' ? 3 : 2;
        return next != '>' ? TOKEN_MINUS : *size == 3 ? TOKEN_ARROW_TEXT : TOKEN_ARROW;
    default:
        *size = 1;
        return TOKEN_OTHER;
    }
}

static const uint8_t lexer_single[128] = {
    ['('] = TOKEN_LEFT_PAREN, [')'] = TOKEN_RIGHT_PAREN, [','] = TOKEN_COMMA, ['.'] = TOKEN_DOT,
    [';'] = TOKEN_SEMICOLON,  ['='] = TOKEN_EQ,          ['+'] = TOKEN_PLUS,  ['*'] = TOKEN_STAR,
    ['/'] = TOKEN_SLASH,      ['%'] = TOKEN_PERCENT,
};

struct token lexer_next(struct lexer *lexer)
{
    uint32_t size;

    CHECK_SLOW(lexer->offset <= lexer->text.size);
    if (!lexer_skip_blanks(lexer))
        return lexer_problem(lexer, lexer->offset, lexer->problem);
    uint32_t start = lexer->offset;
    if (start >= lexer->text.size)
        return lexer_token(lexer, TOKEN_END, start);

    unsigned char byte = lexer_peek(lexer, 0);
    if (byte_class[byte] & BYTE_LETTER)
        return lexer_word(lexer);
    if ((byte_class[byte] & BYTE_DIGIT) || (byte == '.' && lexer_peek_is(lexer, 1, BYTE_DIGIT)))
        return lexer_number(lexer);
    if (byte == '\'')
        return lexer_quoted(lexer, TOKEN_STRING, start, false);
    if (byte == '"' || byte == '`')
        return lexer_quoted(lexer, TOKEN_QUOTED, start, false);
    if (byte == '$')
        return lexer_dollar(lexer);
    if (lexer_single[byte] != 0) { /* bytes from 0x80 up are letters */
        lexer->offset++;
        return lexer_token(lexer, (enum token_kind)lexer_single[byte], start);
    }
    enum token_kind kind = lexer_operator(lexer, &size);
    lexer->offset += size;
    return lexer_token(lexer, kind, start);
}
