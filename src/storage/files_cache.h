/* files_cache.h — local copies of remote files: one folder with a size limit, least recently used
 * first out.
 *
 * A copy in use is pinned and never removed, so the folder may pass its limit for a while. A
 * missing copy is fetched once, however many ask for it. Copies survive a restart: remote files
 * never change, and a copy gets its name only when it is complete and on the disk. Any thread;
 * blocking.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORAGE_FILES_CACHE_H
#define STORAGE_FILES_CACHE_H

#include "base/buf.h"
#include "base/error.h"

#include <stdint.h>

struct files_cache;

/* Makes the folder, takes over the copies in it, removes what is unfinished. */
enum status files_cache_open(const char *folder, uint64_t bytes_max, struct files_cache **out,
                             struct error *err) MUST_CHECK;
void files_cache_close(struct files_cache *cache); /* nothing is pinned; NULL is fine */

/* Names are plain file names. All paths are heap text (mem_free). */

/* The pinned copy; `fetch` writes a missing one to the path it is given. */
enum status files_cache_get(struct files_cache *cache, struct str name,
                            enum status (*fetch)(void *context, const char *path,
                                                 struct error *err),
                            void *context, char **out, struct error *err) MUST_CHECK;
void files_cache_release(struct files_cache *cache, struct str name);
/* Where a file is written before it is uploaded; the same name gives the same path. */
char *files_cache_stage(struct files_cache *cache, struct str name);
/* The staged file becomes the copy. It must be durable. */
enum status files_cache_adopt(struct files_cache *cache, struct str name,
                              struct error *err) MUST_CHECK;
/* Removes the copy, or when it is pinned, with its last pin; nobody gets it any more. */
void files_cache_remove(struct files_cache *cache, struct str name);

struct files_cache_stats {
    uint64_t bytes, files, pinned, hits, misses, evicted;
};
void files_cache_stats(struct files_cache *cache, struct files_cache_stats *out);

#endif
