/* rows_in.h — rows out of a file: CSV (RFC 4180 with a header), JSON arrays of objects one behind
 * the other (so kalam --json writes several statements), JSON lines.
 *
 * One row at a time; memory is that of the longest row. Every value is text as a literal of SQL
 * takes it: numbers and true, false as written, nested JSON as its text.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLI_ROWS_IN_H
#define CLI_ROWS_IN_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum file_kind { FILE_CSV, FILE_JSON, FILE_JSONL, FILE_PARQUET, FILE_KIND_COUNT };
const char *file_kind_name(enum file_kind kind);
bool file_kind_from_name(const char *name, enum file_kind *out);
/* By the end of the name; false when it says nothing. */
bool file_kind_of_path(const char *path, enum file_kind *out);

struct rows_in;
/* "-" is standard input. NULL with `problem` when it cannot be read or has no header. */
struct rows_in *rows_in_open(const char *path, enum file_kind kind, struct buf *problem);
void rows_in_close(struct rows_in *rows); /* NULL is fine */

enum rows_step { ROWS_ROW, ROWS_END, ROWS_BAD };
/* ROWS_BAD: `problem` names the line. */
enum rows_step rows_in_next(struct rows_in *rows, struct buf *problem);
/* Names of the columns: the header, or the keys of the first object. Known behind the first row. */
size_t rows_in_columns(const struct rows_in *rows);
struct str rows_in_name(const struct rows_in *rows, size_t column);
/* Value of the row just read; false = NULL. Borrowed until the next row. */
bool rows_in_value(const struct rows_in *rows, size_t column, struct str *out);
uint64_t rows_in_line(const struct rows_in *rows); /* where the row began, from 1 */
/* Bytes read and the size of the file; 0 when unknown (a pipe). */
uint64_t rows_in_position(const struct rows_in *rows, uint64_t *size);

#endif
