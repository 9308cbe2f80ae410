/* manifest.h — what a backup holds: its namespace, definitions of the tables with all schema
 * versions, and every file with size and checksum; as the text of manifest.json.
 *
 *   {"format":1,"server_version":"…","namespace":"app","options":"…","created_at":…,"as_of_seq":…,
 *    "files":…,"rows":…,"bytes":…,
 *    "tables":[{"definition":{columns of system.tables},"schemas":[{columns of
 *               system.table_schemas}],
 *               "instances":[{"user":"ann","files":[{"path":"user_tables/…","kind":"segment",
 *                             "rows":…,"bytes":…,"checksum":"hex","record":"hex"}]}]}],
 *    "checksum":"hex"}
 *
 * `record` is what store/segment.h encodes; here it is only bytes. The last member is the XXH3-64
 * of all text before its comma, so that damage is noticed before anything is done.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CATALOG_MANIFEST_H
#define CATALOG_MANIFEST_H

#include "base/arena.h"
#include "base/buf.h"
#include "catalog/catalog.h"

enum manifest_kind {
    MANIFEST_SEGMENT, /* a cold file as it was */
    MANIFEST_HOT,     /* rows that were only hot */
    MANIFEST_SHADOW,  /* hot versions of rows that lie in the instance's segments too */
    MANIFEST_KINDS
};

struct manifest_file {
    struct manifest_file *next;
    enum manifest_kind kind;
    struct str path; /* below the backup's root */
    uint64_t rows, bytes, checksum;
    struct str record;
};

struct manifest_instance {
    struct manifest_instance *next;
    struct str user;                     /* empty: SHARED */
    struct manifest_file *files, **tail; /* segments newest first */
};

struct manifest_table {
    struct manifest_table *next;
    struct table *table; /* referenced; of a read manifest: without layouts (table_finish) and with
                            the id and namespace it had */
    struct manifest_instance *instances, **tail;
    uint64_t files, rows, bytes;
};

struct manifest {
    struct arena arena; /* everything but the tables */
    struct str server_version, space, options;
    int64_t created_at, as_of_seq;
    struct manifest_table *tables, **tail;
    uint64_t files, rows, bytes;
};

void manifest_init(struct manifest *manifest);
void manifest_clear(struct manifest *manifest);
/* Appended at the end; the table is referenced, texts are copied. */
struct manifest_table *manifest_add_table(struct manifest *manifest, const struct table *table);
struct manifest_instance *manifest_add_instance(struct manifest *manifest,
                                                struct manifest_table *table, struct str user);
/* Counts it too. */
void manifest_add_file(struct manifest *manifest, struct manifest_table *table,
                       struct manifest_instance *instance, const struct manifest_file *file);

void manifest_write(const struct manifest *manifest, struct buf *out);
/* Believes nothing; CORRUPT says what is wrong. `manifest` is initialised here, and empty on
 * failure. */
enum status manifest_read(struct str text, struct manifest *manifest, struct error *err) MUST_CHECK;

#endif
