/* ast.h — syntax trees of the statements that KalamDB executes itself.
 *
 * One struct per statement, all nodes in the statement's arena, every node with the byte offset of
 * its text for error positions. Names are folded already (unquoted → lower case). A SELECT that
 * goes beyond `struct ast_select` is AST_ANALYTIC: only its text is kept, DuckDB's own tree is
 * checked instead (analytic.h), so that the tree that is checked is the tree that runs.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_AST_H
#define SQL_AST_H

#include "base/str.h"
#include "value/value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- expressions --------------------------------------------------------------------------------
 */

enum ast_expr_kind {
    AST_LITERAL, /* value */
    AST_PARAM,   /* $n */
    AST_COLUMN,  /* [[namespace.]qualifier.]name; also EXCLUDED.c */
    AST_UNARY,   /* - + NOT */
    AST_BINARY,  /* see enum ast_operator */
    AST_IS_NULL, /* args[0] IS [NOT] NULL */
    AST_IS_BOOL, /* args[0] IS [NOT] TRUE|FALSE|UNKNOWN: value holds the boolean, NULL = UNKNOWN */
    AST_IS_DISTINCT, /* args[0] IS [NOT] DISTINCT FROM args[1] */
    AST_IN,          /* args[0] [NOT] IN (args[1…]) */
    AST_BETWEEN,     /* args[0] [NOT] BETWEEN args[1] AND args[2] */
    AST_LIKE,        /* args[0] [NOT] LIKE|ILIKE args[1] [ESCAPE args[2]] */
    AST_CASE,        /* [operand] when then … [else]: see has_operand, has_else */
    AST_CAST,        /* CAST(args[0] AS type), args[0]::type */
    AST_CALL,        /* name(args) [DISTINCT] or name(*) */
    AST_INTERVAL,    /* INTERVAL '…': months, days, microseconds */
    AST_DEFAULT,     /* the word DEFAULT as a value of INSERT or UPDATE */
    AST_SUBQUERY, /* ( SELECT … ), EXISTS (…), x [NOT] IN (SELECT …), x = ANY (…): only the text
                     start…end is kept; never inside an AST_SELECT, which is AST_ANALYTIC then */
};

enum ast_operator {
    AST_OP_NONE,
    AST_OP_OR,
    AST_OP_AND,
    AST_OP_NOT,
    AST_OP_EQ,
    AST_OP_NE,
    AST_OP_LT,
    AST_OP_LE,
    AST_OP_GT,
    AST_OP_GE,
    AST_OP_ADD,
    AST_OP_SUB,
    AST_OP_MUL,
    AST_OP_DIV,
    AST_OP_MOD,
    AST_OP_NEG,
    AST_OP_PLUS,
    AST_OP_CONCAT,    /* || */
    AST_OP_JSON,      /* -> */
    AST_OP_JSON_TEXT, /* ->> */
};

/* Chains of AND and OR are built balanced, so only long chains of other operators come near it. */
enum { LIMIT_AST_HEIGHT = 1000 };

struct ast_expr {
    enum ast_expr_kind kind;
    enum ast_operator op;       /* AST_UNARY, AST_BINARY */
    bool negated;               /* NOT IN, NOT LIKE, IS NOT …, NOT BETWEEN */
    bool nocase;                /* ILIKE */
    bool distinct, star;        /* AST_CALL: count(DISTINCT x), count(*) */
    bool has_operand, has_else; /* AST_CASE */
    uint32_t start, end;        /* byte range in the statement's text */
    struct value value;         /* AST_LITERAL: TEXT, BIGINT, DECIMAL, DOUBLE, BOOLEAN or NULL */
    uint32_t param;             /* AST_PARAM: 1-based */
    struct str space;           /* AST_COLUMN: namespace before a table; may be empty */
    struct str qualifier;       /* AST_COLUMN: table, alias or "excluded"; may be empty */
    struct str name;            /* AST_COLUMN, AST_CALL (lower case) */
    struct data_type type;      /* AST_CAST */
    bool type_bare;  /* AST_CAST to DECIMAL without (p, s): keeps the value's own scale */
    uint32_t height; /* of the tree below, ≤ LIMIT_AST_HEIGHT: walkers may recurse */
    struct {
        int32_t months, days;
        int64_t us;
    } interval;
    struct ast_expr **args;
    size_t arg_count;
};

/* ---- names and small parts ----------------------------------------------------------------------
 */

struct ast_name {     /* [namespace.][user.]table; catalog prefix kalamdb. is dropped */
    struct str space; /* namespace; empty = default of the session */
    struct str user;  /* ns.<user>.t: the id; "user" for the word; empty */
    struct str table;
    uint32_t start, end;
};

struct ast_select_item { /* expr NULL = `*` (or alias.*) */
    struct ast_expr *expr;
    struct str star_of; /* t in `t.*`; empty = plain `*` */
    struct str alias;   /* empty = derived from the expression as PostgreSQL does */
    uint32_t start, end;
};

struct ast_order {
    struct ast_expr *expr; /* an integer literal n means the n-th item */
    bool descending;
    bool nulls_first; /* resolved: PostgreSQL's default is last ascending, first descending */
};

struct ast_option {     /* k = v of OPTIONS and WITH; also own clauses, in order of appearance */
    struct str key;     /* lower case */
    struct value value; /* TEXT, BIGINT, DOUBLE, BOOLEAN or NULL */
    uint32_t start;
};
/* Values of table options, ranges checked already (docs/sql.md):
 *   type          TEXT "user", "shared", "stream" (also merged into ast_create_table.kind)
 *   storage       TEXT; location TEXT (never both); use_user_storage BOOLEAN
 *   flush_rows    BIGINT rows; flush_interval BIGINT seconds
 *   deleted_retention  BIGINT hours, NULL = off
 *   access        TEXT "public", "private", "restricted" (DBA is restricted)
 *   ttl_seconds   BIGINT; ephemeral BOOLEAN; max_buffer BIGINT
 * Values of user options: TEXT as written (role too); internal, generate_api_key, drop_api_key
 * BOOLEAN. */

struct ast_column_def {
    struct str name;
    struct data_type type;
    bool not_null, nullable_given, primary_key;
    bool raised_to_bigint; /* SERIAL4, INT AUTO_INCREMENT …: noted in the message */
    struct ast_expr
        *default_value;  /* literal or call; NULL = none. SERIAL & co. → snowflake_id() */
    bool auto_increment; /* the column carries AUTO_INCREMENT, SERIAL or IDENTITY */
    uint32_t start, end;
};

enum ast_table_kind { AST_TABLE_UNSPECIFIED, AST_TABLE_USER, AST_TABLE_SHARED, AST_TABLE_STREAM };

/* ---- statements ---------------------------------------------------------------------------------
 */

enum ast_statement_kind {
    AST_SELECT,   /* simple select on one table, or FROM-less */
    AST_ANALYTIC, /* any other SELECT / WITH / VALUES …: text only */
    AST_INSERT,
    AST_UPDATE,
    AST_DELETE,
    AST_CREATE_NAMESPACE,
    AST_ALTER_NAMESPACE,
    AST_DROP_NAMESPACE,
    AST_CREATE_TABLE,
    AST_DROP_TABLE,
    AST_ALTER_TABLE,
    AST_EXPLAIN,
    AST_USE,
    AST_BEGIN,
    AST_COMMIT,
    AST_ROLLBACK,
    AST_BACKUP, /* BACKUP, RESTORE DATABASE */
    AST_FLUSH,  /* STORAGE FLUSH TABLE t | ALL [IN ns], FLUSH TABLE … */
    AST_SHOW,   /* NAMESPACES, TABLES, USERS, JOBS, … */
    AST_DESCRIBE,
    AST_CREATE_USER,
    AST_ALTER_USER,
    AST_DROP_USER,
    AST_CREATE_STORAGE,
    AST_ALTER_STORAGE,
    AST_DROP_STORAGE,
    AST_CHECK_STORAGE,
    AST_KILL_JOB,
    AST_KILL_LIVE_QUERY,
    AST_SUBSCRIBE, /* SUBSCRIBE TO … / SUBSCRIBE SELECT … */
    AST_CLEAR_CACHE,
    AST_EXECUTE_AS, /* EXECUTE AS USER u ( SELECT | INSERT | UPDATE | DELETE ) */
};

struct ast_select {
    struct ast_select_item *items;
    size_t item_count;
    bool has_from;
    struct ast_name from;
    struct str alias; /* of the table; empty */
    struct ast_expr *where;
    struct ast_order *order;
    size_t order_count;
    struct ast_expr *limit, *offset; /* literal or parameter; NULL */
};

struct ast_assignment {
    struct str column;
    struct ast_expr *value;
    uint32_t start;
};

enum ast_conflict { AST_CONFLICT_ERROR, AST_CONFLICT_NOTHING, AST_CONFLICT_UPDATE };

struct ast_insert {
    struct ast_name table;
    struct str alias;    /* names the present row in DO UPDATE and RETURNING */
    struct str *columns; /* NULL = all in order */
    uint32_t *column_starts;
    size_t column_count;
    struct ast_expr **values; /* row_count × width, row-major */
    size_t row_count, width;
    bool default_values;
    struct str select; /* INSERT … SELECT: its text, a part of the statement's; empty = VALUES */
    uint32_t select_start;
    enum ast_conflict conflict;
    struct str *conflict_columns;
    size_t conflict_column_count;
    struct ast_assignment *conflict_set;
    size_t conflict_set_count;
    struct ast_expr *conflict_where;
    struct ast_select_item *returning;
    size_t returning_count;
};

struct ast_update {
    struct ast_name table;
    struct str alias;
    struct ast_assignment *set;
    size_t set_count;
    struct str from; /* UPDATE … FROM: its tables as written, for DuckDB; empty = none */
    struct ast_expr *where;
    struct ast_select_item *returning;
    size_t returning_count;
};

struct ast_delete {
    struct ast_name table;
    struct str alias;
    struct str from; /* DELETE … USING, as in ast_update */
    struct ast_expr *where;
    struct ast_select_item *returning;
    size_t returning_count;
};

struct ast_create_table {
    struct ast_name name;
    enum ast_table_kind kind;
    bool if_not_exists;
    struct ast_column_def *columns;
    size_t column_count;
    struct str *key; /* PRIMARY KEY (…) or the column's own; NULL = none */
    size_t key_count;
    struct ast_option *
        options; /* normalised keys: type, storage, location, use_user_storage, flush_rows,
                    flush_interval, deleted_retention, access, ttl_seconds, ephemeral, max_buffer */
    size_t option_count;
};

struct ast_drop_table {
    struct ast_name name;
    enum ast_table_kind kind;
    bool if_exists;
};

enum ast_alter_kind {
    AST_ALTER_ADD,
    AST_ALTER_DROP,
    AST_ALTER_RENAME,
    AST_ALTER_MODIFY, /* what is not given stays */
    AST_ALTER_TYPE,
    AST_ALTER_SET_NOT_NULL,
    AST_ALTER_DROP_NOT_NULL,
    AST_ALTER_SET_DEFAULT,
    AST_ALTER_DROP_DEFAULT,
};

struct ast_alter_action {
    enum ast_alter_kind kind;
    bool conditional; /* ADD … IF NOT EXISTS, DROP … IF EXISTS */
    struct str name;  /* of the column; ADD: also in `column` */
    /* ADD: all of it; RENAME: the new name; MODIFY, TYPE, SET DEFAULT: what changes */
    struct ast_column_def column;
    uint32_t start;
};

struct ast_alter_table {
    struct ast_name name;
    enum ast_table_kind kind;
    bool if_exists;
    struct ast_alter_action *actions; /* in order; each sees what those before it did */
    size_t action_count;
    struct ast_option *options; /* SET …: flush_rows, flush_interval, deleted_retention, access */
    size_t option_count;
};

struct ast_namespace { /* CREATE, ALTER, DROP NAMESPACE, USE */
    struct str name;
    bool if_not_exists, if_exists, cascade;
    struct ast_option *options;
    size_t option_count;
    uint32_t start;
};

struct ast_user { /* CREATE, ALTER, DROP USER: options password, internal, role, email, username,
                     metadata, storage_mode, storage, generate_api_key, drop_api_key */
    struct str name;
    bool if_not_exists, if_exists;
    struct ast_option *options;
    size_t option_count;
    uint32_t start;
};

struct ast_storage { /* CREATE, ALTER, DROP STORAGE, STORAGE CHECK: options storage_type,
                        storage_name, description, uri, bucket, region, credentials,
                        shared_tables_template, user_tables_template */
    struct str id;
    bool if_not_exists, if_exists, extended;
    struct ast_option *options;
    size_t option_count;
    uint32_t start;
};

enum ast_show {
    AST_SHOW_NAMESPACES,
    AST_SHOW_TABLES,
    AST_SHOW_USERS,
    AST_SHOW_JOBS,
    AST_SHOW_STORAGES,
    AST_SHOW_COLUMNS,
    AST_SHOW_STATS,
    AST_SHOW_BACKUP, /* 'path' */
    AST_SHOW_BACKUPS /* FOR DATABASE ns */
};

struct ast_statement {
    enum ast_statement_kind kind;
    struct str text;    /* whole statement without the `;`; offsets are relative to its start */
    uint32_t param_max; /* highest $n used by own trees */
    bool names_deleted; /* WHERE names _deleted */
    union {
        struct ast_select select;
        struct ast_insert insert;
        struct ast_update update;
        struct ast_delete del;
        struct ast_create_table create_table;
        struct ast_drop_table drop_table;
        struct ast_alter_table alter_table;
        struct ast_namespace name_space;
        struct ast_user user;
        struct ast_storage storage;
        /* inner->text is a part of this text, offsets in inner are relative to inner->text */
        struct {
            bool analyze;
            struct ast_statement *inner;
        } explain;
        struct {
            struct str user;
            struct ast_statement *inner;
        } execute_as;
        struct {
            bool all;
            struct ast_name table;
            struct str space;
        } flush;
        struct {
            bool restore, conditional, async; /* conditional: IF [NOT] EXISTS */
            struct str space, path;
            uint32_t start; /* of the namespace */
        } backup;
        struct {
            enum ast_show what;
            struct str space, path;
            struct ast_name table;
            struct str user;
        } show;
        struct {
            struct ast_name table;
            bool history;
        } describe;
        struct {
            struct str id;
        } kill;
        /* -1 = not given. select: AST_SELECT or AST_ANALYTIC; SUBSCRIBE TO t … has a text of its
           own, `SELECT * FROM t …`, in the arena */
        struct {
            struct ast_statement *select;
            int64_t select_shift; /* from a position in its text to one in the statement's */
            int64_t last_rows, batch_size, from;
        } subscribe;
    };
};

#endif
