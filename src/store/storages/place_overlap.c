/* place_overlap.c — where a place really is, and whether two share folders or keys.
 *
 * Files are named, listed and deleted by address, which starts with the storage's id. So no place
 * may equal, hold or lie in that of another storage, or a folder of the server itself. Folders are
 * resolved only for a storage that comes to another place: a disk that does not answer would hold
 * the catalogue lock. Catalogues from before this rule are told of at every start; there, and where
 * a storage has moved away from its files, names are claimed by what place_resolve gives
 * (flush_write.c), so that nobody takes the file of another.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/storages/storages_internal.h"

static void place_resolve_folder(struct str folder, struct buf *out)
{
    char *text = mem_strdup(folder);

    CHECK(folder.size > 0);
    file_resolve(text, out);
    mem_free(text);
}

void place_resolve(const struct store *store, struct str path, struct buf *out)
{
    struct str place, rest;

    if (!files_address_split(path, &place, &rest)) {
        if (store->options.own_folder_count > 0)
            file_resolve(store->options.own_folders[0], out);
        rest = path;
    } else {
        size_t at = str_find(place, STR_LIT("@"));
        size_t start = at == SIZE_MAX ? 0 : at + 1;
        struct str root = str_from(place.data + start, place.size - start);
        CHECK(root.size > 0);
        if (str_starts_with(root, STR_LIT("s3://")))
            buf_append_str(out, root);
        else
            place_resolve_folder(root, out);
    }
    buf_append_byte(out, '/');
    buf_append_str(out, rest);
}

/* Empty for the default folder, which is one of the server's own. */
static struct str place_of_storage(const struct storage *storage, struct arena *arena)
{
    struct str root = storage_root(storage->uri), place = STR_EMPTY;
    struct buf out;

    if (root.size == 0)
        return place;
    buf_init(&out);
    if (storage->type == STORAGE_S3)
        place_resolve_s3(storage, root, &out);
    else
        place_resolve_folder(root, &out);
    CHECK(out.size > 0);
    place = arena_copy(arena, buf_str(&out));
    buf_clear(&out);
    return place;
}

static bool place_overlaps(struct str one, struct str two)
{
    if (one.size == 0 || two.size == 0)
        return false;
    CHECK(one.data != NULL && two.data != NULL);
    return file_is_below(one, two) || file_is_below(two, one);
}

static bool place_is_own(const struct store *store, struct str place)
{
    bool own = false;
    struct buf folder;

    if (place.size == 0 || place.data[0] != '/')
        return false;
    CHECK(store != NULL);
    buf_init(&folder);
    for (size_t i = 0; i < store->options.own_folder_count && !own; i++) {
        buf_reset(&folder);
        file_resolve(store->options.own_folders[i], &folder);
        own = place_overlaps(place, buf_str(&folder));
    }
    buf_clear(&folder);
    return own;
}

enum status storages_check_place(const struct store *store, const struct catalog_builder *builder,
                                 const struct storage *old, const struct storage *storage,
                                 struct error *err)
{
    const struct storage *other;
    struct arena arena;
    enum status status = STATUS_OK;

    if (old != NULL && storage->type == STORAGE_FILESYSTEM &&
        str_equal(storage_root(old->uri), storage_root(storage->uri)))
        return STATUS_OK;
    arena_init(&arena, 0);
    struct str place = place_of_storage(storage, &arena);
    if (old != NULL && str_equal(place, place_of_storage(old, &arena)))
        place = STR_EMPTY; /* it was there before */
    if (place_is_own(store, place))
        status = error_set(err, STATUS_INVALID_OPERATION,
                           "the place of storage '%.*s' would lie in, or hold, the server's own "
                           "folders",
                           STR_ARG(storage->id));
    for (size_t i = 0; status == STATUS_OK && place.size > 0 &&
                       (other = catalog_builder_storage_at(builder, i)) != NULL;
         i++)
        if (!str_equal(other->id, storage->id) && other->type == storage->type &&
            place_overlaps(place, place_of_storage(other, &arena)))
            status = error_set(err, STATUS_INVALID_OPERATION,
                               "the place of storage '%.*s' would be, hold or lie in that of "
                               "storage '%.*s'",
                               STR_ARG(storage->id), STR_ARG(other->id));
    CHECK(storage->id.size > 0);
    arena_clear(&arena);
    return status;
}

/* ---- of all storages, at start ----------------------------------------------------------------
 */

static void place_ask(const struct root_files *files, struct disk_answer *answer)
{
    CHECK(files->root != NULL);
    file_resolve(files->root, &answer->text);
}

/* Resolves a folder; false when the store closes before. */
static bool place_asked(struct store *store, struct arena *arena, struct str *folder)
{
    struct root_files files = {.root = folder->data};
    struct disk_answer answer;

    CHECK(folder->size > 0);
    if (!storages_ask(store, place_ask, &files, &answer))
        return false;
    *folder = arena_copy(arena, buf_str(&answer.text));
    buf_clear(&answer.text);
    return true;
}

struct places {
    struct str *ids, *all; /* of storages, then of the server's own folders, whose ids are empty */
    size_t count;
};

/* Folders are not resolved yet. */
static void places_collect(struct store *store, struct arena *arena, struct places *places)
{
    struct view *view = view_acquire(store);
    const struct catalog *catalog = view_catalog(view);
    size_t own = store->options.own_folder_count;
    const struct storage *storage;
    size_t count = 0;

    CHECK(places->count == 0);
    while (catalog_storage_at(catalog, count) != NULL)
        count++;
    places->ids = arena_array(arena, count + own + 1, sizeof(*places->ids));
    places->all = arena_array(arena, count + own + 1, sizeof(*places->all));
    for (size_t i = 0; (storage = catalog_storage_at(catalog, i)) != NULL; i++) {
        struct str root = storage_root(storage->uri);
        if (root.size == 0)
            continue;
        places->ids[places->count] = arena_copy(arena, storage->id);
        places->all[places->count++] = storage->type == STORAGE_S3
                                           ? place_of_storage(storage, arena)
                                           : arena_copy(arena, root);
    }
    view_release(view);
    for (size_t i = 0; i < own; i++)
        places->all[places->count++] = arena_copy(arena, str_from_c(store->options.own_folders[i]));
}

void storages_warn_places(struct store *store)
{
    struct places places = {.count = 0};
    struct arena arena;
    bool asked = true;

    arena_init(&arena, 0);
    places_collect(store, &arena, &places);
    for (size_t i = 0; i < places.count && asked; i++)
        if (places.all[i].size > 0 && places.all[i].data[0] == '/')
            asked = place_asked(store, &arena, &places.all[i]);
    for (size_t i = 0; i < places.count && asked; i++)
        for (size_t k = 0; k < i; k++) {
            CHECK(places.ids[k].size > 0 || places.ids[i].size == 0);
            if (places.ids[k].size == 0 || !place_overlaps(places.all[i], places.all[k]))
                continue;
            if (places.ids[i].size == 0)
                log_warn("the place of storage '%.*s' lies in, or holds, the server's own folders",
                         STR_ARG(places.ids[k]));
            else
                log_warn("storages '%.*s' and '%.*s' share one place", STR_ARG(places.ids[k]),
                         STR_ARG(places.ids[i]));
        }
    arena_clear(&arena);
}
