/* test_address.c — ranges of addresses, and the client behind proxies.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/macros.h"
#include "net/address.h"

static void test_address__ranges(void **state)
{
    static const char *const good[] = {"10.0.0.0/8", "0.0.0.0/0",     "127.0.0.1",  "::/0",
                                       "::1",        "2001:db8::/32", "1.2.3.4/32", "::1/128"};
    static const char *const bad[] = {"",       "10.0.0.1/8", "10.0.0.0/33", "::/129",
                                      "proxy",  "10.0.0.0/",  "10.0.0.0/-1", "10.0.0/8",
                                      "::1/64", "1.2.3.4/x",  "/8",          "::ffff:10.0.0.0/8"};
    struct address_range range;

    for (size_t i = 0; i < ARRAY_COUNT(good); i++)
        if (!address_range_parse(str_from_c(good[i]), &range))
            fail_msg("%s is a range", good[i]);
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        if (address_range_parse(str_from_c(bad[i]), &range))
            fail_msg("%s is no range", bad[i]);
}

static void test_address__membership(void **state)
{
    struct address_range ranges[3];

    assert_true(address_range_parse(STR_LIT("10.64.0.0/10"), &ranges[0]));
    assert_true(address_range_parse(STR_LIT("2001:db8::/32"), &ranges[1]));
    assert_true(address_range_parse(STR_LIT("192.168.1.7"), &ranges[2]));
    assert_true(address_in_ranges(STR_LIT("10.64.0.1"), ranges, 3));
    assert_true(address_in_ranges(STR_LIT("10.127.255.255"), ranges, 3));
    assert_true(
        address_in_ranges(STR_LIT("::ffff:10.64.0.1"), ranges, 3)); /* a dual socket says so */
    assert_true(address_in_ranges(STR_LIT("2001:db8:1::5"), ranges, 3));
    assert_true(address_in_ranges(STR_LIT("192.168.1.7"), ranges, 3));
    assert_false(address_in_ranges(STR_LIT("10.128.0.0"), ranges, 3));
    assert_false(address_in_ranges(STR_LIT("10.63.255.255"), ranges, 3));
    assert_false(address_in_ranges(STR_LIT("2001:db9::1"), ranges, 3));
    assert_false(address_in_ranges(STR_LIT("192.168.1.70"), ranges, 3));
    assert_false(address_in_ranges(STR_LIT("unknown"), ranges, 3));
    assert_false(address_in_ranges(STR_LIT("10.64.0.1"), ranges, 0));
}

static void test_address__client_behind_proxies(void **state)
{
    static const struct {
        const char *peer, *forwarded, *client;
    } cases[] = {
        {"10.0.0.1", "", "10.0.0.1"},
        {"10.0.0.1", "203.0.113.9", "203.0.113.9"},
        {"10.0.0.1", "1.1.1.1, 203.0.113.9",
         "203.0.113.9"}, /* what a client claims does not count */
        {"10.0.0.1", "1.1.1.1, 203.0.113.9 ,10.0.0.2", "203.0.113.9"},
        {"10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3"},
        {"10.0.0.1", "203.0.113.9:4711", "203.0.113.9"},
        {"10.0.0.1", "[2001:db8::5]:4711", "2001:db8::5"},
        {"10.0.0.1", "2001:db8::5", "2001:db8::5"},
        {"10.0.0.1", "203.0.113.9, garbage", "10.0.0.1"},
        {"10.0.0.1", "203.0.113.9,", "10.0.0.1"},
        {"10.0.0.1", "[", "10.0.0.1"},
        {"10.0.0.1", ",,,", "10.0.0.1"},
        {"198.51.100.4", "203.0.113.9", "198.51.100.4"}, /* not a proxy of ours */
    };
    struct address_range trusted;
    char client[ADDRESS_TEXT_BYTES];

    assert_true(address_range_parse(STR_LIT("10.0.0.0/24"), &trusted));
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        address_of_client(cases[i].peer, str_from_c(cases[i].forwarded), &trusted, 1, client);
        assert_string_equal(client, cases[i].client);
    }
    address_of_client("10.0.0.1", STR_LIT("203.0.113.9"), NULL, 0, client);
    assert_string_equal(client, "10.0.0.1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_address__ranges),
        cmocka_unit_test(test_address__membership),
        cmocka_unit_test(test_address__client_behind_proxies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
