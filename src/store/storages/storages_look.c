/* storages_look.c — the folders of all storages, looked at once after the start, on a thread of its
 * own: a disk that does not answer must not keep the server from starting.
 *
 * Data from before roots had a marker file (storage/files.h): a root without files gets it when no
 * record names a file there, once; later a root without it is one whose disk is not mounted.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "store/commit/commit_internal.h"
#include "store/storages/storages_internal.h"

enum { LOOK_STACK_BYTES = 1 << 20 };

/* ---- the folders ----------------------------------------------------------------------------- */

/* One folder: of a storage as it is, or as it was when a table was made. */
typedef void look_visit(struct store *store, struct str id, const char *root);

static void look_at(struct store *store, struct str id, struct str uri, look_visit *visit)
{
    struct str root = storage_root(uri);
    char *path;

    CHECK(id.size > 0);
    if (storages_look_is_over(store))
        return;
    if (root.size > 0 && root.data[0] != '/')
        return; /* a bucket */
    if (root.size == 0 && store->options.own_folder_count == 0)
        return;
    path = mem_strdup(root.size > 0 ? root : str_from_c(store->options.own_folders[0]));
    visit(store, id, path);
    mem_free(path);
}

static void look_each(struct store *store, look_visit *visit)
{
    struct view *view = view_acquire(store);
    const struct catalog *catalog = view_catalog(view);
    const struct storage *storage;
    const struct table *table;

    CHECK(visit != NULL);
    for (size_t i = 0; (storage = catalog_storage_at(catalog, i)) != NULL; i++)
        look_at(store, storage->id, storage->uri, visit);
    for (size_t i = 0; (table = catalog_table_at(catalog, i)) != NULL; i++)
        if (table->storage_id.size > 0 && table->storage_uri.size > 0)
            look_at(store, table->storage_id, table->storage_uri, visit);
    view_release(view);
}

/* ---- data from before roots were marked ------------------------------------------------------ */

struct look_records {
    struct str root; /* empty: the default folder */
    bool used;
};

static void look_record(void *context, const struct segment *segment)
{
    struct look_records *records = context;
    struct str place = STR_EMPTY, rest;

    CHECK(segment->path.size > 0);
    if (files_address_split(segment->path, &place, &rest)) {
        size_t at = str_find(place, STR_LIT("@"));
        size_t start = at == SIZE_MAX ? place.size : at + 1;
        place = str_from(place.data + start, place.size - start);
    }
    records->used = records->used || str_equal(place, records->root);
}

static void look_mark(struct store *store, struct str id, const char *root)
{
    bool own = store->options.own_folder_count > 0 &&
               str_equal(str_from_c(root), str_from_c(store->options.own_folders[0]));
    struct look_records records = {.root = own ? STR_EMPTY : str_from_c(root)};
    struct error err;

    CHECK(root[0] != '\0');
    if (files_root_is_there(root))
        return;
    enum status status = segment_visit(store, &(struct key_range){STR_EMPTY, STR_EMPTY},
                                       look_record, &records, &err);
    if (status == STATUS_OK && !records.used)
        status = files_mark_root(root, &err);
    if (status != STATUS_OK)
        log_warn("%s, the folder of storage %.*s, cannot be marked: %s", root, STR_ARG(id),
                 err.message);
}

static enum status look_adopt(struct store *store, struct error *err)
{
    struct kv_value value;
    enum status status =
        kv_get(store->kv, store->spaces.meta, NULL, STR_LIT(META_ROOTS_MARKED), 0, &value, err);

    CHECK(store->spaces.meta != NULL);
    if (status == STATUS_OK)
        kv_value_release(store->kv, &value);
    if (status != STATUS_ABSENT)
        return status;
    look_each(store, look_mark);
    if (storages_look_is_over(store))
        return STATUS_OK; /* not all of them */
    struct kv_batch *batch = kv_batch_new(store->kv);
    kv_batch_put(batch, store->spaces.meta, STR_LIT(META_ROOTS_MARKED), STR_LIT("1"));
    status = kv_write(store->kv, batch, store->options.durability, err);
    kv_batch_free(batch);
    return status;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void look_warn(struct store *store, struct str id, const char *root)
{
    CHECK(store != NULL);
    if (!files_root_is_there(root))
        log_warn("%s, the folder of storage %.*s, is missing, or " FILES_MARKER
                 " in it: is it mounted?",
                 root, STR_ARG(id));
}

static void *look_main(void *argument)
{
    struct store *store = argument;
    struct error err;

    CHECK(store->storages != NULL);
    if (look_adopt(store, &err) != STATUS_OK)
        log_warn("folders of storages: %s", err.message);
    look_each(store, look_warn);
    if (!storages_look_is_over(store))
        storages_warn_places(store);
    return NULL;
}

void storages_look_start(struct store *store, pthread_t *thread)
{
    CHECK(store->view != NULL);
    thread_start(thread, "storages", LOOK_STACK_BYTES, look_main, store);
}
