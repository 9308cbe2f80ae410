/* test_hash.c — one number whether hashed at once or in pieces; known values.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/base/support.h"

#include "base/hash.h"

static void test_hash__known(void **state)
{
    (void)state;
    /* XXH3_64bits of nothing, from the test vectors of xxHash */
    assert_true(hash_bytes(STR_LIT("")) == UINT64_C(0x2d06800538d394c2));
    assert_true(hash_bytes(STR_LIT("a")) != hash_bytes(STR_LIT("b")));
    assert_true(hash_bytes_seeded(STR_LIT("a"), 1) != hash_bytes_seeded(STR_LIT("a"), 2));
}

static void test_hash__pieces(void **state)
{
    char text[3000];

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)(i * 7);
    for (size_t piece = 1; piece < sizeof(text); piece = piece * 3 + 1) {
        struct hash_stream stream;
        hash_stream_begin(&stream);
        for (size_t at = 0; at < sizeof(text); at += piece)
            hash_stream_add(
                &stream,
                str_from(text + at, at + piece < sizeof(text) ? piece : sizeof(text) - at));
        assert_true(hash_stream_end(&stream) == hash_bytes(str_from(text, sizeof(text))));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash__known),
        cmocka_unit_test(test_hash__pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
