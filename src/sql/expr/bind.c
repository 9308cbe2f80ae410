/* bind.c — gives every node of an expression its type.
 *
 * The rules are PostgreSQL's: a string literal, NULL or parameter without a known type is `unknown`
 * and takes the type its neighbour needs; everything else is cast only where PostgreSQL casts by
 * itself. A parameter that came as a string is unknown too, so that `id = $1` works with '42'.
 *
 * Recursion is bounded by LIMIT_AST_HEIGHT.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/expr/expr_internal.h"

#include "base/limits.h"
#include "base/utf8.h"
#include "value/cast.h"

#include <stdarg.h>
#include <stdio.h>

/* What compiling may take before constant texts are no longer folded: they could grow without end.
 */
enum { EXPR_COMPILE_BYTES = 16 << 20 };

/* ---- nodes and failures -------------------------------------------------------------------------
 */

struct expr_node *expr_node_new(struct expr_binder *binder, enum node_kind kind,
                                enum value_type type, const struct ast_expr *at, size_t args)
{
    struct expr_node *node = arena_zalloc(binder->arena, sizeof(*node));

    CHECK((size_t)kind <= NODE_CALL);
    node->kind = kind;
    node->type.kind = type;
    if (type == VALUE_DECIMAL)
        node->type.precision = 38;
    if (at != NULL) {
        node->start = at->start;
        node->end = at->end;
    }
    if (args > 0)
        node->args = arena_alloc(binder->arena, args * sizeof(struct expr_node *));
    node->arg_count = args;
    return node;
}

struct expr_node *expr_constant(struct expr_binder *binder, struct value value,
                                const struct expr_node *at)
{
    struct expr_node *node = expr_node_new(binder, NODE_CONSTANT, value.type, NULL, 0);

    CHECK(value.type != VALUE_NULL);
    node->value = value;
    if (value.type == VALUE_DECIMAL && !value.is_null)
        node->type.scale = value.scale;
    if (at != NULL) {
        node->start = at->start;
        node->end = at->end;
    }
    return node;
}

enum status expr_error(struct expr_binder *binder, enum status code, uint32_t start,
                       const char *format, ...)
{
    va_list args;

    CHECK(code != STATUS_OK);
    va_start(args, format);
    error_set_v(binder->err, code, format, args);
    va_end(args);
    if (binder->err != NULL)
        binder->err->position = start;
    return code;
}

enum status expr_not_supported(struct expr_binder *binder, uint32_t start, const char *format, ...)
{
    char what[128];
    va_list args;

    va_start(args, format);
    int size = vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    CHECK(size > 0);
    return expr_error(binder, STATUS_NOT_SUPPORTED, start, "%s is not supported in this version",
                      what);
}

bool expr_node_is_constant(const struct expr_node *node)
{
    CHECK(node->arg_count == 0 || node->args != NULL);
    if (node->kind == NODE_COLUMN ||
        (node->kind == NODE_CALL && (node->function->flags & EXPR_PER_ROW)))
        return false;
    for (size_t i = 0; i < node->arg_count; i++) {
        if (!expr_node_is_constant(node->args[i]))
            return false;
    }
    return true;
}

/* Bytes that functions may look at while constants are folded: what is more stays as it is. */
enum { FOLD_WORK_MAX = 1 << 24 };

void expr_fold(struct expr_binder *binder, struct expr_node **node)
{
    struct expr_binder inner = {.scope = binder->scope, .arena = binder->arena};
    struct expr_context context = {.arena = binder->arena, .work_max = FOLD_WORK_MAX};
    struct expr_program *program = NULL;
    struct value value;

    for (size_t i = 0; i < (*node)->arg_count; i++) {
        if ((*node)->args[i]->kind != NODE_CONSTANT)
            return;
    }
    if ((*node)->kind <= NODE_COLUMN ||
        ((*node)->kind == NODE_CALL && ((*node)->function->flags & (EXPR_STABLE | EXPR_PER_ROW))))
        return;
    if (expr_emit(&inner, *node, &program) == STATUS_OK &&
        expr_run(program, &context, &value, NULL) == STATUS_OK) {
        if (!value.is_null && value_type_is_text(value.type))
            value.text = arena_copy(binder->arena, value.text);
        if (value.is_null)
            value.type = (*node)->type.kind;
        struct expr_node *folded = expr_constant(binder, value, *node);
        CHECK(folded->type.kind == (*node)->type.kind);
        folded->type = (*node)->type;
        *node = folded;
    }
    expr_unref(program);
}

/* ---- coercion -----------------------------------------------------------------------------------
 */

/* Name of a given parameter for messages, or nothing. */
static const char *bind_param_name(const struct expr_binder *binder, const struct expr_node *node,
                                   char out[24])
{
    bool given = node->kind == NODE_PARAM &&
                 (binder->scope->lifted_from == 0 || node->index < binder->scope->lifted_from);

    out[0] = '\0';
    if (given)
        CHECK(snprintf(out, 24, "parameter $%u: ", node->index) > 0);
    return out;
}

/* The constant is a string or NULL: it is read as `type` now. */
static enum status bind_coerce_constant(struct expr_binder *binder, struct expr_node **node,
                                        const struct expr_cast *cast)
{
    struct value value;
    enum status status = expr_cast_value(&(*node)->value, cast, binder->arena, &value, binder->err);

    CHECK((*node)->kind == NODE_CONSTANT);
    if (status != STATUS_OK) {
        if (binder->err != NULL)
            binder->err->position = (*node)->start;
        return status;
    }
    value.type = cast->type.kind;
    *node = expr_constant(binder, value, *node);
    if (cast->type.kind == VALUE_TEXT)
        (*node)->type.length_max = cast->type.length_max;
    return STATUS_OK;
}

static enum status bind_cast(struct expr_binder *binder, struct expr_node **node,
                             const struct expr_cast *cast)
{
    struct expr_node *made;

    CHECK(cast->type.kind != VALUE_NULL);
    made = expr_node_new(binder, NODE_CAST, cast->type.kind, NULL, 1);
    made->type = cast->type;
    made->assignment = cast->assignment;
    made->natural = cast->natural;
    made->start = (*node)->start;
    made->end = (*node)->end;
    made->args[0] = *node;
    *node = made;
    expr_fold(binder, node);
    return STATUS_OK;
}

enum status expr_coerce(struct expr_binder *binder, struct expr_node **node, enum value_type type)
{
    struct expr_cast cast = {.type = {.kind = type}, .natural = type == VALUE_DECIMAL};

    CHECK(type != VALUE_NULL);
    if (type == VALUE_DECIMAL)
        cast.type.precision = 38;
    if ((*node)->unknown && (*node)->kind == NODE_CONSTANT)
        return bind_coerce_constant(binder, node, &cast);
    if ((*node)->unknown) {
        CHECK((*node)->kind == NODE_PARAM);
        (*node)->type = cast.type;
        if (type == VALUE_DECIMAL)
            (*node)->type.scale = (*node)->value.scale;
        (*node)->unknown = false;
        return STATUS_OK;
    }
    if ((*node)->type.kind == type)
        return STATUS_OK;
    return bind_cast(binder, node, &cast);
}

enum status expr_require(struct expr_binder *binder, struct expr_node **node, enum value_type type,
                         const char *what)
{
    char param[24];

    CHECK(type != VALUE_NULL && what != NULL);
    if ((*node)->unknown || (*node)->type.kind == type)
        return expr_coerce(binder, node, type);
    if (type == VALUE_BIGINT && value_type_is_integer((*node)->type.kind))
        return STATUS_OK;
    if (type == VALUE_TIMESTAMP && (*node)->type.kind == VALUE_DATE)
        return expr_coerce(binder, node, type);
    return expr_error(binder, STATUS_TYPE_MISMATCH, (*node)->start,
                      "%s%s must be of type %s, not %s", bind_param_name(binder, *node, param),
                      what, value_type_name(type), value_type_name((*node)->type.kind));
}

/* ---- leaves -------------------------------------------------------------------------------------
 */

static enum status bind_literal(struct expr_binder *binder, const struct ast_expr *tree,
                                struct expr_node **out)
{
    struct value value = tree->value;
    bool unknown = value.is_null || value.type == VALUE_TEXT;

    CHECK(tree->kind == AST_LITERAL);
    if (unknown)
        value.type = VALUE_TEXT;
    *out = expr_constant(binder, value, NULL);
    (*out)->start = tree->start;
    (*out)->end = tree->end;
    (*out)->unknown = unknown;
    return STATUS_OK;
}

static enum status bind_param(struct expr_binder *binder, const struct ast_expr *tree,
                              struct expr_node **out)
{
    const struct expr_scope *scope = binder->scope;
    struct data_type type = {.kind = VALUE_NULL};

    CHECK(tree->param > 0);
    if (scope->param_types != NULL && tree->param <= scope->param_count)
        type = scope->param_types[tree->param - 1];
    bool unknown = type.kind == VALUE_NULL || type.kind == VALUE_TEXT;
    *out = expr_node_new(binder, NODE_PARAM, unknown ? VALUE_TEXT : type.kind, tree, 0);
    if (unknown)
        (*out)->value.scale = type.scale;
    else
        (*out)->type.scale = type.scale;
    (*out)->unknown = unknown;
    (*out)->index = tree->param;
    return STATUS_OK;
}

static enum status bind_column(struct expr_binder *binder, const struct ast_expr *tree,
                               struct expr_node **out)
{
    const struct expr_scope *scope = binder->scope;
    bool excluded = scope->excluded != NULL && str_equal(tree->qualifier, STR_LIT("excluded"));
    const struct expr_column *columns = excluded ? scope->excluded : scope->columns;
    size_t count = excluded ? scope->excluded_count : scope->column_count;
    struct str name = utf8_cut(tree->name, LIMIT_IDENTIFIER_BYTES);

    CHECK(tree->kind == AST_COLUMN);
    if ((!excluded && tree->qualifier.size > 0 && !str_equal(tree->qualifier, scope->qualifier)) ||
        (tree->space.size > 0 && !str_equal(tree->space, scope->space))) {
        struct str qualifier = utf8_cut(tree->qualifier, LIMIT_IDENTIFIER_BYTES);
        return expr_error(binder, STATUS_COLUMN_NOT_FOUND, tree->start,
                          "column not found: column \"%.*s.%.*s\" does not exist",
                          STR_ARG(qualifier), STR_ARG(name));
    }
    for (size_t i = 0; i < count; i++) {
        if (!str_equal(columns[i].name, tree->name))
            continue;
        *out = expr_node_new(binder, NODE_COLUMN, columns[i].type.kind, tree, 0);
        (*out)->type = columns[i].type;
        (*out)->index = (uint32_t)(excluded ? scope->column_count + i : i);
        (*out)->value = value_text(VALUE_TEXT, tree->name); /* for describe.c */
        return STATUS_OK;
    }
    return expr_error(binder, STATUS_COLUMN_NOT_FOUND, tree->start,
                      "column not found: column \"%.*s\" does not exist", STR_ARG(name));
}

/* ---- operators with one operand -----------------------------------------------------------------
 */

static enum status bind_not(struct expr_binder *binder, const struct ast_expr *tree,
                            struct expr_node **out)
{
    struct expr_node *operand;
    enum status status = expr_bind(binder, tree->args[0], &operand);

    CHECK(tree->op == AST_OP_NOT && tree->arg_count == 1);
    if (status == STATUS_OK)
        status = expr_require(binder, &operand, VALUE_BOOLEAN, "argument of NOT");
    if (status != STATUS_OK)
        return status;
    *out = expr_node_new(binder, NODE_NOT, VALUE_BOOLEAN, tree, 1);
    (*out)->args[0] = operand;
    expr_fold(binder, out);
    return STATUS_OK;
}

/* -x is 0 - x of x's type: the same overflow errors and no code of its own. */
static enum status bind_sign(struct expr_binder *binder, const struct ast_expr *tree,
                             struct expr_node **out)
{
    struct expr_node *operand;
    enum status status = expr_bind(binder, tree->args[0], &operand);

    CHECK(tree->op == AST_OP_NEG || tree->op == AST_OP_PLUS);
    if (status != STATUS_OK)
        return status;
    if (operand->unknown)
        status = expr_coerce(binder, &operand, VALUE_DOUBLE);
    if (status != STATUS_OK)
        return status;
    if (!value_type_is_number(operand->type.kind))
        return expr_error(binder, STATUS_TYPE_MISMATCH, tree->start,
                          "operator does not exist: %s %s", tree->op == AST_OP_NEG ? "-" : "+",
                          value_type_name(operand->type.kind));
    if (tree->op == AST_OP_PLUS) {
        *out = operand;
        return STATUS_OK;
    }
    *out = expr_node_new(binder, NODE_ARITHMETIC, operand->type.kind, tree, 1);
    (*out)->op = AST_OP_NEG;
    (*out)->type = operand->type;
    (*out)->args[0] = operand;
    expr_fold(binder, out);
    return STATUS_OK;
}

static enum status bind_is_null(struct expr_binder *binder, const struct ast_expr *tree,
                                struct expr_node **out)
{
    struct expr_node *operand;
    enum status status = expr_bind(binder, tree->args[0], &operand);

    CHECK(tree->kind == AST_IS_NULL);
    if (status != STATUS_OK)
        return status;
    *out = expr_node_new(binder, NODE_IS_NULL, VALUE_BOOLEAN, tree, 1);
    (*out)->negated = tree->negated;
    (*out)->args[0] = operand;
    expr_fold(binder, out);
    return STATUS_OK;
}

static enum status bind_is_bool(struct expr_binder *binder, const struct ast_expr *tree,
                                struct expr_node **out)
{
    struct expr_node *operand;
    enum status status = expr_bind(binder, tree->args[0], &operand);

    CHECK(tree->kind == AST_IS_BOOL);
    if (status == STATUS_OK)
        status = expr_require(binder, &operand, VALUE_BOOLEAN, "argument of IS TRUE");
    if (status != STATUS_OK)
        return status;
    *out = expr_node_new(binder, NODE_IS_BOOL, VALUE_BOOLEAN, tree, 1);
    (*out)->negated = tree->negated;
    (*out)->value = tree->value;
    (*out)->args[0] = operand;
    expr_fold(binder, out);
    return STATUS_OK;
}

/* ---- casts --------------------------------------------------------------------------------------
 */

static enum status bind_cast_expr(struct expr_binder *binder, const struct ast_expr *tree,
                                  struct expr_node **out)
{
    struct expr_cast cast = {.type = tree->type, .natural = tree->type_bare};
    enum value_type to = tree->type.kind;
    enum status status = expr_bind(binder, tree->args[0], out);

    CHECK(tree->kind == AST_CAST);
    if (status != STATUS_OK)
        return status;
    if ((*out)->unknown && (*out)->kind == NODE_CONSTANT)
        return bind_coerce_constant(binder, out, &cast);
    if ((*out)->unknown) {
        status = expr_coerce(binder, out, to);
        if (status != STATUS_OK || (to != VALUE_DECIMAL && tree->type.length_max == 0))
            return status;
    }
    enum value_type from = (*out)->type.kind;
    bool literal = (*out)->kind == NODE_CONSTANT; /* 1::boolean: our literals are BIGINT */
    if (to == VALUE_BOOLEAN && (from == VALUE_BIGINT || from == VALUE_SMALLINT) && literal)
        status = expr_coerce(binder, out, VALUE_INT);
    from = (*out)->type.kind;
    if (status != STATUS_OK)
        return status;
    if (!value_cast_is_possible(from, to, CAST_EXPLICIT))
        return expr_error(binder, STATUS_TYPE_MISMATCH, tree->start, "cannot convert %s to %s",
                          value_type_name(from), value_type_name(to));
    if (from == to && (to != VALUE_DECIMAL || tree->type_bare) && tree->type.length_max == 0)
        return STATUS_OK;
    return bind_cast(binder, out, &cast);
}

/* ---- CASE ---------------------------------------------------------------------------------------
 */

/* args: [operand] when then … else, the ELSE always there. */
static enum status bind_case(struct expr_binder *binder, const struct ast_expr *tree,
                             struct expr_node **out)
{
    size_t first = tree->has_operand ? 1 : 0, count = tree->arg_count;
    struct expr_node **args, **sides, *nothing;
    enum status status = expr_bind_args(binder, tree, &args);

    if (status != STATUS_OK)
        return status;
    if (!tree->has_else) {
        nothing = expr_constant(binder, value_null(VALUE_TEXT), NULL);
        nothing->unknown = true;
        args[count++] = nothing;
    }
    CHECK((count - first) % 2 == 1);
    sides = arena_alloc(binder->arena, count * sizeof(*sides));
    for (size_t i = first; i + 1 < count && status == STATUS_OK; i += 2) {
        sides[i / 2] = args[0];
        if (tree->has_operand)
            status = expr_match(binder, "=", &sides[i / 2], &args[i]);
        else
            status = expr_require(binder, &args[i], VALUE_BOOLEAN, "argument of CASE WHEN");
    }
    if (status != STATUS_OK)
        return status;
    *out = expr_node_new(binder, NODE_CASE, VALUE_TEXT, tree, 0);
    (*out)->has_operand = tree->has_operand;
    (*out)->sides = sides;
    (*out)->args = args;
    (*out)->arg_count = count;
    /* the results: first + 1, first + 3, … and the ELSE, moved side by side to find their type */
    struct expr_node **results = arena_alloc(binder->arena, count * sizeof(*results));
    size_t result_count = 0;
    for (size_t i = first + 1; i < count; i += 2)
        results[result_count++] = args[i];
    results[result_count++] = args[count - 1];
    status = expr_common_type(binder, results, result_count, 1, "CASE", &(*out)->type);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i + 1 < result_count; i++)
        args[first + 1 + 2 * i] = results[i];
    args[count - 1] = results[result_count - 1];
    expr_fold(binder, out);
    return STATUS_OK;
}

enum status expr_bind_args(struct expr_binder *binder, const struct ast_expr *tree,
                           struct expr_node ***out)
{
    struct expr_node **args =
        arena_alloc(binder->arena, (tree->arg_count + 1) * sizeof(struct expr_node *));

    CHECK(tree->arg_count > 0 || tree->args == NULL || tree->kind == AST_CALL);
    for (size_t i = 0; i < tree->arg_count; i++) {
        enum status status = expr_bind(binder, tree->args[i], &args[i]);

        if (status != STATUS_OK)
            return status;
    }
    *out = args;
    return STATUS_OK;
}

enum status expr_bind(struct expr_binder *binder, const struct ast_expr *tree,
                      struct expr_node **out)
{
    CHECK(tree != NULL && tree->height <= LIMIT_AST_HEIGHT);
    switch (tree->kind) {
    case AST_LITERAL:
        return bind_literal(binder, tree, out);
    case AST_PARAM:
        return bind_param(binder, tree, out);
    case AST_COLUMN:
        return bind_column(binder, tree, out);
    case AST_UNARY:
        return tree->op == AST_OP_NOT ? bind_not(binder, tree, out) : bind_sign(binder, tree, out);
    case AST_BINARY:
        return expr_bind_binary(binder, tree, out);
    case AST_IS_NULL:
        return bind_is_null(binder, tree, out);
    case AST_IS_BOOL:
        return bind_is_bool(binder, tree, out);
    case AST_IS_DISTINCT:
        return expr_bind_distinct(binder, tree, out);
    case AST_IN:
        return expr_bind_in(binder, tree, out);
    case AST_BETWEEN:
        return expr_bind_between(binder, tree, out);
    case AST_LIKE:
        return expr_bind_like(binder, tree, out);
    case AST_CASE:
        return bind_case(binder, tree, out);
    case AST_CAST:
        return bind_cast_expr(binder, tree, out);
    case AST_CALL:
        return expr_bind_call(binder, tree, out);
    case AST_INTERVAL:
        return expr_not_supported(binder, tree->start, "INTERVAL outside of + and -");
    case AST_DEFAULT:
        return expr_error(binder, STATUS_INVALID_SQL, tree->start,
                          "DEFAULT is not allowed in this context");
    case AST_SUBQUERY:
        return expr_not_supported(binder, tree->start, "a subquery here");
    }
    UNREACHABLE("unknown kind of expression");
}

/* ---- the whole ----------------------------------------------------------------------------------
 */

/* A value of TEXT is not silently read as something else: only literals and parameters are. */
static bool bind_may_assign(enum value_type from, enum value_type to)
{
    CHECK(from != VALUE_NULL && to != VALUE_NULL);
    if (from == VALUE_TEXT)
        return to == VALUE_TEXT || to == VALUE_JSON;
    return value_cast_is_possible(from, to, CAST_ASSIGNMENT) ||
           (from == VALUE_TIMESTAMP && to == VALUE_TIME);
}

static enum status bind_assign(struct expr_binder *binder, struct expr_node **node,
                               const struct data_type *target)
{
    struct expr_cast cast = {.type = *target, .assignment = true};
    bool modified = target->kind == VALUE_DECIMAL || target->length_max > 0;
    char param[24];
    enum status status = STATUS_OK;

    CHECK(target->kind != VALUE_NULL);
    if ((*node)->unknown && (*node)->kind == NODE_CONSTANT)
        return bind_coerce_constant(binder, node, &cast);
    if ((*node)->unknown)
        status = expr_coerce(binder, node, target->kind);
    if (status != STATUS_OK)
        return status;
    enum value_type from = (*node)->type.kind;
    if (!bind_may_assign(from, target->kind)) {
        status = expr_error(binder, STATUS_TYPE_MISMATCH, (*node)->start,
                            "%scannot convert %s to %s", bind_param_name(binder, *node, param),
                            value_type_name(from), value_type_name(target->kind));
        error_hint(binder->err, "write the conversion: CAST(… AS %s)",
                   value_type_name(target->kind));
        return status;
    }
    if (from == target->kind && !modified)
        return STATUS_OK;
    if (from == VALUE_TIMESTAMP && target->kind == VALUE_TIME)
        cast.assignment = false;
    if ((*node)->kind == NODE_CONSTANT)
        return bind_coerce_constant(binder, node, &cast);
    return bind_cast(binder, node, &cast);
}

enum status expr_compile(const struct ast_expr *tree, const struct expr_scope *scope,
                         const struct data_type *target, struct expr_program **out,
                         struct error *err)
{
    struct arena arena;
    struct expr_binder binder = {.scope = scope, .arena = &arena, .err = err};
    struct expr_node *root;
    enum status status;

    CHECK(tree != NULL && scope != NULL);
    *out = NULL;
    arena_init(&arena, EXPR_COMPILE_BYTES);
    status = expr_bind(&binder, tree, &root);
    if (status == STATUS_OK && target != NULL)
        status = bind_assign(&binder, &root, target);
    if (status == STATUS_OK)
        status = expr_emit(&binder, root, out);
    arena_clear(&arena);
    return status;
}
