/* auth_user.h — changes of users made by log-in and set-up. Blocking. Private to session/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SESSION_AUTH_USER_H
#define SESSION_AUTH_USER_H

#include "session/session_internal.h"

/* Sets a new password (already checked): older tokens end. USER_NOT_FOUND. */
enum status auth_user_set_password(struct session_service *service, struct str id,
                                   struct str password, struct error *err) MUST_CHECK;
/* A new user; ALREADY_EXISTS. */
enum status auth_user_create(struct session_service *service, struct str id, enum role role,
                             struct str email, struct str password, struct error *err) MUST_CHECK;
/* What to write down about a log-in once it is answered. */
struct auth_note {
    char user[JWT_SUBJECT_BYTES]; /* empty: of nobody known */
    bool good;
    bool locked; /* the name is locked out by it */
    /* The same password at today's cost, in place of the former hash; empty: it stays. */
    char former[PASSWORD_HASH_BYTES], hash[PASSWORD_HASH_BYTES];
};
/* Writes down that a log-in of a user went well or not, and what service->lockout knows of him by
 * then: notes come in no order, and none may undo a later one. Failures to write are only logged.
 */
void auth_user_note_login(struct session_service *service, const struct auth_note *note);

#endif
