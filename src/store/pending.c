/* pending.c — records of files that exist without a segment record: about to be written, or to be
 * deleted (see store_internal.h). So every file is named by a record (NAMED_FILES).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "store/segment.h"
#include "store/store_internal.h"

#include <endian.h>

void pending_put(struct kv_batch *batch, struct store *store, struct str path,
                 enum pending_kind kind, struct table_id table)
{
    char value[1 + sizeof(uint64_t)] = {(char)kind};
    uint64_t big = htobe64(table.value);

    CHECK(path.size > 0 && (kind == PENDING_WRITE || kind == PENDING_DELETE));
    memcpy(value + 1, &big, sizeof(big));
    kv_batch_put(batch, store->spaces.pending, path, str_from(value, sizeof(value)));
}

struct pending_files {
    struct kv_batch *batch;
    struct store *store;
    struct table_id table;
};

static void pending_put_file(void *context, const struct segment *segment)
{
    const struct pending_files *files = context;

    CHECK(files->batch != NULL);
    pending_put(files->batch, files->store, segment->path, PENDING_DELETE, files->table);
}

enum status pending_put_files(struct kv_batch *batch, struct store *store,
                              const struct key_range *range, struct table_id table,
                              struct error *err)
{
    struct pending_files files = {batch, store, table};

    CHECK(range->lower.size > 0 && range->upper.size > 0 && table.value > 0);
    return segment_visit(store, range, pending_put_file, &files, err);
}

void pending_remove(struct kv_batch *batch, struct store *store, struct str path)
{
    CHECK(path.size > 0);
    kv_batch_delete(batch, store->spaces.pending, path);
}
