/* bind_predicate.c — binds IN, BETWEEN, LIKE and IS DISTINCT FROM: comparisons with more than two
 * sides, or with rules of their own.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/expr/expr_internal.h"

#include "base/check.h"

enum status expr_bind_in(struct expr_binder *binder, const struct ast_expr *tree,
                         struct expr_node **out)
{
    static const char *const ops[2] = {"=", "="};
    struct expr_node **args;
    enum status status = expr_bind_args(binder, tree, &args);

    CHECK(tree->arg_count >= 2);
    if (status == STATUS_OK)
        status = expr_match_all(binder, ops, args, tree->arg_count);
    if (status != STATUS_OK)
        return status;
    *out = expr_node_new(binder, NODE_IN, VALUE_BOOLEAN, tree, 0);
    (*out)->negated = tree->negated;
    (*out)->args = args;
    (*out)->arg_count = tree->arg_count;
    expr_fold(binder, out);
    return STATUS_OK;
}

/* x BETWEEN a AND b on a column is two comparisons, so that both can bound a range of keys. */
static enum status bind_between_column(struct expr_binder *binder, const struct ast_expr *tree,
                                       struct expr_node **args, struct expr_node **out)
{
    struct expr_node *again = arena_alloc(binder->arena, sizeof(*again));
    struct expr_node *low, *high;
    enum status status;

    CHECK(tree->kind == AST_BETWEEN && args[0]->kind == NODE_COLUMN);
    *again = *args[0];
    status =
        expr_bind_compare(binder, tree->negated ? AST_OP_LT : AST_OP_GE, args[0], args[1], &low);
    if (status == STATUS_OK)
        status =
            expr_bind_compare(binder, tree->negated ? AST_OP_GT : AST_OP_LE, again, args[2], &high);
    if (status != STATUS_OK)
        return status;
    *out = expr_node_new(binder, tree->negated ? NODE_OR : NODE_AND, VALUE_BOOLEAN, tree, 2);
    (*out)->args[0] = low;
    (*out)->args[1] = high;
    return STATUS_OK;
}

enum status expr_bind_between(struct expr_binder *binder, const struct ast_expr *tree,
                              struct expr_node **out)
{
    static const char *const ops[2] = {">=", "<="};
    struct expr_node **args = NULL;
    enum status status = expr_bind_args(binder, tree, &args);

    CHECK(tree->kind == AST_BETWEEN && tree->arg_count == 3);
    if (status == STATUS_OK)
        status = expr_match_all(binder, ops, args, 3);
    if (status != STATUS_OK)
        return status;
    if (args[0]->kind == NODE_COLUMN)
        return bind_between_column(binder, tree, args, out);
    *out = expr_node_new(binder, NODE_BETWEEN, VALUE_BOOLEAN, tree, 0);
    (*out)->negated = tree->negated;
    (*out)->args = args;
    (*out)->arg_count = 3;
    expr_fold(binder, out);
    return STATUS_OK;
}

static enum status bind_negate(struct expr_binder *binder, const struct ast_expr *tree,
                               struct expr_node **out)
{
    struct expr_node *made = expr_node_new(binder, NODE_NOT, VALUE_BOOLEAN, tree, 1);

    CHECK((*out)->type.kind == VALUE_BOOLEAN);
    made->args[0] = *out;
    *out = made;
    expr_fold(binder, out);
    return STATUS_OK;
}

enum status expr_bind_like(struct expr_binder *binder, const struct ast_expr *tree,
                           struct expr_node **out)
{
    const struct expr_function *function =
        tree->nocase ? &expr_function_ilike : &expr_function_like;
    struct expr_node **args;
    enum status status = expr_bind_args(binder, tree, &args);

    CHECK(tree->kind == AST_LIKE);
    for (size_t i = 0; i < tree->arg_count && status == STATUS_OK; i++)
        status = expr_require(binder, &args[i], VALUE_TEXT, "argument of LIKE");
    if (status == STATUS_OK)
        status = expr_call_node(binder, function, args, tree->arg_count, out);
    if (status != STATUS_OK)
        return status;
    return tree->negated ? bind_negate(binder, tree, out) : STATUS_OK;
}

enum status expr_bind_distinct(struct expr_binder *binder, const struct ast_expr *tree,
                               struct expr_node **out)
{
    struct expr_node **args;
    enum status status = expr_bind_args(binder, tree, &args);

    CHECK(tree->kind == AST_IS_DISTINCT);
    if (status == STATUS_OK)
        status = expr_match(binder, "IS DISTINCT FROM", &args[0], &args[1]);
    if (status != STATUS_OK)
        return status;
    *out = expr_node_new(binder, NODE_DISTINCT, VALUE_BOOLEAN, tree, 0);
    (*out)->negated = tree->negated;
    (*out)->args = args;
    (*out)->arg_count = 2;
    expr_fold(binder, out);
    return STATUS_OK;
}
