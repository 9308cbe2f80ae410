/* profile.c — lines of EXPLAIN: cold files, and DuckDB's profile of one statement (EXPLAIN
 * (ANALYZE, FORMAT json)).
 *
 * Of an operator are shown its kind, rows and time. What else DuckDB tells of it names files and
 * functions of ours.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/analytic/analytic_internal.h"

#include "base/check.h"

void analytic_describe_cold(const struct scan_estimate *estimate, struct buf *out)
{
    CHECK(estimate->segments_pruned <= estimate->segments &&
          estimate->groups_pruned <= estimate->groups);
    buf_printf(out, "segments considered %u, pruned %u", estimate->segments,
               estimate->segments_pruned);
    if (estimate->segments > 0)
        buf_printf(out, ", row groups considered %u, pruned %u", estimate->groups,
                   estimate->groups_pruned);
}

static int64_t profile_count(const struct tree *node, const char *key)
{
    const struct tree *member = tree_get(node, key);

    CHECK(node->kind == TREE_OBJECT);
    return member && member->kind == TREE_INTEGER && member->integer >= 0 ? member->integer : 0;
}

static double profile_seconds(const struct tree *node, const char *key)
{
    const struct tree *member = tree_get(node, key);

    CHECK(node->kind == TREE_OBJECT);
    if (!member)
        return 0;
    return member->kind == TREE_REAL ? member->real : (double)profile_count(node, key);
}

/* HASH_GROUP_BY reads as "hash group by". */
static void profile_append_kind(struct str kind, struct buf *out)
{
    CHECK(kind.size == 0 || kind.data);
    for (size_t i = 0; i < kind.size; i++) {
        char letter = kind.data[i];
        if (letter >= 'A' && letter <= 'Z')
            letter = (char)(letter - 'A' + 'a');
        buf_append_byte(out, letter == '_' ? ' ' : letter);
    }
}

/* From the operator that makes the result down to the scans. */
static void profile_operators(const struct tree *children, unsigned depth, struct buf *out)
{
    CHECK(!children || children->kind == TREE_ARRAY);
    for (const struct tree *node = children ? children->child : NULL; node; node = node->next) {
        int64_t scanned = profile_count(node, "operator_rows_scanned");
        int64_t rows = profile_count(node, "operator_cardinality");
        buf_printf(out, "%*sStep ", (int)(2 * depth), "");
        profile_append_kind(tree_text(node, "operator_type"), out);
        buf_printf(out, ": %lld row(s)", (long long)rows);
        if (scanned > rows)
            buf_printf(out, " of %lld", (long long)scanned);
        buf_printf(out, " in %.3f ms\n", 1e3 * profile_seconds(node, "operator_timing"));
        profile_operators(tree_get(node, "children"), depth + 1, out);
    }
}

enum status profile_describe(struct str json, struct arena *arena, struct buf *out, uint64_t *rows,
                             struct error *err)
{
    struct tree *root = NULL;
    const struct tree *top;
    enum status status = tree_parse(json, arena, &root, err);

    if (status != STATUS_OK)
        return status;
    if (tree_is(root, "result", "error"))
        return STATUS_ABSENT;
    top = tree_get(root, "children"); /* the EXPLAIN itself, above the statement */
    top = top && top->kind == TREE_ARRAY ? top->child : NULL;
    top = top && top->kind == TREE_OBJECT ? tree_get(top, "children") : NULL;
    if (!top || top->kind != TREE_ARRAY || !top->child)
        return error_set(err, STATUS_INTERNAL_ERROR, "the profile of the statement cannot be read");
    *rows = (uint64_t)profile_count(top->child, "operator_cardinality");
    profile_operators(top, 1, out);
    return STATUS_OK;
}
