/* test_live_socket.c — the connection of live queries is never waited for longer than one wants: a
 * server that does not answer, kalam_cancel, the end of the client.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "kalam/kalam.h"

#include "base/clock.h"
#include "fake_server.h"

#include <poll.h>

enum { LONG_MS = 30000, SHORT_MS = 5000 };

static kalam_client *open_client(const struct fake *fake, struct kalam_options options)
{
    kalam_client *client = NULL;

    options.url = fake->url;
    assert_int_equal(kalam_client_new(&options, &client, NULL), KALAM_OK);
    return client;
}

/* `flag` counts what has come and gets no answer. */
static void stay_silent(struct fake_request *request)
{
    char byte;

    atomic_fetch_add(&request->fake->flag, 1);
    while (fake_read_exactly(request->fd, &byte, 1))
        continue;
    request->drop = true;
}

/* Upgrades, but says nothing of the log-in. */
static void handle_half_open(struct fake_request *request)
{
    if (atomic_load(&request->fake->flag2))
        fake_ws_accept(request);
    stay_silent(request);
}

struct subscribing {
    kalam_client *client;
    kalam_status status;
};

static void *subscribe(void *argument)
{
    struct subscribing *subscribing = argument;
    kalam_subscription *subscription = NULL;

    subscribing->status =
        kalam_subscribe(subscribing->client, "SELECT 1", NULL, &subscription, NULL);
    return NULL;
}

static void await_count(struct fake *fake, int count)
{
    while (atomic_load(&fake->flag) < count)
        poll(NULL, 0, 1);
}

static void cancel_subscribing(struct kalam_options options, bool upgraded)
{
    struct fake *fake = fake_start(handle_half_open);
    struct subscribing subscribing = {.client = open_client(fake, options)};
    int64_t start = clock_monotonic_ms();
    pthread_t thread;

    atomic_store(&fake->flag2, upgraded);
    pthread_create(&thread, NULL, subscribe, &subscribing);
    await_count(fake, 1);
    kalam_cancel(subscribing.client);
    pthread_join(thread, NULL);
    assert_int_equal(subscribing.status, KALAM_TIMEOUT);
    assert_in_range(clock_monotonic_ms() - start, 0, SHORT_MS);
    kalam_client_free(subscribing.client);
    fake_stop(fake);
}

static void test_cancel_ends_connecting(void **state)
{
    struct kalam_options options = {.timeout_ms = LONG_MS};

    cancel_subscribing(options, false); /* the upgrade */
    cancel_subscribing(options, true);  /* the log-in over it */
    options.user = "lena";
    options.password = "right";
    cancel_subscribing(options, false); /* the log-in before it */
}

static void test_connecting_has_one_limit(void **state)
{
    struct fake *fake = fake_start(handle_half_open);
    kalam_client *client = open_client(fake, (struct kalam_options){.timeout_ms = 100});
    kalam_subscription *subscription = NULL;

    for (int upgraded = 0; upgraded <= 1; upgraded++) {
        int64_t start = clock_monotonic_ms();
        atomic_store(&fake->flag2, upgraded);
        assert_int_equal(kalam_subscribe(client, "SELECT 1", NULL, &subscription, NULL),
                         KALAM_TIMEOUT);
        assert_in_range(clock_monotonic_ms() - start, 100, 900);
    }
    kalam_client_free(client);
    fake_stop(fake);
}

/* The token has expired, and nobody answers when it is renewed. */
static void handle_expired(struct fake_request *request)
{
    char message[4096];

    if (strstr(request->head, "/v1/api/auth/refresh ")) {
        stay_silent(request);
        return;
    }
    fake_ws_upgrade(request);
    if (fake_ws_receive(request, message, sizeof message))
        fake_ws_send(request, "{\"type\":\"error\",\"subscription_id\":\"protocol\",\"code\":"
                              "\"TOKEN_EXPIRED\",\"message\":\"\"}");
    request->drop = true;
}

static void test_the_end_waits_for_no_renewal(void **state)
{
    struct fake *fake = fake_start(handle_expired);
    kalam_client *client = open_client(
        fake,
        (struct kalam_options){.token = "a.b.c", .refresh_token = "r.r.r", .timeout_ms = LONG_MS});
    kalam_subscription *subscription = NULL;
    kalam_session session;
    int64_t start = clock_monotonic_ms();

    assert_int_equal(kalam_subscribe(client, "SELECT 1", NULL, &subscription, NULL), KALAM_OK);
    await_count(fake, 1);
    assert_false(kalam_is_online(client));
    kalam_sub_close(subscription);
    assert_int_equal(kalam_tokens(client, &session, NULL), KALAM_OK);
    assert_string_equal(session.access_token, "a.b.c");
    kalam_session_clear(&session);
    kalam_client_free(client);
    assert_in_range(clock_monotonic_ms() - start, 0, SHORT_MS);
    fake_stop(fake);
}

/* Lets everybody in and goes away. */
static void handle_fickle(struct fake_request *request)
{
    fake_ws_upgrade(request);
    atomic_fetch_add(&request->fake->flag, 1);
    request->drop = true;
}

static void test_pauses_grow_though_connecting_succeeds(void **state)
{
    struct fake *fake = fake_start(handle_fickle);
    kalam_client *client = open_client(fake, (struct kalam_options){0});
    kalam_subscription *subscription = NULL;
    int64_t start = clock_monotonic_ms();

    assert_int_equal(kalam_subscribe(client, "SELECT 1", NULL, &subscription, NULL), KALAM_OK);
    await_count(fake, 3);
    assert_true(clock_monotonic_ms() - start >= 3000); /* 1 s, then 2 s */
    kalam_sub_close(subscription);
    kalam_client_free(client);
    fake_stop(fake);
}

static void handle_deaf(struct fake_request *request)
{
    fake_ws_upgrade(request);
    stay_silent(request);
}

static void test_closing_waits_two_seconds(void **state)
{
    struct fake *fake = fake_start(handle_deaf);
    kalam_client *client = open_client(fake, (struct kalam_options){0});
    kalam_subscription *subscription = NULL;

    assert_int_equal(kalam_subscribe(client, "SELECT 1", NULL, &subscription, NULL), KALAM_OK);
    int64_t start = clock_monotonic_ms();
    kalam_sub_close(subscription);
    assert_in_range(clock_monotonic_ms() - start, 1900, 2900);
    kalam_client_free(client);
    fake_stop(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cancel_ends_connecting),
        cmocka_unit_test(test_connecting_has_one_limit),
        cmocka_unit_test(test_the_end_waits_for_no_renewal),
        cmocka_unit_test(test_pauses_grow_though_connecting_succeeds),
        cmocka_unit_test(test_closing_waits_two_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
