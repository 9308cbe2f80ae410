/* file_name.h — what a column is called in Parquet files.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CATALOG_FILE_NAME_H
#define CATALOG_FILE_NAME_H

#include "base/buf.h"
#include "catalog/catalog.h"

/* Appends the name of column `index` in files of this schema version. */
void file_name_append(const struct table_schema *schema, uint32_t index, struct buf *out);

#endif
