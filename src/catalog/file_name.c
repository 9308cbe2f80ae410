/* file_name.c — what a column is called in Parquet files.
 *
 * DuckDB takes names without case and gives every file a column file_row_number. A name that would
 * be ambiguous there gets the column's id in front, behind a `_` with which no user's name begins.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "catalog/file_name.h"

#include "base/check.h"

void file_name_append(const struct table_schema *schema, uint32_t index, struct buf *out)
{
    struct str name = schema->columns[index].name;
    bool is_ambiguous = str_equal_nocase(name, STR_LIT("file_row_number"));

    CHECK(index < schema->column_count);
    for (uint32_t i = 0; i < schema->column_count && !is_ambiguous; i++)
        is_ambiguous = i != index && str_equal_nocase(name, schema->columns[i].name);
    if (is_ambiguous)
        buf_printf(out, "_%u_", schema->columns[index].id);
    buf_append_str(out, name);
}
