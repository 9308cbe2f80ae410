/* ddl_table.h — CREATE TABLE in two files: ddl_table.c columns and key, ddl_options.c options.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_EXEC_DDL_TABLE_H
#define SQL_EXEC_DDL_TABLE_H

#include "sql/exec/run.h"

/* Checks the options against the table's kind and fills them in, defaults included. */
enum status create_table_options(struct sql_run *run, const struct ast_create_table *tree,
                                 struct table *table, struct error *err) MUST_CHECK;

#endif
