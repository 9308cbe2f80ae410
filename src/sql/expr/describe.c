/* describe.c — a bound expression as SQL-like text for EXPLAIN. Long ones are cut.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/expr/expr_internal.h"

#include "value/text.h"

enum { DESCRIBE_BYTES_MAX = 512 };

static void describe_value(const struct value *value, struct buf *out)
{
    bool number = value_type_is_number(value->type) || value->type == VALUE_BOOLEAN;

    CHECK(value->is_null || value->type != VALUE_NULL);
    if (value->is_null) {
        buf_printf(out, "NULL");
        return;
    }
    if (!number)
        buf_append_byte(out, '\'');
    value_format(value, out);
    if (!number)
        buf_append_byte(out, '\'');
}

static const char *describe_operator(const struct expr_node *node)
{
    static const char *const texts[] = {
        [AST_OP_EQ] = "=",  [AST_OP_NE] = "<>", [AST_OP_LT] = "<",  [AST_OP_LE] = "<=",
        [AST_OP_GT] = ">",  [AST_OP_GE] = ">=", [AST_OP_ADD] = "+", [AST_OP_SUB] = "-",
        [AST_OP_MUL] = "*", [AST_OP_DIV] = "/", [AST_OP_MOD] = "%", [AST_OP_NEG] = "-",
    };

    if (node->kind == NODE_AND)
        return "AND";
    if (node->kind == NODE_OR)
        return "OR";
    if (node->kind == NODE_DISTINCT)
        return node->negated ? "IS NOT DISTINCT FROM" : "IS DISTINCT FROM";
    if (node->kind == NODE_CALL)
        return node->function->name;
    CHECK((size_t)node->op < ARRAY_COUNT(texts) && texts[node->op] != NULL);
    return texts[node->op];
}

static void describe_infix(const struct expr_node *node, struct buf *out)
{
    CHECK(node->arg_count == 2);
    buf_append_byte(out, '(');
    expr_describe_node(node->args[0], out);
    buf_printf(out, " %s ", describe_operator(node));
    expr_describe_node(node->args[1], out);
    buf_append_byte(out, ')');
}

static void describe_list(const struct expr_node *node, size_t first, struct buf *out)
{
    CHECK(node->arg_count == 0 || node->args != NULL);
    buf_append_byte(out, '(');
    for (size_t i = first; i < node->arg_count && out->size < DESCRIBE_BYTES_MAX; i++) {
        if (i > first)
            buf_printf(out, ", ");
        expr_describe_node(node->args[i], out);
    }
    buf_append_byte(out, ')');
}

static void describe_postfix(const struct expr_node *node, struct buf *out)
{
    const char *negated = node->negated ? "NOT " : "";

    expr_describe_node(node->args[0], out);
    if (node->kind == NODE_IS_NULL) {
        buf_printf(out, " IS %sNULL", negated);
    } else if (node->kind == NODE_IS_BOOL) {
        buf_printf(out, " IS %s%s", negated,
                   node->value.is_null   ? "UNKNOWN"
                   : node->value.boolean ? "TRUE"
                                         : "FALSE");
    } else if (node->kind == NODE_IN) {
        buf_printf(out, " %sIN ", negated);
        describe_list(node, 1, out);
    } else {
        CHECK(node->kind == NODE_BETWEEN);
        buf_printf(out, " %sBETWEEN ", negated);
        expr_describe_node(node->args[1], out);
        buf_printf(out, " AND ");
        expr_describe_node(node->args[2], out);
    }
}

static void describe_cast(const struct expr_node *node, struct buf *out)
{
    CHECK(node->kind == NODE_CAST && node->arg_count == 1);
    buf_printf(out, "CAST(");
    expr_describe_node(node->args[0], out);
    buf_printf(out, " AS ");
    if (node->natural)
        buf_printf(out, "DECIMAL");
    else
        data_type_format(&node->type, out);
    buf_append_byte(out, ')');
}

static void describe_case(const struct expr_node *node, struct buf *out)
{
    size_t first = node->has_operand ? 1 : 0;

    CHECK(node->kind == NODE_CASE);
    buf_printf(out, "CASE");
    if (node->has_operand) {
        buf_append_byte(out, ' ');
        expr_describe_node(node->args[0], out);
    }
    for (size_t i = first; i + 1 < node->arg_count; i += 2) {
        buf_printf(out, " WHEN ");
        expr_describe_node(node->args[i], out);
        buf_printf(out, " THEN ");
        expr_describe_node(node->args[i + 1], out);
    }
    buf_printf(out, " ELSE ");
    expr_describe_node(node->args[node->arg_count - 1], out);
    buf_printf(out, " END");
}

static void describe_call(const struct expr_node *node, struct buf *out)
{
    CHECK(node->kind == NODE_CALL || node->kind == NODE_COALESCE);
    if (node->kind == NODE_CALL && (node->function->flags & EXPR_INFIX) && node->arg_count == 2) {
        describe_infix(node, out);
        return;
    }
    buf_printf(out, "%s", node->kind == NODE_COALESCE ? "coalesce" : node->function->name);
    describe_list(node, 0, out);
}

void expr_describe_node(const struct expr_node *node, struct buf *out)
{
    if (out->size >= DESCRIBE_BYTES_MAX)
        return;
    switch (node->kind) {
    case NODE_CONSTANT:
        describe_value(&node->value, out);
        return;
    case NODE_PARAM:
        buf_printf(out, "$%u", node->index);
        return;
    case NODE_COLUMN:
        buf_append_str(out, node->value.text);
        return;
    case NODE_CAST:
        describe_cast(node, out);
        return;
    case NODE_NOT:
        buf_printf(out, "NOT ");
        expr_describe_node(node->args[0], out);
        return;
    case NODE_IS_NULL:
    case NODE_IS_BOOL:
    case NODE_IN:
    case NODE_BETWEEN:
        describe_postfix(node, out);
        return;
    case NODE_CASE:
        describe_case(node, out);
        return;
    case NODE_COALESCE:
    case NODE_CALL:
        describe_call(node, out);
        return;
    case NODE_ARITHMETIC:
        if (node->arg_count == 1) {
            buf_append_byte(out, '-');
            expr_describe_node(node->args[0], out);
            return;
        }
        describe_infix(node, out);
        return;
    case NODE_AND:
    case NODE_OR:
    case NODE_COMPARE:
    case NODE_DISTINCT:
        describe_infix(node, out);
        return;
    }
    UNREACHABLE("unknown kind of node");
}
