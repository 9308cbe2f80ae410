/* test_changes.c — what a transaction has written: found by key, walked in order both ways, inside
 * the instance and the range only, without what an undo took back.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "store/transaction/changes.h"

/* Only their addresses matter; neighbours on purpose. */
static char spaces[3];

static struct table *fake_table(enum table_kind kind, int space)
{
    struct table *table = test_calloc(1, sizeof(*table));

    table->kind = kind;
    table->rows = (struct kv_space *)(void *)&spaces[space];
    return table;
}

static void put(struct changes *changes, const struct table *table, const char *key, const char *n)
{
    struct str full = str_from_c(key);
    size_t colon = str_find(full, STR_LIT(":"));
    struct changed_row row = {.table = table, .base_seq = 7};

    if (table->kind == TABLE_KIND_USER)
        row.user = str_from(key, colon);
    changes_put(changes, &row, full, arena_copy(&changes->arena, str_from_c(n)));
}

/* `key=bytes` of the range, with spaces between. */
static const char *walk(struct changes *changes, const struct table *table, const char *user,
                        const char *lower, const char *upper, bool descending)
{
    static char text[512];
    struct scan_options options = {
        .table = table, .user = str_from_c(user), .descending = descending};
    struct key_range range = {str_from_c(lower), str_from_c(upper)};
    struct changes_cursor cursor;
    struct str key, bytes;
    size_t size = 0;

    text[0] = 0;
    changes_cursor_open(changes, &options, &range, &cursor);
    while (changes_cursor_next(&cursor, &key, &bytes))
        size += (size_t)snprintf(text + size, sizeof(text) - size, "%s%.*s=%.*s",
                                 size > 0 ? " " : "", STR_ARG(key), STR_ARG(bytes));
    return text;
}

static void test_changes__order_and_ranges(void **state)
{
    struct changes *changes = changes_new();
    struct table *shared = fake_table(TABLE_KIND_SHARED, 1);

    (void)state;
    assert_string_equal(walk(changes, shared, "", "", "", false), "");
    put(changes, shared, "c", "1");
    put(changes, shared, "a", "2");
    assert_string_equal(walk(changes, shared, "", "", "", false), "a=2 c=1");
    put(changes, shared, "b", "3"); /* between, in front, behind, again */
    put(changes, shared, "A", "4");
    put(changes, shared, "d", "5");
    put(changes, shared, "a", "6");
    assert_string_equal(walk(changes, shared, "", "", "", false), "A=4 a=6 b=3 c=1 d=5");
    assert_string_equal(walk(changes, shared, "", "", "", true), "d=5 c=1 b=3 a=6 A=4");
    assert_string_equal(walk(changes, shared, "", "a", "c", false), "a=6 b=3");
    assert_string_equal(walk(changes, shared, "", "aa", "", true), "d=5 c=1 b=3");
    assert_string_equal(walk(changes, shared, "", "c", "b", true), "");
    assert_true(str_equal(changes_find(changes, shared->rows, STR_LIT("a"))->bytes, STR_LIT("6")));
    assert_null(changes_find(changes, shared->rows, STR_LIT("e")));
    assert_int_equal(changes->rows[0].base_seq, 7);
    test_free(shared);
    changes_free(changes);
    changes_free(NULL);
}

static void test_changes__stays_in_the_instance(void **state)
{
    struct changes *changes = changes_new();
    struct table *before = fake_table(TABLE_KIND_SHARED, 0);
    struct table *users = fake_table(TABLE_KIND_USER, 1);
    struct table *after = fake_table(TABLE_KIND_SHARED, 2);

    (void)state;
    put(changes, users, "user1:a", "1");
    put(changes, users, "user12:a", "12");
    put(changes, users, "user:a", "0");
    put(changes, users, "user1:b", "2");
    put(changes, before, "user1:c", "before");
    put(changes, after, "user1:0", "after");
    assert_string_equal(walk(changes, users, "user1", "", "", false), "a=1 b=2");
    assert_string_equal(walk(changes, users, "user12", "", "", true), "a=12");
    assert_string_equal(walk(changes, users, "user", "", "", false), "a=0");
    assert_string_equal(walk(changes, users, "user2", "", "", false), "");
    assert_string_equal(walk(changes, users, "user1", "b", "", false), "b=2");
    assert_string_equal(walk(changes, users, "user1", "", "b", true), "a=1");
    assert_string_equal(walk(changes, before, "", "", "", false), "user1:c=before");
    assert_string_equal(walk(changes, after, "", "", "", true), "user1:0=after");
    assert_true(str_equal(changes->rows[1].user, STR_LIT("user12")));
    assert_true(str_equal(changes->rows[1].row_id, STR_LIT("a")));
    test_free(before);
    test_free(users);
    test_free(after);
    changes_free(changes);
}

static void test_changes__undo_takes_back(void **state)
{
    struct changes *changes = changes_new();
    struct table *shared = fake_table(TABLE_KIND_SHARED, 1);

    (void)state;
    put(changes, shared, "a", "1");
    overlay_forget(&changes->overlay);
    size_t mark = overlay_mark(&changes->overlay);
    put(changes, shared, "a", "2");
    put(changes, shared, "b", "3");
    assert_string_equal(walk(changes, shared, "", "", "", false), "a=2 b=3");
    overlay_rollback(&changes->overlay, mark);
    assert_string_equal(walk(changes, shared, "", "", "", false), "a=1");
    assert_string_equal(walk(changes, shared, "", "", "", true), "a=1");
    assert_null(changes_find(changes, shared->rows, STR_LIT("b")));
    put(changes, shared, "b", "4");
    assert_string_equal(walk(changes, shared, "", "", "", false), "a=1 b=4");
    test_free(shared);
    changes_free(changes);
}

static int number_order(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Thousands of keys, walked after every few of them: the merge from behind keeps the order. */
static void test_changes__many(void **state)
{
    enum { KEYS = 3000 };
    struct changes *changes = changes_new();
    struct table *shared = fake_table(TABLE_KIND_SHARED, 1);
    const char *given = getenv("KALAM_SEED");
    unsigned seed = given != NULL ? (unsigned)atoi(given) : (unsigned)clock_now_us();
    static int present[KEYS];
    int count = 0;

    (void)state;
    print_message("seed: %u\n", seed);
    srand(seed);
    for (int i = 0; i < KEYS; i++) {
        struct scan_options options = {.table = shared};
        struct key_range range = {STR_EMPTY, STR_EMPTY};
        struct changes_cursor cursor;
        struct str key, bytes;
        char text[16];
        int number = rand() % 100000, seen = 0;
        (void)snprintf(text, sizeof(text), "%05d", number);
        if (changes_find(changes, shared->rows, str_from_c(text)) == NULL)
            present[count++] = number;
        put(changes, shared, text, "x");
        if (rand() % 50 != 0)
            continue;
        qsort(present, (size_t)count, sizeof(*present), number_order);
        changes_cursor_open(changes, &options, &range, &cursor);
        while (changes_cursor_next(&cursor, &key, &bytes))
            assert_int_equal(atoi(key.data), present[seen++]);
        assert_int_equal(seen, count);
    }
    test_free(shared);
    changes_free(changes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes__order_and_ranges),
        cmocka_unit_test(test_changes__stays_in_the_instance),
        cmocka_unit_test(test_changes__undo_takes_back),
        cmocka_unit_test(test_changes__many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
