/* expr.h — expression programs: an AST expression compiled against the columns of one row source,
 * then run once per row. The same program serves WHERE, SET, DEFAULT, VALUES, RETURNING, select
 * lists and live filters, so that one expression gives one answer everywhere.
 *
 * Only types and operators whose PostgreSQL meaning we implement exactly are compiled; for anything
 * else expr_compile answers NOT_SUPPORTED and the caller falls back to DuckDB or refuses. A program
 * is immutable and reference counted; running it needs only an expr_context of the calling thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_EXPR_H
#define SQL_EXPR_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "sql/ast.h"
#include "value/value.h"

/* What a name can mean while compiling. */
struct expr_column {
    struct str name;
    struct data_type type;
    bool not_null;
};

struct expr_scope {
    const struct expr_column *columns; /* their names outlive the program */
    size_t column_count;
    struct str qualifier; /* table name or alias that may stand before a column; empty = none */
    struct str space;     /* namespace that may stand before the qualifier; empty = none */
    const struct expr_column
        *excluded; /* ON CONFLICT: columns of EXCLUDED, indices follow column_count; NULL */
    size_t excluded_count;
    /* VALUE_NULL = not known: taken from the place of use. TEXT has the scale of a number in it. */
    const struct data_type *param_types;
    size_t param_count;
    uint32_t lifted_from; /* parameters from this number on are literals lifted by sql_normalize:
                             errors do not call them parameters; 0 = none */
    bool allow_per_row_functions; /* SNOWFLAKE_ID(), UUID_V7(), ULID(); live filters refuse them */
};

struct expr_program;

/* Compiles to a result of `target` type (cast with CAST_ASSIGNMENT), or, with target NULL, of its
 * own. COLUMN_NOT_FOUND, TYPE_MISMATCH, INVALID_SQL name the thing and its position; NOT_SUPPORTED:
 * see above. */
enum status expr_compile(const struct ast_expr *tree, const struct expr_scope *scope,
                         const struct data_type *target, struct expr_program **out,
                         struct error *err) MUST_CHECK;
struct expr_program *expr_ref(struct expr_program *program);
void expr_unref(struct expr_program *program); /* NULL is fine */
const struct data_type *expr_type(const struct expr_program *program);
/* Which columns it reads: bit i of a bitmap with `column_count` bits. */
bool expr_uses_column(const struct expr_program *program, size_t index);
bool expr_is_constant(const struct expr_program *program); /* no columns, parameters allowed */
/* Does it ask for NOW(), CURRENT_USER or the like? */
bool expr_uses_caller(const struct expr_program *program);
size_t expr_bytes(const struct expr_program *program); /* of memory */
/* What its steps alone take, as bytes looked at. */
uint64_t expr_base_work(const struct expr_program *program);
/* For EXPLAIN: SQL-like text. */
void expr_describe(const struct expr_program *program, struct buf *out);

/* Values fixed once per statement. */
struct expr_context {
    struct arena *arena;        /* results that are not borrowed lie here */
    const struct value *params; /* already of the types the program was compiled for or castable */
    size_t param_count;
    int64_t now_us;        /* NOW() */
    struct str user, role; /* CURRENT_USER(), CURRENT_ROLE() */
    /* Fetches column `index` of the current row (of EXCLUDED: index ≥ column_count). */
    void (*column)(void *row, size_t index, struct value *out);
    void *row;
    /* Bytes that functions, casts of texts and comparisons of long ones have looked at and may look
     * at, one of which takes about a third of a nanosecond; beyond it, an error or, where the
     * thread must not be held up, WOULD_BLOCK. work_max 0 = as many as there are. */
    uint64_t work, work_max;
    bool work_elsewhere; /* WOULD_BLOCK: a worker takes over */
    bool work_shared;    /* by all rows of a change */
    /* Asked whenever EXPR_WORK_CHECK more have been looked at: go on? NULL: always. */
    enum status (*check)(const void *check_context, struct error *err);
    const void *check_context;
};

/* Parts of query.row_work. */
enum {
    EXPR_WORK_LOOP = 64, /* a 64th for a statement on a loop thread: some ms, then a worker */
    EXPR_WORK_LIVE = 8,  /* an 8th for a row that a live query looks at */
};
enum { EXPR_WORK_CHECK = 1 << 24 };      /* bytes, about 5 ms */
enum { EXPR_COMPARE_FREE_BYTES = 4096 }; /* comparisons with shorter texts are never counted */

/* Errors of the data: SQL_EXECUTION_ERROR (division by zero, out of range), TYPE_MISMATCH,
 * CONSTRAINT_VIOLATION. */
enum status expr_run(const struct expr_program *program, struct expr_context *context,
                     struct value *out, struct error *err) MUST_CHECK;
/* WHERE: NULL counts as false. */
enum status expr_run_filter(const struct expr_program *program, struct expr_context *context,
                            bool *out, struct error *err) MUST_CHECK;

/* The type the program wants for parameter `number` (1-based): VALUE_NULL if it does not use it or
 * in several types. */
enum value_type expr_param_type(const struct expr_program *program, uint32_t number);
/* Converts parameters once to what the program wants, so that a scan does not do it for every row:
 * `out` (count entries) is then given as expr_context.params. A worthwhile step only before many
 * rows. */
enum status expr_convert_params(const struct expr_program *program, const struct value *params,
                                size_t count, struct arena *arena, struct value *out,
                                struct error *err) MUST_CHECK;

/* ---- what the planner and the live router read off a filter
 * -------------------------------------- */

struct expr_bound {
    size_t column;                /* index in the scope */
    enum ast_operator op;         /* AST_OP_EQ, LT, LE, GT, GE, or NONE for IN (several values) */
    struct expr_program **values; /* constant programs of the column's type; 1, or n for IN */
    size_t value_count;
};
/* Top-level AND parts of the form column ⊕ constant, of the program's own type. Programs are owned
 * by the returned array; free with expr_bounds_free. */
size_t expr_bounds(const struct expr_program *program, struct expr_bound **out);
void expr_bounds_free(struct expr_bound *bounds, size_t count);
/* The program is nothing but the AND of these parts. */
bool expr_is_bounds(const struct expr_program *program);

#endif
