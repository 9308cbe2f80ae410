/* place.c — where new files of an instance go: storage, root, template and shard (docs/sql.md), and
 * reading addresses.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/hash.h"
#include "store/path.h"
#include "store/storages.h"
#include "store/store_internal.h"

/* The first character of the range in the id, in lower case; `high` if there is none. */
static uint8_t place_first(struct str user, char low, char high)
{
    CHECK(low < high);
    for (size_t i = 0; i < user.size; i++) {
        char c = user.data[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        if (c >= low && c <= high)
            return (uint8_t)c;
    }
    return (uint8_t)high;
}

void place_shard(enum sharding strategy, uint32_t hash_shards, struct str user, struct buf *out)
{
    CHECK(out != NULL);
    switch (strategy) {
    case SHARDING_NONE:
        return;
    case SHARDING_ALPHABETIC:
        buf_append_byte(out, place_first(user, 'a', 'z'));
        return;
    case SHARDING_NUMERIC:
        buf_append_byte(out, place_first(user, '0', '9'));
        return;
    case SHARDING_HASH:
        CHECK(hash_shards > 0);
        buf_printf(out, "shard-%04u", (unsigned)(hash_bytes(user) % hash_shards));
        return;
    }
    UNREACHABLE("sharding");
}

/* The user's own storage, when table and user want it. NULL: the table's. */
static enum status place_user_storage(const struct catalog *catalog, const struct table *table,
                                      struct str id, const struct storage **out, struct error *err)
{
    const struct user *user = table->use_user_storage ? catalog_find_user(catalog, id) : NULL;

    *out = NULL;
    if (user == NULL || !str_equal(user->storage_mode, STR_LIT("region")))
        return STATUS_OK;
    struct str wanted = user->storage_id.size > 0 ? user->storage_id : STR_LIT(STORAGE_LOCAL);
    *out = catalog_find_storage(catalog, wanted);
    CHECK(table->kind == TABLE_KIND_USER);
    if (*out != NULL)
        return STATUS_OK;
    return error_set(err, STATUS_STORAGE_NOT_FOUND,
                     "storage not found: storage '%.*s' of user '%.*s'", STR_ARG(wanted),
                     STR_ARG(id));
}

enum status place_of_instance(struct store *store, const struct catalog *catalog,
                              const struct table *table, struct str user, struct buf *out,
                              struct str *storage_id, struct error *err)
{
    struct path_template template = {.text = table->location};
    struct str id = table->storage_id.size > 0 ? table->storage_id : STR_LIT(STORAGE_LOCAL);
    struct str root = storage_root(table->storage_uri);
    const struct storage *storage;
    struct buf shard;

    CHECK(table->kind == TABLE_KIND_USER || table->kind == TABLE_KIND_SHARED);
    enum status status = place_user_storage(catalog, table, user, &storage, err);
    if (status != STATUS_OK)
        return status;
    if (storage != NULL) {
        id = storage->id;
        root = storage_root(storage->uri);
        if (!table->has_location)
            template.text = storage->user_template;
    }
    buf_init(&shard);
    if (table->kind == TABLE_KIND_USER)
        place_shard(store->options.sharding, store->options.hash_shards, user, &shard);
    template.shard = buf_str(&shard);
    if (root.size > 0)
        buf_printf(out, "%.*s@%.*s//", STR_ARG(id), STR_ARG(root));
    status = path_folder(table, &template, user, out, err);
    buf_clear(&shard);
    *storage_id = id;
    return status;
}

bool place_is_on(struct str path, struct str storage_id)
{
    struct str place, rest;

    CHECK(storage_id.size > 0);
    if (!files_address_split(path, &place, &rest))
        return str_equal(storage_id, STR_LIT(STORAGE_LOCAL));
    return place.size > storage_id.size && str_starts_with(place, storage_id) &&
           place.data[storage_id.size] == '@';
}

void place_show(struct str path, struct buf *out)
{
    struct str place, rest;

    CHECK(out != NULL);
    if (!files_address_split(path, &place, &rest)) {
        buf_append_str(out, path);
        return;
    }
    size_t at = str_find(place, STR_LIT("@"));
    size_t start = at == SIZE_MAX ? 0 : at + 1;
    buf_append_str(out, str_from(place.data + start, place.size - start));
    buf_append_byte(out, '/');
    buf_append_str(out, rest);
}
