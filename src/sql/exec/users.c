/* users.c — CREATE, ALTER, DROP USER (spec §2.15). Passwords are hashed by a service and never
 * kept; the rules that UPDATE of system.users shares are in system/users.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/run.h"

#include "base/check.h"
#include "base/id.h"
#include "sql/system/change.h"

enum { USERS_HASH_MAX = 256, USERS_KEY_BYTES = 32 };

/* ---- options --------------------------------------------------------------------------------- */

/* PASSWORD of the options as a hash; empty if there is none. Slow: never under the catalogue lock.
 */
static enum status users_hash(struct sql_run *run, const struct ast_user *tree,
                              char hash[USERS_HASH_MAX], struct error *err)
{
    const struct sql_services *services = &run->engine->services;

    hash[0] = 0;
    for (size_t i = 0; i < tree->option_count; i++) {
        if (!str_equal(tree->options[i].key, STR_LIT("password")))
            continue;
        CHECK(tree->options[i].value.type == VALUE_TEXT);
        if (services->hash_password == NULL)
            return error_set(err, STATUS_INVALID_OPERATION, "passwords are not available here");
        return services->hash_password(services->context, tree->options[i].value.text, hash, err);
    }
    return STATUS_OK;
}

/* A new password ends a lock-out, too. */
static void users_set_password(const struct sql_run *run, struct user *user, const char *hash)
{
    CHECK(hash[0] != 0);
    user->password_hash = arena_copy(user->arena, str_from_c(hash));
    user->failed_login_attempts = user->locked_until = 0;
    system_user_changed(run, user);
}

static enum status users_options(struct sql_run *run, const struct ast_user *tree, const char *hash,
                                 struct user *user, struct error *err)
{
    enum status status = STATUS_OK;

    CHECK(user->id.size > 0);
    for (size_t i = 0; i < tree->option_count && status == STATUS_OK; i++) {
        const struct ast_option *option = &tree->options[i];
        if (str_equal(option->key, STR_LIT("password")))
            users_set_password(run, user, hash);
        else if (!str_equal(option->key, STR_LIT("internal")))
            status =
                system_user_set(run, user, option->key, option->value.text, option->start, err);
    }
    return status;
}

/* ---- statements ------------------------------------------------------------------------------ */

static enum status users_create(struct sql_run *run, const struct ast_user *tree, struct error *err)
{
    const struct user *there = catalog_find_user(view_catalog(run->view), tree->name);
    char hash[USERS_HASH_MAX];
    enum status status;

    CHECK(tree->name.size > 0);
    if (there != NULL && tree->if_not_exists && there->deleted_at == 0) {
        run_message(run, "User '%.*s' already exists, nothing was changed", STR_ARG(tree->name));
        return STATUS_OK;
    }
    if (there != NULL)
        return error_set_at(err, STATUS_ALREADY_EXISTS, tree->start,
                            "User with user_id '%.*s' already exists", STR_ARG(tree->name));
    status = users_hash(run, tree, hash, err);
    if (status != STATUS_OK)
        return status;
    struct user *user = user_new();
    user->id = arena_copy(user->arena, tree->name);
    user->username = user->id;
    user->created_at = user->updated_at = run->now_us;
    status = users_options(run, tree, hash, user, err);
    user->credentials_changed = run->now_us;
    if (status == STATUS_OK) {
        status = ddl_put_user(run->engine->store, user, true, err);
        user = NULL; /* moved */
    }
    if (status == STATUS_OK)
        run_message(run, "User '%.*s' created", STR_ARG(tree->name));
    user_unref(user);
    return status;
}

/* The living user; one of role system is touched by his like only. */
static enum status users_find(const struct sql_run *run, const struct ast_user *tree,
                              const struct user **out, struct error *err)
{
    const struct user *user = catalog_find_user(view_catalog(run->view), tree->name);

    CHECK(out != NULL);
    *out = user;
    if (user == NULL || user->deleted_at != 0)
        return error_set_at(err, STATUS_USER_NOT_FOUND, tree->start,
                            "User with user_id '%.*s' not found", STR_ARG(tree->name));
    return system_user_check_rights(run, user, tree->start, err);
}

static bool users_has_option(const struct ast_user *tree, const char *key)
{
    for (size_t i = 0; i < tree->option_count; i++) {
        CHECK(tree->options != NULL);
        if (str_equal(tree->options[i].key, str_from_c(key)))
            return true;
    }
    return false;
}

/* The key is shown this once; only its hash is stored. */
static enum status users_make_key(struct sql_run *run, struct user *user, struct str *shown,
                                  struct error *err)
{
    const struct sql_services *services = &run->engine->services;
    uint8_t bytes[USERS_KEY_BYTES];
    char hash[65];
    struct buf key;

    CHECK(shown != NULL);
    if (services->hash_api_key == NULL)
        return run_not_supported("GENERATE API KEY", err);
    id_random(bytes, sizeof(bytes));
    buf_init(&key);
    buf_append_str(&key, STR_LIT("kalam_"));
    for (size_t i = 0; i < sizeof(bytes); i++)
        buf_printf(&key, "%02x", bytes[i]);
    *shown = arena_copy(&run->arena, buf_str(&key));
    buf_clear(&key);
    services->hash_api_key(services->context, *shown, hash);
    user->api_key_hash = arena_copy(user->arena, str_from_c(hash));
    return STATUS_OK;
}

static enum status users_send_key(struct sql_run *run, struct str key, struct error *err)
{
    const struct sql_column column = {.name = STR_LIT("api_key"), .type = {.kind = VALUE_TEXT}};
    struct value value = value_text(VALUE_TEXT, key);
    enum status status = run_send_columns(run, &column, 1, err);

    CHECK(key.size > 0);
    return status == STATUS_OK ? run_send_row(run, &value, err) : status;
}

/* What ALTER USER does to the newest version of the user, under the catalogue lock. */
struct users_edit {
    struct sql_run *run;
    const struct ast_user *tree;
    const char *hash; /* of the new password, empty = none */
    struct str key;   /* GENERATE API KEY: shown this once */
};

static enum status users_alter_edit(void *context, struct user *user, struct error *err)
{
    struct users_edit *edit = context;

    CHECK(edit->tree->name.size > 0);
    if (users_has_option(edit->tree, "generate_api_key"))
        return users_make_key(edit->run, user, &edit->key, err);
    if (!users_has_option(edit->tree, "drop_api_key"))
        return users_options(edit->run, edit->tree, edit->hash, user, err);
    user->api_key_hash = STR_EMPTY;
    return STATUS_OK;
}

static enum status users_alter(struct sql_run *run, const struct ast_user *tree, struct error *err)
{
    const struct user *there = NULL;
    char hash[USERS_HASH_MAX];
    struct users_edit edit = {.run = run, .tree = tree, .hash = hash, .key = STR_EMPTY};
    enum status status = users_find(run, tree, &there, err);

    if (status == STATUS_OK)
        status = users_hash(run, tree, hash, err);
    if (status == STATUS_OK)
        status = ddl_change_user(run->engine->store, tree->name, users_alter_edit, &edit, err);
    if (status != STATUS_OK)
        return status;
    CHECK(there != NULL);
    run_message(run, "User '%.*s' changed", STR_ARG(tree->name));
    return edit.key.size > 0 ? users_send_key(run, edit.key, err) : STATUS_OK;
}

static enum status users_drop_edit(void *context, struct user *user, struct error *err)
{
    const struct sql_run *run = context;

    if (user->deleted_at != 0)
        return error_set(err, STATUS_USER_NOT_FOUND, "User with user_id '%.*s' not found",
                         STR_ARG(user->id));
    user->deleted_at = run->now_us;
    system_user_changed(run, user);
    return STATUS_OK;
}

static enum status users_drop(struct sql_run *run, const struct ast_user *tree, struct error *err)
{
    const struct user *there = NULL;
    enum status status;

    CHECK(tree->name.size > 0);
    if (str_equal(tree->name, STR_LIT("root")))
        return error_set_at(err, STATUS_INVALID_OPERATION, tree->start,
                            "user 'root' cannot be dropped");
    status = users_find(run, tree, &there, err);
    if (status == STATUS_USER_NOT_FOUND && tree->if_exists) {
        run_message(run, "User '%.*s' does not exist, nothing was changed", STR_ARG(tree->name));
        return STATUS_OK;
    }
    if (status != STATUS_OK)
        return status;
    status = ddl_change_user(run->engine->store, tree->name, users_drop_edit, run, err);
    if (status == STATUS_OK)
        run_message(run, "User '%.*s' dropped", STR_ARG(tree->name));
    return status;
}

enum status users_run(struct sql_run *run, struct error *err)
{
    const struct ast_statement *tree = run->plan->tree;
    enum status status = run_require_role(run, ROLE_DBA, "changing users", err);

    if (status != STATUS_OK)
        return status;
    if (tree->kind == AST_CREATE_USER)
        return users_create(run, &tree->user, err);
    if (tree->kind == AST_ALTER_USER)
        return users_alter(run, &tree->user, err);
    CHECK(tree->kind == AST_DROP_USER);
    return users_drop(run, &tree->user, err);
}
