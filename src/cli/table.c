/* table.c — a grid as a box that fits the terminal, as records, and as Markdown.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/mem.h"
#include "cli/output.h"
#include "cli/width.h"

enum { COLUMN_MIN = 4 };

/* Of cells that are not clean yet, with `screen`. */
static bool table_write(FILE *out, struct buf *text, bool screen)
{
    bool ok = output_write(out, buf_str(text), FORMAT_TABLE, screen);

    CHECK(text);
    buf_reset(text);
    return ok;
}

/* Text of a cell as it may be shown. */
static struct str table_clean(struct buf *scratch, const char *cell)
{
    CHECK(scratch != NULL);
    buf_reset(scratch);
    width_append_clean(scratch, str_from_c(cell ? cell : "NULL"));
    return buf_str(scratch);
}

static size_t table_total(const size_t *widths, size_t count)
{
    size_t total = 1;

    CHECK(widths || count == 0);
    for (size_t c = 0; c < count; c++)
        total += widths[c] + 3;
    return total;
}

/* Takes cells from the widest columns until the table fits or all are at their least. */
static void table_fit(size_t *widths, size_t count, size_t width_max)
{
    CHECK(widths && count > 0);
    for (size_t c = 0; c < count; c++)
        widths[c] = widths[c] > width_max ? width_max : widths[c];
    while (table_total(widths, count) > width_max) {
        size_t widest = 0;
        for (size_t c = 1; c < count; c++)
            widest = widths[c] > widths[widest] ? c : widest;
        if (widths[widest] <= COLUMN_MIN)
            return;
        widths[widest]--;
    }
}

/* Natural widths of the columns. */
static size_t *table_measure(const struct grid *grid)
{
    size_t *widths = mem_calloc(grid->column_count + 1, sizeof *widths);
    struct buf scratch;

    CHECK(grid);
    buf_init(&scratch);
    for (size_t c = 0; c < grid->column_count; c++) {
        widths[c] = width_of(table_clean(&scratch, grid->names[c]));
        for (size_t r = 0; r < grid->row_count; r++) {
            const char *cell = grid->cells[r * grid->column_count + c];
            size_t width = width_of(table_clean(&scratch, cell));
            widths[c] = width > widths[c] ? width : widths[c];
        }
        widths[c] = widths[c] > 0 ? widths[c] : 1;
    }
    buf_clear(&scratch);
    return widths;
}

static void table_rule(struct buf *text, const size_t *widths, size_t count)
{
    CHECK(text);
    for (size_t c = 0; c < count; c++) {
        buf_append_byte(text, '+');
        for (size_t i = 0; i < widths[c] + 2; i++)
            buf_append_byte(text, '-');
    }
    buf_append_str(text, STR_LIT("+\n"));
}

static void table_row(struct buf *text, struct buf *scratch, const struct grid *grid,
                      const char *const *cells, const size_t *widths, const char *accent)
{
    CHECK(text);
    for (size_t c = 0; c < grid->column_count; c++) {
        struct str cell = table_clean(scratch, cells[c]);
        const char *color = !cells[c] && *accent ? "\033[2m" : accent;
        buf_append_str(text, STR_LIT("| "));
        buf_append_str(text, str_from_c(color));
        width_append(text, cell, widths[c], grid->right[c]);
        buf_append_str(text, str_from_c(*color ? "\033[0m" : ""));
        buf_append_byte(text, ' ');
    }
    buf_append_str(text, STR_LIT("|\n"));
}

/* Values are plain except NULL; with colours the accent of a value is a reset, which shows nothing.
 */
static bool table_print_rows(FILE *out, const struct grid *grid, const struct output_style *style,
                             const size_t *widths)
{
    struct buf text, scratch;
    bool ok = true;

    CHECK(grid);
    buf_init(&text);
    buf_init(&scratch);
    table_rule(&text, widths, grid->column_count);
    table_row(&text, &scratch, grid, grid->names, widths, style->color ? "\033[1m" : "");
    table_rule(&text, widths, grid->column_count);
    for (size_t r = 0; r < grid->row_count && ok; r++) {
        if (style->page_rows > 0 && r > 0 && r % style->page_rows == 0) {
            ok = table_write(out, &text, false) && fflush(out) == 0;
            if (ok && !style->more())
                break;
        }
        table_row(&text, &scratch, grid, grid->cells + r * grid->column_count, widths,
                  style->color ? "\033[0m" : "");
        if (text.size > 65536)
            ok = table_write(out, &text, false);
    }
    table_rule(&text, widths, grid->column_count);
    ok = ok && table_write(out, &text, false);
    buf_clear(&text);
    buf_clear(&scratch);
    return ok;
}

bool table_print(FILE *out, const struct grid *grid, const struct output_style *style)
{
    size_t *widths = table_measure(grid);
    bool ok;

    CHECK(grid->column_count > 0);
    if (style->width_max > 0 && style->expanded == CHOICE_AUTO &&
        table_total(widths, grid->column_count) > style->width_max) {
        ok = table_print_expanded(out, grid, style);
    } else {
        if (style->width_max > 0)
            table_fit(widths, grid->column_count, style->width_max);
        ok = table_print_rows(out, grid, style, widths);
    }
    mem_free(widths);
    return ok;
}

bool table_print_expanded(FILE *out, const struct grid *grid, const struct output_style *style)
{
    struct buf text, scratch;
    size_t width = 1;
    bool ok = true;

    CHECK(style);
    buf_init(&text);
    buf_init(&scratch);
    for (size_t c = 0; c < grid->column_count; c++) {
        size_t own = width_of(table_clean(&scratch, grid->names[c]));
        width = own > width ? own : width;
    }
    for (size_t r = 0; r < grid->row_count && ok; r++) {
        if (style->page_rows > 0 && r > 0 && r % style->page_rows == 0 && !style->more())
            break;
        buf_printf(&text, "-[ RECORD %zu ]-\n", r + 1);
        for (size_t c = 0; c < grid->column_count; c++) {
            width_append(&text, table_clean(&scratch, grid->names[c]), width, false);
            buf_append_str(&text, STR_LIT(" | "));
            buf_append_str(&text, table_clean(&scratch, grid->cells[r * grid->column_count + c]));
            buf_append_byte(&text, '\n');
        }
        ok = table_write(out, &text, false);
    }
    buf_clear(&text);
    buf_clear(&scratch);
    return ok;
}

static void table_html_cell(struct buf *text, const char *tag, const char *cell, bool right)
{
    CHECK(text && tag);
    buf_printf(text, "<%s%s>", tag, right ? " align=\"right\"" : "");
    if (!cell)
        buf_append_str(text, STR_LIT("<i>NULL</i>"));
    for (const char *at = cell ? cell : ""; *at; at++) {
        if (*at == '<')
            buf_append_str(text, STR_LIT("&lt;"));
        else if (*at == '>')
            buf_append_str(text, STR_LIT("&gt;"));
        else if (*at == '&')
            buf_append_str(text, STR_LIT("&amp;"));
        else if (*at == '"')
            buf_append_str(text, STR_LIT("&quot;"));
        else if (*at == '\n')
            buf_append_str(text, STR_LIT("<br>"));
        else
            buf_append_byte(text, (unsigned char)*at >= ' ' ? (uint8_t)*at : ' ');
    }
    buf_printf(text, "</%s>", tag);
}

bool table_print_html(FILE *out, const struct grid *grid, const struct output_style *style)
{
    struct buf text;
    bool ok = true;

    CHECK(grid->column_count > 0);
    buf_init(&text);
    buf_append_str(&text, STR_LIT("<table>\n<tr>"));
    for (size_t c = 0; c < grid->column_count; c++)
        table_html_cell(&text, "th", grid->names[c], false);
    buf_append_str(&text, STR_LIT("</tr>\n"));
    for (size_t r = 0; r < grid->row_count && ok; r++) {
        buf_append_str(&text, STR_LIT("<tr>"));
        for (size_t c = 0; c < grid->column_count; c++)
            table_html_cell(&text, "td", grid->cells[r * grid->column_count + c], grid->right[c]);
        buf_append_str(&text, STR_LIT("</tr>\n"));
        if (text.size > 65536)
            ok = table_write(out, &text, style->screen);
    }
    buf_append_str(&text, STR_LIT("</table>\n"));
    ok = ok && table_write(out, &text, style->screen);
    buf_clear(&text);
    return ok;
}

static void table_markdown_cell(struct buf *text, const char *cell)
{
    CHECK(text != NULL);
    buf_append_byte(text, ' ');
    for (const char *at = cell ? cell : "NULL"; *at; at++) {
        if (*at == '\n')
            buf_append_str(text, STR_LIT("<br>"));
        else if (*at == '|' || *at == '\\')
            buf_printf(text, "\\%c", *at);
        else if ((unsigned char)*at >= ' ')
            buf_append_byte(text, (uint8_t)*at);
        else
            buf_append_byte(text, ' ');
    }
    buf_append_str(text, STR_LIT(" |"));
}

bool table_print_markdown(FILE *out, const struct grid *grid, const struct output_style *style)
{
    struct buf text;
    bool ok;

    CHECK(grid->column_count > 0);
    buf_init(&text);
    buf_append_byte(&text, '|');
    for (size_t c = 0; c < grid->column_count; c++)
        table_markdown_cell(&text, grid->names[c]);
    buf_append_str(&text, STR_LIT("\n|"));
    for (size_t c = 0; c < grid->column_count; c++)
        buf_append_str(&text, grid->right[c] ? STR_LIT(" ---: |") : STR_LIT(" --- |"));
    buf_append_byte(&text, '\n');
    ok = table_write(out, &text, style->screen);
    for (size_t r = 0; r < grid->row_count && ok; r++) {
        buf_append_byte(&text, '|');
        for (size_t c = 0; c < grid->column_count; c++)
            table_markdown_cell(&text, grid->cells[r * grid->column_count + c]);
        buf_append_byte(&text, '\n');
        ok = table_write(out, &text, style->screen);
    }
    buf_clear(&text);
    return ok;
}
