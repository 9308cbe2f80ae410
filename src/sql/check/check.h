/* check.h — shared by the files check*.c: the state of one walk over a syntax tree. Private to
 * them.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_ANALYTIC_CHECK_H
#define SQL_ANALYTIC_CHECK_H

#include "sql/analytic/analytic_internal.h"

enum {
    CHECK_EXTRA_MAX = 20000,     /* copied expression nodes */
    CHECK_NODE_BYTES = 512,      /* of copied text that weigh as much as a node */
    CHECK_LIST_MAX = 10000,      /* elements made by range() and list_resize() in an expression */
    CHECK_SHORT_TEXT = 32,       /* what regexp_replace puts in, repeat() makes in a lambda */
    CHECK_COLUMNS_PLACES = 256,  /* of the regular expressions in COLUMNS of a statement */
    CHECK_GROUPS_MAX = 9,        /* references to what regexp_replace found */
    CHECK_QUERIES_MAX = 500,     /* SELECTs, and what joins them */
    CHECK_SERIES_MAX = 10000000, /* rows made by generate_series() in FROM */
    CHECK_TABLES_MAX = 256,
    CHECK_JOINED_MAX = 64,      /* elements of one FROM: DuckDB takes seconds to order 100 joins */
    CHECK_JOINS_MAX = 1 << 20,  /* sum of their cubes, which that time goes by */
    CHECK_QUERY_NODES = 8,      /* what a query node weighs beside an expression */
    CHECK_SEARCH_MAX = 1 << 30, /* columns that names are compared with */
    CHECK_SEARCH_FACTOR = 32,   /* what DuckDB's comparison weighs beside ours … */
    CHECK_SEARCH_FROM = 16,     /* … this often, and once more for each element of FROM */
};

struct check_name {
    struct str text;
    struct check_name *next;
};

struct check_scope { /* names of CTEs that are visible */
    struct str name;
    const struct tree *query; /* what it stands for; NULL: the CTE's own name inside of it */
    const struct tree *names; /* of its columns, if given: WITH x (a, b) */
    const struct check_name *decimals; /* columns that are known to be DECIMAL */
    uint64_t weight;                   /* nodes that one more use of it binds again */
    uint64_t joins;                    /* what its joins are of CHECK_JOINS_MAX */
    uint64_t columns;
    const struct check_scope *outer;
};

struct check_item {           /* one element of FROM */
    struct str name;          /* alias or table name, folded */
    uint32_t first, last;     /* tables in it */
    int32_t table;            /* index if it is a table itself, else -1 */
    const struct tree *query; /* a subquery's or CTE's node; NULL: its columns are not known */
    const struct tree *names; /* columns got names here: t(a, b) */
    const struct check_name *decimals; /* of a subquery, as in its scope */
    bool is_function;                  /* unnest() and the like: one column of its own name */
    bool is_renamed;                   /* a table whose columns got names here: t(a, b) */
    uint64_t columns;                  /* at most */
    struct splice_name path;
    struct check_item *next;
};

struct check_alias { /* of a select list, with what it weighs */
    struct str name;
    const struct tree *expression;
    uint64_t weight;
    struct check_alias *next;
};

struct check_level { /* one SELECT */
    struct check_level *outer;
    struct check_item *items;
    uint32_t item_count, joined; /* those that are seen; all */
    uint64_t values;             /* columns of VALUES */
    uint32_t first, last;        /* tables below FROM */
    struct check_alias *aliases;
    bool natural, positional, aggregate, star;
    bool is_top;      /* its expressions make the result */
    uint64_t columns; /* of its select list, at most */
    bool open;        /* its FROM is being read … */
    bool in_on;       /* … with a join's condition, which sees the elements since … */
    const struct check_item *before_on;
    bool outer_join;    /* columns may be NULL whatever their tables say */
    bool in_expression; /* of ORDER BY, GROUP BY or DISTINCT ON, more than a name */
    bool inputs_only;   /* names here are of columns of FROM in PostgreSQL, never of the result's */
};

struct check {
    struct analytic_draft *draft;
    struct analytic_plan *plan;
    struct arena *arena;
    struct error *err;
    const struct check_scope *scope;
    struct check_level *level;
    uint32_t depth;
    uint64_t nodes, extra, multiplier;
    uint64_t list_room, list_made; /* elements of lists in this expression: most, so far */
    uint64_t list_largest;         /* in the statement so far */
    uint64_t joins;                /* so far, see CHECK_JOINS_MAX */
    uint64_t searched;             /* so far, see CHECK_SEARCH_MAX */
    uint64_t columns;              /* at most, of the query that was checked last */
    uint64_t fields;               /* of the largest struct that the statement makes, so far */
    uint64_t star;                 /* columns for each of which the expression is written out */
    bool spreads;                  /* … or one for each field of a struct */
    uint64_t columns_places;       /* so far, see CHECK_COLUMNS_PLACES */
    uint32_t lambdas;              /* around this expression */
    bool in_where;
    bool filters;                  /* NULL is as good as false for what is visited next */
    const struct tree *filter;     /* the newest expression of which that was true */
    const struct tree *never_null; /* the newest SELECT that has no NULL in its columns */
    const struct tree *newest;     /* the SELECT that was checked last, and its DECIMAL columns */
    struct check_name *decimals;
    const struct tree *top;  /* select node whose columns are the result */
    const struct tree *item; /* of a select list, without a name of its own, while it is checked */
};

/* check.c */
enum status check_node(struct check *check, const struct tree *node) MUST_CHECK;
/* All members that are objects or arrays; `skip` names those that were visited already. */
enum status check_members(struct check *check, const struct tree *node,
                          const char *const *skip) MUST_CHECK;
enum status check_refuse(struct check *check, const struct tree *node, const char *what,
                         struct str name);
/* A condition that takes NULL for false: WHERE, HAVING, ON. */
enum status check_filter(struct check *check, const struct tree *node) MUST_CHECK;
/* Adds copied nodes; refuses when they grow too many. */
enum status check_weight(struct check *check, uint64_t nodes) MUST_CHECK;

/* Adds to what ordering the statement's joins takes; refuses when it is too much. */
enum status check_more_joins(struct check *check, uint64_t joins) MUST_CHECK;
/* Columns that a star stands for here, at most: `relation.*`, or of all elements of FROM. */
uint64_t check_star_columns(const struct check *check, struct str relation);

/* The error of a statement whose copies grow too many. */
enum status check_too_large(struct error *err);

/* check_from.c */
enum status check_table_ref(struct check *check, const struct tree *node, struct str type,
                            bool *known) MUST_CHECK;
/* NULL: there is none that is visible here. */
const struct check_scope *check_find_cte(const struct check *check, struct str name);
/* The only element of this name on one level; NULL when there is none or two. */
struct check_item *check_find_item(const struct check_level *level, struct str name);
/* Bounds on key columns from the AND parts of WHERE. */
void check_bounds(struct check *check, const struct tree *where);

/* check_expression.c: anything that has a class */
enum status check_class(struct check *check, const struct tree *node, struct str class) MUST_CHECK;
/* All members of what DuckDB makes `copies` of. */
enum status check_copied(struct check *check, const struct tree *node, uint64_t copies) MUST_CHECK;
/* Last part of a column reference and how many there are. */
struct str check_last_name(const struct tree *node, uint32_t *count);
bool check_is_number(const struct tree *node, int64_t *out);    /* a literal integer */
bool check_is_quoted(const struct tree *node, struct str *out); /* a literal in quotes */
enum status check_series(struct check *check, const struct tree *call, bool rows,
                         struct str name) MUST_CHECK;

/* check_list.c */
/* Counts elements of the expression at hand; false if there is no room for them. */
bool check_list_fits(struct check *check, uint64_t elements);
enum status check_lambda(struct check *check, const struct tree *node) MUST_CHECK;
/* list_reduce and its other names */
enum status check_reduce(struct check *check, const struct tree *call) MUST_CHECK;
/* Functions that make a long text of a short one: regexp_replace, others in a lambda. */
enum status check_growth(struct check *check, const struct tree *call, struct str name) MUST_CHECK;

/* check_type.c: calls the macro instead; false if the call is written in another way. */
bool check_call_macro(struct check *check, const struct tree *call, struct str macro);

/* check_path.c: the key or path of an operator of JSON, if the expression is one. */
enum status check_keys(struct check *check, const struct tree *node) MUST_CHECK;

/* Functions that make several rows of one. */
bool check_gives_rows(struct str name);

/* check_outer.c: columns of outer SELECTs, aliases, aggregates and the like in an expression. */
bool check_sees_outside(struct check *check, const struct tree *node);
/* Has a subquery or CTE a column of this name, those that its stars stand for included? */
bool check_star_has(const struct check *check, const struct tree *query, struct str name);

/* check_alias.c: what a name means. */
/* The SELECT that names the columns of a subquery or CTE; NULL: there is none. */
const struct tree *check_naming_select(const struct tree *query);
/* Has a subquery or CTE a column of this name? `unknown`: the answer where a star hides it. */
bool check_query_has(const struct tree *query, struct str name, bool unknown);
/* An element of FROM that is known to have no column of this name. */
bool check_item_lacks(const struct check *check, const struct check_item *item, struct str name);
/* A column of this name may be an alias of a system table's. */
void check_system_alias(struct check *check, const struct tree *node,
                        const struct splice_name *name);
void check_system_list(struct check *check, const struct splice_name *name);
/* A name without qualifier: see to it that it is found where PostgreSQL finds it. `*done` if it
 * was rewritten. */
enum status check_plain_name(struct check *check, const struct tree *node, struct str name,
                             bool *done) MUST_CHECK;
/* Does this name a column that is a DECIMAL as far as is known, of a subquery too? */
bool check_column_is_decimal(const struct check *check, const struct tree *node);
/* A table's name as a value. */
enum status check_refuse_row(struct check *check, const struct tree *node, struct str name);
/* USING of a join whose sides are the newest elements of the level, down to `before`. */
void check_system_using(struct check *check, const struct tree *join,
                        const struct check_item *before);

/* check_operand.c: literals and parameters beside a column of a comparison. */
void check_operands(struct check *check, const struct tree *node);
void check_operand_pair(struct check *check, const struct tree *left, const struct tree *right);
/* A text that stands for a DECIMAL keeps all of its digits. */
void check_decimal_text(struct check *check, const struct tree *node);
/* Gives a text its type where DuckDB finds none: date_trunc's moment, nullif's first. */
void check_text_argument(struct check *check, const struct tree *call, struct str name);
/* What lag and lead answer where there is no row. */
void check_default(struct check *check, const struct tree *call);
/* The type of a reference to a column of a table of the SELECTs around; false: it is none. */
bool check_column_type(struct check *check, const struct tree *node, struct data_type *out);
/* Is it such a reference, to a column that is NOT NULL, and not of a SELECT with outer joins? */
bool check_column_is_never_null(struct check *check, const struct tree *node);

/* check_row.c: row values, of which NULLs are no values in comparisons. */
bool check_is_row(const struct tree *node);
bool check_is_row_macro(struct str name);
enum status check_row_comparison(struct check *check, const struct tree *node) MUST_CHECK;
enum status check_row_list(struct check *check, const struct tree *node) MUST_CHECK; /* IN (…) */
enum status check_row_between(struct check *check, const struct tree *node) MUST_CHECK;
enum status check_row_null(struct check *check, const struct tree *node) MUST_CHECK;
enum status check_row_subquery(struct check *check, const struct tree *node) MUST_CHECK;
/* None of these expressions of the SELECT at hand is ever NULL. */
bool check_has_no_null(struct check *check, const struct tree *list);

/* check_type.c: PostgreSQL's types where DuckDB has others. */
/* A literal by itself. */
void check_literal(struct check *check, const struct tree *node);
/* Literals in arithmetic, CASE, COALESCE and the like: integers, texts among DECIMALs. */
void check_literal_types(struct check *check, const struct tree *node);
/* Writes `//` for a `/` whose operands are known to be no sums of BIGINT, or one of which is no
 * integer: the macro of `/` looks at their types. False if it is another call. */
bool check_whole_quotient(struct check *check, const struct tree *call);
/* No EXCLUDE, REPLACE, RENAME or COLUMNS. */
bool check_is_plain_star(const struct tree *star);
/* Keeps which columns of the SELECT at hand, `node`, are DECIMAL. */
void check_keep_decimals(struct check *check, const struct tree *node);
/* Those of a subquery or WITH query; NULL if they are not known. */
const struct check_name *check_decimals(const struct check *check, const struct tree *statement);
/* Texts compared with a DECIMAL that is computed. */
void check_decimal_comparison(struct check *check, const struct tree *node);
/* The result of an aggregate or window function. True if a macro takes its place. */
bool check_result_type(struct check *check, const struct tree *call, struct str name);

#endif
