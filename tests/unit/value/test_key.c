/* test_key.c — the order of key bytes is the order of values, and keys read back.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/value/support.h"

#include "base/limits.h"
#include "value/key.h"

static const enum value_type key_kinds[] = {VALUE_BOOLEAN, VALUE_SMALLINT, VALUE_INT,
                                            VALUE_BIGINT,  VALUE_TEXT,     VALUE_UUID,
                                            VALUE_DATE,    VALUE_TIMESTAMP};

/* Few different bytes and short texts, so that prefixes, zeros and equals are common. */
static struct value random_key_text(struct arena *arena)
{
    static const char letters[] = {'\0', '\x01', 'a', ':', '\xff', '\xfe'};
    char text[8];
    size_t size = random_below(sizeof(text));

    for (size_t i = 0; i < size; i++)
        text[i] = letters[random_below(sizeof(letters))];
    return value_text(VALUE_TEXT, arena_copy(arena, str_from(text, size)));
}

static struct value random_key(enum value_type kind, struct arena *arena)
{
    struct value uuid = {.type = VALUE_UUID};
    int64_t near_zero = (int64_t)random_below(5) - 2;

    switch (kind) {
    case VALUE_BOOLEAN:
        return value_boolean(random_below(2) != 0);
    case VALUE_SMALLINT:
        return value_integer(kind, random_below(2) ? near_zero : (int16_t)random_next());
    case VALUE_INT:
        return value_integer(kind, random_below(2) ? near_zero : (int32_t)random_next());
    case VALUE_BIGINT:
        return value_integer(kind, random_below(2) ? near_zero : (int64_t)random_next());
    case VALUE_DATE:
        return value_integer(kind, (int64_t)random_below(3652058) - 719162);
    case VALUE_TIMESTAMP:
        return value_integer(kind,
                             (int64_t)(random_next() % 200000000000000000u) - 60000000000000000);
    case VALUE_UUID:
        uuid.uuid[0] = (uint8_t)random_below(3);
        uuid.uuid[15] = (uint8_t)random_next();
        return uuid;
    default:
        return random_key_text(arena);
    }
}

static int compare_columns(const struct value *a, const struct value *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int order = value_compare(&a[i], &b[i]);
        if (order != 0)
            return order;
    }
    return 0;
}

static void test_key__order_of_bytes_is_order_of_values(void **state)
{
    struct buf key_a = {0}, key_b = {0};
    struct arena arena;
    struct error err;

    arena_init(&arena, 0);
    random_seed();
    for (int round = 0; round < 60000; round++) {
        enum value_type kinds[4];
        struct value a[4], b[4], back[4];
        size_t count = 1 + random_below(4);
        for (size_t i = 0; i < count; i++) {
            kinds[i] = key_kinds[random_below(ARRAY_COUNT(key_kinds))];
            a[i] = random_key(kinds[i], &arena);
            b[i] = random_below(3) == 0 ? a[i] : random_key(kinds[i], &arena);
        }
        buf_reset(&key_a);
        buf_reset(&key_b);
        assert_int_equal(key_encode(a, count, &key_a, &err), STATUS_OK);
        assert_int_equal(key_encode(b, count, &key_b, &err), STATUS_OK);
        int order = str_compare(buf_str(&key_a), buf_str(&key_b));
        assert_int_equal((order > 0) - (order < 0), compare_columns(a, b, count));
        assert_int_equal(key_decode(buf_str(&key_a), kinds, count, &arena, back, &err), STATUS_OK);
        assert_int_equal(compare_columns(a, back, count), 0);
        if (round % 1000 == 0)
            arena_clear(&arena);
    }
    buf_clear(&key_a);
    buf_clear(&key_b);
    arena_clear(&arena);
}

static void test_key__bytes_are_those_of_the_specification(void **state)
{
    static const char number[] = {'\x7f', '\xff', '\xff', '\xff', '\xff', '\xff', '\xff', '\xfe'};
    static const char text[] = {'a', '\0', '\xff', 'b', '\0', '\0'};
    struct value values[] = {value_integer(VALUE_BIGINT, -2),
                             value_text(VALUE_TEXT, STR_LIT("a\0b")), value_boolean(true)};
    struct buf key = {0};
    struct error err;

    assert_int_equal(key_encode(values, 3, &key, &err), STATUS_OK);
    assert_int_equal(key.size, 8 + 6 + 1);
    assert_memory_equal(key.data, number, 8);
    assert_memory_equal(key.data + 8, text, 6);
    assert_int_equal(key.data[14], 1);
    buf_clear(&key);
}

static void test_key__too_long_is_refused_and_leaves_the_buffer(void **state)
{
    char text[LIMIT_KEY_BYTES] = {0};
    struct value value = value_text(VALUE_TEXT, str_from(text, sizeof(text) - 2));
    struct buf key = {0};
    struct error err;

    memset(text, 'x', sizeof(text));
    buf_append(&key, "user:", 5);
    assert_int_equal(key_encode(&value, 1, &key, &err), STATUS_OK);
    assert_int_equal(key.size, 5 + LIMIT_KEY_BYTES);
    key.size = 5;
    value.text.size++;
    assert_int_equal(key_encode(&value, 1, &key, &err), STATUS_CONSTRAINT_VIOLATION);
    assert_int_equal(key.size, 5);
    buf_clear(&key);
}

static void test_key__damaged_bytes_are_corrupt(void **state)
{
    static const struct {
        enum value_type kind;
        const char *bytes;
        size_t size;
    } cases[] = {
        {VALUE_BIGINT, "\x80\0\0\0\0\0\0", 7},
        {VALUE_BIGINT, "\x80\0\0\0\0\0\0\0\0", 9},
        {VALUE_BOOLEAN, "\x02", 1},
        {VALUE_BOOLEAN, "", 0},
        {VALUE_UUID, "123456789012345", 15},
        {VALUE_TEXT, "abc", 3},
        {VALUE_TEXT, "abc\0", 4},
        {VALUE_TEXT, "abc\0\x01", 5},
        {VALUE_TEXT, "abc\0\0x", 6},
        {VALUE_TEXT, "", 0},
        {VALUE_SMALLINT, "\x80\0\0\0\0\x01\0\0", 8},
        {VALUE_DATE, "\xff\0\0\0\0\0\0\0", 8},
    };
    struct arena arena;
    struct value out;
    struct error err;

    arena_init(&arena, 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_int_equal(key_decode(str_from(cases[i].bytes, cases[i].size), &cases[i].kind, 1,
                                    &arena, &out, &err),
                         STATUS_CORRUPT);
    arena_clear(&arena);
}

static void test_key__successor(void **state)
{
    struct buf prefix = {0};

    buf_append(&prefix, "lena:", 5);
    assert_true(key_successor(&prefix));
    assert_str(buf_str(&prefix), "lena;");
    buf_reset(&prefix);
    buf_append(&prefix, "a\xff\xff", 3);
    assert_true(key_successor(&prefix));
    assert_str(buf_str(&prefix), "b");
    buf_reset(&prefix);
    buf_append(&prefix, "\xff\xff", 2);
    assert_false(key_successor(&prefix));
    buf_reset(&prefix);
    assert_false(key_successor(&prefix));
    buf_clear(&prefix);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key__order_of_bytes_is_order_of_values),
        cmocka_unit_test(test_key__bytes_are_those_of_the_specification),
        cmocka_unit_test(test_key__too_long_is_refused_and_leaves_the_buffer),
        cmocka_unit_test(test_key__damaged_bytes_are_corrupt),
        cmocka_unit_test(test_key__successor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
