/* test_feed.c — order, resume, loss, wake-up and end of the change feed.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store_fixture.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>

#include "store/feed_internal.h"
#include "store/store_internal.h"

static void feed__tells_changes_in_order(void **state)
{
    struct fixture f = {0};
    struct write write;
    struct change_group *group;
    int64_t ten = 10, last;
    struct row_logic add = {fixture_resolve_add, &ten}, erase = {fixture_resolve_delete, NULL};

    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_USER, "t"));
    struct view *view = view_acquire(f.store);
    struct feed_cursor *cursor = feed_follow(store_feed(f.store), view_position(view));
    last = view_position(view);
    view_release(view);
    assert_int_equal(feed_next(cursor, 0, &group), STATUS_WOULD_BLOCK);
    write_begin(&write, &f, id);
    write_insert(&write, "ann", 1, 1);
    write_insert(&write, "bob", 2, 1);
    write_change(&write, "ann", 1, &add);
    write_change(&write, "bob", 2, &erase);
    write_change(&write, "eve", 3, &erase); /* no row, no change */
    assert_int_equal(write_run(&write, &f), STATUS_OK);
    assert_int_equal(feed_next(cursor, 1000, &group), STATUS_OK);
    assert_int_equal(group->count, 4);
    assert_true(group->first > last && group->last == write.request.position);
    for (size_t i = 0; i < group->count; i++) {
        assert_true(group->changes[i].seq > last);
        last = group->changes[i].seq;
        assert_int_equal(row_seq(group->changes[i].new_bytes), last);
        assert_int_equal(group->changes[i].table->id.value, id.value);
        assert_true(str_equal(group->changes[i].key, write.ops[i].key));
    }
    assert_true(str_equal(group->changes[0].user, STR_LIT("ann")));
    assert_int_equal(group->changes[0].old_bytes.size, 0);
    assert_true(str_equal(group->changes[2].old_bytes, group->changes[0].new_bytes));
    assert_true(row_is_deleted(group->changes[3].new_bytes));
    write_end(&write);
    change_group_unref(group);
    assert_int_equal(feed_next(cursor, 0, &group), STATUS_WOULD_BLOCK);
    feed_unfollow(cursor);
    fixture_close(&f);
}

static void feed__resumes_inside_the_ring_only(void **state)
{
    struct fixture f = {.options = {.feed_bytes = 4096}};
    struct change_group *group;
    int64_t positions[100];

    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "t"));
    struct feed_cursor *slow = feed_follow(store_feed(f.store), feed_oldest(store_feed(f.store)));
    for (int i = 0; i < 100; i++) {
        fixture_insert(&f, id, "", i, i);
        struct view *view = view_acquire(f.store);
        positions[i] = view_position(view);
        view_release(view);
    }
    int64_t oldest = feed_oldest(store_feed(f.store));
    assert_true(oldest > positions[0] && oldest < positions[99]);
    /* The slow one was overtaken, once, and stands at the oldest group that is left. */
    assert_int_equal(feed_next(slow, 0, &group), STATUS_STALE);
    assert_int_equal(feed_next(slow, 0, &group), STATUS_OK);
    assert_true(group->first > oldest);
    change_group_unref(group);
    feed_unfollow(slow);
    /* From a position the ring reaches back to nothing is missing. */
    struct feed_cursor *cursor = feed_follow(store_feed(f.store), positions[97]);
    for (int i = 98; i < 100; i++) {
        assert_int_equal(feed_next(cursor, 0, &group), STATUS_OK);
        assert_int_equal(group->last, positions[i]);
        change_group_unref(group);
    }
    feed_unfollow(cursor);
    cursor = feed_follow(store_feed(f.store), oldest - 1);
    assert_int_equal(feed_next(cursor, 0, &group), STATUS_STALE);
    feed_unfollow(cursor);
    cursor = feed_follow(store_feed(f.store), oldest);
    assert_int_equal(feed_next(cursor, 0, &group), STATUS_OK);
    change_group_unref(group);
    feed_unfollow(cursor);
    fixture_close(&f);
}

static void feed__gives_a_range_while_it_reaches_back(void **state)
{
    struct fixture f = {.options = {.feed_bytes = 4096}};
    struct change_group **groups;
    int64_t positions[100];
    size_t count;

    fixture_open(&f);
    struct feed *feed = store_feed(f.store);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "t"));
    for (int i = 0; i < 100; i++) {
        fixture_insert(&f, id, "", i, i);
        struct view *view = view_acquire(f.store);
        positions[i] = view_position(view);
        view_release(view);
    }
    int64_t newest = positions[99];
    assert_int_equal(feed_range(feed, positions[96], positions[98], &groups, &count), STATUS_OK);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(groups[i]->last, positions[97 + i]);
        change_group_unref(groups[i]);
    }
    mem_free(groups);
    assert_int_equal(feed_range(feed, newest, newest, &groups, &count), STATUS_OK);
    assert_int_equal(count, 0);
    assert_null(groups);
    assert_int_equal(feed_range(feed, feed_oldest(feed) - 1, newest, &groups, &count),
                     STATUS_ABSENT);
    assert_int_equal(feed_range(feed, feed_oldest(feed), newest, &groups, &count), STATUS_OK);
    assert_true(count > 2 && groups[0]->first > feed_oldest(feed));
    for (size_t i = 0; i < count; i++)
        change_group_unref(groups[i]);
    mem_free(groups);
    fixture_close(&f);
}

struct follower {
    struct feed *feed;
    struct feed_cursor *cursor;
    atomic_int seen;
    enum status ended;
};

static void *follower_main(void *argument)
{
    struct follower *follower = argument;
    struct change_group *group;
    int64_t last = 0;

    for (;;) {
        enum status status = feed_next(follower->cursor, 10000, &group);
        if (status == STATUS_OK) {
            for (size_t i = 0; i < group->count; i++) {
                assert_true(group->changes[i].seq > last);
                last = group->changes[i].seq;
                atomic_fetch_add(&follower->seen, 1);
            }
            change_group_unref(group);
        } else if (status != STATUS_STALE) {
            follower->ended = status;
            return NULL;
        }
    }
}

/* Two threads follow while rows are written; a wake ends one, the stop of the store would the
 * other. */
static void feed__threads_follow_and_wake(void **state)
{
    struct fixture f = {.options = {.feed_bytes = 16 << 20}};
    struct follower followers[2];
    pthread_t threads[2];

    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "t"));
    struct feed *feed = store_feed(f.store);
    struct view *view = view_acquire(f.store);
    for (int i = 0; i < 2; i++) {
        memset(&followers[i], 0, sizeof(followers[i]));
        followers[i].cursor = feed_follow(feed, view_position(view));
        pthread_create(&threads[i], NULL, follower_main, &followers[i]);
    }
    view_release(view);
    for (int i = 0; i < 500; i++)
        fixture_insert(&f, id, "", i, i);
    /* A wake is seen once everything before it was read. */
    while (atomic_load(&followers[0].seen) < 500 || atomic_load(&followers[1].seen) < 500)
        sched_yield();
    feed_wake(feed);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(followers[i].ended, STATUS_WOULD_BLOCK);
        assert_int_equal(atomic_load(&followers[i].seen), 500);
        feed_unfollow(followers[i].cursor);
    }
    fixture_close(&f);
}

static void feed__system_rows_are_changes_too(void **state)
{
    struct fixture f = {0};
    struct change_group *group;
    struct error err;
    bool created;

    fixture_open(&f);
    struct view *view = view_acquire(f.store);
    struct feed_cursor *cursor = feed_follow(store_feed(f.store), view_position(view));
    view_release(view);
    assert_int_equal(ddl_create_namespace(f.store, STR_LIT("app"), STR_EMPTY, &created, &err),
                     STATUS_OK);
    assert_int_equal(feed_next(cursor, 1000, &group), STATUS_OK);
    assert_int_equal(group->count, 1);
    assert_int_equal(system_table_of(group->changes[0].table), SYSTEM_TABLE_NAMESPACES);
    change_group_unref(group);
    feed_unfollow(cursor);
    fixture_close(&f);
}

/* A paused reader misses what comes, even when the ring forgets it, and goes on with what follows.
 */
static void feed__pauses_and_resumes_at_the_end(void **state)
{
    struct fixture f = {.options = {.feed_bytes = 4096}};
    struct change_group *group;

    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_USER, "t"));
    struct feed_cursor *cursor = feed_follow(store_feed(f.store), feed_oldest(store_feed(f.store)));
    feed_pause(cursor);
    for (int64_t i = 0; i < 200; i++) /* far more than the ring holds */
        fixture_insert(&f, id, "ann", i, i);
    assert_int_equal(feed_next(cursor, 1, &group), STATUS_WOULD_BLOCK);
    feed_resume(cursor);
    assert_int_equal(feed_next(cursor, 1, &group), STATUS_WOULD_BLOCK);
    fixture_insert(&f, id, "ann", 500, 500);
    struct view *view = view_acquire(f.store);
    assert_int_equal(feed_next(cursor, 1000, &group), STATUS_OK);
    assert_int_equal(group->last, view_position(view));
    view_release(view);
    change_group_unref(group);
    feed_pause(cursor);
    feed_unfollow(cursor); /* also while paused */
    fixture_close(&f);
}

/* Groups share chunks of memory: who keeps one keeps its bytes, however many others are gone. */
static void insert_larger_than_ring(struct fixture *f, struct table_id id, int64_t key)
{
    static char text[5000];
    struct write write;

    memset(text, 'x', sizeof(text));
    write_begin(&write, f, id);
    write_insert(&write, "", key, 0)->values[2] =
        value_text(VALUE_TEXT, str_from(text, sizeof(text)));
    assert_int_equal(write_run(&write, f), STATUS_OK);
    write_end(&write);
}

/* A group that alone is larger than the ring is there for who follows now, and for nobody else. */
static void feed__group_larger_than_the_ring(void **state)
{
    struct fixture f = {.options = {.feed_bytes = 4096}};
    struct change_group *group;

    fixture_open(&f);
    struct feed *feed = store_feed(f.store);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_SHARED, "t"));
    insert_larger_than_ring(&f, id, 1);
    assert_int_equal(feed_bytes(feed), 0);
    int64_t oldest = feed_oldest(feed);
    struct feed_cursor *early = feed_follow(feed, oldest - 1);
    assert_int_equal(feed_next(early, 0, &group), STATUS_STALE);
    assert_int_equal(feed_next(early, 0, &group), STATUS_WOULD_BLOCK);
    insert_larger_than_ring(&f, id, 2);
    assert_true(feed_bytes(feed) > 5000);
    assert_int_equal(feed_next(early, 0, &group), STATUS_OK);
    assert_int_equal(group->count, 1);
    change_group_unref(group);
    feed_unfollow(early);
    fixture_insert(&f, id, "", 3, 3); /* small ones stay, followed or not */
    assert_true(feed_bytes(feed) > 0 && feed_bytes(feed) < 5000);
    fixture_close(&f);
}

static void feed__kept_groups_stay(void **state)
{
    enum { GROUPS = 2000, EVERY = 50 };
    struct fixture f = {.options = {.feed_bytes = 4096}};
    struct change_group *kept[GROUPS / EVERY];
    struct change_group *group;
    struct write write;

    (void)state;
    fixture_open(&f);
    struct table_id id = fixture_create(&f, fixture_table(TABLE_KIND_USER, "t"));
    struct feed_cursor *cursor = feed_follow(store_feed(f.store), feed_oldest(store_feed(f.store)));
    while (feed_next(cursor, 0, &group) == STATUS_OK)
        change_group_unref(group);
    for (int i = 0; i < GROUPS; i++) {
        fixture_insert(&f, id, "ann", i, i);
        assert_int_equal(feed_next(cursor, 1000, &group), STATUS_OK);
        if (i % EVERY == 0)
            kept[i / EVERY] = group;
        else
            change_group_unref(group);
    }
    write_begin(&write, &f, id); /* too large for a chunk */
    write_insert(&write, "ann", GROUPS, 1);
    char *body = arena_alloc(&write.arena, 20000);
    memset(body, 'b', 20000);
    ((struct value *)(uintptr_t)write.ops[0].values)[2] =
        value_text(VALUE_TEXT, str_from(body, 20000));
    assert_int_equal(write_run(&write, &f), STATUS_OK);
    write_end(&write);
    assert_int_equal(feed_next(cursor, 1000, &group), STATUS_OK);
    assert_null(group->chunk);
    assert_true(group->bytes > 20000);
    change_group_unref(group);
    feed_unfollow(cursor);
    for (int i = 0; i < GROUPS / EVERY; i++) {
        assert_non_null(kept[i]->chunk);
        assert_int_equal(kept[i]->count, 1);
        assert_true(str_equal(kept[i]->changes[0].user, STR_LIT("ann")));
        assert_int_equal(row_seq(kept[i]->changes[0].new_bytes), kept[i]->changes[0].seq);
        assert_int_equal(kept[i]->last, kept[i]->changes[0].seq);
        if (i > 0)
            assert_true(str_compare(kept[i - 1]->changes[0].key, kept[i]->changes[0].key) < 0);
        if (i % 2 == 0)
            change_group_unref(kept[i]);
    }
    fixture_close(&f); /* the feed goes, some groups stay */
    for (int i = 1; i < GROUPS / EVERY; i += 2) {
        assert_true(str_equal(kept[i]->changes[0].user, STR_LIT("ann")));
        change_group_unref(kept[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(feed__tells_changes_in_order),
        cmocka_unit_test(feed__resumes_inside_the_ring_only),
        cmocka_unit_test(feed__group_larger_than_the_ring),
        cmocka_unit_test(feed__kept_groups_stay),
        cmocka_unit_test(feed__gives_a_range_while_it_reaches_back),
        cmocka_unit_test(feed__threads_follow_and_wake),
        cmocka_unit_test(feed__pauses_and_resumes_at_the_end),
        cmocka_unit_test(feed__system_rows_are_changes_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
