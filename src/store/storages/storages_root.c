/* storages_root.c — the roots of storages in folders, and by what one is known that has lost its
 * marker file (storage/files.h): files in it that records of segments name.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/map.h"
#include "base/mem.h"
#include "store/storages/storages_internal.h"

#include <unistd.h>

/* ---- which there are --------------------------------------------------------------------------
 */

static void root_add(struct store *store, struct str id, struct str uri, struct map *known,
                     struct arena *arena, struct storage_roots *out)
{
    struct str root = storage_root(uri);

    CHECK(id.size > 0);
    if (root.size > 0 && root.data[0] != '/')
        return; /* a bucket */
    if (root.size == 0 && store->options.own_folder_count == 0)
        return;
    if (root.size == 0)
        root = storage_root(str_from_c(store->options.own_folders[0]));
    if (map_get(known, root) != NULL)
        return;
    if (out->count == out->capacity) {
        size_t bigger = 2 * out->capacity + 16;
        out->all = arena_grow(arena, out->all, out->capacity * sizeof(*out->all),
                              bigger * sizeof(*out->all));
        out->capacity = bigger;
    }
    out->all[out->count++] = (struct storage_root){
        .id = arena_copy(arena, id), .path = arena_printf(arena, "%.*s", STR_ARG(root)).data};
    (void)map_put(known, root, out);
}

void storages_roots(struct store *store, struct arena *arena, struct storage_roots *out)
{
    struct view *view = view_acquire(store);
    const struct catalog *catalog = view_catalog(view);
    const struct storage *storage;
    const struct table *table;
    struct map known;

    CHECK(arena != NULL);
    map_init(&known);
    *out = (struct storage_roots){.count = 0};
    for (size_t i = 0; (storage = catalog_storage_at(catalog, i)) != NULL; i++)
        root_add(store, storage->id, storage->uri, &known, arena, out);
    for (size_t i = 0; (table = catalog_table_at(catalog, i)) != NULL; i++)
        if (table->storage_id.size > 0 && table->storage_uri.size > 0)
            root_add(store, table->storage_id, table->storage_uri, &known, arena, out);
    map_clear(&known);
    view_release(view);
}

/* ---- by what they are known ------------------------------------------------------------------ */

struct root_scan {
    struct str root; /* empty: the default folder */
    struct arena *arena;
    struct root_files *files;
};

static void root_record(void *context, const struct segment *segment)
{
    struct root_scan *scan = context;
    struct root_files *files = scan->files;
    struct str place = STR_EMPTY, rest = segment->path;

    CHECK(segment->path.size > 0);
    if (files->count == ROOT_FILES_MAX)
        return;
    if (files_address_split(segment->path, &place, &rest)) {
        size_t at = str_find(place, STR_LIT("@"));
        size_t start = at == SIZE_MAX ? place.size : at + 1;
        place = str_from(place.data + start, place.size - start);
    }
    if (str_equal(place, scan->root))
        files->paths[files->count++] =
            arena_printf(scan->arena, "%s/%.*s", files->root, STR_ARG(rest)).data;
}

enum status storages_root_files(struct store *store, const char *root, struct arena *arena,
                                struct root_files *out, struct error *err)
{
    struct str trimmed = storage_root(str_from_c(root));
    bool own = store->options.own_folder_count > 0 &&
               str_equal(trimmed, storage_root(str_from_c(store->options.own_folders[0])));
    struct root_scan scan = {.root = own ? STR_EMPTY : trimmed, .arena = arena, .files = out};

    CHECK(trimmed.size > 0);
    *out = (struct root_files){.root = arena_printf(arena, "%s", root).data};
    return segment_visit(store, &(struct key_range){STR_EMPTY, STR_EMPTY}, root_record, &scan, err);
}

bool root_files_exist(const struct root_files *files)
{
    bool exist = false;

    CHECK(files->count <= ROOT_FILES_MAX);
    for (size_t i = 0; i < files->count && !exist; i++)
        exist = access(files->paths[i], F_OK) == 0;
    return exist;
}

bool storages_knows_root(void *context, const char *root)
{
    struct store *store = context;
    struct root_files files;
    struct arena arena;
    struct error err;

    CHECK(store->kv != NULL);
    if (store->spaces.segments == NULL)
        return false; /* still opening */
    arena_init(&arena, 0);
    bool known = storages_root_files(store, root, &arena, &files, &err) == STATUS_OK &&
                 root_files_exist(&files);
    arena_clear(&arena);
    return known;
}

/* ---- other files in them --------------------------------------------------------------------- */

/* Roots are taken as they are written: to resolve that of a disk that does not answer would hold up
 * a backup to another one. */
enum status storages_check_target(struct store *store, const char *folder, struct error *err)
{
    enum status status = STATUS_OK;
    struct storage_roots roots;
    struct buf target;
    struct arena arena;

    arena_init(&arena, 0);
    buf_init(&target);
    file_resolve(folder, &target);
    CHECK(target.size > 0);
    storages_roots(store, &arena, &roots);
    for (size_t i = 0; i < roots.count && status == STATUS_OK; i++) {
        struct str root = str_from_c(roots.all[i].path);
        if ((file_is_below(str_from_c(folder), root) || file_is_below(buf_str(&target), root)) &&
            !files_root_is_there(roots.all[i].path, storages_knows_root, store))
            status = error_set(err, STATUS_STORAGE_UNAVAILABLE,
                               "\"%s\" lies in the folder of storage '%.*s', which is missing: is "
                               "it mounted?",
                               folder, STR_ARG(roots.all[i].id));
    }
    buf_clear(&target);
    arena_clear(&arena);
    return status;
}
