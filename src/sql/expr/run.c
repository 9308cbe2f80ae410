/* run.c — runs a program: one loop over its instructions, no recursion.
 *
 * Registers lie on the stack up to RUN_REGISTERS, else in the arena. Results borrow from the row,
 * from the program's constants or from the context's arena.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/expr/expr_internal.h"

#include "value/cast.h"
#include "value/decimal.h"
#include "value/number.h"
#include "value/text.h"

#include <stdio.h>

enum { RUN_REGISTERS = 16 };

struct machine {
    const struct expr_program *program;
    struct expr_context *context;
    struct value *registers;
    struct error *err;
};

static inline const struct value *machine_operand(const struct machine *m, int32_t operand)
{
    CHECK_SLOW(operand < (int32_t)m->program->registers || operand <= 0);
    return operand >= 0 ? &m->registers[operand] : &m->program->constants[~operand];
}

/* ---- casts and parameters -----------------------------------------------------------------------
 */

/* To DECIMAL with the scale the value has. */
static enum status run_cast_natural(const struct value *value, struct value *out, struct error *err)
{
    struct decimal decimal = {0};
    enum decimal_parse_result result = DECIMAL_MALFORMED;
    char digits[32];
    struct str text = value->text;

    CHECK(!value->is_null);
    if (value->type == VALUE_DECIMAL) {
        *out = *value;
        return STATUS_OK;
    }
    if (value_type_is_integer(value->type)) {
        *out = value_decimal(value->integer, 38, 0);
        return STATUS_OK;
    }
    if (value->type == VALUE_FLOAT || value->type == VALUE_DOUBLE) {
        int size = snprintf(digits, sizeof(digits), "%.*g", value->type == VALUE_FLOAT ? 6 : 15,
                            value->real);
        text = str_from(digits, (size_t)size);
        result = decimal_parse(text, &decimal);
    } else if (value_type_is_text(value->type) && value->type != VALUE_BYTES) {
        text = str_trim(text);
        result = decimal_parse(text, &decimal);
    }
    if (result == DECIMAL_PARSED) {
        *out = value_decimal(decimal.unscaled, 38, decimal.scale);
        return STATUS_OK;
    }
    if (result == DECIMAL_OVERFLOW)
        return error_set(err, STATUS_CONSTRAINT_VIOLATION, "DECIMAL out of range");
    return error_set(err, STATUS_TYPE_MISMATCH, "invalid input for type DECIMAL");
}

/* Types whose text is DuckDB's and not PostgreSQL's. */
static bool run_has_own_text(enum value_type type)
{
    CHECK((unsigned)type < VALUE_TYPE_COUNT);
    return type == VALUE_FLOAT || type == VALUE_DOUBLE || type == VALUE_BYTES;
}

static enum status run_cast_text(const struct value *value, const struct expr_cast *cast,
                                 struct arena *arena, struct value *out, struct error *err)
{
    struct buf formatted = {0};
    struct value text;

    CHECK(!value->is_null && run_has_own_text(value->type));
    value_format_cast(value, &formatted);
    text = value_text(VALUE_TEXT, arena_copy(arena, buf_str(&formatted)));
    buf_clear(&formatted);
    return value_cast(&text, &cast->type, CAST_EXPLICIT, arena, out, err); /* VARCHAR(n) */
}

enum status expr_cast_value(const struct value *value, const struct expr_cast *cast,
                            struct arena *arena, struct value *out, struct error *err)
{
    if (value->is_null) {
        *out = value_null(cast->type.kind);
        return STATUS_OK;
    }
    if (cast->natural && cast->type.kind == VALUE_DECIMAL)
        return run_cast_natural(value, out, err);
    CHECK(cast->type.kind != VALUE_NULL);
    if (cast->type.kind == VALUE_TEXT && !cast->assignment && run_has_own_text(value->type))
        return run_cast_text(value, cast, arena, out, err);
    return value_cast(value, &cast->type, cast->assignment ? CAST_ASSIGNMENT : CAST_EXPLICIT, arena,
                      out, err);
}

enum status expr_param_value(const struct expr_param_use *use, const struct expr_context *context,
                             struct arena *arena, struct value *out, struct error *err)
{
    struct expr_cast cast = {.type = {.kind = use->type}, .natural = use->type == VALUE_DECIMAL};

    CHECK(use->number > 0);
    if (use->number > context->param_count)
        return error_set(err, STATUS_INVALID_PARAMETER, "parameter $%u is missing", use->number);
    const struct value *given = &context->params[use->number - 1];
    if (LIKELY(given->type == use->type)) {
        *out = *given;
        return STATUS_OK;
    }
    enum status status = expr_cast_value(given, &cast, arena, out, err);
    if (LIKELY(status == STATUS_OK) || use->lifted)
        return status;
    if (use->column.size > 0)
        error_prefix(err, "parameter $%u (column \"%.*s\")", use->number, STR_ARG(use->column));
    else
        error_prefix(err, "parameter $%u", use->number);
    return status;
}

/* ---- comparison ---------------------------------------------------------------------------------
 */

static inline struct value run_decide(uint8_t mask, int order)
{
    CHECK_SLOW(order >= -1 && order <= 1);
    return value_boolean((mask >> (order + 1) & 1) != 0);
}

static void run_compare(const struct expr_instr *instr, const struct value *a,
                        const struct value *b, struct value *out)
{
    int order;

    CHECK_SLOW(instr->op == EXPR_COMPARE);
    if (a->is_null || b->is_null) {
        *out = value_null(VALUE_BOOLEAN);
        return;
    }
    order = value_compare(a, b);
    *out = run_decide(instr->detail, order < 0 ? -1 : order > 0);
}

static void run_compare_text(const struct expr_instr *instr, const struct value *a,
                             const struct value *b, struct value *out)
{
    CHECK_SLOW(instr->op == EXPR_COMPARE_TEXT);
    if (a->is_null || b->is_null) {
        *out = value_null(VALUE_BOOLEAN);
        return;
    }
    if (instr->detail == EXPR_EQUAL) {
        *out = value_boolean(str_equal(a->text, b->text));
        return;
    }
    int order = str_compare(a->text, b->text);
    *out = run_decide(instr->detail, order < 0 ? -1 : order > 0);
}

static inline void run_compare_integer(const struct expr_instr *instr, const struct value *a,
                                       const struct value *b, struct value *out)
{
    CHECK_SLOW(instr->op == EXPR_COMPARE_INTEGER);
    if (a->is_null || b->is_null)
        *out = value_null(VALUE_BOOLEAN);
    else
        *out = run_decide(instr->detail, (a->integer > b->integer) - (a->integer < b->integer));
}

static void run_distinct(const struct expr_instr *instr, const struct value *a,
                         const struct value *b, struct value *out)
{
    bool distinct = a->is_null || b->is_null ? a->is_null != b->is_null : value_compare(a, b) != 0;

    CHECK(instr->detail <= 1);
    *out = value_boolean(distinct != instr->detail);
}

static void run_in_set(const struct machine *m, const struct expr_instr *instr,
                       const struct value *a, struct value *out)
{
    const struct value *set = m->program->constants + instr->c;
    size_t low = 0, high = (size_t)instr->b;

    CHECK(instr->b >= 0);
    if (a->is_null) {
        *out = value_null(VALUE_BOOLEAN);
        return;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = value_compare(a, &set[middle]);

        if (order == 0) {
            *out = value_boolean(true);
            return;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    *out = instr->detail ? value_null(VALUE_BOOLEAN) : value_boolean(false);
}

/* ---- logic --------------------------------------------------------------------------------------
 */

static inline bool run_is_true(const struct value *value)
{
    CHECK_SLOW(value->is_null || value->type == VALUE_BOOLEAN);
    return !value->is_null && value->boolean;
}

static inline bool run_is_false(const struct value *value)
{
    CHECK_SLOW(value->is_null || value->type == VALUE_BOOLEAN);
    return !value->is_null && !value->boolean;
}

static inline struct value run_and(const struct value *a, const struct value *b)
{
    CHECK_SLOW(a->is_null || a->type == VALUE_BOOLEAN);
    if (run_is_false(a) || run_is_false(b))
        return value_boolean(false);
    return a->is_null || b->is_null ? value_null(VALUE_BOOLEAN) : value_boolean(true);
}

static inline struct value run_or(const struct value *a, const struct value *b)
{
    CHECK_SLOW(b->is_null || b->type == VALUE_BOOLEAN);
    if (run_is_true(a) || run_is_true(b))
        return value_boolean(true);
    return a->is_null || b->is_null ? value_null(VALUE_BOOLEAN) : value_boolean(false);
}

static inline struct value run_not(const struct value *a)
{
    CHECK_SLOW(a->is_null || a->type == VALUE_BOOLEAN);
    return a->is_null ? value_null(VALUE_BOOLEAN) : value_boolean(!a->boolean);
}

static struct value run_is_bool(const struct expr_instr *instr, const struct value *a)
{
    CHECK(instr->detail <= 2);
    if (instr->detail == 2)
        return value_boolean(a->is_null);
    return value_boolean(!a->is_null && a->boolean == (instr->detail == 1));
}

/* ---- numbers and calls --------------------------------------------------------------------------
 */

static enum status run_arithmetic(const struct expr_instr *instr, const struct value *a,
                                  const struct value *b, struct value *out, struct error *err)
{
    switch ((enum ast_operator)instr->detail) {
    case AST_OP_ADD:
        return value_add(a, b, out, err);
    case AST_OP_SUB:
        return value_sub(a, b, out, err);
    case AST_OP_MUL:
        return value_mul(a, b, out, err);
    case AST_OP_DIV:
        return value_div(a, b, out, err);
    case AST_OP_MOD:
        return value_mod(a, b, out, err);
    case AST_OP_NEG:
        return value_neg(a, out, err);
    default:
        UNREACHABLE("not an arithmetic operator");
    }
}

static inline enum status run_add_bigint(const struct expr_instr *instr, const struct value *a,
                                         const struct value *b, struct value *out,
                                         struct error *err)
{
    int64_t sum;

    CHECK_SLOW(instr->detail <= 1);
    if (a->is_null || b->is_null) {
        *out = value_null(VALUE_BIGINT);
        return STATUS_OK;
    }
    if (instr->detail ? __builtin_sub_overflow(a->integer, b->integer, &sum)
                      : __builtin_add_overflow(a->integer, b->integer, &sum))
        return error_set(err, STATUS_SQL_EXECUTION_ERROR, "bigint out of range");
    *out = value_integer(VALUE_BIGINT, sum);
    return STATUS_OK;
}

static enum status run_charge_check(const struct expr_context *context, uint64_t bytes,
                                    struct error *err)
{
    uint64_t before = context->work - bytes;

    CHECK(bytes <= context->work);
    if (LIKELY(before / EXPR_WORK_CHECK == context->work / EXPR_WORK_CHECK ||
               context->check == NULL))
        return STATUS_OK;
    return context->check(context->check_context, err);
}

enum status expr_charge(struct expr_context *context, uint64_t bytes, struct error *err)
{
    CHECK(bytes < UINT64_MAX / 2);
    context->work += bytes;
    if (LIKELY(context->work <= context->work_max || context->work_max == 0))
        return run_charge_check(context, bytes, err);
    if (context->work_elsewhere)
        return STATUS_WOULD_BLOCK;
    error_set(err, STATUS_SQL_EXECUTION_ERROR, "the expressions of %s take too long",
              context->work_shared ? "the rows of this change" : "a row");
    error_hint(err, "query.row_work bounds what they look at%s",
               context->work_shared ? ", of all rows together: change fewer at a time" : "");
    return STATUS_SQL_EXECUTION_ERROR;
}

enum status expr_charge_each(struct expr_context *context, uint64_t count, uint64_t each,
                             struct error *err)
{
    uint64_t bytes;

    CHECK(context != NULL);
    if (__builtin_mul_overflow(count, each, &bytes) || bytes > INT64_MAX / 2)
        bytes = INT64_MAX / 2;
    return expr_charge(context, bytes, err);
}

static enum status run_call(struct machine *m, const struct expr_instr *instr, struct value *out)
{
    const struct expr_function *function = m->program->functions[instr->c];
    struct expr_call call = {.function = function,
                             .args = m->registers + instr->a,
                             .count = (size_t)instr->b,
                             .out = out,
                             .context = m->context,
                             .err = m->err};

    uint64_t bytes = 0;

    CHECK(function->run != NULL);
    for (size_t i = 0; i < call.count; i++) {
        if (call.args[i].is_null && (function->flags & EXPR_STRICT)) {
            *out = value_null(function->result);
            return STATUS_OK;
        }
        if (!call.args[i].is_null && value_type_is_text(call.args[i].type))
            bytes += call.args[i].text.size;
    }
    enum status status = expr_charge(m->context, bytes, m->err);
    return status == STATUS_OK ? function->run(&call) : status;
}

/* Two long texts may have to be looked at up to the end of the shorter one. */
static inline enum status run_charge_long(struct machine *m, const struct value *a,
                                          const struct value *b)
{
    if (LIKELY(a->is_null || b->is_null || a->text.size < EXPR_COMPARE_FREE_BYTES ||
               b->text.size < EXPR_COMPARE_FREE_BYTES))
        return STATUS_OK;
    return expr_charge(m->context, a->text.size < b->text.size ? a->text.size : b->text.size,
                       m->err);
}

/* A text is read character by character. */
static enum status run_cast(struct machine *m, const struct value *value,
                            const struct expr_cast *cast, struct value *out)
{
    enum status status = STATUS_OK;

    CHECK(cast->type.kind != VALUE_NULL);
    if (!value->is_null && value_type_is_text(value->type))
        status = expr_charge_each(m->context, value->text.size, EXPR_WORK_CHARACTER, m->err);
    return status == STATUS_OK ? expr_cast_value(value, cast, m->context->arena, out, m->err)
                               : status;
}

/* What remains beside the hot instructions of run_code. */
static enum status run_other(struct machine *m, const struct expr_instr *instr,
                             const struct value *a, const struct value *b, struct value *out)
{
    switch ((enum expr_op)instr->op) {
    case EXPR_PARAM:
        return expr_param_value(&m->program->params[instr->c], m->context, m->context->arena, out,
                                m->err);
    case EXPR_CAST:
        return run_cast(m, a, &m->program->casts[instr->c], out);
    case EXPR_DISTINCT:
        run_distinct(instr, a, b, out);
        return STATUS_OK;
    case EXPR_IS_BOOL:
        *out = run_is_bool(instr, a);
        return STATUS_OK;
    case EXPR_IN_SET:
        run_in_set(m, instr, a, out);
        return STATUS_OK;
    case EXPR_ARITHMETIC:
        return run_arithmetic(instr, a, b, out, m->err);
    case EXPR_ADD_BIGINT:
        return run_add_bigint(instr, a, b, out, m->err);
    case EXPR_CALL:
        return run_call(m, instr, out);
    default:
        UNREACHABLE("unknown instruction");
    }
}

static bool run_jumps(const struct expr_instr *instr, const struct value *a)
{
    switch ((enum expr_op)instr->op) {
    case EXPR_JUMP:
        return true;
    case EXPR_JUMP_FALSE:
        return run_is_false(a);
    case EXPR_JUMP_TRUE:
        return run_is_true(a);
    case EXPR_JUMP_NOT_TRUE:
        return !run_is_true(a);
    default:
        CHECK(instr->op == EXPR_JUMP_NOT_NULL);
        return !a->is_null;
    }
}

static enum status run_code(struct machine *m)
{
    const struct expr_instr *instr = m->program->code + m->program->begin;
    const struct expr_instr *end = m->program->code + m->program->end;

    CHECK(m->program->begin <= m->program->end);
    for (; instr < end; instr++) {
        struct value *out = &m->registers[instr->out];
        enum status status;

        if (instr->op == EXPR_COLUMN) {
            m->context->column(m->context->row, instr->c, out);
            continue;
        }
        if (instr->op >= EXPR_JUMP) {
            if (run_jumps(instr, machine_operand(m, instr->a)))
                instr += instr->c;
            continue;
        }
        const struct value *a = machine_operand(m, instr->a);
        const struct value *b = instr->op == EXPR_IN_SET || instr->op == EXPR_CALL
                                    ? NULL
                                    : machine_operand(m, instr->b);
        switch ((enum expr_op)instr->op) {
        case EXPR_MOVE:
            *out = *a;
            break;
        case EXPR_COMPARE:
            run_compare(instr, a, b, out);
            break;
        case EXPR_COMPARE_INTEGER:
            run_compare_integer(instr, a, b, out);
            break;
        case EXPR_COMPARE_TEXT:
            status = run_charge_long(m, a, b);
            if (status != STATUS_OK)
                return status;
            run_compare_text(instr, a, b, out);
            break;
        case EXPR_NOT:
            *out = run_not(a);
            break;
        case EXPR_AND:
            *out = run_and(a, b);
            break;
        case EXPR_OR:
            *out = run_or(a, b);
            break;
        case EXPR_IS_NULL:
            *out = value_boolean(a->is_null);
            break;
        default:
            status = run_other(m, instr, a, b, out);
            if (status != STATUS_OK)
                return status;
            break;
        }
    }
    return STATUS_OK;
}

/* Runs with the given registers, or with ones in the arena if they are too few. */
static enum status run_program(struct machine *m)
{
    CHECK(m->program != NULL && m->context != NULL);
    if (UNLIKELY(m->program->registers > RUN_REGISTERS))
        m->registers = arena_alloc(m->context->arena, m->program->registers * sizeof(struct value));
    return run_code(m);
}

enum status expr_run(const struct expr_program *program, struct expr_context *context,
                     struct value *out, struct error *err)
{
    struct value registers[RUN_REGISTERS];
    struct machine machine = {
        .program = program, .context = context, .registers = registers, .err = err};
    enum status status = run_program(&machine);

    CHECK(out != NULL);
    if (status != STATUS_OK)
        return status;
    *out = *machine_operand(&machine, program->result);
    if (program->relabel)
        out->type = program->type.kind;
    return STATUS_OK;
}

enum status expr_run_filter(const struct expr_program *program, struct expr_context *context,
                            bool *out, struct error *err)
{
    struct value registers[RUN_REGISTERS];
    struct machine machine = {
        .program = program, .context = context, .registers = registers, .err = err};
    enum status status = run_program(&machine);

    CHECK(program->type.kind == VALUE_BOOLEAN);
    if (status == STATUS_OK)
        *out = run_is_true(machine_operand(&machine, program->result));
    return status;
}
