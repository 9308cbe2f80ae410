/* test_subscription.c — live queries over one WebSocket: snapshot, changes, loss and return of the
 * connection, closing under load, refused credentials.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "kalam/kalam.h"

#include "base/macros.h"
#include "fake_server.h"

#include <time.h>

enum { WAIT_MS = 20000 };

static kalam_client *open_client(const struct fake *fake, struct kalam_options options)
{
    kalam_client *client = NULL;

    options.url = fake->url;
    assert_int_equal(kalam_client_new(&options, &client, NULL), KALAM_OK);
    return client;
}

static const kalam_event *expect(kalam_subscription *subscription, kalam_event_type type)
{
    const kalam_event *event = NULL;

    assert_int_equal(kalam_sub_next(subscription, WAIT_MS, &event), KALAM_OK);
    if (event->type != type)
        fail_msg("event %d instead of %d: %s", event->type, type, event->error.message);
    return event;
}

/* Id of a subscribe message; false if it is none. */
static bool take_id(const char *message, const char *type, char id[64])
{
    char wanted[64];
    const char *at = strstr(message, "\"id\":\"");

    snprintf(wanted, sizeof wanted, "\"type\":\"%s\"", type);
    if (!strstr(message, wanted))
        return false;
    if (!at)
        at = strstr(message, "subscription_id\":\"") + 12;
    return sscanf(strchr(at + 4, '"') + 1, "%63[^\"]", id) == 1;
}

#define SCHEMA \
    "\"schema\":[{\"name\":\"id\",\"data_type\":\"BigInt\",\"index\":0},{\"name\":\"at\"," \
    "\"data_type\":\"Timestamp\",\"index\":1},{\"name\":\"_seq\",\"data_type\":\"BigInt\"," \
    "\"index\":2}]"

static void send_ack(struct fake_request *request, const char *id, int rows, const char *status)
{
    fake_ws_send(request,
                 "{\"type\":\"subscription_ack\",\"subscription_id\":\"%s\",\"total_rows\":%d,"
                 "\"batch_control\":{\"batch_num\":0,\"has_more\":%s,\"status\":\"%s\","
                 "\"last_seq_id\":null}," SCHEMA "}",
                 id, rows, rows ? "true" : "false", status);
}

static void send_change(struct fake_request *request, const char *id, const char *type,
                        const char *rows)
{
    fake_ws_send(request,
                 "{\"type\":\"change\",\"subscription_id\":\"%s\",\"change_type\":\"%s\",%s}", id,
                 type, rows);
}

static void send_error(struct fake_request *request, const char *id, const char *code)
{
    fake_ws_send(request,
                 "{\"type\":\"error\",\"subscription_id\":\"%s\",\"code\":\"%s\","
                 "\"message\":\"as told\"}",
                 id, code);
}

/* A part of the snapshot, or its end. */
static void send_batch(struct fake_request *request, const char *id, const char *rows, bool last,
                       int last_seq)
{
    fake_ws_send(request,
                 "{\"type\":\"initial_data_batch\",\"subscription_id\":\"%s\",\"rows\":[%s],"
                 "\"batch_control\":{\"batch_num\":0,\"has_more\":%s,\"status\":\"%s\","
                 "\"last_seq_id\":%d}}",
                 id, rows, last ? "false" : "true", last ? "ready" : "loading_batch", last_seq);
}

static void answer_unsubscribe(struct fake_request *request, const char *message)
{
    char id[64];

    if (take_id(message, "unsubscribe", id))
        fake_ws_send(request, "{\"type\":\"unsubscribed\",\"subscription_id\":\"%s\"}", id);
}

/* A snapshot of three rows in two batches, then one change of each kind. */
static void handle_snapshot(struct fake_request *request)
{
    char message[4096], id[64];

    fake_ws_upgrade(request);
    while (fake_ws_receive(request, message, sizeof message)) {
        if (take_id(message, "subscribe", id)) {
            fake_require(strstr(message, "\"sql\":\"SELECT * FROM t WHERE n = $1\""), "subscribe",
                         message);
            fake_require(strstr(message, "\"params\":[7]"), "subscribe", message);
            fake_require(strstr(message, "\"batch_size\":2"), "subscribe", message);
            send_ack(request, id, 3, "loading");
            fake_ws_send(request,
                         "{\"type\":\"initial_data_batch\",\"subscription_id\":\"%s\",\"rows\":"
                         "[{\"id\":\"1\",\"at\":0},{\"id\":\"2\",\"at\":null}],\"batch_control\":"
                         "{\"batch_num\":0,\"has_more\":true,\"status\":\"loading_batch\","
                         "\"last_seq_id\":2}}",
                         id);
        } else if (strstr(message, "\"next_batch\"")) {
            fake_ws_send(
                request,
                "{\"type\":\"initial_data_batch\",\"subscription_id\":\"%s\",\"rows\":"
                "[{\"id\":\"3\",\"at\":5}],\"batch_control\":{\"batch_num\":1,\"has_more\":"
                "false,\"status\":\"ready\",\"last_seq_id\":3}}",
                id);
            fake_ws_send(request, "{\"type\":\"of_a_newer_server\"}"); /* is skipped */
            fake_ws_send(request, "not json");
            send_change(request, "somebody else's", "insert", "\"rows\":[{\"id\":\"9\"}]");
            send_change(request, id, "insert", "\"rows\":[{\"id\":\"4\",\"at\":0}]");
            send_change(
                request, id, "update",
                "\"rows\":[{\"id\":\"4\",\"at\":1}],\"old_values\":[{\"id\":\"4\",\"at\":0}]");
            send_change(request, id, "delete", "\"old_values\":[{\"id\":\"4\",\"_deleted\":true}]");
        }
        answer_unsubscribe(request, message);
    }
    request->drop = true;
}

static void test_snapshot_and_changes(void **state)
{
    struct fake *fake = fake_start(handle_snapshot);
    kalam_client *client = open_client(fake, (struct kalam_options){.user = "lena"});
    kalam_subscription *subscription = NULL;
    kalam_param param = {.type = KALAM_INTEGER, .integer = 7};
    struct kalam_subscribe_options options = {
        .last_rows = -1, .batch_size = 2, .params = &param, .param_count = 1};
    kalam_error error;
    const kalam_event *event;

    assert_int_equal(
        kalam_subscribe(client, "SELECT * FROM t WHERE n = $1", &options, &subscription, &error),
        KALAM_OK);
    assert_true(kalam_sub_is_active(subscription));
    assert_int_equal(expect(subscription, KALAM_EVENT_ACK)->total_rows, 3);
    event = expect(subscription, KALAM_EVENT_ROWS);
    assert_int_equal(event->row_count, 2);
    assert_string_equal(kalam_event_name(event, 0, false, 1), "at");
    assert_non_null(strstr(kalam_event_text(event, 0, false, 1), "1970-01-01"));
    assert_null(kalam_event_text(event, 1, false, 1));
    assert_null(kalam_event_text(event, 5, false, 1));
    assert_int_equal(expect(subscription, KALAM_EVENT_ROWS)->row_count, 1);
    expect(subscription, KALAM_EVENT_READY);
    event = expect(subscription, KALAM_EVENT_INSERT);
    assert_string_equal(kalam_event_text(event, 0, false, 0), "4");
    event = expect(subscription, KALAM_EVENT_UPDATE);
    assert_string_equal(kalam_event_text(event, 0, true, 0), "4");
    char *json = kalam_event_json(event, 0, true);
    assert_string_equal(json, "{\"id\":\"4\",\"at\":0}");
    kalam_text_free(json);
    event = expect(subscription, KALAM_EVENT_DELETE);
    assert_int_equal(event->row_count, 1);
    assert_string_equal(kalam_event_text(event, 0, true, 1), "true");
    assert_int_equal(kalam_sub_next(subscription, 0, &event), KALAM_TIMEOUT);
    kalam_sub_close(subscription);
    kalam_client_free(client);
    fake_stop(fake);
}

/* Drops the first connection behind the acknowledgement. */
static void handle_dropping(struct fake_request *request)
{
    char message[4096], id[64];

    fake_ws_upgrade(request);
    while (fake_ws_receive(request, message, sizeof message)) {
        if (take_id(message, "subscribe", id)) {
            send_ack(request, id, 0, "ready");
            if (request->connection == 1)
                break;
            send_change(request, id, "insert", "\"rows\":[{\"id\":\"8\",\"at\":0}]");
        }
        answer_unsubscribe(request, message);
    }
    request->drop = true;
}

static void test_connection_comes_back(void **state)
{
    struct fake *fake = fake_start(handle_dropping);
    kalam_client *client = open_client(fake, (struct kalam_options){0});
    kalam_subscription *subscription = NULL;

    assert_int_equal(kalam_subscribe(client, "SELECT * FROM t", NULL, &subscription, NULL),
                     KALAM_OK);
    expect(subscription, KALAM_EVENT_ACK);
    expect(subscription, KALAM_EVENT_READY);
    expect(subscription, KALAM_EVENT_RECONNECTED);
    expect(subscription, KALAM_EVENT_ACK);
    expect(subscription, KALAM_EVENT_READY);
    expect(subscription, KALAM_EVENT_INSERT);
    kalam_client_free(client); /* closes the subscription too */
    fake_stop(fake);
}

/* Connection 1: ready at 5, a change, the loss. 2: what was missed. 3: RESUME_FAILED, then anew. */
static void handle_resume(struct fake_request *request)
{
    char message[4096], id[64];
    static const char *const from[] = {NULL, NULL, "\"from\":7", "\"from\":9"};

    fake_ws_upgrade(request);
    while (fake_ws_receive(request, message, sizeof message)) {
        if (!take_id(message, "subscribe", id)) {
            answer_unsubscribe(request, message);
            continue;
        }
        if (request->connection == 3 && strstr(message, from[3])) {
            fake_ws_send(request,
                         "{\"type\":\"error\",\"subscription_id\":\"%s\",\"code\":"
                         "\"RESUME_FAILED\",\"message\":\"too old\"}",
                         id);
            continue;
        }
        fake_require(request->connection != 2 || strstr(message, from[2]), "resume", message);
        fake_require(request->connection == 2 || !strstr(message, "from"), "anew", message);
        send_ack(request, id, request->connection == 2 ? 1 : 0, "loading");
        fake_ws_send(request,
                     "{\"type\":\"initial_data_batch\",\"subscription_id\":\"%s\",\"rows\":[%s],"
                     "\"batch_control\":{\"batch_num\":0,\"has_more\":false,\"status\":\"ready\","
                     "\"last_seq_id\":%d}}",
                     id, request->connection == 2 ? "{\"id\":\"2\",\"_seq\":\"8\"}" : "",
                     request->connection == 2 ? 9 : 5);
        if (request->connection == 1)
            send_change(request, id, "insert", "\"rows\":[{\"id\":\"1\",\"_seq\":\"7\"}]");
        if (request->connection == 2) /* told before: is not told again */
            send_change(request, id, "insert", "\"rows\":[{\"id\":\"1\",\"_seq\":\"7\"}]");
        if (request->connection < 3)
            break;
    }
    request->drop = true;
}

static void test_it_goes_on_where_it_was(void **state)
{
    struct fake *fake = fake_start(handle_resume);
    kalam_client *client = open_client(fake, (struct kalam_options){0});
    struct kalam_subscribe_options options = {.last_rows = -1};
    kalam_subscription *subscription = NULL;
    const kalam_event *event;

    assert_int_equal(kalam_subscribe(client, "SELECT * FROM t", &options, &subscription, NULL),
                     KALAM_OK);
    expect(subscription, KALAM_EVENT_ACK);
    expect(subscription, KALAM_EVENT_ROWS);
    expect(subscription, KALAM_EVENT_READY);
    expect(subscription, KALAM_EVENT_INSERT);
    assert_true(expect(subscription, KALAM_EVENT_RECONNECTED)->resumed);
    expect(subscription, KALAM_EVENT_ACK);
    event = expect(subscription, KALAM_EVENT_ROWS);
    assert_string_equal(kalam_event_text(event, 0, false, 0), "2");
    expect(subscription, KALAM_EVENT_READY);
    assert_false(expect(subscription, KALAM_EVENT_RECONNECTED)->resumed);
    expect(subscription, KALAM_EVENT_ACK);
    expect(subscription, KALAM_EVENT_ROWS);
    expect(subscription, KALAM_EVENT_READY);
    kalam_client_free(client);
    fake_stop(fake);
}

/* A position of the caller's: a change up to it is known to him. */
static void handle_from(struct fake_request *request)
{
    char message[4096], id[64];

    fake_ws_upgrade(request);
    while (fake_ws_receive(request, message, sizeof message)) {
        answer_unsubscribe(request, message);
        if (!take_id(message, "subscribe", id))
            continue;
        fake_require(strstr(message, "\"from\":7"), "resume", message);
        send_ack(request, id, 0, "ready");
        send_change(request, id, "insert", "\"rows\":[{\"id\":\"1\",\"_seq\":\"7\"}]");
        send_change(request, id, "insert", "\"rows\":[{\"id\":\"2\",\"_seq\":\"8\"}]");
    }
    request->drop = true;
}

static void test_it_goes_on_where_it_is_told(void **state)
{
    struct fake *fake = fake_start(handle_from);
    kalam_client *client = open_client(fake, (struct kalam_options){0});
    struct kalam_subscribe_options options = {.from = 7};
    kalam_subscription *subscription = NULL;

    assert_int_equal(kalam_subscribe(client, "SELECT 1", &options, &subscription, NULL), KALAM_OK);
    expect(subscription, KALAM_EVENT_ACK);
    expect(subscription, KALAM_EVENT_READY);
    assert_string_equal(kalam_event_text(expect(subscription, KALAM_EVENT_INSERT), 0, false, 0),
                        "2");
    kalam_client_free(client);
    fake_stop(fake);
}

/* The snapshot since the caller's position breaks off once. */
static void handle_from_twice(struct fake_request *request)
{
    char message[4096], id[64];
    int count = 0;

    fake_ws_upgrade(request);
    while (fake_ws_receive(request, message, sizeof message)) {
        answer_unsubscribe(request, message);
        if (!take_id(message, "subscribe", id))
            continue;
        fake_require(strstr(message, "\"from\":7"), "resume", message);
        send_ack(request, id, 1, "loading");
        send_batch(request, id, "{\"id\":\"1\",\"_seq\":\"8\"}", count > 0, 9);
        if (count++ == 0)
            send_error(request, id, "BATCH_FETCH_FAILED");
    }
    request->drop = true;
}

static void test_a_position_holds_before_ready(void **state)
{
    struct fake *fake = fake_start(handle_from_twice);
    kalam_client *client = open_client(fake, (struct kalam_options){0});
    struct kalam_subscribe_options options = {.from = 7};
    kalam_subscription *subscription = NULL;

    assert_int_equal(kalam_subscribe(client, "SELECT 1", &options, &subscription, NULL), KALAM_OK);
    expect(subscription, KALAM_EVENT_ACK);
    expect(subscription, KALAM_EVENT_ROWS);
    assert_true(expect(subscription, KALAM_EVENT_RECONNECTED)->resumed);
    expect(subscription, KALAM_EVENT_ACK);
    expect(subscription, KALAM_EVENT_ROWS);
    expect(subscription, KALAM_EVENT_READY);
    kalam_client_free(client);
    fake_stop(fake);
}

/* ALTER TABLE ADD n. What is under way when the client subscribes again is of the attempt before.
 */
static void handle_new_column(struct fake_request *request)
{
    char message[4096], id[64], watch[64] = "", before[64] = "";
    bool ended = false;

    fake_ws_upgrade(request);
    while (fake_ws_receive(request, message, sizeof message)) {
        ended |= take_id(message, "unsubscribe", id) && strcmp(id, before) == 0;
        answer_unsubscribe(request, message);
        if (!take_id(message, "subscribe", id))
            continue;
        if (strstr(message, "SELECT watch")) {
            send_ack(request, id, 0, "ready");
            snprintf(watch, sizeof watch, "%s", id);
        } else if (!strstr(message, "\"from\"")) {
            snprintf(before, sizeof before, "%s", id);
            send_ack(request, id, 0, "loading");
            send_batch(request, id, "", true, 98);
            send_change(request, id, "insert",
                        "\"rows\":[{\"id\":\"0\",\"at\":0,\"_seq\":\"99\"}]");
            send_change(request, id, "insert",
                        "\"rows\":[{\"id\":\"1\",\"n\":1,\"_seq\":\"100\"}]");
            send_change(request, id, "insert",
                        "\"rows\":[{\"id\":\"2\",\"n\":1,\"_seq\":\"101\"}]");
            fake_ws_send(request,
                         "{\"type\":\"error\",\"subscription_id\":\"%s\",\"code\":"
                         "\"SLOW_CONSUMER\",\"message\":\"slow\",\"last_seq_id\":101}",
                         id);
            send_error(request, id, "UNAUTHORIZED");
        } else {
            fake_require(ended && strstr(message, "\"from\":99"), "resume", message);
            fake_ws_send(request,
                         "{\"type\":\"subscription_ack\",\"subscription_id\":\"%s\","
                         "\"total_rows\":1,\"batch_control\":{\"batch_num\":0,\"has_more\":true,"
                         "\"status\":\"loading\",\"last_seq_id\":null},\"schema\":["
                         "{\"name\":\"n\",\"data_type\":\"Int\",\"index\":0},"
                         "{\"name\":\"id\",\"data_type\":\"BigInt\",\"index\":1},"
                         "{\"name\":\"at\",\"data_type\":\"BigInt\",\"index\":2},"
                         "{\"name\":\"_seq\",\"data_type\":\"BigInt\",\"index\":3}]}",
                         id);
            send_batch(request, id, "{\"id\":\"1\",\"n\":1,\"_seq\":\"100\"}", true, 102);
            send_change(request, watch, "insert", "\"rows\":[{\"id\":\"9\"}]");
        }
    }
    request->drop = true;
}

static void test_columns_are_those_of_the_events_taken(void **state)
{
    struct fake *fake = fake_start(handle_new_column);
    kalam_client *client = open_client(fake, (struct kalam_options){0});
    struct kalam_subscribe_options options = {.last_rows = 0};
    kalam_subscription *watch = NULL, *subscription = NULL;
    const char *name;

    assert_int_equal(kalam_subscribe(client, "SELECT watch", NULL, &watch, NULL), KALAM_OK);
    expect(watch, KALAM_EVENT_ACK);
    expect(watch, KALAM_EVENT_READY);
    assert_int_equal(kalam_subscribe(client, "SELECT 1", &options, &subscription, NULL), KALAM_OK);
    expect(subscription, KALAM_EVENT_ACK);
    name = kalam_sub_column_name(subscription, 0);
    expect(watch, KALAM_EVENT_INSERT); /* the reader has the new schema */
    assert_string_equal(name, "id");
    assert_int_equal(kalam_sub_columns(subscription), 3);
    assert_string_equal(kalam_sub_column_type(subscription, 1), "Timestamp");
    expect(subscription, KALAM_EVENT_ROWS);
    expect(subscription, KALAM_EVENT_READY);
    const kalam_event *event = expect(subscription, KALAM_EVENT_INSERT);
    assert_non_null(strstr(kalam_event_text(event, 0, false, 1), "1970-01-01"));
    expect(subscription, KALAM_EVENT_RECONNECTED);
    assert_string_equal(name, "id");
    expect(subscription, KALAM_EVENT_ACK);
    assert_int_equal(kalam_sub_columns(subscription), 4);
    assert_string_equal(kalam_sub_column_name(subscription, 0), "n");
    kalam_client_free(client);
    fake_stop(fake);
}

static void test_late_messages_of_the_attempt_before(void **state)
{
    struct fake *fake = fake_start(handle_new_column);
    kalam_client *client = open_client(fake, (struct kalam_options){0});
    struct kalam_subscribe_options options = {.last_rows = 0};
    kalam_subscription *subscription = NULL;
    const kalam_event *event;
    char id[64];

    assert_int_equal(kalam_subscribe(client, "SELECT 1", &options, &subscription, NULL), KALAM_OK);
    snprintf(id, sizeof id, "%s", kalam_sub_id(subscription));
    expect(subscription, KALAM_EVENT_ACK);
    expect(subscription, KALAM_EVENT_ROWS);
    expect(subscription, KALAM_EVENT_READY);
    expect(subscription, KALAM_EVENT_INSERT);
    assert_true(expect(subscription, KALAM_EVENT_RECONNECTED)->resumed);
    expect(subscription, KALAM_EVENT_ACK);
    event = expect(subscription, KALAM_EVENT_ROWS);
    assert_string_equal(kalam_event_text(event, 0, false, 0), "1");
    expect(subscription, KALAM_EVENT_READY);
    assert_int_equal(kalam_sub_position(subscription), 102);
    assert_string_equal(kalam_sub_id(subscription), id); /* whatever the wire says */
    assert_int_equal(kalam_sub_next(subscription, 0, &event), KALAM_TIMEOUT);
    kalam_client_free(client);
    fake_stop(fake);
}

/* Says once that the reader is too slow. */
static void handle_slow(struct fake_request *request)
{
    char message[4096], id[64];
    int count = 0;

    fake_ws_upgrade(request);
    while (fake_ws_receive(request, message, sizeof message)) {
        answer_unsubscribe(request, message);
        if (!take_id(message, "subscribe", id))
            continue;
        fake_require(count != 1 || strstr(message, "\"from\":40"), "resume", message);
        send_ack(request, id, 0, "ready");
        if (count++ == 0)
            fake_ws_send(request,
                         "{\"type\":\"error\",\"subscription_id\":\"%s\",\"code\":"
                         "\"SLOW_CONSUMER\",\"message\":\"slow\",\"last_seq_id\":40}",
                         id);
    }
    request->drop = true;
}

struct seen_events {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    kalam_event_type types[64];
    int count, close_at;
};

static void see_event(void *context, kalam_subscription *subscription, const kalam_event *event)
{
    struct seen_events *seen = context;
    bool close;

    pthread_mutex_lock(&seen->mutex);
    seen->types[seen->count++] = event->type;
    close = seen->count == seen->close_at;
    pthread_cond_broadcast(&seen->changed);
    pthread_mutex_unlock(&seen->mutex);
    if (close)
        kalam_sub_close(subscription);
}

static void wait_for_events(struct seen_events *seen, int count)
{
    pthread_mutex_lock(&seen->mutex);
    while (seen->count < count)
        pthread_cond_wait(&seen->changed, &seen->mutex);
    pthread_mutex_unlock(&seen->mutex);
}

static void test_callback_and_slow_consumer(void **state)
{
    struct fake *fake = fake_start(handle_slow);
    kalam_client *client = open_client(fake, (struct kalam_options){0});
    struct seen_events seen = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                               .changed = PTHREAD_COND_INITIALIZER};
    struct seen_events closing = seen;
    struct kalam_subscribe_options options = {
        .last_rows = 0, .on_event = see_event, .context = &seen};
    kalam_subscription *subscription = NULL, *closed = NULL;
    const kalam_event *event;

    assert_int_equal(kalam_subscribe(client, "SELECT * FROM t", &options, &subscription, NULL),
                     KALAM_OK);
    wait_for_events(&seen, 5);
    assert_int_equal(seen.types[0], KALAM_EVENT_ACK);
    assert_int_equal(seen.types[1], KALAM_EVENT_READY);
    assert_int_equal(seen.types[2], KALAM_EVENT_RECONNECTED);
    assert_int_equal(seen.types[4], KALAM_EVENT_READY);
    assert_int_equal(kalam_sub_next(subscription, 0, &event), KALAM_INVALID_ARGUMENT);
    kalam_sub_close(subscription);
    closing.close_at = 1; /* within the first call */
    options.context = &closing;
    assert_int_equal(kalam_subscribe(client, "SELECT * FROM u", &options, &closed, NULL), KALAM_OK);
    wait_for_events(&closing, 1);
    kalam_client_free(client);
    assert_int_equal(closing.count, 1);
    fake_stop(fake);
}

/* Some changes for each subscription; every tenth one loses the connection. */
static void handle_busy(struct fake_request *request)
{
    char message[4096], id[64];
    bool lost = false;

    fake_ws_upgrade(request);
    while (!lost && fake_ws_receive(request, message, sizeof message)) {
        answer_unsubscribe(request, message);
        if (!take_id(message, "subscribe", id))
            continue;
        send_ack(request, id, 0, "ready");
        for (int i = 0; i < 20; i++)
            send_change(request, id, "insert", "\"rows\":[{\"id\":\"1\",\"_seq\":\"7\"}]");
        lost = request->connection <= 3 && atomic_fetch_add(&request->fake->flag, 1) % 10 == 9;
    }
    request->drop = true;
}

struct subscriber {
    kalam_client *client;
    pthread_t thread;
    bool by_callback;
    atomic_int seen;
};

static void count_event(void *context, kalam_subscription *subscription, const kalam_event *event)
{
    struct subscriber *subscriber = context;

    if (event->type == KALAM_EVENT_INSERT && kalam_event_text(event, 0, false, 0) &&
        atomic_fetch_add(&subscriber->seen, 1) % 30 == 29)
        kalam_sub_close(subscription); /* some by themselves */
}

static void *subscribe_and_close(void *argument)
{
    struct subscriber *subscriber = argument;
    struct kalam_subscribe_options options = {.last_rows = 0, .context = subscriber};
    kalam_subscription *subscription = NULL;
    const kalam_event *event;

    for (int i = 0; i < 15; i++) {
        options.on_event = subscriber->by_callback ? count_event : NULL;
        if (kalam_subscribe(subscriber->client, "SELECT * FROM t", &options, &subscription, NULL) !=
            KALAM_OK)
            return subscriber;
        if (subscriber->by_callback)
            continue; /* closed by its callback, or by the client's end */
        for (int events = 0; events < 5; events++) {
            if (kalam_sub_next(subscription, WAIT_MS, &event) != KALAM_OK)
                return subscriber;
        }
        (void)kalam_is_online(subscriber->client);
        (void)kalam_sub_position(subscription);
        kalam_sub_close(subscription);
    }
    return NULL;
}

static void test_threads_subscribe_and_close(void **state)
{
    struct fake *fake = fake_start(handle_busy);
    kalam_client *client = open_client(fake, (struct kalam_options){0});
    struct subscriber subscribers[4];
    void *failed;

    for (size_t i = 0; i < 4; i++) {
        subscribers[i] = (struct subscriber){.client = client, .by_callback = i % 2};
        pthread_create(&subscribers[i].thread, NULL, subscribe_and_close, &subscribers[i]);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(subscribers[i].thread, &failed);
        assert_null(failed);
    }
    kalam_client_free(client);
    fake_stop(fake);
}

/* A row set: two rows, one changed, one deleted, one unknown deleted; then a loss without resuming.
 */
static void handle_row_set(struct fake_request *request)
{
    char message[4096], id[64];

    fake_ws_upgrade(request);
    while (fake_ws_receive(request, message, sizeof message)) {
        answer_unsubscribe(request, message);
        if (!take_id(message, "subscribe", id))
            continue;
        fake_ws_send(request,
                     "{\"type\":\"subscription_ack\",\"subscription_id\":\"%s\",\"total_rows\":2,"
                     "\"batch_control\":{\"batch_num\":0,\"has_more\":true,\"status\":\"loading\","
                     "\"last_seq_id\":null},\"schema\":[{\"name\":\"id\",\"data_type\":\"BigInt\","
                     "\"index\":0,\"flags\":[\"pk\"]},{\"name\":\"at\",\"data_type\":\"Timestamp\","
                     "\"index\":1}]}",
                     id);
        fake_ws_send(request,
                     "{\"type\":\"initial_data_batch\",\"subscription_id\":\"%s\",\"rows\":"
                     "[{\"id\":\"1\",\"at\":0},{\"id\":\"2\",\"at\":null}],\"batch_control\":"
                     "{\"batch_num\":0,\"has_more\":false,\"status\":\"ready\","
                     "\"last_seq_id\":null}}",
                     id);
        if (request->connection > 1)
            continue;
        send_change(request, id, "update",
                    "\"rows\":[{\"id\":\"2\",\"at\":5}],\"old_values\":[{\"id\":\"2\"}]");
        for (int i = 3; i < 103; i++) {
            char row[64];
            snprintf(row, sizeof row, "\"rows\":[{\"id\":\"%d\",\"at\":0}]", i);
            send_change(request, id, "insert", row);
        }
        send_change(request, id, "delete", "\"old_values\":[{\"id\":\"1\"},{\"id\":\"999\"}]");
        if (fake_ws_receive(request, message, sizeof message))
            break;
    }
    request->drop = true;
}

static void wait_for_rows(kalam_live *live, size_t count)
{
    kalam_error error;

    while (!kalam_live_is_ready(live) || kalam_live_count(live) != count) {
        kalam_status status = kalam_live_wait(live, WAIT_MS, &error);
        if (status != KALAM_OK)
            fail_msg("%s: %s", kalam_status_name(status), error.message);
    }
}

static void test_row_set_follows(void **state)
{
    struct fake *fake = fake_start(handle_row_set);
    kalam_client *client = open_client(fake, (struct kalam_options){0});
    kalam_live *live = NULL, *other = NULL;
    kalam_error error;

    assert_int_equal(kalam_live_open(client, "SELECT * FROM t", NULL, &live, &error), KALAM_OK);
    wait_for_rows(live, 101);
    assert_string_equal(kalam_live_text(live, 0, 0), "2");
    assert_non_null(strstr(kalam_live_get(live, 0, "at"), "1970-01-01"));
    assert_null(kalam_live_get(live, 0, "nothing"));
    assert_string_equal(kalam_live_name(live, 0, 1), "at");
    assert_string_equal(kalam_live_text(live, 100, 0), "102");
    assert_int_equal(kalam_live_columns(live, 101), 0);
    char *json = kalam_live_json(live, 0);
    assert_string_equal(json, "{\"id\":\"2\",\"at\":5}");
    kalam_text_free(json);
    assert_int_equal(kalam_live_wait(live, 0, &error), KALAM_TIMEOUT);
    /* Anything sent makes the server drop the connection: the rows are loaded anew. */
    assert_int_equal(kalam_live_open(client, "SELECT * FROM u", NULL, &other, &error), KALAM_OK);
    wait_for_rows(live, 2);
    assert_string_equal(kalam_live_text(live, 0, 0), "1");
    kalam_live_close(other);
    kalam_live_close(live);
    kalam_client_free(client);
    fake_stop(fake);
}

/* Floods the first subscription with more events than its queue takes. */
static void handle_flood(struct fake_request *request)
{
    char message[4096], id[64];

    fake_ws_upgrade(request);
    while (fake_ws_receive(request, message, sizeof message)) {
        if (take_id(message, "subscribe", id)) {
            send_ack(request, id, 0, "ready");
            for (int i = 0; i < 12000 && strstr(message, "flood"); i++)
                send_change(request, id, "insert", "\"rows\":[{\"id\":\"1\",\"at\":0}]");
        }
        answer_unsubscribe(request, message);
    }
    request->drop = true;
}

static void test_a_full_queue_blocks_nobody_who_closes(void **state)
{
    struct fake *fake = fake_start(handle_flood);
    kalam_client *client = open_client(fake, (struct kalam_options){0});
    kalam_subscription *quiet = NULL, *flood = NULL;

    assert_int_equal(kalam_subscribe(client, "SELECT quiet", NULL, &quiet, NULL), KALAM_OK);
    expect(quiet, KALAM_EVENT_ACK);
    assert_int_equal(kalam_subscribe(client, "SELECT flood", NULL, &flood, NULL), KALAM_OK);
    expect(flood, KALAM_EVENT_ACK); /* the reader fills the queue and stands */
    kalam_sub_close(quiet);
    for (int i = 0; i < 3000; i++) {
        const kalam_event *event;
        assert_int_equal(kalam_sub_next(flood, WAIT_MS, &event), KALAM_OK);
    }
    kalam_sub_close(flood);
    kalam_client_free(client);
    fake_stop(fake);
}

static void handle_error(struct fake_request *request)
{
    char message[4096], id[64];

    fake_ws_upgrade(request);
    while (fake_ws_receive(request, message, sizeof message)) {
        fake_require(!strstr(message, "unsubscribe"), "unsubscribe",
                     message); /* it is gone already */
        if (take_id(message, "subscribe", id))
            fake_ws_send(request,
                         "{\"type\":\"error\",\"subscription_id\":\"%s\",\"code\":\"UNSUPPORTED\","
                         "\"message\":\"no joins\"}",
                         id);
    }
    request->drop = true;
}

static void test_error_ends_it(void **state)
{
    struct fake *fake = fake_start(handle_error);
    kalam_client *client = open_client(fake, (struct kalam_options){0});
    kalam_subscription *subscription = NULL;
    const kalam_event *event;

    assert_int_equal(kalam_subscribe(client, "SELECT 1", NULL, &subscription, NULL), KALAM_OK);
    event = expect(subscription, KALAM_EVENT_ERROR);
    assert_string_equal(event->error.code, "UNSUPPORTED");
    assert_string_equal(event->error.message, "no joins");
    assert_int_equal(event->error.status, KALAM_SUBSCRIPTION);
    assert_false(kalam_sub_is_active(subscription));
    assert_int_equal(kalam_sub_next(subscription, WAIT_MS, &event), KALAM_CLOSED);
    kalam_sub_close(subscription);
    kalam_client_free(client);
    fake_stop(fake);
}

/* What passes: a snapshot fetched too slowly, rights that have changed, a limit that is passed only
 * until the server forgets a lost connection. The rights are gone in the end. */
static void handle_passing(struct fake_request *request)
{
    static const char *const codes[] = {"BATCH_FETCH_FAILED", "UNAUTHORIZED",
                                        "SUBSCRIPTION_LIMIT_EXCEEDED", "UNAUTHORIZED",
                                        "UNAUTHORIZED"};
    char message[4096], id[64];
    size_t count = 0;

    fake_ws_upgrade(request);
    while (fake_ws_receive(request, message, sizeof message)) {
        answer_unsubscribe(request, message);
        if (!take_id(message, "subscribe", id) || count == ARRAY_COUNT(codes))
            continue;
        if (count != 2 && count != 4)
            send_ack(request, id, 0, "ready");
        send_error(request, id, codes[count++]);
    }
    request->drop = true;
}

static void test_what_passes_does_not_end_it(void **state)
{
    struct fake *fake = fake_start(handle_passing);
    kalam_client *client = open_client(fake, (struct kalam_options){0});
    kalam_subscription *subscription = NULL;

    assert_int_equal(kalam_subscribe(client, "SELECT 1", NULL, &subscription, NULL), KALAM_OK);
    for (int i = 0; i < 3; i++) {
        if (i > 0)
            expect(subscription, KALAM_EVENT_RECONNECTED);
        expect(subscription, KALAM_EVENT_ACK);
        expect(subscription, KALAM_EVENT_READY);
    }
    assert_string_equal(expect(subscription, KALAM_EVENT_ERROR)->error.code, "UNAUTHORIZED");
    kalam_sub_close(subscription);
    kalam_client_free(client);
    fake_stop(fake);
}

/* The limit is passed by the caller's own doing. */
static void handle_full(struct fake_request *request)
{
    char message[4096], id[64];

    fake_ws_upgrade(request);
    while (fake_ws_receive(request, message, sizeof message)) {
        answer_unsubscribe(request, message);
        if (take_id(message, "subscribe", id))
            send_error(request, id, "SUBSCRIPTION_LIMIT_EXCEEDED");
    }
    request->drop = true;
}

static void test_one_too_many_ends(void **state)
{
    struct fake *fake = fake_start(handle_full);
    kalam_client *client = open_client(fake, (struct kalam_options){0});
    kalam_subscription *subscription = NULL;

    assert_int_equal(kalam_subscribe(client, "SELECT 1", NULL, &subscription, NULL), KALAM_OK);
    assert_string_equal(expect(subscription, KALAM_EVENT_ERROR)->error.code,
                        "SUBSCRIPTION_LIMIT_EXCEEDED");
    kalam_sub_close(subscription);
    kalam_client_free(client);
    fake_stop(fake);
}

/* Lets the first connection in, refuses all later ones. */
static void handle_refusing(struct fake_request *request)
{
    char message[4096], id[64];

    if (request->number > 1) {
        fake_answer(request, 401, "{}");
        request->drop = true;
        return;
    }
    fake_ws_upgrade(request);
    if (fake_ws_receive(request, message, sizeof message) && take_id(message, "subscribe", id))
        send_ack(request, id, 0, "ready");
    request->drop = true;
}

static void test_refused_credentials_end_it(void **state)
{
    struct fake *fake = fake_start(handle_refusing);
    kalam_client *client = open_client(fake, (struct kalam_options){.token = "a.b.c"});
    kalam_subscription *subscription = NULL;
    kalam_error error;
    const kalam_event *event;

    assert_int_equal(kalam_subscribe(client, "SELECT 1", NULL, &subscription, &error), KALAM_OK);
    expect(subscription, KALAM_EVENT_ACK);
    expect(subscription, KALAM_EVENT_READY);
    event = expect(subscription, KALAM_EVENT_ERROR);
    assert_int_equal(event->error.status, KALAM_AUTHENTICATION);
    kalam_sub_close(subscription);
    usleep(2700 * 1000); /* nobody needs a next attempt, and it could lock out */
    assert_int_equal(atomic_load(&fake->requests), 2);
    kalam_client_free(client);
    client = open_client(fake, (struct kalam_options){.token = "a.b.c"});
    assert_int_equal(kalam_subscribe(client, "SELECT 1", NULL, &subscription, &error),
                     KALAM_AUTHENTICATION);
    assert_null(subscription);
    kalam_client_free(client);
    fake_stop(fake);
}

/* Reads fifty messages in a second, as kalamd does, and says of others only that it dropped one. */
static void handle_limited(struct fake_request *request)
{
    char message[4096], id[64];
    time_t second = 0;
    int count = 0;

    fake_ws_upgrade(request);
    while (fake_ws_receive(request, message, sizeof message)) {
        if (second != time(NULL))
            count = 0;
        second = time(NULL);
        count++;
        if (count > 50 || !atomic_exchange(&request->fake->flag, 1)) {
            fake_ws_send(request, "{\"type\":\"error\",\"subscription_id\":\"rate_limit\",\"code\":"
                                  "\"RATE_LIMIT_EXCEEDED\",\"message\":\"too many\"}");
            continue;
        }
        answer_unsubscribe(request, message);
        if (take_id(message, "subscribe", id))
            send_ack(request, id, 0, "ready");
    }
    request->drop = true;
}

/* The very first message is dropped, too. */
static void test_every_one_of_many_begins(void **state)
{
    enum { MANY = 100 };
    struct fake *fake = fake_start(handle_limited);
    kalam_client *client = open_client(fake, (struct kalam_options){0});
    kalam_subscription *subscriptions[MANY];

    for (int i = 0; i < MANY; i++)
        assert_int_equal(kalam_subscribe(client, "SELECT * FROM t", NULL, &subscriptions[i], NULL),
                         KALAM_OK);
    for (int i = 0; i < MANY; i++) {
        expect(subscriptions[i], KALAM_EVENT_ACK);
        expect(subscriptions[i], KALAM_EVENT_READY);
    }
    for (int i = 0; i < MANY; i++)
        kalam_sub_close(subscriptions[i]);
    kalam_client_free(client);
    fake_stop(fake);
}

static void handle_any(struct fake_request *request)
{
    char message[4096];

    fake_ws_upgrade(request);
    while (fake_ws_receive(request, message, sizeof message))
        answer_unsubscribe(request, message);
    request->drop = true;
}

/* The server would close the connection of all others, again and again. */
static void test_a_large_one_stays_here(void **state)
{
    struct fake *fake = fake_start(handle_any);
    kalam_client *client = open_client(fake, (struct kalam_options){0});
    kalam_subscription *subscription = NULL;
    char *sql = malloc(1000001);
    kalam_error error;

    memset(sql, 'x', 1000000);
    memcpy(sql, "SELECT ", 7);
    sql[1000000] = 0;
    assert_int_equal(kalam_subscribe(client, sql, NULL, &subscription, &error),
                     KALAM_INVALID_ARGUMENT);
    assert_null(subscription);
    free(sql);
    kalam_client_free(client);
    fake_stop(fake);
}

/* Takes nothing of more than 600 bytes. */
static void handle_small(struct fake_request *request)
{
    char message[4096], id[64];

    fake_ws_upgrade(request);
    while (fake_ws_receive(request, message, sizeof message)) {
        if (strlen(message) > 600) {
            fake_write(request->fd, "\x88\x02\x03\xf1", 4); /* close, 1009 */
            break;
        }
        if (take_id(message, "subscribe", id))
            send_ack(request, id, 0, "ready");
        answer_unsubscribe(request, message);
    }
    request->drop = true;
}

static void test_a_large_one_ends_where_the_server_takes_less(void **state)
{
    struct fake *fake = fake_start(handle_small);
    kalam_client *client = open_client(fake, (struct kalam_options){0});
    kalam_subscription *small = NULL, *large = NULL;
    const kalam_event *event = NULL;
    char text[1024] = "";
    kalam_param param = {.type = KALAM_TEXT, .text = text};
    struct kalam_subscribe_options options = {.params = &param, .param_count = 1};

    assert_int_equal(kalam_subscribe(client, "SELECT id, title FROM items", NULL, &small, NULL),
                     KALAM_OK);
    expect(small, KALAM_EVENT_ACK);
    expect(small, KALAM_EVENT_READY);
    memset(text, 'x', sizeof text - 1);
    assert_int_equal(kalam_subscribe(client, "SELECT $1", &options, &large, NULL), KALAM_OK);
    event = expect(large, KALAM_EVENT_ERROR);
    assert_string_equal(event->error.code, "MESSAGE_TOO_LARGE");
    expect(small, KALAM_EVENT_RECONNECTED); /* only the other one has ended */
    usleep(1500 * 1000);
    assert_int_equal(atomic_load(&fake->requests), 2); /* and closes the connection no more */
    kalam_sub_close(large);
    kalam_sub_close(small);
    kalam_client_free(client);
    fake_stop(fake);
}

static void handle_no_websocket(struct fake_request *request)
{
    fake_answer(request, 200, "{}");
}

static void test_no_websocket_there(void **state)
{
    struct fake *fake = fake_start(handle_no_websocket);
    kalam_client *client = open_client(fake, (struct kalam_options){0});
    kalam_subscription *subscription = NULL;
    kalam_error error;

    assert_int_equal(kalam_subscribe(client, "SELECT 1", NULL, &subscription, &error),
                     KALAM_WEBSOCKET);
    assert_int_equal(kalam_subscribe(NULL, "SELECT 1", NULL, &subscription, &error),
                     KALAM_INVALID_ARGUMENT);
    kalam_client_free(client);
    fake_stop(fake);
    kalam_sub_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_snapshot_and_changes),
        cmocka_unit_test(test_connection_comes_back),
        cmocka_unit_test(test_a_full_queue_blocks_nobody_who_closes),
        cmocka_unit_test(test_error_ends_it),
        cmocka_unit_test(test_what_passes_does_not_end_it),
        cmocka_unit_test(test_one_too_many_ends),
        cmocka_unit_test(test_it_goes_on_where_it_was),
        cmocka_unit_test(test_it_goes_on_where_it_is_told),
        cmocka_unit_test(test_a_position_holds_before_ready),
        cmocka_unit_test(test_columns_are_those_of_the_events_taken),
        cmocka_unit_test(test_late_messages_of_the_attempt_before),
        cmocka_unit_test(test_callback_and_slow_consumer),
        cmocka_unit_test(test_row_set_follows),
        cmocka_unit_test(test_threads_subscribe_and_close),
        cmocka_unit_test(test_refused_credentials_end_it),
        cmocka_unit_test(test_every_one_of_many_begins),
        cmocka_unit_test(test_a_large_one_stays_here),
        cmocka_unit_test(test_a_large_one_ends_where_the_server_takes_less),
        cmocka_unit_test(test_no_websocket_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
