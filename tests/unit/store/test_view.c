/* test_view.c — one view is one moment: isolation, oldest position, waiting for readers.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#include "store/store_internal.h"

static void view__shows_one_moment(void **state)
{
    struct fixture f = {0};
    struct buf bytes;
    int64_t one = 1;
    struct row_logic add = {fixture_resolve_add, &one};
    struct write write;
    struct value value;

    fixture_open(&f);
    buf_init(&bytes);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_USER, "t"));
    fixture_insert(&f, id, "ann", 1, 1);
    struct view *old = view_acquire(f.store);
    write_begin(&write, &f, id);
    write_change(&write, "ann", 1, &add);
    write_insert(&write, "ann", 2, 2);
    assert_int_equal(write_run(&write, &f), STATUS_OK);
    const struct table *table = write.table;
    /* The old view sees neither half of the commit, the newest both. */
    assert_true(fixture_hot(&f, old, id, "ann", 1, &bytes));
    row_get(&table->schema->layout, buf_str(&bytes), 1, &value);
    assert_int_equal(value.integer, 1);
    assert_false(fixture_hot(&f, old, id, "ann", 2, &bytes));
    struct view *now = view_acquire(f.store);
    assert_int_equal(view_position(now), write.request.position);
    assert_true(fixture_hot(&f, now, id, "ann", 2, &bytes));
    assert_true(view_position(old) < view_position(now));
    write_end(&write);
    view_release(now);
    view_release(old);
    buf_clear(&bytes);
    fixture_close(&f);
}

static void view__holds_its_catalogue(void **state)
{
    struct fixture f = {0};
    struct error err;
    bool created;

    fixture_open(&f);
    struct view *old = view_acquire(f.store);
    assert_int_equal(ddl_create_namespace(f.store, STR_LIT("app"), STR_EMPTY, &created, &err),
                     STATUS_OK);
    struct view *now = view_acquire(f.store);
    assert_null(catalog_find_namespace(view_catalog(old), STR_LIT("app")));
    assert_non_null(catalog_find_namespace(view_catalog(now), STR_LIT("app")));
    view_release(view_ref(old));
    view_release(old);
    view_release(now);
    fixture_close(&f);
}

static void view__oldest_position_follows_releases(void **state)
{
    struct fixture f = {0};
    struct view *views[3];

    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "t"));
    for (int i = 0; i < 3; i++) {
        views[i] = view_acquire(f.store);
        fixture_insert(&f, id, "", i, i);
    }
    assert_int_equal(view_oldest_position(f.store), view_position(views[0]));
    assert_false(view_wait_released(f.store, view_position(views[1]), 0));
    int64_t second = view_position(views[1]);
    view_release(views[1]); /* out of order */
    assert_int_equal(view_oldest_position(f.store), view_position(views[0]));
    view_release(views[0]);
    assert_int_equal(view_oldest_position(f.store), view_position(views[2]));
    assert_true(view_wait_released(f.store, second, 0));
    view_release(views[2]);
    fixture_close(&f);
}

struct reader {
    struct fixture *fixture;
    struct table_id id;
    atomic_bool stop;
};

/* Rows 1 and 2 are always written together: no view may show them apart. */
static void *reader_main(void *argument)
{
    struct reader *reader = argument;
    struct value one, two;
    struct buf a, b;
    int64_t last = 0;

    buf_init(&a);
    buf_init(&b);
    while (!atomic_load(&reader->stop)) {
        struct view *view = view_acquire(reader->fixture->store);
        const struct table *table = catalog_find_table_id(view_catalog(view), reader->id);
        assert_true(view_position(view) >= last);
        last = view_position(view);
        assert_true(fixture_hot(reader->fixture, view, reader->id, "", 1, &a));
        assert_true(fixture_hot(reader->fixture, view, reader->id, "", 2, &b));
        row_get(&table->schema->layout, buf_str(&a), 1, &one);
        row_get(&table->schema->layout, buf_str(&b), 1, &two);
        assert_int_equal(one.integer, two.integer);
        assert_true(row_seq(buf_str(&b)) <= view_position(view));
        view_release(view);
    }
    buf_clear(&a);
    buf_clear(&b);
    return NULL;
}

static void view__readers_never_see_half_a_commit(void **state)
{
    struct fixture f = {0};
    struct write write;
    pthread_t threads[2];
    int64_t one = 1;
    struct row_logic add = {fixture_resolve_add, &one};

    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "t"));
    fixture_insert(&f, id, "", 1, 0);
    fixture_insert(&f, id, "", 2, 0);
    struct reader reader = {.fixture = &f, .id = id};
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, reader_main, &reader);
    for (int i = 0; i < 500; i++) {
        write_begin(&write, &f, id);
        write_change(&write, "", 1, &add);
        write_change(&write, "", 2, &add);
        assert_int_equal(write_run(&write, &f), STATUS_OK);
        write_end(&write);
    }
    atomic_store(&reader.stop, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(view__shows_one_moment),
        cmocka_unit_test(view__holds_its_catalogue),
        cmocka_unit_test(view__oldest_position_follows_releases),
        cmocka_unit_test(view__readers_never_see_half_a_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
