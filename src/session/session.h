/* session.h — one caller: who it is, what it may, and the life of its request.
 *
 * A `session_request` runs the statements of one SQL request in order over sql_run and writes the
 * response of docs/protocol.md into a buffer that the host (net/) sends. It lives on the loop
 * thread that created it; work that may block moves to the worker pool and comes back through
 * host->post.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include "base/buf.h"
#include "base/thread.h"
#include "jobs/jobs.h"
#include "live/live.h"
#include "sql/sql.h"

struct session_service; /* process wide: engine, users, secrets, workers */

struct session_options {
    struct store *store;
    struct sql_engine *engine;
    struct jobs *jobs;
    struct live *live;
    struct worker_pool *workers;
    size_t response_buffer_bytes; /* http.buffer_bytes */
    size_t params_max;
    bool include_timing, report_cache, mask_errors;
    /* auth */
    struct str jwt_secret; /* ≥ 32 bytes, copied */
    uint32_t jwt_expiry_hours;
    bool localhost_bypass; /* --dev */
    struct str localhost_default_user;
    bool allow_remote_setup, root_remote, enforce_roles;
    bool cookie_secure;
    uint32_t logins_per_second_max;  /* per address; 0 = off */
    uint32_t logins_waiting_max;     /* auth.max_waiting_logins; more are refused */
    uint32_t queries_per_second_max; /* per user; 0 = off */
    uint32_t password_memory_kib, password_iterations, password_parallelism, lockout_failures,
        lockout_minutes;
    const char *lockout_path; /* file that keeps what is locked over a restart; copied */
};
enum status session_service_start(const struct session_options *options,
                                  struct session_service **out, struct error *err) MUST_CHECK;
void session_service_stop(struct session_service *service);
/* Passwords that are hashed at this moment; each takes password_memory_kib. Any thread. */
unsigned session_hashes_running(void);

/* ---- who is it
 * ----------------------------------------------------------------------------------- */

/* What a transport saw of the caller; all borrowed. */
struct session_credentials {
    struct str authorization; /* whole header; empty = none */
    struct str api_key;
    struct str user_header; /* X-User-Id */
    struct str host, origin;
    bool peer_is_loopback, forwarded; /* Forwarded or X-Forwarded-* present */
};
struct session_identity { /* plain data, copied around */
    char user[80];        /* effective user */
    char actor[80];       /* authenticated */
    enum role role;
    int64_t expires_at; /* of the token, s since 1970; 0 = never */
    int64_t generation; /* user.credentials_changed when he was let in */
    char api_key[65];   /* hash of the key that let him in; empty = none */
};
/* In this order (docs/protocol.md): MISSING_AUTHORIZATION, INVALID_CREDENTIALS, TOKEN_EXPIRED,
 * SETUP_REQUIRED, PERMISSION_DENIED, REMOTE_ACCESS_DENIED (root from elsewhere). Never blocks. */
enum status session_authenticate(struct session_service *service,
                                 const struct session_credentials *credentials,
                                 struct session_identity *out, struct error *err) MUST_CHECK;
/* A bare JWT (WebSocket `authenticate`); `local` = the peer is on this machine, nothing forwarded.
 * As session_authenticate. */
enum status session_authenticate_token(struct session_service *service, struct str token,
                                       bool local, struct session_identity *out,
                                       struct error *err) MUST_CHECK;

/* Is an identity of some time ago still good: user there, role the same, password and API key not
 * changed, token not expired? TOKEN_EXPIRED, INVALID_CREDENTIALS. Never blocks. */
enum status session_identity_check(struct session_service *service,
                                   const struct session_identity *identity,
                                   struct error *err) MUST_CHECK;
/* Would loopback mode let this caller in, if it showed no credentials? `*mode` = loopback mode is
 * on and the peer is on this machine, so that a refusal is because of Host, Origin or forwarding.
 */
bool session_loopback_allows(struct session_service *service,
                             const struct session_credentials *credentials, bool *mode);

/* ---- one SQL request
 * ------------------------------------------------------------------------------ */

struct session_request_options {
    struct session_identity identity;
    struct str body;  /* JSON of docs/protocol.md; lives until done */
    const char *peer; /* address of the client, for the log; lives until done */
    /* Runs `task` on the loop thread of this request; any thread. */
    void (*post)(void *context, struct task *task);
    /* A part of a response too large to hold: sent with chunked encoding. Worker thread; blocks
     * while the client is slow; CANCELLED when it is gone, RATE_LIMIT_EXCEEDED when it is too
     * slow and others wait. `buf` is emptied. */
    enum status (*send_part)(void *context, struct buf *part);
    /* Loop thread, once: the (rest of the) response. `status` maps to the HTTP number; if parts
     * were sent it is the tail. */
    void (*done)(void *context, enum status status, struct buf *response);
    void *context;
};
struct session_request;
/* NULL if done was called already: before it returns. Otherwise valid until done. */
struct session_request *session_request_start(struct session_service *service,
                                              const struct session_request_options *options);
/* The client is gone: statements stop, done is still called. Loop thread. */
void session_request_cancel(struct session_request *request);

/* ---- /v1/api/auth/… (docs/protocol.md): runs on workers, answers through done
 * --------------------------- */

enum session_auth_route {
    SESSION_AUTH_LOGIN,
    SESSION_AUTH_REFRESH,
    SESSION_AUTH_LOGOUT,
    SESSION_AUTH_ME,
    SESSION_AUTH_STATUS,
    SESSION_AUTH_SETUP
};
struct session_auth_options {
    enum session_auth_route route;
    struct session_credentials credentials;
    struct str cookie; /* Cookie header */
    struct str body, content_type;
    struct str peer_address; /* all strings live until done */
    void (*post)(void *context, struct task *task);
    /* http_status as in docs/protocol.md; `cookies` are whole Set-Cookie lines, one per line. Loop
     * thread.
     */
    void (*done)(void *context, int http_status, struct buf *response, struct buf *cookies);
    void *context;
};
void session_auth_start(struct session_service *service,
                        const struct session_auth_options *options);

/* Applies KALAMDB_ROOT_PASSWORD: sets it unless it is the present one already. Blocking. */
enum status session_set_root_password(struct session_service *service, struct str password,
                                      struct error *err) MUST_CHECK;

/* sql_services.hash_api_key: hex SHA-256. */
void session_hash_api_key(struct str key, char out[65]);
/* sql_services.hash_password */
enum status session_hash_password(struct session_service *service, struct str password,
                                  char out[256], struct error *err) MUST_CHECK;

#endif
