/* test_commit_fault.c — a group whose write fails: nobody is acknowledged, nothing is visible, no
 * later write is accepted, and the next start has exactly what was acknowledged.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store_fixture.h"

#include <stdlib.h>

enum { WRITES_BEFORE_FAULT = 4 }; /* storage and namespace, root, table, first row */

static void commit__failed_write_is_never_acknowledged(void **state)
{
    struct fixture f = {0};
    struct write write;
    struct change_group *group;
    struct error err;

    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "t"));
    fixture_insert(&f, id, "", 1, 1);
    struct view *before = view_acquire(f.store);
    struct feed_cursor *cursor = feed_follow(store_feed(f.store), view_position(before));
    write_begin(&write, &f, id);
    write_insert(&write, "", 2, 2);
    enum status status = write_run(&write, &f);
#ifndef KALAM_FAULTS
    assert_int_equal(status, STATUS_OK);
    skip();
#endif
    assert_int_equal(status, STATUS_STORAGE_UNAVAILABLE);
    assert_non_null(strstr(write.request.error.message, "write failed: "));
    assert_int_equal(fixture_n(&f, id, "", 2), -1);
    assert_int_equal(feed_next(cursor, 0, &group), STATUS_WOULD_BLOCK);
    for (int i = 0; i < 2; i++) { /* rows and catalogue alike */
        bool created;
        assert_int_equal(write_run(&write, &f), STATUS_STORAGE_UNAVAILABLE);
        assert_int_equal(ddl_create_namespace(f.store, STR_LIT("x"), STR_EMPTY, &created, &err),
                         STATUS_STORAGE_UNAVAILABLE);
        assert_false(created);
    }
    assert_int_equal(fixture_n(&f, id, "", 1), 1); /* reading goes on */
    write_end(&write);
    feed_unfollow(cursor);
    view_release(before);
    fixture_reopen(&f);
    assert_int_equal(fixture_n(&f, id, "", 1), 1);
    assert_int_equal(fixture_n(&f, id, "", 2), -1);
    fixture_insert(&f, id, "", 2, 3);
    assert_int_equal(fixture_counters(&f, id, "").buffered_rows, 2);
    fixture_close(&f);
}

int main(void)
{
    char fault[64];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commit__failed_write_is_never_acknowledged),
    };

    snprintf(fault, sizeof(fault), "commit_before_write:error:%d", WRITES_BEFORE_FAULT + 1);
    setenv("KALAM_FAULT", fault, 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
