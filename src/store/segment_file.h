/* segment_file.h — the file of a segment for reading. Private to store/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_SEGMENT_FILE_H
#define STORE_SEGMENT_FILE_H

#include "store/segment.h"

/* Files found whole since the start; store_open makes it if the options ask for checks. */
struct segment_checks;
struct segment_checks *segment_checks_new(void);
void segment_checks_free(struct segment_checks *checks); /* NULL is fine */

/* files_local_path of a segment's file (`path`: that of the segment, 0-terminated), compared with
 * the record at first use. *local: mem_free; files_release(path) afterwards. CORRUPT, IO_FAILED:
 * nothing is held. Any thread; blocking. */
enum status segment_file_open(struct store *store, const struct segment *segment, const char *path,
                              char **local, struct error *err) MUST_CHECK;

#endif
