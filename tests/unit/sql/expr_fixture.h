/* expr_fixture.h — compiles and runs an expression over one fixed row and writes the answer as
 * text.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TEST_EXPR_FIXTURE_H
#define TEST_EXPR_FIXTURE_H

#include "base/arena.h"
#include "base/buf.h"
#include "sql/expr.h"
#include "sql/parser.h"
#include "value/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct expr_column fixture_columns[] = {
    {STR_LIT("i"), {.kind = VALUE_BIGINT}, false},
    {STR_LIT("s"), {.kind = VALUE_SMALLINT}, false},
    {STR_LIT("n"), {.kind = VALUE_INT}, false},
    {STR_LIT("d"), {.kind = VALUE_DECIMAL, .precision = 10, .scale = 2}, false},
    {STR_LIT("f"), {.kind = VALUE_DOUBLE}, false},
    {STR_LIT("r"), {.kind = VALUE_FLOAT}, false},
    {STR_LIT("t"), {.kind = VALUE_TEXT}, false},
    {STR_LIT("j"), {.kind = VALUE_JSON}, false},
    {STR_LIT("u"), {.kind = VALUE_UUID}, false},
    {STR_LIT("b"), {.kind = VALUE_BOOLEAN}, false},
    {STR_LIT("dt"), {.kind = VALUE_DATE}, false},
    {STR_LIT("tm"), {.kind = VALUE_TIME}, false},
    {STR_LIT("ts"), {.kind = VALUE_TIMESTAMP}, false},
    {STR_LIT("y"), {.kind = VALUE_BYTES}, false},
    {STR_LIT("ni"), {.kind = VALUE_BIGINT}, false},
    {STR_LIT("nt"), {.kind = VALUE_TEXT}, false},
    {STR_LIT("nb"), {.kind = VALUE_BOOLEAN}, false},
    {STR_LIT("nj"), {.kind = VALUE_JSON}, false},
};
enum { FIXTURE_COLUMNS = sizeof(fixture_columns) / sizeof(fixture_columns[0]) };
static const char *const fixture_texts[FIXTURE_COLUMNS] = {
    "5",
    "2",
    "-7",
    "12.50",
    "0.1",
    "1.5",
    "Hello",
    "{\"a\": 1, \"b\": {\"c\": [10, \"x\\ny\", null, true]}, \"a\": 2, \"e\\u00e9\": "
    "\"\\ud83d\\ude00\"}",
    "0190a0b0-0000-7000-8000-00000000abcd",
    "true",
    "2026-01-31",
    "10:20:30",
    "2026-01-31 10:20:30.5",
    "\\x00ff",
    NULL,
    NULL,
    NULL,
    NULL,
};

struct fixture {
    struct arena arena;
    struct error err;
    struct value row[2 * FIXTURE_COLUMNS];
    struct expr_scope scope;
    struct expr_context context;
};

static inline void fixture_column(void *row, size_t index, struct value *out)
{
    *out = ((struct value *)row)[index];
}

static inline void fixture_init(struct fixture *f)
{
    *f = (struct fixture){0};
    arena_init(&f->arena, 0);
    for (size_t i = 0; i < FIXTURE_COLUMNS; i++) {
        const struct data_type *type = &fixture_columns[i].type;
        f->row[i] = value_null(type->kind);
        if (fixture_texts[i] != NULL)
            assert_int_equal(
                value_parse(str_from_c(fixture_texts[i]), type, &f->arena, &f->row[i], &f->err),
                STATUS_OK);
        f->row[FIXTURE_COLUMNS + i] = f->row[i];
    }
    f->scope = (struct expr_scope){.columns = fixture_columns,
                                   .column_count = FIXTURE_COLUMNS,
                                   .qualifier = STR_LIT("t1"),
                                   .allow_per_row_functions = true};
    f->context = (struct expr_context){.arena = &f->arena,
                                       .now_us = INT64_C(1769854830000000),
                                       .user = STR_LIT("ann"),
                                       .role = STR_LIT("dba"),
                                       .column = fixture_column,
                                       .row = f->row};
}

static inline void fixture_clear(struct fixture *f)
{
    arena_clear(&f->arena);
}

/* DELETE keeps our parser from handing an expression to DuckDB. */
static inline const struct ast_expr *fixture_parse(struct fixture *f, const char *text)
{
    struct ast_statement *statement = NULL;
    struct str sql = arena_printf(&f->arena, "DELETE FROM x WHERE %s", text);

    if (sql_parse(sql, &f->arena, &statement, &f->err) != STATUS_OK)
        fail_msg("%s: %s", text, f->err.message);
    return statement->del.where;
}

static inline enum status fixture_compile(struct fixture *f, const char *text,
                                          const struct data_type *target, struct expr_program **out)
{
    return expr_compile(fixture_parse(f, text), &f->scope, target, out, &f->err);
}

/* "NULL", "type:text", or "!STATUS" of compiling, "?STATUS" of running. */
static inline struct str fixture_eval(struct fixture *f, const char *text,
                                      const struct data_type *target)
{
    struct expr_program *program;
    struct value value;
    struct buf out = {0};
    enum status status = fixture_compile(f, text, target, &program);

    if (status != STATUS_OK)
        return arena_printf(&f->arena, "!%s", status_name(status));
    struct buf description = {0};
    expr_describe(program, &description);
    assert_true(description.size > 0);
    buf_clear(&description);
    status = expr_run(program, &f->context, &value, &f->err);
    if (status != STATUS_OK) {
        expr_unref(program);
        return arena_printf(&f->arena, "?%s", status_name(status));
    }
    if (value.is_null) {
        buf_printf(&out, "NULL");
    } else {
        if (value.type != expr_type(program)->kind)
            fail_msg("%s: value of type %s, program of type %s", text, value_type_name(value.type),
                     value_type_name(expr_type(program)->kind));
        value_format(&value, &out);
    }
    struct str result = arena_copy(&f->arena, buf_str(&out));
    buf_clear(&out);
    expr_unref(program);
    return result;
}

static inline void fixture_check(struct fixture *f, const char *text, const char *want)
{
    struct str got = fixture_eval(f, text, NULL);

    if (!str_equal(got, str_from_c(want)))
        fail_msg("%s\n  got  %.*s%s%s\n  want %s", text, STR_ARG(got),
                 got.size > 0 && (got.data[0] == '!' || got.data[0] == '?') ? ": " : "",
                 got.size > 0 && (got.data[0] == '!' || got.data[0] == '?') ? f->err.message : "",
                 want);
}

#endif
