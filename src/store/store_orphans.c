/* store_orphans.c — what belongs to tables that no catalogue names: a DROP, CREATE or RESTORE that
 * a crash cut in two.
 *
 * Key spaces carry the id of their table in their name. Records of counters and segments start with
 * it, so the ids that occur are found by jumping from one to the next. The files of such segments
 * become pending deletions, which recovery.c works off right after.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "catalog/system_tables.h"
#include "store/store_internal.h"

#include <endian.h>

/* ---- key spaces
 * ----------------------------------------------------------------------------------- */

struct store_orphans {
    const struct catalog *catalog;
    struct kv_space **spaces;
    size_t count, capacity;
};

static void store_orphans_visit(struct kv_space *space, struct str name, void *context)
{
    struct store_orphans *orphans = context;
    struct table_id id;

    CHECK(space != NULL);
    if (!table_space_parse(name, &id) || catalog_find_table_id(orphans->catalog, id) != NULL)
        return;
    if (orphans->count == orphans->capacity) {
        orphans->capacity = orphans->capacity * 2 + 8;
        orphans->spaces =
            mem_realloc(orphans->spaces, orphans->capacity * sizeof(struct kv_space *));
    }
    orphans->spaces[orphans->count++] = space;
}

static enum status store_orphan_spaces(struct store *store, const struct catalog *catalog,
                                       struct error *err)
{
    struct store_orphans orphans = {.catalog = catalog};
    enum status status = STATUS_OK;

    CHECK(catalog != NULL);
    kv_space_each(store->kv, store_orphans_visit, &orphans);
    for (size_t i = 0; status == STATUS_OK && i < orphans.count; i++)
        status = kv_space_drop(store->kv, orphans.spaces[i], err);
    if (orphans.count > 0)
        log_info("removed what was left of %zu tables", orphans.count);
    mem_free(orphans.spaces);
    return status;
}

/* ---- records
 * -------------------------------------------------------------------------------------- */

static enum status store_orphan_table(struct store *store, struct kv_space *space,
                                      struct table_id id, struct kv_batch *batch, struct error *err)
{
    enum status status = STATUS_OK;
    struct buf lower, upper;

    instance_key_range(id, &lower, &upper);
    CHECK(lower.size == upper.size);
    if (space == store->spaces.segments)
        status = pending_put_files(batch, store,
                                   &(struct key_range){buf_str(&lower), buf_str(&upper)}, id, err);
    kv_batch_delete_range(batch, space, buf_str(&lower), buf_str(&upper));
    buf_clear(&lower);
    buf_clear(&upper);
    return status;
}

static enum status store_orphan_records(struct store *store, const struct catalog *catalog,
                                        struct kv_space *space, struct kv_batch *batch,
                                        size_t *found, struct error *err)
{
    struct kv_iterator_options options = {.fill_cache = true};
    struct kv_iterator *iterator = kv_iterator_open(store->kv, space, &options);
    enum status status = STATUS_OK;
    struct buf next;

    buf_init(&next);
    kv_iterator_seek_first(iterator);
    while (status == STATUS_OK && kv_iterator_is_valid(iterator)) {
        struct str key = kv_iterator_key(iterator);
        struct table_id id;
        if (key.size < sizeof(id.value)) {
            status = error_set(err, STATUS_CORRUPT, "a record lies under a key that is too short");
            break;
        }
        memcpy(&id.value, key.data, sizeof(id.value));
        id.value = be64toh(id.value);
        CHECK(id.value > 0 && id.value < UINT64_MAX);
        if (catalog_find_table_id(catalog, id) == NULL) {
            status = store_orphan_table(store, space, id, batch, err);
            (*found)++;
        }
        buf_reset(&next);
        instance_key((struct table_id){id.value + 1}, STR_EMPTY, &next);
        kv_iterator_seek(iterator, buf_str(&next));
    }
    if (status == STATUS_OK)
        status = kv_iterator_status(iterator, err);
    kv_iterator_close(iterator);
    buf_clear(&next);
    return status;
}

enum status store_drop_orphans(struct store *store, const struct catalog *catalog,
                               struct error *err)
{
    struct kv_batch *batch = kv_batch_new(store->kv);
    size_t found = 0;
    enum status status =
        store_orphan_records(store, catalog, store->spaces.segments, batch, &found, err);

    CHECK(catalog != NULL);
    if (status == STATUS_OK)
        status = store_orphan_records(store, catalog, store->spaces.instances, batch, &found, err);
    if (status == STATUS_OK && found > 0)
        status = kv_write(store->kv, batch,
                          store->options.durability == KV_MEMORY ? KV_MEMORY : KV_SYNC, err);
    kv_batch_free(batch);
    if (status == STATUS_OK)
        status = store_orphan_spaces(store, catalog, err);
    return status;
}
