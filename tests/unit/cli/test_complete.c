/* test_complete.c — what TAB offers, by the place in the statement.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli/complete.h"

#include "unit/client/fake_server.h"

#define COLUMN(space, table, column) "[\"" space "\",\"" table "\",\"" column "\"]"

static void handle(struct fake_request *request)
{
    fake_answer(
        request, 200,
        "{\"status\":\"success\",\"results\":[{\"schema\":[{\"name\":\"table_schema\","
        "\"data_type\":\"Text\",\"index\":0},{\"name\":\"table_name\",\"data_type\":\"Text\","
        "\"index\":1},{\"name\":\"column_name\",\"data_type\":\"Text\",\"index\":2}],"
        "\"rows\":[" COLUMN("shop", "orders", "order_id") "," COLUMN(
            "shop", "orders",
            "amount") "," COLUMN("shop", "orphans",
                                 "amount_due") "," COLUMN("app", "notes",
                                                          "Text") "],\"row_count\":4,\"as_user\":"
                                                                  "\"lena\"}],\"took\":1}");
}

struct world {
    struct fake *fake;
    kalam_client *client;
    struct names *names;
};

/* The candidates with blanks between. */
static void expect(struct world *world, const char *line, const char *wanted)
{
    struct completion found;
    char text[4096] = "";

    complete_line(world->names, world->client, str_from_c(line), &found);
    for (size_t i = 0; i < found.count; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s", i > 0 ? " " : "", found.candidates[i]);
    }
    assert_true(found.common >= found.word_size);
    completion_clear(&found);
    if (strcmp(text, wanted) != 0)
        fail_msg("%s: %s, wanted %s", line, text, wanted);
}

static void test_by_place(void **state)
{
    struct world *world = *state;

    expect(world, "SEL", "SELECT");
    expect(world, "sel", "SELECT");
    expect(world, "SELECT * FROM ", "app.notes notes orders orphans shop.orders shop.orphans");
    expect(world, "SELECT * FROM or", "OR ORDER orders orphans");
    expect(world, "SELECT * FROM shop.or", "shop.orders shop.orphans");
    expect(world, "insert into SHOP.orp", "shop.orphans");
    expect(world, "SELECT * FROM orders WHERE am", "amount");
    expect(world, "SELECT * FROM orders,\norphans o WHERE o.am", "o.amount o.amount_due");
    expect(world, "SELECT am", "amount amount_due"); /* no table named yet: of all */
    expect(world, "SELECT regexp_m", "regexp_matches");
    expect(world, "SELECT 'FROM ' || te", "Text");
    expect(world, "\\d or", "OR ORDER orders orphans");
    expect(world, "\\format js", "json jsonl");
    expect(world, "\\tim", "\\timing");
    expect(world, "\\con", "\\config \\connect \\continue");
    expect(world, "SELECT zzz", "");
    expect(world, "", "");
    assert_int_equal(world->fake->requests, 1); /* asked once */
    names_forget(world->names);
    expect(world, "SELECT * FROM ord", "ORDER orders");
    assert_int_equal(world->fake->requests, 2);
}

static void test_without_a_server(void **state)
{
    struct world world = {.names = names_new()};

    expect(&world, "SELECT * FR", "FROM from_base64 from_binary from_hex");
    names_free(world.names);
    names_free(NULL);
}

static int set_up(void **state)
{
    static struct world world;
    struct kalam_options options = {0};

    world.fake = fake_start(handle);
    options.url = world.fake->url;
    world.names = names_new();
    *state = &world;
    return kalam_client_new(&options, &world.client, NULL) == KALAM_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct world *world = *state;

    names_free(world->names);
    kalam_client_free(world->client);
    fake_stop(world->fake);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_by_place, set_up, tear_down),
        cmocka_unit_test(test_without_a_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
