/* test_bloom.c — filters contain what was put in and refuse most of what was not.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "store/segment.h"

static uint64_t hash_of(uint64_t number)
{
    return hash_bytes(str_from((const char *)&number, sizeof(number)));
}

static void test_bloom__holds_every_key(void **state)
{
    enum { COUNT = 5000 };
    static uint64_t hashes[COUNT];
    struct buf bloom;

    buf_init(&bloom);
    for (uint64_t i = 0; i < COUNT; i++)
        hashes[i] = hash_of(i);
    bloom_build(hashes, COUNT, &bloom);
    for (uint64_t i = 0; i < COUNT; i++)
        assert_true(bloom_may_contain(buf_str(&bloom), hashes[i]));
    buf_clear(&bloom);
}

static void test_bloom__refuses_most_others(void **state)
{
    enum { COUNT = 5000, PROBES = 20000 };
    static uint64_t hashes[COUNT];
    struct buf bloom;
    int wrong = 0;

    buf_init(&bloom);
    for (uint64_t i = 0; i < COUNT; i++)
        hashes[i] = hash_of(i);
    bloom_build(hashes, COUNT, &bloom);
    assert_in_range(bloom.size, COUNT * 10 / 8, COUNT * 10 / 8 + 8);
    for (uint64_t i = 0; i < PROBES; i++)
        wrong += bloom_may_contain(buf_str(&bloom), hash_of(1000000 + i)) ? 1 : 0;
    /* built for 1 %; 5 % would still serve */
    assert_in_range(wrong, 1, PROBES * 2 / 100);
    buf_clear(&bloom);
}

static void test_bloom__one_key(void **state)
{
    uint64_t hash = hash_of(7);
    struct buf bloom;

    buf_init(&bloom);
    bloom_build(&hash, 1, &bloom);
    assert_int_equal(bloom.size % 8, 0);
    assert_true(bloom_may_contain(buf_str(&bloom), hash));
    assert_false(bloom_may_contain(buf_str(&bloom), hash_of(8)));
    buf_clear(&bloom);
}

/* Filters lie in segment records: what was written must be read by later versions. */
static void test_bloom__bits_are_a_format(void **state)
{
    static const uint64_t hashes[] = {0x0123456789abcdef, 0xfedcba9876543210, 0x9e3779b97f4a7c15,
                                      0xc2b2ae3d27d4eb4f};
    static const unsigned char bits[] = {0x80, 0x32, 0x40, 0xb8, 0x3c, 0x48, 0x00, 0x64};
    struct buf bloom;

    buf_init(&bloom);
    bloom_build(hashes, 4, &bloom);
    assert_int_equal(bloom.size, sizeof(bits));
    assert_memory_equal(bloom.data, bits, sizeof(bits));
    buf_clear(&bloom);
}

static void test_bloom__empty_filter_excludes_nothing(void **state)
{
    assert_true(bloom_may_contain(STR_EMPTY, 12345));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bloom__holds_every_key),
        cmocka_unit_test(test_bloom__refuses_most_others),
        cmocka_unit_test(test_bloom__one_key),
        cmocka_unit_test(test_bloom__bits_are_a_format),
        cmocka_unit_test(test_bloom__empty_filter_excludes_nothing),
    };
    return cmocka_run_group_tests_name("store/bloom", tests, NULL, NULL);
}
