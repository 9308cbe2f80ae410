/* test_memory.c — mem, arena, buf and check.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/base/support.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"

static void fail_check(void)
{
    CHECK(1 + 1 == 3);
}

static void overflow_calloc(void)
{
    mem_free(mem_calloc(SIZE_MAX / 2, 4));
}

static void overflow_array(void)
{
    struct arena arena;

    arena_init(&arena, 0);
    arena_array(&arena, SIZE_MAX / 2, 4);
}

static void test_memory__checks_stop_the_process(void **state)
{
    CHECK(true);
    assert_aborts(fail_check);
    assert_aborts(overflow_calloc);
    assert_aborts(overflow_array);
}

static void test_memory__mem(void **state)
{
    char *empty = mem_alloc(0), *zeroed = mem_zalloc(64), *copy = mem_strdup(STR_LIT("abc"));

    assert_non_null(empty);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(zeroed[i], 0);
    assert_string_equal(copy, "abc");
    copy = mem_realloc(copy, 1000);
    assert_string_equal(copy, "abc");
    char *nothing = mem_strdup(STR_EMPTY);
    assert_string_equal(nothing, "");
    mem_free(nothing);
    mem_free(copy);
    mem_free(zeroed);
    mem_free(empty);
    mem_free(NULL);
    void *tried = mem_try_realloc(mem_try_alloc(5), 10);
    assert_non_null(tried);
#ifndef KALAM_SANITIZED /* a sanitizer stops on such sizes itself */
    volatile size_t impossible = SIZE_MAX / 2;
    assert_null(mem_try_alloc(impossible));
    assert_null(mem_try_realloc(tried, impossible));
#endif
    mem_free(tried);
}

static void test_memory__arena_is_aligned_and_keeps_contents(void **state)
{
    unsigned char *pieces[3000];
    size_t sizes[3000];
    struct arena arena;

    arena_init(&arena, 0);
    for (size_t i = 0; i < 3000; i++) {
        sizes[i] = i % 50 == 0 ? 40000 + i : i % 97;
        pieces[i] = arena_alloc(&arena, sizes[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], (int)(i % 251), sizes[i]);
    }
    for (size_t i = 0; i < 3000; i++) {
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(pieces[i][k], i % 251);
    }
    arena_clear(&arena);
    assert_int_equal(arena.used_bytes, 0);
    arena_clear(&arena); /* an empty one too */
    char *again = arena_zalloc(&arena, 10);
    assert_int_equal(again[9], 0);
    arena_clear(&arena);
}

static void test_memory__arena_limit_is_reported_not_enforced(void **state)
{
    struct arena arena;
    struct error err;

    arena_init(&arena, 10000);
    assert_int_equal(arena_check(&arena, &err), STATUS_OK);
    arena_alloc(&arena, 5000);
    assert_int_equal(arena_check(&arena, &err), STATUS_OK);
    memset(arena_alloc(&arena, 5000), 1, 5000);
    assert_int_equal(arena_check(&arena, &err), STATUS_RESULT_TOO_LARGE);
    arena_clear(&arena);
    assert_int_equal(arena_check(&arena, &err), STATUS_OK);
}

static void test_memory__arena_helpers(void **state)
{
    struct arena arena;

    arena_init(&arena, 0);
    struct str copy = arena_copy(&arena, str_from("abcdef", 3));
    assert_string_equal(copy.data, "abc");
    assert_int_equal(copy.size, 3);
    assert_string_equal(arena_copy(&arena, STR_EMPTY).data, "");
    struct str text = arena_printf(&arena, "%s-%d", "x", 42);
    assert_string_equal(text.data, "x-42");
    assert_int_equal(text.size, 4);
    int *numbers = arena_array(&arena, 4, sizeof(int));
    assert_int_equal(numbers[3], 0);
    numbers[3] = 9;
    numbers = arena_grow(&arena, numbers, 4 * sizeof(int), 8 * sizeof(int));
    assert_int_equal(numbers[3], 9);
    arena_clear(&arena);
}

static void test_memory__buf(void **state)
{
    struct buf buf;
    size_t size;

    buf_init(&buf);
    assert_int_equal(buf_str(&buf).size, 0);
    for (int i = 0; i < 1000; i++)
        buf_append(&buf, "0123456789", 10);
    assert_int_equal(buf.size, 10000);
    assert_memory_equal(buf.data + 9990, "0123456789", 10);
    buf_reset(&buf);
    assert_true(buf.capacity >= 10000);
    buf_append_byte(&buf, 'a');
    buf_append_str(&buf, STR_LIT("bc"));
    buf_append(&buf, NULL, 0);
    buf_printf(&buf, "-%d-%s", 7, "xyz");
    assert_int_equal(buf.size, 9);
    assert_memory_equal(buf.data, "abc-7-xyz", 9);
    char *place = buf_reserve(&buf, 100000);
    assert_ptr_equal(place, buf.data + 9);
    assert_int_equal(buf.size, 9);
    char *taken = buf_take(&buf, &size);
    assert_memory_equal(taken, "abc-7-xyz", 9);
    assert_int_equal(size, 9);
    assert_null(buf.data);
    mem_free(taken);
    buf_clear(&buf);
    taken = buf_take(&buf, &size);
    assert_non_null(taken);
    assert_int_equal(size, 0);
    mem_free(taken);
}

static void test_memory__buf_printf_fits_every_length(void **state)
{
    struct buf buf = {0};
    char text[300];

    for (int length = 0; length < 299; length++) {
        memset(text, 'x', sizeof(text));
        text[length] = '\0';
        buf_clear(&buf);
        buf_printf(&buf, "%s", text);
        assert_int_equal(buf.size, length);
        assert_memory_equal(buf.data, text, (size_t)length);
    }
    buf_clear(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory__checks_stop_the_process),
        cmocka_unit_test(test_memory__mem),
        cmocka_unit_test(test_memory__arena_is_aligned_and_keeps_contents),
        cmocka_unit_test(test_memory__arena_limit_is_reported_not_enforced),
        cmocka_unit_test(test_memory__arena_helpers),
        cmocka_unit_test(test_memory__buf),
        cmocka_unit_test(test_memory__buf_printf_fits_every_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
