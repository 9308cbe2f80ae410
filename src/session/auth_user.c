/* auth_user.c — users are immutable once published: a change is a copy that replaces the old one.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "session/auth_user.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/ddl.h"

static enum status auth_user_password_edit(void *context, struct user *user, struct error *err)
{
    const char *hash = context;

    CHECK(hash[0] != 0);
    (void)err;
    user->password_hash = arena_copy(user->arena, str_from_c(hash));
    int64_t now_us = clock_now_us();
    user->credentials_changed =
        now_us > user->credentials_changed ? now_us : user->credentials_changed + 1;
    user->failed_login_attempts = user->locked_until = 0;
    return STATUS_OK;
}

enum status auth_user_set_password(struct session_service *service, struct str id,
                                   struct str password, struct error *err)
{
    char hash[PASSWORD_HASH_BYTES];
    enum status status = password_hash(&service->cost, password, hash, err);

    CHECK(id.size > 0);
    if (status != STATUS_OK)
        return status;
    return ddl_change_user(service->options.store, id, auth_user_password_edit, hash, err);
}

enum status auth_user_create(struct session_service *service, struct str id, enum role role,
                             struct str email, struct str password, struct error *err)
{
    char hash[PASSWORD_HASH_BYTES];
    enum status status = password_hash(&service->cost, password, hash, err);

    CHECK(user_id_is_valid(id));
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

struct auth_login_edit {
    struct session_service *service;
    const struct auth_note *note;
};

/* One edit of a user at a time. */
static enum status auth_user_login_edit(void *context, struct user *user, struct error *err)
{
    const struct auth_login_edit *edit = context;
    const struct auth_note *note = edit->note;
    struct session_service *service = edit->service;
    int64_t now_us = clock_now_us();
    uint32_t failures;

    CHECK(service != NULL);
    (void)err;
    lockout_look(service->lockout, user->id, now_us, user->credentials_changed, &failures,
                 &user->locked_until);
    user->failed_login_attempts =
        user->locked_until > 0 ? service->options.lockout_failures : failures;
    if (note->good)
        user->last_login_at = user->last_seen = now_us;
    /* No new password: tokens stay good. */
    if (note->hash[0] != 0 && str_equal(user->password_hash, str_from_c(note->former)))
        user->password_hash = arena_copy(user->arena, str_from_c(note->hash));
    return STATUS_OK;
}

void auth_user_note_login(struct session_service *service, const struct auth_note *note)
{
    struct auth_login_edit edit = {.service = service, .note = note};
    struct error err;

    CHECK(note->user[0] != 0);
    error_clear(&err);
    enum status status = ddl_change_user(service->options.store, str_from_c(note->user),
                                         auth_user_login_edit, &edit, &err);
    if (status != STATUS_OK && status != STATUS_USER_NOT_FOUND)
        log_warn("a log-in could not be written down: %s", err.message);
}
