/* subscription.c — the events of one live query, pulled by the caller.
 *
 * The reader thread waits when QUEUE_MAX events are not taken, so that memory stays bounded; the
 * server then sees a slow consumer.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "client/live_socket.h"
#include "client/subscribe_text.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

enum {
    QUEUE_MAX = 10000,
    UNSUBSCRIBE_WAIT_MS = 2000,
    LIMIT_RETRY_MS = 2000,
    REQUEST_BYTES_MAX = 1000000, /* the server closes the connection on messages above 1 MiB */
};

/* The caller gets the event: it could go on from there, and an ACK's columns are those he asks for.
 * mutex held. */
static void subscription_hand_out(struct kalam_subscription *subscription, struct event_item *item)
{
    CHECK(item->position >= 0);
    if (item->position > 0 || (item->event.type == KALAM_EVENT_RECONNECTED && !item->event.resumed))
        subscription->position = item->position;
    if (item->event.type == KALAM_EVENT_ACK) {
        event_schema_clear(&subscription->schema);
        subscription->schema = item->schema;
        event_schema_init(&item->schema);
    }
}

/* Hands an event to the callback, outside of all locks. */
static void subscription_call(struct kalam_subscription *subscription, struct event_item *item)
{
    CHECK(subscription->on_event && item);
    subscription->on_event(subscription->context, subscription, &item->event);
    event_item_free(item);
}

/* Reader thread. */
static void subscription_push(struct kalam_subscription *subscription, struct event_item *item)
{
    bool call = subscription->on_event != NULL;

    CHECK(item->subscription == subscription);
    item->position = subscription->ready && subscription->can_resume ? subscription->resume_seq : 0;
    pthread_mutex_lock(&subscription->mutex);
    while (subscription->queued >= QUEUE_MAX && subscription->active)
        pthread_cond_wait(&subscription->taken, &subscription->mutex);
    call = call && subscription->active;
    if (call)
        subscription_hand_out(subscription, item);
    if (subscription->active && !call) {
        *subscription->queue_tail = item;
        subscription->queue_tail = &item->next;
        subscription->queued++;
        item = NULL;
    }
    pthread_cond_broadcast(&subscription->arrived);
    pthread_mutex_unlock(&subscription->mutex);
    if (call)
        subscription_call(subscription, item);
    else
        event_item_free(item);
}

void subscription_end(struct kalam_subscription *subscription, const kalam_error *error)
{
    struct event_item *item = NULL;

    CHECK(error->status != KALAM_OK);
    pthread_mutex_lock(&subscription->mutex);
    if (subscription->active && subscription->final) {
        item = subscription->final;
        subscription->final = NULL;
        item->event.error = *error;
        if (!subscription->on_event) {
            *subscription->queue_tail = item;
            subscription->queue_tail = &item->next;
            subscription->queued++;
            item = NULL;
        }
    }
    subscription->active = false;
    subscription->unsubscribed = true;
    pthread_cond_broadcast(&subscription->arrived);
    pthread_cond_broadcast(&subscription->taken);
    pthread_mutex_unlock(&subscription->mutex);
    if (item)
        subscription_call(subscription, item);
}

static void subscription_starve(struct kalam_subscription *subscription)
{
    kalam_error error;

    CHECK(subscription != NULL);
    (void)client_no_memory(&error);
    subscription_end(subscription, &error);
}

static void subscription_push_plain(struct kalam_subscription *subscription, kalam_event_type type,
                                    bool resumed)
{
    struct event_item *item = event_item_new(subscription, type);

    CHECK(subscription != NULL);
    if (!item) {
        subscription_starve(subscription);
        return;
    }
    item->event.resumed = resumed;
    subscription_push(subscription, item);
}

/* ---- where to go on after a loss ---- */

struct wire_subscription subscription_request(struct kalam_subscription *subscription)
{
    struct wire_subscription request = subscription->request;

    CHECK(subscription->id != NULL);
    subscription->acknowledged = subscription->ready = false;
    subscription->seen_seq = 0;
    subscription->again_at_ms = 0;
    if (subscription->can_resume) {
        request.has_options = request.has_from = true;
        request.from = subscription->resume_seq;
        request.has_last_rows = false;
    }
    subscription->resuming = request.has_from;
    subscription->resumed_from = request.has_from ? request.from : 0;
    if (++subscription->attempts == 1)
        snprintf(subscription->wire_id, sizeof subscription->wire_id, "%s", subscription->id);
    else
        snprintf(subscription->wire_id, sizeof subscription->wire_id, "%s.%u", subscription->id,
                 subscription->attempts);
    request.id = str_from_c(subscription->wire_id);
    return request;
}

/* Highest _seq of some rows; 0 = they have none. */
static int64_t subscription_last_seq(const struct json *rows)
{
    int64_t last = 0, seq;

    CHECK(!rows || rows->count == 0 || rows->items);
    for (size_t i = 0; rows && i < rows->count; i++) {
        if (json_integer_any(json_get(&rows->items[i], "_seq"), &seq) && seq > last)
            last = seq;
    }
    return last;
}

static void subscription_saw(struct kalam_subscription *subscription, int64_t seq)
{
    CHECK(subscription->seen_seq >= 0);
    subscription->seen_seq = seq > subscription->seen_seq ? seq : subscription->seen_seq;
    if (!subscription->ready || subscription->seen_seq <= subscription->resume_seq)
        return;
    subscription->resume_seq = subscription->seen_seq;
    subscription->can_resume = true;
}

static void subscription_become_ready(struct kalam_subscription *subscription,
                                      const struct wire_batch_control *batch)
{
    CHECK(batch != NULL);
    subscription->ready = true;
    subscription_saw(subscription, batch->has_last_seq ? batch->last_seq : 0);
    subscription_push_plain(subscription, KALAM_EVENT_READY, false);
}

/* ---- messages into events ---- */

static void subscription_take_ack(struct kalam_subscription *subscription, struct event_item *item,
                                  const struct wire_server_message *message)
{
    CHECK(subscription);
    if (!event_schema_set(&subscription->told, message) ||
        !event_schema_set(&item->schema, message)) {
        event_item_free(item);
        subscription_starve(subscription);
        return;
    }
    if (subscription->subscribed_once)
        subscription_push_plain(subscription, KALAM_EVENT_RECONNECTED, subscription->resuming);
    subscription->subscribed_once = subscription->acknowledged = true;
    item->event.type = KALAM_EVENT_ACK;
    item->event.total_rows = message->total_rows;
    subscription_push(subscription, item);
    if (message->batch.status == WIRE_BATCH_READY)
        subscription_become_ready(subscription, &message->batch);
}

static void subscription_take_batch(struct kalam_subscription *subscription,
                                    struct event_item *item,
                                    const struct wire_server_message *message)
{
    CHECK(subscription);
    item->event.type = KALAM_EVENT_ROWS;
    item->rows = message->row_list;
    item->event.row_count = item->rows ? item->rows->count : 0;
    subscription_saw(subscription, subscription_last_seq(item->rows));
    subscription_push(subscription, item);
    if (!message->batch.has_more)
        subscription_become_ready(subscription, &message->batch);
}

/* The acknowledgement has told all columns of the rows. */
static bool subscription_knows(const struct kalam_subscription *subscription,
                               const struct json *rows)
{
    const struct event_schema *told = &subscription->told;

    CHECK(told->columns || told->count == 0);
    for (size_t r = 0; rows && r < rows->count; r++) {
        const struct json *row = &rows->items[r];
        for (size_t i = 0; i < row->count; i++) {
            size_t at = 0;
            while (at < told->count && !str_equal(told->columns[at].name, row->keys[i]))
                at++;
            if (at == told->count && !str_equal(row->keys[i], STR_LIT("_deleted")))
                return false;
        }
    }
    return true;
}

/* SUBSCRIPTION_REPLACE for a row of a newer schema: subscribed again from here, the columns come
 * anew. Once; a column that is not told then either is handed out as it is. */
static enum subscription_need subscription_take_change(struct kalam_subscription *subscription,
                                                       struct event_item *item,
                                                       const struct wire_server_message *message)
{
    static const kalam_event_type types[] = {[WIRE_CHANGE_INSERT] = KALAM_EVENT_INSERT,
                                             [WIRE_CHANGE_UPDATE] = KALAM_EVENT_UPDATE,
                                             [WIRE_CHANGE_DELETE] = KALAM_EVENT_DELETE};
    int64_t last;

    CHECK(subscription && (unsigned)message->change_type < ARRAY_COUNT(types));
    item->rows = message->row_list;
    item->old_rows = message->old_value_list;
    item->event.type = types[message->change_type];
    const struct json *list = item->event.type == KALAM_EVENT_DELETE ? item->old_rows : item->rows;
    item->event.row_count = list ? list->count : 0;
    last = subscription_last_seq(list);
    if (last > 0 && last <= subscription->resumed_from) {
        event_item_free(item); /* told before the loss */
        return SUBSCRIPTION_NOTHING;
    }
    bool known = subscription_knows(subscription, item->rows) &&
                 subscription_knows(subscription, item->old_rows);
    if (!known && !subscription->columns_asked && subscription->ready && subscription->can_resume) {
        subscription->columns_asked = true;
        event_item_free(item); /* it is told again */
        return SUBSCRIPTION_REPLACE;
    }
    subscription->columns_asked = subscription->columns_asked && !known;
    subscription_saw(subscription, last);
    subscription_push(subscription, item);
    return SUBSCRIPTION_NOTHING;
}

/* Over, but a new attempt may do. Rights: those of a new log-in are asked anew, and refused before
 * the acknowledgement they end it. */
static bool subscription_error_passes(const struct kalam_subscription *subscription,
                                      const struct wire_server_message *message)
{
    CHECK(subscription && message->type == WIRE_ERROR);
    return str_equal(message->code, STR_LIT("BATCH_FETCH_FAILED")) ||
           (str_equal(message->code, STR_LIT("UNAUTHORIZED")) && subscription->acknowledged);
}

/* SUBSCRIPTION_SUBSCRIBE when the error is one to go on after. */
static enum subscription_need subscription_take_error(struct kalam_subscription *subscription,
                                                      const struct wire_server_message *message)
{
    kalam_error error;

    CHECK(subscription);
    if (str_equal(message->code, STR_LIT("RESUME_FAILED")) && subscription->resuming) {
        subscription->request.has_from = false; /* a snapshot by the other options */
        subscription->can_resume = false;
        subscription->resume_seq = 0;
        subscription->subscribed_once = true; /* the next acknowledgement says: anew */
        return SUBSCRIPTION_SUBSCRIBE;
    }
    if (str_equal(message->code, STR_LIT("SLOW_CONSUMER"))) {
        subscription_saw(subscription, message->has_last_seq ? message->last_seq : 0);
        return SUBSCRIPTION_SUBSCRIBE;
    }
    if (subscription_error_passes(subscription, message))
        return SUBSCRIPTION_SUBSCRIBE;
    if (str_equal(message->code, STR_LIT("SUBSCRIPTION_LIMIT_EXCEEDED")) &&
        subscription->subscribed_once) { /* it may still count those of the lost connection */
        subscription->again_at_ms = clock_monotonic_ms() + LIMIT_RETRY_MS;
        return SUBSCRIPTION_NOTHING;
    }
    client_fail(&error, KALAM_SUBSCRIPTION, "%.*s", STR_ARG(message->message));
    snprintf(error.code, sizeof error.code, "%.*s", STR_ARG(message->code));
    subscription_end(subscription, &error);
    return SUBSCRIPTION_NOTHING;
}

enum subscription_need subscription_take(struct kalam_subscription *subscription,
                                         struct event_item *item,
                                         const struct wire_server_message *message)
{
    enum subscription_need need = SUBSCRIPTION_NOTHING;

    CHECK(subscription);
    switch (message->type) {
    case WIRE_SUBSCRIPTION_ACK:
        subscription_take_ack(subscription, item, message);
        return need;
    case WIRE_INITIAL_DATA_BATCH:
        if (!subscription->acknowledged)
            break; /* its columns are not known */
        need = message->batch.has_more ? SUBSCRIPTION_NEXT_BATCH : need;
        subscription_take_batch(subscription, item, message);
        return need;
    case WIRE_CHANGE:
        if (!subscription->acknowledged)
            break;
        return subscription_take_change(subscription, item, message);
    case WIRE_ERROR:
        need = subscription_take_error(subscription, message);
        break;
    case WIRE_UNSUBSCRIBED:
        pthread_mutex_lock(&subscription->mutex);
        subscription->unsubscribed = true;
        pthread_cond_broadcast(&subscription->arrived);
        pthread_mutex_unlock(&subscription->mutex);
        break;
    default:
        break;
    }
    event_item_free(item);
    return need;
}

/* ---- the public calls
 * -------------------------------------------------------------------------------- */

static bool subscription_fill_options(kalam_subscription *subscription,
                                      const struct kalam_subscribe_options *options)
{
    struct wire_subscription *request = &subscription->request;
    struct value *params =
        client_params(options->params, options->param_count, &subscription->arena);

    CHECK(options->params || options->param_count == 0);
    request->has_options = true; /* the caller's own win over those of the text */
    request->has_last_rows = options->last_rows >= 0 && options->from <= 0;
    request->last_rows = options->last_rows;
    request->has_batch_size = options->batch_size > 0;
    request->batch_size = options->batch_size;
    request->has_from = options->from > 0;
    request->from = options->from;
    for (size_t i = 0; params && i < options->param_count; i++) {
        if (params[i].type == VALUE_TEXT && !params[i].is_null)
            params[i].text = arena_copy(&subscription->arena, params[i].text);
    }
    request->params = params;
    request->param_count = options->param_count;
    subscription->on_event = options->on_event;
    subscription->context = options->context;
    return !subscription->arena.failed;
}

static bool subscription_fill_request(kalam_client *client, kalam_subscription *subscription,
                                      const char *sql,
                                      const struct kalam_subscribe_options *options)
{
    uint32_t random; /* tells it apart from those of other connections in system.live_queries */
    struct str id;
    bool taken;

    CHECK(sql);
    id_random(&random, sizeof random);
    id = arena_printf(&subscription->arena, "kalam-%08x-%u", random,
                      atomic_fetch_add(&client->next_subscription, 1) + 1);
    subscription->id = subscription->arena.failed ? NULL : mem_try_strdup(id);
    subscription->final = event_item_new(subscription, KALAM_EVENT_ERROR);
    if (!subscription->id || !subscription->final)
        return false;
    pthread_mutex_lock(&client->settings_mutex);
    taken = subscribe_text_take(sql, client->space, &subscription->arena, &subscription->request);
    pthread_mutex_unlock(&client->settings_mutex);
    if (!taken)
        return false;
    return !options || subscription_fill_options(subscription, options);
}

/* NULL when memory is short. */
static kalam_subscription *subscription_new(kalam_client *client, const char *sql,
                                            const struct kalam_subscribe_options *options)
{
    kalam_subscription *subscription = mem_try_zalloc(sizeof *subscription);

    CHECK(client && sql);
    if (!subscription)
        return NULL;
    arena_init_fallible(&subscription->arena);
    event_schema_init(&subscription->told);
    event_schema_init(&subscription->schema);
    pthread_mutex_init(&subscription->mutex, NULL);
    clock_cond_init(&subscription->arrived);
    pthread_cond_init(&subscription->taken, NULL);
    subscription->queue_tail = &subscription->queue;
    subscription->active = true;
    if (subscription_fill_request(client, subscription, sql, options))
        return subscription;
    subscription_free(subscription);
    return NULL;
}

/* Connected to again, a message that is too large would only be sent again. */
static kalam_status subscription_check_size(kalam_subscription *subscription, kalam_error *error)
{
    struct wire_subscription request = subscription->request;
    struct wire_client_message message = {
        .type = WIRE_SUBSCRIBE, .subscriptions = &request, .subscription_count = 1};
    kalam_status status = KALAM_OK;
    struct buf text;

    CHECK(subscription->id != NULL);
    buf_init_fallible(&text);
    request.id = str_from_c(subscription->id);
    wire_client_message_encode(&message, &text);
    subscription->request_bytes = text.size;
    if (text.failed)
        status = client_no_memory(error);
    else if (text.size > REQUEST_BYTES_MAX)
        status = client_fail(error, KALAM_INVALID_ARGUMENT, "a live query of %zu bytes: at most %d",
                             text.size, REQUEST_BYTES_MAX);
    buf_clear(&text);
    return status;
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
    subscription = subscription_new(client, sql, options);
    if (!subscription)
        return client_no_memory(error);
    status = subscription_check_size(subscription, error);
    *out = status == KALAM_OK ? subscription : NULL; /* before the first callback */
    if (status == KALAM_OK && live_socket_add(socket, subscription) != KALAM_OK)
        status = client_no_memory(error);
    if (status == KALAM_OK)
        return KALAM_OK;
    *out = NULL;
    subscription_free(subscription);
    return status;
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

    if (!subscription || !out || subscription->on_event)
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
        subscription_hand_out(subscription, item);
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

int64_t kalam_sub_position(const kalam_subscription *subscription)
{
    kalam_subscription *locked = (kalam_subscription *)(uintptr_t)subscription;
    int64_t position;

    if (!subscription)
        return 0;
    CHECK(subscription->socket != NULL);
    pthread_mutex_lock(&locked->mutex);
    position = locked->position;
    pthread_mutex_unlock(&locked->mutex);
    return position;
}

/* A column of the last ACK event: its name or the name of its type. */
static const char *subscription_column(const kalam_subscription *subscription, size_t column,
                                       bool type)
{
    kalam_subscription *locked = (kalam_subscription *)(uintptr_t)subscription;
    const char *text = "";

    if (!subscription)
        return text;
    CHECK(subscription->socket != NULL);
    pthread_mutex_lock(&locked->mutex);
    if (column < locked->schema.count)
        text = type ? value_type_wire_name(locked->schema.columns[column].type.kind)
                    : locked->schema.columns[column].name.data;
    pthread_mutex_unlock(&locked->mutex);
    return text;
}

size_t kalam_sub_columns(const kalam_subscription *subscription)
{
    kalam_subscription *locked = (kalam_subscription *)(uintptr_t)subscription;
    size_t count;

    if (!subscription)
        return 0;
    CHECK(subscription->socket != NULL);
    pthread_mutex_lock(&locked->mutex);
    count = locked->schema.count;
    pthread_mutex_unlock(&locked->mutex);
    return count;
}

const char *kalam_sub_column_name(const kalam_subscription *subscription, size_t column)
{
    return subscription_column(subscription, column, false);
}

const char *kalam_sub_column_type(const kalam_subscription *subscription, size_t column)
{
    return subscription_column(subscription, column, true);
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

void subscription_free(struct kalam_subscription *subscription)
{
    CHECK(subscription->busy == 0);
    event_item_free(subscription->final);
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
    event_schema_clear(&subscription->told);
    event_schema_clear(&subscription->schema);
    mem_free(subscription->id);
    mem_free(subscription);
}

void kalam_sub_close(kalam_subscription *subscription)
{
    if (!subscription)
        return;
    CHECK(subscription->socket != NULL);
    if (live_socket_is_reader(subscription->socket)) {
        live_socket_abandon(subscription->socket, subscription);
        return;
    }
    live_socket_unsubscribe(subscription->socket, subscription, UNSUBSCRIBE_WAIT_MS);
    live_socket_remove(subscription->socket, subscription);
    subscription_free(subscription);
}

enum value_type subscription_type(kalam_subscription *subscription, struct str name)
{
    enum value_type type = VALUE_TEXT;

    CHECK(name.size == 0 || name.data);
    pthread_mutex_lock(&subscription->mutex);
    for (size_t i = 0; i < subscription->schema.count; i++) {
        if (str_equal(subscription->schema.columns[i].name, name))
            type = subscription->schema.columns[i].type.kind;
    }
    pthread_mutex_unlock(&subscription->mutex);
    return type;
}

const char *subscription_text(kalam_subscription *subscription, const struct json *object,
                              size_t column, struct arena *arena)
{
    CHECK(column < object->count);
    return client_text(&object->items[column],
                       subscription_type(subscription, object->keys[column]), arena);
}
