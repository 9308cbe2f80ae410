/* static_files.h — the files of one folder, held in memory for /ui.
 *
 * Everything is read once at start: a request then finds its file by name without touching the
 * disk, and a name that was not read does not exist, whatever dots it is made of. Immutable; any
 * thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NET_STATIC_FILES_H
#define NET_STATIC_FILES_H

#include "base/error.h"
#include "base/macros.h"
#include "base/str.h"

#include <stdbool.h>

enum {
    STATIC_FILES_MAX = 512,
    STATIC_FILES_BYTES = 32 << 20, /* of all files together */
    STATIC_ETAG_BYTES = 20,
};

struct static_file { /* borrowed from the files */
    struct str path; /* below the folder: "index.html", "assets/index-4f2a.js" */
    const char *content_type;
    struct str body;
    struct str gzip;              /* content of `path`.gz beside it; empty when there is none */
    char etag[STATIC_ETAG_BYTES]; /* without quotes */
    bool is_hashed;               /* the name changes with the content: in assets/ */
};

struct static_files;

/* Reads `folder` and the folders in it. NOT_FOUND without an index.html, IO_FAILED, and
 * RESULT_TOO_LARGE above the limits name the file. */
enum status static_files_open(const char *folder, struct static_files **out,
                              struct error *err) MUST_CHECK;
void static_files_close(struct static_files *files); /* NULL is fine */
/* NULL when there is no such file. */
const struct static_file *static_files_find(const struct static_files *files, struct str path);

#endif
