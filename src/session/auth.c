/* auth.c — who is the caller? (docs/protocol.md)
 *
 * Order: Bearer token, API key, loopback mode, refusal. Credentials that were shown but are wrong
 * are an error everywhere, in loopback mode too. All of it reads one version of the catalogue in
 * memory;
 * a token is verified once and then known by its bytes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "session/session_internal.h"

#include <openssl/evp.h>

struct user *session_find_user(struct session_service *service, struct str id)
{
    struct view *view = view_acquire(service->options.store);
    const struct user *user = catalog_find_user(view_catalog(view), id);
    struct user *found = user != NULL ? user_ref(user) : NULL;

    CHECK(found == NULL || found->arena != NULL);
    view_release(view);
    return found;
}

bool session_needs_setup(struct session_service *service)
{
    struct view *view = view_acquire(service->options.store);
    const struct user *root = catalog_find_user(view_catalog(view), SESSION_ROOT);
    bool needs = root == NULL || root->password_hash.size == 0;

    CHECK(service != NULL);
    view_release(view);
    return needs;
}

struct str session_bearer(struct str authorization)
{
    struct str scheme = STR_LIT("Bearer ");

    CHECK(authorization.size == 0 || authorization.data != NULL);
    if (authorization.size < scheme.size ||
        !str_equal_nocase(str_from(authorization.data, scheme.size), scheme))
        return STR_EMPTY;
    return str_trim(str_from(authorization.data + scheme.size, authorization.size - scheme.size));
}

/* `user` = whose data, if it is not the actor's own. */
static void session_identity_fill(struct session_identity *out, struct str user,
                                  const struct user *actor)
{
    CHECK(user.size < sizeof(out->user) && actor->id.size < sizeof(out->actor));
    *out = (struct session_identity){.role = actor->role, .generation = actor->credentials_changed};
    memcpy(out->user, user.data, user.size);
    memcpy(out->actor, actor->id.data, actor->id.size);
}

enum status session_check_remote(const struct session_service *service, struct str user, bool local,
                                 struct error *err)
{
    CHECK(user.size > 0);
    if (local || service->options.root_remote || !str_equal(user, SESSION_ROOT))
        return STATUS_OK;
    return error_set(err, STATUS_REMOTE_ACCESS_DENIED,
                     "root works from this machine only, see auth.root_remote");
}

/* ---- tokens and keys ------------------------------------------------------------------------- */

/* A token of ours names the credentials that it was issued for. One of another issuer has seconds
 * only: what it was issued in the second of the change counts as later. */
static bool session_claims_fit(const struct jwt_claims *claims, const struct user *user)
{
    enum role role;

    CHECK(claims->subject[0] != 0);
    if (user == NULL || user->deleted_at != 0 || !role_parse(str_from_c(claims->role), &role) ||
        role != user->role)
        return false;
    if (claims->generation > 0)
        return claims->generation == user->credentials_changed;
    return claims->issued_at >= user->credentials_changed / 1000000;
}

enum status session_user_of_claims(struct session_service *service, const struct jwt_claims *claims,
                                   struct user **out, struct error *err)
{
    struct user *user = session_find_user(service, str_from_c(claims->subject));

    CHECK(claims->issued_at > 0 && out != NULL);
    *out = user;
    if (session_claims_fit(claims, user))
        return STATUS_OK;
    user_unref(user);
    *out = NULL;
    return error_set(err, STATUS_INVALID_CREDENTIALS,
                     "invalid token: the user is gone or his credentials have changed");
}

static enum status session_check_setup(struct session_service *service, struct error *err)
{
    CHECK(service != NULL);
    if (service->options.localhost_bypass || !session_needs_setup(service))
        return STATUS_OK;
    return error_set(err, STATUS_SETUP_REQUIRED,
                     "root has no password yet; see POST /v1/api/auth/setup");
}

static enum status session_authenticate_bearer(struct session_service *service, struct str token,
                                               bool local, struct session_identity *out,
                                               struct error *err)
{
    struct user *user = NULL;
    struct jwt_claims claims;
    enum status status;

    CHECK(out != NULL);
    status = jwt_cache_verify(service->tokens, service->options.jwt_secret, token,
                              clock_now_us() / 1000000, &claims, err);
    if (status == STATUS_OK && claims.type != JWT_ACCESS)
        status = error_set(err, STATUS_INVALID_CREDENTIALS, "invalid token: not an access token");
    if (status == STATUS_OK)
        status = session_user_of_claims(service, &claims, &user, err);
    if (status == STATUS_OK)
        status = session_check_remote(service, user->id, local, err);
    if (status == STATUS_OK) {
        session_identity_fill(out, user->id, user);
        out->expires_at = claims.expires_at;
    }
    user_unref(user);
    return status;
}

enum status session_authenticate_token(struct session_service *service, struct str token,
                                       bool local, struct session_identity *out, struct error *err)
{
    enum status status = session_check_setup(service, err);

    CHECK(out != NULL);
    return status == STATUS_OK ? session_authenticate_bearer(service, token, local, out, err)
                               : status;
}

void session_hash_api_key(struct str key, char out[65])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    CHECK(EVP_Digest(key.data, key.size, digest, &size, EVP_sha256(), NULL) == 1);
    CHECK(size == 32);
    for (unsigned i = 0; i < size; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[2 * size] = 0;
}

static enum status session_authenticate_key(struct session_service *service, struct str key,
                                            struct session_identity *out, struct error *err)
{
    char hash[65];

    session_hash_api_key(key, hash);
    struct view *view = view_acquire(service->options.store);
    CHECK(view != NULL);
    /* Looked up by its hash: nothing about the key can be learnt from the time it takes. */
    const struct user *user = catalog_find_api_key(view_catalog(view), str_from_c(hash));
    bool good = user != NULL && user->deleted_at == 0;
    if (good) {
        session_identity_fill(out, user->id, user);
        memcpy(out->api_key, hash, sizeof(hash));
    }
    view_release(view);
    return good ? STATUS_OK : error_set(err, STATUS_INVALID_CREDENTIALS, "invalid API key");
}

/* X-User-Id beside good credentials: another effective user, the caller's own role. */
static enum status session_apply_user_header(struct session_identity *identity, struct str user,
                                             struct error *err)
{
    CHECK(identity->actor[0] != 0);
    if (user.size == 0 || str_equal(user, str_from_c(identity->user)))
        return STATUS_OK;
    if (!user_id_is_valid(user))
        return error_set(err, STATUS_INVALID_INPUT, "X-User-Id is not a user id");
    if (identity->role == ROLE_USER)
        return error_set(err, STATUS_PERMISSION_DENIED, "X-User-Id names another user");
    memset(identity->user, 0, sizeof(identity->user));
    memcpy(identity->user, user.data, user.size);
    return STATUS_OK;
}

/* ---- loopback mode --------------------------------------------------------------------------- */

/* `name` or `name:port`: whatever else a browser can be made to send is another host. */
static bool session_host_is_local(struct str host)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};

    CHECK(host.size == 0 || host.data != NULL);
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct str name = str_from_c(names[i]);
        uint64_t port;
        if (host.size < name.size || !str_equal_nocase(str_from(host.data, name.size), name))
            continue;
        struct str rest = str_from(host.data + name.size, host.size - name.size);
        if (rest.size == 0 ||
            (rest.data[0] == ':' && rest.size <= 6 &&
             str_to_uint64(str_from(rest.data + 1, rest.size - 1), &port) && port <= UINT16_MAX))
            return true;
    }
    return false;
}

static bool session_origin_is_same(struct str origin, struct str host)
{
    size_t scheme = str_find(origin, STR_LIT("://"));

    CHECK(origin.size > 0);
    if (scheme == SIZE_MAX)
        return false;
    return str_equal_nocase(str_from(origin.data + scheme + 3, origin.size - scheme - 3), host);
}

bool session_is_local(const struct session_credentials *credentials)
{
    struct str origin = credentials->origin;

    CHECK(credentials->host.size == 0 || credentials->host.data != NULL);
    return credentials->peer_is_loopback && !credentials->forwarded &&
           (origin.size == 0 || (session_host_is_local(credentials->host) &&
                                 session_origin_is_same(origin, credentials->host)));
}

bool session_loopback_allows(struct session_service *service,
                             const struct session_credentials *credentials, bool *mode)
{
    CHECK(service != NULL && mode != NULL);
    *mode = service->options.localhost_bypass && credentials->peer_is_loopback;
    return *mode && !credentials->forwarded && session_host_is_local(credentials->host) &&
           (credentials->origin.size == 0 ||
            session_origin_is_same(credentials->origin, credentials->host));
}

/* A registered user acts with his own role, an unknown name with the rights of the default user. */
static enum status session_authenticate_loopback(struct session_service *service, struct str named,
                                                 struct session_identity *out, struct error *err)
{
    struct str fallback = service->options.localhost_default_user;
    struct view *view;
    enum status status = STATUS_OK;

    if (named.size > 0 && !user_id_is_valid(named))
        return error_set(err, STATUS_INVALID_INPUT, "X-User-Id is not a user id");
    view = view_acquire(service->options.store);
    const struct catalog *catalog = view_catalog(view);
    const struct user *user = named.size > 0 ? catalog_find_user(catalog, named) : NULL;
    const struct user *standard = catalog_find_user(catalog, fallback);
    CHECK(catalog != NULL);
    if (user != NULL && user->deleted_at == 0)
        session_identity_fill(out, user->id, user);
    else if (user != NULL)
        status = error_set(err, STATUS_INVALID_CREDENTIALS, "this user was dropped");
    else if (standard == NULL || standard->deleted_at != 0)
        status = error_set(err, STATUS_INVALID_CREDENTIALS,
                           "auth.localhost_default_user does not exist");
    else
        session_identity_fill(out, named.size > 0 ? named : standard->id, standard);
    view_release(view);
    return status;
}

/* ---- the whole order ------------------------------------------------------------------------- */

enum status session_authenticate(struct session_service *service,
                                 const struct session_credentials *credentials,
                                 struct session_identity *out, struct error *err)
{
    bool presented = credentials->authorization.size > 0 || credentials->api_key.size > 0;
    bool local = credentials->peer_is_loopback && !credentials->forwarded;
    bool mode;
    enum status status;

    CHECK(service != NULL && out != NULL);
    if (!presented && session_loopback_allows(service, credentials, &mode))
        return session_authenticate_loopback(service, credentials->user_header, out, err);
    status = session_check_setup(service, err);
    if (status != STATUS_OK)
        return status;
    if (!presented)
        return error_set(err, STATUS_MISSING_AUTHORIZATION, "no credentials");
    if (credentials->authorization.size > 0) {
        struct str token = session_bearer(credentials->authorization);
        if (token.size == 0)
            return error_set(err, STATUS_INVALID_CREDENTIALS,
                             "only Bearer tokens are accepted in Authorization");
        status = session_authenticate_bearer(service, token, local, out, err);
    } else {
        status = session_authenticate_key(service, credentials->api_key, out, err);
        if (status == STATUS_OK)
            status = session_check_remote(service, str_from_c(out->actor), local, err);
    }
    if (status == STATUS_OK)
        status = session_apply_user_header(out, credentials->user_header, err);
    return status;
}

enum status session_identity_check(struct session_service *service,
                                   const struct session_identity *identity, struct error *err)
{
    struct view *view;
    bool good;

    CHECK(identity->actor[0] != 0);
    if (identity->expires_at > 0 && clock_now_us() / 1000000 > identity->expires_at)
        return error_set(err, STATUS_TOKEN_EXPIRED, "the token has expired");
    view = view_acquire(service->options.store);
    const struct user *user = catalog_find_user(view_catalog(view), str_from_c(identity->actor));
    good =
        user != NULL && user->deleted_at == 0 && user->role == identity->role &&
        user->credentials_changed == identity->generation &&
        (identity->api_key[0] == 0 || str_equal(user->api_key_hash, str_from_c(identity->api_key)));
    view_release(view);
    return good ? STATUS_OK
                : error_set(err, STATUS_INVALID_CREDENTIALS,
                            "the user is gone or his credentials have changed");
}
