/* test_live_set.c — row sets: the order of rows through many changes, and changes that never end.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "kalam/kalam.h"

#include "fake_server.h"

enum { KEYS = 200, CHANGES = 5000, LAST_KEY = 1000, WAIT_MS = 20000 };

static void begin_row_set(struct fake_request *request, char id[64])
{
    char message[4096];
    const char *at;

    fake_ws_upgrade(request);
    fake_require(fake_ws_receive(request, message, sizeof message), "subscribe", "nothing came");
    at = strstr(message, "\"id\":\"");
    fake_require(at && sscanf(at, "\"id\":\"%63[^\"]", id) == 1, "subscribe", message);
    fake_ws_send(request,
                 "{\"type\":\"subscription_ack\",\"subscription_id\":\"%s\",\"total_rows\":0,"
                 "\"batch_control\":{\"batch_num\":0,\"has_more\":false,\"status\":\"ready\","
                 "\"last_seq_id\":null},\"schema\":[{\"name\":\"id\",\"data_type\":\"Int\","
                 "\"index\":0,\"flags\":[\"pk\"]}]}",
                 id);
}

static void send_change(struct fake_request *request, const char *id, const char *type, int key)
{
    bool has_new = strcmp(type, "delete") != 0, has_old = strcmp(type, "insert") != 0;
    char rows[64] = "", old[64] = "";

    if (has_new)
        snprintf(rows, sizeof rows, ",\"rows\":[{\"id\":%d}]", key);
    if (has_old)
        snprintf(old, sizeof old, ",\"old_values\":[{\"id\":%d}]", key);
    fake_ws_send(request,
                 "{\"type\":\"change\",\"subscription_id\":\"%s\",\"change_type\":\"%s\"%s%s}", id,
                 type, rows, old);
}

/* ---- order ---- */

/* The keys as they should stand. */
struct model {
    int keys[KEYS];
    size_t count;
    uint32_t random;
};

/* The next change, the same in every run: inserts where the key is missing, now and then an update,
 * else a delete. */
static const char *change_next(struct model *model, int *key)
{
    size_t at = 0;

    model->random = model->random * 1664525 + 1013904223;
    *key = (int)((model->random >> 16) % KEYS);
    while (at < model->count && model->keys[at] != *key)
        at++;
    if (at == model->count) {
        model->keys[model->count++] = *key;
        return "insert";
    }
    if ((model->random >> 8) % 3 == 0)
        return "update";
    model->count--;
    memmove(model->keys + at, model->keys + at + 1, (model->count - at) * sizeof *model->keys);
    return "delete";
}

static void handle_changes(struct fake_request *request)
{
    struct model model = {0};
    char id[64], message[4096];

    begin_row_set(request, id);
    for (int i = 0, key; i < CHANGES; i++) {
        const char *type = change_next(&model, &key);
        send_change(request, id, type, key);
    }
    send_change(request, id, "insert", LAST_KEY);
    (void)fake_ws_receive(request, message, sizeof message); /* it ends */
    request->drop = true;
}

static void test_rows_stand_in_order_of_arrival(void **state)
{
    struct fake *fake = fake_start(handle_changes);
    struct kalam_options options = {.url = fake->url};
    struct model model = {0};
    kalam_client *client = NULL;
    kalam_live *live = NULL;
    const char *last;

    for (int i = 0, key; i < CHANGES; i++)
        (void)change_next(&model, &key);
    assert_in_range(model.count, 1, KEYS - 1);
    assert_int_equal(kalam_client_new(&options, &client, NULL), KALAM_OK);
    assert_int_equal(kalam_live_open(client, "SELECT * FROM t", NULL, &live, NULL), KALAM_OK);
    do {
        kalam_status status = kalam_live_wait(live, WAIT_MS, NULL);
        size_t count = kalam_live_count(live);
        assert_int_equal(status, KALAM_OK);
        last = count > 0 ? kalam_live_text(live, count - 1, 0) : "";
        assert_int_equal(kalam_live_columns(live, count), 0);
    } while (atoi(last) != LAST_KEY);
    assert_int_equal(kalam_live_count(live), model.count + 1);
    for (size_t i = 0; i < model.count; i++)
        assert_int_equal(atoi(kalam_live_text(live, i, 0)), model.keys[i]);
    kalam_live_close(live);
    kalam_client_free(client);
    fake_stop(fake);
}

/* ---- changes without an end ---- */

static void handle_flood(struct fake_request *request)
{
    char id[64];

    begin_row_set(request, id);
    for (int key = 0; !atomic_load(&request->fake->flag); key = (key + 1) % KEYS)
        send_change(request, id, "insert", key);
    request->drop = true;
}

static void test_waiting_ends_though_changes_do_not(void **state)
{
    struct fake *fake = fake_start(handle_flood);
    struct kalam_options options = {.url = fake->url};
    kalam_client *client = NULL;
    kalam_live *live = NULL;

    assert_int_equal(kalam_client_new(&options, &client, NULL), KALAM_OK);
    assert_int_equal(kalam_live_open(client, "SELECT * FROM t", NULL, &live, NULL), KALAM_OK);
    assert_int_equal(kalam_live_wait(live, -1, NULL), KALAM_OK);
    assert_int_equal(kalam_live_wait(live, WAIT_MS, NULL), KALAM_OK);
    atomic_store(&fake->flag, 1);
    kalam_live_close(live);
    kalam_client_free(client);
    fake_stop(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_stand_in_order_of_arrival),
        cmocka_unit_test(test_waiting_ends_though_changes_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
