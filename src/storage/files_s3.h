/* files_s3.h — files of an S3 bucket behind files.h: Put (multipart above 8 MiB), Get with ranges,
 * Head, ListV2, Delete; SigV4 by libcurl.
 *
 * Tried again after a time-out, a broken connection, 429 and 5xx, five times with growing, jittered
 * pauses; never after another 4xx. Reading goes through the file cache, which also holds what was
 * just uploaded. Messages name what was done and the answer, never a key. Any thread; blocking.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORAGE_FILES_S3_H
#define STORAGE_FILES_S3_H

#include "storage/files.h"
#include "storage/files_cache.h"

struct files_s3_options {
    const char *name; /* of the place, for ever the same and only its own: names the copies */
    const char *root; /* s3://bucket[/prefix] */
    const char *access_key, *secret_key, *session_token; /* "" = not given */
    const char *region, *endpoint;                       /* "" = the default */
    bool path_style;           /* bucket in the path instead of in the host name */
    unsigned stall_seconds;    /* without a byte, then an attempt is given up; 0 = 10 */
    struct files_cache *cache; /* borrowed */
};
/* Asks nothing of the server. INVALID_INPUT. All texts are copied. */
enum status files_open_s3(const struct files_s3_options *options, struct files **out,
                          struct error *err) MUST_CHECK;

struct files_s3_stats { /* of all buckets, since the start */
    uint64_t requests, retries, errors, bytes_sent, bytes_received;
};
void files_s3_stats(struct files_s3_stats *out);

#endif
