/* binder.h — names to objects with the caller's rights. Any thread. Private to sql/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_BINDER_H
#define SQL_BINDER_H

#include "sql/sql_internal.h"

/* May the caller read (write) this table, and whose rows are meant? `qualifier` as in struct
 * ast_name: empty, "user" or a user id. `instance` borrows from caller or qualifier; empty unless a
 * USER table. */
enum status binder_authorize(const struct sql_engine *engine, const struct sql_caller *caller,
                             const struct table *table, struct str qualifier, bool write,
                             int64_t position, struct str *instance, struct error *err) MUST_CHECK;
/* Roles of SYSTEM tables: may the caller see rows that are not his own? */
bool binder_sees_all_rows(const struct sql_engine *engine, const struct sql_caller *caller);
/* True when the role counts as at least `least` or roles are not enforced. */
bool binder_has_role(const struct sql_engine *engine, const struct sql_caller *caller,
                     enum role least);
/* `table not found: relation "ns.t" does not exist` */
enum status binder_table_not_found(struct str space, struct str table, int64_t position,
                                   struct error *err);
bool binder_is_system_space(struct str space);
bool binder_is_reserved_space(struct str space);
/* Names of namespaces, tables and columns (docs/sql.md). INVALID_SQL. */
enum status binder_check_identifier(struct str name, const char *what, int64_t position,
                                    struct error *err);

#endif
