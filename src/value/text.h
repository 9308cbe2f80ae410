/* text.h — text forms of values and types.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef VALUE_TEXT_H
#define VALUE_TEXT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "value/value.h"

/* Strict parse of what docs/sql.md accepts for `type` (ISO 8601 with offset for TIMESTAMP, hex or
 * base64 for BYTES, …); blanks around are skipped except for TEXT, JSON, BYTES. TYPE_MISMATCH or,
 * out of range or invalid JSON, CONSTRAINT_VIOLATION. `out` may borrow from `text` or the arena. */
enum status value_parse(struct str text, const struct data_type *type, struct arena *arena,
                        struct value *out, struct error *err) MUST_CHECK;
/* Appends PostgreSQL's text form (true/false, 2026-01-02 03:04:05.6, \x00ff, shortest round-trip
 * floats); NULL appends nothing. */
void value_format(const struct value *value, struct buf *out);
/* What CAST(x AS TEXT) gives in SQL: the same, but FLOAT, DOUBLE and BYTES as DuckDB writes them
 * (1.0, 1e+16, a\xFF). */
void value_format_cast(const struct value *value, struct buf *out);
/* Shortest decimal text that reads back to the same double (or float), e.g. 0.1, 1e+300. */
size_t value_format_real(double real, bool is_float, char out[32]);

/* A type by its SQL name and modifiers: ("varchar", {20}, 1). Every alias of docs/sql.md, case
 * ignored. INVALID_SQL for refused types (with a hint) and unknown names, NOT_SUPPORTED for
 * reserved ones (EMBEDDING, FILE). SERIAL & co. are the parser's. `name` is the words joined by one
 * blank: "double precision". */
enum status data_type_parse(struct str name, const int64_t *modifiers, size_t modifier_count,
                            struct data_type *out, struct error *err) MUST_CHECK;
/* "DECIMAL(10,2)", "VARCHAR(20)", "BIGINT". */
void data_type_format(const struct data_type *type, struct buf *out);
bool data_type_is_same(const struct data_type *a, const struct data_type *b);

/* What `\c` means in strings of SQL (E'…') and of JSON: \n is a new line …, others are themselves.
 */
char text_simple_escape(char c);

/* True when `text` is one valid JSON value (RFC 8259), depth ≤ 200. */
bool json_is_valid(struct str text);

#endif
