/* catalog.c — catalogue versions and their builder, see catalog.h.
 *
 * A version is six sets (catalog_set.h): namespaces, tables by name, tables by id, users, users by
 * API key, storages. A builder starts with the sets of its base and copies a set when it changes it
 * for the first time, so that a new user costs nothing for 10,000 tables.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "catalog/catalog.h"

#include "base/check.h"
#include "base/mem.h"
#include "catalog/catalog_internal.h"
#include "catalog/catalog_set.h"

enum catalog_set_index {
    SET_SPACES,
    SET_TABLES,
    SET_TABLE_IDS,
    SET_USERS,
    SET_API_KEYS,
    SET_STORAGES,
    SET_COUNT
};

struct catalog {
    atomic_uint refs;
    uint64_t version;
    struct catalog_set *sets[SET_COUNT];
};

struct catalog_builder {
    uint64_t version;
    struct catalog_set *sets[SET_COUNT];
    bool changed[SET_COUNT]; /* the set is the builder's own */
};

/* A namespace with its count; `space` points behind the struct. */
struct namespace_object {
    struct catalog_namespace space; /* first: the object is handed out as this */
    atomic_uint refs;
};

static struct namespace_object *namespace_object_new(const struct catalog_namespace *space)
{
    size_t text_bytes = space->name.size + space->options.size;
    struct namespace_object *object = mem_zalloc(sizeof(*object) + text_bytes);
    char *text = (char *)(object + 1);

    CHECK(space->name.size > 0);
    memcpy(text, space->name.data, space->name.size);
    if (space->options.size > 0)
        memcpy(text + space->name.size, space->options.data, space->options.size);
    object->space = *space;
    object->space.name.data = text;
    object->space.options.data = text + space->name.size;
    atomic_init(&object->refs, 1);
    return object;
}

static void *namespace_object_ref(const void *object)
{
    /* The count is the only member that changes after publication. */
    struct namespace_object *space = (struct namespace_object *)(uintptr_t)object;
    unsigned before = atomic_fetch_add_explicit(&space->refs, 1, memory_order_relaxed);

    CHECK(before > 0);
    return space;
}

static void namespace_object_unref(void *object)
{
    struct namespace_object *space = object;
    unsigned before = atomic_fetch_sub_explicit(&space->refs, 1, memory_order_acq_rel);

    CHECK(before > 0);
    if (before == 1)
        mem_free(space);
}

static void *catalog_table_ref(const void *object)
{
    return table_ref(object);
}

static void catalog_table_unref(void *object)
{
    table_unref(object);
}

static void *catalog_user_ref(const void *object)
{
    return user_ref(object);
}

static void catalog_user_unref(void *object)
{
    user_unref(object);
}

static void *catalog_storage_ref(const void *object)
{
    return storage_ref(object);
}

static void catalog_storage_unref(void *object)
{
    storage_unref(object);
}

static const struct catalog_set_kind catalog_kinds[SET_COUNT] = {
    [SET_SPACES] = {namespace_object_ref, namespace_object_unref, true},
    [SET_TABLES] = {catalog_table_ref, catalog_table_unref, true},
    [SET_TABLE_IDS] = {catalog_table_ref, catalog_table_unref, false},
    [SET_USERS] = {catalog_user_ref, catalog_user_unref, true},
    [SET_API_KEYS] = {catalog_user_ref, catalog_user_unref, false},
    [SET_STORAGES] = {catalog_storage_ref, catalog_storage_unref, true},
};

struct catalog *catalog_new_empty(void)
{
    struct catalog *catalog = mem_zalloc(sizeof(*catalog));

    atomic_init(&catalog->refs, 1);
    for (int i = 0; i < SET_COUNT; i++)
        catalog->sets[i] = catalog_set_new(&catalog_kinds[i]);
    CHECK(catalog->version == 0);
    return catalog;
}

struct catalog *catalog_ref(struct catalog *catalog)
{
    unsigned before = atomic_fetch_add_explicit(&catalog->refs, 1, memory_order_relaxed);

    CHECK(before > 0);
    return catalog;
}

void catalog_unref(struct catalog *catalog)
{
    if (catalog == NULL)
        return;
    unsigned before = atomic_fetch_sub_explicit(&catalog->refs, 1, memory_order_acq_rel);
    CHECK(before > 0);
    if (before > 1)
        return;
    for (int i = 0; i < SET_COUNT; i++)
        catalog_set_unref(catalog->sets[i]);
    mem_free(catalog);
}

uint64_t catalog_version(const struct catalog *catalog)
{
    CHECK(catalog != NULL);
    return catalog->version;
}

/* ---- look-ups ---------------------------------------------------------------------------------
 */

static struct str catalog_id_bytes(const struct table_id *id)
{
    CHECK(id->value > 0);
    return str_from((const char *)&id->value, sizeof(id->value));
}

const struct catalog_namespace *catalog_find_namespace(const struct catalog *catalog,
                                                       struct str name)
{
    CHECK(catalog != NULL);
    return catalog_set_find(catalog->sets[SET_SPACES], name, STR_EMPTY);
}

const struct table *catalog_find_table(const struct catalog *catalog, struct str space,
                                       struct str name)
{
    const struct table *table = catalog_set_find(catalog->sets[SET_TABLES], space, name);

    CHECK(catalog != NULL);
    if (table == NULL && str_equal(space, STR_LIT("system"))) {
        if (str_equal(name, STR_LIT("live")))
            name = STR_LIT("live_queries");
        else if (str_equal(name, STR_LIT("schemas")))
            name = STR_LIT("table_schemas");
        else
            return NULL;
        table = catalog_set_find(catalog->sets[SET_TABLES], space, name);
    }
    return table;
}

const struct table *catalog_find_table_id(const struct catalog *catalog, struct table_id id)
{
    if (id.value == 0)
        return NULL;
    return catalog_set_find(catalog->sets[SET_TABLE_IDS], catalog_id_bytes(&id), STR_EMPTY);
}

const struct user *catalog_find_user(const struct catalog *catalog, struct str id)
{
    CHECK(catalog != NULL);
    return catalog_set_find(catalog->sets[SET_USERS], id, STR_EMPTY);
}

const struct user *catalog_find_api_key(const struct catalog *catalog, struct str sha256_hex)
{
    CHECK(catalog != NULL);
    if (str_is_empty(sha256_hex))
        return NULL;
    return catalog_set_find(catalog->sets[SET_API_KEYS], sha256_hex, STR_EMPTY);
}

const struct storage *catalog_find_storage(const struct catalog *catalog, struct str id)
{
    CHECK(catalog != NULL);
    return catalog_set_find(catalog->sets[SET_STORAGES], id, STR_EMPTY);
}

static const void *catalog_at(const struct catalog *catalog, enum catalog_set_index which,
                              size_t index)
{
    const struct catalog_set *set = catalog->sets[which];

    CHECK(set->kind->sorted);
    return index < set->count ? set->entries[index].object : NULL;
}

const struct catalog_namespace *catalog_namespace_at(const struct catalog *catalog, size_t index)
{
    return catalog_at(catalog, SET_SPACES, index);
}

const struct table *catalog_table_at(const struct catalog *catalog, size_t index)
{
    return catalog_at(catalog, SET_TABLES, index);
}

const struct user *catalog_user_at(const struct catalog *catalog, size_t index)
{
    return catalog_at(catalog, SET_USERS, index);
}

const struct storage *catalog_storage_at(const struct catalog *catalog, size_t index)
{
    return catalog_at(catalog, SET_STORAGES, index);
}

/* ---- building ---------------------------------------------------------------------------------
 */

struct catalog_builder *catalog_builder_new(struct catalog *base)
{
    struct catalog_builder *builder = mem_zalloc(sizeof(*builder));

    CHECK(base != NULL);
    builder->version = base->version + 1;
    for (int i = 0; i < SET_COUNT; i++)
        builder->sets[i] = catalog_set_ref(base->sets[i]);
    return builder;
}

void catalog_builder_free(struct catalog_builder *builder)
{
    if (builder == NULL)
        return;
    for (int i = 0; i < SET_COUNT; i++)
        catalog_set_unref(builder->sets[i]);
    mem_free(builder);
}

/* The builder's own copy of a set. */
static struct catalog_set *catalog_builder_set(struct catalog_builder *builder,
                                               enum catalog_set_index which)
{
    CHECK(builder != NULL && which < SET_COUNT);
    if (!builder->changed[which]) {
        struct catalog_set *copy = catalog_set_copy(builder->sets[which]);
        catalog_set_unref(builder->sets[which]);
        builder->sets[which] = copy;
        builder->changed[which] = true;
    }
    return builder->sets[which];
}

void catalog_builder_put_namespace(struct catalog_builder *builder,
                                   const struct catalog_namespace *space)
{
    struct namespace_object *object = namespace_object_new(space);

    CHECK(builder != NULL);
    catalog_set_put(catalog_builder_set(builder, SET_SPACES), object->space.name, STR_EMPTY,
                    object);
}

void catalog_builder_remove_namespace(struct catalog_builder *builder, struct str name)
{
    CHECK(name.size > 0);
    catalog_set_remove(catalog_builder_set(builder, SET_SPACES), name, STR_EMPTY);
}

void catalog_builder_put_table(struct catalog_builder *builder, struct table *table)
{
    struct catalog_set *names = catalog_builder_set(builder, SET_TABLES);
    struct catalog_set *ids = catalog_builder_set(builder, SET_TABLE_IDS);
    const struct table *same_name = catalog_set_find(names, table->space, table->name);

    CHECK(table->key_columns != NULL && table->schema != NULL);
    CHECK(same_name == NULL || same_name->id.value == table->id.value);
    catalog_set_put(ids, catalog_id_bytes(&table->id), STR_EMPTY, table_ref(table));
    catalog_set_put(names, table->space, table->name, table);
}

void catalog_builder_remove_table(struct catalog_builder *builder, struct table_id id)
{
    struct catalog_set *names = catalog_builder_set(builder, SET_TABLES);
    struct catalog_set *ids = catalog_builder_set(builder, SET_TABLE_IDS);
    struct table *table = catalog_set_find(ids, catalog_id_bytes(&id), STR_EMPTY);

    CHECK(builder != NULL);
    if (table == NULL)
        return;
    table = table_ref(table);
    catalog_set_remove(ids, catalog_id_bytes(&id), STR_EMPTY);
    catalog_set_remove(names, table->space, table->name);
    table_unref(table);
}

/* Takes a user's API key out of the index, if he has one. */
static void catalog_builder_remove_api_key(struct catalog_builder *builder, struct str id)
{
    const struct user *old = catalog_set_find(builder->sets[SET_USERS], id, STR_EMPTY);

    CHECK(id.size > 0);
    if (old != NULL && old->api_key_hash.size > 0)
        catalog_set_remove(catalog_builder_set(builder, SET_API_KEYS), old->api_key_hash,
                           STR_EMPTY);
}

void catalog_builder_put_user(struct catalog_builder *builder, struct user *user)
{
    CHECK(user != NULL && user->id.size > 0);
    catalog_builder_remove_api_key(builder, user->id);
    if (user->api_key_hash.size > 0)
        catalog_set_put(catalog_builder_set(builder, SET_API_KEYS), user->api_key_hash, STR_EMPTY,
                        user_ref(user));
    catalog_set_put(catalog_builder_set(builder, SET_USERS), user->id, STR_EMPTY, user);
}

void catalog_builder_remove_user(struct catalog_builder *builder, struct str id)
{
    CHECK(builder != NULL);
    catalog_builder_remove_api_key(builder, id);
    catalog_set_remove(catalog_builder_set(builder, SET_USERS), id, STR_EMPTY);
}

void catalog_builder_put_storage(struct catalog_builder *builder, struct storage *storage)
{
    CHECK(storage->id.size > 0);
    catalog_set_put(catalog_builder_set(builder, SET_STORAGES), storage->id, STR_EMPTY, storage);
}

const struct storage *catalog_builder_storage_at(const struct catalog_builder *builder,
                                                 size_t index)
{
    const struct catalog_set *set = builder->sets[SET_STORAGES];

    CHECK(set != NULL);
    return index < set->count ? set->entries[index].object : NULL;
}

void catalog_builder_remove_storage(struct catalog_builder *builder, struct str id)
{
    CHECK(id.size > 0);
    catalog_set_remove(catalog_builder_set(builder, SET_STORAGES), id, STR_EMPTY);
}

struct catalog *catalog_builder_finish(struct catalog_builder *builder)
{
    struct catalog *catalog = mem_zalloc(sizeof(*catalog));

    CHECK(builder->version > 0);
    atomic_init(&catalog->refs, 1);
    catalog->version = builder->version;
    for (int i = 0; i < SET_COUNT; i++) {
        if (builder->changed[i])
            catalog_set_finish(builder->sets[i]);
        catalog->sets[i] = builder->sets[i];
    }
    mem_free(builder);
    return catalog;
}
