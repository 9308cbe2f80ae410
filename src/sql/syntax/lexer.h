/* lexer.h — SQL text → tokens, one at a time, without memory: a token is a kind and a byte range.
 * What a token means (name, string, number) is decoded on demand. Shared by splitting, normalising
 * and parsing, so that all three agree where a string ends. Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_SYNTAX_LEXER_H
#define SQL_SYNTAX_LEXER_H

#include "base/arena.h"
#include "base/error.h"
#include "sql/syntax/keywords.h"
#include "value/value.h"

enum token_kind {
    TOKEN_END,
    TOKEN_ERROR,   /* open quote or comment, stray `$`; see lexer.problem */
    TOKEN_WORD,    /* unquoted; .keyword says which */
    TOKEN_QUOTED,  /* "x" or `x` */
    TOKEN_STRING,  /* '…' with '' */
    TOKEN_ESCAPED, /* E'…' */
    TOKEN_DOLLAR,  /* $tag$…$tag$ */
    TOKEN_BYTES,   /* X'…' */
    TOKEN_INTEGER, /* digits only */
    TOKEN_DECIMAL, /* with a point */
    TOKEN_REAL,    /* with an exponent */
    TOKEN_PARAM,   /* $1 */
    TOKEN_LEFT_PAREN,
    TOKEN_RIGHT_PAREN,
    TOKEN_COMMA,
    TOKEN_DOT,
    TOKEN_SEMICOLON,
    TOKEN_EQ,
    TOKEN_NE,
    TOKEN_LT,
    TOKEN_LE,
    TOKEN_GT,
    TOKEN_GE,
    TOKEN_PLUS,
    TOKEN_MINUS,
    TOKEN_STAR,
    TOKEN_SLASH,
    TOKEN_PERCENT,
    TOKEN_CONCAT,     /* || */
    TOKEN_CAST,       /* :: */
    TOKEN_ARROW,      /* -> */
    TOKEN_ARROW_TEXT, /* ->> */
    TOKEN_OTHER,      /* any other character, one at a time: ~ ^ [ { : ? … */
};

struct token {
    uint8_t kind;     /* enum token_kind */
    uint16_t keyword; /* enum keyword, TOKEN_WORD only */
    uint32_t start, end;
};

struct lexer {
    struct str text;     /* ≤ LIMIT_SQL_BYTES */
    uint32_t offset;     /* of the next token or the blanks before it */
    const char *problem; /* after TOKEN_ERROR */
};

void lexer_init(struct lexer *lexer, struct str text);
/* TOKEN_END again and again at the end; TOKEN_ERROR ends the text. */
struct token lexer_next(struct lexer *lexer);

static inline struct str token_text(struct str text, const struct token *token)
{
    return (struct str){text.data + token->start, token->end - token->start};
}
static inline bool token_is_name(const struct token *token)
{
    return token->kind == TOKEN_WORD || token->kind == TOKEN_QUOTED;
}
static inline bool token_is_string(const struct token *token)
{
    return token->kind >= TOKEN_STRING && token->kind <= TOKEN_DOLLAR;
}
static inline bool token_is_number(const struct token *token)
{
    return token->kind >= TOKEN_INTEGER && token->kind <= TOKEN_REAL;
}

/* Folded or unquoted name; borrows from the text if nothing changes. */
struct str token_name(struct str text, const struct token *token, struct arena *arena);
/* Content of a string token. INVALID_SQL for a bad escape. */
enum status token_string(struct str text, const struct token *token, struct arena *arena,
                         struct str *out, struct error *err) MUST_CHECK;
/* The literal's value: BIGINT, DECIMAL or DOUBLE; TEXT; BYTES. INVALID_SQL if it does not fit. */
enum status token_value(struct str text, const struct token *token, struct arena *arena,
                        struct value *out, struct error *err) MUST_CHECK;
/* Number of `$n`; UINT32_MAX if it is absurd. */
uint32_t token_param(struct str text, const struct token *token);

#endif
