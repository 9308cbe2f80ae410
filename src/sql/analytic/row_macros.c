/* row_macros.c — comparisons of rows of one to eight parts, as macros (check/check_row.c).
 *
 * The last part has number 1: `a2 < b2 OR (a2 = b2 AND (a1 < b1))`. Where a NULL decides, the
 * answer is NULL.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/analytic/analytic_internal.h"

#include "base/check.h"
#include "base/macros.h"

static const struct row_macro {
    const char *name, *op, *last; /* last: of the last part */
    const char *joint;            /* of parts that are compared each by itself; NULL: in order */
} row_macros[] = {
    {"row_eq", "=", "=", "AND"}, {"row_ne", "<>", "<>", "OR"}, {"row_lt", "<", "<", NULL},
    {"row_le", "<", "<=", NULL}, {"row_gt", ">", ">", NULL},   {"row_ge", ">", ">=", NULL},
};

static void row_append_parts(char side, unsigned parts, struct buf *out)
{
    CHECK(parts > 0);
    for (unsigned part = parts; part > 0; part--)
        buf_printf(out, "%c%u%s", side, part, part > 1 ? ", " : "");
}

static void row_append_comparison(const struct row_macro *macro, unsigned parts, struct buf *out)
{
    CHECK(parts > 0);
    for (unsigned part = parts; part > 1; part--) {
        buf_printf(out, "a%u %s b%u ", part, macro->op, part);
        if (macro->joint)
            buf_printf(out, "%s ", macro->joint);
        else
            buf_printf(out, "OR (a%u = b%u AND (", part, part);
    }
    buf_printf(out, "a1 %s b1", macro->last);
    for (unsigned part = parts; part > 1 && !macro->joint; part--)
        buf_append_str(out, STR_LIT("))"));
}

static char *row_macro_text(const struct row_macro *macro)
{
    struct buf text;
    size_t size;

    buf_init(&text);
    buf_printf(&text, "CREATE OR REPLACE MACRO %s", macro->name);
    for (unsigned parts = 1; parts <= ANALYTIC_ROW_PARTS_MAX; parts++) {
        buf_append_str(&text, parts > 1 ? STR_LIT(", (") : STR_LIT("("));
        row_append_parts('a', parts, &text);
        buf_append_str(&text, STR_LIT(", "));
        row_append_parts('b', parts, &text);
        buf_append_str(&text, STR_LIT(") AS "));
        row_append_comparison(macro, parts, &text);
    }
    buf_append_byte(&text, 0);
    CHECK(text.size > 0);
    return buf_take(&text, &size);
}

size_t row_macros_make(const char **out)
{
    CHECK(ARRAY_COUNT(row_macros) == ANALYTIC_ROW_MACROS);
    for (size_t i = 0; i < ARRAY_COUNT(row_macros); i++)
        out[i] = row_macro_text(&row_macros[i]);
    return ARRAY_COUNT(row_macros);
}
