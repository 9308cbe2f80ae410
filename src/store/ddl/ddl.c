/* ddl.c — changes of the catalogue: the frame that all share, namespaces and users. Tables are in
 * ddl_table.c.
 *
 * Under the catalogue lock the newest view holds the newest catalogue. A change builds the next
 * version, writes its system rows through the commit thread and hands the version over in the same
 * request, so that rows and catalogue become durable and visible together.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/ddl.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "store/ddl/ddl_internal.h"

enum { DDL_NAMES_SHOWN = 10 };

void ddl_begin(struct ddl *ddl, struct store *store)
{
    CHECK(store->pipeline != NULL);
    pthread_mutex_lock(&store->catalog_mutex);
    *ddl = (struct ddl){.store = store, .view = view_acquire(store), .now = clock_now_us()};
    arena_init(&ddl->arena, 0);
    ddl->catalog = view_catalog(ddl->view);
    ddl->builder = catalog_builder_new(view_catalog(ddl->view));
    ddl->request.arena = &ddl->arena;
    ddl->request.view = ddl->view;
}

void ddl_end(struct ddl *ddl)
{
    CHECK(ddl->store != NULL);
    catalog_builder_free(ddl->builder);
    catalog_unref(ddl->next);
    view_release(ddl->view);
    arena_clear(&ddl->arena);
    pthread_mutex_unlock(&ddl->store->catalog_mutex);
}

struct value *ddl_values(struct ddl *ddl)
{
    CHECK(ddl->builder != NULL);
    return arena_array(&ddl->arena, SYSTEM_TABLE_COLUMNS_MAX, sizeof(struct value));
}

static struct row_op *ddl_next_op(struct ddl *ddl)
{
    size_t count = ddl->request.op_count;

    CHECK(count <= ddl->op_capacity);
    if (count == ddl->op_capacity) {
        ddl->op_capacity = count * 2 + 2;
        ddl->request.ops = arena_grow(&ddl->arena, ddl->request.ops, count * sizeof(struct row_op),
                                      ddl->op_capacity * sizeof(struct row_op));
    }
    return &ddl->request.ops[ddl->request.op_count++];
}

void ddl_put(struct ddl *ddl, enum system_table which, struct value *values)
{
    CHECK(values != NULL);
    commit_put_system(&ddl->request, ddl_next_op(ddl), system_table(ddl->catalog, which), values);
}

void ddl_delete(struct ddl *ddl, enum system_table which, const struct value *key_values)
{
    CHECK(key_values != NULL);
    commit_delete_system(&ddl->request, ddl_next_op(ddl), system_table(ddl->catalog, which),
                         key_values);
}

static enum status ddl_extra(struct commit_request *request, struct kv_batch *batch,
                             struct catalog **next_catalog, struct error *err)
{
    struct ddl *ddl = request->extra_context;

    CHECK(ddl->next != NULL);
    if (ddl->extra != NULL) {
        enum status status = ddl->extra(ddl, batch, err);
        if (status != STATUS_OK)
            return status;
    }
    *next_catalog = ddl->next;
    ddl->next = NULL;
    return STATUS_OK;
}

static void ddl_published(struct commit_request *request)
{
    struct ddl *ddl = request->extra_context;

    CHECK(ddl->next == NULL);
    if (ddl->published != NULL)
        ddl->published(ddl);
}

enum status ddl_commit(struct ddl *ddl, struct error *err)
{
    CHECK(ddl->builder != NULL && ddl->request.op_count > 0);
    if (FAULT(ddl_before_commit))
        return error_set(err, STATUS_INTERNAL_ERROR, "fault injected before the change");
    ddl->next = catalog_builder_finish(ddl->builder);
    ddl->builder = NULL;
    ddl->request.extra = ddl_extra;
    ddl->request.extra_context = ddl;
    ddl->request.published = ddl_published;
    enum status status = commit_submit_wait(ddl->store, &ddl->request, err);
    if (status == STATUS_OK && FAULT(ddl_after_commit))
        return error_set(err, STATUS_INTERNAL_ERROR, "fault injected after the change");
    return status;
}

/* ---- namespaces -------------------------------------------------------------------------------
 */

enum status ddl_namespace_missing(struct str name, struct error *err)
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

static enum status ddl_write_namespace(struct ddl *ddl, const struct catalog_namespace *space,
                                       struct error *err)
{
    struct value *values = ddl_values(ddl);

    CHECK(space->updated_at > 0);
    system_row_namespace(space, &ddl->arena, values);
    ddl_put(ddl, SYSTEM_TABLE_NAMESPACES, values);
    catalog_builder_put_namespace(ddl->builder, space);
    return ddl_commit(ddl, err);
}

enum status ddl_create_namespace(struct store *store, struct str name, struct str options_json,
                                 bool *created, struct error *err)
{
    struct ddl ddl;
    enum status status;

    CHECK(created != NULL);
    *created = false;
    if (ddl_namespace_is_reserved(name))
        return error_set(err, STATUS_INVALID_SQL, "namespace name \"%.*s\" is reserved",
                         STR_ARG(name));
    ddl_begin(&ddl, store);
    struct catalog_namespace space = {.name = name, .created_at = ddl.now, .updated_at = ddl.now};
    if (catalog_find_namespace(ddl.catalog, name) != NULL) {
        status = error_set(err, STATUS_ALREADY_EXISTS, "namespace \"%.*s\" already exists",
                           STR_ARG(name));
        goto out;
    }
    status = STATUS_OK;
    if (options_json.size > 0)
        status = options_json_merge(STR_EMPTY, options_json, &ddl.arena, &space.options, err);
    if (status == STATUS_OK)
        status = ddl_write_namespace(&ddl, &space, err);
    *created = status == STATUS_OK;
out:
    ddl_end(&ddl);
    return status;
}

enum status ddl_alter_namespace(struct store *store, struct str name, struct str options_json,
                                struct error *err)
{
    struct ddl ddl;
    enum status status;

    ddl_begin(&ddl, store);
    const struct catalog_namespace *old = catalog_find_namespace(ddl.catalog, name);
    if (old == NULL) {
        status = ddl_namespace_missing(name, err);
        goto out;
    }
    struct catalog_namespace space = *old;
    space.updated_at = ddl.now;
    CHECK(str_equal(space.name, name));
    status = options_json_merge(old->options, options_json, &ddl.arena, &space.options, err);
    if (status == STATUS_OK)
        status = ddl_write_namespace(&ddl, &space, err);
out:
    ddl_end(&ddl);
    return status;
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

enum status ddl_drop_namespace(struct store *store, struct str name, struct error *err)
{
    struct value key = value_text(VALUE_TEXT, name);
    struct ddl ddl;
    enum status status;

    if (str_equal(name, STR_LIT("default")))
        return error_set(err, STATUS_INVALID_OPERATION, "namespace \"default\" cannot be dropped");
    ddl_begin(&ddl, store);
    if (catalog_find_namespace(ddl.catalog, name) == NULL) {
        status = ddl_namespace_missing(name, err);
        goto out;
    }
    status = ddl_namespace_check_empty(ddl.catalog, name, err);
    if (status != STATUS_OK)
        goto out;
    ddl_delete(&ddl, SYSTEM_TABLE_NAMESPACES, &key);
    catalog_builder_remove_namespace(ddl.builder, name);
    CHECK(ddl.request.op_count == 1);
    status = ddl_commit(&ddl, err);
out:
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

/* Takes the reference of `user`. */
static enum status ddl_write_user(struct ddl *ddl, struct user *user, struct error *err)
{
    struct value *values = ddl_values(ddl);

    CHECK(user->id.size > 0 && user->username.size > 0);
    system_row_user(user, &ddl->arena, values);
    ddl_put(ddl, SYSTEM_TABLE_USERS, values);
    catalog_builder_put_user(ddl->builder, user);
    return ddl_commit(ddl, err);
}

enum status ddl_put_user(struct store *store, struct user *user, bool must_be_new,
                         struct error *err)
{
    struct ddl ddl;
    enum status status;

    CHECK(user != NULL && user->id.size > 0);
    ddl_begin(&ddl, store);
    if (must_be_new && catalog_find_user(ddl.catalog, user->id) != NULL) {
        status = error_set(err, STATUS_ALREADY_EXISTS, "User with user_id '%.*s' already exists",
                           STR_ARG(user->id));
        user_unref(user);
    } else {
        status = ddl_write_user(&ddl, user, err);
    }
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
    status = ddl_write_user(&ddl, user_ref(user), err);
out:
    user_unref(user);
    ddl_end(&ddl);
    return status;
}

enum status ddl_remove_user(struct store *store, struct str id, struct error *err)
{
    struct value key = value_text(VALUE_TEXT, id);
    struct ddl ddl;
    enum status status;

    ddl_begin(&ddl, store);
    if (catalog_find_user(ddl.catalog, id) == NULL) {
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
