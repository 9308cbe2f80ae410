/* ddl_storage.c — changes of storages, and what other objects need of them.
 *
 * A storage is referenced by tables (for new files), by users of mode region, and by every file on
 * it, files that wait for their deletion included: without its credentials nobody could delete
 * them. DROP looks at all of them under the catalogue lock; a flush that has already chosen the
 * storage is refused when it installs its file (flush_install.c).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "storage/seal.h"
#include "store/ddl/ddl_internal.h"
#include "store/segment.h"
#include "store/storages.h"

enum { DDL_NAMES_SHOWN = 10 };

enum status ddl_storage_missing(struct str id, struct error *err)
{
    CHECK(id.data != NULL || id.size == 0);
    return error_set(err, STATUS_STORAGE_NOT_FOUND,
                     "Storage not found: Storage '%.*s' does not exist. Create it first with "
                     "CREATE STORAGE.",
                     (int)(id.size > STORAGE_ID_MAX ? STORAGE_ID_MAX : id.size), id.data);
}

/* ---- tables ---------------------------------------------------------------------------------- */

enum status ddl_table_resolve_storage(struct ddl *ddl, struct table *table, struct error *err)
{
    if (table->kind == TABLE_KIND_STREAM)
        return STATUS_OK;
    CHECK(table->kind != TABLE_KIND_SYSTEM);
    if (str_is_empty(table->storage_id))
        table->storage_id = STR_LIT(STORAGE_LOCAL);
    const struct storage *storage = catalog_find_storage(ddl->catalog, table->storage_id);
    if (storage == NULL)
        return ddl_storage_missing(table->storage_id, err);
    table->storage_uri = arena_copy(table->arena, storage->uri);
    if (str_is_empty(table->location))
        table->location =
            arena_copy(table->arena, table->kind == TABLE_KIND_USER ? storage->user_template
                                                                    : storage->shared_template);
    return STATUS_OK;
}

enum status ddl_table_ask_storage(struct store *store, const struct table *table, struct error *err)
{
    struct view *view = view_acquire(store);
    struct str id = table->storage_id.size > 0 ? table->storage_id : STR_LIT(STORAGE_LOCAL);
    const struct catalog *catalog = view_catalog(view);
    const struct storage *found =
        table->kind == TABLE_KIND_STREAM || catalog_find_table(catalog, table->space, table->name)
            ? NULL
            : catalog_find_storage(catalog, id);
    struct storage *storage = found != NULL ? storage_ref(found) : NULL;
    enum status status = STATUS_OK;

    CHECK(table->kind != TABLE_KIND_SYSTEM);
    view_release(view);
    if (storage != NULL)
        status = storages_check_writable(store, storage, err);
    storage_unref(storage);
    return status;
}

/* ---- create, alter --------------------------------------------------------------------------- */

static enum status ddl_storage_seal(const struct ddl *ddl, struct storage *storage,
                                    const struct str *secrets, struct error *err)
{
    const struct seal *seal = ddl->store->options.seal;
    struct buf sealed;

    if (secrets == NULL)
        return STATUS_OK;
    storage->credentials = STR_EMPTY;
    if (secrets->size == 0)
        return STATUS_OK;
    CHECK(storage->arena != NULL);
    if (seal == NULL)
        return error_set(err, STATUS_INVALID_OPERATION, "credentials cannot be kept here");
    buf_init(&sealed);
    seal_text(seal, storage->id, *secrets, &sealed);
    storage->credentials = arena_copy(storage->arena, buf_str(&sealed));
    buf_clear(&sealed);
    return STATUS_OK;
}

/* Takes the reference. */
static enum status ddl_write_storage(struct ddl *ddl, struct storage *storage,
                                     const struct str *secrets, struct error *err)
{
    const struct storage *old = catalog_find_storage(ddl->catalog, storage->id);
    struct value *values = ddl_values(ddl);
    enum status status = storages_check_place(ddl->store, ddl->builder, old, storage, err);

    CHECK(storage->id.size > 0);
    if (status == STATUS_OK)
        status = ddl_storage_seal(ddl, storage, secrets, err);
    if (status != STATUS_OK) {
        storage_unref(storage);
        return status;
    }
    system_row_storage(storage, values);
    ddl_put(ddl, SYSTEM_TABLE_STORAGES, values);
    catalog_builder_put_storage(ddl->builder, storage);
    if (old != NULL && str_equal(old->uri, storage->uri))
        return STATUS_OK; /* its folder is not made anew */
    if (ddl->storage_count == ddl->storage_capacity) {
        size_t capacity = 2 * ddl->storage_capacity + 4;
        ddl->storages =
            arena_grow(&ddl->arena, ddl->storages, ddl->storage_capacity * sizeof(struct storage *),
                       capacity * sizeof(struct storage *));
        ddl->storage_capacity = capacity;
    }
    ddl->storages[ddl->storage_count++] = storage_ref(storage);
    return STATUS_OK;
}

enum status ddl_prepare_storages(struct ddl *ddl, struct error *err)
{
    enum status status = STATUS_OK;

    CHECK(ddl->storage_count <= ddl->storage_capacity);
    for (size_t i = 0; i < ddl->storage_count && status == STATUS_OK; i++)
        status = storages_prepare(ddl->store, ddl->storages[i], err);
    return status;
}

enum status ddl_add_storage(struct ddl *ddl, struct storage *storage, const struct str *secrets,
                            struct error *err)
{
    enum status status;

    storage->created_at = storage->updated_at = ddl->now;
    CHECK(storage->id.size > 0);
    if (catalog_find_storage(ddl->catalog, storage->id) == NULL &&
        !ddl_has(ddl, SYSTEM_TABLE_STORAGES, storage->id))
        return ddl_write_storage(ddl, storage, secrets, err);
    status = error_set(err, STATUS_ALREADY_EXISTS, "Storage '%.*s' already exists",
                       STR_ARG(storage->id));
    storage_unref(storage);
    return status;
}

enum status ddl_set_storage(struct ddl *ddl, struct storage *storage, const struct str *secrets,
                            struct error *err)
{
    const struct storage *old = catalog_find_storage(ddl->catalog, storage->id);

    if (old == NULL) {
        enum status status = ddl_storage_missing(storage->id, err);
        storage_unref(storage);
        return status;
    }
    CHECK(storage->type == old->type);
    storage->updated_at = ddl->now > old->updated_at ? ddl->now : old->updated_at + 1;
    return ddl_write_storage(ddl, storage, secrets, err);
}

/* ---- drop ------------------------------------------------------------------------------------ */

/* Names of what still needs the storage. */
struct ddl_references {
    struct str id;
    struct buf names;
    size_t count;
};

static void ddl_references_add(struct ddl_references *references, struct str first,
                               struct str second)
{
    CHECK(first.size > 0);
    if (references->count < DDL_NAMES_SHOWN) {
        if (references->count > 0)
            buf_append_str(&references->names, STR_LIT(", "));
        buf_append_str(&references->names, first);
        if (second.size > 0) {
            buf_append_byte(&references->names, '.');
            buf_append_str(&references->names, second);
        }
    } else if (references->count == DDL_NAMES_SHOWN) {
        buf_append_str(&references->names, STR_LIT(", ..."));
    }
    references->count++;
}

static enum status ddl_references_refuse(const struct ddl_references *references, const char *what,
                                         struct error *err)
{
    CHECK(what != NULL);
    if (references->count == 0)
        return STATUS_OK;
    return error_set(
        err, STATUS_CONFLICT, "Cannot delete storage '%.*s': %zu %s(s) still reference it: %.*s",
        STR_ARG(references->id), references->count, what, STR_ARG(buf_str(&references->names)));
}

static void ddl_references_tables(const struct ddl *ddl, struct ddl_references *references)
{
    const struct table *table;

    CHECK(references->count == 0);
    for (size_t i = 0; (table = catalog_table_at(ddl->catalog, i)) != NULL; i++)
        if (str_equal(table->storage_id, references->id))
            ddl_references_add(references, table->space, table->name);
}

/* Dropped ones, too, until they are cleaned up: what they have is still flushed there. */
static void ddl_references_users(const struct ddl *ddl, struct ddl_references *references)
{
    const struct user *user;

    CHECK(references->count == 0);
    for (size_t i = 0; (user = catalog_user_at(ddl->catalog, i)) != NULL; i++)
        if (str_equal(user->storage_id, references->id) &&
            str_equal(user->storage_mode, STR_LIT("region")))
            ddl_references_add(references, user->id, STR_EMPTY);
}

struct ddl_reference_visit {
    const struct ddl *ddl;
    struct ddl_references *references;
    struct table_id last; /* a table's records lie together */
};

static void ddl_references_segment(void *context, const struct segment *segment)
{
    struct ddl_reference_visit *visit = context;
    const struct table *table;

    CHECK(visit->references != NULL);
    if (segment->table.value == visit->last.value ||
        !str_equal(segment->storage_id, visit->references->id))
        return;
    visit->last = segment->table;
    table = catalog_find_table_id(visit->ddl->catalog, segment->table);
    if (table != NULL)
        ddl_references_add(visit->references, table->space, table->name);
}

/* Tables that have files there although their storage is another one: those of region users. */
static enum status ddl_references_segments(const struct ddl *ddl, struct ddl_references *references,
                                           struct error *err)
{
    struct ddl_reference_visit visit = {.ddl = ddl, .references = references};

    CHECK(references->count == 0);
    return segment_visit(ddl->store, &(struct key_range){STR_EMPTY, STR_EMPTY},
                         ddl_references_segment, &visit, err);
}

static enum status ddl_references_pending(const struct ddl *ddl, struct str id, struct error *err)
{
    struct store *store = ddl->store;
    struct kv_iterator_options options = {.fill_cache = true};
    struct kv_iterator *iterator = kv_iterator_open(store->kv, store->spaces.pending, &options);
    size_t count = 0;

    CHECK(id.size > 0);
    for (kv_iterator_seek_first(iterator); kv_iterator_is_valid(iterator);
         kv_iterator_next(iterator))
        count += place_is_on(kv_iterator_key(iterator), id);
    enum status status = kv_iterator_status(iterator, err);
    kv_iterator_close(iterator);
    if (status == STATUS_OK && count > 0)
        status = error_set(err, STATUS_CONFLICT,
                           "Cannot delete storage '%.*s': %zu file(s) on it are still being "
                           "written or deleted",
                           STR_ARG(id), count);
    return status;
}

static enum status ddl_storage_check_unused(const struct ddl *ddl, struct str id, struct error *err)
{
    struct ddl_references references = {.id = id};
    enum status status;

    CHECK(ddl->catalog != NULL);
    buf_init(&references.names);
    ddl_references_tables(ddl, &references);
    status = ddl_references_refuse(&references, "table", err);
    if (status == STATUS_OK) {
        ddl_references_users(ddl, &references);
        status = ddl_references_refuse(&references, "user", err);
    }
    if (status == STATUS_OK)
        status = ddl_references_segments(ddl, &references, err);
    if (status == STATUS_OK)
        status = ddl_references_refuse(&references, "table", err);
    buf_clear(&references.names);
    return status == STATUS_OK ? ddl_references_pending(ddl, id, err) : status;
}

enum status ddl_remove_storage(struct ddl *ddl, struct str id, struct error *err)
{
    struct value key = value_text(VALUE_TEXT, id);

    if (str_equal(id, STR_LIT(STORAGE_LOCAL)))
        return error_set(err, STATUS_INVALID_OPERATION, "storage 'local' cannot be dropped");
    if (catalog_find_storage(ddl->catalog, id) == NULL)
        return error_set(err, STATUS_STORAGE_NOT_FOUND,
                         "storage not found: Storage '%.*s' does not exist",
                         (int)(id.size > STORAGE_ID_MAX ? STORAGE_ID_MAX : id.size), id.data);
    enum status status = ddl_storage_check_unused(ddl, id, err);
    if (status != STATUS_OK)
        return status;
    CHECK(!ddl_has(ddl, SYSTEM_TABLE_STORAGES, id));
    ddl_delete(ddl, SYSTEM_TABLE_STORAGES, &key);
    catalog_builder_remove_storage(ddl->builder, id);
    return STATUS_OK;
}
