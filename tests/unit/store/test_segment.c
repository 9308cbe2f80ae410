/* test_segment.c — records of segments survive encoding, nonsense is refused, keys are found.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "store/segment.h"

/* Keys are two letters, descending: zz zx | tt tb | mm | ca aa, in groups of two, two, one, two. */
static struct segment *segment_sample(bool with_bloom)
{
    static const char *const bounds[][2] = {{"zz", "zx"}, {"tt", "tb"}, {"mm", "mm"}, {"ca", "aa"}};
    static const char *const keys[] = {"zz", "zx", "tt", "tb", "mm", "ca", "aa"};
    uint64_t hashes[7];
    struct buf bloom;
    struct segment *segment = segment_new();

    segment->id = 42;
    segment->table.value = 100;
    segment->user = arena_copy(segment->arena, STR_LIT("alice"));
    segment->path = arena_copy(segment->arena, STR_LIT("n/users/t/alice/f.parquet"));
    segment->storage_id = arena_copy(segment->arena, STR_LIT("local"));
    segment->job_id = arena_copy(segment->arena, STR_LIT("flush-t-1-a"));
    segment->schema_version = 3;
    segment->rows = 7;
    segment->deleted_rows = 2;
    segment->bytes = 12345;
    segment->checksum = UINT64_C(0xfedcba9876543210);
    segment->seq_min = 10;
    segment->seq_max = 99;
    segment->updated_min = -5;
    segment->updated_max = 1000;
    segment->created_at = 777;
    segment->group_count = 4;
    segment->groups = arena_array(segment->arena, 4, sizeof(struct row_group));
    for (int i = 0; i < 4; i++) {
        segment->groups[i].rows = i == 2 ? 1 : 2;
        segment->groups[i].key_max = str_from_c(bounds[i][0]);
        segment->groups[i].key_min = str_from_c(bounds[i][1]);
        segment->groups[i].seq_min = 10 + i;
        segment->groups[i].seq_max = 90 + i;
    }
    segment->key_max = str_from_c("zz");
    segment->key_min = str_from_c("aa");
    if (with_bloom) {
        buf_init(&bloom);
        for (int i = 0; i < 7; i++)
            hashes[i] = hash_bytes(str_from_c(keys[i]));
        bloom_build(hashes, 7, &bloom);
        segment->bloom = arena_copy(segment->arena, buf_str(&bloom));
        buf_clear(&bloom);
    }
    return segment;
}

static void test_segment__round_trip(void **state)
{
    struct segment *segment = segment_sample(true), *copy = NULL;
    struct buf record;
    struct error err;

    buf_init(&record);
    segment_encode(segment, &record);
    assert_int_equal(segment_decode(buf_str(&record), &copy, &err), STATUS_OK);
    assert_int_equal(copy->id, 42);
    assert_int_equal(copy->table.value, 100);
    assert_true(str_equal(copy->user, segment->user));
    assert_true(str_equal(copy->path, segment->path));
    assert_true(str_equal(copy->storage_id, segment->storage_id));
    assert_true(str_equal(copy->job_id, segment->job_id));
    assert_int_equal(copy->schema_version, 3);
    assert_int_equal(copy->rows, 7);
    assert_int_equal(copy->deleted_rows, 2);
    assert_int_equal(copy->bytes, 12345);
    assert_true(copy->checksum == segment->checksum);
    assert_int_equal(copy->seq_min, 10);
    assert_int_equal(copy->seq_max, 99);
    assert_int_equal(copy->updated_min, -5);
    assert_int_equal(copy->updated_max, 1000);
    assert_int_equal(copy->created_at, 777);
    assert_int_equal(copy->group_count, 4);
    assert_int_equal(copy->groups[2].row_first, 4);
    assert_int_equal(copy->groups[3].seq_max, 93);
    assert_true(str_equal(copy->key_min, STR_LIT("aa")));
    assert_true(str_equal(copy->key_max, STR_LIT("zz")));
    assert_true(str_equal(copy->bloom, segment->bloom));
    segment_unref(copy);
    segment_unref(segment);
    buf_clear(&record);
}

static void test_segment__ranges_of_columns(void **state)
{
    struct segment *segment = segment_sample(false), *copy = NULL;
    struct column_bounds ranges[] = {{7, 100, 200}, {8, INT64_MAX, INT64_MIN}}; /* 8: NULLs only */
    struct buf record;
    struct error err;
    static const struct {
        struct column_bounds bounds;
        bool may;
    } cases[] = {
        {{7, 200, INT64_MAX}, true},
        {{7, 201, INT64_MAX}, false},
        {{7, INT64_MIN, 100}, true},
        {{7, INT64_MIN, 99}, false},
        {{7, 150, 150}, true},
        {{8, 0, INT64_MAX}, false},
        {{9, 0, 0}, true}, /* not known */
        {{COLUMN_ID_SEQ, 99, 99}, true},
        {{COLUMN_ID_SEQ, 100, INT64_MAX}, false},
        {{COLUMN_ID_UPDATED, INT64_MIN, -5}, true},
        {{COLUMN_ID_UPDATED, INT64_MIN, -6}, false},
    };

    buf_init(&record);
    segment_encode(segment, &record);
    record.data[0] = 1; /* the format without ranges */
    record.size -= sizeof(uint32_t);
    assert_int_equal(segment_decode(buf_str(&record), &copy, &err), STATUS_OK);
    assert_int_equal(copy->range_count, 0);
    assert_true(segment_may_hold(copy, &cases[1].bounds, 1));
    segment_unref(copy);
    segment->ranges = ranges;
    segment->range_count = 2;
    buf_reset(&record);
    segment_encode(segment, &record);
    for (size_t size = 0; size < record.size; size++)
        assert_int_equal(segment_decode(str_from(record.data, size), &copy, &err), STATUS_CORRUPT);
    assert_int_equal(segment_decode(buf_str(&record), &copy, &err), STATUS_OK);
    assert_true(segment_may_hold(copy, NULL, 0));
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_int_equal(segment_may_hold(copy, &cases[i].bounds, 1), cases[i].may);
    segment_unref(copy);
    segment_unref(segment);
    buf_clear(&record);
    (void)state;
}

static void test_segment__every_truncation_is_corrupt(void **state)
{
    struct segment *segment = segment_sample(true), *copy = NULL;
    struct buf record;
    struct error err;

    buf_init(&record);
    segment_encode(segment, &record);
    for (size_t size = 0; size < record.size; size++)
        assert_int_equal(segment_decode(str_from(record.data, size), &copy, &err), STATUS_CORRUPT);
    buf_append_byte(&record, 0);
    assert_int_equal(segment_decode(buf_str(&record), &copy, &err), STATUS_CORRUPT);
    segment_unref(segment);
    buf_clear(&record);
}

/* Whatever one changed byte does, decoding ends and memory stays in bounds. */
static void test_segment__every_flipped_byte_is_survived(void **state)
{
    struct segment *segment = segment_sample(true), *copy;
    struct buf record;
    struct error err;

    buf_init(&record);
    segment_encode(segment, &record);
    for (size_t i = 0; i < record.size; i++) {
        char before = record.data[i];
        record.data[i] = (char)(before ^ 0xff);
        copy = NULL;
        if (segment_decode(buf_str(&record), &copy, &err) == STATUS_OK)
            (void)segment_may_contain(copy, STR_LIT("mm"));
        segment_unref(copy);
        record.data[i] = before;
    }
    segment_unref(segment);
    buf_clear(&record);
}

static void check_refused(struct segment *segment)
{
    struct segment *copy = NULL;
    struct buf record;
    struct error err;

    buf_init(&record);
    segment_encode(segment, &record);
    assert_int_equal(segment_decode(buf_str(&record), &copy, &err), STATUS_CORRUPT);
    buf_clear(&record);
    segment_unref(segment);
}

static void test_segment__nonsense_is_corrupt(void **state)
{
    struct segment *segment = segment_sample(false);
    segment->groups[1].key_max = STR_LIT("zy"); /* overlaps the group before */
    check_refused(segment);
    segment = segment_sample(false);
    segment->groups[0].key_min = STR_LIT("zzz"); /* ascending */
    check_refused(segment);
    segment = segment_sample(false);
    segment->rows = 8;
    check_refused(segment);
    segment = segment_sample(false);
    segment->deleted_rows = 8;
    check_refused(segment);
    segment = segment_sample(false);
    segment->seq_min = 100;
    check_refused(segment);
    segment = segment_sample(false);
    segment->schema_version = 0;
    check_refused(segment);
    segment = segment_sample(false);
    segment->path = STR_EMPTY;
    check_refused(segment);
    segment = segment_sample(false);
    segment->bloom = STR_LIT("123");
    check_refused(segment);
}

static void test_segment__keys_sort_newest_first_within_an_instance(void **state)
{
    struct segment *a = segment_sample(false), *b = segment_sample(false);
    struct str alice = STR_LIT("alice"), al = STR_LIT("al");
    struct buf key_a, key_b, prefix;

    buf_init(&key_a);
    buf_init(&key_b);
    buf_init(&prefix);
    b->id = 43;
    segment_key(a, &key_a);
    segment_key(b, &key_b);
    assert_true(str_compare(buf_str(&key_b), buf_str(&key_a)) < 0);
    segment_key_prefix((struct table_id){258}, &al, &prefix); /* as it is stored */
    assert_int_equal(prefix.size, 11);
    assert_memory_equal(prefix.data, "\0\0\0\0\0\0\1\2al", 11);
    buf_reset(&prefix);
    segment_key_prefix(a->table, &alice, &prefix);
    assert_true(str_starts_with(buf_str(&key_a), buf_str(&prefix)));
    buf_reset(&prefix);
    segment_key_prefix(a->table, &al, &prefix); /* trap 4: al is not alice */
    assert_false(str_starts_with(buf_str(&key_a), buf_str(&prefix)));
    buf_reset(&prefix);
    segment_key_prefix(a->table, NULL, &prefix);
    assert_true(str_starts_with(buf_str(&key_a), buf_str(&prefix)));
    buf_clear(&key_a);
    buf_clear(&key_b);
    buf_clear(&prefix);
    segment_unref(a);
    segment_unref(b);
}

static void test_segment__finds_groups(void **state)
{
    struct segment *segment = segment_sample(false);

    assert_int_equal(segment_find_group(segment, STR_LIT("zzzz")), 0);
    assert_int_equal(segment_find_group(segment, STR_LIT("zx")), 0);
    assert_int_equal(segment_find_group(segment, STR_LIT("v")), 1);
    assert_int_equal(segment_find_group(segment, STR_LIT("tt")), 1);
    assert_int_equal(segment_find_group(segment, STR_LIT("mm")), 2);
    assert_int_equal(segment_find_group(segment, STR_LIT("ml")), 3);
    assert_int_equal(segment_find_group(segment, STR_LIT("aa")), 3);
    assert_int_equal(segment_find_group(segment, STR_LIT("a")), 4);
    segment_unref(segment);
}

static void test_segment__may_contain(void **state)
{
    struct segment *segment = segment_sample(false);

    assert_true(segment_may_contain(segment, STR_LIT("mm")));
    assert_true(segment_may_contain(segment, STR_LIT("ba"))); /* within a group: unknown */
    assert_false(segment_may_contain(segment, STR_LIT("v"))); /* between groups */
    assert_false(segment_may_contain(segment, STR_LIT("zzz")));
    assert_false(segment_may_contain(segment, STR_LIT("a")));
    segment_unref(segment);
    segment = segment_sample(true);
    assert_true(segment_may_contain(segment, STR_LIT("aa")));
    assert_false(segment_may_contain(segment, STR_LIT("ba"))); /* the filter knows */
    segment_unref(segment);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segment__round_trip),
        cmocka_unit_test(test_segment__ranges_of_columns),
        cmocka_unit_test(test_segment__every_truncation_is_corrupt),
        cmocka_unit_test(test_segment__every_flipped_byte_is_survived),
        cmocka_unit_test(test_segment__nonsense_is_corrupt),
        cmocka_unit_test(test_segment__keys_sort_newest_first_within_an_instance),
        cmocka_unit_test(test_segment__finds_groups),
        cmocka_unit_test(test_segment__may_contain),
    };
    return cmocka_run_group_tests_name("store/segment", tests, NULL, NULL);
}
