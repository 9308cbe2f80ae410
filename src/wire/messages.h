/* messages.h — the WebSocket messages of docs/protocol.md, both directions, from one list.
 *
 * Server: wire_client_message_decode and wire_server_message_encode; clients: the other two. One
 * flat struct per direction; which members count is said beside them. Everything decoded lies in
 * the arena or borrows from the tree there, never from the text. Any thread.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WIRE_MESSAGES_H
#define WIRE_MESSAGES_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "value/value.h"
#include "wire/column.h"
#include "wire/json_parse.h"
#include "wire/ws_frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(NAME, name on the wire): client → server, then server → client. */
#define WIRE_CLIENT_LIST(X) \
    X(AUTHENTICATE, authenticate) \
    X(SUBSCRIBE, subscribe) \
    X(NEXT_BATCH, next_batch) \
    X(UNSUBSCRIBE, unsubscribe) \
    X(PING, ping)
#define WIRE_SERVER_LIST(X) \
    X(AUTH_SUCCESS, auth_success) \
    X(AUTH_ERROR, auth_error) \
    X(SUBSCRIPTION_ACK, subscription_ack) \
    X(INITIAL_DATA_BATCH, initial_data_batch) \
    X(CHANGE, change) \
    X(UNSUBSCRIBED, unsubscribed) \
    X(ERROR, error)
#define WIRE_MESSAGE_LIST(X) WIRE_CLIENT_LIST(X) WIRE_SERVER_LIST(X)

enum wire_type {
#define WIRE_TYPE_ENUM(name, text) WIRE_##name,
    WIRE_MESSAGE_LIST(WIRE_TYPE_ENUM)
#undef WIRE_TYPE_ENUM
        WIRE_TYPE_COUNT
};

/* --- client → server ------------------------------------------------------------------------- */

struct wire_subscription {
    struct str id;      /* as sent, of any length; empty is possible */
    bool uses_query_id; /* the client calls it query_id: answers repeat it under that name */
    struct str sql;
    const struct value *params; /* as wire_params_read makes them */
    size_t param_count;
    bool has_options; /* absent or null → no snapshot */
    bool has_batch_size, has_last_rows, has_from;
    int64_t batch_size; /* ≥ 1 */
    int64_t last_rows;  /* ≥ 0 */
    int64_t from;       /* also spelled from_seq_id */
    /* Why this entry alone cannot be used (the others register); STATUS_OK = usable. */
    enum status problem;
    struct str problem_message;
};

struct wire_client_message {
    enum wire_type type;
    struct str method, token;                      /* AUTHENTICATE */
    bool has_protocol;                             /* AUTHENTICATE */
    struct wire_protocol protocol;                 /* AUTHENTICATE */
    const struct wire_subscription *subscriptions; /* SUBSCRIBE, ≥ 1 */
    size_t subscription_count;
    const struct str *ids; /* UNSUBSCRIBE, ≥ 1; NEXT_BATCH: exactly 1 */
    size_t id_count;
    bool uses_query_id; /* UNSUBSCRIBE, NEXT_BATCH: ids were called query_id(s) */
    bool has_last_seq;  /* NEXT_BATCH */
    int64_t last_seq;
};

/* CORRUPT if the text is no JSON (the connection closes with 1011); INVALID_INPUT naming the
 * unknown type or the missing or wrong field. Never fails because of one entry of `subscriptions`.
 */
enum status wire_client_message_decode(struct str text, struct arena *arena,
                                       struct wire_client_message *out,
                                       struct error *err) MUST_CHECK;
/* Same from a tree, for MessagePack. */
enum status wire_client_message_read(const struct json *json, struct arena *arena,
                                     struct wire_client_message *out, struct error *err) MUST_CHECK;
void wire_client_message_encode(const struct wire_client_message *message, struct buf *out);

/* --- server → client ------------------------------------------------------------------------- */

enum wire_batch_status { WIRE_BATCH_LOADING, WIRE_BATCH_LOADING_BATCH, WIRE_BATCH_READY };
enum wire_change_type { WIRE_CHANGE_INSERT, WIRE_CHANGE_UPDATE, WIRE_CHANGE_DELETE };

struct wire_batch_control {
    uint32_t batch_num;
    bool has_more;
    enum wire_batch_status status;
    bool has_last_seq; /* else null */
    int64_t last_seq;
};

struct wire_server_message {
    enum wire_type type;
    struct str subscription_id;    /* all but AUTH_… */
    bool with_query_id;            /* encoder: repeat the id as query_id */
    struct str user, role;         /* AUTH_SUCCESS */
    struct wire_protocol protocol; /* AUTH_SUCCESS */
    struct str code;               /* ERROR: a name of docs/protocol.md, such as "SLOW_CONSUMER" */
    struct str message;            /* ERROR, AUTH_ERROR */
    bool has_last_seq;             /* ERROR */
    int64_t last_seq;              /* ERROR */
    uint64_t total_rows;           /* SUBSCRIPTION_ACK */
    struct wire_batch_control batch;   /* SUBSCRIPTION_ACK, INITIAL_DATA_BATCH */
    const struct wire_column *columns; /* SUBSCRIPTION_ACK */
    size_t column_count;
    enum wire_change_type change_type; /* CHANGE */
    /* Encoder: rows as JSON objects (wire_row_object_write) with a comma between them, without
     * brackets, so that a row is encoded once for many messages. INITIAL_DATA_BATCH and CHANGE; in
     * a CHANGE an empty one is left out. */
    struct str rows, old_values;
    /* Decoder: the same as arrays of objects; NULL if absent. */
    const struct json *row_list, *old_value_list;
};

void wire_server_message_encode(const struct wire_server_message *message, struct buf *out);
/* The same as a text frame; the caller holds the one reference. */
struct wire_message *wire_server_message_new(const struct wire_server_message *message);
enum status wire_server_message_decode(struct str text, struct arena *arena,
                                       struct wire_server_message *out,
                                       struct error *err) MUST_CHECK;
enum status wire_server_message_read(const struct json *json, struct arena *arena,
                                     struct wire_server_message *out, struct error *err) MUST_CHECK;

#endif
