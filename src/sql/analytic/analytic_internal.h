/* analytic_internal.h — shared by the files analytic*.c: DuckDB's syntax tree in our own form, the
 * plan, and the steps of preparing it. Private to them.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_ANALYTIC_ANALYTIC_INTERNAL_H
#define SQL_ANALYTIC_ANALYTIC_INTERNAL_H

#include "sql/sql_internal.h"

#include <stdatomic.h>

/* ---- tree.c: the JSON of json_serialize_sql ----------------------------------------------- */

enum tree_kind {
    TREE_NULL,
    TREE_BOOLEAN,
    TREE_INTEGER,
    TREE_REAL,
    TREE_TEXT,
    TREE_ARRAY,
    TREE_OBJECT
};

struct tree {
    enum tree_kind kind;
    bool boolean;
    int64_t integer; /* larger than INT64_MAX (DuckDB's "no location"): -1 */
    double real;
    struct str key; /* as member of an object */
    struct str text;
    struct tree *child, *next;
};

enum status tree_parse(struct str json, struct arena *arena, struct tree **out,
                       struct error *err) MUST_CHECK;
/* Member of an object; NULL when absent or JSON null. */
const struct tree *tree_get(const struct tree *object, const char *key);
struct str tree_text(const struct tree *object, const char *key); /* empty when absent */
bool tree_is(const struct tree *object, const char *key, const char *text);
bool tree_has_class(const struct tree *node, const char *class); /* false for what is no object */
int64_t tree_location(const struct tree *object);                /* byte offset, -1 = unknown */
/* The same expression, wherever it stands and whatever it is called. One of them may leave out
 * qualifiers of its columns. */
bool tree_is_same(const struct tree *a, const struct tree *b);

/* ---- row_macros.c ----------------------------------------------------------------------------
 */

enum {
    ANALYTIC_ROW_PARTS_MAX = 8, /* of the rows that they compare */
    ANALYTIC_ROW_MACROS = 6,
};
/* Makes the statements that define them, for ever; `out` has room for ANALYTIC_ROW_MACROS. */
size_t row_macros_make(const char **out);

/* ---- allow.c, allow_name.c: what may be called and named
 * ----------------------------------------------------------- */

enum allow_kind {
    ALLOW_NONE,
    ALLOW_SCALAR,    /* pure, linear in its input */
    ALLOW_AGGREGATE, /* aggregate or window function */
    ALLOW_SERIES,    /* range, generate_series: size capped at prepare */
    ALLOW_RESIZE,    /* second argument is a size: constant and capped */
    ALLOW_FOLD,      /* list_reduce: what its lambda may do is bounded */
    ALLOW_NOW,       /* replaced by a literal of the statement */
    ALLOW_TODAY,
    ALLOW_CLOCK, /* current_time */
    ALLOW_USER,
    ALLOW_ROLE,
    ALLOW_UUID_V7, /* DuckDB calls it uuidv7 */
};
enum allow_kind allow_function(struct str name);
struct str allow_function_at(size_t index); /* all of them; empty at the end */
/* How often an argument of a macro is copied, at most; 1 if the function is none. */
uint64_t allow_copies(struct str name);
bool allow_copies_first(struct str name); /* false: only those behind the first argument */
/* Why a known function is refused, or NULL. */
const char *allow_refusal_hint(struct str name);
bool allow_type(struct str id);
/* Our spelling of a type → DuckDB's, or NULL when both agree. `bare`: without (modifiers). */
const char *allow_type_rewrite(struct str word, bool bare);
bool allow_collation(struct str name);
bool allow_cte_name(struct str name);

/* ---- function.c ---- */

#define ANALYTIC_PATH_REFUSED "a JSON path may have one .. (or .**) only"

/* As the path or as a key: at most one `..`. */
bool analytic_path_fits(struct str text);

/* ---- guard.c: what comes before regular expressions in DuckDB, see function.c ---- */

extern const struct columnar_guard ANALYTIC_GUARD_MATCHES, ANALYTIC_GUARD_FULL_MATCH,
    ANALYTIC_GUARD_EXTRACT, ANALYTIC_GUARD_EXTRACT_ALL, ANALYTIC_GUARD_REPLACE,
    ANALYTIC_GUARD_SPLIT;

/* ---- the plan ---- */

struct analytic_bound { /* column ⊕ constant, from a top-level AND part of WHERE */
    uint32_t column_id; /* of the leading key column, or one that segments have ranges of */
    bool is_key;
    enum ast_operator op;
    uint32_t param;        /* 1-based; 0 = constant */
    struct value constant; /* TEXT or BIGINT */
};

struct analytic_table {           /* one reference in the text */
    struct str space, user, name; /* as in struct ast_name */
    struct table *table;          /* referenced */
    uint32_t start, end;          /* bytes that are replaced */
    struct str alias;             /* to add; empty when the text has its own */
    struct str columns;           /* "a", "b", … that the text may see */
    bool with_deleted, hide_system;
    bool show_hidden;         /* a hidden column of a system table is named */
    struct str using_aliases; /* `,"column" AS "alias"` …: alias columns that USING joins on */
    struct analytic_bound bounds[8];
    uint32_t bound_count;
};

/* Whose result is small, as far as the text tells (shape.c). */
enum analytic_shape { ANALYTIC_ROWS, ANALYTIC_ONE_ROW, ANALYTIC_GROUPS };

/* What makes several rows or columns of one expression of the outermost SELECT (check.c). */
enum analytic_several { ANALYTIC_SINGLE, ANALYTIC_SETS, ANALYTIC_STARS };

enum splice_kind {
    SPLICE_TEXT,
    SPLICE_ARGUMENTS, /* text, what stands at from … to with its own splices, a comma */
    SPLICE_TABLE,
    SPLICE_NOW,
    SPLICE_TODAY,
    SPLICE_CLOCK,
    SPLICE_USER,
    SPLICE_ROLE
};

struct analytic_splice {
    enum splice_kind kind;
    uint32_t start, end;
    uint32_t table;    /* SPLICE_TABLE */
    struct str text;   /* SPLICE_TEXT, SPLICE_ARGUMENTS */
    uint32_t from, to; /* SPLICE_ARGUMENTS; before `start` */
};

struct analytic_plan {
    struct arena arena;
    struct str sql;
    struct analytic_table *tables;
    uint32_t table_count;
    struct analytic_splice *splices; /* by start, not overlapping */
    uint32_t splice_count;
    uint32_t *quotes; /* where the user's text has a word that was quoted */
    uint32_t quote_count;
    uint32_t *params; /* new number - 1 → number in the text */
    uint32_t param_count;
    /* By number in the text: type of the column it is compared with; a text is converted to it
     * unless two columns disagree. */
    struct data_type *param_types;
    struct str *param_columns; /* its name */
    bool *param_mixed;
    bool *param_keys; /* it may be a JSON path */
    /* Names of the select list as PostgreSQL gives them; empty = DuckDB's own. `front` are left,
     * `back` right of what may expand to several columns. */
    struct str *names;
    uint32_t name_count, name_front, name_back;
    bool names_shift;  /* a star and another that expands: one may give none, the other two */
    bool has_star;     /* the outermost select list */
    bool marks_system; /* it has a system column between two stars, see stars.c */
    bool names_system[SYSTEM_COLUMN_COUNT]; /* named there outside the star */
    bool rounds;                            /* there is a cast to DECIMAL */
    bool keeps_order; /* rows of one table come in key order: no columnar path */
    enum analytic_shape shape;
    enum analytic_several several;
};

/* What is collected while a plan is made; arrays grow in the plan's arena. */
struct analytic_draft {
    struct analytic_plan *plan;
    struct sql_engine *engine;
    const struct sql_caller *caller;
    struct catalog *catalog;
    size_t param_count;
    bool verify; /* second pass over the spliced text: nothing may be left to splice */
};

/* The error of a statement that found the engine restarted twice. */
enum status analytic_restarted(struct error *err);

/* check.c: refuses what is not allowed, finds tables, functions of the statement and bounds. */
enum status analytic_check(struct analytic_draft *draft, const struct tree *tree,
                           struct error *err) MUST_CHECK;

/* check_case.c: refuses a CASE whose operand DuckDB's parser would copy too often. */
enum status check_cases(struct str sql, struct error *err) MUST_CHECK;

/* names.c: what result columns are called. */
void names_find(struct analytic_plan *plan, const struct tree *tree);

/* stars.c */
/* Marks the system columns that are written out between two elements of the outermost select list
 * that expand; `written` are the names of all elements. */
void stars_mark(struct analytic_plan *plan, const struct tree *list, const struct str *written);
/* Tells which columns of the result stars brought, and takes the marks off their names. */
void stars_find(const struct analytic_plan *plan, struct sql_column *columns, size_t count);

/* shape.c */
enum analytic_shape shape_of(const struct tree *tree);

/* ---- splice.c ------------------------------------------------------------------------------ */

void splice_add(struct analytic_plan *plan, const struct analytic_splice *splice);
/* Parameters, types, literals: what the tokens alone tell. */
enum status splice_tokens(struct analytic_draft *draft, struct error *err) MUST_CHECK;
struct splice_name {
    struct str parts[4]; /* folded */
    uint32_t starts[4], ends[4];
    bool quoted; /* the first part */
    uint32_t count;
};
/* Reads a dotted name at `offset`. False if there is none. */
bool splice_read_name(struct str sql, int64_t offset, struct arena *arena, struct splice_name *out);
/* End of `name()` whose name ends at `offset`, or `offset` if no empty parentheses follow. */
uint32_t splice_skip_empty_call(struct str sql, uint32_t offset);
struct lexer;
struct token;
/* Reads on from a `(`, the newest token, to the `)` that closes it; false if there is none. */
bool splice_close(struct lexer *lexer, struct token *token);
/* False if two ranges overlap. */
bool splice_sort(struct analytic_plan *plan);

/* Literals of the statement. */
struct splice_context {
    int64_t now_us;
    struct str user, role;
    /* Appends the text that stands for table reference `table`. */
    void (*table)(void *context, uint32_t table, struct buf *out);
    void *context;
};
void splice_assemble(const struct analytic_plan *plan, const struct splice_context *context,
                     struct buf *out);
void splice_append_quoted(struct buf *out, struct str text, char quote);
/* What the text may see of a table, as "a","b",… */
void splice_append_columns(const struct analytic_table *reference, struct buf *out);

/* ---- cast.c: numbers and texts ------------------------------------------------------------- */

/* A text as a DECIMAL of as many digits as it has: to the scale of the column beside it, it would
 * be rounded. False if it is no number, or too large. */
bool analytic_decimal(struct str text, struct value *out);
/* As narrow as a literal's: beside DECIMAL(38,2) the other side would lose its fraction. One digit
 * stands before the point, or DuckDB would write .5 where it becomes a text. */
uint8_t analytic_precision(const struct value *value);

/* ---- quote.c: words that only DuckDB reserves ---------------------------------------------- */

/* Quotes them where they are names: plan->sql becomes a copy. */
void quote_names(struct analytic_plan *plan);
/* A position in plan->sql → in the user's text. */
int64_t quote_position(const struct analytic_plan *plan, int64_t position);

/* ---- source.c: a column_source over table_source ------------------------------------------- */

struct analytic_source {
    struct column_source source; /* .context = this */
    struct sql_engine *engine;
    const struct sql_caller *caller;
    struct scan_options scan; /* .arena is per cursor */
    uint32_t column_count;
};
/* `range` bytes lie in the arena and live as long as the source. */
void analytic_source_init(struct analytic_source *source,
                          const struct analytic_execution *execution,
                          const struct resolved_table *resolved, bool hide_system);
/* ---- analytic_bounds.c part of source.c */
/* Key range of the plan's bounds for this execution; bounds that cannot be converted are left to
 * DuckDB. */
void analytic_source_range(const struct analytic_table *reference, const struct table *table,
                           const struct analytic_execution *execution, struct key_range *range,
                           struct buf *description);
/* The bounds by which segments are passed over, into `scan`. */
void analytic_source_bounds(const struct analytic_table *reference,
                            const struct analytic_execution *execution, struct scan_options *scan);
void analytic_cell(const struct value *value, struct column_cell *cell);

/* ---- files.c: cold files read directly ----------------------------------------------------- */

struct analytic_files_group { /* files that one select list reads */
    uint32_t version;         /* schema version of the first of them */
    struct str columns, key;
    struct str *paths;
    size_t path_count;
};
struct analytic_files {
    struct analytic_files_group *groups;
    uint32_t group_count;
};
/* Groups the files by what must be selected from them. False: read them through the scan. */
bool analytic_files_find(struct analytic_files *files, const struct cold_files *cold,
                         const struct table *table, bool hide_system, bool rounds,
                         struct arena *arena);
/* SELECT … FROM read_parquet(…) [UNION ALL …]. `shadows`: the scan whose keys are left out, `key`
 * under its names; NULL = none. */
void analytic_files_append(const struct analytic_files *files, bool hide_deleted,
                           const uint32_t *shadows, struct str key, struct buf *out);
/* The key columns under their newest names. */
struct str analytic_files_key(const struct table *table, struct arena *arena);

/* ---- profile.c: EXPLAIN ANALYZE
 * ---------------------------------------------------------------------- */

/* A line per operator of DuckDB's profile (JSON); `rows`: of the result. The tree lies in `arena`.
 * ABSENT: it makes none of a statement that only lists constants. */
enum status profile_describe(struct str json, struct arena *arena, struct buf *out, uint64_t *rows,
                             struct error *err) MUST_CHECK;

#endif
