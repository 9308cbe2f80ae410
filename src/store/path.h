/* path.h — where the files of an instance lie (docs/sql.md): folder from the table's template, file
 * name from the clock. Private to store/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_PATH_H
#define STORE_PATH_H

#include "base/buf.h"
#include "catalog/catalog.h"

struct path_template {
    struct str text;  /* empty = the default of the table's kind */
    struct str shard; /* what {shard} stands for; empty: its component is left out */
};
/* Appends the folder of an instance relative to its storage, without slash at the end. One pass of
 * substitution, then checks. INVALID_OPERATION names the variable that is unknown or whose value
 * cannot be part of a path. */
enum status path_folder(const struct table *table, const struct path_template *template,
                        struct str user, struct buf *out, struct error *err) MUST_CHECK;
/* Appends `2025-10-14T16-48-54.parquet` or, with attempt > 0, `2025-10-14T16-48-54-001.parquet`. */
void path_file_name(int64_t now_us, unsigned attempt, struct buf *out);

/* Names given out lately: a path is never used twice, not even when its first file is gone again
 * within its second, or is not written down yet. */
struct path_names;
struct path_names *path_names_new(void);
void path_names_free(struct path_names *names); /* NULL is fine */
/* False when `path` was claimed already. `now_us`: the time in its name. Any thread. */
bool path_names_claim(struct path_names *names, int64_t now_us, struct str path);

#endif
