/* client_internal.h — what the files of libkalam share. Private to client/.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLIENT_CLIENT_INTERNAL_H
#define CLIENT_CLIENT_INTERNAL_H

#include "base/arena.h"
#include "base/buf.h"
#include "client/transport.h"
#include "kalam/kalam.h"
#include "wire/messages.h"
#include "wire/response.h"

#include <pthread.h>
#include <stdatomic.h>

struct live_socket; /* live_socket.c */

struct kalam_client {
    char *url;   /* without a slash at the end */
    char *space; /* NULL = the server's default */
    char *token, *user, *password, *api_key;
    char *refresh_token;
    bool password_refused; /* `password`: asking again would only lock the name; under `mutex` */
    char *ca_file;         /* NULL = the system's */
    int timeout_ms, retries_max;
    pthread_mutex_t mutex; /* one request at a time; credentials */
    /* `token` and `refresh_token` change under both, so that reading them waits for no request;
     * `space` under this one. */
    pthread_mutex_t settings_mutex;
    struct http *http;
    /* The request that runs; kalam_subscribe while it connects (set before the other one). */
    atomic_bool cancelled, connecting_cancelled;
    pthread_mutex_t live_mutex;
    struct live_socket *live; /* opened with the first subscription */
    atomic_uint next_subscription;
};

struct kalam_results {
    struct arena arena; /* all below; fallible, as every arena and buffer of the library */
    struct wire_reply reply;
    const char ***texts; /* per statement: row-major text forms, made when asked */
};

kalam_status client_fail(kalam_error *error, kalam_status status, const char *format, ...)
    PRINTF_LIKE(3, 4);
void client_error_clear(kalam_error *error);
/* Fills the error and returns KALAM_NO_MEMORY. */
kalam_status client_no_memory(kalam_error *error);
/* Puts a copy of `text` (may be NULL) into *slot; false when memory is short. */
bool client_copy(char **slot, const char *text);
/* Access token, logging in with user and password first when needed. May be NULL (no credentials).
 * client->mutex held. */
kalam_status client_token(kalam_client *client, const char **token, kalam_error *error);
/* Header lines that carry the credentials. client->mutex held. */
kalam_status client_auth_headers(kalam_client *client, struct buf *out, kalam_error *error);
/* A new access token by the refresh token or the password; client->mutex held. */
kalam_status client_renew(kalam_client *client, kalam_error *error);

/* ---- query.c ---- */

/* A statement as it is sent: the exchange with renewal of the token. With `sink` the body of an
 * answer goes there, piece by piece, and `answer` stays empty. */
struct query_call {
    const char *sql;
    const kalam_param *params;
    size_t count;
    bool (*sink)(void *context, struct str bytes); /* false ends it with KALAM_CLOSED */
    void *context;
    int http_status;
    struct buf answer; /* the caller clears it */
};
kalam_status query_send(kalam_client *client, struct query_call *call, kalam_error *error);
/* Decodes into new results; they are handed over even when the reply is an error that has earlier
 * results. */
kalam_status query_decode(struct str answer, int http_status, kalam_results **out,
                          kalam_error *error);

/* Text of a JSON value of a column for people; NULL for null or without memory. Lies in the arena.
 */
const char *client_text(const struct json *json, enum value_type type, struct arena *arena);
/* Appends the JSON of a tree. */
void client_json_write(const struct json *json, struct buf *out);

/* KALAM_INVALID_ARGUMENT when a text is not UTF-8 or a number is not finite. */
kalam_status client_check_text(const char *sql, const kalam_param *params, size_t count,
                               kalam_error *error);
/* Parameters as values; texts borrowed. NULL without memory. */
struct value *client_params(const kalam_param *params, size_t count, struct arena *arena);

/* ---- live_socket.c
 * -------------------------------------------------------------------------------- */

/* Closes the subscriptions that are still open. NULL is fine. */
void live_socket_free(struct live_socket *socket);

#endif
