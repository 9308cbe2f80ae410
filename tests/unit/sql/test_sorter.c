/* test_sorter.c — the first n rows in some order: equals, NULLs, what is kept and what it takes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/base/support.h"

#include "base/macros.h"
#include "sql/sorter.h"

enum { TEXT_BYTES = 200 };

/* A row carries its number and a text of 200 bytes that tells the number too. */
static enum status add(struct sorter *sorter, int64_t number, struct value first,
                       struct value second, struct error *err)
{
    char text[TEXT_BYTES + 1];
    struct value values[4];

    snprintf(text, sizeof(text), "%0*lld", TEXT_BYTES, (long long)number);
    values[0] = value_integer(VALUE_BIGINT, number);
    values[1] = value_text(VALUE_TEXT, str_from(text, TEXT_BYTES));
    values[2] = first;
    values[3] = second;
    return sorter_add(sorter, values, err);
}

static struct value bigint(int64_t number)
{
    return value_integer(VALUE_BIGINT, number);
}

static void assert_rows(const struct sorter *sorter, size_t count, const int64_t *numbers)
{
    char text[TEXT_BYTES + 1];

    for (size_t i = 0; i < count; i++) {
        const struct value *row = sorter_row(sorter, i);
        snprintf(text, sizeof(text), "%0*lld", TEXT_BYTES, (long long)numbers[i]);
        assert_int_equal(row[0].integer, numbers[i]);
        assert_true(str_equal(row[1].text, str_from(text, TEXT_BYTES)));
    }
}

static void test_sorter__orders_nulls_and_equals(void **state)
{
    static const struct {
        struct sorter_order orders[2];
        int64_t numbers[6];
    } cases[] = {
        {{{false, false}, {false, false}}, {3, 0, 5, 1, 4, 2}},
        {{{false, true}, {true, false}}, {4, 2, 3, 1, 0, 5}},
        {{{true, true}, {false, true}}, {2, 4, 0, 5, 1, 3}},
        {{{true, false}, {true, true}}, {1, 0, 5, 3, 2, 4}},
    };
    struct value null = value_null(VALUE_BIGINT);
    struct error err;
    (void)state;

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        for (size_t keep = 0; keep <= 7; keep++) {
            struct sorter *sorter = sorter_new(&(struct sorter_options){
                .orders = cases[i].orders, .order_count = 2, .width = 2, .keep = keep});
            assert_int_equal(add(sorter, 0, bigint(2), bigint(0), &err), STATUS_OK);
            assert_int_equal(add(sorter, 1, bigint(2), bigint(1), &err), STATUS_OK);
            assert_int_equal(add(sorter, 2, null, null, &err), STATUS_OK);
            assert_int_equal(add(sorter, 3, bigint(1), null, &err), STATUS_OK);
            assert_int_equal(add(sorter, 4, null, bigint(9), &err), STATUS_OK);
            assert_int_equal(add(sorter, 5, bigint(2), bigint(0), &err), STATUS_OK);
            size_t count = sorter_finish(sorter);
            assert_int_equal(count, keep < 6 ? keep : 6);
            assert_rows(sorter, count, cases[i].numbers);
            sorter_free(sorter);
        }
}

/* Each row is better than all before it, or worse, or they come in any order. */
static void test_sorter__holds_what_it_keeps(void **state)
{
    static const struct sorter_order descending = {.descending = true, .nulls_first = true};
    enum { ROWS = 40000, KEEP = 50 };
    static const int64_t steps[] = {1, ROWS - 1, 13333};
    int64_t best[KEEP];
    struct error err;
    (void)state;

    for (int64_t i = 0; i < KEEP; i++)
        best[i] = ROWS - 1 - i;
    for (size_t k = 0; k < ARRAY_COUNT(steps); k++) {
        struct sorter *sorter = sorter_new(&(struct sorter_options){.orders = &descending,
                                                                    .order_count = 1,
                                                                    .width = 3,
                                                                    .keep = KEEP,
                                                                    .bytes_max = 1 << 20});
        size_t most = 0;
        for (int64_t i = 0; i < ROWS; i++) {
            int64_t number = i * steps[k] % ROWS;
            assert_int_equal(add(sorter, number, bigint(0), bigint(number), &err), STATUS_OK);
            most = sorter_bytes(sorter) > most ? sorter_bytes(sorter) : most;
        }
        assert_true(most < 1 << 20);
        assert_int_equal(sorter_finish(sorter), KEEP);
        assert_true(sorter_bytes(sorter) < KEEP * 1024);
        assert_rows(sorter, KEEP, best);
        sorter_free(sorter);
    }
}

static void test_sorter__says_what_it_wants(void **state)
{
    static const struct sorter_order ascending = {.descending = false};
    struct sorter *sorter = sorter_new(
        &(struct sorter_options){.orders = &ascending, .order_count = 1, .width = 3, .keep = 5});
    struct value probe = bigint(4);
    struct error err;
    (void)state;

    assert_true(sorter_wants(sorter, &probe));
    for (int64_t i = 0; i < 3000; i++)
        assert_int_equal(add(sorter, i, bigint(0), bigint(i), &err), STATUS_OK);
    assert_false(sorter_wants(sorter, &probe)); /* an equal one was there before it */
    probe = bigint(3);
    assert_true(sorter_wants(sorter, &probe));
    probe = value_null(VALUE_BIGINT);
    assert_false(sorter_wants(sorter, &probe));
    sorter_free(sorter);
}

static void test_sorter__without_an_order_the_first_stay(void **state)
{
    struct sorter *sorter = sorter_new(&(struct sorter_options){.width = 4, .keep = 3});
    struct error err;
    (void)state;

    for (int64_t i = 0; i < 3000; i++)
        assert_int_equal(add(sorter, i, bigint(-i), bigint(i), &err), STATUS_OK);
    assert_int_equal(sorter_finish(sorter), 3);
    assert_rows(sorter, 3, (const int64_t[]){0, 1, 2});
    sorter_free(sorter);
}

static void test_sorter__has_a_limit(void **state)
{
    static const struct sorter_order ascending = {.descending = false};
    static const size_t keeps[] = {SIZE_MAX, 100000, 1000};
    char stated[64];
    struct error err;
    (void)state;

    for (size_t i = 0; i < ARRAY_COUNT(keeps); i++) {
        struct sorter *sorter = sorter_new(&(struct sorter_options){.orders = &ascending,
                                                                    .order_count = 1,
                                                                    .width = 3,
                                                                    .keep = keeps[i],
                                                                    .bytes_max = 1 << 19});
        enum status status = STATUS_OK;
        int64_t added = 0;
        for (; added < 5000 && status == STATUS_OK; added++)
            status = add(sorter, added, bigint(0), bigint(-added), &err);
        assert_int_equal(status, STATUS_RESULT_TOO_LARGE);
        assert_non_null(strstr(err.message, "memory limit of one statement"));
        (void)snprintf(stated, sizeof(stated), "more than %d bytes",
                       keeps[i] == 1000 ? 1 << 18 : 1 << 19); /* half is for what is replaced */
        assert_non_null(strstr(err.message, stated));
        assert_true(added > 500);
        sorter_free(sorter);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sorter__orders_nulls_and_equals),
        cmocka_unit_test(test_sorter__holds_what_it_keeps),
        cmocka_unit_test(test_sorter__says_what_it_wants),
        cmocka_unit_test(test_sorter__without_an_order_the_first_stay),
        cmocka_unit_test(test_sorter__has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
