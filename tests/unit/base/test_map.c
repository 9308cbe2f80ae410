/* test_map.c — the hash map against a plain array as its model.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/base/support.h"

#include "base/map.h"
#include "base/mem.h"

#include <time.h>

enum { KEYS = 500 };

static struct str key_of(size_t index, char text[16])
{
    return str_from(text, (size_t)snprintf(text, 16, "k%zu", index));
}

static void test_map__agrees_with_an_array(void **state)
{
    static int values[KEYS];
    void *model[KEYS] = {0};
    size_t count = 0;
    char text[16];
    struct map map;
    unsigned seed = (unsigned)time(NULL);

    printf("seed %u\n", seed);
    srand(seed);
    map_init(&map);
    for (int i = 0; i < 100000; i++) {
        size_t index = (size_t)rand() % (i % 20000 < 10000 ? KEYS : KEYS / 50);
        struct str key = key_of(index, text);
        assert_ptr_equal(map_get(&map, key), model[index]);
        if (rand() % 2) {
            void *value = &values[rand() % KEYS];
            assert_ptr_equal(map_put(&map, key, value), model[index]);
            count += model[index] == NULL;
            model[index] = value;
        } else {
            assert_ptr_equal(map_remove(&map, key), model[index]);
            count -= model[index] != NULL;
            model[index] = NULL;
        }
        assert_int_equal(map.count, count);
    }
    map_clear(&map);
    map_clear(&map);
}

static void test_map__iteration_may_remove_what_it_returns(void **state)
{
    int values[100];
    bool seen[100] = {false};
    char text[16];
    struct map map;
    struct str key;
    void *value;

    map_init(&map);
    size_t cursor = 0;
    assert_false(map_next(&map, &cursor, &key, &value));
    for (size_t i = 0; i < 100; i++)
        map_put(&map, key_of(i, text), &values[i]);
    cursor = 0;
    while (map_next(&map, &cursor, &key, &value)) {
        size_t index = (size_t)((int *)value - values);
        assert_false(seen[index]);
        seen[index] = true;
        assert_true(str_equal(key, key_of(index, text)));
        if (index % 2 == 0)
            assert_ptr_equal(map_remove(&map, key_of(index, text)), value);
    }
    for (size_t i = 0; i < 100; i++) {
        assert_true(seen[i]);
        assert_ptr_equal(map_get(&map, key_of(i, text)), i % 2 ? &values[i] : NULL);
    }
    assert_int_equal(map.count, 50);
    map_clear(&map);
}

static void test_map__keys_are_copied_and_may_hold_zeros(void **state)
{
    char key[] = {'a', '\0', 'b'};
    int value, other;
    struct map map;

    map_init(&map);
    map_put(&map, str_from(key, 3), &value);
    key[2] = 'c';
    assert_null(map_get(&map, str_from(key, 3)));
    assert_ptr_equal(map_get(&map, STR_LIT("a\0b")), &value);
    map_put(&map, STR_EMPTY, &other);
    assert_ptr_equal(map_get(&map, STR_LIT("")), &other);
    map_clear(&map);
}

static void test_map__values_go_with_it(void **state)
{
    char text[16];
    struct map map;

    map_init(&map);
    for (size_t i = 0; i < 50; i++)
        assert_null(map_put(&map, key_of(i, text), mem_alloc(8)));
    for (size_t i = 0; i < 50; i += 2)
        mem_free(map_remove(&map, key_of(i, text)));
    map_clear_values(&map); /* a sanitizer counts the rest */
    assert_int_equal(map.count, 0);
    assert_null(map_get(&map, key_of(1, text)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map__agrees_with_an_array),
        cmocka_unit_test(test_map__iteration_may_remove_what_it_returns),
        cmocka_unit_test(test_map__keys_are_copied_and_may_hold_zeros),
        cmocka_unit_test(test_map__values_go_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
