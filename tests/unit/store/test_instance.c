/* test_instance.c — records of instances: bytes, iteration by table.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store_fixture.h"

#include "store/instance.h"

static void instance__encodes_all_fields(void **state)
{
    struct instance_record record = {.buffered_rows = 1,
                                     .rows_since_flush = 2,
                                     .segments_version = 3,
                                     .cold_rows = 4,
                                     .cold_bytes = 5,
                                     .segments = 6,
                                     .last_flush_us = 7},
                           back;
    struct error err;
    struct buf bytes;

    buf_init(&bytes);
    instance_encode(&record, &bytes);
    assert_int_equal(instance_decode(buf_str(&bytes), &back, &err), STATUS_OK);
    assert_int_equal(back.buffered_rows, 1);
    assert_int_equal(back.rows_since_flush, 2);
    assert_int_equal(back.segments_version, 3);
    assert_int_equal(back.cold_rows, 4);
    assert_int_equal(back.cold_bytes, 5);
    assert_int_equal(back.segments, 6);
    assert_int_equal(back.last_flush_us, 7);
    bytes.data[0] = 9;
    assert_int_equal(instance_decode(buf_str(&bytes), &back, &err), STATUS_CORRUPT);
    bytes.data[0] = 1;
    bytes.size--;
    assert_int_equal(instance_decode(buf_str(&bytes), &back, &err), STATUS_CORRUPT);
    buf_clear(&bytes);
}

struct seen {
    char users[64];
    int64_t rows;
    int stop_after;
};

static bool seen_visit(void *context, struct str user, const struct instance_counters *counters)
{
    struct seen *seen = context;

    strncat(seen->users, user.data, user.size);
    strcat(seen->users, ",");
    seen->rows += counters->buffered_rows;
    return --seen->stop_after != 0;
}

static void instance__each_stays_inside_its_table(void **state)
{
    struct fixture f = {0};
    struct seen seen = {.stop_after = 100};
    struct error err;

    fixture_open(&f);
    struct table_id one = fixture_create(&f, fixture_table(TABLE_KIND_USER, "one"));
    struct table_id two = fixture_create(&f, fixture_table(TABLE_KIND_USER, "two"));
    for (int i = 0; i < 3; i++) {
        fixture_insert(&f, one, "ann", i, i);
        fixture_insert(&f, one, "bob", i, i);
        fixture_insert(&f, two, "eve", i, i);
    }
    struct view *view = view_acquire(f.store);
    const struct table *table = catalog_find_table_id(view_catalog(view), one);
    assert_int_equal(instance_each(f.store, view, table, seen_visit, &seen, &err), STATUS_OK);
    assert_string_equal(seen.users, "ann,bob,");
    assert_int_equal(seen.rows, 6);
    seen = (struct seen){.stop_after = 1};
    assert_int_equal(instance_each(f.store, view, table, seen_visit, &seen, &err), STATUS_OK);
    assert_string_equal(seen.users, "ann,");
    view_release(view);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instance__encodes_all_fields),
        cmocka_unit_test(instance__each_stays_inside_its_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
