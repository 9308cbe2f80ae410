/* sql_token.h — borders of tokens in SQL text, for clients that cut and search it. The grammar is
 * the server's (sql/syntax/): quotes, comments and names end here where its lexer ends them.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_SQL_TOKEN_H
#define BASE_SQL_TOKEN_H

#include "base/buf.h"

enum sql_token_kind {
    SQL_TOKEN_WORD,   /* a name or keyword without quotes */
    SQL_TOKEN_QUOTED, /* a name in "…" or `…` */
    SQL_TOKEN_TEXT,   /* '…', E'…', $tag$…$tag$ */
    SQL_TOKEN_OTHER,  /* digits, a parameter ($1), or one byte */
    SQL_TOKEN_OPEN,   /* a quote or comment that does not end: all that is left */
    SQL_TOKEN_END     /* only blanks and comments were left */
};

struct sql_token {
    enum sql_token_kind kind;
    struct str text; /* in the SQL text, quotes included */
};

/* The token at or behind *at, which moves behind it; blanks and comments are passed over. */
struct sql_token sql_token_next(struct str sql, size_t *at);
/* The word, in any case; not in quotes. */
bool sql_token_is(const struct sql_token *token, const char *word);
static inline bool sql_token_is_name(const struct sql_token *token)
{
    return token->kind == SQL_TOKEN_WORD || token->kind == SQL_TOKEN_QUOTED;
}
/* Appends the name that a word (in lower case) or a quoted name stands for. */
void sql_token_append_name(const struct sql_token *token, struct buf *out);
/* Appends "name", quotes within doubled. */
void sql_append_quoted(struct buf *out, struct str name);

#endif
