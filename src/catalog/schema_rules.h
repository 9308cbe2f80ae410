/* schema_rules.h — what columns a table may have and what becomes of them from one schema version
 * to the next (docs/sql.md).
 *
 * CREATE TABLE and ALTER TABLE ask rule by rule, so that a message names the rule. A definition
 * that comes from elsewhere, a backup's manifest, is asked as a whole. Rows, keys and files rely on
 * these rules without looking again.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CATALOG_SCHEMA_RULES_H
#define CATALOG_SCHEMA_RULES_H

#include "catalog/catalog.h"

/* May a column of the type have a DEFAULT of the kind? */
bool column_default_fits(enum default_kind kind, const struct data_type *column_type);
/* May every value of `from` be read as one of `to`? (docs/sql.md, Changing a table) */
bool column_type_widens(const struct data_type *from, const struct data_type *to);
/* Could CREATE TABLE have made the first version, and an ALTER TABLE each later one from the one
 * before it? The versions have ids, names and types; nothing is derived yet. */
bool table_schemas_are_valid(const struct table *table);

#endif
