/* program.c — what others ask of a compiled expression: its type, columns, parameters, text,
 * bounds.
 *
 * The program of a bound's value owns nothing but a reference to its parent: it runs a range of the
 * parent's code.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/expr/expr_internal.h"

#include "base/mem.h"
#include "base/refs.h"
#include "value/text.h"

enum { STEP_BYTES = 8 }; /* in the time of a step so many can be looked at */

struct expr_program *expr_ref(struct expr_program *program)
{
    CHECK(program != NULL);
    refs_add(&program->refs);
    return program;
}

void expr_unref(struct expr_program *program)
{
    if (program == NULL || !refs_drop(&program->refs))
        return;
    struct expr_program *parent = program->parent;
    mem_free(program);
    if (parent != NULL)
        expr_unref(parent); /* a parent has no parent: no deep recursion */
}

const struct data_type *expr_type(const struct expr_program *program)
{
    CHECK(program != NULL);
    return &program->type;
}

bool expr_uses_column(const struct expr_program *program, size_t index)
{
    CHECK(program != NULL);
    return index / 64 < program->column_words &&
           (program->columns[index / 64] >> index % 64 & 1) != 0;
}

bool expr_is_constant(const struct expr_program *program)
{
    CHECK(program != NULL);
    for (uint32_t i = 0; i < program->column_words; i++) {
        if (program->columns[i] != 0)
            return false;
    }
    return true;
}

size_t expr_bytes(const struct expr_program *program)
{
    CHECK(program != NULL);
    return program->bytes;
}

uint64_t expr_base_work(const struct expr_program *program)
{
    CHECK(program->begin <= program->end);
    return (uint64_t)(program->end - program->begin) * STEP_BYTES;
}

bool expr_uses_caller(const struct expr_program *program)
{
    CHECK(program != NULL);
    return program->uses_caller;
}

void expr_describe(const struct expr_program *program, struct buf *out)
{
    CHECK(program != NULL && out != NULL);
    if (program->description.size > 0) {
        buf_append_str(out, program->description);
        return;
    }
    if (program->result < 0) {
        const struct value *value = &program->constants[~program->result];
        bool quoted =
            !value->is_null && !value_type_is_number(value->type) && value->type != VALUE_BOOLEAN;

        if (quoted)
            buf_append_byte(out, '\'');
        if (value->is_null)
            buf_printf(out, "NULL");
        value_format(value, out);
        if (quoted)
            buf_append_byte(out, '\'');
    } else if (program->param_count > 0) {
        buf_printf(out, "$%u", program->params[0].number);
    } else {
        buf_append_byte(out, '?');
    }
}

/* ---- parameters ---------------------------------------------------------------------------------
 */

enum value_type expr_param_type(const struct expr_program *program, uint32_t number)
{
    enum value_type type = VALUE_NULL;

    CHECK(number > 0);
    for (uint32_t i = 0; i < program->param_count; i++) {
        if (program->params[i].number != number)
            continue;
        if (type != VALUE_NULL && type != program->params[i].type)
            return VALUE_NULL;
        type = program->params[i].type;
    }
    return type;
}

enum status expr_convert_params(const struct expr_program *program, const struct value *params,
                                size_t count, struct arena *arena, struct value *out,
                                struct error *err)
{
    const struct expr_context context = {.params = params, .param_count = count};

    CHECK(count == 0 || (params != NULL && out != NULL));
    if (count > 0)
        memcpy(out, params, count * sizeof(*out));
    for (uint32_t i = 0; i < program->param_count; i++) {
        const struct expr_param_use *use = &program->params[i];

        if (use->number > count || expr_param_type(program, use->number) == VALUE_NULL)
            continue;
        enum status status = expr_param_value(use, &context, arena, &out[use->number - 1], err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* ---- bounds -------------------------------------------------------------------------------------
 */

static struct expr_program *program_of_bound(const struct expr_program *program,
                                             const struct expr_bound_code *bound,
                                             const struct expr_bound_value *value)
{
    struct expr_program *made = mem_zalloc(sizeof(*made));
    union {
        const struct expr_program *constant;
        struct expr_program *counted;
    } parent = {program}; /* only its counter changes */

    CHECK(program->parent == NULL && value->begin <= value->end);
    refs_init(&made->refs); /* the parent's may change meanwhile: not copied */
    made->parent = expr_ref(parent.counted);
    made->code = program->code;
    made->constants = program->constants;
    made->params = program->params;
    made->casts = program->casts;
    made->functions = program->functions;
    made->type = bound->type;
    made->relabel = value_type_is_integer(bound->type.kind);
    made->begin = value->begin;
    made->end = value->end;
    made->result = value->result;
    made->registers = program->registers;
    made->param_count = program->param_count;
    made->uses_caller = program->uses_caller;
    return made; /* constant: no columns, no bounds */
}

size_t expr_bounds(const struct expr_program *program, struct expr_bound **out)
{
    struct expr_bound *bounds;

    CHECK(program->bound_count == 0 || program->parent == NULL);
    *out = NULL;
    if (program->bound_count == 0)
        return 0;
    bounds = mem_calloc(program->bound_count, sizeof(*bounds));
    for (uint32_t i = 0; i < program->bound_count; i++) {
        const struct expr_bound_code *code = &program->bounds[i];

        bounds[i].column = code->column;
        bounds[i].op = code->op;
        bounds[i].value_count = code->count;
        bounds[i].values = mem_calloc(code->count, sizeof(struct expr_program *));
        for (uint32_t j = 0; j < code->count; j++)
            bounds[i].values[j] =
                program_of_bound(program, code, &program->bound_values[code->first + j]);
    }
    *out = bounds;
    return program->bound_count;
}

void expr_bounds_free(struct expr_bound *bounds, size_t count)
{
    CHECK(bounds != NULL || count == 0);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < bounds[i].value_count; j++)
            expr_unref(bounds[i].values[j]);
        mem_free(bounds[i].values);
    }
    mem_free(bounds);
}

bool expr_is_bounds(const struct expr_program *program)
{
    CHECK(program->bound_count > 0 || !program->is_bounds);
    return program->is_bounds;
}
