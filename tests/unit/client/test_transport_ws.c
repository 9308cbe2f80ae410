/* test_transport_ws.c — a WebSocket whose other side is silent.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "client/transport.h"

#include "base/clock.h"
#include "fake_server.h"

static void handle_silent(struct fake_request *request)
{
    char message[4096];

    fake_ws_upgrade(request);
    while (fake_ws_receive(request, message, sizeof message))
        continue;
    request->drop = true;
}

static void ignore(void *context, struct str text)
{
}

static struct websocket *open_websocket(const struct fake *fake, int silence_ms)
{
    struct websocket *socket = NULL;
    struct websocket_options options = {.url = fake->url,
                                        .end_ms = clock_monotonic_ms() + 20000,
                                        .silence_ms = silence_ms,
                                        .messages_per_second = 1};

    assert_int_equal(websocket_open(&options, &socket, NULL), KALAM_OK);
    return socket;
}

static void test_no_answer_to_a_ping_is_the_end(void **state)
{
    struct fake *fake = fake_start(handle_silent);
    struct websocket *socket;

    atomic_store(&fake->deaf, true);
    socket = open_websocket(fake, 200);
    while (websocket_poll(socket, 20, ignore, NULL) == KALAM_OK)
        continue;
    websocket_close(socket);
    fake_stop(fake);
}

static void test_answers_to_pings_keep_it(void **state)
{
    struct fake *fake = fake_start(handle_silent);
    struct websocket *socket = open_websocket(fake, 3000);

    while (atomic_load(&fake->pings) < 2)
        assert_int_equal(websocket_poll(socket, 500, ignore, NULL), KALAM_OK);
    websocket_close(socket);
    fake_stop(fake);
}

/* A silence in which nobody polled is none: the application was busy in a callback. */
static void test_only_time_in_polls_counts(void **state)
{
    struct fake *fake = fake_start(handle_silent);
    struct websocket *socket;

    atomic_store(&fake->deaf, true);
    socket = open_websocket(fake, 2);
    for (int i = 0; i < 10; i++) {
        usleep(5000);
        assert_int_equal(websocket_poll(socket, 0, ignore, NULL), KALAM_OK);
    }
    websocket_close(socket);
    fake_stop(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_answer_to_a_ping_is_the_end),
        cmocka_unit_test(test_answers_to_pings_keep_it),
        cmocka_unit_test(test_only_time_in_polls_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
