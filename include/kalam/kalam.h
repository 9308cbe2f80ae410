/* kalam.h — libkalam, the C client of KalamDB.
 *
 * A `kalam_client` may be used from any thread; calls on one client run one after the other over a
 * kept-alive connection. Subscriptions share one WebSocket that reconnects by itself. Every failure
 * is a code plus kalam_error, lack of memory included: the library never stops its process. Strings
 * handed in are copied; strings handed out live as long as the object they came from. All text is
 * UTF-8. Where a kalam_error * is taken, NULL is fine.
 *
 *     struct kalam_options options = {.url = "http://localhost:8080"};
 *     kalam_client *client = NULL;
 *     kalam_error error;
 *     if (kalam_client_new(&options, &client, &error) != KALAM_OK) …
 *     kalam_results *results = NULL;
 *     if (kalam_query(client, "SELECT 1", &results, &error) == KALAM_OK) …
 *     kalam_results_free(results);
 *     kalam_client_free(client);
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef KALAM_KALAM_H
#define KALAM_KALAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KALAM_API __attribute__((visibility("default")))

typedef enum kalam_status {
    KALAM_OK,
    KALAM_CONNECTION,     /* cannot reach the server, or it went away */
    KALAM_AUTHENTICATION, /* credentials refused */
    KALAM_SQL,            /* the server refused or failed a statement: see code, statement */
    KALAM_INVALID_TOKEN,
    KALAM_INVALID_URL,
    KALAM_INVALID_ARGUMENT,
    KALAM_SUBSCRIPTION,
    KALAM_TIMEOUT,
    KALAM_HTTP, /* an answer that is no KalamDB answer */
    KALAM_WEBSOCKET,
    KALAM_SERIALIZATION, /* malformed JSON from the server */
    KALAM_NO_MEMORY,
    KALAM_CLOSED /* the subscription has ended, or a callback wanted no more */
} kalam_status;

typedef struct kalam_error {
    kalam_status status;
    int http_status; /* 0 if there was no answer */
    int statement;   /* 1-based statement of a batch, 0 if unknown */
    char code[48];   /* the server's, such as "TABLE_NOT_FOUND"; may be empty */
    char message[1024];
} kalam_error;

typedef struct kalam_client kalam_client;
typedef struct kalam_results kalam_results;
typedef struct kalam_subscription kalam_subscription;

struct kalam_options {
    const char *url;             /* http(s)://host:port; default http://localhost:8080 */
    const char *token;           /* access token, or */
    const char *user, *password; /* log-in on first use; user alone: X-User-Id (development mode) */
    const char *api_key;
    const char *space; /* default namespace; NULL = default */
    int timeout_ms;    /* per request (kalam_query_each: silence, in whole seconds); 0 = 30000. The
                          connection of live queries: 10000 at most */
    int retries_max;   /* of idempotent statements after connection failures; 0 = 3, -1 = none */
    const char *refresh_token; /* used when `token` has expired */
    const char *ca_file; /* https: PEM file of the authorities to trust; NULL = the system's */
};

/* Checks URL and token shape; does not connect. */
KALAM_API kalam_status kalam_client_new(const struct kalam_options *options, kalam_client **out,
                                        kalam_error *error);
KALAM_API void kalam_client_free(kalam_client *client); /* closes its subscriptions; NULL is fine */
/* The default namespace of what comes next; NULL = the server's. (USE ends with its request.) */
KALAM_API kalam_status kalam_set_space(kalam_client *client, const char *space, kalam_error *error);
KALAM_API const char *kalam_version(void);
/* "connection", "authentication", "sql" …: a word for logs. */
KALAM_API const char *kalam_status_name(kalam_status status);

/* ---- statements ---- */

typedef enum kalam_param_type {
    KALAM_NULL,
    KALAM_BOOLEAN,
    KALAM_INTEGER,
    KALAM_REAL,
    KALAM_TEXT
} kalam_param_type;
typedef struct kalam_param {
    kalam_param_type type;
    bool boolean;
    int64_t integer;
    double real;
    const char *text; /* NUL-terminated */
} kalam_param;

/* One or several statements separated by `;`. On failure `*out` holds the results before it (or
 * NULL). A connection failure is retried, `retries_max` times, if the request was never sent or is
 * one statement that only reads. TOKEN_EXPIRED renews the token and repeats once. A password that
 * was refused is not tried again before the next kalam_login that succeeds. */
KALAM_API kalam_status kalam_query(kalam_client *client, const char *sql, kalam_results **out,
                                   kalam_error *error);
/* Several statements, one request: the same as kalam_query, and error->statement (counted from 1)
 * names the one that failed. Statements before it stay done, unless BEGIN … COMMIT holds them. */
KALAM_API kalam_status kalam_batch(kalam_client *client, const char *sql, kalam_results **out,
                                   kalam_error *error);
/* One statement with $1 … */
KALAM_API kalam_status kalam_query_params(kalam_client *client, const char *sql,
                                          const kalam_param *params, size_t count,
                                          kalam_results **out, kalam_error *error);
/* A large result piece by piece: `take` gets at most `rows` rows (0 = 1000) as statement 0 of
 * `batch`, which lives until it returns; `statement` counts from 1. Every statement with columns
 * ends with a call whose `last` is set, even without rows. Returning false ends the transfer with
 * KALAM_CLOSED. Memory: one batch. Runs on the caller's thread; `take` must not use `client`. */
typedef bool (*kalam_take_fn)(void *context, const kalam_results *batch, size_t statement,
                              bool last);
KALAM_API kalam_status kalam_query_each(kalam_client *client, const char *sql,
                                        const kalam_param *params, size_t count, size_t rows,
                                        kalam_take_fn take, void *context, kalam_error *error);
KALAM_API void kalam_results_free(kalam_results *results); /* NULL is fine */
/* Asks a running kalam_query of another thread, or kalam_subscribe while it connects, to stop
 * waiting: it returns KALAM_TIMEOUT. Signal-safe. */
KALAM_API void kalam_cancel(kalam_client *client);

KALAM_API size_t kalam_results_count(const kalam_results *results); /* statements that finished */
KALAM_API double kalam_results_took_ms(const kalam_results *results);
/* Per statement `s`. */
KALAM_API size_t kalam_column_count(const kalam_results *results,
                                    size_t s); /* 0 = returns no rows */
KALAM_API const char *kalam_column_name(const kalam_results *results, size_t s, size_t column);
KALAM_API const char *kalam_column_type(const kalam_results *results, size_t s,
                                        size_t column); /* "BigInt" */
/* Digits of a DECIMAL column, all and behind the point; false for another type. */
KALAM_API bool kalam_column_decimal(const kalam_results *results, size_t s, size_t column,
                                    int *precision, int *scale);
KALAM_API bool kalam_column_is_key(const kalam_results *results, size_t s, size_t column);
KALAM_API bool kalam_column_not_null(const kalam_results *results, size_t s, size_t column);
KALAM_API size_t kalam_row_count(const kalam_results *results, size_t s); /* rows at hand */
KALAM_API uint64_t kalam_affected(const kalam_results *results,
                                  size_t s); /* row_count of the answer */
KALAM_API const char *kalam_message(const kalam_results *results, size_t s); /* "" for SELECT */
KALAM_API const char *kalam_as_user(const kalam_results *results, size_t s);
/* One value: NULL pointer for SQL NULL (or no memory: kalam_is_null tells them apart); else its
 * text for people: numbers as they are, TIMESTAMP, DATE, TIME as ISO 8601, BYTES as \x hex, JSON as
 * text.
 */
KALAM_API const char *kalam_text(const kalam_results *results, size_t s, size_t row, size_t column);
KALAM_API bool kalam_is_null(const kalam_results *results, size_t s, size_t row, size_t column);
/* Typed values; false when the value is NULL or of another type. int64 takes every integer,
 * TIMESTAMP (µs since 1970 UTC), DATE (days) and TIME (µs); double takes every number. */
KALAM_API bool kalam_bool(const kalam_results *results, size_t s, size_t row, size_t column,
                          bool *out);
KALAM_API bool kalam_int64(const kalam_results *results, size_t s, size_t row, size_t column,
                           int64_t *out);
KALAM_API bool kalam_double(const kalam_results *results, size_t s, size_t row, size_t column,
                            double *out);
/* BYTES: copies at most `size` bytes to `out` (may be NULL with size 0); `*length` is the whole. */
KALAM_API bool kalam_bytes(const kalam_results *results, size_t s, size_t row, size_t column,
                           uint8_t *out, size_t size, size_t *length);
/* The value's JSON as the server sent it, and the whole result as JSON array of objects or RFC 4180
 * CSV; free with kalam_text_free. NULL when memory is short. */
KALAM_API char *kalam_value_json(const kalam_results *results, size_t s, size_t row, size_t column);
KALAM_API char *kalam_to_json(const kalam_results *results, size_t s);
KALAM_API char *kalam_to_csv(const kalam_results *results, size_t s);
KALAM_API void kalam_text_free(char *text);

/* ---- account and server ---- */

typedef struct kalam_session {
    char *access_token, *refresh_token, *user, *role; /* free with kalam_session_clear */
} kalam_session;
KALAM_API kalam_status kalam_login(kalam_client *client, const char *user, const char *password,
                                   kalam_session *out, kalam_error *error);
KALAM_API kalam_status kalam_refresh(kalam_client *client, const char *refresh_token,
                                     kalam_session *out, kalam_error *error);
KALAM_API kalam_status kalam_setup(kalam_client *client, const char *root_password,
                                   const char *user, const char *password, const char *email,
                                   kalam_error *error);
/* The tokens in use now, which renewals have changed; user and role stay NULL, and what there is
 * not. Waits for no request. */
KALAM_API kalam_status kalam_tokens(kalam_client *client, kalam_session *out, kalam_error *error);
KALAM_API void kalam_session_clear(kalam_session *session);
/* KALAM_OK when healthy; `version` (may be NULL) takes at most `size` bytes. */
KALAM_API kalam_status kalam_health(kalam_client *client, char *version, size_t size,
                                    kalam_error *error);

#ifdef __cplusplus
}
#endif

#include "kalam/live.h" /* live queries */

#endif
