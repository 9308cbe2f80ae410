/* auth_routes.c — log-in, refresh, log-out, me, status, set-up (docs/protocol.md).
 *
 * What hashes passwords is a task on the auth pool, and only so many may wait there; all else is
 * answered by the loop that asked. A failed log-in verifies one hash of each cost that hashes have,
 * dummies among them, whether there is such a user or not: same answer, same time. What a log-in
 * leaves in system.users is written after its answer.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "session/auth_user.h"
#include "wire/json_parse.h"
#include "wire/json_writer.h"

#include <time.h>

enum { AUTH_NAME_CHARACTERS = 128, AUTH_PASSWORD_CHARACTERS = 256, AUTH_REFRESH_FACTOR = 7 };

#define AUTH_COOKIE_ACCESS "kalamdb_auth"
#define AUTH_COOKIE_REFRESH "kalamdb_refresh"

struct auth_call {
    struct task task;
    struct session_service *service;
    struct session_auth_options options;
    struct arena arena;
    struct buf response, cookies;
    int http_status;
    struct auth_note note;
};

/* ---- answers --------------------------------------------------------------------------------- */

static void auth_fail(struct auth_call *call, int http_status, const char *code,
                      const char *message)
{
    CHECK(http_status >= 400);
    call->http_status = http_status;
    buf_reset(&call->response);
    buf_reset(&call->cookies);
    json_object_begin(&call->response);
    json_member_string(&call->response, STR_LIT("error"), str_from_c(code));
    json_member_string(&call->response, STR_LIT("message"), str_from_c(message));
    json_object_end(&call->response);
}

/* The words of docs/protocol.md for what the layers below say. */
static void auth_fail_status(struct auth_call *call, const struct error *err)
{
    static const struct {
        enum status status;
        int http_status;
        const char *code;
    } words[] = {
        {STATUS_INVALID_CREDENTIALS, 401, "unauthorized"},
        {STATUS_MISSING_AUTHORIZATION, 401, "unauthorized"},
        {STATUS_TOKEN_EXPIRED, 401, "unauthorized"},
        {STATUS_ACCOUNT_LOCKED, 401, "account_locked"},
        {STATUS_REMOTE_ACCESS_DENIED, 403, "forbidden"},
        {STATUS_PERMISSION_DENIED, 403, "forbidden"},
        {STATUS_INVALID_INPUT, 400, "invalid_request"},
        {STATUS_ALREADY_EXISTS, 409, "user_exists"},
        {STATUS_SETUP_REQUIRED, 428, "setup_required"},
        {STATUS_RATE_LIMIT_EXCEEDED, 429, "rate_limited"},
    };

    CHECK(err->code != STATUS_OK);
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        if (words[i].status != err->code)
            continue;
        auth_fail(call, words[i].http_status, words[i].code, err->message);
        return;
    }
    log_error("%s: %s", status_name(err->code), err->message);
    auth_fail(call, 500, "internal_error", "the request failed");
}

static void auth_write_time(struct buf *out, const char *key, int64_t time_s)
{
    char text[40];
    struct tm parts;
    time_t seconds = (time_t)time_s;

    CHECK(gmtime_r(&seconds, &parts) != NULL);
    (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
    json_member_string(out, str_from_c(key), str_from_c(text));
}

static bool auth_is_admin(const struct user *user)
{
    CHECK(user->role <= ROLE_SYSTEM);
    return user->role == ROLE_DBA || user->role == ROLE_SYSTEM;
}

static void auth_write_user(struct buf *out, const struct user *user)
{
    CHECK(user->id.size > 0);
    json_key(out, STR_LIT("user"));
    json_object_begin(out);
    json_member_string(out, STR_LIT("id"), user->id);
    json_member_string(out, STR_LIT("role"), str_from_c(role_name(user->role)));
    json_key(out, STR_LIT("email"));
    if (user->email.size > 0)
        json_write_string(out, user->email);
    else
        json_write_null(out);
    auth_write_time(out, "created_at", user->created_at / 1000000);
    auth_write_time(out, "updated_at", user->updated_at / 1000000);
    json_object_end(out);
}

static void auth_write_cookie(struct auth_call *call, const char *name, struct str value,
                              int64_t age_s)
{
    CHECK(age_s >= 0);
    buf_printf(&call->cookies,
               "Set-Cookie: %s=%.*s; HttpOnly; SameSite=Strict; Path=/; Max-Age=%lld%s\r\n", name,
               STR_ARG(value), (long long)age_s,
               call->service->options.cookie_secure ? "; Secure" : "");
}

/* Signs a token, writes it and its end into the body and a cookie. */
static void auth_write_token(struct auth_call *call, const struct user *user, enum jwt_type type)
{
    int64_t now_s = clock_now_us() / 1000000;
    int64_t age_s = (int64_t)call->service->options.jwt_expiry_hours * 3600 *
                    (type == JWT_REFRESH ? AUTH_REFRESH_FACTOR : 1);
    struct jwt_claims claims = {.type = type,
                                .issued_at = now_s,
                                .expires_at = now_s + age_s,
                                .generation = user->credentials_changed};
    struct str role = str_from_c(role_name(user->role));
    struct buf token;

    CHECK(user->id.size < sizeof(claims.subject) && role.size < sizeof(claims.role));
    memcpy(claims.subject, user->id.data, user->id.size);
    memcpy(claims.role, role.data, role.size);
    buf_init(&token);
    jwt_sign(call->service->options.jwt_secret, &claims, user->email, &token);
    auth_write_time(&call->response, type == JWT_REFRESH ? "refresh_expires_at" : "expires_at",
                    claims.expires_at);
    json_member_string(&call->response,
                       type == JWT_REFRESH ? STR_LIT("refresh_token") : STR_LIT("access_token"),
                       buf_str(&token));
    auth_write_cookie(call, type == JWT_REFRESH ? AUTH_COOKIE_REFRESH : AUTH_COOKIE_ACCESS,
                      buf_str(&token), age_s);
    buf_clear(&token);
}

static void auth_answer_tokens(struct auth_call *call, const struct user *user)
{
    CHECK(call->response.size == 0);
    json_object_begin(&call->response);
    auth_write_user(&call->response, user);
    json_member_boolean(&call->response, STR_LIT("admin_ui_access"), auth_is_admin(user));
    auth_write_token(call, user, JWT_ACCESS);
    auth_write_token(call, user, JWT_REFRESH);
    json_object_end(&call->response);
}

/* ---- requests -------------------------------------------------------------------------------- */

/* Members of the body, each a string, none unknown, none longer than allowed. */
struct auth_field {
    const char *name;
    size_t characters_max;
    struct str *value;
    bool *given;
};

static bool auth_read_field(const struct json *value, struct str key,
                            const struct auth_field *fields, size_t count)
{
    CHECK(count > 0);
    for (size_t i = 0; i < count; i++) {
        if (!str_equal(key, str_from_c(fields[i].name)))
            continue;
        bool again = *fields[i].given; /* user and username are one field */
        *fields[i].given = true;
        return !again && json_string(value, fields[i].value) &&
               utf8_length(*fields[i].value) <= fields[i].characters_max;
    }
    return false;
}

/* False if the request was answered with why. */
static bool auth_read_body(struct auth_call *call, const struct auth_field *fields, size_t count)
{
    struct str type = call->options.content_type;
    const struct json *body = NULL;
    struct error err;

    CHECK(count > 0);
    error_clear(&err);
    if (!str_starts_with(type, STR_LIT("application/json"))) {
        auth_fail(call, 415, "unsupported_media_type", "the body must be application/json");
        return false;
    }
    if (json_parse(call->options.body, &call->arena, &body, &err) != STATUS_OK ||
        !json_is(body, JSON_OBJECT)) {
        auth_fail(call, 400, "invalid_request", "the body is not a JSON object");
        return false;
    }
    for (size_t i = 0; i < body->count; i++) {
        if (auth_read_field(&body->items[i], body->keys[i], fields, count))
            continue;
        auth_fail(call, 400, "invalid_request", "a field is unknown, not text or too long");
        return false;
    }
    return true;
}

static struct str auth_cookie(struct str cookies, const char *name)
{
    struct str wanted = str_from_c(name);

    CHECK(wanted.size > 0);
    while (cookies.size > 0) {
        const char *end = memchr(cookies.data, ';', cookies.size);
        size_t size = end != NULL ? (size_t)(end - cookies.data) : cookies.size;
        struct str pair = str_trim(str_from(cookies.data, size));
        if (pair.size > wanted.size && str_starts_with(pair, wanted) &&
            pair.data[wanted.size] == '=')
            return str_from(pair.data + wanted.size + 1, pair.size - wanted.size - 1);
        size_t skip = end != NULL ? size + 1 : size;
        cookies.data += skip;
        cookies.size -= skip;
    }
    return STR_EMPTY;
}

static bool auth_is_local(const struct auth_call *call)
{
    CHECK(call->service != NULL);
    return call->options.credentials.peer_is_loopback && !call->options.credentials.forwarded;
}

/* ---- log-in ---------------------------------------------------------------------------------- */

static enum status auth_login_failed(struct auth_call *call, struct str name,
                                     const struct user *user, struct error *err)
{
    static struct log_quota failed = {.what = "failed log-ins"};

    CHECK(name.data != NULL);
    bool locked = lockout_failed(call->service->lockout, name, clock_now_us(),
                                 user != NULL ? user->credentials_changed : 0);
    enum log_level level = log_quota_take(&failed);
    LOG_AT(level, "failed log-in of %s from %.*s",
           user != NULL ? "a known user" : "an unknown name", STR_ARG(call->options.peer_address));
    if (user != NULL)
        memcpy(call->note.user, user->id.data, user->id.size);
    call->note.locked = locked;
    if (locked)
        log_warn("a name is locked after too many failed log-ins");
    return error_set(err, STATUS_INVALID_CREDENTIALS, "invalid user name or password");
}

/* A hash of another cost than today's is replaced while its password is known. */
static void auth_login_rehash(struct auth_call *call, const struct user *user, struct str password)
{
    struct session_service *service = call->service;
    struct auth_note *note = &call->note;
    struct error err;

    CHECK(user->password_hash.size < sizeof(note->former));
    if (str_starts_with(str_from_c(service->dummies[0]), password_cost_of(user->password_hash)))
        return;
    memcpy(note->former, user->password_hash.data, user->password_hash.size);
    if (password_hash(&service->cost, password, note->hash, &err) == STATUS_OK)
        return;
    note->hash[0] = 0;
    log_warn("%s", err.message);
}

static void auth_login_verified(struct auth_call *call, struct str name, const struct user *user,
                                struct str password)
{
    CHECK(user->deleted_at == 0);
    lockout_succeeded(call->service->lockout, name);
    call->note.good = true;
    memcpy(call->note.user, user->id.data, user->id.size);
    auth_login_rehash(call, user, password);
    log_info("log-in of %s from %.*s", call->note.user, STR_ARG(call->options.peer_address));
    auth_answer_tokens(call, user);
}

/* Takes as long for every name whose log-in fails. */
static enum status auth_login_check(struct auth_call *call, const struct user *user,
                                    struct str password, struct error *err)
{
    bool usable = user != NULL && user->deleted_at == 0 && user->password_hash.size > 0;
    struct str cost = usable ? password_cost_of(user->password_hash) : STR_EMPTY;
    enum status status = STATUS_INVALID_CREDENTIALS;

    CHECK(call->service->dummy_count > 0);
    if (usable)
        status = password_verify(user->password_hash, password, err);
    for (size_t i = 0; status == STATUS_INVALID_CREDENTIALS && i < call->service->dummy_count;
         i++) {
        struct str dummy = str_from_c(call->service->dummies[i]);
        if (cost.size == 0 || !str_starts_with(dummy, cost))
            status = password_verify(dummy, password, err);
        CHECK(status != STATUS_OK);
    }
    return status;
}

/* locked_until of a user only shows this: known and unknown names are locked by the same. */
static bool auth_is_locked(struct auth_call *call, struct str name, const struct user *user)
{
    int64_t now_us = clock_now_us();

    CHECK(now_us > 0);
    return lockout_is_locked(call->service->lockout, name, now_us,
                             user != NULL ? user->credentials_changed : 0);
}

static enum status auth_login_as(struct auth_call *call, struct str name, struct str password,
                                 struct error *err)
{
    struct user *user = session_find_user(call->service, name);
    enum status status;

    CHECK(name.data != NULL);
    if (auth_is_locked(call, name, user)) {
        status = error_set(err, STATUS_ACCOUNT_LOCKED, "too many failed log-ins; try again later");
    } else {
        status = auth_login_check(call, user, password, err);
        if (status == STATUS_OK)
            auth_login_verified(call, name, user, password);
        else if (status == STATUS_INVALID_CREDENTIALS)
            status = auth_login_failed(call, name, user, err);
    }
    user_unref(user);
    return status;
}

static void auth_login(struct auth_call *call)
{
    struct str name = STR_EMPTY, password = STR_EMPTY;
    bool given[2] = {false};
    const struct auth_field fields[] = {
        {"user", AUTH_NAME_CHARACTERS, &name, &given[0]},
        {"username", AUTH_NAME_CHARACTERS, &name, &given[0]},
        {"password", AUTH_PASSWORD_CHARACTERS, &password, &given[1]},
    };
    struct error err;

    CHECK(call->response.size == 0);
    if (!auth_read_body(call, fields, ARRAY_COUNT(fields)))
        return;
    if (name.size == 0 || !given[1]) {
        auth_fail(call, 400, "invalid_request", "user and password are required");
        return;
    }
    error_clear(&err);
    enum status status = session_check_remote(call->service, name, auth_is_local(call), &err);
    if (session_needs_setup(call->service))
        status = error_set(&err, STATUS_SETUP_REQUIRED,
                           "root has no password yet; see POST /v1/api/auth/setup");
    if (status == STATUS_OK)
        status = auth_login_as(call, name, password, &err);
    if (status != STATUS_OK)
        auth_fail_status(call, &err);
}

/* ---- refresh, log-out, me -------------------------------------------------------------------- */

/* The user of a token of this type; NULL after the request was answered with why not. */
static struct user *auth_user_of_token(struct auth_call *call, struct str token, enum jwt_type type)
{
    struct jwt_claims claims;
    struct error err;

    CHECK(type == JWT_ACCESS || type == JWT_REFRESH);
    error_clear(&err);
    struct user *user = NULL;
    enum status status = jwt_verify(call->service->options.jwt_secret, token,
                                    clock_now_us() / 1000000, &claims, &err);
    if (status == STATUS_OK && claims.type != type)
        status = error_set(&err, STATUS_INVALID_CREDENTIALS, "invalid token: wrong type");
    if (status == STATUS_OK)
        status = session_user_of_claims(call->service, &claims, &user, &err);
    if (status == STATUS_OK)
        status = session_check_remote(call->service, user->id, auth_is_local(call), &err);
    if (status == STATUS_OK)
        return user;
    user_unref(user);
    auth_fail_status(call, &err);
    return NULL;
}

static void auth_refresh(struct auth_call *call)
{
    struct str token = session_bearer(call->options.credentials.authorization);

    CHECK(call->response.size == 0);
    if (token.size == 0)
        token = auth_cookie(call->options.cookie, AUTH_COOKIE_REFRESH);
    if (token.size == 0) {
        auth_fail(call, 401, "unauthorized", "no refresh token");
        return;
    }
    struct user *user = auth_user_of_token(call, token, JWT_REFRESH);
    if (user != NULL)
        auth_answer_tokens(call, user);
    user_unref(user);
}

static void auth_logout(struct auth_call *call)
{
    CHECK(call->response.size == 0);
    auth_write_cookie(call, AUTH_COOKIE_ACCESS, STR_EMPTY, 0);
    auth_write_cookie(call, AUTH_COOKIE_REFRESH, STR_EMPTY, 0);
    json_object_begin(&call->response);
    json_member_string(&call->response, STR_LIT("message"), STR_LIT("Logged out successfully"));
    json_object_end(&call->response);
}

static void auth_me(struct auth_call *call)
{
    struct str cookie = auth_cookie(call->options.cookie, AUTH_COOKIE_ACCESS);
    const struct session_credentials *shown = &call->options.credentials;
    struct session_identity identity;
    struct user *user = NULL;
    struct error err;

    CHECK(call->response.size == 0);
    error_clear(&err);
    if (shown->authorization.size == 0 && shown->api_key.size == 0 && cookie.size > 0) {
        user = auth_user_of_token(call, cookie, JWT_ACCESS);
        if (user == NULL)
            return;
    } else if (session_authenticate(call->service, shown, &identity, &err) == STATUS_OK) {
        user = session_find_user(call->service, str_from_c(identity.actor));
    } else {
        auth_fail_status(call, &err);
        return;
    }
    if (user == NULL) {
        auth_fail(call, 401, "unauthorized", "no valid credentials");
        return;
    }
    json_object_begin(&call->response);
    auth_write_user(&call->response, user);
    json_member_boolean(&call->response, STR_LIT("admin_ui_access"), auth_is_admin(user));
    json_object_end(&call->response);
    user_unref(user);
}

/* ---- status and set-up ----------------------------------------------------------------------- */

static void auth_status(struct auth_call *call)
{
    bool needs = session_needs_setup(call->service);

    CHECK(call->response.size == 0);
    json_object_begin(&call->response);
    json_member_boolean(&call->response, STR_LIT("needs_setup"), needs);
    json_member_string(&call->response, STR_LIT("message"),
                       needs ? STR_LIT("root has no password yet") : STR_LIT("ready"));
    json_object_end(&call->response);
}

struct auth_setup {
    struct str user, password, root_password, email;
};

/* False if the request was answered with why not. */
static bool auth_setup_check(struct auth_call *call, const struct auth_setup *setup)
{
    struct error err;

    CHECK(setup != NULL);
    error_clear(&err);
    if (!session_needs_setup(call->service)) {
        auth_fail(call, 409, "already_configured", "root has a password already");
        return false;
    }
    if (!user_id_is_valid(setup->user) || str_equal(setup->user, SESSION_ROOT)) {
        auth_fail(call, 400, "invalid_user", "user is not a user id, or root");
        return false;
    }
    if (password_check(setup->password, &err) != STATUS_OK ||
        password_check(setup->root_password, &err) != STATUS_OK) {
        auth_fail(call, 400, "weak_password", err.message);
        return false;
    }
    return true;
}

/* Under the set-up lock. root comes last: until then the set-up can be repeated. */
static void auth_setup_apply(struct auth_call *call, const struct auth_setup *setup)
{
    struct error err;

    error_clear(&err);
    enum status status =
        auth_user_create(call->service, setup->user, ROLE_DBA, setup->email, setup->password, &err);
    if (status == STATUS_OK)
        status = auth_user_set_password(call->service, SESSION_ROOT, setup->root_password, &err);
    struct user *user = status == STATUS_OK ? session_find_user(call->service, setup->user) : NULL;
    if (user == NULL) {
        auth_fail_status(call, &err);
        return;
    }
    CHECK(user->role == ROLE_DBA);
    log_info("set-up is done: root has a password");
    json_object_begin(&call->response);
    auth_write_user(&call->response, user);
    json_member_string(&call->response, STR_LIT("message"),
                       STR_LIT("root has a password now; log in as the new user"));
    json_object_end(&call->response);
    user_unref(user);
}

static void auth_setup(struct auth_call *call)
{
    struct auth_setup setup = {STR_EMPTY, STR_EMPTY, STR_EMPTY, STR_EMPTY};
    bool given[4] = {false};
    const struct auth_field fields[] = {
        {"user", AUTH_NAME_CHARACTERS, &setup.user, &given[0]},
        {"username", AUTH_NAME_CHARACTERS, &setup.user, &given[0]},
        {"password", AUTH_PASSWORD_CHARACTERS, &setup.password, &given[1]},
        {"root_password", AUTH_PASSWORD_CHARACTERS, &setup.root_password, &given[2]},
        {"email", AUTH_PASSWORD_CHARACTERS, &setup.email, &given[3]},
    };

    CHECK(call->response.size == 0);
    if (!session_is_local(&call->options.credentials) &&
        !call->service->options.allow_remote_setup) {
        auth_fail(call, 403, "forbidden", "set-up is possible from this machine only");
        return;
    }
    if (!auth_read_body(call, fields, ARRAY_COUNT(fields)))
        return;
    pthread_mutex_lock(&call->service->setup);
    if (auth_setup_check(call, &setup))
        auth_setup_apply(call, &setup);
    pthread_mutex_unlock(&call->service->setup);
}

/* ---- life of a call -------------------------------------------------------------------------- */

static void auth_route(struct auth_call *call)
{
    CHECK(call->http_status == 200);
    switch (call->options.route) {
    case SESSION_AUTH_LOGIN:
        auth_login(call);
        return;
    case SESSION_AUTH_REFRESH:
        auth_refresh(call);
        return;
    case SESSION_AUTH_LOGOUT:
        auth_logout(call);
        return;
    case SESSION_AUTH_ME:
        auth_me(call);
        return;
    case SESSION_AUTH_STATUS:
        auth_status(call);
        return;
    case SESSION_AUTH_SETUP:
        auth_setup(call);
        return;
    }
    UNREACHABLE("every route has a function");
}

/* Loop thread. */
static void auth_answered(struct task *task)
{
    struct auth_call *call = CONTAINER_OF(task, struct auth_call, task);

    CHECK(call->http_status >= 200);
    call->options.done(call->options.context, call->http_status, &call->response, &call->cookies);
    buf_clear(&call->response);
    buf_clear(&call->cookies);
    arena_clear(&call->arena);
    mem_free(call);
}

static void auth_run(struct task *task)
{
    struct auth_call *call = CONTAINER_OF(task, struct auth_call, task);
    struct session_service *service = call->service;
    struct auth_note note;

    auth_route(call);
    memcpy(&note, &call->note, sizeof(note)); /* the call may be gone once it is posted */
    CHECK(note.user[sizeof(note.user) - 1] == 0);
    call->task.run = auth_answered;
    call->options.post(call->options.context, &call->task);
    if (note.locked)
        session_keep_lockouts(service);
    if (note.user[0] != 0)
        auth_user_note_login(service, &note);
}

/* Auth pool: a call that may hash. */
static void auth_run_slow(struct task *task)
{
    struct session_service *service = CONTAINER_OF(task, struct auth_call, task)->service;

    auth_run(task);
    CHECK(atomic_fetch_sub(&service->logins_waiting, 1) > 0);
}

/* Room for one more that hashes? Refused callers cost nothing but this. */
static bool auth_admit(struct auth_call *call)
{
    struct session_service *service = call->service;

    CHECK(call->http_status == 200);
    if (!rate_limit_passes(service->logins, call->options.peer_address, clock_now_us())) {
        auth_fail(call, 429, "rate_limited", "too many log-ins from this address");
        return false;
    }
    if (atomic_fetch_add(&service->logins_waiting, 1) < service->options.logins_waiting_max)
        return true;
    atomic_fetch_sub(&service->logins_waiting, 1);
    auth_fail(call, 429, "rate_limited", "too many log-ins are waiting");
    return false;
}

void session_auth_start(struct session_service *service, const struct session_auth_options *options)
{
    struct auth_call *call = mem_zalloc(sizeof(*call));
    bool slow = options->route == SESSION_AUTH_LOGIN || options->route == SESSION_AUTH_SETUP;

    CHECK(options->post != NULL && options->done != NULL);
    call->service = service;
    call->options = *options;
    call->http_status = 200;
    arena_init(&call->arena, 0); /* the body is bounded by the transport */
    if (!slow) {
        auth_run(&call->task);
    } else if (auth_admit(call)) {
        call->task.run = auth_run_slow;
        worker_pool_post(service->auth, &call->task);
    } else {
        call->task.run = auth_answered;
        options->post(options->context, &call->task);
    }
}

enum status session_set_root_password(struct session_service *service, struct str password,
                                      struct error *err)
{
    struct user *root = session_find_user(service, SESSION_ROOT);
    enum status status = password_check(password, err);

    CHECK(service != NULL);
    bool is_set = status == STATUS_OK && root != NULL && root->password_hash.size > 0;
    if (is_set)
        status = password_verify(root->password_hash, password, err);
    if (is_set ? status == STATUS_INVALID_CREDENTIALS : status == STATUS_OK)
        status = auth_user_set_password(service, SESSION_ROOT, password, err);
    user_unref(root);
    return status;
}
