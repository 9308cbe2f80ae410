/* describe.h — what DESCRIBE tells beside its rows. Private to sql/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_SYSTEM_DESCRIBE_H
#define SQL_SYSTEM_DESCRIBE_H

#include "catalog/catalog.h"

/* A JSON object about the table, in the arena. */
struct str describe_table(const struct catalog *catalog, const struct table *table,
                          struct arena *arena);

#endif
