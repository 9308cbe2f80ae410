/* ddl_table.h — what CREATE TABLE and ALTER TABLE share: columns (ddl_column.c) and options
 * (ddl_options.c). Private to sql/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_DDL_DDL_TABLE_H
#define SQL_DDL_DDL_TABLE_H

#include "sql/exec/run.h"

/* ---- ddl_table.c ---- */

/* Does the kind word of DROP or ALTER fit the table? */
bool drop_kind_fits(enum ast_table_kind wanted, enum table_kind kind);

/* ---- ddl_column.c ---- */

/* Fills name, type, NOT NULL and DEFAULT; texts go into `arena`, which lives as long as the schema
 * version. */
enum status column_define(struct sql_run *run, struct arena *arena,
                          const struct ast_column_def *def, struct table_column *column,
                          struct error *err) MUST_CHECK;
/* A literal is cast to the column's type, a function must fit it. DEFAULT NULL is no default. */
enum status column_set_default(struct sql_run *run, struct arena *arena,
                               const struct ast_expr *tree, struct table_column *column,
                               struct error *err) MUST_CHECK;
/* Copies the text of a value into the arena. */
void column_keep_value(struct arena *arena, struct value *value);

/* ---- ddl_options.c ---- */

/* Checks the options against the table's kind and fills them in, defaults included. */
enum status create_table_options(struct sql_run *run, const struct ast_create_table *tree,
                                 struct table *table, struct error *err) MUST_CHECK;
/* The same for options that ALTER TABLE … SET gives, at their places in `text`; a flush policy
 * replaces the former one. */
enum status alter_table_options(struct str text, const struct ast_alter_table *tree,
                                struct table *table, struct error *err) MUST_CHECK;

#endif
