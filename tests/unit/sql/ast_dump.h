/* ast_dump.h — an expression tree as one line of text, for tests of the parser.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TEST_AST_DUMP_H
#define TEST_AST_DUMP_H

#include "base/buf.h"
#include "sql/ast.h"
#include "value/text.h"

static inline const char *ast_operator_text(enum ast_operator op)
{
    static const char *const names[] = {"?",  "or",  "and", "not", "=",  "<>", "<",
                                        "<=", ">",   ">=",  "+",   "-",  "*",  "/",
                                        "%",  "neg", "pos", "||",  "->", "->>"};
    return names[op];
}

static inline void ast_dump(const struct ast_expr *e, struct buf *out)
{
    static const char *const names[] = {
        "lit",     "param", "col",  "un",   "bin",  "isnull",   "isbool",  "isdistinct", "in",
        "between", "like",  "case", "cast", "call", "interval", "default", "subquery"};
    if (e->kind == AST_LITERAL) {
        if (e->value.is_null) {
            buf_printf(out, "null");
        } else if (e->value.type == VALUE_TEXT) {
            buf_printf(out, "'%.*s'", STR_ARG(e->value.text));
        } else {
            value_format(&e->value, out);
            if (e->value.type == VALUE_DOUBLE)
                buf_printf(out, "d");
        }
        return;
    }
    if (e->kind == AST_PARAM) {
        buf_printf(out, "$%u", e->param);
        return;
    }
    if (e->kind == AST_COLUMN) {
        if (e->qualifier.size > 0)
            buf_printf(out, "%.*s.", STR_ARG(e->qualifier));
        buf_printf(out, "%.*s", STR_ARG(e->name));
        return;
    }
    if (e->kind == AST_INTERVAL) {
        buf_printf(out, "[%dm %dd %lldus]", e->interval.months, e->interval.days,
                   (long long)e->interval.us);
        return;
    }
    buf_printf(out, "(%s%s", e->negated ? "!" : "",
               e->kind == AST_UNARY || e->kind == AST_BINARY ? ast_operator_text(e->op)
                                                             : names[e->kind]);
    if (e->kind == AST_CALL)
        buf_printf(out, " %.*s%s%s", STR_ARG(e->name), e->star ? " *" : "",
                   e->distinct ? " distinct" : "");
    if (e->kind == AST_CAST) {
        buf_printf(out, " ");
        data_type_format(&e->type, out);
    }
    if (e->kind == AST_IS_BOOL)
        buf_printf(out, " %s", e->value.is_null ? "unknown" : e->value.boolean ? "true" : "false");
    if (e->nocase)
        buf_printf(out, " i");
    for (size_t i = 0; i < e->arg_count; i++) {
        buf_printf(out, " ");
        ast_dump(e->args[i], out);
    }
    buf_printf(out, ")");
}

#endif
