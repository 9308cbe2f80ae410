/* test_commit_async.c — durability `async`: the log is synced once a second, not with each commit.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cold_fixture.h"

#include "base/clock.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>

static atomic_int syncs;

/* RocksDB syncs its log with this one. */
__attribute__((visibility("default"))) int fdatasync(int fd)
{
    atomic_fetch_add(&syncs, 1);
    return (int)syscall(SYS_fdatasync, fd);
}

static void commit__async_syncs_once_a_second(void **state)
{
    enum { COMMITS = 200 };
    struct cold_fixture f = {.folder = "", .options = {.durability = KV_ASYNC}};

    cold_open(&f);
    struct table_id id = cold_table(&f, TABLE_KIND_USER, "t", VALUE_BIGINT);
    assert_true(atomic_load(&syncs) > 0);
    int before = atomic_load(&syncs);
    int64_t start_ms = clock_monotonic_ms();
    for (int64_t i = 0; i < COMMITS; i++)
        fixture_insert(&f.base, id, "ann", i, i);
    int64_t seconds = (clock_monotonic_ms() - start_ms) / 1000;
    assert_in_range(atomic_load(&syncs) - before, 0, COMMITS / 10 + seconds);
    /* What came last is not left behind. */
    before = atomic_load(&syncs);
    start_ms = clock_monotonic_ms();
    while (atomic_load(&syncs) == before && clock_monotonic_ms() < start_ms + 20000)
        (void)sched_yield();
    assert_true(atomic_load(&syncs) > before);
    cold_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commit__async_syncs_once_a_second),
    };
    return cmocka_run_group_tests_name("store/commit_async", tests, NULL, NULL);
}
