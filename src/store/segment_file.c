/* segment_file.c — the file of a segment for reading, held against its record once.
 *
 * Parquet as DuckDB writes it has no checksums: a flipped bit may read as another value. So a file
 * is read whole and compared with the checksum of its record before this process reads rows from it
 * for the first time. Which files that was is remembered in a table of fixed size, one segment id a
 * slot; who loses his slot to another is compared again.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/segment_file.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/store_internal.h"

enum { SEGMENT_CHECKS_SLOTS = 1 << 16 };

struct segment_checks {
    atomic_uint_fast64_t checked[SEGMENT_CHECKS_SLOTS]; /* segment ids; 0 = none */
};

struct segment_checks *segment_checks_new(void)
{
    return mem_zalloc(sizeof(struct segment_checks));
}

void segment_checks_free(struct segment_checks *checks)
{
    mem_free(checks);
}

static enum status segment_file_check(const struct segment *segment, const char *local,
                                      const char *shown, struct error *err)
{
    uint64_t size, checksum;
    enum status status = file_checksum(local, shown, &size, &checksum, err);

    CHECK(segment->bytes > 0);
    if (status == STATUS_OK && (size != segment->bytes || checksum != segment->checksum))
        status = error_set(err, STATUS_CORRUPT,
                           "file \"%s\" is damaged: its checksum is not the recorded one", shown);
    return status;
}

/* The file, held against the record unless that was done before. */
static enum status segment_file_take(struct store *store, const struct segment *segment,
                                     const char *path, char **local, struct error *err)
{
    struct segment_checks *checks = store->segment_checks;
    enum status status = files_local_path(store->files, path, local, err);

    CHECK(segment->id != 0);
    if (status != STATUS_OK || checks == NULL)
        return status;
    atomic_uint_fast64_t *slot = &checks->checked[hash_mix(segment->id, 0) % SEGMENT_CHECKS_SLOTS];
    if (LIKELY(atomic_load_explicit(slot, memory_order_relaxed) == segment->id))
        return STATUS_OK;
    status = segment_file_check(segment, *local, path, err);
    if (status == STATUS_OK) {
        atomic_store_explicit(slot, segment->id, memory_order_relaxed);
        return STATUS_OK;
    }
    files_release(store->files, path);
    mem_free(*local);
    *local = NULL;
    return status;
}

enum status segment_file_open(struct store *store, const struct segment *segment, const char *path,
                              char **local, struct error *err)
{
    enum status status = segment_file_take(store, segment, path, local, err);

    CHECK(status != STATUS_OK || *local != NULL);
    if (status != STATUS_CORRUPT || !files_drop_copy(store->files, path))
        return status;
    log_warn("the local copy of %s is damaged and is fetched anew", path);
    error_clear(err);
    return segment_file_take(store, segment, path, local, err);
}
