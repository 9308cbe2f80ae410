/* ddl_alter.h — one ALTER TABLE at work: ddl_alter.c the statement, ddl_alter_edit.c the next
 * schema version. Private to sql/ddl/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_DDL_DDL_ALTER_H
#define SQL_DDL_DDL_ALTER_H

#include "sql/ddl/ddl_table.h"

/* What alter_edit finds out is set anew each time it is called. */
struct alter {
    struct sql_run *run;
    const struct ast_alter_table *tree;
    bool changes;     /* something will be different */
    uint32_t version; /* of the schema afterwards */
    /* Columns, by id, that DROP, RENAME, MODIFY or TYPE names. */
    uint32_t *touched;
    size_t touched_count;
    /* Columns, by id, in which no row may hold NULL. */
    uint32_t *required;
    uint32_t required_count;
    /* A new column that only an empty table can have; empty = none. */
    struct str filled_by;
    uint32_t filled_at;
    struct sql_live_fence fence; /* keeps new subscriptions on `touched` out */
    size_t rows_seen;
};

/* The next state of the table; NULL when nothing changes. Under the table's DDL lock. */
enum status alter_edit(struct alter *alter, const struct table *table, struct table **next,
                       struct error *err) MUST_CHECK;

#endif
