/* expr_internal.h — how an expression becomes a program. Private to sql/.
 *
 *   tree (ast.h) ── bind*.c, function.c ──► typed nodes ── emit.c ──► struct
 * expr_program ── run.c
 *
 * Binding gives every node a type, inserts casts and folds constant parts; nodes live in an arena
 * only while compiling. A program is one block of memory: flat code over registers, constants,
 * casts, bounds.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_EXPR_EXPR_INTERNAL_H
#define SQL_EXPR_EXPR_INTERNAL_H

#include "base/buf.h"
#include "base/check.h"
#include "sql/expr.h"

#include <stdatomic.h>

/* ---- functions ----------------------------------------------------------------------------------
 */

struct expr_function;

struct expr_call {
    const struct expr_function *function;
    struct value *args; /* registers side by side; may be overwritten */
    size_t count;
    struct value *out; /* may be &args[0] */
    struct expr_context *context;
    struct error *err;
};

enum expr_function_flag {
    EXPR_STRICT = 1,  /* a NULL argument gives NULL without a call */
    EXPR_STABLE = 2,  /* fixed per statement: not folded */
    EXPR_PER_ROW = 4, /* a new value per row: not folded, needs allow_per_row_functions */
    EXPR_INFIX = 8,   /* described as `a NAME b` */
};

struct expr_binder;
struct expr_node;

struct expr_function {
    const char *name;
    /* A letter per argument: t TEXT, i BIGINT, m TIMESTAMP, else TYPE_MISMATCH; T TEXT or JSON as
     * text, I an integer, N one of at most INT or a parameter, R a number as DOUBLE, else
     * NOT_SUPPORTED, so that DuckDB decides; a any. NULL: bind decides. */
    const char *args;
    uint8_t min, flags;
    enum value_type result;
    enum status (*run)(struct expr_call *call);
    enum status (*bind)(struct expr_binder *binder, struct expr_node *node); /* or NULL */
    double (*real)(double x);                                                /* of expr_run_real */
};

/* ---- nodes --------------------------------------------------------------------------------------
 */

enum node_kind {
    NODE_CONSTANT,
    NODE_PARAM,
    NODE_COLUMN,
    NODE_CAST,
    NODE_AND,
    NODE_OR,
    NODE_NOT,
    NODE_COMPARE,    /* op */
    NODE_DISTINCT,   /* negated */
    NODE_IS_NULL,    /* negated */
    NODE_IS_BOOL,    /* negated, value */
    NODE_IN,         /* negated */
    NODE_BETWEEN,    /* negated; operand is no plain column */
    NODE_CASE,       /* has_operand; an ELSE is always there */
    NODE_ARITHMETIC, /* op */
    NODE_COALESCE,
    NODE_CALL, /* function */
};

struct expr_node {
    enum node_kind kind;
    enum ast_operator op;
    struct data_type type;
    bool unknown; /* a string, NULL or parameter whose type the other side decides; type is TEXT */
    bool negated, has_operand;
    bool bound;      /* column ⊕ constant at the top: its constants are noted by emit.c */
    bool assignment; /* NODE_CAST: CAST_ASSIGNMENT */
    bool natural;    /* NODE_CAST to DECIMAL: keeps the value's own scale */
    uint32_t start, end;
    uint32_t index;     /* column, or number of the parameter */
    uint32_t beside;    /* NODE_PARAM: 1 + the column that it is compared with; 0 = none */
    struct value value; /* NODE_PARAM, unknown: its scale, should it become a DECIMAL */
    const struct expr_function *function;
    struct expr_node **args;
    size_t arg_count;
    struct expr_node **sides; /* NODE_CASE: what each WHEN is compared with: operand or its cast */
};

struct expr_binder {
    const struct expr_scope *scope;
    struct arena *arena;
    struct error *err;
};

/* bind.c */
enum status expr_bind(struct expr_binder *binder, const struct ast_expr *tree,
                      struct expr_node **out) MUST_CHECK;
struct expr_node *expr_node_new(struct expr_binder *binder, enum node_kind kind,
                                enum value_type type, const struct ast_expr *at, size_t args);
struct expr_node *expr_constant(struct expr_binder *binder, struct value value,
                                const struct expr_node *at);
enum status expr_error(struct expr_binder *binder, enum status code, uint32_t start,
                       const char *format, ...) PRINTF_LIKE(4, 5);
enum status expr_not_supported(struct expr_binder *binder, uint32_t start, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* Replaces a node of constants by its value, unless that fails: then the failure comes at run time.
 */
void expr_fold(struct expr_binder *binder, struct expr_node **node);
/* To `type`: unknown nodes take it, others are cast (the caller knows that the cast is right). */
enum status expr_coerce(struct expr_binder *binder, struct expr_node **node,
                        enum value_type type) MUST_CHECK;
/* An argument that must be of this type, or unknown. `what` names who asks: "argument of AND". */
enum status expr_require(struct expr_binder *binder, struct expr_node **node, enum value_type type,
                         const char *what) MUST_CHECK;
bool expr_node_is_constant(const struct expr_node *node); /* no columns, no per-row functions */

/* The arguments of a node. */
enum status expr_bind_args(struct expr_binder *binder, const struct ast_expr *tree,
                           struct expr_node ***out) MUST_CHECK;

/* bind_predicate.c */
enum status expr_bind_in(struct expr_binder *binder, const struct ast_expr *tree,
                         struct expr_node **out) MUST_CHECK;
enum status expr_bind_between(struct expr_binder *binder, const struct ast_expr *tree,
                              struct expr_node **out) MUST_CHECK;
enum status expr_bind_like(struct expr_binder *binder, const struct ast_expr *tree,
                           struct expr_node **out) MUST_CHECK;
enum status expr_bind_distinct(struct expr_binder *binder, const struct ast_expr *tree,
                               struct expr_node **out) MUST_CHECK;

/* bind_operator.c */
enum status expr_bind_binary(struct expr_binder *binder, const struct ast_expr *tree,
                             struct expr_node **out) MUST_CHECK;
enum status expr_bind_compare(struct expr_binder *binder, enum ast_operator op,
                              struct expr_node *left, struct expr_node *right,
                              struct expr_node **out) MUST_CHECK;
/* Makes all sides comparable with the first: in the one type that they need together, as in DuckDB.
 * `ops` names the first comparison and the others in messages. */
enum status expr_match_all(struct expr_binder *binder, const char *const ops[2],
                           struct expr_node **args, size_t count) MUST_CHECK;
/* Makes both sides comparable. */
enum status expr_match(struct expr_binder *binder, const char *op, struct expr_node **left,
                       struct expr_node **right) MUST_CHECK;
/* One type for all (CASE, COALESCE, GREATEST): PostgreSQL's common type; args are coerced. */
enum status expr_common_type(struct expr_binder *binder, struct expr_node **args, size_t count,
                             size_t step, const char *what, struct data_type *out) MUST_CHECK;

/* left ⊕ right of numbers: + - * / %. */
enum status expr_bind_arithmetic(struct expr_binder *binder, enum ast_operator op,
                                 const struct ast_expr *at, struct expr_node **args,
                                 struct expr_node **out) MUST_CHECK;

/* function.c */
enum status expr_bind_call(struct expr_binder *binder, const struct ast_expr *tree,
                           struct expr_node **out) MUST_CHECK;
/* A call of a function that has no name in SQL; args are bound and coerced already. */
enum status expr_call_node(struct expr_binder *binder, const struct expr_function *function,
                           struct expr_node **args, size_t count,
                           struct expr_node **out) MUST_CHECK;

/* describe.c */
void expr_describe_node(const struct expr_node *node, struct buf *out);

/* ---- programs -----------------------------------------------------------------------------------
 */

enum expr_op {
    EXPR_MOVE,
    EXPR_COLUMN,          /* c: column */
    EXPR_PARAM,           /* c: index in params */
    EXPR_CAST,            /* a; c: index in casts */
    EXPR_COMPARE,         /* a, b; detail: mask of wanted orders */
    EXPR_COMPARE_INTEGER, /* both hold .integer of one class */
    EXPR_COMPARE_TEXT,    /* both TEXT */
    EXPR_DISTINCT,        /* a, b */
    EXPR_NOT,
    EXPR_AND,
    EXPR_OR,
    EXPR_IS_NULL,
    EXPR_IS_BOOL,    /* detail: 0 false, 1 true, 2 unknown */
    EXPR_IN_SET,     /* a; constants c … c + b - 1, sorted; detail: a NULL was among them */
    EXPR_ARITHMETIC, /* a, b; detail: enum ast_operator */
    EXPR_ADD_BIGINT, /* a, b; detail: 1 subtracts */
    EXPR_CALL,       /* registers a … a + b - 1; c: index in functions */
    EXPR_JUMP,       /* c: where to, counted from the next instruction */
    EXPR_JUMP_FALSE, /* a */
    EXPR_JUMP_TRUE,
    EXPR_JUMP_NOT_TRUE,
    EXPR_JUMP_NOT_NULL,
};

/* Bits of the orders -1, 0, 1 that make a comparison true. */
enum { EXPR_LESS = 1, EXPR_EQUAL = 2, EXPR_GREATER = 4 };

struct expr_instr {
    uint8_t op, detail;
    uint16_t out; /* register */
    int32_t a, b; /* operands: register, or ~constant */
    uint32_t c;
};

struct expr_param_use {
    uint32_t number;
    enum value_type type; /* wanted */
    bool lifted;          /* a literal of the text: not named in errors */
    struct str column;    /* it is compared with; empty = none. The scope's */
};

struct expr_cast {
    struct data_type type;
    bool assignment, natural;
};

struct expr_bound_value {
    uint32_t begin, end; /* its code */
    int32_t result;
};

struct expr_bound_code {
    uint32_t column;
    enum ast_operator op;
    struct data_type type;
    uint32_t first, count; /* in bound_values */
};

struct expr_program {
    atomic_uint refs;
    struct expr_program *parent; /* of a bound's value: owns what the pointers below show; NULL */
    const struct expr_instr *code;
    const struct value *constants;
    const struct expr_param_use *params;
    const struct expr_cast *casts;
    const struct expr_function *const *functions;
    const struct expr_bound_code *bounds;
    const struct expr_bound_value *bound_values;
    const uint64_t *columns; /* bitmap */
    struct str description;
    size_t bytes; /* of the block, this struct at its begin */
    struct data_type type;
    uint32_t begin, end; /* code that runs */
    int32_t result;
    uint32_t registers, param_count, bound_count, column_words;
    bool relabel; /* the result's integer type becomes type.kind */
    bool uses_caller;
    bool is_bounds; /* nothing but the AND of its bounds */
};

/* emit.c: `root` is bound. */
enum status expr_emit(struct expr_binder *binder, struct expr_node *root,
                      struct expr_program **out) MUST_CHECK;

/* ---- run time -----------------------------------------------------------------------------------
 */

/* run.c: a cast with DECIMAL's natural scale, used by parameters and constants too. */
enum status expr_cast_value(const struct value *value, const struct expr_cast *cast,
                            struct arena *arena, struct value *out, struct error *err) MUST_CHECK;
enum status expr_param_value(const struct expr_param_use *use, const struct expr_context *context,
                             struct arena *arena, struct value *out, struct error *err) MUST_CHECK;

/* Counts `bytes` that a function looks at. WOULD_BLOCK or SQL_EXECUTION_ERROR beyond the limit.
 * The limit is one of time: what takes longer for a byte than copying or comparing counts it more
 * than once. Each byte of the arguments of a call is counted before it. */
enum status expr_charge(struct expr_context *context, uint64_t bytes, struct error *err) MUST_CHECK;
enum status expr_charge_each(struct expr_context *context, uint64_t count, uint64_t each,
                             struct error *err) MUST_CHECK;
/* A character that is stepped over, decoded, mapped or searched for a part, and each search. */
enum { EXPR_WORK_CHARACTER = 8 };

/* text.c */
/* Before a text is made: does it fit? An argument is small, what is made of many may be not. */
enum status expr_text_check_size(struct expr_call *call, size_t size) MUST_CHECK;
/* Memory for a text of so many bytes, which count as looked at. */
enum status expr_text_room(struct expr_call *call, size_t size, char **out) MUST_CHECK;
/* Where `part` begins in `text`, or SIZE_MAX; what it looks at counts. */
enum status expr_text_find(struct expr_call *call, struct str text, struct str part,
                           size_t *out) MUST_CHECK;
/* Bytes of the character at `at`; 1 for a broken one. */
size_t expr_text_step(struct str text, size_t at);
/* Byte offset behind `count` characters from `at` on. */
size_t expr_text_skip(struct str text, size_t at, int64_t count);
/* *steps: characters looked at, some of them again. */
enum status expr_like(struct str text, struct str pattern, struct str escape, bool has_escape,
                      bool nocase, uint64_t *steps, bool *out, struct error *err) MUST_CHECK;
extern const struct expr_function expr_function_like, expr_function_ilike, expr_function_concat_op,
    expr_function_concat_bytes;
enum status expr_run_upper(struct expr_call *call);
enum status expr_run_lower(struct expr_call *call);
enum status expr_run_length(struct expr_call *call);
enum status expr_run_strpos(struct expr_call *call);
enum status expr_run_substring(struct expr_call *call);
enum status expr_run_concat(struct expr_call *call);
enum status expr_run_concat_ws(struct expr_call *call);
enum status expr_run_btrim(struct expr_call *call);
enum status expr_run_ltrim(struct expr_call *call);
enum status expr_run_rtrim(struct expr_call *call);
enum status expr_run_replace(struct expr_call *call);
enum { EXPR_REPLACE_MAX = 16 << 20 }; /* bytes of a result, as far as the lengths tell */
uint64_t expr_replace_size_max(struct str text, struct str from, struct str to);

/* text_part.c: parts of texts, and texts from characters. */
enum status expr_run_left(struct expr_call *call);
enum status expr_run_right(struct expr_call *call);
enum status expr_run_lpad(struct expr_call *call);
enum status expr_run_rpad(struct expr_call *call);
enum status expr_run_repeat(struct expr_call *call);
enum status expr_run_split_part(struct expr_call *call);
enum status expr_run_starts_with(struct expr_call *call);
enum status expr_run_ends_with(struct expr_call *call);
enum status expr_run_contains(struct expr_call *call);
enum status expr_run_translate(struct expr_call *call);
enum status expr_run_ascii(struct expr_call *call);
enum status expr_run_unicode(struct expr_call *call);
enum status expr_run_chr(struct expr_call *call);
enum status expr_run_octet_length(struct expr_call *call);
enum status expr_run_bit_length(struct expr_call *call);
enum status expr_bind_hex(struct expr_binder *binder, struct expr_node *node);
enum status expr_bind_octet_length(struct expr_binder *binder, struct expr_node *node);
enum status expr_run_hex(struct expr_call *call);

/* math.c */
enum status expr_bind_abs(struct expr_binder *binder, struct expr_node *node);
enum status expr_bind_rounding(struct expr_binder *binder, struct expr_node *node);
enum status expr_bind_sign(struct expr_binder *binder, struct expr_node *node);
enum status expr_bind_mod(struct expr_binder *binder, struct expr_node *node);
enum status expr_run_abs(struct expr_call *call);
enum status expr_run_round(struct expr_call *call);
enum status expr_run_floor(struct expr_call *call);
enum status expr_run_ceil(struct expr_call *call);
enum status expr_run_trunc(struct expr_call *call);
enum status expr_run_sign(struct expr_call *call);
enum status expr_run_real(struct expr_call *call); /* function->real of a DOUBLE */
enum status expr_run_sqrt(struct expr_call *call);
enum status expr_run_log(struct expr_call *call); /* function->real, if the argument has one */
enum status expr_run_log_base(struct expr_call *call);
enum status expr_run_power(struct expr_call *call);
enum status expr_run_atan2(struct expr_call *call);
enum status expr_run_pi(struct expr_call *call);
enum status expr_run_gcd(struct expr_call *call);
enum status expr_run_lcm(struct expr_call *call);
enum status expr_run_factorial(struct expr_call *call);
double expr_real_degrees(double x);
double expr_real_radians(double x);
double expr_real_cot(double x);
double expr_real_even(double x);

/* letter_case.c: simple case mapping of one character. */
uint32_t letter_upper(uint32_t codepoint);
uint32_t letter_lower(uint32_t codepoint);

/* json_path.c */
extern const struct expr_function expr_function_json, expr_function_json_text;

/* moment.c */
enum moment_unit {
    MOMENT_MICROSECOND,
    MOMENT_MILLISECOND,
    MOMENT_SECOND,
    MOMENT_MINUTE,
    MOMENT_HOUR,
    MOMENT_DAY,
    MOMENT_WEEK,
    MOMENT_MONTH,
    MOMENT_QUARTER,
    MOMENT_YEAR,
    MOMENT_DECADE,
    MOMENT_CENTURY,
    MOMENT_MILLENNIUM,
    MOMENT_DOW,
    MOMENT_ISODOW,
    MOMENT_DOY,
    MOMENT_ISOYEAR,
    MOMENT_EPOCH,
    MOMENT_UNITS,
};

extern const struct expr_function expr_function_timestamp_add, expr_function_time_add,
    expr_function_date_add, expr_function_date_sub, expr_function_date_diff;
enum status expr_run_date_trunc(struct expr_call *call);
enum status expr_bind_extract(struct expr_binder *binder, struct expr_node *node);
enum status expr_run_extract(struct expr_call *call);
enum moment_unit expr_moment_unit(struct str name); /* MOMENT_UNITS: none */
int64_t expr_moment_date_field(int64_t days, enum moment_unit unit);

/* moment_part.c: fields by functions of their own, moments made of fields, differences. */
enum status expr_bind_date_part(struct expr_binder *binder, struct expr_node *node);
enum status expr_bind_field(struct expr_binder *binder, struct expr_node *node);
enum status expr_bind_epoch(struct expr_binder *binder, struct expr_node *node);
enum status expr_bind_day(struct expr_binder *binder, struct expr_node *node);
enum status expr_bind_date_diff(struct expr_binder *binder, struct expr_node *node);
enum status expr_run_field(struct expr_call *call);
enum status expr_run_date_part(struct expr_call *call);
enum status expr_run_epoch(struct expr_call *call);
enum status expr_run_epoch_whole(struct expr_call *call); /* epoch_ms, epoch_us */
enum status expr_run_day_name(struct expr_call *call);
enum status expr_run_month_name(struct expr_call *call);
enum status expr_run_last_day(struct expr_call *call);
enum status expr_run_make_date(struct expr_call *call);
enum status expr_run_date_diff(struct expr_call *call);

#endif
