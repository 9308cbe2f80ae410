/* subscription.c — the events of one live query, pulled by the caller.
 *
 * The reader thread waits when QUEUE_MAX events are not taken, so that memory stays bounded; the
 * server then sees a slow consumer.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "client/live_socket.h"
#include "client/subscribe_text.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

enum { QUEUE_MAX = 10000, UNSUBSCRIBE_WAIT_MS = 2000 };

struct event_item *event_item_new(struct kalam_subscription *subscription, kalam_event_type type)
{
    struct event_item *item = mem_zalloc(sizeof *item);

    CHECK(type <= KALAM_EVENT_ERROR);
    arena_init(&item->arena, 0);
    item->subscription = subscription;
    item->event.type = type;
    item->event.internal = item;
    return item;
}

void event_item_free(struct event_item *item)
{
    if (!item)
        return;
    arena_clear(&item->arena);
    mem_free(item);
}

void subscription_push(struct kalam_subscription *subscription, struct event_item *item)
{
    CHECK(item->subscription == subscription);
    pthread_mutex_lock(&subscription->mutex);
    while (subscription->queued >= QUEUE_MAX && subscription->active)
        pthread_cond_wait(&subscription->taken, &subscription->mutex);
    if (subscription->active) {
        *subscription->queue_tail = item;
        subscription->queue_tail = &item->next;
        subscription->queued++;
        item = NULL;
    }
    pthread_cond_broadcast(&subscription->arrived);
    pthread_mutex_unlock(&subscription->mutex);
    event_item_free(item);
}

void subscription_end(struct kalam_subscription *subscription, struct event_item *item)
{
    CHECK(item->subscription == subscription && item->event.type == KALAM_EVENT_ERROR);
    pthread_mutex_lock(&subscription->mutex);
    if (subscription->active) {
        *subscription->queue_tail = item;
        subscription->queue_tail = &item->next;
        subscription->queued++;
        item = NULL;
    }
    subscription->active = false;
    subscription->unsubscribed = true;
    pthread_cond_broadcast(&subscription->arrived);
    pthread_cond_broadcast(&subscription->taken);
    pthread_mutex_unlock(&subscription->mutex);
    event_item_free(item);
}

static void subscription_push_plain(struct kalam_subscription *subscription, kalam_event_type type)
{
    CHECK(subscription != NULL);
    subscription_push(subscription, event_item_new(subscription, type));
}

static void subscription_keep_schema(struct kalam_subscription *subscription,
                                     const struct wire_server_message *ack)
{
    CHECK(subscription);
    pthread_mutex_lock(&subscription->mutex);
    arena_clear(&subscription->schema_arena);
    subscription->columns = arena_array(&subscription->schema_arena, ack->column_count + 1,
                                        sizeof *subscription->columns);
    for (size_t i = 0; i < ack->column_count; i++) {
        subscription->columns[i] = ack->columns[i];
        subscription->columns[i].name =
            arena_copy(&subscription->schema_arena, ack->columns[i].name);
    }
    subscription->column_count = ack->column_count;
    pthread_mutex_unlock(&subscription->mutex);
}

static void subscription_take_ack(struct kalam_subscription *subscription, struct event_item *item,
                                  const struct wire_server_message *message)
{
    CHECK(subscription);
    subscription_keep_schema(subscription, message);
    if (subscription->subscribed_once)
        subscription_push_plain(subscription, KALAM_EVENT_RECONNECTED);
    subscription->subscribed_once = true;
    item->event.type = KALAM_EVENT_ACK;
    item->event.total_rows = message->total_rows;
    subscription_push(subscription, item);
    if (message->batch.status == WIRE_BATCH_READY)
        subscription_push_plain(subscription, KALAM_EVENT_READY);
}

static void subscription_take_change(struct kalam_subscription *subscription,
                                     struct event_item *item,
                                     const struct wire_server_message *message)
{
    CHECK(subscription);
    item->rows = message->row_list;
    item->old_rows = message->old_value_list;
    switch (message->change_type) {
    case WIRE_CHANGE_INSERT:
        item->event.type = KALAM_EVENT_INSERT;
        break;
    case WIRE_CHANGE_UPDATE:
        item->event.type = KALAM_EVENT_UPDATE;
        break;
    case WIRE_CHANGE_DELETE:
        item->event.type = KALAM_EVENT_DELETE;
        break;
    }
    const struct json *list = item->event.type == KALAM_EVENT_DELETE ? item->old_rows : item->rows;
    item->event.row_count = list ? list->count : 0;
    subscription_push(subscription, item);
}

static void subscription_take_error(struct kalam_subscription *subscription,
                                    struct event_item *item,
                                    const struct wire_server_message *message)
{
    CHECK(subscription);
    item->event.type = KALAM_EVENT_ERROR;
    client_fail(&item->event.error, KALAM_SUBSCRIPTION, "%.*s", STR_ARG(message->message));
    snprintf(item->event.error.code, sizeof item->event.error.code, "%.*s", STR_ARG(message->code));
    subscription_end(subscription, item);
}

bool subscription_take(struct kalam_subscription *subscription, struct event_item *item,
                       const struct wire_server_message *message)
{
    bool more = message->type == WIRE_INITIAL_DATA_BATCH && message->batch.has_more;

    CHECK(subscription);
    switch (message->type) {
    case WIRE_SUBSCRIPTION_ACK:
        subscription_take_ack(subscription, item, message);
        return false;
    case WIRE_INITIAL_DATA_BATCH:
        item->event.type = KALAM_EVENT_ROWS;
        item->rows = message->row_list;
        item->event.row_count = item->rows ? item->rows->count : 0;
        subscription_push(subscription, item);
        if (!more)
            subscription_push_plain(subscription, KALAM_EVENT_READY);
        return more;
    case WIRE_CHANGE:
        subscription_take_change(subscription, item, message);
        return false;
    case WIRE_ERROR:
        subscription_take_error(subscription, item, message);
        return false;
    default:
        break;
    }
    if (message->type == WIRE_UNSUBSCRIBED) {
        pthread_mutex_lock(&subscription->mutex);
        subscription->unsubscribed = true;
        pthread_cond_broadcast(&subscription->arrived);
        pthread_mutex_unlock(&subscription->mutex);
    }
    event_item_free(item);
    return false;
}

/* ---- the public calls
 * -------------------------------------------------------------------------------- */

static void subscription_fill_request(kalam_client *client, kalam_subscription *subscription,
                                      const char *sql,
                                      const struct kalam_subscribe_options *options)
{
    struct wire_subscription *request = &subscription->request;

    CHECK(sql);
    subscription->id = mem_strdup(arena_printf(
        &subscription->arena, "kalam-%u", atomic_fetch_add(&client->next_subscription, 1) + 1));
    request->id = str_from_c(subscription->id);
    subscribe_text_take(sql, client->space, &subscription->arena, request);
    if (!options)
        return;
    CHECK(options->params || options->param_count == 0);
    request->has_options = true; /* the caller's own win over those of the text */
    request->has_last_rows = options->last_rows >= 0;
    request->last_rows = options->last_rows;
    request->has_batch_size = options->batch_size > 0;
    request->batch_size = options->batch_size;
    struct value *params =
        client_params(options->params, options->param_count, &subscription->arena);
    for (size_t i = 0; i < options->param_count; i++) {
        if (params[i].type == VALUE_TEXT && !params[i].is_null)
            params[i].text = arena_copy(&subscription->arena, params[i].text);
    }
    request->params = params;
    request->param_count = options->param_count;
}

kalam_status kalam_subscribe(kalam_client *client, const char *sql,
                             const struct kalam_subscribe_options *options,
                             kalam_subscription **out, kalam_error *error)
{
    kalam_subscription *subscription;
    struct live_socket *socket = NULL;
    kalam_status status;

    client_error_clear(error);
    if (!client || !sql || !out || (options && options->param_count > 0 && !options->params))
        return client_fail(error, KALAM_INVALID_ARGUMENT,
                           "client, statement and a place for the subscription are needed");
    CHECK(client->http && client->url);
    *out = NULL;
    if (client_check_text(sql, options ? options->params : NULL,
                          options && options->params ? options->param_count : 0, error) != KALAM_OK)
        return KALAM_INVALID_ARGUMENT;
    pthread_mutex_lock(&client->live_mutex);
    status = live_socket_get(client, &socket, error);
    pthread_mutex_unlock(&client->live_mutex);
    if (status != KALAM_OK)
        return status;
    subscription = mem_zalloc(sizeof *subscription);
    arena_init(&subscription->arena, 0);
    arena_init(&subscription->schema_arena, 0);
    pthread_mutex_init(&subscription->mutex, NULL);
    clock_cond_init(&subscription->arrived);
    pthread_cond_init(&subscription->taken, NULL);
    subscription->queue_tail = &subscription->queue;
    subscription->active = true;
    subscription_fill_request(client, subscription, sql, options);
    live_socket_add(socket, subscription);
    *out = subscription;
    return KALAM_OK;
}

/* Waits for an event; mutex held. */
static kalam_status subscription_wait(kalam_subscription *subscription, int timeout_ms)
{
    struct timespec until;
    int waited = 0;

    CHECK(subscription->queue || subscription->queued == 0);
    until = clock_deadline(timeout_ms < 0 ? 0 : timeout_ms);
    while (!subscription->queue && subscription->active && waited == 0) {
        if (timeout_ms < 0)
            pthread_cond_wait(&subscription->arrived, &subscription->mutex);
        else
            waited = pthread_cond_timedwait(&subscription->arrived, &subscription->mutex, &until);
    }
    if (subscription->queue)
        return KALAM_OK;
    return subscription->active ? KALAM_TIMEOUT : KALAM_CLOSED;
}

kalam_status kalam_sub_next(kalam_subscription *subscription, int timeout_ms,
                            const kalam_event **out)
{
    kalam_status status;

    if (!subscription || !out)
        return KALAM_INVALID_ARGUMENT;
    CHECK(subscription->socket != NULL);
    pthread_mutex_lock(&subscription->mutex);
    event_item_free(subscription->current);
    subscription->current = NULL;
    *out = NULL;
    status = subscription_wait(subscription, timeout_ms);
    if (status == KALAM_OK) {
        struct event_item *item = subscription->queue;
        subscription->queue = item->next;
        if (!subscription->queue)
            subscription->queue_tail = &subscription->queue;
        subscription->queued--;
        subscription->current = item;
        *out = &item->event;
        pthread_cond_broadcast(&subscription->taken);
    }
    pthread_mutex_unlock(&subscription->mutex);
    return status;
}

const char *kalam_sub_id(const kalam_subscription *subscription)
{
    return subscription ? subscription->id : "";
}

bool kalam_sub_is_active(const kalam_subscription *subscription)
{
    kalam_subscription *locked = (kalam_subscription *)(uintptr_t)subscription;
    bool active;

    if (!subscription)
        return false;
    CHECK(subscription->socket != NULL);
    pthread_mutex_lock(&locked->mutex);
    active = locked->active;
    pthread_mutex_unlock(&locked->mutex);
    return active;
}

void kalam_sub_close(kalam_subscription *subscription)
{
    if (!subscription)
        return;
    CHECK(subscription->socket != NULL);
    live_socket_unsubscribe(subscription->socket, subscription, UNSUBSCRIBE_WAIT_MS);
    live_socket_remove(subscription->socket, subscription);
    event_item_free(subscription->current);
    while (subscription->queue) {
        struct event_item *next = subscription->queue->next;
        event_item_free(subscription->queue);
        subscription->queue = next;
    }
    pthread_cond_destroy(&subscription->arrived);
    pthread_cond_destroy(&subscription->taken);
    pthread_mutex_destroy(&subscription->mutex);
    arena_clear(&subscription->arena);
    arena_clear(&subscription->schema_arena);
    mem_free(subscription->id);
    mem_free(subscription);
}

/* ---- reading an event
 * ---------------------------------------------------------------------------------- */

static const struct json *event_row(const kalam_event *event, size_t row, bool old)
{
    const struct event_item *item = event ? event->internal : NULL;
    const struct json *list = item ? (old ? item->old_rows : item->rows) : NULL;

    return list && row < list->count ? &list->items[row] : NULL;
}

size_t kalam_event_columns(const kalam_event *event, size_t row, bool old)
{
    const struct json *object = event_row(event, row, old);

    return object ? object->count : 0;
}

static struct arena *event_arena(const kalam_event *event)
{
    CHECK(event && event->internal);
    return &((struct event_item *)(uintptr_t)event->internal)->arena;
}

const char *kalam_event_name(const kalam_event *event, size_t row, bool old, size_t column)
{
    const struct json *object = event_row(event, row, old);

    CHECK(!object || (event && event->internal));
    return object && column < object->count
               ? arena_copy(event_arena(event), object->keys[column]).data
               : "";
}

char *kalam_event_json(const kalam_event *event, size_t row, bool old)
{
    const struct json *object = event_row(event, row, old);
    struct buf text;
    size_t size;

    buf_init(&text);
    if (object)
        client_json_write(object, &text);
    else
        buf_append_str(&text, STR_LIT("null"));
    buf_append_byte(&text, 0);
    return buf_take(&text, &size);
}

const char *kalam_event_text(const kalam_event *event, size_t row, bool old, size_t column)
{
    const struct json *object = event_row(event, row, old);
    const struct event_item *item = event ? event->internal : NULL;
    struct kalam_subscription *subscription = item ? item->subscription : NULL;
    enum value_type type = VALUE_TEXT;

    if (!object || !subscription || column >= object->count)
        return NULL;
    pthread_mutex_lock(&subscription->mutex);
    for (size_t i = 0; i < subscription->column_count; i++) {
        if (str_equal(subscription->columns[i].name, object->keys[column]))
            type = subscription->columns[i].type.kind;
    }
    pthread_mutex_unlock(&subscription->mutex);
    return client_text(&object->items[column], type, event_arena(event));
}
