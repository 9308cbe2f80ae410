/* table_source.c — one iterator for stored tables (the merged scan) and system tables
 * (system_scan).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/table_source.h"

#include "base/check.h"
#include "base/mem.h"
#include "sql/sql_internal.h"
#include "sql/system/scan.h"

struct table_source {
    struct arena *arena; /* of converted values: the caller's, given with the scan */
    struct scan *scan;   /* stored tables */
    struct row row;
    struct system_scan *system;
};

enum status table_source_open(const struct table_source_options *options, struct table_source **out,
                              struct error *err)
{
    struct table_source *source = mem_zalloc(sizeof(*source));
    enum status status;

    CHECK(options->engine != NULL && options->scan.table != NULL && options->scan.arena != NULL);
    *out = NULL;
    source->arena = options->scan.arena;
    if (options->scan.table->kind == TABLE_KIND_SYSTEM)
        status = system_scan_open(options, &source->system, err);
    else
        status = scan_open(options->engine->store, &options->scan, &source->scan, err);
    if (status == STATUS_OK)
        *out = source;
    else
        table_source_close(source);
    return status;
}

enum status table_source_next(struct table_source *source, struct error *err)
{
    CHECK(source != NULL);
    if (source->system != NULL)
        return system_scan_next(source->system);
    return scan_next(source->scan, &source->row, err);
}

void table_source_column(struct table_source *source, uint32_t index, struct value *out)
{
    CHECK(source != NULL && out != NULL);
    if (source->system != NULL)
        system_scan_column(source->system, index, out);
    else
        row_column(&source->row, index, source->arena, out);
}

const struct row *table_source_row(const struct table_source *source)
{
    CHECK(source != NULL);
    return source->system == NULL ? &source->row : NULL;
}

struct str table_source_key(const struct table_source *source)
{
    CHECK(source->scan != NULL);
    return source->row.key;
}

void table_source_close(struct table_source *source)
{
    if (source == NULL)
        return;
    scan_close(source->scan);
    system_scan_close(source->system);
    mem_free(source);
}
