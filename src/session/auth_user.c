/* auth_user.c — users are immutable once published: a change is a copy that replaces the old one.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "session/auth_user.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/ddl.h"

static struct user *auth_user_copy(const struct user *from)
{
    struct user *to = user_new();
    struct arena *arena = to->arena;

    CHECK(from->id.size > 0);
    to->id = arena_copy(arena, from->id);
    to->username = arena_copy(arena, from->username);
    to->email = arena_copy(arena, from->email);
    to->metadata = arena_copy(arena, from->metadata);
    to->role = from->role;
    to->password_hash = arena_copy(arena, from->password_hash);
    to->api_key_hash = arena_copy(arena, from->api_key_hash);
    to->credentials_changed = from->credentials_changed;
    to->storage_mode = arena_copy(arena, from->storage_mode);
    to->storage_id = arena_copy(arena, from->storage_id);
    to->failed_login_attempts = from->failed_login_attempts;
    to->locked_until = from->locked_until;
    to->last_login_at = from->last_login_at;
    to->last_seen = from->last_seen;
    to->created_at = from->created_at;
    to->updated_at = from->updated_at;
    to->deleted_at = from->deleted_at;
    return to;
}

/* A private copy of the newest version, or NULL. */
static struct user *auth_user_edit(struct session_service *service, struct str id)
{
    struct user *user = session_find_user(service, id);

    CHECK(id.size > 0);
    if (user == NULL)
        return NULL;
    struct user *copy = auth_user_copy(user);
    user_unref(user);
    return copy;
}

enum status auth_user_set_password(struct session_service *service, struct str id,
                                   struct str password, struct error *err)
{
    char hash[PASSWORD_HASH_BYTES];
    enum status status = password_hash(&service->cost, password, hash, err);

    CHECK(id.size > 0);
    if (status != STATUS_OK)
        return status;
    struct user *user = auth_user_edit(service, id);
    if (user == NULL)
        return error_set(err, STATUS_USER_NOT_FOUND, "user not found: '%.*s'", STR_ARG(id));
    user->password_hash = arena_copy(user->arena, str_from_c(hash));
    user->credentials_changed = user->updated_at = clock_now_us();
    user->failed_login_attempts = user->locked_until = 0;
    return ddl_put_user(service->options.store, user, false, err);
}

enum status auth_user_create(struct session_service *service, struct str id, enum role role,
                             struct str email, struct str password, struct error *err)
{
    char hash[PASSWORD_HASH_BYTES];
    enum status status = password_hash(&service->cost, password, hash, err);

    CHECK(session_user_id_is_valid(id));
    if (status != STATUS_OK)
        return status;
    struct user *user = user_new();
    user->id = arena_copy(user->arena, id);
    user->username = user->id;
    user->role = role;
    user->email = arena_copy(user->arena, email);
    user->password_hash = arena_copy(user->arena, str_from_c(hash));
    user->created_at = user->updated_at = user->credentials_changed = clock_now_us();
    return ddl_put_user(service->options.store, user, true, err);
}

void auth_user_note_login(struct session_service *service, struct str id, uint32_t failures,
                          int64_t locked_until)
{
    struct error err;
    enum status status = STATUS_OK;

    CHECK(id.size > 0);
    error_clear(&err);
    pthread_mutex_lock(&service->setup);
    struct user *user = auth_user_edit(service, id);
    if (user != NULL) {
        user->failed_login_attempts = failures;
        user->locked_until = locked_until;
        if (failures == 0 && locked_until == 0)
            user->last_login_at = user->last_seen = clock_now_us();
        status = ddl_put_user(service->options.store, user, false, &err);
    }
    pthread_mutex_unlock(&service->setup);
    if (status != STATUS_OK)
        log_warn("a log-in could not be written down: %s", err.message);
}
