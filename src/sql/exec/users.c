/* users.c — CREATE, ALTER, DROP USER (docs/sql.md). Passwords are hashed by a service and never
 * kept; the rules that UPDATE of system.users shares are in system/users.c.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql/exec/run.h"

#include "base/check.h"
#include "base/id.h"
#include "sql/system/change.h"

enum { USERS_HASH_MAX = 256, USERS_KEY_BYTES = 32 };

/* What the statement does to the newest version of the user, under the catalogue lock. */
struct users_change {
    struct sql_run *run;
    const struct ast_user *tree;
    enum status (*edit)(struct users_change *change, struct user *user, struct error *err);
    struct user *user; /* CREATE: in the making */
    struct str hash;   /* of a given password, made before the lock: it takes its time */
    struct str key;    /* GENERATE API KEY: shown this once */
};

/* ---- options --------------------------------------------------------------------------------- */

static const struct ast_option *users_option(const struct ast_user *tree, const char *key)
{
    for (size_t i = 0; i < tree->option_count; i++) {
        CHECK(tree->options != NULL);
        if (str_equal(tree->options[i].key, str_from_c(key)))
            return &tree->options[i];
    }
    return NULL;
}

static enum status users_hash_password(struct users_change *change, struct error *err)
{
    const struct ast_option *password = users_option(change->tree, "password");
    const struct sql_services *services = &change->run->engine->services;
    char hash[USERS_HASH_MAX];

    if (password == NULL)
        return STATUS_OK;
    CHECK(str_is_empty(change->hash));
    if (services->hash_password == NULL)
        return error_set(err, STATUS_INVALID_OPERATION, "passwords are not available here");
    enum status status =
        services->hash_password(services->context, password->value.text, hash, err);
    if (status == STATUS_OK)
        change->hash = arena_copy(&change->run->arena, str_from_c(hash));
    return status;
}

/* A new password ends a lock-out, too. */
static void users_set_password(const struct users_change *change, struct user *user)
{
    CHECK(change->hash.size > 0);
    user->password_hash = arena_copy(user->arena, change->hash);
    user->failed_login_attempts = user->locked_until = 0;
    system_user_changed(change->run, user);
}

static enum status users_options(struct users_change *change, struct user *user, struct error *err)
{
    const struct ast_user *tree = change->tree;
    enum status status = STATUS_OK;

    CHECK(user->id.size > 0);
    for (size_t i = 0; i < tree->option_count && status == STATUS_OK; i++) {
        const struct ast_option *option = &tree->options[i];
        if (str_equal(option->key, STR_LIT("password")))
            users_set_password(change, user);
        else if (!str_equal(option->key, STR_LIT("internal")))
            status = system_user_set(change->run, user, option->key, option->value.text,
                                     option->start, err);
    }
    return status;
}

/* ---- one change ------------------------------------------------------------------------------ */

/* The living user; one of role system is touched by his like only. */
static enum status users_find(const struct users_change *change, const struct view *view,
                              const struct user **out, struct error *err)
{
    const struct ast_user *tree = change->tree;
    const struct user *user = catalog_find_user(view_catalog(view), tree->name);

    CHECK(out != NULL);
    *out = user;
    if (user == NULL || user->deleted_at != 0)
        return error_set_at(err, STATUS_USER_NOT_FOUND, tree->start,
                            "User with user_id '%.*s' not found", STR_ARG(tree->name));
    return system_user_check_rights(change->run, user, tree->start, err);
}

static enum status users_build(void *context, struct ddl *ddl, struct error *err)
{
    struct users_change *change = context;
    const struct user *there = NULL;
    struct user *user = change->user;

    change->user = NULL; /* moved */
    if (user != NULL)
        return ddl_add_user(ddl, user, err);
    enum status status = users_find(change, ddl_view(ddl), &there, err);
    if (status != STATUS_OK)
        return status;
    user = user_copy(there);
    user->updated_at = change->run->now_us;
    status = change->edit(change, user, err);
    CHECK(str_equal(user->id, there->id));
    if (status == STATUS_OK)
        return ddl_set_user(ddl, user, err);
    user_unref(user);
    return status;
}

/* The listener gets no text that holds a password. */
static enum status users_commit(struct users_change *change, struct error *err)
{
    struct sql_run *run = change->run;
    struct ddl_statement statement = {
        .now_us = run->now_us, .build = users_build, .context = change, .sql = run->text};

    CHECK(change->tree->name.size > 0 && (change->edit != NULL || change->user != NULL));
    if (users_option(change->tree, "password") != NULL)
        statement.sql = STR_EMPTY;
    return ddl_run(run->engine->store, &statement, err);
}

/* ---- statements ------------------------------------------------------------------------------ */

/* IF NOT EXISTS, and somebody else was quicker. */
static enum status users_came_meanwhile(struct sql_run *run, const struct ast_user *tree,
                                        struct error *err)
{
    CHECK(tree->if_not_exists);
    error_clear(err);
    run_message(run, "User '%.*s' already exists, nothing was changed", STR_ARG(tree->name));
    return STATUS_OK;
}

static enum status users_create(struct sql_run *run, const struct ast_user *tree, struct error *err)
{
    const struct user *there = catalog_find_user(view_catalog(run->view), tree->name);
    struct users_change change = {.run = run, .tree = tree};
    enum status status;

    CHECK(tree->name.size > 0);
    if (there != NULL && tree->if_not_exists && there->deleted_at == 0) {
        run_message(run, "User '%.*s' already exists, nothing was changed", STR_ARG(tree->name));
        return STATUS_OK;
    }
    if (there != NULL)
        return error_set_at(err, STATUS_ALREADY_EXISTS, tree->start,
                            "User with user_id '%.*s' already exists", STR_ARG(tree->name));
    status = users_hash_password(&change, err);
    if (status != STATUS_OK)
        return status;
    struct user *user = change.user = user_new();
    user->id = arena_copy(user->arena, tree->name);
    user->username = user->id;
    user->created_at = user->updated_at = run->now_us;
    status = users_options(&change, user, err);
    user->credentials_changed = run->now_us; /* no token is older */
    if (status == STATUS_OK)
        status = users_commit(&change, err);
    if (status == STATUS_OK)
        run_message(run, "User '%.*s' created", STR_ARG(tree->name));
    user_unref(change.user);
    if (status == STATUS_ALREADY_EXISTS && tree->if_not_exists)
        status = users_came_meanwhile(run, tree, err);
    return status;
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

static enum status users_alter_edit(struct users_change *change, struct user *user,
                                    struct error *err)
{
    CHECK(change->tree->option_count > 0);
    if (users_option(change->tree, "generate_api_key") != NULL)
        return users_make_key(change->run, user, &change->key, err);
    if (users_option(change->tree, "drop_api_key") == NULL)
        return users_options(change, user, err);
    user->api_key_hash = STR_EMPTY;
    return STATUS_OK;
}

static enum status users_alter(struct sql_run *run, const struct ast_user *tree, struct error *err)
{
    struct users_change change = {.run = run, .tree = tree, .edit = users_alter_edit};
    const struct user *there = NULL;
    enum status status = users_find(&change, run->view, &there, err); /* before the slow hash */

    if (status == STATUS_OK)
        status = users_hash_password(&change, err);
    if (status == STATUS_OK)
        status = users_commit(&change, err);
    if (status != STATUS_OK)
        return status;
    CHECK(there != NULL);
    run_message(run, "User '%.*s' changed", STR_ARG(tree->name));
    return change.key.size > 0 ? users_send_key(run, change.key, err) : STATUS_OK;
}

static enum status users_drop_edit(struct users_change *change, struct user *user,
                                   struct error *err)
{
    (void)err;
    CHECK(user->deleted_at == 0);
    user->deleted_at = change->run->now_us;
    system_user_changed(change->run, user);
    return STATUS_OK;
}

static enum status users_drop(struct sql_run *run, const struct ast_user *tree, struct error *err)
{
    struct users_change change = {.run = run, .tree = tree, .edit = users_drop_edit};

    CHECK(tree->name.size > 0);
    if (str_equal(tree->name, STR_LIT("root")))
        return error_set_at(err, STATUS_INVALID_OPERATION, tree->start,
                            "user 'root' cannot be dropped");
    enum status status = users_commit(&change, err);
    if (status == STATUS_USER_NOT_FOUND && tree->if_exists) {
        run_message(run, "User '%.*s' does not exist, nothing was changed", STR_ARG(tree->name));
        return STATUS_OK;
    }
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
