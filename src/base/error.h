/* error.h — how a function says that the world did not play along.
 *
 * A function that can fail returns `enum status` (STATUS_OK is 0), is marked MUST_CHECK and fills
 * the `struct error` it was handed as its last argument. Errors are plain values without owner:
 * they lie in the task or statement they belong to and travel with it between threads. The codes up
 * to STATUS_INTERNAL_ERROR are those of the public error catalogue; their names are the wire codes.
 * The codes behind it steer flow between modules and never reach a client.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "base/macros.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdint.h>

/* X(NAME, one-line meaning for docs/protocol.md) */
#define STATUS_LIST(X) \
    X(OK, "success") \
    X(EMPTY_SQL, "nothing to execute") \
    X(INVALID_INPUT, "malformed body or missing field") \
    X(INVALID_PARAMETER, "a parameter is missing, too many, too large or of a wrong type") \
    X(PARAMS_WITH_BATCH, "parameters together with more than one statement") \
    X(BATCH_PARSE_ERROR, "the text cannot be split into statements") \
    X(INVALID_SQL, "syntax error, refused form or text too long") \
    X(NOT_SUPPORTED, "reserved or refused feature") \
    X(TABLE_NOT_FOUND, "no such table") \
    X(COLUMN_NOT_FOUND, "no such column") \
    X(NAMESPACE_NOT_FOUND, "no such namespace") \
    X(STORAGE_NOT_FOUND, "no such storage") \
    X(USER_NOT_FOUND, "no such user") \
    X(JOB_NOT_FOUND, "no such job") \
    X(LIVE_QUERY_NOT_FOUND, "no such live query") \
    X(ALREADY_EXISTS, "the name is taken") \
    X(CONFLICT, "still in use") \
    X(CONSTRAINT_VIOLATION, "NOT NULL, key, length, range or JSON rule violated") \
    X(INVALID_OPERATION, "not possible on this object") \
    X(INVALID_SCHEMA_EVOLUTION, "this ALTER is not possible") \
    X(TYPE_MISMATCH, "value or expression of a wrong type") \
    X(RESULT_TOO_LARGE, "limits.max_result_rows or a memory limit passed") \
    X(QUERY_TIMEOUT, "query.timeout_seconds passed") \
    X(TRANSACTION_CONFLICT, "somebody else changed a row meanwhile; safe to retry") \
    X(SQL_EXECUTION_ERROR, "other failure while running, such as division by zero") \
    X(MISSING_AUTHORIZATION, "no credentials") \
    X(INVALID_CREDENTIALS, "credentials are wrong") \
    X(TOKEN_EXPIRED, "the access token has expired; refresh it") \
    X(ACCOUNT_LOCKED, "too many failed log-ins") \
    X(SETUP_REQUIRED, "root has no password yet") \
    X(PERMISSION_DENIED, "the role does not allow it") \
    X(REMOTE_ACCESS_DENIED, "only from loopback") \
    X(INSUFFICIENT_PERMISSIONS, "the role does not allow it") \
    X(NOT_FOUND, "no such route") \
    X(METHOD_NOT_ALLOWED, "the route has no such method") \
    X(PAYLOAD_TOO_LARGE, "limits.max_body_size passed, or too many values for its size") \
    X(UNSUPPORTED_MEDIA_TYPE, "content type not understood") \
    X(RATE_LIMIT_EXCEEDED, "too many requests; see Retry-After") \
    X(STORAGE_UNAVAILABLE, "cold files cannot be reached") \
    X(SHUTTING_DOWN, "the server is stopping") \
    X(INTERNAL_ERROR, "a fault in the server") \
    X(END, "flow: an iterator has no further row") \
    X(ABSENT, "flow: no value under this key") \
    X(WOULD_BLOCK, "flow: needs the disk or another thread") \
    X(STALE, "flow: prepared against an older state; prepare again") \
    X(CANCELLED, "flow: somebody asked to stop") \
    X(IO_FAILED, "storage layer: a read or write failed") \
    X(CORRUPT, "storage layer: bytes that make no sense")

enum status {
#define STATUS_ENUM(name, meaning) STATUS_##name,
    STATUS_LIST(STATUS_ENUM)
#undef STATUS_ENUM
        STATUS_COUNT
};

enum { ERROR_MESSAGE_MAX = 1024, ERROR_HINT_MAX = 256 };

struct error {
    enum status code;                /* STATUS_OK while nothing went wrong */
    int64_t position;                /* byte offset in the statement's text, -1 if none */
    char message[ERROR_MESSAGE_MAX]; /* one line, lower case, no full stop, UTF-8 */
    char hint[ERROR_HINT_MAX];       /* advice; empty if none */
};

/* Wire name ("TABLE_NOT_FOUND") and one-line meaning; valid for every status below STATUS_COUNT. */
const char *status_name(enum status status);
const char *status_meaning(enum status status);

/* Sets code OK and empties the texts. Only the first bytes are touched. */
void error_clear(struct error *err);
/* Fill `err` (may be NULL) and return `code`, so that `return error_set(err, …)` reads well. Text
 * too long is cut at a character. The position and hint are reset. */
enum status error_set(struct error *err, enum status code, const char *format, ...)
    PRINTF_LIKE(3, 4);
enum status error_set_v(struct error *err, enum status code, const char *format, va_list args)
    PRINTF_LIKE(3, 0);
/* As error_set, with the byte offset in the SQL text. */
enum status error_set_at(struct error *err, enum status code, int64_t position, const char *format,
                         ...) PRINTF_LIKE(4, 5);
void error_hint(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);
/* Puts `format…` and ": " before the message; keeps the code. */
void error_prefix(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
