/* output.c — see output.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli/output.h"

#include "base/check.h"
#include "base/mem.h"

static bool output_type_is_number(const char *type)
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
        ok = table_print_markdown(out, &grid);
    else if (style->expanded == CHOICE_ON)
        ok = table_print_expanded(out, &grid, style);
    else
        ok = table_print(out, &grid, style);
    mem_free(names);
    mem_free(cells);
    mem_free(right);
    return ok;
}

static bool output_text(FILE *out, char *text, const char *end)
{
    CHECK(out && end);

    bool ok = text && fputs(text, out) >= 0 && fputs(end, out) >= 0;

    kalam_text_free(text);
    return ok;
}

bool output_rows(FILE *out, const kalam_results *results, size_t s,
                 const struct output_style *style)
{
    size_t rows = kalam_row_count(results, s);

    CHECK(out && style);
    switch (style->format) {
    case FORMAT_JSON:
        return output_text(out, kalam_to_json(results, s), "\n");
    case FORMAT_CSV:
        return output_text(out, kalam_to_csv(results, s), "");
    case FORMAT_MARKDOWN:
        return output_grid(out, results, s, style);
    case FORMAT_TABLE:
        break;
    }
    return output_grid(out, results, s, style) &&
           fprintf(out, "(%zu row%s)\n", rows, rows == 1 ? "" : "s") > 0;
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
