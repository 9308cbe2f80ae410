/* scan.h — rows of the system tables of docs/sql.md as one caller may see them, computed at a
 * view.
 * Private to sql/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_SYSTEM_SCAN_H
#define SQL_SYSTEM_SCAN_H

#include "catalog/system_tables.h"
#include "sql/sql_internal.h"

/* All rows, collected when opened; few, but jobs and table_schemas may be thousands. */
struct system_scan {
    struct arena arena;
    struct sql_engine *engine;
    const struct sql_caller *caller;
    const struct scan_options *scan; /* while opening */
    const struct table *table;
    const struct str *points; /* while opening: only rows of these keys are wanted */
    size_t point_count;
    bool by_points;
    const struct table *named; /* while opening: by the last point */
    struct value **rows;
    size_t count, capacity;
    size_t next; /* 1-based index of the current row */
};

/* Rows in key order. May block unless the table is made from the catalogue alone. */
enum status system_scan_open(const struct table_source_options *options, struct system_scan **out,
                             struct error *err) MUST_CHECK;
enum status system_scan_next(struct system_scan *scan) MUST_CHECK; /* END */
void system_scan_column(const struct system_scan *scan, uint32_t index, struct value *out);
void system_scan_close(struct system_scan *scan); /* NULL is fine */

/* ---- for the files that fill it -------------------------------------------------------------- */

/* Does it look up the rows of given keys? If not, it gives all rows. */
bool system_scan_looks_up(const struct table *table);
/* The values of point `index`, one per key column (LIMIT_KEY_COLUMNS at most): all are texts. */
bool system_scan_point(struct system_scan *scan, size_t index, struct value *values);
/* A table of exactly that name, in the letters it is stored with; NULL if there is none. */
const struct table *system_scan_find_table(const struct catalog *catalog, struct str space,
                                           struct str name);
/* The tables whose rows are wanted, each once: those that the points name with their first two
 * columns, or all. `*at` starts with 0; NULL behind the last. */
const struct table *system_scan_next_table(struct system_scan *scan, const struct catalog *catalog,
                                           size_t *at);
/* A new row of NULLs to be filled. */
struct value *system_scan_add(struct system_scan *scan);
/* information_schema, table_options: rows.c; the rest: figures.c. */
enum status system_rows_fill(struct system_scan *scan, enum system_table which,
                             struct error *err) MUST_CHECK;
enum status system_figures_fill(struct system_scan *scan, enum system_table which,
                                struct error *err) MUST_CHECK;
/* Text of a column's default for people: `NOW()`, `'x'`; NULL value if there is none. */
struct value system_default_text(const struct table_column *column, struct arena *arena);

#endif
