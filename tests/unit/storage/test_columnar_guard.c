/* test_columnar_guard.c — texts that are tried out before a function of DuckDB gets them.
 *
 * kalam_guarded(text, pattern) stands for a guard: a millisecond per byte at worst, and what it
 * tries is kalam_work, which does as its text says.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "columnar_fixture.h"

#include <stdatomic.h>

static atomic_int worked; /* calls of kalam_work */

static enum status guard_work(const struct str *args, uint64_t *work, bool *out,
                              struct error *error)
{
    const struct timespec nap = {.tv_nsec = 200000000};

    (void)work;
    atomic_fetch_add(&worked, 1);
    if (str_starts_with(args[0], STR_LIT("bad")))
        return error_set(error, STATUS_SQL_EXECUTION_ERROR, "kalam_work knows no bad");
    if (str_starts_with(args[0], STR_LIT("nap")))
        (void)nanosleep(&nap, NULL);
    for (int64_t until = clock_thread_cpu_us() + 700000;
         str_starts_with(args[0], STR_LIT("spin")) && clock_thread_cpu_us() < until;)
        ;
    *out = str_equal(args[1], STR_LIT("p'"));
    return STATUS_OK;
}

static void guard_cost_of(const struct str *args, bool is_constant, struct columnar_cost *out)
{
    *out = (struct columnar_cost){.row = is_constant ? 1 : 2, .byte = 1000000};
    if (str_equal(args[1], STR_LIT("large")))
        out->compile = 2000000000;
    if (str_equal(args[1], STR_LIT("again")))
        *out = (struct columnar_cost){.row = 1,
                                      .byte = 1,
                                      .match_bytes = 1,
                                      .match = 1,
                                      .again = 1000000,
                                      .reach = UINT64_MAX};
}

static void guard_write_it(const struct str *args, bool is_constant, struct buf *out)
{
    (void)args;
    buf_append_str(out,
                   is_constant ? STR_LIT("kalam_work(s, 'p''')") : STR_LIT("kalam_work(s, p)"));
}

static int guard_setup(void **state)
{
    static const char *const setup[] = {
        "CREATE MACRO kalam_macro(s, p) AS kalam_guarded(s, p)"}; /* bound while it is opened */
    static const struct columnar_guard guard = {"kalam_work", guard_cost_of, guard_write_it};
    static const struct columnar_function functions[] = {
        {"kalam_work", 2, false, guard_work, NULL, NULL},
        {"kalam_guarded", 2, false, NULL, &guard, NULL}};
    if (fixture_setup(state) != 0)
        return 1;
    const struct columnar_options options = {.memory_bytes = 256 << 20,
                                             .parallelism = 2,
                                             .temporary_folder = fixture_folder,
                                             .setup = setup,
                                             .setup_count = 1,
                                             .functions = functions,
                                             .function_count = 2};
    return columnar_open(&options, &columnar, &err) != STATUS_OK;
}

static void expect_message(const char *sql, enum status status, const char *message)
{
    assert_status(sql_fails(sql), status);
    assert_string_equal(err.message, message);
}

static void test_columnar_guard__gives_back_the_text(void **state)
{
    (void)state;
    atomic_store(&worked, 0);
    assert_sql("SELECT kalam_guarded(x, 'p') a, kalam_guarded(x, x) b, kalam_guarded(x, NULL) c, "
               "kalam_guarded('constant', 'p') d FROM (VALUES ('x'), (NULL), ('a long text of many "
               "bytes')) v(x)",
               "a:text|b:text|c:text|d:text\nx|x|x|constant\nNULL|NULL|NULL|constant\n"
               "a long text of many bytes|a long text of many bytes|a long text of many bytes|"
               "constant");
    assert_int_equal(atomic_load(&worked), 0);
}

/* 10 seconds at worst, none in truth. */
static void test_columnar_guard__tries_what_could_take_long(void **state)
{
    (void)state;
    for (int large = 0; large < 2; large++) {
        const char *const patterns[] = {"'p'", "'p' || i", "if(i = 7, NULL, 'p' || i)"};
        for (int i = 0; i < 3; i++) {
            char sql[256];
            snprintf(sql, sizeof(sql),
                     "SELECT sum(length(kalam_macro(if(i = 5, NULL, repeat('x', 100) || i), "
                     "%s)))::BIGINT "
                     "a FROM range(100) r(i)",
                     patterns[i]);
            const struct columnar_query_options options = {.sql = str_from_c(sql), .large = large};
            atomic_store(&worked, 0);
            assert_query(&options, "a:bigint\n10089");
            assert_int_equal(atomic_load(&worked), i == 2 ? 98 : 99);
        }
    }
}

static void test_columnar_guard__in_a_lambda(void **state)
{
    (void)state;
    atomic_store(&worked, 0);
    assert_sql(
        "SELECT len(list_filter(list_transform(range(5000), lambda e: repeat('x', 10) || e), "
        "lambda x: kalam_guarded(x, 'p' || i) = x)) a FROM range(1, 3) r(i)",
        "a:bigint\n5000\n5000");
    assert_int_equal(atomic_load(&worked), 10000);
}

static void test_columnar_guard__refuses_one_text(void **state)
{
    (void)state;
    expect_message("SELECT kalam_guarded(repeat('x', i), 'p') FROM range(4001, 4002) r(i)",
                   STATUS_SQL_EXECUTION_ERROR,
                   "a text given to kalam_work is too long for the pattern");
    expect_message("SELECT kalam_guarded(repeat('x', i), 'again') FROM range(100, 101) r(i)",
                   STATUS_SQL_EXECUTION_ERROR,
                   "a text given to kalam_work is too long for the pattern");
    assert_sql("SELECT length(kalam_guarded(repeat('x', i), 'again')) a FROM range(70, 71) r(i)",
               "a:bigint\n70");
}

/* Three seconds of the processor are enough; what follows would take as long again. */
static void test_columnar_guard__refuses_what_takes_long(void **state)
{
    (void)state;
    atomic_store(&worked, 0);
    expect_message(
        "SELECT kalam_guarded('spin' || repeat('x', 400) || i, 'p') FROM range(100) r(i)",
        STATUS_SQL_EXECUTION_ERROR, "kalam_work takes too long on these texts");
    assert_in_range(atomic_load(&worked), 3, 6);
}

static void test_columnar_guard__stops_with_its_statement(void **state)
{
    (void)state;
    int64_t start = clock_monotonic_ms();
    const struct columnar_query_options options = {
        .sql = STR_LIT("SELECT max(kalam_guarded('nap' || repeat('x', 400) || i, 'p')) FROM "
                       "range(2000) r(i)"),
        .deadline_ns = clock_monotonic_ns() + 100000000};
    assert_status(query_fails(&options), STATUS_QUERY_TIMEOUT);
    assert_true(clock_monotonic_ms() - start < 5000);
}

static void test_columnar_guard__errors_come_through(void **state)
{
    (void)state;
    expect_message("SELECT kalam_guarded('bad' || repeat('x', 400) || i, 'p') FROM range(9) r(i)",
                   STATUS_SQL_EXECUTION_ERROR, "kalam_work knows no bad");
    assert_sql("SELECT kalam_guarded('large', 'large') a", "a:text\nlarge");
    expect_message("SELECT kalam_guarded('a', 'large'), kalam_guarded('b', 'large')",
                   STATUS_INVALID_SQL,
                   "the regular expressions of the statement are too large together");
}

/* A constant is computed, and what is in it compiled, for every call around it. */
static void test_columnar_guard__counts_what_is_folded(void **state)
{
    (void)state;
    assert_sql("SELECT kalam_guarded('a', kalam_guarded('b', 'p')) a", "a:text\na");
    expect_message("SELECT kalam_guarded('a', kalam_guarded('b', kalam_guarded('c', 'large')))",
                   STATUS_INVALID_SQL,
                   "the regular expressions of the statement are too large together");
}

static void *guard_main(void *argument)
{
    const bool *large = argument;
    const struct columnar_query_options options = {
        .sql = STR_LIT("SELECT count(kalam_guarded(repeat('x', 100) || i, 'p' || i)) a FROM "
                       "range(300) r(i)"),
        .large = *large};

    for (int i = 0; i < 5; i++) {
        const struct column_cell *const *cells;
        struct columnar_query *query = NULL;
        struct error error;
        size_t rows = 0;
        error_clear(&error);
        if (columnar_query_open(columnar, &options, &query, &error) != STATUS_OK ||
            columnar_query_next(query, &cells, &rows, &error) != STATUS_OK || rows != 1 ||
            cells[0][0].integer != 300)
            return argument;
        columnar_query_close(query);
    }
    return NULL;
}

static void test_columnar_guard__side_by_side(void **state)
{
    pthread_t threads[8];
    static const bool large[8] = {false, true, false, true, false, true, false, true};

    (void)state;
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, guard_main, (void *)(uintptr_t)&large[i]), 0);
    for (size_t i = 0; i < 8; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columnar_guard__gives_back_the_text),
        cmocka_unit_test(test_columnar_guard__tries_what_could_take_long),
        cmocka_unit_test(test_columnar_guard__in_a_lambda),
        cmocka_unit_test(test_columnar_guard__refuses_one_text),
        cmocka_unit_test(test_columnar_guard__refuses_what_takes_long),
        cmocka_unit_test(test_columnar_guard__stops_with_its_statement),
        cmocka_unit_test(test_columnar_guard__errors_come_through),
        cmocka_unit_test(test_columnar_guard__counts_what_is_folded),
        cmocka_unit_test(test_columnar_guard__side_by_side),
    };
    return cmocka_run_group_tests(tests, guard_setup, columnar_teardown);
}
