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

/* An event with everything it points at. */
struct event_item {
    struct event_item *next;
    struct arena arena;
    kalam_event event;
    const struct json *rows, *old_rows; /* arrays of objects */
    struct kalam_subscription *subscription;
};

struct kalam_subscription {
    struct kalam_subscription *next;
    struct live_socket *socket;
    struct arena arena;
    struct wire_subscription request;
    char *id;
    pthread_mutex_t mutex;
    pthread_cond_t arrived, taken;
    struct event_item *queue, **queue_tail, *current;
    size_t queued;
    bool active;          /* no final event yet */
    bool unsubscribed;    /* the server has acknowledged, or the connection is gone */
    bool subscribed_once; /* reader thread only */
    unsigned busy;        /* the reader works on it without socket->mutex; socket->mutex */
    /* schema of the last acknowledgement; mutex */
    struct arena schema_arena;
    struct wire_column *columns;
    size_t column_count;
};

/* With client->live_mutex held: the open socket, connecting if there is none. */
kalam_status live_socket_get(kalam_client *client, struct live_socket **out, kalam_error *error);
void live_socket_add(struct live_socket *socket, struct kalam_subscription *subscription);
/* Returns when the reader has let go of it. */
void live_socket_remove(struct live_socket *socket, struct kalam_subscription *subscription);
/* Sends unsubscribe, if it is still active, and waits at most `timeout_ms` for the acknowledgement.
 */
void live_socket_unsubscribe(struct live_socket *socket, struct kalam_subscription *subscription,
                             int timeout_ms);

/* ---- subscription.c
 * -------------------------------------------------------------------------------- */

/* Reader thread: turns a server message into events. True when a next batch is to be asked for. */
bool subscription_take(struct kalam_subscription *subscription, struct event_item *item,
                       const struct wire_server_message *message);
void subscription_push(struct kalam_subscription *subscription, struct event_item *item);
/* A last ERROR event, whatever the queue holds. */
void subscription_end(struct kalam_subscription *subscription, struct event_item *item);
struct event_item *event_item_new(struct kalam_subscription *subscription, kalam_event_type type);
void event_item_free(struct event_item *item);

#endif
