/* parser.h — SQL text → statements. Hand-written lexer, recursive descent, Pratt for expressions;
 * 1–3 µs for a point statement. Depth ≤ LIMIT_EXPRESSION_DEPTH (long chains of one operator are
 * loops, not recursion). Any thread; trees lie in the arena and borrow from the text.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_PARSER_H
#define SQL_PARSER_H

#include "base/arena.h"
#include "base/error.h"
#include "sql/ast.h"

/* Makes the position of an error in a SUBSCRIBE's SELECT one in the SUBSCRIBE. */
void ast_subscribe_shift(const struct ast_statement *statement, struct error *err);
/* INVALID_SQL above LIMIT_SQL_BYTES or for invalid UTF-8 or a NUL byte. */
enum status sql_check_text(struct str text, struct error *err) MUST_CHECK;
/* Splits at top-level `;`, respecting quotes, dollar quotes and nested comments. Empty statements
 * are skipped. BATCH_PARSE_ERROR for an open quote or comment, EMPTY_SQL if nothing is left,
 * and what sql_check_text finds. */
enum status sql_split(struct str text, struct arena *arena, struct str **statements, size_t *count,
                      struct error *err) MUST_CHECK;
/* One statement. Syntax errors: INVALID_SQL `syntax error at or near "x"` with position; reserved
 * and refused statements of docs/sql.md: NOT_SUPPORTED. */
enum status sql_parse(struct str text, struct arena *arena, struct ast_statement **out,
                      struct error *err) MUST_CHECK;

/* The plan cache's key: words folded to lower case, one blank between tokens, comments dropped,
 * literals replaced by parameters numbered behind the given ones, and at the end a comment with one
 * letter per lifted literal: t TEXT, i BIGINT, n DECIMAL, d DOUBLE (`id = 5` and `id = '5'` are
 * different plans). The text may be parsed itself; types of the given parameters are not part of
 * it, the caller adds them to its key. `literals` are the lifted values in order, borrowed from
 * `text` or in the arena.
 *
 * False when the statement is not cached: another kind than SELECT, INSERT … VALUES, UPDATE,
 * DELETE; highest $n other than param_count (a mismatch to report); more than
 * NORMALIZE_LITERALS_MAX literals outside INSERT; anything where lifting might change the meaning.
 */
enum { NORMALIZE_LITERALS_MAX = 64 };
bool sql_normalize(struct str text, uint32_t param_count, struct arena *arena,
                   struct str *normalized, struct value **literals, size_t *literal_count);

/* 1-based line and column (in characters) of a byte offset. */
void sql_line_column(struct str text, size_t offset, size_t *line, size_t *column);

#endif
