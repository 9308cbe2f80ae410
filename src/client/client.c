/* client.c — a client: its address, credentials and errors; log-in, refresh, set-up, health.
 *
 * Credentials, in order: token, API key, user with password (logged in on first use, again when the
 * token expires), user alone (X-User-Id, development mode).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "client/client_internal.h"
#include "wire/json_writer.h"

#include <stdarg.h>
#include <stdio.h>

/* The secret of a password or token does not outlive its use in freed memory. */
static void client_forget(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    mem_free(secret);
}

enum { TIMEOUT_MS_DEFAULT = 30000, RETRIES_DEFAULT = 3, TOKEN_BYTES_MAX = 8192 };

kalam_status client_fail(kalam_error *error, kalam_status status, const char *format, ...)
{
    va_list args;

    CHECK(status != KALAM_OK);
    if (!error)
        return status;
    client_error_clear(error);
    error->status = status;
    va_start(args, format);
    vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    return status;
}

void client_error_clear(kalam_error *error)
{
    if (!error)
        return;
    error->status = KALAM_OK;
    error->http_status = error->statement = 0;
    error->code[0] = error->message[0] = 0;
}

const char *kalam_version(void)
{
    return "0.1.0";
}

const char *kalam_status_name(kalam_status status)
{
    static const char *const names[] = {
        [KALAM_OK] = "ok",
        [KALAM_CONNECTION] = "connection",
        [KALAM_AUTHENTICATION] = "authentication",
        [KALAM_SQL] = "sql",
        [KALAM_INVALID_TOKEN] = "invalid_token",
        [KALAM_INVALID_URL] = "invalid_url",
        [KALAM_INVALID_ARGUMENT] = "invalid_argument",
        [KALAM_SUBSCRIPTION] = "subscription",
        [KALAM_TIMEOUT] = "timeout",
        [KALAM_HTTP] = "http",
        [KALAM_WEBSOCKET] = "websocket",
        [KALAM_SERIALIZATION] = "serialization",
        [KALAM_NO_MEMORY] = "no_memory",
        [KALAM_CLOSED] = "closed",
    };

    return (unsigned)status < ARRAY_COUNT(names) ? names[status] : "unknown";
}

kalam_status client_no_memory(kalam_error *error)
{
    return client_fail(error, KALAM_NO_MEMORY, "out of memory");
}

bool client_copy(char **slot, const char *text)
{
    CHECK(slot != NULL);
    *slot = text ? mem_try_strdup(str_from_c(text)) : NULL;
    return *slot || !text;
}

/* Of `host`, `host:80`, `[::1]:80`: no port, or 1 to 65535. */
static bool client_port_is_valid(struct str host)
{
    size_t start = 0;
    uint64_t port;

    CHECK(host.size > 0);
    while (*host.data == '[' && start < host.size && host.data[start] != ']')
        start++;
    while (start < host.size && host.data[start] != ':')
        start++;
    if (start == host.size)
        return true;
    return str_to_uint64(str_from(host.data + start + 1, host.size - start - 1), &port) &&
           port >= 1 && port <= 65535;
}

/* http(s)://host[:port] without path, query or user. */
static bool client_url_is_valid(const char *url)
{
    const char *host = strncmp(url, "http://", 7) == 0    ? url + 7
                       : strncmp(url, "https://", 8) == 0 ? url + 8
                                                          : NULL;
    size_t size;

    CHECK(url);
    if (!host || !*host || *host == ':' || *host == '/')
        return false;
    size = strcspn(host, "/");
    if (!client_port_is_valid(str_from(host, size)))
        return false;
    if (host[size] == '/' && host[size + 1] != 0)
        return false;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)host[i];
        if (c <= ' ' || c == '@' || c == '?' || c == '#' || c >= 127)
            return false;
    }
    return true;
}

static bool client_token_is_valid(const char *token)
{
    size_t size = strlen(token), dots = 0;

    CHECK(token);
    for (size_t i = 0; i < size; i++) {
        if (token[i] <= ' ' || token[i] >= 127)
            return false;
        dots += token[i] == '.';
    }
    return size > 0 && size <= TOKEN_BYTES_MAX && dots == 2;
}

/* A header line is made of it: a line break would start another one. */
static bool client_header_is_valid(const char *text)
{
    for (; text && *text; text++) {
        if ((unsigned char)*text < ' ' || *text == 127)
            return false;
    }
    return true;
}

static kalam_status client_bad_refresh_token(kalam_error *error)
{
    return client_fail(error, KALAM_INVALID_TOKEN, "a refresh token holds no control characters");
}

static bool client_copy_options(kalam_client *client, const struct kalam_options *options)
{
    CHECK(client && options);
    return client_copy(&client->token, options->token) &&
           client_copy(&client->user, options->user) &&
           client_copy(&client->password, options->password) &&
           client_copy(&client->api_key, options->api_key) &&
           client_copy(&client->space, options->space) &&
           client_copy(&client->refresh_token, options->refresh_token) &&
           client_copy(&client->ca_file, options->ca_file);
}

kalam_status kalam_client_new(const struct kalam_options *options, kalam_client **out,
                              kalam_error *error)
{
    const char *url = options && options->url ? options->url : "http://localhost:8080";
    kalam_client *client;
    size_t size = strlen(url);

    client_error_clear(error);
    if (!out)
        return client_fail(error, KALAM_INVALID_ARGUMENT, "nowhere to put the client");
    if (!client_url_is_valid(url))
        return client_fail(error, KALAM_INVALID_URL,
                           "not a server URL like http://localhost:8080: %s", url);
    if (options && options->token && !client_token_is_valid(options->token))
        return client_fail(error, KALAM_INVALID_TOKEN, "the token does not have the form of a JWT");
    if (options && !client_header_is_valid(options->refresh_token))
        return client_bad_refresh_token(error);
    if (options &&
        (!client_header_is_valid(options->user) || !client_header_is_valid(options->api_key)))
        return client_fail(error, KALAM_INVALID_ARGUMENT,
                           "user and API key hold no control characters");
    client = mem_try_zalloc(sizeof *client);
    if (!client)
        return client_no_memory(error);
    pthread_mutex_init(&client->mutex, NULL);
    pthread_mutex_init(&client->settings_mutex, NULL);
    pthread_mutex_init(&client->live_mutex, NULL);
    client->http = http_new();
    client->url = mem_try_strdup(str_from(url, url[size - 1] == '/' ? size - 1 : size));
    client->timeout_ms =
        options && options->timeout_ms > 0 ? options->timeout_ms : TIMEOUT_MS_DEFAULT;
    client->retries_max = !options || options->retries_max == 0 ? RETRIES_DEFAULT
                          : options->retries_max < 0            ? 0
                                                                : options->retries_max;
    if (!client->http || !client->url || (options && !client_copy_options(client, options))) {
        kalam_client_free(client);
        return client_no_memory(error);
    }
    *out = client;
    return KALAM_OK;
}

void kalam_client_free(kalam_client *client)
{
    if (!client)
        return;
    CHECK(!client->live || client->url);
    live_socket_free(client->live);
    http_free(client->http);
    mem_free(client->url);
    mem_free(client->space);
    mem_free(client->user);
    mem_free(client->ca_file);
    client_forget(client->token);
    client_forget(client->password);
    client_forget(client->api_key);
    client_forget(client->refresh_token);
    pthread_mutex_destroy(&client->mutex);
    pthread_mutex_destroy(&client->settings_mutex);
    pthread_mutex_destroy(&client->live_mutex);
    mem_free(client);
}

kalam_status kalam_set_space(kalam_client *client, const char *space, kalam_error *error)
{
    char *copy;

    client_error_clear(error);
    if (!client || (space && !utf8_is_valid(str_from_c(space))))
        return client_fail(error, KALAM_INVALID_ARGUMENT,
                           "a client and a namespace in UTF-8 are needed");
    CHECK(client->http && client->url);
    if (!client_copy(&copy, space))
        return client_no_memory(error);
    pthread_mutex_lock(&client->settings_mutex);
    mem_free(client->space);
    client->space = copy;
    pthread_mutex_unlock(&client->settings_mutex);
    return KALAM_OK;
}

void kalam_cancel(kalam_client *client)
{
    if (!client)
        return;
    atomic_store(&client->connecting_cancelled, true);
    atomic_store(&client->cancelled, true);
}

/* ---- account
 * ---------------------------------------------------------------------------------------- */

/* POST or GET of an auth route; the decoded body lies in `arena`. client->mutex held. */
static kalam_status client_auth_call(kalam_client *client, const char *method, const char *path,
                                     struct str body, const char *bearer, struct arena *arena,
                                     const struct json **answer, kalam_error *error)
{
    struct buf url, headers, reply;
    struct error parse;
    struct str text;
    kalam_status status;
    int http_status = 0;
    bool sent;

    CHECK(client);
    buf_init_fallible(&url);
    buf_init_secret(&headers);
    buf_init_secret(&reply);
    buf_printf(&url, "%s%s%c", client->url, path, 0);
    buf_printf(&headers, "Content-Type: application/json\n%s%s%s%c",
               bearer ? "Authorization: Bearer " : "", bearer ? bearer : "", bearer ? "\n" : "", 0);
    struct http_request request = {.method = method,
                                   .url = url.data,
                                   .headers = headers.data,
                                   .body = body,
                                   .ca_file = client->ca_file,
                                   .timeout_ms = client->timeout_ms,
                                   .cancelled = &client->cancelled};
    if (url.failed || headers.failed)
        status = client_no_memory(error);
    else
        status = http_perform(client->http, &request, &http_status, &reply, &sent, error);
    if (status == KALAM_OK && json_parse(buf_str(&reply), arena, answer, &parse) != STATUS_OK)
        status = arena->failed
                     ? client_no_memory(error)
                     : client_fail(error, http_status == 200 ? KALAM_SERIALIZATION : KALAM_HTTP,
                                   "the server's answer (HTTP %d) is no JSON", http_status);
    if (status == KALAM_OK && http_status != 200) {
        text = STR_LIT("refused");
        (void)json_string(json_get(*answer, "message"), &text);
        status = client_fail(error, http_status == 401 ? KALAM_AUTHENTICATION : KALAM_HTTP, "%.*s",
                             STR_ARG(text));
        text = STR_EMPTY;
        if (error && json_string(json_get(*answer, "error"), &text))
            snprintf(error->code, sizeof error->code, "%.*s", STR_ARG(text));
        if (error)
            error->http_status = http_status;
    }
    buf_clear(&url);
    buf_clear(&headers);
    buf_clear(&reply);
    return status;
}

/* *slot stays NULL when the member is missing; false when memory is short. */
static bool client_json_copy(const struct json *json, const char *key, char **slot)
{
    struct str text;

    CHECK(key && *key);
    if (!json_string(json_get(json, key), &text))
        return true;
    *slot = mem_try_strdup(text);
    return *slot != NULL;
}

static kalam_status client_take_session(const struct json *answer, kalam_session *out,
                                        kalam_error *error)
{
    const struct json *user = json_get(answer, "user");

    CHECK(answer);
    *out = (kalam_session){0};
    bool copied = client_json_copy(answer, "access_token", &out->access_token) &&
                  client_json_copy(answer, "refresh_token", &out->refresh_token) &&
                  client_json_copy(user, "id", &out->user) &&
                  client_json_copy(user, "role", &out->role);
    if (copied && out->access_token && out->user)
        return KALAM_OK;
    kalam_session_clear(out);
    if (!copied)
        return client_no_memory(error);
    return client_fail(error, KALAM_SERIALIZATION, "the server's log-in answer holds no token");
}

void kalam_session_clear(kalam_session *session)
{
    if (!session)
        return;
    client_forget(session->access_token);
    client_forget(session->refresh_token);
    mem_free(session->user);
    mem_free(session->role);
    *session = (kalam_session){0};
}

/* The session becomes the client's; without memory nothing changes. client->mutex held. */
static kalam_status client_use_session(kalam_client *client, kalam_session *session,
                                       kalam_error *error)
{
    char *token = NULL, *refresh_token = NULL;

    CHECK(session->access_token);
    if (!client_copy(&token, session->access_token) ||
        !client_copy(&refresh_token, session->refresh_token)) {
        client_forget(token);
        kalam_session_clear(session);
        return client_no_memory(error);
    }
    pthread_mutex_lock(&client->settings_mutex);
    client_forget(client->token);
    client->token = token;
    if (refresh_token) {
        client_forget(client->refresh_token);
        client->refresh_token = refresh_token;
    }
    pthread_mutex_unlock(&client->settings_mutex);
    return KALAM_OK;
}

/* Encodes a secret body of texts, `count` pairs of name and value; NULL values are left out. */
static void client_encode(struct buf *out, const char *const *members, size_t count)
{
    CHECK(out != NULL);
    buf_init_secret(out);
    json_object_begin(out);
    for (size_t i = 0; i < count; i++) {
        if (members[2 * i + 1])
            json_member_string(out, str_from_c(members[2 * i]), str_from_c(members[2 * i + 1]));
    }
    json_object_end(out);
}

static kalam_status client_login(kalam_client *client, const char *user, const char *password,
                                 kalam_session *out, kalam_error *error)
{
    const struct json *answer = NULL;
    struct arena arena;
    struct buf body;
    kalam_status status;

    const char *members[] = {"user", user, "password", password};

    CHECK(client);
    arena_init_secret(&arena);
    client_encode(&body, members, 2);
    status = body.failed ? client_no_memory(error)
                         : client_auth_call(client, "POST", "/v1/api/auth/login", buf_str(&body),
                                            NULL, &arena, &answer, error);
    if (status == KALAM_OK)
        status = client_take_session(answer, out, error);
    if (status == KALAM_OK)
        status = client_use_session(client, out, error);
    buf_clear(&body);
    arena_clear(&arena);
    return status;
}

kalam_status kalam_login(kalam_client *client, const char *user, const char *password,
                         kalam_session *out, kalam_error *error)
{
    kalam_status status;

    client_error_clear(error);
    if (!client || !user || !password || !out)
        return client_fail(error, KALAM_INVALID_ARGUMENT, "user and password are needed");
    CHECK(client->http && client->url);
    pthread_mutex_lock(&client->mutex);
    atomic_store(&client->cancelled, false);
    status = client_login(client, user, password, out, error);
    client->password_refused = client->password_refused && status != KALAM_OK;
    pthread_mutex_unlock(&client->mutex);
    return status;
}

/* Logs in with the password of the options, until that is refused. client->mutex held. */
static kalam_status client_login_again(kalam_client *client, kalam_error *error)
{
    static const char refused[] = "unauthorized"; /* a locked name says nothing of the password */
    kalam_session session = {0};
    kalam_error failure = {0};
    kalam_status status;

    CHECK(client->user && client->password);
    if (client->password_refused) {
        status = client_fail(&failure, KALAM_AUTHENTICATION, "the password was refused");
        memcpy(failure.code, refused, sizeof refused);
        failure.http_status = 401;
    } else {
        status = client_login(client, client->user, client->password, &session, &failure);
        client->password_refused =
            status == KALAM_AUTHENTICATION && strcmp(failure.code, refused) == 0;
        kalam_session_clear(&session);
    }
    if (status != KALAM_OK && error)
        *error = failure;
    return status;
}

static kalam_status client_refresh(kalam_client *client, const char *token, kalam_session *out,
                                   kalam_error *error)
{
    const struct json *answer = NULL;
    struct arena arena;
    kalam_status status;

    CHECK(client);
    arena_init_secret(&arena);
    status = client_auth_call(client, "POST", "/v1/api/auth/refresh", STR_EMPTY, token, &arena,
                              &answer, error);
    if (status == KALAM_OK)
        status = client_take_session(answer, out, error);
    if (status == KALAM_OK)
        status = client_use_session(client, out, error);
    arena_clear(&arena);
    return status;
}

kalam_status kalam_refresh(kalam_client *client, const char *refresh_token, kalam_session *out,
                           kalam_error *error)
{
    kalam_status status;

    client_error_clear(error);
    if (!client || !refresh_token || !out)
        return client_fail(error, KALAM_INVALID_ARGUMENT, "a refresh token is needed");
    if (!client_header_is_valid(refresh_token))
        return client_bad_refresh_token(error);
    CHECK(client->http && client->url);
    pthread_mutex_lock(&client->mutex);
    atomic_store(&client->cancelled, false);
    status = client_refresh(client, refresh_token, out, error);
    pthread_mutex_unlock(&client->mutex);
    return status;
}

kalam_status kalam_tokens(kalam_client *client, kalam_session *out, kalam_error *error)
{
    bool copied;

    client_error_clear(error);
    if (!client || !out)
        return client_fail(error, KALAM_INVALID_ARGUMENT, "a client and a session are needed");
    CHECK(client->http && client->url);
    *out = (kalam_session){0};
    pthread_mutex_lock(&client->settings_mutex);
    copied = client_copy(&out->access_token, client->token) &&
             client_copy(&out->refresh_token, client->refresh_token);
    pthread_mutex_unlock(&client->settings_mutex);
    if (copied)
        return KALAM_OK;
    kalam_session_clear(out);
    return client_no_memory(error);
}

kalam_status client_renew(kalam_client *client, kalam_error *error)
{
    kalam_session session = {0};
    kalam_status status = KALAM_AUTHENTICATION;
    char *token;

    CHECK(client);
    if (!client_copy(&token, client->refresh_token))
        return client_no_memory(error);
    if (token)
        status = client_refresh(client, token, &session, error);
    kalam_session_clear(&session);
    client_forget(token);
    if (status != KALAM_OK && client->user && client->password)
        status = client_login_again(client, error);
    return status;
}

kalam_status client_token(kalam_client *client, const char **token, kalam_error *error)
{
    kalam_status status = KALAM_OK;

    CHECK(client);
    if (!client->token && !client->api_key && client->user && client->password)
        status = client_login_again(client, error);
    *token = client->token;
    return status;
}

kalam_status client_auth_headers(kalam_client *client, struct buf *out, kalam_error *error)
{
    const char *token = NULL;
    kalam_status status = client_token(client, &token, error);

    CHECK(client);
    if (token)
        buf_printf(out, "Authorization: Bearer %s\n", token);
    else if (client->api_key)
        buf_printf(out, "X-API-Key: %s\n", client->api_key);
    else if (client->user)
        buf_printf(out, "X-User-Id: %s\n", client->user);
    return status;
}

kalam_status kalam_setup(kalam_client *client, const char *root_password, const char *user,
                         const char *password, const char *email, kalam_error *error)
{
    const struct json *answer = NULL;
    struct arena arena;
    struct buf body;
    kalam_status status;

    client_error_clear(error);
    if (!client || !root_password || !user || !password)
        return client_fail(error, KALAM_INVALID_ARGUMENT,
                           "root_password, user and password are needed");
    const char *members[] = {"user",          user,          "password", password,
                             "root_password", root_password, "email",    email};

    CHECK(client->http && client->url);
    arena_init_fallible(&arena);
    client_encode(&body, members, 4);
    pthread_mutex_lock(&client->mutex);
    atomic_store(&client->cancelled, false);
    status = body.failed ? client_no_memory(error)
                         : client_auth_call(client, "POST", "/v1/api/auth/setup", buf_str(&body),
                                            NULL, &arena, &answer, error);
    pthread_mutex_unlock(&client->mutex);
    buf_clear(&body);
    arena_clear(&arena);
    return status;
}

kalam_status kalam_health(kalam_client *client, char *version, size_t size, kalam_error *error)
{
    const struct json *answer = NULL;
    struct arena arena;
    struct str text = STR_EMPTY;
    kalam_status status;

    client_error_clear(error);
    if (!client)
        return client_fail(error, KALAM_INVALID_ARGUMENT, "a client is needed");
    CHECK(client->http && client->url);
    arena_init_fallible(&arena);
    pthread_mutex_lock(&client->mutex);
    atomic_store(&client->cancelled, false);
    status = client_auth_call(client, "GET", "/v1/health", STR_EMPTY, NULL, &arena, &answer, error);
    pthread_mutex_unlock(&client->mutex);
    if (status == KALAM_OK &&
        (!json_string(json_get(answer, "status"), &text) || !str_equal(text, STR_LIT("healthy"))))
        status = client_fail(error, KALAM_HTTP, "the server is not healthy: %.*s", STR_ARG(text));
    if (version && size > 0) {
        text = STR_EMPTY;
        (void)json_string(json_get(answer, "version"), &text);
        snprintf(version, size, "%.*s", STR_ARG(text));
    }
    arena_clear(&arena);
    return status;
}
