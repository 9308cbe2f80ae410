/* test_commit_instance.c — the commit thread's cache of instance records: more instances than it
 * keeps, none of which loses its counters.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store_fixture.h"

#include "base/mem.h"
#include "store/commit/commit_internal.h"

enum { USERS = COMMIT_INSTANCES_MAX + 100 };

/* One row `id` of each user, in one request. */
static void insert_all(struct fixture *f, struct table_id table, int64_t id)
{
    struct row_op *ops = mem_calloc(USERS, sizeof(*ops));
    struct write write;

    write_begin(&write, f, table);
    (void)write_insert(&write, "", id, 1);
    for (int i = 0; i < USERS; i++) {
        char *user = arena_alloc(&write.arena, 16);
        (void)snprintf(user, 16, "u%d", i);
        ops[i] = write.ops[0];
        ops[i].user = str_from_c(user);
    }
    write.request.ops = ops;
    write.request.op_count = USERS;
    write.request.flags = 0;
    assert_int_equal(write_run(&write, f), STATUS_OK);
    assert_int_equal(write.request.rows_affected, USERS);
    write_end(&write);
    mem_free(ops);
}

static void commit_instance__more_than_the_cache_keeps(void **state)
{
    struct fixture f = {.options = {.statement_write_bytes_max = 1 << 30}};
    struct table *events = fixture_table(TABLE_KIND_STREAM, "log");

    events->ttl_seconds = 3600;
    events->max_buffer = 1000;
    fixture_open(&f);
    struct table_id own = fixture_create(&f, fixture_table(TABLE_KIND_USER, "own"));
    struct table_id log = fixture_create(&f, events);
    fixture_insert(&f, log, "", 1, 1);
    insert_all(&f, own, 1);
    /* the counters of a stream are in memory only, so they stay; the others are read again */
    fixture_insert(&f, log, "", 2, 1);
    fixture_insert(&f, own, "u7", 2, 1);
    assert_int_equal(fixture_counters(&f, own, "u7").buffered_rows, 2);
    insert_all(&f, own, 3);
    assert_int_equal(fixture_counters(&f, own, "u7").buffered_rows, 3);
    assert_int_equal(fixture_counters(&f, own, "u8").buffered_rows, 2);
    assert_int_equal(fixture_counters(&f, own, "u65600").buffered_rows, 2);
    assert_int_equal(fixture_counters(&f, log, "").buffered_rows, 2);
    assert_true(f.store->pipeline->instances.count <= COMMIT_INSTANCES_MAX);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commit_instance__more_than_the_cache_keeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
