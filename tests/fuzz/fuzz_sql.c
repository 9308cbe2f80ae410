/* fuzz_sql.c — SQL text: split, parsed, normalised. What is normalised must parse as the original
 * did, since the plan cache may run it in its place.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz/fuzz.h"

#include "sql/parser.h"

/* Which executor takes a query may depend on a literal (LIMIT 1e3). */
static enum ast_statement_kind fuzz_kind(const struct ast_statement *tree)
{
    return tree->kind == AST_ANALYTIC ? AST_SELECT : tree->kind;
}

static void fuzz_statement(struct str text, struct arena *arena)
{
    struct ast_statement *tree = NULL, *again = NULL;
    struct str normalized;
    struct value *literals;
    size_t literal_count, line, column;
    struct error err;

    error_clear(&err);
    enum status status = sql_parse(text, arena, &tree, &err);
    if (status != STATUS_OK && err.position >= 0) {
        CHECK((size_t)err.position <= text.size);
        sql_line_column(text, (size_t)err.position, &line, &column);
        CHECK(line >= 1 && column >= 1);
    }
    if (!sql_normalize(text, 0, arena, &normalized, &literals, &literal_count))
        return;
    error_clear(&err);
    enum status second = sql_parse(normalized, arena, &again, &err);
    if (status == STATUS_OK && second == STATUS_OK)
        CHECK(fuzz_kind(tree) == fuzz_kind(again));
    if (status == STATUS_OK)
        CHECK(second == STATUS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str *statements = NULL;
    size_t count = 0;
    struct arena arena;
    struct error err;

    error_clear(&err);
    arena_init(&arena, 0);
    if (sql_split(fuzz_text(data, size), &arena, &statements, &count, &err) == STATUS_OK)
        for (size_t i = 0; i < count && i < 32; i++)
            fuzz_statement(statements[i], &arena);
    arena_clear(&arena);
    return 0;
}
