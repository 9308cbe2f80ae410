/* test_run.c — the state machine of a statement: where steps run, commits, parameters, limits, errors.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_fixture.h"

static void test_run__thin_path(void **state)
{
    struct sql_fixture f = {0};
    (void)state;

    fixture_open(&f, false);
    fixture_sql(&f, "CREATE NAMESPACE shop");
    fixture_sql(&f, "CREATE USER TABLE shop.items (id BIGINT PRIMARY KEY, title TEXT NOT NULL, price "
                    "DECIMAL(10,2))");
    assert_string_equal(fixture_sql(&f, "INSERT INTO shop.items VALUES (8123,'Tea',3.5),(8124,'Ink',NULL)"),
                        "Inserted 2 row(s)");
    assert_string_equal(fixture_sql(&f, "SELECT id, title, price FROM shop.items WHERE id = 8123"),
                        "id BIGINT pk nn uq | title TEXT nn | price DECIMAL(10,2)\n8123 | Tea | 3.50\n");
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run__thin_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
