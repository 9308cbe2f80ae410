/* session_internal.h — the service behind session.h. Private to session/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SESSION_SESSION_INTERNAL_H
#define SESSION_SESSION_INTERNAL_H

#include "session/jwt.h"
#include "session/lockout.h"
#include "session/password.h"
#include "session/session.h"

#include <pthread.h>
#include <stdatomic.h>

#define SESSION_ROOT STR_LIT("root")
#define SESSION_DEFAULT_SPACE STR_LIT("default")

enum { SESSION_COSTS_MAX = 4 };

struct session_service {
    struct session_options options; /* strings are copies, freed with the service */
    struct password_cost cost;
    struct jwt_cache *tokens;
    struct lockout *lockout;
    /* The thread that writes down what is locked, and what it is told under the mutex. */
    pthread_t lockout_writer;
    pthread_mutex_t lockout_mutex;
    pthread_cond_t lockout_wake;
    bool lockout_due, lockout_stopping;
    struct rate_limit *logins, *queries;
    struct worker_pool *auth; /* argon2 takes 20 MiB each: two at a time are enough */
    atomic_uint logins_waiting;
    pthread_mutex_t setup; /* one set-up, and one change of a user by log-ins, at a time */
    /* Of no password at all: one of today's cost and one of each other cost that a hash had at the
     * start. They make failed log-ins of all names cost the same. */
    char dummies[SESSION_COSTS_MAX][PASSWORD_HASH_BYTES];
    size_t dummy_count;
};

/* service.c: something is locked that was not: it is written down, within a second. */
void session_keep_lockouts(struct session_service *service);

/* auth.c */
/* The newest version; NULL if unknown. user_unref. */
struct user *session_find_user(struct session_service *service, struct str id);
bool session_needs_setup(struct session_service *service);
/* User of verified claims: there, not deleted, same role, token not older than his credentials.
 * INVALID_CREDENTIALS; otherwise *out is his newest version: user_unref. */
enum status session_user_of_claims(struct session_service *service, const struct jwt_claims *claims,
                                   struct user **out, struct error *err) MUST_CHECK;
/* Asked from this machine, and not by a page of another host: browsers name the page's. */
bool session_is_local(const struct session_credentials *credentials);
/* root acts from this machine only, unless auth.root_remote: REMOTE_ACCESS_DENIED. */
enum status session_check_remote(const struct session_service *service, struct str user, bool local,
                                 struct error *err) MUST_CHECK;
/* Token behind `Bearer `, empty if there is none. */
struct str session_bearer(struct str authorization);

#endif
