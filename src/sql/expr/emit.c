/* emit.c — typed nodes → one block of flat code.
 *
 * Registers are handed out like a stack: a node puts its result into register `reg` and uses those
 * above for its parts. Constants are operands themselves (~index) and cost no instruction. AND, OR,
 * CASE, COALESCE and IN jump over what need not be evaluated.
 *
 * For the planner the code of each constant side of a top-level `column ⊕ constant` is noted as a
 * range of instructions: a bound's value program runs just that range (program.c).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/expr/expr_internal.h"

#include "base/mem.h"
#include "base/refs.h"

#include <stdlib.h>

enum { EMIT_REGISTERS_MAX = UINT16_MAX - 8, EMIT_DESCRIPTION_MAX = 512 };

/* A growing array in the arena. */
struct emit_list {
    void *items;
    size_t count, capacity;
};

struct emitter {
    struct expr_binder *binder;
    struct emit_list code, constants, params, casts, functions, bounds, bound_values;
    uint64_t *columns;
    uint32_t column_words;
    uint32_t registers;             /* highest used + 1 */
    bool uses_caller, has_mismatch; /* types that are not compared meet */
};

static void *emit_add(struct emitter *emitter, struct emit_list *list, size_t item_size)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 8 : 2 * list->capacity;

        list->items = arena_grow(emitter->binder->arena, list->items, list->count * item_size,
                                 capacity * item_size);
        list->capacity = capacity;
    }
    CHECK(list->count < list->capacity);
    return (char *)list->items + list->count++ * item_size;
}

/* Index of the new instruction. */
static size_t emit_code(struct emitter *emitter, struct expr_instr instr)
{
    CHECK(instr.out < UINT16_MAX);
    *(struct expr_instr *)emit_add(emitter, &emitter->code, sizeof(instr)) = instr;
    if (instr.out >= emitter->registers)
        emitter->registers = instr.out + 1u;
    return emitter->code.count - 1;
}

static int32_t emit_constant(struct emitter *emitter, struct value value)
{
    CHECK(emitter->constants.count < INT32_MAX);
    *(struct value *)emit_add(emitter, &emitter->constants, sizeof(value)) = value;
    return -(int32_t)emitter->constants.count;
}

/* The jump at `jump` leads behind the last instruction. */
static void emit_land(struct emitter *emitter, size_t jump)
{
    struct expr_instr *code = emitter->code.items;

    CHECK(jump < emitter->code.count);
    code[jump].c = (uint32_t)(emitter->code.count - jump - 1);
}

static int32_t emit_node(struct emitter *emitter, const struct expr_node *node, uint16_t reg);

static void emit_move(struct emitter *emitter, int32_t from, uint16_t reg)
{
    CHECK(from >= -(int32_t)emitter->constants.count);
    if (from != reg)
        (void)emit_code(emitter, (struct expr_instr){.op = EXPR_MOVE, .out = reg, .a = from});
}

static void emit_into(struct emitter *emitter, const struct expr_node *node, uint16_t reg)
{
    CHECK(node != NULL);
    emit_move(emitter, emit_node(emitter, node, reg), reg);
}

/* ---- leaves -------------------------------------------------------------------------------------
 */

static int32_t emit_column(struct emitter *emitter, const struct expr_node *node, uint16_t reg)
{
    CHECK(node->index / 64 < emitter->column_words);
    emitter->columns[node->index / 64] |= UINT64_C(1) << node->index % 64;
    (void)emit_code(emitter, (struct expr_instr){.op = EXPR_COLUMN, .out = reg, .c = node->index});
    return reg;
}

static int32_t emit_param(struct emitter *emitter, const struct expr_node *node, uint16_t reg)
{
    uint32_t lifted = emitter->binder->scope->lifted_from;
    struct expr_param_use *use = emit_add(emitter, &emitter->params, sizeof(*use));

    CHECK(node->kind == NODE_PARAM && node->index > 0);
    *use = (struct expr_param_use){.number = node->index,
                                   .type = node->type.kind,
                                   .lifted = lifted > 0 && node->index >= lifted};
    if (node->beside > 0)
        use->column = emitter->binder->scope->columns[node->beside - 1].name;
    (void)emit_code(emitter, (struct expr_instr){.op = EXPR_PARAM,
                                                 .out = reg,
                                                 .c = (uint32_t)emitter->params.count - 1});
    return reg;
}

/* The cast's argument is at `from` already. */
static int32_t emit_cast_of(struct emitter *emitter, const struct expr_node *node, int32_t from,
                            uint16_t reg)
{
    struct expr_cast *cast = emit_add(emitter, &emitter->casts, sizeof(*cast));

    CHECK(node->kind == NODE_CAST && node->arg_count == 1);
    *cast = (struct expr_cast){
        .type = node->type, .assignment = node->assignment, .natural = node->natural};
    (void)emit_code(emitter, (struct expr_instr){.op = EXPR_CAST,
                                                 .out = reg,
                                                 .a = from,
                                                 .c = (uint32_t)emitter->casts.count - 1});
    return reg;
}

static int32_t emit_cast(struct emitter *emitter, const struct expr_node *node, uint16_t reg)
{
    CHECK(node->kind == NODE_CAST);
    return emit_cast_of(emitter, node, emit_node(emitter, node->args[0], reg), reg);
}

/* ---- comparison ---------------------------------------------------------------------------------
 */

static uint8_t emit_mask(enum ast_operator op)
{
    switch (op) {
    case AST_OP_EQ:
        return EXPR_EQUAL;
    case AST_OP_NE:
        return EXPR_LESS | EXPR_GREATER;
    case AST_OP_LT:
        return EXPR_LESS;
    case AST_OP_LE:
        return EXPR_LESS | EXPR_EQUAL;
    case AST_OP_GT:
        return EXPR_GREATER;
    case AST_OP_GE:
        return EXPR_GREATER | EXPR_EQUAL;
    default:
        UNREACHABLE("not a comparison");
    }
}

/* Should the binder let types meet that are not compared, no program is made: value_compare must
 * not see them. */
static bool emit_comparable(struct emitter *emitter, enum value_type a, enum value_type b)
{
    bool comparable = a == b || value_type_is_comparable(a, b);

    CHECK(a != VALUE_NULL && b != VALUE_NULL);
    emitter->has_mismatch = emitter->has_mismatch || !comparable;
    return comparable;
}

static enum expr_op emit_compare_op(struct emitter *emitter, enum value_type a, enum value_type b)
{
    CHECK(a != VALUE_NULL && b != VALUE_NULL);
    (void)emit_comparable(emitter, a, b);
    if (a == VALUE_TEXT && b == VALUE_TEXT)
        return EXPR_COMPARE_TEXT;
    if ((value_type_is_integer(a) && value_type_is_integer(b)) ||
        (a == b && (a == VALUE_DATE || a == VALUE_TIME || a == VALUE_TIMESTAMP)))
        return EXPR_COMPARE_INTEGER;
    return EXPR_COMPARE;
}

static void emit_compare_to(struct emitter *emitter, enum ast_operator op, enum value_type a,
                            int32_t left, const struct expr_node *right, uint16_t reg)
{
    int32_t operand = emit_node(emitter, right, reg);

    CHECK(op >= AST_OP_EQ && op <= AST_OP_GE);
    (void)emit_code(
        emitter, (struct expr_instr){.op = (uint8_t)emit_compare_op(emitter, a, right->type.kind),
                                     .detail = emit_mask(op),
                                     .out = reg,
                                     .a = left,
                                     .b = operand});
}

static void emit_note_bound(struct emitter *emitter, size_t begin, int32_t result)
{
    struct expr_bound_value *value = emit_add(emitter, &emitter->bound_values, sizeof(*value));

    CHECK(begin <= emitter->code.count);
    *value = (struct expr_bound_value){
        .begin = (uint32_t)begin, .end = (uint32_t)emitter->code.count, .result = result};
}

static void emit_note_bounds(struct emitter *emitter, const struct expr_node *node, size_t count)
{
    struct expr_bound_code *bound = emit_add(emitter, &emitter->bounds, sizeof(*bound));

    CHECK(node->args[0]->kind == NODE_COLUMN);
    *bound = (struct expr_bound_code){
        .column = node->args[0]->index,
        .op = node->kind == NODE_IN ? AST_OP_NONE : node->op,
        .type = node->args[0]->type,
        .first = (uint32_t)(emitter->bound_values.count - count),
        .count = (uint32_t)count,
    };
}

static int32_t emit_compare(struct emitter *emitter, const struct expr_node *node, uint16_t reg)
{
    const struct expr_node *left = node->args[0], *right = node->args[1];
    uint16_t next = (uint16_t)(reg + 1);
    int32_t a = emit_node(emitter, left, reg);
    size_t begin = emitter->code.count;
    int32_t b = emit_node(emitter, right, next);

    CHECK(node->arg_count == 2);
    if (node->bound) {
        emit_note_bound(emitter, begin, b);
        emit_note_bounds(emitter, node, 1);
    }
    struct expr_instr instr = {.out = reg, .a = a, .b = b};
    if (node->kind == NODE_DISTINCT) {
        (void)emit_comparable(emitter, left->type.kind, right->type.kind);
        instr.op = EXPR_DISTINCT;
        instr.detail = node->negated;
    } else {
        instr.op = (uint8_t)emit_compare_op(emitter, left->type.kind, right->type.kind);
        instr.detail = emit_mask(node->op);
    }
    (void)emit_code(emitter, instr);
    return reg;
}

/* ---- AND, OR ------------------------------------------------------------------------------------
 */

/* left; if it decides, skip the right side. */
static int32_t emit_logic(struct emitter *emitter, const struct expr_node *node, uint16_t reg)
{
    bool and_ = node->kind == NODE_AND;
    uint16_t next = (uint16_t)(reg + 1);

    CHECK(node->arg_count == 2);
    emit_into(emitter, node->args[0], reg);
    size_t jump = emit_code(
        emitter,
        (struct expr_instr){.op = and_ ? EXPR_JUMP_FALSE : EXPR_JUMP_TRUE, .a = reg, .out = reg});
    int32_t right = emit_node(emitter, node->args[1], next);
    (void)emit_code(
        emitter,
        (struct expr_instr){.op = and_ ? EXPR_AND : EXPR_OR, .out = reg, .a = reg, .b = right});
    emit_land(emitter, jump);
    return reg;
}

static int32_t emit_simple(struct emitter *emitter, const struct expr_node *node, uint16_t reg)
{
    struct expr_instr instr = {.out = reg, .a = emit_node(emitter, node->args[0], reg)};

    if (node->kind == NODE_NOT) {
        instr.op = EXPR_NOT;
    } else if (node->kind == NODE_IS_NULL) {
        instr.op = EXPR_IS_NULL;
    } else {
        CHECK(node->kind == NODE_IS_BOOL);
        instr.op = EXPR_IS_BOOL;
        instr.detail = node->value.is_null ? 2 : node->value.boolean;
    }
    (void)emit_code(emitter, instr);
    if (node->negated)
        (void)emit_code(emitter, (struct expr_instr){.op = EXPR_NOT, .out = reg, .a = reg});
    return reg;
}

static int32_t emit_negated(struct emitter *emitter, const struct expr_node *node, uint16_t from,
                            uint16_t reg)
{
    CHECK(node->type.kind == VALUE_BOOLEAN);
    if (node->negated)
        (void)emit_code(emitter, (struct expr_instr){.op = EXPR_NOT, .out = reg, .a = from});
    else
        emit_move(emitter, from, reg);
    return reg;
}

static int32_t emit_between(struct emitter *emitter, const struct expr_node *node, uint16_t reg)
{
    uint16_t result = (uint16_t)(reg + 1), next = (uint16_t)(reg + 2);
    enum value_type type = node->args[0]->type.kind;
    int32_t operand = emit_node(emitter, node->args[0], reg);

    CHECK(node->kind == NODE_BETWEEN && node->arg_count == 3);
    emit_compare_to(emitter, AST_OP_GE, type, operand, node->args[1], result);
    size_t jump =
        emit_code(emitter, (struct expr_instr){.op = EXPR_JUMP_FALSE, .a = result, .out = result});
    emit_compare_to(emitter, AST_OP_LE, type, operand, node->args[2], next);
    (void)emit_code(emitter,
                    (struct expr_instr){.op = EXPR_AND, .out = result, .a = result, .b = next});
    emit_land(emitter, jump);
    return emit_negated(emitter, node, result, reg);
}

/* ---- IN -----------------------------------------------------------------------------------------
 */

static int emit_compare_values(const void *a, const void *b)
{
    CHECK(a != NULL && b != NULL);
    return value_compare(a, b);
}

/* All items are constants: a sorted run of them, searched by halving. */
static int32_t emit_in_set(struct emitter *emitter, const struct expr_node *node, uint16_t reg)
{
    int32_t operand = emit_node(emitter, node->args[0], reg);
    size_t first = emitter->constants.count, begin = emitter->code.count;
    bool has_null = false;

    CHECK(node->kind == NODE_IN && node->arg_count >= 2);
    for (size_t i = 1; i < node->arg_count; i++) {
        const struct value *value = &node->args[i]->value;

        has_null = has_null || value->is_null;
        if (!value->is_null)
            (void)emit_constant(emitter, *value);
    }
    size_t count = emitter->constants.count - first;
    struct value *values = (struct value *)emitter->constants.items + first;
    if (count > 1)
        qsort(values, count, sizeof(*values), emit_compare_values);
    for (size_t i = 0; i < count && node->bound; i++)
        emit_note_bound(emitter, begin, -(int32_t)(first + i) - 1);
    if (node->bound && count > 0)
        emit_note_bounds(emitter, node, count);
    (void)emit_code(emitter, (struct expr_instr){.op = EXPR_IN_SET,
                                                 .detail = has_null,
                                                 .out = reg,
                                                 .a = operand,
                                                 .b = (int32_t)count,
                                                 .c = (uint32_t)first});
    return emit_negated(emitter, node, reg, reg);
}

static int32_t emit_in(struct emitter *emitter, const struct expr_node *node, uint16_t reg)
{
    uint16_t result = (uint16_t)(reg + 1), next = (uint16_t)(reg + 2);
    size_t *jumps = arena_alloc(emitter->binder->arena, node->arg_count * sizeof(*jumps));
    bool constants = true;

    CHECK(node->kind == NODE_IN && node->arg_count >= 2);
    for (size_t i = 1; i < node->arg_count; i++)
        constants = constants && node->args[i]->kind == NODE_CONSTANT &&
                    emit_comparable(emitter, node->args[0]->type.kind, node->args[i]->type.kind);
    if (constants)
        return emit_in_set(emitter, node, reg);
    int32_t operand = emit_node(emitter, node->args[0], reg);
    emit_move(emitter, emit_constant(emitter, value_boolean(false)), result);
    for (size_t i = 1; i < node->arg_count; i++) {
        size_t begin = emitter->code.count;
        int32_t item = emit_node(emitter, node->args[i], next);

        if (node->bound)
            emit_note_bound(emitter, begin, item);
        (void)emit_code(emitter, (struct expr_instr){.op = (uint8_t)emit_compare_op(
                                                         emitter, node->args[0]->type.kind,
                                                         node->args[i]->type.kind),
                                                     .detail = EXPR_EQUAL,
                                                     .out = next,
                                                     .a = operand,
                                                     .b = item});
        (void)emit_code(emitter,
                        (struct expr_instr){.op = EXPR_OR, .out = result, .a = result, .b = next});
        jumps[i] = emit_code(emitter,
                             (struct expr_instr){.op = EXPR_JUMP_TRUE, .a = result, .out = result});
    }
    if (node->bound)
        emit_note_bounds(emitter, node, node->arg_count - 1);
    for (size_t i = 1; i < node->arg_count; i++)
        emit_land(emitter, jumps[i]);
    return emit_negated(emitter, node, result, reg);
}

/* ---- CASE, COALESCE, calls ----------------------------------------------------------------------
 */

/* The WHEN at `i` as a comparison with the operand, which is computed only once. */
static int32_t emit_case_when(struct emitter *emitter, const struct expr_node *node, size_t i,
                              int32_t operand, uint16_t reg)
{
    const struct expr_node *side = node->sides[i / 2];
    int32_t left = operand;

    CHECK(node->kind == NODE_CASE && node->has_operand);
    if (side != node->args[0] && side->kind == NODE_CAST && side->args[0] == node->args[0])
        left = emit_cast_of(emitter, side, operand, reg++);
    else if (side != node->args[0])
        left = emit_node(emitter, side, reg++); /* a constant */
    emit_compare_to(emitter, AST_OP_EQ, side->type.kind, left, node->args[i], reg);
    return reg;
}

static int32_t emit_case(struct emitter *emitter, const struct expr_node *node, uint16_t reg)
{
    size_t first = node->has_operand ? 1 : 0, count = node->arg_count, jump_count = 0;
    size_t *jumps = arena_alloc(emitter->binder->arena, count * sizeof(*jumps));
    uint16_t next = (uint16_t)(reg + (node->has_operand ? 1 : 0));
    int32_t operand = node->has_operand ? emit_node(emitter, node->args[0], reg) : 0;

    CHECK(node->kind == NODE_CASE);
    for (size_t i = first; i + 1 < count; i += 2) {
        int32_t when = node->has_operand ? emit_case_when(emitter, node, i, operand, next)
                                         : emit_node(emitter, node->args[i], next);
        size_t skip = emit_code(
            emitter, (struct expr_instr){.op = EXPR_JUMP_NOT_TRUE, .a = when, .out = next});
        emit_into(emitter, node->args[i + 1], next);
        jumps[jump_count++] = emit_code(emitter, (struct expr_instr){.op = EXPR_JUMP, .out = next});
        emit_land(emitter, skip);
    }
    emit_into(emitter, node->args[count - 1], next);
    for (size_t i = 0; i < jump_count; i++)
        emit_land(emitter, jumps[i]);
    emit_move(emitter, next, reg);
    return reg;
}

static int32_t emit_coalesce(struct emitter *emitter, const struct expr_node *node, uint16_t reg)
{
    size_t *jumps = arena_alloc(emitter->binder->arena, node->arg_count * sizeof(*jumps));

    CHECK(node->kind == NODE_COALESCE);
    for (size_t i = 0; i < node->arg_count; i++) {
        emit_into(emitter, node->args[i], reg);
        jumps[i] =
            emit_code(emitter, (struct expr_instr){.op = EXPR_JUMP_NOT_NULL, .a = reg, .out = reg});
    }
    for (size_t i = 0; i < node->arg_count; i++)
        emit_land(emitter, jumps[i]);
    return reg;
}

static int32_t emit_arithmetic(struct emitter *emitter, const struct expr_node *node, uint16_t reg)
{
    uint16_t next = (uint16_t)(reg + 1);
    int32_t a = emit_node(emitter, node->args[0], reg);
    int32_t b = node->arg_count == 2 ? emit_node(emitter, node->args[1], next) : a;
    struct expr_instr instr = {
        .op = EXPR_ARITHMETIC, .detail = (uint8_t)node->op, .out = reg, .a = a, .b = b};

    CHECK(node->arg_count == 1 || node->arg_count == 2);
    if (node->arg_count == 2 && node->args[0]->type.kind == VALUE_BIGINT &&
        node->args[1]->type.kind == VALUE_BIGINT &&
        (node->op == AST_OP_ADD || node->op == AST_OP_SUB)) {
        instr.op = EXPR_ADD_BIGINT;
        instr.detail = node->op == AST_OP_SUB;
    }
    (void)emit_code(emitter, instr);
    return reg;
}

static int32_t emit_call(struct emitter *emitter, const struct expr_node *node, uint16_t reg)
{
    const struct expr_function **function =
        emit_add(emitter, &emitter->functions, sizeof(*function));
    uint32_t index = (uint32_t)emitter->functions.count - 1;

    CHECK(node->function != NULL);
    *function = node->function;
    emitter->uses_caller = emitter->uses_caller || (node->function->flags & EXPR_STABLE) != 0;
    for (size_t i = 0; i < node->arg_count; i++)
        emit_into(emitter, node->args[i], (uint16_t)(reg + i));
    (void)emit_code(
        emitter,
        (struct expr_instr){
            .op = EXPR_CALL, .out = reg, .a = reg, .b = (int32_t)node->arg_count, .c = index});
    return reg;
}

static int32_t emit_node(struct emitter *emitter, const struct expr_node *node, uint16_t reg)
{
    CHECK(reg < EMIT_REGISTERS_MAX && node->arg_count < EMIT_REGISTERS_MAX * 64u);
    switch (node->kind) {
    case NODE_CONSTANT:
        return emit_constant(emitter, node->value);
    case NODE_PARAM:
        return emit_param(emitter, node, reg);
    case NODE_COLUMN:
        return emit_column(emitter, node, reg);
    case NODE_CAST:
        return emit_cast(emitter, node, reg);
    case NODE_AND:
    case NODE_OR:
        return emit_logic(emitter, node, reg);
    case NODE_NOT:
    case NODE_IS_NULL:
    case NODE_IS_BOOL:
        return emit_simple(emitter, node, reg);
    case NODE_COMPARE:
    case NODE_DISTINCT:
        return emit_compare(emitter, node, reg);
    case NODE_IN:
        return emit_in(emitter, node, reg);
    case NODE_BETWEEN:
        return emit_between(emitter, node, reg);
    case NODE_CASE:
        return emit_case(emitter, node, reg);
    case NODE_ARITHMETIC:
        return emit_arithmetic(emitter, node, reg);
    case NODE_COALESCE:
        return emit_coalesce(emitter, node, reg);
    case NODE_CALL:
        return emit_call(emitter, node, reg);
    }
    UNREACHABLE("unknown kind of node");
}

/* ---- bounds -------------------------------------------------------------------------------------
 */

/* The value can stand for the column's: equal types, or integers of any width. */
static bool emit_bound_fits(const struct expr_node *column, const struct expr_node *value)
{
    CHECK(column->kind == NODE_COLUMN);
    if (!expr_node_is_constant(value))
        return false;
    return column->type.kind == value->type.kind ||
           (value_type_is_integer(column->type.kind) && value_type_is_integer(value->type.kind));
}

/* Marks the parts of the top-level AND that bound a column; true if there are no others. */
static bool emit_mark_bounds(struct expr_node *node)
{
    CHECK(node->type.kind == VALUE_BOOLEAN);
    if (node->kind == NODE_AND) {
        bool left = emit_mark_bounds(node->args[0]);
        return emit_mark_bounds(node->args[1]) && left;
    }
    bool compare = node->kind == NODE_COMPARE && node->op != AST_OP_NE;
    bool in = node->kind == NODE_IN && !node->negated;
    if ((!compare && !in) || node->args[0]->kind != NODE_COLUMN)
        return false;
    node->bound = true;
    for (size_t i = 1; i < node->arg_count; i++)
        node->bound = node->bound && emit_bound_fits(node->args[0], node->args[i]);
    return node->bound;
}

/* ---- the block ----------------------------------------------------------------------------------
 */

/* Bytes of texts that constants borrow. */
static size_t emit_text_bytes(const struct emitter *emitter)
{
    const struct value *values = emitter->constants.items;
    size_t bytes = 0;

    CHECK(emitter->constants.count == 0 || emitter->constants.items != NULL);
    for (size_t i = 0; i < emitter->constants.count; i++) {
        if (!values[i].is_null && value_type_is_text(values[i].type))
            bytes += values[i].text.size;
    }
    return bytes;
}

/* Takes `size` bytes of the block, 16-aligned, and fills them from the list. */
static void *emit_place(char **next, const void *items, size_t size)
{
    char *place = *next;

    CHECK((uintptr_t)place % 16 == 0);
    if (size > 0)
        memcpy(place, items, size);
    *next += (size + 15) & ~(size_t)15;
    return place;
}

static struct expr_program *emit_block(const struct emitter *emitter, struct str description)
{
    size_t text_bytes = emit_text_bytes(emitter);
    size_t size = sizeof(struct expr_program) + emitter->code.count * sizeof(struct expr_instr) +
                  emitter->constants.count * sizeof(struct value) +
                  emitter->params.count * sizeof(struct expr_param_use) +
                  emitter->casts.count * sizeof(struct expr_cast) +
                  emitter->functions.count * sizeof(void *) +
                  emitter->bounds.count * sizeof(struct expr_bound_code) +
                  emitter->bound_values.count * sizeof(struct expr_bound_value) +
                  emitter->column_words * sizeof(uint64_t) + description.size + text_bytes;
    size_t block_bytes = size + 12 * 16;
    char *block = mem_zalloc(block_bytes);
    struct expr_program *program = (struct expr_program *)(void *)block;
    char *next = block + ((sizeof(*program) + 15) & ~(size_t)15);

    program->code =
        emit_place(&next, emitter->code.items, emitter->code.count * sizeof(struct expr_instr));
    struct value *constants = emit_place(&next, emitter->constants.items,
                                         emitter->constants.count * sizeof(struct value));
    program->constants = constants;
    program->params = emit_place(&next, emitter->params.items,
                                 emitter->params.count * sizeof(struct expr_param_use));
    program->casts =
        emit_place(&next, emitter->casts.items, emitter->casts.count * sizeof(struct expr_cast));
    program->functions =
        emit_place(&next, emitter->functions.items, emitter->functions.count * sizeof(void *));
    program->bounds = emit_place(&next, emitter->bounds.items,
                                 emitter->bounds.count * sizeof(struct expr_bound_code));
    program->bound_values =
        emit_place(&next, emitter->bound_values.items,
                   emitter->bound_values.count * sizeof(struct expr_bound_value));
    program->columns =
        emit_place(&next, emitter->columns, emitter->column_words * sizeof(uint64_t));
    program->description =
        str_from(emit_place(&next, description.data, description.size), description.size);
    for (size_t i = 0; i < emitter->constants.count; i++) {
        if (constants[i].is_null || !value_type_is_text(constants[i].type))
            continue;
        if (constants[i].text.size > 0)
            memcpy(next, constants[i].text.data, constants[i].text.size);
        constants[i].text.data = next;
        next += constants[i].text.size;
    }
    CHECK(next <= block + block_bytes);
    program->bytes = block_bytes;
    return program;
}

enum status expr_emit(struct expr_binder *binder, struct expr_node *root, struct expr_program **out)
{
    size_t columns = binder->scope->column_count + binder->scope->excluded_count;
    struct emitter emitter = {.binder = binder, .column_words = (uint32_t)(columns / 64 + 1)};
    struct buf text = {0};
    bool is_bounds = false;

    CHECK(root != NULL && binder->scope != NULL);
    emitter.columns = arena_zalloc(binder->arena, emitter.column_words * sizeof(*emitter.columns));
    if (root->type.kind == VALUE_BOOLEAN)
        is_bounds = emit_mark_bounds(root);
    int32_t result = emit_node(&emitter, root, 0);
    if (emitter.has_mismatch)
        return expr_error(binder, STATUS_TYPE_MISMATCH, root->start,
                          "the types of a comparison do not match");
    if (emitter.registers > EMIT_REGISTERS_MAX)
        return expr_error(binder, STATUS_INVALID_SQL, root->start,
                          "expression is nested too deeply");
    if (emitter.code.count > 1 || (root->kind != NODE_PARAM && root->kind != NODE_CONSTANT))
        expr_describe_node(root, &text);
    if (text.size > EMIT_DESCRIPTION_MAX)
        text.size = EMIT_DESCRIPTION_MAX;
    struct expr_program *program = emit_block(&emitter, buf_str(&text));
    buf_clear(&text);
    refs_init(&program->refs);
    program->type = root->type;
    program->result = result;
    program->end = (uint32_t)emitter.code.count;
    program->registers = emitter.registers;
    program->param_count = (uint32_t)emitter.params.count;
    program->bound_count = (uint32_t)emitter.bounds.count;
    program->column_words = emitter.column_words;
    program->uses_caller = emitter.uses_caller;
    program->is_bounds = is_bounds;
    *out = program;
    return STATUS_OK;
}
