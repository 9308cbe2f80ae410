/* storages.c — the open storages: a router (storage/files.h) whose places are found in the newest
 * catalogue.
 *
 * A place opens with its first use and stays open. When its storage got other credentials or
 * settings, the next use opens it anew; who is inside a call keeps the old one. Nothing is asked of
 * an s3 storage on opening. A folder that is missing is an error, never made here: it may be a disk
 * that is not mounted.
 *
 * Thread: any. The mutex is held while a place opens, which touches a local folder at most: one
 * that has just answered without it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/storages.h"

#include "base/check.h"
#include "base/fault.h"
#include "base/mem.h"
#include "store/storages/storages_internal.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct storage_place {
    unsigned uses; /* calls inside, plus one while it is in the map */
    struct files *files;
    char *credentials, *config; /* what it was opened with */
    struct storage_place *next; /* of the places in use */
};

struct storages {
    struct store *store;
    struct files *router;
    pthread_mutex_t mutex;          /* guards all below */
    struct map places;              /* place → struct storage_place */
    struct storage_place *replaced; /* still inside a call */
    pthread_t looking;              /* storages_look.c */
    bool started;
    atomic_bool stopping;
};

/* ---- one place ------------------------------------------------------------------------------- */

static void place_free(struct storage_place *place)
{
    CHECK(place->uses == 0);
    files_close(place->files);
    mem_free(place->credentials);
    mem_free(place->config);
    mem_free(place);
}

static bool place_is_current(const struct storage_place *place, const struct storage *storage)
{
    CHECK(place->files != NULL);
    return str_equal(str_from_c(place->credentials), storage->credentials) &&
           str_equal(str_from_c(place->config), storage->config);
}

static enum status place_open_folder(struct store *store, struct str root, struct files **out,
                                     struct error *err)
{
    char *folder = mem_strdup(root);
    struct stat info;
    enum status status = STATUS_OK;

    CHECK(root.size > 0);
    if (stat(folder, &info) != 0 || !S_ISDIR(info.st_mode))
        status = error_set(err, STATUS_IO_FAILED, "folder %s is missing: is it mounted?", folder);
    if (status == STATUS_OK)
        status = files_open_marked(folder, out, err);
    if (status == STATUS_OK)
        files_know_roots_by(*out, storages_knows_root, store);
    if (status == STATUS_OK && store->columnar != NULL)
        columnar_allow_folder(store->columnar, folder);
    mem_free(folder);
    return status;
}

static enum status place_open(struct store *store, const struct storage *storage, struct str name,
                              struct str root, struct files **out, struct error *err)
{
    CHECK(root.size > 0);
    if (storage->type == STORAGE_FILESYSTEM)
        return place_open_folder(store, root, out, err);
    return place_open_s3(store, storage, name, root, out, err);
}

/* ---- the router's callbacks ------------------------------------------------------------------ */

static void storages_unuse(struct storages *storages, struct storage_place *place)
{
    struct storage_place **link = &storages->replaced;

    CHECK(place->uses > 0);
    if (--place->uses > 0)
        return;
    while (*link != NULL && *link != place)
        link = &(*link)->next;
    if (*link == place)
        *link = place->next;
    place_free(place);
}

/* Takes a place that is out of date out of the map. */
static void storages_retire(struct storages *storages, struct str name, struct storage_place *place)
{
    struct storage_place *removed = map_remove(&storages->places, name);

    CHECK(removed == place);
    place->next = storages->replaced;
    storages->replaced = place;
    storages_unuse(storages, place);
}

/* NULL when it is to be opened. The mutex is held. */
static struct storage_place *storages_current(struct storages *storages,
                                              const struct storage *storage, struct str name)
{
    struct storage_place *place = map_get(&storages->places, name);

    CHECK(name.size > 0);
    if (place == NULL || place_is_current(place, storage))
        return place;
    storages_retire(storages, name, place);
    return NULL;
}

/* The mutex is held. */
static enum status storages_use(struct storages *storages, const struct storage *storage,
                                struct str name, struct str root, struct files **out,
                                struct error *err)
{
    struct storage_place *place = storages_current(storages, storage, name);
    struct files *files = NULL;

    CHECK(name.size > root.size);
    if (place == NULL) {
        enum status status = place_open(storages->store, storage, name, root, &files, err);
        if (status != STATUS_OK)
            return status;
        place = mem_zalloc(sizeof(*place));
        place->uses = 1;
        place->files = files;
        place->credentials = mem_strdup(storage->credentials);
        place->config = mem_strdup(storage->config);
        (void)map_put(&storages->places, name, place);
    }
    place->uses++;
    *out = place->files;
    return STATUS_OK;
}

static enum status storages_enter(struct storages *storages, const struct storage *storage,
                                  struct str name, struct str root, struct files **out,
                                  struct error *err)
{
    pthread_mutex_lock(&storages->mutex);
    bool open = storages_current(storages, storage, name) != NULL;
    pthread_mutex_unlock(&storages->mutex);
    if (!open && storage->type == STORAGE_FILESYSTEM) {
        char *folder = mem_strdup(root);
        struct stat info;
        (void)FAULT(storages_open);
        (void)stat(folder, &info); /* its disk may take long to answer */
        mem_free(folder);
    }
    pthread_mutex_lock(&storages->mutex);
    enum status status = storages_use(storages, storage, name, root, out, err);
    CHECK(status != STATUS_OK || *out != NULL);
    pthread_mutex_unlock(&storages->mutex);
    return status;
}

static enum status storages_find(void *context, struct str name, struct files **out,
                                 struct error *err)
{
    struct storages *storages = context;
    size_t at = str_find(name, STR_LIT("@"));

    CHECK(out != NULL);
    if (at == SIZE_MAX || at == 0)
        return error_set(err, STATUS_CORRUPT, "address of a file without storage");
    struct str id = str_from(name.data, at);
    struct str root = str_from(name.data + at + 1, name.size - at - 1);
    struct view *view = view_acquire(storages->store);
    const struct storage *found = catalog_find_storage(view_catalog(view), id);
    struct storage *storage = found != NULL ? storage_ref(found) : NULL;
    view_release(view);
    if (storage == NULL)
        return error_set(err, STATUS_IO_FAILED, "storage '%.*s' does not exist any more",
                         STR_ARG(id));
    enum status status = storages_enter(storages, storage, name, root, out, err);
    storage_unref(storage);
    return status;
}

static void storages_release(void *context, struct files *files)
{
    struct storages *storages = context;
    struct storage_place *place = NULL;
    size_t cursor = 0;
    void *value;

    CHECK(files != NULL);
    pthread_mutex_lock(&storages->mutex);
    while (place == NULL && map_next(&storages->places, &cursor, NULL, &value))
        if (((struct storage_place *)value)->files == files)
            place = value;
    for (struct storage_place *old = storages->replaced; place == NULL && old != NULL;
         old = old->next)
        if (old->files == files)
            place = old;
    CHECK(place != NULL);
    storages_unuse(storages, place);
    pthread_mutex_unlock(&storages->mutex);
}

enum status storages_borrow(struct store *store, const struct storage *storage, struct files **out,
                            struct error *err)
{
    struct storages *storages = store->storages;
    struct str root = storage_root(storage->uri);
    struct buf name;

    CHECK(out != NULL);
    if (root.size == 0) {
        *out = store->options.files;
        return STATUS_OK;
    }
    buf_init(&name);
    buf_printf(&name, "%.*s@%.*s", STR_ARG(storage->id), STR_ARG(root));
    enum status status = storages_enter(storages, storage, buf_str(&name), root, out, err);
    buf_clear(&name);
    return status;
}

void storages_return(struct store *store, struct files *files)
{
    CHECK(files != NULL);
    if (files != store->options.files)
        storages_release(store->storages, files);
}

/* ---- life ------------------------------------------------------------------------------------ */

struct storages *storages_new(struct store *store)
{
    struct storages *storages = mem_zalloc(sizeof(*storages));

    CHECK(store != NULL);
    storages->store = store;
    CHECK(pthread_mutex_init(&storages->mutex, NULL) == 0);
    map_init(&storages->places);
    if (store->options.files != NULL)
        files_know_roots_by(store->options.files, storages_knows_root, store);
    storages->router = files_open_router(&(struct files_router_options){
        .home = store->options.files,
        .find = storages_find,
        .release = storages_release,
        .context = storages,
    });
    return storages;
}

void storages_free(struct storages *storages)
{
    size_t cursor = 0;
    void *value;

    if (storages == NULL)
        return;
    CHECK(storages->replaced == NULL); /* nobody is inside a call */
    while (map_next(&storages->places, &cursor, NULL, &value)) {
        struct storage_place *place = value;
        place->uses--;
        place_free(place);
    }
    map_clear(&storages->places);
    files_close(storages->router);
    if (storages->store->options.files != NULL)
        files_know_roots_by(storages->store->options.files, NULL, NULL);
    CHECK(pthread_mutex_destroy(&storages->mutex) == 0);
    mem_free(storages);
}

void storages_start(struct store *store)
{
    CHECK(!store->storages->started);
    store->storages->started = true;
    storages_look_start(store, &store->storages->looking);
}

void storages_stop(struct store *store)
{
    CHECK(store->storages != NULL);
    atomic_store(&store->storages->stopping, true);
    if (store->storages->started)
        CHECK(pthread_join(store->storages->looking, NULL) == 0);
    store->storages->started = false;
}

bool storages_look_is_over(const struct store *store)
{
    CHECK(store->storages != NULL);
    return atomic_load(&store->storages->stopping);
}

struct files *storages_files(struct storages *storages)
{
    CHECK(storages->router != NULL);
    return storages->router;
}

/* ---- folders --------------------------------------------------------------------------------- */

enum status storages_prepare(struct store *store, const struct storage *storage, struct error *err)
{
    struct error local;

    CHECK(store != NULL);
    if (storage->type != STORAGE_FILESYSTEM || storage->uri.size == 0)
        return STATUS_OK;
    char *folder = mem_strdup(storage_root(storage->uri));
    enum status status = file_make_folders(folder, &local);
    if (status == STATUS_OK && access(folder, W_OK | X_OK) != 0)
        status = error_set(&local, STATUS_IO_FAILED, "%s cannot be written to", folder);
    if (status == STATUS_OK)
        status = files_mark_root(folder, &local);
    mem_free(folder);
    if (status == STATUS_OK)
        return STATUS_OK;
    return error_set(err, STATUS_INVALID_OPERATION, "the folder of storage '%.*s': %s",
                     STR_ARG(storage->id), local.message);
}

enum status storages_check_writable(struct store *store, const struct storage *storage,
                                    struct error *err)
{
    bool writable = true;

    CHECK(store != NULL);
    if (storage->type == STORAGE_FILESYSTEM && storage->uri.size > 0) {
        char *folder = mem_strdup(storage_root(storage->uri));
        (void)FAULT(storages_writable);
        writable = access(folder, W_OK | X_OK) == 0 &&
                   files_root_is_there(folder, storages_knows_root, store);
        mem_free(folder);
    }
    if (writable)
        return STATUS_OK;
    return error_set(err, STATUS_STORAGE_UNAVAILABLE,
                     "storage '%.*s' cannot be written to: see STORAGE CHECK %.*s",
                     STR_ARG(storage->id), STR_ARG(storage->id));
}
