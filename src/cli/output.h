/* output.h — results on paper: boxes, records, JSON, CSV, Markdown.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "cli/options.h"
#include "kalam/kalam.h"

#include <stdio.h>

/* What a table is made of; texts are borrowed. */
struct grid {
    size_t column_count, row_count;
    const char **names;
    const bool *right;  /* align to the right: numbers */
    const char **cells; /* row by row; NULL = SQL NULL */
};

struct output_style {
    enum format format;
    enum choice expanded;
    size_t width_max;   /* 0 = as wide as it gets */
    size_t page_rows;   /* 0 = no paging */
    bool color, screen; /* screen: the rows end on a terminal, be it through a pager */
    bool (*more)(void); /* asked between pages; false = enough */
};

/* Values of this type are aligned to the right. */
bool output_type_is_number(const char *type);
/* Rows of statement `s`, with `(n rows)` behind a table. False when writing failed. */
bool output_rows(FILE *out, const kalam_results *results, size_t s,
                 const struct output_style *style);
/* Appends the rows as RFC 4180 CSV; `header` with the names before them. */
void output_csv(struct buf *out, const kalam_results *results, size_t s, bool header);
/* Appends one row as a JSON object that can be imported again: numbers of at most 32 bits, DOUBLE
 * and BOOLEAN plain, everything else as text for people. */
void output_json_row(struct buf *out, const kalam_results *results, size_t s, size_t row);
/* The format's answers can be written while they arrive, whatever their size. */
bool output_can_stream(enum format format);
struct output_stream {
    FILE *out;
    enum format format;
    bool screen, begun;
};
/* For kalam_query_each; false when writing failed. */
bool output_stream_batch(struct output_stream *stream, const kalam_results *batch, bool last);
/* Writes text in that format as it is; for a screen control characters are shown as escapes
 * (width.h), so that what others have stored cannot steer it. False when writing failed. */
bool output_write(FILE *out, struct str text, enum format format, bool screen);
/* A message that holds text of others: escapes as above if `out` is a terminal. */
void output_say(FILE *out, const char *format, ...) PRINTF_LIKE(2, 3);
/* "1 row inserted." of "Inserted 1 row(s)"; other messages as they are. */
void output_message(struct buf *out, const char *message);

/* ---- table.c ---- */

bool table_print(FILE *out, const struct grid *grid, const struct output_style *style);
bool table_print_expanded(FILE *out, const struct grid *grid, const struct output_style *style);
bool table_print_markdown(FILE *out, const struct grid *grid, const struct output_style *style);
bool table_print_html(FILE *out, const struct grid *grid, const struct output_style *style);

#endif
