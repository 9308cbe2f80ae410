/* output.c — see output.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli/output.h"

#include "base/check.h"
#include "base/mem.h"
#include "cli/width.h"

#include <stdarg.h>
#include <unistd.h>

bool output_type_is_number(const char *type)
{
    static const char *const numbers[] = {"SmallInt", "Int",    "BigInt",
                                          "Float",    "Double", "Decimal"};

    CHECK(type);
    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
        if (strcmp(type, numbers[i]) == 0)
            return true;
    }
    return false;
}

static bool output_grid(FILE *out, const kalam_results *results, size_t s,
                        const struct output_style *style)
{
    size_t columns = kalam_column_count(results, s), rows = kalam_row_count(results, s);
    const char **names = mem_calloc(columns + 1, sizeof *names);
    const char **cells = mem_calloc(columns * rows + 1, sizeof *cells);
    bool *right = mem_calloc(columns + 1, sizeof *right), ok;

    CHECK(results);
    for (size_t c = 0; c < columns; c++) {
        names[c] = kalam_column_name(results, s, c);
        right[c] = output_type_is_number(kalam_column_type(results, s, c));
        for (size_t r = 0; r < rows; r++)
            cells[r * columns + c] = kalam_text(results, s, r, c);
    }
    struct grid grid = {
        .column_count = columns, .row_count = rows, .names = names, .right = right, .cells = cells};
    if (style->format == FORMAT_MARKDOWN)
        ok = table_print_markdown(out, &grid, style);
    else if (style->format == FORMAT_HTML)
        ok = table_print_html(out, &grid, style);
    else if (style->format == FORMAT_EXPANDED || style->expanded == CHOICE_ON)
        ok = table_print_expanded(out, &grid, style);
    else
        ok = table_print(out, &grid, style);
    mem_free(names);
    mem_free(cells);
    mem_free(right);
    return ok;
}

/* ---- CSV and JSON, also in pieces ---- */

void output_csv(struct buf *out, const kalam_results *results, size_t s, bool header)
{
    size_t columns = kalam_column_count(results, s), rows = kalam_row_count(results, s);

    CHECK(out != NULL);
    for (size_t r = header ? 0 : 1; r <= rows; r++) {
        for (size_t c = 0; c < columns; c++) {
            if (c > 0)
                buf_append_byte(out, ',');
            buf_append_csv(out, r == 0 ? kalam_column_name(results, s, c)
                                       : kalam_text(results, s, r - 1, c));
        }
        buf_append_str(out, STR_LIT("\r\n"));
    }
}

static void output_json_text(struct buf *out, const char *text)
{
    CHECK(text != NULL);
    buf_append_byte(out, '"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c < ' ')
            buf_printf(out, "\\u%04x", c);
        else
            buf_append_byte(out, c);
    }
    buf_append_byte(out, '"');
}

/* Its text is a JSON value. */
static bool output_type_is_plain(const char *type)
{
    static const char *const plain[] = {"Boolean", "SmallInt", "Int", "Float", "Double"};

    CHECK(type);
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++) {
        if (strcmp(type, plain[i]) == 0)
            return true;
    }
    return false;
}

void output_json_row(struct buf *out, const kalam_results *results, size_t s, size_t row)
{
    CHECK(out != NULL);
    buf_append_byte(out, '{');
    for (size_t c = 0; c < kalam_column_count(results, s); c++) {
        const char *text = kalam_text(results, s, row, c);
        if (c > 0)
            buf_append_byte(out, ',');
        output_json_text(out, kalam_column_name(results, s, c));
        buf_append_byte(out, ':');
        if (!text)
            buf_append_str(out, STR_LIT("null"));
        else if (output_type_is_plain(kalam_column_type(results, s, c)))
            buf_append_str(out, str_from_c(text));
        else
            output_json_text(out, text);
    }
    buf_append_byte(out, '}');
}

bool output_can_stream(enum format format)
{
    return format == FORMAT_JSON || format == FORMAT_JSONL || format == FORMAT_CSV;
}

/* The rows as the server sends them: an array without its brackets, or one object per line. */
static void output_json_batch(struct buf *out, const struct output_stream *stream,
                              const kalam_results *batch)
{
    char *text = kalam_to_json(batch, 0);
    size_t size = text ? strlen(text) : 0;

    CHECK(stream->format != FORMAT_CSV);
    if (size > 2 && stream->format == FORMAT_JSON) {
        buf_append_str(out, stream->begun ? STR_LIT(",") : STR_LIT(""));
        buf_append(out, text + 1, size - 2);
    }
    kalam_text_free(text);
}

static void output_jsonl_row(struct buf *out, const kalam_results *batch, size_t row)
{
    CHECK(out != NULL);
    for (size_t c = 0; c < kalam_column_count(batch, 0); c++) {
        char *value = kalam_value_json(batch, 0, row, c);
        buf_append_byte(out, c > 0 ? ',' : '{');
        output_json_text(out, kalam_column_name(batch, 0, c));
        buf_append_byte(out, ':');
        buf_append_str(out, str_from_c(value ? value : "null"));
        kalam_text_free(value);
    }
    buf_append_str(out, STR_LIT("}\n"));
}

bool output_stream_batch(struct output_stream *stream, const kalam_results *batch, bool last)
{
    struct buf text;
    bool ok;

    CHECK(stream && stream->out);
    buf_init(&text);
    if (stream->format == FORMAT_CSV) {
        output_csv(&text, batch, 0, !stream->begun);
    } else if (stream->format == FORMAT_JSONL) {
        for (size_t row = 0; row < kalam_row_count(batch, 0); row++)
            output_jsonl_row(&text, batch, row);
    } else {
        if (!stream->begun)
            buf_append_byte(&text, '[');
        output_json_batch(&text, stream, batch);
        if (last)
            buf_append_str(&text, STR_LIT("]\n"));
    }
    stream->begun = !last;
    ok = output_write(stream->out, buf_str(&text), stream->format, stream->screen);
    buf_clear(&text);
    return ok;
}

bool output_rows(FILE *out, const kalam_results *results, size_t s,
                 const struct output_style *style)
{
    size_t rows = kalam_row_count(results, s);

    CHECK(out && style);
    switch (style->format) {
    case FORMAT_JSON:
    case FORMAT_JSONL:
    case FORMAT_CSV:
        UNREACHABLE("written by output_stream_batch");
    case FORMAT_MARKDOWN:
    case FORMAT_HTML:
        return output_grid(out, results, s, style);
    case FORMAT_TABLE:
    case FORMAT_EXPANDED:
    case FORMAT_COUNT:
        break;
    }
    return output_grid(out, results, s, style) &&
           fprintf(out, "(%zu row%s)\n", rows, rows == 1 ? "" : "s") > 0;
}

bool output_write(FILE *out, struct str text, enum format format, bool screen)
{
    struct buf shown;
    bool ok;

    CHECK(out != NULL);
    buf_init(&shown);
    if (screen) {
        width_append_lines(&shown, text, format == FORMAT_JSON || format == FORMAT_JSONL);
        text = buf_str(&shown);
    }
    ok = text.size == 0 || fwrite(text.data, 1, text.size, out) == text.size;
    buf_clear(&shown);
    return ok;
}

void output_say(FILE *out, const char *format, ...)
{
    struct buf text;
    va_list args;

    CHECK(out && format);
    buf_init(&text);
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    (void)output_write(out, buf_str(&text), FORMAT_TABLE, isatty(fileno(out)) != 0);
    buf_clear(&text);
}

void output_message(struct buf *out, const char *message)
{
    static const struct {
        const char *from, *to;
    } verbs[] = {{"Inserted ", "inserted"}, {"Updated ", "updated"}, {"Deleted ", "deleted"}};
    struct str text = str_from_c(message), tail = STR_LIT(" row(s)");
    uint64_t count;

    CHECK(message);
    for (size_t i = 0; i < ARRAY_COUNT(verbs); i++) {
        struct str from = str_from_c(verbs[i].from);
        if (!str_starts_with(text, from) || !str_ends_with(text, tail) ||
            text.size <= from.size + tail.size)
            continue;
        struct str digits = str_from(text.data + from.size, text.size - from.size - tail.size);
        if (!str_to_uint64(digits, &count))
            continue;
        buf_printf(out, "%llu row%s %s.", (unsigned long long)count, count == 1 ? "" : "s",
                   verbs[i].to);
        return;
    }
    buf_append_str(out, text);
}
