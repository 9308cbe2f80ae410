/* test_memory.c — every allocation of libkalam fails in turn: alone, and with all that follow. Each
 * call then says KALAM_NO_MEMORY or works; nothing leaks (LeakSanitizer) and the process goes on.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/mem.h"
#include "kalam/kalam.h"

#include "fake_server.h"

enum { WAIT_MS = 20000, ALLOCATIONS_MAX = 2000 };

#define SESSION \
    "{\"user\":{\"id\":\"lena\",\"role\":\"user\"},\"access_token\":\"a.b.c\"," \
    "\"refresh_token\":\"d.e.f\"}"

/* Statements, log-in, and a live query of two batches with a change behind. */
static void handle(struct fake_request *request)
{
    char message[4096], id[64];
    const char *at;

    if (strstr(request->head, "/auth/")) {
        fake_answer(request, 200, SESSION);
        return;
    }
    if (!strstr(request->head, "Upgrade:")) {
        fake_answer(request, 200,
                    strstr(request->head, "/health") ? "{\"status\":\"healthy\",\"version\":\"1\"}"
                                                     : FAKE_ROWS);
        return;
    }
    fake_ws_upgrade(request);
    while (fake_ws_receive(request, message, sizeof message)) {
        at = strstr(message, "\"kalam-");
        if (!at || sscanf(at + 1, "%63[^\"]", id) != 1)
            continue;
        if (strstr(message, "\"subscribe\"")) {
            fake_ws_send(
                request,
                "{\"type\":\"subscription_ack\",\"subscription_id\":\"%s\","
                "\"total_rows\":2,\"batch_control\":{\"batch_num\":0,\"has_more\":true,"
                "\"status\":\"loading\",\"last_seq_id\":null},\"schema\":[{\"name\":\"id\","
                "\"data_type\":\"BigInt\",\"index\":0,\"flags\":[\"pk\"]}]}",
                id);
            fake_ws_send(request,
                         "{\"type\":\"initial_data_batch\",\"subscription_id\":\"%s\",\"rows\":"
                         "[{\"id\":\"1\",\"_seq\":\"1\"}],\"batch_control\":{\"batch_num\":0,"
                         "\"has_more\":true,\"status\":\"loading_batch\",\"last_seq_id\":1}}",
                         id);
        } else if (strstr(message, "\"next_batch\"")) {
            fake_ws_send(request,
                         "{\"type\":\"initial_data_batch\",\"subscription_id\":\"%s\",\"rows\":"
                         "[{\"id\":\"2\",\"_seq\":\"2\"}],\"batch_control\":{\"batch_num\":1,"
                         "\"has_more\":false,\"status\":\"ready\",\"last_seq_id\":2}}",
                         id);
            fake_ws_send(request,
                         "{\"type\":\"change\",\"subscription_id\":\"%s\",\"change_type\":"
                         "\"update\",\"rows\":[{\"id\":\"2\",\"_seq\":\"3\"}],\"old_values\":"
                         "[{\"id\":\"2\",\"_seq\":\"2\"}]}",
                         id);
        } else if (strstr(message, "\"unsubscribe\"")) {
            fake_ws_send(request, "{\"type\":\"unsubscribed\",\"subscription_id\":\"%s\"}", id);
        }
    }
    request->drop = true;
}

/* True when memory was short; anything else that is no success fails the test. */
static bool starved(kalam_status status, const kalam_error *error)
{
    if (status != KALAM_OK && status != KALAM_NO_MEMORY)
        fail_msg("%s: %s", kalam_status_name(status), error->message);
    return status == KALAM_NO_MEMORY;
}

static bool take_batch(void *context, const kalam_results *batch, size_t statement, bool last)
{
    size_t *rows = context;

    assert_int_equal(statement, 1);
    *rows += kalam_row_count(batch, 0);
    return true;
}

static bool use_results(kalam_client *client)
{
    kalam_param params[] = {{.type = KALAM_TEXT, .text = "Tea"}, {.type = KALAM_REAL, .real = 1.5}};
    kalam_results *results = NULL;
    kalam_error error;
    char *json, *csv;
    size_t rows = 0;
    bool failed;

    if (starved(kalam_query_params(client, "SELECT 1", params, 2, &results, &error), &error))
        return false;
    failed = kalam_text(results, 0, 0, 2) == NULL || kalam_text(results, 0, 0, 3) == NULL;
    json = kalam_to_json(results, 0);
    csv = kalam_to_csv(results, 0);
    failed |= !json || !csv;
    kalam_text_free(json);
    kalam_text_free(csv);
    kalam_results_free(results);
    if (failed)
        return false;
    if (starved(kalam_query_each(client, "SELECT 1", NULL, 0, 1, take_batch, &rows, &error),
                &error))
        return false;
    assert_int_equal(rows, 2);
    return true;
}

static bool use_subscription(kalam_client *client)
{
    struct kalam_subscribe_options options = {.last_rows = -1};
    kalam_subscription *subscription = NULL;
    const kalam_event *event = NULL;
    kalam_error error;
    bool done = false, failed = false;

    if (starved(kalam_subscribe(client, "SUBSCRIBE TO t", &options, &subscription, &error), &error))
        return false;
    while (!done && !failed) {
        assert_int_equal(kalam_sub_next(subscription, WAIT_MS, &event), KALAM_OK);
        if (event->type == KALAM_EVENT_ERROR)
            failed = starved(event->error.status, &event->error);
        if (event->type == KALAM_EVENT_UPDATE) {
            char *json = kalam_event_json(event, 0, true);
            failed = !json || !kalam_event_text(event, 0, false, 0);
            kalam_text_free(json);
            done = true;
        }
    }
    kalam_sub_close(subscription);
    return !failed;
}

static bool use_row_set(kalam_client *client)
{
    kalam_live *live = NULL;
    kalam_error error;
    kalam_status status = KALAM_OK;
    bool failed;

    if (starved(kalam_live_open(client, "SELECT * FROM t", NULL, &live, &error), &error))
        return false;
    while (status == KALAM_OK) {
        const char *seq = kalam_live_get(live, 1, "_seq");
        if (kalam_live_count(live) == 2 && (!seq || strcmp(seq, "3") == 0))
            break;
        status = kalam_live_wait(live, WAIT_MS, &error);
    }
    failed =
        starved(status, &error) || !kalam_live_text(live, 0, 0) || !kalam_live_get(live, 1, "_seq");
    kalam_live_close(live);
    return !failed;
}

/* True when every call worked. */
static bool use_everything(const struct fake *fake)
{
    struct kalam_options options = {
        .url = fake->url, .user = "lena", .password = "secret", .space = "s"};
    kalam_client *client = NULL;
    kalam_session session = {0};
    kalam_error error;
    bool done = false;

    if (starved(kalam_client_new(&options, &client, &error), &error))
        return false;
    if (starved(kalam_health(client, NULL, 0, &error), &error) ||
        starved(kalam_login(client, "lena", "secret", &session, &error), &error) ||
        starved(kalam_setup(client, "r", "u", "p", NULL, &error), &error))
        goto out;
    done = use_results(client) && use_subscription(client) && use_row_set(client);
out:
    kalam_session_clear(&session);
    kalam_client_free(client);
    return done;
}

static void fail_each(bool all)
{
    unsigned n = 0, told = 0;
    bool reached = true, done = false;

    while (reached) {
        struct fake *fake = fake_start(handle);
        (void)mem_try_fail_at(++n, all);
        done = use_everything(fake);
        reached = mem_try_fail_at(0, false);
        told += !done;
        fake_stop(fake);
        assert_in_range(n, 1, ALLOCATIONS_MAX);
    }
    assert_true(done);
    assert_in_range(n, 100, ALLOCATIONS_MAX);
    /* Only pings, the good-bye of a subscription and what a renewed attempt makes good are silent.
     */
    if (all)
        assert_in_range(told, n - n / 10, n);
}

static void test_one_allocation_fails(void **state)
{
    (void)state;
    fail_each(false);
}

static void test_all_allocations_fail_from_there_on(void **state)
{
    (void)state;
    fail_each(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_allocation_fails),
        cmocka_unit_test(test_all_allocations_fail_from_there_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
