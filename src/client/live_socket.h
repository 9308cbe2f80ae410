/* live_socket.h — the shared WebSocket of a client and its subscriptions. Private to client/.
 *
 * One thread owns the connection: it connects (the first time inside kalam_subscribe, so that its
 * failure is told at once), reconnects after 1, 2, 4 … 30 s with jitter, subscribes anew, and puts
 * events into the subscriptions' queues.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLIENT_LIVE_SOCKET_H
#define CLIENT_LIVE_SOCKET_H

#include "client/client_internal.h"

/* What an acknowledgement tells of the columns. */
struct event_schema {
    struct arena arena;
    struct wire_column *columns;
    size_t count;
};

/* An event with everything it points at. */
struct event_item {
    struct event_item *next;
    struct arena arena;
    kalam_event event;
    const struct json *rows, *old_rows; /* arrays of objects */
    struct kalam_subscription *subscription;
    int64_t position;           /* resume point behind it; 0 = none */
    struct event_schema schema; /* of an ACK; the subscription's when it is handed out */
};

struct kalam_subscription {
    struct kalam_subscription *next;
    struct live_socket *socket;
    struct arena arena;
    struct wire_subscription request; /* without its id */
    size_t request_bytes;             /* of its message */
    char *id;
    /* Each attempt has an id of its own on the wire, so that late messages of the one before are
     * not taken for its own; socket->mutex. */
    unsigned attempts;
    char wire_id[64];
    pthread_mutex_t mutex;
    pthread_cond_t arrived, taken;
    struct event_item *queue, **queue_tail, *current;
    size_t queued;
    bool active;             /* no final event yet */
    int64_t position;        /* behind the events that were handed out; mutex */
    bool unsubscribed;       /* the server has acknowledged, or the connection is gone */
    unsigned busy;           /* the reader works on it without socket->mutex; socket->mutex */
    kalam_event_fn on_event; /* NULL: the events wait in the queue */
    void *context;
    bool abandoned;           /* closed by its own callback: the reader frees it; socket->mutex */
    bool claimed;             /* the end of the client closes it; socket->mutex */
    struct event_item *final; /* for the last event: ending needs no memory; NULL once used */
    /* Where to go on after a loss; what arrives moves it only behind `ready`. Reader thread only,
     * but for the first subscribe message. */
    bool subscribed_once, acknowledged, ready, can_resume, resuming;
    bool columns_asked; /* subscribed again to learn new columns */
    int64_t resume_seq, resumed_from, seen_seq;
    int64_t again_at_ms;        /* subscribes again then (monotonic); 0 = not needed */
    struct event_schema told;   /* by the last acknowledgement; reader only */
    struct event_schema schema; /* of the last ACK event that was handed out; mutex */
};

/* With client->live_mutex held: the open socket, connecting if there is none. */
kalam_status live_socket_get(kalam_client *client, struct live_socket **out, kalam_error *error);
/* KALAM_NO_MEMORY: it was not added. */
kalam_status live_socket_add(struct live_socket *socket, struct kalam_subscription *subscription);
/* The caller is the reader, within a callback. */
bool live_socket_is_reader(const struct live_socket *socket);
/* Closed within its own callback: unsubscribes, and the reader frees it. */
void live_socket_abandon(struct live_socket *socket, struct kalam_subscription *subscription);
/* Returns when the reader has let go of it. */
void live_socket_remove(struct live_socket *socket, struct kalam_subscription *subscription);
/* Sends unsubscribe, if it is still active, and waits at most `timeout_ms` for the acknowledgement.
 */
void live_socket_unsubscribe(struct live_socket *socket, struct kalam_subscription *subscription,
                             int timeout_ms);

/* ---- subscription.c
 * -------------------------------------------------------------------------------- */

enum subscription_need {
    SUBSCRIPTION_NOTHING,
    SUBSCRIPTION_NEXT_BATCH,
    SUBSCRIPTION_SUBSCRIBE,
    SUBSCRIPTION_REPLACE /* the same, but the server has not ended the attempt before */
};

/* Reader thread: turns a server message into events; what is to be sent then. */
enum subscription_need subscription_take(struct kalam_subscription *subscription,
                                         struct event_item *item,
                                         const struct wire_server_message *message);
/* The subscribe message of a new attempt: with `from` if it can go on where it was. It borrows
 * from the subscription. socket->mutex held. */
struct wire_subscription subscription_request(struct kalam_subscription *subscription);
/* A last ERROR event, whatever the queue holds. Not under socket->mutex. */
void subscription_end(struct kalam_subscription *subscription, const kalam_error *error);
/* Type of a column of the last ACK event; TEXT for another name. */
enum value_type subscription_type(struct kalam_subscription *subscription, struct str name);
/* Text of a row's column by the type of the last ACK event; as client_text. */
const char *subscription_text(struct kalam_subscription *subscription, const struct json *object,
                              size_t column, struct arena *arena);
void subscription_free(struct kalam_subscription *subscription);

/* ---- event.c
 * -------------------------------------------------------------------------------- */

void event_schema_init(struct event_schema *schema);
void event_schema_clear(struct event_schema *schema);
/* Takes those of an acknowledgement, with a NUL behind their names. False when memory is short. */
bool event_schema_set(struct event_schema *schema, const struct wire_server_message *ack);

/* NULL when memory is short. */
struct event_item *event_item_new(struct kalam_subscription *subscription, kalam_event_type type);
void event_item_free(struct event_item *item);

#endif
