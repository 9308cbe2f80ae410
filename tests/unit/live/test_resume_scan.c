/* test_resume_scan.c — which scan serves whom, what replaces what, what goes when.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/sql/sql_fixture.h"

#include "live/resume_scan.h"

struct scan_fixture {
    struct sql_fixture sql;
    struct live live;
    struct table table, other;
    struct live_plan shared, own, another;
};

static int set_up(void **state)
{
    struct scan_fixture *f = mem_zalloc(sizeof *f);

    fixture_open(&f->sql, false);
    f->live.options.store = f->sql.store;
    pthread_mutex_init(&f->live.scans_mutex, NULL);
    f->table.id = (struct table_id){7};
    f->other.id = (struct table_id){8};
    f->shared = (struct live_plan){.table = &f->table};
    f->own = (struct live_plan){.table = &f->table, .user = STR_LIT("ann")};
    f->another = (struct live_plan){.table = &f->other};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct scan_fixture *f = *state;

    resume_scans_expire(&f->live, true);
    assert_null(f->live.scans);
    pthread_mutex_destroy(&f->live.scans_mutex);
    fixture_close(&f->sql);
    mem_free(f);
    return 0;
}

/* Everything here is above what the feed of the fixture remembers from. */
enum { BASE = 1000000 };

static struct resume_scan *keep(struct scan_fixture *f, const struct live_plan *plan, int64_t after,
                                int64_t upto)
{
    struct resume_scan *scan = resume_scan_new(plan, BASE + after, BASE + upto);
    resume_scan_keep(&f->live, scan);
    return scan;
}

/* The `after` of what is found; -1 = nothing. */
static int64_t found(struct scan_fixture *f, const struct live_plan *plan, int64_t from,
                     int64_t position)
{
    struct resume_scan *scan = resume_scan_find(&f->live, plan, BASE + from, BASE + position);
    int64_t after = scan ? scan->after - BASE : -1;

    resume_scan_unref(scan);
    return after;
}

static void test_resume_scan__serves_who_knows_as_much(void **state)
{
    struct scan_fixture *f = *state;

    assert_int_equal(found(f, &f->shared, 10, 30), -1);
    keep(f, &f->shared, 10, 20);
    assert_int_equal(found(f, &f->shared, 10, 20), 10);
    assert_int_equal(found(f, &f->shared, 15, 30), 10);
    assert_int_equal(found(f, &f->shared, 9, 30), -1);  /* knows less */
    assert_int_equal(found(f, &f->shared, 10, 19), -1); /* its view is older */
    assert_int_equal(found(f, &f->own, 10, 20), -1);    /* other rows */
    assert_int_equal(found(f, &f->another, 10, 20), -1);
}

static void test_resume_scan__the_wider_one_stays(void **state)
{
    struct scan_fixture *f = *state;

    keep(f, &f->shared, 10, 20);
    keep(f, &f->shared, 12, 25); /* needless: the first one and the ring say as much */
    assert_int_equal(found(f, &f->shared, 12, 25), 10);
    keep(f, &f->shared, 5, 30);
    assert_int_equal(found(f, &f->shared, 5, 30), 5);
    assert_null(f->live.scans->next);
    keep(f, &f->own, 6, 30);
    assert_int_equal(found(f, &f->shared, 6, 30), 5);
    assert_int_equal(found(f, &f->own, 6, 30), 6);
}

static void test_resume_scan__few_are_kept(void **state)
{
    struct scan_fixture *f = *state;
    struct table tables[20] = {0};
    size_t count = 0;

    for (int i = 0; i < 20; i++) {
        tables[i].id = (struct table_id){100 + (uint64_t)i};
        struct live_plan plan = {.table = &tables[i]};
        keep(f, &plan, 1, 2);
    }
    for (const struct resume_scan *scan = f->live.scans; scan; scan = scan->next)
        count++;
    assert_int_equal(count, 8);
    struct live_plan first = {.table = &tables[0]}, last = {.table = &tables[19]};
    assert_int_equal(found(f, &first, 1, 2), -1);
    assert_int_equal(found(f, &last, 1, 2), 1);
}

static void test_resume_scan__unused_ones_go(void **state)
{
    struct scan_fixture *f = *state;

    keep(f, &f->shared, 1, 2)->used_ms -= 20000;
    keep(f, &f->another, 1, 2)->used_ms -= 40000;
    resume_scans_expire(&f->live, false);
    assert_int_equal(found(f, &f->shared, 1, 2), 1);
    assert_int_equal(found(f, &f->another, 1, 2), -1);
}

static void test_resume_scan__in_use_while_it_is_dropped(void **state)
{
    struct scan_fixture *f = *state;
    char bytes[ROW_HEADER_BYTES + 4] = "header";
    struct row row = {.key = STR_LIT("key"), .bytes = str_from(bytes, sizeof bytes)};
    struct resume_scan *scan = resume_scan_new(&f->shared, BASE, BASE + 1);

    for (int i = 0; i < 200; i++)
        resume_scan_add(scan, &row);
    assert_true(resume_scan_size(scan) >= 200 * (3 + sizeof bytes));
    resume_scan_keep(&f->live, scan);
    scan = resume_scan_find(&f->live, &f->shared, BASE, BASE + 1);
    resume_scans_expire(&f->live, true);
    assert_int_equal(scan->count, 200);
    assert_true(str_equal(resume_scan_key(scan, 199), STR_LIT("key")));
    assert_true(str_equal(resume_scan_bytes(scan, 199), row.bytes));
    resume_scan_unref(scan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_resume_scan__serves_who_knows_as_much, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_resume_scan__the_wider_one_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_resume_scan__few_are_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_resume_scan__unused_ones_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_resume_scan__in_use_while_it_is_dropped, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
