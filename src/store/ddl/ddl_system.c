/* ddl_system.c — changes of namespaces and users: the rules, row by row, and the functions that
 * change one of them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "store/ddl/ddl_internal.h"

enum { DDL_NAMES_SHOWN = 10 };

/* ---- namespaces -------------------------------------------------------------------------------
 */

static enum status ddl_namespace_missing(struct str name, struct error *err)
{
    CHECK(name.data != NULL || name.size == 0);
    return error_set(err, STATUS_NAMESPACE_NOT_FOUND,
                     "namespace not found: namespace \"%.*s\" does not exist", STR_ARG(name));
}

static bool ddl_namespace_is_reserved(struct str name)
{
    static const char *const reserved[] = {"system",     "sys",     "information_schema",
                                           "pg_catalog", "kalamdb", "kalam",
                                           "root",       "main",    "sql",
                                           "admin",      "internal"};

    CHECK(name.size > 0);
    for (size_t i = 0; i < ARRAY_COUNT(reserved); i++)
        if (str_equal_nocase(name, str_from_c(reserved[i])))
            return true;
    return false;
}

static void ddl_write_namespace(struct ddl *ddl, const struct catalog_namespace *space)
{
    struct value *values = ddl_values(ddl);

    CHECK(space->updated_at > 0);
    system_row_namespace(space, &ddl->arena, values);
    ddl_put(ddl, SYSTEM_TABLE_NAMESPACES, values);
    catalog_builder_put_namespace(ddl->builder, space);
}

/* CONFLICT with count and names while tables are in it. */
static enum status ddl_namespace_check_empty(const struct catalog *catalog, struct str name,
                                             struct error *err)
{
    struct buf names;
    size_t count = 0;
    const struct table *table;
    enum status status = STATUS_OK;

    CHECK(name.size > 0);
    buf_init(&names);
    for (size_t i = 0; (table = catalog_table_at(catalog, i)) != NULL; i++) {
        if (!str_equal(table->space, name))
            continue;
        if (count > 0 && count <= DDL_NAMES_SHOWN)
            buf_append_str(&names, STR_LIT(", "));
        if (count < DDL_NAMES_SHOWN)
            buf_append_str(&names, table->name);
        else if (count == DDL_NAMES_SHOWN)
            buf_append_str(&names, STR_LIT("..."));
        count++;
    }
    if (count > 0)
        status = error_set(err, STATUS_CONFLICT,
                           "namespace \"%.*s\" cannot be dropped: it holds %zu table(s): %.*s",
                           STR_ARG(name), count, STR_ARG(buf_str(&names)));
    buf_clear(&names);
    return status;
}

enum status ddl_add_namespace(struct ddl *ddl, struct str name, struct str options_json,
                              struct error *err)
{
    struct catalog_namespace space = {.name = name, .created_at = ddl->now, .updated_at = ddl->now};
    enum status status = STATUS_OK;

    CHECK(name.size > 0);
    if (ddl_namespace_is_reserved(name))
        return error_set(err, STATUS_INVALID_SQL, "namespace name \"%.*s\" is reserved",
                         STR_ARG(name));
    if (catalog_find_namespace(ddl->catalog, name) != NULL ||
        ddl_has(ddl, SYSTEM_TABLE_NAMESPACES, name))
        return error_set(err, STATUS_ALREADY_EXISTS, "namespace \"%.*s\" already exists",
                         STR_ARG(name));
    if (options_json.size > 0)
        status = options_json_merge(STR_EMPTY, options_json, &ddl->arena, &space.options, err);
    if (status == STATUS_OK)
        ddl_write_namespace(ddl, &space);
    return status;
}

enum status ddl_set_namespace(struct ddl *ddl, struct str name, struct str options_json, bool merge,
                              struct error *err)
{
    const struct catalog_namespace *old = catalog_find_namespace(ddl->catalog, name);
    enum status status = STATUS_OK;

    if (old == NULL)
        return ddl_namespace_missing(name, err);
    struct catalog_namespace space = *old;
    space.updated_at = ddl->now;
    CHECK(str_equal(space.name, name));
    if (!merge)
        space.options = STR_EMPTY;
    if (merge || options_json.size > 0)
        status = options_json_merge(space.options, options_json, &ddl->arena, &space.options, err);
    if (status == STATUS_OK)
        ddl_write_namespace(ddl, &space);
    return status;
}

enum status ddl_remove_namespace(struct ddl *ddl, struct str name, struct error *err)
{
    struct value key = value_text(VALUE_TEXT, name);
    enum status status;

    if (str_equal(name, STR_LIT("default")))
        return error_set(err, STATUS_INVALID_OPERATION, "namespace \"default\" cannot be dropped");
    if (catalog_find_namespace(ddl->catalog, name) == NULL)
        return ddl_namespace_missing(name, err);
    status = ddl_namespace_check_empty(ddl->catalog, name, err);
    if (status != STATUS_OK)
        return status;
    CHECK(name.size > 0);
    ddl_delete(ddl, SYSTEM_TABLE_NAMESPACES, &key);
    catalog_builder_remove_namespace(ddl->builder, name);
    return STATUS_OK;
}

/* Opens it when `change` is -1. */
static void ddl_count_closed(struct store *store, struct str name, int change)
{
    pthread_mutex_lock(&store->catalog_mutex);
    intptr_t count = (intptr_t)map_get(&store->closed, name) + change;
    CHECK(count >= 0);
    if (count > 0)
        (void)map_put(&store->closed, name, (void *)count);
    else
        (void)map_remove(&store->closed, name);
    pthread_mutex_unlock(&store->catalog_mutex);
}

void ddl_close_namespace(struct store *store, struct str name)
{
    CHECK(name.size > 0);
    ddl_count_closed(store, name, 1);
}

void ddl_open_namespace(struct store *store, struct str name)
{
    CHECK(name.size > 0);
    ddl_count_closed(store, name, -1);
}

enum status ddl_create_namespace(struct store *store, struct str name, struct str options_json,
                                 bool *created, struct error *err)
{
    struct ddl ddl;

    CHECK(created != NULL);
    ddl_begin(&ddl, store);
    enum status status = ddl_add_namespace(&ddl, name, options_json, err);
    if (status == STATUS_OK)
        status = ddl_commit(&ddl, err);
    *created = status == STATUS_OK;
    ddl_end(&ddl);
    return status;
}

enum status ddl_alter_namespace(struct store *store, struct str name, struct str options_json,
                                struct error *err)
{
    struct ddl ddl;

    ddl_begin(&ddl, store);
    enum status status = ddl_set_namespace(&ddl, name, options_json, true, err);
    CHECK(status == STATUS_OK || ddl.request.op_count == 0);
    if (status == STATUS_OK)
        status = ddl_commit(&ddl, err);
    ddl_end(&ddl);
    return status;
}

enum status ddl_drop_namespace(struct store *store, struct str name, struct error *err)
{
    struct ddl ddl;

    ddl_begin(&ddl, store);
    enum status status = ddl_remove_namespace(&ddl, name, err);
    CHECK(status == STATUS_OK || ddl.request.op_count == 0);
    if (status == STATUS_OK)
        status = ddl_commit(&ddl, err);
    ddl_end(&ddl);
    return status;
}

/* ---- users ------------------------------------------------------------------------------------
 */

static enum status ddl_user_missing(struct str id, struct error *err)
{
    CHECK(id.data != NULL || id.size == 0);
    return error_set(err, STATUS_USER_NOT_FOUND, "User with user_id '%.*s' not found", STR_ARG(id));
}

/* His storage must exist when it counts or is new, so that DROP STORAGE can rely on it. */
static enum status ddl_user_check_storage(const struct ddl *ddl, const struct user *user,
                                          struct error *err)
{
    const struct user *old = catalog_find_user(ddl->catalog, user->id);
    bool counts = str_equal(user->storage_mode, STR_LIT("region"));
    bool is_new = old == NULL || !str_equal(old->storage_id, user->storage_id);

    CHECK(ddl->catalog != NULL);
    if (user->storage_id.size == 0 || (!counts && !is_new) ||
        catalog_find_storage(ddl->catalog, user->storage_id) != NULL)
        return STATUS_OK;
    return ddl_storage_missing(user->storage_id, err);
}

/* Takes the reference. */
static void ddl_write_user(struct ddl *ddl, struct user *user)
{
    struct value *values = ddl_values(ddl);

    CHECK(user->id.size > 0 && user->username.size > 0);
    system_row_user(user, &ddl->arena, values);
    ddl_put(ddl, SYSTEM_TABLE_USERS, values);
    catalog_builder_put_user(ddl->builder, user);
}

enum status ddl_set_user(struct ddl *ddl, struct user *user, struct error *err)
{
    enum status status = ddl_user_check_storage(ddl, user, err);

    CHECK(user->id.size > 0);
    if (status == STATUS_OK)
        ddl_write_user(ddl, user);
    else
        user_unref(user);
    return status;
}

enum status ddl_add_user(struct ddl *ddl, struct user *user, struct error *err)
{
    enum status status;

    CHECK(user->id.size > 0);
    if (catalog_find_user(ddl->catalog, user->id) == NULL &&
        !ddl_has(ddl, SYSTEM_TABLE_USERS, user->id))
        return ddl_set_user(ddl, user, err);
    status = error_set(err, STATUS_ALREADY_EXISTS, "User with user_id '%.*s' already exists",
                       STR_ARG(user->id));
    user_unref(user);
    return status;
}

enum status ddl_put_user(struct store *store, struct user *user, bool must_be_new,
                         struct error *err)
{
    enum status status = STATUS_OK;
    struct ddl ddl;

    CHECK(user != NULL && user->id.size > 0);
    ddl_begin(&ddl, store);
    if (must_be_new)
        status = ddl_add_user(&ddl, user, err);
    else
        status = ddl_set_user(&ddl, user, err);
    if (status == STATUS_OK)
        status = ddl_commit(&ddl, err);
    ddl_end(&ddl);
    return status;
}

enum status ddl_change_user(struct store *store, struct str id,
                            enum status (*edit)(void *context, struct user *user,
                                                struct error *err),
                            void *context, struct error *err)
{
    struct user *user = NULL;
    struct ddl ddl;
    enum status status;

    CHECK(edit != NULL);
    ddl_begin(&ddl, store);
    const struct user *old = catalog_find_user(ddl.catalog, id);
    if (old == NULL) {
        status = ddl_user_missing(id, err);
        goto out;
    }
    user = user_copy(old);
    user->updated_at = ddl.now;
    status = edit(context, user, err);
    if (status != STATUS_OK)
        goto out;
    CHECK(str_equal(user->id, old->id));
    status = ddl_set_user(&ddl, user_ref(user), err);
    if (status == STATUS_OK)
        status = ddl_commit(&ddl, err);
out:
    user_unref(user);
    ddl_end(&ddl);
    return status;
}

enum status ddl_remove_user(struct store *store, struct str id, int64_t before_us,
                            struct error *err)
{
    struct value key = value_text(VALUE_TEXT, id);
    const struct user *user;
    struct ddl ddl;
    enum status status;

    ddl_begin(&ddl, store);
    user = catalog_find_user(ddl.catalog, id);
    if (user == NULL || user->deleted_at == 0 || user->deleted_at >= before_us) {
        status = ddl_user_missing(id, err);
        goto out;
    }
    ddl_delete(&ddl, SYSTEM_TABLE_USERS, &key);
    catalog_builder_remove_user(ddl.builder, id);
    CHECK(ddl.request.op_count == 1);
    status = ddl_commit(&ddl, err);
out:
    ddl_end(&ddl);
    return status;
}
