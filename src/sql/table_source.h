/* table_source.h — any table, stored or virtual, as a stream of rows: what the point/range
 * executor, DuckDB's hot_scan and live snapshots read. Stored tables come from the merged scan;
 * virtual system tables from system_scan.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_TABLE_SOURCE_H
#define SQL_TABLE_SOURCE_H

#include "sql/sql.h"
#include "store/store.h"

struct table_source_options {
    struct sql_engine *engine;
    struct scan_options scan; /* table, user, view, range, direction … */
    /* System tables: encoded keys, ascending, of the only rows that are wanted; NULL = all. Tables
     * that cannot look up may give more. */
    const struct str *points;
    size_t point_count;
    const struct sql_caller *caller; /* virtual and system tables: row visibility of docs/sql.md */
};
struct table_source;
enum status table_source_open(const struct table_source_options *options, struct table_source **out,
                              struct error *err) MUST_CHECK;
/* END after the last row. */
enum status table_source_next(struct table_source *source, struct error *err) MUST_CHECK;
/* Column `index` (user, then system columns) of the current row; borrowed until the next step or in
 * the scan's arena. */
void table_source_column(struct table_source *source, uint32_t index, struct value *out);
/* The current row of a stored table, NULL for a system table. */
const struct row *table_source_row(const struct table_source *source);
/* row_id of the current row of a stored table. */
struct str table_source_key(const struct table_source *source);
void table_source_close(struct table_source *source);

#endif
