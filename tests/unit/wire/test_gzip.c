/* test_gzip.c — whole messages through gzip, limits and damage.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/wire/support.h"

#include "wire/gzip.h"

#include <pthread.h>

static struct buf sample_text(size_t size)
{
    struct buf text = {0};

    while (text.size < size)
        buf_printf(&text, "{\"id\":\"%zu\",\"title\":\"Tea\"},", text.size);
    text.size = size;
    return text;
}

static void test_gzip__round_trip(void **state)
{
    struct buf text = sample_text(100000), packed = {0}, back = {0};
    struct error err;

    buf_append(&packed, "x", 1); /* appended, not overwritten */
    assert_true(gzip_compress(buf_str(&text), &packed));
    struct str gzip = str_from(packed.data + 1, packed.size - 1);
    assert_true(gzip_is(gzip));
    assert_true(gzip.size < text.size / 4);
    assert_int_equal(gzip_decompress(gzip, 100000, &back, &err), STATUS_OK);
    assert_true(str_equal(buf_str(&back), buf_str(&text)));
    assert_int_equal(gzip_decompress(gzip, 99999, &back, &err), STATUS_PAYLOAD_TOO_LARGE);
    buf_clear(&text);
    buf_clear(&packed);
    buf_clear(&back);
}

static void *compress_elsewhere(void *context)
{
    struct buf *packed = context;
    struct buf text = sample_text(100000);

    assert_true(gzip_compress(buf_str(&text), packed));
    buf_clear(&text);
    return NULL;
}

/* A thread has a compressor of its own, which goes with it. */
static void test_gzip__in_other_threads(void **state)
{
    struct buf first = {0}, second = {0};
    pthread_t threads[2];

    assert_int_equal(pthread_create(&threads[0], NULL, compress_elsewhere, &first), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, compress_elsewhere, &second), 0);
    assert_int_equal(pthread_join(threads[0], NULL), 0);
    assert_int_equal(pthread_join(threads[1], NULL), 0);
    assert_true(first.size > 0 && str_equal(buf_str(&first), buf_str(&second)));
    buf_clear(&first);
    buf_clear(&second);
}

static void test_gzip__what_does_not_shrink_stays(void **state)
{
    char noise[600];
    struct buf packed = {0};

    random_seed();
    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (char)random_next();
    assert_false(gzip_compress(str_from(noise, sizeof(noise)), &packed));
    assert_false(gzip_compress(STR_LIT("short"), &packed));
    assert_int_equal(packed.size, 0);
    buf_clear(&packed);
}

static void test_gzip__damage_is_found(void **state)
{
    struct buf text = sample_text(3000), packed = {0}, back = {0};
    struct arena arena;
    struct error err;

    arena_init(&arena, 0);
    random_seed();
    assert_true(gzip_compress(buf_str(&text), &packed));
    assert_int_equal(gzip_decompress(STR_LIT("no gzip at all, but long enough"), 100, &back, &err),
                     STATUS_CORRUPT);
    buf_append_byte(&packed, 0);
    assert_int_equal(gzip_decompress(buf_str(&packed), 1 << 20, &back, &err), STATUS_CORRUPT);
    packed.size--;
    for (int i = 0; i < 2000; i++) {
        struct buf copy = {0};
        buf_append_str(&copy, buf_str(&packed));
        size_t place =
            10 + random_below(copy.size - 10); /* behind the header, where all is checked */
        copy.data[place] = (char)(copy.data[place] ^ (1 << random_below(8)));
        copy.size = random_below(4) == 0 ? random_below(copy.size) : copy.size;
        buf_reset(&back);
        enum status status = gzip_decompress(buf_str(&copy), 1 << 20, &back, &err);
        assert_true(status == STATUS_CORRUPT || status == STATUS_PAYLOAD_TOO_LARGE);
        assert_int_equal(back.size, 0);
        buf_clear(&copy);
    }
    buf_clear(&text);
    buf_clear(&packed);
    buf_clear(&back);
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gzip__round_trip),
        cmocka_unit_test(test_gzip__in_other_threads),
        cmocka_unit_test(test_gzip__what_does_not_shrink_stays),
        cmocka_unit_test(test_gzip__damage_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
