/* test_id.c — clock and identifiers: order, layout, clocks that go back.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/base/support.h"

#include "base/clock.h"
#include "base/id.h"

#include <pthread.h>

static void test_id__clock(void **state)
{
    int64_t before = clock_monotonic_ns();

    assert_true(clock_now_us() > INT64_C(1600000000000000));
    clock_fake(1234);
    assert_true(clock_now_us() == 1234);
    clock_fake(-1);
    assert_true(clock_now_us() > INT64_C(1600000000000000));
    assert_true(clock_monotonic_ns() >= before);
    assert_true(clock_monotonic_ms() >= before / 1000000);
    assert_true(clock_thread_cpu_us() >= 0);
}

static void test_id__snowflake_layout(void **state)
{
    int64_t now_ms = ID_SNOWFLAKE_EPOCH_MS + INT64_C(100000000000);

    clock_fake(now_ms * 1000);
    id_init(513);
    int64_t id = id_snowflake();
    assert_true(id_snowflake_ms(id) == now_ms);
    assert_true((id >> 12 & 1023) == 513);
    assert_true((id & 4095) == 0);
    assert_true((id_snowflake() & 4095) == 1);
    id_init(0);
    clock_fake(-1);
}

static void test_id__snowflakes_rise_when_the_clock_goes_back(void **state)
{
    int64_t now_us = (ID_SNOWFLAKE_EPOCH_MS + INT64_C(200000000000)) * 1000;

    clock_fake(now_us);
    int64_t last = id_snowflake();
    clock_fake(now_us - 3600000000);
    for (int i = 0; i < 10000; i++) { /* more than one millisecond holds */
        int64_t next = id_snowflake();
        assert_true(next > last);
        last = next;
    }
    id_floor(id_snowflake_ms(last) + 1000);
    assert_true(id_snowflake_ms(id_snowflake()) == id_snowflake_ms(last) + 1001);
    id_floor(1); /* never lowers */
    assert_true(id_snowflake() > last);
    clock_fake(-1);
}

enum { THREADS = 4, IDS = 20000 };

static int64_t thread_ids[THREADS][IDS];

static void *take_ids(void *argument)
{
    int64_t *ids = argument;

    for (int i = 0; i < IDS; i++)
        ids[i] = id_snowflake();
    return NULL;
}

static int compare_ids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void test_id__threads_never_share_a_snowflake(void **state)
{
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, take_ids, thread_ids[i]);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++) {
        for (int k = 1; k < IDS; k++)
            assert_true(thread_ids[i][k] > thread_ids[i][k - 1]);
    }
    int64_t *all = &thread_ids[0][0];
    qsort(all, THREADS * IDS, sizeof(*all), compare_ids);
    for (int i = 1; i < THREADS * IDS; i++)
        assert_true(all[i] != all[i - 1]);
}

static void test_id__uuid_v7(void **state)
{
    uint8_t last[ID_UUID_SIZE], next[ID_UUID_SIZE];

    clock_fake(INT64_C(0x0102030405) * 1000 + 500);
    id_uuid_v7(last);
    assert_memory_equal(last, "\x00\x01\x02\x03\x04\x05", 6);
    assert_int_equal(last[6] >> 4, 7);
    assert_int_equal(last[8] >> 6, 2);
    for (int i = 0; i < 10000; i++) {
        id_uuid_v7(next);
        assert_true(memcmp(next, last, 8) > 0); /* rises even within a microsecond */
        memcpy(last, next, sizeof(last));
    }
    clock_fake(-1);
}

static void test_id__ulid(void **state)
{
    char first[ID_ULID_SIZE], second[ID_ULID_SIZE];

    clock_fake(INT64_C(1469918176385) * 1000); /* example of the ULID specification */
    id_ulid(first);
    assert_memory_equal(first, "01ARYZ6S41", 10);
    id_ulid(second);
    assert_memory_not_equal(first, second, ID_ULID_SIZE);
    for (size_t i = 0; i < ID_ULID_SIZE; i++)
        assert_non_null(strchr("0123456789ABCDEFGHJKMNPQRSTVWXYZ", first[i]));
    clock_fake(-1);
}

static void test_id__random(void **state)
{
    uint8_t a[1000] = {0}, b[1000] = {0};

    id_random(a, sizeof(a));
    id_random(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    id_random(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_id__clock),
        cmocka_unit_test(test_id__snowflake_layout),
        cmocka_unit_test(test_id__snowflakes_rise_when_the_clock_goes_back),
        cmocka_unit_test(test_id__threads_never_share_a_snowflake),
        cmocka_unit_test(test_id__uuid_v7),
        cmocka_unit_test(test_id__ulid),
        cmocka_unit_test(test_id__random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
